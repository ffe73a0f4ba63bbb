//! One pass of a job. Pages of workers go through three stations side by side: while one page is planned and
//! written, the page before it is recorded, and the page behind it is read.
//!
//! A cycle of uploads (B6) begins with the first that waits and ends when the inbox has been empty for half a
//! minute, after fifteen minutes at the latest; a full cycle goes on until everybody has been looked at, and one that
//! reads a system until everybody has been heard of.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::accounts::{self, Accounts};
use super::apply::{self, Fate, Worked};
use super::hearing::{self, Hearing};
use super::lease::Lease;
use super::names::Names;
use super::news::{self, News};
use super::reconcile::{self, Recent};
use super::record::{self, Carried, Counts};
use super::subject::Page;
use super::{Context, controller, log, planning, progress, quarantine, review};
use crate::connector::{MayStart, Session};
use crate::domain::account::Model;
use crate::domain::decision::{BY_ITSELF, Decision};
use crate::domain::guard::{Action, Charge, Charges, History, counted, presumed, subtract};
use crate::domain::plan::Change;
use crate::domain::review::Gate;
use crate::error::{Error, Kind, Result};
use crate::store::jobs::{self, Execution, Reviewed, State, Status, Strays};
use crate::store::pulls::Failure;
use crate::store::wakes::{self, Cause, Wake};
use crate::store::{Conn, allowances, changes, decisions, guard, links, listed};

/// Workers planned, sent and recorded together; in a full cycle, where hardly anybody needs a write, more.
const PAGE: usize = 500;
const FULL_PAGE: usize = 1_000;

/// Accounts without a worker that are named; the others are counted.
const STRAYS: usize = 20;

const QUIET: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How often a cycle without a wake-up looks for work that another replica took in.
pub(super) const POLL: Duration = Duration::from_secs(1);

pub(super) struct Cycle<'c> {
    cx: &'c Context,
    lease: &'c Lease,
    stop: &'c CancellationToken,
    session: Option<Box<dyn Session>>,
    /// What the guard judges by: what the job did before this cycle and in it.
    history: History,
    /// What the page before did, of which the store may know nothing yet.
    recent: Recent,
    counts: Counts,
    /// Whether what the target holds has been listed in this cycle; `None` until somebody asked.
    listed: Option<bool>,
    hearing: Hearing,
    /// Everybody is to be looked at.
    owes_full: bool,
    /// Whether anything may be written (B9); `None` until somebody is due.
    gate: Option<Gate>,
    /// In quarantine, between attempts: only leavers are served (B25).
    slow: bool,
    progress: progress::Watch,
}

/// What reading ahead found.
#[derive(Default)]
struct Ahead {
    /// How many statements became workers.
    folded: u64,
    page: Option<Page>,
    /// Who is due and cannot be read together, and why.
    unreadable: Option<(Error, Vec<Wake>)>,
}

/// What is to become of the page that was read and not yet planned.
enum Orders {
    GoOn,
    /// HR said something, and goes first.
    HearOut,
    Stop,
}

/// How long a cycle has lasted, and whether it may last longer.
struct Burst {
    began: Instant,
    last_work: Instant,
    /// HR spoke in it.
    spoken: bool,
}

impl<'c> Cycle<'c> {
    pub async fn run(
        cx: &'c Context,
        lease: &'c Lease,
        stop: &'c CancellationToken,
        status: &Status,
    ) -> Result<()> {
        let (id, began) = (cx.origin.job.clone(), cx.clock.now());
        let model = cx.runner.policy.model;
        let mut cycle = Cycle {
            cx,
            lease,
            stop,
            session: None,
            history: cx
                .store
                .read(move |conn| history(conn, &id, &model, began))
                .await?,
            recent: Recent::default(),
            counts: Counts::default(),
            listed: None,
            hearing: Hearing::begin(cx, began).await?,
            owes_full: false,
            gate: None,
            slow: status.is_slow(began),
            progress: progress::Watch::begin(began),
        };
        let outcome = cycle.pages(status.full_due && !cycle.slow).await;
        cycle.finish(began, outcome.as_ref().err()).await?;
        outcome
    }

    async fn pages(&mut self, full: bool) -> Result<()> {
        self.owes_full = full;
        let mut behind = None;
        let outcome = self.stations(&mut behind).await;
        // Whatever ended the cycle, what was written is recorded.
        let recorded = self.record(behind.as_ref()).await;
        recorded.and_then(|counts| {
            self.counts += counts;
            outcome
        })
    }

    async fn stations(&mut self, behind: &mut Option<Arc<Carried>>) -> Result<()> {
        let mut burst = Burst::begin();
        let mut page: Option<Page> = None;
        loop {
            if self.owes_full && !self.hearing.holds_back() {
                self.wake_everybody().await?;
                self.progress.begin_full(self.cx).await?;
                self.owes_full = false;
            }
            let wakes: Vec<Wake> = page.iter().flat_map(Page::wakes).cloned().collect();
            if let Err(error) = self.make_ready(&wakes).await {
                self.hearing.take_in_all(self.cx, self.stop).await?;
                return Err(error);
            }
            let before = behind.take();
            let pages = before.iter().map(|carried| &carried.page).chain(&page);
            let in_hand = pages
                .flat_map(Page::wakes)
                .map(|wake| wake.anchor.clone())
                .collect();
            let holds_back = self.hearing.holds_back();
            let mut hearing = std::mem::take(&mut self.hearing);
            let is_full = page.is_some() && accounts::may_be_listed(wakes.iter());
            let (recorded, carried, ahead) = tokio::join!(
                self.record(before.as_ref()),
                self.carry_out(page.take()),
                self.read_ahead(in_hand, &mut hearing, holds_back),
            );
            self.hearing = hearing;
            if let Ok(carried) = &carried {
                behind.clone_from(carried);
            }
            match carried {
                Ok(carried) => self.learn(carried.as_deref()),
                Err(error) => self.narrow(error, wakes).await?,
            }
            match recorded {
                Ok(counts) => self.counts += counts,
                Err(error) => {
                    let unrecorded = before.iter().flat_map(|carried| carried.page.wakes());
                    self.narrow(error, unrecorded.cloned().collect()).await?;
                }
            }
            if let Some(error) = behind.as_ref().and_then(|carried| outage(&carried.worked)) {
                return Err(error);
            }
            let ahead = ahead?;
            page = ahead.page;
            // What was recorded just now may have woken somebody.
            let in_hand = page.is_some() || before.is_some() || behind.is_some();
            let has_work = in_hand || ahead.folded > 0 || ahead.unreadable.is_some();
            if let Some((error, due)) = ahead.unreadable {
                self.narrow(error, due).await?;
            }
            let answered = self.counts.answered;
            self.progress
                .tell(self.cx, &self.hearing, answered, self.slow)
                .await?;
            let said = |wake: &Wake| wake.cause == Cause::Said;
            let is_pulled = self.cx.runner.puller.is_some();
            burst.spoken |= !is_pulled && (ahead.folded > 0 || page.iter().flat_map(Page::wakes).any(said));
            if has_work {
                burst.last_work = Instant::now();
            }
            // Whoever was held back is due now.
            let has_work = has_work || (holds_back && !self.hearing.holds_back());
            let is_reading = self.hearing.is_going_on();
            let is_over = !has_work && !is_reading && (burst.is_over() || !self.quiet().await);
            if !has_work && is_reading {
                self.wait_for_source().await;
            }
            if is_over || (burst.began.elapsed() >= LONGEST && !is_full && !is_reading) {
                return Ok(());
            }
            // Nothing of the page that was read is written yet, so it can be left.
            match self.orders().await? {
                Orders::GoOn => {}
                Orders::HearOut if !page.iter().flat_map(Page::wakes).any(said) => page = None,
                Orders::HearOut => {}
                Orders::Stop => return Ok(()),
            }
        }
    }

    /// What somebody wants of this cycle meanwhile.
    async fn orders(&self) -> Result<Orders> {
        let id = self.cx.origin.job.clone();
        let job = self.cx.store.read(move |conn| jobs::find(conn, &id)).await?;
        // Under another schema the work goes on in another cycle.
        let version = self.cx.runner.policy.version;
        let (slow, now) = (self.slow, self.cx.clock.now());
        let waits = self.gate == Some(Gate::Review);
        // Nor do people wait for what they ordered until HR has been silent for a while.
        let is_settled = !self.owes_full && !slow && !self.hearing.is_going_on();
        let is_active = job.is_some_and(|job| {
            let is_read = job.status.first_cycle == Reviewed::Over;
            let is_same = job.schema_version == version && !(waits && is_read);
            let is_ordered = is_settled && job.status.full_due;
            job.state == State::Active && is_same && !is_ordered && (!slow || job.status.is_slow(now))
        });
        if !is_active || self.stop.is_cancelled() {
            return Ok(Orders::Stop);
        }
        Ok(match hearing::has_to_hear(self.cx).await? {
            false => Orders::GoOn,
            true => Orders::HearOut,
        })
    }

    /// Waits until the source says more, or there is another reason to look around.
    async fn wait_for_source(&mut self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.cx.runner.wake.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            () = self.hearing.wait() => {}
        }
    }

    /// Waits for more; `false` when it is time to stop.
    async fn quiet(&self) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = self.cx.runner.wake.notified() => true,
            () = tokio::time::sleep(POLL) => true,
        }
    }

    async fn wake_everybody(&self) -> Result<()> {
        let (id, source, token) = (
            self.cx.origin.job.clone(),
            self.cx.origin.source.clone(),
            self.cx.token,
        );
        let (now, version) = (self.cx.clock.now(), self.cx.runner.policy.version);
        self.cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                // A schema that came meanwhile has everybody looked at by a cycle of its own.
                if jobs::find(conn, &id)?.is_some_and(|job| job.schema_version != version) {
                    return Ok(());
                }
                wakes::wake_all(conn, &id, &source, now)?;
                jobs::update_status(conn, &id, |status| status.full_due = false)
            })
            .await
    }

    /// The first station: what HR said becomes workers, and the next page of those who are due is read, without
    /// anybody who is on another page still, or another record of whom is.
    async fn read_ahead(
        &self,
        in_hand: HashSet<String>,
        hearing: &mut Hearing,
        holds_back: bool,
    ) -> Result<Ahead> {
        let folded = hearing.take_in(self.cx).await?;
        let (id, now) = (self.cx.origin.job.clone(), self.cx.clock.now());
        let (busy, slow) = (in_hand.clone(), self.slow);
        let due = self
            .cx
            .store
            .read(move |conn| match (holds_back, slow) {
                (true, _) => wakes::due_by_date(conn, &id, now, &busy, PAGE),
                (false, true) => wakes::due_but_full(conn, &id, now, &busy, PAGE),
                (false, false) => wakes::due(conn, &id, now, &busy, PAGE, FULL_PAGE),
            })
            .await?;
        let mut ahead = Ahead {
            folded,
            ..Ahead::default()
        };
        if !due.is_empty() {
            match reconcile::load(self.cx, due.clone()).await {
                Ok(mut page) => {
                    page.subjects.retain(|subject| {
                        !subject.kin.iter().any(|kin| in_hand.contains(&kin.worker.anchor))
                    });
                    let is_empty = page.wakes().next().is_none();
                    ahead.page = Some(page).filter(|_| !is_empty);
                }
                Err(error) => ahead.unreadable = Some((error, due)),
            }
        }
        Ok(ahead)
    }

    /// Before the first page a controller has to answer, and before the first of a full cycle it is listed.
    async fn make_ready(&mut self, due: &[Wake]) -> Result<()> {
        if due.is_empty() {
            return Ok(());
        }
        // What people allow while the cycle goes on holds from the next page on.
        let (id, now) = (self.cx.origin.job.clone(), self.cx.clock.now());
        let allowed = self.cx.store.read(move |conn| allowances::live(conn, &id, now));
        self.history.allow(allowed.await?);
        let session = match self.session.take() {
            Some(session) => session,
            None => controller::open(self.cx).await?,
        };
        if self.listed.is_none() && accounts::may_be_listed(due.iter()) {
            self.listed = Some(accounts::list(self.cx, session.as_ref()).await?);
        }
        if self.gate.is_none() {
            self.gate = Some(review::gate(self.cx, session.as_ref()).await?);
        }
        self.session = Some(session);
        Ok(())
    }

    /// The second station: a page is planned and written.
    async fn carry_out(&self, page: Option<Page>) -> Result<Option<Arc<Carried>>> {
        let (Some(mut page), Some(session)) = (page, self.session.as_deref()) else {
            return Ok(None);
        };
        let began = self.cx.clock.now();
        let is_listed = self.listed == Some(true) && accounts::may_be_listed(page.wakes());
        let accounts = match is_listed {
            true => Accounts::Listed(session),
            false => Accounts::Asked(session),
        };
        page.history = self.history.clone();
        let (mut page, mut worked, sent) = self.attempt(&accounts, page).await?;
        // B25: what conflicted is planned anew, once, from what the target holds now.
        if worked.iter().any(|one| one.fate == Fate::Again) {
            (page, worked) = self.again(session, page, worked).await?;
        }
        Ok(Some(Arc::new(Carried {
            page,
            worked,
            began,
            planned: began,
            sent,
        })))
    }

    /// Plans a page and writes it; tells when the first of it was sent.
    async fn attempt(
        &self,
        accounts: &Accounts<'_>,
        mut page: Page,
    ) -> Result<(Page, Vec<Worked>, Timestamp)> {
        let session = accounts.session();
        // What nobody looked into is not written.
        page.gate = self.gate.unwrap_or(Gate::Review);
        let moment = reconcile::moment(self.cx.clock.now());
        let mut page = planning::plan(self.cx, accounts, page, &moment, &self.recent, Names::Keep).await?;
        if self.slow {
            quarantine::leave_leavers(self.cx, &mut page).await?;
        }
        let (lease, stop) = (self.lease.may_start(), self.stop.clone());
        let may_start: MayStart = Arc::new(move || !stop.is_cancelled() && lease());
        let sent = self.cx.clock.now();
        let worked = apply::send(self.cx, session, may_start, &page.subjects, &moment).await?;
        Ok((page, worked, sent))
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
            gate: page.gate,
            vanished: page.vanished,
            ..Page::default()
        };
        let mut settled_worked = Vec::new();
        let mut retry = Page {
            history: settled.history.clone(),
            ..Page::default()
        };
        let mut before = Vec::new();
        let model = &self.cx.runner.policy.model;
        for (subject, one) in page.subjects.into_iter().zip(worked) {
            if one.fate != Fate::Again {
                settled.subjects.push(subject);
                settled_worked.push(one);
                continue;
            }
            // What it was to do and did not is asked for again.
            retry.history.take_back(&news::undone(model, &subject, &one));
            let now = self.cx.clock.now();
            let anew = subject.anew(one.ending.done.clone(), now);
            // Looking for it takes it off the count once more, but for what may come late and no plan repeated.
            let mut unanswered = anew.unanswered(model);
            if !subject.creates() {
                subtract(
                    &mut unanswered,
                    &anew.in_flight(anew.earlier.as_ref(), model, now),
                );
            }
            retry.history.add(&unanswered);
            retry.subjects.push(anew);
            before.push((subject, one));
        }
        let retried = self.attempt(&Accounts::Asked(session), retry).await;
        let (retried, mut retried_worked) = match retried {
            Ok((page, worked, _)) => (page.subjects, worked),
            // The others were answered, and that is not to be forgotten.
            Err(error) if log::is_passing(&error) => before
                .into_iter()
                .map(|(subject, one)| (subject, one.put_off(&error)))
                .unzip(),
            Err(error) => return Err(error),
        };
        for one in retried_worked.iter_mut().filter(|one| one.fate == Fate::Again) {
            one.fate = Fate::Over;
        }
        settled.subjects.extend(retried);
        settled_worked.extend(retried_worked);
        Ok((settled, settled_worked))
    }

    /// What a page did is known to the next one before it is recorded.
    fn learn(&mut self, carried: Option<&Carried>) {
        let news = self.count(carried);
        self.recent = Recent::new(news.links, news.ended);
    }

    /// What a page did counts against the limits of the next.
    fn count(&mut self, carried: Option<&Carried>) -> News {
        let news = carried.map(|carried| news::news(&self.cx.runner.policy.model, carried));
        let news = news.unwrap_or_default();
        self.history.take_back(&news.answered);
        self.history.add(&news.unanswered);
        self.history.add(&news.tallies);
        for link in &news.links {
            self.history.population += u64::from(link.enabled == Some(true));
            self.history.all_made_here &= link.made;
        }
        news
    }

    /// The third station: a page is recorded.
    async fn record(&self, carried: Option<&Arc<Carried>>) -> Result<Counts> {
        match carried {
            Some(carried) => record::record(self.cx, Arc::clone(carried)).await,
            None => Ok(Counts::default()),
        }
    }

    /// An error that is about somebody's data is narrowed down to that one worker, who is given up; the others go
    /// on, page by smaller page.
    async fn narrow(&mut self, error: Error, due: Vec<Wake>) -> Result<()> {
        let mut failed = Some((error, due));
        let mut waiting: Vec<Vec<Wake>> = Vec::new();
        loop {
            match failed.take() {
                Some((error, _)) if log::is_passing(&error) || error.kind == Kind::Stale => {
                    return Err(error);
                }
                Some((error, due)) if due.len() == 1 => {
                    tracing::error!(job = %self.cx.origin.job, code = %error.code, %error, "a worker could not be looked at");
                    record::give_up(self.cx, &due[0], &error).await?;
                }
                Some((_, due)) => {
                    let (left, right) = due.split_at(due.len() / 2);
                    waiting.extend([right.to_vec(), left.to_vec()]);
                }
                None => {}
            }
            let Some(due) = waiting.pop() else { return Ok(()) };
            failed = self.alone(due.clone()).await.err().map(|error| (error, due));
        }
    }

    /// One page through all stations, with no other beside it. It is recorded at once, so that it is no news to the
    /// pages in hand.
    async fn alone(&mut self, due: Vec<Wake>) -> Result<()> {
        self.make_ready(&due).await?;
        let page = reconcile::load(self.cx, due).await?;
        let carried = self.carry_out(Some(page)).await?;
        self.count(carried.as_deref());
        let outage = carried.as_ref().and_then(|carried| outage(&carried.worked));
        let counts = self.record(carried.as_ref()).await?;
        self.counts += counts;
        outage.map_or(Ok(()), Err)
    }

    /// Writes down how the cycle went.
    async fn finish(&mut self, began: Timestamp, error: Option<&Error>) -> Result<()> {
        let now = self.cx.clock.now();
        let failed = error.map(failure).or_else(|| self.hearing.failure());
        let (heard, changed) = self.hearing.counts();
        let same = heard.saturating_sub(changed);
        let execution = Execution {
            cycle: self.cx.origin.cycle.clone(),
            began,
            ended: now,
            failed: failed.as_ref().map(|failure| failure.code.clone()),
            message: failed.as_ref().map(|failure| failure.message.clone()),
            seen: self.counts.seen + same,
            unchanged: self.counts.unchanged + same,
            exported: self.counts.exported,
            refused: self.counts.refused,
        };
        let (refused, slow) = (failed.filter(|failure| failure.locked_out), self.slow);
        self.hearing.end(self.cx).await?;
        let (id, token, listed) = (
            self.cx.origin.job.clone(),
            self.cx.token,
            self.listed == Some(true),
        );
        let is_whole = listed && error.is_none();
        let finished = self
            .cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                let strays = match is_whole {
                    true => strays(conn, &id, now)?,
                    false => None,
                };
                if listed {
                    listed::clear(conn, &id)?;
                }
                close_allowances(conn, &id, now)?;
                let quarantine = quarantine::judge(conn, &id, &execution, refused.as_ref(), slow, now)?;
                jobs::update_status(conn, &id, |status| {
                    status.strays = strays.or(status.strays.take());
                    status.after(&execution, quarantine);
                })
            })
            .await;
        match finished {
            Err(error) if error.code == "LeaseLost" => Ok(()),
            outcome => outcome,
        }
    }
}

pub(super) fn failure(error: &Error) -> Failure {
    Failure {
        code: error.code.to_string(),
        message: error.to_string(),
        locked_out: error.kind == Kind::Unauthenticated,
    }
}

/// The accounts of the list that are nobody's; `None` as long as somebody has yet to be looked at, whose one of them may be.
fn strays(conn: &mut Conn, job: &str, now: Timestamp) -> Result<Option<Strays>> {
    if wakes::due_count(conn, job, now, Cause::Full)? > 0 {
        return Ok(None);
    }
    let (count, some) = listed::without_worker(conn, job, STRAYS)?;
    Ok(Some(Strays {
        count,
        at: now,
        examples: some.into_iter().map(|account| account.address).collect(),
    }))
}

/// Notes which allowances are over.
fn close_allowances(conn: &mut Conn, job: &str, now: Timestamp) -> Result<()> {
    let over = allowances::open(conn, job)?;
    for allowance in over.iter().filter(|one| !one.is_live(now)) {
        let at = allowance.until.min(now);
        allowances::end(conn, job, &allowance.id, at)?;
        let ended = Decision::allowance_ended(allowance, BY_ITSELF, at);
        decisions::keep(conn, job, &[ended])?;
    }
    Ok(())
}

impl Burst {
    fn begin() -> Burst {
        Burst {
            began: Instant::now(),
            last_work: Instant::now(),
            spoken: false,
        }
    }

    /// Only a burst of uploads may go on while nothing is to be done.
    fn is_over(&self) -> bool {
        !self.spoken || self.last_work.elapsed() >= QUIET
    }
}

/// Where a job stands, as far as its limits depend on it.
pub(super) fn history(conn: &mut Conn, job: &str, model: &Model, now: Timestamp) -> Result<History> {
    let (population, all_made_here) = links::population(conn, job)?;
    let mut history = History {
        day: guard::tallies(conn, job, 24, now)?,
        week: guard::tallies(conn, job, 7 * 24, now)?,
        population,
        all_made_here,
        allowances: allowances::live(conn, job, now)?,
        is_counted: false,
    };
    history.add(&unanswered(conn, job, model)?);
    Ok(history)
}

/// What was sent and never answered for counts as done until that is known: answers that are lost would be a way around every
/// limit.
fn unanswered(conn: &mut Conn, job: &str, model: &Model) -> Result<Charges> {
    let sent = changes::unanswered(conn, job)?;
    let workers: Vec<&str> = sent.iter().map(|(change, _)| change.worker.as_str()).collect();
    let held = guard::held(conn, job, &workers)?;
    let is_released = |worker: &str, action: &Action| {
        let mut held = held.iter();
        held.any(|(held, which, released)| *released && held == worker && which == action)
    };
    let mut by_worker: BTreeMap<&str, Vec<&(Change, changes::Allowed)>> = BTreeMap::new();
    for one in &sent {
        by_worker.entry(&one.0.worker).or_default().push(one);
    }
    let charges = by_worker.iter().flat_map(|(worker, sent)| {
        let changes: Vec<&Change> = sent.iter().map(|(change, _)| change).collect();
        let presumed = presumed(&changes, model).into_iter();
        let counted = presumed.filter(|(_, action)| !is_released(worker, action));
        counted.map(|(place, action)| match sent[place].1.get(&action) {
            Some(id) => Charge::Allowance(id.clone()),
            None => Charge::Limit(action),
        })
    });
    Ok(counted(charges))
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
    hit.ending.error.as_ref().map(Error::shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::{Account, Anchor, Values};
    use crate::store::{Location, Store};

    #[tokio::test]
    async fn whose_an_account_is_shows_once_everybody_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("muster.db").display());
        let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let counted = store.write(move |conn| {
            let account = Account {
                anchor: Anchor("A".into()),
                address: "CN=A".into(),
                enabled: Some(true),
                values: Values::new(),
                protected: None,
                deleted: false,
            };
            listed::keep(conn, "job", &[account], &[])?;
            wakes::wake(conn, "job", &["1"], now, Cause::Full)?;
            let too_early = strays(conn, "job", now)?;
            let left = wakes::due(conn, "job", now, &HashSet::new(), PAGE, FULL_PAGE)?;
            wakes::end(conn, "job", &left.iter().collect::<Vec<_>>())?;
            Ok((too_early, strays(conn, "job", now)?))
        });
        let (too_early, counted) = counted.await.unwrap();
        assert_eq!(too_early, None);
        let counted = counted.map(|strays| (strays.count, strays.examples));
        assert_eq!(counted, Some((1, vec!["CN=A".to_string()])));
    }
}
