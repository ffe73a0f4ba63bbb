//! Callbacks: somebody says what of a person is to go home to HR now, ahead of the directory (B30).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a callback may name of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Member {
    Email,
    UserName,
    Landline,
    Mobile,
}

/// What one callback says of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub who: Who,
    pub values: BTreeMap<Member, String>,
}

/// Whom it is about: whoever has all that is named here, one of them at least.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// What the job joins people by.
    pub worker: Option<String>,
    pub principal: Option<String>,
}

impl Member {
    /// As callers write it.
    pub fn name(self) -> &'static str {
        match self {
            Member::Email => "email",
            Member::UserName => "userName",
            Member::Landline => "phones of type landline",
            Member::Mobile => "phones of type mobile",
        }
    }
}
