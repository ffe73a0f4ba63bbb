//! One job's task: it waits for a reason, takes the lease, and runs a cycle page by page until there is nothing
//! left to do.
//!
//! A cycle of uploads (B6) begins with the first that waits and ends when the inbox has been empty for half a
//! minute, after fifteen minutes at the latest; a full cycle goes on until everybody has been looked at.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::apply::{self, Counts, Fate, Worked};
use super::lease::Lease;
use super::log::{self, Origin};
use super::reconcile::{self, Accounts, Page, Standing};
use super::{Context, Engine, Runner, fold};
use crate::connector::{Endpoint, Session};
use crate::error::{Error, Kind, Result};
use crate::store::jobs::{self, Execution, Job, Quarantine, State};
use crate::store::wakes::{self, Cause, Wake};
use crate::store::{changes, guard, links, listed, logs, systems, uploads};

/// Workers planned, sent and recorded together; in a full cycle, where hardly anybody needs a write, more.
const PAGE: i64 = 250;
const FULL_PAGE: i64 = 1_000;

/// Pending operations beyond which the inbox is left to wait.
const BACKLOG: i64 = 20_000;

/// A full cycle of this many workers reads the target's list instead of asking for each.
const LIST_FROM: i64 = 1_000;

const QUIET: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(15 * 60);

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
            // A panic is a bug of ours; the job says so and goes on rather than end unseen.
            let turn = AssertUnwindSafe(self.turn(&runner)).catch_unwind().await;
            let turn = turn.unwrap_or_else(|_| Err(Error::internal("the cycle panicked")));
            match turn.unwrap_or_else(Turn::Outage) {
                Turn::Idle => {
                    pause = FIRST_PAUSE;
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = runner.wake.notified() => {}
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                // Uploads do not cut the pause short: they would find the same silence.
                Turn::Outage(error) => {
                    tracing::warn!(job = %self.job, code = %error.code, %error, "the cycle stopped and will be tried again");
                    let wait = error.retry_after.unwrap_or(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// Runs a cycle if there is a reason for one.
    async fn turn(&self, runner: &Arc<Runner>) -> Result<Turn> {
        let store = self.engine.store();
        let (id, now, source) = (
            self.job.clone(),
            self.engine.clock().now(),
            runner.app.source.clone(),
        );
        let reason = store
            .read(move |conn| {
                let Some(job) = jobs::find(conn, &id)? else {
                    return Ok(None);
                };
                let busy = job.status.full_due
                    || uploads::waiting(conn, &source)? > 0
                    || wakes::any_due(conn, &id, now)?;
                Ok((job.state == State::Active && busy).then_some(job))
            })
            .await?;
        let Some(job) = reason else { return Ok(Turn::Idle) };
        let Some(lease) = Lease::take(&self.engine, &self.job, runner.call_timeout).await? else {
            return Ok(Turn::Idle);
        };
        let outcome = self.cycle(runner, &job, &lease).await;
        let (id, token) = (self.job.clone(), lease.token);
        drop(lease);
        store.write(move |conn| jobs::release(conn, &id, token)).await?;
        match outcome {
            Err(error) if error.code == "LeaseLost" => Ok(Turn::Idle),
            Err(error) => Ok(Turn::Outage(error)),
            Ok(()) => Ok(Turn::Idle),
        }
    }

    async fn cycle(&self, runner: &Runner, job: &Job, lease: &Lease) -> Result<()> {
        let id = Uuid::now_v7();
        let origin = origin(&self.engine, runner, id);
        let readers = self.engine.readers(&runner.app.source);
        let readers: Vec<Origin> = readers
            .iter()
            .map(|reader| self::origin(&self.engine, reader, id))
            .collect();
        let cx = Context {
            store: self.engine.store(),
            clock: self.engine.clock(),
            runner,
            origin: &origin,
            readers: &readers,
            token: lease.token,
        };
        let id = self.job.clone();
        let (population, all_made_here) = cx.store.read(move |conn| links::population(conn, &id)).await?;
        let mut cycle = Cycle {
            cx: &cx,
            lease,
            stop: &self.stop,
            session: None,
            standing: Standing {
                population,
                all_made_here,
            },
            counts: Counts::default(),
            listed: false,
        };
        let began = cx.clock.now();
        let outcome = cycle.pages(job.status.full_due).await;
        cycle.finish(began, outcome.as_ref().err()).await?;
        outcome
    }
}

/// One pass of a job.
struct Cycle<'c> {
    cx: &'c Context<'c>,
    lease: &'c Lease,
    stop: &'c CancellationToken,
    session: Option<Box<dyn Session>>,
    standing: Standing,
    counts: Counts,
    /// What the target holds has been listed in this cycle.
    listed: bool,
}

impl Cycle<'_> {
    async fn pages(&mut self, full: bool) -> Result<()> {
        if full {
            self.wake_everybody().await?;
        }
        let started = Instant::now();
        let mut last_work = Instant::now();
        let mut spoken = false;
        while self.may_go_on().await? {
            let folded = self.fold().await?;
            let due = self.due().await?;
            spoken |= folded > 0 || due.iter().any(|wake| wake.cause == Cause::Said);
            let full_page = reconcile::may_use_list(&due);
            if !due.is_empty() {
                self.page(due).await?;
                last_work = Instant::now();
            } else if folded == 0 {
                // Only a burst of uploads may go on.
                let is_over = !spoken || last_work.elapsed() >= QUIET;
                if is_over || !self.quiet().await {
                    break;
                }
            }
            if started.elapsed() >= LONGEST && !full_page {
                break;
            }
        }
        Ok(())
    }

    /// Waits for more; `false` when it is time to stop.
    async fn quiet(&self) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = self.cx.runner.wake.notified() => true,
            () = tokio::time::sleep(POLL) => true,
        }
    }

    /// Whether nobody asked this job to stop.
    async fn may_go_on(&self) -> Result<bool> {
        if self.stop.is_cancelled() {
            return Ok(false);
        }
        let id = self.cx.origin.job.clone();
        let job = self.cx.store.read(move |conn| jobs::find(conn, &id)).await?;
        Ok(job.is_some_and(|job| job.state == State::Active))
    }

    async fn wake_everybody(&self) -> Result<()> {
        let (id, source, token) = (
            self.cx.origin.job.clone(),
            self.cx.origin.source.clone(),
            self.cx.token,
        );
        let now = self.cx.clock.now();
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                wakes::wake_all(conn, &id, &source, now)?;
                jobs::update_status(conn, &id, |status| status.full_due = false)
            })
            .await
    }

    async fn fold(&self) -> Result<i64> {
        let (id, source) = (self.cx.origin.job.clone(), self.cx.origin.source.clone());
        let (waiting, pending) = self
            .cx
            .store
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
        match fold::fold(self.cx).await {
            // Another job that reads this system was quicker; its fold is ours as well.
            Err(error) if error.kind == Kind::Stale && error.code != "LeaseLost" => Ok(1),
            outcome => outcome,
        }
    }

    async fn due(&self) -> Result<Vec<Wake>> {
        let (id, now) = (self.cx.origin.job.clone(), self.cx.clock.now());
        self.cx
            .store
            .read(move |conn| wakes::due(conn, &id, now, PAGE, FULL_PAGE))
            .await
    }

    /// One page, from facts to the log. An error that is about somebody's data is narrowed down to that one
    /// worker, who is given up; the others go on.
    async fn page(&mut self, due: Vec<Wake>) -> Result<()> {
        let mut pages = vec![due];
        while let Some(due) = pages.pop() {
            // A controller that cannot be opened is nobody's own fault.
            let session = match self.session.take() {
                Some(session) => session,
                None => self.open().await?,
            };
            let error = match self.try_page(session, due.clone()).await {
                Ok(()) => continue,
                Err(error) => error,
            };
            if log::is_passing(&error) || error.kind == Kind::Stale {
                return Err(error);
            }
            match due.as_slice() {
                [alone] => {
                    tracing::error!(job = %self.cx.origin.job, code = %error.code, %error, "a worker could not be looked at");
                    apply::give_up(self.cx, alone, &error).await?;
                }
                several => {
                    let (left, right) = several.split_at(several.len() / 2);
                    pages.extend([right.to_vec(), left.to_vec()]);
                }
            }
        }
        Ok(())
    }

    async fn try_page(&mut self, session: Box<dyn Session>, due: Vec<Wake>) -> Result<()> {
        let began = self.cx.clock.now();
        let use_list = reconcile::may_use_list(&due) && self.list(session.as_ref()).await?;
        let page = reconcile::load(self.cx, due, &self.standing).await?;
        let accounts = if use_list {
            Accounts::Listed(session.as_ref())
        } else {
            Accounts::Asked(session.as_ref())
        };
        let (mut page, mut worked) = self.attempt(session.as_ref(), &accounts, page).await?;
        // B25: what conflicted is planned anew, once, from what the target holds now.
        if worked.iter().any(|one| one.fate == Fate::Again) {
            (page, worked) = self.again(session.as_ref(), page, worked).await?;
        }
        let outage = outage(&worked);
        let counts = apply::record(self.cx, page, worked, began).await?;
        self.standing.population += counts.newly_enabled;
        self.standing.all_made_here &= counts.found == 0;
        self.counts.seen += counts.seen;
        self.counts.unchanged += counts.unchanged;
        self.counts.exported += counts.exported;
        self.counts.refused += counts.refused;
        match outage {
            Some(error) => Err(error),
            None => {
                self.session = Some(session);
                Ok(())
            }
        }
    }

    async fn attempt(
        &self,
        session: &dyn Session,
        accounts: &Accounts<'_>,
        mut page: Page,
    ) -> Result<(Page, Vec<Worked>)> {
        let moment = reconcile::moment(self.cx.clock.now());
        reconcile::find(self.cx, accounts, &mut page.subjects, &moment).await?;
        self.wait_for_replication(session, &mut page).await?;
        reconcile::resume(
            &self.cx.runner.policy,
            &mut page.subjects,
            &session.endpoint().0,
            moment.now,
        );
        let (policy, limits) = (
            Arc::clone(&self.cx.runner.policy),
            self.cx.runner.app.limits.clone(),
        );
        let recoverable = self.cx.runner.target.capability().recoverable_delete;
        let page = tokio::task::spawn_blocking(move || {
            reconcile::plan_page(&policy, &limits, &mut page, &moment, recoverable);
            page
        })
        .await
        .map_err(|error| Error::internal("planning ended early").because(error))?;
        let worked = apply::send(self.cx, session, self.lease.may_start(), &page.subjects, &moment).await?;
        Ok((page, worked))
    }

    /// Reads and plans those again whose preconditions no longer held; the second answer stands. What the first
    /// attempt wrote goes along with its worker, and its mark stays until the page is recorded.
    async fn again(
        &self,
        session: &dyn Session,
        page: Page,
        worked: Vec<Worked>,
    ) -> Result<(Page, Vec<Worked>)> {
        let mut settled = Page {
            history: page.history,
            vanished: page.vanished,
            ..Page::default()
        };
        let mut settled_worked = Vec::new();
        let mut retry = Page {
            history: settled.history.clone(),
            ..Page::default()
        };
        for (mut subject, one) in page.subjects.into_iter().zip(worked) {
            if one.fate != Fate::Again {
                settled.subjects.push(subject);
                settled_worked.push(one);
                continue;
            }
            let mark = subject
                .planned
                .take()
                .map(|planned| planned.change.id.to_string());
            subject.marks.extend(mark);
            subject.found = Default::default();
            subject.earlier = one.ending.done;
            subject.held = Vec::new();
            retry.subjects.push(subject);
        }
        let (retried, mut retried_worked) = self.attempt(session, &Accounts::Asked(session), retry).await?;
        for one in retried_worked.iter_mut().filter(|one| one.fate == Fate::Again) {
            one.fate = Fate::Over;
        }
        settled.subjects.extend(retried.subjects);
        settled_worked.extend(retried_worked);
        Ok((settled, settled_worked))
    }

    /// Opens the controller that this system uses; if it is gone, the next, for everybody (B23).
    async fn open(&self) -> Result<Box<dyn Session>> {
        let system = self.cx.origin.target.clone();
        let pinned = self
            .cx
            .store
            .read(move |conn| systems::endpoint(conn, &system))
            .await?;
        let pinned = pinned.map(|(endpoint, _)| endpoint);
        let session = self
            .cx
            .runner
            .target
            .open(pinned.clone().map(Endpoint).as_ref())
            .await?;
        let chosen = session.endpoint().0.clone();
        if pinned.as_ref() != Some(&chosen) {
            let (system, now, from) = (self.cx.origin.target.clone(), self.cx.clock.now(), pinned.clone());
            let switched = self
                .cx
                .store
                .write(move |conn| systems::switch_endpoint(conn, &system, from.as_deref(), &chosen, now))
                .await?;
            if !switched {
                return Err(Error::unavailable(
                    "another job moved this system to another controller: following it",
                ));
            }
            tracing::info!(system = %self.cx.origin.target, from = ?pinned, to = %session.endpoint().0, "controller in use");
        }
        Ok(session)
    }

    /// B23: all write a system in one place; and after a switch of controllers, whoever may have been created or
    /// deleted on the old one is not touched until the two had time to agree.
    async fn wait_for_replication(&self, session: &dyn Session, page: &mut Page) -> Result<()> {
        let system = self.cx.origin.target.clone();
        let current = self
            .cx
            .store
            .read(move |conn| systems::endpoint(conn, &system))
            .await?;
        let Some((endpoint, since)) = current else {
            return Ok(());
        };
        if endpoint != session.endpoint().0 {
            return Err(Error::unavailable(
                "this system moved to another controller: following it",
            ));
        }
        let delay =
            SignedDuration::try_from(self.cx.runner.replication_delay).unwrap_or(SignedDuration::ZERO);
        let settled = since.saturating_add(delay).unwrap_or(since);
        if self.cx.clock.now() >= settled {
            return Ok(());
        }
        let waits = |subject: &reconcile::Subject| {
            let sent_elsewhere = subject.unknown.iter().any(|sent| sent.endpoint != endpoint);
            subject.found.accounts.is_empty() && (sent_elsewhere || subject.link.is_some())
        };
        let waiting: Vec<_> = page.subjects.extract_if(.., |subject| waits(subject)).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let (id, token) = (self.cx.origin.job.clone(), self.cx.token);
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                for wake in waiting.iter().map(|subject| &subject.wake) {
                    let again = wakes::Again {
                        due: settled,
                        cause: wake.cause,
                        attempts: wake.attempts,
                    };
                    wakes::put_off(conn, &id, wake, &again)?;
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
        let (id, now, token) = (self.cx.origin.job.clone(), self.cx.clock.now(), self.cx.token);
        let due = self
            .cx
            .store
            .read(move |conn| wakes::due_count(conn, &id, now, Cause::Full))
            .await?;
        if due < LIST_FROM {
            return Ok(false);
        }
        let id = self.cx.origin.job.clone();
        let cleared = move |conn: &mut _| {
            jobs::fence(conn, &id, token)?;
            listed::clear(conn, &id)
        };
        self.cx.store.write(cleared).await?;
        let matching: Vec<String> = self
            .cx
            .runner
            .policy
            .matching()
            .map(|mapping| mapping.target.clone())
            .collect();
        let mut pages = session.list();
        while let Some(page) = pages.next().await {
            let (id, page, matching) = (self.cx.origin.job.clone(), page?, matching.clone());
            self.cx
                .store
                .write(move |conn| {
                    jobs::fence(conn, &id, token)?;
                    listed::keep(conn, &id, &page, &matching)
                })
                .await?;
        }
        self.listed = true;
        Ok(true)
    }

    /// Writes down how the cycle went.
    async fn finish(&self, began: Timestamp, error: Option<&Error>) -> Result<()> {
        let now = self.cx.clock.now();
        let execution = Execution {
            cycle: self.cx.origin.cycle.clone(),
            began,
            ended: now,
            failed: error.map(|error| error.code.to_string()),
            seen: self.counts.seen,
            unchanged: self.counts.unchanged,
            exported: self.counts.exported,
            refused: self.counts.refused,
        };
        let locked_out = error.filter(|error| error.kind == Kind::Unauthenticated);
        let quarantine = locked_out.map(|error| Quarantine {
            reason: "EncounteredQuarantineException".into(),
            since: now,
            message: error.to_string(),
        });
        let (id, token, listed) = (self.cx.origin.job.clone(), self.cx.token, self.listed);
        let finished = self
            .cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                if listed {
                    listed::clear(conn, &id)?;
                }
                expire(conn, now)?;
                jobs::update_status(conn, &id, |status| status.after(&execution, quarantine.as_ref()))
            })
            .await;
        match finished {
            Err(error) if error.code == "LeaseLost" => Ok(()),
            outcome => outcome,
        }
    }
}

/// B33: logs and receipts are kept for thirty days, counts as long as a limit looks back.
fn expire(conn: &mut crate::store::Conn, now: Timestamp) -> Result<()> {
    let before = |days: i64| {
        now.saturating_sub(SignedDuration::from_hours(24 * days))
            .unwrap_or(now)
    };
    logs::expire(conn, before(30))?;
    changes::expire_receipts(conn, before(30))?;
    guard::expire(conn, before(8))
}

fn origin(engine: &Engine, runner: &Runner, cycle: Uuid) -> Origin {
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
    }
}

/// One cause for everybody on the page whom it hit. Silence about one worker among others who were answered is that
/// worker's own affair.
fn outage(worked: &[Worked]) -> Option<Error> {
    let answered = |one: &&Worked| one.fate == Fate::Over && one.ending.done.is_some();
    let silent = |one: &&Worked| matches!(one.fate, Fate::Waits | Fate::Unknown);
    let hit = worked
        .iter()
        .find(silent)
        .filter(|_| !worked.iter().any(|one| answered(&one)))?;
    let error = hit.ending.error.as_ref()?;
    let cause = Error::new(error.kind, error.message.clone()).code(error.code.clone());
    Some(match error.retry_after {
        Some(wait) => cause.retry_after(wait),
        None => cause,
    })
}
