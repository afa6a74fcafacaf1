//! `masivo completions`: what a shell completes.

use crate::arguments::Arguments;
use crate::error::Failure;
use crate::output::Output;
use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

/// Prints the completions of a shell.
pub(super) fn run(shell: Shell, output: Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "masivo", &mut script);
    let script = String::from_utf8(script).map_err(|error| Failure::bug(error.to_string()))?;
    output.text(script.trim_end())
}
