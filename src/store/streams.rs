//! Where the provisioning log goes besides the database: how far each stream has come, and which replica sends it.

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{logs, streams};
use super::{Conn, micros, native};
use crate::error::Result;

/// Lets a replica send a stream until an instant, if no other does; answers the last entry that was sent. A new stream begins
/// behind what the log has.
pub fn take(
    conn: &mut Conn,
    name: &str,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<String>> {
    let newest: Option<String> = logs::table.select(diesel::dsl::max(logs::id)).first(conn)?;
    let row = (
        streams::name.eq(name),
        streams::sent.eq(newest.unwrap_or_default()),
        streams::until.eq(0i64),
    );
    native!(conn, c => diesel::insert_into(streams::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(diesel::update(streams::table.find(name))
        .filter(streams::holder.eq(holder).or(streams::until.le(micros(now))))
        .set((streams::holder.eq(holder), streams::until.eq(micros(until))))
        .returning(streams::sent)
        .get_result(conn)
        .optional()?)
}

/// Everything up to an entry was sent.
pub fn sent(conn: &mut Conn, name: &str, holder: &str, last: &str) -> Result<()> {
    diesel::update(streams::table.find(name))
        .filter(streams::holder.eq(holder))
        .set(streams::sent.eq(last))
        .execute(conn)?;
    Ok(())
}

/// Lets others send it at once.
pub fn leave(conn: &mut Conn, name: &str, holder: &str) -> Result<()> {
    diesel::update(streams::table.find(name))
        .filter(streams::holder.eq(holder))
        .set(streams::until.eq(0i64))
        .execute(conn)?;
    Ok(())
}
