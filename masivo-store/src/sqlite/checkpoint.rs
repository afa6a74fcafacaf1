//! Moving the write-ahead log into the database, beside the writer.

use crate::error::StoreError;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Size of the log from which on it is moved.
const LOG_BYTES: u64 = 64 * 1024 * 1024;
/// How often the size is looked at: once in so many units.
const UNITS_BETWEEN_LOOKS: u32 = 32;

/// A thread that moves the log when it has grown.
#[derive(Debug)]
pub(super) struct Checkpointer {
    log: PathBuf,
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
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self { log: PathBuf::from(log), wake: Some(wake), thread: Some(thread), units: 0 })
    }

    /// Called after every unit: wakes the thread when the log has grown. A log that has outgrown the thread
    /// gets one step inline, which lets it start over.
    pub(super) fn after_unit(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.units += 1;
        if self.units < UNITS_BETWEEN_LOOKS {
            return Ok(());
        }
        self.units = 0;
        let size = std::fs::metadata(&self.log).map_or(0, |facts| facts.len());
        if size > LOG_BYTES
            && let Some(wake) = &self.wake
        {
            // A full channel means that the thread is awake already.
            let _ = wake.try_send(());
        }
        if size > 2 * LOG_BYTES {
            connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")?;
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

/// Moves the whole log and empties its file, so that no old page stays in it.
pub(super) fn truncate(connection: &Connection) -> Result<(), StoreError> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(StoreError::damaged("the log is still being read")) }
}
