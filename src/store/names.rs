//! The registry of names: values that had to be unique when they were given, and to whom (B22).

use std::collections::HashMap;

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::names;
use super::{Conn, micros, native};
use crate::error::Result;

/// A value that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub namespace: String,
    pub folded: String,
    /// Source system and worker.
    pub owner: String,
    pub attribute: String,
    pub value: String,
}

/// What these owners were given.
pub fn of(conn: &mut Conn, owners: &[&str]) -> Result<Vec<Name>> {
    let mut found = Vec::new();
    for page in owners.chunks(super::ROWS) {
        let rows: Vec<(String, String, String, String, String)> = names::table
            .filter(names::owner.eq_any(page))
            .select((
                names::namespace,
                names::folded,
                names::owner,
                names::attribute,
                names::value,
            ))
            .load(conn)?;
        found.extend(
            rows.into_iter()
                .map(|(namespace, folded, owner, attribute, value)| Name {
                    namespace,
                    folded,
                    owner,
                    attribute,
                    value,
                }),
        );
    }
    Ok(found)
}

/// Whose these names are, by namespace and folded value.
pub fn owners(conn: &mut Conn, wanted: &[Name]) -> Result<HashMap<(String, String), String>> {
    let mut owners = HashMap::new();
    for page in wanted.chunks(super::ROWS) {
        let folded: Vec<&str> = page.iter().map(|name| name.folded.as_str()).collect();
        let rows: Vec<(String, String, String)> = names::table
            .filter(names::folded.eq_any(folded))
            .select((names::namespace, names::folded, names::owner))
            .load(conn)?;
        owners.extend(
            rows.into_iter()
                .map(|(namespace, folded, owner)| ((namespace, folded), owner)),
        );
    }
    Ok(owners)
}

/// Gives a name to its owner, if nobody else has it; says whether it is the owner's now.
pub fn reserve(conn: &mut Conn, name: &Name, now: Timestamp) -> Result<bool> {
    let row = (
        names::namespace.eq(&name.namespace),
        names::folded.eq(&name.folded),
        names::owner.eq(&name.owner),
        names::attribute.eq(&name.attribute),
        names::value.eq(&name.value),
        names::reserved.eq(micros(now)),
    );
    native!(conn, c => diesel::insert_into(names::table).values(row).on_conflict_do_nothing().execute(c))?;
    let owner: String = names::table
        .find((&name.namespace, &name.folded))
        .select(names::owner)
        .first(conn)?;
    Ok(owner == name.owner)
}
