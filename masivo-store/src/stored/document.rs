//! The stored form of a JSON document: events, profiles, what is sent.

use super::{Input, Output};
use crate::error::StoreError;
use masivo_core::value::Json;

const VERSION: u8 = 1;
/// Levels of a document at most: what comes in has fewer, so more are damage.
const DEPTH_MAX: usize = 128;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const TEXT: u8 = 4;
const LIST: u8 = 5;
const OBJECT: u8 = 6;

/// The bytes of a document: a third of the work of writing JSON text, a tenth of reading it.
pub fn write_document(document: &Json) -> Vec<u8> {
    let mut out = Output::version(VERSION);
    out.json(document);
    out.finish()
}

/// The document of stored bytes; `what` names it in the error.
///
/// # Errors
/// [`StoreError::Damaged`] when the bytes are not a document.
pub fn read_document(bytes: &[u8], what: &'static str) -> Result<Json, StoreError> {
    Input::open(bytes, what, VERSION)?.json()
}

impl Output {
    pub(crate) fn json(&mut self, json: &Json) {
        match json {
            Json::Null => self.byte(NULL),
            Json::Bool(false) => self.byte(FALSE),
            Json::Bool(true) => self.byte(TRUE),
            Json::Number(number) => {
                self.byte(NUMBER);
                self.decimal(*number);
            }
            Json::Text(text) => {
                self.byte(TEXT);
                self.text(text);
            }
            Json::List(items) => {
                self.byte(LIST);
                self.length(items.len());
                items.iter().for_each(|item| self.json(item));
            }
            Json::Object(fields) => {
                self.byte(OBJECT);
                self.length(fields.len());
                for (name, value) in fields {
                    self.text(name);
                    self.json(value);
                }
            }
        }
    }
}

impl Input<'_> {
    pub(crate) fn json(&mut self) -> Result<Json, StoreError> {
        self.json_within(DEPTH_MAX)
    }

    fn json_within(&mut self, levels: usize) -> Result<Json, StoreError> {
        let below = levels.checked_sub(1).ok_or_else(|| self.bad())?;
        Ok(match self.byte()? {
            NULL => Json::Null,
            FALSE => Json::Bool(false),
            TRUE => Json::Bool(true),
            NUMBER => Json::Number(self.decimal()?),
            TEXT => Json::Text(self.text()?.to_owned()),
            LIST => Json::List(self.list(|input| input.json_within(below))?),
            OBJECT => Json::Object(
                self.list(|input| Ok((input.text()?.to_owned().into(), input.json_within(below)?)))?,
            ),
            _ => return Err(self.bad()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_survive() {
        for text in [
            "null",
            r#"{"a":[1,-2.5,0.000001,9223372036854,true,false,null],"b":{"c":"x\"é","":""},"e":[],"f":{}}"#,
        ] {
            let document = Json::parse(text.as_bytes()).unwrap();
            let bytes = write_document(&document);
            assert_eq!(read_document(&bytes, "test").unwrap(), document);
            for length in 0..bytes.len() {
                assert!(read_document(&bytes[..length], "test").is_err(), "cut at {length}");
            }
        }
    }

    #[test]
    fn endless_nesting_is_damage() {
        let bytes = [vec![VERSION], [LIST, 1].repeat(100_000)].concat();
        assert!(read_document(&bytes, "test").is_err());
    }
}
