//! What became of everybody: some two hundred bytes a person, however many rows and log entries there are.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Everybody in a file, in the order in which they are first spoken of.
#[derive(Default)]
pub struct Roll {
    people: Vec<Person>,
    by_worker: HashMap<Arc<str>, usize>,
    /// Digests of the log entries that were read, as the log is read more than once.
    read: HashSet<u64>,
    digest: RandomState,
    ended: usize,
}

pub struct Person {
    pub worker: Arc<str>,
    /// Rows about this person in the file.
    pub rows: u32,
    /// How many of them the service took in, and when it did so last, by its clock.
    pub taken_in: u32,
    at: Timestamp,
    /// Log entries about this person since.
    entries: u32,
    pub outcome: Option<Outcome>,
}

/// What the log says last.
pub struct Outcome {
    at: Timestamp,
    /// When the log spoke last of this person, be it that nothing was left to do.
    heard: Timestamp,
    pub name: Box<str>,
    /// What was done, or tried, each once.
    pub actions: Actions,
    pub status: Status,
    pub code: Option<Box<str>>,
    pub reason: Option<Box<str>>,
}

/// A set of actions, as bits.
#[derive(Clone, Copy, Default)]
pub struct Actions(u8);

/// The log's `provisioningAction`.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Create,
    Update,
    Disable,
    Delete,
    StagedDelete,
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    Failure,
    /// Not an answer of the log: nothing is known of this person.
    #[serde(skip_deserializing)]
    Missing,
    /// Not an answer of the log, which says `skipped`: a limit holds what was to be done.
    #[serde(skip_deserializing)]
    Held,
    Success,
    Skipped,
    #[serde(other)]
    Warning,
}

/// A provisioningObjectSummary, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    id: String,
    pub activity_date_time: Timestamp,
    provisioning_action: Option<Action>,
    source_identity: Option<Identity>,
    provisioning_status_info: Option<Info>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    id: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    status: Status,
    error_information: Option<ErrorInformation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorInformation {
    error_code: Option<String>,
    reason: Option<String>,
}

impl Entry {
    fn worker(&self) -> Option<&str> {
        self.source_identity.as_ref()?.id.as_deref()
    }
}

/// An operation that a later one about the same person includes: no outcome, but an answer.
const SUPERSEDED: &str = "Superseded";

/// How the codes of what a limit holds begin.
const HELD: &str = "TooMany";

/// Clocks show whole seconds, and those of one service's machines differ a little.
pub const MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// Nothing differs any more.
const REDUNDANT: &str = "RedundantExport";

impl Roll {
    /// One more row about somebody.
    pub fn expect(&mut self, worker: &str) {
        let index = self.by_worker.get(worker).copied().unwrap_or_else(|| {
            let worker: Arc<str> = worker.into();
            self.by_worker.insert(worker.clone(), self.people.len());
            self.people.push(Person {
                worker,
                rows: 0,
                taken_in: 0,
                at: Timestamp::UNIX_EPOCH,
                entries: 0,
                outcome: None,
            });
            self.people.len() - 1
        });
        self.people[index].rows += 1;
    }

    pub fn knows(&self, worker: &str) -> bool {
        self.by_worker.contains_key(worker)
    }

    /// The service took in a row about each of them.
    pub fn take_in(&mut self, workers: &[String], at: Timestamp) {
        for worker in workers {
            if let Some(index) = self.by_worker.get(worker.as_str()) {
                let person = &mut self.people[*index];
                person.taken_in += 1;
                person.at = person.at.max(at);
            }
        }
    }

    /// Leaves out those of whom the service knows nothing: sending stopped before it came to them.
    pub fn keep_taken_in(&mut self) {
        self.people.retain(|person| person.taken_in > 0);
        let people = self.people.iter().enumerate();
        self.by_worker = people
            .map(|(index, person)| (person.worker.clone(), index))
            .collect();
    }

    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// People with an outcome that nothing is expected to change.
    pub fn ended(&self) -> usize {
        self.ended
    }

    pub fn everybody_ended(&self) -> bool {
        self.ended == self.people.len()
    }

    pub fn everybody_answered(&self) -> bool {
        self.people.iter().all(Person::is_answered)
    }

    /// Sets aside what the log said before anything was sent.
    pub fn ignore(&mut self, entry: &Entry) {
        self.read.insert(self.digest.hash_one(&entry.id));
    }

    /// Takes an entry in, and whether it is a new one about one of these people. They come in any order, and again.
    pub fn take(&mut self, entry: Entry) -> bool {
        let Some(index) = entry.worker().and_then(|worker| self.by_worker.get(worker)) else {
            return false;
        };
        if !self.read.insert(self.digest.hash_one(&entry.id)) {
            return false;
        }
        let person = &mut self.people[*index];
        let had_ended = person.has_ended();
        person.take(entry);
        self.ended += usize::from(person.has_ended() && !had_ended);
        true
    }
}

impl Person {
    pub fn status(&self) -> Status {
        let outcome = self.outcome.as_ref().filter(|_| self.is_answered());
        outcome.map_or(Status::Missing, |outcome| outcome.status)
    }

    /// Every operation has an entry of its own; further ones come of references that are set later.
    fn has_ended(&self) -> bool {
        self.entries >= self.taken_in && self.is_heard_of(self.at - MARGIN)
    }

    /// Not every service logs each of what it took together; then an entry answers the last row that is later than it
    /// by any clock.
    fn is_answered(&self) -> bool {
        self.has_ended() || self.is_heard_of(self.at + MARGIN)
    }

    fn is_heard_of(&self, since: Timestamp) -> bool {
        self.outcome
            .as_ref()
            .is_some_and(|outcome| outcome.heard >= since)
    }

    fn take(&mut self, entry: Entry) {
        self.entries = self.entries.saturating_add(1);
        let Some(new) = Outcome::of(entry) else { return };
        let Some(old) = &mut self.outcome else {
            self.outcome = Some(new);
            return;
        };
        let actions = old.actions.and(new.actions);
        let heard = old.heard.max(new.heard);
        if new.outweighs(old) {
            *old = new;
        }
        (old.actions, old.heard) = (actions, heard);
    }
}

impl Outcome {
    /// `None` for an entry that says no more than that another one will.
    fn of(entry: Entry) -> Option<Outcome> {
        let Info {
            status,
            error_information,
        } = entry.provisioning_status_info?;
        let (code, reason) = error_information.map_or((None, None), |said| (said.error_code, said.reason));
        if code.as_deref() == Some(SUPERSEDED) {
            return None;
        }
        let held = code.as_deref().is_some_and(|code| code.starts_with(HELD));
        let name = entry.source_identity.and_then(|identity| identity.display_name);
        Some(Outcome {
            at: entry.activity_date_time,
            heard: entry.activity_date_time,
            name: name.unwrap_or_default().into(),
            actions: entry.provisioning_action.map_or(Actions::default(), Actions::of),
            status: if held && status == Status::Skipped {
                Status::Held
            } else {
                status
            },
            code: code.map(Box::from),
            reason: reason.map(Box::from),
        })
    }

    /// The later one counts. That nothing was left to do does not unsay that something was done.
    fn outweighs(&self, other: &Outcome) -> bool {
        match (self.is_redundant(), other.is_redundant()) {
            (true, false) if other.status == Status::Success => false,
            (false, true) if self.status == Status::Success => true,
            _ => self.at > other.at,
        }
    }

    fn is_redundant(&self) -> bool {
        self.code.as_deref() == Some(REDUNDANT)
    }
}

/// In the order in which they are told.
const ACTIONS: [Action; 6] = [
    Action::Create,
    Action::Update,
    Action::Disable,
    Action::Delete,
    Action::StagedDelete,
    Action::Other,
];

impl Actions {
    fn of(action: Action) -> Actions {
        Actions(1 << action as u8)
    }

    fn and(self, others: Actions) -> Actions {
        Actions(self.0 | others.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Action> {
        ACTIONS
            .into_iter()
            .filter(move |action| self.0 & Actions::of(*action).0 != 0)
    }
}

impl Status {
    /// Did it end as HR said, or as whoever set the gateway up said that it should?
    pub fn is_well(self) -> bool {
        matches!(self, Status::Success | Status::Skipped | Status::Warning)
    }

    pub fn needs_a_look(self) -> bool {
        !self.is_well() || self == Status::Warning
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `second worker action status code`, as one word each.
    fn entry(line: &str) -> Entry {
        let words: Vec<&str> = line.split(' ').collect();
        let [second, worker, action, status, code] = words[..] else {
            panic!("{line}");
        };
        let information = match code {
            "-" => json!(null),
            code => json!({ "errorCode": code, "reason": "so it is" }),
        };
        serde_json::from_value(json!({
            "id": line, "activityDateTime": format!("2026-01-01T00:00:0{second}Z"), "provisioningAction": action,
            "sourceIdentity": { "id": worker, "displayName": "Somebody" },
            "provisioningStatusInfo": { "status": status, "errorInformation": information },
        }))
        .unwrap()
    }

    #[test]
    fn the_last_word_counts_in_whatever_order_it_is_heard() {
        for (rows, lines, ended, status, actions) in [
            (1, vec!["1 a create success -"], true, Status::Success, 1),
            (1, vec!["1 b create success -"], false, Status::Missing, 0),
            (1, vec!["1 a other skipped Superseded"], false, Status::Missing, 0),
            (
                1,
                vec!["1 a other skipped RedundantExport"],
                true,
                Status::Skipped,
                1,
            ),
            (
                1,
                vec!["1 a stagedDelete skipped TooManyDeletes"],
                true,
                Status::Held,
                1,
            ),
            (1, vec!["1 a create somethingNew -"], true, Status::Warning, 1),
            (2, vec!["1 a create success -"], false, Status::Missing, 1),
            (
                2,
                vec!["1 a other skipped Superseded", "1 a create success -"],
                true,
                Status::Success,
                1,
            ),
            (
                1,
                vec!["1 a create success -", "2 a update failure Conflict"],
                true,
                Status::Failure,
                2,
            ),
            (
                2,
                vec!["1 a create failure Conflict", "2 a create success -"],
                true,
                Status::Success,
                1,
            ),
            (
                2,
                vec!["1 a create success -", "2 a other skipped RedundantExport"],
                true,
                Status::Success,
                2,
            ),
            (
                2,
                vec!["1 a create failure Conflict", "2 a other skipped RedundantExport"],
                true,
                Status::Skipped,
                2,
            ),
        ] {
            for backwards in [false, true] {
                let mut roll = Roll::default();
                roll.expect("a");
                (0..rows).for_each(|_| roll.take_in(&["a".into()], "2026-01-01T00:00:00Z".parse().unwrap()));
                let mut lines = lines.clone();
                if backwards {
                    lines.reverse();
                }
                // The log is read again and again.
                lines.extend(lines.clone());
                for line in &lines {
                    roll.take(entry(line));
                }
                let person = &roll.people()[0];
                let found = person
                    .outcome
                    .as_ref()
                    .map_or(0, |outcome| outcome.actions.iter().count());
                assert_eq!(
                    (roll.everybody_ended(), person.status(), found),
                    (ended, status, actions),
                    "{lines:?}"
                );
            }
        }
    }

    #[test]
    fn what_was_said_before_anything_was_sent_is_about_something_else() {
        let mut roll = Roll::default();
        roll.expect("a");
        roll.take_in(&["a".into()], "2026-01-01T00:00:00Z".parse().unwrap());
        roll.ignore(&entry("1 a create success -"));
        assert!(!roll.take(entry("1 a create success -")));
        assert!(!roll.everybody_answered());
        assert!(roll.take(entry("2 a update success -")));
        assert!(roll.everybody_answered());
    }

    #[test]
    fn what_is_said_of_an_earlier_row_is_no_answer_to_a_later_one() {
        for (last, lines, ended, answered) in [
            ("00:00:00", vec!["1 a create success -"], false, false),
            ("00:00:00", vec!["6 a create success -"], false, true),
            (
                "00:00:59",
                vec!["1 a create success -", "2 a update success -"],
                false,
                false,
            ),
            (
                "00:00:05",
                vec!["0 a create success -", "5 a other skipped RedundantExport"],
                true,
                true,
            ),
            (
                "00:00:08",
                vec!["0 a create success -", "9 a other skipped Superseded"],
                false,
                false,
            ),
        ] {
            let mut roll = Roll::default();
            roll.expect("a");
            for at in ["00:00:00", last] {
                roll.take_in(&["a".into()], format!("2026-01-01T{at}Z").parse().unwrap());
            }
            for line in &lines {
                roll.take(entry(line));
            }
            let found = (roll.everybody_ended(), roll.everybody_answered());
            assert_eq!(found, (ended, answered), "{last} {lines:?}");
            let missing = roll.people()[0].status() == Status::Missing;
            assert_eq!(missing, !answered, "{last} {lines:?}");
        }
    }

    #[test]
    fn whom_nothing_was_sent_about_is_waited_for_by_nobody() {
        let mut roll = Roll::default();
        ["a", "b", "c"].iter().for_each(|worker| roll.expect(worker));
        roll.take_in(&["c".into()], "2026-01-01T00:00:00Z".parse().unwrap());
        roll.keep_taken_in();
        assert!(!roll.take(entry("1 a create success -")));
        assert!(roll.take(entry("1 c create success -")));
        assert!(roll.everybody_ended());
    }
}
