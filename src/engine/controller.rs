//! One controller of a target at a time, for everybody who writes to it (B23).

use jiff::SignedDuration;

use super::subject::{Page, Subject};
use super::{Context, unanswered};
use crate::connector::{Endpoint, Session};
use crate::error::{Error, Result};
use crate::store::{jobs, systems, wakes};

/// Opens the controller that this system uses; if it is gone, the next, for everybody.
pub async fn open(cx: &Context) -> Result<Box<dyn Session>> {
    let system = cx.origin.target.clone();
    let pinned = cx
        .store
        .read(move |conn| systems::endpoint(conn, &system))
        .await?;
    let pinned = pinned.map(|(endpoint, _)| endpoint);
    let target = &cx.runner.target;
    let session = target.open(pinned.clone().map(Endpoint).as_ref()).await?;
    let chosen = session.endpoint().0.clone();
    if pinned.as_ref() != Some(&chosen) {
        let (system, now, from) = (cx.origin.target.clone(), cx.clock.now(), pinned.clone());
        let switched = cx
            .store
            .write(move |conn| systems::switch_endpoint(conn, &system, from.as_deref(), &chosen, now))
            .await?;
        if !switched {
            return Err(Error::unavailable(
                "another job moved this system to another controller: following it",
            ));
        }
        tracing::info!(system = %cx.origin.target, from = ?pinned, to = %session.endpoint().0, "controller in use");
    }
    Ok(session)
}

/// Opens a controller for somebody who only looks: the one in use, if it answers, and nobody else moves along.
pub async fn look(cx: &Context) -> Result<Box<dyn Session>> {
    let system = cx.origin.target.clone();
    let pinned = cx
        .store
        .read(move |conn| systems::endpoint(conn, &system))
        .await?;
    let pinned = pinned.map(|(endpoint, _)| Endpoint(endpoint));
    cx.runner.target.open(pinned.as_ref()).await
}

/// After a switch of controllers, whoever may have been created or deleted on the old one is taken off the page
/// until the two had time to agree.
pub async fn wait_for_replication(cx: &Context, session: &dyn Session, page: &mut Page) -> Result<()> {
    let system = cx.origin.target.clone();
    let current = cx
        .store
        .read(move |conn| systems::endpoint(conn, &system))
        .await?;
    let Some((endpoint, since)) = current else {
        return Ok(());
    };
    if endpoint != session.endpoint().0 {
        return Err(Error::unavailable(
            "this system moved to another controller: following it",
        ));
    }
    let delay = SignedDuration::try_from(cx.runner.replication_delay).unwrap_or(SignedDuration::ZERO);
    let settled = since.saturating_add(delay).unwrap_or(since);
    if cx.clock.now() >= settled {
        return Ok(());
    }
    let waits = |subject: &Subject| {
        let elsewhere = || subject.unknown.iter().filter(|sent| sent.endpoint != endpoint);
        if subject.found.accounts.is_empty() {
            return elsewhere().next().is_some() || subject.link.is_some() || subject.outlived.is_some();
        }
        // What was found may be another than the one that was made there.
        let makes = elsewhere().any(|sent| sent.change.creates());
        makes && subject.link.is_none() && !unanswered::is_found(&cx.runner.policy, subject)
    };
    let waiting: Vec<Subject> = page.subjects.extract_if(.., |subject| waits(subject)).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let (id, token) = (cx.origin.job.clone(), cx.token);
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &id, token)?;
            for wake in waiting.iter().map(|subject| &subject.wake) {
                let again = wakes::Again {
                    due: settled,
                    cause: wake.cause,
                    attempts: wake.attempts,
                };
                wakes::put_off(conn, &id, wake, &again)?;
            }
            Ok(())
        })
        .await
}
