//! `muster forget`: the database greps clean.

use serde_json::{Value as Json, json};

use super::{ADA, Database, ada, ben, count, post, told};
use crate::gateway::{JOB, Setup, eventually, outcome, person, with};
use crate::names::schema;
use crate::pull::ldap;
use crate::shell::{blocks, muster};
use crate::support::lab;

#[tokio::test(flavor = "multi_thread")]
async fn b33_nothing_of_who_is_forgotten_is_left_in_the_database() {
    for database in Database::both() {
        let directory = lab::directory();
        let setup = Setup::with_target(&ldap(&directory))
            .store(&database.store())
            .app("start = true");
        let gateway = setup.start().await;
        // Ben waits for his manager, who comes later: his entries mention her.
        gateway.caller.upload(&[ben()]).await;
        gateway.caller.settled().await;
        gateway.caller.upload(&[ada()]).await;
        gateway.caller.settled().await;
        count(&directory, "(&(employeeID=*)(manager=*))", 1).await;
        post(&gateway, "pause", json!({})).await;
        let plan = {
            gateway
                .caller
                .upload(&[
                    with(ada(), json!({"title": "Archchancellor-Xyzzy the Second"})),
                    with(ben(), json!({"title": "Judge"})),
                ])
                .await;
            let made = post(&gateway, "plans", json!({"full": true})).await;
            let path = format!(
                "{}/plans/{}",
                gateway.caller.job_path(),
                made["plan"]["id"].as_str().unwrap()
            );
            eventually("the plan is made", async || {
                gateway.caller.send("GET", &path, None).await.1["plan"]["state"] == "ready"
            })
            .await;
            path
        };
        let planned = gateway.caller.send("GET", &plan, None).await.1;
        assert_eq!(planned["changes"].as_array().unwrap().len(), 2, "{planned}");
        // What is said last waits in the inbox still.
        gateway
            .caller
            .upload(&[with(ada(), json!({"nickName": "Waiting-in-the-inbox"}))])
            .await;
        let mut all: Vec<&str> = ADA.into_iter().chain(["Waiting-in-the-inbox"]).collect();
        assert_eq!(database.grep(&gateway.setup, &all), all, "they are there before");
        all.push("Waiting-as-well");

        let unsure = muster(&gateway.setup, &["forget", "ada-10001"]);
        assert_eq!(unsure.status.code(), Some(1));
        assert!(told(&unsure).contains("--yes"), "{}", told(&unsure));
        let unknown = muster(&gateway.setup, &["forget", "nobody-404", "--yes"]);
        assert_eq!(unknown.status.code(), Some(1));
        assert!(told(&unknown).contains("nothing is known of a worker 'nobody-404'"));
        gateway
            .caller
            .upload(&[person("new-10003", "Waiting-as-well Nobody")])
            .await;
        let waiting = muster(&gateway.setup, &["forget", "new-10003", "--yes"]);
        assert!(
            waiting.status.success(),
            "who was only uploaded: {}",
            told(&waiting)
        );
        // She can sign in, and nobody would put an end to that.
        let refused = muster(&gateway.setup, &["forget", "ada-10001", "--yes"]);
        assert_eq!(refused.status.code(), Some(1));
        let dn = "CN=Adalwolfa Quuxmann,OU=Staff,DC=example,DC=test";
        for part in [dn, "is enabled", "--leave-enabled"] {
            assert!(told(&refused).contains(part), "{}", told(&refused));
        }
        assert_eq!(
            database.grep(&gateway.setup, &all[..7]),
            all[..7],
            "all is as it was"
        );
        let forgotten = muster(
            &gateway.setup,
            &[
                "forget",
                "ada-10001",
                "--by",
                "the works council",
                "--leave-enabled",
                "--yes",
                "--json",
            ],
        );
        assert!(forgotten.status.success(), "{}", told(&forgotten));
        let forgotten: Json = serde_json::from_slice(&forgotten.stdout).unwrap();
        for (what, least) in [
            ("records", 1),
            ("links", 1),
            ("receipts", 1),
            ("operations", 2),
            ("logEntries", 1),
            ("plans", 1),
        ] {
            assert!(forgotten[what].as_i64().unwrap() >= least, "{what}: {forgotten}");
        }
        assert_eq!(forgotten["filesClean"], true);
        let left = &forgotten["accounts"][0];
        assert_eq!(
            (&left["address"], &left["enabled"], &left["system"]),
            (&json!(dn), &json!(true), &json!("corp"))
        );

        // The entries are there, and count; nobody can tell whose they are.
        let entries = gateway.caller.logs(&format!("jobid eq '{JOB}'")).await;
        let stubs: Vec<&Json> = entries
            .iter()
            .filter(|one| {
                one["sourceIdentity"]["id"]
                    .as_str()
                    .unwrap()
                    .starts_with("forgotten-")
            })
            .collect();
        assert_eq!(stubs.len(), 4, "made, two that waited, and another's: {stubs:#?}");
        assert_eq!(
            stubs
                .iter()
                .filter(|one| one["provisioningAction"] == "create")
                .count(),
            1
        );
        let text = serde_json::to_string(&entries).unwrap();
        assert!(
            !text.contains("ada-10001"),
            "nor does another's entry mention her: {text}"
        );
        // The plan is without her, and is not carried out any more.
        let planned = gateway.caller.send("GET", &plan, None).await.1;
        let workers: Vec<&str> = planned["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["worker"].as_str().unwrap())
            .collect();
        assert_eq!(
            (workers.as_slice(), &planned["plan"]["state"]),
            (&["ben-10002"][..], &json!("failed"))
        );
        let (status, _) = gateway
            .caller
            .send("POST", &format!("{plan}/apply"), Some(json!({})))
            .await;
        assert_eq!(status, 409);
        // The report counts it.
        let report = muster(&gateway.setup, &["report", "--json"]);
        let report: Json = serde_json::from_slice(&report.stdout).unwrap();
        assert_eq!(report["jobs"][0]["forgotten"], 2);
        let again = muster(&gateway.setup, &["forget", "ada-10001", "--yes"]);
        assert_eq!(again.status.code(), Some(1), "nobody knows her any more");

        // Others go on, and nothing of her comes back by that.
        post(&gateway, "start", json!({})).await;
        gateway.caller.settled().await;
        count(&directory, "(title=Judge)", 1).await;
        let setup = gateway.stop().await;
        assert_eq!(database.grep(&setup, &all), Vec::<&str>::new());

        // HR speaks of her again: she is new, and her account is found as anybody's would be.
        let gateway = setup.start().await;
        gateway.caller.upload(&[ada()]).await;
        gateway.caller.settled().await;
        assert_eq!(
            gateway.caller.outcome("ada-10001").await.1,
            "skipped",
            "it is as HR says"
        );
        count(&directory, "(employeeID=ada-10001)", 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_forget() {
    let page = include_str!("../../../docs/privacy.md");
    let directory = lab::directory();
    let gateway = Setup::with_target(&ldap(&directory))
        .app("start = true")
        .start()
        .await;
    let priya = person("21451", "Priya Natarajan");
    gateway.caller.upload(std::slice::from_ref(&priya)).await;
    gateway.caller.settled().await;
    // Her leaving waits: it is not lost.
    post(&gateway, "pause", json!({})).await;
    let gone = with(priya, json!({"active": false}));
    gateway.caller.upload(&[gone]).await;
    let early = muster(&gateway.setup, &["forget", "21451", "--yes"]);
    assert_eq!(early.status.code(), Some(1), "{}", told(&early));
    assert!(told(&early).contains("is enabled"), "{}", told(&early));
    post(&gateway, "start", json!({})).await;
    gateway.caller.settled().await;
    count(&directory, "(&(employeeID=21451)(userAccountControl=514))", 1).await;
    post(&gateway, "pause", json!({})).await;
    muster(&gateway.setup, &["check"]);
    for example in blocks(page, "sh") {
        let arguments: Vec<&str> = example.split_whitespace().collect();
        let ["muster", arguments @ ..] = arguments.as_slice() else {
            panic!("{example}");
        };
        let arguments: Vec<&str> = arguments
            .iter()
            .filter(|one| !["--config", "muster.toml"].contains(one))
            .copied()
            .collect();
        let run = muster(&gateway.setup, &arguments);
        assert!(run.status.success(), "{example}\n{}", told(&run));
        assert!(told(&run).contains("1 records erased"), "{}", told(&run));
        let left = "CN=Priya Natarajan,OU=Staff,DC=example,DC=test in corp, disabled";
        assert!(told(&run).contains(left), "{}", told(&run));
    }
    assert_eq!(
        Database::Sqlite.grep(&gateway.setup, &["Natarajan"]),
        Vec::<&str>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b22_names_of_who_is_forgotten_stay_taken_and_nobody_knows_them() {
    for database in Database::both() {
        let directory = lab::directory();
        let setup = Setup::with_target(&ldap(&directory))
            .store(&database.store())
            .app("start = true\nschema = \"schema.json\"");
        let choice = r#"SelectUniqueValue([displayName], Join(" ", [displayName], [externalId]))"#;
        std::fs::write(
            setup.dir.path().join("schema.json"),
            schema("API2AD", &[("cn", choice)]),
        )
        .unwrap();
        let gateway = setup.start().await;
        gateway.caller.upload(&[person("1-one", "Zuleika Frobozz")]).await;
        gateway.caller.settled().await;
        post(&gateway, "pause", json!({})).await;
        let forgotten = muster(
            &gateway.setup,
            &["forget", "1-one", "--leave-enabled", "--yes", "--json"],
        );
        let forgotten: Json = serde_json::from_slice(&forgotten.stdout).unwrap();
        let names = forgotten["names"].as_i64().unwrap();
        // The account goes too, so that the directory would give the name away.
        let found = directory.admin().search("(employeeID=1-one)", &["cn"]).unwrap();
        directory
            .admin()
            .modify(&format!("dn: {}\nchangetype: delete\n", found[0].dn))
            .unwrap();
        post(&gateway, "start", json!({})).await;
        gateway.caller.upload(&[person("2-two", "Zuleika Frobozz")]).await;
        gateway.caller.settled().await;
        assert_eq!(
            gateway.caller.outcome("2-two").await,
            outcome("create", "success", "")
        );
        let given = directory.admin().search("(employeeID=2-two)", &["cn"]).unwrap();
        assert_eq!(names, 1);
        assert_ne!(
            given[0].value("cn"),
            found[0].value("cn"),
            "it is not given again"
        );
    }
}
