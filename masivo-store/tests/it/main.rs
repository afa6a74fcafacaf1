//! One binary for all integration tests of the store.
#![expect(clippy::unwrap_used, reason = "a failing step is a failing test")]

mod audiences;
mod crash;
mod differential;
mod erasure;
mod files;
mod memory;
mod queue;
mod scenarios;
mod simulation;
mod sqlite;

#[test]
fn every_file_of_this_folder_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let main = std::fs::read_to_string(format!("{folder}/main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("mod {module};")), "{name} is forgotten");
    }
}
