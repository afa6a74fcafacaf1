//! Why campaigns rewarded an event or did not. Stored as numbers and values; texts are made on demand.

mod change;

use crate::consent::Purpose;
use crate::prelude::*;
use crate::program::{CampaignStatus, Program};
use crate::quota::UsedUp;
use crate::referrals::NotReferred;
use crate::rule::{Failure, Truth};
use crate::value::{Json, Timestamp, object};

/// What was found of all campaigns with the event's trigger.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Explanation {
    /// The first fifty of them.
    pub campaigns: Vec<CampaignTrace>,
    /// How many more there were.
    pub not_shown: u32,
}

/// What was found of one campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignTrace {
    /// The campaign's number.
    pub campaign: u32,
    /// The version of the campaign.
    pub version: u32,
    /// The rules that gave something.
    pub matched: Vec<u16>,
    /// Why the others did not, or the campaign as a whole.
    pub skipped: Vec<Skip>,
}

/// Why a rule, or a whole campaign, gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The rule; `None` is the whole campaign.
    pub rule: Option<u16>,
    /// Why.
    pub reason: SkipReason,
}

/// Why something gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// The campaign was not running when the event happened.
    NotRunning(CampaignStatus),
    /// It is of another brand.
    OtherBrand,
    /// It does not run on the event's platform.
    OtherPlatform,
    /// A condition did not hold.
    Condition(Failure),
    /// It has no effect for the customer's tier.
    TierWithoutEffect,
    /// The value that the effect is scaled by is missing.
    ValueMissing,
    /// The amount was rounded to nothing.
    NothingEarned,
    /// The amount is out of range.
    OutOfRange,
    /// Too little is left of a quota.
    UsedUp(UsedUp),
    /// The customer does not allow campaigns of its type.
    Consent(Purpose),
    /// Nobody referred the customer in the campaign.
    NotReferred(NotReferred),
    /// The streak is not complete yet.
    StreakGoesOn {
        /// Periods in a row so far.
        reached: i32,
        /// How many are needed.
        needed: i32,
    },
}

impl SkipReason {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotRunning(_) => "not_running",
            Self::OtherBrand => "other_brand",
            Self::OtherPlatform => "other_platform",
            Self::Condition(_) => "condition",
            Self::TierWithoutEffect => "tier_without_effect",
            Self::ValueMissing => "value_missing",
            Self::NothingEarned => "nothing_earned",
            Self::OutOfRange => "out_of_range",
            Self::UsedUp(used_up) => used_up.quota.names().1,
            Self::Consent(Purpose::PunchcardCampaigns) => "consent_punchcard_campaigns",
            Self::Consent(_) => "consent",
            Self::NotReferred(why) => why.code(),
            Self::StreakGoesOn { .. } => "streak_goes_on",
        }
    }
}

impl Explanation {
    /// The explanation as the answer to an event carries it: conditions and the values they saw.
    pub fn to_json(&self, program: &Program) -> Json {
        self.render(program, None)
    }

    /// The same with a sentence for every condition and the smallest change that would have rewarded an event of that
    /// instant, for those who ask (design, decision "Explain").
    pub fn in_words(&self, program: &Program, at: Timestamp) -> Json {
        self.render(program, Some(at))
    }

    fn render(&self, program: &Program, words: Option<Timestamp>) -> Json {
        let campaigns: Vec<Json> = self.campaigns.iter().map(|trace| trace.render(program, words)).collect();
        object().with("campaigns", campaigns).with("not_shown", self.not_shown).build()
    }
}

impl CampaignTrace {
    fn render(&self, program: &Program, words: Option<Timestamp>) -> Json {
        let campaign = program.campaign(self.campaign);
        let matched: Vec<Json> = self.matched.iter().map(|rule| Json::from(u32::from(*rule))).collect();
        let skipped: Vec<Json> = self
            .skipped
            .iter()
            .map(|skip| {
                let change = words.and_then(|at| change::smallest(program, campaign?, skip, at));
                let entry = object()
                    .with_some("rule", skip.rule.map(u32::from))
                    .with("reason", skip.reason.code())
                    .with_some("change", change);
                match &skip.reason {
                    SkipReason::NotRunning(status) => entry.with("status", status.name()).build(),
                    SkipReason::Condition(failure) => {
                        let rule = skip.rule.and_then(|rule| campaign?.spec.rules.get(usize::from(rule)));
                        let condition = rule.and_then(|rule| rule.conditions.condition(failure.condition));
                        let inverted = condition.is_some_and(|(_, inverted)| inverted);
                        let condition = condition.map(|(condition, _)| condition);
                        let missing = failure.truth == Truth::Unknown;
                        entry
                            .with("condition", condition.cloned().unwrap_or_default())
                            .with("condition_number", u32::from(failure.condition))
                            .with_some("inverted", inverted.then_some(true))
                            .with("truth", failure.truth.name())
                            .with("seen", failure.seen.clone())
                            .with_some(
                                "text",
                                words.map(|_| condition_text(condition, inverted, failure, missing)),
                            )
                            .build()
                    }
                    SkipReason::UsedUp(used_up) => entry
                        .with("counts", used_up.quota.counts.name())
                        .with_some("period", used_up.quota.period.map(|period| period.unit.name()))
                        .with("wanted", used_up.wanted)
                        .with("left", used_up.left)
                        .build(),
                    SkipReason::StreakGoesOn { reached, needed } => {
                        entry.with("periods", *reached).with("of", *needed).build()
                    }
                    _ => entry.build(),
                }
            })
            .collect();
        object()
            .with("campaign_id", campaign.map(|campaign| campaign.id.as_str()).unwrap_or_default())
            .with("name", campaign.map(|campaign| campaign.spec.name.as_str()).unwrap_or_default())
            .with("version", self.version)
            .with("matched_rules", matched)
            .with("skipped", skipped)
            .build()
    }
}

fn condition_text(condition: Option<&Json>, inverted: bool, failure: &Failure, missing: bool) -> String {
    let get = |name: &str| condition.and_then(|condition| condition.text(name)).unwrap_or("?");
    let wanted =
        condition.and_then(|condition| condition.get("value")).map(ToString::to_string).unwrap_or_default();
    let seen = if missing { "nothing".to_owned() } else { failure.seen.to_string() };
    let (subject, operator) = (get("type"), get("operator"));
    match (operator, inverted) {
        ("exists", false) | ("not_exists", true) => format!("{subject} should exist and was {seen}"),
        ("exists", true) | ("not_exists", false) => format!("{subject} should not exist and was {seen}"),
        (operator, inverted) => {
            let should = if inverted { "should not be" } else { "should be" };
            format!("{subject} {should} {} {wanted} and was {seen}", operator.replace('_', " "))
        }
    }
}
