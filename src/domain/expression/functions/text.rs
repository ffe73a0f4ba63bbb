//! Texts joined, cut and cleaned.

use std::borrow::Cow;

use super::case::lower;
use super::{Function, Kind, Origin, Parameter, Repeats, count, example, from_zero, function, parameter};
use crate::domain::expression::evaluator::{Arguments, Evaluated, MAX_TEXT, Stop};
use crate::domain::value::Value;

const SOURCE: Parameter = parameter("source", Kind::Text);
const LENGTH: Parameter = parameter("length", Kind::Integer);

pub const APPEND: Function = function(
    "Append",
    &[SOURCE, parameter("suffix", Kind::Text)],
    "Puts a text behind another.",
    &[
        example(
            r#"Append([userPrincipalName], ".test")"#,
            &[("userPrincipalName", &["a@b"])],
            &["a@b.test"],
        ),
        example(r#"Append([mail], "x")"#, &[], &["x"]),
    ],
    |arguments| put_together(arguments, 0, 1, |source, suffix| format!("{source}{suffix}")),
);

pub const PREPEND: Function = function(
    "Prepend",
    &[parameter("prefix", Kind::Text), SOURCE],
    "Puts a text in front of another.",
    &[example(
        r#"Prepend("smtp:", [mail])"#,
        &[("mail", &["a@b"])],
        &["smtp:a@b"],
    )],
    |arguments| put_together(arguments, 1, 0, |source, prefix| format!("{prefix}{source}")),
);

fn put_together<'a>(
    arguments: &Arguments<'_, 'a>,
    source: usize,
    addition: usize,
    together: impl Fn(&str, &str) -> String,
) -> Evaluated<'a> {
    let source = arguments.value(source)?;
    match (source.as_ref(), arguments.text(addition)?) {
        (_, None) => Ok(source),
        (Value::Null, Some(text)) => Ok(Cow::Owned(Value::Text(text.into_owned()))),
        (_, Some(text)) => arguments.map_texts_of(source, |source| Ok(Some(together(source, &text)))),
    }
}

pub const JOIN: Function = function(
    "Join",
    &[parameter("separator", Kind::Text), SOURCE.repeated(Repeats::Any)],
    "Joins the texts that are not empty, with a separator between them. Lists are joined element by element.",
    &[
        example(
            r#"Join(", ", "", [surname], [givenName])"#,
            &[("surname", &["Doe"]), ("givenName", &["John"])],
            &["Doe, John"],
        ),
        example(
            r#"Join("+", [roles], 1000)"#,
            &[("roles", &["a", "b"])],
            &["a+b+1000"],
        ),
        example(r#"Join(".", [givenName], [surname])"#, &[], &[]),
    ],
    join,
);

/// Bytes that most names and addresses fit in, so that a text need not grow piece by piece.
const USUAL_LENGTH: usize = 64;

fn join<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let separator = arguments.text(0)?.unwrap_or_default();
    let mut joined = String::with_capacity(USUAL_LENGTH);
    for value in arguments.values(1) {
        push_texts(&mut joined, &separator, value?.as_ref());
    }
    Ok(Cow::Owned(if joined.is_empty() {
        Value::Null
    } else {
        Value::Text(joined)
    }))
}

fn push_texts(joined: &mut String, separator: &str, value: &Value) {
    if joined.len() > MAX_TEXT {
        return;
    }
    if let Value::List(items) = value {
        return items.iter().for_each(|item| push_texts(joined, separator, item));
    }
    if let Some(text) = value.to_text().filter(|text| !text.is_empty()) {
        if !joined.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(&text);
    }
}

pub const LEFT: Function = function(
    "Left",
    &[SOURCE, LENGTH],
    "The first characters of a text.",
    &[
        example(r#"Left("John Doe", 3)"#, &[], &["Joh"]),
        example(r#"Left("John Doe", -1)"#, &[], &["John Doe"]),
        example(r#"Left([mail], 3)"#, &[], &[""]),
    ],
    |arguments| {
        let length = arguments.integer(1)?;
        cut(arguments, |text| match usize::try_from(length) {
            Ok(length) => until(text, length),
            Err(_) => text,
        })
    },
);

pub const RIGHT: Function = function(
    "Right",
    &[SOURCE, LENGTH],
    "The last characters of a text.",
    &[
        example(r#"Right("John Doe", 3)"#, &[], &["Doe"]),
        example(r#"Right("John", 9)"#, &[], &["John"]),
    ],
    |arguments| {
        let length = usize::try_from(arguments.integer(1)?).unwrap_or(0);
        cut(arguments, |text| {
            from(text, text.chars().count().saturating_sub(length))
        })
    },
)
.known_to(Origin::Connect);

pub const MID: Function = function(
    "Mid",
    &[SOURCE, parameter("start", Kind::Integer), LENGTH],
    "Some characters out of a text; the first character is number 1.",
    &[
        example(r#"Mid("John Doe", 3, 5)"#, &[], &["hn Do"]),
        example(r#"Mid("John Doe", "6", "999")"#, &[], &["Doe"]),
        example(r#"Mid("O", 2, 64)"#, &[], &[""]),
    ],
    |arguments| {
        let start = from_zero(arguments.integer(1)?);
        let length = usize::try_from(arguments.integer(2)?).ok();
        cut(arguments, |text| match (start, length) {
            (Some(start), Some(length)) => until(from(text, start), length),
            _ => text,
        })
    },
);

pub const WORD: Function = function(
    "Word",
    &[
        parameter("string", Kind::Text),
        parameter("wordNumber", Kind::Integer),
        parameter("delimiters", Kind::Text),
    ],
    "One word of a text, counted from 1; each of the delimiters' characters separates words.",
    &[
        example(r#"Word("The quick brown fox", 3, " ")"#, &[], &["brown"]),
        example(
            r#"Word("This,string!has&many separators", 3, ",!&#")"#,
            &[],
            &["has"],
        ),
        example(r#"Word("one", 2, " ")"#, &[], &[""]),
    ],
    |arguments| {
        let place = from_zero(arguments.integer(1)?);
        let delimiters = arguments.text(2)?.unwrap_or_default();
        let is_delimiter = one_of(&delimiters);
        cut(arguments, |text| {
            let mut words = text.split(&is_delimiter).filter(|word| !word.is_empty());
            place.and_then(|place| words.nth(place)).unwrap_or_default()
        })
    },
);

/// Whether a character is one of a text's; looking for it does not take the longer, the longer the text is.
pub(super) fn one_of(text: &str) -> impl Fn(char) -> bool + use<> {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    move |char| characters.binary_search(&char).is_ok()
}

/// A piece of the first argument; of nothing, an empty text.
fn cut<'a>(arguments: &Arguments<'_, 'a>, piece: impl Fn(&str) -> &str) -> Evaluated<'a> {
    match arguments.value(0)? {
        null if *null == Value::Null => Ok(Cow::Owned(Value::text(""))),
        source => arguments.map_texts_of(source, |text| Ok(shorter(text, piece(text)))),
    }
}

/// The piece of a text, unless it is all of it.
fn shorter(text: &str, piece: &str) -> Option<String> {
    (piece.len() != text.len()).then(|| piece.to_owned())
}

fn until(text: &str, count: usize) -> &str {
    text.char_indices()
        .nth(count)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

fn from(text: &str, count: usize) -> &str {
    text.char_indices()
        .nth(count)
        .and_then(|(start, _)| text.get(start..))
        .unwrap_or_default()
}

pub const TRIM: Function = function(
    "Trim",
    &[SOURCE],
    "Takes white space away from both ends.",
    &[
        example(r#"Trim(" Test ")"#, &[], &["Test"]),
        example(r#"Trim([phones])"#, &[("phones", &[" 1", "2 "])], &["1", "2"]),
    ],
    |arguments| arguments.map_texts(0, |text| Ok(shorter(text, text.trim()))),
);

pub const LTRIM: Function = function(
    "LTrim",
    &[SOURCE],
    "Takes white space away from the beginning.",
    &[example(r#"LTrim(" Test ")"#, &[], &["Test "])],
    |arguments| arguments.map_texts(0, |text| Ok(shorter(text, text.trim_start()))),
)
.known_to(Origin::Connect);

pub const RTRIM: Function = function(
    "RTrim",
    &[SOURCE],
    "Takes white space away from the end.",
    &[example(r#"RTrim(" Test ")"#, &[], &[" Test"])],
    |arguments| arguments.map_texts(0, |text| Ok(shorter(text, text.trim_end()))),
)
.known_to(Origin::Connect);

pub const STRIP_SPACES: Function = function(
    "StripSpaces",
    &[SOURCE],
    "Takes every blank out of a text.",
    &[example(r#"StripSpaces("John Q Doe")"#, &[], &["JohnQDoe"])],
    |arguments| arguments.map_texts(0, |text| Ok(text.contains(' ').then(|| text.replace(' ', "")))),
);

pub const LEN: Function = function(
    "Len",
    &[SOURCE],
    "How many characters a text has.",
    &[
        example(r#"Len("John Doe")"#, &[], &["8"]),
        example(r#"Len([mail])"#, &[], &["0"]),
    ],
    |arguments| {
        let text = arguments.text(0)?.unwrap_or_default();
        Ok(Cow::Owned(count(text.chars().count())))
    },
)
.known_to(Origin::Connect);

const COMPARE_TYPES: &[&str] = &["vbBinaryCompare", "vbTextCompare"];

const VALUE1: Parameter = parameter("value1", Kind::Text);
const VALUE2: Parameter = parameter("value2", Kind::Text);
const START: Parameter = parameter("start", Kind::Integer).optional();
const COMPARE_TYPE: Parameter = parameter("compareType", Kind::Choice(COMPARE_TYPES)).optional();

pub const IN_STR: Function = function(
    "InStr",
    &[VALUE1, VALUE2, START, COMPARE_TYPE],
    "Where a text first occurs in another, counted from 1; 0 if it does not.",
    &[
        example(r#"InStr("The quick brown fox", "quick")"#, &[], &["5"]),
        example(r#"InStr("repEated", "e", 3, vbBinaryCompare)"#, &[], &["7"]),
        example(r#"InStr("repEated", "e", 3, vbTextCompare)"#, &[], &["4"]),
        example(r#"InStr([mail], "@")"#, &[], &["0"]),
    ],
    |arguments| {
        let Searched { text, wanted, start } = searched(arguments)?;
        let Some(skipped) = from_zero(start.unwrap_or(1)) else {
            return Err(arguments.fail("`start` counts from 1"));
        };
        let place = match text.is_empty() {
            true => None,
            false => from(&text, skipped)
                .find(&wanted)
                .map(|bytes| until(&text, skipped).len() + bytes),
        };
        Ok(Cow::Owned(position(&text, place)))
    },
);

pub const IN_STR_REV: Function = function(
    "InStrRev",
    &[VALUE1, VALUE2, START, COMPARE_TYPE],
    "Where a text last occurs in another, counted from 1; 0 if it does not. It ends at `start` or before.",
    &[
        example(r#"InStrRev("abbcdbbbef", "bb")"#, &[], &["7"]),
        example(r#"InStrRev("abbcdbbbef", "bb", 6)"#, &[], &["2"]),
    ],
    |arguments| {
        let Searched { text, wanted, start } = searched(arguments)?;
        let before = match start {
            Some(start) => until(&text, usize::try_from(start).unwrap_or(0)),
            None => &text,
        };
        Ok(Cow::Owned(position(&text, before.rfind(&wanted))))
    },
)
.known_to(Origin::Connect);

struct Searched {
    text: String,
    wanted: String,
    start: Option<i64>,
}

/// Both texts, in lower case if that does not matter, and where to start.
fn searched(arguments: &Arguments<'_, '_>) -> Result<Searched, Stop> {
    let start = arguments.optional_integer(2)?;
    let ignore_case = match arguments.filled(3)? {
        None => false,
        Some(compare) if compare.eq_ignore_ascii_case("vbBinaryCompare") => false,
        Some(compare) if compare.eq_ignore_ascii_case("vbTextCompare") => true,
        Some(_) => {
            return Err(arguments.fail(format!("`compareType` is one of {}", COMPARE_TYPES.join(", "))));
        }
    };
    let folded = |index| -> Result<String, Stop> {
        let text = arguments.text(index)?.unwrap_or_default();
        Ok(match ignore_case {
            true => text.chars().map(lower).collect(),
            false => text.into_owned(),
        })
    };
    Ok(Searched {
        text: folded(0)?,
        wanted: folded(1)?,
        start,
    })
}

/// The number of the character at an offset in bytes; 0 for nowhere.
fn position(text: &str, place: Option<usize>) -> Value {
    let before = place.and_then(|place| text.get(..place));
    count(before.map_or(0, |before| before.chars().count() + 1))
}

const PAD_CHARACTER: Parameter = parameter("padCharacter", Kind::Text);

pub const PAD_LEFT: Function = function(
    "PadLeft",
    &[SOURCE, LENGTH, PAD_CHARACTER],
    "Fills a text up from the left until it has the given length.",
    &[
        example(r#"PadLeft("42", 5, "0")"#, &[], &["00042"]),
        example(r#"PadLeft("123456", 5, "0")"#, &[], &["123456"]),
    ],
    |arguments| {
        let padding = padding(arguments)?;
        arguments.map_texts(0, |text| Ok(padding(text).map(|padding| padding + text)))
    },
)
.known_to(Origin::Connect);

pub const PAD_RIGHT: Function = function(
    "PadRight",
    &[SOURCE, LENGTH, PAD_CHARACTER],
    "Fills a text up from the right until it has the given length.",
    &[example(r#"PadRight("42", 5, ".")"#, &[], &["42..."])],
    |arguments| {
        let padding = padding(arguments)?;
        arguments.map_texts(0, |text| {
            Ok(padding(text).map(|padding| format!("{text}{padding}")))
        })
    },
)
.known_to(Origin::Connect);

/// What a text lacks to the wanted length, if anything.
fn padding(arguments: &Arguments<'_, '_>) -> Result<impl Fn(&str) -> Option<String>, Stop> {
    let length = usize::try_from(arguments.integer(1)?).unwrap_or(0);
    if length > MAX_TEXT {
        return Err(arguments.fail(format!("`length` is at most {MAX_TEXT}")));
    }
    let padding = arguments
        .text(2)?
        .and_then(|text| text.chars().next())
        .unwrap_or(' ');
    Ok(move |text: &str| {
        let missing = length.saturating_sub(text.chars().count());
        (missing > 0).then(|| std::iter::repeat_n(padding, missing).collect())
    })
}
