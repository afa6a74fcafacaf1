//! Journeys: a graph of steps that customers walk, started by an event or by entering an audience.

use super::Reading;
use crate::limits::{JOURNEY_STEPS_MAX, RULE_BRANCH_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::{CONDITIONS, Inputs, Rule};
use crate::shape::{Field, LONG_TEXT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Json, MINUTE};

/// A journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JourneySpec {
    /// Its name.
    pub name: String,
    /// The brand it is for; `None` is all.
    pub brand: Option<String>,
    /// What starts it.
    pub trigger: Trigger,
    /// Events that end it wherever a customer stands.
    pub exits: Vec<(String, Rule)>,
    /// Whether a customer may walk it again after leaving it.
    pub reentry: bool,
    /// The steps; the first is where everybody starts.
    pub steps: Vec<Step>,
    /// Whether it takes customers in.
    pub active: bool,
}

impl JourneySpec {
    /// Every rule that it asks.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        let trigger = match &self.trigger {
            Trigger::Event { conditions, .. } => Some(conditions),
            Trigger::AudienceEntry { .. } => None,
        };
        let steps = self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Condition { conditions, .. } => Some(conditions),
            StepKind::Wait { .. } | StepKind::SendEmail { .. } | StepKind::Exit => None,
        });
        trigger.into_iter().chain(self.exits.iter().map(|(_, rule)| rule)).chain(steps)
    }
}

/// What starts a journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// An event of a type for which a rule holds.
    Event {
        /// The event type.
        event_type: String,
        /// The rule over event and customer.
        conditions: Rule,
    },
    /// Entering an audience.
    AudienceEntry {
        /// The audience's number.
        audience: u32,
    },
}

/// A step of a journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its id, unique in the journey.
    pub id: String,
    /// What happens in it.
    pub kind: StepKind,
}

/// What happens in a step. Steps are named by their index; `None` ends the journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Waits so many milliseconds.
    Wait {
        /// How long.
        milliseconds: i64,
        /// Where to go then.
        next: Option<usize>,
    },
    /// Asks a rule.
    Condition {
        /// The rule over the customer.
        conditions: Rule,
        /// Where to go when it holds.
        then: Option<usize>,
        /// Where to go when it does not, or cannot be said.
        otherwise: Option<usize>,
    },
    /// Sends an e-mail.
    SendEmail {
        /// The template's number.
        template: u32,
        /// Where to go then.
        next: Option<usize>,
    },
    /// Ends the journey.
    Exit,
}

const TRIGGER: ObjectShape = ObjectShape {
    name: "Trigger",
    fields: &[
        required("type", Shape::Choice(&["event", "audience_entry"]), "what starts it"),
        optional("event_type", TEXT, "for event: its type"),
        optional("conditions", CONDITIONS, "for event: when it counts"),
        optional("audience_id", Shape::Uuid, "for audience_entry: the audience"),
    ],
    unknown: Unknown::Refused,
};
const EXIT: ObjectShape = ObjectShape {
    name: "JourneyExit",
    fields: &[
        required("event_type", TEXT, "the event that ends it"),
        optional("conditions", CONDITIONS, "when it counts"),
    ],
    unknown: Unknown::Refused,
};
const STEP_FIELDS: &[Field] = &[
    required("id", Shape::Text(100), "its name in this journey"),
    required("type", Shape::Choice(&["wait", "condition", "send_email", "exit"]), "what happens in it"),
    optional("minutes", Shape::Integer(1, 1_051_200), "wait: how long, up to two years"),
    optional("conditions", CONDITIONS, "condition: the rule"),
    optional("template_id", Shape::Uuid, "send_email: the template"),
    optional("next", TEXT, "the step after it; none ends the journey"),
    optional("then", TEXT, "condition: the step when it holds; none ends the journey"),
    optional("else", TEXT, "condition: the step when it does not; none ends the journey"),
];
const STEP: ObjectShape = ObjectShape { name: "JourneyStep", fields: STEP_FIELDS, unknown: Unknown::Refused };

/// A journey as it is written.
pub const JOURNEY: ObjectShape = ObjectShape {
    name: "Journey",
    fields: &[
        required("name", TEXT, "its name"),
        optional("description", LONG_TEXT, "what it is for"),
        optional("brand_id", Shape::Id, "the brand it is for; none is all"),
        optional("status", Shape::Choice(&["ACTIVE", "INACTIVE"]), "whether it takes customers in"),
        required("trigger", Shape::Object(&TRIGGER), "what starts it"),
        optional("exit", Shape::List(&Shape::Object(&EXIT), RULE_BRANCH_MAX), "events that end it"),
        optional(
            "reentry",
            Shape::Choice(&["once", "after_exit"]),
            "whether a customer may walk it again; after_exit when left out",
        ),
        required(
            "steps",
            Shape::List(&Shape::Object(&STEP), JOURNEY_STEPS_MAX),
            "the steps; the first is the start",
        ),
    ],
    unknown: Unknown::Refused,
};

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> JourneySpec {
    let at = reading.at;
    let exits_at = at.field("exit");
    let exits = json
        .get("exit")
        .map_or(&[][..], Json::items)
        .iter()
        .enumerate()
        .map(|(index, exit)| {
            let at = exits_at.index(index);
            let event_type = read_event_type(exit, &at, reading, report);
            (event_type, reading.conditions(exit.get("conditions"), &at.field("conditions"), report))
        })
        .collect();
    let steps =
        read_steps(json.get("steps").map_or(&[][..], Json::items), &at.field("steps"), reading, report);
    if let Some(brand) = json.text("brand_id").filter(|brand| reading.program.brand(brand).is_none()) {
        let message = format!("there is no brand `{brand}`");
        report.problem(&at.field("brand_id"), "unknown_brand", message, "write the brand first");
    }
    JourneySpec {
        name: json.text("name").unwrap_or_default().to_owned(),
        brand: json.text("brand_id").map(ToOwned::to_owned),
        trigger: read_trigger(
            json.get("trigger").unwrap_or(&Json::Null),
            &at.field("trigger"),
            reading,
            report,
        ),
        exits,
        reentry: json.text("reentry") != Some("once"),
        steps,
        active: json.text("status") != Some("INACTIVE"),
    }
}

fn read_event_type(json: &Json, at: &Pointer<'_>, reading: &Reading<'_>, report: &mut Report) -> String {
    let name = json.text("event_type").unwrap_or_default();
    if reading.program.processing(name).is_none() {
        report.problem(
            &at.field("event_type"),
            "unknown_event_type",
            format!("there is no event type `{name}`"),
            "write the event type first, or use a built-in one such as PURCHASE or ADD_TO_CART",
        );
    }
    name.to_owned()
}

fn read_trigger(json: &Json, at: &Pointer<'_>, reading: &Reading<'_>, report: &mut Report) -> Trigger {
    if json.text("type") == Some("audience_entry") {
        let id = json.text("audience_id").unwrap_or_default();
        let audience = reading.program.audience_by_id(id).map(|audience| audience.number);
        if audience.is_none() {
            let message = format!("there is no audience `{id}`");
            report.problem(&at.field("audience_id"), "unknown_audience", message, "write the audience first");
        }
        return Trigger::AudienceEntry { audience: audience.unwrap_or(0) };
    }
    let event_type = read_event_type(json, at, reading, report);
    let conditions = reading.conditions(json.get("conditions"), &at.field("conditions"), report);
    Trigger::Event { event_type, conditions }
}

fn read_steps(items: &[Json], at: &Pointer<'_>, reading: &Reading<'_>, report: &mut Report) -> Vec<Step> {
    let ids: Vec<&str> = items.iter().map(|item| item.text("id").unwrap_or_default()).collect();
    if items.is_empty() {
        report.problem(at, "missing", "a journey needs at least one step", "");
    }
    let mut steps = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = at.index(index);
        let id = item.text("id").unwrap_or_default();
        if ids.iter().take(index).any(|earlier| *earlier == id) {
            let message = format!("there are two steps `{id}`");
            report.problem(&place.field("id"), "duplicate_step", message, "name every step differently");
        }
        let kind = read_step(item, &ids, &place, reading, report);
        steps.push(Step { id: id.to_owned(), kind });
    }
    if let Some(looping) = step_in_endless_loop(&steps) {
        report.problem(
            &at.index(looping),
            "endless_loop",
            "the steps from here come back here without a wait",
            "put a wait step into the loop",
        );
    }
    steps
}

fn read_step(
    item: &Json,
    ids: &[&str],
    at: &Pointer<'_>,
    reading: &Reading<'_>,
    report: &mut Report,
) -> StepKind {
    let target = |name: &str, report: &mut Report| {
        let wanted = item.text(name)?;
        let found = ids.iter().position(|id| *id == wanted);
        if found.is_none() {
            let message = format!("there is no step `{wanted}`");
            report.problem(
                &at.field(name),
                "unknown_step",
                message,
                "name one of the steps, or leave it out to end",
            );
        }
        found
    };
    match item.text("type") {
        Some("wait") => {
            let minutes = item.integer("minutes");
            if minutes.is_none() {
                report.problem(&at.field("minutes"), "missing", "a wait needs `minutes`", "");
            }
            let milliseconds = minutes.unwrap_or(1).saturating_mul(MINUTE);
            StepKind::Wait { milliseconds, next: target("next", report) }
        }
        Some("condition") => {
            let conditions = reading.conditions(item.get("conditions"), &at.field("conditions"), report);
            if conditions.inputs() == Inputs::NONE {
                let hint = "say when to go to `then`";
                report.problem(&at.field("conditions"), "missing", "a condition step needs conditions", hint);
            }
            if conditions.inputs().touches(Inputs::EVENT) {
                report.problem(
                    &at.field("conditions"),
                    "subject_not_allowed",
                    "a step looks at the customer: the event that started the journey is past",
                    "use customer.* or time.* subjects; the trigger's conditions look at the event",
                );
            }
            StepKind::Condition {
                conditions,
                then: target("then", report),
                otherwise: target("else", report),
            }
        }
        Some("send_email") => {
            let id = item.text("template_id").unwrap_or_default();
            let template = reading.program.template_by_id(id).map(|template| template.number);
            if template.is_none() {
                let message = format!("there is no template `{id}`");
                report.problem(
                    &at.field("template_id"),
                    "unknown_template",
                    message,
                    "write the template first",
                );
            }
            StepKind::SendEmail { template: template.unwrap_or(0), next: target("next", report) }
        }
        _ => StepKind::Exit,
    }
}

impl StepKind {
    /// The steps one may come to without waiting.
    fn reached_at_once(&self) -> [Option<usize>; 2] {
        match self {
            Self::Wait { .. } | Self::Exit => [None, None],
            Self::Condition { then, otherwise, .. } => [*then, *otherwise],
            Self::SendEmail { next, .. } => [*next, None],
        }
    }
}

/// A step from which one may come back to it without a wait in between.
fn step_in_endless_loop(steps: &[Step]) -> Option<usize> {
    (0..steps.len()).find(|start| {
        let mut seen = BTreeSet::new();
        let mut open = vec![*start];
        while let Some(at) = open.pop() {
            let Some(step) = steps.get(at) else { continue };
            for next in step.kind.reached_at_once().into_iter().flatten() {
                if next == *start {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    })
}
