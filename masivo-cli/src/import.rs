//! Importing a file row by row.
//!
//! Guarantees:
//! - I1: a row acts once, however often its file is imported: its idempotency key is made of the file's content
//!   and the row's line. Rows with an `id` of their own (events) go by that.
//! - I2: an import that was interrupted goes on where it stopped, by a side file `FILE.masivo-progress`.
//! - I3: a row that is refused is written to `FILE.rejects.jsonl` with its line and the reasons, and stops
//!   nothing. When the store or server fails, the import stops and nothing is counted that was not answered.

mod columns;
mod progress;
mod rows;
mod source;

use crate::arguments::{ImportArguments, Rows};
use crate::door::{Door, Row};
use crate::error::{Failure, Fault};
use crate::output::Output;
use masivo_core::value::{Json, object};
use progress::Progress;
use rows::{FileMark, ReadRow, Reader};
use source::Source;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Rows in one step: the store makes them durable together.
const STEP: usize = 500;
/// Past transactions in one step.
const STEP_TRANSACTIONS: usize = 5_000;

/// What an import came to.
#[derive(Clone, Debug)]
pub(crate) struct ImportReport {
    /// Rows of the file.
    pub(crate) rows: u64,
    /// Rows that are in.
    pub(crate) accepted: u64,
    /// Rows that were refused.
    pub(crate) rejected: u64,
    /// Rows an earlier, interrupted import had done already.
    pub(crate) resumed_at: u64,
    /// Where the refused rows are.
    pub(crate) rejects_file: PathBuf,
}

impl ImportReport {
    /// The report as a document.
    pub(crate) fn to_json(&self) -> Json {
        let rejects = (self.rejected > 0).then(|| self.rejects_file.display().to_string());
        object()
            .with("rows", self.rows)
            .with("accepted", self.accepted)
            .with("rejected", self.rejected)
            .with("resumed_at", self.resumed_at)
            .with_some("rejects_file", rejects)
            .build()
    }
}

/// Imports a file.
///
/// `target` names the store: how far an import into one came says nothing about another.
pub(crate) fn import(
    door: &mut Door,
    target: &str,
    arguments: &ImportArguments,
    output: Output,
) -> Result<ImportReport, Failure> {
    let file = &arguments.file;
    let mark = rows::mark(file)?;
    let audience = match (&arguments.audience, arguments.what) {
        (Some(name), Rows::Members) => door.audience(name)?.text("id").unwrap_or_default().to_owned(),
        (None, _) => String::new(),
        (Some(_), _) => return Err(Failure::usage("--audience goes with members", "leave it out")),
    };
    // A file may be put on several lists.
    let target = &format!("{target} {audience}");
    let mut importer = Importer {
        what: arguments.what,
        audience,
        key: key_stem(&mark, &arguments.label)?,
        progress: Progress::open(file, &mark, target.trim_end(), arguments)?,
        rejects: with_suffix(file, ".rejects.jsonl"),
    };
    let resumed_at = importer.progress.rows;
    if resumed_at > 0 {
        output.remark(&format!("going on after row {resumed_at}"));
    }
    importer.cut_rejects()?;
    let bar = output.progress(mark.lines, "importing");
    let mut source = Source::open(file, arguments.what)?;
    for _ in 0..resumed_at {
        bar.set_position(source.next_row()?.map_or(mark.lines, |row| row.line));
    }
    loop {
        let (mut step, mut transactions) = (Vec::new(), 0);
        while step.len() < STEP
            && transactions < STEP_TRANSACTIONS
            && let Some(row) = source.next_row()?
        {
            let body = row.body.as_ref().ok().and_then(|body| body.get("transactions"));
            transactions += body.map_or(0, |list| list.items().len());
            step.push(row);
        }
        let Some(line) = step.last().map(|row| row.line) else { break };
        importer.carry_out(door, step)?;
        bar.set_position(line);
    }
    bar.finish_and_clear();
    let Progress { rows, accepted, rejected, .. } = importer.progress;
    Ok(ImportReport { rows, accepted, rejected, resumed_at, rejects_file: importer.rejects })
}

/// Reads the events of a file, each with its line; what cannot be read is an error.
pub(crate) fn read_events(file: &Path) -> Result<Vec<(u64, Json)>, Failure> {
    let mut reader = Reader::open(file, Rows::Events)?;
    let mut events = Vec::new();
    while let Some(ReadRow { line, body }) = reader.next_row()? {
        let body = body.map_err(|failure| failure.within(&format!("`{}`, line {line}", file.display())))?;
        events.push((line, body));
    }
    Ok(events)
}

struct Importer {
    what: Rows,
    /// The id of the audience that members are put into.
    audience: String,
    key: String,
    progress: Progress,
    rejects: PathBuf,
}

impl Importer {
    fn carry_out(&mut self, door: &mut Door, step: Vec<ReadRow>) -> Result<(), Failure> {
        let mut sent = Vec::new();
        let mut rejects: Vec<(u64, String)> = Vec::new();
        let mut accepted = 0;
        let count = u64::try_from(step.len()).unwrap_or(0);
        for ReadRow { line, body } in step {
            match body {
                Ok(body) => sent.push((Row { key: format!("{}-{line}", self.key), body }, line)),
                Err(failure) => rejects.push((line, reject_line(line, &Json::Null, &failure))),
            }
        }
        let rows: Vec<Row> = sent.iter().map(|(row, _)| row.clone()).collect();
        let results = match self.what {
            Rows::Customers => door.register_all(rows)?,
            Rows::Events => door.emit_all(rows)?,
            Rows::MigratedCustomers => door.migrate_all(rows)?,
            Rows::MigratedEvents => door.migrate_events(rows)?,
            Rows::MigratedTransactions => door.migrate_transactions(rows)?,
            Rows::Members => door.join_all(&self.audience, rows)?,
        };
        if results.len() != sent.len() {
            return Err(Failure::bug("the answers are not as many as the rows"));
        }
        for (result, (row, line)) in results.into_iter().zip(sent) {
            match result {
                Ok(_) => accepted += 1,
                Err(failure) if matches!(failure.fault(), Fault::Environment | Fault::Bug) => {
                    return Err(failure.within(&format!("line {line}")));
                }
                Err(failure) => rejects.push((line, reject_line(line, &row.body, &failure))),
            }
        }
        // In the order of the file.
        rejects.sort_by_key(|(line, _)| *line);
        let rejects: Vec<String> = rejects.into_iter().map(|(_, text)| text).collect();
        self.write_rejects(&rejects.concat())?;
        self.progress.rows += count;
        self.progress.accepted += accepted;
        self.progress.rejected += count - accepted;
        self.progress.save()
    }

    /// What an interrupted step wrote and did not count is written again.
    fn cut_rejects(&self) -> Result<(), Failure> {
        if !self.rejects.exists() {
            return Ok(());
        }
        let wrong = |error: std::io::Error| Failure::file(&self.rejects, &error);
        let file = OpenOptions::new().write(true).open(&self.rejects).map_err(wrong)?;
        file.set_len(self.progress.rejects_bytes).map_err(wrong)
    }

    fn write_rejects(&mut self, lines: &str) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        let wrong = |error: std::io::Error| Failure::file(&self.rejects, &error);
        let mut file = OpenOptions::new().create(true).append(true).open(&self.rejects).map_err(wrong)?;
        file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)?;
        self.progress.rejects_bytes += u64::try_from(lines.len()).unwrap_or(0);
        Ok(())
    }
}

fn reject_line(line: u64, row: &Json, failure: &Failure) -> String {
    let mut reject = object().with("line", line).build();
    let said = failure.to_json();
    for name in ["code", "error", "hint", "problems"] {
        if let Some(value) = said.get(name) {
            reject.set(name, value.clone());
        }
    }
    reject.set("row", row.clone());
    format!("{reject}\n")
}

/// What the keys of all rows begin with.
fn key_stem(mark: &FileMark, label: &str) -> Result<String, Failure> {
    if label.len() > 100 || label.chars().any(char::is_control) {
        return Err(Failure::usage("the label is too long or has control characters", "use a short word"));
    }
    let label = if label.is_empty() { String::new() } else { format!("-{label}") };
    Ok(format!("import-{}{label}", mark.hash.get(..24).unwrap_or(&mark.hash)))
}

/// A path with more at its end.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
