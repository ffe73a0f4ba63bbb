//! Same-run writeback (B30): whom another job has just written into a directory is read back from there, without waiting for
//! the next read, so that what the directory says of them goes home to HR at once. Values are never guessed.

use std::collections::HashSet;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::hear::{self, Heard};
use super::pull::{self, Puller};
use crate::connector::Cursor;
use crate::domain::worker::Statement;
use crate::error::Result;
use crate::store::asked::{self, Asked};
use crate::store::jobs;

/// Accounts read back together.
const TOGETHER: i64 = 500;

/// When those are asked for again whom the directory does not show yet, or who could not be asked for.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);
/// The same where another job reads the directory meanwhile.
const BUSY: SignedDuration = SignedDuration::from_secs(2);
/// After which nobody waits for them any more: the next read shows them, or nobody will.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// Reads back whoever is due; answers how many came.
pub async fn read_back(cx: &Context) -> Result<u64> {
    let (Some(puller), true) = (&cx.runner.puller, cx.runner.hr.is_some()) else {
        return Ok(0);
    };
    let (system, now) = (cx.origin.source.clone(), cx.clock.now());
    let due = cx
        .store
        .read(move |conn| asked::due(conn, &system, now, TOGETHER))
        .await?;
    if due.is_empty() {
        return Ok(0);
    }
    if !pull::lend(cx).await? {
        settle(cx, Vec::new(), due, BUSY).await?;
        return Ok(0);
    }
    let outcome = ask(cx, puller, due).await;
    pull::give_back(cx).await?;
    outcome
}

async fn ask(cx: &Context, puller: &Puller, due: Vec<Asked>) -> Result<u64> {
    let now = cx.clock.now();
    let anchors = due.iter().map(|one| one.anchor.clone()).collect();
    let statements = match read(cx, puller, anchors).await {
        Ok(statements) => statements,
        Err(error) => {
            tracing::warn!(system = %cx.origin.source, code = %error.code, %error, "what was written could not be read back and is asked for again");
            let (over, again) = due.into_iter().partition(|one| is_old(one, now));
            settle(cx, over, again, AGAIN).await?;
            return Ok(0);
        }
    };
    let shown: HashSet<String> = statements
        .iter()
        .map(|statement| statement.anchor.clone())
        .collect();
    let count = statements.len() as u64;
    hear::hear(cx, statements, Heard::AsNews).await?;
    let is_over = |one: &Asked| shown.contains(&one.anchor) || is_old(one, now);
    let (read, unread) = due.into_iter().partition(is_over);
    settle(cx, read, unread, AGAIN).await?;
    Ok(count)
}

/// What the source says of these people.
pub(super) async fn read(cx: &Context, puller: &Puller, anchors: Vec<String>) -> Result<Vec<Statement>> {
    let source = puller.source(&cx.store).await?;
    let mut pages = source.read(Cursor::Workers(anchors));
    let mut statements = Vec::new();
    while let Some(page) = pages.next().await {
        statements.extend(page?.statements);
    }
    Ok(statements)
}

fn is_old(one: &Asked, now: Timestamp) -> bool {
    now.duration_since(one.since) > PATIENCE
}

async fn settle(cx: &Context, read: Vec<Asked>, unread: Vec<Asked>, wait: SignedDuration) -> Result<()> {
    let (system, job, token, now) = (
        cx.origin.source.clone(),
        cx.origin.job.clone(),
        cx.token,
        cx.clock.now(),
    );
    let again = now.saturating_add(wait).unwrap_or(now);
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            asked::answered(conn, &system, &read)?;
            asked::put_off(conn, &system, &unread, again)
        })
        .await
}
