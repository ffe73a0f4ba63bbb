//! Outside systems. A connector knows one kind of system and nothing of the store, the engine or the API.
//!
//! A [`Source`] hands over what HR says, as statements; a [`Target`] is asked what it holds and told what to change.
//! Neither decides anything: an [`Error`]'s kind tells the engine what to do next. All that a connector repeats by
//! itself is what the other side did not do and asked to be asked again (429).

pub mod active_directory;
pub mod bulk;
pub mod entra;
pub mod http;
mod pages;
pub(crate) mod password;
pub mod rights;
pub mod seal;
mod wanted;
pub mod webhook;
pub mod workday;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::Deserialize;

use self::rights::{Duty, Rights, Tool};
use crate::domain::account::{Account, Anchor, Model};
use crate::domain::callback::Member;
use crate::domain::finding::Finding;
use crate::domain::plan::{Change, ChangeId, Receipt};
use crate::domain::schema::Schema;
use crate::domain::worker::Statement;
use crate::error::{Error, Kind, Result};

/// A `[system.…]` table as written; `kind` says which connector reads it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SystemFile {
    Bulk(bulk::config::Config),
    ActiveDirectory(Box<active_directory::config::File>),
    Entra(Box<entra::config::File>),
    Workday(Box<workday::config::File>),
}

/// A system as meant. One variant a connector: what the rest of the gateway knows of them is here.
#[derive(Clone, Debug)]
pub enum System {
    Bulk(bulk::config::Config),
    ActiveDirectory(active_directory::config::Config),
    Entra(entra::config::Config),
    Workday(Box<workday::config::Config>),
}

impl SystemFile {
    pub fn resolve(&self, beside: &Path) -> Result<System> {
        Ok(match self {
            SystemFile::Bulk(config) => System::Bulk(config.clone()),
            SystemFile::ActiveDirectory(file) => System::ActiveDirectory(file.resolve(beside)?),
            SystemFile::Entra(file) => System::Entra(file.resolve(beside)?),
            SystemFile::Workday(file) => System::Workday(Box::new(file.resolve(beside)?)),
        })
    }
}

impl System {
    pub fn is_source(&self) -> bool {
        match self {
            System::Bulk(_) | System::ActiveDirectory(_) | System::Entra(_) | System::Workday(_) => true,
        }
    }

    /// It has to be asked: nobody uploads what it says.
    pub fn is_pulled(&self) -> bool {
        !matches!(self, System::Bulk(_))
    }

    pub fn is_target(&self) -> bool {
        self.model().is_some()
    }

    /// A tenant of the cloud: what people sign in with there is the same name as in the directories that are synchronized
    /// with it.
    pub fn is_tenant(&self) -> bool {
        matches!(self, System::Entra(_))
    }

    /// What this kind of target calls things; `None` for what is no target.
    pub fn model(&self) -> Option<Model> {
        match self {
            System::Bulk(_) => None,
            System::ActiveDirectory(_) => Some(active_directory::MODEL),
            System::Entra(_) => Some(entra::MODEL),
            System::Workday(_) => Some(workday::MODEL),
        }
    }

    /// Whether an attribute that is read of its people, by its place, is the one that is written into their records under this
    /// name (B30).
    pub fn reads_back(&self, written: &str, read: &str) -> bool {
        match self {
            System::Workday(_) => workday::reads_back(written, read),
            System::Bulk(_) | System::ActiveDirectory(_) | System::Entra(_) => false,
        }
    }

    /// Whether an attribute that is read of its people, by its place, is one that may be written into their records (B30).
    pub fn takes_back(&self, read: &str) -> bool {
        match self {
            System::Workday(_) => workday::is_written(read),
            System::Bulk(_) | System::ActiveDirectory(_) | System::Entra(_) => false,
        }
    }

    /// What `DefaultDomain()` gives where the config does not say.
    pub fn default_domain(&self) -> Option<String> {
        match self {
            System::Bulk(_) | System::Workday(_) => None,
            System::ActiveDirectory(config) => config.domain(),
            System::Entra(config) => Some(config.domain.clone()),
        }
    }

    /// What a callback may have written to this system, and by which mapping; `None` where nothing is written home.
    pub fn callbacks(&self) -> Option<&'static [Callable]> {
        match self {
            System::Bulk(_) | System::ActiveDirectory(_) | System::Entra(_) => None,
            System::Workday(_) => Some(workday::CALLABLE),
        }
    }

    /// How long a write may take to reach every controller of this system (B23).
    pub fn replication_delay(&self) -> std::time::Duration {
        match self {
            System::Bulk(_) | System::Entra(_) | System::Workday(_) => std::time::Duration::ZERO,
            System::ActiveDirectory(config) => config.replication_delay,
        }
    }

    /// How long one call to this system may take.
    pub fn call_timeout(&self) -> std::time::Duration {
        match self {
            System::Bulk(_) => std::time::Duration::ZERO,
            System::ActiveDirectory(config) => config.timeout,
            // One batch, sent once more with another token.
            System::Entra(config) => config.timeout * 3,
            // A token, a write, another token, and the write once more.
            System::Workday(config) => config.timeout * 4,
        }
    }

    /// Builds the connector of a source, which will read the attributes of all these schemas.
    pub fn source(&self, schemas: &[&Schema]) -> Result<Box<dyn Source>> {
        match self {
            System::Workday(config) => Ok(Box::new(workday::Workday::new(config, schemas)?)),
            System::Bulk(_) => Err(Error::invalid("an inbox of uploads cannot be asked for anything")),
            System::ActiveDirectory(config) => {
                Ok(Box::new(active_directory::DirectorySource::new(config, schemas)?))
            }
            System::Entra(config) => Ok(Box::new(entra::EntraSource::new(config, schemas)?)),
        }
    }

    /// Builds the connector of a target, which will ask for these attributes and keep its hands off whoever
    /// `never` names, in the target's own way of saying it.
    pub fn target(&self, attributes: &[String], never: Option<&str>) -> Result<Box<dyn Target>> {
        match self {
            System::Bulk(_) => Err(Error::invalid("an inbox of uploads cannot be a target")),
            System::Workday(config) => Ok(Box::new(workday::Writeback::new(config, attributes, never)?)),
            System::ActiveDirectory(config) => {
                let config = config.clone();
                Ok(Box::new(active_directory::ActiveDirectory::new(
                    config, attributes, never,
                )?))
            }
            System::Entra(config) => Ok(Box::new(entra::Entra::new(config, attributes, never)?)),
        }
    }

    /// Holds what the service account may do against what these duties need of it (B31). Only reads. Errors: nobody
    /// answers, or this kind of system does not tell (`Unsupported`).
    pub async fn rights(&self, duties: &[Duty<'_>]) -> Result<Rights> {
        match self {
            System::Bulk(_) => Ok(Rights::default()),
            System::ActiveDirectory(config) => active_directory::rights::read(config, duties).await,
            System::Entra(config) => entra::rights::read(config, duties).await,
            System::Workday(_) => Err(workday::rights::unknown(duties)),
        }
    }

    /// What grants exactly the rights that these duties need: commands for `tool`, or the names of permissions, one a line.
    pub async fn delegation(&self, duties: &[Duty<'_>], tool: Tool) -> Result<Vec<String>> {
        match self {
            System::Bulk(_) => Ok(Vec::new()),
            System::ActiveDirectory(config) => {
                active_directory::rights::delegation(config, duties, tool).await
            }
            System::Entra(_) => Ok(entra::rights::needed(duties)),
            System::Workday(_) => Ok(workday::rights::needed(duties)),
        }
    }
}

/// One member of a callback (B30).
#[derive(Clone, Copy, Debug)]
pub struct Callable {
    pub member: Member,
    /// The attribute that it goes to.
    pub target: &'static str,
    /// What the names of all attributes begin with that mean something together with it only.
    pub family: &'static str,
    /// What the mapping reads it from, under the names that directories give it.
    pub sources: &'static [&'static str],
}

/// The code of a refusal that ends by itself: somebody at HR has to finish something about this person first.
pub const OPEN_PROCESS: &str = "PendingProcess";

/// A system that is asked what HR says.
#[async_trait]
pub trait Source: Send + Sync {
    fn capability(&self) -> SourceCapability;

    /// Reads on from a cursor, page by page: asking for the next page lets further ones be fetched. The last page has an
    /// end; a read that stops without one, or with an error, has proved nothing.
    fn read(&self, from: Cursor) -> BoxStream<'_, Result<Page>>;

    /// Tells what it asks about each worker: when that becomes another text, what was heard before is not the whole of it.
    fn fingerprint(&self) -> String;

    /// Lets credentials that were refused be tried once more: somebody says that they are right now (B25).
    async fn forgive(&self);

    /// Everything wrong with the configuration as the system sees it: reachability, credentials, permissions, attributes
    /// that are nowhere to be found.
    async fn check(&self) -> Vec<Problem>;
}

/// What a source can do, so that the engine asks instead of knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceCapability {
    /// It can say what is new since a watermark.
    pub incremental: bool,
    /// It can be asked for workers by anchor.
    pub by_anchor: bool,
    /// It can be asked who holds a value.
    pub by_value: bool,
}

/// From where on a source is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// Every worker that there is or was.
    Full,
    /// Every worker of whom something is new.
    Since(Watermark),
    /// The workers with these anchors, as far as they are to be seen.
    Workers(Vec<String>),
    /// Whoever holds one of these values in an attribute, as far as they are to be seen.
    Holding { attribute: String, values: Vec<String> },
}

/// From where on a source says what is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// When the read began that proved everything before it to be known, by the source's clock.
    pub at: Timestamp,
    /// The source's own name for that place, where a time is not enough: a delta link, a cookie.
    pub place: Option<String>,
}

/// A part of what a source said. Who comes twice in one read is said to be as the later one says.
#[derive(Debug, Default)]
pub struct Page {
    /// Whole records.
    pub statements: Vec<Statement>,
    /// What is wrong with records that do not say whose they are.
    pub nameless: Vec<Finding>,
    /// On the last page.
    pub end: Option<End>,
}

/// How a read ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything there was to read has been read: the next read may go on from here, and who was not in a full one is
    /// not to be seen (B4).
    Complete(Watermark),
    /// What came is true, and why something may be missing. The next read goes on from where this one did.
    Doubtful(Vec<String>),
    /// The source does not know the watermark any more: everybody has to be read.
    Expired,
}

/// What a target can do, so that the engine asks instead of knowing.
#[derive(Clone, Copy, Debug)]
pub struct Capability {
    pub model: Model,
    /// A deleted account can be brought back.
    pub recoverable_delete: bool,
}

#[async_trait]
pub trait Target: Send + Sync {
    fn capability(&self) -> Capability;

    /// Opens the one controller of a cycle: `pin` if it answers, else the first that does in order of
    /// preference (B23). Connections outlive sessions, since a bind is expensive.
    async fn open(&self, pin: Option<&Endpoint>) -> Result<Box<dyn Session>>;

    /// Lets credentials that were refused be tried once more: somebody says that they are right now (B25).
    async fn forgive(&self);

    /// Everything wrong with the configuration as the system sees it: reachability, credentials, bases and
    /// `containers` that do not exist, attributes that do not.
    async fn check(&self, containers: &[String]) -> Vec<Problem>;

    /// Everything that an account can hold, by the system's own description of itself.
    async fn discover(&self) -> Result<Vec<Attribute>> {
        Err(Error::new(
            Kind::Unsupported,
            "this kind of system does not describe itself",
        ))
    }
}

/// An attribute of accounts, as a system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub kind: AttributeType,
    pub multivalued: bool,
    /// The system keeps it itself.
    pub read_only: bool,
    /// No account can be made without it.
    pub required: bool,
}

/// Graph's attributeType.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    String,
    Integer,
    Reference,
    Binary,
    Boolean,
    DateTime,
}

impl AttributeType {
    pub fn name(self) -> &'static str {
        match self {
            AttributeType::String => "String",
            AttributeType::Integer => "Integer",
            AttributeType::Reference => "Reference",
            AttributeType::Binary => "Binary",
            AttributeType::Boolean => "Boolean",
            AttributeType::DateTime => "DateTime",
        }
    }
}

/// Which controller answers, by URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint(pub String);

/// Something `muster check` reports about a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

#[async_trait]
pub trait Session: Send + Sync {
    fn endpoint(&self) -> &Endpoint;

    /// Asks for many accounts at once; `found[i]` answers `lookups[i]`.
    async fn find(&self, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>>;

    /// Whether somebody holds these values where they have to be nobody's (B22): an address or a name to sign in with in
    /// any of its forms, of an object of any kind. `taken[i]` answers `values[i]`; a value that the target cannot compare
    /// has an error of its own.
    async fn taken(&self, values: &[UniqueValue]) -> Result<Vec<Result<bool>>>;

    /// Every account that the matching search could find, in pages.
    fn list(&self) -> BoxStream<'_, Result<Vec<Account>>>;

    /// Applies changes, several at a time, and reports each as it ends, every one exactly once. A change that
    /// has not begun when `may_start` says no is refused as unavailable.
    fn apply(&self, changes: Vec<Change>, may_start: MayStart) -> BoxStream<'_, (ChangeId, Outcome)>;
}

/// A value that an account is to have and nobody else may.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UniqueValue {
    pub attribute: String,
    pub value: String,
}

/// Whether another write may be begun: somebody else may have taken over.
pub type MayStart = Arc<dyn Fn() -> bool + Send + Sync>;

/// Why a change was not begun when [`MayStart`] said no.
fn overtaken() -> Error {
    Error::unavailable("nothing further was written: this gateway stops, or another may have taken over")
}

/// The instant at which a system answered: that of a receipt, say.
#[expect(
    clippy::disallowed_methods,
    reason = "when a system answered is known to its connector only"
)]
fn answered() -> Timestamp {
    Timestamp::now()
}

/// Secrets may travel in the clear to this very machine only (B32).
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    Anchor(Anchor),
    /// An account whose attribute holds this value, as the target compares.
    Match {
        attribute: String,
        value: String,
    },
    /// An account that holds both: attribute and value of each.
    Both([(String, String); 2]),
}

/// How one change ended.
#[derive(Debug)]
pub enum Outcome {
    Done(Receipt),
    /// Some effects are in place, then one was refused.
    Partial(Receipt, Error),
    /// Nothing was written.
    Refused(Error),
    /// It was sent, and nobody knows whether it arrived (B26). The receipt holds what is known to have happened.
    Unknown(Option<Receipt>, Error),
}

/// Why a change went no further.
pub enum Halt {
    Refused(Error),
    /// Sent, and never answered.
    Unknown(Error),
}

impl Outcome {
    /// How a change ended of which so much was done.
    fn of(receipt: Option<Receipt>, halt: Option<Halt>) -> Outcome {
        let did = |receipt: &Receipt| !receipt.done.is_empty();
        match (halt, receipt) {
            (None, Some(receipt)) => Outcome::Done(receipt),
            (None, None) => Outcome::Refused(Error::internal("a change ended without an account")),
            (Some(Halt::Refused(error)), Some(receipt)) if did(&receipt) => Outcome::Partial(receipt, error),
            (Some(Halt::Refused(error)), _) => Outcome::Refused(error),
            (Some(Halt::Unknown(error)), receipt) => Outcome::Unknown(receipt.filter(did), error),
        }
    }
}
