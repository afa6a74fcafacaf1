//! What a condition can be about.

use super::{EventSubject, Inputs};
use crate::consent::Purpose;
use crate::prelude::*;
use crate::value::PeriodKind;

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `event.type`.
    EventType,
    /// `event.platform`.
    EventPlatform,
    /// `event.brand_id`.
    EventBrand,
    /// `event.tags.X`.
    EventTag(String),
    /// `event.metadata.X`, dotted.
    EventMetadata(String),
    /// `event.attribution.X`.
    EventAttribution(String),
    /// A field of the order: `order.value` and the like.
    Order(&'static str, Kind),
    /// A field of any product line: `product.sku` and the like.
    Product(&'static str, Kind),
    /// `product.tags.X` of any product line.
    ProductTag(String),
    /// `customer.tier`.
    Tier,
    /// A field of the profile: `customer.country` and the like.
    Profile(&'static str, Kind),
    /// `customer.age` in full years.
    Age,
    /// `customer.tags.X`.
    Tag(String),
    /// `customer.metadata.X`, dotted.
    Metadata(String),
    /// `customer.registration_date`.
    RegistrationDate,
    /// `customer.metrics.<period>.<field>`.
    Metric(MetricPeriod, MetricField),
    /// `customer.consent.<purpose>`: whether it is allowed.
    Consent(Purpose),
    /// `customer.devices.platform` and the like, of any device whose token is live.
    Device(&'static str),
    /// `customer.devices.count`: devices whose token is live.
    Devices,
    /// `customer.rfm.recency_days`: whole days since the last visit.
    Recency,
    /// `customer.traits.X`: a computed trait.
    Trait(String),
    /// `customer.audiences`: the ids of the audiences that the customer is in.
    Audiences,
    /// `time.date`.
    Date,
    /// `time.weekday`, 1 = Monday to 7 = Sunday.
    Weekday,
    /// `time.hour`, 0 to 23.
    Hour,
    /// `events.count` and the like: what a customer's past events come to.
    Events(Arc<EventSubject>),
}

/// What kind of value a subject has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A number.
    Number,
    /// An instant or a date.
    Instant,
    /// Whatever was stored: text, number or flag.
    Free,
}

/// The period of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricPeriod {
    /// From registration on.
    Lifetime,
    /// The calendar period the instant falls in.
    This(PeriodKind),
    /// The calendar period before.
    Last(PeriodKind),
}

impl MetricPeriod {
    /// Every period.
    pub const ALL: [Self; 7] = [
        Self::Lifetime,
        Self::This(PeriodKind::Year),
        Self::Last(PeriodKind::Year),
        Self::This(PeriodKind::Quarter),
        Self::Last(PeriodKind::Quarter),
        Self::This(PeriodKind::Month),
        Self::Last(PeriodKind::Month),
    ];

    /// The product's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lifetime => "lifetime",
            Self::This(PeriodKind::Year) => "this_year",
            Self::Last(PeriodKind::Year) => "last_year",
            Self::This(PeriodKind::Quarter) => "this_quarter",
            Self::Last(PeriodKind::Quarter) => "last_quarter",
            Self::This(PeriodKind::Month) => "this_month",
            Self::Last(PeriodKind::Month) => "last_month",
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricField {
    /// What was spent in purchases.
    SpendTotal,
    /// How many purchases there were.
    NumberOfPurchases,
    /// When the last event of the customer's own was.
    LastVisit,
}

impl MetricField {
    const ALL: [Self; 3] = [Self::SpendTotal, Self::NumberOfPurchases, Self::LastVisit];

    /// The product's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpendTotal => "spend_total",
            Self::NumberOfPurchases => "number_of_purchases",
            Self::LastVisit => "last_visit",
        }
    }
}

const ORDER_FIELDS: [(&str, Kind); 6] = [
    ("value", Kind::Number),
    ("discounted_value", Kind::Number),
    ("payment_method", Kind::Text),
    ("store_id", Kind::Text),
    ("channel_id", Kind::Text),
    ("purchase_id", Kind::Text),
];
const PRODUCT_FIELDS: [(&str, Kind); 4] = [
    ("sku", Kind::Text),
    ("amount", Kind::Number),
    ("value", Kind::Number),
    ("discounted_value", Kind::Number),
];
const PROFILE_FIELDS: [(&str, Kind); 3] =
    [("country", Kind::Text), ("gender", Kind::Text), ("dob", Kind::Instant)];

const DEVICE_FIELDS: [&str; 3] = ["platform", "model", "osVersion"];
/// Frequency and monetary value are metrics of the customer's lifetime.
const RFM_METRICS: [(&str, MetricField); 2] =
    [("frequency", MetricField::NumberOfPurchases), ("monetary", MetricField::SpendTotal)];

/// The names the product's dashboard shows, beside ours.
const ALIASES: [(&str, &str); 13] = [
    ("order_value", "order.value"),
    ("order_discounted_value", "order.discounted_value"),
    ("payment_method", "order.payment_method"),
    ("store", "order.store_id"),
    ("channel", "order.channel_id"),
    ("product_sku", "product.sku"),
    ("customer_tier", "customer.tier"),
    ("tier", "customer.tier"),
    ("customer_number_of_purchases", "customer.metrics.lifetime.number_of_purchases"),
    ("total_spend", "customer.metrics.lifetime.spend_total"),
    ("last_purchase_date", "customer.metrics.lifetime.last_visit"),
    ("registration_date", "customer.registration_date"),
    ("platform", "event.platform"),
];

impl Subject {
    /// Whether it is about product lines: each may have a value of its own.
    pub(crate) const fn is_of_line(&self) -> bool {
        matches!(self, Self::Product(..) | Self::ProductTag(_))
    }

    /// Whether it may have several values: one holding does not keep another from holding.
    pub(crate) const fn has_many(&self) -> bool {
        self.is_of_line()
            || matches!(self, Self::Metadata(_) | Self::EventMetadata(_) | Self::Device(_) | Self::Audiences)
    }

    /// Reads a subject by its name (`order.value`) or by the name the product's dashboard shows (`Order Value`).
    pub fn parse(name: &str) -> Option<Self> {
        let plain = name.trim().to_lowercase().replace(' ', "_");
        let known = ALIASES.iter().find(|(alias, _)| *alias == plain).map_or(name.trim(), |(_, name)| *name);
        let field = |fields: &'static [(&'static str, Kind)], wanted: &str| {
            fields.iter().find(|(name, _)| *name == wanted).copied()
        };
        let named = |rest: &str| (!rest.is_empty()).then(|| rest.to_owned());
        let (group, rest) = known.split_once('.')?;
        match (group, rest) {
            ("event", "type") => Some(Self::EventType),
            ("event", "platform") => Some(Self::EventPlatform),
            ("event", "brand_id") => Some(Self::EventBrand),
            ("event", _) => match rest.split_once('.')? {
                ("tags", tag) => named(tag).map(Self::EventTag),
                ("metadata", path) => named(path).map(Self::EventMetadata),
                ("attribution", field) => named(field).map(Self::EventAttribution),
                _ => None,
            },
            ("order", _) => field(&ORDER_FIELDS, rest).map(|(name, kind)| Self::Order(name, kind)),
            ("product", _) => match rest.split_once('.') {
                Some(("tags", tag)) => named(tag).map(Self::ProductTag),
                Some(_) => None,
                None => field(&PRODUCT_FIELDS, rest).map(|(name, kind)| Self::Product(name, kind)),
            },
            ("customer", "tier") => Some(Self::Tier),
            ("customer", "age") => Some(Self::Age),
            ("customer", "registration_date") => Some(Self::RegistrationDate),
            ("customer", "audiences") => Some(Self::Audiences),
            ("customer", _) => match rest.split_once('.') {
                Some(("tags", tag)) => named(tag).map(Self::Tag),
                Some(("metadata", path)) => named(path).map(Self::Metadata),
                Some(("metrics", metric)) => parse_metric(metric),
                Some(("traits", name)) => named(name).map(Self::Trait),
                Some(("consent", purpose)) => {
                    let purpose = Purpose::ALL.into_iter().find(|known| known.name() == purpose);
                    purpose.map(Self::Consent)
                }
                Some(("devices", "count")) => Some(Self::Devices),
                Some(("devices", field)) => {
                    DEVICE_FIELDS.into_iter().find(|known| *known == field).map(Self::Device)
                }
                Some(("rfm", "recency_days")) => Some(Self::Recency),
                Some(("rfm", field)) => RFM_METRICS
                    .into_iter()
                    .find(|(known, _)| *known == field)
                    .map(|(_, field)| Self::Metric(MetricPeriod::Lifetime, field)),
                Some(_) => None,
                None => field(&PROFILE_FIELDS, rest).map(|(name, kind)| Self::Profile(name, kind)),
            },
            ("time", "date") => Some(Self::Date),
            ("time", "weekday") => Some(Self::Weekday),
            ("time", "hour") => Some(Self::Hour),
            _ => None,
        }
    }

    /// The name it is written with today.
    pub fn name(&self) -> String {
        match self {
            Self::EventType => "event.type".into(),
            Self::EventPlatform => "event.platform".into(),
            Self::EventBrand => "event.brand_id".into(),
            Self::EventTag(tag) => format!("event.tags.{tag}"),
            Self::EventMetadata(path) => format!("event.metadata.{path}"),
            Self::EventAttribution(field) => format!("event.attribution.{field}"),
            Self::Order(field, _) => format!("order.{field}"),
            Self::Product(field, _) => format!("product.{field}"),
            Self::ProductTag(tag) => format!("product.tags.{tag}"),
            Self::Tier => "customer.tier".into(),
            Self::Profile(field, _) => format!("customer.{field}"),
            Self::Age => "customer.age".into(),
            Self::Tag(tag) => format!("customer.tags.{tag}"),
            Self::Metadata(path) => format!("customer.metadata.{path}"),
            Self::RegistrationDate => "customer.registration_date".into(),
            Self::Metric(period, field) => format!("customer.metrics.{}.{}", period.name(), field.name()),
            Self::Consent(purpose) => format!("customer.consent.{}", purpose.name()),
            Self::Device(field) => format!("customer.devices.{field}"),
            Self::Devices => "customer.devices.count".into(),
            Self::Recency => "customer.rfm.recency_days".into(),
            Self::Trait(name) => format!("customer.traits.{name}"),
            Self::Audiences => "customer.audiences".into(),
            Self::Date => "time.date".into(),
            Self::Weekday => "time.weekday".into(),
            Self::Hour => "time.hour".into(),
            Self::Events(subject) => subject.function.name().into(),
        }
    }

    /// Whether its value may be a number.
    pub(crate) fn may_be_number(&self) -> bool {
        matches!(self.kind(), Kind::Number | Kind::Free)
    }

    /// What kind of value it has.
    pub fn kind(&self) -> Kind {
        match self {
            Self::EventType
            | Self::EventPlatform
            | Self::EventBrand
            | Self::Tier
            | Self::Device(_)
            | Self::Audiences => Kind::Text,
            Self::EventTag(_)
            | Self::EventMetadata(_)
            | Self::EventAttribution(_)
            | Self::ProductTag(_)
            | Self::Tag(_)
            | Self::Consent(_)
            | Self::Trait(_)
            | Self::Metadata(_) => Kind::Free,
            Self::Order(_, kind) | Self::Product(_, kind) | Self::Profile(_, kind) => *kind,
            Self::Age | Self::Weekday | Self::Hour | Self::Devices | Self::Recency => Kind::Number,
            Self::RegistrationDate | Self::Date | Self::Metric(_, MetricField::LastVisit) => Kind::Instant,
            Self::Metric(_, MetricField::SpendTotal | MetricField::NumberOfPurchases) => Kind::Number,
            Self::Events(subject) => subject.kind(),
        }
    }

    /// What data it reads.
    pub const fn inputs(&self) -> Inputs {
        match self {
            Self::EventType
            | Self::EventPlatform
            | Self::EventBrand
            | Self::EventTag(_)
            | Self::EventMetadata(_)
            | Self::EventAttribution(_)
            | Self::Order(..)
            | Self::Product(..)
            | Self::ProductTag(_) => Inputs::EVENT,
            Self::Tier => Inputs::TIER,
            Self::Profile(..)
            | Self::Age
            | Self::Tag(_)
            | Self::Metadata(_)
            | Self::Device(_)
            | Self::Devices
            | Self::RegistrationDate => Inputs::PROFILE,
            Self::Metric(..) | Self::Recency => Inputs::METRICS,
            Self::Consent(_) => Inputs::CONSENT,
            Self::Audiences => Inputs::MEMBERS,
            Self::Trait(_) => Inputs::TRAITS,
            Self::Date | Self::Weekday | Self::Hour => Inputs::TIME,
            Self::Events(_) => Inputs::HISTORY,
        }
    }
}

fn parse_metric(name: &str) -> Option<Subject> {
    let (period, field) = name.split_once('.')?;
    let period = MetricPeriod::ALL.into_iter().find(|known| known.name() == period)?;
    let field = MetricField::ALL.into_iter().find(|known| known.name() == field)?;
    Some(Subject::Metric(period, field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_read_by_the_name_it_writes() {
        for name in [
            "event.type",
            "event.platform",
            "event.brand_id",
            "event.tags.season",
            "event.metadata.cart.id",
            "event.attribution.utm_source",
            "order.value",
            "order.discounted_value",
            "order.payment_method",
            "order.store_id",
            "order.channel_id",
            "product.sku",
            "product.amount",
            "product.value",
            "product.tags.color",
            "customer.tier",
            "customer.country",
            "customer.gender",
            "customer.age",
            "customer.dob",
            "customer.tags.vip",
            "customer.metadata.shoe.size",
            "customer.registration_date",
            "customer.metrics.lifetime.spend_total",
            "customer.metrics.this_month.number_of_purchases",
            "customer.metrics.last_quarter.last_visit",
            "customer.consent.email_marketing",
            "customer.devices.platform",
            "customer.devices.count",
            "customer.rfm.recency_days",
            "customer.audiences",
            "customer.traits.favourite",
            "time.date",
            "time.weekday",
            "time.hour",
        ] {
            assert_eq!(Subject::parse(name).map(|subject| subject.name()).as_deref(), Some(name));
        }
        assert_eq!(Subject::parse("Order Value").unwrap().name(), "order.value");
        let monetary = Subject::parse("customer.rfm.monetary").unwrap().name();
        assert_eq!(monetary, "customer.metrics.lifetime.spend_total");
        for name in ["", "order", "order.colour", "customer.metrics.this_week.spend_total", "event.tags."] {
            assert_eq!(Subject::parse(name), None, "{name}");
        }
    }
}
