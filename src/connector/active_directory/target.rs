//! The directory as a target: one session on one controller.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use ldap3::Scope;
use ldap3::controls::RawControl;

use super::config::Config;
use super::connection::{Connection, Controller, Dial, Failure, Search};
use super::dialect::{self, ACTIVE_DIRECTORY, Dialect, References, Server};
use super::errors::During;
use super::model::MODEL;
use super::references::Known;
use super::wire::{self, Filter, Mapped};
use crate::connector::{
    Attribute, Capability, Endpoint, Lookup, MayStart, Outcome, Problem, Session, Target, UniqueValue,
};
use crate::domain::account::{Account, Anchor, Protection};
use crate::domain::dn::{self, Dn};
use crate::domain::plan::{Change, ChangeId};
use crate::error::{Error, Kind, Result};

/// Answers carry no referrals to other domains ([MS-ADTS] 3.1.1.3.4.1.4).
const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
/// Every DN in an answer carries its GUID ([MS-ADTS] 3.1.1.3.4.1.5).
const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";
/// `SEQUENCE { flag INTEGER }` with flag 1: GUIDs in dashed text.
const EXTENDED_DN_TEXT: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x01];

/// Membership through groups in groups ([MS-ADTS] 3.1.1.3.4.4.3).
const MEMBER_OF_IN_CHAIN: &str = "memberOf:1.2.840.113556.1.4.1941:";

/// What is asked of the root DSE.
const ROOT: &[&str] = &[
    "supportedCapabilities",
    "supportedControl",
    "schemaNamingContext",
    "configurationNamingContext",
    "subschemaSubentry",
];

/// One domain of Active Directory, or another LDAP server. Cheap to keep, and meant to be kept: it holds the
/// connections, and the memory of credentials that were refused.
pub struct ActiveDirectory {
    pub(super) shared: Arc<Shared>,
    pub(super) controllers: Vec<Arc<Controller>>,
    /// Servers that know everybody in the forest, if the config names any.
    catalogs: Arc<[Controller]>,
    dial: Arc<Dial>,
}

/// What every session needs of the configuration.
pub(super) struct Shared {
    pub base_dn: String,
    pub search_base: String,
    pub bind_dn: String,
    pub page_size: u32,
    pub mapped: Mapped,
    /// Accounts that are never written, whoever they are matched with.
    pub never: Option<Never>,
    /// Deleted objects can be brought back whole, as the last session saw it.
    pub recycle_bin: AtomicBool,
}

/// An app's `never` (B21).
pub(super) enum Never {
    Filter(Filter),
    /// Everybody in this group, or in a group in it.
    MembersOf(String),
}

impl Never {
    fn parse(text: &str) -> Result<Never> {
        match (Filter::written(text), Dn::parse(text)) {
            (Some(filter), _) => Ok(Never::Filter(filter)),
            (None, Some(_)) => Ok(Never::MembersOf(text.to_string())),
            (None, None) => {
                Err(Error::invalid("is neither an LDAP filter nor the DN of a group").at("never"))
            }
        }
    }
}

impl ActiveDirectory {
    /// `attributes` are those the policy maps, spelled as it spells them; nothing else is read. Connects
    /// to nothing yet. `never` is a filter or a group's DN: accounts that are read and never written. Errors: an
    /// unreadable `ca_file`, a name that cannot be an attribute's, a `never` that is neither.
    pub fn new(config: Config, attributes: &[String], never: Option<&str>) -> Result<ActiveDirectory> {
        if let Some(wrong) = attributes.iter().find(|name| !wire::is_attribute_name(name)) {
            return Err(Error::invalid(format!(
                "{wrong:?} is no attribute name of a directory"
            )));
        }
        let dial = Arc::new(Dial::new(&config)?);
        let controllers = config
            .urls
            .iter()
            .map(|url| Arc::new(Controller::new(url, dial.clone())))
            .collect();
        let catalogs = config.global_catalog.iter();
        let catalogs = catalogs.map(|url| Controller::new(url, dial.clone())).collect();
        let shared = Shared {
            base_dn: config.base_dn,
            search_base: config.search_base,
            bind_dn: config.bind_dn,
            page_size: config.page_size,
            mapped: Mapped {
                spelled: attributes.to_vec(),
            },
            never: never.map(Never::parse).transpose()?,
            recycle_bin: AtomicBool::new(false),
        };
        Ok(ActiveDirectory {
            shared: Arc::new(shared),
            controllers,
            catalogs,
            dial,
        })
    }

    /// With the pinned controller if it answers, else with the first that does.
    pub(super) async fn first_session(&self, pin: Option<&Endpoint>) -> Result<DirectorySession> {
        let pinned = |controller: &&Arc<Controller>| Some(&controller.endpoint) == pin;
        let first = self.controllers.iter().filter(pinned);
        let others = self.controllers.iter().filter(|controller| !pinned(controller));
        let mut causes = Vec::new();
        for controller in first.chain(others) {
            match self.session(controller).await {
                Ok(session) => return Ok(session),
                // The next controller would count another failed sign-in against the account (B25).
                Err(error) if error.kind == Kind::Unauthenticated => return Err(error),
                Err(error) => causes.push(error),
            }
        }
        Err(no_controller(causes))
    }

    pub(super) async fn session(&self, controller: &Arc<Controller>) -> Result<DirectorySession> {
        let server = identify(controller).await?;
        let asked = self.shared.mapped.asked(server.dialect);
        let mut session = DirectorySession {
            shared: self.shared.clone(),
            controller: controller.clone(),
            catalogs: self.catalogs.clone(),
            server,
            fenced: HashMap::new(),
            asked,
            known: Known::default(),
            turn: AtomicUsize::new(0),
        };
        session.fenced = session.fenced_accounts().await?;
        self.shared
            .recycle_bin
            .store(session.has_recycle_bin().await?, Ordering::Relaxed);
        Ok(session)
    }
}

#[async_trait]
impl Target for ActiveDirectory {
    fn capability(&self) -> Capability {
        Capability {
            model: MODEL,
            recoverable_delete: self.shared.recycle_bin.load(Ordering::Relaxed),
        }
    }

    async fn open(&self, pin: Option<&Endpoint>) -> Result<Box<dyn Session>> {
        Ok(Box::new(self.first_session(pin).await?))
    }

    async fn forgive(&self) {
        self.dial.forgive().await;
    }

    async fn check(&self, containers: &[String]) -> Vec<Problem> {
        super::check::check(self, containers).await
    }

    async fn discover(&self) -> Result<Vec<Attribute>> {
        super::discover::discover(self).await
    }
}

fn no_controller(mut causes: Vec<Error>) -> Error {
    if causes.len() == 1 {
        return causes.remove(0);
    }
    let messages: Vec<&str> = causes.iter().map(|cause| cause.message.as_str()).collect();
    Error::unavailable(format!("no controller can be used: {}", messages.join("; ")))
        .code("EndpointUnavailable")
}

/// Asks who answers. A connection kept from an earlier session may have died unnoticed, so a lost answer is
/// worth one new connection; nothing has been written yet.
async fn identify(controller: &Controller) -> Result<Server> {
    let failed = |failure: Failure| failure.into_error(During::Search);
    let mut connection = controller.connection(0).await?;
    let root = match connection.root(ROOT).await {
        Err(Failure::Lost(_) | Failure::Unsent(_)) => {
            connection = controller.connection(0).await?;
            connection.root(ROOT).await
        }
        answer => answer,
    }
    .map_err(failed)?;
    let dialect = match root.text("subschemaSubentry") {
        _ if dialect::is_active_directory(&root) => &ACTIVE_DIRECTORY,
        Some(subentry) => {
            let schema = connection
                .read(subentry, &["objectClasses".to_string()], Vec::new())
                .await;
            Dialect::of_classes(schema.map_err(failed)?.unwrap_or_default().texts("objectClasses"))
        }
        None => Dialect::of_classes(std::iter::empty()),
    };
    Ok(Server::new(&root, dialect))
}

/// One cycle's conversation with one controller.
pub(super) struct DirectorySession {
    pub shared: Arc<Shared>,
    pub controller: Arc<Controller>,
    pub catalogs: Arc<[Controller]>,
    pub server: Server,
    /// The accounts that are protected whatever they hold: our own, and those on the app's `never`.
    pub fenced: HashMap<Anchor, Protection>,
    /// The attributes asked for with every account.
    pub asked: Vec<String>,
    pub known: Known,
    /// Whose turn it is to be asked.
    turn: AtomicUsize,
}

impl DirectorySession {
    /// The next of the kept connections, for a question.
    pub(super) async fn connection(&self) -> Result<Connection> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.controller.connection(turn).await
    }

    /// The controls that go with every search, as far as the server knows them.
    pub(super) fn controls(&self) -> Vec<RawControl> {
        let mut controls = Vec::new();
        if self.server.supports(DOMAIN_SCOPE) {
            controls.push(RawControl {
                ctype: DOMAIN_SCOPE.to_string(),
                crit: false,
                val: None,
            });
        }
        if self.server.dialect.references == References::ExtendedDn {
            let val = Some(EXTENDED_DN_TEXT.to_vec());
            controls.push(RawControl {
                ctype: EXTENDED_DN.to_string(),
                crit: true,
                val,
            });
        }
        controls
    }

    /// Whether the forest's Recycle Bin is on ([MS-ADTS] 3.1.1.9.1).
    async fn has_recycle_bin(&self) -> Result<bool> {
        let Some(configuration) = &self.server.configuration else {
            return Ok(false);
        };
        let connection = self.controller.connection(0).await?;
        let features = ["msDS-EnabledFeature".to_string()];
        let partitions = connection
            .read(&format!("CN=Partitions,{configuration}"), &features, Vec::new())
            .await;
        let partitions = partitions
            .map_err(|failure| failure.into_error(During::Search))?
            .unwrap_or_default();
        let is_bin = |dn: &str| dn::own_name(dn).is_some_and(|name| name == "Recycle Bin Feature");
        Ok(partitions.texts("msDS-EnabledFeature").any(is_bin))
    }

    async fn fenced_accounts(&self) -> Result<HashMap<Anchor, Protection>> {
        let own = self.own_accounts().await?;
        let never = self.never_written().await?;
        let never = never.into_iter().map(|anchor| (anchor, Protection::Never));
        Ok(never
            .chain(own.into_iter().map(|anchor| (anchor, Protection::OwnAccount)))
            .collect())
    }

    async fn never_written(&self) -> Result<Vec<Anchor>> {
        let dialect = self.server.dialect;
        let filter = match &self.shared.never {
            None => return Ok(Vec::new()),
            Some(Never::Filter(filter)) => filter.clone(),
            Some(Never::MembersOf(group)) => {
                self.must_be_there(group).await?;
                match dialect.references {
                    References::ExtendedDn => Filter::equal(MEMBER_OF_IN_CHAIN, group),
                    References::Lookup => Filter::equal("memberOf", group),
                }
            }
        };
        self.anchors_of(filter).await
    }

    /// Of a group that was renamed nobody seems to be a member: nobody is written before that is put right.
    async fn must_be_there(&self, group: &str) -> Result<()> {
        match self.entry_at(group).await?.is_empty() {
            false => Ok(()),
            true => {
                let message = format!(
                    "there is no group {group}: nobody is written as long as it is not known who is in it"
                );
                Err(Error::invalid(message).at("never"))
            }
        }
    }

    /// Whoever the configured name may stand for: a DN, a user principal name (`name@domain` also stands
    /// for sAMAccountName `name`), or `DOMAIN\name`.
    async fn own_accounts(&self) -> Result<Vec<Anchor>> {
        let name = &self.shared.bind_dn;
        let account_name = |name: &str| Filter::equal("sAMAccountName", name);
        let filter = match (name.split_once('\\'), name.split_once('@')) {
            _ if Dn::parse(name).is_some() => return self.entry_at(name).await,
            (Some((_, user)), _) => account_name(user),
            (_, Some((user, _))) => {
                Filter::Any(vec![Filter::equal("userPrincipalName", name), account_name(user)])
            }
            _ => account_name(name),
        };
        self.anchors_of(filter).await
    }

    async fn entry_at(&self, dn: &str) -> Result<Vec<Anchor>> {
        let dialect = self.server.dialect;
        let connection = self.controller.connection(0).await?;
        let entry = connection
            .read(dn, &[dialect.anchor.to_string()], self.controls())
            .await;
        let entry = entry.map_err(|failure| failure.into_error(During::Search))?;
        Ok(entry
            .and_then(|entry| entry.anchor(dialect))
            .into_iter()
            .collect())
    }

    /// Whoever a filter finds in the whole domain.
    async fn anchors_of(&self, filter: Filter) -> Result<Vec<Anchor>> {
        let dialect = self.server.dialect;
        let attributes = [dialect.anchor.to_string()];
        let search = Search {
            base: &self.shared.base_dn,
            scope: Scope::Subtree,
            filter,
            attributes: &attributes,
            controls: self.controls(),
            page_size: self.shared.page_size,
        };
        let found = self.controller.connection(0).await?.search(&search).await;
        let found = found.map_err(|failure| failure.into_error(During::Search))?;
        Ok(found.iter().filter_map(|entry| entry.anchor(dialect)).collect())
    }
}

#[async_trait]
impl Session for DirectorySession {
    fn endpoint(&self) -> &Endpoint {
        &self.controller.endpoint
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
