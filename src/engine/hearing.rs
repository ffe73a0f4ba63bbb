//! The source's side of a cycle: what HR says becomes workers as it comes, whether it was uploaded or has to be asked for.
//! Beside that, single people are asked about: those whose accounts were just written, and those whom callbacks name.

use futures::future;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::cycle::failure;
use super::pull::Pull;
use super::{Context, callbacks, fold, read_back};
use crate::error::{Error, Kind, Result};
use crate::store::pulls::Failure;
use crate::store::{jobs, uploads};

/// Pending operations beyond which the inbox is left to wait.
const BACKLOG: i64 = 20_000;

#[derive(Default)]
pub(super) struct Hearing {
    /// Where the source has to be asked and it is time to.
    pull: Option<Pull>,
    /// Why it cannot be asked, or could not be the last time.
    unasked: Option<Failure>,
    /// It has not been read whole.
    unread: bool,
    aside: Aside,
}

/// Who is asked about beside the reading. Nobody waits for the answer, but for the end of a cycle.
#[derive(Default)]
enum Aside {
    #[default]
    Nobody,
    Asking(JoinHandle<Result<u64>>),
    /// How many came of it.
    Told(Result<u64>),
}

impl Hearing {
    pub async fn begin(cx: &Context, began: Timestamp) -> Result<Hearing> {
        let mut hearing = Hearing::default();
        match Pull::begin(cx, began).await {
            Ok(pull) => hearing.pull = pull,
            Err(error) if error.code == "LeaseLost" => return Err(error),
            // What is due by the clock happens all the same (B19).
            Err(error) => tracing::warn!(code = %error.code, %error, "the source cannot be read"),
        }
        if let Some(puller) = &cx.runner.puller {
            let (standing, unread) = puller.standing(&cx.store).await?;
            hearing.unasked = standing.failure.filter(|_| hearing.pull.is_none());
            hearing.unread = unread;
        }
        Ok(hearing)
    }

    /// Nobody but those who have a date to keep is planned before everybody has been read.
    pub fn holds_back(&self) -> bool {
        match &self.pull {
            Some(pull) => pull.holds_back(),
            None => self.unread,
        }
    }

    /// There is more to come.
    pub fn is_going_on(&self) -> bool {
        self.is_reading() || !matches!(self.aside, Aside::Nobody)
    }

    fn is_reading(&self) -> bool {
        self.pull.as_ref().is_some_and(|pull| !pull.is_over())
    }

    /// Returns as soon as there is something to take in.
    pub async fn wait(&mut self) {
        let is_reading = self.is_reading();
        let pages = async {
            match self.pull.as_mut().filter(|_| is_reading) {
                Some(pull) => pull.wait().await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            () = pages => {}
            () = self.aside.wait() => {}
        }
    }

    /// Takes in what has come; answers of how many workers.
    pub async fn take_in(&mut self, cx: &Context) -> Result<u64> {
        let asked = self.take_in_aside(cx).await?;
        Ok(asked + self.take_in_said(cx).await?)
    }

    async fn take_in_said(&mut self, cx: &Context) -> Result<u64> {
        match &mut self.pull {
            Some(pull) => pull.take_in(cx).await,
            None if has_to_hear(cx).await? => Ok(fold(cx).await?.unsigned_abs()),
            None => Ok(0),
        }
    }

    /// Takes in all that HR says, though nobody can be served just now: who has to leave is known when somebody can (B25).
    pub async fn take_in_all(&mut self, cx: &Context, stop: &CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            let heard = self.take_in_said(cx).await?;
            if heard == 0 && !self.is_reading() {
                return Ok(());
            }
            if let (0, Some(pull)) = (heard, &mut self.pull) {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = pull.wait() => {}
                }
            }
        }
        Ok(())
    }

    /// The source is not asked by two at once.
    async fn take_in_aside(&mut self, cx: &Context) -> Result<u64> {
        if let Some(told) = self.aside.take().await {
            return told;
        }
        let is_free = matches!(self.aside, Aside::Nobody) && !self.is_reading() && !self.holds_back();
        if is_free && (cx.runner.hr.is_some() || cx.runner.callbacks.is_some()) {
            let cx = cx.clone();
            let ask = async move { Ok(read_back::read_back(&cx).await? + callbacks::take_in(&cx).await?) };
            self.aside = Aside::Asking(tokio::spawn(ask));
        }
        Ok(0)
    }

    /// Workers that were heard of, and those of them who changed.
    pub fn counts(&self) -> (u64, u64) {
        let pull = self.pull.as_ref();
        pull.map_or((0, 0), |pull| (pull.heard, pull.changed))
    }

    /// Records that were read so far, and how many there are, as far as that is known; `None` while nothing is read.
    pub fn read(&self) -> Option<(u64, Option<u64>)> {
        let pull = self.pull.as_ref().filter(|pull| !pull.is_over())?;
        Some((pull.heard, pull.expected()))
    }

    /// Why nobody was heard of.
    pub fn failure(&self) -> Option<Failure> {
        let pull = self.pull.as_ref();
        pull.and_then(Pull::failure)
            .map(failure)
            .or_else(|| self.unasked.clone())
    }

    /// Lets others read. Whoever is being asked about is heard of still.
    pub async fn end(&mut self, cx: &Context) -> Result<()> {
        if let Aside::Asking(_) = &self.aside {
            self.aside.wait().await;
        }
        if let Some(Err(error)) = self.aside.take().await {
            tracing::warn!(code = %error.code, %error, "people who were to be asked about are asked about again");
        }
        match &self.pull {
            Some(pull) => pull.leave(cx).await,
            None => Ok(()),
        }
    }
}

impl Aside {
    /// Returns as soon as there is an answer; never where nobody is asked about.
    async fn wait(&mut self) {
        match self {
            Aside::Nobody => future::pending().await,
            Aside::Told(_) => {}
            Aside::Asking(task) => {
                let told = task.await;
                let told = told.map_err(|error| Error::internal("asking ended early").because(error));
                *self = Aside::Told(told.and_then(|told| told));
            }
        }
    }

    /// The answer, if it has come.
    async fn take(&mut self) -> Option<Result<u64>> {
        if matches!(self, Aside::Asking(task) if task.is_finished()) {
            self.wait().await;
        }
        match std::mem::take(self) {
            Aside::Told(told) => Some(told),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// Whether HR said something that has to become workers now.
pub(super) async fn has_to_hear(cx: &Context) -> Result<bool> {
    let (id, source, now) = (cx.origin.job.clone(), cx.origin.source.clone(), cx.clock.now());
    cx.store
        .read(move |conn| {
            if uploads::waiting(conn, &source)? == 0 {
                return Ok(false);
            }
            // In quarantine many wait for an outcome, and leavers are not to wait behind them (B13).
            let is_slow = jobs::find(conn, &id)?.is_some_and(|job| job.status.is_slow(now));
            Ok(is_slow || uploads::pending_count(conn, &id)? <= BACKLOG)
        })
        .await
}

/// Has everything that was uploaded become workers.
pub(super) async fn hear_out(cx: &Context) -> Result<()> {
    loop {
        let source = cx.origin.source.clone();
        if cx.store.read(move |conn| uploads::waiting(conn, &source)).await? == 0 {
            return Ok(());
        }
        fold(cx).await?;
    }
}

async fn fold(cx: &Context) -> Result<i64> {
    match fold::fold(cx).await {
        // Another job that reads this system was quicker; its fold is ours as well.
        Err(error) if error.kind == Kind::Stale && error.code != "LeaseLost" => Ok(1),
        outcome => outcome,
    }
}
