//! `masivo backup`: a copy of a store file, also while it is in use.

use crate::arguments::Shared;
use crate::door::{file_only, require_file};
use crate::error::Failure;
use crate::output::{Output, count};
use masivo_core::value::object;
use std::path::Path;

/// Copies the store.
pub(super) fn run(shared: &Shared, to: &Path, output: Output) -> Result<(), Failure> {
    let from = file_only(shared, "backup")?;
    require_file(from)?;
    if to.exists() {
        let message = format!("`{}` is there already", to.display());
        return Err(Failure::usage(message, "name a new file: a backup never writes over anything"));
    }
    masivo_store::backup(from, to)?;
    let bytes = std::fs::metadata(to).map_err(|error| Failure::file(to, &error))?.len();
    let document = object().with("to", to.display().to_string()).with("bytes", bytes).build();
    output.answer(&document, || {
        let shown = to.display();
        format!("copied to {shown} ({} bytes); check it with `masivo verify --db {shown}`", count(bytes))
    })
}
