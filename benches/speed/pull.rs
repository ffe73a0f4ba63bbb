//! A large company in the simulated Workday, pulled into the simulated directory: each in a process of its own, so that the
//! kernel says what each needs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster::engine::Clock;
use serde_json::{Value as Json, json};

use crate::gateway::Setup;
use crate::report::{Report, Target};
use crate::running::Running;

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
    workday.change_titles(CHANGES).await;
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

/// A simulator in a process of its own; killed when dropped.
struct Simulator {
    process: Child,
    /// What it said of itself.
    said: Json,
}

impl Simulator {
    fn start(arguments: &[&str]) -> Simulator {
        let mut process = Command::new(env!("CARGO_BIN_EXE_muster"))
            .arg("lab")
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Simulator {
            process,
            said: serde_json::from_str(&line).unwrap(),
        }
    }

    fn text(&self, name: &str) -> &str {
        self.said[name].as_str().unwrap()
    }

    /// HR gives so many active workers other titles.
    async fn change_titles(&self, count: usize) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let admin = self.text("admin");
        let asked = http.get(format!("{admin}/lab/workers")).send().await.unwrap();
        let all: Json = asked.json().await.unwrap();
        let mut changed = 0;
        for worker in all["workers"].as_array().unwrap() {
            let state = http
                .get(format!("{admin}/lab/state"))
                .query(&[("worker", worker["wid"].as_str().unwrap())]);
            let state: Json = state.send().await.unwrap().json().await.unwrap();
            if state["effective"]["active"] != true {
                continue;
            }
            let event = json!({"worker": worker["wid"], "type": "change-title", "set": {"businessTitle": format!("Guide {changed}")}});
            let answer = http
                .post(format!("{admin}/lab/events"))
                .json(&event)
                .send()
                .await
                .unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
            changed += 1;
            if changed == count {
                return;
            }
        }
        panic!("only {changed} work there");
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Seconds that a process has had a processor, by the kernel's clock ticks.
fn processor_time(process: u32) -> f64 {
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse().unwrap())
        .collect();
    Duration::from_secs_f64(ticks.iter().sum::<f64>() / TICKS).as_secs_f64()
}
