//! Random lives of a few customers. The house checks the laws after every command; here is what must hold over
//! whole lives. `PROPTEST_CASES` sets how many.

use crate::house::{Answer, House, json};
use crate::script::Script;
use masivo_core::adjustment::{Adjustment, read_adjustment, read_void};
use masivo_core::events::Part;
use masivo_core::fact::{EventStatus, FactKind};
use masivo_core::limits::LOTS_HELD;
use masivo_core::metrics::Visit;
use masivo_core::quota::Quota;
use masivo_core::rule::MetricPeriod;
use masivo_core::state::State;
use masivo_core::value::{DAY, Decimal, HOUR, Json, object};
use masivo_core::{Command, Outcome, Rejection};
use proptest::prelude::*;
use uuid::Uuid;

/// How many cases to run: few unless asked for more.
pub(crate) fn cases(few: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(few)
}

const CUSTOMERS: [&str; 3] = ["ana", "bea", "anon"];

#[derive(Clone, Debug)]
enum Step {
    Wait { milliseconds: i64 },
    Buy { who: usize, value: i32, redeem: Option<i32>, standby: Option<i64>, late: Option<i64> },
    Cart { who: usize },
    Fulfill { which: usize },
    Reverse { which: usize },
    Return { which: usize, value: i32 },
    Consent { who: usize, behavioral: bool },
    Tag { who: usize, vip: bool },
    Status { who: usize, active: bool },
    Born { who: usize, month: u32, day: u32 },
    Identify,
    Adjust { who: usize, amount: i32 },
    Void { who: usize, lot: u32 },
}

fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![
        4 => 1..3 * DAY,
        2 => DAY..40 * DAY,
        1 => 40 * DAY..400 * DAY,
        1 => Just(DAY),
        1 => Just(30 * DAY),
    ];
    let who = 0..CUSTOMERS.len();
    let buy = (
        who.clone(),
        0..200_i32,
        prop::option::weighted(0.4, 1..120_i32),
        prop::option::weighted(0.3, 1..40_i64),
        prop::option::weighted(0.2, 0..72 * HOUR),
    );
    let buy =
        buy.prop_map(|(who, value, redeem, standby, late)| Step::Buy { who, value, redeem, standby, late });
    let step = prop_oneof![
        6 => wait.prop_map(|milliseconds| Step::Wait { milliseconds }),
        9 => buy,
        1 => who.clone().prop_map(|who| Step::Cart { who }),
        3 => (0..20_usize).prop_map(|which| Step::Fulfill { which }),
        4 => (0..20_usize).prop_map(|which| Step::Reverse { which }),
        3 => (0..20_usize, 1..150_i32).prop_map(|(which, value)| Step::Return { which, value }),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, behavioral)| Step::Consent { who, behavioral }),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, vip)| Step::Tag { who, vip }),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, active)| Step::Status { who, active }),
        1 => Just(Step::Identify),
        1 => (who.clone(), 1..13_u32, 1..29_u32).prop_map(|(who, month, day)| Step::Born { who, month, day }),
        1 => (who.clone(), -80..80_i32).prop_map(|(who, amount)| Step::Adjust { who, amount }),
        1 => (who, 1..20_u32).prop_map(|(who, lot)| Step::Void { who, lot }),
    ];
    prop::collection::vec(step, 1..count)
}

/// A house with something of everything.
const PROGRAM: &str = r#"
points points
give spend on PURCHASE 1/1 per order.value of points life 3/months
give big on PURCHASE 20 of points life 1/month when order.value greater_than 150
give golden on PURCHASE 5 of points tier gold
give scarce on PURCHASE 7 of points budget 40 life 2/months
give shared on PURCHASE 1/10 per order.value of points budget 100 divided weekly
give thrice on PURCHASE 3 of points limit campaign 3 times month limit customer 2 times week
give worth on PURCHASE 1/20 per order.value of points limit customer 12 worth lifetime when order.value greater_than 40
give cake on BIRTHDAY 6 of points life 1/month
give adjusted on TIER_ADJUSTMENT 15 of points life 2/months when event.metadata.direction equals "upgrade"
define campaign card {"type": "PUNCH_CARDS", "name": "card", "withoutEndDate": true, "attributes": {"trigger": "PURCHASE", "stamps": 3, "card_expiration": "2/months"}, "limits": [{"per": "customer", "counts": "stamps", "max": 4, "period": "day"}, {"per": "campaign", "max": 3, "period": "week"}], "rules": [{"conditions": [[{"type": "order.value", "operator": "greater_than", "value": 30}]], "effects": [{"reward_id": "$points", "amount": 9, "expiration_date": "2/months"}]}, {"conditions": [[{"type": "order.value", "operator": "greater_than", "value": 90}]], "stamps": 2, "effects": [{"reward_id": "$points", "amount": 1}]}]}
define campaign streak {"type": "SCORE_STREAKS", "name": "streak", "withoutEndDate": true, "attributes": {"trigger": "PURCHASE", "streak_length": 2, "streak_grace": 1, "streak_period": "week"}, "limits": [{"per": "campaign", "max": 3, "period": "month"}], "rules": [{"conditions": [[{"type": "order.value", "operator": "greater_than", "value": 20}]], "effects": [{"reward_id": "$points", "amount": 11, "expiration_date": "2/months"}]}]}
audience recent when customer.metrics.lifetime.last_visit within_last "30/days"
audience lapsed when customer.metrics.lifetime.last_visit more_than_ago "60/days" and customer.tags.vip not_equals true
audience spender when customer.metrics.this_month.spend_total greater_than_or_equal 100 or customer.tags.vip equals true
audience elite when customer.tier equals "$gold"
define template mail {"name": "mail", "subject": "s", "text": "t"}
define journey cart {"name": "cart", "trigger": {"type": "event", "event_type": "ADD_TO_CART"}, "exit": [{"event_type": "PURCHASE"}], "steps": [{"id": "wait", "type": "wait", "minutes": 60, "next": "mail"}, {"id": "mail", "type": "send_email", "template_id": "$mail"}]}
define journey back {"name": "back", "trigger": {"type": "audience_entry", "audience_id": "$lapsed"}, "steps": [{"id": "wait", "type": "wait", "minutes": 1440, "next": "mail"}, {"id": "mail", "type": "send_email", "template_id": "$mail"}]}
define journey risen {"name": "risen", "reentry": "once", "trigger": {"type": "event", "event_type": "TIER_ADJUSTMENT"}, "exit": [{"event_type": "PURCHASE"}], "steps": [{"id": "wait", "type": "wait", "minutes": 600}]}
define webhook hook {"url": "https://example.com/hook", "events": ["CUSTOMER_ACCUMULATION", "TIER_UPGRADE", "TIER_DOWNGRADE", "AUDIENCE_ENTERED", "EVENT_REVERSED"]}
"#;
const TIERS: &str = r#"
tier silver level 2 when customer.metrics.this_year.spend_total greater_than_or_equal 200 exit customer.metrics.last_year.spend_total less_than 200
tier gold level 3 when customer.metrics.this_year.spend_total greater_than_or_equal 500 exit customer.metrics.last_year.spend_total less_than 500
"#;

fn open(wakes: bool, zone: &str) -> Life {
    let mut script = Script::open("2026-01-01");
    // Where lots are kept makes no difference either.
    (script.world.wakes, script.world.lots_held) = (wakes, if wakes { 1 } else { LOTS_HELD });
    let zone = format!(r#"define settings settings {{"time_zone": "{zone}"}}"#);
    for line in std::iter::once(zone.as_str()).chain(TIERS.lines()).chain(PROGRAM.lines()) {
        if !line.is_empty() {
            assert_eq!(script.step(line), "", "{line}");
        }
    }
    for line in
        ["register ana", r#"register bea {"dob": "1990-02-28"}"#, r#"register anon {"is_anonymous": true}"#]
    {
        script.step(line);
    }
    let points = script.world.program.rewards().next().unwrap().id.clone();
    Life { house: script.into_house(), points, events: Vec::new() }
}

/// A house in which steps are taken.
#[derive(Clone)]
struct Life {
    house: House,
    points: String,
    events: Vec<Uuid>,
}

impl Life {
    fn buy(&mut self, who: &str, value: i32, redeem: Option<i32>, standby: Option<i64>, late: Option<i64>) {
        let mut body = object()
            .with("customer_id", who)
            .with("brand_id", "shop")
            .with("type", "PURCHASE")
            .with("order", object().with("value", Decimal::whole(value)).build())
            .build();
        if let Some(amount) = redeem {
            let line =
                object().with("id", self.points.as_str()).with("amount", Decimal::whole(amount)).build();
            body.set("redeem", Json::List(vec![line]));
        }
        if let Some(days) = standby {
            body.set("fulfilled", false);
            body.set("reserve", days);
        }
        if let Some(late) = late {
            body.set("issued_at", self.house.now.plus(-late));
        }
        let answer = self.house.emit(&body, false).unwrap();
        let Outcome::Event { fact, .. } = answer.outcome else { panic!("{answer:?}") };
        self.events.push(self.house.fact(fact).event.as_ref().unwrap().id);
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Wait { milliseconds } => {
                let to = self.house.now.plus(*milliseconds);
                self.house.go(to);
            }
            Step::Buy { who, value, redeem, standby, late } => {
                self.buy(CUSTOMERS[*who], *value, *redeem, *standby, *late);
            }
            Step::Cart { who } => {
                let body = object().with("customer_id", CUSTOMERS[*who]).with("brand_id", "shop");
                drop(self.house.emit(&body.with("type", "ADD_TO_CART").build(), true).unwrap());
            }
            Step::Fulfill { which } => {
                if let Some(event) = self.events.get(*which).copied() {
                    // Closed events are refused, which is fine.
                    drop(self.house.submit(&Command::Fulfill { event }));
                }
            }
            Step::Reverse { which } => {
                if let Some(event) = self.events.get(*which).copied() {
                    self.reverse(event);
                }
            }
            Step::Return { which, value } => {
                // More than is left of it, or of what is closed, is refused, which is fine.
                if let Some(event) = self.events.get(*which).copied() {
                    drop(self.return_part(event, *value));
                }
            }
            Step::Consent { who, behavioral } => {
                let consent = json(&format!(r#"{{"purposes": {{"behavioral_campaigns": {behavioral}}}}}"#));
                let customer = CUSTOMERS[*who].to_owned();
                self.house.submit(&Command::SetConsent { customer, consent }).unwrap();
            }
            Step::Tag { who, vip } => {
                let (customer, tags) = (CUSTOMERS[*who].to_owned(), object().with("vip", *vip).build());
                self.house.submit(&Command::SetTags { customer, tags }).unwrap();
            }
            Step::Status { who, active } => {
                let status = if *active { "ACTIVE" } else { "INACTIVE" };
                self.house.patch(CUSTOMERS[*who], &object().with("status", status).build()).unwrap();
            }
            Step::Born { who, month, day } => {
                let dob = format!("1990-{month:02}-{day:02}");
                self.house.patch(CUSTOMERS[*who], &object().with("dob", dob).build()).unwrap();
            }
            Step::Identify => {
                let body = json(r#"{"name": "Nora", "email": "nora@example.com"}"#);
                drop(self.house.identify("anon", &body));
            }
            // More than there is, and lots that are gone, are refused, which is fine.
            Step::Adjust { who, amount } if *amount != 0 => {
                let request = object().with("reward_id", self.points.as_str()).with("reason", "x");
                let request = request.with("amount", Decimal::whole(*amount)).build();
                self.adjust(*who, read_adjustment(&request).unwrap().0);
            }
            Step::Adjust { .. } => {}
            Step::Void { who, lot } => {
                let request = object().with("lot", *lot).with("reason", "x").build();
                self.adjust(*who, read_void(&request).unwrap().0);
            }
        }
    }

    fn adjust(&mut self, who: usize, adjustment: Adjustment) {
        let command = Command::Adjust { customer: CUSTOMERS[who].to_owned(), adjustment };
        drop(self.house.submit(&command));
    }

    fn return_part(&mut self, event: Uuid, value: i32) -> Result<Answer, Rejection> {
        let part = Part { value: Decimal::whole(value), lines: Vec::new() };
        let reason = "returned".to_owned();
        self.house.submit(&Command::Reverse { event, reason, plan: None, part: Some(part) })
    }

    fn reverse(&mut self, event: Uuid) {
        let command = Command::Reverse { event, reason: "returned".to_owned(), plan: None, part: None };
        let first = self.house.submit(&command).unwrap();
        let status = self.house.record(self.house.event_fact(event)).status;
        // E4: again is the same answer and nothing happens.
        let again = self.house.submit(&command).unwrap();
        assert_eq!((first.outcome, &[][..]), (again.outcome, again.facts.as_slice()));
        assert_eq!(self.house.record(self.house.event_fact(event)).status, status);
    }

    /// M1: the metrics are what the processed events say.
    fn check_metrics(&self, who: &str) {
        let state = self.house.read(who).state;
        let zone = self.house.program.settings().time_zone;
        let mut expected = masivo_core::metrics::Metrics::default();
        let mut visits: Vec<_> = self
            .house
            .facts_of(self.house.key(who))
            .filter(|fact| fact.kind == FactKind::Event)
            .map(|fact| self.house.record(fact.sequence))
            .filter(|record| record.status == EventStatus::Resolved)
            .filter_map(|record| {
                record.effects().flat_map(|fact| &fact.changes).find_map(|change| match change {
                    masivo_core::fact::Change::Visited(visit) => {
                        Some(Visit { spend: visit.spend.saturating_sub(record.returned()), ..*visit })
                    }
                    _ => None,
                })
            })
            .collect();
        visits.sort_by_key(|visit| visit.issued_at);
        visits.iter().for_each(|visit| expected.add(visit, zone));
        for period in MetricPeriod::ALL {
            let now = self.house.now;
            assert_eq!(
                state.metrics.bucket(period, zone, now),
                expected.bucket(period, zone, now),
                "M1: {period:?} of {who}"
            );
        }
    }

    fn outlines(&self) -> Vec<String> {
        CUSTOMERS.iter().map(|who| outline(self.house.read(who).state)).collect()
    }
}

/// A state without the numbers of facts, which depend on when others were woken.
fn outline(mut state: State) -> String {
    state.head = 0;
    state.id = Uuid::nil();
    state.audiences_seen = 0;
    for lot in &mut state.wallet.lots {
        lot.fact = 0;
    }
    for standby in &mut state.standbys {
        (standby.fact, standby.event) = (0, Uuid::nil());
    }
    for instance in &mut state.journeys {
        instance.started_by = 0;
    }
    format!("{state:#?}")
}

/// What is left of a customer, without the history of the state: points, debt, limits, metrics, tier, audiences.
pub(crate) fn balance(house: &House, who: &str) -> String {
    let state = house.read(who).state;
    let zone = house.program.settings().time_zone;
    let metrics = MetricPeriod::ALL.map(|period| state.metrics.bucket(period, zone, house.now));
    let inside: Vec<u32> =
        state.memberships.iter().filter(|known| known.inside).map(|known| known.audience).collect();
    let points: Vec<_> = state
        .wallet
        .accounts
        .keys()
        .map(|reward| {
            (state.wallet.available(*reward), state.wallet.held(*reward), state.wallet.account(*reward).debt)
        })
        .filter(|sums| *sums != (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO))
        .collect();
    // Periods that are over are forgotten with the next booking, whichever it is: nothing asks for them.
    let counts = |quota: &Quota| {
        quota.period.is_none_or(|period| period.number >= period.unit.number(zone, house.now))
    };
    let own = state.quotas.iter().filter(|(quota, sums)| !sums.taken().is_zero() && counts(quota));
    let own: Vec<_> = own.collect();
    let quotas: Vec<_> = house.quotas.iter().filter(|(_, sums)| !sums.taken().is_zero()).collect();
    format!(
        "{points:?} quotas {own:?} {quotas:?} tier {} audiences {inside:?} metrics {metrics:#?}",
        state.tier
    )
}

const ZONES: [&str; 3] = ["UTC", "America/Guayaquil", "Europe/Berlin"];

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(32), max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_after_every_command(steps in steps(40), zone in 0..3_usize) {
        let mut life = open(true, ZONES[zone]);
        for step in &steps {
            life.take(step);
        }
        for who in CUSTOMERS {
            life.check_metrics(who);
            let key = life.house.key(who);
            life.house.wake(key);
        }
    }

    #[test]
    fn waking_late_makes_no_difference(steps in steps(30), zone in 0..3_usize) {
        let (mut awake, mut asleep) = (open(true, ZONES[zone]), open(false, ZONES[zone]));
        for step in &steps {
            awake.take(step);
            asleep.take(step);
        }
        for (awake, asleep) in awake.outlines().into_iter().zip(asleep.outlines()) {
            prop_assert_eq!(awake, asleep);
        }
    }

    #[test]
    fn a_jump_of_two_years_is_every_day_of_it(steps in steps(20), zone in 0..3_usize) {
        let (mut jumping, mut walking) = (open(true, ZONES[zone]), open(true, ZONES[zone]));
        for step in &steps {
            jumping.take(step);
            walking.take(step);
        }
        let end = jumping.house.now.plus(730 * DAY);
        jumping.house.go(end);
        while walking.house.now < end {
            let next = walking.house.now.plus(DAY).min(end);
            walking.house.go(next);
        }
        for (jumped, walked) in jumping.outlines().into_iter().zip(walking.outlines()) {
            prop_assert_eq!(jumped, walked);
        }
    }

    #[test]
    fn the_same_commands_give_the_same_facts(steps in steps(30)) {
        let (mut one, mut other) = (open(true, "UTC"), open(true, "UTC"));
        for step in &steps {
            one.take(step);
            other.take(step);
        }
        for who in CUSTOMERS {
            let facts = |life: &Life| life.house.facts_of(life.house.key(who)).cloned().collect::<Vec<_>>();
            prop_assert_eq!(facts(&one), facts(&other));
        }
        prop_assert_eq!(one.house.outgoing, other.house.outgoing);
    }

    #[test]
    fn buying_and_returning_everything_leaves_nothing(
        purchases in prop::collection::vec((0..300_i32, prop::option::weighted(0.4, 1..200_i32), any::<bool>()), 1..8),
        parts in prop::collection::vec((0..8_usize, 1..150_i32), 0..8),
        order in any::<[u32; 8]>(),
        hours in 0..60_i64,
    ) {
        let mut life = open(true, "UTC");
        let before = balance(&life.house, "ana");
        for (value, redeem, waits) in purchases {
            life.buy("ana", value, redeem, waits.then_some(5), None);
            let event = *life.events.last().unwrap();
            if waits && value % 2 == 0 {
                drop(life.house.submit(&Command::Fulfill { event }));
            }
        }
        life.take(&Step::Wait { milliseconds: hours * HOUR });
        for (which, value) in parts {
            life.take(&Step::Return { which, value });
        }
        let mut events: Vec<(u32, Uuid)> = order.into_iter().zip(life.events.clone()).collect();
        events.sort_unstable();
        for (_, event) in events {
            life.reverse(event);
        }
        prop_assert_eq!(balance(&life.house, "ana"), before);
    }

    #[test]
    fn any_slicing_of_a_return_comes_to_the_same(
        before in steps(12),
        value in 1..300_i32,
        redeem in prop::option::weighted(0.5, 1..100_i32),
        after in steps(12),
        slices in prop::collection::vec(1..60_i32, 1..8),
    ) {
        let mut life = open(true, "UTC");
        before.iter().for_each(|step| life.take(step));
        life.buy("ana", value, redeem, None, None);
        let event = *life.events.last().unwrap();
        after.iter().filter(|step| !matches!(step, Step::Reverse { .. } | Step::Return { .. })).for_each(|step| life.take(step));
        let (mut slices, mut all) = (slices, 0);
        slices.retain(|slice| {
            let fits = all + slice <= value;
            all += if fits { *slice } else { 0 };
            fits
        });
        prop_assume!(all > 0);
        let mut other = life.clone();
        // What was not processed cannot come back, whatever the slices.
        let at_once = life.return_part(event, all).is_ok();
        for slice in slices {
            prop_assert_eq!(other.return_part(event, slice).is_ok(), at_once);
        }
        for who in CUSTOMERS {
            prop_assert_eq!(balance(&life.house, who), balance(&other.house, who));
            other.check_metrics(who);
        }
    }

    #[test]
    fn reversing_two_events_in_either_order_is_the_same(
        steps in steps(30),
        first in 0..12_usize,
        second in 0..12_usize,
    ) {
        let mut life = open(true, "UTC");
        steps.iter().for_each(|step| life.take(step));
        prop_assume!(!life.events.is_empty());
        let (first, second) = (life.events[first % life.events.len()], life.events[second % life.events.len()]);
        let mut other = life.clone();
        life.reverse(first);
        life.reverse(second);
        other.reverse(second);
        other.reverse(first);
        for who in CUSTOMERS {
            prop_assert_eq!(balance(&life.house, who), balance(&other.house, who));
        }
        // And lot by lot, with their dates.
        for who in CUSTOMERS {
            let lots = |life: &Life| {
                let wallet = life.house.read(who).state.wallet;
                wallet.lots.iter().map(|lot| (lot.number, lot.available, lot.applied, lot.expires_at)).collect::<Vec<_>>()
            };
            prop_assert_eq!(lots(&life), lots(&other));
        }
    }
}

#[test]
fn a_life_of_many_events_fits() {
    let mut life = open(true, "UTC");
    for day in 0..200 {
        life.take(&Step::Buy {
            who: 0,
            value: day,
            redeem: (day % 3 == 0).then_some(5),
            standby: None,
            late: None,
        });
        life.take(&Step::Wait { milliseconds: DAY });
    }
    life.check_metrics("ana");
    let events = life.events.clone();
    for event in events.into_iter().step_by(7) {
        life.reverse(event);
        life.check_metrics("ana");
    }
}
