//! First passwords on their way to their people (B29), by job and worker.

use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use super::schema::{handovers, notices};
use super::wakes::{self, Cause};
use super::{Conn, ROWS, has_any, instant, micros, native};
use crate::domain::handover::{Handover, State};
use crate::error::Result;

pub fn of(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<(String, Handover)>> {
    if !has_any!(conn, handovers, job) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for page in workers.chunks(ROWS) {
        let rows: Vec<(String, String, i64)> = handovers::table
            .filter(handovers::job.eq(job).and(handovers::worker.eq_any(page)))
            .select((handovers::worker, handovers::state, handovers::since))
            .load(conn)?;
        found.extend(rows.into_iter().map(|(worker, state, since)| {
            let state = State::parse(&state);
            let since = instant(since);
            (worker, Handover { state, since })
        }));
    }
    Ok(found)
}

/// Notes how far it is; `notice` is the one that has the sealed password.
pub fn keep(
    conn: &mut Conn,
    job: &str,
    worker: &str,
    state: State,
    notice: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let row = (
        handovers::job.eq(job),
        handovers::worker.eq(worker),
        handovers::state.eq(state.name()),
        handovers::since.eq(micros(now)),
        handovers::notice.eq(notice),
    );
    native!(conn, c => diesel::insert_into(handovers::table)
        .values(row)
        .on_conflict((handovers::job, handovers::worker))
        .do_update()
        .set((
            handovers::state.eq(excluded(handovers::state)),
            handovers::since.eq(excluded(handovers::since)),
            handovers::notice.eq(excluded(handovers::notice)),
        ))
        .execute(c))?;
    Ok(())
}

/// The receiver has it.
pub fn delivered(conn: &mut Conn, notice: &str) -> Result<()> {
    diesel::delete(handovers::table.filter(handovers::notice.eq(notice))).execute(conn)?;
    Ok(())
}

/// The receiver will not have it: the account's job is to draw another password for nobody.
pub fn lost(conn: &mut Conn, notice: &str, now: Timestamp) -> Result<()> {
    let whose: Vec<(String, String)> = diesel::update(handovers::table)
        .filter(handovers::notice.eq(notice))
        .set((
            handovers::state.eq(State::Lost.name()),
            handovers::since.eq(micros(now)),
            handovers::notice.eq(None::<String>),
        ))
        .returning((handovers::job, handovers::worker))
        .get_results(conn)?;
    for (job, worker) in whose {
        wakes::wake(conn, &job, &[&worker], now, Cause::Retry)?;
    }
    Ok(())
}

/// Whose account it is, is another's now: another record of the same person, who is looked at for it.
pub fn take_over(conn: &mut Conn, job: &str, from: &str, to: &str, now: Timestamp) -> Result<()> {
    let of = |worker: &str| handovers::table.find((job.to_string(), worker.to_string()));
    let is_on_its_way: Option<String> = of(from).select(handovers::state).first(conn).optional()?;
    if is_on_its_way.is_some() {
        diesel::delete(of(to)).execute(conn)?;
        diesel::update(of(from))
            .set(handovers::worker.eq(to))
            .execute(conn)?;
        wakes::wake(conn, job, &[to], now, Cause::Retry)?;
    }
    Ok(())
}

/// Counts those as lost whose notices nobody took since an instant, and lets go of the notices, whoever was to deliver them.
pub fn lose_late(conn: &mut Conn, before: Timestamp, now: Timestamp) -> Result<()> {
    let late: Vec<Option<String>> = handovers::table
        .filter(
            handovers::notice
                .is_not_null()
                .and(handovers::since.lt(micros(before))),
        )
        .select(handovers::notice)
        .load(conn)?;
    for notice in late.iter().flatten() {
        lost(conn, notice, now)?;
        super::notices::end(conn, notice)?;
    }
    Ok(())
}

/// Counts those as lost whose notices went unheard: nobody delivers them any more.
pub fn lose_unheard(conn: &mut Conn, now: Timestamp) -> Result<()> {
    let waiting = notices::table.select(notices::id.nullable());
    let unheard: Vec<Option<String>> = handovers::table
        .filter(
            handovers::notice
                .is_not_null()
                .and(handovers::notice.ne_all(waiting)),
        )
        .select(handovers::notice)
        .load(conn)?;
    unheard
        .iter()
        .flatten()
        .try_for_each(|notice| lost(conn, notice, now))
}

/// Ends those of workers who are forgotten, or whose account is theirs no more, with the notices that have something of it.
pub fn forget(conn: &mut Conn, job: &str, workers: &[String]) -> Result<()> {
    let sent: Vec<Option<String>> = diesel::delete(handovers::table)
        .filter(handovers::job.eq(job).and(handovers::worker.eq_any(workers)))
        .returning(handovers::notice)
        .get_results(conn)?;
    end_notices(conn, sent)
}

/// Ends all of a job.
pub fn clear(conn: &mut Conn, job: &str) -> Result<()> {
    let sent: Vec<Option<String>> = diesel::delete(handovers::table)
        .filter(handovers::job.eq(job))
        .returning(handovers::notice)
        .get_results(conn)?;
    end_notices(conn, sent)
}

fn end_notices(conn: &mut Conn, sent: Vec<Option<String>>) -> Result<()> {
    let sent: Vec<String> = sent.into_iter().flatten().collect();
    for page in sent.chunks(ROWS) {
        diesel::delete(notices::table.filter(notices::id.eq_any(page))).execute(conn)?;
    }
    Ok(())
}
