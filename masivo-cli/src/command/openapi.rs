//! `masivo openapi`: the description of the HTTP API.

use crate::arguments::Shared;
use crate::door::ServerDoor;
use crate::error::Failure;
use crate::output::Output;

/// Prints the description: of the server that --url names, or of this program's own.
pub(super) fn run(shared: &Shared, output: Output) -> Result<(), Failure> {
    let description = match &shared.url {
        Some(url) => ServerDoor::open(url, shared.key.as_deref())?.description()?,
        None => crate::demo::serve::api_description()?,
    };
    output.text(&description.to_string())
}
