//! Rows of a batch: each is judged alone and answered at its place; the queue takes all that can be read, or none.

use super::call::{Call, row_of};
use super::error::Failure;
use super::respond::{Outcome, Reply};
use masivo_core::Command;
use masivo_core::problem::{Problem, Report};
use masivo_core::value::Json;
use masivo_store::{Answer, Request as Submission, Work};

/// A row that was read.
pub(crate) struct Row {
    /// What it asks for.
    pub(crate) command: Command,
    /// The key of its own; its place behind the key of the call when there is none.
    pub(crate) key: Option<String>,
    /// What deserves a look in it.
    pub(crate) warnings: Vec<Problem>,
}

/// Submits what can be read of the rows of the list `name`; `show` answers a row that was carried out.
pub(crate) async fn each(
    call: &Call,
    name: &str,
    read: impl Fn(&Json) -> Result<Row, Failure>,
    show: impl Fn(&Json, &Answer) -> Reply,
) -> Outcome {
    let rows = call.body.get(name).map_or(&[][..], Json::items);
    let mut answers: Vec<Json> = vec![Json::Null; rows.len()];
    let (mut places, mut submissions) = (Vec::new(), Vec::new());
    for (index, (row, answer)) in rows.iter().zip(&mut answers).enumerate() {
        match check(call, name, index).and_then(|()| read(row)) {
            Ok(Row { command, key, warnings }) => {
                let of_call = || call.key.as_ref().map(|key| format!("{key}\u{1f}{index}"));
                let key = key.or_else(of_call);
                submissions.push(Submission { work: Work::Customer(Box::new(command)), key });
                places.push((row, answer, warnings));
            }
            Err(failure) => *answer = failure.into_row(),
        }
    }
    if !submissions.is_empty() {
        let results = call.app.handle.submit_all(submissions).await?;
        for (result, (row, answer, warnings)) in results.into_iter().zip(places) {
            *answer = match result {
                Ok(done) => show(row, &done).warn(warnings).into_row(),
                Err(error) => Failure::from(error).for_principal(call.principal).into_row(),
            };
        }
    }
    Ok(Reply::data(answers))
}

/// Refuses a row in which something could not be read.
fn check(call: &Call, name: &str, index: usize) -> Result<(), Failure> {
    let prefix = format!("/{name}/{index}");
    let of_row = call.problems.iter().filter(|problem| row_of(problem) == Some(index));
    let problems: Vec<Problem> = of_row
        .map(|problem| Problem {
            pointer: problem.pointer.strip_prefix(&prefix).unwrap_or_default().to_owned(),
            ..problem.clone()
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Report { problems, warnings: Vec::new() }.into()) }
}
