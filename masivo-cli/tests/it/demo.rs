//! The demo on a small part of its data.

use crate::run::{Folder, number, text};

/// The first weeks and some later orders, so that points expire and the year turns.
fn slice() -> String {
    let all = include_str!("../../../examples/data/cdnow_sample.csv");
    let some =
        |line: &&str| line.starts_with("customer_id") || line.starts_with("000") || line.starts_with("001");
    all.lines().filter(some).map(|line| format!("{line}\n")).collect()
}

#[test]
fn two_runs_end_in_the_same_state_and_it_verifies() {
    let folder = Folder::new();
    folder.write("data.csv", &slice());
    let first = folder.json(0, &["demo", "--data", "data.csv"]);
    let second = folder.json(0, &["demo", "--data", "data.csv", "--db", "other/masivo.db"]);
    assert_eq!(text(&first, "verify.hash"), text(&second, "verify.hash"));
    assert_eq!(first.path("verify.ok").map(ToString::to_string).as_deref(), Some("true"));
    for path in [
        "points.issued",
        "points.expired",
        "points.outstanding",
        "messages.sent",
        "tiers.Silver",
        "orders.waited",
    ] {
        assert!(number(&first, path) > 0, "{path}: {first}");
    }
    let points = first.get("points").unwrap();
    let sum =
        ["spent", "expired", "reversed", "outstanding"].iter().map(|name| number(points, name)).sum::<i64>();
    assert_eq!(number(points, "issued") + number(points, "debt"), sum);
    // Verified again from the file, by another process.
    let verified = folder.json(0, &["verify", "--db", "masivo-demo/masivo.db"]);
    assert_eq!(text(&verified, "hash"), text(&first, "verify.hash"));
    let mails = std::fs::read_dir(folder.path("masivo-demo/outbox")).unwrap().count();
    assert_eq!(i64::try_from(mails).unwrap(), number(&first, "messages.sent"));
    // The program it runs is the one in the folder of examples, to the letter.
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/programs/cdnow");
    folder.run(0, &["apply", program, "--db", "masivo-demo/masivo.db", "--dry-run"]).says(&["nothing to do"]);
}

#[test]
fn the_summary_reads_well_and_other_stores_are_left_alone() {
    let folder = Folder::new();
    folder.write("data.csv", "customer_id,date,value\na,1997-01-01,120\nb,1997-01-02,5.5\n");
    let ran = folder.run(0, &["demo", "--data", "data.csv", "--db", "d.db"]);
    ran.says(&[
        "events per second",
        "issued",
        "tier now",
        "audience now",
        "serve it",
        "all agrees",
        "masivo-server",
    ]);
    // Its own file it makes anew; a live store it never touches.
    folder.run(0, &["demo", "--data", "data.csv", "--db", "d.db"]);
    folder.run(0, &["init", "--db", "live.db"]);
    folder
        .run(2, &["demo", "--data", "data.csv", "--db", "live.db"])
        .complains(&["was not made by the demo"]);
    folder.run(0, &["init", "--db", "test.db", "--test"]);
    folder.run(2, &["demo", "--data", "data.csv", "--db", "test.db"]).complains(&["name another file"]);
    folder.write("wrong.csv", "customer_id,date\n");
    folder.run(2, &["demo", "--data", "wrong.csv"]).complains(&["no column `value`"]);
    folder.run(2, &["demo", "--url", "http://127.0.0.1:1"]).complains(&["store file of its own"]);
}
