//! What became of everybody: a few dozen bytes a person, however many rows and log entries there are.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::Timestamp;
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
    /// Operations about this person that are sent, or to be sent.
    pub rows: u32,
    /// Log entries about this person since.
    entries: u32,
    pub outcome: Option<Outcome>,
}

/// What the log says last.
pub struct Outcome {
    at: Timestamp,
    pub name: Box<str>,
    /// What was done, each once.
    pub done: Vec<Action>,
    /// What was to be done last.
    pub tried: Action,
    pub status: Status,
    pub code: Option<Arc<str>>,
    pub reason: Option<Box<str>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
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
    provisioning_action: Action,
    source_identity: Identity,
    provisioning_status_info: Info,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    id: String,
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

/// An operation that a later one about the same person includes: no outcome, but an answer.
const SUPERSEDED: &str = "Superseded";

/// How the codes of what a limit holds begin.
const HELD: &str = "TooMany";

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

    /// Has everybody an outcome no older than this?
    pub fn everybody_heard_of(&self, since: Timestamp) -> bool {
        let heard = |person: &Person| person.outcome.as_ref().is_some_and(|outcome| outcome.at >= since);
        self.people.iter().all(heard)
    }

    /// Sets aside what the log said before anything was sent.
    pub fn ignore(&mut self, entry: &Entry) {
        self.read.insert(self.digest.hash_one(&entry.id));
    }

    /// Takes an entry in, and whether it is a new one about one of these people. They come in any order, and again.
    pub fn take(&mut self, entry: Entry) -> bool {
        let Some(index) = self.by_worker.get(entry.source_identity.id.as_str()) else {
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
        self.outcome
            .as_ref()
            .map_or(Status::Missing, |outcome| outcome.status)
    }

    /// Every operation has an entry of its own; further ones come of references that are set later.
    fn has_ended(&self) -> bool {
        self.outcome.is_some() && self.entries >= self.rows
    }

    fn take(&mut self, entry: Entry) {
        self.entries = self.entries.saturating_add(1);
        let Some(new) = Outcome::of(entry) else { return };
        let Some(old) = &mut self.outcome else {
            self.outcome = Some(new);
            return;
        };
        let mut done = [old.done.as_slice(), &new.done].concat();
        done.sort_unstable();
        done.dedup();
        if new.outweighs(old) {
            *old = new;
        }
        old.done = done;
    }
}

impl Outcome {
    /// `None` for an entry that says no more than that another one will.
    fn of(entry: Entry) -> Option<Outcome> {
        let information = entry.provisioning_status_info.error_information;
        let (code, reason) = match information {
            Some(information) => (information.error_code, information.reason),
            None => (None, None),
        };
        if code.as_deref() == Some(SUPERSEDED) {
            return None;
        }
        let held = code.as_deref().is_some_and(|code| code.starts_with(HELD));
        let status = match entry.provisioning_status_info.status {
            Status::Skipped if held => Status::Held,
            status => status,
        };
        let tried = entry.provisioning_action;
        let wrote = matches!(status, Status::Success | Status::Warning) && tried != Action::Other;
        Some(Outcome {
            at: entry.activity_date_time,
            name: entry.source_identity.display_name.unwrap_or_default().into(),
            done: if wrote { vec![tried] } else { Vec::new() },
            tried,
            status,
            code: code.map(Arc::from),
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

impl Status {
    /// Did it end as HR said, or as whoever set the gateway up said that it should?
    pub fn is_well(self) -> bool {
        matches!(self, Status::Success | Status::Skipped | Status::Warning)
    }

    pub fn needs_a_look(self) -> bool {
        !self.is_well() || self == Status::Warning
    }
}
