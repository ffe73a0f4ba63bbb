//! The review as a person has it before him: the report, and who is released (B9).

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;

use crate::config::Mode;
use crate::connector::Session;
use crate::domain::review::{Case, Report, Standing};
use crate::domain::scope::Scope;
use crate::engine::desk::whole_source;
use crate::engine::{Context, Engine, Runner, controller, texts};
use crate::error::{Error, Kind, Result};
use crate::store::jobs::{self, Reviewed, Status};
use crate::store::reviews::{self, Review};
use crate::store::wakes::{self, Cause};
use crate::store::{Conn, links, uploads, workers};

/// Reviews that are read together.
const PAGE: i64 = 500;

/// Accounts without a worker that are named.
const NAMED: usize = 20;

/// Who is released.
#[derive(Clone, Debug, Default)]
pub struct Cohort {
    /// HR's own keys; nobody but these, if any is named.
    pub workers: Vec<String>,
    /// So many at most, in the order of their keys.
    pub limit: Option<u64>,
    /// Whoever passes all of these: `Department EQUALS Sales`.
    pub filter: Vec<String>,
}

/// What a release came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    pub released: u64,
    /// Who still waits.
    pub withheld: u64,
    /// Of those, who seem to have an account that matching does not find.
    pub possible_existing_accounts: u64,
    /// The review is over: who comes from now on goes the usual way.
    pub is_over: bool,
}

/// Accounts that are nobody's.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Strays {
    pub count: u64,
    /// Some of them, by their readable addresses.
    pub examples: Vec<String>,
    pub enabled: u64,
}

/// A review with all that is around it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standings {
    /// Since when the first cycle waits; nothing where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Some of the accounts for which it waits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because_of: Vec<String>,
    /// The app only plans.
    pub plans_only: bool,
    pub report: Report,
    /// Nothing where the target could not be asked.
    pub accounts_without_worker: Option<Strays>,
}

impl Engine {
    /// What releasing everybody would do, by what stands now. The target is asked for the accounts that are nobody's.
    pub async fn review(&self, job: &str) -> Result<Standings> {
        let runner = self.current(job).await?;
        let id = job.to_string();
        let known = self.store().read(move |conn| jobs::find(conn, &id)).await?;
        let reviewed = known.map(|job| job.status.first_cycle).unwrap_or_default();
        let (since, because_of) = match reviewed {
            Reviewed::Waits { since, examples } => (Some(since), examples),
            Reviewed::NotYet | Reviewed::Over => (None, Vec::new()),
        };
        let names = runner.policy.model.identifying;
        let mut report = Report::default();
        let mut after = String::new();
        loop {
            let (id, from, mut filling) = (job.to_string(), after.clone(), report);
            let (filled, last) = self
                .store()
                .read(move |conn| {
                    let page = reviews::after(conn, &id, &from, PAGE)?;
                    let mut report = filling.clone();
                    for review in &page {
                        report.add(review.standing, &review.case, names);
                    }
                    Ok((report, page.last().map(|review| review.worker.clone())))
                })
                .await?;
            filling = filled;
            report = filling;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
        // Writes nothing, so it needs no lease.
        let cx = self.context(&runner, 0, uuid::Uuid::now_v7()).await?;
        let strays = match controller::look(&cx).await {
            Ok(session) => strays(&cx, session.as_ref()).await.ok(),
            Err(_) => None,
        };
        Ok(Standings {
            since,
            because_of,
            plans_only: runner.app.mode == Mode::Plan,
            report: report.finish(),
            accounts_without_worker: strays,
        })
    }

    /// What a review has of the workers after one, in the order of their keys.
    pub async fn reviewed(&self, job: &str, after: &str) -> Result<Vec<(Standing, Case)>> {
        let (id, after) = (job.to_string(), after.to_string());
        let page = self
            .store()
            .read(move |conn| reviews::after(conn, &id, &after, PAGE))
            .await?;
        Ok(page
            .into_iter()
            .map(|review| (review.standing, review.case))
            .collect())
    }

    /// Lets what was read be done: to everybody, which ends the review, or to some. Who seems to have an account already goes
    /// along only where he is named. Errors: `NothingToRelease`, nobody who was named waits; `ReviewIncomplete` and `SourceNotRead`,
    /// everybody cannot have been read.
    pub async fn release(&self, job: &str, cohort: Cohort) -> Result<Released> {
        self.may_write(job)?;
        let filter = Scope::written(&cohort.filter).map_err(Error::invalid)?;
        let everybody = cohort.workers.is_empty() && cohort.limit.is_none() && cohort.filter.is_empty();
        let (runner, cohort) = (self.runner(job)?, Arc::new((cohort, filter)));
        let mut sum = Released::default();
        // Before anybody is released: who is planned meanwhile is not put among those whom this has passed already.
        if everybody {
            self.end_review(&runner).await?;
            sum.is_over = true;
        }
        let mut after = Some(String::new());
        while let Some(from) = after {
            let (id, source) = (job.to_string(), runner.app.source.clone());
            let (cohort, before, now) = (Arc::clone(&cohort), sum.clone(), self.clock().now());
            (sum, after) = self
                .store()
                .write(move |conn| {
                    // The cycle that may be under way waits for this commit, and it for that one's.
                    jobs::update_status(conn, &id, |_| {})?;
                    let mut sum = before.clone();
                    let last = release_page(conn, &id, &source, &from, &cohort, &mut sum, now)?;
                    Ok((sum, last))
                })
                .await?;
        }
        if sum.released == 0 && !everybody {
            let message = "nobody of these waits for a review: `muster review` shows who does";
            return Err(Error::new(Kind::NotFound, message).code("NothingToRelease"));
        }
        if everybody {
            self.forget_served(job).await?;
        }
        self.wake(job);
        Ok(sum)
    }

    /// From here on who comes goes the usual way. Error: somebody has not been looked at, so nobody can have read what would be done.
    async fn end_review(&self, runner: &Runner) -> Result<()> {
        whole_source(runner, self.store()).await?;
        let (id, source, now) = (
            runner.app.job.clone(),
            runner.app.source.clone(),
            self.clock().now(),
        );
        self.store()
            .write(move |conn| {
                jobs::update_status(conn, &id, |_| {})?;
                let status = jobs::find(conn, &id)?.map(|job| job.status).unwrap_or_default();
                if status.first_cycle == Reviewed::Over {
                    return Ok(());
                }
                is_whole(conn, &id, &source, &status, now)?;
                jobs::update_status(conn, &id, |status| {
                    status.first_cycle = Reviewed::Over;
                    status.released = Some(now);
                })
            })
            .await
    }

    /// Whoever was served needs no row any more.
    async fn forget_served(&self, job: &str) -> Result<()> {
        loop {
            let id = job.to_string();
            let ended = self.store().write(move |conn| {
                let done = reviews::standing(conn, &id, Standing::Done, "", PAGE)?;
                reviews::end(conn, &id, &texts(&done))?;
                Ok(done.len())
            });
            if ended.await? == 0 {
                return Ok(());
            }
        }
    }
}

/// Whether everybody of whom HR has spoken has been looked at. Error `ReviewIncomplete`: not yet, and how many are missing.
fn is_whole(conn: &mut Conn, job: &str, source: &str, status: &Status, now: Timestamp) -> Result<()> {
    let problem = match &status.first_cycle {
        Reviewed::NotYet => Some("the first cycle has not been planned yet: start the job".to_string()),
        _ if status.full_due => Some("everybody is to be looked at once more".to_string()),
        _ => match (reviews::unread(conn, job, now)?, uploads::waiting(conn, source)?) {
            (0, 0) => None,
            (unread, waiting) => Some(format!(
                "{unread} people have not been looked at yet, and {waiting} operations of uploads have not been taken in"
            )),
        },
    };
    let Some(problem) = problem else { return Ok(()) };
    let message = format!(
        "not everybody is under review, so nobody can have read what would be done: {problem}. Let the job run until then and read `muster review`, or release those whom it shows by --worker, --filter or --limit"
    );
    Err(Error::new(Kind::Conflict, message).code("ReviewIncomplete"))
}

/// Releases whoever is meant among the workers after one; answers the last of them.
fn release_page(
    conn: &mut Conn,
    job: &str,
    source: &str,
    from: &str,
    (cohort, filter): &(Cohort, Scope),
    sum: &mut Released,
    now: Timestamp,
) -> Result<Option<String>> {
    let page = reviews::after(conn, job, from, PAGE)?;
    let anchors: Vec<&str> = page.iter().map(|review| review.worker.as_str()).collect();
    let known = workers::load(conn, source, &anchors)?;
    let last = page.last().map(|review| review.worker.clone());
    let is_meant = |review: &Review| {
        let is_named = cohort.workers.contains(&review.worker);
        let worker = known.iter().find(|worker| worker.anchor == review.worker);
        let passes = worker.is_some_and(|worker| filter.admits(worker).is_ok());
        ((cohort.workers.is_empty() && !review.case.is_double()) || is_named) && passes
    };
    let mut chosen: Vec<Review> = Vec::new();
    for mut review in page {
        if review.standing != Standing::Withheld {
            continue;
        }
        let is_left = cohort.limit.is_none_or(|limit| sum.released < limit);
        if is_left && is_meant(&review) {
            // Whoever names somebody who seems to have an account says that it is another's.
            review.apart |= review.case.is_double();
            review.standing = Standing::Released;
            sum.released += 1;
            chosen.push(review);
        } else {
            sum.withheld += 1;
            sum.possible_existing_accounts += u64::from(review.case.is_double());
        }
    }
    reviews::keep(conn, job, &chosen.iter().collect::<Vec<_>>())?;
    let anchors: Vec<&str> = chosen.iter().map(|review| review.worker.as_str()).collect();
    wakes::wake(conn, job, &anchors, now, Cause::Held)?;
    Ok(last)
}

/// The accounts of the target that are nobody's, nor found for anybody.
async fn strays(cx: &Context, session: &dyn Session) -> Result<Strays> {
    let mut strays = Strays::default();
    let mut pages = session.list();
    while let Some(page) = pages.next().await.transpose()? {
        let job = cx.origin.job.clone();
        let anchors: Vec<String> = page.iter().map(|account| account.anchor.0.clone()).collect();
        let known = cx.store.read(move |conn| {
            let anchors = texts(&anchors);
            let mut known: HashSet<String> = links::owners(conn, &job, &anchors)?
                .into_iter()
                .map(|(account, _)| account)
                .collect();
            let found = reviews::finders(conn, &job, &anchors)?;
            known.extend(found.into_iter().map(|(account, _)| account));
            Ok(known)
        });
        let known = known.await?;
        let nobodys = page
            .into_iter()
            .filter(|account| account.protected.is_none() && !known.contains(&account.anchor.0));
        for account in nobodys {
            strays.count += 1;
            strays.enabled += u64::from(account.enabled == Some(true));
            if strays.examples.len() < NAMED {
                strays.examples.push(account.address);
            }
        }
    }
    Ok(strays)
}
