//! What people let jobs do beyond their limits, and how much of it was done (B17).

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::allowances;
use super::{Conn, instant, micros, native};
use crate::domain::allowance::Allowance;
use crate::domain::guard::Action;
use crate::error::Result;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = allowances)]
struct Row {
    id: String,
    job: String,
    action: String,
    most: i64,
    used: i64,
    given: i64,
    until: i64,
    ended: Option<i64>,
    decider: String,
    reason: String,
}

impl Row {
    fn of(job: &str, allowance: &Allowance) -> Row {
        Row {
            id: allowance.id.clone(),
            job: job.to_string(),
            action: allowance.action.to_string(),
            most: i64::try_from(allowance.most).unwrap_or(i64::MAX),
            used: i64::try_from(allowance.used).unwrap_or(i64::MAX),
            given: micros(allowance.given),
            until: micros(allowance.until),
            ended: allowance.ended.map(micros),
            decider: allowance.by.clone(),
            reason: allowance.reason.clone(),
        }
    }

    /// `None` for an action that this version does not know.
    fn allowance(self) -> Option<Allowance> {
        Some(Allowance {
            action: Action::parse(&self.action)?,
            id: self.id,
            most: self.most.unsigned_abs(),
            used: self.used.unsigned_abs(),
            given: instant(self.given),
            until: instant(self.until),
            ended: self.ended.map(instant),
            by: self.decider,
            reason: self.reason,
        })
    }
}

pub fn give(conn: &mut Conn, job: &str, given: &[Allowance]) -> Result<()> {
    for page in given.chunks(super::ROWS) {
        let rows: Vec<Row> = page.iter().map(|one| Row::of(job, one)).collect();
        native!(conn, c => diesel::insert_into(allowances::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// What a job is allowed just now, whatever ends first in front.
pub fn live(conn: &mut Conn, job: &str, now: Timestamp) -> Result<Vec<Allowance>> {
    let mut open = open(conn, job)?;
    open.retain(|allowance| allowance.is_live(now));
    Ok(open)
}

/// What was not noted to be over.
pub fn open(conn: &mut Conn, job: &str) -> Result<Vec<Allowance>> {
    let rows: Vec<Row> = allowances::table
        .filter(allowances::job.eq(job).and(allowances::ended.is_null()))
        .order((allowances::until, allowances::id))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().filter_map(Row::allowance).collect())
}

pub fn find(conn: &mut Conn, job: &str, id: &str) -> Result<Option<Allowance>> {
    let row: Option<Row> = allowances::table
        .filter(allowances::job.eq(job).and(allowances::id.eq(id)))
        .select(Row::as_select())
        .first(conn)
        .optional()?;
    Ok(row.and_then(Row::allowance))
}

/// So much more of an allowance is used.
pub fn spend(conn: &mut Conn, job: &str, id: &str, count: u64) -> Result<()> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    diesel::update(allowances::table.filter(allowances::job.eq(job).and(allowances::id.eq(id))))
        .set(allowances::used.eq(allowances::used + count))
        .execute(conn)?;
    Ok(())
}

/// Notes that an allowance is over; answers whether this call did.
pub fn end(conn: &mut Conn, job: &str, id: &str, at: Timestamp) -> Result<bool> {
    let these = allowances::table.filter(allowances::job.eq(job).and(allowances::id.eq(id)));
    let ended = diesel::update(these.filter(allowances::ended.is_null()))
        .set(allowances::ended.eq(micros(at)))
        .execute(conn)?;
    Ok(ended > 0)
}

/// Lets those go that ended before.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    diesel::delete(allowances::table.filter(allowances::ended.lt(micros(before)))).execute(conn)?;
    Ok(())
}
