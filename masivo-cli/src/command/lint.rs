//! `masivo lint`: a programme looked over before it costs something.

use crate::arguments::{LintArguments, Shared};
use crate::definitions::{plan, plan_of_running, read_folder};
use crate::door::Door;
use crate::error::Failure;
use crate::output::{Output, blocks, grouped, table};
use masivo_core::lint::{Lint, free_fields, lint, never_seen};
use masivo_core::program::{Program, standard_definitions};
use masivo_core::value::{Mint, StoreSecret};
use masivo_store::{Clock as _, SystemClock};

/// Looks over the definitions of a store, those of a folder, or those of a folder applied to a store.
pub(super) fn run(shared: &Shared, arguments: &LintArguments, output: Output) -> Result<(), Failure> {
    let names_store = shared.db.is_some() || shared.url.is_some();
    let mut door = match (&arguments.folder, names_store) {
        (Some(_), false) => None,
        _ => Some(Door::open(shared)?),
    };
    let (program, now) = match &mut door {
        Some(door) => (door.program()?.as_ref().clone(), door.now()?),
        None => fresh()?,
    };
    let program = match &arguments.folder {
        Some(folder) if door.is_none() => plan_of_running(read_folder(folder)?, &program, now)?.program,
        Some(folder) => plan(read_folder(folder)?, &program, now)?.program,
        None => program,
    };
    let customers = match &mut door {
        Some(door) => door.customer_count()?,
        None => None,
    };
    let mut found = lint(&program, now, customers);
    if let Some(door) = &mut door {
        let unseen = door.unseen_fields(&free_fields(&program))?;
        found.findings.extend(never_seen(unseen.unwrap_or_default()));
    }
    let count = found.findings.len();
    output.answer(&found.to_json(), || text(&found))?;
    if arguments.strict && count > 0 {
        return Err(Failure::refused(
            "lint",
            format!("{count} findings"),
            "mend them, or leave --strict out",
        ));
    }
    Ok(())
}

/// The program of a fresh store.
fn fresh() -> Result<(Program, masivo_core::value::Timestamp), Failure> {
    let now = SystemClock::default().now();
    let base = Mint::new(StoreSecret::new([0; 16]), now, "definition", b"base tier").next_id();
    let program = Program::load(standard_definitions(now, base));
    let program = program.map_err(|report| Failure::bug(format!("the standard definitions: {report}")))?;
    Ok((program, now))
}

/// What was found, as a person reads it.
pub(super) fn text(found: &Lint) -> String {
    let findings = match found.findings.is_empty() {
        true => "nothing to remark".to_owned(),
        false => table(
            ["where", "what", "what to do"],
            found.findings.iter().map(|finding| {
                let rule = finding.rule.map(|rule| format!(", rule {rule}")).unwrap_or_default();
                let place = format!("{}{rule}", finding.name);
                [place, format!("{} [{}]", finding.message, finding.code), finding.hint.to_owned()]
            }),
        ),
    };
    let costs = found.costs.iter().map(|(name, cost)| {
        [name.clone(), cost.map_or_else(|| "no bound".to_owned(), |cost| grouped(&cost.to_string()))]
    });
    let costs =
        if found.costs.is_empty() { String::new() } else { table(["campaign", "costs at most"], costs) };
    let sum = match found.worst_case() {
        _ if found.costs.is_empty() => String::new(),
        Some(sum) => format!("all together cost at most {}", grouped(&sum.to_string())),
        None => "all together have no bound".to_owned(),
    };
    blocks([findings, costs, sum])
}
