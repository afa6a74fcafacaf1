//! A backend that fails on order, for tests (feature `testing`): a write, a commit that did not happen, a
//! commit that happened although it says it is unknown.

use crate::backend::{Backend, CommitError, Read, ReaderSource, Unit, Write};
use crate::error::StoreError;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// What goes wrong next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The next unit goes well.
    None,
    /// A write fails after so many that went well.
    Write {
        /// Writes that go well before.
        after: usize,
    },
    /// The commit fails and nothing happened.
    NotCommitted,
    /// The commit says it is unknown, and nothing happened.
    UnknownLost,
    /// The commit says it is unknown, and everything happened.
    UnknownDone,
}

/// A plan of faults, one for each coming unit.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<VecDeque<Fault>>>);

impl Faults {
    /// Orders a fault for the unit after those ordered so far.
    pub fn then(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(fault);
    }

    fn next(&self) -> Fault {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Fault::None)
    }
}

/// A backend with faults.
#[derive(Debug)]
pub struct FaultyBackend<B> {
    inner: B,
    faults: Faults,
}

impl<B> FaultyBackend<B> {
    /// Wraps a backend.
    pub const fn new(inner: B, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

impl<B: Backend> Backend for FaultyBackend<B> {
    type Unit<'u> = FaultyUnit<B::Unit<'u>>;

    fn begin(&mut self) -> Result<Self::Unit<'_>, StoreError> {
        let fault = self.faults.next();
        Ok(FaultyUnit { inner: self.inner.begin()?, fault, writes: 0 })
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.inner.reader()
    }

    fn reader_source(&self) -> Result<ReaderSource, StoreError> {
        self.inner.reader_source()
    }
}

/// A unit with a fault.
#[derive(Debug)]
pub struct FaultyUnit<U> {
    inner: U,
    fault: Fault,
    writes: usize,
}

impl<U: Unit> Unit for FaultyUnit<U> {
    fn write(&mut self, write: Write<'_>) -> Result<(), StoreError> {
        if self.fault == (Fault::Write { after: self.writes }) {
            return Err(StoreError::Injected);
        }
        self.writes += 1;
        self.inner.write(write)
    }

    fn commit(self) -> Result<(), CommitError> {
        match self.fault {
            Fault::None | Fault::Write { .. } => self.inner.commit(),
            Fault::NotCommitted => Err(CommitError::NotCommitted(StoreError::Injected)),
            Fault::UnknownLost => Err(CommitError::Unknown(StoreError::Injected)),
            Fault::UnknownDone => {
                self.inner.commit()?;
                Err(CommitError::Unknown(StoreError::Injected))
            }
        }
    }
}

crate::read_through!(FaultyUnit<U>, [U: Unit], self => self.inner);
