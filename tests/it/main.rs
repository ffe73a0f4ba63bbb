//! The integration tests: one binary, real servers.

mod api;
mod gateway;
mod scenarios;
