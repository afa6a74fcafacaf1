//! What answers look like, in the same terms as requests.

mod bodies;
mod customer;
mod definition;
mod event;
mod message;

pub use bodies::*;
pub use customer::*;
pub use definition::*;
pub use event::*;
pub use message::*;

use masivo_core::shape::{ObjectShape, Shape, Unknown, optional, required};
use masivo_core::value::Decimal;

/// Any number.
pub const NUMBER: Shape = Shape::Number(Decimal::MIN, Decimal::MAX);
/// A count.
pub const COUNT: Shape = Shape::Integer(0, 9_000_000_000_000);
/// A text of any length that may be empty.
pub const ANY_TEXT: Shape = Shape::TextOrEmpty(1_048_576);

/// A list of answers.
pub const fn list(of: &'static Shape) -> Shape {
    Shape::List(of, 1_000_000)
}

/// One thing that is wrong or deserves a look.
pub const PROBLEM: ObjectShape = ObjectShape {
    name: "Problem",
    fields: &[
        required(
            "pointer",
            ANY_TEXT,
            "JSON pointer to the value; ?name for a parameter; empty for the whole",
        ),
        required("code", ANY_TEXT, "stable code"),
        required("message", ANY_TEXT, "what is wrong"),
        optional("hint", ANY_TEXT, "what to do about it"),
    ],
    unknown: Unknown::Refused,
};

/// Every error.
pub const ERROR: ObjectShape = ObjectShape {
    name: "Error",
    fields: &[
        required("error", ANY_TEXT, "what is wrong"),
        required("details", ANY_TEXT, "what to do about it"),
        required("code", ANY_TEXT, "stable code"),
        required("problems", list(&Shape::Object(&PROBLEM)), "everything that is wrong with the request"),
        optional("requirement", ANY_TEXT, "what a customer has to fulfil first, in the merchant's words"),
        required("request_id", ANY_TEXT, "the number under which the log knows the request"),
    ],
    unknown: Unknown::Refused,
};

/// A row of an answer to many: what the row would have been answered alone.
pub const ROW: ObjectShape = ObjectShape {
    name: "Row",
    fields: &[
        required("status", Shape::Integer(200, 599), "the status the row would have had alone"),
        optional("data", Shape::Any, "the answer"),
        optional("warnings", list(&Shape::Object(&PROBLEM)), "what deserves a look"),
        optional("error", ANY_TEXT, "what is wrong"),
        optional("details", ANY_TEXT, "what to do about it"),
        optional("code", ANY_TEXT, "stable code"),
        optional("problems", list(&Shape::Object(&PROBLEM)), "everything that is wrong with the row"),
    ],
    unknown: Unknown::Refused,
};

/// An access token: three parts of base64.
pub const TOKEN: Shape = Shape::Text(2_000);

/// The instant the engine lives in.
pub const CLOCK: ObjectShape = ObjectShape {
    name: "Clock",
    fields: &[required("now", Shape::Instant, "the instant the engine lives in")],
    unknown: Unknown::Refused,
};

/// A key as it is listed.
pub const KEY: ObjectShape = ObjectShape {
    name: "Key",
    fields: &[
        required("id", ANY_TEXT, "its id, which is no secret"),
        required("name", ANY_TEXT, "a word to know it by"),
        required("kind", Shape::Choice(&["SERVER", "CLIENT"]), "what it may"),
        required("created_at", Shape::Instant, "when it was made"),
        optional("revoked_at", Shape::Instant, "when it was revoked"),
    ],
    unknown: Unknown::Refused,
};

/// A key as it is answered when it is made.
pub const NEW_KEY: ObjectShape = ObjectShape {
    name: "NewKey",
    fields: &[
        required("id", ANY_TEXT, "its id, which is no secret"),
        required("name", ANY_TEXT, "a word to know it by"),
        required("kind", Shape::Choice(&["SERVER", "CLIENT"]), "what it may"),
        required("key", ANY_TEXT, "the key itself: shown only now"),
        required("created_at", Shape::Instant, "when it was made"),
    ],
    unknown: Unknown::Refused,
};

/// Whether the server is up, or ready.
pub const HEALTH: ObjectShape = ObjectShape {
    name: "Health",
    fields: &[required("status", Shape::Choice(&["up", "ready"]), "up, or ready")],
    unknown: Unknown::Refused,
};

/// How many things were done.
pub const DONE_COUNT: ObjectShape = ObjectShape {
    name: "DoneCount",
    fields: &[
        required("data", Shape::Object(&COUNTED), "how many"),
        required("message", ANY_TEXT, "the same in words"),
        required("details", ANY_TEXT, "what became of the others"),
        optional("warnings", list(&Shape::Object(&PROBLEM)), "what deserves a look"),
    ],
    unknown: Unknown::Refused,
};
const COUNTED: ObjectShape = ObjectShape {
    name: "Counted",
    fields: &[required("count", COUNT, "how many")],
    unknown: Unknown::Refused,
};

/// A thing that was dealt with.
pub const DONE: ObjectShape = ObjectShape {
    name: "Done",
    fields: &[required("id", ANY_TEXT, "its id"), required("status", ANY_TEXT, "what it is now")],
    unknown: Unknown::Refused,
};
