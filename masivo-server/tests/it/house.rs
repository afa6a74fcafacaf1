//! A server in this process, and a client that holds every answer against its declared shape.

use axum::body::Bytes;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use masivo_connect::email::Transport;
use masivo_connect::worker;
use masivo_core::problem::{Pointer, Report};
use masivo_core::shape::Shape;
use masivo_core::value::{Json, Name, Timestamp};
use masivo_server::routes::{Output, PREFIX, Route, table};
use masivo_server::shapes::{ERROR, PROBLEM};
use masivo_server::{ServeError, ServerSettings, first_key, serve};
use masivo_store::{Config, Engine, Handle, ManualClock};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The SERVER key of every test.
pub(crate) const KEY: &str = "0197b0de-7c5e-7000-8000-000000000001";
/// When every test begins: a Thursday, far from any turn of a period.
pub(crate) const START: &str = "2026-01-15T10:00:00Z";

/// A running server.
pub(crate) struct House {
    engine: Option<Engine>,
    pub(crate) handle: Handle,
    pub(crate) address: SocketAddr,
    /// Where mails are put.
    pub(crate) folder: PathBuf,
    client: Client<HttpConnector, Full<Bytes>>,
    shutdown: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<Result<(), ServeError>>>,
    /// The entries of the table that answered with success.
    pub(crate) answered: Mutex<BTreeSet<(&'static str, &'static str)>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Json,
}

impl Answer {
    /// The body, when the status is as expected.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Json {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json
    }

    /// The `data`, when the status is 200 or 201.
    #[track_caller]
    pub(crate) fn data(self) -> Json {
        assert!(matches!(self.status.as_u16(), 200 | 201), "{} {}", self.status, self.text);
        self.json.get("data").cloned().unwrap_or_default()
    }

    /// The code of the error, when the status is as expected.
    #[track_caller]
    pub(crate) fn code(self, status: u16) -> String {
        self.expect(status).text("code").unwrap().to_owned()
    }
}

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|report| panic!("{report}: {text}"))
}

/// A value at a JSON pointer, as its JSON text; empty when it is not there.
pub(crate) fn at(json: &Json, pointer: &str) -> String {
    let mut value = Some(json);
    for step in pointer.split('/').skip(1) {
        value = value.and_then(|value| match step.parse::<usize>() {
            Ok(index) if !value.items().is_empty() => value.items().get(index),
            _ => value.get(step),
        });
    }
    value
        .map(|value| value.as_text().map_or_else(|| value.to_string(), ToOwned::to_owned))
        .unwrap_or_default()
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config, &mut ServerSettings)) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let clock = ManualClock::new(Timestamp::parse(START).unwrap());
        let mut config = Config::memory(Arc::new(clock));
        let mut settings =
            ServerSettings { test_clock: true, allow_private_addresses: true, ..ServerSettings::default() };
        change(&mut config, &mut settings);
        let engine = Engine::open(config).unwrap();
        let handle = engine.handle();
        assert_eq!(first_key(&handle, Some(KEY)).await.unwrap(), None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, asked) = oneshot::channel::<()>();
        let served = serve(handle.clone(), settings, listener, async move { drop(asked.await) });
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("masivo-server-{}-{number}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        Self {
            engine: Some(engine),
            handle,
            address,
            folder,
            client: Client::builder(TokioExecutor::new()).build_http(),
            shutdown: Some(shutdown),
            task: Some(tokio::spawn(served)),
            answered: Mutex::default(),
        }
    }

    /// Asks the server to end.
    pub(crate) fn ask_to_end(&mut self) {
        self.shutdown.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(mut self) {
        if self.shutdown.is_some() {
            self.ask_to_end();
        }
        self.task.take().unwrap().await.unwrap().unwrap();
        self.engine.take().unwrap().close();
        drop(std::fs::remove_dir_all(&self.folder));
    }

    /// Sends anything.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let full =
            if path.starts_with("/_") { path.replacen("/_", "", 1) } else { format!("{PREFIX}{path}") };
        let mut request = Request::builder().method(method).uri(format!("http://{}{full}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let response = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let json = Json::parse(text.as_bytes()).unwrap_or_default();
        let answer = Answer { status: parts.status, headers: parts.headers, text, json };
        let raw_path = full.split('?').next().unwrap_or_default();
        self.hold_against_declaration(method, raw_path, &answer);
        answer
    }

    /// Sends with the SERVER key; an empty body is none.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask_with(method, path, body, &[]).await
    }

    /// Sends with the SERVER key and more headers.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        more: &[(&str, &str)],
    ) -> Answer {
        let bearer = format!("Bearer {KEY}");
        let mut headers = vec![("authorization", bearer.as_str())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        headers.extend(more);
        self.send(method, path, &headers, body.as_bytes().to_vec()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.ask("PUT", path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &str) -> Answer {
        self.ask("PATCH", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, "").await
    }

    /// Moves the test clock.
    pub(crate) async fn travel(&self, to: &str) {
        self.put("/test_clock", &format!(r#"{{"now": "{to}"}}"#)).await.data();
    }

    /// Delivers what is due, as the workers do; gives how many deliveries were tried.
    pub(crate) async fn deliver(&self) -> u64 {
        worker::deliver_due(&self.handle, &self.deliveries()).await.unwrap()
    }

    pub(crate) fn deliveries(&self) -> worker::Settings {
        worker::Settings {
            email: Some(Transport::Folder(self.folder.clone())),
            email_from: Some("Shop <hello@shop.example>".into()),
            allow_private_addresses: true,
            timeout: Duration::from_secs(5),
        }
    }

    /// The mails that lie in the folder.
    pub(crate) fn mails(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }

    fn hold_against_declaration(&self, method: &str, path: &str, answer: &Answer) {
        let place = format!("{method} {path}: {}", answer.text);
        assert!(answer.headers.contains_key("x-request-id"), "{place}");
        if answer.status.is_client_error() || answer.status.is_server_error() {
            // An answer to HEAD has no body.
            if method != "HEAD" {
                assert_fits(&Shape::Object(&ERROR), &answer.json, &place);
                let said = answer.headers.get("x-request-id").unwrap().to_str().unwrap();
                assert_eq!(answer.json.text("request_id"), Some(said), "{place}");
            }
            return;
        }
        let Some(route) = route_of(method, path) else { return };
        assert_eq!(answer.status.as_u16(), route.status, "{place}");
        if method != "HEAD" {
            check_success(route, answer, &place);
        }
        self.answered.lock().unwrap().insert((route.method.name(), route.path));
    }
}

fn check_success(route: &Route, answer: &Answer, place: &str) {
    let json = &answer.json;
    let data = json.get_or_null("data").cloned().unwrap_or_default();
    let mut known = vec!["data", "warnings"];
    match &route.output {
        Output::Plain(shape) => return assert_fits(shape, json, place),
        Output::Text(_) | Output::NotYet => return,
        Output::Data(shape) => assert_fits(shape, &data, place),
        Output::Page(of) => {
            known.push("next");
            assert!(json.get_or_null("next").is_some(), "{place}");
            data.items().iter().for_each(|item| assert_fits(of, item, place));
        }
        Output::Window(of) => {
            known.extend(["from", "to", "count"]);
            assert!(["from", "to", "count"].iter().all(|name| json.integer(name).is_some()), "{place}");
            data.items().iter().for_each(|item| assert_fits(of, item, place));
        }
    }
    for warning in json.get("warnings").map_or(&[][..], Json::items) {
        assert_fits(&Shape::Object(&PROBLEM), warning, place);
    }
    let unknown: Vec<&Name> =
        json.fields().iter().map(|(name, _)| name).filter(|name| !known.contains(&&***name)).collect();
    assert!(unknown.is_empty(), "{unknown:?} in {place}");
}

fn assert_fits(shape: &Shape, json: &Json, place: &str) {
    let mut report = Report::default();
    shape.check(json, &Pointer::root(), &mut report);
    assert!(!report.has_problems(), "not as declared: {report}\n{place}");
}

/// The entry of the table that answers a path; a pattern without parameters goes before one with.
fn route_of(method: &str, path: &str) -> Option<&'static Route> {
    let method = if method == "HEAD" { "GET" } else { method };
    let fits = |route: &&Route| {
        let (pattern, path): (Vec<&str>, Vec<&str>) =
            (route.path.split('/').collect(), path.split('/').collect());
        route.method.name() == method
            && pattern.len() == path.len()
            && pattern.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
    };
    table().filter(fits).min_by_key(|route| route.path.matches('{').count())
}

/// A receiver of webhooks: gives what was sent to it.
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: tokio::sync::mpsc::UnboundedReceiver<(HeaderMap, Bytes)>,
}

impl Receiver {
    /// A receiver that answers everything with a status.
    pub(crate) async fn new(status: StatusCode) -> Self {
        let (sender, received) = tokio::sync::mpsc::unbounded_channel();
        let take = move |headers: HeaderMap, body: Bytes| {
            let sender = sender.clone();
            async move {
                drop(sender.send((headers, body)));
                status
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/hook", axum::routing::post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, received }
    }

    /// The next thing that was sent.
    pub(crate) async fn next(&mut self) -> (HeaderMap, Bytes) {
        tokio::time::timeout(Duration::from_secs(20), self.received.recv())
            .await
            .expect("nothing came")
            .unwrap()
    }
}
