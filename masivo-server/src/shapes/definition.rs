//! Definitions as they are read: what was written, with id and version.

use super::{ANY_TEXT, COUNT, NUMBER, list};
use masivo_core::program::{
    AUDIENCE, BRAND, CAMPAIGN, EVENT_TYPE, JOURNEY, REWARD, SETTINGS, TEMPLATE, TIER, TRAIT, WEBHOOK,
};
use masivo_core::shape::{Field, ObjectShape, Shape, Unknown, optional, required};

const fn same(one: &[u8], other: &[u8]) -> bool {
    match (one, other) {
        ([], []) => true,
        ([a, one @ ..], [b, other @ ..]) => *a == *b && same(one, other),
        _ => false,
    }
}

const fn is_among(name: &str, fields: &[Field]) -> bool {
    match fields {
        [] => false,
        [field, rest @ ..] => same(name.as_bytes(), field.name.as_bytes()) || is_among(name, rest),
    }
}

/// How many fields of `written` are not also in `read`.
const fn kept(written: &[Field], read: &[Field]) -> usize {
    match written {
        [] => 0,
        [field, rest @ ..] => kept(rest, read) + if is_among(field.name, read) { 0 } else { 1 },
    }
}

/// The fields of `read`, then those of `written` that are not among them.
const fn join<const N: usize>(written: &[Field], read: &[Field]) -> [Field; N] {
    let mut all = [optional("", Shape::Any, ""); N];
    let mut count = 0;
    let mut rest = read;
    while let [field, others @ ..] = rest {
        all = put(all, count, *field);
        count += 1;
        rest = others;
    }
    rest = written;
    while let [field, others @ ..] = rest {
        if !is_among(field.name, read) {
            all = put(all, count, *field);
            count += 1;
        }
        rest = others;
    }
    all
}

const fn put<const N: usize>(mut all: [Field; N], at: usize, field: Field) -> [Field; N] {
    let (_, slots) = all.split_at_mut(at);
    if let [slot, ..] = slots {
        *slot = field;
    }
    all
}

const USAGE: ObjectShape = ObjectShape {
    name: "Usage",
    fields: &[
        required("what", ANY_TEXT, "campaign_budget, campaign_limit or reward_stock"),
        required("counts", ANY_TEXT, "times, worth or units"),
        optional("period", ANY_TEXT, "over which periods"),
        optional("since", Shape::Instant, "when the present one began"),
        required("max", NUMBER, "how much may be used"),
        required("used", NUMBER, "how much was used"),
        required("held", NUMBER, "how much waiting events hold"),
        required("left", NUMBER, "how much is left"),
    ],
    unknown: Unknown::Refused,
};

const ID: Field = required("id", Shape::Id, "its id");
const VERSION: Field = optional("version", Shape::Integer(1, 4_294_967_295), "how many times it was written");
const ID_AND_VERSION: &[Field] = &[ID, VERSION];

macro_rules! read_shape {
    ($(#[$about:meta])* $name:ident, $schema:literal, $written:ident, $read:expr) => {
        $(#[$about])*
        pub const $name: ObjectShape = ObjectShape {
            name: $schema,
            fields: {
                const READ: &[Field] = $read;
                const HOW_MANY: usize = kept($written.fields, READ) + READ.len();
                const FIELDS: [Field; HOW_MANY] = join($written.fields, READ);
                &FIELDS
            },
            unknown: Unknown::Refused,
        };
    };
}

read_shape!(
    /// A brand.
    BRAND_READ, "StoredBrand", BRAND, ID_AND_VERSION);
read_shape!(
    /// An event type.
    EVENT_TYPE_READ, "StoredEventType", EVENT_TYPE, ID_AND_VERSION);
read_shape!(
    /// A computed trait.
    TRAIT_READ, "StoredTrait", TRAIT, ID_AND_VERSION);
read_shape!(
    /// A tier.
    TIER_READ, "StoredTier", TIER, ID_AND_VERSION);
read_shape!(
    /// A reward.
    REWARD_READ, "StoredReward", REWARD, &[
    ID,
    VERSION,
    optional("usage", list(&Shape::Object(&USAGE)), "how much of its stock was given"),
    optional("codes_summary", Shape::Map(&COUNT, 10), "GIFT_CARD: how many codes there are, were handed out and are held"),
]);
read_shape!(
/// A campaign; its status is computed.
CAMPAIGN_READ, "StoredCampaign", CAMPAIGN, &[
    ID,
    VERSION,
    required("status", Shape::Choice(&["RUNNING", "PAUSED", "SCHEDULED", "FINISHED"]), "its status now"),
    optional("usage", list(&Shape::Object(&USAGE)), "what is used of its budget and limits in the periods of now"),
]);
read_shape!(
/// An audience.
AUDIENCE_READ, "StoredAudience", AUDIENCE, &[
    ID,
    VERSION,
    optional("members_count", COUNT, "how many customers are in it"),
    optional("progress", Shape::Map(&COUNT, 2), "while customers are looked at again: how many of them were"),
    optional("recalculating", Shape::Flag, "whether all customers are being looked at again"),
]);
read_shape!(
    /// A template.
    TEMPLATE_READ, "StoredTemplate", TEMPLATE, ID_AND_VERSION);
read_shape!(
    /// A journey.
    JOURNEY_READ, "StoredJourney", JOURNEY, ID_AND_VERSION);
read_shape!(
/// The settings.
SETTINGS_READ, "StoredSettings", SETTINGS, &[]);
read_shape!(
    /// A webhook; its secret is only shown when it is made.
    WEBHOOK_READ, "StoredWebhook", WEBHOOK, ID_AND_VERSION);
