//! The provisioning log: one row an entry, the record itself as JSON, the columns that people ask by beside it.

use std::borrow::Borrow;

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::logs;
use super::{Conn, micros, native};
use crate::error::Result;

#[derive(Clone, Debug)]
pub struct Entry {
    /// Time-ordered: newest last.
    pub id: String,
    pub at: Timestamp,
    pub app: String,
    pub job: String,
    pub cycle: String,
    pub change: String,
    /// The worker's source anchor.
    pub source: String,
    pub action: String,
    pub status: String,
    /// The whole provisioningObjectSummary.
    pub body: String,
}

/// Adds entries; the newest comes last.
pub fn append(conn: &mut Conn, entries: &[impl Borrow<Entry>]) -> Result<()> {
    for page in entries.chunks(super::ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(Borrow::borrow)
            .map(|entry| {
                (
                    logs::id.eq(&entry.id),
                    logs::at.eq(micros(entry.at)),
                    logs::app.eq(&entry.app),
                    logs::job.eq(&entry.job),
                    logs::cycle.eq(&entry.cycle),
                    logs::change.eq(&entry.change),
                    logs::source.eq(&entry.source),
                    logs::action.eq(&entry.action),
                    logs::status.eq(&entry.status),
                    logs::body.eq(&entry.body),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(logs::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// Lets entries go that are older than this.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    diesel::delete(logs::table.filter(logs::at.lt(micros(before)))).execute(conn)?;
    Ok(())
}

/// What a query asks for, as far as columns can answer it.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub conditions: Vec<Condition>,
    /// Only these apps' entries; `None` for all.
    pub apps: Option<Vec<String>>,
    /// Continues behind this entry.
    pub after: Option<String>,
    pub oldest_first: bool,
    pub limit: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Is(Column, String),
    IsNot(Column, String),
    /// Not before (or, exclusively, after) an instant in microseconds.
    From {
        at: i64,
        inclusive: bool,
    },
    Until {
        at: i64,
        inclusive: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Id,
    App,
    Job,
    Cycle,
    Change,
    Source,
    Action,
    Status,
}

/// The bodies of the entries asked for, each with its id.
pub fn query(conn: &mut Conn, query: &Query) -> Result<Vec<(String, String)>> {
    let mut rows = logs::table.select((logs::id, logs::body)).into_boxed();
    macro_rules! compare {
        ($column:expr, $compare:ident, $value:expr) => {
            match $column {
                Column::Id => rows.filter(logs::id.$compare($value)),
                Column::App => rows.filter(logs::app.$compare($value)),
                Column::Job => rows.filter(logs::job.$compare($value)),
                Column::Cycle => rows.filter(logs::cycle.$compare($value)),
                Column::Change => rows.filter(logs::change.$compare($value)),
                Column::Source => rows.filter(logs::source.$compare($value)),
                Column::Action => rows.filter(logs::action.$compare($value)),
                Column::Status => rows.filter(logs::status.$compare($value)),
            }
        };
    }
    for condition in &query.conditions {
        rows = match condition.clone() {
            Condition::Is(column, value) => compare!(column, eq, value),
            Condition::IsNot(column, value) => compare!(column, ne, value),
            Condition::From { at, inclusive: true } => rows.filter(logs::at.ge(at)),
            Condition::From { at, inclusive: false } => rows.filter(logs::at.gt(at)),
            Condition::Until { at, inclusive: true } => rows.filter(logs::at.le(at)),
            Condition::Until { at, inclusive: false } => rows.filter(logs::at.lt(at)),
        };
    }
    if let Some(apps) = &query.apps {
        rows = rows.filter(logs::app.eq_any(apps.clone()));
    }
    rows = match (&query.after, query.oldest_first) {
        (Some(after), true) => rows.filter(logs::id.gt(after.clone())),
        (Some(after), false) => rows.filter(logs::id.lt(after.clone())),
        (None, _) => rows,
    };
    rows = if query.oldest_first {
        rows.order(logs::id.asc())
    } else {
        rows.order(logs::id.desc())
    };
    Ok(rows.limit(query.limit).load(conn)?)
}

/// The numbers of the entries behind one, oldest first.
pub fn ids(conn: &mut Conn, after: &str, limit: usize) -> Result<Vec<String>> {
    Ok(logs::table
        .filter(logs::id.gt(after))
        .order(logs::id)
        .select(logs::id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(conn)?)
}

/// The bodies of these entries, oldest first.
pub fn bodies(conn: &mut Conn, ids: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::with_capacity(ids.len());
    for page in ids.chunks(super::ROWS) {
        let bodies: Vec<String> = logs::table
            .filter(logs::id.eq_any(page))
            .order(logs::id)
            .select(logs::body)
            .load(conn)?;
        found.extend(bodies);
    }
    Ok(found)
}
