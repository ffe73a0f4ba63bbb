//! How soon the gateway is there, what it takes to do nothing, and how soon one change is in the directory.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bare::Directory;
use crate::company;
use crate::gateway::{Setup, bulk};
use crate::report::{Report, Target};
use crate::running::Running;
use crate::support::openldap;

const PEOPLE: usize = 500;
/// A cycle that has ended is waited for before each of these.
const AT_REST: usize = 3;
const IN_A_CYCLE: usize = 21;

pub async fn measure(report: &mut Report) {
    let starts = (0..5).map(|_| time_to_ready(&Setup::nowhere()));
    report.figure(
        "start to ready",
        "ms",
        Target::AtMost(300.0),
        median(starts.collect()),
    );

    let directory = openldap::directory();
    let client = Directory::openldap(&directory);
    let setup = Setup::with_target(&client.config(&directory.ca_file)).app("start = true");
    let running = Running::start(&setup).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.figure(
        "resident when idle",
        "MiB",
        Target::AtMost(50.0),
        running.resident(),
    );

    running.upload(&company::uploads(0..PEOPLE), 1).await;
    running.until_idle().await;
    let mut samples = Vec::new();
    for title in 0..IN_A_CYCLE {
        samples.push(one_change(&running, &client, &format!("Engineer {title}")).await);
    }
    report.figure(
        "one change, upload to directory, in a cycle",
        "ms",
        Target::AtMost(100.0),
        median(samples),
    );
    let mut samples = Vec::new();
    for title in 0..AT_REST {
        running.until_rest().await;
        samples.push(one_change(&running, &client, &format!("Countess {title}")).await);
    }
    report.figure(
        "one change, upload to directory, at rest",
        "ms",
        Target::AtMost(100.0),
        median(samples),
    );
}

/// Says one thing of one person, and waits until the directory says it too.
async fn one_change(running: &Running, directory: &Directory, title: &str) -> Duration {
    let person = company::employee(7);
    let account = format!(
        "CN={},OU=Staff,DC=example,DC=test",
        person["displayName"].as_str().unwrap()
    );
    let said = [bulk(&[json!({ "externalId": person["externalId"], "title": title })]).to_string()];
    let began = Instant::now();
    tokio::join!(
        running.upload(&said, 1),
        directory.until(&account, "title", title)
    );
    began.elapsed()
}

/// From the start of the process to its first `200` from `/health/ready`.
fn time_to_ready(setup: &Setup) -> Duration {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = setup.dir.path().join("muster.toml");
    std::fs::write(&config, setup.text(&address.to_string())).unwrap();
    let began = Instant::now();
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["serve", "--config"])
        .arg(&config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !is_ready(address) {
        std::thread::yield_now();
    }
    let took = began.elapsed();
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    took
}

fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut connection) = TcpStream::connect(address) else {
        return false;
    };
    let mut answer = [0; 12];
    connection
        .write_all(b"GET /health/ready HTTP/1.0\r\n\r\n")
        .unwrap();
    connection.read_exact(&mut answer).is_ok() && answer.ends_with(b"200")
}

/// The middle one, in milliseconds.
fn median(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples[samples.len() / 2].as_secs_f64() * 1000.0
}
