//! `masivo import`: customers or events from a file, through the same door as everything else.

use crate::arguments::{ImportArguments, Shared};
use crate::door::Door;
use crate::error::Failure;
use crate::import::import;
use crate::output::{Output, count, facts};

/// Imports; ends with 1 when rows were rejected.
pub(super) fn run(shared: &Shared, arguments: &ImportArguments, output: Output) -> Result<(), Failure> {
    let mut door = Door::open(shared)?;
    let report = import(&mut door, &target(shared), arguments, output)?;
    output.answer(&report.to_json(), || {
        let rejects = match report.rejected {
            0 => String::new(),
            _ => format!("{}: mend the rows there and import that file", report.rejects_file.display()),
        };
        facts([
            ("rows", count(report.rows)),
            ("accepted", count(report.accepted)),
            ("rejected", count(report.rejected)),
            (
                "skipped",
                if report.resumed_at > 0 {
                    format!("{} rows that were in already", count(report.resumed_at))
                } else {
                    String::new()
                },
            ),
            ("rejects", rejects),
        ])
    })?;
    if report.rejected == 0 { Ok(()) } else { Err(Failure::findings()) }
}

/// The store by a name that stays the same wherever the command is typed.
fn target(shared: &Shared) -> String {
    match (&shared.url, &shared.db) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(path)) => path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string(),
        (None, None) => String::new(),
    }
}
