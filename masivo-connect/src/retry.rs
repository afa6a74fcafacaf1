//! When to try a delivery again, and what an answer means.
//!
//! - **Schedule**: the ten attempts Standard Webhooks recommends, over a little more than three days.
//! - **Dead letter**: a delivery whose attempts are used up; a person decides what happens to it.
//! - **Jitter**: up to a tenth of the wait, added so that a destination that comes back is not met by
//!   everyone at once.
//!
//! Guarantees:
//! - R1: an attempt is never earlier than the schedule says.
//! - R2: an attempt is never earlier than the destination asked for, up to one day.
//! - R3: after the last attempt of the schedule there is none.
//! - R4: the same arguments give the same answer.

/// The wait before each attempt, in seconds: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
pub const SCHEDULE_SECONDS: [u32; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The longest wait a destination may ask for, in seconds.
pub const RETRY_AFTER_LIMIT_SECONDS: u64 = 86_400;

/// Returns the instant of the next attempt in Unix milliseconds, or `None` for a dead letter.
///
/// `retry_after_seconds` is what the destination asked for, if it did. `jitter` is a random or hashed
/// number of the caller's.
#[must_use]
pub fn next_attempt(
    attempts_made: u32,
    now_ms: i64,
    retry_after_seconds: Option<u64>,
    jitter: u64,
) -> Option<i64> {
    let index = usize::try_from(attempts_made).ok()?;
    let scheduled = u64::from(*SCHEDULE_SECONDS.get(index)?);
    let asked = retry_after_seconds.unwrap_or(0).min(RETRY_AFTER_LIMIT_SECONDS);
    let wait_ms = scheduled.max(asked).saturating_mul(1_000);
    // 0 to 1,000 ten-thousandths, that is 0 to 10 %.
    let extra_ms = wait_ms.saturating_mul(jitter % 1_001) / 10_000;
    let total = i64::try_from(wait_ms.saturating_add(extra_ms)).ok()?;
    Some(now_ms.saturating_add(total))
}

/// What the status of an answer means for the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The destination has it (2xx).
    Delivered,
    /// The destination wants no more of these (410): disable the endpoint.
    Gone,
    /// The destination is overloaded (429, 502, 504): try again later, and send it less meanwhile.
    SlowDown,
    /// The destination did not take it: try again later. Redirects count as failures.
    Failed,
}

/// Reads the status of an answer.
#[must_use]
pub const fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        410 => Verdict::Gone,
        429 | 502 | 504 => Verdict::SlowDown,
        _ => Verdict::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn attempts_follow_the_schedule() {
        let waits: Vec<i64> = (0..10)
            .filter_map(|made| next_attempt(made, NOW, None, 0))
            .map(|at| (at - NOW) / 1_000)
            .collect();
        assert_eq!(waits, [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(waits.iter().sum::<i64>(), 75 * 3_600 + 35 * 60 + 5);
        assert_eq!(next_attempt(10, NOW, None, 0), None);
        assert_eq!(next_attempt(u32::MAX, NOW, Some(1), 0), None);
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        for jitter in [0, 1, 500, 1_000, 1_001, 12_345, u64::MAX] {
            for made in 0..10 {
                let plain = next_attempt(made, NOW, None, 0).unwrap() - NOW;
                let shaken = next_attempt(made, NOW, None, jitter).unwrap() - NOW;
                assert!(shaken >= plain && shaken <= plain + plain / 10, "{made} {jitter}");
            }
        }
        assert_eq!(next_attempt(2, NOW, None, 1_000), Some(NOW + 330_000));
    }

    #[test]
    fn retry_after_is_honoured_within_a_day() {
        assert_eq!(next_attempt(1, NOW, Some(120), 0), Some(NOW + 120_000));
        assert_eq!(next_attempt(3, NOW, Some(120), 0), Some(NOW + 1_800_000), "never before the schedule");
        assert_eq!(next_attempt(1, NOW, Some(u64::MAX), 0), Some(NOW + 86_400_000));
        assert_eq!(next_attempt(1, i64::MAX, Some(1), 0), Some(i64::MAX));
    }

    #[test]
    fn statuses_are_read_as_the_standard_says() {
        for (status, expected) in [
            (200, Verdict::Delivered),
            (204, Verdict::Delivered),
            (299, Verdict::Delivered),
            (301, Verdict::Failed),
            (307, Verdict::Failed),
            (400, Verdict::Failed),
            (404, Verdict::Failed),
            (410, Verdict::Gone),
            (429, Verdict::SlowDown),
            (500, Verdict::Failed),
            (502, Verdict::SlowDown),
            (503, Verdict::Failed),
            (504, Verdict::SlowDown),
        ] {
            assert_eq!(verdict(status), expected, "{status}");
        }
    }
}
