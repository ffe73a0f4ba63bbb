//! Workday as a source: its answers to `Get_Workers`, and the XPaths that select a worker's attributes in them.
//!
//! - [`answer`]: one page, worker by worker; [`soap`]: what comes instead.
//! - [`tree`]: one worker, as [`xml`] reads it; [`names`] are compared as numbers.
//! - [`xpath`]: expressions, compiled together and evaluated on a tree.
//! - [`attributes`]: those that are documented, and those of a schema.
//! - [`response_group`]: which data sets a request has to ask for; [`absence`]: why an attribute is empty.

pub mod absence;
pub mod answer;
pub mod attributes;
pub mod names;
pub mod response_group;
pub mod soap;
pub mod tree;
pub mod xml;
pub mod xpath;
