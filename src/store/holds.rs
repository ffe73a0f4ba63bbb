//! What people decided about accounts (B12), by job and worker.

use diesel::prelude::*;

use super::schema::holds;
use super::{Conn, ROWS, from_json, native, to_json};
use crate::domain::hold::Hold;
use crate::error::Result;

pub fn keep(conn: &mut Conn, job: &str, kept: &[Hold]) -> Result<()> {
    for page in kept.chunks(ROWS) {
        let rows = page
            .iter()
            .map(|hold| {
                Ok((
                    holds::id.eq(&hold.id),
                    holds::job.eq(job),
                    holds::worker.eq(&hold.worker),
                    holds::body.eq(to_json(hold)?),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(holds::table).values(&rows).execute(c))?;
    }
    Ok(())
}

pub fn of(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<Hold>> {
    let mut found = Vec::new();
    for page in workers.chunks(ROWS) {
        let rows: Vec<String> = holds::table
            .filter(holds::job.eq(job).and(holds::worker.eq_any(page)))
            .order(holds::id)
            .select(holds::body)
            .load(conn)?;
        for row in rows {
            found.push(from_json(&row)?);
        }
    }
    Ok(found)
}

/// Ends holds.
pub fn end(conn: &mut Conn, ids: &[&str]) -> Result<()> {
    for page in ids.chunks(ROWS) {
        diesel::delete(holds::table.filter(holds::id.eq_any(page))).execute(conn)?;
    }
    Ok(())
}
