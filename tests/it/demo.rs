//! The first command of the README: it runs, and what it tells people to try next works.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.arg("demo").args(arguments).env_remove("MUSTER_LOG");
    command
}

#[test]
fn everybody_gets_what_hr_says() {
    let output = demo(&["--workers", "60", "--exit", "--json"]).output().unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
    let told: Json = serde_json::from_slice(&output.stdout).unwrap();
    let first = told["day1"].as_array().unwrap();
    assert_eq!(first.len(), 60);
    for target in ["directory", "Entra ID"] {
        assert!(
            first
                .iter()
                .any(|one| one["target"] == target && one["action"] == "create")
        );
    }
    assert!(first.iter().all(|one| one["status"] == "success"), "{told:#}");
    let second = told["day2"].as_array().unwrap();
    for (event, action) in [
        ("joined", "create"),
        ("moved", "update"),
        ("renamed", "update"),
        ("left", "disable"),
        ("returned", "update"),
    ] {
        let mut of = second.iter().filter(|one| one["event"] == event).peekable();
        assert!(of.peek().is_some(), "{event}");
        assert!(
            of.all(|one| one["action"] == action && one["status"] == "success"),
            "{told:#}"
        );
    }
}

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_it_says_to_try_next_works() {
    let child = demo(&["--workers", "30"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let output = BufReader::new(running.0.stdout.take().unwrap());
    let lines = output.lines().map(Result::unwrap);
    let commands: Vec<String> = lines
        .skip_while(|line| !line.starts_with("Try next"))
        .skip(1)
        .take_while(|line| !line.starts_with("Jobs"))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert_eq!(commands.len(), 6, "{commands:#?}");
    let script = commands.join("\necho ----\n");
    let shell = Command::new("bash").args(["-e", "-c", &script]).output().unwrap();
    let told = String::from_utf8_lossy(&shell.stdout).to_string();
    let parts: Vec<&str> = told.split("----\n").collect();
    assert!(shell.status.success(), "{script}\n{told}");
    assert!(
        parts[1].contains("\"provisioningAction\""),
        "the log: {}",
        parts[1]
    );
    assert!(parts[2].contains("202 Accepted"), "the upload: {}", parts[2]);
    assert!(parts[4].contains("userPrincipalName"), "the cloud: {}", parts[4]);
    assert!(parts[5].contains("sAMAccountName"), "the directory: {}", parts[5]);
}
