//! A conversion from one job's scope to another's (B20): Workday ends one record and begins another of the same person, and the
//! account goes along.

use muster::domain::schema::template;
use serde_json::{Value as Json, json};

use super::{account, is_enabled, keep_out, map, only, path_of, told};
use crate::gateway::{APP, Gateway, JOB, Setup, eventually};
use crate::pull::ldap;
use crate::support::lab::{Lab, directory};
use crate::support::ldap::Entry;
use crate::support::workday::Tenant;

const CONTRACTORS: &str = "contractors";
/// When HR has said that the contractor will be an employee, and when that is so.
const KNOWN: &str = "2026-01-19T02:45:00Z";
const ENDED: &str = "2026-01-27T00:00:00Z";
const SECOND: &str = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c12";

/// Workday's template for whoever has an ID of this kind.
fn schema(id: &str, title: &str) -> String {
    let mut schema = template("Workday2AD").unwrap().document().unwrap().json().clone();
    let object = &mut schema["synchronizationRules"][0]["objectMappings"][0];
    only(object, id, "REGEX MATCH", ".");
    map(object, "title", &format!(r#"Join(" ", "{title}", [WorkerID])"#));
    schema.to_string()
}

struct Company {
    workday: Tenant,
    lab: Lab,
    gateway: Gateway,
    /// The contract's record.
    contract: String,
    /// The employment's, which begins on the 26th of January.
    employment: String,
}

impl Company {
    /// Contractor 1 has an account, and will be an employee.
    async fn new() -> Company {
        let workday = Tenant::new(0);
        let contract = workday.hire(json!({
            "kind": "contingent", "id": "1", "hire": "2025-01-01", "entered": "2025-01-01T00:00:00Z",
        }));
        let lab = tokio::task::block_in_place(directory);
        let setup = Setup::with_target(&ldap(&lab)).pulls(&workday.table(""), "Workday2AD", workday.clock());
        for (file, schema) in [
            ("employees.json", schema("EmployeeID", "Employee")),
            ("contractors.json", schema("ContingentWorkerID", "Contractor")),
        ] {
            std::fs::write(setup.dir.path().join(file), schema).unwrap();
        }
        let second = format!(
            "[[app]]\nid = \"{SECOND}\"\nname = \"Contractors\"\nsource = \"hr\"\ntarget = \"corp\"\ntemplate = \"Workday2AD\"\njob = \"{CONTRACTORS}\"\nschema = \"contractors.json\"\nfirst_cycle = \"apply\"\nstart = true\ncontainer = \"{}\"\n",
            super::STAFF
        );
        let setup = setup
            .app("start = true\nschema = \"employees.json\"")
            .clients(&second);
        let gateway = setup.start().await;
        let mut company = Company {
            workday,
            lab,
            gateway,
            contract,
            employment: String::new(),
        };
        eventually("the contractor has an account", async || {
            !super::accounts(&company.lab, "(employeeID=1)").is_empty()
        })
        .await;
        company
            .workday
            .event(json!({ "worker": company.contract, "type": "convert", "effective": "2026-01-26" }));
        let mut wids = company.workday.wids().await.into_iter();
        company.employment = wids.find(|wid| *wid != company.contract).unwrap();
        company.workday.set_clock(KNOWN);
        company.cycle(JOB, KNOWN).await;
        company.cycle(CONTRACTORS, KNOWN).await;
        company
    }

    async fn send(&self, method: &str, job: &str, what: &str) -> Json {
        let app = if job == JOB { APP } else { SECOND };
        let path = format!("{}{what}", path_of(app, job));
        let (status, answer) = self.gateway.caller.send(method, &path, None).await;
        assert!(status.is_success(), "{method} {path}: {answer}");
        answer
    }

    /// Waits until a cycle of a job has ended that did not begin before an instant.
    async fn cycle(&self, job: &str, since: &str) {
        let since: jiff::Timestamp = since.parse().unwrap();
        eventually("a cycle ended", async || {
            let job = self.send("GET", job, "").await;
            let last = &job["status"]["lastExecution"];
            let at = |member: &str| last[member].as_str()?.parse::<jiff::Timestamp>().ok();
            at("timeBegan").is_some_and(|began| began >= since) && at("timeEnded").is_some()
        })
        .await;
    }

    fn account(&self) -> Entry {
        account(&self.lab, "1")
    }

    async fn did(&self, job: &str, worker: &str, wanted: &str) -> bool {
        let told = told(&self.gateway.caller, job, worker).await;
        told.iter()
            .any(|(action, status, ..)| action == wanted && status == "success")
    }

    async fn is_the_employees(&self) {
        eventually("the employees' job has the account", async || {
            let account = self.account();
            is_enabled(&account) && account.value("title") == Some("Employee 1")
        })
        .await;
    }

    /// The contractors' job has nothing to say any more, and says whose word it is.
    async fn contractors_give_way(&self) {
        let explained = self
            .send("GET", CONTRACTORS, &format!("/explain?worker={}", self.contract))
            .await;
        let findings = explained["findings"].to_string();
        for expected in ["AnotherRecordSpeaks", &self.employment, JOB] {
            assert!(findings.contains(expected), "{expected}: {explained}");
        }
        assert!(is_enabled(&self.account()));
    }

    /// When the employee leaves.
    async fn the_employees_job_disables(&self) {
        self.workday.event(json!({
            "worker": self.employment, "type": "terminate", "set": { "lastDay": "2026-01-28" },
        }));
        self.workday.set_clock("2026-01-30T00:00:00Z");
        eventually("the leaver is out", async || !is_enabled(&self.account())).await;
        eventually("by the job whose the account is", async || {
            self.did(JOB, &self.employment, "disable").await
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b20_the_account_goes_along_where_the_new_records_job_looks_first() {
    let company = Company::new().await;
    let before = company.account();
    let mut said = Vec::new();
    eventually("the new record's job has looked", async || {
        said = told(&company.gateway.caller, JOB, &company.employment).await;
        !said.is_empty()
    })
    .await;
    let (_, status, code, reason) = said.remove(0);
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("skipped", "AnotherRecordSpeaks")
    );
    assert!(reason.contains(CONTRACTORS), "{reason}");
    assert_eq!(
        before.value("title"),
        Some("Contractor 1"),
        "nothing of the future leaks"
    );

    company.send("POST", CONTRACTORS, "/pause").await;
    company.workday.set_clock(ENDED);
    company.is_the_employees().await;
    company.send("POST", CONTRACTORS, "/start").await;
    company.cycle(CONTRACTORS, ENDED).await;
    company.contractors_give_way().await;
    let after = company.account();
    assert_eq!(after.values["objectGUID"], before.values["objectGUID"]);
    assert_eq!(after.value("title"), Some("Employee 1"));
    keep_out(&company.gateway.caller, CONTRACTORS, &company.contract, "disable").await;
    company.the_employees_job_disables().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b20_b11_the_account_is_enabled_again_where_the_old_records_job_looks_first() {
    let company = Company::new().await;
    let before = company.account();
    company.send("POST", JOB, "/pause").await;
    company.workday.set_clock(ENDED);
    eventually("the contract has ended", async || !is_enabled(&company.account())).await;
    company.cycle(CONTRACTORS, ENDED).await;
    company.send("POST", JOB, "/start").await;
    company.is_the_employees().await;
    company.cycle(JOB, ENDED).await;
    assert!(company.did(CONTRACTORS, &company.contract, "disable").await);
    let said = told(&company.gateway.caller, JOB, &company.employment).await;
    assert!(said.iter().any(|(_, status, ..)| status == "success"), "{said:?}");
    company.contractors_give_way().await;
    assert_eq!(
        company.account().values["objectGUID"],
        before.values["objectGUID"]
    );
    company.the_employees_job_disables().await;
}

/// Whoever is faster: in the end it is enabled.
#[tokio::test(flavor = "multi_thread")]
async fn b20_the_account_goes_along_where_both_look_at_once() {
    let company = Company::new().await;
    company.workday.set_clock(ENDED);
    company.is_the_employees().await;
    company.cycle(CONTRACTORS, ENDED).await;
    company.cycle(JOB, ENDED).await;
    company.is_the_employees().await;
    company.contractors_give_way().await;
    company.the_employees_job_disables().await;
}
