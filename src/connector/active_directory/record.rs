//! What a directory shows of a person, as a statement.

use std::collections::HashMap;

use jiff::Timestamp;

use super::dialect::Dialect;
use super::model;
use super::wire::{self, ACCOUNT_DISABLE, Entry, USER_ACCOUNT_CONTROL};
use crate::connector::wanted::{self, Wanted};
use crate::domain::account::Anchor;
use crate::domain::value::Value;
use crate::domain::worker::{Attributes, Record, Said, Statement};

/// Everything that there is to say of a person; `None` without a readable anchor. `known` are the anchors of referenced
/// DNs, by DN in lower case, where the server did not give them.
pub(super) fn whole(
    wanted: &Wanted,
    entry: &Entry,
    dialect: &Dialect,
    known: &HashMap<String, Anchor>,
    at: Timestamp,
) -> Option<Statement> {
    let anchor = entry.anchor(dialect)?.0;
    let control = entry.number(USER_ACCOUNT_CONTROL).filter(|_| dialect.state);
    let mut attributes = Attributes::new();
    for name in &wanted.attributes {
        // Whether an account is disabled is never guessed; what else is not shown is not set.
        if control.is_some() || !is_state(name) {
            let texts = wire::held(entry, name, dialect, known).into_iter();
            let values = texts.map(|text| value(name, text));
            attributes.insert(name.clone(), wanted::value(values.collect()));
        }
    }
    let record = Record {
        employment: Some(wanted.employment(&attributes)),
        attributes,
        findings: Vec::new(),
    };
    Some(Statement {
        anchor,
        active: control.map(|control| control & ACCOUNT_DISABLE == 0),
        said: Said::Whole(Box::new(record)),
        at,
    })
}

pub(super) fn gone(anchor: Anchor, at: Timestamp) -> Statement {
    Statement {
        anchor: anchor.0,
        active: None,
        said: Said::Gone,
        at,
    }
}

fn is_state(name: &str) -> bool {
    [model::STATE, USER_ACCOUNT_CONTROL]
        .iter()
        .any(|state| state.eq_ignore_ascii_case(name))
}

fn value(name: &str, text: String) -> Value {
    match text.as_str() {
        "True" if model::is_boolean(name) => Value::Bool(true),
        "False" if model::is_boolean(name) => Value::Bool(false),
        _ => Value::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::{ACTIVE_DIRECTORY, WITH_PEOPLE};
    use super::*;

    const GUID: &str = "abcdefghijklmnop";

    fn told(dialect: &Dialect, values: &[(&str, &str)]) -> (Option<bool>, Record) {
        let names = [
            "accountDisabled",
            "employeeID",
            "distinguishedName",
            "mail",
            "otherTelephone",
        ];
        let wanted = Wanted {
            attributes: names.iter().map(|name| name.to_string()).collect(),
            person: Some("employeeID".into()),
        };
        let entry = Entry::of("CN=Ada,OU=Staff,DC=x", values);
        let statement = whole(&wanted, &entry, dialect, &HashMap::new(), Timestamp::UNIX_EPOCH).unwrap();
        match statement.said {
            Said::Whole(record) => (statement.active, *record),
            said => panic!("not whole: {said:?}"),
        }
    }

    #[test]
    fn a_person_is_told_by_the_names_of_the_schema() {
        let (active, record) = told(
            &ACTIVE_DIRECTORY,
            &[
                ("objectGUID", GUID),
                ("userAccountControl", "514"),
                ("EmployeeId", "7"),
                ("otherTelephone", "1"),
                ("otherTelephone", "2"),
            ],
        );
        assert_eq!(active, Some(false));
        let expected = [
            ("accountDisabled", Value::Bool(true)),
            ("employeeID", Value::text("7")),
            ("distinguishedName", Value::text("CN=Ada,OU=Staff,DC=x")),
            ("mail", Value::Null),
            ("otherTelephone", Value::List(vec!["1".into(), "2".into()])),
        ];
        let expected = expected.map(|(name, value)| (name.to_string(), value));
        assert_eq!(record.attributes, Attributes::from(expected));
        assert_eq!(record.employment.unwrap().person.as_deref(), Some("7"));
    }

    #[test]
    fn a_state_that_is_not_shown_is_not_guessed() {
        let (active, record) = told(&ACTIVE_DIRECTORY, &[("objectGUID", GUID)]);
        assert_eq!(active, None);
        assert!(!record.attributes.contains_key("accountDisabled"));
        let elsewhere = [("entryUUID", "1"), ("userAccountControl", "514")];
        assert_eq!(told(&WITH_PEOPLE, &elsewhere).0, None);
    }
}
