//! Uploads become workers: the statements in them are laid over what HR said before, in the order in which HR
//! said it (B1, B2).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Context;
use super::log;
use crate::connector::bulk::{self, Refused};
use crate::domain::keeping::Reads;
use crate::domain::worker::{Statement, Worker};
use crate::error::{Error, Kind, Result};
use crate::store::uploads::{self, Fold, Place, Upload};
use crate::store::workers::{self, Stored};
use crate::store::{Conn, instant, jobs, logs};

/// Operations and bytes taken into one fold.
const OPERATIONS: i32 = 1000;
const BYTES: i64 = 32 << 20;

/// An upload as read: what each of its operations says, or why it says nothing.
struct Read {
    sequence: i64,
    operations: i32,
    received: i64,
    statements: Vec<Result<Statement, Refused>>,
}

/// Folds the oldest uploads; answers how many operations that were.
pub async fn fold(cx: &Context) -> Result<i64> {
    let system = cx.origin.source.clone();
    let waiting = cx
        .store
        .read(move |conn| uploads::oldest(conn, &system, OPERATIONS, BYTES))
        .await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    // Asked for after the uploads: whoever uploads what a schema has come to read finds it kept, in however long a cycle (B33).
    let reads = Arc::new(cx.engine.reads(&cx.origin.source).await?);
    let read = move || waiting.into_iter().map(read).collect::<Vec<_>>();
    let uploads = cx.store.blocking().run("reading uploads", read).await?;
    match keep(cx, &uploads, &reads).await {
        Err(error) if is_about_the_data(&error) => one_by_one(cx, uploads, &reads).await,
        outcome => outcome,
    }
}

/// Something in one of them cannot be stored: the others go on, and that one's operations are said to have failed.
async fn one_by_one(cx: &Context, uploads: Vec<Read>, reads: &Arc<Reads>) -> Result<i64> {
    let mut folded = 0;
    for mut upload in uploads {
        folded += match keep(cx, std::slice::from_ref(&upload), reads).await {
            Err(error) if is_about_the_data(&error) => {
                tracing::error!(sequence = upload.sequence, %error, "an upload could not be folded");
                let refused = || Refused {
                    code: "InvalidData",
                    message: format!("the upload could not be stored: {error}"),
                };
                upload.statements = upload.statements.iter().map(|_| Err(refused())).collect();
                keep(cx, std::slice::from_ref(&upload), reads).await?
            }
            outcome => outcome?,
        };
    }
    Ok(folded)
}

fn is_about_the_data(error: &Error) -> bool {
    !log::is_passing(error) && error.kind != Kind::Stale
}

fn read(upload: Upload) -> Read {
    let statements = bulk::statements(&upload.body, instant(upload.received)).unwrap_or_else(|error| {
        // It was read once, before it was acknowledged: say so and go on, rather than stand still for ever.
        let refused = Refused {
            code: "InvalidData",
            message: error.message,
        };
        (0..upload.operations).map(|_| Err(refused.clone())).collect()
    });
    Read {
        sequence: upload.sequence,
        operations: upload.operations,
        received: upload.received,
        statements,
    }
}

/// Everything happens in one transaction: the workers, their wakes, a pending operation for each job that reads
/// them, and the end of the uploads.
async fn keep(cx: &Context, uploads: &[Read], reads: &Arc<Reads>) -> Result<i64> {
    let now = cx.clock.now();
    let mut spoken: Vec<(Place, Statement)> = Vec::new();
    let mut refused = Vec::new();
    for upload in uploads {
        for (position, statement) in (0i32..).zip(&upload.statements) {
            match statement {
                Err(reason) => {
                    refused.extend(
                        cx.readers
                            .iter()
                            .map(|reader| log::unreadable(reader, reason, now)),
                    );
                }
                Ok(statement) => {
                    let anchor = statement.anchor.clone();
                    let place = Place {
                        sequence: upload.sequence,
                        position,
                        anchor,
                        received: upload.received,
                    };
                    spoken.push((place, statement.clone()));
                }
            }
        }
    }
    let sequences: Vec<i64> = uploads.iter().map(|upload| upload.sequence).collect();
    let operations = uploads.iter().map(|upload| i64::from(upload.operations)).sum();
    let system = cx.origin.source.clone();
    let readers: Vec<String> = cx.readers.iter().map(|reader| reader.job.clone()).collect();
    let (job, token, reads) = (cx.origin.job.clone(), cx.token, Arc::clone(reads));
    cx.store
        .write(move |conn| {
            jobs::fence(conn, &job, token)?;
            let workers = lay_over(conn, &system, &spoken, &reads, now)?;
            let fold = Fold {
                sequences: sequences.clone(),
                operations,
                workers,
                places: spoken.iter().map(|(place, _)| place.clone()).collect(),
                readers: readers.clone(),
            };
            uploads::fold(conn, &system, &fold, now)?;
            logs::append(conn, &refused)?;
            Ok(operations)
        })
        .await
}

/// The workers as they are now. Of what was said, what somebody reads is kept (B33).
fn lay_over(
    conn: &mut Conn,
    system: &str,
    spoken: &[(Place, Statement)],
    reads: &Reads,
    now: Timestamp,
) -> Result<Vec<Stored>> {
    let mut anchors: Vec<&str> = spoken.iter().map(|(place, _)| place.anchor.as_str()).collect();
    anchors.sort_unstable();
    anchors.dedup();
    let known = workers::load(conn, system, &anchors)?;
    let mut known: BTreeMap<String, Worker> = known
        .into_iter()
        .map(|worker| (worker.anchor.clone(), worker))
        .collect();
    let worked: BTreeMap<String, bool> = known
        .iter()
        .map(|(anchor, worker)| (anchor.clone(), worker.works(now)))
        .collect();
    for (place, statement) in spoken {
        known
            .entry(place.anchor.clone())
            .or_insert_with(|| Worker::new(place.anchor.clone()))
            .fold_from(statement.clone(), Some(place.sequence));
    }
    let stored = known.into_values().map(|mut worker| {
        let moves = worker.moves(worked.get(&worker.anchor).copied(), now);
        worker.keep_only(reads);
        Ok(Stored::new(worker)?.moving(moves))
    });
    stored.collect()
}
