//! Readable scripts: `cases/**/*.masivo`, scenarios over a house that checks every law after every command.
//!
//! Every script runs four times: in a house that wakes customers as time passes, in one that only brings them to
//! the present when something is done, and in both with a single lot at hand and the others in rows of their own.
//! All must say the same. `MASIVO_UPDATE=1` rewrites the expectations. Here a step that says nothing comes to nothing.

use crate::house::{House, instant};
use masivo_core::limits::LOTS_HELD;
use masivo_core::program::Kind;
use masivo_core::scenario::{Failure, Line, Scenario, read};
pub(crate) use masivo_core::scenario::{refused, short};
use masivo_core::value::{Decimal, Json};
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;

/// A scenario over a house; what makes no sense is a failing test.
#[derive(Clone, Debug)]
pub(crate) struct Script(Scenario<House>);

impl Deref for Script {
    type Target = Scenario<House>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Script {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Script {
    pub(crate) fn open(at: &str) -> Self {
        Self(Scenario::new(House::open(at)))
    }

    pub(crate) fn into_house(self) -> House {
        self.0.world
    }

    /// The id of the definition of a name.
    pub(crate) fn id(&self, name: &str) -> &str {
        self.0.id(name).unwrap_or_else(|| panic!("there is no definition `{name}`"))
    }

    /// Carries out one step and says what it came to.
    pub(crate) fn step(&mut self, step: &str) -> String {
        self.0.step(step).unwrap_or_else(|fault| panic!("`{step}`: {fault}"))
    }

    pub(crate) fn define(&mut self, kind: Kind, name: &str, body: &Json) -> String {
        match self.0.define(kind, name, body) {
            Ok(text) => text,
            Err(Failure::Refused(rejection)) => refused(&rejection),
            Err(Failure::Fault(fault)) => panic!("{fault}"),
        }
    }
}

/// Runs a script; gives what every step came to.
fn run(lines: &[Line], wakes: bool, lots_held: usize) -> Vec<String> {
    let mut script = Script::open("2026-01-01");
    (script.world.wakes, script.world.lots_held) = (wakes, lots_held);
    let mut broken = false;
    let run = |line: &Line| {
        if line.step.is_empty() || broken {
            return String::new();
        }
        let step = std::panic::AssertUnwindSafe(|| script.step(&line.step));
        std::panic::catch_unwind(step).unwrap_or_else(|cause| {
            broken = true;
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or_default();
            format!("PANICKED {}", text.split_whitespace().collect::<Vec<&str>>().join(" "))
        })
    };
    lines.iter().map(run).collect()
}

fn check(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines = read(&text);
    let place = path.display().to_string();
    let waking = run(&lines, true, LOTS_HELD);
    let sleeping = run(&lines, false, LOTS_HELD);
    let frugal = run(&lines, true, 1);
    let both = run(&lines, false, 1);
    let mut faults = Vec::new();
    let ways = sleeping.iter().zip(&frugal).zip(&both);
    for ((line, awake), ((asleep, frugal), both)) in lines.iter().zip(&waking).zip(ways) {
        if awake != both {
            let step = &line.step;
            faults.push(format!("{place}: `{step}`\n  all lots, in time: {awake}\n  one lot, late: {both}"));
        }
        if awake != asleep {
            faults
                .push(format!("{place}: `{}`\n  woken in time: {awake}\n  woken late: {asleep}", line.step));
        }
        if awake != frugal {
            let step = &line.step;
            faults
                .push(format!("{place}: `{step}`\n  all lots at hand: {awake}\n  one lot at hand: {frugal}"));
        }
        let expected = line.expected.as_deref().unwrap_or_default();
        if awake != expected {
            faults.push(format!("{place}: `{}`\n  expected: {expected}\n  found: {awake}", line.step));
        }
    }
    if std::env::var_os("MASIVO_UPDATE").is_some() {
        let updated = lines.iter().zip(&waking).map(|(line, found)| line.updated(found) + "\n");
        let updated: String = updated.collect();
        fs::write(path, updated).unwrap();
    }
    faults
}

#[test]
fn scripts_come_to_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let files = crate::sources(&folder, "masivo");
    assert!(files.len() >= 10, "the scripts are there");
    let only = std::env::var("MASIVO_CASE").unwrap_or_default();
    let faults: Vec<String> = files
        .iter()
        .filter(|path| path.to_string_lossy().contains(&only))
        .flat_map(|path| check(path))
        .collect();
    assert!(faults.is_empty(), "{} steps differ\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn amounts_are_shown_as_written() {
    assert_eq!(Decimal::whole(29).to_string(), "29");
    assert_eq!(short(instant("2026-01-01")), "2026-01-01");
    assert_eq!(short(instant("2026-01-01T00:00:00.001Z")), "2026-01-01T00:00:00.001");
}
