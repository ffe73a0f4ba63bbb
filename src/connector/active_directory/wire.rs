//! Values as LDAP carries them, and as the rest of the house knows them.

use std::collections::HashMap;
use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ldap3::asn1::StructureTag;
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use super::dialect::{Dialect, References};
use super::model;
use crate::domain::account::{Account, Anchor, Protection, Values};
use crate::domain::dn;

/// `userAccountControl` of an ordinary account ([MS-ADTS] 2.2.16).
pub(super) const NORMAL_ACCOUNT: u32 = 0x200;
/// The one bit of it that Muster changes (B31).
pub(super) const ACCOUNT_DISABLE: u32 = 0x2;

pub(super) const USER_ACCOUNT_CONTROL: &str = "userAccountControl";
/// Asked for with every account, mapped or not.
const ALWAYS: &[&str] = &[USER_ACCOUNT_CONTROL, "adminCount", "isCriticalSystemObject"];

/// One entry of an answer: attributes as the server spells them, values as bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Without what the extended-DN control put before it.
    pub dn: String,
    /// Few enough that looking through them is quicker than hashing.
    values: Vec<(String, Vec<Vec<u8>>)>,
}

impl Entry {
    /// Reads a SearchResultEntry (RFC 4511 §4.5.2); `None` when it is malformed.
    pub(super) fn read(tag: StructureTag) -> Option<Entry> {
        let mut parts = tag.expect_constructed()?.into_iter();
        let name = text_of(parts.next()?)?;
        let mut values = Vec::new();
        for attribute in parts.next()?.expect_constructed()? {
            let mut halves = attribute.expect_constructed()?.into_iter();
            let name = text_of(halves.next()?)?;
            let held = halves.next()?.expect_constructed()?;
            let held = held.into_iter().map(StructureTag::expect_primitive);
            values.push((name, held.collect::<Option<Vec<_>>>()?));
        }
        let dn = Reference::parse(&name).dn.to_string();
        Some(Entry { dn, values })
    }

    pub(super) fn bytes(&self, attribute: &str) -> &[Vec<u8>] {
        let mut values = self.values.iter();
        values
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
            .map_or(&[], |(_, held)| held.as_slice())
    }

    /// The values that are text.
    pub(super) fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.bytes(attribute)
            .iter()
            .filter_map(|value| std::str::from_utf8(value).ok())
    }

    pub(super) fn text(&self, attribute: &str) -> Option<&str> {
        self.texts(attribute).next()
    }

    pub(super) fn number(&self, attribute: &str) -> Option<u32> {
        // A signed 32-bit integer in the schema; the highest bit may be set.
        let number: i64 = self.text(attribute)?.parse().ok()?;
        i32::try_from(number)
            .map(i32::cast_unsigned)
            .or(u32::try_from(number))
            .ok()
    }

    /// Whether the answer names the attribute, with values or without.
    pub(super) fn names(&self, attribute: &str) -> bool {
        let mut names = self.values.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case(attribute))
    }

    pub(super) fn anchor(&self, dialect: &Dialect) -> Option<Anchor> {
        let value = self.bytes(dialect.anchor).first()?;
        match <[u8; 16]>::try_from(value.as_slice()) {
            Ok(stored) => Some(Anchor(Uuid::from_bytes_le(stored).to_string())),
            Err(_) => std::str::from_utf8(value)
                .ok()
                .map(|text| Anchor(text.to_lowercase())),
        }
    }

    /// An attribute of which the server gave only the first part, `member;range=0-1499`, with the
    /// position at which the next part begins ([MS-ADTS] 3.1.1.3.1.3.3).
    pub(super) fn unfinished(&self) -> Option<(String, usize)> {
        self.values.iter().find_map(|(name, _)| {
            let (attribute, range) = name.split_once(";range=")?;
            let (_, last) = range.split_once('-')?;
            Some((attribute.to_string(), last.parse::<usize>().ok()? + 1))
        })
    }

    /// Joins the next part, read by itself, to the parts before it.
    pub(super) fn join(&mut self, attribute: &str, mut part: Entry) {
        let prefix = format!("{attribute};range=");
        let take = |entry: &mut Entry| {
            let mut names = entry.values.iter();
            let at = names.position(|(name, _)| name.starts_with(&prefix))?;
            Some(entry.values.swap_remove(at))
        };
        let mut whole = take(self).unwrap_or_default().1;
        let (next, mut more) = take(&mut part).unwrap_or_default();
        whole.append(&mut more);
        let is_last = next.is_empty() || next.ends_with('*');
        let name = if is_last { attribute.to_string() } else { next };
        self.values.push((name, whole));
    }

    #[cfg(test)]
    pub(super) fn of(dn: &str, values: &[(&str, &str)]) -> Entry {
        let mut entry = Entry {
            dn: dn.to_string(),
            ..Entry::default()
        };
        for (name, value) in values {
            let held = value.as_bytes().to_vec();
            match entry.values.iter_mut().find(|(other, _)| other == name) {
                Some((_, several)) => several.push(held),
                None => entry.values.push((name.to_string(), vec![held])),
            }
        }
        entry
    }
}

fn text_of(tag: StructureTag) -> Option<String> {
    String::from_utf8(tag.expect_primitive()?).ok()
}

/// A DN as it stands in an answer: `CN=Ada,DC=x`, or `<GUID=…>;<SID=…>;CN=Ada,DC=x` where the
/// extended-DN control was asked for ([MS-ADTS] 3.1.1.3.4.1.5).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub guid: Option<Uuid>,
    pub dn: &'a str,
}

impl Reference<'_> {
    pub(super) fn parse(text: &str) -> Reference<'_> {
        let mut guid = None;
        let mut rest = text;
        while let Some((part, after)) = rest.strip_prefix('<').and_then(|it| it.split_once(">;")) {
            guid = guid.or(part.strip_prefix("GUID=").and_then(|it| it.parse().ok()));
            rest = after;
        }
        Reference { guid, dn: rest }
    }
}

/// Which attributes the policy maps, under the names it gives them.
#[derive(Debug)]
pub(super) struct Mapped {
    pub spelled: Vec<String>,
}

impl Mapped {
    /// What to ask a server for.
    pub(super) fn asked(&self, dialect: &Dialect) -> Vec<String> {
        let mapped = self
            .spelled
            .iter()
            .filter(|name| !model::is_virtual(name))
            .map(String::as_str);
        let mut asked: Vec<String> = Vec::new();
        for name in [dialect.anchor]
            .into_iter()
            .chain(ALWAYS.iter().copied())
            .chain(mapped)
        {
            if !asked.iter().any(|it| it.eq_ignore_ascii_case(name)) {
                asked.push(name.to_string());
            }
        }
        asked
    }

    pub(super) fn references(&self) -> impl Iterator<Item = &str> {
        self.spelled
            .iter()
            .map(String::as_str)
            .filter(|name| model::is_reference(name))
    }

    /// The account that an entry shows; `None` without a readable anchor. `known` are the anchors of
    /// referenced DNs, by DN in lower case, where the server did not give them; a reference whose target
    /// nobody can read keeps its DN in place of the anchor. `fenced` are the accounts that are
    /// protected whatever they hold.
    pub(super) fn account(
        &self,
        entry: &Entry,
        dialect: &Dialect,
        known: &HashMap<String, Anchor>,
        fenced: &HashMap<Anchor, Protection>,
    ) -> Option<Account> {
        let anchor = entry.anchor(dialect)?;
        let enabled = dialect.state.then(|| is_enabled(entry));
        let mut values = Values::new();
        for name in &self.spelled {
            let held = held(entry, name, dialect, known);
            if !held.is_empty() {
                values.insert(name.clone(), held);
            }
        }
        let protected = if let Some(protection) = fenced.get(&anchor) {
            Some(*protection)
        } else if entry.text("isCriticalSystemObject") == Some("TRUE") {
            Some(Protection::CriticalSystemObject)
        } else if entry.number("adminCount").is_some_and(|count| count > 0) {
            Some(Protection::AdminCount)
        } else {
            None
        };
        Some(Account {
            deleted: false,
            anchor,
            address: entry.dn.clone(),
            enabled,
            values,
            protected,
        })
    }
}

/// What an entry holds under a name that mappings use, in text form; `known` as for [`Mapped::account`].
pub(super) fn held(
    entry: &Entry,
    name: &str,
    dialect: &Dialect,
    known: &HashMap<String, Anchor>,
) -> Vec<String> {
    match name.to_ascii_lowercase().as_str() {
        "accountdisabled" => {
            let disabled = dialect.state.then(|| truth(!is_enabled(entry)));
            disabled.into_iter().collect()
        }
        "parentdistinguishedname" => dn::parent(&entry.dn).map(str::to_string).into_iter().collect(),
        // An attribute of this syntax comes with what the extended-DN control put before it.
        "distinguishedname" => vec![entry.dn.clone()],
        "cn" => dn::own_name(&entry.dn).into_iter().collect(),
        _ if model::is_reference(name) => anchors(entry, name, dialect, known),
        _ => texts(entry, name),
    }
}

pub(super) fn is_enabled(entry: &Entry) -> bool {
    entry
        .number(USER_ACCOUNT_CONTROL)
        .is_none_or(|control| control & ACCOUNT_DISABLE == 0)
}

/// The same control bits, but for the one that disables.
pub(super) fn with_state(control: u32, enabled: bool) -> u32 {
    if enabled {
        control & !ACCOUNT_DISABLE
    } else {
        control | ACCOUNT_DISABLE
    }
}

/// The anchors an attribute points to.
pub(super) fn anchors(
    entry: &Entry,
    attribute: &str,
    dialect: &Dialect,
    known: &HashMap<String, Anchor>,
) -> Vec<String> {
    let anchor = |text: &str| {
        let reference = Reference::parse(text);
        match (&dialect.references, reference.guid) {
            (References::ExtendedDn, Some(guid)) => guid.to_string(),
            _ => known
                .get(&reference.dn.to_lowercase())
                .map_or_else(|| reference.dn.to_string(), |anchor| anchor.0.clone()),
        }
    };
    entry.texts(attribute).map(anchor).collect()
}

/// An attribute's values in text form: GUIDs dashed, Booleans as the mapping language prints them, other
/// octets in base64.
pub(super) fn texts(entry: &Entry, attribute: &str) -> Vec<String> {
    let text = |value: &Vec<u8>| {
        if attribute.eq_ignore_ascii_case("objectGUID")
            && let Ok(stored) = <[u8; 16]>::try_from(value.as_slice())
        {
            return Uuid::from_bytes_le(stored).to_string();
        }
        match std::str::from_utf8(value) {
            Ok(_) if model::is_octets(attribute) => BASE64.encode(value),
            Ok("TRUE") if model::is_boolean(attribute) => truth(true),
            Ok("FALSE") if model::is_boolean(attribute) => truth(false),
            Ok(text) => text.to_string(),
            Err(_) => BASE64.encode(value),
        }
    };
    entry.bytes(attribute).iter().map(text).collect()
}

/// One value as the server takes it.
pub(super) fn bytes(attribute: &str, value: &str) -> Vec<u8> {
    match model::is_boolean(attribute) {
        true => value.to_ascii_uppercase().into_bytes(),
        false => value.as_bytes().to_vec(),
    }
}

fn truth(flag: bool) -> String {
    if flag { "True" } else { "False" }.to_string()
}

/// `<GUID=…>`, which AD takes for a DN.
pub(super) fn guid_dn(anchor: &Anchor) -> String {
    format!("<GUID={anchor}>")
}

/// `CN=Ada\, Countess`.
pub(super) fn own_rdn(name: &str) -> String {
    format!("CN={}", dn::escape(name))
}

/// A password as `unicodePwd` takes it: in quotes, UTF-16, low byte first ([MS-ADTS] 3.1.1.3.1.5.1).
pub(super) fn unicode_password(password: &str) -> Zeroizing<Vec<u8>> {
    let mut encoded = Zeroizing::new(Vec::with_capacity(2 * (password.len() + 2)));
    for unit in ['"'].into_iter().chain(password.chars()).chain(['"']) {
        let mut units = [0; 2];
        for unit in unit.encode_utf16(&mut units) {
            encoded.extend_from_slice(&unit.to_le_bytes());
        }
    }
    encoded
}

/// A search filter (RFC 4515), built from parts so that no value can be mistaken for syntax.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Equal(String, Vec<u8>),
    /// Holds this number, or a greater one.
    AtLeast(String, u64),
    /// As an administrator wrote it, in the syntax of RFC 4515.
    Written(String),
}

impl Filter {
    /// Reads a filter of the config's; `None` when it is none.
    pub(super) fn written(text: &str) -> Option<Filter> {
        let is_filter = text.starts_with('(') && ldap3::parse_filter(text).is_ok();
        is_filter.then(|| Filter::Written(text.to_string()))
    }

    pub(super) fn equal(attribute: impl Into<String>, value: &str) -> Filter {
        Filter::Equal(attribute.into(), value.as_bytes().to_vec())
    }

    /// Finds one account by its anchor.
    pub(super) fn anchor(dialect: &Dialect, anchor: &Anchor) -> Filter {
        let value = match (&dialect.references, anchor.0.parse::<Uuid>()) {
            (References::ExtendedDn, Ok(guid)) => guid.to_bytes_le().to_vec(),
            _ => anchor.0.as_bytes().to_vec(),
        };
        Filter::Equal(dialect.anchor.to_string(), value)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut several = |sign: char, parts: &[Filter]| match parts {
            [one] => write!(f, "{one}"),
            parts => {
                write!(f, "({sign}")?;
                parts.iter().try_for_each(|part| write!(f, "{part}"))?;
                f.write_char(')')
            }
        };
        match self {
            Filter::Written(text) => f.write_str(text),
            Filter::All(parts) => several('&', parts),
            Filter::Any(parts) => several('|', parts),
            Filter::AtLeast(attribute, number) => write!(f, "({attribute}>={number})"),
            Filter::Equal(attribute, value) => {
                write!(f, "({attribute}=")?;
                for &byte in value {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'@' => {
                            f.write_char(byte.into())?;
                        }
                        other => write!(f, "\\{other:02x}")?,
                    }
                }
                f.write_char(')')
            }
        }
    }
}

/// Whether a text can be an attribute's name (RFC 4512 §1.4) and so may stand in a filter.
pub(super) fn is_attribute_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '.')
}

#[cfg(test)]
mod tests {
    use super::super::dialect::{ACTIVE_DIRECTORY, WITH_USERS};
    use super::*;

    const GUID: &str = "aabbccdd-eeff-1122-3344-556677889900";

    fn mapped(names: &[&str]) -> Mapped {
        Mapped {
            spelled: names.iter().map(|it| it.to_string()).collect(),
        }
    }

    fn entry(values: &[(&str, &str)]) -> Entry {
        let mut entry = Entry::of("CN=Ada\\, Countess,OU=Staff,DC=x", values);
        let stored = GUID.parse::<Uuid>().unwrap().to_bytes_le().to_vec();
        entry.values.push(("objectguid".to_string(), vec![stored]));
        entry
    }

    fn account(names: &[&str], values: &[(&str, &str)]) -> Account {
        mapped(names)
            .account(
                &entry(values),
                &ACTIVE_DIRECTORY,
                &HashMap::new(),
                &HashMap::new(),
            )
            .unwrap()
    }

    #[test]
    fn a_guid_is_stored_with_its_first_groups_turned() {
        let filter = Filter::anchor(&ACTIVE_DIRECTORY, &Anchor(GUID.to_string()));
        assert_eq!(
            filter.to_string(),
            "(objectGUID=\\dd\\cc\\bb\\aa\\ff\\ee\\22\\113DUfw\\88\\99\\00)"
        );
        assert_eq!(account(&[], &[]).anchor.0, GUID);
        assert_eq!(guid_dn(&Anchor(GUID.to_string())), format!("<GUID={GUID}>"));
        let filter = Filter::anchor(&WITH_USERS, &Anchor(GUID.to_string()));
        assert_eq!(filter.to_string(), format!("(entryUUID={GUID})"));
    }

    #[test]
    fn names_are_spelled_as_the_policy_spells_them() {
        let account = account(
            &["Title", "CN", "parentDistinguishedName"],
            &[("title", "Countess"), ("sn", "King")],
        );
        let shown: Vec<_> = account
            .values
            .iter()
            .map(|(name, held)| (name.as_str(), held[0].as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("CN", "Ada, Countess"),
                ("Title", "Countess"),
                ("parentDistinguishedName", "OU=Staff,DC=x")
            ]
        );
    }

    #[test]
    fn state_is_one_bit_and_the_others_stay() {
        let disabled = account(&["accountDisabled"], &[("userAccountControl", "66050")]);
        assert_eq!(
            (disabled.enabled, disabled.first("accountDisabled")),
            (Some(false), Some("True"))
        );
        let enabled = account(&["accountDisabled"], &[("userAccountControl", "66048")]);
        assert_eq!(
            (enabled.enabled, enabled.first("accountDisabled")),
            (Some(true), Some("False"))
        );
        assert_eq!(
            (with_state(66050, true), with_state(66048, false)),
            (66048, 66050)
        );
        assert_eq!(
            entry(&[("userAccountControl", "-2147483136")]).number("userAccountControl"),
            Some(0x8000_0200)
        );
    }

    #[test]
    fn references_are_anchors() {
        let extended = format!("<GUID={GUID}>;<SID=S-1-5-21-1>;CN=Boss,DC=x");
        assert_eq!(
            account(&["manager"], &[("manager", &extended)]).first("manager"),
            Some(GUID)
        );
        assert_eq!(Reference::parse(&extended).dn, "CN=Boss,DC=x");

        let known = HashMap::from([("cn=boss,dc=x".to_string(), Anchor("boss".into()))]);
        let two = entry(&[("manager", "CN=Boss,DC=x"), ("manager", "CN=Gone,DC=x")]);
        assert_eq!(
            anchors(&two, "manager", &WITH_USERS, &known),
            ["boss", "CN=Gone,DC=x"]
        );
    }

    #[test]
    fn who_is_protected() {
        let protected = |values: &[(&str, &str)]| account(&[], values).protected;
        assert_eq!(protected(&[("adminCount", "0")]), None);
        assert_eq!(protected(&[("adminCount", "1")]), Some(Protection::AdminCount));
        assert_eq!(
            protected(&[("isCriticalSystemObject", "TRUE")]),
            Some(Protection::CriticalSystemObject)
        );
        let own = HashMap::from([(Anchor(GUID.to_string()), Protection::OwnAccount)]);
        let account = mapped(&[]).account(&entry(&[]), &ACTIVE_DIRECTORY, &HashMap::new(), &own);
        assert_eq!(account.unwrap().protected, Some(Protection::OwnAccount));
    }

    #[test]
    fn values_in_text_form() {
        let held = entry(&[
            ("msExchHideFromAddressLists", "TRUE"),
            ("jpegPhoto", "abc"),
            ("title", "TRUE"),
        ]);
        assert_eq!(texts(&held, "msExchHideFromAddressLists"), ["True"]);
        assert_eq!(texts(&held, "jpegPhoto"), ["YWJj"]);
        assert_eq!(texts(&held, "title"), ["TRUE"]);
        assert_eq!(texts(&held, "objectGUID"), [GUID]);
    }

    #[test]
    fn a_password_is_quoted_utf_16() {
        assert_eq!(
            unicode_password("aé").as_slice(),
            [0x22, 0, 0x61, 0, 0xe9, 0, 0x22, 0]
        );
    }

    #[test]
    fn filters_hold_values_and_no_syntax() {
        let filter = Filter::All(vec![
            Filter::equal("objectClass", "user"),
            Filter::Any(vec![Filter::equal("cn", "*)(a\\é\0"), Filter::equal("cn", "b")]),
        ]);
        assert_eq!(
            filter.to_string(),
            "(&(objectClass=user)(|(cn=\\2a\\29\\28a\\5c\\c3\\a9\\00)(cn=b)))"
        );
        assert_eq!(Filter::Any(vec![Filter::equal("cn", "b")]).to_string(), "(cn=b)");
        assert!(is_attribute_name("msDS-cloudExtensionAttribute1") && !is_attribute_name("cn)(x"));
    }

    #[test]
    fn parts_of_a_long_attribute_are_joined() {
        let mut first = Entry::of("", &[("member;range=0-1", "a"), ("member;range=0-1", "b")]);
        assert_eq!(first.unfinished(), Some(("member".to_string(), 2)));
        first.join("member", Entry::of("", &[("member;range=2-2", "c")]));
        assert_eq!(first.unfinished(), Some(("member".to_string(), 3)));
        first.join("member", Entry::of("", &[("member;range=3-*", "d")]));
        assert_eq!(first.unfinished(), None);
        assert_eq!(texts(&first, "member"), ["a", "b", "c", "d"]);
    }
}
