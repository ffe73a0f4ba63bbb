//! Forgetting one person (B33): what tables know by the worker's key is taken out of them or made a stub that still counts, and
//! where others' rows mention the person, what tells who it is.

mod accounts;
mod calls;
mod decided;
mod mentions;
mod packed;

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use diesel::dsl::{count_star, max};
use diesel::prelude::*;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::logs::Entry;
use super::schema::{
    asked, changes, departures, escrows, findings, forgotten, held, holds, jobs, links, logs, names,
    operations, pending_references, receipts, reviews, state_inputs, wakes, workers,
};
use super::{Conn, from_json, instant, listed, micros, native, plans, settings};
use crate::error::Result;
pub use accounts::{Left, left};
pub use calls::{callers, end_waiting};
pub use mentions::{Signs, blank, signs};

/// What stands where something of a forgotten person stood.
pub const FORGOTTEN: &str = "(forgotten)";

/// The code of an operation that was waiting when its person was forgotten.
pub const CODE: &str = "Forgotten";

/// How one system calls a person: the system and its anchor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    pub system: String,
    pub anchor: String,
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    pub records: i64,
    pub links: i64,
    /// Entries of the log that are stubs now.
    pub entries: i64,
    pub receipts: i64,
    pub operations: i64,
    /// Plans without the person now.
    pub plans: i64,
    pub names: i64,
    /// Rows about others in which the person was mentioned.
    pub mentions: i64,
}

impl Erased {
    pub fn and(self, more: Erased) -> Erased {
        Erased {
            records: self.records + more.records,
            links: self.links + more.links,
            entries: self.entries + more.entries,
            receipts: self.receipts + more.receipts,
            operations: self.operations + more.operations,
            plans: self.plans + more.plans,
            names: self.names + more.names,
            mentions: self.mentions + more.mentions,
        }
    }
}

/// A job that reads a system, and where it writes.
#[derive(Clone, Debug)]
pub struct Reader {
    pub job: String,
    pub target: String,
}

/// The jobs that read a system, whether the config still names them or not.
pub fn readers(conn: &mut Conn, system: &str) -> Result<Vec<Reader>> {
    let rows: Vec<(String, String)> = jobs::table
        .filter(jobs::source.eq(system))
        .order(jobs::id)
        .select((jobs::id, jobs::target))
        .load(conn)?;
    let reader = |(job, target)| Reader { job, target };
    Ok(rows.into_iter().map(reader).collect())
}

/// The systems in which anything is known by this anchor.
pub fn systems_knowing(conn: &mut Conn, anchor: &str) -> Result<BTreeSet<String>> {
    let mut systems: BTreeSet<String> = workers::table
        .filter(workers::anchor.eq(anchor))
        .select(workers::system)
        .load(conn)?
        .into_iter()
        .collect();
    let of_jobs = [
        links::table
            .filter(links::worker.eq(anchor))
            .select(links::job)
            .load::<String>(conn)?,
        logs::table
            .filter(logs::source.eq(anchor))
            .select(logs::job)
            .distinct()
            .load(conn)?,
    ];
    for job in of_jobs.concat() {
        let source: Option<String> = jobs::table
            .find(&job)
            .select(jobs::source)
            .first(conn)
            .optional()?;
        systems.extend(source);
    }
    let owned: Vec<String> = names::table
        .filter(names::owner.like(format!("%/{}", like(anchor))).escape('\\'))
        .select(names::owner)
        .load(conn)?;
    let owned = owned
        .iter()
        .filter_map(|owner| owner.strip_suffix(anchor)?.strip_suffix('/'));
    for system in owned {
        if !readers(conn, system)?.is_empty() {
            systems.insert(system.to_string());
        }
    }
    Ok(systems)
}

/// The person in one system, and in those where the accounts are known in their turn: what a directory says on the way
/// home to HR.
pub fn everywhere(conn: &mut Conn, first: &Known) -> Result<BTreeSet<Known>> {
    let mut all = BTreeSet::from([first.clone()]);
    let mut open = vec![first.clone()];
    while let Some(one) = open.pop() {
        for reader in readers(conn, &one.system)? {
            let account = account_of(conn, &reader.job, &one.anchor)?;
            let next = account.map(|anchor| Known {
                system: reader.target.clone(),
                anchor,
            });
            if let Some(next) = next
                && is_worker(conn, &next)?
                && all.insert(next.clone())
            {
                open.push(next);
            }
        }
    }
    Ok(all)
}

/// Other records of the same person, and other workers who have the same account: nothing of theirs is forgotten.
pub fn others(conn: &mut Conn, person: &BTreeSet<Known>) -> Result<BTreeSet<Known>> {
    let mut found = BTreeSet::new();
    for one in person {
        let key: Option<Option<String>> = workers::table
            .find((&one.system, &one.anchor))
            .select(workers::person)
            .first(conn)
            .optional()?;
        if let Some(Some(key)) = key {
            let kin = super::workers::of_persons(conn, &one.system, &[&key])?;
            if kin.len() <= super::workers::MOST_RECORDS {
                found.extend(kin.into_iter().map(|(_, anchor)| Known {
                    system: one.system.clone(),
                    anchor,
                }));
            }
        }
        for reader in readers(conn, &one.system)? {
            let Some(account) = account_of(conn, &reader.job, &one.anchor)? else {
                continue;
            };
            found.extend(accounts::holders(conn, &reader.target, &account)?);
        }
    }
    Ok(found.difference(person).cloned().collect())
}

fn account_of(conn: &mut Conn, job: &str, worker: &str) -> Result<Option<String>> {
    Ok(links::table
        .find((job, worker))
        .select(links::account)
        .first(conn)
        .optional()?)
}

fn is_worker(conn: &mut Conn, known: &Known) -> Result<bool> {
    let found: Option<String> = workers::table
        .find((&known.system, &known.anchor))
        .select(workers::anchor)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}

/// Erases a person as one system calls it. Operations that wait end as `stub` says; the leases of all jobs that read the
/// system are the caller's.
pub fn erase(
    conn: &mut Conn,
    one: &Known,
    stub: impl Fn(&str, &str) -> Option<Entry>,
    now: Timestamp,
) -> Result<Erased> {
    let key = key(conn)?;
    let pseudonym = pseudonym(&key, one);
    let anchor = one.anchor.as_str();
    let mut erased = Erased::default();
    for Reader { job, target } in readers(conn, &one.system)? {
        let job = job.as_str();
        let account = account_of(conn, job, anchor)?;
        decided::forget(conn, job, anchor, account.as_deref())?;
        forget_given(conn, one, (job, &target), account.as_deref())?;
        if let Some(account) = account {
            diesel::delete(asked::table.filter(asked::system.eq(&target).and(asked::anchor.eq(&account))))
                .execute(conn)?;
        }
        macro_rules! delete {
            ($table:ident) => {
                delete!($table, worker)
            };
            ($table:ident, $column:ident) => {
                diesel::delete($table::table.filter($table::job.eq(job).and($table::$column.eq(anchor))))
                    .execute(conn)?
            };
        }
        erased.operations += end_operations(conn, job, anchor, &pseudonym, &stub)?;
        erased.entries += make_stubs(conn, job, anchor, &pseudonym)?;
        erased.links += rows(delete!(links));
        erased.receipts += rows(delete!(receipts));
        delete!(changes);
        delete!(wakes, anchor);
        delete!(pending_references);
        super::owners::end(conn, job, &[anchor])?;
        delete!(escrows);
        delete!(held);
        delete!(holds);
        delete!(findings);
        delete!(state_inputs);
        delete!(reviews);
        super::handovers::forget(conn, job, std::slice::from_ref(&one.anchor))?;
        // How many left, and how fast they were out, is counted still.
        diesel::update(departures::table.filter(departures::job.eq(job).and(departures::worker.eq(anchor))))
            .set(departures::worker.eq(&pseudonym))
            .execute(conn)?;
        // The lease is ours: whatever lies there was left by a cycle that died.
        listed::clear(conn, job)?;
        calls::erase(conn, job, anchor, now)?;
        erased.plans += rows(plans::forget(conn, job, anchor)?);
    }
    erased.names += bury_names(conn, one, now)?;
    erased.records += rows(diesel::delete(workers::table.find((&one.system, anchor))).execute(conn)?);
    Ok(erased)
}

fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What was acknowledged is answered for (B5), by an entry that says no more than that.
fn end_operations(
    conn: &mut Conn,
    job: &str,
    anchor: &str,
    pseudonym: &str,
    stub: &impl Fn(&str, &str) -> Option<Entry>,
) -> Result<i64> {
    let ended =
        diesel::delete(operations::table.filter(operations::job.eq(job).and(operations::anchor.eq(anchor))))
            .execute(conn)?;
    let entries: Vec<Entry> = (0..ended).filter_map(|_| stub(job, pseudonym)).collect();
    super::logs::append(conn, &entries)?;
    Ok(rows(ended))
}

/// Entries keep what was done when, how it ended and by which rule, and forget to whom and with what.
fn make_stubs(conn: &mut Conn, job: &str, anchor: &str, pseudonym: &str) -> Result<i64> {
    let entries: Vec<(String, String)> = logs::table
        .filter(logs::job.eq(job).and(logs::source.eq(anchor)))
        .select((logs::id, logs::body))
        .load(conn)?;
    for (id, body) in &entries {
        let mut body: Json = from_json(body)?;
        strip(&mut body, pseudonym);
        diesel::update(logs::table.find(id))
            .set((logs::source.eq(pseudonym), logs::body.eq(body.to_string())))
            .execute(conn)?;
    }
    Ok(rows(entries.len()))
}

fn strip(entry: &mut Json, pseudonym: &str) {
    for (identity, id) in [("sourceIdentity", pseudonym), ("targetIdentity", FORGOTTEN)] {
        if let Some(identity) = entry[identity].as_object_mut() {
            identity.insert("id".into(), json!(id));
            identity.insert("displayName".into(), json!(FORGOTTEN));
            identity.insert("details".into(), json!({}));
        }
    }
    entry["provisioningSteps"] = json!([]);
    entry["modifiedProperties"] = json!([]);
    if let Some(information) = entry["provisioningStatusInfo"]["errorInformation"].as_object_mut() {
        information.insert("reason".into(), json!(FORGOTTEN));
        information.insert("additionalDetails".into(), Json::Null);
    }
}

/// What the person's accounts have from HR: the one that is linked, and those that were written before and are nobody's now.
fn forget_given(
    conn: &mut Conn,
    one: &Known,
    (job, target): (&str, &str),
    account: Option<&str>,
) -> Result<()> {
    let mut theirs: BTreeSet<String> = account.map(str::to_string).into_iter().collect();
    let written = super::changes::history(conn, job, &one.anchor, i64::MAX)?;
    for (_, receipt) in written {
        let holders = accounts::holders(conn, target, &receipt.account.0)?;
        if holders.iter().all(|holder| holder == one) {
            theirs.insert(receipt.account.0);
        }
    }
    let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
    super::given::forget(conn, target, &theirs)
}

/// Names stay taken, so that nobody is given one whose mail may still come in; what they are is not kept.
fn bury_names(conn: &mut Conn, one: &Known, now: Timestamp) -> Result<i64> {
    let owner = format!("{}/{}", one.system, one.anchor);
    Ok(rows(super::names::bury(conn, &owner, now)?))
}

/// Keeps that somebody was forgotten.
pub fn keep_stub(conn: &mut Conn, system: &str, author: &str, entries: i64, now: Timestamp) -> Result<()> {
    let row = (
        forgotten::id.eq(uuid::Uuid::now_v7().to_string()),
        forgotten::system.eq(system),
        forgotten::at.eq(micros(now)),
        forgotten::author.eq(author),
        forgotten::entries.eq(entries),
    );
    native!(conn, c => diesel::insert_into(forgotten::table).values(row).execute(c))?;
    Ok(())
}

/// How many people of a system were forgotten, and when the last one was.
pub fn count(conn: &mut Conn, system: &str) -> Result<(i64, Option<Timestamp>)> {
    let (count, last): (i64, Option<i64>) = forgotten::table
        .filter(forgotten::system.eq(system))
        .select((count_star(), max(forgotten::at)))
        .first(conn)?;
    Ok((count, last.map(instant)))
}

/// The key by which what was forgotten is told apart without being known; the database's own, made when it is first needed.
pub fn key(conn: &mut Conn) -> Result<hmac::Key> {
    let fresh = uuid::Uuid::new_v4().simple().to_string() + &uuid::Uuid::new_v4().simple().to_string();
    let key = settings::keep_first(conn, KEY, &fresh)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
}

/// The same where it is only looked for: `None` while nobody has been forgotten.
pub fn known_key(conn: &mut Conn) -> Result<Option<hmac::Key>> {
    let key = settings::find(conn, KEY)?;
    Ok(key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())))
}

const KEY: &str = "forgetting_key";

/// A text that stands for another: the same each time, and nobody reads out of it what the other was.
pub fn blinded(key: &hmac::Key, text: &str) -> String {
    let tag = hmac::sign(key, text.as_bytes());
    tag.as_ref()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn pseudonym(key: &hmac::Key, one: &Known) -> String {
    format!(
        "forgotten-{}",
        blinded(key, &format!("{}/{}", one.system, one.anchor))
    )
}

/// A text as a pattern of LIKE has it.
fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
