//! Reading definition files: TOML, or JSON of the same form.

use super::references::asked_audiences;
use super::section;
use crate::error::Failure;
use masivo_core::problem::{Problem, Report};
use masivo_core::program::Kind;
use masivo_core::value::{Json, object};
use std::path::Path;

/// One definition of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is.
    pub(crate) kind: Kind,
    /// The short name other entries use.
    pub(crate) key: String,
    /// The id it says, if any.
    pub(crate) id: Option<String>,
    /// The definition, references still by key.
    pub(crate) body: Json,
    /// The file it stands in.
    file: String,
}

impl Entry {
    /// Where it stands, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}: {} `{}`", self.file, self.kind.name().replace('_', " "), self.key)
    }

    /// The entry for another store, where ids that the engine gives are others.
    pub(crate) fn without_store_id(&self) -> Self {
        let id = self.id.clone().filter(|_| super::has_own_ids(self.kind));
        Self { id, ..self.clone() }
    }

    /// The failure of an entry with problems.
    pub(super) fn malformed(&self, problems: Vec<Json>) -> Failure {
        Failure::malformed(self.place(), problems)
    }
}

/// Reads all `.toml` and `.json` files of a folder, in the order of their names.
pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Entry>, Failure> {
    let listing = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    let mut paths = Vec::new();
    for file in listing {
        paths.push(file.map_err(|error| Failure::file(folder, &error))?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml" || extension == "json"));
    paths.sort();
    if paths.is_empty() {
        let message = format!("there is no .toml or .json file in `{}`", folder.display());
        return Err(Failure::usage(
            message,
            "`masivo init` makes a folder with commented files to start from",
        ));
    }
    let mut texts = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        texts.push((name, text));
    }
    read_texts(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
}

/// Reads definition files that are in memory: name and text.
pub(crate) fn read_texts<'a>(
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for (name, text) in texts {
        read_file(name, text, &mut entries)?;
    }
    // Each kind needs only earlier ones; within a kind the order of the files stays, but for audiences that ask for others.
    entries.sort_by_key(|entry: &Entry| entry.kind);
    asked_first(&mut entries);
    for (index, entry) in entries.iter().enumerate() {
        let twin =
            entries.iter().take(index).find(|other| other.kind == entry.kind && other.key == entry.key);
        if let Some(twin) = twin {
            let message = format!("{} is there twice, also in {}", entry.place(), twin.file);
            return Err(Failure::usage(message, "give one of them another `key`"));
        }
    }
    Ok(entries)
}

/// Puts audiences behind those that they ask for; what goes round in a circle stays, and is refused when it is written.
fn asked_first(entries: &mut Vec<Entry>) {
    let (mut waiting, others): (Vec<Entry>, Vec<Entry>) =
        std::mem::take(entries).into_iter().partition(|entry| entry.kind == Kind::Audience);
    let place = others.iter().position(|entry| entry.kind > Kind::Audience).unwrap_or(others.len());
    let mut ordered: Vec<Entry> = Vec::new();
    while !waiting.is_empty() {
        let is_named = |entry: &Entry, name: &str| entry.key == name || entry.body.text("name") == Some(name);
        let ready = waiting.iter().position(|entry| {
            let mut asked = asked_audiences(&entry.body).into_iter();
            asked.all(|name| !waiting.iter().any(|other| is_named(other, name)))
        });
        ordered.push(waiting.remove(ready.unwrap_or(0)));
    }
    *entries = others;
    entries.splice(place..place, ordered);
}

fn read_file(name: &str, text: &str, entries: &mut Vec<Entry>) -> Result<(), Failure> {
    let document = if Path::new(name).extension().is_some_and(|extension| extension == "json") {
        Json::parse(text.as_bytes()).map_err(|report| Failure::from(&report).within(name))?
    } else {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Failure::usage(format!("{name} is not TOML: {}", error.to_string().trim_end()), "mend the file")
        })?;
        from_toml(toml::Value::Table(table)).map_err(|report| Failure::from(&report).within(name))?
    };
    for (section_name, value) in document.fields() {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| section(*kind) == section_name) else {
            let known = Kind::ALL.map(section).join(", ");
            let message = format!("{name}: `{section_name}` is not a kind of definition");
            return Err(Failure::usage(message, format!("known are {known}")));
        };
        match (kind, value) {
            (Kind::Settings, Json::Object(_)) => entries.push(entry(kind, value, name)?),
            (_, Json::List(items)) if kind != Kind::Settings => {
                for item in items {
                    entries.push(entry(kind, item, name)?);
                }
            }
            _ => {
                let form = if kind == Kind::Settings { "[settings]" } else { "a list: [[…]] for each" };
                let message = format!("{name}: `{section_name}` has the wrong form");
                return Err(Failure::usage(message, format!("write it as {form}")));
            }
        }
    }
    Ok(())
}

fn entry(kind: Kind, item: &Json, file: &str) -> Result<Entry, Failure> {
    let mut body = item.clone();
    for name in super::OWN_FIELDS {
        body.remove(name);
    }
    let id = item.text("id").map(ToOwned::to_owned);
    let key = match kind {
        Kind::Settings => Some("settings".to_owned()),
        Kind::Brand | Kind::EventType | Kind::Trait => id.clone(),
        Kind::Webhook => item.text("key").or_else(|| item.text("url")).map(ToOwned::to_owned),
        _ => item.text("key").map(ToOwned::to_owned).or_else(|| item.text("name").map(slug)),
    };
    let Some(key) = key else {
        let wanted = if super::has_own_ids(kind) { "id" } else { "name" };
        let message = format!("{file}: an entry of {} has no `{wanted}`", section(kind));
        return Err(Failure::usage(message, format!("give it one: {wanted} = \"…\"")));
    };
    Ok(Entry { kind, key, id, body, file: file.to_owned() })
}

/// A name in small letters, with hyphens for everything that is neither letter nor digit.
fn slug(name: &str) -> String {
    let words: Vec<String> = name
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}

/// The same document as JSON; numbers keep the digits they are written with.
fn from_toml(value: toml::Value) -> Result<Json, Report> {
    Ok(match value {
        toml::Value::String(text) => Json::Text(text),
        toml::Value::Integer(number) => number_of(&number.to_string())?,
        toml::Value::Float(number) => number_of(&number.to_string())?,
        toml::Value::Boolean(flag) => Json::Bool(flag),
        toml::Value::Datetime(instant) => Json::Text(instant.to_string()),
        toml::Value::Array(items) => {
            Json::List(items.into_iter().map(from_toml).collect::<Result<Vec<_>, _>>()?)
        }
        toml::Value::Table(table) => {
            let mut fields = object().build();
            for (name, value) in table {
                fields.set(name.to_string(), from_toml(value)?);
            }
            fields
        }
    })
}

fn number_of(text: &str) -> Result<Json, Report> {
    Json::parse(text.as_bytes()).map_err(|_| {
        let message = format!("`{text}` is not a number here");
        let hint = "write a finite number of at most 17 digits".to_owned();
        let problem = Problem { pointer: String::new(), code: "not_a_number", message, hint };
        Report { problems: vec![problem], warnings: Vec::new() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_in_the_order_they_need_each_other() {
        let texts = [
            (
                "a.toml",
                "[[campaigns]]\nname = \"A Point, per Dollar!\"\nrate = 0.01\n[settings]\ncurrency = \"EUR\"",
            ),
            ("b.json", r#"{"rewards": [{"key": "points", "name": "Points", "type": "POINTS"}]}"#),
        ];
        let entries = read_texts(texts).unwrap();
        let shown: Vec<String> = entries.iter().map(Entry::place).collect();
        assert_eq!(
            shown,
            [
                "a.toml: settings `settings`",
                "b.json: reward `points`",
                "a.toml: campaign `a-point-per-dollar`"
            ]
        );
        assert_eq!(entries[2].body.to_string(), r#"{"name":"A Point, per Dollar!","rate":0.01}"#);
    }

    #[test]
    fn files_that_make_no_sense_say_where() {
        for (name, text, expected) in [
            ("x.toml", "a = ", "x.toml is not TOML"),
            ("x.toml", "[[tires]]\nname = \"a\"", "`tires` is not a kind of definition"),
            ("x.toml", "[tiers]\nname = \"a\"", "`tiers` has the wrong form"),
            ("x.toml", "[[tiers]]\nlevel = 1", "an entry of tiers has no `name`"),
            ("x.toml", "[[brands]]\nname = \"a\"", "an entry of brands has no `id`"),
            ("x.toml", "[settings]\nx = inf", "is not a number"),
            ("x.json", "{", "x.json"),
            ("x.toml", "[[rewards]]\nname = \"a\"\n[[rewards]]\nname = \"A\"", "is there twice"),
        ] {
            let failure = read_texts([(name, text)]).unwrap_err().to_string();
            assert!(failure.contains(expected), "{text}: {failure}");
        }
    }
}
