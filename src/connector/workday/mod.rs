//! Workday as a source: who is asked for, its answers to `Get_Workers`, and the XPaths that select a worker's attributes in
//! them.
//!
//! - [`config`]: what `[system.…] kind = "workday"` says; [`zone`]: where a worker's days begin.
//! - `source`, `check`: the seam. `pull`: a query's pages, several at a time, and the proof that they are all;
//!   `request`: the messages; `client`: patience, credentials, bodies as they arrive.
//! - `record`: one worker as attributes, `ahead`: what is known of the days to come; [`employment`]: from when to when.
//! - [`answer`]: one page, worker by worker; [`soap`]: what comes instead.
//! - [`tree`]: one worker, as [`xml`] reads it; [`names`] are compared as numbers.
//! - [`xpath`]: expressions, compiled together and evaluated on a tree.
//! - [`attributes`]: those that are documented, and those of a schema.
//! - [`response_group`]: which data sets a request has to ask for; [`absence`]: why an attribute is empty.

pub mod absence;
mod ahead;
pub mod answer;
pub mod attributes;
mod check;
mod circle;
mod client;
pub mod config;
pub mod employment;
pub mod names;
mod pull;
mod record;
mod request;
pub mod response_group;
pub mod soap;
mod source;
pub mod tree;
pub mod xml;
pub mod xpath;
pub mod zone;

pub use circle::reads_back;
pub use source::Workday;
