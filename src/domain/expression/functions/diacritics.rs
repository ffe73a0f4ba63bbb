//! Accented letters become plain ones: the service's table, letter by letter.
//!
//! A letter may come composed or decomposed. What the table does not list stays as it is, in particular
//! the stacked marks of Vietnamese. Two letters are added to the service's table: `œ` like `œ̄`, and `Œ`.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{Function, Kind, example, function, parameter};

pub const NORMALIZE_DIACRITICS: Function = function(
    "NormalizeDiacritics",
    &[parameter("source", Kind::Text)],
    "Replaces accented letters by plain ones.",
    &[
        example(r#"NormalizeDiacritics("Zoë Müller")"#, &[], &["Zoe Muller"]),
        example(
            r#"NormalizeDiacritics("Łukasz Ærø Strauß")"#,
            &[],
            &["Lukasz AEroe Strauss"],
        ),
        example(r#"NormalizeDiacritics("Hồ")"#, &[], &["Hồ"]),
    ],
    |arguments| arguments.map_texts(0, |text| Ok(without_diacritics(text))),
);

const TABLE: [(&str, &str); 19] = [
    ("a", "ä à â ã å á ą ă ā ā́ ā̀ ā̂ ā̃ ǟ ā̈ ǡ a̱ å̄"),
    ("ae", "æ ǣ"),
    ("c", "ç č ć c̄ c̱"),
    ("d", "ď d̄ ḏ"),
    ("e", "ë è é ê ę ě ė ē ḗ ḕ ē̂ ē̃ ê̄ e̱ ë̄ e̊̄"),
    ("g", "ğ ḡ g̱"),
    ("i", "ï î ì í ı ī ī́ ī̀ ī̂ ī̃ i̱ i̇"),
    ("l", "ľ ł l̄ ḹ ḻ"),
    ("n", "ñ ń ň n̄ ṉ"),
    ("o", "ö ò ő õ ô ó ō ṓ ṑ ō̂ ō̃ ȫ ō̈ ǭ ȭ ȱ o̱"),
    ("oe", "ø ø̄ œ̄ œ"),
    ("r", "ř r̄ ṟ ṝ"),
    ("ss", "ß"),
    ("s", "š ś ș ş s̄ s̱"),
    ("t", "ť ț t̄ ṯ"),
    ("u", "ü ù û ú ů ű ū ū́ ū̀ ū̂ ū̃ u̇̄ ǖ ṻ ṳ̄ u̱"),
    ("y", "ÿ ý ȳ ȳ́ ȳ̀ ȳ̃ y̱"),
    ("z", "ź ž ż z̄ ẕ"),
    ("SS", "ẞ"),
];

/// From a letter with its marks, decomposed, to its replacement.
static REPLACEMENTS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let mut replacements = HashMap::new();
    for (plain, letters) in TABLE {
        for letter in letters.split(' ') {
            let upper: String = letter.to_uppercase().nfd().collect();
            if !upper.is_ascii() {
                replacements.insert(upper, plain.to_uppercase());
            }
            replacements.insert(letter.nfd().collect(), plain.to_owned());
        }
    }
    replacements
});

/// `None` if there is nothing to replace.
fn without_diacritics(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    for letter in letters(text) {
        let replacement = match letter.is_ascii() {
            true => None,
            false => REPLACEMENTS.get(letter.nfd().collect::<String>().as_str()),
        };
        plain.push_str(replacement.map_or(letter, String::as_str));
    }
    (plain != text).then_some(plain)
}

/// The text in pieces of one character and the combining marks that follow it.
fn letters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut ends = rest
            .char_indices()
            .skip(1)
            .filter(|(_, char)| !is_combining_mark(*char));
        let end = ends.next().map_or(rest.len(), |(end, _)| end);
        let (letter, after) = rest.split_at_checked(end)?;
        rest = after;
        (!letter.is_empty()).then_some(letter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_the_table_is_replaced_composed_and_decomposed_in_both_cases() {
        for (plain, letters) in TABLE {
            for letter in letters.split(' ') {
                let composed: String = letter.nfc().collect();
                let decomposed: String = letter.nfd().collect();
                assert_eq!(without_diacritics(&composed).as_deref(), Some(plain), "{letter}");
                assert_eq!(
                    without_diacritics(&decomposed).as_deref(),
                    Some(plain),
                    "{letter}"
                );
            }
        }
        for (upper, plain) in [
            ("Ä", "A"),
            ("Ø", "OE"),
            ("Æ", "AE"),
            ("İ", "I"),
            ("Ǻ", "Ǻ"),
            ("I", "I"),
            ("SS", "SS"),
        ] {
            assert_eq!(without_diacritics(upper).as_deref().unwrap_or(upper), plain);
        }
    }

    #[test]
    fn other_letters_stay_as_they_were_written() {
        for text in ["ồ", "o\u{302}\u{300}", "Đặng", "Ελένη", "日本", "a\u{315}"] {
            assert_eq!(without_diacritics(text), None, "{text}");
        }
    }
}
