//! Transcripts: what is typed, what is printed, what the program ends with.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing step is a failing test")]

mod apply;
mod demo;
mod import;
mod program;
mod run;
mod scenarios;
mod server;
mod store;

#[test]
fn every_file_of_this_folder_is_a_module() {
    let main = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("mod {module};")), "{name} is forgotten");
    }
}
