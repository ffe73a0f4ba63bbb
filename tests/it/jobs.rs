//! Several jobs over one target (B8): whose an account is, what each may do to it, and whom each finds in the others' accounts.

mod actions;
mod conversion;
mod handing;
mod references;
mod topologies;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;
use muster::engine::Clock;
use serde_json::{Value as Json, json};

use crate::gateway::{APP, Caller, Gateway, JOB, Setup, bulk, eventually, person, with};
use crate::pull::ldap;
use crate::shell;
use crate::support::lab::{Lab, directory};
use crate::support::ldap::Entry;

pub const STAFF: &str = "OU=Staff,DC=example,DC=test";

/// Another app beside the gateway's first.
pub struct Beside {
    /// The last digits of its id.
    pub number: u32,
    pub job: &'static str,
    pub source: &'static str,
    pub target: &'static str,
    pub keys: String,
}

impl Beside {
    pub fn new(number: u32, job: &'static str) -> Beside {
        Beside {
            number,
            job,
            source: "hr",
            target: "corp",
            keys: String::new(),
        }
    }

    pub fn app(&self) -> String {
        format!("6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f{:04}", self.number)
    }

    /// With a schema of its own, which is put beside the config.
    pub fn schema(mut self, setup: &Setup, schema: &str) -> Beside {
        let file = format!("{}.json", self.number);
        std::fs::write(setup.dir.path().join(&file), schema).unwrap();
        self.keys.push_str(&format!("schema = \"{file}\"\n"));
        self
    }

    pub fn keys(mut self, keys: &str) -> Beside {
        self.keys.push_str(keys);
        self.keys.push('\n');
        self
    }

    fn text(&self) -> String {
        format!(
            "[[app]]\nid = \"{}\"\nname = \"{}\"\nsource = \"{}\"\ntarget = \"{}\"\ntemplate = \"API2AD\"\njob = \"{}\"\nstart = true\nfirst_cycle = \"apply\"\ncontainer = \"{STAFF}\"\n{}\n",
            self.app(),
            self.job,
            self.source,
            self.target,
            self.job,
            self.keys
        )
    }
}

/// The template's schema with another object mapping.
pub fn schema(change: impl FnOnce(&mut Json)) -> String {
    let template = muster::domain::schema::template("API2AD").unwrap();
    let mut schema = template.document().unwrap().json().clone();
    change(&mut schema["synchronizationRules"][0]["objectMappings"][0]);
    schema.to_string()
}

/// Leaves only these mappings.
pub fn keep(object: &mut Json, targets: &[&str]) {
    let mappings = object["attributeMappings"].as_array_mut().unwrap();
    mappings.retain(|mapping| targets.contains(&mapping["targetAttributeName"].as_str().unwrap()));
}

/// Takes these mappings out.
pub fn omit(object: &mut Json, targets: &[&str]) {
    let mappings = object["attributeMappings"].as_array_mut().unwrap();
    mappings.retain(|mapping| !targets.contains(&mapping["targetAttributeName"].as_str().unwrap()));
}

/// Gives a mapping another expression.
pub fn map(object: &mut Json, target: &str, expression: &str) {
    let mappings = object["attributeMappings"].as_array_mut().unwrap();
    let mut mappings = mappings.iter_mut();
    let mapping = mappings
        .find(|mapping| mapping["targetAttributeName"] == target)
        .unwrap();
    mapping["source"] = json!({ "expression": expression });
}

/// Only people with this value are in scope.
pub fn only(object: &mut Json, attribute: &str, operator: &str, value: &str) {
    object["scope"] = json!({ "groups": [{ "name": value, "clauses": [{
        "sourceOperandName": attribute, "operatorName": operator, "targetOperand": { "values": [value] },
    }] }] });
}

pub async fn start(setup: Setup, beside: &[Beside]) -> Gateway {
    let apps: String = beside.iter().map(Beside::text).collect();
    setup.app("start = true").clients(&apps).start().await
}

pub fn first_schema(setup: Setup, schema: &str) -> Setup {
    std::fs::write(setup.dir.path().join("first.json"), schema).unwrap();
    setup.app("schema = \"first.json\"")
}

pub fn path_of(app: &str, job: &str) -> String {
    format!("/v1.0/servicePrincipals/{app}/synchronization/jobs/{job}")
}

/// Waits until every operation has its outcome in every job.
pub async fn settled(caller: &Caller, beside: &[Beside]) {
    let mut paths = vec![path_of(APP, JOB)];
    paths.extend(beside.iter().map(|one| path_of(&one.app(), one.job)));
    for path in paths {
        eventually("every operation has an outcome", async || {
            let (_, job) = caller.send("GET", &path, None).await;
            job["status"]["progress"][0]["totalUnits"] == 0
        })
        .await;
    }
}

pub async fn upload_to(caller: &Caller, beside: &Beside, people: &[Json]) {
    let answer = caller
        .request(
            "POST",
            &format!("{}/bulkUpload", path_of(&beside.app(), beside.job)),
        )
        .bearer_auth(caller.token().await)
        .header("Content-Type", "application/scim+json")
        .body(bulk(people).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
}

/// What a job's log says of a worker, newest first: (action, status, code, reason).
pub async fn told(caller: &Caller, job: &str, worker: &str) -> Vec<(String, String, String, String)> {
    let entries = caller
        .logs(&format!("jobid eq '{job}' and sourceIdentity/id eq '{worker}'"))
        .await;
    let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
    let told = entries.iter().map(|entry| {
        let status = &entry["provisioningStatusInfo"];
        (
            text(&entry["provisioningAction"]),
            text(&status["status"]),
            text(&status["errorInformation"]["errorCode"]),
            text(&status["errorInformation"]["reason"]),
        )
    });
    told.collect()
}

/// A job did nothing of a kind to anybody's account.
pub async fn keep_out(caller: &Caller, job: &str, worker: &str, action: &str) {
    let told = told(caller, job, worker).await;
    let did = told
        .iter()
        .any(|(did, status, ..)| did == action && status == "success");
    assert!(!did, "{job} is not to {action}: {told:?}");
}

/// The time, and by how many seconds it is ahead.
pub fn clock() -> (Clock, Arc<AtomicI64>) {
    let ahead = Arc::new(AtomicI64::new(0));
    let (system, read) = (Clock::system(), Arc::clone(&ahead));
    let clock = Clock::from_fn(move || {
        let ahead = SignedDuration::from_secs(read.load(Ordering::Relaxed));
        system.now().saturating_add(ahead).unwrap()
    });
    (clock, ahead)
}

pub fn accounts(lab: &Lab, filter: &str) -> Vec<Entry> {
    lab.admin().search(filter, &["*"]).unwrap()
}

pub fn account(lab: &Lab, employee: &str) -> Entry {
    let mut found = accounts(lab, &format!("(employeeID={employee})"));
    assert_eq!(found.len(), 1, "accounts of {employee}");
    found.remove(0)
}

pub fn is_enabled(entry: &Entry) -> bool {
    entry.value("userAccountControl").unwrap().parse::<u32>().unwrap() & 2 == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn two_jobs_that_would_make_the_same_people_make_each_once() {
    let lab = tokio::task::block_in_place(directory);
    let setup = Setup::with_target(&ldap(&lab));
    // The directory itself would take both: every name differs.
    let other = schema(|object| {
        map(
            object,
            "userPrincipalName",
            r#"Join("@", Join("-", "b", [externalId]), DefaultDomain())"#,
        );
        map(object, "sAMAccountName", r#"Join("-", "b", [externalId])"#);
        map(object, "cn", r#"Join(" ", "b", [externalId])"#);
    });
    // However unevenly they share the work.
    let creates = "guard = { creates = 1000 }";
    let beside = [Beside::new(1, "other").schema(&setup, &other).keys(creates)];
    let gateway = start(setup.app(creates), &beside).await;
    let people: Vec<Json> = (0..120)
        .map(|number| person(&format!("{number:03}"), &format!("Person Number{number}")))
        .collect();
    for some in people.chunks(30) {
        gateway.caller.upload(some).await;
    }
    settled(&gateway.caller, &beside).await;
    let mut made: Vec<String> = accounts(&lab, "(employeeID=*)")
        .iter()
        .map(|entry| entry.value("employeeID").unwrap().to_string())
        .collect();
    made.sort();
    let wanted: Vec<String> = (0..120).map(|number| format!("{number:03}")).collect();
    assert_eq!(made, wanted, "everybody once");
    // Both are linked in the end, and what both map is the owner's: so nothing goes to and fro.
    for number in ["000", "119"] {
        let made_by = |told: &[(String, String, String, String)]| {
            told.iter()
                .any(|(action, status, ..)| action == "create" && status == "success")
        };
        let first = told(&gateway.caller, JOB, number).await;
        let other = told(&gateway.caller, "other", number).await;
        assert!(
            made_by(&first) != made_by(&other),
            "one of the two made {number}: {first:?} {other:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_disables_and_what_it_maps_is_its_own() {
    let lab = tokio::task::block_in_place(directory);
    let setup = Setup::with_target(&ldap(&lab));
    let first = schema(|object| omit(object, &["physicalDeliveryOfficeName"]));
    let setup = first_schema(setup, &first);
    let facility = schema(|object| {
        object["flowTypes"] = json!("Update");
        keep(
            object,
            &[
                "employeeID",
                "accountDisabled",
                "department",
                "cn",
                "physicalDeliveryOfficeName",
            ],
        );
        map(
            object,
            "accountDisabled",
            r#"IIF([title]="Gone", "True", "False")"#,
        );
        map(object, "department", r#"Join("/", "facility", [title])"#);
        map(object, "cn", r#"Join(" ", [displayName], [title])"#);
        map(object, "physicalDeliveryOfficeName", "[nickName]");
        let mappings = object["attributeMappings"].as_array_mut().unwrap();
        mappings
            .iter_mut()
            .for_each(|mapping| mapping["flowType"] = json!("Always"));
    });
    let beside = [Beside::new(1, "facility").schema(&setup, &facility)];
    let gateway = start(setup, &beside).await;
    let ada = with(
        person("1", "Ada Byron"),
        json!({ "title": "Countess", "nickName": "Room 7", crate::gateway::ENTERPRISE: { "department": "Engines" } }),
    );
    gateway.caller.upload(&[ada]).await;
    settled(&gateway.caller, &beside).await;
    eventually(
        "the other job finds the account and writes what is its own",
        async || account(&lab, "1").value("physicalDeliveryOfficeName") == Some("Room 7"),
    )
    .await;
    gateway
        .caller
        .upload(&[json!({ "externalId": "1", "title": "Gone", "nickName": "Room 8" })])
        .await;
    settled(&gateway.caller, &beside).await;
    eventually("the other job writes again", async || {
        account(&lab, "1").value("physicalDeliveryOfficeName") == Some("Room 8")
    })
    .await;
    let held = account(&lab, "1");
    assert!(is_enabled(&held), "HR says active, and the owner says so");
    assert_eq!(
        (held.value("department"), held.value("cn")),
        (Some("Engines"), Some("Ada Byron"))
    );
    let told = told(&gateway.caller, "facility", "1").await;
    let (_, status, code, reason) = &told[0];
    assert_eq!((status.as_str(), code.as_str()), ("warning", "OwnedByAnotherJob"));
    assert!(
        reason.contains(JOB) && reason.contains("disable and rename"),
        "{reason}"
    );
    let entries = gateway
        .caller
        .logs("jobid eq 'facility' and sourceIdentity/id eq '1'")
        .await;
    let steps = entries[0]["provisioningSteps"].to_string();
    assert!(
        steps.contains("MappedByAnotherJob") && steps.contains("department"),
        "{steps}"
    );

    // What it is to do while it is paused nobody else does, and somebody has to know.
    let owner = path_of(APP, JOB);
    let send = async |what: &str| {
        gateway
            .caller
            .send("POST", &format!("{owner}/{what}"), None)
            .await
    };
    send("pause").await;
    let moves = json!({ "externalId": "1", "title": "Gone", "nickName": "Room 9" });
    gateway.caller.upload(&[moves]).await;
    eventually("the other job says so", async || {
        let all = self::told(&gateway.caller, "facility", "1").await;
        all.iter().any(|(_, status, code, reason)| {
            status == "failure" && code == "OwnerPaused" && reason.contains(JOB)
        })
    })
    .await;
    send("start").await;
    settled(&gateway.caller, &beside).await;

    // A leaver is disabled by the owner, whatever the other says.
    gateway
        .caller
        .upload(&[json!({ "externalId": "1", "active": false, "title": "Countess" })])
        .await;
    settled(&gateway.caller, &beside).await;
    assert!(!is_enabled(&account(&lab, "1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_from_one_jobs_scope_to_anothers_takes_the_account_along() {
    let lab = tokio::task::block_in_place(directory);
    let setup = Setup::with_target(&ldap(&lab));
    let of = |kind: &'static str| schema(move |object| only(object, "userType", "EQUALS", kind));
    let setup = first_schema(setup, &of("Employee"));
    let beside = [Beside::new(1, "contractors").schema(&setup, &of("Contractor"))];
    let gateway = start(setup, &beside).await;
    let ada = |kind: &str| with(person("1", "Ada Byron"), json!({ "userType": kind }));
    gateway.caller.upload(&[ada("Employee")]).await;
    settled(&gateway.caller, &beside).await;
    let made = account(&lab, "1").dn.clone();

    // She becomes a contractor: the account stays, and it is the other job's to disable.
    gateway.caller.upload(&[ada("Contractor")]).await;
    settled(&gateway.caller, &beside).await;
    gateway
        .caller
        .upload(&[json!({ "externalId": "1", "title": "Adviser" })])
        .await;
    settled(&gateway.caller, &beside).await;
    let held = account(&lab, "1");
    assert_eq!(
        (held.dn.clone(), held.value("title")),
        (made.clone(), Some("Adviser"))
    );
    gateway
        .caller
        .upload(&[json!({ "externalId": "1", "active": false })])
        .await;
    settled(&gateway.caller, &beside).await;
    assert!(!is_enabled(&account(&lab, "1")));
    let contractors = told(&gateway.caller, "contractors", "1").await;
    assert_eq!(
        (contractors[0].0.as_str(), contractors[0].1.as_str()),
        ("disable", "success")
    );

    // And back: the first job enables what it owns again, since HR turned.
    gateway.caller.upload(&[ada("Employee")]).await;
    settled(&gateway.caller, &beside).await;
    let employees = told(&gateway.caller, JOB, "1").await;
    assert!(is_enabled(&account(&lab, "1")), "{employees:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn employee_10001_of_two_companies_are_two_people() {
    let lab = tokio::task::block_in_place(directory);
    let setup = Setup::with_target(&ldap(&lab)).clients("[system.subsidiary]\nkind = \"bulk\"\n");
    let prefixed = schema(|object| map(object, "employeeID", r#"Join("-", "S", [externalId])"#));
    let subsidiary = |number, job| Beside {
        source: "subsidiary",
        ..Beside::new(number, job)
    };
    let beside = [
        subsidiary(1, "colliding").schema(
            &setup,
            &schema(|object| {
                only(object, "userType", "EQUALS", "Colliding");
            }),
        ),
        subsidiary(2, "prefixed").schema(&setup, &prefixed),
    ];
    let gateway = start(setup, &beside).await;
    gateway.caller.upload(&[person("10001", "Ada Byron")]).await;
    settled(&gateway.caller, &beside).await;
    let theirs = with(
        person("10001", "Grace Hopper"),
        json!({ "userType": "Colliding" }),
    );
    upload_to(&gateway.caller, &beside[0], &[theirs]).await;
    settled(&gateway.caller, &beside).await;
    let ada = account(&lab, "10001");
    assert_eq!(
        (ada.value("displayName"), is_enabled(&ada)),
        (Some("Ada Byron"), true)
    );
    let told = told(&gateway.caller, "colliding", "10001").await;
    let (_, status, code, reason) = &told[0];
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("failure", "DuplicateSourceEntries")
    );
    assert!(reason.contains("10001 of the system 'hr'"), "{reason}");
    assert_eq!(
        account(&lab, "S-10001").value("displayName"),
        Some("Grace Hopper")
    );
    // Who leaves there leaves there.
    upload_to(
        &gateway.caller,
        &beside[1],
        &[json!({ "externalId": "10001", "active": false })],
    )
    .await;
    settled(&gateway.caller, &beside).await;
    assert!(is_enabled(&account(&lab, "10001")));
    assert!(!is_enabled(&account(&lab, "S-10001")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_owned_that_is_taken_out_of_the_config_is_the_next_ones() {
    let lab = tokio::task::block_in_place(directory);
    let state = schema(|object| {
        keep(
            object,
            &[
                "employeeID",
                "userPrincipalName",
                "sAMAccountName",
                "cn",
                "accountDisabled",
            ],
        );
        map(
            object,
            "accountDisabled",
            r#"IIF([title]="Gone", "True", "False")"#,
        );
        only(object, "title", "REGEX MATCH", ".");
    });
    let setup = first_schema(Setup::with_target(&ldap(&lab)), &state);
    let beside = [Beside::new(1, "owner")];
    let gateway = start(setup, &beside).await;
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    settled(&gateway.caller, &beside).await;
    let gone = json!({ "externalId": "1", "title": "Gone" });
    gateway.caller.upload(std::slice::from_ref(&gone)).await;
    settled(&gateway.caller, &beside).await;
    assert!(is_enabled(&account(&lab, "1")));
    let (_, status, code, reason) = told(&gateway.caller, JOB, "1").await.remove(0);
    assert_eq!((status.as_str(), code.as_str()), ("warning", "OwnedByAnotherJob"));
    assert!(reason.contains("owner"), "{reason}");

    let before = gateway.stop().await;
    let mut alone = Setup::with_target(&ldap(&lab));
    alone.dir = before.dir;
    let gateway = start(alone.app("schema = \"first.json\""), &[]).await;
    gateway.caller.upload(&[gone]).await;
    gateway.caller.settled().await;
    assert!(!is_enabled(&account(&lab, "1")));
}

/// What `muster check` says of a config.
fn checked(setup: &Setup) -> String {
    let run = shell::muster(setup, &["check"]);
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
fn what_two_apps_would_both_do_is_said_before_they_run() {
    let config = |first: &dyn Fn(&mut Json), other: &dyn Fn(&mut Json), source: &'static str, keys: &str| {
        let setup = first_schema(Setup::nowhere(), &schema(|object| first(object)));
        let beside = Beside {
            source,
            ..Beside::new(1, "other")
        };
        let beside = beside.schema(&setup, &schema(|object| other(object))).keys(keys);
        checked(&setup.clients(&format!("[system.acquired]\nkind = \"bulk\"\n{}", beside.text())))
    };
    let all = |_: &mut Json| {};
    let of = |kind: &'static str| move |object: &mut Json| only(object, "userType", "EQUALS", kind);
    let prefixed = |object: &mut Json| map(object, "employeeID", r#"Join("-", "B", [externalId])"#);
    let managers = |object: &mut Json| {
        object["flowTypes"] = json!("Update");
        keep(object, &["employeeID", "manager"]);
    };
    let (both, alike, over) = (
        "both map accountDisabled, displayName",
        "both find them by employeeID",
        "goes over to the scope of another app",
    );
    for (said, expected) in [
        (config(&all, &all, "hr", ""), vec![both]),
        (config(&of("A"), &of("B"), "hr", ""), vec![]),
        (
            config(&of("A"), &of("B"), "hr", "skip_out_of_scope_deletions = false"),
            vec![over],
        ),
        (config(&all, &all, "acquired", ""), vec![alike]),
        (config(&all, &prefixed, "acquired", ""), vec![]),
        (config(&all, &managers, "hr", ""), vec!["both map manager:"]),
        (config(&all, &managers, "acquired", ""), vec!["both map manager:"]),
    ] {
        for told in [both, alike, over, "both map manager:"] {
            assert_eq!(said.contains(told), expected.contains(&told), "{told}: {said}");
        }
    }
    let setup = Setup::nowhere().app("recreate = true\ntwin_filter = { mail = \"^adm\" }");
    let said = checked(&setup);
    assert!(
        said.contains("recreate = true") && said.contains("twin_filter"),
        "{said}"
    );
    let said = checked(&Setup::nowhere().app("twin_filter = { mail = \"(\" }"));
    assert!(
        said.contains("twin_filter: mail: the pattern '(' does not compile"),
        "{said}"
    );
}

#[test]
fn one_domain_in_two_systems_is_said_before_they_run() {
    let table = |base: &str| {
        format!(
            "[system.again]\nkind = \"active-directory\"\nurls = [\"ldap://127.0.0.1:1\"]\nbase_dn = \"{base}\"\nbind_dn = \"cn=a\"\npassword = \"b\"\n"
        )
    };
    for (base, is_same) in [("dc=Example,dc=test", true), ("dc=other,dc=test", false)] {
        let beside = Beside {
            target: "again",
            ..Beside::new(1, "other")
        };
        let said = checked(&Setup::nowhere().clients(&format!("{}{}", table(base), beside.text())));
        let told = "these are all of the domain example.test";
        assert_eq!(said.contains(told), is_same, "{said}");
        assert_eq!(said.contains("systems again, corp"), is_same, "{said}");
    }
}
