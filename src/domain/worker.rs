//! One person as HR describes them, and the statements of which that description is the fold (B1).

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::employment::{ACTIVE, Employment};
use super::finding::Finding;
use super::value::Value;

/// Attributes under the names the source's schema gives them: `name.givenName`,
/// `emails[type eq "work"].value`, `urn:…:User:department`. A missing name was never said.
pub type Attributes = BTreeMap<String, Value>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// The immutable key in the source (externalId, WID).
    pub anchor: String,
    /// Whether HR says this person works here now; `None` while it never said.
    pub active: Option<bool>,
    /// When HR said that the record is gone at the source (B15); a later statement takes it back.
    pub gone: Option<Timestamp>,
    pub attributes: Attributes,
    /// The dates of the employment, where the source gives any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employment: Option<Employment>,
    /// What is wrong with the record as the source shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Since when the source, which once showed this worker, does so no more (B4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Timestamp>,
}

/// One thing a source said about one worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub anchor: String,
    pub active: Option<bool>,
    pub said: Said,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Sets what it names; what it leaves out stays as last said. A bare parent (`emails`, `name`, an
    /// extension's URN) set to null says that everything below it is nothing.
    Partial(Attributes),
    /// All there is to say, as a pulled record does: what it leaves out was never said.
    Whole(Box<Record>),
    /// The worker is gone at the source.
    Gone,
}

/// A worker's record as a source that is pulled shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub attributes: Attributes,
    pub employment: Option<Employment>,
    pub findings: Vec<Finding>,
}

impl Worker {
    pub fn new(anchor: impl Into<String>) -> Worker {
        Worker {
            anchor: anchor.into(),
            active: None,
            gone: None,
            attributes: Attributes::new(),
            employment: None,
            findings: Vec::new(),
            hidden: None,
        }
    }

    /// Lays a statement over what was said before.
    pub fn fold(&mut self, statement: Statement) {
        match statement.said {
            Said::Gone => {
                self.gone.get_or_insert(statement.at);
            }
            Said::Whole(record) => {
                self.gone = None;
                self.hidden = None;
                self.active = statement.active;
                self.attributes = record.attributes;
                self.employment = record.employment;
                self.findings = record.findings;
            }
            Said::Partial(attributes) => {
                self.gone = None;
                self.active = statement.active.or(self.active);
                for (name, value) in attributes {
                    if value.is_empty() && self.silence_below(&name) {
                        continue;
                    }
                    self.attributes.insert(name, value);
                }
            }
        }
    }

    /// Whether this person works here at an instant: by the dates, else by the record's word.
    pub fn is_active(&self, now: Timestamp) -> Option<bool> {
        let by_date = self
            .employment
            .as_ref()
            .and_then(|employment| employment.active(now));
        by_date.or(self.active)
    }

    /// Puts the attributes that follow dates to what they are at an instant (B19).
    pub fn turn_to(&mut self, now: Timestamp) {
        if let Some(active) = self
            .employment
            .as_ref()
            .and_then(|employment| employment.active(now))
        {
            let word = if active { "1" } else { "0" };
            self.attributes.insert(ACTIVE.into(), Value::text(word));
        }
    }

    /// The next instant at which those attributes change.
    pub fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        self.employment.as_ref()?.next_turn(now)
    }

    /// The name to show beside the anchor.
    pub fn display_name(&self) -> Option<Cow<'_, str>> {
        let text = |name: &str| match self.attributes.get(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        };
        let whole = ["displayName", "name.formatted", "PreferredNameData", "userName"];
        if let Some(name) = whole.into_iter().find_map(text) {
            return Some(Cow::Borrowed(name));
        }
        match (text("FirstName"), text("LastName")) {
            (Some(first), Some(last)) => Some(Cow::Owned(format!("{first} {last}"))),
            (first, last) => first.or(last).map(Cow::Borrowed),
        }
    }

    fn silence_below(&mut self, parent: &str) -> bool {
        let mut found = false;
        for (name, value) in &mut self.attributes {
            if lies_below(parent, name) {
                *value = Value::Null;
                found = true;
            }
        }
        found
    }
}

/// `name` → `name.givenName`, `emails` → `emails[type eq "work"].value`, `urn:x:User` → `urn:x:User:costCenter`.
fn lies_below(parent: &str, name: &str) -> bool {
    name.strip_prefix(parent)
        .and_then(|rest| rest.chars().next())
        .is_some_and(|next| match next {
            '.' | '[' => true,
            ':' => parent.starts_with("urn:"),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(pairs: &[(&str, Value)]) -> Statement {
        let attributes: Attributes = pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        let active = attributes.get("active").and_then(Value::to_bool);
        Statement {
            anchor: "1".into(),
            active,
            said: Said::Partial(attributes),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn b1_a_partial_statement_leaves_the_rest_as_last_said() {
        let mut worker = Worker::new("1");
        worker.fold(partial(&[("title", "Guide".into()), ("active", true.into())]));
        worker.fold(partial(&[("title", Value::Null)]));
        assert_eq!(worker.attributes["title"], Value::Null);
        assert_eq!(worker.active, Some(true));
        assert!(
            !worker.attributes.contains_key("nickName"),
            "never said is not null"
        );
    }

    #[test]
    fn b1_nothing_said_of_a_parent_silences_its_children() {
        let mut worker = Worker::new("1");
        worker.fold(partial(&[
            ("name.givenName", "Ada".into()),
            ("emails[type eq \"work\"].value", "a@x".into()),
            ("urn:x:User:costCenter", "7".into()),
            ("nameless", "kept".into()),
        ]));
        worker.fold(partial(&[
            ("name", Value::Null),
            ("emails", Value::List(vec![])),
            ("urn:x:User", Value::Null),
        ]));
        for name in [
            "name.givenName",
            "emails[type eq \"work\"].value",
            "urn:x:User:costCenter",
        ] {
            assert_eq!(worker.attributes[name], Value::Null, "{name}");
        }
        assert_eq!(worker.attributes["nameless"], Value::text("kept"));
    }

    #[test]
    fn b1_a_whole_record_replaces_what_was_said_before() {
        let mut worker = Worker::new("1");
        worker.fold(partial(&[("title", "Guide".into()), ("active", true.into())]));
        let attributes = Attributes::from([("nickName".to_string(), Value::text("Ada"))]);
        worker.fold(Statement {
            anchor: "1".into(),
            active: None,
            said: Said::Whole(Box::new(Record {
                attributes: attributes.clone(),
                ..Record::default()
            })),
            at: Timestamp::UNIX_EPOCH,
        });
        assert_eq!((worker.active, worker.attributes), (None, attributes));
    }

    #[test]
    fn b15_gone_lasts_until_hr_speaks_again() {
        let mut worker = Worker::new("1");
        let at: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        worker.fold(Statement {
            anchor: "1".into(),
            active: None,
            said: Said::Gone,
            at,
        });
        assert_eq!(worker.gone, Some(at));
        worker.fold(partial(&[("active", true.into())]));
        assert_eq!(worker.gone, None);
    }
}
