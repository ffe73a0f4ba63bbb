//! What would be done to whom, kept until a person has read it (B9), by job and worker.

use diesel::dsl::{exists, not, select};
use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use super::plans::{pack, unpack};
use super::schema::{links, reviews, wakes};
use super::{Conn, ROWS, has_any, micros, native, to_json};
use crate::domain::review::{Case, Standing};
use crate::error::Result;

/// How one worker stands under review.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    pub worker: String,
    pub standing: Standing,
    /// A person said that no account that is there is this worker's: one may be made beside who looks alike.
    pub apart: bool,
    pub case: Case,
}

type Row = (String, String, bool, Vec<u8>);

fn review((worker, standing, apart, body): Row) -> Result<Review> {
    let [case] = unpack::<[Case; 1]>(&body)?;
    Ok(Review {
        worker,
        standing: Standing::parse(&standing),
        apart,
        case,
    })
}

pub fn of(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<Review>> {
    if !has_any!(conn, reviews, job) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for page in workers.chunks(ROWS) {
        let rows: Vec<Row> = reviews::table
            .filter(reviews::job.eq(job).and(reviews::worker.eq_any(page)))
            .select((reviews::worker, reviews::standing, reviews::apart, reviews::body))
            .load(conn)?;
        for row in rows {
            found.push(review(row)?);
        }
    }
    Ok(found)
}

/// The workers after one, in the order of their anchors.
pub fn after(conn: &mut Conn, job: &str, after: &str, limit: i64) -> Result<Vec<Review>> {
    let rows: Vec<Row> = reviews::table
        .filter(reviews::job.eq(job).and(reviews::worker.gt(after)))
        .order(reviews::worker)
        .limit(limit)
        .select((reviews::worker, reviews::standing, reviews::apart, reviews::body))
        .load(conn)?;
    rows.into_iter().map(review).collect()
}

/// Puts down what a look found, in place of what the one before did.
pub fn keep(conn: &mut Conn, job: &str, kept: &[&Review]) -> Result<()> {
    for page in kept.chunks(ROWS) {
        let rows = page
            .iter()
            .map(|review| {
                Ok((
                    reviews::job.eq(job),
                    reviews::worker.eq(&review.worker),
                    reviews::standing.eq(review.standing.name()),
                    reviews::apart.eq(review.apart),
                    reviews::account.eq(review.case.proposal.account.as_ref().map(|one| one.0.clone())),
                    reviews::body.eq(pack(&[to_json(&review.case)?])?),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(reviews::table)
            .values(&rows)
            .on_conflict((reviews::job, reviews::worker))
            .do_update()
            .set((
                reviews::standing.eq(excluded(reviews::standing)),
                reviews::apart.eq(excluded(reviews::apart)),
                reviews::account.eq(excluded(reviews::account)),
                reviews::body.eq(excluded(reviews::body)),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// Notes that none of the accounts that are there is these workers', as far as they are under review.
pub fn set_apart(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<()> {
    for page in workers.chunks(ROWS) {
        diesel::update(reviews::table.filter(reviews::job.eq(job).and(reviews::worker.eq_any(page))))
            .set(reviews::apart.eq(true))
            .execute(conn)?;
    }
    Ok(())
}

/// How many stand in each way.
pub fn counts(conn: &mut Conn, job: &str) -> Result<Vec<(Standing, i64)>> {
    let rows: Vec<(String, i64)> = reviews::table
        .filter(reviews::job.eq(job))
        .group_by(reviews::standing)
        .select((reviews::standing, diesel::dsl::count_star()))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(standing, count)| (Standing::parse(&standing), count))
        .collect())
}

/// Whether somebody is linked of whom no review knows.
pub fn is_linked_beyond(conn: &mut Conn, job: &str) -> Result<bool> {
    let known = reviews::table.filter(reviews::job.eq(job).and(reviews::worker.eq(links::worker)));
    let beyond = links::table.filter(links::job.eq(job)).filter(not(exists(known)));
    Ok(select(exists(beyond)).get_result(conn)?)
}

/// How many are due whom no look has reached that a review could show.
pub fn unread(conn: &mut Conn, job: &str, now: Timestamp) -> Result<i64> {
    let known = reviews::table.filter(reviews::job.eq(job).and(reviews::worker.eq(wakes::anchor)));
    Ok(wakes::table
        .filter(wakes::job.eq(job).and(wakes::due.le(micros(now))))
        .filter(not(exists(known)))
        .count()
        .get_result(conn)?)
}

/// The accounts that were found for these workers: (worker, account).
pub fn accounts(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for page in workers.chunks(ROWS) {
        let rows: Vec<(String, Option<String>)> = reviews::table
            .filter(reviews::job.eq(job).and(reviews::worker.eq_any(page)))
            .filter(reviews::account.is_not_null())
            .select((reviews::worker, reviews::account))
            .load(conn)?;
        found.extend(
            rows.into_iter()
                .filter_map(|(worker, account)| Some((worker, account?))),
        );
    }
    Ok(found)
}

/// Whom these accounts were found for: (account, worker).
pub fn finders(conn: &mut Conn, job: &str, accounts: &[&str]) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for page in accounts.chunks(ROWS) {
        let rows: Vec<(Option<String>, String)> = reviews::table
            .filter(reviews::job.eq(job).and(reviews::account.eq_any(page)))
            .select((reviews::account, reviews::worker))
            .load(conn)?;
        found.extend(
            rows.into_iter()
                .filter_map(|(account, worker)| Some((account?, worker))),
        );
    }
    Ok(found)
}

/// Who stands in this way, after one, in the order of their anchors.
pub fn standing(
    conn: &mut Conn,
    job: &str,
    standing: Standing,
    after: &str,
    limit: i64,
) -> Result<Vec<String>> {
    Ok(reviews::table
        .filter(reviews::job.eq(job).and(reviews::standing.eq(standing.name())))
        .filter(reviews::worker.gt(after))
        .order(reviews::worker)
        .limit(limit)
        .select(reviews::worker)
        .load(conn)?)
}

/// Forgets these workers' reviews.
pub fn end(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<()> {
    for page in workers.chunks(ROWS) {
        diesel::delete(reviews::table.filter(reviews::job.eq(job).and(reviews::worker.eq_any(page))))
            .execute(conn)?;
    }
    Ok(())
}

pub fn clear(conn: &mut Conn, job: &str) -> Result<()> {
    diesel::delete(reviews::table.filter(reviews::job.eq(job))).execute(conn)?;
    Ok(())
}
