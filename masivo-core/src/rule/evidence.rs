//! A whole rule with the truth of every node, and what each condition goes by.

use super::evaluate::{Seen, each_value, test_truth, truth};
use super::subject::{MetricPeriod, Subject};
use super::{MetricField, Node, Rule, Test, View};
use crate::prelude::*;
use crate::value::{Json, Timestamp, object};
use core::ops::ControlFlow;

/// What a condition goes by, beside the value it sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The events that count for a metric.
    Metric(Counted),
    /// The facts of past events, oldest first.
    Events(Vec<u64>),
}

/// A metric that a condition goes by: which events count for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What is counted of them.
    pub field: MetricField,
    /// Events that happened from then on.
    pub from: Timestamp,
    /// And before then.
    pub to: Timestamp,
}

/// The node as it is shown: `all` or `any` of nodes, or a condition, each with its truth.
pub(super) fn tree(
    rule: &Rule,
    node: &Node,
    view: &View<'_>,
    cite: &mut impl FnMut(Evidence) -> Json,
) -> Json {
    // A condition within `not` has the truth of its opposite.
    let test = match node {
        Node::All(nodes) | Node::Any(nodes) => {
            let name = if matches!(node, Node::All(_)) { "all" } else { "any" };
            let nodes: Vec<Json> = nodes.iter().map(|node| tree(rule, node, view, cite)).collect();
            return object().with("truth", truth(node, view).name()).with(name, nodes).build();
        }
        Node::Test(test) => test,
    };
    let (condition, inverted) = rule.condition(test.number).unwrap_or((&Json::Null, false));
    object()
        .with("truth", test_truth(test, view).name())
        .with("condition", condition.clone())
        .with_some("inverted", inverted.then_some(true))
        .with("seen", seen(test, view))
        .with_some("evidence", evidence(&test.subject, view).map(cite))
        .build()
}

/// The value that a test sees; a list when there are several, `null` when there is none.
pub(super) fn seen(test: &Test, view: &View<'_>) -> Json {
    if test.subject == Subject::Audiences {
        let inside = test.audiences().filter(|id| {
            view.program.audience_by_id(id).is_some_and(|audience| view.is_member(audience.number))
        });
        return Json::List(inside.map(Json::from).collect());
    }
    let mut seen = Json::Null;
    each_value(&test.subject, view, |value: Seen<'_>| {
        match &mut seen {
            Json::Null => seen = value.to_json(),
            Json::List(values) => values.push(value.to_json()),
            first => *first = Json::List(vec![core::mem::take(first), value.to_json()]),
        }
        ControlFlow::Continue(())
    });
    seen
}

/// The events that a subject goes by.
fn evidence(subject: &Subject, view: &View<'_>) -> Option<Evidence> {
    match subject {
        Subject::Metric(period, field) => Some(Evidence::Metric(counted(*period, *field, view))),
        Subject::Events(subject) => Some(Evidence::Events(subject.cited(view))),
        Subject::Trait(name) => evidence(&view.program.computed_trait(name)?.spec.subject, view),
        _ => None,
    }
}

/// The events that count for a metric.
fn counted(period: MetricPeriod, field: MetricField, view: &View<'_>) -> Counted {
    let zone = view.program.settings().time_zone;
    let (kind, back) = match period {
        MetricPeriod::Lifetime => {
            return Counted { field, from: Timestamp::MIN, to: Timestamp::MAX };
        }
        MetricPeriod::This(kind) => (kind, 0),
        MetricPeriod::Last(kind) => (kind, 1),
    };
    let number = zone.period(kind, view.now).saturating_sub(back);
    let (from, to) = (zone.period_start(kind, number), zone.period_start(kind, number.saturating_add(1)));
    Counted { field, from, to }
}
