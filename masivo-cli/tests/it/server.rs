//! The same commands through a server.

use crate::run::{Folder, number, text};
use masivo_core::value::Json;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

/// The demo kept up as a server.
struct Server {
    folder: Folder,
    child: Child,
    url: String,
    key: String,
}

impl Server {
    fn start() -> Self {
        let folder = Folder::new();
        folder.write("data.csv", "customer_id,date,value\nana,1997-01-01,120\nben,1997-01-02,5.5\n");
        let arguments =
            ["demo", "--data", "data.csv", "--db", "d.db", "--serve", "--listen", "127.0.0.1:0", "--json"];
        let mut child = folder.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = Json::parse(line.as_bytes()).unwrap();
        Self { folder, child, url: text(&said, "listening"), key: text(&said, "key") }
    }

    /// Stops the server; its store is left.
    fn stop(mut self) -> Folder {
        drop(self.child.kill());
        drop(self.child.wait());
        std::mem::replace(&mut self.folder, Folder::new())
    }

    fn with<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--url", &self.url, "--key", &self.key]].concat()
    }

    #[track_caller]
    fn json(&self, code: i32, arguments: &[&str]) -> Json {
        self.folder.json(code, &self.with(arguments))
    }

    #[track_caller]
    fn complaint(&self, code: i32, arguments: &[&str]) -> String {
        self.folder.run(code, &self.with(arguments)).err
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn every_command_works_through_a_server() {
    let server = Server::start();
    assert_eq!(text(&server.json(0, &["show", "customer", "ana"]), "customer.id"), "ana");
    assert!(server.complaint(1, &["show", "customer", "nobody/at all"]).contains("there is no customer"));

    let event = r#"{"customer_id":"ben","brand_id":"cdnow","type":"PURCHASE","order":{"value":40},"fulfilled":false}"#;
    let waits = server.json(0, &["emit", event, "--idempotency-key", "k1"]);
    let id = text(&waits, "id");
    assert_eq!(text(&server.json(0, &["emit", event, "--idempotency-key", "k1"]), "id"), id);
    assert_eq!(text(&server.json(0, &["fulfill", &id]), "status"), "RESOLVED");
    assert_eq!(text(&server.json(0, &["explain", &id]), "status"), "RESOLVED");
    assert_eq!(text(&server.json(0, &["reverse", &id, "--reason", "returned"]), "status"), "REVERSED");
    assert_eq!(text(&server.json(0, &["show", "event", &id]), "status"), "REVERSED");
    assert_eq!(number(&server.json(0, &["show", "audience", "Big spenders"]), "members_count"), 0);
    assert!(server.complaint(2, &["emit", r#"{"type":"PURCHASE"}"#]).contains("/customer_id"));

    let given =
        ["adjust", "ana", "25", "--reward", "Points", "--reason", "late parcel", "--expires", "2999-01-01"];
    assert_eq!(server.json(0, &given).path("wallet.lines").map_or(0, |lines| lines.items().len()), 3);
    server.complaint(2, &["adjust", "ana", "many", "--reward", "Points", "--reason", "x"]);
    assert!(server.complaint(1, &["void", "ana", "77", "--reason", "x"]).contains("lot"));

    let made = server.json(0, &["keys", "create", "web", "--kind", "client"]);
    assert_eq!(server.json(0, &["keys", "list"]).items().len(), 2);
    server.json(0, &["keys", "revoke", &text(&made, "id")]);
    assert!(text(&server.json(0, &["openapi"]), "openapi").starts_with("3.1"));
}

#[test]
fn definitions_and_files_go_through_a_server() {
    let server = Server::start();
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/programs/cdnow");
    let plan = server.json(0, &["apply", program, "--yes"]);
    assert_eq!((number(&plan, "unchanged"), number(&plan, "written")), (14, 0), "{plan}");
    server.folder.write("more/a.toml", "[[audiences]]\nname = \"VIP\"\nconditions = [[{ type = \"customer.tags.vip\", operator = \"equals\", value = true }]]\n[[event_types]]\nid = \"REVIEW\"\nloyalty = true\n");
    assert_eq!(number(&server.json(0, &["apply", "more", "--yes"]), "written"), 2);
    assert_eq!(number(&server.json(0, &["apply", "more", "--yes"]), "unchanged"), 2);

    server.folder.write(
        "c.csv",
        "id,name,email,tags.vip\ncy,Cy,cy@example.com,true\nana,Ana,other@example.com,true\n",
    );
    let report = server.json(1, &["import", "customers", "c.csv"]);
    assert_eq!((number(&report, "accepted"), number(&report, "rejected")), (1, 1));
    server.folder.write("e.jsonl", "{\"customer_id\":\"cy\",\"brand_id\":\"cdnow\",\"type\":\"REVIEW\"}\n{\"customer_id\":\"xx\",\"brand_id\":\"cdnow\",\"type\":\"REVIEW\"}\n");
    let report = server.json(1, &["import", "events", "e.jsonl"]);
    assert_eq!((number(&report, "accepted"), number(&report, "rejected")), (1, 1));
    assert_eq!(number(&server.json(1, &["import", "events", "e.jsonl", "--restart"]), "accepted"), 1);
    assert_eq!(number(&server.json(0, &["show", "audience", "VIP"]), "members_count"), 1);
}

/// What a server refuses as a whole is sent in parts, and only the row that is too large is refused for that.
fn too_many_at_once_are_sent_in_parts(server: &Server) {
    let mut lines = String::new();
    for (customer, count) in [("ana", 1), ("mia", 1_500), ("ana", 700), ("ana", 700)] {
        let item = r#"{"type": "REVERSAL", "issued_at": "1996-05-01"}"#;
        let items = vec![item; count].join(", ");
        lines.push_str(&format!("{{\"id\": \"{customer}\", \"transactions\": [{items}]}}\n"));
    }
    server.folder.write("large.jsonl", &lines);
    let report = server.json(1, &["import", "migrated-transactions", "large.jsonl"]);
    assert_eq!((number(&report, "rows"), number(&report, "rejected")), (4, 4));
    let rejects = std::fs::read_to_string(server.folder.path("large.jsonl.rejects.jsonl")).unwrap();
    let errors: Vec<bool> = rejects.lines().map(|line| line.contains("1500 transactions")).collect();
    assert_eq!(errors, [false, true, false, false]);
}

#[test]
fn a_past_is_brought_in_once_whichever_way_its_file_takes() {
    let server = Server::start();
    let rows =
        "customer_id,type,issued_at,order.value\nana,PURCHASE,1996-05-01,80\nana,PURCHASE,1996-06-01,20\n";
    server.folder.write("past.csv", rows);
    assert_eq!(number(&server.json(0, &["import", "migrated-events", "past.csv"]), "accepted"), 2);
    server.folder.write("old.csv", "id,name,email,registration_date\nmia,Mia,mia@example.com,1990-01-01\n");
    assert_eq!(number(&server.json(0, &["import", "migrated-customers", "old.csv"]), "accepted"), 1);
    too_many_at_once_are_sent_in_parts(&server);
    let folder = server.stop();
    let import = |what, file| folder.json(0, &["import", what, file, "--restart", "--db", "d.db"]);
    assert_eq!(number(&import("migrated-events", "past.csv"), "accepted"), 2);
    assert_eq!(number(&import("migrated-customers", "old.csv"), "accepted"), 1);
    let ana = folder.json(0, &["show", "customer", "ana", "--db", "d.db"]);
    assert_eq!(number(&ana, "customer.metrics.lifetime.spend_total"), 220);
    assert_eq!(number(&ana, "customer.metrics.lifetime.number_of_purchases"), 3);
}

#[test]
fn what_is_no_server_of_ours_is_said() {
    let folder = Folder::new();
    folder
        .run(3, &["show", "customer", "ana", "--url", "http://127.0.0.1:9"])
        .complains(&["cannot be reached", "check --url"]);
    folder
        .run(2, &["show", "customer", "ana", "--url", "nowhere"])
        .complains(&["not the address of a server"]);
    let server = Server::start();
    let ran = server.folder.run(3, &["show", "customer", "ana", "--url", &server.url, "--key", "mk_wrong"]);
    ran.complains(&["the bearer token is not valid"]);
}
