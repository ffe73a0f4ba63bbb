//! Nothing acknowledged is lost and nobody gets two accounts, whatever dies, and whenever.

use std::collections::BTreeMap;
use std::time::Duration;

use muster::lab::entra;
use serde_json::{Value as Json, json};

use crate::directory::target;
use crate::gateway::{Caller, JOB, Setup, bulk, eventually, person};
use crate::guard;
use crate::support::tenant::Tenant;
use crate::support::{openldap, samba};

const ROUNDS: usize = 20;

/// Posts uploads one after the other until the gateway is gone; gives back whom every acknowledged operation was
/// about.
async fn storm(caller: Caller, token: String, round: usize, lane: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for upload in 0.. {
        let mut people: Vec<Json> = (0..5)
            .map(|one| {
                let id = format!("{round}-{lane}-{upload}-{one}");
                let mut person = person(&id, &format!("Person {id}"));
                person["userName"] = json!(format!("p{round}.{lane}.{upload}.{one}"));
                person
            })
            .collect();
        // One of them is spoken of twice.
        let again = people[0].clone();
        people.push(again);
        match caller.post_bulk(&token, bulk(&people).to_string()).await {
            Ok(answer) if answer.status() == 202 => {
                acknowledged.extend(
                    people
                        .iter()
                        .map(|one| one["externalId"].as_str().unwrap().to_string()),
                );
            }
            _ => break,
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_under_an_upload_storm() {
    let directory = openldap::directory();
    let setup = Setup::with_target(&guard::target(&directory)).app("start = true");
    let held = || {
        let entries = directory
            .client()
            .search("(employeeID=*)", &["employeeID"])
            .unwrap();
        entries
            .iter()
            .filter_map(|entry| entry.value("employeeID").map(str::to_string))
            .collect()
    };
    survives_storms(setup, held).await;
}

/// The same with a tenant whose searches lag behind, so that a user just made cannot be found by number.
#[tokio::test(flavor = "multi_thread")]
async fn kill_dash_nine_with_entra_as_the_target() {
    let tenant = Tenant::new(entra::Settings {
        throttle: entra::Throttling::Off,
        search_delay_ms: 800,
        ..entra::Settings::default()
    });
    let setup = Setup::with_cloud(&tenant.target()).app("start = true");
    let held = || {
        let state = tenant.lab.state();
        let users = state["users"].as_array().unwrap().iter();
        users
            .filter_map(|user| user["employeeId"].as_str().map(str::to_string))
            .collect()
    };
    survives_storms(setup, held).await;
}

/// Kills the gateway again and again while uploads come in; `held` says whose employee numbers the target holds, each
/// as often as it does.
async fn survives_storms(setup: Setup, held: impl Fn() -> Vec<String>) {
    let mut acknowledged: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut process = setup.spawn().await;
        let token = process.caller.token().await;
        let lane = |lane| tokio::spawn(storm(process.caller.clone(), token.clone(), round, lane));
        let lanes: Vec<_> = (0..3).map(lane).collect();
        // Another instant each round.
        tokio::time::sleep(Duration::from_millis(40 + 37 * round as u64)).await;
        process.kill();
        for lane in lanes {
            for id in lane.await.unwrap() {
                *acknowledged.entry(id).or_default() += 1;
            }
        }
    }
    assert!(acknowledged.len() > ROUNDS, "the storm was one");
    let process = setup.spawn().await;
    process.caller.settled().await;
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for entry in process.caller.logs(&format!("jobid eq '{JOB}'")).await {
        let id = entry["sourceIdentity"]["id"].as_str().unwrap();
        *outcomes.entry(id.to_string()).or_default() += 1;
    }
    let differing: Vec<_> = acknowledged
        .iter()
        .filter(|(id, operations)| outcomes.get(*id) != Some(operations))
        .collect();
    assert!(
        differing.is_empty(),
        "acknowledged operations without exactly one outcome each: {differing:?}"
    );
    let mut accounts: BTreeMap<String, usize> = BTreeMap::new();
    for id in held() {
        *accounts.entry(id).or_default() += 1;
    }
    let twice: Vec<_> = accounts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "accounts there twice: {twice:?}");
    let missing: Vec<_> = acknowledged
        .keys()
        .filter(|id| !accounts.contains_key(*id))
        .collect();
    assert!(
        missing.is_empty(),
        "acknowledged and without an account: {missing:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_dies_mid_cycle_is_replaced_by_the_next() {
    let pair = match samba::pair() {
        Ok(pair) => pair,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let staff = "OU=Staff,DC=example,DC=test";
    let (user, password) = pair.first.service_account(&[staff]);
    pair.converge();
    let target = target(&pair.first, &user, &password)
        .replace(
            &format!("[\"{}\"]", pair.first.ldaps_url),
            &format!("[\"{}\", \"{}\"]", pair.first.ldaps_url, pair.second.ldaps_url),
        )
        .replace(
            "timeout = \"10s\"",
            "timeout = \"5s\"\nreplication_delay = \"45s\"",
        );
    let gateway = Setup::with_target(&target).app("start = true").start().await;
    let people: Vec<Json> = (0..200)
        .map(|id| person(&format!("{id}"), &format!("Person Number{id}")))
        .collect();
    gateway.caller.upload(&people).await;
    eventually("some of them are there", async || {
        pair.first.search("(employeeID=*)", &["employeeID"]).len() > 40
    })
    .await;
    pair.first.stop();
    eventually("the other takes over", async || {
        pair.second.search("(employeeID=*)", &["employeeID"]).len() > 150
    })
    .await;
    // It comes back, and hands over what it took in at last, before the two are expected to agree.
    pair.first.start_again();
    pair.converge();
    gateway.caller.settled().await;
    let outcomes = gateway
        .caller
        .logs(&format!("jobid eq '{JOB}' and provisioningAction eq 'create'"))
        .await;
    assert_eq!(outcomes.len(), 200);
    assert!(
        outcomes
            .iter()
            .all(|entry| entry["provisioningStatusInfo"]["status"] == "success")
    );
    pair.converge();
    for controller in [&pair.first, &pair.second] {
        let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in controller.search("(employeeID=*)", &["employeeID"]) {
            let id = entry.value("employeeID").unwrap().to_string();
            accounts.entry(id).or_default().push(entry.dn);
        }
        assert_eq!(accounts.len(), 200, "everybody is there");
        accounts.retain(|_, dns| dns.len() > 1);
        assert!(accounts.is_empty(), "there twice: {accounts:?}");
    }
}
