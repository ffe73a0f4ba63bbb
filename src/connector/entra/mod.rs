//! Entra ID, over Microsoft Graph's users API: a target, and a source of workers for whoever wants them from there.
//!
//! - [`config`]: what `[system.…] kind = "entra"` says.
//! - `model`: what Entra calls things, and the values it takes.
//! - `wire`: schema attributes ⇄ Graph's JSON.
//! - `graph`: `$batch`, patience with a tenant that asks for it, the pace it allows.
//! - `target`, `find`, `apply`, `check`: the seams; `writing`: one change on its way through `apply`.
//! - `source`: users as workers, and what became of them (`delta`); `record`: one of them as a statement.
//! - `recent`: users whom not all of Entra knows yet.
//! - `errors`: what a refusal means.
//! - `rights`: what the tenant lets the app do, held against what it is there for.

mod apply;
mod check;
pub mod config;
mod delta;
mod errors;
mod find;
mod graph;
mod model;
mod pace;
mod recent;
mod record;
pub(super) mod rights;
mod source;
mod taken;
mod target;
mod wire;
mod writing;

pub use model::MODEL;
pub use source::EntraSource;
pub use target::Entra;
