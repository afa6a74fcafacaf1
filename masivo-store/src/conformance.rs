//! What every backend must do, as tests (feature `testing`).
//!
//! Write a type that implements [`Fixture`] and stamp the tests out in a test of your own crate:
//! ```ignore
//! masivo_store::conformance_tests!(MyFixture::new());
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing case is a failing test"
)]

use crate::backend::{Backend, OutboxFilter, Read, Unit, Write};
use crate::engine::{
    Answer, Clock, CodePool, Config, DeliveryResult, Engine, Handle, ManualClock, Mode, Request, Work,
};
use crate::error::SubmitError;
use crate::faulty::{Fault, Faults, FaultyBackend};
use crate::verify::verify;
use masivo_core::fact::{Fact, FactKind};
use masivo_core::program::Kind;
use masivo_core::value::{Json, Timestamp};
use masivo_core::{Command, Rejection};
use std::sync::Arc;

mod membership;
mod shared;

pub use membership::*;
pub use shared::*;

/// Where fresh backends come from.
pub trait Fixture {
    /// The backend.
    type Backend: Backend;

    /// An empty store.
    fn fresh(&self) -> Self::Backend;

    /// The same store opened again; `None` when it does not outlive the process.
    fn reopen(&self) -> Option<Self::Backend>;
}

/// An engine on a backend, with shorthands for the things tests do.
#[derive(Debug)]
pub struct House {
    engine: Engine,
    clock: Arc<ManualClock>,
}

/// The instant the tests begin at.
pub fn start_instant() -> Timestamp {
    instant("2026-01-01T00:00:00Z")
}

/// An instant in RFC 3339.
pub fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|report| panic!("{report}: {text}"))
}

impl House {
    /// An engine with a brand, a reward, a campaign of a point a dollar, an audience and a webhook.
    pub fn open<B: Backend>(backend: B, at: Timestamp) -> Self {
        Self::with_secret(backend, at, [7; 16])
    }

    /// An engine on a store that has a secret of its own.
    pub fn with_secret<B: Backend>(backend: B, at: Timestamp, secret: [u8; 16]) -> Self {
        let clock = Arc::new(ManualClock::new(at));
        let shared: Arc<dyn Clock> = clock.clone();
        let config = Config::new(crate::Location::Memory, Mode::Test, shared);
        Self { engine: Engine::start(backend, secret, config).unwrap(), clock }
    }

    /// Writes the programme the tests go by.
    pub fn furnish(&self) -> &Self {
        self.define(Kind::Brand, Some("shop"), r#"{"name": "Shop"}"#);
        let reward = self.define(Kind::Reward, None, r#"{"name": "points", "type": "POINTS"}"#);
        let reward = reward.text("id").unwrap();
        let campaign = format!(
            r#"{{"name": "a point a dollar", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true,
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 1, "expiration_date": "12/months",
                "per": {{"type": "order.value", "unit": 1}}}}]}}]}}"#
        );
        self.define(Kind::Campaign, None, &campaign);
        self.define(
            Kind::Audience,
            None,
            r#"{"name": "recent", "conditions": [[{"type": "customer.metrics.lifetime.last_visit",
                "operator": "within_last", "primitive": "relative_date", "value": "30/days"}]]}"#,
        );
        self.define(
            Kind::Webhook,
            None,
            r#"{"url": "https://example.com/hook", "events": ["CUSTOMER_REGISTRATION"]}"#,
        );
        self
    }

    /// The handle of the engine.
    pub fn handle(&self) -> Handle {
        self.engine.handle()
    }

    /// Writes a definition and gives what was written.
    pub fn define(&self, kind: Kind, id: Option<&str>, body: &str) -> Json {
        let work = Work::Define { kind, id: id.map(ToOwned::to_owned), body: json(body) };
        let answer = self.engine.handle().submit_blocking(work).unwrap();
        answer.to_json(&self.engine.handle().program())
    }

    /// Submits a command, with a key where there is one.
    ///
    /// # Errors
    /// As [`Handle::submit`].
    pub fn submit(&self, request: Request, key: Option<&str>) -> Result<Json, SubmitError> {
        let answer = self.engine.handle().submit_blocking(request.with_key(key.map(ToOwned::to_owned)))?;
        Ok(answer.to_json(&self.engine.handle().program()))
    }

    /// Registers a customer by id.
    ///
    /// # Errors
    /// As [`Handle::submit`].
    pub fn register(&self, id: &str) -> Result<Json, SubmitError> {
        self.submit(registration(id).into(), None)
    }

    /// Sets the clock.
    pub fn set_clock(&self, at: &str) {
        self.engine.handle().submit_blocking(Work::SetClock(instant(at))).unwrap();
    }

    /// What is available of the first reward.
    pub fn available(&self, id: &str) -> String {
        let wallet = self.engine.handle().query().unwrap().wallet(id).unwrap();
        let total =
            wallet.get("totals").map_or(&[][..], Json::items).first().and_then(|total| total.number("total"));
        total.map_or_else(|| "0".into(), |total| total.to_string())
    }

    /// The hash of everything, after checking that it agrees.
    pub fn verified_hash(&self) -> String {
        let verification = verify(&*self.engine.handle().reader().unwrap()).unwrap();
        assert_eq!(verification.findings, Vec::new());
        verification.hash
    }

    /// Closes the engine.
    pub fn close(self) {
        self.engine.close();
    }
}

/// The registration of a customer by id.
pub fn registration(id: &str) -> Command {
    let request = format!(r#"{{"id": "{id}", "name": "Name of {id}", "email": "{id}@example.com"}}"#);
    Command::Register(masivo_core::customers::read_registration(&json(&request)).unwrap().0)
}

/// A purchase; `more` is put into the event.
pub fn purchase(id: &str, value: &str, more: &str) -> Command {
    let event = format!(
        r#"{{"customer_id": "{id}", "brand_id": "shop", "type": "PURCHASE", "order": {{"value": {value}}}{more}}}"#
    );
    Command::Emit(masivo_core::events::read_event(&json(&event), false).unwrap().0)
}

fn house<F: Fixture>(fixture: &F) -> House {
    let house = House::open(fixture.fresh(), start_instant());
    house.furnish();
    house
}

/// Names every case once: the list is the suite.
macro_rules! cases {
    ($($(#[$about:meta])* $name:ident)*) => {
        /// Stamps out one test a case for a fixture.
        #[macro_export]
        macro_rules! conformance_tests {
            ($fixture:expr) => {
                $(
                    #[test]
                    fn $name() {
                        $crate::conformance::$name(&$fixture);
                    }
                )*
            };
        }
    };
}

cases! {
    a_dropped_unit_leaves_no_trace
    a_later_command_of_a_group_sees_an_earlier_one
    an_email_belongs_to_one_customer
    a_key_repeats_its_answer_and_nothing_else
    a_refusal_is_not_remembered_and_a_failure_is
    what_falls_due_happens_at_its_instant
    many_lots_are_one_wallet
    what_fell_due_is_judged_by_the_definitions_of_then
    a_shared_limit_is_never_overrun
    gift_cards_are_handed_out_once_each
    a_referral_is_booked_on_both_sides_or_not_at_all
    a_shared_hold_runs_out_at_its_instant
    a_transfer_is_booked_on_both_sides_or_not_at_all
    quotas_are_kept_in_their_order
    the_outbox_keeps_its_order_and_takes_one_report
    erasing_leaves_nothing_personal
    a_store_that_is_opened_again_is_the_same
    a_failed_write_leaves_nothing_and_can_be_repeated
    an_unknown_commit_can_be_repeated
    codes_survive_unknown_commits
    one_refused_command_does_not_touch_its_neighbours
    counts_agree_with_members
    nobody_sees_half_an_audience
    membership_of_the_past_is_kept
    recalculating_comes_to_what_is_known
    cuts_are_drawn_from_the_customers_there_are
    a_list_begins_with_the_members_of_its_instant
    definitions_are_written_again_and_again
    lists_go_on_behind_erased_customers
    fulfilling_and_reversing_repeat_their_answers
    the_clock_sees_what_the_same_group_set
}

/// B1: what was not committed never happened.
pub fn a_dropped_unit_leaves_no_trace<F: Fixture>(fixture: &F) {
    let mut backend = fixture.fresh();
    {
        let mut unit = backend.begin().unwrap();
        let fact = Fact {
            sequence: 1,
            previous: 0,
            at: start_instant(),
            kind: FactKind::Due,
            event: None,
            about: 0,
            changes: Vec::new(),
            payload: Some(Arc::new(json(r#"{"a": 1}"#))),
            explanation: None,
        };
        unit.write(Write::Fact { customer: 1, fact: &fact }).unwrap();
        unit.write(Write::Claim { hash: [1; 16], customer: Some(1) }).unwrap();
        assert_eq!(unit.claim([1; 16]).unwrap(), Some(1), "B2: a unit sees its own writes");
        assert_eq!(unit.fact(1).unwrap().unwrap().fact, fact);
    }
    let unit = backend.begin().unwrap();
    assert_eq!(unit.claim([1; 16]).unwrap(), None);
    assert_eq!(unit.fact(1).unwrap(), None);
}

/// B2 for whole commands: registering and buying in one group.
pub fn a_later_command_of_a_group_sees_an_earlier_one<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let group =
        vec![registration("ana").into(), purchase("ana", "10", "").into(), purchase("ana", "5", "").into()];
    let answers = house.handle().submit_all_blocking(group).unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(house.available("ana"), "15");
    house.verified_hash();
}

/// Claims hold across customers, whatever the case of the letters, and are given up again.
pub fn an_email_belongs_to_one_customer<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    house.register("ana").unwrap();
    let other = json(r#"{"id": "ben", "name": "Ben", "email": "ANA@Example.com"}"#);
    let refused = house.submit(Command::Register(other.clone()).into(), None);
    assert!(matches!(refused, Err(SubmitError::Rejected(Rejection::EmailTaken))), "{refused:?}");
    assert!(matches!(house.register("ana"), Err(SubmitError::Rejected(Rejection::CustomerExists { .. }))));
    let change = Command::Patch { customer: "ana".into(), request: json(r#"{"email": "new@example.com"}"#) };
    house.submit(change.into(), None).unwrap();
    house.submit(Command::Register(other).into(), None).unwrap();
}

/// The same key and command give the same answer once carried out; another command is refused.
pub fn a_key_repeats_its_answer_and_nothing_else<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let first = house.submit(registration("ana").into(), Some("k1")).unwrap();
    house.submit(purchase("ana", "3", "").into(), None).unwrap();
    assert_eq!(house.submit(registration("ana").into(), Some("k1")).unwrap(), first);
    let bought = house.submit(purchase("ana", "10", "").into(), Some("k2")).unwrap();
    assert_eq!(house.submit(purchase("ana", "10", "").into(), Some("k2")).unwrap(), bought);
    assert_eq!(house.available("ana"), "13");
    let other = house.submit(purchase("ana", "11", "").into(), Some("k2"));
    assert!(matches!(other, Err(SubmitError::Rejected(Rejection::KeyReused))), "{other:?}");
    // An event's own id is a key too.
    let own = || purchase("ana", "7", r#", "id": "order-1""#);
    let one = house.submit(own().into(), None).unwrap();
    assert_eq!(house.submit(own().into(), None).unwrap(), one);
    assert_eq!(house.available("ana"), "20");
}

/// What wrote nothing may be tried again under its key; a FAILED event is an answer like any other.
pub fn a_refusal_is_not_remembered_and_a_failure_is<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let refused = house.submit(purchase("ana", "10", "").into(), Some("k1"));
    assert!(matches!(refused, Err(SubmitError::Rejected(Rejection::CustomerNotFound { .. }))));
    house.register("ana").unwrap();
    house.submit(purchase("ana", "10", "").into(), Some("k1")).unwrap();
    let reward = house.handle().program().rewards().next().unwrap().id.clone();
    let redeem = format!(r#", "redeem": [{{"id": "{reward}", "amount": 50}}]"#);
    let failed = house.submit(purchase("ana", "90", &redeem).into(), Some("k2")).unwrap();
    assert_eq!(failed.text("status"), Some("FAILED"));
    house.submit(purchase("ana", "90", "").into(), None).unwrap();
    let again = house.submit(purchase("ana", "90", &redeem).into(), Some("k2")).unwrap();
    assert_eq!(again, failed, "a retry never turns a failure into a success");
    assert_eq!(house.available("ana"), "100");
}

/// Reservations, lots and audiences end at their instants, read or woken.
pub fn what_falls_due_happens_at_its_instant<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    house.register("ana").unwrap();
    house.submit(purchase("ana", "10", "").into(), None).unwrap();
    let waiting =
        house.submit(purchase("ana", "5", r#", "fulfilled": false, "reserve": 2"#).into(), None).unwrap();
    assert_eq!(waiting.text("status"), Some("PENDING"));
    let event = masivo_core::value::parse_uuid(waiting.text("id").unwrap()).unwrap();
    let status = || house.handle().query().unwrap().event(event).unwrap().text("status").unwrap().to_owned();
    let audience = house.handle().program().audiences().next().unwrap().id.clone();
    let members = || {
        house
            .handle()
            .query()
            .unwrap()
            .definition(Kind::Audience, &audience)
            .unwrap()
            .integer("members_count")
    };
    house.set_clock("2026-01-02T23:59:59.999Z");
    assert_eq!(status(), "PENDING");
    house.set_clock("2026-01-03T00:00:00Z");
    assert_eq!(status(), "EXPIRED");
    house.set_clock("2026-01-30T23:59:59.999Z");
    assert_eq!(members(), Some(1));
    house.set_clock("2026-01-31T00:00:00Z");
    assert_eq!(members(), Some(0));
    house.set_clock("2026-12-31T23:59:59.999Z");
    assert_eq!(house.available("ana"), "10");
    house.set_clock("2027-01-01T00:00:00Z");
    assert_eq!(house.available("ana"), "0");
    house.verified_hash();
}

/// D2: a campaign that is written while birthdays are still to be booked has no part in them.
pub fn what_fell_due_is_judged_by_the_definitions_of_then<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let points = house.handle().program().rewards().next().unwrap().id.clone();
    let birthday = |amount: u32| {
        let campaign = format!(
            r#"{{"name": "birthday", "attributes": {{"trigger": "BIRTHDAY"}}, "withoutEndDate": true,
                "rules": [{{"effects": [{{"reward_id": "{points}", "amount": {amount}}}]}}]}}"#
        );
        house.define(Kind::Campaign, None, &campaign);
    };
    let ana = json(r#"{"id": "ana", "name": "ana", "email": "a@example.com", "dob": "1990-02-01"}"#);
    house.submit(Command::Register(ana).into(), None).unwrap();
    birthday(10);
    // The clock is moved beside the engine: nobody was woken.
    house.clock.set(instant("2026-02-01T00:00:05Z"));
    birthday(500);
    assert_eq!(house.available("ana"), "10");
    // A wallet of the past knows no birthdays of a date that was told later.
    let ben = json(r#"{"id": "ben", "name": "ben", "email": "b@example.com", "dob": "1990-02-02"}"#);
    house.clock.set(instant("2026-03-01T00:00:00Z"));
    house.submit(Command::Register(ben).into(), None).unwrap();
    for id in ["ana", "ben"] {
        let then = house.handle().query().unwrap().wallet_at(id, instant("2026-02-03T00:00:00Z")).unwrap();
        let totals = then.get("totals").unwrap().items();
        let total = totals.first().and_then(|total| total.number("total"));
        assert_eq!(total.map(|total| total.to_string()), (id == "ana").then(|| "10".to_owned()), "{id}");
    }
    house.verified_hash();
}

/// W5: lots beyond the bound lie in rows of their own, and are spent, given back and expire like the others.
pub fn many_lots_are_one_wallet<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    house.register("ana").unwrap();
    let reward = house.handle().program().rewards().next().unwrap().id.clone();
    let day = |day: i64| start_instant().plus(day * masivo_core::value::DAY).to_string();
    let bought: Vec<Json> = (0..200)
        .map(|number| {
            house.set_clock(&day(number));
            house.submit(purchase("ana", "10", "").into(), None).unwrap()
        })
        .collect();
    let reader = house.handle().reader().unwrap();
    let row = reader.customer_by_id("ana").unwrap().unwrap();
    drop(reader);
    assert!(row.state.wallet.lots.len() <= masivo_core::limits::LOTS_HELD);
    let lines = || house.handle().query().unwrap().wallet("ana").unwrap().get("lines").unwrap().items().len();
    assert_eq!((house.available("ana"), lines()), ("2000".into(), 200));
    // More than what is at hand, so that later lots are loaded.
    let redeem = format!(r#", "redeem": [{{"id": "{reward}", "amount": 1500}}]"#);
    let spent = house.submit(purchase("ana", "1", &redeem).into(), None).unwrap();
    assert_eq!((house.available("ana"), lines()), ("501".into(), 51));
    let event = |answer: &Json| masivo_core::value::parse_uuid(answer.text("id").unwrap()).unwrap();
    let reverse = |answer: &Json| Command::Reverse {
        event: event(answer),
        reason: "returned".to_owned(),
        plan: None,
        part: None,
    };
    house.submit(reverse(&spent).into(), None).unwrap();
    assert_eq!((house.available("ana"), lines()), ("2000".into(), 200));
    for answer in [&bought[199], &bought[0], &bought[100]] {
        house.submit(reverse(answer).into(), None).unwrap();
    }
    assert_eq!((house.available("ana"), lines()), ("1970".into(), 197));
    house.verified_hash();
    // The first half expires day by day, the last lots at one jump.
    house.set_clock(&day(365 + 99));
    assert_eq!(house.available("ana"), "980");
    house.set_clock(&day(365 + 198));
    assert_eq!(house.available("ana"), "0");
    house.verified_hash();
}

/// B5, and a row is settled once.
pub fn the_outbox_keeps_its_order_and_takes_one_report<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    for id in ["ana", "ben", "eva"] {
        house.register(id).unwrap();
    }
    let handle = house.handle();
    let claim = |limit| match handle.submit_blocking(Work::ClaimDeliveries { limit }).unwrap() {
        Answer::Deliveries(deliveries) => deliveries,
        other => panic!("{other:?}"),
    };
    let first = claim(2);
    assert_eq!(first.len(), 2);
    let rows =
        handle.reader().unwrap().outbox(OutboxFilter { limit: 10, ..OutboxFilter::default() }).unwrap();
    assert_eq!(
        rows.iter().take(2).map(|row| row.id).collect::<Vec<_>>(),
        first.iter().map(|row| row.id).collect::<Vec<_>>()
    );
    assert_eq!(claim(10).len(), 1, "what is claimed is not handed out twice");
    let report = |result| handle.submit_blocking(Work::ReportDelivery { id: first[0].id, result }).unwrap();
    report(DeliveryResult::Confirmed { detail: "answered 200".into() });
    report(DeliveryResult::Refused { reason: "too late".into(), gone: false });
    let row = handle.reader().unwrap().outbox_row(first[0].id).unwrap().unwrap();
    assert_eq!(
        (row.status.name(), row.reason.as_deref(), row.attempts),
        ("confirmed", Some("answered 200"), 1)
    );
}

/// B6, as far as questions can tell; the bytes of files are looked at by the backend's own tests.
pub fn erasing_leaves_nothing_personal<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    house.register("ana").unwrap();
    let bought = house
        .submit(purchase("ana", "10", r#", "metadata": {"note": "secret"}"#).into(), Some("k1"))
        .unwrap();
    house.submit(Command::Delete { customer: "ana".into() }.into(), None).unwrap();
    let query = house.handle().query().unwrap();
    assert!(matches!(query.customer("ana"), Err(SubmitError::Rejected(Rejection::CustomerDeleted))));
    let event = masivo_core::value::parse_uuid(bought.text("id").unwrap()).unwrap();
    let left = query.event(event).unwrap().to_string();
    assert!(!left.contains("secret") && !left.contains("ana"), "{left}");
    let again = house.submit(purchase("ana", "10", r#", "metadata": {"note": "secret"}"#).into(), Some("k1"));
    assert!(matches!(again, Err(SubmitError::Rejected(Rejection::AnswerErased))), "{again:?}");
    assert!(matches!(house.register("ana"), Err(SubmitError::Rejected(Rejection::CustomerDeleted))));
    // The books stay whole, and the address is free again.
    house.verified_hash();
    let other = json(r#"{"id": "other", "name": "Other", "email": "ana@example.com"}"#);
    house.submit(Command::Register(other).into(), None).unwrap();
}

/// Nothing is lost or changed by closing and opening.
pub fn a_store_that_is_opened_again_is_the_same<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    house.register("ana").unwrap();
    house.submit(purchase("ana", "10", "").into(), None).unwrap();
    house.submit(purchase("ana", "5", r#", "fulfilled": false"#).into(), None).unwrap();
    let before = (house.verified_hash(), house.handle().query().unwrap().customer("ana").unwrap());
    house.close();
    let Some(backend) = fixture.reopen() else { return };
    let again = House::open(backend, start_instant());
    assert_eq!((again.verified_hash(), again.handle().query().unwrap().customer("ana").unwrap()), before);
    again.submit(purchase("ana", "1", "").into(), None).unwrap();
    again.verified_hash();
}

fn faulty<F: Fixture>(fixture: &F) -> (House, Faults) {
    let faults = Faults::default();
    let house = House::open(FaultyBackend::new(fixture.fresh(), faults.clone()), start_instant());
    house.furnish();
    house.register("ana").unwrap();
    (house, faults)
}

/// A write or commit that fails undoes the whole group; trying again carries it out once.
pub fn a_failed_write_leaves_nothing_and_can_be_repeated<F: Fixture>(fixture: &F) {
    let (house, faults) = faulty(fixture);
    for fault in (0..12).map(|after| Fault::Write { after }).chain([Fault::NotCommitted]) {
        let before = (house.verified_hash(), house.available("ana"));
        let key = format!("{fault:?}");
        faults.then(fault);
        match house.submit(purchase("ana", "1", "").into(), Some(&key)) {
            Ok(_) => continue,
            Err(error) => assert!(matches!(error, SubmitError::NotCommitted { .. }), "{error:?}"),
        }
        assert_eq!((house.verified_hash(), house.available("ana")), before, "{fault:?}");
        house.submit(purchase("ana", "1", "").into(), Some(&key)).unwrap();
    }
    house.verified_hash();
}

/// When nobody knows whether a commit happened, the same key makes it happen exactly once.
pub fn an_unknown_commit_can_be_repeated<F: Fixture>(fixture: &F) {
    let (house, faults) = faulty(fixture);
    for (fault, key) in [(Fault::UnknownLost, "lost"), (Fault::UnknownDone, "done")] {
        faults.then(fault);
        let unknown = house.submit(purchase("ana", "10", "").into(), Some(key));
        assert!(matches!(unknown, Err(SubmitError::Unknown { .. })), "{unknown:?}");
        let answer = house.submit(purchase("ana", "10", "").into(), Some(key)).unwrap();
        assert_eq!(answer.text("status"), Some("RESOLVED"));
    }
    assert_eq!(house.available("ana"), "20");
    house.verified_hash();
}

/// What the writer does by itself survives commits of which nobody knows whether they happened: each code is made once.
pub fn codes_survive_unknown_commits<F: Fixture>(fixture: &F) {
    let (house, faults) = faulty(fixture);
    let reward = house.handle().program().rewards().next().unwrap().id.clone();
    let campaign = format!(
        r#"{{"name": "codes", "type": "COUPONS", "withoutEndDate": true, "quantity": 4000,
            "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 1}}]}}]}}"#
    );
    let work = Work::Define { kind: Kind::Campaign, id: None, body: json(&campaign) };
    faults.then(Fault::UnknownDone);
    let unknown = house.submit(work.into(), None);
    assert!(matches!(unknown, Err(SubmitError::Unknown { .. })), "{unknown:?}");
    // It was written after all, and the engine goes by what was written.
    let found = house.handle().program().campaigns().find(|campaign| campaign.spec.name == "codes").cloned();
    let pool = CodePool::Campaign(found.unwrap().id);
    let made = |house: &House| house.handle().query().unwrap().codes(&pool, None, 10_000).unwrap().items;
    for fault in [Fault::UnknownDone, Fault::UnknownLost, Fault::NotCommitted].into_iter().cycle().take(6) {
        faults.then(fault);
        drop(house.submit(Work::Ping.into(), None));
    }
    while made(&house).len() < 4_000 {
        house.submit(Work::Ping.into(), None).unwrap();
    }
    let codes = made(&house);
    let distinct: std::collections::BTreeSet<&str> =
        codes.iter().filter_map(|code| code.text("code")).collect();
    assert_eq!((codes.len(), distinct.len()), (4_000, 4_000));
    house.register("ben").unwrap();
    house.verified_hash();
}

/// G3: refusals and failures stay their own.
pub fn one_refused_command_does_not_touch_its_neighbours<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    house.register("ana").unwrap();
    let group = vec![
        purchase("ana", "1", "").into(),
        purchase("nobody", "1", "").into(),
        registration("ana").into(),
        purchase("ana", "2", "").into(),
    ];
    let answers = house.handle().submit_all_blocking(group).unwrap();
    let done: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, false, false, true]);
    assert_eq!(house.available("ana"), "3");
    house.verified_hash();
}

/// Every kind of definition has versions; the settings too.
pub fn definitions_are_written_again_and_again<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    for (version, currency) in [(2, "EUR"), (3, "USD"), (4, "COP")] {
        let written =
            house.define(Kind::Settings, Some("settings"), &format!(r#"{{"currency": "{currency}"}}"#));
        assert_eq!((written.integer("version"), written.text("currency")), (Some(version), Some(currency)));
    }
    for name in ["One", "Two"] {
        house.define(Kind::Brand, Some("shop"), &format!(r#"{{"name": "{name}"}}"#));
    }
    let query = house.handle().query().unwrap();
    assert_eq!(query.definition(Kind::Brand, "shop").unwrap().text("name"), Some("Two"));
    // Conditions are shown with our own names, whatever spelling they came in.
    let audience = house.define(
        Kind::Audience,
        None,
        r#"{"name": "a", "conditions": [[{"type": "customer.age", "operator": "grater than", "value": 17}]]}"#,
    );
    assert!(audience.to_string().contains("greater_than"), "{audience}");
}

/// A page that would hold only erased customers is not the end.
pub fn lists_go_on_behind_erased_customers<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    for index in 0..6 {
        house.register(&format!("c{index}")).unwrap();
    }
    for index in 0..4 {
        house.submit(Command::Delete { customer: format!("c{index}") }.into(), None).unwrap();
    }
    let query = house.handle().query().unwrap();
    let first = query.customers(None, 1).unwrap();
    assert_eq!((first.items.len(), first.next.as_deref()), (1, Some("c4")));
    let second = query.customers(Some("c4"), 1).unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
}

/// The same key gives the answer of then, whatever became of the event since.
pub fn fulfilling_and_reversing_repeat_their_answers<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    house.register("ana").unwrap();
    let waiting = house.submit(purchase("ana", "5", r#", "fulfilled": false"#).into(), Some("emit")).unwrap();
    let event = masivo_core::value::parse_uuid(waiting.text("id").unwrap()).unwrap();
    let fulfill = || house.submit(Command::Fulfill { event }.into(), Some("fulfill")).unwrap();
    let reverse = || {
        house
            .submit(
                Command::Reverse { event, reason: "returned".into(), plan: None, part: None }.into(),
                Some("reverse"),
            )
            .unwrap()
    };
    let fulfilled = fulfill();
    assert_eq!(fulfilled.text("status"), Some("RESOLVED"));
    let reversed = reverse();
    assert_eq!(reversed.text("status"), Some("REVERSED"));
    assert_eq!((fulfill(), reverse()), (fulfilled, reversed));
    let again = house.submit(purchase("ana", "5", r#", "fulfilled": false"#).into(), Some("emit")).unwrap();
    assert_eq!(again, waiting);
    assert_eq!(house.available("ana"), "0");
    house.verified_hash();
}

/// What an earlier command of a group arms is applied by a clock set later in the same group.
pub fn the_clock_sees_what_the_same_group_set<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    house.register("ana").unwrap();
    let group = vec![
        purchase("ana", "5", r#", "fulfilled": false"#).into(),
        Work::SetClock(instant("2026-01-02T00:00:00Z")).into(),
    ];
    let answers = house.handle().submit_all_blocking(group).unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let expired =
        house.handle().reader().unwrap().expired_events(start_instant(), instant("2027-01-01T00:00:00Z"), 10);
    assert_eq!(expired.unwrap().len(), 1);
}
