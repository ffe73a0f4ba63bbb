//! Why? Questions that administrators ask, and the sentences that answer them.

use muster::store::{Location, Store, links};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, JOB, Setup, eventually, person, with};
use crate::plans::{Desk, titled};
use crate::pull::ldap;
use crate::shell;
use crate::support::lab;
use crate::support::workday::Tenant;

impl Desk {
    async fn ask(&self, worker: &str, attribute: Option<&str>) -> (StatusCode, Json) {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("worker", worker)
            .extend_pairs(attribute.map(|name| ("attribute", name)))
            .finish();
        let path = format!("{}/explain?{query}", self.gateway.caller.job_path());
        self.gateway.caller.send("GET", &path, None).await
    }

    /// Everything that is said.
    async fn explained(&self, worker: &str, attribute: Option<&str>) -> Json {
        let (status, answer) = self.ask(worker, attribute).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The sentence about an attribute, or about the worker where none is named.
    async fn why(&self, worker: &str, attribute: &str) -> String {
        let attribute = Some(attribute).filter(|name| !name.is_empty());
        sentence(&self.explained(worker, attribute).await)
    }

    /// What HR says from now on, taken in and not carried out.
    async fn say(&self, people: &[Json]) {
        self.gateway.caller.upload(people).await;
        self.plan(json!({})).await;
    }

    async fn store(&self) -> Store {
        let path = self.gateway.setup.dir.path().join("muster.db");
        Store::open(Location::Sqlite(path)).await.unwrap()
    }

    fn dn(&self, worker: &str) -> String {
        let filter = format!("(employeeID={worker})");
        let found = self.directory.admin().search(&filter, &["cn"]);
        found.unwrap()[0].dn.clone()
    }
}

/// Without the instants, which are others each time: 2026-11-20 14:03 becomes TODAY.
fn sentence(explained: &Json) -> String {
    let text = explained["sentence"].as_str().unwrap();
    let has = |word: &str, at: usize, sign: u8| word.as_bytes().get(at) == Some(&sign);
    let mut words: Vec<&str> = Vec::new();
    for word in text.split(' ') {
        match word {
            day if day.len() == 10 && has(day, 4, b'-') && has(day, 7, b'-') => words.push("TODAY"),
            minute if words.last() == Some(&"TODAY") && has(minute, 2, b':') => {
                let rest = minute.trim_start_matches(|one: char| one.is_ascii_digit() || one == ':');
                *words.last_mut().unwrap() = match rest {
                    "." => "TODAY.",
                    "," => "TODAY,",
                    _ => "TODAY",
                };
            }
            word => words.push(word),
        }
    }
    words.join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_is_what_it_is_because_somebody_said_so() {
    let ada = with(
        titled("1", "Ada Novak", "Clerk"),
        json!({ENTERPRISE: {"department": "Archive"}}),
    );
    let desk = Desk::of(&[ada.clone(), titled("2", "Ben Novak", "Usher")]).await;
    assert_eq!(
        desk.why("1", "title").await,
        "title is 'Clerk' because it is HR's 'Clerk', said on TODAY in upload 1."
    );
    let changed = json!({"title": "Judge", "displayName": "Ada Kovac"});
    desk.say(&[with(ada.clone(), changed)]).await;
    assert_eq!(
        desk.why("1", "title").await,
        "title is 'Clerk' and becomes 'Judge', because it is HR's 'Judge', said on TODAY in upload 2, but the job is stopped."
    );
    // What HR did not change is as said before.
    let department = desk.why("1", "department").await;
    assert!(department.ends_with("said on TODAY in upload 1."), "{department}");
    assert_eq!(
        desk.why("1", "cn").await,
        "cn stays 'Ada Novak' because its mapping flows only when the account is made (ObjectAddOnly); what is wanted is HR's 'Ada Kovac', said on TODAY in upload 2."
    );
    assert_eq!(
        desk.why("1", "description").await,
        "Nothing is done about description, because version 1 of the schema does not map it."
    );
    assert_eq!(
        desk.why("1", "telephoneNumber").await,
        "telephoneNumber stays empty because HR never said anything of phoneNumbers[type eq \"work\"].value."
    );
    let explained = desk.explained("1", Some("USERPRINCIPALNAME")).await;
    let attribute = &explained["attribute"];
    assert_eq!(attribute["name"], "userPrincipalName");
    let steps = attribute["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["expression"], attribute["expression"]);
    assert!(
        steps.iter().any(|step| step["with"] == "DefaultDomain()"),
        "{attribute}"
    );
    let last = &attribute["lastChange"];
    assert_eq!(
        (&last["before"], &last["after"]),
        (&json!([]), &attribute["is"]),
        "{last}"
    );
    // Nobody was kept waiting, and nothing was written.
    assert_eq!(desk.title("1").unwrap(), "Clerk");
    assert_eq!(explained["unheard"], 0);
    // Said to be nothing is not the same as never said.
    desk.say(&[with(ada, json!({"title": null}))]).await;
    assert_eq!(
        desk.why("1", "title").await,
        "title stays 'Clerk' because HR says that title is nothing, said on TODAY in upload 3, and that clears no attribute."
    );
    assert_eq!(
        desk.why("1", "").await,
        "The account of Ada Novak has all that HR wants: there is nothing to do."
    );
    let (status, unknown) = desk.ask("404", None).await;
    assert_eq!(
        (status, &unknown["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("WorkerNotFound"))
    );
    assert_eq!(desk.ask("", None).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_a_finding_a_manager_and_a_limit_are_named() {
    let ada = titled("1", "Ada Novak", "Clerk");
    let ben = titled("2", "Ben Novak", "Usher");
    let directory = lab::directory();
    let setup = Setup::with_target(&ldap(&directory)).app("start = true\n[app.guard]\ndisables = 1");
    let gateway = setup.start().await;
    let desk = Desk { directory, gateway };
    desk.gateway.caller.upload(&[ada.clone(), ben.clone()]).await;
    desk.gateway.caller.settled().await;
    desk.post("pause", json!({})).await;
    // B28: undone, and held until HR says something else.
    let judge = titled("1", "Ada Novak", "Judge");
    desk.gateway.caller.upload(std::slice::from_ref(&judge)).await;
    let plan = desk.plan(json!({})).await;
    desk.apply(&plan).await;
    let (status, undone) = desk.post("undo", json!({"id": plan["plan"]["id"]})).await;
    assert_eq!(status, 200, "{undone}");
    let explained = desk.explained("1", Some("title")).await;
    assert_eq!(
        sentence(&explained),
        "title stays 'Clerk' because the hold of hr-script (until HR says something else of this person) outranks HR's 'Judge', said on TODAY in upload 2."
    );
    assert_eq!(explained["holds"][0]["by"], "hr-script");
    let last = &explained["attribute"]["lastChange"];
    assert_eq!(
        (&last["before"], &last["after"]),
        (&json!(["Judge"]), &json!(["Clerk"]))
    );
    // What the directory would not take, and a manager whom nobody knows.
    let manager = json!({ENTERPRISE: {"manager": {"value": "9"}}});
    desk.say(&[with(titled("2", "Ben Novak", &"x".repeat(200)), manager)])
        .await;
    let why = desk.why("2", "title").await;
    assert!(
        why.starts_with("title stays 'Usher' because ") && why.contains("; what is wanted is HR's 'xxx"),
        "{why}"
    );
    let why = desk.why("2", "manager").await;
    assert!(
        why.starts_with("manager stays empty because it waits: worker 9 has no account yet; what is wanted is HR's worker '9'"),
        "{why}"
    );
    let explained = desk.explained("2", None).await;
    let waits = explained["waits"].as_array().unwrap().iter();
    let waits: Vec<&str> = waits.map(|one| one["on"].as_str().unwrap()).collect();
    assert!(waits.contains(&"manager") && waits.contains(&"job"), "{waits:?}");
    // B16: one leaver a day.
    desk.gateway
        .caller
        .upload(&[with(judge, json!({"active": false}))])
        .await;
    let plan = desk.plan(json!({})).await;
    desk.apply(&plan).await;
    desk.say(&[with(ben, json!({"active": false}))]).await;
    assert_eq!(
        desk.why("2", "accountDisabled").await,
        "accountDisabled stays 'False' because a limit holds it back (disable: 1 at most in 24 hours), while what is wanted is 'True', which Not([active]) makes of active 'False', said on TODAY in upload 5."
    );
    let held = desk.explained("2", None).await;
    assert_eq!(
        (&held["held"][0]["action"], &held["held"][0]["limit"]),
        (&json!("disable"), &json!(1)),
        "{held}"
    );
    let explained = desk.explained("1", None).await;
    assert_eq!(
        (&explained["state"]["wanted"], &explained["state"]["is"]),
        (&json!(false), &json!(false))
    );
    let effects = explained["last"]["effects"].as_array().unwrap();
    assert!(effects.contains(&json!({"effect": "disable"})), "{effects:?}");
    assert_eq!(explained["logged"]["status"], "success", "{explained}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_account_it_is_and_what_others_did_to_it_is_told() {
    let people = ["1", "2", "3", "4"].map(|id| titled(id, &format!("Ada Novak{id}"), "Clerk"));
    let desk = Desk::of(&people).await;
    let admin = desk.directory.admin();
    // Disabled by somebody else (B11).
    let dn = desk.dn("1");
    admin
        .modify(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n"
        ))
        .unwrap();
    let why = desk.why("1", "").await;
    assert!(
        why.starts_with("The account of Ada Novak1 is as far as it can be: accountDisabled: somebody else disabled the account"),
        "{why}"
    );
    let why = desk.why("1", "accountDisabled").await;
    assert!(
        why.starts_with("accountDisabled stays 'True' because somebody else disabled the account"),
        "{why}"
    );
    // Deleted by somebody else (B10).
    admin
        .modify(&format!("dn: {}\nchangetype: delete\n", desk.dn("2")))
        .unwrap();
    let gone = desk.explained("2", None).await;
    assert_eq!(gone["situation"]["word"], "gone");
    assert!(sentence(&gone).contains("no longer exists"), "{gone}");
    // Two accounts with the same number (B7), and a job that knows none.
    admin
        .add("dn: CN=Twin,OU=Staff,DC=example,DC=test\nobjectClass: user\nsAMAccountName: twin\nemployeeID: 3\n")
        .unwrap();
    let forget = |conn: &mut muster::store::Conn| links::clear(conn, JOB);
    desk.store().await.write(forget).await.unwrap();
    let twins = desk.explained("3", None).await;
    assert_eq!(
        (&twins["situation"]["word"], &twins["situation"]["by"]),
        (&json!("disputed"), &json!("employeeID"))
    );
    assert!(
        sentence(&twins).contains("2 accounts hold this value of employeeID"),
        "{twins}"
    );
    let found = desk.explained("4", None).await;
    assert_eq!(
        found["situation"],
        json!({"word": "unlinked", "by": "employeeID"})
    );
    assert_eq!(
        sentence(&found),
        "The account of Ada Novak4 has all that HR wants (it was found by employeeID): there is nothing to do."
    );
    // Outside of what the app manages (B21).
    admin
        .modify(&format!(
            "dn: {}\nchangetype: modrdn\nnewrdn: CN=Ada Novak4\ndeleteoldrdn: 1\nnewsuperior: CN=Users,DC=example,DC=test\n",
            desk.dn("4")
        ))
        .unwrap();
    desk.say(&[
        titled("4", "Ada Novak4", "Judge"),
        titled("5", "Cas Novak", "Usher"),
    ])
    .await;
    let why = desk.why("4", "title").await;
    assert!(
        why.starts_with("title stays 'Clerk' because nothing is done about the account: the account lies outside the containers"),
        "{why}"
    );
    // Nobody's yet.
    assert_eq!(
        desk.why("5", "").await,
        "Cas Novak gets an account, but the job is stopped."
    );
    let why = desk.why("5", "title").await;
    assert!(
        why.starts_with("title will be 'Usher', when the account is made, because it is HR's 'Usher'"),
        "{why}"
    );
    // And then nobody answers.
    let Desk { directory, gateway } = desk;
    drop(directory);
    let path = format!("{}/explain?worker=1&attribute=title", gateway.caller.job_path());
    let mut explained = Json::Null;
    for _ in 0..20 {
        explained = gateway.caller.send("GET", &path, None).await.1;
        if explained["targetError"].is_string() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(explained["targetError"].is_string(), "{explained}");
    let why = sentence(&explained);
    assert!(
        why.starts_with("What title of Ada Novak1 is cannot be said now, because the target did not answer"),
        "{why}"
    );
    assert!(
        why.contains("HR wants HR's 'Clerk', said on TODAY in upload 1"),
        "{why}"
    );
    assert_eq!(explained["attribute"]["lastChange"]["after"], json!(["Clerk"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_turns_somebody_away_is_named_with_its_clause() {
    let desk = Desk::of(&[titled("1", "Ada Novak", "Clerk")]).await;
    let path = format!("{}/schema", desk.gateway.caller.job_path());
    let (_, mut schema) = desk.gateway.caller.send("GET", &path, None).await;
    schema["synchronizationRules"][0]["objectMappings"][0]["scope"] = json!({"groups": [{
        "name": "The court alone",
        "clauses": [{"sourceOperandName": "title", "operatorName": "EQUALS", "targetOperand": {"values": ["Judge"]}}],
    }]});
    let (status, answer) = desk.gateway.caller.send("PUT", &path, Some(schema)).await;
    assert_eq!(status, 204, "{answer}");
    desk.say(&[titled("2", "Ben Novak", "Usher"), person("3", "Cas Novak")])
        .await;
    assert_eq!(
        desk.why("2", "").await,
        "Ben Novak has no account from this job because the filter 'The court alone' asks that title EQUALS 'Judge', and HR says 'Usher', said on TODAY in upload 2."
    );
    assert_eq!(
        desk.why("3", "").await,
        "Cas Novak has no account from this job because the filter 'The court alone' asks that title EQUALS 'Judge', and HR never said anything of it."
    );
    let why = desk.why("1", "").await;
    assert!(
        why.starts_with("The account of Ada Novak is left as it is because the filter"),
        "{why}"
    );
    let explained = desk.explained("1", Some("title")).await;
    assert_eq!(
        (&explained["inScope"], &explained["schemaVersion"]),
        (&json!(false), &json!(2))
    );
    assert_eq!(explained["refusals"][0]["operator"], "EQUALS");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_says_when() {
    let tenant = Tenant::new(0);
    let hired = json!({"id": "1", "hire": "2025-01-01", "entered": "2025-01-01T00:00:00Z"});
    let wid = tenant.hire(hired);
    let directory = lab::directory();
    let gateway = Setup::with_target(&ldap(&directory))
        .pulls(&tenant.table(""), "Workday2AD", tenant.clock())
        .app("start = true")
        .start()
        .await;
    let desk = Desk { directory, gateway };
    eventually("the account is there", async || {
        let found = desk.directory.admin().search("(employeeID=1)", &["cn"]);
        !found.unwrap().is_empty()
    })
    .await;
    let why = desk.why("1", "givenName").await;
    assert!(
        why.contains(" because it is ") && why.ends_with("read on TODAY."),
        "{why}"
    );
    let of_wid = desk.explained(&wid, None).await;
    assert_eq!(of_wid["worker"]["id"], json!(wid));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_answer() {
    let page = include_str!("../../docs/explain.md");
    let desk = Desk::of(&[titled("21451", "Priya Natarajan", "Engineer")]).await;
    desk.say(&[titled("21451", "Priya Natarajan", "Team Lead")]).await;
    desk.muster(&["check"]);
    let mut said = Vec::new();
    for example in shell::blocks(page, "sh") {
        let run = shell::type_in(&desk.gateway, example).await;
        let out = String::from_utf8_lossy(&run.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{example}\n{out}{complaint}");
        said.push(out);
    }
    // The page shows what is printed, but for instants and keys, which are others each time.
    let shown = page
        .split("```text\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let attribute = said.iter().find(|out| out.contains("attribute  title")).unwrap();
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let first = lines.map(|line| line.chars().take(10).collect::<String>());
        first.map(|name| name.trim().to_string()).collect()
    };
    assert_eq!(names(attribute), names(shown), "{attribute}");
    assert!(said.iter().any(|out| out.contains("\"sentence\"")), "{said:?}");
    let unknown = desk.muster(&["explain", "nobody", "1"]);
    let complaint = String::from_utf8(unknown.stderr).unwrap();
    assert!(
        complaint.contains("there is no app 'nobody': use one of"),
        "{complaint}"
    );
}
