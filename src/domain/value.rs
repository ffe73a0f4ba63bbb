//! What an attribute holds, on the source's side and inside expressions.
//!
//! HR data knows three ways of saying nothing, and Muster keeps them apart (B1): an attribute that was
//! *never said* is missing from the map; one that was said to be nothing is [`Value::Null`]; one said to be
//! empty is `Text("")`. Expressions treat the last two as "no value"; only the planner tells all three apart.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
    /// Only expressions make instants; a stored worker holds the text the source sent.
    Time(Timestamp),
    List(Vec<Value>),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// No value in the sense of the mapping language: null, empty text, or a list without elements.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Bool(_) | Value::Integer(_) | Value::Time(_) => false,
        }
    }

    /// The service's text form (.NET's, invariant): `True`, `-7`, `6/15/2009 8:45:30 AM`;
    /// `None` for null. A list has no single text; its elements do.
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Null | Value::List(_) => None,
            Value::Bool(true) => Some(Cow::Borrowed("True")),
            Value::Bool(false) => Some(Cow::Borrowed("False")),
            Value::Integer(number) => Some(Cow::Owned(number.to_string())),
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Time(instant) => Some(Cow::Owned(time_text(*instant))),
        }
    }

    /// Every value in text form, nulls left out: what a multi-valued target attribute receives.
    pub fn to_texts(&self) -> Vec<String> {
        match self {
            Value::List(items) => items.iter().flat_map(Value::to_texts).collect(),
            single => single.to_text().map(Cow::into_owned).into_iter().collect(),
        }
    }

    /// Booleans as people write them: `true`, `"True"`, `"false"`; anything else is no Boolean.
    pub fn to_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(flag) => Some(*flag),
            Value::Text(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
            Value::Text(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// Whole numbers, also written as text; anything else is no number.
    pub fn to_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// By hand, since a derived one would try each kind of value in turn, and stored workers are full of values.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, true, false, a whole number, a text, or a list of them")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        let outside = |_| E::custom(format!("{number} is beyond 64-bit signed whole numbers"));
        i64::try_from(number).map(Value::Integer).map_err(outside)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::text(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

/// `M/d/yyyy h:mm:ss tt` in UTC, the form in which the service prints a DateTime.
fn time_text(instant: Timestamp) -> String {
    if instant == Timestamp::MAX {
        // .NET's last instant, which people use for "never", lies a day beyond ours.
        return "12/31/9999 11:59:59 PM".into();
    }
    let time = instant.to_zoned(TimeZone::UTC);
    let (hour, half) = match time.hour() {
        0 => (12, "AM"),
        hour @ 1..=11 => (hour, "AM"),
        12 => (12, "PM"),
        hour => (hour - 12, "PM"),
    };
    format!(
        "{}/{}/{:04} {}:{:02}:{:02} {}",
        time.month(),
        time.day(),
        time.year(),
        hour,
        time.minute(),
        time.second(),
        half
    )
}

/// As directories compare names: without case, accents and other marks.
pub fn folded(text: &str) -> String {
    let plain = text.nfkd().filter(|character| !is_combining_mark(*character));
    plain.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_ways_of_saying_nothing_are_kept_apart() {
        assert_ne!(Value::Null, Value::text(""));
        assert!(Value::Null.is_empty() && Value::text("").is_empty());
    }

    #[test]
    fn instants_print_as_the_service_prints_them() {
        let instant: Timestamp = "2009-06-15T08:45:30Z".parse().unwrap();
        assert_eq!(Value::Time(instant).to_text().unwrap(), "6/15/2009 8:45:30 AM");
        let noon: Timestamp = "2012-01-01T12:00:00Z".parse().unwrap();
        assert_eq!(Value::Time(noon).to_text().unwrap(), "1/1/2012 12:00:00 PM");
    }
}
