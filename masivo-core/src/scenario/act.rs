//! Steps that do something to customers.

use super::{Done, Failure, Scenario, World, fault, first_word, instant, named, no_more, word};
use crate::adjustment::{read_adjustment, read_void};
use crate::command::Command;
use crate::coupons::read_redemption;
use crate::customers::{read_identification, read_profile_change, read_registration};
use crate::events::{read_event, read_reversal};
use crate::gift_cards::read_card_redemption;
use crate::migration::{read_migration, read_past_events, read_past_transactions};
use crate::prelude::*;
use crate::problem::{Problem, Report};
use crate::program::Kind;
use crate::rejection::Rejection;
use crate::transfer::read_transfer;
use crate::value::{Decimal, Json, object};

/// What was read, or the refusal.
fn read<T>(read: Result<(T, Vec<Problem>), Report>) -> Result<T, Failure> {
    match read {
        Ok((read, _)) => Ok(read),
        Err(report) => Err(Rejection::Malformed(report).into()),
    }
}

impl<W: World> Scenario<W> {
    /// Steps whose first word is a customer.
    pub(super) fn change_customer(&mut self, how: &str, rest: &str) -> Result<String, Failure> {
        let (customer, more) = first_word(rest);
        let id = customer.to_owned();
        let command = match how {
            "register" => Command::Register(self.registration(customer, more)?),
            "identify" => {
                Command::Identify { customer: id, request: read(read_identification(&self.json(more)?))? }
            }
            "patch" => {
                Command::Patch { customer: id, request: read(read_profile_change(&self.json(more)?))? }
            }
            "tag" => Command::SetTags { customer: id, tags: self.json(more)? },
            "untag" => Command::RemoveTags { customer: id, names: vec![more.to_owned()] },
            "consent" => return self.consent(customer, more),
            "device" if more == "none" => Command::RemoveDevices { customer: id },
            "device" => {
                Command::AddDevice { customer: id, device: object().with("device_token", more).build() }
            }
            "join" => {
                Command::Join { customer: id, audience: self.names.id(Kind::Audience, more)?.to_owned() }
            }
            "leave" => {
                Command::Leave { customer: id, audience: self.names.id(Kind::Audience, more)?.to_owned() }
            }
            _ => {
                no_more(more)?;
                Command::Delete { customer: id }
            }
        };
        self.done(command)
    }

    /// `register <id> [json]`; name and e-mail are made up where they are left out.
    fn registration(&self, id: &str, more: &str) -> Result<Json, Failure> {
        let mut body = object().with("id", id).build();
        let more = self.json(more)?;
        if more.flag("is_anonymous") != Some(true) {
            body.set("name", id);
            body.set("email", format!("{id}@example.com"));
        }
        body.merge(&more);
        read(read_registration(&body))
    }

    /// `consent <customer> [<purpose>=<flag> … | json]`; says what is blocked.
    fn consent(&mut self, customer: &str, change: &str) -> Result<String, Failure> {
        let consent = if change.contains('=') {
            let mut purposes = object().build();
            for pair in change.split_whitespace() {
                match pair.split_once('=') {
                    Some((purpose, "true")) => purposes.set(purpose.to_owned(), true),
                    Some((purpose, "false")) => purposes.set(purpose.to_owned(), false),
                    _ => return fault(format!("`{pair}` is neither purpose=true nor purpose=false")),
                }
            }
            object().with("purposes", purposes).build()
        } else {
            self.json(change)?
        };
        self.world.carry_out(Command::SetConsent { customer: customer.to_owned(), consent })?;
        let blocked = self.world.customer(customer)?.state.permissions.blocked();
        Ok(format!("blocked: {}", blocked.join(" ")))
    }

    /// `emit <customer> <type> [<value>] [standby <days>d] [redeem <amount> [<reward>]] [issued <instant>]
    /// [json] [as <name>]`.
    pub(super) fn emit(&mut self, rest: &str, from_client: bool) -> Result<String, Failure> {
        let (rest, more, name) = named(rest);
        let mut more = self.json(more)?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let brand = self.world.program().brands().next().map(|brand| brand.id.clone());
        let mut body = object()
            .with("customer_id", word(&words, 0, "the customer")?)
            .with_some("brand_id", brand)
            .with("type", word(&words, 1, "the event type")?)
            .build();
        let mut at = 2;
        while let Some(part) = words.get(at) {
            at += match *part {
                "standby" => {
                    let text = word(&words, at + 1, "the days of the standby")?;
                    let days = text.strip_suffix('d').unwrap_or(text).parse::<Decimal>();
                    let Ok(days) = days else { return fault(format!("`{text}` is no number of days: 3d")) };
                    body.set("fulfilled", false);
                    body.set("reserve", days);
                    2
                }
                "redeem" => {
                    let amount = self.json(word(&words, at + 1, "the amount to redeem")?)?;
                    let named = words.get(at + 2).and_then(|name| self.names.find(Kind::Reward, name));
                    let taken = if named.is_some() { 3 } else { 2 };
                    let id = named.map_or_else(|| self.names.id(Kind::Reward, "points"), Ok)?;
                    let line = object().with("id", id).with("amount", amount).build();
                    let mut lines =
                        body.get("redeem").map(|lines| lines.items().to_vec()).unwrap_or_default();
                    lines.push(line);
                    body.set("redeem", Json::List(lines));
                    taken
                }
                "issued" => {
                    body.set("issued_at", instant(word(&words, at + 1, "when it was issued")?)?);
                    2
                }
                value => {
                    let Ok(value) = value.parse::<Decimal>() else {
                        return fault(format!(
                            "`{value}` is not understood: a value, standby, redeem or issued"
                        ));
                    };
                    if body.get("order").is_some() {
                        return fault(format!("`{value}` is a second value"));
                    }
                    body.set("order", object().with("value", value).build());
                    1
                }
            };
        }
        // The value that is named belongs to the order that is sent.
        if let (Some(order), Some(sent)) = (body.get("order").cloned(), more.get("order").cloned()) {
            let mut whole = order;
            whole.merge(&sent);
            more.set("order", whole);
        }
        body.merge(&more);
        let event = read(read_event(&body, from_client))?;
        self.made(Command::Emit(event), name)
    }

    /// `reverse <event> [json]`, the JSON says what part of it comes back; the reason is made up.
    pub(super) fn reverse(&mut self, rest: &str) -> Result<String, Failure> {
        let (event, part) = first_word(rest);
        let mut body = object().with("reason", "returned").build();
        if !part.is_empty() {
            body.set("return", self.json(part)?);
        }
        let event = self.event_named(event)?;
        let reversal = read(read_reversal(&body))?;
        self.made(reversal.on(event), None)
    }

    /// `adjust <customer> <json>` and `void <customer> <json>`; the reason is made up.
    pub(super) fn adjust(&mut self, how: &str, rest: &str) -> Result<String, Failure> {
        let (customer, more) = first_word(rest);
        let mut body = object().with("reason", "by hand").build();
        body.merge(&self.json(more)?);
        let adjustment = read(if how == "void" { read_void(&body) } else { read_adjustment(&body) })?;
        self.done(Command::Adjust { customer: customer.to_owned(), adjustment })
    }

    /// `transfer <customer> <customer> <json>`; the reason is made up. Says what it did on both sides.
    pub(super) fn transfer(&mut self, rest: &str) -> Result<String, Failure> {
        let (from, rest) = first_word(rest);
        let (to, more) = first_word(rest);
        let mut body = object().with("to_customer_id", to).with("reason", "a gift").build();
        body.merge(&self.json(more)?);
        let transfer = read(read_transfer(from, &body))?;
        let done = self.world.carry_out(Command::Transfer { customer: from.to_owned(), transfer })?;
        Ok(format!("{} | {}", self.effects(&done.facts), self.effects(&done.other)))
    }

    /// `migrate <customer> <json> [as <name>]`: a customer from elsewhere; with `events` or `transactions`, those of the past
    /// of one that is there. The name is the last event's.
    pub(super) fn migrate(&mut self, rest: &str) -> Result<String, Failure> {
        let (id, more, name) = named(rest);
        let more = self.json(more)?;
        let mut body = object().with("id", id).build();
        let command = if more.get("transactions").is_some() {
            body.merge(&more);
            Command::MigrateTransactions(read(read_past_transactions(&body))?)
        } else if more.get("events").is_some() {
            body.merge(&more);
            Command::MigrateEvents(read(read_past_events(&body))?)
        } else {
            body.merge(&object().with("name", id).with("email", format!("{id}@example.com")).build());
            body.merge(&object().with("registration_date", "2020-02-29").build());
            body.merge(&more);
            Command::Migrate(read(read_migration(&body))?)
        };
        let done = self.world.carry_out(command)?;
        let last = done.facts.iter().rev().find_map(|fact| fact.event.as_ref()).map(|event| event.id);
        if let Some((name, event)) = name.zip(last) {
            self.events.insert(name.to_owned(), event);
        }
        Ok(self.effects(&done.facts))
    }

    /// `redeem <customer> <code> [json] [as <name>]`.
    pub(super) fn redeem(&mut self, rest: &str) -> Result<String, Failure> {
        let (rest, more, name) = named(rest);
        let (customer, code) = first_word(rest);
        let code = self.names.resolve(code)?;
        let mut body = object().with("customer_id", customer).with("code", code).build();
        body.merge(&self.json(more)?);
        let redemption = read(read_redemption(&body))?;
        self.made(Command::RedeemCoupon(redemption), name)
    }

    /// `card <code or reward/place> [json] [as <name>]`: redeems a gift card.
    pub(super) fn redeem_card(&mut self, rest: &str) -> Result<String, Failure> {
        let (code, more, name) = named(rest);
        let code = match code.split_once('/') {
            Some((reward, place)) => {
                let Ok(place) = place.parse() else {
                    return fault(format!("`{place}` is no place in a pool"));
                };
                self.world.gift_card(self.names.id(Kind::Reward, reward)?, place)?
            }
            None => code.to_owned(),
        };
        let mut body = object().with("code", code).build();
        body.merge(&self.json(more)?);
        let redemption = read(read_card_redemption(&body))?;
        self.made(Command::RedeemGiftCard(redemption), name)
    }

    /// `refer <customer> <campaign> <code>`: the customer asks for a code to refer others with, which is `$<code>` then.
    pub(super) fn refer(&mut self, rest: &str) -> Result<String, Failure> {
        let (customer, rest) = first_word(rest);
        let (campaign, name) = first_word(rest);
        if name.is_empty() || name.contains(' ') {
            return fault("give the code a name of one word: refer <customer> <campaign> <name>");
        }
        let campaign = self.names.id(Kind::Campaign, campaign)?;
        let code = self.world.referral_code(customer, campaign, name)?;
        self.names.put_code(name, code);
        Ok(String::new())
    }

    /// Carries out what makes an event or is about one, and gives it a name.
    pub(super) fn made(&mut self, command: Command, name: Option<&str>) -> Result<String, Failure> {
        let done = self.world.carry_out(command)?;
        if let Some((name, event)) = name.zip(done.event) {
            self.events.insert(name.to_owned(), event);
        }
        self.answer(&done)
    }

    fn done(&mut self, command: Command) -> Result<String, Failure> {
        let done = self.world.carry_out(command)?;
        Ok(match done {
            Done { listed: Some(true), .. } => "changed".to_owned(),
            Done { listed: Some(false), .. } => "as before".to_owned(),
            done => self.effects(&done.facts),
        })
    }
}
