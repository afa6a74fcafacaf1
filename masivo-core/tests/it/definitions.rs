//! Writing definitions: what is accepted, in which forms, and what can no longer change.

use crate::house::{House, json};
use crate::script::{Script, refused, short};
use masivo_core::program::{CampaignStatus, Kind};
use masivo_core::value::{Json, object};

fn open() -> Script {
    let mut script = Script::open("2026-01-15");
    for line in ["points points", "points stars", r#"define brand other {"name": "Other"}"#] {
        assert_eq!(script.step(line), "");
    }
    script
}

#[test]
fn what_ran_without_end_for_years_can_be_ended() {
    let mut script = open();
    let campaign = r#"define campaign c {"name": "c", "attributes": {"trigger": "PURCHASE"}, END,
        "rules": [{"effects": [{"reward_id": "$points", "amount": 1}]}]}"#;
    let mut define = |end: &str, at: &str| {
        script.step(&format!("at {at}"));
        script.step(&campaign.replace("END", end).split_whitespace().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(define(r#""withoutEndDate": true"#, "2026-01-15"), "");
    assert_eq!(define(r#""end_date": "2029-02-10""#, "2028-02-01"), "refused: end_too_late /end_date");
    assert_eq!(define(r#""end_date": "2028-02-10""#, "2028-02-01"), "");
}

/// What each field of a started campaign may still be.
#[test]
fn a_started_campaign_keeps_what_it_promised() {
    let campaign = r#"{"name": "c", "brand_id": "shop", "attributes": {"trigger": "PURCHASE"}, "start_date": "2026-01-20", "end_date": "2026-06-30",
        "rules": [{"conditions": [], "effects": [{"reward_id": "$points", "amount": 1}]}]}"#;
    let campaign = campaign.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut script = open();
    let define = |script: &mut Script, from: &str, to: &str| {
        let body = campaign.replace(from, to);
        assert!(from == to || body != campaign);
        script.step(&format!("define campaign c {body}"))
    };
    let same = ("\"c\"", "\"c\"");
    assert_eq!(define(&mut script, same.0, same.1), "");
    // Scheduled: everything may change.
    assert_eq!(define(&mut script, "2026-01-20", "2026-01-18"), "");
    assert_eq!(define(&mut script, "\"amount\": 1", "\"amount\": 2"), "");
    assert_eq!(define(&mut script, "2026-01-20", "2026-01-14"), "refused: start_in_the_past /start_date");
    assert_eq!(
        define(&mut script, "2026-01-20", "2027-01-16"),
        "refused: start_too_late /start_date, end_before_start /end_date"
    );
    assert_eq!(define(&mut script, "2026-06-30", "2026-01-19"), "refused: end_before_start /end_date");
    assert_eq!(define(&mut script, "2026-06-30", "2027-02-30"), "refused: not_a_date /end_date");
    assert_eq!(define(&mut script, "2026-06-30", "2027-03-01"), "refused: end_too_late /end_date");
    assert_eq!(define(&mut script, same.0, same.1), "");
    script.step("at 2026-01-20");
    // Running: the same again is fine, and what was not promised may change.
    assert_eq!(define(&mut script, same.0, same.1), "");
    assert_eq!(define(&mut script, "\"name\": \"c\"", "\"name\": \"d\""), "");
    assert_eq!(define(&mut script, "2026-06-30", "2026-07-30"), "");
    assert_eq!(define(&mut script, "\"start_date\": \"2026-01-20\", ", ""), "");
    for (from, to, field) in [
        ("\"amount\": 1", "\"amount\": 2", "rules"),
        ("$points", "$stars", "rules"),
        ("PURCHASE", "REGISTRATION", "attributes"),
        ("\"shop\"", "\"other\"", "brand_id"),
        ("\"brand_id\": \"shop\", ", "", "brand_id"),
        ("2026-01-20", "2026-01-21", "start_date"),
        ("2026-01-20", "2026-01-19", "start_date"),
    ] {
        let found = define(&mut script, from, to);
        assert_eq!(found, format!("refused: campaign_fixed {field} RUNNING"), "{from} to {to}");
    }
    assert_eq!(define(&mut script, "2026-06-30", "2026-01-19"), "refused: end_before_start /end_date");
    script.step("at 2026-02-20");
    assert_eq!(define(&mut script, "2026-06-30", "2026-02-10"), "refused: end_in_the_past /end_date");
    // Paused is still started.
    assert_eq!(define(&mut script, "\"name\"", "\"status\": \"INACTIVE\", \"name\""), "");
    let found = define(&mut script, "\"amount\": 1", "\"amount\": 2");
    assert_eq!(found, "refused: campaign_fixed rules PAUSED");
    // Ended: nothing. A bare end date means that day to its end.
    assert_eq!(define(&mut script, "2026-06-30", "2026-02-21"), "");
    script.step("at 2026-02-21T23:59:59.999Z");
    let status = |script: &Script| {
        let campaign = script.world.program.campaigns().next().unwrap();
        campaign.spec.status(script.world.now)
    };
    assert_eq!(status(&script), CampaignStatus::Running);
    script.step("at 2026-02-22");
    assert_eq!(status(&script), CampaignStatus::Finished);
    assert_eq!(define(&mut script, "2026-06-30", "2026-12-01"), "refused: campaign_fixed anything FINISHED");
}

#[test]
fn a_campaign_starts_from_the_start_of_today_in_the_accounts_zone() {
    let mut script = open();
    script.step(r#"define settings settings {"time_zone": "America/Guayaquil"}"#);
    script.step("at 2026-01-16T03:00:00Z");
    // Here it is the 15th until 05:00Z.
    let define = |script: &mut Script, start: &str| {
        script.step(&format!("give c{} on PURCHASE 1 of points from {start}", start.len()))
    };
    assert_eq!(define(&mut script, "2026-01-15"), "");
    let campaign = script.world.program.campaigns().next().unwrap();
    assert_eq!(short(campaign.spec.start), "2026-01-15T05:00:00");
    assert_eq!(define(&mut script, "2026-01-15T05:00:00.00Z"), "");
    assert_eq!(define(&mut script, "2026-01-15T04:59:59.999Z"), "refused: start_in_the_past /start_date");
    assert_eq!(
        script.step("give x on PURCHASE 1 of points until 2026-01-14"),
        "refused: end_before_start /end_date"
    );
    assert_eq!(
        script.step(r#"define campaign y {"name": "y", "attributes": {"trigger": "PURCHASE"}, "rules": [{"effects": [{"reward_id": "$points", "amount": 1}]}]}"#),
        "refused: missing /end_date"
    );
    assert_eq!(
        script.step(r#"define campaign y {"name": "y", "withoutEndDate": true, "end_date": "2026-02-01", "attributes": {"trigger": "PURCHASE"}, "rules": [{"effects": [{"reward_id": "$points", "amount": 1}]}]}"#),
        "refused: end_contradicts /end_date"
    );
}

#[test]
fn the_form_of_the_dashboard_reads_like_the_native_one() {
    let native = r#"{"name": "c", "type": "BEHAVIOR", "platforms": ["ios", "web"], "labels": ["spring"], "metadata": {"a": 1},
        "attributes": {"trigger": "PURCHASE"}, "withoutEndDate": true,
        "rules": [{"conditions": [[{"type": "order.value", "operator": "greater_than", "primitive": "currency", "value": 30}]],
            "effects": [{"reward_id": "$points", "amount": 1, "expiration_date": "12/months"}]}]}"#;
    let dashboard = r#"{"name": "c", "platforms": [{"label": "iOS", "value": "ios"}, {"label": "Web", "value": "web"}], "labels": [{"label": "Spring", "value": "spring"}],
        "metadata": "{\"a\": 1}", "brand_id": null, "budget": null, "attributes": {"trigger": "PURCHASE"}, "withoutEndDate": true, "confirm_changes": true,
        "rules": "[{\"conditions\": [[{\"type\": \"Order Value\", \"operator\": \"grater than\", \"primitive\": \"currency\", \"value\": 30}]], \"effects\": [{\"reward_id\": \"$points\", \"type\": \"POINTS\", \"amount\": 1, \"expiration_date\": \"12/months\"}]}]"}"#;
    let mut script = open();
    assert_eq!(script.step(&format!("define campaign one {native}")), "");
    assert_eq!(script.step(&format!("define campaign two {dashboard}")), "");
    let campaigns: Vec<_> = script.world.program.campaigns().collect();
    let [one, two] = campaigns.as_slice() else { panic!("{}", campaigns.len()) };
    assert_eq!(one.spec, two.spec);
    for name in ["platforms", "labels", "metadata", "type", "start_date"] {
        assert_eq!(one.body.get(name), two.body.get(name), "{name}");
    }
    for (from, to, expected) in [
        (r#"[{\"cond"#, r#"{\"cond"#, "refused: not_json /rules, not_a_list /rules"),
        (r#""{\"a\": 1}""#, r#""{""#, "refused: not_json /metadata"),
        (r#"\"amount\": 1"#, r#"\"amount\": 0"#, "refused: not_in_range /rules/0/effects/0/amount"),
        (r#"grater than"#, r#"bigger"#, "refused: unknown_operator /rules/0/conditions/0/0/operator"),
        (r#""budget": null"#, r#""budget": 0"#, "refused: not_in_range /budget"),
    ] {
        let body = dashboard.replace(from, to);
        assert_ne!(body, dashboard);
        assert_eq!(script.step(&format!("define campaign three {body}")), expected, "{to}");
    }
}

#[test]
fn a_campaign_names_what_is_not_there() {
    let campaign = r#"{"name": "c", "attributes": {"trigger": "PURCHASE"}, "withoutEndDate": true, "rules": [{"effects": [{"reward_id": "$points", "amount": 1, "per": {"type": "order.value", "unit": 1}}]}]}"#;
    let nothing = "00000000-0000-7000-8000-000000000000";
    let mut script = open();
    for (from, to, expected) in [
        ("$points", nothing, "unknown_reward /rules/0/effects/0/reward_id"),
        ("$points", "x", "not_a_uuid /rules/0/effects/0/reward_id"),
        ("PURCHASE", "NOPE", "unknown_trigger /attributes/trigger"),
        ("PURCHASE", "ADD_TO_CART", "unknown_trigger /attributes/trigger"),
        ("\"name\"", "\"brand_id\": \"nope\", \"name\"", "unknown_brand /brand_id"),
        (
            "\"amount\"",
            &format!("\"tier_id\": \"{nothing}\", \"amount\""),
            "unknown_tier /rules/0/effects/0/tier_id",
        ),
        ("order.value", "order.store_id", "unknown_subject /rules/0/effects/0/per/type"),
        ("\"unit\": 1", "\"unit\": 0", "not_in_range /rules/0/effects/0/per/unit"),
        (
            "\"amount\"",
            "\"expiration_date\": \"soon\", \"amount\"",
            "not_a_length_of_time /rules/0/effects/0/expiration_date",
        ),
        ("\"amount\"", "\"rounding\": \"up\", \"amount\"", "not_a_choice /rules/0/effects/0/rounding"),
        ("\"amount\"", "\"colour\": 1, \"amount\"", "unknown_field /rules/0/effects/0/colour"),
        (
            ", \"per\": {\"type\": \"order.value\", \"unit\": 1}",
            ", \"type\": 1",
            "not_a_text /rules/0/effects/0/type",
        ),
        (
            "\"amount\": 1, \"per\": {\"type\": \"order.value\", \"unit\": 1}",
            "\"amount\": 0.5",
            "too_many_places /rules/0/effects/0/amount",
        ),
        ("[{\"effects\"", "[], \"metadata\": [{\"effects\"", "not_an_object /metadata"),
        ("\"name\": \"c\", ", "", "missing /name"),
        ("\"name\": \"c\"", "\"name\": \"\"", "not_a_text /name"),
        ("\"name\"", "\"type\": \"REFERRAL\", \"name\"", "not_a_choice /type"),
    ] {
        let body = campaign.replacen(from, to, 1);
        assert_ne!(body, campaign, "{from}");
        let found = script.step(&format!("define campaign c {body}"));
        assert!(found.contains(expected), "{body}: {found}");
    }
    assert_eq!(script.step(&format!("define campaign c {campaign}")), "");
}

#[test]
fn tiers_have_levels_and_the_first_is_everybodys() {
    let mut script = open();
    let entry = r#""entry_conditions": [[{"type": "customer.tags.vip", "operator": "exists"}]]"#;
    for (step, expected) in [
        (
            r#"define tier a {"name": "a", "level": 2}"#.to_owned(),
            "refused: entry_conditions_missing /entry_conditions",
        ),
        (
            r#"define tier a {"name": "a", "level": 2, "entry_conditions": [[]]}"#.to_owned(),
            "refused: entry_conditions_missing /entry_conditions",
        ),
        (
            format!(r#"define tier a {{"name": "a", "level": 1, {entry}}}"#),
            "refused: duplicate_level /level, base_tier_has_conditions /entry_conditions",
        ),
        (format!(r#"define tier a {{"name": "a", "level": 0, {entry}}}"#), "refused: not_in_range /level"),
        (format!(r#"define tier a {{"name": "a", "level": 11, {entry}}}"#), "refused: not_in_range /level"),
        (format!(r#"define tier a {{"name": "a", "level": 2, {entry}}}"#), ""),
        (format!(r#"define tier b {{"name": "b", "level": 2, {entry}}}"#), "refused: duplicate_level /level"),
        (format!(r#"define tier b {{"name": "b", "level": 10, {entry}}}"#), ""),
    ] {
        assert_eq!(script.step(&step), expected, "{step}");
    }
    // The base tier may be renamed, and nothing else.
    let base = script.world.program.tiers_by_level().next().unwrap().id.clone();
    let mut define = |body: &str| {
        let answer = script.world.define(Kind::Tier, Some(&base), &json(body));
        answer.map_or_else(|rejection| refused(&rejection), |stored| stored.version.to_string())
    };
    assert_eq!(define(r#"{"name": "Everybody", "level": 1}"#), "2");
    assert_eq!(
        define(r#"{"name": "Everybody", "level": 3}"#),
        "refused: base_tier_fixed /level, entry_conditions_missing /entry_conditions"
    );
    assert_eq!(
        define(r#"{"name": "Everybody", "level": 1, "status": "INACTIVE"}"#),
        "refused: base_tier_fixed /level"
    );
    assert_eq!(
        define(&format!(r#"{{"name": "Everybody", "level": 1, {entry}}}"#)),
        "refused: base_tier_has_conditions /entry_conditions"
    );
}

#[test]
fn a_journey_cannot_run_in_circles_or_into_nothing() {
    let mut script = open();
    script.step(r#"define template mail {"name": "mail", "subject": "s", "text": "t"}"#);
    let nothing = "00000000-0000-7000-8000-000000000000";
    let ask = r#""type": "condition", "conditions": [[{"type": "customer.tags.vip", "operator": "exists"}]]"#;
    for (steps, expected) in [
        (String::new(), "refused: missing /steps"),
        (
            r#"{"id": "a", "type": "send_email", "template_id": "$mail", "next": "a"}"#.to_owned(),
            "refused: endless_loop /steps/0",
        ),
        (
            format!(r#"{{"id": "a", {ask}, "then": "b"}}, {{"id": "b", {ask}, "else": "a"}}"#),
            "refused: endless_loop /steps/0",
        ),
        (
            format!(
                r#"{{"id": "w", "type": "wait", "minutes": 1, "next": "a"}}, {{"id": "a", {ask}, "else": "w", "then": "a"}}"#
            ),
            "refused: endless_loop /steps/1",
        ),
        (r#"{"id": "a", "type": "wait", "minutes": 1, "next": "a"}"#.to_owned(), ""),
        (
            format!(
                r#"{{"id": "a", {ask}, "then": "b"}}, {{"id": "b", "type": "wait", "minutes": 5, "next": "a"}}"#
            ),
            "",
        ),
        (
            r#"{"id": "a", "type": "wait", "minutes": 1, "next": "b"}"#.to_owned(),
            "refused: unknown_step /steps/0/next",
        ),
        (r#"{"id": "a", "type": "wait"}"#.to_owned(), "refused: missing /steps/0/minutes"),
        (r#"{"id": "a", "type": "wait", "minutes": 0}"#.to_owned(), "refused: not_in_range /steps/0/minutes"),
        (
            r#"{"id": "a", "type": "wait", "minutes": 1}, {"id": "a", "type": "exit"}"#.to_owned(),
            "refused: duplicate_step /steps/1/id",
        ),
        (
            format!(r#"{{"id": "a", "type": "send_email", "template_id": "{nothing}"}}"#),
            "refused: unknown_template /steps/0/template_id",
        ),
        (r#"{"id": "a", "type": "condition"}"#.to_owned(), "refused: missing /steps/0/conditions"),
        (r#"{"id": "a", "type": "send_push"}"#.to_owned(), "refused: not_a_choice /steps/0/type"),
    ] {
        let body = format!(
            r#"{{"name": "j", "trigger": {{"type": "event", "event_type": "ADD_TO_CART"}}, "steps": [{steps}]}}"#
        );
        assert_eq!(script.step(&format!("define journey j {body}")), expected, "{steps}");
    }
    for (trigger, expected) in [
        (
            r#"{"type": "event", "event_type": "NOPE"}"#.to_owned(),
            "refused: unknown_event_type /trigger/event_type",
        ),
        (r#"{"type": "event"}"#.to_owned(), "refused: unknown_event_type /trigger/event_type"),
        (
            format!(r#"{{"type": "audience_entry", "audience_id": "{nothing}"}}"#),
            "refused: unknown_audience /trigger/audience_id",
        ),
        (r#"{"type": "audience_entry"}"#.to_owned(), "refused: unknown_audience /trigger/audience_id"),
        (r#"{"type": "daily"}"#.to_owned(), "refused: not_a_choice /trigger/type"),
    ] {
        let body =
            format!(r#"{{"name": "k", "trigger": {trigger}, "steps": [{{"id": "a", "type": "exit"}}]}}"#);
        assert_eq!(script.step(&format!("define journey k {body}")), expected, "{trigger}");
    }
}

#[test]
fn the_other_kinds_name_what_is_wrong() {
    let mut script = open();
    for (step, expected) in [
        (
            r#"define reward r {"name": "r", "type": "GIFT_CARD", "attributes": {"stock": 5, "transferable": true}}"#,
            "refused: not_for_this_type /attributes/stock, not_for_this_type /attributes/transferable",
        ),
        (
            r#"define reward r {"name": "r", "type": "POINTS", "attributes": {"quantity": 5}}"#,
            "refused: not_for_this_type /attributes/quantity",
        ),
        (
            r#"define reward r {"name": "r", "type": "DISCOUNT"}"#,
            "refused: missing /attributes/discount_type, missing /attributes/value",
        ),
        (
            r#"define reward r {"name": "r", "type": "DISCOUNT", "attributes": {"discount_type": "PERCENTAGE", "value": 101, "decimals": 2}}"#,
            "refused: not_in_range /attributes/value, not_for_this_type /attributes/decimals",
        ),
        (
            r#"define reward r {"name": "r", "type": "PRODUCT", "attributes": {"action": "REPLACE"}}"#,
            "refused: missing /attributes/sku, missing /attributes/replaces",
        ),
        (
            r#"define reward r {"name": "r", "type": "POINTS", "brand_id": "nope"}"#,
            "refused: unknown_brand /brand_id",
        ),
        (
            r#"define reward r {"name": "r", "type": "POINTS", "attributes": {"on_reversal": "sometimes"}}"#,
            "refused: not_a_choice /attributes/on_reversal",
        ),
        (
            r#"define reward r {"name": "r", "type": "POINTS", "attributes": {"decimals": 7}}"#,
            "refused: not_in_range /attributes/decimals",
        ),
        (
            r#"define audience a {"name": "a", "type": "STATIC", "conditions": []}"#,
            "refused: static_with_conditions /conditions",
        ),
        (r#"define audience a {"name": "a", "recalculate": "daily"}"#, "refused: unknown_field /recalculate"),
        (r#"define event_type PURCHASE {"loyalty": true}"#, "refused: reserved_event_type"),
        (r#"define event_type A/B {"loyalty": true}"#, "refused: not_an_event_type"),
        (r#"define event_type SCAN {}"#, "refused: missing /loyalty"),
        (r#"define settings s {"time_zone": "Moon/Crater"}"#, "refused: unknown_time_zone /time_zone"),
        (r#"define settings s {"reporting_period": "week"}"#, "refused: not_a_choice /reporting_period"),
        (r#"define webhook w {"url": "https://example.com", "events": []}"#, "refused: missing /events"),
        (
            r#"define webhook w {"url": "https://example.com", "events": ["NOPE"]}"#,
            "refused: unknown_webhook_event /events/0",
        ),
        (r#"define template t {"name": "t", "subject": "s"}"#, "refused: missing /text"),
    ] {
        assert_eq!(script.step(step), expected, "{step}");
    }
    let unknown = "00000000-0000-7000-8000-000000000000";
    let answer = script.world.define(Kind::Audience, Some(unknown), &json(r#"{"name": "a"}"#));
    assert_eq!(refused(&answer.unwrap_err()), "refused: definition_not_found");
}

#[test]
fn settings_merge_and_the_rest_is_kept() {
    let mut house = House::open("2026-01-01");
    let mut define = |body: &str| house.define(Kind::Settings, None, &json(body)).unwrap().body;
    define(r#"{"currency": "EUR", "email_from": "Shop <a@example.com>"}"#);
    let body = define(r#"{"time_zone": "Europe/Berlin"}"#);
    assert_eq!(body.text("currency"), Some("EUR"));
    assert_eq!(body.text("reporting_period"), Some("year"));
    assert_eq!(house.program.settings().email_from.as_deref(), Some("Shop <a@example.com>"));
}

#[test]
fn writing_the_same_again_changes_nothing_but_the_version() {
    let mut script = open();
    script.step(r#"define template mail {"name": "mail", "subject": "s", "text": "t"}"#);
    let all = [
        (Kind::Reward, "points", r#"{"name": "points", "type": "POINTS"}"#),
        (
            Kind::Audience,
            "a",
            r#"{"name": "a", "conditions": [[{"type": "customer.tags.vip", "operator": "exists"}]]}"#,
        ),
        (Kind::Template, "mail", r#"{"name": "mail", "subject": "s", "text": "t"}"#),
        (Kind::Webhook, "hook", r#"{"url": "https://example.com", "events": ["TIER_UPGRADE"]}"#),
    ];
    for (kind, name, body) in all {
        assert_eq!(script.define(kind, name, &json(body)), "");
        let before = body_of(&script, kind);
        assert_eq!(script.define(kind, name, &json(body)), "");
        assert_eq!(body_of(&script, kind), before, "{name}");
    }
}

fn body_of(script: &Script, kind: Kind) -> Json {
    let program = &script.world.program;
    let body = match kind {
        Kind::Reward => program.rewards().next().map(|found| found.body.clone()),
        Kind::Audience => program.audiences().next().map(|found| found.body.clone()),
        Kind::Template => program.templates().next().map(|found| found.body.clone()),
        Kind::Webhook => program.webhooks().next().map(|found| found.body.clone()),
        _ => None,
    };
    object().with_some("body", body).build()
}
