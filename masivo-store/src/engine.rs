//! The engine: one writer thread that takes commands from a queue, decides them and makes them durable in
//! groups.
//!
//! - G1: a group is whatever is queued when the one before is durable: no artificial delay, and one
//!   synchronous write for all of it.
//! - G2: every group has one instant, never before an earlier one.
//! - G3: a refusal, or a command that fails inside the engine, never rolls back its neighbours.
//! - G4: an answer is given only when what it says is durable.

mod answer;
mod cache;
mod clock;
mod codes;
mod delivery;
mod drawing;
mod due;
mod handle;
mod load;
mod process;
mod quotas;
mod referrals;
mod repeat;
mod request;
mod transfer;
mod tried;
mod writer;

pub use answer::Answer;
pub use clock::{Clock, ManualClock, SystemClock};
pub(crate) use codes::wanted as wanted_codes;
pub use delivery::{Content, Delivery, DeliveryResult};
pub use handle::{Handle, Reader};
pub(crate) use load::{complete as load_record, events as load_events, later_lots};
pub use request::{CodePool, Request, Work};

use crate::backend::Backend;
use crate::error::StoreError;
use crate::memory::MemoryBackend;
use crate::sqlite::SqliteBackend;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// How an engine is opened.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the data is kept.
    pub location: Location,
    /// What the store is for.
    pub mode: Mode,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Commands that may wait in the queue; more are answered [`crate::SubmitError::Overloaded`].
    pub queue: usize,
    /// Commands in one group at most.
    pub group: usize,
    /// Customers held in memory at most.
    pub cache: usize,
    /// The secret of a new store, for runs that must repeat exactly; drawn from the system when left out.
    pub secret: Option<[u8; 16]>,
}

/// Where the data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In an SQLite file.
    File(PathBuf),
    /// In memory; gone when the engine closes.
    Memory,
}

/// What a store is for; a store is marked when it is made and never opened as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Real customers and real time.
    Live,
    /// Tests: the clock may be set.
    Test,
}

impl Mode {
    /// The name used in files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl Config {
    /// A live store in a file, on the system's clock.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new(Location::File(path.into()), Mode::Live, Arc::new(SystemClock::default()))
    }

    /// A test store in memory, on a clock that the test sets.
    pub fn memory(clock: Arc<ManualClock>) -> Self {
        Self::new(Location::Memory, Mode::Test, clock)
    }

    /// A store somewhere, with the usual bounds.
    pub fn new(location: Location, mode: Mode, clock: Arc<dyn Clock>) -> Self {
        Self { location, mode, clock, queue: 8_192, group: 1_024, cache: 100_000, secret: None }
    }
}

/// A running engine. Dropping it closes it.
#[derive(Debug)]
pub struct Engine {
    handle: Handle,
    writer: Option<JoinHandle<()>>,
}

impl Engine {
    /// Opens a store, making it when there is none, and starts its writer.
    ///
    /// # Errors
    /// [`StoreError`] when the file is in use, newer, of the other mode, damaged or not writable.
    pub fn open(config: Config) -> Result<Self, StoreError> {
        match &config.location {
            Location::File(path) => {
                let backend = SqliteBackend::open(path, config.mode, config.secret)?;
                let secret = backend.secret();
                Self::start(backend, secret, config)
            }
            Location::Memory => {
                let secret = match config.secret {
                    Some(secret) => secret,
                    None => crate::sqlite::draw_secret()?,
                };
                Self::start(MemoryBackend::default(), secret, config)
            }
        }
    }

    /// Starts an engine on a backend of one's own.
    ///
    /// # Errors
    /// [`StoreError`] when the backend cannot be read.
    #[expect(clippy::needless_pass_by_value, reason = "a configuration is used up by what it configures")]
    pub fn start<B: Backend>(backend: B, secret: [u8; 16], config: Config) -> Result<Self, StoreError> {
        let (handle, writer) = writer::start(backend, secret, &config)?;
        Ok(Self { handle, writer: Some(writer) })
    }

    /// A handle to submit commands and to read.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Carries out what is queued, makes it durable and closes the store.
    pub fn close(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.handle.stop();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has already been logged by the runtime; there is nothing left to close.
            drop(writer.join());
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
