//! What is asked for, as the service's own descriptions want it. They lie outside the repository, in the folder that
//! `MUSTER_SHARED` names; without it these tests say so and pass.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use muster::connector::Watermark;

const DESCRIPTIONS: [(&str, &str); 3] = [
    ("v26.1", "sschepis_Human_Resources.wsdl"),
    ("v30.0", "armandino_Human_Resources.wsdl"),
    ("v31.2", "HybridProgrammer_Human_Resources.wsdl"),
];

fn description(file: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("MUSTER_SHARED")?)
        .join("data/workday/wsdl")
        .join(file);
    path.exists().then_some(path)
}

#[tokio::test]
async fn every_request_is_valid_against_the_schemas_of_three_versions() {
    for (version, file) in DESCRIPTIONS {
        let Some(description) = description(file) else {
            eprintln!("skipped: there is no description of {version}; set MUSTER_SHARED");
            continue;
        };
        let mut tenant = Tenant::new(30);
        tenant.version = version;
        tenant.hire(json!({"id": "1", "hire": "2026-02-01"}));
        let leaver = tenant.hire(json!({"id": "2", "hire": "2025-02-01", "entered": "2025-01-01T00:00:00Z"}));
        tenant.event(json!({"worker": "2", "type": "terminate", "entered": "2025-01-01T00:00:00Z", "set": {"lastDay": "2026-01-18"}}));
        tenant.set_clock("2026-01-19T03:00:00Z");
        let attributes = [
            "WorkerID",
            "Company",
            "FacilityLocation",
            "LeaveAbsenceType",
            "TransactionLogData",
        ];
        let source = source(
            &tenant.table("flags = { Include_Skills = true, Exclude_Funds = false }"),
            &attributes,
        );
        read(&*source, Cursor::Full).await.unwrap();
        read(
            &*source,
            Cursor::Since(Watermark {
                at: at(NOW),
                place: None,
            }),
        )
        .await
        .unwrap();
        read(&*source, Cursor::Workers(vec![leaver])).await.unwrap();
        source.check().await;
        let folder = tempfile::tempdir().unwrap();
        let requests = tenant.requests().await;
        assert!(requests.len() > 10);
        for part in [
            "Hire Employee",
            "Updated_From",
            "Effective_From",
            "Terminate Employee",
            "2026-02-01",
            "Exclude_Employees",
        ] {
            assert!(requests.iter().any(|request| request.contains(part)), "{part}");
        }
        let mut judge =
            Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/venv/bin/python"));
        judge.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/workday_schema.py"));
        judge.arg(description);
        for (number, request) in requests.iter().enumerate() {
            let file = folder.path().join(format!("{number}.xml"));
            std::fs::write(&file, request).unwrap();
            judge.arg(file);
        }
        let judged = judge
            .output()
            .expect("no Python for the judges: run tests/install");
        let said = String::from_utf8_lossy(&judged.stdout) + String::from_utf8_lossy(&judged.stderr);
        assert!(said.ends_with("all is well\n"), "{version}: {said}");
    }
}

#[tokio::test]
async fn pages_of_one_read_are_as_of_one_moment() {
    let tenant = Tenant::new(40);
    read(&*tenant.source("page_size = 10"), Cursor::Full)
        .await
        .unwrap();
    let requests = tenant.requests().await;
    let of = |name: &str| {
        let texts = requests
            .iter()
            .filter(|request| request.contains("Hire Employee"));
        let mut texts: Vec<&str> = texts
            .map(|request| request.split(&format!("wd:{name}>")).nth(1).unwrap())
            .collect();
        texts.sort_unstable();
        texts.dedup();
        texts
            .into_iter()
            .map(|text| text.trim_end_matches("</"))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let entry = of("As_Of_Entry_DateTime");
    assert!(entry.len() == 1 && is_now(at(&entry[0])), "{entry:?}");
    assert_eq!(of("As_Of_Effective_Date"), ["2026-01-18"]);
    assert!(of("Page").len() >= 4);
    assert!(requests[0].contains("Include_Reference_Descriptors_In_Response"));
}
