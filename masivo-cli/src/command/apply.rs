//! `masivo apply`: definitions as code.

use super::test::to_json;
use crate::arguments::{ApplyArguments, Shared};
use crate::definitions::{Action, FieldChange, Plan, plan, read_folder, write};
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, blocks};
use crate::scenarios::{Tried, differing, try_folder};
use masivo_core::lint::{Lint, lint};
use masivo_core::value::Json;
use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Shows the difference, and writes it when told to.
pub(super) fn run(shared: &Shared, arguments: &ApplyArguments, output: Output) -> Result<(), Failure> {
    let entries = read_folder(&arguments.folder)?;
    let mut door = Door::open(shared)?;
    let (program, now) = (door.program()?, door.now()?);
    let plan = plan(entries.clone(), &program, now)?;
    let tried = try_folder(&arguments.folder, &entries)?;
    let differ = differing(&tried);
    if differ > 0 {
        let shown = tried.iter().filter(|tried| !tried.differences.is_empty()).map(Tried::text);
        let message =
            format!("{differ} steps of the scenarios differ\n{}", shown.collect::<Vec<_>>().join("\n"));
        let hint =
            "mend the definitions or the scenarios: `masivo test` tries them alone; nothing was written";
        return Err(Failure::refused("scenarios_differ", message, hint));
    }
    let changes = plan.steps.len() - plan.count(Action::Unchanged);
    let wanted = changes > 0 && !arguments.dry_run;
    if wanted && !arguments.yes {
        // A person is shown the difference and asked; a machine has to say --yes.
        output.text(&text(&plan))?;
        confirm(output)?;
    }
    let written = if wanted { write(&mut door, &plan)? } else { 0 };
    let mut document = plan.to_json();
    document.set("written", written);
    document.set("scenarios", to_json(&tried));
    let found = lint(&plan.program, now, None);
    document.set("lint", found.to_json());
    let asked = wanted && !arguments.yes;
    output.answer(&document, || {
        let outcome = match (changes, wanted) {
            (0, _) => "nothing to do: the store is as the files say".to_owned(),
            (_, true) => format!("written: {written}"),
            (_, false) => "nothing was written (--dry-run)".to_owned(),
        };
        let scenarios = match tried.len() {
            0 => String::new(),
            1 => "1 scenario comes to what it says".to_owned(),
            count => format!("{count} scenarios come to what they say"),
        };
        let said = blocks([scenarios, outcome, remarks(&found)]);
        if asked { said } else { blocks([text(&plan), said]) }
    })
}

/// What deserves a look, in a line: `masivo lint` says more.
fn remarks(found: &Lint) -> String {
    let codes: BTreeSet<&str> = found.findings.iter().map(|finding| finding.code).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    match found.findings.len() {
        0 => String::new(),
        count => format!("{count} remarks ({}): see masivo lint", codes.join(", ")),
    }
}

fn confirm(output: Output) -> Result<(), Failure> {
    let (stdin, stderr) = (std::io::stdin(), std::io::stderr());
    if output.json || !stdin.is_terminal() || !stderr.is_terminal() {
        return Err(Failure::usage(
            "nothing was written",
            "add --yes to write it, or --dry-run to only look",
        ));
    }
    // Should the question not be seen, no answer is a no.
    drop(write!(stderr.lock(), "\nwrite this? [y/N] "));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::refused("declined", "nothing was written", ""))
}

/// The difference as a person reads it.
fn text(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for step in &plan.steps {
        let sign = match step.action {
            Action::Created => '+',
            Action::Changed => '~',
            Action::Unchanged => continue,
        };
        let kind = step.entry.kind.name().replace('_', " ");
        lines.push(format!("{sign} {kind:<10} {}", step.entry.key));
        lines.extend(step.fields.iter().map(field_text));
    }
    let unchanged = plan.count(Action::Unchanged);
    if unchanged > 0 {
        lines.push(format!("= {unchanged} unchanged"));
    }
    if !plan.not_in_files.is_empty() {
        lines.push(format!("? in the store and in no file, left alone: {}", plan.not_in_files.join(", ")));
    }
    lines.join("\n")
}

fn field_text(change: &FieldChange) -> String {
    let show = |json: &Option<Json>| match json {
        None => "nothing".to_owned(),
        Some(json) => shortened(&json.to_string()),
    };
    format!("    {}: {} → {}", change.path, show(&change.before), show(&change.after))
}

fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain(['…']).collect()
    }
}
