//! Callbacks over HTTP: who may send them, what is refused and where it stands.

mod active_directory;
mod lives;

use muster::engine::Clock;
use reqwest::Response;
use serde_json::{Value as Json, json};

use crate::gateway::{APP, Caller, JOB, Setup, eventually};
use crate::lab_entra;
use crate::support::workday;
use crate::webhook::{Receiver, SECRET};

const CALLER: &str = r#"
[[client]]
id = "caller"
secret = "s3cret"
roles = ["Writeback.Upload"]
[[client]]
id = "reader"
secret = "s3cret"
roles = ["Synchronization.Read.All"]
"#;

fn path() -> String {
    format!("/v1.0/servicePrincipals/{APP}/synchronization/jobs/{JOB}/writeback")
}

async fn token(caller: &Caller, client: &str) -> String {
    let answer: Json = caller.token_for(client, "s3cret").await.json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_string()
}

async fn post(caller: &Caller, client: &str, path: &str, headers: &[(&str, &str)], body: &Json) -> Response {
    let mut request = caller
        .request("POST", path)
        .bearer_auth(token(caller, client).await);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.to_string()).send().await.unwrap()
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// The report at a `Location`, whichever gateway gave it, once each item has its outcome.
async fn completed(caller: &Caller, location: &str) -> Json {
    let at = &location[location.find("/v1.0/").unwrap()..];
    let token = token(caller, "reader").await;
    let mut report = Json::Null;
    eventually("each has an outcome", async || {
        let answer = caller
            .request("GET", at)
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        report = answer.json().await.unwrap();
        report["status"] == "completed"
    })
    .await;
    report
}

/// What became of each: status and code.
fn words(report: &Json) -> Vec<(&str, &str)> {
    let items = report["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            (
                item["status"].as_str().unwrap(),
                item["code"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

/// The table of a simulated tenant of Entra ID.
fn entra(cloud: &lab_entra::Tenant) -> String {
    let lab = &cloud.entra;
    format!(
        "kind = \"entra\"\nurl = \"{}\"\ntoken_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\ndomain = \"{}\"\n",
        lab.url, lab.token_url, lab.client_id, lab.client_secret, lab.domain
    )
}

async fn message(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: Json = answer.json().await.unwrap();
    (status, body["error"]["message"].as_str().unwrap().to_string())
}

/// Query, headers and body of a request; the status and a part of the message that it is refused with.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], Json, u16, &'c str);

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_refused_with_what_is_wrong_and_where() {
    let gateway = Setup::nowhere()
        .server("max_operations = 2")
        .clients(CALLER)
        .start()
        .await;
    let one = json!({"workerId": "1", "email": "ada@example.com"});
    let long = "x".repeat(256);
    let cases: &[Case<'_>] = &[
        ("", &[], one.clone(), 400, "application/json"),
        (
            "",
            &[("Content-Type", "application/scim+json")],
            one.clone(),
            400,
            "application/json",
        ),
        (
            "",
            &[JSON, ("Idempotency-Key", "")],
            one.clone(),
            400,
            "Idempotency-Key",
        ),
        (
            "",
            &[JSON, ("Idempotency-Key", &long)],
            one.clone(),
            400,
            "255 printable",
        ),
        ("?notify=true", &[JSON], one.clone(), 400, "[notify]"),
        ("", &[JSON], json!([one, one, one]), 400, "more than the 2"),
        (
            "",
            &[JSON],
            json!([one, {"workerId": "1", "phones": [{"type": "fax", "value": "123"}]}]),
            400,
            "[1].phones[0].type",
        ),
        (
            "",
            &[JSON],
            json!({"workerId": "1", "mail": "ada@example.com"}),
            400,
            "mail: there is no such member",
        ),
        // The uploads of this job come from HR: nothing is written home.
        ("", &[JSON], one.clone(), 400, "takes no callbacks"),
    ];
    for (query, headers, body, status, part) in cases {
        let (got, told) =
            message(post(&gateway.caller, "caller", &(path() + query), headers, body).await).await;
        assert_eq!(got, *status, "{body}: {told}");
        assert!(told.contains(part), "{body}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b32_callbacks_have_a_role_of_their_own() {
    let gateway = Setup::nowhere()
        .clients(CALLER)
        .clients(
            r#"
            [[client]]
            id = "nobody"
            secret = "s3cret"
            roles = ["Writeback.Upload"]
            apps = []
            "#,
        )
        .start()
        .await;
    let body = json!({"workerId": "1", "email": "ada@example.com"});
    for client in ["hr-script", "reader", "nobody"] {
        let answer = post(&gateway.caller, client, &path(), &[JSON], &body).await;
        assert_eq!(answer.status(), 403, "{client}");
    }
    for (client, status) in [
        ("nobody", 403),
        ("reader", 404),
        ("caller", 404),
        ("hr-script", 404),
    ] {
        let request = gateway.caller.request("GET", &format!("{}/0192", path()));
        let answer = request
            .bearer_auth(token(&gateway.caller, client).await)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{client}");
    }
    let beta = path().replace("/v1.0/", "/beta/");
    assert_eq!(
        post(&gateway.caller, "caller", &beta, &[JSON], &body)
            .await
            .status(),
        400
    );
    let elsewhere = path().replace(JOB, "another");
    assert_eq!(
        post(&gateway.caller, "caller", &elsewhere, &[JSON], &body)
            .await
            .status(),
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_are_callbacks() {
    let page = include_str!("../../docs/writeback.md");
    let gateway = Setup::nowhere().clients(CALLER).start().await;
    let token = token(&gateway.caller, "caller").await;
    let examples: Vec<&str> = page
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .filter(|block| block.contains(" -d "))
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let run = std::process::Command::new("sh")
            .args(["-c", example])
            .env("MUSTER", &gateway.caller.url)
            .env("TOKEN", &token)
            .env("APP", APP)
            .env("JOB", JOB)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        // All that is wrong with them is the job they are sent to.
        assert!(
            run.status.success() && said.contains("this job takes no callbacks"),
            "{example}\n{said}"
        );
    }
}

/// From a tenant of Entra ID to Workday.
fn home() -> Json {
    let mapping = |target: &str, expression: &str| {
        json!({
            "targetAttributeName": target, "matchingPriority": u32::from(target == "WorkerID"), "flowType": "Always",
            "source": { "expression": expression, "type": "Function" },
        })
    };
    let mappings = [
        ("WorkerID", "[employeeId]"),
        ("EmailAddress", "[mail]"),
        (
            "WorkphoneMobileIsPrimary",
            "IIF(IsPresent([mobilePhone]), \"true\", \"\")",
        ),
        (
            "WorkphoneMobileCountryCodeName",
            "IIF(IsPresent([mobilePhone]), \"USA\", \"\")",
        ),
        (
            "WorkphoneMobileCountryCodeNumber",
            "IIF(IsPresent([mobilePhone]), \"1\", \"\")",
        ),
        (
            "WorkphoneMobileNumber",
            "Replace([mobilePhone], , \"^\\+1|[^0-9]\", , \"\", , )",
        ),
        ("UserID", "[userPrincipalName]"),
    ];
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| json!({ "name": name, "type": "String" }))
            .collect::<Vec<_>>()
    };
    let sources = names(&["employeeId", "mail", "mobilePhone", "userPrincipalName"]);
    let targets = names(&mappings.map(|(target, _)| target));
    json!({
        "synchronizationRules": [{
            "sourceDirectoryName": "Entra ID", "targetDirectoryName": "Workday",
            "objectMappings": [{
                "sourceObjectName": "user", "targetObjectName": "Worker", "flowTypes": "Update",
                "attributeMappings": mappings.map(|(target, expression)| mapping(target, expression)),
            }],
        }],
        "directories": [
            { "name": "Entra ID", "objects": [{ "name": "user", "attributes": sources }] },
            { "name": "Workday", "objects": [{ "name": "Worker", "attributes": targets }] },
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_a_callback_goes_from_a_script_to_workday_and_its_outcome_back() {
    let cloud = lab_entra::Tenant::start(0).await;
    cloud.add("priya", json!({"employeeId": "21451"})).await;
    cloud.add("bob", json!({"employeeId": "21452"})).await;
    let tenant = workday::Tenant::new(0);
    for id in ["21451", "21452"] {
        let worker = json!({"id": id, "hire": "2025-01-06", "entered": "2025-01-01T00:00:00Z", "userName": format!("u{id}")});
        tenant.hire(worker);
    }
    let mut receiver = Receiver::start(&[500]);
    let source = entra(&cloud);
    let setup = Setup::with_cloud(&tenant.table(""))
        .pulls(&source, "Workday2AAD", Clock::system())
        .app("schema = \"home.json\"\nstart = true")
        .clients(CALLER)
        .clients(&format!(
            "[notify]\nwebhook = \"{}\"\nsecret = \"{SECRET}\"\n",
            receiver.url
        ));
    std::fs::write(setup.dir.path().join("home.json"), home().to_string()).unwrap();
    let gateway = setup.start().await;
    let body = json!({"items": [
        {"workerId": "21451", "email": "priya.natarajan@example.com"},
        {"userPrincipalName": "bob@example.test", "phones": [{"type": "mobile", "value": "+1 425 555 0178"}]},
        {"employeeId": "99999", "email": "nobody@example.com"},
    ]});
    let send = async || {
        let headers = [JSON, ("Idempotency-Key", "mailboxes of today")];
        let answer = post(
            &gateway.caller,
            "caller",
            &(path() + "?notify=true"),
            &headers,
            &body,
        )
        .await;
        assert_eq!(answer.status(), 202);
        answer.headers()["location"].to_str().unwrap().to_string()
    };
    let location = send().await;
    assert_eq!(send().await, location, "sent twice, taken in once");
    let report = completed(&gateway.caller, &location).await;
    let expected = [("success", ""), ("success", ""), ("failure", "WorkerNotFound")];
    assert_eq!(words(&report), expected, "{report}");
    assert!(!report.to_string().contains("natarajan"), "{report}");
    let emails = tenant.state("21451")["effective"]["emails"].to_string();
    assert!(emails.contains("priya.natarajan@example.com"), "{emails}");
    let phones = tenant.state("21452")["effective"]["phones"].to_string();
    assert!(phones.contains("4255550178"), "{phones}");
    for _ in 0..2 {
        let notice = receiver.next();
        assert_eq!(notice["verified"]["type"], "writeback.completed", "{notice}");
        assert_eq!(notice["verified"]["data"], report, "as polled");
    }
    let other = json!({"workerId": "21451", "email": "another@example.com"});
    let headers = [JSON, ("Idempotency-Key", "mailboxes of today")];
    let (status, told) = message(post(&gateway.caller, "caller", &path(), &headers, &other).await).await;
    assert_eq!(status, 409, "{told}");
}
