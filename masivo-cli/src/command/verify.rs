//! `masivo verify`: everything that is kept twice must agree.

use crate::arguments::Shared;
use crate::door::{file_only, require_file};
use crate::error::Failure;
use crate::output::{Output, count, facts};
use masivo_core::value::{Json, object};
use masivo_store::{SqliteReader, Verification, verify};

/// Checks the store; ends with 1 when something does not agree.
pub(super) fn run(shared: &Shared, output: Output) -> Result<(), Failure> {
    let path = file_only(shared, "verify")?;
    require_file(path)?;
    // A file that is no store is told apart from a damaged one.
    if masivo_store::mode_of(path)?.is_none() {
        let message = format!("`{}` is no masivo store", path.display());
        return Err(Failure::environment("no_store", message, "check --db"));
    }
    let verification = verify(&SqliteReader::open(path)?)?;
    output.answer(&to_json(&verification), || text(&verification))?;
    if verification.findings.is_empty() { Ok(()) } else { Err(Failure::findings()) }
}

/// What was checked and found, as a document.
pub(crate) fn to_json(verification: &Verification) -> Json {
    let findings: Vec<Json> = verification
        .findings
        .iter()
        .map(|finding| object().with("law", finding.law).with("detail", finding.detail.as_str()).build())
        .collect();
    object()
        .with("ok", findings.is_empty())
        .with("customers", verification.customers)
        .with("facts", verification.facts)
        .with("entries", verification.entries)
        .with("hash", verification.hash.as_str())
        .with("findings", findings)
        .build()
}

/// The same for a person.
pub(crate) fn text(verification: &Verification) -> String {
    let checked = facts([
        ("customers", count(verification.customers)),
        ("facts", count(verification.facts)),
        ("ledger entries", count(verification.entries)),
        ("hash", verification.hash.clone()),
    ]);
    if verification.findings.is_empty() {
        return format!("{checked}\nall agrees");
    }
    let findings: Vec<String> = verification
        .findings
        .iter()
        .map(|finding| format!("  {}: {}", finding.law, finding.detail))
        .collect();
    let found = findings.len();
    format!("{checked}\n{found} things do not agree (keep the file and report it):\n{}", findings.join("\n"))
}
