//! The load: `load run|register|furnish|probe --to 127.0.0.1:8080 [--key KEY] ...`
//!
//! - `furnish` defines the programme; `register` registers the customers (both for the engine only),
//! - `probe` sends events again, with keys of others and for strangers, and says what the wallet holds then,
//! - `run` sends events for so many seconds, or so many events, and says how it went.

use peer_postgres::client::Connection;
use peer_postgres::flags::Flags;
use peer_postgres::workload;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const KNOWN: [&str; 9] =
    ["to", "key", "connections", "seconds", "warm", "events", "batch", "customers", "from"];
const EVENTS: &str = "/behavior/events";
const BATCH: &str = "/behavior/events/batch";
const RESOLVED: &str = r#""status":"RESOLVED""#;

/// What is sent, and how.
#[derive(Clone, Debug)]
struct Plan {
    to: String,
    key: String,
    customers: u64,
    batch: u64,
    register: bool,
    /// Numbers below this one may be sent.
    end: u64,
    warm: Duration,
    duration: Duration,
}

/// What the connections share: the next number, and how long the answers took.
#[derive(Debug, Default)]
struct Progress {
    next: Cell<u64>,
    /// Events answered within the time that counts.
    counted: Cell<u64>,
    took: RefCell<Vec<Duration>>,
    stopped: Cell<bool>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let action = arguments.next().unwrap_or_default();
    let flags = Flags::read(arguments, &KNOWN)?;
    let from: u64 = flags.get("from", 0)?;
    let customers: u64 = flags.get("customers", 300_000)?;
    let register = action == "register";
    let events = flags.get("events", if register { customers } else { u64::MAX / 2 })?;
    let plan = Plan {
        to: flags.get("to", "127.0.0.1:8080".to_owned())?,
        key: flags.get("key", String::new())?,
        customers: customers.max(1),
        batch: flags.get("batch", 1)?.max(1),
        register,
        end: from.saturating_add(events),
        warm: Duration::from_secs_f64(flags.get("warm", 0.0)?),
        duration: Duration::from_secs_f64(flags.get("seconds", 1e6)?),
    };
    match action.as_str() {
        "furnish" => furnish(&plan).await,
        "probe" => probe(&plan, from).await,
        "run" | "register" => LocalSet::new().run_until(run(plan, from, flags.get("connections", 32)?)).await,
        _ => Err("expected run, register, furnish or probe".into()),
    }
}

async fn furnish(plan: &Plan) -> Result<()> {
    let mut connection = Connection::open(&plan.to, &plan.key).await?;
    let (mut reward, mut template) = (String::new(), String::new());
    for (method, path, body) in workload::programme() {
        let body = body.replace("{reward}", &reward).replace("{template}", &template);
        let (status, answer) = connection.send(method, path, "", &body).await?;
        if !(200..300).contains(&status) {
            return Err(format!("{method} {path}: {status} {answer}").into());
        }
        match path {
            "/rewards" => reward = id_of(answer),
            "/templates" => template = id_of(answer),
            _ => {}
        }
    }
    Ok(())
}

/// The first id in an answer.
fn id_of(answer: &str) -> String {
    let rest = answer.split_once(r#""id":""#).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// A repetition is answered with the same event; another event with its key is refused; the points are what they
/// should be.
async fn probe(plan: &Plan, from: u64) -> Result<()> {
    let mut connection = Connection::open(&plan.to, &plan.key).await?;
    let key = format!("probe-{from}");
    let event = workload::event(from, plan.customers);
    let mut made = Vec::new();
    for _ in 0..2 {
        let (status, answer) = connection.send("POST", EVENTS, &key, &event).await?;
        if status != 200 || !answer.contains(RESOLVED) {
            return Err(format!("{status} {answer}").into());
        }
        made.push(id_of(answer));
    }
    if made.iter().any(|id| id.is_empty() || Some(id) != made.first()) {
        return Err(format!("a repetition made another event: {made:?}").into());
    }
    let other = workload::event(from + 1, plan.customers);
    let (status, answer) = connection.send("POST", EVENTS, &key, &other).await?;
    if status != 409 {
        return Err(format!("another event with the same key: {status} {answer}").into());
    }
    let stranger = event.replacen("customer-", "stranger-", 1);
    let (status, answer) = connection.send("POST", EVENTS, "", &stranger).await?;
    if status != 404 {
        return Err(format!("an unknown customer: {status} {answer}").into());
    }
    probe_batch(&mut connection, &format!("probe-batch-{from}"), [&event, &other, &stranger]).await?;
    let customer = event.split('"').nth(3).unwrap_or_default();
    let (_, answer) = connection.send("GET", &format!("/customers/{customer}/wallet"), "", "").await?;
    let total = answer.split_once(r#""total":"#).map_or("", |(_, rest)| rest);
    let total: String = total.chars().take_while(char::is_ascii_digit).collect();
    println!("customer={customer} points={total}");
    Ok(())
}

/// The same for batches, in which rows are judged alone: twice the same customer, and a stranger.
async fn probe_batch(connection: &mut Connection, key: &str, texts: [&str; 3]) -> Result<()> {
    let [event, other, stranger] = texts;
    let mut made = Vec::new();
    for (body, wanted) in [
        (format!(r#"{{"events": [{event}, {event}, {stranger}]}}"#), [2, 0, 1]),
        (format!(r#"{{"events": [{event}, {event}, {stranger}]}}"#), [2, 0, 1]),
        (format!(r#"{{"events": [{event}, {other}, {stranger}]}}"#), [1, 1, 1]),
    ] {
        let (status, answer) = connection.send("POST", BATCH, key, &body).await?;
        let found = [200, 409, 404].map(|status| answer.matches(&format!(r#""status":{status},"#)).count());
        if status != 200 || found != wanted {
            return Err(format!("a batch: {status}, wanted {wanted:?}: {}", clip(answer)).into());
        }
        made.push(id_of(answer));
    }
    if made.iter().any(|id| id.is_empty() || Some(id) != made.first()) {
        return Err(format!("a repeated batch made other events: {made:?}").into());
    }
    Ok(())
}

async fn run(plan: Plan, from: u64, connections: usize) -> Result<()> {
    let progress = Rc::new(Progress::default());
    progress.next.set(from);
    let plan = Rc::new(plan);
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(&plan.to, &plan.key).await?);
    }
    let started = Instant::now();
    let tasks: Vec<_> = open
        .into_iter()
        .map(|connection| {
            tokio::task::spawn_local(drive(plan.clone(), progress.clone(), connection, started))
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let seconds = started.elapsed().min(plan.warm + plan.duration).saturating_sub(plan.warm).as_secs_f64();
    let mut took = progress.took.take();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).map_or(0, Duration::as_micros);
    let (counted, sent) = (progress.counted.get(), progress.next.get() - from);
    let rate = counted as f64 / seconds.max(1e-9);
    println!(
        "sent={sent} seconds={seconds:.3} rate={rate:.1} p50_us={} p99_us={} next={}",
        at(50),
        at(99),
        from + sent
    );
    Ok(())
}

/// One connection: sends, waits, checks, again. The first failure stops all.
async fn drive(
    plan: Rc<Plan>,
    progress: Rc<Progress>,
    mut connection: Connection,
    started: Instant,
) -> std::result::Result<(), String> {
    let end = plan.warm + plan.duration;
    while !progress.stopped.get() && started.elapsed() < end {
        let number = progress.next.get();
        let count = plan.batch.min(plan.end.saturating_sub(number));
        if count == 0 {
            break;
        }
        progress.next.set(number + count);
        let began = Instant::now();
        if let Err(problem) = send(&plan, &mut connection, number, count).await {
            progress.stopped.set(true);
            return Err(format!("event {number}: {problem}"));
        }
        let since = started.elapsed();
        if since >= plan.warm && since <= end {
            progress.counted.set(progress.counted.get() + count);
            progress.took.borrow_mut().push(began.elapsed());
        }
    }
    Ok(())
}

async fn send(
    plan: &Plan,
    connection: &mut Connection,
    number: u64,
    count: u64,
) -> std::result::Result<(), String> {
    let key = format!("load-{number}");
    let (path, wanted, body) = if plan.register {
        ("/customers", 201, workload::customer(number))
    } else if plan.batch > 1 {
        (BATCH, 200, workload::batch(number, count, plan.customers))
    } else {
        (EVENTS, 200, workload::event(number, plan.customers))
    };
    let (status, answer) =
        connection.send("POST", path, &key, &body).await.map_err(|error| error.to_string())?;
    let resolved = if plan.batch > 1 {
        answer.matches(RESOLVED).count() == usize::try_from(count).unwrap_or(0)
    } else {
        plan.register || answer.contains(RESOLVED)
    };
    if status == wanted && resolved { Ok(()) } else { Err(format!("{status} {}", clip(answer))) }
}

/// The beginning of a long text.
fn clip(text: &str) -> String {
    text.chars().take(2_000).collect()
}
