//! A hold (B12): what people decided about somebody's account, over HR's head.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::finding::{Finding, Weight};
use super::plan::Effect;
use super::worker::Worker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    pub id: String,
    pub worker: String,
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
    /// `said` is the [`digest`] of what HR says of the worker.
    pub fn is_over(&self, said: &str, schema_version: i64, now: Timestamp) -> bool {
        match &self.until {
            Until::Changed {
                record,
                schema_version: version,
            } => *version != schema_version || record != said,
            Until::At(at) => *at <= now,
            Until::Lifted => false,
        }
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
        let until = match &self.until {
            Until::Changed { .. } => "until HR says something else of this person".to_string(),
            Until::At(at) => format!("until {at}"),
            Until::Lifted => "until somebody lifts it".to_string(),
        };
        let message = format!(
            "held by {} since {}, {until}: {}",
            self.by, self.since, self.reason
        );
        let finding = Finding::new(Weight::Warning, "OnHold", message);
        match effect.attribute() {
            Some(attribute) => finding.on(attribute),
            None => finding,
        }
    }
}

/// What HR says of a worker, by which it is known again.
pub fn digest(worker: &Worker) -> String {
    let said = serde_json::to_vec(&(worker.gone, &worker.attributes, &worker.employment));
    format!("{:x}", Sha256::digest(said.unwrap_or_default()))
}
