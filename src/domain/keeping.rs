//! What is kept of a worker (B33): what somebody reads, and of a leaver, in the end, what finds the account again.
//!
//! Of what is not kept the name stays, so that never said, said to be nothing, and said but not kept are three things (B3).

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::employment::Employment;
use super::mapping::{Mapping, Role};
use super::policy::Policy;
use super::provenance::Provenance;
use super::worker::{Worker, lies_below};

/// Attributes of a source that somebody reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    all: BTreeSet<String>,
    /// Those by which an account is found, its state, and who is in scope.
    lasting: BTreeSet<String>,
}

impl Reads {
    /// What these policies read.
    pub fn of<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Reads {
        let mut reads = Reads::default();
        for policy in policies {
            let scope = policy.schema.scope.attributes().into_iter();
            let scope: Vec<String> = scope.map(|(name, _)| name.to_string()).collect();
            reads.lasting.extend(scope.iter().cloned());
            reads.all.extend(scope);
            for mapping in &policy.schema.mappings {
                let names: Vec<String> = inputs(mapping).map(str::to_string).collect();
                if mapping.matching.is_some() || mapping.role == Role::State {
                    reads.lasting.extend(names.iter().cloned());
                }
                reads.all.extend(names);
            }
        }
        reads
    }

    /// Whether somebody reads this attribute, or a part of it.
    fn has(&self, name: &str) -> bool {
        self.all.contains(name) || self.all.iter().any(|read| lies_below(name, read))
    }
}

fn inputs(mapping: &Mapping) -> impl Iterator<Item = &str> {
    let expression = mapping.expression.as_ref();
    expression
        .into_iter()
        .flat_map(|expression| expression.attributes())
}

/// Dates that reports and first sign-ins go by.
fn is_first_day(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("hiredate")
}

impl Worker {
    /// Lets go of what nobody reads, but for what the person is called and the first day.
    pub fn keep_only(&mut self, reads: &Reads) {
        let called: BTreeSet<&str> = self.called_by().into_iter().collect();
        let left_out: Vec<String> = self
            .attributes
            .keys()
            .filter(|name| !reads.has(name) && !called.contains(name.as_str()) && !is_first_day(name))
            .cloned()
            .collect();
        for name in left_out {
            self.let_go(&name);
        }
    }

    /// Lets go of everything but what finds the account again and says whether it may be open, should the person return.
    pub fn shrink(&mut self, reads: &Reads, now: Timestamp) {
        let names: Vec<String> = self.attributes.keys().cloned().collect();
        for name in names.iter().filter(|name| !reads.lasting.contains(*name)) {
            self.let_go(name);
        }
        self.left = self.left_at();
        self.active = Some(false);
        self.employment = self.employment.take().and_then(|employment| {
            employment.person.map(|person| Employment {
                person: Some(person),
                ..Employment::default()
            })
        });
        self.findings.clear();
        self.stated.clear();
        self.said = Provenance::default();
        self.shrunk = Some(now);
    }

    fn let_go(&mut self, name: &str) {
        if self
            .attributes
            .remove(name)
            .is_some_and(|value| !value.is_empty())
        {
            self.unkept.insert(name.to_string());
        }
    }

    /// HR says that the person has left, and no date says that this will change.
    pub fn has_left(&self, now: Timestamp) -> bool {
        let is_out = self.gone.is_some() || self.is_active(now) == Some(false);
        let is_to_come = self.starts().is_some_and(|starts| starts > now);
        is_out && !is_to_come && self.next_turn(now).is_none()
    }

    /// Since when, as far as HR's words tell. Who was to return and did not left on the day that was named for it.
    pub fn left_at(&self) -> Option<Timestamp> {
        let left = self.leaves().or(self.gone).or(self.left)?;
        Some(self.starts().map_or(left, |starts| starts.max(left)))
    }

    /// Of what a mapping reads, what HR said and nobody kept.
    pub fn unkept_of<'m>(&self, mapping: &'m Mapping) -> Vec<&'m str> {
        match self.unkept.is_empty() {
            true => Vec::new(),
            false => inputs(mapping)
                .filter(|name| self.unkept.contains(*name))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::value::Value;
    use crate::domain::worker::{Attributes, Said, Statement};

    fn reads(all: &[&str], lasting: &[&str]) -> Reads {
        let set = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        Reads {
            all: set(all),
            lasting: set(lasting),
        }
    }

    fn said(worker: &mut Worker, active: Option<bool>, pairs: &[(&str, Value)]) {
        let attributes: Attributes = pairs.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        worker.fold(Statement {
            anchor: "1".into(),
            active,
            said: Said::Partial(attributes),
            at: Timestamp::UNIX_EPOCH,
        });
    }

    fn names(worker: &Worker) -> (Vec<&str>, Vec<&str>) {
        let kept = worker.attributes.keys().map(String::as_str).collect();
        (kept, worker.unkept.iter().map(String::as_str).collect())
    }

    #[test]
    fn b33_only_what_somebody_reads_is_kept_and_the_name_of_the_rest() {
        let mut worker = Worker::new("1");
        said(
            &mut worker,
            Some(true),
            &[
                ("title", "Judge".into()),
                ("nickName", "Addy".into()),
                ("locale", Value::Null),
                ("displayName", "Ada".into()),
                ("userName", "ada@x".into()),
                ("hireDate", "2026-11-01".into()),
                ("emails", Value::Null),
            ],
        );
        worker.keep_only(&reads(&["title", "emails[type eq \"work\"].value"], &[]));
        assert_eq!(
            names(&worker),
            (
                vec!["displayName", "emails", "hireDate", "title"],
                vec!["nickName", "userName"]
            )
        );
        // It is said again, now that somebody reads it; and that another is nothing.
        said(
            &mut worker,
            None,
            &[("nickName", "Addy".into()), ("userName", Value::Null)],
        );
        assert!(worker.unkept.is_empty());
    }

    #[test]
    fn b33_nothing_said_of_a_parent_is_said_of_what_was_not_kept_below() {
        let mut worker = Worker::new("1");
        said(&mut worker, None, &[("name.givenName", "Ada".into())]);
        worker.keep_only(&Reads::default());
        assert_eq!(names(&worker).1, ["name.givenName"]);
        said(&mut worker, None, &[("name", Value::Null)]);
        assert!(worker.unkept.is_empty());
        assert_eq!(worker.attributes["name.givenName"], Value::Null);
    }

    #[test]
    fn b33_a_leaver_shrinks_until_hr_takes_it_back() {
        let mut worker = Worker::new("1");
        let leaver = [("externalId", "1".into()), ("title", "Judge".into())];
        said(&mut worker, Some(false), &leaver);
        assert!(worker.has_left(Timestamp::UNIX_EPOCH));
        assert_eq!(worker.left_at(), Some(Timestamp::UNIX_EPOCH));
        worker.shrink(
            &reads(&["title", "externalId"], &["externalId"]),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(names(&worker), (vec!["externalId"], vec!["title"]));
        // That somebody who left has left is no news, whatever else is said.
        said(&mut worker, Some(false), &leaver);
        assert_eq!(
            (names(&worker), worker.shrunk),
            ((vec!["externalId"], vec!["title"]), Some(Timestamp::UNIX_EPOCH))
        );
        said(&mut worker, Some(true), &[("active", true.into())]);
        assert_eq!(
            (names(&worker), worker.shrunk),
            ((vec!["active", "externalId"], vec!["title"]), None)
        );
        said(&mut worker, Some(true), &[("title", "Judge".into())]);
        assert!(worker.unkept.is_empty());
    }

    #[test]
    fn b33_a_return_that_hr_announces_is_kept_for_the_day() {
        let days = |days: i64| Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * days);
        let mut worker = Worker::new("1");
        let leaver = [("hireDate", "1960-01-01".into()), ("title", "Judge".into())];
        said(&mut worker, Some(false), &leaver);
        worker.shrink(&reads(&["title"], &[]), days(0));
        said(&mut worker, Some(false), &leaver);
        assert!(worker.shrunk.is_some(), "a first day of long ago is no return");
        let rehire = [("hireDate", "1970-02-01".into()), ("title", "Clerk".into())];
        said(&mut worker, Some(false), &rehire);
        assert_eq!(worker.shrunk, None);
        assert!(!worker.has_left(days(30)));
        said(&mut worker, Some(true), &[]);
        assert_eq!(worker.attributes["title"], Value::text("Clerk"));
        // Whoever does not come after all left on that day, not long before it.
        said(&mut worker, Some(false), &[]);
        assert_eq!(worker.left_at(), Some(days(31)));
    }

    #[test]
    fn b33_who_never_came_back_left_on_the_day_that_was_named() {
        let mut worker = Worker::new("1");
        said(&mut worker, Some(false), &[]);
        assert_eq!(worker.left_at(), Some(Timestamp::UNIX_EPOCH));
        said(&mut worker, None, &[("hireDate", "1970-02-01".into())]);
        let day = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 31);
        assert_eq!(worker.left_at(), Some(day));
    }
}
