//! A hold (B12): what people decided about somebody's account, over HR's head.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::account::Anchor;
use super::finding::{Finding, Weight};
use super::plan::Effect;
use super::worker::Worker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    pub id: String,
    /// Whose account it is about, by source anchor; `None` where it is about an account, whoever that belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<HeldAccount>,
    /// What is left as it is, as [`Effect::attribute`] calls it; `None` for everything.
    pub attributes: Option<BTreeSet<String>>,
    /// A disable is held, too: only where a person took one back. Every other hold lets leavers go (B13).
    pub disables: bool,
    pub reason: String,
    /// Who decided it.
    pub by: String,
    pub since: Timestamp,
    pub until: Until,
}

/// An account that is held, with what it was called then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAccount {
    pub anchor: Anchor,
    pub address: String,
}

/// When a hold ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Until {
    /// HR says something else of the worker, or the job gets another schema.
    Changed {
        record: String,
        schema_version: i64,
    },
    At(Timestamp),
    Lifted,
}

impl Hold {
    /// `said` is the [`digest`] of what HR says of the worker. A first or last day that has come since is HR's word, too, which was
    /// said before (B13, B19).
    pub fn is_over(&self, said: &str, worker: &Worker, schema_version: i64, now: Timestamp) -> bool {
        match &self.until {
            Until::Changed {
                record,
                schema_version: version,
            } => {
                let turn = worker.next_turn(self.since);
                *version != schema_version || record != said || turn.is_some_and(|at| at <= now)
            }
            Until::At(at) => *at <= now,
            Until::Lifted => false,
        }
    }

    /// The account is not to be written at all, and nobody's who has none.
    pub fn is_whole(&self) -> bool {
        self.attributes.is_none()
    }

    /// Until when, where that is an instant.
    pub fn ends(&self) -> Option<Timestamp> {
        match self.until {
            Until::At(at) => Some(at),
            Until::Changed { .. } | Until::Lifted => None,
        }
    }

    /// Somebody gave it as such: what undoing sets is not meant against undoing.
    pub fn is_given(&self) -> bool {
        !matches!(self.until, Until::Changed { .. })
    }

    /// Whether this is not to be done.
    pub fn keeps(&self, effect: &Effect) -> bool {
        if *effect == Effect::Disable && !self.disables {
            return false;
        }
        match (&self.attributes, effect.attribute()) {
            (None, _) => true,
            (Some(attributes), Some(attribute)) => attributes.contains(attribute),
            (Some(_), None) => false,
        }
    }

    pub fn finding(&self, effect: &Effect) -> Finding {
        let finding = Finding::new(Weight::Warning, ON_HOLD, self.says());
        match effect.attribute() {
            Some(attribute) => finding.on(attribute),
            None => finding,
        }
    }

    /// Why something is not done.
    pub fn says(&self) -> String {
        let until = match &self.until {
            Until::Changed { .. } => "until HR says something else of this person".to_string(),
            Until::At(at) => format!("until {at}"),
            Until::Lifted => "until somebody lifts it".to_string(),
        };
        let what = match &self.account {
            Some(_) => "the account is held",
            None => "held",
        };
        format!(
            "{what} by {} since {}, {until}: {}",
            self.by, self.since, self.reason
        )
    }
}

/// The log's code for what is not done because of a hold.
pub const ON_HOLD: &str = "OnHold";

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.worker, &self.account) {
            (_, Some(account)) => write!(f, "account {}", account.address)?,
            (worker, None) => write!(f, "worker {}", worker.as_deref().unwrap_or("?"))?,
        }
        if let Some(attributes) = &self.attributes {
            let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
            write!(f, ", {}", attributes.join(", "))?;
        }
        Ok(())
    }
}

/// What HR says of a worker, by which it is known again.
pub fn digest(worker: &Worker) -> String {
    let said = serde_json::to_vec(&(worker.gone, &worker.attributes, &worker.employment));
    format!("{:x}", Sha256::digest(said.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::employment::{Employment, Turn};

    #[test]
    fn b13_what_an_undo_holds_ends_on_the_last_day_that_was_said_before() {
        let undone: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let last_day: Timestamp = "2026-03-06T23:00:00Z".parse().unwrap();
        let mut worker = Worker::new("1");
        worker.employment = Some(Employment {
            turns: vec![Turn {
                at: last_day,
                active: false,
            }],
            ..Employment::default()
        });
        let record = digest(&worker);
        let hold = Hold {
            id: "h".into(),
            worker: Some("1".into()),
            account: None,
            attributes: None,
            disables: true,
            reason: "what was done to the account was undone".into(),
            by: "ops".into(),
            since: undone,
            until: Until::Changed {
                record: record.clone(),
                schema_version: 1,
            },
        };
        let before = last_day - SignedDuration::from_secs(1);
        assert!(!hold.is_over(&record, &worker, 1, before));
        assert!(hold.is_over(&record, &worker, 1, last_day));
        assert!(hold.is_over("something else", &worker, 1, undone));
        assert!(hold.is_over(&record, &worker, 2, undone));
    }
}
