//! B22: names are chosen among candidates, and nobody is given one that somebody has: in any of the attributes by which
//! people are addressed, of any kind of object, or promised a moment ago.

use std::collections::BTreeSet;

use muster::domain::expression::Expression;
use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, Setup, eventually, person, with};
use crate::pull::ldap;
use crate::support::lab::{Lab, directory};
use crate::support::ldap::Entry;
use crate::support::tenant::Tenant;

const STAFF: &str = "OU=Staff,DC=example,DC=test";

/// The last candidate can always differ.
pub const DIRECTORY: &[(&str, &str)] = &[
    (
        "userPrincipalName",
        r#"SelectUniqueValue(Join("@", Join(".", [name.givenName], [name.familyName]), "example.test"), Join("@", Join(".", [name.givenName], [name.familyName], [externalId]), "example.test"))"#,
    ),
    (
        "sAMAccountName",
        r#"SelectUniqueValue(Mid(Join("", Mid([name.givenName], 1, 1), [name.familyName]), 1, 20), Mid(Join("", [externalId], [name.familyName]), 1, 20))"#,
    ),
    (
        "cn",
        r#"SelectUniqueValue([displayName], Join(" ", [displayName], [externalId]))"#,
    ),
];

const CLOUD: &[(&str, &str)] = &[(
    "userPrincipalName",
    r#"SelectUniqueValue(Join("@", NormalizeDiacritics(Join(".", [name.givenName], [name.familyName])), "example.test"), Join("@", NormalizeDiacritics(Join(".", [name.givenName], [name.familyName], [externalId])), "example.test"))"#,
)];

/// The template's schema with these mappings instead of its own.
pub fn schema(template: &str, choices: &[(&str, &str)]) -> String {
    let template = muster::domain::schema::template(template)
        .unwrap()
        .document()
        .unwrap();
    let mut schema = template.json().clone();
    let mappings = schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"].as_array_mut();
    for mapping in mappings.unwrap() {
        if let Some((_, expression)) = choices
            .iter()
            .find(|(target, _)| mapping["targetAttributeName"] == *target)
        {
            mapping["source"] = json!({ "expression": expression });
        }
    }
    schema.to_string()
}

async fn gateway(setup: Setup, template: &str, choices: &[(&str, &str)]) -> Gateway {
    std::fs::write(setup.dir.path().join("schema.json"), schema(template, choices)).unwrap();
    setup.app("start = true\nschema = \"schema.json\"").start().await
}

async fn in_directory() -> (Lab, Gateway) {
    let lab = tokio::task::block_in_place(directory);
    let setup = Setup::with_target(&ldap(&lab));
    let gateway = gateway(setup, "API2AD", DIRECTORY).await;
    (lab, gateway)
}

fn namesakes(count: usize) -> Vec<Json> {
    (0..count)
        .map(|number| person(&format!("{number:04}"), "Ada Byron"))
        .collect()
}

fn values(entries: &[Entry], attribute: &str) -> BTreeSet<String> {
    entries
        .iter()
        .map(|entry| entry.value(attribute).unwrap().to_lowercase())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_namesakes_who_arrive_at_once_get_names_of_their_own() {
    let (lab, gateway) = in_directory().await;
    // A shared mailbox, by an address that is nobody's user name.
    lab.admin()
        .add(&format!(
            "dn: CN=Info,{STAFF}\nobjectClass: contact\nproxyAddresses: SMTP:Info@example.test\nproxyAddresses: smtp:ada.byron@example.test\n"
        ))
        .unwrap();
    for some in namesakes(200).chunks(50) {
        gateway.caller.upload(some).await;
    }
    gateway.caller.settled().await;
    let held = lab.admin().search("(employeeID=*)", &["*"]).unwrap();
    assert_eq!(held.len(), 200);
    for attribute in ["userPrincipalName", "sAMAccountName", "cn"] {
        assert_eq!(values(&held, attribute).len(), 200, "{attribute}");
    }
    assert!(
        !values(&held, "userPrincipalName").contains("ada.byron@example.test"),
        "that is the mailbox's"
    );
    // In the order of their numbers: the first has what nobody had.
    let first = held
        .iter()
        .find(|entry| entry.value("employeeID") == Some("0000"))
        .unwrap();
    assert_eq!(
        (
            first.value("cn"),
            first.value("sAMAccountName"),
            first.value("userPrincipalName")
        ),
        (
            Some("Ada Byron"),
            Some("AByron"),
            Some("Ada.Byron.0000@example.test")
        )
    );
    assert_eq!(
        lab.answers("add").await,
        json!({ "0": 201 }),
        "nothing was tried twice"
    );

    // Somebody who comes later finds the short names given away, and a title changes nobody's name.
    gateway
        .caller
        .upload(&[
            person("9000", "Ada Byron"),
            json!({ "externalId": "0000", "title": "Countess" }),
        ])
        .await;
    gateway.caller.settled().await;
    let later = lab.admin().search("(employeeID=9000)", &["*"]).unwrap();
    assert_eq!(later[0].value("sAMAccountName"), Some("9000Byron"));
    let first = lab.admin().search("(employeeID=0000)", &["*"]).unwrap();
    assert_eq!(
        (first[0].value("title"), first[0].value("sAMAccountName")),
        (Some("Countess"), Some("AByron"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_gives_no_name_that_somebody_has_in_another_form() {
    let tenant = Tenant::unthrottled();
    tenant.alter(json!({ "set": {
        "userPrincipalName": "info@example.test", "displayName": "Info", "mailNickname": "info", "userType": "Member",
        "proxyAddresses": ["SMTP:info@example.test", "smtp:zoe.muller@example.test"],
    } }));
    let gateway = gateway(Setup::with_cloud(&tenant.target()), "API2AAD", CLOUD).await;
    gateway
        .caller
        .upload(&[
            person("1", "Zoë Müller"),
            person("2", "Ada Byron"),
            person("3", "Ada Byron"),
        ])
        .await;
    gateway.caller.settled().await;
    for (worker, name) in [
        ("1", "Zoe.Muller.1@example.test"),
        ("2", "Ada.Byron@example.test"),
        ("3", "Ada.Byron.3@example.test"),
    ] {
        assert_eq!(tenant.user(worker)["userPrincipalName"], name, "{worker}");
    }
    let refused = &tenant.lab.state()["answers"]["POST /users"]["400"];
    assert!(refused.is_null(), "no name was tried in vain: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_candidate_left_is_a_failure_that_says_so_and_keeps_nobody_waiting() {
    let tenant = Tenant::unthrottled();
    let one = r#"SelectUniqueValue(Join("@", [name.familyName], "example.test"), Join("@", [name.familyName], "example.test"))"#;
    let gateway = gateway(
        Setup::with_cloud(&tenant.target()),
        "API2AAD",
        &[("userPrincipalName", one)],
    )
    .await;
    gateway
        .caller
        .upload(&[
            person("1", "Ada Byron"),
            person("2", "Bea Byron"),
            person("3", "Grace Hopper"),
        ])
        .await;
    gateway.caller.settled().await;
    assert_eq!(tenant.user("1")["userPrincipalName"], "Byron@example.test");
    assert_eq!(tenant.user("3")["userPrincipalName"], "Hopper@example.test");
    assert_eq!(gateway.caller.outcome("2").await.1, "failure");
    let entry = gateway.caller.logs("sourceIdentity/id eq '2'").await.remove(0);
    let reason = entry["provisioningStatusInfo"]["errorInformation"]["reason"].to_string();
    assert!(
        reason.contains("userPrincipalName") && reason.contains("candidate"),
        "{reason}"
    );
    // HR corrects the record.
    gateway
        .caller
        .upload(&[json!({ "externalId": "2", "name": { "familyName": "Lovelace" } })])
        .await;
    eventually("the corrected record is made", async || {
        !tenant.holders("2").is_empty()
    })
    .await;
    assert_eq!(tenant.user("2")["userPrincipalName"], "Lovelace@example.test");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_given_is_given_again_after_a_refusal() {
    let tenant = Tenant::unthrottled();
    let gateway = gateway(Setup::with_cloud(&tenant.target()), "API2AAD", CLOUD).await;
    tenant.faults(json!([{ "on": "POST /users", "times": 1, "do": { "answer": { "code": 403 } } }]));
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    gateway.caller.settled().await;
    assert_eq!(gateway.caller.outcome("1").await.1, "failure");
    // Somebody of the same name does not take it meanwhile.
    gateway.caller.upload(&[person("2", "Ada Byron")]).await;
    gateway.caller.settled().await;
    assert_eq!(tenant.user("2")["userPrincipalName"], "Ada.Byron.2@example.test");
    gateway
        .caller
        .upload(&[with(person("1", "Ada Byron"), json!({ "title": "Countess" }))])
        .await;
    gateway.caller.settled().await;
    assert_eq!(tenant.user("1")["userPrincipalName"], "Ada.Byron@example.test");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_somebody_in_the_bin_is_not_given() {
    let tenant = Tenant::unthrottled();
    tenant.alter(json!({ "set": {
        "userPrincipalName": "left@example.test", "displayName": "Left", "mailNickname": "left", "employeeId": "0",
        "userType": "Member", "proxyAddresses": ["SMTP:left@example.test", "smtp:ada.byron@example.test"],
    } }));
    let left = tenant.user("0")["id"].as_str().unwrap().to_string();
    tenant.delete(&left).await;
    let gateway = gateway(Setup::with_cloud(&tenant.target()), "API2AAD", CLOUD).await;
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    gateway.caller.settled().await;
    assert_eq!(tenant.user("1")["userPrincipalName"], "Ada.Byron.1@example.test");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_tenant_refuses_gives_nobody_a_name_and_holds_up_nobody_else() {
    let tenant = Tenant::unthrottled();
    // Graph compares offices in advanced queries only.
    let office = r#"IIF(IsPresent([title]), SelectUniqueValue([title]), "")"#;
    let refused = Expression::parse(office).unwrap_err();
    assert!(refused.message.contains("SelectUniqueValue"), "{refused}");
    let office = (
        "physicalDeliveryOfficeName",
        r#"SelectUniqueValue([title], [externalId])"#,
    );
    let gateway = gateway(
        Setup::with_cloud(&tenant.target()),
        "API2AAD",
        &[CLOUD[0], office],
    )
    .await;
    gateway
        .caller
        .upload(&[with(person("1", "Ada Byron"), json!({ "title": "Room 1" }))])
        .await;
    gateway.caller.settled().await;
    let entry = gateway.caller.logs("sourceIdentity/id eq '1'").await.remove(0);
    let text = entry.to_string();
    assert!(text.contains("UniqueValueNotChosen"), "{text}");
    let user = tenant.user("1");
    assert_eq!(
        (&user["userPrincipalName"], &user["officeLocation"]),
        (&json!("Ada.Byron@example.test"), &Json::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_gives_no_name_that_somebody_has_in_the_tenant() {
    let tenant = Tenant::unthrottled();
    tenant.alter(json!({ "set": {
        "userPrincipalName": "ada.byron@example.test", "displayName": "Ada", "mailNickname": "ada", "userType": "Guest",
    } }));
    let lab = tokio::task::block_in_place(directory);
    let cloud = format!("[system.cloud]\n{}\n", tenant.target());
    let setup = Setup::with_target(&ldap(&lab)).clients(&cloud);
    let gateway = gateway(setup, "API2AD", DIRECTORY).await;
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    gateway.caller.settled().await;
    let made = lab.admin().search("(employeeID=1)", &["*"]).unwrap();
    assert_eq!(
        made[0].value("userPrincipalName"),
        Some("Ada.Byron.1@example.test")
    );

    // While the tenant cannot be asked nobody is given a name, and whoever has one goes on.
    tenant.faults(json!([{ "on": "*", "do": { "answer": { "code": 403 } } }]));
    gateway
        .caller
        .upload(&[
            person("2", "Ada Byron"),
            json!({ "externalId": "1", "title": "Countess" }),
        ])
        .await;
    gateway.caller.settled().await;
    assert!(lab.admin().search("(employeeID=2)", &["*"]).unwrap().is_empty());
    let entry = gateway.caller.logs("sourceIdentity/id eq '2'").await.remove(0);
    assert!(entry.to_string().contains("UniqueValueNotChosen"), "{entry}");
    let first = lab.admin().search("(employeeID=1)", &["*"]).unwrap();
    assert_eq!(first[0].value("title"), Some("Countess"));
}
