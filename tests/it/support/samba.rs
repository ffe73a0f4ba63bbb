//! Active Directory domain controllers.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::keeper::{Address, Keeper};
use super::ldap::{Client, Entry};

/// The only controller of a new domain, `example.test`. It is up in about a second; the first one ever on a
/// machine takes ten.
pub fn controller() -> Controller {
    let address = Address::claim();
    let keeper = Keeper::start("samba", &[&address.to_string()]);
    Controller::new(address, keeper)
}

/// Two controllers of a new domain, in step. `Err` says why this machine cannot have them: they need mount
/// namespaces, which some containers forbid.
pub fn pair() -> Result<Pair, String> {
    let (first, second) = (Address::claim(), Address::claim());
    let (one, two) = (first.to_string(), second.to_string());
    // Both are launched before either is waited for.
    let keepers = (
        Keeper::launch("samba", &[&one, "dc1", &two]),
        Keeper::launch("samba", &[&two, "dc2", &one]),
    );
    keepers.0.ready()?;
    keepers.1.ready()?;
    Ok(Pair {
        first: Controller::new(first, keepers.0),
        second: Controller::new(second, keepers.1),
    })
}

pub struct Pair {
    pub first: Controller,
    pub second: Controller,
}

impl Pair {
    /// Returns when each has all that was written to the other. Both must be up.
    pub fn converge(&self) {
        self.first.keeper.ask("replicate");
        self.second.keeper.ask("replicate");
    }
}

pub struct Controller {
    pub address: Ipv4Addr,
    pub ldap_url: String,
    pub ldaps_url: String,
    pub base_dn: String,
    pub admin_upn: String,
    pub admin_password: String,
    /// The authority that signed the certificate of this server, and of every other that a test starts.
    pub ca_file: PathBuf,
    /// All the server's files, its `log` among them.
    pub dir: PathBuf,
    keeper: Keeper,
    _claim: Address,
}

impl Controller {
    fn new(address: Address, keeper: Keeper) -> Controller {
        Controller {
            address: address.ip,
            ldap_url: format!("ldap://{address}"),
            ldaps_url: format!("ldaps://{address}"),
            base_dn: "DC=example,DC=test".to_owned(),
            admin_upn: "Administrator@example.test".to_owned(),
            admin_password: "Passw0rd!Admin".to_owned(),
            ca_file: keeper.dir.join("tls/ca.pem"),
            dir: keeper.dir.clone(),
            keeper,
            _claim: address,
        }
    }

    /// An account that may do with the users of these OUs what provisioning does, and nothing anywhere else.
    /// The OUs are made where missing. Gives its UPN and password.
    pub fn service_account(&self, units: &[&str]) -> (String, String) {
        self.keeper.ask(&format!("delegate {}", units.join(";")));
        ("svc-muster@example.test".to_owned(), "Passw0rd!Muster".to_owned())
    }

    /// Indexes an attribute, as an administrator would be asked to: a search for it no longer reads the
    /// whole domain.
    pub fn index(&self, attribute: &str) {
        let schema = Client {
            base_dn: format!("CN=Schema,CN=Configuration,{}", self.base_dn),
            ..self.admin()
        };
        let found = schema
            .search(&format!("(lDAPDisplayName={attribute})"), &["searchFlags"])
            .unwrap();
        let [entry] = &found[..] else {
            panic!("no attribute {attribute}")
        };
        let flags: u32 = entry
            .value("searchFlags")
            .map_or(0, |flags| flags.parse().unwrap());
        let dn = &entry.dn;
        self.modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: searchFlags\nsearchFlags: {}\n\n\
             dn:\nchangetype: modify\nreplace: schemaUpdateNow\nschemaUpdateNow: 1\n",
            flags | 1,
        ));
    }

    /// Ends it as an administrator would.
    pub fn stop(&self) {
        self.keeper.ask("stop");
    }

    /// Crashes it.
    pub fn kill(&self) {
        self.keeper.ask("kill");
    }

    /// Hangs it: connections stay open, and new ones are accepted, but nothing is answered until [`thaw`].
    ///
    /// [`thaw`]: Controller::thaw
    pub fn freeze(&self) {
        self.keeper.ask("freeze");
    }

    pub fn thaw(&self) {
        self.keeper.ask("thaw");
    }

    /// Starts it where it was before it was stopped or killed: same address, same data.
    pub fn start_again(&self) {
        self.keeper.ask("start");
    }

    pub fn search(&self, filter: &str, attributes: &[&str]) -> Vec<Entry> {
        self.admin().search(filter, attributes).unwrap()
    }

    pub fn add(&self, ldif: &str) {
        self.admin().add(ldif).unwrap();
    }

    pub fn modify(&self, ldif: &str) {
        self.admin().modify(ldif).unwrap();
    }

    pub fn delete(&self, dn: &str) {
        self.admin().delete(dn).unwrap();
    }

    /// Somebody else's view of the directory, and somebody else's rights.
    pub fn client(&self, upn: &str, password: &str) -> Client {
        Client {
            url: self.ldaps_url.clone(),
            user: upn.to_owned(),
            password: password.to_owned(),
            ca_file: self.ca_file.clone(),
            base_dn: self.base_dn.clone(),
        }
    }

    pub fn admin(&self) -> Client {
        self.client(&self.admin_upn, &self.admin_password)
    }
}
