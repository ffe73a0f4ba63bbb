//! Who is to be looked at, and when. A wake carries a key, never data: the engine reads the stored worker and
//! decides.

use std::fmt;

use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use super::schema::{wakes, workers};
use super::{Conn, instant, micros, native};
use crate::error::Result;

/// Why a worker is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// HR said something.
    Said,
    /// Somebody this worker refers to has an account now.
    Reference,
    /// The plan itself said that it would be different now (B18).
    Revisit,
    /// A refused change is tried again (B25).
    Retry,
    /// A limit held something back; it is planned anew each cycle (B17).
    Held,
    /// Everybody is looked at: a full cycle.
    Full,
}

const CAUSES: &[(Cause, &str)] = &[
    (Cause::Said, "said"),
    (Cause::Reference, "reference"),
    (Cause::Revisit, "revisit"),
    (Cause::Retry, "retry"),
    (Cause::Held, "held"),
    (Cause::Full, "full"),
];

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = CAUSES
            .iter()
            .find(|(cause, _)| cause == self)
            .map_or("said", |(_, name)| name);
        f.write_str(name)
    }
}

impl Cause {
    fn parse(text: &str) -> Cause {
        CAUSES
            .iter()
            .find(|(_, name)| *name == text)
            .map_or(Cause::Said, |(cause, _)| *cause)
    }
}

#[derive(Clone, Debug)]
pub struct Wake {
    pub anchor: String,
    pub cause: Cause,
    /// How often the same has been tried before.
    pub attempts: i32,
    /// Moves whenever somebody wakes the worker again, so that finishing one wake does not lose the next.
    stamp: i64,
}

/// Wakes workers now. It ends any wait they were in.
pub fn wake(conn: &mut Conn, job: &str, anchors: &[&str], now: Timestamp, cause: Cause) -> Result<()> {
    let cause = cause.to_string();
    for page in anchors.chunks(super::ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|anchor| {
                (
                    wakes::job.eq(job),
                    wakes::anchor.eq(*anchor),
                    wakes::due.eq(micros(now)),
                    wakes::cause.eq(&cause),
                    wakes::attempts.eq(0),
                    wakes::stamp.eq(0i64),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(wakes::table)
            .values(&rows)
            .on_conflict((wakes::job, wakes::anchor))
            .do_update()
            .set((
                wakes::due.eq(excluded(wakes::due)),
                wakes::cause.eq(excluded(wakes::cause)),
                wakes::attempts.eq(0),
                wakes::stamp.eq(wakes::stamp + 1),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// Wakes every known worker of a system, for a full cycle.
pub fn wake_all(conn: &mut Conn, job: &str, system: &str, now: Timestamp) -> Result<()> {
    let everybody = || {
        workers::table
            .filter(workers::system.eq(system.to_string()))
            .select((
                job.to_string().into_sql::<diesel::sql_types::Text>(),
                workers::anchor,
                micros(now).into_sql::<diesel::sql_types::BigInt>(),
                Cause::Full.to_string().into_sql::<diesel::sql_types::Text>(),
                0.into_sql::<diesel::sql_types::Integer>(),
                0i64.into_sql::<diesel::sql_types::BigInt>(),
            ))
    };
    native!(conn, c => diesel::insert_into(wakes::table)
        .values(everybody())
        .into_columns((wakes::job, wakes::anchor, wakes::due, wakes::cause, wakes::attempts, wakes::stamp))
        .on_conflict((wakes::job, wakes::anchor))
        .do_update()
        .set((
            wakes::due.eq(excluded(wakes::due)),
            wakes::cause.eq(excluded(wakes::cause)),
            wakes::attempts.eq(0),
            wakes::stamp.eq(wakes::stamp + 1),
        ))
        .execute(c))?;
    Ok(())
}

/// Brings forward every wait that has one of these causes.
pub fn hurry(conn: &mut Conn, job: &str, cause: Cause, now: Timestamp) -> Result<usize> {
    Ok(diesel::update(wakes::table)
        .filter(
            wakes::job
                .eq(job)
                .and(wakes::cause.eq(cause.to_string()))
                .and(wakes::due.gt(micros(now))),
        )
        .set((wakes::due.eq(micros(now)), wakes::stamp.eq(wakes::stamp + 1)))
        .execute(conn)?)
}

/// Who is due, longest waiting first.
pub fn due(conn: &mut Conn, job: &str, now: Timestamp, limit: i64) -> Result<Vec<Wake>> {
    let rows: Vec<(String, String, i32, i64)> = wakes::table
        .filter(wakes::job.eq(job).and(wakes::due.le(micros(now))))
        .order((wakes::due, wakes::anchor))
        .select((wakes::anchor, wakes::cause, wakes::attempts, wakes::stamp))
        .limit(limit)
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(anchor, cause, attempts, stamp)| Wake {
            anchor,
            cause: Cause::parse(&cause),
            attempts,
            stamp,
        })
        .collect())
}

/// How many are due; `of` counts only one cause.
pub fn due_count(conn: &mut Conn, job: &str, now: Timestamp, of: Option<Cause>) -> Result<i64> {
    let mut query = wakes::table
        .filter(wakes::job.eq(job).and(wakes::due.le(micros(now))))
        .into_boxed();
    if let Some(cause) = of {
        query = query.filter(wakes::cause.eq(cause.to_string()));
    }
    Ok(query.count().get_result(conn)?)
}

/// When the next wait ends.
pub fn next_due(conn: &mut Conn, job: &str) -> Result<Option<Timestamp>> {
    let due: Option<i64> = wakes::table
        .filter(wakes::job.eq(job))
        .select(diesel::dsl::min(wakes::due))
        .first(conn)?;
    Ok(due.map(instant))
}

/// When a worker is to be looked at again.
#[derive(Clone, Debug)]
pub struct Again {
    pub due: Timestamp,
    pub cause: Cause,
    pub attempts: i32,
}

/// Ends a wake, or puts it off; leaves it alone when the worker has been woken anew in the meantime.
pub fn finish(conn: &mut Conn, job: &str, wake: &Wake, again: Option<&Again>) -> Result<()> {
    let this = wakes::table
        .filter(wakes::job.eq(job).and(wakes::anchor.eq(&wake.anchor)))
        .filter(wakes::stamp.eq(wake.stamp));
    match again {
        None => diesel::delete(this).execute(conn)?,
        Some(again) => diesel::update(this)
            .set((
                wakes::due.eq(micros(again.due)),
                wakes::cause.eq(again.cause.to_string()),
                wakes::attempts.eq(again.attempts),
                wakes::stamp.eq(wakes::stamp + 1),
            ))
            .execute(conn)?,
    };
    Ok(())
}
