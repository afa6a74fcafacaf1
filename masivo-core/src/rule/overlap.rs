//! Whether rules can hold at all, and together: what can be said without an event.

use super::{Node, Operand, Operator, Rule, Subject, Test};
use crate::prelude::*;
use crate::value::{Decimal, Json};

/// What the tests of one branch ask of one subject.
#[derive(Clone, Debug, Default)]
struct Asked<'r> {
    /// The smallest value, and whether it is left out itself.
    least: Option<(Decimal, bool)>,
    /// The largest value, and whether it is left out itself.
    most: Option<(Decimal, bool)>,
    /// It must be one of these.
    among: Option<Vec<&'r str>>,
    /// It must be none of these.
    not: Vec<&'r str>,
    /// It must be that.
    flag: Option<bool>,
    must_be: bool,
    must_not_be: bool,
}

impl<'r> Asked<'r> {
    fn add(&mut self, test: &'r Test) {
        let exists = test.operator == Operator::Exists;
        if exists && test.negated {
            self.must_not_be = true;
            return;
        }
        // A comparison with something that is missing is unknown, so it has to be there.
        self.must_be = true;
        match (test.operator, &test.operand) {
            (Operator::Equals, Operand::Text(text)) if test.negated => self.not.push(text),
            (Operator::In, Operand::List(items)) if test.negated => {
                self.not.extend(items.iter().filter_map(Json::as_text));
            }
            _ if test.negated => {}
            (Operator::Equals, Operand::Text(text)) => self.only(vec![text]),
            (Operator::In, Operand::List(items)) if items.iter().all(|item| item.as_text().is_some()) => {
                self.only(items.iter().filter_map(Json::as_text).collect());
            }
            (Operator::Equals, Operand::Flag(flag)) => {
                if self.flag.is_some_and(|known| known != *flag) {
                    self.only(Vec::new());
                }
                self.flag = Some(*flag);
            }
            (Operator::Equals, Operand::Number(value)) => {
                self.from(*value, false);
                self.to(*value, false);
            }
            (Operator::Between, Operand::Numbers(least, most)) => {
                self.from(*least, false);
                self.to(*most, false);
            }
            (Operator::GreaterThan, Operand::Number(value)) => self.from(*value, true),
            (Operator::GreaterThanOrEqual, Operand::Number(value)) => self.from(*value, false),
            (Operator::LessThan, Operand::Number(value)) => self.to(*value, true),
            (Operator::LessThanOrEqual, Operand::Number(value)) => self.to(*value, false),
            _ => {}
        }
    }

    fn only(&mut self, texts: Vec<&'r str>) {
        self.among = Some(match self.among.take() {
            None => texts,
            Some(known) => known.into_iter().filter(|text| texts.contains(text)).collect(),
        });
    }

    fn from(&mut self, value: Decimal, strictly: bool) {
        self.least = self.least.max(Some((value, strictly)));
    }

    fn to(&mut self, value: Decimal, strictly: bool) {
        let tighter = |(known, is_strict): (Decimal, bool)| {
            if value < known || value == known && strictly { (value, strictly) } else { (known, is_strict) }
        };
        self.most = Some(self.most.map_or((value, strictly), tighter));
    }

    /// Whether no value at all can be what is asked.
    fn is_impossible(&self) -> bool {
        let empty = match (self.least, self.most) {
            (Some((least, from)), Some((most, to))) => least > most || least == most && (from || to),
            _ => false,
        };
        let no_text =
            self.among.as_ref().is_some_and(|texts| texts.iter().all(|text| self.not.contains(text)));
        empty || no_text || self.must_be && self.must_not_be
    }
}

/// The tests of each branch.
fn branches(rule: &Rule) -> Vec<Vec<&Test>> {
    fn tests<'r>(node: &'r Node, into: &mut Vec<&'r Test>) {
        match node {
            Node::All(nodes) => nodes.iter().for_each(|node| tests(node, into)),
            Node::Test(test) => into.push(test),
            // Only a tree has those; what they ask beside is left out.
            Node::Any(_) => {}
        }
    }
    fn of(node: &Node) -> Vec<&Test> {
        let mut found = Vec::new();
        tests(node, &mut found);
        found
    }
    match rule.node() {
        Node::Any(nodes) => nodes.iter().map(of).collect(),
        node => vec![of(node)],
    }
}

fn is_impossible<'r>(tests: impl Iterator<Item = &'r Test>) -> bool {
    let mut asked: Vec<(&Subject, Asked<'r>)> = Vec::new();
    for test in tests.filter(|test| !(test.subject.has_many() || test.every)) {
        let at = asked.iter().position(|(subject, _)| **subject == test.subject).unwrap_or_else(|| {
            asked.push((&test.subject, Asked::default()));
            asked.len() - 1
        });
        if let Some((_, asked)) = asked.get_mut(at) {
            asked.add(test);
        }
    }
    asked.iter().any(|(_, asked)| asked.is_impossible())
}

impl Rule {
    /// Whether no event and no customer can ever make it hold, as far as that can be seen from its conditions.
    pub fn is_impossible(&self) -> bool {
        branches(self).into_iter().all(|tests| is_impossible(tests.into_iter()))
    }

    /// Whether it may hold together with another rule, as far as that can be seen from their conditions.
    pub fn may_hold_with(&self, other: &Self) -> bool {
        let others = branches(other);
        branches(self).into_iter().any(|one| {
            others.iter().any(|other| !is_impossible(one.iter().copied().chain(other.iter().copied())))
        })
    }

    /// The names of everything it looks at.
    pub fn subjects(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.node().visit(&mut |test| {
            names.insert(test.subject.name());
        });
        names
    }

    /// Whether each of its branches looks at something of a group, like `order.`.
    pub fn needs(&self, group: &str) -> bool {
        let asks = |test: &&Test| test.subject.name().starts_with(group) && !is_absence(test);
        branches(self).iter().all(|tests| tests.iter().any(asks))
    }
}

fn is_absence(test: &Test) -> bool {
    test.operator == Operator::Exists && test.negated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Pointer, Report};
    use crate::rule::read_conditions;
    use crate::value::Zone;

    fn rule(text: &str) -> Rule {
        let condition = |text: &str| {
            let mut parts = text.trim().splitn(3, ' ');
            let (subject, operator) = (parts.next().unwrap(), parts.next().unwrap());
            let value = parts.next().map(|value| Json::parse(value.as_bytes()).unwrap());
            crate::value::object()
                .with("type", subject)
                .with("operator", operator)
                .with_some("value", value)
                .build()
        };
        let all_of = |text: &str| Json::List(text.split(" and ").map(condition).collect());
        let conditions = match text {
            "" => Json::List(Vec::new()),
            text => Json::List(text.split(" or ").map(all_of).collect()),
        };
        let mut report = Report::default();
        let rule = read_conditions(Some(&conditions), &Pointer::root(), Zone::UTC, &mut report);
        assert!(!report.has_problems(), "{report}");
        rule
    }

    #[test]
    fn rules_that_cannot_hold_are_found() {
        let check = |text: &str, expected: bool| assert_eq!(rule(text).is_impossible(), expected, "{text}");
        check("", false);
        check("order.value greater_than 5", false);
        check("order.value greater_than 5 and order.value less_than 5", true);
        check("order.value greater_than_or_equal 5 and order.value less_than_or_equal 5", false);
        check("order.value greater_than 5 and order.value less_than_or_equal 5", true);
        check("order.value between [1, 3] and order.value equals 4", true);
        check("order.value greater_than 5 and order.value less_than 4 or order.value equals 1", false);
        check(r#"event.platform equals "web" and event.platform equals "app""#, true);
        check(r#"event.platform in ["web", "app"] and event.platform not_equals "web""#, false);
        check(r#"event.platform in ["web"] and event.platform not_in ["web", "app"]"#, true);
        check(r#"event.platform equals "web" and event.platform not_exists"#, true);
        check("customer.tags.vip equals true and customer.tags.vip equals false", true);
        // An order has several lines.
        check(r#"product.sku equals "a" and product.sku equals "b""#, false);
        check("time.hour greater_than 20 and time.hour less_than 4", true);
    }

    #[test]
    fn rules_that_may_hold_together_are_found() {
        let check = |one: &str, other: &str, expected: bool| {
            assert_eq!(rule(one).may_hold_with(&rule(other)), expected, "{one} | {other}");
            assert_eq!(rule(other).may_hold_with(&rule(one)), expected, "{other} | {one}");
        };
        check("", "", true);
        check("order.value less_than 20", "order.value greater_than_or_equal 20", false);
        check("order.value less_than_or_equal 20", "order.value greater_than_or_equal 20", true);
        check(r#"event.platform equals "web""#, r#"event.platform equals "app""#, false);
        check(r#"event.platform equals "web""#, "order.value greater_than 1", true);
        check(
            "order.value less_than 5 or order.value greater_than 50",
            "order.value between [10, 20]",
            false,
        );
    }
}
