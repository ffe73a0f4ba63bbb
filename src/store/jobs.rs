//! Jobs: the long-lived processes that keep a target in step with a source, and their leases.

use std::collections::HashSet;

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::schema::jobs;
use super::{Conn, from_json, instant, micros, native, to_json};
use crate::domain::quarantine::LONGEST_PAUSE;
use crate::error::{Error, Kind, Result};

#[derive(Clone, Debug)]
pub struct Job {
    pub id: String,
    pub app: String,
    pub template: String,
    pub source: String,
    pub target: String,
    pub state: State,
    pub created: Timestamp,
    pub schema_version: i64,
    pub status: Status,
}

/// Graph's synchronizationScheduleState.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Active,
    Disabled,
    Paused,
}

/// What a job remembers of its cycles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Everybody is to be looked at in the next cycle.
    pub full_due: bool,
    pub last: Option<Execution>,
    pub last_successful: Option<Execution>,
    pub last_with_exports: Option<Execution>,
    pub first_steady: Option<Timestamp>,
    pub last_steady: Option<Timestamp>,
    pub failures_in_a_row: u64,
    pub quarantine: Option<Quarantine>,
    /// What the cycle that is under way is at; nothing between cycles.
    pub progress: Vec<Progress>,
    /// Accounts that were nobody's when the target was last listed.
    pub strays: Option<Strays>,
    pub first_cycle: Reviewed,
    /// When a person ended the review of its first cycle.
    pub released: Option<Timestamp>,
    /// Its last cycle only planned (`mode = "plan"`).
    pub only_planned: bool,
    /// How often a person had credentials tried again that were refused (B25).
    pub forgiven: u64,
    /// When it was last let run after it had stood still.
    pub started: Option<Timestamp>,
}

/// How far the review of a job's first cycle is (B9).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reviewed {
    /// Nobody looked yet whether there is anything to review.
    #[default]
    NotYet,
    /// The target held accounts that the job did not make: nothing is written until somebody says so.
    Waits {
        since: Timestamp,
        /// Some of them, by their readable addresses.
        examples: Vec<String>,
    },
    /// Everybody was released, or there was nothing to review.
    Over,
}

impl Status {
    /// In quarantine, and not yet time for the next attempt.
    pub fn is_slow(&self, now: Timestamp) -> bool {
        let next = self.quarantine.as_ref().and_then(|quarantine| quarantine.next);
        next.is_some_and(|next| next > now && next.duration_since(now) <= LONGEST_PAUSE)
    }

    /// In quarantine, and time for the next attempt.
    pub fn owes_attempt(&self, now: Timestamp) -> bool {
        let is_paced = self
            .quarantine
            .as_ref()
            .is_some_and(|quarantine| quarantine.next.is_some());
        is_paced && !self.is_slow(now)
    }

    /// What a cycle is at.
    pub fn progress_at(&self, now: Timestamp) -> Vec<Progress> {
        let is_fresh = |one: &&Progress| now.duration_since(one.observed).abs() <= FRESH;
        self.progress.iter().filter(is_fresh).cloned().collect()
    }

    /// Takes a cycle's end into account, and the quarantine that is in force after it.
    pub fn after(&mut self, execution: &Execution, quarantine: Option<Quarantine>) {
        self.last = Some(execution.clone());
        self.quarantine = quarantine;
        self.progress.clear();
        if execution.failed.is_some() {
            self.failures_in_a_row += 1;
            return;
        }
        self.failures_in_a_row = 0;
        self.last_steady = Some(execution.ended);
        self.first_steady.get_or_insert(execution.ended);
        self.last_successful = Some(execution.clone());
        if execution.exported > 0 {
            self.last_with_exports = Some(execution.clone());
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Execution {
    pub cycle: String,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub failed: Option<String>,
    pub message: Option<String>,
    /// Workers heard of or looked at.
    pub seen: u64,
    pub unchanged: u64,
    /// Changes written to the target.
    pub exported: u64,
    /// Workers whose change was refused.
    pub refused: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Graph's quarantineReason.
    pub reason: String,
    /// When it was imposed first.
    pub since: Timestamp,
    pub message: String,
    /// When it was judged and imposed last.
    #[serde(default)]
    pub imposed: Option<Timestamp>,
    /// How often it was imposed since it began.
    #[serde(default)]
    pub count: u64,
    /// Until then the pace is slow; `None` where it is not.
    #[serde(default)]
    pub next: Option<Timestamp>,
}

/// How far a cycle has come with one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is counted: `operations`, `workers`, `records`.
    pub units: String,
    pub completed: u64,
    /// As far as it can be known by now.
    pub total: Option<u64>,
    pub began: Timestamp,
    pub observed: Timestamp,
}

/// What was observed longer ago was left behind by a gateway that died.
const FRESH: SignedDuration = SignedDuration::from_mins(2);

impl Progress {
    /// Units in a second, since it began; `None` where nothing can be said yet.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.observed.duration_since(self.began).as_secs_f64();
        (seconds > 0.0 && self.completed > 0).then(|| self.completed as f64 / seconds)
    }

    /// How long the rest takes at this rate.
    pub fn left(&self) -> Option<SignedDuration> {
        let rest = self.total?.saturating_sub(self.completed);
        let seconds = rest as f64 / self.rate()?;
        SignedDuration::try_from_secs_f64(seconds.round()).ok()
    }
}

/// Accounts of a target that belong to no worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Strays {
    pub count: i64,
    /// When they were counted.
    pub at: Timestamp,
    /// Some of them, by their readable addresses.
    pub examples: Vec<String>,
}

#[derive(Queryable)]
struct Row {
    id: String,
    app: String,
    template: String,
    source: String,
    target: String,
    state: String,
    created: i64,
    schema_version: i64,
    status: String,
}

impl TryFrom<Row> for Job {
    type Error = Error;

    fn try_from(row: Row) -> Result<Job> {
        Ok(Job {
            state: State::parse(&row.state),
            created: instant(row.created),
            status: from_json(&row.status)?,
            id: row.id,
            app: row.app,
            template: row.template,
            source: row.source,
            target: row.target,
            schema_version: row.schema_version,
        })
    }
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Active => "Active",
            State::Disabled => "Disabled",
            State::Paused => "Paused",
        }
    }

    fn parse(text: &str) -> State {
        match text {
            "Active" => State::Active,
            "Paused" => State::Paused,
            _ => State::Disabled,
        }
    }
}

macro_rules! columns {
    () => {
        (
            jobs::id,
            jobs::app,
            jobs::template,
            jobs::source,
            jobs::target,
            jobs::state,
            jobs::created,
            jobs::schema_version,
            jobs::status,
        )
    };
}

/// What taking a job in from the config came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    New,
    AsItWas,
    /// Another source: everybody it knows is to be looked at.
    Source,
    /// Another target: nothing remembered of accounts holds any more.
    Target,
}

/// Makes a job, or brings the one with this id in line with the config.
pub fn take_in(conn: &mut Conn, job: &Job) -> Result<Taken> {
    let Some(known) = find(conn, &job.id)? else {
        let row = (
            jobs::id.eq(&job.id),
            jobs::app.eq(&job.app),
            jobs::template.eq(&job.template),
            jobs::source.eq(&job.source),
            jobs::target.eq(&job.target),
            jobs::state.eq(job.state.name()),
            jobs::created.eq(micros(job.created)),
            jobs::schema_version.eq(job.schema_version),
            jobs::status.eq(to_json(&job.status)?),
            jobs::token.eq(0i64),
            jobs::until.eq(0i64),
        );
        native!(conn, c => diesel::insert_into(jobs::table).values(row).on_conflict_do_nothing().execute(c))?;
        return Ok(Taken::New);
    };
    diesel::update(jobs::table.find(&job.id))
        .set((
            jobs::app.eq(&job.app),
            jobs::template.eq(&job.template),
            jobs::source.eq(&job.source),
            jobs::target.eq(&job.target),
        ))
        .execute(conn)?;
    Ok(match () {
        () if known.target != job.target => Taken::Target,
        () if known.source != job.source => Taken::Source,
        () => Taken::AsItWas,
    })
}

/// What the name of a holder begins with that is no gateway: a command at work beside one.
pub const BY_HAND: &str = "by hand ";

/// Frees every gateway's lease: an embedded database is opened by one gateway at a time.
pub fn free_leases(conn: &mut Conn) -> Result<()> {
    let by_hand = format!("{BY_HAND}%");
    diesel::update(jobs::table.filter(jobs::holder.is_null().or(jobs::holder.not_like(by_hand))))
        .set(jobs::until.eq(0i64))
        .execute(conn)?;
    Ok(())
}

pub fn find(conn: &mut Conn, id: &str) -> Result<Option<Job>> {
    let row: Option<Row> = jobs::table.find(id).select(columns!()).first(conn).optional()?;
    row.map(Job::try_from).transpose()
}

pub fn by_app(conn: &mut Conn, app: &str) -> Result<Vec<Job>> {
    let rows: Vec<Row> = jobs::table
        .filter(jobs::app.eq(app))
        .order(jobs::created)
        .select(columns!())
        .load(conn)?;
    rows.into_iter().map(Job::try_from).collect()
}

/// Those of some jobs that do nothing before somebody starts them.
pub fn resting(conn: &mut Conn, ids: &[&str]) -> Result<HashSet<String>> {
    let active = State::Active.name();
    let resting = jobs::table.filter(jobs::id.eq_any(ids).and(jobs::state.ne(active)));
    let ids: Vec<String> = resting.select(jobs::id).load(conn)?;
    Ok(ids.into_iter().collect())
}

pub fn set_state(conn: &mut Conn, id: &str, state: State) -> Result<()> {
    diesel::update(jobs::table.find(id))
        .set(jobs::state.eq(state.name()))
        .execute(conn)?;
    Ok(())
}

/// Lets a job run; one that does already goes on, and is as old as it was.
pub fn start(conn: &mut Conn, id: &str, now: Timestamp) -> Result<()> {
    if find(conn, id)?.is_some_and(|job| job.state != State::Active) {
        update_status(conn, id, |status| status.started = Some(now))?;
    }
    set_state(conn, id, State::Active)
}

/// Changes what a job remembers, read and written in one transaction.
pub fn update_status(conn: &mut Conn, id: &str, change: impl FnOnce(&mut Status)) -> Result<()> {
    // The row is locked before it is read, so that no other replica's change is lost.
    diesel::update(jobs::table.find(id))
        .set(jobs::created.eq(jobs::created))
        .execute(conn)?;
    let text: String = jobs::table.find(id).select(jobs::status).first(conn)?;
    let mut status: Status = from_json(&text)?;
    change(&mut status);
    diesel::update(jobs::table.find(id))
        .set(jobs::status.eq(to_json(&status)?))
        .execute(conn)?;
    Ok(())
}

/// Who has, or had last, a job's lease.
pub fn holder(conn: &mut Conn, id: &str) -> Result<Option<String>> {
    Ok(jobs::table.find(id).select(jobs::holder).first(conn)?)
}

/// No lease is that long: one that seems to be was taken by a clock that has been put back since.
const LONGEST_LEASE: SignedDuration = SignedDuration::from_hours(1);

/// Takes a job's lease if nobody holds it; answers the token that tells this holder from every other.
pub fn lease(
    conn: &mut Conn,
    id: &str,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<i64>> {
    let beyond = micros(now.saturating_add(LONGEST_LEASE).unwrap_or(Timestamp::MAX));
    Ok(diesel::update(jobs::table.find(id))
        .filter(jobs::until.le(micros(now)).or(jobs::until.gt(beyond)))
        .set((
            jobs::holder.eq(holder),
            jobs::token.eq(jobs::token + 1),
            jobs::until.eq(micros(until)),
        ))
        .returning(jobs::token)
        .get_result(conn)
        .optional()?)
}

/// Makes every write of a cycle conditional on its lease: refused as soon as somebody else took over.
pub fn fence(conn: &mut Conn, id: &str, token: i64) -> Result<()> {
    let held = diesel::update(jobs::table.find(id))
        .filter(jobs::token.eq(token))
        .set(jobs::token.eq(token))
        .execute(conn)?;
    match held {
        0 => Err(Error::new(Kind::Stale, "another replica has taken over this job").code("LeaseLost")),
        _ => Ok(()),
    }
}

/// Whether the lease with this token still holds.
pub fn is_held(conn: &mut Conn, id: &str, token: i64, now: Timestamp) -> Result<bool> {
    let held = jobs::table
        .filter(jobs::id.eq(id).and(jobs::token.eq(token)))
        .filter(jobs::until.gt(micros(now)));
    Ok(diesel::select(diesel::dsl::exists(held)).get_result(conn)?)
}

pub fn extend(conn: &mut Conn, id: &str, token: i64, until: Timestamp) -> Result<()> {
    fence(conn, id, token)?;
    diesel::update(jobs::table.find(id))
        .set(jobs::until.eq(micros(until)))
        .execute(conn)?;
    Ok(())
}

pub fn release(conn: &mut Conn, id: &str, token: i64) -> Result<()> {
    diesel::update(jobs::table.find(id))
        .filter(jobs::token.eq(token))
        .set((
            jobs::until.eq(0i64),
            jobs::holder.eq(None::<String>),
            // Whatever comes late, such as a heartbeat under way, finds the lease gone.
            jobs::token.eq(token + 1),
        ))
        .execute(conn)?;
    Ok(())
}
