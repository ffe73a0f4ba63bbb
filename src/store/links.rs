//! Which account is whose, by job, and the references that wait for an account to appear.

use std::collections::HashMap;

use diesel::dsl;
use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{jobs, links, pending_references};
use super::{Conn, from_json, handovers, has_any, instant, micros, native, owners, to_json};
use crate::domain::account::Anchor;
use crate::domain::link::Link;
use crate::domain::plan::Pending;
use crate::error::{Error, Kind, Result};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = links, treat_none_as_default_value = false)]
struct Row {
    job: String,
    worker: String,
    account: String,
    generation: i64,
    made: bool,
    wanted: Option<bool>,
    disabled_by_us: bool,
    disabled_at: Option<i64>,
    enabled: Option<bool>,
    waiting: Option<String>,
}

impl TryFrom<Row> for Link {
    type Error = Error;

    fn try_from(row: Row) -> Result<Link> {
        Ok(Link {
            worker: row.worker,
            account: Anchor(row.account),
            generation: row.generation,
            made: row.made,
            wanted: row.wanted,
            disabled_by_us: row.disabled_by_us,
            disabled_at: row.disabled_at.map(instant),
            enabled: row.enabled,
            waiting: row.waiting.as_deref().map(from_json).transpose()?,
        })
    }
}

pub fn by_workers(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<Vec<Link>> {
    let mut found = Vec::new();
    for page in workers.chunks(super::ROWS) {
        let rows: Vec<Row> = links::table
            .filter(links::job.eq(job).and(links::worker.eq_any(page)))
            .select(Row::as_select())
            .load(conn)?;
        for row in rows {
            found.push(Link::try_from(row)?);
        }
    }
    Ok(found)
}

/// The links of these workers in all jobs that take them from one system to another, with the job of each: the oldest job's
/// first.
pub fn of_workers(
    conn: &mut Conn,
    source: &str,
    target: &str,
    workers: &[&str],
) -> Result<Vec<(String, Link)>> {
    let mut found = Vec::new();
    for page in workers.chunks(super::ROWS) {
        let rows: Vec<Row> = links::table
            .inner_join(jobs::table.on(jobs::id.eq(links::job)))
            .filter(jobs::source.eq(source).and(jobs::target.eq(target)))
            .filter(links::worker.eq_any(page))
            .order((jobs::created, jobs::id))
            .select(Row::as_select())
            .load(conn)?;
        for row in rows {
            found.push((row.job.clone(), Link::try_from(row)?));
        }
    }
    Ok(found)
}

/// The links of these jobs to these accounts, with the job of each.
pub fn sharing(conn: &mut Conn, jobs: &[&str], accounts: &[&str]) -> Result<Vec<(String, Link)>> {
    let mut found = Vec::new();
    for page in accounts.chunks(super::ROWS) {
        let rows: Vec<Row> = links::table
            .filter(links::job.eq_any(jobs).and(links::account.eq_any(page)))
            .order((links::account, links::job))
            .select(Row::as_select())
            .load(conn)?;
        for row in rows {
            found.push((row.job.clone(), Link::try_from(row)?));
        }
    }
    Ok(found)
}

/// Whose these accounts are within a job: (account, worker).
pub fn owners(conn: &mut Conn, job: &str, accounts: &[&str]) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for page in accounts.chunks(super::ROWS) {
        let rows: Vec<(String, String)> = links::table
            .filter(links::job.eq(job).and(links::account.eq_any(page)))
            .select((links::account, links::worker))
            .load(conn)?;
        found.extend(rows);
    }
    Ok(found)
}

/// Enabled linked accounts (the guard's N), and whether the job made every one it is linked to (B16).
pub fn population(conn: &mut Conn, job: &str) -> Result<(u64, bool)> {
    let enabled: i64 = links::table
        .filter(links::job.eq(job).and(links::enabled.eq(true)))
        .count()
        .get_result(conn)?;
    let found: Option<String> = links::table
        .filter(links::job.eq(job).and(links::made.eq(false)))
        .select(links::worker)
        .first(conn)
        .optional()?;
    Ok((enabled.unsigned_abs(), found.is_none()))
}

pub fn count(conn: &mut Conn, job: &str) -> Result<i64> {
    Ok(links::table.filter(links::job.eq(job)).count().get_result(conn)?)
}

/// Remembers new links. An account that is already somebody's is refused whole.
pub fn insert(conn: &mut Conn, job: &str, new: &[Link]) -> Result<()> {
    for page in new.chunks(super::ROWS) {
        let rows: Vec<Row> = page
            .iter()
            .map(|link| {
                Ok(Row {
                    job: job.to_string(),
                    worker: link.worker.clone(),
                    account: link.account.0.clone(),
                    generation: link.generation,
                    made: link.made,
                    wanted: link.wanted,
                    disabled_by_us: link.disabled_by_us,
                    disabled_at: link.disabled_at.map(micros),
                    enabled: link.enabled,
                    waiting: link.waiting.as_ref().map(to_json).transpose()?,
                })
            })
            .collect::<Result<_>>()?;
        native!(conn, c => diesel::insert_into(links::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// Moves a link on by compare-and-set: `link` holds the new values and the generation they were planned from.
pub fn advance(conn: &mut Conn, job: &str, link: &Link) -> Result<()> {
    let moved = diesel::update(links::table.find((job, &link.worker)))
        .filter(links::generation.eq(link.generation))
        .set((
            links::generation.eq(link.generation + 1),
            links::made.eq(link.made),
            links::wanted.eq(link.wanted),
            links::disabled_by_us.eq(link.disabled_by_us),
            links::disabled_at.eq(link.disabled_at.map(micros)),
            links::enabled.eq(link.enabled),
            links::waiting.eq(link.waiting.as_ref().map(to_json).transpose()?),
        ))
        .execute(conn)?;
    match moved {
        0 => Err(Error::new(Kind::Stale, "the link was changed by somebody else")),
        _ => Ok(()),
    }
}

/// Tells the other jobs that write a system which accounts one of them enabled, disabled, deleted or restored: (account, whether
/// it is enabled). What they once did to such an account was not the last that was done to it, and
/// says nothing any more; nor does what the same HR wanted of it before its word was carried out here (B11). It was turned
/// at `since` or later: whoever has recorded a disable after that may have done it later still.
pub fn tell_others(
    conn: &mut Conn,
    target: &str,
    job: &str,
    states: &[(&Anchor, Option<bool>)],
    since: Timestamp,
) -> Result<()> {
    if states.is_empty() {
        return Ok(());
    }
    let Others { all, kin } = others(conn, target, job)?;
    if all.is_empty() {
        return Ok(());
    }
    for enabled in [Some(true), Some(false), None] {
        let accounts = states.iter().filter(|(_, state)| *state == enabled);
        let accounts: Vec<&str> = accounts.map(|(account, _)| account.0.as_str()).collect();
        for page in accounts.chunks(super::ROWS) {
            let these = || links::table.filter(links::account.eq_any(page));
            // What is deleted is, whenever somebody disabled it.
            let since = enabled.map_or(Timestamp::MAX, |_| since);
            if enabled.is_some() {
                let same = these().filter(links::job.eq_any(&kin).and(no_disable_since(since)));
                diesel::update(same)
                    .set(links::wanted.eq(enabled))
                    .execute(conn)?;
            }
            diesel::update(these().filter(links::job.eq_any(&all).and(no_disable_since(since))))
                .set((links::enabled.eq(enabled), links::disabled_by_us.eq(false)))
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Tells the other jobs which accounts were found open: (account, since when it was looked for). What they did to one before says
/// nothing any more; what they disabled or deleted since was done to it afterwards.
pub fn tell_open(conn: &mut Conn, target: &str, job: &str, found: &[&(Anchor, Timestamp)]) -> Result<()> {
    let Some(searched) = found.iter().map(|(_, searched)| *searched).min() else {
        return Ok(());
    };
    let all = others(conn, target, job)?.all;
    let accounts: Vec<&str> = found.iter().map(|(account, _)| account.0.as_str()).collect();
    for page in accounts.chunks(super::ROWS) {
        let theirs = links::table.filter(links::job.eq_any(&all).and(links::account.eq_any(page)));
        let there = theirs.filter(links::enabled.is_not_null());
        diesel::update(there.filter(no_disable_since(searched)))
            .set((links::enabled.eq(true), links::disabled_by_us.eq(false)))
            .execute(conn)?;
    }
    Ok(())
}

/// Accounts that a job made and found disabled before anything had answered for that: where another job has had one open since,
/// somebody else disabled it (B11).
pub fn made_shut(conn: &mut Conn, target: &str, job: &str, accounts: &[&str]) -> Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    let all = others(conn, target, job)?.all;
    for page in accounts.chunks(super::ROWS) {
        let theirs = links::table.filter(links::job.eq_any(&all).and(links::account.eq_any(page)));
        let opened = theirs.filter(links::wanted.eq(true)).select(links::account);
        let opened: Vec<String> = opened.load(conn)?;
        diesel::update(links::table.filter(links::job.eq(job).and(links::account.eq_any(&opened))))
            .set(links::disabled_by_us.eq(false))
            .execute(conn)?;
    }
    Ok(())
}

/// Links whose job has disabled nothing since then.
fn no_disable_since(
    since: Timestamp,
) -> dsl::Or<dsl::IsNull<links::disabled_at>, dsl::Lt<links::disabled_at, i64>> {
    let is_older = links::disabled_at.lt(micros(since));
    links::disabled_at.is_null().or(is_older)
}

/// The other jobs that write a system.
struct Others {
    all: Vec<String>,
    /// Those of them that read the same source.
    kin: Vec<String>,
}

fn others(conn: &mut Conn, target: &str, job: &str) -> Result<Others> {
    let jobs = jobs::table.filter(jobs::target.eq(target));
    let jobs: Vec<(String, String)> = jobs.select((jobs::id, jobs::source)).load(conn)?;
    let source = jobs.iter().find(|(id, _)| id == job).map(|(_, source)| source);
    let others = || jobs.iter().filter(|(id, _)| id != job);
    let kin = others().filter(|(_, other)| Some(other) == source);
    let kin = kin.map(|(id, _)| id.clone()).collect();
    let all = others().map(|(id, _)| id.clone()).collect();
    Ok(Others { all, kin })
}

/// Takes a link from its worker, as it was when the plan was made.
pub fn take_over(conn: &mut Conn, job: &str, from: &str, generation: i64) -> Result<()> {
    let taken = diesel::delete(links::table.find((job, from)))
        .filter(links::generation.eq(generation))
        .execute(conn)?;
    match taken {
        0 => Err(Error::new(Kind::Stale, "the link was changed by somebody else")),
        _ => Ok(()),
    }
}

/// Ends a link, that the job owned the account, and what was on its way for its password: the worker's next account is another.
pub fn delete(conn: &mut Conn, job: &str, worker: &str) -> Result<()> {
    owners::let_go(conn, job, worker)?;
    handovers::forget(conn, job, &[worker.to_string()])?;
    diesel::delete(links::table.find((job, worker))).execute(conn)?;
    Ok(())
}

/// Forgets every link of a job: the next cycle matches everybody anew. What it owned is nobody's until then.
pub fn clear(conn: &mut Conn, job: &str) -> Result<()> {
    owners::clear(conn, job)?;
    diesel::delete(links::table.filter(links::job.eq(job))).execute(conn)?;
    Ok(())
}

/// Replaces what these workers' references are waiting for; what waited before keeps its age, and when the log told of it.
pub fn wait_for(
    conn: &mut Conn,
    job: &str,
    workers: &[&str],
    pending: &[Waits<'_>],
    now: Timestamp,
) -> Result<()> {
    let mut before: HashMap<(String, String, String), (i64, i64)> = HashMap::new();
    for page in workers.chunks(super::ROWS) {
        let these = || {
            pending_references::table.filter(
                pending_references::job
                    .eq(job)
                    .and(pending_references::worker.eq_any(page)),
            )
        };
        let rows: Vec<(String, String, String, i64, i64)> = these()
            .select((
                pending_references::worker,
                pending_references::attribute,
                pending_references::refers_to,
                pending_references::since,
                pending_references::told,
            ))
            .load(conn)?;
        if rows.is_empty() {
            continue;
        }
        let rows = rows.into_iter();
        before.extend(
            rows.map(|(worker, attribute, to, since, told)| ((worker, attribute, to), (since, told))),
        );
        diesel::delete(these()).execute(conn)?;
    }
    for page in pending.chunks(super::ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|one| {
                let Pending { attribute, to, .. } = one.pending;
                let key = (one.worker.to_string(), attribute.clone(), to.clone());
                let (since, told) = before.get(&key).copied().unwrap_or((micros(now), 0));
                (
                    pending_references::job.eq(job),
                    pending_references::worker.eq(one.worker),
                    pending_references::attribute.eq(attribute),
                    pending_references::refers_to.eq(to),
                    pending_references::since.eq(since),
                    pending_references::told.eq(if one.is_told { micros(now) } else { told }),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(pending_references::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// A worker's reference that waits.
pub struct Waits<'w> {
    pub worker: &'w str,
    pub pending: &'w Pending,
    /// The log tells of it just now.
    pub is_told: bool,
}

/// When the log told last of what these workers wait for: (worker, when first of several).
pub fn told(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<HashMap<String, Timestamp>> {
    if !has_any!(conn, pending_references, job) {
        return Ok(HashMap::new());
    }
    let mut found: HashMap<String, Timestamp> = HashMap::new();
    for page in workers.chunks(super::ROWS) {
        let rows: Vec<(String, i64)> = pending_references::table
            .filter(
                pending_references::job
                    .eq(job)
                    .and(pending_references::worker.eq_any(page)),
            )
            .select((pending_references::worker, pending_references::told))
            .load(conn)?;
        for (worker, told) in rows {
            let told = instant(told);
            let first = found.entry(worker).or_insert(told);
            *first = told.min(*first);
        }
    }
    Ok(found)
}

/// Who waits for any of these workers to get an account, in all jobs that take them from one system to another: (job, worker).
pub fn waiting_for(
    conn: &mut Conn,
    source: &str,
    target: &str,
    workers: &[&str],
) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for page in workers.chunks(super::ROWS) {
        let rows: Vec<(String, String)> = pending_references::table
            .inner_join(jobs::table.on(jobs::id.eq(pending_references::job)))
            .filter(jobs::source.eq(source).and(jobs::target.eq(target)))
            .filter(pending_references::refers_to.eq_any(page))
            .select((pending_references::job, pending_references::worker))
            .load(conn)?;
        found.extend(rows);
    }
    found.sort();
    found.dedup();
    Ok(found)
}
