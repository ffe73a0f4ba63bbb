//! The service's own descriptions of three versions, and zeep, a client that knows nothing else. The descriptions lie
//! outside the repository, in the folder that `MUSTER_SHARED` names; without it these tests say so and pass. What they
//! say is checked without them by the table in `shapes`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// Versions with a public description, and where it is.
const DESCRIPTIONS: [(&str, &str); 3] = [
    ("v26.1", "sschepis_Human_Resources.wsdl"),
    ("v30.0", "armandino_Human_Resources.wsdl"),
    ("v31.2", "HybridProgrammer_Human_Resources.wsdl"),
];

fn description(version: &str) -> Option<PathBuf> {
    let (_, file) = DESCRIPTIONS.iter().find(|(known, _)| *known == version)?;
    let path = Path::new(&std::env::var_os("MUSTER_SHARED")?)
        .join("data/workday/wsdl")
        .join(file);
    path.exists().then_some(path)
}

/// Runs a script of `tests/peers`; it says that all is well.
fn judge(script: &str, arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers/venv/bin/python");
    assert!(python.exists(), "no Python for the judges: run tests/install");
    let judged = Command::new(python)
        .arg(root.join("tests/peers").join(script))
        .args(arguments)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&judged.stdout).into_owned() + &String::from_utf8_lossy(&judged.stderr);
    assert!(
        judged.status.success() && said.ends_with("all is well\n"),
        "{said}"
    );
}

#[tokio::test]
async fn answers_are_valid_against_the_schemas_of_three_versions() {
    for (version, _) in DESCRIPTIONS {
        let Some(description) = description(version) else {
            eprintln!("skipped: there is no description of {version}; set MUSTER_SHARED");
            continue;
        };
        let mut tenant = Tenant::start(200);
        tenant.version = version;
        tenant.hire("1", "2026-03-01").await;
        tenant.event("1", "rescind", "2026-03-01", json!({})).await;
        tenant
            .event(
                "100030",
                "correct",
                "2026-01-02",
                json!({"title": "Corrected & <sons>"}),
            )
            .await;
        let flood = EVERYTHING.replace("Support_Role_Data>true", "Support_Role_Data>false");
        let skip = "<wd:Request_References wd:Skip_Non_Existing_Instances=\"1\"><wd:Worker_Reference>\
            <wd:ID wd:type=\"Employee_ID\">100002</wd:ID></wd:Worker_Reference><wd:Worker_Reference>\
            <wd:ID wd:type=\"Employee_ID\">x</wd:ID></wd:Worker_Reference></wd:Request_References>";
        let mut answers = vec![
            tenant.get(&format!("{}{EVERYTHING}", page(1, 300))).await,
            tenant.get(&format!("{}{flood}", page(1, 3))).await,
            tenant.get(&page(2, 5)).await,
            tenant.get("<wd:Response_Group/>").await,
            tenant.get(&format!("{skip}{EVERYTHING}")).await,
            tenant
                .get(&format!(
                    "{}{PERSONAL}",
                    window("Effective", NOW, "2026-02-01T00:00:00Z")
                ))
                .await,
        ];
        if version != "v26.1" {
            let ask = "<wd:Get_Change_Work_Contact_Information_Request><wd:Request_References><wd:Person_Reference>\
                <wd:ID wd:type=\"Employee_ID\">100002</wd:ID></wd:Person_Reference></wd:Request_References>\
                </wd:Get_Change_Work_Contact_Information_Request>";
            let (status, text) = tenant.send(ask).await;
            assert_eq!(status, 200, "{text}");
            answers.push(text);
        }
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = vec![description.to_str().unwrap().to_string()];
        for (number, answer) in answers.iter().enumerate() {
            let file = folder.path().join(format!("{number}.xml"));
            std::fs::write(&file, answer).unwrap();
            arguments.push(file.to_str().unwrap().to_string());
        }
        judge(
            "workday_schema.py",
            &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

fn zeep_gets_on_with(version: &str) {
    let Some(description) = description(version) else {
        eprintln!("skipped: there is no description of {version}; set MUSTER_SHARED");
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let tenant = Tenant::start(150);
    let described = json!(tenant.workday).to_string();
    judge(
        "workday_zeep.py",
        &[description.to_str().unwrap(), version, &described],
    );
}

#[test]
fn zeep_reads_an_old_version() {
    zeep_gets_on_with("v26.1");
}

#[test]
fn zeep_reads_and_writes_a_newer_version() {
    zeep_gets_on_with("v31.2");
}
