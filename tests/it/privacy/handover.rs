//! The first password, sealed for whoever hands it over (B29).

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use super::{Database, Days, count, told};
use crate::gateway::{Gateway, Setup, eventually, person, with};
use crate::names::schema;
use crate::pull::ldap;
use crate::shell::muster;
use crate::support::lab::{self, Lab};
use crate::support::tenant::Tenant;
use crate::webhook::{Receiver, SECRET};

const PAGE: &str = include_str!("../../../docs/first-sign-in.md");

/// The first block of a kind on the page.
fn example(kind: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{kind}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// Makes the keys as the page says.
fn keys(folder: &Path) {
    let made = Command::new("sh")
        .args(["-ec", example("sh")])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", told(&made));
}

/// Opens a seal as the page says: Python, and a library that shares nothing with ours.
fn open(folder: &Path, sealed: &str) -> Json {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(root.join("target/peers/venv/bin/python"))
        .args(["-c", example("python")])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(sealed.as_bytes()).unwrap();
    let opened = python.wait_with_output().unwrap();
    assert!(opened.status.success());
    serde_json::from_slice(&opened.stdout).unwrap()
}

fn sealing(setup: Setup, receiver: &Receiver) -> Setup {
    keys(setup.dir.path());
    setup
        .app("start = true\ninitial_password = { handover = \"seal\" }")
        .clients(&format!(
            "[notify]\nwebhook = \"{}\"\nsecret = \"{SECRET}\"\nseal_to = {{ file = \"public.pem\" }}\n",
            receiver.url
        ))
}

fn data(notice: &Json) -> Json {
    let body: Json = serde_json::from_str(notice["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["type"], "password.sealed", "{body}");
    body["data"].clone()
}

async fn signs_in(directory: &Lab, user: &str, password: &str) -> bool {
    let (user, password) = (user.to_string(), password.to_string());
    let client = directory.client_of(&user, &password);
    tokio::task::spawn_blocking(move || client.search("(cn=*)", &["cn"]).is_ok())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_the_sealed_password_opens_the_account_and_is_nowhere_in_clear() {
    for database in Database::both() {
        let directory = lab::directory();
        let mut receiver = Receiver::start(&[500]);
        let setup = sealing(
            Setup::with_target(&ldap(&directory)).store(&database.store()),
            &receiver,
        );
        let gateway = setup.start().await;
        gateway.caller.upload(&[person("1", "Ada Novak")]).await;
        let refused = receiver.next();
        let notice = receiver.next();
        assert_eq!(notice["id"], refused["id"], "the same one, once more");
        assert_eq!(notice["verified"]["type"], "password.sealed", "{notice}");
        let data = data(&notice);
        assert_eq!(data["worker"], "1");
        let clear = open(gateway.setup.dir.path(), data["sealed"].as_str().unwrap());
        assert_eq!(
            (&clear["worker"], &clear["account"]),
            (&json!("1"), &data["account"])
        );
        let password = clear["password"].as_str().unwrap();
        assert_eq!(password.len(), 32);
        let dn = data["address"].as_str().unwrap();
        assert!(signs_in(&directory, dn, password).await, "it opens the account");
        assert!(!signs_in(&directory, dn, "another").await);
        gateway.caller.settled().await;
        // Nobody is told twice, whatever is looked at again.
        gateway
            .caller
            .upload(&[with(person("1", "Ada Novak"), json!({"title": "Judge"}))])
            .await;
        gateway.caller.settled().await;
        count(&directory, "(title=Judge)", 1).await;
        assert!(signs_in(&directory, dn, password).await, "it is the same still");
        let setup = gateway.stop().await;
        assert_eq!(
            database.grep(&setup, &[password, &password[..12]]),
            Vec::<&str>::new()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_nobody_is_told_before_the_work_begins() {
    let (directory, days) = (lab::directory(), Days::from("2026-05-01T08:00:00Z"));
    let mut receiver = Receiver::start(&[]);
    let setup = sealing(Setup::with_target(&ldap(&directory)).at(days.clock()), &receiver);
    let gateway = setup.start().await;
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let soon = with(
        person("1", "Ada Novak"),
        json!({enterprise: {"hireDate": "2026-05-04"}}),
    );
    gateway.caller.upload(&[soon, person("2", "Ben Novak")]).await;
    gateway.caller.settled().await;
    count(&directory, "(employeeID=*)", 2).await;
    assert_eq!(data(&receiver.next())["worker"], "2", "who works there already");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    days.pass(3);
    assert_eq!(
        data(&receiver.next())["worker"],
        "1",
        "in the morning of the first day"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_what_nobody_takes_is_reset() {
    let directory = lab::directory();
    let mut receiver = Receiver::start(&[410]);
    let setup = sealing(Setup::with_target(&ldap(&directory)), &receiver);
    let gateway = setup.start().await;
    gateway.caller.upload(&[person("1", "Ada Novak")]).await;
    let data = data(&receiver.next());
    let clear = open(gateway.setup.dir.path(), data["sealed"].as_str().unwrap());
    let password = clear["password"].as_str().unwrap().to_string();
    let dn = data["address"].as_str().unwrap().to_string();
    eventually("the account has another password", async || {
        !signs_in(&directory, &dn, &password).await
    })
    .await;
    gateway.caller.settled().await;
    eventually("it is said", async || {
        let report = muster(&gateway.setup, &["report", "--json"]);
        let report: Json = serde_json::from_slice(&report.stdout).unwrap();
        report["jobs"][0]["warnings"][0]["code"] == "PasswordNotHandedOver"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_a_tenants_user_gets_one_too_drawn_as_the_mapping_says() {
    let tenant = Tenant::unthrottled();
    let mut receiver = Receiver::start(&[]);
    let setup = sealing(Setup::with_cloud(&tenant.target()), &receiver).app("schema = \"schema.json\"");
    let mut mapped: Json = serde_json::from_str(&schema("API2AAD", &[])).unwrap();
    let mappings = &mut mapped["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    mappings.as_array_mut().unwrap().push(json!({
        "targetAttributeName": "passwordProfile.password",
        "source": {"expression": "Redact(RandomString(24, 2, 2, 2, 2, ))"},
        "flowType": "ObjectAddOnly",
        "matchingPriority": 0,
    }));
    std::fs::write(setup.dir.path().join("schema.json"), mapped.to_string()).unwrap();
    let gateway: Gateway = setup.start().await;
    gateway.caller.upload(&[person("1", "Ada Novak")]).await;
    let data = data(&receiver.next());
    let clear = open(gateway.setup.dir.path(), data["sealed"].as_str().unwrap());
    assert_eq!(clear["account"], tenant.user("1")["id"]);
    let password = clear["password"].as_str().unwrap();
    assert_eq!(password.len(), 24);
    gateway.caller.settled().await;
    let setup = gateway.stop().await;
    assert_eq!(Database::Sqlite.grep(&setup, &[password]), Vec::<&str>::new());
}

#[test]
fn b29_a_key_that_will_not_do_is_said_by_check() {
    let setup = Setup::nowhere().app("initial_password = { handover = \"seal\" }");
    let check = |setup: &Setup| {
        let checked = muster(setup, &["check"]);
        assert_eq!(checked.status.code(), Some(1));
        told(&checked)
    };
    assert!(
        check(&setup).contains("set [notify] seal_to"),
        "{}",
        check(&setup)
    );
    let setup = setup.clients(&format!(
        "[notify]\nwebhook = \"https://hooks.example.test\"\nsecret = \"{SECRET}\"\nseal_to = {{ file = \"public.pem\" }}\n"
    ));
    keys(setup.dir.path());
    let private = std::fs::read(setup.dir.path().join("private.pem")).unwrap();
    std::fs::write(setup.dir.path().join("public.pem"), private).unwrap();
    let said = check(&setup);
    assert!(said.contains("notify: seal_to this is a private key"), "{said}");
    assert!(!said.contains("set [notify] seal_to"), "it is set: {said}");
}
