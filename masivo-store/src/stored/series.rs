//! The stored form of a customer's series of past events.

use super::{Input, Output};
use crate::error::StoreError;
use masivo_core::series::{Entry, SeriesSet};
use masivo_core::value::Timestamp;
use std::sync::Arc;

const VERSION: u8 = 1;

/// The bytes of a customer's series: instants and facts by how far they are from the one before.
pub fn write_series(series: &SeriesSet) -> Vec<u8> {
    let mut out = Output::version(VERSION);
    out.number(series.fingerprint);
    out.length(series.series.len());
    for (id, entries) in &series.series {
        out.number(*id);
        out.length(entries.len());
        let (mut at, mut fact) = (0_i64, 0_u64);
        for entry in entries.iter() {
            out.signed(entry.at.milliseconds().wrapping_sub(at));
            out.signed(entry.fact.wrapping_sub(fact).cast_signed());
            out.json(&entry.value);
            (at, fact) = (entry.at.milliseconds(), entry.fact);
        }
    }
    out.finish()
}

/// The series of stored bytes.
///
/// # Errors
/// [`StoreError::Damaged`] when the bytes are none.
pub fn read_series(bytes: &[u8]) -> Result<SeriesSet, StoreError> {
    let mut input = Input::open(bytes, "series of past events", VERSION)?;
    let fingerprint = input.number()?;
    let series = input.list(|input| {
        let id = input.number()?;
        let (mut at, mut fact) = (0_i64, 0_u64);
        let entries = input.list(|input| {
            at = at.wrapping_add(input.signed()?);
            fact = fact.wrapping_add(input.signed()?.cast_unsigned());
            Ok(Entry { at: Timestamp::from_milliseconds(at), fact, value: input.json()? })
        })?;
        Ok((id, Arc::new(entries)))
    })?;
    Ok(SeriesSet { fingerprint, series: series.into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use masivo_core::value::Json;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Json> {
        prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i32>().prop_map(|number| Json::from(i64::from(number))),
            ".{0,8}".prop_map(Json::Text),
        ]
    }

    proptest! {
        #[test]
        fn series_survive(
            fingerprint in any::<u64>(),
            series in prop::collection::btree_map(
                any::<u64>(),
                prop::collection::vec((any::<i64>(), any::<u64>(), value()), 0..6),
                0..4,
            ),
        ) {
            let entry = |(at, fact, value)| Entry { at: Timestamp::from_milliseconds(at), fact, value };
            let series = series
                .into_iter()
                .map(|(id, entries)| (id, Arc::new(entries.into_iter().map(entry).collect())))
                .collect();
            let set = SeriesSet { fingerprint, series };
            let bytes = write_series(&set);
            prop_assert_eq!(read_series(&bytes).unwrap(), set);
            for length in 0..bytes.len() {
                prop_assert!(read_series(&bytes[..length]).is_err(), "cut at {}", length);
            }
        }
    }
}
