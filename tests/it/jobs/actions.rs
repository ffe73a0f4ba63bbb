//! Target object actions (Graph's flowTypes): what a job may not do it does not do, and says so where somebody has to know.

use std::sync::atomic::Ordering;

use serde_json::{Value as Json, json};

use super::{
    Beside, account, accounts, clock, first_schema, is_enabled, keep, omit, schema, settled, start, told,
};
use crate::gateway::{ENTERPRISE, Gateway, JOB, Setup, eventually, person, with};
use crate::pull::ldap;
use crate::support::lab::{Lab, directory};

/// A gateway whose first job has these actions.
async fn with_actions(lab: &Lab, actions: &str, keys: &str) -> Gateway {
    let schema = schema(|object| object["flowTypes"] = json!(actions));
    let setup = first_schema(Setup::with_target(&ldap(lab)), &schema);
    start(setup.app(keys), &[]).await
}

/// An account that was there before.
fn account_of(lab: &Lab, employee: &str, name: &str) {
    lab.admin()
        .add(&format!(
            "dn: CN={name},{}\nobjectClass: user\nsAMAccountName: {}\nemployeeID: {employee}\nuserAccountControl: 544\n",
            super::STAFF,
            name.replace(' ', ".")
        ))
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_add_accounts_are_updated_and_disabled_and_nobody_is_made() {
    let lab = tokio::task::block_in_place(directory);
    account_of(&lab, "1", "Ada Byron");
    let gateway = with_actions(&lab, "Update", "").await;
    let people = [
        with(person("1", "Ada Byron"), json!({ "title": "Countess" })),
        person("2", "Grace Hopper"),
    ];
    gateway.caller.upload(&people).await;
    gateway.caller.settled().await;
    assert_eq!(account(&lab, "1").value("title"), Some("Countess"));
    assert!(accounts(&lab, "(employeeID=2)").is_empty());
    let (_, status, code, reason) = told(&gateway.caller, JOB, "2").await.remove(0);
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("skipped", "EntrySynchronizationSkipped")
    );
    assert!(reason.contains("Add is not among its flowTypes"), "{reason}");
    // Nobody owns the account, so whoever may write it disables the leaver (B13).
    let gone = json!({ "externalId": "1", "active": false });
    gateway.caller.upload(&[gone]).await;
    gateway.caller.settled().await;
    assert!(!is_enabled(&account(&lab, "1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_update_accounts_are_made_and_a_leaver_is_a_failure_that_says_so() {
    let lab = tokio::task::block_in_place(directory);
    account_of(&lab, "1", "Ada Byron");
    let gateway = with_actions(&lab, "Add", "").await;
    gateway
        .caller
        .upload(&[
            with(person("1", "Ada Byron"), json!({ "title": "Countess" })),
            with(
                person("2", "Grace Hopper"),
                json!({ "title": "Admiral", ENTERPRISE: { "manager": { "value": "404" } } }),
            ),
        ])
        .await;
    gateway.caller.settled().await;
    assert_eq!(account(&lab, "1").value("title"), None, "it was there before");
    assert_eq!(account(&lab, "2").value("title"), Some("Admiral"));
    let entry = gateway.caller.logs("sourceIdentity/id eq '2'").await.remove(0);
    assert!(
        entry.to_string().contains("it stays empty, since Update"),
        "{entry}"
    );
    gateway
        .caller
        .upload(&[json!({ "externalId": "2", "title": "Rear admiral" })])
        .await;
    gateway.caller.settled().await;
    assert_eq!(account(&lab, "2").value("title"), Some("Admiral"));
    assert_eq!(gateway.caller.outcome("2").await.1, "skipped");

    gateway
        .caller
        .upload(&[json!({ "externalId": "2", "active": false })])
        .await;
    gateway.caller.settled().await;
    assert!(is_enabled(&account(&lab, "2")));
    let (_, status, code, reason) = told(&gateway.caller, JOB, "2").await.remove(0);
    assert_eq!((status.as_str(), code.as_str()), ("failure", "UpdateNotAllowed"));
    assert!(reason.contains("Disable it by hand, now"), "{reason}");
    // Somebody does, and it is over.
    lab.admin()
        .modify(&format!(
            "dn: {}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n",
            account(&lab, "2").dn
        ))
        .unwrap();
    gateway
        .caller
        .upload(&[json!({ "externalId": "2", "title": "Retired" })])
        .await;
    gateway.caller.settled().await;
    assert_eq!(gateway.caller.outcome("2").await.1, "skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_at_the_source_is_deleted_only_with_delete() {
    let lab = tokio::task::block_in_place(directory);
    for (actions, remains) in [
        ("Add, Update", true),
        ("Add, Update, Delete", false),
        ("Add, Delete", false),
    ] {
        let gateway = with_actions(&lab, actions, "delete_after = \"0\"\nallow_unrecoverable = true").await;
        let id = actions.len().to_string();
        gateway
            .caller
            .upload(&[person(&id, &format!("Number {id}"))])
            .await;
        gateway.caller.settled().await;
        assert_eq!(accounts(&lab, &format!("(employeeID={id})")).len(), 1);
        remove(&gateway, &id).await;
        let is_there = !accounts(&lab, &format!("(employeeID={id})")).is_empty();
        assert_eq!(is_there, remains, "{actions}");
        gateway.stop().await;
    }
}

/// HR removes somebody.
async fn remove(gateway: &Gateway, id: &str) {
    let body = json!({
        "schemas": [crate::gateway::BULK_REQUEST],
        "Operations": [{ "method": "DELETE", "path": "/Users", "bulkId": id, "data": { "externalId": id } }],
    });
    let token = gateway.caller.token().await;
    let answer = gateway.caller.post_bulk(&token, body.to_string()).await.unwrap();
    assert_eq!(answer.status(), 202);
    gateway.caller.settled().await;
}

/// The directory forgets a deleted manager by itself, and nobody would look at the people behind that.
#[tokio::test(flavor = "multi_thread")]
async fn who_loses_a_manager_waits_for_the_next_account() {
    let lab = tokio::task::block_in_place(directory);
    let keys = "delete_after = \"0\"\nallow_unrecoverable = true";
    let gateway = with_actions(&lab, "Add, Update, Delete", keys).await;
    let (manager, managed) = (
        person("1", "Ada Byron"),
        json!({ ENTERPRISE: { "manager": { "value": "1" } } }),
    );
    let people = [manager.clone(), with(person("2", "Grace Hopper"), managed)];
    gateway.caller.upload(&people).await;
    gateway.caller.settled().await;
    let refers = || account(&lab, "2").value("manager").map(String::from);
    let first = account(&lab, "1").dn.clone();
    assert_eq!(refers().as_ref(), Some(&first));
    remove(&gateway, "1").await;
    assert_eq!(refers(), None);
    gateway.caller.upload(&[manager]).await;
    eventually("the manager who is back is the manager", async || {
        refers().as_ref() == Some(&first)
    })
    .await;
}

/// One app makes the accounts, another writes what is theirs, and neither does both.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_makes_accounts_owns_none_and_another_disables_them() {
    let lab = tokio::task::block_in_place(directory);
    let makes = schema(|object| object["flowTypes"] = json!("Add"));
    let setup = first_schema(Setup::with_target(&ldap(&lab)), &makes);
    let writes = schema(|object| {
        object["flowTypes"] = json!("Update");
        keep(object, &["employeeID", "accountDisabled", "title"]);
    });
    let beside = [Beside::new(1, "updates").schema(&setup, &writes)];
    let gateway = start(setup, &beside).await;
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    settled(&gateway.caller, &beside).await;
    let said = json!({ "externalId": "1", "title": "Countess" });
    gateway.caller.upload(&[said]).await;
    settled(&gateway.caller, &beside).await;
    eventually("the other job writes", async || {
        account(&lab, "1").value("title") == Some("Countess")
    })
    .await;
    gateway
        .caller
        .upload(&[json!({ "externalId": "1", "active": false })])
        .await;
    settled(&gateway.caller, &beside).await;
    eventually("the other job disables", async || {
        !is_enabled(&account(&lab, "1"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_filter_leaves_the_administrators_second_account_out() {
    let lab = tokio::task::block_in_place(directory);
    for (employee, name) in [
        ("1", "Ada Byron"),
        ("1", "adm-ada"),
        ("2", "adm-bea"),
        ("2", "adm-bea2"),
    ] {
        account_of(&lab, employee, name);
    }
    let gateway = with_actions(
        &lab,
        "Add, Update",
        "twin_filter = { sAMAccountName = \"^adm-\" }",
    )
    .await;
    let people: [Json; 2] = [("1", "Ada Byron"), ("2", "Bea Byron")]
        .map(|(id, name)| with(person(id, name), json!({ "title": "Countess" })));
    gateway.caller.upload(&people).await;
    gateway.caller.settled().await;
    let titled: Vec<String> = accounts(&lab, "(title=Countess)")
        .iter()
        .map(|entry| entry.value("sAMAccountName").unwrap().to_string())
        .collect();
    assert_eq!(titled, ["Ada.Byron"]);
    let entry = gateway.caller.logs("sourceIdentity/id eq '1'").await.remove(0);
    assert!(entry.to_string().contains("TwinLeftOut"), "{entry}");
    assert_eq!(
        gateway.caller.outcome("2").await.2,
        "DuplicateTargetEntries",
        "none of them is no twin"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_gone_is_made_again_only_on_hrs_later_word() {
    let lab = tokio::task::block_in_place(directory);
    let (clock, ahead) = clock();
    let pass = |minutes: i64| ahead.fetch_add(60 * minutes, Ordering::Relaxed);
    let target = format!("{}\nreplication_delay = \"15m\"\n", ldap(&lab));
    let first = schema(|object| omit(object, &["manager"]));
    let setup = first_schema(Setup::with_target(&target), &first).pulls("kind = \"bulk\"", "API2AD", clock);
    let gateway = start(setup.app("recreate = true"), &[]).await;
    let say = async |data: Json| {
        gateway.caller.upload(&[data]).await;
        gateway.caller.settled().await;
    };
    let remove = |employee: &str| {
        lab.admin().delete(&account(&lab, employee).dn).unwrap();
    };
    // Beyond what is waited for after a controller was chosen.
    say(person("0", "Zoe Byron")).await;
    pass(30);
    say(person("1", "Ada Byron")).await;
    pass(10);
    remove("1");
    // As yet another controller may not have heard of the account.
    say(json!({ "externalId": "1", "title": "Countess" })).await;
    assert_eq!(gateway.caller.outcome("1").await.2, "InvalidAnchor");
    pass(10);
    say(json!({ "externalId": "1", "title": "Duchess" })).await;
    assert_eq!(account(&lab, "1").value("title"), Some("Duchess"));
    assert_eq!(gateway.caller.outcome("1").await.0, "create");
    // Not for somebody who has left.
    pass(60);
    remove("1");
    say(json!({ "externalId": "1", "active": false })).await;
    assert!(accounts(&lab, "(employeeID=1)").is_empty());
    assert_eq!(gateway.caller.outcome("1").await.2, "InvalidAnchor");
}
