//! What limits, punch cards, streaks and coupons cost: events where those are defined and do not concern them, events that
//! three limited campaigns reward, three cards stamp or three streaks count, and a million codes generated, stored and redeemed.
//!
//! `cargo bench -p masivo-store --bench limits -- [--codes N]` (1,000,000 when left out). Ratios are of medians of
//! alternated rounds in one run. Nothing is asserted: machines differ.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a bench is a script"
)]

mod load;

use load::{Folder, define, furnish, is_test, json, median, open, option, register, submit, tick};
use masivo_core::Command;
use masivo_core::coupons::read_redemption;
use masivo_core::program::Kind;
use masivo_store::{CodePool, Engine, Handle, Request, Work};
use std::time::Instant;

const ROUNDS: usize = 9;
const EVENTS: u64 = 4_096;

/// Twenty campaigns with a budget and a limit per customer each: of another event type, or rewarding every purchase.
fn limited(handle: &Handle, reward: &str, concerned: bool) {
    define(handle, Kind::EventType, Some("VISIT"), r#"{"loyalty": true}"#);
    let (trigger, count) = if concerned { ("PURCHASE", 3) } else { ("VISIT", 20) };
    for index in 0..count {
        let campaign = format!(
            r#"{{"name": "l{index}", "attributes": {{"trigger": "{trigger}"}}, "withoutEndDate": true,
                "budget": 1000000000, "divide_budget_in": "daily", "limits": [{{"per": "customer", "max": 1000, "period": "month"}}],
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 1, "expiration_date": "12/months"}}]}}]}}"#
        );
        define(handle, Kind::Campaign, None, &campaign);
    }
}

/// Punch cards of ten stamps that every event of a type stamps.
fn cards(handle: &Handle, reward: &str, trigger: &str, count: u64) {
    for index in 0..count {
        let campaign = format!(
            r#"{{"name": "c{index}", "type": "PUNCH_CARDS", "withoutEndDate": true,
                "attributes": {{"trigger": "{trigger}", "stamps": 10, "card_expiration": "6/months"}},
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 10, "expiration_date": "12/months"}}]}}]}}"#
        );
        define(handle, Kind::Campaign, None, &campaign);
    }
}

/// Streaks of three days that every event of a type counts for.
fn streaks(handle: &Handle, reward: &str, trigger: &str, count: u64) {
    for index in 0..count {
        let campaign = format!(
            r#"{{"name": "s{index}", "type": "SCORE_STREAKS", "withoutEndDate": true,
                "attributes": {{"trigger": "{trigger}", "streak_length": 3, "streak_period": "day"}},
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 10, "expiration_date": "12/months"}}]}}]}}"#
        );
        define(handle, Kind::Campaign, None, &campaign);
    }
}

/// The same campaigns without limits, which reward every purchase.
fn unlimited(handle: &Handle, reward: &str) {
    for index in 0..3 {
        let campaign = format!(
            r#"{{"name": "u{index}", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true,
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 1, "expiration_date": "12/months"}}]}}]}}"#
        );
        define(handle, Kind::Campaign, None, &campaign);
    }
}

fn side_by_side(what: &str, sides: &[(&str, &Engine)], customers: u64) {
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
    for round in 0..ROUNDS {
        for place in 0..sides.len() {
            let side = (place + round) % sides.len();
            figures[side].push(submit(&sides[side].1.handle(), customers, EVENTS) * 1e6 / EVENTS as f64);
        }
    }
    for (side, (name, _)) in sides.iter().enumerate() {
        let ratio = median(figures[side].iter().zip(&figures[0]).map(|(one, first)| one / first).collect());
        println!("{what:<10} {name:<50} {:>8.1} us/event   x {ratio:.2}", median(figures[side].clone()));
    }
}

/// Seconds that redeeming codes of a campaign takes, in groups of 512, by customers without locality.
fn redeem(handle: &Handle, codes: &[String], customers: u64) -> f64 {
    let mut seconds = 0.0;
    for (group, codes) in codes.chunks(512).enumerate() {
        let batch = codes.iter().enumerate().map(|(index, code)| {
            let customer = load::visited((group * 512 + index) as u64, customers);
            let text = format!(
                r#"{{"customer_id": "customer-{customer}", "code": "{code}", "store_id": "store-1"}}"#
            );
            Request::from(Command::RedeemCoupon(read_redemption(&json(&text)).unwrap().0))
        });
        let batch: Vec<Request> = batch.collect();
        tick();
        let started = Instant::now();
        let answers = handle.submit_all_blocking(batch).unwrap();
        seconds += started.elapsed().as_secs_f64();
        assert!(answers.iter().all(Result::is_ok));
    }
    seconds
}

/// How many codes of a campaign were generated.
fn made(handle: &Handle, campaign: &str) -> u64 {
    let program = handle.program();
    let summary = handle.query().unwrap().codes_summary(program.campaign_by_id(campaign).unwrap());
    summary.unwrap().integer("generated").unwrap() as u64
}

fn coupon_campaign(handle: &Handle, reward: &str, wanted: u64) -> String {
    let campaign = format!(
        r#"{{"name": "coupons", "type": "COUPONS", "withoutEndDate": true, "quantity": {wanted},
            "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 10, "expiration_date": "12/months"}}]}}]}}"#
    );
    define(handle, Kind::Campaign, None, &campaign).text("id").unwrap().to_owned()
}

/// Codes in a store where nothing else happens: how fast they are made, and what one takes on disk.
fn codes_alone(path: &std::path::Path, wanted: u64) {
    let engine = open(path, 100);
    let handle = engine.handle();
    let reward = furnish(&handle, 0);
    let size = || {
        // The log is moved into the file beside the writer; a backup is the store as it is.
        let copy = path.with_extension("copy");
        masivo_store::backup(path, &copy).unwrap();
        let size = std::fs::metadata(&copy).unwrap().len();
        std::fs::remove_file(copy).unwrap();
        size
    };
    let (before, started) = (size(), Instant::now());
    let campaign = coupon_campaign(&handle, &reward, wanted);
    while made(&handle, &campaign) < wanted {
        handle.submit_blocking(Work::Ping).unwrap();
    }
    let (seconds, bytes) = (started.elapsed().as_secs_f64(), size() - before);
    println!(
        "codes      {wanted} generated alone {:>26.1} s   {:.0} a second, {:.1} bytes on disk a code",
        seconds,
        wanted as f64 / seconds,
        bytes as f64 / wanted as f64
    );
}

fn coupons(engine: &Engine, reward: &str, wanted: u64, customers: u64) {
    let handle = engine.handle();
    let started = Instant::now();
    let campaign = coupon_campaign(&handle, reward, wanted);
    let mut slowest = 0.0_f64;
    while made(&handle, &campaign) < wanted {
        // Others go on meanwhile: what an event waits for.
        let asked = Instant::now();
        submit(&handle, customers, 1);
        slowest = slowest.max(asked.elapsed().as_secs_f64());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "codes      {wanted} generated beside ingest {:>24.1} s   {:.0} a second, a group of 512 waits at most {:.0} ms",
        seconds,
        wanted as f64 / seconds,
        slowest * 1e3
    );
    let pool = CodePool::Campaign(campaign.clone());
    let (mut codes, mut after) = (Vec::new(), None::<String>);
    while (codes.len() as u64) < (ROUNDS as u64 * EVENTS).min(wanted) {
        let page = handle.query().unwrap().codes(&pool, after.as_deref(), 1_000).unwrap();
        codes.extend(page.items.iter().map(|code| code.text("code").unwrap().to_owned()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let (mut plain, mut redeemed) = (Vec::new(), Vec::new());
    for codes in codes.chunks(EVENTS as usize) {
        plain.push(submit(&handle, customers, codes.len() as u64) * 1e6 / codes.len() as f64);
        redeemed.push(redeem(&handle, codes, customers) * 1e6 / codes.len() as f64);
    }
    let ratio = median(redeemed.iter().zip(&plain).map(|(one, other)| one / other).collect());
    println!(
        "codes      redeemed {:>48.1} us/code   x {ratio:.2} of a purchase ({:.1} us)",
        median(redeemed),
        median(plain)
    );
}

fn main() {
    let (customers, codes) = if is_test() { (500, 2_000) } else { (50_000, option("--codes", 1e6) as u64) };
    let folder = Folder::new();
    let made = |name: &str, with: &dyn Fn(&Handle, &str)| {
        let engine = open(&folder.file(name), 2 * customers as usize);
        let reward = furnish(&engine.handle(), 20);
        with(&engine.handle(), &reward);
        register(&engine.handle(), customers);
        submit(&engine.handle(), customers, customers);
        (engine, reward)
    };
    let plain = made("plain.db", &|_, _| {});
    let defined = made("defined.db", &|handle, reward| {
        limited(handle, reward, false);
        cards(handle, reward, "VISIT", 10);
        streaks(handle, reward, "VISIT", 10);
    });
    side_by_side(
        "limits",
        &[("none", &plain.0), ("20 limited, 10 cards, 10 streaks of another type", &defined.0)],
        customers,
    );
    let without = made("without.db", &unlimited);
    let with = made("with.db", &|handle, reward| limited(handle, reward, true));
    let stamped = made("stamped.db", &|handle, reward| cards(handle, reward, "PURCHASE", 3));
    let counted = made("counted.db", &|handle, reward| streaks(handle, reward, "PURCHASE", 3));
    let sides = [
        ("3 more campaigns that reward", &without.0),
        ("with a budget and a limit per customer", &with.0),
        ("3 punch cards instead, each stamped", &stamped.0),
        ("3 streaks instead, each counting", &counted.0),
    ];
    side_by_side("limits", &sides, customers);
    codes_alone(&folder.file("codes.db"), codes);
    coupons(&plain.0, &plain.1, codes, customers);
}
