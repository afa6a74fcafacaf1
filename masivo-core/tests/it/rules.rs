//! Rules: the truth table, what is refused when a rule is written, and when a rule changes by the mere passing
//! of time.

use crate::house::{House, instant, json};
use crate::script::Script;
use masivo_core::metrics::Visit;
use masivo_core::problem::{Pointer, Report};
use masivo_core::profile::Profile;
use masivo_core::program::{Kind, Program};
use masivo_core::rule::{Rule, Truth, View, read_conditions};
use masivo_core::state::State;
use masivo_core::value::{DAY, Decimal, HOUR, Json, PeriodKind, Timestamp, Zone, object};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

fn program(zone: &str) -> Program {
    let mut house = House::open("2026-01-01");
    house.define(Kind::Settings, None, &object().with("time_zone", zone).build()).unwrap();
    Program::clone(&house.program)
}

fn read(conditions: &Json, zone: Zone) -> Result<Rule, Report> {
    let mut report = Report::default();
    let rule = read_conditions(Some(conditions), &Pointer::root(), zone, &mut report);
    if report.has_problems() { Err(report) } else { Ok(rule) }
}

fn condition(subject: &str, operator: &str, primitive: Option<&str>, value: Option<&str>) -> Json {
    object()
        .with("type", subject)
        .with("operator", operator)
        .with_some("primitive", primitive)
        .with_some("value", value.map(json))
        .build()
}

fn one(condition: Json) -> Json {
    Json::List(vec![Json::List(vec![condition])])
}

/// Customer and event in which a subject has a value; `null` is missing.
fn world(subject: &str, value: &str) -> (Profile, Json) {
    let value = json(value);
    let mut customer = object().with("id", "ana").build();
    let mut event = object().with("type", "PURCHASE").build();
    let mut path: Vec<&str> = subject.split('.').collect();
    let (group, name) = (path.remove(0), path.pop().unwrap());
    if group == "product" {
        let lines = value.items().iter().map(|value| object().with(name.to_owned(), value.clone()).build());
        event.set("order", object().with("products", Json::List(lines.collect())).build());
        return (Profile::from_json(customer), event);
    }
    let mut field = object().with(name.to_owned(), value).build();
    for outer in path.into_iter().rev() {
        field = object().with(outer.to_owned(), field).build();
    }
    match group {
        "customer" => customer.merge(&field),
        "order" => event.set("order", field),
        _ => event.merge(&field),
    }
    (Profile::from_json(customer), event)
}

fn truth_of(program: &Program, rule: &Rule, subject: &str, value: &str) -> Truth {
    let (profile, event) = world(subject, value);
    let state = State::default();
    let now = instant("2026-06-15T12:00:00Z");
    let view = View::new(now, program, &state, &profile, Some(&event));
    let truth = rule.truth(&view);
    assert_eq!(
        rule.failure(&view).is_none(),
        truth == Truth::True,
        "a failure is named when it does not hold"
    );
    assert_eq!(rule.holds(&view), truth == Truth::True);
    truth
}

const OPERATORS: [&str; 17] = [
    "equals",
    "not_equals",
    "greater_than",
    "greater_than_or_equal",
    "less_than",
    "less_than_or_equal",
    "between",
    "in",
    "not_in",
    "contains",
    "not_contains",
    "starts_with",
    "ends_with",
    "exists",
    "not_exists",
    "within_last",
    "more_than_ago",
];

/// A kind of subject: its name, the value of single comparisons, the pair for `between` and `in`, and what is
/// seen, `null` being missing.
struct Row {
    kind: &'static str,
    subject: &'static str,
    value: &'static str,
    pair: &'static str,
    seen: &'static [&'static str],
}

const ROWS: [Row; 8] = [
    Row {
        kind: "text",
        subject: "order.store_id",
        value: r#""b""#,
        pair: r#"["a", "b"]"#,
        seen: &[r#""a""#, r#""b""#, r#""abc""#, r#""B""#, "null", "5", "true"],
    },
    Row {
        kind: "number",
        subject: "order.value",
        value: "10",
        pair: "[10, 20]",
        seen: &["9.999999", "10", "10.000001", "20", "20.1", "null", r#""10""#],
    },
    Row {
        kind: "free text",
        subject: "event.tags.x",
        value: r#""b""#,
        pair: r#"["a", "b"]"#,
        seen: &[r#""a""#, r#""b""#, r#""abc""#, "null", "5", "true"],
    },
    Row {
        kind: "free number",
        subject: "customer.metadata.deep.x",
        value: "10",
        pair: "[10, 20]",
        seen: &["9", "10", "15", "null", r#""10""#, "true"],
    },
    Row {
        kind: "free flag",
        subject: "customer.tags.x",
        value: "true",
        pair: "[true, false]",
        seen: &["true", "false", "null", r#""true""#, "1"],
    },
    Row {
        kind: "date",
        subject: "customer.dob",
        value: r#""2000-06-15""#,
        pair: r#"["2000-06-15", "2000-06-20"]"#,
        seen: &[r#""2000-06-14""#, r#""2000-06-15""#, r#""2000-06-16""#, r#""2000-06-21""#, "null"],
    },
    Row {
        kind: "instant",
        subject: "customer.registration_date",
        value: r#""2026-05-16T12:00:00Z""#,
        pair: r#"["2026-05-16T12:00:00Z", "2026-06-01"]"#,
        seen: &[
            r#""2026-05-16T11:59:59.999Z""#,
            r#""2026-05-16T12:00:00Z""#,
            r#""2026-05-16T12:00:00.001Z""#,
            r#""2026-06-15T12:00:00Z""#,
            r#""2026-06-15T12:00:00.001Z""#,
            "null",
        ],
    },
    Row {
        kind: "any line",
        subject: "product.sku",
        value: r#""b""#,
        pair: r#"["a", "b"]"#,
        seen: &[
            r#"["b"]"#,
            r#"["c", "b"]"#,
            r#"["c", "d"]"#,
            r#"["c", null]"#,
            r#"["b", null]"#,
            r#"[null]"#,
            "[]",
            r#"[5, "b"]"#,
            r#"[5, "c"]"#,
        ],
    },
];

/// The table of what every operator says of every kind of value; published as it stands.
fn truth_table() -> String {
    let program = program("America/Guayaquil");
    let zone = program.settings().time_zone;
    let mut table = String::from(
        "# What every operator says\n\nNow is 2026-06-15T12:00:00Z, the zone America/Guayaquil; `null` is missing.\n",
    );
    for row in &ROWS {
        write!(table, "\n## {}: `{}`\n\n| operator | value |", row.kind, row.subject).unwrap();
        row.seen.iter().for_each(|seen| write!(table, " {seen} |").unwrap());
        write!(table, "\n|---|---|{}\n", "---|".repeat(row.seen.len())).unwrap();
        for operator in OPERATORS {
            let value = match operator {
                "between" | "in" | "not_in" => Some(row.pair),
                "exists" | "not_exists" => None,
                "within_last" | "more_than_ago" => Some(r#""30/days""#),
                _ => Some(row.value),
            };
            write!(table, "| {operator} | {} |", value.unwrap_or("")).unwrap();
            match read(&one(condition(row.subject, operator, None, value)), zone) {
                Ok(rule) => row.seen.iter().for_each(|seen| {
                    let truth = truth_of(&program, &rule, row.subject, seen);
                    write!(table, " {} |", truth.name()).unwrap();
                }),
                Err(_) => write!(table, "{}", " refused |".repeat(row.seen.len())).unwrap(),
            }
            table.push('\n');
        }
    }
    table
}

#[test]
fn the_truth_table_is_as_published() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases/truth_table.md");
    let found = truth_table();
    if std::env::var_os("MASIVO_UPDATE").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap();
    for (published, found) in published.lines().zip(found.lines()) {
        assert_eq!(published, found);
    }
    assert_eq!(published.lines().count(), found.lines().count());
}

#[test]
fn a_negation_says_the_opposite_and_unknown_stays_unknown() {
    let program = program("UTC");
    for row in &ROWS {
        for (operator, negation, value) in [
            ("equals", "not_equals", Some(row.value)),
            ("in", "not_in", Some(row.pair)),
            ("contains", "not_contains", Some(row.value)),
            ("exists", "not_exists", None),
        ] {
            let rule = read(&one(condition(row.subject, operator, None, value)), Zone::UTC);
            let negated = read(&one(condition(row.subject, negation, None, value)), Zone::UTC);
            assert_eq!(rule.is_ok(), negated.is_ok(), "{} {operator}", row.kind);
            let (Ok(rule), Ok(negated)) = (rule, negated) else { continue };
            for seen in row.seen {
                let truth = truth_of(&program, &rule, row.subject, seen);
                let opposite = truth_of(&program, &negated, row.subject, seen);
                assert_eq!(truth.negate(), opposite, "{} {operator} {seen}", row.kind);
            }
        }
    }
}

#[test]
fn and_and_or_over_three_truths() {
    let program = program("UTC");
    // A store that is `b`, one that is not, one that is not known.
    let test = |truth: Truth| match truth {
        Truth::True => condition("order.store_id", "equals", None, Some(r#""b""#)),
        Truth::False => condition("order.store_id", "equals", None, Some(r#""x""#)),
        Truth::Unknown => condition("order.channel_id", "equals", None, Some(r#""x""#)),
    };
    let all = [Truth::False, Truth::Unknown, Truth::True];
    for left in all {
        for right in all {
            let and = Json::List(vec![Json::List(vec![test(left), test(right)])]);
            let or = Json::List(vec![Json::List(vec![test(left)]), Json::List(vec![test(right)])]);
            let truth = |conditions: &Json| {
                let rule = read(conditions, Zone::UTC).unwrap();
                truth_of(&program, &rule, "order.store_id", r#""b""#)
            };
            assert_eq!(truth(&and), left.min(right), "{left:?} and {right:?}");
            assert_eq!(truth(&or), left.max(right), "{left:?} or {right:?}");
        }
    }
    assert_eq!(truth_of(&program, &read(&json("[]"), Zone::UTC).unwrap(), "order.value", "1"), Truth::True);
    assert_eq!(truth_of(&program, &read(&json("[[]]"), Zone::UTC).unwrap(), "order.value", "1"), Truth::True);
}

/// The codes and pointers of what is wrong with conditions; every problem has a hint.
#[track_caller]
fn problems(conditions: &str) -> String {
    match read(&json(conditions), Zone::UTC) {
        Ok(_) => "fine".to_owned(),
        Err(report) => {
            assert!(report.problems.iter().all(|problem| !problem.hint.is_empty()), "{report}");
            let shown: Vec<String> =
                report.problems.iter().map(|found| format!("{} {}", found.code, found.pointer)).collect();
            shown.join(", ")
        }
    }
}

/// Subject, operator, primitive, value, and what is wrong.
type BadCondition = (&'static str, &'static str, Option<&'static str>, Option<&'static str>, &'static str);

const BAD_CONDITIONS: &[BadCondition] = &[
    ("order.colour", "equals", None, Some("1"), "unknown_subject /0/0/type"),
    ("customer.metrics.this_week.spend_total", "equals", None, Some("1"), "unknown_subject /0/0/type"),
    ("customer.metrics.lifetime.points", "equals", None, Some("1"), "unknown_subject /0/0/type"),
    ("order.value", "almost", None, Some("1"), "unknown_operator /0/0/operator"),
    ("order.value", "equals", Some("money"), Some("1"), "unknown_primitive /0/0/primitive"),
    ("order.value", "equals", Some("string"), Some(r#""1""#), "value_does_not_fit /0/0/value"),
    ("order.value", "equals", Some("boolean"), Some("true"), "value_does_not_fit /0/0/value"),
    ("order.store_id", "equals", Some("number"), Some("1"), "value_does_not_fit /0/0/value"),
    ("order.value", "equals", None, Some(r#""ten""#), "value_does_not_fit /0/0/value"),
    ("order.value", "equals", None, Some("[10]"), "value_does_not_fit /0/0/value"),
    ("order.value", "equals", None, None, "value_does_not_fit /0/0/value"),
    ("order.value", "contains", None, Some(r#""1""#), "value_does_not_fit /0/0/value"),
    ("order.value", "within_last", None, Some(r#""30/days""#), "value_does_not_fit /0/0/value"),
    ("time.date", "within_last", None, Some(r#""30/days""#), "value_does_not_fit /0/0/value"),
    ("order.store_id", "greater_than", None, Some(r#""a""#), "value_does_not_fit /0/0/value"),
    ("order.store_id", "contains", None, Some(r#""""#), "value_does_not_fit /0/0/value"),
    ("order.store_id", "equals", None, Some("5"), "value_does_not_fit /0/0/value"),
    ("event.tags.x", "equals", None, Some("[1]"), "value_does_not_fit /0/0/value"),
    ("event.tags.x", "greater_than", None, Some("true"), "value_does_not_fit /0/0/value"),
    ("order.value", "between", None, Some("[20, 10]"), "value_does_not_fit /0/0/value"),
    ("order.value", "between", None, Some("[10]"), "value_does_not_fit /0/0/value"),
    ("order.value", "between", None, Some("10"), "value_does_not_fit /0/0/value"),
    ("order.value", "in", None, Some("[]"), "value_does_not_fit /0/0/value"),
    ("order.value", "in", None, Some("10"), "value_does_not_fit /0/0/value"),
    ("order.value", "in", None, Some(r#"[10, "x"]"#), "value_does_not_fit /0/0/value"),
    ("customer.dob", "equals", None, Some(r#""yesterday""#), "value_does_not_fit /0/0/value"),
    ("customer.dob", "equals", Some("recurring_date"), Some(r#""02-30""#), "value_does_not_fit /0/0/value"),
    ("customer.dob", "equals", Some("recurring_date"), Some("5"), "value_does_not_fit /0/0/value"),
    ("customer.dob", "in", Some("recurring_date"), Some(r#"["12-25"]"#), "value_does_not_fit /0/0/value"),
    (
        "customer.dob",
        "less_than",
        Some("recurring_date"),
        Some(r#""12-25""#),
        "value_does_not_fit /0/0/value",
    ),
    (
        "customer.country",
        "equals",
        Some("recurring_date"),
        Some(r#""today""#),
        "value_does_not_fit /0/0/value",
    ),
    ("customer.dob", "within_last", None, Some(r#""0/days""#), "value_does_not_fit /0/0/value"),
    ("customer.dob", "within_last", None, Some(r#""30""#), "value_does_not_fit /0/0/value"),
    ("customer.dob", "within_last", None, Some(r#""30/moons""#), "value_does_not_fit /0/0/value"),
    ("customer.dob", "within_last", None, Some(r#""-3/days""#), "value_does_not_fit /0/0/value"),
    ("customer.dob", "equals", Some("recurring_date"), Some(r#""02-29""#), "fine"),
    ("order.value", "equals", None, Some(r#"" 10.5 ""#), "fine"),
    ("event.metadata.a.b", "within_last", None, Some(r#""1/year""#), "fine"),
];

#[test]
fn bad_conditions_are_refused_with_their_place_and_a_hint() {
    for (subject, operator, primitive, value, expected) in BAD_CONDITIONS {
        let conditions = one(condition(subject, operator, *primitive, *value)).to_string();
        assert_eq!(problems(&conditions), *expected, "{conditions}");
    }
    // All problems at once, each with its place.
    assert_eq!(
        problems(
            r#"[[{"type": "a", "operator": "b", "primitive": "c", "value": 1}], [{"type": "order.value"}]]"#
        ),
        "missing /1/0/operator"
    );
    assert_eq!(
        problems(
            r#"[[{"type": "a", "operator": "b", "primitive": "c", "value": 1}], [{"type": "order.value", "operator": "exists"}, {"type": "order.value", "operator": "in", "value": 3}]]"#
        ),
        "unknown_subject /0/0/type, unknown_operator /0/0/operator, unknown_primitive /0/0/primitive, \
         value_does_not_fit /1/1/value"
    );
    assert_eq!(
        problems(r#"[[{"type": "order.value", "operator": "exists", "colour": 1}]]"#),
        "unknown_field /0/0/colour"
    );
}

#[test]
fn rules_are_bounded() {
    let exists = r#"{"type": "order.value", "operator": "exists"}"#;
    let all_of = |count: usize| format!("[{}]", vec![exists; count].join(","));
    let any_of = |branches: usize, each: usize| format!("[{}]", vec![all_of(each); branches].join(","));
    assert_eq!(problems(&any_of(10, 50)), "fine");
    assert_eq!(problems(&any_of(11, 50)), "rule_too_large /10");
    let place = |conditions: &str| match read(&json(conditions), Zone::UTC) {
        Ok(_) => "fine".to_owned(),
        Err(report) => format!("{} {}", report.problems[0].code, report.problems[0].pointer),
    };
    assert_eq!(place(&any_of(51, 1)), "not_a_list ");
    assert_eq!(place(&any_of(1, 51)), "not_a_list /0");
    let values = |count: usize| {
        format!(
            r#"[[{{"type": "order.value", "operator": "in", "value": [{}]}}]]"#,
            vec!["1"; count].join(",")
        )
    };
    assert_eq!(place(&values(1_000)), "fine");
    assert_eq!(place(&values(1_001)), "value_does_not_fit /0/0/value");
}

#[test]
fn the_spellings_of_the_product_are_read_and_answered_in_ours() {
    for (subject, operator, primitive, value, expected) in [
        ("Order Value", "grater than", Some("currency"), "30", "order.value greater_than currency"),
        ("order value", "Less Than Or Equal To", None, "30", "order.value less_than_or_equal"),
        ("Order Value", "greater than or equal to", None, "30", "order.value greater_than_or_equal"),
        ("Store", "equal to", None, r#""a""#, "order.store_id equals"),
        ("Store", "not equal to", None, r#""a""#, "order.store_id not_equals"),
        ("Channel", "not in", None, r#"["a"]"#, "order.channel_id not_in"),
        (
            "customer.dob",
            "equals",
            Some("Recurring Date"),
            r#""today""#,
            "customer.dob equals recurring_date",
        ),
        (
            "customer.registration_date",
            "within last",
            Some("relative date"),
            r#""30/days""#,
            "customer.registration_date within_last relative_date",
        ),
        ("Total Spend", ">=", None, "5", "customer.metrics.lifetime.spend_total greater_than_or_equal"),
    ] {
        let rule = read(&one(condition(subject, operator, primitive, Some(value))), Zone::UTC).unwrap();
        let (written, _) = rule.condition(0).unwrap();
        let parts = ["type", "operator", "primitive"].into_iter().filter_map(|name| written.text(name));
        assert_eq!(parts.collect::<Vec<_>>().join(" "), expected);
        // What is answered reads again, and means the same.
        assert_eq!(read(rule.source(), Zone::UTC).unwrap(), rule);
    }
}

#[test]
fn subjects_that_do_not_belong_are_refused_where_the_rule_is_written() {
    let mut script = Script::open("2026-01-01");
    for (definition, expected) in [
        (r#"audience a when order.value greater_than 1"#, "refused: subject_not_allowed /conditions"),
        (r#"audience a when time.hour equals 5"#, "refused: subject_not_allowed /conditions"),
        (r#"audience a when event.type exists"#, "refused: subject_not_allowed /conditions"),
        (r#"audience a when product.sku exists"#, "refused: subject_not_allowed /conditions"),
        (
            r#"tier a level 2 when order.value greater_than 1"#,
            "refused: subject_not_allowed /entry_conditions",
        ),
        (
            r#"tier a level 2 when customer.tags.a exists exit event.tags.a exists"#,
            "refused: subject_not_allowed /exit_conditions",
        ),
        (
            r#"define journey j {"name": "j", "trigger": {"type": "event", "event_type": "PURCHASE"}, "steps": [{"id": "a", "type": "condition", "conditions": [[{"type": "order.value", "operator": "exists"}]]}]}"#,
            "refused: subject_not_allowed /steps/0/conditions",
        ),
    ] {
        assert_eq!(script.step(definition), expected, "{definition}");
    }
}

// --- When a rule changes by the mere passing of time.

const START: &str = "2025-06-01T00:00:00Z";

fn any_condition() -> impl Strategy<Value = Json> {
    let period = prop::sample::select(vec![
        "lifetime",
        "this_year",
        "last_year",
        "this_quarter",
        "last_quarter",
        "this_month",
        "last_month",
    ]);
    let order = prop::sample::select(vec!["equals", "greater_than", "less_than_or_equal", "not_equals"]);
    let number = (
        period.clone(),
        prop::sample::select(vec!["spend_total", "number_of_purchases"]),
        order.clone(),
        0..4_i32,
    )
        .prop_map(|(period, field, operator, value)| {
            let subject = format!("customer.metrics.{period}.{field}");
            condition(&subject, operator, None, Some(&value.to_string()))
        });
    let span = prop::sample::select(vec![
        r#""1/day""#,
        r#""30/days""#,
        r#""90/days""#,
        r#""1/month""#,
        r#""2/years""#,
    ]);
    let dates = prop::sample::select(vec![
        "customer.metrics.lifetime.last_visit",
        "customer.metrics.this_month.last_visit",
        "customer.metrics.last_quarter.last_visit",
        "customer.registration_date",
        "customer.dob",
        "customer.tags.since",
    ]);
    let window = (dates.clone(), prop::sample::select(vec!["within_last", "more_than_ago"]), span)
        .prop_map(|(subject, operator, span)| condition(subject, operator, None, Some(span)));
    let exists = (dates, prop::sample::select(vec!["exists", "not_exists"]))
        .prop_map(|(subject, operator)| condition(subject, operator, None, None));
    let age = (order, 16..22_i32)
        .prop_map(|(operator, age)| condition("customer.age", operator, None, Some(&age.to_string())));
    let birthday = prop::sample::select(vec!["equals", "not_equals"])
        .prop_map(|operator| condition("customer.dob", operator, Some("recurring_date"), Some(r#""today""#)));
    let anniversary =
        Just(condition("customer.registration_date", "equals", Some("recurring_date"), Some(r#""today""#)));
    prop_oneof![3 => number, 3 => window, 1 => exists, 1 => age, 1 => birthday, 1 => anniversary]
}

#[derive(Clone, Debug)]
struct Scene {
    conditions: Vec<Vec<Json>>,
    zone: &'static str,
    born: i64,
    since: i64,
    registered: i64,
    visits: Vec<(i64, i32)>,
    now: i64,
    samples: Vec<i64>,
}

fn scenes() -> impl Strategy<Value = Scene> {
    let year = 365 * DAY;
    (
        prop::collection::vec(prop::collection::vec(any_condition(), 1..3), 1..3),
        prop::sample::select(vec!["UTC", "America/Guayaquil", "Europe/Berlin", "Pacific/Kiritimati"]),
        (0..2_000_i64, -400..400_i64, -400 * DAY..10 * DAY),
        prop::collection::vec((-400 * DAY..0, 0..3_i32), 0..5),
        0..year,
        prop::collection::vec(0..3 * year, 24),
    )
        .prop_map(|(conditions, zone, (born, since, registered), visits, now, samples)| Scene {
            conditions,
            zone,
            born,
            since,
            registered,
            visits,
            now,
            samples,
        })
}

impl Scene {
    fn check(&self) -> Result<(), TestCaseError> {
        let program = program(self.zone);
        let zone = program.settings().time_zone;
        let start = instant(START);
        let now = start.plus(self.now);
        let date =
            |days: i64| instant("2006-01-01").plus(days * DAY).to_string().get(..10).unwrap().to_owned();
        let since = start.plus(self.since * DAY).to_string().get(..10).unwrap().to_owned();
        let profile = Profile::from_json(
            object()
                .with("id", "ana")
                .with("dob", date(self.born))
                .with("registration_date", start.plus(self.registered))
                .with("tags", object().with("since", since).build())
                .build(),
        );
        let mut state = State::default();
        for (back, spend) in &self.visits {
            let visit =
                Visit { issued_at: now.plus(*back), spend: Decimal::whole(*spend), purchase: *spend > 0 };
            state.metrics.add(&visit, zone);
        }
        let branches = self.conditions.iter().map(|all_of| Json::List(all_of.clone())).collect();
        let rule = read(&Json::List(branches), zone).unwrap();
        let view = View::new(now, &program, &state, &profile, None);
        let at = |now: Timestamp| view.at(now);
        let holds = rule.holds(&view);
        let (_, flip) = rule.verdict(&view);
        prop_assert!(flip.is_none_or(|flip| flip > now));
        for probe in self.probes(zone, now).into_iter().filter(|probe| flip.is_none_or(|flip| *probe < flip))
        {
            prop_assert_eq!(
                rule.holds(&at(probe)),
                holds,
                "{} at {} before {:?}",
                rule.source(),
                probe,
                flip
            );
        }
        // At the flip it is different; a search that was cut short goes on and ends.
        let mut next = flip;
        for _ in 0..40 {
            let Some(flip) = next else { break };
            prop_assert_eq!(rule.holds(&at(flip.plus(-1))), holds, "right before {}", flip);
            if rule.holds(&at(flip)) != holds {
                break;
            }
            (_, next) = rule.verdict(&at(flip));
            prop_assert!(next.is_none_or(|next| next > flip));
        }
        Ok(())
    }

    /// Instants at which something may change, those right before, and any others.
    fn probes(&self, zone: Zone, now: Timestamp) -> Vec<Timestamp> {
        let start = instant(START);
        let mut probes: Vec<Timestamp> = self.samples.iter().map(|sample| now.plus(*sample)).collect();
        let mut edges = Vec::new();
        let dates = self.visits.iter().map(|(back, _)| now.plus(*back));
        for date in dates.chain([start.plus(self.registered), start.plus(self.since * DAY)]) {
            edges.extend([DAY, 30 * DAY, 90 * DAY].map(|span| date.plus(span)));
            edges.extend([1, 24].map(|months| zone.plus_months(date, months)));
        }
        let mut day = zone.start_of_day(now);
        for _ in 0..400 {
            edges.push(day);
            day = zone.start_of_next_day(day);
        }
        let mut month = now;
        for _ in 0..36 {
            month = zone.next_period_start(PeriodKind::Month, month);
            edges.push(month);
        }
        probes.extend(edges.iter().flat_map(|edge| [edge.plus(-1), *edge, edge.plus(HOUR)]));
        probes.retain(|probe| *probe >= now);
        probes
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::properties::cases(64), ..ProptestConfig::default() })]

    #[test]
    fn a_rule_keeps_its_answer_until_its_flip_and_changes_at_it(scene in scenes()) {
        scene.check()?;
    }
}
