//! Steps that show something; nothing happens.

use super::{Failure, Scenario, Sent, World, fault, first_word, short};
use crate::events::{EventRecord, read_preview};
use crate::gift_cards::GiftCard;
use crate::prelude::*;
use crate::program::Kind;
use crate::quota::{Owner, Quota, QuotaSums};
use crate::redemption;
use crate::rejection::Rejection;
use crate::rule::{MetricPeriod, View};
use crate::value::{Decimal, Json, Timestamp, object};
use crate::view;

impl<W: World> Scenario<W> {
    pub(super) fn show(&mut self, word: &str, rest: &str) -> Result<String, Failure> {
        match word {
            "status" => Ok(self.record(rest)?.status.name().to_owned()),
            "balance" => self.balance(rest),
            "wallet" => self.wallet(rest),
            "account" => self.account(rest),
            "tier" => {
                let tier = self.world.customer(rest)?.state.tier;
                Ok(self.name_of(Kind::Tier, tier))
            }
            "audience" => self.membership(rest),
            "metrics" => self.metrics(rest),
            "trait" => self.computed_trait(rest),
            "journeys" => self.journeys(rest),
            "history" => self.history(rest),
            "messages" => self.messages(rest),
            "told" => self.told(rest),
            "topics" => self.topics(rest),
            "explain" => self.explain(rest),
            "view" => self.view(rest),
            "quota" => self.quota(rest),
            "preview" => self.preview(rest),
            _ => fault(format!("there is no step `{word}`: see docs/scenarios.md")),
        }
    }

    fn record(&mut self, name: &str) -> Result<EventRecord, Failure> {
        let event = self.event_named(name)?;
        self.world.event(event)
    }

    /// `balance <customer> [<reward>]`: what is available.
    fn balance(&mut self, rest: &str) -> Result<String, Failure> {
        let (customer, name) = first_word(rest);
        let id = self.names.id(Kind::Reward, if name.is_empty() { "points" } else { name })?;
        let number = self.world.program().reward_by_id(id).map_or(0, |reward| reward.number);
        Ok(self.world.customer(customer)?.state.wallet.available(number).to_string())
    }

    /// Sums, then every lot: what is available of it and held, and its date.
    fn wallet(&mut self, customer: &str) -> Result<String, Failure> {
        let wallet = self.world.customer(customer)?.state.wallet;
        let rewards = wallet.accounts.keys().map(|reward| {
            let lots = wallet.lots.iter().filter(|lot| lot.reward == *reward).map(|lot| {
                let mut text = lot.available.to_string();
                let held = [("held", lot.held), ("applied", lot.applied)];
                for (word, amount) in held.into_iter().filter(|(_, amount)| !amount.is_zero()) {
                    text.push_str(&format!("+{amount}{word}"));
                }
                let until = lot.expires_at.map_or_else(|| "never".to_owned(), short);
                format!("{text}@{until}")
            });
            let lots: Vec<String> = lots.collect();
            let text = format!(
                "{} available={} held={} debt={} | {}",
                self.name_of(Kind::Reward, *reward),
                wallet.available(*reward),
                wallet.held(*reward),
                wallet.account(*reward).debt,
                lots.join(" ")
            );
            text.trim_end().to_owned()
        });
        Ok(rewards.collect::<Vec<String>>().join("; "))
    }

    /// The sums of the whole life, those that are not zero.
    fn account(&mut self, customer: &str) -> Result<String, Failure> {
        let wallet = self.world.customer(customer)?.state.wallet;
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
        Ok(accounts.collect::<Vec<String>>().join("; "))
    }

    /// `audience <customer> <audience>`.
    fn membership(&mut self, rest: &str) -> Result<String, Failure> {
        let (customer, name) = first_word(rest);
        let id = self.names.id(Kind::Audience, name)?;
        let program = self.world.program();
        let found = program.audience_by_id(id);
        let number = found.map_or(0, |audience| audience.number);
        let (now, seen) = (self.world.now(), self.world.customer(customer)?);
        let view =
            View::new(now, &program, &seen.state, &seen.profile, None).with_series(&seen.series).live();
        Ok(match seen.state.membership(number) {
            None => "out".to_owned(),
            Some(known) => {
                // Where it is only looked at again, nothing turns.
                let rule = found.and_then(|audience| audience.spec.rule());
                let turns =
                    |at: &Timestamp| rule.is_some_and(|rule| rule.holds(&view.at(*at)) != known.inside);
                let until = known.flips_at.filter(turns).map(|flips| format!(" until {}", short(flips)));
                format!("{}{}", if known.inside { "in" } else { "out" }, until.unwrap_or_default())
            }
        })
    }

    /// `trait <customer> <trait>`: its value now.
    fn computed_trait(&mut self, rest: &str) -> Result<String, Failure> {
        let (customer, name) = first_word(rest);
        let (program, now, seen) = (self.world.program(), self.world.now(), self.world.customer(customer)?);
        let view = View::new(now, &program, &seen.state, &seen.profile, None).with_series(&seen.series);
        match program.computed_trait(name) {
            Some(computed) => Ok(match computed.spec.shown(&view) {
                Json::Null => "none".to_owned(),
                Json::Text(text) => text,
                value => value.to_text(),
            }),
            None => fault(format!("there is no trait `{name}`")),
        }
    }

    /// `metrics <customer> <period>`.
    fn metrics(&mut self, rest: &str) -> Result<String, Failure> {
        let (customer, name) = first_word(rest);
        let Some(period) = MetricPeriod::ALL.into_iter().find(|period| period.name() == name) else {
            let known = MetricPeriod::ALL.map(MetricPeriod::name).join(", ");
            return fault(format!("there is no period `{name}`; known are {known}"));
        };
        let (zone, now) = (self.world.program().settings().time_zone, self.world.now());
        let bucket = self.world.customer(customer)?.state.metrics.bucket(period, zone, now);
        let visit = bucket.last_visit.map_or_else(|| "none".to_owned(), short);
        Ok(format!("spend={} purchases={} last_visit={visit}", bucket.spend, bucket.purchases))
    }

    fn journeys(&mut self, customer: &str) -> Result<String, Failure> {
        let (state, program) = (self.world.customer(customer)?.state, self.world.program());
        let places = state.journeys.iter().map(|instance| {
            let journey = program.journey_version(instance.journey, instance.version);
            let step = journey.and_then(|journey| journey.spec.steps.get(usize::from(instance.step)));
            let step = step.map_or("?", |step| &step.id);
            let name = self.name_of(Kind::Journey, instance.journey);
            format!("{name}:{step} until {}", short(instance.wakes_at))
        });
        Ok(places.collect::<Vec<String>>().join(" "))
    }

    /// Every effect of every fact, also of what fell due, with its day.
    fn history(&mut self, customer: &str) -> Result<String, Failure> {
        let facts = self.world.facts(customer)?;
        let shown = facts.iter().filter_map(|fact| {
            let effects = self.effects(core::slice::from_ref(fact));
            (!effects.is_empty()).then(|| format!("{}: {effects}", short(fact.at)))
        });
        Ok(shown.collect::<Vec<String>>().join("; "))
    }

    /// The e-mails of a customer since the last look.
    fn messages(&mut self, customer: &str) -> Result<String, Failure> {
        let sent = self.world.take_sent(customer)?;
        let mails = sent.iter().filter_map(|sent| match sent {
            Sent::Email { template, at, suppressed } => {
                let status = suppressed.as_deref().unwrap_or("queued");
                Some(format!("{}@{} {status}", self.name_of(Kind::Template, *template), short(*at)))
            }
            Sent::Told(_) | Sent::Topic { .. } => None,
        });
        Ok(mails.collect::<Vec<String>>().join("; "))
    }

    /// What webhooks were told of a customer since the last look.
    fn told(&mut self, customer: &str) -> Result<String, Failure> {
        let sent = self.world.take_sent(customer)?;
        let names = sent.into_iter().filter_map(|sent| match sent {
            Sent::Told(event) => Some(event),
            Sent::Email { .. } | Sent::Topic { .. } => None,
        });
        Ok(names.collect::<Vec<String>>().join(" "))
    }

    /// The push topics that devices of a customer began to follow (`+`) or left (`-`) since the last look.
    fn topics(&mut self, customer: &str) -> Result<String, Failure> {
        let sent = self.world.take_sent(customer)?;
        let changes = sent.into_iter().filter_map(|sent| match sent {
            Sent::Topic { audience, subscribe } => {
                let sign = if subscribe { '+' } else { '-' };
                Some(format!("{sign}{}", self.name_of(Kind::Audience, audience)))
            }
            Sent::Told(_) | Sent::Email { .. } => None,
        });
        Ok(changes.collect::<Vec<String>>().join(" "))
    }

    /// What was found of every campaign: `name: matched …`, and why the others gave nothing.
    fn explain(&mut self, event: &str) -> Result<String, Failure> {
        let record = self.record(event)?;
        let fact = &record.fact;
        let (Some(explanation), Some(head)) = (&fact.explanation, &fact.event) else {
            return Ok("nothing".to_owned());
        };
        let json = explanation.in_words(&self.world.program(), head.issued_at);
        let campaigns = json.get("campaigns").map_or(&[][..], Json::items).iter().map(|campaign| {
            let matched = campaign.get("matched_rules").map_or(&[][..], Json::items).iter();
            let mut shown: Vec<String> = matched.map(|rule| format!("rule {rule} matched")).collect();
            for skip in campaign.get("skipped").map_or(&[][..], Json::items) {
                let rule = skip.get("rule").map(|rule| format!("rule {rule} ")).unwrap_or_default();
                let reason = skip.text("reason").unwrap_or_default();
                let more = skip.text("text").or_else(|| skip.text("status")).unwrap_or_default();
                let change = skip.text("change").map(|change| format!(" ({change})")).unwrap_or_default();
                let truth = skip.text("truth").filter(|truth| *truth == "unknown").map(|_| " [unknown]");
                let text = format!("{rule}{reason} {more}{}", truth.unwrap_or_default());
                shown.push(format!("{}{change}", text.trim()));
            }
            format!("{}: {}", campaign.text("name").unwrap_or_default(), shown.join(", "))
        });
        Ok(campaigns.collect::<Vec<String>>().join("; "))
    }

    /// `view <event> <path>`: a part of the event as answers show it, with names in place of ids.
    fn view(&mut self, rest: &str) -> Result<String, Failure> {
        let (event, path) = first_word(rest);
        let record = self.record(event)?;
        let json = view::event(&self.world.program(), &record);
        let mut found = Some(&json);
        for name in path.split('.') {
            found = found.and_then(|found| match name.parse::<usize>() {
                Ok(index) => found.items().get(index),
                Err(_) => found.get(name),
            });
        }
        let Some(found) = found else { return Ok("nothing".to_owned()) };
        let cards = record.codes.iter().filter_map(|(number, code)| {
            let (reward, place) = GiftCard::of_number(*number)?;
            Some((code, format!("{}/{place}", self.name_of(Kind::Reward, reward))))
        });
        let text = cards.fold(found.to_string(), |text, (code, card)| text.replace(code.as_str(), &card));
        Ok(self.names.unresolve(&text))
    }

    /// `preview <customer> <order>`: what redeeming would take off each place, and what cannot be redeemed there.
    fn preview(&mut self, rest: &str) -> Result<String, Failure> {
        let (id, order) = first_word(rest);
        let program = self.world.program();
        let brand = program.brands().next().map(|brand| brand.id.as_str());
        let body = object().with("customer_id", id).with_some("brand_id", brand);
        let body = body.with("order", self.json(order)?).build();
        let (event, _) = read_preview(&body).map_err(Rejection::Malformed)?;
        let customer = self.world.customer(id)?;
        let now = self.world.now();
        let view = View::new(now, &program, &customer.state, &customer.profile, Some(&event.payload));
        let shown = redemption::preview(&view, &event);
        let Some(order) = shown.get("order") else { return Ok(String::new()) };
        let products = order.get("products").map_or(&[][..], Json::items).iter();
        let places = core::iter::once(("order", order)).chain(products.map(|product| ("product", product)));
        let places = places.chain(order.get("shipping").map(|shipping| ("shipping", shipping)));
        let shown = places.filter_map(|(name, place)| {
            let result = place.get("redemptions_result")?;
            let number = |name: &str| result.number(name).unwrap_or_default();
            let redeemed = result.get("redeemed").map_or(&[][..], Json::items);
            let errors = redeemed.iter().filter_map(|item| item.text("code"));
            let errors: Vec<String> = errors.map(|code| format!(" {code}")).collect();
            let (value, off, percent) =
                (number("value"), number("discount_value"), number("discount_percent"));
            let action = result.text("action").unwrap_or_default();
            Some(format!("{name} {action} {value} (-{off}, {percent}){}", errors.concat()))
        });
        Ok(shown.collect::<Vec<String>>().join("; "))
    }

    /// `quota <campaign or reward> [<customer>]`: what is used and held of the shared quotas, or of the customer's own.
    fn quota(&mut self, rest: &str) -> Result<String, Failure> {
        let (name, customer) = first_word(rest);
        let program = self.world.program();
        let campaign = self.names.find(Kind::Campaign, name).and_then(|id| program.campaign_by_id(id));
        let reward = self.names.find(Kind::Reward, name).and_then(|id| program.reward_by_id(id));
        let owner = match (campaign, reward) {
            (Some(campaign), _) => Owner::Campaign(campaign.number),
            (None, Some(reward)) => Owner::Reward(reward.number),
            (None, None) => return fault(format!("there is no campaign or reward `{name}`")),
        };
        let own: Vec<(Quota, QuotaSums)> = match customer {
            "" => self.world.quotas()?.into_iter().collect(),
            customer => self.world.customer(customer)?.state.quotas.iter().copied().collect(),
        };
        let shown = own.iter().filter(|(quota, _)| quota.owner == owner).map(|(quota, sums)| {
            let period = quota.period.map(|period| {
                let zone = program.settings().time_zone;
                format!("@{}", short(period.unit.start(zone, period.number)))
            });
            let held = if sums.held.is_zero() { String::new() } else { format!("+{}held", sums.held) };
            let most: Option<Decimal> = quota.most(&program);
            let most = most.map_or_else(|| "-".to_owned(), |most| most.to_string());
            format!("{}{}={}{held}/{most}", quota.counts.name(), period.unwrap_or_default(), sums.used)
        });
        Ok(shown.collect::<Vec<String>>().join(" "))
    }
}
