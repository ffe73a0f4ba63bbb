//! B19, B25: three days without the directory, then three days without HR: nothing is lost, nobody is blamed, and who leaves
//! or begins comes first when it is over.

use serde_json::{Value as Json, json};

use super::{World, is_enabled, schema};
use crate::gateway::{JOB, eventually};
use crate::support::workday::Tenant;

const NAMES: &[(&str, &str, &str)] = &[("sAMAccountName", "[WorkerID]", "ObjectAddOnly")];

/// Somebody who has worked in Munich for a year; days begin there at 23:00Z.
fn settled(tenant: &Tenant, id: &str, last_name: &str) -> String {
    hired(tenant, id, last_name, "2025-01-01", "2025-01-01T00:00:00Z")
}

fn hired(tenant: &Tenant, id: &str, last_name: &str, day: &str, entered: &str) -> String {
    tenant.hire(json!({
        "id": id, "hire": day, "entered": entered,
        "set": { "firstName": "Nova", "lastName": last_name, "site": "MUC-01" },
    }))
}

fn leaves(tenant: &Tenant, worker: &str, last_day: &str) {
    tenant.event(json!({ "worker": worker, "type": "terminate", "set": { "lastDay": last_day } }));
}

fn titled(tenant: &Tenant, worker: &str) {
    tenant.event(json!({ "worker": worker, "type": "change-title", "set": { "businessTitle": "Judge" } }));
}

struct Stage {
    tenant: Tenant,
    world: World,
    logged: usize,
}

impl Stage {
    /// What was logged since, oldest first: who and what.
    async fn news(&mut self) -> Vec<(String, String)> {
        let mut entries = self.world.gateway.caller.logs(&format!("jobid eq '{JOB}'")).await;
        entries.reverse();
        let news = entries.iter().skip(self.logged).map(|entry| {
            let wid = entry["sourceIdentity"]["id"].as_str().unwrap();
            let worker = self.tenant.state(wid)["id"].as_str().unwrap().to_string();
            let word = |value: &Json| value.as_str().unwrap().to_string();
            let action = word(&entry["provisioningAction"]);
            let status = word(&entry["provisioningStatusInfo"]["status"]);
            (worker, format!("{action} {status}"))
        });
        let news = news.collect();
        self.logged = entries.len();
        news
    }

    /// Waits until a cycle has failed that began now or later.
    async fn fails(&self) -> Json {
        let since = self.world.time.clock.now();
        let mut last = Json::Null;
        eventually("a cycle failed", async || {
            // A cycle that went on while the clock was moved puts the next one off.
            self.world.post("start", None).await;
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            last = self.world.gateway.caller.job().await["status"]["lastExecution"].clone();
            let began = last["timeBegan"].as_str().unwrap_or_default();
            began.parse::<jiff::Timestamp>().is_ok_and(|began| began >= since) && last["state"] == "Failed"
        })
        .await;
        last
    }

    /// Nobody failed, waits for another try, or is held.
    async fn nobody_is_blamed(&self) {
        let caller = &self.world.gateway.caller;
        let failed = format!("jobid eq '{JOB}' and provisioningStatusInfo/status eq 'failure'");
        assert_eq!(caller.logs(&failed).await, Vec::<Json>::new());
        let report = caller
            .send("GET", &format!("{}/report", caller.job_path()), None)
            .await
            .1;
        assert_eq!(
            (
                &report["refused"],
                &report["retries"],
                &report["failures"],
                &report["held"]
            ),
            (&json!(0), &json!(0), &json!([]), &json!([]))
        );
    }

    fn is_enabled(&self, worker: &str) -> bool {
        is_enabled(&self.world.account(worker))
    }

    fn title(&self, worker: &str) -> String {
        self.world.account(worker).value("title").unwrap().to_string()
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(worker, what)| ((*worker).into(), (*what).into()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_days_without_the_directory_and_three_without_hr() {
    let tenant = tokio::task::block_in_place(|| Tenant::new(0));
    for (id, name) in [
        ("73001", "Leaver"),
        ("73002", "Dismissed"),
        ("73003", "Later"),
        ("73004", "Clerka"),
        ("73005", "Clerkb"),
        ("73006", "Clerkc"),
    ] {
        settled(&tenant, id, name);
    }
    // Known before anything fails: who leaves, and who begins.
    let entered = "2026-01-18T00:00:00Z";
    hired(&tenant, "73011", "Starter", "2026-01-22", entered);
    hired(&tenant, "73012", "Starterb", "2026-01-28", entered);
    leaves(&tenant, "73001", "2026-01-21");
    leaves(&tenant, "73003", "2026-01-26");
    let schema = schema("Workday2AD", NAMES, &[]);
    let world = World::of_workday(&tenant, "", Some(schema), "").await;
    let mut stage = Stage {
        tenant,
        world,
        logged: 0,
    };
    stage.world.time.set("2026-01-19T12:00:00Z");
    stage.world.work().await;
    assert_eq!(stage.news().await.len(), 8);
    assert!(stage.is_enabled("73001") && !stage.is_enabled("73011"));

    the_directory_is_off(&mut stage).await;
    hr_is_off(&mut stage).await;
}

async fn the_directory_is_off(stage: &mut Stage) {
    let (world, tenant) = (&stage.world, &stage.tenant);
    tokio::task::block_in_place(|| world.domain.stop());
    world.time.set("2026-01-20T12:00:00Z");
    for worker in ["73004", "73005", "73006"] {
        titled(tenant, worker);
    }
    hired(tenant, "73013", "Newcomer", "2026-01-20", "2026-01-20T11:00:00Z");
    world.time.set("2026-01-20T12:01:00Z");
    world.post("start", None).await;
    let failed = stage.fails().await;
    assert!(
        failed["error"]["message"].as_str().unwrap().len() > 20,
        "{failed}"
    );
    world.time.set("2026-01-21T12:00:00Z");
    leaves(tenant, "73002", "2026-01-20");
    world.time.set("2026-01-21T12:01:00Z");
    stage.fails().await;
    // Days come and go on which somebody has to leave and somebody begins.
    world.time.set("2026-01-22T12:00:00Z");
    stage.fails().await;
    assert_eq!(stage.news().await, [], "nothing is said of anybody meanwhile");
    stage.nobody_is_blamed().await;

    stage.world.post("pause", None).await;
    tokio::task::block_in_place(|| stage.world.domain.start_again());
    stage.world.work().await;
    let news = stage.news().await;
    let (first, rest) = news.split_at(3);
    let sorted = |some: &[(String, String)]| {
        let mut some = some.to_vec();
        some.sort();
        some
    };
    assert_eq!(
        sorted(first),
        pairs(&[
            ("73001", "disable success"),
            ("73002", "disable success"),
            ("73011", "update success")
        ]),
        "who leaves and who begins comes first: {news:?}"
    );
    assert_eq!(
        sorted(rest),
        pairs(&[
            ("73004", "update success"),
            ("73005", "update success"),
            ("73006", "update success"),
            ("73013", "create success"),
        ])
    );
    let enabled =
        ["73001", "73002", "73003", "73011", "73012", "73013"].map(|worker| stage.is_enabled(worker));
    assert_eq!(enabled, [false, false, true, true, false, true]);
    assert_eq!(
        ["73004", "73005", "73006"].map(|worker| stage.title(worker)),
        ["Judge"; 3]
    );
    stage.nobody_is_blamed().await;
}

async fn hr_is_off(stage: &mut Stage) {
    let (world, tenant) = (&stage.world, &stage.tenant);
    world.time.set("2026-01-26T12:00:00Z");
    world.work().await;
    tenant.faults(json!([{ "on": "Get_Workers", "do": { "answer": { "code": 503 } } }]));
    world.time.set("2026-01-26T12:30:00Z");
    world.post("start", None).await;
    stage.fails().await;
    // What was known of days to come happens on the day, on data of before.
    assert!(stage.is_enabled("73003") && !stage.is_enabled("73012"));
    world.time.set("2026-01-26T23:00:05Z");
    eventually("the last day is over", async || !stage.is_enabled("73003")).await;
    // HR goes on meanwhile, and nobody hears it.
    world.time.set("2026-01-27T12:00:00Z");
    hired(tenant, "73014", "Unheard", "2026-01-27", "2026-01-27T11:00:00Z");
    tenant.event(json!({ "worker": "73004", "type": "change-title", "set": { "businessTitle": "Warden" } }));
    stage.fails().await;
    assert!(!stage.is_enabled("73012"));
    world.time.set("2026-01-27T23:00:05Z");
    eventually("the first day begins", async || stage.is_enabled("73012")).await;
    world.time.set("2026-01-29T12:00:00Z");
    stage.fails().await;
    let entries = world.gateway.caller.logs(&format!("jobid eq '{JOB}'")).await;
    for entry in &entries[..2] {
        let told = entry["sourceSystem"]["details"]["dataOf"].as_str().unwrap();
        assert!(told.starts_with("2026-01-26T12:00"), "{told}");
    }
    let mut news = stage.news().await;
    news.sort();
    assert_eq!(
        news,
        pairs(&[("73003", "disable success"), ("73012", "update success")])
    );
    stage.nobody_is_blamed().await;

    let world = &stage.world;
    world.post("pause", None).await;
    stage.tenant.faults(json!([]));
    let asked = stage.tenant.requests().await.len();
    world.time.set("2026-01-29T12:30:00Z");
    world.work().await;
    let mut news = stage.news().await;
    news.sort();
    assert_eq!(
        news,
        pairs(&[("73004", "update success"), ("73014", "create success")])
    );
    assert_eq!(stage.title("73004"), "Warden");
    assert!(stage.is_enabled("73014"));
    // It went on from where it had come to, and did not ask for everybody.
    let requests = stage.tenant.requests().await[asked..].join("\n");
    assert!(requests.contains("2026-01-26T11:5"), "{requests:.2000}");
    stage.nobody_is_blamed().await;
}
