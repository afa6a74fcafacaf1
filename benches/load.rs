//! The load of the benches: a programme, customers, events; and what figures are made of.
#![allow(dead_code, reason = "no bench uses all of it")]

use masivo_core::Command;
use masivo_core::program::Kind;
use masivo_core::value::{Json, Timestamp};
use masivo_store::{Clock, Config, Engine, Handle, Location, ManualClock, Mode, Request, Work};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

/// The allocator the programs run with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

/// Time passes by a millisecond a group, so that ids come in order as they do in life and runs can be repeated.
pub(crate) static CLOCK: LazyLock<Arc<ManualClock>> =
    LazyLock::new(|| Arc::new(ManualClock::new(Timestamp::parse("2026-03-01T12:00:00Z").unwrap())));

pub(crate) fn tick() {
    CLOCK.set(CLOCK.now().plus(1));
}

pub(crate) fn open(path: &Path, cache: usize) -> Engine {
    let location = Location::File(path.to_owned());
    let config = Config::new(location, Mode::Test, Arc::clone(&*CLOCK) as Arc<dyn Clock>);
    Engine::open(Config { secret: Some([1; 16]), cache, ..config }).unwrap()
}

pub(crate) fn define(handle: &Handle, kind: Kind, id: Option<&str>, body: &str) -> Json {
    let work = Work::Define { kind, id: id.map(ToOwned::to_owned), body: json(body) };
    handle.submit_blocking(work).unwrap().to_json(&handle.program())
}

/// Campaigns of which three match, ten audiences, one journey; gives the reward's id.
pub(crate) fn furnish(handle: &Handle, campaigns: usize) -> String {
    define(handle, Kind::Brand, Some("shop"), r#"{"name": "Shop"}"#);
    let reward = define(handle, Kind::Reward, None, r#"{"name": "points", "type": "POINTS"}"#);
    let reward = reward.text("id").unwrap().to_owned();
    for index in 0..campaigns {
        let bound = if index < 3 { 10 } else { 10_000 + index };
        let campaign = format!(
            r#"{{"name": "c{index}", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true, "rules": [{{
                "conditions": [[
                    {{"type": "order.value", "operator": "greater_than", "value": {bound}}},
                    {{"type": "order.payment_method", "operator": "in", "value": ["CREDIT", "DEBIT"]}},
                    {{"type": "product.sku", "operator": "starts_with", "value": "sku"}},
                    {{"type": "customer.metrics.lifetime.number_of_purchases", "operator": "less_than", "value": 1000000}}
                ]],
                "effects": [{{"reward_id": "{reward}", "amount": 1, "expiration_date": "12/months",
                              "per": {{"type": "order.value", "unit": 10}}}}]}}]}}"#
        );
        define(handle, Kind::Campaign, None, &campaign);
    }
    for index in 0..10 {
        let conditions = match index % 3 {
            0 => r#"{"type": "customer.metrics.lifetime.last_visit", "operator": "within_last", "value": "30/days"}"#.into(),
            1 => format!(r#"{{"type": "customer.metrics.this_year.spend_total", "operator": "greater_than", "value": {}}}"#, index * 500),
            _ => r#"{"type": "customer.country", "operator": "equals", "value": "EC"}"#.to_owned(),
        };
        define(
            handle,
            Kind::Audience,
            None,
            &format!(r#"{{"name": "a{index}", "conditions": [[{conditions}]]}}"#),
        );
    }
    let template = define(handle, Kind::Template, None, r#"{"name": "t", "subject": "s", "text": "t"}"#);
    let journey = format!(
        r#"{{"name": "j", "trigger": {{"type": "event", "event_type": "ADD_TO_CART"}}, "exit": [{{"event_type": "PURCHASE"}}],
            "steps": [{{"id": "w", "type": "wait", "minutes": 60, "next": "m"}},
                      {{"id": "m", "type": "send_email", "template_id": "{}"}}]}}"#,
        template.text("id").unwrap()
    );
    define(handle, Kind::Journey, None, &journey);
    reward
}

pub(crate) fn register(handle: &Handle, customers: u64) {
    let mut batch = Vec::new();
    for index in 0..customers {
        let request = format!(
            r#"{{"id": "customer-{index}", "name": "Name {index}", "email": "c{index}@example.com", "country": "EC",
                "consent": {{"purposes": {{"behavioral_campaigns": true, "email_marketing": true}}}}}}"#
        );
        batch.push(Request::from(Command::Register(json(&request))));
        if batch.len() == 1_000 || index + 1 == customers {
            let answers = handle.submit_all_blocking(std::mem::take(&mut batch)).unwrap();
            assert!(answers.iter().all(Result::is_ok));
        }
    }
}

pub(crate) static NEXT: AtomicU64 = AtomicU64::new(0);

/// A walk over all customers without locality that visits each once before it starts over.
pub(crate) fn visited(number: u64, customers: u64) -> u64 {
    number.wrapping_mul(7_368_787) % customers
}

/// The text of an event for some customer: about 700 bytes, as it comes over the wire.
pub(crate) fn event_text(customers: u64) -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let customer = visited(number, customers);
    let line = |index: u64| {
        format!(
            r#"{{"sku": "sku-{index}", "amount": 2, "value": 12.5, "tags": {{"color": "red", "size": "m"}},
                "metadata": {{"category": "lamps", "supplier": "acme lamps and more"}}}}"#
        )
    };
    format!(
        r#"{{"customer_id": "customer-{customer}", "brand_id": "shop", "type": "PURCHASE", "platform": "web",
            "order": {{"purchase_id": "order-{number}", "value": 37.5, "payment_method": "CREDIT", "store_id": "store-1",
                       "channel_id": "web", "products": [{}, {}, {}]}},
            "metadata": {{"session": "a session of some length", "campaign": "spring"}}}}"#,
        line(1),
        line(2),
        line(3)
    )
}

pub(crate) fn event(customers: u64) -> Request {
    let (event, _) = masivo_core::events::read_event(&json(&event_text(customers)), false).unwrap();
    Command::Emit(event).into()
}

/// Events in groups of 512, read beforehand; gives the seconds the engine took.
pub(crate) fn submit(handle: &Handle, customers: u64, count: u64) -> f64 {
    let mut seconds = 0.0;
    for _ in 0..count.div_ceil(512) {
        let batch: Vec<Request> = (0..512).map(|_| event(customers)).collect();
        tick();
        let started = Instant::now();
        let answers = handle.submit_all_blocking(batch).unwrap();
        seconds += started.elapsed().as_secs_f64();
        assert!(answers.iter().all(Result::is_ok));
    }
    seconds
}

/// A folder for the files of a bench, gone when it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("masivo-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Whether the bench was only built and started, as `cargo test --benches` does.
pub(crate) fn is_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// The number behind an option, or what it is without.
pub(crate) fn option(name: &str, without: f64) -> f64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(without, |value| value.parse().unwrap())
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

pub(crate) fn bytes_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: ").map(ToOwned::to_owned));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The resident memory of this process, in MiB.
pub(crate) fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:").map(ToOwned::to_owned));
    let kilobytes: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    kilobytes / 1_024
}
