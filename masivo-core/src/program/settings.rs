//! Settings of the account.

use super::Reading;
use crate::prelude::*;
use crate::problem::Report;
use crate::shape::{ObjectShape, Shape, TEXT, Unknown, optional};
use crate::value::{Json, PeriodKind, Timestamp, Zone};

/// Settings of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The zone of periods, birthdays and calendar lengths.
    pub time_zone: Zone,
    /// After what period tiers may go down.
    pub reporting_period: PeriodKind,
    /// Since when periods are what they are; boundaries before that are not judged again.
    pub periods_since: Timestamp,
    /// ISO 4217 code of all money.
    pub currency: String,
    /// Whether WhatsApp follows the consent for push when it has none of its own.
    pub whatsapp_follows_push: bool,
    /// Days a device token lives.
    pub device_token_days: u32,
    /// The sender of e-mail, for example `Shop <hello@shop.example>`.
    pub email_from: Option<String>,
    /// Where a person unsubscribes; `{customer_id}` stands for the customer.
    pub unsubscribe_url: Option<String>,
    /// What the push topics of audiences begin with; `None` keeps none.
    pub account_id: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            time_zone: Zone::UTC,
            reporting_period: PeriodKind::Year,
            periods_since: Timestamp::MIN,
            currency: "USD".into(),
            whatsapp_follows_push: false,
            device_token_days: 270,
            email_from: None,
            unsubscribe_url: None,
            account_id: None,
        }
    }
}

/// The longest beginning of a push topic.
const ACCOUNT_ID_BYTES_MAX: usize = 64;

/// The settings as they are written; what is left out keeps its value.
pub const SETTINGS: ObjectShape = ObjectShape {
    name: "Settings",
    fields: &[
        optional("time_zone", TEXT, "IANA name of the account's zone, for example America/Guayaquil"),
        optional(
            "reporting_period",
            Shape::Choice(&["month", "quarter", "year"]),
            "after what period tiers may go down",
        ),
        optional("currency", Shape::Text(3), "ISO 4217 code of all money"),
        optional(
            "whatsapp_follows_push",
            Shape::Flag,
            "WhatsApp follows the consent for push when it has none of its own",
        ),
        optional("device_token_days", Shape::Integer(1, 3650), "days a device token lives"),
        optional("email_from", TEXT, "the sender of e-mail"),
        optional(
            "unsubscribe_url",
            TEXT,
            "where a person unsubscribes; {customer_id} stands for the customer",
        ),
        optional(
            "account_id",
            Shape::Text(ACCOUNT_ID_BYTES_MAX),
            "what the push topics of audiences begin with: letters, digits and - _ . ~ %; none keeps no topics",
        ),
    ],
    unknown: Unknown::Refused,
};

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> Settings {
    let mut settings = Settings::default();
    if let Some(name) = json.text("time_zone") {
        match Zone::parse(name) {
            Some(zone) => settings.time_zone = zone,
            None => report.problem(
                &reading.at.field("time_zone"),
                "unknown_time_zone",
                format!("`{name}` is not an IANA time zone"),
                "for example America/Guayaquil or UTC",
            ),
        }
    }
    if let Some(kind) = json.text("reporting_period").and_then(PeriodKind::from_name) {
        settings.reporting_period = kind;
    }
    if let Some(currency) = json.text("currency") {
        settings.currency = currency.to_uppercase();
    }
    settings.whatsapp_follows_push = json.flag("whatsapp_follows_push").unwrap_or(false);
    if let Some(days) = json.integer("device_token_days").and_then(|days| u32::try_from(days).ok()) {
        settings.device_token_days = days;
    }
    settings.email_from = json.text("email_from").map(ToOwned::to_owned);
    settings.unsubscribe_url = json.text("unsubscribe_url").map(ToOwned::to_owned);
    settings.account_id = json.text("account_id").map(ToOwned::to_owned);
    // What FCM takes as the name of a topic.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte);
    if let Some(account) = settings.account_id.as_ref().filter(|account| !account.bytes().all(fits)) {
        let message = format!("`{account}` has characters that no topic may have");
        let hint = "use letters, digits and - _ . ~ %";
        report.problem(&reading.at.field("account_id"), "not_a_topic", message, hint);
    }
    settings
}
