//! What can go wrong below the rules.

use masivo_core::Rejection;

/// Why the store could not do something. Nothing half-done is left behind by any of them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process writes this file.
    #[error("`{path}` is in use by another process: stop it first, or use its server with --url")]
    Locked {
        /// The file.
        path: String,
    },
    /// The file was written by a newer version.
    #[error("`{path}` has schema {found} and this program knows {known}: use the newer program")]
    Newer {
        /// The file.
        path: String,
        /// The schema of the file.
        found: i64,
        /// The newest schema that is known.
        known: i64,
    },
    /// The file is marked for another use.
    #[error("`{path}` is a {found} store and was opened as {wanted}: live and test stores never mix")]
    OtherMode {
        /// The file.
        path: String,
        /// What it is marked as.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A stored value cannot be read: the file is damaged.
    #[error("damaged: {what}")]
    Damaged {
        /// What could not be read.
        what: String,
    },
    /// The database failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file system failed.
    #[error("the file system failed: {0}")]
    File(#[from] std::io::Error),
    /// A failure that was ordered by a test.
    #[error("a fault was injected")]
    Injected,
}

impl StoreError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The rules refuse it. Asking again gives the same answer.
    #[error("{0}")]
    Rejected(#[from] Rejection),
    /// Too much is queued; nothing was done. Try again a little later.
    #[error("too much is queued")]
    Overloaded,
    /// The store could not write; nothing was done. Try again with the same key.
    #[error("nothing was written: {reason}")]
    NotCommitted {
        /// What failed.
        reason: String,
    },
    /// It is not known whether it was written. Try again with the same key: it will not act twice.
    #[error("it is not known whether it was written: {reason}")]
    Unknown {
        /// What failed.
        reason: String,
    },
    /// The clock jumped; writing stops until somebody confirms the new time.
    #[error("the clock jumped by {seconds} s against the time that passed")]
    ClockJumped {
        /// By how much.
        seconds: i64,
    },
    /// The engine is closing.
    #[error("the engine is closing")]
    Closing,
    /// A bug: the command was set aside in quarantine and changed nothing.
    #[error("the command failed inside the engine and was set aside as incident {incident}")]
    Bug {
        /// The number under which it is in quarantine.
        incident: u64,
    },
    /// The store failed while reading.
    #[error("{0}")]
    Store(#[from] StoreError),
}
