//! Small values the gateway keeps for itself, by name.

use diesel::prelude::*;

use super::schema::settings;
use super::{Conn, native};
use crate::error::Result;

pub fn find(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    Ok(settings::table
        .find(name)
        .select(settings::value)
        .first(conn)
        .optional()?)
}

/// Keeps the first value that anybody gives, and answers which one that is: replicas that start together agree.
pub fn keep_first(conn: &mut Conn, name: &str, value: &str) -> Result<String> {
    let row = (settings::name.eq(name), settings::value.eq(value));
    native!(conn, c => diesel::insert_into(settings::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(settings::table.find(name).select(settings::value).first(conn)?)
}
