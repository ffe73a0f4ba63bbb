//! Lives as data: what HR says and others do on which day, and what must come of it: each account as `ldapsearch` shows it,
//! and each record of the provisioning log. All lives of a file go on beside each other, on one clock.
//!
//! Nothing but what is written down may be logged: a day that a life does not mention is a day on which nothing happens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, ToSpan};
use muster::lab::workday::NewEvent;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{World, is_enabled};
use crate::gateway::JOB;
use crate::support::ldap::Entry;
use crate::support::workday::Tenant;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What entries go through, by a word for it: `matching EntryImport success`.
    steps: BTreeMap<String, Vec<String>>,
    life: Vec<Life>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    name: String,
    /// Everybody in it, by HR's key.
    workers: Vec<String>,
    day: Vec<Day>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Day {
    at: Timestamp,
    /// What is uploaded, SCIM data each.
    #[serde(default)]
    says: Vec<Json>,
    /// What is entered in Workday, as its operators have it; `as` is what a record that it makes is called here.
    #[serde(default)]
    hires: Vec<Map<String, Json>>,
    #[serde(default)]
    events: Vec<Map<String, Json>>,
    /// What somebody else does, in LDIF.
    elsewhere: Option<String>,
    /// By employee ID.
    #[serde(default)]
    accounts: BTreeMap<String, Account>,
    /// Who has no account.
    #[serde(default)]
    nobody: Vec<String>,
    #[serde(default)]
    log: Vec<Record>,
}

#[derive(Deserialize)]
struct Account {
    dn: String,
    enabled: bool,
    /// Since the day before, and otherwise the same.
    #[serde(default)]
    new_password: bool,
    /// An empty text for no value.
    #[serde(flatten)]
    values: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    worker: String,
    /// Action, status and code.
    outcome: String,
    /// One of the file's.
    steps: String,
    /// `title: Clerk → Judge`, where `{1001}` is the account of that employee ID. All of them, in any order.
    modified: Option<Vec<String>>,
}

struct Stage<'w> {
    world: &'w World,
    tenant: Option<&'w Tenant>,
    file: File,
    /// What those are called here whom the log calls something else.
    names: BTreeMap<String, String>,
    logged: BTreeSet<String>,
    accounts: BTreeMap<String, Entry>,
    wrong: Vec<String>,
}

/// Lives through a file, and says everything that was not as written.
pub async fn live(world: &World, tenant: Option<&Tenant>, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/promises");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let days = file.life.iter().flat_map(|life| &life.day);
    let days: BTreeSet<Timestamp> = days.map(|day| day.at).collect();
    let mut stage = Stage {
        world,
        tenant,
        file,
        names: BTreeMap::new(),
        logged: BTreeSet::new(),
        accounts: BTreeMap::new(),
        wrong: Vec::new(),
    };
    for at in &days {
        stage.day(*at).await;
    }
    println!(
        "{} lives of {} days, {} accounts, {} records",
        stage.file.life.len(),
        days.len(),
        stage.accounts.len(),
        stage.logged.len()
    );
    assert!(stage.wrong.is_empty(), "{}", stage.wrong.join("\n"));
}

impl Stage<'_> {
    async fn day(&mut self, at: Timestamp) {
        self.world.time.set(&at.to_string());
        let lives = std::mem::take(&mut self.file.life);
        let days = || lives.iter().flat_map(|life| &life.day).filter(|day| day.at == at);
        for day in days() {
            self.happens(day);
        }
        let said: Vec<Json> = days().flat_map(|day| day.says.clone()).collect();
        if !said.is_empty() {
            self.world.gateway.caller.upload(&said).await;
        }
        // What is entered within a second of a read is the next read's.
        self.world.time.set(&(at + 1.second()).to_string());
        self.world.work().await;
        let before = std::mem::replace(&mut self.accounts, self.world.everybody());
        let mut logged = self.news().await;
        for life in &lives {
            let today = life.day.iter().find(|day| day.at == at);
            let mut wrong = Vec::new();
            let records = today.map_or(&[][..], |day| &day.log);
            for worker in &life.workers {
                let found = logged.remove(worker).unwrap_or_default();
                let of_worker = records.iter().filter(|one| one.worker == *worker);
                wrong.extend(self.compare_log(&of_worker.collect::<Vec<_>>(), &found));
            }
            if let Some(day) = today {
                wrong.extend(self.compare_accounts(day, &before));
            }
            wrong.extend(self.compare_identity(life, &before));
            let told = wrong
                .into_iter()
                .map(|wrong| format!("{at} {}: {wrong}", life.name));
            self.wrong.extend(told);
        }
        for (worker, entries) in logged {
            let told: Vec<String> = entries.iter().map(told).collect();
            self.wrong.push(format!("{at}: {worker} is in no life: {told:?}"));
        }
        self.file.life = lives;
    }

    fn happens(&mut self, day: &Day) {
        if let Some(ldif) = &day.elsewhere {
            tokio::task::block_in_place(|| self.world.domain.modify(ldif));
        }
        for hire in &day.hires {
            let (hire, called) = called(hire, "id");
            let wid = self.tenant.unwrap().hire(hire);
            self.names.insert(wid, called);
        }
        for event in &day.events {
            let (event, called) = called(event, "as");
            let new: NewEvent = serde_json::from_value(event).unwrap();
            let entered = self.tenant.unwrap().lab.hear(new).unwrap();
            if !called.is_empty() {
                self.names.insert(entered.wid, called);
            }
        }
    }

    /// What was logged since, oldest first, by worker.
    async fn news(&mut self) -> BTreeMap<String, Vec<Json>> {
        let mut entries = self.world.gateway.caller.logs(&format!("jobid eq '{JOB}'")).await;
        entries.reverse();
        let mut news: BTreeMap<String, Vec<Json>> = BTreeMap::new();
        for entry in entries {
            if self.logged.insert(entry["id"].as_str().unwrap().to_string()) {
                let id = entry["sourceIdentity"]["id"].as_str().unwrap();
                let worker = self.names.get(id).map_or(id, String::as_str).to_string();
                news.entry(worker).or_default().push(entry);
            }
        }
        news
    }

    fn compare_log(&self, expected: &[&Record], found: &[Json]) -> Vec<String> {
        let mut wrong = Vec::new();
        for at in 0..expected.len().max(found.len()) {
            match (expected.get(at), found.get(at)) {
                (Some(expected), Some(found)) => wrong.extend(self.compare_record(expected, found)),
                (Some(expected), None) => wrong.push(format!(
                    "{} should be logged of {}",
                    expected.outcome, expected.worker
                )),
                (None, Some(found)) => wrong.push(format!("nobody expected {}", told(found))),
                (None, None) => {}
            }
        }
        wrong
    }

    fn compare_record(&self, expected: &Record, found: &Json) -> Option<String> {
        let steps = self.file.steps.get(&expected.steps);
        let steps = steps.unwrap_or_else(|| panic!("no steps are called {}", expected.steps));
        let modified = expected.modified.as_ref().map(|modified| {
            let mut modified: Vec<String> = modified.iter().map(|one| self.with_anchors(one)).collect();
            modified.sort();
            modified
        });
        let is_same = expected.outcome == outcome(found)
            && *steps == steps_of(found)
            && modified
                .as_ref()
                .is_none_or(|modified| *modified == modified_of(found));
        (!is_same).then(|| {
            format!(
                "expected {} {} {steps:?} {modified:?}, found {}",
                expected.worker,
                expected.outcome,
                told(found)
            )
        })
    }

    /// `{1001}` as the directory's own name for that account.
    fn with_anchors(&self, text: &str) -> String {
        let Some((before, rest)) = text.split_once('{') else {
            return text.to_string();
        };
        let (worker, after) = rest.split_once('}').unwrap();
        let anchor = self.accounts.get(worker).map(anchor).unwrap_or_default();
        format!("{before}{anchor}{}", self.with_anchors(after))
    }

    fn compare_accounts(&self, day: &Day, before: &BTreeMap<String, Entry>) -> Vec<String> {
        let mut wrong = Vec::new();
        for (worker, expected) in &day.accounts {
            let Some(entry) = self.accounts.get(worker) else {
                wrong.push(format!("{worker} has no account"));
                continue;
            };
            if entry.dn != expected.dn || is_enabled(entry) != expected.enabled {
                wrong.push(format!("{worker} is {}, enabled {}", entry.dn, is_enabled(entry)));
            }
            for (attribute, value) in &expected.values {
                let found = entry.value(attribute).unwrap_or_default();
                if found != value {
                    wrong.push(format!("{attribute} of {worker} is '{found}', not '{value}'"));
                }
            }
            let set = |entry: &Entry| entry.value("pwdLastSet").map(String::from);
            let is_new = before.get(worker).is_some_and(|old| set(old) != set(entry));
            if is_new != expected.new_password {
                wrong.push(format!("{worker} has another password: {is_new}"));
            }
        }
        let there = day.nobody.iter().filter(|one| self.accounts.contains_key(*one));
        wrong.extend(there.map(|one| format!("{one} has an account")));
        wrong
    }

    /// Whoever has an account keeps it, and nobody's is ever deleted.
    fn compare_identity(&self, life: &Life, before: &BTreeMap<String, Entry>) -> Vec<String> {
        let had = life
            .workers
            .iter()
            .filter_map(|one| Some((one, before.get(one)?)));
        let other = had.filter(|(worker, entry)| {
            let now = self.accounts.get(*worker);
            now.is_none_or(|now| anchor(now) != anchor(entry))
        });
        other
            .map(|(worker, _)| format!("{worker} has another account, or none"))
            .collect()
    }
}

/// What is entered, and what the record is called here.
fn called(entered: &Map<String, Json>, otherwise: &str) -> (Json, String) {
    let mut entered = entered.clone();
    let name = entered.remove("as").or_else(|| entered.get(otherwise).cloned());
    let name = name
        .as_ref()
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_string();
    (Json::Object(entered), name)
}

/// `objectGUID` as text.
fn anchor(entry: &Entry) -> String {
    let bytes = STANDARD.decode(entry.value("objectGUID").unwrap()).unwrap();
    Uuid::from_slice_le(&bytes).unwrap().to_string()
}

fn told(entry: &Json) -> String {
    let id = &entry["sourceIdentity"]["id"];
    format!(
        "{id} {} {:?} {:?} {}",
        outcome(entry),
        steps_of(entry),
        modified_of(entry),
        entry["provisioningStatusInfo"]["errorInformation"]["reason"]
    )
}

fn outcome(entry: &Json) -> String {
    let status = &entry["provisioningStatusInfo"];
    let words = [
        &entry["provisioningAction"],
        &status["status"],
        &status["errorInformation"]["errorCode"],
    ];
    let words: Vec<&str> = words.into_iter().filter_map(Json::as_str).collect();
    words.join(" ")
}

fn steps_of(entry: &Json) -> Vec<String> {
    let steps = entry["provisioningSteps"].as_array().unwrap();
    let text = |step: &Json, name: &str| step[name].as_str().unwrap().to_string();
    steps
        .iter()
        .map(|step| {
            format!(
                "{} {} {}",
                text(step, "provisioningStepType"),
                text(step, "name"),
                text(step, "status")
            )
        })
        .collect()
}

fn modified_of(entry: &Json) -> Vec<String> {
    let modified = entry["modifiedProperties"].as_array().unwrap();
    let text = |one: &Json, name: &str| one[name].as_str().unwrap_or_default().to_string();
    let mut modified: Vec<String> = modified
        .iter()
        .map(|one| {
            let (old, new) = (text(one, "oldValue"), text(one, "newValue"));
            let name = text(one, "displayName");
            let old = if old.is_empty() { old } else { format!("{old} ") };
            format!("{name}: {old}→ {new}").trim_end().to_string()
        })
        .collect();
    modified.sort();
    modified
}
