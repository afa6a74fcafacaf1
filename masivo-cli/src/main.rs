//! masivo at the terminal: thin. Each command is a file in `command`; `door` is the way to a store, in a file or
//! behind a server; `error` knows the exit codes.

mod arguments;
mod command;
mod definitions;
mod demo;
mod door;
mod error;
mod import;
mod output;
mod scenarios;

use arguments::Arguments;
use clap::Parser as _;
use output::Output;
use std::process::ExitCode;

/// Many small values cross threads here: this allocator measured a third less time per event.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output { json: arguments.shared.json };
    match command::run(arguments, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}
