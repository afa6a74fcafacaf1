//! A draft programme tried on forks of a store: the same history comes again to the programme as it is and to the draft, under
//! a clock of its own, and what became of it is compared.
//!
//! - X1: both forks get the same steps at the same instants; the store itself is only read.
//! - X2: the same store, steps and draft give the same comparison.
//!
//! ```no_run
//! # use masivo_store::simulation::{Fork, Recorded, compare, open_copies};
//! # use std::path::Path;
//! # fn try_out() -> Result<(), masivo_store::SubmitError> {
//! let shop = Path::new("shop.db");
//! let [as_it_is, draft] = open_copies(shop, Path::new("forks"))?;
//! // … here the draft is written into `draft`.
//! let (mut as_it_is, mut draft) = (Fork::begin(as_it_is)?, Fork::begin(draft)?);
//! let mut recorded = Recorded::of_last_days(&as_it_is.engine().handle(), 28)?;
//! let begun = as_it_is.engine().handle().now();
//! while let Some(steps) = recorded.next_steps(&as_it_is.engine().handle())? {
//!     as_it_is.play(&steps)?;
//!     draft.play(&steps)?;
//! }
//! let compared = compare(&as_it_is, &draft, begun)?;
//! # drop(compared); Ok(()) }
//! ```

mod compare;
mod recorded;

pub use compare::compare;
pub use recorded::Recorded;

use crate::engine::{
    Answer, Clock as _, Config, Engine, Location, ManualClock, Mode, Request, SystemClock, Work,
};
use crate::error::SubmitError;
use crate::sqlite::{backup, last_instant, mode_of};
use masivo_core::Command;
use masivo_core::events::{NewEvent, Part};
use masivo_core::value::{DAY, Json, Timestamp, object};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Steps carried out together.
const STEPS_AT_ONCE: usize = 256;

/// Something that happens in a simulation.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    /// An event comes in.
    Event {
        /// What later steps call it: any number of its own.
        name: u64,
        /// The event.
        event: Box<NewEvent>,
    },
    /// An event is fulfilled.
    Fulfill(u64),
    /// An event is reversed or cancelled.
    Reverse {
        /// The event.
        event: u64,
        /// The part of it that comes back; all of it without.
        part: Option<Part>,
    },
    /// Something else is done.
    Other(Box<Command>),
}

/// A copy of a store that has a clock and a future of its own.
#[derive(Debug)]
pub struct Fork {
    engine: Engine,
    events: BTreeMap<u64, Uuid>,
    played: Played,
}

/// What became of the steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Steps that were carried out.
    pub steps: u64,
    /// Events by the status that they first had.
    pub events: BTreeMap<&'static str, u64>,
    /// Steps that were refused, by the code of the refusal.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Played {
    fn to_json(&self) -> Json {
        let counts = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().fold(object(), |shown, (name, count)| shown.with(*name, *count)).build()
        };
        object()
            .with("steps", self.steps)
            .with("events", counts(&self.events))
            .with("refused", counts(&self.refused))
            .build()
    }
}

/// A step on its way: what it names, once it is an event.
enum Sent {
    Clock,
    Event(u64),
    Other,
}

/// Copies a store file twice into a folder and opens the copies, both as the store is at one instant: its present.
///
/// # Errors
/// [`SubmitError::Store`] when the store cannot be read or the copies not written.
pub fn open_copies(store: &Path, folder: &Path) -> Result<[Engine; 2], SubmitError> {
    let mode = mode_of(store)?.unwrap_or(Mode::Live);
    let copies = [folder.join("now.db"), folder.join("draft.db")];
    let [first, second] = &copies;
    backup(store, first)?;
    // Not of the store again: it may be in use.
    backup(first, second)?;
    let last = last_instant(first)?.unwrap_or(Timestamp::MIN);
    let now = match mode {
        Mode::Live => last.max(SystemClock::default().now()),
        Mode::Test => last,
    };
    let open = |copy: PathBuf| {
        let clock = Arc::new(ManualClock::new(now));
        Engine::open(Config::new(Location::File(copy), mode, clock))
    };
    let [first, second] = copies;
    Ok([open(first)?, open(second)?])
}

impl Fork {
    /// Begins with the engine of a copy, at the next midnight (UTC) after its present: so whole days can be compared. What
    /// falls due by then has happened.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn begin(engine: Engine) -> Result<Self, SubmitError> {
        let midnight = engine.handle().now().day().saturating_add(1).saturating_mul(DAY);
        let fork = Self { engine, events: BTreeMap::new(), played: Played::default() };
        fork.pass_to(Timestamp::from_milliseconds(midnight))?;
        Ok(fork)
    }

    /// The engine of the copy.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What became of the steps so far.
    pub const fn played(&self) -> &Played {
        &self.played
    }

    /// Carries steps out, each at its instant, after everything that fell due by then. What is refused is counted and
    /// stops nothing; so do steps about an event that was refused.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn play(&mut self, steps: &[Step]) -> Result<(), SubmitError> {
        let (mut requests, mut sent) = (Vec::new(), Vec::new());
        let mut now = self.engine.handle().now();
        for step in steps {
            let names =
                |name: u64| sent.iter().any(|sent| matches!(sent, Sent::Event(known) if *known == name));
            let waits = match &step.what {
                What::Fulfill(event) | What::Reverse { event, .. } => names(*event),
                What::Event { .. } | What::Other(_) => false,
            };
            if waits || sent.len() >= STEPS_AT_ONCE {
                self.carry_out(std::mem::take(&mut requests), &std::mem::take(&mut sent))?;
            }
            if step.at > now {
                now = step.at;
                requests.push(Request::from(Work::SetClock(now)));
                sent.push(Sent::Clock);
            }
            let Some((command, is)) = self.command(&step.what) else {
                self.refused("event_not_found");
                continue;
            };
            requests.push(command.into());
            sent.push(is);
        }
        self.carry_out(requests, &sent)
    }

    fn command(&self, what: &What) -> Option<(Command, Sent)> {
        Some(match what {
            What::Event { name, event } => (Command::Emit((**event).clone()), Sent::Event(*name)),
            What::Fulfill(event) => (Command::Fulfill { event: *self.events.get(event)? }, Sent::Other),
            What::Reverse { event, part } => {
                let event = *self.events.get(event)?;
                let (reason, part) = ("simulated".to_owned(), part.clone());
                (Command::Reverse { event, reason, plan: None, part }, Sent::Other)
            }
            What::Other(command) => ((**command).clone(), Sent::Other),
        })
    }

    fn carry_out(&mut self, requests: Vec<Request>, sent: &[Sent]) -> Result<(), SubmitError> {
        if requests.is_empty() {
            return Ok(());
        }
        let answers = self.engine.handle().submit_all_blocking(requests)?;
        for (answer, sent) in answers.into_iter().zip(sent) {
            match (answer, sent) {
                (Ok(_), Sent::Clock) => {}
                (Ok(Answer::Event { record, .. }), Sent::Event(name)) => {
                    self.played.steps += 1;
                    if let Some(head) = record.head() {
                        self.events.insert(*name, head.id);
                    }
                    *self.played.events.entry(record.status.name()).or_default() += 1;
                }
                (Ok(_), _) => self.played.steps += 1,
                (Err(SubmitError::Rejected(why)), Sent::Event(_) | Sent::Other) => self.refused(why.code()),
                (Err(error), _) => return Err(error),
            }
        }
        Ok(())
    }

    fn refused(&mut self, code: &'static str) {
        *self.played.refused.entry(code).or_default() += 1;
    }

    /// Lets the time pass; what falls due happens.
    ///
    /// # Errors
    /// [`SubmitError::Rejected`] when it is before the fork's present or more than two years after it.
    pub fn pass_to(&self, at: Timestamp) -> Result<(), SubmitError> {
        self.engine.handle().submit_blocking(Work::SetClock(at)).map(drop)
    }
}
