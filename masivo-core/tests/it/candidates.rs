//! P5: whatever finds the campaigns that are asked, those that reward are the ones whose rules hold.

use crate::house::{House, json};
use masivo_core::program::Kind;
use masivo_core::rule::View;
use masivo_core::value::{Json, object};
use masivo_core::wallet::EntryKind;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn condition() -> impl Strategy<Value = Json> {
    let bound = 0..12_i64;
    let numbers = (
        prop::sample::select(vec![
            "order.value",
            "product.value",
            "customer.metrics.lifetime.number_of_purchases",
        ]),
        prop::sample::select(vec![
            "greater_than",
            "greater_than_or_equal",
            "less_than",
            "less_than_or_equal",
            "equals",
            "not_equals",
        ]),
        bound.clone(),
    )
        .prop_map(|(subject, operator, bound)| {
            object().with("type", subject).with("operator", operator).with("value", bound).build()
        });
    let between = (bound.clone(), bound).prop_map(|(from, to)| {
        let span = Json::List(vec![Json::from(from.min(to)), Json::from(from.max(to))]);
        object().with("type", "order.value").with("operator", "between").with("value", span).build()
    });
    let words = ["a", "b", "c", "d"];
    let texts = (
        prop::sample::select(vec!["order.store_id", "product.sku", "event.tags.color", "customer.country"]),
        prop::sample::select(vec!["equals", "not_equals", "starts_with", "contains"]),
        prop::sample::select(words.to_vec()),
    )
        .prop_map(|(subject, operator, word)| {
            object().with("type", subject).with("operator", operator).with("value", word).build()
        });
    let lists = (
        prop::sample::select(vec!["order.store_id", "product.sku", "event.tags.color"]),
        prop::sample::select(vec!["in", "not_in"]),
        prop::sample::subsequence(words.to_vec(), 1..3),
    )
        .prop_map(|(subject, operator, words)| {
            object().with("type", subject).with("operator", operator).with("value", words).build()
        });
    prop_oneof![4 => numbers, 1 => between, 4 => texts, 2 => lists]
}

fn conditions() -> impl Strategy<Value = Json> {
    let all_of = prop::collection::vec(condition(), 1..4).prop_map(Json::List);
    prop::collection::vec(all_of, 0..3).prop_map(Json::List)
}

fn purchase() -> impl Strategy<Value = Json> {
    let word = || prop::option::of(prop::sample::select(vec!["a", "b", "c", "d", "ab"]));
    let line = (word(), prop::option::of(0..12_i64))
        .prop_map(|(sku, value)| object().with_some("sku", sku).with_some("value", value).build());
    (0..12_i64, word(), word(), prop::collection::vec(line, 0..3)).prop_map(|(value, store, color, lines)| {
        let order =
            object().with("value", value).with_some("store_id", store).with("products", Json::List(lines));
        object()
            .with("customer_id", "ana")
            .with("brand_id", "shop")
            .with("type", "PURCHASE")
            .with("order", order)
            .with("tags", object().with_some("color", color))
            .build()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn the_campaigns_that_reward_are_those_whose_rules_hold(
        programme in prop::collection::vec(prop::collection::vec(conditions(), 1..3), 60..90),
        events in prop::collection::vec(purchase(), 1..8),
    ) {
        let mut house = House::open("2026-01-01");
        let reward = house.define(Kind::Reward, None, &json(r#"{"name": "points", "type": "POINTS"}"#)).unwrap();
        for (index, rules) in programme.iter().enumerate() {
            let rules = rules.iter().map(|conditions| {
                let effect = object().with("reward_id", reward.id.as_str()).with("amount", 1_i64).build();
                object().with("conditions", conditions.clone()).with("effects", Json::List(vec![effect])).build()
            });
            let campaign = object()
                .with("name", format!("c{index}"))
                .with("attributes", object().with("trigger", "PURCHASE"))
                .with("withoutEndDate", true)
                .with("rules", Json::List(rules.collect()))
                .build();
            house.define(Kind::Campaign, None, &campaign).unwrap();
        }
        house.register(&json(r#"{"id": "ana", "name": "Ana", "email": "ana@example.com", "country": "a"}"#)).unwrap();
        for event in events {
            let customer = house.read("ana");
            let view = View::new(house.now, &house.program, &customer.state, &customer.profile, Some(&event));
            let expected: BTreeSet<(u32, u16)> = house
                .program
                .campaigns()
                .flat_map(|campaign| (0..).zip(&campaign.spec.rules).map(move |(rule, spec)| (campaign.number, rule, spec)))
                .filter(|(_, _, rule)| rule.conditions.holds(&view))
                .map(|(campaign, rule, _)| (campaign, rule))
                .collect();
            let answer = house.emit(&event, false).unwrap();
            let fact = house.fact(answer.facts[0]);
            let rewarded: BTreeSet<(u32, u16)> = fact
                .entries()
                .filter_map(|entry| match entry.kind {
                    EntryKind::Issued { campaign, rule, .. } => Some((campaign, rule)),
                    _ => None,
                })
                .collect();
            prop_assert_eq!(&rewarded, &expected);
            let explained = fact.explanation.as_ref().unwrap();
            let shown: BTreeSet<u32> = explained.campaigns.iter().map(|trace| trace.campaign).collect();
            prop_assert!(rewarded.iter().all(|(campaign, _)| shown.contains(campaign)), "what rewards is shown");
            prop_assert_eq!(shown.len() + usize::try_from(explained.not_shown).unwrap(), programme.len());
        }
    }
}
