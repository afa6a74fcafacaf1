//! A backend of one's own: `cargo run --example own_backend`.
//!
//! This one wraps the memory backend and listens to every fact that is written: the place for a mirror, an audit
//! trail or another database. A real one is proven by `masivo_store::conformance_tests!`.
#![expect(clippy::print_stdout, reason = "an example shows something")]

use masivo_core::{Command, customers::read_registration, value::Json};
use masivo_store::backend::{Backend, CommitError, Read, ReaderSource, Unit, Write};
use masivo_store::{Config, Engine, ManualClock, MemoryBackend, StoreError};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// Tells somebody of every fact, once it is durable.
struct Listening {
    inner: MemoryBackend,
    listener: Sender<String>,
}

struct ListeningUnit<U> {
    inner: U,
    heard: Vec<String>,
    listener: Sender<String>,
}

impl Backend for Listening {
    type Unit<'u> = ListeningUnit<<MemoryBackend as Backend>::Unit<'u>>;

    fn begin(&mut self) -> Result<Self::Unit<'_>, StoreError> {
        let listener = self.listener.clone();
        Ok(ListeningUnit { inner: self.inner.begin()?, heard: Vec::new(), listener })
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.inner.reader()
    }

    fn reader_source(&self) -> Result<ReaderSource, StoreError> {
        self.inner.reader_source()
    }
}

impl<U: Unit> Unit for ListeningUnit<U> {
    fn write(&mut self, write: Write<'_>) -> Result<(), StoreError> {
        if let Write::Fact { customer, fact } = &write {
            self.heard.push(format!("fact {} of customer {customer}: {}", fact.sequence, fact.kind.name()));
        }
        self.inner.write(write)
    }

    fn commit(self) -> Result<(), CommitError> {
        self.inner.commit()?;
        for line in self.heard {
            // Nobody listens any more: that is theirs to decide.
            let _ = self.listener.send(line);
        }
        Ok(())
    }
}

masivo_store::read_through!(ListeningUnit<U>, [U: Unit], self => self.inner);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (listener, heard) = channel();
    let backend = Listening { inner: MemoryBackend::default(), listener };
    let clock = Arc::new(ManualClock::new(masivo_core::value::Timestamp::EPOCH));
    let engine = Engine::start(backend, [1; 16], Config::memory(clock))?;
    let request = Json::parse(br#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#)?;
    engine.handle().submit_blocking(Command::Register(read_registration(&request)?.0))?;
    engine.close();
    heard.try_iter().for_each(|line| println!("{line}"));
    Ok(())
}
