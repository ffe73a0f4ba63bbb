//! How fast Muster is: every speed that ARCHITECTURE.md claims, measured on the release binary.
//!
//! ```text
//! cargo bench                      everything: a table of figure, target and result
//! cargo bench -- ingestion         one part of it (see PARTS)
//! cargo bench -- --json            one JSON line a figure
//! ```
//!
//! The directories, the gateway and the load share this machine's processors; a target's rate is measured in the
//! same run by a bare client, so that ratios mean something where absolute figures do not.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that goes wrong ends by panicking"
)]

mod at_rest;
mod bare;
mod company;
mod disk;
mod entra;
mod first_cycle;
mod full_cycle;
#[path = "../../tests/it/gateway.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod gateway;
mod ingestion;
mod mapping;
mod plans;
mod pull;
mod report;
mod running;
mod simulator;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod support;
mod workday;
mod writeback;

use mimalloc::MiMalloc;
use report::Report;

/// As in the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PARTS: &[&str] = &[
    "mapping",
    "workday",
    "at-rest",
    "ingestion",
    "first-cycle",
    "active-directory",
    "full-cycle",
    "plans",
    "entra",
    "pull",
    "writeback",
];

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_given = |argument: &str| arguments.iter().any(|given| given == argument);
    let some_are_named = PARTS.iter().any(|part| is_given(part));
    let mut report = Report::begin(is_given("--json"));
    for &part in PARTS.iter().filter(|part| !some_are_named || is_given(part)) {
        report.part(part);
        match part {
            "mapping" => mapping::measure(&report),
            "workday" => workday::measure(&report),
            "at-rest" => at_rest::measure(&mut report).await,
            "ingestion" => ingestion::measure(&mut report).await,
            "first-cycle" => first_cycle::openldap(&mut report).await,
            "active-directory" => first_cycle::active_directory(&mut report).await,
            "full-cycle" => full_cycle::measure(&mut report).await,
            "plans" => plans::measure(&report).await,
            "pull" => pull::measure(&mut report).await,
            "writeback" => writeback::measure(&mut report).await,
            _ => entra::measure(&mut report).await,
        }
    }
}
