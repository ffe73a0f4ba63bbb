//! The simulated tenant as a source.

use std::time::{Duration, Instant};

use muster::connector::{Cursor, End, Severity, Source, Watermark};
use muster::domain::value::Value;
use muster::error::Kind;
use muster::lab::entra::{Settings, Throttling};
use serde_json::{Value as Json, json};

use crate::support::source::{self, Heard, nowhere};
use crate::support::tenant::Tenant;

const ATTRIBUTES: &[&str] = &[
    "employeeId",
    "accountEnabled",
    "mail",
    "userPrincipalName",
    "telephoneNumber",
    "division",
    "extensionAttribute1",
    "otherMails",
    "manager",
];

fn tenant(delta_page: usize) -> Tenant {
    Tenant::new(Settings {
        throttle: Throttling::Off,
        delta_page,
        ..Settings::default()
    })
}

fn source_of(tenant: &Tenant) -> Box<dyn Source> {
    source::source(&tenant.target(), ATTRIBUTES)
}

/// Puts somebody there; gives the id.
fn hire(tenant: &Tenant, name: &str, more: Json) -> String {
    let mut set = json!({
        "userPrincipalName": format!("{name}@example.test"), "displayName": name, "mailNickname": name,
        "accountEnabled": true, "userType": "Member",
    });
    for (property, value) in more.as_object().unwrap() {
        set[property] = value.clone();
    }
    tenant.alter(json!({ "set": set }));
    let state = tenant.lab.state();
    let mut users = state["users"].as_array().unwrap().iter();
    let user = users
        .find(|user| user["userPrincipalName"] == format!("{name}@example.test"))
        .unwrap();
    user["id"].as_str().unwrap().to_string()
}

fn change(tenant: &Tenant, id: &str, set: Json) {
    tenant.alter(json!({ "user": id, "set": set }));
}

#[tokio::test]
async fn everybody_is_read_as_the_schema_calls_things() {
    let tenant = tenant(2);
    let boss = hire(&tenant, "boss", json!({ "employeeId": "1" }));
    let ada = hire(
        &tenant,
        "ada",
        json!({
            "employeeId": "2", "accountEnabled": false, "mail": "ada@example.test", "businessPhones": ["+44 1"],
            "employeeOrgData": { "division": "Engines" }, "otherMails": ["a@x.test", "b@x.test"],
            "onPremisesExtensionAttributes": { "extensionAttribute1": "x" },
        }),
    );
    tenant.set_manager(&ada, &boss).await;
    for at in 0..7 {
        hire(&tenant, &format!("more{at}"), json!({}));
    }
    let guest = hire(
        &tenant,
        "guest",
        json!({ "userType": "Guest", "employeeId": "9" }),
    );

    let source = source_of(&tenant);
    let mut heard = Heard::default();
    let watermark = heard.full(&*source).await;
    assert!(watermark.place.unwrap().starts_with(&tenant.lab.url));
    assert_eq!(heard.workers.len(), 9);
    assert!(heard.pages >= 5, "{}", heard.pages);
    assert!(
        !heard.workers.contains_key(&guest),
        "a guest is nobody's employee"
    );

    let worker = &heard.workers[&ada];
    assert_eq!(worker.active, Some(false));
    assert_eq!(worker.attributes["accountEnabled"], Value::Bool(false));
    for (attribute, value) in [
        ("mail", "ada@example.test"),
        ("userPrincipalName", "ada@example.test"),
        ("telephoneNumber", "+44 1"),
        ("division", "Engines"),
        ("extensionAttribute1", "x"),
        ("otherMails", "a@x.test|b@x.test"),
        ("manager", boss.as_str()),
    ] {
        assert_eq!(heard.text(&ada, attribute), value, "{attribute}");
    }
    let person = worker.employment.as_ref().unwrap().person.as_deref();
    assert_eq!(person, Some("2"), "two accounts of one person are kindred");
    assert_eq!(heard.text(&boss, "mail"), "null");
    assert_eq!(heard.workers[&boss].active, Some(true));
}

#[tokio::test]
async fn changes_are_laid_over_what_was_said() {
    let tenant = tenant(3);
    let ada = hire(
        &tenant,
        "ada",
        json!({ "employeeId": "1", "mail": "ada@example.test", "employeeOrgData": { "division": "Engines" } }),
    );
    let bob = hire(&tenant, "bob", json!({ "employeeId": "2" }));
    let cyd = hire(&tenant, "cyd", json!({ "employeeId": "3" }));
    let source = source_of(&tenant);
    let mut heard = Heard::default();
    let mut watermark = heard.full(&*source).await;

    watermark = heard.since(&*source, watermark).await;
    assert_eq!(heard.said, [], "no news");

    change(&tenant, &ada, json!({ "mail": null, "employeeOrgData": null }));
    change(
        &tenant,
        &bob,
        json!({ "accountEnabled": false, "employeeId": "7" }),
    );
    watermark = heard.since(&*source, watermark).await;
    assert_eq!(heard.heard_of().len(), 2);
    assert_eq!(heard.text(&ada, "mail"), "null");
    assert_eq!(heard.text(&ada, "division"), "null");
    assert_eq!(heard.text(&ada, "userPrincipalName"), "ada@example.test");
    assert_eq!(heard.workers[&bob].active, Some(false));
    let person = |heard: &Heard, id: &str| heard.workers[id].employment.clone().unwrap().person;
    assert_eq!(person(&heard, &bob).as_deref(), Some("7"));
    assert_eq!(person(&heard, &ada).as_deref(), Some("1"));

    tenant.delete(&cyd).await;
    let dan = hire(&tenant, "dan", json!({ "employeeId": "4" }));
    watermark = heard.since(&*source, watermark).await;
    assert!(heard.workers[&cyd].gone.is_some());
    assert_eq!(heard.text(&dan, "employeeId"), "4");

    tenant.restore(&cyd).await;
    change(&tenant, &dan, json!({ "userType": "Guest" }));
    watermark = heard.since(&*source, watermark).await;
    assert_eq!(heard.workers[&cyd].gone, None);
    assert_eq!(heard.text(&cyd, "employeeId"), "3");
    assert!(
        heard.workers[&dan].gone.is_some(),
        "a guest is no employee any more"
    );

    // A guest changes, is deleted, and was never anybody.
    let guest = hire(&tenant, "guest", json!({ "userType": "Guest" }));
    tenant.delete(&guest).await;
    heard.since(&*source, watermark).await;
    assert!(!heard.workers.contains_key(&guest));

    let mut anew = Heard::default();
    anew.full(&*source).await;
    for (anchor, worker) in &anew.workers {
        assert_eq!(
            heard.workers[anchor].attributes, worker.attributes,
            "a read of everybody is no news"
        );
    }
}

#[tokio::test]
async fn who_does_not_say_whether_he_is_a_member_is_asked() {
    let tenant = tenant(10);
    let ada = hire(&tenant, "ada", json!({ "employeeId": "1" }));
    let source = source_of(&tenant);
    let mut heard = Heard::default();
    let watermark = heard.full(&*source).await;
    let guest = hire(&tenant, "guest", json!({ "userType": "Guest" }));
    let bob = hire(&tenant, "bob", json!({ "employeeId": "2" }));
    change(&tenant, &ada, json!({ "mail": "a@example.test" }));
    tenant.faults(json!([{ "on": "GET /users/delta", "do": { "spoil": "loses-user-type" } }]));
    heard.since(&*source, watermark).await;
    assert_eq!(heard.text(&ada, "mail"), "a@example.test");
    assert_eq!(heard.text(&bob, "employeeId"), "2");
    assert!(!heard.workers.contains_key(&guest));
}

#[tokio::test]
async fn a_place_that_is_forgotten_or_foreign_has_expired() {
    let tenant = tenant(2);
    for at in 0..5 {
        hire(&tenant, &format!("u{at}"), json!({}));
    }
    let source = source_of(&tenant);
    let mut heard = Heard::default();
    let watermark = heard.full(&*source).await;
    let foreign = format!("{}/v1.0/users/delta?$deltatoken=x", "https://graph.example.com");
    let outside = format!("{}/beta/users/delta?$deltatoken=x", tenant.lab.url);
    let nonsense = format!("{}/v1.0/users/delta?$deltatoken=nonsense", tenant.lab.url);
    for place in [
        None,
        Some(foreign.as_str()),
        Some(&outside),
        Some(&nonsense),
        Some("usn:1"),
    ] {
        heard.read(&*source, nowhere(place)).await.unwrap();
        assert_eq!(heard.end, Some(End::Expired), "{place:?}");
        assert_eq!(heard.said, []);
    }
    tenant.control("expire", json!({ "changes": true })).await;
    heard
        .read(&*source, Cursor::Since(watermark.clone()))
        .await
        .unwrap();
    assert_eq!(heard.end, Some(End::Expired));

    let refusal =
        json!({ "answer": { "code": 400, "message": "DeltaLink older than 30 days is not supported." } });
    tenant.faults(json!([{ "on": "GET /users/delta", "do": refusal }]));
    heard.read(&*source, Cursor::Since(watermark)).await.unwrap();
    assert_eq!(heard.end, Some(End::Expired));
    // Whoever reads everybody has no place to lose, and would read for ever.
    let error = heard.read(&*source, Cursor::Full).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
}

#[tokio::test]
async fn links_are_not_believed() {
    let tenant = tenant(2);
    for at in 0..5 {
        hire(&tenant, &format!("u{at}"), json!({}));
    }
    let source = source_of(&tenant);
    let mut heard = Heard::default();
    let spoil = |name: &str, skip: u64| {
        tenant.faults(json!([{ "on": "GET /users/delta", "skip": skip, "do": { "spoil": name } }]));
    };
    spoil("foreign-link", 0);
    let error = heard.read(&*source, Cursor::Full).await.unwrap_err();
    assert!(error.message.contains("another service"), "{error}");
    spoil("foreign-link", 2);
    heard.read(&*source, Cursor::Full).await.unwrap();
    assert!(
        matches!(&heard.end, Some(End::Doubtful(_))),
        "the last link: {:?}",
        heard.end
    );
    spoil("loses-links", 1);
    heard.read(&*source, Cursor::Full).await.unwrap();
    assert!(matches!(&heard.end, Some(End::Doubtful(_))), "{:?}", heard.end);
    spoil("repeats-page", 1);
    let error = heard.read(&*source, Cursor::Full).await.unwrap_err();
    assert!(error.message.contains("same page"), "{error}");
}

#[tokio::test]
async fn a_busy_tenant_is_waited_for() {
    let tenant = tenant(2);
    for at in 0..3 {
        hire(&tenant, &format!("u{at}"), json!({}));
    }
    let source = source_of(&tenant);
    let busy = json!({ "answer": { "code": 429, "retry-after": 1 } });
    tenant.faults(json!([{ "on": "GET /users/delta", "skip": 1, "times": 1, "do": busy }]));
    let began = Instant::now();
    let mut heard = Heard::default();
    heard.full(&*source).await;
    assert_eq!(heard.workers.len(), 3);
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn somebody_is_asked_for_by_id_or_value() {
    let tenant = tenant(10);
    let ada = hire(
        &tenant,
        "ada",
        json!({ "employeeId": "1", "mail": "ada@example.test" }),
    );
    let bob = hire(&tenant, "bob", json!({ "employeeId": "2" }));
    let guest = hire(
        &tenant,
        "guest",
        json!({ "employeeId": "3", "userType": "Guest" }),
    );
    let source = source_of(&tenant);
    let mut heard = Heard::default();
    let nobody = "00000000-0000-0000-0000-00000000000f";
    let workers = |ids: &[&str]| Cursor::Workers(ids.iter().map(|id| id.to_string()).collect());
    heard
        .read(&*source, workers(&[&ada, nobody, &guest, "no id"]))
        .await
        .unwrap();
    assert_eq!(heard.workers.keys().collect::<Vec<_>>(), [&ada]);
    assert_eq!(heard.text(&ada, "mail"), "ada@example.test");
    assert_eq!(heard.complete().place, None);
    tenant.delete(&ada).await;
    heard.read(&*source, workers(&[&ada])).await.unwrap();
    assert!(heard.workers[&ada].gone.is_some(), "it lies in the bin");

    let holding = |attribute: &str, values: &[String]| Cursor::Holding {
        attribute: attribute.into(),
        values: values.to_vec(),
    };
    let mut heard = Heard::default();
    let mut ids: Vec<String> = (100..140).map(|at| at.to_string()).collect();
    ids.extend(["2".to_string(), "3".to_string(), String::new()]);
    heard.read(&*source, holding("employeeId", &ids)).await.unwrap();
    assert_eq!(heard.workers.keys().collect::<Vec<_>>(), [&bob]);
    let names = ["BOB@example.test", "guest@example.test", "no one@example.test"].map(String::from);
    let mut heard = Heard::default();
    heard
        .read(&*source, holding("userPrincipalName", &names))
        .await
        .unwrap();
    assert_eq!(heard.workers.keys().collect::<Vec<_>>(), [&bob]);
}

#[tokio::test]
async fn what_the_tenant_does_not_know_is_told_and_left_out() {
    let tenant = tenant(10);
    let ada = hire(&tenant, "ada", json!({ "employeeId": "1" }));
    let names = [
        "employeeId",
        "badge",
        "emails[type eq \"work\"].value",
        "JobTitle",
    ];
    let source = source::source(&tenant.target(), &names);
    change(&tenant, &ada, json!({ "jobTitle": "Countess" }));
    let mut heard = Heard::default();
    heard.full(&*source).await;
    assert_eq!(heard.text(&ada, "employeeId"), "1");
    assert_eq!(heard.text(&ada, "JobTitle"), "Countess");
    assert_eq!(heard.text(&ada, "badge"), "-");
    let problems = source.check().await;
    let told: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(problems.len(), 2, "{told:?}");
    assert!(told.iter().any(|it| it.starts_with("badge ")), "{told:?}");
    assert!(problems.iter().all(|it| it.severity == Severity::Warning));

    let fine = source_of(&tenant);
    assert_eq!(fine.check().await, []);
    assert_ne!(fine.fingerprint(), source.fingerprint());
    assert_eq!(fine.fingerprint(), source_of(&tenant).fingerprint());
    let forbidden = json!({ "answer": { "code": 403 } });
    tenant.faults(json!([{ "on": "GET /users/delta", "do": forbidden }]));
    let problems = fine.check().await;
    assert!(problems[0].message.contains("User.Read.All"), "{problems:?}");
    assert_eq!(problems[0].severity, Severity::Error);
}

#[tokio::test]
async fn wrong_credentials_are_tried_once_until_somebody_says_they_are_right() {
    let tenant = tenant(10);
    let table = tenant
        .target()
        .replace(&tenant.lab.client_secret, "not the secret");
    let source = source::source(&table, ATTRIBUTES);
    let mut heard = Heard::default();
    for _ in 0..2 {
        let error = heard.read(&*source, Cursor::Full).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unauthenticated, "{error}");
    }
    let asked = |tenant: &Tenant| tenant.lab.state()["answers"]["token"]["401"].clone();
    assert_eq!(asked(&tenant), 1);
    source.forgive().await;
    heard.read(&*source, Cursor::Full).await.unwrap_err();
    assert_eq!(asked(&tenant), 2);
    let watermark = Watermark {
        at: jiff::Timestamp::UNIX_EPOCH,
        place: None,
    };
    let error = heard.read(&*source, Cursor::Since(watermark)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unauthenticated);
}
