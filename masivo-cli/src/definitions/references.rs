//! From names to ids: what one definition calls another in files becomes the id the store knows.
//!
//! `brand`, `reward`, `tier`, `template` and `audience` stand for `brand_id`, `reward_id` and so on; they and `members_of` name a
//! key of the files, or a name or id of the store. Conditions about `customer.tier` and `customer.audiences` name tiers and
//! audiences the same way.

use super::{Entry, identity};
use masivo_core::problem::{Pointer, Problem, Report};
use masivo_core::program::{Kind, Program};
use masivo_core::value::{Json, object, parse_uuid};

/// The field as files have it, the field as the store has it, and what it names.
const REFERENCES: [(&str, &str, Kind); 6] = [
    ("brand", "brand_id", Kind::Brand),
    ("reward", "reward_id", Kind::Reward),
    ("tier", "tier_id", Kind::Tier),
    ("template", "template_id", Kind::Template),
    ("audience", "audience_id", Kind::Audience),
    ("members_of", "members_of", Kind::Audience),
];
/// What conditions compare with names of definitions.
const ABOUT: [(&str, Kind); 2] = [("customer.tier", Kind::Tier), ("customer.audiences", Kind::Audience)];
/// Free-form parts, which are the merchant's own.
const FREE_FIELDS: [&str; 2] = ["metadata", "description"];

/// Names and the ids they stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(Vec<(Kind, String, String)>);

impl Names {
    /// The names that a store knows: of everything that has one.
    pub(super) fn of(program: &Program) -> Self {
        let mut names = Vec::new();
        let mut add = |kind, id: &str, name: &str| names.push((kind, name.to_owned(), id.to_owned()));
        program.brands().for_each(|brand| add(Kind::Brand, &brand.id, &brand.id));
        program.tiers_by_level().for_each(|tier| add(Kind::Tier, &tier.id, &tier.spec.name));
        program.rewards().for_each(|reward| add(Kind::Reward, &reward.id, &reward.spec.name));
        program.audiences().for_each(|audience| add(Kind::Audience, &audience.id, &audience.spec.name));
        program.templates().for_each(|template| add(Kind::Template, &template.id, &template.spec.name));
        Self(names)
    }

    /// An entry of the files stands for an id from now on.
    pub(super) fn put(&mut self, entry: &Entry, id: &str) {
        self.0.retain(|(kind, key, _)| (*kind, key.as_str()) != (entry.kind, entry.key.as_str()));
        // Keys of the files go before names of the store.
        self.0.insert(0, (entry.kind, entry.key.clone(), id.to_owned()));
        let name = identity(entry.kind, id, &entry.body);
        self.0.push((entry.kind, name, id.to_owned()));
    }

    fn id(&self, kind: Kind, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, key, _)| *known == kind && key == name).map(|(_, _, id)| id.as_str())
    }

    /// The names to choose from: one for each id, keys of the files before names of the store.
    fn known(&self, kind: Kind) -> String {
        let mut known: Vec<(&str, &str)> = Vec::new();
        for (_, name, id) in self.0.iter().filter(|(known, ..)| *known == kind) {
            if !known.iter().any(|(_, other)| other == id) {
                known.push((name, id));
            }
        }
        let mut names: Vec<&str> = known.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.join(", ")
    }
}

/// The body of an entry with ids in place of names; all names that are not known otherwise.
pub(super) fn resolve(entry: &Entry, names: &Names) -> Result<Json, Vec<Json>> {
    let mut report = Report::default();
    let body = convert(&entry.body, &Pointer::root(), names, &mut report);
    if report.has_problems() { Err(report.problems.iter().map(Problem::to_json).collect()) } else { Ok(body) }
}

/// The audiences that conditions ask for, as they are named.
pub(super) fn asked_audiences(json: &Json) -> Vec<&str> {
    match json {
        Json::List(items) => items.iter().flat_map(asked_audiences).collect(),
        Json::Object(_) if json.text("type") == Some("customer.audiences") => match json.get("value") {
            Some(Json::List(items)) => items.iter().filter_map(Json::as_text).collect(),
            value => value.and_then(Json::as_text).into_iter().collect(),
        },
        Json::Object(fields) => {
            let begins_with = json.text("members_of").into_iter();
            fields.iter().flat_map(|(_, value)| asked_audiences(value)).chain(begins_with).collect()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => Vec::new(),
    }
}

fn convert(json: &Json, at: &Pointer<'_>, names: &Names, report: &mut Report) -> Json {
    match json {
        Json::List(items) => {
            let items = items.iter().enumerate();
            Json::List(items.map(|(index, item)| convert(item, &at.index(index), names, report)).collect())
        }
        Json::Object(fields) => {
            let about = json.text("type").filter(|_| json.get("operator").is_some());
            let about = ABOUT.into_iter().find(|(subject, _)| about == Some(subject)).map(|(_, kind)| kind);
            let mut converted = object().build();
            for (name, value) in fields {
                let place = at.field(name);
                let reference = REFERENCES.into_iter().find(|(short, ..)| short == name);
                match (reference, value) {
                    (Some((_, long, kind)), Json::Text(text)) => {
                        converted.set(long, id_of(kind, text, &place, names, report));
                    }
                    _ if FREE_FIELDS.contains(&&**name) => converted.set(name.clone(), value.clone()),
                    _ if name == "value" && about.is_some() => {
                        let kind = about.unwrap_or(Kind::Tier);
                        converted.set(name.clone(), named_in(kind, value, &place, names, report));
                    }
                    _ => converted.set(name.clone(), convert(value, &place, names, report)),
                }
            }
            converted
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => json.clone(),
    }
}

fn named_in(kind: Kind, value: &Json, at: &Pointer<'_>, names: &Names, report: &mut Report) -> Json {
    match value {
        Json::Text(text) => id_of(kind, text, at, names, report),
        Json::List(items) => {
            let items = items.iter().enumerate();
            Json::List(
                items.map(|(index, item)| named_in(kind, item, &at.index(index), names, report)).collect(),
            )
        }
        other => other.clone(),
    }
}

fn id_of(kind: Kind, name: &str, at: &Pointer<'_>, names: &Names, report: &mut Report) -> Json {
    if let Some(id) = names.id(kind, name) {
        return Json::from(id);
    }
    if parse_uuid(name).is_some() {
        return Json::from(name);
    }
    let kind_name = kind.name().replace('_', " ");
    let known = names.known(kind);
    let hint =
        if known.is_empty() { format!("define a {kind_name} first") } else { format!("known are {known}") };
    report.problem(at, "unknown_name", format!("there is no {kind_name} `{name}`"), hint);
    Json::Null
}
