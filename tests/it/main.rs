//! The integration tests: one binary, real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod crash;
mod directory;
mod gateway;
mod guard;
mod scenarios;
mod servers;
mod support;
mod tidy;
