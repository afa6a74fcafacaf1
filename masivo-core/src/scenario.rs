//! Scenarios: what a programme is to do, told in steps, each with what it comes to.
//!
//! ```text
//! register ana                    -> +100
//! emit ana PURCHASE 25 as lunch   -> RESOLVED +25
//! at +30d
//! reverse lunch                   -> REVERSED receipt 2 25 reversed
//! wallet ana                      -> points available=100 held=0 debt=0 | 100@2027-01-01
//! ```
//!
//! - N1: the same scenario comes to the same in every [`World`]: over the rules alone, in memory, in a database.
//! - N2: time only passes where a step says so.
//!
//! The steps are described in docs/scenarios.md.

mod act;
mod define;
mod effects;
mod names;
mod show;
mod text;

pub use text::{Line, read};

use crate::command::Command;
use crate::draft::Customer;
use crate::events::EventRecord;
use crate::fact::{EventReason, Fact};
use crate::prelude::*;
use crate::program::{Kind, Program};
use crate::quota::Quotas;
use crate::rejection::Rejection;
use crate::value::{DAY, HOUR, Json, MINUTE, Timestamp};
use names::Names;
use uuid::Uuid;

/// Where a scenario happens.
pub trait World {
    /// The instant it lives in.
    fn now(&self) -> Timestamp;
    /// The definitions as they are now.
    fn program(&self) -> Arc<Program>;
    /// Lets the time pass; what falls due happens.
    ///
    /// # Errors
    /// When that is not possible.
    fn pass_to(&mut self, at: Timestamp) -> Result<(), Failure>;
    /// Writes a definition, of that id when there is one; gives its id.
    ///
    /// # Errors
    /// When it is refused, or not possible.
    fn define(&mut self, kind: Kind, id: Option<&str>, body: &Json) -> Result<String, Failure>;
    /// Carries a command out.
    ///
    /// # Errors
    /// When it is refused, or not possible.
    fn carry_out(&mut self, command: Command) -> Result<Done, Failure>;
    /// The customer of a merchant's id as they are now, with every lot at hand.
    ///
    /// # Errors
    /// When there is none, or that cannot be asked.
    fn customer(&mut self, id: &str) -> Result<Customer, Failure>;
    /// Everything that was booked for a customer, oldest first, also what fell due by now.
    ///
    /// # Errors
    /// When there is no such customer, or that cannot be asked.
    fn facts(&mut self, customer: &str) -> Result<Vec<Fact>, Failure>;
    /// The event of an id.
    ///
    /// # Errors
    /// When there is none, or that cannot be asked.
    fn event(&mut self, id: Uuid) -> Result<EventRecord, Failure>;
    /// What left the house for a customer since the last look.
    ///
    /// # Errors
    /// When there is no such customer, or that cannot be asked.
    fn take_sent(&mut self, customer: &str) -> Result<Vec<Sent>, Failure>;
    /// What is taken of the quotas that customers share.
    ///
    /// # Errors
    /// When that cannot be asked.
    fn quotas(&mut self) -> Result<Quotas, Failure>;
    /// The code that a customer refers others with, in the campaign of an id; `wanted` is taken where codes can be chosen.
    ///
    /// # Errors
    /// When it is refused, or not possible.
    fn referral_code(&mut self, customer: &str, campaign: &str, wanted: &str) -> Result<String, Failure>;
    /// The code of a gift card: the reward's id, and the card's place in its pool.
    ///
    /// # Errors
    /// When there is none, or that cannot be asked.
    fn gift_card(&mut self, reward: &str, place: u32) -> Result<String, Failure>;
    /// Adds codes to a coupon campaign or to the pool of a gift card.
    ///
    /// # Errors
    /// When it is refused, or not possible.
    fn add_codes(&mut self, kind: Kind, id: &str, codes: Vec<String>) -> Result<(), Failure>;
}

/// What a command did.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// The event that it made or was about.
    pub event: Option<Uuid>,
    /// Why that is still expired, when fulfilling it was not possible.
    pub still_expired: Option<EventReason>,
    /// Whether a list changed, when it is about one.
    pub listed: Option<bool>,
    /// What was booked for its customer, without what fell due before.
    pub facts: Vec<Fact>,
    /// What was booked for the other customer of a transfer.
    pub other: Vec<Fact>,
}

/// Something that left the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A webhook was told.
    Told(String),
    /// An e-mail was made.
    Email {
        /// The template's number.
        template: u32,
        /// When.
        at: Timestamp,
        /// Why it is not sent.
        suppressed: Option<String>,
    },
    /// A device began to follow the push topic of an audience, or no longer does.
    Topic {
        /// The audience's number.
        audience: u32,
        /// Whether it begins.
        subscribe: bool,
    },
}

/// Why a step came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was refused: an answer like any other.
    #[error("{0}")]
    Refused(Rejection),
    /// The step makes no sense, or the world failed.
    #[error("{0}")]
    Fault(String),
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

/// A world, and names for what was made in it.
#[derive(Clone, Debug)]
pub struct Scenario<W> {
    /// The world.
    pub world: W,
    names: Names,
    events: BTreeMap<String, Uuid>,
}

impl<W: World> Scenario<W> {
    /// Begins in a world; its definitions are called by their names.
    pub fn new(world: W) -> Self {
        let names = Names::of(&world.program());
        Self { world, names, events: BTreeMap::new() }
    }

    /// From now on the definition of a kind and an id is called that, before any other name.
    pub fn name(&mut self, kind: Kind, name: &str, id: &str) {
        self.names.put(kind, name, id);
    }

    /// The id of the definition of a name, when there is exactly one.
    pub fn id(&self, name: &str) -> Option<&str> {
        self.names.any(name).ok().map(|(_, id)| id)
    }

    /// The id of the event of a name.
    pub fn event_id(&self, name: &str) -> Option<Uuid> {
        self.events.get(name).copied()
    }

    /// Carries out one step and says what it came to.
    ///
    /// # Errors
    /// What is wrong with the step, or with the world.
    pub fn step(&mut self, step: &str) -> Result<String, String> {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        if text::has_arrow(step) {
            return Err("the arrow needs white space on both sides".to_owned());
        }
        match self.dispatch(word, rest.trim()) {
            Ok(text) => Ok(text),
            Err(Failure::Refused(rejection)) => Ok(refused(&rejection)),
            Err(Failure::Fault(fault)) => Err(fault),
        }
    }

    fn dispatch(&mut self, word: &str, rest: &str) -> Result<String, Failure> {
        match word {
            "at" => self.at(rest),
            "define" => self.define_json(rest),
            "points" => self.points(rest),
            "give" => self.give(rest),
            "tier" if rest.contains(" level ") => self.define_tier(rest),
            "audience" if rest.contains(" when ") || rest.ends_with(" static") => self.define_audience(rest),
            "codes" => self.add_codes(rest),
            "register" | "identify" | "patch" | "tag" | "untag" | "consent" | "device" | "join" | "leave"
            | "delete" => self.change_customer(word, rest),
            "redeem" => self.redeem(rest),
            "card" => self.redeem_card(rest),
            "refer" => self.refer(rest),
            "migrate" => self.migrate(rest),
            "adjust" | "void" => self.adjust(word, rest),
            "transfer" => self.transfer(rest),
            "emit" => self.emit(rest, false),
            "client" => self.emit(rest, true),
            "fulfill" => {
                let event = self.event_named(rest)?;
                self.made(Command::Fulfill { event }, None)
            }
            "reverse" => self.reverse(rest),
            _ => self.show(word, rest),
        }
    }

    /// `at <instant>` or `at +<count><unit>`: ms, m, h, d.
    fn at(&mut self, text: &str) -> Result<String, Failure> {
        let to = match text.strip_prefix('+') {
            Some(text) => {
                let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
                let (count, unit) = text.split_at(digits);
                let unit = match unit {
                    "ms" => 1,
                    "m" => MINUTE,
                    "h" => HOUR,
                    "d" => DAY,
                    _ => return fault(format!("`{text}` is no span: +5d, +3h, +10m or +1ms")),
                };
                let count: i64 = count.parse().map_err(|_| Failure::Fault(format!("`{text}` is no span")))?;
                self.world.now().plus(count.saturating_mul(unit))
            }
            None => instant(text)?,
        };
        if to < self.world.now() {
            return fault(format!("time only passes forward: {to} is before {}", self.world.now()));
        }
        self.world.pass_to(to)?;
        Ok(String::new())
    }

    fn event_named(&self, name: &str) -> Result<Uuid, Failure> {
        match self.events.get(name) {
            Some(event) => Ok(*event),
            None => fault(format!("no event was called `{name}`: `emit … as {name}`")),
        }
    }

    /// JSON text with `$name` replaced by ids; nothing is an empty object.
    pub fn json(&self, text: &str) -> Result<Json, Failure> {
        let text = if text.is_empty() { "{}".to_owned() } else { self.names.resolve(text)? };
        Json::parse(text.as_bytes()).map_err(|report| Failure::Fault(format!("{report}: {text}")))
    }
}

fn fault<T>(text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Fault(text.into()))
}

fn instant(text: &str) -> Result<Timestamp, Failure> {
    match Timestamp::parse_date_or_time(text) {
        Some(instant) => Ok(instant),
        None => fault(format!("`{text}` is no instant: 2026-03-01, or 2026-03-01T12:00:00Z")),
    }
}

/// The first word and the rest.
fn first_word(text: &str) -> (&str, &str) {
    text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

/// Splits off `as <name>`, which stands before or behind the JSON; gives what stands before the JSON, and the JSON.
fn named(text: &str) -> (&str, &str, Option<&str>) {
    let split = |text: &str| -> Option<(usize, usize)> {
        let at = text.rfind(" as ")?;
        let name = text.get(at + 4..)?.trim();
        (!name.is_empty() && !name.contains(' ')).then_some((at, text.len() - name.len()))
    };
    let begin = text.find('{').unwrap_or(text.len());
    let end = text.rfind('}').map_or(begin, |end| end + 1).max(begin);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (json, rest) = (part(begin, text.len()).trim(), part(0, begin).trim_end());
    if let Some((at, name)) = split(part(end, text.len())) {
        return (rest.trim(), part(begin, end + at).trim(), Some(part(end + name, text.len())));
    }
    match split(rest) {
        Some((at, name)) => (part(0, at).trim(), json, rest.get(name..).map(str::trim)),
        None => (rest.trim(), json, None),
    }
}

/// What stands behind a step that takes no more is a mistake.
fn no_more(rest: &str) -> Result<(), Failure> {
    if rest.is_empty() { Ok(()) } else { fault(format!("`{rest}` is not understood")) }
}

/// The word at a place; what is missing is said.
fn word<'t>(words: &[&'t str], place: usize, what: &str) -> Result<&'t str, Failure> {
    match words.get(place) {
        Some(word) => Ok(word),
        None => fault(format!("{what} is missing")),
    }
}

/// An instant without the parts that are zero.
pub fn short(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.trim_end_matches('Z').trim_end_matches(".000");
    text.trim_end_matches("T00:00:00").to_owned()
}

/// The code of a refusal; for malformed input each code with its pointer.
pub fn refused(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Malformed(report) => {
            let problems = report.problems.iter();
            let problems: Vec<String> = problems
                .map(|problem| format!("{} {}", problem.code, problem.pointer).trim().to_owned())
                .collect();
            format!("refused: {}", problems.join(", "))
        }
        Rejection::CampaignFixed { field, status } => format!("refused: campaign_fixed {field} {status}"),
        other => format!("refused: {}", other.code()),
    }
}
