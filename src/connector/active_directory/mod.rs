//! LDAP, as a target and as a source of workers: Active Directory, Samba's AD, and other servers where the table in
//! `dialect.rs` knows how they differ. Everything that says LDAP lives in this room.
//!
//! Reading order, one change's way down: [`config`] says where the directory is; `connection` keeps a few
//! bound connections to each controller; `dialect` tells from the root DSE what kind of server answers;
//! [`target`] opens a session on one controller; `find` asks for accounts, `taken` for names, `apply` writes changes, and
//! `references` turns the anchors of managers into DNs and back. `wire` translates values, `errors` turns
//! a refusal into words and a log code, `model` holds the rules a value must meet before it is sent.
//!
//! The way back: `source` reads people as workers, each a statement (`record`), and goes on from a `place` in what the
//! directory tells of its changes, by `dirsync` or by their numbers; `root` and `sight` say what it tells whom.
//!
//! Beside that way: `rights` holds what the service account may do against what it is there for.
//!
//! Three habits of this room. Accounts are addressed by their anchor wherever the server can, because DNs
//! move. Every write carries what was there before it, so that the directory itself refuses a plan that
//! the world has overtaken. A call that was sent and not answered is reported as unknown, never repeated.

pub mod config;
pub mod target;

mod apply;
mod check;
mod connection;
mod create;
mod dialect;
mod dirsync;
mod discover;
mod errors;
mod find;
mod model;
mod modify;
mod place;
mod record;
mod references;
pub(super) mod rights;
mod root;
mod sight;
mod source;
mod taken;
mod wire;

pub use config::{Config, File};
pub use model::MODEL;
pub use source::DirectorySource;
pub use target::ActiveDirectory;
