//! A cycle works on several pages of workers at once; nobody may notice.

use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, JOB, Setup, outcome, person, with};
use crate::guard;
use crate::jobs::{account, is_enabled, only};
use crate::pull::ldap;
use crate::support::{lab, openldap};

/// More than go on one page, so that the first and the last of them are on neighbouring ones.
const PEOPLE: usize = 700;

/// API2AD, but matched by employee number, which two workers may share.
fn schema() -> Json {
    let template = muster::domain::schema::template("API2AD").unwrap();
    let mut schema = template.document().unwrap().json().clone();
    let mappings = &mut schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    let matching = mappings
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|mapping| mapping["targetAttributeName"] == "employeeID")
        .unwrap();
    let name = format!("{ENTERPRISE}:employeeNumber");
    matching["source"] =
        json!({ "type": "Attribute", "name": name, "expression": format!("[{name}]"), "parameters": [] });
    schema
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_page_knows_what_the_last_one_did() {
    let directory = openldap::directory();
    let setup = Setup::with_target(&guard::target(&directory)).app("start = true\nschema = \"schema.json\"");
    std::fs::write(setup.dir.path().join("schema.json"), schema().to_string()).unwrap();
    let gateway = setup.start().await;
    let numbered = |id: usize, number: usize, manager: Option<usize>| {
        let mut person = person(&format!("{id:04}"), &format!("Person Number{id}"));
        person[ENTERPRISE] = json!({ "employeeNumber": number.to_string() });
        if let Some(manager) = manager {
            person[ENTERPRISE]["manager"] = json!({ "value": format!("{manager:04}") });
        }
        person
    };
    // The first is everybody's manager, on this page and the next; the last is the first one's. Two share a number.
    let mut people: Vec<Json> = (0..PEOPLE)
        .map(|id| numbered(id, id, Some(if id == 0 { PEOPLE - 1 } else { 0 })))
        .collect();
    people.push(numbered(PEOPLE, 0, None));
    gateway.caller.upload(&people).await;
    gateway.caller.settled().await;

    let (_, status, code) = gateway.caller.outcome(&format!("{PEOPLE:04}")).await;
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("failure", "DuplicateSourceEntries")
    );
    let accounts = directory
        .client()
        .search("(employeeID=*)", &["employeeID", "manager"])
        .unwrap();
    assert_eq!(accounts.len(), PEOPLE, "everybody once");
    crate::gateway::eventually("everybody has a manager", async || {
        let managed = directory.client().search("(manager=*)", &["1.1"]).unwrap();
        managed.len() == PEOPLE
    })
    .await;
    let created = format!(
        "jobid eq '{JOB}' and provisioningAction eq 'create' and provisioningStatusInfo/status eq 'success'"
    );
    assert_eq!(gateway.caller.logs(&created).await.len(), PEOPLE);
}

/// Somebody who is hired again under another number of HR's, and no key that says so: the old record has the same matching value,
/// comes first, and would not take the account.
#[tokio::test(flavor = "multi_thread")]
async fn b7_a_record_that_takes_no_account_keeps_it_from_nobody() {
    let lab = tokio::task::block_in_place(lab::directory);
    let mut schema = schema();
    let object = &mut schema["synchronizationRules"][0]["objectMappings"][0];
    only(object, "userType", "EQUALS", "Employee");
    let setup = Setup::with_target(&ldap(&lab)).app("start = true\nschema = \"schema.json\"");
    std::fs::write(setup.dir.path().join("schema.json"), schema.to_string()).unwrap();
    let by_hand = "dn: CN=Bea Novak,OU=Staff,DC=example,DC=test\nobjectClass: user\nsAMAccountName: bea.novak\nemployeeID: 8\nuserAccountControl: 544\n";
    lab.admin().add(by_hand).unwrap();
    let gateway = setup.start().await;
    let record = |id: &str, name: &str, kind: &str, number: &str| {
        with(
            person(id, name),
            json!({ "userType": kind, ENTERPRISE: { "employeeNumber": number } }),
        )
    };
    let people = [
        record("1001", "Ada Byron", "Former", "7"),
        record("1001-2", "Ada Byron", "Employee", "7"),
        record("2001", "Bea Novak", "Former", "8"),
        record("2001-2", "Bea Novak", "Employee", "8"),
    ];
    gateway.caller.upload(&people).await;
    gateway.caller.settled().await;
    for (old, new, number) in [("1001", "1001-2", "7"), ("2001", "2001-2", "8")] {
        let (action, status, code) = gateway.caller.outcome(new).await;
        assert_eq!(
            (status.as_str(), code.as_str()),
            ("success", ""),
            "{action} {new}"
        );
        assert_eq!(
            gateway.caller.outcome(old).await,
            outcome("other", "skipped", "EntrySynchronizationSkipped")
        );
        let held = account(&lab, number);
        assert!(is_enabled(&held) && held.value("displayName").is_some(), "{new}");
    }
}
