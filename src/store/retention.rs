//! What is known about leavers beside their records, when those shrink (B33).

use std::collections::BTreeSet;

use diesel::prelude::*;
use jiff::Timestamp;

use super::forgetting::{Reader, readers};
use super::schema::{
    changes, escrows, findings, given, held, holds, links, operations, pending_references, reviews,
    state_inputs, wakes,
};
use super::{Conn, micros};
use crate::domain::review::Standing;
use crate::error::Result;

/// Those of these workers of whom something is to be done still, in whichever job: the account is enabled, something waits or was
/// never answered for, or people decided about the account or are to.
pub fn unfinished(
    conn: &mut Conn,
    system: &str,
    anchors: &[String],
    now: Timestamp,
) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for Reader { job, .. } in readers(conn, system)? {
        let enabled = links::table
            .filter(links::job.eq(&job).and(links::worker.eq_any(anchors)))
            .filter(links::enabled.eq(true))
            .select(links::worker);
        found.extend(enabled.load::<String>(conn)?);
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
