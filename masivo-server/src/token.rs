//! Access tokens: what an API key is exchanged for, good for one hour of wall time.
//!
//! A token is a JWT with exactly one header (`HS256`), so that no other algorithm can be asked for. It names the
//! key it was made with; whoever reads it looks the key up, so a revoked key ends its tokens at once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use masivo_core::value::{HOUR, Json, StoreSecret, Timestamp, object};
use sha2::Sha256;

/// `{"alg":"HS256","typ":"JWT"}`: the only header there is.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// The longest token that is looked at.
const LENGTH_MAX: usize = 1_000;

/// Makes and reads the tokens of one store.
pub(crate) struct Tokens {
    keyed: Hmac<Sha256>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Tokens {
    /// Tokens signed with a key that is derived from the store's secret.
    ///
    /// # Errors
    /// Never: HMAC takes keys of any length.
    pub(crate) fn new(secret: &StoreSecret) -> Result<Self, hmac::digest::InvalidLength> {
        let parts = [b"1", b"2"].map(|part| secret.hash("access token", &[part]));
        Ok(Self { keyed: Hmac::new_from_slice(&parts.concat())? })
    }

    /// A token for the holder of a key, good for one hour.
    pub(crate) fn issue(&self, key_id: &str, server: bool, wall: Timestamp) -> String {
        let claims = object()
            .with("sub", key_id)
            .with("kind", if server { "SERVER" } else { "CLIENT" })
            .with("iat", wall.seconds())
            .with("exp", wall.plus(HOUR).seconds())
            .build();
        let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut mac = self.keyed.clone();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// The id of the key that a token was made with, when it is ours and has not run out.
    pub(crate) fn verify(&self, token: &str, wall: Timestamp) -> Option<String> {
        if token.len() > LENGTH_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if header != HEADER {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let mut mac = self.keyed.clone();
        mac.update(signed.as_bytes());
        // Compares in constant time, and takes only the whole signature.
        mac.verify_slice(&signature).ok()?;
        let claims = Json::parse(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let (issued, ends) = (claims.integer("iat")?, claims.integer("exp")?);
        let now = wall.seconds();
        // A minute of grace for a clock that was set back.
        (issued <= now.saturating_add(60) && now < ends).then(|| claims.text("sub").map(ToOwned::to_owned))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(seed: u8) -> Tokens {
        Tokens::new(&StoreSecret::new([seed; 16])).unwrap()
    }

    const NOW: Timestamp = Timestamp::from_milliseconds(1_800_000_000_000);

    #[test]
    fn a_token_is_good_for_an_hour_and_only_in_its_store() {
        let token = tokens(1).issue("key1", true, NOW);
        assert_eq!(tokens(1).verify(&token, NOW).as_deref(), Some("key1"));
        assert_eq!(tokens(1).verify(&token, NOW.plus(HOUR - 1_000)).as_deref(), Some("key1"));
        assert_eq!(tokens(1).verify(&token, NOW.plus(HOUR)), None);
        assert_eq!(tokens(1).verify(&token, NOW.plus(-HOUR)), None);
        assert_eq!(tokens(2).verify(&token, NOW), None);
    }

    #[test]
    fn nothing_but_the_exact_token_is_taken() {
        let tokens = tokens(1);
        let token = tokens.issue("key1", false, NOW);
        let parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let other = URL_SAFE_NO_PAD.encode(r#"{"sub":"key2","iat":0,"exp":9999999999}"#);
        for forged in [
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{other}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}.{}", parts[0], parts[1], &parts[2][..20]),
            format!("{token}."),
            format!("{token}A"),
            format!(".{token}"),
            parts[..2].join("."),
            String::new(),
            "..".into(),
            "a".repeat(100_000),
        ] {
            assert_eq!(tokens.verify(&forged, NOW), None, "{forged}");
        }
    }

    #[test]
    fn the_header_is_what_it_says() {
        let header = URL_SAFE_NO_PAD.decode(HEADER).unwrap();
        assert_eq!(header, br#"{"alg":"HS256","typ":"JWT"}"#);
    }
}
