//! Events over HTTP: the whole server beside a bare hyper handler that reads the same bodies and does nothing.
//!
//! `cargo bench -p masivo-server --bench http -- [--customers N] [--rounds R] [--share S]`
//!
//! The load generator, the server and the bare handler share this machine; the sides alternate, medians of the rounds
//! are printed. The load is the one of docs/performance.md. Nothing is asserted but that every event is taken.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a bench is a script"
)]

mod load;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use load::{Folder, event_text, furnish, is_test, median, open, option, register, submit, tick};
use masivo_core::events::read_event;
use masivo_core::value::Json;
use masivo_server::{ServerSettings, first_key, serve};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

const KEY: &str = "a key for the bench, not a secret";
const SINGLE: &str = "/api/storefront/v1/behavior/events";
const BATCH: &str = "/api/storefront/v1/behavior/events/batch";

/// One way of sending events.
#[derive(Clone, Copy)]
struct Case {
    connections: usize,
    /// Events of one request.
    batch: usize,
    requests: usize,
}

/// What a round came to.
#[derive(Clone, Copy)]
struct Figures {
    events_per_second: f64,
    p50: f64,
    p99: f64,
}

/// Sends requests over connections that are kept alive, each waiting for its answer.
fn send(address: SocketAddr, customers: u64, case: Case) -> Figures {
    let request = || {
        let events: Vec<String> = (0..case.batch).map(|_| event_text(customers)).collect();
        let (path, body) = match events.as_slice() {
            [event] => (SINGLE, event.clone()),
            _ => (BATCH, format!(r#"{{"events":[{}]}}"#, events.join(","))),
        };
        format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let requests: Arc<Vec<String>> = Arc::new((0..case.requests).map(|_| request()).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let started = Instant::now();
    let mut times: Vec<f64> = runtime.block_on(async {
        let callers: Vec<_> = (0..case.connections)
            .map(|_| tokio::spawn(call(address, Arc::clone(&requests), Arc::clone(&next))))
            .collect();
        let mut times = Vec::new();
        for caller in callers {
            times.extend(caller.await.unwrap());
        }
        times
    });
    let seconds = started.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[(times.len() as f64 * share) as usize] * 1e3;
    Figures { events_per_second: (case.requests * case.batch) as f64 / seconds, p50: at(0.5), p99: at(0.99) }
}

/// One connection: gives the seconds of each answer.
async fn call(address: SocketAddr, requests: Arc<Vec<String>>, next: Arc<AtomicUsize>) -> Vec<f64> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut times, mut buffer) = (Vec::new(), Vec::with_capacity(1 << 20));
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        tick();
        let started = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        buffer.clear();
        while !is_whole(&buffer) {
            assert!(stream.read_buf(&mut buffer).await.unwrap() > 0, "the server hung up");
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer));
        times.push(started.elapsed().as_secs_f64());
    }
    times
}

/// Whether the bytes are a whole answer.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = std::str::from_utf8(&bytes[..head]).unwrap().to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    bytes.len() >= head + 4 + length.unwrap()
}

/// Reads the events of a body as the server does, and answers as many bytes.
async fn bare(request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let json = Json::parse(&body).unwrap();
    let events = json.get("events").map_or(std::slice::from_ref(&json), Json::items);
    let answers: Vec<Json> =
        events.iter().map(|event| Json::clone(&read_event(event, false).unwrap().0.payload)).collect();
    Ok(hyper::Response::new(Full::from(Json::List(answers).to_text())))
}

async fn serve_bare(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let served = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(bare));
        tokio::spawn(async move { drop(served.await) });
    }
}

fn listen(runtime: &Runtime) -> (TcpListener, SocketAddr) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn main() {
    if is_test() {
        return;
    }
    let folder = Folder::new();
    let customers = option("--customers", 300_000.0) as u64;
    let (rounds, share) = (option("--rounds", 5.0) as usize, option("--share", 1.0));
    let engine = open(&folder.file("shop.db"), 2 * customers as usize);
    let handle = engine.handle();
    furnish(&handle, 20);
    register(&handle, customers);
    submit(&handle, customers, customers);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(first_key(&handle, Some(KEY))).unwrap();
    let (listener, ours) = listen(&runtime);
    let (bare_listener, theirs) = listen(&runtime);
    runtime.spawn(serve(handle, ServerSettings::default(), listener, std::future::pending()));
    runtime.spawn(serve_bare(bare_listener));
    println!(
        "connections  events/request   server/s      bare/s   server/bare   p50 ms   p99 ms   (medians of {rounds})"
    );
    let count = |events: f64| (events * share) as usize;
    for case in [
        Case { connections: 1, batch: 1, requests: count(1_500.0) },
        Case { connections: 32, batch: 1, requests: count(15_000.0) },
        Case { connections: 32, batch: 100, requests: count(400.0) },
    ] {
        let (mut server, mut bare) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            if round % 2 == 0 {
                server.push(send(ours, customers, case));
                bare.push(send(theirs, customers, case));
            } else {
                bare.push(send(theirs, customers, case));
                server.push(send(ours, customers, case));
            }
        }
        let of = |side: &[Figures], figure: fn(&Figures) -> f64| median(side.iter().map(figure).collect());
        let ratios =
            server.iter().zip(&bare).map(|(one, other)| one.events_per_second / other.events_per_second);
        println!(
            "{:>11} {:>15} {:>10.0} {:>11.0} {:>13.2} {:>8.2} {:>8.2}",
            case.connections,
            case.batch,
            of(&server, |figures| figures.events_per_second),
            of(&bare, |figures| figures.events_per_second),
            median(ratios.collect()),
            of(&server, |figures| figures.p50),
            of(&server, |figures| figures.p99),
        );
    }
    runtime.shutdown_background();
    drop(engine);
}
