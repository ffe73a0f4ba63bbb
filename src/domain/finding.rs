//! Something wrong with one worker's data or account. A finding holds the attribute it names, rarely the
//! person, never the run.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub weight: Weight,
    /// One of the log's codes that Entra ID documents or ours (`DisabledElsewhere`).
    pub code: Cow<'static, str>,
    /// What is wrong and what to do, in plain words.
    pub message: String,
    pub attribute: Option<String>,
    /// Only another word of HR's, or another schema, ends it: trying again finds the same.
    #[serde(default)]
    pub lasts: bool,
}

/// How much a finding says about the worker's entry in the provisioning log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Weight {
    /// One step carries a warning; the entry itself stands as it is (an unknown manager).
    Note,
    /// Why nothing was to be done.
    Skip,
    /// Something HR wants is deliberately not done.
    Warning,
    /// Something HR wants cannot be done until the data change.
    Failure,
}

impl Finding {
    pub fn new(weight: Weight, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Finding {
        Finding {
            weight,
            code: code.into(),
            message: message.into(),
            attribute: None,
            lasts: false,
        }
    }

    pub fn lasting(mut self) -> Finding {
        self.lasts = true;
        self
    }

    pub fn on(mut self, attribute: impl Into<String>) -> Finding {
        self.attribute = Some(attribute.into());
        self
    }
}
