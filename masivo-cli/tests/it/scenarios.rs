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
        ("register ana\ndelete ana now", "2 `now` is not understood"),
        ("register ana\nconsent ana email_marketing=ture", "2 `email_marketing=ture` is neither"),
        ("register ana\nemit ana PURCHASE 5 6", "2 `6` is a second value"),
        ("register ana\nemit ana PURCHASE 5 standby 3h", "2 `3h` is no number of days"),
        ("give g on PURCHASE 1 of points lyfe 1/days", "1 `lyfe` is not understood"),
        ("give g at PURCHASE 1", "1 a campaign is written: give"),
        ("give g on PURCHASE 1 of", "1 the last part is cut off"),
        ("tier Gold level 2 foo when customer.age greater_than 1", "1 a tier is written"),
        ("define tier {\"name\": \"x\"}", "1 a name stands before the JSON"),
        ("emit ana PURCHASE 5 as a->RESOLVED", "1 the arrow needs white space"),
        (
            "give g on PURCHASE 1 of points when customer.tier equals \"$basee\"",
            "1 there is no definition `basee`",
        ),
        ("# remark\n  register ana\n  balance ana points -> 7", "2 "),
        ("# only a remark", "1 it has no step"),
        ("codes point-per-dollar", "1 there is no code"),
        ("refer ana x", "1 give the code a name"),
    ] {
        folder.write("program/scenarios/wrong.masivo", &format!("{steps}\n"));
        let tried = folder.json(1, &["test", "program"]);
        let found = differences(&tried);
        assert!(found[0].starts_with(expected), "{steps}: {found:?}");
        assert!(text(&tried.get("scenarios").unwrap().items()[0], "file").ends_with("wrong.masivo"));
    }
}

#[test]
fn a_programme_of_any_time_can_be_tried() {
    let folder = Folder::new();
    folder.run(0, &["init", "--db", "s.db"]);
    let campaign = |name: &str, dates: &str| {
        format!(
            "[[campaigns]]\nname = \"{name}\"\n{dates}\nattributes = {{ trigger = \"PURCHASE\" }}\n[[campaigns.rules]]\neffects = [{{ reward = \"points\", amount = 1000 }}]\n"
        )
    };
    let past = campaign("Past", "end_date = \"2025-06-30\"");
    let old = campaign("Old", "start_date = \"2024-01-01\"\nend_date = \"2024-12-31\"");
    let far = campaign("Far", "start_date = \"2028-03-01\"\nwithoutEndDate = true");
    folder.write("program/9-dates.toml", &[past, old, far].join("\n"));
    folder.write("program/dates.masivo", "at 2026-01-01\nregister ana\nemit ana PURCHASE 1 -> RESOLVED +1\nat 2028-03-02\nemit ana PURCHASE 1 -> RESOLVED +1 +1000\n");
    folder.write(
        "program/scenarios/long_ago.masivo",
        "at 2024-06-01\nregister ana\nemit ana PURCHASE 1 -> RESOLVED +1 +1000\n",
    );
    folder.run(0, &["test", "program"]).says(&["dates.masivo: 5 steps, ok", "long_ago.masivo: 3 steps, ok"]);
}

#[test]
fn what_was_found_is_written_so_that_it_is_found_again() {
    let folder = Folder::new();
    folder.run(0, &["init", "--db", "s.db"]);
    std::fs::remove_file(folder.path("program/first-purchase.masivo")).unwrap();
    folder.write(
        "program/9-cards.toml",
        "[[rewards]]\nname = \"Book\"\ntype = \"GIFT_CARD\"\nattributes = { quantity = 20000 }\n",
    );
    let steps = "at 2026-01-01\r\nregister ana -> +100\r\nemit ana PURCHASE 5 {\"metadata\": {\"a\": \"x  as -> y\"}} as lunch\t-> RESOLVED +9\r\nbalance ana points -> 7\r\nview lunch data.metadata ->\r\nquota book ->\r\n";
    folder.write("program/odd.masivo", steps);
    folder.run(0, &["test", "program", "--update"]).says(&["5 differ", "the files say now"]);
    folder.run(0, &["test", "program"]).says(&["6 steps, ok"]);
    let written = folder.read("program/odd.masivo");
    assert_eq!(
        written,
        "at 2026-01-01\r\nregister ana ->\r\nemit ana PURCHASE 5 {\"metadata\": {\"a\": \"x  as -> y\"}} as lunch -> RESOLVED +5\r\nbalance ana points -> 5\r\nview lunch data.metadata -> {\"a\":\"x  as -> y\"}\r\nquota book -> codes=1000/-\r\n"
    );
    folder.run(2, &["test", "program", "--now", "2040-01-01T00:00:00Z"]).complains(&["--now"]);
}
