//! Conditions about a customer's past events: how many, how much, which first, what after what.

use super::evaluate::{Seen, each_value, seen, test_truth};
use super::subject::Kind;
use super::{Rule, Span, Subject, Test, View};
use crate::limits::FLIP_STEPS_MAX;
use crate::prelude::*;
use crate::series::Entry;
use crate::value::{Decimal, Json, PeriodKind, Rounding, Timestamp, Zone};
use core::ops::ControlFlow;

/// Which events are looked at, and which value of each: one series of every customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The same for equal selections, in every process: customers' series are kept by it.
    pub id: u64,
    /// The type of the events.
    pub event_type: String,
    /// The brand that the events are of; `None` is any.
    pub brand: Option<String>,
    /// What must hold for an event.
    pub filter: Rule,
    /// The value that is taken of it; `None` takes the event as such.
    pub field: Option<Subject>,
}

/// What is made of the values of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// How many events.
    Count,
    /// The sum of the numbers; 0 of none.
    Sum,
    /// The smallest number.
    Minimum,
    /// The largest number.
    Maximum,
    /// The mean of the numbers, to six places, half up.
    Average,
    /// How many different values.
    Distinct,
    /// The earliest value, or the instant of the earliest event.
    First,
    /// The latest value, or the instant of the latest event.
    Last,
    /// The value that occurs most often; of several the latest.
    MostFrequent,
    /// How many times a sequence of events was completed.
    Sequence,
}

impl Function {
    pub(super) const ALL: [Self; 10] = [
        Self::Count,
        Self::Sum,
        Self::Minimum,
        Self::Maximum,
        Self::Average,
        Self::Distinct,
        Self::First,
        Self::Last,
        Self::MostFrequent,
        Self::Sequence,
    ];

    /// The name that conditions are written with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "events.count",
            Self::Sum => "events.sum",
            Self::Minimum => "events.minimum",
            Self::Maximum => "events.maximum",
            Self::Average => "events.average",
            Self::Distinct => "events.distinct",
            Self::First => "events.first",
            Self::Last => "events.last",
            Self::MostFrequent => "events.most_frequent",
            Self::Sequence => "events.sequence",
        }
    }
}

/// Which part of a series counts, as time passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// All of it.
    Ever,
    /// What happened at x counts at t while x ≤ t < x + span (design, decision "Time windows").
    Last(Span),
    /// A calendar period of the account's zone: the present one, or so many before it.
    Period(PeriodKind, i32),
    /// From an instant on, and before another.
    Between(Timestamp, Timestamp),
    /// After the latest event of another series; nothing can be said before there is one.
    Since(Arc<Selection>),
}

/// What must follow an event for a sequence to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What follows, or must not.
    pub next: Arc<Selection>,
    /// Whether it must not: the sequence is completed when the time is over without it.
    pub never: bool,
    /// In which time after the first.
    pub within: Span,
    /// What must not happen in between.
    pub without: Option<Arc<Selection>>,
}

/// What a condition about events compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSubject {
    /// What is made of the series.
    pub function: Function,
    /// The series.
    pub of: Arc<Selection>,
    /// Which part of it counts.
    pub window: Window,
    /// For a sequence: what follows.
    pub pattern: Option<Pattern>,
}

impl Selection {
    /// A selection; its id is a hash of what it says (FNV-1a).
    pub(super) fn new(event_type: &str, filter: Rule, field: Option<Subject>) -> Self {
        let name = field.as_ref().map(Subject::name).unwrap_or_default();
        let said = [event_type, &filter.source().sorted().to_text(), &name].join("\n");
        Self { id: fnv(said.as_bytes()), event_type: event_type.to_owned(), brand: None, filter, field }
    }

    /// The same among the events of one brand.
    fn of_brand(&self, brand: &str) -> Self {
        let id = fnv(format!("{}\n{brand}", self.id).as_bytes());
        Self { id, brand: Some(brand.to_owned()), ..self.clone() }
    }

    /// What an event adds to the series; nothing when the event does not belong to it. Of product lines each adds its
    /// value that the filter holds for as if it were the only one.
    pub(crate) fn values(&self, event: &View<'_>) -> Vec<Json> {
        if self.brand.as_deref().is_some_and(|brand| event.brand() != Some(brand)) {
            return Vec::new();
        }
        let Some(field) = &self.field else {
            return Vec::from_iter(self.filter.holds(event).then_some(Json::Null));
        };
        let mut values = Vec::new();
        let mut take = |view: &View<'_>| {
            if self.filter.holds(view) {
                each_value(field, view, |value| {
                    values.push(value.to_json());
                    ControlFlow::Continue(())
                });
            }
        };
        if field.is_of_line() {
            (0..event.lines().count()).for_each(|place| take(&event.of_line(place)));
        } else {
            take(event);
        }
        values
    }
}

/// A hash that is the same everywhere: the 64-bit FNV-1a.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl EventSubject {
    /// What kind of value it has.
    pub fn kind(&self) -> Kind {
        match (self.function, &self.of.field) {
            (Function::First | Function::Last, None) => Kind::Instant,
            (Function::First | Function::Last | Function::MostFrequent, Some(_)) => Kind::Free,
            _ => Kind::Number,
        }
    }

    /// The same, looking at the events of one brand only.
    pub(super) fn of_brand(&self, brand: &str) -> Self {
        let of = |selection: &Arc<Selection>| Arc::new(selection.of_brand(brand));
        let window = match &self.window {
            Window::Since(other) => Window::Since(of(other)),
            window => window.clone(),
        };
        let pattern = self.pattern.as_ref().map(|pattern| Pattern {
            next: of(&pattern.next),
            without: pattern.without.as_ref().map(of),
            ..*pattern
        });
        Self { of: of(&self.of), window, pattern, ..*self }
    }

    /// Every series that it looks at.
    pub fn selections(&self) -> impl Iterator<Item = &Arc<Selection>> {
        let since = match &self.window {
            Window::Since(other) => Some(other),
            _ => None,
        };
        let pattern = self.pattern.iter().flat_map(|pattern| [Some(&pattern.next), pattern.without.as_ref()]);
        [Some(&self.of), since].into_iter().chain(pattern).flatten()
    }

    /// For how long an event counts after it happened; `None` when there is no end.
    pub(crate) fn horizon(&self) -> Option<Span> {
        match (&self.window, &self.pattern) {
            (Window::Last(span), None) => Some(*span),
            // A sequence counts from when it was completed.
            (Window::Last(span), Some(pattern)) => pattern.within.and(*span),
            _ => None,
        }
    }

    pub(super) fn is_timed(&self) -> bool {
        let never = self.pattern.as_ref().is_some_and(|pattern| pattern.never);
        never || matches!(self.window, Window::Last(_) | Window::Period(..))
    }

    /// The value at `view.now`; `None` when there is none.
    pub(super) fn value<'a>(&self, view: &View<'a>) -> Option<Seen<'a>> {
        if let Some(pattern) = &self.pattern {
            let counted = self.completed(pattern, view)?.len();
            return Some(Seen::Number(count_of(counted)));
        }
        let entries = self.entries(view)?;
        let numbers = || entries.iter().filter_map(|entry| entry.value.as_number());
        match self.function {
            Function::Count | Function::Sequence => Some(Seen::Number(count_of(entries.len()))),
            Function::Sum => Some(Seen::Number(numbers().fold(Decimal::ZERO, Decimal::saturating_add))),
            Function::Minimum => numbers().min().map(Seen::Number),
            Function::Maximum => numbers().max().map(Seen::Number),
            Function::Average => {
                let sum = numbers().fold(Decimal::ZERO, Decimal::saturating_add);
                let count = count_of(numbers().count());
                sum.multiply_divide(Decimal::ONE, count, 6, Rounding::HalfUp).map(Seen::Number)
            }
            Function::Distinct => {
                let values: BTreeSet<String> = entries.iter().map(|entry| entry.value.to_text()).collect();
                Some(Seen::Number(count_of(values.len())))
            }
            Function::First => entries.first().and_then(|entry| self.shown(entry)),
            Function::Last => entries.last().and_then(|entry| self.shown(entry)),
            Function::MostFrequent => most_frequent(entries).and_then(|entry| self.shown(entry)),
        }
    }

    fn shown<'a>(&self, entry: &'a Entry) -> Option<Seen<'a>> {
        if self.of.field.is_none() { Some(Seen::Instant(entry.at)) } else { seen(&entry.value) }
    }

    /// The part of the series that counts at `view.now`; `None` when that cannot be said.
    pub(crate) fn entries<'a>(&self, view: &View<'a>) -> Option<&'a [Entry]> {
        let entries = happened(&self.of, view);
        let bounds = self.window.bounds(view)?;
        let from = entries.partition_point(|entry| !bounds.is_reached(entry.at, entry.fact, view));
        let to = entries.partition_point(|entry| entry.at < bounds.to);
        Some(entries.get(from..to).unwrap_or_default())
    }

    /// When the sequence was completed, oldest first, with the event it began with and the one that completed it.
    fn completed(&self, pattern: &Pattern, view: &View<'_>) -> Option<Vec<Completed>> {
        let zone = view.program.settings().time_zone;
        let bounds = self.window.bounds(view)?;
        let (next, between) = (happened(&pattern.next, view), pattern.without.as_deref());
        let between = between.map_or(&[][..], |without| happened(without, view));
        let after = |entries: &'_ [Entry], (at, fact): (Timestamp, u64)| {
            entries.partition_point(|entry| (entry.at, entry.fact) <= (at, fact))
        };
        let completed = happened(&self.of, view).iter().filter_map(|begun| {
            let place = (begun.at, begun.fact);
            let until = pattern.within.after(begun.at, zone);
            let followed = next.get(after(next, place)).filter(|entry| entry.at < until);
            if pattern.never {
                let over = followed.is_none() && until <= view.now;
                return over.then_some(Completed { at: until, facts: [begun.fact, 0] });
            }
            let followed = followed?;
            let stopped = between.get(after(between, place));
            let stopped = stopped.is_some_and(|stop| (stop.at, stop.fact) < (followed.at, followed.fact));
            (!stopped).then_some(Completed { at: followed.at, facts: [begun.fact, followed.fact] })
        });
        let counts = |completed: &Completed| {
            let [_, last] = completed.facts;
            bounds.is_reached(completed.at, last, view) && completed.at < bounds.to
        };
        Some(completed.filter(counts).collect())
    }

    /// The facts of the events that it goes by, in the order they came in.
    pub(super) fn cited(&self, view: &View<'_>) -> Vec<u64> {
        let mut facts: Vec<u64> = match &self.pattern {
            Some(pattern) => {
                let completed = self.completed(pattern, view).unwrap_or_default();
                completed
                    .into_iter()
                    .flat_map(|completed| completed.facts)
                    .filter(|fact| *fact != 0)
                    .collect()
            }
            None => {
                let entries = self.entries(view).unwrap_or_default();
                let counted = match self.function {
                    Function::First => entries.get(..1).unwrap_or_default(),
                    Function::Last => entries.get(entries.len().saturating_sub(1)..).unwrap_or_default(),
                    _ => entries,
                };
                counted.iter().map(|entry| entry.fact).collect()
            }
        };
        facts.sort_unstable();
        facts.dedup();
        facts
    }

    /// Offers the instants after `view.now` at which its value changes without new events, as far as `test` cares.
    pub(super) fn offer_changes(&self, test: &Test, view: &View<'_>, offer: &mut dyn FnMut(Timestamp)) {
        let truth = test_truth(test, view);
        let mut later = *view;
        for _ in 0..FLIP_STEPS_MAX {
            let Some(instant) = self.next_change(&later).filter(|instant| *instant < Timestamp::MAX) else {
                return;
            };
            later.now = instant;
            if test_truth(test, &later) != truth {
                return offer(instant);
            }
        }
        // Far more events than are looked at one by one: it is asked again there.
        offer(later.now);
    }

    /// The next instant at which an event leaves the window, a period turns or the time of a sequence is over.
    fn next_change(&self, view: &View<'_>) -> Option<Timestamp> {
        let zone = view.program.settings().time_zone;
        let next = |instants: &mut dyn Iterator<Item = Timestamp>| {
            instants.filter(|instant| *instant > view.now).min()
        };
        let over = self.pattern.as_ref().filter(|pattern| pattern.never).and_then(|pattern| {
            let begun = happened(&self.of, view).iter();
            next(&mut begun.map(|entry| pattern.within.after(entry.at, zone)))
        });
        let moved = match &self.window {
            Window::Last(span) => match &self.pattern {
                None => self.entries(view)?.first().map(|entry| span.after(entry.at, zone)),
                Some(pattern) => {
                    self.completed(pattern, view)?.first().map(|completed| span.after(completed.at, zone))
                }
            },
            Window::Period(kind, back) => {
                let oldest = zone.period_start(*kind, zone.period(*kind, view.now).saturating_sub(*back));
                // A sequence is completed later than it begins.
                let latest = happened(&self.of, view).last().map(|entry| match &self.pattern {
                    Some(pattern) => pattern.within.after(entry.at, zone),
                    None => entry.at,
                });
                let counts = latest.is_some_and(|latest| latest >= oldest);
                (counts || over.is_some()).then(|| zone.next_period_start(*kind, view.now))
            }
            Window::Ever | Window::Between(..) | Window::Since(_) => None,
        };
        over.into_iter().chain(moved).min()
    }
}

/// An entry of the value that occurs most often; of several the latest.
fn most_frequent(entries: &[Entry]) -> Option<&Entry> {
    let mut found: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        let (count, last) = found.entry(entry.value.to_text()).or_default();
        (*count, *last) = (*count + 1, place);
    }
    entries.get(found.into_values().max()?.1)
}

/// A sequence that was completed.
struct Completed {
    at: Timestamp,
    /// The event it began with, and the one that completed it; 0 when none had to.
    facts: [u64; 2],
}

/// Where a window begins and ends at an instant.
struct Bounds<'w> {
    from: Timestamp,
    to: Timestamp,
    /// After that event.
    since: Option<(Timestamp, u64)>,
    span: Option<&'w Span>,
}

impl Bounds<'_> {
    /// Whether what happened then is not too old.
    fn is_reached(&self, at: Timestamp, fact: u64, view: &View<'_>) -> bool {
        let zone: Zone = view.program.settings().time_zone;
        at >= self.from
            && self.since.is_none_or(|since| (at, fact) > since)
            && self.span.is_none_or(|span| view.now < span.after(at, zone))
    }
}

impl Window {
    fn bounds(&self, view: &View<'_>) -> Option<Bounds<'_>> {
        let zone = view.program.settings().time_zone;
        let all = Bounds { from: Timestamp::MIN, to: Timestamp::MAX, since: None, span: None };
        Some(match self {
            Self::Ever => all,
            Self::Last(span) => Bounds { span: Some(span), ..all },
            Self::Period(kind, back) => {
                let number = zone.period(*kind, view.now).saturating_sub(*back);
                let (from, to) =
                    (zone.period_start(*kind, number), zone.period_start(*kind, number.saturating_add(1)));
                Bounds { from, to, ..all }
            }
            Self::Between(from, to) => Bounds { from: *from, to: *to, ..all },
            Self::Since(other) => {
                let last = happened(other, view).last()?;
                Bounds { since: Some((last.at, last.fact)), ..all }
            }
        })
    }
}

/// The events of a series up to now, oldest first.
fn happened<'a>(selection: &Selection, view: &View<'a>) -> &'a [Entry] {
    let entries = view.series.entries(selection.id);
    let to = entries.partition_point(|entry| entry.at <= view.now);
    entries.get(..to).unwrap_or_default()
}

fn count_of(count: usize) -> Decimal {
    Decimal::from_count(u64::try_from(count).unwrap_or(u64::MAX))
}
