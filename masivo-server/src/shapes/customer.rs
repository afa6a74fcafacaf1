//! Customers, wallets, consent.

use super::{ANY_TEXT, COUNT, NUMBER, REWARD_READ, list};
use masivo_core::profile::TAGS;
use masivo_core::shape::{Field, ObjectShape, Shape, Unknown, optional, required};

const ANYTHING: Shape = Shape::Map(&Shape::Any, 1_000);
const FLAGS: Shape = Shape::Map(&Shape::Flag, 1_000);

/// A recorded consent.
pub const CONSENT_READ: ObjectShape = ObjectShape {
    name: "RecordedConsent",
    fields: &[
        optional("consent_string", ANY_TEXT, "IAB TCF string"),
        optional("version", ANY_TEXT, "version of the consent text"),
        optional("consent_timestamp", Shape::DateOrInstant, "when the customer decided"),
        optional("source", ANY_TEXT, "where the customer decided"),
        optional("purposes", FLAGS, "what is allowed"),
        optional("vendors", FLAGS, "which integrations are allowed"),
        required("updated_at", Shape::Instant, "when it was recorded"),
    ],
    unknown: Unknown::Refused,
};

/// The consent as it is, and what it blocks.
pub const CONSENT_STATE: ObjectShape = ObjectShape {
    name: "ConsentState",
    fields: &[
        optional("consent", Shape::Object(&CONSENT_READ), "the record; null when there is none"),
        required("blocked", list(&ANY_TEXT), "the purposes that are blocked now"),
    ],
    unknown: Unknown::Refused,
};

const DEVICE_READ: ObjectShape = ObjectShape {
    name: "RegisteredDevice",
    fields: &[
        required("device_token", ANY_TEXT, "the push token"),
        optional("device_info", ANYTHING, "what kind of device it is"),
        required("created_at", Shape::Instant, "when it was registered"),
        required("expires_at", Shape::Instant, "until when it is used"),
    ],
    unknown: Unknown::Refused,
};

const PERIOD: ObjectShape = ObjectShape {
    name: "PeriodMetrics",
    fields: &[
        optional("from", Shape::Instant, "from when on"),
        optional("to", Shape::Instant, "until when"),
        optional("tier_id", Shape::Uuid, "the tier"),
        required("spend_total", NUMBER, "money spent"),
        required("number_of_purchases", COUNT, "purchases"),
        optional("last_visit", Shape::Instant, "the latest visit"),
    ],
    unknown: Unknown::Refused,
};

const REFERRED: ObjectShape = ObjectShape {
    name: "Referred",
    fields: &[
        required("campaign_id", Shape::Uuid, "the campaign"),
        required("name", ANY_TEXT, "its name"),
        required("completed", Shape::Flag, "whether the customer did what the campaign waits for"),
    ],
    unknown: Unknown::Refused,
};
const STREAK: ObjectShape = ObjectShape {
    name: "Streak",
    fields: &[
        required("campaign_id", Shape::Uuid, "the campaign"),
        required("name", ANY_TEXT, "its name"),
        required("periods", COUNT, "periods in a row so far"),
        required("of", COUNT, "how many make it complete"),
        required("period", ANY_TEXT, "what a period is"),
        optional(
            "continues_until",
            Shape::Instant,
            "when it breaks off unless something qualifies before; absent for a complete one that waits",
        ),
    ],
    unknown: Unknown::Refused,
};
const RFM: ObjectShape = ObjectShape {
    name: "Rfm",
    fields: &[
        optional("recency_days", COUNT, "whole days since the last visit"),
        required("frequency", COUNT, "purchases"),
        required("monetary", NUMBER, "money spent"),
    ],
    unknown: Unknown::Refused,
};

const CUSTOMER_FIELDS: &[Field] = &[
    required("id", Shape::Id, "the merchant's own id"),
    required("status", Shape::Choice(&["ACTIVE", "INACTIVE", "DELETED"]), "whether the customer takes part"),
    required("is_anonymous", Shape::Flag, "whether nobody knows who it is"),
    optional("name", ANY_TEXT, "full name"),
    optional("email", ANY_TEXT, "e-mail address"),
    optional("email_status", ANY_TEXT, "what is known of the address"),
    optional("platforms", list(&ANY_TEXT), "where the customer comes from"),
    optional("gender", ANY_TEXT, "MALE or FEMALE"),
    optional("dob", Shape::DateOrInstant, "date of birth"),
    optional("document_type", ANY_TEXT, "kind of identity document"),
    optional("document_number", ANY_TEXT, "its number"),
    optional("country", ANY_TEXT, "the country"),
    optional("phone", ANY_TEXT, "phone number"),
    optional("phone_verified", Shape::Flag, "whether it was verified"),
    optional("referral_code", ANY_TEXT, "the code the customer came with"),
    required("registration_date", Shape::Instant, "when the customer registered"),
    optional("tags", TAGS, "tags that conditions look at"),
    optional("metadata", ANYTHING, "anything else"),
    optional("consent", Shape::Object(&CONSENT_READ), "the recorded consent"),
    optional("devices", list(&Shape::Object(&DEVICE_READ)), "devices for push"),
    optional("tier_id", Shape::Uuid, "the tier"),
    required(
        "metrics",
        Shape::Map(&Shape::Object(&PERIOD), 20),
        "by period: lifetime, this_year, last_year …",
    ),
    required("rfm", Shape::Object(&RFM), "recency, frequency, monetary value"),
    optional("traits", ANYTHING, "computed traits by their names; null where there is no value"),
    optional("referrals", list(&Shape::Object(&REFERRED)), "campaigns in which others referred the customer"),
    required("streaks", list(&Shape::Object(&STREAK)), "score streaks the customer is in the middle of"),
    optional("audiences", list(&Shape::Object(&AUDIENCE_OF)), "the audiences the customer is in"),
];

const AUDIENCE_OF: ObjectShape = ObjectShape {
    name: "AudienceOfCustomer",
    fields: &[
        required("id", Shape::Uuid, "the audience"),
        required("name", ANY_TEXT, "its name"),
        required("since", Shape::Instant, "since when"),
        optional("until", Shape::Instant, "until when, nothing else happening"),
    ],
    unknown: Unknown::Refused,
};

/// A customer.
pub const CUSTOMER: ObjectShape =
    ObjectShape { name: "Customer", fields: CUSTOMER_FIELDS, unknown: Unknown::Refused };

const LINE: ObjectShape = ObjectShape {
    name: "WalletLine",
    fields: &[
        required("amount", NUMBER, "how much"),
        required("lot", COUNT, "the lot's number in this wallet"),
        optional("reward_id", Shape::Uuid, "of what"),
        optional("campaign_id", Shape::Uuid, "given by which campaign"),
        required("issued_at", Shape::Instant, "when it was given"),
        optional("expiration_date", Shape::Instant, "when it expires"),
        optional("reservation_expires_at", Shape::Instant, "until when it is held"),
    ],
    unknown: Unknown::Refused,
};

const TOTAL: ObjectShape = ObjectShape {
    name: "WalletTotal",
    fields: &[
        optional("reward_id", Shape::Uuid, "of what"),
        required("total", NUMBER, "what can be spent"),
        required("held", NUMBER, "what waiting events hold"),
        required("debt", NUMBER, "what future points pay back first"),
        optional("expiration_date", Shape::Instant, "when the next of it expires"),
        optional("reward", Shape::Object(&REWARD_READ), "the reward"),
    ],
    unknown: Unknown::Refused,
};

const PUNCH_CARD: ObjectShape = ObjectShape {
    name: "PunchCard",
    fields: &[
        required("campaign_id", Shape::Uuid, "the campaign"),
        required("name", ANY_TEXT, "its name"),
        required("stamps", NUMBER, "stamps on the card"),
        required("of", NUMBER, "how many fill it"),
        required("held", NUMBER, "stamps that waiting events are to exchange"),
        required("owed", NUMBER, "stamps that the next ones pay back first"),
        required("cards_filled", NUMBER, "cards that were exchanged"),
        optional("expiration_date", Shape::Instant, "until when the card lives"),
        required("allowed", Shape::Flag, "whether the customer's consent allows more stamps"),
    ],
    unknown: Unknown::Refused,
};

/// A wallet.
pub const WALLET: ObjectShape = ObjectShape {
    name: "Wallet",
    fields: &[
        required("id", Shape::Uuid, "its id"),
        required("owner_id", Shape::Uuid, "the customer's inner id"),
        required("customer_id", ANY_TEXT, "the merchant's id"),
        required("lines", list(&Shape::Object(&LINE)), "one line a lot"),
        required("totals", list(&Shape::Object(&TOTAL)), "one total a reward"),
        required(
            "punch_cards",
            list(&Shape::Object(&PUNCH_CARD)),
            "one card a campaign that ever stamped it",
        ),
    ],
    unknown: Unknown::Refused,
};

/// A customer with the wallet.
pub const CUSTOMER_AND_WALLET: ObjectShape = ObjectShape {
    name: "CustomerAndWallet",
    fields: &[
        required("customer", Shape::Object(&CUSTOMER), "the customer"),
        required("wallet", Shape::Object(&WALLET), "the wallet"),
    ],
    unknown: Unknown::Refused,
};

/// A one-time code.
pub const ONE_TIME_CODE: ObjectShape = ObjectShape {
    name: "OneTimeCode",
    fields: &[
        required("code", ANY_TEXT, "6 digits, more while many are out"),
        required("expired_at", Shape::Instant, "until when it is good"),
    ],
    unknown: Unknown::Refused,
};

/// Whose one-time code it was.
pub const CODE_TAKEN: ObjectShape = ObjectShape {
    name: "OneTimeCodeOwner",
    fields: &[
        required("customer", Shape::Object(&CUSTOMER), "the customer"),
        required("wallet", Shape::Object(&WALLET), "the wallet"),
        optional("metadata", Shape::Any, "what was sent with the code"),
    ],
    unknown: Unknown::Refused,
};

/// One change of consent.
pub const CONSENT_RECEIPT: ObjectShape = ObjectShape {
    name: "ConsentReceipt",
    fields: &[
        required("at", Shape::Instant, "when it was recorded"),
        required("source", ANY_TEXT, "where the customer decided"),
        optional("version", ANY_TEXT, "version of the consent text"),
        optional("sent", Shape::Any, "what was sent"),
        required("blocked", list(&ANY_TEXT), "the purposes that were blocked afterwards"),
    ],
    unknown: Unknown::Refused,
};

/// Something that happened to a customer.
pub const HAPPENING: ObjectShape = ObjectShape {
    name: "Happening",
    fields: &[
        required("sequence", COUNT, "its place in the order of everything"),
        required("at", Shape::Instant, "when"),
        required("what", ANY_TEXT, "what it is"),
        optional("event_id", Shape::Uuid, "the event"),
        optional("event_type", ANY_TEXT, "the event's type"),
        optional("status", ANY_TEXT, "the event's status now"),
        optional("data", Shape::Any, "what was sent"),
        required("changes", list(&ANY_TEXT), "what changed, for people to read"),
    ],
    unknown: Unknown::Refused,
};
