//! The tenant as a target: one session asks it what it has, and writes.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value as Json;
use uuid::Uuid;

use super::config::Config;
use super::find::{encoded, next_page};
use super::graph::Graph;
use super::model::MODEL;
use super::recent::Recent;
use super::wire::Mapped;
use crate::connector::{
    Capability, Endpoint, Lookup, MayStart, Outcome, Problem, Session, Target, UniqueValue,
};
use crate::domain::account::{Account, Anchor};
use crate::domain::plan::{Change, ChangeId};
use crate::error::{Error, Kind, Result};

/// One tenant. Cheap to keep, and meant to be kept: it holds the token and knows the tenant's pace.
pub struct Entra {
    pub(super) shared: Arc<Shared>,
}

/// What every session needs.
pub(super) struct Shared {
    pub graph: Graph,
    pub mapped: Mapped,
    pub domain: String,
    pub endpoint: Endpoint,
    /// Accounts that are read and never written (B21).
    pub never: Option<Never>,
    pub recent: Recent,
}

/// An app's `never`.
pub(super) enum Never {
    /// A filter of Graph's users.
    Filter(String),
    /// Everybody in this group, or in a group in it.
    MembersOf(Uuid),
}

impl Never {
    pub fn parse(text: &str) -> Never {
        match text.trim().parse() {
            Ok(group) => Never::MembersOf(group),
            Err(_) => Never::Filter(text.to_string()),
        }
    }

    fn question(&self) -> String {
        match self {
            Never::Filter(filter) => format!("users?$filter={}&$select=id&$top=999", encoded(filter)),
            Never::MembersOf(group) => format!("groups/{group}/transitiveMembers?$select=id&$top=999"),
        }
    }

    fn unanswered(&self, error: Error) -> Error {
        match (self, error.kind) {
            (Never::MembersOf(_), Kind::Forbidden) => {
                let message = format!(
                    "{}: who is in the group cannot be read; grant the app GroupMember.Read.All and consent to it",
                    error.message
                );
                Error::new(error.kind, message)
                    .code(error.code.clone())
                    .at("never")
            }
            _ => error.at("never"),
        }
    }
}

impl Entra {
    /// `attributes` are those the policy maps, spelled as it spells them; nothing else is read. `never` is a filter of
    /// Graph's users, or a group's object id: accounts that are read and never written. Connects to nothing yet. Errors: an unreadable `ca_file`.
    pub fn new(config: &Config, attributes: &[String], never: Option<&str>) -> Result<Entra> {
        let shared = Shared {
            graph: Graph::new(config)?,
            mapped: Mapped::new(attributes, MODEL.references),
            domain: config.domain.clone(),
            endpoint: Endpoint(config.url.to_string()),
            never: never.map(Never::parse),
            recent: Recent::default(),
        };
        Ok(Entra {
            shared: Arc::new(shared),
        })
    }

    pub(super) async fn session(&self) -> Result<EntraSession> {
        Ok(EntraSession {
            domains: self.shared.verified_domains().await?,
            never: self.shared.never_written().await?,
            shared: self.shared.clone(),
        })
    }
}

impl Shared {
    /// The tenant's verified domains in lower case; `None` where the app may not read them.
    pub(super) async fn verified_domains(&self) -> Result<Option<HashSet<String>>> {
        let url = self.graph.address("domains?$select=id,isVerified")?;
        let domains = match self.graph.ask(&url).await {
            Ok(domains) => domains,
            Err(error) if error.kind == Kind::Forbidden => return Ok(None),
            Err(error) => return Err(error),
        };
        let verified = domains["value"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|domain| domain["isVerified"] == true);
        Ok(Some(
            verified
                .filter_map(|domain| Some(domain["id"].as_str()?.to_lowercase()))
                .collect(),
        ))
    }

    /// Asked once a cycle.
    async fn never_written(&self) -> Result<HashSet<Anchor>> {
        let mut found = HashSet::new();
        let Some(never) = &self.never else {
            return Ok(found);
        };
        let mut next = Some(self.graph.address(&never.question())?);
        while let Some(url) = next {
            let page: Json = self
                .graph
                .ask(&url)
                .await
                .map_err(|error| never.unanswered(error))?;
            // Groups and devices among them have ids as well, which are no user's.
            let members = page["value"].as_array().into_iter().flatten();
            found.extend(members.filter_map(|user| Some(Anchor(user["id"].as_str()?.to_lowercase()))));
            next = next_page(&self.graph, &page).transpose()?;
        }
        Ok(found)
    }
}

#[async_trait]
impl Target for Entra {
    fn capability(&self) -> Capability {
        Capability {
            model: MODEL,
            recoverable_delete: true,
        }
    }

    async fn open(&self, _pin: Option<&Endpoint>) -> Result<Box<dyn Session>> {
        Ok(Box::new(self.session().await?))
    }

    async fn forgive(&self) {
        self.shared.graph.forgive();
    }

    async fn check(&self, _containers: &[String]) -> Vec<Problem> {
        super::check::check(self).await
    }
}

/// One cycle's conversation with the tenant.
pub(super) struct EntraSession {
    pub shared: Arc<Shared>,
    pub domains: Option<HashSet<String>>,
    pub never: HashSet<Anchor>,
}

#[async_trait]
impl Session for EntraSession {
    fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    async fn find(&self, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
        super::find::find(self, lookups).await
    }

    async fn taken(&self, values: &[UniqueValue]) -> Result<Vec<Result<bool>>> {
        super::taken::taken(self, values).await
    }

    fn list(&self) -> BoxStream<'_, Result<Vec<Account>>> {
        super::find::list(self)
    }

    fn apply(&self, changes: Vec<Change>, may_start: MayStart) -> BoxStream<'_, (ChangeId, Outcome)> {
        super::apply::apply(self, changes, may_start)
    }
}
