//! The async glue: the only room where sources, planning, targets and the store meet.
//!
//! One task a job waits for a wake-up and takes the job's lease (`run.rs`) for a cycle (`cycle.rs`): what HR says becomes
//! workers (`hearing.rs`), uploads by `fold.rs`, systems that have to be asked by `pull.rs` and `hear.rs`; due workers are
//! planned page by page (`subject.rs`, `reconcile.rs`), changes are sent (`apply.rs`) and recorded (`record.rs`), what came of
//! them is counted before that (`news.rs`), and everything that happened is in the log (`log.rs`). Callbacks come in between
//! (`callbacks.rs`), and whoever is to be told is (`notify.rs`): of what should not be (`alarm.rs`), and of everything
//! (`stream.rs`). What stands about people (`standing.rs`) is the operator's morning (`report.rs`). Plans that are made to be
//! read go the same way, up to the writing (`planning.rs`, `plans.rs`), and so do single people on demand (`on_demand.rs`),
//! those of whom somebody asks why (`explain.rs`), and what is taken back (`undo.rs`). What people decide beyond limits and
//! over HR's head is met on the way (`allowing.rs`, `holding.rs`).

mod accounts;
mod alarm;
pub mod allowing;
mod apply;
mod beside;
mod callbacks;
mod circle;
mod clock;
mod controller;
mod cycle;
mod desk;
mod explain;
mod fold;
pub mod forget;
mod given;
mod handover;
mod hear;
mod hearing;
pub mod holding;
mod kindred;
mod lease;
pub mod link;
mod log;
mod names;
mod news;
mod notify;
mod on_demand;
mod planning;
pub mod plans;
mod progress;
mod pull;
mod quarantine;
mod read_back;
mod reconcile;
mod record;
mod referrers;
pub mod report;
mod retention;
mod retry;
pub mod review;
mod run;
pub mod schemas;
mod setup;
mod standing;
mod stream;
mod subject;
mod unanswered;
pub mod undo;

pub use callbacks::{Objection, Report};
pub use circle::circles;
pub use clock::Clock;
pub use setup::{compile, declared, invalid, take_in};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::{App, Config};
use crate::connector::seal::Recipient;
use crate::connector::webhook::Webhook;
use crate::connector::{System, Target};
use crate::domain::decision::Decision;
use crate::domain::guard::Action;
use crate::domain::policy::Policy;
use crate::domain::review::{HELD, Standing};
use crate::error::{Error, Kind, Result};
use crate::store::jobs::{self, Job, Progress, Quarantine, Reviewed, State};
use crate::store::wakes::{self, Cause};
use crate::store::{Store, decisions, escrows, guard, links, pulls, reviews, uploads};
use callbacks::Route;
use pull::Puller;

/// The running gateway, without its HTTP side.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    store: Store,
    clock: Clock,
    /// Names this process in leases.
    holder: String,
    /// What people have done by hand, and that the gateway is told to stop: what is in hand then is finished.
    hands: TaskTracker,
    stop: CancellationToken,
    /// Who is told of what happens.
    webhook: Option<Webhook>,
    /// By job id; each is replaced when its schema changes.
    runners: RwLock<BTreeMap<String, Arc<Runner>>>,
}

/// Builds the connector of a job's target: given the system, the attributes that are asked for, and whom it never writes.
pub type Connect = Arc<dyn Fn(&System, &[String], Option<&str>) -> Result<Box<dyn Target>> + Send + Sync>;

/// Everything one job needs to run.
struct Runner {
    app: App,
    policy: Arc<Policy>,
    target: Box<dyn Target>,
    /// Where else a name has to be nobody's before it is given: tenants beside a directory (B22).
    tenants: Vec<Box<dyn Target>>,
    /// Asks the source, where nobody uploads what it says. The same for all jobs that read it, and for whatever replaces
    /// this one.
    puller: Option<Arc<Puller>>,
    /// What accounts are given from HR, and nobody may send back to it.
    given: given::Sources,
    /// What is written is people's records in this HR system.
    hr: Option<System>,
    replication_delay: Duration,
    call_timeout: Duration,
    /// Whom first passwords are sealed for.
    seal_to: Option<Recipient>,
    /// Where callbacks go, if the target is one that they are for.
    callbacks: Option<Route>,
    /// The same for whatever replaces this one.
    connect: Connect,
    /// The same for whatever replaces this one.
    wake: Arc<Notify>,
    /// How often refused credentials were tried again because somebody said so.
    forgiven: AtomicU64,
}

impl Runner {
    /// Somebody said, in whichever replica, that the credentials are right now: each tries them once more.
    async fn forgive(&self, said: u64) {
        if self.forgiven.swap(said, Ordering::Relaxed) == said {
            return;
        }
        self.target.forgive().await;
        if let Some(puller) = &self.puller {
            puller.forgive().await;
        }
        for tenant in &self.tenants {
            tenant.forgive().await;
        }
    }
}

/// What every step of one cycle needs.
#[derive(Clone)]
struct Context {
    engine: Engine,
    store: Store,
    clock: Clock,
    runner: Arc<Runner>,
    origin: Arc<log::Origin>,
    /// What entries of each job that reads the same source have in common; this one's among them.
    readers: Arc<[log::Origin]>,
    /// The other jobs that write the same target.
    beside: Arc<[Arc<Runner>]>,
    /// The lease's: every write is conditional on it.
    token: i64,
}

/// A job with what is known about it right now.
pub struct JobReport {
    pub job: Job,
    pub links: u64,
    pub pending_operations: u64,
    pub escrows: u64,
    pub quarantine: Option<Quarantine>,
    /// What a cycle is at right now.
    pub progress: Vec<Progress>,
    /// Disables that 5 % of the accounts may come to at most.
    pub most_disables: u64,
    /// How often the source is asked.
    pub interval: SignedDuration,
}

/// Which parts of a job's memory a restart forgets (Graph's synchronizationJobRestartScope).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restart {
    pub links: bool,
    pub escrows: bool,
    pub watermark: bool,
    pub quarantine: bool,
    pub force_deletes: bool,
}

impl Engine {
    /// Makes jobs and schemas known to the store and builds every connector; runs nothing yet.
    pub async fn prepare(config: Config, store: Store, clock: Clock) -> Result<Engine> {
        Engine::prepare_with(config, store, clock, Arc::new(System::target)).await
    }

    /// The same with connectors of targets that the caller builds.
    pub async fn prepare_with(
        config: Config,
        store: Store,
        clock: Clock,
        connect: Connect,
    ) -> Result<Engine> {
        setup::take_all_in(&config, &store, &clock).await?;
        let holder = Uuid::now_v7().to_string();
        Engine::of(config, store, clock, connect, holder).await
    }

    /// For a command beside a gateway: builds every connector for jobs that the store knows. Error: it does not.
    pub async fn open(config: Config, store: Store, clock: Clock) -> Result<Engine> {
        let holder = format!("{}{}", jobs::BY_HAND, Uuid::now_v7());
        Engine::of(config, store, clock, Arc::new(System::target), holder).await
    }

    async fn of(
        config: Config,
        store: Store,
        clock: Clock,
        connect: Connect,
        holder: String,
    ) -> Result<Engine> {
        let runners = setup::runners(&config, &store, &connect).await?;
        let webhook = config.notify.as_ref().map(Webhook::new).transpose()?;
        Ok(Engine {
            shared: Arc::new(Shared {
                config,
                store,
                clock,
                holder,
                hands: TaskTracker::new(),
                stop: CancellationToken::new(),
                webhook,
                runners: RwLock::new(runners),
            }),
        })
    }

    /// Runs every job until told to stop; each then finishes the change in hand.
    pub fn start(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        for job in self.runners().keys() {
            let cycle = run::Driver::new(self.clone(), job.clone(), stop.clone());
            tasks.spawn(cycle.run());
        }
        tasks.spawn(self.clone().finish_by_hand(stop.clone()));
        tasks.spawn(callbacks::tend(self.clone(), stop.clone()));
        if let Some(webhook) = &self.shared.webhook {
            tasks.spawn(notify::deliver(self.clone(), webhook.clone(), stop.clone()));
        }
        tasks.spawn(alarm::watch(self.clone(), stop.clone()));
        tasks.spawn(retention::keep(self.clone(), stop.clone()));
        if let Some(to) = &self.config().log {
            tasks.spawn(stream::send(self.clone(), to.clone(), stop.clone()));
        }
    }

    /// Lets what people have done by hand come to its end when told to stop.
    async fn finish_by_hand(self, stop: CancellationToken) {
        stop.cancelled().await;
        self.shared.stop.cancel();
        self.shared.hands.close();
        self.shared.hands.wait().await;
    }

    /// Goes on when whoever asked for it has gone, and is finished when the gateway stops.
    pub async fn in_hand<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let ended = |error| Error::internal("the work ended early").because(error);
        self.shared.hands.spawn(work).await.map_err(ended)?
    }

    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Takes an upload in: durable when this answers.
    pub async fn accept(&self, app: &App, body: Vec<u8>, operations: usize) -> Result<i64> {
        let limit = match self.shared.config.systems.get(&app.source) {
            Some(crate::connector::System::Bulk(config)) => i64::from(config.inbox_limit),
            _ => return Err(Error::invalid("this app's source takes no uploads")),
        };
        let operations = i32::try_from(operations).unwrap_or(i32::MAX);
        let (system, now) = (app.source.clone(), self.clock().now());
        let sequence = self
            .store()
            .write(move |conn| uploads::append(conn, &system, &body, operations, now, limit))
            .await?;
        self.wake_readers(&app.source);
        Ok(sequence)
    }

    pub async fn jobs_of(&self, app: &App) -> Result<Vec<JobReport>> {
        let (id, most_disables, interval) = (app.id.to_string(), app.limits.most_disables, app.interval);
        let now = self.clock().now();
        self.store()
            .read(move |conn| {
                jobs::by_app(conn, &id)?
                    .into_iter()
                    .map(|job| report(conn, job, most_disables, interval, now))
                    .collect()
            })
            .await
    }

    /// Lets a job run. A start ends a quarantine.
    pub async fn start_job(&self, job: &str) -> Result<()> {
        let (id, source) = (job.to_string(), self.runner(job)?.app.source.clone());
        let now = self.clock().now();
        self.store()
            .write(move |conn| {
                pulls::hurry(conn, &source, false)?;
                quarantine::lift(conn, &id, now)?;
                jobs::start(conn, &id, now)
            })
            .await?;
        self.wake(job);
        Ok(())
    }

    /// Stops a job after the page of changes in hand; what it knows is kept.
    pub async fn pause_job(&self, job: &str) -> Result<()> {
        let id = self.runner(job)?.app.job.clone();
        self.store()
            .write(move |conn| jobs::set_state(conn, &id, State::Paused))
            .await?;
        self.wake(job);
        Ok(())
    }

    /// Forgets what the restart names and lets the job run. Acknowledged uploads are never purged (B6). `by` is who says so.
    pub async fn restart_job(&self, job: &str, restart: Restart, by: &str) -> Result<()> {
        let source = self.runner(job)?.app.source.clone();
        let (id, by, now) = (job.to_string(), by.to_string(), self.clock().now());
        self.store()
            .write(move |conn| {
                pulls::hurry(conn, &source, restart.watermark)?;
                if restart.links {
                    links::clear(conn, &id)?;
                }
                if restart.escrows {
                    let refused = escrows::clear(conn, &id)?;
                    wakes::wake(conn, &id, &texts(&refused), now, Cause::Retry)?;
                }
                if restart.force_deletes {
                    let released = guard::release(conn, &id, &[Action::Disable, Action::Delete])?;
                    let about = format!("{released} × disable and delete (ForceDeletes)");
                    decisions::keep(conn, &id, &[Decision::released(about, &by, now)])?;
                    let held = guard::held_workers(conn, &id)?;
                    wakes::wake(conn, &id, &texts(&held), now, Cause::Held)?;
                }
                jobs::update_status(conn, &id, |status| {
                    status.full_due |= restart.watermark || restart.links;
                })?;
                if restart.escrows {
                    quarantine::hurry(conn, &id, now)?;
                }
                if restart.quarantine {
                    quarantine::lift(conn, &id, now)?;
                }
                jobs::start(conn, &id, now)
            })
            .await?;
        self.wake(job);
        Ok(())
    }

    fn wake(&self, job: &str) {
        if let Some(runner) = self.runners().get(job) {
            runner.wake.notify_one();
        }
    }

    fn runners(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Runner>>> {
        self.shared.runners.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jobs that read a system.
    fn readers(&self, system: &str) -> Vec<Arc<Runner>> {
        let runners = self.runners();
        runners
            .values()
            .filter(|runner| runner.app.source == system)
            .cloned()
            .collect()
    }

    fn wake_readers(&self, system: &str) {
        self.readers(system)
            .iter()
            .for_each(|runner| runner.wake.notify_one());
    }

    fn runner(&self, job: &str) -> Result<Arc<Runner>> {
        let unknown = || Error::new(Kind::NotFound, format!("there is no job {job}"));
        self.runners().get(job).cloned().ok_or_else(unknown)
    }
}

fn texts(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

/// The first cycle waits until a person has read what it would do (B9). Graph has no word for it.
fn under_review(conn: &mut crate::store::Conn, job: &Job) -> Result<Option<Quarantine>> {
    let Reviewed::Waits { since, .. } = job.status.first_cycle else {
        return Ok(None);
    };
    let counts = reviews::counts(conn, &job.id)?;
    let waiting = counts
        .iter()
        .find(|(standing, _)| *standing == Standing::Withheld);
    Ok(Some(Quarantine {
        reason: "Unknown".into(),
        since,
        message: format!(
            "{HELD}: the first cycle waits for its review with {} workers",
            waiting.map_or(0, |(_, count)| *count)
        ),
        imposed: None,
        count: 1,
        next: None,
    }))
}

fn report(
    conn: &mut crate::store::Conn,
    job: Job,
    most_disables: u64,
    interval: SignedDuration,
    now: Timestamp,
) -> Result<JobReport> {
    let held: Vec<_> = guard::held_counts(conn, &job.id)?
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    let describe = || {
        held.iter()
            .map(|(action, count)| format!("{count} × {action}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let turned = held
        .iter()
        .map(|(action, _)| alarm::turned(conn, &job.id, action));
    let turned = turned.collect::<Result<Vec<_>>>()?.into_iter().flatten().next();
    let turned = turned.map_or_else(String::new, |turned| format!(": {turned}"));
    let quarantine = job.status.quarantine.clone().or_else(|| {
        let deletes = held
            .iter()
            .any(|(action, _)| matches!(action, Action::Disable | Action::Delete));
        (!held.is_empty()).then(|| Quarantine {
            reason: if deletes { "TooManyDeletes" } else { "Unknown" }.into(),
            since: job.status.last.as_ref().map_or(job.created, |last| last.began),
            message: format!("held by the guard: {}{turned}", describe()),
            imposed: None,
            count: 1,
            next: None,
        })
    });
    let quarantine = quarantine.or(under_review(conn, &job)?);
    // The inbox first: what is folded between the two reads is counted twice, never not at all.
    let waiting = uploads::waiting(conn, &job.source)?;
    Ok(JobReport {
        links: links::count(conn, &job.id)?.unsigned_abs(),
        pending_operations: (waiting + uploads::pending_count(conn, &job.id)?).unsigned_abs(),
        escrows: escrows::count(conn, &job.id)?.unsigned_abs(),
        quarantine,
        progress: job.status.progress_at(now),
        most_disables,
        interval,
        job,
    })
}
