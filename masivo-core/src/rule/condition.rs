//! Reading a rule, as `Condition[][]` or as a tree, with a pointer and a hint for everything that is wrong.

use super::event_condition::{self, EVENT_FIELDS};
use super::subject::Kind;
use super::{Node, Operand, Operator, Rule, Span, Subject, Test};
use crate::limits::{RULE_BRANCH_MAX, RULE_DEPTH_MAX, RULE_LIST_MAX, RULE_NODES_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::shape::{Field, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Decimal, Json, ObjectBuilder, Zone, object};

const CONDITION_FIELDS: &[Field] = &[
    required("type", TEXT, "what is compared, for example `order.value`"),
    required("operator", TEXT, "how it is compared, for example `greater_than`"),
    optional(
        "primitive",
        TEXT,
        "what the value is: string, number, currency, boolean, absolute_date, relative_date, recurring_date",
    ),
    optional("value", Shape::Any, "what it is compared with"),
    optional(
        "match",
        Shape::Choice(&["any", "none", "all"]),
        "of several values, lines or items of a list: any (the default), none or all",
    ),
    optional("error_message", TEXT, "what to tell the customer when it fails"),
    EVENT_FIELDS[0],
    EVENT_FIELDS[1],
    EVENT_FIELDS[2],
    EVENT_FIELDS[3],
    EVENT_FIELDS[4],
    EVENT_FIELDS[5],
    EVENT_FIELDS[6],
    EVENT_FIELDS[7],
];
const CONDITION: ObjectShape =
    ObjectShape { name: "Condition", fields: CONDITION_FIELDS, unknown: Unknown::Refused };
/// A value of a customer, as conditions say what they are about.
pub const VALUE: ObjectShape = ObjectShape {
    name: "CustomerValue",
    fields: &[
        required("type", TEXT, "what it is, for example `events.sum` or `customer.rfm.recency_days`"),
        EVENT_FIELDS[0],
        EVENT_FIELDS[1],
        EVENT_FIELDS[2],
        EVENT_FIELDS[3],
        EVENT_FIELDS[4],
        EVENT_FIELDS[5],
        EVENT_FIELDS[6],
        EVENT_FIELDS[7],
    ],
    unknown: Unknown::Refused,
};
const ALL_OF: Shape = Shape::List(&Shape::Object(&CONDITION), RULE_BRANCH_MAX);

/// An OR of ANDs of conditions, as the product writes rules.
const ANY_OF: Shape = Shape::List(&ALL_OF, RULE_BRANCH_MAX);
/// A node of a tree: `all` or `any` of nodes, `not` a node, or a condition.
const NODE: ObjectShape = ObjectShape {
    name: "RuleNode",
    fields: &[
        optional("all", Shape::List(&Shape::Any, RULE_BRANCH_MAX), "nodes that all hold"),
        optional("any", Shape::List(&Shape::Any, RULE_BRANCH_MAX), "nodes of which one holds"),
        optional("not", Shape::Any, "a node that is false"),
        optional("type", TEXT, "for a condition: what is compared, and the other fields of one"),
    ],
    unknown: Unknown::Kept,
};

/// A rule as it is written: `Condition[][]`, or a tree.
pub const CONDITIONS: Shape = Shape::Either(&[ANY_OF, Shape::Object(&NODE)]);

/// Reads a value of a customer, with how it is written with our own names.
pub fn read_value(json: &Json, at: &Pointer<'_>, zone: Zone, report: &mut Report) -> Option<(Subject, Json)> {
    let before = report.problems.len();
    Shape::Object(&VALUE).check(json, at, report);
    if report.problems.len() > before {
        return None;
    }
    let (subject, written) = read_subject(json, at, zone, report)?;
    Some((subject, written.build()))
}

/// Reads `Condition[][]` or a tree; an empty list is the rule that always holds.
///
/// Problems go into `report` with the pointer of the node; the rule is only to be used when there are none.
pub fn read_conditions(json: Option<&Json>, at: &Pointer<'_>, zone: Zone, report: &mut Report) -> Rule {
    let Some(json) = json else { return Rule::always() };
    let before = report.problems.len();
    CONDITIONS.check(json, at, report);
    if report.problems.len() > before {
        return Rule::always();
    }
    if matches!(json, Json::Object(_)) {
        let mut reader = TreeReader { number: 0, zone, report };
        let read = reader.node(json, at, false, 0);
        return read.map_or_else(Rule::always, |(node, source)| Rule::new(node, source));
    }
    let mut branches = Vec::new();
    let mut sources = Vec::new();
    let mut number: u16 = 0;
    for (or_index, all_of) in json.items().iter().enumerate() {
        let place = at.index(or_index);
        let (mut tests, mut written) = (Vec::new(), Vec::new());
        for (and_index, condition) in all_of.items().iter().enumerate() {
            if usize::from(number) >= RULE_NODES_MAX {
                let hint = "split the rule into several";
                report.problem(
                    &place,
                    "rule_too_large",
                    format!("more than {RULE_NODES_MAX} conditions"),
                    hint,
                );
                return Rule::always();
            }
            if let Some((test, source)) =
                read_condition(condition, number, &place.index(and_index), zone, report)
            {
                tests.push(Node::Test(test));
                written.push(source);
            }
            number = number.saturating_add(1);
        }
        branches.push(Node::All(tests));
        sources.push(Json::List(written));
    }
    let node = if branches.is_empty() { Node::All(branches) } else { Node::Any(branches) };
    Rule::new(node, Json::List(sources))
}

/// Reads the nodes of a tree. `not` is taken inwards, to the conditions: the three truths allow that.
struct TreeReader<'r> {
    number: u16,
    zone: Zone,
    report: &'r mut Report,
}

impl TreeReader<'_> {
    /// A node, and how it is written with our own names; `inverted` is whether an odd number of `not` stands around it.
    fn node(&mut self, json: &Json, at: &Pointer<'_>, inverted: bool, depth: usize) -> Option<(Node, Json)> {
        if depth >= RULE_DEPTH_MAX {
            let message = format!("more than {RULE_DEPTH_MAX} levels");
            self.report.problem(at, "rule_too_deep", message, "write it with fewer levels");
            return None;
        }
        let present = |name: &&str| json.get(name).is_some_and(|value| !value.is_null());
        let mut names = ["all", "any", "not", "type"].into_iter().filter(present);
        match (names.next(), names.next()) {
            (Some("type"), None) => self.condition(json, at, inverted),
            (Some(name), None) if json.fields().len() == 1 => {
                let (inner, place) = (json.get(name)?, at.field(name));
                if name == "not" {
                    let (node, source) = self.node(inner, &place, !inverted, depth + 1)?;
                    return Some((node, object().with(name, source).build()));
                }
                self.nodes(name, inner, &place, inverted, depth)
            }
            _ => {
                let hint = "write {\"all\": […]}, {\"any\": […]}, {\"not\": …} or a condition, each alone";
                self.report.problem(at, "not_a_node", "it is not one node of a rule", hint);
                None
            }
        }
    }

    fn nodes(
        &mut self,
        name: &'static str,
        json: &Json,
        at: &Pointer<'_>,
        inverted: bool,
        depth: usize,
    ) -> Option<(Node, Json)> {
        let items = json.items();
        if !matches!(json, Json::List(_)) || items.is_empty() || items.len() > RULE_BRANCH_MAX {
            let message = format!("expected a list of 1 to {RULE_BRANCH_MAX} nodes");
            self.report.problem(at, "not_a_list", message, "put the nodes into it");
            return None;
        }
        let read = items.iter().enumerate().map(|(index, item)| {
            let place = at.index(index);
            self.node(item, &place, inverted, depth + 1)
        });
        // All of them are read, so that all problems are named.
        let read: Vec<Option<(Node, Json)>> = read.collect();
        let (nodes, sources) = read.into_iter().collect::<Option<(Vec<Node>, Vec<Json>)>>()?;
        let node = if (name == "all") == inverted { Node::Any(nodes) } else { Node::All(nodes) };
        Some((node, object().with(name, sources).build()))
    }

    fn condition(&mut self, json: &Json, at: &Pointer<'_>, inverted: bool) -> Option<(Node, Json)> {
        if usize::from(self.number) >= RULE_NODES_MAX {
            let message = format!("more than {RULE_NODES_MAX} conditions");
            self.report.problem(at, "rule_too_large", message, "split the rule into several");
            return None;
        }
        let (number, before) = (self.number, self.report.problems.len());
        self.number = self.number.saturating_add(1);
        Shape::Object(&CONDITION).check(json, at, self.report);
        if self.report.problems.len() > before {
            return None;
        }
        let (mut test, source) = read_condition(json, number, at, self.zone, self.report)?;
        test.negated ^= inverted;
        Some((Node::Test(test), source))
    }
}

/// The condition of a number as it was written, and whether it is inverted; what is passed on the way is counted down.
pub(super) fn written<'j>(source: &'j Json, inverted: bool, number: &mut u16) -> Option<(&'j Json, bool)> {
    let nodes = source.get("all").or_else(|| source.get("any"));
    match (source, nodes, source.get("not")) {
        (Json::List(items), _, _) => items.iter().find_map(|item| written(item, inverted, number)),
        (_, Some(nodes), _) => nodes.items().iter().find_map(|node| written(node, inverted, number)),
        (_, None, Some(node)) => written(node, !inverted, number),
        (_, None, None) if *number == 0 => Some((source, inverted)),
        (_, None, None) => {
            *number -= 1;
            None
        }
    }
}

/// The operator's own name, its operator after negation was taken out, and whether it is negated.
type NamedOperator = (&'static str, Operator, bool);

const OPERATORS: [NamedOperator; 17] = [
    ("equals", Operator::Equals, false),
    ("not_equals", Operator::Equals, true),
    ("greater_than", Operator::GreaterThan, false),
    ("greater_than_or_equal", Operator::GreaterThanOrEqual, false),
    ("less_than", Operator::LessThan, false),
    ("less_than_or_equal", Operator::LessThanOrEqual, false),
    ("between", Operator::Between, false),
    ("in", Operator::In, false),
    ("not_in", Operator::In, true),
    ("contains", Operator::Contains, false),
    ("not_contains", Operator::Contains, true),
    ("starts_with", Operator::StartsWith, false),
    ("ends_with", Operator::EndsWith, false),
    ("exists", Operator::Exists, false),
    ("not_exists", Operator::Exists, true),
    ("within_last", Operator::WithinLast, false),
    ("more_than_ago", Operator::MoreThanAgo, false),
];

/// Reads an operator by its name or one of the product's spellings (`grater than`, `less than or equal to`).
fn parse_operator(text: &str) -> Option<NamedOperator> {
    let plain = text.trim().to_lowercase().replace([' ', '-'], "_").replace("grater", "greater");
    let plain = plain.strip_suffix("_to").unwrap_or(&plain);
    let plain = match plain {
        "equal" | "is" | "=" | "==" => "equals",
        "not_equal" | "is_not" | "!=" => "not_equals",
        ">" | "after" => "greater_than",
        ">=" => "greater_than_or_equal",
        "<" | "before" => "less_than",
        "<=" => "less_than_or_equal",
        other => other,
    };
    OPERATORS.into_iter().find(|(name, _, _)| *name == plain)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Primitive {
    Text,
    Number,
    Flag,
    Absolute,
    Relative,
    Recurring,
}

const PRIMITIVES: [(&str, Primitive); 7] = [
    ("string", Primitive::Text),
    ("number", Primitive::Number),
    ("currency", Primitive::Number),
    ("boolean", Primitive::Flag),
    ("absolute_date", Primitive::Absolute),
    ("relative_date", Primitive::Relative),
    ("recurring_date", Primitive::Recurring),
];

fn read_condition(
    condition: &Json,
    number: u16,
    at: &Pointer<'_>,
    zone: Zone,
    report: &mut Report,
) -> Option<(Test, Json)> {
    let before = report.problems.len();
    let (subject, written) = match read_subject(condition, at, zone, report) {
        Some((subject, written)) => (Some(subject), Some(written)),
        None => (None, None),
    };
    let operator_text = condition.text("operator").unwrap_or("");
    let operator = parse_operator(operator_text);
    if operator.is_none() {
        let known: Vec<&str> = OPERATORS.iter().map(|(name, _, _)| *name).collect();
        report.problem(
            &at.field("operator"),
            "unknown_operator",
            format!("`{operator_text}` is not an operator"),
            format!("known are {}", known.join(", ")),
        );
    }
    let primitive_text = condition.text("primitive");
    let primitive = primitive_text.map(|text| {
        let plain = text.trim().to_lowercase().replace(' ', "_");
        PRIMITIVES.into_iter().find(|(name, _)| *name == plain)
    });
    if primitive == Some(None) {
        let known: Vec<&str> = PRIMITIVES.iter().map(|(name, _)| *name).collect();
        report.problem(
            &at.field("primitive"),
            "unknown_primitive",
            format!("`{}` is not a primitive", primitive_text.unwrap_or("")),
            format!("known are {}", known.join(", ")),
        );
    }
    let (subject, written, (operator_name, operator, negated)) = (subject?, written?, operator?);
    let primitive = primitive.flatten();
    let value = condition.get("value");
    let operand = read_operand(&subject, operator, primitive.map(|(_, primitive)| primitive), value, zone)
        .map_err(|mismatch| {
            report.problem(&at.field("value"), "value_does_not_fit", mismatch.message, mismatch.hint);
        })
        .ok()?;
    let matched = condition.text("match").filter(|matched| *matched != "any");
    if matched.is_some() && (negated || operator == Operator::Exists) {
        let message = format!("`{operator_name}` says for itself how many values must fit");
        let hint = "leave `match` out, or use the operator without `not` with match: none";
        report.problem(&at.field("match"), "not_allowed", message, hint);
    }
    if report.problems.len() > before {
        return None;
    }
    let (every, negated) = (matched == Some("all"), negated || matched == Some("none"));
    let source = written
        .with("operator", operator_name)
        .with_some("primitive", primitive.map(|(name, _)| name))
        .with_some("value", value.cloned())
        .with_some("match", matched)
        .with_some("error_message", condition.get("error_message").cloned())
        .build();
    Some((Test { number, subject, operator, operand, negated, every }, source))
}

/// What a condition is about, and how that is written with our own names.
fn read_subject(
    condition: &Json,
    at: &Pointer<'_>,
    zone: Zone,
    report: &mut Report,
) -> Option<(Subject, ObjectBuilder)> {
    let text = condition.text("type").unwrap_or("");
    if let Some(function) = event_condition::function(text) {
        let (subject, written) = event_condition::read(function, condition, at, zone, report)?;
        return Some((Subject::Events(Arc::new(subject)), written));
    }
    event_condition::refuse_fields(condition, at, report);
    let subject = Subject::parse(text);
    if subject.is_none() {
        report.problem(
            &at.field("type"),
            "unknown_subject",
            format!("`{text}` is not something a condition can be about"),
            "see docs/rules.md for the list, for example `order.value` or `customer.tags.vip`",
        );
    }
    subject.map(|subject| {
        let written = object().with("type", subject.name());
        (subject, written)
    })
}

struct Mismatch {
    message: String,
    hint: &'static str,
}

fn mismatch<T>(message: impl Into<String>, hint: &'static str) -> Result<T, Mismatch> {
    Err(Mismatch { message: message.into(), hint })
}

fn read_operand(
    subject: &Subject,
    operator: Operator,
    primitive: Option<Primitive>,
    value: Option<&Json>,
    zone: Zone,
) -> Result<Operand, Mismatch> {
    let kind = subject.kind();
    let name = subject.name();
    if *subject == Subject::Audiences && !matches!(operator, Operator::Equals | Operator::In) {
        return mismatch("membership is asked for by id", "use equals, not_equals, in or not_in");
    }
    match operator {
        Operator::Exists => Ok(Operand::Nothing),
        Operator::WithinLast | Operator::MoreThanAgo => {
            if !matches!(kind, Kind::Instant | Kind::Free) || matches!(subject, Subject::Date) {
                return mismatch(
                    format!("`{name}` is not a date of the past"),
                    "use it with a date such as last_visit",
                );
            }
            match value.and_then(Json::as_text).and_then(Span::parse) {
                Some(span) => Ok(Operand::Span(span)),
                None => mismatch("expected a length of time", "write it like \"30/days\" or \"12/months\""),
            }
        }
        Operator::Between => match value.map(Json::items) {
            Some([from, to]) => {
                let from = read_single(&name, kind, primitive, from, zone)?;
                let to = read_single(&name, kind, primitive, to, zone)?;
                match (from, to) {
                    (Operand::Number(from), Operand::Number(to)) if from <= to => {
                        Ok(Operand::Numbers(from, to))
                    }
                    (Operand::Instant(from), Operand::Instant(to)) if from <= to => {
                        Ok(Operand::Instants(from, to))
                    }
                    _ => mismatch(
                        "expected two numbers or two dates, the smaller first",
                        "for example [10, 20]",
                    ),
                }
            }
            _ => mismatch("expected a list of two values", "for example [10, 20]"),
        },
        Operator::In => read_list(&name, kind, primitive, value, zone),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
            if !matches!(kind, Kind::Text | Kind::Free) {
                return mismatch(format!("`{name}` is not a text"), "use a comparison of numbers or dates");
            }
            match value.and_then(Json::as_text) {
                Some(text) if !text.is_empty() => Ok(Operand::Text(text.to_owned())),
                _ => mismatch("expected a text of at least one character", "for example \"abc\""),
            }
        }
        Operator::Equals
        | Operator::GreaterThan
        | Operator::GreaterThanOrEqual
        | Operator::LessThan
        | Operator::LessThanOrEqual => {
            let Some(value) = value else {
                return mismatch("expected a value to compare with", "write it in `value`");
            };
            let operand = read_single(&name, kind, primitive, value, zone)?;
            let ordered = matches!(operand, Operand::Number(_) | Operand::Instant(_));
            if operator == Operator::Equals || ordered {
                Ok(operand)
            } else {
                mismatch(
                    format!("`{name}` has no order here"),
                    "use equals, in, or another operator for texts",
                )
            }
        }
    }
}

/// Reads the values of `in`.
fn read_list(
    name: &str,
    kind: Kind,
    primitive: Option<Primitive>,
    value: Option<&Json>,
    zone: Zone,
) -> Result<Operand, Mismatch> {
    if primitive == Some(Primitive::Recurring) {
        return mismatch("a recurring date is no member of a list", "use equals, once for each day");
    }
    match value {
        Some(Json::List(items)) if !items.is_empty() && items.len() <= RULE_LIST_MAX => {
            items.iter().try_for_each(|item| read_single(name, kind, primitive, item, zone).map(drop))?;
            Ok(Operand::List(items.clone()))
        }
        _ => {
            mismatch(format!("expected a list of 1 to {RULE_LIST_MAX} values"), "for example [\"a\", \"b\"]")
        }
    }
}

/// Reads one value to compare with, by the subject's kind and the primitive.
fn read_single(
    name: &str,
    kind: Kind,
    primitive: Option<Primitive>,
    value: &Json,
    zone: Zone,
) -> Result<Operand, Mismatch> {
    let instant = |text: &str| zone.parse_date_or_time(text);
    let number = || match value {
        Json::Number(number) => Some(*number),
        Json::Text(text) => text.trim().parse::<Decimal>().ok(),
        Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => None,
    };
    if let Some(Primitive::Recurring) = primitive {
        if kind != Kind::Instant {
            return mismatch(
                format!("`{name}` is not a date"),
                "recurring dates go with dates such as customer.dob",
            );
        }
        return match value.as_text() {
            Some("today") => Ok(Operand::Today),
            Some(text) => match read_month_day(text) {
                Some((month, day)) => Ok(Operand::MonthDay(month, day)),
                None => mismatch("expected a day of the year", "write \"today\" or a day such as \"12-25\""),
            },
            None => mismatch("expected a day of the year", "write \"today\" or a day such as \"12-25\""),
        };
    }
    match (kind, primitive) {
        (Kind::Number, None | Some(Primitive::Number)) => match number() {
            Some(number) => Ok(Operand::Number(number)),
            None => mismatch(format!("`{name}` is compared with a number"), "for example 100"),
        },
        (Kind::Instant, None | Some(Primitive::Absolute)) => match value.as_text().and_then(instant) {
            Some(instant) => Ok(Operand::Instant(instant)),
            None => mismatch(
                format!("`{name}` is compared with a date"),
                "for example 2026-01-31 or an RFC 3339 instant",
            ),
        },
        (Kind::Text, None | Some(Primitive::Text)) => match value.as_text() {
            Some(text) => Ok(Operand::Text(text.to_owned())),
            None => mismatch(format!("`{name}` is compared with a text"), "write the value as a text"),
        },
        (Kind::Free, Some(Primitive::Number)) => match number() {
            Some(number) => Ok(Operand::Number(number)),
            None => mismatch("expected a number", "for example 100"),
        },
        (Kind::Free, Some(Primitive::Absolute)) => match value.as_text().and_then(instant) {
            Some(instant) => Ok(Operand::Instant(instant)),
            None => mismatch("expected a date", "for example 2026-01-31"),
        },
        (Kind::Free, None | Some(Primitive::Text | Primitive::Flag)) => match value {
            Json::Text(text) => Ok(Operand::Text(text.clone())),
            Json::Number(number) => Ok(Operand::Number(*number)),
            Json::Bool(flag) => Ok(Operand::Flag(*flag)),
            Json::Null | Json::List(_) | Json::Object(_) => {
                mismatch("expected a text, a number or a boolean", "for a list of values use `in`")
            }
        },
        _ => mismatch(
            format!("the primitive does not fit `{name}`"),
            "leave `primitive` out or use the subject's own",
        ),
    }
}

fn read_month_day(text: &str) -> Option<(u32, u32)> {
    let (month, day) = text.split_once('-')?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    // 2024 is a leap year: every day of the year exists in it.
    Zone::UTC.start_of_date(2024, month, day).map(|_| (month, day))
}
