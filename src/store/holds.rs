//! What people decided about accounts (B12), by job and by worker or account.

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

/// Those of workers, with the job that has each.
pub fn of(conn: &mut Conn, jobs: &[&str], workers: &[&str]) -> Result<Vec<(String, Hold)>> {
    pages(conn, jobs, workers, |conn, page| {
        let of_them = holds::job.eq_any(jobs).and(holds::worker.eq_any(page));
        let rows = holds::table.filter(of_them).order(holds::id);
        Ok(rows.select((holds::job, holds::body)).load(conn)?)
    })
}

/// Those of accounts, whoever they belong to.
pub fn of_accounts(conn: &mut Conn, jobs: &[&str], accounts: &[&str]) -> Result<Vec<(String, Hold)>> {
    pages(conn, jobs, accounts, |conn, page| {
        let of_them = holds::job.eq_any(jobs).and(holds::account.eq_any(page));
        let rows = holds::table.filter(of_them).order(holds::id);
        Ok(rows.select((holds::job, holds::body)).load(conn)?)
    })
}

/// What is found of many, as many at a time as one statement takes.
fn pages(
    conn: &mut Conn,
    jobs: &[&str],
    of: &[&str],
    load: impl Fn(&mut Conn, &[&str]) -> Result<Vec<(String, String)>>,
) -> Result<Vec<(String, Hold)>> {
    let mut found = Vec::new();
    if !any(conn, jobs)? {
        return Ok(found);
    }
    for page in of.chunks(ROWS) {
        for (job, body) in load(conn, page)? {
            found.push((job, from_json(&body)?));
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

/// Whether any of these jobs has one: most have none, and to ask hundreds of keys costs many times as much.
pub fn any(conn: &mut Conn, jobs: &[&str]) -> Result<bool> {
    let of_them = holds::table.filter(holds::job.eq_any(jobs));
    Ok(diesel::select(diesel::dsl::exists(of_them)).get_result(conn)?)
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
