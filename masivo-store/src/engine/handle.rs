//! The outside of the engine: cheap to clone, safe to share.

use super::answer::Answer;
use super::clock::Clock;
use super::request::{Request, Work};
use super::writer::{Job, Shared};
use crate::backend::Read;
use crate::error::{StoreError, SubmitError};
use masivo_core::program::Program;
use masivo_core::value::{StoreSecret, Timestamp};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use tokio::sync::oneshot;

/// A way to the engine.
#[derive(Clone)]
pub struct Handle {
    sender: SyncSender<Job>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    pub(super) fn new(sender: SyncSender<Job>, shared: Arc<Shared>) -> Self {
        Self { sender, shared }
    }

    /// Submits work and waits until it is durable.
    ///
    /// # Errors
    /// [`SubmitError`]: refused, overloaded, not committed, unknown, closing, or a bug.
    pub async fn submit(&self, request: impl Into<Request>) -> Result<Answer, SubmitError> {
        self.enqueue(request.into())?.await.map_err(|_| SubmitError::Closing)?
    }

    /// As [`Handle::submit`], for callers without an async runtime.
    ///
    /// # Errors
    /// As [`Handle::submit`].
    pub fn submit_blocking(&self, request: impl Into<Request>) -> Result<Answer, SubmitError> {
        self.enqueue(request.into())?.blocking_recv().map_err(|_| SubmitError::Closing)?
    }

    /// Submits several pieces of work at once, in order; they are taken together or not at all.
    ///
    /// # Errors
    /// [`SubmitError::Overloaded`] when the queue has no room for all, [`SubmitError::Closing`].
    pub async fn submit_all(
        &self,
        requests: Vec<Request>,
    ) -> Result<Vec<Result<Answer, SubmitError>>, SubmitError> {
        let (reply, answers) = oneshot::channel();
        self.send(Job::Many { requests, reply })?;
        answers.await.map_err(|_| SubmitError::Closing)
    }

    /// As [`Handle::submit_all`], for callers without an async runtime.
    ///
    /// # Errors
    /// As [`Handle::submit_all`].
    pub fn submit_all_blocking(
        &self,
        requests: Vec<Request>,
    ) -> Result<Vec<Result<Answer, SubmitError>>, SubmitError> {
        let (reply, answers) = oneshot::channel();
        self.send(Job::Many { requests, reply })?;
        answers.blocking_recv().map_err(|_| SubmitError::Closing)
    }

    fn enqueue(
        &self,
        request: Request,
    ) -> Result<oneshot::Receiver<Result<Answer, SubmitError>>, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::One { request, reply })?;
        Ok(answer)
    }

    fn send(&self, job: Job) -> Result<(), SubmitError> {
        if self.shared.is_closing() {
            return Err(SubmitError::Closing);
        }
        self.shared.enter(job.weight())?;
        let weight = job.weight();
        self.sender.try_send(job).map_err(|error| {
            self.shared.leave(weight);
            match error {
                TrySendError::Full(_) => SubmitError::Overloaded,
                TrySendError::Disconnected(_) => SubmitError::Closing,
            }
        })
    }

    /// The definitions as they are now.
    pub fn program(&self) -> Arc<Program> {
        self.shared.program()
    }

    /// The instant the engine lives in.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The secret of the store, for keyed hashes.
    pub fn secret(&self) -> StoreSecret {
        self.shared.secret
    }

    /// How many commands wait.
    pub fn queued(&self) -> usize {
        self.shared.queued()
    }

    /// How many commands were carried out, and in how many groups.
    pub fn carried_out(&self) -> (u64, u64) {
        self.shared.carried_out()
    }

    /// Waits until something may have been put into the outbox.
    pub async fn outbox_changed(&self) {
        self.shared.outbox.notified().await;
    }

    /// A reader of the store: it sees what is durable when it first asks, and that until it is dropped.
    ///
    /// # Errors
    /// When the database cannot be opened for reading.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let reader = self.shared.take_reader()?;
        reader.begin_snapshot()?;
        Ok(Reader { reader: Some(reader), shared: Arc::clone(&self.shared) })
    }

    pub(super) fn stop(&self) {
        self.shared.close();
        // An empty piece of work wakes the writer up; a full queue keeps it awake anyway.
        if self.shared.enter(1).is_ok() {
            let (reply, _) = oneshot::channel();
            if self.sender.try_send(Job::One { request: Work::Ping.into(), reply }).is_err() {
                self.shared.leave(1);
            }
        }
    }
}

/// A reader of the store, given back to the pool when it is dropped.
pub struct Reader {
    reader: Option<Box<dyn Read + Send>>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Deref for Reader {
    type Target = dyn Read + Send;

    fn deref(&self) -> &Self::Target {
        match &self.reader {
            Some(reader) => reader.as_ref(),
            // Only `drop` takes the reader out.
            None => unreachable!("a reader is there until it is dropped"),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // One that cannot let go would see the past for ever: it is closed instead.
        if let Some(reader) = self.reader.take().filter(|reader| reader.end_snapshot().is_ok()) {
            self.shared.give_reader(reader);
        }
    }
}
