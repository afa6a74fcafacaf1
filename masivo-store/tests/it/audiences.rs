//! Audiences as they are asked: previews and explanations.

use masivo_core::Command;
use masivo_core::events::Part;
use masivo_core::program::{Kind, read_preview_rule};
use masivo_core::value::{DAY, Decimal, Json, Timestamp};
use masivo_store::conformance::{House, purchase, registration, start_instant};
use masivo_store::{Answer, Clock as _, Config, Content, Engine, ManualClock, MemoryBackend, Request, Work};
use std::sync::Arc;

const RULES: [(&str, &str); 4] = [
    (
        "this month",
        r#"[[{"type": "customer.metrics.this_month.spend_total", "operator": "greater_than", "value": 100}]]"#,
    ),
    (
        "last month or much",
        r#"[[{"type": "customer.metrics.last_month.number_of_purchases", "operator": "greater_than", "value": 1},
             {"type": "customer.metrics.this_year.spend_total", "operator": "exists"}],
            [{"type": "customer.metrics.lifetime.spend_total", "operator": "greater_than_or_equal", "value": 200}]]"#,
    ),
    (
        "lately",
        r#"[[{"type": "customer.metrics.lifetime.last_visit", "operator": "within_last", "value": "10/days"}]]"#,
    ),
    ("tagged", r#"[[{"type": "customer.tags.vip", "operator": "equals", "value": true}]]"#),
];

/// Numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A house in which five customers buy, return and are tagged for half a year.
fn lived(seed: u64) -> (House, Vec<String>) {
    let house = House::open(MemoryBackend::default(), start_instant());
    house.furnish();
    let audiences = RULES.map(|(name, conditions)| {
        let body = format!(r#"{{"name": "{name}", "conditions": {conditions}}}"#);
        house.define(Kind::Audience, None, &body).text("id").unwrap().to_owned()
    });
    (0..5).for_each(|customer| drop(house.register(&format!("c{customer}")).unwrap()));
    let (mut dice, mut now, mut events) = (Dice(seed), start_instant(), Vec::new());
    for _ in 0..120 {
        let customer = format!("c{}", dice.below(5));
        let event = |dice: &mut Dice, events: &[uuid::Uuid]| {
            let place = usize::try_from(dice.below(u64::try_from(events.len()).unwrap().max(1))).unwrap();
            events.get(place).copied()
        };
        let work: Work = match dice.below(10) {
            0..5 => {
                let value = dice.below(90).to_string();
                Work::Customer(Box::new(purchase(&customer, &value, "")))
            }
            5 | 6 => {
                let part = (dice.below(2) == 0).then(|| Part { value: Decimal::ONE, lines: Vec::new() });
                let Some(event) = event(&mut dice, &events) else { continue };
                let reason = "test".to_owned();
                Work::Customer(Box::new(Command::Reverse { event, reason, plan: None, part }))
            }
            7 => {
                let tags = Json::parse(format!(r#"{{"vip": {}}}"#, dice.below(2) == 0).as_bytes()).unwrap();
                Work::Customer(Box::new(Command::SetTags { customer, tags }))
            }
            _ => {
                now = now.plus(i64::try_from(dice.below(200)).unwrap() * 3_600_000);
                Work::SetClock(now)
            }
        };
        if let Ok(Answer::Event { record, .. }) = house.handle().submit_blocking(Request::from(work)) {
            events.push(record.head().unwrap().id);
        }
    }
    (house, audiences.to_vec())
}

/// Asserts that what a condition saw is what the events that it cites come to, and that nodes follow from theirs.
fn check(node: &Json) -> &str {
    let truth = node.text("truth").unwrap();
    for (name, decides, otherwise) in [("all", "false", "true"), ("any", "true", "false")] {
        if let Some(nodes) = node.get(name) {
            let truths: Vec<&str> = nodes.items().iter().map(check).collect();
            let unknown = if truths.contains(&"unknown") { "unknown" } else { otherwise };
            assert_eq!(truth, if truths.contains(&decides) { decides } else { unknown }, "{node}");
            return truth;
        }
    }
    let Some(evidence) = node.get("evidence") else { return truth };
    let events = evidence.get("events").unwrap().items();
    assert_eq!(evidence.integer("count").unwrap(), i64::try_from(events.len()).unwrap(), "all are named");
    let spend =
        events.iter().fold(Decimal::ZERO, |sum, event| sum.saturating_add(event.number("spend").unwrap()));
    let last = events.iter().filter_map(|event| event.text("issued_at")).max();
    let subject = node.path("condition.type").and_then(Json::as_text).unwrap();
    let seen = node.get("seen").unwrap();
    match subject.rsplit('.').next().unwrap() {
        "spend_total" => assert_eq!(seen, &Json::Number(spend), "{node}"),
        "number_of_purchases" => assert_eq!(seen.to_string(), events.len().to_string(), "{node}"),
        _ => assert_eq!(seen.as_text().and_then(Timestamp::parse), last.and_then(Timestamp::parse), "{node}"),
    }
    truth
}

#[test]
fn what_is_cited_comes_to_what_was_seen() {
    let (mut inside, mut outside) = (0, 0);
    for seed in 0..20 {
        let (house, audiences) = lived(seed);
        let query = house.handle().query().unwrap();
        for (audience, (name, _)) in audiences.iter().zip(RULES) {
            let mut members = Vec::new();
            for customer in (0..5).map(|customer| format!("c{customer}")) {
                let shown = query.explain_membership(audience, &customer).unwrap();
                let is_in = shown.flag("inside").unwrap();
                let truth = check(shown.get("rule").unwrap());
                assert_eq!(truth == "true", is_in, "{name}: {shown}");
                if is_in {
                    assert!(shown.get("because").is_some(), "{name}: {shown}");
                    members.push(customer);
                }
                *if is_in { &mut inside } else { &mut outside } += 1;
            }
            let listed = query.members(audience, None, 100).unwrap().items;
            let listed: Vec<&str> = listed.iter().filter_map(|member| member.text("customer_id")).collect();
            assert_eq!(listed, members, "{name}");
        }
    }
    assert!(inside > 50 && outside > 50, "{inside} in, {outside} out");
}

#[test]
fn a_preview_finds_whom_the_audience_finds() {
    for seed in 0..10 {
        let (house, audiences) = lived(seed);
        let query = house.handle().query().unwrap();
        for (audience, (name, conditions)) in audiences.iter().zip(RULES) {
            let body = Json::parse(format!(r#"{{"conditions": {conditions}}}"#).as_bytes()).unwrap();
            let rule = read_preview_rule(query.program(), &body).unwrap();
            let shown = query.preview_audience(&rule, false).unwrap();
            let listed = query.members(audience, None, 100).unwrap().items;
            let ids: Vec<Json> =
                listed.iter().map(|member| member.get("customer_id").unwrap().clone()).collect();
            assert_eq!(shown.get("members").unwrap().items(), ids, "{name}");
            assert_eq!(shown.integer("size").unwrap(), i64::try_from(ids.len()).unwrap(), "{name}");
            let overlaps = shown.get("overlaps").unwrap().items();
            let own = overlaps.iter().find(|overlap| overlap.text("audience_id") == Some(audience.as_str()));
            let own = own.map_or(0, |own| own.integer("both").unwrap());
            assert_eq!(own, i64::try_from(ids.len()).unwrap(), "{name} overlaps with itself");
        }
    }
}

#[test]
fn a_preview_says_what_deserves_a_look() {
    let (house, _) = lived(1);
    let query = house.handle().query().unwrap();
    let remarks = |conditions: &str| {
        let body = Json::parse(format!(r#"{{"conditions": {conditions}}}"#).as_bytes()).unwrap();
        let shown =
            query.preview_audience(&read_preview_rule(query.program(), &body).unwrap(), false).unwrap();
        let remarks = shown.get("remarks").unwrap().items().iter();
        remarks.map(|remark| remark.text("code").unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (conditions, expected) in [
        ("[]", ""),
        (
            r#"[[{"type": "customer.tags.vpi", "operator": "equals", "value": true}]]"#,
            "empty_now field_never_seen",
        ),
        (
            r#"[[{"type": "customer.country", "operator": "equals", "value": "PE"}, {"type": "customer.country", "operator": "equals", "value": "EC"}]]"#,
            "always_empty",
        ),
        (
            r#"[[{"type": "customer.registration_date", "operator": "within_last", "value": "100000/days"}]]"#,
            "",
        ),
    ] {
        assert_eq!(remarks(conditions), expected, "{conditions}");
    }
}

/// What `because` says: what, and at which instant.
fn because(shown: &Json) -> String {
    let part = |name: &str| shown.path(&format!("because.{name}")).and_then(Json::as_text).unwrap_or("-");
    let is = if shown.flag("inside").unwrap() { "in" } else { "out" };
    let event = if part("event_id") == "-" { "" } else { " event" };
    format!("{is} {}{event} {}", part("what"), part("at").split('T').next().unwrap())
}

#[test]
fn because_is_what_turned_it() {
    let house = House::open(MemoryBackend::default(), start_instant());
    house.furnish();
    let define = |name: &str, id: Option<&str>, rule: &str| {
        let body = format!(r#"{{"name": "{name}", "conditions": {rule}}}"#);
        house.define(Kind::Audience, id, &body).text("id").unwrap().to_owned()
    };
    let lately = define("lately", None, RULES[2].1);
    let month = define(
        "last month",
        None,
        r#"[[{"type": "customer.metrics.last_month.spend_total", "operator": "greater_than", "value": 100}]]"#,
    );
    let adult = define(
        "adult",
        None,
        r#"[[{"type": "customer.age", "operator": "greater_than_or_equal", "value": 18}]]"#,
    );
    house.register("ana").unwrap();
    let patch = Json::parse(br#"{"dob": "1990-05-05"}"#).unwrap();
    house.submit(Command::Patch { customer: "ana".to_owned(), request: patch }.into(), None).unwrap();
    let told = |audience: &str| {
        because(&house.handle().query().unwrap().explain_membership(audience, "ana").unwrap())
    };
    assert_eq!(told(&adult), "in profile 2026-01-01");
    let shown = house.handle().query().unwrap().explain_membership(&adult, "ana").unwrap();
    assert_eq!(shown.get("until"), None, "nobody gets younger: {shown}");
    let first = house.submit(purchase("ana", "200", "").into(), None).unwrap();
    let first = first.text("id").unwrap().to_owned();
    // The second purchase only moves the end, though it is of the same instant.
    house.submit(purchase("ana", "5", "").into(), None).unwrap();
    let shown = house.handle().query().unwrap().explain_membership(&lately, "ana").unwrap();
    assert_eq!(shown.path("because.event_id").and_then(Json::as_text), Some(first.as_str()));
    house.set_clock("2026-02-01T00:00:00Z");
    assert_eq!((told(&lately), told(&month)), ("out due 2026-01-11".into(), "in due 2026-02-01".into()));
    house.set_clock("2026-03-05T00:00:00Z");
    assert_eq!(told(&month), "out due 2026-03-01");
    // Still out, though a purchase will bring her in again.
    house.submit(purchase("ana", "500", "").into(), None).unwrap();
    assert_eq!(told(&month), "out due 2026-03-01");
    let waits = house.submit(purchase("ana", "1", r#", "fulfilled": false"#).into(), None).unwrap();
    house.set_clock("2026-03-20T00:00:00Z");
    define("lately", Some(&lately), &RULES[2].1.replace("10/days", "30/days"));
    house.handle().submit_blocking(Work::CatchUp).unwrap();
    assert_eq!(told(&lately), "in rule_changed 2026-03-20");
    drop(waits);
}

#[test]
fn who_came_in_a_moment_ago_is_listed_before_it_is_written() {
    let clock = Arc::new(ManualClock::new(start_instant()));
    let engine = Engine::open(Config::memory(Arc::clone(&clock))).unwrap();
    let handle = engine.handle();
    let define = |kind, id: Option<&str>, body: &str| {
        let body = Json::parse(body.as_bytes()).unwrap();
        handle.submit_blocking(Work::Define { kind, id: id.map(ToOwned::to_owned), body }).unwrap();
    };
    define(Kind::Brand, Some("shop"), r#"{"name": "Shop"}"#);
    let lapsed = RULES[2].1.replace("within_last", "more_than_ago");
    define(Kind::Audience, None, &format!(r#"{{"name": "lapsed", "conditions": {lapsed}}}"#));
    for customer in 0..9 {
        let id = format!("c{customer}");
        handle.submit_blocking(registration(&id)).unwrap();
        if customer % 2 == 0 {
            handle.submit_blocking(purchase(&id, "5", "")).unwrap();
        }
    }
    let audience = handle.program().audiences().next().unwrap().id.clone();
    // The clock goes on, and nobody writes anything.
    assert!(clock.set(start_instant().plus(10 * DAY)));
    let query = handle.query().unwrap();
    let (mut listed, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = query.members(&audience, after.as_deref(), 2).unwrap();
        listed.extend(page.items.iter().map(|member| member.text("customer_id").unwrap().to_owned()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, ["c0", "c2", "c4", "c6", "c8"]);
    let shown = query.explain_membership(&audience, "c4").unwrap();
    assert_eq!(because(&shown), "in due 2026-01-11");
}

/// Templates see traits as they are when the message is handed over, also when a trait was written after it was made.
#[test]
fn messages_have_the_traits_of_their_moment() {
    let house = House::open(MemoryBackend::default(), start_instant());
    house.furnish();
    house.register("ana").unwrap();
    house.define(Kind::Trait, Some("orders"), r#"{"value": {"type": "events.count", "event": "PURCHASE"}}"#);
    let template = r#"{"name": "hello", "subject": "{{customer.traits.orders}} orders", "text": "hello"}"#;
    let template = house.define(Kind::Template, None, template).text("id").unwrap().to_owned();
    let journey = format!(
        r#"{{"name": "thanks", "trigger": {{"type": "event", "event_type": "PURCHASE",
            "conditions": [[{{"type": "customer.traits.orders", "operator": "greater_than_or_equal", "value": 2}}]]}},
            "steps": [{{"id": "mail", "type": "send_email", "template_id": "{template}"}}]}}"#
    );
    house.define(Kind::Journey, None, &journey);
    for _ in 0..3 {
        house.submit(purchase("ana", "10", "").into(), None).unwrap();
    }
    let body = r#"{"value": {"type": "events.sum", "event": "PURCHASE", "field": "order.value"}}"#;
    house.define(Kind::Trait, Some("spend"), body);
    let Answer::Deliveries(deliveries) =
        house.handle().submit_blocking(Work::ClaimDeliveries { limit: 10 }).unwrap()
    else {
        panic!("deliveries were claimed");
    };
    let mails = deliveries.iter().filter_map(|delivery| match &delivery.content {
        Content::Email { variables, .. } => variables.path("customer.traits"),
        _ => None,
    });
    let mails: Vec<String> = mails.map(ToString::to_string).collect();
    // The second and the third purchase: journeys look at the customer after the event.
    assert_eq!(mails, vec![r#"{"orders":3,"spend":30}"#; 2]);
}
