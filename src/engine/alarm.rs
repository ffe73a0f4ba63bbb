//! Alarms: what somebody has to look at, judged from what the database says, so that a gateway that hears nothing and does
//! nothing says so all the same. Each is told once when it begins and once when it is over, whichever replica sees it first.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json, json};
use tokio_util::sync::CancellationToken;

use super::quarantine::LOCKED_OUT;
use super::{Engine, log, notify};
use crate::config::App;
use crate::connector::System;
use crate::domain::guard::Action;
use crate::domain::mapping::Role;
use crate::domain::review::{HELD, Standing};
use crate::domain::turned::Turned;
use crate::domain::worker::Worker;
use crate::error::Result;
use crate::store::alarms::{self, Alarm};
use crate::store::findings::{self, Weight};
use crate::store::jobs::{self, Job, Reviewed, State};
use crate::store::{Conn, escrows, guard, instant, pulls, report, reviews, state_inputs};

/// From one look to the next.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);

/// Workers with one cause that are one alarm.
const MANY: i64 = 25;
/// Causes that are looked at.
const CAUSES: i64 = 100;

/// Cycles in a row that failed: after a few minutes of trying.
const CYCLES: u64 = 10;

/// How long before the end of credentials somebody is told.
const RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What a leave may take.
const LATE: SignedDuration = SignedDuration::from_mins(5);
/// Leaves that are older were told of before the alarm's time.
const LATEST: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Who is looked at again that soon is still being tried.
const SOON: SignedDuration = SignedDuration::from_mins(15);
/// Of so many it is looked what turned, where limits hold disables.
pub const TURNED: i64 = 2_000;
/// Protected accounts that are told of one by one.
const PROTECTED: i64 = 100;

/// Leavers who are looked at, and who are named.
const LEAVERS: i64 = 1_000;
const NAMED: usize = 10;

/// Intervals in which everything has to be read once; while nobody has been read, more.
const INTERVALS: i32 = 2;
const FIRST_INTERVALS: i32 = 12;

/// What the alarm about a review that is over is told apart by.
const LEFT: &str = "LeftOver";
/// An outage is one, however often its error becomes another.
const CYCLES_FAIL: &str = "cycles";

/// Held changes are counted once the cycle that held them is over, or after so long; who is left of a review, after so long.
const COUNTED: SignedDuration = SignedDuration::from_mins(1);

/// Looks at every job, again and again, until told to stop.
pub async fn watch(engine: Engine, stop: CancellationToken) {
    while !stop.is_cancelled() {
        for app in &engine.config().apps {
            if let Err(error) = look(&engine, app).await {
                tracing::warn!(job = %app.job, code = %error.code, %error, "alarms cannot be judged");
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// A job under watch.
#[derive(Clone)]
struct Watched {
    app: App,
    /// Its source has to be asked.
    is_pulled: bool,
    /// HR's word decides whether accounts are enabled.
    maps_state: bool,
}

/// What has become of one alarm.
enum News {
    Raised(Alarm),
    Resolved(Alarm),
    Reworded(Alarm),
}

async fn look(engine: &Engine, app: &App) -> Result<()> {
    let (now, tells) = (engine.clock().now(), engine.shared.webhook.is_some());
    let source = engine.config().systems.get(&app.source);
    let policy = Arc::clone(&engine.runner(&app.job)?.policy);
    let watched = Watched {
        app: app.clone(),
        is_pulled: source.is_some_and(System::is_pulled),
        maps_state: policy.mapping(Role::State).is_some(),
    };
    let judged = watched.clone();
    let judge = move |conn: &mut Conn| news(conn, &judged, now);
    if engine.store().read(judge).await?.is_empty() {
        return Ok(());
    }
    let told = engine
        .store()
        .write(move |conn| tell(conn, &watched, tells, now))
        .await?;
    for one in told {
        match one {
            News::Raised(alarm) => {
                tracing::warn!(job = %app.job, kind = alarm.kind, "{}", alarm.message);
            }
            News::Resolved(alarm) => {
                tracing::info!(job = %app.job, kind = alarm.kind, "over: {}", alarm.message);
            }
            News::Reworded(_) => {}
        }
    }
    Ok(())
}

/// Keeps what is new and, where there is a webhook, has it told; judged again in the same transaction, since another replica
/// may have been quicker. Answers what this call did.
fn tell(conn: &mut Conn, watched: &Watched, tells: bool, now: Timestamp) -> Result<Vec<News>> {
    let (app, mut done) = (&watched.app, Vec::new());
    for one in news(conn, watched, now)? {
        let is_first = match &one {
            News::Raised(alarm) => alarms::raise(conn, &app.job, alarm)?,
            News::Resolved(alarm) => alarms::resolve(conn, &app.job, alarm)?,
            News::Reworded(alarm) => {
                alarms::reword(conn, &app.job, alarm)?;
                false
            }
        };
        if !is_first {
            continue;
        }
        if let (News::Raised(alarm) | News::Resolved(alarm), true) = (&one, tells) {
            let word = if matches!(one, News::Raised(_)) {
                "raised"
            } else {
                "resolved"
            };
            notify::add(conn, &format!("{}.{word}", alarm.kind), &body(app, alarm), now)?;
        }
        done.push(one);
    }
    Ok(done)
}

/// What the notice says. Names of people are in the report alone.
fn body(app: &App, alarm: &Alarm) -> Json {
    let details = serde_json::from_str(&alarm.details).unwrap_or(Json::Null);
    json!({
        "servicePrincipal": { "id": app.id, "displayName": app.name },
        "jobId": app.job,
        "since": alarm.since,
        "message": alarm.message,
        "details": details,
    })
}

/// What is not as the database says it was.
fn news(conn: &mut Conn, watched: &Watched, now: Timestamp) -> Result<Vec<News>> {
    let app = &watched.app;
    let Some(job) = jobs::find(conn, &app.job)? else {
        return Ok(Vec::new());
    };
    let before = alarms::of(conn, &app.job)?;
    let stands = alarms_of(conn, watched, &job, &before, now)?;
    let is = |one: &Alarm, other: &Alarm| one.kind == other.kind && one.subject == other.subject;
    let mut news = Vec::new();
    for alarm in &before {
        match stands.iter().find(|now| is(now, alarm)) {
            None => news.push(News::Resolved(alarm.clone())),
            Some(now) if now.message != alarm.message => news.push(News::Reworded(now.clone())),
            Some(_) => {}
        }
    }
    let new = stands
        .into_iter()
        .filter(|one| !before.iter().any(|other| is(one, other)));
    news.extend(new.map(News::Raised));
    Ok(news)
}

/// Everything about a job that somebody has to look at now.
fn alarms_of(
    conn: &mut Conn,
    watched: &Watched,
    job: &Job,
    before: &[Alarm],
    now: Timestamp,
) -> Result<Vec<Alarm>> {
    let mut found = Vec::new();
    found.extend(quarantine(job));
    found.extend(outage(job));
    found.extend(review(job));
    found.extend(left_over(conn, job, now)?);
    found.extend(expiring(&watched.app, now));
    found.extend(holds(conn, job, now)?);
    found.extend(failures(conn, job, before)?);
    found.extend(protected(conn, job)?);
    if job.state != State::Disabled {
        found.extend(late(conn, job, watched.maps_state, now)?);
    }
    if job.state == State::Active {
        found.extend(match watched.is_pulled {
            true => pull_missing(conn, &watched.app, job, now)?,
            false => uploads_missing(conn, &watched.app, job, now)?,
        });
    }
    Ok(found)
}

fn alarm(kind: &str, subject: &str, message: String, since: Timestamp, details: Json) -> Alarm {
    Alarm {
        kind: kind.into(),
        subject: subject.into(),
        message,
        details: details.to_string(),
        since,
    }
}

/// The job is in quarantine: a system refuses its credentials, or too many people are refused.
fn quarantine(job: &Job) -> Option<Alarm> {
    let quarantine = job.status.quarantine.as_ref()?;
    let refused = quarantine.reason == LOCKED_OUT;
    let message = match refused {
        true => format!(
            "credentials were refused, and are not tried again until somebody starts the job: {}",
            quarantine.message
        ),
        false => quarantine.message.clone(),
    };
    Some(alarm(
        "quarantine",
        &quarantine.reason,
        message,
        quarantine.since,
        json!({ "reason": quarantine.reason, "credentialsRefused": refused, "nextAttempt": quarantine.next }),
    ))
}

/// The first cycle waits until a person has read what it would do (B9).
fn review(job: &Job) -> Option<Alarm> {
    let Reviewed::Waits { since, .. } = &job.status.first_cycle else {
        return None;
    };
    let message = "the target holds accounts that this job did not make, so its first cycle waits until a person has read it: `muster review` shows what it would do, and `muster release` lets it go on";
    Some(alarm(
        "review",
        HELD,
        message.into(),
        *since,
        json!({ "code": HELD }),
    ))
}

/// The review is over, and some were not released with the others: nothing but a disable is written to their accounts (B9, B13).
fn left_over(conn: &mut Conn, job: &Job, now: Timestamp) -> Result<Option<Alarm>> {
    let status = &job.status;
    let since = status.released.unwrap_or(job.created);
    let is_over = status.first_cycle == Reviewed::Over && !status.only_planned;
    // Who is being released just now is not left over.
    if !is_over || now.duration_since(since) < COUNTED {
        return Ok(None);
    }
    let counts = reviews::counts(conn, &job.id)?.into_iter();
    let mut left = counts.filter_map(|(standing, count)| (standing == Standing::Withheld).then_some(count));
    let Some(count) = left.next() else { return Ok(None) };
    let message = format!(
        "the review of the first cycle is over, but for {count} {}: they seem to have an account that matching does not find, or what would be done to them is not what was released. `muster review` shows it; `muster link` joins them, and `muster release --worker` lets them go on",
        people(count)
    );
    let details = json!({ "code": HELD, "count": count });
    Ok(Some(alarm("review", LEFT, message, since, details)))
}

/// Credentials end soon, by what the config says of them.
fn expiring(app: &App, now: Timestamp) -> Option<Alarm> {
    let expires = app.credentials_expire?;
    let ends = expires.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let since = ends.saturating_sub(RENEWAL).ok()?;
    let word = if ends <= now { "ended" } else { "end" };
    (since <= now).then(|| {
        alarm(
            "credentials",
            &expires.to_string(),
            format!("credentials {word} on {expires}: renew them, and correct credentials_expire"),
            since,
            json!({ "expire": expires }),
        )
    })
}

/// Cycle after cycle fails.
fn outage(job: &Job) -> Option<Alarm> {
    let last = job.status.last.as_ref()?;
    let code = last.failed.as_ref()?;
    let quarantine = job.status.quarantine.as_ref();
    let is_told = quarantine.is_some_and(|quarantine| quarantine.reason == LOCKED_OUT);
    if job.status.failures_in_a_row < CYCLES || is_told {
        return None;
    }
    let reason = last.message.as_deref().unwrap_or(code);
    let healthy = job.status.last_steady;
    Some(alarm(
        "outage",
        CYCLES_FAIL,
        format!("cycle after cycle fails: {reason}"),
        healthy.unwrap_or(job.created),
        json!({ "code": code, "lastSuccess": healthy }),
    ))
}

/// A limit holds changes back.
fn holds(conn: &mut Conn, job: &Job, now: Timestamp) -> Result<Vec<Alarm>> {
    let ended = job.status.last.as_ref().map(|last| last.ended);
    let mut found = Vec::new();
    for (action, count, since) in report::holds(conn, &job.id)? {
        let is_counted = ended.is_some_and(|ended| ended >= since) || now.duration_since(since) >= COUNTED;
        if !is_counted {
            continue;
        }
        let code = log::held_code(&action);
        let causes = hold_causes(conn, &job.id, &action)?;
        let turned = turned(conn, &job.id, &action)?;
        let most = match &turned {
            Some(turned) => Some(format!(": {turned}")),
            None => causes
                .first()
                .map(|(cause, many)| format!(", {many} of them because {cause}")),
        };
        found.push(alarm(
            "hold",
            &action.to_string(),
            format!(
                "a limit holds '{action}' for {count} {}{}. Allow it, release it, or let HR take it back",
                people(count),
                most.unwrap_or_default()
            ),
            since,
            json!({ "action": action.to_string(), "code": code, "count": count, "turned": turned,
                "causes": causes.iter().map(|(cause, count)| json!({ "cause": cause, "count": count })).collect::<Vec<_>>() }),
        ));
    }
    Ok(found)
}

/// What turned for most of those whose disable a limit holds; `None` for other actions, and where nothing is known.
pub fn turned(conn: &mut Conn, job: &str, action: &Action) -> Result<Option<Turned>> {
    match action {
        Action::Disable | Action::Delete => Ok(crate::domain::turned::turned(&state_inputs::turned(
            conn, job, TURNED,
        )?)),
        _ => Ok(None),
    }
}

/// Why so many changes of one kind came together: what turned, and of how many.
pub fn hold_causes(conn: &mut Conn, job: &str, action: &Action) -> Result<Vec<(String, i64)>> {
    let prefix = format!("{action}: ");
    let causes = findings::causes(conn, job, Weight::Held, CAUSES)?;
    let of_action = causes.into_iter().filter_map(|one| {
        let cause = one.cause.strip_prefix(&prefix)?;
        Some((cause.to_string(), one.count))
    });
    Ok(of_action.collect())
}

/// One cause hits many. It goes on until hardly anybody is left, so that it does not begin and end with every person.
fn failures(conn: &mut Conn, job: &Job, before: &[Alarm]) -> Result<Vec<Alarm>> {
    let mut found = Vec::new();
    for cause in findings::causes(conn, &job.id, Weight::Failure, CAUSES)? {
        let subject = format!("{}: {}", cause.code, cause.cause);
        let known = before
            .iter()
            .any(|one| one.kind == "failures" && one.subject == subject);
        if cause.count < if known { MANY / 2 } else { MANY } {
            continue;
        }
        found.push(alarm(
            "failures",
            &subject,
            format!(
                "{} {} failed with one cause, {subject}",
                cause.count,
                people(cause.count)
            ),
            cause.since,
            json!({ "code": cause.code, "cause": cause.cause, "count": cause.count,
                "recommendedAction": super::report::repair(&cause.code) }),
        ));
    }
    Ok(found)
}

/// HR wants an account disabled that is never written: somebody has to do it by hand, now (B21). Each is told of.
fn protected(conn: &mut Conn, job: &Job) -> Result<Vec<Alarm>> {
    // Of others, whom HR does not want disabled, this is a warning.
    let found = findings::standing(conn, &job.id, Weight::Failure, "ProtectedAccount", PROTECTED)?;
    let told = found.into_iter().map(|(worker, reason, since)| {
        alarm(
            "protected",
            &worker,
            format!("worker {worker} has left, and somebody has to disable the account by hand: {reason}"),
            since,
            json!({ "worker": worker, "code": "ProtectedAccount" }),
        )
    });
    Ok(told.collect())
}

/// Somebody's last day was over minutes ago, and the account is enabled.
fn late(conn: &mut Conn, job: &Job, maps_state: bool, now: Timestamp) -> Result<Option<Alarm>> {
    let late = leavers_late(conn, job, maps_state, now)?;
    let Some((since, _)) = late.first() else {
        return Ok(None);
    };
    let count = i64::try_from(late.len()).unwrap_or(i64::MAX);
    let why = match (job.state, &job.status.last) {
        (State::Active, Some(last)) => last.message.clone(),
        (State::Active, None) => None,
        _ => Some("the job is paused".into()),
    };
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let workers: Vec<&str> = late
        .iter()
        .map(|(_, worker)| worker.anchor.as_str())
        .take(NAMED)
        .collect();
    Ok(Some(alarm(
        "leave",
        "late",
        format!(
            "the last day of {count} {} is over, and their accounts are still enabled{why}",
            people(count)
        ),
        *since,
        json!({ "count": count, "lastDayOver": since, "workers": workers }),
    )))
}

/// Who left by HR's dates more than a few minutes ago and may sign in all the same, though the job has to disable them: it has
/// not looked yet, was refused, or is held. (When the last day was over, worker.)
///
/// Of whom no word of HR's was ever carried out is among them where the job maps the state: somebody who had left before being
/// matched, and whom the target refuses to disable.
pub fn leavers_late(
    conn: &mut Conn,
    job: &Job,
    maps_state: bool,
    now: Timestamp,
) -> Result<Vec<(Timestamp, Worker)>> {
    let ago = |wait| now.saturating_sub(wait).unwrap_or(now);
    let window = (ago(LATEST), ago(LATE));
    let mut enabled = report::still_enabled(conn, &job.id, &job.source, window, maps_state, LEAVERS)?;
    enabled.retain(|(_, worker)| worker.is_active(now) == Some(false));
    if enabled.is_empty() {
        return Ok(enabled);
    }
    let anchors: Vec<String> = enabled.iter().map(|(_, worker)| worker.anchor.clone()).collect();
    let anchors = super::texts(&anchors);
    let soon = now.saturating_add(SOON).unwrap_or(now);
    let looks = report::looks(conn, &job.id, &anchors)?;
    let refused = escrows::of(conn, &job.id, &anchors)?;
    let held = guard::held(conn, &job.id, &anchors)?;
    enabled.retain(|(_, worker)| {
        looks.iter().any(|(anchor, due, tries)| {
            *anchor == worker.anchor && (*due <= now || (*due <= soon && *tries > 0))
        }) || refused.iter().any(|one| one.worker == worker.anchor)
            || held.iter().any(|(anchor, ..)| *anchor == worker.anchor)
    });
    Ok(enabled)
}

/// From when on HR is to be heard: of a job that stood still nobody expected anything.
fn expected_since(job: &Job, last: Option<Timestamp>) -> Timestamp {
    last.unwrap_or(job.created)
        .max(job.status.started.unwrap_or(job.created))
}

/// HR's script has not spoken for longer than it should.
fn uploads_missing(conn: &mut Conn, app: &App, job: &Job, now: Timestamp) -> Result<Option<Alarm>> {
    let Some(every) = app.expect_upload_every else {
        return Ok(None);
    };
    let (last, _) = report::last_heard(conn, &app.source)?;
    let since = expected_since(job, last);
    if now.duration_since(since) <= every {
        return Ok(None);
    }
    let message = match last {
        Some(last) => format!("no upload came since {}", brief(last)),
        None => "no upload ever came".into(),
    };
    Ok(Some(alarm(
        "uploads",
        &app.source,
        format!("{message}, and one is expected every {every:#}"),
        since,
        json!({ "system": app.source, "lastUpload": last, "expectedEvery": every.to_string() }),
    )))
}

/// A source that has to be asked was not read whole for longer than it should.
fn pull_missing(conn: &mut Conn, app: &App, job: &Job, now: Timestamp) -> Result<Option<Alarm>> {
    let standing = pulls::standing(conn, &app.source)?;
    let patience = match standing.watermark {
        Some(_) => app.interval * INTERVALS,
        None => app.interval * FIRST_INTERVALS,
    };
    let since = expected_since(job, standing.completed);
    if now.duration_since(since) <= patience {
        return Ok(None);
    }
    let message = match standing.completed {
        Some(last) => format!("{} was not read whole since {}", app.source, brief(last)),
        None => format!("{} was never read whole", app.source),
    };
    let why = standing
        .failure
        .as_ref()
        .map(|failure| format!(": {}", failure.message));
    let mut details = Map::new();
    details.insert("system".into(), json!(app.source));
    details.insert("lastCompletePull".into(), json!(standing.completed));
    details.insert("interval".into(), json!(app.interval.to_string()));
    details.insert("code".into(), json!(standing.failure.map(|failure| failure.code)));
    Ok(Some(alarm(
        "pulls",
        &app.source,
        format!(
            "{message}, though it is asked every {:#}{}",
            app.interval,
            why.unwrap_or_default()
        ),
        since,
        Json::Object(details),
    )))
}

fn people(count: i64) -> &'static str {
    if count == 1 { "person" } else { "people" }
}

/// To the second.
fn brief(at: Timestamp) -> Timestamp {
    instant(at.as_second() * 1_000_000)
}
