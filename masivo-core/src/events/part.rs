//! Returning a part of a purchase: by value, by line, by quantity.
//!
//! - E6: what all returns of an event together take back of an effect is round(effect × returned ÷ value): any slicing
//!   comes to the same, and returning the last part is the reversal.
//! - E7: what an event counts once for (times, stamps, cards, streaks, the purchase itself) goes with its last part.

use super::EventRecord;
use super::emit::{emit_caused, event_data};
use super::resolve::counted;
use super::reverse::{Kept, policy, raised_to, refuse_by_policy, reverse, undo_children};
use crate::audiences;
use crate::draft::Draft;
use crate::fact::{Change, EventStatus, Fact, FactKind, ReturnedLine, ReturnedPart};
use crate::gift_cards;
use crate::limits::RETURNS_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::program::Program;
use crate::punch_cards;
use crate::quota::{self, Counts, Owner, Quota, QuotaMove};
use crate::rejection::Rejection;
use crate::series;
use crate::tiers;
use crate::value::{Decimal, Json, Rounding, Timestamp, object};
use crate::wallet::{Entry, EntryKind, GiveBack, OnReversal, Posting};

/// A part of a purchase that comes back.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Part {
    /// So much of the order's value.
    pub value: Decimal,
    /// Lines of the order.
    pub lines: Vec<PartLine>,
}

/// A line of the order that comes back, in whole or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartLine {
    /// Which line.
    pub name: LineName,
    /// How much of it.
    pub share: Share,
}

/// How a line of an order is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineName {
    /// Its place in the order, counted from 0.
    Place(usize),
    /// The only line of that product.
    Sku(String),
}

/// How much of a line comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All that is left of it.
    Rest,
    /// So many units.
    Amount(Decimal),
    /// So much of its value.
    Value(Decimal),
}

impl Part {
    pub(crate) fn comparable(&self) -> String {
        format!("{} {:?}", self.value, self.lines)
    }
}

/// What came back of an event up to some return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    /// Of the value that effects are measured by.
    counted: Decimal,
    value: Decimal,
    /// Units and value of each line.
    lines: BTreeMap<u32, (Decimal, Decimal)>,
}

impl Sums {
    fn of(record: &EventRecord) -> Self {
        let mut sums = Self::default();
        record.returned_parts().for_each(|part| sums.add(part));
        sums
    }

    fn add(&mut self, part: &ReturnedPart) {
        self.counted = self.counted.saturating_add(part.counted);
        self.value = self.value.saturating_add(part.value);
        for line in &part.lines {
            let (amount, value) = self.lines.entry(line.place).or_default();
            *amount = amount.saturating_add(line.amount);
            *value = value.saturating_add(line.value);
        }
    }
}

/// A line of the order as it was bought.
struct Bought {
    amount: Decimal,
    value: Decimal,
    sku: Option<String>,
}

impl Bought {
    fn of(line: &Json) -> Self {
        let value = line.number("discounted_value").or_else(|| line.number("value")).unwrap_or_default();
        let amount = line.number("amount").filter(|amount| amount.is_positive()).unwrap_or(Decimal::ONE);
        Self { amount, value, sku: line.text("sku").map(ToOwned::to_owned) }
    }

    /// What so many units and so much value of it are worth.
    fn worth(&self, amount: Decimal, value: Decimal) -> Decimal {
        let units = self.value.multiply_divide(amount, self.amount, 6, Rounding::HalfUp);
        units.unwrap_or(self.value).saturating_add(value)
    }
}

/// Spent points that parts of an event gave back, told apart by the entries that spent them.
#[derive(Default)]
pub(super) struct GivenBack(BTreeMap<u32, Decimal>);

impl GivenBack {
    /// What was given back of the points that an entry spent: lots that were spent twice fill up in order.
    pub(super) fn take(&mut self, record: &EventRecord, entry: &Entry) -> Decimal {
        let left = self.0.entry(entry.lot).or_insert_with(|| record.given_back_to(entry.lot));
        let part = entry.amount.min(*left);
        *left = left.saturating_sub(part);
        part
    }
}

/// The cumulative share of an effect.
fn share(effect: Decimal, returned: Decimal, whole: Decimal, places: u32) -> Decimal {
    effect.multiply_divide(returned, whole, places, Rounding::HalfUp).unwrap_or(effect).min(effect)
}

/// What a return comes to, in the terms of the purchase.
fn measure(record: &EventRecord, part: &Part, whole: Decimal) -> Result<ReturnedPart, Rejection> {
    let order = record.fact.payload.as_ref().and_then(|payload| payload.get("order").cloned());
    let lines = order.as_ref().and_then(|order| order.get("products")).map_or(&[][..], Json::items);
    let lines: Vec<Bought> = lines.iter().map(Bought::of).collect();
    let before = Sums::of(record);
    let mut after = before.clone();
    after.value = after.value.saturating_add(part.value);
    let mut report = Report::default();
    for (index, asked) in part.lines.iter().enumerate() {
        let root = Pointer::root();
        let at = root.field("return");
        let at = at.field("products");
        let at = at.index(index);
        let Some((place, bought)) = find(&lines, &asked.name, &at, &mut report) else { continue };
        let (amount, value) = after.lines.entry(place).or_default();
        let left = bought.value.saturating_sub(bought.worth(*amount, *value));
        match asked.share {
            Share::Rest if left.is_zero() => {
                return Err(Rejection::ReturnExceeds { wanted: bought.value, left });
            }
            Share::Rest => *value = value.saturating_add(left),
            Share::Amount(units) => *amount = amount.saturating_add(units),
            Share::Value(worth) => *value = value.saturating_add(worth),
        }
        let worth = bought.worth(*amount, *value);
        if worth > bought.value || *amount > bought.amount {
            let wanted = worth.saturating_sub(bought.value.saturating_sub(left));
            return Err(Rejection::ReturnExceeds { wanted, left });
        }
    }
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    let all = lines.iter().fold(Decimal::ZERO, |sum, line| sum.saturating_add(line.value));
    let sum = after.lines.iter().fold(Decimal::ZERO, |sum, (place, (amount, value))| {
        let line = usize::try_from(*place).ok().and_then(|place| lines.get(place));
        sum.saturating_add(line.map_or(Decimal::ZERO, |line| line.worth(*amount, *value)))
    });
    // What the order as a whole took off is spread over its lines.
    let sum = if all > whole { share(sum, whole, all, 6) } else { sum };
    let counted = sum.saturating_add(after.value);
    if counted > whole {
        let left = whole.saturating_sub(before.counted);
        return Err(Rejection::ReturnExceeds { wanted: counted.saturating_sub(before.counted), left });
    }
    let lines = after.lines.iter().filter_map(|(place, (amount, value))| {
        let (was_amount, was_value) = before.lines.get(place).copied().unwrap_or_default();
        let (amount, value) = (amount.saturating_sub(was_amount), value.saturating_sub(was_value));
        let is_new = amount.is_positive() || value.is_positive();
        is_new.then_some(ReturnedLine { place: *place, amount, value })
    });
    Ok(ReturnedPart {
        previous: record.returns.last().map_or(0, |fact| fact.sequence),
        counted: counted.saturating_sub(before.counted),
        value: part.value,
        lines: lines.collect(),
    })
}

/// The line that is meant, with its place.
fn find<'l>(
    lines: &'l [Bought],
    name: &LineName,
    at: &Pointer<'_>,
    report: &mut Report,
) -> Option<(u32, &'l Bought)> {
    let found: Vec<usize> = match name {
        LineName::Place(place) => (*place < lines.len()).then_some(*place).into_iter().collect(),
        LineName::Sku(sku) => {
            let places = lines.iter().enumerate().filter(|(_, line)| line.sku.as_ref() == Some(sku));
            places.map(|(place, _)| place).collect()
        }
    };
    match found.as_slice() {
        [place] => {
            let line = lines.get(*place)?;
            if !line.value.is_positive() {
                let hint = "return a value of the order instead";
                report.problem(at, "no_value", "the line was sent without a value", hint);
                return None;
            }
            Some((u32::try_from(*place).ok()?, line))
        }
        [] => {
            let message = format!("the order has {} lines, and none like it", lines.len());
            report.problem(at, "unknown_line", message, "name a line that was sent, counted from 0");
            None
        }
        _ => {
            let message = "several lines have that sku";
            report.problem(at, "ambiguous_line", message, "name the line by its place, counted from 0");
            None
        }
    }
}

/// What was sent of an event, without the parts that came back: lines that came back whole are gone. `None` once it was erased.
pub(crate) fn left_of(record: &EventRecord) -> Option<Cow<'_, Json>> {
    let sent = record.fact.sent()?;
    let whole = record.counted_spend().filter(|_| !record.returns.is_empty());
    let (Some(whole), Some(order)) = (whole, sent.get("order")) else { return Some(Cow::Borrowed(sent)) };
    let sums = Sums::of(record);
    let mut left = order.clone();
    for name in ["value", "discounted_value"] {
        if let Some(value) = order.number(name) {
            left.set(name, value.saturating_sub(share(value, sums.counted, whole, 6)));
        }
    }
    // What came back as a value of the order is spread over the lines that are left.
    let after = whole.saturating_sub(sums.counted);
    let before = after.saturating_add(sums.value);
    let lines = order.get("products").map_or(&[][..], Json::items).iter().zip(0_u32..);
    let lines = lines.filter_map(|(line, place)| {
        let mut line = line_left(line, sums.lines.get(&place).copied())?;
        for name in ["value", "discounted_value"].into_iter().filter(|_| sums.value.is_positive()) {
            if let Some(value) = line.number(name) {
                line.set(name, share(value, after, before, 6));
            }
        }
        Some(line)
    });
    if order.get("products").is_some() {
        left.set("products", Json::List(lines.collect()));
    }
    let mut event = sent.clone();
    event.set("order", left);
    Some(Cow::Owned(event))
}

/// A line without the units and the value that came back; `None` when all of it did.
fn line_left(line: &Json, returned: Option<(Decimal, Decimal)>) -> Option<Json> {
    let Some((amount, value)) = returned else { return Some(line.clone()) };
    let bought = Bought::of(line);
    let gone = bought.worth(amount, value);
    if gone >= bought.value || amount >= bought.amount {
        return None;
    }
    let mut left = line.clone();
    for name in ["value", "discounted_value"] {
        if let Some(value) = line.number(name) {
            left.set(name, value.saturating_sub(share(value, gone, bought.value, 6)));
        }
    }
    left.set("amount", bought.amount.saturating_sub(amount));
    Some(left)
}

/// Takes a part of a processed purchase back. `children` and `history` are as for a reversal, which the last part is.
pub(crate) fn return_part(
    draft: &mut Draft<'_>,
    record: &EventRecord,
    children: &[EventRecord],
    history: Option<&[Timestamp]>,
    part: &Part,
    reason: &str,
) -> Result<(), Rejection> {
    if record.status != EventStatus::Resolved {
        return Err(Rejection::EventClosed { status: record.status.name() });
    }
    let whole = record.counted_spend().ok_or(Rejection::NotReturnable)?;
    let returned = measure(record, part, whole)?;
    let before = record.returned();
    let after = before.saturating_add(returned.counted);
    if after == whole {
        return reverse(draft, record, children, history, reason, Some(returned)).map(drop);
    }
    if record.returns.len() >= RETURNS_MAX {
        return Err(Rejection::TooManyReturns { count: record.returns.len() });
    }
    let taking = PartTaking { record, before, after, whole };
    let rewards = taking.issued(draft.program).map(|(_, entry)| entry.reward);
    refuse_by_policy(draft, rewards, |posting| {
        taking.undo_points(draft.program, posting, |_| OnReversal::Debt { max: None });
    })?;
    let (now, program) = (draft.now, draft.program);
    let fact = draft.open(FactKind::Returned, now);
    draft.edit(fact, |fact| {
        fact.about = record.fact.sequence;
        fact.payload = Some(Arc::new(object().with("reason", reason).build()));
    });
    let spend = returned.counted;
    draft.record(fact, Change::Returned(returned));
    let kept = draft
        .post(fact, now, |posting| taking.undo_points(program, posting, |reward| policy(program, reward)));
    quota::book(draft, fact, QuotaMove::Returned, &taking.quotas(program, &kept));
    if let Some(visit) = record.head().and_then(|head| head.visit) {
        // The event still counts: a tier only falls when the part that came back held it up now.
        let rested = tiers::may_rest_on(draft, now, &[]);
        let mut metrics = draft.state.metrics.clone();
        metrics.lower(&visit, spend, program.settings().time_zone);
        draft.record(fact, Change::MetricsReplaced(Box::new(metrics)));
        let changed = tiers::after_reversal(draft, fact, now, visit.issued_at, rested);
        let raised: Vec<u32> =
            record.effects().flat_map(|fact| &fact.changes).filter_map(raised_to).collect();
        let undone = changed && !raised.is_empty();
        if undone {
            // What rising earned goes with the tier, or returning nearly all of it again and again would pay.
            undo_children(draft, fact, children);
        }
        let mut counting = record.clone();
        counting.returns.extend(draft.fact(fact).cloned());
        let mut series = series::lower(draft, &counting);
        for child in children.iter().filter(|_| undone) {
            series.extend(series::remove(draft, child.fact.sequence));
        }
        audiences::evaluate(draft, fact, now, counted(changed, series));
        emit_caused(draft);
    }
    let event = record.head().map(|head| head.id).unwrap_or_default();
    draft.tell("EVENT_PARTLY_RETURNED", now, |draft| {
        let mut data = event_data(draft, event, Some(reason));
        data.set("returned_value", spend);
        data
    });
    draft.summarise(fact);
    Ok(())
}

/// How far a return goes: of `whole`, `before` was returned and `after` is.
struct PartTaking<'r> {
    record: &'r EventRecord,
    before: Decimal,
    after: Decimal,
    whole: Decimal,
}

impl PartTaking<'_> {
    /// What this return takes of an effect (E6).
    fn delta(&self, effect: Decimal, places: u32) -> Decimal {
        let until = |returned| share(effect, returned, self.whole, places);
        until(self.after).saturating_sub(until(self.before))
    }

    /// The lots that shrink with the purchase: stamps, gift cards, and what full cards and streaks gave, go with its last
    /// part (E7).
    fn issued(&self, program: &Program) -> impl Iterator<Item = (u32, &Entry)> {
        let counts_once =
            |campaign: u32| program.campaign(campaign).is_some_and(|campaign| campaign.spec.counts_events());
        let entries = self.record.effects().flat_map(Fact::entries);
        entries.filter_map(move |entry| match entry.kind {
            EntryKind::Issued { campaign, .. }
                if !counts_once(campaign) && !gift_cards::is_gift_card(program, entry.reward) =>
            {
                Some((campaign, entry))
            }
            _ => None,
        })
    }

    fn undo_points(
        &self,
        program: &Program,
        posting: &mut Posting<'_>,
        policy: impl Fn(u32) -> OnReversal,
    ) -> Vec<Kept> {
        let mut before = GivenBack::default();
        for entry in self.record.effects().flat_map(Fact::entries) {
            let spent = matches!(entry.kind, EntryKind::Redeemed | EntryKind::RedeemedFromHold);
            if !spent || punch_cards::campaign_of(entry.reward).is_some() {
                continue;
            }
            let gone = share(entry.amount, self.after, self.whole, places(program, entry.reward));
            let delta = gone.saturating_sub(before.take(self.record, entry));
            let give_back =
                program.reward(entry.reward).map_or(GiveBack::Forfeit, |reward| reward.spec.give_back);
            if delta.is_positive() {
                posting.give_back(entry.reward, entry.lot, delta, give_back);
            }
        }
        let mut kept = Vec::new();
        for (campaign, entry) in self.issued(program) {
            let (reward, policy) = (entry.reward, policy(entry.reward));
            let places = places(program, reward);
            let amount = match policy {
                OnReversal::PendingOnly => self.delta(entry.amount, places),
                _ => {
                    let gone = share(entry.amount, self.after, self.whole, places);
                    let keep = entry.amount.saturating_sub(gone);
                    posting.reverse_to(self.record.current_lot(entry.lot), keep, policy)
                }
            };
            if amount.is_positive() {
                kept.push(Kept { campaign, reward, amount });
            }
        }
        kept
    }

    /// What is given back of quotas that count how much: times and units of stock follow the points.
    fn quotas(&self, program: &Program, kept: &[Kept]) -> Vec<(Quota, Decimal)> {
        let mut quotas: BTreeMap<Quota, Decimal> = BTreeMap::new();
        let used = self.record.effects().flat_map(Fact::quotas).filter(|entry| entry.kind.uses());
        for entry in used {
            let is_of = |campaign: u32, reward: u32| match entry.quota.owner {
                Owner::Campaign(number) => campaign == number,
                Owner::Reward(number) => reward == number,
                Owner::Coupon(_) => false,
            };
            let amount_of = |reward: u32, amount: Decimal| match entry.quota.counts {
                Counts::Worth => quota::worth(program, reward, amount),
                Counts::Units => amount,
                _ => Decimal::ZERO,
            };
            let taken = self.issued(program).filter(|(campaign, issued)| is_of(*campaign, issued.reward));
            let taken = taken.fold(Decimal::ZERO, |sum, (_, issued)| {
                let delta = self.delta(issued.amount, places(program, issued.reward));
                sum.saturating_add(amount_of(issued.reward, delta))
            });
            let kept = kept.iter().filter(|kept| is_of(kept.campaign, kept.reward));
            let kept =
                kept.fold(Decimal::ZERO, |sum, kept| sum.saturating_add(amount_of(kept.reward, kept.amount)));
            let left = entry.amount.saturating_sub(self.record.given_back(&entry.quota));
            quotas.insert(entry.quota, taken.saturating_sub(kept).min(left));
        }
        quotas.into_iter().filter(|(_, amount)| amount.is_positive()).collect()
    }
}

/// The places that amounts of a reward have.
fn places(program: &Program, reward: u32) -> u32 {
    program.reward(reward).map_or(0, |reward| reward.spec.decimals)
}
