//! Members of audiences: counts, lists, and who was in when.

use super::{Fixture, House, house, purchase, registration, start_instant};
use crate::engine::{Clock, Work};
use crate::faulty::Fault;
use masivo_core::Command;
use masivo_core::fact::EventStatus;
use masivo_core::program::Kind;
use masivo_core::value::{DAY, HOUR, Json, Timestamp};
use std::collections::BTreeMap;

/// The counter of an audience is the number of its members, also after its rule changes.
pub fn counts_agree_with_members<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    for index in 0..40 {
        let id = format!("c{index}");
        house.register(&id).unwrap();
        if index % 2 == 0 {
            house.submit(purchase(&id, "10", "").into(), None).unwrap();
        }
    }
    let audience = house.handle().program().audiences().next().unwrap().id.clone();
    let look = || {
        let query = house.handle().query().unwrap();
        let count = query.definition(Kind::Audience, &audience).unwrap().integer("members_count").unwrap();
        (count, i64::try_from(now_in(&house, &audience).len()).unwrap())
    };
    assert_eq!(look(), (20, 20));
    house.define(Kind::Audience, Some(&audience), r#"{"name": "all", "conditions": []}"#);
    house.handle().submit_blocking(Work::CatchUp).unwrap();
    assert_eq!(look(), (40, 40));
    assert_eq!(house.handle().reader().unwrap().sweep().unwrap(), None);
    let events = house.handle().reader().unwrap().events_before(0, 100).unwrap();
    assert!(events.iter().all(|row| row.status == Some(EventStatus::Resolved)));
    house.verified_hash();
}

/// Looking at everybody again comes to what was known and writes nothing, asked for or on a schedule.
pub fn recalculating_comes_to_what_is_known<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let rule = r#"[[{"type": "events.count", "event": "PURCHASE", "window": "10/days", "operator": "greater_than_or_equal", "value": 1}]]"#;
    let body = format!(r#"{{"name": "daily", "conditions": {rule}, "recalculation": "daily"}}"#);
    let audience = house.define(Kind::Audience, None, &body).text("id").unwrap().to_owned();
    for customer in 0..30 {
        let id = format!("c{customer}");
        house.register(&id).unwrap();
        if customer % 3 == 0 {
            house.submit(purchase(&id, "10", "").into(), None).unwrap();
        }
    }
    let handle = house.handle();
    let done = || handle.reader().unwrap().sweep().unwrap().is_none();
    let at = || handle.reader().unwrap().counters().unwrap().recalculated;
    assert_eq!(at(), None);
    let before = house.verified_hash();
    handle.submit_blocking(Work::Recalculate).unwrap();
    assert_eq!(at(), Some(start_instant()));
    handle.submit_blocking(Work::CatchUp).unwrap();
    assert!(done());
    assert_eq!((house.verified_hash(), now_in(&house, &audience).len()), (before.clone(), 10));
    // By the schedule: a day after it was asked for, and no sooner.
    let day = start_instant().plus(DAY);
    for (now, expected) in [(day.plus(-1), start_instant()), (day, day), (day.plus(HOUR), day)] {
        handle.submit_blocking(Work::SetClock(now)).unwrap();
        handle.submit_blocking(Work::CatchUp).unwrap();
        assert_eq!((at(), done()), (Some(expected), true), "at {now}");
    }
    assert_eq!(house.verified_hash(), before);
    // Without a schedule nothing is looked at again.
    house.define(Kind::Audience, Some(&audience), &body.replace("daily\"}", "never\"}"));
    handle.submit_blocking(Work::SetClock(day.plus(5 * DAY))).unwrap();
    assert_eq!(at(), Some(day));
}

/// While everybody is looked at by a new rule, those are listed and counted who were in when it was written, also by audiences that
/// ask for that one; then all that it says is seen at once.
pub fn nobody_sees_half_an_audience<F: Fixture>(fixture: &F) {
    const CUSTOMERS: usize = 180;
    let (house, faults) = super::faulty(fixture);
    let handle = house.handle();
    let id = |customer: usize| format!("c{customer:03}");
    house.submit(Command::Delete { customer: "ana".into() }.into(), None).unwrap();
    let registered = (0..CUSTOMERS).map(|customer| registration(&id(customer)));
    let bought = (0..CUSTOMERS).step_by(2).map(|customer| purchase(&id(customer), "10", ""));
    let answers = handle.submit_all_blocking(registered.chain(bought).map(Into::into).collect()).unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let define = |body: &str| house.define(Kind::Audience, None, body).text("id").unwrap().to_owned();
    let bought = r#"[[{"type": "events.count", "event": "PURCHASE", "operator": "greater_than_or_equal", "value": 1}]]"#;
    let buyers = define(&format!(r#"{{"name": "buyers", "conditions": {bought}}}"#));
    let not =
        format!(r#"{{"not": {{"type": "customer.audiences", "operator": "equals", "value": "{buyers}"}}}}"#);
    let others = define(&format!(r#"{{"name": "others", "conditions": {not}}}"#));
    handle.submit_blocking(Work::CatchUp).unwrap();
    handle.submit_blocking(Work::SetClock(start_instant().plus(DAY))).unwrap();
    let written = start_instant().plus(DAY);
    let seen = |audience: &str| {
        let query = handle.query().unwrap();
        let count = query.definition(Kind::Audience, audience).unwrap().integer("members_count").unwrap();
        let sizes = query.audience_sizes(audience, written.day(), written.day()).unwrap();
        let size = sizes.items().last().and_then(|day| day.integer("members")).unwrap();
        let (now, then) = (now_in(&house, audience), in_at(&house, audience, written));
        assert_eq!(now, then, "who is in is who was in at this instant");
        assert_eq!((count, size), (i64::try_from(now.len()).unwrap(), count));
        now
    };
    let even: Vec<String> = (0..CUSTOMERS).step_by(2).map(id).collect();
    let odd: Vec<String> = (1..CUSTOMERS).step_by(2).map(id).collect();
    assert_eq!((seen(&buyers), seen(&others)), (even.clone(), odd.clone()));
    // In one group the rule is written and a member is gone; then the writer gets no further: all that it does by itself fails.
    [Fault::None, Fault::NotCommitted, Fault::NotCommitted].into_iter().for_each(|fault| faults.then(fault));
    let body = Json::parse(br#"{"name": "buyers", "conditions": []}"#).unwrap();
    let write = Work::Define { kind: Kind::Audience, id: Some(buyers.clone()), body };
    // One of them was in by the rule before, the other in the audience that asks for it.
    let delete = |customer: usize| Command::Delete { customer: id(customer) }.into();
    let requests = vec![write.into(), delete(0), delete(1)];
    let answers = handle.submit_all_blocking(requests).unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let before = (even[1..].to_vec(), odd[1..].to_vec());
    for (found, expected) in [(seen(&buyers), before.0), (seen(&others), before.1)] {
        let is_on = handle.reader().unwrap().sweep().unwrap().is_some();
        assert!(!is_on || found == expected, "{} where there were {}", found.len(), expected.len());
    }
    // Single customers are judged by the new rule.
    let last = handle.query().unwrap().customer(&id(CUSTOMERS - 1)).unwrap();
    assert_eq!(last.path("customer.audiences").map(|audiences| audiences.items().len()), Some(1));
    while handle.submit_blocking(Work::CatchUp).is_err() {}
    let all: Vec<String> = (2..CUSTOMERS).map(id).collect();
    assert_eq!((seen(&buyers), seen(&others)), (all, Vec::new()));
    assert!(handle.reader().unwrap().unlisted(1).unwrap().is_empty(), "nothing is left of who is out");
    house.verified_hash();
}

/// Cuts of scores are drawn from the customers there are, again on their schedule, and kept until then; scoring against them is
/// live, and audiences that ask for a score go by the cuts there are.
pub fn cuts_are_drawn_from_the_customers_there_are<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let handle = house.handle();
    let of = |id: &str| -> (Vec<i64>, Option<String>, i64) {
        let shown = handle.query().unwrap().definition(Kind::Trait, id).unwrap();
        let cuts = shown.get("cuts").map_or(&[][..], Json::items);
        let cuts = cuts.iter().filter_map(|cut| cut.as_number()?.to_integer()).collect();
        (cuts, shown.text("drawn_at").map(ToOwned::to_owned), shown.integer("version").unwrap())
    };
    let score = |id: &str| {
        let shown = handle.query().unwrap().customer(id).unwrap();
        shown.path("customer.traits.monetary").and_then(Json::as_number).map(|score| score.to_string())
    };
    let start = Some(start_instant().to_string());
    let spend =
        r#"{"value": {"type": "events.sum", "event": "PURCHASE", "field": "order.value"}, "groups": 4}"#;
    // Of nobody nothing is drawn, and it is tried again.
    let visits = r#"{"value": {"type": "customer.rfm.frequency"}, "groups": 5, "recalculation": "never"}"#;
    house.define(Kind::Trait, Some("frequency"), visits);
    handle.submit_blocking(Work::CatchUp).unwrap();
    assert_eq!(of("frequency"), (vec![], None, 1));
    for customer in 1..=8 {
        let id = format!("c{customer}");
        house.register(&id).unwrap();
        house.submit(purchase(&id, &(customer * 10).to_string(), "").into(), None).unwrap();
    }
    house.define(Kind::Trait, Some("monetary"), spend);
    let best = r#"{"name": "best", "conditions": [[{"type": "customer.traits.monetary", "operator": "equals", "value": 4}]]}"#;
    let best = house.define(Kind::Audience, None, best).text("id").unwrap().to_owned();
    handle.submit_blocking(Work::CatchUp).unwrap();
    assert_eq!(of("monetary"), (vec![30, 50, 70], start.clone(), 2));
    assert_eq!(of("frequency"), (vec![], None, 1));
    assert_eq!(["c1", "c2", "c3", "c8"].map(score), ["1", "1", "2", "4"].map(|score| Some(score.to_owned())));
    assert_eq!(now_in(&house, &best), ["c7", "c8"]);
    // Live against the same cuts, and the cuts stay when the trait is written again.
    house.submit(purchase("c1", "60", "").into(), None).unwrap();
    house.define(Kind::Trait, Some("monetary"), &spend.replace("4}", "4, \"description\": \"spend\"}"));
    assert_eq!(score("c1"), Some("4".to_owned()));
    assert_eq!(now_in(&house, &best), ["c1", "c7", "c8"]);
    // What somebody else says was drawn does not count, and another value is drawn anew.
    let other = spend.replace("4}", r#"4, "cuts": [1], "drawn_at": "2999-01-01T00:00:00Z"}"#);
    house.define(Kind::Trait, Some("other"), &other.replace("order.value", "order.discounted_value"));
    house.define(Kind::Trait, Some("other"), &other);
    handle.submit_blocking(Work::CatchUp).unwrap();
    assert_eq!(of("other").1, start);
    // How often they came says nothing: most came once. Nobody is without a score.
    handle.submit_blocking(Work::SetClock(start_instant().plus(HOUR))).unwrap();
    let later = Some(start_instant().plus(HOUR).to_string());
    assert_eq!(of("frequency"), (vec![], later.clone(), 2));
    // A day later they are drawn again, and no sooner.
    let day = start_instant().plus(DAY);
    handle.submit_blocking(Work::SetClock(day.plus(-1))).unwrap();
    assert_eq!(of("monetary"), (vec![30, 50, 70], start.clone(), 3));
    handle.submit_blocking(Work::SetClock(day)).unwrap();
    assert_eq!(of("monetary"), (vec![40, 60, 70], Some(day.to_string()), 4));
    assert_eq!(of("frequency"), (vec![], later, 2));
    assert_eq!(now_in(&house, &best), ["c1", "c7", "c8"]);
    house.verified_hash();
}

/// All members of all pages.
fn listed(mut page: impl FnMut(Option<&str>) -> crate::query::Page) -> Vec<String> {
    let (mut members, mut after) = (Vec::new(), None::<String>);
    loop {
        let found = page(after.as_deref());
        members.extend(found.items.iter().map(|member| member.text("customer_id").unwrap().to_owned()));
        match found.next {
            Some(next) => after = Some(next),
            None => return members,
        }
    }
}

fn now_in(house: &House, audience: &str) -> Vec<String> {
    let query = house.handle().query().unwrap();
    listed(|after| query.members(audience, after, 7).unwrap())
}

fn in_at(house: &House, audience: &str, at: Timestamp) -> Vec<String> {
    let query = house.handle().query().unwrap();
    listed(|after| query.members_at(audience, at, after, 3).unwrap())
}

/// Who was in at any instant of the past is known: by events, by the passing of time, also when nobody wrote that, and by
/// deletion.
pub fn membership_of_the_past_is_kept<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let rule = r#"[[{"type": "events.count", "event": "PURCHASE", "window": "10/days", "operator": "greater_than_or_equal", "value": 2}]]"#;
    let body = format!(r#"{{"name": "often", "conditions": {rule}}}"#);
    let audience = house.define(Kind::Audience, None, &body).text("id").unwrap().to_owned();
    (0..9).for_each(|customer| drop(house.register(&format!("c{customer}")).unwrap()));
    // The last that was seen at an instant.
    let mut seen: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
    let mut now = start_instant();
    for step in 0_i64..60 {
        let customer = format!("c{}", (step * step + step / 7) % 9);
        house.submit(purchase(&customer, "10", "").into(), None).unwrap();
        if step % 3 == 0 {
            // Two of a customer at once: in, until the first of them is ten days old.
            house.submit(purchase(&customer, "10", "").into(), None).unwrap();
        }
        seen.insert(now, now_in(&house, &audience));
        now = now.plus((step % 5) * 7 * HOUR + 1);
        house.handle().submit_blocking(Work::SetClock(now)).unwrap();
        seen.insert(now, now_in(&house, &audience));
    }
    // The time goes on, and nobody writes anything.
    let last = now.plus(4 * DAY);
    assert!(house.clock.set(last));
    seen.insert(last, now_in(&house, &audience));
    assert!(seen.values().any(|members| members.len() > 3), "some are in together");
    for (at, members) in &seen {
        assert_eq!(&in_at(&house, &audience, *at), members, "at {at}");
    }
    house.handle().submit_blocking(Work::CatchUp).unwrap();
    let customer = now_in(&house, &audience).first().cloned().unwrap_or_else(|| "c1".to_owned());
    house.submit(Command::Delete { customer: customer.clone() }.into(), None).unwrap();
    for (at, members) in &seen {
        let left: Vec<&String> = members.iter().filter(|member| **member != customer).collect();
        assert_eq!(
            in_at(&house, &audience, *at).iter().collect::<Vec<_>>(),
            left,
            "at {at}, who is not erased"
        );
    }
    let query = house.handle().query().unwrap();
    assert!(query.members_at(&audience, last.plus(1), None, 10).is_err(), "that has not come yet");
    history_adds_up(&house, &audience, start_instant().day(), last.day());
    house.verified_hash();
}

/// What entered and left, page by page, comes to who is in, and to the sizes of the days.
fn history_adds_up(house: &House, audience: &str, from: i64, to: i64) {
    let query = house.handle().query().unwrap();
    let (mut turns, mut after): (Vec<Json>, u64) = (Vec::new(), 0);
    loop {
        let page = query.audience_history(audience, after, 5).unwrap();
        turns.extend(page.items);
        match page.next {
            Some(next) => after = next.parse().unwrap(),
            None => break,
        }
    }
    let of = |what: &str| turns.iter().filter(|turn| turn.text("what") == Some(what)).count();
    assert_eq!(of("entered") - of("left"), now_in(house, audience).len());
    let whats: Vec<&str> = turns.iter().filter_map(|turn| turn.path("because.what")?.as_text()).collect();
    assert_eq!(whats.len(), turns.len(), "each has a reason");
    assert!(whats.contains(&"event") && whats.contains(&"due"), "{whats:?}");
    let sizes = query.audience_sizes(audience, from, to).unwrap();
    let sum = |name: &str| sizes.items().iter().filter_map(|day| day.integer(name)).sum::<i64>();
    assert_eq!(sum("entered"), i64::try_from(of("entered")).unwrap());
    assert_eq!(sum("left"), i64::try_from(of("left")).unwrap());
    let last = sizes.items().last().and_then(|day| day.integer("members"));
    assert_eq!(last, i64::try_from(now_in(house, audience).len()).ok());
}

/// A list that begins with an audience has its members of that instant, also when the audience is written anew at once.
pub fn a_list_begins_with_the_members_of_its_instant<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let rule = |country: &str| {
        format!(
            r#"{{"name": "there", "conditions": [[{{"type": "customer.tags.country", "operator": "equals", "value": "{country}"}}]]}}"#
        )
    };
    for customer in 0..300 {
        let id = format!("c{customer}");
        house.register(&id).unwrap();
        let country = if customer % 3 == 0 { "EC" } else { "PE" };
        let tags = Json::parse(format!(r#"{{"country": "{country}"}}"#).as_bytes()).unwrap();
        house.submit(Command::SetTags { customer: id, tags }.into(), None).unwrap();
    }
    let source = house.define(Kind::Audience, None, &rule("EC")).text("id").unwrap().to_owned();
    // Nobody waits for anything: what is written at once finds what it needs.
    let list = format!(r#"{{"name": "then", "type": "STATIC", "members_of": "{source}"}}"#);
    let list = house.define(Kind::Audience, None, &list).text("id").unwrap().to_owned();
    house.define(Kind::Audience, Some(&source), &rule("PE"));
    house.define(Kind::Audience, Some(&source), r#"{"name": "there", "type": "STATIC"}"#);
    house.handle().submit_blocking(Work::CatchUp).unwrap();
    assert_eq!((now_in(&house, &list).len(), now_in(&house, &source).len()), (100, 200));
    assert!(now_in(&house, &list).iter().all(|id| id[1..].parse::<u32>().unwrap() % 3 == 0));
    house.verified_hash();
}
