//! HTTP: the connection loop, and what is the same for every endpoint.

pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod error;
pub(crate) mod listen;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod query;
pub(crate) mod respond;
pub(crate) mod rows;
