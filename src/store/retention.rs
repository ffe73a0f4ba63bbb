//! What is known about leavers beside their records, when those shrink (B33).

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use jiff::Timestamp;

use super::findings::Weight;
use super::forgetting::{Reader, readers};
use super::schema::{
    changes, escrows, findings, given, held, holds, links, operations, pending_references, reviews,
    state_inputs, wakes,
};
use super::{Conn, micros};
use crate::domain::link::GONE;
use crate::domain::review::Standing;
use crate::error::Result;

/// Leavers of a system whose time has come.
#[derive(Clone, Debug, Default)]
pub struct Leavers {
    pub anchors: Vec<String>,
    /// Those of them of whom HR said that they are gone (B15).
    pub gone: BTreeSet<String>,
    /// The jobs that delete accounts for that.
    pub deleting: BTreeSet<String>,
}

/// Those of these workers of whom something is to be done still, in whichever job: the account is enabled or to be deleted, nobody
/// knows which it is, something waits or was never answered for, or people decided about the account or are to.
pub fn unfinished(
    conn: &mut Conn,
    system: &str,
    leavers: &Leavers,
    now: Timestamp,
) -> Result<BTreeSet<String>> {
    let anchors = &leavers.anchors;
    let mut found = BTreeSet::new();
    for Reader { job, .. } in readers(conn, system)? {
        found.extend(open_accounts(conn, &job, leavers)?);
        let kept_back = held::table
            .filter(held::job.eq(&job).and(held::worker.eq_any(anchors)))
            .select(held::worker);
        found.extend(kept_back.load::<String>(conn)?);
        let woken = wakes::table
            .filter(wakes::job.eq(&job).and(wakes::anchor.eq_any(anchors)))
            .filter(wakes::due.le(micros(now)))
            .select(wakes::anchor);
        found.extend(woken.load::<String>(conn)?);
        let waiting = operations::table
            .filter(operations::job.eq(&job).and(operations::anchor.eq_any(anchors)))
            .select(operations::anchor);
        found.extend(waiting.load::<String>(conn)?);
        let sent = changes::table
            .filter(changes::job.eq(&job).and(changes::worker.eq_any(anchors)))
            .select(changes::worker);
        found.extend(sent.load::<String>(conn)?);
        let decided = holds::table
            .filter(holds::job.eq(&job).and(holds::worker.eq_any(anchors)))
            .select(holds::worker);
        found.extend(decided.load::<String>(conn)?);
        let held = holds::table.filter(holds::job.eq(&job)).select(holds::account);
        let of_held = links::table
            .filter(links::job.eq(&job).and(links::worker.eq_any(anchors)))
            .filter(links::account.nullable().eq_any(held))
            .select(links::worker);
        found.extend(of_held.load::<String>(conn)?);
        let unread = reviews::table
            .filter(reviews::job.eq(&job).and(reviews::worker.eq_any(anchors)))
            .filter(reviews::standing.ne(Standing::Done.name()))
            .select(reviews::worker);
        found.extend(unread.load::<String>(conn)?);
    }
    Ok(found)
}

/// Leavers who may have an account that is open, or that is there and is to be deleted.
fn open_accounts(conn: &mut Conn, job: &str, leavers: &Leavers) -> Result<Vec<String>> {
    let anchors = &leavers.anchors;
    let linked: BTreeMap<String, Option<bool>> = links::table
        .filter(links::job.eq(job).and(links::worker.eq_any(anchors)))
        .select((links::worker, links::enabled))
        .load::<(String, Option<bool>)>(conn)?
        .into_iter()
        .collect();
    let refused = escrows::table
        .filter(escrows::job.eq(job).and(escrows::worker.eq_any(anchors)))
        .select((escrows::worker, escrows::code));
    let failing = findings::table
        .filter(findings::job.eq(job).and(findings::worker.eq_any(anchors)))
        .filter(findings::weight.eq(Weight::Failure.name()))
        .select((findings::worker, findings::code));
    let mut failures = refused.load::<(String, String)>(conn)?;
    failures.extend(failing.load::<(String, String)>(conn)?);
    let fails = |anchor: &String| failures.iter().any(|(worker, _)| worker == anchor);
    let is_lost = |anchor: &String| {
        failures
            .iter()
            .any(|(worker, code)| worker == anchor && code == GONE)
    };
    let deletes = leavers.deleting.contains(job);
    let is_open = |anchor: &&String| match linked.get(*anchor) {
        // Whoever has no link may have an account all the same, if that is what failed.
        None => fails(anchor),
        Some(Some(true)) => true,
        Some(Some(false)) => deletes && leavers.gone.contains(*anchor) && !is_lost(anchor),
        // It lies in the bin.
        Some(None) => false,
    };
    Ok(anchors.iter().filter(is_open).cloned().collect())
}

/// Lets go of what only mattered while something was to be done: the link stays, and nothing else.
pub fn settle(conn: &mut Conn, system: &str, anchors: &[String]) -> Result<()> {
    for Reader { job, target } in readers(conn, system)? {
        macro_rules! delete {
            ($table:ident, $column:ident) => {
                diesel::delete(
                    $table::table.filter($table::job.eq(&job).and($table::$column.eq_any(anchors))),
                )
                .execute(conn)?
            };
        }
        delete!(wakes, anchor);
        delete!(escrows, worker);
        delete!(held, worker);
        delete!(findings, worker);
        delete!(state_inputs, worker);
        delete!(reviews, worker);
        delete!(pending_references, worker);
        super::handovers::forget(conn, &job, anchors)?;
        let accounts: Vec<String> = links::table
            .filter(links::job.eq(&job).and(links::worker.eq_any(anchors)))
            .select(links::account)
            .load(conn)?;
        diesel::delete(given::table.filter(given::system.eq(target).and(given::anchor.eq_any(accounts))))
            .execute(conn)?;
    }
    Ok(())
}
