//! One-time codes: a customer shows one at the till, and whoever serves them asks once who it is.
//!
//! Codes live in memory only, for five minutes: no file, backup or log ever has one, and a restart voids them.

use masivo_core::value::{Json, MINUTE, SECOND, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a code is good for.
const LIFE: i64 = 5 * MINUTE;
/// Wrong codes within [`FAILURES_WITHIN`] before no code is looked at any more.
const FAILURES_MAX: usize = 20;
const FAILURES_WITHIN: i64 = MINUTE;
/// Codes at a time, so that memory is bounded.
const CODES_MAX: usize = 100_000;
/// Digits of a code while few are out; more when more are, so that at most one guess in ten thousand hits.
const DIGITS_MIN: u32 = 6;
const GUESSES_A_HIT: u64 = 10_000;

/// A code as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) code: String,
    /// The merchant's id of the customer.
    pub(crate) customer: String,
    /// Whatever was sent with it, given back with the customer.
    pub(crate) metadata: Json,
    pub(crate) expires_at: Timestamp,
    /// The idempotency key it was made with.
    key: Option<String>,
}

/// Why no code was made, or none is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such code, it was used, or its time is over.
    Unknown,
    /// Too many wrong ones came: so many seconds from now on they are looked at again.
    TooManyFailures { seconds: u32 },
    /// Too many codes are out.
    Full,
}

/// All codes that are out.
#[derive(Debug, Default)]
pub(crate) struct OneTimeCodes(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_code: HashMap<String, Issued>,
    by_customer: HashMap<String, String>,
    /// In the order in which they run out.
    order: VecDeque<(Timestamp, String)>,
    failures: VecDeque<Timestamp>,
}

impl OneTimeCodes {
    fn known(&self, now: Timestamp) -> MutexGuard<'_, Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget(now);
        known
    }

    /// Makes a code for a customer; the one before is void. `random` is drawn from the system.
    pub(crate) fn make(
        &self,
        customer: &str,
        metadata: Json,
        key: Option<&str>,
        now: Timestamp,
        random: [u8; 16],
    ) -> Result<Issued, Refused> {
        let mut known = self.known(now);
        let before = known.by_customer.get(customer).and_then(|code| known.by_code.get(code));
        if let Some(before) = before.filter(|before| key.is_some() && before.key.as_deref() == key) {
            return Ok(before.clone());
        }
        if let Some(before) = known.by_customer.remove(customer) {
            known.by_code.remove(&before);
        }
        if known.by_code.len() >= CODES_MAX {
            return Err(Refused::Full);
        }
        let issued = Issued {
            code: known.free_code(u128::from_be_bytes(random)),
            customer: customer.to_owned(),
            metadata,
            expires_at: now.plus(LIFE),
            key: key.map(ToOwned::to_owned),
        };
        known.by_customer.insert(customer.to_owned(), issued.code.clone());
        known.order.push_back((issued.expires_at, issued.code.clone()));
        known.by_code.insert(issued.code.clone(), issued.clone());
        Ok(issued)
    }

    /// Whose code it is; it is void from then on.
    pub(crate) fn take(&self, code: &str, now: Timestamp) -> Result<Issued, Refused> {
        let mut known = self.known(now);
        if let Some(oldest) = known.failures.front().filter(|_| known.failures.len() >= FAILURES_MAX) {
            let left = oldest.plus(FAILURES_WITHIN).since(now).max(0);
            let seconds = u32::try_from(left.div_euclid(SECOND).saturating_add(1)).unwrap_or(u32::MAX);
            return Err(Refused::TooManyFailures { seconds });
        }
        let Some(issued) = known.by_code.remove(code) else {
            known.failures.push_back(now);
            return Err(Refused::Unknown);
        };
        known.by_customer.remove(&issued.customer);
        Ok(issued)
    }
}

impl Known {
    /// Forgets codes whose time is over, and failures of long ago.
    fn forget(&mut self, now: Timestamp) {
        while let Some((expires_at, code)) = self.order.pop_front_if(|(expires_at, _)| *expires_at <= now) {
            // The place of a code that was taken may be another one's by now.
            if let Some(issued) = self.by_code.get(&code).filter(|issued| issued.expires_at == expires_at) {
                self.by_customer.remove(&issued.customer);
                self.by_code.remove(&code);
            }
        }
        while self.failures.pop_front_if(|at| at.plus(FAILURES_WITHIN) <= now).is_some() {}
    }

    /// A code that is not out, from a number that nobody can guess.
    fn free_code(&self, random: u128) -> String {
        let out = u64::try_from(self.by_code.len()).unwrap_or(u64::MAX).saturating_add(1);
        let fits = |digits: &u32| 10_u64.pow(*digits) >= out.saturating_mul(GUESSES_A_HIT);
        let digits = (DIGITS_MIN..19).find(fits).unwrap_or(18);
        let range = u128::from(10_u64.pow(digits));
        let width = usize::try_from(digits).unwrap_or(18);
        // One place in ten thousand is taken at most: a few steps find a free one.
        let mut number = random % range;
        loop {
            let code = format!("{number:0width$}");
            if !self.by_code.contains_key(&code) {
                return code;
            }
            number = (number + 1) % range;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::EPOCH.plus(second * SECOND)
    }

    fn make(codes: &OneTimeCodes, customer: &str, second: i64, random: u8) -> Issued {
        codes.make(customer, Json::Null, None, at(second), [random; 16]).unwrap()
    }

    #[test]
    fn a_code_is_good_once_until_its_time_is_over() {
        let codes = OneTimeCodes::default();
        let code = make(&codes, "ana", 0, 1).code;
        assert_eq!((code.len(), codes.take(&code, at(299)).unwrap().customer), (6, "ana".to_owned()));
        assert_eq!(codes.take(&code, at(299)), Err(Refused::Unknown));
        let code = make(&codes, "ana", 300, 1).code;
        assert_eq!(codes.take(&code, at(600)), Err(Refused::Unknown), "at the very instant it is over");
        // A code that was made anew in the place of an old one lives its own time.
        let first = make(&codes, "ana", 700, 1).code;
        codes.take(&first, at(701)).unwrap();
        let again = make(&codes, "ben", 702, 1).code;
        assert_eq!(first, again);
        assert_eq!(codes.take(&again, at(1_001)).unwrap().customer, "ben");
    }

    #[test]
    fn a_new_code_voids_the_one_before_and_no_two_are_the_same() {
        let codes = OneTimeCodes::default();
        let (first, other) = (make(&codes, "ana", 0, 7).code, make(&codes, "ben", 0, 7).code);
        assert_ne!(first, other);
        let second = make(&codes, "ana", 1, 9).code;
        assert_eq!(codes.take(&first, at(2)), Err(Refused::Unknown));
        assert_eq!(codes.take(&second, at(2)).unwrap().customer, "ana");
        let keyed = |random| codes.make("cleo", Json::Null, Some("k"), at(3), [random; 16]).unwrap();
        assert_eq!(keyed(1), keyed(2));
    }

    #[test]
    fn wrong_codes_are_looked_at_so_often_and_then_not_for_a_while() {
        let codes = OneTimeCodes::default();
        let code = make(&codes, "ana", 0, 1).code;
        for _ in 0..FAILURES_MAX {
            assert_eq!(codes.take("x", at(10)), Err(Refused::Unknown));
        }
        assert_eq!(codes.take(&code, at(40)), Err(Refused::TooManyFailures { seconds: 31 }));
        assert_eq!(codes.take(&code, at(70)).unwrap().customer, "ana");
    }

    #[test]
    fn codes_grow_with_how_many_are_out() {
        let codes = OneTimeCodes::default();
        for number in 0..1_000_u32 {
            let mut random = [0; 16];
            random[12..].copy_from_slice(&number.to_be_bytes());
            codes.make(&number.to_string(), Json::Null, None, at(0), random).unwrap();
        }
        assert_eq!(make(&codes, "ana", 0, 3).code.len(), 8);
    }
}
