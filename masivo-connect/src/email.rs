//! Builds one e-mail and hands it to a mail server, or to a folder.
//!
//! - **Message id**: names the message, not the attempt: the same on every retry, so that a receiver
//!   can drop the second copy. Written `local@domain`.
//! - **Transport**: where mail goes: an SMTP server, or a folder of `.eml` files for trying things out.
//! - **Hand-over**: the moment from which the server may have the message: after its answer to `DATA`.
//!
//! Guarantees:
//! - E1: the same [`Mail`] gives the same bytes; nothing in it comes from a clock or from chance.
//! - E2: no value can add a header or a recipient: line breaks and other control characters are
//!   refused in every field but the bodies.
//! - E3: [`Outcome::Later`] and [`Outcome::Refused`] mean surely not delivered. From the hand-over on,
//!   anything but a clear answer is [`Outcome::Unknown`].
//! - E4: a folder has one file for a message id, written whole or not at all.
//! - E5: addresses, subjects, bodies and passwords appear in no `Debug` output and no log; the address
//!   of the recipient is cut out of what a server said.

use std::fmt;
use std::path::PathBuf;

use lettre::Message;

mod compose;
mod folder;
mod smtp;

/// One message to one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Names the message on every attempt: `local@domain`, angle brackets optional.
    pub message_id: String,
    /// When the message was made, in Unix seconds: its `Date`.
    pub date_seconds: i64,
    /// Who it is from: `ana@example.com` or `Ana <ana@example.com>`.
    pub from: String,
    /// Who it is for, in the same form.
    pub to: String,
    /// The subject, one line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML, beside the plain one.
    pub html: Option<String>,
    /// Where one POST unsubscribes the recipient (RFC 8058).
    pub unsubscribe_url: Option<String>,
    /// Where one mail unsubscribes the recipient; `mailto:` optional.
    pub unsubscribe_mailto: Option<String>,
}

impl fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Mail")
            .field("message_id", &self.message_id)
            .field("date_seconds", &self.date_seconds)
            .finish_non_exhaustive()
    }
}

/// Where mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One `.eml` file for each message in this folder, which is made if it is missing.
    Folder(PathBuf),
    /// A mail server.
    Smtp(SmtpSettings),
}

/// How to reach a mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpSettings {
    /// Its name or address, also the name its certificate must have.
    pub host: String,
    /// Its port: usually 587, or 465 with [`Security::Tls`].
    pub port: u16,
    /// The account to log in with; without one there is no login.
    pub username: Option<String>,
    /// The password of the account.
    pub password: Option<String>,
    /// How the connection is protected.
    pub security: Security,
    /// How long everything up to the hand-over may take, and once more the hand-over itself.
    pub timeout_seconds: u64,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("timeout_seconds", &self.timeout_seconds)
            .finish_non_exhaustive()
    }
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all; a login is then only made to this machine.
    None,
    /// Encrypted after `STARTTLS`, which the server must offer.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server, or the folder, has it.
    Delivered {
        /// What the server said, or the name of the file.
        detail: String,
    },
    /// It can never be delivered as it is.
    Refused {
        /// Why.
        reason: String,
    },
    /// It was surely not delivered; a later attempt may be.
    Later {
        /// Why.
        reason: String,
    },
    /// It may have been delivered; another attempt may be a second copy.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Returns the stable name of the outcome.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Refused { .. } => "refused",
            Self::Later { .. } => "later",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl Transport {
    /// Sends a message and says what became of it.
    pub async fn send(&self, mail: &Mail) -> Outcome {
        let outcome = match compose::compose(mail) {
            Ok(message) => self.hand_over(mail, &message).await,
            Err(reason) => Outcome::Refused { reason },
        };
        tracing::debug!(message_id = mail.message_id, outcome = outcome.code(), "mail was sent");
        outcome
    }

    /// Removes the copy of a message that was sent before, where there is one: only folders keep copies.
    ///
    /// # Errors
    /// When the copy is there and cannot be removed.
    pub async fn erase(&self, message_id: &str) -> std::io::Result<()> {
        match self {
            Self::Folder(folder) => folder::erase(folder.clone(), message_id).await,
            Self::Smtp(_) => Ok(()),
        }
    }

    async fn hand_over(&self, mail: &Mail, message: &Message) -> Outcome {
        match self {
            Self::Folder(folder) => {
                folder::store(folder.clone(), &mail.message_id, message.formatted()).await
            }
            Self::Smtp(settings) => smtp::send(settings, message).await,
        }
    }
}

#[cfg(test)]
mod tests;
