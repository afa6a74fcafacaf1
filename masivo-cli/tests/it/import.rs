//! Importing files: progress, resumption, rejects.

use crate::run::{Folder, number, text};
use masivo_core::value::Json;

fn customers(count: usize) -> String {
    let rows = (0..count).map(|number| format!("c{number},Name {number},c{number}@example.com,true\n"));
    format!("id,name,email,consent.purposes.behavioral_campaigns\n{}", rows.collect::<String>())
}

fn events(count: usize) -> String {
    let rows = (0..count).map(|number| {
        format!("{{\"customer_id\":\"c{}\",\"brand_id\":\"shop\",\"type\":\"PURCHASE\",\"order\":{{\"value\":10}}}}\n", number % 10)
    });
    rows.collect()
}

#[test]
fn rows_are_in_once_however_often_they_are_imported() {
    let folder = Folder::shop();
    folder.write("customers.csv", &customers(10));
    folder.write("events.jsonl", &events(1_200));
    let report = folder.json(0, &["import", "customers", "customers.csv", "--db", "s.db"]);
    assert_eq!((number(&report, "rows"), number(&report, "accepted")), (10, 10));
    let report = folder.json(0, &["import", "events", "events.jsonl", "--db", "s.db"]);
    assert_eq!((number(&report, "accepted"), number(&report, "rejected")), (1_200, 0));
    let hash = text(&folder.json(0, &["verify", "--db", "s.db"]), "hash");

    // It is done: doing it again finds nothing left.
    let again = folder.json(0, &["import", "events", "events.jsonl", "--db", "s.db"]);
    assert_eq!((number(&again, "resumed_at"), number(&again, "accepted")), (1_200, 1_200));
    // The store had made a step durable when the import died before it wrote that down.
    let progress = folder.read("events.jsonl.masivo-progress");
    folder.write(
        "events.jsonl.masivo-progress",
        &progress.replace("\"rows\":1200,\"accepted\":1200", "\"rows\":500,\"accepted\":500"),
    );
    let resumed = folder.json(0, &["import", "events", "events.jsonl", "--db", "s.db"]);
    assert_eq!(
        (number(&resumed, "resumed_at"), number(&resumed, "rows"), number(&resumed, "accepted")),
        (500, 1_200, 1_200)
    );
    folder.run(0, &["import", "events", "events.jsonl", "--restart", "--db", "s.db"]);
    folder.run(0, &["import", "customers", "customers.csv", "--restart", "--db", "s.db"]);
    assert_eq!(text(&folder.json(0, &["verify", "--db", "s.db"]), "hash"), hash);
    let customer = folder.json(0, &["show", "customer", "c3", "--db", "s.db"]);
    assert_eq!(number(&customer, "customer.metrics.lifetime.number_of_purchases"), 120);

    // With another label it is another import.
    folder
        .run(2, &["import", "events", "events.jsonl", "--label", "more", "--db", "s.db"])
        .complains(&["--restart"]);
    folder.run(0, &["import", "events", "events.jsonl", "--label", "more", "--restart", "--db", "s.db"]);
    let customer = folder.json(0, &["show", "customer", "c3", "--db", "s.db"]);
    assert_eq!(number(&customer, "customer.metrics.lifetime.number_of_purchases"), 240);
}

#[test]
fn refused_rows_are_kept_with_their_reasons_and_can_be_mended() {
    let folder = Folder::shop();
    folder.write("customers.csv", "id,name,email\na,A,a@example.com\nb,B,not an address\na,A again,x@example.com\nc,C,A@EXAMPLE.com\nd,D\n");
    let report = folder.json(1, &["import", "customers", "customers.csv", "--db", "s.db"]);
    assert_eq!(
        (number(&report, "rows"), number(&report, "accepted"), number(&report, "rejected")),
        (5, 1, 4)
    );
    let rejects = folder.read("customers.csv.rejects.jsonl");
    let rejects: Vec<Json> = rejects.lines().map(|line| Json::parse(line.as_bytes()).unwrap()).collect();
    let said: Vec<String> =
        rejects.iter().map(|reject| format!("{} {}", number(reject, "line"), text(reject, "code"))).collect();
    assert_eq!(said, ["3 malformed", "4 customer_exists", "5 email_taken", "6 usage"]);
    assert!(rejects[0].get("problems").unwrap().to_string().contains("/email"));
    assert_eq!(text(&rejects[1], "row.name"), "A again");

    // Rows of a file of rejects are imported when they are mended.
    folder.write("mended.jsonl", &rejects[0].to_string().replace("not an address", "b@example.com"));
    let report = folder.json(0, &["import", "customers", "mended.jsonl", "--db", "s.db"]);
    assert_eq!(number(&report, "accepted"), 1);
    folder.run(0, &["show", "customer", "b", "--db", "s.db"]).says(&["b@example.com"]);
    // The file of rejects does not grow when it is done again.
    folder
        .run(1, &["import", "customers", "customers.csv", "--restart", "--db", "s.db"])
        .says(&["rejected  4"]);
    assert_eq!(folder.read("customers.csv.rejects.jsonl").lines().count(), 4);
}

#[test]
fn files_that_cannot_be_read_are_refused_at_once() {
    let folder = Folder::shop();
    folder.write("a.csv", "id,nome,email\n1,A,a@example.com\n");
    folder
        .run(2, &["import", "customers", "a.csv", "--db", "s.db"])
        .complains(&["the column `nome` is not known", "known are id"]);
    folder.write("a.txt", "");
    folder.run(2, &["import", "customers", "a.txt", "--db", "s.db"]).complains(&["neither .csv nor .jsonl"]);
    folder.run(3, &["import", "customers", "none.csv", "--db", "s.db"]).complains(&["none.csv"]);
    folder.run(2, &["import", "people", "a.csv", "--db", "s.db"]).complains(&["people"]);
    // Another content under the same name is another import.
    folder.write("b.csv", &customers(2));
    folder.run(0, &["import", "customers", "b.csv", "--db", "s.db"]);
    folder.write("b.csv", &customers(3));
    folder.run(2, &["import", "customers", "b.csv", "--db", "s.db"]).complains(&["another content"]);
    let report = folder.json(1, &["import", "customers", "b.csv", "--restart", "--db", "s.db"]);
    assert_eq!((number(&report, "accepted"), number(&report, "rejected")), (1, 2));
}

/// Lists name customers by id, e-mail or phone; whoever is not found, or not the only one, is named.
#[test]
fn members_of_a_list_are_imported() {
    let folder = Folder::shop();
    folder.write(
        "program/6-list.toml",
        "[[audiences]]\nname = \"Guests\"\ntype = \"STATIC\"\n\n[[audiences]]\nname = \"Others\"\ntype = \"STATIC\"\n",
    );
    folder.run(0, &["apply", "program", "--db", "s.db", "--yes"]);
    folder.write(
        "customers.csv",
        "id,name,email,phone\na,A,a@example.com,+593 99-111\nb,B,B@example.com,00 593 99 222\nc,C,c@example.com,777\nd,D,d@example.com,777\n",
    );
    folder.run(0, &["import", "customers", "customers.csv", "--db", "s.db"]);
    folder.write(
        "guests.csv",
        "id,email,phone\na,,\n,b@EXAMPLE.com,\n,,0059399111\n,,777\n,nobody@example.com,\nx,,\na,b@example.com,\n",
    );
    let report = folder.json(1, &["import", "members", "guests.csv", "--audience", "Guests", "--db", "s.db"]);
    assert_eq!((number(&report, "accepted"), number(&report, "rejected")), (3, 4), "{report}");
    let rejects = folder.read("guests.csv.rejects.jsonl");
    let codes: Vec<String> =
        rejects.lines().map(|line| text(&Json::parse(line.as_bytes()).unwrap(), "code")).collect();
    assert_eq!(codes, ["customer_ambiguous", "customer_not_found", "customer_not_found", "malformed"]);
    folder.run(0, &["audience", "members", "Guests", "--db", "s.db"]).says(&["a ", "b "]);
    folder.run(0, &["audience", "history", "Guests", "--db", "s.db"]).says(&["entered", "listed"]);
    folder.run(0, &["audience", "sizes", "Guests", "--db", "s.db"]).says(&["members", "2"]);
    folder.run(0, &["audience", "recalculate", "Guests", "--db", "s.db"]).says(&["members now", "2"]);
    // The same file into another list is another import.
    folder
        .run(2, &["import", "members", "guests.csv", "--audience", "Others", "--db", "s.db"])
        .complains(&["--restart"]);
    folder.run(2, &["import", "members", "guests.csv", "--db", "s.db"]).complains(&["--audience"]);
    // A list is not put into a rule.
    folder.write("rule.jsonl", "\"a\"\n{\"phone\": \"59399222\"}\n");
    let report = folder.json(0, &["import", "members", "rule.jsonl", "--audience", "Others", "--db", "s.db"]);
    assert_eq!(number(&report, "accepted"), 2, "{report}");
    folder.run(0, &["verify", "--db", "s.db"]);
}
