//! Many users: filtered, ordered, paged, counted, and followed as they change.

use serde_json::{Value as Json, json};

use super::{Tenant, error};

async fn three(tenant: &Tenant) {
    let values = [
        (
            "ada",
            json!({"employeeId": "1", "department": "Works", "givenName": "Ada", "mail": "ada@one.test",
                       "companyName": "One", "employeeHireDate": "2020-01-01T00:00:00Z",
                       "employeeOrgData": {"costCenter": "C1"}}),
        ),
        (
            "bob",
            json!({"employeeId": "2", "department": "Sales", "givenName": "Bob", "accountEnabled": false,
                       "companyName": "One", "employeeHireDate": "2024-01-01T00:00:00Z"}),
        ),
        (
            "o'neil",
            json!({"employeeId": "3", "department": "works", "mail": "oneil@two.test", "mailNickname": "oneil"}),
        ),
    ];
    for (name, values) in values {
        tenant.add(name, values).await;
    }
}

#[tokio::test]
async fn filters_find_whom_they_should() {
    let tenant = Tenant::start(0).await;
    three(&tenant).await;
    let cases = [
        ("employeeId eq '2'", "bob"),
        ("EMPLOYEEID EQ '2'", "bob"),
        ("employeeId eq '9'", ""),
        ("employeeId in ('1', '3','9')", "ada o'neil"),
        ("userPrincipalName eq 'O''NEIL@example.test'", "o'neil"),
        ("department eq 'WORKS'", "ada o'neil"),
        ("accountEnabled eq false", "bob"),
        (
            "department eq 'works' and (employeeId eq '3' or employeeId eq '2')",
            "o'neil",
        ),
        (
            "startsWith(givenName,'a') or startswith(displayName, 'B')",
            "ada bob",
        ),
        ("proxyAddresses/any(p:p eq 'smtp:oneil@two.test')", "o'neil"),
        ("proxyAddresses/any(x: startsWith(x,'SMTP:ada'))", "ada"),
        ("id eq '11111111-2222-3333-4444-555555555555'", ""),
        ("onPremisesSyncEnabled eq true", ""),
        ("createdDateTime ge 2020-01-01T00:00:00Z", "ada bob o'neil"),
        ("employeeId eq '1' or department eq 'sales'", "ada bob"),
    ];
    for (filter, expected) in cases {
        let (status, answer) =
            super::send(tenant.request("GET", "/users").query(&[("$filter", filter)])).await;
        assert_eq!(status, 200, "{filter}: {answer}");
        assert_eq!(names(&answer), expected, "{filter}");
    }
}

/// Sorted, with spaces between.
fn names(answer: &Json) -> String {
    let users = answer["value"].as_array().unwrap();
    let mut names: Vec<&str> = users
        .iter()
        .map(|user| user["displayName"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names.join(" ")
}

#[tokio::test]
async fn advanced_queries_have_to_say_so() {
    let tenant = Tenant::start(0).await;
    three(&tenant).await;
    let cases = [
        ("accountEnabled ne true", "bob"),
        ("not startsWith(displayName,'a')", "bob o'neil"),
        ("not(employeeId in ('1','2'))", "o'neil"),
        ("endsWith(mail,'@ONE.test')", "ada"),
        ("companyName eq 'one'", "ada bob"),
        ("companyName eq null", "o'neil"),
        ("companyName ne null and not (employeeId eq '1')", "bob"),
        ("employeeOrgData/costCenter eq 'c1'", "ada"),
        ("employeeHireDate lt 2022-01-01T00:00:00Z", "ada"),
        ("employeeHireDate ge 2024-01-01", "bob"),
    ];
    for (filter, expected) in cases {
        let plain = tenant.request("GET", "/users").query(&[("$filter", filter)]);
        let (status, answer) = super::send(plain).await;
        assert_eq!(
            (status, error(&answer).0),
            (400, "Request_UnsupportedQuery"),
            "{filter}"
        );
        let query = [("$filter", filter), ("$count", "true")];
        let half = tenant.request("GET", "/users").query(&query);
        assert_eq!(super::send(half).await.0, 400, "{filter}: without the header");
        let whole = tenant
            .request("GET", "/users")
            .query(&query)
            .header("consistencylevel", "Eventual");
        let (status, answer) = super::send(whole).await;
        assert_eq!(status, 200, "{filter}: {answer}");
        assert_eq!(names(&answer), expected, "{filter}");
        assert_eq!(
            answer["@odata.count"],
            answer["value"].as_array().unwrap().len(),
            "{filter}"
        );
    }
    assert_eq!(tenant.get("/users/$count").await.0, 400);
    let count = tenant.request("GET", "/users/$count?$filter=accountEnabled eq true");
    let count = count.header("ConsistencyLevel", "eventual").send().await.unwrap();
    assert_eq!(count.text().await.unwrap(), "2");
    let (status, answer) = tenant.get("/users?$count=true").await;
    assert_eq!(
        (status, &answer["@odata.count"]),
        (200, &Json::Null),
        "silently ignored, as documented"
    );
    assert_eq!(
        tenant
            .get("/users?$orderby=displayName&$filter=accountEnabled eq true")
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn queries_that_are_none_are_refused() {
    let tenant = Tenant::start(0).await;
    let long = format!("employeeId in ({})", vec!["'1'"; 16].join(","));
    let deep = format!("{}accountEnabled eq true{}", "(".repeat(500), ")".repeat(500));
    let filters = [
        "",
        "employeeId",
        "employeeId eq",
        "employeeId eq 1",
        "employeeId eq 'a",
        "employeeId is '1'",
        "(employeeId eq '1'",
        "employeeId eq '1')",
        "employeeId eq '1' and",
        "nonsense eq '1'",
        "contains(displayName,'a')",
        "accountEnabled eq 'true'",
        "streetAddress/nothing eq '1'",
        "proxyAddresses eq 'a'",
        "displayName/any(x:x eq 'a')",
        "startsWith(department,'w')",
        "passwordProfile eq 'x'",
        "employeeHireDate eq '2020'",
        "🦀 eq '1'",
        "' '",
        ",,",
        &long,
        &deep,
    ];
    for filter in filters {
        let request = tenant
            .request("GET", "/users")
            .query(&[("$filter", filter), ("$count", "true")]);
        let (status, answer) = super::send(request.header("ConsistencyLevel", "eventual")).await;
        assert_eq!(status, 400, "{filter}: {answer}");
    }
    for query in [
        "$select=nonsense",
        "$top=0",
        "$top=1000",
        "$top=x",
        "$orderby=nonsense",
        "$orderby=city",
        "$skip=5",
        "$search=%22a%22",
        "$apply=x",
        "$expand=messages",
        "$skiptoken=x",
    ] {
        assert_eq!(
            tenant
                .get_eventual(&format!("/users?{query}&$count=true"))
                .await
                .0,
            400,
            "{query}"
        );
    }
    for path in ["/groups", "/users/a/b", "/", "", "/users/delta/x"] {
        let (status, answer) = tenant.get(path).await;
        assert_eq!((status, error(&answer).0), (400, "BadRequest"), "{path}");
    }
    assert_eq!(tenant.send("PUT", "/users", json!({})).await.0, 405);
}

#[tokio::test]
async fn pages_follow_each_other_and_miss_nobody() {
    let tenant = Tenant::start(250).await;
    let all = tenant.names("/users?$select=displayName&$top=40").await;
    assert_eq!(all.len(), 252);
    let ordered = tenant.names("/users?$orderby=displayName desc&$top=40").await;
    let mut sorted: Vec<String> = all.iter().map(|name| name.to_lowercase()).collect();
    sorted.sort();
    sorted.reverse();
    assert_eq!(
        ordered.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>(),
        sorted
    );
    let advanced = "/users?$orderby=userPrincipalName&$filter=accountEnabled eq true&$count=true&$top=999";
    let (_, first) = tenant.get_eventual(advanced).await;
    assert_eq!(first["@odata.count"], first["value"].as_array().unwrap().len());
    let (_, page) = tenant.get("/users").await;
    assert_eq!(page["value"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn searches_lag_behind_where_told_to() {
    let tenant = Tenant::start(0).await;
    let (status, _) = tenant
        .admin("/lab/settings", json!({"search_delay_ms": 300}))
        .await;
    assert_eq!(status, 200);
    let id = tenant.add("ada", json!({"employeeId": "1"})).await;
    let find = "/users?$filter=employeeId eq '1'";
    assert_eq!(
        tenant.get(&format!("/users/{id}")).await.0,
        200,
        "by id it is there at once"
    );
    assert_eq!(tenant.get(find).await.1["value"], json!([]));
    assert_eq!(
        tenant
            .send("POST", "/users", super::person("ada", json!({})))
            .await
            .0,
        400,
        "names are checked at once"
    );
    let mut tries = 0;
    while tenant.get(find).await.1["value"] == json!([]) {
        tries += 1;
        assert!(tries < 100);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Ids with what is told of them, and the link to go on with.
async fn follow(tenant: &Tenant, link: &str, minimal: bool) -> (Vec<Json>, String) {
    let (mut value, mut link) = (Vec::new(), link.to_string());
    loop {
        let mut request = tenant.request("GET", &link);
        if minimal {
            request = request.header("Prefer", "return=minimal");
        }
        let (status, page) = super::send(request).await;
        assert_eq!(status, 200, "{page}");
        value.extend(page["value"].as_array().unwrap().clone());
        match page["@odata.nextLink"].as_str() {
            Some(next) => link = next.to_string(),
            None => return (value, page["@odata.deltaLink"].as_str().unwrap().to_string()),
        }
    }
}

#[tokio::test]
async fn changes_are_told_to_whoever_follows() {
    let tenant = Tenant::start(0).await;
    tenant.entra.configure(&json!({"delta_page": 2})).unwrap();
    let mut ids = Vec::new();
    for name in ["a1", "a2", "a3", "a4", "a5"] {
        ids.push(tenant.add(name, json!({"department": "Works"})).await);
    }
    let (_, latest) = follow(
        &tenant,
        "/users/delta?$deltatoken=latest&$select=department",
        false,
    )
    .await;
    let (all, link) = follow(
        &tenant,
        "/users/delta()?$select=displayName,department,manager",
        false,
    )
    .await;
    assert_eq!(all.len(), 5);
    assert_eq!(follow(&tenant, &link, false).await.0, Vec::<Json>::new());

    let user = |at: usize| format!("/users/{}", ids[at]);
    tenant
        .send("PATCH", &user(0), json!({"department": "Sales"}))
        .await;
    tenant
        .send("PATCH", &user(1), json!({"jobTitle": "not followed"}))
        .await;
    let reference = json!({"@odata.id": format!("https://x/v1.0/users/{}", ids[0])});
    tenant
        .send("PUT", &format!("{}/manager/$ref", user(2)), reference)
        .await;
    tenant.delete(&user(3)).await;
    tenant.delete(&user(4)).await;
    tenant
        .delete(&format!("/directory/deletedItems/{}", ids[4]))
        .await;
    let by_id = |told: &[Json], at: usize| told.iter().find(|user| user["id"] == ids[at]).cloned();
    let (told, next) = follow(&tenant, &link, false).await;
    assert_eq!(by_id(&told, 0).unwrap()["department"], "Sales");
    assert_eq!(
        by_id(&told, 0).unwrap()["displayName"],
        "a1",
        "more than what changed"
    );
    assert_eq!(by_id(&told, 1), None);
    assert_eq!(by_id(&told, 2).unwrap()["manager@delta"][0]["id"], ids[0]);
    assert_eq!(by_id(&told, 3).unwrap()["@removed"]["reason"], "changed");
    assert_eq!(by_id(&told, 4).unwrap()["@removed"]["reason"], "deleted");
    let (told, _) = follow(&tenant, &link, true).await;
    assert_eq!(
        by_id(&told, 0),
        Some(json!({"department": "Sales", "id": ids[0]}))
    );
    let (told, _) = follow(&tenant, &latest, false).await;
    assert_eq!(told.len(), 3, "one changed, two removed: {told:?}");

    tenant.delete(&format!("{}/manager/$ref", user(2))).await;
    let back = tenant.request("POST", &format!("/directory/deletedItems/{}/restore", ids[3]));
    assert_eq!(super::send(back).await.0, 200);
    let (told, _) = follow(&tenant, &next, false).await;
    let removed = &by_id(&told, 2).unwrap()["manager@delta"][0];
    assert_eq!(
        (&removed["id"], &removed["@removed"]["reason"]),
        (&json!(ids[0]), &json!("deleted"))
    );
    assert_eq!(by_id(&told, 3).unwrap()["displayName"], "a4", "restored");

    let one = format!("/users/delta?$filter=id eq '{}' or id eq '{}'", ids[0], ids[1]);
    assert_eq!(follow(&tenant, &one, false).await.0.len(), 2);
    assert_eq!(
        tenant.get("/users/delta?$filter=department eq 'Works'").await.0,
        400
    );
    assert_eq!(tenant.get("/users/delta?$top=5").await.0, 400);
    tenant.admin("/lab/expire", json!({"changes": true})).await;
    for link in [next.as_str(), "/users/delta?$deltatoken=nonsense"] {
        let gone = tenant.request("GET", link).send().await.unwrap();
        assert_eq!(gone.status(), 410);
        assert!(
            gone.headers()["location"]
                .to_str()
                .unwrap()
                .contains("/users/delta?$deltatoken=")
        );
        let start = gone.headers()["location"].to_str().unwrap().to_string();
        assert_eq!(follow(&tenant, &start, false).await.0.len(), 4);
        let answer: Json = gone.json().await.unwrap();
        assert_eq!(error(&answer).0, "syncStateNotFound");
    }
    let (_, link) = follow(&tenant, "/users/delta", false).await;
    let later = tenant.entra.controls.now() + jiff::SignedDuration::from_hours(8 * 24);
    tenant.entra.controls.set_now(later);
    let mut tenant = tenant;
    tenant.token = tenant.fresh_token().await;
    assert_eq!(tenant.get(&link).await.0, 410, "a week");
}

#[tokio::test]
async fn a_shorter_delay_is_for_what_waits_already() {
    let tenant = Tenant::start(0).await;
    let delay = async |delay: u64| {
        tenant
            .admin("/lab/settings", json!({"search_delay_ms": delay}))
            .await
            .0
    };
    assert_eq!(delay(3_600_000).await, 200);
    tenant.add("ada", json!({"employeeId": "1"})).await;
    let find = "/users?$filter=employeeId eq '1'";
    assert_eq!(tenant.get(find).await.1["value"], json!([]));
    assert_eq!(delay(0).await, 200);
    assert_eq!(names(&tenant.get(find).await.1), "ada");
}

#[tokio::test]
async fn links_are_addresses() {
    let tenant = Tenant::start(0).await;
    let boss = "b'o#ss";
    tenant
        .add(
            "boss",
            json!({"userPrincipalName": format!("{boss}@example.test")}),
        )
        .await;
    for name in ["ada", "eve"] {
        let id = tenant.add(name, json!({})).await;
        let manager = json!({"@odata.id": "https://x/v1.0/users/b'o%23ss@example.test"});
        let (status, _) = tenant
            .send("PUT", &format!("/users/{id}/manager/$ref"), manager)
            .await;
        assert_eq!(status, 204);
    }
    let reports = "/users/b'o%23ss@example.test/directReports?$top=1&odd name=a b";
    let (_, page) = tenant.get(reports).await;
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(
        next.contains("/users/b%27o%23ss%40example.test/directReports?"),
        "{next}"
    );
    assert!(!next.contains(' '), "{next}");
    assert_eq!(tenant.names(reports).await.len(), 2);
}

#[tokio::test]
async fn whoever_was_the_manager_then_is_told_of() {
    let tenant = Tenant::start(0).await;
    let mut ids = Vec::new();
    for name in ["ada", "first", "second", "third"] {
        ids.push(tenant.add(name, json!({})).await);
    }
    let assign = async |manager: &str| {
        let path = format!("/users/{}/manager/$ref", ids[0]);
        let reference = json!({"@odata.id": format!("https://x/v1.0/users/{manager}")});
        assert_eq!(tenant.send("PUT", &path, reference).await.0, 204);
    };
    assign(&ids[1]).await;
    let (_, link) = follow(&tenant, "/users/delta?$select=displayName,manager", false).await;
    assign(&ids[2]).await;
    let (_, later) = follow(&tenant, "/users/delta?$select=displayName,manager", false).await;
    assign(&ids[3]).await;
    for (link, former) in [(&link, &ids[1]), (&later, &ids[2])] {
        let (told, _) = follow(&tenant, link, true).await;
        let managers = told[0]["manager@delta"].as_array().unwrap();
        let [now, then] = &managers[..] else {
            panic!("{told:?}")
        };
        assert_eq!(
            (&now["id"], &then["id"], &then["@removed"]["reason"]),
            (&json!(ids[3]), &json!(former), &json!("deleted"))
        );
    }
    assign(&ids[1]).await;
    let (told, _) = follow(&tenant, &link, true).await;
    assert_eq!(
        told[0]["manager@delta"].as_array().unwrap().len(),
        1,
        "back where it was"
    );
}
