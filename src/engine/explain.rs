//! Why? One worker is looked at as the job would, and nothing is written: the job goes on meanwhile, and neither its lease nor its
//! controller is touched.

use serde_json::Value as Json;
use uuid::Uuid;

use super::names::Promised;
use super::reconcile;
use super::subject::{Page, Subject};
use super::{Context, Engine, controller, cycle, holding, on_demand, planning, review};
use crate::connector::Session;
use crate::domain::explain::{self, Explanation, Known, Logged, Refused, Standing};
use crate::domain::guard::History;
use crate::domain::plan::{Moment, Receipt};
use crate::error::{Error, Kind, Result};
use crate::store::jobs::State;
use crate::store::logs::{self, Column, Condition, Query};
use crate::store::wakes::Cause;
use crate::store::{Conn, changes, escrows, from_json, jobs, uploads, wakes};

/// Receipts that are looked through for the last change of an attribute.
const RECEIPTS: i64 = 1_000;

/// A lease that nobody has: whatever would write is refused.
const NONE: i64 = -1;

impl Engine {
    /// Why a worker's account, or one attribute of it, is as it is. The worker is named by HR's own key or by the number that
    /// accounts are matched by.
    pub async fn explain(&self, job: &str, named: &str, attribute: Option<&str>) -> Result<Explanation> {
        let runner = self.current(job).await?;
        let cx = self.context(&runner, NONE, Uuid::now_v7()).await?;
        let anchor = on_demand::anchor(&cx.store, &cx.runner, named).await?;
        let moment = reconcile::moment(cx.clock.now());
        let (page, unreached) = match controller::look(&cx).await {
            // Whatever keeps the job from its target keeps us from looking.
            Err(error) => (remembered(&cx, &anchor, &moment).await?, Some(error)),
            Ok(session) => match look(&cx, session.as_ref(), &anchor, &moment).await {
                Ok(page) => (page, None),
                Err(error) if is_of_target(&error) => (remembered(&cx, &anchor, &moment).await?, Some(error)),
                Err(error) => return Err(error),
            },
        };
        let Some(subject) = page.subjects.first() else {
            return Err(on_demand::unknown(named));
        };
        let (standing, receipts) = stands(&cx, subject).await?;
        let plan = match (&unreached, &subject.planned) {
            (None, Some(planned)) => Ok((planned, subject.held.as_slice())),
            (Some(error), _) => Err(error.to_string()),
            (None, None) => return Err(Error::internal("the worker was not planned")),
        };
        let names: Vec<(String, String)> = subject.names.clone().into_iter().collect();
        let known = Known {
            policy: &cx.runner.policy,
            worker: &subject.worker,
            moment: &moment,
            plan,
            link: subject.link.as_ref(),
            holds: &subject.holds,
            receipts: &receipts,
            names: &names,
            standing,
        };
        Ok(explain::explain(&known, attribute))
    }
}

/// Whatever the target, or the way to it, has to do with.
fn is_of_target(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Unavailable | Kind::TooMany | Kind::Unauthenticated | Kind::Forbidden
    )
}

async fn look(cx: &Context, session: &dyn Session, anchor: &str, moment: &Moment) -> Result<Page> {
    let mut page = load(cx, anchor).await?;
    page.history = history(cx).await?;
    page.gate = review::standing(cx).await?;
    planning::look(cx, session, page, moment, &Promised::default()).await
}

/// The worker as known here, where the target cannot be asked.
async fn remembered(cx: &Context, anchor: &str, moment: &Moment) -> Result<Page> {
    let mut page = load(cx, anchor).await?;
    holding::gather(cx, &mut page.subjects, moment).await?;
    for subject in &mut page.subjects {
        subject.worker.turn_to(moment.now);
    }
    Ok(page)
}

async fn load(cx: &Context, anchor: &str) -> Result<Page> {
    let (job, anchors) = (cx.origin.job.clone(), vec![anchor.to_string()]);
    let due = cx
        .store
        .read(move |conn| wakes::of(conn, &job, &anchors, Cause::Full))
        .await?;
    reconcile::load(cx, due).await
}

async fn history(cx: &Context) -> Result<History> {
    let (id, now, model) = (cx.origin.job.clone(), cx.clock.now(), cx.runner.policy.model);
    cx.store
        .read(move |conn| cycle::history(conn, &id, &model, now))
        .await
}

/// Where the job and the worker stand, and what was done to the account, newest first.
async fn stands(cx: &Context, subject: &Subject) -> Result<(Standing, Vec<(String, Receipt)>)> {
    let source_unread = match &cx.runner.puller {
        Some(puller) => puller.standing(&cx.store).await?.1,
        None => false,
    };
    let (job, anchor) = (cx.origin.job.clone(), subject.worker.anchor.clone());
    let source = cx.origin.source.clone();
    cx.store
        .read(move |conn| {
            let known = jobs::find(conn, &job)?;
            let next = wakes::next_of(conn, &job, &anchor)?;
            let refusal = escrows::of(conn, &job, &[&anchor])?.pop();
            let standing = Standing {
                is_stopped: known.as_ref().is_some_and(|job| job.state != State::Active),
                quarantine: known
                    .and_then(|job| job.status.quarantine)
                    .map(|quarantine| quarantine.message),
                source_unread,
                unheard: uploads::waiting(conn, &source)?,
                next_look: next.as_ref().map(|(at, _)| *at),
                next_cause: next.map(|(_, cause)| cause),
                refusal: refusal.map(|escrow| Refused {
                    code: escrow.code,
                    reason: escrow.reason,
                    attempts: escrow.attempts,
                    next: escrow.next,
                }),
                logged: logged(conn, &job, &anchor)?,
            };
            Ok((standing, changes::history(conn, &job, &anchor, RECEIPTS)?))
        })
        .await
}

/// What the log says last of a worker.
fn logged(conn: &mut Conn, job: &str, anchor: &str) -> Result<Option<Logged>> {
    let of_worker = Query {
        conditions: vec![
            Condition::Is(Column::Job, job.to_string()),
            Condition::Is(Column::Source, anchor.to_string()),
        ],
        limit: 1,
        ..Query::default()
    };
    let Some((_, body)) = logs::query(conn, &of_worker)?.pop() else {
        return Ok(None);
    };
    let entry: Json = from_json(&body)?;
    let text = |value: &Json| value.as_str().map(str::to_string);
    let info = &entry["provisioningStatusInfo"];
    let error = &info["errorInformation"];
    let at = text(&entry["activityDateTime"]).and_then(|at| at.parse().ok());
    Ok(at.map(|at| Logged {
        at,
        cycle: text(&entry["cycleId"]).unwrap_or_default(),
        action: text(&entry["provisioningAction"]).unwrap_or_default(),
        status: text(&info["status"]).unwrap_or_default(),
        code: text(&error["errorCode"]),
        reason: text(&error["reason"]),
    }))
}
