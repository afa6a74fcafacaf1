//! The stored form of a fact's booking part and of its explanation.

use super::quota::{self, read_used_up, write_used_up};
use super::state::{
    read_i32, read_instance, read_membership, read_metrics, read_standby, read_standing, read_visit,
    standing_number, write_instance, write_membership, write_metrics, write_standby, write_visit,
};
use super::{Input, Output};
use crate::error::StoreError;
use masivo_core::consent::{Permissions, Purpose};
use masivo_core::explain::{CampaignTrace, Explanation, Skip, SkipReason};
use masivo_core::fact::{
    Award, Change, EventHead, EventReason, EventStatus, JourneyEnd, ReturnedLine, ReturnedPart,
};
use masivo_core::gift_cards::GiftCard;
use masivo_core::program::CampaignStatus;
use masivo_core::redemption::Refused;
use masivo_core::referrals::NotReferred;
use masivo_core::rule::{Failure, Span, Truth};
use masivo_core::value::Decimal;
use masivo_core::wallet::{Entry, EntryKind};

const VERSION: u8 = 2;

/// The bytes of the booking part: the event's head, and the changes.
pub fn write_booking(event: Option<&EventHead>, about: u64, changes: &[Change]) -> Vec<u8> {
    let mut out = Output::version(VERSION);
    out.flag(event.is_some());
    if let Some(head) = event {
        write_head(&mut out, head);
    }
    out.number(about);
    out.length(changes.len());
    changes.iter().for_each(|change| write_change(&mut out, change));
    out.finish()
}

/// The booking part of stored bytes.
///
/// # Errors
/// [`StoreError::Damaged`] when the bytes are not a booking.
pub fn read_booking(bytes: &[u8]) -> Result<(Option<EventHead>, u64, Vec<Change>), StoreError> {
    let mut input = Input::open(bytes, "booking", VERSION)?;
    let head = if input.flag()? { Some(read_head(&mut input)?) } else { None };
    let about = input.number()?;
    Ok((head, about, input.list(read_change)?))
}

fn place<T: PartialEq>(all: &[T], item: &T) -> u8 {
    all.iter().position(|known| known == item).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn pick<T: Copy>(input: &mut Input<'_>, all: &[T]) -> Result<T, StoreError> {
    let at = input.byte()?;
    all.get(usize::from(at)).copied().ok_or_else(|| input.bad())
}

fn write_head(out: &mut Output, head: &EventHead) {
    out.id(head.id);
    out.text(&head.event_type);
    out.text(&head.brand);
    out.instant(head.issued_at);
    out.byte(place(&EventStatus::ALL, &head.status));
    out.flag(head.tracking);
    out.number(head.reserve_days);
    out.flag(head.visit.is_some());
    if let Some(visit) = &head.visit {
        write_visit(out, visit);
    }
    out.number(head.caused_by);
    write_reason(out, head.reason.as_ref());
    out.number(head.program_version);
}

fn read_head(input: &mut Input<'_>) -> Result<EventHead, StoreError> {
    Ok(EventHead {
        id: input.id()?,
        event_type: input.text()?.to_owned(),
        brand: input.text()?.to_owned(),
        issued_at: input.instant()?,
        status: pick(input, &EventStatus::ALL)?,
        tracking: input.flag()?,
        reserve_days: input.small()?,
        visit: if input.flag()? { Some(read_visit(input)?) } else { None },
        caused_by: input.number()?,
        reason: read_reason(input)?,
        program_version: input.small()?,
    })
}

fn write_reason(out: &mut Output, reason: Option<&EventReason>) {
    match reason {
        None => out.byte(0),
        Some(EventReason::InsufficientBalance { reward, wanted, available }) => {
            out.byte(1);
            out.number(*reward);
            out.decimal(*wanted);
            out.decimal(*available);
        }
        Some(EventReason::ConsentBehavioralCampaigns) => out.byte(2),
        Some(EventReason::TrackingOnly) => out.byte(3),
        Some(EventReason::CustomerInactive) => out.byte(4),
        Some(EventReason::ConsentCouponCampaigns) => out.byte(6),
        Some(EventReason::CouponNotAccepted) => out.byte(7),
        Some(EventReason::Migrated) => out.byte(9),
        Some(EventReason::ConsentPunchcardCampaigns) => out.byte(10),
        Some(EventReason::Redemption { reward, refused }) => {
            out.byte(8);
            out.number(*reward);
            out.byte(place(&Refused::ALL, refused));
        }
        Some(EventReason::UsedUp(used_up)) => {
            out.byte(5);
            write_used_up(out, used_up);
        }
    }
}

fn read_reason(input: &mut Input<'_>) -> Result<Option<EventReason>, StoreError> {
    Ok(match input.byte()? {
        0 => None,
        1 => Some(EventReason::InsufficientBalance {
            reward: input.small()?,
            wanted: input.decimal()?,
            available: input.decimal()?,
        }),
        2 => Some(EventReason::ConsentBehavioralCampaigns),
        3 => Some(EventReason::TrackingOnly),
        4 => Some(EventReason::CustomerInactive),
        5 => Some(EventReason::UsedUp(read_used_up(input)?)),
        6 => Some(EventReason::ConsentCouponCampaigns),
        7 => Some(EventReason::CouponNotAccepted),
        9 => Some(EventReason::Migrated),
        10 => Some(EventReason::ConsentPunchcardCampaigns),
        8 => Some(EventReason::Redemption { reward: input.small()?, refused: pick(input, &Refused::ALL)? }),
        _ => return Err(input.bad()),
    })
}

fn write_change(out: &mut Output, change: &Change) {
    match change {
        Change::Registered { id, anonymous, tier, period } => {
            out.byte(1);
            out.id(*id);
            out.flag(*anonymous);
            out.number(*tier);
            out.signed(i64::from(*period));
        }
        Change::Identified => out.byte(2),
        Change::Standing(standing) => {
            out.byte(3);
            out.byte(standing_number(*standing));
        }
        Change::Permissions(permissions) => {
            out.byte(4);
            permissions.to_bytes().into_iter().for_each(|byte| out.byte(byte));
        }
        Change::Entry(entry) => {
            out.byte(5);
            write_entry(out, entry);
        }
        Change::Award(award) => {
            out.byte(6);
            write_award(out, award);
        }
        Change::Redeem { reward, amount } => {
            out.byte(7);
            out.number(*reward);
            out.decimal(*amount);
        }
        Change::StandbyOpened(standby) => {
            out.byte(22);
            write_standby(out, standby);
        }
        Change::Quota(entry) => {
            out.byte(21);
            quota::write_entry(out, entry);
        }
        Change::StandbyClosed { fact } => numbered(out, 9, *fact),
        Change::Visited(visit) => {
            out.byte(10);
            write_visit(out, visit);
        }
        Change::MetricsReplaced(metrics) => {
            out.byte(11);
            write_metrics(out, metrics);
        }
        Change::TierChanged { .. }
        | Change::TierJudged { .. }
        | Change::Member(_)
        | Change::AudiencesSeen(_)
        | Change::JourneyStands(_)
        | Change::JourneyLeft { .. }
        | Change::Referred { .. }
        | Change::ExpiryNoticed { .. }
        | Change::BirthdaysSeen(_) => write_whereabouts(out, change),
        Change::Returned(part) => write_returned(out, part),
        Change::GiftCard { card, redeemed } => write_card(out, card, *redeemed),
        Change::Caused { fact } => numbered(out, 18, *fact),
        Change::EventStatus { fact, status } => {
            numbered(out, 19, *fact);
            out.byte(place(&EventStatus::ALL, status));
        }
        Change::Summary { tier, totals } => write_summary(out, *tier, totals),
    }
}

/// The changes about where a customer stands: tier, audiences, journeys, and what was looked at.
fn write_whereabouts(out: &mut Output, change: &Change) {
    match change {
        Change::Member(membership) => {
            out.byte(14);
            write_membership(out, membership);
        }
        Change::AudiencesSeen(version) => numbered(out, 15, u64::from(*version)),
        Change::JourneyStands(instance) => {
            out.byte(16);
            write_instance(out, instance);
        }
        Change::JourneyLeft { instance, journey, done, why } => {
            out.byte(17);
            out.number(*instance);
            out.number(*journey);
            out.flag(*done);
            out.byte(place(&JourneyEnd::ALL, why));
        }
        Change::Referred { number } => numbered(out, 26, *number),
        Change::ExpiryNoticed { reward, until } => {
            numbered(out, 27, u64::from(*reward));
            out.instant(*until);
        }
        Change::BirthdaysSeen(until) => {
            out.byte(24);
            out.instant(*until);
        }
        Change::TierChanged { from, to } => {
            out.byte(12);
            out.number(*from);
            out.number(*to);
        }
        Change::TierJudged { period, before, base } => {
            out.byte(13);
            out.signed(i64::from(*period));
            out.number(*before);
            out.number(*base);
        }
        _ => {}
    }
}

fn numbered(out: &mut Output, tag: u8, number: u64) {
    out.byte(tag);
    out.number(number);
}

fn read_change(input: &mut Input<'_>) -> Result<Change, StoreError> {
    Ok(match input.byte()? {
        1 => Change::Registered {
            id: input.id()?,
            anonymous: input.flag()?,
            tier: input.small()?,
            period: read_i32(input)?,
        },
        2 => Change::Identified,
        3 => Change::Standing(read_standing(input)?),
        4 => Change::Permissions(Permissions::from_bytes([input.byte()?, input.byte()?])),
        5 => Change::Entry(read_entry(input)?),
        6 => Change::Award(read_award(input)?),
        7 => Change::Redeem { reward: input.small()?, amount: input.decimal()? },
        // Until quotas came.
        8 => Change::StandbyOpened(read_standby(input, false)?),
        9 => Change::StandbyClosed { fact: input.number()? },
        10 => Change::Visited(read_visit(input)?),
        11 => Change::MetricsReplaced(Box::new(read_metrics(input)?)),
        12 => Change::TierChanged { from: input.small()?, to: input.small()? },
        13 => Change::TierJudged { period: read_i32(input)?, before: input.small()?, base: input.small()? },
        14 => Change::Member(read_membership(input)?),
        15 => Change::AudiencesSeen(input.small()?),
        16 => Change::JourneyStands(read_instance(input)?),
        17 => Change::JourneyLeft {
            instance: input.small()?,
            journey: input.small()?,
            done: input.flag()?,
            why: pick(input, &JourneyEnd::ALL)?,
        },
        18 => Change::Caused { fact: input.number()? },
        19 => Change::EventStatus { fact: input.number()?, status: pick(input, &EventStatus::ALL)? },
        20 => Change::Summary {
            tier: input.small()?,
            totals: input.list(|input| Ok((input.small()?, input.decimal()?)))?,
        },
        21 => Change::Quota(quota::read_entry(input)?),
        22 => Change::StandbyOpened(read_standby(input, true)?),
        23 => Change::Returned(read_returned(input)?),
        24 => Change::BirthdaysSeen(input.instant()?),
        26 => Change::Referred { number: input.number()? },
        27 => Change::ExpiryNoticed { reward: input.small()?, until: input.instant()? },
        25 => Change::GiftCard {
            card: GiftCard { reward: input.small()?, place: input.small()?, lot: input.small()? },
            redeemed: input.flag()?,
        },
        _ => return Err(input.bad()),
    })
}

fn write_summary(out: &mut Output, tier: u32, totals: &[(u32, Decimal)]) {
    numbered(out, 20, u64::from(tier));
    out.length(totals.len());
    for (reward, total) in totals {
        out.number(*reward);
        out.decimal(*total);
    }
}

fn write_card(out: &mut Output, card: &GiftCard, redeemed: bool) {
    out.byte(25);
    out.number(card.reward);
    out.number(card.place);
    out.number(card.lot);
    out.flag(redeemed);
}

fn write_returned(out: &mut Output, part: &ReturnedPart) {
    numbered(out, 23, part.previous);
    out.decimal(part.counted);
    out.decimal(part.value);
    out.length(part.lines.len());
    for line in &part.lines {
        out.number(line.place);
        out.decimal(line.amount);
        out.decimal(line.value);
    }
}

fn read_returned(input: &mut Input<'_>) -> Result<ReturnedPart, StoreError> {
    let (previous, counted, value) = (input.number()?, input.decimal()?, input.decimal()?);
    let line = |input: &mut Input<'_>| {
        Ok(ReturnedLine { place: input.small()?, amount: input.decimal()?, value: input.decimal()? })
    };
    Ok(ReturnedPart { previous, counted, value, lines: input.list(line)? })
}

fn write_award(out: &mut Output, award: &Award) {
    out.number(award.campaign);
    out.number(award.rule);
    out.number(award.reward);
    out.decimal(award.amount);
    match award.life {
        None => out.byte(0),
        Some(Span::Exact(milliseconds)) => {
            out.byte(1);
            out.signed(milliseconds);
        }
        Some(Span::Months(months)) => numbered(out, 2, u64::from(months)),
    }
}

fn read_award(input: &mut Input<'_>) -> Result<Award, StoreError> {
    Ok(Award {
        campaign: input.small()?,
        rule: input.small()?,
        reward: input.small()?,
        amount: input.decimal()?,
        life: match input.byte()? {
            0 => None,
            1 => Some(Span::Exact(input.signed()?)),
            2 => Some(Span::Months(input.small()?)),
            _ => return Err(input.bad()),
        },
    })
}

/// The kinds without data of their own, in the order of their stored numbers.
const PLAIN_KINDS: [EntryKind; 17] = [
    EntryKind::Held,
    EntryKind::Released,
    EntryKind::Redeemed,
    EntryKind::RedeemedFromHold,
    EntryKind::Returned,
    EntryKind::Expired,
    EntryKind::Forfeited,
    EntryKind::Applied,
    EntryKind::Unapplied,
    EntryKind::Reversed,
    EntryKind::OwedReleased,
    EntryKind::OwedReturned,
    EntryKind::DebtRaised,
    EntryKind::DebtLowered,
    EntryKind::DebtForgiven,
    EntryKind::ForgivenLowered,
    EntryKind::Voided,
];
const ISSUED: u8 = 100;
const EXTENDED: u8 = 101;
const REVERSED_IN_PART: u8 = 102;

fn write_entry(out: &mut Output, entry: &Entry) {
    match &entry.kind {
        EntryKind::Issued { campaign, rule, fact, issued_at, expires_at } => {
            out.byte(ISSUED);
            out.number(*campaign);
            out.number(*rule);
            out.number(*fact);
            out.instant(*issued_at);
            out.optional_instant(*expires_at);
        }
        EntryKind::Extended { expires_at } => {
            out.byte(EXTENDED);
            out.optional_instant(*expires_at);
        }
        EntryKind::ReversedInPart { into, keep } => {
            out.byte(REVERSED_IN_PART);
            out.number(*into);
            out.decimal(*keep);
        }
        plain => out.byte(place(&PLAIN_KINDS, plain)),
    }
    out.number(entry.reward);
    out.number(entry.lot);
    out.decimal(entry.amount);
}

fn read_entry(input: &mut Input<'_>) -> Result<Entry, StoreError> {
    let kind = match input.byte()? {
        ISSUED => EntryKind::Issued {
            campaign: input.small()?,
            rule: input.small()?,
            fact: input.number()?,
            issued_at: input.instant()?,
            expires_at: input.optional_instant()?,
        },
        EXTENDED => EntryKind::Extended { expires_at: input.optional_instant()? },
        REVERSED_IN_PART => EntryKind::ReversedInPart { into: input.small()?, keep: input.decimal()? },
        plain => PLAIN_KINDS.get(usize::from(plain)).cloned().ok_or_else(|| input.bad())?,
    };
    Ok(Entry { kind, reward: input.small()?, lot: input.small()?, amount: input.decimal()? })
}

const TRUTHS: [Truth; 3] = [Truth::False, Truth::Unknown, Truth::True];
const STATUSES: [CampaignStatus; 4] =
    [CampaignStatus::Running, CampaignStatus::Paused, CampaignStatus::Scheduled, CampaignStatus::Finished];

/// The bytes of an explanation.
pub fn write_explanation(explanation: &Explanation) -> Vec<u8> {
    let mut out = Output::version(VERSION);
    out.length(explanation.campaigns.len());
    for trace in &explanation.campaigns {
        out.number(trace.campaign);
        out.number(trace.version);
        out.length(trace.matched.len());
        trace.matched.iter().for_each(|rule| out.number(*rule));
        out.length(trace.skipped.len());
        trace.skipped.iter().for_each(|skip| write_skip(&mut out, skip));
    }
    out.number(explanation.not_shown);
    out.finish()
}

fn write_skip(out: &mut Output, skip: &Skip) {
    out.number(skip.rule.map_or(0, |rule| u64::from(rule) + 1));
    match &skip.reason {
        SkipReason::NotRunning(status) => {
            out.byte(0);
            out.byte(place(&STATUSES, status));
        }
        SkipReason::OtherBrand => out.byte(1),
        SkipReason::OtherPlatform => out.byte(2),
        SkipReason::Condition(failure) => {
            out.byte(3);
            out.number(failure.condition);
            out.byte(place(&TRUTHS, &failure.truth));
            out.json(&failure.seen);
        }
        SkipReason::TierWithoutEffect => out.byte(4),
        SkipReason::ValueMissing => out.byte(5),
        SkipReason::NothingEarned => out.byte(6),
        SkipReason::OutOfRange => out.byte(7),
        SkipReason::UsedUp(used_up) => {
            out.byte(8);
            write_used_up(out, used_up);
        }
        SkipReason::Consent(purpose) => {
            out.byte(9);
            out.byte(place(&Purpose::ALL, purpose));
        }
        SkipReason::NotReferred(why) => {
            out.byte(11);
            out.byte(place(&NotReferred::ALL, why));
        }
        SkipReason::StreakGoesOn { reached, needed } => {
            out.byte(10);
            out.signed(i64::from(*reached));
            out.signed(i64::from(*needed));
        }
    }
}

/// The explanation of stored bytes.
///
/// # Errors
/// [`StoreError::Damaged`] when the bytes are not an explanation.
pub fn read_explanation(bytes: &[u8]) -> Result<Explanation, StoreError> {
    let mut input = Input::open(bytes, "explanation", VERSION)?;
    let campaigns = input.list(|input| {
        Ok(CampaignTrace {
            campaign: input.small()?,
            version: input.small()?,
            matched: input.list(Input::small)?,
            skipped: input.list(read_skip)?,
        })
    })?;
    Ok(Explanation { campaigns, not_shown: input.small()? })
}

fn read_skip(input: &mut Input<'_>) -> Result<Skip, StoreError> {
    let rule: u64 = input.number()?;
    let rule = rule.checked_sub(1).map(u16::try_from).transpose().map_err(|_| input.bad())?;
    let reason = match input.byte()? {
        0 => SkipReason::NotRunning(pick(input, &STATUSES)?),
        1 => SkipReason::OtherBrand,
        2 => SkipReason::OtherPlatform,
        3 => SkipReason::Condition(Failure {
            condition: input.small()?,
            truth: pick(input, &TRUTHS)?,
            seen: input.json()?,
        }),
        4 => SkipReason::TierWithoutEffect,
        5 => SkipReason::ValueMissing,
        6 => SkipReason::NothingEarned,
        7 => SkipReason::OutOfRange,
        8 => SkipReason::UsedUp(read_used_up(input)?),
        9 => SkipReason::Consent(pick(input, &Purpose::ALL)?),
        11 => SkipReason::NotReferred(pick(input, &NotReferred::ALL)?),
        10 => SkipReason::StreakGoesOn { reached: read_i32(input)?, needed: read_i32(input)? },
        _ => return Err(input.bad()),
    };
    Ok(Skip { rule, reason })
}
