//! Values that accounts have from HR attributes which other jobs write home (B30).

use diesel::prelude::*;
use diesel::upsert::excluded;

use super::schema::given;
use super::{Conn, ROWS, native};
use crate::error::Result;

/// A value, and where HR has it from which it came.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = given)]
pub struct Given {
    pub anchor: String,
    pub attribute: String,
    /// How HR's attribute is read.
    pub source: String,
    pub value: String,
}

/// Remembers what was written into accounts of a system.
pub fn keep(conn: &mut Conn, system: &str, written: &[Given]) -> Result<()> {
    for page in written.chunks(ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|one| {
                (
                    given::system.eq(system),
                    given::anchor.eq(&one.anchor),
                    given::attribute.eq(&one.attribute),
                    given::source.eq(&one.source),
                    given::value.eq(&one.value),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(given::table)
            .values(&rows)
            .on_conflict((given::system, given::anchor, given::attribute))
            .do_update()
            .set((given::source.eq(excluded(given::source)), given::value.eq(excluded(given::value))))
            .execute(c))?;
    }
    Ok(())
}

/// Forgets what accounts were given that are no more.
pub fn forget(conn: &mut Conn, system: &str, accounts: &[&str]) -> Result<()> {
    for page in accounts.chunks(ROWS) {
        diesel::delete(given::table.filter(given::system.eq(system).and(given::anchor.eq_any(page))))
            .execute(conn)?;
    }
    Ok(())
}

pub fn of(conn: &mut Conn, system: &str, anchors: &[&str]) -> Result<Vec<Given>> {
    let mut found = Vec::new();
    for page in anchors.chunks(ROWS) {
        let rows: Vec<Given> = given::table
            .filter(given::system.eq(system).and(given::anchor.eq_any(page)))
            .select(Given::as_select())
            .load(conn)?;
        found.extend(rows);
    }
    Ok(found)
}
