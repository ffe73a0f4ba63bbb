//! Changes are marked as sent, sent, and recorded: three steps with a commit before and after, so that at any
//! instant somebody who finds the database can tell what may have happened (B26).

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

use super::Runner;
use super::log::{self, Ending, Origin};
use super::reconcile::{Page, Subject};
use crate::connector::{Outcome, Session};
use crate::domain::guard::Action;
use crate::domain::link::Link;
use crate::domain::plan::{ChangeId, Planned, Receipt};
use crate::error::{Error, Kind, Result};
use crate::store::changes::{self, Sent};
use crate::store::jobs;
use crate::store::logs::{self, Entry};
use crate::store::wakes::{self, Again, Cause};
use crate::store::{Conn, Store, links, uploads};

/// B25: hours from one refusal to the next attempt; the last one repeats, daily, for four weeks.
const LADDER: &[i64] = &[6, 6, 12, 24];
const ATTEMPTS: i32 = 31;

/// How soon a worker whose change could not be sent, or held, is looked at again.
const SOON: SignedDuration = SignedDuration::from_secs(1);
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
    /// The target did not answer: it stays queued, and nothing is said of the person.
    Waits,
    /// It was sent, and nobody knows: the mark stays.
    Unknown,
}

/// Marks the page's changes as sent and sends them. Every subject gets an ending.
pub async fn send(
    store: &Store,
    session: &dyn Session,
    lease: (&str, &str, i64),
    subjects: &[Subject],
    now: Timestamp,
) -> Result<Vec<Worked>> {
    let (job, cycle, token) = lease;
    let (job, cycle) = (job.to_string(), cycle.to_string());
    let planned = subjects.iter().filter_map(|subject| subject.planned.as_ref());
    let changes: Vec<_> = planned
        .filter(|one| !one.change.effects.is_empty())
        .map(|one| one.change.clone())
        .collect();
    let mut outcomes: HashMap<ChangeId, Outcome> = HashMap::with_capacity(changes.len());
    if !changes.is_empty() {
        let endpoint = session.endpoint().0.clone();
        let sent: Vec<Sent> = changes
            .iter()
            .map(|change| Sent {
                change: change.clone(),
                endpoint: endpoint.clone(),
            })
            .collect();
        store
            .write(move |conn| {
                jobs::fence(conn, &job, token)?;
                changes::mark_sent(conn, &job, &cycle, token, &sent, now)
            })
            .await?;
        let mut running = session.apply(changes);
        while let Some((id, outcome)) = running.next().await {
            outcomes.insert(id, outcome);
        }
    }
    Ok(subjects
        .iter()
        .map(|subject| {
            let planned = subject.planned.as_ref();
            let outcome = planned.and_then(|planned| outcomes.remove(&planned.change.id));
            worked(subject, outcome)
        })
        .collect())
}

fn worked(subject: &Subject, outcome: Option<Outcome>) -> Worked {
    let resumed = subject.resumed.clone();
    let (receipt, error, unknown) = match outcome {
        None => (None, None, false),
        Some(Outcome::Done(receipt)) => (Some(receipt), None, false),
        Some(Outcome::Partial(receipt, error)) => (Some(receipt), Some(error), false),
        Some(Outcome::Refused(error)) => (None, Some(error), false),
        Some(Outcome::Unknown(receipt, error)) => (receipt, Some(error), true),
    };
    let fate = match &error {
        _ if unknown => Fate::Unknown,
        None => Fate::Over,
        Some(error) if log::is_passing(error) => Fate::Waits,
        Some(error) if matches!(error.kind, Kind::Stale | Kind::Conflict) => Fate::Again,
        Some(_) => Fate::Over,
    };
    let ending = Ending {
        resumed: resumed.is_some(),
        done: together(resumed, receipt),
        error,
        held: subject.held.clone(),
    };
    Worked { ending, fate }
}

/// What an interrupted cycle did and what this one did is one receipt for the log.
pub fn together(earlier: Option<Receipt>, now: Option<Receipt>) -> Option<Receipt> {
    match (earlier, now) {
        (Some(mut earlier), Some(now)) => {
            earlier.done.extend(now.done);
            earlier.address = now.address;
            Some(earlier)
        }
        (earlier, now) => earlier.or(now),
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

/// Everything that one commit writes about one worker.
#[derive(Default)]
struct Record {
    worker: String,
    wake: Option<wakes::Wake>,
    again: Option<Again>,
    new_link: Option<Link>,
    moved_link: Option<Link>,
    receipt: Option<Receipt>,
    settled: Vec<String>,
    pending: Option<Vec<crate::domain::plan::Pending>>,
    held: Option<Vec<Action>>,
    refused: Option<String>,
    ends: Option<(i64, i32)>,
    entries: Vec<Entry>,
}

/// Records how a page ended, in one commit.
pub async fn record(
    store: &Store,
    runner: &Runner,
    origin: &Origin,
    token: i64,
    page: Page,
    worked: Vec<Worked>,
    began: Timestamp,
    now: Timestamp,
) -> Result<Counts> {
    let mut counts = Counts {
        seen: page.subjects.len() as u64,
        ..Counts::default()
    };
    let mut tallies: BTreeMap<Action, u64> = BTreeMap::new();
    let mut records = Vec::with_capacity(page.subjects.len());
    for (subject, worked) in page.subjects.into_iter().zip(worked) {
        let Some(planned) = &subject.planned else { continue };
        if let Some(receipt) = &worked.ending.done {
            let released: Vec<&Action> = subject
                .held_before
                .iter()
                .filter(|(_, released)| *released)
                .map(|(action, _)| action)
                .collect();
            let actions = receipt
                .done
                .iter()
                .filter_map(|effect| Action::of(effect, &runner.policy.model));
            for action in actions.filter(|action| !released.contains(&action)) {
                *tallies.entry(action).or_default() += 1;
            }
        }
        let took = now.duration_since(began);
        let record = settle(runner, origin, &subject, planned, &worked, took, now);
        counts.exported += u64::from(worked.ending.done.is_some());
        counts.refused += u64::from(record.refused.is_some());
        counts.unchanged +=
            u64::from(worked.ending.done.is_none() && worked.fate == Fate::Over && record.refused.is_none());
        records.push(record);
    }
    let (job, cycle) = (runner.app.job.clone(), origin.cycle.clone());
    let vanished = page.vanished;
    store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            write(conn, &job, &cycle, &records, &tallies, now)?;
            for wake in &vanished {
                wakes::finish(conn, &job, wake, None)?;
            }
            Ok(())
        })
        .await?;
    Ok(counts)
}

fn settle(
    runner: &Runner,
    origin: &Origin,
    subject: &Subject,
    planned: &Planned,
    worked: &Worked,
    took: SignedDuration,
    now: Timestamp,
) -> Record {
    let mut record = Record {
        worker: subject.worker.anchor.clone(),
        wake: Some(subject.wake.clone()),
        receipt: worked.ending.done.clone(),
        ..Record::default()
    };
    if worked.fate != Fate::Unknown {
        let sent = subject.unknown.iter().map(|sent| sent.change.id.to_string());
        record.settled = sent.chain([planned.change.id.to_string()]).collect();
    }
    let link = Link::next(subject.link.as_ref(), planned, worked.ending.done.as_ref());
    match &subject.link {
        None => record.new_link = link,
        Some(before) => record.moved_link = link.filter(|link| link != before),
    }
    if matches!(worked.fate, Fate::Waits | Fate::Unknown) {
        let attempts = subject.wake.attempts;
        record.again = Some(Again {
            due: now.saturating_add(SOON).unwrap_or(now),
            cause: subject.wake.cause,
            attempts,
        });
        return record;
    }
    record.pending = Some(planned.pending.clone());
    record.held = Some(
        worked
            .ending
            .held
            .iter()
            .map(|held| held.action.clone())
            .collect(),
    );
    let status = log::status(planned, &worked.ending);
    let refused = status.word == "failure";
    record.refused = refused.then(|| status.code.clone().unwrap_or_default());
    record.again = again(subject, planned, worked, refused, now);
    let model = &runner.policy.model;
    let new_hold = worked.ending.held.iter().any(|held| {
        !subject
            .held_before
            .iter()
            .any(|(action, _)| *action == held.action)
    });
    if let Some((last, earlier)) = subject.places.split_last() {
        record.ends = Some((last.sequence, last.position));
        record.entries = earlier
            .iter()
            .map(|_| log::superseded(origin, &subject.worker, &planned.change.id, now))
            .collect();
        record.entries.push(log::entry(
            origin,
            model,
            &subject.worker,
            planned,
            &worked.ending,
            took,
            now,
        ));
    } else if worked.ending.done.is_some() || refused || new_hold {
        record.entries.push(log::entry(
            origin,
            model,
            &subject.worker,
            planned,
            &worked.ending,
            took,
            now,
        ));
    }
    record
}

/// When this worker is to be looked at again, if no one wakes them before.
fn again(
    subject: &Subject,
    planned: &Planned,
    worked: &Worked,
    refused: bool,
    now: Timestamp,
) -> Option<Again> {
    let revisit = planned.revisit.map(|due| Again {
        due,
        cause: Cause::Revisit,
        attempts: 0,
    });
    let attempts = subject.wake.attempts + 1;
    let other = if refused && attempts < ATTEMPTS {
        let step = usize::try_from(subject.wake.attempts)
            .unwrap_or(0)
            .min(LADDER.len() - 1);
        let due = now
            .saturating_add(SignedDuration::from_hours(LADDER[step]))
            .unwrap_or(now);
        Some(Again {
            due,
            cause: Cause::Retry,
            attempts,
        })
    } else if !worked.ending.held.is_empty() {
        Some(Again {
            due: now.saturating_add(HELD_AGAIN).unwrap_or(now),
            cause: Cause::Held,
            attempts: 0,
        })
    } else {
        None
    };
    match (revisit, other) {
        (Some(revisit), Some(other)) => Some(if other.due <= revisit.due { other } else { revisit }),
        (revisit, other) => revisit.or(other),
    }
}

fn write(
    conn: &mut Conn,
    job: &str,
    cycle: &str,
    records: &[Record],
    tallies: &BTreeMap<Action, u64>,
    now: Timestamp,
) -> Result<()> {
    let new: Vec<Link> = records
        .iter()
        .filter_map(|record| record.new_link.clone())
        .collect();
    links::insert(conn, job, &new).map_err(|error| match error.kind {
        Kind::Conflict => Error::new(
            Kind::Stale,
            "an account was linked by somebody else in the meantime",
        )
        .because(error),
        _ => error,
    })?;
    let receipts: Vec<(String, Receipt)> = records
        .iter()
        .filter_map(|one| Some((one.worker.clone(), one.receipt.clone()?)))
        .collect();
    changes::keep_receipts(conn, job, cycle, &receipts)?;
    let settled: Vec<String> = records
        .iter()
        .flat_map(|record| record.settled.iter().cloned())
        .collect();
    changes::settle(conn, &settled)?;
    changes::tally(conn, job, tallies, now)?;
    let entries: Vec<Entry> = records
        .iter()
        .flat_map(|record| record.entries.iter().cloned())
        .collect();
    logs::append(conn, &entries)?;
    let healed: Vec<&str> = records
        .iter()
        .filter(|record| record.refused.is_none() && record.pending.is_some())
        .map(|record| record.worker.as_str())
        .collect();
    changes::unescrow(conn, job, &healed)?;
    for record in records {
        if let Some(link) = &record.moved_link {
            links::advance(conn, job, link)?;
        }
        if let Some(pending) = &record.pending {
            links::wait_for(conn, job, &record.worker, pending)?;
        }
        if let Some(held) = &record.held {
            changes::hold(conn, job, &record.worker, held, now)?;
        }
        if let Some(code) = &record.refused {
            changes::escrow(conn, job, &record.worker, code, now)?;
        }
        if let Some(through) = record.ends {
            uploads::end(conn, job, &record.worker, through)?;
        }
        if let Some(wake) = &record.wake {
            wakes::finish(conn, job, wake, record.again.as_ref())?;
        }
    }
    // Whoever waited for one of these accounts has a reason to be looked at again.
    let appeared: Vec<&str> = new.iter().map(|link| link.worker.as_str()).collect();
    let waiting = links::waiting_for(conn, job, &appeared)?;
    let waiting: Vec<&str> = waiting.iter().map(String::as_str).collect();
    wakes::wake(conn, job, &waiting, now, Cause::Reference)
}
