//! Many calls in one.

use serde_json::{Value as Json, json};

use super::{Tenant, error, person};

fn part(id: &str, method: &str, url: &str, body: Json) -> Json {
    json!({"id": id, "method": method, "url": url, "headers": {"content-type": "application/json"}, "body": body})
}

async fn batch(tenant: &Tenant, parts: Vec<Json>) -> Vec<Json> {
    let (status, answer) = tenant.send("POST", "/$batch", json!({"requests": parts})).await;
    assert_eq!(status, 200, "{answer}");
    answer["responses"].as_array().unwrap().clone()
}

fn of<'a>(responses: &'a [Json], id: &str) -> &'a Json {
    responses.iter().find(|response| response["id"] == id).unwrap()
}

#[tokio::test]
async fn parts_are_carried_out_one_by_one_and_answered_in_any_order() {
    let tenant = Tenant::start(0).await;
    let id = tenant.add("ada", json!({})).await;
    let mut parts = vec![
        part("make", "POST", "/users", person("eve", json!({}))),
        part(
            "change",
            "PATCH",
            &format!("users/{id}"),
            json!({"department": "Works"}),
        ),
        json!({"id": "read", "method": "GET", "url": format!("/users/{id}?$select=department"), "dependsOn": ["change"]}),
        json!({"id": "none", "method": "GET", "url": "/users/nobody"}),
        json!({"id": "after", "method": "GET", "url": "/users/ada@example.test", "depends_on": ["none"]}),
        json!({"id": "version", "method": "GET", "url": "/v1.0/users"}),
        json!({"id": "count", "method": "GET", "url": "/users/$count", "headers": {"ConsistencyLevel": "eventual"}}),
        json!({"id": "batch", "method": "POST", "url": "/$batch", "body": {}, "headers": {"Content-Type": "application/json"}}),
    ];
    // Whoever depends on another need not come after it.
    parts.swap(1, 2);
    let responses = batch(&tenant, parts).await;
    for (id, status) in [
        ("make", 201),
        ("change", 204),
        ("read", 200),
        ("none", 404),
        ("after", 424),
        ("version", 400),
        ("count", 200),
        ("batch", 400),
    ] {
        assert_eq!(of(&responses, id)["status"], status, "{id}");
    }
    assert_eq!(of(&responses, "read")["body"]["department"], "Works");
    assert_eq!(
        of(&responses, "none")["body"]["error"]["code"],
        "Request_ResourceNotFound"
    );
    assert_eq!(
        of(&responses, "make")["headers"]["Content-Type"],
        "application/json"
    );
    assert_eq!(of(&responses, "change").get("body"), None);

    let mut orders = std::collections::HashSet::new();
    for _ in 0..5 {
        let parts = (0..10).map(|n| json!({"id": n.to_string(), "method": "GET", "url": "/domains"}));
        let responses = batch(&tenant, parts.collect()).await;
        orders.insert(
            responses
                .iter()
                .map(|one| one["id"].to_string())
                .collect::<String>(),
        );
    }
    assert!(orders.len() > 1, "the order says nothing");
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_whole() {
    let tenant = Tenant::start(0).await;
    let read = |id: &str| json!({"id": id, "method": "GET", "url": "/users"});
    let cases = [
        json!({}),
        json!({"requests": []}),
        json!({"requests": "x"}),
        json!({"requests": [7]}),
        json!({"requests": (0..21).map(|n| read(&n.to_string())).collect::<Vec<_>>()}),
        json!({"requests": [read("1"), read("1")]}),
        json!({"requests": [{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"]}]}),
        json!({"requests": [{"id": "1", "method": "GET", "url": "/users", "dependsOn": ["1"]}]}),
        json!({"requests": [{"id": "1", "url": "/users"}]}),
        json!({"requests": [{"id": "1", "method": "GET"}]}),
        json!({"requests": [{"method": "GET", "url": "/users"}]}),
        json!({"requests": [{"id": "1", "method": "POST", "url": "/users", "body": {}}]}),
    ];
    for body in cases {
        let (status, answer) = tenant.send("POST", "/$batch", body.clone()).await;
        assert_eq!((status, error(&answer).0), (400, "BadRequest"), "{body}");
    }
}

#[tokio::test]
async fn a_token_can_die_in_the_middle_of_a_batch() {
    let tenant = Tenant::start(0).await;
    // The batch is a call, and so is each part.
    tenant.admin("/lab/expire", json!({"tokensAfter": 3})).await;
    let parts = (0..4).map(|n| json!({"id": n.to_string(), "method": "GET", "url": "/users"}));
    let responses = batch(&tenant, parts.collect()).await;
    let statuses: Vec<_> = ["0", "1", "2", "3"]
        .iter()
        .map(|id| of(&responses, id)["status"].clone())
        .collect();
    assert_eq!(statuses, [200, 200, 401, 401]);
    assert_eq!(tenant.get("/users").await.0, 401);
}

#[tokio::test]
async fn parts_are_throttled_each_on_its_own() {
    let tenant = Tenant::start(0).await;
    tenant
        .entra
        .configure(&json!({"throttle": {"at": {"units": 100, "writes": 3}}}))
        .unwrap();
    let parts = (0..5).map(|n| {
        part(
            &n.to_string(),
            "POST",
            "/users",
            person(&format!("u{n}"), json!({})),
        )
    });
    let responses = batch(&tenant, parts.collect()).await;
    let refused: Vec<_> = responses
        .iter()
        .filter(|response| response["status"] == 429)
        .collect();
    assert_eq!(refused.len(), 2);
    let wait: u64 = refused[0]["headers"]["Retry-After"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(wait >= 1);
}

#[tokio::test]
async fn what_a_part_depends_on_is_a_list() {
    let tenant = Tenant::start(0).await;
    for (depends_on, status) in [
        (json!("1"), 400),
        (json!([1]), 400),
        (json!({"id": "1"}), 400),
        (json!(["2"]), 400),
        (json!(["1"]), 200),
        (json!([]), 200),
        (json!(null), 200),
    ] {
        let parts = json!([
            {"id": "1", "method": "GET", "url": "/users"},
            {"id": "2", "method": "GET", "url": "/users", "dependsOn": depends_on},
        ]);
        let (answered, _) = tenant.send("POST", "/$batch", json!({"requests": parts})).await;
        assert_eq!(answered, status, "{depends_on}");
    }
}
