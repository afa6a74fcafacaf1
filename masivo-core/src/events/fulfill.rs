//! Fulfilling a waiting or expired event, and letting one expire.

use super::EventRecord;
use super::emit::{event_data, skip_reason};
use super::resolve::{Effects, Spending, resolve};
use crate::campaigns;
use crate::coupons::Coupon;
use crate::draft::{Draft, FactId};
use crate::fact::{Award, Change, EventReason, EventStatus, Fact, FactKind};
use crate::prelude::*;
use crate::punch_cards;
use crate::quota::{self, Owner, Quota, QuotaEntry, QuotaMove};
use crate::rejection::Rejection;
use crate::state::Standby;
use crate::streaks;
use crate::value::{Decimal, Timestamp, object};
use crate::wallet::{Hold, Insufficient};

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
    let frozen = record.fact.changes.iter().filter_map(award_of);
    let (mut awards, refused): (Vec<Award>, Vec<Award>) =
        frozen.partition(|award| !is_left_out(draft, blocked.as_ref(), award.campaign));
    // Stamps are not spent on a card that gives nothing.
    let is_spent = |draft: &Draft<'_>, account: u32| {
        punch_cards::campaign_of(account)
            .is_none_or(|campaign| !is_left_out(draft, blocked.as_ref(), campaign))
    };
    let redeem = record.fact.changes.iter().filter_map(redeem_of);
    let mut redeem: Vec<(u32, Decimal)> = redeem.filter(|(reward, _)| is_spent(draft, *reward)).collect();
    if standby.is_none() {
        leave_cards(draft, &record.fact, &mut awards, &mut redeem);
        awards.retain(|award| !streaks::is_gone(draft.program, &draft.state, &head, award.campaign));
    }
    let (holds, let_go): (Vec<Hold>, Vec<Hold>) = standby
        .iter()
        .flat_map(|standby| standby.holds.iter().copied())
        .partition(|hold| is_spent(draft, hold.reward));
    let released: Vec<(Quota, Decimal)> =
        standby.iter().flat_map(|standby| released(&standby.quotas, &refused, blocked.is_some())).collect();
    let (quotas, how) = match &standby {
        Some(standby) => (without(&standby.quotas, &released), QuotaMove::UsedFromHold),
        None => match hold_anew(draft, &mut awards, &redeem, &record.fact, blocked.is_some()) {
            Ok(quotas) => (quotas, QuotaMove::Used),
            Err(reason) => return Ok(Fulfilled::StillExpired(reason)),
        },
    };
    let fact = draft.open(FactKind::Fulfilled, now);
    let no_card = (!refused.is_empty()).then_some(EventReason::ConsentPunchcardCampaigns);
    let said = blocked.as_ref().or(no_card.as_ref());
    let said = said.map(|reason| object().with("reason", reason.to_json()).build());
    draft.edit(fact, |fact| (fact.about, fact.payload) = (sequence, said.map(Arc::new)));
    head.reason = head.reason.or(blocked);
    draft.record(fact, Change::StandbyClosed { fact: sequence });
    draft.record(fact, Change::EventStatus { fact: sequence, status: EventStatus::Resolved });
    let payload = record.fact.payload.clone().unwrap_or_default();
    let spending = match &standby {
        Some(_) => Spending::Holds(&holds),
        None => Spending::Redeem(&redeem),
    };
    // What is blocked by now is not given: what was held for it is let go.
    draft.post(fact, now, |posting| posting.release(&let_go));
    quota::book(draft, fact, QuotaMove::Released, &released);
    // What is needed was looked for above, or is held: it cannot be missing here.
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

/// Whether what a campaign was to give is left out, since the customer does not allow it any more.
fn is_left_out(draft: &Draft<'_>, blocked: Option<&EventReason>, campaign: u32) -> bool {
    let of_card = draft.program.campaign(campaign).filter(|campaign| campaign.spec.card.is_some());
    blocked.is_some()
        || of_card.is_some_and(|campaign| campaigns::allowed(&campaign.spec, &draft.state).is_some())
}

/// An expired event let go of the stamps that it was to exchange. When they are gone, it gives its own stamps and
/// exchanges nothing: the rest of it is not held up.
fn leave_cards(draft: &Draft<'_>, event: &Fact, awards: &mut Vec<Award>, redeem: &mut Vec<(u32, Decimal)>) {
    let is_gone = |(account, wanted): &(u32, Decimal)| {
        let campaign = punch_cards::campaign_of(*account)?;
        (draft.state.wallet.available(*account) < *wanted).then_some(campaign)
    };
    let gone: BTreeSet<u32> = redeem.iter().filter_map(is_gone).collect();
    for campaign in gone {
        let stamps = punch_cards::without_exchange(draft, event, campaign, awards);
        awards.retain(|award| award.campaign != campaign);
        awards.extend(stamps);
        redeem.retain(|(account, _)| *account != punch_cards::account_of(campaign));
    }
}

/// What was held of quotas for awards that are left out; all that campaigns count when the event is `blocked`.
fn released(held: &[(Quota, Decimal)], refused: &[Award], blocked: bool) -> Vec<(Quota, Decimal)> {
    let released = held.iter().map(|(quota, amount)| {
        let part = match quota.owner {
            Owner::Campaign(campaign) => {
                let is_refused = blocked || refused.iter().any(|award| award.campaign == campaign);
                if is_refused { *amount } else { Decimal::ZERO }
            }
            Owner::Reward(reward) => {
                let of_reward = refused.iter().filter(|award| award.reward == reward);
                of_reward.fold(Decimal::ZERO, |sum, award| sum.saturating_add(award.amount)).min(*amount)
            }
            // Of coupons only those of referrals wait.
            Owner::Coupon(number) => {
                let campaign = Coupon::campaign_of(number);
                let is_refused = blocked || refused.iter().any(|award| award.campaign == campaign);
                if is_refused { *amount } else { Decimal::ZERO }
            }
        };
        (*quota, part)
    });
    released.filter(|(_, part)| part.is_positive()).collect()
}

fn without(held: &[(Quota, Decimal)], released: &[(Quota, Decimal)]) -> Vec<(Quota, Decimal)> {
    let rest = held.iter().map(|(quota, amount)| {
        let part = released.iter().find(|(known, _)| known == quota).map_or(Decimal::ZERO, |(_, part)| *part);
        (*quota, amount.saturating_sub(part))
    });
    rest.filter(|(_, rest)| rest.is_positive()).collect()
}

/// Whether everything an expired event held can be had again: points, and what its rewards take from quotas. What
/// belongs to a referral that another event completed meanwhile leaves the awards.
fn hold_anew(
    draft: &mut Draft<'_>,
    awards: &mut Vec<Award>,
    redeem: &[(u32, Decimal)],
    event: &Fact,
    blocked: bool,
) -> Result<Vec<(Quota, Decimal)>, EventReason> {
    if let Some(Insufficient { reward, wanted, available }) = missing(draft, redeem) {
        return Err(EventReason::InsufficientBalance { reward, wanted, available });
    }
    // What is not allowed any more counts for nothing.
    let held: Vec<QuotaEntry> = event.quotas().filter(|_| !blocked).copied().collect();
    let (anew, taken) = campaigns::take_anew(draft, awards, &held, draft.now);
    let quotas = draft.note(taken);
    let left_out = anew.map_err(EventReason::UsedUp)?;
    awards.retain(|award| !left_out.contains(&award.campaign));
    Ok(quotas)
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
