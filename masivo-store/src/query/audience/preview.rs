//! How many a rule gathers that is not an audience yet.

use super::super::Query;
use crate::backend::CustomerRow;
use crate::engine::load_events;
use crate::error::SubmitError;
use masivo_core::lint::free_fields_of;
use masivo_core::rule::Rule;
use masivo_core::series::SeriesSet;
use masivo_core::state::Standing;
use masivo_core::value::{DAY, Json, Timestamp, object};
use std::collections::{BTreeMap, BTreeSet};

/// Up to so many customers all are looked at; of more, so many.
const LOOKED_AT_MAX: u64 = 20_000;
/// Members that are named.
const NAMED_MAX: usize = 10;
/// Customers read in one step.
const PAGE: usize = 1_000;

/// What was counted so far.
#[derive(Default)]
struct Counted {
    looked_at: u64,
    /// Of those, who can be in audiences at all.
    asked: u64,
    inside: u64,
    changing: u64,
    overlaps: BTreeMap<u32, u64>,
    named: Vec<String>,
    /// Whether the rule looks at events that are not kept, so that they are looked up.
    lacks: bool,
    /// Types of events that were seen, where they were looked up.
    events: BTreeSet<String>,
}

impl Query {
    /// How many customers a rule gathers now. Of more than 20,000 customers a spread of 20,000 is looked at, unless the exact
    /// number is asked for; `margin` is what the size may be off by, in nineteen of twenty cases.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn preview_audience(&self, rule: &Rule, exact: bool) -> Result<Json, SubmitError> {
        let numbers = self.reader.counters()?.customer;
        let exact = exact || numbers <= LOOKED_AT_MAX;
        let lacks = SeriesSet::lacks(&self.program, rule);
        let mut counted = Counted { lacks, ..Counted::default() };
        if exact {
            let mut after = 0;
            loop {
                let page = self.reader.customers(after, PAGE)?;
                let Some(last) = page.last() else { break };
                after = last.key;
                page.into_iter().try_for_each(|row| self.count(rule, row, &mut counted))?;
            }
        } else {
            for draw in 0..LOOKED_AT_MAX {
                if let Some(row) = self.reader.customer_by_key(scattered(draw) % numbers + 1)? {
                    self.count(rule, row, &mut counted)?;
                }
            }
        }
        let scaled = |count: u64| if exact { count } else { scale(count, numbers, LOOKED_AT_MAX) };
        let overlaps = counted.overlaps.iter().filter_map(|(audience, both)| {
            let audience = self.program.audience(*audience)?;
            let shown = object().with("audience_id", audience.id.as_str());
            Some(shown.with("name", audience.spec.name.as_str()).with("both", scaled(*both)).build())
        });
        let margin = if exact { 0 } else { margin(counted.inside, LOOKED_AT_MAX, numbers) };
        Ok(object()
            .with("size", scaled(counted.inside))
            .with("exact", exact)
            .with("margin", margin)
            .with("customers", self.reader.customer_count()?)
            .with("looked_at", counted.looked_at)
            .with("changes_within_a_day", scaled(counted.changing))
            .with("overlaps", overlaps.collect::<Vec<_>>())
            .with("members", counted.named.iter().map(|id| Json::from(id.as_str())).collect::<Vec<_>>())
            .with("remarks", self.remarks(rule, &counted, exact)?)
            .build())
    }

    fn count(&self, rule: &Rule, row: CustomerRow, counted: &mut Counted) -> Result<(), SubmitError> {
        let overdue = row.armed.is_some_and(|armed| armed <= self.now);
        let behind = row.state.audiences_seen != self.program.audiences_version();
        let row = if overdue || behind { self.bring(row)? } else { row };
        counted.looked_at += u64::from(row.state.standing != Standing::Deleted);
        if !row.state.takes_part_in_audiences() {
            return Ok(());
        }
        counted.asked += 1;
        let mut row = row;
        if counted.lacks {
            // Of what falls due a moment ago no event comes that was not stored.
            let head = self.stored_head(&row)?;
            let events = load_events(&*self.reader, head, row.profile.id())?;
            row.series = row.series.with_rule(&self.program, rule, &events);
            counted.events.extend(
                events.into_iter().filter_map(|record| record.fact.event).map(|head| head.event_type),
            );
        }
        let view = self.view(&row);
        let (inside, flips_at) = rule.verdict(&view);
        let tomorrow = self.now.plus(DAY);
        let turns = |at: Timestamp| at <= tomorrow && rule.holds(&view.at(at)) != inside;
        counted.changing += u64::from(flips_at.is_some_and(turns));
        if !inside {
            return Ok(());
        }
        counted.inside += 1;
        for membership in row.state.memberships.iter().filter(|membership| membership.inside) {
            *counted.overlaps.entry(membership.audience).or_default() += 1;
        }
        if counted.named.len() < NAMED_MAX {
            counted.named.push(row.profile.id().to_owned());
        }
        Ok(())
    }

    /// What deserves a look before it is kept.
    fn remarks(&self, rule: &Rule, counted: &Counted, exact: bool) -> Result<Vec<Json>, SubmitError> {
        let mut remarks = Vec::new();
        let mut remark = |code: &str, message: String| {
            remarks.push(object().with("code", code).with("message", message).build());
        };
        if rule.is_impossible() {
            remark("always_empty", "its conditions contradict each other: nobody is ever in".to_owned());
        } else if counted.inside == 0 {
            let all = if exact { "" } else { " of those that were looked at" };
            remark("empty_now", format!("nobody{all} is in now"));
        }
        if counted.changing.saturating_mul(2) > counted.asked {
            let percent = scale(counted.changing, 100, counted.asked);
            remark("short_lived", format!("it changes for {percent}% of customers within a day"));
        }
        let events = rule.events();
        let types: BTreeSet<&str> =
            events.iter().flat_map(|subject| subject.selections()).map(|of| of.event_type.as_str()).collect();
        if counted.lacks {
            for event_type in types.into_iter().filter(|name| !counted.events.contains(*name)) {
                let all = if exact { "" } else { " of those that were looked at" };
                remark("event_never_seen", format!("no customer{all} ever had an event `{event_type}`"));
            }
        }
        let names = free_fields_of(rule);
        if exact && !names.is_empty() {
            for name in self.unseen_fields(&names)? {
                remark("field_never_seen", format!("`{name}` was never recorded: check how it is spelt"));
            }
        }
        Ok(remarks)
    }
}

/// `count` of `of` as a part of `whole`, rounded.
fn scale(count: u64, whole: u64, of: u64) -> u64 {
    let of = u128::from(of.max(1));
    let scaled = (u128::from(count) * u128::from(whole) + of / 2) / of;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// By what `inside` of `looked_at`, scaled to `whole`, may be off: 1.96 standard deviations of a share, and of none or all at
/// most three of those looked at.
fn margin(inside: u64, looked_at: u64, whole: u64) -> u64 {
    let (inside, looked_at, whole) = (u128::from(inside), u128::from(looked_at.max(1)), u128::from(whole));
    let deviation = (whole * whole * inside * (looked_at - inside) / looked_at.pow(3)).isqrt();
    let least = (3 * whole).div_ceil(looked_at);
    u64::try_from((deviation * 196).div_ceil(100).max(least)).unwrap_or(u64::MAX)
}

/// A number that looks random and is always the same for a draw (the finaliser of SplitMix64).
const fn scattered(draw: u64) -> u64 {
    let mut mixed = draw.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_find_regular_patterns_as_often_as_they_are() {
        let mut outside = 0;
        for (numbers, period) in
            [(46_369, 233), (317_811, 987), (60_000, 10), (1_000_000, 1_000), (50_000, 7)]
        {
            let hits =
                (0..LOOKED_AT_MAX).filter(|draw| (scattered(*draw) % numbers).is_multiple_of(period)).count();
            let hits = u64::try_from(hits).unwrap();
            let off = scale(hits, numbers, LOOKED_AT_MAX).abs_diff(numbers.div_ceil(period));
            outside += u32::from(off > margin(hits, LOOKED_AT_MAX, numbers));
        }
        assert_eq!(outside, 0);
    }

    #[test]
    fn a_margin_is_what_a_share_may_be_off_by() {
        // A half of 10,000 is known to 0.98%; of none there may be three in ten thousand.
        for (inside, looked_at, whole, expected) in [
            (5_000, 10_000, 1_000_000, 9_800),
            (0, 10_000, 1_000_000, 300),
            (10_000, 10_000, 1_000_000, 300),
            (200, 20_000, 1_000_000, 1_378),
        ] {
            assert_eq!(margin(inside, looked_at, whole), expected, "{inside} of {looked_at}");
        }
        assert_eq!(scale(5_000, 1_000_000, 10_000), 500_000);
    }
}
