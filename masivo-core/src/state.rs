//! The working state of one customer: everything the rules look at, and nothing personal.
//!
//! - S1: [`State::apply`] is the only mutation; folding the booked changes of a customer gives their state.
//! - S2: the state encodes to at most 16 KiB (lots beyond a bound live in rows of their own).

use crate::consent::Permissions;
use crate::fact::Change;
use crate::metrics::Metrics;
use crate::prelude::*;
use crate::quota::{OwnQuotas, Quota, Scope};
use crate::value::{Decimal, Timestamp, Zone};
use crate::wallet::{Broken, Hold, Wallet};
use uuid::Uuid;

/// The working state of one customer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct State {
    /// The engine's own id of the customer and wallet.
    pub id: Uuid,
    /// Whether only the id is known.
    pub anonymous: bool,
    /// Whether the customer takes part.
    pub standing: Standing,
    /// What the consent record allows.
    pub permissions: Permissions,
    /// The tier's number.
    pub tier: u32,
    /// The tier right before the last judged period boundary.
    pub tier_before: u32,
    /// The tier right after the last judged period boundary: where re-folding starts.
    pub tier_base: u32,
    /// The reporting period whose boundary was judged last, as the number of the month it begins with.
    pub tier_period: i32,
    /// The sums of the customer.
    pub metrics: Metrics,
    /// The points of the customer.
    pub wallet: Wallet,
    /// What the customer used of their own quotas.
    pub quotas: OwnQuotas,
    /// Events that wait to be fulfilled.
    pub standbys: Vec<Standby>,
    /// Audiences the customer is in, or will be in by the passing of time.
    pub memberships: Vec<Membership>,
    /// The program version the audiences were last evaluated with.
    pub audiences_seen: u32,
    /// Journeys the customer is in.
    pub journeys: Vec<Instance>,
    /// Journeys without re-entry that the customer has walked.
    pub journeys_done: Vec<u32>,
    /// Until when birthdays were looked at; `None` when they never were.
    pub birthdays_seen: Option<Timestamp>,
    /// The codes with which the customer was referred, one a campaign.
    pub referrals: Vec<u64>,
    /// How many journey instances there ever were.
    pub instances_made: u32,
    /// The latest fact of the customer: the head of their chain.
    pub head: u64,
}

/// Whether a customer takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Standing {
    /// Takes part.
    #[default]
    Active,
    /// Is left out of audiences, journeys and messages.
    Inactive,
    /// Was deleted: nothing personal is left.
    Deleted,
}

impl Standing {
    /// The product's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Deleted => "DELETED",
        }
    }
}

/// An event that waits to be fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standby {
    /// The event's fact.
    pub fact: u64,
    /// The event's id.
    pub event: Uuid,
    /// When it expires: acceptance + reserve × 24 hours.
    pub expires_at: Timestamp,
    /// The points it holds.
    pub holds: Vec<Hold>,
    /// What it holds of quotas.
    pub quotas: Vec<(Quota, Decimal)>,
}

/// What is known of a customer and an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The audience's number.
    pub audience: u32,
    /// Whether the customer is in.
    pub inside: bool,
    /// Since when.
    pub since: Timestamp,
    /// When that changes by the mere passing of time.
    pub flips_at: Option<Timestamp>,
}

/// A customer's place in a journey. It always waits for exactly one instant; exits may end it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its number, unique for the customer.
    pub number: u32,
    /// The journey's number.
    pub journey: u32,
    /// The version that is walked.
    pub version: u32,
    /// The step it waits in.
    pub step: u16,
    /// When it entered.
    pub entered_at: Timestamp,
    /// When it goes on.
    pub wakes_at: Timestamp,
    /// The fact that started it.
    pub started_by: u64,
}

impl State {
    /// Whether the customer can be in audiences at all: anonymous, inactive and deleted ones are in none (A3).
    pub fn takes_part_in_audiences(&self) -> bool {
        self.standing == Standing::Active && !self.anonymous
    }

    /// Applies one booked change.
    pub fn apply(&mut self, change: &Change, zone: Zone) {
        match change {
            Change::Registered { id, anonymous, tier, period } => {
                self.id = *id;
                self.anonymous = *anonymous;
                (self.tier, self.tier_before, self.tier_base) = (*tier, *tier, *tier);
                self.tier_period = *period;
            }
            Change::Identified => self.anonymous = false,
            Change::Standing(standing) => self.standing = *standing,
            Change::Permissions(permissions) => self.permissions = *permissions,
            Change::Entry(entry) => self.wallet.apply(entry),
            Change::StandbyOpened(standby) => self.standbys.push(standby.clone()),
            Change::StandbyClosed { fact } => self.standbys.retain(|standby| standby.fact != *fact),
            Change::Visited(visit) => self.metrics.add(visit, zone),
            Change::MetricsReplaced(metrics) => self.metrics = (**metrics).clone(),
            Change::TierChanged { to, .. } => self.tier = *to,
            Change::TierJudged { period, before, base } => {
                (self.tier_period, self.tier_before, self.tier_base) = (*period, *before, *base);
            }
            Change::Member(membership) => self.set_membership(*membership),
            Change::AudiencesSeen(version) => self.audiences_seen = *version,
            Change::Referred { number } => self.referrals.push(*number),
            Change::ExpiryNoticed { reward, until } => self.wallet.announce(*reward, *until),
            Change::BirthdaysSeen(until) => self.birthdays_seen = Some(*until),
            Change::JourneyStands(instance) => self.set_instance(*instance),
            Change::JourneyLeft { instance, journey, done, .. } => {
                self.journeys.retain(|place| place.number != *instance);
                if *done && !self.journeys_done.contains(journey) {
                    self.journeys_done.push(*journey);
                }
            }
            Change::Quota(entry) => {
                // Shared ones are kept once for all customers.
                if entry.quota.scope == Scope::Customer {
                    self.quotas.apply(entry);
                }
            }
            Change::Award(_)
            | Change::GiftCard { .. }
            | Change::Redeem { .. }
            | Change::Caused { .. }
            | Change::EventStatus { .. }
            | Change::Returned(_)
            | Change::Summary { .. } => {}
        }
    }

    fn set_membership(&mut self, membership: Membership) {
        let at = self.memberships.partition_point(|known| known.audience < membership.audience);
        let known = self.memberships.get(at).is_some_and(|known| known.audience == membership.audience);
        if known {
            self.memberships.remove(at);
        }
        // Nothing needs to be held of a customer who is out and stays out.
        if membership.inside || membership.flips_at.is_some() {
            self.memberships.insert(at, membership);
        }
    }

    fn set_instance(&mut self, instance: Instance) {
        self.instances_made = self.instances_made.max(instance.number);
        match self.journeys.iter_mut().find(|known| known.number == instance.number) {
            Some(known) => *known = instance,
            None => self.journeys.push(instance),
        }
    }

    /// Whether a sum is at the end of what a number holds: everything else is bounded by these two.
    pub(crate) fn is_full(&self) -> bool {
        self.metrics.lifetime.spend == Decimal::MAX
            || self.wallet.accounts.values().any(|account| account.issued == Decimal::MAX)
    }

    /// Whether the customer is in an audience.
    pub fn is_member(&self, audience: u32) -> bool {
        self.memberships.iter().any(|membership| membership.audience == audience && membership.inside)
    }

    /// What is known of the customer and an audience.
    pub fn membership(&self, audience: u32) -> Option<&Membership> {
        self.memberships.iter().find(|membership| membership.audience == audience)
    }

    /// The waiting event of a fact.
    pub fn standby(&self, fact: u64) -> Option<&Standby> {
        self.standbys.iter().find(|standby| standby.fact == fact)
    }

    /// What the customer's own quotas hold is what waiting events say they hold (Q3).
    fn check_quotas(&self) -> Result<(), Broken> {
        if self.quotas.iter().len() == 0 && self.standbys.is_empty() {
            return Ok(());
        }
        let mut held: BTreeMap<&Quota, i64> = BTreeMap::new();
        for (quota, sums) in self.quotas.iter() {
            *held.entry(quota).or_default() += sums.held.micros();
        }
        let waiting = self.standbys.iter().flat_map(|standby| &standby.quotas);
        for (quota, amount) in waiting.filter(|(quota, _)| quota.scope == Scope::Customer) {
            *held.entry(quota).or_default() -= amount.micros();
        }
        match held.into_iter().find(|(_, difference)| *difference != 0) {
            Some((quota, difference)) => {
                Err(Broken { law: "Q3", detail: format!("{quota:?} holds {difference} too many") })
            }
            None => Ok(()),
        }
    }

    /// Checks the laws of the state and of everything in it.
    ///
    /// # Errors
    /// The first law that is broken: a bug.
    pub fn check(&self) -> Result<(), Broken> {
        self.wallet.check()?;
        self.check_quotas()?;
        if self.standbys.is_empty() && self.wallet.lots.iter().all(|lot| lot.held.is_zero()) {
            return Ok(());
        }
        // What lots say is held is what waiting events say they hold.
        let mut held: BTreeMap<u32, i64> = BTreeMap::new();
        for lot in &self.wallet.lots {
            *held.entry(lot.number).or_default() += lot.held.micros();
        }
        for hold in self.standbys.iter().flat_map(|standby| &standby.holds) {
            *held.entry(hold.lot).or_default() -= hold.amount.micros();
        }
        match held.iter().find(|(_, difference)| **difference != 0) {
            Some((lot, difference)) => {
                Err(Broken { law: "W1", detail: format!("lot {lot} holds {difference} too many") })
            }
            None => Ok(()),
        }
    }
}
