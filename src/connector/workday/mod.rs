//! Workday as a source: who is asked for, its answers to `Get_Workers`, and the XPaths that select a worker's attributes in
//! them. And as a target of contacts and user names, which go home to HR.
//!
//! - [`config`]: what `[system.…] kind = "workday"` says, [`settings`] of its `writeback`; [`zone`]: where a worker's days begin.
//! - `source`, `check`: the seam. `pull`: a query's pages, several at a time, and the proof that they are all;
//!   `request`: the questions; `envelope`: all messages; `client`: patience, credentials, bodies as they arrive.
//! - `record`: one worker as attributes, `ahead`: what is known of the days to come; [`employment`]: from when to when.
//! - [`answer`]: one page, worker by worker; [`soap`]: what comes instead.
//! - [`tree`]: one worker, as [`xml`] reads it; [`names`] are compared as numbers.
//! - [`xpath`]: expressions, compiled together and evaluated on a tree.
//! - [`attributes`]: those that are documented, and those of a schema.
//! - `target`, `probe`: the other seam. `find`: workers as accounts; `contact`: phones and addresses, which `read_back` reads
//!   and `edit` changes by Workday's rules; `apply`, `writing`: one person on the way; `write`: the messages; `refusals`: what
//!   is said to them. `model`, `compose`, `phone`: the values.
//! - [`response_group`]: which data sets a request has to ask for; [`absence`]: why an attribute is empty.

pub mod absence;
mod ahead;
pub mod answer;
mod apply;
pub mod attributes;
mod callable;
mod check;
mod circle;
mod client;
mod compose;
pub mod config;
mod contact;
mod edit;
pub mod employment;
mod envelope;
mod find;
mod model;
pub mod names;
mod phone;
mod probe;
mod pull;
mod read_back;
mod record;
mod refusals;
mod request;
pub mod response_group;
pub(super) mod rights;
pub mod settings;
pub mod soap;
mod source;
mod target;
pub mod tree;
mod write;
mod writing;
pub mod xml;
pub mod xpath;
pub mod zone;

pub use callable::CALLABLE;
pub use circle::{is_written, reads_back};
pub use model::MODEL;
pub use source::Workday;
pub use target::Writeback;
