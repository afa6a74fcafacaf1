//! What audiences look at: found by what changed, so that only those concerned are asked, however many others there are.

use super::{AudienceKind, AudienceSpec, Definition, Program};
use crate::limits::RULE_REFERENCES_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::{EventSubject, Rule, Selection, Span, Subject, fnv};

/// Something of a customer that audiences look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watch {
    /// Metrics.
    Metrics,
    /// The tier.
    Tier,
    /// What the customer allows.
    Consent,
    /// A field of the profile: `country`, `tags.vip`, `metadata.shoe`, `devices`.
    Field(String),
    /// A series of past events.
    Series(u64),
    /// The list of a static audience.
    Listed(u32),
}

/// A series that audiences look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WatchedSeries {
    /// Which events.
    pub(crate) selection: Arc<Selection>,
    /// For how long an event counts for any of them; `None` when there is no end.
    pub(crate) horizon: Option<Span>,
}

/// What all audiences look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched {
    audiences: BTreeMap<Watch, Vec<u32>>,
    series_by_event: BTreeMap<String, Vec<WatchedSeries>>,
    horizons: BTreeMap<u64, Span>,
    fingerprint: u64,
}

impl Watched {
    /// What the audiences of a program look at.
    pub(super) fn of(program: &Program) -> Self {
        let mut watched = Self::default();
        let mut series: BTreeMap<u64, WatchedSeries> = BTreeMap::new();
        for audience in program.audiences() {
            let Some(rule) = audience.spec.rule().filter(|_| audience.spec.active) else { continue };
            for watch in watches(program, rule, 0) {
                watched.audiences.entry(watch).or_default().push(audience.number);
            }
            rule.events().iter().for_each(|subject| add_series(&mut series, subject));
        }
        if !series.is_empty() {
            // Dates in filters are of the account's zone.
            let said = program.settings().time_zone.name().bytes();
            let said: Vec<u8> = said.chain(series.keys().flat_map(|id| id.to_be_bytes())).collect();
            watched.fingerprint = fnv(&said).max(1);
        }
        for (id, series) in series {
            watched.horizons.extend(series.horizon.map(|span| (id, span)));
            watched.series_by_event.entry(series.selection.event_type.clone()).or_default().push(series);
        }
        watched
    }
}

fn add_series(series: &mut BTreeMap<u64, WatchedSeries>, subject: &EventSubject) {
    for selection in subject.selections() {
        // What others are measured from counts for ever.
        let horizon = subject.horizon().filter(|_| Arc::ptr_eq(selection, &subject.of));
        let fresh = || WatchedSeries { selection: Arc::clone(selection), horizon };
        let known = series.entry(selection.id).or_insert_with(fresh);
        known.horizon = longer(known.horizon, horizon);
    }
}

/// The longer of two horizons; none is longer than any. Days and months are not compared: neither ends then.
fn longer(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (one?, other?) {
        (Span::Exact(one), Span::Exact(other)) => Some(Span::Exact(one.max(other))),
        (Span::Months(one), Span::Months(other)) => Some(Span::Months(one.max(other))),
        _ => None,
    }
}

/// What a rule looks at, also through the audiences that it asks for.
fn watches(program: &Program, rule: &Rule, depth: usize) -> BTreeSet<Watch> {
    let mut watches = BTreeSet::new();
    rule.each_subject(|subject| match subject {
        Subject::Tier => drop(watches.insert(Watch::Tier)),
        Subject::Consent(_) => drop(watches.insert(Watch::Consent)),
        Subject::Metric(..) | Subject::Recency => drop(watches.insert(Watch::Metrics)),
        Subject::Events(subject) => {
            watches.extend(subject.selections().map(|selection| Watch::Series(selection.id)));
        }
        subject => watches.extend(field_of(subject).map(Watch::Field)),
    });
    for audience in rule.audiences().iter().filter_map(|id| program.audience_by_id(id)) {
        match &audience.spec.kind {
            AudienceKind::Dynamic(other) if depth < RULE_REFERENCES_MAX => {
                watches.extend(self::watches(program, other, depth + 1));
            }
            AudienceKind::Dynamic(_) => {}
            AudienceKind::Static => drop(watches.insert(Watch::Listed(audience.number))),
        }
    }
    watches
}

/// The field of the profile that a subject looks at.
fn field_of(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Profile(field, _) => Some((*field).to_owned()),
        Subject::Age => Some("dob".to_owned()),
        Subject::RegistrationDate => Some("registration_date".to_owned()),
        Subject::Tag(tag) => Some(format!("tags.{tag}")),
        Subject::Metadata(path) => {
            Some(format!("metadata.{}", path.split_once('.').map_or(path.as_str(), |(first, _)| first)))
        }
        Subject::Device(_) | Subject::Devices => Some("devices".to_owned()),
        _ => None,
    }
}

/// Names an audience that would ask for itself, or for too many others.
pub(super) fn check_references(program: &Program, number: u32, report: &mut Report) {
    let mut left = RULE_REFERENCES_MAX;
    let Some(audience) = program.audience(number) else { return };
    let root = Pointer::root();
    match follow(program, audience, number, &mut left) {
        Followed::Ends => {}
        Followed::Returns => {
            let message = "it asks for itself, through the audiences it asks for";
            report.problem(&root.field("conditions"), "cyclic_membership", message, "take one of them out");
        }
        Followed::TooMany => {
            let message =
                format!("it asks for more than {RULE_REFERENCES_MAX} others, counting those they ask for");
            report.problem(&root.field("conditions"), "rule_too_large", message, "ask for fewer");
        }
    }
}

enum Followed {
    Ends,
    Returns,
    TooMany,
}

fn follow(program: &Program, audience: &Definition<AudienceSpec>, number: u32, left: &mut usize) -> Followed {
    let asked = audience.spec.rule().map(Rule::audiences).unwrap_or_default();
    for other in asked.iter().filter_map(|id| program.audience_by_id(id)) {
        if other.number == number {
            return Followed::Returns;
        }
        let Some(less) = left.checked_sub(1) else { return Followed::TooMany };
        *left = less;
        match follow(program, other, number, left) {
            Followed::Ends => {}
            found => return found,
        }
    }
    Followed::Ends
}

/// The series that a rule looks at for itself.
pub(crate) fn series_of_rule(rule: &Rule) -> Vec<WatchedSeries> {
    let mut series = BTreeMap::new();
    rule.events().iter().for_each(|subject| add_series(&mut series, subject));
    series.into_values().collect()
}

impl Program {
    /// Whether customers' series have all that another look at the same events needs.
    pub(crate) fn keeps(&self, wanted: &WatchedSeries) -> bool {
        let all = self.series_of(&wanted.selection.event_type).iter();
        let mut known = all.filter(|known| known.selection.id == wanted.selection.id);
        known.any(|known| longer(known.horizon, wanted.horizon) == known.horizon)
    }

    /// The audiences that look at something.
    pub(crate) fn watching(&self, watch: &Watch) -> &[u32] {
        self.watched.audiences.get(watch).map_or(&[], Vec::as_slice)
    }

    /// The series that events of a type may belong to.
    pub(crate) fn series_of(&self, event_type: &str) -> &[WatchedSeries] {
        self.watched.series_by_event.get(event_type).map_or(&[], Vec::as_slice)
    }

    /// For how long an event of a series counts; `None` when there is no end.
    pub(crate) fn horizon(&self, series: u64) -> Option<Span> {
        self.watched.horizons.get(&series).copied()
    }

    /// Which series there are to be: another number when others are wanted, and 0 for none.
    pub fn series_fingerprint(&self) -> u64 {
        self.watched.fingerprint
    }
}
