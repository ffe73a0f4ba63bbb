//! A link remembers which account is whose, and a situation says what looking for the account found.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::account::{Account, Anchor, Model, Values};
use super::finding::{Finding, Weight};
use super::plan::{Effect, Planned, Receipt};

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
    /// When that was.
    pub disabled_at: Option<Timestamp>,
    /// Enabled as last seen, for the guard's N (B16); `None` while it is deleted.
    pub enabled: Option<bool>,
    /// What was sent to HR and waits there (B30).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

/// Values that HR took and does not show yet: somebody has to approve them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// HR's own name for the process.
    pub event: String,
    pub since: Timestamp,
    pub values: Values,
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
    /// The one candidate is another worker's, or another worker is about to get an account by the same value.
    Claimed {
        by: String,
        account: Option<Anchor>,
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

impl Link {
    /// The link as it is to be remembered after a plan and what was written of it; `None` while the worker has no
    /// account. Its generation is that of `before`: the store moves it on.
    ///
    /// `at` is when it was written. A deleted account stays linked where the target keeps it in a bin: it is the one to restore (B11).
    pub fn next(
        model: &Model,
        before: Option<&Link>,
        planned: &Planned,
        receipt: Option<&Receipt>,
        at: Timestamp,
    ) -> Option<Link> {
        let done = receipt
            .map(|receipt| receipt.since_delete(model))
            .unwrap_or_default();
        let created = done.iter().find_map(|effect| match effect {
            Effect::Create { enabled, .. } => Some(*enabled),
            _ => None,
        });
        let mut link = match (before, &planned.situation, created, receipt) {
            _ if receipt.is_some_and(|receipt| receipt.ends_link(model)) => {
                return None;
            }
            (Some(link), ..) => link.clone(),
            (None, _, Some(enabled), Some(receipt)) => {
                Link::fresh(planned, &receipt.account, true, Some(enabled))
            }
            // What was written to is this worker's, whatever HR says by now.
            (None, Situation::Unlinked { account, .. }, ..) if joins(planned) || receipt.is_some() => {
                Link::fresh(planned, &account.anchor, false, account.enabled)
            }
            _ => return None,
        };
        // It was linked before anybody knew who made it.
        link.made |= created.is_some();
        if let Some(account) = planned.situation.account() {
            link.enabled = account.enabled.filter(|_| !account.deleted);
            link.waiting = link.waiting.and_then(|waiting| waiting.without(&account.values));
        }
        let sent = receipt.and_then(|receipt| Waiting::of(receipt, model));
        link.waiting = match (sent, link.waiting) {
            (Some(sent), Some(before)) => Some(sent.beside(before)),
            (sent, before) => sent.or(before),
        };
        for effect in done {
            match effect {
                Effect::Disable => link.disabled_at = Some(at),
                Effect::Enable => link.disabled_at = None,
                _ => {}
            }
            (link.enabled, link.disabled_by_us) = match effect {
                Effect::Create { enabled, .. } => (Some(*enabled), !enabled),
                Effect::Disable => (Some(false), true),
                Effect::Enable => (Some(true), false),
                Effect::Delete => (None, true),
                Effect::Restore => (
                    planned.situation.account().and_then(|account| account.enabled),
                    link.disabled_by_us,
                ),
                _ => continue,
            };
        }
        // Somebody else enabled it since: what we once did to it says nothing any more.
        link.disabled_by_us &= link.enabled != Some(true);
        let deleted = planned.situation.account().is_some_and(|account| account.deleted);
        // Somebody else deleted what we had only disabled.
        if deleted && !before.is_some_and(Link::is_deleted_by_us) && !done.contains(&Effect::Delete) {
            link.disabled_by_us = false;
        }
        let state = link.enabled.or(deleted.then_some(false));
        if planned.wanted.is_some() && planned.wanted == state {
            link.wanted = planned.wanted;
        }
        Some(link)
    }

    /// The link to an account that a person says is a worker's.
    pub fn joined(worker: &str, account: &Account) -> Link {
        Link {
            worker: worker.to_string(),
            account: account.anchor.clone(),
            generation: 1,
            made: false,
            wanted: None,
            disabled_by_us: false,
            disabled_at: None,
            enabled: account.enabled.filter(|_| !account.deleted),
            waiting: None,
        }
    }

    /// The account is deleted, in a target where that is not the end of it: nobody can be pointed at it.
    pub fn is_in_bin(&self, bin: bool) -> bool {
        bin && self.enabled.is_none()
    }

    /// We deleted the account, and have not brought it back.
    pub fn is_deleted_by_us(&self) -> bool {
        self.disabled_by_us && self.enabled.is_none()
    }

    /// We made the account, and know of nobody who has enabled it.
    pub fn is_made_shut(&self) -> bool {
        self.made && self.disabled_by_us && self.enabled == Some(false) && self.disabled_at.is_none()
    }

    fn fresh(planned: &Planned, account: &Anchor, made: bool, enabled: Option<bool>) -> Link {
        Link {
            worker: planned.change.worker.clone(),
            account: account.clone(),
            generation: 1,
            made,
            wanted: None,
            disabled_by_us: false,
            disabled_at: None,
            enabled,
            waiting: None,
        }
    }
}

/// The code of a link that leads to no account any more.
pub const GONE: &str = "InvalidAnchor";

/// The code of what was sent and waits for somebody's approval.
pub const UNAPPROVED: &str = "PendingInHr";

/// When HR is asked again what became of it.
pub const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(6);

/// After so long nobody waits for an approval any more, and what is wanted is sent again.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Waiting {
    /// What a receipt says is not live yet.
    fn of(receipt: &Receipt, model: &Model) -> Option<Waiting> {
        let event = receipt.event.as_ref().filter(|event| event.waiting)?;
        let sets = receipt.done.iter().filter_map(|effect| match effect {
            // A name is another operation's, and live at once.
            Effect::Set { attribute, .. } if model.record.is_some_and(|it| it.user_name == attribute) => None,
            Effect::Set { attribute, after, .. } => Some((attribute.clone(), after.clone())),
            _ => None,
        });
        Some(Waiting {
            event: event.id.clone(),
            since: receipt.at,
            values: sets.collect(),
        })
    }

    /// Together with what waited before.
    fn beside(mut self, before: Waiting) -> Waiting {
        for (attribute, after) in before.values {
            self.values.entry(attribute).or_insert(after);
        }
        self
    }

    /// What of it the account does not show.
    fn without(mut self, shown: &Values) -> Option<Waiting> {
        self.values
            .retain(|attribute, after| shown.get(attribute) != Some(after));
        (!self.values.is_empty()).then_some(self)
    }

    /// Whether these values wait to be approved.
    pub fn holds(&self, attribute: &str, after: &[String], now: Timestamp) -> bool {
        let is_patient = now.duration_since(self.since) < PATIENCE;
        is_patient && self.values.get(attribute).is_some_and(|sent| sent == after)
    }
}

/// Whether planning took the found account for the worker's: not where the scope or a filter keeps them apart.
pub fn joins(planned: &Planned) -> bool {
    let skipped = |finding: &Finding| finding.weight == Weight::Skip;
    planned.scope.is_ok() && !planned.findings.iter().any(skipped)
}
