//! The root DSE: what the server says of itself ([MS-ADTS] 3.1.1.3.2).

use super::controls;
use super::domain::{Context, Domain};
use super::value;
use super::wire::{self, Entry, Values};

/// Active Directory, of the later kinds ([MS-ADTS] 3.1.1.3.4.3).
const CAPABILITIES: &[&str] = &[
    "1.2.840.113556.1.4.800",
    "1.2.840.113556.1.4.1670",
    "1.2.840.113556.1.4.1791",
    "1.2.840.113556.1.4.1935",
    "1.2.840.113556.1.4.2080",
    "1.2.840.113556.1.4.2237",
];

/// Windows Server 2016.
const FUNCTIONALITY: &str = "7";

const POLICIES: &[&str] = &[
    "MaxPageSize",
    "MaxReceiveBuffer",
    "MaxResultSetsPerConn",
    "MaxValRange",
];

/// Shown only to those who ask for it by name.
const ON_DEMAND: &[&str] = &["supportedExtension", "currentTime", "msDS-PrincipalName"];

impl Domain {
    /// Everybody may read it, also before signing in.
    pub fn root_dse(&self, asked: &[&str], context: &Context) -> Entry {
        let wants_all = asked.is_empty() || asked.contains(&"*") || asked.contains(&"+");
        let is_named = |name: &str| asked.iter().any(|it| it.eq_ignore_ascii_case(name));
        let shown = self.facts(context).into_iter().filter(|(name, _)| {
            is_named(name) || wants_all && !ON_DEMAND.contains(name) || asked.contains(&"+")
        });
        let bytes = |texts: Vec<String>| texts.into_iter().map(String::into_bytes).collect();
        Entry {
            name: "".into(),
            attributes: shown
                .map(|(name, texts)| Values::new(name, bytes(texts)))
                .collect(),
        }
    }

    fn facts(&self, context: &Context) -> Vec<(&'static str, Vec<String>)> {
        let one = |text: &str| vec![text.to_string()];
        let many = |texts: &[&str]| texts.iter().map(|it| it.to_string()).collect();
        let dn = |id| self.tree.dn(id);
        let (base, configuration, schema) = (dn(self.tree.root()), dn(self.configuration), dn(self.schema));
        let host = format!("dc1.{}", self.dns_name);
        let server = format!("CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,{configuration}");
        vec![
            ("currentTime", one(&value::generalized(context.now))),
            ("subschemaSubentry", vec![format!("CN=Aggregate,{schema}")]),
            ("dsServiceName", vec![format!("CN=NTDS Settings,{server}")]),
            (
                "namingContexts",
                vec![base.clone(), configuration.clone(), schema.clone()],
            ),
            ("defaultNamingContext", vec![base.clone()]),
            ("schemaNamingContext", vec![schema]),
            ("configurationNamingContext", vec![configuration]),
            ("rootDomainNamingContext", vec![base]),
            (
                "supportedControl",
                controls::supported().map(str::to_string).collect(),
            ),
            ("supportedLDAPVersion", many(&["3", "2"])),
            ("supportedLDAPPolicies", many(POLICIES)),
            ("highestCommittedUSN", vec![self.tree.usn().to_string()]),
            ("dnsHostName", vec![host.clone()]),
            (
                "ldapServiceName",
                vec![format!("{}:dc1$@{}", self.dns_name, self.dns_name.to_uppercase())],
            ),
            ("serverName", vec![server]),
            ("supportedCapabilities", many(CAPABILITIES)),
            ("supportedExtension", many(&[wire::START_TLS, wire::WHO_AM_I])),
            ("isSynchronized", one("TRUE")),
            ("isGlobalCatalogReady", one("FALSE")),
            ("domainFunctionality", one(FUNCTIONALITY)),
            ("forestFunctionality", one(FUNCTIONALITY)),
            ("domainControllerFunctionality", one(FUNCTIONALITY)),
        ]
    }
}
