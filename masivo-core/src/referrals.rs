//! Referrals: customers who bring others, and are rewarded for what those do.
//!
//! - R1: a customer is referred once in a campaign, before the first purchase that counts, by somebody else: not by themselves and not in a
//!   ring. Who referred them is kept; what they do later may complete it.
//! - R2: a referral is completed by the first event with the campaign's trigger for which a rule for the one who was
//!   referred holds. It rewards both, each by their own rules, and counts as a use of the code.
//! - R3: both sides are booked together or not at all (ADR 7). The one who referred gets an event of their own
//!   (`REFERRAL`), which is reversed with the event that completed it. Neither learns who the other is from the books: what
//!   is kept are wallets.

use crate::campaigns::{Awarded, Given, effects, judge, wanted};
use crate::coupons::Coupon;
use crate::draft::{Draft, FactId};
use crate::events::{Effects, EventRecord, Receipt, ReceiptLine, Spending, resolve, skip_reason};
use crate::explain::{CampaignTrace, Explanation, Skip, SkipReason};
use crate::fact::{Award, Change, EventHead, EventStatus, Fact, FactKind};
use crate::prelude::*;
use crate::program::{CampaignSpec, CampaignStatus, Definition, Program, ReferralSpec};
use crate::quota::{Counts, Owner, Quota, QuotaEntry, QuotaMove, Scope, Taking};
use crate::rejection::Rejection;
use crate::rule::View;
use crate::state::{Standing, State};
use crate::value::{Decimal, Json, Timestamp, object};
use uuid::Uuid;

/// The type of the event of a customer who referred another one.
pub const REFERRAL: &str = "REFERRAL";
/// Customers looked at when a ring is looked for; a longer chain counts as one.
const CHAIN_MAX: usize = 256;

/// Why a customer is not referred in a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReferred {
    /// No code was ever sent.
    NoCode,
    /// There is no such code.
    UnknownCode,
    /// The campaign of the code does not run.
    NotRunning,
    /// It is the customer's own code.
    OwnCode,
    /// The customer referred, directly or through others, who now refers them.
    Ring,
    /// The customer bought before.
    NotNew,
}

impl NotReferred {
    /// Every reason, in the order of their stored numbers.
    pub const ALL: [Self; 6] =
        [Self::NoCode, Self::UnknownCode, Self::NotRunning, Self::OwnCode, Self::Ring, Self::NotNew];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoCode => "not_referred",
            Self::UnknownCode => "referral_code_unknown",
            Self::NotRunning => "referral_campaign_not_running",
            Self::OwnCode => "own_referral_code",
            Self::Ring => "referral_ring",
            Self::NotNew => "customer_not_new",
        }
    }
}

/// The referral code that a command brings, as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundCode {
    /// There is no such code, or whoever had it is gone.
    Unknown,
    /// The code of that number.
    Of {
        /// Its number.
        number: u64,
        /// Whether it is the customer's own.
        own: bool,
        /// Whether the customer referred, directly or through others, who has the code.
        ring: bool,
    },
}

/// A referral that was completed: what the one who referred is rewarded for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referral {
    /// The number of the code.
    pub number: u64,
    /// When the event happened that completed it: the campaign's dates go by that.
    pub issued_at: Timestamp,
    /// The brand of that event; empty when it has none.
    pub brand: String,
    /// What conditions may look at: the platform of that event, and its value as metadata.
    pub payload: Json,
}

/// What another customer's side of a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// A referral was completed: whoever has the code is rewarded.
    Complete {
        /// The number of the code.
        number: u64,
        /// The fact of the event that completed it.
        event: u64,
    },
    /// An event was reversed: if it completed a referral, the reward of whoever referred is reversed.
    Undo {
        /// The event's fact.
        event: u64,
    },
}

/// The other customers' sides of a fact.
pub fn follow_ups(program: &Program, fact: &Fact) -> Vec<FollowUp> {
    let is_referral = |number: u64| {
        let campaign = program.campaign(Coupon::campaign_of(number));
        campaign.is_some_and(|campaign| campaign.spec.referral.is_some())
    };
    let event = if fact.kind == FactKind::Fulfilled { fact.about } else { fact.sequence };
    let follow_ups = fact.changes.iter().filter_map(|change| match change {
        Change::Quota(QuotaEntry {
            quota: Quota { owner: Owner::Coupon(number), scope, .. }, kind, ..
        }) if *scope == Scope::Everyone && kind.uses() && is_referral(*number) => {
            Some(FollowUp::Complete { number: *number, event })
        }
        Change::EventStatus { fact: event, status: EventStatus::Reversed } => {
            Some(FollowUp::Undo { event: *event })
        }
        _ => None,
    });
    follow_ups.collect()
}

/// What the one who referred is rewarded for; `event` completed it for the customer of that wallet.
pub fn completed(number: u64, event: &Fact, wallet: Uuid) -> Referral {
    let payload = event.payload.as_deref();
    let order = payload.and_then(|payload| payload.get("order"));
    let value = order.and_then(|order| order.number("discounted_value").or_else(|| order.number("value")));
    let metadata = object()
        .with_some("value", value)
        .with_some("event_type", event.event.as_ref().map(|head| head.event_type.clone()))
        .with("wallet_id", wallet);
    let platform = payload.and_then(|payload| payload.text("platform").map(ToOwned::to_owned));
    Referral {
        number,
        issued_at: event.event.as_ref().map_or(event.at, |head| head.issued_at),
        brand: event.event.as_ref().map(|head| head.brand.clone()).unwrap_or_default(),
        payload: object().with_some("platform", platform).with("metadata", metadata).build(),
    }
}

/// Whether a customer is among those who referred another one, directly or through others. `referred_by` says who
/// referred somebody.
///
/// # Errors
/// Whatever `referred_by` gives.
pub fn leads_to<K: Copy + Ord, E>(
    from: K,
    to: K,
    mut referred_by: impl FnMut(K) -> Result<Vec<K>, E>,
) -> Result<bool, E> {
    let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
    while let Some(one) = next.pop() {
        for before in referred_by(one)? {
            if before == to || seen.len() >= CHAIN_MAX {
                return Ok(true);
            }
            if seen.insert(before) {
                next.push(before);
            }
        }
    }
    Ok(false)
}

/// Whether a customer may have a code of a campaign.
///
/// # Errors
/// [`Rejection::DefinitionNotFound`] for what is no referral campaign, [`Rejection::CampaignNotRunning`],
/// [`Rejection::CustomerInactive`].
pub fn may_refer<'p>(
    program: &'p Program,
    campaign: &str,
    state: &State,
    now: Timestamp,
) -> Result<(&'p Definition<CampaignSpec>, ReferralSpec), Rejection> {
    let found = program.campaign_by_id(campaign);
    let found = found.and_then(|found| Some((found, found.spec.referral?)));
    let (campaign, referral) =
        found.ok_or_else(|| Rejection::DefinitionNotFound { kind: "campaign", id: campaign.to_owned() })?;
    if state.standing != Standing::Active {
        return Err(Rejection::CustomerInactive);
    }
    match campaign.spec.status(now) {
        CampaignStatus::Running => Ok((campaign, referral)),
        status => Err(Rejection::CampaignNotRunning { status: status.name() }),
    }
}

/// Notes who referred the customer, or why nobody did (R1).
pub(crate) fn accept(draft: &mut Draft<'_>, fact: FactId, found: Option<FoundCode>) {
    let Some(found) = found else { return };
    let FoundCode::Of { number, own, ring } = found else {
        draft.not_referred = Some((None, NotReferred::UnknownCode));
        return;
    };
    let campaign = Coupon::campaign_of(number);
    let of_campaign = draft.program.campaign(campaign).filter(|campaign| campaign.spec.referral.is_some());
    let status = of_campaign.map(|campaign| campaign.spec.status(draft.now));
    let refused = match status {
        _ if referred_by(&draft.state, campaign).is_some() => return,
        None => Some(NotReferred::UnknownCode),
        _ if own => Some(NotReferred::OwnCode),
        _ if ring => Some(NotReferred::Ring),
        Some(status) if status != CampaignStatus::Running => Some(NotReferred::NotRunning),
        _ if draft.state.metrics.lifetime.purchases > 0 => Some(NotReferred::NotNew),
        Some(_) => None,
    };
    match refused {
        Some(why) => draft.not_referred = Some((of_campaign.map(|campaign| campaign.number), why)),
        None => draft.record(fact, Change::Referred { number }),
    }
}

/// The code with which a customer was referred in a campaign.
pub(crate) fn referred_by(state: &State, campaign: u32) -> Option<u64> {
    state.referrals.iter().copied().find(|number| Coupon::campaign_of(*number) == campaign)
}

/// What is taken beside the rewards when a referral is completed: a use of the code, once for each customer.
fn uses(number: u64) -> [(Quota, Decimal); 2] {
    // That the customer was referred before says more than that the code is used up.
    [Scope::Customer, Scope::Everyone].map(|scope| (Coupon::uses(number, scope), Decimal::ONE))
}

/// Of both sides one counts for a limit on times: the one who was referred for those of the campaign, the one who
/// referred for those of each customer.
pub(crate) fn of_side(mut wanted: Vec<(Quota, Decimal)>, counts: Scope) -> Vec<(Quota, Decimal)> {
    wanted.retain(|(quota, _)| quota.counts != Counts::Times || quota.scope == counts);
    wanted
}

/// What an expired event has to take anew of the referrals that it completed: the use of the code, and where nothing is
/// given for it the time that it counted. Gives it for each campaign.
pub(crate) fn anew(
    program: &Program,
    held: &[QuotaEntry],
    awards: &[Award],
) -> BTreeMap<u32, Vec<(Quota, Decimal)>> {
    let mut anew: BTreeMap<u32, Vec<(Quota, Decimal)>> = BTreeMap::new();
    for entry in held {
        let campaign = match entry.quota.owner {
            Owner::Coupon(number) => Coupon::campaign_of(number),
            Owner::Campaign(campaign) if awards.iter().all(|award| award.campaign != campaign) => campaign,
            Owner::Campaign(_) | Owner::Reward(_) => continue,
        };
        if program.campaign(campaign).is_some_and(|campaign| campaign.spec.referral.is_some()) {
            anew.entry(campaign).or_default().push((entry.quota, entry.amount));
        }
    }
    anew
}

/// Whether a referrer's event still stands, or left something when it was reversed: then there is no second reward for
/// the same customer.
pub fn stands(record: &EventRecord) -> bool {
    let kept = |line: &ReceiptLine| matches!(line, ReceiptLine::PointsKept { .. });
    match record.status {
        EventStatus::Reversed => Receipt::of(record).lines.iter().any(kept),
        _ => true,
    }
}

/// Asks the rules for the one who was referred; the first that holds completes the referral (R2).
pub(crate) fn complete(
    campaign: &Definition<CampaignSpec>,
    referral: ReferralSpec,
    view: &View<'_>,
    all: &mut Given,
    taking: &mut Taking<'_>,
    trace: &mut CampaignTrace,
) {
    let Some(number) = referred_by(view.state, campaign.number) else {
        let why = taking.why_not_referred(campaign.number);
        trace.skipped.push(Skip { rule: None, reason: SkipReason::NotReferred(why) });
        return;
    };
    let mut uses = Vec::from(uses(number));
    if campaign.spec.asked().is_empty() {
        // Nothing is asked of them and nothing given: the event is enough.
        let times = wanted(campaign, &[], (Decimal::ONE, Decimal::ZERO), taking, view.program);
        uses.extend(of_side(times, Scope::Everyone));
        if let Err(used_up) = taking.take(&uses) {
            trace.skipped.push(Skip { rule: None, reason: SkipReason::UsedUp(used_up) });
        }
        return;
    }
    for (index, rule) in campaign.spec.rules.iter().enumerate().skip(referral.referee_from) {
        let place = u16::try_from(index).unwrap_or(u16::MAX);
        if let Some(failure) = rule.conditions.failure(view) {
            trace.skipped.push(Skip { rule: Some(place), reason: SkipReason::Condition(failure) });
            continue;
        }
        let times = if trace.matched.is_empty() { Decimal::ONE } else { Decimal::ZERO };
        let given = effects(campaign.number, place, rule, view).and_then(|given| {
            let wanted = wanted(campaign, &given, (times, Decimal::ZERO), taking, view.program);
            let all = [uses.clone(), of_side(wanted, Scope::Everyone)].concat();
            taking.take(&all).map_err(SkipReason::UsedUp).map(|()| given)
        });
        match given {
            Ok(given) => {
                all.awards.extend(given);
                trace.matched.push(place);
                uses.clear();
            }
            Err(reason) => trace.skipped.push(Skip { rule: Some(place), reason }),
        }
    }
}

/// Rewards the one who referred: an event of their own (R3).
pub(crate) fn reward(draft: &mut Draft<'_>, referral: &Referral) -> Result<FactId, Rejection> {
    let campaign = draft.program.campaign(Coupon::campaign_of(referral.number));
    let Some(campaign) = campaign.filter(|campaign| campaign.spec.referral.is_some()) else {
        return Err(Rejection::UnknownCoupon);
    };
    let now = draft.now;
    let fact = draft.open(FactKind::Event, now);
    let head = EventHead {
        reason: skip_reason(draft, false),
        ..draft.head(REFERRAL, &referral.brand, referral.issued_at)
    };
    let mut payload = object().with("type", REFERRAL).with("customer_id", draft.profile.id()).build();
    payload.merge(&referral.payload);
    let payload = Arc::new(payload);
    draft.edit(fact, |fact| (fact.event, fact.payload) = (Some(head.clone()), Some(Arc::clone(&payload))));
    let (awards, quotas) = if head.reason.is_some() {
        (Vec::new(), Vec::new())
    } else {
        let Awarded { awards, explanation, taken, .. } = ask_referrer(draft, campaign, &head, &payload, now);
        draft.edit(fact, |fact| fact.explanation = Some(explanation));
        (awards, draft.note(taken))
    };
    let effects =
        Effects { spending: Spending::Redeem(&[]), awards: &awards, quotas: &quotas, how: QuotaMove::Used };
    let applied = resolve(draft, fact, now, &head, &payload, effects);
    assert!(applied.is_ok(), "nothing is spent, so nothing can be missing");
    draft.summarise(fact);
    Ok(fact)
}

/// Asks the rules for the one who referred.
fn ask_referrer(
    draft: &Draft<'_>,
    campaign: &Definition<CampaignSpec>,
    head: &EventHead,
    payload: &Json,
    at: Timestamp,
) -> Awarded {
    let view = draft.view(head.issued_at, Some(payload));
    let mut taking = draft.taking(at).of_referrer();
    let mut given = Given::default();
    let trace = judge(campaign, head, payload, &view, &mut given, &mut taking);
    given.finish(Explanation { campaigns: vec![trace], not_shown: 0 }, taking.finish())
}

/// The campaigns in which a customer was referred.
pub(crate) fn to_json(program: &Program, state: &State) -> Vec<Json> {
    let campaigns = state.referrals.iter().filter_map(|number| {
        let campaign = program.campaign(Coupon::campaign_of(*number))?;
        let uses = state.quotas.sums(&Coupon::uses(*number, Scope::Customer));
        let referral = object()
            .with("campaign_id", campaign.id.as_str())
            .with("name", campaign.spec.name.as_str())
            .with("completed", uses.used.is_positive());
        Some(referral.build())
    });
    campaigns.collect()
}
