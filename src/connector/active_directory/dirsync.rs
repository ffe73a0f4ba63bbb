//! The DirSync control as it travels ([MS-ADTS] 3.1.1.3.4.1.3): asked without flags, so that whoever asks needs the right
//! "Replicating Directory Changes" and is told of what was deleted, too.

use ldap3::asn1::{StructureTag, parse_tag};
use ldap3::controls::RawControl;

pub(super) const DIRSYNC: &str = "1.2.840.113556.1.4.841";

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;

/// How far a caller has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub is_more: bool,
    pub cookie: Vec<u8>,
}

/// `SEQUENCE { flags INTEGER, maxBytes INTEGER, cookie OCTET STRING }`.
pub(super) fn request(most: u32, cookie: &[u8]) -> RawControl {
    let most = [&[0], &most.to_be_bytes()[..]].concat();
    let parts = [
        encoded(INTEGER, &[0]),
        encoded(INTEGER, shortest(&most)),
        encoded(OCTET_STRING, cookie),
    ];
    RawControl {
        ctype: DIRSYNC.to_string(),
        crit: true,
        val: Some(encoded(SEQUENCE, &parts.concat())),
    }
}

/// `SEQUENCE { moreResults INTEGER, unused INTEGER, cookie OCTET STRING }`; `None` for anything else.
pub(super) fn reached(value: &[u8]) -> Option<Reached> {
    let (_, tag) = parse_tag(value).ok()?;
    let parts = tag.expect_constructed()?;
    let parts: Option<Vec<Vec<u8>>> = parts.into_iter().map(StructureTag::expect_primitive).collect();
    let [more, _, cookie] = <[Vec<u8>; 3]>::try_from(parts?).ok()?;
    Some(Reached {
        is_more: more.iter().any(|byte| *byte != 0),
        cookie,
    })
}

/// A number without what says nothing: a controller refuses more bytes than it needs (X.690 §8.3.2).
fn shortest(number: &[u8]) -> &[u8] {
    match number {
        [0, rest @ ..] if rest.first().is_some_and(|next| *next < 0x80) => shortest(rest),
        number => number,
    }
}

/// Tag, length and contents (X.690 §8.1).
fn encoded(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let skipped = length.iter().take_while(|byte| **byte == 0).count();
    let length = match &length[skipped.min(length.len() - 1)..] {
        [short] if *short < 0x80 => vec![*short],
        long => [&[0x80 | u8::try_from(long.len()).unwrap_or(8)], long].concat(),
    };
    [&[tag], &length[..], contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_short_as_it_can_be() {
        let value = |most, cookie: &[u8]| request(most, cookie).val.unwrap();
        assert_eq!(
            value(0x7fff, b"c"),
            [0x30, 10, 2, 1, 0, 2, 2, 0x7f, 0xff, 4, 1, b'c']
        );
        assert_eq!(value(0x8000, b""), [0x30, 10, 2, 1, 0, 2, 3, 0, 0x80, 0, 4, 0]);
        let long = value(0, &[7; 300]);
        assert_eq!(long[..4], [0x30, 0x82, 1, 54]);
        assert_eq!(long[10..14], [4, 0x82, 1, 44]);
    }

    #[test]
    fn an_answer_that_is_none_is_told() {
        let answer = [0x30, 9, 2, 1, 1, 2, 1, 0, 4, 1, b'c'];
        let expected = Reached {
            is_more: true,
            cookie: b"c".to_vec(),
        };
        assert_eq!(reached(&answer), Some(expected));
        for wrong in [&b""[..], &[0x30, 2, 2, 1], &[0x30, 3, 2, 1, 0], &[2, 1, 0]] {
            assert_eq!(reached(wrong), None, "{wrong:?}");
        }
    }
}
