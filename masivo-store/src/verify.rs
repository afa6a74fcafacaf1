//! Checking a store: everything that is kept twice must agree.

use crate::backend::{CustomerKey, CustomerRow, Read};
use crate::engine::{later_lots, load_events};
use crate::error::StoreError;
use crate::stored::write_state;
use masivo_core::fact::Change;
use masivo_core::gift_cards::{self, GiftCard};
use masivo_core::program::{Kind, Program, StoredDefinition};
use masivo_core::punch_cards;
use masivo_core::quota::{Quota, QuotaSums, Scope};
use masivo_core::report::{DailySum, adds_to_held, campaign_key, daily, lot_sums};
use masivo_core::series::SeriesSet;
use masivo_core::state::State;
use masivo_core::value::{Decimal, Timestamp};
use masivo_core::wallet::LaterNeed;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What checking a store found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Customers that were checked.
    pub customers: u64,
    /// Facts that were folded.
    pub facts: u64,
    /// Ledger entries that were summed.
    pub entries: u64,
    /// What does not agree; empty is good.
    pub findings: Vec<Finding>,
    /// SHA-256 over all working states and facts, in order: two stores with the same hash say the same.
    pub hash: String,
}

/// One thing that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which law is broken, as numbered in the module heads.
    pub law: &'static str,
    /// What was found.
    pub detail: String,
}

/// Findings named before the rest is only counted.
const FINDINGS_MAX: usize = 100;
const PAGE: usize = 1_000;

/// Checks every customer: folding the booked facts must give the stored state (S1), the laws of the wallet
/// must hold (W1–W5), shared quotas (Q3), members and per-day sums must agree with the facts, and what reports say
/// customers hold with their lots (R1).
///
/// # Errors
/// When the store cannot be read.
pub fn verify(reader: &dyn Read) -> Result<Verification, StoreError> {
    reader.begin_snapshot()?;
    let verified = verify_snapshot(reader);
    reader.end_snapshot()?;
    verified
}

fn verify_snapshot(reader: &dyn Read) -> Result<Verification, StoreError> {
    let definitions = reader.definitions()?;
    let zone_changed = zone_changed(&definitions);
    let program = Program::load(definitions).map_err(|report| StoreError::damaged(report.to_string()))?;
    let mut check = Check {
        reader,
        now: reader.counters()?.last_instant.unwrap_or(Timestamp::MIN),
        program,
        zone_changed,
        hash: Sha256::new(),
        findings: Vec::new(),
        facts: 0,
        entries: 0,
        points: BTreeMap::new(),
        held: BTreeMap::new(),
    };
    let folded = check.fold_facts()?;
    let customers = check.compare_customers(folded)?;
    let astray: Vec<String> = check
        .held
        .iter()
        .filter(|(_, difference)| **difference != 0)
        .map(|(quota, difference)| format!("{quota:?} holds {difference} too many"))
        .collect();
    astray.into_iter().for_each(|detail| check.find("Q3", detail));
    let astray: Vec<String> = check
        .points
        .iter()
        .filter(|(_, difference)| **difference != 0)
        .map(|((campaign, reward), difference)| {
            format!("reports say that customers hold {difference} millionths more of reward {reward} of campaign {campaign}")
        })
        .collect();
    astray.into_iter().for_each(|detail| check.find("R1", detail));
    let hash = check.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Verification { customers, facts: check.facts, entries: check.entries, findings: check.findings, hash })
}

fn zone_changed(definitions: &[StoredDefinition]) -> bool {
    let settings = definitions.iter().filter(|definition| definition.kind == Kind::Settings);
    let zones: BTreeSet<&str> =
        settings.map(|settings| settings.body.text("time_zone").unwrap_or("UTC")).collect();
    zones.len() > 1
}

struct Check<'a> {
    reader: &'a dyn Read,
    program: Program,
    now: Timestamp,
    /// Whether the account's zone was ever changed: metrics were then counted by bounds of several zones.
    zone_changed: bool,
    hash: Sha256,
    findings: Vec<Finding>,
    facts: u64,
    entries: u64,
    /// What customers hold of the points of campaigns by the sums, less what their lots say.
    points: BTreeMap<(u32, u32), i128>,
    /// What shared quotas hold by the books, less what waiting events say.
    held: BTreeMap<Quota, i64>,
}

impl Check<'_> {
    fn find(&mut self, law: &'static str, detail: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { law, detail });
        }
    }

    /// Folds all facts from the first to the last; gives the states that result.
    fn fold_facts(&mut self) -> Result<BTreeMap<u64, State>, StoreError> {
        let zone = self.program.settings().time_zone;
        let mut states: BTreeMap<u64, State> = BTreeMap::new();
        let mut sums: BTreeMap<(i64, String), (i64, i64)> = BTreeMap::new();
        let mut quotas: BTreeMap<Quota, QuotaSums> = BTreeMap::new();
        let mut turns: BTreeMap<(u32, bool), u64> = BTreeMap::new();
        let mut after = 0;
        loop {
            let page = self.reader.facts(after, PAGE)?;
            if page.is_empty() {
                break;
            }
            for row in page {
                after = row.fact.sequence;
                self.facts += 1;
                let state = states.entry(row.customer).or_default();
                if state.head != row.fact.previous {
                    let detail = format!("fact {after} follows {} and not {}", row.fact.previous, state.head);
                    self.findings.push(Finding { law: "S1", detail });
                }
                state.head = row.fact.sequence;
                let mut count = |sum: DailySum| {
                    let total = sums.entry((sum.day, sum.key)).or_default();
                    total.0 += sum.count;
                    total.1 = total.1.saturating_add(sum.amount.micros());
                };
                for change in &row.fact.changes {
                    if let Change::Entry(entry) = change {
                        let before = state.wallet.before(entry);
                        lot_sums(row.fact.at.day(), row.fact.kind, entry, before)
                            .into_iter()
                            .for_each(&mut count);
                    }
                    let Change::Member(member) = change else {
                        state.apply(change, zone);
                        continue;
                    };
                    let before = state.is_member(member.audience);
                    state.apply(change, zone);
                    if before != member.inside {
                        *turns.entry((member.audience, member.inside)).or_default() += 1;
                    }
                }
                self.entries += u64::try_from(row.fact.entries().count()).unwrap_or(0);
                for entry in row.fact.quotas().filter(|entry| entry.quota.scope == Scope::Everyone) {
                    quotas.entry(entry.quota).or_default().apply(entry);
                }
                for change in &row.fact.changes {
                    if let Change::GiftCard { card, redeemed: false } = change {
                        self.check_holder(card, row.customer)?;
                    }
                }
                daily(&row.fact).into_iter().for_each(&mut count);
                self.hash.update(after.to_be_bytes());
                let booking =
                    crate::stored::write_booking(row.fact.event.as_ref(), row.fact.about, &row.fact.changes);
                self.hash.update(booking);
            }
        }
        self.compare_turns(&turns)?;
        self.compare_sums(&sums)?;
        self.compare_quotas(quotas)?;
        Ok(states)
    }

    /// A1: as many entered and left each audience as the facts say.
    fn compare_turns(&mut self, booked: &BTreeMap<(u32, bool), u64>) -> Result<(), StoreError> {
        let audiences: Vec<u32> = self.program.audiences().map(|audience| audience.number).collect();
        for audience in audiences {
            let (mut entered, mut left, mut after) = (0_u64, 0_u64, 0);
            loop {
                let turns = self.reader.turns(audience, after, PAGE)?;
                let Some(last) = turns.last() else { break };
                after = last.fact;
                turns.iter().for_each(|turn| *(if turn.inside { &mut entered } else { &mut left }) += 1);
            }
            let of = |inside: bool| booked.get(&(audience, inside)).copied().unwrap_or(0);
            if (entered, left) != (of(true), of(false)) {
                let detail = format!(
                    "audience {audience} keeps that {entered} entered and {left} left, and the facts say {} and {}",
                    of(true),
                    of(false)
                );
                self.find("A1", detail);
            }
        }
        Ok(())
    }

    /// C1: who holds a card is whom it was handed out to, and it has a code.
    fn check_holder(&mut self, card: &GiftCard, customer: CustomerKey) -> Result<(), StoreError> {
        let held = self.reader.holder(card.number())?;
        if held.is_none_or(|held| (held.customer, held.lot) != (customer, card.lot)) {
            self.find("C1", format!("customer {customer} does not hold the card of lot {}", card.lot));
        }
        let code = self.reader.coupons(card.number(), 1)?;
        if code.first().is_none_or(|code| code.number != card.number()) {
            self.find("C1", format!("there is no code {} of reward {}", card.place, card.reward));
        }
        Ok(())
    }

    /// Q3: what is kept of shared quotas is what the facts booked.
    fn compare_quotas(&mut self, mut booked: BTreeMap<Quota, QuotaSums>) -> Result<(), StoreError> {
        // What came into the pools of gift cards is no fact of a customer.
        for (pool, run) in self.reader.coupon_runs()? {
            if let Some(reward) = gift_cards::reward_of(pool) {
                let used = Decimal::from_count(u64::from(run.made) + u64::from(run.supplied));
                booked.insert(gift_cards::pool(reward), QuotaSums { used, held: Decimal::ZERO });
            }
        }
        self.held = booked.iter().map(|(quota, sums)| (*quota, sums.held.micros())).collect();
        let mut from = None;
        loop {
            let mut page = self.reader.quotas(from.as_ref(), PAGE)?;
            let last = page.last().map(|(quota, _)| *quota);
            page.retain(|(quota, _)| Some(*quota) != from);
            if page.is_empty() {
                break;
            }
            from = last;
            for (quota, kept) in page {
                let sums = booked.remove(&quota).unwrap_or_default();
                if kept != sums {
                    self.find("Q3", format!("{quota:?} keeps {kept:?} and the facts say {sums:?}"));
                }
            }
        }
        for (quota, sums) in booked {
            self.find("Q3", format!("{quota:?} is not kept and the facts say {sums:?}"));
        }
        Ok(())
    }

    fn compare_sums(&mut self, sums: &BTreeMap<(i64, String), (i64, i64)>) -> Result<(), StoreError> {
        let kept: BTreeMap<(i64, String), (i64, i64)> = self
            .reader
            .daily(i64::MIN / 2, i64::MAX / 2)?
            .into_iter()
            .filter(|row| !row.key.starts_with("message/"))
            .map(|row| ((row.day, row.key), (row.count, row.amount.micros())))
            .collect();
        for ((_, key), (_, micros)) in &kept {
            if let Some((campaign, reward, what)) = campaign_key(key) {
                let held = i128::from(adds_to_held(what)) * i128::from(*micros);
                *self.points.entry((campaign, reward)).or_default() += held;
            }
        }
        let all: BTreeSet<&(i64, String)> = kept.keys().chain(sums.keys()).collect();
        let wrong: Vec<String> = all
            .into_iter()
            .filter(|key| kept.get(*key) != sums.get(*key))
            .map(|(day, key)| format!("the sum of {key} on day {day} is not what the facts say"))
            .collect();
        wrong.into_iter().for_each(|detail| self.find("daily", detail));
        Ok(())
    }

    fn compare_customers(&mut self, mut folded: BTreeMap<u64, State>) -> Result<u64, StoreError> {
        let mut members: BTreeMap<u32, u64> = BTreeMap::new();
        let (mut count, mut after) = (0, 0);
        loop {
            let page = self.reader.customers(after, PAGE)?;
            if page.is_empty() {
                break;
            }
            for row in page {
                after = row.key;
                count += 1;
                let state = folded.remove(&row.key).unwrap_or_default();
                self.compare_customer(&row, state)?;
                for (quota, amount) in row.state.standbys.iter().flat_map(|standby| &standby.quotas) {
                    if quota.scope == Scope::Everyone {
                        *self.held.entry(*quota).or_default() -= amount.micros();
                    }
                }
                for membership in row.state.memberships.iter().filter(|membership| membership.inside) {
                    *members.entry(membership.audience).or_default() += 1;
                }
            }
        }
        let audiences: Vec<u32> = self.program.audiences().map(|audience| audience.number).collect();
        // What is being looked at is listed once everybody was.
        let version = self.reader.sweep()?.map_or(u32::MAX, |sweep| sweep.since);
        for audience in audiences {
            if self.program.is_changed_since(audience, version) {
                continue;
            }
            let (rows, states) =
                (self.reader.member_count(audience)?, members.get(&audience).copied().unwrap_or(0));
            if rows != states {
                self.find(
                    "A1",
                    format!("audience {audience} lists {rows} members and the states say {states}"),
                );
            }
        }
        Ok(count)
    }

    /// N1: the series of past events are those that the customer's events come to.
    fn compare_series(&mut self, row: &CustomerRow) -> Result<(), StoreError> {
        if row.series.fingerprint == 0 || row.series.is_behind(&self.program) {
            return Ok(());
        }
        let events = load_events(self.reader, row.state.head, row.profile.id())?;
        let made = SeriesSet::of(&self.program, &events).trimmed(&self.program, self.now);
        if row.series.clone().trimmed(&self.program, self.now) != made {
            self.find("N1", format!("customer {}: the events come to other series", row.key));
        }
        Ok(())
    }

    fn compare_customer(&mut self, row: &CustomerRow, mut folded: State) -> Result<(), StoreError> {
        if let Err(broken) = row.state.check() {
            self.find(broken.law, format!("customer {}: {}", row.key, broken.detail));
        }
        // Closed lots live in rows of their own.
        folded.wallet.closed.clear();
        if self.zone_changed {
            folded.metrics = row.state.metrics.clone();
        }
        // Later ones too: they are part of the wallet.
        let mut kept = row.state.clone();
        let every = |reward: &u32| LaterNeed {
            reward: *reward,
            from: (Timestamp::MIN, 0),
            due: Timestamp::MIN,
            amount: Decimal::MAX,
        };
        let every: Vec<LaterNeed> = kept.wallet.accounts.keys().map(every).collect();
        for later in later_lots(self.reader, row.key, &every)? {
            kept.wallet.take_in(later);
        }
        if let Err(broken) = kept.wallet.check() {
            self.find(broken.law, format!("customer {}, with later lots: {}", row.key, broken.detail));
        }
        for lot in kept.wallet.lots.iter().filter(|lot| punch_cards::campaign_of(lot.reward).is_none()) {
            let held = i128::from(lot.available.micros()) + i128::from(lot.held.micros());
            *self.points.entry((lot.campaign, lot.reward)).or_default() -= held;
        }
        let bytes = write_state(&kept);
        if bytes != write_state(&folded) {
            self.find("S1", format!("customer {}: folding the facts gives another state", row.key));
        }
        self.compare_series(row)?;
        self.hash.update(row.key.to_be_bytes());
        self.hash.update(bytes);
        Ok(())
    }
}
