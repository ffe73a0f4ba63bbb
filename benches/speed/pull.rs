//! A large company in the simulated Workday, pulled into the simulated directory.

use std::fs;
use std::time::{Duration, Instant};

use muster::engine::Clock;
use serde_json::json;

use crate::gateway::Setup;
use crate::report::{Report, Target};
use crate::running::Running;
use crate::simulator::{Simulator, processor_time};

const SMALL: usize = 10_000;
const LARGE: usize = 100_000;
const CHANGES: usize = 100;

pub async fn measure(report: &mut Report) {
    let small = company(report, SMALL).await;
    let large = company(report, LARGE).await;
    report.figure(
        "peak resident pulling 100,000 ÷ 10,000",
        "ratio",
        Target::AtMost(1.2),
        large / small,
    );
}

/// Pulls everybody, then what is new of some; gives the most memory that took.
async fn company(report: &Report, workers: usize) -> f64 {
    let directory = Simulator::start(&["directory"]);
    let workday = Simulator::start(&["workday", "--news", "0", "--workers", &workers.to_string()]);
    let target = format!(
        "kind = \"active-directory\"\nurls = [{}]\nbase_dn = {}\nbind_dn = {}\npassword = {}\nca_file = {}",
        directory.said["url"],
        directory.said["base_dn"],
        directory.said["user"],
        directory.said["password"],
        directory.said["ca_file"],
    );
    let source = format!(
        "kind = \"workday\"\nurl = \"{}/Human_Resources/v40.0\"\nusername = {}\npassword = {}\npage_size = 500",
        workday.text("url"),
        workday.said["user"],
        workday.said["password"],
    );
    let setup = Setup::with_target(&target)
        .pulls(&source, "Workday2AD", Clock::system())
        .app("start = true\ninterval = \"1h\"\nschema = \"schema.json\"");
    fs::write(setup.dir.path().join("schema.json"), schema()).unwrap();
    let began = Instant::now();
    let running = Running::start(&setup).await;
    let first = running.ended_cycle().await;
    let took = began.elapsed().as_secs_f64();
    assert_eq!((first.failed.as_deref(), first.refused), (None, 0), "{first:?}");
    let of = |what: &str| format!("{what}, {workers} workers");
    report.figure(&of("full pull into an empty directory"), "s", Target::None, took);
    let peak = running.peak();
    report.figure(&of("peak resident in it"), "MiB", Target::AtMost(300.0), peak);
    for (what, process) in [
        ("processor time of the gateway", running.id()),
        ("of the simulated Workday", workday.process.id()),
        ("of the simulated directory", directory.process.id()),
    ] {
        report.figure(&of(what), "s", Target::None, processor_time(process));
    }
    change_titles(&workday, CHANGES).await;
    // A read is as of a whole second of Workday's: what was entered within it comes with the next.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let began = Instant::now();
    running.start_job().await;
    let cycle = running.ended_cycle().await;
    let took = began.elapsed().as_secs_f64();
    assert_eq!(cycle.exported, CHANGES as u64, "{cycle:?}");
    let figure = format!("a pull of {CHANGES} changes among {workers}");
    report.figure(&figure, "s", Target::AtMost(2.0), took);
    peak
}

/// The template's, with names that everybody can have.
fn schema() -> String {
    let template = muster::domain::schema::template("Workday2AD").unwrap();
    let mut schema = template.document().unwrap().json().clone();
    let object = &mut schema["synchronizationRules"][0]["objectMappings"][0];
    for mapping in object["attributeMappings"].as_array_mut().unwrap() {
        let expression = match mapping["targetAttributeName"].as_str().unwrap() {
            "cn" | "sAMAccountName" => "[WorkerID]",
            "userPrincipalName" => "Join(\"@\", [WorkerID], DefaultDomain())",
            _ => continue,
        };
        mapping["source"] = json!({ "expression": expression });
    }
    schema.to_string()
}

/// HR gives so many active workers other titles.
async fn change_titles(workday: &Simulator, count: usize) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let all = workday.get(&http, "workers").await;
    let mut changed = 0;
    for worker in all["workers"].as_array().unwrap() {
        let wid = worker["wid"].as_str().unwrap();
        let state = workday.get(&http, &format!("state?worker={wid}")).await;
        if state["effective"]["active"] != true {
            continue;
        }
        let event = json!({"worker": wid, "type": "change-title", "set": {"businessTitle": format!("Guide {changed}")}});
        workday.post(&http, "events", &event).await;
        changed += 1;
        if changed == count {
            return;
        }
    }
    panic!("only {changed} work there");
}
