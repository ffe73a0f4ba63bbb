//! A job in quarantine by the volume of what is refused (B25): entered, kept and left at a cycle's end.
//!
//! Its pace falls to once a day, in attempts: cycles like any other, after which it is judged anew. In between HR is heard
//! and everybody who is due is looked at, but only who is to be disabled is served (B13); everybody else is put off to the
//! next attempt. The job is never disabled, however long that lasts.

use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::subject::{Page, Subject};
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

/// An attempt that failed is made again after this, as the ladder of outages ends (B25).
const AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// The quarantine that is in force after a cycle, and says whether it is. Whoever was put off is due when it is over.
pub fn judge(
    conn: &mut Conn,
    job: &str,
    execution: &Execution,
    refused: Option<&Failure>,
    was_slow: bool,
    now: Timestamp,
) -> Result<Option<Quarantine>> {
    let mut before = jobs::find(conn, job)?.and_then(|job| job.status.quarantine);
    if execution.failed.is_some() && !was_slow {
        before = before.map(|before| put_off_attempt(before, now));
    }
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

/// After an attempt that failed: while the source is silent a cycle ends as usual, and the next would begin at once.
fn put_off_attempt(quarantine: Quarantine, now: Timestamp) -> Quarantine {
    let again = now.saturating_add(AGAIN).unwrap_or(now);
    Quarantine {
        next: quarantine.next.map(|_| again),
        ..quarantine
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
    let (subjects, now) = (std::mem::take(&mut page.subjects), cx.clock.now());
    let (leavers, others): (Vec<_>, Vec<_>) =
        subjects.into_iter().partition(|subject| is_leaver(subject, now));
    page.subjects = leavers;
    let others: Vec<PutOff> = others.into_iter().map(PutOff::from).collect();
    if others.is_empty() {
        return Ok(());
    }
    let (job, token) = (cx.origin.job.clone(), cx.token);
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

/// Somebody is to be disabled, or was in this cycle, and the rest of the change is planned anew; or an account may still come for
/// somebody who is not to have one.
fn is_leaver(subject: &Subject, now: Timestamp) -> bool {
    if !subject.marks.is_empty() || !subject.creates() && subject.arrives(now) {
        return true;
    }
    let ends = |effect: &Effect| matches!(effect, Effect::Disable | Effect::Delete);
    let planned = subject.planned.iter().flat_map(|planned| &planned.change.effects);
    let mut held = subject.held.iter().map(|held| &held.action);
    planned.into_iter().any(ends) || held.any(|action| matches!(action, Action::Disable | Action::Delete))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::worker::Worker;
    use crate::engine::retry::tests::{create, sent};
    use crate::store::jobs::{Job, State, Status};
    use crate::store::wakes::{Cause, Wake};
    use crate::store::{Location, Store};

    const JOB: &str = "job";

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
    }

    /// A job of which too much was refused, and which tries again at minute 60.
    fn job() -> Job {
        let quarantine = Quarantine {
            reason: "EncounteredBaseEscrowThreshold".into(),
            since: at(0),
            message: "too much is refused".into(),
            imposed: Some(at(0)),
            count: 1,
            next: Some(at(60)),
        };
        Job {
            id: JOB.into(),
            app: "app".into(),
            template: "API2AD".into(),
            source: "hr".into(),
            target: "corp".into(),
            state: State::Active,
            created: at(0),
            schema_version: 1,
            status: Status {
                quarantine: Some(quarantine),
                ..Status::default()
            },
        }
    }

    #[test]
    fn b13_whoever_may_get_an_account_against_hrs_word_is_looked_at_in_quarantine() {
        let mut subject = Subject::new(Wake::unkept("1", Cause::Said), Worker::new("1"));
        assert!(!is_leaver(&subject, at(0)));
        subject.unknown = vec![sent(None, create(), 1, at(0))];
        assert!(is_leaver(&subject, at(0)));
        assert!(!is_leaver(&subject, at(2)), "it does not come any more");
    }

    /// How often a cycle ran in an hour in which there is something to do at every second, and the source is silent.
    #[tokio::test]
    async fn b25_an_attempt_that_fails_is_made_again_after_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("muster.db").display());
        let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
        let attempts = store.write(|conn| {
            jobs::take_in(conn, &job())?;
            let refused = Failure {
                code: "Unauthorized".into(),
                message: "who are you".into(),
                locked_out: true,
            };
            let mut attempts = Vec::new();
            for (from, refused) in [(60, None), (120, Some(&refused))] {
                let mut count = 0;
                for second in 0..3_600 {
                    let now = at(from) + SignedDuration::from_secs(second);
                    let known = jobs::find(conn, JOB)?.map(|job| job.status).unwrap_or_default();
                    if !known.owes_attempt(now) {
                        continue;
                    }
                    count += 1;
                    let silent = Execution {
                        began: now,
                        ended: now,
                        failed: Some("Unavailable".into()),
                        ..Execution::default()
                    };
                    let judged = judge(conn, JOB, &silent, refused, known.is_slow(now), now)?;
                    jobs::update_status(conn, JOB, |status| status.after(&silent, judged.clone()))?;
                }
                attempts.push(count);
            }
            Ok(attempts)
        });
        assert_eq!(attempts.await.unwrap(), [60, 60]);
    }

    #[tokio::test]
    async fn b25_between_attempts_nothing_that_fails_puts_the_next_off() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("muster.db").display());
        let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
        let judged = store.write(|conn| {
            jobs::take_in(conn, &job())?;
            let silent = Execution {
                failed: Some("Unavailable".into()),
                ..Execution::default()
            };
            judge(conn, JOB, &silent, None, true, at(30))
        });
        let next = judged.await.unwrap().and_then(|quarantine| quarantine.next);
        assert_eq!(next, Some(at(60)));
    }
}
