//! B9: where people have accounts already, the first cycle is read before it is written.

mod before;
mod domain;
mod over;

use std::process::Output;

use muster::domain::account::Values;
use muster::domain::plan::{Change, Effect, Recipe};
use muster::store::changes::{self, Sent};
use muster::store::{Location, Store};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, JOB, Setup, eventually, outcome, person, with};
use crate::pull::ldap;
use crate::shell;
use crate::store::write;
use crate::support::lab::{self, Lab};
use crate::support::ldap::Entry;

/// Everything that a test compares of an account.
const SEEN: &[&str] = &[
    "employeeID",
    "title",
    "manager",
    "userAccountControl",
    "sAMAccountName",
    "userPrincipalName",
    "displayName",
    "mail",
];

struct House {
    directory: Lab,
    gateway: Gateway,
}

/// The mark of a create that nobody answered for.
struct Mark {
    store: Store,
    id: String,
}

/// An account that somebody made by hand.
fn account(name: &str, login: &str, control: u32, more: &str) -> String {
    let (given, surname) = name.split_once(' ').unwrap();
    format!(
        "dn: CN={name},OU=Staff,DC=example,DC=test\nobjectClass: user\nsAMAccountName: {login}\n\
         userAccountControl: {control}\ngivenName: {given}\nsn: {surname}\n{more}"
    )
}

/// Enabled without a password, and disabled.
const ENABLED: u32 = 544;
const DISABLED: u32 = 546;

fn titled(id: &str, name: &str, title: &str) -> Json {
    with(person(id, name), json!({"title": title}))
}

impl House {
    async fn with(accounts: &[String], app: &str) -> House {
        House::made(accounts, &format!("start = true\n{app}")).await
    }

    async fn made(accounts: &[String], app: &str) -> House {
        let directory = lab::directory();
        for account in accounts {
            directory.admin().add(account).unwrap();
        }
        let setup = Setup::with_target(&ldap(&directory)).app(app);
        let gateway = setup.start().await;
        House { directory, gateway }
    }

    /// People whose accounts are there, in all the ways in which they can be, and one who is to get one.
    async fn lived_in() -> House {
        let house = House::with(
            &[
                account("Ada Novak", "anovak", ENABLED, "employeeID: 1\ntitle: Clerk\n"),
                account("Ben Novak", "bnovak", DISABLED, "employeeID: 2\n"),
                account("Cas Orlov", "c.orlov", ENABLED, "title: Baker\n"),
                account("Eve Quist", "equist", ENABLED, "employeeID: 5\n"),
                account("Zoe Zander", "zzander", ENABLED, ""),
            ],
            "first_cycle = \"review\"",
        )
        .await;
        house
            .gateway
            .caller
            .upload(&[
                titled("1", "Ada Novak", "Judge"),
                titled("2", "Ben Novak", "Usher"),
                titled("3", "Cas Orlov", "Baker"),
                titled("4", "Dan Pohl", "Clerk"),
                with(person("5", "Eve Quist"), json!({"active": false})),
            ])
            .await;
        house.gateway.caller.settled().await;
        house
    }

    async fn send(&self, method: &str, what: &str, body: Option<Json>) -> (StatusCode, Json) {
        let path = format!("{}/{what}", self.gateway.caller.job_path());
        self.gateway.caller.send(method, &path, body).await
    }

    async fn review(&self) -> Json {
        let (status, review) = self.send("GET", "review", None).await;
        assert_eq!(status, 200, "{review}");
        review
    }

    async fn release(&self, whom: Json) -> Json {
        let (status, released) = self.send("POST", "review/release", Some(whom)).await;
        assert_eq!(status, 200, "{released}");
        released
    }

    fn everybody(&self) -> Vec<Entry> {
        let found = self.directory.admin().search("(objectClass=user)", SEEN);
        let mut found = found.unwrap();
        found.sort_by(|one, other| one.dn.cmp(&other.dn));
        found
    }

    fn of(&self, worker: &str) -> Entry {
        let found = self
            .directory
            .admin()
            .search(&format!("(employeeID={worker})"), SEEN)
            .unwrap();
        assert_eq!(found.len(), 1, "accounts of {worker}");
        found.into_iter().next().unwrap()
    }

    async fn until_title(&self, worker: &str, title: &str) {
        eventually(&format!("{worker} is {title}"), async || {
            let filter = format!("(&(employeeID={worker})(title={title}))");
            let found = self.directory.admin().search(&filter, &["cn"]);
            found.unwrap().len() == 1
        })
        .await;
    }

    fn by_hand(&self, dn: &str, change: &str) {
        self.directory
            .admin()
            .modify(&format!("dn: {dn}\nchangetype: modify\n{change}\n"))
            .unwrap();
    }

    fn muster(&self, arguments: &[&str]) -> Output {
        shell::muster(&self.gateway.setup, arguments)
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.muster(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn sent_for(&self, worker: &str) -> Mark {
        let path = self.gateway.setup.dir.path().join("muster.db");
        let store = Store::open(Location::Sqlite(path)).await.unwrap();
        let create = Effect::Create {
            values: Values::new(),
            container: None,
            enabled: true,
            password: Recipe::default(),
        };
        let sent = Sent {
            change: Change {
                id: uuid::Uuid::now_v7(),
                worker: worker.into(),
                account: None,
                effects: vec![create],
            },
            endpoint: String::new(),
            plan: uuid::Uuid::nil(),
            policy: 1,
            allowed: changes::Allowed::new(),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let id = sent.change.id.to_string();
        write(&store, move |conn| changes::mark_sent(conn, JOB, "", 1, &[&sent])).await;
        Mark { store, id }
    }

    fn links(&self, text: &str) -> String {
        let path = self.gateway.setup.dir.path().join("links.csv");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    }
}

fn is_enabled(entry: &Entry) -> bool {
    entry.value("userAccountControl").unwrap().parse::<u32>().unwrap() & 2 == 0
}

fn same(one: &[Entry], other: &[Entry]) -> bool {
    let texts = |entries: &[Entry]| -> Vec<String> {
        let each = entries.iter().map(|entry| {
            let values: Vec<_> = SEEN.iter().map(|name| entry.value(name)).collect();
            format!("{} {values:?}", entry.dn)
        });
        each.collect()
    };
    texts(one) == texts(other)
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_a_first_cycle_over_a_living_directory_is_held_and_reported() {
    let house = House::lived_in().await;
    let caller = &house.gateway.caller;
    for (worker, expected) in [
        ("1", outcome("update", "skipped", "HeldForReview")),
        ("3", outcome("create", "failure", "PossibleExistingAccount")),
        ("4", outcome("create", "skipped", "HeldForReview")),
        ("5", outcome("disable", "skipped", "HeldForReview")),
    ] {
        assert_eq!(caller.outcome(worker).await, expected, "{worker}");
    }
    assert_eq!(house.of("1").value("title"), Some("Clerk"));
    assert!(is_enabled(&house.of("5")));
    let review = house.review().await;
    let report = &review["report"];
    assert_eq!(report["withheld"], 5, "{review}");
    assert_eq!(report["matched"], json!({"employeeID": 3}), "{review}");
    assert_eq!(report["creates"]["count"], 1);
    assert_eq!(report["creates"]["samples"][0]["worker"], "4");
    assert_eq!(report["disables"]["samples"][0]["worker"], "5");
    assert_eq!(report["enables"]["count"], 0, "by hand it was disabled: {review}");
    let double = &report["possibleExistingAccounts"];
    assert_eq!(
        (&double["count"], &double["samples"][0]["worker"]),
        (&json!(1), &json!("3"))
    );
    let reason = double["samples"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("CN=Cas Orlov") && reason.contains("givenName and sn"),
        "{reason}"
    );
    let title = &report["attributes"]["title"];
    let overwritten = &title["overwritten"];
    assert_eq!(overwritten["count"], 1, "{review}");
    assert_eq!(
        (
            &overwritten["samples"][0]["before"],
            &overwritten["samples"][0]["after"]
        ),
        (&json!("Clerk"), &json!("Judge"))
    );
    assert_eq!(title["filled"]["count"], 1, "Ben's");
    let strays = &review["accountsWithoutWorker"];
    assert_eq!(strays["count"], 2, "Cas's is nobody's yet: {review}");
    assert!(strays["examples"].to_string().contains("Zoe Zander"));
    let job = caller.job().await;
    assert_eq!(job["status"]["code"], "Quarantine");
    let text = house.said(&["review", "HR to Active Directory"]);
    for part in [
        "The first cycle waits for its review",
        "3 matched by employeeID",
        "1 who seem to have an account that matching does not find",
        "2 accounts without a worker",
        "1 title overwritten",
        "1 Ada Novak: Clerk → Judge",
        "1 would be disabled",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let one: Json = serde_json::from_str(&house.said(&["review", JOB, "--worker", "1"])).unwrap();
    assert_eq!(
        (&one["standing"], &one["matchedBy"]),
        (&json!("withheld"), &json!("employeeID"))
    );
    let all: Json = serde_json::from_str(&house.said(&["review", JOB, "--json"])).unwrap();
    assert_eq!(all["workers"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_a_cohort_is_released_and_then_all_and_nothing_is_done_that_nobody_read() {
    let house = House::lived_in().await;
    let before = house.everybody();
    let released = house.release(json!({"workers": ["4"]})).await;
    assert_eq!(
        released,
        json!({"released": 1, "withheld": 4, "possibleExistingAccounts": 1, "isOver": false})
    );
    house.until_title("4", "Clerk").await;
    assert!(same(&before, &{
        let mut others = house.everybody();
        others.retain(|entry| entry.value("employeeID") != Some("4"));
        others
    }));
    // What was released lives on its own.
    house
        .gateway
        .caller
        .upload(&[titled("4", "Dan Pohl", "Judge")])
        .await;
    house.until_title("4", "Judge").await;
    let (status, refused) = house
        .send(
            "POST",
            "review/release",
            Some(json!({"filter": ["title EQUALS Smith"]})),
        )
        .await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("NothingToRelease"))
    );

    // Ada's account is another by the time it is released: that is read again.
    house.by_hand(
        "CN=Ada Novak,OU=Staff,DC=example,DC=test",
        "replace: title\ntitle: Queen",
    );
    let released = house.release(json!({"all": true})).await;
    assert_eq!(
        released,
        json!({"released": 3, "withheld": 1, "possibleExistingAccounts": 1, "isOver": true})
    );
    eventually("Eve is disabled", async || !is_enabled(&house.of("5"))).await;
    house.until_title("2", "Usher").await;
    assert!(!is_enabled(&house.of("2")), "somebody disabled it by hand");
    eventually("Ada waits again", async || {
        house.review().await["report"]["withheld"] == 2
    })
    .await;
    assert_eq!(house.of("1").value("title"), Some("Queen"));
    let (status, said) = house.send("GET", "review/workers", None).await;
    assert_eq!(status, 200);
    let ada = &said["value"][0];
    assert_eq!(
        (&ada["worker"], &ada["standing"]),
        (&json!("1"), &json!("withheld"))
    );
    house.release(json!({"workers": ["1"]})).await;
    house.until_title("1", "Judge").await;

    // Whoever comes now goes the usual way.
    house
        .gateway
        .caller
        .upload(&[titled("6", "Fay Rand", "Clerk")])
        .await;
    house.until_title("6", "Clerk").await;
    assert!(
        house
            .directory
            .admin()
            .search("(employeeID=3)", SEEN)
            .unwrap()
            .is_empty()
    );
    let cas = house.directory.admin().search("(sn=Orlov)", SEEN).unwrap();
    assert_eq!(cas.len(), 1, "no second account");
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_links_join_whom_matching_cannot_all_of_them_or_none() {
    let house = House::lived_in().await;
    let app = "HR to Active Directory";
    let wrong = house.links("worker,account\n3,nobody\n99,zzander\n1,zzander\n1,anovak\n2,anovak\n");
    let refused = house.muster(&["link", app, &wrong]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    for part in [
        "line 2: no account is called nobody",
        "line 3: HR has said nothing of a worker 99",
        "line 5: line 4 is about the same worker 1",
        "line 6: line 5 has the same account, for 1",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // An empty cell is what somebody did not fill in yet.
    let refused = house.muster(&["link", app, &house.links("worker,account\n3,\n")]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && error.contains("line 2: no account is named"),
        "{error}"
    );
    // Matching would find it again, and somebody else's account would be overwritten.
    let refused = house.muster(&["link", app, &house.links("worker,account\n1,-\n")]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    for part in [
        "line 2: CN=Ada Novak",
        "worker 1's employeeID, '1'",
        "correct employeeID",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let links = house.links("Worker,DN\n3,\"CN=Cas Orlov,OU=Staff,DC=example,DC=test\"\n");
    // Whose own account may still come would have two (B26).
    let Mark { store, id } = house.sent_for("3").await;
    let refused = house.muster(&["link", app, &links]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && error.contains("line 2: an account was sent for, for worker 3"),
        "{error}"
    );
    write(&store, move |conn| {
        changes::settle(conn, std::slice::from_ref(&id))
    })
    .await;
    let said = house.said(&["link", app, &links]);
    assert!(said.contains("CN=Cas Orlov"), "{said}");
    eventually("Cas is joined", async || {
        let review = house.review().await;
        review["report"]["matched"] == json!({"employeeID": 3, "link": 1})
    })
    .await;
    assert_eq!(
        house.review().await["report"]["attributes"]["employeeID"]["filled"]["count"],
        1
    );
    assert!(
        house
            .directory
            .admin()
            .search("(employeeID=3)", SEEN)
            .unwrap()
            .is_empty()
    );
    // A join that was a mistake is taken back.
    house.said(&["link", app, &house.links("worker,account\n3,-\n")]);
    eventually("Cas is to get an account of his own", async || {
        house.review().await["report"]["creates"]["count"] == 2
    })
    .await;
    let links = house.links("Worker,DN\n3,\"CN=Cas Orlov,OU=Staff,DC=example,DC=test\"\n");
    house.said(&["link", app, &links]);
    eventually("Cas is joined again", async || {
        house.review().await["report"]["creates"]["count"] == 1
    })
    .await;
    house.said(&["release", app, "--all"]);
    house.until_title("3", "Baker").await;
    assert_eq!(
        house.of("3").value("sAMAccountName"),
        Some("c.orlov"),
        "names flow when accounts are made"
    );
    let again: Json = serde_json::from_str(&house.said(&["link", app, &links, "--json"])).unwrap();
    assert_eq!(again[0]["already"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn b9_somebody_else_of_the_same_name_gets_an_account_of_his_own() {
    let house = House::lived_in().await;
    let links = house.links("worker,account\n3,-\n");
    house.said(&["link", JOB, &links]);
    eventually("Cas is to get an account", async || {
        house.review().await["report"]["creates"]["count"] == 2
    })
    .await;
    house.by_hand(
        "CN=Cas Orlov,OU=Staff,DC=example,DC=test",
        "replace: description\ndescription: an elder Cas",
    );
    house.said(&["release", JOB, "--filter", "displayName EQUALS Cas Orlov"]);
    eventually("there are two of the name", async || {
        let log = house.gateway.caller.outcome("3").await;
        log != outcome("create", "skipped", "HeldForReview")
    })
    .await;
    // Two people of one name cannot share a container: that is the target's to say, not the review's.
    assert_ne!(
        house.gateway.caller.outcome("3").await.2,
        "PossibleExistingAccount"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_are_what_the_commands_take() {
    let house = House::lived_in().await;
    house
        .gateway
        .caller
        .upload(&[
            with(
                titled("21451", "Priya Natarajan", "Clerk"),
                json!({"userType": "Sales"}),
            ),
            titled("21452", "Bob Stone", "Clerk"),
        ])
        .await;
    house.gateway.caller.settled().await;
    let page = include_str!("../../docs/first-cycle.md");
    let lines: Vec<&str> = shell::blocks(page, "sh")
        .into_iter()
        .flat_map(str::lines)
        .collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    house.links("worker,account\n3,-\n");
    house.muster(&["check"]);
    for line in lines {
        // HR's attributes have other names here.
        let line = line.replace("Department EQUALS Sales", "userType EQUALS Sales");
        let run = shell::type_in(&house.gateway, &line).await;
        let said = String::from_utf8_lossy(&run.stderr);
        // Who was released by name does not wait any more when his unit is.
        let none_left = said.contains("nobody of these waits");
        assert!(run.status.success() || none_left, "{line}: {said}");
    }
    house.until_title("21451", "Clerk").await;
    house.until_title("1", "Judge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_directory_needs_no_review_and_a_switch_does_without() {
    let house = House::with(&[], "first_cycle = \"review\"").await;
    house
        .gateway
        .caller
        .upload(&[titled("1", "Ada Novak", "Judge")])
        .await;
    house.until_title("1", "Judge").await;

    let there = account("Ada Novak", "anovak", ENABLED, "employeeID: 1\ntitle: Clerk\n");
    let house = House::with(std::slice::from_ref(&there), "first_cycle = \"apply\"").await;
    house
        .gateway
        .caller
        .upload(&[titled("1", "Ada Novak", "Judge")])
        .await;
    house.until_title("1", "Judge").await;

    // Who changes his mind while it waits.
    let house = House::with(&[there], "first_cycle = \"review\"").await;
    house
        .gateway
        .caller
        .upload(&[titled("1", "Ada Novak", "Judge")])
        .await;
    house.gateway.caller.settled().await;
    assert_eq!(house.of("1").value("title"), Some("Clerk"));
    let House { directory, gateway } = house;
    let setup = gateway.stop().await.without("first_cycle = \"review\"");
    let gateway = setup.start().await;
    gateway.caller.upload(&[titled("2", "Ben Novak", "Usher")]).await;
    let house = House { directory, gateway };
    house.until_title("1", "Judge").await;
    house.until_title("2", "Usher").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_only_plans_says_everything_and_writes_nothing() {
    let there = account("Ada Novak", "anovak", ENABLED, "employeeID: 1\ntitle: Clerk\n");
    let house = House::with(&[there], "mode = \"plan\"\nfirst_cycle = \"apply\"").await;
    let caller = &house.gateway.caller;
    let before = house.everybody();
    caller
        .upload(&[
            titled("1", "Ada Novak", "Judge"),
            titled("2", "Ben Novak", "Usher"),
        ])
        .await;
    caller.settled().await;
    assert_eq!(
        caller.outcome("1").await,
        outcome("update", "skipped", "PlannedOnly")
    );
    assert_eq!(
        caller.outcome("2").await,
        outcome("create", "skipped", "PlannedOnly")
    );
    assert!(same(&before, &house.everybody()));
    let review = house.review().await;
    assert_eq!(
        (&review["plansOnly"], &review["report"]["creates"]["count"]),
        (&json!(true), &json!(1))
    );
    for what in ["review/release", "undo", "provisionOnDemand"] {
        let body = match what {
            "review/release" => json!({"all": true}),
            "undo" => json!({"id": "1"}),
            _ => {
                json!({"parameters": [{"subjects": [{"objectId": "1", "objectTypeName": "User"}], "ruleId": "x"}]})
            }
        };
        let (status, answer) = house.send("POST", what, Some(body)).await;
        assert!(status.is_client_error(), "{what}: {status} {answer}");
    }
    // The other product did it: nothing is left to be said.
    house.by_hand(
        "CN=Ada Novak,OU=Staff,DC=example,DC=test",
        "replace: title\ntitle: Judge",
    );
    caller.upload(&[titled("1", "Ada Novak", "Judge")]).await;
    eventually("the plan knows of it", async || {
        house.review().await["report"]["attributes"]["title"].is_null()
    })
    .await;
    let House { directory, gateway } = house;
    let setup = gateway.stop().await.without("mode = \"plan\"");
    let gateway = setup.start().await;
    gateway.caller.upload(&[titled("3", "Cas Orlov", "Baker")]).await;
    let house = House { directory, gateway };
    house.until_title("2", "Usher").await;
    house.until_title("3", "Baker").await;
}
