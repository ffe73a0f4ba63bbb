//! Where a life can take place besides memory: a real Samba domain, the simulated directory and the simulated tenant,
//! each reached through its connector. What differs between them is said here, once.

use std::collections::BTreeMap;

use futures::StreamExt;
use muster::connector::active_directory::{self, ActiveDirectory};
use muster::connector::entra::{self, Entra};
use muster::connector::{Lookup, Outcome, Session, Target};
use muster::domain::account::{Account, Anchor, Values};
use muster::domain::plan::{Change, Effect, Receipt, Recipe};
use uuid::Uuid;

use crate::support::tenant::Tenant;
use crate::support::{lab, ldap, samba};

pub const STAFF: &str = "OU=Staff,DC=example,DC=test";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Samba,
    Directory,
    Entra,
}

/// What the scenario files call an attribute, and what Entra's schema does.
const NAMES: &[(&str, &str)] = &[
    ("title", "jobTitle"),
    ("l", "city"),
    ("sn", "surname"),
    ("co", "country"),
    ("employeeID", "employeeId"),
    ("accountDisabled", "accountEnabled"),
];

/// Lives that a target cannot have, and why.
const ELSEWHERE: &[(Kind, &str, &str)] = &[
    (
        Kind::Entra,
        "B21: outside the managed containers",
        "users of a tenant live in no containers",
    ),
    (
        Kind::Entra,
        "a mover changes container",
        "users of a tenant live in no containers, and have no name inside one",
    ),
    (
        Kind::Entra,
        "B21: a protected account",
        "adminCount is Active Directory's; who holds a role in a tenant cannot be seen beforehand",
    ),
];

/// What a target finds otherwise than the scenario says: life, day from 1, what the plan is, its findings, and why.
struct Difference {
    kind: Kind,
    life: &'static str,
    day: usize,
    plan: Option<&'static [&'static str]>,
    findings: Option<&'static [&'static str]>,
    _why: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        kind: Kind::Entra,
        life: "B15: at once only where it can be undone",
        day: 1,
        plan: Some(&["delete"]),
        findings: Some(&[]),
        _why: "a deleted user lies in the bin for thirty days",
    },
    Difference {
        kind: Kind::Directory,
        life: "B15: at once only where it can be undone",
        day: 1,
        plan: Some(&["delete"]),
        findings: Some(&[]),
        _why: "the simulated forest has its Recycle Bin on, which Samba's and a new Windows forest have not",
    },
    Difference {
        kind: Kind::Entra,
        life: "what creation needs holds the person",
        day: 1,
        plan: None,
        findings: Some(&["AzureActiveDirectoryInvalidUserPrincipalName", "MissingValues"]),
        _why: "a user is named by userPrincipalName and mailNickname, an account by sAMAccountName too",
    },
];

pub struct Ground {
    pub kind: Kind,
    session: Box<dyn Session>,
    /// As somebody who may do anything; the same as `session` where there is no such difference.
    admin: Option<Box<dyn Session>>,
    pub recoverable: bool,
    place: Place,
}

enum Place {
    Domain(ldap::Client),
    Tenant(Tenant),
}

/// Why this life cannot take place there, if so.
pub fn impossible(kind: Kind, life: &str) -> Option<&'static str> {
    let row = ELSEWHERE
        .iter()
        .find(|(one, name, _)| *one == kind && life.starts_with(name));
    row.map(|(_, _, why)| *why)
}

pub fn differs(kind: Kind, life: &str, day: usize) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let row = DIFFERENCES
        .iter()
        .find(|row| row.kind == kind && life.starts_with(row.life) && row.day == day);
    let owned =
        |lines: Option<&[&str]>| lines.map(|lines| lines.iter().map(|line| line.to_string()).collect());
    row.map_or((None, None), |row| (owned(row.plan), owned(row.findings)))
}

/// An attribute by the name that this target's schema has for it.
pub fn named(kind: Kind, name: &str) -> String {
    let row = NAMES
        .iter()
        .find(|(ours, _)| kind == Kind::Entra && *ours == name);
    row.map_or(name, |(_, theirs)| theirs).to_string()
}

/// A line of a plan in the words of this target.
pub fn line(kind: Kind, line: &str) -> String {
    if kind != Kind::Entra {
        return line.to_string();
    }
    let line = line.replace(&format!(" in {STAFF}"), "");
    match line.split_once(' ') {
        Some((verb @ ("set" | "clear"), rest)) => {
            let (name, values) = rest
                .split_once(':')
                .map_or((rest, ""), |(name, values)| (name, values));
            let colon = if verb == "set" { ":" } else { "" };
            format!("{verb} {}{colon}{values}", named(kind, name))
        }
        _ => line,
    }
}

impl Ground {
    pub async fn samba(attributes: &[String], domain: &samba::Controller) -> Ground {
        let (user, password) = domain.service_account(&[STAFF, "OU=Rome,DC=example,DC=test"]);
        let config = |user: &str, password: &str| config(&domain.ldaps_url, user, password, &domain.ca_file);
        let (own, admin) = (
            config(&user, &password),
            config(&domain.admin_upn, &domain.admin_password),
        );
        Ground::domain(Kind::Samba, attributes, own, admin, domain.admin()).await
    }

    pub async fn directory(attributes: &[String], domain: &lab::Lab) -> Ground {
        let lab = &domain.directory;
        let config = |user: &str, password: &str| config(&lab.url, user, password, &lab.ca_file);
        let (own, admin) = (
            config(&lab.user, &lab.password),
            config(&lab.admin_user, &lab.admin_password),
        );
        Ground::domain(Kind::Directory, attributes, own, admin, domain.admin()).await
    }

    async fn domain(
        kind: Kind,
        attributes: &[String],
        own: active_directory::config::Config,
        admin: active_directory::config::Config,
        client: ldap::Client,
    ) -> Ground {
        for unit in ["Staff", "Rome", "Admins"] {
            // It may be there already.
            let _ = client.add(&format!(
                "dn: OU={unit},DC=example,DC=test\nobjectClass: organizationalUnit\n"
            ));
        }
        let own = ActiveDirectory::new(own, attributes, None).unwrap();
        let session = own.open(None).await.unwrap();
        let admin = ActiveDirectory::new(admin, attributes, None)
            .unwrap()
            .open(None)
            .await
            .unwrap();
        Ground {
            kind,
            session,
            admin: Some(admin),
            recoverable: own.capability().recoverable_delete,
            place: Place::Domain(client),
        }
    }

    pub async fn entra(attributes: &[String]) -> Ground {
        let tenant = Tenant::unthrottled();
        let file: entra::config::File =
            toml::from_str(&tenant.target().replace("kind = \"entra\"", "")).unwrap();
        let config = file.resolve(std::path::Path::new(".")).unwrap();
        let target = Entra::new(&config, attributes, None).unwrap();
        Ground {
            kind: Kind::Entra,
            session: target.open(None).await.unwrap(),
            admin: None,
            recoverable: target.capability().recoverable_delete,
            place: Place::Tenant(tenant),
        }
    }

    fn admin(&self) -> &dyn Session {
        self.admin.as_deref().unwrap_or(self.session.as_ref())
    }

    /// The account as the target has it now.
    pub async fn account(&self, linked: Option<&Anchor>) -> Option<Account> {
        let lookup = match linked {
            Some(anchor) => Lookup::Anchor(anchor.clone()),
            None => Lookup::Match {
                attribute: named(self.kind, "employeeID"),
                value: "1".into(),
            },
        };
        self.session
            .find(&[lookup])
            .await
            .unwrap()
            .remove(0)
            .into_iter()
            .next()
    }

    pub async fn write(&self, change: Change) -> Receipt {
        apply(self.session.as_ref(), change).await
    }

    /// Makes an account as somebody else would.
    pub async fn make(&self, worker: Option<&str>, given: &BTreeMap<String, String>) -> Anchor {
        let id = worker.unwrap_or("1");
        let mut values = Values::new();
        let mut put =
            |name: &str, value: &str| drop(values.insert(named(self.kind, name), vec![value.to_string()]));
        let name = given
            .get("cn")
            .map_or_else(|| format!("Found {id}"), Clone::clone);
        put("employeeID", id);
        match self.kind {
            Kind::Entra => {
                put("userPrincipalName", &format!("found{id}@example.test"));
                put("mailNickname", &format!("found{id}"));
                put("displayName", &name);
            }
            _ => {
                put("cn", &name);
                put("sAMAccountName", &format!("found{id}"));
            }
        }
        let special = ["accountDisabled", "parentDistinguishedName", "protected", "cn"];
        for (name, value) in given.iter().filter(|(name, _)| !special.contains(&name.as_str())) {
            put(name, value);
        }
        let container = given.get("parentDistinguishedName").map_or(STAFF, String::as_str);
        let create = Effect::Create {
            values,
            container: Some(container.into()),
            enabled: given.get("accountDisabled").is_none_or(|flag| flag != "True"),
            password: Recipe::default(),
        };
        let receipt = apply(self.admin(), change(None, vec![create])).await;
        if given.contains_key("protected") {
            let Place::Domain(client) = &self.place else {
                panic!("nothing protects a user")
            };
            let dn = &receipt.address;
            client
                .modify(&format!(
                    "dn: {dn}\nchangetype: modify\nreplace: adminCount\nadminCount: 1\n"
                ))
                .unwrap();
        }
        receipt.account
    }

    /// Somebody else changes the account.
    pub async fn elsewhere(&self, account: &Account, values: &BTreeMap<String, String>) {
        let effects = values.iter().map(|(name, value)| match name.as_str() {
            "accountDisabled" if value == "True" => Effect::Disable,
            "accountDisabled" => Effect::Enable,
            _ => Effect::Set {
                attribute: named(self.kind, name),
                before: account
                    .values
                    .get(&named(self.kind, name))
                    .cloned()
                    .unwrap_or_default(),
                after: vec![value.clone()],
            },
        });
        apply(self.admin(), change(Some(&account.anchor), effects.collect())).await;
    }

    /// Nothing is left of the account, not even in a bin.
    pub async fn vanish(&self, account: &Account) {
        apply(self.admin(), change(Some(&account.anchor), vec![Effect::Delete])).await;
        if let Place::Tenant(tenant) = &self.place {
            tenant.purge(&account.anchor.0).await;
        }
    }

    /// Ends a life: what it left is taken away, so that the next one starts on clean ground.
    pub fn clear(&self) {
        if let Place::Domain(client) = &self.place {
            for entry in client
                .search("(&(objectClass=user)(employeeID=*))", &["cn"])
                .unwrap()
            {
                client.delete(&entry.dn).unwrap();
            }
        }
    }
}

fn config(
    url: &str,
    user: &str,
    password: &str,
    ca_file: &std::path::Path,
) -> active_directory::config::Config {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let text = format!(
        "urls = [{}]\nbase_dn = \"DC=example,DC=test\"\nbind_dn = {}\npassword = {}\nca_file = {}\ntimeout = \"20s\"",
        quoted(url),
        quoted(user),
        quoted(password),
        quoted(&ca_file.display().to_string())
    );
    let file: active_directory::config::File = toml::from_str(&text).unwrap();
    file.resolve(std::path::Path::new(".")).unwrap()
}

fn change(account: Option<&Anchor>, effects: Vec<Effect>) -> Change {
    Change {
        id: Uuid::new_v4(),
        worker: "1".into(),
        account: account.cloned(),
        effects,
    }
}

async fn apply(session: &dyn Session, change: Change) -> Receipt {
    let text = format!("{:?}", change.effects);
    let mut outcomes: Vec<_> = session
        .apply(vec![change], std::sync::Arc::new(|| true))
        .collect()
        .await;
    match outcomes.remove(0).1 {
        Outcome::Done(receipt) => receipt,
        other => panic!("{text}: {other:?}"),
    }
}
