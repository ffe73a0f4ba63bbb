//! Muster takes people from HR into the directories.
//!
//! The map of the house, in reading order. HR state and directory state go in, a plan comes out; only plans are
//! written, and every write leaves a receipt.
//!
//! - [`domain`] is the pure core: workers, accounts, the mapping language, planning, the guard.
//! - [`connector`] knows outside systems: uploads, Workday, Active Directory and Entra ID, as sources, as targets or as both.
//! - [`store`] is the database: uploads, workers, links, changes, the log.
//! - [`engine`] is where they meet: cycles, page by page, from facts to the log.
//! - [`api`] is what scripts call: Graph's paths, shapes and errors.
//! - [`command`] is what people type.
//! - [`lab`] is the invented company to practise on, and simulated systems that know nothing of the connectors.
//! - [`config`] is what the file says; [`written`], [`error`], [`secret`], [`blocking`] and [`telemetry`] serve everybody and know
//!   nobody.

pub mod api;
pub mod blocking;
pub mod command;
pub mod config;
pub mod connector;
pub mod domain;
pub mod engine;
pub mod error;
pub mod lab;
pub mod secret;
pub mod store;
pub mod telemetry;
pub mod written;
