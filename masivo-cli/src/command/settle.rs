//! `masivo fulfill` and `masivo reverse`: what becomes of an event later.

use crate::arguments::Shared;
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, blocks, facts, plain, table};
use masivo_core::value::Json;

/// Fulfils an event.
pub(super) fn fulfill(shared: &Shared, event: &str, output: Output) -> Result<(), Failure> {
    let answer = Door::open(shared)?.fulfill(event)?;
    output.answer(&answer, || super::show::event_text(&answer))?;
    // The answer says why; whoever only looks at the exit code must not take it for fulfilled.
    if answer.text("status") == Some("EXPIRED") { Err(Failure::findings()) } else { Ok(()) }
}

/// Reverses or cancels an event.
pub(super) fn reverse(
    shared: &Shared,
    event: &str,
    reason: &str,
    plan_token: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    let answer = Door::open(shared)?.reverse(event, reason, plan_token)?;
    output.answer(&answer, || blocks([super::show::event_text(&answer), receipt_text(&answer)]))
}

/// Shows what a reversal would come to.
pub(super) fn plan_reversal(shared: &Shared, event: &str, output: Output) -> Result<(), Failure> {
    let plan = Door::open(shared)?.plan_reversal(event)?;
    output.answer(&plan, || {
        let head = facts([
            ("event", plain(plan.get("event_id"))),
            ("would be", plain(plan.get("status"))),
            ("plan token", plain(plan.get("plan_token"))),
        ]);
        blocks([head, receipt_text(&plan)])
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
