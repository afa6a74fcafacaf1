//! What came of the demo.

use super::run::Figures;
use crate::error::Failure;
use crate::output::{blocks, count, facts, grouped, table};
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::program::Kind;
use masivo_core::punch_cards::campaign_of;
use masivo_core::value::{Decimal, Json, Timestamp, object};
use masivo_store::backend::{Channel, OutboxFilter, Read};
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
    orders: [u64; ORDERS.len()],
    tiers: Vec<(String, u64)>,
    audiences: Vec<(String, u64)>,
    messages: Vec<(String, u64)>,
    /// The customer with the most points.
    richest: String,
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

/// A key of the per-day sums, what it is called in documents, and for people.
type OrderCount = (&'static str, &'static str, &'static str);

/// What is counted of orders.
const ORDERS: [OrderCount; 6] = [
    ("event/PURCHASE/RESOLVED", "processed_at_once", "processed at once"),
    ("event/PURCHASE/PENDING", "waited", "waited for fulfilment"),
    ("fact/fulfilled", "fulfilled_later", "  of these fulfilled"),
    ("event/expired", "expired", "  of these expired"),
    ("event/PURCHASE/FAILED", "failed", "failed"),
    ("fact/reversed", "called_off_or_returned", "called off or returned"),
];

/// Customers read at once.
const PAGE: usize = 1_000;

impl Summary {
    /// Asks the store for everything and checks it.
    pub(super) fn of(handle: &Handle, path: &Path, outbox: &Path, figures: Figures) -> Result<Self, Failure> {
        let reader = handle.reader()?;
        let now = handle.now();
        let program = handle.program();
        let Wallets { points, tiers: customers_by_tier, richest, .. } = wallets(&*reader)?;
        let tiers = program
            .tiers_by_level()
            .map(|tier| (tier.spec.name.clone(), customers_by_tier.get(&tier.number).copied().unwrap_or(0)));
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
            orders: sums.orders,
            tiers: tiers.collect(),
            audiences: audiences.collect(),
            messages: messages(&*reader)?.into_iter().collect(),
            richest,
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

    fn counted_orders(&self, called: impl Fn(&OrderCount) -> &'static str) -> Vec<(String, u64)> {
        ORDERS.iter().zip(self.orders).map(|(count, number)| (called(count).to_owned(), number)).collect()
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
            list.iter().for_each(|(name, count)| counted.set(name.clone(), *count));
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
            .with("orders", counts(&self.counted_orders(|(_, name, _)| name)))
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
        let messages: Vec<(String, u64)> = self
            .messages
            .iter()
            .map(|(name, number)| (name.replace("suppressed/", "not sent: ").replace('_', " "), *number))
            .collect();
        let command = self.serve_command();
        let places = facts([
            ("file", format!("{} ({} KiB)", self.path, count(self.bytes / 1_024))),
            ("mails", format!("{}, written in {} s", self.outbox, seconds(self.figures.delivery))),
            ("serve it", command),
            (
                "look at it",
                format!(
                    "cargo run --release -p masivo-cli -- --db {} show customer {}",
                    self.path, self.richest
                ),
            ),
        ]);
        blocks([
            head,
            points,
            counted("orders", &self.counted_orders(|(.., label)| label)),
            counted("tier now", &self.tiers),
            counted("audience now", &self.audiences),
            counted("messages", &messages),
            slowest,
            places,
            format!("masivo verify\n{}", crate::command::verification_text(&self.verification)),
        ])
    }
}

#[derive(Default)]
struct Wallets {
    points: Points,
    tiers: BTreeMap<u32, u64>,
    richest: String,
    most: Decimal,
}

/// Sums the wallets of all customers, and counts them by tier.
fn wallets(reader: &dyn Read) -> Result<Wallets, Failure> {
    let mut all = Wallets::default();
    let mut after = 0;
    loop {
        let rows = reader.customers(after, PAGE)?;
        let Some(last) = rows.last().map(|row| row.key) else { return Ok(all) };
        after = last;
        for row in rows {
            *all.tiers.entry(row.state.tier).or_default() += 1;
            let (wallet, points) = (&row.state.wallet, &mut all.points);
            let rewards = wallet.accounts.iter().filter(|(reward, _)| campaign_of(**reward).is_none());
            for (reward, account) in rewards {
                let available = wallet.available(*reward);
                if available > all.most {
                    (all.most, all.richest) = (available, row.profile.id().to_owned());
                }
                points.issued = points.issued.saturating_add(account.issued);
                points.spent = points.spent.saturating_add(account.spent);
                points.expired = points.expired.saturating_add(account.expired);
                points.reversed = points.reversed.saturating_add(account.reversed);
                points.debt = points.debt.saturating_add(account.debt);
                let held = wallet.held(*reward);
                points.held = points.held.saturating_add(held);
                points.outstanding = points.outstanding.saturating_add(available).saturating_add(held);
            }
        }
    }
}

#[derive(Default)]
struct Sums {
    first_day: Option<i64>,
    events: u64,
    orders: [u64; ORDERS.len()],
}

/// How many e-mails went out, and how many did not and why.
fn messages(reader: &dyn Read) -> Result<BTreeMap<String, u64>, Failure> {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut after = 0;
    loop {
        let filter =
            OutboxFilter { after, channel: Some(Channel::Email), limit: PAGE, ..OutboxFilter::default() };
        let rows = reader.outbox(filter)?;
        let Some(last) = rows.last().map(|row| row.sequence) else { return Ok(counted) };
        after = last;
        for row in rows {
            let name = match (row.status, row.reason) {
                (DeliveryStatus::Confirmed, _) => "sent".to_owned(),
                (DeliveryStatus::Suppressed, Some(reason)) => format!("suppressed/{reason}"),
                (status, _) => status.name().to_owned(),
            };
            *counted.entry(name).or_default() += 1;
        }
    }
}

/// What the per-day sums say of events.
fn daily_sums(reader: &dyn Read) -> Result<Sums, Failure> {
    let mut sums = Sums::default();
    for row in reader.daily(0, i64::MAX / 2)? {
        let number = u64::try_from(row.count).unwrap_or(0);
        let is_event = row.key.strip_prefix("event/").is_some_and(|rest| rest.contains('/'));
        if is_event {
            sums.first_day = Some(sums.first_day.map_or(row.day, |first| first.min(row.day)));
            sums.events += number;
        }
        for ((key, ..), counted) in ORDERS.iter().zip(&mut sums.orders) {
            if *key == row.key {
                *counted += number;
            }
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
