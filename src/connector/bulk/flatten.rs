//! From a SCIM resource to attributes under the names that mappings use:
//! `name.givenName`, `emails[type eq "work"].value`, `urn:…:enterprise:2.0:User:department`.

use serde_json::{Map, Value as Json};

use super::wire::{Members, unusable_key};
use crate::domain::value::Value;
use crate::domain::worker::Attributes;

/// Attribute names of the core and enterprise schemas (RFC 7643 §4), which clients spell in any case.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "active", "addresses", "costCenter", "country", "department", "display", "displayName", "division", "emails",
    "employeeNumber", "entitlements", "externalId", "familyName", "formatted", "givenName", "groups",
    "honorificPrefix", "honorificSuffix", "ims", "locale", "locality", "manager", "middleName", "name", "nickName",
    "organization", "phoneNumbers", "photos", "postalCode", "preferredLanguage", "primary", "profileUrl", "region",
    "roles", "streetAddress", "timezone", "title", "type", "userName", "userType", "value", "x509Certificates",
];

/// Members that say nothing about the person.
const IGNORED: &[&str] = &["schemas", "id", "meta", "resourceType", "password"];

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What a resource says, flat. The error names the member that cannot be read.
pub fn attributes(data: &Members<'_>) -> Result<Attributes, String> {
    let mut attributes = Attributes::new();
    for (member, raw) in data.iter() {
        if IGNORED.iter().any(|ignored| ignored.eq_ignore_ascii_case(member)) {
            continue;
        }
        let value = serde_json::from_str(raw.get()).map_err(|error| format!("data.{member}: {error}"))?;
        let place = if member.eq_ignore_ascii_case(ENTERPRISE) {
            Place {
                name: ENTERPRISE.into(),
                below: ':',
                known: true,
            }
        } else if member.to_ascii_lowercase().starts_with("urn:") {
            Place {
                name: member.into(),
                below: ':',
                known: false,
            }
        } else {
            Place {
                name: canonical(member),
                below: '.',
                known: true,
            }
        };
        flatten(&mut attributes, place, value);
    }
    match attributes
        .iter()
        .find(|(name, value)| is_reference(name) && unusable(value))
    {
        Some((name, _)) => Err(format!("data.{name} is no worker's externalId")),
        None => Ok(attributes),
    }
}

/// Where in a resource a value stands.
struct Place {
    name: String,
    /// What comes between this name and a member's.
    below: char,
    /// The members' names are the standard's; those of other extensions are their owner's, and kept as they are.
    known: bool,
}

impl Place {
    fn member(&self, member: &str) -> Place {
        let member = if self.known {
            canonical(member)
        } else {
            member.to_string()
        };
        Place {
            name: format!("{}{}{member}", self.name, self.below),
            below: '.',
            known: self.known,
        }
    }
}

fn flatten(attributes: &mut Attributes, place: Place, value: Json) {
    match value {
        Json::Object(members) if is_reference(&place.name) => {
            if let Some(to) = member(&members, "value") {
                attributes.insert(place.name, single(to));
            }
        }
        Json::Object(members) => {
            for (member, value) in members {
                flatten(attributes, place.member(&member), value);
            }
        }
        Json::Array(items) if items.iter().any(Json::is_object) => typed(attributes, &place.name, items),
        other => {
            attributes.insert(place.name, single(&other));
        }
    }
}

fn unusable(reference: &Value) -> bool {
    reference
        .to_text()
        .is_some_and(|text| unusable_key(&text).is_some())
}

/// Multi-valued elements are told apart by their type. Of several with one type the primary counts, else the
/// first; one without a type is taken for work, which is what HR means by it.
fn typed(attributes: &mut Attributes, name: &str, items: Vec<Json>) {
    let mut elements: Vec<Map<String, Json>> = items
        .into_iter()
        .filter_map(|item| {
            if let Json::Object(element) = item {
                Some(element)
            } else {
                None
            }
        })
        .collect();
    elements.sort_by_key(|element| !matches!(member(element, "primary").map(single), Some(flag) if flag.to_bool() == Some(true)));
    for element in elements {
        let kind = member(&element, "type")
            .and_then(Json::as_str)
            .unwrap_or("work")
            .to_ascii_lowercase();
        for (sub, value) in &element {
            let sub = canonical(sub);
            if !["type", "primary", "$ref"].contains(&sub.as_str()) {
                attributes
                    .entry(format!("{name}[type eq \"{kind}\"].{sub}"))
                    .or_insert_with(|| single(value));
            }
        }
    }
}

/// An attribute that points to another worker, by that worker's externalId.
fn is_reference(name: &str) -> bool {
    name == "manager" || name.ends_with(":manager")
}

fn single(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::Text(number.to_string()), Value::Integer),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(single).collect()),
        Json::Object(_) => Value::Text(value.to_string()),
    }
}

fn member<'a>(members: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    members
        .iter()
        .find(|(member, _)| member.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn canonical(name: &str) -> String {
    let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name));
    known.map_or_else(|| name.to_string(), |known| (*known).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Vec<(String, Value)> {
        attributes(&serde_json::from_str(json).unwrap())
            .unwrap()
            .into_iter()
            .collect()
    }

    #[track_caller]
    fn check(json: &str, expect: &[(&str, Value)]) {
        let expect: Vec<(String, Value)> = expect.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        assert_eq!(read(json), expect);
    }

    #[test]
    fn names_are_those_of_the_mappings() {
        check(
            r#"{"externalId":"7","USERNAME":"ada","name":{"givenname":"Ada"},"active":"True","id":"x"}"#,
            &[
                ("active", "True".into()),
                ("externalId", "7".into()),
                ("name.givenName", "Ada".into()),
                ("userName", "ada".into()),
            ],
        );
        check(
            r#"{"urn:csv:User":{"Department":"as the owner wrote it"}}"#,
            &[("urn:csv:User:Department", "as the owner wrote it".into())],
        );
        check(
            r#"{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"Department":"Ops","manager":{"value":"89607","displayName":"John"}},
                "urn:contoso:employee":{"HireDate":"2021-05-01","JobCode":7}}"#,
            &[
                ("urn:contoso:employee:HireDate", "2021-05-01".into()),
                ("urn:contoso:employee:JobCode", Value::Integer(7)),
                (
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
                    "Ops".into(),
                ),
                (
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
                    "89607".into(),
                ),
            ],
        );
    }

    #[test]
    fn elements_are_told_apart_by_type_and_the_primary_counts() {
        check(
            r#"{"emails":[{"value":"b@x","type":"Work"},{"value":"a@x","type":"work","primary":true},{"value":"c@x","type":"home"}],
                "phoneNumbers":[{"value":"1"}]}"#,
            &[
                ("emails[type eq \"home\"].value", "c@x".into()),
                ("emails[type eq \"work\"].value", "a@x".into()),
                ("phoneNumbers[type eq \"work\"].value", "1".into()),
            ],
        );
    }

    #[test]
    fn a_reference_must_be_somebodys_key() {
        for manager in [
            r#"{"value":"a\u0000b"}"#.to_string(),
            format!("\"{}\"", "x".repeat(600)),
        ] {
            let data = format!(r#"{{"manager":{manager}}}"#);
            assert!(
                attributes(&serde_json::from_str(&data).unwrap()).is_err(),
                "{data:.40}"
            );
        }
    }

    #[test]
    fn saying_nothing_is_kept_as_said() {
        check(
            r#"{"emails":[],"title":"","urn:x":{"a":null},"name":null}"#,
            &[
                ("emails", Value::List(vec![])),
                ("name", Value::Null),
                ("title", "".into()),
                ("urn:x:a", Value::Null),
            ],
        );
    }
}
