//! Refused changes, kept for another try (B25): how often each was tried, and when it is tried again.

use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use super::schema::escrows;
use super::{Conn, has_any, instant, micros, native};
use crate::error::Result;

/// A worker whose change was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escrow {
    pub worker: String,
    /// Why, as the log's code.
    pub code: String,
    /// What was said of it.
    pub reason: String,
    pub attempts: i32,
    /// When the change is tried again; `None` where HR has to say something else first.
    pub next: Option<Timestamp>,
}

/// How the database says that a change is not tried again.
const NEVER: i64 = i64::MAX;

pub fn of(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<Escrow>> {
    if !has_any!(conn, escrows, job) {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, String, String, i32, i64)> = escrows::table
        .filter(escrows::job.eq(job).and(escrows::worker.eq_any(workers)))
        .select((
            escrows::worker,
            escrows::code,
            escrows::reason,
            escrows::attempts,
            escrows::next,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(worker, code, reason, attempts, next)| Escrow {
            worker,
            code,
            reason,
            attempts,
            next: (next != NEVER).then(|| instant(next)),
        })
        .collect())
}

/// Remembers a refusal; the first one says since when.
pub fn keep(conn: &mut Conn, job: &str, escrow: &Escrow, now: Timestamp) -> Result<()> {
    let row = (
        escrows::job.eq(job),
        escrows::worker.eq(&escrow.worker),
        escrows::code.eq(&escrow.code),
        escrows::reason.eq(&escrow.reason),
        escrows::since.eq(micros(now)),
        escrows::attempts.eq(escrow.attempts),
        escrows::next.eq(escrow.next.map_or(NEVER, micros)),
    );
    native!(conn, c => diesel::insert_into(escrows::table)
        .values(row)
        .on_conflict((escrows::job, escrows::worker))
        .do_update()
        .set((
            escrows::code.eq(excluded(escrows::code)),
            escrows::reason.eq(excluded(escrows::reason)),
            escrows::attempts.eq(excluded(escrows::attempts)),
            escrows::next.eq(excluded(escrows::next)),
        ))
        .execute(c))?;
    Ok(())
}

/// Ends the refusals of workers whose changes went through.
pub fn end(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<()> {
    for page in workers.chunks(super::ROWS) {
        diesel::delete(escrows::table.filter(escrows::job.eq(job).and(escrows::worker.eq_any(page))))
            .execute(conn)?;
    }
    Ok(())
}

/// Forgets every refusal of a job; answers whose they were.
pub fn clear(conn: &mut Conn, job: &str) -> Result<Vec<String>> {
    let workers = escrows::table
        .filter(escrows::job.eq(job))
        .select(escrows::worker)
        .load(conn)?;
    diesel::delete(escrows::table.filter(escrows::job.eq(job))).execute(conn)?;
    Ok(workers)
}

pub fn count(conn: &mut Conn, job: &str) -> Result<i64> {
    Ok(escrows::table
        .filter(escrows::job.eq(job))
        .count()
        .get_result(conn)?)
}
