//! Durable events per second through the engine, beside the floor: raw SQLite writing the same rows.
//!
//! `cargo bench -p masivo-store --bench ingest -- [--customers N] [--cache N] [--rounds R] [--share S]`
//!
//! The load is the one of docs/performance.md: events with three products, 20 running campaigns of which three
//! match, 10 audiences, one journey, consent recorded, synchronous = FULL. The sides alternate; medians of the
//! rounds are printed with the ratio. Nothing is asserted: machines differ.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::as_conversions, reason = "a bench is a script")]

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

struct Options {
    customers: u64,
    /// Customers held in memory.
    cache: usize,
    /// How much work a round does; 1 is about a second a side.
    share: f64,
    rounds: usize,
    count_only: Option<u64>,
}

fn options() -> Options {
    let mut options = Options { customers: 300_000, cache: 600_000, share: 1.0, rounds: 5, count_only: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--customers" => options.customers = value().parse().unwrap(),
            "--cache" => options.cache = value().parse().unwrap(),
            "--share" => options.share = value().parse().unwrap(),
            "--rounds" => options.rounds = value().parse().unwrap(),
            "--count" => options.count_only = value().parse().ok(),
            _ => {}
        }
    }
    options
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

/// Time passes by a millisecond a group, so that ids come in order as they do in life and runs can be repeated.
static CLOCK: LazyLock<Arc<ManualClock>> =
    LazyLock::new(|| Arc::new(ManualClock::new(Timestamp::parse("2026-03-01T12:00:00Z").unwrap())));

fn tick() {
    CLOCK.set(CLOCK.now().plus(1));
}

fn open(path: &Path, cache: usize) -> Engine {
    let location = Location::File(path.to_owned());
    let config = Config::new(location, Mode::Test, Arc::clone(&*CLOCK) as Arc<dyn Clock>);
    Engine::open(Config { secret: Some([1; 16]), cache, ..config }).unwrap()
}

fn define(handle: &Handle, kind: Kind, id: Option<&str>, body: &str) -> Json {
    let work = Work::Define { kind, id: id.map(ToOwned::to_owned), body: json(body) };
    handle.submit_blocking(work).unwrap().to_json(&handle.program())
}

/// Twenty campaigns of which three match, ten audiences, one journey.
fn furnish(handle: &Handle) {
    define(handle, Kind::Brand, Some("shop"), r#"{"name": "Shop"}"#);
    let reward = define(handle, Kind::Reward, None, r#"{"name": "points", "type": "POINTS"}"#);
    let reward = reward.text("id").unwrap().to_owned();
    for index in 0..20 {
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
}

fn register(handle: &Handle, customers: u64) {
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

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A walk over all customers without locality that visits each once before it starts over.
fn visited(number: u64, customers: u64) -> u64 {
    number.wrapping_mul(7_368_787) % customers
}

/// The text of an event for some customer: about 700 bytes, as it comes over the wire.
fn event_text(customers: u64) -> String {
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

fn event(customers: u64) -> Request {
    let (event, _) = masivo_core::events::read_event(&json(&event_text(customers)), false).unwrap();
    Command::Emit(event).into()
}

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

/// Raw SQLite: the same rows of the same size, in groups of the same size, nothing else.
struct Floor {
    connection: rusqlite::Connection,
    sequence: i64,
    customers: i64,
    sizes: [usize; 4],
}

impl Floor {
    fn new(path: &Path, customers: u64) -> Self {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
                 PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -8192;",
            )
            .unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let sequence = one("SELECT max(sequence) FROM fact");
        let sizes = [
            one("SELECT cast(avg(length(booking)) AS INTEGER) FROM (SELECT booking FROM fact WHERE kind = 3 AND day IS NOT NULL ORDER BY sequence DESC LIMIT 1000)"),
            one("SELECT cast(avg(length(payload)) AS INTEGER) FROM (SELECT payload FROM fact WHERE kind = 3 AND day IS NOT NULL ORDER BY sequence DESC LIMIT 1000)"),
            one("SELECT cast(avg(length(explanation)) AS INTEGER) FROM (SELECT explanation FROM fact WHERE kind = 3 AND day IS NOT NULL ORDER BY sequence DESC LIMIT 1000)"),
            one("SELECT cast(avg(length(state)) AS INTEGER) FROM (SELECT state FROM customer ORDER BY key DESC LIMIT 1000)"),
        ]
        .map(|size| usize::try_from(size).unwrap());
        Self { connection, sequence, customers: customers as i64, sizes }
    }

    fn rate(&mut self, group: usize, events: usize) -> f64 {
        let started = Instant::now();
        let [booking, payload, explanation, state] = self.sizes.map(|size| vec![b'x'; size]);
        let mut count = 0;
        while count < events {
            self.connection.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
            let mut customers = Vec::new();
            for _ in 0..group {
                self.sequence += 1;
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let customer = visited(number, self.customers as u64) as i64 + 1;
                customers.push(customer);
                let id = uuid::Builder::from_unix_timestamp_millis(number, &[7; 10]).into_uuid();
                self.connection
                    .prepare_cached(
                        "INSERT INTO fact (sequence, customer, previous, at, kind, status, event, day, booking, payload, explanation)
                         VALUES (?1, ?2, 1, 1, 3, 1, ?3, 20000, ?4, ?5, ?6)",
                    )
                    .unwrap()
                    .execute(rusqlite::params![self.sequence, customer, id.as_bytes().as_slice(), booking, payload, explanation])
                    .unwrap();
                count += 1;
            }
            customers.sort_unstable();
            customers.dedup();
            for customer in customers {
                self.connection
                    .prepare_cached("UPDATE customer SET state = ?2 WHERE key = ?1")
                    .unwrap()
                    .execute(rusqlite::params![customer, state])
                    .unwrap();
            }
            self.connection.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
        }
        count as f64 / started.elapsed().as_secs_f64()
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

fn bytes_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: ").map(ToOwned::to_owned));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn main() {
    let options = options();
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let folder: PathBuf = std::env::temp_dir().join(format!("masivo-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("engine.db");
    let engine = open(&path, options.cache);
    let handle = engine.handle();
    furnish(&handle);
    let started = Instant::now();
    register(&handle, options.customers);
    println!("{} customers registered in {:.1} s", options.customers, started.elapsed().as_secs_f64());
    if let Some(count) = options.count_only {
        // For counting instructions from outside: a fixed number of events in groups of 64, nothing else.
        let before = bytes_written();
        for _ in 0..count / 64 {
            let batch: Vec<Request> = (0..64).map(|_| event(options.customers)).collect();
            tick();
            handle.submit_all_blocking(batch).unwrap();
        }
        println!("{count} events, {} bytes written an event", (bytes_written() - before) / count.max(1));
        engine.close();
        std::fs::remove_dir_all(&folder).unwrap();
        return;
    }
    // Every customer has a history: what happens once in a life is not what is measured.
    let started = Instant::now();
    engine_rate(&handle, options.customers, 512, options.customers as usize);
    println!("an event for each of them in {:.1} s", started.elapsed().as_secs_f64());
    let copy = folder.join("floor.db");
    masivo_store::backup(&path, &copy).unwrap();
    let mut floor = Floor::new(&copy, options.customers);
    println!("callers    engine/s     floor/s   engine/floor   (median of {} rounds)", options.rounds);
    for (callers, events) in [(1, 1_000.0), (8, 5_000.0), (64, 20_000.0), (512, 20_000.0)] {
        let events = (events * options.share) as usize;
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for round in 0..options.rounds {
            let mut sides = [0, 1];
            if round % 2 == 1 {
                sides.reverse();
            }
            for side in sides {
                if side == 0 {
                    ours.push(engine_rate(&handle, options.customers, callers, events));
                } else {
                    floors.push(floor.rate(callers, events));
                }
            }
        }
        let ratios = ours.iter().zip(&floors).map(|(ours, floor)| ours / floor).collect();
        println!("{callers:>7} {:>11.0} {:>11.0} {:>14.2}", median(ours), median(floors), median(ratios));
    }
    engine.close();
    std::fs::remove_dir_all(&folder).unwrap();
}
