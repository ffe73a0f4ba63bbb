//! What goes wrong by script.

use serde_json::{Value as Json, json};

use super::{Tenant, error, person};

impl Tenant {
    async fn script(&self, faults: Json) {
        let (status, answer) = self.admin("/lab/faults", json!({"faults": faults})).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn is_there(&self, name: &str) -> bool {
        self.get(&format!("/users/{name}@example.test")).await.0 == 200
    }
}

#[tokio::test]
async fn a_cut_connection_answers_nothing_before_or_after_the_work() {
    let tenant = Tenant::start(0).await;
    tenant
        .script(json!([
            {"on": "POST /users", "about": "ada", "do": "cut"},
            {"on": "POST /users", "about": "eve", "do": "cut-after"},
            {"on": "token", "times": 1, "do": "cut"},
        ]))
        .await;
    for (name, made) in [("ada", false), ("eve", true)] {
        let request = tenant.request("POST", "/users").json(&person(name, json!({})));
        let lost = request.send().await.unwrap_err();
        assert!(!lost.is_status() && !lost.is_timeout(), "{lost:?}");
        assert_eq!(tenant.is_there(name).await, made, "{name}");
    }
    assert!(tenant.http.post(&tenant.entra.token_url).send().await.is_err());
    tenant.fresh_token().await;
}

#[tokio::test]
async fn answers_can_be_wrong_late_or_no_answers_at_all() {
    let tenant = Tenant::start(0).await;
    let id = tenant.add("ada", json!({})).await;
    let user = format!("/users/{id}");
    tenant
        .script(json!([
            {"on": "PATCH /users/{id}", "times": 1, "do": {"answer": {"code": 429, "retry-after": 7}}},
            {"on": "PATCH /users/{id}", "times": 1, "do": {"answer-after": {"code": 504}}},
            {"on": "PATCH /users/{id}", "times": 1, "do": "html"},
            {"on": "GET /users/{id}", "about": "$select", "times": 1, "do": "html"},
            {"on": "GET /users", "times": 1, "do": {"slow": {"milliseconds": 300}}},
            {"on": "POST /users", "do": {"answer-after": {"code": 503, "retry_after": 3, "message": "Later."}}},
            {"on": "DELETE /users/{id}", "do": {"answer": {"code": 400, "message": "No."}}},
        ]))
        .await;
    let change = |value: &str| tenant.request("PATCH", &user).json(&json!({"department": value}));
    let answer = change("A").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    let (status, answer) = super::send(change("B")).await;
    assert_eq!((status, error(&answer).0), (504, "UnknownError"));
    let answer = change("C").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (502, &"text/html".parse().unwrap())
    );
    let (_, read) = tenant.get(&user).await;
    assert_eq!(read["displayName"], "ada");
    let page = tenant
        .request("GET", &format!("{user}?$select=department"))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    let (_, read) = tenant.get(&format!("{user}?$select=department")).await;
    assert_eq!(read["department"], "B", "done, whatever was said");
    let request = tenant.request("POST", "/users").json(&person("eve", json!({})));
    let answer = request.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"3".parse().unwrap())
    );
    assert_eq!(error(&answer.json::<Json>().await.unwrap()).1, "Later.");
    assert!(tenant.is_there("eve").await);
    let before = std::time::Instant::now();
    assert_eq!(tenant.get("/users").await.0, 200);
    assert!(before.elapsed().as_millis() >= 300);
    assert_eq!(
        error(&tenant.delete(&user).await.1),
        ("Request_BadRequest", "No.")
    );
}

#[tokio::test]
async fn faults_strike_parts_and_a_cut_part_cuts_the_batch() {
    let tenant = Tenant::start(0).await;
    let part = |name: &str| {
        json!({"id": name, "method": "POST", "url": "/users", "headers": {"Content-Type": "application/json"},
               "body": person(name, json!({}))})
    };
    tenant
        .script(json!([
            {"on": "POST /users", "about": "bob", "times": 1, "do": {"answer": {"code": 503, "retry-after": 1}}},
            {"on": "POST /users", "about": "cut", "do": "cut"},
            {"on": "$batch", "about": "late", "do": "cut-after"},
        ]))
        .await;
    let body = json!({"requests": [part("ada"), part("bob")]});
    let (_, answer) = tenant.send("POST", "/$batch", body).await;
    let mut answers: Vec<_> = answer["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["id"].as_str().unwrap(),
                one["status"].as_u64().unwrap(),
                one["headers"]["Retry-After"].as_str(),
            )
        })
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, [("ada", 201, None), ("bob", 503, Some("1"))]);

    for names in [["c1", "cut", "c3"], ["l1", "late", "l3"]] {
        let body = json!({"requests": names.map(part)});
        assert!(
            tenant
                .request("POST", "/$batch")
                .json(&body)
                .send()
                .await
                .is_err()
        );
    }
    for (name, made) in [
        ("c1", true),
        ("cut", false),
        ("c3", false),
        ("l1", true),
        ("late", true),
        ("l3", true),
    ] {
        assert_eq!(tenant.is_there(name).await, made, "{name}");
    }
}

#[tokio::test]
async fn a_late_answer_is_late_after_the_work() {
    let tenant = Tenant::start(0).await;
    // Longer than any test: the work must not wait for the answer.
    let slow = json!({"on": "POST /users", "do": {"slow": {"milliseconds": 3_600_000}}});
    tenant.script(json!([slow])).await;
    let request = tenant.request("POST", "/users").json(&person("ada", json!({})));
    let sent = tokio::spawn(request.send());
    let mut tries = 0;
    while !tenant.is_there("ada").await {
        tries += 1;
        assert!(tries < 1000, "made before it is answered");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!sent.is_finished());
    sent.abort();
}

#[tokio::test]
async fn the_token_endpoint_fails_in_its_own_words() {
    let tenant = Tenant::start(0).await;
    for (code, error) in [
        (400, "invalid_request"),
        (401, "invalid_client"),
        (429, "temporarily_unavailable"),
        (500, "server_error"),
        (503, "temporarily_unavailable"),
    ] {
        let fault = json!({"on": "token", "times": 1, "do": {"answer": {"code": code, "retry-after": 2}}});
        tenant.script(json!([fault])).await;
        let answer = tenant.http.post(&tenant.entra.token_url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), code);
        assert_eq!(answer.headers()["retry-after"], "2");
        assert_eq!(
            answer.headers()["content-type"],
            "application/json; charset=utf-8"
        );
        assert!(!answer.headers().contains_key("odata-version"));
        let answer: Json = answer.json().await.unwrap();
        assert_eq!(answer["error"], error, "{answer}");
        let number = &answer["error_codes"][0];
        let description = answer["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{answer}");
        for member in ["timestamp", "trace_id", "correlation_id"] {
            assert!(answer[member].is_string(), "{member}: {answer}");
        }
    }
    let answer = tenant.http.post(&tenant.entra.token_url).send().await.unwrap();
    assert!(
        !answer.headers().contains_key("odata-version"),
        "nor where it refuses by itself"
    );
}

#[tokio::test]
async fn a_script_that_could_not_strike_is_refused() {
    let tenant = Tenant::start(0).await;
    for (wrong, told) in [
        (
            json!({"on": "POST /user", "do": "cut"}),
            "there are: *, token, $batch, GET /users, POST /users,",
        ),
        (
            json!({"on": "token", "do": {"answer": {"code": 399}}}),
            "400 to 599",
        ),
        (
            json!({"on": "token", "do": {"answer": {"code": 600}}}),
            "400 to 599",
        ),
        (
            json!({"on": "token", "do": {"answer": {"code": 503, "retryAfter": 1}}}),
            "retryAfter",
        ),
        (
            json!({"on": "token", "do": {"answer-after": {"code": 503, "status": 1}}}),
            "status",
        ),
        (json!({"on": "token", "do": "explode"}), "explode"),
    ] {
        let body = json!({"faults": [wrong]});
        let asked = tenant
            .http
            .post(format!("{}/lab/faults", tenant.entra.admin))
            .json(&body);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(told), "{body}: {text}");
    }
    tenant.fresh_token().await;
    let options = super::Options {
        faults: serde_json::from_value(json!([{"on": "add", "do": "cut"}])).unwrap(),
        ..super::Options::default()
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = super::entra::start(options, listener, Default::default());
    assert!(refused.is_err_and(|error| error.message.contains("there are: *, token")));
}
