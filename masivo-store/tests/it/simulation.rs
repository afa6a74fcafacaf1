//! What was recorded comes again, under the programme as it is and under a draft.

use crate::files::Folder;
use masivo_core::Command;
use masivo_core::events::{read_event, read_reversal};
use masivo_core::program::Kind;
use masivo_core::value::{Json, parse_uuid};
use masivo_store::conformance::{House, instant, purchase, registration, start_instant};
use masivo_store::simulation::{Fork, Recorded, compare, open_copies};
use masivo_store::{Mode, SqliteBackend, SqliteReader, Work, verify};

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

/// A shop with a week of everything: of before, a waiting event that is fulfilled, a newcomer, a part and a whole that come
/// back, and points by hand.
fn shop(folder: &Folder) -> String {
    let backend = SqliteBackend::open(&folder.file(), Mode::Test, Some([7; 16])).unwrap();
    let house = House::open(backend, start_instant());
    house.furnish();
    house.define(Kind::EventType, Some("REVIEW"), r#"{"loyalty": false}"#);
    house.register("ana").unwrap();
    let old = house.submit(purchase("ana", "10", "").into(), None).unwrap();
    house.set_clock("2026-01-10T09:00:00Z");
    // With a key the answer is kept beside what was sent.
    house.submit(registration("bea").into(), Some("k")).unwrap();
    let waiting = house.submit(purchase("ana", "100", r#", "fulfilled": false, "reserve": 3"#).into(), None);
    let of_bea = house.submit(purchase("bea", "50", "").into(), None).unwrap();
    house.set_clock("2026-01-11T10:30:00Z");
    let id = |event: &Json| parse_uuid(event.text("id").unwrap()).unwrap();
    house.submit(Command::Fulfill { event: id(&waiting.unwrap()) }.into(), None).unwrap();
    let bought = house.submit(purchase("ana", "60", "").into(), None).unwrap();
    let reverse = |event: &Json, body: &str| {
        let (reversal, _) = read_reversal(&json(body)).unwrap();
        house.submit(reversal.on(id(event)).into(), None).unwrap();
    };
    reverse(&bought, r#"{"reason": "too small", "return": {"value": 20}}"#);
    reverse(&of_bea, r#"{"reason": "broken"}"#);
    reverse(&old, r#"{"reason": "late"}"#);
    let consent = json(r#"{"purposes": {"behavioral_campaigns": true}}"#);
    for customer in ["ana", "bea"] {
        let consent = consent.clone();
        house.submit(Command::SetConsent { customer: customer.into(), consent }.into(), None).unwrap();
    }
    house.set_clock("2026-01-12T12:00:00Z");
    house
        .submit(Command::SetTags { customer: "bea".into(), tags: json(r#"{"vip": true}"#) }.into(), None)
        .unwrap();
    let review = r#"{"customer_id": "ana", "brand_id": "shop", "type": "REVIEW"}"#;
    let (review, _) = read_event(&json(review), false).unwrap();
    house.submit(Command::Emit(review).into(), None).unwrap();
    assert_eq!((house.available("ana"), house.available("bea")), ("140".into(), "0".into()));
    let hash = house.verified_hash();
    house.close();
    hash
}

/// Plays the last week to two forks, the second with a draft, and gives the comparison and what did not come again.
fn simulated(folder: &Folder, round: u32, draft: Option<&str>) -> (Json, String) {
    let copies = folder.path().join(round.to_string());
    std::fs::create_dir(&copies).unwrap();
    let [as_it_is, engine] = open_copies(&folder.file(), &copies).unwrap();
    if let Some(draft) = draft {
        let points = engine.handle().program().rewards().next().unwrap().id.clone();
        let body = json(&draft.replace("$points", &points));
        let loyal = json(r#"{"loyalty": true}"#);
        let review = Work::Define { kind: Kind::EventType, id: Some("REVIEW".into()), body: loyal };
        engine.handle().submit_blocking(review).unwrap();
        engine.handle().submit_blocking(Work::Define { kind: Kind::Campaign, id: None, body }).unwrap();
    }
    let (mut as_it_is, mut draft) = (Fork::begin(as_it_is).unwrap(), Fork::begin(engine).unwrap());
    let begun = instant("2026-01-13T00:00:00Z");
    assert_eq!((as_it_is.engine().handle().now(), draft.engine().handle().now()), (begun, begun));
    let source = as_it_is.engine().handle();
    let mut recorded = Recorded::of_last_days(&source, 7).unwrap();
    while let Some(steps) = recorded.next_steps(&source).unwrap() {
        as_it_is.play(&steps).unwrap();
        draft.play(&steps).unwrap();
    }
    let until = instant("2026-01-20T00:00:00Z");
    as_it_is.pass_to(until).unwrap();
    draft.pass_to(until).unwrap();
    for fork in [&as_it_is, &draft] {
        assert_eq!(verify(&*fork.engine().handle().reader().unwrap()).unwrap().findings, []);
    }
    (compare(&as_it_is, &draft, begun).unwrap(), format!("{:?}", recorded.left_out()))
}

fn at<'a>(json: &'a Json, path: &str) -> &'a Json {
    json.path(path).unwrap()
}

#[test]
fn the_same_programme_makes_no_difference_and_the_store_is_left_alone() {
    let folder = Folder::new();
    let hash = shop(&folder);
    let (compared, left_out) = simulated(&folder, 0, None);
    assert_eq!(
        left_out,
        r#"{"changes of consent": 1, "changes of profiles": 1, "reversed events of before": 1}"#
    );
    // Registration, three purchases and a review, a fulfilment, a consent, a part and a whole that come back.
    assert_eq!(at(&compared, "played.now").to_string(), at(&compared, "played.draft").to_string());
    let played = r#"{"steps":9,"events":{"PENDING":1,"RESOLVED":3},"refused":{}}"#;
    assert_eq!(at(&compared, "played.now").to_string(), played);
    let issued = r#"{"now":210,"draft":210,"difference":0}"#;
    assert_eq!(at(&at(&compared, "campaigns").items()[0], "issued").to_string(), issued);
    // 140 of before, 100 and 60 less 20 of what came again.
    let held = r#"[{"reward":"points","now":280,"draft":280,"difference":0}]"#;
    assert_eq!(at(&compared, "rewards").to_string(), held);
    assert_eq!(at(&compared, "customers.same").to_string(), "3", "ana, bea, and bea once more");
    let store = SqliteReader::open(&folder.file()).unwrap();
    assert_eq!(verify(&store).unwrap().hash, hash);
}

#[test]
fn a_draft_shows_what_it_would_change_the_same_each_time() {
    let folder = Folder::new();
    shop(&folder);
    let draft = r#"{"name": "welcome", "attributes": {"trigger": "REGISTRATION"}, "withoutEndDate": true, "budget": 100,
        "rules": [{"effects": [{"reward_id": "$points", "amount": 7, "expiration_date": "2/days"}]}]}"#;
    let (compared, _) = simulated(&folder, 0, Some(draft));
    let welcome =
        at(&compared, "campaigns").items().iter().find(|line| line.text("campaign") == Some("welcome"));
    let welcome = welcome.unwrap();
    // Whoever came in that week comes again, and what is not used within two days expires in that week.
    assert_eq!(at(welcome, "issued").to_string(), r#"{"now":0,"draft":7,"difference":7}"#);
    assert_eq!(at(welcome, "expired").to_string(), r#"{"now":0,"draft":7,"difference":7}"#);
    assert_eq!(at(welcome, "liability.draft").to_string(), "0");
    assert_eq!(at(&compared, "budgets").items().len(), 1);
    assert_eq!(at(&compared, "customers.gain").to_string(), "0");
    let generous = draft.replace("2/days", "1/years").replace("REGISTRATION", "PURCHASE");
    let (compared, _) = simulated(&folder, 1, Some(&generous));
    // Two purchases of ana, of the second of which a third came back (2 of 7); the other one was reversed.
    assert_eq!(at(&compared, "customers.gain").to_string(), "1");
    let gains = &at(&compared, "customers.gain_most").items()[0];
    assert_eq!(gains.text("customer_id"), Some("ana"));
    assert_eq!(at(gains, "value").to_string(), r#"{"now":280,"draft":292,"difference":12}"#);
    assert_eq!(simulated(&folder, 2, Some(&generous)).0, compared);
}

#[test]
fn a_draft_may_begin_today_and_let_others_earn() {
    let folder = Folder::new();
    shop(&folder);
    // Who came in that week comes again as they are by now: with their tag.
    let vip = r#"{"name": "vip", "attributes": {"trigger": "PURCHASE"}, "start_date": "2026-01-12T00:00:00Z", "withoutEndDate": true,
        "rules": [{"conditions": [[{"type": "customer.tags.vip", "operator": "equals", "value": true}]],
                   "effects": [{"reward_id": "$points", "amount": 5}]}]}"#;
    let issued = |compared: &Json, name: &str| {
        let line = at(compared, "campaigns").items().iter().find(|line| line.text("campaign") == Some(name));
        at(line.unwrap(), "issued.draft").to_string()
    };
    let (compared, _) = simulated(&folder, 0, Some(vip));
    assert_eq!(issued(&compared, "vip"), "5");
    // What was only tracked earns when the draft says so.
    let reviews = r#"{"name": "reviews", "attributes": {"trigger": "REVIEW"}, "withoutEndDate": true,
        "rules": [{"effects": [{"reward_id": "$points", "amount": 3}]}]}"#;
    let (compared, _) = simulated(&folder, 1, Some(reviews));
    assert_eq!(issued(&compared, "reviews"), "3");
}
