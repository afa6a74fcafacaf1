//! Audience members, journeys under way, messages, deliveries and sums.

use super::{ANY_TEXT, COUNT, NUMBER, list};
use masivo_core::shape::{ObjectShape, Shape, Unknown, optional, required};

/// A member of an audience; contact fields are there while consent allows them.
pub const MEMBER: ObjectShape = ObjectShape {
    name: "Member",
    fields: &[
        required("customer_id", ANY_TEXT, "the customer"),
        required("since", Shape::Instant, "since when"),
        optional("until", Shape::Instant, "until when, nothing else happening"),
        optional("email", ANY_TEXT, "e-mail address, while e-mail is allowed"),
        optional("device_token", ANY_TEXT, "push token, while push is allowed"),
    ],
    unknown: Unknown::Refused,
};

const BECAUSE: ObjectShape = ObjectShape {
    name: "MembershipCause",
    fields: &[
        required("what", ANY_TEXT, "what kind of fact it was: event, due, consent, listed, …"),
        required("at", Shape::Instant, "when"),
        optional("event_id", Shape::Uuid, "the event"),
    ],
    unknown: Unknown::Refused,
};

/// Why a customer is in an audience or is not.
pub const MEMBERSHIP: ObjectShape = ObjectShape {
    name: "ExplainedMembership",
    fields: &[
        required("audience_id", Shape::Uuid, "the audience"),
        required("name", ANY_TEXT, "its name"),
        required("customer_id", ANY_TEXT, "the customer"),
        required("inside", Shape::Flag, "whether the customer is in"),
        optional("since", Shape::Instant, "since when that is so"),
        optional("until", Shape::Instant, "until when, nothing else happening"),
        optional("because", Shape::Object(&BECAUSE), "what made it so"),
        optional("outside_because", ANY_TEXT, "why the rule is not asked"),
        optional("recalculating", Shape::Flag, "true while customers are looked at again after a change"),
        optional(
            "rule",
            Shape::Any,
            "the rule: all or any of nodes, or a condition; each with its truth, a condition with what it saw and the events that count for it",
        ),
    ],
    unknown: Unknown::Refused,
};

/// A customer entered an audience, or left it.
pub const TURN: ObjectShape = ObjectShape {
    name: "AudienceTurn",
    fields: &[
        required("number", COUNT, "its place: what to go on after"),
        optional("customer_id", ANY_TEXT, "the customer; null once deleted"),
        required("what", Shape::Choice(&["entered", "left"]), "which of both"),
        required("at", Shape::Instant, "when"),
        optional("because", Shape::Object(&BECAUSE), "what made it so"),
    ],
    unknown: Unknown::Refused,
};

/// An audience at the end of a day.
pub const AUDIENCE_SIZE: ObjectShape = ObjectShape {
    name: "AudienceSize",
    fields: &[
        required("day", Shape::DateOrInstant, "the UTC day"),
        required("members", COUNT, "how many were in at its end"),
        required("entered", COUNT, "how many entered on it"),
        required("left", COUNT, "how many left on it"),
    ],
    unknown: Unknown::Refused,
};

const OVERLAP: ObjectShape = ObjectShape {
    name: "AudienceOverlap",
    fields: &[
        required("audience_id", Shape::Uuid, "the other audience"),
        required("name", ANY_TEXT, "its name"),
        required("both", COUNT, "how many would be in both"),
    ],
    unknown: Unknown::Refused,
};

const REMARK: ObjectShape = ObjectShape {
    name: "PreviewRemark",
    fields: &[
        required("code", ANY_TEXT, "a stable code"),
        required("message", ANY_TEXT, "what deserves a look"),
    ],
    unknown: Unknown::Refused,
};

/// How many a rule gathers that is not an audience yet.
pub const AUDIENCE_PREVIEWED: ObjectShape = ObjectShape {
    name: "AudiencePreview",
    fields: &[
        required("size", COUNT, "how many it gathers now"),
        required("exact", Shape::Flag, "whether every customer was looked at"),
        required("margin", COUNT, "what the size may be off by, in nineteen of twenty cases"),
        required("customers", COUNT, "how many customers there are"),
        required("looked_at", COUNT, "how many were looked at"),
        required(
            "changes_within_a_day",
            COUNT,
            "for how many that changes within a day, nothing else happening",
        ),
        required("overlaps", list(&Shape::Object(&OVERLAP)), "audiences that have members in common with it"),
        required("members", list(&ANY_TEXT), "some who are in"),
        required("remarks", list(&Shape::Object(&REMARK)), "what deserves a look"),
    ],
    unknown: Unknown::Refused,
};

/// A customer on the way through a journey.
pub const INSTANCE: ObjectShape = ObjectShape {
    name: "JourneyInstance",
    fields: &[
        required("customer_id", ANY_TEXT, "the customer"),
        required("instance", COUNT, "which one of the customer's it is"),
        required("version", COUNT, "the journey's version the customer walks"),
        optional("step", ANY_TEXT, "the step the customer stands at"),
        required("entered_at", Shape::Instant, "when the customer came in"),
        required("waits_for", ANY_TEXT, "what goes on next"),
        required("wakes_at", Shape::Instant, "when it goes on"),
    ],
    unknown: Unknown::Refused,
};

/// A message or a delivery: one row, sent or not, with its reason.
pub const DELIVERY: ObjectShape = ObjectShape {
    name: "Delivery",
    fields: &[
        required("id", Shape::Uuid, "its id: the same on every attempt"),
        required(
            "status",
            Shape::Choice(&["queued", "claimed", "confirmed", "refused", "unknown", "suppressed"]),
            "how far it has come",
        ),
        optional("reason", ANY_TEXT, "why it was not sent, or what the other side said"),
        required("attempts", COUNT, "how often it was handed over"),
        required("made_at", Shape::Instant, "when it was made"),
        required("changed_at", Shape::Instant, "when its status changed last, in wall time"),
        optional("next_attempt_at", Shape::Instant, "when it is tried next, in wall time"),
        required(
            "channel",
            Shape::Choice(&["email", "webhook", "erase_mails", "push_topic"]),
            "how it leaves",
        ),
        optional("customer_id", ANY_TEXT, "the customer; null once deleted"),
        optional("webhook_id", Shape::Uuid, "the webhook"),
        optional("event", ANY_TEXT, "what the webhook is told"),
        optional("journey_id", Shape::Uuid, "the journey"),
        optional("journey_version", COUNT, "its version"),
        optional("step", ANY_TEXT, "its step"),
        optional("template_id", Shape::Uuid, "the template"),
        optional("audience_id", Shape::Uuid, "the audience whose push topic it is"),
        optional("topic", ANY_TEXT, "the push topic"),
        optional("action", Shape::Choice(&["subscribe", "unsubscribe"]), "what happens to device and topic"),
    ],
    unknown: Unknown::Refused,
};

/// The words for the status of a delivery.
pub const DELIVERY_STATUS: Shape =
    Shape::Choice(&["queued", "claimed", "confirmed", "refused", "unknown", "suppressed"]);

/// One sum of one day.
pub const DAILY_SUM: ObjectShape = ObjectShape {
    name: "DailySum",
    fields: &[
        required("day", Shape::DateOrInstant, "the day, in UTC"),
        required("key", ANY_TEXT, "what is counted, for example event/PURCHASE/RESOLVED"),
        required("count", COUNT, "how many"),
        required("amount", NUMBER, "how much"),
    ],
    unknown: Unknown::Refused,
};

/// What a campaign gave of a reward, and what became of it.
pub const CAMPAIGN_REPORT: ObjectShape = ObjectShape {
    name: "CampaignReport",
    fields: &[
        optional("day", ANY_TEXT, "the UTC day, when lines are by day"),
        optional("campaign_id", Shape::Uuid, "the campaign; absent for what no campaign gave"),
        optional("campaign", ANY_TEXT, "its name"),
        optional("funded_by", ANY_TEXT, "who pays for it"),
        optional("reward_id", Shape::Uuid, "the reward"),
        required("issued", NUMBER, "given, or brought in from elsewhere"),
        required("redeemed", NUMBER, "redeemed, less what came back"),
        required("expired", NUMBER, "expired"),
        required("forfeited", NUMBER, "given up with a deletion, or taken by hand"),
        required("reversed", NUMBER, "taken back while it could be spent"),
        required("reversed_after_spending", NUMBER, "taken back when it was spent already"),
        required("outstanding", NUMBER, "what customers hold of it at the end of the span, or of the day"),
        optional("liability", NUMBER, "what that is worth: × conversion factor"),
        optional(
            "breakage",
            NUMBER,
            "the part (0 to 1) of everything ever given that expired or was forfeited",
        ),
    ],
    unknown: Unknown::Refused,
};

/// What the campaigns of a funder cost.
pub const FUNDER_REPORT: ObjectShape = ObjectShape {
    name: "FunderReport",
    fields: &[
        optional("funded_by", ANY_TEXT, "who pays; absent where nobody is named"),
        required("issued_value", NUMBER, "what was given is worth"),
        required(
            "redeemed_value",
            NUMBER,
            "what was redeemed is worth, less what came back: what is to be settled",
        ),
        required("liability", NUMBER, "what is left to be redeemed at the end of the span is worth"),
    ],
    unknown: Unknown::Refused,
};
