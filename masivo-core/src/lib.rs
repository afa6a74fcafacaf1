//! The rules of a customer-engagement engine: customers, consent, events, points, tiers, campaigns,
//! audiences and journeys, in one pure function.
//!
//! # Contract
//! - No I/O, no clock, no randomness, no floats: time, ids and data come in as arguments; the crate is
//!   `no_std`, so the compiler keeps that promise.
//! - [`decide`] takes a loaded customer and a [`Command`] and gives a [`Decision`]: what happened
//!   ([`fact::Fact`]s), what leaves the house ([`outgoing::Outgoing`]) and the customer afterwards. It changes
//!   nothing itself; whoever calls it stores the decision.
//! - [`needs`] says what has to be loaded for a command beyond the customer and the event it names.
//! - Whatever fell due is applied first, each thing at its own instant ([`bring_to`] does only that, for
//!   reading), so a late timer makes no difference.
//!
//! # Example
//! A customer registers, under a clock that is only a number:
//! ```
//! use masivo_core::value::{Json, Mint, StoreSecret, Timestamp};
//! use masivo_core::{Command, Context, Loaded, Outcome, decide, program};
//!
//! let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
//! let secret = StoreSecret::new([1; 16]);
//! let base = Mint::new(secret, now, "tier", b"base").next_id();
//! let program = program::Program::load(program::standard_definitions(now, base)).unwrap();
//!
//! let request = Json::parse(br#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#).unwrap();
//! let mint = Mint::new(secret, now, "register", b"ana");
//! let context = Context::new(now, &program, mint, 1);
//! let decision = decide(&context, Loaded::default(), &Command::Register(request)).unwrap();
//!
//! assert!(matches!(decision.outcome, Outcome::Customer(_)));
//! assert_eq!(decision.facts.len(), 2); // the registration, and the REGISTRATION event it emits
//! ```
#![no_std]
#![deny(clippy::float_arithmetic)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod prelude;

pub mod adjustment;
pub mod limits;
pub mod problem;
pub mod rejection;
pub mod shape;
pub mod value;

pub mod consent;
pub mod explain;
pub mod fact;
pub mod metrics;
pub mod migration;
pub mod outgoing;
pub mod profile;
pub mod program;
pub mod quota;
pub mod redemption;
pub mod report;
pub mod rule;
pub mod series;
pub mod state;
pub mod view;
pub mod wallet;

mod audiences;
mod birthdays;
pub mod campaigns;
mod command;
pub mod coupons;
pub mod customers;
mod decide;
mod draft;
pub mod events;
pub mod gift_cards;
mod journeys;
pub mod lint;
pub mod notices;
pub mod punch_cards;
pub mod referrals;
pub mod scenario;
mod streaks;
mod tiers;
pub mod topics;
pub mod transfer;

pub use command::Command;
pub use decide::{Decision, Loaded, Needs, Outcome, Undecided, bring_to, decide, needs, next_due};
pub use draft::{Claim, Context, Customer};
pub use rejection::Rejection;
