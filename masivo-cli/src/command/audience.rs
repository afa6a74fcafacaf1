//! `masivo audience`: who is in, why, and whom a rule would gather.

use super::report::days;
use crate::arguments::{Audience, Shared};
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, blocks, facts, instant, plain, table};
use masivo_core::value::{Json, object};
use std::path::Path;
use std::time::Duration;

/// Shows what was asked for.
pub(super) fn run(shared: &Shared, what: &Audience, output: Output) -> Result<(), Failure> {
    let mut door = Door::open(shared)?;
    match what {
        Audience::Members { audience, limit, at } => {
            let found = door.audience(audience)?;
            let listed = door.members(found.text("id").unwrap_or_default(), *limit, at.as_deref())?;
            output.answer(&Json::List(listed.clone()), || members_text(&listed))
        }
        Audience::History { audience, after, limit } => {
            let found = door.audience(audience)?;
            let turns = door.audience_history(found.text("id").unwrap_or_default(), *after, *limit)?;
            output.answer(&Json::List(turns.clone()), || history_text(&turns))
        }
        Audience::Sizes { audience, span } => {
            let found = door.audience(audience)?;
            let (from, to) = days(&mut door, span)?;
            let sizes = door.audience_sizes(found.text("id").unwrap_or_default(), from, to)?;
            output.answer(&sizes, || sizes_text(sizes.items()))
        }
        Audience::Recalculate { audience } => recalculate(&mut door, audience, output),
        Audience::Explain { audience, customer } => {
            let found = door.audience(audience)?;
            let shown = door.explain_membership(found.text("id").unwrap_or_default(), customer)?;
            output.answer(&shown, || explained_text(&shown))
        }
        Audience::Preview { conditions, file, exact } => {
            let request = request(conditions.as_deref(), file.as_deref(), *exact)?;
            let shown = door.preview_audience(&request)?;
            output.answer(&shown, || previewed_text(&shown))
        }
    }
}

/// How often a server is asked how far it is.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// Has everybody looked at again, and shows how far that is.
fn recalculate(door: &mut Door, audience: &str, output: Output) -> Result<(), Failure> {
    let id = door.audience(audience)?.text("id").unwrap_or_default().to_owned();
    let before = door.audience(&id)?.integer("members_count").unwrap_or(0);
    door.recalculate(&id)?;
    let bar = output.progress(0, "recalculating");
    loop {
        let shown = door.audience(&id)?;
        let number = |name: &str| {
            let number = shown.get("progress").and_then(|progress| progress.integer(name));
            number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
        };
        if shown.flag("recalculating") != Some(true) {
            bar.finish_and_clear();
            let members = shown.integer("members_count").unwrap_or(0);
            let answer = object().with("members_before", before).with("members", members).build();
            return output.answer(&answer, || {
                facts([("members before", before.to_string()), ("members now", members.to_string())])
            });
        }
        bar.set_length(number("of"));
        bar.set_position(number("done"));
        door.wait(ASKED_EVERY)?;
    }
}

/// The rule as it was typed or stands in a file: its conditions, or an audience that has some.
fn request(conditions: Option<&str>, file: Option<&Path>, exact: bool) -> Result<Json, Failure> {
    let (text, place) = match (conditions, file) {
        (Some(text), _) => (text.to_owned(), "the conditions".to_owned()),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
            (text, path.display().to_string())
        }
        (None, None) => {
            return Err(Failure::usage("there is no rule", "give the conditions as JSON, or --file"));
        }
    };
    let read = Json::parse(text.as_bytes()).map_err(|report| Failure::from(&report).within(&place))?;
    let request = object().with("exact", exact).with_some("brand_id", read.get("brand_id").cloned());
    let conditions = read.get("conditions").cloned().unwrap_or(read);
    Ok(request.with("conditions", conditions).build())
}

/// Members as a table.
pub(super) fn members_text(listed: &[Json]) -> String {
    if listed.is_empty() {
        return "nobody is in".to_owned();
    }
    let rows = listed.iter().map(|member| {
        let part = |name: &str| plain(member.get(name));
        let time = |name: &str| instant(member.get(name));
        [part("customer_id"), time("since"), time("until"), part("email")]
    });
    table(["customer", "since", "until", "e-mail"], rows)
}

fn history_text(turns: &[Json]) -> String {
    if turns.is_empty() {
        return "nobody entered or left".to_owned();
    }
    let rows = turns.iter().map(|turn| {
        let because = turn.get("because");
        let event = because.and_then(|because| because.text("event_id")).unwrap_or_default();
        let what = because.map(|because| plain(because.get("what"))).unwrap_or_default();
        let customer = turn.text("customer_id").unwrap_or("(deleted)").to_owned();
        let part = |name: &str| plain(turn.get(name));
        [
            part("number"),
            instant(turn.get("at")),
            part("what"),
            customer,
            format!("{what} {event}").trim().to_owned(),
        ]
    });
    table(["number", "at", "what", "customer", "because of"], rows)
}

fn sizes_text(sizes: &[Json]) -> String {
    let rows =
        sizes.iter().map(|size| ["day", "members", "entered", "left"].map(|name| plain(size.get(name))));
    table(["day", "members", "entered", "left"], rows)
}

fn explained_text(shown: &Json) -> String {
    let inside = if shown.flag("inside") == Some(true) { "in" } else { "out" };
    let because = shown.get("because").map(|because| {
        let event = because.text("event_id").map(|id| format!(" {id}")).unwrap_or_default();
        format!("{}{event}", plain(because.get("what")))
    });
    let head = facts([
        ("audience", plain(shown.get("name"))),
        ("customer", plain(shown.get("customer_id"))),
        ("is", inside.to_owned()),
        ("since", instant(shown.get("since"))),
        ("because of", because.unwrap_or_default()),
        ("until", instant(shown.get("until"))),
        ("not asked", plain(shown.get("outside_because"))),
    ]);
    let mut lines = Vec::new();
    if let Some(rule) = shown.get("rule") {
        node_lines(rule, 0, &mut lines);
    }
    blocks([head, lines.join("\n")])
}

/// A node of the rule and those in it, each a line.
fn node_lines(node: &Json, depth: usize, lines: &mut Vec<String>) {
    let sign = match node.text("truth") {
        Some("true") => '+',
        Some("false") => '-',
        _ => '?',
    };
    let indent = "  ".repeat(depth);
    for (name, said) in [("all", "all of"), ("any", "any of")] {
        if let Some(nodes) = node.get(name) {
            lines.push(format!("{indent}{sign} {said}"));
            nodes.items().iter().for_each(|node| node_lines(node, depth + 1, lines));
            return;
        }
    }
    let condition = |name: &str| plain(node.path("condition").and_then(|condition| condition.get(name)));
    let seen = node.get("seen").filter(|seen| !seen.is_null());
    let seen = seen.map_or_else(|| "nothing".to_owned(), |seen| plain(Some(seen)));
    let evidence = node.get("evidence").map(|evidence| {
        let events = evidence.get("events").map_or(&[][..], Json::items);
        let ids: Vec<&str> = events.iter().filter_map(|event| event.text("event_id")).take(3).collect();
        let more = if events.len() > ids.len() { ", …" } else { "" };
        match ids.is_empty() {
            true => String::new(),
            false if evidence.integer("count") == Some(1) => format!(" (event {})", ids.join("")),
            false => format!(" ({} events: {}{more})", plain(evidence.get("count")), ids.join(", ")),
        }
    });
    let operator = condition("operator").replace('_', " ");
    let wanted = format!("{} {operator} {}", condition("type"), condition("value"));
    lines.push(format!("{indent}{sign} {}: saw {seen}{}", wanted.trim(), evidence.unwrap_or_default()));
}

fn previewed_text(shown: &Json) -> String {
    let exact = shown.flag("exact") == Some(true);
    let size = plain(shown.get("size"));
    let size =
        if exact { size } else { format!("about {size}, give or take {}", plain(shown.get("margin"))) };
    let members = shown.get("members").map_or(&[][..], Json::items);
    let members: Vec<&str> = members.iter().filter_map(Json::as_text).collect();
    let head = facts([
        ("gathers", size),
        ("of", format!("{} customers", plain(shown.get("customers")))),
        ("changes", format!("for {} within a day", plain(shown.get("changes_within_a_day")))),
        ("some are", members.join(", ")),
    ]);
    let overlaps = shown.get("overlaps").map_or(&[][..], Json::items);
    let rows = overlaps.iter().map(|overlap| [plain(overlap.get("name")), plain(overlap.get("both"))]);
    let overlaps = if overlaps.is_empty() { String::new() } else { table(["audience", "in both"], rows) };
    let remarks = shown.get("remarks").map_or(&[][..], Json::items).iter();
    let remarks: Vec<String> = remarks.map(|remark| plain(remark.get("message"))).collect();
    blocks([head, overlaps, remarks.join("\n")])
}
