//! How far an import has come, in a file beside the imported one.

use super::rows::FileMark;
use super::with_suffix;
use crate::arguments::ImportArguments;
use crate::error::Failure;
use masivo_core::value::{Json, object};
use std::path::{Path, PathBuf};

/// How far an import has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Rows that were answered.
    pub(super) rows: u64,
    /// Rows that are in.
    pub(super) accepted: u64,
    /// Rows that were refused.
    pub(super) rejected: u64,
    /// Bytes of the file of rejects that belong to these rows.
    pub(super) rejects_bytes: u64,
    path: PathBuf,
    /// What it is the progress of: kind of rows, file content, label and store.
    about: String,
}

impl Progress {
    /// Reads how far an earlier import of the same file came, or begins.
    pub(super) fn open(
        file: &Path,
        mark: &FileMark,
        target: &str,
        arguments: &ImportArguments,
    ) -> Result<Self, Failure> {
        let path = with_suffix(file, ".masivo-progress");
        let about = format!("{} {} {} into {target}", arguments.what.name(), mark.hash, arguments.label);
        let fresh = Self { rows: 0, accepted: 0, rejected: 0, rejects_bytes: 0, path: path.clone(), about };
        if arguments.restart || !path.exists() {
            return Ok(fresh);
        }
        let bytes = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let odd = |why: &str| {
            let message = format!("`{}` {why}", path.display());
            Failure::usage(message, "begin again with --restart; rows that are in already stay single")
        };
        let json = Json::parse(&bytes).map_err(|_| odd("is not readable"))?;
        if json.text("about") != Some(&fresh.about) {
            return Err(odd("is of another content of the file, other rows, another label or another store"));
        }
        let number =
            |name: &str| json.integer(name).and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        Ok(Self {
            rows: number("rows"),
            accepted: number("accepted"),
            rejected: number("rejected"),
            rejects_bytes: number("rejects_bytes"),
            ..fresh
        })
    }

    /// Writes it down, whole or not at all.
    pub(super) fn save(&self) -> Result<(), Failure> {
        let json = object()
            .with("about", self.about.as_str())
            .with("rows", self.rows)
            .with("accepted", self.accepted)
            .with("rejected", self.rejected)
            .with("rejects_bytes", self.rejects_bytes)
            .build();
        let temporary = with_suffix(&self.path, ".new");
        let written = std::fs::write(&temporary, json.to_string())
            .and_then(|()| std::fs::rename(&temporary, &self.path));
        written.map_err(|error| Failure::file(&self.path, &error))
    }
}
