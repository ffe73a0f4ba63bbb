//! Upper and lower case, one character for one, as the platform's invariant culture does it.
//!
//! `ß` has no single upper-case letter and stays; `İ` and `ı` stay except in Turkish and Azerbaijani.

use super::text::one_of;
use super::{Function, Kind, Origin, Parameter, example, function, parameter};
use crate::domain::expression::evaluator::{Arguments, Stop};

const SOURCE: Parameter = parameter("source", Kind::Text);
const CULTURE: Parameter = parameter("culture", Kind::Text).optional();

pub const TO_LOWER: Function = function(
    "ToLower",
    &[SOURCE, CULTURE],
    "Lower case. The culture, such as \"en-US\", matters for Turkish and Azerbaijani only.",
    &[
        example(r#"ToLower("Zoë VAN DAM")"#, &[], &["zoë van dam"]),
        example(r#"ToLower("ISIK", "tr-TR")"#, &[], &["ısık"]),
        example(r#"ToLower([mail], )"#, &[], &[]),
    ],
    |arguments| {
        let lower = if is_turkic(arguments)? {
            lower_turkic
        } else {
            lower
        };
        arguments.map_texts(0, |text| Ok(map(text, lower)))
    },
);

pub const TO_UPPER: Function = function(
    "ToUpper",
    &[SOURCE, CULTURE],
    "Upper case. The culture, such as \"en-US\", matters for Turkish and Azerbaijani only.",
    &[
        example(r#"ToUpper("Straße")"#, &[], &["STRAßE"]),
        example(r#"ToUpper("izmir", "tr-TR")"#, &[], &["İZMİR"]),
    ],
    |arguments| {
        let upper = if is_turkic(arguments)? {
            upper_turkic
        } else {
            upper
        };
        arguments.map_texts(0, |text| Ok(map(text, upper)))
    },
);

pub const LCASE: Function = function(
    "LCase",
    &[SOURCE],
    "Lower case.",
    &[example(r#"LCase("TeSt")"#, &[], &["test"])],
    |arguments| arguments.map_texts(0, |text| Ok(map(text, lower))),
)
.known_to(Origin::Connect);

pub const UCASE: Function = function(
    "UCase",
    &[SOURCE],
    "Upper case.",
    &[example(r#"UCase("TeSt")"#, &[], &["TEST"])],
    |arguments| arguments.map_texts(0, |text| Ok(map(text, upper))),
)
.known_to(Origin::Connect);

pub const PCASE: Function = function(
    "PCase",
    &[SOURCE, parameter("wordSeparators", Kind::Text).optional()],
    "Every word with a capital. Given word separators, a word begins only after one of their characters.",
    &[
        example(
            r#"PCase("PABLO GONSALVES (SECOND)")"#,
            &[],
            &["Pablo Gonsalves (Second)"],
        ),
        example(r#"PCase("PINTO-DE'SILVA", " '-")"#, &[], &["Pinto-De'Silva"]),
        example(r#"PCase("john's 3rd")"#, &[], &["John's 3Rd"]),
    ],
    |arguments| {
        let is_separator = arguments.filled(1)?.map(|separators| one_of(&separators));
        arguments.map_texts(0, |text| {
            let titled = match &is_separator {
                Some(is_separator) => title(text, is_separator, |_| true),
                None => title(text, ends_word, char::is_alphabetic),
            };
            Ok((titled != text).then_some(titled))
        })
    },
);

/// A capital for each character that begins a word: one that can, at the start of the text or after one
/// that ended the word before.
fn title(text: &str, ends_word: impl Fn(char) -> bool, begins_word: impl Fn(char) -> bool) -> String {
    let mut in_word = false;
    text.chars()
        .map(|char| {
            let begins = !in_word && !ends_word(char) && begins_word(char);
            in_word = (in_word || begins) && !ends_word(char);
            if begins { upper(char) } else { lower(char) }
        })
        .collect()
}

/// Letters, marks, digits and apostrophes go on with a word; all else ends it.
fn ends_word(char: char) -> bool {
    !char.is_alphanumeric() && char != '\'' && !unicode_normalization::char::is_combining_mark(char)
}

fn is_turkic(arguments: &Arguments<'_, '_>) -> Result<bool, Stop> {
    let culture = arguments.text(1)?.unwrap_or_default();
    let language = culture.split(['-', '_']).next().unwrap_or_default();
    Ok(matches!(language, "tr" | "az"))
}

fn map(text: &str, change: fn(char) -> char) -> Option<String> {
    text.chars()
        .any(|char| change(char) != char)
        .then(|| text.chars().map(change).collect())
}

pub fn lower(char: char) -> char {
    if char == 'İ' {
        char
    } else {
        only(char.to_lowercase()).unwrap_or(char)
    }
}

fn upper(char: char) -> char {
    if char == 'ı' {
        char
    } else {
        only(char.to_uppercase()).unwrap_or(char)
    }
}

fn lower_turkic(char: char) -> char {
    match char {
        'I' => 'ı',
        'İ' => 'i',
        other => lower(other),
    }
}

fn upper_turkic(char: char) -> char {
    match char {
        'i' => 'İ',
        'ı' => 'I',
        other => upper(other),
    }
}

fn only(mut chars: impl ExactSizeIterator<Item = char>) -> Option<char> {
    if chars.len() == 1 { chars.next() } else { None }
}
