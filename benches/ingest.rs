//! Durable events per second through the engine, beside the floor: raw SQLite writing the same rows.
//!
//! `cargo bench -p masivo-store --bench ingest -- [--customers N] [--cache N] [--rounds R] [--share S]`, or with
//! `--count N` a fixed number of events on one side (`--side engine`, or `--side normalised`: the schema one writes
//! first; `--idle` prepares the events and does not send them), for counting bytes here and instructions from outside
//! (`benches/gate`).
//!
//! The load is the one of docs/performance.md: events with three products, 20 running campaigns of which three
//! match, 10 audiences, one journey, consent recorded, synchronous = FULL. The sides alternate; medians of the
//! rounds are printed with the ratio. Nothing is asserted: machines differ.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::as_conversions, reason = "a bench is a script")]

mod floor;
mod load;
mod normalised;

use floor::Floor;
use load::{Folder, bytes_written, event, furnish, is_test, median, open, option, register, submit, tick};
use masivo_store::{Handle, Request};
use normalised::Normalised;
use std::time::Instant;

/// Events per second with so many callers that each wait for their answer. The events are read beforehand: reading
/// JSON is the caller's part, which the floor does not have.
fn engine_rate(handle: &Handle, customers: u64, callers: usize, count: usize) -> f64 {
    // A thread can stand for many callers: it submits for all of them and waits for the answers together.
    let threads = callers.min(4);
    let share = callers / threads;
    let rounds = count.div_ceil(callers);
    let work = |_| (0..rounds).map(|_| (0..share).map(|_| event(customers)).collect()).collect();
    let work: Vec<Vec<Vec<Request>>> = (0..threads).map(work).collect();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for batches in work {
            scope.spawn(move || {
                for batch in batches {
                    tick();
                    let answers = handle.submit_all_blocking(batch).unwrap();
                    assert!(answers.iter().all(Result::is_ok));
                }
            });
        }
    });
    (rounds * callers) as f64 / started.elapsed().as_secs_f64()
}

/// A fixed number of events in groups of 64 on one side, after one of each customer.
fn count(folder: &Folder, customers: u64, events: u64) {
    let normalised = std::env::args().any(|argument| argument == "normalised");
    // The same without the engine's part, to be taken off.
    let idle = std::env::args().any(|argument| argument == "--idle");
    let groups = events / 64;
    let written = if normalised {
        let mut side = Normalised::new(&folder.file("normalised.db"), customers);
        (0..customers / 64).for_each(|_| side.group(64));
        let before = bytes_written();
        (0..groups).for_each(|_| side.group(64));
        side.close();
        bytes_written() - before
    } else {
        let engine = open(&folder.file("engine.db"), 2 * customers as usize);
        furnish(&engine.handle(), 20);
        register(&engine.handle(), customers);
        submit(&engine.handle(), customers, customers);
        let before = bytes_written();
        for _ in 0..groups {
            let batch: Vec<Request> = (0..64).map(|_| event(customers)).collect();
            tick();
            if !idle {
                engine.handle().submit_all_blocking(batch).unwrap();
            }
        }
        engine.close();
        bytes_written() - before
    };
    println!("{} events, {} bytes written an event", groups * 64, written / (groups * 64).max(1));
}

fn main() {
    if is_test() {
        return;
    }
    let folder = Folder::new();
    let customers = option("--customers", 300_000.0) as u64;
    let events = option("--count", -1.0);
    if events >= 0.0 {
        return count(&folder, customers, events as u64);
    }
    let path = folder.file("engine.db");
    let engine = open(&path, option("--cache", 600_000.0) as usize);
    let handle = engine.handle();
    furnish(&handle, 20);
    let started = Instant::now();
    register(&handle, customers);
    println!("{customers} customers registered in {:.1} s", started.elapsed().as_secs_f64());
    // Every customer has a history: what happens once in a life is not what is measured.
    let started = Instant::now();
    engine_rate(&handle, customers, 512, customers as usize);
    println!("an event for each of them in {:.1} s", started.elapsed().as_secs_f64());
    let copy = folder.file("floor.db");
    masivo_store::backup(&path, &copy).unwrap();
    let mut floor = Floor::new(&copy, customers);
    let (rounds, share) = (option("--rounds", 5.0) as usize, option("--share", 1.0));
    println!("callers    engine/s     floor/s   engine/floor   (median of {rounds} rounds)");
    for (callers, events) in [(1, 1_000.0), (8, 5_000.0), (64, 20_000.0), (512, 20_000.0)] {
        let events = (events * share) as usize;
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let mut sides = [0, 1];
            if round % 2 == 1 {
                sides.reverse();
            }
            for side in sides {
                if side == 0 {
                    ours.push(engine_rate(&handle, customers, callers, events));
                } else {
                    floors.push(floor.rate(callers, events));
                }
            }
        }
        let ratios = ours.iter().zip(&floors).map(|(ours, floor)| ours / floor).collect();
        println!("{callers:>7} {:>11.0} {:>11.0} {:>14.2}", median(ours), median(floors), median(ratios));
    }
    engine.close();
}
