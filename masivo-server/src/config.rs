//! How the server is told what to do: flags and environment for what every start needs, a file for the rest.

use crate::app::{Limits, ServeError, ServerSettings};
use clap::Parser;
use masivo_connect::email::{Security, SmtpSettings, Transport};
use masivo_connect::worker;
use masivo_core::value::Timestamp;
use masivo_store::{Location, ManualClock, Mode, SystemClock};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The HTTP server of masivo.
#[derive(Clone, Debug, Parser)]
#[command(name = "masivo-server", version, about)]
pub struct Arguments {
    /// The file the data is kept in; it is made when it is not there
    #[arg(long, env = "MASIVO_DB", value_name = "PATH")]
    pub db: PathBuf,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, env = "MASIVO_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// A file with further settings, in TOML
    #[arg(long, env = "MASIVO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Makes time stand still at this instant until PUT /test_clock moves it; for test stores only
    #[arg(long, value_name = "RFC3339", value_parser = read_instant)]
    pub test_clock: Option<Timestamp>,
}

fn read_instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "expected an instant like 2026-11-22T10:00:00Z".to_owned())
}

/// Everything the server is told.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// How the store is opened.
    pub store: masivo_store::Config,
    /// The address to listen on.
    pub listen: String,
    /// The first key, when somebody chose one.
    pub first_key: Option<String>,
    /// How the server behaves.
    pub server: ServerSettings,
}

impl Configuration {
    /// Reads the file, when one is named, and puts everything together. `first_key` is `MASIVO_API_KEY`.
    ///
    /// # Errors
    /// When the file cannot be read or says something that is not known.
    pub fn load(arguments: &Arguments, first_key: Option<String>) -> Result<Self, ServeError> {
        let file = match &arguments.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        let location = Location::File(arguments.db.clone());
        let store = match arguments.test_clock {
            Some(instant) => {
                masivo_store::Config::new(location, Mode::Test, Arc::new(ManualClock::new(instant)))
            }
            None => masivo_store::Config::new(location, Mode::Live, Arc::new(SystemClock::default())),
        };
        let server = ServerSettings {
            test_clock: arguments.test_clock.is_some(),
            allow_private_addresses: file.webhooks.allow_private_addresses,
            deliveries: file.deliveries()?,
            limits: file.limits.read(),
        };
        Ok(Self { store, listen: arguments.listen.clone(), first_key, server })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    deliveries: DeliveriesSection,
    webhooks: WebhooksSection,
    email: Option<EmailSection>,
    limits: LimitsSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeliveriesSection {
    enabled: bool,
    timeout_seconds: u64,
}

impl Default for DeliveriesSection {
    fn default() -> Self {
        Self { enabled: true, timeout_seconds: 20 }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WebhooksSection {
    allow_private_addresses: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailSection {
    transport: TransportName,
    folder: Option<PathBuf>,
    host: Option<String>,
    port: Option<u16>,
    username: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
    security: Option<SecurityName>,
    from: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TransportName {
    Folder,
    Smtp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SecurityName {
    None,
    Starttls,
    Tls,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsSection {
    body_bytes: Option<usize>,
    batch_bytes: Option<usize>,
    connections: Option<usize>,
    header_seconds: Option<u64>,
    body_seconds: Option<u64>,
    drain_seconds: Option<u64>,
}

impl LimitsSection {
    fn read(&self) -> Limits {
        let usual = Limits::default();
        let seconds = |given: Option<u64>, usual: Duration| {
            given.map_or(usual, |given| Duration::from_secs(given.max(1)))
        };
        Limits {
            body_bytes: self.body_bytes.unwrap_or(usual.body_bytes),
            batch_bytes: self.batch_bytes.unwrap_or(usual.batch_bytes),
            connections: self.connections.unwrap_or(usual.connections).clamp(1, 1_000_000),
            header_time: seconds(self.header_seconds, usual.header_time),
            body_time: seconds(self.body_seconds, usual.body_time),
            drain_time: seconds(self.drain_seconds, usual.drain_time),
        }
    }
}

impl File {
    fn read(path: &Path) -> Result<Self, ServeError> {
        let failed = |error| ServeError::File { what: format!("`{}` cannot be read", path.display()), error };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::parse(&text)
            .map_err(|error| ServeError::Configuration(format!("`{}`: {error}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn deliveries(&self) -> Result<Option<worker::Settings>, ServeError> {
        if !self.deliveries.enabled {
            return Ok(None);
        }
        let email = self.email.as_ref().map(EmailSection::transport).transpose()?;
        Ok(Some(worker::Settings {
            email,
            email_from: self.email.as_ref().and_then(|email| email.from.clone()),
            allow_private_addresses: self.webhooks.allow_private_addresses,
            timeout: Duration::from_secs(self.deliveries.timeout_seconds.clamp(1, 300)),
        }))
    }
}

impl EmailSection {
    fn transport(&self) -> Result<Transport, ServeError> {
        let missing = |name: &str| ServeError::Configuration(format!("[email] needs `{name}`"));
        if self.transport == TransportName::Folder {
            return Ok(Transport::Folder(self.folder.clone().ok_or_else(|| missing("folder"))?));
        }
        let security = match self.security {
            Some(SecurityName::None) => Security::None,
            Some(SecurityName::Tls) => Security::Tls,
            Some(SecurityName::Starttls) | None => Security::StartTls,
        };
        let usual_port = if security == Security::Tls { 465 } else { 587 };
        Ok(Transport::Smtp(SmtpSettings {
            host: self.host.clone().ok_or_else(|| missing("host"))?,
            port: self.port.unwrap_or(usual_port),
            username: self.username.clone(),
            password: self.password()?,
            security,
            timeout_seconds: 60,
        }))
    }

    fn password(&self) -> Result<Option<String>, ServeError> {
        let Some(path) = &self.password_file else { return Ok(self.password.clone()) };
        let failed = |error| ServeError::File { what: format!("`{}` cannot be read", path.display()), error };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_may_and_nothing_else() {
        let file = File::parse(
            r#"
            [deliveries]
            enabled = true
            [webhooks]
            allow_private_addresses = true
            [email]
            transport = "smtp"
            host = "mail.example"
            security = "tls"
            from = "Shop <hello@shop.example>"
            [limits]
            body_bytes = 10
            header_seconds = 1
            "#,
        )
        .unwrap();
        let deliveries = file.deliveries().unwrap().unwrap();
        assert!(deliveries.allow_private_addresses);
        let Some(Transport::Smtp(smtp)) = deliveries.email else { panic!("no mail server") };
        assert_eq!((smtp.host.as_str(), smtp.port, smtp.security), ("mail.example", 465, Security::Tls));
        assert_eq!(file.limits.read().body_bytes, 10);
        for wrong in
            ["[webhook]", "[webhooks]\nallow_privat = true", "[email]\ntransport = \"pigeon\"", "x = 1"]
        {
            assert!(File::parse(wrong).is_err(), "{wrong}");
        }
        assert!(File::parse("[email]\ntransport = \"folder\"").unwrap().deliveries().is_err());
        assert!(File::parse("[deliveries]\nenabled = false").unwrap().deliveries().unwrap().is_none());
        assert!(File::parse("").unwrap().deliveries().unwrap().is_some());
    }
}
