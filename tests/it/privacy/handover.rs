//! The first password, sealed for whoever hands it over (B29).

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use muster::domain::handover::State;
use muster::domain::link::Link;
use muster::store::{Conn, handovers, links, notices, wakes};
use serde_json::{Value as Json, json};

use super::{Database, Days, count, told};
use crate::gateway::{Gateway, JOB, Setup, eventually, person, with};
use crate::names::schema;
use crate::pull::{Company, ldap};
use crate::shell::muster;
use crate::store::{link, on_both, write};
use crate::support::lab::{self, Lab};
use crate::support::tenant::Tenant;
use crate::support::workday;
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
        .clients(&notify(receiver))
}

fn notify(receiver: &Receiver) -> String {
    format!(
        "[notify]\nwebhook = \"{}\"\nsecret = \"{SECRET}\"\nseal_to = {{ file = \"public.pem\" }}\n",
        receiver.url
    )
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
async fn b29_a_sealed_password_does_not_outlive_its_day_where_no_webhook_is_left() {
    let (directory, days) = (lab::directory(), Days::from_now());
    let mut receiver = Receiver::start(&[500, 500, 500]);
    let setup = sealing(Setup::with_target(&ldap(&directory)).at(days.clock()), &receiver);
    let gateway = setup.start().await;
    gateway.caller.upload(&[person("1", "Ada Novak")]).await;
    let data = data(&receiver.next());
    let sealed = data["sealed"].as_str().unwrap().to_string();
    let clear = open(gateway.setup.dir.path(), &sealed);
    let (password, dn) = (
        clear["password"].as_str().unwrap(),
        data["address"].as_str().unwrap(),
    );
    gateway.caller.settled().await;
    let setup = gateway.stop().await;
    assert_eq!(Database::Sqlite.grep(&setup, &[&sealed]), [&sealed], "it waits");
    let gateway = setup
        .without("initial_password = { handover = \"seal\" }")
        .without(&notify(&receiver))
        .start()
        .await;
    assert!(signs_in(&directory, dn, password).await, "there is time yet");
    days.pass(2);
    eventually("nobody knows the password", async || {
        !signs_in(&directory, dn, password).await
    })
    .await;
    eventually("it is said", async || {
        let report = muster(&gateway.setup, &["report", "--json"]);
        let report: Json = serde_json::from_slice(&report.stdout).unwrap();
        report["jobs"][0]["warnings"][0]["code"] == "PasswordNotHandedOver"
    })
    .await;
    assert_eq!(
        Database::Sqlite.grep(&gateway.setup, &[&sealed]),
        Vec::<&str>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_an_account_that_cannot_be_made_is_not_tried_without_end() {
    let directory = lab::directory();
    let receiver = Receiver::start(&[]);
    let setup = sealing(Setup::with_target(&ldap(&directory)), &receiver)
        .without("container = \"OU=Staff,DC=example,DC=test\"")
        .app("container = \"OU=Nowhere,DC=example,DC=test\"");
    let gateway = setup.start().await;
    gateway.caller.upload(&[person("1", "Ada Novak")]).await;
    gateway.caller.settled().await;
    assert_eq!(gateway.caller.outcome("1").await.1, "failure");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let adds = directory.answers("add").await;
    let adds: u64 = adds.as_object().unwrap().values().filter_map(Json::as_u64).sum();
    assert!((1..=3).contains(&adds), "{adds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn b20_b29_who_returns_after_a_long_time_is_handed_another_password() {
    let (directory, days) = (lab::directory(), Days::from_now());
    let mut receiver = Receiver::start(&[]);
    let setup = sealing(Setup::with_target(&ldap(&directory)).at(days.clock()), &receiver);
    let gateway = setup.start().await;
    let ada = |active: bool| with(person("1", "Ada Novak"), json!({ "active": active }));
    gateway.caller.upload(&[ada(true)]).await;
    let first = data(&receiver.next());
    gateway.caller.settled().await;
    gateway.caller.upload(&[ada(false)]).await;
    gateway.caller.settled().await;
    days.pass(40);
    gateway.caller.upload(&[ada(true)]).await;
    let second = data(&receiver.next());
    assert_ne!(first["sealed"], second["sealed"]);
    let clear = open(gateway.setup.dir.path(), second["sealed"].as_str().unwrap());
    let dn = second["address"].as_str().unwrap();
    assert!(signs_in(&directory, dn, clear["password"].as_str().unwrap()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn b20_b29_a_password_that_is_due_goes_along_with_the_account() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path());
    let mut receiver = Receiver::start(&[]);
    let tenant = workday::Tenant::new(0);
    tenant.hire(
        json!({"id": "1", "hire": "2026-01-28", "kind": "contingent", "entered": "2026-01-01T00:00:00Z"}),
    );
    // The tables of a config go on where the app's ends.
    let app = format!(
        "initial_password = {{ handover = \"seal\" }}\n[notify]\nwebhook = \"{}\"\nsecret = \"{SECRET}\"\nseal_to = {{ file = \"{}\" }}\n",
        receiver.url,
        folder.path().join("public.pem").display()
    );
    let company = Company::of(tenant, "", &app).await;
    assert!(!company.is_enabled("1"), "made ahead");
    company.event(json!({"worker": "1", "type": "convert", "effective": "2026-01-28"}));
    company.at("2026-01-19T02:45:00Z").await;
    company.at("2026-01-29T00:00:00Z").await;
    assert!(company.is_enabled("1"));
    let data = data(&receiver.next());
    let clear = open(folder.path(), data["sealed"].as_str().unwrap());
    assert_eq!(clear["account"], data["account"]);
    assert_eq!(company.accounts().len(), 1);
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn sent(conn: &mut Conn, worker: &str, since: Timestamp) -> muster::error::Result<()> {
    notices::add(conn, &format!("msg_{worker}"), "password.sealed", "{}", since)?;
    handovers::keep(
        conn,
        JOB,
        worker,
        State::Sent,
        Some(&format!("msg_{worker}")),
        since,
    )
}

async fn states(store: &muster::store::Store) -> Vec<(String, State)> {
    let of = store.read(|conn| handovers::of(conn, JOB, &["a", "b", "c"]));
    let mut states: Vec<_> = of
        .await
        .unwrap()
        .into_iter()
        .map(|(worker, handover)| (worker, handover.state))
        .collect();
    states.sort_by(|one, other| one.0.cmp(&other.0));
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn b29_what_is_known_of_a_password_follows_the_account() {
    on_both(async |store| {
        let told = async |now| store.read(move |conn| notices::are_due(conn, now)).await.unwrap();
        let woken = async || {
            store
                .read(|conn| wakes::count_due(conn, JOB, at(9)))
                .await
                .unwrap()
        };
        write(&store, |conn| {
            let links: [Link; 2] = [link("a", "guid-of-a"), link("b", "guid-of-b")];
            links::insert(conn, JOB, &links)?;
            handovers::keep(conn, JOB, "a", State::Due, None, at(0))?;
            sent(conn, "b", at(0))
        })
        .await;
        // Another record of the same person speaks.
        write(&store, |conn| handovers::take_over(conn, JOB, "a", "c", at(1))).await;
        assert_eq!(
            states(&store).await,
            [("b".into(), State::Sent), ("c".into(), State::Due)]
        );
        assert_eq!(woken().await, 1, "who speaks is looked at");
        // A person says that another account is the worker's.
        write(&store, |conn| links::delete(conn, JOB, "b")).await;
        assert_eq!(states(&store).await, [("c".into(), State::Due)]);
        assert!(
            !told(at(9)).await,
            "nobody is told of an account that is another's"
        );
        // Nobody took it in time.
        write(&store, |conn| sent(conn, "a", at(0))).await;
        let late = |before| write(&store, move |conn| handovers::lose_late(conn, before, at(2)));
        late(at(0)).await;
        assert_eq!(states(&store).await[0], ("a".into(), State::Sent), "not yet");
        late(at(0) + SignedDuration::from_secs(1)).await;
        assert_eq!(
            states(&store).await,
            [("a".into(), State::Lost), ("c".into(), State::Due)]
        );
        assert!(!told(at(9)).await, "the sealed text is gone");
        assert_eq!(woken().await, 2);
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
