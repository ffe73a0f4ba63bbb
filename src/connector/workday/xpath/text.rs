//! Texts and numbers as XPath 1.0 has them.

use std::borrow::Cow;

/// What `translate` makes of characters: others, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// By character up to 127; what is there is what it becomes.
    ascii: Box<[Option<char>; 128]>,
    other: Vec<(char, Option<char>)>,
}

impl Mapping {
    /// Each character of `from` becomes the one at the same place in `to`; where there is none, it goes. The first counts
    /// if one is there twice.
    pub fn new(from: &str, to: &str) -> Mapping {
        let mut ascii = Box::new([None; 128]);
        for code in 0..128u8 {
            ascii[usize::from(code)] = Some(char::from(code));
        }
        let mut other = Vec::new();
        let mut to = to.chars();
        for (at, character) in from.char_indices() {
            let becomes = to.next();
            if from[..at].contains(character) {
                continue;
            }
            match ascii.get_mut(character as usize) {
                Some(slot) => *slot = becomes,
                None => other.push((character, becomes)),
            }
        }
        Mapping { ascii, other }
    }

    pub fn apply(&self, text: &str) -> String {
        let becomes = |character: char| match self.ascii.get(character as usize) {
            Some(becomes) => *becomes,
            None => match self.other.iter().find(|(known, _)| *known == character) {
                Some((_, becomes)) => *becomes,
                None => Some(character),
            },
        };
        text.chars().filter_map(becomes).collect()
    }
}

/// `substring`: from the character at `start`, counted from 1, and `length` characters, all rounded.
pub fn substring(text: &str, start: f64, length: Option<f64>) -> String {
    let from = round(start);
    let before = length.map_or(f64::INFINITY, |length| from + round(length));
    let is_inside = |at: f64| at >= from && at < before;
    let characters = text.chars().enumerate();
    #[expect(clippy::cast_precision_loss, reason = "no text is that long")]
    let inside = characters.filter(|(at, _)| is_inside(*at as f64 + 1.0));
    inside.map(|(_, character)| character).collect()
}

/// White space trimmed, and each run of it one blank.
pub fn normalize(text: &str) -> Cow<'_, str> {
    let is_white = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let trimmed = text.trim_matches(is_white);
    let is_normal = !trimmed.contains(['\t', '\r', '\n']) && !trimmed.contains("  ");
    if is_normal {
        return Cow::Borrowed(trimmed);
    }
    let words: Vec<&str> = trimmed.split(is_white).filter(|word| !word.is_empty()).collect();
    Cow::Owned(words.join(" "))
}

/// `number` of a text: digits with a point and a minus, nothing else; white space around it.
pub fn number(text: &str) -> f64 {
    let text = text.trim_matches(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return f64::NAN;
    }
    text.parse().unwrap_or(f64::NAN)
}

/// `string` of a number: without a point if it is whole, never with an exponent.
pub fn of_number(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".into(),
        _ if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        // Minus zero too.
        0.0 => "0".into(),
        _ => number.to_string(),
    }
}

/// The nearest whole number; of two, the greater.
pub fn round(number: f64) -> f64 {
    let floor = number.floor();
    let rounded = if number - floor >= 0.5 { floor + 1.0 } else { floor };
    match rounded {
        0.0 => 0.0f64.copysign(number),
        rounded => rounded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings_are_those_of_the_recommendation() {
        let nan = f64::NAN;
        for (start, length, expected) in [
            (2.0, Some(3.0), "234"),
            (2.0, None, "2345"),
            (1.5, Some(2.6), "234"),
            (0.0, Some(3.0), "12"),
            (nan, Some(3.0), ""),
            (1.0, Some(nan), ""),
            (-42.0, Some(f64::INFINITY), "12345"),
            (f64::NEG_INFINITY, Some(f64::INFINITY), ""),
        ] {
            assert_eq!(substring("12345", start, length), expected, "{start} {length:?}");
        }
        assert_eq!(substring("aß😀é", 3.0, Some(1.0)), "😀");
    }

    #[test]
    fn characters_are_translated_or_dropped() {
        assert_eq!(Mapping::new("abc", "ABC").apply("bar"), "BAr");
        assert_eq!(Mapping::new("abc-", "ABC").apply("--aaa--"), "AAA");
        assert_eq!(Mapping::new("aaß", "xyz").apply("aßb"), "xzb");
        assert_eq!(Mapping::new("é😀", "e").apply("é😀x"), "ex");
    }

    #[test]
    fn numbers_are_read_and_written_as_the_recommendation_says() {
        for (text, expected) in [("1", 1.0), (" -2.50\n", -2.5), (".5", 0.5), ("3.", 3.0)] {
            assert_eq!(
                number(text).total_cmp(&expected),
                std::cmp::Ordering::Equal,
                "{text}"
            );
        }
        for text in ["", "-", ".", "+1", "1e3", "true", "1 2", "0x10", "inf", "1.2.3"] {
            assert!(number(text).is_nan(), "{text}");
        }
        for (number, expected) in [
            (1.0, "1"),
            (-0.0, "0"),
            (-1.5, "-1.5"),
            (f64::NAN, "NaN"),
            (1e21, "1000000000000000000000"),
            (0.000_001, "0.000001"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(of_number(number), expected);
        }
        assert_eq!(
            (round(2.5), round(-2.5), round(0.499_999_999_999_999_94)),
            (3.0, -2.0, 0.0)
        );
        assert!(round(-0.2).is_sign_negative() && round(f64::NAN).is_nan());
    }

    #[test]
    fn white_space_is_normalized() {
        assert_eq!(normalize(" a \t\r\n b\u{a0} "), "a b\u{a0}");
        assert_eq!(normalize("  "), "");
    }
}
