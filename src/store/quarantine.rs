//! What a job's quarantine is judged by: how many people are refused, and how many are served.

use diesel::dsl::{count, exists, not};
use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{escrows, links, logs};
use super::{Conn, escrows as refusals, micros, report};
use crate::domain::quarantine::{EVALUATED_FROM, Volume};
use crate::error::Result;

/// How everybody stands with whom the job has to do; nothing is counted where hardly anybody is refused.
pub fn standing(conn: &mut Conn, job: &str) -> Result<Volume> {
    let refused = refusals::count(conn, job)?.unsigned_abs();
    if refused < EVALUATED_FROM {
        return Ok(Volume::default());
    }
    let is_refused =
        escrows::table.filter(escrows::job.eq(links::job).and(escrows::worker.eq(links::worker)));
    let served: i64 = links::table
        .filter(links::job.eq(job))
        .filter(not(exists(is_refused)))
        .count()
        .get_result(conn)?;
    Ok(Volume {
        refused,
        references: report::pending_references(conn, job)?.unsigned_abs(),
        served: served.unsigned_abs(),
    })
}

/// What became of those whom the job dealt with since an instant: who is refused since then, and whose account was written.
pub fn since(conn: &mut Conn, job: &str, from: Timestamp) -> Result<Volume> {
    let refused: i64 = escrows::table
        .filter(escrows::job.eq(job).and(escrows::since.ge(micros(from))))
        .count()
        .get_result(conn)?;
    let refused = refused.unsigned_abs();
    if refused < EVALUATED_FROM {
        return Ok(Volume::default());
    }
    let served: i64 = logs::table
        .filter(logs::at.ge(micros(from)).and(logs::job.eq(job)))
        .filter(logs::status.eq("success"))
        .select(count(logs::source).aggregate_distinct())
        .first(conn)?;
    Ok(Volume {
        refused,
        references: 0,
        served: served.unsigned_abs(),
    })
}
