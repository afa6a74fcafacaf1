//! Scenarios beside definitions: carried out by `test`, and asked by `apply`.

use crate::run::{Folder, number, text};
use masivo_core::value::Json;

fn differences(document: &Json) -> Vec<String> {
    let scenarios = document.get("scenarios").unwrap().items().iter();
    let differences = scenarios.flat_map(|scenario| scenario.get("differences").unwrap().items());
    let shown = differences.map(|difference| {
        format!("{} {}", difference.get("line").unwrap(), difference.text("found").unwrap())
    });
    shown.collect()
}

#[test]
fn the_scenarios_of_the_example_come_to_what_they_say() {
    let folder = Folder::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/programs/cdnow");
    let tried = folder.json(0, &["test", example]);
    assert_eq!((tried.get("scenarios").unwrap().items().len(), number(&tried, "differ")), (3, 0), "{tried}");
    assert!(number(&tried, "steps") > 60);
}

#[test]
fn a_programme_that_comes_to_something_else_is_not_written() {
    let folder = Folder::new();
    folder.run(0, &["init", "--db", "s.db"]);
    folder.run(0, &["test", "program"]).says(&["program/first-purchase.masivo: 12 steps, ok"]);
    let points = folder.read("program/2-points.toml");
    folder.write("program/2-points.toml", &points.replace("12/months", "6/months"));
    let tried = folder.json(1, &["test", "program"]);
    assert_eq!(
        differences(&tried),
        ["8 points available=29 held=0 debt=0 | 29@2026-07-01", "18 0"],
        "{tried}"
    );
    folder.run(1, &["apply", "program", "--db", "s.db", "--yes"]).complains(&[
        "2 steps of the scenarios differ",
        "line 18: balance ana points",
        "nothing was written",
    ]);
    folder.run(1, &["apply", "program", "--db", "s.db", "--dry-run"]);
    folder.run(0, &["test", "program", "--update"]).says(&["expected: 10", "found:    0"]);
    let written = folder.json(0, &["apply", "program", "--db", "s.db", "--yes"]);
    assert_eq!((number(&written, "written"), number(&written, "scenarios.differ")), (3, 0));
}

#[test]
fn what_makes_no_sense_is_said_with_its_line() {
    let folder = Folder::new();
    folder.run(0, &["init", "--db", "s.db"]);
    std::fs::remove_file(folder.path("program/first-purchase.masivo")).unwrap();
    folder.run(2, &["test", "program"]).complains(&["there is no scenario", ".masivo"]);
    folder.run(3, &["test", "nowhere"]).complains(&["nowhere"]);
    for (steps, expected) in [
        ("register ana\nemti ana", "2 there is no step `emti`"),
        ("emit ana PURCHASE 1", "1 refused: customer_not_found"),
        ("register ana\nregister ana", "2 refused: customer_exists"),
        (
            "register ana\nregister ana -> refused: customer_exists\nbalance ana miles",
            "3 there is no reward `miles`",
        ),
        ("at 2026-02-30", "1 `2026-02-30` is no instant"),
        ("at +5", "1 `5` is no span"),
        ("at +99999999999999999999d", "1 `99999999999999999999d` is no span"),
        ("at 2026-02-01\nat 2026-01-01", "2 time only passes forward"),
        ("at 2300-01-01", "1 refused: clock_too_far /now"),
        ("reverse never", "1 no event was called `never`"),
        ("register ana {\"x\": ", "1 "),
        ("emit", "1 the customer is missing"),
        ("emit ana PURCHASE redeem", "1 the amount to redeem is missing"),
        ("register ana\nwallet ben", "2 refused: customer_not_found"),
        ("register ana ->\nbalance ana points -> 1", "2 0"),
        ("register ana\nemit ana PURCHASE 5 redeem 7", "2 FAILED (insufficient_balance)"),
        ("define reward tea {\"name\": \"Tea\", \"type\": \"SOUP\"}", "1 refused: not_a_choice /type"),
        ("card points/0", "1 the pool has no card at place 0"),
        ("metrics ana", "1 there is no period ``"),
    ] {
        folder.write("program/scenarios/wrong.masivo", &format!("{steps}\n"));
        let tried = folder.json(1, &["test", "program"]);
        let found = differences(&tried);
        assert!(found[0].starts_with(expected), "{steps}: {found:?}");
        assert!(text(&tried.get("scenarios").unwrap().items()[0], "file").ends_with("wrong.masivo"));
    }
}
