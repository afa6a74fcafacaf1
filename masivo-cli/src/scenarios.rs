//! Scenarios beside the definitions of a folder: `*.masivo`, each carried out on a fresh store in memory that has these
//! definitions and nothing else, under a clock of its own.
//!
//! - V1: the definitions are there when the scenario begins, whenever that is: each campaign was written in time.
//! - V2: the same files come to the same, whatever the store is that they are applied to, and whatever the day.

use crate::definitions::{Entry, plan_of_running};
use crate::error::Failure;
use masivo_core::program::{Program, standard_definitions};
use masivo_core::scenario::{Line, Scenario, read};
use masivo_core::value::{Json, Mint, StoreSecret, Timestamp, object};
use masivo_store::scenario::EngineWorld;
use std::path::{Path, PathBuf};

/// When a scenario begins that does not say so.
const BEGINNING: &str = "2026-01-01T00:00:00Z";
/// Test clocks stay before it.
const LAST: &str = "2200-01-01T00:00:00Z";

/// A scenario and what it came to.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    /// The file.
    pub(crate) path: PathBuf,
    /// How many steps it has.
    pub(crate) steps: usize,
    /// Where it came to something else than it says.
    pub(crate) differences: Vec<Difference>,
    /// The file as it would be with what was found.
    pub(crate) updated: String,
}

/// A step that came to something else than it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The line it begins at.
    pub(crate) line: usize,
    /// The step.
    pub(crate) step: String,
    /// What it says it comes to; nothing is said of some.
    pub(crate) expected: Option<String>,
    /// What it came to, or why it could not be carried out.
    pub(crate) found: String,
    /// Whether it could not be carried out: what comes after it was left out.
    pub(crate) stopped: bool,
}

impl Tried {
    /// What it came to, as a document.
    pub(crate) fn to_json(&self) -> Json {
        let differences = self.differences.iter().map(|difference| {
            object()
                .with("line", u64::try_from(difference.line).unwrap_or(u64::MAX))
                .with("step", difference.step.as_str())
                .with("expected", difference.expected.clone().map(Json::from).unwrap_or_default())
                .with("found", difference.found.as_str())
                .with("stopped", difference.stopped)
                .build()
        });
        object()
            .with("file", self.path.display().to_string())
            .with("steps", u64::try_from(self.steps).unwrap_or(u64::MAX))
            .with("differences", differences.collect::<Vec<_>>())
            .build()
    }

    /// What it came to, as a person reads it.
    pub(crate) fn text(&self) -> String {
        let verdict = match self.differences.len() {
            0 => "ok".to_owned(),
            1 => "1 differs".to_owned(),
            count => format!("{count} differ"),
        };
        let mut lines = vec![format!("{}: {} steps, {verdict}", self.path.display(), self.steps)];
        for difference in &self.differences {
            lines.push(format!("  line {}: {}", difference.line, difference.step));
            match (difference.stopped, difference.expected.as_deref()) {
                (true, _) => lines.push(format!("    cannot be done: {}", difference.found)),
                (false, expected) => {
                    let expected = expected.unwrap_or("anything that is not refused and does not fail");
                    lines.push(format!("    expected: {expected}"));
                    lines.push(format!("    found:    {}", difference.found));
                }
            }
        }
        lines.join("\n")
    }
}

/// How many steps came to something else than they say.
pub(crate) fn differing(tried: &[Tried]) -> usize {
    tried.iter().map(|tried| tried.differences.len()).sum()
}

/// Carries out every scenario of a folder, and of the folder `scenarios` in it, in the order of their names.
pub(crate) fn try_folder(folder: &Path, entries: &[Entry]) -> Result<Vec<Tried>, Failure> {
    let mut files = files_of(folder)?;
    let inner = folder.join("scenarios");
    if inner.is_dir() {
        files.extend(files_of(&inner)?);
    }
    let mut tried = Vec::with_capacity(files.len());
    for path in files {
        let text = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let text = String::from_utf8(text).map_err(|_| {
            Failure::usage(format!("`{}` is not UTF-8 text", path.display()), "save it as UTF-8")
        })?;
        let place = path.display().to_string();
        tried.push(try_one(path, &text, entries).map_err(|failure| failure.within(&place))?);
    }
    Ok(tried)
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listing = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    let mut paths = Vec::new();
    for file in listing {
        let path = file.map_err(|error| Failure::file(folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "masivo") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn try_one(path: PathBuf, text: &str, entries: &[Entry]) -> Result<Tried, Failure> {
    let lines = read(text);
    let mut scenario = begin(&lines, entries)?;
    let mut tried = Tried { path, steps: 0, differences: Vec::new(), updated: String::new() };
    let mut stopped = false;
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    for line in &lines {
        let mut updated = line.source.clone();
        if !line.step.is_empty() {
            tried.steps += 1;
        }
        if !line.step.is_empty() && !stopped {
            let came_to = scenario.step(&line.step);
            stopped = came_to.is_err();
            let found = came_to.unwrap_or_else(|fault| fault);
            if stopped || line.differs(&found) {
                if !stopped {
                    updated = line.updated(&found);
                }
                let (step, expected) = (line.step.clone(), line.expected.clone());
                tried.differences.push(Difference { line: line.number, step, expected, found, stopped });
            }
        }
        tried.updated.push_str(&updated.replace('\n', line_end));
        tried.updated.push_str(line_end);
    }
    if tried.steps == 0 {
        let (step, found) = (String::new(), "it has no step".to_owned());
        tried.differences.push(Difference { line: 1, step, expected: None, found, stopped: true });
    }
    Ok(tried)
}

/// A fresh store with the definitions, at the beginning of the scenario.
fn begin(lines: &[Line], entries: &[Entry]) -> Result<Scenario<EngineWorld>, Failure> {
    let said = lines.iter().find(|line| !line.step.is_empty()).and_then(|line| line.step.strip_prefix("at "));
    let said = said.and_then(|at| Timestamp::parse_date_or_time(at.trim()));
    // Where no clock can be, the step itself says so.
    let last = Timestamp::parse(LAST).unwrap_or(Timestamp::MAX);
    let said = said.filter(|at| (Timestamp::EPOCH..last).contains(at));
    let beginning = said.or_else(|| Timestamp::parse(BEGINNING)).unwrap_or(Timestamp::EPOCH);
    let entries: Vec<Entry> = entries.iter().map(Entry::without_store_id).collect();
    let base = Mint::new(StoreSecret::new([0; 16]), beginning, "definition", b"base tier").next_id();
    let mut definitions = standard_definitions(beginning, base);
    let program = Program::load(definitions.clone());
    let program = program.map_err(|report| Failure::bug(format!("the standard definitions: {report}")))?;
    let plan = plan_of_running(entries, &program, beginning)?;
    definitions.extend(plan.written);
    let world = EngineWorld::with_definitions(beginning, &definitions);
    let world = world.map_err(|failure| Failure::bug(failure.to_string()))?;
    let mut scenario = Scenario::new(world);
    for (step, id) in plan.steps.iter().zip(&plan.ids) {
        scenario.name(step.entry.kind, &step.entry.key, id);
    }
    Ok(scenario)
}
