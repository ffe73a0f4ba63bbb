//! Several jobs may have to do with one account, and one of them owns it (B8): only that one enables, disables, renames, moves,
//! deletes and restores it. The others write what nobody else writes.

use std::collections::BTreeMap;

use super::finding::{Finding, Weight};
use super::mapping::{Flow, Mapping, Role};
use super::plan::Effect;
use super::policy::Policy;

/// What the other jobs have to do with a worker's account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// The one that owns it.
    pub owner: Option<Owner>,
    /// The one that is making it just now.
    pub maker: Option<Owner>,
    /// The job from which this one takes the account over disabled it on HR's word: so it may be enabled again (B11).
    pub turned: bool,
    /// Nobody knows yet what came of something that another job sent: it may be otherwise in a minute.
    pub unsettled: bool,
    /// Attributes that others write, and the apps that do.
    pub written: BTreeMap<String, String>,
}

/// Another job, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub app: String,
    pub job: String,
    /// It does nothing before somebody starts it.
    pub rests: bool,
}

impl Owner {
    /// What is due of a job that rests is said aloud: nobody else may do it.
    pub fn resting(&self, what: &str) -> Finding {
        let message = format!(
            "{what} the job {} ('{}'), which is paused or was never started: start it",
            self.job, self.app
        );
        Finding::new(Weight::Failure, "OwnerPaused", message)
    }
}

/// Whether a job may own accounts: it makes them, and can do to them what only their owner does.
pub fn may_own(policy: &Policy) -> bool {
    policy.schema.flow_types.add && policy.schema.flow_types.update
}

/// The attributes that a job writes into accounts that exist.
pub fn written(policy: &Policy) -> impl Iterator<Item = &str> {
    let mappings = policy.schema.mappings.iter().filter(|mapping| {
        policy.schema.flow_types.update
            && mapping.flow != Flow::ObjectAddOnly
            && matches!(mapping.role, Role::Plain | Role::Reference)
    });
    mappings.map(|mapping| mapping.target.as_str())
}

/// What two jobs both change in an account that both find, but for what they find it by.
pub fn mapped_by_both<'p>(one: &'p Policy, other: &'p Policy) -> Vec<&'p str> {
    let others: Vec<&str> = changed(other).collect();
    changed(one)
        .filter(|attribute| others.contains(attribute))
        .collect()
}

fn changed(policy: &Policy) -> impl Iterator<Item = &str> {
    let mappings = policy.schema.mappings.iter().filter(|mapping| {
        policy.schema.flow_types.update
            && mapping.flow != Flow::ObjectAddOnly
            && mapping.matching.is_none()
            && mapping.role != Role::Password
    });
    mappings.map(|mapping| mapping.target.as_str())
}

/// Two jobs that make accounts out of what two systems call people, and find them by the same: the values that are alike, though
/// the people are not.
pub fn found_alike<'p>(one: &'p Policy, other: &'p Policy) -> Vec<&'p str> {
    let alike = |mapping: &&Mapping| {
        other
            .matching()
            .any(|its| its.target == mapping.target && its.expression == mapping.expression)
    };
    one.matching()
        .filter(alike)
        .map(|mapping| mapping.target.as_str())
        .collect()
}

impl Others {
    /// Takes out of a plan what is another job's to do, and says whose.
    pub fn leave(&self, effects: &mut Vec<Effect>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(owner) = &self.owner {
            let is_shut = |effect: &Effect| matches!(effect, Effect::Disable | Effect::Delete);
            let is_urgent = owner.rests && effects.iter().any(is_shut);
            let mut left = Vec::new();
            effects.retain(|effect| match deed(effect) {
                Some(deed) => {
                    left.push(deed);
                    false
                }
                None => true,
            });
            let deeds: Vec<&str> = left.into_iter().filter(|deed| !deed.is_empty()).collect();
            if is_urgent {
                let what = format!("only its owner may {} the account:", deeds.join(" and "));
                findings.push(owner.resting(&what));
            } else if !deeds.is_empty() {
                let message = format!(
                    "the account belongs to the job {} ('{}'), and only that may {} it: correct what one of the two jobs maps, or leave this person out of the scope of one",
                    owner.job,
                    owner.app,
                    deeds.join(" and "),
                );
                findings.push(Finding::new(Weight::Warning, "OwnedByAnotherJob", message));
            }
        }
        effects.retain(|effect| {
            let (Effect::Set { attribute, .. } | Effect::Refer { attribute, .. }) = effect else {
                return true;
            };
            let Some(app) = self.written.get(attribute) else {
                return true;
            };
            let message = format!("'{app}' writes this attribute of the account, too: take the mapping out of one of the two apps");
            findings.push(Finding::new(Weight::Warning, "MappedByAnotherJob", message).on(attribute.clone()));
            false
        });
        findings
    }
}

/// Whether only the owner does any of this.
pub fn is_owners(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| deed(effect).is_some())
}

/// What only the owner does, in a word; empty for what goes along with it.
fn deed(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::Disable => Some("disable"),
        Effect::Enable => Some("enable"),
        Effect::Restore => Some("restore"),
        Effect::Delete => Some("delete"),
        Effect::Rename { .. } => Some("rename"),
        Effect::Move { .. } => Some("move"),
        Effect::Password { .. } => Some(""),
        Effect::Create { .. } | Effect::Set { .. } | Effect::Refer { .. } => None,
    }
}
