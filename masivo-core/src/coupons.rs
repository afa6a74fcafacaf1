//! Coupons: codes of a campaign that customers redeem for its rewards.
//!
//! - U1: a code is found however it is typed: without regard to case, spaces and dashes, and to letters that look like
//!   digits (O as 0, I and L as 1).
//! - U2: redeeming a code is an event of its own (`COUPON_REDEMPTION`): it is explained, listed, reversed like any other.
//!   What a code could not be redeemed for is kept as a failed event with its reason; nothing is given then.
//! - U3: how often a code is used is a quota: used with the event, given back when it is reversed.

use crate::campaigns::{self, Awarded};
use crate::consent::Purpose;
use crate::draft::{Draft, FactId};
use crate::events::{Effects, Spending, resolve};
use crate::fact::{EventReason, EventStatus, FactKind};
use crate::limits::{COUPON_CODE_LENGTH_MAX, COUPON_CODE_LENGTH_MIN};
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::quota::{Counts, Owner, Quota, QuotaMove, Scope};
use crate::rejection::Rejection;
use crate::shape::{ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::state::Standing;
use crate::value::{Json, StoreSecret, object};

/// The type of the event that redeeming a code makes.
pub const COUPON_REDEMPTION: &str = "COUPON_REDEMPTION";

/// The characters of generated codes: digits and capital letters without those that are taken for others (I, L, O, U).
pub const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A coupon: one code of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// The campaign's number in the upper half, the code's place in the campaign in the lower.
    pub number: u64,
    /// The code as it is handed out.
    pub code: String,
}

impl Coupon {
    /// The number of the code at a place of a campaign.
    pub const fn number_of(campaign: u32, place: u32) -> u64 {
        // Widening a number loses nothing.
        #[expect(clippy::as_conversions, reason = "`From` is not const")]
        let (campaign, place) = (campaign as u64, place as u64);
        campaign << 32 | place
    }

    /// The campaign that a code's number is of.
    pub fn campaign_of(number: u64) -> u32 {
        u32::try_from(number >> 32).unwrap_or(u32::MAX)
    }

    /// What is counted of a code: its uses by everybody, or by one customer.
    pub(crate) const fn uses(number: u64, scope: Scope) -> Quota {
        Quota { owner: Owner::Coupon(number), scope, counts: Counts::Times, period: None }
    }
}

/// The form in which codes are compared (U1); `None` when the text cannot be a code.
///
/// ```
/// use masivo_core::coupons::comparable_code;
/// assert_eq!(comparable_code(" spring-lo0k ").as_deref(), Some("SPR1NG100K"));
/// assert_eq!(comparable_code("né"), None);
/// ```
pub fn comparable_code(text: &str) -> Option<String> {
    let mut code = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !matches!(character, ' ' | '-' | '_')) {
        code.push(match character.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other if other.is_ascii_alphanumeric() => other,
            _ => return None,
        });
    }
    (COUPON_CODE_LENGTH_MIN..=COUPON_CODE_LENGTH_MAX).contains(&code.len()).then_some(code)
}

/// Reads supplied codes, each in its comparable form beside what was written; those that are the same to a customer are
/// refused.
pub fn read_codes(texts: &[&str], at: &Pointer<'_>, report: &mut Report) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut codes = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match comparable_code(text) {
            None => {
                let message = format!("`{}` cannot be a code", text.escape_debug());
                let hint = "4 to 32 letters and digits; dashes and spaces may stand between them";
                report.problem(&at.index(index), "not_a_code", message, hint);
            }
            Some(code) if !seen.insert(code.clone()) => {
                let message = format!(
                    "`{}` is there twice: case and look-alikes make no difference",
                    text.escape_debug()
                );
                report.problem(&at.index(index), "duplicate_code", message, "leave one of them out");
            }
            Some(code) => codes.push((code, (*text).to_owned())),
        }
    }
    codes
}

/// The generated code at a place of a campaign: nobody can guess it without the store's secret, and a generation that
/// was cut short makes the same ones again. `attempt` tells codes apart that came out the same.
pub fn generated_code(
    secret: &StoreSecret,
    campaign: &str,
    place: u32,
    attempt: u32,
    length: usize,
) -> String {
    let mut code = String::with_capacity(length);
    for part in 0_u8.. {
        let parts = [campaign.as_bytes(), &place.to_be_bytes(), &attempt.to_be_bytes(), &[part]];
        // Each byte gives one of 32 characters: all of them are equally likely.
        for byte in secret.hash("coupon code", &parts) {
            if code.len() == length {
                return code;
            }
            let character = ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'0');
            code.push(char::from(character));
        }
    }
    code
}

/// A code that a customer redeems, checked for its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redemption {
    /// The merchant's id of the customer.
    pub customer: String,
    /// The code in its comparable form; empty when it can be none.
    pub code: String,
    /// The brand, when one was named.
    pub brand: Option<String>,
    /// What rules may look at, and the event's data.
    pub payload: Arc<Json>,
}

/// A redemption as it is sent.
pub const REDEEM_COUPON: ObjectShape = ObjectShape {
    name: "RedeemCoupon",
    fields: &[
        required("customer_id", Shape::Id, "the merchant's id of the customer"),
        required("code", TEXT, "the code; case, spaces, dashes and look-alikes make no difference"),
        optional("brand_id", Shape::Id, "the brand it is redeemed at"),
        optional("platform", TEXT, "where it is redeemed"),
        optional("store_id", TEXT, "which store redeems it"),
        optional("channel_id", TEXT, "through which channel"),
    ],
    unknown: Unknown::Warned,
};

/// Reads a redemption.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_redemption(json: &Json) -> Result<(Redemption, Vec<Problem>), Report> {
    let mut report = Report::default();
    Shape::Object(&REDEEM_COUPON).check(json, &Pointer::root(), &mut report);
    let text = |name: &str| json.text(name).map(ToOwned::to_owned);
    let order =
        object().with_some("store_id", text("store_id")).with_some("channel_id", text("channel_id")).build();
    let payload = object()
        .with("type", COUPON_REDEMPTION)
        .with("customer_id", text("customer_id").unwrap_or_default())
        .with_some("brand_id", text("brand_id"))
        .with_some("platform", text("platform"))
        .with_some("order", (!order.fields().is_empty()).then_some(order))
        .with("metadata", object().with("code", text("code").unwrap_or_default()).build())
        .build();
    let redemption = Redemption {
        customer: text("customer_id").unwrap_or_default(),
        code: json.text("code").and_then(comparable_code).unwrap_or_default(),
        brand: text("brand_id"),
        payload: Arc::new(payload),
    };
    report.into_result(redemption)
}

/// Redeems a code: the event that says what it gave, or why it gave nothing.
pub(crate) fn redeem(
    draft: &mut Draft<'_>,
    redemption: &Redemption,
    coupon: Option<&Coupon>,
) -> Result<FactId, Rejection> {
    if let Some(brand) = redemption.brand.as_ref().filter(|brand| draft.program.brand(brand).is_none()) {
        return Err(Rejection::UnknownBrand { id: brand.clone() });
    }
    let campaign = coupon.and_then(|coupon| draft.program.campaign(Coupon::campaign_of(coupon.number)));
    let campaign = campaign.filter(|campaign| campaign.spec.coupons.is_some());
    let (Some(coupon), Some(campaign)) = (coupon, campaign) else { return Err(Rejection::UnknownCoupon) };
    if draft.state.standing != Standing::Active {
        return Err(Rejection::CustomerInactive);
    }
    let now = draft.now;
    let fact = draft.open(FactKind::Event, now);
    let head = draft.head(COUPON_REDEMPTION, redemption.brand.as_deref().unwrap_or_default(), now);
    let payload = &redemption.payload;
    draft.edit(fact, |fact| (fact.event, fact.payload) = (Some(head.clone()), Some(Arc::clone(payload))));
    if !draft.state.permissions.allow(Purpose::CouponCampaigns) {
        refuse(draft, fact, EventReason::ConsentCouponCampaigns);
        return Ok(fact);
    }
    let Awarded { awards, explanation, taken, .. } =
        campaigns::award_coupon(draft, campaign, coupon.number, &head, payload);
    draft.edit(fact, |fact| fact.explanation = Some(explanation));
    let quotas = draft.note(taken);
    if awards.is_empty() {
        refuse(draft, fact, EventReason::CouponNotAccepted);
        return Ok(fact);
    }
    let effects =
        Effects { spending: Spending::Redeem(&[]), awards: &awards, quotas: &quotas, how: QuotaMove::Used };
    let applied = resolve(draft, fact, now, &head, payload, effects);
    assert!(applied.is_ok(), "nothing is spent, so nothing can be missing");
    draft.tell(COUPON_REDEMPTION, now, |draft| crate::events::event_data(draft, head.id, None));
    draft.summarise(fact);
    Ok(fact)
}

fn refuse(draft: &mut Draft<'_>, fact: FactId, reason: EventReason) {
    let (now, text) = (draft.now, reason.text());
    let mut event = uuid::Uuid::nil();
    draft.edit(fact, |fact| {
        if let Some(head) = &mut fact.event {
            (head.status, head.reason) = (EventStatus::Failed, Some(reason));
            event = head.id;
        }
    });
    draft.tell("EVENT_FAILED", now, |draft| crate::events::event_data(draft, event, Some(&text)));
    draft.summarise(fact);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_however_they_are_typed() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(comparable_code(text).as_deref(), expected, "{text}");
        };
        check("SUMMER10", Some("SUMMER10"));
        check("summer-1o", Some("SUMMER10"));
        check(" SUM MER_IO ", Some("SUMMER10"));
        check("sUmmErlO", Some("SUMMER10"));
        check("ab", None);
        check("SUMMER!", None);
        check("ÀBCDEF", None);
        check(&"A".repeat(COUPON_CODE_LENGTH_MAX), Some(&"A".repeat(COUPON_CODE_LENGTH_MAX)));
        check(&"A".repeat(COUPON_CODE_LENGTH_MAX + 1), None);
    }

    #[test]
    fn generated_codes_are_their_own_comparable_form_and_differ() {
        let secret = StoreSecret::new([7; 16]);
        let code = |campaign: &str, place, attempt| generated_code(&secret, campaign, place, attempt, 10);
        let one = code("a", 1, 0);
        assert_eq!(comparable_code(&one).as_ref(), Some(&one));
        assert_eq!(one, code("a", 1, 0));
        for other in [code("a", 2, 0), code("b", 1, 0), code("a", 1, 1)] {
            assert_ne!(one, other);
        }
        assert_ne!(one, generated_code(&StoreSecret::new([8; 16]), "a", 1, 0, 10));
        assert_eq!(generated_code(&secret, "a", 1, 0, 32).len(), 32);
        // Every character of the alphabet comes up about as often.
        let mut counts = BTreeMap::new();
        for place in 0..3_200 {
            code("a", place, 0).chars().for_each(|character| *counts.entry(character).or_insert(0) += 1);
        }
        assert_eq!(counts.len(), 32);
        assert!(counts.values().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_number_of_a_code_names_its_campaign() {
        let number = Coupon::number_of(7, u32::MAX);
        assert_eq!(Coupon::campaign_of(number), 7);
        assert_eq!(Coupon::campaign_of(number + 1), 8);
    }
}
