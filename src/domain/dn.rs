//! Distinguished names (RFC 4514): just enough to compare two, to ask whether one lies below another, and to
//! build one without anything slipping through unescaped.

use std::fmt;

/// A DN taken apart: the first part is the object's own name, the last the root's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dn(Vec<Rdn>);

/// One part, folded for comparison: attribute types and values of a directory ignore case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Rdn(Vec<(String, String)>);

impl Dn {
    /// `None` when the text is no DN.
    pub fn parse(text: &str) -> Option<Dn> {
        if text.trim().is_empty() {
            return None;
        }
        split(text, ',')
            .into_iter()
            .map(rdn)
            .collect::<Option<Vec<_>>>()
            .map(Dn)
    }

    /// The values of every part of this type, own name first, in lower case.
    pub fn values_of(&self, kind: &str) -> Vec<String> {
        let parts = self.0.iter().flat_map(|rdn| &rdn.0);
        parts
            .filter(|(name, _)| name == kind)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// Whether this object is `other`, or lives anywhere below it.
    pub fn is_within(&self, other: &Dn) -> bool {
        self.0.ends_with(&other.0)
    }
}

/// As it is compared: in lower case.
impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |(name, value): &(String, String)| format!("{name}={}", escape(value));
        let parts = self
            .0
            .iter()
            .map(|rdn| rdn.0.iter().map(part).collect::<Vec<_>>().join("+"));
        f.write_str(&parts.collect::<Vec<_>>().join(","))
    }
}

/// Whether two texts name the same object. Texts that are no DNs name none.
pub fn same(left: &str, right: &str) -> bool {
    Dn::parse(left).is_some_and(|left| Dn::parse(right) == Some(left))
}

/// The DN of the container: `OU=Staff,DC=x` of `CN=Ada\, Countess,OU=Staff,DC=x`.
pub fn parent(dn: &str) -> Option<&str> {
    let own = split(dn, ',').first()?.len();
    dn.get(own + 1..)
        .map(str::trim_start)
        .filter(|rest| !rest.is_empty())
}

/// The value of the object's own name, unescaped.
pub fn own_name(dn: &str) -> Option<String> {
    let first = *split(dn, ',').first()?;
    let (_, value) = first.split_once('=')?;
    unescape(trimmed(value))
}

/// Makes any text safe as an attribute value inside a DN (RFC 4514 §2.4).
pub fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 4);
    let last = value.chars().count().saturating_sub(1);
    for (position, character) in value.chars().enumerate() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '#' if position == 0 => escaped.push_str("\\#"),
            ' ' if position == 0 || position == last => escaped.push_str("\\ "),
            '\0' => escaped.push_str("\\00"),
            '\n' => escaped.push_str("\\0A"),
            '\r' => escaped.push_str("\\0D"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn rdn(text: &str) -> Option<Rdn> {
    let mut parts = split(text, '+')
        .into_iter()
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            let name = name.trim();
            (!name.is_empty()).then_some(())?;
            Some((name.to_lowercase(), unescape(trimmed(value))?.to_lowercase()))
        })
        .collect::<Option<Vec<_>>>()?;
    parts.sort();
    Some(Rdn(parts))
}

/// Splits at separators that are not escaped.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == separator {
            parts.push(&text[start..at]);
            start = at + character.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Without the spaces around it, except a last one that is escaped and so belongs to the value.
fn trimmed(value: &str) -> &str {
    let value = value.trim_start();
    let end = value.trim_end().len();
    let backslashes = value[..end]
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'\\')
        .count();
    let kept = if backslashes % 2 == 1 { end + 1 } else { end };
    value.get(..kept).unwrap_or(value)
}

/// Undoes `\,` and `\C3\A9`; `None` when an escape is cut short or the bytes are no UTF-8.
fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let next = rest.next()?;
        match (next as char).to_digit(16) {
            Some(high) => {
                let low = (rest.next()? as char).to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            None => bytes.push(next),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_ignores_case_spaces_and_spelling_of_escapes() {
        assert!(same(
            "CN=Ada\\, Countess,OU=Staff,DC=x",
            "cn=ada\\2c countess, ou=staff, dc=X"
        ));
        assert!(!same("CN=Ada,DC=x", "CN=Ada,DC=y"));
        assert!(!same("not a dn", "not a dn"));
    }

    #[test]
    fn below_means_the_tree_and_not_the_text() {
        let staff = Dn::parse("OU=Staff,DC=x").unwrap();
        assert!(Dn::parse("CN=A,OU=Rome,OU=Staff,DC=x").unwrap().is_within(&staff));
        assert!(staff.is_within(&staff));
        assert!(!Dn::parse("CN=A,OU=NotStaff,DC=x").unwrap().is_within(&staff));
    }

    #[test]
    fn names_survive_a_round_trip() {
        for name in [
            "Jensen, Babs",
            " #lead and trail ",
            "a+b=c;\"<>\\",
            "Müller",
            "line\nbreak",
        ] {
            let dn = format!("CN={},OU=Staff,DC=x", escape(name));
            assert_eq!(own_name(&dn).as_deref(), Some(name), "{dn}");
            assert_eq!(parent(&dn), Some("OU=Staff,DC=x"));
            let folded = Dn::parse(&dn).unwrap();
            assert_eq!(Dn::parse(&folded.to_string()).unwrap(), folded, "{dn}");
        }
    }
}
