//! The same commands on memory and on SQLite: equal answers, equal stores.

use crate::files::Folder;
use masivo_core::Command;
use masivo_core::events::Part;
use masivo_core::program::Kind;
use masivo_core::value::{Decimal, Json, parse_uuid};
use masivo_store::backend::Read;
use masivo_store::conformance::{House, purchase, registration, start_instant};
use masivo_store::{MemoryBackend, Mode, Request, SqliteBackend, Work};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Register(u8),
    Purchase { customer: u8, value: u16, waits: bool, redeem: u8, key: Option<u8> },
    Fulfill(u8),
    Reverse(u8),
    Return { event: u8, value: i32, key: Option<u8> },
    Consent { customer: u8, loyalty: bool },
    Tags { customer: u8, tag: u8 },
    Delete(u8),
    Wait { hours: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..4_u8).prop_map(Step::Register),
        8 => (0..4_u8, 0..200_u16, any::<bool>(), 0..30_u8, prop::option::of(0..5_u8)).prop_map(
            |(customer, value, waits, redeem, key)| Step::Purchase { customer, value, waits, redeem, key }
        ),
        3 => any::<u8>().prop_map(Step::Fulfill),
        4 => any::<u8>().prop_map(Step::Reverse),
        4 => (any::<u8>(), 1..120_i32, prop::option::of(0..5_u8))
            .prop_map(|(event, value, key)| Step::Return { event, value, key }),
        1 => (0..4_u8, any::<bool>()).prop_map(|(customer, loyalty)| Step::Consent { customer, loyalty }),
        1 => (0..4_u8, 0..3_u8).prop_map(|(customer, tag)| Step::Tags { customer, tag }),
        1 => (0..4_u8).prop_map(Step::Delete),
        3 => (1..2_000_u32).prop_map(|hours| Step::Wait { hours }),
    ];
    prop::collection::vec(step, 1..40)
}

struct Side {
    house: House,
    events: Vec<uuid::Uuid>,
    now: masivo_core::value::Timestamp,
}

impl Side {
    fn new(house: House) -> Self {
        house.furnish();
        let reward = house.handle().program().rewards().next().unwrap().id.clone();
        let campaign = format!(
            r#"{{"name": "limited", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true, "budget": 50,
                "divide_budget_in": "daily", "limits": [{{"per": "customer", "max": 2, "period": "week"}}],
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 7}}]}}]}}"#
        );
        house.define(Kind::Campaign, None, &campaign);
        let card = format!(
            r#"{{"name": "card", "type": "PUNCH_CARDS", "withoutEndDate": true,
                "attributes": {{"trigger": "PURCHASE", "stamps": 3, "card_expiration": "60/days"}},
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 20}}]}}]}}"#
        );
        house.define(Kind::Campaign, None, &card);
        let streak = format!(
            r#"{{"name": "streak", "type": "SCORE_STREAKS", "withoutEndDate": true,
                "attributes": {{"trigger": "PURCHASE", "streak_length": 2, "streak_period": "month"}},
                "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 30}}]}}]}}"#
        );
        house.define(Kind::Campaign, None, &streak);
        Self { house, events: Vec::new(), now: start_instant() }
    }

    /// Carries a step out; gives the answer as text.
    fn step(&mut self, step: &Step) -> String {
        let id = |customer: &u8| format!("c{customer}");
        let (request, key): (Request, Option<String>) = match step {
            Step::Register(customer) => (registration(&id(customer)).into(), None),
            Step::Purchase { customer, value, waits, redeem, key } => {
                let reward = self.house.handle().program().rewards().next().unwrap().id.clone();
                let mut more = String::new();
                if *redeem > 0 {
                    more.push_str(&format!(r#", "redeem": [{{"id": "{reward}", "amount": {redeem}}}]"#));
                }
                if *waits {
                    more.push_str(r#", "fulfilled": false"#);
                }
                let command = purchase(&id(customer), &value.to_string(), &more);
                (command.into(), key.map(|key| format!("key-{key}")))
            }
            Step::Fulfill(event) => match self.event(*event) {
                Some(event) => (Command::Fulfill { event }.into(), None),
                None => return String::new(),
            },
            Step::Reverse(event) => match self.event(*event) {
                Some(event) => {
                    (Command::Reverse { event, reason: "test".into(), plan: None, part: None }.into(), None)
                }
                None => return String::new(),
            },
            Step::Return { event, value, key } => match self.event(*event) {
                Some(event) => {
                    let part = Some(Part { value: Decimal::whole(*value), lines: Vec::new() });
                    let command = Command::Reverse { event, reason: "test".into(), plan: None, part };
                    (command.into(), key.map(|key| format!("return-{key}")))
                }
                None => return String::new(),
            },
            Step::Consent { customer, loyalty } => {
                let consent = format!(r#"{{"purposes": {{"behavioral_campaigns": {loyalty}}}}}"#);
                let consent = Json::parse(consent.as_bytes()).unwrap();
                (Command::SetConsent { customer: id(customer), consent }.into(), None)
            }
            Step::Tags { customer, tag } => {
                let tags = Json::parse(format!(r#"{{"tag": {tag}}}"#).as_bytes()).unwrap();
                (Command::SetTags { customer: id(customer), tags }.into(), None)
            }
            Step::Delete(customer) => (Command::Delete { customer: id(customer) }.into(), None),
            Step::Wait { hours } => {
                self.now = self.now.plus(i64::from(*hours) * 3_600_000);
                (Work::SetClock(self.now).into(), None)
            }
        };
        match self.house.submit(request, key.as_deref()) {
            Ok(answer) => {
                self.events.extend(
                    answer.text("id").and_then(parse_uuid).filter(|_| answer.get("status").is_some()),
                );
                answer.to_string()
            }
            Err(error) => error.to_string(),
        }
    }

    fn event(&self, number: u8) -> Option<uuid::Uuid> {
        if self.events.is_empty() {
            None
        } else {
            self.events.get(usize::from(number) % self.events.len()).copied()
        }
    }
}

/// Everything a store can be asked, as text.
fn dump(reader: &dyn Read) -> String {
    let customers = reader.customers(0, 1_000).unwrap();
    let facts = reader.facts(0, 10_000).unwrap();
    let members: Vec<_> = (1..3).map(|audience| reader.members(audience, 0, 1_000).unwrap()).collect();
    let due = (reader.next_due().unwrap(), reader.due(masivo_core::value::Timestamp::MAX, 1_000).unwrap());
    let daily = reader.daily(0, 100_000).unwrap();
    let quotas = reader.quotas(None, 1_000).unwrap();
    format!(
        "{quotas:?}\n{customers:?}\n{facts:?}\n{members:?}\n{due:?}\n{daily:?}\n{:?}",
        reader.counters().unwrap()
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_say_the_same(steps in steps()) {
        let folder = Folder::new();
        let backend = SqliteBackend::open(&folder.file(), Mode::Test, Some([7; 16])).unwrap();
        let mut sqlite = Side::new(House::open(backend, start_instant()));
        let mut memory = Side::new(House::open(MemoryBackend::default(), start_instant()));
        for step in &steps {
            prop_assert_eq!(sqlite.step(step), memory.step(step), "{:?}", step);
        }
        let (one, other) = (sqlite.house.handle().reader().unwrap(), memory.house.handle().reader().unwrap());
        prop_assert_eq!(dump(&*one), dump(&*other));
        prop_assert_eq!(sqlite.house.verified_hash(), memory.house.verified_hash());
    }
}
