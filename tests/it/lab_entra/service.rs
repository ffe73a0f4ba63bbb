//! Tokens, budgets, controls, the command; and Microsoft's own client as the judge.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use super::{Tenant, error, person};

#[tokio::test]
async fn tokens_are_for_whoever_has_the_secret_and_for_a_while() {
    let mut tenant = Tenant::start(0).await;
    let cases = [
        ([("client_secret", "wrong")], 401, "invalid_client", 7_000_215),
        ([("client_id", "wrong")], 400, "unauthorized_client", 700_016),
        (
            [("grant_type", "password")],
            400,
            "unsupported_grant_type",
            70_003,
        ),
        ([("scope", "User.Read")], 400, "invalid_scope", 1_002_012),
    ];
    for (changes, status, code, number) in cases {
        let (answered, answer) = tenant.ask_token(&changes).await;
        assert_eq!(
            (answered, &answer["error"]),
            (status, &json!(code)),
            "{changes:?}"
        );
        assert_eq!(answer["error_codes"], json!([number]));
        assert!(
            answer["error_description"]
                .as_str()
                .unwrap()
                .starts_with(&format!("AADSTS{number}: "))
        );
    }
    let good = tenant.token.clone();
    for token in ["", "nonsense"] {
        tenant.token = token.into();
        let answer = tenant.request("GET", "/users").send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        let answer: Json = answer.json().await.unwrap();
        assert_eq!(error(&answer).0, "InvalidAuthenticationToken");
    }
    tenant.token = good;
    let plain = tenant.http.get(format!("{}/v1.0/users", tenant.entra.url));
    assert_eq!(super::send(plain).await.0, 401);
    assert_eq!(tenant.get("/users").await.0, 200);
    let later = tenant.entra.controls.now() + jiff::SignedDuration::from_secs(3600);
    tenant.entra.controls.set_now(later);
    assert_eq!(tenant.get("/users").await.0, 401, "expired");
    tenant.token = tenant.fresh_token().await;
    assert_eq!(tenant.get("/users").await.0, 200);
    tenant.entra.revoke_tokens();
    assert_eq!(tenant.get("/users").await.0, 401, "revoked");
}

#[tokio::test]
async fn errors_and_answers_carry_ids() {
    let tenant = Tenant::start(0).await;
    let answer = tenant
        .request("GET", "/users/nobody")
        .header("client-request-id", "mine")
        .send()
        .await
        .unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_string();
    assert_eq!(header("client-request-id"), "mine");
    let request_id = header("request-id");
    let answer: Json = answer.json().await.unwrap();
    let inner = &answer["error"]["innerError"];
    assert_eq!(
        (&inner["request-id"], &inner["client-request-id"]),
        (&json!(request_id), &json!("mine"))
    );
    assert_eq!(inner["date"].as_str().unwrap().len(), 19);
    assert_eq!(
        error(&answer).1,
        "Resource 'nobody' does not exist or one of its queried reference-property objects are not present."
    );
    let (_, domains) = tenant.get("/domains").await;
    let ids: Vec<_> = domains["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, ["example.test", "example.onmicrosoft.com"]);
    assert_eq!(domains["value"][0]["isDefault"], true);
    let (_, organization) = tenant.get("/organization").await;
    assert_eq!(organization["value"][0]["id"], tenant.entra.tenant.to_string());
    let beta = format!("{}/beta/users", tenant.entra.url);
    assert_eq!(tenant.get(&beta).await.0, 200);
    let nowhere = format!("{}/v2.0/users", tenant.entra.url);
    assert_eq!(tenant.get(&nowhere).await.0, 400);
}

#[tokio::test]
async fn budgets_are_kept_and_announced() {
    let tenant = Tenant::start(0).await;
    tenant
        .entra
        .configure(&json!({"throttle": {"at": {"units": 20, "writes": 1000}}}))
        .unwrap();
    let cost = async |path: &str| {
        let answer = tenant.request("GET", path).send().await.unwrap();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_string())
        };
        (
            answer.status().as_u16(),
            header("x-ms-resource-unit"),
            header("x-ms-throttle-limit-percentage"),
        )
    };
    assert_eq!(cost("/users").await, (200, Some("2".into()), None));
    assert_eq!(
        cost("/users?$select=id&$top=5").await.1.unwrap(),
        "1",
        "never less than one"
    );
    assert_eq!(cost("/users?$expand=manager").await.1.unwrap(), "3");
    assert_eq!(cost("/users/nobody").await, (404, Some("1".into()), None));
    let mut announced = None;
    let refused = loop {
        let answer = tenant.request("GET", "/users").send().await.unwrap();
        if answer.status() == 429 {
            break answer;
        }
        announced = answer.headers().get("x-ms-throttle-limit-percentage").cloned();
    };
    assert!(announced.unwrap().to_str().unwrap().parse::<f64>().unwrap() >= 0.8);
    let header = |name: &str| refused.headers()[name].to_str().unwrap();
    assert!(header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(header("x-ms-throttle-information"), "ResourceUnitLimitExceeded");
    assert!(header("x-ms-throttle-scope").starts_with("Tenant_Application/ReadWrite/"));
    let wait = std::time::Duration::from_secs(header("retry-after").parse().unwrap());
    tokio::time::sleep(wait).await;
    assert_eq!(cost("/users").await.0, 200, "whoever waits is served");
}

#[tokio::test]
async fn a_seeded_tenant_is_the_same_every_time() {
    let one = Tenant::start(100).await;
    let other = Tenant::start(100).await;
    let names = one.names("/users").await;
    assert_eq!(names, other.names("/users").await);
    assert_eq!(names.len(), 102);
    assert_eq!(one.entra.client_secret, other.entra.client_secret);
    let id = muster::lab::entra::user_id(1, "100009");
    assert_ne!(id, muster::lab::entra::user_id(2, "100009"));
    let (_, user) = one
        .get(&format!(
            "/users/{id}?$select=employeeId&$expand=manager($select=employeeId)"
        ))
        .await;
    assert_eq!(
        (&user["employeeId"], &user["manager"]["employeeId"]),
        (&json!("100009"), &json!("100001"))
    );
    let state = one.entra.state();
    assert_eq!(state["deleted"][0]["employeeId"], "900002");
    assert_eq!(state["answers"]["GET /users"]["200"], 2);
    let synced = one
        .get("/users?$filter=onPremisesSyncEnabled eq true&$select=employeeId")
        .await
        .1;
    assert_eq!(synced["value"], json!([{"employeeId": "900001"}]));
}

#[tokio::test]
async fn whoever_runs_it_has_controls() {
    let tenant = Tenant::start(0).await;
    let (status, _) = tenant.admin("/lab/settings", json!({"nonsense": 1})).await;
    assert_eq!(status, 400);
    let (status, settings) = tenant
        .admin("/lab/settings", json!({"token_lifetime_s": 60, "page": 1}))
        .await;
    assert_eq!(
        (status, &settings["token_lifetime_s"], &settings["throttle"]),
        (200, &json!(60), &json!("off"))
    );
    assert_eq!(tenant.ask_token(&[]).await.1["expires_in"], 60);
    let (_, made) = tenant
        .admin(
            "/lab/users",
            json!({"set": {"displayName": "Odd", "userPrincipalName": "odd@anywhere", "employeeid": "x"}}),
        )
        .await;
    assert_eq!(made["employeeId"], "x");
    let (_, found) = tenant.get("/users/odd@anywhere?$select=employeeId").await;
    assert_eq!(found["employeeId"], "x");
    let purge = async |key: &str| tenant.admin("/lab/users", json!({"purge": key})).await.0;
    assert_eq!(purge("odd@anywhere").await, 200);
    assert_eq!(tenant.get("/users/odd@anywhere").await.0, 404);
    let deleted = tenant.add("gone", json!({})).await;
    tenant.delete(&format!("/users/{deleted}")).await;
    assert_eq!(purge(&deleted).await, 200);
    for nobody in ["nobody", "odd@anywhere", &deleted] {
        assert_eq!(purge(nobody).await, 404, "{nobody}");
    }
    let state = super::send(tenant.http.get(format!("{}/lab/state", tenant.entra.admin)))
        .await
        .1;
    assert_eq!((&state["users"], &state["deleted"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn settings_are_kept_within_bounds() {
    let tenant = Tenant::start(0).await;
    for wrong in [
        json!([]),
        json!(7),
        json!(null),
        json!("page"),
        json!({"page": -1}),
        json!({"page": "7"}),
    ] {
        assert_eq!(
            tenant.admin("/lab/settings", wrong.clone()).await.0,
            400,
            "{wrong}"
        );
    }
    let most = u64::MAX;
    let greedy = json!({"page": most, "delta_page": most, "search_delay_ms": most, "read_delay_ms": most});
    let (status, settings) = tenant.admin("/lab/settings", greedy).await;
    assert_eq!(status, 200);
    for (name, bound) in [
        ("page", 999),
        ("delta_page", 999),
        ("search_delay_ms", 86_400_000),
        ("read_delay_ms", 86_400_000),
    ] {
        assert_eq!(settings[name], bound, "{name}");
    }
    for path in ["/users", "/users/delta"] {
        assert_eq!(tenant.get(path).await.0, 200, "{path}");
    }
}

#[test]
fn the_command_prints_one_line_and_serves_until_told_to_stop() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["lab", "entra", "--workers", "20", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let system: Json = serde_json::from_str(&line).unwrap();
    for member in [
        "url",
        "admin",
        "token_url",
        "tenant",
        "domain",
        "client_id",
        "client_secret",
    ] {
        assert!(system[member].is_string(), "{member}: {system}");
    }
    let address = system["url"].as_str().unwrap().trim_start_matches("http://");
    std::net::TcpStream::connect(address).unwrap();
    let stopped = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_own_client_gets_along() {
    let tenant = Tenant::start(150).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/peers/venv/bin/python");
    assert!(
        python.exists(),
        "run tests/install: there is no {}",
        python.display()
    );
    let judge = Command::new(python)
        .arg(root.join("tests/peers/entra.py"))
        .arg(json!(tenant.entra).to_string())
        .output();
    let judge = judge.unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&judge.stdout),
        String::from_utf8_lossy(&judge.stderr)
    );
    assert!(judge.status.success(), "{said}");
    assert!(said.contains("all is well"), "{said}");
    assert!(tenant.send("POST", "/users", person("after", json!({}))).await.0 == 201);
}
