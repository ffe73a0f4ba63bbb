//! How far a cycle has come: in the job's status, for every replica to see, and on the terminal.

use std::process::{Command, Stdio};
use std::time::Duration;

use muster::store::jobs;
use muster::store::{Location, Store};
use serde_json::{Value as Json, json};

use crate::gateway::{Caller, JOB, Setup, eventually, person};
use crate::guard::target;
use crate::pull::Company;
use crate::support::openldap;
use crate::support::workday::Tenant;

fn of(job: &Json, units: &str) -> Option<Json> {
    let progress = job["status"]["progress"].as_array().unwrap();
    progress.iter().find(|one| one["units"] == units).cloned()
}

/// Until a cycle tells of these units that some are done; answers what it tells.
async fn told(caller: &Caller, units: &str) -> Json {
    let mut found = Json::Null;
    eventually(&format!("progress of {units}"), async || {
        found = of(&caller.job().await, units).unwrap_or_default();
        found["completedUnits"].as_u64().is_some_and(|done| done > 0)
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_uploads_tells_how_far_it_has_come() {
    let directory = openldap::directory();
    let setup = Setup::with_target(&target(&directory)).app("start = true");
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (path, said) = (
        setup.dir.path().join("muster.toml"),
        setup.dir.path().join("said"),
    );
    std::fs::write(&path, setup.text(&free.to_string())).unwrap();
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["serve", "--config"])
        .arg(&path)
        .stderr(Stdio::from(std::fs::File::create(&said).unwrap()))
        .spawn()
        .unwrap();
    let caller = Caller::new(&format!("http://{free}"), None);
    caller.until_ready().await;
    let pause = format!("{}/pause", caller.job_path());
    let start = format!("{}/start", caller.job_path());
    assert_eq!(caller.send("POST", &pause, None).await.0, 204);
    let everybody: Vec<Json> = (0..4_000)
        .map(|id| person(&id.to_string(), &format!("Person Number{id}")))
        .collect();
    for page in everybody.chunks(50) {
        caller.upload(page).await;
    }
    let waiting = of(&caller.job().await, "operations").unwrap();
    assert_eq!(
        (
            &waiting["completedUnits"],
            &waiting["totalUnits"],
            &waiting["unitsPerSecond"]
        ),
        (&json!(0), &json!(4_000), &Json::Null)
    );
    assert_eq!(caller.send("POST", &start, None).await.0, 204);
    let seen = told(&caller, "operations").await;
    let number = |name: &str| seen[name].as_f64().unwrap();
    assert!((4_000.0..=4_500.0).contains(&number("totalUnits")), "{seen}");
    assert!(number("unitsPerSecond") > 0.0, "{seen}");
    assert!(seen["timeLeft"].as_str().unwrap().starts_with("PT"), "{seen}");
    assert!(
        seen["progressObservationDateTime"]
            .as_str()
            .unwrap()
            .ends_with('Z'),
        "{seen}"
    );
    caller.settled().await;
    let lines = || {
        let text = std::fs::read_to_string(&said).unwrap();
        text.lines()
            .filter(|line| line.contains("under way"))
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    let busy = lines();
    assert!(!busy.is_empty() && busy[0].contains("operations: "), "{busy:?}");
    assert!(busy.len() <= 13, "at most every ten seconds: {busy:?}");
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(lines(), busy, "nothing is said while nothing is done");
    let _ = gateway.kill();
    let _ = gateway.wait();
}

#[tokio::test]
async fn reading_hr_and_a_full_cycle_tell_how_far_they_have_come() {
    let company = Company::of(Tenant::new(120), "page_size = 10", "").await;
    let caller = &company.gateway.caller;
    company
        .workday
        .faults(json!([{"on": "Get_Workers", "do": {"slow": {"milliseconds": 500}}}]));
    let restart = json!({"criteria": {"resetScope": "Watermark"}});
    let (status, _) = caller
        .send("POST", &format!("{}/restart", caller.job_path()), Some(restart))
        .await;
    assert_eq!(status, 204);
    let seen = told(caller, "records").await;
    let known = seen["totalUnits"].as_u64().unwrap();
    assert!(
        (120..200).contains(&known),
        "as many as the last read showed: {seen}"
    );
    assert!(seen["completedUnits"].as_u64().unwrap() <= known, "{seen}");
    // It is in the database, for whoever else looks.
    let url = format!(
        "sqlite:{}",
        company.gateway.setup.dir.path().join("muster.db").display()
    );
    let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
    let progress = async || {
        let job = store.read(|conn| jobs::find(conn, JOB)).await.unwrap();
        job.unwrap().status.progress
    };
    assert!(!progress().await.is_empty());
    company.workday.faults(json!([]));
    eventually("the cycle is over, and tells of nothing", async || {
        progress().await.is_empty() && of(&caller.job().await, "records").is_none()
    })
    .await;
}
