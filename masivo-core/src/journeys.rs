//! Journeys: customers walking steps, each waiting for exactly one instant.
//!
//! - J1: an instance that is held always has one instant at which it goes on; none can be stuck.
//! - J2: an instance walks the version of the journey it entered.
//! - J3: every message step leaves a row: queued, or not sent with its reason.

use crate::draft::{Draft, FactId};
use crate::fact::{Change, EventHead, JourneyEnd};
use crate::limits::{JOURNEY_INSTANCES_MAX, JOURNEY_STEPS_AT_ONCE_MAX};
use crate::outgoing::{Outgoing, Target, email_suppression};
use crate::prelude::*;
use crate::program::{Definition, JourneySpec, StepKind, Trigger};
use crate::state::{Instance, Standing};
use crate::value::{Json, Timestamp, object};

/// Ends the journeys that an event ends, then starts those it starts.
pub(crate) fn on_event(draft: &mut Draft<'_>, fact: FactId, head: &EventHead, payload: &Json) {
    let at = draft.instant(fact);
    let ended: Vec<Instance> = draft
        .state
        .journeys
        .iter()
        .filter(|instance| {
            let journey = draft.program.journey_version(instance.journey, instance.version);
            journey.is_some_and(|journey| {
                journey.spec.exits.iter().any(|(event_type, conditions)| {
                    *event_type == head.event_type
                        && conditions.holds(&draft.view(head.issued_at, Some(payload)))
                })
            })
        })
        .copied()
        .collect();
    for instance in ended {
        leave(draft, fact, &instance, JourneyEnd::ExitEvent);
    }
    let program = draft.program;
    for journey in program.journeys_started_by(&head.event_type) {
        let Trigger::Event { conditions, .. } = &journey.spec.trigger else { continue };
        // Events of the engine's own belong to no brand: they count for every brand.
        let of_all = head.brand.is_empty();
        let other_brand = journey.spec.brand.as_ref().is_some_and(|brand| !of_all && *brand != head.brand);
        if !other_brand && conditions.holds(&draft.view(head.issued_at, Some(payload))) {
            enter(draft, fact, at, journey);
        }
    }
}

/// Starts the journeys that entering an audience starts.
pub(crate) fn on_audience_entry(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, audience: u32) {
    let program = draft.program;
    for journey in program.journeys() {
        // Who came in by a rule before the journey was there may be looked at after it was written.
        let first = program.journey_version(journey.number, 1).unwrap_or(journey);
        let is_meant =
            matches!(journey.spec.trigger, Trigger::AudienceEntry { audience: wanted } if wanted == audience);
        if is_meant && first.changed_at <= at {
            enter(draft, fact, at, journey);
        }
    }
}

fn enter(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, journey: &Definition<JourneySpec>) {
    let state = &draft.state;
    let inside = state.journeys.iter().any(|instance| instance.journey == journey.number);
    let walked = state.journeys_done.contains(&journey.number);
    let full = state.journeys.len() >= JOURNEY_INSTANCES_MAX;
    if !journey.spec.active || state.standing != Standing::Active || inside || walked || full {
        return;
    }
    let instance = Instance {
        number: state.instances_made.saturating_add(1),
        journey: journey.number,
        version: journey.version,
        step: 0,
        entered_at: at,
        wakes_at: at,
        started_by: draft.sequence(fact),
    };
    draft.record(fact, Change::JourneyStands(instance));
    walk(draft, fact, at, instance, Some(0));
}

/// Lets every instance whose instant has come go on.
pub(crate) fn walk_due(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    let due: Vec<Instance> =
        draft.state.journeys.iter().filter(|instance| instance.wakes_at <= at).copied().collect();
    for instance in due {
        let next = draft
            .program
            .journey_version(instance.journey, instance.version)
            .and_then(|journey| journey.spec.steps.get(usize::from(instance.step)))
            .and_then(|step| match step.kind {
                StepKind::Wait { next, .. } => next,
                _ => None,
            });
        walk(draft, fact, at, instance, next);
    }
}

/// Walks from a step until the next wait or the end.
fn walk(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, instance: Instance, from: Option<usize>) {
    let program = draft.program;
    let Some(journey) = program.journey_version(instance.journey, instance.version) else {
        leave(draft, fact, &instance, JourneyEnd::Finished);
        return;
    };
    let mut next = from;
    for _ in 0..JOURNEY_STEPS_AT_ONCE_MAX {
        let Some((index, step)) = next.and_then(|index| Some((index, journey.spec.steps.get(index)?))) else {
            leave(draft, fact, &instance, JourneyEnd::Finished);
            return;
        };
        let step_number = u16::try_from(index).unwrap_or(u16::MAX);
        match &step.kind {
            StepKind::Wait { milliseconds, .. } => {
                let stands = Instance { step: step_number, wakes_at: at.plus(*milliseconds), ..instance };
                draft.record(fact, Change::JourneyStands(stands));
                return;
            }
            StepKind::Condition { conditions, then, otherwise } => {
                next = if conditions.holds(&draft.view(at, None)) { *then } else { *otherwise };
            }
            StepKind::SendEmail { template, next: after } => {
                send_email(draft, at, &instance, step_number, *template);
                next = *after;
            }
            StepKind::Exit => next = None,
        }
    }
    leave(draft, fact, &instance, JourneyEnd::TooManySteps);
}

fn send_email(draft: &mut Draft<'_>, at: Timestamp, instance: &Instance, step: u16, template: u32) {
    let id = draft.mint.next_id();
    let suppressed = email_suppression(&draft.state, &draft.profile);
    let target = Target::Email {
        journey: instance.journey,
        version: instance.version,
        step,
        template,
        started_by: instance.started_by,
    };
    draft.outgoing.push(Outgoing { id, at, target, suppressed, body: object().build() });
}

fn leave(draft: &mut Draft<'_>, fact: FactId, instance: &Instance, why: JourneyEnd) {
    let reentry = draft
        .program
        .journey_version(instance.journey, instance.version)
        .is_none_or(|journey| journey.spec.reentry);
    let change =
        Change::JourneyLeft { instance: instance.number, journey: instance.journey, done: !reentry, why };
    draft.record(fact, change);
}

/// Leaves every journey: the customer was deleted or became inactive.
pub(crate) fn leave_all(draft: &mut Draft<'_>, fact: FactId) {
    let instances = draft.state.journeys.clone();
    for instance in instances {
        leave(draft, fact, &instance, JourneyEnd::CustomerLeft);
    }
}
