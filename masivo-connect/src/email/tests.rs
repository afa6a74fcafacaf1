use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::*;

fn mail() -> Mail {
    Mail {
        message_id: "m-1@masivo.example".to_owned(),
        date_seconds: 1_700_000_000,
        from: "Café Uno <hola@masivo.example>".to_owned(),
        to: "Bob <bob@example.com>".to_owned(),
        subject: "¡Hola!".to_owned(),
        text: "Hello\n.\nBob".to_owned(),
        html: Some("<p>Hello <b>Bob</b></p>".to_owned()),
        unsubscribe_url: Some("https://masivo.example/u/1".to_owned()),
        unsubscribe_mailto: Some("stop@masivo.example".to_owned()),
    }
}

fn written(mail: &Mail) -> String {
    String::from_utf8(compose::compose(mail).unwrap().formatted()).unwrap()
}

#[test]
fn message_has_its_headers_and_both_bodies() {
    let text = written(&mail());
    for line in [
        "Message-ID: <m-1@masivo.example>\r\n",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
        "From: =?utf-8?b?",
        "To: Bob <bob@example.com>\r\n",
        "Subject: =?utf-8?b?",
        "MIME-Version: 1.0\r\n",
        "List-Unsubscribe: <https://masivo.example/u/1>,\r\n <mailto:stop@masivo.example>\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "Content-Type: multipart/alternative;\r\n boundary=\"part-",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.find("text/plain") < text.find("text/html"));
    assert_eq!(text, written(&mail()), "the same mail gives the same bytes");
}

#[test]
fn plain_message_is_one_part() {
    let text = written(&Mail { html: None, unsubscribe_url: None, unsubscribe_mailto: None, ..mail() });
    assert!(!text.contains("multipart") && !text.contains("List-Unsubscribe"), "{text}");
    assert!(text.ends_with("\r\n\r\nHello\r\n.\r\nBob\r\n"), "{text}");
    let lone = written(&Mail { html: None, text: "a\r.\rb\r\nc".to_owned(), ..mail() });
    assert!(lone.ends_with("a\r\n.\r\nb\r\nc\r\n"), "{lone}");
}

#[tokio::test]
async fn injected_headers_are_refused() {
    let folder = Folder::new("injection");
    let bad = "x@example.com\r\nBcc: eve@example.com".to_owned();
    let cases = [
        Mail { subject: "Hi\r\nBcc: eve@example.com".to_owned(), ..mail() },
        Mail { subject: "Hi\nthere".to_owned(), ..mail() },
        Mail { to: bad.clone(), ..mail() },
        Mail { from: format!("Ana\n <{}>", "a@example.com"), ..mail() },
        Mail { to: "not an address".to_owned(), ..mail() },
        Mail { to: "a@example.com, b@example.com".to_owned(), ..mail() },
        Mail { message_id: "m@x>\r\nX: y".to_owned(), ..mail() },
        Mail { message_id: "no-domain".to_owned(), ..mail() },
        Mail { unsubscribe_url: Some("https://x.example/\r\nX: y".to_owned()), ..mail() },
        Mail { unsubscribe_url: Some("javascript:alert(1)".to_owned()), ..mail() },
        Mail { unsubscribe_url: Some(format!("https://x.example/{}", "y".repeat(1_000))), ..mail() },
        Mail { unsubscribe_mailto: Some(bad), ..mail() },
    ];
    for case in cases {
        let outcome = Transport::Folder(folder.path.clone()).send(&case).await;
        assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("example.com"), "no address in {outcome:?}");
    }
    assert!(!folder.path.exists());
}

/// A folder of its own for a test, removed at the end.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("masivo-mail-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self { path }
    }

    fn names(&self) -> Vec<String> {
        std::fs::read_dir(&self.path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[tokio::test]
async fn folder_has_one_file_for_a_message_id() {
    let folder = Folder::new("once");
    let transport = Transport::Folder(folder.path.clone());
    let expected = Outcome::Delivered { detail: "m-1@masivo.example.eml".to_owned() };
    let (mail, other) = (mail(), Mail { message_id: "<m-1@masivo.example>".to_owned(), ..mail() });
    let (first, second) = tokio::join!(transport.send(&mail), transport.send(&other));
    assert_eq!((&first, &second), (&expected, &expected));
    assert_eq!(transport.send(&mail).await, expected);
    assert_eq!(folder.names(), ["m-1@masivo.example.eml"]);
    let bytes = std::fs::read(folder.path.join("m-1@masivo.example.eml")).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), written(&mail));
}

#[tokio::test]
async fn folder_that_cannot_be_made_means_later() {
    let outcome = Transport::Folder(Path::new("/dev/null/mail").to_owned()).send(&mail()).await;
    assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
}

/// What the fake server answers to a command; an empty text hangs up.
type Script = &'static [(&'static str, &'static str)];

/// A mail server that accepts everything the script does not mention, for one connection.
async fn server(script: Script) -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(String::new()));
    let log = Arc::clone(&heard);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        let answer = |command: &str, usual: &'static str| {
            script.iter().find(|(start, _)| command.starts_with(start)).map_or(usual, |&(_, answer)| answer)
        };
        let mut in_data = false;
        let mut reply = answer("HELLO", "220 fake");
        loop {
            if reply.is_empty() || writer.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
                return;
            }
            in_data |= reply.starts_with("354");
            let command = loop {
                let Ok(Some(line)) = lines.next_line().await else { return };
                log.lock().unwrap().push_str(&format!("{line}\n"));
                if !in_data || line == "." {
                    break line;
                }
            };
            reply = match command.as_str() {
                "DATA" => answer("DATA", "354 go ahead"),
                "." => answer(".", "250 queued as 42"),
                other => answer(other, "250 fine"),
            };
            in_data &= command != ".";
        }
    });
    (address, heard)
}

fn settings(address: SocketAddr) -> SmtpSettings {
    SmtpSettings {
        host: address.ip().to_string(),
        port: address.port(),
        username: None,
        password: None,
        security: Security::None,
        timeout_seconds: 1,
    }
}

async fn outcome_of(script: Script) -> Outcome {
    let (address, _) = server(script).await;
    Transport::Smtp(settings(address)).send(&mail()).await
}

#[tokio::test]
async fn accepted_message_is_delivered() {
    let (address, heard) = server(&[]).await;
    let outcome = Transport::Smtp(settings(address)).send(&mail()).await;
    assert_eq!(outcome, Outcome::Delivered { detail: "250 queued as 42".to_owned() });
    let heard = heard.lock().unwrap().clone();
    for line in ["MAIL FROM:<hola@masivo.example>\n", "RCPT TO:<bob@example.com>\n", "\n..\n", "QUIT\n"] {
        assert!(heard.contains(line), "{line}\n{heard}");
    }
}

#[tokio::test]
async fn permanent_answers_refuse_the_message() {
    for script in [
        &[("MAIL", "550 not you")][..],
        &[("RCPT", "550 <bob@example.com> unknown")],
        &[("DATA", "554 no")],
        &[(".", "554 looks like spam")],
    ] {
        let outcome = outcome_of(script).await;
        let Outcome::Refused { reason } = &outcome else { panic!("{script:?} {outcome:?}") };
        assert!(!reason.contains("bob@"), "{reason}");
    }
}

#[tokio::test]
async fn temporary_answers_mean_later() {
    for script in [
        &[("HELLO", "421 busy")][..],
        &[("HELLO", "554 not here")],
        &[("HELLO", "")],
        &[("MAIL", "530 log in first")],
        &[("MAIL", "")],
        &[("RCPT", "451 greylisted")],
        &[("RCPT", "")],
        &[("DATA", "")],
        &[("DATA", "250 what?")],
        &[(".", "451 try again")],
    ] {
        let outcome = outcome_of(script).await;
        assert!(matches!(outcome, Outcome::Later { .. }), "{script:?} {outcome:?}");
    }
}

#[tokio::test]
async fn broken_hand_over_leaves_the_outcome_unknown() {
    for script in [&[(".", "")][..], &[(".", "nonsense")], &[(".", "250-half an answer")]] {
        let outcome = outcome_of(script).await;
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{script:?} {outcome:?}");
    }
}

#[tokio::test]
async fn refused_connection_means_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let outcome = Transport::Smtp(settings(address)).send(&mail()).await;
    assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
}

#[tokio::test]
async fn missing_encryption_or_login_means_later() {
    let (address, heard) = server(&[]).await;
    let strict = SmtpSettings { security: Security::StartTls, ..settings(address) };
    let outcome = Transport::Smtp(strict).send(&mail()).await;
    assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
    assert!(!heard.lock().unwrap().contains("MAIL FROM"));

    let secret = || Some("secret".to_owned());
    let login = SmtpSettings { username: secret(), password: secret(), ..settings(address) };
    let open = SmtpSettings { host: "mail.example.com".to_owned(), ..login.clone() };
    let outcome = Transport::Smtp(open).send(&mail()).await;
    assert!(matches!(&outcome, Outcome::Later { reason } if reason.contains("not encrypted")), "{outcome:?}");
    assert!(!format!("{login:?}").contains("secret"));
}

#[tokio::test]
async fn login_is_made_where_offered() {
    let (address, heard) = server(&[("EHLO", "250-fake\r\n250 AUTH PLAIN"), ("AUTH", "235 welcome")]).await;
    let login = SmtpSettings {
        username: Some("me".to_owned()),
        password: Some("word".to_owned()),
        ..settings(address)
    };
    let outcome = Transport::Smtp(login).send(&mail()).await;
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    assert!(heard.lock().unwrap().contains("AUTH PLAIN "));
    let refused = server(&[("EHLO", "250-fake\r\n250 AUTH PLAIN"), ("AUTH", "535 wrong")]).await.0;
    let login = SmtpSettings { username: Some("me".to_owned()), ..settings(refused) };
    let outcome = Transport::Smtp(login).send(&mail()).await;
    assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
}

#[test]
fn personal_data_is_not_in_debug_output() {
    let shown = format!("{:?}", mail());
    assert!(!shown.contains("bob@") && !shown.contains("Hola") && shown.contains("m-1@"), "{shown}");
}
