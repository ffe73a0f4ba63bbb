//! What only the report and the alarms ask: people by the days that matter to them, and counts.

use diesel::dsl::{count, count_star, exists, not};
use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{
    escrows, findings, held, links, logs, operations, pending_references, pulls, systems, wakes, workers,
};
use super::{Conn, from_json, instant, micros};
use crate::domain::guard::Action;
use crate::domain::worker::Worker;
use crate::error::Result;

/// Which of a worker's days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    First,
    Last,
}

/// Where a page of people ended.
pub type Place = (i64, String);

/// People whose day lies in a while, in order, behind a place: each with that day.
pub fn by_day(
    conn: &mut Conn,
    system: &str,
    day: Day,
    (from, to): (Timestamp, Timestamp),
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<(Timestamp, Worker)>> {
    let (at, anchor) = after.cloned().unwrap_or((micros(from) - 1, String::new()));
    macro_rules! page {
        ($column:expr) => {
            workers::table
                .filter(workers::system.eq(system))
                .filter($column.ge(micros(from)).and($column.lt(micros(to))))
                .filter(
                    $column
                        .gt(at)
                        .or($column.eq(at).and(workers::anchor.gt(&anchor))),
                )
                .order(($column, workers::anchor))
                .select(($column.assume_not_null(), workers::record))
                .limit(limit)
                .load(conn)?
        };
    }
    let rows: Vec<(i64, String)> = match day {
        Day::First => page!(workers::starts),
        Day::Last => page!(workers::leaves),
    };
    rows.into_iter()
        .map(|(at, record)| Ok((instant(at), from_json(&record)?)))
        .collect()
}

/// How many people have their day in a while.
pub fn count_by_day(
    conn: &mut Conn,
    system: &str,
    day: Day,
    (from, to): (Timestamp, Timestamp),
) -> Result<i64> {
    macro_rules! count {
        ($column:expr) => {
            workers::table
                .filter(workers::system.eq(system))
                .filter($column.ge(micros(from)).and($column.lt(micros(to))))
                .count()
                .get_result(conn)?
        };
    }
    Ok(match day {
        Day::First => count!(workers::starts),
        Day::Last => count!(workers::leaves),
    })
}

/// Whose last day was over in a while, and whose account is enabled all the same, though HR's last word that was carried out is
/// not that it be disabled: (last day, worker). Of some no word ever was: `unanswered` says whether they are among them.
pub fn still_enabled(
    conn: &mut Conn,
    job: &str,
    system: &str,
    (from, to): (Timestamp, Timestamp),
    unanswered: bool,
    limit: i64,
) -> Result<Vec<(Timestamp, Worker)>> {
    let or_unanswered = links::wanted
        .is_null()
        .and(unanswered.into_sql::<diesel::sql_types::Bool>());
    let rows: Vec<(i64, String)> = workers::table
        .inner_join(links::table.on(links::worker.eq(workers::anchor).and(links::job.eq(job))))
        .filter(workers::system.eq(system))
        .filter(
            workers::leaves
                .ge(micros(from))
                .and(workers::leaves.lt(micros(to))),
        )
        .filter(links::enabled.eq(true))
        .filter(links::wanted.eq(true).or(or_unanswered))
        .order((workers::leaves, workers::anchor))
        .select((workers::leaves.assume_not_null(), workers::record))
        .limit(limit)
        .load(conn)?;
    rows.into_iter()
        .map(|(at, record)| Ok((instant(at), from_json(&record)?)))
        .collect()
}

/// When somebody is looked at again: (worker, due, how often it was tried in vain).
pub fn looks(conn: &mut Conn, job: &str, anchors: &[&str]) -> Result<Vec<(String, Timestamp, i32)>> {
    let mut found = Vec::new();
    for page in anchors.chunks(super::ROWS) {
        let rows: Vec<(String, i64, i32)> = wakes::table
            .filter(wakes::job.eq(job).and(wakes::anchor.eq_any(page)))
            .select((wakes::anchor, wakes::due, wakes::attempts))
            .load(conn)?;
        found.extend(
            rows.into_iter()
                .map(|(anchor, due, tries)| (anchor, instant(due), tries)),
        );
    }
    Ok(found)
}

/// Whom something keeps from an account and whose first day nobody knows: their number, and some of them.
pub fn blocked_undated(conn: &mut Conn, job: &str, system: &str, limit: i64) -> Result<(i64, Vec<String>)> {
    macro_rules! blocked {
        () => {
            findings::table
                .inner_join(
                    workers::table.on(workers::anchor
                        .eq(findings::worker)
                        .and(workers::system.eq(system))),
                )
                .filter(findings::job.eq(job))
                .filter(findings::weight.eq_any(["failure", "held"]))
                .filter(workers::starts.is_null())
                .filter(not(exists(links::table.filter(
                    links::job.eq(job).and(links::worker.eq(findings::worker)),
                ))))
        };
    }
    let count = blocked!()
        .select(count(findings::worker).aggregate_distinct())
        .first(conn)?;
    let some = blocked!()
        .select(findings::worker)
        .distinct()
        .order(findings::worker)
        .limit(limit)
        .load(conn)?;
    Ok((count, some))
}

/// People without an account and without a known first day of whom HR said something that has no outcome yet: their number, and some of them.
/// Whom something keeps from an account is blocked, and whom the job leaves out waits for none.
pub fn waiting_undated(conn: &mut Conn, job: &str, system: &str, limit: i64) -> Result<(i64, Vec<String>)> {
    macro_rules! waiting {
        () => {{
            let stands = findings::table
                .filter(findings::job.eq(job))
                .filter(findings::worker.eq(operations::anchor))
                .filter(findings::weight.eq_any(["failure", "held", "skip"]));
            operations::table
                .inner_join(
                    workers::table.on(workers::anchor
                        .eq(operations::anchor)
                        .and(workers::system.eq(system))),
                )
                .filter(operations::job.eq(job))
                .filter(workers::starts.is_null())
                .filter(not(exists(links::table.filter(
                    links::job.eq(job).and(links::worker.eq(operations::anchor)),
                ))))
                .filter(not(exists(stands)))
        }};
    }
    let count = waiting!()
        .select(count(operations::anchor).aggregate_distinct())
        .first(conn)?;
    let some = waiting!()
        .select(operations::anchor)
        .distinct()
        .order(operations::anchor)
        .limit(limit)
        .load(conn)?;
    Ok((count, some))
}

/// What the log tells of a while: (action, status, how often).
pub fn happened(
    conn: &mut Conn,
    job: &str,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<(String, String, i64)>> {
    Ok(logs::table
        .filter(logs::at.ge(micros(from)).and(logs::at.lt(micros(to))))
        .filter(logs::job.eq(job))
        .group_by((logs::action, logs::status))
        .select((logs::action, logs::status, count_star()))
        .order((logs::action, logs::status))
        .load(conn)?)
}

/// What waits for a person: (action, how many, since when the first).
pub fn holds(conn: &mut Conn, job: &str) -> Result<Vec<(Action, i64, Timestamp)>> {
    let rows: Vec<(String, i64, Option<i64>)> = held::table
        .filter(held::job.eq(job).and(held::released.eq(false)))
        .group_by(held::action)
        .select((held::action, count_star(), diesel::dsl::min(held::since)))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(action, count, since)| Some((Action::parse(&action)?, count, instant(since?))))
        .collect())
}

/// Workers without an account to whom others refer, most wanted first: (attribute, the worker, by how many, since when the
/// first of them waits).
pub fn missing_references(
    conn: &mut Conn,
    job: &str,
    limit: i64,
) -> Result<Vec<(String, String, i64, Timestamp)>> {
    let rows: Vec<(String, String, i64, Option<i64>)> = pending_references::table
        .filter(pending_references::job.eq(job))
        .group_by((pending_references::attribute, pending_references::refers_to))
        .select((
            pending_references::attribute,
            pending_references::refers_to,
            count_star(),
            diesel::dsl::min(pending_references::since),
        ))
        .order((count_star().desc(), pending_references::refers_to))
        .limit(limit)
        .load(conn)?;
    let dated = |(attribute, to, count, since): (String, String, i64, Option<i64>)| {
        (attribute, to, count, instant(since.unwrap_or_default()))
    };
    Ok(rows.into_iter().map(dated).collect())
}

/// How many wait for another's account.
pub fn pending_references(conn: &mut Conn, job: &str) -> Result<i64> {
    Ok(pending_references::table
        .filter(pending_references::job.eq(job))
        .select(count(pending_references::worker).aggregate_distinct())
        .first(conn)?)
}

/// Some who refer to somebody without an account.
pub fn referrers(
    conn: &mut Conn,
    job: &str,
    attribute: &str,
    refers_to: &str,
    limit: i64,
) -> Result<Vec<String>> {
    Ok(pending_references::table
        .filter(
            pending_references::job
                .eq(job)
                .and(pending_references::refers_to.eq(refers_to))
                .and(pending_references::attribute.eq(attribute)),
        )
        .order(pending_references::worker)
        .select(pending_references::worker)
        .limit(limit)
        .load(conn)?)
}

/// Refused changes that are tried again in a while.
pub fn retries(conn: &mut Conn, job: &str, until: Timestamp) -> Result<i64> {
    Ok(escrows::table
        .filter(escrows::job.eq(job).and(escrows::next.lt(micros(until))))
        .count()
        .get_result(conn)?)
}

/// When the last upload came for a system, and when the last complete read of it began.
pub fn last_heard(conn: &mut Conn, system: &str) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let uploaded: Option<Option<i64>> = systems::table
        .find(system)
        .select(systems::uploaded)
        .first(conn)
        .optional()?;
    let completed: Option<Option<i64>> = pulls::table
        .find(system)
        .select(pulls::completed)
        .first(conn)
        .optional()?;
    Ok((uploaded.flatten().map(instant), completed.flatten().map(instant)))
}
