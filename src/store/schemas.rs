//! Schema versions: append-only, each with where it came from.

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{jobs, schemas};
use super::{Conn, micros};
use crate::error::Result;

/// A schema as it was taken in.
pub struct SchemaVersion {
    pub version: i64,
    pub body: String,
    /// Where it came from: template, file or api.
    pub origin: String,
    /// The digest of what was given there.
    pub hash: String,
}

/// The newest version, whatever its origin.
pub fn latest(conn: &mut Conn, app: &str) -> Result<Option<SchemaVersion>> {
    let row: Option<(i64, String, String, String)> = schemas::table
        .filter(schemas::app.eq(app))
        .order(schemas::version.desc())
        .select((schemas::version, schemas::body, schemas::origin, schemas::hash))
        .first(conn)
        .optional()?;
    Ok(row.map(|(version, body, origin, hash)| SchemaVersion {
        version,
        body,
        origin,
        hash,
    }))
}

/// Adds a version, which the job runs from now on; `origin` says where it came from: template, file or api.
pub fn add(conn: &mut Conn, app: &str, body: &str, hash: &str, origin: &str, now: Timestamp) -> Result<i64> {
    let version = latest(conn, app)?.map_or(1, |last| last.version + 1);
    diesel::insert_into(schemas::table)
        .values((
            schemas::app.eq(app),
            schemas::version.eq(version),
            schemas::body.eq(body),
            schemas::hash.eq(hash),
            schemas::origin.eq(origin),
            schemas::taken.eq(micros(now)),
        ))
        .execute(conn)?;
    diesel::update(jobs::table.filter(jobs::app.eq(app)))
        .set(jobs::schema_version.eq(version))
        .execute(conn)?;
    Ok(version)
}

/// The digest of what was last taken from this origin.
pub fn last_hash(conn: &mut Conn, app: &str, origin: &str) -> Result<Option<String>> {
    Ok(schemas::table
        .filter(schemas::app.eq(app).and(schemas::origin.eq(origin)))
        .order(schemas::version.desc())
        .select(schemas::hash)
        .first(conn)
        .optional()?)
}
