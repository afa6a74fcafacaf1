//! What customers share: limits, stock, and points that go from one to another.

use super::{Fixture, House, house, instant, json, purchase, registration};
use crate::backend::{Backend, Read, Unit, Write};
use crate::engine::{Clock, CodePool, Work};
use crate::faulty::Fault;
use masivo_core::Command;
use masivo_core::adjustment::read_adjustment;
use masivo_core::program::Kind;
use masivo_core::transfer::read_transfer;
use masivo_core::value::Json;

/// Q1, with 64 callers at once: a limit of the whole campaign is used to the last unit and never beyond.
pub fn a_shared_limit_is_never_overrun<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let reward = house.handle().program().rewards().next().unwrap().id.clone();
    let campaign = format!(
        r#"{{"name": "the first ten", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true,
            "limits": [{{"per": "campaign", "max": 10}}],
            "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 1000}}]}}]}}"#
    );
    let campaign = house.define(Kind::Campaign, None, &campaign).text("id").unwrap().to_owned();
    let threads: Vec<_> = (0..64)
        .map(|caller| {
            let (handle, id) = (house.handle(), format!("c{caller}"));
            std::thread::spawn(move || {
                handle.submit_blocking(registration(&id)).unwrap();
                let waits = if caller % 2 == 0 { r#", "fulfilled": false"# } else { "" };
                let answer = handle.submit_blocking(purchase(&id, "1", waits)).unwrap();
                let answer = answer.to_json(&handle.program());
                let rewarded = answer.get("rewarding_campaigns").unwrap().items().len() == 2;
                (
                    rewarded,
                    answer.text("id").and_then(masivo_core::value::parse_uuid).unwrap(),
                    caller % 2 == 0,
                )
            })
        })
        .collect();
    let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let rewarded: Vec<_> = answers.iter().filter(|(rewarded, ..)| *rewarded).collect();
    assert_eq!(rewarded.len(), 10, "one each, and no more");
    let usage = |house: &House| {
        let campaign = house.handle().query().unwrap().definition(Kind::Campaign, &campaign).unwrap();
        let usage = &campaign.get("usage").unwrap().items()[0];
        ["used", "held", "left"].map(|name| usage.number(name).unwrap().to_string()).join(" ")
    };
    let held = rewarded.iter().filter(|(.., waits)| *waits).count();
    assert_eq!(usage(&house), format!("{} {held} 0", 10 - held));
    // Every second of the lucky ones changes their mind; as many others can have it now.
    for (_, event, _) in &rewarded {
        house
            .submit(
                Command::Reverse { event: *event, reason: "test".into(), plan: None, part: None }.into(),
                None,
            )
            .unwrap();
    }
    assert_eq!(usage(&house), "0 0 10");
    house.verified_hash();
}

/// C1 and C2, with 64 callers at once: every code of a gift card goes to one customer, and there are no more cards than codes.
pub fn gift_cards_are_handed_out_once_each<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let card = r#"{"name": "card", "type": "GIFT_CARD", "attributes": {"quantity": 7}}"#;
    let card = house.define(Kind::Reward, None, card).text("id").unwrap().to_owned();
    let pool = CodePool::Reward(card.clone());
    let own =
        Work::SupplyCodes { pool: pool.clone(), codes: vec!["OWN-1".into(), "OWN-2".into(), "OWN-3".into()] };
    house.submit(own.clone().into(), None).unwrap();
    house.submit(own.into(), None).unwrap();
    let codes = |house: &House| house.handle().query().unwrap().codes(&pool, None, 100).unwrap().items;
    while codes(&house).len() < 10 {
        house.submit(Work::Ping.into(), None).unwrap();
    }
    let campaign = format!(
        r#"{{"name": "cards", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true,
            "rules": [{{"effects": [{{"reward_id": "{card}", "amount": 1}}]}}]}}"#
    );
    house.define(Kind::Campaign, None, &campaign);
    let threads: Vec<_> = (0..64)
        .map(|caller| {
            let (handle, id) = (house.handle(), format!("c{caller}"));
            std::thread::spawn(move || {
                handle.submit_blocking(registration(&id)).unwrap();
                let answer = handle.submit_blocking(purchase(&id, "1", "")).unwrap();
                let answer = answer.to_json(&handle.program());
                let cards = answer.path("result.gift_card").unwrap().items().to_vec();
                let code = cards.first().map(|card| card.text("code").unwrap().to_owned());
                (code, answer.text("id").and_then(masivo_core::value::parse_uuid).unwrap())
            })
        })
        .collect();
    let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let given: std::collections::BTreeSet<&String> =
        answers.iter().filter_map(|(code, _)| code.as_ref()).collect();
    assert_eq!(given.len(), 10, "{answers:?}");
    assert!(given.contains(&"OWN-3".to_owned()));
    assert!(codes(&house).iter().all(|code| code.integer("uses_count") == Some(1)));
    // What is taken back is retired: nobody gets it again.
    let (code, event) = answers.iter().find(|(code, _)| code.is_some()).unwrap();
    let reverse = Command::Reverse { event: *event, reason: "test".into(), plan: None, part: None };
    house.submit(reverse.into(), None).unwrap();
    let query = house.handle().query().unwrap();
    let card = query.gift_card(code.as_deref().unwrap()).unwrap();
    assert_eq!(card.text("status"), Some("CANCELLED"));
    drop(query);
    house.register("late").unwrap();
    let late = house.submit(purchase("late", "1", "").into(), None).unwrap();
    assert_eq!(late.path("result.gift_card").unwrap().items().len(), 0);
    house.verified_hash();
}

/// A hold on a shared limit is gone at its instant, also for other customers, whether or not anybody was woken.
pub fn a_shared_hold_runs_out_at_its_instant<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let reward = house.handle().program().rewards().next().unwrap().id.clone();
    let campaign = format!(
        r#"{{"name": "only one", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true, "budget": 5,
            "rules": [{{"effects": [{{"reward_id": "{reward}", "amount": 5}}]}}]}}"#
    );
    house.define(Kind::Campaign, None, &campaign);
    for id in ["ana", "ben"] {
        house.register(id).unwrap();
    }
    let rewards = |answer: Json| answer.get("rewarding_campaigns").unwrap().items().len();
    let waits = purchase("ana", "0", r#", "fulfilled": false"#);
    assert_eq!(rewards(house.submit(waits.into(), None).unwrap()), 1);
    // The clock is moved beside the engine: nobody was woken when the next purchases come.
    let moved = |at: &str| house.clock.set(instant(at));
    moved("2026-01-01T23:59:59.999Z");
    assert_eq!(rewards(house.submit(purchase("ben", "0", "").into(), None).unwrap()), 0);
    moved("2026-01-02T00:00:00Z");
    assert_eq!(rewards(house.submit(purchase("ben", "0", "").into(), None).unwrap()), 1);
    house.verified_hash();
}

/// Both sides of a transfer are booked in one unit, also when asking the other side books what fell due for others.
pub fn a_transfer_is_booked_on_both_sides_or_not_at_all<F: Fixture>(fixture: &F) {
    let house = house(fixture);
    let points = house.handle().program().rewards().next().unwrap().id.clone();
    let body = r#"{"name": "points", "type": "POINTS", "attributes": {"transferable": true}}"#;
    house.define(Kind::Reward, Some(&points), body);
    let scarce = r#"{"name": "scarce", "type": "POINTS", "attributes": {"stock": 10}}"#;
    let scarce = house.define(Kind::Reward, None, scarce).text("id").unwrap().to_owned();
    let tier = r#"{"name": "silver", "level": 2,
        "entry_conditions": [[{"type": "customer.metrics.this_year.spend_total", "operator": "greater_than_or_equal", "value": 100}]],
        "exit_conditions": [[{"type": "customer.metrics.last_year.spend_total", "operator": "less_than", "value": 100}]]}"#;
    house.define(Kind::Tier, None, tier);
    for (trigger, condition) in [("TIER_ADJUSTMENT", ""), ("PURCHASE", HELD)] {
        let campaign = format!(
            r#"{{"name": "{trigger}", "attributes": {{"trigger": "{trigger}"}}, "withoutEndDate": true,
                "rules": [{{"conditions": [{condition}], "effects": [{{"reward_id": "{scarce}", "amount": 5}}]}}]}}"#
        );
        house.define(Kind::Campaign, None, &campaign);
    }
    for id in ["ana", "ben", "carl"] {
        house.register(id).unwrap();
    }
    house.submit(purchase("ana", "50", "").into(), None).unwrap();
    house.submit(purchase("ben", "100", "").into(), None).unwrap();
    let held = r#", "platform": "held", "fulfilled": false, "reserve": 300"#;
    house.submit(purchase("carl", "0", held).into(), None).unwrap();
    let transfer = |to: &str, amount: u32| {
        let request = format!(
            r#"{{"to_customer_id": "{to}", "reward_id": "{points}", "amount": {amount}, "reason": "gift"}}"#
        );
        let (transfer, _) = read_transfer("ana", &json(&request)).unwrap();
        house.submit(Command::Transfer { customer: "ana".into(), transfer }.into(), None)
    };
    // The clock is moved beside the engine: the hold has run out and a tier has fallen, and nobody was woken.
    house.clock.set(instant("2026-12-31T12:00:00Z"));
    transfer("ben", 10).unwrap();
    assert_eq!((house.available("ana"), house.available("ben")), ("40".into(), "110".into()));
    assert!(transfer("nobody", 10).is_err());
    assert!(transfer("ben", 41).is_err());
    house.verified_hash();
    house.submit(purchase("carl", "0", held).into(), None).unwrap();
    let gift = format!(r#"{{"reward_id": "{points}", "amount": 9, "reason": "gift"}}"#);
    let (adjustment, _) = read_adjustment(&json(&gift)).unwrap();
    house.submit(Command::Adjust { customer: "ana".into(), adjustment }.into(), None).unwrap();
    // Ben falls and asks for what Carl's hold, run out by now, stands in the way of.
    house.clock.set(instant("2028-01-01T12:00:00Z"));
    transfer("ben", 7).unwrap();
    assert_eq!((house.available("ana"), house.available("ben")), ("2".into(), "7".into()));
    house.verified_hash();
}

/// A purchase that waits takes from the stock.
const HELD: &str = r#"[{"type": "event.platform", "operator": "equals", "value": "held"}]"#;

/// R3: both sides of a referral are booked in one unit, whatever fails, and undone together.
pub fn a_referral_is_booked_on_both_sides_or_not_at_all<F: Fixture>(fixture: &F) {
    let (house, faults) = super::faulty(fixture);
    let points = house.handle().program().rewards().next().unwrap().id.clone();
    let campaign = format!(
        r#"{{"name": "friends", "type": "REFERRALS", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true,
            "rules": [{{"effects": [{{"reward_id": "{points}", "amount": 100}}]}}],
            "referee_rules": [{{"effects": [{{"reward_id": "{points}", "amount": 50}}]}}]}}"#
    );
    let campaign = house.define(Kind::Campaign, None, &campaign).text("id").unwrap().to_owned();
    let ask = Work::RequestReferralCode { customer: "ana".into(), campaign, brand: None };
    let code = house.submit(ask.clone().into(), None).unwrap();
    assert_eq!(house.submit(ask.into(), None).unwrap(), code);
    let code = code.text("code").unwrap().to_owned();
    let before = house.available("ana").parse::<i64>().unwrap();
    for (index, fault) in
        [Fault::Write { after: 9 }, Fault::NotCommitted, Fault::UnknownLost, Fault::UnknownDone]
            .into_iter()
            .enumerate()
    {
        let id = format!("friend{index}");
        let request = format!(
            r#"{{"id": "{id}", "name": "F", "email": "{id}@example.com", "referral_code": "{code}"}}"#
        );
        house.submit(Command::Register(json(&request)).into(), None).unwrap();
        let key = format!("buy-{index}");
        faults.then(fault);
        assert!(house.submit(purchase(&id, "0", "").into(), Some(&key)).is_err());
        let bought = house.submit(purchase(&id, "0", "").into(), Some(&key)).unwrap();
        let expected = before + 100 * (i64::try_from(index).unwrap() + 1);
        assert_eq!(
            (house.available("ana"), house.available(&id)),
            (expected.to_string(), "50".into()),
            "{fault:?}"
        );
        house.verified_hash();
        if index == 3 {
            let event = bought.text("id").and_then(masivo_core::value::parse_uuid).unwrap();
            let reverse = Command::Reverse { event, reason: "test".into(), plan: None, part: None };
            faults.then(Fault::NotCommitted);
            assert!(house.submit(reverse.clone().into(), Some("back")).is_err());
            house.submit(reverse.into(), Some("back")).unwrap();
            assert_eq!(
                (house.available("ana"), house.available(&id)),
                ((expected - 100).to_string(), "0".into())
            );
        }
    }
    house.verified_hash();
}

/// Shared quotas come out in their order, page by page, and are gone with a unit that is dropped.
pub fn quotas_are_kept_in_their_order<F: Fixture>(fixture: &F) {
    use masivo_core::quota::{Counts, Owner, Period, PeriodUnit, Quota, QuotaSums, Scope};
    use masivo_core::value::Decimal;
    let mut backend = fixture.fresh();
    let mut quotas = Vec::new();
    for owner in [Owner::Campaign(1), Owner::Campaign(300), Owner::Reward(1)] {
        for counts in [Counts::Times, Counts::Worth, Counts::Units] {
            let periods = PeriodUnit::ALL
                .into_iter()
                .flat_map(|unit| [-5, 0, 20_000].map(|number| Some(Period { unit, number })));
            for period in std::iter::once(None).chain(periods) {
                quotas.push(Quota { owner, scope: Scope::Everyone, counts, period });
            }
        }
    }
    let sums = |at: usize| QuotaSums {
        used: Decimal::from_micros(i64::try_from(at).unwrap() + 1),
        held: Decimal::whole(2),
    };
    for commits in [false, true] {
        let mut unit = backend.begin().unwrap();
        for (at, quota) in quotas.iter().enumerate().rev() {
            unit.write(Write::Quota { quota, sums: sums(at) }).unwrap();
            assert_eq!(unit.quota(quota).unwrap(), Some(sums(at)), "B2");
        }
        if commits {
            unit.commit().unwrap();
        } else {
            drop(unit);
        }
        let reader = backend.reader().unwrap();
        let all = reader.quotas(None, 1_000).unwrap();
        let expected: Vec<_> = quotas.iter().enumerate().map(|(at, quota)| (*quota, sums(at))).collect();
        assert_eq!(all, if commits { expected } else { Vec::new() }, "B1");
    }
    let reader = backend.reader().unwrap();
    let page = reader.quotas(Some(&quotas[7]), 3).unwrap();
    assert_eq!(page.iter().map(|(quota, _)| *quota).collect::<Vec<_>>(), quotas[7..10]);
}
