//! One thread writes to SQLite. It takes what waits, runs each unit as a nested transaction of one commit, and
//! answers only when that commit is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use diesel::connection::TransactionManager;
use diesel::{Connection, RunQueryDsl};
use tokio::sync::{mpsc, oneshot};

use super::{Conn, FULL, store_full};
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
    // What is deleted is overwritten (B33).
    "PRAGMA secure_delete = ON",
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
    /// A unit of the batch in hand found no room.
    full: Arc<AtomicBool>,
    _thread: JoinHandle<()>,
}

impl Writer {
    /// `connect` opens the same database once more: SQLite ends a transaction that finds no room, and the connection with it.
    pub fn start(connection: Conn, connect: impl Fn() -> Result<Conn> + Send + 'static) -> Result<Writer> {
        let (units, waiting) = mpsc::channel(QUEUE);
        let full = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&full);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write_all(connection, connect, waiting, &told))
            .map_err(|error| Error::internal("the writer's thread does not start").because(error))?;
        Ok(Writer {
            units,
            full,
            _thread: thread,
        })
    }

    pub async fn run<T: Send + 'static>(
        &self,
        unit: impl Fn(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, outcome) = oneshot::channel();
        let full = Arc::clone(&self.full);
        let unit: Unit = Box::new(move |conn| {
            let result = conn.transaction(|conn| {
                // What comes of it is not told from here: SQLite has ended the transaction already.
                unit(conn).inspect_err(|error| {
                    full.fetch_or(error.code == FULL, Ordering::Relaxed);
                })
            });
            Box::new(move |failed| {
                let result = match failed {
                    // Nobody's unit is kept where there was no room.
                    Some(error) if error.code == FULL => Err(error.shared()),
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

fn write_all(
    mut connection: Conn,
    connect: impl Fn() -> Result<Conn>,
    mut waiting: mpsc::Receiver<Unit>,
    full: &AtomicBool,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
        let mut replies = Vec::with_capacity(batch.len());
        let committed = connection.transaction(|conn| {
            // Takes the write lock up front: a transaction that reads first would fail if another process wrote.
            diesel::sql_query("DELETE FROM settings WHERE name = ''").execute(conn)?;
            replies.extend(batch.drain(..).map(|unit| unit(conn)));
            Ok::<(), Error>(())
        });
        let is_full = full.swap(false, Ordering::Relaxed);
        let failed = committed
            .err()
            .map(|error| if is_full { store_full() } else { error });
        if let Some(error) = &failed {
            tracing::error!(%error, "the database could not commit");
        }
        for reply in replies {
            reply(failed.as_ref());
        }
        // Units that never ran drop their answers, which tells their callers.
        batch.clear();
        if failed.is_some() && is_broken(&mut connection) {
            match connect() {
                Ok(fresh) => connection = fresh,
                // The next commit fails as well, and comes back here.
                Err(error) => tracing::error!(%error, "the database cannot be opened again"),
            }
        }
    }
}

/// A transaction ended behind the connection's back, so that it takes no other.
fn is_broken(connection: &mut Conn) -> bool {
    <Conn as Connection>::TransactionManager::is_broken_transaction_manager(connection)
}
