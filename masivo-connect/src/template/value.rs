//! What an expression comes to while a template is evaluated.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Variable;
use super::decimal::Decimal;

/// A value, borrowed from the variables and the tree where it can be.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// Text that is HTML already.
    Safe(String),
    Number(Cow<'a, str>),
    Flag(bool),
    List(&'a [Variable]),
    /// A list written in the template.
    Items(Vec<Self>),
    Map(&'a BTreeMap<String, Variable>),
    /// Nothing, and the path that led to it.
    Missing(String),
}

impl<'a> From<&'a Variable> for Value<'a> {
    fn from(variable: &'a Variable) -> Self {
        match variable {
            Variable::Text(text) => Self::Text(Cow::Borrowed(text)),
            Variable::Number(text) => Self::Number(Cow::Borrowed(text)),
            Variable::Flag(flag) => Self::Flag(*flag),
            Variable::List(items) => Self::List(items),
            Variable::Map(map) => Self::Map(map),
        }
    }
}

impl Value<'_> {
    /// Says whether the value counts as yes: something, and neither zero nor empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Safe(text) => !text.is_empty(),
            Self::Number(text) => Decimal::parse(text).is_none_or(|number| !number.is_zero()),
            Self::Flag(flag) => *flag,
            Self::List(items) => !items.is_empty(),
            Self::Items(items) => !items.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Missing(_) => false,
        }
    }

    /// Names the kind of the value to a person.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Safe(_) => "a text",
            Self::Number(_) => "a number",
            Self::Flag(_) => "a yes or no",
            Self::List(_) | Self::Items(_) => "a list",
            Self::Map(_) => "a group of values",
            Self::Missing(_) => "a missing value",
        }
    }

    /// Counts the bytes that a copy of the value takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) | Self::Number(text) => text.len(),
            Self::Safe(text) | Self::Missing(text) => text.len(),
            Self::Flag(_) | Self::List(_) | Self::Map(_) => 0,
            // Nesting is as deep as the brackets of the template, which are bounded.
            Self::Items(items) => items.iter().map(|item| item.weight().saturating_add(64)).sum(),
        }
    }

    /// Returns the text of a text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Safe(text) => Some(text),
            Self::Number(_)
            | Self::Flag(_)
            | Self::List(_)
            | Self::Items(_)
            | Self::Map(_)
            | Self::Missing(_) => None,
        }
    }
}
