//! Changes are marked as sent, sent, and recorded: three steps with a commit before and after, so that at any
//! instant somebody who finds the database can tell what may have happened (B26).

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;
use std::sync::Arc;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::log::{self, Ending};
use super::reconcile::{Page, Subject};
use crate::connector::{MayStart, Outcome, Session};
use crate::domain::account::Model;
use crate::domain::guard::Action;
use crate::domain::link::Link;
use crate::domain::plan::{ChangeId, Effect, Moment, Pending, Planned, Receipt};
use crate::error::{Error, Kind, Result};
use crate::store::changes::{self, Sent};
use crate::store::escrows::{self, Escrow};
use crate::store::logs::{self, Entry};
use crate::store::uploads::{self, Place};
use crate::store::wakes::{self, Again, Cause, Wake};
use crate::store::{Conn, guard, jobs, links};

/// B25: hours from one refusal to the next attempt; the last one repeats, daily, for four weeks.
const LADDER: &[i64] = &[6, 6, 12, 24];
const ATTEMPTS: i32 = 31;

/// A change that meets silence is tried again after a wait that doubles each time; after so many tries that others
/// on the page did not share, it is a refusal like any other.
const SILENT_TRIES: i32 = 8;

/// How soon a worker whose change could not be sent, or was held, is looked at again.
const SOON: SignedDuration = SignedDuration::from_secs(1);
/// However long a target asks us to stay away, it is tried again after this (B25).
const LONGEST_REQUEST: SignedDuration = SignedDuration::from_mins(5);
const HELD_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// How the work on one worker ended, and whether it has ended.
pub struct Worked {
    pub ending: Ending,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has an outcome for the log.
    Over,
    /// The world moved between reading and writing: plan it anew.
    Again,
    /// The target did not answer and nothing was written: it stays queued, and nothing is said of the person.
    Waits,
    /// It was sent, and nobody knows: the mark stays, and the next look finds out.
    Unknown,
    /// Nobody knows, and this has gone on for too long to say nothing of it. The mark stays all the same.
    GivenUp,
}

impl Fate {
    fn is_outcome(self) -> bool {
        matches!(self, Fate::Over | Fate::Again)
    }
}

impl Worked {
    /// What conflicted, and could not be tried again: of what it wrote the mark tells the next look.
    pub fn put_off(mut self, error: &Error) -> Worked {
        self.fate = match self.ending.done {
            Some(_) => Fate::Unknown,
            None => Fate::Waits,
        };
        self.ending.error = Some(error.shared());
        self
    }
}

/// Marks the page's changes as sent and sends them. Every subject gets an ending.
pub async fn send(
    cx: &Context,
    session: &dyn Session,
    may_start: MayStart,
    subjects: &[Subject],
    moment: &Moment,
) -> Result<Vec<Worked>> {
    let planned = subjects.iter().filter_map(|subject| subject.planned.as_ref());
    let changes: Vec<_> = planned
        .filter(|one| !one.change.effects.is_empty())
        .map(|one| one.change.clone())
        .collect();
    let mut outcomes: HashMap<ChangeId, Outcome> = HashMap::with_capacity(changes.len());
    if !changes.is_empty() {
        let sent = |change| Sent {
            change,
            endpoint: session.endpoint().0.clone(),
            plan: moment.plan,
            policy: cx.runner.policy.version,
        };
        let sent: Vec<Sent> = changes.iter().cloned().map(sent).collect();
        let (job, cycle, token, now) = (
            cx.origin.job.clone(),
            cx.origin.cycle.clone(),
            cx.token,
            cx.clock.now(),
        );
        cx.store
            .write(move |conn| {
                jobs::fence(conn, &job, token)?;
                changes::mark_sent(conn, &job, &cycle, token, &sent, now)
            })
            .await?;
        let mut running = session.apply(changes, may_start);
        while let Some((id, outcome)) = running.next().await {
            outcomes.insert(id, outcome);
        }
    }
    Ok(subjects
        .iter()
        .map(|subject| {
            let outcome = subject
                .planned
                .as_ref()
                .and_then(|planned| outcomes.remove(&planned.change.id));
            worked(subject, outcome)
        })
        .collect())
}

fn worked(subject: &Subject, outcome: Option<Outcome>) -> Worked {
    let has_effects = subject
        .planned
        .as_ref()
        .is_some_and(|planned| !planned.change.effects.is_empty());
    let mut postponed = None;
    let (receipt, error, fate) = match outcome {
        None if has_effects => (
            None,
            Some(Error::unavailable("the connector gave no outcome")),
            Fate::Unknown,
        ),
        None => (None, None, Fate::Over),
        Some(Outcome::Done(receipt)) => (Some(receipt), None, Fate::Over),
        Some(Outcome::Refused(error)) => {
            let fate = if log::is_passing(&error) {
                Fate::Waits
            } else {
                refusal(&error)
            };
            (None, Some(error), fate)
        }
        Some(Outcome::Partial(receipt, error)) if only_references_are_left(subject, &receipt) => {
            postponed = Some(error);
            (Some(receipt), None, Fate::Over)
        }
        Some(Outcome::Partial(receipt, error)) => {
            let fate = if log::is_passing(&error) {
                Fate::Unknown
            } else {
                refusal(&error)
            };
            (Some(receipt), Some(error), fate)
        }
        Some(Outcome::Unknown(receipt, error)) => (receipt, Some(error), Fate::Unknown),
    };
    let silent = matches!(fate, Fate::Unknown | Fate::Waits);
    let patient = error.as_ref().is_some_and(|error| error.retry_after.is_some());
    let gives_up = silent && !patient && subject.wake.attempts >= SILENT_TRIES;
    let error = if gives_up {
        error.map(|error| error.code("Timeout"))
    } else {
        error
    };
    let ending = Ending {
        resumed: subject.earlier.is_some(),
        done: together(subject.earlier.clone(), receipt),
        error,
        postponed,
        held: subject.held.clone(),
    };
    let fate = match fate {
        Fate::Unknown if gives_up => Fate::GivenUp,
        Fate::Waits if gives_up => Fate::Over,
        fate => fate,
    };
    Worked { ending, fate }
}

/// The account is made, and whole but for what it refers to, which is another change's affair from now on.
fn only_references_are_left(subject: &Subject, receipt: &Receipt) -> bool {
    let planned = subject.planned.iter().flat_map(|planned| &planned.change.effects);
    let mut left = planned.filter(|effect| !receipt.done.contains(effect));
    receipt.has(Effect::is_create) && left.all(|effect| matches!(effect, Effect::Refer { .. }))
}

fn refusal(error: &Error) -> Fate {
    match error.kind {
        Kind::Stale | Kind::Conflict => Fate::Again,
        _ => Fate::Over,
    }
}

/// One receipt for what several attempts did.
pub fn together(earlier: Option<Receipt>, later: Option<Receipt>) -> Option<Receipt> {
    match (earlier, later) {
        (Some(earlier), Some(later)) => Some(earlier.then(later)),
        (earlier, later) => earlier.or(later),
    }
}

/// What one page came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub seen: u64,
    pub unchanged: u64,
    pub exported: u64,
    pub refused: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        self.seen += more.seen;
        self.unchanged += more.unchanged;
        self.exported += more.exported;
        self.refused += more.refused;
    }
}

/// A page that was planned and written, and is to be recorded.
pub struct Carried {
    pub page: Page,
    /// One for each subject.
    pub worked: Vec<Worked>,
    pub began: Timestamp,
}

/// What the next page has to know of this one.
#[derive(Default)]
pub struct News {
    /// Links that are new.
    pub links: Vec<Link>,
    /// Workers whose accounts are gone.
    pub ended: Vec<String>,
    /// What the guard counts.
    pub tallies: BTreeMap<Action, u64>,
}

pub fn news(model: &Model, carried: &Carried) -> News {
    let mut news = News::default();
    for (subject, worked) in carried.page.subjects.iter().zip(&carried.worked) {
        let (Some(planned), true) = (&subject.planned, worked.fate.is_outcome()) else {
            continue;
        };
        let receipt = worked.ending.done.as_ref();
        if subject.link.is_none() {
            news.links.extend(Link::next(model, None, planned, receipt));
        }
        if receipt.is_some_and(|receipt| receipt.ends_link(model)) {
            news.ended.push(subject.worker.anchor.clone());
        }
        let done = receipt.iter().flat_map(|receipt| &receipt.done);
        let actions = done.filter_map(|effect| Action::of(effect, model));
        for action in actions.filter(|action| !subject.is_released(action)) {
            *news.tallies.entry(action).or_default() += 1;
        }
    }
    news
}

/// What a subject was to do and has not done.
fn undone_actions(model: &Model, subject: &Subject, worked: &Worked) -> Vec<Action> {
    let planned = subject.planned.iter().flat_map(|planned| &planned.change.effects);
    let done = worked
        .ending
        .done
        .as_ref()
        .map_or(&[][..], |receipt| &receipt.done);
    planned
        .filter(|effect| !done.contains(effect))
        .filter_map(|effect| Action::of(effect, model))
        .collect()
}

/// The same, as far as the guard counted it when it judged the plan.
pub fn undone(model: &Model, subject: &Subject, worked: &Worked) -> BTreeMap<Action, u64> {
    let mut counts = BTreeMap::new();
    for action in undone_actions(model, subject, worked) {
        if !subject.is_released(&action) {
            *counts.entry(action).or_default() += 1;
        }
    }
    counts
}

/// Everything that one commit writes about one worker.
#[derive(Default)]
struct Record {
    worker: String,
    wake: Option<Wake>,
    again: Option<Again>,
    new_link: Option<Link>,
    moved_link: Option<Link>,
    unlinks: bool,
    receipt: Option<Receipt>,
    settled: Vec<String>,
    outcome: Option<Settled>,
    entries: Vec<Entry>,
}

/// What is known once the work on a worker has an outcome.
#[derive(Default)]
struct Settled {
    pending: Vec<Pending>,
    held: Vec<Action>,
    was_held: bool,
    escrow: Option<Escrow>,
    /// The operations that this outcome answers.
    ends: Vec<Place>,
}

/// Records how a page ended, in one commit.
pub async fn record(cx: &Context, carried: Arc<Carried>) -> Result<Counts> {
    let (context, now) = (cx.clone(), cx.clock.now());
    let settled = tokio::task::spawn_blocking(move || settle_page(&context, &carried, now));
    let recording = settled
        .await
        .map_err(|error| Error::internal("recording ended early").because(error))?;
    let counts = recording.counts;
    let (job, cycle, token) = (cx.origin.job.clone(), cx.origin.cycle.clone(), cx.token);
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            write(conn, &job, &cycle, &recording, now)
        })
        .await?;
    Ok(counts)
}

/// Everything that one commit writes about one page.
struct Recording {
    records: Vec<Record>,
    tallies: BTreeMap<Action, u64>,
    vanished: Vec<Wake>,
    counts: Counts,
    /// The target has a bin.
    bin: bool,
}

fn settle_page(cx: &Context, carried: &Carried, now: Timestamp) -> Recording {
    let Carried { page, worked, began } = carried;
    let took = now.duration_since(*began);
    let mut counts = Counts {
        seen: page.subjects.len() as u64,
        ..Counts::default()
    };
    let mut records = Vec::with_capacity(page.subjects.len());
    for (subject, worked) in page.subjects.iter().zip(worked) {
        let Some(planned) = &subject.planned else { continue };
        let record = settle(cx, subject, planned, worked, took, now);
        let refused = record
            .outcome
            .as_ref()
            .is_some_and(|settled| settled.escrow.is_some());
        counts.exported += u64::from(record.receipt.is_some());
        counts.refused += u64::from(refused);
        counts.unchanged += u64::from(record.receipt.is_none() && worked.fate.is_outcome() && !refused);
        records.push(record);
    }
    Recording {
        records,
        tallies: news(&cx.runner.policy.model, carried).tallies,
        vanished: page.vanished.clone(),
        counts,
        bin: cx.runner.policy.model.bin,
    }
}

fn settle(
    cx: &Context,
    subject: &Subject,
    planned: &Planned,
    worked: &Worked,
    took: SignedDuration,
    now: Timestamp,
) -> Record {
    let model = &cx.runner.policy.model;
    let mut record = Record {
        worker: subject.worker.anchor.clone(),
        wake: Some(subject.wake.clone()),
        ..Record::default()
    };
    let attempts = subject.wake.attempts;
    let wait = SOON * (1 << attempts.clamp(0, SILENT_TRIES));
    let due = now.saturating_add(wait).unwrap_or(now);
    let silence = Again {
        due,
        cause: subject.wake.cause,
        attempts: attempts + 1,
    };
    // Attempts of this cycle that were refused whole leave nothing to find out.
    if subject.earlier.is_none() {
        record.settled.clone_from(&subject.marks);
    }
    let this = planned.change.id.to_string();
    match worked.fate {
        Fate::Waits => {
            record.settled.push(this);
            record.again = Some(asked_for_patience(worked, &subject.wake, now).unwrap_or(silence));
            return record;
        }
        Fate::Unknown => {
            record.again = Some(silence);
            return record;
        }
        Fate::GivenUp => {}
        Fate::Over | Fate::Again => {
            let unknown = subject.unknown.iter().map(|sent| sent.change.id.to_string());
            let all = unknown.chain(subject.marks.iter().cloned()).chain([this]);
            record.settled = all.collect();
        }
    }
    // Until it is settled, what was done is the next look's to find.
    if worked.fate != Fate::GivenUp {
        record.receipt = worked.ending.done.clone();
    }
    record.unlinks = subject.outlived
        || record
            .receipt
            .as_ref()
            .is_some_and(|receipt| receipt.ends_link(model));
    let link = Link::next(model, subject.link.as_ref(), planned, record.receipt.as_ref());
    match &subject.link {
        None => record.new_link = link,
        Some(before) => record.moved_link = link.filter(|link| link != before),
    }
    let status = log::status(planned, &worked.ending);
    let escrow = (status.word == "failure").then(|| {
        let code = status.code.clone().unwrap_or_default();
        refused(subject, code, now)
    });
    record.again = match &worked.ending.postponed {
        Some(_) => Some(Again {
            due: now,
            cause: Cause::Reference,
            attempts: 0,
        }),
        None => again(planned, &worked.ending, escrow.as_ref(), now),
    };
    let news = subject.escrow.as_ref() != escrow.as_ref()
        || worked.ending.held.iter().any(|held| {
            !subject
                .held_before
                .iter()
                .any(|(action, _)| *action == held.action)
        });
    let entry = || {
        log::entry(
            &cx.origin,
            model,
            &subject.worker,
            planned,
            &worked.ending,
            took,
            now,
        )
    };
    if let Some((_, earlier)) = subject.places.split_last() {
        let superseded = |_| log::superseded(&cx.origin, &subject.worker, &planned.change.id, now);
        record.entries = earlier.iter().map(superseded).collect();
        record.entries.push(entry());
    } else if record.receipt.is_some() || (news && (escrow.is_some() || !worked.ending.held.is_empty())) {
        record.entries.push(entry());
    }
    let mut held: Vec<Action> = worked
        .ending
        .held
        .iter()
        .map(|held| held.action.clone())
        .collect();
    // What a person released stays released while it is wanted and not done.
    let released = subject.held_before.iter().filter(|(_, released)| *released);
    let undone = undone_actions(model, subject, worked);
    held.extend(
        released
            .map(|(action, _)| action.clone())
            .filter(|action| undone.contains(action)),
    );
    record.outcome = Some(Settled {
        pending: planned.pending.clone(),
        held,
        was_held: !subject.held_before.is_empty(),
        escrow,
        ends: subject.places.clone(),
    });
    record
}

/// When the target wants to hear from us again, where it says: that is no silence, and counts as no try.
fn asked_for_patience(worked: &Worked, wake: &Wake, now: Timestamp) -> Option<Again> {
    let wait = worked.ending.error.as_ref()?.retry_after?;
    let wait = SignedDuration::try_from(wait).ok()?.min(LONGEST_REQUEST);
    Some(Again {
        due: now.saturating_add(wait).ok()?,
        cause: wake.cause,
        attempts: wake.attempts,
    })
}

/// The refusal as it is kept. One that is met again before its time counts as the same attempt.
fn refused(subject: &Subject, code: String, now: Timestamp) -> Escrow {
    match &subject.escrow {
        Some(before) if before.code == code && now < before.next && subject.places.is_empty() => {
            before.clone()
        }
        before => {
            let attempts = before.as_ref().map_or(0, |before| before.attempts) + 1;
            Escrow {
                worker: subject.worker.anchor.clone(),
                code,
                attempts,
                next: next_try(attempts, now),
            }
        }
    }
}

fn next_try(attempts: i32, now: Timestamp) -> Timestamp {
    let step = usize::try_from(attempts - 1).unwrap_or(0).min(LADDER.len() - 1);
    now.saturating_add(SignedDuration::from_hours(LADDER[step]))
        .unwrap_or(now)
}

/// When this worker is to be looked at again, if nobody wakes them before.
fn again(planned: &Planned, ending: &Ending, escrow: Option<&Escrow>, now: Timestamp) -> Option<Again> {
    let revisit = planned.revisit.map(|due| Again {
        due,
        cause: Cause::Revisit,
        attempts: 0,
    });
    let retry = escrow
        .filter(|escrow| escrow.attempts < ATTEMPTS)
        .map(|escrow| Again {
            due: escrow.next,
            cause: Cause::Retry,
            attempts: 0,
        });
    let held = (!ending.held.is_empty()).then(|| {
        let due = now.saturating_add(HELD_AGAIN).unwrap_or(now);
        Again {
            due,
            cause: Cause::Held,
            attempts: 0,
        }
    });
    [revisit, retry, held]
        .into_iter()
        .flatten()
        .min_by_key(|again| again.due)
}

fn write(conn: &mut Conn, job: &str, cycle: &str, recording: &Recording, now: Timestamp) -> Result<()> {
    let records = recording.records.as_slice();
    for record in records.iter().filter(|record| record.unlinks) {
        links::delete(conn, job, &record.worker)?;
    }
    let new: Vec<Link> = records
        .iter()
        .filter_map(|record| record.new_link.clone())
        .collect();
    links::insert(conn, job, &new)?;
    let receipts: Vec<(&str, &Receipt)> = records
        .iter()
        .filter_map(|one| Some((one.worker.as_str(), one.receipt.as_ref()?)))
        .collect();
    changes::keep_receipts(conn, job, cycle, &receipts)?;
    let settled: Vec<String> = records
        .iter()
        .flat_map(|record| record.settled.iter().cloned())
        .collect();
    changes::settle(conn, &settled)?;
    guard::tally(conn, job, &recording.tallies, now)?;
    let entries: Vec<&Entry> = records.iter().flat_map(|record| &record.entries).collect();
    logs::append(conn, &entries)?;
    let outcomes = || {
        records
            .iter()
            .filter_map(|record| Some((record, record.outcome.as_ref()?)))
    };
    let healed: Vec<&str> = outcomes()
        .filter(|(_, settled)| settled.escrow.is_none())
        .map(|(record, _)| record.worker.as_str())
        .collect();
    escrows::end(conn, job, &healed)?;
    for (record, settled) in outcomes() {
        if settled.was_held || !settled.held.is_empty() {
            guard::hold(conn, job, &record.worker, &settled.held, now)?;
        }
        if let Some(escrow) = &settled.escrow {
            escrows::keep(conn, job, escrow, now)?;
        }
    }
    for record in records {
        if let Some(link) = &record.moved_link {
            links::advance(conn, job, link)?;
        }
        if let (Some(wake), Some(again)) = (&record.wake, &record.again) {
            wakes::put_off(conn, job, wake, again)?;
        }
    }
    let answered_for: Vec<Place> = outcomes()
        .flat_map(|(_, settled)| settled.ends.iter().cloned())
        .collect();
    uploads::end(conn, job, &answered_for)?;
    let ended = records.iter().filter(|record| record.again.is_none());
    wakes::end(
        conn,
        job,
        &ended
            .filter_map(|record| record.wake.as_ref())
            .chain(&recording.vanished)
            .collect::<Vec<_>>(),
    )?;
    let answered: Vec<&str> = outcomes().map(|(record, _)| record.worker.as_str()).collect();
    let pending: Vec<(&str, &Pending)> = outcomes()
        .flat_map(|(record, settled)| settled.pending.iter().map(|one| (record.worker.as_str(), one)))
        .collect();
    links::wait_for(conn, job, &answered, &pending)?;
    let restored = records.iter().filter(|record| {
        let receipt = record.receipt.as_ref();
        receipt.is_some_and(|receipt| receipt.has(|effect| *effect == Effect::Restore))
    });
    let appeared: Vec<&str> = new
        .iter()
        .map(|link| link.worker.as_str())
        .chain(restored.map(|record| record.worker.as_str()))
        .collect();
    wake_referrers(conn, job, &appeared, &pending, recording.bin, now)
}

/// Whoever refers to an account that is there now has a reason to be looked at again.
fn wake_referrers(
    conn: &mut Conn,
    job: &str,
    appeared: &[&str],
    pending: &[(&str, &Pending)],
    bin: bool,
    now: Timestamp,
) -> Result<()> {
    let mut woken = links::waiting_for(conn, job, appeared)?;
    let wanted: Vec<&str> = pending.iter().map(|(_, pending)| pending.to.as_str()).collect();
    let there: Vec<String> = links::by_workers(conn, job, &wanted)?
        .into_iter()
        .filter(|link| !link.is_in_bin(bin))
        .map(|link| link.worker)
        .collect();
    let ready = pending.iter().filter(|(_, pending)| there.contains(&pending.to));
    woken.extend(ready.map(|(worker, _)| (*worker).to_string()));
    woken.sort_unstable();
    woken.dedup();
    let woken: Vec<&str> = woken.iter().map(String::as_str).collect();
    wakes::wake(conn, job, &woken, now, Cause::Reference)
}

/// Ends the wake of a worker who cannot be looked at at all: a failure of their own, in the log and in escrow.
pub async fn give_up(cx: &Context, wake: &Wake, error: &Error) -> Result<()> {
    let now = cx.clock.now();
    let attempts = wake.attempts + 1;
    let escrow = Escrow {
        worker: wake.anchor.clone(),
        code: error.code.to_string(),
        attempts,
        next: next_try(attempts, now),
    };
    let again = (attempts < ATTEMPTS).then_some(Again {
        due: escrow.next,
        cause: Cause::Retry,
        attempts,
    });
    let (origin, code, reason) = (Arc::clone(&cx.origin), error.code.clone(), error.to_string());
    let (job, token, wake) = (cx.origin.job.clone(), cx.token, wake.clone());
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            let places = uploads::pending(conn, &job, &[&wake.anchor])?;
            // One for each operation that waited, or for the failure itself.
            let entry = |_| log::unplanned(&origin, &wake.anchor, &code, &reason, now);
            let entries: Vec<Entry> = (0..places.len().max(1)).map(entry).collect();
            logs::append(conn, &entries)?;
            uploads::end(conn, &job, &places)?;
            escrows::keep(conn, &job, &escrow, now)?;
            match &again {
                Some(again) => wakes::put_off(conn, &job, &wake, again),
                None => wakes::end(conn, &job, &[&wake]),
            }
        })
        .await
}
