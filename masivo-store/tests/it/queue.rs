//! The queue: bounded, fair, closed gracefully.

use masivo_core::Command;
use masivo_core::events::Part;
use masivo_core::value::Decimal;
use masivo_store::conformance::{House, purchase, registration, start_instant};
use masivo_store::{Config, Engine, ManualClock, MemoryBackend, Request, SubmitError};
use std::sync::Arc;

#[test]
fn a_batch_is_taken_whole_or_not_at_all() {
    let clock = Arc::new(ManualClock::new(start_instant()));
    let engine = Engine::open(Config { queue: 4, ..Config::memory(clock) }).unwrap();
    let handle = engine.handle();
    // More than the queue holds is taken when nothing else waits.
    let many: Vec<Request> = (0..10).map(|index| registration(&format!("c{index}")).into()).collect();
    assert_eq!(handle.submit_all_blocking(many).unwrap().len(), 10);
    // Callers that come while the queue is full are told so, and nothing of theirs happens.
    let mut threads = Vec::new();
    for caller in 0..16 {
        let handle = handle.clone();
        threads.push(std::thread::spawn(move || {
            let batch = (0..4).map(|row| registration(&format!("caller-{caller}-{row}")).into()).collect();
            match handle.submit_all_blocking(batch) {
                Ok(answers) => {
                    assert!(answers.iter().all(Result::is_ok));
                    4
                }
                Err(error) => {
                    assert!(matches!(error, SubmitError::Overloaded), "{error:?}");
                    0
                }
            }
        }));
    }
    let taken: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(handle.query().unwrap().customer_count().unwrap(), 10 + taken);
    assert_eq!(handle.queued(), 0);
}

#[test]
fn many_callers_at_once_spend_every_point_once() {
    let house = House::open(MemoryBackend::default(), start_instant());
    house.furnish().register("ana").unwrap();
    house.submit(purchase("ana", "100", "").into(), None).unwrap();
    let reward = house.handle().program().rewards().next().unwrap().id.clone();
    let threads: Vec<_> = (0..64)
        .map(|_| {
            let (handle, reward) = (house.handle(), reward.clone());
            std::thread::spawn(move || {
                let redeem = format!(r#", "redeem": [{{"id": "{reward}", "amount": 10}}]"#);
                let answer = handle.submit_blocking(purchase("ana", "0", &redeem)).unwrap();
                answer.to_json(&handle.program()).text("status") == Some("RESOLVED")
            })
        })
        .collect();
    let spent = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|spent| *spent).count();
    assert_eq!((spent, house.available("ana").as_str()), (10, "0"));
    house.verified_hash();
}

#[test]
fn returns_and_reversals_from_many_sides_at_once_undo_an_event_once() {
    let house = House::open(MemoryBackend::default(), start_instant());
    house.furnish().register("ana").unwrap();
    let event = house.submit(purchase("ana", "100", "").into(), None).unwrap();
    let event = masivo_core::value::parse_uuid(event.text("id").unwrap()).unwrap();
    let threads: Vec<_> = (0..64)
        .map(|caller| {
            let handle = house.handle();
            std::thread::spawn(move || {
                let part = Part { value: Decimal::whole(10), lines: Vec::new() };
                let part = (caller % 4 != 0).then_some(part);
                let reason = "returned".to_owned();
                let reversal = Command::Reverse { event, reason, plan: None, part };
                // Parts that come after the whole are refused.
                drop(handle.submit_blocking(reversal));
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // Undone twice, it would be owed.
    let wallet = house.handle().query().unwrap().wallet("ana").unwrap();
    let sums = &wallet.get("totals").unwrap().items()[0];
    assert_eq!(["total", "debt"].map(|name| sums.number(name).unwrap().to_string()), ["0", "0"]);
    house.verified_hash();
}

#[test]
fn closing_carries_out_what_is_queued_and_refuses_the_rest() {
    let clock = Arc::new(ManualClock::new(start_instant()));
    let engine = Engine::open(Config::memory(clock)).unwrap();
    let handle = engine.handle();
    handle.submit_blocking(registration("ana")).unwrap();
    engine.close();
    assert!(matches!(handle.submit_blocking(registration("ben")), Err(SubmitError::Closing)));
    assert_eq!(handle.queued(), 0);
}
