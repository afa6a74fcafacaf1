//! Gift cards: codes that campaigns give and shops redeem.
//!
//! - C1: a gift card is a lot of one unit with a code of the reward's pool. Codes are handed out in the order they came into
//!   the pool, each once: the code of a card that was taken back is retired, since somebody has seen it.
//! - C2: the pool is the stock: what waiting events are to give is held of it, and nothing is given beyond it.
//! - C3: a card is redeemed by its code alone, in an event of its own (`GIFT_CARD_REDEMPTION`) that can be reversed like any
//!   other; never with a purchase.

use crate::coupons::{Coupon, comparable_code};
use crate::draft::{Draft, FactId};
use crate::events::{Effects, Spending, event_data, resolve};
use crate::fact::{Award, Change, FactKind};
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::program::{Program, RewardKind};
use crate::quota::{Counts, Owner, Quota, QuotaMove, Scope};
use crate::redemption;
use crate::rejection::Rejection;
use crate::shape::{ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::state::Standing;
use crate::value::{Decimal, Json, Timestamp, object};
use crate::wallet::{Lot, LotOrigin};

/// The type of the event that redeeming a gift card makes.
pub const GIFT_CARD_REDEMPTION: &str = "GIFT_CARD_REDEMPTION";

/// The bit that tells rewards from campaigns among those who have codes.
const CARDS: u32 = 1 << 31;

/// The number under which the codes of a reward are kept, beside those of campaigns.
pub const fn pool_of(reward: u32) -> u32 {
    reward | CARDS
}

/// The reward whose codes are kept under a number; `None` when they are of a campaign.
///
/// ```
/// use masivo_core::gift_cards::{pool_of, reward_of};
/// assert_eq!(reward_of(pool_of(7)), Some(7));
/// assert_eq!(reward_of(7), None);
/// ```
pub const fn reward_of(pool: u32) -> Option<u32> {
    if pool & CARDS == 0 { None } else { Some(pool & !CARDS) }
}

/// How many codes there are of a reward: used counts those that came into the pool.
pub const fn pool(reward: u32) -> Quota {
    Quota { owner: Owner::Reward(reward), scope: Scope::Everyone, counts: Counts::Codes, period: None }
}

/// How many of them were handed out, or are held.
pub const fn handed_out(reward: u32) -> Quota {
    Quota { owner: Owner::Reward(reward), scope: Scope::Everyone, counts: Counts::Units, period: None }
}

/// Whether a reward consists of gift cards.
pub(crate) fn is_gift_card(program: &Program, reward: u32) -> bool {
    program.reward(reward).is_some_and(|reward| matches!(reward.spec.kind, RewardKind::GiftCard(_)))
}

/// A gift card that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GiftCard {
    /// The reward.
    pub reward: u32,
    /// The place of its code in the pool.
    pub place: u32,
    /// The lot in the wallet of its holder.
    pub lot: u32,
}

impl GiftCard {
    /// The number of its code, as coupons have.
    pub const fn number(&self) -> u64 {
        Coupon::number_of(pool_of(self.reward), self.place)
    }

    /// The card's reward and place from the number of its code; `None` when it is a coupon's.
    pub fn of_number(number: u64) -> Option<(u32, u32)> {
        let reward = reward_of(Coupon::campaign_of(number))?;
        Some((reward, u32::try_from(number & u64::from(u32::MAX)).ok()?))
    }
}

/// What became of a gift card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardStatus {
    /// It can be redeemed.
    Active,
    /// It was redeemed.
    Redeemed,
    /// Its date has come.
    Expired,
    /// It was taken back, or taken by hand, or paid a debt.
    Cancelled,
}

impl CardStatus {
    /// The status of a card from its lot.
    pub fn of(lot: &Lot, now: Timestamp) -> Self {
        if lot.spent.is_positive() {
            Self::Redeemed
        } else if lot.reversed || lot.applied.is_positive() {
            Self::Cancelled
        } else if lot.is_expired(now) {
            Self::Expired
        } else if lot.available.is_positive() {
            Self::Active
        } else {
            Self::Cancelled
        }
    }

    /// The name used in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Redeemed => "REDEEMED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// A gift card that is redeemed, as it is sent.
pub const REDEEM_GIFT_CARD: ObjectShape = ObjectShape {
    name: "RedeemGiftCard",
    fields: &[
        required("code", TEXT, "the code; case, spaces, dashes and look-alikes make no difference"),
        optional("customer_id", Shape::Id, "who brings it; must be its holder when given"),
        optional("brand_id", Shape::Id, "the brand it is redeemed at"),
        optional("platform", TEXT, "where it is redeemed"),
        optional("store_id", TEXT, "which store redeems it"),
        optional("channel_id", TEXT, "through which channel"),
    ],
    unknown: Unknown::Refused,
};

/// A gift card that is redeemed, checked for its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRedemption {
    /// The code in its comparable form; empty when it can be none.
    pub code: String,
    /// The merchant's id of who brings it.
    pub customer: Option<String>,
    /// The brand, when one was named.
    pub brand: Option<String>,
    /// What conditions may look at, and the event's data.
    pub payload: Arc<Json>,
}

/// Reads a gift card that is redeemed.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_card_redemption(json: &Json) -> Result<(CardRedemption, Vec<Problem>), Report> {
    let mut report = Report::default();
    Shape::Object(&REDEEM_GIFT_CARD).check(json, &Pointer::root(), &mut report);
    let text = |name: &str| json.text(name).map(ToOwned::to_owned);
    let order =
        object().with_some("store_id", text("store_id")).with_some("channel_id", text("channel_id")).build();
    let payload = object()
        .with("type", GIFT_CARD_REDEMPTION)
        .with_some("brand_id", text("brand_id"))
        .with_some("platform", text("platform"))
        .with_some("order", (!order.fields().is_empty()).then_some(order))
        .with("metadata", object().with("code", text("code").unwrap_or_default()).build())
        .build();
    report.into_result(CardRedemption {
        code: json.text("code").and_then(comparable_code).unwrap_or_default(),
        customer: text("customer_id"),
        brand: text("brand_id"),
        payload: Arc::new(payload),
    })
}

/// The places of the codes that an event hands out: those after the last one, in the order of its awards.
pub(crate) struct Places(BTreeMap<u32, u32>);

impl Places {
    /// What the event takes of pools must be booked already.
    pub(crate) fn of(draft: &Draft<'_>, awards: &[Award]) -> Self {
        let mut units: BTreeMap<u32, Decimal> = BTreeMap::new();
        for award in awards.iter().filter(|award| is_gift_card(draft.program, award.reward)) {
            let sum = units.entry(award.reward).or_default();
            *sum = sum.saturating_add(award.amount);
        }
        let first = units.into_iter().map(|(reward, units)| {
            let used = draft.shared_quota(&handed_out(reward)).unwrap_or_default().used;
            let first = used.saturating_sub(units).to_integer().and_then(|first| u32::try_from(first).ok());
            (reward, first.unwrap_or(0))
        });
        Self(first.collect())
    }

    fn next(&mut self, reward: u32) -> Option<u32> {
        let next = self.0.get_mut(&reward)?;
        *next = next.saturating_add(1);
        Some(*next - 1)
    }
}

/// Hands out as many cards as an award says, each a lot of its own (C1).
pub(crate) fn hand_out(
    draft: &mut Draft<'_>,
    fact: FactId,
    at: Timestamp,
    award: &Award,
    places: &mut Places,
) {
    let origin = LotOrigin {
        reward: award.reward,
        campaign: award.campaign,
        rule: award.rule,
        fact: draft.sequence(fact),
    };
    let expires_at = award.life.map(|life| life.after(at, draft.program.settings().time_zone));
    for _ in 0..award.amount.to_integer().unwrap_or(0) {
        let Some(place) = places.next(award.reward) else { return };
        let lot = draft.post(fact, at, |posting| posting.issue(origin, Decimal::ONE, expires_at));
        draft.record(
            fact,
            Change::GiftCard { card: GiftCard { reward: award.reward, place, lot }, redeemed: false },
        );
    }
}

/// Redeems a card: the event that says so (C3).
pub(crate) fn redeem(
    draft: &mut Draft<'_>,
    redemption: &CardRedemption,
    card: Option<GiftCard>,
) -> Result<FactId, Rejection> {
    if let Some(brand) = redemption.brand.as_ref().filter(|brand| draft.program.brand(brand).is_none()) {
        return Err(Rejection::UnknownBrand { id: brand.clone() });
    }
    let is_holder = redemption.customer.as_deref().is_none_or(|customer| customer == draft.profile.id());
    let card = card.filter(|_| is_holder).ok_or(Rejection::UnknownGiftCard)?;
    if draft.state.standing != Standing::Active {
        return Err(Rejection::CustomerInactive);
    }
    let now = draft.now;
    let reward = draft.program.reward(card.reward).ok_or(Rejection::UnknownGiftCard)?;
    let status = draft.state.wallet.lot(card.lot).map_or(CardStatus::Expired, |lot| CardStatus::of(lot, now));
    if status != CardStatus::Active {
        return Err(Rejection::GiftCardClosed { status: status.name() });
    }
    let payload = &redemption.payload;
    let view = draft.view(now, Some(payload));
    redemption::is_offered(&view, redemption.brand.as_deref().unwrap_or_default(), payload, &reward.spec)
        .map_err(|refused| Rejection::GiftCardRefused { refused })?;
    let fact = draft.open(FactKind::Event, now);
    let head = draft.head(GIFT_CARD_REDEMPTION, redemption.brand.as_deref().unwrap_or_default(), now);
    let mut said = Json::clone(payload);
    said.set("customer_id", draft.profile.id());
    let said = Arc::new(said);
    draft.edit(fact, |fact| (fact.event, fact.payload) = (Some(head.clone()), Some(Arc::clone(&said))));
    draft.record(fact, Change::GiftCard { card, redeemed: true });
    let spending = Spending::Lot { reward: card.reward, lot: card.lot, amount: Decimal::ONE };
    let effects = Effects { spending, awards: &[], quotas: &[], how: QuotaMove::Used };
    let applied = resolve(draft, fact, now, &head, &said, effects);
    assert!(applied.is_ok(), "the card can be spent");
    draft.tell(GIFT_CARD_REDEMPTION, now, |draft| event_data(draft, head.id, None));
    draft.summarise(fact);
    Ok(fact)
}
