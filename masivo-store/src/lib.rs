//! The masivo engine: one writer that decides and makes durable, many readers, SQLite or memory below.
//!
//! # Embed it
//! ```
//! use masivo_core::{Command, value::Json};
//! use masivo_store::{Config, Engine, ManualClock};
//! use masivo_core::value::Timestamp;
//!
//! let clock = ManualClock::new(Timestamp::parse("2026-11-22T10:00:00Z").unwrap());
//! let engine = Engine::open(Config::memory(std::sync::Arc::new(clock))).unwrap();
//! let ana = Json::parse(br#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#).unwrap();
//! let answer = engine.handle().submit_blocking(Command::Register(ana)).unwrap();
//! let shown = answer.to_json(&engine.handle().program());
//! assert_eq!(shown.path("customer.name").and_then(Json::as_text), Some("Ana"));
//! ```
//!
//! # How it works
//! A command goes into a bounded queue; the writer takes whatever is queued, loads each customer, lets
//! [`masivo_core::decide`] decide, writes facts and states in one unit, commits once and answers. A backend is
//! whatever keeps the promises of [`backend`].

pub mod backend;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod engine;
mod error;
#[cfg(feature = "testing")]
pub mod faulty;
mod memory;
pub mod query;
pub mod scenario;
pub mod simulation;
mod sqlite;
pub mod stored;
mod verify;

pub use backend::ApiKey;
pub use engine::{
    Answer, Clock, CodePool, Config, Content, Delivery, DeliveryResult, Engine, Handle, Location,
    ManualClock, Mode, Request, SystemClock, Work,
};
pub use error::{StoreError, SubmitError};
pub use memory::MemoryBackend;
pub use query::Query;
pub use sqlite::{SqliteBackend, SqliteReader, backup, last_instant, mode_of};
pub use verify::{Finding, Verification, verify};
