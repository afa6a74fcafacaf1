//! Per-day aggregates: what a fact adds to the sums that outlive erasure.

use crate::fact::{Change, EventReason, EventStatus, Fact};
use crate::prelude::*;
use crate::punch_cards;
use crate::value::Decimal;
use crate::view::entry_name_in;
use crate::wallet::EntryKind;

/// What is added to one sum of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailySum {
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
    /// What is counted, for example `event/PURCHASE/RESOLVED` or `points/3/issued`.
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
                if let EntryKind::Issued { campaign: campaign @ 1.., .. } = entry.kind {
                    add(format!("campaign/{campaign}/issued"), entry.amount);
                }
            }
            Change::EventStatus { status: EventStatus::Expired, .. } => {
                add("event/expired".into(), Decimal::ZERO);
            }
            _ => {}
        }
    }
    sums
}
