//! A template after it has been checked: only what may be evaluated can be written here.

use super::filters::Filter;

/// A piece of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Text that is copied.
    Raw(String),
    /// `{{ value }}`
    Emit { line: u32, value: Expression },
    /// `{% if condition %}..{% else %}..{% endif %}`
    If { line: u32, condition: Expression, then: Vec<Self>, otherwise: Vec<Self> },
    /// `{% for name in source if condition %}..{% else %}..{% endfor %}`
    For {
        line: u32,
        name: String,
        source: Expression,
        condition: Option<Expression>,
        body: Vec<Self>,
        empty: Vec<Self>,
    },
}

/// Something that has a value.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Text(String),
    /// A decimal that has been checked.
    Number(String),
    Flag(bool),
    List(Vec<Self>),
    /// A root, or the variable of a loop.
    Variable(String),
    Attribute {
        of: Box<Self>,
        name: String,
    },
    Position {
        of: Box<Self>,
        index: usize,
    },
    Loop(LoopField),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Add(Box<Self>, Box<Self>),
    Subtract(Box<Self>, Box<Self>),
    /// `a < b <= c`
    Compare {
        first: Box<Self>,
        rest: Vec<(Comparison, Self)>,
    },
    /// `then if condition else otherwise`
    Choose {
        condition: Box<Self>,
        then: Box<Self>,
        otherwise: Option<Box<Self>>,
    },
    Filter {
        filter: Filter,
        of: Box<Self>,
        arguments: Vec<Self>,
    },
    IsDefined(Box<Self>),
}

/// What `loop.` offers inside a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopField {
    Index,
    IndexFromZero,
    First,
    Last,
    Length,
}

impl LoopField {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "index" => Self::Index,
            "index0" => Self::IndexFromZero,
            "first" => Self::First,
            "last" => Self::Last,
            "length" => Self::Length,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

impl Expression {
    /// Writes the expression as a person would name it, to say what is missing.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Variable(name) => name.clone(),
            Self::Attribute { of, name } => format!("{}.{name}", of.path()),
            Self::Position { of, index } => format!("{}[{index}]", of.path()),
            Self::Filter { filter, of, .. } => format!("{} | {}", of.path(), filter.name()),
            Self::Loop(_) => "loop".to_owned(),
            Self::Text(_)
            | Self::Number(_)
            | Self::Flag(_)
            | Self::List(_)
            | Self::Not(_)
            | Self::And(..)
            | Self::Or(..)
            | Self::Add(..)
            | Self::Subtract(..)
            | Self::Compare { .. }
            | Self::Choose { .. }
            | Self::IsDefined(_) => "this expression".to_owned(),
        }
    }
}
