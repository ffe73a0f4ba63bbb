//! A real domain, and a service account that is nobody in particular.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::StreamExt;
use muster::connector::Outcome;
use muster::domain::account::Anchor;
use muster::domain::plan::{Change, Effect, Recipe};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{check, excess, missing, printed, rights};
use crate::gateway::{ENTERPRISE, Setup, outcome, person, with};
use crate::support::samba::{self, Controller};

pub const STAFF: &str = "OU=Staff,DC=example,DC=test";
pub const ROME: &str = "OU=Rome,DC=example,DC=test";
const PASSWORD: &str = "Passw0rd!Muster";

/// What the mappings of [`schema`] write to accounts that are there.
const WRITTEN: &[&str] = &[
    "cn",
    "co",
    "company",
    "department",
    "displayName",
    "division",
    "employeeID",
    "givenName",
    "l",
    "manager",
    "mobile",
    "name",
    "physicalDeliveryOfficeName",
    "postalCode",
    "sn",
    "st",
    "streetAddress",
    "telephoneNumber",
    "title",
    "userAccountControl",
];

/// A domain with two managed containers and one below, and an app for it.
pub struct World {
    pub controller: Controller,
    pub setup: Setup,
}

impl World {
    pub fn new() -> World {
        World::with("")
    }

    /// With further keys of the system.
    pub fn with(keys: &str) -> World {
        let controller = samba::controller();
        for unit in [STAFF, ROME, "OU=Night,OU=Staff,DC=example,DC=test"] {
            controller.add(&format!("dn: {unit}\nobjectClass: organizationalUnit\n"));
        }
        account(&controller, "muster", PASSWORD);
        let mut target = crate::directory::target(&controller, "muster@example.test", PASSWORD);
        target.push_str(keys);
        let setup = Setup::with_target(&target)
            .app("start = true")
            .app(&format!("managed = [\"{STAFF}\", \"{ROME}\"]"))
            .app("schema = \"schema.json\"");
        std::fs::write(setup.dir.path().join("schema.json"), schema().to_string()).unwrap();
        World { controller, setup }
    }

    /// The same domain, for an app with other keys of its system.
    pub fn keyed(&self, keys: &str) -> Setup {
        let mut target = crate::directory::target(&self.controller, "muster@example.test", PASSWORD);
        target.push_str(keys);
        let setup = Setup::with_target(&target).app(&format!("managed = [\"{STAFF}\", \"{ROME}\"]"));
        let setup = setup.app("schema = \"schema.json\"");
        std::fs::write(setup.dir.path().join("schema.json"), schema().to_string()).unwrap();
        setup
    }

    /// The lines of `--print-delegation=TOOL`.
    pub fn delegation(&self, tool: &str) -> Vec<String> {
        let output = check(&self.setup, &[&format!("--print-delegation={tool}")]);
        let printed = printed(&output);
        assert!(output.status.success(), "{printed}");
        let lines: Vec<String> = printed.lines().map(str::to_string).collect();
        assert_eq!(lines[0], "# corp");
        lines[1..].to_vec()
    }

    /// Runs a printed line as the domain's administrator would, from another machine.
    pub fn run(&self, line: &str) {
        let settings = self.setup.dir.path().join("client.conf");
        let text = "[global]\nrealm = EXAMPLE.TEST\nworkgroup = EXAMPLE\nclient use kerberos = off\n";
        std::fs::write(&settings, text).unwrap();
        let Controller {
            ldap_url,
            admin_password,
            ..
        } = &self.controller;
        let line = format!(
            "{line} -H {} -U'Administrator%{admin_password}'",
            ldap_url.trim_end_matches('/')
        );
        let output = Command::new("sh")
            .args(["-c", &line])
            .env("SMB_CONF_PATH", &settings)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{line}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub fn delegate(&self) {
        for line in self.delegation("samba-tool") {
            self.run(&line);
        }
    }

    /// Lets the service account do something; `@` stands for it.
    pub fn grant(&self, dn: &str, entries: &str) {
        let entries = entries.replace('@', &self.sid());
        self.run(&format!(
            "samba-tool dsacl set --objectdn='{dn}' --trusteedn='CN=muster,CN=Users,DC=example,DC=test' --sddl='{entries}'"
        ));
    }

    pub fn sid(&self) -> String {
        let found = self.controller.search("(sAMAccountName=muster)", &["objectSid"]);
        let bytes = BASE64.decode(found[0].value("objectSid").unwrap()).unwrap();
        let parts = bytes[8..]
            .chunks(4)
            .map(|part| u32::from_le_bytes(part.try_into().unwrap()));
        parts.fold("S-1-5".to_string(), |text, part| format!("{text}-{part}"))
    }

    /// Every object's last change, but for the account's own, which counts its sign-ins.
    fn changes(&self) -> BTreeSet<(String, Option<String>)> {
        let found = self
            .controller
            .search("(!(sAMAccountName=muster))", &["uSNChanged"]);
        let number = |entry: &crate::support::ldap::Entry| entry.value("uSNChanged").map(str::to_string);
        found
            .iter()
            .map(|entry| (entry.dn.clone(), number(entry)))
            .collect()
    }
}

/// A user with a password, in no group.
pub fn account(controller: &Controller, name: &str, password: &str) {
    let quoted: Vec<u8> = format!("\"{password}\"")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    controller.add(&format!(
        "dn: CN={name},CN=Users,DC=example,DC=test\nobjectClass: user\nsAMAccountName: {name}\n\
         userPrincipalName: {name}@example.test\nuserAccountControl: 512\nunicodePwd:: {}\n",
        BASE64.encode(quoted)
    ));
}

/// The template, with names and places that go on flowing.
fn schema() -> Json {
    let template = muster::domain::schema::template("API2AD").unwrap();
    let mut schema = template.document().unwrap().json().clone();
    let mappings = &mut schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    let mappings = mappings.as_array_mut().unwrap();
    let name = mappings
        .iter_mut()
        .find(|it| it["targetAttributeName"] == "cn")
        .unwrap();
    name["flowType"] = json!("Always");
    let place = format!(r#"Switch([userType], "{STAFF}", "Rome", "{ROME}")"#);
    mappings.push(json!({
        "targetAttributeName": "parentDistinguishedName", "flowType": "Always", "matchingPriority": 0,
        "source": { "type": "Function", "name": "Switch", "expression": place, "parameters": [] },
    }));
    schema
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_the_delegation_grants_just_that() {
    let world = World::new();

    // Nothing but what everybody may.
    let before = world.changes();
    let (found, well) = rights(&world.setup);
    assert_eq!(world.changes(), before, "it only reads");
    assert!(!well);
    assert_eq!(found["account"], "EXAMPLE\\muster");
    assert_eq!(found["privileged"], json!([]));
    assert_eq!(excess(&found), []);
    let mut expected: Vec<String> = WRITTEN.iter().map(|name| format!("write {name}")).collect();
    expected.extend(["create users", "delete users", "reset passwords"].map(str::to_string));
    expected.sort();
    for container in [STAFF, ROME] {
        assert_eq!(missing(&found, container), expected, "{container}");
    }
    assert_eq!(
        missing(&found, "OU=Night,OU=Staff,DC=example,DC=test"),
        [""; 0],
        "told above"
    );
    let all = found["missing"].as_array().unwrap();
    let state = all
        .iter()
        .find(|it| it["property"] == "userAccountControl")
        .unwrap();
    assert_eq!(state["attributes"], json!(["accountDisabled"]));
    assert_eq!(
        state["consequence"],
        "leavers are not disabled, and nobody is enabled"
    );
    let table = printed(&check(&world.setup, &["--rights"]));
    assert!(
        table.contains("system corp, as EXAMPLE\\muster: 46 rights are missing, nothing too much"),
        "{table}"
    );

    // As it says, nobody is made.
    let gateway = world.setup.start().await;
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    gateway.caller.settled().await;
    let (action, status, code) = gateway.caller.outcome("1").await;
    assert_eq!(
        (action.as_str(), status.as_str()),
        ("create", "failure"),
        "{code}"
    );
    let world = World {
        controller: world.controller,
        setup: gateway.stop().await,
    };

    world.delegate();
    let (found, well) = rights(&world.setup);
    assert_eq!(
        (&found["missing"], &found["excess"], &found["notes"]),
        (&json!([]), &json!([]), &json!([]))
    );
    assert!(well);
    let table = printed(&check(&world.setup, &["--rights"]));
    assert!(
        table.contains("as EXAMPLE\\muster: nothing is missing, nothing too much"),
        "{table}"
    );

    a_whole_life(world).await;
}

/// Everything that a job does to accounts.
async fn a_whole_life(world: World) {
    let World { controller, setup } = world;
    let gateway = setup.start().await;
    let says = async |people: &[Json]| {
        gateway.caller.upload(people).await;
        gateway.caller.settled().await;
    };
    let account = |worker: &str| {
        controller
            .search(&format!("(employeeID={worker})"), &["*"])
            .remove(0)
    };
    let is_well = async |worker: &str, action: &str| {
        assert_eq!(
            gateway.caller.outcome(worker).await,
            outcome(action, "success", "")
        );
    };

    // Hired, with a password; a title; a manager.
    says(&[person("1", "Ada Byron"), person("2", "Grace Hopper")]).await;
    is_well("1", "create").await;
    is_well("2", "create").await;
    assert_eq!(account("1").value("userAccountControl"), Some("512"));
    let set = account("1").value("pwdLastSet").map(str::to_string);
    assert_ne!(set.as_deref(), Some("0"));
    let grace = with(
        person("2", "Grace Hopper"),
        json!({ "title": "Admiral", ENTERPRISE: { "manager": { "value": "1" } } }),
    );
    says(std::slice::from_ref(&grace)).await;
    is_well("2", "update").await;
    assert_eq!(account("2").value("title"), Some("Admiral"));
    assert_eq!(
        account("2").value("manager").unwrap(),
        &format!("CN=Ada Byron,{STAFF}")
    );

    // Married, moved.
    says(&[with(grace.clone(), json!({ "displayName": "Grace Murray" }))]).await;
    assert_eq!(account("2").dn, format!("CN=Grace Murray,{STAFF}"));
    says(&[with(
        grace.clone(),
        json!({ "displayName": "Grace Murray", "userType": "Rome" }),
    )])
    .await;
    assert_eq!(account("2").dn, format!("CN=Grace Murray,{ROME}"));

    // Gone and back. One bit of the state is ours: her password does not expire, which somebody else decided.
    let state = |value: &str| {
        controller.modify(&format!(
            "dn: CN=Grace Murray,{ROME}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: {value}\n"
        ));
    };
    state("66048");
    let grace = with(
        grace,
        json!({ "displayName": "Grace Murray", "userType": "Rome" }),
    );
    says(&[with(grace.clone(), json!({ "active": false }))]).await;
    assert_eq!(account("2").value("userAccountControl"), Some("66050"));
    says(&[grace]).await;
    assert_eq!(account("2").value("userAccountControl"), Some("66048"));

    // A new password.
    let anchor = anchor(&controller, "2");
    let before = account("2").value("pwdLastSet").map(str::to_string);
    reset_password(&controller, anchor).await;
    assert_ne!(account("2").value("pwdLastSet").map(str::to_string), before);

    // And nothing else, as the controller itself sees it.
    let client = controller.client("muster@example.test", PASSWORD);
    let own = client
        .search("(employeeID=2)", &["allowedAttributesEffective"])
        .unwrap();
    let mut writable = own[0].values["allowedAttributesEffective"].clone();
    writable.sort();
    // `name` is the directory's own, and follows `cn`.
    let expected: Vec<&str> = WRITTEN.iter().copied().filter(|name| *name != "name").collect();
    assert_eq!(writable, expected);
    let other = client.modify(&format!(
        "dn: CN=Grace Murray,{ROME}\nchangetype: modify\nreplace: description\ndescription: x\n"
    ));
    assert_eq!(other.unwrap_err().code, 50);
    let elsewhere =
        client.add("dn: CN=x,CN=Users,DC=example,DC=test\nobjectClass: user\nsAMAccountName: x\n");
    assert_eq!(elsewhere.unwrap_err().code, 50);
}

fn anchor(controller: &Controller, worker: &str) -> Anchor {
    let found = controller.search(&format!("(employeeID={worker})"), &["objectGUID"]);
    let bytes = BASE64.decode(found[0].value("objectGUID").unwrap()).unwrap();
    Anchor(Uuid::from_bytes_le(bytes.try_into().unwrap()).to_string())
}

async fn reset_password(controller: &Controller, account: Anchor) {
    let table = crate::directory::target(controller, "muster@example.test", PASSWORD);
    let file: muster::connector::SystemFile = toml::from_str(&table).unwrap();
    let system = file.resolve(Path::new("/")).unwrap();
    let target = system.target(&[], None).unwrap();
    let session = target.open(None).await.unwrap();
    let change = Change {
        id: Uuid::new_v4(),
        worker: "2".to_string(),
        account: Some(account),
        effects: vec![Effect::Password {
            password: Recipe::default(),
        }],
    };
    let outcomes: Vec<_> = session
        .apply(vec![change], std::sync::Arc::new(|| true))
        .collect()
        .await;
    assert!(matches!(outcomes[..], [(_, Outcome::Done(_))]), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_inherits_nothing_is_told_apart() {
    let world = World::new();
    world.delegate();
    let one = format!("CN=Walled,{STAFF}");
    let other = format!("CN=Open,{STAFF}");
    for (dn, name) in [(&one, "walled"), (&other, "open")] {
        world.controller.add(&format!(
            "dn: {dn}\nobjectClass: user\nsAMAccountName: {name}\nuserAccountControl: 514\n"
        ));
    }
    // Everybody is denied to delete it, as "Protect object from accidental deletion" does.
    world.grant(&one, "(D;;SDDT;;;WD)");
    let (found, well) = rights(&world.setup);
    assert!(!well);
    assert_eq!(missing(&found, &one), ["delete users"]);
    assert_eq!(found["missing"].as_array().unwrap().len(), 1, "{found}");
    assert!(
        found["notes"][0]
            .as_str()
            .unwrap()
            .starts_with("1 of 2 accounts looked at"),
        "{found}"
    );

    // An administrator's is nobody's to write, so that nothing is missing there (B21).
    world.controller.modify(&format!(
        "dn: {one}\nchangetype: modify\nreplace: adminCount\nadminCount: 1\n"
    ));
    let (found, well) = rights(&world.setup);
    assert!(well, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_missing_too() {
    let world = World::new();
    world.delegate();
    // A domain in which not everybody may read everything.
    world.grant(
        STAFF,
        "(OD;CIIO;RP;bf967a68-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;@)",
    );
    world.grant(ROME, "(D;;RC;;;@)");
    let (found, well) = rights(&world.setup);
    assert!(!well);
    assert_eq!(missing(&found, STAFF), ["read userAccountControl"]);
    assert_eq!(missing(&found, ROME), ["read permissions"]);
    assert_eq!(found["missing"].as_array().unwrap().len(), 2, "{found}");
    let hidden = found["notes"][0].as_str().unwrap();
    assert!(
        hidden.starts_with("1 of the domain's containers shows no access list"),
        "{hidden}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_flows_once_or_never_needs_no_right_to_write() {
    let world = World::new();
    let setup = world.keyed("");
    let mut schema = schema();
    let object = &mut schema["synchronizationRules"][0]["objectMappings"][0];
    object["flowTypes"] = json!("Update, Delete");
    let mappings = object["attributeMappings"].as_array_mut().unwrap();
    mappings.retain(|it| {
        ["employeeID", "title", "cn", "sAMAccountName"].contains(&it["targetAttributeName"].as_str().unwrap())
    });
    for mapping in mappings {
        if mapping["targetAttributeName"] != "title" {
            mapping["flowType"] = json!("ObjectAddOnly");
        }
    }
    std::fs::write(setup.dir.path().join("schema.json"), schema.to_string()).unwrap();
    let (found, _) = rights(&setup);
    let expected = ["delete users", "write title", "write userAccountControl"];
    assert_eq!(missing(&found, STAFF), expected);
}

#[test]
fn a_delegation_for_windows_has_one_line_a_right() {
    let world = World::new();
    let lines = world.delegation("dsacls");
    let line = |container: &str, rest: &str| format!("dsacls \"{container}\" {rest}");
    for container in [STAFF, ROME] {
        for rest in [
            r#"/I:T /G "EXAMPLE\muster:LC""#,
            r#"/I:T /G "EXAMPLE\muster:CC;user""#,
            r#"/I:S /G "EXAMPLE\muster:SD;;user""#,
            r#"/I:S /G "EXAMPLE\muster:CA;Reset Password;user""#,
            r#"/I:S /G "EXAMPLE\muster:RPWP;userAccountControl;user""#,
            r#"/I:S /G "EXAMPLE\muster:RPWP;title;user""#,
            r#"/I:S /G "EXAMPLE\muster:RPWP;name;user""#,
            r#"/I:S /G "EXAMPLE\muster:RP;userPrincipalName;user""#,
            r#"/I:S /G "EXAMPLE\muster:RP;adminCount;user""#,
        ] {
            assert!(lines.contains(&line(container, rest)), "{rest}: {lines:#?}");
        }
    }
    let written = lines.iter().filter(|line| line.contains(":RPWP;")).count();
    assert_eq!(written, 2 * WRITTEN.len());
    let bare = check(&world.setup, &["--print-delegation"]);
    assert_eq!(
        printed(&bare).lines().skip(1).collect::<Vec<_>>(),
        lines,
        "dsacls unless said"
    );
    assert_eq!(
        check(&world.setup, &["--print-delegation=icacls"]).status.code(),
        Some(2)
    );

    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rights.md")).unwrap();
    let shown: Vec<&str> = page.lines().filter(|line| line.starts_with("dsacls ")).collect();
    assert!(!shown.is_empty());
    for shown in shown {
        assert!(lines.iter().any(|line| line == shown), "docs/rights.md: {shown}");
    }
}
