//! The SQLite backend: one file, WAL, every commit synchronous.
//!
//! The schema follows what was measured: random pages dirtied per event are the cost, so a customer is one
//! row, facts are appended, and few indices exist (`docs/adr/0002-storage-layout.md`).

mod checkpoint;
mod open;
mod read;
mod row;
mod unit;

pub(crate) use open::draw_secret;
pub use open::{last_instant, mode_of};
pub use read::SqliteReader;
use unit::SqliteUnit;

use crate::backend::{Backend, Read, ReaderSource};
use crate::engine::Mode;
use crate::error::StoreError;
use checkpoint::Checkpointer;
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};

/// An SQLite file and the lock on it.
#[derive(Debug)]
pub struct SqliteBackend {
    connection: Connection,
    path: PathBuf,
    secret: [u8; 16],
    checkpointer: Checkpointer,
    leftovers: bool,
    /// Held as long as the file is open for writing; the system lets go of it when the process dies.
    _lock: File,
}

impl SqliteBackend {
    /// Opens a file, making it when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when the file is in use, newer, of the other mode, damaged or not writable.
    pub fn open(path: &Path, mode: Mode, secret: Option<[u8; 16]>) -> Result<Self, StoreError> {
        let lock = open::lock(path)?;
        let mut connection = open::connect(path)?;
        let secret = open::prepare(&mut connection, path, mode, secret)?;
        // A process that died right after it erased somebody left old pages in the log (B6).
        let leftovers = checkpoint::truncate(&connection).is_err();
        let checkpointer = Checkpointer::start(path)?;
        Ok(Self { connection, path: path.to_owned(), secret, checkpointer, leftovers, _lock: lock })
    }

    /// The store's secret.
    pub const fn secret(&self) -> [u8; 16] {
        self.secret
    }
}

impl Backend for SqliteBackend {
    type Unit<'u> = SqliteUnit<'u>;

    fn begin(&mut self) -> Result<SqliteUnit<'_>, StoreError> {
        SqliteUnit::begin(&mut self.connection)
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        Ok(Box::new(SqliteReader::open(&self.path)?))
    }

    fn reader_source(&self) -> Result<ReaderSource, StoreError> {
        let path = self.path.clone();
        Ok(Box::new(move || {
            let reader: Box<dyn Read + Send> = Box::new(SqliteReader::open(&path)?);
            Ok(reader)
        }))
    }

    fn rest(&mut self) -> Result<(), StoreError> {
        self.checkpointer.after_unit(&self.connection)
    }

    fn has_leftovers(&self) -> bool {
        self.leftovers
    }

    fn scrub(&mut self) -> Result<(), StoreError> {
        checkpoint::truncate(&self.connection)
    }
}

/// Copies a store to another file while it is in use.
///
/// # Errors
/// [`StoreError`] when a file cannot be read or written, or the target exists.
pub fn backup(from: &Path, to: &Path) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::File(std::io::Error::new(
            std::io::ErrorKind::AlreadyExists,
            format!("`{}` exists: name a new file", to.display()),
        )));
    }
    let source = SqliteReader::open(from)?;
    source.backup(to)
}
