//! `masivo explain`: why campaigns rewarded an event or did not.

use crate::arguments::Shared;
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, blocks, facts, instant, plain, table};
use masivo_core::value::Json;

/// Explains an event of an id, or one that is not sent.
pub(super) fn run(shared: &Shared, id: &str, unsent: Option<&str>, output: Output) -> Result<(), Failure> {
    let explained = match unsent {
        Some(event) => {
            let event = Json::parse(event.as_bytes()).map_err(|report| Failure::from(&report))?;
            Door::open(shared)?.explain_unsent(&event)?
        }
        None => Door::open(shared)?.explain(id)?,
    };
    output.answer(&explained, || text(&explained))
}

fn text(explained: &Json) -> String {
    let reason = explained.get("reason").and_then(|reason| reason.text("text")).unwrap_or_default();
    let head = facts([
        ("event", plain(explained.get("event_id"))),
        ("status", plain(explained.get("status"))),
        ("reason", reason.to_owned()),
        ("program version", plain(explained.get("program_version"))),
    ]);
    let items = |name: &str| explained.get(name).map_or(&[][..], Json::items);
    let mut lines: Vec<String> = items("campaigns").iter().flat_map(campaign_lines).collect();
    let more = explained.integer("not_shown").unwrap_or(0);
    if more > 0 {
        lines.push(format!("and {more} more campaigns that are not shown"));
    }
    if lines.is_empty() {
        lines.push("no campaign was asked".to_owned());
    }
    let ledger = items("ledger").iter().map(|entry| {
        [
            plain(entry.get("what")).replace('_', " "),
            plain(entry.get("amount")),
            plain(entry.get("lot")),
            instant(entry.get("at")),
        ]
    });
    let ledger = if items("ledger").is_empty() {
        "nothing was booked".to_owned()
    } else {
        table(["booked", "amount", "lot", "at"], ledger)
    };
    blocks([head, lines.join("\n"), ledger])
}

fn campaign_lines(campaign: &Json) -> Vec<String> {
    let name = campaign.text("name").unwrap_or_default();
    let matched = campaign.get("matched_rules").map_or(&[][..], Json::items);
    let mut lines: Vec<String> =
        matched.iter().map(|rule| format!("+ {name}: rule {rule} matched")).collect();
    for skip in campaign.get("skipped").map_or(&[][..], Json::items) {
        let rule = skip.get("rule").map(|rule| format!("rule {rule}: ")).unwrap_or_default();
        let why = skip
            .text("text")
            .map_or_else(|| skip.text("reason").unwrap_or_default().replace('_', " "), ToOwned::to_owned);
        let status = skip.text("status").map(|status| format!(" ({status})")).unwrap_or_default();
        let change = skip.text("change").map(|change| format!(": {change}")).unwrap_or_default();
        lines.push(format!("- {name}: {rule}{why}{status}{change}"));
    }
    lines
}
