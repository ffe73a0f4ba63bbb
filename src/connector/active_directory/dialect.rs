//! How directory servers differ, as one table, and how a server is recognised by its root DSE.

use std::collections::HashSet;

use super::wire::{Entry, Filter};

/// What one kind of server does in its own way. Code asks the table, never the server's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// The immutable key of an entry.
    pub anchor: &'static str,
    /// The attribute that holds an entry's own DN.
    pub dn: &'static str,
    pub addressing: Addressing,
    /// What a person's entry is, as a filter.
    pub people: &'static [(&'static str, &'static str)],
    /// The classes of a new person.
    pub classes: &'static [&'static str],
    /// `userAccountControl` exists, so accounts can be disabled.
    pub state: bool,
    pub password: PasswordRule,
    pub references: References,
    /// Comparing two values folds accents as well as case.
    pub folds_accents: bool,
    /// How many calls one connection carries at a time. A controller of AD works them off one by one.
    pub depth: usize,
    /// Where attributes are described.
    pub schema: Schema,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addressing {
    /// `<GUID=…>` stands for a DN in every request ([MS-ADTS] 3.1.1.3.1.2.4).
    Guid,
    /// Only by DN, which has to be looked up first.
    Dn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordRule {
    /// `unicodePwd`, quoted and in UTF-16, already in the add, so that the account is made in one write
    /// ([MS-ADTS] 3.1.1.3.1.5.1).
    UnicodePwd,
    /// `userPassword` in the add, hashed, since servers may keep it as it comes (RFC 4519 §2.41). A server that
    /// takes no hashes is given the password afterwards, by the Password Modify operation (RFC 3062).
    Hashed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum References {
    /// The extended-DN control makes every DN in an answer carry its GUID.
    ExtendedDn,
    /// Each DN is read for its anchor.
    Lookup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// One object an attribute below the root DSE's schemaNamingContext.
    Objects,
    /// Descriptions in one entry, the root DSE's subschemaSubentry (RFC 4512 §4.2).
    Subentry,
}

pub(super) static ACTIVE_DIRECTORY: Dialect = Dialect {
    anchor: "objectGUID",
    dn: "distinguishedName",
    addressing: Addressing::Guid,
    people: &[("objectCategory", "person"), ("objectClass", "user")],
    classes: &["top", "person", "organizationalPerson", "user"],
    state: true,
    password: PasswordRule::UnicodePwd,
    references: References::ExtendedDn,
    folds_accents: true,
    depth: 1,
    schema: Schema::Objects,
};

/// Another server whose schema has AD's class `user`.
pub(super) static WITH_USERS: Dialect = Dialect {
    anchor: "entryUUID",
    dn: "entryDN",
    addressing: Addressing::Dn,
    people: &[("objectClass", "user")],
    classes: &["top", "person", "organizationalPerson", "user"],
    state: true,
    password: PasswordRule::Hashed,
    references: References::Lookup,
    folds_accents: false,
    depth: 16,
    schema: Schema::Subentry,
};

/// Another server with the white pages' class (RFC 2798), whose accounts cannot be disabled.
pub(super) static WITH_PEOPLE: Dialect = Dialect {
    people: &[("objectClass", "inetOrgPerson")],
    classes: &["top", "person", "organizationalPerson", "inetOrgPerson"],
    state: false,
    ..WITH_USERS
};

/// The root DSE's capability that only Active Directory and its equals announce.
const CAPABILITY_ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

pub(super) fn is_active_directory(root: &Entry) -> bool {
    root.texts("supportedCapabilities")
        .any(|it| it == CAPABILITY_ACTIVE_DIRECTORY)
}

impl Dialect {
    /// Of a server that is not Active Directory, by its object class descriptions.
    pub(super) fn of_classes<'a>(mut descriptions: impl Iterator<Item = &'a str>) -> &'static Dialect {
        let has_users =
            descriptions.any(|it| described_names(it).any(|name| name.eq_ignore_ascii_case("user")));
        if has_users { &WITH_USERS } else { &WITH_PEOPLE }
    }

    pub(super) fn people(&self) -> Filter {
        let parts = self
            .people
            .iter()
            .map(|(name, value)| Filter::equal(*name, value));
        Filter::All(parts.collect())
    }
}

/// What one server said of itself when the session was opened.
#[derive(Debug)]
pub(super) struct Server {
    pub dialect: &'static Dialect,
    pub controls: HashSet<String>,
    /// The DN under which (AD) or in which (others) the schema is described.
    pub schema: Option<String>,
    pub configuration: Option<String>,
}

impl Server {
    pub(super) fn new(root: &Entry, dialect: &'static Dialect) -> Server {
        let schema = match dialect.schema {
            Schema::Objects => "schemaNamingContext",
            Schema::Subentry => "subschemaSubentry",
        };
        Server {
            dialect,
            controls: root.texts("supportedControl").map(str::to_string).collect(),
            schema: root.text(schema).map(str::to_string),
            configuration: root.text("configurationNamingContext").map(str::to_string),
        }
    }

    pub(super) fn supports(&self, control: &str) -> bool {
        self.controls.contains(control)
    }
}

/// The names in an RFC 4512 description: `( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )`.
pub(super) fn described_names(description: &str) -> impl Iterator<Item = &str> {
    let after = description
        .split_once("NAME")
        .map_or("", |(_, rest)| rest)
        .trim_start();
    let quoted = after.split('\'').skip(1).step_by(2);
    let count = match after.strip_prefix('(') {
        Some(several) => several.split(')').next().unwrap_or("").matches('\'').count() / 2,
        None => usize::from(after.starts_with('\'')),
    };
    quoted.take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_descriptions() {
        let names = |text| described_names(text).collect::<Vec<_>>();
        assert_eq!(
            names("( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )"),
            ["cn", "commonName"]
        );
        assert_eq!(names("( 1.1 NAME 'user' SUP top MUST ( cn $ sn ) )"), ["user"]);
        assert!(names("( 1.1 SUP top )").is_empty());
    }

    #[test]
    fn a_server_is_known_by_its_root_and_its_classes() {
        let root = |attribute, value| Entry::of("", &[(attribute, value)]);
        assert!(is_active_directory(&root(
            "supportedCapabilities",
            CAPABILITY_ACTIVE_DIRECTORY
        )));
        assert!(!is_active_directory(&root("vendorName", "somebody")));

        let user = "( 1.2 NAME 'user' SUP organizationalPerson )";
        assert!(Dialect::of_classes([user].into_iter()).state);
        assert!(!Dialect::of_classes([].into_iter()).state);
    }

    #[test]
    fn people_are_asked_for_as_the_server_knows_them() {
        assert_eq!(
            ACTIVE_DIRECTORY.people().to_string(),
            "(&(objectCategory=person)(objectClass=user))"
        );
        assert_eq!(WITH_USERS.people().to_string(), "(objectClass=user)");
    }
}
