//! The review of a job's first cycle (B9), and of every cycle of an app that only plans: what is planned is kept to be read, and
//! not written before a person has released it.

mod doubles;
mod release;

use std::collections::HashMap;

use futures::StreamExt;
use jiff::Timestamp;

use super::reconcile::Subject;
use super::{Context, Engine};
pub(super) use doubles::doubles;
pub use release::{Cohort, Released, Standings, Strays};

use crate::config::{FirstCycle, Mode};
use crate::connector::Session;
use crate::domain::policy::Policy;
use crate::domain::review::{Case, Gate, HELD, PLANNED, Standing};
use crate::error::{Error, Kind, Result};
use crate::store::jobs::{self, Reviewed};
use crate::store::reviews::{self, Review};
use crate::store::wakes::{self, Cause};
use crate::store::{Conn, links};

/// Accounts that are named as the reason for a review.
const NAMED: usize = 5;

/// Workers whose reviews are ended together.
const PAGE: i64 = 1_000;

/// What is planned for a worker and not done.
#[derive(Clone, Debug)]
pub struct Withheld {
    pub case: Case,
    pub apart: bool,
    /// The log's code, and why.
    pub code: &'static str,
    pub reason: String,
    /// It is something else than what the look before found.
    pub is_news: bool,
    /// The account was found just now, so that others can be pointed at it.
    pub appears: bool,
}

/// Whether a job's cycle may write. Where the target holds accounts already that the job did not make, its first may not.
pub(super) async fn gate(cx: &Context, session: &dyn Session) -> Result<Gate> {
    let app = &cx.runner.app;
    let id = cx.origin.job.clone();
    let (status, linked) = cx
        .store
        .read(move |conn| {
            let status = jobs::find(conn, &id)?.map(|job| job.status);
            Ok((status.unwrap_or_default(), links::count(conn, &id)? > 0))
        })
        .await?;
    if app.mode == Mode::Plan {
        if !status.only_planned {
            remember(cx, status.first_cycle, true).await?;
        }
        return Ok(Gate::Shadow);
    }
    let reviewed = match (app.first_cycle, status.first_cycle.clone()) {
        (FirstCycle::Apply, _) => Reviewed::Over,
        (FirstCycle::Review, Reviewed::NotYet) if linked => Reviewed::Over,
        (FirstCycle::Review, Reviewed::NotYet) => look_around(cx, session).await?,
        (FirstCycle::Review, known) => known,
    };
    let waits = matches!(reviewed, Reviewed::Waits { .. });
    let was_waiting = matches!(status.first_cycle, Reviewed::Waits { .. });
    if !waits && (was_waiting || status.only_planned) {
        open(cx).await?;
    } else if reviewed != status.first_cycle || status.only_planned {
        remember(cx, reviewed, false).await?;
    }
    Ok(if waits { Gate::Review } else { Gate::Open })
}

/// The same for who only looks, as far as it is known.
pub(super) async fn standing(cx: &Context) -> Result<Gate> {
    if cx.runner.app.mode == Mode::Plan {
        return Ok(Gate::Shadow);
    }
    let id = cx.origin.job.clone();
    let job = cx.store.read(move |conn| jobs::find(conn, &id)).await?;
    let waits = job.is_some_and(|job| matches!(job.status.first_cycle, Reviewed::Waits { .. }));
    Ok(if waits { Gate::Review } else { Gate::Open })
}

/// Whether somebody has to read first what a job would do here.
async fn look_around(cx: &Context, session: &dyn Session) -> Result<Reviewed> {
    // People's records in HR are there before anything is written home (B30).
    let is_home = cx.runner.policy.model.record.is_some();
    let examples = match is_home {
        true => Vec::new(),
        false => living(session).await?,
    };
    if examples.is_empty() && !is_home {
        return Ok(Reviewed::Over);
    }
    tracing::warn!(job = %cx.origin.job, "the target holds accounts already: the first cycle waits for its review");
    Ok(Reviewed::Waits {
        since: cx.clock.now(),
        examples,
    })
}

/// Whether the first cycle is still to be read, so that what a person does by hand is remembered as read.
pub(super) async fn is_due(cx: &Context) -> Result<bool> {
    if cx.runner.app.first_cycle == FirstCycle::Apply {
        return Ok(false);
    }
    let id = cx.origin.job.clone();
    let job = cx.store.read(move |conn| jobs::find(conn, &id)).await?;
    Ok(job.is_some_and(|job| job.status.first_cycle != Reviewed::Over))
}

/// Some accounts of people that are there already, by their readable addresses.
async fn living(session: &dyn Session) -> Result<Vec<String>> {
    let mut pages = session.list();
    let mut named = Vec::new();
    while let Some(page) = pages.next().await.transpose()? {
        let living = page
            .into_iter()
            .filter(|account| account.protected.is_none() && !account.deleted);
        named.extend(living.map(|account| account.address).take(NAMED - named.len()));
        if named.len() == NAMED {
            break;
        }
    }
    Ok(named)
}

async fn remember(cx: &Context, reviewed: Reviewed, only_planned: bool) -> Result<()> {
    let (id, token) = (cx.origin.job.clone(), cx.token);
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &id, token)?;
            jobs::update_status(conn, &id, |status| {
                status.first_cycle = reviewed.clone();
                status.only_planned = only_planned;
            })
        })
        .await
}

/// Nobody has to read anything any more: whoever waited is looked at.
async fn open(cx: &Context) -> Result<()> {
    loop {
        let (id, token, now) = (cx.origin.job.clone(), cx.token, cx.clock.now());
        let ended = cx.store.write(move |conn| {
            jobs::fence(conn, &id, token)?;
            let some = reviews::standing(conn, &id, Standing::Withheld, "", PAGE)?;
            let workers = super::texts(&some);
            reviews::end(conn, &id, &workers)?;
            wakes::wake(conn, &id, &workers, now, Cause::Held)?;
            if some.is_empty() {
                reviews::clear(conn, &id)?;
                jobs::update_status(conn, &id, |status| {
                    status.first_cycle = Reviewed::Over;
                    status.only_planned = false;
                })?;
            }
            Ok(some.len())
        });
        if ended.await? == 0 {
            return Ok(());
        }
    }
}

/// Takes out of a worker's plan what nobody has released.
pub fn withhold(policy: &Policy, gate: Gate, subject: &mut Subject) {
    (subject.withheld, subject.reviewed) = (None, false);
    let Some(planned) = &mut subject.planned else {
        return;
    };
    if subject.speaker.is_some() {
        return;
    }
    let before = subject.review.as_ref();
    let standing = before.map(|review| review.standing);
    let is_under_way = subject.earlier.is_some() || !subject.unknown.is_empty();
    let case = Case::of(policy, &subject.worker, planned);
    let unread = || before.and_then(|review| review.case.unreviewed(&case));
    let waiting = "the first cycle waits until a person has read what it would do: `muster review` shows it, and `muster release` lets it go on";
    let (code, reason) = match (gate, standing) {
        (Gate::ByHand { .. }, _) | (Gate::Open, None) => return,
        (Gate::Shadow, _) => (
            PLANNED,
            "this app only plans (mode = \"plan\"): nothing is written".to_string(),
        ),
        (_, Some(Standing::Done)) => return,
        (_, Some(Standing::Released)) => match unread().filter(|_| !is_under_way) {
            None => {
                subject.reviewed = true;
                return;
            }
            Some(unread) => {
                let attribute = unread.attribute.as_deref().unwrap_or("account");
                let reason = format!(
                    "it is not what was released any more ({attribute}: {}): read it again",
                    unread.message
                );
                (HELD, reason)
            }
        },
        (_, Some(Standing::Withheld)) | (Gate::Review, None) => (HELD, waiting.to_string()),
    };
    let known = before.map(|review| &review.case);
    let account = &case.proposal.account;
    subject.withheld = Some(Withheld {
        is_news: known.is_none_or(|known| known.proposal.effects != case.proposal.effects),
        appears: account.is_some() && known.is_none_or(|known| known.proposal.account != *account),
        apart: before.is_some_and(|review| review.apart),
        code,
        reason,
        case,
    });
    planned.change.effects.clear();
}

/// What a review keeps of a look.
pub fn kept(policy: &Policy, gate: Gate, subject: &Subject, is_over: bool) -> Option<Kept> {
    let worker = subject.worker.anchor.clone();
    let before = subject.review.as_ref().map(|review| review.standing);
    if let Some(withheld) = &subject.withheld {
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
        (true, known) => {
            let row = Review {
                worker,
                standing: Standing::Done,
                apart: known.as_ref().is_some_and(|review| review.apart),
                case: Case::of(policy, &subject.worker, planned),
            };
            Some(Kept::Row(Box::new(row), before))
        }
        // Everybody has been released: whoever was served needs no row.
        (false, Some(_)) => Some(Kept::End(worker)),
        (false, None) => None,
    }
}

/// What becomes of a worker's row.
pub enum Kept {
    /// With how the worker stood when it was planned.
    Row(Box<Review>, Option<Standing>),
    End(String),
}

/// Puts it down, in the commit of a page. Who was released meanwhile was released for what was there to be read: that stays, and
/// he is looked at again.
pub fn write(conn: &mut Conn, job: &str, kept: &[&Kept], now: Timestamp) -> Result<()> {
    let (mut rows, mut ended) = (Vec::new(), Vec::new());
    for one in kept {
        match one {
            Kept::Row(row, before) => rows.push((row.as_ref(), *before)),
            Kept::End(worker) => ended.push(worker.as_str()),
        }
    }
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

impl Engine {
    /// Error `PlansOnly`: the app writes nothing, whoever asks for it.
    pub(super) fn may_write(&self, job: &str) -> Result<()> {
        match self.runner(job)?.app.mode {
            Mode::Apply => Ok(()),
            Mode::Plan => Err(Error::new(
                Kind::Conflict,
                "this app only plans, and writes nothing: set mode = \"apply\" first",
            )
            .code("PlansOnly")),
        }
    }
}
