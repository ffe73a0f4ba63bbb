//! The scratch copy of what a target listed in this cycle, so that a full cycle joins pages of workers with
//! pages of accounts and memory does not grow with either.

use diesel::dsl::{exists, max, min, not};
use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{jobs, links, listed, listed_keys, reviews};
use super::{Conn, from_json, micros, native, to_json};
use crate::domain::account::Account;
use crate::error::Result;

/// Accounts that are counted together.
const PAGE: i64 = 1_000;

/// Forgets what a job listed.
pub fn clear(conn: &mut Conn, job: &str) -> Result<()> {
    if is_alone(conn, job)? {
        // SQLite lets a whole table go at once, where rows of a hundred thousand accounts take it seconds.
        diesel::delete(listed::table).execute(conn)?;
        diesel::delete(listed_keys::table).execute(conn)?;
        return Ok(());
    }
    diesel::delete(listed::table.filter(listed::job.eq(job))).execute(conn)?;
    diesel::delete(listed_keys::table.filter(listed_keys::job.eq(job))).execute(conn)?;
    Ok(())
}

/// Lets go of what cycles left that died: of jobs of which nobody has the lease.
pub fn clear_idle(conn: &mut Conn, now: Timestamp) -> Result<()> {
    let left: Vec<String> = listed::table.select(listed::job).distinct().load(conn)?;
    let idle: Vec<String> = jobs::table
        .filter(jobs::id.eq_any(left).and(jobs::until.le(micros(now))))
        .select(jobs::id)
        .load(conn)?;
    idle.iter().try_for_each(|job| clear(conn, job))
}

/// Whether no other job has listed anything. On PostgreSQL nobody can say: another replica may be about to.
fn is_alone(conn: &mut Conn, job: &str) -> Result<bool> {
    if !matches!(conn, Conn::Sqlite(_)) {
        return Ok(false);
    }
    let first: Option<String> = listed::table.select(min(listed::job)).first(conn)?;
    let last: Option<String> = listed::table.select(max(listed::job)).first(conn)?;
    Ok([first, last].iter().flatten().all(|other| other == job))
}

/// Keeps one page, found again by anchor and by the given matching attributes.
pub fn keep(conn: &mut Conn, job: &str, accounts: &[Account], matching: &[String]) -> Result<()> {
    for page in accounts.chunks(super::ROWS) {
        let rows = page
            .iter()
            .map(|account| {
                Ok((
                    listed::job.eq(job),
                    listed::anchor.eq(&account.anchor.0),
                    listed::body.eq(to_json(account)?),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(listed::table).values(&rows).on_conflict_do_nothing().execute(c))?;
        let keys: Vec<_> = page
            .iter()
            .flat_map(|account| {
                matching.iter().flat_map(move |attribute| {
                    account
                        .values
                        .get(attribute)
                        .into_iter()
                        .flatten()
                        .map(move |value| {
                            (
                                listed_keys::job.eq(job),
                                listed_keys::attribute.eq(attribute),
                                listed_keys::value.eq(value.to_lowercase()),
                                listed_keys::anchor.eq(&account.anchor.0),
                            )
                        })
                })
            })
            .collect();
        native!(conn, c => diesel::insert_into(listed_keys::table).values(&keys).on_conflict_do_nothing().execute(c))?;
    }
    Ok(())
}

/// Accounts of the list that are nobody's, in any job that writes the same target, after everybody has been looked at: their
/// number, and some of them. What a review found for somebody is not nobody's, and of what is protected nobody is asked whose it is.
pub fn without_worker(conn: &mut Conn, job: &str, limit: usize) -> Result<(i64, Vec<Account>)> {
    let target = jobs::table.filter(jobs::id.eq(job)).select(jobs::target);
    let target: Option<String> = target.first(conn).optional()?;
    let beside = jobs::table.filter(jobs::target.eq(target.unwrap_or_default()));
    let mut writers: Vec<String> = beside.select(jobs::id).load(conn)?;
    writers.push(job.to_string());
    let (mut count, mut some, mut after) = (0, Vec::new(), String::new());
    loop {
        let page = nobodys(conn, job, &writers, &after)?;
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        for (_, body) in &page {
            let account: Account = from_json(body)?;
            if account.protected.is_some() {
                continue;
            }
            count += 1;
            if some.len() < limit {
                some.push(account);
            }
        }
    }
    Ok((count, some))
}

/// The next of those to which no link of these jobs leads and which no review of theirs names, in the order of their anchors.
fn nobodys(conn: &mut Conn, job: &str, writers: &[String], after: &str) -> Result<Vec<(String, String)>> {
    let linked = links::table
        .filter(links::job.eq_any(writers))
        .filter(links::account.eq(listed::anchor));
    let reviewed = reviews::table
        .filter(reviews::job.eq_any(writers))
        .filter(reviews::account.eq(listed::anchor.nullable()));
    Ok(listed::table
        .filter(listed::job.eq(job).and(listed::anchor.gt(after)))
        .filter(not(exists(linked)))
        .filter(not(exists(reviewed)))
        .order(listed::anchor)
        .select((listed::anchor, listed::body))
        .limit(PAGE)
        .load(conn)?)
}

pub fn by_anchors(conn: &mut Conn, job: &str, anchors: &[&str]) -> Result<Vec<Account>> {
    let mut found = Vec::with_capacity(anchors.len());
    for page in anchors.chunks(super::ROWS) {
        let bodies: Vec<String> = listed::table
            .filter(listed::job.eq(job).and(listed::anchor.eq_any(page)))
            .select(listed::body)
            .load(conn)?;
        for body in &bodies {
            found.push(from_json(body)?);
        }
    }
    Ok(found)
}

/// The anchors of accounts that hold one of these values: (folded value, anchor).
pub fn by_values(
    conn: &mut Conn,
    job: &str,
    attribute: &str,
    values: &[String],
) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for page in values.chunks(super::ROWS) {
        let rows: Vec<(String, String)> = listed_keys::table
            .filter(listed_keys::job.eq(job).and(listed_keys::attribute.eq(attribute)))
            .filter(listed_keys::value.eq_any(page))
            .select((listed_keys::value, listed_keys::anchor))
            .load(conn)?;
        found.extend(rows);
    }
    Ok(found)
}
