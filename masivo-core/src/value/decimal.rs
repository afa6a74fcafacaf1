//! Exact numbers: fixed-point decimals with six places.

use crate::prelude::*;
use core::fmt;
use core::ops::Neg;

/// An exact number with six decimal places, from about −9.2 to 9.2 × 10¹².
///
/// Money, points and every JSON number are held in it; nothing in the engine uses binary floats
/// (design, decision "Numbers").
///
/// ```
/// use masivo_core::value::{Decimal, Rounding};
/// let price: Decimal = "29.33".parse().unwrap();
/// assert_eq!(price.round(0, Rounding::Floor).unwrap().to_string(), "29");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(i64);

/// How a result that does not fit its places is brought to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Rounding {
    /// Towards minus infinity.
    #[default]
    Floor,
    /// To the nearest, halves away from zero.
    HalfUp,
    /// Towards plus infinity.
    Ceil,
    /// To the nearest, halves to the even neighbour.
    HalfEven,
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is not a number in JSON's notation.
    #[error("not a number")]
    NotANumber,
    /// More digits than can be read without loss.
    #[error("more than 17 significant digits")]
    TooManyDigits,
    /// The number lies outside of what a decimal holds.
    #[error("beyond the range of ±9223372036854 with six places")]
    OutOfRange,
}

/// How many digits a number may carry before it is refused (design, decision "Numbers").
const SIGNIFICANT_DIGITS_MAX: usize = 17;
const PLACES: u32 = 6;
const SCALE: i64 = 1_000_000;

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(SCALE);
    /// The largest decimal.
    pub const MAX: Self = Self(i64::MAX);
    /// The smallest decimal.
    pub const MIN: Self = Self(i64::MIN);

    /// The decimal of that many millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The number as millionths.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The decimal of a whole number that surely fits (32 bits).
    pub const fn whole(number: i32) -> Self {
        #[expect(clippy::as_conversions, reason = "widening, and `From` is not const")]
        Self(number as i64 * SCALE)
    }

    /// The decimal of a whole number, or `None` when it is out of range.
    pub fn from_integer(number: i64) -> Option<Self> {
        number.checked_mul(SCALE).map(Self)
    }

    /// The decimal of a count; counts beyond the range stay at the largest decimal.
    pub fn from_count(count: u64) -> Self {
        i64::try_from(count).ok().and_then(Self::from_integer).unwrap_or(Self::MAX)
    }

    /// Reads a JSON number; also says whether digits beyond the sixth place were rounded half-even.
    ///
    /// # Errors
    /// [`NumberError`] when the text is not a number, has more than 17 significant digits or is out of range.
    pub fn read(text: &str) -> Result<(Self, bool), NumberError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let exponent: i32 =
                    exponent.trim_start_matches('+').parse().map_err(|_| NumberError::OutOfRange)?;
                (mantissa, exponent)
            }
            None => (digits, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(NumberError::NotANumber);
        }
        let joined = format!("{whole}{fraction}");
        let significant = joined.trim_start_matches('0');
        let trailing = significant.len() - significant.trim_end_matches('0').len();
        let significant = significant.trim_end_matches('0');
        if significant.is_empty() {
            return Ok((Self::ZERO, false));
        }
        if significant.len() > SIGNIFICANT_DIGITS_MAX {
            return Err(NumberError::TooManyDigits);
        }
        let fraction_length = i64::try_from(fraction.len()).map_err(|_| NumberError::TooManyDigits)?;
        let trailing = i64::try_from(trailing).map_err(|_| NumberError::TooManyDigits)?;
        // The value is `significant` × 10^power millionths.
        let power = i64::from(exponent) - fraction_length + trailing + i64::from(PLACES);
        let magnitude: i128 = significant.parse().map_err(|_| NumberError::NotANumber)?;
        let signed = if negative { -magnitude } else { magnitude };
        let (micros, rounded) = if power >= 0 {
            let factor = u32::try_from(power).ok().and_then(|power| 10_i128.checked_pow(power));
            let product = factor.and_then(|factor| signed.checked_mul(factor));
            (product.ok_or(NumberError::OutOfRange)?, false)
        } else {
            match u32::try_from(-power).ok().and_then(|power| 10_i128.checked_pow(power)) {
                Some(divisor) => {
                    (divide(signed, divisor, Rounding::HalfEven), signed.rem_euclid(divisor) != 0)
                }
                // Smaller than any millionth.
                None => (0, true),
            }
        };
        i64::try_from(micros).map(|micros| (Self(micros), rounded)).map_err(|_| NumberError::OutOfRange)
    }

    /// The sum, or `None` when it is out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` when it is out of range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum, held at the ends of the range.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, held at the ends of the range.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self × factor ÷ divisor`, brought to `places` (0 to 6) by `rounding`.
    ///
    /// `None` when the divisor is zero or the result is out of range.
    #[must_use]
    pub fn multiply_divide(
        self,
        factor: Self,
        divisor: Self,
        places: u32,
        rounding: Rounding,
    ) -> Option<Self> {
        if divisor.0 == 0 {
            return None;
        }
        let step = 10_i128.checked_pow(PLACES.saturating_sub(places))?;
        let numerator = i128::from(self.0).checked_mul(i128::from(factor.0))?;
        let denominator = i128::from(divisor.0).checked_mul(step)?;
        let (numerator, denominator) =
            if denominator < 0 { (-numerator, -denominator) } else { (numerator, denominator) };
        let steps = divide(numerator, denominator, rounding);
        i64::try_from(steps.checked_mul(step)?).ok().map(Self)
    }

    /// The number brought to `places` (0 to 6) by `rounding`; `None` when out of range.
    #[must_use]
    pub fn round(self, places: u32, rounding: Rounding) -> Option<Self> {
        self.multiply_divide(Self::ONE, Self::ONE, places, rounding)
    }

    /// Whether the number needs no more than `places` decimal places.
    pub fn fits_places(self, places: u32) -> bool {
        self.round(places, Rounding::Floor) == Some(self)
    }

    /// Whether the number is greater than zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether the number is less than zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether the number is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The whole part, when it fits and there is no fraction.
    pub fn to_integer(self) -> Option<i64> {
        (self.0 % SCALE == 0).then_some(self.0 / SCALE)
    }
}

/// Divides with a positive `divisor`, by the named rounding.
fn divide(number: i128, divisor: i128, rounding: Rounding) -> i128 {
    let floor = number.div_euclid(divisor);
    let rest = number.rem_euclid(divisor);
    let twice = rest.saturating_mul(2);
    let up = match rounding {
        Rounding::Floor => false,
        Rounding::Ceil => rest != 0,
        Rounding::HalfUp => twice > divisor || (twice == divisor && number >= 0),
        Rounding::HalfEven => twice > divisor || (twice == divisor && floor % 2 != 0),
    };
    floor + i128::from(up)
}

impl core::str::FromStr for Decimal {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::read(text).map(|(number, _)| number)
    }
}

impl Neg for Decimal {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Decimal {
    /// Appends the shortest notation of the number.
    pub fn write_to(self, out: &mut String) {
        let (magnitude, scale) = (self.0.unsigned_abs(), SCALE.unsigned_abs());
        if self.0 < 0 {
            out.push('-');
        }
        push_digits(out, magnitude / scale, 1);
        let fraction = magnitude % scale;
        if fraction != 0 {
            out.push('.');
            push_digits(out, fraction, 6);
            out.truncate(out.trim_end_matches('0').len());
        }
    }
}

/// Appends a number with at least so many digits (at most 20). Documents are full of numbers, and the standard
/// library's formatting is built for more than digits: this measured ten times less work.
pub(super) fn push_digits(out: &mut String, number: u64, least: usize) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut used) = (number, 0);
    for slot in digits.iter_mut().rev() {
        if rest == 0 && used >= least {
            break;
        }
        *slot += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
    }
    let used = digits.get(digits.len() - used..).unwrap_or(&[]);
    out.push_str(core::str::from_utf8(used).unwrap_or_default());
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(24);
        self.write_to(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, bool), NumberError>) {
        let read = Decimal::read(text).map(|(number, rounded)| (number.to_string(), rounded));
        assert_eq!(read, expected.map(|(number, rounded)| (number.to_owned(), rounded)), "{text}");
    }

    #[test]
    fn numbers_are_read_exactly_or_refused() {
        check("0", Ok(("0", false)));
        check("-0.0", Ok(("0", false)));
        check("29.33", Ok(("29.33", false)));
        check("-1.5e2", Ok(("-150", false)));
        check("1E-6", Ok(("0.000001", false)));
        check("1e-400", Ok(("0", true)));
        check("0.1234565", Ok(("0.123456", true)));
        check("0.1234575", Ok(("0.123458", true)));
        check("9223372036854", Ok(("9223372036854", false)));
        check("9223372036855", Err(NumberError::OutOfRange));
        check("1e300", Err(NumberError::OutOfRange));
        check("1e99999999999", Err(NumberError::OutOfRange));
        check("0.12345678901234567", Ok(("0.123457", true)));
        check("0.123456789012345678", Err(NumberError::TooManyDigits));
        check("100000000000000000000.0e-15", Ok(("100000", false)));
        check("", Err(NumberError::NotANumber));
        check("1.2.3", Err(NumberError::NotANumber));
        check("NaN", Err(NumberError::NotANumber));
        check("--1", Err(NumberError::NotANumber));
    }

    #[test]
    fn every_division_names_its_rounding() {
        let divide = |number: &str, places, rounding| {
            let number: Decimal = number.parse().unwrap();
            number.round(places, rounding).unwrap().to_string()
        };
        for (number, floor, half_up, ceil, half_even) in [
            ("2.5", "2", "3", "3", "2"),
            ("3.5", "3", "4", "4", "4"),
            ("-2.5", "-3", "-3", "-2", "-2"),
            ("2.4", "2", "2", "3", "2"),
            ("-2.6", "-3", "-3", "-2", "-3"),
            ("7", "7", "7", "7", "7"),
        ] {
            assert_eq!(divide(number, 0, Rounding::Floor), floor, "{number} floor");
            assert_eq!(divide(number, 0, Rounding::HalfUp), half_up, "{number} half_up");
            assert_eq!(divide(number, 0, Rounding::Ceil), ceil, "{number} ceil");
            assert_eq!(divide(number, 0, Rounding::HalfEven), half_even, "{number} half_even");
        }
    }

    #[test]
    fn points_per_amount_divide_once() {
        let points =
            Decimal::ONE.multiply_divide("29.99".parse().unwrap(), "10".parse().unwrap(), 0, Rounding::Floor);
        assert_eq!(points.unwrap().to_string(), "2");
        assert_eq!(Decimal::MAX.multiply_divide(Decimal::MAX, Decimal::ONE, 6, Rounding::Floor), None);
        assert_eq!(Decimal::ONE.multiply_divide(Decimal::ONE, Decimal::ZERO, 6, Rounding::Floor), None);
    }
}
