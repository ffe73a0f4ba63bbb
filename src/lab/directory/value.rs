//! Values: which fit their attribute, which are equal, which comes first.
//!
//! Text is compared as Windows sorts it in its neutral locale: without case, without accents, ligatures as two
//! letters ([MS-UCODEREF] 3.1.5.4, [MS-ADTS] 3.1.1.2.2.4.13). `sn=muller` is Müller, and both cannot be the same cn.

use std::cmp::Ordering;

use jiff::Timestamp;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::refusal::{Answer, ERROR_DS_RANGE_CONSTRAINT, Refusal};
use super::schema::{Att, Syntax};

/// As it is stored: text in UTF-8, numbers and times as text, everything else as bytes.
pub type Value = Vec<u8>;

/// `never`, for `accountExpires`.
pub const NEVER: i64 = i64::MAX;

/// From 1601 to 1970, in seconds.
const EPOCH: i64 = 11_644_473_600;

/// 100 ns since 1601 ([MS-DTYP] 2.3.3).
pub fn filetime(time: Timestamp) -> i64 {
    let ticks = time.as_nanosecond() / 100 + i128::from(EPOCH) * 10_000_000;
    i64::try_from(ticks).unwrap_or(NEVER)
}

/// `20250131120000.0Z` ([MS-ADTS] 3.1.1.2.2.2.9).
pub fn generalized(time: Timestamp) -> String {
    time.strftime("%Y%m%d%H%M%S.0Z").to_string()
}

/// `S-1-5-21-…` of the bytes ([MS-DTYP] 2.4.2.1).
pub fn sid_text(sid: &[u8]) -> Option<String> {
    let (&[revision, _, a, b, c, d, e, f], rest) = sid.split_first_chunk::<8>()?;
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let (parts, _) = rest.as_chunks::<4>();
    let parts: String = parts
        .iter()
        .map(|part| format!("-{}", u32::from_le_bytes(*part)))
        .collect();
    Some(format!("S-{revision}-{authority}{parts}"))
}

pub fn sid_bytes(text: &str) -> Option<Value> {
    let mut parts = text
        .strip_prefix("S-")
        .or_else(|| text.strip_prefix("s-"))?
        .split('-');
    let revision: u8 = parts.next()?.parse().ok()?;
    let authority: u64 = parts.next()?.parse().ok()?;
    let parts: Vec<u32> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let mut sid = vec![revision, u8::try_from(parts.len()).ok()?];
    sid.extend_from_slice(&authority.to_be_bytes()[2..]);
    sid.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
    Some(sid)
}

/// What is stored of a value that somebody writes; not for DNs and passwords.
pub fn checked(att: Att, value: &[u8]) -> Answer<Value> {
    let text = || std::str::from_utf8(value).map_err(|_| Refusal::conversion(21));
    if value.is_empty() {
        return Err(Refusal::conversion(21));
    }
    let too_big = || Refusal::attribute(19, ERROR_DS_RANGE_CONSTRAINT, att);
    let fits = |size: i64| att.lower.is_none_or(|it| size >= it) && att.upper.is_none_or(|it| size <= it);
    let size = match att.syntax {
        Syntax::Unicode | Syntax::Oid => text()?.encode_utf16().count() as i64,
        Syntax::Octet | Syntax::Sid => value.len() as i64,
        Syntax::Integer => i64::from(parsed::<i32>(text()?)?),
        Syntax::Large => parsed(text()?)?,
        Syntax::Boolean => match value {
            b"TRUE" | b"FALSE" => return Ok(value.to_vec()),
            _ => return Err(Refusal::conversion(21)),
        },
        Syntax::Time => match time_key(text()?) {
            Some(_) => return Ok(value.to_vec()),
            None => return Err(Refusal::conversion(21)),
        },
        Syntax::Dn => return Ok(value.to_vec()),
    };
    match (fits(size), att.syntax) {
        (false, _) => Err(too_big()),
        (true, Syntax::Integer | Syntax::Large) => Ok(size.to_string().into_bytes()),
        (true, _) => Ok(value.to_vec()),
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> Answer<T> {
    text.parse().map_err(|_| Refusal::conversion(21))
}

/// Equal values of an attribute have equal keys. `None` for what cannot be a value of it.
pub fn key(syntax: Syntax, value: &[u8]) -> Option<Value> {
    let text = || std::str::from_utf8(value).ok();
    match syntax {
        Syntax::Octet => Some(value.to_vec()),
        Syntax::Sid => match text().and_then(sid_bytes) {
            Some(sid) => Some(sid),
            None => Some(value.to_vec()),
        },
        Syntax::Unicode | Syntax::Oid | Syntax::Dn => text().map(|text| fold(text).into_bytes()),
        Syntax::Boolean => text().map(|text| text.to_ascii_uppercase().into_bytes()),
        Syntax::Integer | Syntax::Large => {
            let number: i64 = text()?.trim().parse().ok()?;
            Some(number.to_string().into_bytes())
        }
        Syntax::Time => time_key(text()?),
    }
}

/// The seconds of a GeneralizedTime or a UTCTime, as digits.
fn time_key(text: &str) -> Option<Value> {
    let digits = text.strip_suffix('Z')?.split('.').next()?;
    let whole = match digits.len() {
        14 => digits.to_string(),
        12 if digits < "5" => format!("20{digits}"),
        12 => format!("19{digits}"),
        _ => return None,
    };
    whole
        .bytes()
        .all(|it| it.is_ascii_digit())
        .then(|| whole.into_bytes())
}

/// The order of two keys.
pub fn ordered(syntax: Syntax, left: &[u8], right: &[u8]) -> Ordering {
    match syntax {
        Syntax::Integer | Syntax::Large => number(left).cmp(&number(right)),
        _ => left.cmp(right),
    }
}

pub fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// Letters that Windows takes for two, or for another with a mark, and Unicode does not take apart.
const LETTERS: &[(char, &str)] = &[
    ('ß', "ss"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('þ', "th"),
    ('ø', "o"),
    ('ł', "l"),
    ('đ', "d"),
    ('ð', "d"),
    ('ı', "i"),
];

/// Text as it is compared.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let marks_gone = text.nfkd().filter(|it| !is_combining_mark(*it));
    let mut folded = String::with_capacity(text.len());
    for letter in marks_gone.flat_map(char::to_lowercase) {
        match LETTERS.iter().find(|(it, _)| *it == letter) {
            Some((_, as_letters)) => folded.push_str(as_letters),
            None if is_combining_mark(letter) => {}
            None => folded.push(letter),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_equal_without_case_and_marks() {
        for (left, right) in [
            ("Müller", "muller"),
            ("Straße", "STRASSE"),
            ("Zoë", "Zoe"),
            ("Łódź", "lodz"),
            ("Æther", "aether"),
        ] {
            assert_eq!(fold(left), fold(right));
        }
        assert_ne!(fold("Möller"), fold("Müller"));
    }

    #[test]
    fn numbers_and_times_are_equal_as_such() {
        assert_eq!(key(Syntax::Integer, b"007"), key(Syntax::Integer, b"7"));
        assert_eq!(
            key(Syntax::Time, b"20250131120000.0Z"),
            key(Syntax::Time, b"250131120000Z")
        );
        assert_eq!(key(Syntax::Integer, b"seven"), None);
    }

    #[test]
    fn sids_have_a_text() {
        let text = "S-1-5-21-1-2-3-500";
        let bytes = sid_bytes(text).unwrap();
        assert_eq!(bytes.len(), 28);
        assert_eq!(sid_text(&bytes).as_deref(), Some(text));
        assert_eq!(sid_text(&[1, 2]), None);
    }

    #[test]
    fn times_count_from_1601() {
        assert_eq!(filetime(Timestamp::UNIX_EPOCH), 116_444_736_000_000_000);
        assert_eq!(generalized(Timestamp::UNIX_EPOCH), "19700101000000.0Z");
    }
}
