//! Campaigns: what earns: behaviour, coupons, punch cards, score streaks and referrals.

use super::reward::RewardKind;
use super::{Reading, coupon, limit, punch_card, referral, streak};
use crate::coupons::COUPON_REDEMPTION;
use crate::gift_cards::GIFT_CARD_REDEMPTION;
use crate::limits::{
    CAMPAIGN_RULES_MAX, COUPON_CODES_AT_ONCE_MAX, COUPON_CODES_MAX, EFFECTS_MAX, ENTRIES_MAX,
    GIFT_CARDS_AT_ONCE_MAX,
};
use crate::notices::POINTS_ABOUT_TO_EXPIRE;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::quota::Limit;
use crate::referrals::REFERRAL;
use crate::rule::{CONDITIONS, Rule, Span, Subject};
use crate::shape::{AMOUNT, Field, LONG_TEXT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Decimal, Json, Rounding, Timestamp, Zone, object};

/// A campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignSpec {
    /// Its name.
    pub name: String,
    /// The brand it is of; `None` is all.
    pub brand: Option<String>,
    /// The platforms it runs on; empty is all.
    pub platforms: Vec<String>,
    /// The event type that triggers it; empty for coupons, which are redeemed.
    pub trigger: String,
    /// What its codes are like, when it is a coupon campaign.
    pub coupons: Option<coupon::CouponsSpec>,
    /// What its cards are like, when it is a punch card campaign.
    pub card: Option<punch_card::CardSpec>,
    /// What its streaks are like, when it is a campaign of score streaks.
    pub streak: Option<streak::StreakSpec>,
    /// Whom its codes bring what, when it is a referral campaign.
    pub referral: Option<referral::ReferralSpec>,
    /// Each rule gives its own rewards.
    pub rules: Vec<CampaignRule>,
    /// Persisted status: whether it is switched on.
    pub active: bool,
    /// From when on it runs, inclusive.
    pub start: Timestamp,
    /// Until when it runs, exclusive; `None` is without end.
    pub end: Option<Timestamp>,
    /// Who pays for it.
    pub funded_by: Option<String>,
    /// The budget, and how often it rewards at all and each customer.
    pub limits: Vec<Limit>,
}

/// One rule of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignRule {
    /// When it holds.
    pub conditions: Rule,
    /// What it gives, per tier.
    pub effects: Vec<EffectSpec>,
    /// How many stamps it gives on a punch card.
    pub stamps: Decimal,
}

/// What a rule gives to customers of a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectSpec {
    /// The reward's number.
    pub reward: u32,
    /// The tier's number; `None` is every tier.
    pub tier: Option<u32>,
    /// How many points, or how many per unit.
    pub amount: Decimal,
    /// What it is scaled by; `None` gives the amount as it is.
    pub per: Option<Per>,
    /// How the result is brought to the reward's places.
    pub rounding: Rounding,
    /// How long the points live from posting on; `None` is for ever.
    pub life: Option<Span>,
}

/// What an effect is scaled by: `points = round(amount × subject ÷ unit)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Per {
    /// A number of the event.
    pub subject: Subject,
    /// How much of it earns `amount`.
    pub unit: Decimal,
}

/// The status as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignStatus {
    /// It rewards events now.
    Running,
    /// It is switched off.
    Paused,
    /// It starts later.
    Scheduled,
    /// It has ended.
    Finished,
}

impl CampaignStatus {
    /// The product's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
        }
    }
}

impl CampaignSpec {
    /// The rules that are asked about an event with its trigger: of referrals those for the one who was referred.
    pub fn asked(&self) -> &[CampaignRule] {
        let from = self.referral.map_or(0, |referral| referral.referee_from);
        self.rules.get(from..).unwrap_or_default()
    }

    /// Whether it rewards that something happened, whatever it was worth: punch cards, streaks and referrals.
    pub const fn counts_events(&self) -> bool {
        self.card.is_some() || self.streak.is_some() || self.referral.is_some()
    }

    /// The status at an instant.
    pub fn status(&self, now: Timestamp) -> CampaignStatus {
        if self.end.is_some_and(|end| now >= end) {
            CampaignStatus::Finished
        } else if !self.active {
            CampaignStatus::Paused
        } else if now < self.start {
            CampaignStatus::Scheduled
        } else {
            CampaignStatus::Running
        }
    }
}

const PER: ObjectShape = ObjectShape {
    name: "Per",
    fields: &[
        required("type", TEXT, "a number of the event, for example order.value"),
        required("unit", AMOUNT, "how much of it earns the amount"),
    ],
    unknown: Unknown::Refused,
};
const EFFECT_FIELDS: &[Field] = &[
    required("reward_id", Shape::Uuid, "what is given"),
    optional("tier_id", Shape::Uuid, "to customers of which tier; none is every tier"),
    required("amount", AMOUNT, "how many points, or how many per unit"),
    optional("per", Shape::Object(&PER), "what it is scaled by"),
    optional(
        "rounding",
        Shape::Choice(&["floor", "half_up", "ceil"]),
        "how it is rounded; floor when left out",
    ),
    optional("expiration_date", TEXT, "how long the points live, like 12/months; for ever when left out"),
    optional("type", TEXT, "the reward's type; ignored, the reward says it"),
    optional("reward", Shape::Any, "the embedded reward; ignored, reward_id says it"),
];
const EFFECT: ObjectShape = ObjectShape { name: "Effect", fields: EFFECT_FIELDS, unknown: Unknown::Refused };
const RULE: ObjectShape = ObjectShape {
    name: "CampaignRule",
    fields: &[
        optional("conditions", CONDITIONS, "when it holds; empty is always"),
        required("effects", Shape::List(&Shape::Object(&EFFECT), EFFECTS_MAX), "what it gives, per tier"),
        punch_card::RULE_STAMPS,
    ],
    unknown: Unknown::Refused,
};
const RULES: Shape = Shape::List(&Shape::Object(&RULE), CAMPAIGN_RULES_MAX);
const SELECT: ObjectShape = ObjectShape {
    name: "Select",
    fields: &[optional("label", LONG_TEXT, "what is shown"), required("value", TEXT, "what is meant")],
    unknown: Unknown::Kept,
};
const SELECTS: Shape = Shape::List(&Shape::Either(&[TEXT, Shape::Object(&SELECT)]), ENTRIES_MAX);
const ATTRIBUTES: ObjectShape = ObjectShape {
    name: "CampaignAttributes",
    fields: &[
        optional("trigger", TEXT, "the event type that triggers it; not for COUPONS, which are redeemed"),
        optional(
            "max_uses",
            Shape::Integer(0, 1_000_000_000),
            "how often a code may be used; 1 when left out (REFERRALS: 0), 0 is without bound",
        ),
        optional(
            "max_uses_per_customer",
            Shape::Integer(0, 1_000_000_000),
            "how often a customer may use a code; 1 when left out, 0 is without bound",
        ),
        optional("code_length", Shape::Integer(6, 32), "characters of a generated code; 10 when left out"),
        optional("codes_summary", Shape::Any, "only in answers: how many codes there are; ignored"),
        optional("privacy", Shape::Choice(&["PUBLIC", "PRIVATE"]), "whether customers may see it; stored"),
        punch_card::SIZE,
        punch_card::PER,
        punch_card::LIFE,
        streak::LENGTH,
        streak::PERIOD,
        streak::GRACE,
    ],
    unknown: Unknown::Warned,
};

/// A campaign as it is written: native lists, or the dashboard's form with texts and selects.
pub const CAMPAIGN: ObjectShape = ObjectShape {
    name: "Campaign",
    fields: &[
        optional(
            "type",
            Shape::Choice(&["BEHAVIOR", "COUPONS", "PUNCH_CARDS", "SCORE_STREAKS", "REFERRALS"]),
            "must equal the query",
        ),
        optional("brand_id", Shape::Id, "the brand it is of; none is all"),
        optional("platforms", SELECTS, "where it runs; none is everywhere"),
        required("name", TEXT, "its name"),
        optional("description", LONG_TEXT, "what it offers"),
        required(
            "rules",
            Shape::Either(&[RULES, Shape::Text(1_000_000)]),
            "the rules, as a list or as JSON text",
        ),
        optional(
            "referee_rules",
            RULES,
            "REFERRALS: the rules for the one who is referred; `rules` are for the one who refers",
        ),
        optional(
            "referee_rules_json",
            Shape::Either(&[RULES, Shape::TextOrEmpty(1_000_000)]),
            "REFERRALS: the same as JSON text",
        ),
        optional(
            "attributes",
            Shape::Object(&ATTRIBUTES),
            "the trigger, or what codes are like; required but for COUPONS",
        ),
        optional("quantity", Shape::Integer(0, COUPON_CODES_MAX), "COUPONS: how many codes are generated"),
        optional("useCustomCodes", Shape::Flag, "COUPONS: true when codes are supplied"),
        optional(
            "customCodes",
            Shape::Either(&[Shape::List(&TEXT, COUPON_CODES_AT_ONCE_MAX), Shape::TextOrEmpty(1_000_000)]),
            "COUPONS: supplied codes, as a list or separated by commas or white space; not kept in the campaign",
        ),
        optional("status", Shape::Choice(&["ACTIVE", "INACTIVE"]), "whether it is switched on"),
        optional("start_date", Shape::DateOrInstant, "from when on it runs; now when left out"),
        optional("end_date", Shape::DateOrInstant, "until when it runs; required unless withoutEndDate"),
        optional("withoutEndDate", Shape::Flag, "true: it runs without end"),
        optional("funded_by", TEXT, "who pays for it"),
        optional("labels", SELECTS, "words to find it by"),
        optional(
            "metadata",
            Shape::Either(&[Shape::Map(&Shape::Any, ENTRIES_MAX), Shape::TextOrEmpty(100_000)]),
            "an object, or one as JSON text",
        ),
        optional("budget", AMOUNT, "what all rewards together may be worth: amount × conversion factor"),
        optional(
            "divide_budget_in",
            limit::DIVIDED,
            "each period has its share of the budget; without end date the whole budget in each period",
        ),
        optional("limits", limit::LIMITS, "how often, or how much, it gives at all and to each customer"),
        optional("confirm_changes", Shape::Flag, "ignored"),
    ],
    unknown: Unknown::Warned,
};

/// Brings both forms of a campaign to the native one; problems of embedded texts go into `report`.
pub(super) fn normalise(body: &Json, zone: Zone, report: &mut Report) -> Json {
    let root = Pointer::root();
    let mut native = object().with("type", body.text("type").unwrap_or("BEHAVIOR")).build();
    for (name, value) in body.fields().iter().filter(|(_, value)| !value.is_null()) {
        let at = root.field(name);
        let value = match (&**name, value) {
            ("rules", Json::Text(text)) => embedded(text, &at, report),
            ("referee_rules_json", Json::Text(text)) if text.trim().is_empty() => continue,
            ("referee_rules_json", Json::Text(text)) => embedded(text, &at, report),
            ("metadata", Json::Text(text)) if text.trim().is_empty() => object().build(),
            ("metadata", Json::Text(text)) => embedded(text, &at, report),
            ("platforms" | "labels", Json::List(items)) => {
                Json::List(items.iter().map(|item| item.get("value").unwrap_or(item).clone()).collect())
            }
            ("start_date", Json::Text(text)) => {
                zone.start_of_written_date(text).map_or_else(|| value.clone(), Json::from)
            }
            // A bare date means that day to its end.
            ("end_date", Json::Text(text)) => zone
                .start_of_written_date(text)
                .map_or_else(|| value.clone(), |start| zone.start_of_next_day(start).into()),
            ("confirm_changes" | "customCodes", _) => continue,
            ("attributes", _) => continue,
            _ => value.clone(),
        };
        native.set(name.clone(), value);
    }
    let mut attributes = body.get("attributes").cloned().unwrap_or_else(|| object().build());
    attributes.remove("codes_summary");
    if let Some(rules) = native.get("referee_rules_json").cloned() {
        native.remove("referee_rules_json");
        native.set("referee_rules", rules);
    }
    RULES.check(native.get("rules").unwrap_or(&Json::Null), &root.field("rules"), report);
    if let Some(rules) = native.get("referee_rules") {
        RULES.check(rules, &root.field("referee_rules"), report);
        let rules = with_conditions(rules);
        native.set("referee_rules", Json::List(rules));
    }
    let mut rules = native.get("rules").map(with_conditions).unwrap_or_default();
    match native.text("type") {
        Some("COUPONS") => coupon::normalise(&mut attributes),
        Some("PUNCH_CARDS") => punch_card::normalise(&mut attributes, &mut rules),
        Some("SCORE_STREAKS") => streak::normalise(&mut attributes),
        Some("REFERRALS") => referral::normalise(&mut attributes),
        _ => {}
    }
    native.set("attributes", attributes);
    native.set("rules", Json::List(rules));
    native
}

/// Rules are compared as they are written: without conditions is the same as with none.
fn with_conditions(rules: &Json) -> Vec<Json> {
    let rules = rules.items().iter().map(|rule| {
        let mut rule = rule.clone();
        if rule.get("conditions").is_none_or(Json::is_null) && rule.get("effects").is_some() {
            rule.set("conditions", Json::List(Vec::new()));
        }
        rule
    });
    rules.collect()
}

fn embedded(text: &str, at: &Pointer<'_>, report: &mut Report) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|problems| {
        let message = format!("the text is not JSON: {problems}");
        report.problem(at, "not_json", message, "send a list, or a list written as JSON text");
        Json::Null
    })
}

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> CampaignSpec {
    let at = reading.at;
    let kind = json.text("type").unwrap_or("BEHAVIOR");
    let coupons = coupon::read(json, kind, &at, report);
    let card = punch_card::read(json, kind == "PUNCH_CARDS", &at, report);
    let streak = streak::read(json, kind == "SCORE_STREAKS", &at, report);
    if let Some(brand) = json.text("brand_id").filter(|brand| reading.program.brand(brand).is_none()) {
        let hint = "write the brand first, or leave brand_id out for all brands";
        report.problem(&at.field("brand_id"), "unknown_brand", format!("there is no brand `{brand}`"), hint);
    }
    let trigger = match coupons {
        Some(_) => String::new(),
        None => read_trigger(json, kind, reading, report),
    };
    let rules_at = at.field("rules");
    let items = json.get("rules").map_or(&[][..], Json::items);
    if items.is_empty() {
        report.problem(&rules_at, "missing", "a campaign needs at least one rule", "");
    }
    let mut read_rules = |items: &[Json], at: &Pointer<'_>| -> Vec<CampaignRule> {
        let rules = items.iter().enumerate();
        rules.map(|(index, rule)| read_rule(rule, &at.index(index), reading, report)).collect()
    };
    let mut rules = read_rules(items, &rules_at);
    let of_referees = json.get("referee_rules").map_or(&[][..], Json::items);
    let of_referees = read_rules(of_referees, &at.field("referee_rules"));
    let referral = referral::read(json, kind == "REFERRALS", rules.len(), &at, report);
    rules.extend(of_referees);
    let texts = |name: &str| {
        let items = json.get(name).map_or(&[][..], Json::items);
        items.iter().filter_map(Json::as_text).map(ToOwned::to_owned).collect()
    };
    let start = json.text("start_date").and_then(Timestamp::parse).unwrap_or(Timestamp::EPOCH);
    let end = json.text("end_date").and_then(Timestamp::parse);
    CampaignSpec {
        name: json.text("name").unwrap_or_default().to_owned(),
        brand: json.text("brand_id").map(ToOwned::to_owned),
        platforms: texts("platforms"),
        trigger,
        coupons,
        card,
        streak,
        referral,
        rules,
        active: json.text("status") != Some("INACTIVE"),
        start,
        end,
        funded_by: json.text("funded_by").map(ToOwned::to_owned),
        limits: limit::read(json, kind, &at, start, end, report),
    }
}

/// The event type that triggers a campaign, which must be one that earns.
fn read_trigger(json: &Json, kind: &str, reading: &Reading<'_>, report: &mut Report) -> String {
    let at = reading.at.field("attributes");
    let Some(trigger) = json.path("attributes.trigger").and_then(Json::as_text) else {
        report.problem(
            &at.field("trigger"),
            "missing",
            "a campaign needs its trigger",
            "name the event type",
        );
        return String::new();
    };
    let processing = reading.program.processing(trigger);
    // A custom type that had the name before keeps its meaning (P1).
    let of_engine = processing == Some(super::Processing::EngineMade);
    let alone = [COUPON_REDEMPTION, GIFT_CARD_REDEMPTION, REFERRAL, POINTS_ABOUT_TO_EXPIRE];
    if of_engine && alone.contains(&trigger) {
        let hint = "coupons and referrals have campaigns of their own; others start journeys";
        let message = format!("`{trigger}` does not trigger campaigns");
        report.problem(&at.field("trigger"), "not_supported_yet", message, hint);
    }
    let by_itself = match kind {
        "PUNCH_CARDS" | "SCORE_STREAKS" => of_engine,
        "REFERRALS" => of_engine && trigger != "REGISTRATION",
        _ => false,
    };
    if by_itself {
        let message = format!("`{trigger}` happens without a purchase or visit of the customer");
        let hint = "use PURCHASE or a custom event type with loyalty: true, or REGISTRATION for referrals";
        report.problem(&at.field("trigger"), "not_for_this_type", message, hint);
    }
    if processing.is_none_or(|processing| processing == super::Processing::Tracking) {
        report.problem(
            &at.field("trigger"),
            "unknown_trigger",
            format!("`{trigger}` is not an event type that earns"),
            "use PURCHASE, REGISTRATION, BIRTHDAY, TIER_ADJUSTMENT or a custom event type with loyalty: true",
        );
    }
    trigger.to_owned()
}

fn read_rule(json: &Json, at: &Pointer<'_>, reading: &Reading<'_>, report: &mut Report) -> CampaignRule {
    let conditions = reading.conditions(json.get("conditions"), &at.field("conditions"), report);
    let effects_at = at.field("effects");
    let items = json.get("effects").map_or(&[][..], Json::items);
    if items.is_empty() {
        report.problem(&effects_at, "missing", "a rule needs at least one effect", "");
    }
    let effects = items
        .iter()
        .enumerate()
        .filter_map(|(index, effect)| read_effect(effect, &effects_at.index(index), reading, report))
        .collect();
    let stamps = json.number("stamps").unwrap_or(Decimal::ONE);
    CampaignRule { conditions, effects, stamps }
}

fn read_effect(
    json: &Json,
    at: &Pointer<'_>,
    reading: &Reading<'_>,
    report: &mut Report,
) -> Option<EffectSpec> {
    let reward_id = json.text("reward_id").unwrap_or_default();
    let reward = reading.program.reward_by_id(reward_id);
    if reward.is_none() {
        let message = format!("there is no reward `{reward_id}`");
        report.problem(&at.field("reward_id"), "unknown_reward", message, "write the reward first");
    }
    let tier_id = json.text("tier_id");
    let tier = tier_id.and_then(|id| reading.program.tier_by_id(id)).map(|tier| tier.number);
    if let (Some(id), None) = (tier_id, tier) {
        let message = format!("there is no tier `{id}`");
        report.problem(
            &at.field("tier_id"),
            "unknown_tier",
            message,
            "write the tier first, or null for every tier",
        );
    }
    let amount = json.number("amount").unwrap_or(Decimal::ZERO);
    if !amount.is_positive() {
        report.problem(
            &at.field("amount"),
            "not_in_range",
            format!("the amount is `{amount}`"),
            "give more than 0",
        );
    }
    let per = json.get("per").and_then(|per| read_per(per, &at.field("per"), report));
    if let (None, Some(reward)) = (&per, reward) {
        reward.spec.check_places(amount, &at.field("amount"), report);
    }
    let life_text = json.text("expiration_date");
    let life = life_text.and_then(Span::parse);
    if let (Some(text), None) = (life_text, life) {
        let message = format!("`{text}` is not a length of time");
        report.problem(
            &at.field("expiration_date"),
            "not_a_length_of_time",
            message,
            "write it like 12/months",
        );
    }
    let gives_cards = reward.is_some_and(|reward| matches!(reward.spec.kind, RewardKind::GiftCard(_)));
    if gives_cards && (per.is_some() || amount > Decimal::whole(GIFT_CARDS_AT_ONCE_MAX)) {
        let hint = "leave `per` out, and give 1 to 10 of them";
        report.problem(&at.field("amount"), "too_many", "gift cards are given one by one", hint);
    }
    let rounding = match json.text("rounding") {
        Some("half_up") => Rounding::HalfUp,
        Some("ceil") => Rounding::Ceil,
        _ => Rounding::Floor,
    };
    Some(EffectSpec { reward: reward?.number, tier, amount, per, rounding, life })
}

fn read_per(json: &Json, at: &Pointer<'_>, report: &mut Report) -> Option<Per> {
    let name = json.text("type").unwrap_or_default();
    let subject = Subject::parse(name).filter(|subject| {
        matches!(
            subject,
            Subject::Order("value" | "discounted_value", _)
                | Subject::EventMetadata(_)
                | Subject::EventTag(_)
        )
    });
    if subject.is_none() {
        report.problem(
            &at.field("type"),
            "unknown_subject",
            format!("`{name}` is not a number of the event"),
            "use order.value, order.discounted_value, event.metadata.X or event.tags.X",
        );
    }
    let unit = json.number("unit").unwrap_or(Decimal::ZERO);
    if !unit.is_positive() {
        report.problem(
            &at.field("unit"),
            "not_in_range",
            format!("the unit is `{unit}`"),
            "give more than 0",
        );
    }
    subject.map(|subject| Per { subject, unit })
}
