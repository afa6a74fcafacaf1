//! Keys of the API as the server makes them: `mk_<8 characters of the id>_<43 of the secret>`, kept as SHA-256.

use crate::error::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use masivo_core::value::{Json, Timestamp, object};
use masivo_store::ApiKey;
use sha2::{Digest as _, Sha256};

/// Makes a key: what is kept, and what is shown once.
pub(super) fn make(name: &str, server: bool, now: Timestamp) -> Result<(ApiKey, String), Failure> {
    let (mut id, mut secret) = ([0; 6], [0; 32]);
    for bytes in [&mut id[..], &mut secret[..]] {
        getrandom::fill(bytes).map_err(|error| {
            Failure::environment("randomness", format!("the system gives no random bytes: {error}"), "")
        })?;
    }
    let id = URL_SAFE_NO_PAD.encode(id).replace(['_', '-'], "0");
    let secret = format!("mk_{id}_{}", URL_SAFE_NO_PAD.encode(secret));
    let hash = Sha256::digest(secret.as_bytes()).into();
    Ok((ApiKey { id, server, name: name.to_owned(), hash, created_at: now, revoked_at: None }, secret))
}

/// A key as it is listed.
pub(super) fn show(key: &ApiKey) -> Json {
    object()
        .with("id", key.id.as_str())
        .with("name", key.name.as_str())
        .with("kind", if key.server { "SERVER" } else { "CLIENT" })
        .with("created_at", key.created_at)
        .with_some("revoked_at", key.revoked_at)
        .build()
}
