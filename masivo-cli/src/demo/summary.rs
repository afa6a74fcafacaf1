//! What came of the demo.

use super::run::Figures;
use crate::error::Failure;
use crate::output::{blocks, count, facts, grouped, table};
use masivo_core::program::Kind;
use masivo_core::value::{Decimal, Json, Timestamp, object};
use masivo_store::backend::Read;
use masivo_store::{Handle, Verification, verify};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What came of the demo.
#[derive(Debug)]
pub(crate) struct Summary {
    from: String,
    to: String,
    now: Timestamp,
    customers: u64,
    events: u64,
    figures: Figures,
    points: Points,
    events_by_status: Vec<(String, u64)>,
    tiers: Vec<(String, u64)>,
    audiences: Vec<(String, u64)>,
    messages: Vec<(String, u64)>,
    verification: Verification,
    path: String,
    outbox: String,
    bytes: u64,
}

/// Points of all customers.
#[derive(Clone, Copy, Debug, Default)]
struct Points {
    issued: Decimal,
    spent: Decimal,
    expired: Decimal,
    reversed: Decimal,
    outstanding: Decimal,
    held: Decimal,
    debt: Decimal,
}

/// Customers read at once.
const PAGE: usize = 1_000;

impl Summary {
    /// Asks the store for everything and checks it.
    pub(super) fn of(handle: &Handle, path: &Path, outbox: &Path, figures: Figures) -> Result<Self, Failure> {
        let reader = handle.reader()?;
        let now = handle.now();
        let program = handle.program();
        let (points, customers_by_tier) = wallets(&*reader)?;
        let tiers = program.tiers_by_level().map(|tier| {
            (tier.spec.name.clone(), customers_by_tier.get(&tier.number).copied().unwrap_or(0))
        });
        let audiences = handle.query()?.definitions(Kind::Audience)?;
        let audiences = audiences.iter().map(|audience| {
            let members = audience.integer("members_count").and_then(|count| u64::try_from(count).ok());
            (audience.text("name").unwrap_or_default().to_owned(), members.unwrap_or(0))
        });
        let sums = daily_sums(&*reader)?;
        let first_day = sums.first_day.unwrap_or_else(|| now.day());
        let verification = verify(&*reader)?;
        Ok(Self {
            from: date(Timestamp::from_milliseconds(first_day * masivo_core::value::DAY)),
            to: date(now),
            now,
            customers: reader.customer_count()?,
            events: sums.events,
            figures,
            points,
            events_by_status: sums.orders.into_iter().collect(),
            tiers: tiers.collect(),
            audiences: audiences.collect(),
            messages: sums.messages.into_iter().collect(),
            verification,
            path: path.display().to_string(),
            outbox: outbox.display().to_string(),
            bytes: std::fs::metadata(path).map(|file| file.len()).unwrap_or(0),
        })
    }

    /// Whether the check found nothing.
    pub(crate) const fn is_sound(&self) -> bool {
        self.verification.findings.is_empty()
    }

    /// The instant at which the demo stopped.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    fn per_second(&self) -> u64 {
        let milliseconds = u64::try_from(self.figures.engine.as_millis()).unwrap_or(u64::MAX).max(1);
        self.events.saturating_mul(1_000) / milliseconds
    }

    fn serve_command(&self) -> String {
        let Self { path, now, .. } = self;
        format!("cargo run --release -p masivo-server -- --db {path} --test-clock {now}")
    }

    /// The summary as a document.
    pub(crate) fn to_json(&self) -> Json {
        let counts = |list: &[(String, u64)]| {
            let mut counted = object().build();
            list.iter().for_each(|(name, count)| counted.set(name, *count));
            counted
        };
        let points = self.points;
        let slowest = self.figures.slowest.iter().map(|(took, what)| {
            object().with("milliseconds", milliseconds(*took)).with("what", what.as_str()).build()
        });
        object()
            .with("from", self.from.as_str())
            .with("to", self.to.as_str())
            .with("customers", self.customers)
            .with("events", self.events)
            .with("commands", self.figures.commands)
            .with("engine_milliseconds", milliseconds(self.figures.engine))
            .with("delivery_milliseconds", milliseconds(self.figures.delivery))
            .with("events_per_second", self.per_second())
            .with(
                "points",
                object()
                    .with("issued", points.issued)
                    .with("spent", points.spent)
                    .with("expired", points.expired)
                    .with("reversed", points.reversed)
                    .with("outstanding", points.outstanding)
                    .with("held", points.held)
                    .with("debt", points.debt),
            )
            .with("orders", counts(&self.events_by_status))
            .with("tiers", counts(&self.tiers))
            .with("audiences", counts(&self.audiences))
            .with("messages", counts(&self.messages))
            .with("slowest", slowest.collect::<Vec<_>>())
            .with("db", self.path.as_str())
            .with("bytes", self.bytes)
            .with("outbox", self.outbox.as_str())
            .with("serve", self.serve_command())
            .with("verify", crate::command::verification_json(&self.verification))
            .build()
    }

    /// The summary for a person.
    pub(crate) fn text(&self) -> String {
        let head = format!(
            "{} customers, {} to {}: {} events in {} s, {} events per second (each durable before its answer)",
            count(self.customers),
            self.from,
            self.to,
            count(self.events),
            seconds(self.figures.engine),
            count(self.per_second()),
        );
        let points = self.points;
        let row = |name: &str, points: Decimal| [name.to_owned(), grouped(&points.to_string())];
        let points = table(
            ["points", ""],
            [
                row("issued", points.issued),
                row("spent", points.spent),
                row("expired", points.expired),
                row("reversed", points.reversed),
                row("outstanding", points.outstanding),
                row("held by waiting orders", points.held),
                row("owed by customers", points.debt),
            ],
        );
        let counted = |title: &str, list: &[(String, u64)]| {
            table([title, ""], list.iter().map(|(name, number)| [name.clone(), count(*number)]))
        };
        let slowest = table(
            ["ms", "slowest answers"],
            self.figures.slowest.iter().map(|(took, what)| [milliseconds(*took).to_string(), what.clone()]),
        );
        let command = self.serve_command();
        let places = facts([
            ("file", format!("{} ({} KiB)", self.path, count(self.bytes / 1_024))),
            ("mails", format!("{}, written in {} s", self.outbox, seconds(self.figures.delivery))),
            ("serve it", command),
            ("look at it", format!("cargo run --release -p masivo-cli -- --db {} show customer 00050", self.path)),
        ]);
        blocks([
            head,
            points,
            counted("orders", &self.events_by_status),
            counted("tier now", &self.tiers),
            counted("audience now", &self.audiences),
            counted("messages", &self.messages),
            slowest,
            places,
            format!("masivo verify\n{}", crate::command::verification_text(&self.verification)),
        ])
    }
}

/// Sums the wallets of all customers, and counts them by tier.
fn wallets(reader: &dyn Read) -> Result<(Points, BTreeMap<u32, u64>), Failure> {
    let mut points = Points::default();
    let mut tiers: BTreeMap<u32, u64> = BTreeMap::new();
    let mut after = 0;
    loop {
        let rows = reader.customers(after, PAGE)?;
        let Some(last) = rows.last().map(|row| row.key) else { return Ok((points, tiers)) };
        after = last;
        for row in rows {
            *tiers.entry(row.state.tier).or_default() += 1;
            let wallet = &row.state.wallet;
            for (reward, account) in &wallet.accounts {
                points.issued = points.issued.saturating_add(account.issued);
                points.spent = points.spent.saturating_add(account.spent);
                points.expired = points.expired.saturating_add(account.expired);
                points.reversed = points.reversed.saturating_add(account.reversed);
                points.debt = points.debt.saturating_add(account.debt);
                let held = wallet.held(*reward);
                points.held = points.held.saturating_add(held);
                points.outstanding = points.outstanding.saturating_add(wallet.available(*reward)).saturating_add(held);
            }
        }
    }
}

#[derive(Default)]
struct Sums {
    first_day: Option<i64>,
    events: u64,
    orders: BTreeMap<String, u64>,
    messages: BTreeMap<String, u64>,
}

/// What the per-day sums say of events and messages.
fn daily_sums(reader: &dyn Read) -> Result<Sums, Failure> {
    let mut sums = Sums::default();
    for row in reader.daily(0, i64::MAX / 2)? {
        let number = u64::try_from(row.count).unwrap_or(0);
        let parts: Vec<&str> = row.key.split('/').collect();
        match parts.as_slice() {
            ["event", kind, status] => {
                sums.first_day = Some(sums.first_day.map_or(row.day, |first| first.min(row.day)));
                sums.events += number;
                if *kind == "PURCHASE" {
                    let name = match *status {
                        "RESOLVED" => "processed at once",
                        "PENDING" => "waited for fulfilment",
                        "FAILED" => "failed for want of points",
                        other => other,
                    };
                    *sums.orders.entry(name.to_owned()).or_default() += number;
                }
            }
            ["event", "expired"] => *sums.orders.entry("… of which expired".into()).or_default() += number,
            ["fact", "fulfilled"] => *sums.orders.entry("… of which fulfilled".into()).or_default() += number,
            ["fact", "reversed"] => *sums.orders.entry("called off or returned".into()).or_default() += number,
            ["message", "email", "confirmed"] => *sums.messages.entry("sent".into()).or_default() += number,
            ["message", "email", "suppressed", reason] => {
                let reason = format!("not sent: {}", reason.replace('_', " "));
                *sums.messages.entry(reason).or_default() += number;
            }
            ["message", "email", status] => *sums.messages.entry((*status).to_owned()).or_default() += number,
            _ => {}
        }
    }
    Ok(sums)
}

fn date(instant: Timestamp) -> String {
    instant.to_string().get(..10).unwrap_or_default().to_owned()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn seconds(duration: Duration) -> String {
    let tenths = milliseconds(duration) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}
