//! Quotas: accounts of what is scarce. Budgets of campaigns, limits of a campaign and of each customer in it, and the
//! stock of rewards are all kept the same way: used by what an event gives, held while the event waits, given back
//! when it is reversed (ADR 5).
//!
//! - Q1: when something is held or used, everything used and held together is within what the definition allows then.
//! - Q2: neither what is used nor what is held is ever below zero.
//! - Q3: both are the sums of the bookings: the customer's own quotas are part of the working state (S1), shared ones
//!   are kept once for all customers.

use crate::coupons::Coupon;
use crate::draft::{Draft, FactId};
use crate::fact::Change;
use crate::gift_cards::{is_gift_card, pool};
use crate::limits::STREAK_PERIODS_KEPT;
use crate::prelude::*;
use crate::program::{CampaignSpec, Definition, Program};
use crate::referrals::NotReferred;
use crate::value::{Decimal, PeriodKind, Rounding, Timestamp, Zone};

/// One account: whose quota it is, what it counts, and of which period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quota {
    /// What has the quota.
    pub owner: Owner,
    /// For whom it counts.
    pub scope: Scope,
    /// What it counts.
    pub counts: Counts,
    /// The period it is of; `None` is the whole life of its owner.
    pub period: Option<Period>,
}

/// What has a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The campaign of a number.
    Campaign(u32),
    /// The reward of a number.
    Reward(u32),
    /// The coupon of a number.
    Coupon(u64),
}

/// For whom a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All customers together.
    Everyone,
    /// Each customer alone.
    Customer,
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counts {
    /// Events that were rewarded.
    Times,
    /// What the rewards are worth: amount × conversion factor.
    Worth,
    /// Units of a reward.
    Units,
    /// Codes of a campaign that were redeemed.
    Redemptions,
    /// Stamps on punch cards.
    Stamps,
    /// Punch cards that were filled and exchanged.
    Cards,
    /// Events that count for a streak in their period.
    Periods,
    /// Periods that the streak spans which was completed with this one.
    Streaks,
    /// Codes that came into a pool.
    Codes,
}

impl Counts {
    /// The name used in definitions and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Times => "times",
            Self::Worth => "worth",
            Self::Units => "units",
            Self::Redemptions => "redemptions",
            Self::Stamps => "stamps",
            Self::Cards => "cards",
            Self::Periods => "periods",
            Self::Streaks => "streaks",
            Self::Codes => "codes",
        }
    }
}

/// One calendar period in the account's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// How long it is.
    pub unit: PeriodUnit,
    /// Its number: consecutive numbers are consecutive periods.
    pub number: i32,
}

/// How long a period of a quota is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeriodUnit {
    /// A local day.
    Day,
    /// A local week, from Monday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar quarter.
    Quarter,
    /// A calendar year.
    Year,
}

impl PeriodUnit {
    /// Every unit, shortest first.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The name used in definitions and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The unit of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// The number of the period an instant falls in.
    pub fn number(self, zone: Zone, at: Timestamp) -> i32 {
        match self {
            Self::Day => zone.day_number(at),
            // Day 0, 1 January 1970, is a Thursday.
            Self::Week => zone.day_number(at).saturating_add(3).div_euclid(7),
            Self::Month => zone.period(PeriodKind::Month, at),
            Self::Quarter => zone.period(PeriodKind::Quarter, at),
            Self::Year => zone.period(PeriodKind::Year, at),
        }
    }

    /// The first instant of a numbered period.
    pub fn start(self, zone: Zone, number: i32) -> Timestamp {
        match self {
            Self::Day => zone.start_of_day_number(number),
            Self::Week => zone.start_of_day_number(number.saturating_mul(7).saturating_sub(3)),
            Self::Month => zone.period_start(PeriodKind::Month, number),
            Self::Quarter => zone.period_start(PeriodKind::Quarter, number),
            Self::Year => zone.period_start(PeriodKind::Year, number),
        }
    }
}

/// What a definition allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// For whom it counts.
    pub scope: Scope,
    /// What it counts.
    pub counts: Counts,
    /// Over which periods; `None` is the whole life of the definition.
    pub unit: Option<PeriodUnit>,
    /// How much.
    pub most: Most,
}

/// How much a limit allows in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Most {
    /// So much.
    Fixed(Decimal),
    /// The period's share of a budget that is divided over all periods from start to end. Shares are cut to six places
    /// cumulatively, so that together they are the budget.
    Share {
        /// What is divided.
        budget: Decimal,
        /// The first instant of the campaign.
        start: Timestamp,
        /// The instant at which it ends.
        end: Timestamp,
    },
}

impl Limit {
    /// The account it is kept in at an instant.
    pub fn quota(&self, owner: Owner, zone: Zone, at: Timestamp) -> Quota {
        // What is given later for an event of the campaign's time counts for its last period.
        let at = match self.most {
            Most::Fixed(_) => at,
            Most::Share { start, end, .. } => at.clamp(start.min(end.plus(-1)), end.plus(-1)),
        };
        let period = self.unit.map(|unit| Period { unit, number: unit.number(zone, at) });
        Quota { owner, scope: self.scope, counts: self.counts, period }
    }

    /// How much it allows in a period.
    pub fn most(&self, zone: Zone, period: Option<Period>) -> Decimal {
        let (budget, start, end, period) = match (self.most, period) {
            (Most::Fixed(most), _) => return most,
            (Most::Share { budget, .. }, None) => return budget,
            (Most::Share { budget, start, end }, Some(period)) => (budget, start, end, period),
        };
        let first = period.unit.number(zone, start);
        let last = period.unit.number(zone, end.plus(-1));
        let number = |number: i32| Decimal::whole(number.saturating_sub(first).saturating_add(1));
        let until = |place: i32| {
            let place = place.clamp(first.saturating_sub(1), last);
            budget.multiply_divide(number(place), number(last), 6, Rounding::Floor).unwrap_or(budget)
        };
        until(period.number).saturating_sub(until(period.number.saturating_sub(1)))
    }

    fn is_of(&self, quota: &Quota) -> bool {
        let unit = quota.period.map(|period| period.unit);
        (self.scope, self.counts, self.unit) == (quota.scope, quota.counts, unit)
    }
}

impl Quota {
    /// How much the definitions allow; `None` when there is no such limit any more.
    pub fn most(&self, program: &Program) -> Option<Decimal> {
        match self.owner {
            Owner::Campaign(number) => {
                let limits = &program.campaign(number)?.spec.limits;
                let limit = limits.iter().find(|limit| limit.is_of(self))?;
                Some(limit.most(program.settings().time_zone, self.period))
            }
            Owner::Reward(number) => program.reward(number)?.spec.stock,
            Owner::Coupon(number) => {
                let spec = &program.campaign(Coupon::campaign_of(number))?.spec;
                if let Some(referral) = spec.referral {
                    return match self.scope {
                        Scope::Everyone => referral.max_uses,
                        // A customer is referred once.
                        Scope::Customer => Some(Decimal::ONE),
                    };
                }
                let coupons = spec.coupons.as_ref()?;
                match self.scope {
                    Scope::Everyone => coupons.max_uses,
                    Scope::Customer => coupons.max_uses_per_customer,
                }
            }
        }
    }

    /// What it is called in answers, and the code under which something is not given because of it.
    pub const fn names(&self) -> (&'static str, &'static str) {
        match (self.owner, self.scope, self.counts) {
            (Owner::Reward(_), ..) => ("reward_stock", "out_of_stock"),
            (Owner::Coupon(_), Scope::Everyone, _) => ("coupon_uses", "coupon_used_up"),
            (Owner::Coupon(_), ..) => ("coupon_uses_of_customer", "customer_limit_reached"),
            (_, _, Counts::Redemptions) => ("coupon_redemptions", "campaign_limit_reached"),
            (_, _, Counts::Stamps) => ("stamps_given", "stamps_limit_reached"),
            (_, _, Counts::Cards) => ("cards_filled", "customer_limit_reached"),
            (_, _, Counts::Periods) => ("streak_periods", "customer_limit_reached"),
            (_, _, Counts::Streaks) => ("streaks_completed", "customer_limit_reached"),
            (_, Scope::Customer, _) => ("customer_limit", "customer_limit_reached"),
            (_, _, Counts::Worth) => ("campaign_budget", "budget_used_up"),
            _ => ("campaign_limit", "campaign_limit_reached"),
        }
    }
}

/// What is used and held of one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct QuotaSums {
    /// Used and not given back.
    pub used: Decimal,
    /// Held by waiting events.
    pub held: Decimal,
}

/// Shared quotas by account.
pub type Quotas = BTreeMap<Quota, QuotaSums>;

/// One booking on a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaEntry {
    /// The account.
    pub quota: Quota,
    /// What happens.
    pub kind: QuotaMove,
    /// How much; never negative.
    pub amount: Decimal,
}

/// What a booking on a quota does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaMove {
    /// Free → used.
    Used,
    /// Free → held by a waiting event.
    Held,
    /// Held → used: the event was fulfilled.
    UsedFromHold,
    /// Held → free: the event was cancelled or expired.
    Released,
    /// Used → free: the event was reversed.
    Returned,
}

impl QuotaMove {
    /// Every move, in the order of their stored numbers.
    pub const ALL: [Self; 5] = [Self::Used, Self::Held, Self::UsedFromHold, Self::Released, Self::Returned];

    /// Whether something counts as used by it.
    pub(crate) const fn uses(self) -> bool {
        matches!(self, Self::Used | Self::UsedFromHold)
    }
}

impl QuotaSums {
    /// Applies one booking.
    pub fn apply(&mut self, entry: &QuotaEntry) {
        let add = |part: &mut Decimal| *part = part.saturating_add(entry.amount);
        // What was pruned with its period comes back to nothing (Q2).
        let take = |part: &mut Decimal| *part = part.saturating_sub(entry.amount).max(Decimal::ZERO);
        match entry.kind {
            QuotaMove::Used => add(&mut self.used),
            QuotaMove::Held => add(&mut self.held),
            QuotaMove::UsedFromHold => {
                take(&mut self.held);
                add(&mut self.used);
            }
            QuotaMove::Released => take(&mut self.held),
            QuotaMove::Returned => take(&mut self.used),
        }
    }

    /// Everything that is no longer free.
    pub fn taken(&self) -> Decimal {
        self.used.saturating_add(self.held)
    }
}

/// The quotas of one customer: those of the present periods, and older ones of which something is held.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OwnQuotas(Vec<(Quota, QuotaSums)>);

impl OwnQuotas {
    /// The quotas of a list that was kept.
    pub const fn from_list(list: Vec<(Quota, QuotaSums)>) -> Self {
        Self(list)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Quota, QuotaSums)> {
        self.0.iter()
    }

    /// What is taken of one.
    pub fn sums(&self, quota: &Quota) -> QuotaSums {
        self.0.iter().find(|(known, _)| known == quota).map_or_else(QuotaSums::default, |(_, sums)| *sums)
    }

    /// Applies one booking. Older periods of the same quota are of no use any more once something of a newer one is
    /// taken; those of streaks are for a while.
    pub(crate) fn apply(&mut self, entry: &QuotaEntry) {
        let quota = entry.quota;
        let is_older = |known: &Quota| {
            let same = Quota { period: quota.period, ..*known } == quota;
            let unit = |quota: &Quota| quota.period.map(|period| period.unit);
            let number = |quota: &Quota| quota.period.map_or(0, |period| period.number);
            let is_past = match quota.counts {
                Counts::Periods | Counts::Streaks => {
                    number(known).saturating_add(STREAK_PERIODS_KEPT) < number(&quota)
                }
                _ => known.period < quota.period,
            };
            same && unit(known) == unit(&quota) && is_past
        };
        let at = self.0.partition_point(|(known, _)| *known < quota);
        if self.0.get(at).is_none_or(|(known, _)| *known != quota) {
            self.0.insert(at, (quota, QuotaSums::default()));
        }
        if let Some((_, sums)) = self.0.get_mut(at) {
            sums.apply(entry);
        }
        self.0.retain(|(known, sums)| !(sums.taken().is_zero() || is_older(known) && sums.held.is_zero()));
    }
}

/// Something that was not given, since too little of a quota is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// The quota.
    pub quota: Quota,
    /// What was needed of it.
    pub wanted: Decimal,
    /// What is left of it.
    pub left: Decimal,
}

/// What an event is about to take from quotas: nothing is booked yet.
pub(crate) struct Taking<'d> {
    draft: &'d Draft<'d>,
    zone: Zone,
    at: Timestamp,
    taken: BTreeMap<Quota, Decimal>,
    unknown: BTreeSet<Quota>,
    overdue: bool,
    coupon: Option<u64>,
    /// Whether it is for a customer who referred another one.
    of_referrer: bool,
}

/// What was taken, and shared quotas that would have to be known first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) quotas: Vec<(Quota, Decimal)>,
    pub(crate) unknown: BTreeSet<Quota>,
    /// Whether a hold that has run out may stand in the way of something.
    pub(crate) overdue: bool,
}

impl<'d> Taking<'d> {
    /// Starts taking at an instant.
    pub(crate) fn new(draft: &'d Draft<'d>, at: Timestamp) -> Self {
        let zone = draft.program.settings().time_zone;
        Self {
            draft,
            zone,
            at,
            taken: BTreeMap::new(),
            unknown: BTreeSet::new(),
            overdue: false,
            coupon: None,
            of_referrer: false,
        }
    }

    /// It is taken for a coupon.
    pub(crate) fn of_coupon(self, coupon: u64) -> Self {
        Self { coupon: Some(coupon), ..self }
    }

    /// It is taken for a customer who referred another one.
    pub(crate) fn of_referrer(self) -> Self {
        Self { of_referrer: true, ..self }
    }

    /// Whether it is taken for a customer who referred another one.
    pub(crate) const fn is_of_referrer(&self) -> bool {
        self.of_referrer
    }

    /// Why the customer is not referred in a campaign.
    pub(crate) fn why_not_referred(&self, campaign: u32) -> NotReferred {
        let of_campaign = |known: &(Option<u32>, NotReferred)| known.0.is_none_or(|known| known == campaign);
        self.draft.not_referred.filter(of_campaign).map_or(NotReferred::NoCode, |(_, why)| why)
    }

    /// What redeeming the coupon takes beside what its rules give: a use of the code, and one of the campaign's count.
    pub(crate) fn coupon_uses(&self, campaign: &Definition<CampaignSpec>) -> Vec<(Quota, Decimal)> {
        let Some(coupon) = self.coupon else { return Vec::new() };
        let owner = Owner::Campaign(campaign.number);
        let count = Quota { owner, scope: Scope::Everyone, counts: Counts::Redemptions, period: None };
        // What nobody can use more often than everybody need not be counted for each customer.
        let per_customer = campaign.spec.coupons.as_ref().and_then(|coupons| {
            let most = coupons.max_uses_per_customer?;
            coupons.max_uses.is_none_or(|all| all > most).then_some(most)
        });
        let mut uses = vec![(Coupon::uses(coupon, Scope::Everyone), Decimal::ONE), (count, Decimal::ONE)];
        uses.extend(per_customer.map(|_| (Coupon::uses(coupon, Scope::Customer), Decimal::ONE)));
        uses
    }

    /// The quotas that a limit of a campaign is kept in now.
    pub(crate) fn quota(&self, campaign: u32, limit: &Limit) -> Quota {
        limit.quota(Owner::Campaign(campaign), self.zone, self.at)
    }

    /// Takes all of it or nothing (Q1).
    pub(crate) fn take(&mut self, wanted: &[(Quota, Decimal)]) -> Result<(), UsedUp> {
        self.fits(wanted)?;
        for (quota, amount) in wanted {
            let taken = self.taken.entry(*quota).or_default();
            *taken = taken.saturating_add(*amount);
        }
        Ok(())
    }

    /// Whether all of it could be taken.
    pub(crate) fn fits(&mut self, wanted: &[(Quota, Decimal)]) -> Result<(), UsedUp> {
        for (quota, amount) in wanted {
            let Some(left) = self.left(quota).filter(|left| amount > left) else { continue };
            let is_shared = quota.scope == Scope::Everyone && !self.draft.settled;
            self.overdue |= is_shared && self.sums(quota).held.is_positive();
            return Err(UsedUp { quota: *quota, wanted: *amount, left });
        }
        Ok(())
    }

    /// What is left of a quota; `None` when nothing bounds it.
    pub(crate) fn left(&mut self, quota: &Quota) -> Option<Decimal> {
        let most = match quota.owner {
            // The pool of gift cards is their stock.
            Owner::Reward(reward) if is_gift_card(self.draft.program, reward) => {
                self.sums(&pool(reward)).used
            }
            _ => quota.most(self.draft.program)?,
        };
        let taken = self.taken.get(quota).copied().unwrap_or_default();
        let taken = taken.saturating_add(self.sums(quota).taken());
        Some(most.saturating_sub(taken).max(Decimal::ZERO))
    }

    fn sums(&mut self, quota: &Quota) -> QuotaSums {
        match quota.scope {
            Scope::Customer => self.draft.state.quotas.sums(quota),
            Scope::Everyone => self.draft.shared_quota(quota).unwrap_or_else(|| {
                self.unknown.insert(*quota);
                QuotaSums::default()
            }),
        }
    }

    /// What was taken.
    pub(crate) fn finish(self) -> Taken {
        Taken { quotas: self.taken.into_iter().collect(), unknown: self.unknown, overdue: self.overdue }
    }
}

/// What an amount of a reward is worth in money: amount × conversion factor, to six places, half up; what is beyond all
/// numbers fits no budget.
pub fn worth(program: &Program, reward: u32, amount: Decimal) -> Decimal {
    let factor = program.reward(reward).map_or(Decimal::ONE, |reward| reward.spec.conversion_factor);
    amount.multiply_divide(factor, Decimal::ONE, 6, Rounding::HalfUp).unwrap_or(Decimal::MAX)
}

/// Books the same move on several quotas.
pub(crate) fn book(draft: &mut Draft<'_>, fact: FactId, kind: QuotaMove, quotas: &[(Quota, Decimal)]) {
    for (quota, amount) in quotas {
        draft.record(fact, Change::Quota(QuotaEntry { quota: *quota, kind, amount: *amount }));
    }
}

#[cfg(test)]
mod tests;
