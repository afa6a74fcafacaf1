//! The binary: reads what it is told, runs the server, ends with 0 when it was asked to end.

use clap::Parser as _;
use masivo_server::config::{Arguments, Configuration};
use masivo_server::{ServeError, run};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

/// Many small values cross threads here: this allocator measured a third less time per event.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Standard output is for the one line that says where the server listens.
    tracing_subscriber::fmt().json().with_max_level(LevelFilter::INFO).with_writer(std::io::stderr).init();
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<(), ServeError> {
    let configuration = Configuration::load(arguments, std::env::var("MASIVO_API_KEY").ok())?;
    let failed = |error| ServeError::File { what: "the runtime cannot be started".into(), error };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let failed = |error| ServeError::File { what: "signals cannot be listened for".into(), error };
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        run(configuration, shutdown).await
    })
}
