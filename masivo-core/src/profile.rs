//! The personal part of a customer: who they are, how to reach them, what they allow.
//!
//! It is kept apart from the working state, so that erasing it leaves the books whole.

use crate::consent::{CONSENT, Permissions};
use crate::limits::{DEVICES_MAX, ENTRIES_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::shape::{ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Json, Timestamp, Zone, object};

/// The personal part of a customer. Copies share it until one of them is changed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Profile(Arc<Json>);

/// Tags: texts, numbers and flags by name.
pub const TAGS: Shape = Shape::Map(&TAG, ENTRIES_MAX);
const TAG: Shape = Shape::Either(&[
    Shape::TextOrEmpty(1_000),
    Shape::Flag,
    Shape::Number(crate::value::Decimal::MIN, crate::value::Decimal::MAX),
]);
const METADATA: Shape = Shape::Map(&Shape::Any, ENTRIES_MAX);

const DEVICE_INFO: ObjectShape = ObjectShape {
    name: "DeviceInfo",
    fields: &[
        optional("platform", Shape::Choice(&["ios", "android", "web"]), "the system"),
        optional("model", TEXT, "the model"),
        optional("osVersion", TEXT, "the system's version"),
    ],
    unknown: Unknown::Warned,
};

/// A device as it is registered.
pub const DEVICE: ObjectShape = ObjectShape {
    name: "Device",
    fields: &[
        required("device_token", Shape::Text(4_096), "the push token"),
        optional("device_info", Shape::Object(&DEVICE_INFO), "what kind of device it is"),
    ],
    unknown: Unknown::Warned,
};

const GENDER: Shape = Shape::Choice(&["MALE", "FEMALE"]);

macro_rules! profile_fields {
    ($($more:expr,)*) => {
        &[
            $($more,)*
            optional("platforms", Shape::List(&TEXT, ENTRIES_MAX), "where the customer comes from"),
            optional("gender", GENDER, "MALE or FEMALE"),
            optional("dob", Shape::DateOrInstant, "date of birth"),
            optional("document_type", TEXT, "kind of identity document; together with document_number"),
            optional("document_number", Shape::Text(50), "number of the identity document"),
            optional("country", Shape::Text(100), "the country"),
            optional("phone", Shape::Text(50), "phone number"),
            optional("phone_verified", Shape::Flag, "whether the number was verified"),
            optional("tags", TAGS, "tags that conditions look at"),
            optional("metadata", METADATA, "anything else"),
        ]
    };
}

/// A customer as it is registered.
pub const REGISTRATION: ObjectShape = ObjectShape {
    name: "Registration",
    fields: profile_fields![
        required("id", Shape::Id, "the merchant's own id of the customer"),
        optional("is_anonymous", Shape::Flag, "true: only the id is needed"),
        optional("name", TEXT, "full name; required unless anonymous"),
        optional("email", Shape::Email, "e-mail address, unique in the account; required unless anonymous"),
        optional("email_status", TEXT, "what is known of the address, for example VALID"),
        optional(
            "registration_date",
            Shape::DateOrInstant,
            "when the customer registered; now when left out"
        ),
        optional("devices", Shape::List(&Shape::Object(&DEVICE), DEVICES_MAX), "devices for push"),
        optional("consent", Shape::Object(&CONSENT), "what the customer allows"),
        optional("referral_code", TEXT, "the code of the customer who referred this one"),
    ],
    unknown: Unknown::Warned,
};

/// A customer that is brought in from elsewhere.
pub const MIGRATED_CUSTOMER: ObjectShape = ObjectShape {
    name: "MigratedCustomer",
    fields: profile_fields![
        required("id", Shape::Id, "the merchant's own id of the customer"),
        required("name", TEXT, "full name"),
        required("email", Shape::Email, "e-mail address, unique in the account"),
        optional("email_status", TEXT, "what is known of the address, for example VALID"),
        required("registration_date", Shape::DateOrInstant, "when the customer registered"),
        crate::migration::ROW_KEY,
        optional("balance", crate::migration::BALANCE, "what is in the wallet: one lot a line"),
        optional("metrics", Shape::Any, "ignored: they are counted from the events that are brought in"),
        optional("devices", Shape::List(&Shape::Object(&DEVICE), DEVICES_MAX), "devices for push"),
        optional("consent", Shape::Object(&CONSENT), "what the customer allows"),
    ],
    unknown: Unknown::Warned,
};

/// A change of a customer's profile.
pub const PROFILE_CHANGE: ObjectShape = ObjectShape {
    name: "ProfileChange",
    fields: profile_fields![
        optional("name", TEXT, "full name"),
        optional("email", Shape::Email, "e-mail address, unique in the account"),
        optional("status", Shape::Choice(&["ACTIVE", "INACTIVE"]), "whether the customer takes part"),
    ],
    unknown: Unknown::Warned,
};

/// An anonymous customer being identified.
pub const IDENTIFICATION: ObjectShape = ObjectShape {
    name: "Identification",
    fields: profile_fields![
        required("name", TEXT, "full name"),
        required("email", Shape::Email, "e-mail address, unique in the account"),
        optional("email_status", TEXT, "what is known of the address, for example VALID"),
        optional("new_id", Shape::Id, "a new id of the customer"),
        optional("devices", Shape::List(&Shape::Object(&DEVICE), DEVICES_MAX), "devices for push"),
        optional("consent", Shape::Object(&CONSENT), "what the customer allows"),
    ],
    unknown: Unknown::Warned,
};

/// The fields of a profile that a request sets directly.
const PLAIN_FIELDS: [&str; 14] = [
    "name",
    "email",
    "email_status",
    "platforms",
    "gender",
    "dob",
    "document_type",
    "document_number",
    "country",
    "phone",
    "phone_verified",
    "referral_code",
    "tags",
    "metadata",
];

impl Profile {
    /// The profile of a stored document.
    pub fn from_json(json: Json) -> Self {
        Self(Arc::new(json))
    }

    /// The whole document, for storage.
    pub fn fields(&self) -> &Json {
        &self.0
    }

    /// The profile of a registration.
    pub fn register(request: &Json, now: Timestamp, zone: Zone) -> Self {
        let mut profile =
            Self::from_json(object().with("id", request.text("id").unwrap_or_default()).build());
        profile.set("status", "ACTIVE");
        profile.take(request);
        let registered = request.text("registration_date").and_then(|text| zone.parse_date_or_time(text));
        profile.set("registration_date", registered.unwrap_or(now));
        profile
    }

    fn set(&mut self, field: &'static str, value: impl Into<Json>) {
        Arc::make_mut(&mut self.0).set(field, value);
    }

    /// Takes over the plain fields of a request; `tags` and `metadata` are merged.
    pub fn take(&mut self, request: &Json) {
        for field in PLAIN_FIELDS {
            let Some(value) = request.get(field) else { continue };
            match field {
                "tags" | "metadata" => self.merge_into(field, value),
                "dob" => {
                    // A date of birth is a calendar date: whatever the time of day, that date counts.
                    let date = value.as_text().and_then(|text| text.get(..10)).unwrap_or_default();
                    self.set(field, date);
                }
                _ => self.set(field, value.clone()),
            }
        }
        if let Some(status) = request.get("status") {
            self.set("status", status.clone());
        }
    }

    /// Merges entries into `tags` or `metadata`: `{...existing, ...new}`.
    pub fn merge_into(&mut self, field: &'static str, entries: &Json) {
        let mut merged = self.0.get(field).cloned().unwrap_or_else(|| object().build());
        merged.merge(entries);
        self.set(field, merged);
    }

    /// Removes tags by name.
    pub fn remove_tags(&mut self, names: &[String]) {
        let mut tags = self.0.get("tags").cloned().unwrap_or_else(|| object().build());
        names.iter().for_each(|name| tags.remove(name));
        self.set("tags", tags);
    }

    /// Adds a device that lives for some days; one with the same token is replaced, the oldest leaves.
    pub fn add_device(&mut self, device: &Json, now: Timestamp, days: u32) {
        let token = device.text("device_token").unwrap_or_default().to_owned();
        let kept = self.0.get("devices").map_or(&[][..], Json::items).iter();
        let mut devices: Vec<Json> =
            kept.filter(|known| known.text("device_token") != Some(token.as_str())).cloned().collect();
        devices.push(
            object()
                .with("device_token", token)
                .with_some("device_info", device.get("device_info").cloned())
                .with("created_at", now)
                .with("expires_at", now.plus(i64::from(days) * crate::value::DAY))
                .build(),
        );
        let surplus = devices.len().saturating_sub(DEVICES_MAX);
        self.set("devices", Json::List(devices.split_off(surplus)));
    }

    /// Removes all devices.
    pub fn remove_devices(&mut self) {
        self.set("devices", Json::List(Vec::new()));
    }

    /// Sets the consent record.
    pub fn set_consent(&mut self, consent: Json) {
        self.set("consent", consent);
    }

    /// Gives the customer another id.
    pub fn set_id(&mut self, id: &str) {
        self.set("id", id);
    }

    /// The merchant's id.
    pub fn id(&self) -> &str {
        self.0.text("id").unwrap_or_default()
    }

    /// The e-mail address.
    pub fn email(&self) -> Option<&str> {
        self.0.text("email")
    }

    /// The phone number in its comparable form.
    pub fn comparable_phone(&self) -> Option<String> {
        self.0.text("phone").map(comparable_phone).filter(|phone| !phone.is_empty())
    }

    /// The name.
    pub fn name(&self) -> Option<&str> {
        self.0.text("name")
    }

    /// The date of birth as midnight UTC.
    pub fn dob(&self) -> Option<Timestamp> {
        self.0.text("dob").and_then(Timestamp::parse_date_or_time)
    }

    /// When the customer registered.
    pub fn registration_date(&self) -> Option<Timestamp> {
        self.0.text("registration_date").and_then(Timestamp::parse)
    }

    /// The consent record, when there is one.
    pub fn consent(&self) -> Option<&Json> {
        self.0.get("consent")
    }

    /// The permissions of the consent record.
    pub fn permissions(&self) -> Permissions {
        Permissions::of(self.consent())
    }

    /// A device token that has not expired: the latest.
    pub fn live_device(&self, now: Timestamp) -> Option<&str> {
        self.live_devices(now).last().and_then(|device| device.text("device_token"))
    }

    /// The devices whose token has not expired, oldest first.
    pub fn live_devices(&self, now: Timestamp) -> impl Iterator<Item = &Json> {
        let live = move |device: &&Json| device_expiry(device).is_some_and(|expires_at| now < expires_at);
        self.0.get("devices").map_or(&[][..], Json::items).iter().filter(live)
    }

    /// When the tokens of devices expire.
    pub(crate) fn device_expiries(&self) -> impl Iterator<Item = Timestamp> {
        self.0.get("devices").map_or(&[][..], Json::items).iter().filter_map(device_expiry)
    }
}

fn device_expiry(device: &Json) -> Option<Timestamp> {
    device.text("expires_at").and_then(Timestamp::parse)
}

/// A customer as lists name one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerName {
    /// By the merchant's own id.
    Id(String),
    /// By e-mail address.
    Email(String),
    /// By phone number.
    Phone(String),
}

/// A customer as lists name one: by exactly one of these.
pub const CUSTOMER_NAME: ObjectShape = ObjectShape {
    name: "CustomerName",
    fields: &[
        optional("id", Shape::Id, "the merchant's own id of the customer"),
        optional("email", Shape::Email, "e-mail address"),
        optional("phone", Shape::Text(50), "phone number; only its digits are compared"),
    ],
    unknown: Unknown::Refused,
};

/// Reads how a customer is named: a text is the merchant's own id.
///
/// # Errors
/// A report with all problems.
pub fn read_customer_name(json: &Json) -> Result<CustomerName, Report> {
    let mut report = Report::default();
    let root = Pointer::root();
    if let Json::Text(id) = json {
        Shape::Id.check(json, &root, &mut report);
        return report.into_result(CustomerName::Id(id.clone())).map(|(name, _)| name);
    }
    Shape::Object(&CUSTOMER_NAME).check(json, &root, &mut report);
    let named = ["id", "email", "phone"].into_iter().filter_map(|field| Some((field, json.text(field)?)));
    let named: Vec<(&str, &str)> = named.collect();
    let name = match named.as_slice() {
        [("id", id)] => CustomerName::Id((*id).to_owned()),
        [("email", email)] => CustomerName::Email((*email).to_owned()),
        [(_, phone)] => {
            if comparable_phone(phone).is_empty() {
                let message = format!("`{phone}` has no digits");
                report.problem(
                    &root.field("phone"),
                    "not_a_phone",
                    message,
                    "write it with the digits 0 to 9",
                );
            }
            CustomerName::Phone((*phone).to_owned())
        }
        _ => {
            let hint = "name the customer by `id`, `email` or `phone`";
            report.problem(&root, "not_a_name", "it does not name a customer in one way", hint);
            CustomerName::Id(String::new())
        }
    };
    report.into_result(name).map(|(name, _)| name)
}

/// The form in which phone numbers are compared: their digits, without those of an international prefix `00`. Empty when there
/// are none.
pub fn comparable_phone(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("00").map(ToOwned::to_owned).unwrap_or(digits)
}

/// The form in which e-mail addresses are compared: lower case, without surrounding space.
pub fn comparable_email(email: &str) -> String {
    email.trim().to_lowercase()
}
