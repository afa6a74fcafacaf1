//! `masivo adjust` and `masivo void`: points given or taken by hand.

use crate::arguments::Shared;
use crate::door::Door;
use crate::error::Failure;
use crate::output::Output;
use masivo_core::value::{Decimal, Json};

/// An amount as it is typed.
pub(super) fn number(text: &str) -> Result<Decimal, Failure> {
    text.parse().map_err(|_| {
        let message = format!("`{}` is not an amount", text.escape_debug());
        Failure::usage(message, "write a number, for example 10 or -2.5")
    })
}

/// Gives or takes points of a reward that is named by id or name.
pub(super) fn change(
    shared: &Shared,
    customer: &str,
    reward: &str,
    mut request: Json,
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
    request.set("reward_id", found.id.as_str());
    let answer = door.adjust(customer, "adjust", &request)?;
    output.answer(&answer, || super::show::wallet_text(answer.get("wallet").unwrap_or(&Json::Null)))
}

/// Takes what can be spent of a lot.
pub(super) fn void(shared: &Shared, customer: &str, request: &Json, output: Output) -> Result<(), Failure> {
    let answer = Door::open(shared)?.adjust(customer, "void", request)?;
    output.answer(&answer, || super::show::wallet_text(answer.get("wallet").unwrap_or(&Json::Null)))
}
