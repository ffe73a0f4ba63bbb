//! What a tenant of Entra ID holds of a large company goes home to Workday; both are simulated.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use muster::engine::Clock;
use serde_json::json;

use crate::gateway::Setup;
use crate::report::{Report, Target};
use crate::running::Running;
use crate::simulator::{Simulator, processor_time};

const WORKERS: usize = 10_000;

/// Calls of the operator's at the same time.
const CALLS: usize = 16;

pub async fn measure(report: &mut Report) {
    home(report).await;
    interrupted(report).await;
}

/// An e-mail address, a number and a user name for each.
async fn home(report: &Report) {
    let company = Company::found().await;
    let setup = company.setup();
    let began = Instant::now();
    let running = Running::start(&setup).await;
    let cycle = running.ended_cycle().await;
    let took = began.elapsed().as_secs_f64();
    assert_eq!((cycle.failed.as_deref(), cycle.refused), (None, 0), "{cycle:?}");
    assert_eq!(cycle.exported, WORKERS as u64, "{cycle:?}");
    let of = |what: &str| format!("{what}, {WORKERS} workers");
    report.figure(
        &of("writebacks of address, number and name"),
        "1/s",
        Target::None,
        WORKERS as f64 / took,
    );
    report.figure(
        &of("peak resident in it"),
        "MiB",
        Target::AtMost(300.0),
        running.peak(),
    );
    for (what, process) in [
        ("processor time of the gateway", running.id()),
        ("of the simulated Workday", company.workday.process.id()),
        ("of the simulated Entra ID", company.cloud.process.id()),
    ] {
        report.figure(&of(what), "s", Target::None, processor_time(process));
    }
    assert_eq!(company.writes().await, [WORKERS as u64; 2]);
}

/// The gateway is killed in the middle, and started again.
async fn interrupted(report: &Report) {
    let company = Company::found().await;
    let setup = company.setup();
    let mut running = Running::start(&setup).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while company.writes().await[0] < WORKERS as u64 / 3 {
        ticks.tick().await;
    }
    running.restart(&setup).await;
    while company.writes().await[1] < WORKERS as u64 {
        ticks.tick().await;
    }
    running.until_idle().await;
    let [contacts, names] = company.writes().await;
    let more = contacts + names - 2 * WORKERS as u64;
    report.figure(
        "writes sent twice around a kill -9 in the middle",
        "",
        Target::AtMost(0.0),
        more as f64,
    );
}

struct Company {
    workday: Simulator,
    cloud: Simulator,
    http: reqwest::Client,
}

impl Company {
    /// Everybody was hired today, is known to both, and has in Entra ID what Workday does not know.
    async fn found() -> Company {
        let company = Company {
            workday: Simulator::start(&["workday", "--news", "0", "--workers", "0"]),
            cloud: Simulator::start(&["entra"]),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        company
            .cloud
            .post(
                &company.http,
                "settings",
                &json!({"throttle": "off", "search_delay_ms": 0}),
            )
            .await;
        // Workday is recorded to give back ten calls a second, which would be all that is measured.
        let unhurried = json!({"rateRefill": 1_000_000});
        company.workday.post(&company.http, "settings", &unhurried).await;
        stream::iter(0..WORKERS)
            .for_each_concurrent(CALLS, async |number| company.hire(number).await)
            .await;
        company
    }

    async fn hire(&self, number: usize) {
        let (id, name) = (
            format!("{}", 100_000 + number),
            format!("worker.{number}@example.test"),
        );
        self.workday
            .post(&self.http, "workers", &json!({"id": id, "userName": id}))
            .await;
        let set = json!({
            "employeeId": id, "displayName": name, "userPrincipalName": name, "mail": name, "mailNickname": id,
            "accountEnabled": true, "userType": "Member", "usageLocation": "US",
            "businessPhones": [format!("+1 206555{number:04}")],
        });
        self.cloud.post(&self.http, "users", &json!({"set": set})).await;
    }

    fn setup(&self) -> Setup {
        let Company { workday, cloud, .. } = self;
        let source = format!(
            "kind = \"entra\"\nurl = {}\ntoken_url = {}\nclient_id = {}\nclient_secret = {}\ndomain = {}",
            cloud.said["url"],
            cloud.said["token_url"],
            cloud.said["client_id"],
            cloud.said["client_secret"],
            cloud.said["domain"],
        );
        let target = format!(
            "kind = \"workday\"\nurl = \"{}/Human_Resources/v40.0\"\nusername = {}\npassword = {}",
            workday.text("url"),
            workday.said["user"],
            workday.said["password"],
        );
        Setup::with_cloud(&target)
            .pulls(&source, "WorkdayWriteback", Clock::system())
            .app("start = true\ninterval = \"1h\"\nuser_names = { overwrite = true }")
            .app("guard = { renames = 1000000, overwrites = 1000000 }")
    }

    /// Changes of contacts and of user names that Workday has carried out.
    async fn writes(&self) -> [u64; 2] {
        let state = self.workday.get(&self.http, "state").await;
        ["Change_Work_Contact_Information", "Update_Workday_Account"]
            .map(|operation| state["answers"][operation]["200"].as_u64().unwrap_or_default())
    }
}
