//! Uploads become workers: the statements in them are laid over what HR said before, in the order in which HR
//! said it (B1, B2).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::log::{self, Origin};
use crate::connector::bulk;
use crate::domain::worker::Worker;
use crate::error::Result;
use crate::store::jobs;
use crate::store::uploads::{self, Fold, Place, Upload};
use crate::store::workers::{self, Stored};
use crate::store::{Conn, Store, instant, logs};

/// Operations taken into one fold.
const OPERATIONS: i32 = 1000;

/// Folds the oldest uploads; answers how many operations that were. Everything happens in one transaction:
/// the workers, their wakes, a pending operation for each job that reads them, and the end of the uploads.
pub async fn fold(store: &Store, origin: &Origin, job: &str, token: i64, now: Timestamp) -> Result<i64> {
    let system = origin.source.clone();
    let waiting = store
        .read(move |conn| uploads::oldest(conn, &system, OPERATIONS))
        .await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let (origin, job) = (origin.clone(), job.to_string());
    store
        .write(move |conn| fold_in(conn, &waiting, &origin, &job, token, now))
        .await
}

fn fold_in(
    conn: &mut Conn,
    waiting: &[Upload],
    origin: &Origin,
    job: &str,
    token: i64,
    now: Timestamp,
) -> Result<i64> {
    jobs::fence(conn, job, token)?;
    let mut spoken = Vec::new();
    let mut refused = Vec::new();
    for upload in waiting {
        let read = bulk::statements(&upload.body, instant(upload.received)).unwrap_or_else(|error| {
            // It was read once, before it was acknowledged: say so and go on, rather than stand still for ever.
            vec![Err(bulk::Refused {
                code: "InvalidData",
                message: error.message,
            })]
        });
        for (position, statement) in (0i32..).zip(read) {
            match statement {
                Ok(statement) => spoken.push((upload.sequence, position, upload.received, statement)),
                Err(reason) => refused.push(log::unreadable(origin, &reason, now)),
            }
        }
    }
    let anchors: Vec<&str> = spoken
        .iter()
        .map(|(.., statement)| statement.anchor.as_str())
        .collect();
    let mut known: BTreeMap<String, Worker> = workers::load(conn, &origin.source, &anchors)?
        .into_iter()
        .map(|worker| (worker.anchor.clone(), worker))
        .collect();
    let mut places = Vec::with_capacity(spoken.len());
    for (sequence, position, received, statement) in spoken {
        places.push(Place {
            sequence,
            position,
            anchor: statement.anchor.clone(),
            received,
        });
        known
            .entry(statement.anchor.clone())
            .or_insert_with(|| Worker::new(statement.anchor.clone()))
            .fold(statement);
    }
    let operations: i64 = waiting.iter().map(|upload| i64::from(upload.operations)).sum();
    let fold = Fold {
        sequences: waiting.iter().map(|upload| upload.sequence).collect(),
        operations,
        workers: known.into_values().map(Stored::new).collect::<Result<Vec<_>>>()?,
        places,
    };
    uploads::fold(conn, &origin.source, &fold, now)?;
    logs::append(conn, &refused)?;
    Ok(operations)
}
