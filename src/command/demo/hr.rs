//! A day of HR's: what it has to say is posted, and followed to its outcome through the log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde::Serialize;
use serde_json::Value as Json;

use super::screen::Bars;
use super::stage::{APPS, App, OFFICE, Stage, job_path};
use crate::command::bulk::progress::Progress;
use crate::command::bulk::service::Patience;
use crate::error::{Error, Result};
use crate::lab::company::{self, Event, Person, Post};

/// Operations in one upload, as many as Microsoft's service takes.
const CHUNK: usize = 50;

/// Without an outcome for as long, none will come.
const STILL: Duration = Duration::from_secs(60);

/// Somebody of whom HR speaks today, and why.
pub struct Said {
    pub event: Option<Event>,
    pub person: Person,
}

/// What came of it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    pub worker: String,
    pub name: String,
    /// What HR had to say: `joined`, `moved` …
    pub event: &'static str,
    pub target: &'static str,
    pub action: String,
    pub status: String,
    /// Why: the values that changed, or what kept them from changing.
    pub why: String,
}

impl Happened {
    /// Whatever HR says in a demonstration is to have an effect: nobody is to be skipped, held or missing.
    pub fn failed(&self) -> bool {
        !["success", "warning"].contains(&self.status.as_str())
    }

    /// For `--json` and the tables alike.
    pub fn key(&self) -> (&'static str, &str, &str) {
        (self.target, &self.action, &self.status)
    }
}

/// A day's entries by job and worker, newest first.
pub type Entries = HashMap<&'static str, HashMap<String, Vec<Json>>>;

/// Posts what HR says and waits until everybody has an outcome.
pub async fn day(stage: &Stage, title: &str, said: &[Said]) -> Result<Vec<Happened>> {
    let began = stage.now();
    let bars = Bars::new(title, said.len(), &APPS);
    let silent = Progress::silent();
    // Both jobs read the same inbox, so it does not matter to which of them it is posted.
    for request in company::uploads(said.iter().map(|said| &said.person), CHUNK) {
        let body = request.to_string().into_bytes();
        let posted = stage.service.upload(&OFFICE.job(), body, &silent).await;
        posted.map_err(Error::internal)?;
        bars.posted(request["Operations"].as_array().map_or(0, Vec::len));
    }
    settle(stage, &bars).await?;
    let mut entries = HashMap::new();
    for app in &APPS {
        entries.insert(app.job, log(stage, app, began).await?);
    }
    bars.done();
    let names = stage.names(&entries);
    Ok(said.iter().map(|said| happened(said, &entries, &names)).collect())
}

/// Waits until no operation is without an outcome, and those that refer to others have had their turn.
async fn settle(stage: &Stage, bars: &Bars) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut quiet = 0;
    let (mut before, mut moved) = (0, Instant::now());
    while quiet < 5 {
        ticks.tick().await;
        let mut waiting = 0;
        for app in &APPS {
            let job = stage.call(Method::GET, &job_path(app)).await?;
            let status = &job["status"];
            if status["code"] == "Quarantine" {
                let message = format!(
                    "the job for the {} is in quarantine: {}",
                    app.name, status["quarantine"]
                );
                return Err(Error::internal(message));
            }
            let open = status["progress"][0]["totalUnits"].as_u64().unwrap_or_default();
            bars.waiting(app, open);
            waiting += open;
        }
        if waiting != before {
            (before, moved) = (waiting, Instant::now());
        } else if waiting > 0 && moved.elapsed() > STILL {
            let message =
                format!("{waiting} operations wait, and nothing happens: see why with MUSTER_LOG=info");
            return Err(Error::internal(message));
        }
        quiet = if waiting == 0 { quiet + 1 } else { 0 };
    }
    Ok(())
}

/// A job's entries since an instant by worker, newest first.
async fn log(stage: &Stage, app: &App, since: jiff::Timestamp) -> Result<HashMap<String, Vec<Json>>> {
    let mut entries: HashMap<String, Vec<Json>> = HashMap::new();
    let silent = Progress::silent();
    let each = |entry: Json| {
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
    let person = &said.person;
    let post = match person.post {
        Post::Office => "Office",
        Post::Field => "Field",
    };
    let app = APPS.iter().find(|app| app.post == post).unwrap_or(&OFFICE);
    let about = entries[app.job]
        .get(&person.id)
        .map(Vec::as_slice)
        .unwrap_or_default();
    // The answer to the upload is the oldest; what came after it (a manager) adds to it.
    let answer = about.last().unwrap_or(&Json::Null);
    let status = &answer["provisioningStatusInfo"];
    let text = |value: &Json| value.as_str().unwrap_or("missing").to_string();
    let later = about.iter().rev().skip(1);
    let changed: Vec<String> = std::iter::once(answer)
        .chain(later)
        .flat_map(|entry| changes(entry, names))
        .collect();
    let reason = status["errorInformation"]["reason"].as_str();
    let status = text(&status["status"]);
    let why = match (reason, changed.is_empty()) {
        (Some(reason), _) if status != "success" => reason.to_string(),
        (_, false) if answer["provisioningAction"] != "create" => changed.join("; "),
        _ => joined(person, about),
    };
    Happened {
        worker: person.id.clone(),
        name: person.display.clone(),
        event: event(said.event),
        target: app.name,
        action: text(&answer["provisioningAction"]),
        status,
        why,
    }
}

fn event(event: Option<Event>) -> &'static str {
    match event {
        None => "first load",
        Some(Event::Joined) => "joined",
        Some(Event::Moved) => "moved",
        Some(Event::Renamed) => "renamed",
        Some(Event::Left) => "left",
        Some(Event::Returned) => "returned",
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
fn joined(person: &Person, about: &[Json]) -> String {
    let state = if person.active {
        "enabled"
    } else {
        "disabled, as HR says"
    };
    let managed = about.iter().any(|entry| {
        let properties = entry["modifiedProperties"].as_array().into_iter().flatten();
        properties.clone().any(|one| one["displayName"] == "manager")
    });
    match (&person.manager, managed) {
        (Some(manager), false) => format!("{state}; the manager {manager} has no account here"),
        (Some(manager), true) => format!("{state}; reports to {manager}"),
        (None, _) => state.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::demo::stage::FIELD;
    use crate::lab::company::Company;
    use serde_json::json;

    #[test]
    fn whom_the_log_says_nothing_of_did_not_get_what_hr_said() {
        let entries = Entries::from([(OFFICE.job, HashMap::new()), (FIELD.job, HashMap::new())]);
        let mut company = Company::new(1, 20, "2026-01-05".parse().unwrap());
        let person = company.people.remove(0);
        let told = happened(&Said { event: None, person }, &entries, &HashMap::new());
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
