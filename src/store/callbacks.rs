//! Callbacks: what somebody wants to go home to HR now, item by item, until each has an outcome.
//!
//! An item waits with its values until its person has been looked up; then they are in the worker's record, a pending
//! operation of the same number waits for the next plan (`uploads`), and its outcome comes here in the same commit as the
//! log entry.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{callback_items, callbacks};
use super::uploads::{self, Place};
use super::{Conn, from_json, instant, micros, native, systems, to_json};
use crate::domain::callback::{Call, Member, Who};
use crate::error::{Error, Kind, Result};

/// Items of one job that may be without an outcome; the next batch is refused.
const MOST: i64 = 100_000;

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

/// Takes a batch in, once for each key of a client; answers the id of the one that counts.
pub fn append(conn: &mut Conn, job: &str, system: &str, batch: &Batch, now: Timestamp) -> Result<String> {
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
    if unanswered(conn, job)? + i64::try_from(batch.calls.len()).unwrap_or(i64::MAX) > MOST {
        let message = format!("{MOST} callbacks of this job wait for their outcome: send these again later");
        return Err(Error::new(Kind::TooMany, message).retry_after(std::time::Duration::from_secs(60)));
    }
    let mut rows = Vec::with_capacity(batch.calls.len());
    for (position, call) in (0i32..).zip(&batch.calls) {
        let members: Vec<Member> = call.values.keys().copied().collect();
        rows.push((
            callback_items::job.eq(job),
            callback_items::sequence.eq(sequence),
            callback_items::position.eq(position),
            callback_items::who.eq(to_json(&call.who)?),
            callback_items::members.eq(to_json(&members)?),
            callback_items::said.eq(Some(to_json(&call.values)?)),
            callback_items::status.eq(Status::Accepted.name()),
            callback_items::changed.eq(micros(now)),
            callback_items::due.eq(micros(now)),
            callback_items::attempts.eq(0),
        ));
    }
    for page in rows.chunks(super::ROWS) {
        native!(conn, c => diesel::insert_into(callback_items::table).values(page).execute(c))?;
    }
    Ok(batch.id.clone())
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

/// How many items of a job have no outcome yet.
fn unanswered(conn: &mut Conn, job: &str) -> Result<i64> {
    let waiting = callback_items::table
        .filter(
            callback_items::job
                .eq(job)
                .and(callback_items::said.is_not_null()),
        )
        .count()
        .get_result::<i64>(conn)?;
    Ok(waiting + uploads::pending_count(conn, job)?)
}

/// What has become of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing yet.
    Accepted,
    /// HR has to finish something about the person first; it is tried again.
    Pending,
    Success,
    Failure,
    /// Nothing was to be done, or not by this item.
    Skipped,
}

const STATUSES: [Status; 5] = [
    Status::Accepted,
    Status::Pending,
    Status::Success,
    Status::Failure,
    Status::Skipped,
];

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Accepted => "accepted",
            Status::Pending => "pending",
            Status::Success => "success",
            Status::Failure => "failure",
            Status::Skipped => "skipped",
        }
    }

    fn parse(text: &str) -> Status {
        let known = STATUSES.into_iter().find(|status| status.name() == text);
        known.unwrap_or(Status::Accepted)
    }

    pub fn is_outcome(self) -> bool {
        !matches!(self, Status::Accepted | Status::Pending)
    }
}

/// One person of a batch.
#[derive(Clone, Debug)]
pub struct Item {
    pub sequence: i64,
    pub position: i32,
    pub who: Who,
    pub members: Vec<Member>,
    /// With what values, until they are in the worker's record.
    pub said: Option<BTreeMap<Member, String>>,
    /// Whose record that is.
    pub anchor: Option<String>,
    pub verdict: Verdict,
    pub changed: Timestamp,
    /// How often nobody answered who this is.
    pub attempts: i32,
}

/// What has become of an item, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub status: Status,
    pub code: Option<String>,
    pub message: Option<String>,
    /// HR's own number for the change.
    pub event: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = callback_items)]
struct Row {
    sequence: i64,
    position: i32,
    who: String,
    members: String,
    said: Option<String>,
    anchor: Option<String>,
    status: String,
    code: Option<String>,
    message: Option<String>,
    event: Option<String>,
    changed: i64,
    attempts: i32,
}

impl TryFrom<Row> for Item {
    type Error = Error;

    fn try_from(row: Row) -> Result<Item> {
        Ok(Item {
            sequence: row.sequence,
            position: row.position,
            who: from_json(&row.who)?,
            members: from_json(&row.members)?,
            said: row.said.as_deref().map(from_json).transpose()?,
            anchor: row.anchor,
            verdict: Verdict {
                status: Status::parse(&row.status),
                code: row.code,
                message: row.message,
                event: row.event,
            },
            changed: instant(row.changed),
            attempts: row.attempts,
        })
    }
}

fn items(rows: Vec<Row>) -> Result<Vec<Item>> {
    rows.into_iter().map(Item::try_from).collect()
}

/// Whether somebody is to be looked up now.
pub fn are_due(conn: &mut Conn, job: &str, now: Timestamp) -> Result<bool> {
    Ok(!waiting(conn, job, now, 1)?.is_empty())
}

/// Items whose person is to be looked up, in the order in which they came: as long as the first has to wait, all do (B2).
pub fn waiting(conn: &mut Conn, job: &str, now: Timestamp, limit: i64) -> Result<Vec<Item>> {
    let waiting = callback_items::table
        .filter(
            callback_items::job
                .eq(job)
                .and(callback_items::said.is_not_null()),
        )
        .order((callback_items::sequence, callback_items::position));
    let first: Option<i64> = waiting.select(callback_items::due).first(conn).optional()?;
    if first.is_none_or(|due| due > micros(now)) {
        return Ok(Vec::new());
    }
    items(waiting.limit(limit).select(Row::as_select()).load(conn)?)
}

/// Has an item, and all behind it, wait until an instant.
pub fn put_off(conn: &mut Conn, job: &str, item: &Item, due: Timestamp, attempts: i32) -> Result<()> {
    diesel::update(callback_items::table.find((job, item.sequence, item.position)))
        .set((
            callback_items::due.eq(micros(due)),
            callback_items::attempts.eq(attempts),
        ))
        .execute(conn)?;
    Ok(())
}

/// The worker's record says now what the item did: the outcome comes with the next plan.
pub fn lay_over(conn: &mut Conn, job: &str, laid: &[Place]) -> Result<()> {
    for place in laid {
        diesel::update(callback_items::table.find((job, place.sequence, place.position)))
            .set((
                callback_items::said.eq(None::<String>),
                callback_items::anchor.eq(&place.anchor),
            ))
            .execute(conn)?;
    }
    uploads::expect(conn, job, laid)
}

/// The items of these operations, and those of their workers that HR keeps pending.
pub fn awaiting(conn: &mut Conn, job: &str, places: &[Place], anchors: &[&str]) -> Result<Vec<Item>> {
    let mut found = Vec::new();
    let sequences: BTreeSet<i64> = places.iter().map(|place| place.sequence).collect();
    for sequence in sequences {
        let positions = places.iter().filter(|place| place.sequence == sequence);
        let positions: Vec<i32> = positions.map(|place| place.position).collect();
        for page in positions.chunks(super::ROWS) {
            let these = callback_items::table.filter(
                callback_items::job
                    .eq(job)
                    .and(callback_items::sequence.eq(sequence)),
            );
            let these = these.filter(callback_items::position.eq_any(page));
            found.extend(items(these.select(Row::as_select()).load(conn)?)?);
        }
    }
    for page in anchors.chunks(super::ROWS) {
        let pending = callback_items::table.filter(
            callback_items::job
                .eq(job)
                .and(callback_items::status.eq(Status::Pending.name())),
        );
        let pending = pending.filter(callback_items::anchor.eq_any(page));
        found.extend(items(pending.select(Row::as_select()).load(conn)?)?);
    }
    Ok(found)
}

/// Gives items their outcome, which ends their wait. Answers the batches that are complete with it and whose sender is to
/// be told.
pub fn settle(
    conn: &mut Conn,
    job: &str,
    settled: &[(&Item, Verdict)],
    now: Timestamp,
) -> Result<Vec<String>> {
    for (item, verdict) in settled {
        diesel::update(callback_items::table.find((job, item.sequence, item.position)))
            .set((
                callback_items::said.eq(None::<String>),
                callback_items::status.eq(verdict.status.name()),
                callback_items::code.eq(&verdict.code),
                callback_items::message.eq(&verdict.message),
                callback_items::changed.eq(micros(now)),
            ))
            .execute(conn)?;
        // What it was called when it was begun, it is called when it is done.
        if let Some(event) = &verdict.event {
            diesel::update(callback_items::table.find((job, item.sequence, item.position)))
                .set(callback_items::event.eq(event))
                .execute(conn)?;
        }
    }
    let sequences: BTreeSet<i64> = settled.iter().map(|(item, _)| item.sequence).collect();
    let mut told = Vec::new();
    for sequence in sequences {
        let open = [Status::Accepted, Status::Pending].map(Status::name);
        let open: i64 = callback_items::table
            .filter(
                callback_items::job
                    .eq(job)
                    .and(callback_items::sequence.eq(sequence)),
            )
            .filter(callback_items::status.eq_any(open))
            .count()
            .get_result(conn)?;
        if open > 0 {
            continue;
        }
        let completed: Option<(String, bool)> = diesel::update(callbacks::table.find((job, sequence)))
            .filter(callbacks::completed.is_null())
            .set(callbacks::completed.eq(micros(now)))
            .returning((callbacks::id, callbacks::notify))
            .get_result(conn)
            .optional()?;
        told.extend(completed.and_then(|(id, notify)| notify.then_some(id)));
    }
    Ok(told)
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
    let rows = callback_items::table
        .filter(
            callback_items::job
                .eq(job)
                .and(callback_items::sequence.eq(sequence)),
        )
        .order(callback_items::position)
        .select(Row::as_select())
        .load(conn)?;
    Ok(Some((instant(received), items(rows)?)))
}

/// Forgets batches that were complete before an instant (B33).
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    let old = callbacks::table
        .filter(callbacks::completed.lt(micros(before)))
        .select((callbacks::job, callbacks::sequence));
    for (job, sequence) in old.load::<(String, i64)>(conn)? {
        diesel::delete(callback_items::table)
            .filter(
                callback_items::job
                    .eq(&job)
                    .and(callback_items::sequence.eq(sequence)),
            )
            .execute(conn)?;
        diesel::delete(callbacks::table.find((&job, sequence))).execute(conn)?;
    }
    Ok(())
}
