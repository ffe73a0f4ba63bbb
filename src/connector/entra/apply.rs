//! Writing changes: twenty at a time, each effect on the condition that the user still is as the plan saw it, each
//! change with exactly one outcome.

use futures::stream::{self, BoxStream, StreamExt};

use super::graph::{BATCH, Fate, WIDTH};
use super::target::EntraSession;
use super::writing::Writing;
use crate::connector::{Lookup, MayStart, Outcome, Session, overtaken};
use crate::domain::plan::{Change, ChangeId, Effect};
use crate::error::{Kind, Result};

/// Changes travel in groups that fill a batch; whoever has to be disabled goes first (B13).
pub(super) fn apply(
    session: &EntraSession,
    mut changes: Vec<Change>,
    may_start: MayStart,
) -> BoxStream<'_, (ChangeId, Outcome)> {
    changes.sort_by_key(|change| !change.effects.iter().any(ends_access));
    let groups: Vec<Vec<Change>> = changes.chunks(BATCH).map(<[Change]>::to_vec).collect();
    stream::iter(groups)
        .map(move |changes| carry_out(session, changes, may_start.clone()))
        .buffer_unordered(WIDTH)
        .flat_map(stream::iter)
        .boxed()
}

fn ends_access(effect: &Effect) -> bool {
    matches!(effect, Effect::Disable | Effect::Delete)
}

async fn carry_out(
    session: &EntraSession,
    changes: Vec<Change>,
    may_start: MayStart,
) -> Vec<(ChangeId, Outcome)> {
    let mut group: Vec<Writing> = changes.into_iter().map(Writing::new).collect();
    if may_start() {
        check(session, &mut group).await;
        while let Some(open) = next_step(&mut group) {
            write(session, &mut group, &open, &may_start).await;
        }
    } else {
        group.iter_mut().for_each(|writing| writing.refuse(overtaken()));
    }
    let endpoint = &session.endpoint().0;
    group
        .into_iter()
        .map(|writing| writing.outcome(endpoint))
        .collect()
}

/// Everybody of the group who has something left to be written.
fn next_step(group: &mut [Writing]) -> Option<Vec<usize>> {
    let open: Vec<usize> = (0..group.len()).filter(|at| group[*at].is_open()).collect();
    (!open.is_empty()).then_some(open)
}

/// Reads the accounts as they are now. A change whose account is not what the plan saw is refused as stale (B27); Graph
/// has no conditional writes, so what happens between this and the write cannot be seen.
async fn check(session: &EntraSession, group: &mut [Writing]) {
    let known: Vec<usize> = (0..group.len())
        .filter(|at| group[*at].account().is_some())
        .collect();
    let lookups: Vec<Lookup> = known
        .iter()
        .filter_map(|at| group[*at].account().cloned())
        .map(Lookup::Anchor)
        .collect();
    if lookups.is_empty() {
        return;
    }
    let recent = &session.shared.recent;
    match session.find(&lookups).await {
        Ok(found) => {
            for (at, found) in known.into_iter().zip(found) {
                group[at].meet(found.into_iter().next(), recent);
            }
        }
        Err(error) if error.kind == Kind::Unavailable => {
            known.into_iter().for_each(|at| group[at].refuse(error.shared()));
        }
        // It may be about one of them; the others are not held up by it.
        Err(_) => {
            for (at, lookup) in known.into_iter().zip(lookups) {
                match session.find(&[lookup]).await {
                    Ok(mut found) => {
                        let account = found.pop().and_then(|found| found.into_iter().next());
                        group[at].meet(account, recent);
                    }
                    Err(error) => group[at].refuse(error),
                }
            }
        }
    }
}

/// One write for each of the open ones, in one batch.
async fn write(session: &EntraSession, group: &mut [Writing], open: &[usize], may_start: &MayStart) {
    let mut sent = Vec::with_capacity(open.len());
    let mut parts = Vec::with_capacity(open.len());
    for at in open {
        match group[*at].part(session) {
            Ok(part) => {
                sent.push(*at);
                parts.push(part);
            }
            Err(error) => group[*at].refused_unsent(error),
        }
    }
    if parts.is_empty() {
        return;
    }
    if let Err(error) = clear_to_send(session, parts.len(), may_start).await {
        return sent.into_iter().for_each(|at| group[at].refuse(error.shared()));
    }
    let graph = &session.shared.graph;
    for (at, fate) in sent.into_iter().zip(graph.batch(parts).await) {
        match fate {
            Fate::Answered(reply) if reply.is_busy() => {
                graph.pace.refused(reply.retry_after);
                group[at].busy(&reply);
            }
            Fate::Answered(reply) => group[at].answered(&reply, &session.shared.recent),
            Fate::Unsent(error) => group[at].refuse(error),
            Fate::Lost(error) => group[at].lost(error),
        }
    }
}

/// Waits until the tenant allows so many writes. Error: they may not be sent, now.
async fn clear_to_send(session: &EntraSession, writes: usize, may_start: &MayStart) -> Result<()> {
    let graph = &session.shared.graph;
    graph.pace.writes(writes).await?;
    graph.ready().await?;
    match may_start() {
        true => Ok(()),
        false => Err(overtaken()),
    }
}
