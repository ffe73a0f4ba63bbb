//! The topologies of docs/topologies.md, each run from the page: what it says is what happens.

use muster::config::Config;
use serde_json::{Value as Json, json};

use super::{keep_out, path_of, told};
use crate::gateway::{BULK_REQUEST, Caller, ENTERPRISE, Gateway, Setup, eventually, person, with};
use crate::shell;
use crate::support::lab::{self, Lab, directory_with};
use crate::support::ldap::{Client, Entry};
use crate::support::samba;

const PAGE: &str = include_str!("../../../docs/topologies.md");
const FIRST: &str = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c11";
const SECOND: &str = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c12";

/// What one chapter has: its config, and the files beside it.
struct Topology {
    config: String,
    files: Vec<(String, String)>,
}

fn topology(title: &str) -> Topology {
    let chapter = PAGE
        .split("\n## ")
        .find(|chapter| chapter.starts_with(title))
        .unwrap();
    let fenced = |text: &str, kind: &str| {
        let (_, rest) = text.split_once(&format!("```{kind}\n"))?;
        Some(rest.split("```").next().unwrap().to_string())
    };
    // "`employees.json`, …:" and a block.
    let close = chapter.replace("\n\n```json", "\n```json");
    let named = close.split("\n\n`").skip(1).filter_map(|part| {
        let (name, rest) = part.split_once('`')?;
        let is_file = name.ends_with(".json");
        let words = rest.split("```").next()?;
        let change: Json = serde_json::from_str(&fenced(rest, "json").filter(|_| is_file)?).unwrap();
        Some((name.to_string(), schema(words, &change)))
    });
    Topology {
        files: named.collect(),
        config: fenced(chapter, "toml").unwrap(),
    }
}

/// The template's schema with what the page shows of its object mapping, and says in words.
fn schema(words: &str, change: &Json) -> String {
    super::schema(|object| {
        if words.contains("without the mapping of `manager`") {
            super::omit(object, &["manager"]);
        }
        for (member, value) in change.as_object().unwrap() {
            match member.as_str() {
                "attributeMappings" if !words.contains("no other mappings") => {
                    let new = value.as_array().unwrap();
                    let targets: Vec<&str> = new
                        .iter()
                        .map(|one| one["targetAttributeName"].as_str().unwrap())
                        .collect();
                    super::omit(object, &targets);
                    object["attributeMappings"]
                        .as_array_mut()
                        .unwrap()
                        .extend(new.clone());
                }
                member => object[member] = value.clone(),
            }
        }
    })
}

/// A domain to put in the place of one that the page names.
struct Domain {
    name: &'static str,
    url: String,
    user: String,
    password: String,
    ca_file: String,
    admin: Client,
}

fn domain(name: &'static str, lab: &Lab) -> Domain {
    Domain {
        name,
        url: lab.directory.url.clone(),
        user: lab.upn.clone(),
        password: lab.directory.password.clone(),
        ca_file: lab.directory.ca_file.display().to_string(),
        admin: lab.admin(),
    }
}

fn lab_domain(name: &'static str, units: &[&str]) -> (Lab, Domain) {
    let base_dn = format!("DC={name},DC=test");
    let lab = tokio::task::block_in_place(|| {
        directory_with(lab::Options {
            delegated: units.iter().map(|unit| format!("{unit},{base_dn}")).collect(),
            base_dn,
            ..lab::Options::default()
        })
    });
    let domain = domain(name, &lab);
    (lab, domain)
}

impl Topology {
    /// Checks the config with the command, and runs it.
    async fn start(self, domains: &[&Domain]) -> Gateway {
        let mut config = self.config;
        for domain in domains {
            let name = domain.name;
            let variable = if name == "example" { "AD" } else { name }.to_uppercase();
            let file = if name == "example" {
                "ca.pem".into()
            } else {
                format!("{name}.pem")
            };
            for (shown, real) in [
                (
                    format!("\"ldaps://dc1.{name}.test\""),
                    format!("\"{}\"", domain.url),
                ),
                (
                    format!("\"svc-muster@{name}.test\""),
                    format!("\"{}\"", domain.user),
                ),
                (
                    format!("{{ env = \"{variable}_PASSWORD\" }}"),
                    format!("\"{}\"", domain.password),
                ),
                (format!("\"{file}\""), format!("\"{}\"", domain.ca_file)),
            ] {
                assert!(config.contains(&shown), "the page has {shown}");
                config = config.replace(&shown, &real);
            }
        }
        let setup = Setup::whole(&config);
        for (name, schema) in &self.files {
            std::fs::write(setup.dir.path().join(name), schema).unwrap();
        }
        let checked = shell::muster(&setup, &["check"]);
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success(), "{said}");
        assert!(
            !said.contains("both map") && !said.contains("both find"),
            "{said}"
        );
        setup.start().await
    }
}

async fn upload(caller: &Caller, app: &str, job: &str, people: &[Json]) {
    let operations: Vec<Json> = people
        .iter()
        .map(|data| json!({ "method": "POST", "path": "/Users", "bulkId": data["externalId"], "data": data }))
        .collect();
    let body = json!({ "schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": null });
    let path = format!("{}/bulkUpload", path_of(app, job));
    let answer = caller
        .request("POST", &path)
        .bearer_auth(caller.token().await)
        .header("Content-Type", "application/scim+json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
}

fn of(admin: &Client, employee: &str) -> Option<Entry> {
    let mut found = admin.search(&format!("(employeeID={employee})"), &["*"]).unwrap();
    assert!(found.len() < 2, "{employee} has several accounts");
    found.pop()
}

fn worker(id: &str, name: &str, kind: &str, manager: Option<&str>) -> Json {
    let manager = manager.map(|manager| json!({ "value": manager }));
    with(
        person(id, name),
        json!({ "userType": kind, ENTERPRISE: { "manager": manager, "organization": kind } }),
    )
}

fn lives_in(entry: &Entry, unit: &str) -> bool {
    entry
        .dn
        .to_lowercase()
        .contains(&format!(",{}", unit.to_lowercase()))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_app_one_domain() {
    let (_lab, corp) = lab_domain("example", &["OU=Staff"]);
    let gateway = topology("1.").start(&[&corp]).await;
    upload(
        &gateway.caller,
        FIRST,
        "everybody",
        &[worker("1", "Ada Byron", "Employee", None)],
    )
    .await;
    eventually("the account is made", async || of(&corp.admin, "1").is_some()).await;
}

/// Employees, contractors and managers, each an app's, over a domain.
async fn several_apps(corp: &Domain) {
    let gateway = topology("2.").start(&[corp]).await;
    let caller = &gateway.caller;
    let say = async |people: &[Json]| upload(caller, FIRST, "employees", people).await;
    say(&[
        worker("1", "Ada Byron", "Employee", Some("2")),
        worker("2", "Grace Hopper", "Contractor", Some("3")),
        worker("3", "Edith Clarke", "Employee", None),
        worker("4", "Lise Meitner", "Guest", Some("3")),
    ])
    .await;
    let manager = |id: &str| of(&corp.admin, id)?.value("manager").map(str::to_lowercase);
    for (id, above) in [("1", "2"), ("2", "3")] {
        eventually("the third app sets managers across the two", async || {
            let above = of(&corp.admin, above).map(|entry| entry.dn.to_lowercase());
            above.is_some() && manager(id) == above
        })
        .await;
    }
    assert!(lives_in(&of(&corp.admin, "1").unwrap(), "OU=Staff"));
    assert!(lives_in(&of(&corp.admin, "2").unwrap(), "OU=Contractors"));
    assert!(
        of(&corp.admin, "4").is_none(),
        "nobody makes whom no scope admits"
    );

    // A contractor is hired: the account stays whose it is, and the employees' app disables it in the end.
    say(&[worker("2", "Grace Hopper", "Employee", Some("3"))]).await;
    say(&[json!({ "externalId": "2", "title": "Admiral" })]).await;
    eventually("the employees' app writes the account", async || {
        of(&corp.admin, "2").unwrap().value("title") == Some("Admiral")
    })
    .await;
    say(&[json!({ "externalId": "2", "active": false })]).await;
    eventually("the leaver is disabled", async || {
        !super::is_enabled(&of(&corp.admin, "2").unwrap())
    })
    .await;
    eventually("by the employees' app", async || {
        let told = told(caller, "employees", "2").await;
        told.iter()
            .any(|(action, status, ..)| action == "disable" && status == "success")
    })
    .await;
    keep_out(caller, "contractors", "2", "disable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_apps_one_domain() {
    let (_lab, corp) = lab_domain("example", &["OU=Staff", "OU=Contractors"]);
    several_apps(&corp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_apps_one_domain_of_samba() {
    let controller = tokio::task::block_in_place(samba::controller);
    let units = ["OU=Staff,DC=example,DC=test", "OU=Contractors,DC=example,DC=test"];
    let (user, password) = tokio::task::block_in_place(|| controller.service_account(&units));
    let corp = Domain {
        name: "example",
        url: controller.ldaps_url.clone(),
        user,
        password,
        ca_file: controller.ca_file.display().to_string(),
        admin: controller.admin(),
    };
    several_apps(&corp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forests_that_are_not_connected() {
    let ((_one, north), (_two, south)) = (
        lab_domain("north", &["OU=Staff"]),
        lab_domain("south", &["OU=Staff"]),
    );
    let gateway = topology("6.").start(&[&north, &south]).await;
    let caller = &gateway.caller;
    let say = async |people: &[Json]| upload(caller, FIRST, "north", people).await;
    say(&[
        worker("1", "Ada Byron", "North", None),
        worker("2", "Grace Hopper", "South", Some("1")),
        worker("3", "Edith Clarke", "North", Some("1")),
    ])
    .await;
    eventually("each forest has its people", async || {
        let there = |domain: &Domain, id| of(&domain.admin, id).is_some();
        there(&north, "1") && there(&south, "2") && there(&north, "3")
    })
    .await;
    eventually("managers are set within a forest", async || {
        of(&north.admin, "3").unwrap().value("manager").is_some()
    })
    .await;
    assert!(of(&south.admin, "1").is_none() && of(&north.admin, "2").is_none());
    assert_eq!(of(&south.admin, "2").unwrap().value("manager"), None);
    let entry = caller
        .logs("jobid eq 'south' and sourceIdentity/id eq '2'")
        .await
        .remove(0);
    assert!(
        entry["provisioningSteps"].to_string().contains("outOfScope"),
        "{entry}"
    );
    // Who leaves in the south leaves nothing in the north.
    say(&[json!({ "externalId": "2", "active": false })]).await;
    eventually("the leaver is disabled", async || {
        !super::is_enabled(&of(&south.admin, "2").unwrap())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_hr_systems_into_one_domain() {
    let (_lab, corp) = lab_domain("example", &["OU=Staff"]);
    let gateway = topology("7.").start(&[&corp]).await;
    let caller = &gateway.caller;
    let ada = || worker("10001", "Ada Byron", "Employee", None);
    upload(
        caller,
        FIRST,
        "hr",
        &[ada(), worker("10002", "Bea Byron", "Employee", Some("10001"))],
    )
    .await;
    // Only the acquired company's names give way, so the first company's people are there when it comes.
    eventually("the first company has its accounts", async || {
        ["10001", "10002"].iter().all(|id| of(&corp.admin, id).is_some())
    })
    .await;
    // The same number, the same name: two people.
    let theirs = [
        worker("10001", "Ada Byron", "Employee", Some("10009")),
        worker("10009", "Grace Hopper", "Employee", None),
    ];
    upload(caller, SECOND, "acquired", &theirs).await;
    eventually("the acquired company has its accounts, too", async || {
        ["B-10001", "B-10009"]
            .iter()
            .all(|id| of(&corp.admin, id).is_some())
    })
    .await;
    for (id, manager) in [("10002", "10001"), ("B-10001", "B-10009")] {
        eventually("managers are each company's own", async || {
            let above = of(&corp.admin, manager).unwrap().dn.to_lowercase();
            of(&corp.admin, id)
                .unwrap()
                .value("manager")
                .map(str::to_lowercase)
                == Some(above)
        })
        .await;
    }
    upload(
        caller,
        SECOND,
        "acquired",
        &[json!({ "externalId": "10001", "active": false })],
    )
    .await;
    eventually("the leaver is disabled", async || {
        !super::is_enabled(&of(&corp.admin, "B-10001").unwrap())
    })
    .await;
    assert!(super::is_enabled(&of(&corp.admin, "10001").unwrap()));
}

#[test]
fn the_switches_of_the_page_are_a_configs() {
    let keys = topology("Second accounts").config;
    let config = topology("1.")
        .config
        .replace("{ env = \"AD_PASSWORD\" }", "\"x\"");
    let text = Setup::whole(&format!("{config}\n{keys}"))
        .text("127.0.0.1:0")
        .replace("ca_file = \"ca.pem\"", "");
    let config = Config::parse(&text, std::path::Path::new(".")).unwrap();
    let settings = &config.apps[0].settings;
    assert!(settings.recreate && !settings.twins.is_empty());
}
