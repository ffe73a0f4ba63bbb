//! What people are told when they have to decide: why so many are held (B17), and whom they have to disable by hand (B21).

use serde_json::{Value as Json, json};

use super::{Office, people};
use crate::gateway::{person, with};
use crate::report::alarms::Receiver;
use crate::support::lab;

#[tokio::test(flavor = "multi_thread")]
async fn b17_what_turned_is_told_of_a_mass_disable() {
    let mut receiver = Receiver::start().await;
    let office = Office::of(&people(0..30), "[app.guard]\ndisables = 5", &receiver.table()).await;
    office.leave(0..25).await;
    office.are_disabled(5).await;
    let raised = receiver.next().await;
    assert_eq!(raised["type"], "hold.raised", "{raised}");
    let expected = "active is 'False' for 20 of 20, where it was 'True'";
    let message = raised["data"]["message"].as_str().unwrap();
    assert!(message.contains(expected), "{message}");
    let turned = &raised["data"]["details"]["turned"];
    assert_eq!(
        *turned,
        json!({ "attribute": "active", "value": "False", "before": "True", "count": 20, "of": 20 })
    );
    let job = office.gateway.caller.job().await;
    assert_eq!(job["status"]["code"], "Quarantine");
    let quarantine = &job["status"]["quarantine"];
    assert_eq!(quarantine["reason"], "TooManyDeletes");
    let message = quarantine["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("20 × disable") && message.contains(expected),
        "{message}"
    );
    let report = office.says_of(&["report"]);
    assert!(report.contains(expected), "{report}");
    // Everything else goes on at its pace.
    let said = [
        person("100", "Cas Novak"),
        json!({ "externalId": "29", "title": "Judge" }),
    ];
    office.says(&said).await;
    assert_eq!(office.value("100", "cn").as_deref(), Some("Cas Novak"));
    assert_eq!(office.value("29", "title").as_deref(), Some("Judge"));
    // HR takes it back, and nothing is held any more.
    let back: Vec<Json> = (0..25)
        .map(|id| json!({ "externalId": id.to_string(), "active": true }))
        .collect();
    office.says(&back).await;
    assert_eq!(
        office.gateway.caller.job().await["status"]["quarantine"],
        Json::Null
    );
    let resolved = receiver.next().await;
    assert_eq!(resolved["type"], "hold.resolved", "{resolved}");
}

#[tokio::test(flavor = "multi_thread")]
async fn b21_a_leaver_whom_never_names_is_told_of_at_once() {
    let mut receiver = Receiver::start().await;
    let group = "CN=Keep,OU=Staff,DC=example,DC=test";
    let never = format!("never = \"{group}\"");
    let directory = lab::directory();
    let inner = "CN=Inner,OU=Staff,DC=example,DC=test";
    let made = |dn: &str, name: &str, more: &str| {
        let entry = format!("dn: {dn}\nobjectClass: group\ncn: {name}\nsAMAccountName: {name}\n{more}");
        directory.admin().add(&entry).unwrap();
    };
    made(inner, "Inner", "");
    made(group, "Keep", &format!("member: {inner}\n"));
    let office = Office::at(directory, &people(0..2), &never, &receiver.table()).await;
    let person_one = office.entries("(employeeID=1)", &["cn"])[0].dn.clone();
    let joins = format!("dn: {inner}\nchangetype: modify\nadd: member\nmember: {person_one}\n");
    office.directory.admin().modify(&joins).unwrap();
    // The burst in which they were made is over; another asks who is in the group.
    tokio::time::sleep(std::time::Duration::from_secs(32)).await;
    office
        .says(&[with(person("1", "Person Number1"), json!({ "title": "Judge" }))])
        .await;
    let (_, status, code) = office.gateway.caller.outcome("1").await;
    assert_eq!((status.as_str(), code.as_str()), ("warning", "ProtectedAccount"));
    assert_eq!(office.value("1", "title"), None);
    office.leave(1..2).await;
    assert!(office.is_enabled("1"), "it is never written");
    let raised = receiver.next().await;
    assert_eq!(raised["type"], "protected.raised", "{raised}");
    let message = raised["data"]["message"].as_str().unwrap();
    for expected in ["worker 1", "by hand", "`never` names it"] {
        assert!(message.contains(expected), "{expected}: {message}");
    }
    // Somebody does it by hand, and HR's word stands; or HR takes it back.
    office.says(&[json!({ "externalId": "1", "active": true })]).await;
    assert_eq!(receiver.next().await["type"], "protected.resolved");
}
