//! Rules: one bounded tree that campaigns, tiers, audiences and journeys all use.
//!
//! A rule is written as the product's `Condition[][]` (an OR of ANDs), or as a tree of `all`, `any` and `not`, and compiled once,
//! when it is defined.
//! It is evaluated to one of three truths: a condition over a missing value is [`Truth::Unknown`], and a rule
//! that is not [`Truth::True`] does not hold (`docs/rules.md` has the truth table).
//!
//! Invariants:
//! - R1: evaluation reads only its [`View`]; the same view gives the same truth.
//! - R2: a rule has at most 500 nodes and 16 levels; evaluation cannot run away.
//! - R3: [`Rule::verdict`] gives the earliest later instant at which the rule's answer differs, nothing else
//!   changing.

mod condition;
mod evaluate;
mod event_condition;
mod events;
mod evidence;
mod flip;
mod key;
mod overlap;
mod subject;

pub use condition::{CONDITIONS, VALUE, read_conditions, read_value};
pub use evaluate::{Failure, Truth, View};
pub(crate) use events::fnv;
pub use events::{EventSubject, Function, Pattern, Selection, Window};
pub use evidence::{Counted, Evidence};
pub(crate) use key::Key;
pub use subject::{MetricField, MetricPeriod, Subject};

use crate::prelude::*;
use crate::value::{Decimal, Json, Timestamp, Zone};

/// A compiled rule together with the conditions it was written as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    node: Node,
    source: Json,
    inputs: Inputs,
    /// Whether the answer can change by the mere passing of time.
    timed: bool,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Test(Test),
}

/// One comparison: a leaf of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// Which condition it is, counted through the whole rule.
    pub(crate) number: u16,
    pub(crate) subject: Subject,
    pub(crate) operator: Operator,
    pub(crate) operand: Operand,
    /// The test is the negation of the operator (`not_equals`, `not_in`, …).
    pub(crate) negated: bool,
    /// Of several values every one must hold, where otherwise any does.
    pub(crate) every: bool,
}

/// What is compared, after negation has been taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equals,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    Between,
    In,
    Contains,
    StartsWith,
    EndsWith,
    Exists,
    WithinLast,
    MoreThanAgo,
}

/// What a subject is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Nothing,
    Text(String),
    Number(Decimal),
    Flag(bool),
    Instant(Timestamp),
    Numbers(Decimal, Decimal),
    Instants(Timestamp, Timestamp),
    List(Vec<Json>),
    Span(Span),
    /// A day of the year.
    MonthDay(u32, u32),
    /// The present local day, whatever the year.
    Today,
}

/// A length of time, written `30/days`.
///
/// Minutes, hours, days and weeks are exact (a day is 24 hours); months and years follow the calendar of the
/// account's zone (design, decisions "Time windows" and "Lots").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// So many milliseconds.
    Exact(i64),
    /// So many calendar months.
    Months(u32),
}

impl Span {
    /// Reads `30/days`, `12/months`, `1/year` and the like: 1 to 100,000 units.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let count: u32 = count.trim().parse().ok().filter(|count| (1..=100_000).contains(count))?;
        let exact = |unit: i64| Some(Self::Exact(i64::from(count).saturating_mul(unit)));
        match unit.trim().to_lowercase().trim_end_matches('s') {
            "minute" => exact(crate::value::MINUTE),
            "hour" => exact(crate::value::HOUR),
            "day" => exact(crate::value::DAY),
            "week" => exact(crate::value::WEEK),
            "month" => Some(Self::Months(count)),
            "year" => count.checked_mul(12).map(Self::Months),
            _ => None,
        }
    }

    /// Both lengths one after the other; `None` for days and months, which are not added up.
    pub(crate) const fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => Some(Self::Exact(one.saturating_add(other))),
            (Self::Months(one), Self::Months(other)) => Some(Self::Months(one.saturating_add(other))),
            _ => None,
        }
    }

    /// The instant this much after `from`.
    pub fn after(self, from: Timestamp, zone: Zone) -> Timestamp {
        match self {
            Self::Exact(milliseconds) => from.plus(milliseconds),
            Self::Months(months) => zone.plus_months(from, months),
        }
    }
}

/// The kinds of data a rule reads, so that a change of others need not look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Inputs(u16);

impl Inputs {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The event at hand.
    pub const EVENT: Self = Self(1);
    /// Metrics of the customer.
    pub const METRICS: Self = Self(2);
    /// Tier of the customer.
    pub const TIER: Self = Self(4);
    /// Profile fields, tags and metadata of the customer.
    pub const PROFILE: Self = Self(8);
    /// The time of evaluation.
    pub const TIME: Self = Self(16);
    /// Past events of the customer.
    pub const HISTORY: Self = Self(32);
    /// Audiences that the customer is in.
    pub const MEMBERS: Self = Self(64);
    /// What the customer allows.
    pub const CONSENT: Self = Self(128);
    /// Computed traits of the customer.
    pub const TRAITS: Self = Self(256);
    /// Everything.
    pub const ALL: Self = Self(511);

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether some kind is in both.
    pub const fn touches(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Rule {
    /// The rule that always holds: no conditions.
    pub fn always() -> Self {
        Self {
            node: Node::All(Vec::new()),
            source: Json::List(Vec::new()),
            inputs: Inputs::NONE,
            timed: false,
        }
    }

    pub(crate) fn new(node: Node, source: Json) -> Self {
        let (mut inputs, mut timed) = (Inputs::NONE, false);
        node.visit(&mut |test| {
            inputs = inputs.and(test.subject.inputs());
            timed |= flip::is_timed(test);
        });
        Self { node, source, inputs, timed }
    }

    /// What it says of past events.
    pub fn events(&self) -> Vec<Arc<EventSubject>> {
        let mut events = Vec::new();
        self.node.visit(&mut |test| {
            if let Subject::Events(subject) = &test.subject {
                events.push(Arc::clone(subject));
            }
        });
        events
    }

    /// The same rule where all that it says of past events is about the events of one brand.
    #[must_use]
    pub fn of_brand(mut self, brand: &str) -> Self {
        self.node.visit_mut(&mut |test| {
            if let Subject::Events(subject) = &mut test.subject {
                *subject = Arc::new(subject.of_brand(brand));
            }
        });
        self
    }

    /// Hands everything it looks at to `on_subject`.
    pub(crate) fn each_subject(&self, mut on_subject: impl FnMut(&Subject)) {
        self.node.visit(&mut |test| on_subject(&test.subject));
    }

    /// The ids of the audiences that it asks for, as often as it does.
    pub fn audiences(&self) -> Vec<String> {
        let mut ids = Vec::new();
        self.node.visit(&mut |test| ids.extend(test.audiences().map(ToOwned::to_owned)));
        ids
    }

    /// The conditions as they were written, with today's names.
    pub const fn source(&self) -> &Json {
        &self.source
    }

    /// What the rule reads.
    pub const fn inputs(&self) -> Inputs {
        self.inputs
    }

    /// Whether the rule has no conditions.
    pub fn is_always(&self) -> bool {
        let mut tests = 0;
        self.node.visit(&mut |_| tests += 1);
        tests == 0
    }

    /// The condition of that number as it was written, and whether it stands within an odd number of `not`: then it counts
    /// when it is false.
    pub fn condition(&self, mut number: u16) -> Option<(&Json, bool)> {
        condition::written(&self.source, false, &mut number)
    }

    /// Whether the rule holds: only when it is true, not when it is unknown.
    pub fn holds(&self, view: &View<'_>) -> bool {
        self.truth(view) == Truth::True
    }

    /// The truth of the rule.
    pub fn truth(&self, view: &View<'_>) -> Truth {
        evaluate::truth(&self.node, view)
    }

    /// Whether some event at some time could make the rule hold: everything it says of the customer is true.
    pub fn may_hold(&self, view: &View<'_>) -> bool {
        evaluate::may_hold(&self.node, view)
    }

    /// The places of the product lines that the rule's conditions on products hold for, counted from 0; where they only hold for
    /// different lines, each of those. None where it has no such conditions.
    pub fn lines(&self, view: &View<'_>) -> Vec<u32> {
        let mut asks = false;
        self.node.visit(&mut |test| asks |= test.subject.is_of_line());
        if !asks {
            return Vec::new();
        }
        let of = |whole: bool| -> Vec<u32> {
            let holds = |place: &u32| {
                let line = view.of_line(usize::try_from(*place).unwrap_or(usize::MAX));
                evaluate::holds_for_line(&self.node, &line, whole) == Some(true)
            };
            (0..).zip(view.lines()).map(|(place, _)| place).filter(holds).collect()
        };
        let whole = of(true);
        if whole.is_empty() { of(false) } else { whole }
    }

    /// How many conditions stand in the branch of a condition: with more than one, all of them have to hold. Not known of a tree:
    /// 0.
    pub fn branch_length(&self, condition: u16) -> usize {
        let mut before = 0;
        for branch in self.source.items() {
            before += branch.items().len();
            if usize::from(condition) < before {
                return branch.items().len();
            }
        }
        0
    }

    /// Why the rule does not hold: the first failing condition of the branch that came furthest.
    pub fn failure(&self, view: &View<'_>) -> Option<Failure> {
        evaluate::failure(&self.node, view)
    }

    /// The whole rule with the truth of every node and the value that each condition sees; `cite` shows the events that it
    /// goes by.
    pub fn explain(&self, view: &View<'_>, mut cite: impl FnMut(Evidence) -> Json) -> Json {
        evidence::tree(self, &self.node, view, &mut cite)
    }

    /// Whether the rule holds, and the earliest instant after `view.now` at which that changes by the mere passing
    /// of time.
    ///
    /// When the search is cut short by its bound, the instant up to which nothing changes is given: looking again
    /// there is harmless.
    pub fn verdict(&self, view: &View<'_>) -> (bool, Option<Timestamp>) {
        let holds = self.holds(view);
        (holds, if self.timed { flip::next_flip(self, view, holds) } else { None })
    }

    pub(crate) const fn node(&self) -> &Node {
        &self.node
    }
}

impl Test {
    /// The numbers that it compares with.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = Decimal> {
        let (one, other, many) = match &self.operand {
            Operand::Number(bound) => (Some(*bound), None, &[][..]),
            Operand::Numbers(from, to) => (Some(*from), Some(*to), &[][..]),
            Operand::List(items) => (None, None, items.as_slice()),
            _ => (None, None, &[][..]),
        };
        let number = |item: &Json| item.as_number().or_else(|| item.as_text()?.parse().ok());
        one.into_iter().chain(other).chain(many.iter().filter_map(number))
    }

    /// The ids of the audiences that it asks for.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match &self.operand {
            Operand::Text(id) if self.subject == Subject::Audiences => (Some(id.as_str()), &[][..]),
            Operand::List(ids) if self.subject == Subject::Audiences => (None, ids.as_slice()),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().filter_map(Json::as_text))
    }
}

impl Node {
    pub(crate) fn visit(&self, on_test: &mut impl FnMut(&Test)) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.visit(on_test)),
            Self::Test(test) => on_test(test),
        }
    }

    fn visit_mut(&mut self, on_test: &mut impl FnMut(&mut Test)) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter_mut().for_each(|node| node.visit_mut(on_test)),
            Self::Test(test) => on_test(test),
        }
    }
}
