//! What is marked with `Redact` is nowhere to be read (B29, B33).

use serde_json::json;

use super::{Database, count, post, told};
use crate::gateway::{JOB, Setup, eventually, person, with};
use crate::names::schema;
use crate::pull::ldap;
use crate::shell::muster;
use crate::support::lab;

#[tokio::test(flavor = "multi_thread")]
async fn b33_what_is_redacted_is_in_no_plan_receipt_log_stream_file_or_report() {
    for database in Database::both() {
        let directory = lab::directory();
        let setup = Setup::with_target(&ldap(&directory))
            .store(&database.store())
            .app("start = true\nschema = \"schema.json\"")
            .clients("[log]\nprovisioning = \"log.jsonl\"\n");
        let choice = ("company", r#"Redact(Join("-", "Hidden", [title]))"#);
        std::fs::write(setup.dir.path().join("schema.json"), schema("API2AD", &[choice])).unwrap();
        let gateway = setup.start().await;
        let clerk = with(person("1", "Ada Novak"), json!({"title": "Clerk"}));
        gateway.caller.upload(std::slice::from_ref(&clerk)).await;
        gateway.caller.settled().await;
        count(&directory, "(title=Clerk)", 1).await;
        count(&directory, "(company=*)", 0).await;
        post(&gateway, "pause", json!({})).await;
        gateway
            .caller
            .upload(&[with(clerk, json!({"title": "Judge"}))])
            .await;
        let planned = muster(&gateway.setup, &["plan", JOB, "--out", "plan.json", "--json"]);
        assert!(planned.status.success(), "{}", told(&planned));
        let file = std::fs::read_to_string(gateway.setup.dir.path().join("plan.json")).unwrap();
        assert!(file.contains("Judge"), "{file}");
        let applied = muster(&gateway.setup, &["apply", "plan.json"]);
        assert!(told(&applied).contains("1 done"), "{}", told(&applied));
        let entries = gateway.caller.logs(&format!("jobid eq '{JOB}'")).await;
        let report = muster(&gateway.setup, &["report", "--json"]);
        let stream = gateway.setup.dir.path().join("log.jsonl");
        eventually("the stream has caught up", async || {
            std::fs::read_to_string(&stream).is_ok_and(|lines| lines.lines().count() >= entries.len())
        })
        .await;
        let stream = std::fs::read_to_string(&stream).unwrap();
        let entries = serde_json::to_string(&entries).unwrap();
        assert!(
            entries.contains("company"),
            "it is said which attribute is kept back: {entries}"
        );
        for (what, text) in [
            ("plan", told(&planned)),
            ("plan's file", file),
            ("log", entries),
            ("stream", stream),
            ("report", told(&report)),
            ("what was carried out", told(&applied)),
        ] {
            assert!(!text.contains("Hidden-"), "{what}: {text}");
        }
        let setup = gateway.stop().await;
        assert_eq!(
            database.grep(&setup, &["Hidden-Clerk", "Hidden-Judge"]),
            Vec::<&str>::new()
        );
    }
}
