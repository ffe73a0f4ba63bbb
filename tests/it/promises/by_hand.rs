//! B27, B28: a plan is refused where somebody was faster, and what was carried out can be taken back whole, with the commands
//! that an administrator types.

use std::collections::BTreeMap;
use std::process::Output;

use muster::engine::Clock;
use serde_json::{Value as Json, json};

use super::{BRANCH, STAFF, World, schema};
use crate::gateway::{ENTERPRISE, JOB, eventually, person, with};
use crate::shell;

/// What the directory notes down about a write, and not what was written.
const OF_THE_WRITE: &[&str] = &["uSNChanged", "whenChanged", "dSCorePropagationData"];

/// Every attribute of everybody but those, by DN.
type Everything = BTreeMap<String, BTreeMap<String, Vec<String>>>;

fn everything(world: &World) -> Everything {
    let mut all = Everything::new();
    for (_, mut entry) in world.everybody() {
        for attribute in OF_THE_WRITE {
            entry.values.remove(*attribute);
        }
        for values in entry.values.values_mut() {
            values.sort();
        }
        all.insert(entry.dn, entry.values);
    }
    all
}

#[track_caller]
fn same(found: &Everything, expected: &Everything) {
    let dns = |all: &Everything| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(dns(found), dns(expected));
    for (dn, values) in expected {
        assert_eq!(&found[dn], values, "{dn}");
    }
}

fn muster(world: &World, arguments: &[&str]) -> Output {
    tokio::task::block_in_place(|| shell::muster(&world.gateway.setup, arguments))
}

#[track_caller]
fn printed(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn member(id: &str, name: &str, title: &str, department: &str, manager: Option<&str>) -> Json {
    let manager = manager.map(|id| json!({ "value": id }));
    let mut extension = json!({ "department": department });
    if let Some(manager) = manager {
        extension["manager"] = manager;
    }
    with(person(id, name), json!({ "title": title, ENTERPRISE: extension }))
}

fn by_hand(world: &World, worker: &str, title: &str) {
    let dn = world.account(worker).dn;
    let ldif = format!("dn: {dn}\nchangetype: modify\nreplace: title\ntitle: {title}\n");
    tokio::task::block_in_place(|| world.domain.modify(&ldif));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_refused_where_somebody_was_faster_and_undone_to_the_last_attribute() {
    let place = format!(r#"Switch([{ENTERPRISE}:department], "{STAFF}", "Branch", "{BRANCH}")"#);
    let mappings = [
        ("cn", "[displayName]", "Always"),
        ("parentDistinguishedName", place.as_str(), "Always"),
    ];
    let schema = schema("API2AD", &mappings, &[]);
    // The commands go by the system's time.
    let world = World::of_uploads(&Clock::system().now().to_string(), Some(schema), "").await;
    world
        .says(&[
            member("1", "Ada Novak", "Clerk", "Head", None),
            member("2", "Ben Novak", "Clerk", "Head", Some("1")),
            member("3", "Cas Novak", "Usher", "Head", Some("1")),
            member("4", "Dov Novak", "Guard", "Head", None),
            member("5", "Eva Novak", "Guard", "Branch", None),
            member("6", "Fay Novak", "Guard", "Head", None),
        ])
        .await;
    let start = everything(&world);
    assert_eq!(start.len(), 6);
    let phone = json!([{ "type": "work", "value": "+44 20 1" }]);
    world
        .gateway
        .caller
        .upload(&[
            // Another title, another name, another manager and another unit, a first phone, and a leaver.
            member("1", "Ada Novak", "Judge", "Head", None),
            member("2", "Ben \"B\" Kovac, Jr", "Clerk", "Head", Some("4")),
            member("3", "Cas Novak", "Usher", "Branch", Some("1")),
            with(
                member("4", "Dov Novak", "Guard", "Head", Some("1")),
                json!({ "phoneNumbers": phone }),
            ),
            with(
                member("5", "Eva Novak", "Former guard", "Branch", None),
                json!({ "active": false }),
            ),
            member("6", "Fay Novak", "Guard", "Head", None),
        ])
        .await;
    printed(&muster(&world, &["plan", JOB, "--out", "plan.json"]));
    same(&everything(&world), &start);

    // Somebody changes one account before the plan is carried out: nothing of it happens to anybody.
    by_hand(&world, "1", "Bailiff");
    let with_hand = everything(&world);
    let refused = muster(&world, &["apply", "plan.json"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("worker 1 (Ada Novak), title: it was 'Clerk', and is 'Bailiff' now"),
        "{said}"
    );
    for other in ["worker 2", "worker 3", "worker 4", "worker 5", "worker 6"] {
        assert!(!said.contains(other), "{said}");
    }
    same(&everything(&world), &with_hand);
    by_hand(&world, "1", "Clerk");
    same(&everything(&world), &start);

    let planned = printed(&muster(&world, &["plan", JOB, "--out", "plan.json"]));
    assert!(
        planned.contains("6 workers looked at: 1 disable, 1 move, 1 rename, 5 update."),
        "{planned}"
    );
    let applied = printed(&muster(&world, &["apply", "plan.json"]));
    assert!(applied.starts_with("5 done, 0 refused, 0 waiting"), "{applied}");
    let account = |worker: &str| world.account(worker);
    assert_eq!(account("1").value("title"), Some("Judge"));
    assert_eq!(account("2").dn, format!("CN=Ben \\\"B\\\" Kovac\\, Jr,{STAFF}"));
    assert_eq!(
        account("2").value("manager"),
        Some(format!("CN=Dov Novak,{STAFF}").as_str())
    );
    assert_eq!(account("3").dn, format!("CN=Cas Novak,{BRANCH}"));
    assert_eq!(account("4").value("telephoneNumber"), Some("+44 20 1"));
    assert_eq!(account("5").value("userAccountControl"), Some("514"));

    let plan: Json =
        serde_json::from_slice(&std::fs::read(world.gateway.setup.dir.path().join("plan.json")).unwrap())
            .unwrap();
    let undone = printed(&muster(&world, &["undo", plan["plan"]["id"].as_str().unwrap()]));
    assert!(undone.starts_with("5 done, 0 refused, 0 waiting"), "{undone}");
    same(&everything(&world), &start);

    // A cycle that looks at everybody leaves it so.
    let before = world.last_cycle().await;
    world
        .post(
            "restart",
            Some(json!({ "criteria": { "resetScope": "Watermark" } })),
        )
        .await;
    let mut seen = Json::Null;
    eventually("everybody was looked at", async || {
        let job = world.gateway.caller.job().await;
        seen = job["status"]["lastExecution"].clone();
        seen["activityIdentifier"] != before && world.is_idle().await
    })
    .await;
    assert_eq!(
        (&seen["countEntitled"], &seen["countExported"]),
        (&json!(6), &json!(0)),
        "{seen}"
    );
    same(&everything(&world), &start);

    // HR's next word about one of them is carried out.
    world
        .says(&[member("1", "Ada Novak", "Warden", "Head", None)])
        .await;
    assert_eq!(account("1").value("title"), Some("Warden"));
    let mut now = everything(&world);
    let mut expected = start.clone();
    for all in [&mut now, &mut expected] {
        all.get_mut(&format!("CN=Ada Novak,{STAFF}"))
            .unwrap()
            .remove("title");
    }
    same(&now, &expected);
}
