//! `masivo keys`: who may use the API.

use crate::arguments::{KeyKind, Keys, Shared};
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, facts, instant, plain, table};
use masivo_core::value::{Json, object};

/// Makes, lists or revokes keys.
pub(super) fn run(shared: &Shared, what: &Keys, output: Output) -> Result<(), Failure> {
    let mut door = Door::open(shared)?;
    match what {
        Keys::Create { name, kind } => {
            if name.trim().is_empty() || name.len() > 100 {
                return Err(Failure::usage(
                    "the name of a key has 1 to 100 bytes",
                    "give it a word to know it by",
                ));
            }
            let key = door.make_key(name, *kind == KeyKind::Server)?;
            output.answer(&key, || {
                let shown = facts([
                    ("id", plain(key.get("id"))),
                    ("kind", plain(key.get("kind"))),
                    ("key", plain(key.get("key"))),
                ]);
                format!("{shown}\nthe key is shown only now: keep it")
            })
        }
        Keys::List => {
            let keys = door.keys()?;
            let document = Json::List(keys.clone());
            output.answer(&document, || list(&keys))
        }
        Keys::Revoke { id } => {
            door.revoke_key(id)?;
            let document = object().with("id", id.as_str()).with("revoked", true).build();
            output.answer(&document, || format!("{id} opens nothing any more"))
        }
    }
}

fn list(keys: &[Json]) -> String {
    if keys.is_empty() {
        return "there are no keys yet; `masivo keys create NAME` makes one".to_owned();
    }
    let rows = keys.iter().map(|key| {
        [
            plain(key.get("id")),
            plain(key.get("kind")),
            plain(key.get("name")),
            instant(key.get("created_at")),
            instant(key.get("revoked_at")),
        ]
    });
    table(["id", "kind", "name", "made", "revoked"], rows)
}
