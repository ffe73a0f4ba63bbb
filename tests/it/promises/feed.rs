//! B4: a feed that loses two in five of its people disables nobody.

use std::collections::BTreeSet;

use jiff::ToSpan;
use serde_json::{Value as Json, json};

use super::{World, schema};
use crate::gateway::{JOB, person, with};
use crate::support::workday::Tenant;

/// Names that every worker can have, whatever the alphabet.
const NAMES: &[(&str, &str, &str)] = &[
    ("cn", "[WorkerID]", "ObjectAddOnly"),
    ("sAMAccountName", "[WorkerID]", "ObjectAddOnly"),
    (
        "userPrincipalName",
        r#"Join("@", [WorkerID], DefaultDomain())"#,
        "ObjectAddOnly",
    ),
];

const TEAM: &[&str] = &["LON-01", "MUC-01", "REK-01"];

/// Fifty people, of whom the last twenty work where the integration user is not to look any more.
fn hire_everybody(tenant: &Tenant) -> Vec<String> {
    let hire = |number: usize| {
        let site = if number < 30 { TEAM[number % 3] } else { "SYD-01" };
        tenant.hire(json!({
            "id": (72_000 + number).to_string(), "hire": "2025-01-01", "entered": "2025-01-01T00:00:00Z",
            "set": { "site": site },
        }))
    };
    (0..50).map(hire).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_in_five_vanish_from_workday_and_nobody_is_disabled() {
    let tenant = tokio::task::block_in_place(|| Tenant::new(0));
    let wids = hire_everybody(&tenant);
    let schema = schema("Workday2AD", NAMES, &[]);
    let world = World::of_workday(&tenant, "", Some(schema), "").await;
    world.work().await;
    let before = world.everybody();
    assert_eq!(before.len(), 50);

    // Whoever is still to be seen is provisioned as ever.
    tenant.lab.configure(&json!({ "constrainedTo": TEAM })).unwrap();
    tenant.event(json!({ "worker": "72000", "type": "change-title", "set": { "businessTitle": "Judge" } }));
    let controls = &tenant.lab.controls;
    controls.set_now(controls.now() + 10.minutes());
    let asked = tenant.requests().await.len();
    world
        .post(
            "restart",
            Some(json!({ "criteria": { "resetScope": "Watermark" } })),
        )
        .await;
    world.work().await;
    let mut after = world.everybody();
    assert_eq!(after["72000"].value("title"), Some("Judge"));
    after.insert("72000".into(), before["72000"].clone());
    assert!(
        after == before,
        "nobody else is touched, not even with what is so already"
    );

    // Each who was missing was asked for by name before anything was said of it.
    let requests = tenant.requests().await[asked..].join("\n");
    let hidden: BTreeSet<&str> = wids[30..].iter().map(String::as_str).collect();
    for wid in &hidden {
        assert!(requests.contains(wid), "{wid} was asked for");
    }
    let filter = format!("jobid eq '{JOB}' and provisioningStatusInfo/status eq 'warning'");
    let told = world.gateway.caller.logs(&filter).await;
    let of: BTreeSet<&str> = told
        .iter()
        .map(|it| it["sourceIdentity"]["id"].as_str().unwrap())
        .collect();
    assert_eq!((told.len(), of), (20, hidden), "each is told of once");
    for entry in &told {
        assert_eq!(
            (
                &entry["provisioningAction"],
                &entry["provisioningStatusInfo"]["errorInformation"]["errorCode"],
                &entry["modifiedProperties"]
            ),
            (&json!("other"), &json!("NotVisible"), &json!([]))
        );
    }
    // For whoever looks in the morning they are one cause.
    let path = format!("{}/report", world.gateway.caller.job_path());
    let (_, report) = world.gateway.caller.send("GET", &path, None).await;
    let [cause] = report["warnings"].as_array().unwrap().as_slice() else {
        panic!("{}", report["warnings"]);
    };
    assert_eq!(
        (&cause["code"], &cause["count"]),
        (&json!("NotVisible"), &json!(20))
    );
    assert_eq!(report["quarantine"], Json::Null);

    // They come into sight again, and there is nothing to do about it.
    tenant.lab.configure(&json!({ "constrainedTo": null })).unwrap();
    let now = world.everybody();
    controls.set_now(controls.now() + 10.minutes());
    world
        .post(
            "restart",
            Some(json!({ "criteria": { "resetScope": "Watermark" } })),
        )
        .await;
    world.work().await;
    assert!(world.everybody() == now, "nobody is touched");
    let (_, report) = world.gateway.caller.send("GET", &path, None).await;
    assert_eq!(report["warnings"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_left_out_of_an_upload_is_not_touched() {
    let world = World::of_uploads("2026-02-02T08:00:00Z", None, "").await;
    let everybody = |ids: std::ops::Range<usize>, title: &str| -> Vec<Json> {
        let one = |id: usize| {
            with(
                person(&id.to_string(), &format!("Person N{id}")),
                json!({ "title": title }),
            )
        };
        ids.map(one).collect()
    };
    world.says(&everybody(3000..3050, "Clerk")).await;
    let before = world.everybody();
    let mut logged = BTreeSet::new();
    for entry in world.gateway.caller.logs(&format!("jobid eq '{JOB}'")).await {
        logged.insert(entry["id"].as_str().unwrap().to_string());
    }
    world.time.set("2026-02-03T08:00:00Z");
    world.says(&everybody(3000..3030, "Judge")).await;
    let after = world.everybody();
    assert_eq!(after.len(), 50);
    for (worker, entry) in &after {
        let is_named = worker.as_str() < "3030";
        assert_eq!(entry == &before[worker], !is_named, "{worker}");
        assert_eq!(
            entry.value("title"),
            Some(if is_named { "Judge" } else { "Clerk" })
        );
        assert_eq!(entry.value("userAccountControl"), Some("512"), "{worker}");
    }
    let entries = world.gateway.caller.logs(&format!("jobid eq '{JOB}'")).await;
    let new = entries
        .iter()
        .filter(|it| !logged.contains(it["id"].as_str().unwrap()));
    let new: BTreeSet<&str> = new
        .map(|it| it["sourceIdentity"]["id"].as_str().unwrap())
        .collect();
    let named: Vec<String> = (3000..3030).map(|id| id.to_string()).collect();
    assert_eq!(
        new,
        named.iter().map(String::as_str).collect(),
        "and nothing is said of them"
    );
}
