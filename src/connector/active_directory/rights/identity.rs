//! Who the directory takes us for: an account, the groups that it is in however deep, and which of them are protected.

use ldap3::Scope;

use super::access::Token;
use super::descriptor::Sid;
use crate::connector::active_directory::connection::{Connection, Failure, Search};
use crate::connector::active_directory::errors::During;
use crate::connector::active_directory::target::DirectorySession;
use crate::connector::active_directory::wire::{Entry, Filter, guid_dn};
use crate::domain::account::Protection;
use crate::error::{Error, Kind, Result};

/// Of an account, the SIDs of the groups that it is in, directly or not ([MS-ADTS] 3.1.1.4.5.19); of the root DSE, all those
/// of the connection's security context. Together they are whole even where one is not given: the first needs a global
/// catalog.
const TOKEN_GROUPS: &str = "tokenGroups";

/// Whoever signs in over the network is one of these too ([MS-DTYP] 2.4.2.4): everyone, the network's users,
/// authenticated users, this organization.
const EVERYBODY: [&str; 4] = ["S-1-1-0", "S-1-5-2", "S-1-5-11", "S-1-5-15"];

/// Membership through groups in groups ([MS-ADTS] 3.1.1.3.4.4.3).
const MEMBER_IN_CHAIN: &str = "member:1.2.840.113556.1.4.1941:";

/// Groups whose members are protected, by the end of their SIDs in the domain or the forest's first one ("Appendix C:
/// Protected Accounts and Groups in Active Directory").
#[rustfmt::skip]
const OF_DOMAIN: [(u32, &str); 7] = [
    (512, "Domain Admins"),
    (516, "Domain Controllers"),
    (518, "Schema Admins"),
    (519, "Enterprise Admins"),
    (521, "Read-only Domain Controllers"),
    (526, "Key Admins"),
    (527, "Enterprise Key Admins"),
];

/// The same, of every domain alike.
#[rustfmt::skip]
const BUILT_IN: [(&str, &str); 6] = [
    ("S-1-5-32-544", "Administrators"),
    ("S-1-5-32-548", "Account Operators"),
    ("S-1-5-32-549", "Server Operators"),
    ("S-1-5-32-550", "Print Operators"),
    ("S-1-5-32-551", "Backup Operators"),
    ("S-1-5-32-552", "Replicator"),
];

pub(super) struct Identity {
    pub dn: String,
    pub sid: Sid,
    /// `DOMAIN\muster` where the domain's short name may be read, else the name alone.
    pub name: String,
    pub token: Token,
    /// Protected groups in the token, by name.
    pub protected_groups: Vec<(Sid, String)>,
    /// The mark of accounts that are, or were, in one.
    pub has_admin_count: bool,
}

impl Identity {
    pub(super) async fn read(session: &DirectorySession) -> Result<Identity> {
        let connection = session.connection().await?;
        let root = connection.root(&[TOKEN_GROUPS]).await.map_err(failed)?;
        let mut token = sids(&root);
        let own = own_entry(session, &connection, &token).await?;
        let (entry, sid) = own.ok_or_else(silent)?;
        let groups = sids(&entry);
        if token.is_empty() && groups.is_empty() {
            return Err(silent());
        }
        token.insert(sid.clone());
        token.extend(groups);
        token.extend(everybodys(session, &connection).await?);
        let name = entry.text("sAMAccountName").unwrap_or_default();
        let name = match domain_name(session, &connection).await? {
            Some(domain) => format!("{domain}\\{name}"),
            None => name.to_string(),
        };
        Ok(Identity {
            protected_groups: protected(&token, &sid),
            has_admin_count: entry.number("adminCount").is_some_and(|count| count > 0),
            dn: entry.dn,
            sid,
            name,
            token,
        })
    }

    /// It holds for everybody in the domain, and says nothing of this account.
    pub(super) fn is_everybody(sid: &Sid) -> bool {
        let text = sid.to_string();
        EVERYBODY.contains(&text.as_str())
    }

    pub(super) fn is_protected_group(&self, sid: &Sid) -> bool {
        self.protected_groups.iter().any(|(group, _)| group == sid)
    }

    /// Why it is privileged, a sentence each.
    pub(super) fn privileges(&self) -> Vec<String> {
        let groups = self.protected_groups.iter();
        let mut privileges: Vec<String> = groups.map(|(_, name)| format!("is a member of {name}")).collect();
        if self.has_admin_count {
            privileges.push("has adminCount=1, the mark of administrators".to_string());
        }
        privileges
    }
}

fn failed(failure: Failure) -> Error {
    failure.into_error(During::Search)
}

fn sids(entry: &Entry) -> Token {
    let stored = entry.bytes(TOKEN_GROUPS).iter();
    stored.filter_map(|bytes| Sid::first_of(bytes)).collect()
}

/// The account that we signed in as. A name may fit several; the token knows which.
async fn own_entry(
    session: &DirectorySession,
    connection: &Connection,
    token: &Token,
) -> Result<Option<(Entry, Sid)>> {
    let asked = ["objectSid", "sAMAccountName", "adminCount", TOKEN_GROUPS].map(str::to_string);
    for (anchor, protection) in &session.fenced {
        if *protection != Protection::OwnAccount {
            continue;
        }
        let entry = connection.read(&guid_dn(anchor), &asked, Vec::new()).await;
        let Some(entry) = entry.map_err(failed)? else {
            continue;
        };
        let sid = entry
            .bytes("objectSid")
            .first()
            .and_then(|bytes| Sid::first_of(bytes));
        if let Some(sid) = sid.filter(|sid| token.is_empty() || token.contains(sid)) {
            return Ok(Some((entry, sid)));
        }
    }
    Ok(None)
}

/// What everybody is, and the groups that everybody is in.
async fn everybodys(session: &DirectorySession, connection: &Connection) -> Result<Token> {
    let mut token: Token = EVERYBODY.iter().filter_map(|sid| Sid::parse(sid)).collect();
    let base = &session.shared.base_dn;
    let principals = EVERYBODY.iter().map(|sid| {
        Filter::equal(
            MEMBER_IN_CHAIN,
            &format!("CN={sid},CN=ForeignSecurityPrincipals,{base}"),
        )
    });
    let search = Search {
        base,
        scope: Scope::Subtree,
        filter: Filter::Any(principals.collect()),
        attributes: &["objectSid".to_string()],
        controls: Vec::new(),
        page_size: session.shared.page_size,
    };
    let groups = connection.search(&search).await.map_err(failed)?;
    let stored = groups.iter().flat_map(|group| group.bytes("objectSid"));
    token.extend(stored.filter_map(|bytes| Sid::first_of(bytes)));
    Ok(token)
}

fn silent() -> Error {
    let message = "this directory does not tell who the service account is and which groups it is in, so nothing can be said \
                   of its rights: only Active Directory and Samba do";
    Error::new(Kind::Unsupported, message)
}

fn protected(token: &Token, own: &Sid) -> Vec<(Sid, String)> {
    let is_known = |sid: &Sid| {
        let of_domain = || {
            // The forest's first domain has groups with power over all of them, and another beginning.
            let is_of_a_domain = sid.to_string().starts_with("S-1-5-21-") && sid != own;
            let known = OF_DOMAIN.iter().find(|(last, _)| sid.last() == Some(*last));
            known.filter(|_| is_of_a_domain).map(|(_, name)| *name)
        };
        let text = sid.to_string();
        let built_in = BUILT_IN.iter().find(|(known, _)| text == *known);
        built_in.map(|(_, name)| *name).or_else(of_domain)
    };
    let mut found: Vec<(Sid, String)> = token
        .iter()
        .filter_map(|sid| Some((sid.clone(), is_known(sid)?.to_string())))
        .collect();
    found.sort_by(|left, right| left.1.cmp(&right.1));
    found
}

/// The domain's name of old: `EXAMPLE`.
async fn domain_name(session: &DirectorySession, connection: &Connection) -> Result<Option<String>> {
    let Some(configuration) = &session.server.configuration else {
        return Ok(None);
    };
    let partitions = format!("CN=Partitions,{configuration}");
    let asked = ["nETBIOSName".to_string()];
    let search = Search {
        base: &partitions,
        scope: Scope::OneLevel,
        filter: Filter::equal("nCName", &session.shared.base_dn),
        attributes: &asked,
        controls: Vec::new(),
        page_size: session.shared.page_size,
    };
    let found = connection.search(&search).await.map_err(failed)?;
    Ok(found
        .iter()
        .find_map(|entry| entry.text("nETBIOSName"))
        .map(str::to_string))
}
