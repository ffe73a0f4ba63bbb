//! Workday as a source: the connector against the simulated tenant.

mod changes;
mod requests;
mod trouble;
mod writing;

use futures::StreamExt;
use jiff::Timestamp;
use muster::connector::{Cursor, Severity};
use muster::error::Kind;
use serde_json::{Value as Json, json};

use crate::support::workday::{ATTRIBUTES, Heard, NOW, Tenant, at, read, source};

fn text(json: &Json) -> String {
    json.as_str().unwrap_or("null").to_string()
}

/// The simulated clock goes on.
fn is_now(moment: Timestamp) -> bool {
    (at(NOW)..at("2026-01-19T02:32:00Z")).contains(&moment)
}

#[tokio::test]
async fn a_full_read_is_what_hr_says() {
    let tenant = Tenant::new(250);
    let source = tenant.source("page_size = 30\npages_in_flight = 3");
    let heard = read(&*source, Cursor::Full).await.unwrap();
    let began = heard.complete().at;
    assert!(is_now(began), "{began}");
    assert_eq!(heard.nameless, []);
    assert!(heard.largest <= 30);
    let wids = tenant.wids().await;
    assert!(wids.len() >= 250);
    assert_eq!(heard.workers.len(), wids.len());
    let mut future = 0;
    for wid in &wids {
        let state = tenant.state(wid);
        let now = &state["effective"];
        if now["hire"].is_null() {
            future += 1;
            continue;
        }
        let statement = &heard.workers[wid];
        assert_eq!(statement.active, now["active"].as_bool(), "{state}");
        assert_eq!(statement.at, began);
        for (attribute, expected) in [
            ("WID", wid.clone()),
            ("WorkerID", text(&state["id"])),
            ("FirstName", text(&now["firstName"])),
            ("LastName", text(&now["lastName"])),
            ("StatusHireDate", text(&now["hire"])),
        ] {
            assert_eq!(heard.text(wid, attribute), expected, "{attribute} of {state}");
        }
        let manager = text(&now["manager"]);
        let reference = heard.text(wid, "ManagerReference");
        if manager != "null" && reference != "null" && reference != "-" {
            assert_eq!(heard.text(&reference, "WorkerID"), manager, "{state}");
        }
    }
    assert!(
        future < wids.len() / 5,
        "{future} of {} compare nothing",
        wids.len()
    );
}

#[tokio::test]
async fn pages_are_handed_on_as_they_come() {
    let tenant = Tenant::new(200);
    let source = tenant.source("page_size = 10\npages_in_flight = 2\ntermination_look_ahead = false");
    let mut pages = source.read(Cursor::Full);
    let first = pages.next().await.unwrap().unwrap();
    assert!(!first.statements.is_empty() && first.end.is_none());
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let asked = tenant.answers()["200"];
    assert!(
        asked <= 6,
        "{asked} pages were fetched ahead of anybody who wants them"
    );
    drop(pages);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(tenant.answers()["200"], asked, "nobody listens any more");
}

#[tokio::test]
async fn one_worker_is_asked_for_by_wid() {
    let tenant = Tenant::new(40);
    let source = tenant.source("");
    let wid = tenant.wids().await.pop().unwrap();
    let heard = read(&*source, Cursor::Workers(vec![wid.clone()])).await.unwrap();
    assert_eq!(heard.workers.keys().collect::<Vec<_>>(), [&wid]);
    heard.complete();
    let nobody = Cursor::Workers(vec!["0123456789abcdef0123456789abcdef".into()]);
    let heard = read(&*source, nobody).await.unwrap();
    assert!(heard.workers.is_empty());
    heard.complete();
}

#[tokio::test]
async fn an_api_client_reads_the_same_with_tokens() {
    let tenant = Tenant::new(40);
    let lab = &tenant.lab;
    let table = format!(
        "kind = \"workday\"\nurl = \"{}/Human_Resources/v40.0\"\ntoken_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\nrefresh_token = \"{}\"\n",
        lab.url, lab.token_url, lab.client_id, lab.client_secret, lab.refresh_token
    );
    let source = source(&table, ATTRIBUTES);
    let before = read(&*source, Cursor::Full).await.unwrap();
    before.complete();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.post(format!("{}/lab/expire", lab.admin))
        .send()
        .await
        .unwrap();
    let after = read(&*source, Cursor::Full).await.unwrap();
    after.complete();
    assert!(!before.workers.is_empty());
    assert_eq!(before.ids(), after.ids());
}

async fn told(tenant: &Tenant, extra: &str) -> (Vec<String>, Vec<String>) {
    let problems = tenant.source(extra).check().await;
    let of = |severity| {
        let some = problems.iter().filter(|problem| problem.severity == severity);
        some.map(|problem| problem.message.clone()).collect()
    };
    (of(Severity::Error), of(Severity::Warning))
}

#[tokio::test]
async fn a_check_tells_what_is_missing() {
    let tenant = Tenant::new(120);
    let (errors, before) = told(&tenant, "").await;
    assert_eq!(errors, [""; 0]);
    assert!(
        !before.iter().any(|told| told.contains("permission")),
        "{before:?}"
    );
    // Clocks of these tests are set.
    assert!(before.iter().any(|told| told.contains("clock")), "{before:?}");
    tenant
        .lab
        .configure(&json!({"lacks": ["management-chain"]}))
        .unwrap();
    let (_, warnings) = told(&tenant, "").await;
    assert!(
        warnings.iter().any(
            |told| told.starts_with("ManagerReference: nothing is selected in ")
                && told.contains("Is the permission missing?")
        ),
        "{warnings:?}"
    );
    let (_, warnings) = told(&tenant, "time_zone = '\"Europe/Rome\"'").await;
    assert!(
        warnings
            .iter()
            .any(|told| told.contains("have no zone of their own")),
        "{warnings:?}"
    );
    tenant.lab.configure(&json!({"lacks": ["workers"]})).unwrap();
    let (errors, _) = told(&tenant, "").await;
    assert!(errors[0].contains("shows no worker at all"), "{errors:?}");
    tenant
        .lab
        .configure(&json!({"lacks": [], "passwordExpired": true}))
        .unwrap();
    let (errors, _) = told(&tenant, "").await;
    assert!(errors[0].contains("invalid username or password"), "{errors:?}");
}

#[tokio::test]
async fn a_check_knows_xpaths_of_another_version() {
    let mut tenant = Tenant::new(10);
    tenant.version = "v21.1";
    let (errors, warnings) = told(&tenant, "").await;
    assert_eq!(errors, [""; 0]);
    assert!(
        !warnings.iter().any(|told| told.contains("XPaths for")),
        "{warnings:?}"
    );
    tenant.version = "v99.9.9";
    let table = tenant.table("");
    let file: muster::connector::SystemFile = toml::from_str(&table).unwrap();
    let error = file.resolve(std::path::Path::new(".")).unwrap_err();
    assert_eq!(
        (error.kind, error.target.as_deref()),
        (Kind::Invalid, Some("url"))
    );
}
