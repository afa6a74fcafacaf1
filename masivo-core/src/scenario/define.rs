//! Steps that write definitions.

use super::{Failure, Scenario, World, fault, first_word, word};
use crate::prelude::*;
use crate::program::Kind;
use crate::value::{Json, object};

impl<W: World> Scenario<W> {
    /// Writes a definition under a name; one that is known is written again, except for the merchant's own ids.
    ///
    /// # Errors
    /// When it is refused, or not possible.
    pub fn define(&mut self, kind: Kind, name: &str, body: &Json) -> Result<String, Failure> {
        let known = self.names.find(kind, name).map(ToOwned::to_owned);
        let id = match kind {
            Kind::Settings => None,
            Kind::Brand | Kind::EventType | Kind::Trait => Some(name.to_owned()),
            _ => known,
        };
        let id = self.world.define(kind, id.as_deref(), body)?;
        self.names.put(kind, name, &id);
        Ok(String::new())
    }

    /// `define <kind> <name> <json>`.
    pub(super) fn define_json(&mut self, rest: &str) -> Result<String, Failure> {
        let (kind, rest) = first_word(rest);
        let Some(kind) = Kind::from_name(kind) else { return fault(format!("there is no kind `{kind}`")) };
        let (name, body) = match rest.starts_with('{') {
            // There is only one of it.
            true if kind == Kind::Settings => ("settings", rest),
            true => return fault("a name stands before the JSON: define <kind> <name> <json>"),
            false => first_word(rest),
        };
        let body = self.json(body)?;
        self.define(kind, name, &body)
    }

    /// `points <name> [attributes]`.
    pub(super) fn points(&mut self, rest: &str) -> Result<String, Failure> {
        let (name, attributes) = first_word(rest);
        let attributes = self.json(attributes)?;
        let body = object().with("name", name).with("type", "POINTS").with("attributes", attributes).build();
        self.define(Kind::Reward, name, &body)
    }

    /// `give <name> on <type> <amount>[/<unit>] [per <subject>] of <reward> [life <span>] [tier <name>]
    /// [round <rounding>] [from <date>] [until <date>] [brand <id>] [budget <worth> [divided <how>]]
    /// [limit <per> <max> <counts> <period>]… [when <conditions>]`.
    pub(super) fn give(&mut self, rest: &str) -> Result<String, Failure> {
        let (rest, conditions) = self.when(rest)?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        check_give(&words)?;
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).copied()
        };
        let number = |text: &str| self.json(text);
        let (name, trigger) = (word(&words, 0, "the name")?, word(&words, 2, "the event type")?);
        let amount = word(&words, 3, "the amount")?;
        let (amount, unit) = amount.split_once('/').unwrap_or((amount, "1"));
        let unit = number(unit)?;
        let per = after("per").map(|subject| object().with("type", subject).with("unit", unit).build());
        let tier = after("tier").map(|tier| self.names.id(Kind::Tier, tier)).transpose()?;
        let effect = object()
            .with("reward_id", self.names.id(Kind::Reward, after("of").unwrap_or("points"))?)
            .with("amount", number(amount)?)
            .with_some("tier_id", tier)
            .with_some("per", per)
            .with_some("rounding", after("round"))
            .with_some("expiration_date", after("life"))
            .build();
        let rule = object().with("conditions", conditions).with("effects", Json::List(vec![effect])).build();
        let mut limits = Vec::new();
        for (at, _) in words.iter().enumerate().filter(|(_, word)| **word == "limit") {
            let part = |place: usize| word(&words, at + place, "a part of the limit");
            let limit = object().with("per", part(1)?).with("max", number(part(2)?)?);
            limits.push(limit.with("counts", part(3)?).with("period", part(4)?).build());
        }
        let body = object()
            .with("name", name)
            .with("rules", Json::List(vec![rule]))
            .with("attributes", object().with("trigger", trigger).build())
            .with_some("brand_id", after("brand"))
            .with_some("start_date", after("from"))
            .with_some("end_date", after("until"))
            .with("withoutEndDate", after("until").is_none())
            .with_some("budget", after("budget").map(number).transpose()?)
            .with_some("divide_budget_in", after("divided"))
            .with("limits", Json::List(limits))
            .build();
        self.define(Kind::Campaign, name, &body)
    }

    /// Splits off `when …` and reads its conditions.
    fn when<'t>(&self, text: &'t str) -> Result<(&'t str, Json), Failure> {
        match text.split_once(" when ") {
            Some((before, conditions)) => Ok((before, self.conditions(conditions)?)),
            None => Ok((text, Json::List(Vec::new()))),
        }
    }

    /// Reads conditions: `<subject> <operator> [<value> [as <primitive>]] and … or …`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn conditions(&self, text: &str) -> Result<Json, Failure> {
        let condition = |text: &str| {
            let (subject, rest) = first_word(text.trim());
            let (operator, value) = first_word(rest);
            let (value, primitive) = match value.split_once(" as ") {
                Some((value, primitive)) => (value, Some(primitive)),
                None => (value, None),
            };
            let value = if value.is_empty() { None } else { Some(self.json(value)?) };
            let condition = object().with("type", subject).with("operator", operator);
            Ok(condition.with_some("primitive", primitive).with_some("value", value).build())
        };
        let all_of = |text: &str| {
            let all = text.split(" and ").map(condition);
            all.collect::<Result<Vec<Json>, Failure>>().map(Json::List)
        };
        text.split(" or ").map(all_of).collect::<Result<Vec<Json>, Failure>>().map(Json::List)
    }

    /// `tier <name> level <n> [when <conditions>] [exit <conditions>]`.
    pub(super) fn define_tier(&mut self, rest: &str) -> Result<String, Failure> {
        let (rest, exit) = match rest.split_once(" exit ") {
            Some((rest, exit)) => (rest, Some(self.conditions(exit)?)),
            None => (rest, None),
        };
        let (rest, entry) = self.when(rest)?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [name, "level", level] = *words else {
            return fault("a tier is written: tier <name> level <n> [when …] [exit …]");
        };
        let body = object()
            .with("name", name)
            .with("level", self.json(level)?)
            .with("entry_conditions", entry)
            .with_some("exit_conditions", exit)
            .build();
        self.define(Kind::Tier, name, &body)
    }

    /// `audience <name> when <conditions>`, or `audience <name> static`.
    pub(super) fn define_audience(&mut self, rest: &str) -> Result<String, Failure> {
        let (name, body) = match rest.strip_suffix(" static") {
            Some(name) => (name, object().with("name", name).with("type", "STATIC")),
            None => {
                let (name, conditions) = self.when(rest)?;
                (name, object().with("name", name).with("conditions", conditions))
            }
        };
        self.define(Kind::Audience, name, &body.build())
    }

    /// `codes <campaign or reward> <code>…`: supplies codes.
    pub(super) fn add_codes(&mut self, rest: &str) -> Result<String, Failure> {
        let (name, codes) = first_word(rest);
        if codes.is_empty() {
            return fault("there is no code: codes <campaign or reward> <code>…");
        }
        let found = [Kind::Campaign, Kind::Reward]
            .into_iter()
            .find_map(|kind| self.names.find(kind, name).map(|id| (kind, id.to_owned())));
        let Some((kind, id)) = found else {
            return fault(format!("there is no campaign or reward `{name}`"));
        };
        self.world.add_codes(kind, &id, codes.split_whitespace().map(ToOwned::to_owned).collect())?;
        Ok(String::new())
    }
}

/// What `give` is followed by: words that are not known are mistakes.
fn check_give(words: &[&str]) -> Result<(), Failure> {
    const WITH_ONE: [&str; 9] = ["per", "of", "life", "tier", "round", "from", "until", "brand", "budget"];
    if words.get(1) != Some(&"on") {
        return fault("a campaign is written: give <name> on <type> <amount> of <reward> …");
    }
    let mut at = 4;
    while let Some(word) = words.get(at) {
        at += match *word {
            known if WITH_ONE.contains(&known) || known == "divided" => 2,
            "limit" => 5,
            other => return fault(format!("`{other}` is not understood: see docs/scenarios.md")),
        };
    }
    if at > words.len() && words.len() > 4 { fault("the last part is cut off") } else { Ok(()) }
}
