//! JSON with exact numbers, read within bounds.

use super::decimal::{Decimal, NumberError};
use crate::limits::{JSON_DEPTH_MAX, JSON_NODES_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use alloc::borrow::Cow;
use core::fmt;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The name of a field: those that answers are built with are not copied.
pub type Name = Cow<'static, str>;

/// A JSON value whose numbers are exact decimals and whose objects keep the order of their fields.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Decimal),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object; names are unique.
    Object(Vec<(Name, Self)>),
}

/// Starts an object: `object().with("a", 1).with("b", "x").build()`.
pub fn object() -> ObjectBuilder {
    ObjectBuilder(Vec::new())
}

/// Builds a [`Json::Object`] field by field.
#[derive(Clone, Debug, Default)]
pub struct ObjectBuilder(Vec<(Name, Json)>);

impl ObjectBuilder {
    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Json>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// Adds a field when there is a value, and nothing otherwise.
    #[must_use]
    pub fn with_some(self, name: impl Into<Name>, value: Option<impl Into<Json>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The finished object.
    pub fn build(self) -> Json {
        Json::Object(self.0)
    }
}

impl From<ObjectBuilder> for Json {
    fn from(builder: ObjectBuilder) -> Self {
        builder.build()
    }
}

impl Json {
    /// Reads one JSON text; problems and warnings go into `report`.
    ///
    /// Refused, each with a pointer where there is one: text that is not UTF-8 or not JSON, more than
    /// 32 levels or 200,000 values, names that occur twice, numbers beyond the exact range
    /// (see [`Decimal::read`]). Numbers with more than six places are rounded half-even with a warning.
    pub fn read(bytes: &[u8], report: &mut Report) -> Self {
        let mut nodes = 0;
        let root = Pointer::root();
        let reading = Reading { at: &root, depth: 0, nodes: &mut nodes, report };
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let read = reading.deserialize(&mut deserializer).and_then(|json| deserializer.end().map(|()| json));
        read.unwrap_or_else(|error| {
            let text = if core::str::from_utf8(bytes).is_err() {
                "the body is not valid UTF-8".to_owned()
            } else {
                format!("the body is not valid JSON: {error}")
            };
            report.problem(&root, "not_json", text, "send one complete JSON value in UTF-8");
            Self::Null
        })
    }

    /// Reads one JSON text, for callers that want all problems as an error.
    ///
    /// # Errors
    /// The report with at least one problem.
    pub fn parse(bytes: &[u8]) -> Result<Self, Report> {
        let mut report = Report::default();
        let json = Self::read(bytes, &mut report);
        if report.has_problems() { Err(report) } else { Ok(json) }
    }

    /// The same value with the fields of every object in the order of their names: two texts that say the same
    /// have the same sorted form.
    #[must_use]
    pub fn sorted(&self) -> Self {
        match self {
            Self::List(items) => Self::List(items.iter().map(Self::sorted).collect()),
            Self::Object(fields) => {
                let mut fields: Vec<_> =
                    fields.iter().map(|(name, value)| (name.clone(), value.sorted())).collect();
                fields.sort_by(|(one, _), (other, _)| one.cmp(other));
                Self::Object(fields)
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => self.clone(),
        }
    }

    /// The field of an object, unless it is absent or `null`.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value)
                .filter(|value| !value.is_null()),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The field of an object, also when it is `null`.
    pub fn get_or_null(&self, name: &str) -> Option<&Self> {
        self.fields().iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The value at a dotted path such as `store.city`.
    pub fn path(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, name| value.get(name))
    }

    /// The value of a field, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Object(fields) => {
                fields.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The fields of an object, none for other values.
    pub fn fields(&self) -> &[(Name, Self)] {
        match self {
            Self::Object(fields) => fields,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => &[],
        }
    }

    /// The items of a list, none for other values.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_) => &[],
        }
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The number, when it is one.
    pub fn as_number(&self) -> Option<Decimal> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The flag, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Null | Self::Number(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The text in a field.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::as_text)
    }

    /// The number in a field.
    pub fn number(&self, name: &str) -> Option<Decimal> {
        self.get(name).and_then(Self::as_number)
    }

    /// The flag in a field.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Self::as_bool)
    }

    /// The whole number in a field.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.number(name).and_then(Decimal::to_integer)
    }

    /// Whether it is `null`.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Puts a field into an object, in place of one of the same name; other values are left as they are.
    pub fn set(&mut self, name: impl Into<Name>, value: impl Into<Self>) {
        if let Self::Object(fields) = self {
            let (name, value) = (name.into(), value.into());
            match fields.iter_mut().find(|(field, _)| *field == name) {
                Some((_, slot)) => *slot = value,
                None => fields.push((name, value)),
            }
        }
    }

    /// Takes a field out of an object.
    pub fn remove(&mut self, name: &str) {
        if let Self::Object(fields) = self {
            fields.retain(|(field, _)| field != name);
        }
    }

    /// Merges another object into this one, field by field: `{...self, ...other}`.
    pub fn merge(&mut self, other: &Self) {
        self.absorb(other.clone());
    }

    /// The same with an object that is not needed any more: nothing of it is copied.
    pub fn absorb(&mut self, other: Self) {
        if let (Self::Object(fields), Self::Object(others)) = (self, other) {
            for (name, value) in others {
                match fields.iter_mut().find(|(field, _)| *field == name) {
                    Some((_, slot)) => *slot = value,
                    None => fields.push((name, value)),
                }
            }
        }
    }
}

/// The name under which the reader hands out the text of a number, so that none is lost to a float.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads one value at its place.
struct Reading<'a> {
    at: &'a Pointer<'a>,
    depth: usize,
    nodes: &'a mut usize,
    report: &'a mut Report,
}

impl Reading<'_> {
    fn below<'b>(&'b mut self, at: &'b Pointer<'b>) -> Reading<'b> {
        Reading { at, depth: self.depth + 1, nodes: &mut *self.nodes, report: &mut *self.report }
    }

    fn number(self, text: &str) -> Json {
        match Decimal::read(text) {
            Ok((number, rounded)) => {
                if rounded {
                    self.report.warning(self.at, "rounded", format!("rounded to six places: {number}"));
                }
                Json::Number(number)
            }
            Err(error) => {
                let (code, hint) = match error {
                    NumberError::TooManyDigits | NumberError::NotANumber => {
                        ("too_many_digits", "send at most 17 significant digits, or a string")
                    }
                    NumberError::OutOfRange => ("number_out_of_range", "send a smaller number, or a string"),
                };
                self.report.problem(self.at, code, format!("`{text}` is {error}"), hint);
                Json::Null
            }
        }
    }

    /// Counts the value; gives whether it is still within the bounds.
    fn enter(&mut self) -> bool {
        *self.nodes += 1;
        let fits = self.depth <= JSON_DEPTH_MAX && *self.nodes <= JSON_NODES_MAX;
        if !fits && !self.report.problems.iter().any(|problem| problem.code == "too_deep") {
            let message = format!("more than {JSON_DEPTH_MAX} levels or {JSON_NODES_MAX} values");
            self.report.problem(self.at, "too_deep", message, "send a flatter or smaller document");
        }
        fits
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Json, D::Error> {
        if self.enter() {
            deserializer.deserialize_any(self)
        } else {
            deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Json::Null)
        }
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(self.number(&number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(self.number(&number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        let at = *self.at;
        loop {
            let place = at.index(list.len());
            let Some(item) = items.next_element_seed(self.below(&place))? else { break };
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields: Vec<(Name, Json)> = Vec::new();
        let mut names = BTreeSet::new();
        let at = *self.at;
        while let Some(name) = entries.next_key::<String>()? {
            if name == NUMBER && fields.is_empty() {
                let text = entries.next_value::<String>()?;
                return Ok(self.number(&text));
            }
            let place = at.field(&name);
            let value = entries.next_value_seed(self.below(&place))?;
            // A set only pays for itself where a look through the few names before would not do.
            let twice = if fields.len() < 16 {
                fields.iter().any(|(known, _)| *known == name)
            } else {
                if names.is_empty() {
                    names.extend(fields.iter().map(|(known, _)| known.to_string()));
                }
                !names.insert(name.clone())
            };
            if twice {
                let message = format!("`{}` occurs twice", name.escape_debug());
                self.report.problem(&place, "duplicate_name", message, "send every name once");
            } else {
                fields.push((Name::Owned(name), value));
            }
        }
        Ok(Json::Object(fields))
    }
}

impl Json {
    /// Appends the compact text of the value.
    pub fn write_to(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => number.write_to(out),
            Self::Text(text) => write_text(out, text),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_to(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_text(out, name);
                    out.push(':');
                    value.write_to(out);
                }
                out.push('}');
            }
        }
    }

    /// The compact text of the value.
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(1_024);
        self.write_to(&mut out);
        out
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let needs_backslash = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Without an early exit the look through the bytes is done many at a time.
    if !text.bytes().fold(false, |found, byte| found | needs_backslash(byte)) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut plain_from = 0;
    // Everything that needs a backslash is a single byte, so bytes can be looked at one by one.
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| needs_backslash(*byte)) {
        out.push_str(text.get(plain_from..at).unwrap_or(""));
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
        plain_from = at + 1;
    }
    out.push_str(text.get(plain_from..).unwrap_or(""));
    out.push('"');
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Json {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<Decimal> for Json {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Decimal::from_integer(number).map_or_else(|| Self::Text(number.to_string()), Self::Number)
    }
}

impl From<i32> for Json {
    fn from(number: i32) -> Self {
        Self::from(i64::from(number))
    }
}

impl From<u32> for Json {
    fn from(number: u32) -> Self {
        Self::from(i64::from(number))
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Number(Decimal::from_count(number))
    }
}

impl From<uuid::Uuid> for Json {
    fn from(id: uuid::Uuid) -> Self {
        Self::Text(id.hyphenated().to_string())
    }
}

impl From<super::Timestamp> for Json {
    fn from(instant: super::Timestamp) -> Self {
        Self::Text(instant.to_string())
    }
}

impl<T: Into<Self>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String) {
        let mut report = Report::default();
        let json = Json::read(text.as_bytes(), &mut report);
        let found = report
            .problems
            .iter()
            .chain(&report.warnings)
            .map(|problem| format!("{} {}", problem.pointer, problem.code))
            .collect::<Vec<_>>();
        (json.to_string(), found.join("; "))
    }

    #[test]
    fn values_survive_reading_and_writing() {
        for text in
            [r#"{"a":[1,-2.5,true,null],"b":{"c":"x\"\\\n\u0001é"}}"#, r#""""#, "[]", "{}", "0.000001"]
        {
            assert_eq!(read(text), (text.to_owned(), String::new()));
        }
    }

    #[test]
    fn numbers_that_cannot_be_held_are_named_with_their_place() {
        assert_eq!(read(r#"{"a":{"b":[1,1e300]}}"#).1, "/a/b/1 number_out_of_range");
        assert_eq!(read(r#"{"a":0.12345678901234567890}"#).1, "/a too_many_digits");
        assert_eq!(read(r#"{"a":0.1234567}"#), (r#"{"a":0.123457}"#.to_owned(), "/a rounded".to_owned()));
    }

    #[test]
    fn names_that_occur_twice_are_refused_and_order_does_not_matter_once_sorted() {
        assert_eq!(read(r#"{"a":{"b":1,"b":2}}"#).1, "/a/b duplicate_name");
        let parse = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let (one, other) = (parse(r#"{"a":1,"b":[{"c":1,"d":2}]}"#), parse(r#"{"b":[{"d":2,"c":1}],"a":1}"#));
        assert_ne!(one, other);
        assert_eq!(one.sorted(), other.sorted());
    }

    #[test]
    fn text_that_is_not_json_is_a_problem_and_never_a_panic() {
        for text in ["", "{", "[1,", "nul", "{\"a\":1}x", "NaN", "\"\u{1}\""] {
            assert_eq!(read(text).1, " not_json", "{text}");
        }
        let mut report = Report::default();
        Json::read(&[b'"', 0xff, b'"'], &mut report);
        assert!(report.problems[0].message.contains("UTF-8"));
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(read(&deep).1.contains("too_deep"), "{:?}", read(&deep));
        let deeper = "[".repeat(100_000);
        assert!(read(&deeper).1.ends_with(" not_json"));
    }
}
