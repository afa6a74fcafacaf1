//! What grows and what must not: the cost of an event beside the number of customers, of definitions and of a
//! customer's own past; memory, bytes on disk, how soon a large store is ready, the slowest group.
//!
//! `cargo bench -p masivo-store --bench growth -- [--customers N]` (1,000,000 when left out). Ratios are of medians
//! of alternated rounds in one run. Nothing is asserted: machines differ.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a bench is a script"
)]

mod load;

use load::{Folder, define, furnish, is_test, json, median, open, option, register, resident, submit, tick};
use masivo_core::Command;
use masivo_core::program::Kind;
use masivo_store::{Engine, Request};
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 7;
const EVENTS: u64 = 4_096;

/// Microseconds an event of some engines, side by side: the median of alternated rounds, and its ratio to the first.
fn side_by_side(what: &str, sides: &[(&str, &Engine, u64)]) {
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
    for round in 0..ROUNDS {
        for place in 0..sides.len() {
            let side = (place + round) % sides.len();
            let (_, engine, customers) = sides[side];
            figures[side].push(submit(&engine.handle(), customers, EVENTS) * 1e6 / EVENTS as f64);
        }
    }
    let ratio =
        |side: usize| median(figures[side].iter().zip(&figures[0]).map(|(one, first)| one / first).collect());
    for (side, (name, ..)) in sides.iter().enumerate() {
        println!(
            "{what:<14} {name:<34} {:>8.1} us/event   x {:.2}",
            median(figures[side].clone()),
            ratio(side)
        );
    }
}

fn filled(path: &Path, customers: u64, campaigns: usize) -> Engine {
    let engine = open(path, 2 * customers as usize);
    furnish(&engine.handle(), campaigns);
    register(&engine.handle(), customers);
    submit(&engine.handle(), customers, customers.min(300_000));
    engine
}

fn purchase(customer: &str) -> Request {
    let text = format!(
        r#"{{"customer_id": "{customer}", "brand_id": "shop", "type": "PURCHASE",
            "order": {{"value": 37.5, "payment_method": "CREDIT", "products": [{{"sku": "sku-1", "value": 37.5}}]}}}}"#
    );
    let (event, _) = masivo_core::events::read_event(&json(&text), false).unwrap();
    Command::Emit(event).into()
}

/// Customers of a long past measured at a time.
const OLD: u64 = 8;

/// Customers with ten thousand events and more lots beside ordinary ones, one event of each in a group.
fn long_past(engine: &Engine) {
    let handle = engine.handle();
    let group =
        |first: u64| (first..first + OLD).map(|customer| purchase(&format!("customer-{customer}"))).collect();
    for _ in 0..1_250 {
        tick();
        let batch: Vec<Request> = (0..8).flat_map(|_| -> Vec<Request> { group(0) }).collect();
        assert!(handle.submit_all_blocking(batch).unwrap().iter().all(Result::is_ok));
    }
    let measure = |first: u64| {
        // Ordinary customers are others each time, so that they stay ordinary.
        let batches: Vec<Vec<Request>> = (0..12).map(|round| group(first * (1 + round))).collect();
        let started = Instant::now();
        for batch in batches {
            tick();
            handle.submit_all_blocking(batch).unwrap();
        }
        started.elapsed().as_secs_f64() * 1e6 / (12.0 * OLD as f64)
    };
    let (mut long, mut short) = (Vec::new(), Vec::new());
    for _ in 0..4 * ROUNDS {
        long.push(measure(0));
        short.push(measure(OLD));
    }
    let ratio = median(long.iter().zip(&short).map(|(long, short)| long / short).collect());
    let lots = handle.query().unwrap().wallet("customer-0").unwrap();
    let lots = lots.get("lines").map_or(0, |lines| lines.items().len());
    println!(
        "own past       10,000 events, {lots} lots {:>18.1} us/event   x {ratio:.2} of an ordinary customer",
        median(long)
    );
}

/// The slowest group of many, with the log being moved meanwhile.
fn slowest_group(engine: &Engine, customers: u64) {
    let handle = engine.handle();
    let mut groups: Vec<f64> = (0..600).map(|_| submit(&handle, customers, 512) * 1e3).collect();
    groups.sort_by(f64::total_cmp);
    let at = |share: f64| groups[(groups.len() as f64 * share) as usize];
    println!(
        "groups of 512  p50 {:.1} ms, p99 {:.1} ms, slowest {:.1} ms",
        at(0.5),
        at(0.99),
        groups[groups.len() - 1]
    );
}

fn main() {
    if is_test() {
        return;
    }
    let folder = Folder::new();
    let many = option("--customers", 1_000_000.0) as u64;
    let small = filled(&folder.file("small.db"), 1_000, 20);
    let few = filled(&folder.file("few.db"), 1_000, 10);
    let lots_of = filled(&folder.file("lots.db"), 1_000, 1_000);
    side_by_side("campaigns", &[("10 running", &few, 1_000), ("1,000 running, 3 match", &lots_of, 1_000)]);
    let others = filled(&folder.file("others.db"), 1_000, 10);
    let reward = others.handle().program().rewards().next().unwrap().id.clone();
    for index in 0..990 {
        let campaign = format!(
            r#"{{"name": "o{index}", "attributes": {{"trigger": "REGISTRATION"}}, "withoutEndDate": true,
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 1}}]}}]}}"#
        );
        define(&others.handle(), Kind::Campaign, None, &campaign);
    }
    let ten = filled(&folder.file("ten.db"), 1_000, 10);
    side_by_side("campaigns", &[("10 running", &ten, 1_000), ("and 990 of another trigger", &others, 1_000)]);
    long_past(&small);
    for engine in [few, others, lots_of, ten] {
        engine.close();
    }
    let before = resident();
    let started = Instant::now();
    let path = folder.file("large.db");
    let large = filled(&path, many, 20);
    println!("{many} customers and {} events in {:.0} s", many.min(300_000), started.elapsed().as_secs_f64());
    side_by_side("customers", &[("1,000", &small, 1_000), ("many", &large, many)]);
    slowest_group(&large, many);
    println!("memory         {} MiB more with every customer in it", resident() - before);
    large.close();
    let bytes = std::fs::metadata(&path).map_or(0, |facts| facts.len());
    let started = Instant::now();
    let again = open(&path, 100_000);
    let first = again.handle().submit_blocking(purchase("customer-7")).is_ok();
    println!("ready          in {:.2} s, first event included: {first}", started.elapsed().as_secs_f64());
    let before = bytes;
    let added = 51_200;
    submit(&again.handle(), many, added);
    again.close();
    let bytes = std::fs::metadata(&path).map_or(0, |facts| facts.len());
    println!(
        "on disk        {} bytes a customer and their events, {} more an event",
        before / many,
        (bytes - before) / added
    );
    small.close();
}
