//! What the guard remembers: how much a job did lately, and what limits hold back until a person answers.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use super::schema::{held, tallies};
use super::{Conn, has_any, micros, native};
use crate::domain::guard::Action;
use crate::error::Result;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

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

/// What the job did in the last so many hours. They are counted whole, so that the first one's is counted for up to an hour too
/// long rather than too short.
pub fn tallies(conn: &mut Conn, job: &str, hours: i64, now: Timestamp) -> Result<BTreeMap<Action, u64>> {
    let rows: Vec<(String, i64)> = tallies::table
        .filter(
            tallies::job
                .eq(job)
                .and(tallies::hour.ge(micros(now) / MICROS_PER_HOUR - hours)),
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

/// Lets counts go that no limit looks back to.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    diesel::delete(tallies::table.filter(tallies::hour.lt(micros(before) / MICROS_PER_HOUR)))
        .execute(conn)?;
    Ok(())
}

/// What limits hold back for these workers: (worker, action, released).
pub fn held(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<(String, Action, bool)>> {
    if !has_any!(conn, held, job) {
        return Ok(Vec::new());
    }
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

/// Lets held actions through: a person has answered for them. Answers how many that were.
pub fn release(conn: &mut Conn, job: &str, actions: &[Action]) -> Result<usize> {
    let actions: Vec<String> = actions.iter().map(Action::to_string).collect();
    let held = held::table.filter(held::job.eq(job).and(held::released.eq(false)));
    Ok(diesel::update(held.filter(held::action.eq_any(actions)))
        .set(held::released.eq(true))
        .execute(conn)?)
}

/// Lets through whatever is held for one worker. Answers how many actions that were.
pub fn release_worker(conn: &mut Conn, job: &str, worker: &str) -> Result<usize> {
    let held = held::table.filter(held::job.eq(job).and(held::released.eq(false)));
    Ok(diesel::update(held.filter(held::worker.eq(worker)))
        .set(held::released.eq(true))
        .execute(conn)?)
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

/// Everybody of whom one of these actions is held, and not released.
pub fn held_by(conn: &mut Conn, job: &str, actions: &[Action]) -> Result<Vec<String>> {
    let actions: Vec<String> = actions.iter().map(Action::to_string).collect();
    Ok(held::table
        .filter(held::job.eq(job).and(held::released.eq(false)))
        .filter(held::action.eq_any(actions))
        .select(held::worker)
        .distinct()
        .load(conn)?)
}

/// Everybody for whom something is held.
pub fn held_workers(conn: &mut Conn, job: &str) -> Result<Vec<String>> {
    Ok(held::table
        .filter(held::job.eq(job))
        .select(held::worker)
        .distinct()
        .load(conn)?)
}
