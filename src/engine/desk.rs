//! A job that is worked on by hand: its own cycles wait meanwhile, and what is done goes the same way as theirs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::accounts::{self, Accounts};
use super::apply::{self, Fate, Worked};
use super::lease::Lease;
use super::names::Names;
use super::reconcile::{self, Recent};
use super::record::{self, Carried, Counts};
use super::subject::Page;
use super::{Context, Engine, Runner, controller, cycle, planning, review};
use crate::connector::{MayStart, Session};
use crate::domain::guard::History;
use crate::domain::plan::Moment;
use crate::domain::review::Gate;
use crate::error::{Error, Kind, Result};
use crate::store::wakes::{self, Cause};
use crate::store::{Store, jobs, listed};

/// How long a job that is at work is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(250);

/// A job's lease; one that is at work is waited for, a minute long. Error `JobBusy`: it still is.
pub(super) async fn wait_for(engine: &Engine, job: &str, call: Duration) -> Result<Lease> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(lease) = Lease::take(engine, job, call).await? {
            return Ok(lease);
        }
        go_on(&engine.shared.stop)?;
        if tokio::time::Instant::now() > until {
            let id = job.to_string();
            let holder = engine.store().read(move |conn| jobs::holder(conn, &id)).await?;
            let holder = holder.unwrap_or_default();
            let message =
                format!("the job is at work (gateway {holder} has its lease): try again, or pause it first");
            return Err(Error::new(Kind::Conflict, message).code("JobBusy"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A job whose cycles wait meanwhile, and a session with its target.
pub(super) struct Desk {
    pub cx: Context,
    lease: Lease,
    session: Box<dyn Session>,
    listed: bool,
    /// A person decides what is written here, be the job's first cycle read or not (B9).
    gate: Gate,
    /// The gateway is told to stop.
    stop: CancellationToken,
}

impl Desk {
    /// Error `JobBusy`, as [`wait_for`] has it.
    pub async fn open(engine: &Engine, job: &str) -> Result<Desk> {
        let stop = engine.shared.stop.clone();
        go_on(&stop)?;
        let runner = engine.current(job).await?;
        let lease = wait_for(engine, job, runner.call_timeout).await?;
        let cx = engine.context(&runner, lease.token, Uuid::now_v7()).await?;
        let opened = async { Ok((controller::open(&cx).await?, review::is_due(&cx).await?)) };
        match opened.await {
            Ok((session, under_review)) => Ok(Desk {
                cx,
                lease,
                session,
                listed: false,
                gate: Gate::ByHand { under_review },
                stop,
            }),
            Err(error) => {
                let (id, token) = (job.to_string(), lease.token);
                engine
                    .store()
                    .write(move |conn| jobs::release(conn, &id, token))
                    .await?;
                Err(error)
            }
        }
    }

    pub async fn close(self, engine: &Engine) -> Result<()> {
        let (id, token, listed) = (self.cx.origin.job.clone(), self.lease.token, self.listed);
        engine
            .store()
            .write(move |conn| {
                if listed {
                    listed::clear(conn, &id)?;
                }
                jobs::release(conn, &id, token)
            })
            .await
    }

    pub fn session(&self) -> &dyn Session {
        self.session.as_ref()
    }

    /// Error `SourceNotRead`, as [`whole_source`] has it.
    pub async fn whole_source(&self) -> Result<()> {
        whole_source(&self.cx.runner, &self.cx.store).await
    }

    /// Error: the gateway is told to stop, and the change in hand was the last.
    pub fn go_on(&self) -> Result<()> {
        go_on(&self.stop)
    }

    fn accounts(&self) -> Accounts<'_> {
        match self.listed {
            true => Accounts::Listed(self.session.as_ref()),
            false => Accounts::Asked(self.session.as_ref()),
        }
    }

    /// Where the job stands, as far as its limits depend on it.
    pub async fn history(&self) -> Result<History> {
        let (id, now, model) = (
            self.cx.origin.job.clone(),
            self.cx.clock.now(),
            self.cx.runner.policy.model,
        );
        self.cx
            .store
            .read(move |conn| cycle::history(conn, &id, &model, now))
            .await
    }

    /// Plans these workers, of whom nothing is written.
    pub async fn plan(
        &self,
        anchors: Vec<String>,
        moment: &Moment,
        history: History,
        names: Names<'_>,
    ) -> Result<Page> {
        let mut page = self.load(anchors).await?;
        self.find(&mut page, moment).await?;
        self.judge(page, moment, history, names).await
    }

    /// Reads what is known of these workers.
    pub async fn load(&self, anchors: Vec<String>) -> Result<Page> {
        let id = self.cx.origin.job.clone();
        let due = self
            .cx
            .store
            .read(move |conn| wakes::of(conn, &id, &anchors, Cause::Full))
            .await?;
        reconcile::load(&self.cx, due).await
    }

    /// Finds their accounts.
    pub async fn find(&self, page: &mut Page, moment: &Moment) -> Result<()> {
        let (accounts, recent) = (self.accounts(), Recent::default());
        planning::find(&self.cx, &accounts, page, moment, &recent).await
    }

    /// Plans those whose accounts are found.
    pub async fn judge(
        &self,
        mut page: Page,
        moment: &Moment,
        history: History,
        names: Names<'_>,
    ) -> Result<Page> {
        (page.history, page.gate) = (history, self.gate);
        planning::judge(&self.cx, self.session.as_ref(), page, moment, names).await
    }

    /// Lists the whole target, if that pays for so many workers.
    pub async fn list(&mut self, workers: i64) -> Result<()> {
        self.listed = accounts::list_for(&self.cx, self.session.as_ref(), workers).await?;
        Ok(())
    }

    /// Writes what is planned, and records it.
    pub async fn carry_out(&self, page: Page, moment: &Moment) -> Result<(Arc<Carried>, Counts)> {
        let began = self.cx.clock.now();
        let (lease, stop) = (self.lease.may_start(), self.stop.clone());
        let may_start: MayStart = Arc::new(move || !stop.is_cancelled() && lease());
        let sent = apply::send(&self.cx, self.session.as_ref(), may_start, &page.subjects, moment);
        // What is not as it was read is left alone, and is the job's to plan anew (B25).
        let overtaken = |one: Worked| match (one.fate, one.ending.error.as_ref().map(Error::shared)) {
            (Fate::Again, Some(error)) => one.put_off(&error),
            _ => one,
        };
        let worked = sent.await?.into_iter().map(overtaken).collect();
        let carried = Arc::new(Carried {
            page,
            worked,
            began,
            planned: moment.now.min(began),
            sent: began,
        });
        let counts = record::record(&self.cx, Arc::clone(&carried)).await?;
        Ok((carried, counts))
    }
}

/// Error `SourceNotRead`: of half of HR's records, or half of a record, wrong accounts would be made.
pub(super) async fn whole_source(runner: &Runner, store: &Store) -> Result<()> {
    let Some(puller) = &runner.puller else {
        return Ok(());
    };
    let (standing, is_unread) = puller.standing(store).await?;
    if !is_unread {
        return Ok(());
    }
    let why = match (&standing.failure, standing.watermark) {
        (Some(failure), _) => format!("the last read failed ({})", failure.message),
        (None, Some(_)) => "the schemas ask for other attributes than the last read brought".into(),
        (None, None) => "the first read is not over".into(),
    };
    let message = format!("HR has not been read whole yet: {why}, wait for the first complete read");
    Err(Error::new(Kind::Conflict, message).code("SourceNotRead"))
}

fn go_on(stop: &CancellationToken) -> Result<()> {
    match stop.is_cancelled() {
        false => Ok(()),
        true => Err(Error::unavailable(
            "the gateway is being stopped: ask again when it runs",
        )),
    }
}
