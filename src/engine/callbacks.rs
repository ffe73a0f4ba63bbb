//! Callbacks: somebody names a person and what is to go home to HR now, ahead of the directory's next report (B30).
//!
//! An item waits until its person has been asked of the directory, so that the record is fresh (`hear.rs`); then its values
//! are laid over that record, the worker is woken, and the item waits for the outcome of the next plan like any other
//! operation (B5). Plan, guard and log are those of everybody else.

mod keep;
mod look_up;
mod overdue;
mod report;
mod route;
#[cfg(test)]
mod tests;
mod verdict;

use jiff::{SignedDuration, Timestamp};

use super::{Context, Engine, notify, pull};
use crate::config::App;
use crate::domain::callback::Call;
use crate::error::{Error, Result};
use crate::store::callbacks::{self, Batch, Item, Verdict};
use crate::store::uploads::Place;
use crate::store::{Conn, jobs};
use look_up::look_up;
pub(super) use overdue::tend;
pub use report::Report;
pub use route::Objection;
pub(super) use route::Route;
pub(super) use verdict::Outcome;

/// Items of one job that may wait for their outcome; the next batch is refused.
const MOST: i64 = 100_000;

/// People looked up together.
const TOGETHER: i64 = 100;
/// People looked up again, each alone, besides.
const AGAIN: i64 = 5;

/// How soon the source is asked again where it was silent; doubled each time.
const SOON: SignedDuration = SignedDuration::from_secs(1);
const LONGEST: SignedDuration = SignedDuration::from_mins(1);
/// However long it asks us to stay away, it is asked again after this (B25).
const LONGEST_REQUEST: SignedDuration = SignedDuration::from_mins(5);
/// How soon it is tried again where another job reads the directory meanwhile.
const BUSY: SignedDuration = SignedDuration::from_secs(2);

impl Engine {
    /// What of these calls the job has no use for; an error where it takes no callbacks at all.
    pub async fn objections(&self, app: &App, calls: &[Call]) -> Result<Vec<Objection>> {
        let runner = self.current(&app.job).await?;
        let (Some(route), Some(puller)) = (&runner.callbacks, &runner.puller) else {
            return Err(Error::invalid(
                "this job takes no callbacks: they are for jobs that take people from a directory to Workday",
            ));
        };
        let source = puller.source(self.store()).await?;
        if !source.capability().by_value {
            return Err(Error::invalid(
                "this job takes no callbacks: its source cannot be asked for one person by a value",
            ));
        }
        let calls = calls.iter().enumerate();
        Ok(calls.flat_map(|(at, call)| route.objections(at, call)).collect())
    }

    /// The batch that a client sent under a key before. Error: it was another one.
    pub async fn called_before(
        &self,
        app: &App,
        client: &str,
        key: Option<&str>,
        digest: &str,
    ) -> Result<Option<String>> {
        let (job, client, digest) = (app.job.clone(), client.to_string(), digest.to_string());
        let key = key.map(str::to_string);
        self.store()
            .read(move |conn| callbacks::known(conn, &job, &client, key.as_deref(), &digest))
            .await
    }

    /// Takes callbacks in: durable when this answers with the id of the batch.
    pub async fn call_back(&self, app: &App, batch: Batch) -> Result<String> {
        let (job, source, now) = (app.job.clone(), app.source.clone(), self.clock().now());
        let id = self
            .store()
            .write(move |conn| callbacks::append(conn, &job, &source, &batch, now, MOST))
            .await?;
        self.wake(&app.job);
        Ok(id)
    }

    /// What has become of a batch.
    pub async fn callback(&self, app: &App, id: &str) -> Result<Option<Report>> {
        let (job, id) = (app.job.clone(), id.to_string());
        self.store().read(move |conn| Report::load(conn, &job, &id)).await
    }
}

/// Looks up whom waiting callbacks are about and lays them over; answers how many were dealt with. Nobody may be reading the
/// source meanwhile: what was read before, and is heard later, would look like news.
pub(super) async fn take_in(cx: &Context) -> Result<u64> {
    let (Some(route), Some(puller)) = (&cx.runner.callbacks, &cx.runner.puller) else {
        return Ok(0);
    };
    let (job, now) = (cx.origin.job.clone(), cx.clock.now());
    let (fresh, again, attempts) = cx
        .store
        .read(move |conn| match callbacks::are_due(conn, &job, now)? {
            true => Ok((
                callbacks::waiting(conn, &job, now, TOGETHER)?,
                callbacks::retried(conn, &job, now, AGAIN)?,
                callbacks::attempts(conn, &job)?,
            )),
            false => Ok((Vec::new(), Vec::new(), 0)),
        })
        .await?;
    if fresh.is_empty() && again.is_empty() {
        return Ok(0);
    }
    if !pull::lend(cx).await? {
        put_off_all(cx, BUSY, attempts).await?;
        return Ok(0);
    }
    let looked_up = match puller.source(&cx.store).await {
        Ok(source) => look_up(cx, route, source.as_ref(), fresh, again).await,
        Err(error) => Ok(Err(error)),
    };
    pull::give_back(cx).await?;
    match looked_up? {
        Ok(dealt) => {
            if attempts > 0 {
                put_off_all(cx, SignedDuration::ZERO, 0).await?;
            }
            Ok(dealt)
        }
        Err(error) => {
            tracing::warn!(job = %cx.origin.job, code = %error.code, %error, "callbacks wait: the source does not say whom they are about");
            let wait = wait(&error, attempts, LONGEST);
            put_off_all(cx, wait, attempts.saturating_add(1)).await?;
            Ok(0)
        }
    }
}

/// How long to wait after so many failures in a row, unless the source says how long.
fn wait(error: &Error, failures: i32, longest: SignedDuration) -> SignedDuration {
    let asked = error.retry_after;
    let asked = asked.and_then(|wait| SignedDuration::try_from(wait).ok());
    match asked {
        Some(asked) => asked.min(LONGEST_REQUEST),
        None => (SOON * (1 << failures.clamp(0, 10))).min(longest),
    }
}

/// Has all callbacks of the job wait: nobody in particular is to blame.
async fn put_off_all(cx: &Context, wait: SignedDuration, attempts: i32) -> Result<()> {
    let (job, token, now) = (cx.origin.job.clone(), cx.token, cx.clock.now());
    let due = now.saturating_add(wait).unwrap_or(now);
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            callbacks::put_off_all(conn, &job, due, attempts)
        })
        .await
}

/// Gives the callbacks of some workers the outcome of the work on them.
pub(super) fn answer(conn: &mut Conn, job: &str, outcomes: &[Outcome], now: Timestamp) -> Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    callbacks::lock(conn, job)?;
    let places: Vec<Place> = outcomes
        .iter()
        .flat_map(|outcome| outcome.places.clone())
        .collect();
    let anchors: Vec<&str> = outcomes.iter().map(|outcome| outcome.worker.as_str()).collect();
    let mut items = callbacks::awaiting(conn, job, &places, &anchors)?;
    items.sort_by_key(|item| (item.sequence, item.position));
    let mut settled = Vec::new();
    for outcome in outcomes {
        let own = |item: &&Item| item.anchor.as_deref() == Some(outcome.worker.as_str());
        let own: Vec<&Item> = items.iter().filter(own).collect();
        for (at, item) in own.iter().enumerate() {
            settled.push((*item, outcome.judge(item, &own[at + 1..])));
        }
    }
    settle(conn, job, &settled, now)
}

fn settle(conn: &mut Conn, job: &str, settled: &[(&Item, Verdict)], now: Timestamp) -> Result<()> {
    for id in callbacks::settle(conn, job, settled, now)? {
        if let Some(report) = Report::load(conn, job, &id)? {
            notify::add(conn, "writeback.completed", &report, now)?;
        }
    }
    Ok(())
}
