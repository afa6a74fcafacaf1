//! Keys of the API: made, shown once, kept as hashes.
//!
//! - A1: only the SHA-256 of a key is kept; a key has 256 random bits, so the hash cannot be turned back.
//! - A2: a key that is revoked opens nothing from that moment on, its tokens included.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use masivo_core::value::{StoreSecret, Timestamp};
use masivo_store::ApiKey;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, PoisonError, RwLock};
use subtle::ConstantTimeEq as _;

/// The fewest characters of a key that somebody chose.
pub const CHOSEN_KEY_LENGTH_MIN: usize = 16;

/// A key with its secret, as it is shown once.
pub struct NewKey {
    /// What is kept.
    pub kept: ApiKey,
    /// What is shown.
    pub secret: String,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey").field("id", &self.kept.id).finish_non_exhaustive()
    }
}

/// Random bytes from the system.
///
/// # Errors
/// When the system has none to give.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The 6 bytes of an id and the 32 of a secret that an idempotency key stands for: repeating the request makes
/// the same key, and nobody without the store's secret can guess it.
pub(crate) fn derived(secret: &StoreSecret, idempotency_key: &str) -> [u8; 38] {
    let mut bytes = [0; 38];
    let hashes =
        [b"id", b"k1", b"k2"].map(|part| secret.hash("api key", &[part, idempotency_key.as_bytes()]));
    let (id, rest) = hashes.split_at(1);
    let source = id.iter().flat_map(|hash| hash.iter().take(6)).chain(rest.iter().flatten());
    bytes.iter_mut().zip(source).for_each(|(to, from)| *to = *from);
    bytes
}

/// Makes a key `mk_<8 characters of its id>_<43 of the secret>` of 38 bytes.
pub(crate) fn make(bytes: &[u8; 38], server: bool, name: &str, now: Timestamp) -> NewKey {
    let (id, secret) = bytes.split_at(6);
    let id = URL_SAFE_NO_PAD.encode(id).replace(['_', '-'], "0");
    let secret = format!("mk_{id}_{}", URL_SAFE_NO_PAD.encode(secret));
    NewKey { kept: keep(id, &secret, server, name, now), secret }
}

/// Makes a key of random bytes.
///
/// # Errors
/// When the system has none to give.
pub fn new_key(server: bool, name: &str, now: Timestamp) -> Result<NewKey, getrandom::Error> {
    Ok(make(&random()?, server, name, now))
}

/// Whether a text may be a key: long enough, and of characters that a header can carry.
pub(crate) fn may_be_chosen(text: &str) -> bool {
    text.len() >= CHOSEN_KEY_LENGTH_MIN && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// A key of a text that somebody chose.
///
/// # Errors
/// When the system has no random bytes for its id.
pub(crate) fn chosen(text: &str, name: &str, now: Timestamp) -> Result<ApiKey, getrandom::Error> {
    let id = URL_SAFE_NO_PAD.encode(random::<6>()?).replace(['_', '-'], "0");
    Ok(keep(id, text, true, name, now))
}

fn keep(id: String, secret: &str, server: bool, name: &str, now: Timestamp) -> ApiKey {
    ApiKey { id, server, name: name.to_owned(), hash: hash(secret), created_at: now, revoked_at: None }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// The keys of the store, in memory: every request asks for one.
#[derive(Debug, Default)]
pub(crate) struct KeyRing {
    keys: RwLock<Arc<Vec<ApiKey>>>,
}

impl KeyRing {
    /// Puts what the store has in place of what was there.
    pub(crate) fn replace(&self, keys: Vec<ApiKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    fn all(&self) -> Arc<Vec<ApiKey>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether anybody can come in.
    pub(crate) fn has_server_key(&self) -> bool {
        self.all().iter().any(|key| key.server && key.revoked_at.is_none())
    }

    /// The key of an id, revoked or not.
    pub(crate) fn by_id(&self, id: &str) -> Option<ApiKey> {
        self.all().iter().find(|key| key.id == id).cloned()
    }

    /// The key of a secret, unless it was revoked. Every key is compared, each in the same time.
    pub(crate) fn by_secret(&self, secret: &str) -> Option<ApiKey> {
        let hash = hash(secret);
        let mut found = None;
        for key in self.all().iter() {
            if bool::from(key.hash.ct_eq(&hash)) && key.revoked_at.is_none() {
                found = Some(key.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    #[test]
    fn keys_have_one_form_and_are_found_by_their_secret() {
        let new = make(&random().unwrap(), true, "shop", NOW);
        let parts: Vec<&str> = new.secret.splitn(3, '_').collect();
        assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("mk", 8, 43));
        assert_eq!(parts[1], new.kept.id);
        assert!(!format!("{new:?}").contains(parts[2]));
        let ring = KeyRing::default();
        ring.replace(vec![new.kept.clone()]);
        assert_eq!(ring.by_secret(&new.secret), Some(new.kept.clone()));
        assert_eq!(ring.by_secret("mk_wrong"), None);
        ring.replace(vec![ApiKey { revoked_at: Some(NOW), ..new.kept }]);
        assert_eq!(ring.by_secret(&new.secret), None);
    }

    #[test]
    fn an_idempotency_key_stands_for_one_key() {
        let secret = StoreSecret::new([1; 16]);
        let one = make(&derived(&secret, "k1"), false, "x", NOW);
        let again = make(&derived(&secret, "k1"), false, "x", NOW);
        let other = make(&derived(&secret, "k2"), false, "x", NOW);
        assert_eq!(one.secret, again.secret);
        assert_ne!(one.secret, other.secret);
        let elsewhere = make(&derived(&StoreSecret::new([2; 16]), "k1"), false, "x", NOW);
        assert_ne!(one.secret, elsewhere.secret);
    }
}
