//! What audiences look at: found by what changed, so that only those concerned are asked, however many others there are.

use super::{AudienceKind, AudienceSpec, Definition, Program, TraitSpec, by_number};
use crate::limits::RULE_REFERENCES_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::{EventSubject, Rule, Selection, Span, Subject, fnv};
use crate::value::Timestamp;

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
    /// The numbers of audiences and traits by their ids: rules ask for them with every event.
    numbers: BTreeMap<String, u32>,
    traits: BTreeMap<String, u32>,
    fingerprint: u64,
    /// Since when and how often everybody is to be looked at again.
    recalculations: Vec<(Timestamp, i64)>,
}

impl Watched {
    /// What the audiences of a program look at.
    pub(super) fn of(program: &Program) -> Self {
        let mut watched = Self::default();
        watched.numbers.extend(program.audiences().map(|audience| (audience.id.clone(), audience.number)));
        watched.traits.extend(program.traits().map(|computed| (computed.id.clone(), computed.number)));
        let mut series: BTreeMap<u64, WatchedSeries> = BTreeMap::new();
        for audience in program.audiences() {
            let Some(rule) = audience.spec.rule().filter(|_| audience.spec.active) else { continue };
            let often = audience.spec.recalculation.map(|often| (audience.changed_at, often));
            watched.recalculations.extend(often);
            for watch in watches(program, rule, 0) {
                watched.audiences.entry(watch).or_default().push(audience.number);
            }
            rule.events().iter().for_each(|subject| add_series(&mut series, subject));
        }
        for computed in program.traits() {
            if let Subject::Events(subject) = &computed.spec.subject {
                add_series(&mut series, subject);
            }
        }
        if !series.is_empty() {
            // Dates in filters are of the account's zone; what a longer window needs may be gone.
            let mut said = program.settings().time_zone.name().to_owned();
            for (id, series) in &series {
                said.push_str(&format!("\n{id} {:?}", series.horizon));
            }
            watched.fingerprint = fnv(said.as_bytes()).max(1);
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
        let horizon = subject.horizon();
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
    rule.each_subject(|subject| watch_subject(program, subject, &mut watches));
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

fn watch_subject(program: &Program, subject: &Subject, watches: &mut BTreeSet<Watch>) {
    match subject {
        Subject::Tier => drop(watches.insert(Watch::Tier)),
        Subject::Consent(_) => drop(watches.insert(Watch::Consent)),
        Subject::Metric(..) | Subject::Recency => drop(watches.insert(Watch::Metrics)),
        Subject::Events(subject) => {
            watches.extend(subject.selections().map(|selection| Watch::Series(selection.id)));
        }
        Subject::Trait(name) => {
            // A trait is made of no other trait.
            if let Some(computed) = program.computed_trait(name) {
                watch_subject(program, &computed.spec.subject, watches);
            }
        }
        subject => watches.extend(field_of(subject).map(Watch::Field)),
    }
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

/// Names what must not be of an audience that was written: that it asks for itself, or that it or one that asks for it asks for
/// too many others. What is asked for is evaluated each time it is, so each time counts.
pub(super) fn check_references(program: &Program, number: u32, report: &mut Report) {
    let root = Pointer::root();
    let at = root.field("conditions");
    let Some(written) = program.audience(number) else { return };
    if reaches(program, written, number, &mut BTreeSet::new()) {
        let message = "it asks for itself, through the audiences it asks for";
        report.problem(&at, "cyclic_membership", message, "take one of them out");
        return;
    }
    let others = program.audiences().filter(|audience| audience.number != number);
    let exceeds = |audience: &&Definition<AudienceSpec>| {
        let mut left = RULE_REFERENCES_MAX;
        !fits(program, audience, &mut left)
    };
    if let Some(audience) = [written].into_iter().chain(others).find(exceeds) {
        let who = match audience.number == number {
            true => "it".to_owned(),
            false => format!("the audience `{}`, which asks for it,", audience.spec.name),
        };
        let message = format!(
            "{who} asks for audiences more than {RULE_REFERENCES_MAX} times, counting what those ask for"
        );
        report.problem(&at, "rule_too_large", message, "ask for fewer");
    }
}

/// The audiences that one asks for, as often as it does.
fn asked<'p>(
    program: &'p Program,
    audience: &Definition<AudienceSpec>,
) -> impl Iterator<Item = &'p Definition<AudienceSpec>> {
    let ids = audience.spec.rule().map(Rule::audiences).unwrap_or_default();
    ids.into_iter().filter_map(|id| program.audience_by_id(&id))
}

/// Whether an audience asks for the one of a number, directly or through others.
fn reaches(
    program: &Program,
    audience: &Definition<AudienceSpec>,
    number: u32,
    seen: &mut BTreeSet<u32>,
) -> bool {
    asked(program, audience).any(|other| {
        other.number == number || (seen.insert(other.number) && reaches(program, other, number, seen))
    })
}

/// Whether an audience asks for others at most `left` times, counting what those ask for; what is left then.
fn fits(program: &Program, audience: &Definition<AudienceSpec>, left: &mut usize) -> bool {
    asked(program, audience).all(|other| {
        let Some(less) = left.checked_sub(1) else { return false };
        *left = less;
        fits(program, other, left)
    })
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

    /// The audience of that id.
    pub fn audience_by_id(&self, id: &str) -> Option<&Definition<AudienceSpec>> {
        let known = self.watched.numbers.get(id).and_then(|number| self.audience(*number));
        // One that is being written is not among the known ones yet.
        known.or_else(|| self.audiences().find(|audience| audience.id == id))
    }

    /// The computed trait of a name.
    pub fn computed_trait(&self, name: &str) -> Option<&Definition<TraitSpec>> {
        let known = self.watched.traits.get(name).and_then(|number| by_number(&self.traits, *number));
        known.or_else(|| self.traits().find(|computed| computed.id == name))
    }

    /// Whether an audience may gather others since a version of the program: it, or something that it looks at, was written.
    pub fn is_changed_since(&self, audience: u32, version: u32) -> bool {
        let Some(found) = self.audience(audience) else { return false };
        match &found.spec.kind {
            // Whoever is on a list stays on it, but it may begin with the members of another one.
            AudienceKind::Static => found.spec.frozen.is_some_and(|frozen| frozen.version > version),
            AudienceKind::Dynamic(_) if found.program_version > version => true,
            AudienceKind::Dynamic(rule) => self.zone_version > version || self.asks_for_newer(rule, version),
        }
    }

    /// Whether something that a rule asks for by name was written since a version.
    fn asks_for_newer(&self, rule: &Rule, version: u32) -> bool {
        let mut newer = false;
        rule.each_subject(|subject| {
            if let Subject::Trait(name) = subject {
                newer |= self.computed_trait(name).is_some_and(|computed| computed.program_version > version);
            }
        });
        let asked = rule.audiences();
        let mut asked = asked.iter().filter_map(|id| self.audience_by_id(id));
        newer || asked.any(|audience| self.is_changed_since(audience.number, version))
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

    /// When everybody is to be looked at again, when that was done last; `None` when it never is.
    pub fn next_recalculation(&self, last: Option<Timestamp>) -> Option<Timestamp> {
        let next =
            |(since, often): &(Timestamp, i64)| last.map_or(*since, |last| last.max(*since)).plus(*often);
        self.watched.recalculations.iter().map(next).min()
    }

    /// Which series there are to be: another number when others are wanted, and 0 for none.
    pub fn series_fingerprint(&self) -> u64 {
        self.watched.fingerprint
    }
}
