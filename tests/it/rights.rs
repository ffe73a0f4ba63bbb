//! `muster check --rights` and `--print-delegation`: what service accounts may do, and how to let them.

use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::gateway::Setup;

mod domain;
mod elsewhere;
mod excess;

/// Runs `muster check` on the config of a test.
fn check(setup: &Setup, arguments: &[&str]) -> Output {
    let path = setup.dir.path().join("muster.toml");
    std::fs::write(&path, setup.text("127.0.0.1:0")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["check", "--config"])
        .arg(&path)
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What `--rights --json` says of the target, and whether it is well.
fn rights(setup: &Setup) -> (Json, bool) {
    let output = check(setup, &["--rights", "--json"]);
    let mut report: Json = serde_json::from_str(&printed(&output)).unwrap();
    let systems = report["rights"].as_array_mut().unwrap();
    let target = systems
        .iter_mut()
        .find(|found| found["system"] == "corp")
        .unwrap();
    (target.take(), output.status.success())
}

/// Each as `right property` of one place, in order.
fn missing(rights: &Json, place: &str) -> Vec<String> {
    let found = rights["missing"].as_array().unwrap().iter();
    let here = found.filter(|one| one["place"].as_str().unwrap().eq_ignore_ascii_case(place));
    let text = |one: &Json| match one["property"].as_str() {
        Some(property) => format!("{} {property}", one["right"].as_str().unwrap()),
        None => one["right"].as_str().unwrap().to_string(),
    };
    let mut texts: Vec<String> = here.map(text).collect();
    texts.sort();
    texts
}

/// Each as (place, right, through).
fn excess(rights: &Json) -> Vec<(String, String, String)> {
    let text = |one: &Json, member: &str| one[member].as_str().unwrap().to_string();
    let found = rights["excess"].as_array().unwrap().iter();
    found
        .map(|one| (text(one, "place"), text(one, "right"), text(one, "through")))
        .collect()
}
