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
    assert_eq!(first.len(), 60 + 2 * 15);
    for (source, target) in [
        ("uploads", "directory"),
        ("uploads", "Entra ID"),
        ("Workday", "directory"),
        ("Workday", "Entra ID"),
    ] {
        let mut of = first
            .iter()
            .filter(|one| one["source"] == source && one["target"] == target)
            .peekable();
        assert!(of.peek().is_some(), "{source} to {target}");
        assert!(of.all(|one| one["action"] == "create"), "{told:#}");
    }
    let from_workday = first.iter().filter(|one| one["source"] == "Workday");
    let disabled = from_workday.filter(|one| one["why"].as_str().unwrap().starts_with("disabled"));
    assert_eq!(
        disabled.count(),
        2 * 3,
        "two who begin later and one who has left"
    );
    assert!(first.iter().all(|one| one["status"] == "success"), "{told:#}");
    the_night(&told);
    the_way_home(&told);
    let second = told["day2"].as_array().unwrap();
    for (event, action) in [
        ("joined", "create"),
        ("moved", "update"),
        ("renamed", "update"),
        ("left", "disable"),
        ("returned", "update"),
        ("hired", "create"),
        ("promoted", "update"),
    ] {
        let mut of = second.iter().filter(|one| one["event"] == event).peekable();
        assert!(of.peek().is_some(), "{event}");
        assert!(
            of.all(|one| one["action"] == action && one["status"] == "success"),
            "{told:#}"
        );
    }
}

/// What the cloud knows of whom Workday hired is in Workday, and another cycle changes nothing.
fn the_way_home(told: &Json) {
    let home = &told["home"];
    let events: Vec<_> = home["happened"].as_array().unwrap().iter().collect();
    assert_eq!(events.len(), 2, "{home:#}");
    for (one, event) in events.iter().zip(["account made", "mailbox, numbers"]) {
        assert_eq!(
            (&one["event"], &one["status"]),
            (&event.into(), &"success".into()),
            "{home:#}"
        );
        assert_eq!(
            (&one["source"], &one["target"]),
            (&"Entra ID".into(), &"Workday".into())
        );
    }
    let record = &home["record"];
    let name = record["UserID"].as_str().unwrap();
    assert!(name.ends_with("@cloud.example.test"), "{home:#}");
    assert_eq!(record["EmailAddress"], name);
    assert_eq!(record["PrimaryWorkTelephone"], "+61 255500143");
    assert_eq!(record["Mobile"], "+61 491570156");
    assert_eq!(home["changedAgain"], 0);
}

/// By the clock alone: Workday was not asked after midnight.
fn the_night(told: &Json) {
    let night = told["night"].as_array().unwrap();
    let events: Vec<_> = night
        .iter()
        .map(|one| (&one["event"], &one["action"], &one["status"]))
        .collect();
    // In the directory and in the cloud.
    let [over, begins] = [("last day over", "disable"), ("first day", "update")];
    let wanted = [over, over, begins, begins];
    let wanted = wanted.map(|(event, action)| [event, action, "success"].map(Json::from));
    let wanted: Vec<_> = wanted
        .iter()
        .map(|[event, action, status]| (event, action, status))
        .collect();
    assert_eq!(events, wanted, "{told:#}");
    for one in night {
        let time = |name: &str| -> jiff::Zoned {
            let at: jiff::Timestamp = one[name].as_str().unwrap().parse().unwrap();
            at.in_tz("Australia/Sydney").unwrap()
        };
        let (at, data_of) = (time("at"), time("dataOf"));
        assert_eq!((at.hour(), at.minute()), (0, 0), "{one}");
        assert_eq!((data_of.hour(), data_of.minute()), (23, 59), "{one}");
        assert!(
            at.duration_since(&data_of) < jiff::SignedDuration::from_mins(2),
            "{one}"
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
    assert_eq!(commands.len(), 9, "{commands:#?}");
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
    assert!(parts[7].contains("\"event\""), "Workday: {}", parts[7]);
    assert!(parts[8].contains("204 No Content"), "the start: {}", parts[8]);
    let filter = commands[1].rsplit_once("sourceIdentity").unwrap().0;
    let news = format!(
        "{}\nfor try in {{1..50}}; do {filter}jobid eq 'Workday2AD.demo'\" | grep -o 'Head of Track' && exit; sleep 0.2; done",
        commands[0]
    );
    let news = Command::new("bash").args(["-c", &news]).output().unwrap();
    assert!(!news.stdout.is_empty(), "the title did not come");
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
