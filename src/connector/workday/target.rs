//! Workday as a target: workers are its accounts, and contacts and user names are all that is written.

use std::num::NonZero;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::client::Client;
use super::config::Config;
use super::find::Reader;
use super::model::{self, MODEL, Place, WORKER_ID};
use super::{apply, find, probe};
use crate::connector::{
    Attribute, AttributeType, Capability, Endpoint, Lookup, MayStart, Outcome, Problem, Session, Target,
    UniqueValue,
};
use crate::domain::account::Account;
use crate::domain::plan::{Change, ChangeId};
use crate::error::{Error, Kind, Result};

/// One tenant that contacts and user names are written home to. Cheap to keep, and meant to be kept: it holds the token.
pub struct Writeback {
    pub(super) shared: Arc<Shared>,
}

/// What every session needs.
pub(super) struct Shared {
    pub client: Client,
    /// The version of the URL, which may be before the one that writes.
    pub version: String,
    pub endpoint: Endpoint,
    pub reader: Arc<Reader>,
    pub page_size: NonZero<u32>,
    /// Requests that are under way at the same time.
    pub in_flight: usize,
}

impl Writeback {
    /// `attributes` are those the policy maps, spelled as it spells them. Connects to nothing yet. Errors: an unreadable
    /// `ca_file`; `never`, since nobody can ask Workday who fits a filter.
    pub fn new(config: &Config, attributes: &[String], never: Option<&str>) -> Result<Writeback> {
        if never.is_some() {
            let message =
                "Workday cannot be asked who fits a filter: leave people out with the app's scoping filters";
            return Err(Error::invalid(message).at("never"));
        }
        let writing = config.for_writing();
        let spelled = attributes
            .iter()
            .filter_map(|own| Some((Place::of(own)?.name()?, own.clone())));
        let shared = Shared {
            client: Client::new(&writing)?,
            version: config.version.clone(),
            endpoint: Endpoint(writing.url.to_string()),
            reader: Arc::new(Reader {
                settings: config.writeback.clone(),
                spelling: spelled.collect(),
            }),
            page_size: config.page_size,
            in_flight: config.pages_in_flight,
        };
        Ok(Writeback {
            shared: Arc::new(shared),
        })
    }
}

#[async_trait]
impl Target for Writeback {
    fn capability(&self) -> Capability {
        Capability {
            model: MODEL,
            recoverable_delete: false,
        }
    }

    async fn open(&self, _pin: Option<&Endpoint>) -> Result<Box<dyn Session>> {
        Ok(Box::new(WorkdaySession {
            shared: self.shared.clone(),
        }))
    }

    async fn forgive(&self) {
        self.shared.client.forgive();
    }

    async fn check(&self, _containers: &[String]) -> Vec<Problem> {
        probe::check(&self.shared).await
    }

    async fn discover(&self) -> Result<Vec<Attribute>> {
        let attribute = |(name, place): (&str, Place)| Attribute {
            name: name.to_string(),
            kind: AttributeType::String,
            multivalued: false,
            read_only: matches!(place, Place::WorkerId | Place::HireDate),
            required: place == Place::WorkerId,
        };
        Ok(model::attributes().map(attribute).collect())
    }
}

/// One cycle's conversation with the tenant.
pub(super) struct WorkdaySession {
    pub shared: Arc<Shared>,
}

#[async_trait]
impl Session for WorkdaySession {
    fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    async fn find(&self, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
        find::find(&self.shared, lookups).await
    }

    async fn taken(&self, values: &[UniqueValue]) -> Result<Vec<Result<bool>>> {
        let ids: Vec<Lookup> = values.iter().filter(|value| is_id(value)).map(lookup).collect();
        let mut found = find::find(&self.shared, &ids).await?.into_iter();
        let answer = |value: &UniqueValue| match is_id(value) {
            true => Ok(found.next().is_some_and(|holders| !holders.is_empty())),
            false => {
                let message = "Workday cannot be asked whose this is: it says so when it is written";
                Err(Error::new(Kind::Unsupported, message).at(value.attribute.clone()))
            }
        };
        Ok(values.iter().map(answer).collect())
    }

    fn list(&self) -> BoxStream<'_, Result<Vec<Account>>> {
        find::list(&self.shared)
    }

    fn apply(&self, changes: Vec<Change>, may_start: MayStart) -> BoxStream<'_, (ChangeId, Outcome)> {
        apply::apply(&self.shared, changes, may_start)
    }
}

fn is_id(value: &UniqueValue) -> bool {
    value.attribute.eq_ignore_ascii_case(WORKER_ID)
}

fn lookup(value: &UniqueValue) -> Lookup {
    Lookup::Match {
        attribute: value.attribute.clone(),
        value: value.value.clone(),
    }
}
