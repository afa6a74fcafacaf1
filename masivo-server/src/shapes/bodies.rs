//! Bodies of our own endpoints, and wrappers around what the core reads.

use masivo_core::consent::CONSENT;
use masivo_core::events::EVENT;
use masivo_core::limits::{COUPON_CODES_AT_ONCE_MAX, MIGRATED_ROWS_MAX};
use masivo_core::migration::{MIGRATED_EVENTS, MIGRATED_TRANSACTIONS};
use masivo_core::profile::{MIGRATED_CUSTOMER, TAGS};
use masivo_core::shape::{Field, ObjectShape, Shape, TEXT, Unknown, optional, required};

/// A change of consent.
pub const CONSENT_CHANGE: ObjectShape = ObjectShape {
    name: "ConsentChange",
    fields: &[required("consent", Shape::Object(&CONSENT), "what changes; the rest stays")],
    unknown: Unknown::Warned,
};

/// A one-time code that is asked for.
pub const CODE_REQUEST: ObjectShape = ObjectShape {
    name: "OneTimeCodeRequest",
    fields: &[
        required("customer_id", Shape::Id, "the merchant's id of the customer"),
        optional(
            "metadata",
            Shape::Map(&Shape::Any, 200),
            "given back with the customer; at most 4,000 bytes",
        ),
    ],
    unknown: Unknown::Warned,
};

/// Tags to merge.
pub const TAGS_CHANGE: ObjectShape = ObjectShape {
    name: "TagsChange",
    fields: &[required("tags", TAGS, "tags by name; the others stay")],
    unknown: Unknown::Warned,
};

/// Tags to take away.
pub const TAG_NAMES: ObjectShape = ObjectShape {
    name: "TagNames",
    fields: &[optional("tags", Shape::List(&TEXT, 200), "the names of the tags to take away")],
    unknown: Unknown::Warned,
};

/// Customers on a list.
pub const MEMBERS_CHANGE: ObjectShape = ObjectShape {
    name: "MembersChange",
    fields: &[required(
        "customers",
        Shape::List(&Shape::Any, 1_000),
        "customers: each the merchant's id, or {id}, {email} or {phone}",
    )],
    unknown: Unknown::Refused,
};

/// A key to be made.
pub const KEY_WANTED: ObjectShape = ObjectShape {
    name: "KeyWanted",
    fields: &[
        required("name", Shape::Text(100), "a word to know it by"),
        required(
            "kind",
            Shape::Choice(&["SERVER", "CLIENT"]),
            "SERVER does everything; CLIENT only sends events",
        ),
    ],
    unknown: Unknown::Refused,
};

/// A time for the test clock.
pub const CLOCK_CHANGE: ObjectShape = ObjectShape {
    name: "ClockChange",
    fields: &[required("now", Shape::Instant, "forward only, at most two years at once, before 2200")],
    unknown: Unknown::Refused,
};

/// Codes that are added to a campaign.
pub const CODES: ObjectShape = ObjectShape {
    name: "Codes",
    fields: &[required(
        "codes",
        Shape::List(&TEXT, COUPON_CODES_AT_ONCE_MAX),
        "the codes as they are handed out",
    )],
    unknown: Unknown::Refused,
};

/// What is brought in: each row is judged alone.
pub const MIGRATION: ObjectShape = ObjectShape {
    name: "Migration",
    fields: &[required("customers", Shape::List(&Shape::Any, MIGRATED_ROWS_MAX), "one row a customer")],
    unknown: Unknown::Warned,
};

/// Events as they are described.
pub const EVENT_ROWS: ObjectShape = ObjectShape {
    name: "EventBatch",
    fields: &[required("events", Shape::List(&Shape::Object(&EVENT), 1_000), "up to 1,000 events")],
    unknown: Unknown::Refused,
};

/// Customers from elsewhere as they are described.
pub const MIGRATED_CUSTOMER_ROWS: ObjectShape = ObjectShape {
    name: "CustomersMigration",
    fields: &[required(
        "customers",
        Shape::List(&Shape::Object(&MIGRATED_CUSTOMER), MIGRATED_ROWS_MAX),
        "one row a customer",
    )],
    unknown: Unknown::Warned,
};

/// Past events as they are described.
pub const MIGRATED_EVENT_ROWS: ObjectShape = ObjectShape {
    name: "EventsMigration",
    fields: &[required(
        "customers",
        Shape::List(&Shape::Object(&MIGRATED_EVENTS), MIGRATED_ROWS_MAX),
        "one row a customer",
    )],
    unknown: Unknown::Warned,
};

/// Past transactions as they are described.
pub const MIGRATED_TRANSACTION_ROWS: ObjectShape = ObjectShape {
    name: "TransactionsMigration",
    fields: &[required(
        "customers",
        Shape::List(&Shape::Object(&MIGRATED_TRANSACTIONS), MIGRATED_ROWS_MAX),
        "one row a customer",
    )],
    unknown: Unknown::Warned,
};

/// The types of campaigns.
pub const CAMPAIGN_TYPES: Shape =
    Shape::Choice(&["BEHAVIOR", "COUPONS", "PUNCH_CARDS", "SCORE_STREAKS", "REFERRALS"]);
/// The types of rewards.
pub const REWARD_TYPES: Shape = Shape::Choice(&["POINTS", "DISCOUNT", "PRODUCT", "GIFT_CARD"]);
/// The types of transactions.
pub const TRANSACTION_TYPES: Shape = Shape::Choice(&masivo_core::view::TRANSACTION_TYPES);
/// The number of an item in a window.
pub const INDEX: Shape = Shape::Integer(0, 1_000_000);
/// How many items a page has at most.
pub const LIMIT: Field = optional("limit", Shape::Integer(1, 1_000), "how many at most; 100 when left out");

/// A referral code that is asked for.
pub const REFERRAL_CODE_REQUEST: ObjectShape = ObjectShape {
    name: "ReferralCodeRequest",
    fields: &[
        required("campaign_id", Shape::Uuid, "the referral campaign"),
        optional("brand_id", Shape::Id, "the brand; required when the campaign is of one"),
    ],
    unknown: Unknown::Warned,
};
