//! Per-day aggregates: what a fact adds to the sums that outlive erasure.

use crate::fact::{Change, EventReason, EventStatus, Fact, FactKind};
use crate::prelude::*;
use crate::punch_cards;
use crate::value::Decimal;
use crate::view::entry_name_in;
use crate::wallet::{Entry, EntryKind, LotBefore};

/// What is added to one sum of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailySum {
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
    /// What is counted, for example `event/PURCHASE/RESOLVED`, `points/3/issued` or `campaign/2/3/redeemed`.
    pub key: String,
    /// How many.
    pub count: i64,
    /// How much.
    pub amount: Decimal,
}

/// What a fact adds. Sums of sums equal sums of facts, so any grouping of facts gives the same totals.
pub fn daily(fact: &Fact) -> Vec<DailySum> {
    let day = fact.at.day();
    let mut sums = Vec::new();
    let mut add = |key: String, amount: Decimal| sums.push(DailySum { day, key, count: 1, amount });
    if let Some(head) = &fact.event {
        let spend = head.visit.map_or(Decimal::ZERO, |visit| visit.spend);
        // What was brought in is not the business of the day it was brought in on.
        let migrated = head.reason == Some(EventReason::Migrated);
        let status = if migrated { "MIGRATED" } else { head.status.name() };
        add(format!("event/{}/{status}", head.event_type), spend);
    } else {
        add(format!("fact/{}", fact.kind.name()), Decimal::ZERO);
    }
    for change in &fact.changes {
        match change {
            Change::Entry(entry) => {
                let name = entry_name_in(fact.kind, &entry.kind);
                if let Some(campaign) = punch_cards::campaign_of(entry.reward) {
                    add(format!("stamps/{campaign}/{name}"), entry.amount);
                    continue;
                }
                add(format!("points/{}/{name}", entry.reward), entry.amount);
            }
            Change::EventStatus { status: EventStatus::Expired, .. } => {
                add("event/expired".into(), Decimal::ZERO);
            }
            _ => {}
        }
    }
    sums
}

/// Whether a sum of that name adds to what customers hold of a campaign's points (1), takes from it (-1), or neither.
pub fn adds_to_held(what: &str) -> i32 {
    match what {
        "issued" | "migrated" | "transferred_in" | "returned" | "unapplied" => 1,
        "redeemed" | "transferred_out" | "expired" | "forfeited" | "applied_to_debt" | "reversed" => -1,
        _ => 0,
    }
}

/// The campaign, the reward and the name of what is counted, of the key of a sum of campaigns.
pub fn campaign_key(key: &str) -> Option<(u32, u32, &str)> {
    let mut parts = key.strip_prefix("campaign/")?.split('/');
    let (campaign, reward, what) = (parts.next()?, parts.next()?, parts.next()?);
    Some((campaign.parse().ok()?, reward.parse().ok()?, what))
}

/// What an entry of a kind of fact does to the points of the campaign that gave them, by what they are called in reports; the
/// key is `campaign/CAMPAIGN/REWARD/what`, where campaign 0 is none.
/// `reversed_owed` and `returned_owed` are about points that were spent already; [`adds_to_held`] says what the others do.
pub fn lot_sums(day: i64, of: FactKind, entry: &Entry, before: Option<LotBefore>) -> Vec<DailySum> {
    if punch_cards::campaign_of(entry.reward).is_some() {
        return Vec::new();
    }
    let available = before.map_or(Decimal::ZERO, |lot| lot.available);
    let campaign = match entry.kind {
        EntryKind::Issued { campaign, .. } => Some(campaign),
        _ => before.map(|lot| lot.campaign),
    };
    let Some(campaign) = campaign else { return Vec::new() };
    let sum = |what: &str, amount: Decimal| {
        let key = format!("campaign/{campaign}/{}/{what}", entry.reward);
        DailySum { day, key, count: 1, amount }
    };
    let one = |what: &str| Vec::from([sum(what, entry.amount)]);
    match (&entry.kind, of) {
        (EntryKind::Issued { .. }, FactKind::Transferred) => one("transferred_in"),
        (EntryKind::Issued { .. }, FactKind::Migrated) => one("migrated"),
        (EntryKind::Issued { .. }, _) => one("issued"),
        (EntryKind::Redeemed, FactKind::Transferred) => one("transferred_out"),
        (EntryKind::Redeemed | EntryKind::RedeemedFromHold, _) => one("redeemed"),
        (EntryKind::Returned, _) => one("returned"),
        (EntryKind::OwedReturned, _) => one("returned_owed"),
        (EntryKind::Expired, _) => one("expired"),
        (EntryKind::Forfeited | EntryKind::Voided, _) => one("forfeited"),
        (EntryKind::Applied, _) => one("applied_to_debt"),
        (EntryKind::Unapplied, _) => one("unapplied"),
        (EntryKind::OwedReleased, _) => one("reversed"),
        (EntryKind::Reversed, _) => {
            let owed = entry.amount.saturating_sub(available);
            let mut sums = Vec::from([sum("reversed", available)]);
            sums.extend(owed.is_positive().then(|| sum("reversed_owed", owed)));
            sums
        }
        // What is left lives on in another lot of the campaign, whatever of it was spent.
        (EntryKind::ReversedInPart { keep, .. }, _) => {
            let gone = available.saturating_sub(*keep);
            let owed = entry.amount.saturating_sub(gone);
            Vec::from([sum("reversed", gone), sum("reversed_owed", owed)])
        }
        (
            EntryKind::Held
            | EntryKind::Released
            | EntryKind::DebtRaised
            | EntryKind::DebtLowered
            | EntryKind::DebtForgiven
            | EntryKind::ForgivenLowered
            | EntryKind::Extended { .. },
            _,
        ) => Vec::new(),
    }
}
