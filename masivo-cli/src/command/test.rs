//! `masivo test`: the scenarios beside the definitions of a folder.

use crate::arguments::{Shared, TestArguments};
use crate::definitions::read_folder;
use crate::error::Failure;
use crate::output::{Output, blocks};
use crate::scenarios::{Tried, differing, try_folder};
use masivo_core::value::{Json, object};

/// Carries the scenarios out; ends with 1 when one came to something else than it says.
pub(super) fn run(shared: &Shared, arguments: &TestArguments, output: Output) -> Result<(), Failure> {
    if shared.now.is_some() {
        return Err(Failure::usage("--now has no meaning for scenarios", "say it with `at` in the scenario"));
    }
    let folder = &arguments.folder;
    let tried = try_folder(folder, &read_folder(folder)?)?;
    if tried.is_empty() {
        let message = format!("there is no scenario in `{}`", folder.display());
        return Err(Failure::usage(message, "write one: a file that ends in .masivo, see docs/scenarios.md"));
    }
    let differ = differing(&tried);
    let stopped = tried.iter().any(|tried| tried.differences.iter().any(|difference| difference.stopped));
    let mends = |tried: &&Tried| tried.differences.iter().any(|difference| !difference.stopped);
    if arguments.update {
        for tried in tried.iter().filter(mends) {
            std::fs::write(&tried.path, &tried.updated)
                .map_err(|error| Failure::file(&tried.path, &error))?;
        }
    }
    output.answer(&to_json(&tried), || {
        let said = tried.iter().map(Tried::text).collect::<Vec<_>>().join("\n");
        let updated = arguments.update && tried.iter().any(|tried| mends(&tried));
        blocks([said, if updated { "the files say now what was found".to_owned() } else { String::new() }])
    })?;
    if differ == 0 || (arguments.update && !stopped) { Ok(()) } else { Err(Failure::findings()) }
}

/// What scenarios came to, as a document.
pub(super) fn to_json(tried: &[Tried]) -> Json {
    let steps: usize = tried.iter().map(|tried| tried.steps).sum();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    object()
        .with("scenarios", tried.iter().map(Tried::to_json).collect::<Vec<_>>())
        .with("steps", count(steps))
        .with("differ", count(differing(tried)))
        .build()
}
