//! Lists: attributes with several values.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Function, Kind, Origin, Parameter, count, example, from_zero, function, parameter};
use crate::domain::expression::evaluator::{Arguments, Evaluated};
use crate::domain::value::Value;

const ATTRIBUTE: Parameter = parameter("attribute", Kind::Any);

pub const COUNT: Function = function(
    "Count",
    &[ATTRIBUTE],
    "How many values there are.",
    &[
        example(
            r#"Count([proxyAddresses])"#,
            &[("proxyAddresses", &["a", "b"])],
            &["2"],
        ),
        example(r#"Count([proxyAddresses])"#, &[], &["0"]),
    ],
    |arguments| Ok(Cow::Owned(count(items(arguments.value(0)?.as_ref()).len()))),
);

pub const ITEM: Function = function(
    "Item",
    &[parameter("source", Kind::Any), parameter("index", Kind::Integer)],
    "One value of a list, counted from 1. It is an error if there is none.",
    &[
        example(
            r#"Item([proxyAddresses], 2)"#,
            &[("proxyAddresses", &["a", "b"])],
            &["b"],
        ),
        example(r#"Item(Split("ann@contoso.com", "@"), 1)"#, &[], &["ann"]),
    ],
    item,
);

fn item<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let index = arguments.integer(1)?;
    let list = arguments.value(0)?;
    let number = items(&list).len();
    match (from_zero(index), list) {
        (Some(place), Cow::Borrowed(list)) => items(list).get(place).map(Cow::Borrowed),
        (Some(place), Cow::Owned(list)) => items(&list).get(place).cloned().map(Cow::Owned),
        (None, _) => None,
    }
    .ok_or_else(|| arguments.fail(format!("there is no value {index} among {number}")))
}

pub const REMOVE_DUPLICATES: Function = function(
    "RemoveDuplicates",
    &[parameter("source", Kind::Any)],
    "Each value once, where it first occurs.",
    &[example(
        r#"RemoveDuplicates([proxyAddresses])"#,
        &[("proxyAddresses", &["a", "b", "a"])],
        &["a", "b"],
    )],
    |arguments| {
        let value = arguments.value(0)?;
        let mut seen = HashSet::new();
        let unique: Vec<Value> = items(&value)
            .iter()
            .filter(|item| seen.insert(*item))
            .cloned()
            .collect();
        let shorter = unique.len() < items(&value).len();
        Ok(if shorter {
            Cow::Owned(Value::List(unique))
        } else {
            value
        })
    },
);

pub const SPLIT: Function = function(
    "Split",
    &[
        parameter("source", Kind::Text),
        parameter("delimiter", Kind::Text).optional(),
    ],
    "The parts of a text between delimiters, without the white space around them.",
    &[
        example(r#"Split("SetOne, SetTwo", ",")"#, &[], &["SetOne", "SetTwo"]),
        example(
            r#"Split(Join(",", [a], [b]), ",")"#,
            &[("a", &["1"]), ("b", &["2"])],
            &["1", "2"],
        ),
    ],
    split,
);

fn split<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let delimiter = arguments.filled(1)?;
    let source = arguments.value(0)?;
    let mut parts = Vec::new();
    for text in source.to_texts().iter().filter(|text| !text.is_empty()) {
        match &delimiter {
            Some(delimiter) => parts.extend(
                text.split(delimiter.as_ref())
                    .map(|part| Value::text(part.trim())),
            ),
            None => parts.extend(text.split_whitespace().map(Value::text)),
        }
    }
    Ok(Cow::Owned(if parts.is_empty() {
        Value::Null
    } else {
        Value::List(parts)
    }))
}

pub const CONTAINS: Function = function(
    "Contains",
    &[ATTRIBUTE, parameter("search", Kind::Text)],
    "The number of the first value in which a text occurs, counted from 1; 0 if it occurs in none.",
    &[
        example(
            r#"Contains([proxyAddresses], "SMTP:")"#,
            &[("proxyAddresses", &["smtp:a", "SMTP:b"])],
            &["2"],
        ),
        example(r#"Contains([proxyAddresses], "x")"#, &[], &["0"]),
    ],
    |arguments| {
        let search = arguments.text(1)?.unwrap_or_default();
        let value = arguments.value(0)?;
        let contains = |item: &Value| item.to_text().is_some_and(|text| text.contains(search.as_ref()));
        Ok(Cow::Owned(count(
            items(&value)
                .iter()
                .position(contains)
                .map_or(0, |place| place + 1),
        )))
    },
)
.known_to(Origin::CloudSync);

/// The values of a list; any other value is a list of itself, or of nothing if it is empty.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        value if value.is_empty() => &[],
        single => std::slice::from_ref(single),
    }
}
