//! Controls: what each asks, and which are known ([MS-ADTS] 3.1.1.3.4.1; RFC 2696; RFC 2891).

use rasn::prelude::*;
use rasn_ldap::Control;

use super::refusal::{Answer, ERROR_INVALID_PARAMETER, Refusal};
use super::show::DnForm;
use super::tree::Life;
use super::wire;

pub const PAGED: &str = "1.2.840.113556.1.4.319";
const SORT: &str = "1.2.840.113556.1.4.473";
const SORTED: &str = "1.2.840.113556.1.4.474";
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";
const PERMISSIVE: &str = "1.2.840.113556.1.4.1413";
const TREE_DELETE: &str = "1.2.840.113556.1.4.805";
pub const DIRSYNC: &str = "1.2.840.113556.1.4.841";
const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
const ANY_RANGE: &str = "1.2.840.113556.1.4.1948";
const SEARCH_OPTIONS: &str = "1.2.840.113556.1.4.1340";

/// Known, and of no consequence here: security descriptors, lazy commits, verified names, deactivated links, policy
/// hints.
const IDLE: &[&str] = &[
    "1.2.840.113556.1.4.801",
    "1.2.840.113556.1.4.619",
    "1.2.840.113556.1.4.1338",
    "1.2.840.113556.1.4.2065",
    "1.2.840.113556.1.4.2239",
];

/// Everything that the root DSE says it supports.
pub fn supported() -> impl Iterator<Item = &'static str> {
    let ours = [
        PAGED,
        SORT,
        SHOW_DELETED,
        SHOW_RECYCLED,
        EXTENDED_DN,
        PERMISSIVE,
        TREE_DELETE,
        DIRSYNC,
        DOMAIN_SCOPE,
        SEARCH_OPTIONS,
        ANY_RANGE,
    ];
    ours.into_iter().chain(IDLE.iter().copied())
}

/// What the controls of one request ask.
#[derive(Default)]
pub struct Asked {
    pub paged: Option<Paged>,
    pub sort: Option<Sort>,
    pub dirsync: Option<DirSync>,
    pub form: Option<DnForm>,
    pub sees: Life,
    /// A range behind the last value is no error.
    pub any_range: bool,
    pub permissive: bool,
    pub tree: bool,
    /// No referrals to other naming contexts.
    pub domain_scope: bool,
}

/// `SEQUENCE { size INTEGER, cookie OCTET STRING }`, both ways (RFC 2696).
#[derive(AsnType, Clone, Debug, Decode, Encode)]
pub struct Paged {
    pub size: i32,
    pub cookie: OctetString,
}

/// One key of a sort (RFC 2891).
#[derive(AsnType, Clone, Debug, Decode, Encode)]
pub struct SortKey {
    pub attribute: OctetString,
    #[rasn(tag(0))]
    pub rule: Option<OctetString>,
    #[rasn(tag(1), default)]
    pub reverse: bool,
}

pub struct Sort {
    pub keys: Vec<SortKey>,
    pub is_critical: bool,
}

/// How the sorting went (RFC 2891).
#[derive(AsnType, Encode)]
struct Sorted {
    result: SortResult,
}

#[derive(AsnType, Clone, Copy, Debug, Encode, PartialEq)]
#[rasn(enumerated)]
pub enum SortResult {
    Success = 0,
    NoSuchAttribute = 16,
    UnwillingToPerform = 53,
}

#[derive(AsnType, Decode)]
struct ExtendedDn {
    flag: i32,
}

#[derive(AsnType, Decode)]
struct SearchOptions {
    flags: i32,
}

/// `SEQUENCE { flags INTEGER, maxBytes INTEGER, cookie OCTET STRING }`.
#[derive(AsnType, Clone, Debug, Decode)]
pub struct DirSync {
    pub flags: i64,
    pub max_bytes: i64,
    pub cookie: OctetString,
}

/// `SEQUENCE { moreResults INTEGER, unused INTEGER, cookie OCTET STRING }`.
#[derive(AsnType, Encode)]
struct DirSynced {
    more: i32,
    unused: i32,
    cookie: OctetString,
}

/// An unknown control that is critical is refused, as is a known one that cannot be read.
pub fn read(controls: Option<&Vec<Control>>) -> Answer<Asked> {
    let mut asked = Asked::default();
    for control in controls.into_iter().flatten() {
        let oid = std::str::from_utf8(&control.control_type).unwrap_or_default();
        let value = control.control_value.as_deref().unwrap_or_default();
        match oid {
            PAGED => asked.paged = Some(decoded(value)?),
            SORT => {
                asked.sort = Some(Sort {
                    keys: decoded(value)?,
                    is_critical: control.criticality,
                });
            }
            DIRSYNC => asked.dirsync = Some(dirsync(value)?),
            EXTENDED_DN => asked.form = Some(form(value)?),
            SHOW_DELETED => asked.sees = asked.sees.max(Life::Deleted),
            SHOW_RECYCLED => asked.sees = Life::Recycled,
            ANY_RANGE => asked.any_range = true,
            PERMISSIVE => asked.permissive = true,
            TREE_DELETE => asked.tree = true,
            DOMAIN_SCOPE => asked.domain_scope = true,
            SEARCH_OPTIONS => asked.domain_scope |= decoded::<SearchOptions>(value)?.flags & 1 != 0,
            _ if IDLE.contains(&oid) || !control.criticality => {}
            _ => return Err(unavailable()),
        }
    }
    Ok(asked)
}

fn decoded<T: Decode>(value: &[u8]) -> Answer<T> {
    rasn::ber::decode(value).map_err(|_| unavailable())
}

/// Without a value, GUIDs are in hexadecimal.
fn form(value: &[u8]) -> Answer<DnForm> {
    let flag = match value {
        [] => 0,
        _ => decoded::<ExtendedDn>(value)?.flag,
    };
    Ok(if flag == 1 { DnForm::Dashed } else { DnForm::Hex })
}

/// Flags are 32 bits with a sign; Windows refuses what takes a fifth byte.
fn dirsync(value: &[u8]) -> Answer<DirSync> {
    let asked: DirSync = decoded(value)?;
    match i32::try_from(asked.flags) {
        Ok(_) => Ok(asked),
        Err(_) => Err(unavailable()),
    }
}

pub fn unavailable() -> Refusal {
    Refusal::comment(12, ERROR_INVALID_PARAMETER, "Error processing control")
}

pub fn paged(cookie: Vec<u8>) -> Option<Control> {
    let value = rasn::ber::encode(&Paged {
        size: 0,
        cookie: cookie.into(),
    });
    Some(wire::control(PAGED, Some(value.ok()?)))
}

pub fn sorted(result: SortResult) -> Option<Control> {
    let value = rasn::ber::encode(&Sorted { result });
    Some(wire::control(SORTED, Some(value.ok()?)))
}

pub fn dirsynced(more: bool, cookie: Vec<u8>) -> Option<Control> {
    let value = rasn::ber::encode(&DirSynced {
        more: i32::from(more),
        unused: 0,
        cookie: cookie.into(),
    });
    Some(wire::control(DIRSYNC, Some(value.ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(oid: &str, value: Option<&[u8]>) -> Answer<Asked> {
        let control = Control::new(wire::octets(oid), true, value.map(|it| it.to_vec().into()));
        read(Some(&vec![control]))
    }

    #[test]
    fn dirsync_flags_take_four_bytes() {
        let four = [0x30, 11, 2, 4, 0x80, 0, 0, 0, 2, 1, 0, 4, 0];
        let asked = read_one(DIRSYNC, Some(&four)).unwrap();
        assert_eq!(asked.dirsync.unwrap().flags, i64::from(i32::MIN));
        let five = [0x30, 12, 2, 5, 0, 0x80, 0, 0, 0, 2, 1, 0, 4, 0];
        assert_eq!(read_one(DIRSYNC, Some(&five)).err().unwrap().result, 12);
    }

    #[test]
    fn controls_are_known_or_refused() {
        assert!(supported().all(|oid| {
            let needs_value = [PAGED, SORT, DIRSYNC, SEARCH_OPTIONS].contains(&oid);
            needs_value || read_one(oid, None).is_ok()
        }));
        assert_eq!(read_one("1.2.3", None).err().unwrap().result, 12);
        assert_eq!(read_one(PAGED, Some(b"?")).err().unwrap().result, 12);
    }
}
