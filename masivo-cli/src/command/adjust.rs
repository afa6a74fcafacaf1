//! `masivo adjust`, `masivo transfer` and `masivo void`: points given, taken or handed over by hand.

use crate::arguments::Shared;
use crate::door::Door;
use crate::error::Failure;
use crate::output::Output;
use masivo_core::value::{Decimal, Json};

/// An amount as it is typed.
pub(super) fn number(text: &str) -> Result<Decimal, Failure> {
    let odd = |what: &str, hint: &str| {
        Err(Failure::usage(format!("`{}` {what}", text.escape_debug()), hint.to_owned()))
    };
    match Decimal::read(text) {
        Ok((amount, false)) => Ok(amount),
        Ok((_, true)) => odd("has more than six places", "say what it is to be rounded to"),
        Err(_) => odd("is not an amount", "write a number, for example 10 or -2.5"),
    }
}

/// What was typed.
pub(super) struct Typed {
    /// The merchant's id of the customer.
    pub(super) customer: String,
    /// The request.
    pub(super) request: Json,
    /// What makes it act once.
    pub(super) key: Option<String>,
}

/// Gives, takes or hands over (`how`) points of a reward that is named by id or name.
pub(super) fn change(
    shared: &Shared,
    how: &str,
    reward: &str,
    mut typed: Typed,
    output: Output,
) -> Result<(), Failure> {
    let mut door = Door::open(shared)?;
    let program = door.program()?;
    let found = program.reward_by_id(reward);
    let found = found.or_else(|| program.rewards().find(|known| known.spec.name == reward));
    let Some(found) = found else {
        let known: Vec<&str> = program.rewards().map(|known| known.spec.name.as_str()).collect();
        let message = format!("there is no reward `{}`", reward.escape_debug());
        return Err(Failure::refused("unknown_reward", message, format!("known are {}", known.join(", "))));
    };
    typed.request.set("reward_id", found.id.as_str());
    let answer = door.adjust(how, &typed.customer, &typed.request, typed.key.as_deref())?;
    output.answer(&answer, || super::show::wallet_text(answer.get("wallet").unwrap_or(&Json::Null)))
}

/// Takes what can be spent of a lot.
pub(super) fn void(shared: &Shared, typed: &Typed, output: Output) -> Result<(), Failure> {
    let key = typed.key.as_deref();
    let answer = Door::open(shared)?.adjust("void", &typed.customer, &typed.request, key)?;
    output.answer(&answer, || super::show::wallet_text(answer.get("wallet").unwrap_or(&Json::Null)))
}
