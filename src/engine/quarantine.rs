//! A job in quarantine by the volume of what is refused (B25): entered, kept and left at a cycle's end.
//!
//! Its pace falls to once a day, in attempts: cycles like any other, after which it is judged anew. In between HR is heard
//! and everybody who is due is looked at, but only who is to be disabled is served (B13); everybody else is put off to the
//! next attempt. The job is never disabled, however long that lasts.

use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::reconcile::{Page, Subject};
use crate::domain::guard::Action;
use crate::domain::plan::Effect;
use crate::domain::quarantine::{self, Reason, WINDOW};
use crate::error::Result;
use crate::store::findings::{self, Weight};
use crate::store::jobs::{self, Execution, Quarantine};
use crate::store::pulls::Failure;
use crate::store::wakes::{self, Again, Wake};
use crate::store::{Conn, quarantine as volumes};

/// Graph's word for credentials that are refused: nothing is tried until somebody says that they are right.
pub const LOCKED_OUT: &str = "EncounteredQuarantineException";

/// An attempt whose cycle leaves somebody due goes on in the next cycle for so long.
const LONGEST_ATTEMPT: SignedDuration = SignedDuration::from_hours(1);

/// The quarantine that is in force after a cycle, and says whether it is. Whoever was put off is due when it is over.
pub fn judge(
    conn: &mut Conn,
    job: &str,
    execution: &Execution,
    refused: Option<&Failure>,
    was_slow: bool,
    now: Timestamp,
) -> Result<Option<Quarantine>> {
    let before = jobs::find(conn, job)?.and_then(|job| job.status.quarantine);
    if let Some(refused) = refused {
        return Ok(Some(locked_out(before, refused, now)));
    }
    let before = before.filter(|quarantine| quarantine.next.is_some());
    // Only an attempt that succeeded says anything.
    let is_under_way = before.as_ref().is_some_and(|before| is_trying(before, now));
    if was_slow || execution.failed.is_some() || (is_under_way && wakes::any_due(conn, job, now)?) {
        return Ok(before);
    }
    let series = before.as_ref().map_or(now, |before| before.since);
    let from = series.min(now).saturating_sub(WINDOW).unwrap_or(now);
    if let Some(put_off_to) = before.as_ref().and_then(|before| before.next) {
        wakes::bring_forward(conn, job, put_off_to, now)?;
    }
    let standing = volumes::standing(conn, job)?;
    let volumes = [standing, volumes::since(conn, job, from)?];
    let Some(reason) = quarantine::judge(&volumes) else {
        return Ok(None);
    };
    let imposed = before.map_or(0, |before| before.count) + 1;
    Ok(Some(Quarantine {
        reason: reason.name().into(),
        since: series,
        message: message(conn, job, reason, standing.refused)?,
        imposed: Some(now),
        count: imposed,
        next: now.checked_add(quarantine::pause(imposed)).ok(),
    }))
}

/// A system refuses the job's credentials. A pace that is slow stays so.
fn locked_out(before: Option<Quarantine>, refused: &Failure, now: Timestamp) -> Quarantine {
    match before {
        Some(before) if before.reason == LOCKED_OUT => Quarantine {
            imposed: Some(now),
            count: before.count + 1,
            ..before
        },
        before => Quarantine {
            reason: LOCKED_OUT.into(),
            since: now,
            message: refused.message.clone(),
            imposed: Some(now),
            count: 1,
            next: before.and_then(|before| before.next),
        },
    }
}

fn is_trying(quarantine: &Quarantine, now: Timestamp) -> bool {
    let due = quarantine.next.unwrap_or(now);
    (SignedDuration::ZERO..LONGEST_ATTEMPT).contains(&now.duration_since(due))
}

fn message(conn: &mut Conn, job: &str, reason: Reason, refused: u64) -> Result<String> {
    let why = match reason {
        Reason::Total => "with references to people without an account, these are more than 60,000",
        Reason::Base => "these are more than 40,000",
        Reason::Proportion => "these are more than 40 % of those who were to be served",
    };
    let commonest = findings::causes(conn, job, Weight::Failure, 1)?;
    let cause = commonest.first().map_or_else(String::new, |most| {
        format!(
            "; {} of them with one cause, {}: {}",
            most.count, most.code, most.cause
        )
    });
    Ok(format!(
        "{refused} people are refused, and {why}{cause}. Leavers are served all the same, everybody else at the next attempt: correct the cause, then start the job"
    ))
}

/// Ends a quarantine of whatever kind because somebody says so.
pub fn lift(conn: &mut Conn, job: &str, now: Timestamp) -> Result<()> {
    let mut before = None;
    jobs::update_status(conn, job, |status| {
        before = status.quarantine.take();
        status.forgiven += 1;
    })?;
    match before.and_then(|before| before.next) {
        Some(put_off_to) => wakes::bring_forward(conn, job, put_off_to, now),
        None => Ok(()),
    }
}

/// Has the next attempt made at once: what may have been the cause is another.
pub fn hurry(conn: &mut Conn, job: &str, now: Timestamp) -> Result<()> {
    let before = jobs::find(conn, job)?.and_then(|job| job.status.quarantine?.next);
    let Some(put_off_to) = before.filter(|next| *next > now) else {
        return Ok(());
    };
    jobs::update_status(conn, job, |status| {
        if let Some(quarantine) = &mut status.quarantine {
            quarantine.next = Some(now);
        }
    })?;
    wakes::bring_forward(conn, job, put_off_to, now)
}

/// Leaves on a page those who are to be disabled, and puts the others off to the next attempt, or to a date of their own that
/// comes before. Nothing of theirs was sent.
pub async fn leave_leavers(cx: &Context, page: &mut Page) -> Result<()> {
    let subjects = std::mem::take(&mut page.subjects);
    let (leavers, others): (Vec<_>, Vec<_>) = subjects.into_iter().partition(is_leaver);
    page.subjects = leavers;
    let others: Vec<PutOff> = others.into_iter().map(PutOff::from).collect();
    if others.is_empty() {
        return Ok(());
    }
    let (job, token, now) = (cx.origin.job.clone(), cx.token, cx.clock.now());
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            // Somebody may have ended the quarantine just now: then nobody is put off.
            let status = jobs::find(conn, &job)?.map(|job| job.status);
            let status = status.filter(|status| status.is_slow(now));
            match status.and_then(|status| status.quarantine?.next) {
                Some(next) => put_off(conn, &job, &others, next),
                None => Ok(()),
            }
        })
        .await
}

/// Who is put off, and the next instant at which their plan may be another.
struct PutOff {
    wake: Wake,
    date: Option<Timestamp>,
}

impl From<Subject> for PutOff {
    fn from(subject: Subject) -> PutOff {
        PutOff {
            date: subject.planned.and_then(|planned| planned.revisit),
            wake: subject.wake,
        }
    }
}

fn put_off(conn: &mut Conn, job: &str, others: &[PutOff], next: Timestamp) -> Result<()> {
    let mut undated = Vec::new();
    for PutOff { wake, date } in others {
        match date.filter(|date| *date < next) {
            // A last day may be over before that.
            Some(due) => {
                let again = Again {
                    due,
                    cause: wake.cause,
                    attempts: wake.attempts,
                };
                wakes::put_off(conn, job, wake, &again)?;
            }
            None => undated.push(wake),
        }
    }
    wakes::defer(conn, job, &undated, next)
}

/// Somebody is to be disabled, or was in this cycle, and the rest of the change is planned anew.
fn is_leaver(subject: &Subject) -> bool {
    if !subject.marks.is_empty() {
        return true;
    }
    let ends = |effect: &Effect| matches!(effect, Effect::Disable | Effect::Delete);
    let planned = subject.planned.iter().flat_map(|planned| &planned.change.effects);
    let mut held = subject.held.iter().map(|held| &held.action);
    planned.into_iter().any(ends) || held.any(|action| matches!(action, Action::Disable | Action::Delete))
}
