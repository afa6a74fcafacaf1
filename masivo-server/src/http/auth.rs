//! Who is asking, and what they may.

use super::error::Failure;
use crate::app::App;
use crate::routes::Access;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// Who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// Nobody in particular.
    Anybody,
    /// The holder of a CLIENT key.
    Client,
    /// The holder of a SERVER key.
    Server,
}

/// Says who is asking, if they may.
///
/// # Errors
/// 401 when they are not known, 403 when they may not.
pub(crate) fn authenticate(app: &App, access: Access, headers: &HeaderMap) -> Result<Principal, Failure> {
    if access == Access::Anybody {
        return Ok(Principal::Anybody);
    }
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(bearer) = header.and_then(bearer_of) else {
        return Err(Failure::unauthorized(
            "there is no bearer token",
            "send the header authorization: Bearer <token of GET /auth/authorize, or a SERVER key>",
        ));
    };
    let principal = principal_of(app, bearer).ok_or_else(|| {
        Failure::unauthorized(
            "the bearer token is not valid",
            "it may have run out or its key may have been revoked: get a new one with GET /auth/authorize",
        )
    })?;
    match (access, principal) {
        (Access::Server, Principal::Client) => Err(Failure::not_for_client()),
        _ => Ok(principal),
    }
}

fn bearer_of(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A token, or a SERVER key as it is. CLIENT keys are only exchanged for tokens.
fn principal_of(app: &App, bearer: &str) -> Option<Principal> {
    if let Some(key_id) = app.tokens.verify(bearer, app.handle.clock().wall()) {
        let key = app.keys.by_id(&key_id).filter(|key| key.revoked_at.is_none())?;
        return Some(if key.server { Principal::Server } else { Principal::Client });
    }
    app.keys.by_secret(bearer).filter(|key| key.server).map(|_| Principal::Server)
}
