//! What it costs to look at everybody again: time, and memory that must not grow with the company.

use std::ops::Range;

use crate::bare::Directory;
use crate::company;
use crate::gateway::Setup;
use crate::report::{Report, Target};
use crate::running::Running;
use crate::support::openldap;

const SMALL: usize = 10_000;
const LARGE: usize = 100_000;
const CONNECTIONS: usize = 4;

pub async fn measure(report: &mut Report) {
    let directory = openldap::directory();
    let target = Directory::openldap(&directory).config(&directory.ca_file);
    let setup = Setup::with_target(&target).app("start = true");
    let mut running = Running::start(&setup).await;
    make_known(&running, 0..SMALL).await;
    running.restart(&setup).await;
    let small = full_cycle(report, &running, SMALL, Target::None).await;
    make_known(&running, SMALL..LARGE).await;
    running.restart(&setup).await;
    let large = full_cycle(report, &running, LARGE, Target::AtMost(15.0)).await;
    report.figure(
        "peak resident of 100,000 ÷ of 10,000",
        "ratio",
        Target::AtMost(1.2),
        large / small,
    );
}

/// Gives further people accounts.
async fn make_known(running: &Running, people: Range<usize>) {
    for uploads in company::uploads(people).chunks(200) {
        running.upload(uploads, CONNECTIONS).await;
        running.until_idle().await;
    }
}

/// Has everybody looked at by a gateway that has just begun; gives the most memory that took.
async fn full_cycle(report: &Report, running: &Running, known: usize, wanted: Target) -> f64 {
    running.forget_peak();
    let (took, cycle) = running.full_cycle().await;
    let peak = running.peak();
    report.figure(
        &format!("full cycle of {known} workers"),
        "s",
        wanted,
        took.as_secs_f64(),
    );
    report.figure(
        &format!("peak resident in a full cycle of {known}"),
        "MiB",
        Target::AtMost(200.0),
        peak,
    );
    report.figure(
        &format!("resident after a full cycle of {known}"),
        "MiB",
        Target::None,
        running.resident(),
    );
    assert_eq!(
        (cycle.seen, cycle.unchanged),
        (known as u64, known as u64),
        "everybody was compared"
    );
    peak
}
