//! Definitions as code: files of a folder, compared with a store and written to it.
//!
//! - **Key**: the short name by which definitions of the files name each other: the entry's `key`, or else its
//!   name in small letters with hyphens.
//! - **Identity**: what makes an entry and a stored definition the same. Brands and event types bring their own
//!   `id`; tiers are the same by `level`, webhooks by `url`, everything else by `name`. An entry may say the
//!   stored `id` instead, for example to rename.
//!
//! Guarantees:
//! - D1: nothing is written unless every entry is valid against the store as it is and the entries before it.
//! - D2: applying the same files again changes nothing.
//! - D3: what is in the store and in no file is left alone.

mod difference;
mod plan;
mod read;
mod references;

pub(crate) use difference::FieldChange;
pub(crate) use plan::{Action, Plan, plan, plan_of_running};
pub(crate) use read::{Entry, read_folder, read_texts};

use crate::door::Door;
use crate::error::Failure;
use masivo_core::program::Kind;
use masivo_core::value::Json;

/// What an entry says beside the definition itself.
const OWN_FIELDS: [&str; 2] = ["key", "id"];

/// The name of the list that holds definitions of a kind, in files and in answers.
pub(crate) const fn section(kind: Kind) -> &'static str {
    match kind {
        Kind::Settings => "settings",
        Kind::Brand => "brands",
        Kind::EventType => "event_types",
        Kind::Trait => "traits",
        Kind::Tier => "tiers",
        Kind::Reward => "rewards",
        Kind::Campaign => "campaigns",
        Kind::Audience => "audiences",
        Kind::Template => "templates",
        Kind::Journey => "journeys",
        Kind::Webhook => "webhooks",
    }
}

/// Whether the merchant chooses the ids of that kind.
const fn has_own_ids(kind: Kind) -> bool {
    matches!(kind, Kind::Settings | Kind::Brand | Kind::EventType | Kind::Trait)
}

/// The text that makes a definition of a kind what it is.
fn identity(kind: Kind, id: &str, body: &Json) -> String {
    match kind {
        Kind::Settings => "settings".into(),
        Kind::Brand | Kind::EventType | Kind::Trait => id.to_owned(),
        Kind::Tier => body.get("level").map(ToString::to_string).unwrap_or_default(),
        Kind::Webhook => body.text("url").unwrap_or_default().to_owned(),
        Kind::Reward | Kind::Campaign | Kind::Audience | Kind::Template | Kind::Journey => {
            body.text("name").unwrap_or_default().to_owned()
        }
    }
}

/// Writes what a plan says, in order; ids that come about on the way replace the keys of later entries.
pub(crate) fn write(door: &mut Door, plan: &Plan) -> Result<u64, Failure> {
    let mut names = plan.names.clone();
    let mut written = 0;
    for step in &plan.steps {
        if step.action == Action::Unchanged {
            continue;
        }
        let entry = &step.entry;
        let body = references::resolve(entry, &names).map_err(|problems| entry.malformed(problems))?;
        let id = step.id.as_deref().or(entry.id.as_deref().filter(|_| has_own_ids(entry.kind)));
        let stored = door.define(entry.kind, id, &body).map_err(|failure| {
            failure.within(&format!("after {written} written definitions, {}", entry.place()))
        })?;
        names.put(entry, stored.text("id").unwrap_or_default());
        written += 1;
    }
    Ok(written)
}
