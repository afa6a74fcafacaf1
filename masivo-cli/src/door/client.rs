//! A small HTTP client: one server, JSON in and out, http and https.

use crate::error::Failure;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use masivo_core::value::Json;
use std::time::Duration;

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 * 1_024 * 1_024;
/// Where the API lives on a server.
const PREFIX: &str = "/api/storefront/v1";

/// One server.
#[derive(Clone)]
pub(super) struct Client {
    inner: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    authorization: Option<HeaderValue>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of a server; `key` is a SERVER key.
    pub(super) fn new(url: &str, key: Option<&str>) -> Result<Self, Failure> {
        let wrong = || {
            Failure::usage(
                format!("`{url}` is not the address of a server"),
                "for example --url http://127.0.0.1:8080",
            )
        };
        let base = url.trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| wrong())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(wrong());
        }
        let authorization = match key {
            None => None,
            Some(key) => {
                let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| {
                    Failure::usage("the key has characters no key has", "check --key and MASIVO_KEY")
                })?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_secs(10)));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| Failure::bug(format!("the TLS settings are refused: {error}")))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let inner =
            legacy::Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { inner, base, authorization })
    }

    /// Calls a path of the API and gives the whole answer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Json>,
    ) -> Result<Json, Failure> {
        self.call_path(method, &format!("{PREFIX}{path}"), key, body).await
    }

    /// Calls a path of the server and gives the whole answer.
    pub(super) async fn call_path(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Json>,
    ) -> Result<Json, Failure> {
        let (status, bytes) = tokio::time::timeout(TIMEOUT, self.exchange(method, path, key, body))
            .await
            .map_err(|_| self.unreachable("it gave no answer within a minute"))??;
        let answer = if bytes.is_empty() { Ok(Json::Null) } else { parse(&bytes) };
        match (status, answer) {
            (200..=299, Ok(answer)) => Ok(answer),
            (_, Ok(answer)) if answer.get("code").is_some() => Err(Failure::of_answer(status, &answer)),
            _ => Err(self.unreachable(&format!("what is there answered {status} and is no masivo server"))),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Json>,
    ) -> Result<(u16, Bytes), Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(headers) = request.headers_mut() {
            headers.insert(
                USER_AGENT,
                HeaderValue::from_static(concat!("masivo-cli/", env!("CARGO_PKG_VERSION"))),
            );
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            if let Some(authorization) = &self.authorization {
                headers.insert(AUTHORIZATION, authorization.clone());
            }
            if body.is_some() {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            if let Some(key) = key {
                let key = HeaderValue::try_from(key).map_err(|_| {
                    Failure::usage("an idempotency key is plain text", "use letters and digits")
                })?;
                headers.insert("idempotency-key", key);
            }
        }
        let bytes = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(bytes))).map_err(|error| {
            Failure::usage(format!("`{path}` cannot be asked for: {error}"), "check the id")
        })?;
        let response = self.inner.request(request).await.map_err(|error| self.unreachable(&cause(&error)))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| self.unreachable(&format!("the answer broke off: {error}")))?;
        Ok((status, body.to_bytes()))
    }

    fn unreachable(&self, why: &str) -> Failure {
        let message = format!("the server at {} cannot be reached: {why}", self.base);
        Failure::environment("server_unreachable", message, "check --url, and whether the server is up")
    }
}

fn parse(bytes: &[u8]) -> Result<Json, Failure> {
    Json::parse(bytes).map_err(|report| Failure::from(&report))
}

/// The innermost reason, which is the one that helps.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(inner) = error.source() {
        error = inner;
    }
    error.to_string()
}

/// A text as a segment of a path.
pub(super) fn segment(text: &str) -> String {
    let mut shown = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            shown.push(char::from(byte));
        } else {
            shown.push_str(&format!("%{byte:02X}"));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_into_paths() {
        assert_eq!(segment("ana/b c"), "ana%2Fb%20c");
        assert_eq!(segment("é"), "%C3%A9");
    }

    #[test]
    fn addresses_are_checked_before_anything_is_sent() {
        for url in ["", "shop.example", "ftp://shop.example", "http://"] {
            assert!(Client::new(url, None).is_err(), "{url}");
        }
        assert!(Client::new("http://127.0.0.1:8080/", Some("mk_x")).is_ok());
    }
}
