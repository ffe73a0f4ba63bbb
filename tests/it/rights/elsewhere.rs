//! Systems other than Active Directory: Entra ID, which tells; Workday and other directories, which do not.

use serde_json::{Value as Json, json};

use super::{check, excess, missing, printed, rights};
use crate::gateway::Setup;
use crate::support::tenant::Tenant;
use crate::support::workday;

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
async fn workday_does_not_tell_and_what_it_needs_is_told() {
    let cloud = Tenant::unthrottled();
    let hr = workday::Tenant::new(1);
    let setup = Setup::with_cloud(&cloud.target()).pulls(&hr.table(""), "Workday2AAD", hr.clock());
    let output = check(&setup, &["--rights", "--json"]);
    let report: Json = serde_json::from_str(&printed(&output)).unwrap();
    assert!(
        output.status.success(),
        "what cannot be told is not missing: {report}"
    );
    let systems = report["rights"].as_array().unwrap();
    let why = systems.iter().find(|found| found["system"] == "hr").unwrap()["unknown"]
        .as_str()
        .unwrap();
    assert!(why.contains("Workday has no way to ask"), "{why}");
    assert!(why.contains("activate pending security policy changes"), "{why}");

    let lines = printed(&check(&setup, &["--print-delegation"]));
    let (tenants, workdays) = lines.split_once("# hr\n").unwrap();
    assert!(tenants.starts_with("# corp\n"), "{lines}");
    let workdays: Vec<&str> = workdays.lines().collect();
    for needed in [
        "Get on the domain Worker Data: Workers",
        "Get on the domain Worker Data: Business Title on Worker Profile",
    ] {
        assert!(
            workdays.contains(&needed) && why.contains(needed),
            "{needed}: {lines}"
        );
    }
    assert!(
        !lines.contains("Reports: Public Profile"),
        "nothing reads pronouns: {lines}"
    );
    assert!(
        !lines.contains("Workday Accounts"),
        "nothing is written home: {lines}"
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
