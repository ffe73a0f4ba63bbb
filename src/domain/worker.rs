//! One person as HR describes them, and the statements of which that description is the fold (B1).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::employment::{ACTIVE, Employment};
use super::finding::Finding;
use super::provenance::{Occasion, Provenance};
use super::value::Value;

/// Attributes under the names the source's schema gives them: `name.givenName`,
/// `emails[type eq "work"].value`, `urn:…:User:department`. A missing name was never said.
pub type Attributes = BTreeMap<String, Value>;

/// How long before somebody begins or leaves that person goes before others: a target that does not answer might not be back
/// before.
pub const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What HR's last word about somebody has to do with beginning and leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The person does not work here any more.
    Leaves,
    /// The person begins or leaves within days.
    Soon,
    /// The person works here, and did not by what HR said before.
    Begins,
    /// It is about something else.
    Stays,
}

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
    /// What somebody else said of an attribute, ahead of the source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stated: BTreeMap<String, Stated>,
    /// When the source said what.
    #[serde(default, skip_serializing_if = "Provenance::is_empty")]
    pub said: Provenance,
    /// When HR first said that the person does not work here, as far as it has not said otherwise since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Timestamp>,
    /// Attributes that HR said something of which is not kept (B33).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unkept: BTreeSet<String>,
    /// Since when no more is kept than what finds the account again (B33): nothing is done about the worker until HR says
    /// more than that the person has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Timestamp>,
}

/// A value that wins over what the source says of an attribute, until the source says something else than it did then (B30).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stated {
    pub value: Value,
    /// What the source said then.
    pub over: Value,
}

/// What a person is called, the best first; then what the parts of a name are called.
const WHOLE_NAMES: [&str; 5] = [
    "displayName",
    "name.formatted",
    "PreferredNameData",
    "userName",
    "userPrincipalName",
];
const NAME_PARTS: [&str; 2] = ["FirstName", "LastName"];

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
    /// What is not as it was when the whole was told: names exactly what it sets; the rest stays.
    Changed(Changes),
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

/// What became of parts of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    pub attributes: Attributes,
    /// The employment, where that is another.
    pub employment: Option<Employment>,
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
            stated: BTreeMap::new(),
            said: Provenance::default(),
            left: None,
            unkept: BTreeSet::new(),
            shrunk: None,
        }
    }

    /// Lays a statement over what was said before.
    pub fn fold(&mut self, statement: Statement) {
        self.fold_from(statement, None);
    }

    /// The same for one that came in an upload, by its number.
    pub fn fold_from(&mut self, statement: Statement, upload: Option<i64>) {
        if self.is_old_news(&statement) {
            return;
        }
        self.shrunk = None;
        self.left = match statement.active {
            Some(false) => self.left.or(Some(statement.at)),
            Some(true) => None,
            None => self.left,
        };
        let occasion = Occasion {
            at: statement.at,
            upload,
        };
        let is_first = self.attributes.is_empty();
        let mut changed = Vec::new();
        match statement.said {
            Said::Gone => {
                self.gone.get_or_insert(statement.at);
            }
            Said::Whole(record) => {
                self.gone = None;
                self.hidden = None;
                self.active = statement.active;
                changed = different(&self.attributes, &record.attributes);
                self.attributes = record.attributes;
                self.unkept.clear();
                self.employment = record.employment;
                self.findings = record.findings;
            }
            Said::Changed(changes) => {
                self.gone = None;
                self.hidden = None;
                self.active = statement.active.or(self.active);
                self.unkept.retain(|name| !changes.attributes.contains_key(name));
                for (name, value) in changes.attributes {
                    self.set(name, value, &mut changed);
                }
                self.employment = changes.employment.or_else(|| self.employment.take());
            }
            Said::Partial(attributes) => {
                self.gone = None;
                self.active = statement.active.or(self.active);
                for (name, value) in attributes {
                    self.unkept.remove(&name);
                    if value.is_empty() && self.silence_below(&name, &mut changed) {
                        continue;
                    }
                    self.set(name, value, &mut changed);
                }
            }
        }
        match is_first && !self.attributes.is_empty() {
            true => self.said.begin(occasion),
            false => self.said.note(occasion, changed),
        }
        let attributes = &self.attributes;
        self.stated.retain(|name, stated| {
            let said = said_of(attributes, name);
            *said == stated.over && *said != stated.value
        });
    }

    /// That somebody has left of whom next to nothing is kept because of that (B33), and nothing of a return.
    fn is_old_news(&self, statement: &Statement) -> bool {
        let says_so = matches!(statement.said, Said::Partial(_)) && statement.active == Some(false);
        if self.shrunk.is_none() || !says_so {
            return false;
        }
        let mut after = Worker {
            shrunk: None,
            ..self.clone()
        };
        after.fold(statement.clone());
        after.has_left(statement.at)
    }

    /// Lays values over what the source says, and over what was stated before.
    pub fn state(&mut self, values: Attributes) {
        for (name, value) in values {
            let over = said_of(&self.attributes, &name).clone();
            match over == value {
                true => self.stated.remove(&name),
                false => self.stated.insert(name, Stated { value, over }),
            };
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

    /// Whether nothing says that this person does not work here at an instant.
    pub fn works(&self, now: Timestamp) -> bool {
        self.gone.is_none() && self.is_active(now) != Some(false)
    }

    /// What it means for this person that HR spoke; `worked` is whether the person worked here by what HR said before, `None`
    /// where HR never spoke of them. Somebody new who is to begin later does not leave.
    pub fn moves(&self, worked: Option<bool>, now: Timestamp) -> Move {
        let next = self.next_turn(now);
        let is_soon = next.is_some_and(|turn| turn.duration_since(now) <= SOON);
        match (worked, self.works(now)) {
            (None, false) if next.is_none() => Move::Leaves,
            (None, _) => Move::Stays,
            (Some(true), false) => Move::Leaves,
            (Some(_), _) if is_soon => Move::Soon,
            (Some(false), true) => Move::Begins,
            (Some(_), _) => Move::Stays,
        }
    }

    /// Puts the attributes to what they are at an instant: those that follow dates (B19), and those that somebody stated
    /// ahead of the source (B30).
    pub fn turn_to(&mut self, now: Timestamp) {
        for (name, stated) in &self.stated {
            self.attributes.insert(name.clone(), stated.value.clone());
        }
        if let Some(active) = self
            .employment
            .as_ref()
            .and_then(|employment| employment.active(now))
        {
            let word = if active { "1" } else { "0" };
            self.attributes.insert(ACTIVE.into(), Value::text(word));
        }
    }

    /// The next instant at which those that follow dates change.
    pub fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        self.employment.as_ref()?.next_turn(now)
    }

    /// When this person begins to work here, as far as the source says: by the dates of the employment, else at the
    /// beginning (UTC) of the day that an attribute called the hire date names.
    pub fn starts(&self) -> Option<Timestamp> {
        let by_date = self.employment.as_ref().and_then(Employment::starts);
        by_date.or_else(|| {
            let named = |name: &str| name.to_ascii_lowercase().ends_with("hiredate");
            let said = self.attributes.iter().find(|(name, _)| named(name));
            day(said?.1)
        })
    }

    /// When the last day is over, where the source gives dates.
    pub fn leaves(&self) -> Option<Timestamp> {
        self.employment.as_ref()?.leaves()
    }

    /// The name to show beside the anchor.
    pub fn display_name(&self) -> Option<Cow<'_, str>> {
        let text = |name: &str| self.text(name);
        match self.called_by().as_slice() {
            [one] => text(one).map(Cow::Borrowed),
            [first, last, ..] => Some(Cow::Owned(format!("{} {}", text(first)?, text(last)?))),
            [] => None,
        }
    }

    /// The attributes that name is made of.
    pub(super) fn called_by(&self) -> Vec<&'static str> {
        let whole = WHOLE_NAMES.into_iter().find(|name| self.text(name).is_some());
        match whole {
            Some(name) => vec![name],
            None => NAME_PARTS
                .into_iter()
                .filter(|name| self.text(name).is_some())
                .collect(),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        }
    }

    fn set(&mut self, name: String, value: Value, changed: &mut Vec<String>) {
        match self.attributes.get_mut(&name) {
            Some(before) if *before == value => {}
            Some(before) => {
                *before = value;
                changed.push(name);
            }
            None => {
                changed.push(name.clone());
                self.attributes.insert(name, value);
            }
        }
    }

    fn silence_below(&mut self, parent: &str, changed: &mut Vec<String>) -> bool {
        let mut found = false;
        let (silenced, unkept) = std::mem::take(&mut self.unkept)
            .into_iter()
            .partition(|name| lies_below(parent, name));
        self.unkept = unkept;
        let silenced: BTreeSet<String> = silenced;
        self.attributes
            .extend(silenced.into_iter().map(|name| (name, Value::Null)));
        for (name, value) in &mut self.attributes {
            if lies_below(parent, name) {
                if *value != Value::Null {
                    changed.push(name.clone());
                }
                *value = Value::Null;
                found = true;
            }
        }
        found
    }
}

/// What a source said of an attribute, where never said and said to be nothing are the same.
fn said_of<'a>(attributes: &'a Attributes, name: &str) -> &'a Value {
    attributes
        .get(name)
        .filter(|value| !value.is_empty())
        .unwrap_or(&Value::Null)
}

/// The names that have another value after than before, or came or went.
fn different(before: &Attributes, after: &Attributes) -> Vec<String> {
    let came = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value));
    let went = before.iter().filter(|(name, _)| !after.contains_key(*name));
    came.chain(went).map(|(name, _)| name.clone()).collect()
}

/// The beginning of a day written as `2026-11-01`, whatever follows.
fn day(value: &Value) -> Option<Timestamp> {
    let Value::Text(text) = value else { return None };
    let date: Date = text.get(..10)?.parse().ok()?;
    date.to_zoned(TimeZone::UTC).ok().map(|begins| begins.timestamp())
}

/// `name` → `name.givenName`, `emails` → `emails[type eq "work"].value`, `urn:x:User` → `urn:x:User:costCenter`.
pub(super) fn lies_below(parent: &str, name: &str) -> bool {
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
    fn b25_what_hr_says_has_somebody_begin_or_leave_or_neither() {
        let now = Timestamp::UNIX_EPOCH;
        let by_word = |active: Option<bool>| Worker {
            active,
            ..Worker::new("1")
        };
        let by_date = |days: i64, active: bool| {
            let at = now + SignedDuration::from_hours(24 * days);
            let turns = vec![crate::domain::employment::Turn { at, active }];
            let employment = Employment {
                turns,
                ..Employment::default()
            };
            Worker {
                employment: Some(employment),
                ..Worker::new("1")
            }
        };
        let gone = Worker {
            gone: Some(now),
            ..by_word(Some(true))
        };
        let (works, left, silent) = (by_word(Some(true)), by_word(Some(false)), by_word(None));
        let (leaves_soon, leaves_later) = (by_date(6, false), by_date(8, false));
        let (begins_soon, begins_later) = (by_date(6, true), by_date(8, true));
        #[rustfmt::skip]
        let table = [
            // what HR says now  never heard of  worked        did not work
            (&works,        [Move::Stays,  Move::Stays,  Move::Begins]),
            (&silent,       [Move::Stays,  Move::Stays,  Move::Begins]),
            (&left,         [Move::Leaves, Move::Leaves, Move::Stays]),
            (&gone,         [Move::Leaves, Move::Leaves, Move::Stays]),
            (&leaves_later, [Move::Stays,  Move::Stays,  Move::Begins]),
            (&leaves_soon,  [Move::Stays,  Move::Soon,   Move::Soon]),
            (&begins_later, [Move::Stays,  Move::Leaves, Move::Stays]),
            (&begins_soon,  [Move::Stays,  Move::Leaves, Move::Soon]),
        ];
        for (worker, expected) in table {
            let moves = [None, Some(true), Some(false)].map(|worked| worker.moves(worked, now));
            assert_eq!(moves, expected, "{worker:?}");
        }
    }

    #[test]
    fn a_hire_date_is_when_somebody_begins() {
        let begins = |name: &str, value: &str| {
            let mut worker = Worker::new("1");
            worker.fold(partial(&[(name, value.into())]));
            worker.starts().map(|at| at.to_string())
        };
        for name in ["hireDate", "employeeHireDate", "urn:x:User:HireDate"] {
            assert_eq!(
                begins(name, "2026-11-01").unwrap(),
                "2026-11-01T00:00:00Z",
                "{name}"
            );
        }
        assert_eq!(
            begins("hireDate", "2026-11-01T09:00:00+11:00").unwrap(),
            "2026-11-01T00:00:00Z"
        );
        assert_eq!(begins("hireDate", "soon"), None);
        assert_eq!(begins("title", "2026-11-01"), None);
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
    fn it_is_written_down_since_when_something_is_said() {
        let mut worker = Worker::new("1");
        let all: &[(&str, Value)] = &[("title", "Guide".into()), ("name.givenName", "Ada".into())];
        worker.fold_from(partial(all), Some(1));
        worker.fold_from(
            partial(&[("title", "Guide".into()), ("city", "Rome".into())]),
            Some(2),
        );
        worker.fold_from(partial(&[("name", Value::Null)]), Some(3));
        let since = |worker: &Worker, name: &str| worker.said.of(name).unwrap().upload;
        let names = ["title", "city", "name.givenName"];
        assert_eq!(
            names.map(|name| since(&worker, name)),
            [Some(1), Some(2), Some(3)]
        );
        // The same record read again is the same worker.
        let mut read = Worker::new("1");
        read.fold(whole(Some("a@x")));
        let before = read.clone();
        let mut later = whole(Some("a@x"));
        later.at = Timestamp::MAX;
        read.fold(later);
        assert_eq!(read, before);
        read.fold(whole(None));
        assert_ne!(read.said, before.said, "it is not said any more");
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
    fn b1_changes_are_laid_over_a_whole_record() {
        let of_person = |person: &str| Employment {
            person: Some(person.into()),
            ..Employment::default()
        };
        let said = |active, said| Statement {
            anchor: "1".into(),
            active,
            said,
            at: Timestamp::UNIX_EPOCH,
        };
        let mut worker = Worker::new("1");
        worker.fold(said(
            Some(true),
            Said::Whole(Box::new(Record {
                attributes: Attributes::from([
                    ("name".into(), "Ada".into()),
                    ("name.last".into(), "King".into()),
                ]),
                employment: Some(of_person("7")),
                findings: Vec::new(),
            })),
        ));
        worker.hidden = Some(Timestamp::UNIX_EPOCH);
        let silent = Changes {
            attributes: Attributes::from([("name".into(), Value::Null)]),
            employment: None,
        };
        worker.fold(said(None, Said::Changed(silent)));
        assert_eq!(worker.attributes["name"], Value::Null);
        assert_eq!(worker.attributes["name.last"], Value::text("King"), "not named");
        assert_eq!((worker.active, worker.hidden), (Some(true), None));
        assert_eq!(worker.employment, Some(of_person("7")), "as before");

        let another = Changes {
            employment: Some(Employment::default()),
            ..Changes::default()
        };
        worker.fold(said(Some(false), Said::Changed(another)));
        assert_eq!(worker.active, Some(false));
        assert_eq!(worker.employment, Some(Employment::default()), "nobody's now");
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

    fn whole(mail: Option<&str>) -> Statement {
        let mail = mail.map(|mail| ("mail".to_string(), mail.into()));
        Statement {
            anchor: "1".into(),
            active: None,
            said: Said::Whole(Box::new(Record {
                attributes: mail.into_iter().collect(),
                ..Record::default()
            })),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn mail(mail: &str) -> Attributes {
        Attributes::from([("mail".to_string(), mail.into())])
    }

    /// What planning sees.
    fn seen(worker: &Worker) -> Value {
        let mut worker = worker.clone();
        worker.turn_to(Timestamp::UNIX_EPOCH);
        worker.attributes.remove("mail").unwrap_or(Value::Null)
    }

    #[test]
    fn b30_what_was_stated_wins_until_the_directory_says_something_else() {
        for (before, after, seen_after) in [
            (None, None, "new@x"),
            (Some(""), None, "new@x"),
            (Some("old@x"), Some("old@x"), "new@x"),
            (Some("old@x"), Some("other@x"), "other@x"),
            (None, Some("other@x"), "other@x"),
        ] {
            let mut worker = Worker::new("1");
            worker.fold(whole(before));
            worker.state(mail("new@x"));
            assert_eq!(seen(&worker), "new@x".into());
            let said = worker.attributes.get("mail").cloned();
            assert_eq!(said, before.map(Value::text), "the record itself stays as it is");
            worker.fold(whole(after));
            assert_eq!(seen(&worker), seen_after.into(), "{before:?} then {after:?}");
        }
    }

    #[test]
    fn b30_what_was_stated_ends_when_the_directory_says_it_too() {
        let mut worker = Worker::new("1");
        worker.fold(whole(Some("old@x")));
        worker.state(mail("new@x"));
        worker.fold(whole(Some("new@x")));
        assert!(worker.stated.is_empty());
        worker.fold(whole(Some("old@x")));
        assert_eq!(seen(&worker), "old@x".into(), "the directory took it back");
        worker.state(mail("old@x"));
        assert!(worker.stated.is_empty(), "there is nothing to win over");
    }

    #[test]
    fn b30_partial_statements_end_what_they_name_and_no_more() {
        let mut worker = Worker::new("1");
        worker.fold(partial(&[("mail", "old@x".into()), ("mobile", "1".into())]));
        let values = Attributes::from([
            ("mail".to_string(), "new@x".into()),
            ("mobile".to_string(), "2".into()),
        ]);
        worker.state(values);
        worker.fold(partial(&[("mail", Value::Null)]));
        assert_eq!(worker.stated.keys().collect::<Vec<_>>(), ["mobile"]);
    }

    #[test]
    fn b30_records_without_anything_stated_are_kept_as_they_were() {
        let mut worker = Worker::new("1");
        worker.fold(whole(Some("old@x")));
        let kept = serde_json::to_string(&worker).unwrap();
        assert!(!kept.contains("stated"), "{kept}");
        worker.state(mail("new@x"));
        let kept = serde_json::to_string(&worker).unwrap();
        assert_eq!(serde_json::from_str::<Worker>(&kept).unwrap(), worker);
    }
}
