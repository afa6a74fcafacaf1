//! Rules as expressions: what the two expression languages have in common.

use crate::load::may_be_missing;
use masivo_core::value::Json;

/// How a language writes what a rule says.
pub trait Dialect {
    const AND: &'static str;
    const OR: &'static str;
    /// Stands for a product line.
    const LINE: &'static str;

    fn number(text: &str) -> String;
    fn starts_with(path: &str, value: &str) -> String;
    fn not(condition: &str) -> String;
    /// The value is not missing.
    fn known(path: &str) -> String;
    /// The condition holds for some product line.
    fn some_line(condition: &str) -> String;
    /// Whether a condition over a missing value must be guarded: it would fail or hold otherwise.
    fn needs_guard(operator: &str) -> bool;
}

/// A whole rule: an OR of ANDs.
pub fn rule<D: Dialect>(rule: &Json) -> String {
    let branch = |branch: &Json| {
        let conditions: Vec<String> = branch.items().iter().map(condition::<D>).collect();
        format!("({})", conditions.join(D::AND))
    };
    let branches: Vec<String> = rule.items().iter().map(branch).collect();
    branches.join(D::OR)
}

fn condition<D: Dialect>(condition: &Json) -> String {
    let field = |name| condition.text(name).expect("a condition has it");
    let (subject, operator) = (field("type"), field("operator"));
    let value = condition.get("value").expect("a condition has it");
    let (group, rest) = subject.split_once('.').expect("a subject has a group");
    let path = match group {
        "order" => format!("event.order.{rest}"),
        "product" => format!("{}.{rest}", D::LINE),
        _ => subject.to_owned(),
    };
    let mut test = comparison::<D>(&path, operator, value);
    if may_be_missing(subject) && D::needs_guard(operator) {
        test = format!("({}{}{test})", D::known(&path), D::AND);
    }
    if group == "product" { D::some_line(&test) } else { test }
}

fn comparison<D: Dialect>(path: &str, operator: &str, value: &Json) -> String {
    let literals: Vec<String> = value.items().iter().map(literal::<D>).collect();
    match operator {
        "equals" => format!("{path} == {}", literal::<D>(value)),
        "not_equals" => format!("{path} != {}", literal::<D>(value)),
        "in" => format!("{path} in [{}]", literals.join(", ")),
        "not_in" => D::not(&format!("{path} in [{}]", literals.join(", "))),
        "greater_than_or_equal" => format!("{path} >= {}", literal::<D>(value)),
        "less_than" => format!("{path} < {}", literal::<D>(value)),
        "between" => format!("({path} >= {}{}{path} <= {})", literals[0], D::AND, literals[1]),
        "starts_with" => D::starts_with(path, &literal::<D>(value)),
        other => unreachable!("the generator knows no {other}"),
    }
}

fn literal<D: Dialect>(value: &Json) -> String {
    match value {
        Json::Text(text) => format!("'{text}'"),
        Json::Number(number) => D::number(&number.to_string()),
        other => other.to_text(),
    }
}
