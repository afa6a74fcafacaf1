//! Evaluating a rule: three truths, and the reason when it does not hold.

use super::subject::{MetricField, MetricPeriod, Subject};
use super::{Inputs, Node, Operand, Operator, Test, evidence};
use crate::metrics::Bucket;
use crate::prelude::*;
use crate::profile::Profile;
use crate::program::{AudienceKind, Drawing, Program, TraitSpec};
use crate::series::{NO_SERIES, SeriesSet};
use crate::state::State;
use crate::value::{DAY, Decimal, Json, Timestamp, Zone};
use core::ops::ControlFlow;

/// What evaluating a rule gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    False,
    /// It cannot be said, since a value is missing.
    Unknown,
    /// It holds.
    True,
}

impl Truth {
    /// The truth of a known comparison.
    pub const fn known(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// Unknown stays unknown.
    #[must_use]
    pub const fn negate(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    /// The word used in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::False => "false",
            Self::Unknown => "unknown",
            Self::True => "true",
        }
    }
}

/// All that a rule may look at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The instant the question is asked for: an event's own instant, or the present.
    pub now: Timestamp,
    /// The definitions.
    pub program: &'a Program,
    /// The customer's working state.
    pub state: &'a State,
    /// The customer's personal part.
    pub profile: &'a Profile,
    /// The customer's past events, as far as rules look at them.
    pub(crate) series: &'a SeriesSet,
    /// The data of the event at hand.
    event: Option<&'a Json>,
    /// Its order, which most conditions of campaigns are about: looked up once.
    order: Option<&'a Json>,
    /// The only product line that is looked at, when not all are.
    line: Option<usize>,
    /// Whether membership in audiences is what their rules say at that instant, and not what was booked.
    live: bool,
}

impl<'a> View<'a> {
    /// A customer at an instant, and the event at hand.
    pub fn new(
        now: Timestamp,
        program: &'a Program,
        state: &'a State,
        profile: &'a Profile,
        event: Option<&'a Json>,
    ) -> Self {
        let order = event.and_then(|event| event.get("order"));
        Self { now, program, state, profile, series: &NO_SERIES, event, order, line: None, live: false }
    }

    /// The same with the customer's past events.
    #[must_use]
    pub const fn with_series(self, series: &'a SeriesSet) -> Self {
        Self { series, ..self }
    }

    /// The same where membership in other audiences is what their rules say at that instant: how audiences are judged.
    #[must_use]
    pub const fn live(self) -> Self {
        Self { live: true, ..self }
    }

    /// Whether the customer is in an audience.
    pub(crate) fn is_member(&self, audience: u32) -> bool {
        let rule = self.program.audience(audience).filter(|_| self.live);
        match rule.map(|audience| (&audience.spec.kind, audience.spec.active)) {
            Some((AudienceKind::Dynamic(rule), true)) => rule.holds(self),
            Some((AudienceKind::Dynamic(_), false)) => false,
            Some((AudienceKind::Static, _)) | None => self.state.is_member(audience),
        }
    }

    /// The brand of the event at hand.
    pub(crate) fn brand(&self) -> Option<&'a str> {
        self.event?.text("brand_id")
    }

    /// The same at another instant.
    #[must_use]
    pub const fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// The same as if one product line were the only one.
    #[must_use]
    pub(crate) const fn of_line(self, place: usize) -> Self {
        Self { line: Some(place), ..self }
    }

    /// The product lines of the event: those of its order, or the single product of a cart.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a Json> {
        let lines = self.order.and_then(|order| order.get("products")).map_or(&[][..], Json::items);
        lines.iter().chain(self.event.and_then(|event| event.get("product")))
    }

    /// The same with another working state.
    #[must_use]
    pub const fn with_state(self, state: &'a State) -> Self {
        Self { state, ..self }
    }
}

/// Why a rule does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The number of the condition, counted through the rule.
    pub condition: u16,
    /// False, or unknown because the value is missing.
    pub truth: Truth,
    /// The value that was seen; several when product lines were looked at.
    pub seen: Json,
}

/// A value as a rule sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen<'a> {
    Text(&'a str),
    Number(Decimal),
    Flag(bool),
    Instant(Timestamp),
    /// A calendar date, kept as midnight UTC.
    Date(Timestamp),
}

impl Seen<'_> {
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::from(*text),
            Self::Number(number) => Json::Number(*number),
            Self::Flag(flag) => Json::Bool(*flag),
            Self::Instant(instant) => Json::from(*instant),
            Self::Date(date) => Json::from(date.utc().format("%Y-%m-%d").to_string()),
        }
    }
}

pub(super) fn truth(node: &Node, view: &View<'_>) -> Truth {
    match node {
        Node::All(nodes) => {
            let mut result = Truth::True;
            for node in nodes {
                match truth(node, view) {
                    Truth::False => return Truth::False,
                    Truth::Unknown => result = Truth::Unknown,
                    Truth::True => {}
                }
            }
            result
        }
        Node::Any(nodes) => {
            let mut result = Truth::False;
            for node in nodes {
                match truth(node, view) {
                    Truth::True => return Truth::True,
                    Truth::Unknown => result = Truth::Unknown,
                    Truth::False => {}
                }
            }
            result
        }
        Node::Test(test) => test_truth(test, view),
    }
}

/// Whether everything that a node says of the customer is true; what it says of events and times is left open.
pub(super) fn may_hold(node: &Node, view: &View<'_>) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().all(|node| may_hold(node, view)),
        Node::Any(nodes) => nodes.iter().any(|node| may_hold(node, view)),
        Node::Test(test) => {
            test.subject.inputs().touches(Inputs::EVENT.and(Inputs::TIME)) || truth(node, view) == Truth::True
        }
    }
}

/// Whether what a node says of product lines holds for the only line that is looked at, all of it or at least a part; `None`
/// when it says nothing of them.
pub(super) fn holds_for_line(node: &Node, view: &View<'_>, whole: bool) -> Option<bool> {
    let of = |nodes: &[Node]| -> Vec<bool> {
        nodes.iter().filter_map(|node| holds_for_line(node, view, whole)).collect()
    };
    match node {
        Node::Test(test) => test.subject.is_of_line().then(|| test_truth(test, view) == Truth::True),
        Node::All(nodes) if whole => of(nodes).into_iter().min(),
        Node::All(nodes) | Node::Any(nodes) => of(nodes).into_iter().max(),
    }
}

/// The first failing condition of the branch that came furthest; nothing when the rule holds.
pub(super) fn failure(node: &Node, view: &View<'_>) -> Option<Failure> {
    let judged = judge(node, view);
    let (test, truth) = judged.failing.filter(|_| judged.truth != Truth::True)?;
    Some(Failure { condition: test.number, truth, seen: evidence::seen(test, view) })
}

/// What one pass over a node finds.
struct Judged<'r> {
    truth: Truth,
    /// How many conditions held before the first that did not.
    holding: usize,
    failing: Option<(&'r Test, Truth)>,
}

fn judge<'r>(node: &'r Node, view: &View<'_>) -> Judged<'r> {
    match node {
        Node::Test(test) => {
            let truth = test_truth(test, view);
            let holds = truth == Truth::True;
            Judged { truth, holding: usize::from(holds), failing: (!holds).then_some((test, truth)) }
        }
        Node::All(nodes) => {
            let mut all = Judged { truth: Truth::True, holding: 0, failing: None };
            for node in nodes {
                let judged = judge(node, view);
                if all.failing.is_none() {
                    all.holding += judged.holding;
                    all.failing = judged.failing.filter(|_| judged.truth != Truth::True);
                }
                all.truth = all.truth.min(judged.truth);
                if all.truth == Truth::False {
                    break;
                }
            }
            all
        }
        Node::Any(nodes) => {
            let mut best: Option<Judged<'r>> = None;
            for node in nodes {
                let judged = judge(node, view);
                if judged.truth == Truth::True {
                    return judged;
                }
                let truth = best.as_ref().map_or(judged.truth, |best| best.truth.max(judged.truth));
                if best.as_ref().is_none_or(|best| judged.holding > best.holding) {
                    best = Some(judged);
                }
                if let Some(best) = &mut best {
                    best.truth = truth;
                }
            }
            best.unwrap_or(Judged { truth: Truth::False, holding: 0, failing: None })
        }
    }
}

/// A test over several values holds when it holds for any of them, or for all; a negated one when it holds for none.
pub(super) fn test_truth(test: &Test, view: &View<'_>) -> Truth {
    if test.subject == Subject::Audiences {
        // Whoever is in none of them is simply not in: nothing is missing.
        let is_in =
            |id: &str| view.program.audience_by_id(id).is_some_and(|found| view.is_member(found.number));
        let truth =
            Truth::known(if test.every { test.audiences().all(is_in) } else { test.audiences().any(is_in) });
        return if test.negated { truth.negate() } else { truth };
    }
    let mut found = false;
    // The value of all of them that says nothing yet, and the one that nothing goes beyond.
    let (mut result, last) =
        if test.every { (Truth::True, Truth::False) } else { (Truth::False, Truth::True) };
    each_value(&test.subject, view, |value| {
        found = true;
        let truth = compare(test, &value, view);
        result = if test.every { result.min(truth) } else { result.max(truth) };
        if result == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let result = match (test.operator, found) {
        (Operator::Exists, _) => Truth::known(found),
        (_, false) => Truth::Unknown,
        (_, true) => result,
    };
    if test.negated { result.negate() } else { result }
}

fn compare(test: &Test, value: &Seen<'_>, view: &View<'_>) -> Truth {
    let zone = view.program.settings().time_zone;
    match (test.operator, &test.operand, value) {
        (Operator::WithinLast, Operand::Span(span), _) => as_instant(value, zone)
            .map_or(Truth::Unknown, |from| {
                Truth::known(from <= view.now && view.now < span.after(from, zone))
            }),
        (Operator::MoreThanAgo, Operand::Span(span), _) => {
            let from = as_instant(value, zone);
            from.map_or(Truth::Unknown, |from| Truth::known(view.now >= span.after(from, zone)))
        }
        (Operator::Equals, Operand::Today, _) => month_day(value, view)
            .map_or(Truth::Unknown, |(month, day)| Truth::known(zone.is_anniversary(month, day, view.now))),
        (Operator::Equals, Operand::MonthDay(month, day), _) => {
            month_day(value, view).map_or(Truth::Unknown, |seen| Truth::known(seen == (*month, *day)))
        }
        (Operator::Equals, operand, _) => Truth::known(equal(operand, value, zone)),
        (Operator::In, Operand::List(items), _) => {
            Truth::known(items.iter().any(|item| listed(item, value, zone)))
        }
        (Operator::Contains, Operand::Text(part), Seen::Text(text)) => {
            Truth::known(text.contains(part.as_str()))
        }
        (Operator::StartsWith, Operand::Text(part), Seen::Text(text)) => {
            Truth::known(text.starts_with(part.as_str()))
        }
        (Operator::EndsWith, Operand::Text(part), Seen::Text(text)) => {
            Truth::known(text.ends_with(part.as_str()))
        }
        (Operator::Between, Operand::Numbers(from, to), Seen::Number(number)) => {
            Truth::known(from <= number && number <= to)
        }
        (Operator::Between, Operand::Instants(from, to), _) => as_instant(value, zone)
            .map_or(Truth::Unknown, |instant| Truth::known(*from <= instant && instant <= *to)),
        (operator, Operand::Number(bound), Seen::Number(number)) => ordered(operator, number, bound),
        (operator, Operand::Instant(bound), _) => {
            as_instant(value, zone).map_or(Truth::Unknown, |instant| ordered(operator, &instant, bound))
        }
        // A stored value of another type than the rule expects says nothing.
        _ => Truth::Unknown,
    }
}

fn ordered<T: Ord>(operator: Operator, value: &T, bound: &T) -> Truth {
    match operator {
        Operator::GreaterThan => Truth::known(value > bound),
        Operator::GreaterThanOrEqual => Truth::known(value >= bound),
        Operator::LessThan => Truth::known(value < bound),
        Operator::LessThanOrEqual => Truth::known(value <= bound),
        Operator::Equals
        | Operator::Between
        | Operator::In
        | Operator::Contains
        | Operator::StartsWith
        | Operator::EndsWith
        | Operator::Exists
        | Operator::WithinLast
        | Operator::MoreThanAgo => Truth::Unknown,
    }
}

fn equal(operand: &Operand, value: &Seen<'_>, zone: Zone) -> bool {
    match (operand, value) {
        (Operand::Text(wanted), Seen::Text(text)) => wanted == text,
        (Operand::Number(wanted), Seen::Number(number)) => wanted == number,
        (Operand::Flag(wanted), Seen::Flag(flag)) => wanted == flag,
        (Operand::Instant(wanted), _) => as_instant(value, zone) == Some(*wanted),
        _ => false,
    }
}

fn listed(item: &Json, value: &Seen<'_>, zone: Zone) -> bool {
    match (item, value) {
        (Json::Text(wanted), Seen::Text(text)) => wanted == text,
        (Json::Number(wanted), Seen::Number(number)) => wanted == number,
        (Json::Bool(wanted), Seen::Flag(flag)) => wanted == flag,
        (Json::Text(wanted), Seen::Number(number)) => {
            wanted.parse::<Decimal>().is_ok_and(|wanted| wanted == *number)
        }
        (Json::Text(wanted), Seen::Instant(_) | Seen::Date(_)) => {
            let wanted = zone.parse_date_or_time(wanted);
            wanted.is_some() && wanted == as_instant(value, zone)
        }
        _ => false,
    }
}

/// A value as an instant: a calendar date begins at midnight of the account's zone, as the dates that rules are
/// written with do.
pub(super) fn as_instant(value: &Seen<'_>, zone: Zone) -> Option<Timestamp> {
    match value {
        Seen::Instant(instant) => Some(*instant),
        Seen::Date(date) => {
            let date = Zone::UTC.local(*date);
            zone.start_of_date(date.year, date.month, date.day)
        }
        Seen::Text(text) => zone.parse_date_or_time(text),
        Seen::Number(_) | Seen::Flag(_) => None,
    }
}

/// The day of the year: of a calendar date as it is, of an instant in the account's zone.
pub(super) fn month_day(value: &Seen<'_>, view: &View<'_>) -> Option<(u32, u32)> {
    match value {
        Seen::Date(date) => {
            let local = Zone::UTC.local(*date);
            Some((local.month, local.day))
        }
        Seen::Instant(instant) => {
            let local = view.program.settings().time_zone.local(*instant);
            Some((local.month, local.day))
        }
        Seen::Text(_) | Seen::Number(_) | Seen::Flag(_) => None,
    }
}

/// Hands the values of a subject to `on_value` until it has seen enough: none when it is missing, several for product
/// lines.
pub(super) fn each_value<'a>(
    subject: &Subject,
    view: &View<'a>,
    mut on_value: impl FnMut(Seen<'a>) -> ControlFlow<()>,
) {
    match subject {
        Subject::Product(field, _) => each_line(view, |line| line.get(field).and_then(seen), on_value),
        Subject::ProductTag(tag) => {
            each_line(view, |line| line.get("tags")?.get(tag).and_then(seen), on_value);
        }
        Subject::EventMetadata(path) => {
            each_item(view.event.and_then(|event| event.get("metadata")?.path(path)), on_value);
        }
        Subject::Metadata(path) => {
            let metadata = view.profile.fields().get("metadata");
            each_item(metadata.and_then(|metadata| metadata.path(path)), on_value);
        }
        Subject::Device(field) => {
            let devices = view.profile.live_devices(view.now);
            let values = devices.filter_map(|device| seen(device.get("device_info")?.get(field)?));
            let _ = { values }.try_for_each(&mut on_value);
        }
        Subject::Audiences => {
            let inside = view.state.memberships.iter().filter(|membership| membership.inside);
            let audiences = inside.filter_map(|membership| view.program.audience(membership.audience));
            let _ = { audiences }.map(|audience| Seen::Text(audience.id_text())).try_for_each(&mut on_value);
        }
        single => {
            if let Some(value) = value(single, view) {
                let _ = on_value(value);
            }
        }
    }
}

/// The items of a list, or a single value.
fn each_item<'a>(json: Option<&'a Json>, mut on_value: impl FnMut(Seen<'a>) -> ControlFlow<()>) {
    let items = match json {
        Some(Json::List(items)) => items.as_slice(),
        single => single.map_or(&[][..], core::slice::from_ref),
    };
    let _ = items.iter().filter_map(seen).try_for_each(&mut on_value);
}

impl Subject {
    /// The number that a subject is; `None` when it is missing, or something else.
    pub(crate) fn number(&self, view: &View<'_>) -> Option<Decimal> {
        match value(self, view)? {
            Seen::Number(number) => Some(number),
            Seen::Text(_) | Seen::Flag(_) | Seen::Instant(_) | Seen::Date(_) => None,
        }
    }
}

/// The value of a subject that has one at most.
fn value<'a>(subject: &Subject, view: &View<'a>) -> Option<Seen<'a>> {
    let zone = || view.program.settings().time_zone;
    let fields = || view.profile.fields();
    match subject {
        Subject::EventType => view.event?.text("type").map(Seen::Text),
        Subject::EventPlatform => view.event?.text("platform").map(Seen::Text),
        Subject::EventBrand => view.brand().map(Seen::Text),
        Subject::EventTag(tag) => seen(view.event?.get("tags")?.get(tag)?),
        Subject::EventMetadata(path) => first_item(view.event?.get("metadata")?.path(path)?),
        Subject::EventAttribution(field) => seen(view.event?.get("attribution")?.get(field)?),
        Subject::Order(field, _) => seen(view.order?.get(field)?),
        Subject::Product(..) | Subject::ProductTag(_) => None,
        Subject::Tier => view.program.tier(view.state.tier).map(|tier| Seen::Text(tier.id_text())),
        Subject::Profile("dob", _) => view.profile.dob().map(Seen::Date),
        Subject::Profile(field, _) => seen(fields().get(field)?),
        Subject::Age => Decimal::from_integer(zone().age(view.profile.dob()?, view.now)).map(Seen::Number),
        Subject::Tag(tag) => seen(fields().get("tags")?.get(tag)?),
        Subject::Metadata(path) => first_item(fields().get("metadata")?.path(path)?),
        Subject::Consent(purpose) => Some(Seen::Flag(view.state.permissions.allow(*purpose))),
        Subject::Devices => {
            let live = view.profile.live_devices(view.now).count();
            Some(Seen::Number(Decimal::from_count(u64::try_from(live).unwrap_or(u64::MAX))))
        }
        Subject::Recency => {
            let last = view.state.metrics.lifetime.last_visit?;
            Decimal::from_integer(view.now.since(last).max(0) / DAY).map(Seen::Number)
        }
        Subject::Trait(name) => view.program.computed_trait(name)?.spec.value(view),
        Subject::Device(_) | Subject::Audiences => None,
        Subject::RegistrationDate => view.profile.registration_date().map(Seen::Instant),
        Subject::Metric(period, field) => metric(*period, *field, view),
        Subject::Date => Some(Seen::Instant(view.now)),
        Subject::Weekday => Some(local_number(zone().local(view.now).weekday)),
        Subject::Hour => Some(local_number(zone().local(view.now).hour)),
        Subject::Events(subject) => subject.value(view),
    }
}

fn each_line<'a>(
    view: &View<'a>,
    value: impl Fn(&'a Json) -> Option<Seen<'a>>,
    mut on_value: impl FnMut(Seen<'a>) -> ControlFlow<()>,
) {
    let (skipped, most) = view.line.map_or((0, usize::MAX), |place| (place, 1));
    let _ = view.lines().skip(skipped).take(most).filter_map(value).try_for_each(&mut on_value);
}

fn metric<'a>(period: MetricPeriod, field: MetricField, view: &View<'a>) -> Option<Seen<'a>> {
    let zone = view.program.settings().time_zone;
    let bucket: Bucket = view.state.metrics.bucket(period, zone, view.now);
    match field {
        MetricField::SpendTotal => Some(Seen::Number(bucket.spend)),
        MetricField::NumberOfPurchases => {
            Some(Seen::Number(Decimal::from_count(u64::from(bucket.purchases))))
        }
        MetricField::LastVisit => bucket.last_visit.map(Seen::Instant),
    }
}

fn local_number<'a>(number: u32) -> Seen<'a> {
    Seen::Number(Decimal::from_count(u64::from(number)))
}

impl TraitSpec {
    /// What it is for a customer; `None` when there is no value.
    fn value<'a>(&self, view: &View<'a>) -> Option<Seen<'a>> {
        let seen = value(&self.subject, view)?;
        match self.drawing {
            None if self.cuts.is_empty() => return Some(seen),
            // Nobody has a score before the cuts are drawn.
            Some(Drawing { drawn_at: None, .. }) => return None,
            _ => {}
        }
        let Seen::Number(number) = seen else { return None };
        let reached = self.cuts.iter().filter(|cut| **cut <= number).count();
        let place = if self.low_is_best { self.cuts.len().saturating_sub(reached) } else { reached };
        Some(Seen::Number(Decimal::from_count(u64::try_from(place).unwrap_or(0).saturating_add(1))))
    }

    /// The number that its score is made of; `None` when there is none.
    pub fn number(&self, view: &View<'_>) -> Option<Decimal> {
        self.subject.number(view)
    }

    /// What it is for a customer, as answers show it; `null` when there is no value.
    pub fn shown(&self, view: &View<'_>) -> Json {
        self.value(view).map_or(Json::Null, |value| value.to_json())
    }
}

fn first_item(json: &Json) -> Option<Seen<'_>> {
    match json {
        Json::List(items) => items.iter().find_map(seen),
        single => seen(single),
    }
}

/// A stored value as rules see it; `None` when it is not a single one.
pub(super) fn seen(json: &Json) -> Option<Seen<'_>> {
    match json {
        Json::Text(text) => Some(Seen::Text(text)),
        Json::Number(number) => Some(Seen::Number(*number)),
        Json::Bool(flag) => Some(Seen::Flag(*flag)),
        Json::Null | Json::List(_) | Json::Object(_) => None,
    }
}
