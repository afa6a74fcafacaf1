//! Which network addresses a tenant's URL may reach.
//!
//! - **Forbidden address**: one that does not belong to the public internet: loopback, private,
//!   link-local (with the cloud metadata services), shared, documentation, multicast, reserved, and
//!   every IPv6 form that wraps an IPv4 address.
//!
//! Guarantee: for IPv6 the rule is an allow-list (global unicast less its special blocks), so a block
//! that is not assigned yet is forbidden.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IPv4 blocks that are not public, as (network, length of the prefix).
const FORBIDDEN_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The blocks inside IPv6 global unicast that are not public, as (network, length of the prefix).
const FORBIDDEN_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Global unicast, the only part of IPv6 that may be called.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Says whether an address must not be called on behalf of a tenant.
pub(crate) fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => FORBIDDEN_V4.iter().any(|&(network, length)| {
            let shift = 32_u32.saturating_sub(length);
            u32::from(address) >> shift == u32::from(network) >> shift
        }),
        IpAddr::V6(address) => {
            !inside_v6(address, GLOBAL_V6) || FORBIDDEN_V6.iter().any(|&block| inside_v6(address, block))
        }
    }
}

fn inside_v6(address: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    let shift = 128_u32.saturating_sub(length);
    u128::from(address) >> shift == u128::from(network) >> shift
}

/// Reads a host that is an address, in any notation a resolver would take.
///
/// `None` means a name. `Some(None)` means that the host looks like an IPv4 address (its last part is a
/// number) and is none.
pub(crate) fn literal(host: &str) -> Option<Option<IpAddr>> {
    if let Some(inside) = host.strip_prefix('[') {
        let inside = inside.strip_suffix(']').unwrap_or(inside);
        return Some(inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    let numeric = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric && number(last).is_none() {
        return None;
    }
    Some(loose_v4(host).map(IpAddr::V4))
}

/// Reads IPv4 as `inet_aton` does: one to four parts, each decimal, octal or hexadecimal, the last one
/// filling what is left.
fn loose_v4(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    let places = 4_u32.checked_sub(u32::try_from(leading.len()).ok()?)?;
    if places == 0 || *last >= 256_u64.pow(places) {
        return None;
    }
    let mut value = *last;
    for (index, part) in leading.iter().enumerate() {
        if *part > 255 {
            return None;
        }
        value += part << 24_u32.saturating_sub(8 * u32::try_from(index).ok()?);
    }
    u32::try_from(value).ok().map(Ipv4Addr::from)
}

fn number(part: &str) -> Option<u64> {
    let (digits, radix) = if let Some(digits) = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        (digits, 16)
    } else if part.len() > 1 && part.starts_with('0') {
        (part, 8)
    } else {
        (part, 10)
    };
    // `0x` alone is read as zero by some resolvers.
    if digits.is_empty() && radix == 16 {
        return Some(0);
    }
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_forbidden() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(is_forbidden(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn public_addresses_are_allowed() {
        for text in [
            "8.8.8.8",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860:4860::8888",
        ] {
            assert!(!is_forbidden(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn odd_notations_are_read_as_addresses() {
        let localhost = Some(Some("127.0.0.1".parse().unwrap()));
        for text in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f.1",
            "0X7F000001",
            "0177.0.0.1",
            "127.0.0.1.",
        ] {
            assert_eq!(literal(text), localhost, "{text}");
        }
        assert_eq!(literal("[::1]"), Some(Some("::1".parse().unwrap())));
        for text in ["1.2.3.4.5", "256.1.1.1", "1.2.3.256", "08.1.1.1", "4294967296", "a.1", "[fe80::1%eth0]"]
        {
            assert_eq!(literal(text), Some(None), "{text}");
        }
        for text in ["example.com", "example.com.", "1.example", "0xg", "x1", ""] {
            assert_eq!(literal(text), None, "{text}");
        }
    }
}
