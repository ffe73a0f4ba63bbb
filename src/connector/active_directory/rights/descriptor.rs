//! Security descriptors as the directory stores them ([MS-DTYP] 2.4.6), as far as they say who may do what.

use std::fmt;

use uuid::Uuid;

/// Rights on objects of a directory ([MS-ADTS] 5.1.3.2).
pub(super) mod right {
    pub const CREATE_CHILD: u32 = 0x1;
    pub const DELETE_CHILD: u32 = 0x2;
    pub const LIST: u32 = 0x4;
    pub const VALIDATED_WRITE: u32 = 0x8;
    pub const READ_PROPERTY: u32 = 0x10;
    pub const WRITE_PROPERTY: u32 = 0x20;
    pub const DELETE_TREE: u32 = 0x40;
    pub const LIST_OBJECT: u32 = 0x80;
    pub const CONTROL_ACCESS: u32 = 0x100;
    pub const DELETE: u32 = 0x1_0000;
    pub const READ_CONTROL: u32 = 0x2_0000;
    pub const WRITE_DACL: u32 = 0x4_0000;
    pub const WRITE_OWNER: u32 = 0x8_0000;
    pub const ALL: u32 = 0xF_01FF;
    /// Whoever has these changes nothing.
    pub const READING: u32 = LIST | READ_PROPERTY | LIST_OBJECT | READ_CONTROL;
}

/// What the four generic rights stand for on objects of a directory.
const GENERIC: [(u32, u32); 4] = [
    (0x1000_0000, right::ALL),
    (0x2000_0000, right::READ_CONTROL | right::LIST),
    (
        0x4000_0000,
        right::READ_CONTROL | right::VALIDATED_WRITE | right::WRITE_PROPERTY,
    ),
    (0x8000_0000, right::READING),
];

/// Flags of an entry ([MS-DTYP] 2.4.4.1).
pub(super) const CONTAINER_INHERIT: u8 = 0x2;
pub(super) const INHERIT_ONLY: u8 = 0x8;
const INHERITED: u8 = 0x10;

/// A control flag: there is an access list ([MS-DTYP] 2.4.6).
const DACL_PRESENT: u16 = 0x4;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub owner: Option<Sid>,
    /// In the order in which they count; `None` lets everybody do everything.
    pub entries: Option<Vec<AccessEntry>>,
}

/// One line of an access list (an ACE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccessEntry {
    pub allows: bool,
    pub flags: u8,
    /// Generic rights are taken apart.
    pub mask: u32,
    /// The attribute, property set, class of children or extended right that it is about; all of them otherwise.
    pub object: Option<Uuid>,
    /// The class of objects below that get it; all of them otherwise.
    pub class: Option<Uuid>,
    pub trustee: Sid,
}

impl AccessEntry {
    /// It counts on the object that has it.
    pub(super) fn is_here(&self) -> bool {
        self.flags & INHERIT_ONLY == 0
    }

    /// Objects below get it.
    pub(super) fn is_below(&self) -> bool {
        self.flags & CONTAINER_INHERIT != 0
    }

    /// It comes from above.
    pub(super) fn is_inherited(&self) -> bool {
        self.flags & INHERITED != 0
    }
}

/// Whom the access list names: as stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Sid(Vec<u8>);

impl Descriptor {
    /// `None` for what is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Descriptor> {
        let control = u16_at(bytes, 2)?;
        let owner = match u32_at(bytes, 4)? {
            0 => None,
            at => Some(Sid::first_of(bytes.get(place(at)?..)?)?),
        };
        let entries = match u32_at(bytes, 16)? {
            at if control & DACL_PRESENT != 0 && at != 0 => Some(entries(bytes.get(place(at)?..)?)?),
            _ => None,
        };
        Some(Descriptor { owner, entries })
    }
}

fn entries(list: &[u8]) -> Option<Vec<AccessEntry>> {
    let size = usize::from(u16_at(list, 2)?);
    let mut rest = list.get(8..size)?;
    let mut entries = Vec::new();
    for _ in 0..u16_at(list, 4)? {
        let size = usize::from(u16_at(rest, 2)?);
        entries.extend(entry(rest.get(..size)?)?);
        // An entry is never empty, or the list would have no end.
        rest = rest.get(size.max(8)..)?;
    }
    Some(entries)
}

/// `Some(None)` for an entry that grants nothing which could be relied on: one with a condition, or about auditing.
fn entry(bytes: &[u8]) -> Option<Option<AccessEntry>> {
    let (kind, flags) = (*bytes.first()?, *bytes.get(1)?);
    let (allows, about_objects) = match kind {
        0 => (true, false),
        1 => (false, false),
        5 => (true, true),
        6 => (false, true),
        _ => return Some(None),
    };
    let mut at = 8;
    let (mut object, mut class) = (None, None);
    if about_objects {
        let there = u32_at(bytes, at)?;
        at += 4;
        for (flag, id) in [(1, &mut object), (2, &mut class)] {
            if there & flag != 0 {
                let stored: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
                *id = Some(Uuid::from_bytes_le(stored));
                at += 16;
            }
        }
    }
    Some(Some(AccessEntry {
        allows,
        flags,
        mask: specific(u32_at(bytes, 4)?),
        object,
        class,
        trustee: Sid::first_of(bytes.get(at..)?)?,
    }))
}

fn specific(mask: u32) -> u32 {
    let taken_apart = GENERIC.iter().filter(|(generic, _)| mask & generic != 0);
    taken_apart.fold(mask & right::ALL, |mask, (_, stands_for)| mask | stands_for)
}

impl Sid {
    /// A SID in the text form `S-1-5-11`.
    pub(super) fn parse(text: &str) -> Option<Sid> {
        let mut parts = text.strip_prefix("S-1-")?.split('-');
        let authority: u64 = parts.next()?.parse().ok()?;
        let rest: Vec<u32> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let mut bytes = vec![1, u8::try_from(rest.len()).ok()?];
        bytes.extend_from_slice(&authority.to_be_bytes()[2..]);
        bytes.extend(rest.iter().flat_map(|part| part.to_le_bytes()));
        Some(Sid(bytes))
    }

    /// The SID that begins here.
    pub(super) fn first_of(bytes: &[u8]) -> Option<Sid> {
        let parts = usize::from(*bytes.get(1)?);
        Some(Sid(bytes.get(..8 + 4 * parts)?.to_vec()))
    }

    /// The number at the end.
    pub(super) fn last(&self) -> Option<u32> {
        u32_at(&self.0, self.0.len().checked_sub(4)?)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.iter().skip(2).take(6);
        let authority = authority.fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        write!(f, "S-1-{authority}")?;
        let (parts, _) = self.0.get(8..).unwrap_or_default().as_chunks::<4>();
        parts
            .iter()
            .try_for_each(|part| write!(f, "-{}", u32::from_le_bytes(*part)))
    }
}

fn place(at: u32) -> Option<usize> {
    usize::try_from(at).ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use proptest::prelude::*;

    use super::*;

    /// Of an OU: `O:DAG:DAD:(OA;CI;CCDC;user;;…-1102)(OA;CIIO;CR;reset;user;…-1102)(A;;RPLCLORC;;;AU)`.
    const STORED: &str = "AQAEgBQAAAAwAAAAAAAAAEwAAAABBQAAAAAABRUAAAD+4HoyXOylyBOdv9UAAgAAAQUAAAAAAAUVAAAA/uB6MlzspcgTnb/VAAIAAAQAnAADAAAABQI4AAMAAAABAAAAunqWv+YN0BGihQCqADBJ4gEFAAAAAAAFFQAAAP7gejJc7KXIE52/1U4EAAAFCkgAAAEAAAMAAABwlSkAbSTQEadoAKoAbgUpunqWv+YN0BGihQCqADBJ4gEFAAAAAAAFFQAAAP7gejJc7KXIE52/1U4EAAAAABQAlAACAAEBAAAAAAAFCwAAAA==";

    #[test]
    fn a_descriptor_is_read_as_it_is_stored() {
        let bytes = BASE64.decode(STORED).unwrap();
        let descriptor = Descriptor::parse(&bytes).unwrap();
        let owner = descriptor.owner.unwrap();
        assert_eq!(
            (owner.last(), owner.to_string().starts_with("S-1-5-21-")),
            (Some(512), true)
        );
        let entries = descriptor.entries.unwrap();
        let user: Uuid = "bf967aba-0de6-11d0-a285-00aa003049e2".parse().unwrap();
        let reset: Uuid = "00299570-246d-11d0-a768-00aa006e0529".parse().unwrap();
        let shown: Vec<_> = entries
            .iter()
            .map(|it| (it.mask, it.object, it.class, it.is_here(), it.is_below()))
            .collect();
        let create = right::CREATE_CHILD | right::DELETE_CHILD;
        assert!(
            shown.contains(&(create, Some(user), None, true, true)),
            "{shown:?}"
        );
        assert!(shown.contains(&(right::CONTROL_ACCESS, Some(reset), Some(user), false, true)));
        let everybody = Sid::parse("S-1-5-11").unwrap();
        let of_everybody = entries.iter().find(|it| it.trustee == everybody).unwrap();
        assert_eq!(of_everybody.mask, right::READING);
        for length in 0..bytes.len() {
            assert_eq!(Descriptor::parse(&bytes[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_makes_it_panic(at in 0_usize..200, changed: [u8; 4], more: Vec<u8>) {
            let mut bytes = BASE64.decode(STORED).unwrap();
            bytes.splice(at.min(bytes.len() - 4)..at.min(bytes.len() - 4) + 4, changed);
            bytes.extend(more);
            let read = Descriptor::parse(&bytes);
            let entries = read.and_then(|read| read.entries).unwrap_or_default();
            prop_assert!(entries.iter().all(|it| it.trustee.to_string().starts_with("S-1-")));
        }
    }

    #[test]
    fn without_a_list_everybody_may_do_everything() {
        let mut bytes = [0_u8; 20];
        bytes[0] = 1;
        assert_eq!(
            Descriptor::parse(&bytes),
            Some(Descriptor {
                owner: None,
                entries: None
            })
        );
    }

    #[test]
    fn sids_have_a_text_form() {
        for text in [
            "S-1-5-11",
            "S-1-1-0",
            "S-1-5-21-846913790-3366317148-3586104595-1102",
        ] {
            assert_eq!(Sid::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Sid::parse("S-1-5-21-1-2-3-1102").unwrap().last(), Some(1102));
        for wrong in ["", "S-1-", "S-2-5", "S-1-5-x"] {
            assert_eq!(Sid::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn generic_rights_are_taken_apart() {
        assert_eq!(specific(0x1000_0000), right::ALL);
        assert_eq!(specific(0x8000_0000), right::READING);
        assert_eq!(specific(0x20), right::WRITE_PROPERTY);
    }
}
