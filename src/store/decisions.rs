//! Who decided what about a job, when and why.

use diesel::prelude::*;
use jiff::Timestamp;
use uuid::Uuid;

use super::schema::decisions;
use super::{Conn, ROWS, from_json, micros, native, to_json};
use crate::domain::decision::Decision;
use crate::error::Result;

pub fn keep(conn: &mut Conn, job: &str, made: &[Decision]) -> Result<()> {
    for page in made.chunks(ROWS) {
        let rows = page
            .iter()
            .map(|one| {
                Ok((
                    decisions::id.eq(Uuid::now_v7().to_string()),
                    decisions::job.eq(job),
                    decisions::made.eq(micros(one.at)),
                    decisions::body.eq(to_json(one)?),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(decisions::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// What was decided in a while, newest first.
pub fn of(
    conn: &mut Conn,
    job: &str,
    (from, to): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Decision>> {
    let rows: Vec<String> = decisions::table
        .filter(decisions::job.eq(job))
        .filter(
            decisions::made
                .ge(micros(from))
                .and(decisions::made.lt(micros(to))),
        )
        .order((decisions::made.desc(), decisions::id.desc()))
        .select(decisions::body)
        .limit(limit)
        .load(conn)?;
    rows.iter().map(|row| from_json(row)).collect()
}

/// Lets go what was decided before.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    diesel::delete(decisions::table.filter(decisions::made.lt(micros(before)))).execute(conn)?;
    Ok(())
}
