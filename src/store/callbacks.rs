//! Callbacks: what somebody wants to go home to HR now, item by item, until each has an outcome.
//!
//! An item waits with its values until its person has been looked up; then they are in the worker's record, a pending
//! operation of the same number waits for the next plan (`uploads`), and its outcome comes here in the same commit as the
//! log entry.
//!
//! A row for each job counts what waits. Whoever changes what became of items locks it first, so that nobody gives an item
//! an outcome that has one.

mod items;

use std::collections::BTreeMap;

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{callback_items, callback_queues, callbacks};
use super::{Conn, ROWS, instant, micros, native, systems};
use crate::domain::callback::Call;
use crate::error::{Error, Kind, Result};
pub use items::{
    Item, Status, Verdict, about, awaiting, blank, laid_since, lay_over, open, put_off, retried, settle,
    still_waiting, unheard, waiting,
};

/// Callbacks that were taken in together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// In the address at which its outcome is read.
    pub id: String,
    pub client: String,
    /// What the client calls this request, so that it may be sent twice.
    pub key: Option<String>,
    /// Of the request, to tell another one under the same key.
    pub digest: String,
    /// A webhook was asked for.
    pub notify: bool,
    pub calls: Vec<Call>,
}

/// Takes a batch in, once for each key of a client; answers the id of the one that counts. Refused where more than `most`
/// items of the job would wait for their outcome.
pub fn append(
    conn: &mut Conn,
    job: &str,
    system: &str,
    batch: &Batch,
    now: Timestamp,
    most: i64,
) -> Result<String> {
    let sequence = systems::next_sequence(conn, system)?;
    let row = (
        callbacks::job.eq(job),
        callbacks::sequence.eq(sequence),
        callbacks::id.eq(&batch.id),
        callbacks::client.eq(&batch.client),
        callbacks::idempotency_key.eq(&batch.key),
        callbacks::digest.eq(&batch.digest),
        callbacks::notify.eq(batch.notify),
        callbacks::received.eq(micros(now)),
    );
    let added = native!(conn, c => diesel::insert_into(callbacks::table).values(row).on_conflict_do_nothing().execute(c))?;
    if added == 0 {
        let known = known(conn, job, &batch.client, batch.key.as_deref(), &batch.digest)?;
        return known.ok_or_else(|| Error::internal("a batch could not be taken in"));
    }
    enqueue(conn, job, batch.calls.len(), most)?;
    let items = (0i32..).zip(&batch.calls);
    let items: Vec<Item> = items
        .map(|(position, call)| Item::new(sequence, position, call, now))
        .collect();
    items::save(conn, job, &items)?;
    Ok(batch.id.clone())
}

/// Makes room for items among those that wait. A batch that is larger than the room has to come alone.
fn enqueue(conn: &mut Conn, job: &str, count: usize, most: i64) -> Result<()> {
    let fresh = (
        callback_queues::job.eq(job),
        callback_queues::waiting.eq(0i64),
        callback_queues::due.eq(0i64),
        callback_queues::attempts.eq(0),
    );
    native!(conn, c => diesel::insert_into(callback_queues::table).values(fresh).on_conflict_do_nothing().execute(c))?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let taken = diesel::update(callback_queues::table.find(job))
        .filter(callback_queues::waiting.le((most - count).max(0)))
        .set(callback_queues::waiting.eq(callback_queues::waiting + count))
        .execute(conn)?;
    match taken {
        0 => {
            let message = format!(
                "{most} callbacks of this job may wait for their outcome, and so many do: send these again later"
            );
            Err(Error::new(Kind::TooMany, message).retry_after(std::time::Duration::from_secs(60)))
        }
        _ => Ok(()),
    }
}

/// The batch that a client sent under a key, if any. Error: it was another one.
pub fn known(
    conn: &mut Conn,
    job: &str,
    client: &str,
    key: Option<&str>,
    digest: &str,
) -> Result<Option<String>> {
    let Some(key) = key else { return Ok(None) };
    let found: Option<(String, String)> = callbacks::table
        .filter(callbacks::job.eq(job).and(callbacks::client.eq(client)))
        .filter(callbacks::idempotency_key.eq(key))
        .select((callbacks::id, callbacks::digest))
        .first(conn)
        .optional()?;
    match found {
        None => Ok(None),
        Some((id, known)) if known == digest => Ok(Some(id)),
        Some(_) => Err(Error::new(
            Kind::Conflict,
            "this key was used for another request: give each request a key of its own, and the same only to the same request",
        )
        .code("IdempotencyKeyReused")
        .at("Idempotency-Key")),
    }
}

/// Locks what waits of a job's callbacks for the rest of the transaction.
pub fn lock(conn: &mut Conn, job: &str) -> Result<()> {
    diesel::update(callback_queues::table.find(job))
        .set(callback_queues::attempts.eq(callback_queues::attempts))
        .execute(conn)?;
    Ok(())
}

/// Whether the source may be asked now, and somebody is to be looked up.
pub fn are_due(conn: &mut Conn, job: &str, now: Timestamp) -> Result<bool> {
    let due: Option<i64> = callback_queues::table
        .find(job)
        .select(callback_queues::due)
        .first(conn)
        .optional()?;
    Ok(due.is_some_and(|due| due <= micros(now)) && items::any_due(conn, job, now)?)
}

/// How often in a row the source answered nobody.
pub fn attempts(conn: &mut Conn, job: &str) -> Result<i32> {
    let attempts = callback_queues::table.find(job).select(callback_queues::attempts);
    Ok(attempts.first(conn).optional()?.unwrap_or(0))
}

/// Has all callbacks of a job wait until an instant.
pub fn put_off_all(conn: &mut Conn, job: &str, due: Timestamp, attempts: i32) -> Result<()> {
    diesel::update(callback_queues::table.find(job))
        .set((
            callback_queues::due.eq(micros(due)),
            callback_queues::attempts.eq(attempts),
        ))
        .execute(conn)?;
    Ok(())
}

/// A batch with its items, in the order in which they were sent.
pub fn find(conn: &mut Conn, job: &str, id: &str) -> Result<Option<(Timestamp, Vec<Item>)>> {
    let row: Option<(i64, i64)> = callbacks::table
        .filter(callbacks::job.eq(job).and(callbacks::id.eq(id)))
        .select((callbacks::sequence, callbacks::received))
        .first(conn)
        .optional()?;
    let Some((sequence, received)) = row else {
        return Ok(None);
    };
    Ok(Some((instant(received), items::of(conn, job, sequence)?)))
}

/// The batches, by job, that were taken in before an instant and have items without an outcome; the oldest first.
pub fn overdue(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<Vec<(String, i64)>> {
    Ok(callbacks::table
        .filter(callbacks::completed.is_null())
        .filter(callbacks::received.lt(micros(before)))
        .order(callbacks::received)
        .limit(limit)
        .select((callbacks::job, callbacks::sequence))
        .load(conn)?)
}

/// Forgets batches that were complete before an instant (B33), and, of jobs that are none of these, those that were taken in
/// before it. Answers whether there may be more.
pub fn expire(conn: &mut Conn, before: Timestamp, jobs: &[&str]) -> Result<bool> {
    let limit = i64::try_from(ROWS).unwrap_or(i64::MAX);
    let old: Vec<(String, i64)> = callbacks::table
        .filter(callbacks::completed.lt(micros(before)))
        .limit(limit)
        .select((callbacks::job, callbacks::sequence))
        .load(conn)?;
    let nobodys: Vec<(String, i64)> = callbacks::table
        .filter(callbacks::completed.is_not_null())
        .filter(
            callbacks::job
                .ne_all(jobs)
                .and(callbacks::received.lt(micros(before))),
        )
        .limit(limit)
        .select((callbacks::job, callbacks::sequence))
        .load(conn)?;
    let is_more = old.len() == ROWS || nobodys.len() == ROWS;
    for (job, sequences) in by_job(old.into_iter().chain(nobodys)) {
        for page in sequences.chunks(ROWS) {
            diesel::delete(callback_items::table)
                .filter(
                    callback_items::job
                        .eq(&job)
                        .and(callback_items::sequence.eq_any(page)),
                )
                .execute(conn)?;
            diesel::delete(callbacks::table)
                .filter(callbacks::job.eq(&job).and(callbacks::sequence.eq_any(page)))
                .execute(conn)?;
        }
    }
    Ok(is_more)
}

/// The numbers of batches, job by job.
pub fn by_job(batches: impl IntoIterator<Item = (String, i64)>) -> BTreeMap<String, Vec<i64>> {
    let mut sorted: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (job, sequence) in batches {
        sorted.entry(job).or_default().push(sequence);
    }
    sorted
}
