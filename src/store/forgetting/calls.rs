//! Callbacks (B30) about a person who is forgotten: those that were joined with the record, and those that wait still and only
//! name the person.

use std::collections::BTreeSet;

use diesel::prelude::*;
use jiff::Timestamp;

use super::mentions::Signs;
use super::{CODE, Known, key, pseudonym, readers, rows};
use crate::error::Result;
use crate::store::Conn;
use crate::store::callbacks::{self, Item, Status, Verdict};
use crate::store::logs::{self, Entry};
use crate::store::schema::{callback_items, jobs};

/// The jobs that look people up, for callbacks that wait, where the person may have an account: before they have done so nobody
/// knows that it is the person's.
pub fn callers(conn: &mut Conn, person: &BTreeSet<Known>) -> Result<BTreeSet<String>> {
    let mut directories = BTreeSet::new();
    for one in person {
        let readers = readers(conn, &one.system)?;
        directories.extend(readers.into_iter().map(|reader| reader.target));
        directories.insert(one.system.clone());
    }
    let jobs: Vec<String> = callback_items::table
        .inner_join(jobs::table.on(jobs::id.eq(callback_items::job)))
        .filter(jobs::source.eq_any(directories))
        .filter(callback_items::said.is_not_null())
        .select(callback_items::job)
        .distinct()
        .load(conn)?;
    Ok(jobs.into_iter().collect())
}

/// Ends callbacks that wait and name the person, or say what is the person's alone: what they say was said before. Each has an
/// entry as `stub` says. Answers how many those were; the leases of the `callers` are the caller's.
pub fn end_waiting(
    conn: &mut Conn,
    person: &BTreeSet<Known>,
    signs: &Signs,
    stub: impl Fn(&str, &str) -> Option<Entry>,
    now: Timestamp,
) -> Result<i64> {
    let Some(first) = person.first() else { return Ok(0) };
    let key = key(conn)?;
    let pseudonym = pseudonym(&key, first);
    let mut count = 0;
    for job in callers(conn, person)? {
        let mut items = callbacks::unheard(conn, &job)?;
        items.retain(|item| is_about(item, signs));
        end(conn, &job, &items, now)?;
        let entries: Vec<Entry> = items.iter().filter_map(|_| stub(&job, &pseudonym)).collect();
        logs::append(conn, &entries)?;
        count += rows(items.len());
    }
    Ok(count)
}

fn is_about(item: &Item, signs: &Signs) -> bool {
    let who = item.who.worker.iter().chain(&item.who.principal);
    let said = item.said.iter().flat_map(|said| said.values());
    who.into_iter().any(|name| signs.call(name)) || said.into_iter().any(|value| signs.are(value))
}

/// Items whose person this is; those that are open end.
pub(super) fn erase(conn: &mut Conn, job: &str, anchor: &str, now: Timestamp) -> Result<()> {
    let items = callbacks::about(conn, job, anchor)?;
    end(conn, job, &items, now)
}

fn end(conn: &mut Conn, job: &str, items: &[Item], now: Timestamp) -> Result<()> {
    callbacks::lock(conn, job)?;
    let verdict = || Verdict {
        status: Status::Skipped,
        code: Some(CODE.into()),
        message: None,
        event: None,
    };
    let open = items.iter().filter(|item| !item.verdict.status.is_outcome());
    let open: Vec<_> = open.map(|item| (item, verdict())).collect();
    callbacks::settle(conn, job, &open, now)?;
    callbacks::blank(conn, job, items)
}
