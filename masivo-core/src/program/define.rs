//! Writing a definition: check, compare with what is there, normalise, number.

use super::{
    AUDIENCE, BRAND, CAMPAIGN, CampaignStatus, Definition, EVENT_TYPE, JOURNEY, Kind, Program, REWARD,
    SETTINGS, StoredDefinition, TEMPLATE, TIER, TRAIT, WEBHOOK, campaign, computed_trait, coupon, event_type,
};
use crate::limits::DEFINITIONS_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::rejection::Rejection;
use crate::rule::read_conditions;
use crate::shape::{ObjectShape, Shape, is_id};
use crate::value::{DAY, Decimal, Json, Timestamp, Zone, object};
use uuid::Uuid;

/// What writing a definition needs from outside.
#[derive(Clone, Debug)]
pub struct Definer<'a> {
    /// The program so far.
    pub program: &'a Program,
    /// The present.
    pub now: Timestamp,
    /// The id of the definition, should it be new.
    pub new_id: Uuid,
    /// The secret of the webhook, should it be new and bring none.
    pub new_secret: String,
}

/// A definition that was accepted.
#[derive(Clone, Debug)]
pub struct Defined {
    /// What is to be stored.
    pub stored: StoredDefinition,
    /// The program with it.
    pub program: Program,
    /// What deserves a look.
    pub warnings: Vec<Problem>,
    /// Whether it is new.
    pub created: bool,
    /// Coupon codes that came with it: in their comparable form, and as they are handed out.
    pub codes: Vec<(String, String)>,
}

impl Kind {
    /// The shape in which a definition of this kind is written.
    pub const fn shape(self) -> &'static ObjectShape {
        match self {
            Self::Settings => &SETTINGS,
            Self::Brand => &BRAND,
            Self::EventType => &EVENT_TYPE,
            Self::Trait => &TRAIT,
            Self::Tier => &TIER,
            Self::Reward => &REWARD,
            Self::Campaign => &CAMPAIGN,
            Self::Audience => &AUDIENCE,
            Self::Template => &TEMPLATE,
            Self::Journey => &JOURNEY,
            Self::Webhook => &WEBHOOK,
        }
    }

    /// Whether the merchant chooses the ids.
    const fn has_own_ids(self) -> bool {
        matches!(self, Self::Settings | Self::Brand | Self::EventType | Self::Trait)
    }
}

/// What is there of a definition before it is written.
struct Existing {
    number: u32,
    id: String,
    version: u32,
    body: Json,
}

impl Existing {
    fn of<T>(definition: &Definition<T>) -> Self {
        Self {
            number: definition.number,
            id: definition.id.clone(),
            version: definition.version,
            body: definition.body.clone(),
        }
    }
}

/// Checks a definition and brings it into the program: a new one without `id`, otherwise the one of that id.
///
/// # Errors
/// [`Rejection::Malformed`] with all problems; [`Rejection::DefinitionNotFound`] for an unknown id;
/// [`Rejection::CampaignFixed`] when it would change what a started campaign promised.
pub fn define(
    definer: &Definer<'_>,
    kind: Kind,
    id: Option<&str>,
    body: &Json,
) -> Result<Defined, Rejection> {
    let program = definer.program;
    let mut report = Report::default();
    let shape = Shape::Object(kind.shape());
    shape.check(body, &Pointer::root(), &mut report);
    let codes = match kind {
        Kind::Campaign => coupon::supplied_codes(body, &mut report),
        _ => Vec::new(),
    };
    let existing = find(program, kind, id)?;
    if let (Some(id), None) = (id, &existing) {
        check_new_id(kind, id, &mut report);
    }
    let settings = program.settings();
    let mut body = match kind {
        Kind::Campaign if !report.has_problems() => {
            campaign::normalise(&shape.prune(body), settings.time_zone, &mut report)
        }
        Kind::Settings => {
            let mut merged = program.settings_body().clone();
            if merged.is_null() {
                merged = object().build();
            }
            merged.merge(&shape.prune(body));
            merged
        }
        _ => shape.prune(body),
    };
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    use_own_names(&mut body, settings.time_zone);
    let before = existing.as_ref().map(|before| &before.body);
    match kind {
        Kind::Trait => computed_trait::normalise(before, &mut body, settings.time_zone, definer.now),
        Kind::Campaign => check_campaign(definer, existing.as_ref(), &mut body, &mut report)?,
        Kind::Reward => check_reward(program, existing.as_ref(), &body, &mut report),
        Kind::Tier => check_tier(program, existing.as_ref(), &body, &mut report),
        Kind::Webhook => keep_secret(definer, existing.as_ref(), &mut body),
        _ => {}
    }
    let count = count(program, kind);
    if existing.is_none() && count >= DEFINITIONS_MAX {
        let message = format!("there are {count} definitions of this kind already");
        report.problem(&Pointer::root(), "too_many", message, "change one that is no longer needed");
    }
    let stored = StoredDefinition {
        kind,
        number: existing
            .as_ref()
            .map_or_else(|| u32::try_from(count + 1).unwrap_or(u32::MAX), |found| found.number),
        id: existing.as_ref().map(|found| found.id.clone()).unwrap_or_else(|| match id {
            Some(id) => id.to_owned(),
            None => definer.new_id.hyphenated().to_string(),
        }),
        version: existing.as_ref().map_or(1, |found| found.version.saturating_add(1)),
        program_version: program.version().saturating_add(1),
        changed_at: definer.now,
        body,
    };
    let next = match program.with(&stored) {
        Ok(next) => next,
        Err(problems) => {
            report.problems.extend(problems.problems);
            return Err(Rejection::Malformed(report));
        }
    };
    let created = existing.is_none();
    let ((), warnings) = report.into_result(()).map_err(Rejection::Malformed)?;
    Ok(Defined { stored, program: next, warnings, created, codes })
}

/// Writes every condition with our own names, whatever spelling it came in: answers show one form.
fn use_own_names(body: &mut Json, zone: Zone) {
    match body {
        Json::Object(fields) => {
            for (name, value) in fields {
                if matches!(&**name, "conditions" | "entry_conditions" | "exit_conditions") {
                    // What does not read is named with its place when the definition is read as a whole.
                    let mut ignored = Report::default();
                    let rule = read_conditions(Some(value), &Pointer::root(), zone, &mut ignored);
                    if !ignored.has_problems() {
                        *value = rule.source().clone();
                    }
                } else {
                    use_own_names(value, zone);
                }
            }
        }
        Json::List(items) => items.iter_mut().for_each(|item| use_own_names(item, zone)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {}
    }
}

fn find(program: &Program, kind: Kind, id: Option<&str>) -> Result<Option<Existing>, Rejection> {
    if kind == Kind::Settings {
        let version = program.settings_version();
        let body = program.settings_body().clone();
        return Ok((version > 0).then(|| Existing { number: 1, id: "settings".into(), version, body }));
    }
    let Some(id) = id else { return Ok(None) };
    let found = match kind {
        Kind::Settings => None,
        Kind::Brand => program.brand(id).map(Existing::of),
        Kind::EventType => program.event_types().find(|known| known.id == id).map(Existing::of),
        Kind::Trait => program.computed_trait(id).map(Existing::of),
        Kind::Tier => program.tier_by_id(id).map(Existing::of),
        Kind::Reward => program.reward_by_id(id).map(Existing::of),
        Kind::Campaign => program.campaign_by_id(id).map(Existing::of),
        Kind::Audience => program.audience_by_id(id).map(Existing::of),
        Kind::Template => program.template_by_id(id).map(Existing::of),
        Kind::Journey => program.journey_by_id(id).map(Existing::of),
        Kind::Webhook => program.webhook_by_id(id).map(Existing::of),
    };
    match found {
        None if !kind.has_own_ids() => {
            Err(Rejection::DefinitionNotFound { kind: kind.name(), id: id.to_owned() })
        }
        found => Ok(found),
    }
}

fn count(program: &Program, kind: Kind) -> usize {
    match kind {
        Kind::Settings => 0,
        Kind::Brand => program.brands().count(),
        Kind::EventType => program.event_types().count(),
        Kind::Trait => program.traits().count(),
        Kind::Tier => program.tiers.len(),
        Kind::Reward => program.rewards().count(),
        Kind::Campaign => program.campaigns().count(),
        Kind::Audience => program.audiences().count(),
        Kind::Template => program.templates().count(),
        Kind::Journey => program.journeys().count(),
        Kind::Webhook => program.webhooks().count(),
    }
}

fn check_new_id(kind: Kind, id: &str, report: &mut Report) {
    let at = Pointer::root();
    if !is_id(id) {
        let hint = "1 to 255 bytes without control characters";
        report.problem(&at, "not_an_id", format!("`{}` cannot be an id", id.escape_debug()), hint);
    }
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if matches!(kind, Kind::EventType | Kind::Trait) && (id.len() > 64 || !id.chars().all(plain)) {
        let hint = "1 to 64 letters, digits, _ - or .";
        report.problem(
            &at,
            if kind == Kind::Trait { "not_a_trait_name" } else { "not_an_event_type" },
            format!("`{}` cannot name it", id.escape_debug()),
            hint,
        );
    }
    if kind == Kind::EventType && event_type::built_in(id).is_some() {
        let message = format!("`{id}` is a built-in event type");
        report.problem(&at, "reserved_event_type", message, "choose another name");
    }
}

fn keep_secret(definer: &Definer<'_>, existing: Option<&Existing>, body: &mut Json) {
    if body.text("secret").is_none() {
        let kept = existing.and_then(|found| found.body.text("secret"));
        let secret = kept.unwrap_or(&definer.new_secret).to_owned();
        body.set("secret", secret);
    }
}

/// A reward that customers may hold keeps its type, and the places that amounts of it may have.
fn check_reward(program: &Program, existing: Option<&Existing>, body: &Json, report: &mut Report) {
    let Some(old) = existing.and_then(|found| program.reward(found.number)) else { return };
    let at = Pointer::root();
    if body.text("type") != Some(old.spec.kind.name()) {
        let message = format!("the reward is of type {}", old.spec.kind.name());
        report.problem(&at.field("type"), "type_fixed", message, "make another reward");
    }
    let decimals = body.path("attributes.decimals").and_then(Json::as_number).and_then(Decimal::to_integer);
    if decimals.unwrap_or(0) < i64::from(old.spec.decimals) {
        let message = format!("amounts of the reward may have {} places already", old.spec.decimals);
        let at = at.field("attributes");
        report.problem(&at.field("decimals"), "decimals_fixed", message, "leave them, or allow more");
    }
}

fn check_tier(program: &Program, existing: Option<&Existing>, body: &Json, report: &mut Report) {
    let at = Pointer::root();
    let level = body.integer("level").and_then(|level| u32::try_from(level).ok()).unwrap_or(0);
    let number = existing.map(|found| found.number);
    if let Some(other) =
        program.tiers_by_level().find(|tier| tier.spec.level == level && Some(tier.number) != number)
    {
        let message = format!("level {level} is `{}` already", other.spec.name);
        report.problem(
            &at.field("level"),
            "duplicate_level",
            message,
            "change that tier, or choose another level",
        );
    }
    let was_base = number.and_then(|number| program.tier(number)).is_some_and(|tier| tier.spec.level == 1);
    if was_base && (level != 1 || body.text("status") == Some("INACTIVE")) {
        let hint = "rename it if you like; it stays level 1 and ACTIVE";
        report.problem(
            &at.field("level"),
            "base_tier_fixed",
            "the tier everybody starts in cannot leave level 1",
            hint,
        );
    }
}

/// P2: dates within their bounds, and nothing changed that a started campaign promised.
fn check_campaign(
    definer: &Definer<'_>,
    existing: Option<&Existing>,
    body: &mut Json,
    report: &mut Report,
) -> Result<(), Rejection> {
    let at = Pointer::root();
    let now = definer.now;
    let old = existing.and_then(|found| definer.program.campaign(found.number));
    if let Some(old) = old {
        // Codes that were handed out, or promises that were made, do not change their meaning.
        if old.body.text("type").unwrap_or("BEHAVIOR") != body.text("type").unwrap_or("BEHAVIOR") {
            return Err(Rejection::CampaignFixed { field: "type", status: old.spec.status(now).name() });
        }
        let status = old.spec.status(now);
        if status == CampaignStatus::Finished {
            return Err(Rejection::CampaignFixed { field: "anything", status: "FINISHED" });
        }
        if now >= old.spec.start {
            let body_of = |name: &str| old.body.get(name).cloned().unwrap_or_default();
            for field in ["rules", "referee_rules", "attributes", "brand_id", "start_date"] {
                let written = body.get(field).cloned().unwrap_or_else(|| default_of(field, old));
                if written.sorted() != body_of(field).sorted() {
                    return Err(Rejection::CampaignFixed { field, status: status.name() });
                }
            }
        }
    }
    let zone = definer.program.settings().time_zone;
    let start = match (body.text("start_date").and_then(Timestamp::parse), old) {
        (Some(start), _) => start,
        (None, Some(old)) => old.spec.start,
        (None, None) => now,
    };
    let started_before = old.is_some_and(|old| old.spec.start == start);
    if !started_before && start < zone.start_of_day(now) {
        let message = format!("it would have started at {start}, before today");
        report.problem(&at.field("start_date"), "start_in_the_past", message, "start it today or later");
    }
    if start > zone.plus_months(now, 12) {
        let message = format!("it would start at {start}, more than a year ahead");
        report.problem(&at.field("start_date"), "start_too_late", message, "start it within a year");
    }
    body.set("start_date", start);
    check_end(definer, old, body, start, report);
    Ok(())
}

/// The end: given or waived, after the start, within a year of it (of now, when it ran without end), and not moved into
/// the past.
fn check_end(
    definer: &Definer<'_>,
    old: Option<&Definition<super::CampaignSpec>>,
    body: &Json,
    start: Timestamp,
    report: &mut Report,
) {
    let root = Pointer::root();
    let zone = definer.program.settings().time_zone;
    let now = definer.now;
    let without_end = body.flag("withoutEndDate").unwrap_or(false);
    let end = body.text("end_date").and_then(Timestamp::parse);
    let end_at = root.field("end_date");
    // One that ran without end for longer can still be ended.
    let runs_on = old.is_some_and(|old| old.spec.end.is_none());
    let within_year_of = if runs_on { start.max(now) } else { start };
    match (without_end, end) {
        (true, Some(_)) => {
            report.problem(
                &end_at,
                "end_contradicts",
                "there is an end and withoutEndDate is true",
                "leave one of them out",
            );
        }
        (false, None) => {
            report.problem(&end_at, "missing", "there is no end", "give end_date, or withoutEndDate: true");
        }
        (false, Some(end)) if end <= start => {
            report.problem(
                &end_at,
                "end_before_start",
                format!("it ends at {end}, not after its start"),
                "end it later",
            );
        }
        (false, Some(end)) if end > zone.plus_months(within_year_of, 12).plus(DAY) => {
            let message = format!("it ends at {end}, more than a year after {within_year_of}");
            report.problem(&end_at, "end_too_late", message, "end it within a year, or withoutEndDate: true");
        }
        (false, Some(end)) if old.is_some_and(|old| old.spec.end != Some(end)) && end < now => {
            report.problem(
                &end_at,
                "end_in_the_past",
                format!("it would have ended at {end}"),
                "end it now or later",
            );
        }
        _ => {}
    }
}

/// What a field means when an update leaves it out: the start stays, the rest is as absent as it says.
fn default_of(field: &str, old: &Definition<super::CampaignSpec>) -> Json {
    if field == "start_date" { old.body.get(field).cloned().unwrap_or_default() } else { Json::Null }
}

/// What a fresh store defines: the settings as they are by default and the tier everybody starts in.
pub fn standard_definitions(now: Timestamp, base_tier: Uuid) -> Vec<StoredDefinition> {
    let settings = StoredDefinition {
        kind: Kind::Settings,
        number: 1,
        id: "settings".into(),
        version: 1,
        program_version: 1,
        changed_at: now,
        body: object()
            .with("time_zone", "UTC")
            .with("reporting_period", "year")
            .with("currency", "USD")
            .build(),
    };
    let tier = StoredDefinition {
        kind: Kind::Tier,
        number: 1,
        id: base_tier.hyphenated().to_string(),
        version: 1,
        program_version: 2,
        changed_at: now,
        body: object().with("name", "Base").with("level", 1_u32).with("status", "ACTIVE").build(),
    };
    vec![settings, tier]
}
