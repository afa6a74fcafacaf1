//! `masivo fulfill` and `masivo reverse`: what becomes of an event later.

use crate::arguments::Shared;
use crate::door::Door;
use crate::error::Failure;
use crate::output::Output;

/// Fulfils an event.
pub(super) fn fulfill(shared: &Shared, event: &str, output: Output) -> Result<(), Failure> {
    let answer = Door::open(shared)?.fulfill(event)?;
    output.answer(&answer, || super::show::event_text(&answer))?;
    // The answer says why; whoever only looks at the exit code must not take it for fulfilled.
    if answer.text("status") == Some("EXPIRED") { Err(Failure::findings()) } else { Ok(()) }
}

/// Reverses or cancels an event.
pub(super) fn reverse(shared: &Shared, event: &str, reason: &str, output: Output) -> Result<(), Failure> {
    let answer = Door::open(shared)?.reverse(event, reason)?;
    output.answer(&answer, || super::show::event_text(&answer))
}
