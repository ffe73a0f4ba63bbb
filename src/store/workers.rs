//! What HR says of each worker: the fold of its statements.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::upsert::excluded;
use fancy_regex::Regex;
use jiff::Timestamp;

use super::schema::{links, workers};
use super::wakes::{self, Cause};
use super::{Conn, from_json, instant, micros, native, to_json};
use crate::domain::worker::{Move, Worker};
use crate::error::{Error, Result};

/// More records than one person has: then the key is a word such as "none".
pub const MOST_RECORDS: usize = 10;

/// Records in memory at a time, where everybody's are read.
const RECORDS: i64 = 5_000;

/// A worker on the way into the database, already in its stored form.
#[derive(Clone, Debug)]
pub struct Stored {
    pub worker: Worker,
    record: String,
    moves: Move,
}

impl Stored {
    pub fn new(worker: Worker) -> Result<Stored> {
        Ok(Stored {
            record: to_json(&worker)?,
            worker,
            moves: Move::Stays,
        })
    }

    /// The same, where HR's word is about beginning or leaving.
    pub fn moving(self, moves: Move) -> Stored {
        Stored { moves, ..self }
    }

    pub fn person(&self) -> Option<&str> {
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

/// When what HR says of these workers changed last: (anchor, when).
pub fn changed(conn: &mut Conn, system: &str, anchors: &[&str]) -> Result<HashMap<String, Timestamp>> {
    let mut found = HashMap::new();
    for page in anchors.chunks(super::ROWS) {
        let rows: Vec<(String, i64)> = workers::table
            .filter(workers::system.eq(system).and(workers::anchor.eq_any(page)))
            .select((workers::anchor, workers::changed))
            .load(conn)?;
        found.extend(
            rows.into_iter()
                .map(|(anchor, changed)| (anchor, instant(changed))),
        );
    }
    Ok(found)
}

/// Who the records of these persons are of: (person, anchor).
pub fn of_persons(conn: &mut Conn, system: &str, persons: &[&str]) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for page in persons.chunks(super::ROWS) {
        let rows: Vec<(Option<String>, String)> = workers::table
            .filter(workers::system.eq(system).and(workers::person.eq_any(page)))
            .select((workers::person, workers::anchor))
            .load(conn)?;
        found.extend(
            rows.into_iter()
                .filter_map(|(person, anchor)| Some((person?, anchor))),
        );
    }
    Ok(found)
}

/// Keeps workers who are not what they were, and wakes them for each job that reads the system. With them it wakes whoever
/// else was or is the same person, since one record speaks for all.
pub fn hear(
    conn: &mut Conn,
    system: &str,
    changed: &[Stored],
    persons: &[&str],
    readers: &[String],
    now: Timestamp,
) -> Result<()> {
    store(conn, system, changed, now)?;
    let told: Vec<&str> = changed.iter().map(|one| one.worker.anchor.as_str()).collect();
    let kin = of_persons(conn, system, persons)?;
    let kin = several(&kin).filter(|anchor| !told.contains(anchor));
    let kin: Vec<&str> = kin.collect();
    for job in readers {
        wakes::heard(conn, job, &heard(changed), now)?;
        wakes::wake(conn, job, &kin, now, Cause::Reference)?;
    }
    Ok(())
}

/// Of whom HR said something, and what that has to do with beginning and leaving.
pub(super) fn heard(said: &[Stored]) -> Vec<(&str, Move)> {
    said.iter()
        .map(|one| (one.worker.anchor.as_str(), one.moves))
        .collect()
}

/// The anchors of those who are not their person's only record, leaving out keys that are no keys.
fn several(rows: &[(String, String)]) -> impl Iterator<Item = &str> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    for (person, _) in rows {
        *count.entry(person).or_default() += 1;
    }
    rows.iter()
        .filter(move |(person, _)| (2..=MOST_RECORDS).contains(&count[person.as_str()]))
        .map(|(_, anchor)| anchor.as_str())
}

/// Marks workers as shown by the full read that began at an instant.
pub fn mark_seen(conn: &mut Conn, system: &str, anchors: &[&str], read: Timestamp) -> Result<()> {
    for page in anchors.chunks(super::ROWS) {
        let these = workers::table.filter(workers::system.eq(system).and(workers::anchor.eq_any(page)));
        diesel::update(these)
            .set(workers::seen.eq(micros(read)))
            .execute(conn)?;
    }
    Ok(())
}

/// Whom a full cycle of a job looks at ([`wakes::wake_all`]), in the order of their anchors, from one on.
pub fn after(conn: &mut Conn, job: &str, system: &str, after: &str, limit: i64) -> Result<Vec<String>> {
    let linked = links::table.filter(links::job.eq(job)).select(links::worker);
    Ok(workers::table
        .filter(workers::system.eq(system).and(workers::anchor.gt(after)))
        .filter(workers::shrunk.is_null().or(workers::anchor.eq_any(linked)))
        .order(workers::anchor)
        .select(workers::anchor)
        .limit(limit)
        .load(conn)?)
}

/// Some in whose records a text occurs.
pub fn mentioning(conn: &mut Conn, system: &str, text: &str, limit: i64) -> Result<Vec<Worker>> {
    let quoted = to_json(&text)?
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    let rows: Vec<String> = workers::table
        .filter(workers::system.eq(system))
        .filter(workers::record.like(format!("%{quoted}%")).escape('\\'))
        .order(workers::anchor)
        .select(workers::record)
        .limit(limit)
        .load(conn)?;
    rows.iter().map(|record| from_json(record)).collect()
}

/// Those in whose records one of these texts occurs. It reads everybody's record, so many at a time.
pub fn mentioning_any(conn: &mut Conn, system: &str, texts: &[&str]) -> Result<Vec<Worker>> {
    let quoted: Vec<String> = texts.iter().map(to_json).collect::<Result<_>>()?;
    let quoted: Vec<_> = quoted.iter().map(|text| fancy_regex::escape(text)).collect();
    let any = Regex::new(&quoted.join("|")).map_err(unsearchable)?;
    let (mut found, mut last) = (Vec::new(), String::new());
    loop {
        let page: Vec<(String, String)> = workers::table
            .filter(workers::system.eq(system).and(workers::anchor.gt(&last)))
            .order(workers::anchor)
            .select((workers::anchor, workers::record))
            .limit(RECORDS)
            .load(conn)?;
        let Some((end, _)) = page.last() else {
            return Ok(found);
        };
        last.clone_from(end);
        for (_, record) in page {
            if any.is_match(&record).map_err(unsearchable)? {
                found.push(from_json(&record)?);
            }
        }
    }
}

fn unsearchable(error: fancy_regex::Error) -> Error {
    Error::internal(format!("the records cannot be searched: {error}"))
}

pub fn count(conn: &mut Conn, system: &str) -> Result<i64> {
    Ok(workers::table
        .filter(workers::system.eq(system).and(workers::shrunk.is_null()))
        .count()
        .get_result(conn)?)
}

/// Known workers whom that read did not show, in the order of their anchors, from one on.
pub fn unseen(
    conn: &mut Conn,
    system: &str,
    read: Timestamp,
    after: &str,
    limit: i64,
) -> Result<Vec<String>> {
    Ok(workers::table
        .filter(workers::system.eq(system).and(workers::anchor.gt(after)))
        .filter(workers::seen.lt(micros(read)))
        .order(workers::anchor)
        .select(workers::anchor)
        .limit(limit)
        .load(conn)?)
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
                    workers::starts.eq(one.worker.starts().map(micros)),
                    workers::leaves.eq(one.worker.leaves().map(micros)),
                    workers::shrunk.eq(one.worker.shrunk.map(micros)),
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
                workers::starts.eq(excluded(workers::starts)),
                workers::leaves.eq(excluded(workers::leaves)),
                workers::shrunk.eq(excluded(workers::shrunk)),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// Workers whose records are whole, in the order of their anchors, from one on, each with when the record was written.
pub fn whole(conn: &mut Conn, system: &str, after: &str, limit: i64) -> Result<Vec<(Worker, Timestamp)>> {
    let rows: Vec<(String, i64)> = workers::table
        .filter(workers::system.eq(system).and(workers::anchor.gt(after)))
        .filter(workers::shrunk.is_null())
        .order(workers::anchor)
        .select((workers::record, workers::changed))
        .limit(limit)
        .load(conn)?;
    rows.iter()
        .map(|(record, changed)| Ok((from_json(record)?, instant(*changed))))
        .collect()
}

/// Keeps leavers as they were made smaller, unless HR spoke since their records were written; answers whom.
pub fn shrink(conn: &mut Conn, system: &str, shrunk: &[(Stored, Timestamp)]) -> Result<Vec<String>> {
    let mut done = Vec::with_capacity(shrunk.len());
    for (one, written) in shrunk {
        let these = workers::table.find((system, &one.worker.anchor));
        let count = diesel::update(these)
            .filter(
                workers::changed
                    .eq(micros(*written))
                    .and(workers::shrunk.is_null()),
            )
            .set((
                workers::record.eq(&one.record),
                workers::starts.eq(None::<i64>),
                workers::leaves.eq(None::<i64>),
                workers::shrunk.eq(one.worker.shrunk.map(micros)),
            ))
            .execute(conn)?;
        if count > 0 {
            done.push(one.worker.anchor.clone());
        }
    }
    Ok(done)
}
