//! HTTP in front of the masivo engine: requests in, workers started, answers out. Nothing is decided here.
//!
//! [`run`] is the whole server, as the binary starts it; [`serve`] puts an engine that is already open behind a
//! listener, as tests and `masivo demo --serve` do. [`routes::table`] is everything it answers.

mod api;
mod app;
mod codes;
pub mod config;
mod http;
mod keys;
mod openapi;
pub mod routes;
pub mod shapes;
mod token;

pub use app::{Limits, ServeError, ServerSettings, first_key, serve};
pub use keys::{CHOSEN_KEY_LENGTH_MIN, NewKey, new_key};
pub use openapi::describe;

use config::Configuration;
use masivo_store::Engine;
use std::future::Future;
use std::io::Write;
use tokio::net::TcpListener;

/// Opens the store, serves it until `shutdown` is done, and closes it.
///
/// When it is ready it writes one line `listening on http://ADDR` to standard output. A first key that had to be
/// made is written once to standard error.
///
/// # Errors
/// [`ServeError`] when the store cannot be opened or the address not be listened on.
pub async fn run(
    configuration: Configuration,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let Configuration { store, listen, first_key: chosen, server } = configuration;
    let opened = tokio::task::spawn_blocking(move || Engine::open(store)).await;
    let engine = opened.map_err(|_| ServeError::Failed)??;
    let made = first_key(&engine.handle(), chosen.as_deref()).await?;
    let failed = |error| ServeError::File { what: format!("`{listen}` cannot be listened on"), error };
    let listener = TcpListener::bind(&listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    if let Some(key) = made {
        say(&mut std::io::stderr().lock(), &format!("first SERVER key, shown only now: {key}"));
    }
    say(&mut std::io::stdout().lock(), &format!("listening on http://{address}"));
    serve(engine.handle(), server, listener, shutdown).await?;
    tokio::task::spawn_blocking(move || engine.close()).await.map_err(|_| ServeError::Failed)
}

/// Writes a line; whoever closed the other end does not want to read it.
fn say(to: &mut impl Write, line: &str) {
    drop(writeln!(to, "{line}"));
    drop(to.flush());
}
