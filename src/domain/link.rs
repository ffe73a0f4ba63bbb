//! A link remembers which account is whose, and a situation says what looking for the account found.

use serde::{Deserialize, Serialize};

use super::account::{Account, Anchor};

/// Graph's objectConnection: source anchor ↔ target anchor, within one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub worker: String,
    pub account: Anchor,
    /// Moves by compare-and-set; a plan made from an older generation is stale.
    pub generation: i64,
    /// This job created the account; it did not find it.
    pub made: bool,
    /// The last state that HR wanted and a plan carried out or found in place; `None` until one did.
    pub wanted: Option<bool>,
    /// The account's last change of state was our own receipt's disable (B11).
    pub disabled_by_us: bool,
    /// Enabled as last seen, for the guard's N (B16).
    pub enabled: Option<bool>,
}

/// What looking for a worker's account found (B7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Situation {
    /// Remembered, and there.
    Linked(Box<Account>),
    /// Exactly one account carries the matching value and belongs to nobody else.
    Unlinked { account: Box<Account>, by: String },
    /// Nobody carries it.
    Unmatched,
    /// Several carry it, or the one candidate contradicts a matching attribute of higher precedence.
    Disputed { by: String, candidates: Vec<Anchor> },
    /// The one candidate is another worker's.
    Claimed {
        by: String,
        account: Anchor,
        owner: String,
    },
    /// Remembered, and not there any more (B10).
    Gone(Anchor),
}

impl Situation {
    pub fn account(&self) -> Option<&Account> {
        match self {
            Situation::Linked(account) | Situation::Unlinked { account, .. } => Some(account),
            _ => None,
        }
    }
}
