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
        assert_valid(version, &description, &requests);
    }
}

/// The operations that write, and the versions whose descriptions have them.
const WRITES: [(&str, &[&str]); 3] = [
    ("Change_Work_Contact_Information_Request", &["v30.0", "v31.2"]),
    ("Get_Change_Work_Contact_Information_Request", &["v30.0", "v31.2"]),
    ("Workday_Account_for_Worker_Update", &["v26.1", "v30.0", "v31.2"]),
];

/// What is written home, in all the forms that it has.
#[tokio::test]
async fn every_write_is_valid_against_the_schemas_that_have_it() {
    let mut tenant = writing::staffed();
    tenant.version = "v31.2";
    let world = writing::World::with(tenant, "").await;
    let phone = writing::phone;
    let first = [
        vec![("EmailAddress", "a&b@example.test"), ("UserID", "<ada>")],
        phone("Landline", "+1 206 555 0143 x4321", "true"),
        phone("Mobile", "+49 89 123456", "false"),
    ]
    .concat();
    world.done("1", &first).await;
    let second = [
        vec![("EmailAddress", "ada@example.test")],
        phone("Landline", "+44 20 7946 0958", "true"),
    ]
    .concat();
    world.done("1", &second).await;
    world.done("C-3", &[("UserID", "tom")]).await;
    let requests = world.tenant.requests().await;
    for (element, versions) in WRITES {
        let written: Vec<String> = requests
            .iter()
            .filter(|request| request.contains(&format!("<wd:{element} ")))
            .cloned()
            .collect();
        assert!(written.len() >= 2, "{element}");
        for (version, file) in DESCRIPTIONS {
            if !versions.contains(&version) {
                continue;
            }
            match description(file) {
                Some(description) => assert_valid(version, &description, &written),
                None => eprintln!("skipped: there is no description of {version}; set MUSTER_SHARED"),
            }
        }
    }
    let (_, file) = DESCRIPTIONS[2];
    let Some(description) = description(file) else {
        return;
    };
    // A client that knows nothing but the description reads what was written.
    let lab = &world.tenant.lab;
    let tenant = json!({"url": lab.url, "user": lab.user, "password": lab.password}).to_string();
    let expected = json!({"worker": "1", "email": "ada@example.test", "user": "<ada>", "phones": ["2079460958", "89123456"]});
    let mut judge = peer("workday_zeep.py");
    judge
        .arg(description)
        .args(["v31.2", &tenant, &expected.to_string()]);
    let said = tokio::task::spawn_blocking(move || said(&mut judge))
        .await
        .unwrap();
    assert!(said.ends_with("all is well\n"), "{said}");
}

/// A script of `tests/peers`.
fn peer(script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut judge = Command::new(root.join("target/peers/venv/bin/python"));
    judge.arg(root.join("tests/peers").join(script));
    judge
}

fn said(judge: &mut Command) -> String {
    let judged = judge
        .output()
        .unwrap_or_else(|error| panic!("no Python for the judges, run tests/install: {error}"));
    String::from_utf8_lossy(&judged.stdout).into_owned() + &String::from_utf8_lossy(&judged.stderr)
}

fn assert_valid(version: &str, description: &Path, requests: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let mut judge = peer("workday_schema.py");
    judge.arg(description);
    for (number, request) in requests.iter().enumerate() {
        let file = folder.path().join(format!("{number}.xml"));
        std::fs::write(&file, request).unwrap();
        judge.arg(file);
    }
    let said = said(&mut judge);
    assert!(said.ends_with("all is well\n"), "{version}: {said}");
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
