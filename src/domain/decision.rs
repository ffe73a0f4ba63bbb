//! What somebody decided about a job, over HR's head or beyond its limits, and how it ended (B12, B17).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::allowance::Allowance;
use super::hold::Hold;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    pub at: Timestamp,
    pub what: What,
    /// What it is about, for people to read.
    pub about: String,
    /// Who decided; [`BY_ITSELF`] where nobody had to.
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The allowance or hold that it made or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    Allowed,
    AllowanceEnded,
    Held,
    HoldEnded,
    /// What limits held was let through.
    Released,
}

pub const BY_ITSELF: &str = "muster";

impl What {
    pub fn word(self) -> &'static str {
        match self {
            What::Allowed => "allowed",
            What::AllowanceEnded => "allowance ended",
            What::Held => "held",
            What::HoldEnded => "hold ended",
            What::Released => "released",
        }
    }
}

impl Decision {
    pub fn allowed(allowance: &Allowance) -> Decision {
        Decision {
            at: allowance.given,
            what: What::Allowed,
            about: format!(
                "{} × {} until {}",
                allowance.most, allowance.action, allowance.until
            ),
            by: allowance.by.clone(),
            reason: Some(allowance.reason.clone()),
            id: Some(allowance.id.clone()),
        }
    }

    /// `used` of it was done.
    pub fn allowance_ended(allowance: &Allowance, by: &str, at: Timestamp) -> Decision {
        Decision {
            at,
            what: What::AllowanceEnded,
            about: format!(
                "{} of {} × {} used",
                allowance.used, allowance.most, allowance.action
            ),
            by: by.to_string(),
            reason: None,
            id: Some(allowance.id.clone()),
        }
    }

    pub fn held(hold: &Hold) -> Decision {
        Decision {
            at: hold.since,
            what: What::Held,
            about: hold.to_string(),
            by: hold.by.clone(),
            reason: Some(hold.reason.clone()),
            id: Some(hold.id.clone()),
        }
    }

    pub fn hold_ended(hold: &Hold, by: &str, at: Timestamp) -> Decision {
        Decision {
            what: What::HoldEnded,
            at,
            by: by.to_string(),
            reason: None,
            ..Decision::held(hold)
        }
    }

    /// What limits held of somebody, or of everybody.
    pub fn released(about: String, by: &str, at: Timestamp) -> Decision {
        Decision {
            at,
            what: What::Released,
            about,
            by: by.to_string(),
            reason: None,
            id: None,
        }
    }
}
