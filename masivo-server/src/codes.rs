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
    /// The customer's wallet: an id that was given up may be another one's by now.
    pub(crate) wallet: String,
    /// Whatever was sent with it, given back with the customer.
    pub(crate) metadata: Json,
    pub(crate) expires_at: Timestamp,
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
    /// The idempotency key was used for another code.
    KeyReused,
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
    /// What idempotency keys made, as long as the code would be good.
    by_key: HashMap<String, Issued>,
    keys: VecDeque<(Timestamp, String)>,
    failures: VecDeque<Timestamp>,
}

impl OneTimeCodes {
    fn known(&self, now: Timestamp) -> MutexGuard<'_, Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget(now);
        known
    }

    /// Makes a code for a customer; the one before is void. The same key gives the same code, whatever became of it.
    /// `random` is drawn from the system.
    pub(crate) fn make(
        &self,
        customer: &str,
        wallet: &str,
        metadata: Json,
        key: Option<&str>,
        now: Timestamp,
        random: [u8; 16],
    ) -> Result<Issued, Refused> {
        let mut known = self.known(now);
        if let Some(before) = key.and_then(|key| known.by_key.get(key)) {
            let same = before.customer == customer && before.metadata.sorted() == metadata.sorted();
            return if same { Ok(before.clone()) } else { Err(Refused::KeyReused) };
        }
        if let Some(before) = known.by_customer.remove(customer) {
            known.by_code.remove(&before);
        }
        if known.by_code.len() >= CODES_MAX || known.by_key.len() >= CODES_MAX {
            return Err(Refused::Full);
        }
        let issued = Issued {
            code: known.free_code(u128::from_be_bytes(random)),
            customer: customer.to_owned(),
            wallet: wallet.to_owned(),
            metadata,
            expires_at: now.plus(LIFE),
        };
        known.by_customer.insert(customer.to_owned(), issued.code.clone());
        known.order.push_back((issued.expires_at, issued.code.clone()));
        known.by_code.insert(issued.code.clone(), issued.clone());
        if let Some(key) = key {
            known.keys.push_back((issued.expires_at, key.to_owned()));
            known.by_key.insert(key.to_owned(), issued.clone());
        }
        Ok(issued)
    }

    /// Whose code it is. Wrong ones are counted.
    pub(crate) fn look(&self, code: &str, now: Timestamp) -> Result<Issued, Refused> {
        let mut known = self.known(now);
        if let Some(oldest) = known.failures.front().filter(|_| known.failures.len() >= FAILURES_MAX) {
            let left = oldest.plus(FAILURES_WITHIN).since(now).max(0);
            let seconds = u32::try_from(left.div_euclid(SECOND).saturating_add(1)).unwrap_or(u32::MAX);
            return Err(Refused::TooManyFailures { seconds });
        }
        let found = known.by_code.get(code).cloned();
        if found.is_none() {
            known.failures.push_back(now);
        }
        found.ok_or(Refused::Unknown)
    }

    /// Voids a code that was looked at; gives whether it was good until now.
    pub(crate) fn void(&self, issued: &Issued, now: Timestamp) -> bool {
        let mut known = self.known(now);
        let is_same = known.by_code.get(&issued.code) == Some(issued);
        if is_same {
            known.by_code.remove(&issued.code);
            known.by_customer.remove(&issued.customer);
        }
        is_same
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
        while let Some((_, key)) = self.keys.pop_front_if(|(expires_at, _)| *expires_at <= now) {
            self.by_key.remove(&key);
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
        codes.make(customer, "wallet", Json::Null, None, at(second), [random; 16]).unwrap()
    }

    /// Looks at a code and voids it, as the server does.
    fn take(codes: &OneTimeCodes, code: &str, second: i64) -> Result<Issued, Refused> {
        let issued = codes.look(code, at(second))?;
        if codes.void(&issued, at(second)) { Ok(issued) } else { Err(Refused::Unknown) }
    }

    #[test]
    fn a_code_is_good_once_until_its_time_is_over() {
        let codes = OneTimeCodes::default();
        let code = make(&codes, "ana", 0, 1).code;
        assert_eq!((code.len(), take(&codes, &code, 299).unwrap().customer), (6, "ana".to_owned()));
        assert_eq!(take(&codes, &code, 299), Err(Refused::Unknown));
        let code = make(&codes, "ana", 300, 1).code;
        assert_eq!(take(&codes, &code, 600), Err(Refused::Unknown), "at the very instant it is over");
        // A code that was made anew in the place of an old one lives its own time.
        let first = make(&codes, "ana", 700, 1).code;
        take(&codes, &first, 701).unwrap();
        let again = make(&codes, "ben", 702, 1).code;
        assert_eq!(first, again);
        assert_eq!(take(&codes, &again, 1_001).unwrap().customer, "ben");
    }

    #[test]
    fn a_new_code_voids_the_one_before_and_no_two_are_the_same() {
        let codes = OneTimeCodes::default();
        let (first, other) = (make(&codes, "ana", 0, 7).code, make(&codes, "ben", 0, 7).code);
        assert_ne!(first, other);
        let second = make(&codes, "ana", 1, 9).code;
        assert_eq!(take(&codes, &first, 2), Err(Refused::Unknown));
        assert_eq!(take(&codes, &second, 2).unwrap().customer, "ana");
        let keyed = |customer: &str, random| {
            codes.make(customer, "wallet", Json::Null, Some("k"), at(3), [random; 16])
        };
        let first = keyed("cleo", 1).unwrap();
        assert_eq!(keyed("cleo", 2), Ok(first.clone()));
        assert_eq!(keyed("ana", 2), Err(Refused::KeyReused));
        // Late, after it was used or another one came, the key says the same and does nothing.
        take(&codes, &first.code, 4).unwrap();
        let newer = make(&codes, "cleo", 5, 8).code;
        assert_eq!(keyed("cleo", 3), Ok(first));
        assert_eq!(take(&codes, &newer, 6).unwrap().customer, "cleo");
    }

    #[test]
    fn wrong_codes_are_looked_at_so_often_and_then_not_for_a_while() {
        let codes = OneTimeCodes::default();
        let code = make(&codes, "ana", 0, 1).code;
        for _ in 0..FAILURES_MAX {
            assert_eq!(take(&codes, "x", 10), Err(Refused::Unknown));
        }
        assert_eq!(take(&codes, &code, 40), Err(Refused::TooManyFailures { seconds: 31 }));
        assert_eq!(take(&codes, &code, 70).unwrap().customer, "ana");
    }

    #[test]
    fn codes_grow_with_how_many_are_out() {
        let codes = OneTimeCodes::default();
        for number in 0..1_000_u32 {
            let mut random = [0; 16];
            random[12..].copy_from_slice(&number.to_be_bytes());
            codes.make(&number.to_string(), "wallet", Json::Null, None, at(0), random).unwrap();
        }
        assert_eq!(make(&codes, "ana", 0, 3).code.len(), 8);
    }
}
