//! Jobs: the long-lived processes that keep a target in step with a source, their schemas and their leases.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::schema::{jobs, schemas, systems};
use super::{Conn, from_json, instant, micros, native, to_json};
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
    pub cycle: Option<String>,
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
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Execution {
    pub cycle: String,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub failed: Option<String>,
    /// Workers looked at.
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
    pub since: Timestamp,
    pub message: String,
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
    cycle: Option<String>,
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
            cycle: row.cycle,
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
            jobs::cycle,
            jobs::status,
        )
    };
}

/// Makes a job, unless there is one with this id.
pub fn ensure(conn: &mut Conn, job: &Job) -> Result<()> {
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

pub fn set_state(conn: &mut Conn, id: &str, state: State) -> Result<()> {
    diesel::update(jobs::table.find(id))
        .set(jobs::state.eq(state.name()))
        .execute(conn)?;
    Ok(())
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

/// A lease on a job for one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub token: i64,
    pub until: Timestamp,
}

/// Takes the lease if nobody holds it.
pub fn lease(
    conn: &mut Conn,
    id: &str,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Lease>> {
    let token: Option<i64> = diesel::update(jobs::table.find(id))
        .filter(jobs::until.le(micros(now)))
        .set((
            jobs::holder.eq(holder),
            jobs::token.eq(jobs::token + 1),
            jobs::until.eq(micros(until)),
        ))
        .returning(jobs::token)
        .get_result(conn)
        .optional()?;
    Ok(token.map(|token| Lease { token, until }))
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
        .set((jobs::until.eq(0i64), jobs::holder.eq(None::<String>)))
        .execute(conn)?;
    Ok(())
}

pub fn begin_cycle(conn: &mut Conn, id: &str, cycle: Option<&str>) -> Result<()> {
    diesel::update(jobs::table.find(id))
        .set(jobs::cycle.eq(cycle))
        .execute(conn)?;
    Ok(())
}

/// A schema as it was taken in.
pub struct SchemaVersion {
    pub version: i64,
    pub body: String,
    pub hash: String,
}

pub fn latest_schema(conn: &mut Conn, app: &str) -> Result<Option<SchemaVersion>> {
    let row: Option<(i64, String, String)> = schemas::table
        .filter(schemas::app.eq(app))
        .order(schemas::version.desc())
        .select((schemas::version, schemas::body, schemas::hash))
        .first(conn)
        .optional()?;
    Ok(row.map(|(version, body, hash)| SchemaVersion { version, body, hash }))
}

/// Adds a version; `origin` says where it came from: template, file or api.
pub fn add_schema(
    conn: &mut Conn,
    app: &str,
    schema: &SchemaVersion,
    origin: &str,
    now: Timestamp,
) -> Result<()> {
    diesel::insert_into(schemas::table)
        .values((
            schemas::app.eq(app),
            schemas::version.eq(schema.version),
            schemas::body.eq(&schema.body),
            schemas::hash.eq(&schema.hash),
            schemas::origin.eq(origin),
            schemas::taken.eq(micros(now)),
        ))
        .execute(conn)?;
    diesel::update(jobs::table.filter(jobs::app.eq(app)))
        .set(jobs::schema_version.eq(schema.version))
        .execute(conn)?;
    Ok(())
}

/// The controller in use by a system, and since when.
pub fn endpoint(conn: &mut Conn, system: &str) -> Result<Option<(String, Timestamp)>> {
    let row: Option<(Option<String>, Option<i64>)> = systems::table
        .find(system)
        .select((systems::endpoint, systems::endpoint_since))
        .first(conn)
        .optional()?;
    Ok(row.and_then(|(endpoint, since)| Some((endpoint?, instant(since?)))))
}

/// Moves a system to another controller by compare-and-set (B23); answers whether this call did it.
pub fn switch_endpoint(
    conn: &mut Conn,
    system: &str,
    from: Option<&str>,
    to: &str,
    now: Timestamp,
) -> Result<bool> {
    let values = (systems::endpoint.eq(to), systems::endpoint_since.eq(micros(now)));
    let moved = match from {
        Some(from) => diesel::update(systems::table.find(system))
            .filter(systems::endpoint.eq(from))
            .set(values)
            .execute(conn)?,
        None => diesel::update(systems::table.find(system))
            .filter(systems::endpoint.is_null())
            .set(values)
            .execute(conn)?,
    };
    Ok(moved > 0)
}
