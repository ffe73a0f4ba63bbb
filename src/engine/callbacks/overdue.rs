//! Callbacks that wait in vain: nobody starts the job, it is in no config any more, HR never finishes. After two weeks each has
//! an outcome all the same, and a month later nobody knows of them (B33).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::verdict::verdict;
use super::{keep, settle};
use crate::domain::link::PATIENCE;
use crate::engine::log::Origin;
use crate::engine::{Engine, run};
use crate::error::Result;
use crate::store::callbacks::{self, Item, Status, Verdict};
use crate::store::logs::{self, Entry};
use crate::store::uploads::{self, Place};
use crate::store::{Conn, micros};

/// How often somebody looks.
const EVERY: Duration = Duration::from_secs(10);

/// Batches that one commit ends.
const TOGETHER: i64 = 100;

/// How long the outcome is kept (B33).
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Ends what waits in vain and forgets what is old, until told to stop.
pub async fn tend(engine: Engine, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = tend_once(&engine).await {
            tracing::warn!(code = %error.code, %error, "nobody could look for callbacks that wait in vain");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

pub(super) async fn tend_once(engine: &Engine) -> Result<()> {
    let now = engine.clock().now();
    while end(engine, before(now, PATIENCE)).await? {}
    let old = before(now, KEPT);
    loop {
        let jobs: Vec<String> = engine.runners().keys().cloned().collect();
        let forget = move |conn: &mut Conn| {
            let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
            callbacks::expire(conn, old, &jobs)
        };
        if !engine.store().write(forget).await? {
            return Ok(());
        }
    }
}

fn before(now: Timestamp, age: SignedDuration) -> Timestamp {
    now.saturating_sub(age).unwrap_or(now)
}

/// Ends the oldest batches that were taken in before an instant; answers whether there were any.
async fn end(engine: &Engine, before: Timestamp) -> Result<bool> {
    let overdue = engine
        .store()
        .read(move |conn| callbacks::overdue(conn, before, TOGETHER))
        .await?;
    let mut ended = 0;
    for (job, sequences) in callbacks::by_job(overdue) {
        let origin = engine.runner(&job).ok();
        let origin = origin.map(|runner| run::origin(engine, &runner, Uuid::now_v7(), None));
        let now = engine.clock().now();
        ended += engine
            .store()
            .write(move |conn| end_batches(conn, &job, &sequences, origin.as_ref(), now))
            .await?;
    }
    Ok(ended > 0)
}

fn end_batches(
    conn: &mut Conn,
    job: &str,
    sequences: &[i64],
    origin: Option<&Origin>,
    now: Timestamp,
) -> Result<usize> {
    callbacks::lock(conn, job)?;
    let open = callbacks::open(conn, job, sequences)?;
    let settled: Vec<(&Item, Verdict)> = open
        .iter()
        .map(|item| (item, in_vain(item, origin.is_some())))
        .collect();
    // What HR keeps pending is in the log.
    let unlogged = settled
        .iter()
        .filter(|(item, _)| item.verdict.status == Status::Accepted);
    let entry = |(item, verdict): &(&Item, Verdict)| Some(keep::failed(origin?, item, verdict, now));
    let entries: Vec<Entry> = unlogged.clone().filter_map(entry).collect();
    logs::append(conn, &entries)?;
    let place = |(item, _): &(&Item, Verdict)| {
        Some(Place {
            sequence: item.sequence,
            position: item.position,
            anchor: item.anchor.clone()?,
            received: micros(item.changed),
        })
    };
    let places: Vec<Place> = unlogged.filter_map(place).collect();
    uploads::end(conn, job, &places)?;
    settle(conn, job, &settled, now)?;
    Ok(settled.len())
}

/// The outcome of an item that none came of.
fn in_vain(item: &Item, is_known: bool) -> Verdict {
    let days = PATIENCE.as_hours() / 24;
    let (code, message) = match (is_known, item.verdict.status, &item.said) {
        (false, ..) => (
            "JobNotFound",
            "no config has the job any more that this was sent to: send it to another one".to_string(),
        ),
        (true, Status::Pending, _) => {
            let code = item.verdict.code.as_deref().unwrap_or_default();
            let message = format!(
                "HR has not finished with this for {days} days ({code}): complete or cancel there what is open about this person. The job goes on trying, and its log says what comes of it"
            );
            ("NotFinishedInHr", message)
        }
        (true, _, Some(_)) => {
            let message = format!(
                "nobody could look this person up for {days} days: start the job, or see in its status why it does not read its source; then send this again"
            );
            ("NotCarriedOut", message)
        }
        (true, _, None) => {
            let message = format!(
                "nothing was written for {days} days: start the job, or see in its status why it does not reach HR. What this says goes home when it does"
            );
            ("NotCarriedOut", message)
        }
    };
    verdict(Status::Failure, code, message)
}
