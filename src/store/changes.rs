//! What is being done and what was done: sent marks, and the receipts they turn into.

use std::collections::BTreeMap;

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{changes, receipts};
use super::{Conn, from_json, has_any, instant, micros, native, to_json};
use crate::domain::guard::Action;
use crate::domain::plan::{Change, Receipt};
use crate::error::Result;

/// A change that was about to be sent, with everything a later reader must know about the attempt (B26).
#[derive(Clone, Debug)]
pub struct Sent {
    pub change: Change,
    pub endpoint: String,
    /// The plan it belongs to, and the schema version that was made with.
    pub plan: uuid::Uuid,
    pub policy: i64,
    /// What of it counts against an allowance, and against which (B17).
    pub allowed: Allowed,
    /// When it was marked, or nobody had answered for it at last.
    pub at: Timestamp,
}

/// Actions, and the allowances under which they are done.
pub type Allowed = BTreeMap<Action, String>;

/// Marks changes as sent, before the first of them is.
pub fn mark_sent(conn: &mut Conn, job: &str, cycle: &str, token: i64, sent: &[&Sent]) -> Result<()> {
    for page in sent.chunks(super::ROWS) {
        let rows = page
            .iter()
            .map(|one| {
                Ok((
                    changes::id.eq(one.change.id.to_string()),
                    changes::job.eq(job),
                    changes::worker.eq(&one.change.worker),
                    changes::cycle.eq(cycle),
                    changes::plan.eq(one.plan.to_string()),
                    changes::policy.eq(one.policy),
                    changes::body.eq(to_json(&one.change)?),
                    changes::endpoint.eq(&one.endpoint),
                    changes::token.eq(token),
                    changes::sent.eq(micros(one.at)),
                    changes::allowed.eq(written(&one.allowed)?),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(changes::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// Changes of these workers that were sent and have no outcome, each worker's oldest first.
pub fn unknown(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<Sent>> {
    if !has_any!(conn, changes, job) {
        return Ok(Vec::new());
    }
    let mut unknown = Vec::new();
    for page in workers.chunks(super::ROWS) {
        let rows: Vec<(String, String, String, i64, Option<String>, i64)> = changes::table
            .filter(changes::job.eq(job).and(changes::worker.eq_any(page)))
            .order((changes::sent, changes::plan, changes::id))
            .select((
                changes::body,
                changes::endpoint,
                changes::plan,
                changes::policy,
                changes::allowed,
                changes::sent,
            ))
            .load(conn)?;
        for (body, endpoint, plan, policy, allowed, at) in rows {
            unknown.push(Sent {
                change: from_json(&body)?,
                endpoint,
                plan: plan.parse().unwrap_or_default(),
                policy,
                allowed: read(allowed.as_deref())?,
                at: instant(at),
            });
        }
    }
    Ok(unknown)
}

/// Everything that was sent and has no outcome, oldest first, with what of it counts against allowances.
pub fn unanswered(conn: &mut Conn, job: &str) -> Result<Vec<(Change, Allowed)>> {
    let rows: Vec<(String, Option<String>)> = changes::table
        .filter(changes::job.eq(job))
        .order((changes::sent, changes::plan, changes::id))
        .select((changes::body, changes::allowed))
        .load(conn)?;
    rows.iter()
        .map(|(body, allowed)| Ok((from_json(body)?, read(allowed.as_deref())?)))
        .collect()
}

fn written(allowed: &Allowed) -> Result<Option<String>> {
    if allowed.is_empty() {
        return Ok(None);
    }
    let names: BTreeMap<String, &str> = allowed
        .iter()
        .map(|(action, id)| (action.to_string(), id.as_str()))
        .collect();
    to_json(&names).map(Some)
}

fn read(text: Option<&str>) -> Result<Allowed> {
    let names: BTreeMap<String, String> = text.map(from_json).transpose()?.unwrap_or_default();
    let known = names.into_iter();
    Ok(known
        .filter_map(|(name, id)| Some((Action::parse(&name)?, id)))
        .collect())
}

/// Takes the marks off: these changes have an outcome.
pub fn settle(conn: &mut Conn, ids: &[String]) -> Result<()> {
    for page in ids.chunks(super::ROWS) {
        diesel::delete(changes::table.filter(changes::id.eq_any(page))).execute(conn)?;
    }
    Ok(())
}

/// Nobody has answered for these until now.
pub fn leave(conn: &mut Conn, ids: &[&str], now: Timestamp) -> Result<()> {
    for page in ids.chunks(super::ROWS) {
        diesel::update(changes::table.filter(changes::id.eq_any(page)))
            .set(changes::sent.eq(micros(now)))
            .execute(conn)?;
    }
    Ok(())
}

/// Nobody has answered for anything that a job sent until now. In which order it was sent the plans tell, whose numbers go up.
pub fn leave_all(conn: &mut Conn, job: &str, now: Timestamp) -> Result<()> {
    diesel::update(changes::table.filter(changes::job.eq(job)))
        .set(changes::sent.eq(micros(now)))
        .execute(conn)?;
    Ok(())
}

/// Lets receipts go that are older than this.
pub fn expire_receipts(conn: &mut Conn, before: Timestamp) -> Result<()> {
    diesel::delete(receipts::table.filter(receipts::at.lt(micros(before)))).execute(conn)?;
    Ok(())
}

/// Which receipts are meant.
pub enum Of<'o> {
    Cycles(&'o [String]),
    Worker(&'o str),
}

/// What was done to the next so many people's accounts, in the order of their anchors from one on; each one's oldest first.
pub fn receipts(
    conn: &mut Conn,
    job: &str,
    of: &Of<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Vec<Receipt>)>> {
    let beyond = receipts::table
        .filter(receipts::job.eq(job).and(receipts::worker.gt(after)))
        .order(receipts::worker)
        .select(receipts::worker)
        .distinct()
        .limit(limit);
    let workers: Vec<String> = match of {
        Of::Cycles(cycles) => beyond.filter(receipts::cycle.eq_any(*cycles)).load(conn)?,
        Of::Worker(worker) => beyond.filter(receipts::worker.eq(*worker)).load(conn)?,
    };
    let mut rows: Vec<(String, String)> = Vec::new();
    for page in workers.chunks(super::ROWS) {
        let theirs = receipts::table
            .filter(receipts::job.eq(job).and(receipts::worker.eq_any(page)))
            .order((receipts::worker, receipts::at, receipts::id))
            .select((receipts::worker, receipts::body));
        rows.extend(match of {
            Of::Cycles(cycles) => theirs.filter(receipts::cycle.eq_any(*cycles)).load(conn)?,
            Of::Worker(_) => theirs.load(conn)?,
        });
    }
    let mut found: Vec<(String, Vec<Receipt>)> = Vec::with_capacity(workers.len());
    for (worker, body) in rows {
        let receipt = from_json(&body)?;
        match found.last_mut() {
            Some((last, receipts)) if *last == worker => receipts.push(receipt),
            _ => found.push((worker, vec![receipt])),
        }
    }
    Ok(found)
}

/// What was done to one worker's account, newest first, each with its cycle.
pub fn history(conn: &mut Conn, job: &str, worker: &str, limit: i64) -> Result<Vec<(String, Receipt)>> {
    let rows: Vec<(String, String)> = receipts::table
        .filter(receipts::job.eq(job).and(receipts::worker.eq(worker)))
        .order((receipts::at.desc(), receipts::id.desc()))
        .select((receipts::cycle, receipts::body))
        .limit(limit)
        .load(conn)?;
    rows.into_iter()
        .map(|(cycle, body)| Ok((cycle, from_json(&body)?)))
        .collect()
}

/// Whether anything was done.
pub fn any_receipt(conn: &mut Conn, job: &str, of: &Of<'_>) -> Result<bool> {
    let all = receipts::table
        .filter(receipts::job.eq(job))
        .select(receipts::id)
        .limit(1);
    let first: Option<String> = match of {
        Of::Cycles(cycles) => all.filter(receipts::cycle.eq_any(*cycles)).first(conn),
        Of::Worker(worker) => all.filter(receipts::worker.eq(*worker)).first(conn),
    }
    .optional()?;
    Ok(first.is_some())
}

/// Keeps what writes did, with the values before them: (worker, receipt).
pub fn keep_receipts(conn: &mut Conn, job: &str, cycle: &str, kept: &[(&str, &Receipt)]) -> Result<()> {
    for page in kept.chunks(super::ROWS) {
        let rows = page
            .iter()
            .map(|(worker, receipt)| {
                Ok((
                    receipts::id.eq(uuid::Uuid::now_v7().to_string()),
                    receipts::job.eq(job),
                    receipts::worker.eq(*worker),
                    receipts::cycle.eq(cycle),
                    receipts::body.eq(to_json(*receipt)?),
                    receipts::at.eq(micros(receipt.at)),
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        native!(conn, c => diesel::insert_into(receipts::table).values(&rows).execute(c))?;
    }
    Ok(())
}
