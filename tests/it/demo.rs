//! The first command of the README: it runs, and what it tells people to try next works.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.arg("demo").args(arguments);
    command.env_remove("MUSTER_LOG").env_remove("HR_SECRET");
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
pub struct Running(Child);

impl Running {
    pub fn start(mut command: Command) -> Running {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }

    pub fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let output = BufReader::new(self.0.stdout.take().unwrap());
        output.lines().map(Result::unwrap)
    }

    /// As whoever has seen enough does.
    pub fn end(&mut self) {
        let id = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_it_says_to_try_next_works() {
    let mut running = Running::start(demo(&["--workers", "30"]));
    let commands: Vec<String> = running
        .lines()
        .skip_while(|line| !line.starts_with("Try next"))
        .skip(1)
        .take_while(|line| !line.starts_with("Jobs"))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert_eq!(commands.len(), 7, "{commands:#?}");
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
    assert!(
        parts[3].contains("5 people in 5 rows: 5 success"),
        "the file: {}",
        parts[3]
    );
    assert!(parts[5].contains("userPrincipalName"), "the cloud: {}", parts[5]);
    assert!(parts[6].contains("sAMAccountName"), "the directory: {}", parts[6]);
    let words = commands[3].split(' ');
    let file = words.skip_while(|word| *word != "bulk").nth(1).unwrap();
    let folder = Path::new(file).parent().unwrap();
    assert!(folder.exists());
    running.end();
    assert!(!folder.exists(), "nothing is left");
}

#[test]
fn whoever_reads_only_the_beginning_breaks_nothing() {
    let mut child = demo(&["--workers", "20", "--exit"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("panic"), "{told}");
}

#[test]
fn simulators_stay_on_this_machine() {
    for arguments in [["lab", "directory"], ["lab", "entra"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(arguments)
            .args(["--listen", "0.0.0.0:0"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("simulators are on loopback only"), "{told}");
    }
}
