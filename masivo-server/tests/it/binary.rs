//! The binary: started on a file, used, ended by a signal, started again.

use crate::house::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) const KEY: &str = "a key that somebody chose";

pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: String,
}

pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("masivo-binary-{name}-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_masivo-server"));
    command.arg("--db").arg(folder.join("shop.db")).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn start(mut command: Command) -> Running {
    let mut child = command.arg("--listen").arg("127.0.0.1:0").spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address =
        line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}")).trim().to_owned();
    Running { child, address }
}

impl Running {
    pub(crate) fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{method} /api/storefront/v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// Ends it as an operator does; gives what it wrote to standard error.
    fn end(mut self) -> String {
        let mut stderr = self.child.stderr.take().unwrap();
        self.stop();
        let mut errors = String::new();
        stderr.read_to_string(&mut errors).unwrap();
        errors
    }

    /// Ends it as an operator does.
    pub(crate) fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg("-TERM").arg(id).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
    }
}

#[test]
fn it_keeps_what_it_answered_and_ends_with_zero() {
    let folder = folder("keeps");
    let mut first = command(&folder);
    first.env("MASIVO_API_KEY", KEY);
    let server = start(first);
    let answer = server.ask("POST", "/customers", KEY, r#"{"id": "ana", "is_anonymous": true}"#);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(
        server
            .ask("PUT", "/test_clock", KEY, r#"{"now": "2027-01-01T00:00:00Z"}"#)
            .starts_with("HTTP/1.1 404")
    );
    assert!(!server.end().contains(KEY));
    let server = start(command(&folder));
    let answer = server.ask("GET", "/customers/ana", KEY, "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.end();
    // A live store is never opened as a test store.
    let refused = command(&folder).args(["--test-clock", "2026-01-01T00:00:00Z"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    drop(std::fs::remove_dir_all(&folder));
}

#[test]
fn it_makes_a_first_key_once_and_its_test_clock_stands_still() {
    let folder = folder("clock");
    std::fs::write(folder.join("server.toml"), "[deliveries]\nenabled = false\n").unwrap();
    let with_clock = || {
        let mut command = command(&folder);
        command.args(["--test-clock", "2026-01-01T00:00:00Z", "--config"]).arg(folder.join("server.toml"));
        command
    };
    let mut server = start(with_clock());
    let mut line = String::new();
    let mut errors = BufReader::new(server.child.stderr.take().unwrap());
    errors.read_line(&mut line).unwrap();
    let key = line
        .trim()
        .strip_prefix("first SERVER key, shown only now: ")
        .unwrap_or_else(|| panic!("{line}"))
        .to_owned();
    server.child.stderr = Some(errors.into_inner());
    let answer = server.ask("GET", "/test_clock", &key, "");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(json(body).path("data.now").unwrap().as_text(), Some("2026-01-01T00:00:00.000Z"));
    server.end();
    let server = start(with_clock());
    assert!(server.ask("GET", "/tiers", &key, "").starts_with("HTTP/1.1 200"));
    assert!(!server.end().contains("first SERVER key"));
    drop(std::fs::remove_dir_all(&folder));
}

#[test]
fn it_says_what_is_wrong_and_ends_with_an_error() {
    let folder = folder("wrong");
    std::fs::write(folder.join("server.toml"), "[delivery]\nenabled = false\n").unwrap();
    for (arguments, expected) in [
        (vec!["--config", "server.toml"], "delivery"),
        (vec!["--config", "nothing.toml"], "cannot be read"),
        (vec!["--listen", "256.0.0.1:0"], "cannot be listened on"),
    ] {
        let output = command(&folder).current_dir(&folder).args(&arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {said}");
        assert!(said.contains(expected), "{arguments:?} {said}");
    }
    std::fs::remove_file(folder.join("shop.db")).unwrap();
    let short = command(&folder).env("MASIVO_API_KEY", "short").output().unwrap();
    assert_eq!(short.status.code(), Some(1));
    drop(std::fs::remove_dir_all(&folder));
}
