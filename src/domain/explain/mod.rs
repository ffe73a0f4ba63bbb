//! Why an account is as it is: one sentence, and the chain of inputs behind it. Said from the same facts as a plan is made of, so
//! that it is no guess about what the job does.

mod attribute;
mod sentence;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

pub use attribute::{Attribute, Input, LastChange};
pub use sentence::minute;

use super::account::{Account, Anchor};
use super::finding::{Finding, Weight};
use super::guard::Held;
use super::hold::{Hold, Until};
use super::link::{Link, Situation};
use super::mapping::{Mapping, Role};
use super::plan::{Effect, Kept, Moment, Pending, Planned, Receipt};
use super::policy::Policy;
use super::scope::Refusal;
use super::worker::Worker;

/// What is known when somebody asks.
pub struct Known<'k> {
    pub policy: &'k Policy,
    /// As planning sees the worker, at the moment.
    pub worker: &'k Worker,
    pub moment: &'k Moment,
    /// The plan and what limits take out of it; or why the target could not be asked.
    pub plan: Result<(&'k Planned, &'k [Held]), String>,
    pub link: Option<&'k Link>,
    /// Those that are in force.
    pub holds: &'k [Hold],
    /// What was done to the account, newest first: (cycle, receipt).
    pub receipts: &'k [(String, Receipt)],
    /// The names that would be given among candidates: (attribute, value).
    pub names: &'k [(String, String)],
    pub standing: Standing,
}

/// Where the job and the worker stand.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The job is stopped by somebody.
    pub is_stopped: bool,
    /// Why the job does nothing at all at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
    /// HR has not been read whole yet, and nobody is planned before that.
    pub source_unread: bool,
    /// Operations in uploads that were not taken in yet, about whomever.
    pub unheard: i64,
    /// When the worker is looked at next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_look: Option<Timestamp>,
    /// Why: `said`, `reference`, `revisit`, `retry`, `held`, `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cause: Option<String>,
    /// The refusal that the last change met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refused>,
    /// What the log says last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged: Option<Logged>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    pub code: String,
    pub reason: String,
    pub attempts: i32,
    /// When it is tried again; not before HR says something else where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Logged {
    pub at: Timestamp,
    pub cycle: String,
    pub action: String,
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub sentence: String,
    pub at: Timestamp,
    pub schema_version: i64,
    pub worker: Who,
    /// Why the target could not be asked; then all that is said of the account is what is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub situation: Option<How>,
    pub in_scope: bool,
    /// The clauses that turned the worker away.
    pub refusals: Vec<Refusal>,
    pub state: State,
    /// What would be done now.
    pub effects: Vec<Effect>,
    pub held: Vec<Kept>,
    pub findings: Vec<Finding>,
    pub holds: Vec<Hold>,
    /// What has to happen first.
    pub waits: Vec<Wait>,
    #[serde(flatten)]
    pub standing: Standing,
    /// What was done last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Done>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<Attribute>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// HR's own key.
    pub id: String,
    pub name: Option<String>,
    /// HR says that the record is gone, or shows it no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    pub anchor: Anchor,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// How the account was found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct How {
    /// `linked`, `unlinked` (by its matching value), `unmatched`, `disputed`, `claimed`, `gone`.
    pub word: &'static str,
    /// The matching attribute that found it, or did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The other worker whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Enabled or disabled: what HR wants, and from what.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<bool>,
    /// What the mapping of the state reads.
    pub inputs: Vec<Input>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wait {
    /// `limit`, `hold`, `manager`, `date`, `source`, `target`, `job`, `hr`.
    pub on: &'static str,
    pub why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    pub at: Timestamp,
    pub cycle: String,
    pub effects: Vec<Effect>,
}

/// Answers for a worker, or for one attribute of the account.
pub fn explain(known: &Known<'_>, attribute: Option<&str>) -> Explanation {
    let attribute = attribute.map(|name| attribute::explain(known, name));
    let planned = known.planned();
    let sentence = match &attribute {
        Some(attribute) => sentence::of_attribute(known, attribute),
        None => sentence::of_worker(known),
    };
    let scope = &known.policy.schema.scope;
    Explanation {
        sentence,
        at: known.moment.now,
        schema_version: known.policy.version,
        worker: Who {
            id: known.worker.anchor.clone(),
            name: known.worker.display_name().map(|name| name.into_owned()),
            gone: known.worker.gone,
            hidden: known.worker.hidden,
        },
        target_error: known.plan.as_ref().err().cloned(),
        account: known.shown(),
        situation: planned.map(|planned| how(&planned.situation)),
        in_scope: scope.reads(known.worker).is_ok() && scope.admits(known.worker).is_ok(),
        refusals: scope.refusals(known.worker),
        state: State {
            wanted: planned.and_then(|planned| planned.wanted),
            is: known.account().and_then(|account| account.enabled),
            inputs: known
                .policy
                .mapping(Role::State)
                .map(|mapping| attribute::inputs(known, mapping))
                .unwrap_or_default(),
        },
        effects: planned.map_or_else(Vec::new, |planned| planned.change.effects.clone()),
        held: known.held().iter().map(Kept::from).collect(),
        findings: planned.map_or_else(Vec::new, |planned| planned.findings.clone()),
        holds: known.holds.to_vec(),
        waits: waits(known),
        standing: known.standing.clone(),
        last: known.receipts.first().map(|(cycle, receipt)| Done {
            at: receipt.at,
            cycle: cycle.clone(),
            effects: receipt.done.clone(),
        }),
        attribute,
    }
}

impl<'k> Known<'k> {
    fn planned(&self) -> Option<&'k Planned> {
        self.plan.as_ref().ok().map(|(planned, _)| *planned)
    }

    fn held(&self) -> &'k [Held] {
        self.plan.as_ref().map_or(&[], |(_, held)| *held)
    }

    fn account(&self) -> Option<&'k Account> {
        self.planned()?.situation.account()
    }

    fn name(&self) -> String {
        match self.worker.display_name() {
            Some(name) => name.into_owned(),
            None => format!("worker {}", self.worker.anchor),
        }
    }

    fn shown(&self) -> Option<Shown> {
        if let Some(account) = self.account() {
            return Some(Shown {
                anchor: account.anchor.clone(),
                address: Some(account.address.clone()),
                enabled: account.enabled,
                deleted: account.deleted,
            });
        }
        let link = self.link.filter(|_| self.planned().is_none())?;
        let written = self.receipts.iter().find(|(_, one)| one.account == link.account);
        Some(Shown {
            anchor: link.account.clone(),
            address: written.map(|(_, receipt)| receipt.address.clone()),
            enabled: link.enabled,
            deleted: false,
        })
    }

    /// The finding because of which nothing is done at all.
    fn obstacle(&self) -> Option<&'k Finding> {
        let planned = self.planned()?;
        if !planned.change.effects.is_empty() || !self.held().is_empty() {
            return None;
        }
        let whole = planned.findings.iter().filter(|one| one.attribute.is_none());
        let heaviest = [Weight::Failure, Weight::Warning, Weight::Skip];
        heaviest
            .into_iter()
            .find_map(|weight| whole.clone().find(|one| one.weight == weight))
    }

    /// The hold that keeps what a mapping would do.
    fn hold_on(&self, mapping: &Mapping) -> Option<&'k Hold> {
        let effect = effect_name(mapping);
        let leaves = mapping.role == Role::State && self.planned()?.wanted == Some(false);
        self.holds.iter().find(|hold| {
            let names = |some: &BTreeSet<String>| some.contains(effect);
            (!leaves || hold.disables) && hold.attributes.as_ref().is_none_or(names)
        })
    }
}

impl From<&Held> for Kept {
    fn from(held: &Held) -> Kept {
        Kept {
            action: held.action.to_string(),
            limit: held.limit,
            effect: held.effect.clone(),
        }
    }
}

/// What [`Effect::attribute`] calls that which a mapping does.
fn effect_name(mapping: &Mapping) -> &str {
    match mapping.role {
        Role::State => "enabled",
        Role::Name => "name",
        Role::Container => "container",
        Role::Plain | Role::Reference | Role::Password => &mapping.target,
    }
}

fn how(situation: &Situation) -> How {
    let (word, by, owner) = match situation {
        Situation::Linked(_) => ("linked", None, None),
        Situation::Unlinked { by, .. } => ("unlinked", Some(by), None),
        Situation::Unmatched => ("unmatched", None, None),
        Situation::Disputed { by, .. } => ("disputed", Some(by), None),
        Situation::Claimed { by, owner, .. } => ("claimed", Some(by), Some(owner)),
        Situation::Gone(_) => ("gone", None, None),
    };
    How {
        word,
        by: by.cloned(),
        owner: owner.cloned(),
    }
}

fn waits(known: &Known<'_>) -> Vec<Wait> {
    let wait = |on, why: String, until| Wait { on, why, until };
    let mut waits = Vec::new();
    if let Err(error) = &known.plan {
        waits.push(wait(
            "target",
            format!("the target did not answer: {error}"),
            None,
        ));
    }
    if known.standing.source_unread {
        let why = "HR has not been read whole yet, and nobody is planned before that";
        waits.push(wait("source", why.into(), None));
    }
    if known.standing.unheard > 0 {
        let why = format!(
            "{} operations of uploads were not taken in yet",
            known.standing.unheard
        );
        waits.push(wait("source", why, None));
    }
    if known.standing.is_stopped {
        waits.push(wait("job", "the job is stopped: start it".into(), None));
    }
    if let Some(quarantine) = &known.standing.quarantine {
        waits.push(wait("job", quarantine.clone(), None));
    }
    for held in known.held() {
        let why = format!("{}: {} at most in 24 hours", held.action, held.limit);
        waits.push(wait("limit", why, None));
    }
    for hold in known.holds {
        let until = match hold.until {
            Until::At(at) => Some(at),
            Until::Changed { .. } | Until::Lifted => None,
        };
        waits.push(wait("hold", sentence::of_hold(hold), until));
    }
    if let Some(refusal) = &known.standing.refusal {
        let why = format!("{}: {}", refusal.code, refusal.reason);
        let on = if refusal.next.is_none() { "hr" } else { "target" };
        waits.push(wait(on, why, refusal.next));
    }
    if let Some(planned) = known.planned() {
        let pending = planned.pending.iter();
        waits.extend(pending.map(|one| wait("manager", waits_for(one), None)));
        if let Some(at) = planned.revisit {
            let why = "a date or the clock may make something else of it";
            waits.push(wait("date", why.into(), Some(at)));
        }
    }
    waits
}

fn waits_for(pending: &Pending) -> String {
    format!("{}: worker {} has no account yet", pending.attribute, pending.to)
}
