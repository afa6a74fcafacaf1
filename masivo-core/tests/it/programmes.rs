//! Random programmes: whatever they are, buying and returning everything leaves what was there before, or the receipts
//! name what the policies of rewards kept.

use crate::house::House;
use crate::properties::{balance, cases};
use crate::script::Script;
use masivo_core::value::Json;
use proptest::prelude::*;

/// Policies of a reward under which everything that was bought and returned is undone.
const UNDOING: [&str; 2] = ["", r#"{"on_give_back": "reissue"}"#];
/// All of them.
const POLICIES: [&str; 6] = [
    "",
    r#"{"on_reversal": "pending_only"}"#,
    r#"{"on_reversal": "up_to_balance"}"#,
    r#"{"on_reversal": {"debt": {"max": 5}}}"#,
    r#"{"on_reversal": "refuse"}"#,
    r#"{"on_give_back": "forfeit"}"#,
];

/// Something of a list.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts)
}

const PERIODS: &[&str] = &["day", "week", "month", "year", "lifetime"];
const CONDITIONS: &[&str] = &[
    "",
    " when order.value greater_than 40",
    " when order.value less_than 100 or customer.tags.vip equals true",
    " when customer.metrics.this_month.spend_total greater_than_or_equal 60",
    " when customer.metrics.lifetime.number_of_purchases less_than 3",
    r#" when customer.tier equals "$silver""#,
];

/// A limit as `give` takes it, or none.
fn limit(per: &'static str) -> impl Strategy<Value = String> {
    // The worth of a campaign is its budget.
    let counts: &[&str] = if per == "customer" { &["times", "worth"] } else { &["times"] };
    let parts = (1..60_u32, one_of(counts), one_of(PERIODS));
    let limit = parts.prop_map(move |(max, counts, period)| format!(" limit {per} {max} {counts} {period}"));
    prop_oneof![2 => Just(String::new()), 1 => limit]
}

/// A campaign that rewards purchases, without its name.
fn rewarding() -> impl Strategy<Value = String> {
    let amount = (1..30_u32, prop::option::of(1..12_u32)).prop_map(|(amount, unit)| match unit {
        Some(unit) => format!("{amount}/{unit} per order.value"),
        None => amount.to_string(),
    });
    let life = prop::option::of(1..9_u32)
        .prop_map(|months| months.map(|months| format!(" life {months}/months")).unwrap_or_default());
    let divided = one_of(&["", " divided daily", " divided weekly", " divided monthly"]);
    let budget = prop::option::weighted(0.4, (5..250_u32, divided)).prop_map(|budget| match budget {
        Some((budget, divided)) => format!(" budget {budget}{divided}"),
        None => String::new(),
    });
    let limits = (limit("customer"), limit("campaign"));
    let tier = one_of(&["", "", " tier silver"]);
    let parts = (amount, 0..2_usize, life, budget, limits, tier, one_of(CONDITIONS));
    parts.prop_map(|(amount, reward, life, budget, limits, tier, when)| {
        let (own, shared) = limits;
        format!("give NAME on PURCHASE {amount} of r{reward}{life}{tier}{budget}{own}{shared}{when}")
    })
}

/// A punch card or a streak, without its name.
fn counting() -> impl Strategy<Value = String> {
    let common = (1..40_u32, 0..2_usize, 5..80_u32, prop::option::of(1..4_u32));
    let card = (common.clone(), 2..6_u32, 1..4_u32).prop_map(|(common, stamps, given)| {
        let (amount, reward, least, most) = common;
        let limits = most.map(|most| format!(r#"{{"per": "customer", "counts": "stamps", "max": {most}, "period": "day"}}"#));
        format!(
            r#"define campaign NAME {{"type": "PUNCH_CARDS", "name": "NAME", "withoutEndDate": true, "attributes": {{"trigger": "PURCHASE", "stamps": {stamps}, "card_expiration": "3/months"}}, "limits": [{}], "rules": [{{"conditions": [[{{"type": "order.value", "operator": "greater_than", "value": {least}}}]], "stamps": {given}, "effects": [{{"reward_id": "$r{reward}", "amount": {amount}}}]}}]}}"#,
            limits.unwrap_or_default()
        )
    });
    let streak = (common, 2..4_u32, 0..2_u32, one_of(&["day", "week"])).prop_map(|(common, length, grace, period)| {
        let (amount, reward, least, most) = common;
        let limits = most.map(|most| format!(r#"{{"per": "campaign", "max": {most}, "period": "month"}}"#));
        format!(
            r#"define campaign NAME {{"type": "SCORE_STREAKS", "name": "NAME", "withoutEndDate": true, "attributes": {{"trigger": "PURCHASE", "streak_length": {length}, "streak_grace": {grace}, "streak_period": "{period}"}}, "limits": [{}], "rules": [{{"conditions": [[{{"type": "order.value", "operator": "greater_than", "value": {least}}}]], "effects": [{{"reward_id": "$r{reward}", "amount": {amount}}}]}}]}}"#,
            limits.unwrap_or_default()
        )
    });
    prop_oneof![card, streak]
}

/// The lines of a programme: two rewards with policies, two tiers, an audience, and campaigns.
fn programme(policies: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let campaigns = prop::collection::vec(prop_oneof![3 => rewarding(), 1 => counting()], 1..7);
    let parts = (one_of(policies), one_of(policies), 50..300_u32, 300..600_u32, campaigns);
    parts.prop_map(|(first, second, silver, gold, campaigns)| {
        let tier = |name: &str, level: u32, spend: u32| {
            format!("tier {name} level {level} when customer.metrics.this_year.spend_total greater_than_or_equal {spend} exit customer.metrics.last_year.spend_total less_than {spend}")
        };
        let mut lines = vec![format!("points r0 {first}"), format!("points r1 {second}")];
        lines.extend([tier("silver", 2, silver), tier("gold", 3, gold)]);
        lines.push("audience spender when customer.metrics.this_month.spend_total greater_than 120".to_owned());
        lines.push("give rise on TIER_ADJUSTMENT 12 of r1 life 3/months when event.metadata.direction equals \"upgrade\"".to_owned());
        lines.extend(campaigns.into_iter().enumerate().map(|(place, line)| line.replace("NAME", &format!("c{place}"))));
        lines
    })
}

/// A purchase: hours before it, its value, what it redeems of a reward, and whether it waits first.
type Purchase = (i64, i32, Option<(i32, usize)>, bool);

fn purchases() -> impl Strategy<Value = Vec<Purchase>> {
    let redeem = prop::option::weighted(0.5, (1..120_i32, 0..2_usize));
    prop::collection::vec((0..30_i64, 0..250_i32, redeem, any::<bool>()), 1..9)
}

/// Opens a house with the programme.
fn open(programme: &[String]) -> Script {
    let mut script = Script::open("2026-01-05");
    for line in programme {
        assert_eq!(script.step(line), "", "{line}");
    }
    script.step("register ana");
    script
}

/// Buys; gives the names of the events.
fn buy(script: &mut Script, purchases: &[Purchase]) -> Vec<String> {
    let mut names = Vec::new();
    for (place, (hours, value, redeem, waits)) in purchases.iter().enumerate() {
        script.step(&format!("at +{hours}h"));
        let redeem = redeem.map(|(amount, reward)| format!(" redeem {amount} r{reward}")).unwrap_or_default();
        let standby = if *waits { " standby 40d" } else { "" };
        let name = format!("e{place}");
        script.step(&format!("emit ana PURCHASE {value}{standby}{redeem} as {name}"));
        if *waits && value % 2 == 0 {
            script.step(&format!("fulfill {name}"));
        }
        names.push(name);
    }
    names
}

/// A house after purchases, what was there before them, and the events in some order.
fn lived(programme: &[String], purchases: &[Purchase], order: [u32; 9]) -> (Script, String, Vec<String>) {
    let mut script = open(programme);
    let before = balance(&script.world, "ana");
    let mut names = buy(&mut script, purchases);
    let mut order = order.into_iter();
    names.sort_by_cached_key(|_| order.next());
    (script, before, names)
}

/// What of the events policies kept, in the words of the receipts, and what could not be reversed.
fn kept(house: &House, script: &Script, names: &[String], refused: &[String]) -> Vec<String> {
    let lines = names.iter().flat_map(|name| {
        let record = house.record(house.event_fact(script.event_id(name).unwrap()));
        let shown = masivo_core::view::event(&house.program, &record);
        let receipt = shown.get("receipt").map_or(Vec::new(), |receipt| receipt.items().to_vec());
        receipt.into_iter().filter(|line: &Json| line.text("outcome") != Some("undone"))
    });
    lines.map(|line| line.to_string()).chain(refused.iter().cloned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(96), max_shrink_iters: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn of_any_programme_nothing_is_left_of_what_was_returned(
        programme in programme(&UNDOING),
        purchases in purchases(),
        order in any::<[u32; 9]>(),
    ) {
        let (mut script, before, names) = lived(&programme, &purchases, order);
        for name in &names {
            script.step(&format!("reverse {name}"));
        }
        prop_assert_eq!(balance(&script.world, "ana"), before);
    }

    #[test]
    fn what_is_left_of_what_was_returned_is_named_in_a_receipt(
        programme in programme(&POLICIES),
        purchases in purchases(),
        order in any::<[u32; 9]>(),
    ) {
        let (mut script, before, names) = lived(&programme, &purchases, order);
        let mut refused = Vec::new();
        for name in &names {
            let came_to = script.step(&format!("reverse {name}"));
            refused.extend(Some(came_to).filter(|text| text.starts_with("refused: points_spent")));
        }
        let after = balance(&script.world, "ana");
        let kept = kept(&script.world, &script, &names, &refused);
        prop_assert!(after == before || !kept.is_empty(), "before {before}\nafter {after}");
    }
}
