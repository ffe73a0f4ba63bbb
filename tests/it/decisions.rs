//! What people decide: allowances beyond limits (B17), holds over HR's head (B12), and what they are told (B21).

mod holds;
mod told;

use std::process::{Command, Output};

use jiff::SignedDuration;
use muster::engine::Clock;
use muster::lab::faults::{Action, Fault};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::gateway::{Gateway, Setup, eventually, outcome, person};
use crate::pull::ldap;
use crate::shell;
use crate::support::lab::{self, Lab};

/// A job beside a directory, with people in both.
struct Office {
    directory: Lab,
    gateway: Gateway,
}

impl Office {
    async fn of(people: &[Json], app: &str, tables: &str) -> Office {
        Office::at(lab::directory(), people, app, tables).await
    }

    async fn at(directory: Lab, people: &[Json], app: &str, tables: &str) -> Office {
        let setup = Setup::with_target(&ldap(&directory)).app("start = true").app(app);
        let gateway = setup.clients(tables).start().await;
        let office = Office { directory, gateway };
        if !people.is_empty() {
            office.says(people).await;
        }
        office
    }

    async fn says(&self, people: &[Json]) {
        self.gateway.caller.upload(people).await;
        self.gateway.caller.settled().await;
    }

    async fn leave(&self, ids: std::ops::Range<usize>) {
        let leavers: Vec<Json> = ids
            .map(|id| json!({ "externalId": id.to_string(), "active": false }))
            .collect();
        self.says(&leavers).await;
    }

    async fn send(&self, method: &str, what: &str, body: Option<Json>) -> (StatusCode, Json) {
        let path = format!("{}/{what}", self.gateway.caller.job_path());
        self.gateway.caller.send(method, &path, body).await
    }

    async fn report(&self) -> Json {
        self.send("GET", "report", None).await.1
    }

    /// While the job's own cycles wait.
    async fn by_hand(&self, what: &str, body: Json) -> Json {
        self.send("POST", "pause", None).await;
        let (status, answer) = self.send("POST", what, Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        self.send("POST", "start", None).await;
        answer
    }

    async fn on_demand(&self, worker: &str) {
        let subject = json!({ "objectId": worker, "objectTypeName": "User" });
        let asked = json!({ "parameters": [{ "subjects": [subject] }] });
        self.by_hand("provisionOnDemand", asked).await;
    }

    /// What the log tells of decisions, newest first.
    async fn decided(&self) -> Vec<(String, String, String)> {
        let report = self.report().await;
        let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
        let decisions = report["decisions"].as_array().unwrap().iter();
        decisions
            .map(|one| (text(&one["what"]), text(&one["about"]), text(&one["by"])))
            .collect()
    }

    fn entries(&self, filter: &str, attributes: &[&str]) -> Vec<crate::support::ldap::Entry> {
        self.directory.admin().search(filter, attributes).unwrap()
    }

    fn value(&self, worker: &str, attribute: &str) -> Option<String> {
        let found = self.entries(&format!("(employeeID={worker})"), &[attribute]);
        assert_eq!(found.len(), 1, "{worker}");
        found[0].value(attribute).map(String::from)
    }

    fn is_enabled(&self, worker: &str) -> bool {
        let state = self.value(worker, "userAccountControl").unwrap();
        state.parse::<u32>().unwrap() & 2 == 0
    }

    fn disabled(&self) -> usize {
        let filter = "(&(employeeID=*)(userAccountControl:1.2.840.113556.1.4.803:=2))";
        self.entries(filter, &["cn"]).len()
    }

    async fn are_disabled(&self, count: usize) {
        eventually(&format!("{count} are disabled"), async || {
            self.disabled() == count
        })
        .await;
        self.gateway.caller.settled().await;
        assert_eq!(self.disabled(), count);
    }

    async fn allow(&self, actions: Json) -> Json {
        let body = json!({ "actions": actions, "until": in_days(3), "reason": "a merger" });
        let (status, given) = self.send("POST", "allowances", Some(body)).await;
        assert_eq!(status, 201, "{given}");
        given["value"].clone()
    }

    async fn allowances(&self) -> Json {
        self.send("GET", "allowances", None).await.1["value"].clone()
    }

    fn muster(&self, arguments: &[&str]) -> Output {
        shell::muster(&self.gateway.setup, arguments)
    }

    /// What it printed; it has to end well.
    fn says_of(&self, arguments: &[&str]) -> String {
        let output = self.muster(arguments);
        let told = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}{told}");
        told
    }
}

fn people(ids: std::ops::Range<usize>) -> Vec<Json> {
    ids.map(|id| person(&id.to_string(), &format!("Person Number{id}")))
        .collect()
}

/// A day so far ahead (UTC).
fn in_days(days: i64) -> String {
    let day = Clock::system().now() + SignedDuration::from_hours(24 * days);
    jiff::tz::TimeZone::UTC.to_datetime(day).date().to_string()
}

const APP: &str = "HR to Active Directory";

#[tokio::test(flavor = "multi_thread")]
async fn b17_what_is_allowed_goes_at_once_and_is_counted_exactly() {
    let office = Office::of(&people(0..14), "[app.guard]\ndisables = 3", "").await;
    office.leave(0..5).await;
    office.are_disabled(3).await;
    // Beside the gateway, by whoever is at the terminal.
    let until = in_days(2);
    let given = [
        "allow",
        APP,
        "--delete",
        "4",
        "--until",
        &until,
        "--reason",
        "closing Rome",
        "--json",
    ];
    let given: Json = serde_json::from_str(&office.says_of(&given)).unwrap();
    assert_eq!(
        (&given[0]["action"], &given[0]["most"]),
        (&json!("disable"), &json!(4))
    );
    office.are_disabled(5).await;
    eventually("the use is counted", async || {
        office.allowances().await[0]["used"] == 2
    })
    .await;
    let listed = office.says_of(&["allow", APP, "--list"]);
    for expected in [
        "disable",
        "closing Rome",
        given[0]["until"].as_str().unwrap(),
        given[0]["by"].as_str().unwrap(),
    ] {
        assert!(listed.contains(expected), "{expected}: {listed}");
    }
    assert_eq!(
        office.gateway.caller.job().await["status"]["quarantine"],
        Json::Null
    );
    // Two are left of it; after that the limit, which three have used up, holds again.
    office.leave(5..8).await;
    office.are_disabled(7).await;
    let job = office.gateway.caller.job().await;
    assert_eq!(job["status"]["quarantine"]["reason"], "TooManyDeletes", "{job}");
    assert_eq!(office.allowances().await, json!([]), "it is used up");
    let told = office.says_of(&["allow", APP, "--list"]);
    assert!(told.contains("Nothing is allowed"), "{told}");

    // What would never be used is said.
    for (action, told) in [
        ("overwrite:userPrincipalName", "is counted as rename"),
        ("overwrite:accountDisabled", "is counted as disable or enable"),
        ("clear:shoeSize", "the job writes no attribute 'shoeSize'"),
    ] {
        let body = json!({ "actions": { action: 5 }, "until": in_days(3), "reason": "a merger" });
        let (status, answer) = office.send("POST", "allowances", Some(body)).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer.to_string().contains(told), "{answer}");
    }

    // Over the API, several at once.
    let given = office
        .allow(json!({ "disable": 1, "overwrite:Title": 5, "clear:title": 2 }))
        .await;
    assert_eq!(given.as_array().unwrap().len(), 3, "{given}");
    office.are_disabled(8).await;
    let left = office.allowances().await;
    let of_title = left
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["action"] == "overwrite:title");
    let of_title = of_title.unwrap();
    assert_eq!(
        (&of_title["used"], &of_title["by"]),
        (&json!(0), &json!("hr-script"))
    );
    let id = of_title["id"].as_str().unwrap();
    let path = format!("allowances/{id}");
    assert_eq!(office.send("DELETE", &path, None).await.0, 204);
    assert_eq!(office.send("DELETE", &path, None).await.0, 404, "it is over");
    let ended = office.muster(&["allow", APP, "--end", id]);
    assert_eq!(ended.status.code(), Some(1));
    let error = String::from_utf8_lossy(&ended.stderr).to_string();
    assert!(error.contains("there is no allowance"), "{error}");

    // One person on demand, while others are held.
    office.leave(8..10).await;
    office.on_demand("9").await;
    assert!(!office.is_enabled("9") && office.is_enabled("8"));
    // Each cycle plans anew what is held, and what HR takes back is gone.
    office.says(&[json!({ "externalId": "8", "active": true })]).await;
    assert_eq!(
        office.gateway.caller.job().await["status"]["quarantine"],
        Json::Null
    );
    // What passed under allowances and on demand does not count: the limit alone is used up.
    office.leave(10..11).await;
    assert_eq!(
        office.gateway.caller.outcome("10").await,
        outcome("stagedDelete", "skipped", "TooManyDeletes")
    );
    let force = json!({ "criteria": { "resetScope": "ForceDeletes" } });
    office.send("POST", "restart", Some(force)).await;
    office.are_disabled(10).await;

    eventually("what was decided is told", async || {
        office.decided().await.len() == 9
    })
    .await;
    let decided = office.decided().await;
    let user = given_by(&listed);
    let whats: Vec<&str> = decided.iter().map(|(what, ..)| what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "released",
            "released",
            "allowanceEnded",
            "allowanceEnded",
            "allowed",
            "allowed",
            "allowed",
            "allowanceEnded",
            "allowed"
        ],
        "{decided:?}"
    );
    assert_eq!(decided[0].1, "1 × disable and delete (ForceDeletes)");
    assert_eq!(decided[1].1, "what limits held of worker 9");
    assert_eq!(
        decided[7],
        (
            "allowanceEnded".into(),
            "4 of 4 × disable used".into(),
            "muster".into()
        )
    );
    assert_eq!(decided[8].2, user);
    let text = office.says_of(&["report"]);
    for expected in [
        "decided",
        "closing Rome",
        "released 1 × disable and delete (ForceDeletes) by hr-script",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// The user of the first line below the heading.
fn given_by(listed: &str) -> String {
    let asked = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(asked.stdout).unwrap().trim().to_string();
    assert!(listed.contains(&user), "{user}: {listed}");
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn b17_what_was_done_under_an_allowance_leaves_the_limit_as_it_was() {
    let office = Office::of(&people(0..12), "[app.guard]\ndisables = 3", "").await;
    office.allow(json!({ "disable": 5 })).await;
    office.leave(0..5).await;
    office.are_disabled(5).await;
    office.leave(5..9).await;
    office.are_disabled(8).await;
    assert_eq!(office.report().await["held"][0]["count"], 1);
}

/// B26: what was sent under an allowance and never answered for is counted against it, once.
#[tokio::test(flavor = "multi_thread")]
async fn b17_an_answer_that_is_lost_is_counted_once() {
    let office = Office::of(&people(0..4), "[app.guard]\ndisables = 0", "").await;
    office.allow(json!({ "disable": 2 })).await;
    office.directory.directory.controls.faults.replace(vec![Fault {
        on: "modify".into(),
        about: None,
        skip: 0,
        times: Some(1),
        action: Action::CutAfter,
    }]);
    office.leave(0..1).await;
    office.are_disabled(1).await;
    eventually("the use is counted", async || {
        office.allowances().await[0]["used"] == 1
    })
    .await;
    office.leave(1..4).await;
    office.are_disabled(2).await;
    assert_eq!(office.report().await["held"][0]["count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn b17_allowances_that_say_too_little_or_too_much_are_refused() {
    let office = Office::of(&[], "", "").await;
    let (day, far) = (in_days(2), in_days(33));
    for (arguments, code, expected) in [
        (
            vec![
                "allow",
                "nobody",
                "--disable",
                "5",
                "--until",
                &day,
                "--reason",
                "x",
            ],
            1,
            "there is no app 'nobody'",
        ),
        (
            vec!["allow", APP, "--disable", "5", "--until", &far, "--reason", "x"],
            1,
            "more than 31 days ahead",
        ),
        (
            vec![
                "allow",
                APP,
                "--disable",
                "5",
                "--until",
                "2020-01-01",
                "--reason",
                "x",
            ],
            1,
            "is over",
        ),
        (
            vec!["allow", APP, "--disable", "0", "--until", &day, "--reason", "x"],
            1,
            "for one at least",
        ),
        (
            vec!["allow", APP, "--disable", "5", "--until", &day, "--reason", " "],
            1,
            "say why",
        ),
        (
            vec!["allow", APP, "--disable", "5", "--reason", "x"],
            2,
            "--until",
        ),
        (
            vec!["allow", APP, "--disable", "5", "--until", &day],
            2,
            "--reason",
        ),
        (
            vec![
                "allow",
                APP,
                "--overwrite",
                "title",
                "--until",
                &day,
                "--reason",
                "x",
            ],
            2,
            "is not like title=300",
        ),
        (
            vec!["allow", APP, "--until", &day, "--reason", "x"],
            2,
            "--disable",
        ),
        (vec!["allow", APP], 2, "--until"),
        (vec!["hold", APP, "1"], 2, "--reason"),
        (
            vec!["hold", APP, "404", "--reason", "x"],
            1,
            "HR has said nothing of a worker 404",
        ),
        (
            vec!["hold", APP, "--account", "nobody", "--reason", "x"],
            1,
            "there is no account 'nobody' in 'corp'",
        ),
        (vec!["hold", APP, "--lift", "404"], 1, "there is no hold 404"),
    ] {
        let refused = office.muster(&arguments);
        let error = String::from_utf8_lossy(&refused.stderr).to_string();
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    for (what, body, expected) in [
        (
            "allowances",
            json!({ "actions": { "fly": 1 }, "until": day, "reason": "x" }),
            "there is no action 'fly'",
        ),
        (
            "allowances",
            json!({ "actions": {}, "until": day, "reason": "x" }),
            "nothing is allowed",
        ),
        (
            "allowances",
            json!({ "actions": { "move": 1 }, "until": day }),
            "missing field `reason`",
        ),
        (
            "holds",
            json!({ "worker": "1", "account": "x", "reason": "x" }),
            "name a worker or an account",
        ),
        (
            "holds",
            json!({ "worker": "1", "attributes": ["shoe"], "reason": "x" }),
            "the job writes no attribute 'shoe'",
        ),
    ] {
        let (status, refused) = office.send("POST", what, Some(body)).await;
        assert_eq!(status, 400, "{refused}");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
    assert!(office.decided().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_do_what_it_says() {
    const SAMPLE: &str = "019a9b1c-7d2e-7c40-8d8e-5a0f7c1d2e3f";
    let page = include_str!("../../docs/limits.md");
    let office = Office::of(&[person("1", "Ada Byron")], "", "").await;
    office.muster(&["check"]);
    for example in shell::blocks(page, "sh") {
        for line in example.replace("\\\n", " ").lines() {
            let listed = match line.contains("--lift") {
                true => office.send("GET", "holds", None).await.1["value"].clone(),
                false => office.allowances().await,
            };
            let id = listed[0]["id"].as_str().unwrap_or(SAMPLE);
            let line = line
                .replace(SAMPLE, id)
                .replace("2026-12-04", &in_days(3))
                .replace("2026-12-31", &in_days(20));
            let run = shell::type_in(&office.gateway, &line).await;
            let said = String::from_utf8_lossy(&run.stdout);
            let error = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{line}\n{said}{error}");
            assert!(!said.contains("\"error\":{"), "{line}\n{said}");
        }
    }
    let whats: Vec<String> = office
        .decided()
        .await
        .into_iter()
        .map(|(what, ..)| what)
        .collect();
    let of = |what: &str| whats.iter().filter(|one| *one == what).count();
    assert_eq!(
        (of("allowed"), of("allowanceEnded"), of("held"), of("holdEnded")),
        (3, 1, 3, 1),
        "{whats:?}"
    );
    for example in shell::blocks(page, "toml") {
        let text = Setup::nowhere().app(example).text("127.0.0.1:0");
        muster::config::Config::parse(&text, std::path::Path::new(".")).unwrap();
    }
}
