//! Holds (B12): over HR's head for everything but a disable.

use std::time::Duration;

use jiff::SignedDuration;
use muster::engine::Clock;
use serde_json::{Value as Json, json};

use super::{APP, Office, people};
use crate::gateway::{BULK_REQUEST, eventually, outcome, person, with};

fn titled(id: &str, name: &str, title: &str) -> Json {
    with(person(id, name), json!({ "title": title }))
}

impl Office {
    async fn hold(&self, body: Json) -> Json {
        let (status, hold) = self.send("POST", "holds", Some(body)).await;
        assert_eq!(status, 201, "{hold}");
        hold
    }

    async fn lift(&self, hold: &Json) {
        let path = format!("holds/{}", hold["id"].as_str().unwrap());
        assert_eq!(self.send("DELETE", &path, None).await.0, 204);
    }

    fn is_there(&self, worker: &str) -> bool {
        !self
            .entries(&format!("(employeeID={worker})"), &["cn"])
            .is_empty()
    }

    /// An account that somebody made by hand.
    fn made_by_hand(&self, name: &str, employee: &str) {
        let base = &self.directory.directory.base_dn;
        let domain = base.replace("DC=", "").replace(',', ".");
        let entry = format!(
            "dn: CN={name},OU=Staff,{base}\nobjectClass: user\ncn: {name}\nsAMAccountName: {name}\nuserPrincipalName: {name}@{domain}\nemployeeID: {employee}\nuserAccountControl: 544\n"
        );
        self.directory.admin().add(&entry).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_a_hold_outranks_hr_for_everything_but_a_disable() {
    let office = Office::of(
        &[
            titled("1", "Ada Novak", "Clerk"),
            titled("2", "Ben Novak", "Clerk"),
        ],
        "",
        "",
    )
    .await;
    let held = office.says_of(&["hold", APP, "1", "--reason", "a claim is open", "--json"]);
    let held: Json = serde_json::from_str(&held).unwrap();
    assert_eq!(
        (&held[0]["worker"], &held[0]["until"]),
        (&json!("1"), &json!("lifted"))
    );
    office
        .says(&[
            titled("1", "Ada Novak", "Judge"),
            titled("2", "Ben Novak", "Judge"),
        ])
        .await;
    assert_eq!(office.value("1", "title").as_deref(), Some("Clerk"));
    assert_eq!(office.value("2", "title").as_deref(), Some("Judge"));
    assert_eq!(
        office.gateway.caller.outcome("1").await,
        outcome("other", "warning", "OnHold")
    );
    // On demand, too, and in a plan.
    office.on_demand("1").await;
    assert_eq!(office.value("1", "title").as_deref(), Some("Clerk"));
    // Leavers are let go; who returns stays out.
    office
        .says(&[json!({ "externalId": "1", "active": false })])
        .await;
    assert!(!office.is_enabled("1"), "B13");
    office.says(&[json!({ "externalId": "1", "active": true })]).await;
    assert!(!office.is_enabled("1"));
    let listed = office.says_of(&["hold", APP, "--list"]);
    assert!(
        listed.contains("worker 1") && listed.contains("a claim is open"),
        "{listed}"
    );
    let report = office.says_of(&["report"]);
    assert!(report.contains("held by people: 1"), "{report}");

    office.says_of(&["hold", APP, "--lift", held[0]["id"].as_str().unwrap()]);
    eventually("what HR says is done at once", async || {
        office.is_enabled("1") && office.value("1", "title").as_deref() == Some("Judge")
    })
    .await;
    assert_eq!(office.says_of(&["hold", APP, "--list"]), "Nothing is held.\n");
    let whats: Vec<String> = office
        .decided()
        .await
        .into_iter()
        .map(|(what, ..)| what)
        .collect();
    assert_eq!(whats, ["holdEnded", "held"]);
}

/// Whose account is due to be deleted when it is looked at first: a hold keeps the account, and not the access.
#[tokio::test(flavor = "multi_thread")]
async fn b13_who_is_held_and_gone_is_disabled_and_not_deleted() {
    let keys = "delete_after = \"1s\"\nallow_unrecoverable = true";
    let office = Office::of(&[person("1", "Ada Novak")], keys, "").await;
    let (_, mut schema) = office.send("GET", "schema", None).await;
    schema["synchronizationRules"][0]["objectMappings"][0]["flowTypes"] = json!("Add, Update, Delete");
    assert_eq!(office.send("PUT", "schema", Some(schema)).await.0, 204);
    let hold = office
        .hold(json!({ "worker": "1", "reason": "a claim is open" }))
        .await;
    let caller = &office.gateway.caller;
    let gone = json!({
        "schemas": [BULK_REQUEST],
        "Operations": [{ "method": "DELETE", "path": "/Users", "bulkId": "1", "data": { "externalId": "1" } }],
    });
    office.send("POST", "pause", None).await;
    let answer = caller.post_bulk(&caller.token().await, gone.to_string()).await;
    assert_eq!(answer.unwrap().status(), 202);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    office.send("POST", "start", None).await;
    caller.settled().await;
    assert!(office.is_there("1") && !office.is_enabled("1"));
    office.lift(&hold).await;
    eventually("the account is deleted", async || !office.is_there("1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_a_hold_keeps_an_account_from_being_made_and_ends_by_itself() {
    let office = Office::of(&people(0..1), "", "").await;
    office.send("POST", "pause", None).await;
    office.gateway.caller.upload(&[person("7", "Cas Novak")]).await;
    // HR's word is known once somebody looks.
    office.send("POST", "plans", Some(json!({}))).await;
    eventually("HR's word is taken in", async || {
        let until = (Clock::system().now() + SignedDuration::from_secs(10)).to_string();
        let wanted = json!({ "worker": "7", "until": until, "reason": "a double of 0" });
        office.send("POST", "holds", Some(wanted)).await.0 == 201
    })
    .await;
    office.send("POST", "start", None).await;
    office.gateway.caller.settled().await;
    assert!(!office.is_there("7"));
    assert_eq!(
        office.gateway.caller.outcome("7").await,
        outcome("other", "warning", "OnHold")
    );
    eventually("the hold is over", async || office.is_there("7")).await;
    eventually("which is told", async || {
        let decided = office.decided().await;
        decided
            .first()
            .is_some_and(|(what, _, by)| what == "holdEnded" && by == "muster")
    })
    .await;
    assert_eq!(office.send("GET", "holds", None).await.1["value"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_single_attributes_are_held() {
    let office = Office::of(&[titled("1", "Ada Novak", "Clerk")], "", "").await;
    office
        .hold(json!({ "worker": "1", "attributes": ["Title", "accountDisabled"], "reason": "as agreed" }))
        .await;
    let department = |title: &str, active: bool| {
        let mut ada = with(titled("1", "Ada Novak", title), json!({ "active": active }));
        ada[crate::gateway::ENTERPRISE] = json!({ "department": "Law" });
        ada
    };
    office.says(&[department("Judge", false)]).await;
    assert_eq!(office.value("1", "department").as_deref(), Some("Law"));
    assert_eq!(office.value("1", "title").as_deref(), Some("Clerk"));
    assert!(!office.is_enabled("1"), "a leaver is let go");
    office.says(&[department("Judge", true)]).await;
    assert!(!office.is_enabled("1"), "and stays out");
    // A new account is made without what is held of it.
    office
        .gateway
        .caller
        .upload(&[json!({ "externalId": "2", "title": "Usher" })])
        .await;
    office.gateway.caller.settled().await;
    office
        .hold(json!({ "worker": "2", "attributes": ["title"], "reason": "as agreed" }))
        .await;
    office.says(&[titled("2", "Ben Novak", "Usher")]).await;
    assert_eq!(office.value("2", "title"), None);
    assert!(office.is_enabled("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_an_account_is_held_whoever_it_belongs_to() {
    let office = Office::of(&[titled("1", "Ada Novak", "Clerk")], "", "").await;
    let dn = office.entries("(employeeID=1)", &["cn"])[0].dn.clone();
    let name = office.value("1", "sAMAccountName").unwrap();
    let principal = office.value("1", "userPrincipalName").unwrap();
    let mut holds = Vec::new();
    for named in [&dn, &name, &principal] {
        holds.push(
            office
                .hold(json!({ "account": named, "reason": "shared with the press" }))
                .await,
        );
    }
    let anchor = holds[0]["account"]["anchor"].clone();
    holds.push(
        office
            .hold(json!({ "account": anchor, "reason": "by its object id" }))
            .await,
    );
    assert!(
        holds.iter().all(|hold| hold["account"] == holds[0]["account"]),
        "{holds:?}"
    );
    office
        .says(&[json!({ "externalId": "1", "title": "Judge" })])
        .await;
    for hold in &holds {
        assert_eq!(office.value("1", "title").as_deref(), Some("Clerk"));
        office.lift(hold).await;
    }
    eventually("what HR says is done at once", async || {
        office.value("1", "title").as_deref() == Some("Judge")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_a_held_account_that_is_nobodys_is_not_joined() {
    let office = Office::of(&[], "", "").await;
    office.made_by_hand("old.ada", "1");
    office.made_by_hand("old.ben", "2");
    let mut holds = Vec::new();
    for name in ["old.ada", "old.ben"] {
        holds.push(
            office
                .hold(json!({ "account": name, "reason": "whose is it?" }))
                .await,
        );
    }
    office.says(&[titled("1", "Ada Novak", "Judge")]).await;
    assert_eq!(office.value("1", "title"), None);
    assert_eq!(
        office.gateway.caller.outcome("1").await,
        outcome("other", "skipped", "OnHold")
    );
    assert_eq!(office.report().await["accounts"], 0, "it is nobody's");
    // A leaver is let go all the same (B13).
    office
        .says(&[with(
            titled("2", "Ben Novak", "Judge"),
            json!({ "active": false }),
        )])
        .await;
    assert!(!office.is_enabled("2"));
    assert_eq!(office.value("2", "title"), None);
    for hold in &holds {
        office.lift(hold).await;
    }
    eventually("it is Ada's at once", async || {
        office.value("1", "title").as_deref() == Some("Judge") && office.report().await["accounts"] == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_a_hold_is_met_by_undoing_too() {
    let office = Office::of(&[titled("1", "Ada Novak", "Clerk")], "", "").await;
    // By itself, and not in the burst in which the account was made.
    office.send("POST", "pause", None).await;
    let judge = json!({ "externalId": "1", "title": "Judge" });
    office.gateway.caller.upload(&[judge]).await;
    office.on_demand("1").await;
    office.gateway.caller.settled().await;
    let entries = office.gateway.caller.logs("sourceIdentity/id eq '1'").await;
    let cycle = entries[0]["cycleId"].as_str().unwrap().to_string();
    let hold = office
        .hold(json!({ "worker": "1", "reason": "the court's order" }))
        .await;
    let undone = office.by_hand("undo", json!({ "id": cycle })).await;
    let changed = undone["changed"].to_string();
    assert!(changed.contains("the court's order"), "{undone}");
    assert_eq!(office.value("1", "title").as_deref(), Some("Judge"));
    office.lift(&hold).await;
}
