//! The integration tests: one binary, real servers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod active_directory;
mod api;
mod bulk;
mod callbacks;
mod commands;
mod container;
mod crash;
mod decisions;
mod demo;
mod directory;
mod directory_sources;
mod docs;
mod entra;
mod explain;
mod gateway;
mod grounds;
mod guard;
mod kindred;
mod lab_directory;
mod lab_entra;
mod lab_workday;
mod names;
mod pages;
mod plans;
mod pull;
mod replicas;
mod report;
mod review;
mod rights;
mod scenarios;
mod schema;
mod servers;
mod simulation;
mod store;
mod support;
mod templates;
mod tidy;
mod webhook;
mod workday;
mod workday_read;
mod writeback;
mod year;
