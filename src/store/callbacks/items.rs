//! The persons of batches, one by one.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use diesel::prelude::*;
use diesel::upsert::excluded;
use jiff::Timestamp;

use crate::domain::callback::{Call, Member, Who};
use crate::error::{Error, Result};
use crate::store::schema::{callback_items, callback_queues, callbacks};
use crate::store::uploads::{self, Place};
use crate::store::{Conn, ROWS, from_json, instant, micros, native, to_json};

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

/// What is no outcome.
const OPEN: [&str; 2] = ["accepted", "pending"];

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
        !OPEN.contains(&self.name())
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
    /// When the person may be looked up.
    due: Timestamp,
    /// How often others could be looked up, and this person could not.
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

impl Item {
    pub(super) fn new(sequence: i64, position: i32, call: &Call, now: Timestamp) -> Item {
        Item {
            sequence,
            position,
            who: call.who.clone(),
            members: call.values.keys().copied().collect(),
            said: Some(call.values.clone()),
            anchor: None,
            verdict: Verdict {
                status: Status::Accepted,
                code: None,
                message: None,
                event: None,
            },
            changed: now,
            due: now,
            attempts: 0,
        }
    }

    /// Where it stands in the order in which things were said (B2).
    pub fn place(&self) -> (i64, i32) {
        (self.sequence, self.position)
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = callback_items, treat_none_as_default_value = false)]
struct Row {
    job: String,
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
    due: i64,
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
            due: instant(row.due),
            attempts: row.attempts,
        })
    }
}

impl Row {
    fn of(job: &str, item: &Item) -> Result<Row> {
        Ok(Row {
            job: job.to_string(),
            sequence: item.sequence,
            position: item.position,
            who: to_json(&item.who)?,
            members: to_json(&item.members)?,
            said: item.said.as_ref().map(to_json).transpose()?,
            anchor: item.anchor.clone(),
            status: item.verdict.status.name().to_string(),
            code: item.verdict.code.clone(),
            message: item.verdict.message.clone(),
            event: item.verdict.event.clone(),
            changed: micros(item.changed),
            due: micros(item.due),
            attempts: item.attempts,
        })
    }
}

fn items(rows: Vec<Row>) -> Result<Vec<Item>> {
    rows.into_iter().map(Item::try_from).collect()
}

/// Keeps items as they stand now, many with one statement.
pub(super) fn save(conn: &mut Conn, job: &str, items: &[Item]) -> Result<()> {
    for page in items.chunks(ROWS) {
        let rows: Vec<Row> = page
            .iter()
            .map(|item| Row::of(job, item))
            .collect::<Result<_>>()?;
        native!(conn, c => diesel::insert_into(callback_items::table)
            .values(&rows)
            .on_conflict((callback_items::job, callback_items::sequence, callback_items::position))
            .do_update()
            .set((
                callback_items::members.eq(excluded(callback_items::members)),
                callback_items::said.eq(excluded(callback_items::said)),
                callback_items::anchor.eq(excluded(callback_items::anchor)),
                callback_items::status.eq(excluded(callback_items::status)),
                callback_items::code.eq(excluded(callback_items::code)),
                callback_items::message.eq(excluded(callback_items::message)),
                callback_items::event.eq(excluded(callback_items::event)),
                callback_items::changed.eq(excluded(callback_items::changed)),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// All of one batch, in the order in which they were sent.
pub(super) fn of(conn: &mut Conn, job: &str, sequence: i64) -> Result<Vec<Item>> {
    let rows = callback_items::table
        .filter(
            callback_items::job
                .eq(job)
                .and(callback_items::sequence.eq(sequence)),
        )
        .order(callback_items::position)
        .select(Row::as_select())
        .load(conn)?;
    items(rows)
}

pub(super) fn any_due(conn: &mut Conn, job: &str, now: Timestamp) -> Result<bool> {
    let first: Option<i64> = callback_items::table
        .filter(callback_items::job.eq(job))
        .filter(callback_items::said.is_not_null())
        .filter(callback_items::due.le(micros(now)))
        .select(callback_items::due)
        .first(conn)
        .optional()?;
    Ok(first.is_some())
}

/// Items whose person is to be looked up, who has waited longest first.
pub fn waiting(conn: &mut Conn, job: &str, now: Timestamp, limit: i64) -> Result<Vec<Item>> {
    due(conn, job, now, (0, 0), limit)
}

/// The same of those whose person could not be looked up before.
pub fn retried(conn: &mut Conn, job: &str, now: Timestamp, limit: i64) -> Result<Vec<Item>> {
    due(conn, job, now, (1, i32::MAX), limit)
}

fn due(
    conn: &mut Conn,
    job: &str,
    now: Timestamp,
    (least, most): (i32, i32),
    limit: i64,
) -> Result<Vec<Item>> {
    let rows = callback_items::table
        .filter(callback_items::job.eq(job))
        .filter(callback_items::said.is_not_null())
        .filter(callback_items::due.le(micros(now)))
        .filter(callback_items::attempts.between(least, most))
        .order((
            callback_items::due,
            callback_items::sequence,
            callback_items::position,
        ))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    items(rows)
}

/// Has items wait until an instant, each for itself; `tries` are added to those that were in vain.
pub fn put_off(conn: &mut Conn, job: &str, items: &[Item], due: Timestamp, tries: i32) -> Result<()> {
    for (sequence, positions) in by_batch(items) {
        diesel::update(callback_items::table)
            .filter(
                callback_items::job
                    .eq(job)
                    .and(callback_items::sequence.eq(sequence)),
            )
            .filter(callback_items::position.eq_any(positions))
            .set((
                callback_items::due.eq(micros(due)),
                callback_items::attempts.eq(callback_items::attempts + tries),
            ))
            .execute(conn)?;
    }
    Ok(())
}

fn by_batch(items: &[Item]) -> BTreeMap<i64, Vec<i32>> {
    let mut sorted: BTreeMap<i64, Vec<i32>> = BTreeMap::new();
    for item in items {
        sorted.entry(item.sequence).or_default().push(item.position);
    }
    sorted
}

/// The places of those whose person is still to be looked up, in the batches of these items.
pub fn still_waiting(
    conn: &mut Conn,
    job: &str,
    items: impl Iterator<Item = (i64, i32)>,
) -> Result<HashSet<(i64, i32)>> {
    let sequences: BTreeSet<i64> = items.map(|(sequence, _)| sequence).collect();
    let sequences: Vec<i64> = sequences.into_iter().collect();
    let mut found = HashSet::new();
    for page in sequences.chunks(ROWS) {
        let places: Vec<(i64, i32)> = callback_items::table
            .filter(
                callback_items::job
                    .eq(job)
                    .and(callback_items::sequence.eq_any(page)),
            )
            .filter(callback_items::said.is_not_null())
            .select((callback_items::sequence, callback_items::position))
            .load(conn)?;
        found.extend(places);
    }
    Ok(found)
}

/// Items about these persons that are in their records already, from a batch on.
pub fn laid_since(conn: &mut Conn, job: &str, anchors: &[&str], sequence: i64) -> Result<Vec<Item>> {
    let mut found = Vec::new();
    for page in anchors.chunks(ROWS) {
        let rows = callback_items::table
            .filter(callback_items::anchor.eq_any(page))
            .filter(callback_items::sequence.ge(sequence))
            .select(Row::as_select())
            .load(conn)?;
        found.extend(items(of_job(job, rows))?);
    }
    Ok(found)
}

/// Sorted out here: asked for items of one job, SQLite would walk through all of them.
fn of_job(job: &str, mut rows: Vec<Row>) -> Vec<Row> {
    rows.retain(|row| row.job == job);
    rows
}

/// The records of these items' persons say now what the items did: their outcome comes with the next plan.
pub fn lay_over(conn: &mut Conn, job: &str, laid: &[Item]) -> Result<()> {
    let over = |item: &Item| Item {
        said: None,
        ..item.clone()
    };
    let place = |item: &Item| {
        Some(Place {
            sequence: item.sequence,
            position: item.position,
            anchor: item.anchor.clone()?,
            received: micros(item.changed),
        })
    };
    let items: Vec<Item> = laid.iter().map(over).collect();
    let places: Vec<Place> = laid.iter().filter_map(place).collect();
    save(conn, job, &items)?;
    uploads::expect(conn, job, &places)
}

/// The items of these operations, and those of their workers that HR keeps pending.
pub fn awaiting(conn: &mut Conn, job: &str, places: &[Place], anchors: &[&str]) -> Result<Vec<Item>> {
    let places: HashSet<(i64, i32)> = places
        .iter()
        .map(|place| (place.sequence, place.position))
        .collect();
    let mut found = Vec::new();
    for page in anchors.chunks(ROWS) {
        let rows = callback_items::table
            .filter(callback_items::anchor.eq_any(page))
            .filter(callback_items::status.eq_any(OPEN))
            .select(Row::as_select())
            .load(conn)?;
        found.extend(items(of_job(job, rows))?);
    }
    // What came while the page was planned has its outcome with the next one.
    found.retain(|item| item.verdict.status == Status::Pending || places.contains(&item.place()));
    Ok(found)
}

/// Those of some batches that have no outcome yet.
pub fn open(conn: &mut Conn, job: &str, sequences: &[i64]) -> Result<Vec<Item>> {
    let mut found = Vec::new();
    for page in sequences.chunks(ROWS) {
        let rows = callback_items::table
            .filter(
                callback_items::job
                    .eq(job)
                    .and(callback_items::sequence.eq_any(page)),
            )
            .filter(callback_items::status.eq_any(OPEN))
            .select(Row::as_select())
            .load(conn)?;
        found.extend(items(rows)?);
    }
    Ok(found)
}

/// Gives items what has become of them. Answers the batches that are complete with it and whose sender is to be told. The
/// items have to be as they are under the lock.
pub fn settle(
    conn: &mut Conn,
    job: &str,
    settled: &[(&Item, Verdict)],
    now: Timestamp,
) -> Result<Vec<String>> {
    let after = |(item, verdict): &(&Item, Verdict)| Item {
        said: None,
        verdict: Verdict {
            // What it was called when it was begun, it is called when it is done.
            event: verdict.event.clone().or_else(|| item.verdict.event.clone()),
            ..verdict.clone()
        },
        changed: now,
        ..(*item).clone()
    };
    let after: Vec<Item> = settled.iter().map(after).collect();
    save(conn, job, &after)?;
    let waited = settled.iter().zip(&after);
    let waited = waited.filter(|((before, _), after)| {
        before.verdict.status == Status::Accepted && after.verdict.status != Status::Accepted
    });
    let waited = i64::try_from(waited.count()).unwrap_or(i64::MAX);
    diesel::update(callback_queues::table.find(job))
        .set(callback_queues::waiting.eq(callback_queues::waiting - waited))
        .execute(conn)?;
    let ended = after.iter().filter(|item| item.verdict.status.is_outcome());
    let sequences: BTreeSet<i64> = ended.map(|item| item.sequence).collect();
    complete(conn, job, &sequences.into_iter().collect::<Vec<_>>(), now)
}

/// Marks those of these batches as complete that are; answers of which somebody is to be told.
fn complete(conn: &mut Conn, job: &str, sequences: &[i64], now: Timestamp) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for page in sequences.chunks(ROWS) {
        let open: Vec<i64> = callback_items::table
            .filter(
                callback_items::job
                    .eq(job)
                    .and(callback_items::sequence.eq_any(page)),
            )
            .filter(callback_items::status.eq_any(OPEN))
            .select(callback_items::sequence)
            .distinct()
            .load(conn)?;
        let over: Vec<&i64> = page.iter().filter(|sequence| !open.contains(sequence)).collect();
        let completed: Vec<(String, bool)> = diesel::update(callbacks::table)
            .filter(callbacks::job.eq(job).and(callbacks::sequence.eq_any(over)))
            .filter(callbacks::completed.is_null())
            .set(callbacks::completed.eq(micros(now)))
            .returning((callbacks::id, callbacks::notify))
            .get_results(conn)?;
        let is_told = completed.into_iter().filter(|(_, notify)| *notify);
        told.extend(is_told.map(|(id, _)| id));
    }
    Ok(told)
}

/// All items whose person has not been looked up yet.
pub fn unheard(conn: &mut Conn, job: &str) -> Result<Vec<Item>> {
    let rows = callback_items::table
        .filter(callback_items::job.eq(job))
        .filter(callback_items::said.is_not_null())
        .select(Row::as_select())
        .load(conn)?;
    items(rows)
}

/// All items about a person.
pub fn about(conn: &mut Conn, job: &str, anchor: &str) -> Result<Vec<Item>> {
    let rows = callback_items::table
        .filter(callback_items::job.eq(job).and(callback_items::anchor.eq(anchor)))
        .select(Row::as_select())
        .load(conn)?;
    items(rows)
}

/// Leaves of items what became of them, and nothing of whom they were about.
pub fn blank(conn: &mut Conn, job: &str, items: &[Item]) -> Result<()> {
    let nobody = to_json(&Who::default())?;
    for (sequence, positions) in by_batch(items) {
        diesel::update(callback_items::table)
            .filter(
                callback_items::job
                    .eq(job)
                    .and(callback_items::sequence.eq(sequence)),
            )
            .filter(callback_items::position.eq_any(positions))
            .set((
                callback_items::who.eq(&nobody),
                callback_items::said.eq(None::<String>),
                callback_items::anchor.eq(None::<String>),
                callback_items::message.eq(None::<String>),
                callback_items::event.eq(None::<String>),
            ))
            .execute(conn)?;
    }
    Ok(())
}
