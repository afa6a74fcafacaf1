//! `kill -9` of the server under load, in a loop: every acknowledged event is there once, and the same request sent
//! again never acts twice, also when its first answer was lost.
//!
//! `MASIVO_CRASH_SECONDS=600` for a long run.

use crate::binary::{KEY, Running, command, folder, start};
use crate::house::json;
use masivo_core::value::Json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CALLERS: u64 = 8;

/// A connection that is kept alive.
struct Caller(BufReader<TcpStream>);

impl Caller {
    fn connect(address: &str) -> std::io::Result<Self> {
        TcpStream::connect(address).map(|stream| Self(BufReader::new(stream)))
    }

    /// The status and the body; an error when the server died meanwhile.
    fn post(&mut self, path: &str, body: &str) -> std::io::Result<(u16, Json)> {
        let request = format!(
            "POST /api/storefront/v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let (mut line, mut status, mut length) = (String::new(), None, 0);
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(cut());
            }
            let text = line.trim().to_ascii_lowercase();
            if text.is_empty() {
                break;
            }
            status = status.or_else(|| text.split(' ').nth(1)?.parse().ok());
            if let Some(value) = text.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| cut())?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status.ok_or_else(cut)?, json(std::str::from_utf8(&body).map_err(|_| cut())?)))
    }
}

/// What was sent and, where an answer came, the event it made.
type Sent = Arc<Mutex<BTreeMap<String, Option<String>>>>;

fn event(key: &str) -> String {
    let caller: u64 = key.split('-').next().unwrap().parse().unwrap();
    format!(
        r#"{{"id": "{key}", "customer_id": "customer-{}", "brand_id": "shop", "type": "PURCHASE", "order": {{"value": 1}}}}"#,
        caller % 3
    )
}

fn made(answer: &Json) -> String {
    answer.path("data.id").and_then(Json::as_text).unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Sends events, one at a time or some in a batch, until the server dies.
fn send_until_it_dies(address: &str, caller: u64, round: u64, sent: &Sent, answered: &Sender<usize>) {
    let Ok(mut connection) = Caller::connect(address) else { return };
    for number in 0_u64.. {
        let keys: Vec<String> = match number % 4 {
            0 => (0..5).map(|row| format!("{caller}-{round}-{number}-{row}")).collect(),
            _ => vec![format!("{caller}-{round}-{number}")],
        };
        sent.lock().unwrap().extend(keys.iter().map(|key| (key.clone(), None)));
        let bodies: Vec<String> = keys.iter().map(|key| event(key)).collect();
        let answers = if let [body] = bodies.as_slice() {
            connection.post("/behavior/events", body).map(|(status, answer)| {
                assert_eq!(status, 200, "{answer}");
                vec![made(&answer)]
            })
        } else {
            let batch = format!(r#"{{"events": [{}]}}"#, bodies.join(","));
            connection.post("/behavior/events/batch", &batch).map(|(status, answer)| {
                assert_eq!(status, 200, "{answer}");
                answer.get("data").unwrap().items().iter().map(made).collect()
            })
        };
        let Ok(answers) = answers else { return };
        let count = answers.len();
        sent.lock().unwrap().extend(keys.into_iter().zip(answers.into_iter().map(Some)));
        // Nobody listens any more once the server is being killed.
        let _ = answered.send(count);
    }
}

fn furnish(server: &Running) {
    server.ask("PUT", "/brands/shop", KEY, r#"{"name": "Shop"}"#);
    let reward = server.ask("POST", "/rewards", KEY, r#"{"name": "points", "type": "POINTS"}"#);
    let reward = made(&json(reward.split_once("\r\n\r\n").unwrap().1));
    let campaign = format!(
        r#"{{"name": "a point a dollar", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true, "rules":
            [{{"effects": [{{"reward_id": "{reward}", "amount": 1, "per": {{"type": "order.value", "unit": 1}}}}]}}]}}"#
    );
    assert!(server.ask("POST", "/campaigns?type=BEHAVIOR", KEY, &campaign).contains(" 201 "));
    for customer in 0..3 {
        let body = format!(r#"{{"id": "customer-{customer}", "is_anonymous": true}}"#);
        assert!(server.ask("POST", "/customers", KEY, &body).contains(" 201 "));
    }
}

/// Sends everything again: what was answered must be answered the same.
fn send_again(server: &Running, sent: &Sent) {
    let mut connection = Caller::connect(&server.address).unwrap();
    for (key, before) in sent.lock().unwrap().iter_mut() {
        let (status, answer) = connection.post("/behavior/events", &event(key)).unwrap();
        assert_eq!(status, 200, "{answer}");
        let again = made(&answer);
        assert!(before.as_ref().is_none_or(|before| *before == again), "{key}: {before:?} and {again}");
        *before = Some(again);
    }
}

fn points(server: &Running) -> u64 {
    let wallets = (0..3).map(|customer| {
        let answer = server.ask("GET", &format!("/customers/customer-{customer}/wallet"), KEY, "");
        let wallet = json(answer.split_once("\r\n\r\n").unwrap().1);
        let totals = wallet.path("data.totals").map_or(&[][..], Json::items);
        totals.iter().filter_map(|total| total.integer("total")).sum::<i64>()
    });
    wallets.sum::<i64>().try_into().unwrap()
}

fn verified(path: &Path) -> u64 {
    let reader = masivo_store::SqliteReader::open(path).unwrap();
    let verification = masivo_store::verify(&reader).unwrap();
    assert_eq!(verification.findings, Vec::new());
    verification.facts
}

#[test]
fn a_killed_server_loses_nothing_it_acknowledged_and_doubles_nothing() {
    let seconds = std::env::var("MASIVO_CRASH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let ends = Instant::now() + Duration::from_secs(seconds);
    let folder = folder("crash");
    let begin = || {
        let mut command = command(&folder);
        // Nobody reads the log here, and a full pipe would hold the server up.
        command.env("MASIVO_API_KEY", KEY).stderr(Stdio::null());
        start(command)
    };
    let server = begin();
    furnish(&server);
    server.stop();
    let sent = Sent::default();
    let (mut kills, mut lost) = (0_u64, 0);
    while kills < 3 || Instant::now() < ends {
        let mut server = begin();
        let (answered, answers) = channel();
        std::thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (address, sent, answered) = (&server.address, &sent, answered.clone());
                scope.spawn(move || send_until_it_dies(address, caller, kills, sent, &answered));
            }
            drop(answered);
            // It dies in the middle of things, at another place each time.
            let wanted = 40 + usize::try_from(kills * 37 % 400).unwrap();
            let mut count = 0;
            while count < wanted {
                count += answers.recv().expect("the server answers until it is killed");
            }
            server.child.kill().unwrap();
        });
        server.child.wait().unwrap();
        kills += 1;
        let server = begin();
        lost += sent.lock().unwrap().values().filter(|answer| answer.is_none()).count();
        // Before anything is sent again: what was acknowledged is there, and at most what was sent.
        let count =
            |answered: bool| sent.lock().unwrap().values().filter(|one| !answered || one.is_some()).count();
        let there = points(&server);
        assert!(
            u64::try_from(count(true)).unwrap() <= there && there <= u64::try_from(count(false)).unwrap()
        );
        send_again(&server, &sent);
        assert_eq!(points(&server), u64::try_from(count(false)).unwrap(), "each gave its point once");
        server.stop();
    }
    let facts = verified(&folder.join("shop.db"));
    println!(
        "{kills} kills, {} events, {lost} answers lost, {facts} facts verified",
        sent.lock().unwrap().len()
    );
    drop(std::fs::remove_dir_all(&folder));
}
