//! Finding whose account is whose (B7): what must be asked of the target, and what the answer means.

use super::account::{Account, Anchor};
use super::link::{Link, Situation};
use super::mapping::{Desired, Mapping};
use super::plan::Moment;
use super::policy::Policy;
use super::worker::Worker;

/// What looking for one worker's account brought back.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The matching attribute that was asked for; `None` when the account was read by its link.
    pub by: Option<String>,
    pub accounts: Vec<Account>,
    /// The other worker to whom the only candidate, or the value itself, already belongs.
    pub owner: Option<String>,
}

/// The values by which this worker's account can be recognised, most trusted attribute first.
pub fn keys<'p>(policy: &'p Policy, worker: &Worker, moment: &Moment) -> Vec<(&'p Mapping, String)> {
    policy
        .matching()
        .filter_map(|mapping| match moment.desired(policy, worker, mapping) {
            Ok(Desired::Values(values)) => Some((mapping, values.into_iter().next()?.into_owned())),
            _ => None,
        })
        .collect()
}

/// Reads the answer. Several candidates, a contradiction or another's account are findings, never guesses.
pub fn situation(link: Option<&Link>, found: &Found, keys: &[(&Mapping, String)]) -> Situation {
    let Some(by) = &found.by else {
        return match (link, found.accounts.first()) {
            (Some(_), Some(account)) => Situation::Linked(Box::new(account.clone())),
            (Some(link), None) => Situation::Gone(link.account.clone()),
            (None, _) => Situation::Unmatched,
        };
    };
    match (found.accounts.as_slice(), &found.owner) {
        ([], None) => Situation::Unmatched,
        ([], Some(owner)) => Situation::Claimed {
            by: by.clone(),
            account: None,
            owner: owner.clone(),
        },
        ([account], Some(owner)) => Situation::Claimed {
            by: by.clone(),
            account: Some(account.anchor.clone()),
            owner: owner.clone(),
        },
        ([account], None) if !contradicts(account, by, keys) => Situation::Unlinked {
            account: Box::new(account.clone()),
            by: by.clone(),
        },
        (candidates, _) => Situation::Disputed {
            by: by.clone(),
            candidates: anchors(candidates),
        },
    }
}

/// A more trusted attribute of the candidate holds somebody else's value.
fn contradicts(account: &Account, by: &str, keys: &[(&Mapping, String)]) -> bool {
    keys.iter()
        .take_while(|(mapping, _)| mapping.target != by)
        .any(|(mapping, wanted)| {
            account
                .first(&mapping.target)
                .is_some_and(|held| !mapping.agrees(&[held.to_string()], std::slice::from_ref(wanted)))
        })
}

fn anchors(accounts: &[Account]) -> Vec<Anchor> {
    accounts.iter().map(|account| account.anchor.clone()).collect()
}
