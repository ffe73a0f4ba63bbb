//! The registry of names: values that had to be unique when they were given, and to whom (B22).

use std::collections::HashMap;

use diesel::prelude::*;
use jiff::Timestamp;

use super::forgetting::{blinded, key, known_key};
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
    for name in wanted {
        if is_buried(conn, name)? {
            owners.insert((name.namespace.clone(), name.folded.clone()), NOBODY.to_string());
        }
    }
    Ok(owners)
}

/// Whose a name is that is kept from everybody.
const NOBODY: &str = "";

/// Keeps the names of an owner who is forgotten from everybody, without keeping what they are; answers how many.
pub fn bury(conn: &mut Conn, owner: &str, now: Timestamp) -> Result<usize> {
    let key = key(conn)?;
    let buried = of(conn, &[owner])?;
    for name in &buried {
        diesel::delete(names::table.find((&name.namespace, &name.folded))).execute(conn)?;
        let row = (
            names::namespace.eq(&name.namespace),
            names::folded.eq(blinded(&key, &name.folded)),
            names::owner.eq(NOBODY),
            names::attribute.eq(""),
            names::value.eq(""),
            names::reserved.eq(micros(now)),
        );
        native!(conn, c => diesel::insert_into(names::table).values(row).on_conflict_do_nothing().execute(c))?;
    }
    Ok(buried.len())
}

fn is_buried(conn: &mut Conn, name: &Name) -> Result<bool> {
    let Some(key) = known_key(conn)? else {
        return Ok(false);
    };
    let found: Option<String> = names::table
        .find((&name.namespace, blinded(&key, &name.folded)))
        .select(names::owner)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}

/// Gives a name to its owner, if nobody else has it; says whether it is the owner's now.
pub fn reserve(conn: &mut Conn, name: &Name, now: Timestamp) -> Result<bool> {
    if is_buried(conn, name)? {
        return Ok(false);
    }
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

/// Names of a target's that were given to workers of a source, by namespace and folded value, from one on.
pub fn given(
    conn: &mut Conn,
    (source, target): (&str, &str),
    after: &(String, String),
    limit: i64,
) -> Result<Vec<Name>> {
    let namespaces = [format!("{target}/address"), format!("{target}/name")];
    let beyond = names::namespace
        .gt(&after.0)
        .or(names::namespace.eq(&after.0).and(names::folded.gt(&after.1)));
    let rows: Vec<(String, String, String, String, String)> = names::table
        .filter(names::namespace.eq_any(namespaces).and(beyond))
        .order((names::namespace, names::folded))
        .select((
            names::namespace,
            names::folded,
            names::owner,
            names::attribute,
            names::value,
        ))
        .limit(limit)
        .load(conn)?;
    let prefix = format!("{source}/");
    let name = |(namespace, folded, owner, attribute, value)| Name {
        namespace,
        folded,
        owner,
        attribute,
        value,
    };
    // The last one stays, so that the caller can go on from it.
    let last = rows.len().saturating_sub(1);
    Ok(rows
        .into_iter()
        .enumerate()
        .filter(|(at, (_, _, owner, ..))| *at == last || owner.starts_with(&prefix))
        .map(|(_, row)| name(row))
        .collect())
}

/// Lets go of names that nobody has any more.
pub fn free(conn: &mut Conn, free: &[Name]) -> Result<()> {
    for name in free {
        diesel::delete(names::table.find((&name.namespace, &name.folded)))
            .filter(names::owner.eq(&name.owner))
            .execute(conn)?;
    }
    Ok(())
}

/// Lets go of a target's names whose owners were forgotten before an instant.
pub fn expire_buried(conn: &mut Conn, target: &str, before: Timestamp) -> Result<()> {
    let namespaces = [format!("{target}/address"), format!("{target}/name")];
    diesel::delete(names::table)
        .filter(names::namespace.eq_any(namespaces).and(names::owner.eq(NOBODY)))
        .filter(names::reserved.lt(micros(before)))
        .execute(conn)?;
    Ok(())
}
