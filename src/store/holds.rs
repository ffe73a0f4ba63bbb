//! What people decided about accounts (B12), by job and by worker or account.

use diesel::prelude::*;

use super::schema::holds;
use super::{Conn, ROWS, from_json, has_any, native, to_json};
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
                    holds::worker.eq(hold.worker.as_deref().unwrap_or_default()),
                    holds::body.eq(to_json(hold)?),
                    holds::account.eq(hold.account.as_ref().map(|account| account.anchor.0.as_str())),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(holds::table).values(&rows).execute(c))?;
    }
    Ok(())
}

pub fn of(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<Hold>> {
    pages(conn, job, workers, |conn, page| {
        let of_them = holds::job.eq(job).and(holds::worker.eq_any(page));
        let rows = holds::table.filter(of_them).order(holds::id);
        Ok(rows.select(holds::body).load(conn)?)
    })
}

/// Those of accounts, whoever they belong to.
pub fn of_accounts(conn: &mut Conn, job: &str, accounts: &[&str]) -> Result<Vec<Hold>> {
    pages(conn, job, accounts, |conn, page| {
        let of_them = holds::job.eq(job).and(holds::account.eq_any(page));
        let rows = holds::table.filter(of_them).order(holds::id);
        Ok(rows.select(holds::body).load(conn)?)
    })
}

/// What is found of many, as many at a time as one statement takes.
fn pages(
    conn: &mut Conn,
    job: &str,
    of: &[&str],
    load: impl Fn(&mut Conn, &[&str]) -> Result<Vec<String>>,
) -> Result<Vec<Hold>> {
    let mut found = Vec::new();
    if !has_any!(conn, holds, job) {
        return Ok(found);
    }
    for page in of.chunks(ROWS) {
        for row in load(conn, page)? {
            found.push(from_json(&row)?);
        }
    }
    Ok(found)
}

/// Those that were made after one, in the order in which they were.
pub fn after(conn: &mut Conn, job: &str, after: &str, limit: i64) -> Result<Vec<Hold>> {
    let rows: Vec<String> = holds::table
        .filter(holds::job.eq(job).and(holds::id.gt(after)))
        .order(holds::id)
        .select(holds::body)
        .limit(limit)
        .load(conn)?;
    rows.iter().map(|row| from_json(row)).collect()
}

pub fn count(conn: &mut Conn, job: &str) -> Result<i64> {
    Ok(holds::table.filter(holds::job.eq(job)).count().get_result(conn)?)
}

pub fn find(conn: &mut Conn, job: &str, id: &str) -> Result<Option<Hold>> {
    let row: Option<String> = holds::table
        .filter(holds::job.eq(job).and(holds::id.eq(id)))
        .select(holds::body)
        .first(conn)
        .optional()?;
    row.as_deref().map(from_json).transpose()
}

/// Ends holds.
pub fn end(conn: &mut Conn, ids: &[&str]) -> Result<()> {
    for page in ids.chunks(ROWS) {
        diesel::delete(holds::table.filter(holds::id.eq_any(page))).execute(conn)?;
    }
    Ok(())
}
