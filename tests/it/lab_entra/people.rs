//! One user: made, read, changed, deleted and brought back, and what is refused.

use serde_json::{Value as Json, json};

use super::{Tenant, error, person};

#[tokio::test]
async fn a_user_is_made_read_changed_and_deleted() {
    let tenant = Tenant::start(0).await;
    let (status, made) = tenant
        .send(
            "POST",
            "/users",
            person(
                "ada",
                json!({"@odata.type": "#microsoft.graph.user", "employeeId": "7", "department": "Works",
                       "employeeHireDate": "2026-01-31T00:00:00Z"}),
            ),
        )
        .await;
    assert_eq!(status, 201);
    let members: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(members[0], "@odata.context");
    let usual = "businessPhones displayName givenName jobTitle mail mobilePhone officeLocation preferredLanguage surname userPrincipalName id";
    let mut usual: Vec<&str> = usual.split(' ').collect();
    usual.sort_unstable();
    let mut shown: Vec<&str> = members[1..].iter().map(|name| name.as_str()).collect();
    shown.sort_unstable();
    assert_eq!(shown, usual);
    let id = made["id"].as_str().unwrap();

    let (status, answer) = tenant
        .send(
            "PATCH",
            "/users/ADA@example.test",
            json!({"department": null, "jobTitle": "Fitter", "businessPhones": ["+1"],
                   "employeeOrgData": {"division": "North"},
                   "onPremisesExtensionAttributes": {"extensionAttribute3": "x"}}),
        )
        .await;
    assert_eq!((status, answer), (204, Json::Null));
    let (status, _) = tenant
        .send(
            "PATCH",
            &format!("/users/{id}"),
            json!({"employeeOrgData": {"costCenter": "C"}}),
        )
        .await;
    assert_eq!(status, 204);
    let (_, read) = tenant
        .get(&format!(
            "/users('{id}')?$select=id,department,jobTitle,businessPhones,employeeOrgData,onPremisesExtensionAttributes,employeeHireDate,passwordProfile,DISPLAYNAME"
        ))
        .await;
    assert_eq!(read["department"], Json::Null);
    assert_eq!(read["jobTitle"], "Fitter");
    assert_eq!(read["businessPhones"], json!(["+1"]));
    assert_eq!(
        read["employeeOrgData"],
        json!({"division": "North", "costCenter": "C"})
    );
    assert_eq!(read["onPremisesExtensionAttributes"]["extensionAttribute3"], "x");
    assert_eq!(
        read["onPremisesExtensionAttributes"].as_object().unwrap().len(),
        15
    );
    assert_eq!(read["employeeHireDate"], "2026-01-31T00:00:00Z");
    assert_eq!(read["passwordProfile"], Json::Null, "never returned");
    assert_eq!(read["displayName"], "ada");

    assert_eq!(tenant.delete(&format!("/users/{id}")).await.0, 204);
    let (status, answer) = tenant.get(&format!("/users/{id}")).await;
    assert_eq!((status, error(&answer).0), (404, "Request_ResourceNotFound"));
    let (_, deleted) = tenant.get(&format!("/directory/deletedItems/{id}")).await;
    assert_eq!(
        deleted["userPrincipalName"],
        format!("{}ada@example.test", id.replace('-', ""))
    );
    assert_eq!(deleted["@odata.type"], "#microsoft.graph.user");
}

#[tokio::test]
async fn what_is_not_a_value_is_refused_and_named() {
    let tenant = Tenant::start(0).await;
    let id = tenant.add("ada", json!({"department": "Works"})).await;
    let unverified = "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.";
    let complexity = "The specified password does not comply with password complexity requirements. Please provide a different password.";
    let cases = [
        (json!({"accountEnabled": null}), "accountEnabled"),
        (
            json!({"displayName": null}),
            "A value is required for property 'displayName' of resource 'User'.",
        ),
        (json!({"passwordProfile": null}), "passwordProfile"),
        (json!({"mailNickname": ""}), "mailNickname"),
        (json!({"accountEnabled": "true"}), "Edm.Boolean"),
        (
            json!({"employeeId": "x".repeat(17)}),
            "Invalid value specified for property 'employeeId' of resource 'User'.",
        ),
        (json!({"givenName": "x".repeat(65)}), "givenName"),
        (json!({"businessPhones": ["1", "2"]}), "businessPhones"),
        (json!({"usageLocation": "Switzerland"}), "usageLocation"),
        (json!({"employeeHireDate": "31.1.2026"}), "Edm.DateTimeOffset"),
        (json!({"userPrincipalName": "ada@elsewhere.test"}), unverified),
        (
            json!({"userPrincipalName": "zoë@example.test"}),
            "userPrincipalName",
        ),
        (json!({"passwordProfile": {"password": "short1A"}}), complexity),
        (
            json!({"passwordProfile": {"password": "alllowercase"}}),
            complexity,
        ),
        (
            json!({"favouriteColour": "blue"}),
            "Property 'favouriteColour' does not exist as a declared property or extension property.",
        ),
        (
            json!({"createdDateTime": "2026-01-31T00:00:00Z"}),
            "Property 'createdDateTime' is read-only and cannot be set.",
        ),
        (json!({"onPremisesSyncEnabled": true}), "read-only"),
        (json!({"proxyAddresses": ["SMTP:a@b"]}), "read-only"),
        (json!({"passwordPolicies": "None, Nonsense"}), "passwordPolicies"),
        (
            json!({"extension_00112233445566778899aabbccddeeff_badge": "x".repeat(257)}),
            "badge",
        ),
    ];
    for (values, expected) in cases {
        let (status, answer) = tenant.send("POST", "/users", person("eve", values.clone())).await;
        assert_eq!(status, 400, "{values}: {answer}");
        assert!(error(&answer).1.contains(expected), "{values}: {answer}");
        assert_eq!(error(&answer).0, "Request_BadRequest", "{values}");
        if values.as_object().unwrap().values().all(|value| !value.is_null()) {
            let (status, answer) = tenant
                .send("PATCH", &format!("/users/{id}"), values.clone())
                .await;
            assert_eq!(status, 400, "{values}");
            assert!(error(&answer).1.contains(expected), "{values}: {answer}");
        }
    }
    for required in [
        "accountEnabled",
        "displayName",
        "mailNickname",
        "userPrincipalName",
    ] {
        let (status, answer) = tenant
            .send("PATCH", &format!("/users/{id}"), json!({required: null}))
            .await;
        assert_eq!(
            (status, error(&answer).0),
            (400, "Request_BadRequest"),
            "{required}"
        );
    }
    let (_, read) = tenant
        .get(&format!("/users/{id}?$select=department,employeeId"))
        .await;
    assert_eq!(read["department"], "Works", "a refused change changes nothing");
    let (status, _) = tenant
        .send(
            "PATCH",
            &format!("/users/{id}"),
            json!({"extension_00112233445566778899aabbccddeeff_badge": "B7", "passwordPolicies": "DisablePasswordExpiration, DisableStrongPassword"}),
        )
        .await;
    assert_eq!(status, 204);
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let tenant = Tenant::start(0).await;
    for body in ["", "{", "[]", "7", "\"x\"", "{\"accountEnabled\": tru"] {
        for path in ["/users", "/$batch"] {
            let request = tenant
                .request("POST", path)
                .header("Content-Type", "application/json");
            let (status, answer) = super::send(request.body(body)).await;
            assert_eq!((status, error(&answer).0), (400, "BadRequest"), "{path} {body}");
        }
    }
    let huge = tenant.request("POST", "/users").body(vec![b' '; 5 << 20]);
    let huge = huge.header("client-request-id", "mine").send().await.unwrap();
    assert_eq!(huge.status(), 413);
    let ids =
        ["request-id", "client-request-id"].map(|name| huge.headers()[name].to_str().unwrap().to_string());
    let answer: Json = huge.json().await.unwrap();
    assert_eq!(error(&answer).0, "RequestEntityTooLarge");
    let inner = &answer["error"]["innerError"];
    assert_eq!(
        json!(ids),
        json!([inner["request-id"], inner["client-request-id"]])
    );
    assert_eq!(ids[1], "mine");
    assert_eq!(tenant.entra.state()["answers"]["POST /users"]["413"], 1);
    let deep = tenant.request("POST", "/users").body("[".repeat(100_000));
    assert_eq!(super::send(deep).await.0, 400);
}

#[tokio::test]
async fn nobody_has_another_s_name_or_address() {
    let tenant = Tenant::start(0).await;
    let ada = tenant.add("ada", json!({"mail": "ada@mail.test"})).await;
    let eve = tenant.add("eve", json!({})).await;
    let (_, read) = tenant
        .get(&format!("/users/{ada}?$select=mail,proxyAddresses"))
        .await;
    assert_eq!(read["proxyAddresses"], json!(["SMTP:ada@mail.test"]));
    let conflicts = [
        (
            json!({"userPrincipalName": "ADA@example.test"}),
            "userPrincipalName",
        ),
        (json!({"mail": "Ada@mail.test"}), "proxyAddresses"),
        (json!({"mail": "ada@example.test"}), "proxyAddresses"),
    ];
    for (values, property) in conflicts {
        let expected = format!("Another object with the same value for property {property} already exists.");
        for (method, path, body) in [
            ("POST", "/users".to_string(), person("bob", values.clone())),
            ("PATCH", format!("/users/{eve}"), values.clone()),
        ] {
            let (status, answer) = tenant.send(method, &path, body).await;
            assert_eq!(status, 400, "{method} {values}");
            assert_eq!(error(&answer), ("Request_BadRequest", expected.as_str()));
            assert_eq!(answer["error"]["details"][0]["code"], "ObjectConflict");
            assert_eq!(answer["error"]["details"][0]["target"], property);
        }
    }
    let (status, _) = tenant
        .send(
            "PATCH",
            &format!("/users/{ada}"),
            json!({"mail": "first@mail.test"}),
        )
        .await;
    assert_eq!(status, 204);
    let (_, answer) = tenant
        .send(
            "PATCH",
            &format!("/users/{eve}"),
            json!({"mail": "ada@mail.test"}),
        )
        .await;
    assert!(
        error(&answer).1.contains("proxyAddresses"),
        "the former address is kept"
    );
}

#[tokio::test]
async fn the_deleted_come_back_unless_their_name_is_taken() {
    let tenant = Tenant::start(0).await;
    let ada = tenant.add("ada", json!({"mail": "ada@mail.test"})).await;
    let boss = tenant.add("boss", json!({})).await;
    let reference = json!({"@odata.id": format!("https://graph.microsoft.com/beta/users/{ada}")});
    let (status, _) = tenant
        .send("PUT", &format!("/users/{boss}/manager/$ref"), reference)
        .await;
    assert_eq!(status, 204);
    assert_eq!(tenant.delete(&format!("/users/{ada}")).await.0, 204);
    assert_eq!(tenant.get(&format!("/users/{boss}/manager")).await.0, 404);

    let other = tenant.add("ada", json!({})).await;
    let restore = format!("/directory/deletedItems/{ada}/restore");
    let (status, answer) = tenant.send("POST", &restore, json!({})).await;
    assert_eq!((status, error(&answer).0), (400, "Request_BadRequest"));
    assert_eq!(answer["error"]["details"][0]["target"], "userPrincipalName");
    let listed = "/directory/deletedItems/microsoft.graph.user";
    let (_, list) = tenant.get_eventual(&format!("{listed}?$count=true")).await;
    assert_eq!(list["@odata.count"], 1);
    let (_, list) = tenant.get(&format!("{listed}?$filter=id eq '{other}'")).await;
    assert_eq!(list["value"], json!([]));

    assert_eq!(tenant.delete(&format!("/users/{other}")).await.0, 204);
    let back = tenant.request("POST", &restore);
    let (status, restored) = super::send(back).await;
    assert_eq!(
        (status, &restored["userPrincipalName"]),
        (200, &json!("ada@example.test"))
    );
    let (_, manager) = tenant.get(&format!("/users/{boss}/manager")).await;
    assert_eq!(manager["id"], ada, "whoever reported to it does again");

    assert_eq!(
        tenant.delete(&format!("/directory/deletedItems/{other}")).await.0,
        204
    );
    assert_eq!(
        tenant.get(&format!("/directory/deletedItems/{other}")).await.0,
        404
    );
    assert_eq!(tenant.delete(&format!("/users/{ada}")).await.0, 204);
    let later = tenant.entra.controls.now() + jiff::SignedDuration::from_hours(30 * 24 + 1);
    tenant.entra.controls.set_now(later);
    let mut tenant = tenant;
    tenant.token = tenant.fresh_token().await;
    assert_eq!(
        tenant.get(&format!("/directory/deletedItems/{ada}")).await.0,
        404,
        "30 days"
    );
}

#[tokio::test]
async fn managers_are_set_read_and_removed() {
    let tenant = Tenant::start(0).await;
    let (ada, boss) = (
        tenant.add("ada", json!({})).await,
        tenant.add("boss", json!({})).await,
    );
    let manager = format!("/users/{ada}/manager");
    let (status, answer) = tenant.get(&manager).await;
    assert_eq!((status, error(&answer).0), (404, "Request_ResourceNotFound"));
    for url in [
        format!("https://graph.microsoft.com/v1.0/users/{boss}"),
        format!("{}/beta/directoryObjects/{boss}", tenant.entra.url),
        format!("https://elsewhere.test/v1.0/users('{boss}')"),
    ] {
        let (status, _) = tenant
            .send("PUT", &format!("{manager}/$ref"), json!({"@odata.id": url}))
            .await;
        assert_eq!(status, 204, "{url}");
    }
    let (_, answer) = tenant.get(&format!("{manager}?$select=id,displayName")).await;
    assert_eq!(
        (&answer["id"], &answer["displayName"]),
        (&json!(boss), &json!("boss"))
    );
    let (_, answer) = tenant
        .get(&format!(
            "/users/{ada}?$select=id&$expand=manager($select=displayName)"
        ))
        .await;
    assert_eq!(
        answer["manager"],
        json!({"@odata.type": "#microsoft.graph.user", "displayName": "boss"})
    );
    let (_, answer) = tenant
        .get(&format!("/users/{boss}/directReports?$select=id"))
        .await;
    assert_eq!(answer["value"][0]["id"], ada);

    let nobody = "11111111-2222-3333-4444-555555555555";
    for (body, status) in [
        (
            json!({"@odata.id": format!("https://x/v1.0/users/{nobody}")}),
            404,
        ),
        (json!({"@odata.id": "nonsense"}), 400),
        (json!({}), 400),
    ] {
        let (answered, _) = tenant.send("PUT", &format!("{manager}/$ref"), body.clone()).await;
        assert_eq!(answered, status, "{body}");
    }
    let reference = json!({"@odata.id": format!("https://x/v1.0/users/{boss}")});
    let (status, _) = tenant
        .send("PUT", &format!("/users/{nobody}/manager/$ref"), reference)
        .await;
    assert_eq!(status, 404);
    assert_eq!(tenant.delete(&format!("{manager}/$ref")).await.0, 204);
    assert_eq!(tenant.delete(&format!("{manager}/$ref")).await.0, 404);
    let bound = json!({"manager@odata.bind": format!("https://x/v1.0/users/{boss}")});
    let eve = tenant.add("eve", bound.clone()).await;
    let (_, answer) = tenant.get(&format!("/users/{eve}/manager/$ref")).await;
    assert!(answer["@odata.id"].as_str().unwrap().ends_with(&boss));
    assert_eq!(tenant.send("PATCH", &format!("/users/{eve}"), bound).await.0, 400);
}

#[tokio::test]
async fn some_users_are_not_for_an_application_to_change() {
    let tenant = Tenant::start(0).await;
    let id = tenant.add("ada", json!({"mail": "ada@mail.test"})).await;
    let user = format!("/users/{id}");
    let mark = async |marks: Json| {
        let mut marks = marks;
        marks["user"] = json!(id);
        assert_eq!(tenant.admin("/lab/users", marks).await.0, 200);
    };
    mark(json!({"roleHolder": true})).await;
    for values in [
        json!({"accountEnabled": false}),
        json!({"userPrincipalName": "x@example.test"}),
        json!({"businessPhones": ["+1"]}),
        json!({"passwordProfile": {"password": "Xx-1234567"}}),
    ] {
        let (status, answer) = tenant.send("PATCH", &user, values).await;
        assert_eq!(
            (status, error(&answer)),
            (
                403,
                (
                    "Authorization_RequestDenied",
                    "Insufficient privileges to complete the operation."
                )
            )
        );
    }
    assert_eq!(tenant.delete(&user).await.0, 403);
    assert_eq!(
        tenant
            .send("PATCH", &user, json!({"department": "Works"}))
            .await
            .0,
        204
    );

    mark(json!({"roleHolder": false, "mailbox": true})).await;
    assert_eq!(
        tenant
            .send("PATCH", &user, json!({"mail": "b@mail.test"}))
            .await
            .0,
        400
    );
    mark(json!({"mailbox": false, "set": {"onPremisesSyncEnabled": true}})).await;
    for values in [
        json!({"department": "X"}),
        json!({"displayName": "X"}),
        json!({"mail": null}),
    ] {
        let (status, answer) = tenant.send("PATCH", &user, values).await;
        assert_eq!(status, 400);
        assert!(
            error(&answer)
                .1
                .starts_with("Unable to update the specified properties for on-premises mastered")
        );
    }
    let reference = json!({"@odata.id": format!("https://x/v1.0/users/{id}")});
    assert_eq!(
        tenant
            .send("PUT", &format!("{user}/manager/$ref"), reference)
            .await
            .0,
        400
    );
    let (status, _) = tenant
        .send(
            "PATCH",
            &user,
            json!({"employeeType": "Employee", "usageLocation": "CH"}),
        )
        .await;
    assert_eq!(status, 204, "what directory sync does not keep");
}

#[tokio::test]
async fn a_password_profile_has_a_password_where_somebody_is_made() {
    let tenant = Tenant::start(0).await;
    for profile in [
        json!({}),
        json!({"forceChangePasswordNextSignIn": true}),
        json!({"password": null}),
        json!({"password": "Xx-123456", "passwd": "x"}),
        json!({"password": "Xx-123456", "forceChangePasswordNextSignIn": "true"}),
        json!({"password": "Xx-123456", "forceChangePasswordNextSignInWithMfa": 1}),
        json!("Xx-123456"),
    ] {
        let body = person("ada", json!({"passwordProfile": profile}));
        let (status, answer) = tenant.send("POST", "/users", body).await;
        assert_eq!(
            (status, error(&answer).0),
            (400, "Request_BadRequest"),
            "{profile}"
        );
    }
    let id = tenant.add("ada", json!({})).await;
    let user = format!("/users/{id}");
    let changed = async || {
        let (_, read) = tenant
            .get(&format!("{user}?$select=lastPasswordChangeDateTime"))
            .await;
        read["lastPasswordChangeDateTime"].as_str().unwrap().to_string()
    };
    let first = changed().await;
    let later = tenant.entra.controls.now() + jiff::SignedDuration::from_mins(1);
    tenant.entra.controls.set_now(later);
    let force = json!({"passwordProfile": {"forceChangePasswordNextSignIn": false}});
    assert_eq!(tenant.send("PATCH", &user, force).await.0, 204);
    assert_eq!(changed().await, first, "no password, no change of it");
    let reset = json!({"passwordProfile": {"password": "Yy-123456"}});
    assert_eq!(tenant.send("PATCH", &user, reset).await.0, 204);
    assert_ne!(changed().await, first);
}

#[tokio::test]
async fn case_counts_in_anchors() {
    let tenant = Tenant::start(0).await;
    tenant.add("ada", json!({"onPremisesImmutableId": "AbC="})).await;
    tenant.add("eve", json!({"onPremisesImmutableId": "aBc="})).await;
    let (status, _) = tenant
        .send(
            "POST",
            "/users",
            person("bob", json!({"onPremisesImmutableId": "AbC="})),
        )
        .await;
    assert_eq!(status, 400);
    for (filter, found) in [
        ("onPremisesImmutableId eq 'AbC='", &["ada"][..]),
        ("onPremisesImmutableId eq 'aBc='", &["eve"]),
        ("onPremisesImmutableId eq 'abc='", &[]),
        ("onPremisesImmutableId in ('AbC=','ABC=')", &["ada"]),
        ("not(onPremisesImmutableId eq 'AbC=')", &["eve"]),
    ] {
        let names = tenant
            .names(&format!("/users?$filter={filter}&$count=true"))
            .await;
        assert_eq!(names, found, "{filter}");
    }
}

#[tokio::test]
async fn a_new_name_for_the_restored_is_a_name() {
    let tenant = Tenant::start(0).await;
    let id = tenant.add("ada", json!({})).await;
    tenant.delete(&format!("/users/{id}")).await;
    let restore = format!("/directory/deletedItems/{id}/restore");
    for body in [
        json!({"newUserPrincipalName": "zoë@example.test"}),
        json!({"newUserPrincipalName": "a b@example.test"}),
        json!({"newUserPrincipalName": "ada"}),
        json!({"newUserPrincipalName": "@example.test"}),
        json!({"newUserPrincipalName": "ada@elsewhere.test"}),
        json!({"newUserPrincipalName": format!("{}@example.test", "x".repeat(65))}),
        json!({"newUserPrincipalName": 7}),
        json!({"autoReconcileProxyConflict": "true"}),
    ] {
        let (status, answer) = tenant.send("POST", &restore, body.clone()).await;
        assert_eq!((status, error(&answer).0), (400, "Request_BadRequest"), "{body}");
    }
    let body = json!({"newUserPrincipalName": "new@example.test", "autoReconcileProxyConflict": true});
    let (status, restored) = tenant.send("POST", &restore, body).await;
    assert_eq!(
        (status, &restored["userPrincipalName"]),
        (200, &json!("new@example.test"))
    );
}

#[tokio::test]
async fn not_every_replica_knows_new_users_at_once() {
    let tenant = Tenant::start(0).await;
    let boss = tenant.add("boss", json!({})).await;
    let day = json!({"read_delay_ms": 24 * 60 * 60 * 1000});
    let at_once = json!({"read_delay_ms": 0});
    let delays = async |delay: &Json| assert_eq!(tenant.admin("/lab/settings", delay.clone()).await.0, 200);
    delays(&day).await;
    let id = tenant.add("ada", json!({})).await;
    let reference = json!({"@odata.id": format!("https://x/v1.0/users/{id}")});
    let calls = [
        ("GET", format!("/users/{id}"), json!({})),
        ("GET", "/users/ada@example.test".to_string(), json!({})),
        ("PATCH", format!("/users/{id}"), json!({"department": "Works"})),
        ("PUT", format!("/users/{boss}/manager/$ref"), reference),
    ];
    let statuses = async |delay: &Json| {
        delays(delay).await;
        let mut statuses = Vec::new();
        for (method, path, body) in &calls {
            let (status, answer) = tenant.send(method, path, body.clone()).await;
            statuses.push((status, error(&answer).0.to_string()));
        }
        let part = json!({"id": "1", "method": "GET", "url": format!("/users/{id}")});
        let (_, answer) = tenant.send("POST", "/$batch", json!({"requests": [part]})).await;
        let part = &answer["responses"][0];
        statuses.push((
            u16::try_from(part["status"].as_u64().unwrap()).unwrap(),
            error(&part["body"]).0.to_string(),
        ));
        statuses
    };
    let unknown = (404, "Request_ResourceNotFound".to_string());
    assert_eq!(statuses(&day).await, vec![unknown.clone(); 5]);
    let known = [200, 200, 204, 204, 200].map(|status| (status, String::new()));
    assert_eq!(statuses(&at_once).await, known);
    assert_eq!(statuses(&day).await, known, "whoever was known stays known");

    tenant.delete(&format!("/users/{id}")).await;
    let restore = tenant.request("POST", &format!("/directory/deletedItems/{id}/restore"));
    assert_eq!(super::send(restore).await.0, 200);
    assert_eq!(
        tenant.get(&format!("/users/{id}")).await.0,
        404,
        "back, and new again"
    );
    let taken = tenant.send("POST", "/users", person("ada", json!({}))).await;
    assert_eq!(taken.0, 400, "names are checked at once");
}
