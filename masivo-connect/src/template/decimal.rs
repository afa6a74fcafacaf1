//! Exact decimals: a whole number of parts of a power of ten.

use std::cmp::Ordering;
use std::fmt;

/// Digits before the point; with [`PLACES`] behind it every decimal fits 128 bits.
const DIGITS: usize = 19;
const PLACES: usize = 18;

#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    /// The value times ten to the power of `places`.
    parts: i128,
    places: u32,
}

impl Decimal {
    /// Reads `-12.50`; an exponent, a bare point or too many digits give `None`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // Leading zeros are allowed, within reason.
        if text.len() > 64 {
            return None;
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let complete = !whole.is_empty() && !digits.ends_with('.');
        if !complete || !are_digits(whole) || !are_digits(fraction) || fraction.len() > PLACES {
            return None;
        }
        if whole.trim_start_matches('0').len() > DIGITS {
            return None;
        }
        let parts: i128 = format!("{whole}{fraction}").parse().ok()?;
        let parts = if text.starts_with('-') { parts.checked_neg()? } else { parts };
        Some(Self { parts, places: u32::try_from(fraction.len()).ok()? })
    }

    pub(super) fn is_zero(self) -> bool {
        self.parts == 0
    }

    /// Compares two decimals, whatever their places.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        let (left, right, _) = self.align(other)?;
        Some(left.cmp(&right))
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        let (left, right, places) = self.align(other)?;
        Some(Self { parts: left.checked_add(right)?, places })
    }

    pub(super) fn subtract(self, other: Self) -> Option<Self> {
        let (left, right, places) = self.align(other)?;
        Some(Self { parts: left.checked_sub(right)?, places })
    }

    /// Rounds to that many places, halves away from zero.
    pub(super) fn round(self, places: u32) -> Option<Self> {
        let Some(drop) = self.places.checked_sub(places) else { return Some(self) };
        let unit = 10_i128.checked_pow(drop)?;
        let rest = self.parts.checked_rem(unit)?;
        let whole = self.parts.checked_div(unit)?;
        let up = if rest.checked_mul(2)?.checked_abs()? >= unit { self.parts.signum() } else { 0 };
        let up = if drop == 0 { 0 } else { up };
        Some(Self { parts: whole.checked_add(up)?, places })
    }

    fn align(self, other: Self) -> Option<(i128, i128, u32)> {
        let places = self.places.max(other.places);
        let scale =
            |value: Self| value.parts.checked_mul(10_i128.checked_pow(places.checked_sub(value.places)?)?);
        Some((scale(self)?, scale(other)?, places))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.parts < 0 { "-" } else { "" };
        let places = usize::try_from(self.places).unwrap_or(PLACES);
        let width = places.saturating_add(1);
        let digits = format!("{:0width$}", self.parts.unsigned_abs());
        let (whole, fraction) =
            digits.split_at_checked(digits.len().saturating_sub(places)).unwrap_or((&digits, ""));
        let point = if fraction.is_empty() { "" } else { "." };
        write!(formatter, "{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn decimals_are_read_exactly() {
        for text in ["0", "12", "-3.50", "0.000001", "9999999999999999999.999999999999999999", "-0.5", "1.10"]
        {
            assert_eq!(decimal(text).to_string(), text);
        }
        for text in
            ["", "-", ".", "1.", ".5", "1e3", "+1", "1_000", "--1", "1.2.3", "٣", "99999999999999999999"]
        {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
        assert!(Decimal::parse(&format!("0.{}", "1".repeat(19))).is_none());
    }

    #[test]
    fn decimals_are_compared_and_added_exactly() {
        let compare = |left, right| decimal(left).compare(decimal(right));
        assert_eq!(compare("12.5", "12.50"), Some(Ordering::Equal));
        assert_eq!(compare("9", "10"), Some(Ordering::Less));
        assert_eq!(compare("-1", "-1.000001"), Some(Ordering::Greater));
        assert_eq!(decimal("0.1").add(decimal("0.2")).unwrap().to_string(), "0.3");
        assert_eq!(decimal("100").subtract(decimal("99.95")).unwrap().to_string(), "0.05");
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (text, places, expected) in [
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("2.4999", 0, "2"),
            ("1.005", 2, "1.01"),
            ("1.5", 3, "1.5"),
            ("7", 0, "7"),
            ("-0.04", 1, "0.0"),
        ] {
            assert_eq!(decimal(text).round(places).unwrap().to_string(), expected, "{text}");
        }
    }
}
