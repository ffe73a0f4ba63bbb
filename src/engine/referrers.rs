//! Whoever refers to somebody's account has a reason to be looked at again when it appears and when it goes.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Context, Runner, beside};
use crate::domain::mapping::Role;
use crate::domain::plan::{self, Moment};
use crate::error::Result;
use crate::store::links::Waits;
use crate::store::{Conn, links, reviews, workers};

/// Wakes those who wait for the accounts of workers that appeared, whichever job made them and whichever waits; and those of `pending`
/// whose reference has an account by now. The path is job, source and target; `bin`: the target has one.
pub fn wake(
    conn: &mut Conn,
    (job, source, target): (&str, &str, &str),
    bin: bool,
    appeared: &[&str],
    pending: &[Waits<'_>],
    now: Timestamp,
) -> Result<()> {
    let mut woken = links::waiting_for(conn, source, target, appeared)?;
    let wanted: Vec<&str> = pending.iter().map(|one| one.pending.to.as_str()).collect();
    let linked = links::of_workers(conn, source, target, &wanted)?.into_iter();
    let linked = linked.filter(|(_, link)| !link.is_in_bin(bin));
    let linked = linked.map(|(_, link)| link.worker);
    let found = reviews::accounts(conn, job, &wanted)?.into_iter();
    let there: BTreeSet<String> = found.map(|(worker, _)| worker).chain(linked).collect();
    let ready = pending.iter().filter(|one| there.contains(&one.pending.to));
    woken.extend(ready.map(|one| (job.to_string(), one.worker.to_string())));
    beside::wake(conn, &woken, now)
}

/// With an account go the references to it. That they wait for another one is seen when whoever refers is looked at: who
/// is not woken here is found at the next look at everybody.
pub async fn wake_left_behind(cx: &Context, deleted: BTreeSet<String>, now: Timestamp) {
    let runners = || cx.beside.iter().chain([&cx.runner]);
    let refers = |runner: &Arc<Runner>| runner.policy.mapping(Role::Reference).is_some();
    if deleted.is_empty() || !runners().any(refers) {
        return;
    }
    let woken = match left_behind(cx, runners().cloned().collect(), deleted, now).await {
        Ok(woken) => cx.store.write(move |conn| beside::wake(conn, &woken, now)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = woken {
        tracing::warn!(job = %cx.origin.job, %error, "whoever refers to a deleted account could not be found");
    }
}

/// Those who refer to one of these workers and have an account: (job, worker).
async fn left_behind(
    cx: &Context,
    runners: Vec<Arc<Runner>>,
    deleted: BTreeSet<String>,
    now: Timestamp,
) -> Result<Vec<(String, String)>> {
    let (source, target) = (cx.origin.source.clone(), cx.origin.target.clone());
    let moment = Moment {
        now,
        plan: Uuid::nil(),
    };
    cx.store
        .read(move |conn| {
            let anchors: Vec<&str> = deleted.iter().map(String::as_str).collect();
            let mut mentioning = workers::mentioning_any(conn, &source, &anchors)?;
            mentioning.retain(|worker| {
                let mut wanted = runners
                    .iter()
                    .flat_map(|runner| plan::references(&runner.policy, worker, &moment));
                wanted.any(|to| deleted.contains(&to))
            });
            let referrers: Vec<&str> = mentioning.iter().map(|worker| worker.anchor.as_str()).collect();
            let linked = links::of_workers(conn, &source, &target, &referrers)?;
            Ok(linked.into_iter().map(|(job, link)| (job, link.worker)).collect())
        })
        .await
}
