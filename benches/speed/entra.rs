//! The simulated tenant: how close to its budget users are made, and what it costs to compare those who did not change.

use std::time::Instant;

use muster::lab::company::{self, Company};
use muster::lab::entra::{Settings, Throttling};
use serde_json::Value as Json;

use crate::company::UPLOAD;
use crate::gateway::{JOB, Setup};
use crate::report::{Report, Target};
use crate::running::Running;
use crate::support::tenant::Tenant;

const CONNECTIONS: usize = 4;

/// Writes that the tenant takes in 2½ minutes: half of what Microsoft publishes.
const BUDGET: u32 = 1500;
const PERIOD: f64 = 150.0;
const NEWCOMERS: usize = 1000;

const UNCHANGED: usize = 10_000;

pub async fn measure(report: &mut Report) {
    at_the_limit(report).await;
    unchanged(report).await;
}

async fn at_the_limit(report: &Report) {
    let throttle = Throttling::At {
        units: 1_000_000,
        writes: BUDGET,
    };
    let tenant = Tenant::new(Settings {
        throttle,
        ..Settings::default()
    });
    let setup = Setup::with_cloud(&tenant.target()).app("start = true");
    let running = Running::start(&setup).await;
    let began = Instant::now();
    let company = invented(NEWCOMERS);
    running.upload(&uploads(&company), CONNECTIONS).await;
    // A manager is a write of its own.
    let managed = company
        .people
        .iter()
        .filter(|person| person.manager.is_some())
        .count();
    let wanted = (NEWCOMERS + managed) as u64;
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
    while writes(&tenant) < wanted {
        ticks.tick().await;
    }
    let took = began.elapsed().as_secs_f64();
    let permitted = f64::from(BUDGET) * (1.0 + took / PERIOD);
    report.figure(
        "writes to a tenant at its limit ÷ writes it permits in that time",
        "ratio",
        Target::AtLeast(0.95),
        writes(&tenant) as f64 / permitted,
    );
    report.figure("that took", "s", Target::None, took);
    let refused = answers(&tenant, "429");
    report.figure(
        "refusals (429) met on the way",
        "calls",
        Target::None,
        refused as f64,
    );
    let caller = &running.process.caller;
    caller.settled().await;
    let failed = caller
        .logs(&format!(
            "jobid eq '{JOB}' and provisioningStatusInfo/status eq 'failure'"
        ))
        .await;
    report.figure(
        "people who failed",
        "people",
        Target::AtMost(0.0),
        failed.len() as f64,
    );
}

async fn unchanged(report: &Report) {
    let tenant = Tenant::unthrottled();
    let setup = Setup::with_cloud(&tenant.target()).app("start = true");
    let mut running = Running::start(&setup).await;
    let began = Instant::now();
    running.upload(&uploads(&invented(UNCHANGED)), CONNECTIONS).await;
    running.until_idle().await;
    let created = UNCHANGED as f64 / began.elapsed().as_secs_f64();
    report.figure(
        "users made, managers set, no limits",
        "people/s",
        Target::None,
        created,
    );
    running.restart(&setup).await;
    let (took, cycle) = running.full_cycle().await;
    assert_eq!(cycle.unchanged, UNCHANGED as u64, "everybody was compared");
    report.figure(
        &format!("{UNCHANGED} unchanged users compared"),
        "s",
        Target::AtMost(5.0),
        took.as_secs_f64(),
    );
}

fn invented(workers: usize) -> Company {
    Company::new(1, workers, jiff::civil::date(2026, 1, 1))
}

fn uploads(company: &Company) -> Vec<String> {
    let requests = company::uploads(&company.people, UPLOAD);
    requests.iter().map(Json::to_string).collect()
}

/// Writes that the tenant took.
fn writes(tenant: &Tenant) -> u64 {
    let state = tenant.lab.state();
    let kinds = ["POST /users", "PUT /users/{id}/manager/$ref", "PATCH /users/{id}"];
    let taken = |kind: &&str| {
        let answers = state["answers"][kind].as_object();
        let good = answers
            .into_iter()
            .flatten()
            .filter(|(status, _)| status.starts_with('2'));
        good.filter_map(|(_, count)| count.as_u64()).sum::<u64>()
    };
    kinds.iter().map(taken).sum()
}

fn answers(tenant: &Tenant, status: &str) -> u64 {
    let state = tenant.lab.state();
    let kinds = state["answers"].as_object().into_iter().flatten();
    kinds
        .filter_map(|(_, answers): (&String, &Json)| answers[status].as_u64())
        .sum()
}
