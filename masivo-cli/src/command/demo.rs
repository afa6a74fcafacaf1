//! `masivo demo`: 18 months of a real shop in a few seconds.

use crate::arguments::{DemoArguments, Shared};
use crate::demo::{self, Demo};
use crate::error::Failure;
use crate::output::Output;
use std::path::PathBuf;

/// Where the store is when nothing is said.
const DEFAULT_STORE: &str = "masivo-demo/masivo.db";

/// Replays the shop, prints what came of it, and serves it when told to.
pub(super) fn run(shared: &Shared, arguments: &DemoArguments, output: Output) -> Result<(), Failure> {
    if shared.url.is_some() {
        return Err(Failure::usage(
            "the demo makes a store file of its own",
            "leave --url and MASIVO_URL out",
        ));
    }
    let path = shared.db.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STORE));
    let demo = Demo::prepare(path, arguments.data.as_deref(), arguments.program.as_deref())?;
    let finished = demo::run(demo, output)?;
    let sound = finished.summary.is_sound();
    let serves = sound && arguments.serve;
    if !(serves && output.json) {
        output.answer(&finished.summary.to_json(), || finished.summary.text())?;
    }
    match (sound, serves) {
        (false, _) => Err(Failure::findings()),
        (true, false) => Ok(()),
        (true, true) => demo::serve::serve(finished, arguments.listen, output),
    }
}
