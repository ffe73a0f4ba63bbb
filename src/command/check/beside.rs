//! Several apps over one target (B8): what two of them would both do to one account.

use std::collections::{BTreeMap, BTreeSet};

use super::{Line, warning};
use crate::config::{App, Config};
use crate::connector::System;
use crate::domain::ownership::{found_alike, mapped_by_both};
use crate::domain::policy::Policy;
use crate::engine;

/// Attributes that are named; the others are counted.
const NAMED: usize = 5;

struct Ruled<'c> {
    app: &'c App,
    policy: Policy,
}

impl Ruled<'_> {
    fn place(&self) -> String {
        format!("app {} ({})", self.app.id, self.app.name)
    }

    fn adds(&self) -> bool {
        self.policy.schema.flow_types.add
    }
}

/// What every two apps with the same target have in common. What is wrong with a schema has been told already.
pub fn of_all(config: &Config) -> Vec<Line> {
    let compiled = config.apps.iter().filter_map(|app| {
        let (policy, _) = engine::compile(config, app).ok()?;
        Some(Ruled { app, policy })
    });
    let all: Vec<Ruled<'_>> = compiled.collect();
    let mut lines = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let beside = all[at + 1..]
            .iter()
            .filter(|other| other.app.target == one.app.target);
        for other in beside {
            lines.extend(both(one, other));
        }
        let reads_same =
            |other: &&Ruled<'_>| other.app.target == one.app.target && other.app.source == one.app.source;
        if !one.policy.settings.skip_out_of_scope_deletions && all.iter().filter(reads_same).count() > 1 {
            lines.push(warning(
                &one.place(),
                "skip_out_of_scope_deletions = false disables whoever goes over to the scope of another app with the same source and target: leave it out".into(),
            ));
        }
    }
    lines.extend(split_targets(config));
    lines
}

/// Whose an account is, jobs know of each other by the `[system.…]` table that they name.
fn split_targets(config: &Config) -> Vec<Line> {
    let mut of_domain: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for app in &config.apps {
        let domain = config.systems.get(&app.target).and_then(System::default_domain);
        if let Some(domain) = domain {
            of_domain
                .entry(domain.to_lowercase())
                .or_default()
                .insert(&app.target);
        }
    }
    let split = of_domain.into_iter().filter(|(_, systems)| systems.len() > 1);
    split
        .map(|(domain, systems)| {
            let systems = systems.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "these are all of the domain {domain}: apps that write it by different systems do not know whose account is whose, and write one after the other. Let them name the same system"
            );
            warning(&format!("systems {systems}"), message)
        })
        .collect()
}

fn both(one: &Ruled<'_>, other: &Ruled<'_>) -> Vec<Line> {
    let (target, place) = (&one.app.target, one.place());
    let is_same_source = one.app.source == other.app.source;
    let mut lines = Vec::new();
    let may_meet = match is_same_source {
        true => !one.policy.schema.scope.excludes(&other.policy.schema.scope),
        // Of two systems, only who makes nobody's account takes an account for the same person's.
        false => !one.adds() || !other.adds(),
    };
    let mapped = mapped_by_both(&one.policy, &other.policy);
    if may_meet && !mapped.is_empty() {
        let message = format!(
            "'{}' writes the accounts of '{target}', too, and both map {}: the app that owns an account writes it, the other leaves it and says so. Take the mappings out of one, or let the scopes exclude each other",
            other.app.name,
            list(&mapped)
        );
        lines.push(warning(&place, message));
    }
    let alike = found_alike(&one.policy, &other.policy);
    if !is_same_source && one.adds() && other.adds() && !alike.is_empty() {
        let message = format!(
            "'{}' makes accounts in '{target}' out of another system, and both find them by {} in the same way: where both systems use a value, it is two people's, and the second gets no account. Let one of them map something of its own, such as Join(\"-\", \"B\", [externalId])",
            other.app.name,
            list(&alike)
        );
        lines.push(warning(&place, message));
    }
    lines
}

fn list(attributes: &[&str]) -> String {
    let named = attributes.iter().take(NAMED).copied();
    let named = named.collect::<Vec<_>>().join(", ");
    match attributes.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
