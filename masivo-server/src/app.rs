//! The running server: what every request needs, and its life from the first connection to the last.

use crate::codes::OneTimeCodes;
use crate::http::error::Failure;
use crate::http::listen;
use crate::http::log::{self, Observer, RequestIds};
use crate::http::metrics::Metrics;
use crate::keys::{self, CHOSEN_KEY_LENGTH_MIN, KeyRing, NewKey};
use crate::openapi;
use crate::routes;
use crate::token::Tokens;
use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use masivo_connect::http::SetupError;
use masivo_connect::worker::{self, Workers};
use masivo_core::value::Json;
use masivo_store::query::Query;
use masivo_store::{Handle, StoreError, SubmitError, Work};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tower_http::catch_panic::CatchPanicLayer;

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub struct ServerSettings {
    /// Whether the clock is a test clock, which `PUT /test_clock` moves.
    pub test_clock: bool,
    /// Whether webhooks may be called on private addresses.
    pub allow_private_addresses: bool,
    /// How messages and webhooks are delivered; `None` leaves them queued.
    pub deliveries: Option<worker::Settings>,
    /// Bounds on what comes in.
    pub limits: Limits,
}

/// Bounds on what comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Bytes of a batch.
    pub batch_bytes: usize,
    /// Open connections; more wait to be accepted.
    pub connections: usize,
    /// How long the head of a request may take, and how long a connection may idle.
    pub header_time: Duration,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long requests under way may take when the server closes.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            batch_bytes: 8 << 20,
            connections: 4_096,
            header_time: Duration::from_secs(30),
            body_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(30),
        }
    }
}

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The store could not be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine refused.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The address could not be listened on, or a file could not be read.
    #[error("{what}: {error}")]
    File {
        /// What was tried.
        what: String,
        /// What failed.
        error: std::io::Error,
    },
    /// The configuration is wrong.
    #[error("{0}")]
    Configuration(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The TLS settings of the workers cannot be made.
    #[error(transparent)]
    Deliveries(#[from] SetupError),
    /// A task of the server failed.
    #[error("a part of the server failed")]
    Failed,
}

/// What every request needs.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) handle: Handle,
    pub(crate) settings: ServerSettings,
    pub(crate) keys: KeyRing,
    /// Held while keys are made or revoked, so that the ring never shows an older state.
    pub(crate) changing_keys: Mutex<()>,
    pub(crate) tokens: Tokens,
    pub(crate) codes: OneTimeCodes,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) openapi: Arc<Json>,
}

impl App {
    fn new(handle: Handle, settings: ServerSettings) -> Result<Self, ServeError> {
        let tokens = Tokens::new(&handle.secret()).map_err(|_| ServeError::Failed)?;
        Ok(Self {
            handle,
            settings,
            keys: KeyRing::default(),
            changing_keys: Mutex::new(()),
            tokens,
            codes: OneTimeCodes::default(),
            metrics: Arc::new(Metrics::new()),
            openapi: Arc::new(openapi::describe()),
        })
    }

    /// Asks the store, away from the threads that serve connections.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Query) -> Result<T, SubmitError> + Send + 'static,
    ) -> Result<T, Failure> {
        let handle = self.handle.clone();
        let answer = tokio::task::spawn_blocking(move || question(&handle.query()?));
        Ok(answer.await.map_err(|_| Failure::panicked())??)
    }

    /// Reads the keys of the store.
    pub(crate) async fn load_keys(&self) -> Result<(), Failure> {
        self.keys.replace(self.read(|query| query.keys()).await?);
        Ok(())
    }
}

/// Makes sure that the store has a SERVER key: the chosen text, or a new one, which is given back to be shown
/// once. A store that has one already is left as it is.
///
/// # Errors
/// When the chosen text is too short, or the store cannot be read or written.
pub async fn first_key(handle: &Handle, chosen: Option<&str>) -> Result<Option<String>, ServeError> {
    let asked = handle.clone();
    let keys = tokio::task::spawn_blocking(move || asked.query()?.keys()).await;
    let keys = keys.map_err(|_| ServeError::Failed)??;
    let ring = KeyRing::default();
    ring.replace(keys);
    let chosen = chosen.map(str::trim);
    if ring.has_server_key() {
        if chosen.is_some_and(|text| ring.by_secret(text).is_none()) {
            tracing::warn!("the store has keys, and MASIVO_API_KEY is none of them: it opens nothing");
        }
        return Ok(None);
    }
    let wall = handle.clock().wall();
    if let Some(text) = chosen {
        if !keys::may_be_chosen(text) {
            let message = format!(
                "MASIVO_API_KEY has fewer than {CHOSEN_KEY_LENGTH_MIN} characters, or some beyond printable ASCII"
            );
            return Err(ServeError::Configuration(message));
        }
        drop(handle.submit(Work::CreateKey(keys::chosen(text, "first", wall)?)).await?);
        return Ok(None);
    }
    let NewKey { kept, secret } = keys::make(&keys::random()?, true, "first", wall);
    drop(handle.submit(Work::CreateKey(kept)).await?);
    Ok(Some(secret))
}

/// Serves the engine on a listener until `shutdown` is done; then lets what is under way finish.
///
/// # Errors
/// When the keys cannot be read or the workers cannot be started.
pub async fn serve(
    handle: Handle,
    settings: ServerSettings,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let deliveries = settings.deliveries.clone();
    let app = Arc::new(App::new(handle.clone(), settings)?);
    app.load_keys().await.map_err(|_| ServeError::Failed)?;
    let workers = deliveries.map(|settings| Workers::start(handle, settings)).transpose()?;
    let limits = app.settings.limits.clone();
    listen::accept(listener, router(&app), &limits, &app.metrics, shutdown).await;
    if let Some(workers) = workers {
        workers.stop().await;
    }
    Ok(())
}

/// All routes, with what is the same for each of them around them.
fn router(app: &Arc<App>) -> Router {
    around(routes::register(app).merge(openapi::page()), &app.metrics)
}

/// Errors of the router itself, panics, the log and the metrics.
fn around(routes: Router, metrics: &Arc<Metrics>) -> Router {
    let observer = Arc::new(Observer { ids: RequestIds::new(), metrics: Arc::clone(metrics) });
    routes
        .fallback(|| async { Failure::no_such_path() })
        .method_not_allowed_fallback(|method: Method| async move { Failure::method_not_allowed(&method) })
        .layer(CatchPanicLayer::custom(log::panicked))
        .layer(from_fn_with_state(observer, log::observe))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn a_panic_is_answered_without_its_text() {
        async fn panics() -> String {
            panic!("ana@example.com")
        }
        let routes = Router::new().route("/", get(panics));
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = around(routes, &Arc::new(Metrics::new())).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        let number = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
        let body = Json::parse(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_eq!((body.text("code"), body.text("request_id")), (Some("bug"), Some(number.as_str())));
        assert!(!body.to_string().contains("ana"), "{body}");
    }
}
