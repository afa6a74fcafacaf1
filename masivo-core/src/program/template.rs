//! Templates: the text of messages. The connectors render them; here they are only kept.

use crate::limits::TEMPLATE_BYTES_MAX;
use crate::prelude::*;
use crate::shape::{LONG_TEXT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::Json;

/// A template of an e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSpec {
    /// Its name.
    pub name: String,
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML text, when there is one.
    pub html: Option<String>,
    /// What happens with a value that is missing.
    pub missing: MissingValue,
}

/// What happens with a value that is missing when a template is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingValue {
    /// It is left blank.
    Blank,
    /// The message is not sent, with that reason.
    Refuse,
}

/// A template as it is written.
pub const TEMPLATE: ObjectShape = ObjectShape {
    name: "Template",
    fields: &[
        required("name", TEXT, "its name"),
        optional("description", LONG_TEXT, "what it is for"),
        optional("channel", Shape::Choice(&["email"]), "email; push, WhatsApp and in-app are not there yet"),
        required("subject", Shape::Text(2_000), "the subject line, with {{variables}}"),
        required("text", Shape::Text(TEMPLATE_BYTES_MAX), "the plain text, with {{variables}}"),
        optional("html", Shape::Text(TEMPLATE_BYTES_MAX), "the HTML text; variables are escaped in it"),
        optional(
            "missing",
            Shape::Choice(&["blank", "refuse"]),
            "what happens with a missing value; blank when left out",
        ),
    ],
    unknown: Unknown::Refused,
};

pub(super) fn read(json: &Json) -> TemplateSpec {
    let text = |name: &str| json.text(name).unwrap_or_default().to_owned();
    TemplateSpec {
        name: text("name"),
        subject: text("subject"),
        text: text("text"),
        html: json.text("html").map(ToOwned::to_owned),
        missing: if json.text("missing") == Some("refuse") {
            MissingValue::Refuse
        } else {
            MissingValue::Blank
        },
    }
}
