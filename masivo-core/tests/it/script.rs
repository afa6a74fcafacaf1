//! Readable scripts: `cases/**/*.masivo`, one step a line, what is expected behind `->`.
//!
//! Every script runs four times: in a house that wakes customers as time passes, in one that only brings them to
//! the present when something is done, and in both with a single lot at hand and the others in rows of their own.
//! All must say the same. `MASIVO_UPDATE=1` rewrites the expectations.
//!
//! A line that starts with white space goes on the line before. `$name` in JSON stands for the id of the
//! definition of that name.

use crate::house::{Answer, House, Key, instant, json};
use masivo_core::events::Receipt;
use masivo_core::fact::{Change, EventStatus, Fact, JourneyEnd};
use masivo_core::limits::LOTS_HELD;
use masivo_core::outgoing::{Outgoing, Target};
use masivo_core::program::Kind;
use masivo_core::rule::MetricPeriod;
use masivo_core::value::{Decimal, Json, Timestamp, object};
use masivo_core::wallet::EntryKind;
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
            "consent" => self.consent(rest),
            "emit" => self.emit(rest, false),
            "client" => self.emit(rest, true),
            "fulfill" => {
                let command = Command::Fulfill { event: self.events[rest] };
                self.on_event(&command)
            }
            "reverse" => {
                let command = Command::Reverse { event: self.events[rest], reason: "returned".to_owned() };
                self.on_event(&command)
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
    fn json(&self, text: &str) -> Json {
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
    /// [round <rounding>] [from <date>] [until <date>] [brand <id>] [when <conditions>]`.
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
        let body = object()
            .with("name", words[0])
            .with("rules", Json::List(vec![rule]))
            .with("attributes", object().with("trigger", words[2]).build())
            .with_some("brand_id", after("brand"))
            .with_some("start_date", after("from"))
            .with_some("end_date", after("until"))
            .with("withoutEndDate", after("until").is_none())
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

    /// The status of the event, why, and what the command did.
    fn show_answer(&self, answer: &Answer) -> String {
        let Outcome::Event { fact, still_expired } = &answer.outcome else { return String::new() };
        let record = self.house.record(*fact);
        let shown = masivo_core::view::event(&self.house.program, &record);
        let reason = shown.get("reason").and_then(|reason| reason.text("code"));
        let mut text = record.status.name().to_owned();
        if let Some(reason) = still_expired.as_ref().map(|reason| reason.code()).or(reason) {
            write!(text, " ({reason})").unwrap();
        }
        if matches!(record.status, EventStatus::Reversed | EventStatus::Cancelled) && !answer.facts.is_empty()
        {
            write!(text, " receipt {}", Receipt::of(&record).lines.len()).unwrap();
        }
        let effects = self.show_effects(&answer.facts);
        if effects.is_empty() { text } else { format!("{text} {effects}") }
    }

    fn show_effects(&self, facts: &[u64]) -> String {
        let mut shown = Vec::new();
        for sequence in facts {
            for change in &self.house.fact(*sequence).changes {
                shown.extend(self.show_change(change));
            }
        }
        shown.join(" ")
    }

    fn show_change(&self, change: &Change) -> Option<String> {
        match change {
            Change::Entry(entry) => {
                let (sign, word) = match entry.kind {
                    EntryKind::Issued { .. } => ("+", ""),
                    EntryKind::Held => ("", " held"),
                    EntryKind::Released => ("", " released"),
                    EntryKind::Redeemed | EntryKind::RedeemedFromHold => ("-", ""),
                    EntryKind::Returned | EntryKind::OwedReturned => ("", " returned"),
                    EntryKind::Expired => ("", " expired"),
                    EntryKind::Forfeited => ("", " forfeited"),
                    EntryKind::Applied => ("", " applied"),
                    EntryKind::Unapplied => ("", " unapplied"),
                    EntryKind::Reversed => ("", " reversed"),
                    EntryKind::OwedReleased => ("", " owed_released"),
                    EntryKind::DebtRaised => ("", " debt"),
                    EntryKind::DebtLowered => ("", " repaid"),
                    EntryKind::DebtForgiven => ("", " forgiven"),
                    EntryKind::ForgivenLowered => ("", " unforgiven"),
                    EntryKind::Extended { .. } => return None,
                };
                Some(format!("{sign}{}{word}", entry.amount))
            }
            Change::TierChanged { from, to } => {
                Some(format!("{}>{}", self.tier_name(*from), self.tier_name(*to)))
            }
            Change::JourneyLeft { journey, why, .. } => {
                let name = self.name_of(Kind::Journey, *journey);
                let why = match why {
                    JourneyEnd::Finished => "finished",
                    other => other.name(),
                };
                Some(format!("left:{name}({why})"))
            }
            _ => None,
        }
    }

    fn name_of(&self, kind: Kind, number: u32) -> String {
        let program = &self.house.program;
        let name = match kind {
            Kind::Reward => program.reward(number).map(|reward| reward.spec.name.clone()),
            Kind::Journey => program.journey(number).map(|journey| journey.spec.name.clone()),
            Kind::Campaign => program.campaign(number).map(|campaign| campaign.spec.name.clone()),
            Kind::Template => program.template(number).map(|template| template.spec.name.clone()),
            _ => None,
        };
        name.unwrap_or_else(|| "?".to_owned())
    }

    fn tier_name(&self, number: u32) -> String {
        self.house.program.tier(number).map_or_else(|| "?".to_owned(), |tier| tier.spec.name.clone())
    }

    /// Sums, then every lot: what is available of it and held, and its date.
    fn wallet(&self, customer: &str) -> String {
        let wallet = self.house.read(customer).state.wallet;
        let rewards = wallet.accounts.keys().map(|reward| {
            let account = wallet.account(*reward);
            let lots = wallet.lots.iter().filter(|lot| lot.reward == *reward).map(|lot| {
                let mut text = lot.available.to_string();
                let held = [("held", lot.held), ("applied", lot.applied)];
                for (word, amount) in held.into_iter().filter(|(_, amount)| !amount.is_zero()) {
                    write!(text, "+{amount}{word}").unwrap();
                }
                let until = lot.expires_at.map_or_else(|| "never".to_owned(), short);
                format!("{text}@{until}")
            });
            let lots: Vec<String> = lots.collect();
            format!(
                "{} available={} held={} debt={} | {}",
                self.name_of(Kind::Reward, *reward),
                wallet.available(*reward),
                wallet.held(*reward),
                account.debt,
                lots.join(" ")
            )
            .trim_end()
            .to_owned()
        });
        rewards.collect::<Vec<String>>().join("; ")
    }

    /// The sums of the whole life, those that are not zero.
    fn account(&self, customer: &str) -> String {
        let wallet = self.house.read(customer).state.wallet;
        let accounts = wallet.accounts.values().map(|account| {
            let sums = [
                ("issued", account.issued),
                ("spent", account.spent),
                ("expired", account.expired),
                ("reversed", account.reversed),
                ("forfeited", account.forfeited),
                ("debt", account.debt),
                ("forgiven", account.forgiven),
            ];
            let sums = sums.into_iter().filter(|(_, sum)| !sum.is_zero());
            sums.map(|(name, sum)| format!("{name}={sum}")).collect::<Vec<_>>().join(" ")
        });
        accounts.collect::<Vec<String>>().join("; ")
    }

    fn membership(&self, rest: &str) -> String {
        let (customer, name) = customer_and(rest);
        let number = self.house.program.audience_by_id(&self.names[name].1).unwrap().number;
        match self.house.read(customer).state.membership(number) {
            None => "out".to_owned(),
            Some(known) => {
                let until = known.flips_at.map(|flips| format!(" until {}", short(flips)));
                let state = if known.inside { "in" } else { "out" };
                format!("{state}{}", until.unwrap_or_default())
            }
        }
    }

    fn metrics(&self, rest: &str) -> String {
        let (customer, name) = customer_and(rest);
        let period = MetricPeriod::ALL.into_iter().find(|period| period.name() == name).unwrap();
        let zone = self.house.program.settings().time_zone;
        let bucket = self.house.read(customer).state.metrics.bucket(period, zone, self.house.now);
        let visit = bucket.last_visit.map_or_else(|| "none".to_owned(), short);
        format!("spend={} purchases={} last_visit={visit}", bucket.spend, bucket.purchases)
    }

    fn journeys(&self, customer: &str) -> String {
        let state = self.house.read(customer).state;
        let places = state.journeys.iter().map(|instance| {
            let journey = self.house.program.journey_version(instance.journey, instance.version).unwrap();
            let step = &journey.spec.steps[usize::from(instance.step)].id;
            format!("{}:{step} until {}", journey.spec.name, short(instance.wakes_at))
        });
        places.collect::<Vec<String>>().join(" ")
    }

    /// Every effect of every fact, also of what fell due, with its day.
    fn history(&mut self, customer: &str) -> String {
        let key = self.caught_up(customer);
        let facts: Vec<&Fact> = self.house.facts_of(key).collect();
        let shown = facts.into_iter().filter_map(|fact| {
            let effects = self.show_effects(&[fact.sequence]);
            (!effects.is_empty()).then(|| format!("{}: {effects}", short(fact.at)))
        });
        shown.collect::<Vec<String>>().join("; ")
    }

    /// Writes what fell due for a customer, should the house not have done so.
    fn caught_up(&mut self, customer: &str) -> Key {
        let key = self.house.key(customer);
        self.house.wake(key);
        key
    }

    fn take_outgoing(&mut self, customer: &str) -> Vec<Outgoing> {
        let key = self.caught_up(customer);
        let all = std::mem::take(&mut self.house.outgoing);
        let (mine, others) = all.into_iter().partition(|(owner, _)| *owner == key);
        self.house.outgoing = others;
        let mine: Vec<(Key, Outgoing)> = mine;
        mine.into_iter().map(|(_, outgoing)| outgoing).collect()
    }

    /// The e-mails of a customer since the last look.
    fn messages(&mut self, customer: &str) -> String {
        let outgoing = self.take_outgoing(customer);
        let mails = outgoing.iter().filter_map(|outgoing| match outgoing.target {
            Target::Email { template, .. } => {
                let status = outgoing.suppressed.map_or("queued", |reason| reason.name());
                Some(format!("{}@{} {status}", self.name_of(Kind::Template, template), short(outgoing.at)))
            }
            Target::Webhook { .. } => None,
        });
        mails.collect::<Vec<String>>().join("; ")
    }

    /// What webhooks were told of a customer since the last look.
    fn told(&mut self, customer: &str) -> String {
        let outgoing = self.take_outgoing(customer);
        let names = outgoing.iter().filter_map(|outgoing| match outgoing.target {
            Target::Webhook { event, .. } => Some(event),
            Target::Email { .. } => None,
        });
        names.collect::<Vec<&str>>().join(" ")
    }

    /// What was found of every campaign: `name: matched …`, and why the others gave nothing.
    fn explain(&self, event: &str) -> String {
        let fact = self.house.fact(self.house.event_fact(self.events[event]));
        let Some(explanation) = &fact.explanation else { return "nothing".to_owned() };
        let json = explanation.in_words(&self.house.program);
        let campaigns = json.get("campaigns").unwrap().items().iter().map(|campaign| {
            let mut shown = Vec::new();
            for rule in campaign.get("matched_rules").unwrap().items() {
                shown.push(format!("rule {rule} matched"));
            }
            for skip in campaign.get("skipped").unwrap().items() {
                let rule = skip.get("rule").map(|rule| format!("rule {rule} ")).unwrap_or_default();
                let reason = skip.text("reason").unwrap();
                let more = skip.text("text").or_else(|| skip.text("status")).unwrap_or_default();
                let truth = skip.text("truth").filter(|truth| *truth == "unknown").map(|_| " [unknown]");
                shown.push(format!("{rule}{reason} {more}{}", truth.unwrap_or_default()).trim().to_owned());
            }
            format!("{}: {}", campaign.text("name").unwrap(), shown.join(", "))
        });
        campaigns.collect::<Vec<String>>().join("; ")
    }

    /// `view <event> <path>`: a part of the event as answers show it.
    fn view(&self, rest: &str) -> String {
        let (event, path) = customer_and(rest);
        let record = self.house.record(self.house.event_fact(self.events[event]));
        let json = masivo_core::view::event(&self.house.program, &record);
        let mut found = Some(&json);
        for name in path.split('.') {
            found = found.and_then(|found| match name.parse::<usize>() {
                Ok(index) => found.items().get(index),
                Err(_) => found.get(name),
            });
        }
        found.map_or_else(|| "nothing".to_owned(), ToString::to_string)
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
