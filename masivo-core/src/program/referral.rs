//! Campaigns of referrals: what brings both sides something, and how often a code may be used.

use crate::problem::{Pointer, Report};
use crate::value::{Decimal, Json};

/// The referrals of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferralSpec {
    /// The place of the first rule for the one who is referred; those for the one who refers come before.
    pub referee_from: usize,
    /// How often a code may be used; `None` is without bound.
    pub max_uses: Option<Decimal>,
}

/// Writes defaults out, so that leaving one out later changes nothing.
pub(super) fn normalise(attributes: &mut Json) {
    if attributes.get("max_uses").is_none() {
        attributes.set("max_uses", 0_u32);
    }
}

/// Reads the referrals of a campaign; fields that only referrals have are refused elsewhere. `referrer_rules` is how many
/// rules there are for the one who refers.
pub(super) fn read(
    json: &Json,
    is_referral: bool,
    referrer_rules: usize,
    at: &Pointer<'_>,
    report: &mut Report,
) -> Option<ReferralSpec> {
    if !is_referral {
        if json.get("referee_rules").is_some() {
            let message = "`referee_rules` is for campaigns of type REFERRALS";
            report.problem(&at.field("referee_rules"), "not_for_this_type", message, "leave it out");
        }
        return None;
    }
    let uses = json.get("attributes").and_then(|attributes| attributes.integer("max_uses"));
    let max_uses = uses.filter(|uses| *uses > 0).and_then(Decimal::from_integer);
    Some(ReferralSpec { referee_from: referrer_rules, max_uses })
}
