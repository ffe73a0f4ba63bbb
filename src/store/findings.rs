//! What is wrong with whom right now. Each look at a worker replaces what the last one found, and says since when it is so.

use std::collections::HashSet;

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::findings;
use super::{Conn, instant, micros, native};
use crate::error::Result;

/// One thing that stands about one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub worker: String,
    /// As the log's code.
    pub code: String,
    /// The reason without what is peculiar to the worker: what many have in common.
    pub cause: String,
    pub weight: Weight,
    pub reason: String,
}

/// What a finding does to its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something that HR wants cannot be done.
    Failure,
    /// A limit keeps it back.
    Held,
    /// Something that HR wants is deliberately not done.
    Warning,
    /// Why there is no account.
    Skip,
}

const WEIGHTS: &[(Weight, &str)] = &[
    (Weight::Failure, "failure"),
    (Weight::Held, "held"),
    (Weight::Warning, "warning"),
    (Weight::Skip, "skip"),
];

impl Weight {
    pub fn name(self) -> &'static str {
        let row = WEIGHTS.iter().find(|(weight, _)| *weight == self);
        row.map_or("", |(_, name)| name)
    }

    fn parse(text: &str) -> Weight {
        let row = WEIGHTS.iter().find(|(_, name)| *name == text);
        row.map_or(Weight::Failure, |(weight, _)| *weight)
    }
}

/// What many findings have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub weight: Weight,
    pub code: String,
    pub cause: String,
    pub count: i64,
    /// The oldest of them.
    pub since: Timestamp,
}

/// Replaces what stands about these workers; what stood before keeps its age.
pub fn replace(
    conn: &mut Conn,
    job: &str,
    workers: &[&str],
    found: &[Finding],
    now: Timestamp,
) -> Result<()> {
    let stands: HashSet<(&str, &str, &str)> = found
        .iter()
        .map(|one| (one.worker.as_str(), one.code.as_str(), one.cause.as_str()))
        .collect();
    let ill: HashSet<&str> = found.iter().map(|one| one.worker.as_str()).collect();
    let (mut healed, mut before) = (Vec::new(), HashSet::new());
    for page in workers.chunks(super::ROWS) {
        let rows: Vec<(String, String, String)> = findings::table
            .filter(findings::job.eq(job).and(findings::worker.eq_any(page)))
            .select((findings::worker, findings::code, findings::cause))
            .load(conn)?;
        for (worker, code, cause) in rows {
            match () {
                () if !ill.contains(worker.as_str()) => healed.push(worker),
                () if stands.contains(&(&worker, &code, &cause)) => {
                    before.insert((worker, code, cause));
                }
                () => {
                    diesel::delete(findings::table.find((job, worker, code, cause))).execute(conn)?;
                }
            }
        }
    }
    for page in healed.chunks(super::ROWS) {
        diesel::delete(findings::table.filter(findings::job.eq(job).and(findings::worker.eq_any(page))))
            .execute(conn)?;
    }
    let is_new =
        |one: &&Finding| !before.contains(&(one.worker.clone(), one.code.clone(), one.cause.clone()));
    let new: Vec<&Finding> = found.iter().filter(is_new).collect();
    for page in new.chunks(super::ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|one| {
                (
                    findings::job.eq(job),
                    findings::worker.eq(&one.worker),
                    findings::code.eq(&one.code),
                    findings::cause.eq(&one.cause),
                    findings::weight.eq(one.weight.name()),
                    findings::reason.eq(&one.reason),
                    findings::since.eq(micros(now)),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(findings::table).values(&rows).on_conflict_do_nothing().execute(c))?;
    }
    Ok(())
}

/// Forgets what a job found: it has another target.
pub fn clear(conn: &mut Conn, job: &str) -> Result<()> {
    diesel::delete(findings::table.filter(findings::job.eq(job))).execute(conn)?;
    Ok(())
}

/// What many have in common, the commonest first.
pub fn causes(conn: &mut Conn, job: &str, weight: Weight, limit: i64) -> Result<Vec<Cause>> {
    let rows: Vec<(String, String, i64, Option<i64>)> = findings::table
        .filter(findings::job.eq(job).and(findings::weight.eq(weight.name())))
        .group_by((findings::code, findings::cause))
        .select((
            findings::code,
            findings::cause,
            diesel::dsl::count_star(),
            diesel::dsl::min(findings::since),
        ))
        .order((diesel::dsl::count_star().desc(), findings::code, findings::cause))
        .limit(limit)
        .load(conn)?;
    let cause = |(code, cause, count, since): (String, String, i64, Option<i64>)| Cause {
        weight,
        code,
        cause,
        count,
        since: instant(since.unwrap_or_default()),
    };
    Ok(rows.into_iter().map(cause).collect())
}

/// Some of those whom a cause hit, longest first: (worker, reason).
pub fn examples(conn: &mut Conn, job: &str, cause: &Cause, limit: i64) -> Result<Vec<(String, String)>> {
    Ok(findings::table
        .filter(
            findings::job
                .eq(job)
                .and(findings::weight.eq(cause.weight.name())),
        )
        .filter(
            findings::code
                .eq(&cause.code)
                .and(findings::cause.eq(&cause.cause)),
        )
        .order((findings::since, findings::worker))
        .select((findings::worker, findings::reason))
        .limit(limit)
        .load(conn)?)
}

/// Of whom something of a code stands, longest first: (worker, reason, since).
pub fn standing(
    conn: &mut Conn,
    job: &str,
    weight: Weight,
    code: &str,
    limit: i64,
) -> Result<Vec<(String, String, Timestamp)>> {
    let rows: Vec<(String, String, i64)> = findings::table
        .filter(findings::job.eq(job).and(findings::weight.eq(weight.name())))
        .filter(findings::code.eq(code))
        .order((findings::since, findings::worker))
        .select((findings::worker, findings::reason, findings::since))
        .limit(limit)
        .load(conn)?;
    let found = |(worker, reason, since)| (worker, reason, instant(since));
    Ok(rows.into_iter().map(found).collect())
}

/// Everybody of whom something of a code stands.
pub fn whom(conn: &mut Conn, job: &str, code: &str) -> Result<Vec<String>> {
    Ok(findings::table
        .filter(findings::job.eq(job).and(findings::code.eq(code)))
        .select(findings::worker)
        .distinct()
        .load(conn)?)
}

/// What stands about these workers.
pub fn of(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for page in workers.chunks(super::ROWS) {
        let rows: Vec<(String, String, String, String, String)> = findings::table
            .filter(findings::job.eq(job).and(findings::worker.eq_any(page)))
            .select((
                findings::worker,
                findings::code,
                findings::cause,
                findings::weight,
                findings::reason,
            ))
            .load(conn)?;
        found.extend(
            rows.into_iter()
                .map(|(worker, code, cause, weight, reason)| Finding {
                    worker,
                    code,
                    cause,
                    weight: Weight::parse(&weight),
                    reason,
                }),
        );
    }
    Ok(found)
}

/// Lets go of what has stood since before an instant about workers of jobs that are none of these: nobody looks at them any more.
pub fn expire(conn: &mut Conn, before: Timestamp, jobs: &[&str]) -> Result<()> {
    diesel::delete(findings::table)
        .filter(findings::job.ne_all(jobs))
        .filter(findings::since.lt(micros(before)))
        .execute(conn)?;
    Ok(())
}
