//! Readable scripts: `cases/**/*.masivo`, one step a line, what is expected behind `->`.
//!
//! Every script runs four times: in a house that wakes customers as time passes, in one that only brings them to
//! the present when something is done, and in both with a single lot at hand and the others in rows of their own.
//! All must say the same. `MASIVO_UPDATE=1` rewrites the expectations.
//!
//! A line that starts with white space goes on the line before. `$name` in JSON stands for the id of the
//! definition of that name.

mod show;

use crate::house::{Answer, House, instant, json};
use masivo_core::adjustment::{read_adjustment, read_void};
use masivo_core::coupons::read_redemption;
use masivo_core::events::read_reversal;
use masivo_core::gift_cards::read_card_redemption;
use masivo_core::limits::LOTS_HELD;
use masivo_core::migration::{read_migration, read_past_events, read_past_transactions};
use masivo_core::program::Kind;
use masivo_core::transfer::read_transfer;
use masivo_core::value::{Decimal, Json, Timestamp, object};
use masivo_core::{Command, Outcome, Rejection};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use uuid::Uuid;

/// A house with names for what was made in it.
pub(crate) struct Script {
    pub(crate) house: House,
    names: BTreeMap<String, (Kind, String)>,
    events: BTreeMap<String, Uuid>,
}

impl Script {
    pub(crate) fn open(at: &str) -> Self {
        Self { house: House::open(at), names: BTreeMap::new(), events: BTreeMap::new() }
    }

    /// The id of the definition of a name.
    pub(crate) fn id(&self, name: &str) -> &str {
        &self.names[name].1
    }

    /// Carries out one step and says what it came to.
    pub(crate) fn step(&mut self, step: &str) -> String {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        let rest = rest.trim();
        match word {
            "at" => self.at(rest),
            "define" => self.define_json(rest),
            "points" => self.points(rest),
            "give" => self.give(rest),
            "tier" if rest.contains(" level ") => self.define_tier(rest),
            "audience" if rest.contains(" when ") || rest.ends_with(" static") => self.define_audience(rest),
            "register" => self.register(rest),
            "identify" => {
                let (customer, body) = customer_and(rest);
                let body = self.json(body);
                let answer = self.house.identify(customer, &body);
                self.done(answer)
            }
            "patch" => {
                let (customer, body) = customer_and(rest);
                let body = self.json(body);
                let answer = self.house.patch(customer, &body);
                self.done(answer)
            }
            "tag" => {
                let (customer, body) = customer_and(rest);
                let tags = self.json(body);
                self.done_command(&Command::SetTags { customer: customer.to_owned(), tags })
            }
            "untag" => {
                let (customer, name) = customer_and(rest);
                let names = vec![name.to_owned()];
                self.done_command(&Command::RemoveTags { customer: customer.to_owned(), names })
            }
            "redeem" => self.redeem(rest),
            "card" => self.redeem_card(rest),
            "refer" => self.refer(rest),
            "migrate" => self.migrate(rest),
            "adjust" | "void" => self.adjust(word, rest),
            "transfer" => self.transfer(rest),
            "consent" => self.consent(rest),
            "emit" => self.emit(rest, false),
            "client" => self.emit(rest, true),
            "fulfill" => {
                let command = Command::Fulfill { event: self.events[rest] };
                self.on_event(&command)
            }
            "reverse" => {
                let (event, part) = customer_and(rest);
                let mut body = object().with("reason", "returned").build();
                if !part.is_empty() {
                    body.set("return", self.json(part));
                }
                match read_reversal(&body) {
                    Ok((reversal, _)) => self.on_event(&reversal.on(self.events[event])),
                    Err(report) => refused(&Rejection::Malformed(report)),
                }
            }
            "join" | "leave" => {
                let (customer, name) = customer_and(rest);
                let (customer, audience) = (customer.to_owned(), self.names[name].1.clone());
                let command = match word {
                    "join" => Command::Join { customer, audience },
                    _ => Command::Leave { customer, audience },
                };
                self.done_command(&command)
            }
            "delete" => self.done_command(&Command::Delete { customer: rest.to_owned() }),
            _ => self.show(word, rest),
        }
    }

    /// Shows something; nothing happens.
    fn show(&mut self, word: &str, rest: &str) -> String {
        match word {
            "status" => self.house.record(self.house.event_fact(self.events[rest])).status.name().to_owned(),
            "wallet" => self.wallet(rest),
            "account" => self.account(rest),
            "tier" => self.tier_name(self.house.read(rest).state.tier),
            "audience" => self.membership(rest),
            "metrics" => self.metrics(rest),
            "journeys" => self.journeys(rest),
            "history" => self.history(rest),
            "messages" => self.messages(rest),
            "told" => self.told(rest),
            "explain" => self.explain(rest),
            "view" => self.view(rest),
            "quota" => self.quota(rest),
            "preview" => self.preview(rest),
            _ => panic!("no step `{word}`"),
        }
    }

    fn at(&mut self, text: &str) -> String {
        let to = match text.strip_prefix('+') {
            Some(text) => {
                let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap();
                let (count, unit) = text.split_at(digits);
                let milliseconds = match unit {
                    "ms" => 1,
                    "m" => 60_000,
                    "h" => 3_600_000,
                    "d" => 86_400_000,
                    _ => panic!("no unit `{unit}`"),
                };
                self.house.now.plus(count.parse::<i64>().unwrap() * milliseconds)
            }
            None => instant(text),
        };
        self.house.go(to);
        String::new()
    }

    /// JSON text with `$name` replaced by ids.
    pub(super) fn json(&self, text: &str) -> Json {
        let mut text = text.to_owned();
        // Longer names first, so that `$gold2` is not read as `$gold`.
        let mut names: Vec<&String> = self.names.keys().collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        for name in names {
            text = text.replace(&format!("${name}"), &self.names[name].1);
        }
        if text.is_empty() { object().build() } else { json(&text) }
    }

    /// `define <kind> <name> <json>`; a name that is known is written again, except for the merchant's own ids.
    fn define_json(&mut self, rest: &str) -> String {
        let mut parts = rest.splitn(3, ' ');
        let kind = Kind::from_name(parts.next().unwrap()).unwrap();
        let name = parts.next().unwrap();
        let body = self.json(parts.next().unwrap_or(""));
        self.define(kind, name, &body)
    }

    pub(crate) fn define(&mut self, kind: Kind, name: &str, body: &Json) -> String {
        let known = self.names.get(name).map(|(_, id)| id.clone());
        let id = match kind {
            Kind::Settings => None,
            Kind::Brand | Kind::EventType => Some(name.to_owned()),
            _ => known,
        };
        match self.house.define(kind, id.as_deref(), body) {
            Ok(stored) => {
                self.names.insert(name.to_owned(), (kind, stored.id));
                String::new()
            }
            Err(rejection) => refused(&rejection),
        }
    }

    /// `points <name> [attributes]`.
    fn points(&mut self, rest: &str) -> String {
        let (name, attributes) = customer_and(rest);
        let attributes = self.json(attributes);
        let body = object().with("name", name).with("type", "POINTS").with("attributes", attributes).build();
        self.define(Kind::Reward, name, &body)
    }

    /// `give <name> on <type> <amount>[/<unit>] [per <subject>] of <reward> [life <span>] [tier <name>]
    /// [round <rounding>] [from <date>] [until <date>] [brand <id>] [budget <worth> [divided <how>]]
    /// [limit <per> <max> <counts> <period>]… [when <conditions>]`.
    fn give(&mut self, rest: &str) -> String {
        let (rest, conditions) = self.when(rest);
        let words: Vec<&str> = rest.split_whitespace().collect();
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).copied()
        };
        let (amount, unit) = words[3].split_once('/').unwrap_or((words[3], "1"));
        let id = |name: &str| self.names[name].1.clone();
        let per = after("per").map(|subject| object().with("type", subject).with("unit", json(unit)).build());
        let effect = object()
            .with("reward_id", id(after("of").unwrap_or("points")))
            .with("amount", json(amount))
            .with_some("tier_id", after("tier").map(id))
            .with_some("per", per)
            .with_some("rounding", after("round"))
            .with_some("expiration_date", after("life"))
            .build();
        let rule = object().with("conditions", conditions).with("effects", Json::List(vec![effect])).build();
        let limits = words.iter().enumerate().filter(|(_, word)| **word == "limit").map(|(at, _)| {
            let limit = object().with("per", words[at + 1]).with("max", json(words[at + 2]));
            limit.with("counts", words[at + 3]).with("period", words[at + 4]).build()
        });
        let limits: Vec<Json> = limits.collect();
        let body = object()
            .with("name", words[0])
            .with("rules", Json::List(vec![rule]))
            .with("attributes", object().with("trigger", words[2]).build())
            .with_some("brand_id", after("brand"))
            .with_some("start_date", after("from"))
            .with_some("end_date", after("until"))
            .with("withoutEndDate", after("until").is_none())
            .with_some("budget", after("budget").map(json))
            .with_some("divide_budget_in", after("divided"))
            .with("limits", Json::List(limits))
            .build();
        self.define(Kind::Campaign, words[0], &body)
    }

    /// Splits off `when …` and reads its conditions: `<subject> <operator> [<value>] and … or …`.
    fn when<'t>(&self, text: &'t str) -> (&'t str, Json) {
        match text.split_once(" when ") {
            Some((before, conditions)) => (before, self.conditions(conditions)),
            None => (text, Json::List(Vec::new())),
        }
    }

    pub(crate) fn conditions(&self, text: &str) -> Json {
        let condition = |text: &str| {
            let mut parts = text.trim().splitn(3, ' ');
            let (subject, operator) = (parts.next().unwrap(), parts.next().unwrap());
            let value = parts.next().map(|value| match value.split_once(" as ") {
                Some((value, primitive)) => (self.json(value), Some(primitive)),
                None => (self.json(value), None),
            });
            object()
                .with("type", subject)
                .with("operator", operator)
                .with_some("primitive", value.as_ref().and_then(|(_, primitive)| *primitive))
                .with_some("value", value.map(|(value, _)| value))
                .build()
        };
        let all_of = |text: &str| Json::List(text.split(" and ").map(condition).collect());
        Json::List(text.split(" or ").map(all_of).collect())
    }

    /// `tier <name> level <n> [when <conditions>] [exit <conditions>]`.
    fn define_tier(&mut self, rest: &str) -> String {
        let (rest, exit) = match rest.split_once(" exit ") {
            Some((rest, exit)) => (rest, Some(self.conditions(exit))),
            None => (rest, None),
        };
        let (rest, entry) = self.when(rest);
        let words: Vec<&str> = rest.split_whitespace().collect();
        let body = object()
            .with("name", words[0])
            .with("level", json(words[2]))
            .with("entry_conditions", entry)
            .with_some("exit_conditions", exit)
            .build();
        self.define(Kind::Tier, words[0], &body)
    }

    /// `audience <name> when <conditions>`, or `audience <name> static`.
    fn define_audience(&mut self, rest: &str) -> String {
        let body = match rest.strip_suffix(" static") {
            Some(name) => object().with("name", name).with("type", "STATIC").build(),
            None => {
                let (name, conditions) = self.when(rest);
                object().with("name", name).with("conditions", conditions).build()
            }
        };
        let name = body.text("name").unwrap().to_owned();
        self.define(Kind::Audience, &name, &body)
    }

    /// `register <id> [json]`; name and e-mail are made up where they are left out.
    fn register(&mut self, rest: &str) -> String {
        let (id, more) = customer_and(rest);
        let mut body = object().with("id", id).build();
        let more = self.json(more);
        if more.flag("is_anonymous") != Some(true) {
            body.set("name", id);
            body.set("email", format!("{id}@example.com"));
        }
        body.merge(&more);
        let answer = self.house.register(&body);
        self.done(answer)
    }

    /// `consent <customer> [<purpose>=<flag> … | json]`; says what is blocked.
    fn consent(&mut self, rest: &str) -> String {
        let (customer, change) = customer_and(rest);
        let consent = if change.contains('=') {
            let mut purposes = object().build();
            for pair in change.split_whitespace() {
                let (purpose, flag) = pair.split_once('=').unwrap();
                purposes.set(purpose.to_owned(), flag == "true");
            }
            object().with("purposes", purposes).build()
        } else {
            self.json(change)
        };
        match self.house.submit(&Command::SetConsent { customer: customer.to_owned(), consent }) {
            Ok(_) => format!("blocked: {}", self.house.read(customer).state.permissions.blocked().join(" ")),
            Err(rejection) => refused(&rejection),
        }
    }

    /// `emit <customer> <type> [<value>] [standby <days>d] [redeem <amount> [<reward>]] [issued <instant>]
    /// [json] [as <name>]`.
    fn emit(&mut self, rest: &str, from_client: bool) -> String {
        let (rest, name) = match rest.rsplit_once(" as ") {
            Some((rest, name)) => (rest, Some(name.trim())),
            None => (rest, None),
        };
        let (rest, more) = match rest.find('{') {
            Some(at) => (rest.get(..at).unwrap().trim(), self.json(rest.get(at..).unwrap())),
            None => (rest, object().build()),
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let mut body =
            object().with("customer_id", words[0]).with("brand_id", "shop").with("type", words[1]).build();
        let mut at = 2;
        while at < words.len() {
            match words[at] {
                "standby" => {
                    let days = words[at + 1].trim_end_matches('d');
                    body.set("fulfilled", false);
                    body.set("reserve", json(days));
                    at += 2;
                }
                "redeem" => {
                    let reward = words.get(at + 2).filter(|word| self.names.contains_key(**word));
                    at += 2 + usize::from(reward.is_some());
                    let id = self.names[reward.copied().unwrap_or("points")].1.clone();
                    let amount = json(words[at - 1 - usize::from(reward.is_some())]);
                    let line = object().with("id", id).with("amount", amount).build();
                    let mut lines =
                        body.get("redeem").map(|lines| lines.items().to_vec()).unwrap_or_default();
                    lines.push(line);
                    body.set("redeem", Json::List(lines));
                }
                "issued" => {
                    body.set("issued_at", instant(words[at + 1]));
                    at += 2;
                }
                value => {
                    body.set("order", object().with("value", json(value)).build());
                    at += 1;
                }
            }
        }
        body.merge(&more);
        match self.house.emit(&body, from_client) {
            Ok(answer) => {
                if let (Some(name), Outcome::Event { fact, .. }) = (name, &answer.outcome) {
                    let event = self.house.fact(*fact).event.as_ref().unwrap().id;
                    self.events.insert(name.to_owned(), event);
                }
                self.show_answer(&answer)
            }
            Err(rejection) => refused(&rejection),
        }
    }

    /// `adjust <customer> <json>` and `void <customer> <json>`; the reason is made up.
    fn adjust(&mut self, how: &str, rest: &str) -> String {
        let (customer, more) = customer_and(rest);
        let mut body = object().with("reason", "by hand").build();
        body.merge(&self.json(more));
        let read = if how == "void" { read_void(&body) } else { read_adjustment(&body) };
        match read {
            Ok((adjustment, _)) => {
                self.done_command(&Command::Adjust { customer: customer.to_owned(), adjustment })
            }
            Err(report) => refused(&Rejection::Malformed(report)),
        }
    }

    /// `transfer <customer> <customer> <json>`; the reason is made up. Says what it did on both sides.
    fn transfer(&mut self, rest: &str) -> String {
        let (from, rest) = customer_and(rest);
        let (to, more) = customer_and(rest);
        let mut body = object().with("to_customer_id", to).with("reason", "a gift").build();
        body.merge(&self.json(more));
        let transfer = match read_transfer(from, &body) {
            Ok((transfer, _)) => transfer,
            Err(report) => return refused(&Rejection::Malformed(report)),
        };
        match self.house.transfer(from, transfer) {
            Ok([sent, got]) => {
                format!("{} | {}", self.show_effects(&sent.facts), self.show_effects(&got.facts))
            }
            Err(rejection) => refused(&rejection),
        }
    }

    /// `migrate <customer> <json>`: a customer from elsewhere; with `events` or `transactions`, those of the past of one that is there.
    /// `migrate <customer> <json> [as <name>]`; the name is the last event's.
    fn migrate(&mut self, rest: &str) -> String {
        let (rest, name) = match rest.rsplit_once(" as ") {
            Some((rest, name)) => (rest, Some(name.trim())),
            None => (rest, None),
        };
        let (id, more) = customer_and(rest);
        let more = self.json(more);
        let mut body = object().with("id", id).build();
        let command = if more.get("transactions").is_some() {
            body.merge(&more);
            read_past_transactions(&body).map(|(past, _)| Command::MigrateTransactions(past))
        } else if more.get("events").is_some() {
            body.merge(&more);
            read_past_events(&body).map(|(past, _)| Command::MigrateEvents(past))
        } else {
            body.merge(&object().with("name", id).with("email", format!("{id}@example.com")).build());
            body.merge(&object().with("registration_date", "2020-02-29").build());
            body.merge(&more);
            read_migration(&body).map(|(migration, _)| Command::Migrate(migration))
        };
        let command = match command {
            Ok(command) => command,
            Err(report) => return refused(&Rejection::Malformed(report)),
        };
        let answer = self.house.submit(&command);
        if let (Some(name), Ok(answer)) = (name, &answer) {
            let facts = answer.facts.iter().rev();
            let mut events =
                facts.filter_map(|fact| self.house.fact(*fact).event.as_ref().map(|event| event.id));
            let last = events.next().unwrap();
            self.events.insert(name.to_owned(), last);
        }
        self.done(answer)
    }

    /// `redeem <customer> <code> [json] [as <name>]`.
    fn redeem(&mut self, rest: &str) -> String {
        let (rest, name) = match rest.rsplit_once(" as ") {
            Some((rest, name)) => (rest, Some(name.trim())),
            None => (rest, None),
        };
        let mut parts = rest.splitn(3, ' ');
        let (customer, code) = (parts.next().unwrap(), parts.next().unwrap());
        let mut body = object().with("customer_id", customer).with("code", code).build();
        body.merge(&self.json(parts.next().unwrap_or("")));
        let redemption = match read_redemption(&body) {
            Ok((redemption, _)) => redemption,
            Err(report) => return refused(&Rejection::Malformed(report)),
        };
        self.made(&Command::RedeemCoupon(redemption), name)
    }

    /// `refer <customer> <campaign> <code>`: the customer has that referral code.
    fn refer(&mut self, rest: &str) -> String {
        let (customer, rest) = customer_and(rest);
        let (campaign, code) = customer_and(rest);
        let campaign = self.house.program.campaign_by_id(&self.names[campaign].1).unwrap().number;
        self.house.refer(customer, campaign, code);
        String::new()
    }

    /// `card <code> [<json>] [as <name>]`: redeems a gift card.
    fn redeem_card(&mut self, rest: &str) -> String {
        let (rest, name) = match rest.rsplit_once(" as ") {
            Some((rest, name)) => (rest, Some(name.trim())),
            None => (rest, None),
        };
        let (code, more) = customer_and(rest);
        let mut body = object().with("code", code).build();
        body.merge(&self.json(more));
        let redemption = match read_card_redemption(&body) {
            Ok((redemption, _)) => redemption,
            Err(report) => return refused(&Rejection::Malformed(report)),
        };
        self.made(&Command::RedeemGiftCard(redemption), name)
    }

    /// Carries out what makes an event, which gets a name.
    fn made(&mut self, command: &Command, name: Option<&str>) -> String {
        match self.house.submit(command) {
            Ok(answer) => {
                let fact = match answer.outcome {
                    Outcome::Coupon { fact, .. } | Outcome::Event { fact, .. } => Some(fact),
                    _ => None,
                };
                if let Some((name, fact)) = name.zip(fact) {
                    let event = self.house.fact(fact).event.as_ref().unwrap().id;
                    self.events.insert(name.to_owned(), event);
                }
                self.show_answer(&answer)
            }
            Err(rejection) => refused(&rejection),
        }
    }

    fn on_event(&mut self, command: &Command) -> String {
        match self.house.submit(command) {
            Ok(answer) => self.show_answer(&answer),
            Err(rejection) => refused(&rejection),
        }
    }

    fn done_command(&mut self, command: &Command) -> String {
        let answer = self.house.submit(command);
        self.done(answer)
    }

    fn done(&self, answer: Result<Answer, Rejection>) -> String {
        match answer {
            Ok(answer) => match answer.outcome {
                Outcome::Listed(changed) => if changed { "changed" } else { "as before" }.to_owned(),
                _ => self.show_effects(&answer.facts),
            },
            Err(rejection) => refused(&rejection),
        }
    }
}

fn customer_and(rest: &str) -> (&str, &str) {
    rest.split_once(' ').map_or((rest, ""), |(customer, more)| (customer, more.trim()))
}

/// An instant without the parts that are zero.
pub(crate) fn short(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.trim_end_matches('Z').trim_end_matches(".000");
    text.trim_end_matches("T00:00:00").to_owned()
}

/// The code of a refusal; for malformed input each code with its pointer.
pub(crate) fn refused(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Malformed(report) => {
            let problems: Vec<String> = report
                .problems
                .iter()
                .map(|problem| format!("{} {}", problem.code, problem.pointer).trim().to_owned())
                .collect();
            format!("refused: {}", problems.join(", "))
        }
        Rejection::CampaignFixed { field, status } => format!("refused: campaign_fixed {field} {status}"),
        other => format!("refused: {}", other.code()),
    }
}

/// A step with what it is expected to come to.
struct Line {
    source: String,
    step: String,
    expected: String,
}

fn read(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for source in text.lines() {
        let goes_on = source.starts_with([' ', '\t']) && !source.trim().is_empty();
        if let (true, Some(last)) = (goes_on, lines.last_mut()) {
            last.source = format!("{}\n{source}", last.source);
        } else {
            lines.push(Line { source: source.to_owned(), step: String::new(), expected: String::new() });
        }
    }
    for line in &mut lines {
        let joined = line.source.split_whitespace().collect::<Vec<&str>>().join(" ");
        if joined.is_empty() || joined.starts_with('#') {
            continue;
        }
        let (step, expected) = joined.split_once(" ->").unwrap_or((&joined, ""));
        (line.step, line.expected) = (step.trim().to_owned(), expected.trim().to_owned());
    }
    lines
}

/// Runs a script; gives what every step came to.
fn run(lines: &[Line], wakes: bool, lots_held: usize) -> Vec<String> {
    let mut script = Script::open("2026-01-01");
    (script.house.wakes, script.house.lots_held) = (wakes, lots_held);
    let mut broken = false;
    let run = |line: &Line| {
        if line.step.is_empty() || broken {
            return String::new();
        }
        let step = std::panic::AssertUnwindSafe(|| script.step(&line.step));
        std::panic::catch_unwind(step).unwrap_or_else(|cause| {
            broken = true;
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or_default();
            format!("PANICKED {}", text.split_whitespace().collect::<Vec<&str>>().join(" "))
        })
    };
    lines.iter().map(run).collect()
}

fn check(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines = read(&text);
    let place = path.display().to_string();
    let waking = run(&lines, true, LOTS_HELD);
    let sleeping = run(&lines, false, LOTS_HELD);
    let frugal = run(&lines, true, 1);
    let both = run(&lines, false, 1);
    let mut faults = Vec::new();
    let ways = sleeping.iter().zip(&frugal).zip(&both);
    for ((line, awake), ((asleep, frugal), both)) in lines.iter().zip(&waking).zip(ways) {
        if awake != both {
            let step = &line.step;
            faults.push(format!("{place}: `{step}`\n  all lots, in time: {awake}\n  one lot, late: {both}"));
        }
        if awake != asleep {
            faults
                .push(format!("{place}: `{}`\n  woken in time: {awake}\n  woken late: {asleep}", line.step));
        }
        if awake != frugal {
            let step = &line.step;
            faults
                .push(format!("{place}: `{step}`\n  all lots at hand: {awake}\n  one lot at hand: {frugal}"));
        }
        if *awake != line.expected {
            faults.push(format!("{place}: `{}`\n  expected: {}\n  found: {awake}", line.step, line.expected));
        }
    }
    if std::env::var_os("MASIVO_UPDATE").is_some() {
        let mut updated = String::new();
        for (line, found) in lines.iter().zip(&waking) {
            let source =
                line.source.split_once(" ->").map_or(line.source.as_str(), |(step, _)| step.trim_end());
            let found = if found.is_empty() { String::new() } else { format!(" -> {found}") };
            writeln!(updated, "{source}{found}").unwrap();
        }
        fs::write(path, updated).unwrap();
    }
    faults
}

#[test]
fn scripts_come_to_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let files = crate::sources(&folder, "masivo");
    assert!(files.len() >= 10, "the scripts are there");
    let only = std::env::var("MASIVO_CASE").unwrap_or_default();
    let faults: Vec<String> = files
        .iter()
        .filter(|path| path.to_string_lossy().contains(&only))
        .flat_map(|path| check(path))
        .collect();
    assert!(faults.is_empty(), "{} steps differ\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn amounts_are_shown_as_written() {
    assert_eq!(Decimal::whole(29).to_string(), "29");
    assert_eq!(short(instant("2026-01-01")), "2026-01-01");
    assert_eq!(short(instant("2026-01-01T00:00:00.001Z")), "2026-01-01T00:00:00.001");
}
