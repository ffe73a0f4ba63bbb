//! What schemas want of a directory that they read workers from.

use std::collections::BTreeSet;

use super::{Problem, Severity};
use crate::domain::employment::Employment;
use crate::domain::schema::Schema;
use crate::domain::value::Value;
use crate::domain::worker::Attributes;

/// The attributes of a source, under the names that schemas give them.
#[derive(Debug)]
pub(super) struct Wanted {
    /// In the order of their names.
    pub attributes: Vec<String>,
    /// That by whose value all schemas match accounts first: two accounts that agree in it are of one person (B20).
    pub person: Option<String>,
}

impl Wanted {
    pub(super) fn of(schemas: &[&Schema]) -> Wanted {
        let names: BTreeSet<&str> = schemas
            .iter()
            .flat_map(|schema| schema.attributes_read())
            .collect();
        let keys: BTreeSet<Option<&str>> = schemas.iter().map(|schema| schema.matched_by()).collect();
        let only = keys.first().copied().flatten().filter(|_| keys.len() == 1);
        Wanted {
            attributes: names.into_iter().map(str::to_string).collect(),
            person: only.map(str::to_string),
        }
    }

    /// What tells which accounts are of one person.
    pub(super) fn employment(&self, attributes: &Attributes) -> Employment {
        let key = self.person.as_ref().and_then(|name| attributes.get(name));
        let texts = key.map(Value::to_texts).unwrap_or_default();
        let texts = texts.iter().map(|text| text.trim());
        Employment {
            person: texts.filter(|text| !text.is_empty()).map(str::to_string).next(),
            ..Employment::default()
        }
    }

    pub(super) fn problems(&self) -> Option<Problem> {
        self.person.is_none().then(|| Problem {
            severity: Severity::Warning,
            message: "the schemas that read this system do not all match by one and the same attribute first, so two accounts of one person are taken for two people".into(),
        })
    }
}

/// Nothing, one value, or several.
pub(super) fn value(mut values: Vec<Value>) -> Value {
    match values.len() {
        0 | 1 => values.pop().unwrap_or(Value::Null),
        _ => Value::List(values),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::schema::Document;

    fn schema(matching: &str, other: &str) -> Document {
        let mapping = |target: &str, source: &str, priority: u32| {
            json!({
                "targetAttributeName": target, "matchingPriority": priority, "source": { "expression": source },
            })
        };
        let mappings = [mapping("WorkerID", matching, 1), mapping("Email", other, 0)];
        let object = json!({ "sourceObjectName": "user", "targetObjectName": "Worker", "attributeMappings": mappings });
        let schema = json!({ "synchronizationRules": [{ "objectMappings": [object] }], "directories": [] });
        Document::read(schema).unwrap()
    }

    #[test]
    fn all_schemas_together_say_what_is_read_and_who_is_one_person() {
        let (one, other) = (
            schema("[employeeId]", "[mail]"),
            schema("[employeeId]", "[userPrincipalName]"),
        );
        let wanted = Wanted::of(&[one.schema(), other.schema()]);
        assert_eq!(wanted.attributes, ["employeeId", "mail", "userPrincipalName"]);
        assert_eq!(wanted.person.as_deref(), Some("employeeId"));
        assert_eq!(wanted.problems(), None);
        let person = |value: Value| {
            let attributes = Attributes::from([("employeeId".to_string(), value)]);
            wanted.employment(&attributes).person
        };
        assert_eq!(person(" 7 ".into()).as_deref(), Some("7"));
        assert_eq!(person(Value::Null), None);
        assert_eq!(person(" ".into()), None);

        let third = schema("[mail]", "[mail]");
        let wanted = Wanted::of(&[one.schema(), third.schema()]);
        assert_eq!(wanted.person, None);
        assert!(wanted.problems().is_some());
    }

    #[test]
    fn one_value_is_itself() {
        assert_eq!(value(vec![]), Value::Null);
        assert_eq!(value(vec!["a".into()]), Value::text("a"));
        assert_eq!(
            value(vec!["a".into(), "b".into()]),
            Value::List(vec!["a".into(), "b".into()])
        );
    }
}
