//! What is to be done to one account, and what was done: the values that planning hands to a connector.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::account::{Anchor, Model, Values};
use crate::domain::handover::Drawn;

pub type ChangeId = Uuid;

/// What is to be done to one account, complete: whoever applies it makes no decisions. Without effects it
/// says that there is nothing to do, which is an answer too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub id: ChangeId,
    /// The worker's source anchor.
    pub worker: String,
    /// The account it is for; `None` when the first effect creates it.
    pub account: Option<Anchor>,
    /// In the order in which they are to be written: a disable first (B13), a move last.
    pub effects: Vec<Effect>,
}

impl Change {
    /// It makes an account.
    pub fn creates(&self) -> bool {
        self.effects.iter().any(Effect::is_create)
    }

    /// What the changes that came after this one, first to last, show of one of its effects: whether it was done; `None` where
    /// none says anything of it.
    pub fn shown_by<'c>(&self, effect: &Effect, later: impl Iterator<Item = &'c Change>) -> Option<bool> {
        let is_same = |other: &&Change| {
            let (this, other) = (self.account.as_ref(), other.account.as_ref());
            this.is_none() || other.is_none() || this == other
        };
        let mut later = later.filter(is_same).flat_map(|change| &change.effects);
        later.find_map(|later| effect.shown_by(later))
    }
}

/// One thing done to an account. `before` is a precondition (B27): where it no longer holds, nothing is
/// written and the worker is planned anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "camelCase")]
pub enum Effect {
    /// Makes the account whole: values, place and state, with a password drawn when it is written.
    Create {
        values: Values,
        container: Option<String>,
        enabled: bool,
        #[serde(default)]
        password: Recipe,
    },
    /// Takes a deleted account back out of the target's bin, as it was.
    Restore,
    Disable,
    Enable,
    /// Gives the account another password, which nobody knows.
    Password {
        password: Recipe,
    },
    /// No values after = the attribute is removed, never set to an empty string.
    Set {
        attribute: String,
        before: Vec<String>,
        after: Vec<String>,
    },
    /// Points a reference at another account, or at none.
    Refer {
        attribute: String,
        before: Option<Anchor>,
        after: Option<Anchor>,
    },
    /// Gives the object another name inside its container.
    Rename {
        before: String,
        after: String,
    },
    /// Puts it into another container.
    Move {
        before: String,
        after: String,
    },
    Delete,
}

/// How a password is drawn when it is written. What comes of it is in no plan, log or database (B29).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipe {
    /// An expression that asks nothing of the worker; `None` for characters of all four classes.
    pub expression: Option<String>,
    /// Characters, where no expression says more.
    pub length: usize,
    /// The person has to choose another at the first sign-in.
    pub change_at_logon: bool,
    /// Whoever hands it over is told, sealed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handover: bool,
    /// What was drawn for whoever hands it over; only while it is being written.
    #[serde(skip)]
    pub drawn: Option<Box<Drawn>>,
}

impl Default for Recipe {
    /// Longer than any policy asks for; the chance that a part of the person's name turns up is nil.
    fn default() -> Recipe {
        Recipe {
            expression: None,
            length: 32,
            change_at_logon: false,
            handover: false,
            drawn: None,
        }
    }
}

/// What one write did, with the values before it: the evidence, and the way back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub change: ChangeId,
    pub account: Anchor,
    /// The account's readable address afterwards (its DN).
    pub address: String,
    /// The controller that took the write.
    pub endpoint: String,
    /// The effects that happened, in order.
    pub done: Vec<Effect>,
    pub at: Timestamp,
    /// Where the target made an event of its own of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<HrEvent>,
}

/// A business process of HR's that a write began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HrEvent {
    /// HR's own name for it, by which people find it there.
    pub id: String,
    /// It was begun and may wait for somebody's approval: what the receipt calls done holds only when that is given, and
    /// until then the account shows the values before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
}

impl Receipt {
    /// One receipt for what two attempts at the same worker did. Once an account was deleted there is another.
    pub fn then(mut self, later: Receipt) -> Receipt {
        self.account = later.account;
        self.done.extend(later.done);
        self.address = later.address;
        self.at = later.at;
        self.event = later.event.or(self.event);
        self
    }

    /// The account is gone for good: nothing is left to be linked to.
    pub fn ends_link(&self, model: &Model) -> bool {
        !model.bin && self.done.last() == Some(&Effect::Delete)
    }

    /// What was done to the account that there is by now: after one that was deleted for good there is another.
    pub fn since_delete(&self, model: &Model) -> &[Effect] {
        let deleted = self.done.iter().rposition(|effect| *effect == Effect::Delete);
        let since = deleted.filter(|_| !model.bin).map_or(0, |at| at + 1);
        &self.done[since..]
    }

    pub fn has(&self, effect: impl Fn(&Effect) -> bool) -> bool {
        self.done.iter().any(effect)
    }
}

impl Effect {
    pub fn is_create(&self) -> bool {
        matches!(self, Effect::Create { .. })
    }

    /// What a later effect on the account shows of this one: whether its plan found this done; `None` where it is about something
    /// else.
    fn shown_by(&self, later: &Effect) -> Option<bool> {
        match (self, later) {
            (
                Effect::Set {
                    attribute, before, ..
                },
                Effect::Set {
                    attribute: other,
                    before: found,
                    ..
                },
            ) if attribute == other => Some(before != found),
            (
                Effect::Refer {
                    attribute, before, ..
                },
                Effect::Refer {
                    attribute: other,
                    before: found,
                    ..
                },
            ) if attribute == other => Some(before != found),
            (Effect::Rename { before, .. }, Effect::Rename { before: found, .. })
            | (Effect::Move { before, .. }, Effect::Move { before: found, .. }) => Some(before != found),
            (Effect::Disable | Effect::Enable, Effect::Disable | Effect::Enable)
            | (Effect::Delete | Effect::Restore, Effect::Delete | Effect::Restore) => Some(self != later),
            // Only one that is there is changed, and only one that is not there is made.
            (Effect::Create { .. }, later) => Some(!later.is_create()),
            (Effect::Delete, Effect::Create { .. }) => Some(true),
            _ => None,
        }
    }

    /// What an account is made with, where this makes one.
    pub fn created(&self) -> Option<&Values> {
        match self {
            Effect::Create { values, .. } => Some(values),
            _ => None,
        }
    }
}
