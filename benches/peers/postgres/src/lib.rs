//! A peer of the engine: the same effects per event on PostgreSQL, behind the same HTTP.

pub mod answer;
pub mod batch;
pub mod client;
pub mod event;
pub mod flags;
pub mod function;
pub mod program;
pub mod server;
pub mod statements;
pub mod workload;
