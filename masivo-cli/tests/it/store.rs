//! Events, customers, keys, backup and verification on a file.

use crate::run::{Folder, number, shown, text};
use masivo_core::value::{Json, Timestamp};
use masivo_store::{Config, Engine, Location, ManualClock, Mode};
use std::sync::Arc;

const ANA: &str = "id,name,email\nana,Ana,ana@example.com\n";

/// A shop with one customer.
fn with_ana() -> Folder {
    let folder = Folder::shop();
    folder.write("ana.csv", ANA);
    folder.run(0, &["import", "customers", "ana.csv", "--db", "s.db"]).says(&["accepted  1"]);
    folder
}

fn purchase(more: &str) -> String {
    format!(r#"{{"customer_id":"ana","brand_id":"shop","type":"PURCHASE","order":{{"value":29.99}}{more}}}"#)
}

#[test]
fn a_purchase_is_sent_shown_explained_and_reversed() {
    let folder = with_ana();
    let event = folder.json(0, &["emit", &purchase(r#","id":"order-1""#), "--db", "s.db"]);
    assert_eq!(text(&event, "status"), "RESOLVED");
    let id = text(&event, "id");
    // Its own id makes sending it again harmless, from wherever it comes.
    folder.write("event.json", &purchase(r#","id":"order-1""#));
    assert_eq!(text(&folder.json(0, &["emit", "--file", "event.json", "--db", "s.db"]), "id"), id);
    let again = folder.run_with(0, &["emit", "--db", "s.db"], &purchase(r#","id":"order-1""#));
    again.says(&[&id, "RESOLVED", "gained", "29", "A point per dollar"]);
    folder
        .run(1, &["emit", &purchase(r#","id":"order-1","platform":"web""#), "--db", "s.db"])
        .complains(&["idempotency key"]);

    folder.run(0, &["--db", "s.db", "show", "customer", "ana"]).says(&[
        "Ana",
        "ana@example.com",
        "Base",
        "Points",
        "29.99",
    ]);
    let customer = folder.json(0, &["show", "customer", "ana", "--db", "s.db"]);
    assert_eq!(number(&customer, "customer.metrics.lifetime.number_of_purchases"), 1);
    folder.run(0, &["show", "event", &id, "--db", "s.db"]).says(&["ana", "RESOLVED", "29.99"]);
    folder
        .run(0, &["explain", &id, "--db", "s.db"])
        .says(&["+ A point per dollar: rule 0 matched", "issued"]);

    // A part of it comes back first; the order was sent without lines.
    folder
        .run(2, &["reverse", &id, "--reason", "r", "--line", "0:1", "--db", "s.db"])
        .complains(&["/return/products/0", "0 lines"]);
    folder
        .run(2, &["reverse", &id, "--reason", "r", "--value", "x", "--db", "s.db"])
        .complains(&["not an amount"]);
    let plan = folder.json(0, &["reverse", &id, "--plan", "--value", "0.99", "--db", "s.db"]);
    assert_eq!(text(&plan, "status"), "RESOLVED");
    let part = folder.json(0, &["reverse", &id, "--reason", "r", "--value", "0.99", "--db", "s.db"]);
    assert_eq!(text(&part, "status"), "RESOLVED");

    folder.run(2, &["reverse", &id, "--db", "s.db"]).complains(&["--reason"]);
    folder.run(2, &["reverse", &id, "--reason", " ", "--db", "s.db"]).complains(&["reason is empty"]);
    // What it would come to, before it is done; the token then does exactly that, or nothing.
    let plan = folder.json(0, &["reverse", &id, "--plan", "--db", "s.db"]);
    folder.run(0, &["reverse", &id, "--plan", "--db", "s.db"]).says(&["points earned", "undone", "29"]);
    folder
        .run(1, &["reverse", &id, "--reason", "returned", "--plan-token", "other", "--db", "s.db"])
        .complains(&["changed since it was planned"]);
    let token = text(&plan, "plan_token");
    folder
        .run(0, &["reverse", &id, "--reason", "returned", "--plan-token", &token, "--db", "s.db"])
        .says(&["REVERSED", "metrics"]);
    folder
        .run(0, &["explain", "--unsent", &purchase(""), "--db", "s.db"])
        .says(&["+ A point per dollar: rule 0 matched", "issued"]);
    folder.run(2, &["explain", "--db", "s.db"]).complains(&["<EVENT>"]);
    folder.run(0, &["reverse", &id, "--reason", "returned", "--db", "s.db"]).says(&["REVERSED"]);
    folder.run(1, &["fulfill", &id, "--db", "s.db"]).complains(&["REVERSED"]);
}

#[test]
fn customers_move_in_from_files() {
    let folder = with_ana();
    folder.write("old.csv", "id,name,email,registration_date,tags.vip\nmia,Mia,mia@example.com,2020-01-01,true\nana,Ana,x@example.com,2020-01-01,\n");
    folder
        .run(1, &["import", "migrated-customers", "old.csv", "--db", "s.db"])
        .says(&["accepted  1", "rejected  1"]);
    folder.write(
        "past.csv",
        "customer_id,type,issued_at,order.value\nmia,PURCHASE,2025-05-01,80\nmia,PURCHASE,2025-06-01,20\n",
    );
    folder.run(0, &["import", "migrated-events", "past.csv", "--db", "s.db"]).says(&["accepted  2"]);
    folder.run(0, &["import", "migrated-events", "past.csv", "--db", "s.db"]);
    let mia = folder.json(0, &["show", "customer", "mia", "--db", "s.db"]);
    assert_eq!(number(&mia, "customer.metrics.lifetime.spend_total"), 100);
    assert_eq!(number(&mia, "customer.metrics.lifetime.number_of_purchases"), 2);
    // Transactions stand one after the other for a customer; those of the same customer go together.
    let event = folder.json(0, &["emit", &purchase(""), "--db", "s.db"]);
    let points = text(&event.path("result.accumulations").unwrap().items()[0], "reward_id");
    let rows = [("old2", 5, "2025-01-01"), ("old2", -5, "2025-01-02"), ("old3", 1, "2025-01-01")];
    let mut csv = "customer_id,type,reward_id,amount,issued_at,event.type\n".to_owned();
    for (customer, amount, day) in rows {
        csv.push_str(&format!("{customer},REVERSAL,{points},{amount},{day},PURCHASE\n"));
    }
    folder.write(
        "moved.csv",
        "id,name,email,registration_date\nold2,A,a@example.com,2020-01-01\nold3,B,b@example.com,2020-01-01\n",
    );
    folder.run(0, &["import", "migrated-customers", "moved.csv", "--db", "s.db"]);
    folder.write("booked.csv", &csv);
    folder
        .run(1, &["import", "migrated-transactions", "booked.csv", "--db", "s.db"])
        .says(&["accepted  1", "rejected  1"]);
    let rejects = std::fs::read_to_string(folder.path("booked.csv.rejects.jsonl")).unwrap();
    assert!(rejects.contains("\"line\":4") && rejects.contains("does_not_add_up"), "{rejects}");
    a_line_that_cannot_be_read_holds_its_customer_back(&folder, &points);
    folder.run(0, &["verify", "--db", "s.db"]).says(&["all agrees"]);
}

/// Rows of a customer count together or not at all, and are refused in the order of the file.
fn a_line_that_cannot_be_read_holds_its_customer_back(folder: &Folder, points: &str) {
    let row = |customer: &str, amount: i32| {
        format!(
            r#"{{"customer_id":"{customer}","type":"REVERSAL","reward_id":"{points}","amount":{amount},"issued_at":"2025-01-01"}}"#
        ) + "\n"
    };
    let customers = ["p1", "p2", "p3", "p4"].map(|id| {
        format!(r#"{{"id":"{id}","name":"x","email":"{id}@example.com","registration_date":"2020-01-01"}}"#)
            + "\n"
    });
    folder.write("p.jsonl", &customers.concat());
    folder.run(0, &["import", "migrated-customers", "p.jsonl", "--db", "s.db"]);
    let mut rows = [row("p1", 5), row("p1", -5), row("p2", 0), "{oops\n".to_owned(), row("p2", 0)].concat();
    rows += &[row("p3", 0), row("p4", 1), row("p4", -1)].concat();
    rows += &row("p4", 0).repeat(999);
    folder.write("held.jsonl", &rows);
    folder
        .run(1, &["import", "migrated-transactions", "held.jsonl", "--db", "s.db"])
        .says(&["accepted  2", "rejected  3"]);
    let rejects = std::fs::read_to_string(folder.path("held.jsonl.rejects.jsonl")).unwrap();
    let lines = rejects.lines().map(|line| {
        let reject = Json::parse(line.as_bytes()).unwrap();
        format!("{} {}", reject.get("line").unwrap(), reject.text("error").unwrap())
    });
    let lines = lines.collect::<Vec<String>>().join("\n");
    assert!(lines.starts_with("3 line 4 may be of `p2` too"), "{lines}");
    assert!(
        lines.contains("\n4 ") && lines.ends_with("\n7 `p4` has 1001 transactions, more than 1000"),
        "{lines}"
    );
}

#[test]
fn points_are_given_and_taken_by_hand() {
    let folder = with_ana();
    let typed = |code: i32, command: &str| {
        let arguments: Vec<&str> = command.split(' ').chain(["--db", "s.db"]).collect();
        folder.run(code, &arguments)
    };
    let gift = "adjust ana 12 --reward Points --reason parcel --actor eva --idempotency-key gift-1";
    typed(0, gift).says(&["Points             12 "]);
    typed(0, gift).says(&["1     Points       12"]);
    typed(2, "adjust ana 1.0000001 --reward Points --reason x").complains(&["six places"]);
    typed(0, "adjust ana -2 --reward Points --reason mistake --json");
    typed(1, "adjust ana -11 --reward Points --reason x").complains(&["10"]);
    typed(1, "transfer ana ben 1 --reward Points --reason x").complains(&["no customer `ben`"]);
    typed(2, "transfer ana ana 1 --reward Points --reason x").complains(&["/to_customer_id"]);
    typed(1, "adjust ana 1 --reward Miles --reason x").complains(&["known are Points"]);
    typed(2, "adjust ana 1 --reward Points --reason x --expires 2001-01-01").complains(&["expired"]);
    typed(0, "void ana 1 --amount 4 --reason x");
    typed(1, "void ana 1 --amount 7 --reason x").complains(&["6"]);
    typed(0, "void ana 1 --reason x").says(&["Points              0 "]);
    typed(0, "verify").says(&["all agrees"]);
}

#[test]
fn codes_are_generated_added_and_exported() {
    let folder = with_ana();
    let campaign = r#"
[[campaigns]]
name = "Spring"
type = "COUPONS"
withoutEndDate = true
quantity = 3000
attributes = { code_length = 12 }

[[campaigns.rules]]
effects = [{ reward = "points", amount = 5 }]
"#;
    folder.write("program/3-coupons.toml", campaign);
    folder
        .run(1, &["codes", "export", "Spring", "spring.csv", "--db", "s.db"])
        .complains(&["no coupon campaign or gift card"]);
    folder.run(0, &["apply", "program", "--yes", "--db", "s.db"]);
    folder.write("own.txt", "HELLO-1\n\nHELLO-2\n");
    folder.run(0, &["codes", "add", "Spring", "own.txt", "--db", "s.db"]).says(&["2 codes"]);
    folder.write("bad.txt", "HELLO-3\nhe11o1\nHELLO-3\n");
    folder.run(2, &["codes", "add", "Spring", "bad.txt", "--db", "s.db"]).complains(&["there twice"]);
    folder.run(0, &["codes", "export", "Spring", "spring.csv", "--db", "s.db"]).says(&["3002 codes"]);
    let csv = folder.read("spring.csv");
    let lines: std::collections::BTreeSet<&str> = csv.lines().collect();
    assert_eq!((lines.len(), csv.lines().next()), (3_003, Some("code,uses_count,max_uses")));
    assert!(
        lines.contains("HELLO-2,0,1") && csv.lines().nth(1).is_some_and(|line| line.len() == 16),
        "{csv}"
    );
    folder.run(0, &["verify", "--db", "s.db"]).says(&["all agrees"]);
}

#[test]
fn a_waiting_order_is_fulfilled_in_its_time() {
    let folder = with_ana();
    let waits = folder.json(0, &["emit", &purchase(r#","fulfilled":false"#), "--db", "s.db"]);
    assert_eq!(text(&waits, "status"), "PENDING");
    let id = text(&waits, "id");
    // The clock of a test store stands still until it is moved.
    let expires = text(&waits, "reservation_expires_at");
    folder.run(0, &["show", "event", &id, "--db", "s.db", "--now", &expires]).says(&["EXPIRED"]);
    folder.run(0, &["fulfill", &id, "--db", "s.db"]).says(&["RESOLVED", "29"]);
    folder
        .run(2, &["show", "event", &id, "--db", "s.db", "--now", "1990-01-01T00:00:00Z"])
        .complains(&["forward"]);
    folder
        .run(2, &["show", "event", &id, "--db", "s.db", "--now", "noon"])
        .complains(&["`noon` is not an instant"]);
}

#[test]
fn malformed_events_and_ids_say_what_is_wrong() {
    let folder = with_ana();
    folder.run(2, &["emit", "{", "--db", "s.db"]).complains(&["error:"]);
    let ran = folder.run(2, &["emit", r#"{"type":"PURCHASE","order":{"value":-1}}"#, "--db", "s.db"]);
    ran.complains(&["/customer_id", "/brand_id", "/order/value", "what to do"]);
    folder
        .run(1, &["emit", &purchase("").replace("shop", "other"), "--db", "s.db"])
        .complains(&["no brand `other`"]);
    folder.run(2, &["explain", "order-1", "--db", "s.db"]).complains(&["is not an event's id"]);
    folder
        .run(1, &["explain", "0197a1f0-0000-7000-8000-000000000000", "--db", "s.db"])
        .complains(&["there is no event"]);
    folder
        .run(0, &["emit", &purchase(r#","colour":"red""#), "--db", "s.db"])
        .complains(&["warning: /colour"]);
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let folder = Folder::shop();
    let listed = folder.json(0, &["keys", "list", "--db", "s.db"]);
    let first = text(&listed.items()[0], "id");
    folder.run(1, &["keys", "revoke", &first, "--db", "s.db"]).complains(&["last SERVER key"]);
    let made = folder.json(0, &["keys", "create", "web", "--kind", "client", "--db", "s.db"]);
    assert_eq!(text(&made, "kind"), "CLIENT");
    assert!(text(&made, "key").starts_with(&format!("mk_{}_", text(&made, "id"))));
    folder.run(0, &["keys", "revoke", &text(&made, "id"), "--db", "s.db"]);
    folder.run(0, &["keys", "list", "--db", "s.db"]).says(&["web", "first", "SERVER"]);
    folder.run(1, &["keys", "revoke", "nobody", "--db", "s.db"]).complains(&["no key `nobody`"]);
}

#[test]
fn a_backup_verifies_like_the_store() {
    let folder = with_ana();
    let store = folder.json(0, &["verify", "--db", "s.db"]);
    assert_eq!((store.flag("ok"), number(&store, "customers")), (Some(true), 1));
    folder.run(0, &["backup", "copy.db", "--db", "s.db"]).says(&["copied to copy.db"]);
    let copy = folder.json(0, &["verify", "--db", "copy.db"]);
    assert_eq!(text(&copy, "hash"), text(&store, "hash"));
    folder.run(2, &["backup", "copy.db", "--db", "s.db"]).complains(&["is there already"]);
    folder.run(0, &["verify", "--db", "s.db"]).says(&["all agrees"]);
}

#[test]
fn a_file_in_use_is_left_alone() {
    let folder = with_ana();
    let clock = ManualClock::new(Timestamp::parse("2100-01-01T00:00:00Z").unwrap());
    let config = Config::new(Location::File(folder.path("s.db")), Mode::Test, Arc::new(clock));
    let engine = Engine::open(config).unwrap();
    let ran = folder.run(3, &["show", "customer", "ana", "--db", "s.db", "--json"]);
    let failure = Json::parse(ran.err.as_bytes()).unwrap();
    assert_eq!(text(&failure, "code"), "locked");
    // Reading beside the writer is fine.
    folder.run(0, &["verify", "--db", "s.db"]);
    folder.run(0, &["backup", "copy.db", "--db", "s.db"]);
    engine.close();
    folder.run(0, &["show", "customer", "ana", "--db", &shown(&folder.path("s.db"))]);
}

#[test]
fn a_store_stays_what_it_was_made_for() {
    let folder = Folder::new();
    folder.run(0, &["init", "--db", "live.db"]).says(&["SERVER key", "program/1-account.toml"]);
    folder
        .run(2, &["show", "customer", "ana", "--db", "live.db", "--test"])
        .complains(&["live", "leave --test out"]);
    folder
        .run(2, &["show", "customer", "ana", "--db", "live.db", "--now", "2100-01-01T00:00:00Z"])
        .complains(&["--now is for test stores"]);
    // Doing it again changes nothing.
    folder.run(0, &["init", "--db", "live.db"]).says(&["left as it is"]);
    // A new test store begins when it is told to, also in the past.
    let begins = "2020-03-01T08:00:00Z";
    folder.run(0, &["init", "--db", "past.db", "--test", "--now", begins]);
    folder.write("c.jsonl", r#"{"id": "ana", "name": "Ana", "email": "a@example.com"}"#);
    folder.run(0, &["import", "customers", "c.jsonl", "--db", "past.db"]);
    folder.run(0, &["show", "customer", "ana", "--db", "past.db"]).says(&["2020-03-01 08:00:00Z"]);
}

#[test]
fn a_programme_is_tried_on_a_copy() {
    let folder = with_ana();
    folder.json(0, &["emit", &purchase(""), "--db", "s.db"]);
    let before = folder.json(0, &["verify", "--db", "s.db"]);
    let same = folder.json(0, &["simulate", "program", "--last", "7", "--db", "s.db"]);
    assert_eq!(same.path("customers.same").map(ToString::to_string), Some("2".into()), "{same}");
    let campaign = "[[campaigns]]\nname = \"Double\"\nwithoutEndDate = true\nattributes = { trigger = \"PURCHASE\" }\nbudget = 50\n\
                    [[campaigns.rules]]\neffects = [{ reward = \"points\", amount = 10, expiration_date = \"1/years\" }]\n";
    folder.write("program/3-double.toml", campaign);
    let told = folder.run(0, &["simulate", "program", "--last", "7", "--db", "s.db"]);
    told.says(&["Double", "budget used", "liability", "gain", "ana"]);
    let event = purchase(r#","issued_at":"2020-01-01T10:00:00Z""#);
    folder.write("e.jsonl", &event);
    folder
        .run(0, &["simulate", "program", "--events", "e.jsonl", "--db", "s.db"])
        .says(&["Double", "1 customers gain"]);
    folder.write("e.jsonl", &purchase(""));
    folder
        .run(2, &["simulate", "program", "--events", "e.jsonl", "--db", "s.db"])
        .complains(&["line 1", "issued_at"]);
    folder
        .run(2, &["simulate", "program", "--url", "http://127.0.0.1:1", "--key", "k"])
        .complains(&["store file"]);
    assert_eq!(folder.json(0, &["verify", "--db", "s.db"]), before, "the store is only read");
}

#[test]
fn a_programme_is_looked_over_and_reported_on() {
    let folder = with_ana();
    // Without a store, over a fresh one.
    let campaign = "[[campaigns]]\nname = \"Till\"\nwithoutEndDate = true\nattributes = { trigger = \"PURCHASE\" }\nbudget = 50\n\
                    [[campaigns.rules]]\nconditions = [[{ type = \"event.metadata.till\", operator = \"equals\", value = 1 }]]\n\
                    effects = [{ reward = \"points\", amount = 5, expiration_date = \"1/years\" }]\n";
    folder.write("program/3-till.toml", campaign);
    folder.run(0, &["lint", "program"]).says(&["reward_earns", "costs at most", "no bound", "Till", "50"]);
    folder.run(1, &["lint", "program", "--strict"]).complains(&["findings"]);
    // A programme that runs elsewhere since years can be looked over without its store.
    let running = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/programs/cdnow");
    folder.run(0, &["lint", running]).says(&["Welcome bonus"]);
    let dry = folder.run(0, &["apply", "program", "--dry-run", "--db", "s.db"]);
    dry.says(&["masivo lint", "reward_earns"]);
    folder.run(0, &["apply", "program", "--yes", "--db", "s.db"]);
    let found = folder.json(0, &["lint", "--db", "s.db"]);
    assert!(found.to_string().contains("field_never_seen"), "{found}");
    folder.json(0, &["emit", &purchase(r#","metadata":{"till":1}"#), "--db", "s.db"]);
    let found = folder.json(0, &["lint", "--db", "s.db"]);
    assert!(!found.to_string().contains("field_never_seen"), "{found}");
    let report = folder.run(0, &["report", "campaigns", "--db", "s.db"]);
    report.says(&["A point per", "29", "Till", "5", "outstanding"]);
    let days = folder.json(0, &["report", "campaigns", "--by-day", "--campaign", "Till", "--db", "s.db"]);
    assert_eq!(days.items().len(), 1);
    assert_eq!(number(&days.items()[0], "issued"), 5);
    folder.run(0, &["report", "funders", "--db", "s.db"]).says(&["nobody named", "34"]);
    folder
        .run(1, &["report", "campaigns", "--campaign", "x", "--db", "s.db"])
        .complains(&["no campaign `x`"]);
    folder.run(2, &["report", "funders", "--from", "x", "--db", "s.db"]).complains(&["not a day"]);
}
