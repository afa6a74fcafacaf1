//! Hands a message to a mail server, knowing at every step what the server can have.

use std::net::IpAddr;
use std::time::Duration;

use lettre::Message;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::{Outcome, Security, SmtpSettings};

/// The longest timeout of each of the two steps; longer ones are shortened to it.
const TIMEOUT_LIMIT: Duration = Duration::from_secs(600);
/// How long we wait for the server to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// How much of what a server said is kept.
const REASON_LIMIT: usize = 300;

/// Sends one message over a connection of its own.
pub(super) async fn send(settings: &SmtpSettings, message: &Message) -> Outcome {
    let limit = Duration::from_secs(settings.timeout_seconds).min(TIMEOUT_LIMIT);
    let recipients = message.envelope().to();
    let clean = |text: &str| redact(text, recipients.iter().map(AsRef::as_ref));
    let mut connection = match timeout(limit, prepare(settings, limit, message)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(Stop::Refused(reason))) => return Outcome::Refused { reason: clean(&reason) },
        Ok(Err(Stop::Later(reason))) => return Outcome::Later { reason: clean(&reason) },
        Err(_) => return Outcome::Later { reason: "the mail server took too long".to_owned() },
    };
    // From here on the server may have the message, whatever happens to the connection.
    let Ok(answer) = timeout(limit, connection.message(&message.formatted())).await else {
        return Outcome::Unknown {
            reason: "the mail server took too long to confirm the message".to_owned(),
        };
    };
    let outcome = match answer {
        Ok(response) => Outcome::Delivered { detail: clean(&said(&response)) },
        Err(error) if error.is_permanent() => Outcome::Refused { reason: clean(&error.to_string()) },
        Err(error) if error.is_transient() => Outcome::Later { reason: clean(&error.to_string()) },
        Err(error) => return Outcome::Unknown { reason: clean(&error.to_string()) },
    };
    let _ = timeout(GOODBYE, connection.quit()).await;
    outcome
}

/// Why a message is not handed over.
enum Stop {
    Refused(String),
    Later(String),
}

/// Connects, logs in and names sender and recipient, up to the server's readiness for the message.
async fn prepare(
    settings: &SmtpSettings,
    limit: Duration,
    message: &Message,
) -> Result<AsyncSmtpConnection, Stop> {
    // A failure to connect or log in is about our settings, not about this message: always `Later`.
    let mut connection = open(settings, limit).await.map_err(Stop::Later)?;
    match introduce(&mut connection, message.envelope(), &message.formatted()).await {
        Ok(()) => Ok(connection),
        Err(stop) => {
            let _ = timeout(GOODBYE, connection.quit()).await;
            Err(stop)
        }
    }
}

async fn open(settings: &SmtpSettings, limit: Duration) -> Result<AsyncSmtpConnection, String> {
    let local = settings.host.eq_ignore_ascii_case("localhost")
        || settings.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if settings.username.is_some() && settings.security == Security::None && !local {
        return Err("a password is not sent over a connection that is not encrypted".to_owned());
    }
    let told = |error: Error| error.to_string();
    let parameters = match settings.security {
        Security::None => None,
        Security::StartTls | Security::Tls => Some(TlsParameters::new(settings.host.clone()).map_err(told)?),
    };
    let (at_once, later) =
        if settings.security == Security::Tls { (parameters, None) } else { (None, parameters) };
    let hello = ClientId::default();
    let target = (settings.host.as_str(), settings.port);
    let mut connection = AsyncSmtpConnection::connect_tokio1(target, Some(limit), &hello, at_once, None)
        .await
        .map_err(told)?;
    if let Some(parameters) = later {
        connection.starttls(parameters, &hello).await.map_err(told)?;
    }
    if let Some(username) = &settings.username {
        let password = settings.password.clone().unwrap_or_default();
        let credentials = Credentials::new(username.clone(), password);
        connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(told)?;
    }
    Ok(connection)
}

async fn introduce(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    bytes: &[u8],
) -> Result<(), Stop> {
    let mut parameters = Vec::new();
    let plain = |text: &str| text.is_ascii();
    let addresses = envelope.from().into_iter().chain(envelope.to());
    for (needed, feature, parameter) in [
        (
            !addresses.into_iter().all(|address| plain(address.as_ref())),
            Extension::SmtpUtfEight,
            MailParameter::SmtpUtfEight,
        ),
        (!bytes.is_ascii(), Extension::EightBitMime, MailParameter::Body(MailBodyParameter::EightBitMime)),
    ] {
        if needed && !connection.server_info().supports_feature(feature) {
            return Err(Stop::Refused(format!("the mail server lacks {feature}, which the message needs")));
        }
        if needed {
            parameters.push(parameter);
        }
    }
    let sender = commands::Mail::new(envelope.from().cloned(), parameters);
    connection.command(sender).await.map_err(|error| judge(&error))?;
    for address in envelope.to() {
        connection
            .command(commands::Rcpt::new(address.clone(), Vec::new()))
            .await
            .map_err(|error| judge(&error))?;
    }
    let ready = connection.command(commands::Data).await.map_err(|error| judge(&error))?;
    if ready.has_code(354) {
        Ok(())
    } else {
        Err(Stop::Later(format!("unexpected answer to DATA: {}", said(&ready))))
    }
}

/// Judges an answer before the hand-over: nothing has been delivered.
fn judge(error: &Error) -> Stop {
    let reason = error.to_string();
    // A server that wants a login or encryption first speaks of our settings, not of this message.
    let about_us = error.status().is_some_and(|code| [530, 534, 535, 538].contains(&u16::from(code)));
    if error.is_permanent() && !about_us { Stop::Refused(reason) } else { Stop::Later(reason) }
}

fn said(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    format!("{} {}", response.code(), lines.join(" "))
}

/// Cuts addresses and control characters out of what a server said, and shortens it.
fn redact<'a>(text: &str, addresses: impl Iterator<Item = &'a str>) -> String {
    let mut text: String =
        text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    for address in addresses {
        let address = address.to_ascii_lowercase();
        let mut result = String::new();
        let mut rest = text.as_str();
        // Lower-casing ASCII keeps every position.
        while let Some((before, after)) = rest
            .to_ascii_lowercase()
            .find(&address)
            .and_then(|at| Some((rest.get(..at)?, rest.get(at.checked_add(address.len())?..)?)))
        {
            result.push_str(before);
            result.push_str("(recipient)");
            rest = after;
        }
        result.push_str(rest);
        text = result;
    }
    text.chars().take(REASON_LIMIT).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipient_is_cut_out_of_reasons() {
        let text = "550 <Bob@Example.COM>: no such\r\nuser bob@example.com";
        let expected = "550 <(recipient)>: no such  user (recipient)";
        assert_eq!(redact(text, ["bob@example.com"].into_iter()), expected);
        assert_eq!(redact(&"x".repeat(1_000), [].into_iter()).len(), REASON_LIMIT);
    }
}
