//! The gateway's main job against the lab: made, found, changed, moved, disabled, enabled.

use serde_json::json;

use super::*;
use crate::gateway::{ENTERPRISE, Gateway, Setup, person, with};
use crate::support::ldap::Entry;

struct World {
    lab: Lab,
    gateway: Gateway,
}

impl World {
    async fn new() -> World {
        let lab = tokio::task::block_in_place(directory);
        let target = format!(
            r#"
            kind = "active-directory"
            urls = ["{}"]
            base_dn = "{BASE}"
            bind_dn = "{}"
            password = "{}"
            ca_file = "{}"
            timeout = "10s"
            "#,
            lab.directory.url,
            lab.upn,
            lab.directory.password,
            lab.directory.ca_file.display()
        );
        let schema = muster::domain::schema::template("API2AD")
            .unwrap()
            .document()
            .unwrap();
        let mut schema = schema.json().clone();
        let place = r#"Switch([userType], "OU=Staff,DC=example,DC=test", "Leaver", "OU=Leavers,OU=Staff,DC=example,DC=test")"#;
        schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
            .as_array_mut()
            .unwrap()
            .push(json!({
                "targetAttributeName": "parentDistinguishedName", "flowType": "Always", "matchingPriority": 0,
                "source": { "type": "Function", "name": "Switch", "expression": place, "parameters": [] },
            }));
        let setup = Setup::with_target(&target)
            .app("start = true")
            .app(r#"managed = ["OU=Staff,DC=example,DC=test"]"#)
            .app(r#"schema = "schema.json""#);
        std::fs::write(setup.dir.path().join("schema.json"), schema.to_string()).unwrap();
        World {
            lab,
            gateway: setup.start().await,
        }
    }

    async fn says(&self, people: &[Json]) {
        self.gateway.caller.upload(people).await;
        self.gateway.caller.settled().await;
    }

    async fn outcome(&self, worker: &str) -> (String, String) {
        let (action, status, _) = self.gateway.caller.outcome(worker).await;
        (action, status)
    }

    fn account(&self, worker: &str) -> Entry {
        let mut found = self
            .lab
            .admin()
            .search(&format!("(employeeID={worker})"), &["*"])
            .unwrap();
        assert_eq!(found.len(), 1, "{worker} has one account");
        found.remove(0)
    }

    fn control(&self, worker: &str) -> u32 {
        self.account(worker)
            .value("userAccountControl")
            .unwrap()
            .parse()
            .unwrap()
    }
}

fn done(action: &str) -> (String, String) {
    (action.to_string(), "success".to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn joiners_movers_and_leavers() {
    let world = World::new().await;
    let manager = json!({ "manager": { "value": "1" }, "department": "Navy" });
    world
        .says(&[
            with(
                person("2", "Grace, \"Amazing\" Hopper"),
                json!({ "userName": "grace", ENTERPRISE: manager }),
            ),
            with(person("1", "Ada Byron"), json!({ "title": "Countess" })),
            with(person("3", "Gone Already"), json!({ "active": false })),
        ])
        .await;
    crate::gateway::eventually("the manager is set", async || {
        world.account("2").value("manager") == Some(&format!("CN=Ada Byron,{STAFF}"))
    })
    .await;
    let ada = world.account("1");
    for (name, value) in [
        ("sAMAccountName", "ada.byron"),
        ("userPrincipalName", "ada.byron@example.test"),
        ("title", "Countess"),
        ("userAccountControl", "512"),
    ] {
        assert_eq!(ada.value(name), Some(value), "{name}");
    }
    assert_eq!(world.control("3") & 2, 2);

    world
        .says(&[json!({ "externalId": "1", "active": true, "userType": "Leaver", "title": "Former" })])
        .await;
    assert_eq!(world.outcome("1").await, done("update"));
    let ada = world.account("1");
    assert_eq!(ada.dn, format!("CN=Ada Byron,OU=Leavers,{STAFF}"));
    assert_eq!(ada.value("title"), Some("Former"));
    assert_eq!(
        world.account("2").value("manager"),
        Some(ada.dn.as_str()),
        "links follow"
    );

    world.says(&[json!({ "externalId": "1", "active": false })]).await;
    assert_eq!(world.outcome("1").await, done("disable"));
    assert_eq!(world.control("1") & 2, 2);
    world.says(&[json!({ "externalId": "1", "active": true })]).await;
    assert_eq!(world.control("1") & 2, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_own_refusals_are_understood() {
    let world = World::new().await;
    let juergen = with(person("1", "Jürgen Müller"), json!({ "userName": "juergen" }));
    world.says(&[juergen, person("2", "Taken Name")]).await;
    assert_eq!(world.outcome("1").await, done("create"));
    let long = "x".repeat(70);
    world
        .says(&[
            with(
                person("11", "Long Company"),
                json!({ ENTERPRISE: { "organization": long } }),
            ),
            with(person("12", "Other Name"), json!({ "userName": "taken.name" })),
            with(person("13", "Jurgen Muller"), json!({ "userName": "thirteen" })),
            person("14", "Fine Person"),
        ])
        .await;
    // Umlauts make no difference to a directory that folds them: thirteen's name is one's.
    for (worker, code) in [
        ("11", "ConstraintViolation"),
        ("12", "EntryConflict"),
        ("13", "EntryConflict"),
    ] {
        let (action, status, said) = world.gateway.caller.outcome(worker).await;
        assert_eq!(
            (action.as_str(), status.as_str(), said.as_str()),
            ("create", "failure", code),
            "{worker}"
        );
    }
    // One value that does not fit is no reason to have no account; a name that is taken is.
    let long = world.account("11");
    assert_eq!(
        (long.value("sAMAccountName"), long.value("company")),
        (Some("long.company"), None)
    );
    for worker in ["12", "13"] {
        let filter = format!("(employeeID={worker})");
        assert_eq!(
            world.lab.admin().search(&filter, &["cn"]).unwrap(),
            [],
            "{worker}"
        );
    }
    assert_eq!(world.outcome("14").await, done("create"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_looked_up_and_not_repeated() {
    use muster::lab::faults::{Action, Fault};
    let world = World::new().await;
    world.lab.directory.controls.faults.replace(vec![Fault {
        on: "add".to_string(),
        about: Some("CN=Ada".to_string()),
        skip: 0,
        times: Some(1),
        action: Action::CutAfter,
    }]);
    world.says(&[person("1", "Ada Byron")]).await;
    crate::gateway::eventually("the account is known to be there", async || {
        !world
            .lab
            .admin()
            .search("(employeeID=1)", &["cn"])
            .unwrap()
            .is_empty()
    })
    .await;
    world
        .says(&[json!({ "externalId": "1", "title": "Countess" })])
        .await;
    assert_eq!(world.account("1").value("title"), Some("Countess"));
    assert_eq!(
        world.lab.answers("add").await,
        json!({ "none": 1 }),
        "sent once, and never answered"
    );
}
