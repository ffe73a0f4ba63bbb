//! Several gateways on one PostgreSQL: they share uploads, jobs and keys, and no worker gets two accounts.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::directory;
use crate::gateway::{JOB, Setup, eventually, person};
use crate::guard::target;
use crate::support::{openldap, postgres, samba};

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_do_the_work_of_one() {
    let directory = openldap::directory();
    let database = postgres::database();
    let replica = || {
        Setup::with_target(&target(&directory))
            .store(&format!("url = \"{database}\"\nkey = \"the same for both\""))
            .app("start = true")
            .start()
    };
    let (one, two) = (replica().await, replica().await);
    // A token of one is good at the other.
    let token = one.caller.token().await;
    let mut uploads = Vec::new();
    for upload in 0..20 {
        let people: Vec<Json> = (0..5)
            .map(|id| person(&format!("{upload}-{id}"), &format!("Person Number{upload}x{id}")))
            .collect();
        let body = crate::gateway::bulk(&people).to_string();
        let caller = if upload % 2 == 0 { &one.caller } else { &two.caller };
        uploads.push(async { caller.post_bulk(&token, body).await.unwrap().status() });
    }
    for status in futures::future::join_all(uploads).await {
        assert_eq!(status, 202);
    }
    two.caller.settled().await;
    let created = one
        .caller
        .logs(&format!("jobid eq '{JOB}' and provisioningAction eq 'create'"))
        .await;
    assert_eq!(created.len(), 100);
    // One leaves in the middle; the other takes over at once.
    drop(one.stop().await);
    two.caller.upload(&[person("x", "Late Comer")]).await;
    two.caller.settled().await;
    let found = directory
        .client()
        .search("(employeeID=*)", &["employeeID"])
        .unwrap();
    let ids: BTreeSet<_> = found
        .iter()
        .map(|entry| entry.value("employeeID").unwrap().to_string())
        .collect();
    assert_eq!((found.len(), ids.len()), (101, 101));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_is_succeeded_by_the_other() {
    let directory = openldap::directory();
    let database = postgres::database();
    let setup = || {
        Setup::with_target(&target(&directory))
            .store(&format!("url = \"{database}\"\nkey = \"the same for both\""))
            .app("start = true")
    };
    // The first to start takes the lease, since there is work before the second is there.
    let (first, second) = (setup(), setup());
    let mut one = first.spawn().await;
    let everybody: Vec<Json> = (0..900)
        .map(|id| person(&format!("{id}"), &format!("Person Number{id}")))
        .collect();
    one.caller.upload(&everybody).await;
    let two = second.spawn().await;
    let accounts = || {
        let found = directory
            .client()
            .search("(employeeID=*)", &["employeeID"])
            .unwrap();
        found
            .iter()
            .map(|entry| entry.value("employeeID").unwrap().to_string())
            .collect::<Vec<_>>()
    };
    eventually("some of them are there", async || accounts().len() > 50).await;
    one.kill();
    two.caller.settled().await;
    let ids = accounts();
    assert_eq!(
        (ids.len(), ids.iter().collect::<BTreeSet<_>>().len()),
        (900, 900),
        "everybody once"
    );
    let entries = two.caller.logs(&format!("jobid eq '{JOB}'")).await;
    assert_eq!(entries.len(), 900, "one outcome for each operation");
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_credentials_that_were_put_right_are_tried_again_by_every_replica() {
    let (domain, user, password) = tokio::task::block_in_place(|| {
        let domain = samba::controller();
        let (user, password) = domain.service_account(&["OU=Staff,DC=example,DC=test"]);
        (domain, user, password)
    });
    let log_on = |control: u32| {
        tokio::task::block_in_place(|| {
            let dn = &domain.search(&format!("(userPrincipalName={user})"), &["cn"])[0].dn;
            let change = format!("replace: userAccountControl\nuserAccountControl: {control}");
            domain.modify(&format!("dn: {dn}\nchangetype: modify\n{change}\n"));
        });
    };
    let database = postgres::database();
    let replica = || {
        Setup::with_target(&directory::target(&domain, &user, &password))
            .store(&format!("url = \"{database}\"\nkey = \"the same for both\""))
            .app("start = true")
            .start()
    };
    log_on(514);
    let one = replica().await;
    one.caller.upload(&[person("1", "Ada Byron")]).await;
    eventually("its credentials are refused", async || {
        one.caller.job().await["status"]["quarantine"].is_object()
    })
    .await;
    let two = replica().await;
    log_on(512);
    let start = format!("{}/start", two.caller.job_path());
    assert_eq!(two.caller.send("POST", &start, None).await.0, 204);
    two.caller.settled().await;
    // The one that remembers the refusal is left alone with the work.
    drop(two.stop().await);
    one.caller.upload(&[person("2", "Late Comer")]).await;
    one.caller.settled().await;
    let found = tokio::task::block_in_place(|| domain.search("(employeeID=*)", &["cn"]));
    assert_eq!(found.len(), 2);
}
