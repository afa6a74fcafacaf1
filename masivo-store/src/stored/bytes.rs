//! Writing and reading compact bytes: variable-length numbers, texts with their length.

use crate::error::StoreError;
use masivo_core::value::{Decimal, Timestamp};
use uuid::Uuid;

/// Bytes being written.
#[derive(Debug, Default)]
pub(crate) struct Output(Vec<u8>);

impl Output {
    pub(crate) fn version(version: u8) -> Self {
        // Most forms fit: growing step by step measured a tenth of the work of writing an event.
        let mut bytes = Vec::with_capacity(512);
        bytes.push(version);
        Self(bytes)
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    /// Seven bits a byte, least significant first.
    pub(crate) fn number(&mut self, number: impl Into<u64>) {
        let mut rest = number.into();
        loop {
            let [low, ..] = rest.to_le_bytes();
            rest >>= 7;
            if rest == 0 {
                self.0.push(low & 0x7f);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    /// Small numbers of either sign stay short.
    pub(crate) fn signed(&mut self, number: i64) {
        self.number((number << 1).cast_unsigned() ^ (number >> 63).cast_unsigned());
    }

    pub(crate) fn length(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    pub(crate) fn decimal(&mut self, decimal: Decimal) {
        // Most amounts are whole hundredths: the rest is only written when there is one.
        let micros = decimal.micros();
        let (hundredths, rest) = (micros.div_euclid(10_000), micros.rem_euclid(10_000));
        self.signed(hundredths * 2 + i64::from(rest != 0));
        if rest != 0 {
            self.signed(rest);
        }
    }

    pub(crate) fn instant(&mut self, instant: Timestamp) {
        self.signed(instant.milliseconds());
    }

    pub(crate) fn optional_instant(&mut self, instant: Option<Timestamp>) {
        self.flag(instant.is_some());
        if let Some(instant) = instant {
            self.instant(instant);
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn id(&mut self, id: Uuid) {
        self.0.extend_from_slice(id.as_bytes());
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
    what: &'static str,
    version: u8,
}

impl<'a> Input<'a> {
    /// Starts reading; the version must be the one that is known.
    pub(crate) fn open(bytes: &'a [u8], what: &'static str, version: u8) -> Result<Self, StoreError> {
        Self::open_since(bytes, what, version..=version)
    }

    /// Starts reading a form that changed; the version must be one of the known ones.
    pub(crate) fn open_since(
        bytes: &'a [u8],
        what: &'static str,
        known: std::ops::RangeInclusive<u8>,
    ) -> Result<Self, StoreError> {
        let mut input = Self { rest: bytes, what, version: 0 };
        input.version = input.byte()?;
        if known.contains(&input.version) {
            Ok(input)
        } else {
            Err(StoreError::damaged(format!("{what}: version {} is not known", input.version)))
        }
    }

    /// The version the bytes were written in.
    pub(crate) const fn version(&self) -> u8 {
        self.version
    }

    pub(crate) fn bad(&self) -> StoreError {
        StoreError::damaged(self.what)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, StoreError> {
        let (byte, rest) = self.rest.split_first().ok_or_else(|| self.bad())?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.byte()? != 0)
    }

    pub(crate) fn number(&mut self) -> Result<u64, StoreError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.bad())
    }

    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, StoreError> {
        T::try_from(self.number()?).map_err(|_| self.bad())
    }

    pub(crate) fn signed(&mut self) -> Result<i64, StoreError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn decimal(&mut self) -> Result<Decimal, StoreError> {
        let head = self.signed()?;
        let rest = if head.rem_euclid(2) == 1 { self.signed()? } else { 0 };
        let micros = head.div_euclid(2).checked_mul(10_000).and_then(|micros| micros.checked_add(rest));
        micros.map(Decimal::from_micros).ok_or_else(|| self.bad())
    }

    pub(crate) fn instant(&mut self) -> Result<Timestamp, StoreError> {
        self.signed().map(Timestamp::from_milliseconds)
    }

    pub(crate) fn optional_instant(&mut self) -> Result<Option<Timestamp>, StoreError> {
        if self.flag()? { self.instant().map(Some) } else { Ok(None) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.bad())?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StoreError> {
        let length = self.small()?;
        let bytes = self.take(length)?;
        core::str::from_utf8(bytes).map_err(|_| self.bad())
    }

    pub(crate) fn id(&mut self) -> Result<Uuid, StoreError> {
        Uuid::from_slice(self.take(16)?).map_err(|_| self.bad())
    }

    /// A list with its length in front.
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let length: usize = self.small()?;
        // A damaged length must not reserve the memory of the machine.
        let mut items = Vec::with_capacity(length.min(self.rest.len()));
        for _ in 0..length {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_survive(number in any::<u64>(), signed in any::<i64>(), micros in any::<i64>()) {
            let mut output = Output::version(1);
            output.number(number);
            output.signed(signed);
            output.decimal(Decimal::from_micros(micros));
            output.decimal(Decimal::from_micros(micros / 10_000 * 10_000));
            let bytes = output.finish();
            let mut input = Input::open(&bytes, "test", 1).unwrap();
            prop_assert_eq!(input.number().unwrap(), number);
            prop_assert_eq!(input.signed().unwrap(), signed);
            prop_assert_eq!(input.decimal().unwrap().micros(), micros);
            prop_assert_eq!(input.decimal().unwrap().micros(), micros / 10_000 * 10_000);
            prop_assert!(input.rest.is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(crate::stored::read_state(&bytes));
            drop(crate::stored::read_booking(&bytes));
            drop(crate::stored::read_explanation(&bytes));
            drop(crate::stored::read_lot(&bytes));
            drop(crate::stored::read_series(&bytes));
            drop(crate::stored::read_document(&bytes, "test"));
        }
    }
}
