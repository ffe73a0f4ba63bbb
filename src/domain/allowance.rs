//! An allowance (B17): for a while, a job may do more of something than its limits let it, because a person said so.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::guard::{Action, Family};

/// The furthest ahead that one may end: what goes on for longer is a limit's affair (`[app.guard]`).
pub const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// So many of an action in all, from the instant it was given until it ends. What is done under it counts against it alone,
/// so that the job's limits are as they were when it is used up or over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowance {
    pub id: String,
    /// Disables stand for deletes, too, as in the limits.
    #[serde(serialize_with = "by_name", deserialize_with = "from_name")]
    pub action: Action,
    pub most: u64,
    /// How many of them were done.
    pub used: u64,
    pub given: Timestamp,
    pub until: Timestamp,
    /// When somebody ended it, or it was used up or over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Who gave it.
    pub by: String,
    pub reason: String,
}

impl Allowance {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && self.left() > 0 && now < self.until
    }

    pub fn left(&self) -> u64 {
        self.most.saturating_sub(self.used)
    }

    /// Whether this is what it allows.
    pub fn covers(&self, action: &Action) -> bool {
        match self.action.family() {
            Family::Disables => action.family() == Family::Disables,
            _ => self.action == *action,
        }
    }

    /// The actions that a limit may have held and that it lets through.
    pub fn actions(&self) -> Vec<Action> {
        match self.action.family() {
            Family::Disables => vec![Action::Disable, Action::Delete],
            _ => vec![self.action.clone()],
        }
    }
}

fn by_name<S: serde::Serializer>(action: &Action, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(action)
}

fn from_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Action, D::Error> {
    let text = String::deserialize(deserializer)?;
    Action::parse(&text).ok_or_else(|| serde::de::Error::custom("no action of the guard's"))
}
