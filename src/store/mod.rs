//! The database: SQLite beside the gateway by default, PostgreSQL when several replicas share one.
//!
//! The only room that names Diesel. Queries are plain functions over a [`Conn`], one file a table family;
//! [`Store::read`] and [`Store::write`] run them off the async threads, a write always as one transaction.
//! On SQLite one thread owns the write connection and commits many waiting units together, so that a sync to
//! disk is shared by all who wait for it.

pub mod alarms;
pub mod allowances;
pub mod asked;
pub mod callbacks;
pub mod changes;
pub mod decisions;
pub mod departures;
pub mod escrows;
pub mod findings;
pub mod forgetting;
pub mod given;
pub mod guard;
pub mod handovers;
pub mod holds;
pub mod jobs;
pub mod links;
pub mod listed;
pub mod logs;
pub mod names;
pub mod notices;
pub mod owners;
pub mod plans;
pub mod pulls;
pub mod quarantine;
pub mod report;
pub mod retention;
pub mod reviews;
mod schema;
pub mod schemas;
pub mod settings;
pub mod state_inputs;
pub mod streams;
pub mod systems;
pub mod uploads;
pub mod wakes;
pub mod workers;

mod sqlite;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::r2d2;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::{ExposeSecret, SecretString};

use crate::blocking::Blocking;
use crate::error::{Error, Kind, Result};

/// One connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
}

/// Reads several things as of one instant: on SQLite all of it, on PostgreSQL each statement of its own.
pub fn snapshot<T>(conn: &mut Conn, read: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    conn.transaction(read)
}

/// Expands one query for each backend, for what the shared dialect cannot say: batch inserts and upserts.
macro_rules! native {
    ($conn:expr, $c:ident => $query:expr) => {
        match $conn {
            $crate::store::Conn::Sqlite($c) => $query,
            #[cfg(feature = "postgres")]
            $crate::store::Conn::Postgres($c) => $query,
        }
    };
}
pub(crate) use native;

/// Whether a table has anything of a job's. Most have nothing of most jobs, and to ask hundreds of workers' keys of an empty table
/// costs many times as much.
macro_rules! has_any {
    ($conn:expr, $table:ident, $job:expr) => {
        diesel::select(diesel::dsl::exists($table::table.filter($table::job.eq($job))))
            .get_result::<bool>($conn)?
    };
}
pub(crate) use has_any;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Connections of a pool. SQLite's only reads; PostgreSQL's does everything.
const READERS: u32 = 4;
#[cfg(feature = "postgres")]
const REPLICA: u32 = 12;

#[derive(Clone)]
pub struct Store {
    readers: r2d2::Pool<Manager>,
    writer: Option<Arc<sqlite::Writer>>,
    location: Location,
    blocking: Blocking,
}

/// Where the database is, as `[store] url` says.
#[derive(Clone)]
pub enum Location {
    Sqlite(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(SecretString),
}

impl Location {
    /// Reads `sqlite:PATH` or `postgres://…`.
    pub fn parse(url: &SecretString) -> Result<Location> {
        let text = url.expose_secret();
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Location::Sqlite(PathBuf::from(path.trim_start_matches("//"))));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            #[cfg(feature = "postgres")]
            return Ok(Location::Postgres(url.clone()));
            #[cfg(not(feature = "postgres"))]
            return Err(Error::invalid(
                "this muster was built without PostgreSQL: build it with --features postgres, or use sqlite:PATH",
            ));
        }
        Err(Error::invalid(
            "the store's url must begin with sqlite: or postgres://",
        ))
    }
}

impl Store {
    /// Opens the database, brings its tables up to date, and starts the writer.
    pub async fn open(location: Location) -> Result<Store> {
        Store::open_with(location, Blocking::Beside).await
    }

    /// The same, where the caller says on which threads its work is done. With [`Blocking::Here`] there is no writer and one
    /// connection.
    pub async fn open_with(location: Location, blocking: Blocking) -> Result<Store> {
        let open = move || {
            let mut first = connect(&location)?;
            migrate(&mut first)?;
            let writer = match (&location, blocking) {
                (Location::Sqlite(_), Blocking::Beside) => {
                    let location = location.clone();
                    let again = move || connect(&location);
                    Some(Arc::new(sqlite::Writer::start(first, again)?))
                }
                _ => None,
            };
            let manager = Manager {
                location: location.clone(),
            };
            let readers = r2d2::Pool::builder()
                .max_size(pool_size(&location, blocking))
                .min_idle(Some(1))
                .build(manager)
                .map_err(|error| Error::unavailable(format!("the database does not answer: {error}")))?;
            Ok(Store {
                readers,
                writer,
                location,
                blocking,
            })
        };
        blocking.run(TASK, open).await?
    }

    /// Where work is done that keeps a thread.
    pub fn blocking(&self) -> Blocking {
        self.blocking
    }

    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let pool = self.readers.clone();
        let read = move || {
            let mut connection = pool
                .get()
                .map_err(|error| Error::unavailable(error.to_string()))?;
            query(&mut connection)
        };
        self.blocking.run(TASK, read).await?
    }

    /// Runs one transaction and answers when it is on disk. Where another replica got in between, it is run
    /// again, so it must not use up what it captured.
    pub async fn write<T: Send + 'static>(
        &self,
        unit: impl Fn(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(writer) = &self.writer {
            return writer.run(unit).await;
        }
        let pool = self.readers.clone();
        let write = move || {
            let mut connection = pool
                .get()
                .map_err(|error| Error::unavailable(error.to_string()))?;
            let connection: &mut Conn = &mut connection;
            for _ in 1..SERIALIZATION_ATTEMPTS {
                match connection.transaction(|connection| unit(connection)) {
                    Err(error) if error.code == SERIALIZATION => continue,
                    outcome => return outcome,
                }
            }
            connection.transaction(|connection| unit(connection))
        };
        self.blocking.run(TASK, write).await?
    }

    /// Whether the database answers, to readers and to the writer.
    pub async fn ping(&self) -> Result<()> {
        self.write(|_| Ok(())).await?;
        self.read(|conn| Ok(diesel::sql_query("SELECT 1").execute(conn).map(drop)?))
            .await
    }

    /// Brings everything into the database's own file, so that the file is whole by itself.
    pub async fn tidy(&self) -> Result<()> {
        if self.file().is_none() {
            return Ok(());
        }
        self.read(|conn| {
            Ok(diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(conn)
                .map(drop)?)
        })
        .await
    }

    /// Writes an embedded database anew, so that nothing is left in its files of what was deleted from it by whichever
    /// release. Error `Unavailable`: somebody is at work in it.
    pub async fn scour(&self) -> Result<()> {
        if self.file().is_none() {
            return Ok(());
        }
        self.read(|conn| Ok(diesel::sql_query("VACUUM").execute(conn).map(drop)?))
            .await?;
        self.tidy().await
    }

    /// The file of an embedded database; its secrets lie beside it.
    pub fn file(&self) -> Option<&PathBuf> {
        match &self.location {
            Location::Sqlite(path) => Some(path),
            #[cfg(feature = "postgres")]
            Location::Postgres(_) => None,
        }
    }
}

/// The right to run jobs on an embedded database; held by one process at a time and let go with it.
pub struct Claim(#[expect(dead_code, reason = "the lock is held by keeping the file open")] std::fs::File);

const CLAIM_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
const CLAIM_TRIES: u32 = 50;

impl Store {
    /// Claims an embedded database for this process, and frees what leases a crashed one left behind. With
    /// PostgreSQL there is nothing to claim: replicas share it, and leases run out by themselves.
    pub async fn claim(&self) -> Result<Option<Claim>> {
        let Some(path) = self.file() else { return Ok(None) };
        let path = path.with_extension("lock");
        let held = |error: &dyn std::fmt::Display| {
            Error::invalid(format!(
                "cannot lock {}: {error}: is another muster running on this database?",
                path.display()
            ))
        };
        let file = std::fs::File::create(&path).map_err(|error| held(&error))?;
        // A predecessor that was told to stop may still be finishing its last change.
        let mut tries = tokio::time::interval(CLAIM_PAUSE);
        for _ in 1..CLAIM_TRIES {
            tries.tick().await;
            if file.try_lock().is_ok() {
                self.write(jobs::free_leases).await?;
                return Ok(Some(Claim(file)));
            }
        }
        file.try_lock().map_err(|error| held(&error))?;
        self.write(jobs::free_leases).await?;
        Ok(Some(Claim(file)))
    }
}

/// How often a transaction that lost against another replica is tried in all.
const SERIALIZATION_ATTEMPTS: usize = 10;
const SERIALIZATION: &str = "SerializationFailure";

/// The disk under the database, or the database itself, has no room left.
const FULL: &str = "StoreFull";
/// When to come again: somebody has to make room.
const FULL_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);

fn store_full() -> Error {
    Error::unavailable("the store is full: nothing can be kept until there is room on its disk")
        .code(FULL)
        .retry_after(FULL_PAUSE)
}

/// As SQLite says it, and PostgreSQL (53100, ENOSPC).
fn is_full(message: &str) -> bool {
    message.contains("disk is full") || message.contains("No space left on device")
}

/// What a query is called, should it end early.
const TASK: &str = "a database task";

fn pool_size(location: &Location, blocking: Blocking) -> u32 {
    match (location, blocking) {
        (_, Blocking::Here) => 1,
        (Location::Sqlite(_), Blocking::Beside) => READERS,
        #[cfg(feature = "postgres")]
        (Location::Postgres(_), Blocking::Beside) => REPLICA,
    }
}

fn connect(location: &Location) -> Result<Conn> {
    match location {
        Location::Sqlite(path) => {
            keep_private(path)?;
            let mut connection = SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| {
                Error::invalid(format!("cannot open the database {}: {error}", path.display()))
            })?;
            for pragma in sqlite::PRAGMAS {
                diesel::sql_query(*pragma).execute(&mut connection)?;
            }
            Ok(Conn::Sqlite(connection))
        }
        #[cfg(feature = "postgres")]
        Location::Postgres(url) => diesel::PgConnection::establish(url.expose_secret())
            .map(Conn::Postgres)
            .map_err(|error| Error::unavailable(format!("cannot reach PostgreSQL: {error}"))),
    }
}

/// People's records are for this account's eyes only. SQLite makes the files beside the database as private as it is.
fn keep_private(path: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map(drop)
        .map_err(|error| Error::invalid(format!("cannot open the database {}: {error}", path.display())))
}

fn migrate(connection: &mut Conn) -> Result<()> {
    let outcome = match connection {
        Conn::Sqlite(connection) => connection.run_pending_migrations(SQLITE).map(drop),
        #[cfg(feature = "postgres")]
        Conn::Postgres(connection) => connection.run_pending_migrations(POSTGRES).map(drop),
    };
    outcome.map_err(|error| {
        Error::internal(format!(
            "the database's tables could not be brought up to date: {error}"
        ))
    })
}

struct Manager {
    location: Location,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Conn;
    type Error = Error;

    fn connect(&self) -> Result<Conn> {
        connect(&self.location)
    }

    fn is_valid(&self, connection: &mut Conn) -> Result<()> {
        Ok(diesel::sql_query("SELECT 1").execute(connection).map(drop)?)
    }

    fn has_broken(&self, _: &mut Conn) -> bool {
        std::thread::panicking()
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Error {
        let known = match &error {
            DieselError::NotFound => Error::new(Kind::NotFound, "there is no such record"),
            DieselError::DatabaseError(kind, details) => match kind {
                DatabaseErrorKind::UniqueViolation => Error::new(Kind::Conflict, "the record exists already"),
                DatabaseErrorKind::SerializationFailure => {
                    Error::unavailable("another replica changed the same rows").code(SERIALIZATION)
                }
                DatabaseErrorKind::ClosedConnection => {
                    Error::unavailable("the database closed the connection")
                }
                _ if details.message().contains("deadlock") => {
                    Error::unavailable("two replicas waited for each other's rows").code(SERIALIZATION)
                }
                _ if is_full(details.message()) => store_full(),
                _ if details.message().contains("locked") => {
                    Error::unavailable(format!("the database cannot write: {}", details.message()))
                }
                _ => Error::internal("the database refused a statement"),
            },
            DieselError::BrokenTransactionManager => {
                Error::unavailable("the transaction ended before its time")
            }
            _ => Error::internal("the database refused a statement"),
        };
        known.because(error)
    }
}

/// Instants in the database: microseconds since 1970 UTC.
pub fn micros(instant: jiff::Timestamp) -> i64 {
    instant.as_microsecond()
}

pub fn instant(micros: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// Reads a JSON column that this program wrote.
pub fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::internal("a stored record cannot be read").because(error))
}

pub fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal("a record cannot be stored").because(error))
}

/// Rows in one batch statement: well below the number of parameters either database takes.
pub(crate) const ROWS: usize = 500;
