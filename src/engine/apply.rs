//! Changes are marked as sent in a commit of their own and then sent, so that at any instant somebody who finds the
//! database can tell what may have happened (B26). `record` tells the database how it ended.

use std::collections::HashMap;

use futures::StreamExt;

use super::handover;
use super::log::{self, Ending, Unreviewed};
use super::retry::SILENT_TRIES;
use super::subject::Subject;
use super::{Context, beside};
use crate::connector::{MayStart, Outcome, Session};
use crate::domain::plan::{Change, ChangeId, Effect, Moment, Receipt};
use crate::error::{Error, Kind, Result};
use crate::store::changes::{self, Sent};
use crate::store::jobs;

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
    pub fn is_outcome(self) -> bool {
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
    let changes: Vec<_> = subjects
        .iter()
        .filter_map(|subject| Some((&subject.planned.as_ref()?.change, &subject.allowed)))
        .filter(|(change, _)| !change.effects.is_empty())
        .map(|(change, allowed)| (change.clone(), allowed.clone()))
        .collect();
    let mut outcomes: HashMap<ChangeId, Outcome> = HashMap::with_capacity(changes.len());
    if !changes.is_empty() {
        let now = cx.clock.now();
        let sent = |(change, allowed): (Change, changes::Allowed)| Sent {
            change,
            allowed,
            at: now,
            endpoint: session.endpoint().0.clone(),
            plan: moment.plan,
            policy: cx.runner.policy.version,
        };
        let sent: Vec<Sent> = changes.iter().cloned().map(sent).collect();
        let (job, cycle, target, token) = (
            cx.origin.job.clone(),
            cx.origin.cycle.clone(),
            cx.origin.target.clone(),
            cx.token,
        );
        let claims = beside::all_claims(cx, subjects);
        let lost = cx
            .store
            .write(move |conn| {
                jobs::fence(conn, &job, token)?;
                let lost = claims.make(conn, &target, &job, now)?;
                let sent: Vec<&Sent> = sent.iter().filter(|one| !lost.contains(&one.change.id)).collect();
                changes::mark_sent(conn, &job, &cycle, token, &sent)?;
                Ok(lost)
            })
            .await?;
        let changes = changes.into_iter().map(|(change, _)| change);
        let (late, mut changes): (Vec<Change>, Vec<Change>) =
            changes.partition(|change| lost.contains(&change.id));
        for change in late {
            outcomes.insert(change.id, Outcome::Refused(beside::overtaken()));
        }
        handover::draw(cx, &mut changes)?;
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
        withheld: subject.waits().map(Unreviewed::of),
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
