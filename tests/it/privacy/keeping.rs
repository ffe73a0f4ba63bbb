//! What is kept, and for how long (B33).

use serde_json::{Value as Json, json};

use super::{ADA, Database, Days, ada, count, post, told};
use crate::gateway::{Gateway, Setup, eventually, outcome, person, with};
use crate::jobs::{self, Beside};
use crate::names::schema;
use crate::pull::ldap;
use crate::shell::muster;
use crate::support::lab;

async fn cleans(database: &Database, gateway: &Gateway, texts: &[&str]) {
    let mut left = Vec::new();
    eventually(&format!("{texts:?} are gone"), async || {
        left = database
            .grep(&gateway.setup, texts)
            .into_iter()
            .map(String::from)
            .collect();
        left.is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_logs_receipts_and_plans_go_after_thirty_days_even_where_no_job_runs() {
    for database in Database::both() {
        let (directory, days) = (lab::directory(), Days::from_now());
        let setup = Setup::with_target(&ldap(&directory))
            .store(&database.store())
            .at(days.clock())
            .app("start = true");
        let gateway = setup.start().await;
        gateway.caller.upload(&[ada()]).await;
        gateway.caller.settled().await;
        gateway
            .caller
            .upload(&[with(ada(), json!({"title": "Judge"}))])
            .await;
        gateway.caller.settled().await;
        post(&gateway, "pause", json!({})).await;
        let past = ["Archchancellor-Xyzzy"];
        assert_eq!(
            database.grep(&gateway.setup, &past),
            past,
            "the log and the receipts have it"
        );
        days.pass(29);
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        assert_eq!(database.grep(&gateway.setup, &past), past, "and undo reaches it");
        days.pass(2);
        cleans(&database, &gateway, &past).await;
        assert_eq!(
            database.grep(&gateway.setup, &["Quuxmann"]),
            ["Quuxmann"],
            "she works there still"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_what_nobody_reads_is_not_stored_and_not_taken_for_nothing_later() {
    for database in Database::both() {
        let directory = lab::directory();
        let setup = Setup::with_target(&ldap(&directory))
            .store(&database.store())
            .app("start = true\nschema = \"schema.json\"");
        let file = setup.dir.path().join("schema.json");
        std::fs::write(&file, schema("API2AD", &[])).unwrap();
        let unread = ["Unread-Nickname", "Unread-Extension", "Unread-Profile"];
        let told_more = with(
            ada(),
            json!({
                "nickName": "Unread-Nickname",
                "profileUrl": "https://example.test/Unread-Profile",
                "urn:example:extension:2.0:User": {"badge": "Unread-Extension"},
            }),
        );
        let gateway = setup.start().await;
        post(&gateway, "pause", json!({})).await;
        gateway.caller.upload(std::slice::from_ref(&told_more)).await;
        assert_eq!(
            database.grep(&gateway.setup, &unread),
            unread,
            "the inbox has all of it"
        );
        post(&gateway, "start", json!({})).await;
        gateway.caller.settled().await;
        count(&directory, "(title=Archchancellor-Xyzzy)", 1).await;
        let setup = gateway.stop().await;
        assert_eq!(database.grep(&setup, &unread), Vec::<&str>::new());
        assert_eq!(database.grep(&setup, &["Quuxmann"]), ["Quuxmann"]);

        // The schema reads more: what was left out is not taken for nothing.
        std::fs::write(&file, schema("API2AD", &[("title", "[nickName]")])).unwrap();
        let gateway = setup.start().await;
        let mut report = Json::Null;
        eventually("it is said what is missing", async || {
            let printed = muster(&gateway.setup, &["report", "--json"]);
            report = serde_json::from_slice(&printed.stdout).unwrap_or_else(|_| panic!("{}", told(&printed)));
            report["jobs"][0]["warnings"][0]["code"] == "InputNotKept"
        })
        .await;
        let cause = report["jobs"][0]["warnings"][0].to_string();
        assert!(
            cause.contains("[nickName]") && cause.contains("HR has to send it again"),
            "{cause}"
        );
        count(&directory, "(title=Archchancellor-Xyzzy)", 1).await;
        gateway.caller.upload(&[told_more]).await;
        gateway.caller.settled().await;
        count(&directory, "(title=Unread-Nickname)", 1).await;
    }
}

/// A cycle of uploads goes on for half a minute after the last, under the schemas that it began with.
#[tokio::test(flavor = "multi_thread")]
async fn b33_what_another_jobs_schema_comes_to_read_is_kept_by_whoever_takes_it_in() {
    let directory = lab::directory();
    let setup = Setup::with_target(&ldap(&directory));
    let first = jobs::schema(|object| jobs::omit(object, &["title"]));
    let second = |title: &str| {
        jobs::schema(|object| {
            object["flowTypes"] = json!("Update");
            jobs::keep(object, &["employeeID", "title"]);
            jobs::map(object, "title", title);
        })
    };
    let beside = Beside::new(1, "titles").schema(&setup, &second("[title]"));
    let gateway = jobs::start(jobs::first_schema(setup, &first), std::slice::from_ref(&beside)).await;
    let caller = &gateway.caller;
    caller.upload(&[ada()]).await;
    count(&directory, "(title=Archchancellor-Xyzzy)", 1).await;
    // The first job's cycle goes on, and takes in what comes.
    let path = jobs::path_of(&beside.app(), beside.job);
    let (status, answer) = caller.send("POST", &format!("{path}/pause"), None).await;
    assert!(status.is_success(), "{answer}");
    let schema: Json = serde_json::from_str(&second("[nickName]")).unwrap();
    let (status, answer) = caller.send("PUT", &format!("{path}/schema"), Some(schema)).await;
    assert_eq!(status, 204, "{answer}");
    caller
        .upload(&[with(ada(), json!({"nickName": "Addy-Nick"}))])
        .await;
    caller.settled().await;
    let (status, answer) = caller.send("POST", &format!("{path}/start"), None).await;
    assert!(status.is_success(), "{answer}");
    count(&directory, "(title=Addy-Nick)", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b33_a_leaver_shrinks_to_what_finds_the_account_and_comes_back_whole() {
    for database in Database::both() {
        let (directory, days) = (lab::directory(), Days::from_now());
        let setup = Setup::with_target(&ldap(&directory))
            .store(&database.store())
            .at(days.clock())
            .app("start = true");
        let gateway = setup.start().await;
        let leaver = with(ada(), json!({"active": false}));
        gateway
            .caller
            .upload(&[ada(), person("ben-10002", "Ben Novak")])
            .await;
        gateway.caller.settled().await;
        gateway.caller.upload(std::slice::from_ref(&leaver)).await;
        gateway.caller.settled().await;
        let is_out = "(&(employeeID=ada-10001)(userAccountControl=514))";
        count(&directory, is_out, 1).await;
        let before = everything(&directory);
        days.pass(89);
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        assert_eq!(
            database.grep(&gateway.setup, &["Quuxmann"]),
            ["Quuxmann"],
            "not yet"
        );
        days.pass(2);
        cleans(&database, &gateway, &ADA).await;
        assert_eq!(
            database.grep(&gateway.setup, &["ada-10001"]),
            ["ada-10001"],
            "the link is kept"
        );

        // Nothing comes of it: not of a full cycle, and not of HR's saying once more that she has left.
        post(
            &gateway,
            "restart",
            json!({"criteria": {"resetScope": "Watermark"}}),
        )
        .await;
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        assert_eq!(database.grep(&gateway.setup, &ADA), Vec::<&str>::new());
        gateway.caller.upload(&[leaver]).await;
        gateway.caller.settled().await;
        assert_eq!(
            gateway.caller.outcome("ada-10001").await,
            outcome("other", "skipped", "LeaverForgotten")
        );
        assert_eq!(everything(&directory), before);

        // HR takes her back with one word: the account is hers, and nothing missing clears anything.
        gateway
            .caller
            .upload(&[json!({"externalId": "ada-10001", "active": true, "title": "Emerita"})])
            .await;
        gateway.caller.settled().await;
        let (action, status, code) = gateway.caller.outcome("ada-10001").await;
        assert_eq!(
            (&*action, &*status, &*code),
            ("update", "warning", "InputNotKept")
        );
        count(
            &directory,
            "(&(employeeID=ada-10001)(userAccountControl=512)(title=Emerita))",
            1,
        )
        .await;
        let shown = |all: Vec<String>| -> Vec<String> {
            all.into_iter()
                .filter(|one| !one.starts_with("title") && !one.starts_with("userAccountControl"))
                .collect()
        };
        assert_eq!(shown(everything(&directory)), shown(before));
        // And the rest when HR sends it.
        gateway
            .caller
            .upload(&[with(
                ada(),
                json!({"addresses": [{"type": "work", "streetAddress": "Elsewhere 1"}]}),
            )])
            .await;
        gateway.caller.settled().await;
        count(
            &directory,
            "(&(employeeID=ada-10001)(title=Archchancellor-Xyzzy)(streetAddress=Elsewhere 1))",
            1,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b22_names_outlive_a_leaver_by_no_reuse() {
    for database in Database::both() {
        let (directory, days) = (lab::directory(), Days::from_now());
        let setup = Setup::with_target(&ldap(&directory))
            .store(&database.store())
            .at(days.clock())
            .app("start = true\nschema = \"schema.json\"\nno_reuse = \"300d\"");
        let choice = r#"SelectUniqueValue([displayName], Join(" ", [displayName], [externalId]))"#;
        std::fs::write(
            setup.dir.path().join("schema.json"),
            schema("API2AD", &[("cn", choice)]),
        )
        .unwrap();
        let gateway = setup.start().await;
        let named = |id: &str| {
            let found = directory
                .admin()
                .search(&format!("(employeeID={id})"), &["cn"])
                .unwrap();
            (found[0].dn.clone(), found[0].value("cn").unwrap().to_string())
        };
        let first = person("1-one", "Zuleika Frobozz");
        gateway.caller.upload(std::slice::from_ref(&first)).await;
        gateway.caller.settled().await;
        gateway
            .caller
            .upload(&[with(first, json!({"active": false}))])
            .await;
        gateway.caller.settled().await;
        directory.admin().delete(&named("1-one").0).unwrap();
        for (id, wait, name) in [
            ("2-two", 200, "Zuleika Frobozz 2-two"),
            ("3-three", 200, "Zuleika Frobozz"),
        ] {
            days.pass(wait);
            tokio::time::sleep(std::time::Duration::from_secs(4)).await;
            let namesake = with(
                person(id, "Zuleika Frobozz"),
                json!({"userName": format!("{id}@example.test")}),
            );
            gateway.caller.upload(&[namesake]).await;
            gateway.caller.settled().await;
            assert_eq!(gateway.caller.outcome(id).await, outcome("create", "success", ""));
            assert_eq!(named(id).1, name, "after {wait} more days");
        }
    }
}

/// What her account has.
fn everything(directory: &lab::Lab) -> Vec<String> {
    let shown = [
        "cn",
        "displayName",
        "sn",
        "givenName",
        "title",
        "department",
        "telephoneNumber",
        "userAccountControl",
        "streetAddress",
    ];
    let found = directory
        .admin()
        .search("(employeeID=ada-10001)", &shown)
        .unwrap();
    assert_eq!(found.len(), 1);
    shown
        .iter()
        .map(|name| format!("{name}: {}", found[0].value(name).unwrap_or("—")))
        .collect()
}
