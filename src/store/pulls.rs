//! Systems that are asked what HR says: from where on the next read goes, which job reads now, and how the last read went.

use diesel::dsl::case_when;
use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::schema::{jobs, pulls};
use super::{Conn, from_json, instant, micros, native, to_json};
use crate::error::{Error, Kind, Result};

/// However long a read was put off, it is due after this: clocks are corrected.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// How far reading a system has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// `None` where everybody has to be read.
    pub watermark: Option<Timestamp>,
    /// The source's own name for that place.
    pub place: Option<String>,
    /// What was asked about each worker.
    pub fingerprint: Option<String>,
    pub generation: i64,
    /// Reads that failed since the last good one.
    pub failures: i32,
    /// Why the last one did.
    pub failure: Option<Failure>,
    /// When the last complete read began.
    pub completed: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
    /// The system refused the credentials.
    pub locked_out: bool,
}

/// How far a complete read came.
pub struct Mark<'m> {
    pub at: Timestamp,
    pub place: Option<&'m str>,
    pub fingerprint: &'m str,
}

/// The job that reads, and the token of its lease.
pub type Reader<'r> = (&'r str, i64);

#[derive(Queryable, Selectable)]
#[diesel(table_name = pulls)]
struct Row {
    watermark: Option<i64>,
    place: Option<String>,
    fingerprint: Option<String>,
    generation: i64,
    began: i64,
    not_before: i64,
    failures: i32,
    failure: Option<String>,
    job: Option<String>,
    token: Option<i64>,
    completed: Option<i64>,
}

fn row(conn: &mut Conn, system: &str) -> Result<Option<Row>> {
    Ok(pulls::table
        .find(system)
        .select(Row::as_select())
        .first(conn)
        .optional()?)
}

/// Whether a system is to be read: an interval after the last read, when one that failed may be tried again, or when its
/// reader died; not while somebody reads it.
pub fn is_due(conn: &mut Conn, system: &str, interval: SignedDuration, now: Timestamp) -> Result<bool> {
    let Some(row) = row(conn, system)? else {
        return Ok(true);
    };
    if let (Some(job), Some(token)) = (&row.job, row.token) {
        return Ok(!holds_lease(conn, job, token, now)?);
    }
    let is_past = |at: i64, wait| {
        let (began, due) = (instant(at), instant(at).saturating_add(wait));
        began > now || due.is_ok_and(|due| due <= now)
    };
    let put_off = instant(row.not_before);
    let is_put_off = put_off > now && put_off.duration_since(now) <= LONGEST;
    Ok(!is_put_off && is_past(row.began, interval))
}

fn holds_lease(conn: &mut Conn, job: &str, token: i64, now: Timestamp) -> Result<bool> {
    let lease = jobs::table
        .find(job)
        .filter(jobs::token.eq(token).and(jobs::until.gt(micros(now))));
    Ok(lease.count().get_result::<i64>(conn)? > 0)
}

/// Makes a system known as one that is asked, once.
fn make(conn: &mut Conn, system: &str) -> Result<()> {
    let fresh = (
        pulls::system.eq(system),
        pulls::generation.eq(0i64),
        pulls::began.eq(0i64),
        pulls::not_before.eq(0i64),
        pulls::failures.eq(0),
    );
    native!(conn, c => diesel::insert_into(pulls::table).values(fresh).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Locks the row before it is read, so that two replicas do not both find it free.
fn lock(conn: &mut Conn, system: &str) -> Result<()> {
    diesel::update(pulls::table.find(system))
        .set(pulls::began.eq(pulls::began))
        .execute(conn)?;
    Ok(())
}

/// Lets a job read a system, in a cycle that began at an instant, if it is due now.
pub fn claim(
    conn: &mut Conn,
    system: &str,
    interval: SignedDuration,
    (job, token): Reader<'_>,
    began: Timestamp,
    now: Timestamp,
) -> Result<Option<Standing>> {
    make(conn, system)?;
    lock(conn, system)?;
    if !is_due(conn, system, interval, now)? {
        return Ok(None);
    }
    diesel::update(pulls::table.find(system))
        .set((
            pulls::job.eq(job),
            pulls::token.eq(token),
            pulls::began.eq(micros(began)),
        ))
        .execute(conn)?;
    standing(conn, system).map(Some)
}

/// Lets a job look workers up in a system, as long as nobody reads it; a read that broke off is due again.
pub fn lend(conn: &mut Conn, system: &str, (job, token): Reader<'_>, now: Timestamp) -> Result<bool> {
    make(conn, system)?;
    lock(conn, system)?;
    let reader = row(conn, system)?.and_then(|row| Some((row.job?, row.token?)));
    if let Some((job, token)) = &reader {
        if holds_lease(conn, job, *token, now)? {
            return Ok(false);
        }
        diesel::update(pulls::table.find(system))
            .set(pulls::began.eq(0i64))
            .execute(conn)?;
    }
    diesel::update(pulls::table.find(system))
        .set((pulls::job.eq(job), pulls::token.eq(token)))
        .execute(conn)?;
    Ok(true)
}

/// Gives back what was lent.
pub fn give_back(conn: &mut Conn, system: &str, (job, token): Reader<'_>) -> Result<()> {
    diesel::update(pulls::table.find(system))
        .filter(pulls::job.eq(job).and(pulls::token.eq(token)))
        .set((pulls::job.eq(None::<String>), pulls::token.eq(None::<i64>)))
        .execute(conn)?;
    Ok(())
}

pub fn standing(conn: &mut Conn, system: &str) -> Result<Standing> {
    let Some(row) = row(conn, system)? else {
        return Ok(Standing::default());
    };
    Ok(Standing {
        watermark: row.watermark.map(instant),
        place: row.place,
        fingerprint: row.fingerprint,
        generation: row.generation,
        failures: row.failures,
        failure: row.failure.as_deref().map(from_json).transpose()?,
        completed: row.completed.map(instant),
    })
}

/// Makes a write conditional on the claim: refused as soon as another job reads.
pub fn fence(conn: &mut Conn, system: &str, (job, token): Reader<'_>) -> Result<()> {
    let held = diesel::update(pulls::table.find(system))
        .filter(pulls::job.eq(job).and(pulls::token.eq(token)))
        .set(pulls::token.eq(token))
        .execute(conn)?;
    match held {
        0 => Err(Error::new(Kind::Stale, "another job reads this system now").code("LeaseLost")),
        _ => Ok(()),
    }
}

/// Everything was read, and is in the store: the next read goes on from the watermark, unless somebody wanted everybody
/// read again meanwhile.
pub fn complete(
    conn: &mut Conn,
    system: &str,
    reader: Reader<'_>,
    generation: i64,
    mark: &Mark<'_>,
) -> Result<()> {
    fence(conn, system, reader)?;
    diesel::update(pulls::table.find(system))
        .filter(pulls::generation.eq(generation))
        .set((
            pulls::watermark.eq(micros(mark.at)),
            pulls::place.eq(mark.place),
            pulls::fingerprint.eq(mark.fingerprint),
        ))
        .execute(conn)?;
    // Whoever has the next read begin at once forgets when this one did.
    let began = case_when(pulls::began.gt(0), pulls::began.nullable()).otherwise(pulls::completed);
    diesel::update(pulls::table.find(system))
        .set((
            pulls::job.eq(None::<String>),
            pulls::token.eq(None::<i64>),
            pulls::failures.eq(0),
            pulls::failure.eq(None::<String>),
            pulls::completed.eq(began),
        ))
        .execute(conn)?;
    Ok(())
}

/// The read failed: the same again, not before an instant.
pub fn fail(
    conn: &mut Conn,
    system: &str,
    reader: Reader<'_>,
    failure: &Failure,
    not_before: Timestamp,
) -> Result<()> {
    fence(conn, system, reader)?;
    diesel::update(pulls::table.find(system))
        .set((
            pulls::job.eq(None::<String>),
            pulls::token.eq(None::<i64>),
            pulls::began.eq(0i64),
            pulls::not_before.eq(micros(not_before)),
            pulls::failures.eq(pulls::failures + 1),
            pulls::failure.eq(to_json(failure)?),
        ))
        .execute(conn)?;
    Ok(())
}

/// The reader stops in the middle: the same again, when somebody has the time.
pub fn leave(conn: &mut Conn, system: &str, (job, token): Reader<'_>) -> Result<()> {
    diesel::update(pulls::table.find(system))
        .filter(pulls::job.eq(job).and(pulls::token.eq(token)))
        .set((
            pulls::job.eq(None::<String>),
            pulls::token.eq(None::<i64>),
            pulls::began.eq(0i64),
        ))
        .execute(conn)?;
    Ok(())
}

/// Has a system read at once; everybody, where it is to be read from the beginning.
pub fn hurry(conn: &mut Conn, system: &str, from_the_beginning: bool) -> Result<()> {
    let row = pulls::table.find(system);
    diesel::update(row)
        .set((pulls::began.eq(0i64), pulls::not_before.eq(0i64)))
        .execute(conn)?;
    if from_the_beginning {
        diesel::update(row)
            .set((
                pulls::watermark.eq(None::<i64>),
                pulls::generation.eq(pulls::generation + 1),
            ))
            .execute(conn)?;
    }
    Ok(())
}
