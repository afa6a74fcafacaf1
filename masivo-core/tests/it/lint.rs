//! Looking a programme over: what is found, and what it can cost.

use crate::script::Script;
use masivo_core::lint::{free_fields, lint};

/// A programme of these lines: its findings as `name[/rule] code`, and what it can cost.
fn look(lines: &str, customers: Option<u64>) -> (Vec<String>, String) {
    let mut script = Script::open("2026-01-01");
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert_eq!(script.step(line), "", "{line}");
    }
    let found = lint(&script.world.program, script.world.now, customers);
    let findings = found.findings.iter().map(|finding| {
        let rule = finding.rule.map(|rule| format!("/{rule}")).unwrap_or_default();
        assert!(!finding.message.is_empty() && !finding.hint.is_empty());
        format!("{}{rule} {}", finding.name, finding.code)
    });
    let cost = found.worst_case().map_or_else(|| "no bound".to_owned(), |cost| cost.to_string());
    (findings.collect(), cost)
}

#[test]
fn what_deserves_a_look_is_found() {
    let check = |lines: &str, expected: &[&str]| {
        let (found, _) = look(&format!("points points\n{lines}"), None);
        assert_eq!(found, expected, "{lines}");
    };
    let fine = "give a on PURCHASE 1/1 per order.discounted_value of points life 1/years budget 100";
    check(fine, &[]);
    check(&fine.replace("discounted_value", "value"), &["a/0 reward_earns"]);
    check(&fine.replace(" life 1/years", ""), &["a/0 never_expires"]);
    check(&fine.replace(" budget 100", ""), &["a no_cap"]);
    check(&fine.replace(" budget 100", " limit customer 2 times month"), &[]);
    check(
        &format!("{fine} when order.value greater_than 5 and order.value less_than 5"),
        &["a/0 rule_unreachable"],
    );
    let on = |trigger: &str, rule: &str| {
        format!("give a on {trigger} 5 of points life 1/years budget 100 when {rule}")
    };
    check(&on("REGISTRATION", "order.value greater_than 5"), &["a/0 rule_unreachable"]);
    check(&on("REGISTRATION", "customer.tags.vip equals true"), &[]);
    check(&on("REGISTRATION", "order.value greater_than 5 or customer.tags.vip equals true"), &[]);
    check("points coins", &["points reward_unused", "coins reward_unused"]);
    check(
        &format!(
            "define settings s {{\"time_zone\": \"America/Guayaquil\"}}\n{fine} from 2026-02-01T00:00:00Z until 2026-03-01"
        ),
        &["a zone_gap"],
    );
    check(
        &format!(
            "{fine} from 2026-02-01 until 2026-02-27\n{} from 2026-03-01",
            fine.replace("give a", "give b")
        ),
        &["a window_gap"],
    );
    check(
        &format!(
            "{fine} from 2026-02-01 until 2026-02-28\n{} from 2026-03-01",
            fine.replace("give a", "give b")
        ),
        &[],
    );
    let rules = |one: &str, other: &str, kind: &str| {
        let rule = |condition: &str| {
            format!(
                "{{\"conditions\": [[{condition}]], \"effects\": [{{\"reward_id\": \"$points\", \"amount\": 1, \"expiration_date\": \"1/years\"}}]}}"
            )
        };
        let always = |condition: &str| rule(condition).replace("[[]]", "[]");
        format!(
            "define campaign c {{\"name\": \"c\", {kind} \"withoutEndDate\": true, \"budget\": 9, \"rules\": [{}, {}]}}",
            always(one),
            always(other)
        )
    };
    let small = r#"{"type": "order.value", "operator": "less_than", "value": 20}"#;
    let large = r#"{"type": "order.value", "operator": "greater_than_or_equal", "value": 20}"#;
    let behaviour = r#""attributes": {"trigger": "PURCHASE"},"#;
    check(&rules(small, large, behaviour), &[]);
    check(&rules(small, "", behaviour), &["c/1 rules_overlap"]);
    let streak = r#""type": "SCORE_STREAKS", "attributes": {"trigger": "PURCHASE", "streak_length": 3},"#;
    check(&rules("", large, streak), &["c/1 rule_shadowed"]);
    check(&rules(large, "", streak), &[]);
    let card = r#""type": "PUNCH_CARDS", "attributes": {"trigger": "PURCHASE", "stamps": 3},"#;
    check(&rules("", large, card), &[]);
    // Between the two another one gives.
    let (first, second) = (fine.replace("give a", "give c"), fine.replace("give a", "give b"));
    check(&format!("{first} from 2026-02-01 until 2026-02-27\n{second} from 2026-03-01\n{fine}"), &[]);
}

#[test]
fn what_a_programme_can_cost_is_a_number() {
    let check = |lines: &str, customers: Option<u64>, expected: &str| {
        let (_, cost) = look(&format!("points points {{\"conversion_factor\": 0.1}}\n{lines}"), customers);
        assert_eq!(cost, expected, "{lines}");
    };
    check("", None, "0");
    check("give a on PURCHASE 50 of points", None, "no bound");
    check("give a on PURCHASE 50 of points budget 700", None, "700");
    check("give a on PURCHASE 50 of points limit campaign 10 times lifetime", None, "50");
    check(
        "give a on PURCHASE 1/1 per order.value of points limit campaign 10 times lifetime",
        None,
        "no bound",
    );
    check("give a on PURCHASE 50 of points limit campaign 10 times lifetime budget 20", None, "20");
    check("give a on PURCHASE 50 of points limit customer 2 times lifetime", None, "no bound");
    check("give a on PURCHASE 50 of points limit customer 2 times lifetime", Some(1_000), "10000");
    check("give a on PURCHASE 50 of points limit customer 2 times lifetime", Some(0), "no bound");
    let friends = r#"define campaign f {"type": "REFERRALS", "name": "f", "withoutEndDate": true, "attributes": {"trigger": "PURCHASE"},
        "limits": [{"per": "customer", "max": 1}], "rules": [{"effects": [{"reward_id": "$points", "amount": 50}]}]}"#;
    check(&friends.split_whitespace().collect::<Vec<_>>().join(" "), Some(1_000), "no bound");
    // Ten days of 100 each.
    let days = "give a on PURCHASE 50 of points limit campaign 100 worth day from 2026-02-01";
    check(&format!("{days} until 2026-02-10"), None, "1000");
    check(days, None, "no bound");
    check(
        "give a on PURCHASE 50 of points budget 700\ngive b on PURCHASE 1 of points budget 300",
        None,
        "1000",
    );
    check(
        "define reward hat {\"name\": \"hat\", \"type\": \"PRODUCT\", \"attributes\": {\"action\": \"ADD\", \"sku\": \"hat\", \"stock\": 5, \"conversion_factor\": 7}}\ngive a on PURCHASE 1 of hat",
        None,
        "35",
    );
    check(
        "define campaign c {\"name\": \"c\", \"type\": \"COUPONS\", \"quantity\": 20, \"withoutEndDate\": true, \"attributes\": {\"max_uses\": 2}, \"rules\": [{\"effects\": [{\"reward_id\": \"$points\", \"amount\": 30}]}]}",
        None,
        "120",
    );
}

#[test]
fn fields_that_the_merchant_chooses_are_listed() {
    let mut script = Script::open("2026-01-01");
    for line in [
        "points points",
        "give a on PURCHASE 1 of points when event.metadata.till equals 1 or product.tags.new equals true",
        "audience b when customer.tags.vip equals true and customer.country equals \"EC\"",
    ] {
        assert_eq!(script.step(line), "");
    }
    let fields: Vec<String> = free_fields(&script.world.program).into_iter().collect();
    assert_eq!(fields, ["customer.tags.vip", "event.metadata.till", "product.tags.new"]);
}
