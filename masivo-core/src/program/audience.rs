//! Audiences: groups of customers, by a rule or by a list.

use super::{Program, Reading};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::{CONDITIONS, Inputs, Rule, read_conditions};
use crate::shape::{LONG_TEXT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{DAY, HOUR, Json, Timestamp, WEEK};

/// An audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudienceSpec {
    /// Its name.
    pub name: String,
    /// The brand it is for: of past events only those of that brand count; `None` is all.
    pub brand: Option<String>,
    /// By a rule or by a list.
    pub kind: AudienceKind,
    /// Whether it is kept up.
    pub active: bool,
    /// How often everybody is looked at again although nothing is known to have changed, in milliseconds.
    pub recalculation: Option<i64>,
    /// Of a list: the audience whose members it began with.
    pub frozen: Option<Frozen>,
}

/// The members that a list began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The number of the audience whose members they were.
    pub source: u32,
    /// When.
    pub at: Timestamp,
    /// The version of the whole program that it came with.
    pub version: u32,
}

/// How membership comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceKind {
    /// Whoever the rule holds for.
    Dynamic(Rule),
    /// Whoever was put on the list.
    Static,
}

impl AudienceSpec {
    /// The rule of a dynamic audience.
    pub const fn rule(&self) -> Option<&Rule> {
        match &self.kind {
            AudienceKind::Dynamic(rule) => Some(rule),
            AudienceKind::Static => None,
        }
    }
}

const BRAND_SCOPE: &str = "the brand it is for: of past events only those of that brand count; none is all";

/// An audience as it is written.
pub const AUDIENCE: ObjectShape = ObjectShape {
    name: "Audience",
    fields: &[
        required("name", TEXT, "its name"),
        optional("description", LONG_TEXT, "whom it gathers"),
        optional("brand_id", Shape::Id, BRAND_SCOPE),
        optional(
            "type",
            Shape::Choice(&["DYNAMIC", "STATIC"]),
            "by a rule (DYNAMIC, the default) or by a list",
        ),
        optional("conditions", CONDITIONS, "whom it gathers; empty gathers every identified customer"),
        optional("members_of", Shape::Uuid, "for STATIC: begin with the members that this audience has now"),
        optional("status", Shape::Choice(&["ACTIVE", "INACTIVE"]), "whether it is kept up"),
        optional(
            "recalculation",
            Shape::Choice(&["never", "hourly", "daily", "weekly"]),
            "how often everybody is looked at again, though it is exact at any instant; never when left out",
        ),
    ],
    unknown: Unknown::Refused,
};

/// A rule that is not an audience yet, and how well its size is to be known.
pub const AUDIENCE_PREVIEW: ObjectShape = ObjectShape {
    name: "AudiencePreviewRequest",
    fields: &[
        required("conditions", CONDITIONS, "whom it would gather"),
        optional("brand_id", Shape::Id, BRAND_SCOPE),
        optional("exact", Shape::Flag, "look at every customer, however many there are"),
    ],
    unknown: Unknown::Refused,
};

/// Reads the rule of an audience that is previewed.
///
/// # Errors
/// A report with all problems of it.
pub fn read_preview_rule(program: &Program, json: &Json) -> Result<Rule, Report> {
    let mut report = Report::default();
    let root = Pointer::root();
    Shape::Object(&AUDIENCE_PREVIEW).check(json, &root, &mut report);
    if report.has_problems() {
        return Err(report);
    }
    let reading = Reading { program, zone: program.settings().time_zone, at: Pointer::root() };
    let rule = read_rule(json, &reading, &mut report);
    report.into_result(rule).map(|(rule, _)| rule)
}

/// Reads the conditions of an audience, and the brand it is for.
fn read_rule(json: &Json, reading: &Reading<'_>, report: &mut Report) -> Rule {
    let at = reading.at.field("conditions");
    let rule = read_conditions(json.get("conditions"), &at, reading.zone, report);
    reading.check_names(rule.source(), &at, report);
    if rule.inputs().touches(Inputs::EVENT.and(Inputs::TIME)) {
        report.problem(
            &at,
            "subject_not_allowed",
            "an audience looks at the customer, not at a single event or the clock",
            "use customer.* or events.* subjects; within_last, more_than_ago and windows look at time",
        );
    }
    let brand_at = reading.at.field("brand_id");
    match json.text("brand_id") {
        Some(brand) if reading.program.brand(brand).is_none() => {
            let hint = "write the brand first, or leave brand_id out for all brands";
            report.problem(&brand_at, "unknown_brand", format!("there is no brand `{brand}`"), hint);
            rule
        }
        Some(brand) => rule.of_brand(brand),
        None => rule,
    }
}

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> AudienceSpec {
    let at = reading.at.field("conditions");
    let rule = read_rule(json, reading, report);
    let is_static = json.text("type") == Some("STATIC");
    if is_static && json.get("conditions").is_some() {
        let hint = "leave `conditions` out, or make it DYNAMIC";
        report.problem(&at, "static_with_conditions", "a static audience has no conditions", hint);
    }
    let frozen = json.text("members_of").and_then(|id| read_frozen(id, is_static, reading, report));
    AudienceSpec {
        recalculation: recalculation(json),
        frozen,
        name: json.text("name").unwrap_or_default().to_owned(),
        brand: json.text("brand_id").map(ToOwned::to_owned),
        kind: if is_static { AudienceKind::Static } else { AudienceKind::Dynamic(rule) },
        active: json.text("status") != Some("INACTIVE"),
    }
}

/// How often something is made anew, in milliseconds; `None` when it never is.
pub(super) fn recalculation(json: &Json) -> Option<i64> {
    match json.text("recalculation")? {
        "hourly" => Some(HOUR),
        "daily" => Some(DAY),
        "weekly" => Some(WEEK),
        _ => None,
    }
}

/// The audience that a list begins with; when, and in which version, is said when it is put.
fn read_frozen(id: &str, is_static: bool, reading: &Reading<'_>, report: &mut Report) -> Option<Frozen> {
    let at = reading.at.field("members_of");
    if !is_static {
        let hint = "make it STATIC, or ask for the audience in its conditions";
        report.problem(&at, "not_allowed", "only a list begins with the members of an audience", hint);
        return None;
    }
    let source = reading.program.audience_by_id(&id.to_lowercase());
    if source.is_none() {
        let message = format!("there is no audience `{id}`");
        report.problem(&at, "unknown_audience", message, "write that audience first, and name it by its id");
    }
    Some(Frozen { source: source?.number, at: Timestamp::MIN, version: 0 })
}
