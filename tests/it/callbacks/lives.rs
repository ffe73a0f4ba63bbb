//! Each callback has one outcome and is written once, whatever gateway dies meanwhile, and however many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster::engine::Clock;
use muster::lab::workday::Question;
use serde_json::{Value as Json, json};

use super::{CALLER, JSON, completed, entra, path, post, words};
use crate::gateway::{Caller, JOB, Setup, eventually};
use crate::lab_entra;
use crate::support::{postgres, workday};
use crate::webhook::{Receiver, SECRET};

/// People of a company that both Workday and the tenant know.
struct Company {
    cloud: lab_entra::Tenant,
    workday: workday::Tenant,
    receiver: Receiver,
}

fn address(person: usize) -> String {
    format!("person.{person}@mail.example.com")
}

impl Company {
    async fn new(people: usize) -> Company {
        let company = Company {
            cloud: lab_entra::Tenant::start(0).await,
            workday: workday::Tenant::new(0),
            receiver: Receiver::start(&[]),
        };
        for person in 0..people {
            let number = json!({"employeeId": person.to_string()});
            company.cloud.add(&format!("p{person}"), number).await;
            let worker =
                json!({"id": person.to_string(), "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z"});
            company.workday.hire(worker);
        }
        company
    }

    fn setup(&self) -> Setup {
        Setup::with_cloud(&self.workday.table(""))
            .pulls(&entra(&self.cloud), "WorkdayWriteback", Clock::system())
            .app("start = true\nomit = [\"UserID\"]")
            .clients(CALLER)
            .clients(&format!(
                "[notify]\nwebhook = \"{}\"\nsecret = \"{SECRET}\"\n",
                self.receiver.url
            ))
    }

    /// Messages that changed something in Workday.
    fn writes(&self) -> u64 {
        let state = self.workday.lab.state(&Question::default()).unwrap();
        let answers = state["answers"]["Change_Work_Contact_Information"].as_object();
        let counts = answers
            .into_iter()
            .flatten()
            .filter_map(|(_, count)| count.as_u64());
        counts.sum()
    }

    /// Everybody's address is at home, having been sent once, and the log says so once.
    async fn all_is_well(&self, caller: &Caller, people: usize) {
        for person in 0..people {
            let state = self.workday.state(&person.to_string());
            let emails = state["effective"]["emails"].to_string();
            assert!(emails.contains(&address(person)), "{person}: {emails}");
        }
        assert_eq!(self.writes(), people as u64, "each was written once");
        let mut entries: BTreeMap<String, usize> = BTreeMap::new();
        for entry in caller.logs(&format!("jobid eq '{JOB}'")).await {
            let person = entry["sourceIdentity"]["id"].as_str().unwrap();
            *entries.entry(person.to_string()).or_default() += 1;
        }
        assert_eq!(entries.len(), people);
        let others: Vec<_> = entries.iter().filter(|(_, count)| **count != 1).collect();
        assert!(
            others.is_empty(),
            "without exactly one entry each (B5): {others:?}"
        );
    }

    /// Waits until the webhook has been told of so many batches; each under one name.
    fn is_told_of(&mut self, batches: &BTreeSet<String>) {
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while names.len() < batches.len() {
            let notice = self.receiver.next();
            let text = |value: &Json| value.as_str().unwrap().to_string();
            let batch = text(&notice["verified"]["data"]["id"]);
            assert!(batches.contains(&batch), "{notice}");
            names.entry(batch).or_default().insert(text(&notice["id"]));
        }
        assert!(names.values().all(|names| names.len() == 1), "{names:?}");
    }
}

/// Sends callbacks under a key; the `Location`, if there was an answer.
async fn send(caller: &Caller, people: std::ops::Range<usize>) -> String {
    let key = format!("from {}", people.start);
    let calls: Vec<Json> = people
        .map(|person| json!({"employeeId": person.to_string(), "email": address(person)}))
        .collect();
    let headers = [JSON, ("Idempotency-Key", key.as_str())];
    let answer = post(
        caller,
        "caller",
        &(path() + "?notify=true"),
        &headers,
        &json!(calls),
    )
    .await;
    assert_eq!(answer.status(), 202);
    answer.headers()["location"].to_str().unwrap().to_string()
}

fn id(location: &str) -> String {
    location.rsplit('/').next().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_loses_no_callback_and_writes_none_twice() {
    const ROUNDS: usize = 8;
    const BATCH: usize = 15;
    let mut company = Company::new(ROUNDS * BATCH).await;
    let setup = company.setup();
    let slow = json!({ "slow": { "milliseconds": 400 } });
    company
        .workday
        .faults(json!([{ "on": "Change_Work_Contact_Information", "do": slow }]));
    let mut locations = Vec::new();
    for round in 0..ROUNDS {
        let before = company.writes();
        let mut process = setup.spawn().await;
        let people = round * BATCH..(round + 1) * BATCH;
        locations.push(send(&process.caller, people.clone()).await);
        if round % 3 == 1 {
            let again = send(&process.caller, people).await;
            assert_eq!(id(&again), id(&locations[round]), "taken in once");
        }
        match round % 2 {
            // Another instant each round,
            0 => tokio::time::sleep(Duration::from_millis(60 + 170 * round as u64)).await,
            // or while Workday has done something, and not said so yet.
            _ => eventually("somebody is written", async || company.writes() > before).await,
        }
        process.kill();
    }
    let process = setup.spawn().await;
    for location in &locations {
        let report = completed(&process.caller, location).await;
        assert_eq!(words(&report).len(), BATCH);
        assert!(
            words(&report).iter().all(|(status, _)| *status == "success"),
            "{report}"
        );
    }
    company.all_is_well(&process.caller, ROUNDS * BATCH).await;
    company.is_told_of(&locations.iter().map(|location| id(location)).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_callbacks() {
    const PEOPLE: usize = 60;
    let mut company = Company::new(PEOPLE).await;
    let database = postgres::database();
    let replica = || {
        company
            .setup()
            .store(&format!("url = \"{database}\"\nkey = \"the same for both\""))
            .start()
    };
    let (one, two) = (replica().await, replica().await);
    // One key at both at once.
    let (first, same) = tokio::join!(send(&one.caller, 0..20), send(&two.caller, 0..20));
    assert_eq!(id(&first), id(&same));
    let second = send(&two.caller, 20..40).await;
    for location in [&first, &second] {
        let report = completed(&two.caller, location).await;
        assert!(
            words(&report).iter().all(|outcome| *outcome == ("success", "")),
            "{report}"
        );
        assert_eq!(completed(&one.caller, location).await, report, "the same at both");
    }
    // One leaves while they are under way.
    let third = send(&one.caller, 40..60).await;
    drop(one.stop().await);
    let report = completed(&two.caller, &third).await;
    assert!(
        words(&report).iter().all(|(status, _)| *status == "success"),
        "{report}"
    );
    company.all_is_well(&two.caller, PEOPLE).await;
    company.is_told_of(
        &[first, second, third]
            .iter()
            .map(|location| id(location))
            .collect(),
    );
}
