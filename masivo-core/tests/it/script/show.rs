//! How a script shows what there is: what commands did, and the customer as they stand.

use super::{Script, customer_and, short};
use crate::house::{Answer, Key};
use masivo_core::Outcome;
use masivo_core::events::Receipt;
use masivo_core::events::read_preview;
use masivo_core::fact::{Change, EventStatus, Fact, JourneyEnd};
use masivo_core::outgoing::{Outgoing, Target};
use masivo_core::program::Kind;
use masivo_core::punch_cards;
use masivo_core::quota::{Owner, Quota, QuotaMove, QuotaSums};
use masivo_core::redemption;
use masivo_core::rule::{MetricPeriod, View};
use masivo_core::value::{Json, object};
use masivo_core::wallet::EntryKind;
use std::fmt::Write as _;

impl Script {
    /// The status of the event, why, and what the command did.
    pub(super) fn show_answer(&self, answer: &Answer) -> String {
        let (fact, still_expired) = match &answer.outcome {
            Outcome::Event { fact, still_expired } => (fact, still_expired.as_ref()),
            Outcome::Coupon { fact, .. } => (fact, None),
            _ => return String::new(),
        };
        let record = self.house.record(*fact);
        let shown = masivo_core::view::event(&self.house.program, &record);
        let reason = shown.get("reason").and_then(|reason| reason.text("code"));
        let mut text = record.status.name().to_owned();
        if let Some(reason) = still_expired.map(|reason| reason.code()).or(reason) {
            write!(text, " ({reason})").unwrap();
        }
        if matches!(record.status, EventStatus::Reversed | EventStatus::Cancelled) && !answer.facts.is_empty()
        {
            write!(text, " receipt {}", Receipt::of(&record).lines.len()).unwrap();
        }
        let effects = self.show_effects(&answer.facts);
        if effects.is_empty() { text } else { format!("{text} {effects}") }
    }

    pub(super) fn show_effects(&self, facts: &[u64]) -> String {
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
                    EntryKind::Voided => ("-", " voided"),
                    EntryKind::Applied => ("", " applied"),
                    EntryKind::Unapplied => ("", " unapplied"),
                    EntryKind::Reversed => ("", " reversed"),
                    EntryKind::ReversedInPart { .. } => ("", " reversed_in_part"),
                    EntryKind::OwedReleased => ("", " owed_released"),
                    EntryKind::DebtRaised => ("", " debt"),
                    EntryKind::DebtLowered => ("", " repaid"),
                    EntryKind::DebtForgiven => ("", " forgiven"),
                    EntryKind::ForgivenLowered => ("", " unforgiven"),
                    EntryKind::Extended { .. } => return None,
                };
                let unit = if punch_cards::campaign_of(entry.reward).is_some() { " stamps" } else { "" };
                Some(format!("{sign}{}{unit}{word}", entry.amount))
            }
            Change::GiftCard { card, redeemed: false } => Some(format!("card{}", card.place)),
            Change::Quota(entry) => {
                let (name, word) = (
                    entry.quota.names().0,
                    match entry.kind {
                        QuotaMove::Used => "used",
                        QuotaMove::Held => "held",
                        QuotaMove::UsedFromHold => "used_from_hold",
                        QuotaMove::Released => "released",
                        QuotaMove::Returned => "returned",
                    },
                );
                Some(format!("[{name} {} {word}]", entry.amount))
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
        if let Some(campaign) = punch_cards::campaign_of(number).filter(|_| kind == Kind::Reward) {
            return format!("{} stamps", self.name_of(Kind::Campaign, campaign));
        }
        let name = match kind {
            Kind::Reward => program.reward(number).map(|reward| reward.spec.name.clone()),
            Kind::Journey => program.journey(number).map(|journey| journey.spec.name.clone()),
            Kind::Campaign => program.campaign(number).map(|campaign| campaign.spec.name.clone()),
            Kind::Template => program.template(number).map(|template| template.spec.name.clone()),
            _ => None,
        };
        name.unwrap_or_else(|| "?".to_owned())
    }

    pub(super) fn tier_name(&self, number: u32) -> String {
        self.house.program.tier(number).map_or_else(|| "?".to_owned(), |tier| tier.spec.name.clone())
    }

    /// Sums, then every lot: what is available of it and held, and its date.
    pub(super) fn wallet(&self, customer: &str) -> String {
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
    pub(super) fn account(&self, customer: &str) -> String {
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

    pub(super) fn membership(&self, rest: &str) -> String {
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

    pub(super) fn metrics(&self, rest: &str) -> String {
        let (customer, name) = customer_and(rest);
        let period = MetricPeriod::ALL.into_iter().find(|period| period.name() == name).unwrap();
        let zone = self.house.program.settings().time_zone;
        let bucket = self.house.read(customer).state.metrics.bucket(period, zone, self.house.now);
        let visit = bucket.last_visit.map_or_else(|| "none".to_owned(), short);
        format!("spend={} purchases={} last_visit={visit}", bucket.spend, bucket.purchases)
    }

    pub(super) fn journeys(&self, customer: &str) -> String {
        let state = self.house.read(customer).state;
        let places = state.journeys.iter().map(|instance| {
            let journey = self.house.program.journey_version(instance.journey, instance.version).unwrap();
            let step = &journey.spec.steps[usize::from(instance.step)].id;
            format!("{}:{step} until {}", journey.spec.name, short(instance.wakes_at))
        });
        places.collect::<Vec<String>>().join(" ")
    }

    /// Every effect of every fact, also of what fell due, with its day.
    pub(super) fn history(&mut self, customer: &str) -> String {
        let key = self.caught_up(customer);
        let facts: Vec<&Fact> = self.house.facts_of(key).collect();
        let shown = facts.into_iter().filter_map(|fact| {
            let effects = self.show_effects(&[fact.sequence]);
            (!effects.is_empty()).then(|| format!("{}: {effects}", short(fact.at)))
        });
        shown.collect::<Vec<String>>().join("; ")
    }

    /// Writes what fell due for a customer, should the house not have done so.
    pub(super) fn caught_up(&mut self, customer: &str) -> Key {
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
    pub(super) fn messages(&mut self, customer: &str) -> String {
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
    pub(super) fn told(&mut self, customer: &str) -> String {
        let outgoing = self.take_outgoing(customer);
        let names = outgoing.iter().filter_map(|outgoing| match outgoing.target {
            Target::Webhook { event, .. } => Some(event),
            Target::Email { .. } => None,
        });
        names.collect::<Vec<&str>>().join(" ")
    }

    /// What was found of every campaign: `name: matched …`, and why the others gave nothing.
    pub(super) fn explain(&self, event: &str) -> String {
        let fact = self.house.fact(self.house.event_fact(self.events[event]));
        let Some(explanation) = &fact.explanation else { return "nothing".to_owned() };
        let fact_at = fact.event.as_ref().unwrap().issued_at;
        let json = explanation.in_words(&self.house.program, fact_at);
        let campaigns = json.get("campaigns").unwrap().items().iter().map(|campaign| {
            let mut shown = Vec::new();
            for rule in campaign.get("matched_rules").unwrap().items() {
                shown.push(format!("rule {rule} matched"));
            }
            for skip in campaign.get("skipped").unwrap().items() {
                let rule = skip.get("rule").map(|rule| format!("rule {rule} ")).unwrap_or_default();
                let reason = skip.text("reason").unwrap();
                let more = skip.text("text").or_else(|| skip.text("status")).unwrap_or_default();
                let change = skip.text("change").map(|change| format!(" ({change})")).unwrap_or_default();
                let truth = skip.text("truth").filter(|truth| *truth == "unknown").map(|_| " [unknown]");
                let text = format!("{rule}{reason} {more}{}", truth.unwrap_or_default());
                shown.push(format!("{}{change}", text.trim()));
            }
            format!("{}: {}", campaign.text("name").unwrap(), shown.join(", "))
        });
        campaigns.collect::<Vec<String>>().join("; ")
    }

    /// `view <event> <path>`: a part of the event as answers show it.
    pub(super) fn view(&self, rest: &str) -> String {
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

    /// `preview <customer> <order>`: what redeeming would take off each place, and what cannot be redeemed there.
    pub(super) fn preview(&self, rest: &str) -> String {
        let (customer, order) = customer_and(rest);
        let body =
            object().with("customer_id", customer).with("brand_id", "shop").with("order", self.json(order));
        let (event, _) = read_preview(&body.build()).unwrap();
        let customer = self.house.read(customer);
        let (program, now) = (&self.house.program, self.house.now);
        let view = View::new(now, program, &customer.state, &customer.profile, Some(&event.payload));
        let shown = redemption::preview(&view, &event);
        let order = shown.get("order").unwrap();
        let products = order.get("products").map_or(&[][..], Json::items).iter();
        let places = [("order", order)].into_iter();
        let places = places.chain(products.map(|product| ("product", product)));
        let places = places.chain(order.get("shipping").map(|shipping| ("shipping", shipping)));
        let shown = places.filter_map(|(name, place)| {
            let result = place.get("redemptions_result")?;
            let number = |name: &str| result.number(name).unwrap();
            let errors = result.get("redeemed").unwrap().items().iter().filter_map(|item| item.text("code"));
            let errors: Vec<String> = errors.map(|code| format!(" {code}")).collect();
            let (value, off, percent) =
                (number("value"), number("discount_value"), number("discount_percent"));
            let action = result.text("action").unwrap();
            Some(format!("{name} {action} {value} (-{off}, {percent}){}", errors.concat()))
        });
        shown.collect::<Vec<String>>().join("; ")
    }

    /// `quota <campaign or reward> [<customer>]`: what is used and held of the shared quotas, or of the customer's own.
    pub(super) fn quota(&mut self, rest: &str) -> String {
        self.house.wake_all();
        let (name, customer) = customer_and(rest);
        let (kind, id) = &self.names[name];
        let program = &self.house.program;
        let owner = match kind {
            Kind::Campaign => Owner::Campaign(program.campaign_by_id(id).unwrap().number),
            _ => Owner::Reward(program.reward_by_id(id).unwrap().number),
        };
        let own: Vec<(Quota, QuotaSums)> = match customer {
            "" => self.house.quotas.iter().map(|(quota, sums)| (*quota, *sums)).collect(),
            customer => self.house.read(customer).state.quotas.iter().copied().collect(),
        };
        let shown = own.iter().filter(|(quota, _)| quota.owner == owner).map(|(quota, sums)| {
            let period = quota.period.map(|period| {
                let zone = program.settings().time_zone;
                format!("@{}", short(period.unit.start(zone, period.number)))
            });
            let held = if sums.held.is_zero() { String::new() } else { format!("+{}held", sums.held) };
            let most = quota.most(program).map_or_else(|| "-".to_owned(), |most| most.to_string());
            let (counts, period) = (quota.counts.name(), period.unwrap_or_default());
            format!("{counts}{period}={}{held}/{most}", sums.used)
        });
        shown.collect::<Vec<String>>().join(" ")
    }
}
