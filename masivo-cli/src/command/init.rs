//! `masivo init`: a store to work on, its first key and definitions to start from.

use crate::arguments::Shared;
use crate::door::{Door, FileDoor};
use crate::error::Failure;
use crate::output::Output;
use masivo_core::value::{Json, object};
use std::path::Path;

/// The definitions a new folder starts with, and a scenario for them.
const STARTER: [(&str, &str); 3] = [
    ("1-account.toml", include_str!("init/1-account.toml")),
    ("2-points.toml", include_str!("init/2-points.toml")),
    ("first-purchase.masivo", include_str!("init/first-purchase.masivo")),
];
/// Where the store is when nothing is said.
const DEFAULT_STORE: &str = "masivo.db";

/// Makes the folder and the store; what is there already is left as it is.
pub(super) fn run(shared: &Shared, folder: &Path, output: Output) -> Result<(), Failure> {
    let mut written = Vec::new();
    if !folder.exists() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
        for (name, text) in STARTER {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| Failure::file(&path, &error))?;
            written.push(path.display().to_string());
        }
    }
    let shown = folder.display();
    let mut document = object().with("folder", shown.to_string()).with("files", written.clone()).build();
    let mut lines = match written.len() {
        0 => vec![format!("{shown} is there already and was left as it is")],
        _ => vec![format!("definitions   {}", written.join(", "))],
    };
    let target = match &shared.url {
        Some(url) => format!("--url {url}"),
        None => {
            let path = shared.db.as_deref().unwrap_or(Path::new(DEFAULT_STORE));
            let key = make_store(path, shared)?;
            document.set("db", path.display().to_string());
            lines.push(format!("store         {}", path.display()));
            if let Some(key) = key {
                lines.push(format!("SERVER key    {key}\n              it is shown only now: keep it"));
                document.set("key", key);
            }
            format!("--db {}", path.display())
        }
    };
    lines.push(format!("\nnext: look at the files, then `masivo apply {shown} {target}`"));
    output.answer(&document, || lines.join("\n"))
}

/// Makes a store with its first key; gives the key, or nothing when the store has one.
fn make_store(path: &Path, shared: &Shared) -> Result<Option<String>, Failure> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|error| Failure::file(parent, &error))?;
    }
    let mut door = Door::File(FileDoor::open(path, shared.test, shared.now.as_deref())?);
    if !door.keys()?.is_empty() {
        return Ok(None);
    }
    let key = door.make_key("first", true)?;
    Ok(key.get("key").and_then(Json::as_text).map(ToOwned::to_owned))
}
