//! What `[system.…] kind = "active-directory"` says, as written and as meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use crate::connector::is_loopback;
use crate::domain::dn::{self, Dn};
use crate::error::{Error, Result};
use crate::written::{Table, Written};

/// Windows answers no more than this many entries a page (MaxPageSize of its LDAP policies).
const LARGEST_PAGE: u32 = 1000;

/// The table as written. Every string may also be `{ env = "…" }` or `{ file = "…" }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// `ldaps://host[:port]` or `ldap://host[:port]`, in order of preference.
    pub urls: Vec<Written>,
    /// Encrypt `ldap://` with StartTLS (RFC 4511 §4.14) before anything else is said.
    #[serde(default)]
    pub starttls: bool,
    /// The domain's DN: where anchors are looked for, and below which everything is written.
    pub base_dn: Written,
    /// A DN, a user principal name or `DOMAIN\user`.
    pub bind_dn: Written,
    pub password: Written,
    /// The authority that signed the servers' certificates, in PEM; the system's roots otherwise.
    pub ca_file: Option<Written>,
    /// How long one call may take, connecting included: `30s` unless said.
    pub timeout: Option<Written>,
    /// Entries a page, 1 to 1000 (the default).
    pub page_size: Option<u32>,
    /// Where accounts are matched: `base_dn` unless said.
    pub search_base: Option<Written>,
    /// How long a write may take to reach the other controllers: `15m` unless said (B23).
    pub replication_delay: Option<Written>,
    /// Global catalog servers, in order of preference, where the forest has more domains than this one: `ldaps://host:3269` or
    /// `ldap://host:3268`. Whether a name is free is asked there (B22).
    #[serde(default)]
    pub global_catalog: Vec<Written>,
    /// The service account may be one that has power over the domain, such as a member of Domain Admins (B31).
    #[serde(default)]
    pub allow_privileged: bool,
}

/// The table as meant: everything resolved and proved.
#[derive(Clone, Debug)]
pub struct Config {
    pub urls: Vec<String>,
    pub starttls: bool,
    pub base_dn: String,
    pub search_base: String,
    pub bind_dn: String,
    pub password: SecretString,
    pub ca_file: Option<PathBuf>,
    pub timeout: Duration,
    pub page_size: u32,
    pub replication_delay: Duration,
    pub global_catalog: Vec<String>,
    pub allow_privileged: bool,
}

impl Config {
    /// The domain's DNS name, `example.test` of `DC=example,DC=test`; `None` where the base has no DC parts.
    pub fn domain(&self) -> Option<String> {
        let above = std::iter::successors(Some(self.base_dn.as_str()), |dn| dn::parent(dn));
        let labels: Vec<String> = above
            .filter(|dn| dn.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("dc=")))
            .filter_map(dn::own_name)
            .collect();
        (!labels.is_empty()).then(|| labels.join("."))
    }
}

impl File {
    /// Relative files are looked for in `beside`, the folder of the config. The error names the key.
    pub fn resolve(&self, beside: &Path) -> Result<Config> {
        let table = Table { beside };
        if self.urls.is_empty() {
            return Err(Error::invalid("names no server: give at least one ldaps:// address").at("urls"));
        }
        let servers = |key: &'static str, urls: &[Written]| {
            let server = |url| server(key, &table.text(key, url)?, self.starttls);
            urls.iter().map(server).collect::<Result<Vec<_>>>()
        };
        let urls = servers("urls", &self.urls)?;
        let base_dn = name("base_dn", table.text("base_dn", &self.base_dn)?)?;
        let search_base = match table.optional("search_base", &self.search_base)? {
            Some(written) => below(name("search_base", written)?, &base_dn)?,
            None => base_dn.clone(),
        };
        let page_size = self.page_size.unwrap_or(LARGEST_PAGE);
        if !(1..=LARGEST_PAGE).contains(&page_size) {
            return Err(Error::invalid(format!("must be between 1 and {LARGEST_PAGE}")).at("page_size"));
        }
        Ok(Config {
            urls,
            starttls: self.starttls,
            base_dn,
            search_base,
            bind_dn: table.text("bind_dn", &self.bind_dn)?,
            // A simple bind without a password succeeds as nobody (RFC 4513 §5.1.2), but the table wants one.
            password: table.secret("password", &self.password)?,
            ca_file: table.file("ca_file", &self.ca_file)?,
            timeout: table.duration("timeout", &self.timeout, Duration::from_secs(30))?,
            page_size,
            replication_delay: table.duration(
                "replication_delay",
                &self.replication_delay,
                Duration::from_secs(15 * 60),
            )?,
            global_catalog: servers("global_catalog", &self.global_catalog)?,
            allow_privileged: self.allow_privileged,
        })
    }
}

/// Proves one address. Credentials never travel in the clear, except to this very machine.
fn server(key: &str, url: &str, starttls: bool) -> Result<String> {
    let wrong = |what: &str| Err(Error::invalid(format!("{url}: {what}")).at(key));
    let Some((scheme, rest)) = url.split_once("://") else {
        return wrong("is no address: write ldaps://host or ldap://host with starttls = true");
    };
    let place = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !place.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    };
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return wrong("needs a host name, and nothing but a port after it");
    }
    if host.starts_with('[') {
        return wrong("is a bare IPv6 address: give the controller's name, which its certificate holds");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return wrong("has a port that is no number below 65536");
    }
    match scheme {
        "ldaps" if starttls => {
            wrong("is encrypted from the start: take ldap:// with starttls, or leave it out")
        }
        "ldaps" => Ok(url.to_string()),
        "ldap" if starttls || is_loopback(host) => Ok(url.to_string()),
        "ldap" => wrong("would send the password in the clear: take ldaps:// or set starttls = true"),
        _ => wrong("has an unknown scheme: take ldaps://, or ldap:// with starttls = true"),
    }
}

fn name(key: &'static str, text: String) -> Result<String> {
    match Dn::parse(&text) {
        Some(_) => Ok(text),
        None => Err(Error::invalid("is no distinguished name like DC=example,DC=test").at(key)),
    }
}

fn below(text: String, base: &str) -> Result<String> {
    let within = Dn::parse(&text)
        .zip(Dn::parse(base))
        .is_some_and(|(it, base)| it.is_within(&base));
    match within {
        true => Ok(text),
        false => Err(Error::invalid("does not lie below base_dn").at("search_base")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = r#"
        urls = ["ldaps://dc1.example.test", "ldaps://dc2.example.test:10636/"]
        base_dn = "DC=example,DC=test"
        bind_dn = "CN=muster,CN=Users,DC=example,DC=test"
        password = "secret"
    "#;

    fn read(text: &str) -> Result<Config> {
        toml::from_str::<File>(text)
            .unwrap()
            .resolve(Path::new("/etc/muster"))
    }

    fn fault(extra: &str, replaced: &str) -> (Option<String>, String) {
        let text = match replaced {
            "" => format!("{WRITTEN}\n{extra}"),
            key => WRITTEN
                .lines()
                .map(|line| if line.trim().starts_with(key) { extra } else { line })
                .collect::<Vec<_>>()
                .join("\n"),
        };
        let error = read(&text).unwrap_err();
        (error.target.clone(), error.message)
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let config = read(WRITTEN).unwrap();
        assert_eq!(config.urls.len(), 2);
        assert_eq!(config.search_base, "DC=example,DC=test");
        assert_eq!(config.timeout, Duration::from_secs(30));
        assert_eq!(config.replication_delay, Duration::from_secs(900));
        assert_eq!(config.page_size, 1000);
        assert!(!config.allow_privileged);
        assert_eq!(config.domain().as_deref(), Some("example.test"));
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn lengths_of_time_and_files_are_read() {
        let config = read(&format!(
            "{WRITTEN}\ntimeout = \"500ms\"\nreplication_delay = \"1h\"\nca_file = \"ca.pem\"\npage_size = 9"
        ))
        .unwrap();
        assert_eq!(config.timeout, Duration::from_millis(500));
        assert_eq!(config.replication_delay, Duration::from_secs(3600));
        assert_eq!(config.ca_file.as_deref(), Some(Path::new("/etc/muster/ca.pem")));
        assert_eq!(config.page_size, 9);
    }

    #[test]
    fn every_fault_names_its_key() {
        for (extra, replaced, key) in [
            ("urls = []", "urls", "urls"),
            ("urls = [\"dc1\"]", "urls", "urls"),
            ("urls = [\"ldap://dc1\"]", "urls", "urls"),
            ("urls = [\"ldaps://\"]", "urls", "urls"),
            ("urls = [\"ldaps://dc1:99999\"]", "urls", "urls"),
            ("urls = [\"ldaps://[::1]\"]", "urls", "urls"),
            ("urls = [\"http://dc1\"]", "urls", "urls"),
            ("base_dn = \"example.test\"", "base_dn", "base_dn"),
            ("password = \"\"", "password", "password"),
            ("bind_dn = \" \"", "bind_dn", "bind_dn"),
            ("search_base = \"OU=Staff,DC=other\"", "", "search_base"),
            ("timeout = \"soon\"", "", "timeout"),
            ("timeout = \"-5s\"", "", "timeout"),
            ("page_size = 5000", "", "page_size"),
            ("starttls = true", "", "urls"),
            ("global_catalog = [\"dc1:3269\"]", "", "global_catalog"),
        ] {
            assert_eq!(fault(extra, replaced).0.as_deref(), Some(key), "{extra}");
        }
    }

    #[test]
    fn plain_ldap_is_for_this_machine_or_with_starttls() {
        assert!(server("urls", "ldap://127.0.0.31:3899/", false).is_ok());
        assert!(server("urls", "ldap://dc1.example.test", true).is_ok());
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(toml::from_str::<File>(&format!("{WRITTEN}\nreferrals = true")).is_err());
    }
}
