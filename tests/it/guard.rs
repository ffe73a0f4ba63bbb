//! Limits that cannot be walked around (B16, B17).

use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, JOB, Setup, eventually, person};
use crate::support::openldap::{self, Directory};

pub fn target(directory: &Directory) -> String {
    format!(
        r#"
        kind = "active-directory"
        urls = ["{}"]
        base_dn = "{}"
        bind_dn = "{}"
        password = "{}"
        "#,
        directory.ldap_url, directory.base_dn, directory.admin_dn, directory.admin_password
    )
}

/// The user class of the test schema: what only Active Directory has is left out.
pub async fn start(directory: &Directory, app: &str) -> Gateway {
    Setup::with_target(&target(directory))
        .app("start = true")
        .app(app)
        .start()
        .await
}

fn people(ids: std::ops::Range<usize>) -> Vec<Json> {
    ids.map(|id| person(&id.to_string(), &format!("Person Number{id}")))
        .collect()
}

async fn disabled(gateway: &Gateway) -> usize {
    gateway
        .caller
        .logs(&format!("jobid eq '{JOB}' and provisioningAction eq 'disable' and provisioningStatusInfo/status eq 'success'"))
        .await
        .len()
}

#[tokio::test(flavor = "multi_thread")]
async fn leavers_beyond_the_limit_are_held_and_joiners_among_them_are_not() {
    let directory = openldap::directory();
    let gateway = start(&directory, "").await;
    gateway.caller.upload(&people(0..100)).await;
    gateway.caller.settled().await;
    // Small uploads do not get past a limit that is counted over the day.
    for upload in 0..12 {
        let leavers = upload * 5..upload * 5 + 5;
        let mut said: Vec<Json> = leavers
            .map(|id| json!({ "externalId": id.to_string(), "active": false, "title": "Former" }))
            .collect();
        said.extend(people(1000 + upload..1001 + upload));
        gateway.caller.upload(&said).await;
    }
    gateway.caller.settled().await;
    assert_eq!(
        disabled(&gateway).await,
        20,
        "the default: 5 % of 100, at least 20"
    );
    let created = gateway
        .caller
        .logs(&format!("jobid eq '{JOB}' and provisioningAction eq 'create'"))
        .await;
    assert_eq!(created.len(), 112, "joiners are created all the same");
    let staged = gateway
        .caller
        .logs(&format!(
            "jobid eq '{JOB}' and provisioningAction eq 'stagedDelete'"
        ))
        .await;
    assert!(
        staged.is_empty(),
        "what else was said of a held leaver is written"
    );
    let held = directory
        .client()
        .search("(&(employeeID=59)(title=Former))", &["userAccountControl"])
        .unwrap();
    assert_eq!(held[0].value("userAccountControl"), Some("512"));
    let job = gateway.caller.job().await;
    assert_eq!(job["status"]["code"], "Quarantine");
    assert_eq!(job["status"]["quarantine"]["reason"], "TooManyDeletes");

    let restart = Some(json!({ "criteria": { "resetScope": "ForceDeletes" } }));
    gateway
        .caller
        .send("POST", &format!("{}/restart", gateway.caller.job_path()), restart)
        .await;
    eventually("the rest is let through", async || disabled(&gateway).await == 60).await;
    assert_eq!(gateway.caller.job().await["status"]["quarantine"], Json::Null);

    // What was released was released once: the limit stands for those who come after.
    gateway
        .caller
        .upload(&[json!({ "externalId": "99", "active": false })])
        .await;
    gateway.caller.settled().await;
    assert_eq!(
        gateway.caller.outcome("99").await,
        ("stagedDelete".into(), "skipped".into(), "TooManyDeletes".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hr_takes_a_held_leaver_back() {
    let directory = openldap::directory();
    let gateway = start(&directory, "guard = { disables = 1 }").await;
    gateway.caller.upload(&people(0..3)).await;
    gateway.caller.settled().await;
    let leaves = |id: &str, active: bool| json!({ "externalId": id, "active": active });
    gateway
        .caller
        .upload(&[leaves("0", false), leaves("1", false)])
        .await;
    gateway.caller.settled().await;
    assert_eq!(disabled(&gateway).await, 1);
    assert_eq!(gateway.caller.job().await["status"]["code"], "Quarantine");
    gateway
        .caller
        .upload(&[leaves("0", true), leaves("1", true)])
        .await;
    gateway.caller.settled().await;
    assert_eq!(gateway.caller.job().await["status"]["quarantine"], Json::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_are_limited_where_others_made_accounts() {
    let directory = openldap::directory();
    directory
        .client()
        .add(&format!(
            "dn: CN=Found,OU=Staff,{}\nobjectClass: user\ncn: Found\nsn: Found\nsAMAccountName: found\nemployeeID: 0\nuserAccountControl: 512\n",
            directory.base_dn
        ))
        .unwrap();
    let gateway = start(&directory, "guard = { creates = 2 }").await;
    gateway
        .caller
        .upload(&[json!({ "externalId": "0", "title": "Guide" })])
        .await;
    gateway.caller.settled().await;
    gateway.caller.upload(&people(1..6)).await;
    gateway.caller.settled().await;
    let of = async |status: &str| {
        let filter = format!(
            "jobid eq '{JOB}' and provisioningStatusInfo/status eq '{status}' and provisioningAction eq 'create'"
        );
        gateway.caller.logs(&filter).await.len()
    };
    assert_eq!((of("success").await, of("skipped").await), (2, 3));
}
