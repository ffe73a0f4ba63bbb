//! When a worker is looked at again (B25): after silence soon and then ever later, after a refusal up the ladder.

use jiff::{SignedDuration, Timestamp};

use super::log::{self, Ending};
use super::subject::Subject;
use crate::domain::finding::Weight;
use crate::domain::link::LOOK_AGAIN;
use crate::domain::plan::Planned;
use crate::error::Error;
use crate::store::changes::Sent;
use crate::store::escrows::Escrow;
use crate::store::wakes::{Again, Cause, Wake};

/// How often, and after how long, what was refused is tried again.
struct Ladder {
    /// The refusal's code; the last row is everything else's.
    code: &'static str,
    /// Minutes from one refusal to the next attempt; the last one repeats.
    minutes: &'static [i64],
    /// Together four weeks.
    attempts: i32,
}

#[rustfmt::skip]
const LADDERS: &[Ladder] = &[
    // Somebody in HR has to finish, or approve, what is open about this person (B30).
    Ladder { code: "PendingProcess",   minutes: &[5, 10, 20, 40, 60, 120, 240, 360, 720], attempts: 62 },
    // HR makes accounts of its own on, or after, the first day.
    Ladder { code: "NoWorkdayAccount", minutes: &[60, 120, 360, 720, 1440],               attempts: 32 },
    Ladder { code: "",                 minutes: &[360, 360, 720, 1440],                   attempts: 31 },
];

fn ladder(code: &str) -> &'static Ladder {
    let own = LADDERS.iter().find(|ladder| ladder.code == code);
    own.unwrap_or(&LADDERS[LADDERS.len() - 1])
}

/// A change that meets silence is tried again after a wait that doubles each time; after so many tries that others
/// on the page did not share, it is a refusal like any other.
pub const SILENT_TRIES: i32 = 8;

/// How soon a worker whose change could not be sent is looked at again.
const SOON: SignedDuration = SignedDuration::from_secs(1);
/// However long a target asks us to stay away, it is tried again after this.
const LONGEST_REQUEST: SignedDuration = SignedDuration::from_mins(5);
/// So long after nobody answered for it a create has arrived, or never does.
const LATEST_CREATE: SignedDuration = SignedDuration::from_mins(3);
const HELD_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// After a call that the target did not answer, or asked us to make later: that is no silence, and counts as no try.
pub fn after_silence(error: Option<&Error>, wake: &Wake, now: Timestamp) -> Again {
    let asked = error
        .and_then(|error| error.retry_after)
        .and_then(|wait| SignedDuration::try_from(wait).ok());
    let (wait, attempts) = match asked {
        Some(wait) => (wait.min(LONGEST_REQUEST), wake.attempts),
        None => (
            SOON * (1 << wake.attempts.clamp(0, SILENT_TRIES)),
            wake.attempts + 1,
        ),
    };
    Again {
        due: now.saturating_add(wait).unwrap_or(now),
        cause: wake.cause,
        attempts,
    }
}

/// A create that nobody answered for may be carried out after the target was asked about it. Whoever is not to get an account any
/// more is looked for again until it cannot be.
pub fn may_come(sent: &Sent, now: Timestamp) -> bool {
    sent.change.creates() && now.duration_since(sent.at) < LATEST_CREATE
}

/// When whoever it is for is looked at again.
pub fn after_lost_create(sent: &Sent, now: Timestamp) -> Again {
    Again {
        due: sent.at.saturating_add(LATEST_CREATE).unwrap_or(now),
        cause: Cause::Revisit,
        attempts: 0,
    }
}

/// Why a change is kept in escrow, as the log has it.
pub struct Refusal {
    pub code: String,
    pub reason: String,
    /// The worker's record alone is what is wrong.
    pub lasts: bool,
}

impl Refusal {
    pub fn of(planned: &Planned, ending: &Ending) -> Option<Refusal> {
        let status = log::status(planned, ending);
        let failures = || {
            let findings = planned.findings.iter();
            findings.filter(|finding| finding.weight == Weight::Failure)
        };
        (status.word == "failure").then(|| Refusal {
            code: status.code.unwrap_or_default(),
            reason: status.reason.unwrap_or_default(),
            lasts: ending.error.is_none() && failures().all(|finding| finding.lasts),
        })
    }
}

/// The refusal as it is kept. One that is met again before its time counts as the same attempt.
pub fn refused(subject: &Subject, refusal: Refusal, now: Timestamp) -> Escrow {
    match &subject.escrow {
        Some(before)
            if before.code == refusal.code
                && before.next.is_none() == refusal.lasts
                && before.next.is_none_or(|next| now < next)
                && subject.places.is_empty() =>
        {
            Escrow {
                reason: refusal.reason,
                ..before.clone()
            }
        }
        before => {
            let attempts = before.as_ref().map_or(0, |before| before.attempts) + 1;
            escrow(&subject.worker.anchor, refusal, attempts, now)
        }
    }
}

/// Whether this is another refusal than the one before, and belongs in the log: the last attempt does, too.
pub fn is_news(before: Option<&Escrow>, escrow: Option<&Escrow>) -> bool {
    // What a target says of the same refusal differs each time, by the number of the call for one.
    let said = |escrow: &Escrow| escrow.next.is_none().then(|| escrow.reason.clone());
    let told = |escrow: &Escrow| (escrow.code.clone(), said(escrow), next_try(escrow).is_none());
    before.map(told) != escrow.map(told)
}

pub fn escrow(worker: &str, refusal: Refusal, attempts: i32, now: Timestamp) -> Escrow {
    let Refusal { code, reason, lasts } = refusal;
    let steps = ladder(&code).minutes;
    let step = usize::try_from(attempts - 1).unwrap_or(0).min(steps.len() - 1);
    let wait = SignedDuration::from_mins(steps[step]);
    Escrow {
        worker: worker.to_string(),
        code,
        reason,
        attempts,
        next: (!lasts).then(|| now.saturating_add(wait).unwrap_or(now)),
    }
}

/// When what was refused is tried again; `None` once it has been refused for four weeks, or where that cannot help.
pub fn next_try(escrow: &Escrow) -> Option<Again> {
    let due = escrow.next?;
    (escrow.attempts < ladder(&escrow.code).attempts).then_some(Again {
        due,
        cause: Cause::Retry,
        attempts: 0,
    })
}

/// After this long the log tells again of a reference that waits.
pub const REMIND: SignedDuration = SignedDuration::from_hours(24);

/// When a worker is looked at again whose reference waits: somebody may have to be told again.
pub fn remind(planned: &Planned, now: Timestamp) -> Option<Again> {
    planned.waits().then(|| Again {
        due: now.saturating_add(REMIND).unwrap_or(now),
        cause: Cause::Retry,
        attempts: 0,
    })
}

/// When this worker is to be looked at again, if nobody wakes them before. `turn` is when they begin or leave next, or another
/// record of the same person does.
pub fn next_look(
    planned: &Planned,
    turn: Option<Timestamp>,
    ending: &Ending,
    escrow: Option<&Escrow>,
    now: Timestamp,
) -> Option<Again> {
    let revisit = planned.revisit.map(|due| Again {
        due,
        cause: if turn == Some(due) {
            Cause::Turn
        } else {
            Cause::Revisit
        },
        attempts: 0,
    });
    let held = (!ending.held.is_empty()).then(|| Again {
        due: now.saturating_add(HELD_AGAIN).unwrap_or(now),
        cause: Cause::Held,
        attempts: 0,
    });
    let event = ending.done.as_ref().and_then(|receipt| receipt.event.as_ref());
    let approval = event.filter(|event| event.waiting).map(|_| Again {
        due: now.saturating_add(LOOK_AGAIN).unwrap_or(now),
        cause: Cause::Revisit,
        attempts: 0,
    });
    [revisit, escrow.and_then(next_try), held, approval]
        .into_iter()
        .flatten()
        .min_by_key(|again| again.due)
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;
    use crate::domain::account::{Anchor, Values};
    use crate::domain::plan::{Change, Effect, Recipe};

    pub fn create() -> Effect {
        Effect::Create {
            values: Values::new(),
            container: None,
            enabled: true,
            password: Recipe::default(),
        }
    }

    pub fn sent(account: Option<&str>, effect: Effect, minutes_ago: i64, now: Timestamp) -> Sent {
        Sent {
            change: Change {
                id: Uuid::now_v7(),
                worker: "1".into(),
                account: account.map(|account| Anchor(account.into())),
                effects: vec![effect],
            },
            endpoint: String::new(),
            plan: Uuid::nil(),
            policy: 1,
            allowed: BTreeMap::new(),
            at: now - SignedDuration::from_mins(minutes_ago),
        }
    }

    #[test]
    fn b26_a_create_may_come_for_three_minutes_after_nobody_answered_for_it() {
        let now = Timestamp::UNIX_EPOCH;
        let create = sent(None, create(), 2, now);
        assert!(may_come(&create, now));
        assert_eq!(
            after_lost_create(&create, now).due,
            now + SignedDuration::from_mins(1)
        );
        assert!(
            !may_come(&create, now + SignedDuration::from_mins(1)),
            "it does not come any more"
        );
        assert!(!may_come(&sent(Some("a"), Effect::Disable, 1, now), now));
    }
}
