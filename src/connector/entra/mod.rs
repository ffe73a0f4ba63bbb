//! Entra ID as a target, over Microsoft Graph's users API.
//!
//! - [`config`]: what `[system.…] kind = "entra"` says.
//! - `model`: what Entra calls things, and the values it takes.
//! - `wire`: schema attributes ⇄ Graph's JSON.
//! - `graph`: `$batch`, patience with a tenant that asks for it, the pace it allows.
//! - `target`, `find`, `apply`, `check`: the seams; `writing`: one change on its way through `apply`.
//! - `recent`: users whom not all of Entra knows yet.
//! - `errors`: what a refusal means.

mod apply;
mod check;
pub mod config;
mod errors;
mod find;
mod graph;
mod model;
mod pace;
mod recent;
mod taken;
mod target;
mod wire;
mod writing;

pub use model::MODEL;
pub use target::Entra;
