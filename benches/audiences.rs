//! What audiences cost: events beside many audiences that do not look at them, the turn of many memberships within an hour,
//! and how soon a store with many of both is ready.
//!
//! `cargo bench -p masivo-store --bench audiences -- [--customers N] [--others N]` (200,000 and 10,000 when left out).
//! Ratios are of medians of alternated rounds in one run. Nothing is timed and asserted: machines differ.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a bench is a script"
)]

mod load;

use load::{CLOCK, Folder, define, is_test, json, median, open, option, register, resident, submit, tick};
use masivo_core::Command;
use masivo_core::program::Kind;
use masivo_core::value::{DAY, HOUR, Timestamp};
use masivo_store::{Clock, Engine, Handle, Request, Work};
use std::time::Instant;

const ROUNDS: usize = 7;
const EVENTS: u64 = 4_096;
const CUSTOMERS: u64 = 10_000;

fn audience(handle: &Handle, name: &str, condition: &str) {
    let body = format!(r#"{{"name": "{name}", "conditions": [[{{{condition}}}]]}}"#);
    define(handle, Kind::Audience, None, &body);
}

/// Five audiences that every purchase concerns.
fn concerned(handle: &Handle) {
    for (index, condition) in [
        r#""type": "events.count", "event": "PURCHASE", "window": "30/days", "operator": "greater_than_or_equal", "value": 3"#,
        r#""type": "events.sum", "field": "order.value", "event": "PURCHASE", "window": "90/days", "operator": "greater_than", "value": 200"#,
        r#""type": "events.distinct", "field": "product.sku", "event": "PURCHASE", "window": "30/days", "operator": "greater_than", "value": 2"#,
        r#""type": "customer.metrics.lifetime.last_visit", "operator": "within_last", "value": "30/days""#,
        r#""type": "customer.metrics.this_month.spend_total", "operator": "greater_than", "value": 100"#,
    ]
    .into_iter()
    .enumerate()
    {
        audience(handle, &format!("concerned {index}"), condition);
    }
}

/// Audiences that no purchase concerns: three in five look at a window of time.
fn others(handle: &Handle, count: u64) {
    for index in 0..count {
        let condition = match index % 5 {
            0 | 1 => format!(
                r#""type": "events.count", "event": "VIEW_ITEM", "where": [[{{"type": "event.metadata.page", "operator": "equals", "value": "page-{index}"}}]], "window": "{}/days", "operator": "greater_than_or_equal", "value": 2"#,
                index % 60 + 1
            ),
            2 => format!(
                r#""type": "events.sum", "field": "event.metadata.seconds", "event": "SEARCH", "where": [[{{"type": "event.metadata.term", "operator": "equals", "value": "term-{index}"}}]], "window": "7/days", "operator": "greater_than", "value": 60"#
            ),
            3 => format!(r#""type": "customer.tags.tag-{index}", "operator": "equals", "value": true"#),
            _ => format!(r#""type": "customer.country", "operator": "equals", "value": "C{index}""#),
        };
        audience(handle, &format!("other {index}"), &condition);
    }
}

fn furnished(folder: &Folder, name: &str, count: u64) -> Engine {
    let engine = open(&folder.file(name), 2 * CUSTOMERS as usize);
    let handle = engine.handle();
    define(&handle, Kind::Brand, Some("shop"), r#"{"name": "Shop"}"#);
    concerned(&handle);
    others(&handle, count);
    register(&handle, CUSTOMERS);
    submit(&handle, CUSTOMERS, 3 * CUSTOMERS);
    engine
}

/// Microseconds an event, side by side: the median of alternated rounds, and its ratio to the first.
fn beside_others(folder: &Folder, most: u64) {
    let counts = [0, 495, most.saturating_sub(5)];
    let sides: Vec<Engine> =
        counts.iter().map(|count| furnished(folder, &format!("{count}.db"), *count)).collect();
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
    for round in 0..ROUNDS {
        for place in 0..sides.len() {
            let side = (place + round) % sides.len();
            figures[side].push(submit(&sides[side].handle(), CUSTOMERS, EVENTS) * 1e6 / EVENTS as f64);
        }
    }
    for (side, count) in counts.iter().enumerate() {
        let ratio = median(figures[side].iter().zip(&figures[0]).map(|(one, first)| one / first).collect());
        println!(
            "live       {:>6} audiences, 5 concerned {:>8.1} us/event   x {ratio:.2}",
            count + 5,
            median(figures[side].clone())
        );
    }
    sides.into_iter().for_each(Engine::close);
}

/// A purchase of each customer within one hour.
fn buy_within_an_hour(handle: &Handle, customers: u64, from: Timestamp) {
    for first in (0..customers).step_by(512) {
        let group = first..(first + 512).min(customers);
        let batch: Vec<Request> = group
            .map(|customer| {
                let issued_at = from.plus((customer as i64) * HOUR / customers as i64);
                let text = format!(
                    r#"{{"customer_id": "customer-{customer}", "brand_id": "shop", "type": "PURCHASE",
                        "issued_at": "{issued_at}", "order": {{"value": 10}}}}"#
                );
                let (event, _) = masivo_core::events::read_event(&json(&text), false).unwrap();
                Command::Emit(event).into()
            })
            .collect();
        tick();
        assert!(handle.submit_all_blocking(batch).unwrap().iter().all(Result::is_ok));
    }
}

fn members(handle: &Handle) -> i64 {
    let audiences = handle.query().unwrap().definitions(Kind::Audience).unwrap();
    audiences.last().unwrap().integer("members_count").unwrap()
}

/// Memberships that all end within the same hour, each at its own instant.
fn turns(folder: &Folder, customers: u64) {
    let path = folder.file("turns.db");
    let engine = open(&path, 100_000);
    let handle = engine.handle();
    define(&handle, Kind::Brand, Some("shop"), r#"{"name": "Shop"}"#);
    others(&handle, 499);
    audience(
        &handle,
        "bought",
        r#""type": "events.count", "event": "PURCHASE", "window": "30/days", "operator": "greater_than_or_equal", "value": 1"#,
    );
    let started = Instant::now();
    register(&handle, customers);
    CLOCK.set(CLOCK.now().plus(HOUR));
    let from = CLOCK.now().plus(-HOUR);
    buy_within_an_hour(&handle, customers, from);
    println!("turns      {customers} customers and purchases in {:.0} s", started.elapsed().as_secs_f64());
    assert_eq!(members(&handle), customers as i64);
    let mut seconds = 0.0;
    for part in [4, 2, 1] {
        // Those whose purchase was in the first quarter, half, and all of the hour are out at exactly that instant.
        let at = from.plus(30 * DAY + HOUR / part);
        CLOCK.set(at);
        let started = Instant::now();
        handle.submit_blocking(Work::CatchUp).unwrap();
        seconds += started.elapsed().as_secs_f64();
        let out = (0..customers)
            .filter(|customer| (*customer as i64) * HOUR / customers as i64 <= HOUR / part)
            .count();
        assert_eq!(members(&handle), customers as i64 - out as i64, "at {at}");
    }
    println!("turns      {:.0} a second ({seconds:.1} s)", customers as f64 / seconds);
    engine.close();
    // The last step wrote everything in one group; a store that lived has a log of ordinary length.
    open(&path, 100_000).close();
    let (before, started) = (resident(), Instant::now());
    let again = open(&path, 100_000);
    again.handle().submit_blocking(Work::Ping).unwrap();
    println!(
        "ready      {customers} customers, 500 audiences: {:.2} s, {} MiB more",
        started.elapsed().as_secs_f64(),
        resident().saturating_sub(before)
    );
    again.close();
}

fn main() {
    if is_test() {
        return;
    }
    let folder = Folder::new();
    beside_others(&folder, option("--others", 10_000.0) as u64);
    turns(&folder, option("--customers", 200_000.0) as u64);
}
