//! The provisioning log as lines.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;

use crate::gateway::{Gateway, JOB, Setup, eventually, person};
use crate::guard::target;
use crate::support::openldap::{self, Directory};

fn setup(directory: &Directory) -> Setup {
    Setup::with_target(&target(directory))
        .app("start = true")
        .clients("[log]\nprovisioning = \"log.jsonl\"\n")
}

fn lines(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn ids<'l>(lines: impl IntoIterator<Item = &'l Json>, name: &str) -> BTreeSet<String> {
    lines
        .into_iter()
        .map(|line| line[name].as_str().unwrap().to_string())
        .collect()
}

async fn hire(gateway: &Gateway, ids: std::ops::Range<usize>) {
    let people: Vec<Json> = ids
        .map(|id| person(&id.to_string(), &format!("Person Number{id}")))
        .collect();
    gateway.caller.upload(&people).await;
    gateway.caller.settled().await;
}

async fn logged(gateway: &Gateway) -> BTreeSet<String> {
    ids(&gateway.caller.logs(&format!("jobid eq '{JOB}'")).await, "id")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_is_a_line_through_rotation_restart_and_a_place_that_cannot_be_written() {
    let directory = openldap::directory();
    let setup = setup(&directory);
    let (path, rotated) = (setup.dir.path().join("log.jsonl"), setup.dir.path().join("log.1"));
    let gateway = setup.start().await;
    hire(&gateway, 0..900).await;
    let everybody = logged(&gateway).await;
    eventually("all are written", async || lines(&path).len() >= 900).await;
    let written = lines(&path);
    assert_eq!(ids(&written, "Id"), everybody);
    assert_eq!(written.len(), 900, "none twice while it runs");
    let row = &written[0];
    assert_eq!(
        (&row["Action"], &row["ProvisioningAction"], &row["ResultType"]),
        (&"Create".into(), &"create".into(), &"Success".into())
    );
    assert_eq!(row["JobId"], JOB);
    assert_eq!(row["Type"], "AADProvisioningLogs");
    let identity: Json = serde_json::from_str(row["SourceIdentity"].as_str().unwrap()).unwrap();
    assert!(
        identity["displayName"]
            .as_str()
            .unwrap()
            .starts_with("Person Number"),
        "{row}"
    );

    std::fs::rename(&path, &rotated).unwrap();
    hire(&gateway, 2000..2010).await;
    eventually("the new file has the rest", async || lines(&path).len() >= 10).await;
    assert_eq!(lines(&path).len(), 10);
    assert_eq!(lines(&rotated).len(), 900);

    // A folder where the file was: nothing can be written, and nobody waits for it.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    hire(&gateway, 3000..3010).await;
    let setup = gateway.stop().await;
    std::fs::remove_dir(&path).unwrap();
    let gateway = setup.start().await;
    hire(&gateway, 4000..4010).await;
    let missing = |written: &BTreeSet<String>, all: &BTreeSet<String>| {
        let before: BTreeSet<String> = ids(&lines(&rotated), "Id");
        all.iter()
            .filter(|id| !written.contains(*id) && !before.contains(*id))
            .count()
    };
    let all = logged(&gateway).await;
    assert_eq!(all.len(), 930);
    eventually("what was missed is caught up on", async || {
        // The ten that were removed with the file are sent again or not: they are of the last minute.
        missing(&ids(&lines(&path), "Id"), &all) <= 10
    })
    .await;
    let written = ids(&lines(&path), "Id");
    let late = gateway
        .caller
        .logs(&format!("jobid eq '{JOB}' and sourceIdentity/id eq '3005'"))
        .await;
    assert!(
        written.contains(late[0]["id"].as_str().unwrap()),
        "of when it could not be written"
    );
}
