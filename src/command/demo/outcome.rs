//! What the gateway's log says became of somebody.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::config::App;
use super::stage::Stage;
use crate::command::bulk::progress::Progress;
use crate::command::bulk::service::Patience;
use crate::error::{Error, Result};
use crate::lab::company::{Event, Person, Post};

/// Somebody of whom HR speaks today, and why.
pub struct Said {
    /// In whose scope he or she is.
    pub app: &'static App,
    /// What the log knows the worker by.
    pub anchor: String,
    /// The employee number.
    pub worker: String,
    pub name: String,
    /// What HR has to say: `joined`, `moved` …
    pub event: &'static str,
    /// Why a new account is disabled, if it is to be.
    pub disabled: Option<&'static str>,
    pub manager: Option<String>,
}

impl Said {
    pub fn of(person: &Person, event: Option<Event>) -> Said {
        Said {
            app: match person.post {
                Post::Office => &super::config::OFFICE,
                Post::Field => &super::config::FIELD,
            },
            anchor: person.id.clone(),
            worker: person.id.clone(),
            name: person.display.clone(),
            event: match event {
                None => "first load",
                Some(Event::Joined) => "joined",
                Some(Event::Moved) => "moved",
                Some(Event::Renamed) => "renamed",
                Some(Event::Left) => "left",
                Some(Event::Returned) => "returned",
            },
            disabled: (!person.active).then_some("disabled, as HR says"),
            manager: person.manager.clone(),
        }
    }
}

/// What came of it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    pub worker: String,
    pub name: String,
    pub event: &'static str,
    pub source: &'static str,
    pub target: &'static str,
    pub action: String,
    pub status: String,
    /// Why: the values that changed, or what kept them from changing.
    pub why: String,
    /// When it was done.
    pub at: Option<Timestamp>,
    /// When the source had been asked last, if it has to be.
    pub data_of: Option<Timestamp>,
}

impl Happened {
    /// Whatever HR says in a demonstration is to have an effect: nobody is to be skipped, held or missing.
    pub fn failed(&self) -> bool {
        !["success", "warning"].contains(&self.status.as_str())
    }

    /// Nothing is logged of it.
    pub fn is_missing(&self) -> bool {
        self.status == MISSING
    }

    /// For `--json` and the tables alike.
    pub fn key(&self) -> (&'static str, &'static str, &str, &str) {
        (self.source, self.target, &self.action, &self.status)
    }
}

/// The status of what nothing is logged of.
const MISSING: &str = "missing";

/// Entries by job and worker, newest first.
pub type Entries = HashMap<&'static str, HashMap<String, Vec<Json>>>;

/// What became of them since an instant.
pub async fn outcomes(
    stage: &Stage,
    apps: &[&'static App],
    since: Timestamp,
    said: &[Said],
) -> Result<Vec<Happened>> {
    let mut entries = Entries::new();
    for app in apps {
        entries.insert(app.job, log(stage, app, since).await?);
    }
    let names = stage.names(&entries);
    Ok(said.iter().map(|said| happened(said, &entries, &names)).collect())
}

/// A job's entries since an instant by worker, newest first.
async fn log(stage: &Stage, app: &App, since: Timestamp) -> Result<HashMap<String, Vec<Json>>> {
    let mut entries: HashMap<String, Vec<Json>> = HashMap::new();
    let silent = Progress::silent();
    let each = |entry: Json| {
        // Nobody said anything just now: a reference still waits.
        if entry["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "RedundantExport" {
            return;
        }
        let worker = entry["sourceIdentity"]["id"].as_str().unwrap_or_default();
        entries.entry(worker.to_string()).or_default().push(entry);
    };
    let job = app.job();
    let read = stage.service.log(&job, since, Patience::none(&silent), each);
    read.await.map_err(Error::internal)?;
    Ok(entries)
}

/// What the job in whose scope somebody is did about them.
fn happened(said: &Said, entries: &Entries, names: &HashMap<String, String>) -> Happened {
    let about = entries[said.app.job]
        .get(&said.anchor)
        .map(Vec::as_slice)
        .unwrap_or_default();
    // The answer to what was said is the oldest; what came after it (a manager) adds to it.
    let answer = about.last().unwrap_or(&Json::Null);
    let status = &answer["provisioningStatusInfo"];
    let text = |value: &Json| value.as_str().unwrap_or(MISSING).to_string();
    let time = |value: &Json| value.as_str().and_then(|text| text.parse().ok());
    let later = about.iter().rev().skip(1);
    let changed: Vec<String> = std::iter::once(answer)
        .chain(later)
        .flat_map(|entry| changes(entry, names))
        .collect();
    let reason = status["errorInformation"]["reason"].as_str();
    let status = text(&status["status"]);
    let why = match (reason, changed.is_empty()) {
        _ if answer.is_null() => "nothing is logged".to_string(),
        (Some(reason), _) if status != "success" => reason.to_string(),
        (_, false) if answer["provisioningAction"] != "create" => changed.join("; "),
        _ => joined(said, about),
    };
    Happened {
        worker: said.worker.clone(),
        name: said.name.clone(),
        event: said.event,
        source: said.app.source.name(),
        target: said.app.target,
        action: text(&answer["provisioningAction"]),
        status,
        why,
        at: time(&answer["activityDateTime"]),
        data_of: time(&answer["sourceSystem"]["details"]["dataOf"]),
    }
}

/// `title: Driver → Senior Driver`, one for each value that is another now.
fn changes(entry: &Json, names: &HashMap<String, String>) -> Vec<String> {
    let properties = entry["modifiedProperties"].as_array().into_iter().flatten();
    // An account is told by its person's name.
    let text = |value: &Json| {
        let text = value.as_str().unwrap_or("nothing");
        names.get(text).map_or(text, String::as_str).to_string()
    };
    properties
        .map(|one| {
            let (name, old, new) = (
                text(&one["displayName"]),
                text(&one["oldValue"]),
                text(&one["newValue"]),
            );
            format!("{name}: {old} → {new}")
        })
        .collect()
}

/// What a new account came to.
fn joined(said: &Said, about: &[Json]) -> String {
    let state = said.disabled.unwrap_or("enabled");
    let managed = about.iter().any(|entry| {
        let properties = entry["modifiedProperties"].as_array().into_iter().flatten();
        properties.clone().any(|one| one["displayName"] == "manager")
    });
    match (&said.manager, managed) {
        (Some(manager), false) => format!("{state}; the manager {manager} has no account here"),
        (Some(manager), true) => format!("{state}; reports to {manager}"),
        (None, _) => state.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::demo::config::OFFICE;
    use crate::lab::company::Company;
    use serde_json::json;

    #[test]
    fn whom_the_log_says_nothing_of_did_not_get_what_hr_said() {
        let company = Company::new(1, 20, "2026-01-05".parse().unwrap());
        let said = Said::of(&company.people[0], None);
        let entries = Entries::from([(said.app.job, HashMap::new()), (OFFICE.job, HashMap::new())]);
        let told = happened(&said, &entries, &HashMap::new());
        assert_eq!((told.status.as_str(), told.failed()), ("missing", true));
        for (status, failed) in [
            ("success", false),
            ("warning", false),
            ("skipped", true),
            ("failure", true),
        ] {
            let status = status.to_string();
            assert_eq!(
                Happened {
                    status,
                    ..told.clone()
                }
                .failed(),
                failed
            );
        }
    }

    #[test]
    fn changed_values_are_told_with_what_they_were() {
        let names = HashMap::from([("a1".to_string(), "Ada".to_string())]);
        let entry = json!({ "modifiedProperties": [
            { "displayName": "title", "oldValue": "Driver", "newValue": "Senior Driver" },
            { "displayName": "manager", "oldValue": null, "newValue": "a1" },
        ] });
        assert_eq!(
            changes(&entry, &names),
            ["title: Driver → Senior Driver", "manager: nothing → Ada"]
        );
    }
}
