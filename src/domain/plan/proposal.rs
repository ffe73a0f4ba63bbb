//! What a plan that is kept says of one worker: everything that would be done, and of every value where it comes from. It is
//! carried out exactly so, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Effect, Pending, Planned};
use crate::domain::account::Anchor;
use crate::domain::finding::{Finding, Weight};
use crate::domain::guard::{Action, Held};
use crate::domain::link::Situation;
use crate::domain::mapping::{Mapping, Role};
use crate::domain::policy::Policy;
use crate::domain::worker::Worker;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// The worker's source anchor.
    pub worker: String,
    pub name: Option<String>,
    /// How the account was found: `linked`, `unlinked` (by its matching value), `unmatched`, `disputed`, `claimed`, `gone`.
    pub situation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Anchor>,
    /// The account's readable address (its DN, its user principal name).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub effects: Vec<Effect>,
    /// What a limit keeps back (B16): it is not done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Kept>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// References to workers who have no account yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
    /// What HR says, of all that the mappings of these effects read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub action: String,
    pub limit: u64,
    pub effect: Effect,
}

/// Where a proposal does not hold any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub worker: String,
    pub name: Option<String>,
    /// The target's attribute; `None` where the account itself is another.
    pub attribute: Option<String>,
    pub message: String,
}

impl Proposal {
    /// `None` where nothing is to be done, and nothing is wrong.
    pub fn of(policy: &Policy, worker: &Worker, planned: &Planned, held: &[Held]) -> Option<Proposal> {
        let whole = Proposal::whole(policy, worker, planned, held);
        let says_something =
            !(whole.effects.is_empty() && whole.held.is_empty() && whole.findings.is_empty());
        says_something.then_some(whole)
    }

    /// The same, even of who has nothing to expect.
    pub fn whole(policy: &Policy, worker: &Worker, planned: &Planned, held: &[Held]) -> Proposal {
        let says = |finding: &&Finding| finding.weight >= Weight::Warning;
        let findings: Vec<Finding> = planned.findings.iter().filter(says).cloned().collect();
        let effects = planned.change.effects.clone();
        let account = planned.situation.account();
        let kept = |held: &Held| Kept {
            action: held.action.to_string(),
            limit: held.limit,
            effect: held.effect.clone(),
        };
        let all = effects.iter().chain(held.iter().map(|held| &held.effect));
        let inputs = all.flat_map(|effect| inputs(policy, worker, effect)).collect();
        Proposal {
            worker: worker.anchor.clone(),
            name: worker.display_name().map(|name| name.into_owned()),
            situation: name_of(&planned.situation).into(),
            account: planned.change.account.clone(),
            address: account.map(|account| account.address.clone()),
            held: held.iter().map(kept).collect(),
            pending: planned.pending.clone(),
            effects,
            findings,
            inputs,
        }
    }

    /// The words of the guard, each once: what is done, in short.
    pub fn actions(&self, policy: &Policy) -> BTreeSet<&'static str> {
        let effects = self.effects.iter();
        effects
            .map(|effect| match Action::of(effect, &policy.model) {
                Some(action) => word(&action),
                None => "update",
            })
            .collect()
    }

    /// What is different in the plan that the world gives now. References to accounts that are made by the same plan come in
    /// by themselves once those are there.
    pub fn difference(&self, now: Option<&Proposal>) -> Option<Difference> {
        let differs = |attribute: Option<&str>, message: String| {
            Some(Difference {
                worker: self.worker.clone(),
                name: self.name.clone(),
                attribute: attribute.map(String::from),
                message,
            })
        };
        let nothing: &[Effect] = &[];
        let effects = now.map_or(nothing, |now| &now.effects);
        let is_awaited = |effect: &Effect| match effect {
            Effect::Refer { attribute, .. } => self.pending.iter().any(|one| one.attribute == *attribute),
            _ => false,
        };
        // It is not carried out, whether a limit would still keep it or not.
        let is_held = |effect: &Effect| self.held.iter().any(|kept| kept.effect == *effect);
        let lost = self.effects.iter().find(|effect| !effects.contains(effect));
        let new = effects
            .iter()
            .find(|effect| !self.effects.contains(effect) && !is_awaited(effect) && !is_held(effect));
        let account = now.and_then(|now| now.account.as_ref());
        match (lost, new) {
            (Some(lost), new) => {
                let attribute = lost.attribute();
                let new = new.or_else(|| effects.iter().find(|one| one.attribute() == attribute));
                let instead = new.filter(|new| new.attribute() == attribute);
                let message = match (lost.before(), instead.map(Effect::before)) {
                    (before, Some(found)) if before != found => {
                        format!("it was {}, and is {} now", texts(before), texts(found))
                    }
                    _ if instead.is_some() => "something else is wanted of it now".to_string(),
                    _ => "nothing is to be done about it any more".to_string(),
                };
                differs(attribute, message)
            }
            (None, Some(new)) => differs(
                new.attribute(),
                format!("it is {} now, which the plan does not know", texts(new.before())),
            ),
            (None, None) if !self.effects.is_empty() && account != self.account.as_ref() => {
                differs(None, "the worker has another account now".into())
            }
            (None, None) => None,
        }
    }
}

/// What effects call what each target calls in its own way: an object's name, its place, and whether it is enabled.
pub const NAME: &str = "name";
pub const CONTAINER: &str = "container";
pub const ENABLED: &str = "enabled";

impl Effect {
    /// The one attribute that it is about.
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Effect::Set { attribute, .. } | Effect::Refer { attribute, .. } => Some(attribute),
            Effect::Rename { .. } => Some(NAME),
            Effect::Move { .. } => Some(CONTAINER),
            Effect::Disable | Effect::Enable => Some(ENABLED),
            Effect::Create { .. } | Effect::Restore | Effect::Password { .. } | Effect::Delete => None,
        }
    }

    fn before(&self) -> &[String] {
        match self {
            Effect::Set { before, .. } => before,
            Effect::Rename { before, .. } | Effect::Move { before, .. } => std::slice::from_ref(before),
            _ => &[],
        }
    }
}

fn texts(values: &[String]) -> String {
    match values {
        [] => "nothing".into(),
        values => format!("'{}'", values.join("', '")),
    }
}

fn name_of(situation: &Situation) -> &'static str {
    match situation {
        Situation::Linked(_) => "linked",
        Situation::Unlinked { .. } => "unlinked",
        Situation::Unmatched => "unmatched",
        Situation::Disputed { .. } => "disputed",
        Situation::Claimed { .. } => "claimed",
        Situation::Gone(_) => "gone",
    }
}

fn word(action: &Action) -> &'static str {
    match action {
        Action::Disable => "disable",
        Action::Delete => "delete",
        Action::Enable => "enable",
        Action::Create => "create",
        Action::Move => "move",
        Action::Rename => "rename",
        Action::Overwrite(_) | Action::Clear(_) => "update",
    }
}

/// What HR says of the attributes that the mappings of an effect read; those of which it never said anything are left out.
fn inputs<'w>(
    policy: &'w Policy,
    worker: &'w Worker,
    effect: &'w Effect,
) -> impl Iterator<Item = (String, Vec<String>)> {
    let concerns = move |mapping: &&Mapping| match effect {
        Effect::Create { values, .. } => {
            values.contains_key(&mapping.target) || !matches!(mapping.role, Role::Plain | Role::Password)
        }
        Effect::Disable | Effect::Enable | Effect::Restore | Effect::Delete => mapping.role == Role::State,
        Effect::Rename { .. } => mapping.role == Role::Name,
        Effect::Move { .. } => mapping.role == Role::Container,
        Effect::Set { attribute, .. } | Effect::Refer { attribute, .. } => mapping.target == *attribute,
        Effect::Password { .. } => false,
    };
    let mappings = policy.schema.mappings.iter().filter(concerns);
    let read = mappings.flat_map(|mapping| mapping.expression.iter().flat_map(|one| one.attributes()));
    read.filter_map(|name| {
        let texts = worker.attributes.get(name)?.to_texts();
        Some((
            name.to_string(),
            texts.into_iter().map(|text| text.to_string()).collect(),
        ))
    })
}
