//! The directory by itself: what a bare client gets out of it that writes the same, as many at a time as the
//! gateway does.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry};
use muster::domain::plan::{Change, Effect};

use crate::support::openldap;
use crate::support::samba;

/// As many as the gateway opens.
const CONNECTIONS: usize = 4;

/// Calls side by side on one connection, where the server works that way.
const DEPTH: usize = 16;

const PASSWORD: &str = "Sup3r-Secret-Engine!";
const ENABLED: &str = "512";

type Attributes = Vec<(Vec<u8>, HashSet<Vec<u8>>)>;

/// A directory, who writes to it, and how.
pub struct Directory {
    url: String,
    user: String,
    password: String,
    is_active_directory: bool,
}

impl Directory {
    pub fn openldap(directory: &openldap::Directory) -> Directory {
        Directory {
            url: directory.ldap_url.clone(),
            user: directory.admin_dn.clone(),
            password: directory.admin_password.clone(),
            is_active_directory: false,
        }
    }

    /// With rights on the container of the accounts only, and the matching attribute indexed.
    pub fn samba(controller: &samba::Controller) -> Directory {
        let (user, password) = controller.service_account(&["OU=Staff,DC=example,DC=test"]);
        controller.index("employeeID");
        Directory {
            url: controller.ldaps_url.clone(),
            user,
            password,
            is_active_directory: true,
        }
    }

    /// The lines of `[system.…]` that lead there.
    pub fn config(&self, ca_file: &std::path::Path) -> String {
        let Directory {
            url, user, password, ..
        } = self;
        format!(
            r#"
            kind = "active-directory"
            urls = ["{url}"]
            base_dn = "DC=example,DC=test"
            bind_dn = "{user}"
            password = "{password}"
            ca_file = "{}"
            "#,
            ca_file.display()
        )
    }

    /// Makes the accounts that these changes make, enabled and with a password; how long that takes.
    pub async fn create(&self, changes: &[Change]) -> Duration {
        let connections = self.connections().await;
        let began = Instant::now();
        stream::iter(changes.iter().zip(connections.iter().cycle()))
            .for_each_concurrent(self.width(), async |(change, connection)| {
                let (dn, attributes) = account(change);
                match self.is_active_directory {
                    true => add_with_password(connection.clone(), &dn, attributes).await,
                    false => add_with_hash(connection.clone(), &dn, attributes).await,
                }
            })
            .await;
        began.elapsed()
    }

    /// Gives the accounts that these changes made a manager each, the first of them; how long that takes.
    pub async fn refer(&self, changes: &[Change]) -> Duration {
        let connections = self.connections().await;
        let (manager, _) = account(&changes[0]);
        let began = Instant::now();
        stream::iter(changes[1..].iter().zip(connections.iter().cycle()))
            .for_each_concurrent(self.width(), async |(change, connection)| {
                let (dn, _) = account(change);
                let refer = vec![Mod::Add("manager", HashSet::from([manager.as_str()]))];
                let written = connection.clone().modify(&dn, refer).await;
                written.unwrap().success().unwrap();
            })
            .await;
        began.elapsed()
    }

    /// One value of one entry, over and over, until it is what is waited for.
    pub async fn until(&self, dn: &str, attribute: &str, value: &str) {
        let mut ldap = self.connect().await;
        loop {
            let answer = ldap
                .search(dn, Scope::Base, "(objectClass=*)", [attribute])
                .await
                .unwrap();
            let (entries, _) = answer.success().unwrap();
            let found: HashMap<_, _> = entries
                .into_iter()
                .flat_map(|entry| SearchEntry::construct(entry).attrs)
                .collect();
            if found.get(attribute).is_some_and(|values| values == &[value]) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Calls side by side.
    fn width(&self) -> usize {
        match self.is_active_directory {
            true => CONNECTIONS,
            false => CONNECTIONS * DEPTH,
        }
    }

    async fn connections(&self) -> Vec<Ldap> {
        stream::iter(0..CONNECTIONS)
            .then(|_| self.connect())
            .collect()
            .await
    }

    async fn connect(&self) -> Ldap {
        // The server is this machine's own, and who it is was proved to the gateway.
        let settings = LdapConnSettings::new().set_no_tls_verify(true);
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &self.url).await.unwrap();
        ldap3::drive!(connection);
        ldap.simple_bind(&self.user, &self.password)
            .await
            .unwrap()
            .success()
            .unwrap();
        ldap
    }
}

/// Active Directory takes everything in one write.
async fn add_with_password(mut ldap: Ldap, dn: &str, mut attributes: Attributes) {
    let quoted = format!("\"{PASSWORD}\"");
    let encoded = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
    attributes.push(("userAccountControl".into(), HashSet::from([ENABLED.into()])));
    attributes.push(("unicodePwd".into(), HashSet::from([encoded])));
    ldap.add(dn, attributes).await.unwrap().success().unwrap();
}

/// Elsewhere the password comes hashed; any hash is as long as another.
async fn add_with_hash(mut ldap: Ldap, dn: &str, mut attributes: Attributes) {
    let hash = format!("{{SSHA}}{}", "0".repeat(48));
    attributes.push(("userAccountControl".into(), HashSet::from([ENABLED.into()])));
    attributes.push(("userPassword".into(), HashSet::from([hash.into()])));
    ldap.add(dn, attributes).await.unwrap().success().unwrap();
}

/// The entry that a change makes: its DN, and what it holds.
fn account(change: &Change) -> (String, Attributes) {
    let [
        Effect::Create {
            values, container, ..
        },
    ] = change.effects.as_slice()
    else {
        panic!("{} is no creation", change.worker);
    };
    let classes = ["top", "person", "organizationalPerson", "user"];
    let mut attributes: Attributes = vec![(
        "objectClass".into(),
        classes.iter().map(|class| class.as_bytes().to_vec()).collect(),
    )];
    attributes.extend(values.iter().map(|(name, values)| {
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        (name.as_bytes().to_vec(), values)
    }));
    let dn = format!("CN={},{}", values["cn"][0], container.as_deref().unwrap());
    (dn, attributes)
}
