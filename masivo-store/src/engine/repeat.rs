//! Idempotency keys: what a key stands for, and the answer that was given to it before.

use super::answer::Answer;
use super::load;
use super::writer::Desk;
use crate::backend::{Made, Remembered, Unit, Write};
use crate::error::{StoreError, SubmitError};
use masivo_core::Rejection;
use masivo_core::events::EventRecord;
use masivo_core::fact::EventStatus;

/// The keyed hashes of an idempotency key and of what it is used for.
pub(super) struct KeyHashes {
    pub(super) key: [u8; 16],
    request: [u8; 16],
}

pub(super) fn hash_key(desk: &Desk, key: Option<&str>, comparable: &str) -> Option<KeyHashes> {
    let secret = desk.shared.secret;
    key.map(|key| KeyHashes {
        key: secret.hash("idempotency key", &[key.as_bytes()]),
        request: secret.hash("idempotent request", &[comparable.as_bytes()]),
    })
}

/// The answer given before to the same key, if there was one.
pub(super) fn repeated(
    desk: &mut Desk,
    unit: &impl Unit,
    hashes: Option<&KeyHashes>,
) -> Result<Option<Result<Answer, SubmitError>>, StoreError> {
    let Some(hashes) = hashes else { return Ok(None) };
    let Some(remembered) = unit.remembered(hashes.key)? else { return Ok(None) };
    if remembered.request != hashes.request {
        return Ok(Some(Err(Rejection::KeyReused.into())));
    }
    let erased = || Err(Rejection::AnswerErased.into());
    Ok(Some(match remembered.made {
        Made::Nothing => Ok(Answer::Done),
        Made::Fact(sequence) => {
            let payload = unit.fact(sequence)?.and_then(|row| row.fact.payload);
            match payload.and_then(|payload| payload.get("answer").cloned()) {
                Some(answer) => Ok(Answer::Document(answer)),
                None => erased(),
            }
        }
        Made::Count(count) => Ok(Answer::Count(count)),
        Made::Listed(changed) => Ok(Answer::Listed(changed)),
        Made::Event(sequence)
        | Made::Fulfilled(sequence)
        | Made::Reversed(sequence)
        | Made::Returned { event: sequence, .. } => {
            match answered_event(desk, unit, sequence, &remembered.made)? {
                Some(record) => Ok(Answer::Event { record: Box::new(record), still_expired: None }),
                None => erased(),
            }
        }
        Made::Coupon(sequence) => {
            let customer = unit.fact(sequence)?.and_then(|row| row.fact.payload);
            let customer = customer.and_then(|payload| payload.get("answer").cloned());
            match (answered_event(desk, unit, sequence, &remembered.made)?, customer) {
                (Some(record), Some(customer)) => Ok(Answer::Coupon { record: Box::new(record), customer }),
                _ => erased(),
            }
        }
        Made::Definition { kind, number, version, created } => {
            let all = unit.definitions()?;
            let found = all
                .into_iter()
                .find(|stored| stored.kind == kind && stored.number == number && stored.version == version);
            match found {
                Some(stored) => {
                    Ok(Answer::Definition { stored: Box::new(stored), created, warnings: Vec::new() })
                }
                None => erased(),
            }
        }
    }))
}

/// An event as it was answered: what became of it later is another answer.
fn answered_event(
    desk: &mut Desk,
    unit: &impl Unit,
    sequence: u64,
    made: &Made,
) -> Result<Option<EventRecord>, StoreError> {
    let Some(row) = unit.fact(sequence)? else { return Ok(None) };
    if row.fact.payload.is_none() {
        return Ok(None);
    }
    let customer = load::customer_by_key(desk, unit, row.customer)?;
    let id = customer.map(|customer| customer.profile.id().to_owned()).unwrap_or_default();
    let mut record = load::complete(unit, row, &id)?;
    match made {
        Made::Reversed(_) => {}
        Made::Returned { by, .. } => {
            (record.status, record.closed_by) = (EventStatus::Resolved, None);
            record.returns.retain(|fact| fact.sequence <= *by);
        }
        Made::Fulfilled(_) => {
            (record.status, record.closed_by) = (EventStatus::Resolved, None);
            record.returns.clear();
        }
        _ => {
            record.status = record.head().map_or(EventStatus::Resolved, |head| head.status);
            (record.fulfilled_by, record.closed_by) = (None, None);
            record.returns.clear();
        }
    }
    Ok(Some(record))
}

pub(super) fn remember(
    desk: &Desk,
    unit: &mut impl Unit,
    hashes: Option<KeyHashes>,
    made: Made,
) -> Result<(), StoreError> {
    if let Some(hashes) = hashes {
        let remembered = Remembered { request: hashes.request, made };
        unit.write(Write::Remember { key: hashes.key, at: desk.now, remembered: &remembered })?;
    }
    Ok(())
}
