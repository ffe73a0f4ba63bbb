//! Whose account was disabled or deleted because HR said so, and how long that took from HR's instant.

use diesel::dsl::{count_star, max};
use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{departures, workers};
use super::{Conn, instant, micros, native};
use crate::error::Result;

/// One leaver who is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    pub worker: String,
    /// When the last day was over, where HR gave a date; it counts from HR's word on where that came later.
    pub last_day: Option<Timestamp>,
    /// When HR's word arrived; `None` for whatever the stored record says.
    pub heard: Option<Timestamp>,
    pub done: Timestamp,
}

/// A leaver who is out, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub worker: String,
    pub said: Timestamp,
    pub done: Timestamp,
}

/// How many left in a while, and how long it took at worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub count: i64,
    pub slowest_seconds: i64,
}

const MICROS: i64 = 1_000_000;

pub fn keep(conn: &mut Conn, job: &str, system: &str, left: &[Departure]) -> Result<()> {
    for one in left {
        let heard = match one.heard {
            Some(heard) => Some(heard),
            None => workers::table
                .find((system, &one.worker))
                .select(workers::changed)
                .first::<i64>(conn)
                .optional()?
                .map(instant),
        };
        let said = one.last_day.max(heard).unwrap_or(one.done).min(one.done);
        let row = (
            departures::job.eq(job),
            departures::worker.eq(&one.worker),
            departures::said.eq(micros(said)),
            departures::done.eq(micros(one.done)),
        );
        native!(conn, c => diesel::insert_into(departures::table).values(row).on_conflict_do_nothing().execute(c))?;
    }
    Ok(())
}

pub fn total(conn: &mut Conn, job: &str, from: Timestamp, to: Timestamp) -> Result<Total> {
    let slow = max(departures::done - departures::said);
    let (count, slowest): (i64, Option<i64>) = departures::table
        .filter(departures::job.eq(job))
        .filter(
            departures::done
                .ge(micros(from))
                .and(departures::done.lt(micros(to))),
        )
        .select((count_star(), slow))
        .first(conn)?;
    Ok(Total {
        count,
        slowest_seconds: slowest.unwrap_or_default() / MICROS,
    })
}

/// Those who took longest in a while.
pub fn slowest(conn: &mut Conn, job: &str, from: Timestamp, to: Timestamp, limit: i64) -> Result<Vec<Kept>> {
    let rows: Vec<(String, i64, i64)> = departures::table
        .filter(departures::job.eq(job))
        .filter(
            departures::done
                .ge(micros(from))
                .and(departures::done.lt(micros(to))),
        )
        .order(((departures::done - departures::said).desc(), departures::worker))
        .select((departures::worker, departures::said, departures::done))
        .limit(limit)
        .load(conn)?;
    let kept = |(worker, said, done)| Kept {
        worker,
        said: instant(said),
        done: instant(done),
    };
    Ok(rows.into_iter().map(kept).collect())
}

/// Lets those go that are older than this.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    diesel::delete(departures::table.filter(departures::done.lt(micros(before)))).execute(conn)?;
    Ok(())
}
