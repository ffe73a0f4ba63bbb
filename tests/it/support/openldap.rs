//! OpenLDAP with Active Directory's user class, for what has to be fast. It has no objectGUID, no rules about
//! passwords or names, none of a controller's error codes: whatever is about Active Directory is tested on
//! [`samba`](super::samba).

use std::path::PathBuf;

use super::keeper::{Address, Keeper};
use super::ldap::Client;

/// A new directory, up in a fifth of a second: `DC=example,DC=test` with one OU, `Staff`.
pub fn directory() -> Directory {
    let address = Address::claim();
    let keeper = Keeper::start("openldap", &[&address.to_string()]);
    Directory {
        ldap_url: format!("ldap://{address}:3389"),
        ldaps_url: format!("ldaps://{address}:3636"),
        base_dn: "DC=example,DC=test".to_owned(),
        admin_dn: "CN=admin,DC=example,DC=test".to_owned(),
        admin_password: "Passw0rd!Admin".to_owned(),
        ca_file: keeper.dir.join("tls/ca.pem"),
        _keeper: keeper,
        _claim: address,
    }
}

pub struct Directory {
    pub ldap_url: String,
    pub ldaps_url: String,
    pub base_dn: String,
    pub admin_dn: String,
    pub admin_password: String,
    pub ca_file: PathBuf,
    _keeper: Keeper,
    _claim: Address,
}

impl Directory {
    pub fn client(&self) -> Client {
        Client {
            url: self.ldaps_url.clone(),
            user: self.admin_dn.clone(),
            password: self.admin_password.clone(),
            ca_file: self.ca_file.clone(),
            base_dn: self.base_dn.clone(),
        }
    }
}
