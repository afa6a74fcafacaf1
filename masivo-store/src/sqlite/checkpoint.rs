//! Moving the write-ahead log into the database, beside the writer.

use crate::error::StoreError;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pages in the log that are not moved yet, from which on the thread is woken: 64 MiB.
const PAGES_TO_MOVE: i64 = 16_384;
/// The share of the log that the thread may leave behind, to be moved inline so that the log can start over.
const INLINE_SHARE: i64 = 8;
/// Pages that the thread cannot keep up with: the writer waits for the disk.
const PAGES_OUTGROWN: i64 = 8 * PAGES_TO_MOVE;
/// How often the log is looked at: once in so many units.
const UNITS_BETWEEN_LOOKS: u32 = 32;

/// A thread that moves the log when it has grown.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    units: u32,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let (wake, woken) = sync_channel::<()>(1);
        let file = path.to_owned();
        let thread = std::thread::Builder::new().name("masivo-checkpoint".into()).spawn(move || {
            let Ok(connection) = Connection::open(&file) else { return };
            if connection.busy_timeout(Duration::from_secs(5)).is_err() {
                return;
            }
            while woken.recv().is_ok() {
                // What cannot be moved now is moved the next time.
                drop(connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)"));
            }
        })?;
        Ok(Self { wake: Some(wake), thread: Some(thread), units: 0 })
    }

    /// Called after every unit: wakes the thread when the log has grown. What the thread leaves behind, since the
    /// writer goes on meanwhile, is moved inline: only a log that was moved whole starts over.
    pub(super) fn after_unit(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.units += 1;
        if self.units < UNITS_BETWEEN_LOOKS {
            return Ok(());
        }
        self.units = 0;
        let (pages, moved) = pages_in_log(connection)?;
        let rest = pages - moved;
        // The longer the log, the more is moved inline to let it start over.
        let ends = moved > 0 && rest > 0 && pages > PAGES_TO_MOVE && rest * INLINE_SHARE <= pages;
        if ends || rest > PAGES_OUTGROWN {
            connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")?;
        } else if rest > PAGES_TO_MOVE
            && let Some(wake) = &self.wake
        {
            // A full channel means that the thread is awake already.
            let _ = wake.try_send(());
        }
        Ok(())
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Pages in the log, and how many of them were moved into the database; moves nothing.
fn pages_in_log(connection: &Connection) -> Result<(i64, i64), StoreError> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
    Ok(statement.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))?)
}

/// Moves the whole log and empties its file, so that no old page stays in it.
pub(super) fn truncate(connection: &Connection) -> Result<(), StoreError> {
    // Somebody who reads for long must not hold up the writer: it is tried again.
    connection.busy_timeout(Duration::ZERO)?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(super::open::BUSY_TIMEOUT)?;
    let busy = busy?;
    if busy == 0 { Ok(()) } else { Err(StoreError::damaged("the log is still being read")) }
}
