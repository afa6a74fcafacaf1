//! Rules written as trees of `all`, `any` and `not`.

use crate::properties::cases;
use crate::script::Script;
use masivo_core::program::Kind;
use masivo_core::rule::Truth;
use masivo_core::value::{Json, object};
use proptest::prelude::*;

/// A tree over the tags a, b and c of a customer.
#[derive(Clone, Debug)]
enum Tree {
    Tag(usize),
    Exists(usize),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

const TAGS: [&str; 3] = ["a", "b", "c"];

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![3 => (0..3_usize).prop_map(Tree::Tag), 1 => (0..3_usize).prop_map(Tree::Exists)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|node| Tree::Not(Box::new(node))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Tree::All),
            prop::collection::vec(inner, 1..4).prop_map(Tree::Any),
        ]
    })
}

impl Tree {
    fn to_json(&self) -> Json {
        let condition = |tag: &usize, operator: &str| {
            object().with("type", format!("customer.tags.{}", TAGS[*tag])).with("operator", operator)
        };
        let list = |nodes: &[Self]| Json::List(nodes.iter().map(Self::to_json).collect());
        match self {
            Self::Tag(tag) => condition(tag, "equals").with("value", true).build(),
            Self::Exists(tag) => condition(tag, "exists").build(),
            Self::Not(node) => object().with("not", node.to_json()).build(),
            Self::All(nodes) => object().with("all", list(nodes)).build(),
            Self::Any(nodes) => object().with("any", list(nodes)).build(),
        }
    }

    /// By the truth table, node by node.
    fn truth(&self, tags: [Option<bool>; 3]) -> Truth {
        match self {
            Self::Tag(tag) => tags[*tag].map_or(Truth::Unknown, Truth::known),
            Self::Exists(tag) => Truth::known(tags[*tag].is_some()),
            Self::Not(node) => node.truth(tags).negate(),
            Self::All(nodes) => nodes.iter().map(|node| node.truth(tags)).min().unwrap(),
            Self::Any(nodes) => nodes.iter().map(|node| node.truth(tags)).max().unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(256), ..ProptestConfig::default() })]

    #[test]
    fn a_tree_is_what_its_nodes_say(tree in trees(), tags in any::<[Option<bool>; 3]>()) {
        let mut script = Script::open("2026-01-01");
        let body = object().with("name", "x").with("conditions", tree.to_json()).build();
        prop_assert_eq!(script.define(Kind::Audience, "x", &body), "");
        script.step("register ana");
        for (name, tag) in TAGS.iter().zip(tags) {
            if let Some(tag) = tag {
                script.step(&format!("tag ana {{\"{name}\": {tag}}}"));
            }
        }
        let expected = if tree.truth(tags) == Truth::True { "in" } else { "out" };
        prop_assert_eq!(script.step("audience ana x"), expected, "{}", tree.to_json());
        // It is shown as it was written.
        let stored = script.world.program.audience_by_id(script.id("x")).unwrap().body.clone();
        prop_assert_eq!(stored.get("conditions").unwrap(), &tree.to_json());
    }
}

#[test]
fn trees_that_are_none_are_named_with_their_places() {
    let mut script = Script::open("2026-01-01");
    let condition = r#"{"type": "customer.tags.a", "operator": "exists"}"#;
    let deep = (0..17).fold(condition.to_owned(), |inner, _| format!(r#"{{"not": {inner}}}"#));
    for (conditions, expected) in [
        (condition, ""),
        (r#"{}"#, "not_a_node /conditions"),
        (r#"{"all": []}"#, "not_a_list /conditions/all"),
        (r#"{"any": {}}"#, "not_a_list /conditions/any"),
        (r#"{"all": [1]}"#, "not_a_node /conditions/all/0"),
        (r#"{"all": [CONDITION], "any": [CONDITION]}"#, "not_a_node /conditions"),
        (r#"{"not": CONDITION, "x": 1}"#, "not_a_node /conditions"),
        (
            r#"{"any": [{"not": {"type": "customer.tags.a", "operator": "nope"}}, {"all": [{"type": "x", "operator": "exists"}, CONDITION]}]}"#,
            "unknown_operator /conditions/any/0/not/operator, unknown_subject /conditions/any/1/all/0/type",
        ),
        (r#"{"not": {"type": "order.value", "operator": "exists"}}"#, "subject_not_allowed /conditions"),
        (r#"[{"all": [CONDITION]}]"#, "not_a_list /conditions/0"),
        (
            deep.as_str(),
            "rule_too_deep /conditions/not/not/not/not/not/not/not/not/not/not/not/not/not/not/not/not",
        ),
        (r#""x""#, "not_a_list /conditions"),
    ] {
        let conditions = conditions.replace("CONDITION", condition);
        let came_to =
            script.step(&format!(r#"define audience x {{"name": "x", "conditions": {conditions}}}"#));
        let expected = if expected.is_empty() { String::new() } else { format!("refused: {expected}") };
        assert_eq!(came_to, expected, "{conditions}");
    }
}

#[test]
fn a_campaign_says_what_should_not_have_been() {
    let mut script = Script::open("2026-01-01");
    for step in [
        "points points",
        r#"define campaign x {"name": "x", "withoutEndDate": true, "attributes": {"trigger": "PURCHASE"}, "rules": [{"conditions": {"all": [{"type": "order.value", "operator": "greater_than", "value": 5}, {"not": {"any": [{"type": "event.platform", "operator": "starts_with", "value": "web"}, {"type": "customer.tags.staff", "operator": "exists"}]}}]}, "effects": [{"reward_id": "$points", "amount": 3}]}]}"#,
        "register ana",
    ] {
        assert_eq!(script.step(step), "", "{step}");
    }
    for (step, expected) in [
        (r#"emit ana PURCHASE 9 {"platform": "ios"} as a"#, "RESOLVED +3"),
        (r#"emit ana PURCHASE 9 {"platform": "webshop"} as b"#, "RESOLVED"),
        (
            "explain b",
            r#"x: rule 0 condition event.platform should not be starts with "web" and was "webshop""#,
        ),
        (r#"emit ana PURCHASE 5 {"platform": "ios"} as c"#, "RESOLVED"),
        (
            "explain c",
            "x: rule 0 condition order.value should be greater than 5 and was 5 (at least spend more than 0 more)",
        ),
        (r#"tag ana {"staff": true}"#, ""),
        (r#"emit ana PURCHASE 9 {"platform": "ios"} as d"#, "RESOLVED"),
        ("explain d", "x: rule 0 condition customer.tags.staff should not exist and was true"),
    ] {
        assert_eq!(script.step(step), expected, "{step}");
    }
}
