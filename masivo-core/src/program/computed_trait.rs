//! Computed traits: named values of customers that rules, templates and answers use, always as they are now.

use super::{Definition, Reading, recalculation};
use crate::limits::TRAIT_CUTS_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::{Inputs, Subject, VALUE, read_value};
use crate::shape::{LONG_TEXT, ObjectShape, Shape, Unknown, optional, required};
use crate::value::{DAY, Decimal, Json, Timestamp, Zone};

/// A computed trait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraitSpec {
    /// What it is.
    pub subject: Subject,
    /// Of a score: where each next one begins; empty when it is the value itself.
    pub cuts: Vec<Decimal>,
    /// Of a score: whether small values have the highest one.
    pub low_is_best: bool,
    /// Of a score whose cuts are drawn from the customers there are: how.
    pub drawing: Option<Drawing>,
}

/// How the cuts of a score are drawn from the customers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Into how many groups of the same size customers are divided.
    pub groups: u32,
    /// How often the cuts are drawn anew, in milliseconds; `None` draws them once.
    pub every: Option<i64>,
    /// When they were drawn; `None` when they were not yet.
    pub drawn_at: Option<Timestamp>,
}

impl Drawing {
    /// When the cuts are to be drawn next; `None` when they never are again.
    pub fn due(&self) -> Option<Timestamp> {
        match self.drawn_at {
            Some(drawn_at) => self.every.map(|every| drawn_at.plus(every)),
            None => Some(Timestamp::MIN),
        }
    }

    /// The cuts that divide values into groups of the same size. Equal values stay together, so groups that nobody would be
    /// in are left out.
    pub fn cuts(&self, mut values: Vec<Decimal>) -> Vec<Decimal> {
        values.sort_unstable();
        let (groups, count) = (u64::from(self.groups), u64::try_from(values.len()).unwrap_or(u64::MAX));
        let place = |group: u64| usize::try_from(count.saturating_mul(group) / groups).ok();
        let mut cuts: Vec<Decimal> =
            (1..groups).filter_map(|group| values.get(place(group)?)).copied().collect();
        cuts.dedup();
        cuts.retain(|cut| values.first().is_some_and(|least| cut > least));
        cuts
    }
}

/// The most groups that customers are divided into.
const GROUPS_MAX: i64 = 20;

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
        optional(
            "groups",
            Shape::Integer(2, GROUPS_MAX),
            "makes it a score from 1 to so many: cuts are drawn, so that each has as many customers as the others",
        ),
        optional(
            "recalculation",
            Shape::Choice(&["never", "hourly", "daily", "weekly"]),
            "with groups: how often the cuts are drawn anew; daily when left out",
        ),
        optional("drawn_at", Shape::Instant, "with groups: when the cuts were drawn; the engine says that"),
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
    let drawing = read_drawing(json, reading, report);
    if drawing.is_some() && !subject.may_be_number() {
        let message = format!("`{}` is not a number", subject.name());
        report.problem(&at.field("type"), "value_does_not_fit", message, "leave groups out, or use a number");
    }
    TraitSpec { subject, cuts, low_is_best: json.flag("low_is_best") == Some(true), drawing }
}

fn read_drawing(json: &Json, reading: &Reading<'_>, report: &mut Report) -> Option<Drawing> {
    let drawn_at = json.text("drawn_at").and_then(Timestamp::parse);
    let given = |name: &&str| json.get(name).is_some_and(|value| !value.is_null());
    let Some(groups) = json.integer("groups").and_then(|groups| u32::try_from(groups).ok()) else {
        for name in ["recalculation", "drawn_at"].into_iter().filter(given) {
            let hint = "leave it out, or say into how many `groups` customers are divided";
            let message = format!("`{name}` is about cuts that are drawn");
            report.problem(&reading.at.field(name), "not_allowed", message, hint);
        }
        return None;
    };
    if drawn_at.is_none() && given(&"cuts") {
        let hint = "leave out either `cuts` or `groups`";
        report.problem(&reading.at.field("cuts"), "not_allowed", "with groups the cuts are drawn", hint);
    }
    let every = if given(&"recalculation") { recalculation(json) } else { Some(DAY) };
    Some(Drawing { groups, every, drawn_at })
}

/// A trait that is written again keeps the cuts that were drawn, unless it is about something else now; nobody else says which.
fn keep_cuts(before: Option<&Json>, body: &mut Json, now: Timestamp) {
    let drawn_now = body.text("drawn_at").and_then(Timestamp::parse) == Some(now);
    if drawn_now || body.get("groups").is_none() {
        return;
    }
    // What was read is sent back with the cuts that were drawn.
    if body.get("drawn_at").is_some() {
        body.remove("cuts");
        body.remove("drawn_at");
    }
    if body.get("cuts").is_some() {
        return;
    }
    let same = |before: &&Json| ["value", "groups"].iter().all(|name| before.get(name) == body.get(name));
    if let Some(before) = before.filter(same) {
        for name in ["cuts", "drawn_at"] {
            if let Some(kept) = before.get(name) {
                body.set(name, kept.clone());
            }
        }
    }
}

impl Definition<TraitSpec> {
    /// The definition with cuts that were drawn at an instant, as it is to be written.
    pub fn drawn(&self, cuts: &[Decimal], at: Timestamp) -> Json {
        let mut body = self.body.clone();
        body.set("cuts", cuts.iter().copied().map(Json::from).collect::<Vec<_>>());
        body.set("drawn_at", at);
        body
    }
}

/// A trait as it is kept: its value with our own names, and the cuts that were drawn before.
pub(super) fn normalise(before: Option<&Json>, body: &mut Json, zone: Zone, now: Timestamp) {
    let mut ignored = Report::default();
    let value = body.get("value").and_then(|value| read_value(value, &Pointer::root(), zone, &mut ignored));
    if let Some((_, written)) = value {
        body.set("value", written);
    }
    keep_cuts(before, body, now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_divide_values_into_groups_of_the_same_size() {
        for (values, groups, expected) in [
            (&[1, 2, 3, 4, 5, 6, 7, 8][..], 4, &[3, 5, 7][..]),
            (&[8, 1, 7, 2, 6, 3, 5, 4], 2, &[5]),
            // Equal values stay together; groups that nobody would be in are left out.
            (&[1, 1, 1, 1, 1, 2, 3, 9], 4, &[3]),
            (&[5, 5, 5], 3, &[]),
            (&[1, 2], 5, &[2]),
            (&[7], 2, &[]),
            (&[], 4, &[]),
        ] {
            let how = Drawing { groups, every: None, drawn_at: None };
            let number = |value: &i64| Decimal::from_integer(*value).unwrap();
            let cuts = how.cuts(values.iter().map(number).collect());
            assert_eq!(
                cuts,
                expected.iter().map(number).collect::<Vec<_>>(),
                "{groups} groups of {values:?}"
            );
        }
    }
}
