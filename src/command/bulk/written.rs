//! A mapping file's JSON, in which no member is written twice: serde_json would take the last one without a word.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

/// The error says where.
pub fn read(text: &str) -> Result<Json, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let json = Once
        .deserialize(&mut reader)
        .and_then(|json| reader.end().map(|()| json));
    json.map_err(|error| match error.is_data() {
        true => error.to_string(),
        false => format!("is no JSON: {error}"),
    })
}

/// Reads a value; names are compared without case, as SCIM's are.
struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut members = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            if members.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
                return Err(A::Error::custom(format!("{name} is written twice")));
            }
            let value = from.next_value_seed(Once)?;
            members.insert(name, value);
        }
        Ok(Json::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(Once)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
}
