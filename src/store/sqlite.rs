//! One thread writes to SQLite. It takes what waits, runs each unit as a nested transaction of one commit, and
//! answers only when that commit is on disk.

use std::thread::JoinHandle;

use diesel::{Connection, RunQueryDsl};
use tokio::sync::{mpsc, oneshot};

use super::Conn;
use crate::error::{Error, Result};

/// FULL, because an upload that was acknowledged must survive a power cut.
pub const PRAGMAS: &[&str] = &[
    // First, for the next one already may have to wait.
    "PRAGMA busy_timeout = 10000",
    "PRAGMA page_size = 8192",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -4000",
];

/// Units that share one commit at most.
const BATCH: usize = 256;

/// Units that may wait before callers have to.
const QUEUE: usize = 1024;

/// Runs inside the transaction; what it gives back is called when the commit's fate is known.
type Unit = Box<dyn FnOnce(&mut Conn) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Option<&Error>) + Send>;

pub struct Writer {
    units: mpsc::Sender<Unit>,
    _thread: JoinHandle<()>,
}

impl Writer {
    pub fn start(connection: Conn) -> Result<Writer> {
        let (units, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write_all(connection, waiting))
            .map_err(|error| Error::internal("the writer's thread does not start").because(error))?;
        Ok(Writer {
            units,
            _thread: thread,
        })
    }

    pub async fn run<T: Send + 'static>(
        &self,
        unit: impl Fn(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, outcome) = oneshot::channel();
        let unit: Unit = Box::new(move |conn| {
            let result = conn.transaction(|conn| unit(conn));
            Box::new(move |failed| {
                let result = match failed {
                    // A unit's own error is its own; one that went well shares the commit's fate.
                    Some(error) if result.is_ok() => Err(Error::unavailable(format!(
                        "the database could not commit: {error}"
                    ))),
                    _ => result,
                };
                // Whoever asked may have gone; the work is done all the same.
                let _ = answer.send(result);
            })
        });
        let gone = || Error::unavailable("the database's writer has stopped");
        self.units.send(unit).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

fn write_all(mut connection: Conn, mut waiting: mpsc::Receiver<Unit>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
        let mut replies = Vec::with_capacity(batch.len());
        let committed = connection.transaction(|conn| {
            // Takes the write lock up front: a transaction that reads first would fail if another process wrote.
            diesel::sql_query("DELETE FROM settings WHERE name = ''").execute(conn)?;
            replies.extend(batch.drain(..).map(|unit| unit(conn)));
            Ok::<(), Error>(())
        });
        let failed = committed.err();
        if let Some(error) = &failed {
            tracing::error!(%error, "the database could not commit");
        }
        for reply in replies {
            reply(failed.as_ref());
        }
        // Units that never ran drop their answers, which tells their callers.
        batch.clear();
    }
}
