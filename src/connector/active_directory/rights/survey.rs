//! What was read of the domain: its containers' access lists, those of some accounts, and what is missing and too much by
//! them.

use std::collections::{BTreeSet, HashMap};

use ldap3::Scope;
use ldap3::controls::RawControl;

use super::access::{in_container, on_account};
use super::descriptor::{AccessEntry, Descriptor, Sid};
use super::excess::{Measure, is_alarming};
use super::identity::Identity;
use super::names::Names;
use super::needs::Need;
use super::{Task, failed, session, tasks};
use crate::connector::active_directory::config::Config;
use crate::connector::active_directory::connection::Search;
use crate::connector::active_directory::target::DirectorySession;
use crate::connector::active_directory::wire::{Entry, Filter};
use crate::connector::rights::{Duty, Excess, Missing, Rights};
use crate::domain::dn::{self, Dn};
use crate::error::Result;

/// Which parts of a descriptor are asked for ([MS-ADTS] 3.1.1.3.4.1.11); all of them take a right that only
/// administrators have.
const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
/// `SEQUENCE { flags INTEGER }`: the owner (1) and the access list (4).
const OWNER_AND_DACL: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x05];

const DESCRIPTOR: &str = "nTSecurityDescriptor";

/// What has accounts in it, or hands access lists down to what has.
const CONTAINERS: [&str; 4] = ["domainDNS", "organizationalUnit", "container", "builtinDomain"];

/// Accounts of a managed container whose own lists are looked at.
const SAMPLE: u32 = 200;

/// Accounts told of where several refuse the same.
const TOLD: usize = 5;

/// One container of the domain.
struct Container {
    dn: String,
    parsed: Dn,
    /// `None` where the service account may not see it.
    list: Option<Descriptor>,
}

/// Everything that was read.
pub(super) struct Survey<'a> {
    session: DirectorySession,
    pub identity: Identity,
    names: Names,
    containers: Vec<Container>,
    pub tasks: Vec<Task<'a>>,
    /// What groups in the token are called.
    groups: HashMap<Sid, String>,
}

impl<'a> Survey<'a> {
    pub(super) async fn new(config: &Config, duties: &[Duty<'a>]) -> Result<Survey<'a>> {
        let session = session(config).await?;
        let identity = Identity::read(&session).await?;
        let names = Names::read(&session).await?;
        let mut survey = Survey {
            tasks: tasks(duties, &names),
            containers: Vec::new(),
            groups: HashMap::new(),
            session,
            identity,
            names,
        };
        survey.containers = survey.containers().await?;
        survey.groups = survey.groups().await?;
        Ok(survey)
    }

    async fn search(
        &self,
        base: &str,
        filter: Filter,
        attributes: &[&str],
        most: Option<u32>,
    ) -> Result<Vec<Entry>> {
        let attributes: Vec<String> = attributes.iter().map(|it| (*it).to_string()).collect();
        let search = Search {
            base,
            scope: Scope::Subtree,
            filter,
            attributes: &attributes,
            controls: vec![RawControl {
                ctype: SD_FLAGS.to_string(),
                crit: true,
                val: Some(OWNER_AND_DACL.to_vec()),
            }],
            page_size: most.unwrap_or(self.session.shared.page_size),
        };
        let connection = self.session.connection().await?;
        match most {
            None => connection.search(&search).await.map_err(failed),
            Some(_) => {
                let page = connection.page(&search, Vec::new()).await;
                page.map(|page| page.entries).map_err(failed)
            }
        }
    }

    async fn containers(&self) -> Result<Vec<Container>> {
        let classes = CONTAINERS.iter().map(|class| Filter::equal("objectClass", class));
        let any = Filter::Any(classes.collect());
        let found = self
            .search(&self.session.shared.base_dn, any, &[DESCRIPTOR], None)
            .await?;
        let container = |entry: Entry| {
            Some(Container {
                parsed: Dn::parse(&entry.dn)?,
                list: list(&entry),
                dn: entry.dn,
            })
        };
        let mut containers: Vec<Container> = found.into_iter().filter_map(container).collect();
        containers.sort_by_key(|container| container.dn.len());
        Ok(containers)
    }

    /// The names of whoever is named in access lists and is one of us.
    async fn groups(&self) -> Result<HashMap<Sid, String>> {
        let sids = self
            .identity
            .token
            .iter()
            .filter(|sid| !Identity::is_everybody(sid));
        let filters: Vec<Filter> = sids
            .map(|sid| Filter::equal("objectSid", &sid.to_string()))
            .collect();
        let asked = ["objectSid", "sAMAccountName"];
        let found = self
            .search(&self.session.shared.base_dn, Filter::Any(filters), &asked, None)
            .await?;
        let named = |entry: &Entry| {
            let sid = Sid::first_of(entry.bytes("objectSid").first()?)?;
            Some((sid, entry.text("sAMAccountName")?.to_string()))
        };
        Ok(found.iter().filter_map(named).collect())
    }

    /// What one app lacks in one of its containers, and in what lies in it.
    pub(super) async fn missing(&self, task: &Task<'_>, managed: &Dn, rights: &mut Rights) -> Result<()> {
        let inside = |container: &&Container| container.parsed.is_within(managed);
        let lists: Vec<&Container> = self.containers.iter().filter(inside).collect();
        let Some(top) = lists.iter().find(|container| container.parsed == *managed) else {
            rights.missing.push(Missing {
                app: task.app.to_string(),
                place: managed.to_string(),
                right: "list contents".to_string(),
                property: None,
                attributes: Vec::new(),
                consequence: "it does not exist, or may not be seen".to_string(),
            });
            return Ok(());
        };
        let lacks = |container: &Container| -> Vec<&Need> {
            let Some(list) = &container.list else {
                return Vec::new();
            };
            let (token, names) = (&self.identity.token, &self.names);
            let lacks = |need: &&Need| !in_container(list, token, names, &need.right);
            task.needs.iter().filter(lacks).collect()
        };
        let of_top = lacks(top);
        for container in &lists {
            if container.list.is_none() {
                rights.missing.push(unreadable(task, container));
            }
            let known = |need: &&Need| std::ptr::eq(*container, *top) || !of_top.contains(need);
            let lacking = lacks(container).into_iter().filter(known);
            rights
                .missing
                .extend(lacking.map(|need| missing(task, need, container.dn.clone())));
        }
        self.of_accounts(task, managed, &lists, rights).await
    }

    /// Accounts that refuse what their container would grant.
    async fn of_accounts(
        &self,
        task: &Task<'_>,
        managed: &Dn,
        containers: &[&Container],
        rights: &mut Rights,
    ) -> Result<()> {
        let asked = [DESCRIPTOR, "adminCount", "isCriticalSystemObject"];
        let people = self.session.server.dialect.people();
        let found = self
            .search(&managed.to_string(), people, &asked, Some(SAMPLE))
            .await?;
        let (token, names) = (&self.identity.token, &self.names);
        let mut refusing: Vec<(Vec<&Need>, Vec<String>)> = Vec::new();
        for entry in found.iter().filter(|entry| !is_never_written(entry)) {
            let parent = dn::parent(&entry.dn).and_then(Dn::parse);
            let parent = containers.iter().find(|it| Some(&it.parsed) == parent.as_ref());
            let parent = parent.and_then(|container| container.list.as_ref());
            let (Some(own), Some(parent)) = (list(entry), parent) else {
                continue;
            };
            let refuses = |need: &&Need| {
                in_container(parent, token, names, &need.right)
                    && !on_account(&own, Some(parent), token, names, &need.right)
            };
            let lacking: Vec<&Need> = task.needs.iter().filter(refuses).collect();
            match refusing.iter_mut().find(|(needs, _)| *needs == lacking) {
                _ if lacking.is_empty() => {}
                Some((_, accounts)) => accounts.push(entry.dn.clone()),
                None => refusing.push((lacking, vec![entry.dn.clone()])),
            }
        }
        for (needs, accounts) in refusing {
            for account in accounts.iter().take(TOLD) {
                rights
                    .missing
                    .extend(needs.iter().map(|need| missing(task, need, account.clone())));
            }
            rights.notes.push(format!(
                "{} of {} accounts looked at in {} refuse what their container grants ({}): they do not inherit its access \
                 list, or deny something in their own",
                accounts.len(),
                found.len(),
                managed,
                accounts.first().map_or("", String::as_str)
            ));
        }
        Ok(())
    }

    /// What entries of access lists grant beyond the needs of all apps. What is inherited is told where it comes from.
    pub(super) fn excess(&self, rights: &mut Rights) {
        let mut hidden = 0;
        for container in &self.containers {
            let Some(list) = &container.list else {
                hidden += 1;
                continue;
            };
            let measure = self.measure(&container.parsed);
            if list.owner.as_ref().is_some_and(|owner| self.is_own(owner)) {
                rights.excess.push(Excess {
                    place: container.dn.clone(),
                    right: "change permissions, as the owner".to_string(),
                    through: list
                        .owner
                        .as_ref()
                        .map_or_else(String::new, |owner| self.through(owner)),
                });
            }
            let own = |entry: &&AccessEntry| !entry.is_inherited();
            for entry in list
                .entries
                .iter()
                .flatten()
                .filter(own)
                .filter(|it| self.is_told(it))
            {
                rights
                    .excess
                    .extend(measure.beyond(entry).into_iter().map(|right| Excess {
                        place: container.dn.clone(),
                        right: format!("{right} ({})", measure.reach(entry)),
                        through: self.through(&entry.trustee),
                    }));
            }
        }
        if hidden > 0 {
            let verb = if hidden == 1 { "shows" } else { "show" };
            rights.notes.push(format!(
                "{hidden} of the domain's containers {verb} no access list to the account, so nothing is known of excess there"
            ));
        }
    }

    /// Accounts and groups with power over the domain are nobody's to change.
    pub(super) async fn protected_accounts(&self, rights: &mut Rights) -> Result<()> {
        let protected = Filter::equal("adminCount", "1");
        let found = self
            .search(&self.session.shared.base_dn, protected, &[DESCRIPTOR], None)
            .await?;
        let measure = Measure {
            names: &self.names,
            needed: BTreeSet::new(),
            is_managed: false,
        };
        for entry in &found {
            let entries = list(entry).and_then(|list| list.entries).unwrap_or_default();
            let told = entries.iter().filter(|it| it.is_here() && self.is_told(it));
            for held in told {
                rights
                    .excess
                    .extend(measure.beyond(held).into_iter().map(|right| Excess {
                        place: entry.dn.clone(),
                        right: format!("{right} (of a protected account or group)"),
                        through: self.through(&held.trustee),
                    }));
            }
        }
        Ok(())
    }

    fn measure(&self, place: &Dn) -> Measure<'_> {
        let is_within = |task: &&Task<'_>| task.managed.iter().any(|managed| place.is_within(managed));
        let tasks: Vec<&Task<'_>> = self.tasks.iter().filter(is_within).collect();
        Measure {
            names: &self.names,
            is_managed: !tasks.is_empty(),
            needed: tasks
                .iter()
                .flat_map(|task| &task.needs)
                .map(|need| &need.right)
                .collect(),
        }
    }

    /// It is about this account, and more than the membership of a protected group, which is told by itself.
    fn is_told(&self, entry: &AccessEntry) -> bool {
        match Identity::is_everybody(&entry.trustee) {
            true => is_alarming(entry),
            false => self.is_own(&entry.trustee),
        }
    }

    fn is_own(&self, sid: &Sid) -> bool {
        let identity = &self.identity;
        identity.token.contains(sid) && !Identity::is_everybody(sid) && !identity.is_protected_group(sid)
    }

    fn through(&self, sid: &Sid) -> String {
        match self.groups.get(sid) {
            _ if *sid == self.identity.sid => "the account itself".to_string(),
            Some(group) => format!("the group {group}"),
            None if Identity::is_everybody(sid) => format!("everybody who signs in ({sid})"),
            None => sid.to_string(),
        }
    }
}

fn missing(task: &Task<'_>, need: &Need, place: String) -> Missing {
    Missing {
        app: task.app.to_string(),
        place,
        right: need.right.text().to_string(),
        property: need.right.property().map(str::to_string),
        attributes: need.attributes.clone(),
        consequence: need.consequence.to_string(),
    }
}

fn unreadable(task: &Task<'_>, container: &Container) -> Missing {
    Missing {
        app: task.app.to_string(),
        place: container.dn.clone(),
        right: "read permissions".to_string(),
        property: None,
        attributes: Vec::new(),
        consequence: "what else is missing here cannot be told".to_string(),
    }
}

fn list(entry: &Entry) -> Option<Descriptor> {
    Descriptor::parse(entry.bytes(DESCRIPTOR).first()?)
}

/// B21.
fn is_never_written(entry: &Entry) -> bool {
    entry.number("adminCount").is_some_and(|count| count > 0)
        || entry.text("isCriticalSystemObject") == Some("TRUE")
}
