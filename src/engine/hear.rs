//! What a pulled page says, laid over what was known: who is not as last said is kept and woken (B1), who is out of sight is
//! said to be (B4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Context, log};
use crate::domain::worker::{Statement, Worker};
use crate::error::{Error, Kind, Result};
use crate::store::workers::{self, Stored};
use crate::store::{Conn, jobs, logs, pulls};

/// What statements are part of.
#[derive(Clone, Copy, Debug)]
pub enum Heard {
    /// A read of everybody that began then: it marks whom it shows.
    InFull(Timestamp),
    /// A read of what is new, or the answer to a question about some workers.
    AsNews,
}

/// Keeps what is news; answers for how many workers it is.
pub async fn hear(cx: &Context, statements: Vec<Statement>, heard: Heard) -> Result<u64> {
    let statements: Arc<[Statement]> = statements.into();
    match hear_all(cx, Arc::clone(&statements), heard).await {
        Err(error) if is_about_the_data(&error) => {
            let mut changed = 0;
            for statement in &*statements {
                changed += hear_one(cx, statement, heard).await?;
            }
            Ok(changed)
        }
        outcome => outcome,
    }
}

/// Says of workers who were asked for and did not show that they are out of sight; answers of how many that is new.
pub async fn hide(cx: &Context, hidden: Vec<String>) -> Result<u64> {
    let (system, now) = (cx.origin.source.clone(), cx.clock.now());
    let known = cx
        .store
        .read(move |conn| {
            let anchors: Vec<&str> = hidden.iter().map(String::as_str).collect();
            workers::load(conn, &system, &anchors)
        })
        .await?;
    let news = known.into_iter().filter(|worker| worker.hidden.is_none());
    let news = news.map(|mut worker| {
        worker.hidden = Some(now);
        Stored::new(worker)
    });
    let mut changed = News::default();
    for one in news {
        changed.add(one?, None);
    }
    let count = changed.workers.len() as u64;
    keep(cx, changed, |_| Ok(())).await?;
    Ok(count)
}

fn is_about_the_data(error: &Error) -> bool {
    !log::is_passing(error) && error.kind != Kind::Stale
}

/// What cannot be stored is that worker's failure and nobody else's.
async fn hear_one(cx: &Context, statement: &Statement, heard: Heard) -> Result<u64> {
    match hear_all(cx, [statement.clone()].into(), heard).await {
        Err(error) if is_about_the_data(&error) => {
            let now = cx.clock.now();
            let reason = format!("the record could not be stored: {error}");
            let entry = |origin| log::unplanned(origin, &statement.anchor, "InvalidData", &reason, now);
            let entries: Vec<_> = cx.readers.iter().map(entry).collect();
            let (job, token) = (cx.origin.job.clone(), cx.token);
            let write = move |conn: &mut Conn| {
                jobs::fence(conn, &job, token)?;
                logs::append(conn, &entries)
            };
            cx.store.write(write).await?;
            Ok(0)
        }
        outcome => outcome,
    }
}

async fn hear_all(cx: &Context, statements: Arc<[Statement]>, heard: Heard) -> Result<u64> {
    let system = cx.origin.source.clone();
    let known = {
        let (system, statements) = (system.clone(), Arc::clone(&statements));
        let load = move |conn: &mut Conn| workers::load(conn, &system, &anchors(&statements));
        cx.store.read(load).await?
    };
    let changed = {
        let statements = Arc::clone(&statements);
        let now = cx.clock.now();
        let fold = move || news(known, &statements, now);
        cx.store.blocking().run("folding a page", fold).await??
    };
    let count = changed.workers.len() as u64;
    keep(cx, changed, move |conn| match heard {
        Heard::InFull(read) => workers::mark_seen(conn, &system, &anchors(&statements), read),
        Heard::AsNews => Ok(()),
    })
    .await?;
    Ok(count)
}

fn anchors(statements: &[Statement]) -> Vec<&str> {
    statements
        .iter()
        .map(|statement| statement.anchor.as_str())
        .collect()
}

/// Workers who are not as last said.
#[derive(Default)]
struct News {
    workers: Vec<Stored>,
    /// Who they are and were.
    persons: BTreeSet<String>,
}

impl News {
    fn add(&mut self, after: Stored, before: Option<&Worker>) {
        let was = before.and_then(|worker| worker.employment.as_ref()?.person.clone());
        self.persons.extend(was);
        self.persons.extend(after.person().map(str::to_string));
        self.workers.push(after);
    }
}

fn news(known: Vec<Worker>, statements: &[Statement], now: Timestamp) -> Result<News> {
    let mut known: BTreeMap<String, Worker> = known
        .into_iter()
        .map(|worker| (worker.anchor.clone(), worker))
        .collect();
    let mut said: BTreeMap<&str, Worker> = BTreeMap::new();
    for statement in statements {
        let anchor = statement.anchor.as_str();
        said.entry(anchor)
            .or_insert_with(|| known.get(anchor).cloned().unwrap_or_else(|| Worker::new(anchor)))
            .fold(statement.clone());
    }
    let mut changed = News::default();
    for (anchor, after) in said {
        let before = known.remove(anchor);
        // Of whom nobody has heard, it is no news that he is gone.
        let is_news = match &before {
            // That somebody who left has left is none either (B33).
            Some(before) if before.shrunk.is_some() && after.has_left(now) => {
                after.gone.is_some() && before.gone.is_none()
            }
            Some(before) => *before != after,
            None => after.gone.is_none(),
        };
        if is_news {
            let worked = before.as_ref().map(|before| before.works(now));
            let moves = after.moves(worked, now);
            changed.add(Stored::new(after)?.moving(moves), before.as_ref());
        }
    }
    Ok(changed)
}

/// Writes workers as whoever reads the system, wakes their jobs, and does something more in the same commit.
async fn keep(
    cx: &Context,
    changed: News,
    more: impl Fn(&mut Conn) -> Result<()> + Send + 'static,
) -> Result<()> {
    let (system, job, token) = (cx.origin.source.clone(), cx.origin.job.clone(), cx.token);
    let readers: Vec<String> = cx.readers.iter().map(|reader| reader.job.clone()).collect();
    let now = cx.clock.now();
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            pulls::fence(conn, &system, (&job, token))?;
            let persons: Vec<&str> = changed.persons.iter().map(String::as_str).collect();
            workers::hear(conn, &system, &changed.workers, &persons, &readers, now)?;
            more(conn)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::worker::Said;

    #[test]
    fn who_was_never_heard_of_cannot_go() {
        let gone = [Statement {
            anchor: "1".into(),
            active: None,
            said: Said::Gone,
            at: Timestamp::UNIX_EPOCH,
        }];
        let now = Timestamp::UNIX_EPOCH;
        assert!(news(Vec::new(), &gone, now).unwrap().workers.is_empty());
        assert_eq!(news(vec![Worker::new("1")], &gone, now).unwrap().workers.len(), 1);
    }
}
