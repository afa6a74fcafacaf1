//! Where the time comes from.

use masivo_core::value::Timestamp;
use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A source of time.
pub trait Clock: Debug + Send + Sync {
    /// The instant the engine lives in.
    fn now(&self) -> Timestamp;

    /// Wall time: signatures, tokens and retries go by it, also under a test clock.
    fn wall(&self) -> Timestamp {
        system_time()
    }

    /// Whether the time passes by itself.
    fn runs(&self) -> bool {
        true
    }

    /// Sets the time, where that is possible; gives whether it was.
    fn set(&self, _now: Timestamp) -> bool {
        false
    }

    /// By how many seconds the time jumped against the time that really passed.
    fn jump(&self) -> i64 {
        0
    }

    /// Takes the present time for granted after a jump.
    fn confirm(&self) {}
}

fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_milliseconds(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock {
    /// A moment of the monotonic clock, and what wall time was then.
    started: Instant,
    wall_at_start: AtomicI64,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now(), wall_at_start: AtomicI64::new(system_time().milliseconds()) }
    }
}

impl SystemClock {
    fn expected(&self) -> i64 {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.wall_at_start.load(Ordering::Relaxed).saturating_add(passed)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        system_time()
    }

    fn jump(&self) -> i64 {
        system_time().milliseconds().saturating_sub(self.expected()) / 1_000
    }

    fn confirm(&self) {
        let difference = system_time().milliseconds().saturating_sub(self.expected());
        self.wall_at_start.fetch_add(difference, Ordering::Relaxed);
    }
}

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at an instant.
    pub const fn new(now: Timestamp) -> Self {
        Self { now: AtomicI64::new(now.milliseconds()) }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.now.load(Ordering::SeqCst))
    }

    fn runs(&self) -> bool {
        false
    }

    fn set(&self, now: Timestamp) -> bool {
        self.now.store(now.milliseconds(), Ordering::SeqCst);
        true
    }
}
