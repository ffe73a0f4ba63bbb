//! One job's task: it waits for a reason, takes the lease, and runs a cycle until there is nothing left to do.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::cycle::{Cycle, POLL};
use super::lease::Lease;
use super::log::Origin;
use super::{Context, Engine, Runner, log};
use crate::domain::keeping::Reads;
use crate::error::{Error, Result};
use crate::store::jobs::{self, State};
use crate::store::{asked, callbacks, instant, micros, pulls, uploads, wakes};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// However long a target asks us to stay away, it is tried again after this (B25).
const LONGEST_REQUEST: Duration = Duration::from_secs(300);

/// Clocks are corrected by so much all the time.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(5);

pub(super) struct Driver {
    engine: Engine,
    job: String,
    stop: CancellationToken,
    /// The latest instant that was seen, in microseconds; 0 before the first.
    seen: AtomicI64,
}

/// What is left to do after a turn.
enum Turn {
    /// Nothing until the next wake-up.
    Idle,
    /// The target or the database did not answer.
    Outage(Error),
}

impl Driver {
    pub fn new(engine: Engine, job: String, stop: CancellationToken) -> Driver {
        Driver {
            engine,
            job,
            stop,
            seen: AtomicI64::new(0),
        }
    }

    pub async fn run(self) {
        let Ok(wake) = self
            .engine
            .runner(&self.job)
            .map(|runner| Arc::clone(&runner.wake))
        else {
            return;
        };
        let mut pause = FIRST_PAUSE;
        while !self.stop.is_cancelled() {
            // A panic is a bug of ours; the job says so and goes on rather than end unseen.
            let turn = AssertUnwindSafe(self.turn()).catch_unwind().await;
            let turn = turn.unwrap_or_else(|_| Err(Error::internal("the cycle panicked")));
            match turn.unwrap_or_else(Turn::Outage) {
                Turn::Idle => {
                    pause = FIRST_PAUSE;
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = wake.notified() => {}
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                // Uploads do not cut the pause short: they would find the same silence.
                Turn::Outage(error) => {
                    tracing::warn!(job = %self.job, code = %error.code, %error, "the cycle stopped and will be tried again");
                    let wait = error.retry_after.unwrap_or(pause).min(LONGEST_REQUEST);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// Whoever was due stays due when somebody puts the clock back.
    async fn follow_clock(&self, now: Timestamp) -> Result<()> {
        let id = self.job.clone();
        let seen = match self.seen.swap(micros(now), Ordering::Relaxed) {
            0 => {
                let job = self
                    .engine
                    .store()
                    .read(move |conn| jobs::find(conn, &id))
                    .await?;
                job.and_then(|job| job.status.last).map_or(now, |last| last.ended)
            }
            seen => instant(seen),
        };
        let back = seen.duration_since(now);
        if back <= CLOCK_SLACK {
            return Ok(());
        }
        tracing::warn!(job = %self.job, "the clock went back by {back:#}: whoever was due is due now");
        let id = self.job.clone();
        self.engine
            .store()
            .write(move |conn| wakes::bring_back(conn, &id, seen, now))
            .await
    }

    /// Runs a cycle if there is a reason for one.
    async fn turn(&self) -> Result<Turn> {
        let runner = self.engine.runner(&self.job)?;
        let store = self.engine.store();
        let (id, now, source) = (
            self.job.clone(),
            self.engine.clock().now(),
            runner.app.source.clone(),
        );
        self.follow_clock(now).await?;
        let interval = runner.app.interval;
        let is_homeward = runner.puller.is_some() && runner.hr.is_some();
        let (is_pulled, unread) = match &runner.puller {
            Some(puller) => (true, puller.standing(store).await?.1),
            None => (false, false),
        };
        let interval = if unread { SignedDuration::ZERO } else { interval };
        let is_called = runner.callbacks.is_some();
        let has_work = store
            .read(move |conn| {
                let Some(job) = jobs::find(conn, &id)? else {
                    return Ok(false);
                };
                let is_due = is_pulled && pulls::is_due(conn, &source, interval, now)?;
                let is_asked = is_homeward && asked::any_due(conn, &source, now)?;
                // In quarantine only an attempt looks at everybody (B25).
                let is_slow = job.status.is_slow(now);
                let busy = match unread {
                    true => !wakes::due_by_date(conn, &id, now, &HashSet::new(), 1)?.is_empty(),
                    false => {
                        (job.status.full_due && !is_slow)
                            || job.status.owes_attempt(now)
                            || uploads::waiting(conn, &source)? > 0
                            || match is_slow {
                                true => !wakes::due_but_full(conn, &id, now, &HashSet::new(), 1)?.is_empty(),
                                false => wakes::any_due(conn, &id, now)?,
                            }
                            || is_asked
                            || (is_called && callbacks::are_due(conn, &id, now)?)
                    }
                };
                let busy = busy || is_due;
                Ok(job.state == State::Active && busy)
            })
            .await?;
        if !has_work {
            return Ok(Turn::Idle);
        }
        let Some(lease) = Lease::take(&self.engine, &self.job, runner.call_timeout).await? else {
            return Ok(Turn::Idle);
        };
        let outcome = self.cycle(&lease).await;
        let (id, token) = (self.job.clone(), lease.token);
        drop(lease);
        store.write(move |conn| jobs::release(conn, &id, token)).await?;
        match outcome {
            Err(error) if error.code == "LeaseLost" => Ok(Turn::Idle),
            Err(error) => Ok(Turn::Outage(error)),
            Ok(()) => Ok(Turn::Idle),
        }
    }

    async fn cycle(&self, lease: &Lease) -> Result<()> {
        // Before the lease was there, somebody may have stopped the job, or had its work done elsewhere.
        let id = self.job.clone();
        let job = self
            .engine
            .store()
            .read(move |conn| jobs::find(conn, &id))
            .await?;
        let Some(job) = job.filter(|job| job.state == State::Active) else {
            return Ok(());
        };
        let runner = self.engine.current(&self.job).await?;
        let cx = self.engine.context(&runner, lease.token, Uuid::now_v7()).await?;
        Cycle::run(&cx, lease, &self.stop, &job.status).await
    }
}

impl Engine {
    /// All that one cycle of a job needs, under a lease.
    pub(super) async fn context(&self, runner: &Arc<Runner>, token: i64, cycle: Uuid) -> Result<Context> {
        let source = runner.app.source.clone();
        let standing = self
            .store()
            .read(move |conn| pulls::standing(conn, &source))
            .await?;
        let heard = standing.watermark;
        let readers = self.readers(&runner.app.source);
        let readers: Vec<Origin> = readers
            .iter()
            .map(|reader| origin(self, reader, cycle, heard))
            .collect();
        Ok(Context {
            engine: self.clone(),
            store: self.store().clone(),
            clock: self.clock().clone(),
            runner: Arc::clone(runner),
            origin: Arc::new(origin(self, runner, cycle, heard)),
            readers: readers.into(),
            beside: self.beside(runner).await.into(),
            token,
        })
    }

    /// The jobs that read a system as their newest schemas have them; of a schema that cannot run, as the one before it. Error: the
    /// store cannot say which is the newest.
    pub(super) async fn newest_readers(&self, source: &str) -> Result<Vec<Arc<Runner>>> {
        let mut newest = Vec::new();
        for reader in self.readers(source) {
            newest.push(match self.current(&reader.app.job).await {
                Ok(runner) => runner,
                Err(error) if log::is_passing(&error) => return Err(error),
                Err(_) => reader,
            });
        }
        Ok(newest)
    }

    /// What the newest schemas of all jobs read of a system.
    pub(super) async fn reads(&self, source: &str) -> Result<Reads> {
        let readers = self.newest_readers(source).await?;
        Ok(Reads::of(readers.iter().map(|runner| &*runner.policy)))
    }
}

pub(super) fn origin(engine: &Engine, runner: &Runner, cycle: Uuid, heard: Option<Timestamp>) -> Origin {
    let schema = &runner.policy.schema;
    Origin {
        tenant: engine.config().server.tenant,
        app: runner.app.id,
        app_name: runner.app.name.clone(),
        job: runner.app.job.clone(),
        cycle: cycle.to_string(),
        source: runner.app.source.clone(),
        source_name: schema.source_directory.clone(),
        source_type: schema.source_object.clone(),
        target: runner.app.target.clone(),
        target_name: schema.target_directory.clone(),
        target_type: schema.target_object.clone(),
        heard,
    }
}
