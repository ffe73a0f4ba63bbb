//! What accounts have from HR (B30): a value that one job took out of an HR record, no other sends back into it. HR may say
//! something else by now, and whoever turns a mapping round would see HR's news overwritten with HR's past.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Runner;
use super::circle::{all_mappings, read_attributes};
use super::subject::Subject;
use crate::config::{App, Config};
use crate::domain::link::Link;
use crate::domain::plan::{Effect, Planned, Receipt};
use crate::domain::schema::Document;
use crate::error::Result;
use crate::store::Conn;
use crate::store::given::{self, Given};

/// Attributes of accounts that an app fills from what may be written into HR's records, with how HR's attribute is read.
pub(super) type Sources = BTreeMap<String, String>;

pub(super) fn sources(config: &Config, app: &App, document: &Document) -> Sources {
    let Some(hr) = config.systems.get(&app.source) else {
        return Sources::new();
    };
    let schema = document.schema();
    let sources = all_mappings(schema).filter_map(|mapping| {
        let mut read = read_attributes(schema, mapping);
        let read = read.find(|attribute| hr.takes_back(attribute.place()))?;
        Some((mapping.target_attribute_name.clone(), read.place().to_string()))
    });
    sources.collect()
}

/// Which of its two sides a job looks up in this memory.
pub(super) enum Side {
    /// It fills these accounts from HR.
    Target(String),
    /// It takes home what they hold.
    Source(String),
    Neither,
}

impl Side {
    pub fn of(runner: &Runner) -> Side {
        match (&runner.hr, runner.given.is_empty()) {
            (Some(_), _) => Side::Source(runner.app.source.clone()),
            (None, false) => Side::Target(runner.app.target.clone()),
            (None, true) => Side::Neither,
        }
    }

    /// What is remembered of these workers' accounts, by worker.
    pub fn load(
        &self,
        conn: &mut Conn,
        workers: &[&str],
        links: &HashMap<String, Link>,
    ) -> Result<HashMap<String, Vec<Given>>> {
        let mut by_worker: HashMap<String, Vec<Given>> = HashMap::new();
        match self {
            Side::Neither => {}
            Side::Source(system) => {
                for one in given::of(conn, system, workers)? {
                    by_worker.entry(one.anchor.clone()).or_default().push(one);
                }
            }
            Side::Target(system) => {
                let owners: HashMap<&str, &str> = links
                    .values()
                    .map(|link| (link.account.0.as_str(), link.worker.as_str()))
                    .collect();
                let accounts: Vec<&str> = owners.keys().copied().collect();
                for one in given::of(conn, system, &accounts)? {
                    let owner = owners.get(one.anchor.as_str()).copied().unwrap_or_default();
                    by_worker.entry(owner.to_string()).or_default().push(one);
                }
            }
        }
        Ok(by_worker)
    }
}

/// What is news of a worker's account: HR's values that were written into it, or that it was found to hold.
pub(super) fn news(
    sources: &Sources,
    subject: &Subject,
    planned: &Planned,
    receipt: Option<&Receipt>,
) -> Vec<Given> {
    let done = receipt.iter().flat_map(|receipt| &receipt.done);
    let written = done.flat_map(|effect| -> Vec<(&String, &String)> {
        match effect {
            Effect::Create { values, .. } => values.iter().filter_map(first).collect(),
            Effect::Set { attribute, after, .. } => first((attribute, after)).into_iter().collect(),
            _ => Vec::new(),
        }
    });
    let agreed = planned.agreed.iter().map(|(attribute, value)| (attribute, value));
    // An attempt before this one may have written what is agreed on now.
    let held: BTreeMap<&String, &String> = written.chain(agreed).collect();
    let account = receipt
        .map(|receipt| &receipt.account)
        .or(planned.change.account.as_ref());
    let Some(account) = account else { return Vec::new() };
    let given = held.into_iter().filter_map(|(attribute, value)| {
        Some(Given {
            anchor: account.0.clone(),
            attribute: attribute.clone(),
            source: sources.get(attribute)?.clone(),
            value: value.clone(),
        })
    });
    given.filter(|one| !subject.given.contains(one)).collect()
}

fn first<'v>((attribute, values): (&'v String, &'v Vec<String>)) -> Option<(&'v String, &'v String)> {
    Some((attribute, values.first()?))
}

/// The target's attributes that would be given what the source has from that very attribute.
pub(super) fn returned(runner: &Runner, subject: &Subject) -> BTreeSet<String> {
    let Some(hr) = runner.hr.as_ref().filter(|_| !subject.given.is_empty()) else {
        return BTreeSet::new();
    };
    let holds = |given: &Given| {
        let mut attributes = subject.worker.attributes.iter();
        let held = attributes.find(|(name, _)| name.eq_ignore_ascii_case(&given.attribute));
        let held = held.and_then(|(_, value)| value.to_texts().into_iter().next());
        held.is_some_and(|held| held.to_lowercase() == given.value.to_lowercase())
    };
    let kept: Vec<&Given> = subject.given.iter().filter(|given| holds(given)).collect();
    let mappings = runner.policy.schema.mappings.iter();
    let comes_back = mappings.filter(|mapping| {
        let inputs = mapping
            .expression
            .as_ref()
            .map(|one| one.attributes())
            .unwrap_or_default();
        kept.iter().any(|given| {
            let is_read = inputs
                .iter()
                .any(|input| input.eq_ignore_ascii_case(&given.attribute));
            is_read && hr.reads_back(&mapping.target, &given.source)
        })
    });
    comes_back.map(|mapping| mapping.target.clone()).collect()
}
