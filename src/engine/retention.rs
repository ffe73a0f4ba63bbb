//! How long what is kept (B33): each hour, whatever the jobs do, what has had its time goes; once a day leavers of long ago
//! shrink to what finds their accounts again.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::cycle::POLL;
use crate::config::App;
use crate::domain::worker::Worker;
use crate::error::Result;
use crate::store::names::{self, Name};
use crate::store::retention::Leavers;
use crate::store::workers::{self, Stored};
use crate::store::{
    Conn, allowances, asked, changes, decisions, departures, findings, guard, handovers, listed, logs,
    notices, owners, plans, retention,
};

/// How often it is looked for what is over.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Leavers are looked for among all workers, which takes longer.
const LEAVERS_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Whoever starts has other things to do at first.
const AFTER_START: SignedDuration = SignedDuration::from_mins(10);

/// Logs, receipts and plans; undo reaches as far.
const KEPT: i64 = 30;
/// Who decided what: longer than auditors take to ask.
const DECISIONS_KEPT: i64 = 400;
/// Sealed first passwords: a little longer than they are tried to be delivered, which nobody does who has no webhook any more.
const SEALED_KEPT: SignedDuration = SignedDuration::from_hours(26);
/// By what new accounts are found (B8), until a search is sure to find them.
const CLAIMS_KEPT: i64 = 1;
/// Counts that no limit looks back to any more.
const COUNTS_KEPT: i64 = 8;
/// From HR's last word on a leaver until the record shrinks.
const LEAVERS_KEPT: i64 = 90;

/// Workers looked at with one query.
const PAGE: i64 = 500;

/// Lets go of what is over, until told to stop.
pub(super) async fn keep(engine: Engine, stop: CancellationToken) {
    let mut due = Timestamp::MIN;
    let mut leavers_due = later(engine.clock().now(), AFTER_START);
    while !stop.is_cancelled() {
        let now = engine.clock().now();
        if due <= now {
            due = later(now, EVERY);
            let kept = keep_once(&engine, leavers_due <= now).await;
            match kept {
                Ok(()) if leavers_due <= now => leavers_due = later(now, LEAVERS_EVERY),
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(code = %error.code, %error, "what is not to be kept any longer could not be let go");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn keep_once(engine: &Engine, with_leavers: bool) -> Result<()> {
    let now = engine.clock().now();
    let jobs: Vec<String> = engine.runners().keys().cloned().collect();
    engine
        .store()
        .write(move |conn| {
            expire(conn, now)?;
            asked::expire(conn, before(now, KEPT))?;
            owners::expire(conn, before(now, CLAIMS_KEPT))?;
            findings::expire(conn, before(now, LEAVERS_KEPT), &super::texts(&jobs))?;
            let late = now.saturating_sub(SEALED_KEPT).unwrap_or(now);
            handovers::lose_late(conn, late, now)?;
            handovers::lose_unheard(conn, now)?;
            listed::clear_idle(conn, now)
        })
        .await?;
    if with_leavers {
        free_names(engine, now).await?;
        shrink_leavers(engine, now).await?;
    }
    // What was overwritten in the database is in the log of its writes still.
    engine.store().tidy().await
}

/// What is kept for so many days and no longer.
fn expire(conn: &mut Conn, now: Timestamp) -> Result<()> {
    logs::expire(conn, before(now, KEPT))?;
    changes::expire_receipts(conn, before(now, KEPT))?;
    departures::expire(conn, before(now, KEPT))?;
    notices::expire(conn, before(now, KEPT))?;
    plans::expire(conn, before(now, KEPT))?;
    allowances::expire(conn, before(now, KEPT))?;
    decisions::expire(conn, before(now, DECISIONS_KEPT))?;
    guard::expire(conn, before(now, COUNTS_KEPT))
}

/// Whoever left so long ago is a link, what finds the account, and names that stay taken.
async fn shrink_leavers(engine: &Engine, now: Timestamp) -> Result<()> {
    let horizon = before(now, LEAVERS_KEPT);
    for system in read_systems(engine) {
        let reads = engine.reads(&system).await?;
        let deleting = deleting(engine, &system).await?;
        let mut after = String::new();
        loop {
            let (name, from) = (system.clone(), after.clone());
            let page = engine
                .store()
                .read(move |conn| workers::whole(conn, &name, &from, PAGE))
                .await?;
            let Some((last, _)) = page.last() else { break };
            after = last.anchor.clone();
            let leavers = page.into_iter().filter(|(worker, written)| {
                worker.has_left(now) && worker.left_at().unwrap_or(*written) <= horizon
            });
            let mut shrunk = Vec::new();
            for (mut worker, written) in leavers {
                worker.shrink(&reads, now);
                shrunk.push((Stored::new(worker)?, written));
            }
            shrink(engine, &system, shrunk, &deleting, now).await?;
        }
    }
    Ok(())
}

async fn shrink(
    engine: &Engine,
    system: &str,
    shrunk: Vec<(Stored, Timestamp)>,
    deleting: &BTreeSet<String>,
    now: Timestamp,
) -> Result<()> {
    if shrunk.is_empty() {
        return Ok(());
    }
    let system = system.to_string();
    let anchor = |worker: &Worker| worker.anchor.clone();
    let workers = || shrunk.iter().map(|(one, _)| &one.worker);
    let leavers = Leavers {
        anchors: workers().map(anchor).collect(),
        gone: workers()
            .filter(|worker| worker.gone.is_some())
            .map(anchor)
            .collect(),
        deleting: deleting.clone(),
    };
    engine
        .store()
        .write(move |conn| {
            let unfinished = retention::unfinished(conn, &system, &leavers, now)?;
            let is_over = |one: &&(Stored, Timestamp)| !unfinished.contains(&one.0.worker.anchor);
            let over: Vec<(Stored, Timestamp)> = shrunk.iter().filter(is_over).cloned().collect();
            let done = workers::shrink(conn, &system, &over)?;
            retention::settle(conn, &system, &done)
        })
        .await
}

/// The systems that jobs read.
fn read_systems(engine: &Engine) -> BTreeSet<String> {
    let runners = engine.runners();
    let sources = runners.values().map(|runner| runner.app.source.clone());
    sources.collect()
}

/// The jobs that delete the accounts of those who are gone at the source.
async fn deleting(engine: &Engine, system: &str) -> Result<BTreeSet<String>> {
    let readers = engine.newest_readers(system).await?;
    let deleting = readers
        .iter()
        .filter(|runner| runner.policy.schema.flow_types.delete);
    Ok(deleting.map(|runner| runner.app.job.clone()).collect())
}

/// B22: a name is somebody else's to have when its owner left so long ago.
async fn free_names(engine: &Engine, now: Timestamp) -> Result<()> {
    let apps: Vec<App> = engine.config().apps.clone();
    for app in apps {
        let horizon = now.saturating_sub(app.no_reuse).unwrap_or(now);
        let target = app.target.clone();
        engine
            .store()
            .write(move |conn| names::expire_buried(conn, &target, horizon))
            .await?;
        let mut after = (String::new(), String::new());
        loop {
            let (source, target, from) = (app.source.clone(), app.target.clone(), after.clone());
            let (page, leavers) = engine
                .store()
                .read(move |conn| {
                    let page = names::given(conn, (&source, &target), &from, PAGE)?;
                    let leavers = leavers(conn, &source, &page, (horizon, now))?;
                    Ok((page, leavers))
                })
                .await?;
            let Some(last) = page.last() else { break };
            after = (last.namespace.clone(), last.folded.clone());
            let free: Vec<Name> = page
                .into_iter()
                .filter(|name| leavers.contains(&name.owner))
                .collect();
            engine.store().write(move |conn| names::free(conn, &free)).await?;
        }
    }
    Ok(())
}

/// The owners of names who left before an instant.
fn leavers(
    conn: &mut Conn,
    source: &str,
    names: &[Name],
    (horizon, now): (Timestamp, Timestamp),
) -> Result<BTreeSet<String>> {
    let prefix = format!("{source}/");
    let anchors: Vec<&str> = names
        .iter()
        .filter_map(|name| name.owner.strip_prefix(&prefix))
        .collect();
    let known = workers::load(conn, source, &anchors)?;
    let left = known
        .iter()
        .filter(|worker| worker.has_left(now) && worker.left_at().is_some_and(|left| left <= horizon));
    Ok(left.map(|worker| format!("{prefix}{}", worker.anchor)).collect())
}

fn before(now: Timestamp, days: i64) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(24 * days))
        .unwrap_or(now)
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
