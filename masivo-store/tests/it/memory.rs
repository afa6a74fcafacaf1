//! The suite on the memory backend.

use masivo_store::MemoryBackend;
use masivo_store::conformance::Fixture;

struct Memory;

impl Fixture for Memory {
    type Backend = MemoryBackend;

    fn fresh(&self) -> MemoryBackend {
        MemoryBackend::default()
    }

    fn reopen(&self) -> Option<MemoryBackend> {
        None
    }
}

masivo_store::conformance_tests!(Memory);
