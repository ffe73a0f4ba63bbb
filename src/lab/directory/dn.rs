//! Distinguished names as text (RFC 4514): read strictly and in one go, written so that nothing slips through.
//!
//! One value a part, and no value in quotes or in BER: Windows names no object so.

/// Nobody's name is longer, and whoever sends one is not worth the time.
const LONGEST: usize = 8 * 1024;
const MOST_PARTS: usize = 100;

/// Characters that a value has only behind a backslash.
const RESERVED: &str = "\"+,;<>\\";
/// Those that may stand behind a backslash as they are (RFC 4514 §3, `pair`).
const ESCAPABLE: &str = "\"+,;<>\\ #=";

/// Type and value of each part, the object's own name first; `None` where this is no DN.
pub fn parts(text: &str) -> Option<Vec<(&str, String)>> {
    if text.len() > LONGEST {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (kind, after) = text.split_once('=')?;
        let kind = kind.trim_matches(' ');
        let (value, above) = value(after)?;
        if !is_type(kind) || parts.len() == MOST_PARTS {
            return None;
        }
        parts.push((kind, value));
        rest = above;
    }
    Some(parts)
}

/// A name or an OID.
fn is_type(kind: &str) -> bool {
    let fits = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '.';
    !kind.is_empty() && kind.chars().all(fits)
}

/// The value at the beginning of a text, and what stands behind its comma, if there is one.
fn value(text: &str) -> Option<(String, Option<&str>)> {
    let text = text.trim_start_matches(' ');
    if text.starts_with('#') {
        return None;
    }
    let mut bytes = Vec::new();
    // Spaces at the end belong to the value where they are escaped, and nowhere else.
    let mut kept = 0;
    let mut above = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            ',' => {
                above = Some(&text[at + 1..]);
                break;
            }
            '\\' => bytes.push(escaped(characters.by_ref().map(|(_, it)| it))?),
            '\0' | '\n' => return None,
            other if RESERVED.contains(other) => return None,
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        if character != ' ' {
            kept = bytes.len();
        }
    }
    bytes.truncate(kept);
    let value = String::from_utf8(bytes).ok()?;
    (!value.is_empty()).then_some((value, above))
}

/// `\,` is a comma, `\2C` is one too, and `\x` is nothing.
fn escaped(mut after: impl Iterator<Item = char>) -> Option<u8> {
    let first = after.next()?;
    if ESCAPABLE.contains(first) {
        return u8::try_from(first).ok();
    }
    let byte = first.to_digit(16)? * 16 + after.next()?.to_digit(16)?;
    u8::try_from(byte).ok()
}

/// A value as it stands in a DN.
pub fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(value.len() + 4);
    for (at, character) in value.chars().enumerate() {
        let is_at_an_end = at == 0 || at == last;
        match character {
            '\0' => escaped.push_str("\\00"),
            '\n' => escaped.push_str("\\0A"),
            '\r' => escaped.push_str("\\0D"),
            _ => {
                let is_special = RESERVED.contains(character)
                    || character == '='
                    || character == ' ' && is_at_an_end
                    || character == '#' && at == 0;
                escaped.extend(is_special.then_some('\\'));
                escaped.push(character);
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        #[rustfmt::skip]
        let cases: [(&str, &[(&str, &str)]); 8] = [
            ("CN=Ada,DC=x",                       &[("CN", "Ada"), ("DC", "x")]),
            (" cn = Ada\\, Countess , dc= x ",    &[("cn", "Ada, Countess"), ("dc", "x")]),
            ("CN=\\#1\\+\\22\\3C\\=\\\\,DC=x",    &[("CN", "#1+\"<=\\"), ("DC", "x")]),
            ("CN=J\\C3\\BCrgen,DC=x",             &[("CN", "Jürgen"), ("DC", "x")]),
            ("CN=Jürgen Müller,DC=x",             &[("CN", "Jürgen Müller"), ("DC", "x")]),
            ("CN=ada\\0ADEL:1,DC=x",              &[("CN", "ada\nDEL:1"), ("DC", "x")]),
            ("CN=\\ ada\\ \\ ,DC=x",              &[("CN", " ada  "), ("DC", "x")]),
            ("CN=a=b#c,DC=x",                     &[("CN", "a=b#c"), ("DC", "x")]),
        ];
        for (text, expected) in cases {
            let found = parts(text).unwrap_or_else(|| panic!("{text}"));
            let found: Vec<(&str, &str)> = found
                .iter()
                .map(|(kind, value)| (*kind, value.as_str()))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "CN",
            "CN=",
            "CN= ,DC=x",
            "CN=a,",
            "CN=a,,DC=x",
            "CN=a+SN=b,DC=x",
            "CN=\"a, b\",DC=x",
            "CN=a;DC=x",
            "CN=a<b,DC=x",
            "CN=a>b,DC=x",
            "CN=#04024869,DC=x",
            "CN=a\\,DC=x\\",
            "CN=a\\g,DC=x",
            "CN=a\\4,DC=x",
            "CN=\\C3,DC=x",
            "CN=a\0b,DC=x",
            "CN=a\nb,DC=x",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_of_a_million_parts_costs_nobody_anything() {
        let part = "CN=a,";
        assert_eq!(parts(&format!("{}DC=x", part.repeat(99))).unwrap().len(), 100);
        assert_eq!(parts(&format!("{}DC=x", part.repeat(100))), None);
        assert_eq!(parts(&part.repeat(1_000_000)), None);
        assert_eq!(parts(&format!("CN={},DC=x", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (name, text) in [
            ("Jensen, Babs", "Jensen\\, Babs"),
            (" #lead and trail ", "\\ #lead and trail\\ "),
            ("#1", "\\#1"),
            (" ", "\\ "),
            ("a+b=c;\"<>\\", "a\\+b\\=c\\;\\\"\\<\\>\\\\"),
            ("line\nbreak", "line\\0Abreak"),
            ("Müller", "Müller"),
        ] {
            assert_eq!(escape(name), text);
            let dn = format!("CN={text},DC=x");
            assert_eq!(parts(&dn).unwrap()[0], ("CN", name.to_string()), "{dn}");
        }
    }
}
