//! What Graph shows of a user, as a statement.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::model::MODEL;
use super::wire::{self, Form, Place};
use crate::connector::wanted::{self, Wanted};
use crate::domain::value::Value;
use crate::domain::worker::{Attributes, Changes, Record, Said, Statement};

/// Asked for with every user: who it is, whether it counts (B24), whether it may sign in.
const ALWAYS: &[&str] = &["id", "userPrincipalName", "userType", "accountEnabled"];

/// Which attributes are read of users, and where each is.
pub(super) struct Reader {
    wanted: Wanted,
    attributes: Vec<(String, Place)>,
    references: Vec<String>,
}

impl Reader {
    pub(super) fn new(wanted: Wanted) -> Reader {
        let is_reference = |name: &&String| MODEL.references.iter().any(|it| it.eq_ignore_ascii_case(name));
        let (references, plain): (Vec<&String>, Vec<&String>) =
            wanted.attributes.iter().partition(is_reference);
        Reader {
            attributes: plain
                .into_iter()
                .map(|name| (name.clone(), wire::place(name)))
                .collect(),
            references: references.into_iter().cloned().collect(),
            wanted,
        }
    }

    /// The properties that hold what is wanted, each once.
    pub(super) fn properties(&self) -> Vec<&str> {
        let mut found: Vec<&str> = ALWAYS.to_vec();
        for (_, place) in &self.attributes {
            if !found.iter().any(|it| it.eq_ignore_ascii_case(&place.property)) {
                found.push(&place.property);
            }
        }
        found
    }

    /// The attributes that lie in properties which the tenant does not know.
    pub(super) fn lying_in<'r>(&'r self, properties: &'r [String]) -> impl Iterator<Item = &'r str> {
        let is_there = |place: &Place| {
            properties
                .iter()
                .any(|it| it.eq_ignore_ascii_case(&place.property))
        };
        let lost = self.attributes.iter().filter(move |(_, place)| is_there(place));
        lost.map(|(name, _)| name.as_str())
    }

    /// Reads no more what lies in properties which the tenant does not know.
    pub(super) fn without(&self, properties: &[String]) -> Reader {
        let lost: Vec<&str> = self.lying_in(properties).collect();
        let is_kept = |name: &&String| !lost.contains(&name.as_str());
        Reader::new(Wanted {
            attributes: self.wanted.attributes.iter().filter(is_kept).cloned().collect(),
            person: self.wanted.person.clone(),
        })
    }

    pub(super) fn references(&self) -> &[String] {
        &self.references
    }

    /// Everything that there is to say of a user. Guests of the tenant are nobody's employees (B24).
    pub(super) fn whole(&self, user: &Json, at: Timestamp) -> Option<Statement> {
        let anchor = anchor(user)?;
        if !is_member(user) {
            return Some(gone(anchor, at));
        }
        let mut attributes = self.told(user);
        for name in &self.wanted.attributes {
            // Whether somebody may sign in is never guessed; what else is not shown is not set.
            if !name.eq_ignore_ascii_case("accountEnabled") {
                attributes.entry(name.clone()).or_insert(Value::Null);
            }
        }
        let record = Record {
            employment: Some(self.wanted.employment(&attributes)),
            attributes,
            findings: Vec::new(),
        };
        Some(Statement {
            anchor,
            active: user["accountEnabled"].as_bool(),
            said: Said::Whole(Box::new(record)),
            at,
        })
    }

    /// What became of a user: the properties that are shown.
    pub(super) fn changed(&self, user: &Json, at: Timestamp) -> Option<Statement> {
        let anchor = anchor(user)?;
        if !is_member(user) {
            return Some(gone(anchor, at));
        }
        let attributes = self.told(user);
        let key = self.wanted.person.as_ref();
        let employment = key
            .filter(|key| attributes.contains_key(*key))
            .map(|_| self.wanted.employment(&attributes));
        Some(Statement {
            anchor,
            active: user["accountEnabled"].as_bool(),
            said: Said::Changed(Changes {
                attributes,
                employment,
            }),
            at,
        })
    }

    fn told(&self, user: &Json) -> Attributes {
        let mut attributes = Attributes::new();
        for (name, place) in &self.attributes {
            if let Some(held) = place.held(user) {
                attributes.insert(name.clone(), value(place.form, held));
            }
        }
        for name in &self.references {
            attributes.extend(reference(user, name).map(|value| (name.clone(), value)));
        }
        attributes
    }
}

pub(super) fn gone(anchor: String, at: Timestamp) -> Statement {
    Statement {
        anchor,
        active: None,
        said: Said::Gone,
        at,
    }
}

/// The id, as an account's anchor has it.
pub(super) fn anchor(user: &Json) -> Option<String> {
    user["id"].as_str().map(str::to_lowercase)
}

fn is_member(user: &Json) -> bool {
    user["userType"] == "Member"
}

fn value(form: Form, held: &Json) -> Value {
    match held {
        Json::String(text) if text.is_empty() => Value::Null,
        Json::String(text) if form == Form::Moment => Value::Text(wire::moment(text)),
        Json::String(text) => Value::text(text),
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Text(number.to_string()),
        },
        Json::Array(items) => {
            let values = items.iter().map(|item| value(form, item));
            wanted::value(values.filter(|value| !value.is_empty()).collect())
        }
        Json::Null | Json::Object(_) => Value::Null,
    }
}

/// Whom a user refers to: expanded, or as what changed is told ("Use delta query to track changes", section on
/// relationships).
fn reference(user: &Json, name: &str) -> Option<Value> {
    let changes = user[format!("{name}@delta")].as_array();
    let now = |changes: &Vec<Json>| {
        let there = changes.iter().find(|one| one.get("@removed").is_none());
        there.and_then(anchor).map_or(Value::Null, Value::Text)
    };
    let expanded = || user.get(name).and_then(anchor).map(Value::Text);
    changes.map(now).or_else(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reader(names: &[&str]) -> Reader {
        Reader::new(Wanted {
            attributes: names.iter().map(|name| name.to_string()).collect(),
            person: Some("employeeId".into()),
        })
    }

    fn record(statement: Statement) -> Record {
        match statement.said {
            Said::Whole(record) => *record,
            said => panic!("not whole: {said:?}"),
        }
    }

    #[test]
    fn a_user_is_told_by_the_names_of_the_schema() {
        let reader = reader(&[
            "accountEnabled",
            "employeeId",
            "employeeHireDate",
            "extensionAttribute1",
            "JobTitle",
            "manager",
            "otherMails",
            "telephoneNumber",
        ]);
        let user = json!({
            "id": "AABBCCDD-0000-0000-0000-000000000001", "userType": "Member", "accountEnabled": false,
            "employeeId": "7", "employeeHireDate": "2026-11-01T01:00:00+01:00", "jobTitle": "Countess",
            "onPremisesExtensionAttributes": { "extensionAttribute1": "x" }, "manager": { "id": "M1" },
            "otherMails": ["a@b", "c@d"], "businessPhones": ["+44 1"],
        });
        let statement = reader.whole(&user, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(statement.anchor, "aabbccdd-0000-0000-0000-000000000001");
        assert_eq!(statement.active, Some(false));
        let record = record(statement);
        let value = |name: &str| record.attributes[name].clone();
        assert_eq!(value("accountEnabled"), Value::Bool(false));
        assert_eq!(value("employeeHireDate"), Value::text("2026-11-01T00:00:00Z"));
        assert_eq!(value("extensionAttribute1"), Value::text("x"));
        assert_eq!(value("JobTitle"), Value::text("Countess"));
        assert_eq!(value("manager"), Value::text("m1"));
        assert_eq!(value("otherMails"), Value::List(vec!["a@b".into(), "c@d".into()]));
        assert_eq!(value("telephoneNumber"), Value::text("+44 1"));
        assert_eq!(record.employment.unwrap().person.as_deref(), Some("7"));
        let properties = reader.properties();
        assert!(
            properties.contains(&"onPremisesExtensionAttributes"),
            "{properties:?}"
        );
        assert!(!properties.contains(&"manager"), "{properties:?}");
    }

    #[test]
    fn what_is_not_shown_of_a_whole_user_is_empty_but_for_the_state() {
        let reader = reader(&["accountEnabled", "mail"]);
        let user = json!({ "id": "1", "userType": "Member" });
        let statement = reader.whole(&user, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(statement.active, None);
        let record = record(statement);
        assert_eq!(
            record.attributes,
            Attributes::from([("mail".into(), Value::Null)])
        );
    }

    #[test]
    fn of_changes_only_what_is_shown_is_said() {
        let reader = reader(&["employeeId", "mail", "division", "manager"]);
        let changes = |user: Json| match reader.changed(&user, Timestamp::UNIX_EPOCH).unwrap().said {
            Said::Changed(changes) => changes,
            said => panic!("no changes: {said:?}"),
        };
        let told = changes(json!({
            "id": "1", "userType": "Member", "mail": null, "employeeOrgData": null,
            "manager@delta": [{ "id": "M1", "@removed": { "reason": "deleted" } }, { "id": "M2" }],
        }));
        let expected = [
            ("mail", Value::Null),
            ("division", Value::Null),
            ("manager", Value::text("m2")),
        ];
        let expected = expected.map(|(name, value)| (name.to_string(), value));
        assert_eq!(told.attributes, Attributes::from(expected));
        assert_eq!(told.employment, None);
        let told =
            changes(json!({ "id": "1", "userType": "Member", "employeeId": "8", "manager@delta": [] }));
        assert_eq!(told.employment.unwrap().person.as_deref(), Some("8"));
        assert_eq!(told.attributes["manager"], Value::Null);
        let guest = json!({ "id": "1", "userType": "Guest", "mail": "a@b" });
        let statement = reader.changed(&guest, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(statement.said, Said::Gone);
    }
}
