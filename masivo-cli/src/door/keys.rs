//! Keys of the API, as the server makes them.

use crate::error::Failure;
use masivo_core::value::{Json, Timestamp, object};
use masivo_store::ApiKey;

/// Makes a key: what is kept, and what is shown once.
pub(super) fn make(name: &str, server: bool, now: Timestamp) -> Result<(ApiKey, String), Failure> {
    let made = masivo_server::new_key(server, name, now).map_err(|error| {
        Failure::environment("randomness", format!("the system gives no random bytes: {error}"), "")
    })?;
    Ok((made.kept, made.secret))
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
