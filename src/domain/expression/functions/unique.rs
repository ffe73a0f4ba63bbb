//! Values that no one else has: random ones, and the first of several that is free.
//!
//! Random values are drawn from the seed of the evaluation, each call from a stream of its own.

use std::borrow::Cow;

use rand::RngCore;
use rand::seq::{IndexedRandom, SliceRandom};

use super::{Function, Kind, Nature, Parameter, Repeats, example, function, parameter};
use crate::domain::expression::evaluator::{Arguments, Evaluated};
use crate::domain::value::Value;

pub const GUID: Function = function(
    "Guid",
    &[],
    "A new random GUID.",
    &[example(r#"Len(Guid())"#, &[], &["36"])],
    |arguments| {
        let mut bytes = [0; 16];
        arguments.random().fill_bytes(&mut bytes);
        let guid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Ok(Cow::Owned(Value::text(guid.to_string())))
    },
)
.of_nature(Nature::Random);

const MAX_LENGTH: i64 = 256;

const DIGITS: &str = "0123456789";
const SPECIAL: &str = "!@#$%^&*()-_=+[]{}:;,.?/~";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

/// The classes in the order of their parameters, which begin at 1.
const CLASSES: [(&str, &str); 4] = [
    ("digits", DIGITS),
    ("special characters", SPECIAL),
    ("capitals", UPPER),
    ("small letters", LOWER),
];

pub const RANDOM_STRING: Function = function(
    "RandomString",
    &[
        parameter("length", Kind::Integer),
        parameter("minimumNumbers", Kind::Integer),
        parameter("minimumSpecialCharacters", Kind::Integer),
        parameter("minimumCapital", Kind::Integer),
        parameter("minimumLowerCase", Kind::Integer),
        parameter("charactersToAvoid", Kind::Text).optional(),
    ],
    "A random text of at most 256 characters, with at least so many digits, special characters, capitals \
     and small letters.",
    &[
        example(r#"Len(RandomString(12, 2, 2, 2, 2))"#, &[], &["12"]),
        example(
            r#"Replace(RandomString(6, 3, 0, 0, 3), , "[0-9a-z]", , "x", , )"#,
            &[],
            &["xxxxxx"],
        ),
    ],
    random_string,
)
.of_nature(Nature::Random);

fn random_string<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let length = arguments.integer(0)?;
    if !(0..=MAX_LENGTH).contains(&length) {
        return Err(arguments.fail(format!("`length` is between 0 and {MAX_LENGTH}, not {length}")));
    }
    let avoided = arguments.text(5)?.unwrap_or_default();
    let mut random = arguments.random();
    let mut drawn: Vec<char> = Vec::new();
    let mut allowed: Vec<char> = Vec::new();
    for (index, (name, class)) in CLASSES.into_iter().enumerate() {
        let class: Vec<char> = class.chars().filter(|char| !avoided.contains(*char)).collect();
        let least = arguments.integer(index + 1)?.clamp(0, MAX_LENGTH + 1);
        for _ in 0..least {
            match class.choose(&mut random) {
                Some(char) => drawn.push(*char),
                None => return Err(arguments.fail(format!("no {name} are left to choose from"))),
            }
        }
        allowed.extend(class);
    }
    let length = usize::try_from(length).unwrap_or(0);
    if drawn.len() > length {
        return Err(arguments.fail(format!(
            "the minima add up to {}, more than the length",
            drawn.len()
        )));
    }
    while drawn.len() < length {
        match allowed.choose(&mut random) {
            Some(char) => drawn.push(*char),
            None => return Err(arguments.fail("no characters are left to choose from")),
        }
    }
    drawn.shuffle(&mut random);
    Ok(Cow::Owned(Value::text(drawn.into_iter().collect::<String>())))
}

const CANDIDATE: Parameter = parameter("uniqueValueRule", Kind::Any);

pub const SELECT_UNIQUE_VALUE: Function = function(
    "SelectUniqueValue",
    &[CANDIDATE, CANDIDATE.repeated(Repeats::Any)],
    "The first value that no one else has, decided when the account is created. Only outermost.",
    &[example(
        r#"SelectUniqueValue(Join(".", [first], [last]), Join(".", Mid([first], 1, 1), [last]))"#,
        &[("first", &["John"]), ("last", &["Smith"])],
        &["John.Smith"],
    )],
    |arguments| {
        for candidate in arguments.values(0) {
            let candidate = candidate?;
            if candidate
                .to_text()
                .is_some_and(|text| !text.is_empty() && !arguments.is_taken(&text))
            {
                return Ok(candidate);
            }
        }
        Err(arguments.fail("every candidate is taken"))
    },
)
.of_nature(Nature::Unique);
