//! Series: the events of a customer that conditions about the past look at, in the order of time.
//!
//! A series is derived: it says nothing that the facts do not say, is kept beside the working state, and is personal, since it
//! holds values of what was sent.
//!
//! - N1: every series equals one made anew from the customer's events that count.
//! - N2: an event counts from when it was processed, or tracked, until it is reversed; a part of it that came back does not.

use crate::draft::{Draft, FactId};
use crate::events::{EventRecord, left_of};
use crate::fact::{EventHead, EventReason, EventStatus, FactKind};
use crate::prelude::*;
use crate::profile::Profile;
use crate::program::{Program, WatchedSeries, series_of_rule};
use crate::rule::{Rule, View};
use crate::state::{Standing, State};
use crate::value::{Json, Timestamp};

/// One event in a series, or one product line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened.
    pub at: Timestamp,
    /// The event's fact.
    pub fact: u64,
    /// The value that is looked at: a text, a number or a flag; `null` for the event as such.
    pub value: Json,
}

/// All series of one customer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SeriesSet {
    /// Which series there are to be: [`Program::series_fingerprint`] when they were made. 0 is none.
    pub fingerprint: u64,
    /// The series that have entries, by [`crate::rule::Selection::id`]; entries are in the order of time.
    pub series: BTreeMap<u64, Arc<Vec<Entry>>>,
}

/// The series of whoever has none.
pub(crate) static NO_SERIES: SeriesSet = SeriesSet { fingerprint: 0, series: BTreeMap::new() };

impl SeriesSet {
    /// The series that a program wants, made from all events of a customer (N1). What can never count again is in: what fell
    /// due before is still to be looked at.
    pub fn of<'r>(program: &Program, events: impl IntoIterator<Item = &'r EventRecord>) -> Self {
        let mut set = Self { fingerprint: program.series_fingerprint(), series: BTreeMap::new() };
        for record in events {
            set.count(program, |event_type| program.series_of(event_type), record, Timestamp::MIN);
        }
        set
    }

    /// Whether a rule that no audience has looks at events that are not kept: they must be looked up then.
    pub fn lacks(program: &Program, rule: &Rule) -> bool {
        !series_of_rule(rule).iter().all(|wanted| program.keeps(wanted))
    }

    /// The series together with those that a rule looks at and that are not kept, made from all events of the customer.
    #[must_use]
    pub fn with_rule<'r>(
        mut self,
        program: &Program,
        rule: &Rule,
        events: impl IntoIterator<Item = &'r EventRecord>,
    ) -> Self {
        let wanted: Vec<WatchedSeries> =
            series_of_rule(rule).into_iter().filter(|wanted| !program.keeps(wanted)).collect();
        for wanted in &wanted {
            self.series.remove(&wanted.selection.id);
        }
        for record in events {
            self.count(program, |_| &wanted, record, Timestamp::MIN);
        }
        self
    }

    /// Puts an event that came to something into the series it belongs to, without what came back of it.
    fn count<'w>(
        &mut self,
        program: &Program,
        watched: impl Fn(&str) -> &'w [WatchedSeries],
        record: &EventRecord,
        now: Timestamp,
    ) -> BTreeSet<u64> {
        match (record.head(), left_of(record)) {
            (Some(head), Some(left)) if counts(record) => {
                self.add(program, watched(&head.event_type), head, &left, record.fact.sequence, now)
            }
            _ => BTreeSet::new(),
        }
    }

    /// Whether they are to be made anew: other ones are wanted now.
    pub fn is_behind(&self, program: &Program) -> bool {
        self.fingerprint != program.series_fingerprint()
    }

    /// The entries of a series.
    pub(crate) fn entries(&self, id: u64) -> &[Entry] {
        self.series.get(&id).map_or(&[], |entries| entries.as_slice())
    }

    /// Puts an event into those series that it belongs to, and lets go of what can never count again; gives the series that changed.
    fn add(
        &mut self,
        program: &Program,
        watched: &[WatchedSeries],
        head: &EventHead,
        payload: &Json,
        fact: u64,
        now: Timestamp,
    ) -> BTreeSet<u64> {
        let mut changed = BTreeSet::new();
        let mut watched =
            watched.iter().filter(|watched| watched.selection.event_type == head.event_type).peekable();
        // Most events nobody looks at.
        if watched.peek().is_none() {
            return changed;
        }
        let (state, profile) = (State::default(), Profile::default());
        let view = View::new(head.issued_at, program, &state, &profile, Some(payload));
        for watched in watched {
            let values = watched.selection.values(&view);
            if values.is_empty() {
                continue;
            }
            let entries = Arc::make_mut(self.series.entry(watched.selection.id).or_default());
            let place = entries.partition_point(|entry| (entry.at, entry.fact) < (head.issued_at, fact));
            let added = values.into_iter().map(|value| Entry { at: head.issued_at, fact, value });
            entries.splice(place..place, added);
            if let Some(span) = watched.horizon {
                let zone = program.settings().time_zone;
                entries.drain(..entries.partition_point(|entry| span.after(entry.at, zone) <= now));
            }
            changed.insert(watched.selection.id);
        }
        self.series.retain(|_, entries| !entries.is_empty());
        changed
    }

    /// Takes an event out; gives the series that changed.
    fn remove(&mut self, fact: u64) -> BTreeSet<u64> {
        let has = |entries: &Arc<Vec<Entry>>| entries.iter().any(|entry| entry.fact == fact);
        let concerned: Vec<u64> =
            self.series.iter().filter(|(_, entries)| has(entries)).map(|(id, _)| *id).collect();
        for id in &concerned {
            if let Some(entries) = self.series.get_mut(id) {
                Arc::make_mut(entries).retain(|entry| entry.fact != fact);
            }
        }
        self.series.retain(|_, entries| !entries.is_empty());
        concerned.into_iter().collect()
    }

    /// The same without what can never count again: what is kept may still have it.
    #[must_use]
    pub fn trimmed(mut self, program: &Program, now: Timestamp) -> Self {
        let zone = program.settings().time_zone;
        for (id, entries) in &mut self.series {
            if let Some(span) = program.horizon(*id) {
                let cut = entries.partition_point(|entry| span.after(entry.at, zone) <= now);
                Arc::make_mut(entries).drain(..cut);
            }
        }
        self.series.retain(|_, entries| !entries.is_empty());
        self
    }
}

/// Whether an event counts, by what became of it.
fn counts(record: &EventRecord) -> bool {
    let fulfilled = record.fulfilled_by.is_none() || record.visit().is_some();
    let counted = record.head().is_some_and(|head| counts_as(head.reason.as_ref()));
    record.status == EventStatus::Resolved && fulfilled && counted
}

/// Whether an event that was not processed for that reason counts all the same: it happened, and may be looked at.
const fn counts_as(reason: Option<&EventReason>) -> bool {
    matches!(reason, None | Some(EventReason::TrackingOnly | EventReason::Migrated))
}

/// Makes the customer's series those that the program wants; `events` are all of the customer's where others are wanted.
pub(crate) fn bring(draft: &mut Draft<'_>, events: Option<&[EventRecord]>) {
    let program = draft.program;
    let nothing_happened = draft.state.head == 0;
    if let Some(events) = events.or(nothing_happened.then_some(&[])) {
        let made = SeriesSet::of(program, events);
        // What was let go of since is not missing.
        let lasting = |series: &SeriesSet| series.clone().trimmed(program, draft.now);
        let same = !draft.series.is_behind(program) && lasting(&made) == lasting(&draft.series);
        if !same {
            draft.series = made;
            draft.series_changed = true;
        }
    }
    let wanted = draft.state.standing == Standing::Deleted || !draft.series.is_behind(program);
    assert!(wanted, "all events were loaded where other series are wanted (N1)");
}

/// Takes an event into the customer's series; `fact` is its own or the one that fulfils it. Gives the series that changed.
pub(crate) fn add(draft: &mut Draft<'_>, fact: FactId, head: &EventHead, payload: &Json) -> BTreeSet<u64> {
    if !counts_as(head.reason.as_ref()) {
        return BTreeSet::new();
    }
    // What fell due is told at its own instant: what still counted then must not be gone.
    let (event, now) = (draft.event_of(fact), draft.instant(fact));
    let program = draft.program;
    let watched = program.series_of(&head.event_type);
    let changed = draft.series.add(program, watched, head, payload, event, now);
    draft.series_changed |= !changed.is_empty();
    changed
}

/// Takes an event out of the customer's series; gives those that changed.
pub(crate) fn remove(draft: &mut Draft<'_>, event: u64) -> BTreeSet<u64> {
    let changed = draft.series.remove(event);
    draft.series_changed |= !changed.is_empty();
    changed
}

/// Counts an event anew after a part of it came back; gives the series that changed.
pub(crate) fn lower(draft: &mut Draft<'_>, record: &EventRecord) -> BTreeSet<u64> {
    let mut changed = remove(draft, record.fact.sequence);
    let (program, now) = (draft.program, draft.now);
    changed.extend(draft.series.count(program, |event_type| program.series_of(event_type), record, now));
    draft.series_changed |= !changed.is_empty();
    changed
}

impl Draft<'_> {
    /// The event that a fact is, or that it fulfils.
    fn event_of(&self, fact: FactId) -> u64 {
        let found = self.fact(fact).filter(|fact| fact.kind == FactKind::Fulfilled);
        found.map_or_else(|| self.sequence(fact), |fact| fact.about)
    }
}
