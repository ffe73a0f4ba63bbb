//! What people type, and what the README tells them to.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value as Json, json};

use crate::gateway::Setup;

fn muster(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn eval_prints_a_value_a_decision_or_an_error() {
    for (arguments, code, printed) in [
        (
            &[
                "Join(\" \", [a], [b])",
                "--attr",
                "a=x",
                "--attr",
                "b=y",
                "--json",
            ][..],
            0,
            json!({ "value": "x y" }),
        ),
        (
            &["Split([a], \",\")", "--attr", "a=x,y", "--json"],
            0,
            json!({ "value": ["x", "y"] }),
        ),
        (&["[nothing]", "--json"], 0, json!({ "value": null })),
        (
            &["IgnoreFlowIfNullOrEmpty([a])", "--json"],
            0,
            json!({ "ignore": "attribute" }),
        ),
        (
            &["Now()", "--now", "2026-01-02T03:04:05Z", "--json"],
            0,
            json!({ "value": "1/2/2026 3:04:05 AM" }),
        ),
        (
            &["SelectUniqueValue(\"a\", \"b\")", "--taken", "A", "--json"],
            0,
            json!({ "value": "b" }),
        ),
        (
            &[
                "[phoneNumbers[type eq \"work\"].value]",
                "--attr",
                "phoneNumbers[type eq \"work\"].value=1=2",
                "--json",
            ],
            0,
            json!({ "value": "1=2" }),
        ),
    ] {
        let output = muster(&[&["eval"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let found: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found, printed, "{arguments:?}");
    }
    let output = muster(&["eval", "Join(\" \", [a]", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&found["error"]["code"], found["error"]["at"].as_u64()),
        (&json!("parse"), Some(13))
    );
    let output = muster(&["eval", "CDate(\"soon\")", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("\"evaluation\""));
    assert_eq!(muster(&["eval"]).status.code(), Some(2), "bad usage");
}

#[test]
fn eval_answers_every_row_of_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.jsonl");
    std::fs::write(
        &rows,
        "{\"id\":\"a\",\"expr\":\"ToUpper([x])\",\"inputs\":{\"x\":\"é\"}}\n\n{\"id\":2,\"expr\":\"Nope([x])\",\"inputs\":{}}\n\
         {\"id\":\"r\",\"expr\":\"RandomString(8,2,0,2,2)\",\"seed\":7}\n{\"id\":\"r\",\"expr\":\"RandomString(8,2,0,2,2)\",\"seed\":7}\n",
    )
    .unwrap();
    let output = muster(&["eval", "--batch", rows.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let printed = text(&output.stdout);
    let lines: Vec<Json> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0], json!({ "id": "a", "value": "É" }));
    assert_eq!(
        (&lines[1]["id"], &lines[1]["error"]["code"]),
        (&json!(2), &json!("parse"))
    );
    assert_eq!(lines[2], lines[3], "the same seed draws the same");
    assert!(text(&muster(&["eval", "--list"]).stdout).contains("SelectUniqueValue"));
}

#[test]
fn check_reports_every_problem_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.toml");
    std::fs::write(
        &path,
        Setup::nowhere().text("127.0.0.1:0").replace("name = ", "nmae = "),
    )
    .unwrap();
    let output = muster(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("nmae"), "{}", text(&output.stdout));

    std::fs::write(&path, Setup::nowhere().text("127.0.0.1:0")).unwrap();
    let output = muster(&["check", "--config", path.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(1), "nobody answers at the target");
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    let places: Vec<&str> = found["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["place"].as_str().unwrap())
        .collect();
    assert!(places.contains(&"system corp"), "{found}");
}

#[test]
fn serve_says_what_to_do_about_a_config_it_cannot_use() {
    let output = muster(&["serve", "--config", "/nowhere/muster.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot read the config /nowhere/muster.toml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_upload_works_as_written() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let upload = blocks.iter().find(|block| block.contains("bulkUpload")).unwrap();
    let process = Setup::spawn_example(&root().join("examples/muster.toml")).await;
    let script = upload.replace("http://127.0.0.1:8460", &process.caller.url);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(root())
        .output()
        .unwrap();
    let printed = text(&output.stdout);
    assert!(
        printed.contains("202 Accepted"),
        "{printed} {}",
        text(&output.stderr)
    );
    assert!(
        printed.contains("\"value\":[]"),
        "nothing is said of people while nobody answers: {printed}"
    );

    let faults = readme
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let faults: Json = serde_json::from_str(faults).unwrap();
    serde_json::from_value::<Vec<muster::lab::faults::Fault>>(faults["faults"].clone()).unwrap();

    let eval = blocks.iter().find(|block| block.contains("-- eval")).unwrap();
    let script = eval.replace("cargo run --release --", env!("CARGO_BIN_EXE_muster"));
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(text(&output.stdout).trim(), "Zoe@example.com");
}
