//! Accounts that are to be read back from a system at once, because somebody has just written them there (B30).

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use super::schema::asked;
use super::{Conn, ROWS, instant, micros, native};
use crate::error::Result;

/// An account that is to be read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub anchor: String,
    /// When it was written.
    pub since: Timestamp,
}

/// Has accounts read back now.
pub fn ask(conn: &mut Conn, system: &str, anchors: &[&str], now: Timestamp) -> Result<()> {
    for page in anchors.chunks(ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|anchor| {
                (
                    asked::system.eq(system),
                    asked::anchor.eq(*anchor),
                    asked::since.eq(micros(now)),
                    asked::due.eq(micros(now)),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(asked::table)
            .values(&rows)
            .on_conflict((asked::system, asked::anchor))
            .do_update()
            .set((asked::since.eq(excluded(asked::since)), asked::due.eq(excluded(asked::due))))
            .execute(c))?;
    }
    Ok(())
}

pub fn any_due(conn: &mut Conn, system: &str, now: Timestamp) -> Result<bool> {
    Ok(!due(conn, system, now, 1)?.is_empty())
}

/// Whom to read back now, who has waited longest first.
pub fn due(conn: &mut Conn, system: &str, now: Timestamp, limit: i64) -> Result<Vec<Asked>> {
    let rows: Vec<(String, i64)> = asked::table
        .filter(asked::system.eq(system).and(asked::due.le(micros(now))))
        .order((asked::due, asked::anchor))
        .limit(limit)
        .select((asked::anchor, asked::since))
        .load(conn)?;
    let asked = |(anchor, since)| Asked {
        anchor,
        since: instant(since),
    };
    Ok(rows.into_iter().map(asked).collect())
}

/// They were read. Whoever was written again meanwhile stays.
pub fn answered(conn: &mut Conn, system: &str, read: &[Asked]) -> Result<()> {
    // One commit asks for many at the same instant.
    let mut by_instant: BTreeMap<Timestamp, Vec<&str>> = BTreeMap::new();
    for one in read {
        by_instant.entry(one.since).or_default().push(&one.anchor);
    }
    for (since, anchors) in by_instant {
        for page in anchors.chunks(ROWS) {
            diesel::delete(asked::table)
                .filter(asked::system.eq(system).and(asked::anchor.eq_any(page)))
                .filter(asked::since.eq(micros(since)))
                .execute(conn)?;
        }
    }
    Ok(())
}

/// They could not be read, and are tried again later.
pub fn put_off(conn: &mut Conn, system: &str, unread: &[Asked], due: Timestamp) -> Result<()> {
    for page in unread.chunks(ROWS) {
        let anchors: Vec<&str> = page.iter().map(|one| one.anchor.as_str()).collect();
        diesel::update(asked::table)
            .filter(asked::system.eq(system).and(asked::anchor.eq_any(anchors)))
            .set(asked::due.eq(micros(due)))
            .execute(conn)?;
    }
    Ok(())
}

/// Lets those go that were written before an instant and nobody reads back.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    diesel::delete(asked::table.filter(asked::since.lt(micros(before)))).execute(conn)?;
    Ok(())
}
