//! The main job on a real domain: uploads in, accounts in Active Directory, the log to prove it. The service
//! account has rights on its own container only, and that is enough.

use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, Gateway, JOB, Setup, outcome, person, with};
use crate::support::samba::{self, Controller};

const STAFF: &str = "OU=Staff,DC=example,DC=test";

/// A domain, and a gateway whose job runs against it.
struct World {
    controller: Controller,
    gateway: Gateway,
}

pub fn target(controller: &Controller, user: &str, password: &str) -> String {
    format!(
        r#"
        kind = "active-directory"
        urls = ["{}"]
        base_dn = "{}"
        bind_dn = "{user}"
        password = "{password}"
        ca_file = "{}"
        timeout = "10s"
        "#,
        controller.ldaps_url,
        controller.base_dn,
        controller.ca_file.display()
    )
}

impl World {
    async fn new(app: &str) -> World {
        let controller = samba::controller();
        let (user, password) = controller.service_account(&[STAFF, "OU=Rome,DC=example,DC=test"]);
        controller.index("employeeID");
        let gateway = Setup::with_target(&target(&controller, &user, &password))
            .app("start = true")
            .app(app)
            .start()
            .await;
        World { controller, gateway }
    }

    async fn says(&self, people: &[Json]) {
        self.gateway.caller.upload(people).await;
        self.gateway.caller.settled().await;
    }

    async fn outcome(&self, worker: &str) -> (String, String, String) {
        self.gateway.caller.outcome(worker).await
    }

    /// (DN, values) of the one account of this worker.
    fn account(&self, worker: &str) -> crate::support::ldap::Entry {
        let mut found = self.controller.search(&format!("(employeeID={worker})"), &["*"]);
        assert_eq!(found.len(), 1, "{worker} has one account");
        found.remove(0)
    }

    fn enabled(&self, worker: &str) -> bool {
        let control: u32 = self
            .account(worker)
            .value("userAccountControl")
            .unwrap()
            .parse()
            .unwrap();
        control & 2 == 0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joiners_movers_and_leavers() {
    let world = World::new("").await;
    // The report arrives before the manager, and a name that a DN must escape.
    world
        .says(&[
            with(person("2", "Grace, \"Amazing\" Hopper"), json!({ "userName": "grace", ENTERPRISE: { "manager": { "value": "1" }, "department": "Navy" } })),
            with(person("1", "Ada Byron"), json!({ "title": "Countess", "phoneNumbers": [{ "type": "mobile", "value": "+44 1" }] })),
            with(person("3", "Gone Already"), json!({ "active": false })),
        ])
        .await;
    crate::gateway::eventually("the manager is set", async || {
        world.account("2").value("manager") == Some(&format!("CN=Ada Byron,{STAFF}"))
    })
    .await;
    let ada = world.account("1");
    for (attribute, value) in [
        ("sAMAccountName", "ada.byron"),
        ("userPrincipalName", "ada.byron@example.test"),
        ("givenName", "Ada"),
        ("sn", "Byron"),
        ("title", "Countess"),
        ("mobile", "+44 1"),
        ("userAccountControl", "512"),
    ] {
        assert_eq!(ada.value(attribute), Some(value), "{attribute}");
    }
    assert!(world.enabled("2") && !world.enabled("3"));
    let create = world
        .gateway
        .caller
        .logs(&format!("jobid eq '{JOB}' and provisioningAction eq 'create'"))
        .await;
    assert_eq!(create.len(), 3);
    assert!(
        create
            .iter()
            .all(|entry| entry["provisioningStatusInfo"]["status"] == "success"),
        "{create:?}"
    );

    world
        .says(&[with(
            person("1", "Ada Byron"),
            json!({ "title": "Countess", "phoneNumbers": [{ "type": "mobile", "value": "+44 1" }] }),
        )])
        .await;
    assert_eq!(
        world.outcome("1").await,
        outcome("other", "skipped", "RedundantExport")
    );

    world
        .says(&[json!({ "externalId": "1", "active": "False", "title": "Former Countess" })])
        .await;
    assert_eq!(world.outcome("1").await, outcome("disable", "success", ""));
    assert!(!world.enabled("1"));
    assert_eq!(world.account("1").value("title"), Some("Former Countess"));
    assert_eq!(
        world.account("1").value("mobile"),
        Some("+44 1"),
        "what is not named stays"
    );

    world.says(&[json!({ "externalId": "1", "active": true })]).await;
    assert_eq!(world.outcome("1").await, outcome("update", "success", ""));
    assert!(world.enabled("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_is_matched_and_what_others_did_is_respected() {
    let world = World::new("").await;
    let account = |name: &str, id: &str, control: u32| {
        format!(
            "dn: CN={name},{STAFF}\nobjectClass: user\nsAMAccountName: {id}\nemployeeID: {id}\ndescription: by hand\nuserAccountControl: {control}\n"
        )
    };
    world.controller.add(&account("Found", "7172023", 544));
    world.controller.add(&account("Disabled", "8", 546));
    world.controller.add(&account("Twin A", "9", 544));
    world
        .controller
        .add(&account("Twin B", "9", 544).replace("sAMAccountName: 9", "sAMAccountName: 9b"));
    world.controller.add(
        "dn: CN=Boss,CN=Users,DC=example,DC=test\nobjectClass: user\nsAMAccountName: boss\nemployeeID: 10\nuserAccountControl: 544\n",
    );
    world
        .says(&[
            json!({ "externalId": "7172023", "active": false, ENTERPRISE: { "department": "Tour Ops" } }),
            json!({ "externalId": "8", "active": true, "title": "Guide" }),
            json!({ "externalId": "9", "active": true, "title": "Guide" }),
            json!({ "externalId": "10", "active": false, "title": "Guide" }),
        ])
        .await;
    assert_eq!(world.outcome("7172023").await, outcome("disable", "success", ""));
    let found = world.account("7172023");
    assert_eq!(
        found.value("userAccountControl"),
        Some("546"),
        "only bit 2 changed"
    );
    assert_eq!(
        (found.value("department"), found.value("description")),
        (Some("Tour Ops"), Some("by hand"))
    );
    assert_eq!(
        world.outcome("8").await,
        outcome("update", "warning", "DisabledElsewhere")
    );
    assert!(!world.enabled("8"));
    assert_eq!(world.account("8").value("title"), Some("Guide"));
    assert_eq!(
        world.outcome("9").await,
        outcome("other", "failure", "DuplicateTargetEntries")
    );
    assert_eq!(
        world.outcome("10").await,
        outcome("other", "failure", "OutsideManagedContainers")
    );
    assert_eq!(
        world.account("10").value("title"),
        None,
        "outside its containers nothing is written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_data_is_that_persons_own_and_a_leaver_among_them_is_disabled() {
    let world = World::new("").await;
    world
        .says(&[person("1", "Lee Leaver"), person("2", "Taken Name")])
        .await;
    let long = "x".repeat(70);
    world
        .says(&[
            json!({ "userName": "nobody" }),
            with(
                person("11", "Long Company"),
                json!({ ENTERPRISE: { "organization": long } }),
            ),
            with(person("12", "Bad Upn"), json!({ "userName": "two words" })),
            with(person("13", "Other Name"), json!({ "userName": "taken.name" })),
            with(person("14", "Taken Name"), json!({ "userName": "fourteen" })),
            with(person("12345678901234567", "Long Id"), json!({})),
            json!({ "externalId": "1", "active": false, ENTERPRISE: { "organization": long } }),
            person("15", "Fine Person"),
        ])
        .await;
    assert_eq!(
        world.outcome("11").await,
        outcome("create", "failure", "ConstraintViolation")
    );
    assert_eq!(world.account("11").value("company"), None);
    for (worker, code) in [
        ("12", "InvalidAttributeSyntax"),
        ("13", "EntryConflict"),
        ("14", "EntryConflict"),
        ("12345678901234567", "ConstraintViolation"),
    ] {
        let (action, status, found) = world.outcome(worker).await;
        assert_eq!(
            (action.as_str(), status.as_str()),
            ("create", "failure"),
            "{worker}"
        );
        assert!(
            found.contains(code) || code == "EntryConflict" && found.contains("NotUnique"),
            "{worker}: {found}"
        );
        assert!(
            world
                .controller
                .search(&format!("(employeeID={worker})"), &["cn"])
                .is_empty(),
            "{worker}"
        );
    }
    assert_eq!(
        world.outcome("1").await,
        outcome("disable", "failure", "ConstraintViolation")
    );
    assert!(!world.enabled("1"), "B13: a leaver is never blocked");
    assert_eq!(world.outcome("15").await, outcome("create", "success", ""));
    let nameless = world
        .gateway
        .caller
        .logs(&format!("jobid eq '{JOB}' and sourceIdentity/id eq ''"))
        .await;
    assert_eq!(
        nameless[0]["provisioningStatusInfo"]["errorInformation"]["reason"]
            .as_str()
            .unwrap()
            .split(':')
            .next(),
        Some("Source identifier of an entry cannot be empty")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_does_not_exist_is_one_failed_entry() {
    let world = World::new(r#"managed = ["OU=Staff,DC=example,DC=test"]"#).await;
    let schema = muster::domain::schema::template("API2AD")
        .unwrap()
        .document()
        .unwrap();
    let mut schema = schema.json().clone();
    let place = r#"Switch([userType], "OU=Staff,DC=example,DC=test", "Lost", "OU=Nowhere,OU=Staff,DC=example,DC=test")"#;
    schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
        .as_array_mut()
        .unwrap()
        .push(json!({
            "targetAttributeName": "parentDistinguishedName", "flowType": "Always", "matchingPriority": 0,
            "source": { "type": "Function", "name": "Switch", "expression": place, "parameters": [] },
        }));
    let setup = world.gateway.stop().await;
    std::fs::write(setup.dir.path().join("schema.json"), schema.to_string()).unwrap();
    let gateway = setup.app(r#"schema = "schema.json""#).start().await;
    let world = World {
        controller: world.controller,
        gateway,
    };
    world
        .says(&[
            with(person("1", "Lost Soul"), json!({ "userType": "Lost" })),
            person("2", "Found Soul"),
        ])
        .await;
    let (action, status, code) = world.outcome("1").await;
    assert_eq!(
        (action.as_str(), status.as_str()),
        ("create", "failure"),
        "{code}"
    );
    assert_eq!(world.outcome("2").await, outcome("create", "success", ""));

    world
        .says(&[json!({ "externalId": "2", "userType": "Lost", "title": "Guide" })])
        .await;
    let (action, status, _) = world.outcome("2").await;
    assert_eq!((action.as_str(), status.as_str()), ("update", "failure"));
    let account = world.account("2");
    assert_eq!(
        (account.dn.as_str(), account.value("title")),
        ("CN=Found Soul,OU=Staff,DC=example,DC=test", Some("Guide"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_directory_has_besides_is_added_to_the_schema_when_asked_for() {
    let world = World::new("").await;
    let caller = &world.gateway.caller;
    let path = format!("{}/schema/directories", caller.job_path());
    let directories = caller.send("GET", &path, None).await.1["value"].clone();
    let [source, target] = [0, 1].map(|at| directories[at]["id"].as_str().unwrap().to_string());
    let (status, refused) = caller
        .send("POST", &format!("{path}/{source}/discover"), None)
        .await;
    assert_eq!(
        (status.as_u16(), &refused["error"]["code"]),
        (400, &json!("invalidRequest"))
    );
    let (status, _) = caller
        .send("POST", &format!("{path}/nowhere/discover"), None)
        .await;
    assert_eq!(status, 404);

    let known = directories[1]["objects"][0]["attributes"].as_array().unwrap();
    assert!(!known.iter().any(|one| one["name"] == "carLicense"));
    let (status, found) = caller
        .send("POST", &format!("{path}/{target}/discover"), None)
        .await;
    assert_eq!(status, 200, "{found}");
    let attributes = found["objects"][0]["attributes"].as_array().unwrap();
    assert_eq!(
        &attributes[..known.len()],
        known.as_slice(),
        "what was defined stays"
    );
    let plate = attributes.iter().find(|one| one["name"] == "carLicense").unwrap();
    assert_eq!(
        (&plate["type"], &plate["multivalued"], &plate["mutability"]),
        (&json!("String"), &json!(true), &json!("ReadWrite"))
    );
    assert!(found["discoveryDateTime"].is_string());
    let kept = caller.send("GET", &format!("{path}/{target}"), None).await.1;
    assert!(kept["objects"] == found["objects"], "and is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_does_not_answer_loses_nobody() {
    let world = World::new("").await;
    world.says(&[person("1", "Ada Byron")]).await;
    world.controller.stop();
    world
        .gateway
        .caller
        .upload(&[
            json!({ "externalId": "1", "active": false }),
            person("2", "Grace Hopper"),
        ])
        .await;
    crate::gateway::eventually("the outage is noticed", async || {
        world.gateway.caller.job().await["status"]["lastExecution"]["state"] == "Failed"
    })
    .await;
    assert_eq!(
        world.outcome("1").await,
        outcome("create", "success", ""),
        "nothing is said of a person"
    );
    world.controller.start_again();
    world.gateway.caller.settled().await;
    assert_eq!(world.outcome("1").await, outcome("disable", "success", ""));
    assert_eq!(world.outcome("2").await, outcome("create", "success", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_app_must_never_touch_is_read_and_not_written() {
    let world = World::new(r#"never = "CN=Untouchables,OU=Staff,DC=example,DC=test""#).await;
    world.controller.add(&format!(
        "dn: CN=Found,{STAFF}\nobjectClass: user\nsAMAccountName: found\nemployeeID: 1\nuserAccountControl: 544\n\n\
         dn: CN=Inner,{STAFF}\nobjectClass: group\nmember: CN=Found,{STAFF}\n\n\
         dn: CN=Untouchables,{STAFF}\nobjectClass: group\nmember: CN=Inner,{STAFF}\n"
    ));
    world
        .says(&[json!({ "externalId": "1", "active": false, "title": "Guide" })])
        .await;
    assert_eq!(
        world.outcome("1").await,
        outcome("other", "failure", "ProtectedAccount")
    );
    assert!(world.enabled("1"), "B12: but somebody is told at once");
    assert_eq!(world.account("1").value("title"), None);
}
