//! Signs webhook calls and says which URLs may be called, as Standard Webhooks describes.
//!
//! - **Secret**: 24 to 64 random bytes an endpoint shares with us, written `whsec_<base64>`.
//! - **Webhook id**: names the event, not the attempt: a receiver drops what it has seen already.
//! - **Signature**: `v1,<base64 HMAC-SHA256>` over `{id}.{timestamp}.{body}`.
//! - **Rotation**: while a secret is being replaced, a call carries one signature per secret.
//!
//! Guarantees:
//! - W1: a secret shows itself only through [`Secret::reveal`].
//! - W2: an id cannot contain a full stop or anything outside visible ASCII, so no two (id, timestamp,
//!   body) have the same signed bytes and no header can be injected.
//! - W3: [`check_url`] refuses what is private by its spelling. A name that *resolves* to a private
//!   address is refused at connect time, in [`crate::http`].

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Uri};
use sha2::Sha256;

use crate::address;

const PREFIX: &str = "whsec_";
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The longest URL an endpoint may have, in bytes.
pub const URL_LIMIT: usize = 2_048;
/// The longest webhook id, in bytes.
pub const ID_LIMIT: usize = 256;

/// The key an endpoint verifies our calls with.
#[derive(Clone)]
pub struct Secret {
    bytes: Vec<u8>,
    // Prepared once: every signature starts from a copy.
    keyed: Hmac<Sha256>,
}

impl Secret {
    /// Takes 24 to 64 bytes as a secret.
    ///
    /// # Errors
    /// [`SecretProblem::Length`] when there are fewer or more.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretProblem> {
        let length = SecretProblem::Length { bytes: bytes.len() };
        if !(24..=64).contains(&bytes.len()) {
            return Err(length);
        }
        let keyed = Hmac::new_from_slice(bytes).map_err(|_| length)?;
        Ok(Self { bytes: bytes.to_vec(), keyed })
    }

    /// Reads a secret written as `whsec_<base64>`.
    ///
    /// # Errors
    /// A [`SecretProblem`], which never repeats what was read.
    pub fn parse(text: &str) -> Result<Self, SecretProblem> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(SecretProblem::Prefix)?;
        let bytes = LENIENT.decode(encoded).map_err(|_| SecretProblem::Base64)?;
        Self::from_bytes(&bytes)
    }

    /// Writes the secret as `whsec_<base64>`, to show it to its owner.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}

/// Why a secret cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// It does not start with `whsec_`.
    #[error("a webhook secret starts with `whsec_`")]
    Prefix,
    /// What follows the prefix is not base64.
    #[error("a webhook secret is `whsec_` followed by base64")]
    Base64,
    /// It is shorter than 24 or longer than 64 bytes.
    #[error("a webhook secret has 24 to 64 bytes, this one has {bytes}")]
    Length {
        /// How many bytes it has.
        bytes: usize,
    },
}

/// Signs one call: `v1,<base64 HMAC-SHA256 of "{id}.{timestamp}.{body}">`.
#[must_use]
pub fn sign(secret: &Secret, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    let mut mac = secret.keyed.clone();
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A webhook id that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook id has 1 to {ID_LIMIT} visible ASCII characters and no full stop")]
pub struct IdProblem;

/// Makes the three headers of a call, with one signature for each secret.
///
/// Two secrets are given while one replaces the other; usually there is one.
///
/// # Errors
/// [`IdProblem`] when the id is empty, too long, or has a full stop or anything but visible ASCII.
pub fn headers(
    secrets: &[Secret],
    id: &str,
    timestamp_seconds: i64,
    body: &[u8],
) -> Result<HeaderMap, IdProblem> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
    if id.is_empty() || id.len() > ID_LIMIT || !id.bytes().all(allowed) {
        return Err(IdProblem);
    }
    let signatures: Vec<String> =
        secrets.iter().map(|secret| sign(secret, id, timestamp_seconds, body)).collect();
    let mut map = HeaderMap::with_capacity(3);
    for (name, value) in [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp_seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ] {
        let value = HeaderValue::from_str(&value).map_err(|_| IdProblem)?;
        map.insert(HeaderName::from_static(name), value);
    }
    Ok(map)
}

/// Why a URL cannot be an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// It is longer than [`URL_LIMIT`].
    #[error("the URL is longer than {URL_LIMIT} bytes")]
    TooLong,
    /// It is not an absolute URL.
    #[error("this is not an absolute URL such as `https://example.com/hooks`")]
    Malformed,
    /// It does not use `https`.
    #[error("only `https` URLs can be called")]
    NotHttps,
    /// It has a user name or password.
    #[error("the URL has a user name or password; use the webhook secret instead")]
    UserInfo,
    /// It has a `#fragment`, which would not be sent.
    #[error("the URL has a `#fragment`, which is never sent")]
    Fragment,
    /// Its host is neither a name nor an address.
    #[error("the host of the URL is neither a name nor an address")]
    BadHost,
    /// Its port is not a number from 1 to 65535.
    #[error("the port of the URL is not a number from 1 to 65535")]
    BadPort,
    /// Its host is this machine or inside a private network.
    #[error("the host of the URL is this machine or inside a private network")]
    PrivateAddress,
}

impl UrlProblem {
    /// Returns the stable name of the problem.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "url_too_long",
            Self::Malformed => "url_malformed",
            Self::NotHttps => "url_not_https",
            Self::UserInfo => "url_user_info",
            Self::Fragment => "url_fragment",
            Self::BadHost => "url_bad_host",
            Self::BadPort => "url_bad_port",
            Self::PrivateAddress => "url_private_address",
        }
    }
}

/// Checks that a URL may be an endpoint.
///
/// `allow_private` is for tests and closed networks: it also lets `http` and private addresses pass.
///
/// # Errors
/// The first [`UrlProblem`] in the order of its variants.
pub fn check_url(url: &str, allow_private: bool) -> Result<Uri, UrlProblem> {
    if url.len() > URL_LIMIT {
        return Err(UrlProblem::TooLong);
    }
    // The parser drops a fragment without a word, and reads `\` as part of a path where browsers do not.
    let fragment = url.contains('#');
    if url.contains('\\') {
        return Err(UrlProblem::Malformed);
    }
    let uri: Uri = url.parse().map_err(|_| UrlProblem::Malformed)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(UrlProblem::Malformed);
    };
    if !(scheme == "https" || (scheme == "http" && allow_private)) {
        return Err(UrlProblem::NotHttps);
    }
    if authority.as_str().contains('@') {
        return Err(UrlProblem::UserInfo);
    }
    if fragment {
        return Err(UrlProblem::Fragment);
    }
    let host = authority.host();
    check_host(host, allow_private)?;
    let port = authority.as_str().strip_prefix(host).ok_or(UrlProblem::BadHost)?;
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return Err(UrlProblem::BadPort);
    }
    Ok(uri)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

fn check_host(host: &str, allow_private: bool) -> Result<(), UrlProblem> {
    match address::literal(host) {
        Some(None) => return Err(UrlProblem::BadHost),
        Some(Some(address)) if address::is_forbidden(address) && !allow_private => {
            return Err(UrlProblem::PrivateAddress);
        }
        Some(Some(_)) => return Ok(()),
        None => {}
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let labels_fit = name.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    });
    if !labels_fit || name.len() > 253 {
        return Err(UrlProblem::BadHost);
    }
    if !allow_private && (name == "localhost" || name.ends_with(".localhost")) {
        return Err(UrlProblem::PrivateAddress);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn signature_equals_the_published_one() {
        let secret = Secret::parse(SECRET).unwrap();
        assert_eq!(sign(&secret, ID, 1_614_265_330, BODY), SIGNATURE);
        assert_eq!(secret.reveal(), SECRET);
    }

    #[test]
    fn headers_carry_one_signature_for_each_secret() {
        let old = Secret::parse(SECRET).unwrap();
        let new = Secret::from_bytes(&[7; 32]).unwrap();
        let map = headers(&[old, new.clone()], ID, 1_614_265_330, BODY).unwrap();
        assert_eq!(map["webhook-id"], ID);
        assert_eq!(map["webhook-timestamp"], "1614265330");
        let expected = format!("{SIGNATURE} {}", sign(&new, ID, 1_614_265_330, BODY));
        assert_eq!(map["webhook-signature"], expected);
    }

    #[test]
    fn ids_that_would_blur_the_signed_bytes_are_refused() {
        let secrets = [Secret::parse(SECRET).unwrap()];
        for id in ["", "a.b", "a b", "a\r\nx: y", "ä", &"x".repeat(257)] {
            assert_eq!(headers(&secrets, id, 0, b""), Err(IdProblem), "{id:?}");
        }
    }

    #[test]
    fn secret_never_shows_itself() {
        let secret = Secret::parse(SECRET).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
        assert_eq!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap_err(), SecretProblem::Prefix);
        assert_eq!(Secret::parse("whsec_%%%").unwrap_err(), SecretProblem::Base64);
        assert_eq!(Secret::parse("whsec_AAAA").unwrap_err(), SecretProblem::Length { bytes: 3 });
        assert!(Secret::from_bytes(&[0; 23]).is_err() && Secret::from_bytes(&[0; 65]).is_err());
        assert!(Secret::from_bytes(&[0; 24]).is_ok() && Secret::from_bytes(&[0; 64]).is_ok());
        let unpadded = Secret::from_bytes(&[1; 25]).unwrap();
        assert!(Secret::parse(unpadded.reveal().trim_end_matches('=')).is_ok());
    }

    #[track_caller]
    fn check(url: &str, expected: Result<(), UrlProblem>) {
        assert_eq!(check_url(url, false).map(|_| ()), expected, "{url}");
    }

    #[test]
    fn public_https_urls_pass() {
        for url in [
            "https://example.com",
            "https://example.com/hooks?a=1&b=2",
            "https://example.com:8443/hooks",
            "https://EXAMPLE.com./",
            "https://xn--bcher-kva.example/x",
            "https://my_host.example/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]:443/",
            "https://localhost.example.com/",
        ] {
            check(url, Ok(()));
        }
    }

    #[test]
    fn malformed_urls_are_refused() {
        for (url, problem) in [
            ("", UrlProblem::Malformed),
            ("example.com", UrlProblem::Malformed),
            ("/hooks", UrlProblem::Malformed),
            ("https://", UrlProblem::Malformed),
            ("https:///x", UrlProblem::Malformed),
            ("https://exa mple.com/", UrlProblem::Malformed),
            ("https://bücher.example/", UrlProblem::Malformed),
            ("https://evil.example\\@10.0.0.1/", UrlProblem::Malformed),
            ("https://example.com/\r\nx: y", UrlProblem::Malformed),
            ("http://example.com/", UrlProblem::NotHttps),
            ("ftp://example.com/", UrlProblem::NotHttps),
            ("https://user@example.com/", UrlProblem::UserInfo),
            ("https://user:word@example.com/", UrlProblem::UserInfo),
            ("https://example.com/#part", UrlProblem::Fragment),
            ("https://example.com:0/", UrlProblem::BadPort),
            ("https://example.com:/", UrlProblem::BadPort),
            ("https://a..b/", UrlProblem::BadHost),
            ("https://1.2.3.4.5/", UrlProblem::BadHost),
            ("https://256.1.1.1/", UrlProblem::BadHost),
        ] {
            check(url, Err(problem));
        }
        check(&format!("https://example.com/{}", "x".repeat(2_048)), Err(UrlProblem::TooLong));
        for url in ["https://example.com:99999/", "https://example.com:+80/", "https://%31%30.0.0.1/"] {
            assert!(check_url(url, false).is_err(), "{url}");
        }
    }

    #[test]
    fn private_hosts_are_refused_in_every_spelling() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "0177.0.0.1",
            "0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "192.168.0.1:8443",
            "224.0.0.1",
            "[::1]",
            "[::]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::a00:1]",
            "[fe80::1]",
            "[fd00::1]",
            "[ff02::1]",
        ] {
            check(&format!("https://{host}/x"), Err(UrlProblem::PrivateAddress));
            assert!(check_url(&format!("http://{host}/x"), true).is_ok(), "{host}");
        }
    }
}
