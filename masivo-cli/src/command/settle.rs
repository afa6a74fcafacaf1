//! `masivo fulfill` and `masivo reverse`: what becomes of an event later.

use super::adjust::number;
use crate::arguments::Shared;
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, blocks, facts, plain, table};
use masivo_core::value::{Json, object};

/// Fulfils an event.
pub(super) fn fulfill(shared: &Shared, event: &str, output: Output) -> Result<(), Failure> {
    let answer = Door::open(shared)?.fulfill(event)?;
    output.answer(&answer, || super::show::event_text(&answer))?;
    // The answer says why; whoever only looks at the exit code must not take it for fulfilled.
    if answer.text("status") == Some("EXPIRED") { Err(Failure::findings()) } else { Ok(()) }
}

/// The part of an order that comes back, as it was typed; nothing is the whole order.
pub(super) fn part(value: Option<&str>, lines: &[String]) -> Result<Option<Json>, Failure> {
    if value.is_none() && lines.is_empty() {
        return Ok(None);
    }
    let value = value.map(number).transpose()?;
    let products = lines.iter().map(|line| {
        let (place, units) =
            line.split_once(':').map_or((line.as_str(), None), |(place, units)| (place, Some(units)));
        let units = units.map(number).transpose()?;
        Ok(object().with("line", number(place)?).with_some("amount", units).build())
    });
    let products: Vec<Json> = products.collect::<Result<_, Failure>>()?;
    Ok(Some(object().with_some("value", value).with("products", products).build()))
}

/// Reverses or cancels an event, in whole or in part.
pub(super) fn reverse(shared: &Shared, event: &str, request: &Json, output: Output) -> Result<(), Failure> {
    if request.text("reason").is_none_or(|reason| reason.trim().is_empty()) {
        return Err(Failure::usage("the reason is empty", "say why, for example --reason \"returned\""));
    }
    let answer = Door::open(shared)?.reverse(event, request)?;
    output.answer(&answer, || {
        let returned = answer.get("returns").and_then(|returns| returns.items().last());
        let receipt = if answer.get("receipt").is_some() { Some(&answer) } else { returned };
        blocks([super::show::event_text(&answer), receipt_text(receipt.unwrap_or(&answer))])
    })
}

/// Shows what a reversal would come to.
pub(super) fn plan_reversal(
    shared: &Shared,
    event: &str,
    part: Option<Json>,
    output: Output,
) -> Result<(), Failure> {
    let request = object().with_some("return", part).build();
    let plan = Door::open(shared)?.plan_reversal(event, &request)?;
    output.answer(&plan, || {
        let head = facts([
            ("event", plain(plan.get("event_id"))),
            ("would be", plain(plan.get("status"))),
            ("plan token", plain(plan.get("plan_token"))),
        ]);
        let referrers = plan.get("referrers").map_or(&[][..], Json::items).iter().map(|referrer| {
            let who = format!("and of {}, who referred the customer:", plain(referrer.get("customer_id")));
            blocks([who, receipt_text(referrer)])
        });
        let referrers: Vec<String> = referrers.collect();
        blocks([head, receipt_text(&plan), blocks(referrers)])
    })
}

/// What a reversal undoes, keeps or turns into debt, line by line.
fn receipt_text(shown: &Json) -> String {
    let lines = shown.get("receipt").map_or(&[][..], Json::items);
    if lines.is_empty() {
        return "nothing is undone".to_owned();
    }
    let rows = lines.iter().map(|line| {
        let words = |name: &str| plain(line.get(name)).replace('_', " ");
        let amount = line.get("amount").or_else(|| line.get("spend"));
        let change = line.get("to").map(|to| format!("{} to {}", plain(line.get("from")), plain(Some(to))));
        [words("what"), words("outcome"), change.unwrap_or_else(|| plain(amount))]
    });
    table(["what", "outcome", "amount"], rows)
}
