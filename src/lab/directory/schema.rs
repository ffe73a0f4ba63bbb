//! The schema: what attributes there are, what their values look like, and which classes hold them.
//!
//! The attributes are a table of their own, `schema.tsv`; names, numbers and limits are those of Windows' schema
//! ([MS-ADA1] to [MS-ADA3], [MS-ADSC]).

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::LazyLock;

static TABLE: &str = include_str!("schema.tsv");

/// One attribute of the schema.
#[derive(Debug)]
pub struct Attribute {
    pub name: &'static str,
    /// What its entry in the schema is called.
    pub common_name: &'static str,
    pub oid: &'static str,
    pub syntax: Syntax,
    pub single: bool,
    pub lower: Option<i64>,
    pub upper: Option<i64>,
    /// [MS-ADTS] 2.2.10.
    pub search_flags: i32,
    /// Only the directory writes it.
    pub system: bool,
    /// Given with an add, and never changed.
    pub at_birth: bool,
    /// Made up when asked for.
    pub constructed: bool,
    /// Written and never read.
    pub secret: bool,
    /// Of the RDN, which is changed by renaming only.
    pub names: bool,
    /// Looked up through an index of ours, whatever the search flags say.
    pub lookup: bool,
    /// The attribute whose values this one shows from the other end.
    pub back: Option<&'static str>,
    /// The classes that may hold it.
    pub classes: Vec<&'static str>,
}

/// How values are written and compared ([MS-ADTS] 3.1.1.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Unicode,
    Octet,
    Dn,
    Integer,
    Large,
    Boolean,
    Time,
    Oid,
    Sid,
}

/// The syntaxes, with `attributeSyntax` and `oMSyntax`.
#[rustfmt::skip]
const SYNTAXES: &[(&str, Syntax, &str, i32)] = &[
    ("unicode", Syntax::Unicode, "2.5.5.12", 64),
    ("octet",   Syntax::Octet,   "2.5.5.10", 4),
    ("dn",      Syntax::Dn,      "2.5.5.1",  127),
    ("integer", Syntax::Integer, "2.5.5.9",  2),
    ("large",   Syntax::Large,   "2.5.5.16", 65),
    ("boolean", Syntax::Boolean, "2.5.5.8",  1),
    ("time",    Syntax::Time,    "2.5.5.11", 24),
    ("oid",     Syntax::Oid,     "2.5.5.2",  6),
    ("sid",     Syntax::Sid,     "2.5.5.17", 4),
];

impl Syntax {
    /// `attributeSyntax` and `oMSyntax`.
    pub fn numbers(self) -> (&'static str, i32) {
        let row = SYNTAXES.iter().find(|row| row.1 == self);
        row.map_or(("2.5.5.12", 64), |row| (row.2, row.3))
    }
}

/// An attribute, by its place in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Att(u16);

impl Deref for Att {
    type Target = Attribute;

    fn deref(&self) -> &Attribute {
        &SCHEMA.attributes[usize::from(self.0)]
    }
}

impl fmt::Debug for Att {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Attribute {
    /// ATTRTYP: the OID's prefix by number, and its last arc ([MS-DRSR] 5.14).
    pub fn identifier(&self) -> u32 {
        let (prefix, last) = self.oid.rsplit_once('.').unwrap_or_default();
        let row = PREFIXES.iter().find(|(it, _)| *it == prefix);
        let last: u32 = last.parse().unwrap_or(0);
        row.map_or(OTHER_PREFIX, |(_, number)| number << 16) | last
    }

    /// Whether every object of a class chain may hold it.
    pub fn is_held_by(&self, chain: &[&Class]) -> bool {
        chain.iter().any(|class| self.classes.contains(&class.name))
    }
}

const PREFIXES: &[(&str, u32)] = &[
    ("2.5.4", 0),
    ("1.2.840.113556.1.2", 2),
    ("1.2.840.113556.1.4", 9),
    ("0.9.2342.19200300.100.1", 21),
    ("2.16.840.1.113730.3.1", 22),
];

/// Prefixes that came with an extension of the schema have numbers of each forest's own.
const OTHER_PREFIX: u32 = 0x7000_0000;

/// A class of objects.
#[derive(Debug, PartialEq)]
pub struct Class {
    pub name: &'static str,
    pub common_name: &'static str,
    pub oid: &'static str,
    pub parent: &'static str,
    pub kind: Kind,
    /// What `objectCategory` of its objects is: the common name of a class.
    pub category: &'static str,
    /// The attribute of an RDN.
    pub names: &'static str,
    /// Whose children its objects may be.
    pub parents: &'static [&'static str],
    pub required: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Structural = 1,
    Abstract = 2,
}

const PLACES: &[&str] = &[
    "organizationalUnit",
    "container",
    "domainDNS",
    "builtinDomain",
    "lostAndFound",
];

macro_rules! class {
    ($name:literal, $common:literal, $oid:literal, $parent:literal, $kind:ident, $category:literal, $names:literal,
     $parents:expr, $required:expr) => {
        Class {
            name: $name,
            common_name: $common,
            oid: $oid,
            parent: $parent,
            kind: Kind::$kind,
            category: $category,
            names: $names,
            parents: $parents,
            required: $required,
        }
    };
}

#[rustfmt::skip]
pub const CLASSES: &[Class] = &[
    class!("top",                  "Top",                   "2.5.6.0",                  "top",                  Abstract,   "Top",                 "cn", &[],   &[]),
    class!("person",               "Person",                "2.5.6.6",                  "top",                  Structural, "Person",              "cn", PLACES, &[]),
    class!("organizationalPerson", "Organizational-Person", "2.5.6.7",                  "person",               Structural, "Person",              "cn", PLACES, &[]),
    class!("user",                 "User",                  "1.2.840.113556.1.5.9",     "organizationalPerson", Structural, "Person",              "cn", PLACES, &[]),
    class!("inetOrgPerson",        "inetOrgPerson",         "2.16.840.1.113730.3.2.2",  "user",                 Structural, "Person",              "cn", PLACES, &[]),
    class!("computer",             "Computer",              "1.2.840.113556.1.3.30",    "user",                 Structural, "Computer",            "cn", PLACES, &[]),
    class!("contact",              "Contact",               "1.2.840.113556.1.5.15",    "organizationalPerson", Structural, "Person",              "cn", PLACES, &[]),
    class!("group",                "Group",                 "1.2.840.113556.1.5.8",     "top",                  Structural, "Group",               "cn", PLACES, &[]),
    class!("organizationalUnit",   "Organizational-Unit",   "2.5.6.5",                  "top",                  Structural, "Organizational-Unit", "ou", &["organizationalUnit", "domainDNS"], &[]),
    class!("container",            "Container",             "1.2.840.113556.1.3.23",    "top",                  Structural, "Container",           "cn", &["container", "domainDNS", "organizationalUnit", "configuration"], &[]),
    class!("lostAndFound",         "Lost-And-Found",        "1.2.840.113556.1.5.139",   "top",                  Structural, "Lost-And-Found",      "cn", &["domainDNS"], &[]),
    class!("builtinDomain",        "Builtin-Domain",        "1.2.840.113556.1.5.4",     "top",                  Structural, "Builtin-Domain",      "cn", &["domainDNS"], &[]),
    class!("domain",               "Domain",                "1.2.840.113556.1.5.66",    "top",                  Abstract,   "Domain-DNS",          "dc", &[],   &[]),
    class!("domainDNS",            "Domain-DNS",            "1.2.840.113556.1.5.67",    "domain",               Structural, "Domain-DNS",          "dc", &["domainDNS"], &[]),
    class!("configuration",        "Configuration",         "1.2.840.113556.1.5.12",    "top",                  Structural, "Configuration",       "cn", &["domainDNS"], &[]),
    class!("dMD",                  "DMD",                   "1.2.840.113556.1.3.9",     "top",                  Structural, "DMD",                 "cn", &["configuration"], &[]),
    class!("attributeSchema",      "Attribute-Schema",      "1.2.840.113556.1.3.14",    "top",                  Structural, "Attribute-Schema",    "cn", &["dMD"], &["lDAPDisplayName"]),
    class!("classSchema",          "Class-Schema",          "1.2.840.113556.1.3.13",    "top",                  Structural, "Class-Schema",        "cn", &["dMD"], &["lDAPDisplayName"]),
    class!("crossRefContainer",    "Cross-Ref-Container",   "1.2.840.113556.1.5.7000.53", "top",                Structural, "Cross-Ref-Container", "cn", &["configuration"], &[]),
    class!("crossRef",             "Cross-Ref",             "1.2.840.113556.1.3.11",    "top",                  Structural, "Cross-Ref",           "cn", &["crossRefContainer"], &[]),
    class!("msDS-OptionalFeature", "ms-DS-Optional-Feature", "1.2.840.113556.1.5.265",  "top",                  Structural, "ms-DS-Optional-Feature", "cn", &["container"], &[]),
    class!("sitesContainer",       "Sites-Container",       "1.2.840.113556.1.5.107",   "top",                  Structural, "Sites-Container",     "cn", &["configuration"], &[]),
    class!("site",                 "Site",                  "1.2.840.113556.1.5.31",    "top",                  Structural, "Site",                "cn", &["sitesContainer"], &[]),
    class!("serversContainer",     "Servers-Container",     "1.2.840.113556.1.5.7000.48", "top",                Structural, "Servers-Container",   "cn", &["site"], &[]),
    class!("server",               "Server",                "1.2.840.113556.1.5.17",    "top",                  Structural, "Server",              "cn", &["serversContainer"], &[]),
    class!("nTDSDSA",              "NTDS-DSA",              "1.2.840.113556.1.5.7000.47", "top",                Structural, "NTDS-DSA",            "cn", &["server"], &[]),
];

/// By its name, in whatever case, or its OID.
pub fn class(name: &str) -> Option<&'static Class> {
    CLASSES
        .iter()
        .find(|class| class.name.eq_ignore_ascii_case(name) || class.oid == name)
}

/// A class and those above it, `top` first.
pub fn chain(of: &'static Class) -> Vec<&'static Class> {
    let mut chain = vec![of];
    let mut lowest = of;
    while let Some(above) = class(lowest.parent).filter(|above| above.name != lowest.name) {
        chain.insert(0, above);
        lowest = above;
    }
    chain
}

struct Schema {
    attributes: Vec<Attribute>,
    /// By name in lower case, and by OID.
    by_name: HashMap<String, Att>,
    backs: HashMap<Att, Att>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let attributes: Vec<Attribute> = TABLE.lines().skip(1).filter_map(row).collect();
    let numbered = || (0u16..).map(Att).zip(&attributes);
    let names = numbered().flat_map(|(att, it)| [(it.name.to_lowercase(), att), (it.oid.to_string(), att)]);
    let by_name: HashMap<String, Att> = names.collect();
    let back = |(att, it): (Att, &Attribute)| Some((att, *by_name.get(&it.back?.to_lowercase())?));
    let backs = numbered().filter_map(back).collect();
    Schema {
        attributes,
        by_name,
        backs,
    }
});

fn row(line: &'static str) -> Option<Attribute> {
    let fields: Vec<&'static str> = line.split('\t').collect();
    let &[
        name,
        common_name,
        oid,
        syntax,
        values,
        lower,
        upper,
        search_flags,
        flags,
        classes,
    ] = &fields[..]
    else {
        return None;
    };
    let says = |flag: &str| flags.split(',').any(|it| it == flag);
    let search_flags: i32 = search_flags.parse().ok()?;
    Some(Attribute {
        name,
        common_name,
        oid,
        syntax: SYNTAXES.iter().find(|row| row.0 == syntax)?.1,
        single: values == "single",
        lower: lower.parse().ok(),
        upper: upper.parse().ok(),
        search_flags,
        system: says("system"),
        at_birth: says("create"),
        constructed: says("constructed"),
        secret: says("secret"),
        names: says("name"),
        lookup: says("lookup") || name == "cn",
        back: flags.split(',').find_map(|flag| flag.strip_prefix("back=")),
        classes: classes.split(',').collect(),
    })
}

/// By its name, in whatever case, or its OID. Options (`;binary`) are no part of it.
pub fn find(name: &str) -> Option<Att> {
    let by_name = &SCHEMA.by_name;
    by_name
        .get(name)
        .or_else(|| by_name.get(&name.to_lowercase()))
        .copied()
}

pub fn attributes() -> impl Iterator<Item = Att> {
    (0u16..).map(Att).take(SCHEMA.attributes.len())
}

/// The attribute whose values a back link shows.
pub fn forward(back: Att) -> Option<Att> {
    SCHEMA.backs.get(&back).copied()
}

macro_rules! known {
    ($($field:ident = $name:literal,)*) => {
        /// The attributes that the directory itself reads and writes.
        pub struct Known {
            $(pub $field: Att,)*
        }

        pub static KNOWN: LazyLock<Known> = LazyLock::new(|| Known {
            // A test sees to it that the table has them all.
            $($field: find($name).unwrap_or(Att(0)),)*
        });

        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),*];
    };
}

known! {
    account_expires = "accountExpires",
    account_name = "sAMAccountName",
    account_type = "sAMAccountType",
    admin_count = "adminCount",
    bad_password_count = "badPwdCount",
    bad_password_time = "badPasswordTime",
    category = "objectCategory",
    class = "objectClass",
    code_page = "codePage",
    common_name = "cn",
    control = "userAccountControl",
    country_code = "countryCode",
    critical = "isCriticalSystemObject",
    deleted = "isDeleted",
    description = "description",
    display_name = "displayName",
    distinguished_name = "distinguishedName",
    group_type = "groupType",
    guid = "objectGUID",
    instance_type = "instanceType",
    last_known_parent = "lastKnownParent",
    last_known_rdn = "msDS-LastKnownRDN",
    last_logon = "lastLogon",
    lockout_time = "lockoutTime",
    logon_count = "logonCount",
    manager = "manager",
    max_password_age = "maxPwdAge",
    member = "member",
    min_password_length = "minPwdLength",
    name = "name",
    parent_guid = "parentGUID",
    password = "unicodePwd",
    password_properties = "pwdProperties",
    password_set = "pwdLastSet",
    primary_group = "primaryGroupID",
    principal_name = "userPrincipalName",
    recycled = "isRecycled",
    service_principal_name = "servicePrincipalName",
    sid = "objectSid",
    usn_changed = "uSNChanged",
    usn_created = "uSNCreated",
    when_changed = "whenChanged",
    when_created = "whenCreated",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        assert_eq!(attributes().count(), TABLE.lines().count() - 1);
        for name in NAMES {
            assert_eq!(find(name).unwrap().name, *name);
        }
        for att in attributes() {
            let known = |name: &&str| class(name).is_some();
            assert!(att.classes.iter().all(known), "{att:?}");
            assert_eq!(att.back.is_some(), forward(att).is_some(), "{att:?}");
        }
    }

    #[test]
    fn classes_stand_on_each_other() {
        let names: Vec<_> = chain(class("USER").unwrap()).iter().map(|it| it.name).collect();
        assert_eq!(names, ["top", "person", "organizationalPerson", "user"]);
        assert!(CLASSES.iter().all(|it| find(it.names).is_some()));
        assert_eq!(find("company").unwrap().identifier(), 0x20092);
    }
}
