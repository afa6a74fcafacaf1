//! Reversing an event: everything it caused is undone, kept by policy, or becomes debt, and the receipt says
//! which (design, decision "Reverse").

use super::emit::{emit_caused, event_data};
use super::part::GivenBack;
use super::resolve::counted;
use super::{EventRecord, release_standby};
use crate::audiences;
use crate::coupons::Coupon;
use crate::draft::{Draft, FactId};
use crate::fact::{Change, EventStatus, Fact, FactKind, ReturnedPart};
use crate::gift_cards;
use crate::limits::GIVE_BACK_GRACE_DAYS;
use crate::metrics::Visit;
use crate::prelude::*;
use crate::program::{Program, Watch};
use crate::punch_cards;
use crate::quota::{self, Counts, Owner, Quota, QuotaMove};
use crate::rejection::Rejection;
use crate::series;
use crate::tiers;
use crate::value::{Decimal, Json, Timestamp, object};
use crate::wallet::{Account, Entry, EntryKind, GiveBack, OnReversal, Posting};

/// What a reversal came to, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Receipt {
    /// One line a thing.
    pub lines: Vec<ReceiptLine>,
}

/// One thing that a reversal undid, kept or turned into debt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptLine {
    /// Points the event gave were taken back.
    PointsTaken {
        /// The reward.
        reward: u32,
        /// How many.
        amount: Decimal,
    },
    /// Points the event gave are kept by the reward's policy.
    PointsKept {
        /// The reward.
        reward: u32,
        /// How many.
        amount: Decimal,
    },
    /// Points that were spent became debt.
    Debt {
        /// The reward.
        reward: u32,
        /// How many.
        amount: Decimal,
    },
    /// Points the event spent were given back.
    PointsReturned {
        /// The reward.
        reward: u32,
        /// How many.
        amount: Decimal,
    },
    /// What the event used or held of a quota was given back.
    QuotaReturned {
        /// The quota.
        quota: Quota,
        /// How much.
        amount: Decimal,
    },
    /// What the event used of a quota stays used, since the customer keeps what it stood for.
    QuotaKept {
        /// The quota.
        quota: Quota,
        /// How much.
        amount: Decimal,
    },
    /// The event no longer counts in the metrics.
    MetricsUndone {
        /// What it had added to the spend.
        spend: Decimal,
    },
    /// The tier was judged anew.
    TierChanged {
        /// The tier before.
        from: u32,
        /// The tier after.
        to: u32,
    },
    /// What the customer earned through the higher tier meanwhile is kept.
    RewardsOfTierKept {
        /// The tier.
        tier: u32,
    },
}

/// What reversing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reversed {
    /// It was cancelled or reversed.
    Now,
    /// It was closed before, or never did anything: the same answer again.
    Before,
}

/// Reverses an event and the events it caused. `children` are those it caused, at any depth; `history` are
/// the customer's other visits, newest first, where the metrics asked for them; `last` is the part that was left of it,
/// when it came back in parts.
pub(crate) fn reverse(
    draft: &mut Draft<'_>,
    record: &EventRecord,
    children: &[EventRecord],
    history: Option<&[Timestamp]>,
    reason: &str,
    last: Option<ReturnedPart>,
) -> Result<Reversed, Rejection> {
    let now = draft.now;
    let Some(head) = record.head().cloned() else { return Ok(Reversed::Before) };
    let sequence = record.fact.sequence;
    match record.status {
        EventStatus::Failed | EventStatus::Cancelled | EventStatus::Reversed => return Ok(Reversed::Before),
        EventStatus::Pending | EventStatus::Expired => {
            cancel(draft, record, reason);
            return Ok(Reversed::Now);
        }
        EventStatus::Resolved => {}
    }
    let resolved = |child: &&EventRecord| child.status == EventStatus::Resolved;
    let records = || core::iter::once(record).chain(children.iter().filter(resolved));
    let rewards = records().flat_map(issued_lots).map(|(reward, _)| reward);
    refuse_by_policy(draft, rewards, |posting| {
        for record in records() {
            undo_points(draft.program, posting, record, |reward| tried(draft.program, reward));
        }
    })?;
    let fact = draft.open(FactKind::Reversed, now);
    if let Some(part) = last {
        draft.record(fact, Change::Returned(part));
    }
    draft.edit(fact, |fact| {
        fact.about = sequence;
        fact.payload = Some(Arc::new(object().with("reason", reason).build()));
    });
    draft.record(fact, Change::EventStatus { fact: sequence, status: EventStatus::Reversed });
    undo_children(draft, fact, children);
    undo(draft, fact, record);
    let mut series = series::remove(draft, sequence);
    for child in children.iter().filter(resolved) {
        series.extend(series::remove(draft, child.fact.sequence));
    }
    let counts = record.effects().flat_map(|fact| &fact.changes);
    let counts = counts.into_iter().any(|change| matches!(change, Change::Visited(_)));
    if let Some(visit) = head.visit.filter(|_| counts) {
        let visit = Visit { spend: visit.spend.saturating_sub(record.returned()), ..visit };
        let raised: Vec<u32> =
            record.effects().flat_map(|fact| &fact.changes).filter_map(raised_to).collect();
        let rested = tiers::may_rest_on(draft, now, &raised);
        let mut metrics = draft.state.metrics.clone();
        metrics.remove(&visit, draft.program.settings().time_zone, history);
        draft.record(fact, Change::MetricsReplaced(Box::new(metrics)));
        let changed = tiers::after_reversal(draft, fact, now, head.issued_at, rested);
        audiences::evaluate(draft, fact, now, counted(changed, series));
        emit_caused(draft);
    } else {
        audiences::evaluate(draft, fact, now, series.into_iter().map(Watch::Series));
    }
    draft.tell("EVENT_REVERSED", now, |draft| event_data(draft, head.id, Some(reason)));
    draft.summarise(fact);
    Ok(Reversed::Now)
}

/// Undoes what an event gave and took, but for what a tier or metrics make of it.
fn undo(draft: &mut Draft<'_>, fact: FactId, record: &EventRecord) {
    let (now, program) = (draft.now, draft.program);
    let mut kept = draft
        .post(fact, now, |posting| undo_points(program, posting, record, |reward| policy(program, reward)));
    kept.extend(kept_before(record));
    let returned = returned_quotas(program, record, &kept);
    quota::book(draft, fact, QuotaMove::Returned, &returned);
}

/// Undoes the events that an event caused, newest first.
pub(super) fn undo_children(draft: &mut Draft<'_>, fact: FactId, children: &[EventRecord]) {
    for child in children.iter().rev().filter(|child| child.status == EventStatus::Resolved) {
        undo(draft, fact, child);
        draft.record(fact, Change::EventStatus { fact: child.fact.sequence, status: EventStatus::Reversed });
    }
}

/// What parts of the event that came back left to the customer, since it was forgiven.
fn kept_before(record: &EventRecord) -> Vec<Kept> {
    let forgiven = record.returns.iter().flat_map(Fact::entries);
    let forgiven = forgiven.filter(|entry| entry.kind == EntryKind::DebtForgiven);
    let kept = forgiven.filter_map(|entry| {
        let mut issued = record.effects().flat_map(Fact::entries);
        let campaign = issued.find_map(|issued| match issued.kind {
            EntryKind::Issued { campaign, .. } if issued.reward == entry.reward => Some(campaign),
            _ => None,
        })?;
        Some(Kept { campaign, reward: entry.reward, amount: entry.amount })
    });
    kept.collect()
}

/// The tier that a change led to.
pub(super) fn raised_to(change: &Change) -> Option<u32> {
    match change {
        Change::TierChanged { to, .. } => Some(*to),
        _ => None,
    }
}

/// Points of a campaign that the customer keeps by the reward's policy.
pub(super) struct Kept {
    pub(super) campaign: u32,
    pub(super) reward: u32,
    pub(super) amount: Decimal,
}

/// What is given back of the quotas an event used: all of it but for what the customer keeps. An event of which
/// something is kept still counts as a time: otherwise buying and returning would open limits again and again.
fn returned_quotas(program: &Program, record: &EventRecord, kept: &[Kept]) -> Vec<(Quota, Decimal)> {
    let used = record.effects().flat_map(Fact::quotas).filter(|entry| entry.kind.uses());
    let returned = used.map(|entry| {
        let campaign = match entry.quota.owner {
            Owner::Campaign(campaign) => Some(campaign),
            Owner::Coupon(number) => Some(Coupon::campaign_of(number)),
            Owner::Reward(_) => None,
        };
        let of_quota = kept.iter().filter(|kept| match entry.quota.owner {
            Owner::Reward(reward) => kept.reward == reward,
            Owner::Campaign(_) | Owner::Coupon(_) => Some(kept.campaign) == campaign,
        });
        let mut of_quota = of_quota.peekable();
        let stays = of_quota.peek().is_some();
        let sum = of_quota.fold(Decimal::ZERO, |sum, kept| {
            sum.saturating_add(match entry.quota.counts {
                Counts::Worth => quota::worth(program, kept.reward, kept.amount),
                Counts::Units => kept.amount,
                _ => Decimal::ZERO,
            })
        });
        let sum = match entry.quota.counts {
            Counts::Times | Counts::Redemptions | Counts::Cards | Counts::Streaks if stays => entry.amount,
            // Those on the next card are taken back all the same.
            Counts::Stamps if stays => entry.amount.saturating_sub(stamps_left(record, campaign)),
            _ => sum,
        };
        // Codes that were handed out are retired, and count as a time (C1): buying and returning must not empty a pool.
        let retired = match (entry.quota.owner, entry.quota.counts) {
            (Owner::Reward(reward), _) => gift_cards::is_gift_card(program, reward),
            (Owner::Campaign(campaign), Counts::Times | Counts::Redemptions) => {
                gives_cards(program, record, campaign)
            }
            (Owner::Coupon(number), _) => gives_cards(program, record, Coupon::campaign_of(number)),
            _ => false,
        };
        let sum = if retired { entry.amount } else { sum };
        let left = entry.amount.saturating_sub(record.given_back(&entry.quota));
        (entry.quota, left.saturating_sub(sum).max(Decimal::ZERO))
    });
    returned.filter(|(_, amount)| amount.is_positive()).collect()
}

/// Whether an event handed out gift cards of a campaign.
fn gives_cards(program: &Program, record: &EventRecord, campaign: u32) -> bool {
    let mut entries = record.effects().flat_map(Fact::entries);
    entries.any(|entry| match entry.kind {
        EntryKind::Issued { campaign: of, .. } => {
            of == campaign && gift_cards::is_gift_card(program, entry.reward)
        }
        _ => false,
    })
}

/// The stamps that an event put on the next card.
fn stamps_left(record: &EventRecord, campaign: Option<u32>) -> Decimal {
    let entries = record.effects().flat_map(Fact::entries);
    let stamps = entries.filter(|entry| {
        matches!(entry.kind, EntryKind::Issued { .. }) && punch_cards::campaign_of(entry.reward) == campaign
    });
    stamps.fold(Decimal::ZERO, |sum, entry| sum.saturating_add(entry.amount))
}

/// A waiting or expired event is cancelled: what it holds is released.
fn cancel(draft: &mut Draft<'_>, record: &EventRecord, reason: &str) {
    let now = draft.now;
    let sequence = record.fact.sequence;
    let fact = draft.open(FactKind::Reversed, now);
    draft.edit(fact, |fact| {
        fact.about = sequence;
        fact.payload = Some(Arc::new(object().with("reason", reason).build()));
    });
    let standby = draft.state.standby(sequence).cloned();
    draft.record(fact, Change::StandbyClosed { fact: sequence });
    draft.record(fact, Change::EventStatus { fact: sequence, status: EventStatus::Cancelled });
    if let Some(standby) = standby {
        release_standby(draft, fact, now, &standby);
    }
    if let Some(event) = record.head().map(|head| head.id) {
        draft.tell("EVENT_RESERVATION_CANCELLED", now, |draft| event_data(draft, event, Some(reason)));
    }
    draft.summarise(fact);
}

/// The lots the event gave, with their rewards.
fn issued_lots(record: &EventRecord) -> impl Iterator<Item = (u32, u32)> {
    let issued = record.effects().flat_map(Fact::entries);
    let issued = issued.filter(|entry| matches!(entry.kind, EntryKind::Issued { .. }));
    issued.map(|entry| (entry.reward, entry.lot))
}

/// The policy by which it is tried what cannot be taken back.
fn tried(program: &Program, reward: u32) -> OnReversal {
    match gift_cards::is_gift_card(program, reward) {
        true => OnReversal::Keep,
        false => OnReversal::Debt { max: None },
    }
}

pub(super) fn policy(program: &Program, reward: u32) -> OnReversal {
    program.reward(reward).map_or(OnReversal::Debt { max: None }, |reward| reward.spec.on_reversal)
}

/// A reward may refuse that spent points are taken back: then nothing is reversed. `undo` is tried on a copy, since
/// what the event itself spent comes back, and its own lots cover nothing.
pub(super) fn refuse_by_policy(
    draft: &Draft<'_>,
    rewards: impl Iterator<Item = u32>,
    undo: impl FnOnce(&mut Posting<'_>),
) -> Result<(), Rejection> {
    let refuses = |reward: &u32| policy(draft.program, *reward) == OnReversal::Refuse;
    let refusing: BTreeSet<u32> = rewards.filter(refuses).collect();
    if refusing.is_empty() {
        return Ok(());
    }
    let mut tried = draft.state.wallet.clone();
    undo(&mut Posting::new(&mut tried, draft.now));
    for reward in refusing {
        let owed = |account: Account| account.debt.saturating_add(account.forgiven);
        let before = owed(draft.state.wallet.account(reward));
        let missing = owed(tried.account(reward)).saturating_sub(before);
        if missing.is_positive() {
            return Err(Rejection::PointsSpent { missing });
        }
    }
    Ok(())
}

/// Takes back what the event gave and gives back what it spent; says what the customer keeps.
fn undo_points(
    program: &Program,
    posting: &mut Posting<'_>,
    record: &EventRecord,
    policy: impl Fn(u32) -> OnReversal,
) -> Vec<Kept> {
    let spent = |entry: &&Entry| matches!(entry.kind, EntryKind::Redeemed | EntryKind::RedeemedFromHold);
    let spent: Vec<&Entry> = record.effects().flat_map(Fact::entries).filter(spent).collect();
    let (stamps, points): (Vec<&Entry>, Vec<&Entry>) =
        spent.into_iter().partition(|entry| punch_cards::campaign_of(entry.reward).is_some());
    let mut before = GivenBack::default();
    // Spent points return first: they may cover what is taken back.
    for entry in points {
        let give_back =
            program.reward(entry.reward).map_or(GiveBack::Forfeit, |reward| reward.spec.give_back);
        // What came back with parts of the event was given back then.
        let left = entry.amount.saturating_sub(before.take(record, entry));
        if left.is_positive() {
            posting.give_back(entry.reward, entry.lot, left, give_back);
        }
    }
    let mut kept = Vec::new();
    for entry in record.effects().flat_map(Fact::entries) {
        let EntryKind::Issued { campaign, .. } = entry.kind else { continue };
        let (reward, policy) = (entry.reward, policy(entry.reward));
        let amount = match policy {
            OnReversal::PendingOnly => entry.amount,
            _ => posting.reverse(record.current_lot(entry.lot), policy),
        };
        if amount.is_positive() {
            kept.push(Kept { campaign, reward, amount });
        }
    }
    // A card whose reward the customer keeps, in whole or in part, stays exchanged.
    let stays = |entry: &&Entry| {
        kept.iter().any(|kept| punch_cards::campaign_of(entry.reward) == Some(kept.campaign))
    };
    for entry in stamps.into_iter().filter(|entry| !stays(entry)) {
        let give_back = GiveBack::Grace { days: GIVE_BACK_GRACE_DAYS };
        posting.give_back(entry.reward, entry.lot, entry.amount, give_back);
    }
    kept
}

/// What a fact moved in the wallet.
fn moved(fact: &Fact) -> Vec<ReceiptLine> {
    // What is forgiven follows what was raised: the rest of it is owed.
    let entries: Vec<&Entry> = fact.entries().collect();
    let lines = entries.iter().enumerate().filter_map(|(place, entry)| {
        let (reward, amount) = (entry.reward, entry.amount);
        let next = entries.get(place.saturating_add(1)).filter(|next| next.kind == EntryKind::DebtForgiven);
        match entry.kind {
            EntryKind::Reversed | EntryKind::ReversedInPart { .. } => {
                Some(ReceiptLine::PointsTaken { reward, amount })
            }
            EntryKind::DebtRaised => {
                let amount = amount.saturating_sub(next.map_or(Decimal::ZERO, |next| next.amount));
                amount.is_positive().then_some(ReceiptLine::Debt { reward, amount })
            }
            EntryKind::DebtForgiven => Some(ReceiptLine::PointsKept { reward, amount }),
            EntryKind::Returned | EntryKind::OwedReturned | EntryKind::Released => {
                Some(ReceiptLine::PointsReturned { reward, amount })
            }
            _ => None,
        }
    });
    lines.collect()
}

/// What a fact undid beside the wallet; `spend` no longer counts.
fn undone(fact: &Fact, spend: Decimal) -> Vec<ReceiptLine> {
    let mut lines = Vec::new();
    for change in &fact.changes {
        match change {
            Change::Quota(entry) => {
                lines.push(ReceiptLine::QuotaReturned { quota: entry.quota, amount: entry.amount });
            }
            Change::MetricsReplaced(_) => lines.push(ReceiptLine::MetricsUndone { spend }),
            Change::TierChanged { from, to } => {
                lines.push(ReceiptLine::TierChanged { from: *from, to: *to });
                lines.push(ReceiptLine::RewardsOfTierKept { tier: *from });
            }
            _ => {}
        }
    }
    lines
}

impl Receipt {
    /// The receipt of a reversal, read from the fact that booked it and the event it is about.
    pub fn of(record: &EventRecord) -> Self {
        let Some(reversal) = record.closed_by.as_ref().filter(|fact| fact.kind == FactKind::Reversed) else {
            return Self::default();
        };
        let mut lines = moved(reversal);
        let taken: BTreeSet<u32> = record
            .returns
            .iter()
            .chain([reversal])
            .flat_map(Fact::entries)
            .filter(|entry| entry.kind == EntryKind::Reversed)
            .map(|entry| entry.lot)
            .collect();
        for entry in record.effects().flat_map(Fact::entries) {
            let issued = matches!(entry.kind, EntryKind::Issued { .. });
            let taken = taken.contains(&record.current_lot(entry.lot));
            if issued && record.status == EventStatus::Reversed && !taken {
                lines.push(ReceiptLine::PointsKept { reward: entry.reward, amount: entry.amount });
            }
        }
        let mut used: BTreeMap<Quota, Decimal> = BTreeMap::new();
        for entry in record.effects().flat_map(Fact::quotas).filter(|entry| entry.kind.uses()) {
            let sum = used.entry(entry.quota).or_default();
            *sum = sum.saturating_add(entry.amount);
        }
        for entry in record.returns.iter().flat_map(Fact::quotas).chain(reversal.quotas()) {
            if let Some(sum) = used.get_mut(&entry.quota) {
                *sum = sum.saturating_sub(entry.amount);
            }
        }
        let kept = used.into_iter().filter(|(_, amount)| amount.is_positive());
        lines.extend(kept.map(|(quota, amount)| ReceiptLine::QuotaKept { quota, amount }));
        let spend = record.head().and_then(|head| head.visit).map_or(Decimal::ZERO, |visit| visit.spend);
        lines.extend(undone(reversal, spend.saturating_sub(record.returned())));
        Self { lines }
    }

    /// The receipt of a part of the event that came back, counted from 0.
    pub fn of_return(record: &EventRecord, index: usize) -> Self {
        let Some(fact) = record.returns.get(index) else { return Self::default() };
        let spend = fact.returned_part().map_or(Decimal::ZERO, |part| part.counted);
        let mut lines = moved(fact);
        lines.extend(undone(fact, spend));
        Self { lines }
    }

    /// The receipt as answers show it.
    pub fn to_json(&self, program: &Program) -> Json {
        let reward_id =
            |number: u32| program.reward(number).map(|reward| reward.id.clone()).unwrap_or_default();
        let tier_id = |number: u32| program.tier(number).map(|tier| tier.id.clone()).unwrap_or_default();
        let points = |what: &str, outcome: &str, reward: u32, amount: Decimal| {
            let campaign = punch_cards::campaign_of(reward).and_then(|card| program.campaign(card));
            let (what, of) = match campaign {
                Some(campaign) => (what.replace("points", "stamps"), ("campaign_id", campaign.id.clone())),
                None => (what.to_owned(), ("reward_id", reward_id(reward))),
            };
            let line = object().with("what", what).with("outcome", outcome);
            line.with(of.0, of.1).with("amount", amount).build()
        };
        let lines = self.lines.iter().map(|line| match line {
            ReceiptLine::PointsTaken { reward, amount } => {
                points("points_earned", "undone", *reward, *amount)
            }
            ReceiptLine::PointsKept { reward, amount } => {
                points("points_earned", "kept_by_policy", *reward, *amount)
            }
            ReceiptLine::Debt { reward, amount } => points("points_already_spent", "debt", *reward, *amount),
            ReceiptLine::PointsReturned { reward, amount } => {
                points("points_spent", "undone", *reward, *amount)
            }
            ReceiptLine::QuotaReturned { quota, amount } | ReceiptLine::QuotaKept { quota, amount } => {
                let kept = matches!(line, ReceiptLine::QuotaKept { .. });
                let of = match quota.owner {
                    Owner::Campaign(number) => {
                        ("campaign_id", program.campaign(number).map(|campaign| campaign.id.clone()))
                    }
                    Owner::Reward(number) => ("reward_id", Some(reward_id(number))),
                    Owner::Coupon(number) => {
                        let campaign = program.campaign(Coupon::campaign_of(number));
                        ("campaign_id", campaign.map(|campaign| campaign.id.clone()))
                    }
                };
                object()
                    .with("what", quota.names().0)
                    .with("outcome", if kept { "kept_by_policy" } else { "undone" })
                    .with(of.0, of.1.unwrap_or_default())
                    .with("counts", quota.counts.name())
                    .with_some("period", quota.period.map(|period| period.unit.name()))
                    .with("amount", *amount)
                    .build()
            }
            ReceiptLine::MetricsUndone { spend } => {
                object().with("what", "metrics").with("outcome", "undone").with("spend", *spend).build()
            }
            ReceiptLine::TierChanged { from, to } => object()
                .with("what", "tier")
                .with("outcome", "undone")
                .with("from", tier_id(*from))
                .with("to", tier_id(*to))
                .build(),
            ReceiptLine::RewardsOfTierKept { tier } => object()
                .with("what", "rewards_earned_through_tier")
                .with("outcome", "kept_by_policy")
                .with("tier_id", tier_id(*tier))
                .build(),
        });
        Json::List(lines.collect())
    }
}
