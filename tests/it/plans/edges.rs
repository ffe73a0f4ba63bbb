//! What happens to plans at the edges: parts of them, limits of a first plan, makers that are killed, gateways that stop, and
//! changes that cannot be taken back now.

use std::time::Duration;

use muster::lab::faults::{Action, Fault};
use muster::store::{Location, Store, links, plans};
use uuid::Uuid;

use super::*;
use crate::names;

async fn store(desk: &Desk) -> Store {
    let path = desk.gateway.setup.dir.path().join("muster.db");
    Store::open(Location::Sqlite(path)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn b22_a_part_of_a_plan_has_the_names_that_the_whole_gives() {
    let directory = lab::directory();
    let setup = Setup::with_target(&ldap(&directory));
    let schema = names::schema("API2AD", names::DIRECTORY);
    std::fs::write(setup.dir.path().join("schema.json"), schema).unwrap();
    let gateway = setup.app("schema = \"schema.json\"").start().await;
    let desk = Desk { directory, gateway };
    let namesakes = [person("1", "Ada Byron"), person("2", "Ada Byron")];
    desk.gateway.caller.upload(&namesakes).await;
    let plan = desk.plan(json!({})).await;
    let id = plan["plan"]["id"].as_str().unwrap();
    let name = |worker: &str| {
        let filter = format!("(employeeID={worker})");
        let found = desk
            .directory
            .admin()
            .search(&filter, &["userPrincipalName"])
            .unwrap();
        found
            .first()
            .map(|entry| entry.value("userPrincipalName").unwrap().to_string())
    };
    // The second one's name is what it is because of the first, who is not served now.
    let (status, applied) = desk
        .post(&format!("plans/{id}/apply"), json!({"workers": ["2"]}))
        .await;
    assert_eq!(
        (status, &applied["done"]),
        (StatusCode::OK, &json!(1)),
        "{applied}"
    );
    assert_eq!(
        (name("1"), name("2").as_deref()),
        (None, Some("Ada.Byron.2@example.test"))
    );
    let (status, applied) = desk.apply(&plan).await;
    assert_eq!(
        (status, &applied["done"]),
        (StatusCode::OK, &json!(1)),
        "{applied}"
    );
    assert_eq!(name("1").as_deref(), Some("Ada.Byron@example.test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn b16_the_limits_of_a_first_plan_count_whom_it_found_when_it_is_carried_out() {
    const PEOPLE: usize = 440;
    const LEAVERS: usize = 21;
    let people: Vec<Json> = (0..PEOPLE)
        .map(|number| person(&format!("{number:04}"), &format!("Ada Byron{number}")))
        .collect();
    let desk = Desk::of(&people).await;
    // A job that knows none of the accounts that are there.
    store(&desk)
        .await
        .write(|conn| links::clear(conn, JOB))
        .await
        .unwrap();
    let leavers: Vec<Json> = people[..LEAVERS]
        .iter()
        .map(|one| with(one.clone(), json!({"active": false})))
        .collect();
    desk.gateway.caller.upload(&leavers).await;
    let plan = desk.plan(json!({"full": true})).await;
    assert_eq!(
        plan["plan"]["counts"],
        json!({"disable": LEAVERS}),
        "5 % of all who were found"
    );
    let (status, applied) = desk.apply(&plan).await;
    assert_eq!(
        (status, &applied["done"]),
        (StatusCode::OK, &json!(LEAVERS)),
        "{applied}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_maker_was_killed_is_said_to_have_failed() {
    let desk = Desk::of(&[titled("1", "Ada Novak", "Clerk")]).await;
    let made = desk.plan(json!({})).await["plan"].clone();
    let begun = async |making: Json| {
        let (id, mut head) = (Uuid::now_v7().to_string(), made.clone());
        head["id"] = json!(id);
        head["state"] = json!("making");
        head["making"] = making;
        let (key, at) = (id.clone(), made["made"].as_str().unwrap().parse().unwrap());
        let begin = move |conn: &mut muster::store::Conn| plans::begin(conn, &key, JOB, at, &head);
        store(&desk).await.write(begin).await.unwrap();
        let path = format!("{}/plans/{id}", desk.gateway.caller.job_path());
        desk.gateway.caller.send("GET", &path, None).await.1["plan"].clone()
    };
    let abandoned = begun(json!(999)).await;
    assert_eq!(abandoned["state"], "failed", "{abandoned}");
    assert!(
        abandoned["error"]
            .as_str()
            .unwrap()
            .contains("stopped in the middle"),
        "{abandoned}"
    );
    let id = abandoned["id"].as_str().unwrap();
    let (status, refused) = desk.post(&format!("plans/{id}/apply"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refused}");
    // One that waits for the job to be free is not given up yet.
    assert_eq!(begun(Json::Null).await["state"], "making");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_stops_finishes_the_plan_in_hand_though_nobody_waits_for_it() {
    let desk = Desk::of(&[titled("1", "Ada Novak", "Clerk")]).await;
    desk.gateway
        .caller
        .upload(&[titled("1", "Ada Novak", "Judge")])
        .await;
    let plan = desk.plan(json!({})).await;
    let id = plan["plan"]["id"].as_str().unwrap().to_string();
    let slow = json!({"faults": [{"on": "modify", "do": {"slow": {"milliseconds": 1500}}}]});
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let faults = http.post(format!("{}/lab/faults", desk.directory.directory.admin));
    assert!(faults.json(&slow).send().await.unwrap().status().is_success());
    let path = format!("{}/plans/{id}/apply", desk.gateway.caller.job_path());
    let asked = desk.gateway.caller.request("POST", &path).json(&json!({}));
    let asked = asked.bearer_auth(desk.gateway.caller.token().await);
    let hung_up = asked.timeout(Duration::from_millis(700)).send().await;
    assert!(hung_up.is_err(), "the answer takes longer");
    let store = store(&desk).await;
    desk.gateway.stop().await;
    let head: Option<Json> = store.read(move |conn| plans::find(conn, JOB, &id)).await.unwrap();
    assert_eq!(head.unwrap()["state"], "applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn b28_what_hr_wants_otherwise_is_left_alone_though_a_limit_holds_it() {
    let directory = lab::directory();
    let setup = Setup::with_target(&ldap(&directory)).app("start = true\nguard = { overwrites = 0 }");
    let gateway = setup.start().await;
    let desk = Desk { directory, gateway };
    let caller = &desk.gateway.caller;
    caller.upload(&[titled("1", "Ada Novak", "Clerk")]).await;
    caller.settled().await;
    desk.post("pause", json!({})).await;
    caller.upload(&[titled("1", "Ada Novak", "Judge")]).await;
    let person = json!({"parameters": [{"subjects": [{"objectId": "1"}]}]});
    // The first call is held back, and the second releases what the first was held back from.
    for title in ["Clerk", "Judge"] {
        assert_eq!(desk.post("provisionOnDemand", person.clone()).await.0, 200);
        assert_eq!(desk.title("1").unwrap(), title);
    }
    let updates = format!("jobid eq '{JOB}' and provisioningAction eq 'update'");
    let cycle = caller.logs(&updates).await[0]["cycleId"].clone();
    caller.upload(&[titled("1", "Ada Novak", "Warden")]).await;
    let (status, undone) = desk.post("undo", json!({"id": cycle})).await;
    assert_eq!((status, &undone["done"]), (StatusCode::OK, &json!(0)), "{undone}");
    let title = undone["changed"].as_array().unwrap();
    let title = title.iter().find(|one| one["attribute"] == "title");
    let message = title.unwrap()["message"].as_str().unwrap();
    assert!(message.contains("HR says something else by now"), "{undone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn b28_an_undo_of_which_nobody_knows_what_came_is_no_success() {
    let desk = Desk::of(&[titled("1", "Ada Novak", "Clerk")]).await;
    let caller = &desk.gateway.caller;
    caller.upload(&[titled("1", "Ada Novak", "Judge")]).await;
    let plan = desk.plan(json!({})).await;
    assert_eq!(desk.apply(&plan).await.0, 200);
    desk.directory.directory.controls.faults.replace(vec![Fault {
        on: "modify".into(),
        about: Some("CN=Ada".into()),
        skip: 0,
        times: None,
        action: Action::CutAfter,
    }]);
    let cycle = plan["plan"]["id"].as_str().unwrap();
    let undone = desk.muster(&["undo", cycle, "--json"]);
    let said = String::from_utf8_lossy(&undone.stderr).into_owned();
    assert_eq!(undone.status.code(), Some(1), "{said}");
    let undone: Json = serde_json::from_slice(&undone.stdout).unwrap();
    let message = undone["changed"][0]["message"].as_str().unwrap();
    assert!(message.contains("nobody answered"), "{undone}");
}
