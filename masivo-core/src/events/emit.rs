//! Emitting an event.

use super::NewEvent;
use super::resolve::{Effects, Spending, resolve};
use crate::audiences;
use crate::campaigns::{self, Awarded};
use crate::consent::Purpose;
use crate::draft::{Caused, Draft, FactId};
use crate::fact::{Change, EventHead, EventReason, EventStatus, FactKind};
use crate::gift_cards;
use crate::journeys;
use crate::limits::{CAUSED_DEPTH_MAX, ISSUED_BACK_MAX, PENDING_EVENTS_MAX};
use crate::metrics::Visit;
use crate::prelude::*;
use crate::problem::Report;
use crate::program::{Processing, Watch};
use crate::quota::{self, Quota, QuotaMove};
use crate::redemption::{self, Place, Redeem, Refused};
use crate::referrals;
use crate::rejection::Rejection;
use crate::series;
use crate::state::{Standby, Standing};
use crate::value::{DAY, Decimal, Json, Timestamp, object};
use crate::view;
use crate::wallet::Insufficient;

/// Judges an event that came from outside and books what it does.
pub(crate) fn emit(draft: &mut Draft<'_>, event: &NewEvent) -> Result<FactId, Rejection> {
    let now = draft.now;
    if draft.program.brand(&event.brand).is_none() {
        return Err(Rejection::UnknownBrand { id: event.brand.clone() });
    }
    let processing = draft
        .program
        .processing(&event.event_type)
        .ok_or_else(|| Rejection::UnknownEventType { name: event.event_type.clone() })?;
    let reserved =
        processing == Processing::EngineMade || (event.from_client && is_reserved(&event.event_type));
    if reserved {
        return Err(Rejection::ReservedEventType { name: event.event_type.clone() });
    }
    if processing == Processing::Tracking || event.from_client {
        refuse_redeeming(event)?;
    }
    let redeem = read_redeem(draft, event)?;
    let issued_at = event.issued_at.unwrap_or(now);
    if issued_at > now {
        return Err(Rejection::IssuedInFuture { issued_at, now });
    }
    if now.since(issued_at) > ISSUED_BACK_MAX {
        return Err(Rejection::IssuedTooLongAgo { issued_at, now });
    }
    let waiting = draft.state.standbys.len();
    if event.reserve_days.is_some() && waiting >= PENDING_EVENTS_MAX {
        return Err(Rejection::TooManyPending { count: waiting });
    }
    let tracking = processing == Processing::Tracking || event.from_client;
    let reason = skip_reason(draft, tracking);
    let visit = is_purchase(event).or(Some((Decimal::ZERO, false))).filter(|_| !tracking);
    let fact = draft.open(FactKind::Event, now);
    let head = EventHead {
        tracking,
        visit: visit.filter(|_| reason.is_none()).map(|(spend, purchase)| Visit {
            issued_at,
            spend,
            purchase,
        }),
        reason,
        ..draft.head(&event.event_type, &event.brand, issued_at)
    };
    let payload = Arc::clone(&event.payload);
    draft.edit(fact, |fact| (fact.event, fact.payload) = (Some(head.clone()), Some(payload)));
    referrals::accept(draft, fact, draft.referral);
    match refused_redemption(draft, event, issued_at) {
        Some(reason) => fail(draft, fact, reason),
        None => process(draft, fact, &head, &event.payload, event.reserve_days, &redeem),
    }
    draft.summarise(fact);
    Ok(fact)
}

fn is_reserved(event_type: &str) -> bool {
    crate::program::RESERVED_EVENT_TYPES.iter().any(|(name, _)| *name == event_type)
}

/// What a purchase adds to the metrics: its discounted value if given, else its value.
fn is_purchase(event: &NewEvent) -> Option<(Decimal, bool)> {
    let order = event.payload.get("order").filter(|_| event.event_type == "PURCHASE")?;
    Some((order.number("discounted_value").or_else(|| order.number("value"))?, true))
}

/// Why loyalty processing is left out, if it is.
pub(crate) fn skip_reason(draft: &Draft<'_>, tracking: bool) -> Option<EventReason> {
    if tracking {
        Some(EventReason::TrackingOnly)
    } else if draft.state.standing != Standing::Active {
        Some(EventReason::CustomerInactive)
    } else if !draft.state.permissions.allow(Purpose::BehavioralCampaigns) {
        Some(EventReason::ConsentBehavioralCampaigns)
    } else {
        None
    }
}

/// A cart that is only tracked redeems nothing: the purchase does.
fn refuse_redeeming(event: &NewEvent) -> Result<(), Rejection> {
    let mut report = Report::default();
    for redeem in event.redeem.iter().filter(|redeem| event.from_client || redeem.place != Place::Event) {
        let (message, hint) = ("events of this type are only tracked", "redeem with the purchase");
        redeem.place.pointer(|at| report.problem(at, "not_for_tracking", message, hint));
    }
    if report.has_problems() { Err(Rejection::Malformed(report)) } else { Ok(()) }
}

/// The rewards that are redeemed, with the sum of each; amounts that a reward cannot have are named with their place.
fn read_redeem(draft: &Draft<'_>, event: &NewEvent) -> Result<Vec<(u32, Decimal)>, Rejection> {
    let mut report = Report::default();
    for redeem in &event.redeem {
        let reward = draft.program.reward_by_id(&redeem.id);
        let reward = reward.ok_or_else(|| Rejection::UnknownReward { id: redeem.id.clone() })?;
        redeem.place.pointer(|at| reward.spec.check_places(redeem.amount, at, &mut report));
    }
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    let sums = redemption::sums(draft.program, &event.redeem).ok_or(Rejection::OutOfRange)?;
    Ok(sums.into_iter().collect())
}

/// Why something cannot be redeemed where it stands; a balance that is short is found when it is spent.
fn refused_redemption(draft: &Draft<'_>, event: &NewEvent, at: Timestamp) -> Option<EventReason> {
    let is_judged = |redeem: &Redeem| {
        let reward = draft.program.reward_by_id(&redeem.id);
        redeem.place != Place::Event
            || reward.is_some_and(|reward| gift_cards::is_gift_card(draft.program, reward.number))
    };
    if !event.redeem.iter().any(is_judged) {
        return None;
    }
    let view = draft.view(at, Some(&event.payload));
    redemption::judge(&view, event).into_iter().find_map(|judged| {
        let refused = judged.refused.filter(|refused| *refused != Refused::InsufficientBalance)?;
        Some(EventReason::Redemption { reward: judged.reward?.number, refused })
    })
}

/// Judges, holds or applies: the part that events from outside and events of the engine share.
fn process(
    draft: &mut Draft<'_>,
    fact: FactId,
    head: &EventHead,
    payload: &Json,
    reserve_days: Option<u16>,
    redeem: &[(u32, Decimal)],
) {
    let at = draft.instant(fact);
    let skipped = head.reason.is_some();
    let (awards, spent, quotas) = if skipped {
        (Vec::new(), Vec::new(), Vec::new())
    } else {
        let Awarded { awards, spent, explanation, taken } = campaigns::award(draft, head, payload, at);
        draft.edit(fact, |fact| fact.explanation = Some(explanation));
        (awards, spent, draft.note(taken))
    };
    let redeem = &[redeem, &spent].concat();
    if let Some(days) = reserve_days.filter(|_| !head.tracking) {
        for award in awards {
            draft.record(fact, Change::Award(award));
        }
        wait(draft, fact, days, redeem, quotas);
        return;
    }
    let spending = Spending::Redeem(redeem);
    let effects = Effects { spending, awards: &awards, quotas: &quotas, how: QuotaMove::Used };
    match resolve(draft, fact, at, head, payload, effects) {
        // What is not processed may start journeys nevertheless; what failed did not happen.
        Ok(()) if skipped => {
            let series = series::add(draft, fact, head, payload);
            audiences::evaluate(draft, fact, at, series.into_iter().map(Watch::Series));
            journeys::on_event(draft, fact, head, payload);
        }
        Ok(()) => {}
        Err(short) => fail(draft, fact, short_of(short)),
    }
}

/// The event waits to be fulfilled: what it redeems is held, and what it is to give is held of quotas.
fn wait(
    draft: &mut Draft<'_>,
    fact: FactId,
    days: u16,
    redeem: &[(u32, Decimal)],
    quotas: Vec<(Quota, Decimal)>,
) {
    let now = draft.now;
    let mut holds = Vec::new();
    for (reward, amount) in redeem {
        draft.record(fact, Change::Redeem { reward: *reward, amount: *amount });
        match draft.post(fact, now, |posting| posting.hold(*reward, *amount)) {
            Ok(held) => holds.extend(held),
            Err(short) => {
                // Nothing of a failed event stays: what was held for it so far is let go.
                draft.post(fact, now, |posting| posting.release(&holds));
                fail(draft, fact, short_of(short));
                return;
            }
        }
    }
    quota::book(draft, fact, QuotaMove::Held, &quotas);
    let (sequence, expires_at) = (draft.sequence(fact), now.plus(i64::from(days) * DAY));
    let mut event = uuid::Uuid::nil();
    draft.edit(fact, |fact| {
        if let Some(head) = &mut fact.event {
            (head.status, head.reserve_days) = (EventStatus::Pending, days);
            event = head.id;
        }
    });
    draft.record(fact, Change::StandbyOpened(Standby { fact: sequence, event, expires_at, holds, quotas }));
    draft.tell("EVENT_RESERVATION", now, |draft| event_data(draft, event, None));
}

const fn short_of(short: Insufficient) -> EventReason {
    let Insufficient { reward, wanted, available } = short;
    EventReason::InsufficientBalance { reward, wanted, available }
}

fn fail(draft: &mut Draft<'_>, fact: FactId, reason: EventReason) {
    let now = draft.now;
    let text = reason.text();
    let mut event = uuid::Uuid::nil();
    draft.edit(fact, |fact| {
        if let Some(head) = &mut fact.event {
            (head.status, head.reason, head.visit) = (EventStatus::Failed, Some(reason), None);
            event = head.id;
        }
    });
    draft.tell("EVENT_FAILED", now, |draft| event_data(draft, event, Some(&text)));
}

/// What webhooks are told of an event.
pub(crate) fn event_data(draft: &Draft<'_>, event: uuid::Uuid, reason: Option<&str>) -> Json {
    object()
        .with("customer_id", draft.profile.id())
        .with("event_id", event)
        .with_some("reason", reason)
        .with("wallet", view::wallet(draft.program, &draft.state, draft.profile.id()))
        .build()
}

/// Emits the events that the fact at hand caused; it must be complete but for its summary (S1).
pub(crate) fn emit_caused(draft: &mut Draft<'_>) {
    for caused in core::mem::take(&mut draft.caused) {
        emit_one(draft, caused);
    }
}

/// Emits an event of the engine's own: a registration or a change of tier. What caused it names it, so that a
/// reversal of the cause reverses it too.
fn emit_one(draft: &mut Draft<'_>, caused: Caused) {
    let Caused { cause, event_type, at, data } = caused;
    if draft.depth >= CAUSED_DEPTH_MAX {
        return;
    }
    let caused_by = draft.sequence(cause);
    // A fall that a reversal brings is told to journeys and earns nothing: buying and returning must not pay.
    let tracking = draft.undoes(cause);
    let fact = draft.open(FactKind::Event, at);
    let sequence = draft.sequence(fact);
    let payload = object().with("type", event_type).with("customer_id", draft.profile.id());
    let payload = Arc::new(payload.with("metadata", data).build());
    let reason = skip_reason(draft, tracking);
    let head = EventHead { tracking, caused_by, reason, ..draft.head(event_type, "", at) };
    let said = Arc::clone(&payload);
    draft.edit(fact, |fact| (fact.event, fact.payload) = (Some(head.clone()), Some(said)));
    draft.record(cause, Change::Caused { fact: sequence });
    draft.depth += 1;
    process(draft, fact, &head, &payload, None, &[]);
    draft.depth -= 1;
    draft.summarise(fact);
}
