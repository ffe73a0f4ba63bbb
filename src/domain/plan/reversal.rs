//! The way back (B28): what takes back what receipts say was done, as far as nobody has changed it since.

use std::collections::BTreeMap;

use super::{Effect, Receipt};
use crate::domain::account::{Account, Anchor};
use crate::domain::dn;

/// What is written to take it back, and what somebody changed since: attribute and why.
#[derive(Debug, Default, PartialEq)]
pub struct Reversal {
    pub effects: Vec<Effect>,
    pub moved: Vec<(String, String)>,
}

/// What receipts did to one attribute, all together.
struct Net {
    before: Vec<String>,
    after: Vec<String>,
    is_reference: bool,
}

const ENABLED: &str = "enabled";
const NAME: &str = "name";
const CONTAINER: &str = "container";

/// Receipts of one account, oldest first, taken back. An account that was made is disabled, and deleted only if `delete`.
pub fn reversal(receipts: &[Receipt], account: &Account, delete: bool) -> Reversal {
    let mut reversal = Reversal::default();
    let mut done: Vec<&Effect> = receipts.iter().flat_map(|receipt| &receipt.done).collect();
    // What comes before its making was done to another, and so was what ended with a delete before it was found.
    let is_next =
        |pair: &[&Effect]| pair[1].is_create() || *pair[0] == Effect::Delete && *pair[1] != Effect::Restore;
    if let Some(before) = done.windows(2).rposition(is_next) {
        done.drain(..=before);
    }
    match existence(&done) {
        Existence::Begun => {
            match (delete, account.enabled) {
                (true, _) => reversal.effects.push(Effect::Delete),
                (false, Some(true)) => reversal.effects.push(Effect::Disable),
                (false, _) => {}
            }
            return reversal;
        }
        Existence::Ended => {
            match account.deleted {
                true => reversal.effects.push(Effect::Restore),
                false => reversal
                    .moved
                    .push(("account".into(), "it is not deleted any more".into())),
            }
            return reversal;
        }
        Existence::AsItWas => {}
    }
    for (attribute, net) in nets(&done) {
        let held = held(account, &attribute);
        if held == net.before {
            continue;
        }
        if !is_same(&attribute, &held, &net.after) {
            let message = format!("it was given {}, and is {} now", shown(&net.after), shown(&held));
            reversal.moved.push((attribute, message));
            continue;
        }
        reversal.effects.push(back(attribute, net));
    }
    // In the order in which changes are written: a disable first, a move last.
    reversal.effects.sort_by_key(|effect| match effect {
        Effect::Disable => 0,
        Effect::Enable => 2,
        Effect::Rename { .. } => 3,
        Effect::Move { .. } => 4,
        _ => 1,
    });
    reversal
}

/// Whether there was an account before, and is one now.
enum Existence {
    AsItWas,
    Begun,
    Ended,
}

fn existence(done: &[&Effect]) -> Existence {
    let turns = || {
        let begins = |effect: &&&Effect| effect.is_create() || ***effect == Effect::Restore;
        done.iter()
            .filter(move |effect| begins(effect) || ***effect == Effect::Delete)
            .map(move |effect| begins(&effect))
    };
    match (turns().next(), turns().next_back()) {
        (Some(true), Some(true)) => Existence::Begun,
        (Some(false), Some(false)) => Existence::Ended,
        _ => Existence::AsItWas,
    }
}

fn nets(done: &[&Effect]) -> BTreeMap<String, Net> {
    let mut nets: BTreeMap<String, Net> = BTreeMap::new();
    let mut add = |attribute: &str, before: Vec<String>, after: Vec<String>, is_reference: bool| {
        let net = nets.entry(attribute.to_string()).or_insert_with(|| Net {
            before,
            after: Vec::new(),
            is_reference,
        });
        net.after = after;
    };
    let anchor = |anchor: &Option<Anchor>| anchor.iter().map(|one| one.0.clone()).collect();
    let flag = |flag: bool| vec![flag.to_string()];
    for effect in done {
        match effect {
            Effect::Set {
                attribute,
                before,
                after,
            } => add(attribute, before.clone(), after.clone(), false),
            Effect::Refer {
                attribute,
                before,
                after,
            } => add(attribute, anchor(before), anchor(after), true),
            Effect::Rename { before, after } => add(NAME, vec![before.clone()], vec![after.clone()], false),
            Effect::Move { before, after } => {
                add(CONTAINER, vec![before.clone()], vec![after.clone()], false)
            }
            Effect::Disable => add(ENABLED, flag(true), flag(false), false),
            Effect::Enable => add(ENABLED, flag(false), flag(true), false),
            // Nobody knows the password before.
            Effect::Password { .. } | Effect::Create { .. } | Effect::Restore | Effect::Delete => {}
        }
    }
    nets
}

/// What the account has now of what effects call so.
fn held(account: &Account, attribute: &str) -> Vec<String> {
    match attribute {
        ENABLED => account.enabled.iter().map(ToString::to_string).collect(),
        NAME => dn::own_name(&account.address).into_iter().collect(),
        CONTAINER => dn::parent(&account.address)
            .iter()
            .map(ToString::to_string)
            .collect(),
        attribute => account.values.get(attribute).cloned().unwrap_or_default(),
    }
}

fn is_same(attribute: &str, held: &[String], after: &[String]) -> bool {
    match (attribute, held.first(), after.first()) {
        (CONTAINER, Some(held), Some(after)) => dn::same(held, after),
        // Directories give several values in any order.
        _ => held.len() == after.len() && held.iter().all(|value| after.contains(value)),
    }
}

fn back(attribute: String, net: Net) -> Effect {
    let first = |values: &[String]| values.first().cloned().unwrap_or_default();
    match attribute.as_str() {
        ENABLED if net.before == ["true"] => Effect::Enable,
        ENABLED => Effect::Disable,
        NAME => Effect::Rename {
            before: first(&net.after),
            after: first(&net.before),
        },
        CONTAINER => Effect::Move {
            before: first(&net.after),
            after: first(&net.before),
        },
        _ if net.is_reference => Effect::Refer {
            attribute,
            before: net.after.into_iter().next().map(Anchor),
            after: net.before.into_iter().next().map(Anchor),
        },
        _ => Effect::Set {
            attribute,
            before: net.after,
            after: net.before,
        },
    }
}

fn shown(values: &[String]) -> String {
    match values {
        [] => "nothing".into(),
        values => format!("'{}'", values.join("', '")),
    }
}
