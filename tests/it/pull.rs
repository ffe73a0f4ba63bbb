//! A job whose source is pulled: from the lab Workday to the lab directory, on one clock that the test sets.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, JOB, Setup, eventually};
use crate::support::lab::{Lab, directory};
use crate::support::ldap::Entry;
use crate::support::workday::Tenant;

const CONTAINER: &str = "OU=Staff,DC=example,DC=test";

pub struct Company {
    pub workday: Tenant,
    directory: Lab,
    pub gateway: Gateway,
}

impl Company {
    /// A tenant with nobody in it, an empty directory, and a gateway that reads every ten minutes.
    async fn new() -> Company {
        Company::of(Tenant::new(0), "", "").await
    }

    pub async fn of(workday: Tenant, source: &str, app: &str) -> Company {
        let directory = directory();
        let target = ldap(&directory);
        let gateway = Setup::with_target(&target)
            .pulls(&workday.table(source), "Workday2AD", workday.clock())
            .app("start = true")
            .app(app)
            .start()
            .await;
        let company = Company {
            workday,
            directory,
            gateway,
        };
        company.cycle_since(Timestamp::MIN).await;
        company
    }

    /// Waits until a cycle has ended that did not begin before an instant.
    async fn cycle_since(&self, since: Timestamp) -> Json {
        let mut job = Json::Null;
        eventually("a cycle ended", async || {
            job = self.gateway.caller.job().await;
            let last = &job["status"]["lastExecution"];
            let began = last["timeBegan"].as_str().unwrap_or_default();
            let ended = last["timeEnded"].as_str().unwrap_or_default();
            let at = |text: &str| text.parse::<Timestamp>().ok();
            at(began).is_some_and(|began| began >= since) && at(ended).is_some()
        })
        .await;
        job["status"]["lastExecution"].clone()
    }

    /// Moves the time on and lets a cycle happen.
    pub async fn at(&self, clock: &str) -> Json {
        self.workday.set_clock(clock);
        self.cycle_since(clock.parse().unwrap()).await
    }

    /// Moves the time on and has everybody read again.
    async fn read_everybody(&self, clock: &str) -> Json {
        self.at(clock).await;
        let since = self.workday.lab.controls.now();
        let caller = &self.gateway.caller;
        let restart = json!({"criteria": {"resetScope": "Watermark"}});
        let (status, answer) = caller
            .send("POST", &format!("{}/restart", caller.job_path()), Some(restart))
            .await;
        assert_eq!(status, 204, "{answer}");
        self.cycle_since(since).await
    }

    pub fn accounts(&self) -> Vec<Entry> {
        let client = self.directory.client();
        let found = client.search("(employeeID=*)", &[]).unwrap();
        found
            .into_iter()
            .filter(|entry| entry.dn.ends_with(CONTAINER))
            .collect()
    }

    fn account(&self, worker: &str) -> Entry {
        let of_worker = |entry: &Entry| entry.value("employeeID") == Some(worker);
        let mut found: Vec<Entry> = self.accounts().into_iter().filter(of_worker).collect();
        assert_eq!(found.len(), 1, "{worker} has one account");
        found.remove(0)
    }

    pub fn is_enabled(&self, worker: &str) -> bool {
        is_enabled(&self.account(worker))
    }

    fn faults(&self, action: Json) {
        self.workday.faults(json!([{"on": "Get_Workers", "do": action}]));
    }

    pub fn event(&self, event: Json) {
        self.workday.event(event);
    }

    /// Waits for something that happens between two cycles' reads, by the clock alone.
    pub async fn until(&self, what: &str, happened: impl Fn(&Company) -> bool) {
        eventually(what, async || happened(self)).await;
    }

    /// The last entry about a worker.
    async fn entry(&self, wid: &str) -> Json {
        let filter = format!("jobid eq '{JOB}' and sourceIdentity/id eq '{wid}'");
        let entries = self.gateway.caller.logs(&filter).await;
        entries.into_iter().next().unwrap_or_default()
    }

    async fn code(&self, wid: &str) -> String {
        let entry = self.entry(wid).await;
        let code = &entry["provisioningStatusInfo"]["errorInformation"]["errorCode"];
        code.as_str().unwrap_or_default().to_string()
    }
}

/// The table of the config for a simulated directory.
pub fn ldap(directory: &Lab) -> String {
    let lab = &directory.directory;
    format!(
        "kind = \"active-directory\"\nurls = [\"{}\"]\nbase_dn = \"{}\"\nbind_dn = \"{}\"\npassword = \"{}\"\nca_file = \"{}\"\n",
        lab.url,
        lab.base_dn,
        lab.user,
        lab.password,
        lab.ca_file.display()
    )
}

fn is_enabled(entry: &Entry) -> bool {
    entry.value("userAccountControl").unwrap().parse::<u32>().unwrap() & 2 == 0
}

/// Somebody who has worked there for a year.
pub fn settled(tenant: &Tenant, id: &str, set: Json) -> String {
    tenant.hire(json!({"id": id, "hire": "2025-01-01", "entered": "2025-01-01T00:00:00Z", "set": set}))
}

#[tokio::test]
async fn everybody_is_read_once_and_then_only_news() {
    let company = Company::of(Tenant::new(60), "page_size = 20", "").await;
    let workday = &company.workday;
    let known = workday.wids().await;
    let ids: BTreeSet<String> = known
        .iter()
        .map(|wid| workday.state(wid)["id"].as_str().unwrap().to_string())
        .collect();
    assert!(ids.len() < known.len(), "some people have several records");
    let accounts = company.accounts();
    let mut without = 0;
    for wid in &known {
        let id = workday.state(wid)["id"].clone();
        if !accounts.iter().any(|it| it.value("employeeID") == id.as_str()) {
            // Letters that the template's names do not fold: the log says so.
            assert_eq!(
                company.entry(wid).await["provisioningStatusInfo"]["status"],
                "failure",
                "{id}"
            );
            without += 1;
        }
    }
    assert_eq!(accounts.len() + without, ids.len());
    assert!(without < ids.len() / 5, "{without} have no account");
    let quiet = company.at("2026-01-19T02:41:00Z").await;
    assert_eq!(quiet["countExported"], 0, "{quiet}");
    let hired =
        json!({"id": "90001", "hire": "2026-01-18", "set": {"firstName": "Ada", "lastName": "Novak"}});
    workday.hire(hired);
    let news = company.at("2026-01-19T02:52:00Z").await;
    assert_eq!(
        (&news["state"], &news["countExported"]),
        (&json!("Succeeded"), &json!(1)),
        "{news}"
    );
    let account = company.account("90001");
    assert_eq!((account.value("sn"), is_enabled(&account)), (Some("Novak"), true));
    let asked = workday.requests().await;
    let everybody =
        |body: &&String| body.contains("Transaction_Type_References") && !body.contains("Effective_From");
    assert_eq!(asked.iter().filter(everybody).count(), known.len().div_ceil(20));
}

#[tokio::test]
async fn b18_b19_a_leaver_loses_access_when_the_last_day_is_over_where_the_leaver_is() {
    let tenant = Tenant::new(0);
    let sydney = settled(&tenant, "1", json!({"site": "SYD-01"}));
    settled(&tenant, "2", json!({"site": "SYD-01"}));
    tenant.event(json!({"worker": "1", "type": "terminate", "set": {"lastDay": "2026-01-20"}}));
    let company = Company::of(tenant, "", "").await;
    assert!(company.is_enabled("1") && company.is_enabled("2"));
    // The last day is known, and not over; then nobody answers any more.
    company.at("2026-01-20T12:50:00Z").await;
    company.faults(json!({"answer": {"code": 503}}));
    company.workday.set_clock("2026-01-20T12:59:50Z");
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(company.is_enabled("1"), "the day is not over");
    company.workday.set_clock("2026-01-20T13:00:00Z");
    company
        .until("the leaver is locked out", |it| !it.is_enabled("1"))
        .await;
    assert!(company.is_enabled("2"));
    let mut entry = Json::Null;
    eventually("it is in the log", async || {
        entry = company.entry(&sydney).await;
        entry["provisioningAction"] == "disable"
    })
    .await;
    let told: jiff::Timestamp = entry["sourceSystem"]["details"]["dataOf"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(told.to_string().starts_with("2026-01-20T12:5"), "{told}");
    // California is of another opinion until the evening.
    company.workday.faults(json!([]));
    company.at("2026-01-20T13:30:00Z").await;
    assert!(!company.is_enabled("1"));
}

#[tokio::test]
async fn b19_a_joiner_has_access_when_the_first_day_begins_there() {
    let company = Company::new().await;
    company
        .workday
        .hire(json!({"id": "1", "hire": "2026-02-02", "set": {"site": "SYD-01", "businessTitle": "Guide"}}));
    company
        .workday
        .hire(json!({"id": "2", "hire": "2026-02-02", "set": {"site": "SYD-01"}}));
    company.at("2026-01-19T02:45:00Z").await;
    assert_eq!(company.account("1").value("title"), Some("Guide"));
    assert!(!company.is_enabled("1"), "created, and not enabled yet");
    // One of them does not come after all.
    company.event(json!({"worker": "2", "type": "rescind"}));
    company.at("2026-02-01T12:59:00Z").await;
    assert!(!company.is_enabled("1") && !company.is_enabled("2"));
    company.workday.set_clock("2026-02-01T13:00:01Z");
    company
        .until("the joiner is let in", |it| it.is_enabled("1"))
        .await;
    company.at("2026-02-03T12:00:00Z").await;
    assert!(company.is_enabled("1"));
    assert!(!company.is_enabled("2"), "B20: rescinded");
    assert!(!company.account("2").dn.is_empty(), "and never deleted");
}

#[tokio::test]
async fn b4_who_is_not_to_be_seen_any_more_is_no_leaver() {
    let company = Company::of(Tenant::new(80), "page_size = 30", "").await;
    let before = company.accounts();
    let lab = &company.workday.lab;
    lab.configure(&json!({"constrainedTo": ["SYD-01", "LON-01"]}))
        .unwrap();
    let wids = company.workday.wids().await;
    company.read_everybody("2026-01-19T02:50:00Z").await;
    let mut hidden = 0;
    for wid in &wids {
        hidden += usize::from(company.code(wid).await == "NotVisible");
    }
    assert!(
        hidden * 10 > wids.len() * 4,
        "{hidden} of {} are out of sight",
        wids.len()
    );
    assert!(hidden < wids.len(), "somebody is in sight");
    let values = |entries: &[Entry]| -> Vec<String> {
        let told = |entry: &Entry| format!("{} {:?}", entry.dn, entry.values);
        let mut all: Vec<String> = entries.iter().map(told).collect();
        all.sort();
        all
    };
    assert!(
        values(&before) == values(&company.accounts()),
        "no account was touched"
    );
    // They come into sight again, and nothing has to be done about it.
    lab.configure(&json!({"constrainedTo": null})).unwrap();
    let last = company.read_everybody("2026-01-19T03:10:00Z").await;
    assert_eq!(last["countExported"], 0, "{last}");
    // When they vanish again, the log says so again.
    lab.configure(&json!({"constrainedTo": ["SYD-01", "LON-01"]}))
        .unwrap();
    company.read_everybody("2026-01-19T03:30:00Z").await;
    let filter = format!("jobid eq '{JOB}' and provisioningStatusInfo/status eq 'warning'");
    let told = company.gateway.caller.logs(&filter).await;
    let told = told
        .iter()
        .filter(|entry| entry["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "NotVisible");
    assert_eq!(told.count(), 2 * hidden);
}

#[tokio::test]
async fn a_read_that_is_not_whole_keeps_its_watermark_and_disables_nobody() {
    for fault in [
        json!({"spoil": "loses-worker"}),
        json!({"spoil": "more-pages"}),
        json!({"spoil": "truncated"}),
        json!("html"),
        json!({"answer": {"code": 500, "message": "The task submitted is not authorized."}}),
    ] {
        let tenant = Tenant::new(0);
        settled(&tenant, "1", json!({}));
        let company = Company::of(tenant, "timeout = \"500ms\"", "").await;
        company.workday.hire(json!({"id": "2", "hire": "2026-01-18"}));
        company.faults(fault.clone());
        let failed = company.at("2026-01-19T02:45:00Z").await;
        assert_eq!(failed["state"], "Failed", "{fault}: {failed}");
        assert!(
            failed["error"]["message"].as_str().unwrap().len() > 20,
            "{failed}"
        );
        assert!(company.is_enabled("1"), "{fault}");
        company.workday.faults(json!([]));
        let good = company.at("2026-01-19T03:10:00Z").await;
        assert_eq!(good["state"], "Succeeded", "{fault}: {good}");
        assert!(company.is_enabled("1") && company.is_enabled("2"), "{fault}");
    }
}

#[tokio::test]
async fn b20_a_conversion_takes_the_account_along() {
    let tenant = Tenant::new(0);
    let old = settled(&tenant, "1", json!({"site": "SYD-01", "lastName": "Novak"}));
    let company = Company::of(tenant, "", "").await;
    let before = company.account("1");
    company.event(
        json!({"worker": "1", "type": "convert", "effective": "2026-01-26", "set": {"lastName": "Stone"}}),
    );
    company.at("2026-01-19T02:45:00Z").await;
    assert_eq!(
        company.account("1").values["objectGUID"],
        before.values["objectGUID"]
    );
    assert_eq!(
        company.account("1").value("sn"),
        Some("Novak"),
        "nothing of the future record leaks"
    );
    assert!(company.is_enabled("1"));
    // At no moment is the account anything but enabled.
    for clock in [
        "2026-01-25T12:50:00Z",
        "2026-01-25T13:10:00Z",
        "2026-01-26T09:00:00Z",
        "2026-01-27T00:00:00Z",
    ] {
        company.at(clock).await;
        assert!(company.is_enabled("1"), "{clock}");
    }
    let account = company.account("1");
    assert_eq!(account.values["objectGUID"], before.values["objectGUID"]);
    assert_eq!(company.accounts().len(), 1);
    let path = format!("(jobid eq '{JOB}')");
    let disabled = company.gateway.caller.logs(&path).await;
    assert!(
        disabled
            .iter()
            .all(|entry| entry["provisioningAction"] != "disable"),
        "{disabled:?}"
    );
    assert_eq!(company.code(&old).await, "AnotherRecordSpeaks");
}

#[tokio::test]
async fn b20_a_rehire_gets_the_account_back_and_another_id_is_another_account() {
    let tenant = Tenant::new(0);
    settled(&tenant, "1", json!({}));
    settled(&tenant, "2", json!({}));
    let company = Company::of(tenant, "", "").await;
    let before = company.account("1");
    for worker in ["1", "2"] {
        company.event(json!({"worker": worker, "type": "terminate", "set": {"lastDay": "2026-01-20"}}));
    }
    company.at("2026-01-22T00:00:00Z").await;
    assert!(!company.is_enabled("1") && !company.is_enabled("2"));
    company.event(json!({"worker": "1", "type": "hire", "effective": "2026-02-02"}));
    company.event(json!({"worker": "2", "type": "hire", "effective": "2026-02-02", "id": "3", "set": {"firstName": "Bea"}}));
    company.at("2026-01-22T00:20:00Z").await;
    assert!(!company.is_enabled("1") && !company.is_enabled("3"));
    company.at("2026-02-03T00:00:00Z").await;
    assert!(company.is_enabled("1") && company.is_enabled("3") && !company.is_enabled("2"));
    let after = company.account("1");
    assert_eq!(after.values["objectGUID"], before.values["objectGUID"]);
    assert_eq!(
        after.values["pwdLastSet"], before.values["pwdLastSet"],
        "away for less than a month"
    );
    // Away for longer, nobody goes on with the old password.
    company.event(json!({"worker": "1", "type": "terminate", "set": {"lastDay": "2026-02-05"}}));
    company.at("2026-02-07T00:00:00Z").await;
    company.event(json!({"worker": "1", "type": "hire", "effective": "2026-04-01"}));
    company.at("2026-04-02T00:00:00Z").await;
    assert!(company.is_enabled("1"));
    assert_ne!(
        company.account("1").values["pwdLastSet"],
        before.values["pwdLastSet"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_asks_the_source_as_well() {
    let tenant = Tenant::new(30);
    tenant
        .lab
        .configure(&json!({"lacks": ["management-chain"]}))
        .unwrap();
    let setup = Setup::nowhere().pulls(&tenant.table(""), "Workday2AD", tenant.clock());
    let path = setup.dir.path().join("muster.toml");
    std::fs::write(&path, setup.text("127.0.0.1:0")).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["check", "--json", "--config", path.to_str().unwrap()])
        .output()
        .unwrap();
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    let problems = found["problems"].as_array().unwrap();
    let of_source = problems.iter().filter(|one| one["place"] == "system hr");
    let told: Vec<&str> = of_source.map(|one| one["message"].as_str().unwrap()).collect();
    assert!(
        told.iter()
            .any(|one| one.starts_with("ManagerReference: nothing is selected")),
        "{found}"
    );
}

#[test]
fn what_is_pulled_has_an_interval_and_what_is_uploaded_has_none() {
    let wrong = Setup::nowhere().app("interval = \"5m\"");
    let problems = muster::config::Config::parse(&wrong.text("127.0.0.1:0"), wrong.dir.path());
    assert!(format!("{:?}", problems.unwrap_err()).contains("taken at once"));
}

#[tokio::test]
async fn nobody_is_planned_before_what_a_new_schema_asks_for_was_read() {
    let tenant = Tenant::new(0);
    settled(&tenant, "1", json!({}));
    let company = Company::of(tenant, "", "").await;
    let caller = &company.gateway.caller;
    let path = format!("{}/schema", caller.job_path());
    let (_, mut schema) = caller.send("GET", &path, None).await;
    let mappings = &mut schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    mappings.as_array_mut().unwrap().push(json!({
        "targetAttributeName": "description",
        "source": { "expression": "Coalesce([EmployeeID], \"never heard of it\")" },
    }));
    let since = company.workday.lab.controls.now();
    let (status, answer) = caller.send("PUT", &path, Some(schema.clone())).await;
    assert_eq!(status, 204, "{answer}");
    company.cycle_since(since).await;
    assert_eq!(company.account("1").value("description"), Some("1"));
    let entries = company.gateway.caller.logs(&format!("jobid eq '{JOB}'")).await;
    assert!(
        entries
            .iter()
            .all(|entry| !entry.to_string().contains("never heard of it"))
    );
    // An XPath that cannot be read stops nobody: it is refused.
    let attributes = &mut schema["directories"][0]["objects"][0]["attributes"];
    attributes.as_array_mut().unwrap().push(json!({
        "name": "Broken", "type": "String", "required": true,
        "apiExpressions": [{ "key": "XPath", "value": "wd:Worker/[" }],
    }));
    let (status, answer) = caller.send("PUT", &path, Some(schema)).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer.to_string().contains("Broken"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_share_what_one_of_them_reads() {
    let tenant = Tenant::new(0);
    for id in ["1", "2", "3"] {
        settled(&tenant, id, json!({}));
    }
    let lab = directory();
    let target = ldap(&lab);
    let second = r#"
        [[app]]
        id = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c99"
        name = "The same people, elsewhere"
        source = "hr"
        target = "empty"
        template = "Workday2AD"
        container = "OU=Staff,DC=example,DC=test"
        start = true
    "#;
    let other = directory();
    let setup = Setup::with_target(&target)
        .pulls(&tenant.table(""), "Workday2AD", tenant.clock())
        .app("start = true")
        .clients(&format!("[system.empty]\n{}\n{second}", ldap(&other)));
    let _gateway = setup.start().await;
    let known = |lab: &Lab| {
        let found = lab.client().search("(employeeID=*)", &["employeeID"]).unwrap();
        found.iter().filter(|entry| entry.dn.ends_with(CONTAINER)).count()
    };
    eventually("both directories have them", async || {
        known(&lab) == 3 && known(&other) == 3
    })
    .await;
    let everybody =
        |body: &&String| body.contains("Transaction_Type_References") && !body.contains("Effective_From");
    let asked = tenant.requests().await;
    assert_eq!(asked.iter().filter(everybody).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_of_whom_nothing_was_read_yet_is_provisioned_on_demand() {
    let tenant = Tenant::new(0);
    settled(&tenant, "1", json!({}));
    let company = Company::of(tenant, "", "").await;
    let new = settled(&company.workday, "2", json!({}));
    let caller = &company.gateway.caller;
    let path = format!("{}/provisionOnDemand", caller.job_path());
    let asked = |id: &str| json!({"parameters": [{"subjects": [{"objectId": id}]}]});
    let (status, answer) = caller.send("POST", &path, Some(asked(&new))).await;
    assert_eq!(status, 200, "{answer}");
    assert!(company.is_enabled("2"));
    let (status, answer) = caller.send("POST", &path, Some(asked("404"))).await;
    assert_eq!(
        (status.as_u16(), &answer["error"]["code"]),
        (404, &json!("WorkerNotFound")),
        "{answer}"
    );
}
