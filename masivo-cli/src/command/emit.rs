//! `masivo emit`: one event.

use crate::arguments::Shared;
use crate::door::Door;
use crate::error::Failure;
use crate::output::Output;
use masivo_core::value::Json;
use std::io::Read as _;
use std::path::Path;

/// Sends an event given as an argument, in a file or on stdin.
pub(super) fn run(
    shared: &Shared,
    event: Option<&str>,
    file: Option<&Path>,
    key: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    let text = match (event, file) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(path)) if path != Path::new("-") => {
            std::fs::read(path).map_err(|error| Failure::file(path, &error))?
        }
        _ => read_stdin()?,
    };
    let event = Json::parse(&text).map_err(|report| Failure::from(&report))?;
    let answer = Door::open(shared)?.emit(&event, key)?;
    for warning in answer.get("warnings").map_or(&[][..], Json::items) {
        let place = warning.text("pointer").unwrap_or_default();
        output.remark(&format!("warning: {place}: {}", warning.text("message").unwrap_or_default()));
    }
    output.answer(&answer, || super::show::event_text(&answer))
}

fn read_stdin() -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut text);
    read.map_err(|error| Failure::environment("stdin", format!("stdin: {error}"), ""))?;
    Ok(text)
}
