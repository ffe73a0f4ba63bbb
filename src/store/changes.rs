//! What is being done and what was done: sent marks, receipts, refusals, what limits hold, and the tallies
//! that limits are judged by.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use super::schema::{changes, escrows, held, receipts, tallies};
use super::{Conn, from_json, micros, native, to_json};
use crate::domain::guard::Action;
use crate::domain::plan::{Change, Receipt};
use crate::error::Result;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A change that was about to be sent, with everything a later reader must know about the attempt (B26).
#[derive(Clone, Debug)]
pub struct Sent {
    pub change: Change,
    pub endpoint: String,
}

/// Marks changes as sent, before the first of them is.
pub fn mark_sent(
    conn: &mut Conn,
    job: &str,
    cycle: &str,
    token: i64,
    sent: &[Sent],
    now: Timestamp,
) -> Result<()> {
    for page in sent.chunks(super::ROWS) {
        let rows = page
            .iter()
            .map(|one| {
                Ok((
                    changes::id.eq(one.change.id.to_string()),
                    changes::job.eq(job),
                    changes::worker.eq(&one.change.worker),
                    changes::cycle.eq(cycle),
                    changes::body.eq(to_json(&one.change)?),
                    changes::endpoint.eq(&one.endpoint),
                    changes::token.eq(token),
                    changes::sent.eq(micros(now)),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(changes::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// Changes of these workers that were sent and have no outcome.
pub fn unknown(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<Sent>> {
    let rows: Vec<(String, String)> = changes::table
        .filter(changes::job.eq(job).and(changes::worker.eq_any(workers)))
        .order(changes::sent)
        .select((changes::body, changes::endpoint))
        .load(conn)?;
    rows.into_iter()
        .map(|(body, endpoint)| {
            Ok(Sent {
                change: from_json(&body)?,
                endpoint,
            })
        })
        .collect()
}

/// Takes the marks off: these changes have an outcome.
pub fn settle(conn: &mut Conn, ids: &[String]) -> Result<()> {
    for page in ids.chunks(super::ROWS) {
        diesel::delete(changes::table.filter(changes::id.eq_any(page))).execute(conn)?;
    }
    Ok(())
}

/// Workers of a job with changes of unknown outcome, left by whoever held the lease before.
pub fn unsettled(conn: &mut Conn, job: &str) -> Result<Vec<String>> {
    Ok(changes::table
        .filter(changes::job.eq(job))
        .select(changes::worker)
        .distinct()
        .load(conn)?)
}

pub fn keep_receipts(conn: &mut Conn, job: &str, cycle: &str, kept: &[(String, Receipt)]) -> Result<()> {
    for page in kept.chunks(super::ROWS) {
        let rows = page
            .iter()
            .map(|(worker, receipt)| {
                Ok((
                    receipts::id.eq(uuid::Uuid::now_v7().to_string()),
                    receipts::job.eq(job),
                    receipts::worker.eq(worker),
                    receipts::cycle.eq(cycle),
                    receipts::body.eq(to_json(receipt)?),
                    receipts::at.eq(micros(receipt.at)),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(receipts::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// Adds to what the job did in this hour.
pub fn tally(conn: &mut Conn, job: &str, counts: &BTreeMap<Action, u64>, now: Timestamp) -> Result<()> {
    for (action, count) in counts {
        let row = (
            tallies::job.eq(job),
            tallies::action.eq(action.to_string()),
            tallies::hour.eq(micros(now) / MICROS_PER_HOUR),
            tallies::count.eq(i64::try_from(*count).unwrap_or(i64::MAX)),
        );
        native!(conn, c => diesel::insert_into(tallies::table)
            .values(row)
            .on_conflict((tallies::job, tallies::action, tallies::hour))
            .do_update()
            .set(tallies::count.eq(tallies::count + excluded(tallies::count)))
            .execute(c))?;
    }
    Ok(())
}

/// What the job did in the last so many hours, this one included.
pub fn tallies(conn: &mut Conn, job: &str, hours: i64, now: Timestamp) -> Result<BTreeMap<Action, u64>> {
    let rows: Vec<(String, i64)> = tallies::table
        .filter(
            tallies::job
                .eq(job)
                .and(tallies::hour.gt(micros(now) / MICROS_PER_HOUR - hours)),
        )
        .select((tallies::action, tallies::count))
        .load(conn)?;
    let mut counts = BTreeMap::new();
    for (action, count) in rows {
        if let Some(action) = Action::parse(&action) {
            *counts.entry(action).or_default() += count.unsigned_abs();
        }
    }
    Ok(counts)
}

/// What limits hold back for these workers: (worker, action, released).
pub fn held(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<(String, Action, bool)>> {
    let rows: Vec<(String, String, bool)> = held::table
        .filter(held::job.eq(job).and(held::worker.eq_any(workers)))
        .select((held::worker, held::action, held::released))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(worker, action, released)| Some((worker, Action::parse(&action)?, released)))
        .collect())
}

/// Replaces what is held for one worker.
pub fn hold(conn: &mut Conn, job: &str, worker: &str, actions: &[Action], now: Timestamp) -> Result<()> {
    let kept: Vec<String> = actions.iter().map(Action::to_string).collect();
    diesel::delete(held::table)
        .filter(
            held::job
                .eq(job)
                .and(held::worker.eq(worker))
                .and(held::action.ne_all(&kept)),
        )
        .execute(conn)?;
    for action in kept {
        let row = (
            held::job.eq(job),
            held::worker.eq(worker),
            held::action.eq(action),
            held::since.eq(micros(now)),
            held::released.eq(false),
        );
        native!(conn, c => diesel::insert_into(held::table).values(row).on_conflict_do_nothing().execute(c))?;
    }
    Ok(())
}

/// Lets held actions through: a person has answered for them.
pub fn release(conn: &mut Conn, job: &str, actions: &[Action]) -> Result<usize> {
    let actions: Vec<String> = actions.iter().map(Action::to_string).collect();
    Ok(
        diesel::update(held::table.filter(held::job.eq(job).and(held::action.eq_any(actions))))
            .set(held::released.eq(true))
            .execute(conn)?,
    )
}

/// How many of each action wait for a person: the job's quarantine.
pub fn held_counts(conn: &mut Conn, job: &str) -> Result<Vec<(Action, i64)>> {
    let rows: Vec<(String, i64)> = held::table
        .filter(held::job.eq(job).and(held::released.eq(false)))
        .group_by(held::action)
        .select((held::action, diesel::dsl::count_star()))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(action, count)| Some((Action::parse(&action)?, count)))
        .collect())
}

/// Remembers that a worker's change was refused; answers how often by now.
pub fn escrow(conn: &mut Conn, job: &str, worker: &str, code: &str, now: Timestamp) -> Result<()> {
    let row = (
        escrows::job.eq(job),
        escrows::worker.eq(worker),
        escrows::code.eq(code),
        escrows::since.eq(micros(now)),
        escrows::attempts.eq(1),
    );
    native!(conn, c => diesel::insert_into(escrows::table)
        .values(row)
        .on_conflict((escrows::job, escrows::worker))
        .do_update()
        .set((escrows::code.eq(excluded(escrows::code)), escrows::attempts.eq(escrows::attempts + 1)))
        .execute(c))?;
    Ok(())
}

pub fn unescrow(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<()> {
    for page in workers.chunks(super::ROWS) {
        diesel::delete(escrows::table.filter(escrows::job.eq(job).and(escrows::worker.eq_any(page))))
            .execute(conn)?;
    }
    Ok(())
}

/// Forgets every refusal of a job.
pub fn clear_escrows(conn: &mut Conn, job: &str) -> Result<()> {
    diesel::delete(escrows::table.filter(escrows::job.eq(job))).execute(conn)?;
    Ok(())
}

pub fn escrow_count(conn: &mut Conn, job: &str) -> Result<i64> {
    Ok(escrows::table
        .filter(escrows::job.eq(job))
        .count()
        .get_result(conn)?)
}
