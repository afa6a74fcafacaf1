//! The program itself: help, usage, completions.

use crate::run::Folder;

#[test]
fn help_names_the_exit_codes_and_every_command() {
    let folder = Folder::new();
    let help = folder.run(0, &["--help"]);
    help.says(&["Exit codes:", "70  a bug", "demo", "apply", "import", "--url", "--json"]);
    folder.run(2, &["nonsense"]).complains(&["unrecognized subcommand"]);
    folder.run(2, &["emit", "{}", "--colour"]).complains(&["--colour"]);
    folder.run(0, &["completions", "bash"]).says(&["_masivo"]);
    folder.run(0, &["openapi"]).says(&["\"openapi\":\"3.1", "/api/storefront/v1/behavior/events"]);
}

#[test]
fn it_must_be_said_which_store() {
    let folder = Folder::new();
    folder.run(2, &["show", "customer", "ana"]).complains(&["--db PATH", "--url URL"]);
    folder
        .run(3, &["--db", "no.db", "show", "customer", "ana"])
        .complains(&["no store at `no.db`", "masivo init"]);
    folder.run(3, &["verify", "--db", "no.db"]).complains(&["no store"]);
    for command in [&["verify"][..], &["backup", "x.db"]] {
        folder
            .run(2, &[command, &["--url", "http://127.0.0.1:1"]].concat())
            .complains(&["store file", "--db"]);
    }
    folder.write("odd.db", "this is no database at all, only text that somebody wrote");
    folder.run(3, &["verify", "--db", "odd.db"]).complains(&["error:"]);
    folder.run(3, &["show", "customer", "ana", "--db", "odd.db"]).complains(&["error:"]);
}

#[test]
fn errors_are_documents_for_machines() {
    let folder = Folder::shop();
    let ran = folder.run(1, &["show", "customer", "ana", "--db", "s.db", "--json"]);
    assert_eq!(ran.out, "");
    ran.complains(&[r#""code":"customer_not_found""#, r#""exit_code":1"#]);
    // The environment names a store too, and flags stand before or after the subcommand.
    let output =
        folder.command(&["--json", "show", "customer", "ana"]).env("MASIVO_DB", "s.db").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
