//! Events, transactions, messages, deliveries.

use super::{ANY_TEXT, COUNT, NUMBER, list};
use masivo_core::shape::{Field, ObjectShape, Shape, Unknown, optional, required};

const ANYTHING: Shape = Shape::Map(&Shape::Any, 1_000);

const REASON: ObjectShape = ObjectShape {
    name: "Reason",
    fields: &[required("code", ANY_TEXT, "stable code"), required("text", ANY_TEXT, "the same in words")],
    unknown: Unknown::Refused,
};

const REWARDING: ObjectShape = ObjectShape {
    name: "RewardingCampaign",
    fields: &[
        optional("campaign_id", Shape::Uuid, "the campaign"),
        optional("name", ANY_TEXT, "its name"),
        required("rules", list(&COUNT), "the rules that matched, counted from 0"),
    ],
    unknown: Unknown::Refused,
};

const AMOUNT_LINE: ObjectShape = ObjectShape {
    name: "AmountLine",
    fields: &[
        required("amount", NUMBER, "how much"),
        optional("reward_id", Shape::Uuid, "of what"),
        optional("campaign_id", Shape::Uuid, "given by which campaign"),
        optional("rule", COUNT, "by which of its rules"),
        optional("issued_at", Shape::Instant, "when it was given"),
        optional("expiration_date", Shape::Instant, "when it expires"),
    ],
    unknown: Unknown::Refused,
};

const TRANSACTION_ATTRIBUTES: ObjectShape = ObjectShape {
    name: "TransactionAttributes",
    fields: &[
        required("line", ANY_TEXT, "what the ledger calls it"),
        optional("lot", COUNT, "the lot it belongs to"),
        optional("effect", NUMBER, "what a transaction of the past adds to the balance"),
        optional("campaign_name", ANY_TEXT, "the campaign's name"),
        optional("rule", COUNT, "the rule of it that gave the points, counted from 0"),
        optional("program_version", COUNT, "the program the event was judged by"),
        optional(
            "order_lines",
            list(&COUNT),
            "the lines of the order that the rule asked for, counted from 0",
        ),
    ],
    unknown: Unknown::Refused,
};

/// A transaction.
pub const TRANSACTION: ObjectShape = ObjectShape {
    name: "Transaction",
    fields: &[
        required("id", Shape::Uuid, "its id"),
        required(
            "type",
            Shape::Choice(&["ACCUMULATION", "REDEMPTION", "EXPIRATION", "MIGRATION", "TRANSFER", "REVERSAL"]),
            "what it is",
        ),
        optional("customer_id", ANY_TEXT, "whose it is; empty once the customer was deleted"),
        optional("brand_id", ANY_TEXT, "the brand"),
        optional("event_id", Shape::Uuid, "the event it belongs to"),
        optional("event_type", ANY_TEXT, "the event's type"),
        optional("campaign_id", Shape::Uuid, "the campaign that gave it"),
        optional("funded_by", ANY_TEXT, "who pays for it"),
        optional("channel_id", ANY_TEXT, "where it was sold"),
        optional("store_id", ANY_TEXT, "which store sold it"),
        optional("reward_id", Shape::Uuid, "of what"),
        required("reward_type", ANY_TEXT, "the reward's type"),
        required("amount", NUMBER, "how much"),
        optional("details", ANY_TEXT, "why it was given or taken by hand"),
        optional("cost", NUMBER, "what it is worth in money"),
        required("created_at", Shape::Instant, "when it was booked"),
        required("issued_at", Shape::Instant, "when its event happened"),
        optional("resolved_at", ANY_TEXT, "when it was booked elsewhere, as it was sent"),
        optional("migrated", Shape::Flag, "true for history from elsewhere, which is no booking"),
        required("attributes", Shape::Object(&TRANSACTION_ATTRIBUTES), "more"),
    ],
    unknown: Unknown::Refused,
};

const STAMPED: ObjectShape = ObjectShape {
    name: "Stamped",
    fields: &[
        required("campaign_id", Shape::Uuid, "the campaign"),
        required("stamps", NUMBER, "stamps it gave"),
        required("cards_filled", NUMBER, "cards it filled"),
    ],
    unknown: Unknown::Refused,
};

const CARD_LINE: ObjectShape = ObjectShape {
    name: "GiftCardLine",
    fields: &[
        optional("reward_id", Shape::Uuid, "of what"),
        required("lot", COUNT, "its lot in the wallet"),
        optional("code", ANY_TEXT, "its code; absent for an event that was not sent"),
    ],
    unknown: Unknown::Refused,
};

const RESULT: ObjectShape = ObjectShape {
    name: "EventResult",
    fields: &[
        required("customer", ANYTHING, "the tier afterwards"),
        required("wallet", ANYTHING, "the totals afterwards"),
        required("accumulations", list(&Shape::Object(&AMOUNT_LINE)), "what was gained"),
        required("redemptions", list(&Shape::Object(&AMOUNT_LINE)), "what was spent"),
        required(
            "punch_cards",
            list(&Shape::Object(&STAMPED)),
            "stamps it gave, or gives once it is fulfilled",
        ),
        required("gift_card", list(&Shape::Object(&CARD_LINE)), "gift cards it gave or redeemed"),
        required("transactions", list(&Shape::Object(&TRANSACTION)), "the bookings"),
    ],
    unknown: Unknown::Refused,
};

const SKIPPED: ObjectShape = ObjectShape {
    name: "SkippedRule",
    fields: &[
        optional("rule", COUNT, "the rule, counted from 0; absent for the whole campaign"),
        required("reason", ANY_TEXT, "why"),
        optional("status", ANY_TEXT, "the campaign's status when it did not run"),
        optional("condition", Shape::Any, "the condition that did not hold"),
        optional("condition_number", COUNT, "which one it is"),
        optional("inverted", Shape::Flag, "true when it stands within `not`: it counts when it is false"),
        optional("truth", ANY_TEXT, "false, or unknown when a value is missing"),
        optional("seen", Shape::Any, "the value it saw"),
        optional("text", ANY_TEXT, "the same in words; where an explanation is asked for"),
        optional(
            "change",
            ANY_TEXT,
            "the smallest change that would have passed; where an explanation is asked for",
        ),
        optional("counts", ANY_TEXT, "what the limit counts"),
        optional("period", ANY_TEXT, "over which periods"),
        optional("wanted", NUMBER, "what would have been taken of it"),
        optional("left", NUMBER, "what was left of it"),
        optional("periods", COUNT, "periods in a row that count for the streak"),
        optional("of", COUNT, "periods in a row that the streak needs"),
    ],
    unknown: Unknown::Refused,
};

const TRACE: ObjectShape = ObjectShape {
    name: "CampaignTrace",
    fields: &[
        required("campaign_id", ANY_TEXT, "the campaign"),
        required("name", ANY_TEXT, "its name"),
        required("version", COUNT, "the version it was judged by"),
        required("matched_rules", list(&COUNT), "the rules that gave something"),
        required("skipped", list(&Shape::Object(&SKIPPED)), "why the others did not"),
    ],
    unknown: Unknown::Refused,
};

/// Why campaigns rewarded an event or did not.
pub const EXPLANATION: ObjectShape = ObjectShape {
    name: "Explanation",
    fields: &[
        required("campaigns", list(&Shape::Object(&TRACE)), "campaigns with the event's trigger"),
        required("not_shown", COUNT, "how many more there were"),
    ],
    unknown: Unknown::Refused,
};

const RECEIPT_LINE: ObjectShape = ObjectShape {
    name: "ReceiptLine",
    fields: &[
        required("what", ANY_TEXT, "what it is about"),
        required("outcome", ANY_TEXT, "undone, kept_by_policy or debt"),
        optional("reward_id", ANY_TEXT, "of what"),
        optional("amount", NUMBER, "how much"),
        optional("campaign_id", ANY_TEXT, "of which campaign"),
        optional("counts", ANY_TEXT, "what a limit counts"),
        optional("period", ANY_TEXT, "over which periods"),
        optional("spend", NUMBER, "money taken out of the metrics"),
        optional("from", ANY_TEXT, "the tier before"),
        optional("to", ANY_TEXT, "the tier after"),
        optional("tier_id", ANY_TEXT, "the tier"),
    ],
    unknown: Unknown::Refused,
};

const RETURNED_LINE: ObjectShape = ObjectShape {
    name: "ReturnedProduct",
    fields: &[
        required("line", COUNT, "its place in the order, counted from 0"),
        required("amount", NUMBER, "units"),
        required("value", NUMBER, "value, beside that of the units"),
    ],
    unknown: Unknown::Refused,
};
const RETURNED: ObjectShape = ObjectShape {
    name: "Return",
    fields: &[
        required("returned_at", Shape::Instant, "when it came back"),
        optional("reason", ANY_TEXT, "why"),
        required("counted_value", NUMBER, "what of the event's spend no longer counts"),
        required("value", NUMBER, "what was returned as a value of the order"),
        required("products", list(&Shape::Object(&RETURNED_LINE)), "what was returned of its lines"),
        required("receipt", list(&Shape::Object(&RECEIPT_LINE)), "what that undid"),
    ],
    unknown: Unknown::Refused,
};

const EVENT_FIELDS: &[Field] = &[
    required("id", Shape::Uuid, "its id"),
    required("customer_id", ANY_TEXT, "the merchant's id of the customer; empty once deleted"),
    optional("brand_id", ANY_TEXT, "the brand"),
    required("type", ANY_TEXT, "the event type"),
    required(
        "status",
        Shape::Choice(&["PENDING", "RESOLVED", "FAILED", "CANCELLED", "EXPIRED", "REVERSED"]),
        "what became of it",
    ),
    optional("data", Shape::Any, "what was sent"),
    required("fulfilled", Shape::Flag, "whether it was processed"),
    required("reserve", COUNT, "days it waits; 0 when it does not"),
    required("tracking_only", Shape::Flag, "whether it was only tracked"),
    required("issued_at", Shape::Instant, "when it happened"),
    required("accepted_at", Shape::Instant, "when it came in"),
    optional("reservation_expires_at", Shape::Instant, "until when it waits"),
    optional("resolved_at", Shape::Instant, "when it was processed"),
    optional("cancelled_at", Shape::Instant, "when it was cancelled"),
    optional("expired_at", Shape::Instant, "when it expired"),
    optional("reversed_at", Shape::Instant, "when it was reversed"),
    required("program_version", COUNT, "the program it was judged by"),
    optional("reason", Shape::Object(&REASON), "why it failed, was not processed or is still expired"),
    required("rewarding_campaigns", list(&Shape::Object(&REWARDING)), "the campaigns that rewarded it"),
    required("result", Shape::Object(&RESULT), "what it did"),
    optional("explanation", Shape::Object(&EXPLANATION), "why campaigns rewarded it or did not"),
    optional("returned_value", NUMBER, "what of its value came back in parts"),
    optional("returns", list(&Shape::Object(&RETURNED)), "the parts of it that came back, oldest first"),
    optional("receipt", list(&Shape::Object(&RECEIPT_LINE)), "what reversing it undid"),
];

/// An event.
pub const EVENT_READ: ObjectShape =
    ObjectShape { name: "Event", fields: EVENT_FIELDS, unknown: Unknown::Refused };

/// A cart with what redeeming would take off it.
pub const PREVIEWED: ObjectShape = ObjectShape {
    name: "PreviewedRedemption",
    fields: &[
        required("customer_id", ANY_TEXT, "the customer"),
        required("brand_id", ANY_TEXT, "the brand"),
        required(
            "order",
            ANYTHING,
            "the cart, with redemptions_result wherever something is redeemed: redeemed, amount, value, discount_value, discount_percent, action",
        ),
    ],
    unknown: Unknown::Refused,
};

/// A customer's referral code.
pub const REFERRAL_CODE: ObjectShape = ObjectShape {
    name: "ReferralCode",
    fields: &[
        required("id", Shape::Uuid, "its id"),
        required("code", ANY_TEXT, "the code, to be handed on"),
        required("customer_id", ANY_TEXT, "who has it"),
        required("campaign_id", Shape::Uuid, "the campaign"),
        required("uses_count", COUNT, "how many referrals were completed with it"),
        optional("max_uses", COUNT, "how many may be; absent without bound"),
        required("created_at", Shape::Instant, "when it was made"),
        required("metadata", ANYTHING, "empty"),
    ],
    unknown: Unknown::Refused,
};

/// A gift card that was handed out.
pub const GIFT_CARD: ObjectShape = ObjectShape {
    name: "GiftCard",
    fields: &[
        required("code", ANY_TEXT, "its code"),
        optional("reward_id", Shape::Uuid, "of what"),
        required("customer_id", ANY_TEXT, "who holds it"),
        optional("description", ANY_TEXT, "the reward's description"),
        required(
            "status",
            Shape::Choice(&["ACTIVE", "REDEEMED", "EXPIRED", "CANCELLED"]),
            "what became of it",
        ),
        required("rewarded_at", Shape::Instant, "when it was given"),
        optional("expired_at", Shape::Instant, "when it expires"),
        optional("redeemed_at", Shape::Instant, "when it was redeemed"),
        optional("redeemed_by_event", Shape::Uuid, "the event that redeemed it, which can be reversed"),
    ],
    unknown: Unknown::Refused,
};

/// A code of a coupon campaign or gift card.
pub const COUPON: ObjectShape = ObjectShape {
    name: "Coupon",
    fields: &[
        required("code", ANY_TEXT, "the code as it is handed out"),
        required("uses_count", COUNT, "how often it was used"),
        optional("max_uses", COUNT, "how often it may be used; absent without bound"),
    ],
    unknown: Unknown::Refused,
};

/// Codes that were added.
pub const CODES_ADDED: ObjectShape = ObjectShape {
    name: "CodesAdded",
    fields: &[required("count", COUNT, "how many of the codes that were sent the campaign has now")],
    unknown: Unknown::Refused,
};

/// A coupon that was redeemed.
pub const COUPON_REDEEMED: ObjectShape = ObjectShape {
    name: "CouponRedeemed",
    fields: &[
        required("event_id", Shape::Uuid, "the event that redeemed it: reversing it takes everything back"),
        required("status", ANY_TEXT, "RESOLVED"),
        required("accumulations", list(&Shape::Object(&AMOUNT_LINE)), "what was given"),
        required("gift_card", list(&Shape::Object(&CARD_LINE)), "gift cards among it, with their codes"),
        required("customer", ANYTHING, "the customer afterwards"),
        required("wallet", ANYTHING, "the wallet afterwards"),
    ],
    unknown: Unknown::Refused,
};

const UNDONE_REFERRAL: ObjectShape = ObjectShape {
    name: "UndoneReferral",
    fields: &[
        required("event_id", Shape::Uuid, "the event of whoever referred the customer"),
        required("customer_id", ANY_TEXT, "who referred"),
        required("status", ANY_TEXT, "what it would be"),
        required("receipt", list(&Shape::Object(&RECEIPT_LINE)), "what would be undone, kept or owed there"),
    ],
    unknown: Unknown::Refused,
};

/// What reversing an event would come to.
pub const REVERSAL_PLAN: ObjectShape = ObjectShape {
    name: "ReversalPlan",
    fields: &[
        required("event_id", Shape::Uuid, "the event"),
        required("status", ANY_TEXT, "what it would be"),
        required("receipt", list(&Shape::Object(&RECEIPT_LINE)), "what would be undone, kept or owed"),
        optional("result", Shape::Object(&RESULT), "how things would stand"),
        optional(
            "referrers",
            list(&Shape::Object(&UNDONE_REFERRAL)),
            "what of it others lose who referred the customer",
        ),
        required("plan_token", ANY_TEXT, "sent with the reversal, it comes to exactly this or is refused"),
    ],
    unknown: Unknown::Refused,
};

const LEDGER_ENTRY: ObjectShape = ObjectShape {
    name: "LedgerEntry",
    fields: &[
        required("what", ANY_TEXT, "what was booked"),
        required("amount", NUMBER, "how much"),
        required("lot", COUNT, "the lot it belongs to"),
        optional("reward_id", Shape::Uuid, "of what"),
        optional("campaign_id", Shape::Uuid, "given by which campaign"),
        optional("rule", COUNT, "by which of its rules"),
        required("at", Shape::Instant, "when"),
    ],
    unknown: Unknown::Refused,
};

/// Why campaigns rewarded an event or did not, and what was booked.
pub const EXPLAINED: ObjectShape = ObjectShape {
    name: "ExplainedEvent",
    fields: &[
        optional("event_id", Shape::Uuid, "the event; absent for one that was not sent"),
        required("status", ANY_TEXT, "what became of it"),
        required("program_version", COUNT, "the program it was judged by"),
        optional("reason", Shape::Object(&REASON), "why it failed or was not processed"),
        required("rewarding_campaigns", list(&Shape::Object(&REWARDING)), "the campaigns that rewarded it"),
        required("campaigns", list(&Shape::Object(&TRACE)), "campaigns with the event's trigger"),
        required("not_shown", COUNT, "how many more there were"),
        required("ledger", list(&Shape::Object(&LEDGER_ENTRY)), "what was booked"),
    ],
    unknown: Unknown::Refused,
};
