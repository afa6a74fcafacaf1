//! The auditor: a plain model says what every answer must be, over random histories and over all short ones.
//!
//! `MASIVO_AUDIT` sets how many commands are audited (100,000 when left out), `MASIVO_AUDIT_SEED` the first seed. What
//! differs is shown with its seed and the shortest history that still differs.

mod model;

use crate::house::{House, instant, json};
use crate::script::Script;
use masivo_core::adjustment::read_adjustment;
use masivo_core::events::Part;
use masivo_core::punch_cards::account_of;
use masivo_core::quota::{Counts, Owner, Scope};
use masivo_core::value::{Decimal, Timestamp, Zone, object};
use masivo_core::{Command, Outcome};
use model::{BUDGET, CARD, CARD_FROM, DAY, Model, OF_BUDGET, OF_CARD, OF_MONTH, OF_SILVER, POINTS_LIVE};
use model::{SILVER_FROM, Said, Shown, Step, TIMES_A_MONTH};
use uuid::Uuid;

const CUSTOMERS: [&str; 2] = ["ana", "bea"];
const START: &str = "2026-01-01";

/// The program of the model, as the rules read it.
fn program() -> Vec<String> {
    let card = format!(
        r#"{{"type": "PUNCH_CARDS", "name": "card", "withoutEndDate": true,
            "attributes": {{"trigger": "PURCHASE", "stamps": {CARD}}},
            "rules": [{{"conditions": [[{{"type": "order.value", "operator": "greater_than_or_equal", "value": {CARD_FROM}}}]],
                        "effects": [{{"reward_id": "$stars", "amount": {OF_CARD}}}]}}]}}"#
    );
    vec![
        "points points".to_owned(),
        "points stars".to_owned(),
        format!(
            "tier silver level 2 when customer.metrics.lifetime.spend_total greater_than_or_equal {SILVER_FROM}"
        ),
        format!("give spend on PURCHASE 1/1 per order.value of points life {}/days", POINTS_LIVE / DAY),
        format!("give scarce on PURCHASE {OF_BUDGET} of points budget {BUDGET}"),
        format!("give monthly on PURCHASE {OF_MONTH} of stars limit customer {TIMES_A_MONTH} times month"),
        format!("define campaign card {card}"),
        format!(r#"give silver_only on PURCHASE {OF_SILVER} of stars when customer.tier equals "$silver""#),
        "register ana".to_owned(),
        "register bea".to_owned(),
    ]
}

fn month_of(at: i64) -> i64 {
    i64::from(Zone::UTC.period(masivo_core::value::PeriodKind::Month, Timestamp::from_milliseconds(at)))
}

/// The rules and the model, side by side.
#[derive(Clone)]
struct Audit {
    house: House,
    model: Model,
    points: String,
    /// The event of each purchase, in the order they were sent.
    events: Vec<Uuid>,
    accounts: [u32; 3],
    campaigns: [u32; 3],
}

impl Audit {
    fn open(wakes: bool) -> Self {
        let mut script = Script::open(START);
        (script.world.wakes, script.world.checked) = (wakes, false);
        for line in program() {
            assert_eq!(script.step(&line), "", "{line}");
        }
        let program = &script.world.program;
        let campaign = |name: &str| program.campaign_by_id(script.id(name)).unwrap().number;
        let reward = |name: &str| program.reward_by_id(script.id(name)).unwrap().number;
        Self {
            accounts: [reward("points"), reward("stars"), account_of(campaign("card"))],
            campaigns: [campaign("scarce"), campaign("monthly"), campaign("card")],
            points: script.id("points").to_owned(),
            model: Model::new(instant(START).milliseconds(), CUSTOMERS.len(), month_of),
            events: Vec::new(),
            house: script.into_house(),
        }
    }

    /// Carries a step out on both sides; gives what differs.
    fn take(&mut self, step: Step) -> Option<String> {
        let found = self.carry_out(step);
        let expected = self.model.take(step);
        if found != expected {
            return Some(format!("the answer is {found:?} and should be {expected:?}"));
        }
        let who = CUSTOMERS.iter().enumerate();
        who.map(|(who, id)| (id, self.shown(id), self.model.show(who)))
            .find(|(_, found, expected)| found != expected)
            .map(|(id, found, expected)| format!("{id} has\n{found:?} and should have\n{expected:?}"))
            .or_else(|| {
                // Who is asleep has not let go of what ran out.
                if !self.house.wakes {
                    return None;
                }
                let (found, expected) = (self.of_budget(), self.model.of_budget());
                (found != expected).then(|| format!("of the budget {found:?} and should be {expected:?}"))
            })
    }

    fn carry_out(&mut self, step: Step) -> Said {
        let event = |event: usize| self.events.get(event).copied().unwrap_or_default();
        let reverse = |event, part| {
            let reason = "returned".to_owned();
            Command::Reverse { event, reason, plan: None, part }
        };
        let command = match step {
            Step::Wait { milliseconds } => {
                self.house.go(self.house.now.plus(milliseconds));
                return Said::Done;
            }
            Step::Buy { who, value, redeem, days } => return self.buy(CUSTOMERS[who], value, redeem, days),
            Step::Fulfill { event: which } => Command::Fulfill { event: event(which) },
            Step::Reverse { event: which } => reverse(event(which), None),
            Step::Return { event: which, value } => {
                reverse(event(which), Some(Part { value: whole(value), lines: Vec::new() }))
            }
            Step::Consent { who, loyalty } => {
                let consent = json(&format!(
                    r#"{{"purposes": {{"behavioral_campaigns": {loyalty}, "punchcard_campaigns": true}}}}"#
                ));
                Command::SetConsent { customer: CUSTOMERS[who].to_owned(), consent }
            }
            Step::Adjust { who, amount } => {
                let request = object().with("reward_id", self.points.as_str()).with("reason", "x");
                let (adjustment, _) = read_adjustment(&request.with("amount", amount).build()).unwrap();
                Command::Adjust { customer: CUSTOMERS[who].to_owned(), adjustment }
            }
        };
        self.submit(&command)
    }

    fn buy(&mut self, who: &str, value: i64, redeem: i64, days: Option<i64>) -> Said {
        let body = object().with("customer_id", who).with("brand_id", "shop").with("type", "PURCHASE");
        let mut body = body.with("order", object().with("value", value).build()).build();
        if redeem > 0 {
            let line = object().with("id", self.points.as_str()).with("amount", redeem).build();
            body.set("redeem", masivo_core::value::Json::List(vec![line]));
        }
        if let Some(days) = days {
            body.set("fulfilled", false);
            body.set("reserve", days);
        }
        let answer = self.house.emit(&body, false).unwrap();
        let Outcome::Event { fact, .. } = answer.outcome else { panic!("{answer:?}") };
        self.events.push(self.house.fact(fact).event.as_ref().unwrap().id);
        self.said(fact, None)
    }

    fn submit(&mut self, command: &Command) -> Said {
        match self.house.submit(command) {
            Err(rejection) => Said::Refused(rejection.code()),
            Ok(answer) => match answer.outcome {
                Outcome::Event { fact, still_expired } => {
                    self.said(fact, still_expired.as_ref().map(|reason| reason.code()))
                }
                _ => Said::Done,
            },
        }
    }

    fn said(&self, fact: u64, still_expired: Option<&'static str>) -> Said {
        let record = self.house.record(fact);
        // What answers show as the reason: why it was not processed, or not when it was fulfilled.
        let blocked = record.fulfilled_by.as_ref().and_then(|fact| fact.payload.as_ref()?.get("reason"));
        let blocked = blocked.map(|_| "consent_behavioral_campaigns");
        let reason = record.head().and_then(|head| head.reason.as_ref()).map(|reason| reason.code());
        Said::Event { status: record.status.name(), reason: still_expired.or(reason).or(blocked) }
    }

    fn shown(&self, id: &str) -> Shown {
        let state = self.house.read(id).state;
        let own = |campaign: u32, counts: Counts| {
            let quotas = state.quotas.iter().filter(|(quota, _)| {
                let owner = Owner::Campaign(campaign);
                (quota.owner, quota.scope, quota.counts) == (owner, Scope::Customer, counts)
            });
            let month = month_of(self.house.now.milliseconds());
            let present = quotas
                .filter(|(quota, _)| quota.period.is_none_or(|period| i64::from(period.number) == month));
            present.map(|(_, sums)| (number(sums.used), number(sums.held))).next().unwrap_or_default()
        };
        let times = own(self.campaigns[1], Counts::Times);
        Shown {
            sums: self.accounts.map(|account| {
                let wallet = &state.wallet;
                let sums = (wallet.available(account), wallet.held(account), wallet.account(account).debt);
                (number(sums.0), number(sums.1), number(sums.2))
            }),
            soonest: state.wallet.soonest_expiry(self.accounts[0]).map(Timestamp::milliseconds),
            spend: number(state.metrics.lifetime.spend),
            purchases: usize::try_from(state.metrics.lifetime.purchases).unwrap(),
            silver: self.house.program.tier(state.tier).unwrap().spec.level == 2,
            times: usize::try_from(times.0 + times.1).unwrap(),
            cards: own(self.campaigns[2], Counts::Cards).0,
        }
    }

    /// What is used and held of the budget.
    fn of_budget(&self) -> (i64, i64) {
        let owner = Owner::Campaign(self.campaigns[0]);
        let found = self.house.quotas.iter().find(|(quota, _)| quota.owner == owner);
        found.map(|(_, sums)| (number(sums.used), number(sums.held))).unwrap_or_default()
    }
}

fn whole(number: i64) -> Decimal {
    Decimal::from_integer(number).unwrap()
}

fn number(amount: Decimal) -> i64 {
    amount.to_integer().unwrap_or_else(|| panic!("{amount} is no whole number"))
}

/// A stream of numbers from a seed: the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn step(&mut self, events: usize) -> Step {
        let who = self.below(CUSTOMERS.len());
        // Mostly something recent.
        let far = if self.below(4) == 0 { events + 2 } else { 4 };
        let event = events.saturating_sub(1 + self.below(far));
        match self.below(20) {
            0..8 => Step::Buy {
                who,
                value: self.one_of(&[0, 5, 19, 20, 30, 33, 60, 120, 200]),
                redeem: self.one_of(&[0, 0, 0, 3, 10, 25, 60]),
                days: self.one_of(&[None, None, None, Some(1), Some(4), Some(35)]),
            },
            8..10 => Step::Fulfill { event },
            10..12 => Step::Reverse { event },
            12..15 => Step::Return { event, value: self.one_of(&[1, 2, 5, 10, 17, 30, 60]) },
            15 => Step::Consent { who, loyalty: self.below(3) > 0 },
            16 => Step::Adjust { who, amount: self.one_of(&[1, 15, 40, -1, -10, -50]) },
            _ => Step::Wait {
                milliseconds: self.one_of(&[1, 3_600_000, DAY, DAY, 4 * DAY, 9 * DAY, 31 * DAY]),
            },
        }
    }
}

const STEPS: u64 = 60;
/// A world ends before the year does: the tier of the model has no periods.
const LONGEST: i64 = 350 * DAY;

fn steps_of(seed: u64) -> Vec<Step> {
    let (mut dice, mut events, mut past) = (Dice(seed), 0, 0);
    let mut steps = Vec::new();
    for _ in 0..STEPS {
        let step = dice.step(events);
        match step {
            Step::Buy { .. } => events += 1,
            Step::Wait { milliseconds } if past + milliseconds > LONGEST => continue,
            Step::Wait { milliseconds } => past += milliseconds,
            _ => {}
        }
        steps.push(step);
    }
    steps
}

/// The first difference of a history, and how far it went.
fn differs(opened: &Audit, steps: &[Step]) -> Option<(usize, String)> {
    let mut audit = opened.clone();
    steps.iter().enumerate().find_map(|(index, step)| Some((index, audit.take(*step)?)))
}

/// The shortest part of a history that still differs, step by step.
fn shortest(opened: &Audit, mut steps: Vec<Step>) -> Vec<Step> {
    let mut at = 0;
    while at < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        match differs(opened, &fewer) {
            Some((last, _)) => {
                fewer.truncate(last + 1);
                (steps, at) = (fewer, 0);
            }
            None => at += 1,
        }
    }
    steps
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn the_model_predicts_every_answer() {
    let (commands, first) = (setting("MASIVO_AUDIT", 100_000), setting("MASIVO_AUDIT_SEED", 1));
    let worlds = commands.div_ceil(STEPS);
    println!("{commands} commands in {worlds} worlds, from seed {first} on");
    let opened = [Audit::open(true), Audit::open(false)];
    for seed in first..first + worlds {
        let opened = &opened[usize::from(seed % 2 == 0)];
        let steps = steps_of(seed);
        if let Some((last, _)) = differs(opened, &steps) {
            let steps = shortest(opened, steps[..=last].to_vec());
            let (_, difference) = differs(opened, &steps).unwrap();
            panic!("seed {seed}: after\n{steps:#?}\n{difference}");
        }
    }
}

/// What can happen in the small worlds: two customers, lots that expire, three instants.
const SMALL: [Step; 9] = [
    Step::Buy { who: 0, value: 33, redeem: 0, days: None },
    Step::Buy { who: 0, value: 20, redeem: 25, days: Some(1) },
    Step::Buy { who: 1, value: 250, redeem: 5, days: None },
    Step::Fulfill { event: 1 },
    Step::Reverse { event: 0 },
    Step::Reverse { event: 1 },
    Step::Return { event: 0, value: 10 },
    Step::Adjust { who: 0, amount: 5 },
    Step::Wait { milliseconds: 31 * DAY },
];

/// Every history of up to so many more steps; gives how many there were.
fn explore(audit: &Audit, path: &mut Vec<Step>, more: usize) -> u64 {
    if more == 0 {
        return 0;
    }
    let mut count = 0;
    for step in SMALL {
        let waits = path.iter().filter(|step| matches!(step, Step::Wait { .. })).count();
        // Three instants; and what names an event that is not there says nothing new.
        let idle = match step {
            Step::Wait { .. } => waits == 2,
            Step::Fulfill { event } | Step::Reverse { event } | Step::Return { event, .. } => {
                event >= audit.model.events()
            }
            Step::Buy { .. } => audit.model.events() == 3,
            _ => false,
        };
        if idle {
            continue;
        }
        let mut next = audit.clone();
        path.push(step);
        if let Some(difference) = next.take(step) {
            panic!("after\n{path:#?}\n{difference}");
        }
        count += 1 + explore(&next, path, more - 1);
        path.pop();
    }
    count
}

#[test]
fn every_short_history_is_as_the_model_says() {
    let length = usize::try_from(setting("MASIVO_AUDIT_LENGTH", 6)).unwrap();
    let count = explore(&Audit::open(true), &mut Vec::new(), length);
    println!("{count} histories of up to {length} steps");
    // None was left out.
    assert!(length != 6 || count == 114_659, "{count} histories");
}
