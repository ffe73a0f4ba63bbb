//! The operator's morning: where each job stands, who starts and who leaves, what is in the way, and what to do about it.
//!
//! Everything is read from the database, in counts and pages, so that it costs no more memory with more people; no system is
//! asked and no lease is taken.

mod people;
mod repair;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value as Json;

use super::{alarm, setup};
use crate::config::{App, Config};
use crate::domain::allowance::Allowance;
use crate::domain::decision::Decision;
use crate::domain::hold::Hold;
use crate::domain::turned::Turned;
use crate::error::{Error, Kind, Result};
use crate::store::alarms::{self, Alarm};
use crate::store::findings::{self, Weight};
use crate::store::jobs::{self, Execution, Job};
use crate::store::pulls;
use crate::store::{
    Conn, allowances, decisions, escrows, forgetting, from_json, holds, links, report as asked, systems,
    uploads, workers,
};
pub use people::{Leavers, Person, Standing, Starters};
pub use repair::repair;

/// Days ahead that are looked at, and days back in which somebody still is a starter.
const AHEAD: i64 = 14;
const BEHIND: i64 = 2;

/// Causes that are named; people named with each; people in a list.
const CAUSES: i64 = 50;
const EXAMPLES: i64 = 5;
const LISTED: usize = 50;

/// Holds and decisions that are told.
const SHOWN: i64 = 50;

/// Jobs on a day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was made; what stands is as of then.
    pub at: Timestamp,
    /// What was done is told of this while.
    pub from: Timestamp,
    pub to: Timestamp,
    pub jobs: Vec<Morning>,
}

/// One job.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Morning {
    pub service_principal: Named,
    pub job_id: String,
    pub state: &'static str,
    pub quarantine: Option<QuarantineView>,
    pub alarms: Vec<AlarmView>,
    pub source: Heard,
    pub last_cycle: Option<Cycle>,
    pub last_successful_cycle: Option<Timestamp>,
    /// Where the target is written, and since when there.
    pub controller: Option<Controller>,
    /// Accounts that belong to workers, and those of them that are enabled.
    pub accounts: u64,
    pub enabled_accounts: u64,
    /// Operations of uploads that have no outcome yet.
    pub pending_operations: i64,
    pub done: Vec<Done>,
    pub starters: Starters,
    pub leavers: Leavers,
    pub held: Vec<Held>,
    /// What people allow beyond the limits, until when, and how much of it is used (B17).
    pub allowances: Vec<Allowance>,
    /// How many accounts people hold over HR's head, and some of them (B12).
    pub holds: Holds,
    /// Who decided what, newest first.
    pub decisions: Vec<Decision>,
    /// What failed, by cause.
    pub failures: Vec<CauseView>,
    /// What HR wants and is deliberately not done, by cause.
    pub warnings: Vec<CauseView>,
    /// Somebody disabled the account, and HR's word is not newer.
    pub disabled_elsewhere: Listing,
    pub without_manager: Missing,
    /// Accounts of the target that are nobody's; `None` where the target was never listed.
    pub accounts_without_worker: Option<jobs::Strays>,
    pub coming: Vec<Coming>,
    /// Refused changes that are tried again in the next 24 hours, of all.
    pub retries: i64,
    pub refused: i64,
    /// People of the source who were forgotten (B33), and when the last of them was.
    pub forgotten: i64,
    pub last_forgotten: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    pub id: String,
    pub display_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineView {
    pub reason: String,
    pub since: Timestamp,
    pub message: String,
    /// When everybody is looked at again, where the pace is slow.
    pub next_attempt: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmView {
    pub kind: String,
    pub since: Timestamp,
    pub message: String,
    pub details: Json,
}

/// When the source spoke last.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Heard {
    pub system: String,
    pub last_upload: Option<Timestamp>,
    /// When the last complete read of a source that is asked began.
    pub last_complete_pull: Option<Timestamp>,
    /// Why the last one failed, if it did.
    pub pull_failure: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cycle {
    pub began: Timestamp,
    pub ended: Timestamp,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Controller {
    pub endpoint: String,
    pub since: Timestamp,
}

/// How often the log tells of something.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    pub action: String,
    pub status: String,
    pub count: i64,
}

/// What a limit keeps back until somebody answers for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    pub action: String,
    pub count: i64,
    pub since: Timestamp,
    /// What HR says of most of them, and said before, where disables are held.
    pub turned: Option<Turned>,
    /// What turned, and of how many.
    pub causes: Vec<CauseCount>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CauseCount {
    pub cause: String,
    pub count: i64,
}

#[derive(Debug, Serialize)]
pub struct Holds {
    pub count: i64,
    pub holds: Vec<Hold>,
}

/// Everybody whom one cause hit, and the one repair.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CauseView {
    pub code: String,
    pub cause: String,
    pub count: i64,
    /// The oldest.
    pub since: Timestamp,
    /// Some of them, longest first.
    pub workers: Vec<Person>,
    pub recommended_action: &'static str,
}

/// Some people, and how many there are.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    pub count: i64,
    pub people: Vec<Person>,
}

/// People who refer to somebody without an account.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    pub count: i64,
    pub managers: Vec<MissingManager>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingManager {
    pub attribute: String,
    pub worker: String,
    /// HR knows the worker, who has no account.
    pub is_known: bool,
    pub count: i64,
    /// Since when the first of them waits.
    pub since: Timestamp,
    /// Some of those who wait.
    pub people: Vec<Person>,
}

/// A day ahead (UTC).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coming {
    pub date: Date,
    pub starters: i64,
    pub leavers: i64,
}

/// The report of these apps' jobs, on a day (UTC) or, without one, on the last 24 hours.
pub fn report(
    conn: &mut Conn,
    config: &Config,
    apps: &[App],
    day: Option<Date>,
    now: Timestamp,
) -> Result<Report> {
    let (from, to) = match day {
        Some(day) => (begins(day)?, begins(day.tomorrow().map_err(|_| too_far(day))?)?),
        None => (later(now, -24), now),
    };
    let mut mornings = Vec::with_capacity(apps.len());
    for app in apps {
        mornings.push(morning(conn, config, app, (from, to), now)?);
    }
    Ok(Report {
        at: now,
        from,
        to,
        jobs: mornings,
    })
}

fn begins(day: Date) -> Result<Timestamp> {
    let zoned = day.to_zoned(TimeZone::UTC).map_err(|_| too_far(day))?;
    Ok(zoned.timestamp())
}

fn too_far(day: Date) -> Error {
    Error::invalid(format!("{day} is too far away for a report"))
}

fn later(at: Timestamp, hours: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(at)
}

fn morning(
    conn: &mut Conn,
    config: &Config,
    app: &App,
    day: (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Morning> {
    let unknown = || {
        let message = format!(
            "the database knows no job {}: run `muster serve` with this config once",
            app.job
        );
        Error::new(Kind::NotFound, message)
    };
    let job = jobs::find(conn, &app.job)?.ok_or_else(unknown)?;
    let standing = pulls::standing(conn, &app.source)?;
    let (last_upload, last_complete_pull) = asked::last_heard(conn, &app.source)?;
    let controller = systems::endpoint(conn, &app.target)?;
    let (enabled_accounts, _) = links::population(conn, &app.job)?;
    let (forgotten, last_forgotten) = forgetting::count(conn, &app.source)?;
    let waiting = uploads::waiting(conn, &app.source)? + uploads::pending_count(conn, &app.job)?;
    let maps_state = setup::maps_state(conn, config, app)?;
    let late = alarm::leavers_late(conn, &job, maps_state, now)?;
    Ok(Morning {
        service_principal: Named {
            id: app.id.to_string(),
            display_name: app.name.clone(),
        },
        job_id: job.id.clone(),
        state: job.state.name(),
        quarantine: job.status.quarantine.clone().map(|quarantine| QuarantineView {
            reason: quarantine.reason,
            since: quarantine.since,
            message: quarantine.message,
            next_attempt: quarantine.next,
        }),
        alarms: alarms::of(conn, &job.id)?.into_iter().map(alarm_view).collect(),
        source: Heard {
            system: app.source.clone(),
            last_upload,
            last_complete_pull,
            pull_failure: standing.failure.map(|failure| failure.message),
        },
        last_cycle: job.status.last.as_ref().map(cycle),
        last_successful_cycle: job.status.last_successful.as_ref().map(|last| last.ended),
        controller: controller.map(|(endpoint, since)| Controller { endpoint, since }),
        accounts: links::count(conn, &job.id)?.unsigned_abs(),
        enabled_accounts,
        pending_operations: waiting,
        done: done(conn, &job, day)?,
        starters: people::starters(
            conn,
            &job,
            (later(day.1, -24 * BEHIND), later(day.1, 24 * AHEAD)),
            now,
        )?,
        leavers: people::leavers(conn, &job, day, (now, later(day.1, 24 * AHEAD)), &late)?,
        held: held(conn, &job)?,
        allowances: allowances::live(conn, &job.id, now)?,
        holds: Holds {
            count: holds::count(conn, &job.id)?,
            holds: holds::after(conn, &job.id, "", SHOWN)?,
        },
        decisions: decisions::of(conn, &job.id, day, SHOWN)?,
        failures: causes(conn, &job, Weight::Failure)?,
        warnings: causes(conn, &job, Weight::Warning)?,
        disabled_elsewhere: disabled_elsewhere(conn, &job)?,
        without_manager: without_manager(conn, &job)?,
        coming: coming(conn, &job, day.1)?,
        retries: asked::retries(conn, &job.id, later(now, 24))?,
        refused: escrows::count(conn, &job.id)?,
        accounts_without_worker: job.status.strays,
        forgotten,
        last_forgotten,
    })
}

fn alarm_view(alarm: Alarm) -> AlarmView {
    AlarmView {
        details: from_json(&alarm.details).unwrap_or(Json::Null),
        kind: alarm.kind,
        since: alarm.since,
        message: alarm.message,
    }
}

fn cycle(execution: &Execution) -> Cycle {
    Cycle {
        began: execution.began,
        ended: execution.ended,
        error: execution.message.clone().or(execution.failed.clone()),
    }
}

fn done(conn: &mut Conn, job: &Job, day: (Timestamp, Timestamp)) -> Result<Vec<Done>> {
    let rows = asked::happened(conn, &job.id, day)?;
    let done = |(action, status, count)| Done {
        action,
        status,
        count,
    };
    Ok(rows.into_iter().map(done).collect())
}

fn held(conn: &mut Conn, job: &Job) -> Result<Vec<Held>> {
    let mut held = Vec::new();
    for (action, count, since) in asked::holds(conn, &job.id)? {
        let causes = alarm::hold_causes(conn, &job.id, &action)?;
        let causes = causes
            .into_iter()
            .map(|(cause, count)| CauseCount { cause, count });
        let turned = alarm::turned(conn, &job.id, &action)?;
        held.push(Held {
            turned,
            action: action.to_string(),
            count,
            since,
            causes: causes.collect(),
        });
    }
    Ok(held)
}

fn causes(conn: &mut Conn, job: &Job, weight: Weight) -> Result<Vec<CauseView>> {
    let mut views = Vec::new();
    for cause in findings::causes(conn, &job.id, weight, CAUSES)? {
        let examples = findings::examples(conn, &job.id, &cause, EXAMPLES)?;
        let anchors = examples.into_iter().map(|(anchor, _)| anchor).collect();
        views.push(CauseView {
            workers: people::named(conn, job, anchors)?,
            recommended_action: repair(&cause.code),
            code: cause.code,
            cause: cause.cause,
            count: cause.count,
            since: cause.since,
        });
    }
    Ok(views)
}

fn disabled_elsewhere(conn: &mut Conn, job: &Job) -> Result<Listing> {
    let causes = findings::causes(conn, &job.id, Weight::Warning, CAUSES)?;
    let mut listing = Listing::default();
    for cause in causes.iter().filter(|cause| cause.code == "DisabledElsewhere") {
        let room = LISTED.saturating_sub(listing.people.len());
        let some = findings::examples(conn, &job.id, cause, i64::try_from(room).unwrap_or(0))?;
        let anchors = some.into_iter().map(|(anchor, _)| anchor).collect();
        listing.people.extend(people::named(conn, job, anchors)?);
        listing.count += cause.count;
    }
    Ok(listing)
}

fn without_manager(conn: &mut Conn, job: &Job) -> Result<Missing> {
    let mut managers = Vec::new();
    for (attribute, worker, count, since) in asked::missing_references(conn, &job.id, CAUSES)? {
        let some = asked::referrers(conn, &job.id, &attribute, &worker, EXAMPLES)?;
        managers.push(MissingManager {
            is_known: !workers::load(conn, &job.source, &[&worker])?.is_empty(),
            people: people::named(conn, job, some)?,
            attribute,
            worker,
            count,
            since,
        });
    }
    Ok(Missing {
        count: asked::pending_references(conn, &job.id)?,
        managers,
    })
}

/// The days on which somebody starts or leaves.
fn coming(conn: &mut Conn, job: &Job, from: Timestamp) -> Result<Vec<Coming>> {
    let mut date = TimeZone::UTC.to_datetime(from).date();
    let mut days = Vec::new();
    for _ in 0..AHEAD {
        let next = date.tomorrow().map_err(|_| too_far(date))?;
        let day = (begins(date)?.max(from), begins(next)?);
        let starters = asked::count_by_day(conn, &job.source, asked::Day::First, day)?;
        let leavers = asked::count_by_day(conn, &job.source, asked::Day::Last, day)?;
        if starters + leavers > 0 {
            days.push(Coming {
                date,
                starters,
                leavers,
            });
        }
        date = next;
    }
    Ok(days)
}
