//! Turns a [`Mail`] into the bytes that are sent.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use sha2::{Digest as _, Sha256};

use super::Mail;

/// The last instant the `Date` header can name: the end of the year 9998.
const LAST_SECOND: u64 = 253_370_764_799;
/// A line of a header has at most 998 bytes, the name and the brackets included.
const TARGET_LIMIT: usize = 900;

/// Builds the message, or says in one sentence why it cannot be built.
pub(super) fn compose(mail: &Mail) -> Result<Message, String> {
    let message_id = check_message_id(&mail.message_id)?;
    let from = mailbox("sender", &mail.from)?;
    let to = mailbox("recipient", &mail.to)?;
    if mail.subject.chars().any(char::is_control) {
        return Err("the subject has a line break or another control character".to_owned());
    }
    let seconds = u64::try_from(mail.date_seconds).unwrap_or(0).min(LAST_SECOND);
    let mut builder = Message::builder()
        .message_id(Some(format!("<{message_id}>")))
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .from(from)
        .to(to)
        .subject(mail.subject.clone());
    for header in unsubscribe_headers(mail)? {
        builder = builder.raw_header(header);
    }
    let text = SinglePart::plain(lines(&mail.text));
    let message = match &mail.html {
        None => builder.singlepart(text),
        Some(html) => builder.multipart(
            MultiPart::alternative()
                .boundary(boundary(message_id, mail))
                .singlepart(text)
                .singlepart(SinglePart::html(lines(html))),
        ),
    };
    message.map_err(|error| format!("the message cannot be built: {error}"))
}

/// Takes the angle brackets off a message id and checks what is inside.
fn check_message_id(text: &str) -> Result<&str, String> {
    let id = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text);
    let parts = id.split_once('@');
    let visible = id.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&byte));
    let shaped = parts.is_some_and(|(left, right)| {
        !left.is_empty() && !right.is_empty() && !right.contains('@') && id.len() <= 250
    });
    if visible && shaped {
        Ok(id)
    } else {
        Err("the message id is not of the form `local@domain`".to_owned())
    }
}

// The error of the parser is left out: it may repeat the address.
fn mailbox(role: &str, text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err(format!("the address of the {role} has a line break or another control character"));
    }
    let mailbox: Mailbox = text.parse().map_err(|_| format!("the address of the {role} is not valid"))?;
    let length = AsRef::<str>::as_ref(&mailbox.email).len();
    if length > 254 {
        return Err(format!("the address of the {role} is longer than 254 bytes"));
    }
    Ok(mailbox)
}

/// Makes every line end the same way, so that a lone CR cannot end the message early.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Derives the separator of the parts from what they contain.
fn boundary(message_id: &str, mail: &Mail) -> String {
    let mut digest = Sha256::new();
    for part in [message_id, &mail.text, mail.html.as_deref().unwrap_or_default()] {
        digest.update(part.len().to_string());
        digest.update(part);
    }
    format!("part-{}", hex(&digest.finalize(), 20))
}

/// Writes the first `count` bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8], count: usize) -> String {
    bytes.iter().take(count).map(|byte| format!("{byte:02x}")).collect()
}

fn unsubscribe_headers(mail: &Mail) -> Result<Vec<HeaderValue>, String> {
    let mut targets = Vec::new();
    let mut headers = Vec::new();
    if let Some(url) = &mail.unsubscribe_url {
        let scheme = url.starts_with("https://") || url.starts_with("http://");
        if !scheme || !is_target(url) {
            return Err("the unsubscribe URL is not an `https` URL in visible ASCII".to_owned());
        }
        targets.push(format!("<{url}>"));
        let value = "List-Unsubscribe=One-Click".to_owned();
        headers.push(HeaderValue::new(HeaderName::new_from_ascii_str("List-Unsubscribe-Post"), value));
    }
    if let Some(mailto) = &mail.unsubscribe_mailto {
        let bare = mailto.strip_prefix("mailto:").unwrap_or(mailto);
        if !is_target(bare) || !bare.contains('@') {
            return Err("the unsubscribe address is not an address in visible ASCII".to_owned());
        }
        targets.push(format!("<mailto:{bare}>"));
    }
    if !targets.is_empty() {
        // Each target is visible ASCII without brackets and stands on a line of its own, which the
        // general encoder does not do for long ones.
        headers.push(HeaderValue::dangerous_new_pre_encoded(
            HeaderName::new_from_ascii_str("List-Unsubscribe"),
            targets.join(", "),
            targets.join(",\r\n "),
        ));
    }
    Ok(headers)
}

fn is_target(text: &str) -> bool {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'<' && byte != b'>');
    visible && (1..=TARGET_LIMIT).contains(&text.len())
}
