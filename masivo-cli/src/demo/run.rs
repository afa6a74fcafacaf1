//! Living through the days: the clock is moved, then the day's commands go through the one door.

use super::plan::{Day, Plan, Settlement, evening};
use crate::definitions::{self, Entry};
use crate::door::{Door, FileDoor};
use crate::error::Failure;
use crate::output::Output;
use masivo_connect::email::Transport;
use masivo_connect::worker::{Settings, deliver_due};
use masivo_core::Command;
use masivo_core::customers::read_registration;
use masivo_core::events::read_event;
use masivo_core::value::{Decimal, HOUR, Json, Timestamp, object};
use masivo_store::{Answer, Config, Engine, Handle, Location, ManualClock, Mode, Query, Request, Work};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// The secret of the store: the demo makes the same ids in every run.
pub(super) const SECRET: [u8; 16] = *b"masivo demo 1997";
/// Fewest points somebody redeems, and most.
const REDEEMED_LEAST: i32 = 20;
const REDEEMED_MOST: i32 = 100;
/// Days between deliveries of what is in the outbox.
const DELIVERY_DAYS: usize = 7;

/// What was measured on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    /// Commands of the days: registrations, orders, settlements.
    pub(super) commands: u64,
    /// Time in which the engine carried them out and lived through the days.
    pub(super) engine: Duration,
    /// Time in which mails were rendered and written.
    pub(super) delivery: Duration,
    /// The slowest groups: how long, and what they were.
    pub(super) slowest: Vec<(Duration, String)>,
}

/// A demo that ran.
pub(super) struct Ran {
    pub(super) engine: Engine,
    pub(super) figures: Figures,
}

/// Runs the plan in a fresh store.
pub(super) fn run(
    path: &Path,
    outbox: &Path,
    program: Vec<Entry>,
    plan: &Plan,
    output: Output,
) -> Result<Ran, Failure> {
    // The program is written in the first hours of the first day, before anybody buys.
    let start = plan.days.keys().next().copied().unwrap_or(Timestamp::EPOCH).plus(8 * HOUR);
    let config = Config {
        secret: Some(SECRET),
        ..Config::new(Location::File(path.to_owned()), Mode::Test, Arc::new(ManualClock::new(start)))
    };
    let engine = Engine::open(config)?;
    let handle = engine.handle();
    let mut door = Door::File(FileDoor::of(engine));
    let written = definitions::plan(program, &handle.program(), handle.now())?;
    definitions::write(&mut door, &written)?;
    let Door::File(door) = door else { return Err(Failure::bug("a file became a server")) };
    let mut replay = Replay {
        handle,
        events: HashMap::new(),
        figures: Figures::default(),
        runtime: Runtime::new().map_err(|error| Failure::environment("runtime", error.to_string(), ""))?,
        mail: Settings { email: Some(Transport::Folder(outbox.to_owned())), ..Settings::default() },
    };
    let bar = output.progress(u64::try_from(plan.purchases).unwrap_or(0), "replaying 1997 and 1998");
    for (number, (day, happenings)) in (1_usize..).zip(&plan.days) {
        replay.live_through(*day, happenings)?;
        if number % DELIVERY_DAYS == 0 {
            replay.deliver()?;
        }
        bar.inc(u64::try_from(happenings.orders.len()).unwrap_or(0));
    }
    replay.deliver()?;
    bar.finish_and_clear();
    Ok(Ran { engine: door.into_engine(), figures: replay.figures })
}

struct Replay {
    handle: Handle,
    /// The events of orders that are settled later, by the order's number.
    events: HashMap<usize, Uuid>,
    figures: Figures,
    runtime: Runtime,
    mail: Settings,
}

impl Replay {
    fn live_through(&mut self, day: Timestamp, happenings: &Day) -> Result<(), Failure> {
        let now = evening(day);
        let date = now.to_string().get(..10).unwrap_or_default().to_owned();
        let begun = Instant::now();
        self.handle.submit_blocking(Work::SetClock(now))?;
        self.note(begun, || format!("{date}: the clock moves on, and what falls due is applied"));
        let requests = self.requests(happenings)?;
        if requests.is_empty() {
            return Ok(());
        }
        let (registrations, orders, settlements) =
            (happenings.registrations.len(), happenings.orders.len(), happenings.settlements.len());
        let count = requests.len();
        let begun = Instant::now();
        let answers = self.handle.submit_all_blocking(requests)?;
        self.note(begun, || {
            format!(
                "{date}: {registrations} registrations, {orders} orders, {settlements} settled, in one group"
            )
        });
        self.figures.commands += u64::try_from(count).unwrap_or(0);
        self.remember(happenings, answers, &date)
    }

    fn note(&mut self, begun: Instant, what: impl FnOnce() -> String) {
        const KEPT: usize = 3;
        let took = begun.elapsed();
        self.figures.engine += took;
        let slowest = &mut self.figures.slowest;
        let place = slowest.iter().position(|(other, _)| took > *other).unwrap_or(slowest.len());
        if place < KEPT {
            slowest.insert(place, (took, what()));
            slowest.truncate(KEPT);
        }
    }

    fn requests(&self, happenings: &Day) -> Result<Vec<Request>, Failure> {
        let mut requests = Vec::new();
        for registration in &happenings.registrations {
            let (request, _) = read_registration(registration).map_err(|report| Failure::from(&report))?;
            requests.push(Command::Register(request).into());
        }
        let query = self.handle.query()?;
        for order in &happenings.orders {
            let mut event = order.event.clone();
            if order.redeems
                && let Some(redeem) = redemption(&query, &order.customer)
            {
                event.set("redeem", Json::List(vec![redeem]));
            }
            let (event, _) = read_event(&event, false).map_err(|report| Failure::from(&report))?;
            requests.push(Command::Emit(event).into());
        }
        for settlement in &happenings.settlements {
            let number = match settlement {
                Settlement::Fulfill(number) | Settlement::Reverse(number, _) => number,
            };
            let event = *self
                .events
                .get(number)
                .ok_or_else(|| Failure::bug(format!("order {number} has no event")))?;
            requests.push(match settlement {
                Settlement::Fulfill(_) => Command::Fulfill { event }.into(),
                Settlement::Reverse(_, reason) => {
                    Command::Reverse { event, reason: (*reason).to_owned(), plan: None, part: None }.into()
                }
            });
        }
        Ok(requests)
    }

    fn remember(
        &mut self,
        happenings: &Day,
        answers: Vec<Result<Answer, masivo_store::SubmitError>>,
        date: &str,
    ) -> Result<(), Failure> {
        let mut answers = answers.into_iter();
        let registrations = happenings.registrations.len();
        for answer in answers.by_ref().take(registrations) {
            answer.map_err(|error| Failure::from(error).within(date))?;
        }
        for order in &happenings.orders {
            let answer = answers.next().ok_or_else(|| Failure::bug("an answer is missing"))?;
            let answer = answer
                .map_err(|error| Failure::from(error).within(&format!("{date}, order {}", order.number)))?;
            let id = match &answer {
                Answer::Event { record, .. } => record.head().map(|head| head.id),
                _ => None,
            };
            let id = id.ok_or_else(|| Failure::bug("an order was answered with no event"))?;
            self.events.insert(order.number, id);
        }
        for answer in answers {
            // A settlement of an order that failed is refused, and rightly so.
            match answer {
                Ok(_)
                | Err(masivo_store::SubmitError::Rejected(masivo_core::Rejection::EventClosed { .. })) => {}
                Err(error) => return Err(Failure::from(error).within(date)),
            }
        }
        Ok(())
    }

    fn deliver(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        let delivered = self.runtime.block_on(deliver_due(&self.handle, &self.mail));
        delivered.map_err(|error| {
            Failure::environment("delivery", error.to_string(), "check the outbox folder")
        })?;
        self.figures.delivery += begun.elapsed();
        Ok(())
    }
}

/// What a customer redeems: whole tens of what can be spent, within bounds.
fn redemption(query: &Query, customer: &str) -> Option<Json> {
    let wallet = query.wallet(customer).ok()?;
    let total = wallet.get("totals")?.items().first()?;
    let available = total.number("total")?.min(Decimal::whole(REDEEMED_MOST));
    let tens = available.multiply_divide(
        Decimal::ONE,
        Decimal::whole(10),
        0,
        masivo_core::value::Rounding::Floor,
    )?;
    let amount =
        tens.multiply_divide(Decimal::whole(10), Decimal::ONE, 0, masivo_core::value::Rounding::Floor)?;
    (amount >= Decimal::whole(REDEEMED_LEAST)).then(|| {
        object().with("id", total.text("reward_id").unwrap_or_default()).with("amount", amount).build()
    })
}
