//! The main job on a simulated tenant: uploads in, users in Entra ID, the log to prove it. What the tenant holds is
//! asked of the simulator itself.

use muster::lab::entra::{Settings, Throttling};
use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, Gateway, Setup, eventually, outcome, person, with};
use crate::support::tenant::Tenant;

/// A tenant, and a gateway whose job runs against it.
struct World {
    tenant: Tenant,
    gateway: Gateway,
}

impl World {
    async fn new(tenant: Tenant, app: &str) -> World {
        let setup = Setup::with_cloud(&tenant.target()).app("start = true").app(app);
        let gateway = setup.start().await;
        World { tenant, gateway }
    }

    async fn says(&self, people: &[Json]) {
        self.gateway.caller.upload(people).await;
        self.gateway.caller.settled().await;
    }

    async fn outcome(&self, worker: &str) -> (String, String, String) {
        self.gateway.caller.outcome(worker).await
    }

    async fn reason(&self, worker: &str) -> String {
        let entries = self
            .gateway
            .caller
            .logs(&format!("sourceIdentity/id eq '{worker}'"))
            .await;
        entries[0]["provisioningStatusInfo"]["errorInformation"]["reason"].to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joiners_movers_and_leavers() {
    let world = World::new(Tenant::unthrottled(), "").await;
    world
        .says(&[
            with(person("2", "Grace Hopper"), json!({ "userName": "grace", ENTERPRISE: { "manager": { "value": "1" }, "department": "Navy", "division": "Ships" } })),
            with(person("1", "Zoë Müller"), json!({ "userName": "zoë.müller@hr.example.com", "title": "Countess", "phoneNumbers": [{ "type": "mobile", "value": "+44 1" }, { "type": "work", "value": "+44 2" }] })),
            with(person("3", "Gone Already"), json!({ "active": false })),
        ])
        .await;
    let zoe = world.tenant.user("1");
    for (property, value) in [
        ("userPrincipalName", json!("zoe.muller@example.test")),
        ("mailNickname", json!("zoe.muller")),
        ("displayName", json!("Zoë Müller")),
        ("jobTitle", json!("Countess")),
        ("mobilePhone", json!("+44 1")),
        ("businessPhones", json!(["+44 2"])),
        ("accountEnabled", json!(true)),
        ("userType", json!("Member")),
    ] {
        assert_eq!(zoe[property], value, "{property}");
    }
    let grace = || world.tenant.user("2");
    assert_eq!(grace()["employeeOrgData"]["division"], "Ships");
    assert_eq!(world.tenant.user("3")["accountEnabled"], false);
    eventually("the manager is set", async || grace()["manager"] == zoe["id"]).await;
    assert_eq!(world.outcome("1").await, outcome("create", "success", ""));

    world
        .says(&[
            json!({ "externalId": "1", "title": "" , "active": false }),
            json!({ "externalId": "2", "title": "Admiral", "displayName": "Grace M. Hopper" }),
        ])
        .await;
    assert_eq!(world.outcome("1").await, outcome("disable", "success", ""));
    assert_eq!(world.tenant.user("1")["accountEnabled"], false);
    assert_eq!(grace()["jobTitle"], "Admiral");
    assert_eq!(grace()["displayName"], "Grace M. Hopper");

    world
        .says(&[
            json!({ "externalId": "1", "active": true }),
            json!({ "externalId": "2", "title": "Admiral" }),
        ])
        .await;
    assert_eq!(world.tenant.user("1")["accountEnabled"], true);
    assert_eq!(
        world.outcome("2").await,
        outcome("other", "skipped", "RedundantExport")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_is_matched_and_some_of_it_is_never_written() {
    let tenant = Tenant::unthrottled();
    let user = |name: &str, id: &str, more: Json| {
        with(
            json!({
                "userPrincipalName": format!("{name}@example.test"), "displayName": name, "mailNickname": name,
                "employeeId": id, "accountEnabled": true, "userType": "Member",
            }),
            more,
        )
    };
    for (set, role_holder) in [
        (user("ada", "1", json!({})), false),
        (
            user("synced", "2", json!({ "onPremisesSyncEnabled": true })),
            false,
        ),
        (user("boss", "3", json!({})), true),
        (user("twin.a", "4", json!({})), false),
        (user("twin.b", "4", json!({})), false),
        (user("guest", "5", json!({ "userType": "Guest" })), false),
    ] {
        tenant.alter(json!({ "set": set, "roleHolder": role_holder }));
    }
    let world = World::new(tenant, "").await;
    let named = |id: &str, name: &str| with(person(id, name), json!({ "title": "Guide" }));
    world
        .says(&[
            named("1", "Ada Byron"),
            with(named("2", "Synced"), json!({ "active": false })),
            with(named("3", "Boss"), json!({ "active": false })),
            named("4", "Twin"),
            named("5", "Guest Worker"),
        ])
        .await;
    assert_eq!(world.outcome("1").await, outcome("update", "success", ""));
    let ada = world.tenant.user("1");
    assert_eq!(
        (&ada["jobTitle"], &ada["userPrincipalName"]),
        (&json!("Guide"), &json!("ada@example.test"))
    );
    // B24, B21: a leaver who cannot be disabled here is a failure that says so.
    assert_eq!(world.outcome("2").await.2, "MasteredOnPremises");
    assert!(world.reason("2").await.contains("by hand"));
    assert_eq!(world.tenant.user("2")["jobTitle"], Json::Null);
    assert_eq!(
        world.outcome("3").await,
        outcome("disable", "failure", "AzureActiveDirectoryForbidden")
    );
    assert!(world.reason("3").await.contains("holds a role"));
    assert_eq!(world.outcome("4").await.2, "DuplicateTargetEntries");
    // A guest is nobody's employee: the worker gets an account of his own.
    assert_eq!(world.outcome("5").await, outcome("create", "success", ""));
    assert_eq!(world.tenant.holders("5").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn b11_a_deleted_user_is_restored_only_when_hr_turned() {
    let world = World::new(Tenant::unthrottled(), "").await;
    let deleted = async |worker: &str, is: bool| {
        let entries = world.tenant.lab.state();
        let bin = entries["deleted"].as_array().unwrap();
        assert_eq!(
            bin.iter().any(|user| user["employeeId"] == worker),
            is,
            "{worker}"
        );
    };
    world
        .says(&[person("1", "Ada Byron"), person("2", "Bob Byron")])
        .await;
    for worker in ["1", "2"] {
        let id = world.tenant.user(worker)["id"].as_str().unwrap().to_string();
        world.tenant.delete(&id).await;
        deleted(worker, true).await;
    }
    // HR goes on saying active: somebody deleted it, and it stays so.
    world
        .says(&[json!({ "externalId": "1", "title": "Guide" })])
        .await;
    assert_eq!(world.outcome("1").await.2, "DeletedElsewhere");
    deleted("1", true).await;
    // HR says inactive, then active again.
    world.says(&[json!({ "externalId": "2", "active": false })]).await;
    assert_eq!(world.outcome("2").await.1, "skipped");
    world
        .says(&[json!({ "externalId": "2", "active": true, "title": "Guide" })])
        .await;
    deleted("2", false).await;
    let bob = world.tenant.user("2");
    assert_eq!(
        (&bob["userPrincipalName"], &bob["jobTitle"]),
        (&json!("bob.byron@example.test"), &json!("Guide"))
    );
    assert_eq!(world.tenant.holders("2").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn b15_what_we_deleted_comes_back_with_its_person() {
    let tenant = Tenant::unthrottled();
    let setup = Setup::with_cloud(&tenant.target()).app("start = true\ndelete_after = \"0\"");
    let schema = with_delete(template());
    std::fs::write(setup.dir.path().join("schema.json"), schema.to_string()).unwrap();
    let gateway = setup.app("schema = \"schema.json\"").start().await;
    let world = World { tenant, gateway };
    world.says(&[person("1", "Ada Byron")]).await;
    let id = world.tenant.user("1")["id"].clone();
    world.removes("1").await;
    assert_eq!(world.outcome("1").await, outcome("delete", "success", ""));
    assert!(world.tenant.holders("1").is_empty());
    world.says(&[person("1", "Ada Byron")]).await;
    assert_eq!(world.tenant.user("1")["id"], id, "the same user, out of the bin");
    // Out of the bin for good, and she returns all the same.
    world.removes("1").await;
    world.tenant.alter(json!({ "purge": id }));
    world.tenant.purge(id.as_str().unwrap()).await;
    world.says(&[person("1", "Ada Byron")]).await;
    assert_eq!(world.outcome("1").await, outcome("create", "success", ""));
    assert_ne!(world.tenant.user("1")["id"], id);
}

/// B10: nobody gets an account again because somebody else threw the old one away.
#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_whose_user_others_delete_is_not_made_again() {
    let world = World::new(Tenant::unthrottled(), "").await;
    world.says(&[person("1", "Ada Byron")]).await;
    world.says(&[json!({ "externalId": "1", "active": false })]).await;
    let id = world.tenant.user("1")["id"].as_str().unwrap().to_string();
    world.tenant.delete(&id).await;
    world
        .says(&[json!({ "externalId": "1", "title": "Former" })])
        .await;
    world.tenant.purge(&id).await;
    world.says(&[json!({ "externalId": "1", "title": "Gone" })]).await;
    assert_eq!(world.outcome("1").await.2, "InvalidAnchor");
    assert!(world.tenant.holders("1").is_empty());
}

/// B13: the tenant lets one user not be read; everybody else's leaving goes on.
#[tokio::test(flavor = "multi_thread")]
async fn one_user_who_cannot_be_read_holds_up_nobody_else() {
    let world = World::new(Tenant::unthrottled(), "").await;
    let people = crowd("r", 10);
    world.says(&people).await;
    let id = world.tenant.user("r003")["id"].clone();
    world
        .tenant
        .faults(json!([{ "on": "GET /users/{id}", "about": id, "do": { "answer": { "code": 403 } } }]));
    let leaves = |person: &Json| json!({ "externalId": person["externalId"], "active": false });
    world.says(&people.iter().map(leaves).collect::<Vec<_>>()).await;
    for person in &people {
        let id = person["externalId"].as_str().unwrap();
        let left = world.tenant.user(id)["accountEnabled"] == false;
        assert_eq!(left, id != "r003", "{id}");
    }
    assert_eq!(world.outcome("r003").await.1, "failure");
}

fn template() -> Json {
    let template = muster::domain::schema::template("API2AAD").unwrap();
    template.document().unwrap().json().clone()
}

fn with_delete(mut schema: Json) -> Json {
    schema["synchronizationRules"][0]["objectMappings"][0]["flowTypes"] = json!("Add, Update, Delete");
    schema
}

fn crowd(prefix: &str, count: usize) -> Vec<Json> {
    let one = |number| {
        let id = format!("{prefix}{number:03}");
        with(
            person(&id, &format!("Person {id}")),
            json!({ "userName": format!("p{id}") }),
        )
    };
    (0..count).map(one).collect()
}

impl World {
    /// HR deletes the worker.
    async fn removes(&self, worker: &str) {
        let body = json!({
            "schemas": [crate::gateway::BULK_REQUEST],
            "Operations": [{ "method": "DELETE", "path": "/Users", "bulkId": "1", "data": { "externalId": worker } }],
        });
        let caller = &self.gateway.caller;
        let answer = caller
            .post_bulk(&caller.token().await, body.to_string())
            .await
            .unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
        caller.settled().await;
    }

    /// Everybody of a crowd has one user, and an entry that says success.
    async fn all_there(&self, people: &[Json]) {
        let state = self.tenant.lab.state();
        for person in people {
            let id = &person["externalId"];
            let held = state["users"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|user| user["employeeId"] == *id);
            assert_eq!(held.count(), 1, "{id}");
        }
        let failed = self
            .gateway
            .caller
            .logs("provisioningStatusInfo/status eq 'failure'")
            .await;
        assert!(failed.is_empty(), "{failed:#?}");
    }
}

/// Every way in which calls go wrong and the tenant is not to blame for good: nothing is lost, nobody is there twice,
/// nobody fails.
#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_cost_nobody_anything() {
    let scripts = [
        (
            "a storm of 429",
            json!([{ "on": "POST /users", "times": 60, "do": { "answer": { "code": 429, "retry-after": 1 } } }]),
        ),
        (
            "the batch itself is put off",
            json!([{ "on": "$batch", "skip": 1, "times": 3, "do": { "answer": { "code": 429, "retry-after": 1 } } }]),
        ),
        (
            "not available",
            json!([{ "on": "POST /users", "times": 25, "do": { "answer": { "code": 503 } } }]),
        ),
        (
            "500 after the write",
            json!([{ "on": "POST /users", "times": 7, "do": { "answer-after": { "code": 500 } } }]),
        ),
        (
            "500 before the write",
            json!([{ "on": "POST /users", "times": 7, "do": { "answer": { "code": 500 } } }]),
        ),
        (
            "cut after the write",
            json!([{ "on": "$batch", "skip": 2, "times": 3, "do": "cut-after" }]),
        ),
        (
            "cut inside the batch",
            json!([{ "on": "POST /users", "skip": 5, "times": 2, "do": "cut-after" }]),
        ),
        (
            "a proxy's refusal",
            json!([{ "on": "$batch", "skip": 1, "times": 3, "do": { "answer": { "code": 403 } } }]),
        ),
        ("cut before", json!([{ "on": "$batch", "times": 3, "do": "cut" }])),
        (
            "a proxy's page",
            json!([{ "on": "$batch", "skip": 1, "times": 3, "do": "html" }]),
        ),
        (
            "slower than we wait",
            json!([{ "on": "POST /users", "times": 1, "do": { "slow": { "milliseconds": 6000 } } }]),
        ),
        (
            "a dying token",
            json!([{ "on": "POST /users", "times": 15, "do": { "answer": { "code": 401 } } }]),
        ),
        (
            "no token for a while",
            json!([{ "on": "token", "times": 2, "do": { "answer": { "code": 503 } } }]),
        ),
    ];
    let worlds = scripts.map(|(what, script)| {
        // Searches lag, as they do.
        let tenant = Tenant::new(Settings {
            throttle: Throttling::Off,
            search_delay_ms: 700,
            ..Settings::default()
        });
        async move {
            let world = World::new(tenant, "").await;
            let people = crowd("f", 60);
            world.tenant.faults(script);
            world.says(&people).await;
            println!("{what}");
            world.all_there(&people).await;
        }
    });
    futures::future::join_all(worlds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_dies_inside_a_batch_is_replaced() {
    let world = World::new(Tenant::unthrottled(), "").await;
    let people = crowd("t", 40);
    world.says(&people[..20]).await;
    world.tenant.lab.revoke_tokens();
    world.says(&people[20..]).await;
    world.all_there(&people).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_die_between_the_parts_of_a_batch_cost_nobody_anything() {
    let world = World::new(Tenant::unthrottled(), "").await;
    let people = crowd("d", 60);
    for (some, calls) in people.chunks(20).zip([7, 23, 31]) {
        world
            .tenant
            .control("expire", json!({ "tokensAfter": calls }))
            .await;
        world.says(some).await;
    }
    world.all_there(&people).await;
}

/// Graph may cut an answer short at any length, and say where the rest is.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_on_the_second_page_of_an_answer_is_found() {
    let tenant = Tenant::unthrottled();
    let mut bob = String::new();
    for number in 0..=999 {
        // Whoever was there last is last in a list, by whatever it is sorted.
        let (name, id) = (format!("u{number:04}"), if number < 999 { "1" } else { "2" });
        let user = json!({
            "userPrincipalName": format!("{name}@example.test"), "displayName": name, "mailNickname": name,
            "employeeId": id, "accountEnabled": true, "userType": "Member",
        });
        tenant.alter(json!({ "set": user }));
        bob = name;
    }
    let world = World::new(tenant, "").await;
    world
        .says(&[
            person("1", "Ada Byron"),
            person("2", "Bob Byron"),
            person("3", "New Here"),
        ])
        .await;
    assert_eq!(world.outcome("1").await.2, "DuplicateTargetEntries");
    assert_eq!(world.outcome("2").await, outcome("update", "success", ""));
    assert_eq!(world.outcome("3").await, outcome("create", "success", ""));
    let held = world.tenant.user("2");
    assert_eq!(
        (&held["mailNickname"], &held["displayName"]),
        (&json!(bob), &json!("Bob Byron"))
    );
}

/// B21: whom the filter names is read and never written, and a leaver among them is a failure that says so.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_must_never_be_written_is_not() {
    let tenant = Tenant::unthrottled();
    for (name, id) in [("adm.ada", "1"), ("adm.bob", "2"), ("eve", "3")] {
        tenant.alter(json!({ "set": {
            "userPrincipalName": format!("{name}@example.test"), "displayName": name, "mailNickname": name,
            "employeeId": id, "accountEnabled": true, "userType": "Member",
        } }));
    }
    let never = "never = \"startswith(userPrincipalName,'adm.')\"";
    let world = World::new(tenant, never).await;
    let leaves = |id: &str, name: &str| with(person(id, name), json!({ "active": false }));
    world
        .says(&[
            person("1", "Ada Byron"),
            leaves("2", "Bob Byron"),
            leaves("3", "Eve Byron"),
        ])
        .await;
    for (id, name, enabled) in [
        ("1", "adm.ada", true),
        ("2", "adm.bob", true),
        ("3", "Eve Byron", false),
    ] {
        let user = world.tenant.user(id);
        assert_eq!(
            (&user["displayName"], &user["accountEnabled"]),
            (&json!(name), &json!(enabled)),
            "{id}"
        );
    }
    assert_eq!(world.outcome("1").await.1, "warning");
    assert_eq!(world.outcome("2").await.1, "failure");
}

/// B12, B21: the same of whoever is in a group, or in a group in it.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_a_group_that_never_names_is_never_written() {
    let tenant = Tenant::unthrottled();
    for (name, id) in [("ada", "1"), ("bob", "2"), ("eve", "3")] {
        tenant.alter(json!({ "set": {
            "userPrincipalName": format!("{name}@example.test"), "displayName": name, "mailNickname": name,
            "employeeId": id, "accountEnabled": true, "userType": "Member",
        } }));
    }
    let (outer, inner) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let id = |worker: &str| tenant.user(worker)["id"].clone();
    let groups = [
        json!({ "group": outer, "members": [id("1"), inner] }),
        json!({ "group": inner, "members": [id("2")] }),
    ];
    for group in groups {
        tenant.control("groups", group).await;
    }
    let world = World::new(tenant, &format!("never = \"{outer}\"")).await;
    let leaves = |id: &str, name: &str| with(person(id, name), json!({ "active": false }));
    world
        .says(&[
            person("1", "Ada Byron"),
            leaves("2", "Bob Byron"),
            leaves("3", "Eve Byron"),
        ])
        .await;
    for (id, name, enabled) in [("1", "ada", true), ("2", "bob", true), ("3", "Eve Byron", false)] {
        let user = world.tenant.user(id);
        assert_eq!(
            (&user["displayName"], &user["accountEnabled"]),
            (&json!(name), &json!(enabled)),
            "{id}"
        );
    }
    assert_eq!(
        world.outcome("1").await,
        outcome("other", "warning", "ProtectedAccount")
    );
    assert_eq!(
        world.outcome("2").await,
        outcome("other", "failure", "ProtectedAccount")
    );
    let reason = world.reason("2").await;
    assert!(reason.contains("a group that it is in"), "{reason}");
    let asked = &world.tenant.lab.state()["answers"]["GET /groups/{id}/transitiveMembers"];
    assert_eq!(asked["200"], 1, "asked once a cycle");
}

/// Who is in the group has to be known before anybody is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_cannot_be_read_writes_nobody() {
    let group = uuid::Uuid::new_v4();
    let world = World::new(Tenant::unthrottled(), &format!("never = \"{group}\"")).await;
    world.gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    eventually("the cycle says why it fails", async || {
        let job = world.gateway.caller.job().await;
        let error = job["status"]["lastExecution"]["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_string();
        error.contains("does not exist")
    })
    .await;
    assert!(world.tenant.holders("1").is_empty());
    let members = json!({ "group": group, "members": [] });
    world.tenant.control("groups", members).await;
    eventually("it goes on", async || world.tenant.holders("1").len() == 1).await;
}

/// B16: bringing somebody back from the bin gives access, and is counted as that.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_the_guard_holds_leaves_the_user_in_the_bin() {
    let world = World::new(Tenant::unthrottled(), "[app.guard]\nenables = 0").await;
    world.says(&[person("1", "Ada Byron")]).await;
    let id = world.tenant.user("1")["id"].as_str().unwrap().to_string();
    world.says(&[json!({ "externalId": "1", "active": false })]).await;
    world.tenant.delete(&id).await;
    world
        .says(&[json!({ "externalId": "1", "active": true, "title": "Guide" })])
        .await;
    assert!(world.tenant.holders("1").is_empty(), "still in the bin");
    let reason = world.reason("1").await;
    assert!(reason.contains("enable"), "{reason}");
}

/// Not every one of Entra's replicas knows a new user at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_whom_not_all_of_the_tenant_knows_is_waited_for() {
    let world = World::new(Tenant::unthrottled(), "").await;
    world.says(&[person("1", "Ada Byron")]).await;
    let absent =
        |on: &str, times: u32| json!([{ "on": on, "times": times, "do": { "answer": { "code": 404 } } }]);
    world.tenant.faults(absent("GET /users/{id}", 2));
    world
        .says(&[json!({ "externalId": "1", "title": "Guide" })])
        .await;
    assert_eq!(world.outcome("1").await, outcome("update", "success", ""));
    assert_eq!(world.tenant.user("1")["jobTitle"], "Guide");
    world.tenant.faults(absent("PUT /users/{id}/manager/$ref", 1));
    world
        .says(&[with(
            person("2", "Bob Byron"),
            json!({ ENTERPRISE: { "manager": { "value": "1" } } }),
        )])
        .await;
    let ada = world.tenant.user("1")["id"].clone();
    eventually("the manager is set", async || {
        world.tenant.user("2")["manager"] == ada
    })
    .await;
    let failed = world
        .gateway
        .caller
        .logs("provisioningStatusInfo/status eq 'failure'")
        .await;
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_batch_refused_leaves_the_other_half_whole() {
    let world = World::new(Tenant::unthrottled(), "").await;
    let mut people = crowd("h", 40);
    for person in people.iter_mut().step_by(2) {
        // Twice the same name; the first of each pair is taken by somebody outside of HR.
        let name = person["userName"].as_str().unwrap().to_string();
        world.tenant.alter(json!({ "set": { "userPrincipalName": format!("{name}@example.test"), "displayName": name, "userType": "Member" } }));
    }
    world.says(&people).await;
    for (at, person) in people.iter().enumerate() {
        let id = person["externalId"].as_str().unwrap();
        let wanted = match at % 2 {
            0 => outcome("create", "failure", "EntryConflict"),
            _ => outcome("create", "success", ""),
        };
        assert_eq!(world.outcome(id).await, wanted, "{id}");
    }
    assert!(world.reason("h000").await.contains("userPrincipalName"));
    // The name becomes free, and HR says something new.
    world.tenant.alter(json!({ "purge": "ph000@example.test" }));
    world
        .says(&[json!({ "externalId": "h000", "title": "Guide" })])
        .await;
    assert_eq!(world.outcome("h000").await, outcome("create", "success", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_tenant_would_refuse_is_found_before_it_is_sent() {
    let world = World::new(Tenant::unthrottled(), "domain = \"elsewhere.test\"").await;
    world
        .says(&[
            person("1", "Ada Byron"),
            with(
                person("2", "Bob"),
                json!({ "userName": format!("{}@x", "b".repeat(65)) }),
            ),
        ])
        .await;
    assert_eq!(
        world.outcome("1").await,
        outcome("create", "failure", "InvalidDomain")
    );
    assert!(world.reason("1").await.contains("elsewhere.test"));
    assert_eq!(
        world.outcome("2").await.2,
        "AzureActiveDirectoryInvalidUserPrincipalName"
    );
    let answers = world.tenant.lab.state();
    assert!(
        answers["answers"]["POST /users"].is_null(),
        "{}",
        answers["answers"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_property_that_cannot_be_written_does_not_hold_the_others() {
    let tenant = Tenant::unthrottled();
    let setup = Setup::with_cloud(&tenant.target()).app("start = true\nschema = \"schema.json\"");
    let mut schema = template();
    let mappings = &mut schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    let mut mail = mappings[5].clone();
    mail["targetAttributeName"] = json!("mail");
    mail["source"] = json!({ "expression": "[emails[type eq \"work\"].value]", "type": "Attribute" });
    mappings.as_array_mut().unwrap().push(mail);
    std::fs::write(setup.dir.path().join("schema.json"), schema.to_string()).unwrap();
    let gateway = setup.start().await;
    let world = World { tenant, gateway };
    let email = |address: &str| json!([{ "type": "work", "value": address }]);
    world
        .says(&[with(
            person("1", "Ada Byron"),
            json!({ "emails": email("ada@example.test") }),
        )])
        .await;
    assert_eq!(world.tenant.user("1")["mail"], "ada@example.test");
    world
        .tenant
        .alter(json!({ "user": "ada.byron@example.test", "mailbox": true }));
    world
        .says(&[json!({ "externalId": "1", "emails": email("countess@example.test"), "title": "Countess" })])
        .await;
    let ada = world.tenant.user("1");
    assert_eq!(
        (&ada["mail"], &ada["jobTitle"]),
        (&json!("ada@example.test"), &json!("Countess"))
    );
    assert_eq!(world.outcome("1").await.1, "failure");
    assert!(world.reason("1").await.contains("mail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_who_is_gone_leaves_the_report_as_it_is() {
    let tenant = Tenant::unthrottled();
    // They were there before: of new users, "no such user" would be no answer.
    for (id, name) in [("1", "ada.byron"), ("2", "bob.byron")] {
        tenant.alter(json!({ "set": {
            "userPrincipalName": format!("{name}@example.test"), "displayName": name, "mailNickname": name,
            "employeeId": id, "accountEnabled": true, "userType": "Member",
        } }));
    }
    let world = World::new(tenant, "").await;
    world
        .says(&[person("1", "Ada Byron"), person("2", "Bob Byron")])
        .await;
    let ada = world.tenant.user("1")["id"].as_str().unwrap().to_string();
    world.tenant.delete(&ada).await;
    world.tenant.purge(&ada).await;
    world
        .says(&[json!({ "externalId": "2", "title": "Guide", ENTERPRISE: { "manager": { "value": "1" } } })])
        .await;
    let bob = world.tenant.user("2");
    assert_eq!(bob["jobTitle"], "Guide", "everything else is written");
    assert!(
        world.reason("2").await.contains("manager"),
        "{}",
        world.reason("2").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_cycle_lists_the_tenant_and_finds_nothing_to_do() {
    let world = World::new(Tenant::unthrottled(), "").await;
    let people = crowd("l", 1100);
    for some in people.chunks(100) {
        world.gateway.caller.upload(some).await;
    }
    world.gateway.caller.settled().await;
    world.all_there(&people).await;
    let path = format!("{}/restart", world.gateway.caller.job_path());
    let before = world.tenant.lab.state()["answers"]["PATCH /users/{id}"].clone();
    let (status, _) = world
        .gateway
        .caller
        .send(
            "POST",
            &path,
            Some(json!({ "criteria": { "resetScope": "Full" } })),
        )
        .await;
    assert_eq!(status, 204);
    world.tenant.faults(json!([]));
    eventually("the full cycle ended", async || {
        world.tenant.lab.state()["answers"]["GET /users"]["200"].as_u64() >= Some(2)
    })
    .await;
    world.gateway.caller.settled().await;
    assert_eq!(world.tenant.lab.state()["answers"]["PATCH /users/{id}"], before);
}
