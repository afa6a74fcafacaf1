//! The body of an event, as far as this load needs it: borrowed from the request, numbers exact.

use serde::Deserialize;
use serde_json::value::RawValue;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::borrow::Cow;
use std::hash::Hasher;
use std::time::SystemTime;
use uuid::Uuid;

/// What is read of an event.
#[derive(Debug, Deserialize)]
pub struct Body<'a> {
    #[serde(borrow)]
    pub customer_id: Cow<'a, str>,
    #[serde(borrow)]
    pub brand_id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub order: Option<Order<'a>>,
}

/// What was bought.
#[derive(Debug, Deserialize)]
pub struct Order<'a> {
    #[serde(borrow)]
    pub purchase_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub value: &'a RawValue,
    #[serde(borrow)]
    pub payment_method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub products: Vec<Product<'a>>,
}

/// One line of an order.
#[derive(Debug, Deserialize)]
pub struct Product<'a> {
    #[serde(borrow)]
    pub sku: Cow<'a, str>,
}

/// An event with everything that is given to it before the database sees it.
#[derive(Debug)]
pub struct Event<'a> {
    pub id: Uuid,
    pub at: SystemTime,
    pub key: Option<String>,
    /// A hash of the request, to tell a repetition from another request with the same key.
    pub request: [u8; 16],
    pub body: Body<'a>,
    /// What was bought, in millionths.
    pub value: i64,
    /// The text as it came.
    pub raw: &'a RawValue,
}

impl<'a> Event<'a> {
    /// Reads an event.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(raw: &'a RawValue, key: Option<String>) -> Result<Self, String> {
        let body: Body<'_> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let value = match &body.order {
            Some(order) => millionths(order.value.get()).ok_or("order.value is no number this load uses")?,
            None => 0,
        };
        let mut hasher = SipHasher13::new();
        hasher.write(raw.get().as_bytes());
        let request = hasher.finish128().as_bytes();
        Ok(Self { id: Uuid::now_v7(), at: SystemTime::now(), key, request, body, value, raw })
    }

    /// The merchant's number of the order.
    pub fn purchase(&self) -> Option<&str> {
        self.body.order.as_ref()?.purchase_id.as_deref()
    }
}

/// A plain decimal number with at most six places, exactly.
fn millionths(text: &str) -> Option<i64> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    if places.len() > 6 {
        return None;
    }
    let negative = whole.starts_with('-');
    let fraction = format!("{places:0<6}").parse::<u32>().ok()?;
    let whole = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
    let fraction = i64::from(fraction);
    whole.checked_add(if negative { -fraction } else { fraction })
}

#[cfg(test)]
mod tests {
    use super::millionths;

    #[test]
    fn numbers_are_read_exactly() {
        for (text, expected) in [
            ("37.5", Some(37_500_000)),
            ("12", Some(12_000_000)),
            ("-0.000001", Some(-1)),
            ("1e3", None),
            ("0.1234567", None),
        ] {
            assert_eq!(millionths(text), expected, "{text}");
        }
    }
}
