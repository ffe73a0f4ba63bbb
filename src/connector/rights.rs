//! What a service account may do, held against what it is there for (B31).

use serde::Serialize;

use crate::domain::policy::Policy;
use crate::domain::schema::Schema;

/// What one app does with a system.
#[derive(Clone, Copy)]
pub struct Duty<'a> {
    /// The app, as reports name it.
    pub app: &'a str,
    pub work: Work<'a>,
    /// The app's `never`.
    pub never: Option<&'a str>,
}

#[derive(Clone, Copy)]
pub enum Work<'a> {
    /// Accounts are made and kept in step.
    Writes(&'a Policy),
    /// Workers are read from it.
    Reads(&'a Schema),
}

impl<'a> Duty<'a> {
    pub(super) fn writes(self) -> Option<(&'a str, &'a Policy)> {
        match self.work {
            Work::Writes(policy) => Some((self.app, policy)),
            Work::Reads(_) => None,
        }
    }
}

/// What was found of one system's service account.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rights {
    /// Whom the system takes us for.
    pub account: String,
    /// Why it has power over everything, whatever it was granted: the protected groups it is in.
    pub privileged: Vec<String>,
    /// The config wants it so.
    pub privileged_allowed: bool,
    pub missing: Vec<Missing>,
    pub excess: Vec<Excess>,
    /// What cannot be told, or has to be looked at by hand.
    pub notes: Vec<String>,
}

/// A right that is needed and not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    pub app: String,
    /// On what: the DN of a container or an account; empty where rights have no place.
    pub place: String,
    /// `create users`, `write`, a permission of Graph's.
    pub right: String,
    /// What of an account it is for, by the directory's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The mapped attributes that need it.
    pub attributes: Vec<String>,
    /// What fails for lack of it.
    pub consequence: String,
}

/// A right that is there, and nothing needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Excess {
    pub place: String,
    pub right: String,
    /// Who has it: the account itself, or a group that it is in.
    pub through: String,
}

impl Rights {
    /// Nobody should be let in like this.
    pub fn is_refused(&self) -> bool {
        !self.privileged.is_empty() && !self.privileged_allowed
    }
}

/// The tool for which delegations are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Windows.
    Dsacls,
    SambaTool,
}
