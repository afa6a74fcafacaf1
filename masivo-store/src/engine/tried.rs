//! Trying a command: what it would come to, by the code that carries it out, and nothing is written.

use super::answer::Answer;
use super::load;
use super::process::{Submitted, decided};
use super::referrals;
use super::writer::Desk;
use crate::backend::Unit;
use crate::error::StoreError;
use masivo_core::events::{self, EventRecord};
use masivo_core::fact::{Change, EventStatus, FactKind};
use masivo_core::{Command, Decision, Outcome, view};

/// Decides a command and shows what it would come to.
pub(super) fn carry_out(desk: &mut Desk, unit: &mut impl Unit, command: &Command) -> Submitted<Answer> {
    let decision = match decided(desk, unit, command, None)? {
        Ok((_, decision)) => decision,
        Err(error) => return Ok(Err(error)),
    };
    if matches!(command, Command::Reverse { .. }) {
        let Plan { record, referrers, token } = plan(desk, unit, &decision)?;
        return Ok(Ok(Answer::Plan { record: Box::new(record), referrers, token }));
    }
    let still_expired = match &decision.outcome {
        Outcome::Event { still_expired, .. } => still_expired.clone(),
        Outcome::Customer(document)
        | Outcome::Consent(document)
        | Outcome::Transferred { customer: document, .. } => {
            return Ok(Ok(Answer::Document(document.clone())));
        }
        Outcome::Listed(changed) => return Ok(Ok(Answer::Listed(*changed))),
        Outcome::Coupon { customer, .. } => {
            let record = Box::new(record_after(unit, &decision)?);
            return Ok(Ok(Answer::Coupon { record, customer: customer.clone() }));
        }
        Outcome::Done => return Ok(Ok(Answer::Done)),
    };
    let record = record_after(unit, &decision)?;
    Ok(Ok(Answer::Event { record: Box::new(record), still_expired }))
}

/// The event a decision is about, as it would be.
fn record_after(unit: &impl Unit, decision: &Decision) -> Result<EventRecord, StoreError> {
    let (Outcome::Event { fact: sequence, .. } | Outcome::Coupon { fact: sequence, .. }) = decision.outcome
    else {
        return Err(StoreError::damaged("a decision that is about no event"));
    };
    let customer = decision.customer.profile.id();
    let made = decision.facts.iter().find(|fact| fact.sequence == sequence);
    let mut record = match made {
        Some(fact) => {
            let status = fact.event.as_ref().map_or(EventStatus::Failed, |head| head.status);
            EventRecord::new(customer, fact.clone(), status)
        }
        None => load::record(unit, sequence, customer)?
            .ok_or_else(|| StoreError::damaged(format!("event of fact {sequence}")))?,
    };
    for fact in &decision.facts {
        if fact.kind == FactKind::Returned && fact.about == sequence {
            record.returns.push(fact.clone());
        }
        let statuses = fact.changes.iter().filter_map(|change| match change {
            Change::EventStatus { fact, status } if *fact == sequence => Some(*status),
            _ => None,
        });
        for status in statuses {
            record.status = status;
            match status {
                EventStatus::Resolved => record.fulfilled_by = Some(fact.clone()),
                _ => record.closed_by = Some(fact.clone()),
            }
        }
    }
    Ok(record)
}

/// What a reversal comes to.
pub(super) struct Plan {
    /// The event as it would be.
    record: EventRecord,
    /// The events of those who referred the customer with it, which are undone too.
    referrers: Vec<EventRecord>,
    /// What stands for exactly that.
    pub(super) token: String,
}

/// What a reversal comes to, and the token that stands for exactly that: what is undone, kept and owed, and how things
/// stand afterwards, also with those who referred the customer.
pub(super) fn plan(desk: &mut Desk, unit: &mut impl Unit, decision: &Decision) -> Result<Plan, StoreError> {
    let mut record = record_after(unit, decision)?;
    let undoes = decision.facts.iter().any(|fact| fact.kind.undoes());
    if !undoes {
        // What was closed before is undone no more: there is nothing to show of it.
        record.closed_by = None;
    }
    let shown = view::event(&desk.program, &record);
    let part = |name: &str| shown.get(name).map(|part| part.sorted().to_string()).unwrap_or_default();
    let after = shown.path("result.wallet").map(|wallet| wallet.sorted().to_string()).unwrap_or_default();
    let returned =
        record.returns.len().checked_sub(1).map(|last| {
            events::Receipt::of_return(&record, last).to_json(&desk.program).sorted().to_string()
        });
    let returned = returned.unwrap_or_default();
    let before = part("returned_value");
    let mut comparable =
        format!("{}\n{}\n{before}\n{returned}\n{after}\n{undoes}", part("status"), part("receipt"));
    let whole = decision.facts.iter().any(|fact| fact.kind == FactKind::Reversed);
    let referrers = if whole { referrers(desk, unit, record.fact.sequence)? } else { Vec::new() };
    for referrer in &referrers {
        // What else they have is their own affair: only what is undone must be the same.
        let receipt = events::Receipt::of(referrer).to_json(&desk.program);
        comparable.push_str(&format!("\n{} {}", referrer.status.name(), receipt.sorted()));
    }
    let head = record.head().map(|head| head.id).unwrap_or_default();
    let hash = desk.shared.secret.hash("reversal plan", &[head.as_bytes(), comparable.as_bytes()]);
    let token = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Plan { record, referrers, token })
}

/// The events of those who referred, as they would be when the event that completed the referrals is reversed; what is
/// refused there stays as it is.
fn referrers(desk: &mut Desk, unit: &mut impl Unit, event: u64) -> Result<Vec<EventRecord>, StoreError> {
    let mut records = Vec::new();
    for command in referrals::undoing(unit, event)? {
        if let Ok((_, decision)) = decided(desk, unit, &command, None)? {
            records.push(record_after(unit, &decision)?);
        }
    }
    Ok(records)
}
