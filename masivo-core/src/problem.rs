//! Malformed input: every problem at once, each with a JSON pointer and a hint.

use crate::prelude::*;
use crate::value::{Json, object};
use core::fmt;

/// One thing that is wrong with an input, or worth knowing about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer (RFC 6901) to the value; empty for the whole input.
    pub pointer: String,
    /// Stable code in snake_case.
    pub code: &'static str,
    /// What is wrong, with the value.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl Problem {
    /// The problem as the `problems[]` entry of an error answer.
    pub fn to_json(&self) -> Json {
        let hint = (!self.hint.is_empty()).then_some(self.hint.as_str());
        object()
            .with("pointer", self.pointer.as_str())
            .with("code", self.code)
            .with("message", self.message.as_str())
            .with_some("hint", hint)
            .build()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "input" } else { &self.pointer };
        write!(f, "{pointer}: {}", self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

/// All problems and warnings found in one input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What makes the input unusable.
    pub problems: Vec<Problem>,
    /// What was accepted but deserves a look: ignored fields, rounded numbers.
    pub warnings: Vec<Problem>,
}

impl Report {
    /// Adds a problem.
    pub fn problem(
        &mut self,
        at: &Pointer<'_>,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        // An input can be wrong in a million places; the first hundred say enough.
        if self.problems.len() < crate::limits::PROBLEMS_MAX {
            self.problems.push(Problem {
                pointer: at.to_string(),
                code,
                message: message.into(),
                hint: hint.into(),
            });
        }
    }

    /// Adds a warning.
    pub fn warning(&mut self, at: &Pointer<'_>, code: &'static str, message: impl Into<String>) {
        if self.warnings.len() < crate::limits::PROBLEMS_MAX {
            let (pointer, message) = (at.to_string(), message.into());
            self.warnings.push(Problem { pointer, code, message, hint: String::new() });
        }
    }

    /// Whether anything makes the input unusable.
    pub const fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// The value when there is no problem, otherwise the report.
    ///
    /// # Errors
    /// The report itself, when it has problems.
    pub fn into_result<T>(self, value: T) -> Result<(T, Vec<Problem>), Self> {
        if self.has_problems() { Err(self) } else { Ok((value, self.warnings)) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("; "))
    }
}

impl core::error::Error for Report {}

/// A place in a JSON document, written as a JSON pointer only when it is needed.
#[derive(Clone, Copy, Debug)]
pub struct Pointer<'a> {
    parent: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl<'a> Pointer<'a> {
    /// The whole document.
    pub const fn root() -> Self {
        Self { parent: None, step: Step::Root }
    }

    /// A field below this place.
    pub const fn field(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Field(name) }
    }

    /// An item below this place.
    pub const fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            fmt::Display::fmt(parent, f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => write!(f, "/{index}"),
        }
    }
}
