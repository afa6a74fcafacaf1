//! The shape of a JSON document: one description that checks requests and becomes the API description.

use crate::limits::{CUSTOMER_ID_BYTES_MAX, LONG_TEXT_BYTES_MAX, TEXT_BYTES_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::value::{Decimal, Json, Timestamp, parse_uuid};

/// What a JSON value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything.
    Any,
    /// `true` or `false`.
    Flag,
    /// A text of 1 to so many bytes, without control characters other than line breaks and tabs.
    Text(usize),
    /// A text that may be empty.
    TextOrEmpty(usize),
    /// A merchant's own id: 1 to 255 bytes, no control characters.
    Id,
    /// An e-mail address of the form `local@domain`, at most 254 bytes.
    Email,
    /// A number from the first to the second bound.
    Number(Decimal, Decimal),
    /// A whole number from the first to the second bound.
    Integer(i64, i64),
    /// An instant in RFC 3339.
    Instant,
    /// An instant in RFC 3339, or a date `YYYY-MM-DD`.
    DateOrInstant,
    /// A UUID.
    Uuid,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of at most so many items.
    List(&'static Self, usize),
    /// An object with these fields.
    Object(&'static ObjectShape),
    /// An object with free names, at most so many, whose values have that shape.
    Map(&'static Self, usize),
    /// That shape, or `null`.
    Nullable(&'static Self),
    /// One of these shapes; the first that fits counts.
    Either(&'static [Self]),
}

/// An object with named fields.
#[derive(Debug)]
pub struct ObjectShape {
    /// The schema's name in the API description.
    pub name: &'static str,
    /// The fields.
    pub fields: &'static [Field],
    /// What happens with a field that is not listed.
    pub unknown: Unknown,
}

/// What happens with a field that is not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is ignored and named in `warnings[]`: requests shaped by the product.
    Warned,
    /// It is a problem: our own endpoints and rule trees.
    Refused,
    /// It is kept as it is.
    Kept,
}

/// One field of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// The shape of its value; `null` counts as absent when the field is not required.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub about: &'static str,
}

/// A field that must be there.
pub const fn required(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: true, about }
}

/// A field that may be absent or `null`.
pub const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: false, about }
}

/// A short text.
pub const TEXT: Shape = Shape::Text(TEXT_BYTES_MAX);
/// A long text.
pub const LONG_TEXT: Shape = Shape::TextOrEmpty(LONG_TEXT_BYTES_MAX);
/// An amount of money or points that is not negative.
pub const AMOUNT: Shape = Shape::Number(Decimal::ZERO, Decimal::from_micros(1_000_000_000_000_000_000));
/// An amount whose sign says which way it goes.
pub const SIGNED_AMOUNT: Shape = Shape::Number(
    Decimal::from_micros(-1_000_000_000_000_000_000),
    Decimal::from_micros(1_000_000_000_000_000_000),
);

impl Shape {
    /// Checks a document; everything that does not fit goes into `report`, with its place.
    pub fn check(&self, json: &Json, at: &Pointer<'_>, report: &mut Report) {
        if let Err(expected) = self.check_kind(json) {
            report.problem(
                at,
                expected.code,
                format!("{} but got {}", expected.text, show(json)),
                expected.hint,
            );
            return;
        }
        match self {
            Self::List(of, _) => {
                for (index, item) in json.items().iter().enumerate() {
                    of.check(item, &at.index(index), report);
                }
            }
            Self::Map(of, _) => {
                for (name, value) in json.fields() {
                    of.check(value, &at.field(name), report);
                }
            }
            Self::Object(object) => object.check(json, at, report),
            Self::Nullable(of) if !json.is_null() => of.check(json, at, report),
            Self::Either(shapes) => check_either(shapes, json, at, report),
            Self::Nullable(_)
            | Self::Any
            | Self::Flag
            | Self::Text(_)
            | Self::TextOrEmpty(_)
            | Self::Id
            | Self::Email
            | Self::Number(..)
            | Self::Integer(..)
            | Self::Instant
            | Self::DateOrInstant
            | Self::Uuid
            | Self::Choice(_) => {}
        }
    }

    /// The document without fields that are unknown and ignored, and without absent (`null`) ones.
    pub fn prune(&self, json: &Json) -> Json {
        match (self, json) {
            (Self::Object(object), Json::Object(fields)) => Json::Object(
                fields
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .filter_map(|(name, value)| {
                        let field = object.fields.iter().find(|field| field.name == name);
                        match field {
                            Some(field) => Some((name.clone(), field.shape.prune(value))),
                            None if object.unknown == Unknown::Kept => Some((name.clone(), value.clone())),
                            None => None,
                        }
                    })
                    .collect(),
            ),
            (Self::List(of, _), Json::List(items)) => {
                Json::List(items.iter().map(|item| of.prune(item)).collect())
            }
            (Self::Nullable(of), _) => of.prune(json),
            _ => json.clone(),
        }
    }

    /// Checks the value itself, without what is below it.
    fn check_kind(&self, json: &Json) -> Result<(), Expected> {
        let fits = match (self, json) {
            (Self::Any | Self::Either(_) | Self::Nullable(_), _)
            | (Self::Flag, Json::Bool(_))
            | (Self::Object(_), Json::Object(_)) => true,
            (Self::Text(most), Json::Text(text)) => {
                !text.trim().is_empty() && text.len() <= *most && is_printable(text)
            }
            (Self::TextOrEmpty(most), Json::Text(text)) => text.len() <= *most && is_printable(text),
            (Self::Id, Json::Text(text)) => is_id(text),
            (Self::Email, Json::Text(text)) => is_email(text),
            (Self::Number(least, most), Json::Number(number)) => least <= number && number <= most,
            (Self::Integer(least, most), Json::Number(number)) => {
                number.to_integer().is_some_and(|number| (*least..=*most).contains(&number))
            }
            (Self::Instant, Json::Text(text)) => Timestamp::parse(text).is_some(),
            (Self::DateOrInstant, Json::Text(text)) => Timestamp::parse_date_or_time(text).is_some(),
            (Self::Uuid, Json::Text(text)) => parse_uuid(text).is_some(),
            (Self::Choice(words), Json::Text(text)) => words.contains(&text.as_str()),
            (Self::List(_, most), Json::List(items)) => items.len() <= *most,
            (Self::Map(_, most), Json::Object(fields)) => fields.len() <= *most,
            _ => false,
        };
        if fits { Ok(()) } else { Err(self.expected()) }
    }

    fn expected(&self) -> Expected {
        let say = |code, text: String, hint| Expected { code, text, hint };
        match self {
            Self::Flag => say("not_a_boolean", "expected true or false".into(), ""),
            Self::Text(most) => say("not_a_text", format!("expected a text of 1 to {most} bytes"), ""),
            Self::TextOrEmpty(most) => {
                say("not_a_text", format!("expected a text of at most {most} bytes"), "")
            }
            Self::Id => say(
                "not_an_id",
                format!("expected an id of 1 to {CUSTOMER_ID_BYTES_MAX} bytes without control characters"),
                "",
            ),
            Self::Email => {
                say("not_an_email", "expected an e-mail address".into(), "for example ana@example.com")
            }
            Self::Number(least, most) => say(
                "not_in_range",
                format!("expected a number from {least} to {most}"),
                "send a JSON number, not a text",
            ),
            Self::Integer(least, most) => {
                say("not_in_range", format!("expected a whole number from {least} to {most}"), "")
            }
            Self::Instant => say(
                "not_an_instant",
                "expected an instant in RFC 3339".into(),
                "for example 2026-11-22T10:00:00Z",
            ),
            Self::DateOrInstant => say(
                "not_a_date",
                "expected a date or an instant in RFC 3339".into(),
                "for example 1990-05-17 or 1990-05-17T00:00:00Z",
            ),
            Self::Uuid => say("not_a_uuid", "expected a UUID".into(), ""),
            Self::Choice(words) => say("not_a_choice", format!("expected one of {}", words.join(", ")), ""),
            Self::List(_, most) => say("not_a_list", format!("expected a list of at most {most} items"), ""),
            Self::Object(_) => say("not_an_object", "expected an object".into(), ""),
            Self::Map(_, most) => {
                say("not_an_object", format!("expected an object of at most {most} entries"), "")
            }
            Self::Any | Self::Nullable(_) | Self::Either(_) => {
                say("not_fitting", "expected another value".into(), "")
            }
        }
    }
}

impl ObjectShape {
    fn check(&self, json: &Json, at: &Pointer<'_>, report: &mut Report) {
        for field in self.fields {
            match json.get(field.name) {
                Some(value) => field.shape.check(value, &at.field(field.name), report),
                None if field.required => report.problem(
                    &at.field(field.name),
                    "missing",
                    format!("`{}` is required", field.name),
                    field.about,
                ),
                None => {}
            }
        }
        if self.unknown == Unknown::Kept {
            return;
        }
        for (name, _) in json.fields() {
            if self.fields.iter().any(|field| field.name == name) {
                continue;
            }
            let place = at.field(name);
            match self.unknown {
                Unknown::Warned => {
                    report.warning(
                        &place,
                        "unknown_field",
                        format!("`{name}` is not known here and was ignored"),
                    );
                }
                Unknown::Refused => {
                    let known: Vec<&str> = self.fields.iter().map(|field| field.name).collect();
                    report.problem(
                        &place,
                        "unknown_field",
                        format!("`{name}` is not known here"),
                        format!("known are {}", known.join(", ")),
                    );
                }
                Unknown::Kept => {}
            }
        }
    }
}

fn check_either(shapes: &'static [Shape], json: &Json, at: &Pointer<'_>, report: &mut Report) {
    let mut nearest: Option<Report> = None;
    for shape in shapes {
        let mut attempt = Report::default();
        shape.check(json, at, &mut attempt);
        if !attempt.has_problems() {
            report.warnings.append(&mut attempt.warnings);
            return;
        }
        // The shape whose kind fits speaks for the value.
        if shape.check_kind(json).is_ok() || nearest.is_none() {
            nearest = Some(attempt);
        }
    }
    if let Some(mut nearest) = nearest {
        report.problems.append(&mut nearest.problems);
    }
}

struct Expected {
    code: &'static str,
    text: String,
    hint: &'static str,
}

/// A value as it may stand in a message: short, and texts by their length only, since they may be personal.
fn show(json: &Json) -> String {
    match json {
        Json::Null => "null".into(),
        Json::Bool(flag) => format!("`{flag}`"),
        Json::Number(number) => format!("`{number}`"),
        Json::Text(text) if text.len() <= 40 => format!("`{}`", text.escape_debug()),
        Json::Text(text) => format!("a text of {} bytes", text.len()),
        Json::List(items) => format!("a list of {} items", items.len()),
        Json::Object(fields) => format!("an object with {} fields", fields.len()),
    }
}

/// Whether a text is a merchant's own id: 1 to 255 bytes, no control characters.
pub fn is_id(text: &str) -> bool {
    (1..=CUSTOMER_ID_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
}

/// Whether a text has the form of an e-mail address; whether it exists only a mail server knows.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |text: &str| {
        text.chars().all(|character| {
            !character.is_control()
                && !character.is_whitespace()
                && !matches!(character, '<' | '>' | '"' | ',' | ';' | '@')
        })
    };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && plain(local)
        && plain(domain)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty() && label.len() <= 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: ObjectShape = ObjectShape {
        name: "Line",
        fields: &[required("sku", TEXT, "the product"), optional("amount", AMOUNT, "how many")],
        unknown: Unknown::Refused,
    };
    const ORDER: ObjectShape = ObjectShape {
        name: "Order",
        fields: &[
            required("id", Shape::Id, "the order"),
            optional("lines", Shape::List(&Shape::Object(&LINE), 2), "what was bought"),
            optional("note", Shape::Nullable(&TEXT), "a word"),
        ],
        unknown: Unknown::Warned,
    };

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut report = Report::default();
        let json = Json::read(text.as_bytes(), &mut report);
        Shape::Object(&ORDER).check(&json, &Pointer::root(), &mut report);
        let found: Vec<String> = report
            .problems
            .iter()
            .map(|problem| format!("{} {}", problem.pointer, problem.code))
            .chain(report.warnings.iter().map(|warning| format!("({} {})", warning.pointer, warning.code)))
            .collect();
        assert_eq!(found.join("; "), expected, "{text}");
    }

    #[test]
    fn all_problems_are_named_at_once_with_their_place() {
        check(r#"{"id":"a"}"#, "");
        check(r#"{"id":"a","note":null,"x":1}"#, "(/x unknown_field)");
        check(
            r#"{"id":"","lines":[{"amount":-1},{"sku":"s","z":0}]}"#,
            "/id not_an_id; /lines/0/sku missing; /lines/0/amount not_in_range; /lines/1/z unknown_field",
        );
        check(r#"{"id":"a\u0000b","lines":[1,2,3]}"#, "/id not_an_id; /lines not_a_list");
        check("[]", " not_an_object");
    }

    #[test]
    fn email_addresses_have_one_form() {
        for (text, expected) in [
            ("ana@example.com", true),
            ("ana.b+c@mail.example.com", true),
            ("ana", false),
            ("ana@", false),
            ("@example.com", false),
            ("ana@example", false),
            ("a na@example.com", false),
            ("ana@exa..mple.com", false),
            ("ana@example.com\r\nBcc: x@y.z", false),
        ] {
            assert_eq!(is_email(text), expected, "{text}");
        }
    }
}
