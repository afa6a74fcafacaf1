//! Keeping the demo up as a server. The only file that knows the server's crate.

use super::Finished;
use crate::error::Failure;
use crate::output::Output;
use masivo_connect::email::Transport;
use masivo_connect::worker;
use masivo_core::value::Json;
use masivo_server::{ServeError, ServerSettings, first_key};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// The description of the API of this program's server.
pub(crate) fn api_description() -> Result<Json, Failure> {
    Ok(masivo_server::describe())
}

/// Serves the demo until somebody stops it. A machine gets one document when the server is up: the summary, with
/// the address and the key.
pub(crate) fn serve(finished: Finished, listen: SocketAddr, output: Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::environment("runtime", error.to_string(), ""))?;
    let Finished { engine, outbox, summary } = finished;
    let settings = ServerSettings {
        test_clock: true,
        deliveries: Some(worker::Settings {
            email: Some(Transport::Folder(outbox)),
            ..worker::Settings::default()
        }),
        ..ServerSettings::default()
    };
    let served = runtime.block_on(async {
        let key = first_key(&engine.handle(), None).await.map_err(|error| server_failure(&error))?;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            let message = format!("`{listen}` cannot be listened on: {error}");
            Failure::environment("listen", message, "stop what listens there, or choose another --listen")
        })?;
        let address = listener.local_addr().unwrap_or(listen);
        let key = key.unwrap_or_default();
        let mut document = summary.to_json();
        document.set("listening", format!("http://{address}"));
        document.set("key", key.as_str());
        document.set("now", summary.now());
        output.answer(&document, || {
            let now = summary.now();
            format!(
                "\nlistening on http://{address} (its clock stands at {now}; PUT /test_clock moves it)\n\
                 SERVER key, shown only now: {key}\n\
                 try: curl -H 'authorization: Bearer {key}' http://{address}/api/storefront/v1/customers/00050\n\
                 docs: http://{address}/docs   stop with Ctrl-C"
            )
        })?;
        masivo_server::serve(engine.handle(), settings, listener, stop_signal()).await.map_err(|error| server_failure(&error))
    });
    engine.close();
    served
}

fn server_failure(error: &ServeError) -> Failure {
    Failure::environment("server", error.to_string(), "check the store and the address, and try again")
}

/// Done when the program is told to stop.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without signals only the end of the process stops the server.
    drop(tokio::signal::ctrl_c().await);
}
