//! An engine as a world for scenarios ([`masivo_core::scenario`]).
//!
//! ```
//! use masivo_core::scenario::Scenario;
//! use masivo_core::value::Timestamp;
//! use masivo_store::scenario::EngineWorld;
//!
//! let world = EngineWorld::in_memory(Timestamp::parse("2026-01-01T00:00:00Z").unwrap()).unwrap();
//! let mut scenario = Scenario::new(world);
//! scenario.step("points points").unwrap();
//! scenario.step("give earn on PURCHASE 1/1 per order.value of points").unwrap();
//! scenario.step(r#"define brand shop {"name": "Shop"}"#).unwrap();
//! scenario.step("register ana").unwrap();
//! assert_eq!(scenario.step("emit ana PURCHASE 25"), Ok("RESOLVED +25".to_owned()));
//! ```

use crate::backend::{
    Backend as _, CouponRun, CustomerKey, Destination, FactRow, OutboxFilter, Unit as _, Write,
};
use crate::engine::{Answer, CodePool, Config, Engine, ManualClock, Work, load_record, wanted_codes};
use crate::error::{StoreError, SubmitError};
use crate::memory::MemoryBackend;
use crate::query::Query;
use masivo_core::events::EventRecord;
use masivo_core::fact::{Fact, FactKind};
use masivo_core::gift_cards::{GiftCard, pool_of};
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::program::{Kind, Program, StoredDefinition};
use masivo_core::quota::Quotas;
use masivo_core::scenario::{Done, Failure, Sent, World};
use masivo_core::value::{DAY, Json, Timestamp};
use masivo_core::{Command, Customer, Rejection};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// How far the clock goes in one step: it may go two years.
const CLOCK_STEP: i64 = 366 * DAY;
/// Rows read in one step.
const ROWS: usize = 1_000;
/// Codes of definitions that are generated: a scenario needs no more.
const CODES_GENERATED: u32 = 1_000;
/// The secret of engines in memory: the same scenario has the same ids and codes.
const SECRET: [u8; 16] = [7; 16];

/// An engine with a test clock, as a world.
#[derive(Debug)]
pub struct EngineWorld {
    engine: Engine,
    /// The last row of the outbox that was looked at, by customer.
    looked: BTreeMap<CustomerKey, u64>,
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Refused(rejection),
            other => Self::Fault(other.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.to_string())
    }
}

impl EngineWorld {
    /// The world of an engine that has a test clock and is used by nobody else.
    pub const fn new(engine: Engine) -> Self {
        Self { engine, looked: BTreeMap::new() }
    }

    /// A fresh engine in memory; it begins at that instant.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn in_memory(at: Timestamp) -> Result<Self, Failure> {
        Self::with_definitions(at, &[])
    }

    /// A fresh engine in memory that has these definitions, from the standard ones on. Of codes that they want generated the first
    /// thousand are there.
    ///
    /// # Errors
    /// When the definitions do not go together, or it cannot be started.
    pub fn with_definitions(at: Timestamp, definitions: &[StoredDefinition]) -> Result<Self, Failure> {
        let mut backend = MemoryBackend::default();
        let program = Program::load(definitions.to_vec());
        let program = program.map_err(|report| Failure::Fault(format!("definitions: {report}")))?;
        let mut unit = backend.begin()?;
        for definition in definitions {
            unit.write(Write::Definition(definition))?;
        }
        let rewards = program.rewards().map(|reward| pool_of(reward.number));
        for pool in program.campaigns().map(|campaign| campaign.number).chain(rewards) {
            if let Some((_, quantity, _)) = wanted_codes(&program, pool) {
                let run = CouponRun { wanted: quantity.min(CODES_GENERATED), ..CouponRun::default() };
                unit.write(Write::CouponRun { campaign: pool, run })?;
            }
        }
        unit.commit().map_err(|error| Failure::Fault(error.to_string()))?;
        let config = Config::memory(Arc::new(ManualClock::new(at)));
        let world = Self::new(Engine::start(backend, SECRET, config)?);
        world.settle()?;
        Ok(world)
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    fn submit(&self, work: impl Into<crate::engine::Request>) -> Result<Answer, Failure> {
        Ok(self.engine.handle().submit_blocking(work)?)
    }

    fn query(&self) -> Result<Query, Failure> {
        Ok(self.engine.handle().query()?)
    }

    /// Facts after a number, without what fell due: those of the customer of the first, and of others.
    fn facts_after(&self, mut after: u64) -> Result<(Vec<Fact>, Vec<Fact>), Failure> {
        let query = self.query()?;
        let mut rows: Vec<FactRow> = Vec::new();
        loop {
            let page = query.reader.facts(after, ROWS)?;
            let Some(last) = page.last() else { break };
            after = last.fact.sequence;
            rows.extend(page.into_iter().filter(|row| row.fact.kind != FactKind::Due));
        }
        let first = rows.first().map(|row| row.customer);
        let (own, other): (Vec<FactRow>, Vec<FactRow>) =
            rows.into_iter().partition(|row| Some(row.customer) == first);
        let facts = |rows: Vec<FactRow>| rows.into_iter().map(|row| row.fact).collect();
        Ok((facts(own), facts(other)))
    }

    /// Lets everything happen that follows from a definition: customers are looked at again, codes generated.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn settle(&self) -> Result<(), Failure> {
        self.submit(Work::CatchUp)?;
        let waits = |run: &CouponRun| run.made < run.wanted;
        while self.query()?.reader.coupon_runs()?.values().any(waits) {
            self.submit(Work::Ping)?;
        }
        Ok(())
    }

    fn pool(kind: Kind, id: &str) -> CodePool {
        match kind {
            Kind::Reward => CodePool::Reward(id.to_owned()),
            _ => CodePool::Campaign(id.to_owned()),
        }
    }
}

impl World for EngineWorld {
    fn now(&self) -> Timestamp {
        self.engine.handle().now()
    }

    fn program(&self) -> Arc<Program> {
        self.engine.handle().program()
    }

    fn pass_to(&mut self, at: Timestamp) -> Result<(), Failure> {
        while self.now() < at {
            let next = self.now().plus(CLOCK_STEP).min(at);
            self.submit(Work::SetClock(next))?;
        }
        Ok(())
    }

    fn define(&mut self, kind: Kind, id: Option<&str>, body: &Json) -> Result<String, Failure> {
        let work = Work::Define { kind, id: id.map(ToOwned::to_owned), body: body.clone() };
        let Answer::Definition { stored, .. } = self.submit(work)? else {
            return Err(Failure::Fault("a definition was answered with something else".to_owned()));
        };
        self.settle()?;
        Ok(stored.id)
    }

    fn carry_out(&mut self, command: Command) -> Result<Done, Failure> {
        let before = self.query()?.reader.counters()?.fact;
        let transfers = matches!(command, Command::Transfer { .. });
        let answer = self.submit(command)?;
        let (facts, other) = self.facts_after(before)?;
        let other = if transfers { other } else { Vec::new() };
        let done = Done { facts, other, ..Done::default() };
        let id = |record: &EventRecord| record.head().map(|head| head.id);
        Ok(match answer {
            Answer::Event { record, still_expired } => Done { event: id(&record), still_expired, ..done },
            Answer::Coupon { record, .. } => Done { event: id(&record), ..done },
            Answer::Listed(changed) => Done { listed: Some(changed), ..done },
            _ => done,
        })
    }

    fn customer(&mut self, id: &str) -> Result<Customer, Failure> {
        let row = self.query()?.present(id)?;
        Ok(Customer { state: row.state, profile: row.profile, series: row.series })
    }

    fn facts(&mut self, customer: &str) -> Result<Vec<Fact>, Failure> {
        let query = self.query()?;
        let head = query.present(customer)?.state.head;
        let mut facts = Vec::new();
        query.walk(head, |row| {
            facts.push(row.fact.clone());
            true
        })?;
        facts.reverse();
        Ok(facts)
    }

    fn event(&mut self, id: Uuid) -> Result<EventRecord, Failure> {
        let query = self.query()?;
        let unknown = || Failure::Refused(Rejection::EventNotFound { id: id.hyphenated().to_string() });
        let sequence = query.reader.event(id)?.ok_or_else(unknown)?;
        let row = query.reader.fact(sequence)?.ok_or_else(unknown)?;
        let customer = query.reader.customer_by_key(row.customer)?;
        let customer = customer.map(|row| row.profile.id().to_owned()).unwrap_or_default();
        let record = load_record(&*query.reader, row, &customer)?;
        Ok(record)
    }

    fn take_sent(&mut self, customer: &str) -> Result<Vec<Sent>, Failure> {
        let query = self.query()?;
        let key = query.present(customer)?.key;
        let looked = self.looked.entry(key).or_default();
        let mut sent = Vec::new();
        loop {
            let filter =
                OutboxFilter { after: *looked, customer: Some(key), limit: ROWS, ..OutboxFilter::default() };
            let rows = query.reader.outbox(filter)?;
            let Some(last) = rows.last() else { return Ok(sent) };
            *looked = last.sequence;
            for row in rows {
                let suppressed = row.reason.filter(|_| row.status == DeliveryStatus::Suppressed);
                match row.destination {
                    Destination::Webhook { event, .. } => sent.push(Sent::Told(event)),
                    Destination::Email { template, .. } => {
                        sent.push(Sent::Email { template, at: row.made_at, suppressed });
                    }
                    Destination::Topic { audience, subscribe } => {
                        sent.push(Sent::Topic { audience, subscribe });
                    }
                    Destination::EraseMails => {}
                }
            }
        }
    }

    fn quotas(&mut self) -> Result<Quotas, Failure> {
        Ok(self.query()?.reader.quotas(None, usize::MAX)?.into_iter().collect())
    }

    fn referral_code(&mut self, customer: &str, campaign: &str, _: &str) -> Result<String, Failure> {
        let work = Work::RequestReferralCode {
            customer: customer.to_owned(),
            campaign: campaign.to_owned(),
            brand: None,
        };
        let answer = self.submit(work)?.to_json(&self.program());
        Ok(answer.text("code").unwrap_or_default().to_owned())
    }

    fn gift_card(&mut self, reward: &str, place: u32) -> Result<String, Failure> {
        let number = self.program().reward_by_id(reward).map_or(0, |reward| reward.number);
        let number = GiftCard { reward: number, place, lot: 0 }.number();
        let found = self.query()?.reader.coupons(number, 1)?.into_iter().next();
        match found.filter(|coupon| coupon.number == number) {
            Some(coupon) => Ok(coupon.code),
            None => Err(Failure::Fault(format!("the pool has no card at place {place}"))),
        }
    }

    fn add_codes(&mut self, kind: Kind, id: &str, codes: Vec<String>) -> Result<(), Failure> {
        self.submit(Work::SupplyCodes { pool: Self::pool(kind, id), codes }).map(drop)
    }
}
