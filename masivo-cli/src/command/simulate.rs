//! `masivo simulate`: what a programme would have made of what happened, before it is applied.

use crate::arguments::{Shared, SimulateArguments};
use crate::definitions::{Entry, plan, read_folder, write};
use crate::door::{Door, FileDoor, file_only, require_file};
use crate::error::Failure;
use crate::import::read_events;
use crate::output::{Output, blocks, plain, table};
use masivo_core::events::read_event;
use masivo_core::value::{DAY, Json, Timestamp, object};
use masivo_store::Engine;
use masivo_store::simulation::{Fork, Recorded, Step, What, compare, open_copies};
use std::collections::BTreeMap;
use std::path::Path;

/// A file's events begin on the weekday they had.
const WEEK: i64 = 7 * DAY;

/// How long the events of a file may go on.
const FILE_SPAN_MAX: i64 = 730 * DAY;

/// Plays the history to both programmes and shows the difference.
pub(super) fn run(shared: &Shared, arguments: &SimulateArguments, output: Output) -> Result<(), Failure> {
    let store = file_only(shared, "simulate")?;
    if shared.now.is_some() {
        let hint = "leave --now out: it begins at the midnight after the present of the store";
        return Err(Failure::usage("--now has no meaning for a simulation", hint));
    }
    require_file(store)?;
    let entries = read_folder(&arguments.folder)?;
    let folder = tempfile::Builder::new().prefix("masivo-simulation-").tempdir();
    let folder = folder.map_err(|error| Failure::file(&std::env::temp_dir(), &error))?;
    let [as_it_is, draft] = open_copies(store, folder.path())?;
    let draft = drafted(entries, draft)?;
    let (mut as_it_is, mut draft) = (Fork::begin(as_it_is)?, Fork::begin(draft)?);
    let begun = as_it_is.engine().handle().now();
    let mut forks = [&mut as_it_is, &mut draft];
    let left_out = match &arguments.events {
        None => play_recorded(&mut forks, arguments.last, output)?,
        Some(file) => play_file(&mut forks, file)?,
    };
    let mut compared = compare(&as_it_is, &draft, begun)?;
    let counts = left_out.iter().fold(object(), |counts, (what, count)| counts.with(what.clone(), *count));
    compared.set("left_out", counts.build());
    output.answer(&compared, || text(&compared, &left_out))
}

/// The copy with the draft written into it.
fn drafted(entries: Vec<Entry>, copy: Engine) -> Result<Engine, Failure> {
    let mut door = Door::File(FileDoor::of(copy));
    let plan = plan(entries, &door.program()?.as_ref().clone(), door.now()?)?;
    write(&mut door, &plan)?;
    match door {
        Door::File(door) => Ok(door.into_engine()),
        Door::Server(_) => Err(Failure::bug("a copy is a file")),
    }
}

type LeftOut = BTreeMap<String, u64>;

fn play_recorded(forks: &mut [&mut Fork; 2], days: u32, output: Output) -> Result<LeftOut, Failure> {
    let source = forks[0].engine().handle();
    let until = source.now().plus(i64::from(days).saturating_mul(DAY));
    let mut recorded = Recorded::of_last_days(&source, days)?;
    let bar = output.progress(u64::from(days), "simulating days");
    while let Some(steps) = recorded.next_steps(&source)? {
        for fork in forks.iter_mut() {
            fork.play(&steps)?;
        }
        let left = until.since(source.now()).max(0) / DAY;
        bar.set_position(u64::from(days).saturating_sub(u64::try_from(left).unwrap_or(0)));
    }
    bar.finish_and_clear();
    for fork in forks {
        fork.pass_to(until)?;
    }
    Ok(recorded.left_out().clone())
}

/// Plays the events of a file, in the order in which they happened.
fn play_file(forks: &mut [&mut Fork; 2], file: &Path) -> Result<LeftOut, Failure> {
    let begun = forks[0].engine().handle().now();
    let mut events: Vec<(Timestamp, u64, Json)> = Vec::new();
    for (line, body) in read_events(file)? {
        let at = body.text("issued_at").and_then(Timestamp::parse).ok_or_else(|| {
            let message = format!("`{}`, line {line}: no `issued_at`", file.display());
            Failure::usage(message, "say of each event when it happens, like 2026-11-22T10:00:00Z")
        })?;
        events.push((at, line, body));
    }
    events.sort_by_key(|(at, ..)| *at);
    let Some(first) = events.first().map(|(at, ..)| *at) else {
        return Err(Failure::usage(format!("`{}` has no events", file.display()), "name a file with events"));
    };
    let behind = begun.since(first).max(0);
    let moved = behind.saturating_add(WEEK - 1).div_euclid(WEEK).saturating_mul(WEEK);
    let mut steps = Vec::with_capacity(events.len());
    for (at, line, mut body) in events {
        let at = at.plus(moved);
        if at.since(begun) > FILE_SPAN_MAX {
            let message = format!("`{}`, line {line}: more than two years are too many", file.display());
            return Err(Failure::usage(message, "leave later events out"));
        }
        body.set("issued_at", at);
        let (event, _) = read_event(&body, false)
            .map_err(|report| Failure::from(&report).within(&format!("`{}`, line {line}", file.display())))?;
        steps.push(Step { at, what: What::Event { name: line, event: Box::new(event) } });
    }
    let until = steps.last().map_or(begun, |step| step.at.plus(DAY));
    for fork in forks {
        fork.play(&steps)?;
        fork.pass_to(until)?;
    }
    Ok(LeftOut::new())
}

/// The comparison as a person reads it.
fn text(compared: &Json, left_out: &LeftOut) -> String {
    let number = |line: &Json, name: &str| plain(line.get(name));
    let steps = |which: &str| plain(compared.path(&format!("played.{which}.steps")));
    let head = format!(
        "{} to {}: {} steps under the programme as it is, {} under the draft",
        plain(compared.get("from")),
        plain(compared.get("to")),
        steps("now"),
        steps("draft")
    );
    let list = |name: &str| compared.get(name).map_or(&[][..], Json::items);
    let three = |line: &Json| ["now", "draft", "difference"].map(|name| number(line, name));
    let campaigns = list("campaigns").iter().flat_map(|line| {
        let of = line.text("campaign").unwrap_or("(no campaign)").to_owned();
        ["issued", "redeemed", "outstanding", "liability"].into_iter().filter_map(move |name| {
            let [now, draft, difference] = three(line.get(name)?);
            let told = (now.as_str(), draft.as_str()) != ("0", "0");
            told.then(|| [of.clone(), name.to_owned(), now, draft, difference])
        })
    });
    let campaigns =
        table(["campaign", "what", "now", "draft", "difference"], campaigns.chain(budgets(compared)));
    let ends = [("tier", "tiers"), ("reward", "rewards")].into_iter().flat_map(|(of, name)| {
        list(name).iter().map(move |line| {
            let [now, draft, difference] = three(line);
            [format!("{of} {}", plain(line.get(of))), now, draft, difference]
        })
    });
    let liability = compared.get("liability").map(|line| {
        let [now, draft, difference] = three(line);
        ["liability".to_owned(), now, draft, difference]
    });
    let ends = table(["at the end", "now", "draft", "difference"], ends.chain(liability));
    blocks([
        head,
        campaigns,
        ends,
        customers_text(compared),
        refusals_text(compared),
        left_out_text(left_out),
    ])
}

/// What is used of each budget.
fn budgets(compared: &Json) -> impl Iterator<Item = [String; 5]> {
    let used = |line: &Json, which: &str| {
        let usage = line.get(which).map_or(&[][..], Json::items);
        let budget = usage.iter().find(|usage| usage.text("what") == Some("campaign_budget"));
        budget.and_then(|budget| budget.number("used"))
    };
    let lines = compared.get("budgets").map_or(&[][..], Json::items).iter();
    lines.filter_map(move |line| {
        let (now, draft) = (used(line, "now"), used(line, "draft"));
        now.or(draft)?;
        let (now, draft) = (now.unwrap_or_default(), draft.unwrap_or_default());
        let name = line.text("campaign").unwrap_or_default().to_owned();
        let shown = [now, draft, draft.saturating_sub(now)].map(|number| plain(Some(&Json::from(number))));
        let [now, draft, difference] = shown;
        Some([name, "budget used".to_owned(), now, draft, difference])
    })
}

fn customers_text(compared: &Json) -> String {
    let of = |name: &str| plain(compared.path(&format!("customers.{name}")));
    let counts = format!(
        "{} customers gain, {} lose, {} have as much, {} are in another tier",
        of("gain"),
        of("lose"),
        of("same"),
        of("other_tier")
    );
    let named = ["gain_most", "lose_most"]
        .into_iter()
        .flat_map(|name| compared.path(&format!("customers.{name}")).map_or(&[][..], Json::items));
    let rows = named.map(|line| {
        let part = |path: &str| plain(line.path(path));
        let tier = match (part("tier.now"), part("tier.draft")) {
            (now, draft) if now == draft => now,
            (now, draft) => format!("{now} → {draft}"),
        };
        [part("customer_id"), part("value.now"), part("value.draft"), part("value.difference"), tier]
    });
    let rows: Vec<[String; 5]> = rows.collect();
    match rows.is_empty() {
        true => counts,
        false => blocks([counts, table(["customer, had", "now", "draft", "difference", "tier"], rows)]),
    }
}

/// Which events failed and which steps were refused, and how many.
fn refusals_text(compared: &Json) -> String {
    let refused = ["now", "draft"].into_iter().filter_map(|which| {
        let counts = compared.path(&format!("played.{which}.refused"))?;
        let fields: Vec<String> =
            counts.fields().iter().map(|(name, count)| format!("{name} {count}")).collect();
        (!fields.is_empty()).then(|| format!("refused ({which}): {}", fields.join(", ")))
    });
    let failed = ["now", "draft"].into_iter().filter_map(|which| {
        let count = compared.path(&format!("played.{which}.events.FAILED"))?;
        Some(format!("failed events ({which}): {count}"))
    });
    failed.chain(refused).collect::<Vec<_>>().join("\n")
}

fn left_out_text(left_out: &LeftOut) -> String {
    let counts: Vec<String> = left_out.iter().map(|(what, count)| format!("{what} {count}")).collect();
    match counts.is_empty() {
        true => String::new(),
        false => format!("did not come again: {}", counts.join(", ")),
    }
}
