//! `kill -9` in a loop: what was acknowledged is there once, what was not is there once or not at all.
//!
//! The test starts itself as another process that writes and says what was acknowledged; it is killed after
//! some number of acknowledgements. `MASIVO_CRASH_ROUNDS=100` for a long run.

use crate::files::Folder;
use masivo_store::conformance::{House, purchase, start_instant};
use masivo_store::{Mode, SqliteBackend};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const FILE: &str = "MASIVO_CRASH_FILE";
const ROUND: &str = "MASIVO_CRASH_ROUND";

fn open(path: &Path) -> House {
    House::open(SqliteBackend::open(path, Mode::Test, Some([7; 16])).unwrap(), start_instant())
}

fn keyed(key: &str) -> masivo_core::Command {
    purchase("ana", "1", &format!(r#", "id": "{key}""#))
}

/// The other process: writes until it is killed. Without its environment it has nothing to do.
#[test]
fn writes_until_it_is_killed() {
    let (Ok(path), Ok(round)) = (std::env::var(FILE), std::env::var(ROUND)) else { return };
    let house = open(Path::new(&path));
    let mut out = std::io::stdout().lock();
    for group in 0_u64.. {
        let keys: Vec<String> = (0..=group % 7).map(|row| format!("{round}-{group}-{row}")).collect();
        let commands = keys.iter().map(|key| keyed(key).into()).collect();
        let answers = house.handle().submit_all_blocking(commands).unwrap();
        for (key, answer) in keys.iter().zip(answers) {
            answer.unwrap();
            writeln!(out, "ack {key}").unwrap();
        }
        out.flush().unwrap();
    }
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged_and_doubles_nothing() {
    let rounds: usize =
        std::env::var("MASIVO_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6);
    let folder = Folder::new();
    let house = open(&folder.file());
    house.furnish().register("ana").unwrap();
    house.close();
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::writes_until_it_is_killed", "--exact", "--nocapture"])
            .env(FILE, folder.file())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut count = 0;
        for line in lines {
            // A line may be cut short by the kill: only whole ones count, as for any client.
            let Ok(line) = line else { break };
            if let Some(key) = line.strip_prefix("ack ").filter(|key| key.split('-').count() == 3) {
                acknowledged.insert(key.to_owned());
                count += 1;
            }
            if count == 20 + round * 13 {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
    }
    let house = open(&folder.file());
    house.verified_hash();
    let events = house.handle().reader().unwrap().events_before(0, usize::MAX / 2).unwrap();
    let purchases =
        events.iter().filter(|row| row.fact.event.as_ref().is_some_and(|head| head.event_type == "PURCHASE"));
    let before = purchases.count();
    assert!(before >= acknowledged.len(), "{before} events and {} acknowledged", acknowledged.len());
    // Sending every acknowledged one again changes nothing: each is there, once.
    let total = house.available("ana");
    for key in &acknowledged {
        house.submit(keyed(key).into(), None).unwrap();
    }
    assert_eq!(house.available("ana"), total);
    assert_eq!(total, before.to_string(), "every event gave its point once");
    house.verified_hash();
}
