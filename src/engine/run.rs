//! One job's task: it waits for a reason, takes the lease, and runs a cycle page by page until there is nothing
//! left to do.
//!
//! A cycle of uploads (B6) begins with the first that waits and ends when the inbox has been empty for half a
//! minute, after fifteen minutes at the latest.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::apply::{self, Counts, Fate, Worked};
use super::log::Origin;
use super::reconcile::{self, Accounts, Page};
use super::{Engine, Runner, fold};
use crate::connector::{Endpoint, Session};
use crate::domain::mapping::Mapping;
use crate::error::{Error, Kind, Result};
use crate::store::jobs::{self, Execution, Job, Lease, Quarantine, State};
use crate::store::wakes::{self, Cause};
use crate::store::{listed, uploads};

/// Workers planned, sent and recorded together.
const PAGE: i64 = 250;

/// Pending operations beyond which the inbox is left to wait.
const BACKLOG: i64 = 20_000;

/// A full cycle of this many workers reads the target's list instead of asking for each.
const LIST_FROM: i64 = 1_000;

const QUIET: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How long a lease lasts without being extended; far longer than any one call to a target.
const LEASE: SignedDuration = SignedDuration::from_secs(120);

/// How often a job without a wake-up looks for work that another replica took in.
const POLL: Duration = Duration::from_secs(1);

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

pub(super) struct Driver {
    engine: Engine,
    job: String,
    stop: CancellationToken,
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
        Driver { engine, job, stop }
    }

    pub async fn run(self) {
        let Ok(runner) = self.engine.runner(&self.job).cloned() else {
            return;
        };
        let mut pause = FIRST_PAUSE;
        while !self.stop.is_cancelled() {
            let turn = self.turn(&runner).await.unwrap_or_else(Turn::Outage);
            let wait = match turn {
                Turn::Idle => {
                    pause = FIRST_PAUSE;
                    POLL
                }
                Turn::Outage(error) => {
                    tracing::warn!(job = %self.job, code = %error.code, %error, "the cycle stopped and will be tried again");
                    let wait = error.retry_after.unwrap_or(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    wait
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = runner.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Runs a cycle if there is a reason for one.
    async fn turn(&self, runner: &Arc<Runner>) -> Result<Turn> {
        let store = self.engine.store();
        let (id, now) = (self.job.clone(), self.engine.clock().now());
        let source = runner.app.source.clone();
        let reason = store
            .read(move |conn| {
                let Some(job) = jobs::find(conn, &id)? else {
                    return Ok(None);
                };
                let busy = job.status.full_due
                    || uploads::waiting(conn, &source)? > 0
                    || wakes::next_due(conn, &id)?.is_some_and(|due| due <= now);
                Ok((job.state == State::Active && busy).then_some(job))
            })
            .await?;
        let Some(job) = reason else { return Ok(Turn::Idle) };
        let (id, holder) = (self.job.clone(), self.engine.shared.holder.clone());
        let until = now.saturating_add(LEASE).unwrap_or(now);
        let lease = store
            .write(move |conn| jobs::lease(conn, &id, &holder, now, until))
            .await?;
        let Some(lease) = lease else { return Ok(Turn::Idle) };
        let outcome = Cycle::begin(self, runner, job, lease).await;
        let (id, token) = (self.job.clone(), lease.token);
        store.write(move |conn| jobs::release(conn, &id, token)).await?;
        outcome
    }
}

/// One pass of a job.
struct Cycle<'d> {
    driver: &'d Driver,
    runner: &'d Runner,
    origin: Origin,
    lease: Lease,
    began: Timestamp,
    counts: Counts,
    /// What the target holds has been listed in this cycle.
    listed: bool,
}

impl<'d> Cycle<'d> {
    async fn begin(driver: &'d Driver, runner: &'d Runner, job: Job, lease: Lease) -> Result<Turn> {
        let began = driver.engine.clock().now();
        let mut cycle = Cycle {
            origin: origin(driver, runner, &job),
            driver,
            runner,
            lease,
            began,
            counts: Counts::default(),
            listed: false,
        };
        let outcome = cycle.pages(&job).await;
        cycle.finish(outcome.as_ref().err()).await?;
        outcome
            .map(|()| Turn::Idle)
            .or_else(|error| match error.code.as_ref() {
                "LeaseLost" => Ok(Turn::Idle),
                _ => Ok(Turn::Outage(error)),
            })
    }

    async fn pages(&mut self, job: &Job) -> Result<()> {
        if job.status.full_due {
            self.wake_everybody().await?;
        }
        let started = Instant::now();
        let mut last_work = Instant::now();
        let mut session: Option<Box<dyn Session>> = None;
        while self.may_go_on().await? {
            let folded = self.fold().await?;
            let due = self.due().await?;
            if !due.is_empty() {
                let open = match session.take() {
                    Some(open) => open,
                    None => self.open().await?,
                };
                self.page(session.insert(open).as_ref(), due).await?;
                last_work = Instant::now();
            } else if folded == 0 {
                let nothing_came = self.counts.seen == 0 || last_work.elapsed() >= QUIET;
                if nothing_came || !self.quiet().await {
                    break;
                }
            }
            if started.elapsed() >= LONGEST {
                break;
            }
        }
        Ok(())
    }

    /// Waits for more; `false` when it is time to stop.
    async fn quiet(&self) -> bool {
        tokio::select! {
            () = self.driver.stop.cancelled() => false,
            () = self.runner.wake.notified() => true,
            () = tokio::time::sleep(POLL) => true,
        }
    }

    /// Whether this cycle may go on: nobody asked it to stop, the job still runs, and the lease is ours.
    async fn may_go_on(&mut self) -> Result<bool> {
        if self.driver.stop.is_cancelled() {
            return Ok(false);
        }
        let id = self.driver.job.clone();
        let store = self.driver.engine.store();
        let job = store.read(move |conn| jobs::find(conn, &id)).await?;
        let now = self.driver.engine.clock().now();
        if self.lease.until.duration_since(now) < LEASE / 2 {
            let (id, token, until) = (
                self.driver.job.clone(),
                self.lease.token,
                now.saturating_add(LEASE).unwrap_or(now),
            );
            store
                .write(move |conn| jobs::extend(conn, &id, token, until))
                .await?;
            self.lease.until = until;
        }
        Ok(job.is_some_and(|job| job.state == State::Active))
    }

    async fn wake_everybody(&self) -> Result<()> {
        let (id, source, token) = (
            self.driver.job.clone(),
            self.runner.app.source.clone(),
            self.lease.token,
        );
        let now = self.driver.engine.clock().now();
        self.driver
            .engine
            .store()
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                wakes::wake_all(conn, &id, &source, now)?;
                jobs::update_status(conn, &id, |status| status.full_due = false)
            })
            .await
    }

    async fn fold(&self) -> Result<i64> {
        let store = self.driver.engine.store();
        let (id, source) = (self.driver.job.clone(), self.runner.app.source.clone());
        let (waiting, pending) = store
            .read(move |conn| {
                Ok((
                    uploads::waiting(conn, &source)?,
                    uploads::pending_count(conn, &id)?,
                ))
            })
            .await?;
        if waiting == 0 || pending > BACKLOG {
            return Ok(0);
        }
        let now = self.driver.engine.clock().now();
        match fold::fold(store, &self.origin, &self.driver.job, self.lease.token, now).await {
            // Another job that reads this system was quicker; its fold is ours as well.
            Err(error) if error.kind == Kind::Stale && error.code != "LeaseLost" => Ok(1),
            outcome => outcome,
        }
    }

    async fn due(&self) -> Result<Vec<wakes::Wake>> {
        let (id, now) = (self.driver.job.clone(), self.driver.engine.clock().now());
        self.driver
            .engine
            .store()
            .read(move |conn| wakes::due(conn, &id, now, PAGE))
            .await
    }

    /// Opens the controller that this system uses; if it is gone, the next, for everybody (B23).
    async fn open(&self) -> Result<Box<dyn Session>> {
        let store = self.driver.engine.store();
        let system = self.runner.app.target.clone();
        let pinned = store
            .read(move |conn| jobs::endpoint(conn, &system))
            .await?
            .map(|(endpoint, _)| endpoint);
        let session = self
            .runner
            .target
            .open(pinned.clone().map(Endpoint).as_ref())
            .await?;
        let chosen = session.endpoint().0.clone();
        if pinned.as_ref() != Some(&chosen) {
            let (system, now) = (self.runner.app.target.clone(), self.driver.engine.clock().now());
            let from = pinned.clone();
            let switched = store
                .write(move |conn| jobs::switch_endpoint(conn, &system, from.as_deref(), &chosen, now))
                .await?;
            if !switched {
                return Err(Error::unavailable(
                    "another job moved this system to another controller: following it",
                ));
            }
            tracing::info!(system = %self.runner.app.target, from = ?pinned, to = %session.endpoint().0, "controller in use");
        }
        Ok(session)
    }

    /// One page, from facts to the log.
    async fn page(&mut self, session: &dyn Session, due: Vec<wakes::Wake>) -> Result<()> {
        let engine = &self.driver.engine;
        let store = engine.store();
        let began = engine.clock().now();
        let use_list = reconcile::may_use_list(&due) && self.list(session).await?;
        let page = reconcile::load(store, &self.driver.job, &self.runner.app.source, due, began).await?;
        let accounts = if use_list {
            Accounts::Listed(session)
        } else {
            Accounts::Asked(session)
        };
        let (mut page, mut worked) = self.attempt(session, &accounts, page).await?;
        // B25: what conflicted is planned anew, once, from what the target holds now.
        if worked.iter().any(|one| one.fate == Fate::Again) {
            (page, worked) = self.again(session, page, worked).await?;
        }
        let outage = worked.iter().find_map(|one| match (&one.ending.error, one.fate) {
            (Some(error), Fate::Waits | Fate::Unknown) => Some(outage(error)),
            _ => None,
        });
        let now = engine.clock().now();
        let counts = apply::record(
            store,
            self.runner,
            &self.origin,
            self.lease.token,
            page,
            worked,
            began,
            now,
        )
        .await?;
        self.counts.seen += counts.seen;
        self.counts.unchanged += counts.unchanged;
        self.counts.exported += counts.exported;
        self.counts.refused += counts.refused;
        match outage {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn attempt(
        &self,
        session: &dyn Session,
        accounts: &Accounts<'_>,
        mut page: Page,
    ) -> Result<(Page, Vec<Worked>)> {
        let engine = &self.driver.engine;
        let moment = reconcile::moment(engine.clock().now());
        reconcile::find(engine.store(), self.runner, accounts, &mut page.subjects, &moment).await?;
        reconcile::resume(&mut page.subjects, &session.endpoint().0, moment.now);
        self.wait_for_replication(&mut page).await?;
        let (policy, limits) = (Arc::clone(&self.runner.policy), self.runner.app.limits.clone());
        let page = tokio::task::spawn_blocking(move || {
            reconcile::plan_page(&policy, &limits, &mut page, &moment);
            page
        })
        .await
        .map_err(|error| Error::internal("planning ended early").because(error))?;
        let lease = (
            self.driver.job.as_str(),
            self.origin.cycle.as_str(),
            self.lease.token,
        );
        let worked = apply::send(
            engine.store(),
            session,
            lease,
            &page.subjects,
            engine.clock().now(),
        )
        .await?;
        Ok((page, worked))
    }

    /// Reads and plans those again whose preconditions no longer held; the second answer stands.
    async fn again(
        &self,
        session: &dyn Session,
        page: Page,
        worked: Vec<Worked>,
    ) -> Result<(Page, Vec<Worked>)> {
        let (mut settled, mut settled_worked) = (Vec::new(), Vec::new());
        let mut retried = Vec::new();
        let mut first_done = Vec::new();
        for (mut subject, one) in page.subjects.into_iter().zip(worked) {
            if one.fate == Fate::Again {
                subject.found = Default::default();
                subject.held = Vec::new();
                first_done.push(one.ending.done);
                retried.push(subject);
            } else {
                settled.push(subject);
                settled_worked.push(one);
            }
        }
        let marks: Vec<String> = retried
            .iter()
            .filter_map(|one| one.planned.as_ref())
            .map(|one| one.change.id.to_string())
            .collect();
        let store = self.driver.engine.store();
        store
            .write(move |conn| crate::store::changes::settle(conn, &marks))
            .await?;
        let retry = Page {
            subjects: retried,
            history: page.history.clone(),
            vanished: Vec::new(),
        };
        let (retried, mut retried_worked) = self.attempt(session, &Accounts::Asked(session), retry).await?;
        for (one, first) in retried_worked.iter_mut().zip(first_done) {
            if one.fate == Fate::Again {
                one.fate = Fate::Over;
            }
            if let Some(first) = first {
                one.ending.done = apply::together(Some(first), one.ending.done.take());
            }
        }
        settled.extend(retried.subjects);
        settled_worked.extend(retried_worked);
        Ok((
            Page {
                subjects: settled,
                history: page.history,
                vanished: page.vanished,
            },
            settled_worked,
        ))
    }

    /// B23: after a switch of controllers, whoever may have been created or deleted on the old one is not
    /// touched until the two had time to agree.
    async fn wait_for_replication(&self, page: &mut Page) -> Result<()> {
        let system = self.runner.app.target.clone();
        let since = self
            .driver
            .engine
            .store()
            .read(move |conn| jobs::endpoint(conn, &system))
            .await?;
        let Some((endpoint, since)) = since else {
            return Ok(());
        };
        let delay = SignedDuration::try_from(self.runner.replication_delay).unwrap_or(SignedDuration::ZERO);
        let settled = since.saturating_add(delay).unwrap_or(since);
        if self.driver.engine.clock().now() >= settled {
            return Ok(());
        }
        let waits = |subject: &reconcile::Subject| {
            let sent_elsewhere = subject.unknown.iter().any(|sent| sent.endpoint != endpoint);
            let missing = subject.found.accounts.is_empty();
            missing && (sent_elsewhere || subject.link.is_some())
        };
        let waiting: Vec<_> = page.subjects.extract_if(.., |subject| waits(subject)).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let (id, token) = (self.driver.job.clone(), self.lease.token);
        self.driver
            .engine
            .store()
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                for subject in &waiting {
                    let again = wakes::Again {
                        due: settled,
                        cause: subject.wake.cause,
                        attempts: subject.wake.attempts,
                    };
                    wakes::finish(conn, &id, &subject.wake, Some(&again))?;
                }
                Ok(())
            })
            .await
    }

    /// Lists the whole target into the scratch table, once a cycle, if so many are due that it pays.
    async fn list(&mut self, session: &dyn Session) -> Result<bool> {
        if self.listed {
            return Ok(true);
        }
        let store = self.driver.engine.store();
        let (id, now) = (self.driver.job.clone(), self.driver.engine.clock().now());
        let due = store
            .read(move |conn| wakes::due_count(conn, &id, now, Some(Cause::Full)))
            .await?;
        if due < LIST_FROM {
            return Ok(false);
        }
        let id = self.driver.job.clone();
        store.write(move |conn| listed::clear(conn, &id)).await?;
        let matching: Vec<String> = self
            .runner
            .policy
            .matching()
            .map(|mapping: &Mapping| mapping.target.clone())
            .collect();
        let mut pages = session.list();
        while let Some(page) = pages.next().await {
            let (id, page, matching) = (self.driver.job.clone(), page?, matching.clone());
            store
                .write(move |conn| listed::keep(conn, &id, &page, &matching))
                .await?;
            self.may_go_on().await?;
        }
        self.listed = true;
        Ok(true)
    }

    /// Writes down how the cycle went.
    async fn finish(&self, error: Option<&Error>) -> Result<()> {
        let now = self.driver.engine.clock().now();
        let execution = Execution {
            cycle: self.origin.cycle.clone(),
            began: self.began,
            ended: now,
            failed: error.map(|error| error.code.to_string()),
            seen: self.counts.seen,
            unchanged: self.counts.unchanged,
            exported: self.counts.exported,
            refused: self.counts.refused,
        };
        let quarantine = error
            .filter(|error| error.kind == Kind::Unauthenticated)
            .map(|error| Quarantine {
                reason: "EncounteredQuarantineException".into(),
                since: now,
                message: error.to_string(),
            });
        let (id, token) = (self.driver.job.clone(), self.lease.token);
        let listed = self.listed;
        let finished = self
            .driver
            .engine
            .store()
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                if listed {
                    listed::clear(conn, &id)?;
                }
                jobs::update_status(conn, &id, |status| {
                    status.last = Some(execution.clone());
                    status.quarantine = quarantine.clone();
                    if execution.failed.is_none() {
                        status.failures_in_a_row = 0;
                        status.last_steady = Some(execution.ended);
                        status.first_steady.get_or_insert(execution.ended);
                        status.last_successful = Some(execution.clone());
                        if execution.exported > 0 {
                            status.last_with_exports = Some(execution.clone());
                        }
                    } else {
                        status.failures_in_a_row += 1;
                    }
                })
            })
            .await;
        match finished {
            Err(error) if error.code == "LeaseLost" => Ok(()),
            outcome => outcome,
        }
    }
}

fn origin(driver: &Driver, runner: &Runner, job: &Job) -> Origin {
    let schema = &runner.policy.schema;
    Origin {
        tenant: driver.engine.config().server.tenant,
        app: runner.app.id,
        app_name: runner.app.name.clone(),
        job: job.id.clone(),
        cycle: Uuid::now_v7().to_string(),
        source: runner.app.source.clone(),
        source_name: schema.source_directory.clone(),
        source_type: schema.source_object.clone(),
        target: runner.app.target.clone(),
        target_name: schema.target_directory.clone(),
        target_type: schema.target_object.clone(),
    }
}

/// One cause for everybody on the page whom it hit.
fn outage(error: &Error) -> Error {
    let cause = Error::new(error.kind, error.message.clone()).code(error.code.clone());
    match error.retry_after {
        Some(wait) => cause.retry_after(wait),
        None => cause,
    }
}
