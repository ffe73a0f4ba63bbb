//! What a look leaves behind of a worker under review (B9).

use std::collections::HashMap;

use jiff::Timestamp;

use super::Withheld;
use crate::domain::link::{self, Situation};
use crate::domain::plan::{Effect, Planned};
use crate::domain::policy::Policy;
use crate::domain::review::{Case, Gate, Standing};
use crate::engine::subject::Subject;
use crate::error::Result;
use crate::store::Conn;
use crate::store::jobs::{self, Reviewed};
use crate::store::reviews::{self, Review};
use crate::store::wakes::{self, Cause};

/// What a review keeps of a look.
pub fn kept(policy: &Policy, gate: Gate, subject: &Subject, is_over: bool) -> Option<Kept> {
    let worker = subject.worker.anchor.clone();
    let before = subject.review.as_ref().map(|review| review.standing);
    // What waits beside that which goes on waits once that is done.
    if let Some(withheld) = subject.waits().filter(|_| is_over || subject.rest.is_none()) {
        if gate == Gate::Open && is_double_no_more(subject, withheld) {
            return Some(Kept::Freed(worker));
        }
        let row = Review {
            worker,
            standing: Standing::Withheld,
            apart: withheld.apart,
            case: withheld.case.clone(),
        };
        return Some(Kept::Row(Box::new(row), before));
    }
    let under_review = match gate {
        Gate::Review => subject.review.is_some(),
        Gate::ByHand { under_review } => under_review,
        Gate::Open | Gate::Shadow => false,
    };
    let planned = subject.planned.as_ref().filter(|_| is_over)?;
    match (under_review, &subject.review) {
        (true, Some(review)) if review.standing == Standing::Done => None,
        // Nothing was done that could be what was read: what comes of it later is read.
        (true, _) if !has_account(planned) => None,
        (true, known) => {
            let row = Review {
                worker,
                standing: Standing::Done,
                apart: known.as_ref().is_some_and(|review| review.apart),
                case: Case::of(policy, &subject.worker, planned),
            };
            Some(Kept::Row(Box::new(row), before))
        }
        // What a limit holds is not done.
        (false, Some(_)) if !subject.held.is_empty() => None,
        // Everybody has been released: whoever was served needs no row.
        (false, Some(_)) => Some(Kept::End(worker)),
        (false, None) => None,
    }
}

/// Whether the worker has an account after this, or gets one.
fn has_account(planned: &Planned) -> bool {
    match &planned.situation {
        Situation::Linked(_) => true,
        Situation::Unlinked { .. } => link::joins(planned),
        _ => planned.change.effects.iter().any(Effect::is_create),
    }
}

/// Whether all that this worker waited for was an account that seemed to be his and is not there any more.
fn is_double_no_more(subject: &Subject, withheld: &Withheld) -> bool {
    let before = subject.review.as_ref();
    before.is_some_and(|review| review.case.is_double()) && !withheld.case.is_double()
}

/// What becomes of a worker's row.
pub enum Kept {
    /// With how the worker stood when it was planned.
    Row(Box<Review>, Option<Standing>),
    End(String),
    /// It ends, and the worker is looked at again, as everybody is who is under no review.
    Freed(String),
}

/// Puts it down, in the commit of a page. Who was released meanwhile was released for what was there to be read: that stays, and
/// he is looked at again.
pub fn write(conn: &mut Conn, job: &str, kept: &[&Kept], now: Timestamp) -> Result<()> {
    let (mut rows, mut ended, mut freed) = (Vec::new(), Vec::new(), Vec::new());
    for one in kept {
        match one {
            Kept::Row(row, before) => rows.push((row.as_ref(), *before)),
            Kept::End(worker) => ended.push(worker.as_str()),
            Kept::Freed(worker) => freed.push(worker.as_str()),
        }
    }
    wakes::wake(conn, job, &freed, now, Cause::Retry)?;
    ended.append(&mut freed);
    if !rows.is_empty() {
        let workers: Vec<&str> = rows.iter().map(|(row, _)| row.worker.as_str()).collect();
        let stands: HashMap<String, Standing> = reviews::of(conn, job, &workers)?
            .into_iter()
            .map(|review| (review.worker, review.standing))
            .collect();
        let status = jobs::find(conn, job)?.map(|job| job.status);
        let is_over =
            status.is_some_and(|status| status.first_cycle == Reviewed::Over && !status.only_planned);
        let is_overtaken = |(row, before): &(&Review, Option<Standing>)| {
            let now = stands.get(&row.worker).copied();
            let is_new = now.is_none() && row.standing == Standing::Withheld;
            now != *before || (is_over && is_new)
        };
        let overtaken: Vec<&str> = rows
            .iter()
            .filter(|row| is_overtaken(row))
            .map(|(row, _)| row.worker.as_str())
            .collect();
        wakes::wake(conn, job, &overtaken, now, Cause::Retry)?;
        let standing: Vec<&Review> = rows
            .iter()
            .filter(|row| !is_overtaken(row))
            .map(|(row, _)| *row)
            .collect();
        reviews::keep(conn, job, &standing)?;
    }
    reviews::end(conn, job, &ended)
}
