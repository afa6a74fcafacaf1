//! Conditions about past events: against a naive reading of everything that ever happened, and what is refused.

use crate::house::House;
use crate::properties::cases;
use crate::script::Script;
use masivo_core::program::Kind;
use masivo_core::value::{DAY, HOUR, Json, Mint, StoreSecret, Timestamp, object};
use masivo_core::{Command, Context, Customer, Decision, Loaded, decide};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// An event as it was told.
#[derive(Clone, Debug)]
struct Told {
    event_type: &'static str,
    at: i64,
    /// In which order they were told.
    place: usize,
    value: i64,
    counts: bool,
}

#[derive(Clone, Copy, Debug)]
enum Counted {
    Count,
    Sum,
    Minimum,
    Maximum,
    Average,
    Distinct,
}

#[derive(Clone, Copy, Debug)]
enum Range {
    Ever,
    Days(i64),
    Month(i64),
    Between(i64, i64),
    Since(&'static str),
}

#[derive(Clone, Debug)]
enum Asked {
    Number {
        counted: Counted,
        event: &'static str,
        least: Option<i64>,
        range: Range,
    },
    Latest {
        event: &'static str,
        first: bool,
        days: i64,
    },
    Sequence {
        first: &'static str,
        next: &'static str,
        never: bool,
        hours: i64,
        without: Option<&'static str>,
        range: Range,
    },
}

/// A condition: what is asked, how it is compared, and with what.
#[derive(Clone, Debug)]
struct Condition {
    asked: Asked,
    operator: &'static str,
    bound: i64,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Condition),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

const TYPES: [&str; 3] = ["seen", "bought", "left"];
const START: i64 = 1_767_225_600_000; // 2026-01-01

impl Counted {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "events.count",
            Self::Sum => "events.sum",
            Self::Minimum => "events.minimum",
            Self::Maximum => "events.maximum",
            Self::Average => "events.average",
            Self::Distinct => "events.distinct",
        }
    }
}

fn text(at: i64) -> String {
    Timestamp::from_milliseconds(at).to_string()
}

fn count(items: impl Iterator) -> i64 {
    items.map(|_| 1).sum()
}

/// The months of 2026 and around, as instants they begin at.
fn month_of(at: i64) -> i64 {
    let starts = (0..).map(month_start);
    count(starts.take_while(|start| *start <= at)) - 1
}

fn month_start(month: i64) -> i64 {
    let (year, month) = (2025 + month.div_euclid(12), month.rem_euclid(12) + 1);
    Timestamp::parse(&format!("{year}-{month:02}-01T00:00:00Z")).unwrap().milliseconds()
}

impl Range {
    fn to_json(self) -> Option<Json> {
        Some(match self {
            Self::Ever => return None,
            Self::Days(days) => Json::from(format!("{days}/days")),
            Self::Month(0) => Json::from("this_month"),
            Self::Month(_) => Json::from("last_month"),
            Self::Between(from, to) => object().with("from", text(from)).with("to", text(to)).build(),
            Self::Since(other) => object().with("since", object().with("event", other)).build(),
        })
    }

    /// Whether what happened then is in, at `now`; `None` when that cannot be said.
    fn has(self, at: i64, place: usize, now: i64, told: &[Told]) -> Option<bool> {
        Some(match self {
            Self::Ever => true,
            Self::Days(days) => now < at + days * DAY,
            Self::Month(back) => month_of(at) == month_of(now) - back,
            Self::Between(from, to) => from <= at && at < to,
            Self::Since(other) => {
                let others =
                    told.iter().filter(|told| told.event_type == other && told.counts && told.at <= now);
                let last = others.map(|told| (told.at, told.place)).max()?;
                (at, place) > last
            }
        })
    }
}

/// What happened by `now`, of a type, in the order of time.
fn of<'t>(told: &'t [Told], event: &str, now: i64) -> Vec<&'t Told> {
    let mut found: Vec<&Told> =
        told.iter().filter(|told| told.event_type == event && told.counts && told.at <= now).collect();
    found.sort_by_key(|told| (told.at, told.place));
    found
}

impl Condition {
    fn to_json(&self) -> Json {
        let event = |name: &str| object().with("event", name).build();
        let condition = match &self.asked {
            Asked::Number { counted, event, least, range } => {
                let field = (!matches!(counted, Counted::Count)).then_some("event.metadata.value");
                let filter = least.map(|least| {
                    let test = object().with("type", "event.metadata.value");
                    let test = test.with("operator", "greater_than_or_equal").with("primitive", "number");
                    Json::List(vec![Json::List(vec![test.with("value", least).build()])])
                });
                let asked =
                    object().with("type", counted.name()).with("event", *event).with_some("where", filter);
                asked.with_some("field", field).with_some("window", range.to_json()).with("value", self.bound)
            }
            Asked::Latest { event, first, days } => {
                let name = if *first { "events.first" } else { "events.last" };
                object().with("type", name).with("event", *event).with("value", format!("{days}/days"))
            }
            Asked::Sequence { first, next, never, hours, without, range } => object()
                .with("type", "events.sequence")
                .with("event", *first)
                .with_some("window", range.to_json())
                .with(if *never { "never" } else { "then" }, event(next))
                .with("within", format!("{hours}/hours"))
                .with_some("without", without.map(event))
                .with("value", self.bound),
        };
        condition.with("operator", self.operator).build()
    }

    /// By looking at everything.
    fn truth(&self, now: i64, told: &[Told]) -> Option<bool> {
        // A mean is a fraction.
        let (number, parts) = match &self.asked {
            Asked::Latest { event, first, days } => {
                let found = of(told, event, now);
                let at = if *first { found.first() } else { found.last() }?.at;
                return Some(match self.operator {
                    "within_last" => now < at + days * DAY,
                    _ => now >= at + days * DAY,
                });
            }
            Asked::Number { counted, event, least, range } => {
                let mut values = Vec::new();
                if let Range::Since(other) = range {
                    of(told, other, now).last()?;
                }
                for event in of(told, event, now) {
                    if range.has(event.at, event.place, now, told)?
                        && least.is_none_or(|least| event.value >= least)
                    {
                        values.push(event.value);
                    }
                }
                let sum: i64 = values.iter().sum();
                match counted {
                    Counted::Count => (count(values.iter()), 1),
                    Counted::Sum => (sum, 1),
                    Counted::Minimum => (*values.iter().min()?, 1),
                    Counted::Maximum => (*values.iter().max()?, 1),
                    Counted::Average if values.is_empty() => return None,
                    Counted::Average => (sum, count(values.iter())),
                    Counted::Distinct => (count(values.iter().collect::<BTreeSet<_>>().into_iter()), 1),
                }
            }
            Asked::Sequence { first, next, never, hours, without, range } => {
                if let Range::Since(other) = range {
                    of(told, other, now).last()?;
                }
                let mut completions = 0;
                for begun in of(told, first, now) {
                    let until = begun.at + hours * HOUR;
                    let after = |event: &&Told| (event.at, event.place) > (begun.at, begun.place);
                    let followed =
                        of(told, next, now).into_iter().filter(after).find(|event| event.at < until);
                    let completed = match (never, followed) {
                        (true, None) if until <= now => Some((until, 0)),
                        (true, _) => None,
                        (false, Some(event)) => {
                            let others = without.map(|without| of(told, without, now)).unwrap_or_default();
                            let between = |other: &&Told| (other.at, other.place) < (event.at, event.place);
                            let stopped = others.into_iter().filter(after).any(|other| between(&other));
                            (!stopped).then_some((event.at, event.place))
                        }
                        (false, None) => None,
                    };
                    if let Some((at, place)) = completed {
                        completions += i64::from(range.has(at, place, now, told)?);
                    }
                }
                (completions, 1)
            }
        };
        let bound = self.bound * parts;
        Some(match self.operator {
            "equals" => number == bound,
            "greater_than_or_equal" => number >= bound,
            _ => number < bound,
        })
    }
}

impl Node {
    fn to_json(&self) -> Json {
        let list = |nodes: &[Self]| Json::List(nodes.iter().map(Self::to_json).collect());
        match self {
            Self::Leaf(condition) => condition.to_json(),
            Self::Not(node) => object().with("not", node.to_json()).build(),
            Self::All(nodes) => object().with("all", list(nodes)).build(),
            Self::Any(nodes) => object().with("any", list(nodes)).build(),
        }
    }

    fn truth(&self, now: i64, told: &[Told]) -> Option<bool> {
        match self {
            Self::Leaf(condition) => condition.truth(now, told),
            Self::Not(node) => node.truth(now, told).map(|truth| !truth),
            Self::All(nodes) => {
                let truths: Vec<Option<bool>> = nodes.iter().map(|node| node.truth(now, told)).collect();
                if truths.contains(&Some(false)) {
                    Some(false)
                } else {
                    truths.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
                }
            }
            Self::Any(nodes) => {
                let truths: Vec<Option<bool>> = nodes.iter().map(|node| node.truth(now, told)).collect();
                if truths.contains(&Some(true)) {
                    Some(true)
                } else {
                    truths.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
                }
            }
        }
    }

    fn holds(&self, now: i64, told: &[Told]) -> bool {
        self.truth(now, told) == Some(true)
    }

    /// The first later instant at which the answer differs, by trying every instant at which anything may happen.
    fn flips_at(&self, now: i64, told: &[Told]) -> Option<i64> {
        let mut spans = BTreeSet::new();
        self.spans(&mut spans);
        let ends = told.iter().flat_map(|told| spans.iter().map(|span| told.at + span));
        let sums: BTreeSet<i64> =
            spans.iter().flat_map(|one| spans.iter().map(move |other| one + other)).collect();
        let pairs = told.iter().flat_map(|told| sums.iter().map(|sum| told.at + sum));
        let months = (0..40).map(month_start);
        let later: BTreeSet<i64> = ends.chain(pairs).chain(months).filter(|at| *at > now).collect();
        let holds = self.holds(now, told);
        later.into_iter().find(|at| self.holds(*at, told) != holds)
    }

    fn spans(&self, spans: &mut BTreeSet<i64>) {
        let of_range = |range: &Range, spans: &mut BTreeSet<i64>| {
            if let Range::Days(days) = range {
                spans.insert(days * DAY);
            }
        };
        match self {
            Self::Not(node) => node.spans(spans),
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.spans(spans)),
            Self::Leaf(condition) => match &condition.asked {
                Asked::Number { range, .. } => of_range(range, spans),
                Asked::Latest { days, .. } => drop(spans.insert(days * DAY)),
                Asked::Sequence { hours, range, .. } => {
                    spans.insert(hours * HOUR);
                    of_range(range, spans);
                }
            },
        }
    }
}

fn event() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&TYPES[..])
}

fn range() -> impl Strategy<Value = Range> {
    prop_oneof![
        2 => Just(Range::Ever),
        4 => prop::sample::select(&[1_i64, 2, 5, 30][..]).prop_map(Range::Days),
        1 => (0..2_i64).prop_map(Range::Month),
        1 => (0..40_i64, 1..40_i64).prop_map(|(from, days)| Range::Between(START + from * DAY, START + (from + days) * DAY)),
        1 => event().prop_map(Range::Since),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let counted = prop::sample::select(
        &[
            Counted::Count,
            Counted::Count,
            Counted::Sum,
            Counted::Minimum,
            Counted::Maximum,
            Counted::Average,
            Counted::Distinct,
        ][..],
    );
    let operator = || prop::sample::select(&["equals", "greater_than_or_equal", "less_than"][..]);
    let number = (counted, event(), prop::option::of(0..4_i64), range(), operator(), 0..6_i64).prop_map(
        |(counted, event, least, range, operator, bound)| Condition {
            asked: Asked::Number { counted, event, least, range },
            operator,
            bound,
        },
    );
    let latest =
        (event(), any::<bool>(), 1..20_i64, any::<bool>()).prop_map(|(event, first, days, within)| {
            Condition {
                asked: Asked::Latest { event, first, days },
                operator: if within { "within_last" } else { "more_than_ago" },
                bound: 0,
            }
        });
    let sequence = (
        event(),
        event(),
        any::<bool>(),
        prop::sample::select(&[1_i64, 24, 60][..]),
        prop::option::of(event()),
        range(),
        operator(),
        0..3_i64,
    )
        .prop_map(|(first, next, never, hours, without, range, operator, bound)| Condition {
            asked: Asked::Sequence { first, next, never, hours, without: without.filter(|_| !never), range },
            operator,
            bound,
        });
    prop_oneof![4 => number, 1 => latest, 3 => sequence]
}

fn node() -> impl Strategy<Value = Node> {
    condition().prop_map(Node::Leaf).prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|node| Node::Not(Box::new(node))),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Node::All),
            prop::collection::vec(inner, 1..3).prop_map(Node::Any),
        ]
    })
}

#[derive(Clone, Debug)]
enum Step {
    Tell { event: &'static str, late: i64, value: i64, waits: bool },
    Reverse(usize),
    Fulfill(usize),
    Pass(i64),
    Write(usize, Node),
}

fn step() -> impl Strategy<Value = Step> {
    let hours = prop::sample::select(&[0, 0, 0, 1, 5, 30, 70][..]);
    prop_oneof![
        6 => (event(), hours, 0..5_i64, prop::bool::weighted(0.2))
            .prop_map(|(event, late, value, waits)| Step::Tell { event, late: late * HOUR, value, waits }),
        2 => (0..20_usize).prop_map(Step::Reverse),
        1 => (0..20_usize).prop_map(Step::Fulfill),
        4 => prop::sample::select(&[1, HOUR, HOUR, DAY, DAY, 3 * DAY, 20 * DAY][..]).prop_map(Step::Pass),
        1 => (0..3_usize, node()).prop_map(|(place, node)| Step::Write(place, node)),
    ]
}

fn write(script: &mut Script, place: usize, node: &Node) {
    let name = format!("a{place}");
    let body = object().with("name", name.as_str()).with("conditions", node.to_json()).build();
    assert_eq!(script.define(Kind::Audience, &name, &body), "", "{body}");
}

fn compare(script: &mut Script, rules: &[Node], told: &[Told], now: i64) {
    for (place, rule) in rules.iter().enumerate() {
        let expected = if rule.holds(now, told) { "in" } else { "out" };
        let until = rule.flips_at(now, told);
        let expected = match until {
            Some(at) => format!("{expected} until {}", text(at)),
            None => expected.to_owned(),
        };
        let short = |text: &str| text.replace(".000Z", "").replace("T00:00:00", "").replace('Z', "");
        let found = script.step(&format!("audience ana a{place}"));
        assert_eq!(short(&found), short(&expected), "at {} {}\n{told:#?}", text(now), rule.to_json());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(192), ..ProptestConfig::default() })]

    #[test]
    fn audiences_say_what_a_reading_of_everything_says(
        rules in prop::collection::vec(node(), 3),
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let mut script = Script::open("2026-01-01");
        for event in TYPES {
            script.step(&format!("define event_type {event} {{\"loyalty\": true}}"));
        }
        let mut rules = rules;
        rules.iter().enumerate().for_each(|(place, rule)| write(&mut script, place, rule));
        script.step("register ana");
        let (mut told, mut now): (Vec<Told>, i64) = (Vec::new(), START);
        let mut waiting = BTreeSet::new();
        for step in steps {
            match step {
                Step::Tell { event, late, value, waits } => {
                    let place = told.len();
                    let standby = if waits { "standby 300d" } else { "" };
                    let at = (now - late).max(now - 72 * HOUR);
                    let line = format!(
                        "emit ana {event} {standby} issued {} {{\"metadata\": {{\"value\": {value}}}}} as e{place}", text(at)
                    );
                    let answer = script.step(&line);
                    prop_assert!(answer.starts_with(if waits { "PENDING" } else { "RESOLVED" }), "{}: {}", line, answer);
                    if waits {
                        waiting.insert(place);
                    }
                    told.push(Told { event_type: event, at, place, value, counts: !waits });
                }
                Step::Reverse(place) if place < told.len() => {
                    script.step(&format!("reverse e{place}"));
                    waiting.remove(&place);
                    told[place].counts = false;
                }
                Step::Fulfill(place) if waiting.remove(&place) => {
                    script.step(&format!("fulfill e{place}"));
                    told[place].counts = true;
                }
                Step::Pass(passed) => {
                    now += passed;
                    script.step(&format!("at +{passed}ms"));
                }
                Step::Write(place, rule) => {
                    write(&mut script, place, &rule);
                    rules[place] = rule;
                }
                Step::Reverse(_) | Step::Fulfill(_) => {}
            }
            compare(&mut script, &rules, &told, now);
        }
    }
}

/// Conditions with the problem that each has, and where.
const REFUSED: [(&str, &str); 22] = [
    (r#""type": "events.count", "event": "PURCHASE", "operator": "greater_than", "value": 1"#, ""),
    (r#""type": "events.count", "operator": "greater_than", "value": 1"#, "missing /event"),
    (
        r#""type": "events.count", "event": "Purchse", "operator": "greater_than", "value": 1"#,
        "unknown_event_type /event",
    ),
    (
        r#""type": "events.sum", "event": "PURCHASE", "operator": "greater_than", "value": 1"#,
        "missing /field",
    ),
    (
        r#""type": "events.sum", "event": "PURCHASE", "field": "order.store_id", "operator": "equals", "value": 1"#,
        "value_does_not_fit /field",
    ),
    (
        r#""type": "events.sum", "event": "PURCHASE", "field": "customer.age", "operator": "equals", "value": 1"#,
        "unknown_subject /field",
    ),
    (
        r#""type": "events.count", "event": "PURCHASE", "field": "order.value", "operator": "equals", "value": 1"#,
        "not_allowed /field",
    ),
    (
        r#""type": "events.count", "event": "PURCHASE", "window": "soon", "operator": "equals", "value": 1"#,
        "not_a_window /window",
    ),
    (
        r#""type": "events.count", "event": "PURCHASE", "window": {"from": "2026-02-01", "to": "2026-01-01"}, "operator": "equals", "value": 1"#,
        "not_a_window /window",
    ),
    (
        r#""type": "events.count", "event": "PURCHASE", "window": {"since": {"where": []}}, "operator": "equals", "value": 1"#,
        "missing /window/since/event",
    ),
    (
        r#""type": "events.count", "event": "PURCHASE", "where": [[{"type": "customer.age", "operator": "exists"}]], "operator": "equals", "value": 1"#,
        "subject_not_allowed /where",
    ),
    (
        r#""type": "events.count", "event": "PURCHASE", "where": {"type": "events.count", "event": "PURCHASE", "operator": "equals", "value": 1}, "operator": "equals", "value": 1"#,
        "subject_not_allowed /where",
    ),
    (
        r#""type": "events.count", "event": "PURCHASE", "then": {"event": "PURCHASE"}, "operator": "equals", "value": 1"#,
        "not_allowed /then",
    ),
    (
        r#""type": "events.count", "event": "PURCHASE", "operator": "within_last", "value": "1/days""#,
        "value_does_not_fit /value",
    ),
    (r#""type": "events.sequence", "event": "PURCHASE", "operator": "equals", "value": 1"#, "missing /then"),
    (
        r#""type": "events.sequence", "event": "PURCHASE", "then": {"event": "PURCHASE"}, "operator": "equals", "value": 1"#,
        "missing /within",
    ),
    (
        r#""type": "events.sequence", "event": "PURCHASE", "never": {"event": "PURCHASE"}, "without": {"event": "PURCHASE"}, "within": "1/days", "operator": "equals", "value": 1"#,
        "not_allowed /without",
    ),
    (
        r#""type": "customer.age", "event": "PURCHASE", "operator": "equals", "value": 1"#,
        "not_allowed /event",
    ),
    (r#""type": "events.last", "event": "PURCHASE", "operator": "within_last", "value": "1/days""#, ""),
    (r#""type": "customer.audiences", "operator": "equals", "value": "nobody""#, "unknown_audience /value"),
    (r#""type": "customer.audiences", "operator": "in", "value": ["nobody"]"#, "unknown_audience /value/0"),
    (r#""type": "customer.audiences", "operator": "exists""#, "value_does_not_fit /value"),
];

#[test]
fn conditions_that_say_too_little_or_too_much_are_named() {
    let mut script = Script::open("2026-01-01");
    for (condition, expected) in REFUSED {
        let came_to =
            script.step(&format!(r#"define audience x {{"name": "x", "conditions": {{{condition}}}}}"#));
        let expected = match expected.split_once(' ') {
            _ if expected.is_empty() => String::new(),
            Some((code, place)) => format!("refused: {code} /conditions{place}"),
            None => format!("refused: {expected} /conditions"),
        };
        assert_eq!(came_to, expected, "{condition}");
    }
    // Other definitions ask for the audience instead.
    let past = r#"{"type": "events.count", "event": "PURCHASE", "operator": "equals", "value": 1}"#;
    let came_to = script
        .step(&format!(r#"define tier gold {{"name": "gold", "level": 2, "entry_conditions": {past}}}"#));
    assert_eq!(came_to, "refused: subject_not_allowed /entry_conditions");
}

/// What asks for others asks a bounded number of times, however it is written, and whichever is written last.
#[test]
fn audiences_ask_for_others_a_hundred_times_at_most() {
    let mut script = Script::open("2026-01-01");
    let asks = |name: &str, times: usize| {
        let condition =
            format!(r#"{{"type": "customer.audiences", "operator": "equals", "value": "${name}"}}"#);
        format!("[[{}]]", vec![condition; times].join(", "))
    };
    let mut write = |name: &str, conditions: &str| {
        script.step(&format!(r#"define audience {name} {{"name": "{name}", "conditions": {conditions}}}"#))
    };
    assert_eq!(write("d0", "[]"), "");
    // Each asks for the one before twice: 2, 6, 14, 30, 62, 126.
    for level in 1..6 {
        assert_eq!(write(&format!("d{level}"), &asks(&format!("d{}", level - 1), 2)), "", "{level}");
    }
    assert_eq!(write("d6", &asks("d5", 2)), "refused: rule_too_large /conditions");
    assert_eq!(write("e0", "[]"), "");
    for level in 1..=60 {
        assert_eq!(write(&format!("e{level}"), &asks(&format!("e{}", level - 1), 1)), "", "{level}");
    }
    // The one at the end of a chain of 60 may not begin to ask 62 times.
    assert_eq!(write("e0", &asks("d5", 1)), "refused: rule_too_large /conditions");
    assert_eq!(write("e0", &asks("e60", 1)), "refused: cyclic_membership /conditions");
    assert_eq!(write("e0", &asks("d4", 1)), "");
    script.step("register ana");
    assert_eq!(script.step("audience ana e60"), "in");
}

/// What looking at somebody again comes to.
fn recalculated(house: &House, customer: Customer) -> Decision {
    let mint = Mint::new(StoreSecret::new([1; 16]), house.now, "test", b"");
    let context = Context::new(house.now, &house.program, mint, 1_000);
    let events = Some(house.events_of(house.key("ana")));
    let loaded = Loaded { customer: Some(customer), events, ..Loaded::default() };
    decide(&context, loaded, &Command::Recalculate).unwrap()
}

/// What was let go of, since no window needs it any more, does not come back.
#[test]
fn recalculating_leaves_what_was_let_go_of() {
    let mut script = Script::open("2026-01-01");
    for step in [
        r#"define audience short {"name": "short", "conditions": [[{"type": "events.count", "event": "PURCHASE", "window": "1/days", "operator": "greater_than_or_equal", "value": 1}]]}"#,
        "register ana",
        "emit ana PURCHASE 10",
        "at +5d",
        "emit ana PURCHASE 10",
    ] {
        script.step(step);
    }
    let whole = script.world.read("ana");
    assert_eq!(whole.series.series.values().map(|entries| entries.len()).sum::<usize>(), 1);
    let same = recalculated(&script.world, whole.clone());
    assert_eq!((same.facts.len(), same.series_changed, same.customer), (0, false, whole));
}

/// Looking at somebody again derives everything from the facts: what went astray is mended, and only that is written.
#[test]
fn recalculating_mends_what_went_astray() {
    let mut script = Script::open("2026-01-01");
    for step in [
        r#"define audience once {"name": "once", "conditions": [[{"type": "events.count", "event": "PURCHASE", "operator": "greater_than_or_equal", "value": 1}]]}"#,
        r#"define audience never {"name": "never", "conditions": [[{"type": "events.count", "event": "PURCHASE", "operator": "equals", "value": 0}]]}"#,
        "register ana",
        "emit ana PURCHASE 10",
    ] {
        script.step(step);
    }
    let whole = script.world.read("ana");
    let recalculated = |customer: Customer| recalculated(&script.world, customer);
    let same = recalculated(whole.clone());
    assert_eq!((same.facts.len(), same.series_changed, &same.customer), (0, false, &whole));
    let mut astray = whole.clone();
    astray.series.series.clear();
    for membership in &mut astray.state.memberships {
        membership.audience = 3 - membership.audience;
    }
    let mended = recalculated(astray);
    assert_eq!((mended.facts.len(), mended.series_changed), (1, true));
    assert_eq!(mended.customer.series, whole.series);
    let inside = |customer: &Customer| {
        let members = customer.state.memberships.iter().filter(|membership| membership.inside);
        members.map(|membership| membership.audience).collect::<Vec<u32>>()
    };
    assert_eq!((inside(&mended.customer), inside(&whole)), (vec![1], vec![1]));
}

/// The schema in the documentation has the names that are read, and no others.
#[test]
fn the_schema_has_the_names_that_are_read() {
    let schema = Json::parse(include_bytes!("../../../docs/rules.schema.json")).unwrap();
    let names = |path: &str| -> Vec<String> {
        let found = path.split('/').fold(&schema, |json, name| json.get(name).unwrap());
        found.items().iter().map(|name| name.as_text().unwrap().to_owned()).collect()
    };
    let mut script = Script::open("2026-01-01");
    let mut refused = |condition: &str| {
        script.step(&format!(r#"define audience x {{"name": "x", "conditions": {{{condition}}}}}"#))
    };
    let operators = names("$defs/operator/enum");
    for operator in &operators {
        let came_to = refused(&format!(r#""type": "customer.age", "operator": "{operator}""#));
        assert!(!came_to.contains("unknown_operator"), "{operator}: {came_to}");
    }
    for function in names("$defs/eventCondition/properties/type/enum") {
        let came_to = refused(&format!(r#""type": "{function}", "operator": "exists""#));
        assert!(!came_to.contains("unknown_subject"), "{function}: {came_to}");
    }
    for primitive in names("$defs/primitive/enum") {
        let came_to = refused(&format!(
            r#""type": "customer.tags.a", "operator": "equals", "value": "x", "primitive": "{primitive}""#
        ));
        assert!(!came_to.contains("unknown_primitive"), "{primitive}: {came_to}");
    }
    // What is known is named where something is not.
    let report = refused(r#""type": "customer.age", "operator": "nope""#);
    assert_eq!((report.as_str(), operators.len()), ("refused: unknown_operator /conditions/operator", 17));
}
