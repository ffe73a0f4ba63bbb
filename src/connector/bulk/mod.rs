//! The bulk upload: an HR script posts Microsoft's SCIM bulk request, and every operation in it is a
//! statement about one worker.
//!
//! A request is checked whole before it is acknowledged ([`wire::check`]); what it says of each person is read
//! later, when it is folded ([`wire::statements`]), and a person's bad data is that person's finding.

pub mod config;
mod flatten;
pub mod wire;

pub use wire::{Refused, check, statements};
