//! Tiers: levels a customer rises to at once and falls from only when a reporting period ends.

use super::Reading;
use crate::limits::TIER_LEVELS_MAX;
use crate::prelude::*;
use crate::problem::Report;
use crate::rule::{CONDITIONS, Inputs, Rule};
use crate::shape::{LONG_TEXT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Json, Timestamp};

/// A tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierSpec {
    /// Its name.
    pub name: String,
    /// Level 1 to 10; level 1 is where everybody starts.
    pub level: u32,
    /// When a customer rises to it.
    pub entry: Rule,
    /// When a customer falls from it at a period's end; `None` means never.
    pub exit: Option<Rule>,
    /// Since when it has exit conditions at all; boundaries before that are not judged.
    pub exit_since: Timestamp,
    /// Whether it is in use.
    pub active: bool,
}

impl TierSpec {
    /// Whether a customer may fall from it at a boundary.
    pub const fn can_be_left(&self) -> bool {
        self.exit.is_some() && self.level > 1
    }
}

/// A tier as it is written.
pub const TIER: ObjectShape = ObjectShape {
    name: "Tier",
    fields: &[
        required("name", TEXT, "the tier's name"),
        optional("description", LONG_TEXT, "what it offers"),
        optional("status", Shape::Choice(&["ACTIVE", "INACTIVE"]), "whether it is in use"),
        required("level", Shape::Integer(1, TIER_LEVELS_MAX), "1 (where everybody starts) to 10"),
        optional("entry_conditions", CONDITIONS, "when a customer rises to it; required above level 1"),
        optional(
            "exit_conditions",
            CONDITIONS,
            "when a customer falls from it at a period's end; none means never",
        ),
    ],
    unknown: Unknown::Warned,
};

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> TierSpec {
    let level = json.integer("level").and_then(|level| u32::try_from(level).ok()).unwrap_or(1);
    let (entry_at, exit_at) = (reading.at.field("entry_conditions"), reading.at.field("exit_conditions"));
    let entry = reading.conditions(json.get("entry_conditions"), &entry_at, report);
    let exit = reading.conditions(json.get("exit_conditions"), &exit_at, report);
    for (rule, at) in [(&entry, &entry_at), (&exit, &exit_at)] {
        if rule.inputs().touches(Inputs::EVENT.and(Inputs::MEMBERS).and(Inputs::TRAITS)) {
            let hint = "tiers look at the customer; use customer.metrics or customer.tags";
            report.problem(
                at,
                "subject_not_allowed",
                "a tier cannot look at an event, an audience or a trait",
                hint,
            );
        }
    }
    if level == 1 && !(entry.is_always() && exit.is_always()) {
        let hint = "leave entry_conditions and exit_conditions empty";
        report.problem(
            &entry_at,
            "base_tier_has_conditions",
            "everybody starts at level 1: it has no conditions",
            hint,
        );
    }
    if level > 1 && entry.is_always() && !report.has_problems() {
        let hint = "say when a customer rises to it";
        report.problem(
            &entry_at,
            "entry_conditions_missing",
            format!("level {level} needs entry conditions"),
            hint,
        );
    }
    TierSpec {
        name: json.text("name").unwrap_or_default().to_owned(),
        level,
        entry,
        exit: (!exit.is_always()).then_some(exit),
        exit_since: Timestamp::MIN,
        active: json.text("status") != Some("INACTIVE"),
    }
}
