//! Systems other than Active Directory: Entra ID, which tells; Workday and other directories, which do not.

use serde_json::json;

use super::{check, excess, missing, printed, rights};
use crate::gateway::Setup;
use crate::support::tenant::Tenant;

const NEEDED: [&str; 4] = [
    "Domain.Read.All",
    "User-PasswordProfile.ReadWrite.All",
    "User.EnableDisableAccount.All",
    "User.ReadWrite.All",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_tenants_token_tells_what_the_app_may_do() {
    let tenant = Tenant::unthrottled();
    let setup = Setup::with_cloud(&tenant.target());
    let (found, well) = rights(&setup);
    assert!(well, "{found}");
    assert_eq!((&found["missing"], &found["excess"]), (&json!([]), &json!([])));
    assert_eq!(found["account"], format!("the app {}", tenant.lab.client_id));
    let lines = printed(&check(&setup, &["--print-delegation"]));
    assert_eq!(lines.lines().skip(1).collect::<Vec<_>>(), NEEDED);

    let roles = ["User.ReadWrite.All", "Directory.ReadWrite.All", "Mail.Read"];
    tenant.control("settings", json!({ "roles": roles })).await;
    let (found, well) = rights(&setup);
    assert!(!well);
    // Directory.ReadWrite.All holds Domain.Read.All.
    assert_eq!(missing(&found, ""), &NEEDED[1..3]);
    let state = &found["missing"].as_array().unwrap()[0];
    assert_eq!(state["attributes"], json!(["accountEnabled"]));
    let told: Vec<String> = excess(&found).into_iter().map(|one| one.1).collect();
    assert_eq!(
        told,
        [
            "Directory.ReadWrite.All, with which an app can take over the tenant",
            "Mail.Read"
        ]
    );

    tenant.control("settings", json!({ "roles": [] })).await;
    let (found, _) = rights(&setup);
    let mut all = vec!["User.Read.All"];
    all.extend(NEEDED);
    all.sort_unstable();
    assert_eq!(missing(&found, ""), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn workday_is_not_asked_and_what_it_needs_is_told() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/workday.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("muster.toml");
    // Nobody is there to be asked; the directory's part is about that.
    std::fs::write(&path, text).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["check", "--rights", "--json", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let systems = report["rights"].as_array().unwrap();
    let of_workday = systems
        .iter()
        .find_map(|found| found["unknown"].as_str())
        .unwrap();
    for part in [
        "Workday has no way to ask",
        "Get on the domain Worker Data: Workers",
        "Get on the domain Worker Data: Business Title on Worker Profile",
        "activate pending security policy changes",
    ] {
        assert!(of_workday.contains(part), "{part}: {of_workday}");
    }
    assert!(
        !of_workday.contains("Reports: Public Profile"),
        "nothing maps pronouns: {of_workday}"
    );
}

#[test]
fn other_directories_do_not_tell() {
    let openldap = crate::support::openldap::directory();
    let setup = Setup::with_target(&format!(
        "kind = \"active-directory\"\nurls = [\"{}\"]\nbase_dn = \"{}\"\nbind_dn = \"{}\"\npassword = \"{}\"\n",
        openldap.ldap_url, openldap.base_dn, openldap.admin_dn, openldap.admin_password
    ));
    let (found, _) = rights(&setup);
    let why = found["unknown"].as_str().unwrap();
    assert!(why.contains("nothing can be said of its rights"), "{why}");
    let output = check(&setup, &["--print-delegation"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("only Active Directory and Samba do"));
}
