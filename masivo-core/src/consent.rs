//! Consent: what the customer allows us to do with their data, per purpose and per vendor.
//!
//! - C1: without a recorded consent every purpose is allowed; once recorded, only an explicit `true` allows
//!   (design, decision "Consent absent / recorded").
//! - C2: a change merges key by key; the whole record after each change is kept in the history.
//! - C3: the hot state carries the answer per purpose, so that no event needs the personal part to ask.

use crate::limits::{ENTRIES_MAX, LONG_TEXT_BYTES_MAX};
use crate::prelude::*;
use crate::shape::{Field, ObjectShape, Shape, TEXT, Unknown, optional};
use crate::value::{Json, Timestamp, object};

/// What data may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Loyalty processing of events.
    BehavioralCampaigns,
    /// Rewards of coupon campaigns.
    CouponCampaigns,
    /// Rewards of punch-card campaigns.
    PunchcardCampaigns,
    /// E-mail in journeys and audience sends.
    EmailMarketing,
    /// Push in journeys and audience sends.
    PushNotifications,
    /// Tracked links in messages.
    LinkTracking,
    /// WhatsApp in journeys and audience sends.
    WhatsappMarketing,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::BehavioralCampaigns,
        Self::CouponCampaigns,
        Self::PunchcardCampaigns,
        Self::EmailMarketing,
        Self::PushNotifications,
        Self::LinkTracking,
        Self::WhatsappMarketing,
    ];

    /// The product's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BehavioralCampaigns => "behavioral_campaigns",
            Self::CouponCampaigns => "coupon_campaigns",
            Self::PunchcardCampaigns => "punchcard_campaigns",
            Self::EmailMarketing => "email_marketing",
            Self::PushNotifications => "push_notifications",
            Self::LinkTracking => "link_tracking",
            Self::WhatsappMarketing => "whatsapp_marketing",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::BehavioralCampaigns => 1,
            Self::CouponCampaigns => 2,
            Self::PunchcardCampaigns => 4,
            Self::EmailMarketing => 8,
            Self::PushNotifications => 16,
            Self::LinkTracking => 32,
            Self::WhatsappMarketing => 64,
        }
    }
}

/// The answer per purpose, as the hot state carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Permissions {
    recorded: bool,
    granted: u8,
}

impl Permissions {
    /// The permissions of a consent record, or of its absence.
    pub fn of(consent: Option<&Json>) -> Self {
        let Some(consent) = consent else { return Self::default() };
        let purposes = consent.get("purposes");
        let granted = Purpose::ALL
            .into_iter()
            .filter(|purpose| purposes.and_then(|purposes| purposes.flag(purpose.name())) == Some(true))
            .fold(0, |granted, purpose| granted | purpose.bit());
        Self { recorded: true, granted }
    }

    /// Whether the purpose is allowed.
    pub const fn allow(self, purpose: Purpose) -> bool {
        !self.recorded || self.granted & purpose.bit() != 0
    }

    /// The permissions in which one purpose has the answer of another.
    #[must_use]
    pub const fn follow(self, purpose: Purpose, other: Purpose) -> Self {
        let rest = self.granted & !purpose.bit();
        let granted = if self.granted & other.bit() != 0 { rest | purpose.bit() } else { rest };
        Self { granted, ..self }
    }

    /// Whether the vendor (an integration's id) is allowed by a consent record.
    pub fn allow_vendor(consent: Option<&Json>, vendor: &str) -> bool {
        consent.is_none_or(|consent| {
            consent.get("vendors").and_then(|vendors| vendors.flag(vendor)) == Some(true)
        })
    }

    /// The names of the purposes that are blocked now.
    pub fn blocked(self) -> Vec<&'static str> {
        Purpose::ALL.into_iter().filter(|purpose| !self.allow(*purpose)).map(Purpose::name).collect()
    }

    /// The permissions as two bytes, for storage.
    pub const fn to_bytes(self) -> [u8; 2] {
        [if self.recorded { 1 } else { 0 }, self.granted]
    }

    /// The permissions of two stored bytes.
    pub const fn from_bytes(bytes: [u8; 2]) -> Self {
        let [recorded, granted] = bytes;
        Self { recorded: recorded != 0, granted }
    }
}

const FLAG: Shape = Shape::Flag;
const PURPOSES: ObjectShape = ObjectShape {
    name: "Purposes",
    fields: &[
        optional("behavioral_campaigns", FLAG, "loyalty processing of events"),
        optional("coupon_campaigns", FLAG, "rewards of coupon campaigns"),
        optional("punchcard_campaigns", FLAG, "rewards of punch-card campaigns"),
        optional("email_marketing", FLAG, "e-mail in journeys and audience sends"),
        optional("push_notifications", FLAG, "push in journeys and audience sends"),
        optional("link_tracking", FLAG, "tracked links in messages"),
        optional("whatsapp_marketing", FLAG, "WhatsApp in journeys and audience sends"),
    ],
    unknown: Unknown::Warned,
};
const CONSENT_FIELDS: &[Field] = &[
    optional("consent_string", Shape::Text(LONG_TEXT_BYTES_MAX), "IAB TCF string, stored as it is"),
    optional("version", TEXT, "version of the consent text"),
    optional("consent_timestamp", Shape::DateOrInstant, "when the customer decided"),
    optional("customer_id", Shape::Id, "ignored: the path names the customer"),
    optional("source", TEXT, "where the customer decided"),
    optional("purposes", Shape::Object(&PURPOSES), "what is allowed"),
    optional("vendors", Shape::Map(&FLAG, ENTRIES_MAX), "which integrations are allowed"),
];

/// A consent as it is sent: every field is optional.
pub const CONSENT: ObjectShape =
    ObjectShape { name: "Consent", fields: CONSENT_FIELDS, unknown: Unknown::Warned };

/// The record after merging a change into the one before, key by key.
pub fn merge(before: Option<&Json>, change: &Json, now: Timestamp) -> Json {
    let empty = || object().build();
    let mut record = before.cloned().unwrap_or_else(empty);
    for field in CONSENT_FIELDS.iter().map(|field| field.name) {
        match (field, change.get(field)) {
            ("customer_id", _) | (_, None) => {}
            ("purposes" | "vendors", Some(flags)) => {
                let mut merged = record.get(field).cloned().unwrap_or_else(empty);
                for (name, flag) in flags.fields() {
                    let known =
                        field == "vendors" || Purpose::ALL.iter().any(|purpose| purpose.name() == name);
                    if known {
                        merged.set(name.clone(), flag.clone());
                    }
                }
                record.set(field, merged);
            }
            (_, Some(value)) => record.set(field, value.clone()),
        }
    }
    record.set("updated_at", now);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(text: Option<&str>) -> Vec<&'static str> {
        let consent = text.map(|text| Json::parse(text.as_bytes()).unwrap());
        Permissions::of(consent.as_ref()).blocked()
    }

    #[test]
    fn absent_allows_everything_and_recorded_only_what_is_true() {
        assert_eq!(permissions(None), Vec::<&str>::new());
        assert_eq!(permissions(Some("{}")).len(), 7);
        assert_eq!(permissions(Some(r#"{"purposes":{}}"#)).len(), 7);
        let blocked =
            permissions(Some(r#"{"purposes":{"email_marketing":true,"push_notifications":false}}"#));
        assert!(!blocked.contains(&"email_marketing") && blocked.contains(&"push_notifications"));
    }

    #[test]
    fn a_change_merges_key_by_key() {
        let parse = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let first =
            merge(None, &parse(r#"{"purposes":{"email_marketing":true},"version":"1"}"#), Timestamp::EPOCH);
        let second = merge(
            Some(&first),
            &parse(r#"{"purposes":{"link_tracking":false},"vendors":{"meta":true}}"#),
            Timestamp::EPOCH,
        );
        let permissions = Permissions::of(Some(&second));
        assert!(permissions.allow(Purpose::EmailMarketing) && !permissions.allow(Purpose::LinkTracking));
        assert_eq!(second.text("version"), Some("1"));
        assert!(
            Permissions::allow_vendor(Some(&second), "meta")
                && !Permissions::allow_vendor(Some(&second), "braze")
        );
        assert!(Permissions::allow_vendor(None, "braze"));
        assert_eq!(Permissions::from_bytes(permissions.to_bytes()), permissions);
    }
}
