//! What leaves the house: webhooks, e-mail and the texts they carry.
//!
//! Every module here but [`worker`] is a leaf: it knows nothing of commands, the store or the outbox, takes the
//! current time and any random number from its caller, and answers in one of three ways the outbox
//! worker can act upon: *delivered*, *surely not delivered* (try again, or give up), or *unknown*
//! (it may have been delivered; a second attempt may be a duplicate).
//!
//! - [`webhook`] signs calls as Standard Webhooks describes and says which addresses may be called.
//! - [`http`] makes the call, and never to a private address.
//! - [`retry`] says when to try again and what an answer means.
//! - [`email`] builds a message and hands it to an SMTP server or a folder.
//! - [`template`] checks and renders the subject and body a tenant wrote.
//! - [`worker`] takes what is due out of the outbox, hands it over and reports.

mod address;
pub mod email;
pub mod http;
pub mod retry;
pub mod template;
pub mod webhook;
pub mod worker;
