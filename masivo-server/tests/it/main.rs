//! The server over real connections: in-process on a memory store with a test clock, and as a binary.
#![expect(clippy::tests_outside_test_module, reason = "every module here is a test")]

mod auth;
mod batch;
mod binary;
mod connection;
mod endpoints;
mod errors;
mod house;
mod logs;
mod replay;
mod story;
