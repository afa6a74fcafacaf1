//! What applying files would do: every entry is tried on a copy of the program before anything is written.

use super::difference::{FieldChange, difference};
use super::references::{Names, resolve};
use super::{Entry, has_own_ids, identity, section};
use crate::error::Failure;
use masivo_core::Rejection;
use masivo_core::problem::Problem;
use masivo_core::program::{Definer, Kind, Program, StoredDefinition, define};
use masivo_core::value::{DAY, Json, Mint, StoreSecret, Timestamp, object};

/// What happens with one definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is new.
    Created,
    /// It differs.
    Changed,
    /// It is as it should be.
    Unchanged,
}

impl Action {
    /// The word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One entry and what happens with it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The entry.
    pub(crate) entry: Entry,
    /// What happens.
    pub(crate) action: Action,
    /// The id of the stored definition, when there is one.
    pub(crate) id: Option<String>,
    /// The fields that differ.
    pub(crate) fields: Vec<FieldChange>,
}

/// What happens with all entries, in the order of writing.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// One step an entry.
    pub(crate) steps: Vec<Step>,
    /// Definitions of the store that no entry speaks of: left alone.
    pub(crate) not_in_files: Vec<String>,
    /// The names and ids of what is stored.
    pub(super) names: Names,
    /// The program as it would be.
    pub(crate) program: Program,
    /// The id of each step's definition; of new ones a stand-in.
    pub(crate) ids: Vec<String>,
    /// What would be written, as it would be kept.
    pub(crate) written: Vec<StoredDefinition>,
}

impl Plan {
    /// How many steps do that.
    pub(crate) fn count(&self, action: Action) -> usize {
        self.steps.iter().filter(|step| step.action == action).count()
    }

    /// The plan as a document.
    pub(crate) fn to_json(&self) -> Json {
        let steps = self.steps.iter().map(|step| {
            object()
                .with("kind", step.entry.kind.name())
                .with("key", step.entry.key.as_str())
                .with("action", step.action.name())
                .with_some("id", step.id.clone())
                .with("fields", step.fields.iter().map(FieldChange::to_json).collect::<Vec<_>>())
                .build()
        });
        let count = |action| Json::from(u64::try_from(self.count(action)).unwrap_or(u64::MAX));
        object()
            .with("created", count(Action::Created))
            .with("changed", count(Action::Changed))
            .with("unchanged", count(Action::Unchanged))
            .with("definitions", steps.collect::<Vec<_>>())
            .with("not_in_files", self.not_in_files.clone())
            .build()
    }
}

/// Compares entries with a program as it is now.
pub(crate) fn plan(entries: Vec<Entry>, program: &Program, now: Timestamp) -> Result<Plan, Failure> {
    plan_as_of(entries, program, |_| now)
}

/// The same where new campaigns are written in time: for a programme that may run already somewhere else.
pub(crate) fn plan_of_running(
    entries: Vec<Entry>,
    program: &Program,
    now: Timestamp,
) -> Result<Plan, Failure> {
    plan_as_of(entries, program, |body| written_at(body, now))
}

/// When a campaign can have been written that is there at `now`: then, or a day before it starts, or a day before it ends when
/// that has passed and it does not say when it starts. What starts or ends more than a year from now is written later.
fn written_at(body: &Json, now: Timestamp) -> Timestamp {
    const YEAR: i64 = 365 * DAY;
    let day_before = |name: &str| {
        let date = body.text(name).and_then(Timestamp::parse_date_or_time)?;
        Some(date.plus(-DAY))
    };
    match (day_before("start_date"), day_before("end_date")) {
        (Some(start), _) if start.since(now) < YEAR => start.min(now),
        (Some(start), _) => start,
        (None, Some(end)) if end.since(now) < YEAR - DAY => end.min(now),
        (None, Some(end)) => end.plus(DAY - YEAR),
        (None, None) => now,
    }
}

fn plan_as_of(
    entries: Vec<Entry>,
    program: &Program,
    now: impl Fn(&Json) -> Timestamp,
) -> Result<Plan, Failure> {
    let stored = stored_of(program);
    let mut names = Names::of(program);
    let mut seen = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut copy = program.clone();
    let mut tried = names.clone();
    let (mut ids, mut written) = (Vec::new(), Vec::new());
    for (number, entry) in entries.into_iter().enumerate() {
        let found = find(&stored, &entry)?;
        if let Some(found) = found {
            seen.push(found);
            names.put(&entry, &found.id);
            tried.put(&entry, &found.id);
        }
        let twin = found.and_then(|found| steps.iter().find(|step| step.id.as_deref() == Some(&found.id)));
        if let Some(twin) = twin.filter(|twin| twin.entry.kind == entry.kind) {
            let message = format!("{} and {} are the same definition", entry.place(), twin.entry.place());
            return Err(Failure::usage(message, "leave one of them out"));
        }
        let body = resolve(&entry, &tried).map_err(|problems| entry.malformed(problems))?;
        let now = now(&body);
        let attempt = Attempt { program: &copy, now, number, entry: &entry, body: &body };
        let step = match found {
            Some(found) => {
                let fields = attempt.difference(found)?;
                if !fields.is_empty() {
                    let defined = attempt.define(Some(&found.id), now)?;
                    written.push(defined.stored);
                    copy = defined.program;
                }
                ids.push(found.id.clone());
                let action = if fields.is_empty() { Action::Unchanged } else { Action::Changed };
                Step { action, id: Some(found.id.clone()), fields, entry }
            }
            None => {
                let id = entry.id.as_deref().filter(|_| has_own_ids(entry.kind));
                let defined = attempt.define(id, now)?;
                tried.put(&entry, &defined.stored.id);
                ids.push(defined.stored.id.clone());
                written.push(defined.stored);
                copy = defined.program;
                Step { action: Action::Created, id: None, fields: Vec::new(), entry }
            }
        };
        steps.push(step);
    }
    let left = stored.iter().filter(|found| !seen.iter().any(|seen| std::ptr::eq(*seen, *found)));
    let not_in_files = left
        .filter(|found| found.kind != Kind::Settings)
        .map(|found| format!("{} {}", found.kind.name(), identity(found.kind, &found.id, &found.body)))
        .collect();
    Ok(Plan { steps, not_in_files, names, program: copy, ids, written })
}

struct Stored {
    kind: Kind,
    id: String,
    body: Json,
    /// For campaigns: an instant at which nothing of it was fixed yet.
    before_start: Option<Timestamp>,
}

fn stored_of(program: &Program) -> Vec<Stored> {
    let mut stored = Vec::new();
    let mut add = |kind, id: &str, body: &Json, before_start| {
        stored.push(Stored { kind, id: id.to_owned(), body: body.clone(), before_start });
    };
    if !program.settings_body().is_null() {
        add(Kind::Settings, "settings", program.settings_body(), None);
    }
    program.brands().for_each(|found| add(Kind::Brand, &found.id, &found.body, None));
    program.event_types().for_each(|found| add(Kind::EventType, &found.id, &found.body, None));
    program.traits().for_each(|found| add(Kind::Trait, &found.id, &found.body, None));
    program.tiers_by_level().for_each(|found| add(Kind::Tier, &found.id, &found.body, None));
    program.rewards().for_each(|found| add(Kind::Reward, &found.id, &found.body, None));
    program.campaigns().for_each(|found| {
        add(Kind::Campaign, &found.id, &found.body, Some(found.spec.start.plus(-1)));
    });
    program.audiences().for_each(|found| add(Kind::Audience, &found.id, &found.body, None));
    program.templates().for_each(|found| add(Kind::Template, &found.id, &found.body, None));
    program.journeys().for_each(|found| add(Kind::Journey, &found.id, &found.body, None));
    program.webhooks().for_each(|found| add(Kind::Webhook, &found.id, &found.body, None));
    stored
}

/// The stored definition an entry speaks of.
fn find<'a>(stored: &'a [Stored], entry: &Entry) -> Result<Option<&'a Stored>, Failure> {
    let of_kind = || stored.iter().filter(|found| found.kind == entry.kind);
    if let (Some(id), false) = (&entry.id, has_own_ids(entry.kind)) {
        return of_kind().find(|found| found.id == *id).map(Some).ok_or_else(|| {
            let message = format!("{}: there is no {} of the id `{id}`", entry.place(), section(entry.kind));
            Failure::refused("definition_not_found", message, "leave `id` out to find it by its name")
        });
    }
    let wanted = identity(entry.kind, entry.id.as_deref().unwrap_or_default(), &entry.body);
    let found: Vec<&Stored> =
        of_kind().filter(|found| identity(found.kind, &found.id, &found.body) == wanted).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [first, ..] => {
            let message = format!("{}: the store has {} of that name", entry.place(), found.len());
            Err(Failure::usage(message, format!("say which one: id = \"{}\"", first.id)))
        }
    }
}

struct Attempt<'a> {
    program: &'a Program,
    now: Timestamp,
    number: usize,
    entry: &'a Entry,
    body: &'a Json,
}

impl Attempt<'_> {
    fn define(&self, id: Option<&str>, now: Timestamp) -> Result<masivo_core::program::Defined, Failure> {
        // Only a stand-in: the store gives the real id when it is written.
        if self.body.get("customCodes").is_some() {
            let hint =
                "leave them out and add them with `masivo codes add`: codes are no part of a definition";
            let failure = Failure::refused(
                "codes_in_a_file",
                "customCodes stand in a file of definitions".to_owned(),
                hint,
            );
            return Err(failure.within(&self.entry.place()));
        }
        let secret = StoreSecret::new(*b"masivo apply try");
        let new_id = Mint::new(secret, now, "try", &self.number.to_be_bytes()).next_id();
        let definer = Definer { program: self.program, now, new_id, new_secret: String::new() };
        define(&definer, self.entry.kind, id, self.body).map_err(|rejection| match rejection {
            Rejection::Malformed(report) => {
                self.entry.malformed(report.problems.iter().map(Problem::to_json).collect())
            }
            other => Failure::from(other).within(&self.entry.place()),
        })
    }

    /// What writing the entry would change. A started campaign is compared as it was before its start, since
    /// writing it as it is must not be refused.
    fn difference(&self, found: &Stored) -> Result<Vec<FieldChange>, Failure> {
        let now = found.before_start.map_or(self.now, |before| before.min(self.now));
        // What is only allowed by now, such as ending what ran without end, is compared as of now.
        let defined =
            self.define(Some(&found.id), now).or_else(|_| self.define(Some(&found.id), self.now))?;
        let mut after = defined.stored.body;
        let mut before = found.body.clone();
        for body in [&mut before, &mut after] {
            plain(found.kind, body);
        }
        if self.body.get("secret").is_none() {
            before.remove("secret");
            after.remove("secret");
        }
        Ok(difference(&before, &after))
    }
}

/// Leaves out what only says the default.
fn plain(kind: Kind, body: &mut Json) {
    if body.text("status") == Some("ACTIVE") {
        body.remove("status");
    }
    if kind == Kind::Audience && body.text("type") == Some("DYNAMIC") {
        body.remove("type");
    }
    if kind == Kind::Campaign && body.flag("withoutEndDate") == Some(false) {
        body.remove("withoutEndDate");
    }
}
