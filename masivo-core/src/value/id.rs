//! Ids: derived, never drawn, so that a replay makes the same ones.

use super::time::Timestamp;
use crate::prelude::*;
use core::fmt;
use core::hash::Hasher;
use siphasher::sip128::{Hasher128, SipHasher24};
use uuid::{Builder, Uuid};

/// The secret of one store: without it nobody can guess an id made by the store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoreSecret([u8; 16]);

impl StoreSecret {
    /// The secret of those 16 bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A keyed 128-bit hash of some parts, in domain `scope`.
    ///
    /// The parts are separated by their lengths, so `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn hash(&self, scope: &str, parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        write_part(&mut hasher, scope.as_bytes());
        for part in parts {
            write_part(&mut hasher, part);
        }
        hasher.finish128().as_bytes()
    }

    /// A short keyed fingerprint that stands for a personal value where the value must not be written.
    pub fn fingerprint(&self, text: &str) -> String {
        let hash = self.hash("fingerprint", &[text.as_bytes()]);
        hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn write_part(hasher: &mut SipHasher24, part: &[u8]) {
    hasher.write_u64(u64::try_from(part.len()).unwrap_or(u64::MAX));
    hasher.write(part);
}

impl fmt::Debug for StoreSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreSecret(…)")
    }
}

/// Makes the ids of one command: UUIDs of version 7 whose random part is a keyed hash.
#[derive(Clone, Debug)]
pub struct Mint {
    secret: StoreSecret,
    now: Timestamp,
    seed: [u8; 16],
    counter: u32,
}

impl Mint {
    /// The mint of one command: `scope` and `key` name the command, `now` is its instant.
    pub fn new(secret: StoreSecret, now: Timestamp, scope: &str, key: &[u8]) -> Self {
        Self { secret, now, seed: secret.hash(scope, &[key]), counter: 0 }
    }

    /// The next id of this command.
    pub fn next_id(&mut self) -> Uuid {
        let counter = self.counter.to_be_bytes();
        self.counter = self.counter.wrapping_add(1);
        let instant = self.now.milliseconds().to_be_bytes();
        let hash = self.secret.hash("id", &[&instant, &self.seed, &counter]);
        let mut random = [0_u8; 10];
        for (to, from) in random.iter_mut().zip(hash) {
            *to = from;
        }
        let milliseconds = u64::try_from(self.now.milliseconds()).unwrap_or(0);
        Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }
}

/// Reads a UUID in its usual notation, in lower or upper case.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_command_makes_the_same_ids_and_others_differ() {
        let secret = StoreSecret::new([7; 16]);
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        let mut first = Mint::new(secret, now, "event", b"k1");
        let mut again = Mint::new(secret, now, "event", b"k1");
        let mut other = Mint::new(secret, now, "event", b"k2");
        let (a, b) = (first.next_id(), first.next_id());
        assert_eq!(a, again.next_id());
        assert_ne!(a, b);
        assert_ne!(a, other.next_id());
        assert_eq!(a.get_version_num(), 7);
    }

    #[test]
    fn parts_do_not_run_together() {
        let secret = StoreSecret::new([7; 16]);
        assert_ne!(secret.hash("s", &[b"ab", b"c"]), secret.hash("s", &[b"a", b"bc"]));
    }
}
