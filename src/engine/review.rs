//! The review of a job's first cycle (B9), and of every cycle of an app that only plans: what is planned is kept to be read, and
//! not written before a person has released it.

mod doubles;
mod keep;
mod release;
mod withhold;

use std::collections::HashSet;

use futures::StreamExt;

use super::{Context, Engine};
pub(super) use doubles::doubles;
pub use keep::{Kept, kept, write};
pub use release::{Cohort, Released, Standings, Strays};
pub use withhold::{Withheld, withhold};

use crate::config::{FirstCycle, Mode};
use crate::connector::Session;
use crate::domain::account::Account;
use crate::domain::review::{Gate, Standing};
use crate::error::{Error, Kind, Result};
use crate::store::jobs::{self, Reviewed};
use crate::store::links;
use crate::store::reviews;
use crate::store::wakes::{self, Cause};

/// Accounts that are named as the reason for a review.
const NAMED: usize = 5;

/// Workers whose reviews are ended together.
const PAGE: i64 = 1_000;

/// Whether a job's cycle may write. Where the target holds accounts already that the job did not make, its first may not.
pub(super) async fn gate(cx: &Context, session: &dyn Session) -> Result<Gate> {
    let app = &cx.runner.app;
    let id = cx.origin.job.clone();
    let (status, has_served) = cx
        .store
        .read(move |conn| {
            let status = jobs::find(conn, &id)?.map(|job| job.status);
            Ok((status.unwrap_or_default(), reviews::is_linked_beyond(conn, &id)?))
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
        // It served people before. Whom a person served by hand says nothing of the others.
        (FirstCycle::Review, Reviewed::NotYet) if has_served => Reviewed::Over,
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
        false => living(cx, session).await?,
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

/// Some accounts of people that are there already and that the job did not make, by their readable addresses.
async fn living(cx: &Context, session: &dyn Session) -> Result<Vec<String>> {
    let mut pages = session.list();
    let mut named = Vec::new();
    while let Some(page) = pages.next().await.transpose()? {
        let made = made_here(cx, &page).await?;
        let living = page.into_iter().filter(|account| {
            account.protected.is_none() && !account.deleted && !made.contains(&account.anchor.0)
        });
        named.extend(living.map(|account| account.address).take(NAMED - named.len()));
        if named.len() == NAMED {
            break;
        }
    }
    Ok(named)
}

/// Which of these accounts the job made.
async fn made_here(cx: &Context, accounts: &[Account]) -> Result<HashSet<String>> {
    let job = cx.origin.job.clone();
    let anchors: Vec<String> = accounts.iter().map(|account| account.anchor.0.clone()).collect();
    let linked = cx
        .store
        .read(move |conn| links::sharing(conn, &[&job], &super::texts(&anchors)));
    let made = linked.await?.into_iter().filter(|(_, link)| link.made);
    Ok(made.map(|(_, link)| link.account.0).collect())
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
