//! References across jobs: whoever somebody refers to may be in another job's scope, come later, or never.

use std::sync::atomic::Ordering;

use serde_json::{Value as Json, json};

use super::{Beside, account, clock, first_schema, is_enabled, keep, omit, only, schema, settled, start};
use crate::gateway::{Caller, ENTERPRISE, JOB, Setup, eventually, person, with};
use crate::pull::ldap;
use crate::support::lab::{Lab, directory};
use crate::support::tenant::Tenant;

/// Somebody of a kind, with a manager.
fn worker(id: &str, name: &str, kind: &str, manager: Option<&str>) -> Json {
    let manager = manager.map(|manager| json!({ "value": manager }));
    with(
        person(id, name),
        json!({ "userType": kind, ENTERPRISE: { "manager": manager } }),
    )
}

fn kind(kind: &'static str) -> String {
    schema(move |object| only(object, "userType", "EQUALS", kind))
}

fn manager_of(lab: &Lab, employee: &str) -> Option<String> {
    account(lab, employee).value("manager").map(str::to_lowercase)
}

fn dn_of(lab: &Lab, employee: &str) -> Option<String> {
    Some(account(lab, employee).dn.to_lowercase())
}

/// What the newest entry's steps say of references: (status, reason).
async fn resolution(caller: &Caller, job: &str, worker: &str) -> Option<(String, String)> {
    let entries = caller
        .logs(&format!("jobid eq '{job}' and sourceIdentity/id eq '{worker}'"))
        .await;
    let steps = entries.first()?["provisioningSteps"].as_array()?.clone();
    let step = steps
        .iter()
        .find(|step| step["provisioningStepType"] == "referenceResolution")?;
    let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
    Some((text(&step["status"]), text(&step["details"]["reason"])))
}

fn warning(reason: &str) -> Option<(String, String)> {
    Some(("warning".into(), reason.into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_is_found_in_another_jobs_accounts_and_whoever_waits_is_woken_by_that_job() {
    let lab = tokio::task::block_in_place(directory);
    let setup = first_schema(Setup::with_target(&ldap(&lab)), &kind("Employee"));
    let beside = [Beside::new(1, "contractors").schema(&setup, &kind("Contractor"))];
    let gateway = start(setup, &beside).await;
    let caller = &gateway.caller;
    caller
        .upload(&[worker("1", "Ada Byron", "Contractor", Some("2"))])
        .await;
    settled(caller, &beside).await;
    assert_eq!(resolution(caller, "contractors", "1").await, warning("unknown"));
    assert_eq!(manager_of(&lab, "1"), None);
    // The other job makes the manager's account, and this one writes the reference.
    caller
        .upload(&[worker("2", "Grace Hopper", "Employee", None)])
        .await;
    settled(caller, &beside).await;
    eventually("the manager is set", async || manager_of(&lab, "1").is_some()).await;
    assert_eq!(manager_of(&lab, "1"), dn_of(&lab, "2"));
    // And the other way round, at once.
    caller
        .upload(&[worker("3", "Edith Clarke", "Employee", Some("1"))])
        .await;
    settled(caller, &beside).await;
    eventually("the manager is set", async || manager_of(&lab, "3").is_some()).await;
    assert_eq!(manager_of(&lab, "3"), dn_of(&lab, "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_of_each_manager_who_is_missing_why() {
    let lab = tokio::task::block_in_place(directory);
    let setup = first_schema(Setup::with_target(&ldap(&lab)), &kind("Employee"));
    let gateway = start(setup, &[]).await;
    let caller = &gateway.caller;
    caller
        .upload(&[
            worker("1", "Ada Byron", "Employee", Some("404")),
            worker("2", "Grace Hopper", "Guest", None),
            worker("3", "Edith Clarke", "Employee", Some("2")),
            worker("4", "Lise Meitner", "Employee", Some("4")),
            worker("5", "Emmy Noether", "Employee", Some("6")),
            worker("6", "Mary Somerville", "Employee", Some("5")),
        ])
        .await;
    caller.settled().await;
    for (id, reason) in [("1", "unknown"), ("3", "outOfScope")] {
        assert_eq!(resolution(caller, JOB, id).await, warning(reason), "{id}");
        let (action, status, code) = caller.outcome(id).await;
        assert_eq!(
            (action.as_str(), status.as_str(), code.as_str()),
            ("create", "success", ""),
            "an unknown manager is no failure of the account's"
        );
    }
    // Whoever is their own manager, and two who are each other's, have accounts that can be pointed at.
    for (id, manager) in [("4", "4"), ("5", "6"), ("6", "5")] {
        eventually("the manager is set", async || {
            manager_of(&lab, id) == dn_of(&lab, manager)
        })
        .await;
    }
    let (_, job) = caller.send("GET", &caller.job_path(), None).await;
    assert!(job["status"]["quarantine"].is_null(), "{job}");
    // Out of scope once, in scope now.
    caller
        .upload(&[json!({ "externalId": "2", "userType": "Employee" })])
        .await;
    eventually("the manager is set", async || manager_of(&lab, "3").is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_pointed_at_an_account_in_the_bin() {
    let tenant = Tenant::unthrottled();
    let gateway = start(Setup::with_cloud(&tenant.target()), &[]).await;
    let caller = &gateway.caller;
    caller.upload(&[person("1", "Ada Byron")]).await;
    caller.settled().await;
    let id = tenant.user("1")["id"].as_str().unwrap().to_string();
    tenant.delete(&id).await;
    caller
        .upload(&[json!({ "externalId": "1", "title": "Countess" })])
        .await;
    caller.settled().await;
    assert_eq!(caller.outcome("1").await.2, "DeletedElsewhere");
    caller
        .upload(&[worker("2", "Grace Hopper", "Member", Some("1"))])
        .await;
    caller.settled().await;
    assert_eq!(resolution(caller, JOB, "2").await, warning("inBin"));
    assert_eq!(caller.outcome("2").await.1, "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_only_sets_managers_works_over_everybody_and_owns_nobody() {
    let lab = tokio::task::block_in_place(directory);
    let without = |kind: &'static str| {
        schema(move |object| {
            omit(object, &["manager"]);
            only(object, "userType", "EQUALS", kind);
        })
    };
    let setup = first_schema(Setup::with_target(&ldap(&lab)), &without("Employee"));
    let managers = schema(|object| {
        object["flowTypes"] = json!("Update");
        keep(object, &["employeeID", "manager"]);
    });
    let beside = [
        Beside::new(1, "contractors").schema(&setup, &without("Contractor")),
        Beside::new(2, "managers").schema(&setup, &managers),
    ];
    let gateway = start(setup, &beside).await;
    let caller = &gateway.caller;
    let ids = ["1", "2", "3", "4", "5"];
    caller
        .upload(&[
            worker("1", "Ada Byron", "Contractor", Some("2")),
            worker("2", "Grace Hopper", "Employee", Some("3")),
            worker("3", "Edith Clarke", "Employee", None),
            worker("4", "Lise Meitner", "Guest", Some("3")),
            worker("5", "Emmy Noether", "Contractor", Some("1")),
        ])
        .await;
    settled(caller, &beside).await;
    for (id, manager) in [("1", "2"), ("2", "3"), ("5", "1")] {
        eventually("the manager is set", async || {
            manager_of(&lab, id) == dn_of(&lab, manager)
        })
        .await;
    }
    let made = super::accounts(&lab, "(employeeID=*)").len();
    assert_eq!(made, ids.len() - 1, "who is in nobody's scope has no account");
    let (_, status, code, reason) = super::told(caller, "managers", "4").await.remove(0);
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("skipped", "EntrySynchronizationSkipped")
    );
    assert!(reason.contains("Add is not among its flowTypes"), "{reason}");
    // Leavers are the other jobs', as before.
    caller
        .upload(&[json!({ "externalId": "1", "active": false })])
        .await;
    settled(caller, &beside).await;
    assert!(!is_enabled(&account(&lab, "1")));
    assert_eq!(super::told(caller, "contractors", "1").await[0].0, "disable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_waits_is_told_again_once_a_day_and_heals() {
    let lab = tokio::task::block_in_place(directory);
    let (clock, ahead) = clock();
    let setup = Setup::with_target(&ldap(&lab)).pulls("kind = \"bulk\"", "API2AD", clock);
    let gateway = start(setup, &[]).await;
    let caller = &gateway.caller;
    caller
        .upload(&[worker("1", "Ada Byron", "Employee", Some("404"))])
        .await;
    caller.settled().await;
    let entries = async || super::told(caller, JOB, "1").await.len();
    assert_eq!(entries().await, 1);
    let pass = |hours: i64| ahead.fetch_add(hours * 3600, Ordering::Relaxed);
    for (hours, told) in [(23, 1), (2, 2), (1, 2), (24, 3)] {
        pass(hours);
        // Somebody else's news goes the same way behind.
        let marker = format!("{hours}{told}");
        caller
            .upload(&[person(&marker, &format!("Marker Number{marker}"))])
            .await;
        caller.settled().await;
        match told {
            1 => assert_eq!(entries().await, 1),
            told => eventually("the log tells of it again", async || entries().await == told).await,
        }
        assert_eq!(entries().await, told, "after {hours} hours more");
    }
    assert_eq!(resolution(caller, JOB, "1").await, warning("unknown"));
    caller.upload(&[person("404", "Grace Hopper")]).await;
    eventually("the manager is set", async || manager_of(&lab, "1").is_some()).await;
    pass(48);
    caller.upload(&[person("9", "Last Marker")]).await;
    caller.settled().await;
    let healed = entries().await;
    assert_eq!(resolution(caller, JOB, "1").await, None, "nothing waits any more");
    assert!(
        healed <= 4,
        "the entry of the reference itself, and no more: {healed}"
    );
}
