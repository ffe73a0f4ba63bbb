//! The way back (B30): a worker's accounts are made from Workday, and their e-mail address, name and number go home to it. The
//! simulated Workday and the simulated tenant share a clock that the test sets.

use jiff::Timestamp;
use muster::config::Config;
use muster::connector::Cursor;
use muster::domain::schema::template;
use muster::engine;
use serde_json::{Value as Json, json};

use crate::gateway::{APP, Gateway, Setup, eventually};
use crate::pull::ldap;
use crate::support::lab::directory;
use crate::support::tenant;
use crate::support::workday::{self, NOW, read};

/// The app that goes home, and its job.
const HOME: &str = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c99";
const HOME_JOB: &str = "WorkdayWriteback.main";

/// What is read of Workday to see what came home.
const AT_HOME: &[&str] = &[
    "WID",
    "WorkerID",
    "UserID",
    "EmailAddress",
    "PrimaryWorkTelephone",
    "Mobile",
];

struct Round {
    workday: workday::Tenant,
    cloud: tenant::Tenant,
    gateway: Gateway,
}

impl Round {
    async fn new() -> Round {
        Round::of(workday::Tenant::new(0), "", "").await
    }

    /// `hr` are further keys of Workday's table, `home` of the app that goes home.
    async fn of(workday: workday::Tenant, hr: &str, home: &str) -> Round {
        let cloud = tenant::Tenant::unthrottled();
        let setup = Setup::with_cloud(&cloud.target()).app(r#"omit = ["telephoneNumber", "mobile"]"#);
        Round::begin(workday, cloud, setup, hr, home).await
    }

    async fn begin(
        workday: workday::Tenant,
        cloud: tenant::Tenant,
        setup: Setup,
        hr: &str,
        home: &str,
    ) -> Round {
        cloud.lab.controls.set_now(NOW.parse().unwrap());
        let gateway = setup
            .pulls(&workday.table(hr), "Workday2AAD", workday.clock())
            .app(&format!(
                r#"
                start = true
                writeback = "{HOME}"
                [[app]]
                id = "{HOME}"
                name = "Entra ID home to Workday"
                source = "corp"
                target = "hr"
                template = "WorkdayWriteback"
                job = "{HOME_JOB}"
                start = true
                first_cycle = "apply"
                {home}
                "#
            ))
            .start()
            .await;
        let round = Round {
            workday,
            cloud,
            gateway,
        };
        round.round_since(Timestamp::MIN).await;
        round
    }

    fn path() -> String {
        format!("/v1.0/servicePrincipals/{HOME}/synchronization/jobs/{HOME_JOB}")
    }

    /// Waits until a cycle of a job has ended that did not begin before an instant.
    async fn cycle_since(&self, path: &str, since: Timestamp) -> Json {
        let mut last = Json::Null;
        eventually("a cycle ended", async || {
            let (_, job) = self.gateway.caller.send("GET", path, None).await;
            last = job["status"]["lastExecution"].clone();
            let at = |name: &str| {
                last[name]
                    .as_str()
                    .and_then(|text| text.parse::<Timestamp>().ok())
            };
            at("timeBegan").is_some_and(|began| began >= since) && at("timeEnded").is_some()
        })
        .await;
        last
    }

    /// The same, of the way out and then of the way home.
    async fn round_since(&self, since: Timestamp) -> Json {
        self.cycle_since(&self.gateway.caller.job_path(), since).await;
        self.cycle_since(&Round::path(), since).await
    }

    /// Moves the time on, and has the directory read.
    async fn at(&self, clock: &str) -> Json {
        self.workday.set_clock(clock);
        self.cloud.lab.controls.set_now(clock.parse().unwrap());
        self.round_since(clock.parse().unwrap()).await
    }

    /// Has the directory read from the beginning, and everybody planned anew; `Full` forgets whose account is whose, too.
    async fn look_at_everybody(&self, scope: &str, clock: &str) -> Json {
        let restart = json!({"criteria": {"resetScope": scope}});
        let path = format!("{}/restart", Round::path());
        let (status, answer) = self.gateway.caller.send("POST", &path, Some(restart)).await;
        assert_eq!(status, 204, "{answer}");
        self.at(clock).await
    }

    /// What Workday says of a worker's user name, e-mail address, primary number and mobile number.
    async fn at_home(&self, worker: &str) -> [String; 4] {
        let source = workday::source(&self.workday.table(""), AT_HOME);
        let heard = read(&*source, Cursor::Full).await.unwrap();
        let of_worker = |wid: &&String| heard.text(wid, "WorkerID") == worker;
        let wid = heard.workers.keys().find(of_worker).unwrap();
        ["UserID", "EmailAddress", "PrimaryWorkTelephone", "Mobile"].map(|name| heard.text(wid, name))
    }

    async fn until_at_home(&self, worker: &str, expected: [&str; 4]) {
        let mut last = Default::default();
        for _ in 0..400 {
            last = self.at_home(worker).await;
            if last == expected {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!(
            "{worker}: {last:?}, and not {expected:?}; {}; {:#?}",
            self.workday.state(worker)["effective"],
            self.logs().await
        );
    }

    async fn logs(&self) -> Vec<Json> {
        self.gateway.caller.logs(&format!("jobid eq '{HOME_JOB}'")).await
    }

    /// The last entry about a user: status and code.
    async fn outcome(&self, user: &str) -> (String, String) {
        let filter = format!("jobid eq '{HOME_JOB}' and sourceIdentity/id eq '{user}'");
        let entries = self.gateway.caller.logs(&filter).await;
        let status = entries
            .first()
            .map_or(&Json::Null, |entry| &entry["provisioningStatusInfo"]);
        let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
        (
            text(&status["status"]),
            text(&status["errorInformation"]["errorCode"]),
        )
    }

    /// How often the log says that something about a user failed.
    async fn failures(&self, user: &str) -> usize {
        let filter = format!("jobid eq '{HOME_JOB}' and sourceIdentity/id eq '{user}'");
        let entries = self.gateway.caller.logs(&filter).await;
        let status = |entry: &&Json| entry["provisioningStatusInfo"]["status"] == "failure";
        entries.iter().filter(status).count()
    }

    /// Messages that change something in Workday.
    fn writes(&self) -> u64 {
        let state = self.workday.lab.state(&Default::default()).unwrap();
        let of = |operation: &str| -> u64 {
            let answers = state["answers"][operation].as_object();
            answers
                .into_iter()
                .flatten()
                .filter_map(|(_, count)| count.as_u64())
                .sum()
        };
        of("Change_Work_Contact_Information") + of("Update_Workday_Account")
    }

    /// Hired on the day on which the job began.
    fn hire(&self, worker: &str, name: &str) {
        let set = json!({"firstName": name, "lastName": "Novak"});
        self.workday
            .hire(json!({"id": worker, "hire": "2026-01-19", "userName": worker, "set": set}));
    }
}

/// What Workday knows of a worker nobody wrote anything home of.
const NOTHING: &str = "null";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b30_what_a_hire_is_given_is_known_at_home_minutes_later() {
    let round = Round::new().await;
    round.hire("1", "Ada");
    // On the first day in California, where the record's own account begins.
    round.at("2026-01-19T09:00:00Z").await;
    let user = round.cloud.user("1");
    let name = user["userPrincipalName"].as_str().unwrap();
    // Without another read of the directory: the account is read back as soon as it is made.
    round.until_at_home("1", [name, NOTHING, NOTHING, NOTHING]).await;
    let given = json!({
        "user": user["id"], "mailbox": true,
        "set": {"mail": "ada.novak@contoso.com", "businessPhones": ["+1 (206) 555-0143"], "mobilePhone": "+44 20 7946 0018"},
    });
    round.cloud.alter(given);
    round.at("2026-01-19T09:11:00Z").await;
    let expected = [
        name,
        "ada.novak@contoso.com",
        "+1 (206) 5550143",
        "+44 2079460018",
    ];
    round.until_at_home("1", expected).await;
    let writes = round.writes();
    let quiet = round.at("2026-01-19T09:22:00Z").await;
    assert_eq!(
        (quiet["countExported"].clone(), round.writes()),
        (json!(0), writes)
    );
    // Not even when everybody is looked at again.
    round.look_at_everybody("Full", "2026-01-19T09:33:00Z").await;
    assert_eq!(round.writes(), writes);
    round.until_at_home("1", expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b30_names_wait_for_the_first_day_and_leave_those_alone_that_hr_gave_before() {
    let workday = workday::Tenant::new(0);
    workday.hire(
        json!({"id": "1", "hire": "2025-01-01", "entered": "2025-01-01T00:00:00Z", "userName": "old.hand"}),
    );
    let round = Round::of(workday, "", "").await;
    round
        .workday
        .hire(json!({"id": "2", "hire": "2026-01-26", "userName": "2", "set": {"firstName": "Ben", "lastName": "Novak"}}));
    round.at("2026-01-19T09:00:00Z").await;
    let (old, new) = (round.cloud.user("1"), round.cloud.user("2"));
    for user in [&old, &new] {
        round
            .cloud
            .alter(json!({"user": user["id"], "set": {"mail": user["userPrincipalName"]}}));
    }
    round.at("2026-01-19T09:11:00Z").await;
    let text = |value: &Json| value.as_str().unwrap().to_string();
    round
        .until_at_home(
            "1",
            ["old.hand", &text(&old["userPrincipalName"]), NOTHING, NOTHING],
        )
        .await;
    assert_eq!(round.writes(), 2, "both addresses, and no name");
    // Without anybody saying anything.
    round.workday.set_clock("2026-01-26T09:00:00Z");
    round
        .cloud
        .lab
        .controls
        .set_now("2026-01-26T09:00:00Z".parse().unwrap());
    let name = text(&new["userPrincipalName"]);
    round.until_at_home("2", [&name, &name, NOTHING, NOTHING]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hr_refuses_is_told_and_holds_nobody_else_up() {
    let round = Round::new().await;
    for (worker, name) in [("1", "Ada"), ("2", "Ben"), ("3", "Cas")] {
        round.hire(worker, name);
    }
    round.at("2026-01-19T09:00:00Z").await;
    let users: Vec<Json> = ["1", "2", "3"].map(|worker| round.cloud.user(worker)).to_vec();
    let id = |at: usize| users[at]["id"].as_str().unwrap().to_string();
    let name = |at: usize| users[at]["userPrincipalName"].as_str().unwrap().to_string();
    round
        .until_at_home("1", [&name(0), NOTHING, NOTHING, NOTHING])
        .await;
    // A number that is none; a process that is open about somebody; and somebody whom HR does not know.
    round.cloud.alter(
        json!({"user": id(0), "set": {"mail": "ada@contoso.com", "businessPhones": ["call the desk"]}}),
    );
    let later = json!({"emails": [{"address": "ben@later.test", "primary": true}]});
    round.workday.event(
        json!({"worker": "2", "type": "change-work-contact", "effective": "2026-03-01", "set": later}),
    );
    round
        .cloud
        .alter(json!({"user": id(1), "set": {"mail": "ben@contoso.com"}}));
    round
        .cloud
        .alter(json!({"user": id(2), "set": {"mail": "cas@contoso.com", "employeeId": "404"}}));
    round.at("2026-01-19T09:11:00Z").await;
    round
        .until_at_home("1", [&name(0), "ada@contoso.com", NOTHING, NOTHING])
        .await;
    assert_eq!(round.outcome(&id(0)).await.0, "failure", "the number");
    assert_eq!(
        round.outcome(&id(1)).await,
        ("failure".into(), "PendingProcess".into())
    );
    assert_eq!(round.outcome(&id(2)).await.0, "failure");
    // However often they are met, each is told once: the process is tried again, and the number is not until it is another.
    let writes = round.writes();
    for clock in [
        "2026-01-19T09:33:00Z",
        "2026-01-19T17:00:00Z",
        "2026-01-20T09:00:00Z",
    ] {
        round.at(clock).await;
    }
    assert!(round.writes() > writes);
    for at in [0, 1] {
        assert_eq!(round.failures(&id(at)).await, 1, "{at}");
    }
    round
        .cloud
        .alter(json!({"user": id(0), "set": {"businessPhones": ["+1 206 555 0143"]}}));
    round.at("2026-01-20T09:11:00Z").await;
    let number = "+1 (206) 5550143";
    round
        .until_at_home("1", [&name(0), "ada@contoso.com", number, NOTHING])
        .await;
}

/// A gateway's config with both ways over one Workday and one tenant.
fn both_ways(out: &str) -> Config {
    let text = format!(
        r#"
        [system.hr]
        kind = "workday"
        url = "https://wd.example.test/ccx/service/contoso/Human_Resources/v40.0"
        username = "u@contoso"
        password = "p"
        [system.cloud]
        kind = "entra"
        token_url = "https://login.example.test/t/oauth2/v2.0/token"
        client_id = "9f3c0c3e-5a0f-4b55-9e1f-3b8f7f0e2a10"
        client_secret = "s"
        domain = "contoso.com"
        [[app]]
        id = "{APP}"
        name = "out"
        source = "hr"
        target = "cloud"
        template = "Workday2AAD"
        {out}
        [[app]]
        id = "{HOME}"
        name = "home"
        source = "cloud"
        target = "hr"
        template = "WorkdayWriteback"
        "#
    );
    Config::parse(&text, std::path::Path::new(".")).unwrap()
}

#[test]
fn b30_one_attribute_in_both_directions_is_refused() {
    for (out, expected) in [
        ("", &["telephoneNumber", "mobile"][..]),
        (r#"omit = ["telephoneNumber"]"#, &["mobile"]),
        (r#"omit = ["telephoneNumber", "mobile"]"#, &[]),
    ] {
        let config = both_ways(out);
        let documents: Vec<_> = config
            .apps
            .iter()
            .map(|app| engine::declared(app).unwrap())
            .collect();
        let all: Vec<_> = config.apps.iter().zip(&documents).collect();
        for one in &all {
            let told: Vec<String> = engine::circles(&config, *one, &all)
                .iter()
                .map(ToString::to_string)
                .collect();
            for attribute in ["telephoneNumber", "mobile", "userPrincipalName", "mail"] {
                let named = told
                    .iter()
                    .any(|problem| problem.contains(&format!("into {attribute},")));
                assert_eq!(named, expected.contains(&attribute), "{attribute}: {told:?}");
            }
        }
    }
}

#[test]
fn b30_the_way_home_begins_where_the_way_out_ends() {
    let text = r#"
        [system.uploads]
        kind = "bulk"
        [system.corp]
        kind = "active-directory"
        urls = ["ldaps://dc.example.test"]
        base_dn = "DC=example,DC=test"
        bind_dn = "u"
        password = "p"
        [[app]]
        id = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c11"
        name = "out"
        source = "uploads"
        target = "corp"
        template = "API2AD"
        container = "OU=Staff,DC=example,DC=test"
        writeback = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c11"
    "#;
    let problems = Config::parse(text, std::path::Path::new("."))
        .unwrap_err()
        .to_string();
    assert!(
        problems.contains("it has to read what this app writes, 'corp'"),
        "{problems}"
    );
    let unknown = text.replace("writeback = \"6f", "writeback = \"7f");
    let problems = Config::parse(&unknown, std::path::Path::new("."))
        .unwrap_err()
        .to_string();
    assert!(problems.contains("which is no app of this config"), "{problems}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b30_what_came_from_hr_is_not_sent_back_over_what_hr_says_now() {
    let cloud = tenant::Tenant::unthrottled();
    let setup = Setup::with_cloud(&cloud.target()).app("schema = \"out.json\"");
    let out = template("Workday2AAD").unwrap();
    let omitted = ["telephoneNumber", "mobile"].map(String::from);
    let mut schema = out.document_without(&omitted).unwrap().json().clone();
    let mappings = &mut schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    mappings.as_array_mut().unwrap().push(json!({
        "targetAttributeName": "mail", "flowType": "ObjectAddOnly", "source": {"expression": "[EmailAddress]"},
    }));
    std::fs::write(setup.dir.path().join("out.json"), schema.to_string()).unwrap();
    let round = Round::begin(workday::Tenant::new(0), cloud, setup, "", "").await;
    let address = |address: &str| json!({"emails": [{"address": address, "primary": true}]});
    let set = json!({"firstName": "Ada", "lastName": "Novak", "emails": address("ada@first.test")["emails"]});
    round
        .workday
        .hire(json!({"id": "1", "hire": "2026-01-19", "userName": "1", "set": set}));
    round.at("2026-01-19T09:00:00Z").await;
    let user = round.cloud.user("1");
    assert_eq!(user["mail"], "ada@first.test");
    let name = user["userPrincipalName"].as_str().unwrap();
    round
        .workday
        .event(json!({"worker": "1", "type": "change-work-contact", "set": address("ada@second.test")}));
    round.at("2026-01-19T09:11:00Z").await;
    round.at("2026-01-19T09:22:00Z").await;
    round
        .until_at_home("1", [name, "ada@second.test", NOTHING, NOTHING])
        .await;
    // What somebody else gave the account is another thing.
    round
        .cloud
        .alter(json!({"user": user["id"], "set": {"mail": "ada@third.test"}}));
    round.at("2026-01-19T09:33:00Z").await;
    round
        .until_at_home("1", [name, "ada@third.test", NOTHING, NOTHING])
        .await;
}

/// Addresses came from HR for a while, and shall go there from now on: those that HR gave stay HR's, whether we wrote them or
/// found them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b30_a_mapping_that_is_turned_round_sends_nothing_back_to_where_it_came_from() {
    let cloud = tenant::Tenant::unthrottled();
    cloud.alter(json!({"set": {
        "userPrincipalName": "bob@contoso.com", "displayName": "Bob Novak", "employeeId": "2",
        "accountEnabled": true, "userType": "Member", "mail": "bob@first.test",
    }}));
    let setup = Setup::with_cloud(&cloud.target()).app("schema = \"out.json\"");
    let without = |name: &str, omitted: &[&str]| {
        let omitted: Vec<String> = omitted.iter().map(ToString::to_string).collect();
        let document = template(name).unwrap().document_without(&omitted).unwrap();
        document.json().clone()
    };
    let phones = ["telephoneNumber", "mobile"];
    let way_out = without("Workday2AAD", &phones);
    let mut with_mail = way_out.clone();
    let mappings = &mut with_mail["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    mappings.as_array_mut().unwrap().push(json!({
        "targetAttributeName": "mail", "flowType": "Always", "source": {"expression": "[EmailAddress]"},
    }));
    std::fs::write(setup.dir.path().join("out.json"), with_mail.to_string()).unwrap();
    let home = "omit = [\"EmailAddress\"]";
    let round = Round::begin(workday::Tenant::new(0), cloud, setup, "", home).await;
    let address =
        |name: &str, host: &str| json!([{"address": format!("{name}@{host}.test"), "primary": true}]);
    for (worker, name) in [("1", "Ada"), ("2", "Bob")] {
        let emails = address(&name.to_lowercase(), "first");
        let set = json!({"firstName": name, "lastName": "Novak", "emails": emails});
        round
            .workday
            .hire(json!({"id": worker, "hire": "2026-01-19", "userName": worker, "set": set}));
    }
    round.at("2026-01-19T09:00:00Z").await;
    assert_eq!(round.cloud.user("1")["mail"], "ada@first.test");
    // Now the other way.
    let schema = |path: String| format!("{path}/schema");
    let way_home = without("WorkdayWriteback", &[]);
    for (path, document) in [
        (schema(round.gateway.caller.job_path()), way_out),
        (schema(Round::path()), way_home),
    ] {
        let (status, answer) = round.gateway.caller.send("PUT", &path, Some(document)).await;
        assert_eq!(status, 204, "{answer}");
    }
    for (worker, name) in [("1", "ada"), ("2", "bob")] {
        let set = json!({"emails": address(name, "second")});
        round
            .workday
            .event(json!({"worker": worker, "type": "change-work-contact", "set": set}));
    }
    round.at("2026-01-19T09:11:00Z").await;
    round.look_at_everybody("Watermark", "2026-01-19T09:22:00Z").await;
    let names = ["1", "2"].map(|worker| {
        let user = round.cloud.user(worker);
        user["userPrincipalName"].as_str().unwrap().to_string()
    });
    for (worker, name, address) in [
        ("1", &names[0], "ada@second.test"),
        ("2", &names[1], "bob@second.test"),
    ] {
        round
            .until_at_home(worker, [name, address, NOTHING, NOTHING])
            .await;
    }
    let id = round.cloud.user("2")["id"].as_str().unwrap().to_string();
    round
        .cloud
        .alter(json!({"user": id, "set": {"mail": "bob@third.test"}}));
    round.at("2026-01-19T09:33:00Z").await;
    round
        .until_at_home("2", [&names[1], "bob@third.test", NOTHING, NOTHING])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b30_what_hr_has_to_approve_is_sent_once_and_pending_until_then() {
    let hr = "writeback = { auto_complete = false }";
    let round = Round::of(workday::Tenant::new(0), hr, "").await;
    round.hire("1", "Ada");
    round.at("2026-01-19T09:00:00Z").await;
    let user = round.cloud.user("1");
    let (id, name) = (
        user["id"].as_str().unwrap(),
        user["userPrincipalName"].as_str().unwrap(),
    );
    round.until_at_home("1", [name, NOTHING, NOTHING, NOTHING]).await;
    round
        .cloud
        .alter(json!({"user": id, "set": {"mail": "ada@contoso.com"}}));
    round.at("2026-01-19T09:11:00Z").await;
    let pending = ("warning".to_string(), "PendingInHr".to_string());
    eventually("it waits in Workday", async || round.outcome(id).await == pending).await;
    assert_eq!(round.writes(), 2);
    // Somebody who looks again sees that it is there already.
    round.look_at_everybody("Watermark", "2026-01-19T09:22:00Z").await;
    round.look_at_everybody("Watermark", "2026-01-19T09:33:00Z").await;
    assert_eq!((round.writes(), round.outcome(id).await), (2, pending));
    round.until_at_home("1", [name, NOTHING, NOTHING, NOTHING]).await;
    round.workday.event(json!({"worker": "1", "type": "approve"}));
    round.look_at_everybody("Watermark", "2026-01-19T09:44:00Z").await;
    round
        .until_at_home("1", [name, "ada@contoso.com", NOTHING, NOTHING])
        .await;
    assert_eq!(round.writes(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b30_the_way_home_may_begin_in_active_directory() {
    let (workday, directory) = (workday::Tenant::new(0), directory());
    let gateway = Setup::with_target(&ldap(&directory))
        .pulls(&workday.table(""), "Workday2AD", workday.clock())
        .app(&format!(
            r#"
            start = true
            writeback = "{HOME}"
            omit = ["telephoneNumber", "mobile"]
            [[app]]
            id = "{HOME}"
            name = "Active Directory home to Workday"
            source = "corp"
            target = "hr"
            template = "ADWorkdayWriteback"
            job = "{HOME_JOB}"
            start = true
            first_cycle = "apply"
            "#
        ))
        .start()
        .await;
    let cloud = tenant::Tenant::unthrottled();
    let round = Round {
        workday,
        cloud,
        gateway,
    };
    round.round_since(Timestamp::MIN).await;
    round.hire("1", "Ada");
    round.at("2026-01-19T09:00:00Z").await;
    let account = || {
        directory
            .client()
            .search("(employeeID=1)", &["*"])
            .unwrap()
            .remove(0)
    };
    let name = account().value("userPrincipalName").unwrap().to_string();
    round.until_at_home("1", [&name, NOTHING, NOTHING, NOTHING]).await;
    let given = format!(
        "dn: {}\nchangetype: modify\nreplace: mail\nmail: ada@example.test\n-\nreplace: mobile\nmobile: +1 514 555 0178\n",
        account().dn
    );
    directory.admin().modify(&given).unwrap();
    round.at("2026-01-19T09:11:00Z").await;
    let expected = [&name, "ada@example.test", NOTHING, "+1 (514) 5550178"];
    round.until_at_home("1", expected).await;
    // The only number that she has at work is her primary one.
    let phones = &round.workday.state("1")["effective"]["phones"];
    assert_eq!(
        (phones.as_array().unwrap().len(), &phones[0]["primary"]),
        (1, &json!(true))
    );
    let writes = round.writes();
    round.look_at_everybody("Watermark", "2026-01-19T09:22:00Z").await;
    assert_eq!(round.writes(), writes);
}
