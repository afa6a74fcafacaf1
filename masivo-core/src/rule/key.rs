//! Conditions that serve as keys: what must be seen for a rule to hold.

use super::evaluate::{Seen, each_value};
use super::subject::Kind;
use super::{Node, Operand, Operator, Rule, Subject, Test, View};
use crate::prelude::*;
use crate::value::{Decimal, Json};
use core::ops::ControlFlow;

/// What a branch of a rule needs to hold, at the least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key<'r> {
    /// The subject is one of these texts.
    Text(&'r Subject, Vec<&'r str>),
    /// The subject is a number of at least so much.
    From(&'r Subject, Decimal),
    /// The subject is a number of at most so much.
    To(&'r Subject, Decimal),
}

impl<'r> Key<'r> {
    pub(crate) const fn subject(&self) -> &'r Subject {
        match self {
            Self::Text(subject, _) | Self::From(subject, _) | Self::To(subject, _) => subject,
        }
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &'r str> {
        let texts = match self {
            Self::Text(_, texts) => texts.as_slice(),
            Self::From(..) | Self::To(..) => &[],
        };
        texts.iter().copied()
    }

    fn of(test: &'r Test) -> Option<Self> {
        let subject = &test.subject;
        match (test.operator, &test.operand) {
            _ if test.negated => None,
            (Operator::Equals, Operand::Text(text)) => Some(Self::Text(subject, vec![text])),
            (Operator::In, Operand::List(items)) if subject.kind() == Kind::Text => {
                let texts: Option<Vec<&str>> = items.iter().map(Json::as_text).collect();
                texts.map(|texts| Self::Text(subject, texts))
            }
            (
                Operator::Equals | Operator::GreaterThan | Operator::GreaterThanOrEqual,
                Operand::Number(bound),
            )
            | (Operator::Between, Operand::Numbers(bound, _)) => Some(Self::From(subject, *bound)),
            (Operator::LessThan | Operator::LessThanOrEqual, Operand::Number(bound)) => {
                Some(Self::To(subject, *bound))
            }
            _ => None,
        }
    }
}

impl Rule {
    /// The keys of each branch, of which any one will do; `None` when some branch has none.
    pub(crate) fn keys(&self) -> Option<Vec<Vec<Key<'_>>>> {
        branches(self.node())
    }
}

/// The branches of a node, each with its keys.
fn branches(node: &Node) -> Option<Vec<Vec<Key<'_>>>> {
    match node {
        Node::Test(test) => Some(vec![vec![Key::of(test)?]]),
        Node::Any(nodes) => {
            let all: Option<Vec<_>> = nodes.iter().map(branches).collect();
            Some(all?.into_iter().flatten().collect())
        }
        // Every part must hold, so the keys of any part with a single branch are keys of the whole.
        Node::All(nodes) => {
            let parts = || nodes.iter().filter_map(branches);
            let keys: Vec<Key<'_>> = parts().filter(|part| part.len() == 1).flatten().flatten().collect();
            if keys.is_empty() { parts().next() } else { Some(vec![keys]) }
        }
    }
}

impl Subject {
    /// Hands every value that is a text or a number to `on_value`.
    pub(crate) fn each<'a>(
        &self,
        view: &View<'a>,
        on_value: &mut dyn FnMut(Option<&'a str>, Option<Decimal>),
    ) {
        each_value(self, view, |value| {
            match value {
                Seen::Text(text) => on_value(Some(text), None),
                Seen::Number(number) => on_value(None, Some(number)),
                Seen::Flag(_) | Seen::Instant(_) | Seen::Date(_) => {}
            }
            ControlFlow::Continue(())
        });
    }
}
