//! Fulfilling a waiting or expired event, and letting one expire.

use super::EventRecord;
use super::emit::{event_data, skip_reason};
use super::resolve::{Effects, Spending, resolve};
use crate::campaigns;
use crate::draft::{Draft, FactId};
use crate::fact::{Award, Change, EventReason, EventStatus, FactKind};
use crate::prelude::*;
use crate::quota::{self, Quota, QuotaMove};
use crate::rejection::Rejection;
use crate::state::Standby;
use crate::value::{Decimal, Timestamp, object};
use crate::wallet::Insufficient;

/// What fulfilling came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fulfilled {
    /// The frozen effects were applied.
    Now,
    /// It was fulfilled before: the same answer again.
    Before,
    /// It had expired and what it needs is gone: it stays expired and may be tried again.
    StillExpired(EventReason),
}

/// Applies the frozen effects of a waiting event; an expired one takes its holds anew first.
pub(crate) fn fulfill(draft: &mut Draft<'_>, record: &EventRecord) -> Result<Fulfilled, Rejection> {
    let now = draft.now;
    let Some(mut head) = record.head().cloned() else { return Ok(Fulfilled::Before) };
    let sequence = record.fact.sequence;
    // The customer was brought to the present, so a reservation that has run out is closed by now.
    let standby = draft.state.standby(sequence).cloned();
    match record.status {
        EventStatus::Pending | EventStatus::Expired => {}
        EventStatus::Resolved => return Ok(Fulfilled::Before),
        EventStatus::Failed | EventStatus::Cancelled | EventStatus::Reversed => {
            return Err(Rejection::EventClosed { status: record.status.name() });
        }
    }
    // Consent is asked again: what it blocks by now is left out, as at emit.
    let blocked = skip_reason(draft, head.tracking).filter(|_| head.reason.is_none());
    let awards = record.fact.changes.iter().filter_map(award_of).filter(|_| blocked.is_none());
    let awards: Vec<Award> = awards.collect();
    let redeem: Vec<(u32, Decimal)> = record.fact.changes.iter().filter_map(redeem_of).collect();
    let (quotas, how) = match &standby {
        Some(standby) => (standby.quotas.clone(), QuotaMove::UsedFromHold),
        None => match hold_anew(draft, &awards, &redeem) {
            Ok(quotas) => (quotas, QuotaMove::Used),
            Err(reason) => return Ok(Fulfilled::StillExpired(reason)),
        },
    };
    let fact = draft.open(FactKind::Fulfilled, now);
    let said = blocked.as_ref().map(|reason| object().with("reason", reason.to_json()).build());
    draft.edit(fact, |fact| (fact.about, fact.payload) = (sequence, said.map(Arc::new)));
    head.reason = head.reason.or(blocked);
    draft.record(fact, Change::StandbyClosed { fact: sequence });
    draft.record(fact, Change::EventStatus { fact: sequence, status: EventStatus::Resolved });
    let payload = record.fact.payload.clone().unwrap_or_default();
    let spending = match &standby {
        Some(standby) => Spending::Holds(&standby.holds),
        None => Spending::Redeem(&redeem),
    };
    // What is needed was looked for above, or is held: it cannot be missing here.
    // What is blocked by now is not given: what was held for it is let go.
    let how = if awards.is_empty() && how == QuotaMove::UsedFromHold { QuotaMove::Released } else { how };
    let effects = Effects { spending, awards: &awards, quotas: &quotas, how };
    let applied = resolve(draft, fact, now, &head, &payload, effects);
    assert!(applied.is_ok(), "holds were taken");
    if head.reason.is_some() {
        crate::journeys::on_event(draft, fact, &head, &payload);
    }
    draft.tell("EVENT_FULFILLED", now, |draft| event_data(draft, head.id, None));
    draft.summarise(fact);
    Ok(Fulfilled::Now)
}

/// Whether everything an expired event held can be had again: points, and what its rewards take from quotas.
fn hold_anew(
    draft: &mut Draft<'_>,
    awards: &[Award],
    redeem: &[(u32, Decimal)],
) -> Result<Vec<(Quota, Decimal)>, EventReason> {
    if let Some(Insufficient { reward, wanted, available }) = missing(draft, redeem) {
        return Err(EventReason::InsufficientBalance { reward, wanted, available });
    }
    let (anew, taken) = campaigns::take_anew(draft, awards, draft.now);
    let quotas = draft.note(taken);
    anew.map_err(EventReason::UsedUp).map(|()| quotas)
}

fn missing(draft: &Draft<'_>, redeem: &[(u32, Decimal)]) -> Option<Insufficient> {
    redeem.iter().find_map(|(reward, wanted)| {
        let available = draft.state.wallet.available(*reward);
        (available < *wanted).then_some(Insufficient { reward: *reward, wanted: *wanted, available })
    })
}

fn award_of(change: &Change) -> Option<Award> {
    match change {
        Change::Award(award) => Some(*award),
        _ => None,
    }
}

fn redeem_of(change: &Change) -> Option<(u32, Decimal)> {
    match change {
        Change::Redeem { reward, amount } => Some((*reward, *amount)),
        _ => None,
    }
}

/// Lets a waiting event expire at its instant: its holds are released.
pub(crate) fn expire_standby(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, standby: &Standby) {
    draft.record(fact, Change::StandbyClosed { fact: standby.fact });
    draft.record(fact, Change::EventStatus { fact: standby.fact, status: EventStatus::Expired });
    release_standby(draft, fact, at, standby);
    let event = standby.event;
    draft.tell("EVENT_RESERVATION_EXPIRED", at, |draft| event_data(draft, event, None));
}

/// Lets go of everything a waiting event holds.
pub(crate) fn release_standby(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, standby: &Standby) {
    draft.post(fact, at, |posting| posting.release(&standby.holds));
    quota::book(draft, fact, QuotaMove::Released, &standby.quotas);
}
