//! Systems: where their inboxes stand, and which controller is in use.

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::systems;
use super::{Conn, instant, micros, native};
use crate::error::Result;

/// Makes a system known, once.
pub fn ensure(conn: &mut Conn, system: &str) -> Result<()> {
    let row = (
        systems::id.eq(system),
        systems::sequence.eq(0i64),
        systems::folded.eq(0i64),
        systems::waiting.eq(0i64),
    );
    native!(conn, c => diesel::insert_into(systems::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// Has whoever else writes about this system's accounts wait until this transaction is over: what several jobs decide about
/// one account, or wait for of each other, is decided by one after the other.
pub fn lock(conn: &mut Conn, system: &str) -> Result<()> {
    diesel::update(systems::table.find(system))
        .set(systems::waiting.eq(systems::waiting))
        .execute(conn)?;
    Ok(())
}

/// Gives the next number in the order in which things were said about a system's workers (B2).
pub fn next_sequence(conn: &mut Conn, system: &str) -> Result<i64> {
    Ok(diesel::update(systems::table.find(system))
        .set(systems::sequence.eq(systems::sequence + 1))
        .returning(systems::sequence)
        .get_result(conn)?)
}

/// The controller in use by a system, and since when.
pub fn endpoint(conn: &mut Conn, system: &str) -> Result<Option<(String, Timestamp)>> {
    let row: Option<(Option<String>, Option<i64>)> = systems::table
        .find(system)
        .select((systems::endpoint, systems::endpoint_since))
        .first(conn)
        .optional()?;
    Ok(row.and_then(|(endpoint, since)| Some((endpoint?, instant(since?)))))
}

/// Moves a system to another controller by compare-and-set (B23); answers whether this call did it.
pub fn switch_endpoint(
    conn: &mut Conn,
    system: &str,
    from: Option<&str>,
    to: &str,
    now: Timestamp,
) -> Result<bool> {
    let values = (systems::endpoint.eq(to), systems::endpoint_since.eq(micros(now)));
    let moved = match from {
        Some(from) => diesel::update(systems::table.find(system))
            .filter(systems::endpoint.eq(from))
            .set(values)
            .execute(conn)?,
        None => diesel::update(systems::table.find(system))
            .filter(systems::endpoint.is_null())
            .set(values)
            .execute(conn)?,
    };
    Ok(moved > 0)
}
