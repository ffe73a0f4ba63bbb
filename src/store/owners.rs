//! Whose an account is among the jobs that write a system (B8): one row for each account, and one for each value by which an
//! account will be found that is being made. The primary key decides between two who come at once.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{changes, links, owners};
use super::{Conn, instant, micros, native};
use crate::domain::account::Anchor;
use crate::error::Result;

/// What somebody may own: an account, or a value by which one that is being made will be found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Empty for an account.
    pub attribute: String,
    /// Its anchor, or the value in lower case.
    pub value: String,
}

impl Key {
    pub fn account(anchor: &Anchor) -> Key {
        Key {
            attribute: String::new(),
            value: anchor.0.clone(),
        }
    }

    pub fn value(attribute: &str, value: &str) -> Key {
        Key {
            attribute: attribute.to_string(),
            value: value.to_lowercase(),
        }
    }
}

/// Who owns something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub key: Key,
    pub job: String,
    pub worker: String,
    /// The job is linked to the account, or is about to make or write it. Nobody minds a row that is left over.
    pub stands: bool,
    /// A change that it sent has no outcome.
    pub writes: bool,
    /// Since when it is so; of a value, when the account was made that is found by it.
    pub since: Timestamp,
}

/// What a job means to own, and for which worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub key: Key,
    pub worker: String,
    /// The job that owned it and does not any more.
    pub instead_of: Option<String>,
    /// Not while that one is writing the account.
    pub waits: bool,
}

type Row = (String, String, String, String, i64);

fn rows(conn: &mut Conn, target: &str, keys: &[Key]) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    let mut by_attribute: HashMap<&str, Vec<&str>> = HashMap::new();
    for key in keys {
        by_attribute.entry(&key.attribute).or_default().push(&key.value);
    }
    for (attribute, values) in by_attribute {
        for page in values.chunks(super::ROWS) {
            found.extend(
                owners::table
                    .filter(owners::target.eq(target).and(owners::attribute.eq(attribute)))
                    .filter(owners::value.eq_any(page))
                    .select((
                        owners::attribute,
                        owners::value,
                        owners::job,
                        owners::worker,
                        owners::since,
                    ))
                    .load::<Row>(conn)?,
            );
        }
    }
    Ok(found)
}

/// Who owns these, asked by a job that knows of its own.
pub fn of(conn: &mut Conn, target: &str, asks: &str, keys: &[Key]) -> Result<Vec<Owner>> {
    let rows = rows(conn, target, keys)?;
    let mut by_job: HashMap<&str, Vec<&Row>> = HashMap::new();
    for row in rows.iter().filter(|row| row.2 != asks) {
        by_job.entry(&row.2).or_default().push(row);
    }
    let (mut standing, mut writing) = (HashSet::new(), HashSet::new());
    for (job, rows) in by_job {
        let workers: Vec<&str> = rows.iter().map(|(_, _, _, worker, _)| worker.as_str()).collect();
        let linked = linked_of(conn, job, &rows)?;
        let sent = writing_of(conn, job, &workers)?;
        standing.extend(linked.into_iter().map(|worker| (job, worker)));
        writing.extend(sent.into_iter().map(|worker| (job, worker)));
    }
    let owner = |(attribute, value, job, worker, since): &Row| {
        let who = (job.as_str(), worker.clone());
        let writes = writing.contains(&who);
        Owner {
            key: Key {
                attribute: attribute.clone(),
                value: value.clone(),
            },
            job: job.clone(),
            worker: worker.clone(),
            stands: job == asks || writes || standing.contains(&who),
            writes,
            since: instant(*since),
        }
    };
    Ok(rows.iter().map(owner).collect())
}

/// The workers of a job behind whose rows there is a link to the account.
fn linked_of(conn: &mut Conn, job: &str, rows: &[&Row]) -> Result<HashSet<String>> {
    let mut found = HashSet::new();
    for page in rows.chunks(super::ROWS) {
        let accounts: Vec<&str> = page
            .iter()
            .filter(|(attribute, ..)| attribute.is_empty())
            .map(|(_, value, ..)| value.as_str())
            .collect();
        let linked: Vec<String> = links::table
            .filter(links::job.eq(job).and(links::account.eq_any(accounts)))
            .select(links::account)
            .load(conn)?;
        let linked: HashSet<String> = linked.into_iter().collect();
        let owners = page
            .iter()
            .filter(|(attribute, value, ..)| attribute.is_empty() && linked.contains(value));
        found.extend(owners.map(|(_, _, _, worker, _)| worker.clone()));
    }
    Ok(found)
}

/// The workers of a job of whom a change was sent that has no outcome.
fn writing_of(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<HashSet<String>> {
    let mut found = HashSet::new();
    for page in workers.chunks(super::ROWS) {
        let sent: Vec<String> = changes::table
            .filter(changes::job.eq(job).and(changes::worker.eq_any(page)))
            .select(changes::worker)
            .load(conn)?;
        found.extend(sent);
    }
    Ok(found)
}

/// Takes what is nobody's, or what the named job leaves; answers what is somebody else's. Whoever shares the target with
/// others locks it first (`systems::lock`).
pub fn claim(
    conn: &mut Conn,
    target: &str,
    job: &str,
    claims: &[Claim],
    now: Timestamp,
) -> Result<HashSet<Key>> {
    let keys: Vec<Key> = claims.iter().map(|claim| claim.key.clone()).collect();
    let mut known: HashMap<Key, (String, String)> = HashMap::new();
    for (attribute, value, job, worker, _) in rows(conn, target, &keys)? {
        known.insert(Key { attribute, value }, (job, worker));
    }
    let mut lost = HashSet::new();
    let mut new = Vec::new();
    for claim in claims {
        match known.get(&claim.key) {
            None => new.push(claim),
            Some((owner, worker)) if owner == job && *worker == claim.worker => {}
            Some((owner, _)) if owner == job => give(conn, target, job, claim, now)?,
            Some((owner, worker)) if claim.instead_of.as_ref() == Some(owner) => {
                match claim.waits && !writing_of(conn, owner, &[worker])?.is_empty() {
                    true => drop(lost.insert(claim.key.clone())),
                    false => give(conn, target, job, claim, now)?,
                }
            }
            Some(_) => drop(lost.insert(claim.key.clone())),
        }
    }
    for page in new.chunks(super::ROWS) {
        let rows: Vec<_> = page
            .iter()
            .map(|claim| {
                (
                    owners::target.eq(target),
                    owners::attribute.eq(&claim.key.attribute),
                    owners::value.eq(&claim.key.value),
                    owners::job.eq(job),
                    owners::worker.eq(&claim.worker),
                    owners::since.eq(micros(now)),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(owners::table).values(&rows).on_conflict_do_nothing().execute(c))?;
    }
    Ok(lost)
}

/// Gives to a job what was another's: it made the account itself.
pub fn take(conn: &mut Conn, target: &str, job: &str, claims: &[Claim], now: Timestamp) -> Result<()> {
    let lost = claim(conn, target, job, claims, now)?;
    for claim in claims.iter().filter(|claim| lost.contains(&claim.key)) {
        give(conn, target, job, claim, now)?;
    }
    Ok(())
}

fn give(conn: &mut Conn, target: &str, job: &str, claim: &Claim, now: Timestamp) -> Result<()> {
    diesel::update(owners::table.find((target, &claim.key.attribute, &claim.key.value)))
        .set((
            owners::job.eq(job),
            owners::worker.eq(&claim.worker),
            owners::since.eq(micros(now)),
        ))
        .execute(conn)?;
    Ok(())
}

/// These workers' accounts are made, at this moment: whoever looked for them before may not have seen them.
pub fn finish(conn: &mut Conn, job: &str, workers: &[&str], now: Timestamp) -> Result<()> {
    for page in workers.chunks(super::ROWS) {
        let these = owners::table.filter(owners::job.eq(job).and(owners::worker.eq_any(page)));
        diesel::update(these.filter(owners::attribute.ne("")))
            .set(owners::since.eq(micros(now)))
            .execute(conn)?;
    }
    Ok(())
}

/// Forgets by what accounts are found that were made before; not where nobody knows yet what came of it.
pub fn expire(conn: &mut Conn, before: Timestamp) -> Result<()> {
    let sent: Vec<String> = changes::table.select(changes::worker).load(conn)?;
    let made = owners::table
        .filter(owners::attribute.gt(""))
        .filter(owners::since.lt(micros(before)))
        .filter(owners::worker.ne_all(sent));
    diesel::delete(made).execute(conn)?;
    Ok(())
}

/// A worker's account is not the job's any more; what one that may be on its way will be found by is.
pub fn let_go(conn: &mut Conn, job: &str, worker: &str) -> Result<()> {
    let theirs = owners::table.filter(owners::job.eq(job).and(owners::worker.eq(worker)));
    diesel::delete(theirs.filter(owners::attribute.eq(""))).execute(conn)?;
    Ok(())
}

/// These workers have nothing to do with any account any more.
pub fn end(conn: &mut Conn, job: &str, workers: &[&str]) -> Result<()> {
    for page in workers.chunks(super::ROWS) {
        let these = owners::table.filter(owners::job.eq(job).and(owners::worker.eq_any(page)));
        diesel::delete(these).execute(conn)?;
    }
    Ok(())
}

/// A job owns nothing any more.
pub fn clear(conn: &mut Conn, job: &str) -> Result<()> {
    diesel::delete(owners::table.filter(owners::job.eq(job))).execute(conn)?;
    Ok(())
}

/// Since when a job owns these accounts: (anchor, since).
pub fn since(
    conn: &mut Conn,
    target: &str,
    job: &str,
    accounts: &[Anchor],
) -> Result<Vec<(Anchor, Timestamp)>> {
    let keys: Vec<Key> = accounts.iter().map(Key::account).collect();
    let rows = rows(conn, target, &keys)?.into_iter();
    let own = rows.filter(|(_, _, owner, ..)| owner == job);
    Ok(own
        .map(|(_, anchor, _, _, since)| (Anchor(anchor), instant(since)))
        .collect())
}
