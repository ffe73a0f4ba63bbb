//! Plans that are read before they happen: what they say, and that exactly that is done or nothing.

mod edges;

use std::process::Output;

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, Gateway, JOB, Setup, eventually, outcome, person, with};
use crate::pull::ldap;
use crate::shell;
use crate::support::lab::{self, Lab};
use crate::support::workday::Tenant;

/// A gateway with a job that is worked on by hand.
pub struct Desk {
    pub directory: Lab,
    pub gateway: Gateway,
}

impl Desk {
    /// A job that is paused once these people have their accounts.
    pub async fn of(people: &[Json]) -> Desk {
        let directory = lab::directory();
        let setup = Setup::with_target(&ldap(&directory)).app("start = true");
        let gateway = setup.start().await;
        gateway.caller.upload(people).await;
        gateway.caller.settled().await;
        let desk = Desk { directory, gateway };
        let managed = people
            .iter()
            .filter(|one| one[ENTERPRISE]["manager"].is_object())
            .count();
        eventually("everybody has a manager", async || {
            let found = desk
                .directory
                .admin()
                .search("(&(employeeID=*)(manager=*))", &["cn"])
                .unwrap();
            found.len() == managed
        })
        .await;
        desk.post("pause", json!({})).await;
        desk
    }

    pub async fn post(&self, what: &str, body: Json) -> (StatusCode, Json) {
        let path = format!("{}/{what}", self.gateway.caller.job_path());
        self.gateway.caller.send("POST", &path, Some(body)).await
    }

    /// A plan that is made, with the first page of what it proposes.
    pub async fn plan(&self, wanted: Json) -> Json {
        let (status, made) = self.post("plans", wanted).await;
        assert_eq!(status, 202, "{made}");
        let id = made["plan"]["id"].as_str().unwrap().to_string();
        let path = format!("{}/plans/{id}", self.gateway.caller.job_path());
        let mut plan = Json::Null;
        eventually("the plan is made", async || {
            plan = self.gateway.caller.send("GET", &path, None).await.1;
            plan["plan"]["state"] != "making"
        })
        .await;
        assert_eq!(plan["plan"]["state"], "ready", "{plan}");
        plan
    }

    /// Why a plan for everybody is not made.
    async fn unplanned(&self) -> String {
        let (status, made) = self.post("plans", json!({"full": true})).await;
        assert_eq!(status, 202, "{made}");
        let id = made["plan"]["id"].as_str().unwrap();
        let path = format!("{}/plans/{id}", self.gateway.caller.job_path());
        let mut plan = Json::Null;
        eventually("the plan is refused", async || {
            plan = self.gateway.caller.send("GET", &path, None).await.1;
            plan["plan"]["state"] != "making"
        })
        .await;
        assert_eq!(plan["plan"]["state"], "failed", "{plan}");
        plan["plan"]["error"].as_str().unwrap().to_string()
    }

    pub async fn apply(&self, plan: &Json) -> (StatusCode, Json) {
        let id = plan["plan"]["id"].as_str().unwrap();
        self.post(&format!("plans/{id}/apply"), json!({})).await
    }

    /// Waits until a cycle that began from here on has looked at everybody.
    async fn look_at_everybody(&self) {
        let seen = self.gateway.caller.job().await["status"]["lastExecution"]["activityIdentifier"].clone();
        eventually("everybody is looked at", async || {
            let job = self.gateway.caller.job().await;
            let last = &job["status"]["lastExecution"];
            last["activityIdentifier"] != seen && last["countEntitled"].as_u64().is_some_and(|seen| seen >= 3)
        })
        .await;
    }

    pub fn title(&self, worker: &str) -> Option<String> {
        let found = self
            .directory
            .admin()
            .search(&format!("(employeeID={worker})"), &["title"]);
        let found = found.unwrap();
        assert_eq!(found.len(), 1, "{worker}");
        found[0].value("title").map(String::from)
    }

    pub fn by_hand(&self, worker: &str, title: &str) {
        let admin = self.directory.admin();
        let found = admin
            .search(&format!("(employeeID={worker})"), &["title"])
            .unwrap();
        let dn = &found[0].dn;
        admin
            .modify(&format!(
                "dn: {dn}\nchangetype: modify\nreplace: title\ntitle: {title}\n"
            ))
            .unwrap();
    }

    pub fn muster(&self, arguments: &[&str]) -> Output {
        shell::muster(&self.gateway.setup, arguments)
    }
}

pub fn titled(id: &str, name: &str, title: &str) -> Json {
    with(person(id, name), json!({"title": title}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_comes_of_whom_and_why_and_is_carried_out_exactly_so() {
    let desk = Desk::of(&[
        titled("1", "Ada Novak", "Clerk"),
        titled("2", "Ben Novak", "Clerk"),
    ])
    .await;
    desk.gateway
        .caller
        .upload(&[
            titled("1", "Ada Novak", "Judge"),
            titled("3", "Cas Novak", "Usher"),
        ])
        .await;
    let plan = desk.plan(json!({})).await;
    let [ada, cas] = plan["changes"].as_array().unwrap().as_slice() else {
        panic!("{plan}");
    };
    let set = json!([{"effect": "set", "attribute": "title", "before": ["Clerk"], "after": ["Judge"]}]);
    assert_eq!((&ada["worker"], &ada["effects"]), (&json!("1"), &set));
    assert_eq!(
        (&ada["name"], &ada["situation"]),
        (&json!("Ada Novak"), &json!("linked"))
    );
    assert_eq!(ada["inputs"], json!({"title": ["Judge"]}));
    assert_eq!(plan["plan"]["mappings"]["title"], "[title]");
    assert_eq!(
        (&cas["worker"], &cas["effects"][0]["effect"]),
        (&json!("3"), &json!("create"))
    );
    assert_eq!(plan["plan"]["counts"], json!({"create": 1, "update": 1}));
    // Nothing of it has happened.
    assert_eq!(desk.title("1").unwrap(), "Clerk");
    assert!(
        desk.directory
            .admin()
            .search("(employeeID=3)", &["cn"])
            .unwrap()
            .is_empty()
    );
    let (status, applied) = desk.apply(&plan).await;
    assert_eq!(
        (status, &applied["done"]),
        (StatusCode::OK, &json!(2)),
        "{applied}"
    );
    assert_eq!(desk.title("1").unwrap(), "Judge");
    assert_eq!(desk.title("3").unwrap(), "Usher");
    // Each operation has its outcome, as in a cycle.
    desk.gateway.caller.settled().await;
    assert_eq!(
        desk.gateway.caller.outcome("3").await,
        outcome("create", "success", "")
    );
    assert_eq!(desk.plan(json!({"full": true})).await["changes"], json!([]));
    // What was carried out is not carried out again.
    let (status, refused) = desk.apply(&plan).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (StatusCode::CONFLICT, &json!("PlanOutdated"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b27_a_plan_is_refused_whole_where_the_world_moved() {
    let desk = Desk::of(&[
        titled("1", "Ada Novak", "Clerk"),
        titled("2", "Ben Novak", "Clerk"),
    ])
    .await;
    desk.gateway
        .caller
        .upload(&[
            titled("1", "Ada Novak", "Judge"),
            titled("2", "Ben Novak", "Judge"),
        ])
        .await;
    let plan = desk.plan(json!({})).await;
    desk.by_hand("2", "Bailiff");
    let (status, refused) = desk.apply(&plan).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("worker 2 (Ben Novak), title: it was 'Clerk', and is 'Bailiff' now"),
        "{message}"
    );
    assert!(!message.contains("worker 1"), "{message}");
    let titles = ["1", "2"].map(|worker| desk.title(worker).unwrap());
    assert_eq!(titles, ["Clerk", "Bailiff"], "nothing is written");
    // HR's word has changed since.
    let plan = desk.plan(json!({"workers": ["1"]})).await;
    desk.gateway
        .caller
        .upload(&[titled("1", "Ada Novak", "Warden")])
        .await;
    let newer = desk.plan(json!({})).await;
    let (status, refused) = desk.apply(&plan).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refused}");
    let id = newer["plan"]["id"].as_str().unwrap();
    let (status, applied) = desk
        .post(&format!("plans/{id}/apply"), json!({"workers": ["1"]}))
        .await;
    assert_eq!(
        (status, &applied["done"]),
        (StatusCode::OK, &json!(1)),
        "{applied}"
    );
    let titles = ["1", "2"].map(|worker| desk.title(worker).unwrap());
    assert_eq!(titles, ["Warden", "Bailiff"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_made_and_carried_out_on_the_command_line() {
    let desk = Desk::of(&[titled("1", "Ada Novak", "Clerk")]).await;
    desk.gateway
        .caller
        .upload(&[titled("1", "Ada Novak", "Judge")])
        .await;
    let planned = desk.muster(&["plan", "HR to Active Directory", "--out", "plan.json"]);
    let text = String::from_utf8(planned.stdout).unwrap();
    assert!(
        planned.status.success(),
        "{}",
        String::from_utf8_lossy(&planned.stderr)
    );
    for expected in [
        "Ada Novak",
        "title",
        "Clerk",
        "Judge",
        "[title], title = Judge",
        "1 update",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(desk.title("1").unwrap(), "Clerk");
    let path = desk.gateway.setup.dir.path().join("plan.json");
    let written = std::fs::read_to_string(&path).unwrap();
    // Whoever alters what was read is told.
    std::fs::write(&path, written.replace("Judge", "Sheriff")).unwrap();
    let altered = desk.muster(&["apply", "plan.json"]);
    let said = String::from_utf8(altered.stderr).unwrap();
    assert!(
        !altered.status.success() && said.contains("altered after it was made"),
        "{said}"
    );
    std::fs::write(&path, written).unwrap();
    let mistyped = desk.muster(&["apply", "plan.json", "--worker", "l"]);
    let said = String::from_utf8(mistyped.stderr).unwrap();
    assert!(
        !mistyped.status.success() && said.contains("does nothing for a worker l"),
        "{said}"
    );
    let applied = desk.muster(&["apply", "plan.json", "--json"]);
    let text = String::from_utf8(applied.stdout).unwrap();
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    let applied: Json = serde_json::from_str(&text).unwrap();
    assert_eq!((&applied["done"], &applied["refused"]), (&json!(1), &json!(0)));
    assert_eq!(desk.title("1").unwrap(), "Judge");
    let nobody = desk.muster(&["plan", JOB, "--worker", "404"]);
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(
        !nobody.status.success() && said.contains("no worker 404 is known"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_make_plans_and_carry_them_out() {
    let page = include_str!("../../docs/plans.md");
    let desk = Desk::of(&[titled("1", "Ada Novak", "Clerk")]).await;
    desk.gateway
        .caller
        .upload(&[titled("1", "Ada Novak", "Judge")])
        .await;
    desk.muster(&["check"]);
    for example in shell::blocks(page, "sh") {
        let run = shell::type_in(&desk.gateway, example).await;
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(
            run.status.success(),
            "{example}\n{said}{}",
            String::from_utf8_lossy(&run.stderr)
        );
        assert!(!said.contains("\"error\":{"), "{example}\n{said}");
    }
    assert_eq!(desk.title("1").unwrap(), "Judge");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_planned_from_half_of_hr() {
    let tenant = Tenant::new(30);
    tenant.faults(json!([{"on": "Get_Workers", "skip": 2, "do": {"answer": {"code": 503}}}]));
    let directory = lab::directory();
    let gateway = Setup::with_target(&ldap(&directory))
        .pulls(&tenant.table("page_size = 10"), "Workday2AD", tenant.clock())
        .app("start = true")
        .start()
        .await;
    let desk = Desk { directory, gateway };
    let last = async || desk.gateway.caller.job().await["status"]["lastExecution"].clone();
    eventually("the read stops half way", async || {
        last().await["state"] == "Failed"
    })
    .await;
    desk.post("pause", json!({})).await;
    let said = desk.unplanned().await;
    assert!(said.contains("HR has not been read whole yet"), "{said}");
    assert!(said.contains("wait for the first complete read"), "{said}");
    let accounts = || desk.directory.admin().search("(employeeID=*)", &["cn"]).unwrap();
    assert!(accounts().is_empty());
    // As soon as everybody has been read, there are plans. Some of these people cannot have an account, which is no failure of
    // the read.
    tenant.faults(json!([]));
    desk.post("start", json!({})).await;
    eventually("everybody is read", async || last().await["state"] != "Failed").await;
    desk.post("pause", json!({})).await;
    let known = tenant.wids().await.len();
    assert_eq!(desk.plan(json!({"full": true})).await["plan"]["expected"], known);
    let made = accounts().len();
    assert!(made > known / 2, "{made} of {known}");
    // And none from half of each record, where the schema asks for more than was read.
    tenant.faults(json!([{"on": "Get_Workers", "do": {"answer": {"code": 503}}}]));
    let path = format!("{}/schema", desk.gateway.caller.job_path());
    let (_, mut schema) = desk.gateway.caller.send("GET", &path, None).await;
    let mappings = &mut schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    mappings.as_array_mut().unwrap().push(json!({
        "targetAttributeName": "description",
        "source": { "expression": "Coalesce([EmployeeID], [ContingentWorkerID], \"never heard of it\")" },
    }));
    let (status, answer) = desk.gateway.caller.send("PUT", &path, Some(schema)).await;
    assert_eq!(status, 204, "{answer}");
    let said = desk.unplanned().await;
    assert!(said.contains("ask for other attributes"), "{said}");
    let person = json!({"parameters": [{"subjects": [{"objectId": tenant.wids().await[0]}]}]});
    let (status, refused) = desk.post("provisionOnDemand", person).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (StatusCode::CONFLICT, &json!("SourceNotRead")),
        "{refused}"
    );
    // Until they are read again, whole.
    tenant.faults(json!([]));
    desk.post("start", json!({})).await;
    let described = |what: &str| {
        let filter = format!("(&(employeeID=*)(description={what}))");
        desk.directory.admin().search(&filter, &["cn"]).unwrap().len()
    };
    eventually("everybody has what was read", async || described("*") == made).await;
    assert_eq!(described("never heard of it"), 0);
    desk.post("pause", json!({})).await;
    assert_eq!(desk.plan(json!({"full": true})).await["plan"]["expected"], known);
}

/// Shown of everybody in the test's unit, to be compared.
fn everything(desk: &Desk) -> Vec<String> {
    let shown = [
        "employeeID",
        "cn",
        "title",
        "userAccountControl",
        "manager",
        "displayName",
        "sn",
    ];
    let found = desk.directory.admin().search("(employeeID=*)", &shown).unwrap();
    let mut all: Vec<String> = found
        .iter()
        .map(|entry| {
            let values = shown.map(|name| format!("{name}: {}", entry.value(name).unwrap_or("—")));
            format!("{} {}", entry.dn, values.join(", "))
        })
        .collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn b28_what_a_plan_did_is_undone_and_stays_so_until_hr_speaks() {
    let manager = |id: &str| json!({ENTERPRISE: {"manager": {"value": id}}});
    let ada = titled("1", "Ada Novak", "Clerk");
    let ben = with(titled("2", "Ben Novak", "Clerk"), manager("1"));
    let cas = titled("3", "Cas Novak", "Usher");
    let desk = Desk::of(&[ada.clone(), ben.clone(), cas.clone()]).await;
    let before = everything(&desk);
    let changed = [
        with(
            ada.clone(),
            json!({"title": "Judge", "displayName": "Ada Kovac", "name": {"givenName": "Ada", "familyName": "Kovac"}}),
        ),
        with(ben, json!({"active": false})),
        with(titled("3", "Cas Novak", "Usher"), manager("1")),
    ];
    desk.gateway.caller.upload(&changed).await;
    let plan = desk.plan(json!({})).await;
    assert_eq!(desk.apply(&plan).await.0, 200);
    let after = everything(&desk);
    assert_ne!(before, after);
    let (status, undone) = desk.post("undo", json!({"id": plan["plan"]["id"]})).await;
    assert_eq!(
        (status, &undone["done"], &undone["changed"]),
        (StatusCode::OK, &json!(3), &json!([]))
    );
    assert_eq!(everything(&desk), before, "as it was");
    // The next cycle, and one that looks at everybody, leave it so: even the leaver, whom a person brought back.
    desk.post("start", json!({})).await;
    desk.post("restart", json!({"criteria": {"resetScope": "Watermark"}}))
        .await;
    desk.look_at_everybody().await;
    assert_eq!(everything(&desk), before, "as it stays");
    // HR says something else of one of them.
    desk.gateway
        .caller
        .upload(&[with(changed[0].clone(), json!({"title": "Warden"}))])
        .await;
    desk.gateway.caller.settled().await;
    assert_eq!(desk.title("1").unwrap(), "Warden");
    let others = |all: Vec<String>| -> Vec<String> {
        all.into_iter()
            .filter(|one| !one.contains("employeeID: 1"))
            .collect()
    };
    assert_eq!(others(everything(&desk)), others(before));
}

#[tokio::test(flavor = "multi_thread")]
async fn b28_what_somebody_changed_since_is_left_alone_and_joiners_are_disabled() {
    let desk = Desk::of(&[titled("1", "Ada Novak", "Clerk")]).await;
    desk.gateway
        .caller
        .upload(&[
            titled("1", "Ada Novak", "Judge"),
            titled("2", "Ben Novak", "Usher"),
        ])
        .await;
    let plan = desk.plan(json!({})).await;
    let (_, applied) = desk.apply(&plan).await;
    desk.by_hand("1", "Bailiff");
    let undone = desk.muster(&["undo", applied["cycle"].as_str().unwrap(), "--json"]);
    assert_eq!(undone.status.code(), Some(1), "somebody is left alone");
    let undone: Json = serde_json::from_slice(&undone.stdout).unwrap();
    assert_eq!(undone["done"], 1);
    let [left] = undone["changed"].as_array().unwrap().as_slice() else {
        panic!("{undone}");
    };
    assert_eq!(
        (&left["worker"], &left["attribute"]),
        (&json!("1"), &json!("title"))
    );
    assert_eq!(left["message"], "it was given 'Judge', and is 'Bailiff' now");
    assert_eq!(desk.title("1").unwrap(), "Bailiff");
    let state = |worker: &str| {
        let found = desk
            .directory
            .admin()
            .search(&format!("(employeeID={worker})"), &["userAccountControl"])
            .unwrap();
        found
            .first()
            .map(|entry| entry.value("userAccountControl").unwrap().to_string())
    };
    assert_eq!(state("2").as_deref(), Some("514"), "made, and now disabled");
    // The joiner's account goes whole where somebody says so.
    let deleted = desk.muster(&["undo", "2", "--delete"]);
    assert!(
        deleted.status.success(),
        "{}",
        String::from_utf8_lossy(&deleted.stderr)
    );
    assert_eq!(state("2"), None);
    let nothing = desk.muster(&["undo", "404"]);
    assert!(
        String::from_utf8(nothing.stderr)
            .unwrap()
            .contains("nothing is known")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_provisioned_on_demand_and_every_step_is_told() {
    let desk = Desk::of(&[titled("1", "Ada Novak", "Clerk")]).await;
    desk.gateway
        .caller
        .upload(&[
            titled("1", "Ada Novak", "Judge"),
            titled("2", "Ben Novak", "Usher"),
        ])
        .await;
    let asked = |id: &str| json!({"parameters": [{"ruleId": "r", "subjects": [{"objectId": id, "objectTypeName": "User"}]}]});
    let texts = |answer: &Json| -> (Json, Json) {
        let text = |name: &str| serde_json::from_str(answer[name].as_str().unwrap()).unwrap();
        (text("key"), text("value"))
    };
    let began = std::time::Instant::now();
    let (status, answer) = desk.post("provisionOnDemand", asked("1")).await;
    assert_eq!(status, 200, "{answer}");
    println!("on demand: {:?}", began.elapsed());
    let (key, value) = texts(&answer);
    assert_eq!(
        (&key["result"], &value["action"]),
        (&json!("Success"), &json!("Update"))
    );
    assert_eq!(
        value["modifiedProperties"],
        json!([{"displayName": "title", "oldValue": "Clerk", "newValue": "Judge"}])
    );
    let steps: Vec<&str> = value["provisioningSteps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["type"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["Import", "Matching", "Scoping", "Export"], "{value}");
    assert_eq!(desk.title("1").unwrap(), "Judge");
    let (_, answer) = desk.post("provisionOnDemand", asked("1")).await;
    let (key, _) = texts(&answer);
    assert_eq!(
        (&key["result"], &key["details"]["errorCode"]),
        (&json!("Skipped"), &json!("RedundantExport"))
    );
    // Nobody else's turn has come.
    assert!(
        desk.directory
            .admin()
            .search("(employeeID=2)", &["cn"])
            .unwrap()
            .is_empty()
    );
    let (status, answer) = desk.post("provisionOnDemand", asked("404")).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("WorkerNotFound"))
    );
    assert_eq!(
        desk.post("provisionOnDemand", json!({"parameters": []})).await.0,
        400
    );
    // Five calls in ten seconds.
    let mut refused = Vec::new();
    for _ in 0..6 {
        let path = format!("{}/provisionOnDemand", desk.gateway.caller.job_path());
        let asked = desk.gateway.caller.request("POST", &path).json(&asked("404"));
        let answer = asked
            .bearer_auth(desk.gateway.caller.token().await)
            .send()
            .await
            .unwrap();
        if answer.status() == 429 {
            refused.push(
                answer.headers()["retry-after"]
                    .to_str()
                    .unwrap()
                    .parse::<u64>()
                    .unwrap(),
            );
        }
    }
    assert!(refused.iter().any(|wait| (1..=2).contains(wait)), "{refused:?}");
}
