//! What definitions and codes are called in a scenario.

use super::Failure;
use crate::prelude::*;
use crate::program::{Kind, Program};
use crate::value::parse_uuid;

/// Names and the ids they stand for; definitions of different kinds may have the same name.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    definitions: Vec<(Kind, String, String)>,
    /// Codes that were handed out, by what the scenario calls them.
    codes: BTreeMap<String, String>,
}

impl Names {
    /// The names that definitions have themselves.
    pub(super) fn of(program: &Program) -> Self {
        let mut names = Self { definitions: Vec::new(), codes: BTreeMap::new() };
        program.brands().for_each(|brand| names.put(Kind::Brand, &brand.id, &brand.id));
        program.tiers_by_level().for_each(|tier| names.put(Kind::Tier, &tier.spec.name, &tier.id));
        program.rewards().for_each(|reward| names.put(Kind::Reward, &reward.spec.name, &reward.id));
        program.campaigns().for_each(|one| names.put(Kind::Campaign, &one.spec.name, &one.id));
        program.audiences().for_each(|one| names.put(Kind::Audience, &one.spec.name, &one.id));
        program.templates().for_each(|one| names.put(Kind::Template, &one.spec.name, &one.id));
        program.journeys().for_each(|one| names.put(Kind::Journey, &one.spec.name, &one.id));
        names
    }

    pub(super) fn put(&mut self, kind: Kind, name: &str, id: &str) {
        self.definitions.retain(|(known, other, _)| (*known, other.as_str()) != (kind, name));
        self.definitions.push((kind, name.to_owned(), id.to_owned()));
    }

    pub(super) fn put_code(&mut self, name: &str, code: String) {
        self.codes.insert(name.to_owned(), code);
    }

    /// The id of a definition of a kind.
    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<&str> {
        let found = self.definitions.iter().find(|(known, other, _)| *known == kind && other == name);
        found.map(|(_, _, id)| id.as_str())
    }

    /// The id of a definition of a kind.
    pub(super) fn id(&self, kind: Kind, name: &str) -> Result<&str, Failure> {
        self.find(kind, name).ok_or_else(|| {
            let known = self.definitions.iter().filter(|(known, ..)| *known == kind);
            let known: Vec<&str> = known.map(|(_, name, _)| name.as_str()).collect();
            let kind = kind.name().replace('_', " ");
            let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            Failure::Fault(format!("there is no {kind} `{name}`; known are {known}"))
        })
    }

    /// The definition of a name, whatever its kind.
    pub(super) fn any(&self, name: &str) -> Result<(Kind, &str), Failure> {
        let mut found = self.definitions.iter().filter(|(_, other, _)| other == name);
        match (found.next(), found.next()) {
            (Some((kind, _, id)), None) => Ok((*kind, id)),
            (None, _) => Err(Failure::Fault(format!("there is no definition `{name}`"))),
            (Some((one, ..)), Some((other, ..))) => {
                let kinds = format!("{} and {}", one.name(), other.name());
                Err(Failure::Fault(format!("`{name}` is the name of several definitions: {kinds}")))
            }
        }
    }

    /// What the scenario calls the definition of an id.
    pub(super) fn name_of(&self, kind: Kind, id: &str) -> Option<&str> {
        let found = self.definitions.iter().rev().find(|(known, _, other)| *known == kind && other == id);
        found.map(|(_, name, _)| name.as_str())
    }

    /// The text with ids in place of `$name` and `$kind:name`, and codes in place of what they are called.
    pub(super) fn resolve(&self, text: &str) -> Result<String, Failure> {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            resolved.push_str(before);
            let (id, length) = self.longest(after)?;
            match id {
                Some(id) => resolved.push_str(&id),
                // Where only an id can stand, a name that is not known is a mistake in writing.
                None if before.ends_with('"') && after.starts_with(char::is_alphabetic) => {
                    let name = after.split('"').next().unwrap_or(after);
                    return Err(Failure::Fault(format!("there is no definition `{name}`")));
                }
                None => resolved.push('$'),
            }
            rest = after.get(length..).unwrap_or_default();
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    /// The id of the longest name that the text begins with, and how much of the text it is.
    fn longest(&self, text: &str) -> Result<(Option<String>, usize), Failure> {
        for kind in Kind::ALL {
            let Some(name) = text.strip_prefix(kind.name()).and_then(|rest| rest.strip_prefix(':')) else {
                continue;
            };
            let of_kind = self
                .definitions
                .iter()
                .filter(|(known, other, _)| *known == kind && begins_with(name, other));
            if let Some((_, name, id)) = of_kind.max_by_key(|(_, name, _)| name.len()) {
                return Ok((Some(id.clone()), kind.name().len() + 1 + name.len()));
            }
        }
        let names = self.definitions.iter().map(|(_, name, _)| name);
        let known = names.chain(self.codes.keys()).filter(|name| begins_with(text, name));
        let Some(name) = known.max_by_key(|name| name.len()) else { return Ok((None, 0)) };
        let id = match self.codes.get(name) {
            Some(code) => code.clone(),
            None => self.any(name)?.1.to_owned(),
        };
        Ok((Some(id), name.len()))
    }

    /// The text with what the scenario calls them in place of ids and codes.
    pub(super) fn unresolve(&self, text: &str) -> String {
        let names = self.definitions.iter().rev().filter(|(_, _, id)| parse_uuid(id).is_some());
        let names = names.map(|(_, name, id)| (name, id)).chain(&self.codes);
        names.fold(text.to_owned(), |text, (name, id)| text.replace(id.as_str(), &format!("${name}")))
    }
}

/// Whether a text begins with a name and not with a longer word.
fn begins_with(text: &str, name: &str) -> bool {
    let goes_on = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_');
    text.strip_prefix(name).is_some_and(|rest| !rest.starts_with(goes_on))
}
