//! Makes one HTTP call to a place a tenant chose, without trusting it.
//!
//! - **Forbidden address**: one that is not part of the public internet (this machine, the private
//!   network, the cloud's metadata service).
//! - **Begun**: the client started to write the request; from then on nobody can say what arrived.
//!
//! Guarantees:
//! - H1: no connection is opened to a forbidden address, unless the client was made with
//!   `allow_private`. The check follows name resolution, on the very addresses that are then used, so a
//!   name that changes its answer (DNS rebinding) does not pass.
//! - H2: redirects are not followed, proxies of the environment are not used.
//! - H3: a call ends within its timeout, and at most 64 KiB of an answer are read.
//! - H4: [`PostError::RefusedAddress`], [`PostError::Resolve`] and [`PostError::Connect`] mean that
//!   nothing was sent. Any doubt is [`PostError::Timeout`] or [`PostError::Broken`].

use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::DateTime;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{DATE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};
use tower::Service;

use crate::address;

/// How much of an answer is read, in bytes.
pub const BODY_LIMIT: usize = 64 * 1_024;
/// How much of an answer is kept, in bytes.
pub const BODY_START_LIMIT: usize = 2 * 1_024;
/// The longest timeout of a call; longer ones are shortened to it.
pub const TIMEOUT_LIMIT: Duration = Duration::from_secs(300);

const AGENT: &str = concat!("masivo/", env!("CARGO_PKG_VERSION"));

/// What the destination answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// How long the destination asks us to wait, if it does.
    pub retry_after_seconds: Option<u64>,
    /// The first 2 KiB of the body, for a person to read.
    pub body_start: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The host is, or resolves only to, a forbidden address; nothing was sent.
    #[error("the host is inside a private network and must not be called")]
    RefusedAddress,
    /// The host has no address; nothing was sent.
    #[error("the name of the host cannot be resolved: {reason}")]
    Resolve {
        /// What the resolver said.
        reason: String,
    },
    /// No usable connection came about; nothing was sent.
    #[error("no connection to the host: {reason}")]
    Connect {
        /// What failed.
        reason: String,
    },
    /// No answer came in time; the call may have been delivered.
    #[error("no answer within {milliseconds} ms; the call may have been delivered")]
    Timeout {
        /// The timeout that passed.
        milliseconds: u64,
    },
    /// The connection broke after the call was begun; it may have been delivered.
    #[error("the connection broke during the call, which may have been delivered: {reason}")]
    Broken {
        /// What failed.
        reason: String,
    },
}

impl PostError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RefusedAddress => "address_refused",
            Self::Resolve { .. } => "name_not_resolved",
            Self::Connect { .. } => "not_connected",
            Self::Timeout { .. } => "timed_out",
            Self::Broken { .. } => "connection_broken",
        }
    }

    /// Says whether the call may have been delivered all the same.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        match self {
            Self::RefusedAddress | Self::Resolve { .. } | Self::Connect { .. } => false,
            Self::Timeout { .. } | Self::Broken { .. } => true,
        }
    }
}

/// A client that cannot be made, because the TLS library refuses its own settings.
#[derive(Debug, thiserror::Error)]
#[error("the TLS settings are refused")]
pub struct SetupError(#[source] rustls::Error);

/// Makes calls; clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Outgoing>,
    allow_private: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

impl Client {
    /// Makes a client with TLS by ring and the public certificate roots built in.
    ///
    /// `allow_private` is for tests and closed networks: it lets `http` and forbidden addresses pass.
    ///
    /// # Errors
    /// [`SetupError`] when the TLS library refuses the settings, which it does not for a release build
    /// that passed its tests.
    pub fn new(allow_private: bool) -> Result<Self, SetupError> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver { allow_private });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(SetupError)?;
        let builder = if allow_private { builder.https_or_http() } else { builder.https_only() };
        let connector = builder.enable_all_versions().wrap_connector(tcp);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .build(connector);
        Ok(Self { inner, allow_private })
    }

    /// Sends a POST and returns the answer, whatever its status.
    ///
    /// Once a status has arrived the call is answered: a body that breaks off or takes too long only
    /// shortens `body_start`.
    ///
    /// # Errors
    /// A [`PostError`]; see [`PostError::outcome_unknown`].
    pub async fn post(
        &self,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Response, PostError> {
        let literal = address::literal(uri.host().unwrap_or_default()).flatten();
        if !self.allow_private && literal.is_some_and(address::is_forbidden) {
            return Err(PostError::RefusedAddress);
        }
        let timeout = timeout.min(TIMEOUT_LIMIT);
        let deadline = Instant::now() + timeout;
        let begun = Arc::new(AtomicBool::new(false));
        let mut request = Request::new(Outgoing { body: Full::new(body), begun: Arc::clone(&begun) });
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));

        let outcome = timeout_at(deadline, self.inner.request(request)).await;
        let begun = begun.load(Ordering::SeqCst);
        match outcome {
            Ok(Ok(response)) => Ok(read(response, deadline).await),
            Ok(Err(error)) => Err(classify(&error, begun)),
            Err(_) if begun => {
                let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                Err(PostError::Timeout { milliseconds })
            }
            Err(_) => Err(PostError::Connect { reason: "it took too long".to_owned() }),
        }
    }
}

fn classify(error: &legacy::Error, begun: bool) -> PostError {
    let mut reason = error.to_string();
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        if let Some(problem) = cause.downcast_ref::<ResolveProblem>() {
            return match problem {
                ResolveProblem::Forbidden => PostError::RefusedAddress,
                ResolveProblem::Failed(reason) => PostError::Resolve { reason: reason.clone() },
            };
        }
        reason = cause.to_string();
        next = cause.source();
    }
    if error.is_connect() || !begun { PostError::Connect { reason } } else { PostError::Broken { reason } }
}

async fn read(response: hyper::Response<Incoming>, deadline: Instant) -> Response {
    let status = response.status().as_u16();
    let retry_after_seconds = retry_after(response.headers());
    let mut body = response.into_body();
    let mut start = Vec::new();
    let mut length = 0_usize;
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
        let Some(data) = frame.data_ref() else { continue };
        let room = BODY_START_LIMIT.saturating_sub(start.len());
        start.extend_from_slice(data.get(..room).unwrap_or(data));
        length = length.saturating_add(data.len());
        if length >= BODY_LIMIT {
            break;
        }
    }
    Response { status, retry_after_seconds, body_start: lossy(&start) }
}

/// Reads text, leaving out what is not UTF-8 at its cut end and replacing it elsewhere.
fn lossy(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if text.len() + character.len_utf8() > BODY_START_LIMIT {
                return text;
            }
            text.push(character);
        }
        if !chunk.invalid().is_empty() && text.len() + 4 <= BODY_START_LIMIT {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

/// Reads `Retry-After`: seconds, or a date, which is measured from the answer's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let value = text(RETRY_AFTER)?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(u64::MAX));
    }
    let until = DateTime::parse_from_rfc2822(value).ok()?;
    let now = DateTime::parse_from_rfc2822(text(DATE)?).ok()?;
    u64::try_from(until.timestamp().saturating_sub(now.timestamp())).ok()
}

/// A body that remembers whether anyone has looked at it, which happens when the request is written.
struct Outgoing {
    body: Full<Bytes>,
    begun: Arc<AtomicBool>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.begun.store(true, Ordering::SeqCst);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.begun.store(true, Ordering::SeqCst);
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.begun.store(true, Ordering::SeqCst);
        self.body.size_hint()
    }
}

/// Resolves names by the system and leaves out forbidden addresses.
#[derive(Clone, Copy, Debug)]
struct Resolver {
    allow_private: bool,
}

#[derive(Debug, thiserror::Error)]
enum ResolveProblem {
    #[error("every address of the host is forbidden")]
    Forbidden,
    #[error("{0}")]
    Failed(String),
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveProblem;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|error| ResolveProblem::Failed(error.to_string()))?;
            filter(found.collect(), allow_private).map(Vec::into_iter)
        })
    }
}

fn filter(found: Vec<SocketAddr>, allow_private: bool) -> Result<Vec<SocketAddr>, ResolveProblem> {
    if found.is_empty() {
        return Err(ResolveProblem::Failed("the name has no address".to_owned()));
    }
    let kept: Vec<SocketAddr> =
        found.into_iter().filter(|found| allow_private || !address::is_forbidden(found.ip())).collect();
    if kept.is_empty() { Err(ResolveProblem::Forbidden) } else { Ok(kept) }
}

#[cfg(test)]
mod tests;
