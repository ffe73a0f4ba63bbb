//! The HTTP contract: what is taken in, what is refused and in which words, who may do what.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::gateway::{APP, BULK_REQUEST, Gateway, JOB, Setup, bulk, person};

const OPERATION: &str = r#"{"method":"POST","path":"/Users","bulkId":"1","data":{"externalId":"7"}}"#;

fn request(operations: &str) -> String {
    format!(r#"{{"schemas":["{BULK_REQUEST}"],"Operations":{operations},"failOnErrors":null}}"#)
}

async fn nothing_is_stored(gateway: &Gateway) {
    let job = gateway.caller.job().await;
    assert_eq!(job["status"]["progress"][0]["totalUnits"], 0, "{job}");
}

#[tokio::test]
async fn an_upload_is_taken_in_without_a_body_and_says_where_to_look() {
    let gateway = Setup::nowhere().start().await;
    let token = gateway.caller.token().await;
    for version in ["v1.0", "beta"] {
        for job in [
            format!("jobs/{JOB}"),
            format!("jobs('{JOB}')"),
            format!("jobs(%27{JOB}%27)"),
        ] {
            let answer = gateway
                .caller
                .request(
                    "POST",
                    &format!("/{version}/servicePrincipals/{APP}/synchronization/{job}/bulkUpload"),
                )
                .bearer_auth(&token)
                .header("Content-Type", "application/scim+json; charset=utf-8")
                .header("client-request-id", "mine")
                .body(bulk(&[person("1", "Ada Byron"), person("1", "Ada Lovelace")]).to_string())
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 202, "{version} {job}");
            let header = |name: &str| {
                answer
                    .headers()
                    .get(name)
                    .map(|value| value.to_str().unwrap().to_string())
            };
            assert_eq!(
                header("location").unwrap(),
                format!(
                    "{}/{version}/auditLogs/provisioning/?$filter=jobid%20eq%20'{JOB}'",
                    gateway.caller.url
                )
            );
            assert_eq!(header("client-request-id").unwrap(), "mine");
            assert_eq!(header("request-id").unwrap().len(), 36);
            assert_eq!(header("content-type"), None);
            assert!(answer.bytes().await.unwrap().is_empty());
        }
    }
    assert_eq!(
        gateway.caller.job().await["status"]["progress"][0]["totalUnits"],
        12
    );
}

#[tokio::test]
async fn bad_bodies_are_refused_whole_and_name_the_member() {
    let gateway = Setup::nowhere().server("max_operations = 3").start().await;
    let token = gateway.caller.token().await;
    let truncated = request(&format!("[{OPERATION}]"));
    let truncated = &truncated[..truncated.len() - 20];
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "Invalid Data Format"),
        (b"hello".to_vec(), "Invalid Data Format"),
        (br#"{"name":"John Doe"}"#.to_vec(), "schemas"),
        (
            format!(r#"{{"schemas":["urn:x"],"Operations":[{OPERATION}]}}"#).into_bytes(),
            "schemas",
        ),
        (
            format!(r#"{{"schemas":["{BULK_REQUEST}"]}}"#).into_bytes(),
            "Operations",
        ),
        (request("[]").into_bytes(), "Operations"),
        (
            request(&format!("[{}]", [OPERATION; 4].join(","))).into_bytes(),
            "4 operations",
        ),
        (
            request(&format!("[{OPERATION},{{}}]")).into_bytes(),
            "Operations[1].method",
        ),
        (
            request(&format!("[{}]", OPERATION.replace("POST", "PUT"))).into_bytes(),
            "Operations[0].method",
        ),
        (
            request(&format!("[{}]", OPERATION.replace("/Users", "/Groups"))).into_bytes(),
            "Operations[0].path",
        ),
        (
            request(&format!("[{}]", OPERATION.replace("bulkId", "id"))).into_bytes(),
            "Operations[0].bulkId",
        ),
        (
            request(&format!("[{}]", OPERATION.replace("data", "date"))).into_bytes(),
            "Operations[0].data",
        ),
        (truncated.as_bytes().to_vec(), "Invalid Data Format"),
        (request("[").replace(']', "").into_bytes(), "Invalid Data Format"),
        (
            format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes(),
            "nested",
        ),
        (
            request(&format!(
                "[{}]",
                OPERATION.replace("\"7\"", &format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)))
            ))
            .into_bytes(),
            "nested",
        ),
        (b"{\"schemas\": [\"\xff\xfe\"]}".to_vec(), "UTF-8"),
    ];
    for (body, names) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = gateway.caller.post_bulk(&token, body).await.unwrap();
        assert_eq!(answer.status(), 400, "{shown}");
        let envelope: Json = answer.json().await.unwrap();
        let message = envelope["error"]["message"].as_str().unwrap();
        assert!(message.contains(names), "{shown} → {message}");
        assert!(
            envelope["error"]["code"].is_string()
                && envelope["error"]["innerError"]["request-id"].is_string()
        );
    }
    nothing_is_stored(&gateway).await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_and_a_wrong_content_type_are_refused() {
    let gateway = Setup::nowhere().start().await;
    let token = gateway.caller.token().await;
    // A server that answers before it has read everything may close the connection under the writer.
    if let Ok(answer) = gateway.caller.post_bulk(&token, vec![b' '; 40 << 20]).await {
        assert_eq!(answer.status(), 413);
    }
    for content_type in ["application/json", "text/plain", ""] {
        let answer = gateway
            .caller
            .request("POST", &format!("{}/bulkUpload", gateway.caller.job_path()))
            .bearer_auth(&token)
            .header("Content-Type", content_type)
            .body(request(&format!("[{OPERATION}]")))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{content_type}");
        assert!(answer.text().await.unwrap().contains("application/scim+json"));
    }
    nothing_is_stored(&gateway).await;
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_the_right_role_and_the_right_app() {
    let other = "11111111-2222-3333-4444-555555555555";
    let gateway = Setup::nowhere()
        .clients(r#"
            [[client]]
            id = "reader"
            secret = "r"
            roles = ["ProvisioningLog.Read.All", "Application.Read.All"]
            [[client]]
            id = "stranger"
            secret = "s"
            roles = ["SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.ReadWrite.All"]
            apps = []
            "#)
        .start()
        .await;
    let caller = &gateway.caller;
    let body = request(&format!("[{OPERATION}]"));
    let upload = format!("{}/bulkUpload", caller.job_path());

    let answer = caller
        .request("POST", &upload)
        .body(body.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    let envelope: Json = answer.json().await.unwrap();
    assert_eq!(envelope["error"]["code"], "InvalidAuthenticationToken");
    assert_eq!(envelope["error"]["message"], "Access token is empty.");
    let token = caller.token().await;
    let forged = format!("{}x", &token[..token.len() - 3]);
    for token in ["", "nonsense", &forged] {
        assert_eq!(
            caller.post_bulk(token, body.clone()).await.unwrap().status(),
            401,
            "{token:.10}"
        );
    }

    for (client, secret, status) in [("reader", "r", 403), ("stranger", "s", 403)] {
        let answer: Json = caller.token_for(client, secret).await.json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap();
        let answer = caller.post_bulk(token, body.clone()).await.unwrap();
        assert_eq!(answer.status(), status, "{client}");
        let envelope: Json = answer.json().await.unwrap();
        assert_eq!(envelope["error"]["code"], "Authorization_RequestDenied");
    }
    assert_eq!(caller.token_for("hr-script", "wrong").await.status(), 401);
    assert_eq!(caller.token_for("unknown", "s3cret").await.status(), 401);

    for path in [
        upload.replace(APP, other),
        upload.replace(JOB, "API2AD.other"),
        "/v1.0/nothing".into(),
        "/v2.0/servicePrincipals".into(),
    ] {
        let (status, envelope) = caller.send("POST", &path, Some(json!({}))).await;
        assert_eq!(status, 404, "{path}");
        assert!(envelope["error"]["message"].is_string(), "{path}: {envelope}");
    }
    nothing_is_stored(&gateway).await;
}

#[tokio::test]
async fn expired_tokens_are_refused() {
    let gateway = Setup::nowhere().server(r#"token_lifetime = "1s""#).start().await;
    let token = gateway.caller.token().await;
    crate::gateway::eventually("the token has expired", async || {
        let answer = gateway.caller.post_bulk(&token, request("[]")).await.unwrap();
        answer.status() == StatusCode::UNAUTHORIZED
            && answer
                .text()
                .await
                .unwrap()
                .contains("Access token has expired or is not yet valid.")
    })
    .await;
}

#[tokio::test]
async fn the_configured_rate_and_the_inbox_are_limits() {
    let gateway = Setup::nowhere().server(r#"upload_rate = "2/60s""#).start().await;
    let token = gateway.caller.token().await;
    let body = request(&format!("[{OPERATION}]"));
    for _ in 0..2 {
        assert_eq!(
            gateway
                .caller
                .post_bulk(&token, body.clone())
                .await
                .unwrap()
                .status(),
            202
        );
    }
    let refused = gateway.caller.post_bulk(&token, body.clone()).await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait));
    let envelope: Json = refused.json().await.unwrap();
    assert_eq!(envelope["error"]["code"], "TooManyRequests");

    let gateway = Setup::nowhere().inbox_limit(2).start().await;
    let token = gateway.caller.token().await;
    for expected in [202, 202, 500] {
        assert_eq!(
            gateway
                .caller
                .post_bulk(&token, body.clone())
                .await
                .unwrap()
                .status(),
            expected
        );
    }
}

#[tokio::test]
async fn a_script_finds_its_job_as_microsofts_clients_do() {
    let gateway = Setup::nowhere().start().await;
    let caller = &gateway.caller;
    let token = caller.token().await;
    let find = |filter: String| {
        caller
            .request("GET", "/v1.0/servicePrincipals")
            .query(&[("$filter", filter.as_str()), ("$select", "id")])
            .bearer_auth(&token)
            .send()
    };
    let found: Json = find(format!("id eq '{APP}' or appId eq '{APP}'"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(found["value"], json!([{ "id": APP }]));
    let none: Json = find("displayName eq 'nobody'".into())
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(none["value"], json!([]));
    assert_eq!(find("id is good".into()).await.unwrap().status(), 400);

    let (_, jobs) = caller
        .send(
            "GET",
            &format!("/v1.0/servicePrincipals/{APP}/synchronization/jobs"),
            None,
        )
        .await;
    assert_eq!(jobs["value"][0]["id"], JOB);
    assert_eq!(jobs["value"][0]["schedule"]["state"], "Disabled");
    assert_eq!(jobs["value"][0]["status"]["code"], "NotConfigured");
    for (action, state) in [
        ("start", "Active"),
        ("pause", "Paused"),
        ("restart", "Active"),
        ("pause", "Paused"),
    ] {
        let (status, body) = caller
            .send("POST", &format!("{}/{action}", caller.job_path()), None)
            .await;
        assert_eq!((status.as_u16(), body), (204, Json::Null), "{action}");
        assert_eq!(caller.job().await["schedule"]["state"], state, "{action}");
    }
    let scope = |words: &str| Some(json!({ "criteria": { "resetScope": words } }));
    let path = format!("{}/restart", caller.job_path());
    assert_eq!(
        caller
            .send("POST", &path, scope("Watermark, Escrows,QuarantineState"))
            .await
            .0,
        204
    );
    let (status, envelope) = caller.send("POST", &path, scope("Everything")).await;
    assert_eq!(status, 400);
    assert!(
        envelope["error"]["message"]
            .as_str()
            .unwrap()
            .contains("criteria.resetScope")
    );
}

#[tokio::test]
async fn a_token_can_be_verified_by_anybody() {
    let gateway = Setup::nowhere().start().await;
    let (status, configuration) = gateway
        .caller
        .send("GET", "/contoso/v2.0/.well-known/openid-configuration", None)
        .await;
    assert_eq!(status, 200);
    let keys_path = configuration["jwks_uri"]
        .as_str()
        .unwrap()
        .replace(&gateway.caller.url, "");
    let (_, keys) = gateway.caller.send("GET", &keys_path, None).await;
    let (x, y) = (
        keys["keys"][0]["x"].as_str().unwrap(),
        keys["keys"][0]["y"].as_str().unwrap(),
    );
    let key = jsonwebtoken::DecodingKey::from_ec_components(x, y).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&["https://graph.microsoft.com"]);
    validation.set_issuer(&[configuration["issuer"].as_str().unwrap()]);
    let token = gateway.caller.token().await;
    let claims = jsonwebtoken::decode::<Json>(&token, &key, &validation)
        .unwrap()
        .claims;
    assert_eq!(claims["appid"], "hr-script");
    assert!(
        claims["roles"]
            .as_array()
            .unwrap()
            .contains(&json!("SynchronizationData-User.Upload"))
    );
}

#[tokio::test]
async fn what_a_restart_must_not_lose_is_still_there() {
    let gateway = Setup::nowhere().start().await;
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    let token = gateway.caller.token().await;
    let gateway = gateway.stop().await.start().await;
    assert_eq!(
        gateway.caller.job().await["status"]["progress"][0]["totalUnits"],
        1
    );
    let upload = gateway
        .caller
        .post_bulk(&token, request(&format!("[{OPERATION}]")))
        .await
        .unwrap();
    assert_eq!(
        upload.status(),
        202,
        "a token of before the restart is still good"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_answers_what_clients_ask() {
    let directory = crate::support::openldap::directory();
    let gateway = crate::guard::start(&directory, "").await;
    let people: Vec<Json> = (0..5)
        .map(|id| person(&id.to_string(), &format!("Person Number{id}")))
        .collect();
    gateway.caller.upload(&people).await;
    gateway.caller.settled().await;
    gateway
        .caller
        .upload(&[json!({ "externalId": "bad", "active": true }), people[0].clone()])
        .await;
    gateway.caller.settled().await;
    let ask = async |query: &[(&str, &str)], version: &str| {
        let token = gateway.caller.token().await;
        let path = format!("/{version}/auditLogs/provisioning/");
        let request = gateway
            .caller
            .request("GET", &path)
            .query(query)
            .bearer_auth(token);
        request.send().await.unwrap().json::<Json>().await.unwrap()
    };
    let ids = |page: &Json| -> Vec<String> {
        let entries = page["value"].as_array().unwrap_or_else(|| panic!("{page}"));
        entries
            .iter()
            .map(|entry| entry["sourceIdentity"]["id"].as_str().unwrap().to_string())
            .collect()
    };
    let of_job = format!("jobid eq '{JOB}'");
    let newest = ask(&[("$filter", &of_job), ("$top", "1")], "v1.0").await;
    let cycle = newest["value"][0]["cycleId"].as_str().unwrap();
    assert!(["0", "bad"].contains(&ids(&newest)[0].as_str()), "newest first");
    assert!(newest["@odata.nextLink"].as_str().unwrap().contains("skiptoken"));
    for (filter, expected) in [
        (format!("{of_job} and cycleId ne '{cycle}'"), 0),
        (format!("cycleId eq '{cycle}'"), 7),
        (
            format!(
                "{of_job} and statusInfo/status eq 'failure' and activityDateTime ge 2022-10-10T09:47:34Z"
            ),
            1,
        ),
        (format!("{of_job} and sourceIdentity/id eq '0'"), 2),
        (
            format!("activityDateTime ge 2022-10-10T09:47:34Z and servicePrincipal/id eq '{APP}'"),
            7,
        ),
        ("contains(sourceIdentity/displayName,'Number3')".into(), 1),
        (
            "provisioningAction eq 'create' and provisioningStatusInfo/status eq 'success'".into(),
            5,
        ),
        ("jobid eq 'API2AD.other'".into(), 0),
        ("activityDateTime lt 2022-10-10T09:47:34Z".into(), 0),
    ] {
        let page = ask(
            &[("$filter", &filter), ("$orderby", "activityDateTime desc")],
            "v1.0",
        )
        .await;
        assert_eq!(ids(&page).len(), expected, "{filter}");
    }
    let oldest = ask(&[("$filter", &of_job), ("$orderby", "activityDateTime")], "v1.0").await;
    let mut backwards = ids(&oldest);
    backwards.reverse();
    assert_eq!(ids(&ask(&[("$filter", &of_job)], "v1.0").await), backwards);
    let beta = ask(&[("$top", "1")], "beta").await;
    assert_eq!(
        beta["value"][0]["statusInfo"],
        beta["value"][0]["provisioningStatusInfo"]
    );
    for query in [("$filter", "jobid"), ("$top", "0"), ("$orderby", "id")] {
        assert!(
            ask(&[query], "v1.0").await["error"]["message"]
                .as_str()
                .unwrap()
                .contains(query.0),
            "{query:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_served_with_the_configured_certificate() {
    let setup = Setup::nowhere().server(r#"tls = { cert = "cert.pem", key = "key.pem" }"#);
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=gateway",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(setup.dir.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let gateway = setup.start().await;
    gateway.caller.upload(&[person("1", "Ada Byron")]).await;
    let location = gateway
        .caller
        .post_bulk(&gateway.caller.token().await, request(&format!("[{OPERATION}]")))
        .await;
    let location = location.unwrap().headers()["location"]
        .to_str()
        .unwrap()
        .to_string();
    assert!(
        location.starts_with(&gateway.caller.url) && location.starts_with("https://"),
        "{location}"
    );
}

#[test]
fn the_description_of_the_api_is_the_one_in_the_repository() {
    let generated = muster::api::openapi().to_pretty_json().unwrap() + "\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/muster.json");
    if std::env::var_os("MUSTER_UPDATE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == generated,
        "the API changed: run the tests once with MUSTER_UPDATE=1 and look at the difference"
    );
}
