//! The integration tests: one binary, real servers.

mod api;
mod crash;
mod directory;
mod gateway;
mod guard;
mod scenarios;
mod support;
