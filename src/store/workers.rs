//! What HR says of each worker: the fold of its statements.

use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use super::schema::workers;
use super::{Conn, from_json, micros, native, to_json};
use crate::domain::worker::Worker;
use crate::error::Result;

/// A worker on the way into the database, already in its stored form.
#[derive(Clone, Debug)]
pub struct Stored {
    pub worker: Worker,
    record: String,
}

impl Stored {
    pub fn new(worker: Worker) -> Result<Stored> {
        Ok(Stored {
            record: to_json(&worker)?,
            worker,
        })
    }

    pub(super) fn person(&self) -> Option<&str> {
        self.worker.employment.as_ref()?.person.as_deref()
    }
}

/// The workers of a system with these anchors, as far as they are known.
pub fn load(conn: &mut Conn, system: &str, anchors: &[&str]) -> Result<Vec<Worker>> {
    let mut found = Vec::with_capacity(anchors.len());
    for page in anchors.chunks(super::ROWS) {
        let records: Vec<String> = workers::table
            .filter(workers::system.eq(system).and(workers::anchor.eq_any(page)))
            .select(workers::record)
            .load(conn)?;
        for record in &records {
            found.push(from_json(record)?);
        }
    }
    Ok(found)
}

/// Every record of these persons.
pub fn of_persons(conn: &mut Conn, system: &str, persons: &[&str]) -> Result<Vec<Worker>> {
    let mut found = Vec::new();
    for page in persons.chunks(super::ROWS) {
        let records: Vec<String> = workers::table
            .filter(workers::system.eq(system).and(workers::person.eq_any(page)))
            .select(workers::record)
            .load(conn)?;
        for record in &records {
            found.push(from_json(record)?);
        }
    }
    Ok(found)
}

/// The anchors of those records.
pub(super) fn anchors_of_persons(conn: &mut Conn, system: &str, persons: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for page in persons.chunks(super::ROWS) {
        let anchors = workers::table
            .filter(workers::system.eq(system).and(workers::person.eq_any(page)))
            .select(workers::anchor);
        found.extend(anchors.load::<String>(conn)?);
    }
    Ok(found)
}

pub(super) fn store(conn: &mut Conn, system: &str, stored: &[Stored], now: Timestamp) -> Result<()> {
    for page in stored.chunks(super::ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|one| {
                (
                    workers::system.eq(system),
                    workers::anchor.eq(&one.worker.anchor),
                    workers::record.eq(&one.record),
                    workers::changed.eq(micros(now)),
                    workers::person.eq(one.person()),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(workers::table)
            .values(&rows)
            .on_conflict((workers::system, workers::anchor))
            .do_update()
            .set((
                workers::record.eq(excluded(workers::record)),
                workers::changed.eq(excluded(workers::changed)),
                workers::person.eq(excluded(workers::person)),
            ))
            .execute(c))?;
    }
    Ok(())
}
