//! How values of the core are kept: compact, versioned, not JSON.
//!
//! Core types are not stored as they are: this module owns their stored form, so the core may change without
//! breaking files. The first byte of each form is its version.

mod bytes;
mod document;
mod fact;
mod quota;
mod series;
mod state;

pub(crate) use bytes::{Input, Output};
pub use document::{read_document, write_document};
pub use fact::{read_booking, read_explanation, write_booking, write_explanation};
pub use quota::{quota_columns, quota_of};
pub use series::{read_series, write_series};
pub use state::{read_lot, read_state, write_lot, write_state};
