//! Checks and renders the subject and bodies a tenant wrote.
//!
//! A template is Jinja: `{{ customer.fullname | default("friend") }}`, `{% if %}`, `{% for %}`. It is the
//! tenant's code, and the worker that renders it is shared: so it is parsed by minijinja into a small
//! checked tree, and the tree is evaluated here, where every step and every byte is counted, numbers
//! are exact and a missing value has a name.
//!
//! - **Field**: one of the three texts of a template: subject, text, html.
//! - **Root**: the first part of a variable: `customer`, `event`, `global` or `journey`.
//! - **Missing value**: a path that leads nowhere. It may be *asked about* (`if x`, `not x`, `x or y`,
//!   `x is defined`, `x | default(..)`); *using* it prints nothing or refuses, as [`Missing`] says.
//! - **Step**: a unit of work: a node or expression evaluated, or 64 bytes looked at.
//!
//! Guarantees:
//! - T1: [`check`] finds every problem at once, and what it passes cannot fail for its syntax.
//! - T2: a template can only read the variables given to it: there are no functions, no assignments, no
//!   includes, and eleven filters.
//! - T3: rendering ends within [`STEP_LIMIT`] steps and [`OUTPUT_LIMIT`] bytes for each field, and its
//!   depth is bounded before it is parsed: no template stalls or kills its process.
//! - T4: in html every value is escaped. This protects text and quoted attributes; a tenant who puts a
//!   variable into a script, a style or a whole `href` has to vouch for it.
//! - T5: a subject is one line.
//! - T6: numbers are decimals, printed as they were given and compared exactly; no floats.

use std::collections::BTreeMap;
use std::fmt;

mod decimal;
mod filters;
mod limits;
mod parse;
mod render;
mod tree;
mod value;

pub use limits::{OUTPUT_LIMIT, SOURCE_LIMIT, STEP_LIMIT};

/// The roots a variable may have.
pub const ROOTS: [&str; 4] = ["customer", "event", "global", "journey"];

/// The texts of a message as the tenant wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// The subject; empty where the channel has none.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML, beside the plain text.
    pub html: Option<String>,
}

/// A message ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, on one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML, if the template has one.
    pub html: Option<String>,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Rendered(redacted)")
    }
}

/// A value a template can read.
#[derive(Clone, PartialEq, Eq)]
pub enum Variable {
    /// Text.
    Text(String),
    /// An exact decimal, printed as it is written here.
    Number(String),
    /// Yes or no, printed as `true` or `false`.
    Flag(bool),
    /// Values in order.
    List(Vec<Self>),
    /// Values by name.
    Map(BTreeMap<String, Self>),
}

impl fmt::Debug for Variable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text(_) => "Text(redacted)",
            Self::Number(_) => "Number(redacted)",
            Self::Flag(_) => "Flag(redacted)",
            Self::List(_) => "List(redacted)",
            Self::Map(_) => "Map(redacted)",
        })
    }
}

/// What a template can read, by root.
pub type Variables = BTreeMap<String, Variable>;

/// What becomes of a missing value that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It prints nothing, is equal to nothing and is looped over zero times.
    Blank,
    /// The message is refused, and the refusal names the variable.
    Refuse,
}

/// One of the texts of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The subject.
    Subject,
    /// The plain text.
    Text,
    /// The HTML.
    Html,
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        })
    }
}

/// Something to correct in a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{field}, line {line}: {message}")]
pub struct TemplateProblem {
    /// Where it is.
    pub field: Field,
    /// On which line, from 1.
    pub line: u32,
    /// What it is.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// Why a message could not be made of a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template does not pass [`check`].
    #[error("the template has problems ({})", .0.len())]
    Problems(Vec<TemplateProblem>),
    /// A missing value is used, under [`Missing::Refuse`].
    #[error("`{variable}` has no value ({field}, line {line})")]
    MissingValue {
        /// The text it is used in.
        field: Field,
        /// The line, from 1.
        line: u32,
        /// The path that leads nowhere.
        variable: String,
    },
    /// A value is of a kind that cannot be used so, such as a list that is printed.
    #[error("{message} ({field}, line {line})")]
    WrongKind {
        /// The text it is used in.
        field: Field,
        /// The line, from 1.
        line: u32,
        /// What is wrong.
        message: String,
    },
    /// The result is longer than [`OUTPUT_LIMIT`].
    #[error("the {field} becomes longer than {OUTPUT_LIMIT} bytes")]
    TooLong {
        /// The text it happens in.
        field: Field,
    },
    /// Rendering takes more than [`STEP_LIMIT`] steps.
    #[error("the {field} takes more than {STEP_LIMIT} steps")]
    TooMuchWork {
        /// The text it happens in.
        field: Field,
    },
}

impl RenderError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Problems(_) => "template_problems",
            Self::MissingValue { .. } => "template_missing_value",
            Self::WrongKind { .. } => "template_wrong_kind",
            Self::TooLong { .. } => "template_too_long",
            Self::TooMuchWork { .. } => "template_too_much_work",
        }
    }
}

/// A template that has passed [`check`], ready to be rendered many times.
#[derive(Clone, Debug)]
pub struct Compiled {
    subject: Vec<tree::Node>,
    text: Vec<tree::Node>,
    html: Option<Vec<tree::Node>>,
}

impl Compiled {
    /// Makes the message for one customer.
    ///
    /// # Errors
    /// A [`RenderError`] other than [`RenderError::Problems`]; no part of the message is returned then.
    pub fn render(&self, variables: &Variables, missing: Missing) -> Result<Rendered, RenderError> {
        let subject = render::render(&self.subject, Field::Subject, variables, missing)?;
        let text = render::render(&self.text, Field::Text, variables, missing)?;
        let html = self.html.as_ref().map(|nodes| render::render(nodes, Field::Html, variables, missing));
        Ok(Rendered { subject: one_line(&subject), text, html: html.transpose()? })
    }
}

/// Replaces line breaks and other control characters by spaces.
fn one_line(text: &str) -> String {
    let is_break = |character: char| character.is_control() || "\u{2028}\u{2029}".contains(character);
    let text = text.replace("\r\n", "\n");
    text.trim().chars().map(|character| if is_break(character) { ' ' } else { character }).collect()
}

/// Checks a template and makes it ready to be rendered.
///
/// # Errors
/// Every problem of every field, by field and line.
pub fn compile(template: &Template) -> Result<Compiled, Vec<TemplateProblem>> {
    let mut problems = Vec::new();
    let subject = parse::parse(Field::Subject, &template.subject, &mut problems);
    let text = parse::parse(Field::Text, &template.text, &mut problems);
    let html = template.html.as_ref().map(|html| parse::parse(Field::Html, html, &mut problems));
    problems.sort();
    problems.dedup();
    if problems.is_empty() { Ok(Compiled { subject, text, html }) } else { Err(problems) }
}

/// Returns every problem of a template; none means that it can be rendered.
#[must_use]
pub fn check(template: &Template) -> Vec<TemplateProblem> {
    compile(template).err().unwrap_or_default()
}

/// Checks a template and makes the message for one customer.
///
/// Use [`compile`] to make many messages of one template.
///
/// # Errors
/// A [`RenderError`]; no part of the message is returned then.
pub fn render(template: &Template, variables: &Variables, missing: Missing) -> Result<Rendered, RenderError> {
    compile(template).map_err(RenderError::Problems)?.render(variables, missing)
}

#[cfg(test)]
mod tests;
