//! Notices that go to the webhook: kept until they are delivered or given up.

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::notices;
use super::{Conn, micros};
use crate::error::Result;

/// A notice that is to be delivered.
#[derive(Clone, Debug, Queryable, Selectable)]
pub struct Notice {
    /// The same in every attempt.
    pub id: String,
    pub kind: String,
    pub body: String,
    /// How often it was tried before.
    pub attempts: i32,
    due: i64,
}

pub fn add(conn: &mut Conn, id: &str, kind: &str, body: &str, now: Timestamp) -> Result<()> {
    diesel::insert_into(notices::table)
        .values((
            notices::id.eq(id),
            notices::kind.eq(kind),
            notices::body.eq(body),
            notices::attempts.eq(0),
            notices::due.eq(micros(now)),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn are_due(conn: &mut Conn, now: Timestamp) -> Result<bool> {
    Ok(due(conn, now)?.is_some())
}

fn due(conn: &mut Conn, now: Timestamp) -> Result<Option<Notice>> {
    Ok(notices::table
        .filter(notices::due.le(micros(now)))
        .order(notices::due)
        .select(Notice::as_select())
        .first(conn)
        .optional()?)
}

/// Takes the notice that has waited longest, for one attempt: until an instant nobody else takes it.
pub fn take(conn: &mut Conn, now: Timestamp, until: Timestamp) -> Result<Option<Notice>> {
    let Some(notice) = due(conn, now)? else {
        return Ok(None);
    };
    let taken = diesel::update(notices::table.find(&notice.id))
        .filter(notices::due.eq(notice.due))
        .set(notices::due.eq(micros(until)))
        .execute(conn)?;
    Ok((taken > 0).then_some(notice))
}

/// The attempt failed: another at an instant.
pub fn put_off(conn: &mut Conn, notice: &Notice, due: Timestamp) -> Result<()> {
    diesel::update(notices::table.find(&notice.id))
        .set((
            notices::due.eq(micros(due)),
            notices::attempts.eq(notice.attempts + 1),
        ))
        .execute(conn)?;
    Ok(())
}

/// It was delivered, or nobody wants it.
pub fn end(conn: &mut Conn, id: &str) -> Result<()> {
    diesel::delete(notices::table.find(id)).execute(conn)?;
    Ok(())
}

/// Forgets notices that nobody has tried to deliver since an instant: the config names no webhook any more.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    diesel::delete(notices::table.filter(notices::due.lt(micros(before)))).execute(conn)?;
    Ok(())
}
