//! The scenarios of the rules, over a real engine: in memory and in a file they come to the same as over the rules alone.

use crate::files::Folder;
use masivo_core::scenario::{Line, Scenario, read};
use masivo_core::value::Timestamp;
use masivo_store::scenario::EngineWorld;
use masivo_store::{Config, Engine, Location, ManualClock, Mode, verify};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SECRET: [u8; 16] = [7; 16];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "masivo") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Carries a scenario out and gives where it came to something else.
fn differences(lines: &[Line], location: Location) -> Vec<String> {
    let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let config = Config::new(location, Mode::Test, Arc::new(ManualClock::new(start)));
    let engine = Engine::open(Config { secret: Some(SECRET), ..config }).unwrap();
    let mut scenario = Scenario::new(EngineWorld::new(engine));
    scenario.step(r#"define brand shop {"name": "Shop"}"#).unwrap();
    let mut differ = Vec::new();
    for line in lines.iter().filter(|line| !line.step.is_empty()) {
        let found = scenario.step(&line.step).unwrap_or_else(|fault| format!("FAULT {fault}"));
        let expected = line.expected.as_deref().unwrap_or_default();
        if found != expected {
            let (number, step) = (line.number, &line.step);
            differ.push(format!("{number}: `{step}`\n  expected: {expected}\n  found: {found}"));
        }
    }
    let handle = scenario.world.engine().handle();
    let verified = verify(&*handle.reader().unwrap()).unwrap();
    differ.extend(verified.findings.iter().map(|finding| format!("verify: {finding:?}")));
    differ
}

#[test]
fn the_scenarios_of_the_rules_come_to_the_same_in_an_engine() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../masivo-core/tests/it/cases");
    let only = std::env::var("MASIVO_CASE").unwrap_or_default();
    let mut count = 0;
    let mut differ = Vec::new();
    for path in sources(&folder).into_iter().filter(|path| path.to_string_lossy().contains(&only)) {
        let lines = read(&fs::read_to_string(&path).unwrap());
        let file = Folder::new();
        for location in [Location::Memory, Location::File(file.file())] {
            let name = path.file_name().unwrap().to_string_lossy();
            let place = format!("{name} {}", if location == Location::Memory { "memory" } else { "file" });
            differ.extend(differences(&lines, location).into_iter().map(|line| format!("{place} {line}")));
        }
        count += 1;
    }
    assert!(differ.is_empty(), "{} steps differ\n{}", differ.len(), differ.join("\n"));
    assert!(count > 10 || !only.is_empty());
}
