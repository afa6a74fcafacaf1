//! Computed traits: named values of customers that rules, templates and answers use, always as they are now.

use super::Reading;
use crate::limits::TRAIT_CUTS_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::{Inputs, Subject, VALUE, read_value};
use crate::shape::{LONG_TEXT, ObjectShape, Shape, Unknown, optional, required};
use crate::value::{Decimal, Json};

/// A computed trait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraitSpec {
    /// What it is.
    pub subject: Subject,
    /// Of a score: where each next one begins; empty when it is the value itself.
    pub cuts: Vec<Decimal>,
    /// Of a score: whether small values have the highest one.
    pub low_is_best: bool,
}

/// A computed trait as it is written; its name stands in the path.
pub const TRAIT: ObjectShape = ObjectShape {
    name: "ComputedTrait",
    fields: &[
        required(
            "value",
            Shape::Object(&VALUE),
            "what it is: `customer.*` or `events.*`, as conditions have it",
        ),
        optional("description", LONG_TEXT, "what it means"),
        optional(
            "cuts",
            Shape::List(&Shape::Number(Decimal::MIN, Decimal::MAX), TRAIT_CUTS_MAX),
            "makes it a score from 1: one more for each of these that the value reaches, in rising order",
        ),
        optional(
            "low_is_best",
            Shape::Flag,
            "for a score: small values have the highest one, as with recency",
        ),
    ],
    unknown: Unknown::Refused,
};

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> TraitSpec {
    let at = reading.at.field("value");
    let value = json.get("value").unwrap_or(&Json::Null);
    let read = read_value(value, &at, reading.zone, report);
    let subject = read.map_or(Subject::Age, |(subject, _)| subject);
    let other = Inputs::EVENT.and(Inputs::TIME).and(Inputs::TIER).and(Inputs::MEMBERS).and(Inputs::TRAITS);
    if subject.inputs().touches(other) || subject.has_many() {
        let hint = "use events.*, customer.metrics.*, customer.rfm.*, customer.tags.* and the like";
        let message = "a trait is one value of the customer";
        report.problem(&at.field("type"), "subject_not_allowed", message, hint);
    }
    reading.check_names(value, &at, report);
    let cuts: Vec<Decimal> =
        json.get("cuts").map_or(&[][..], Json::items).iter().filter_map(Json::as_number).collect();
    if !cuts.is_sorted_by(|one, other| one < other) {
        let hint = "write them in rising order, each once";
        report.problem(&reading.at.field("cuts"), "not_in_order", "the cuts do not rise", hint);
    }
    TraitSpec { subject, cuts, low_is_best: json.flag("low_is_best") == Some(true) }
}

/// The value of a trait with our own names, as it is kept.
pub(super) fn normalise(body: &mut Json, zone: crate::value::Zone) {
    let mut ignored = Report::default();
    let value = body.get("value").and_then(|value| read_value(value, &Pointer::root(), zone, &mut ignored));
    if let Some((_, written)) = value {
        body.set("value", written);
    }
}
