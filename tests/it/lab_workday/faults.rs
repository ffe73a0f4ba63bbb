//! Who is let in, and what goes wrong by script.

use super::*;

const REFUSED: &str = "SOAP-ENV:Client.authenticationError: invalid username or password";

impl Tenant {
    async fn script(&self, faults: Json) {
        self.admin("/lab/faults", json!({"faults": faults})).await;
    }

    async fn ask(&self) -> (u16, String) {
        self.send(&format!(
            "<wd:Get_Workers_Request>{}{PERSONAL}</wd:Get_Workers_Request>",
            page(1, 5)
        ))
        .await
    }

    async fn token(&self, form: &[(&str, &str)]) -> (u16, Json) {
        let answer = self
            .http
            .post(&self.workday.token_url)
            .form(form)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn a_wrong_user_password_or_tenant_is_refused_in_the_same_words() {
    let tenant = Tenant::start(3);
    let message = tenant.envelope(&format!(
        "<wd:Get_Workers_Request>{PERSONAL}</wd:Get_Workers_Request>"
    ));
    let user = tenant.workday.user.clone();
    let elsewhere = tenant.address().replace("/northwind/", "/southwind/");
    for (address, message) in [
        (tenant.address(), message.replace(&user, "ISU_Muster@southwind")),
        (tenant.address(), message.replace(&user, "ISU_Muster")),
        (
            tenant.address(),
            message.replace("wsse:UsernameToken", "wsse:BinaryToken"),
        ),
        (tenant.address(), message.replace("lab&amp;", "lab")),
        (elsewhere, message.clone()),
    ] {
        let answer = tenant.post(&address, message).await;
        assert_eq!(
            fault(answer.status().as_u16(), &answer.text().await.unwrap()),
            REFUSED
        );
    }
    assert_eq!(tenant.ask().await.0, 200);
    for _ in 0..5 {
        tenant
            .post(&tenant.address(), message.replace("lab&amp;", "lab"))
            .await;
    }
    let (status, text) = tenant.ask().await;
    assert_eq!(fault(status, &text), REFUSED, "the account is locked now");
    tenant.admin("/lab/settings", json!({"locked": false})).await;
    assert_eq!(tenant.ask().await.0, 200);
    tenant
        .admin("/lab/settings", json!({"passwordExpiresAfter": 2}))
        .await;
    assert_eq!(
        [tenant.ask().await.0, tenant.ask().await.0, tenant.ask().await.0],
        [200, 200, 500]
    );
    let settings = tenant.admin("/lab/settings", json!({})).await;
    assert_eq!(settings["passwordExpired"], true);
}

#[tokio::test]
async fn bearer_tokens_are_as_good_until_they_expire() {
    let tenant = Tenant::start(3);
    let workday = &tenant.workday;
    let form = |changes: &[(&'static str, &'static str)]| {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", workday.client_id.as_str()),
            ("client_secret", &workday.client_secret),
            ("refresh_token", &workday.refresh_token),
        ];
        for (name, value) in changes {
            form.retain(|(given, _)| given != name);
            form.push((name, value));
        }
        form
    };
    for (changes, status, error) in [
        (("grant_type", "password"), 400, "unsupported_grant_type"),
        (("client_secret", "x"), 401, "invalid_client"),
        (("refresh_token", "x"), 400, "invalid_grant"),
    ] {
        let (answered, body) = tenant.token(&form(&[changes])).await;
        assert_eq!((answered, &body["error"]), (status, &json!(error)));
    }
    let (status, body) = tenant.token(&form(&[])).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")), "{body}");
    let token = body["access_token"].as_str().unwrap();
    let bare = tenant.envelope(&format!(
        "<wd:Get_Workers_Request>{PERSONAL}</wd:Get_Workers_Request>"
    ));
    let bare = bare.replace("wsse:UsernameToken", "wsse:Nothing");
    let ask = async |token: &str| {
        let request = tenant
            .http
            .post(tenant.address())
            .bearer_auth(token)
            .body(bare.clone());
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask(token).await, ask("x").await), (200, 401));
    tenant.set_clock("2026-01-19T03:29:30Z");
    assert_eq!(ask(token).await, 401, "it lasted an hour");
}

#[tokio::test]
async fn calls_run_out_and_come_back() {
    let tenant = Tenant::start(1);
    tenant
        .admin("/lab/settings", json!({"rateLimit": 3, "rateRefill": 0}))
        .await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(tenant.ask().await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let message = tenant.envelope("<wd:Get_Workers_Request/>");
    let answer = tenant.post(&tenant.address(), message).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    tenant
        .admin("/lab/settings", json!({"rateRefill": 1_000_000}))
        .await;
    assert_eq!(tenant.ask().await.0, 200);
}

#[tokio::test]
async fn answers_go_wrong_in_every_way_that_services_know() {
    let tenant = Tenant::start(12);
    tenant
        .script(json!([
            {"on": "Get_Workers", "times": 1, "do": {"answer": {"code": 503, "retry-after": 7}}},
            {"on": "Get_Workers", "times": 1, "do": {"answer": {"code": 500}}},
            {"on": "Get_Workers", "times": 1, "do": {"answer": {"code": 500, "message": "The task submitted is not authorized."}}},
            {"on": "Get_Workers", "times": 1, "do": {"answer": {"code": 500, "message": "invalid username or password"}}},
            {"on": "Get_Workers", "times": 1, "do": {"answer": {"code": 500, "message": "Validation error occurred. No."}}},
            {"on": "Get_Workers", "times": 1, "do": "html"},
            {"on": "Get_Workers", "times": 1, "do": {"slow": {"milliseconds": 300}}},
        ]))
        .await;
    let message = tenant.envelope("<wd:Get_Workers_Request/>");
    let answer = tenant.post(&tenant.address(), message).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &"7".parse().unwrap())
    );
    assert_eq!(answer.headers()["content-type"], "text/html");
    for told in [
        "SOAP-ENV:Server.processingError: Processing error occurred. An internal error occurred.",
        "SOAP-ENV:Server.processingError: Processing error occurred. The task submitted is not authorized.",
        REFUSED,
        "SOAP-ENV:Client.validationError: Validation error occurred. No.",
    ] {
        let (status, text) = tenant.ask().await;
        assert_eq!(fault(status, &text), told);
    }
    let (status, text) = tenant.ask().await;
    assert_eq!(status, 200);
    assert!(text.starts_with("<!DOCTYPE html>"), "{text}");
    let before = std::time::Instant::now();
    assert_eq!(tenant.ask().await.0, 200);
    assert!(before.elapsed().as_millis() >= 300);
}

#[tokio::test]
async fn connections_are_cut_before_in_the_middle_and_after() {
    let tenant = Tenant::start(12);
    tenant
        .admin(
            "/lab/workers",
            json!({"id": "1", "hire": "2025-01-06", "userName": "one"}),
        )
        .await;
    tenant
        .script(json!([
            {"on": "Get_Workers", "times": 1, "do": "cut"},
            {"on": "Get_Workers", "times": 1, "do": {"spoil": "cut-in-the-middle"}},
            {"on": "Get_Workers", "times": 1, "do": {"spoil": "truncated"}},
            {"on": "Update_Workday_Account", "about": "two", "do": "cut-after"},
        ]))
        .await;
    let message = tenant.envelope(&format!(
        "<wd:Get_Workers_Request>{EVERYTHING}</wd:Get_Workers_Request>"
    ));
    let send = || tenant.http.post(tenant.address()).body(message.clone()).send();
    assert!(send().await.is_err());
    let half = send().await.unwrap();
    assert_eq!(half.status(), 200);
    assert!(half.text().await.is_err());
    let text = send().await.unwrap().text().await.unwrap();
    assert!(
        Document::parse(&text).is_err() && text.contains("<wd:Worker>"),
        "it is whole to HTTP, and ends early"
    );
    let rename = "<wd:Workday_Account_for_Worker_Update><wd:Worker_Reference><wd:Employee_Reference>\
        <wd:Integration_ID_Reference><wd:ID wd:System_ID=\"WD-EMPLID\">1</wd:ID></wd:Integration_ID_Reference>\
        </wd:Employee_Reference></wd:Worker_Reference><wd:Workday_Account_for_Worker_Data>\
        <wd:User_Name>two</wd:User_Name></wd:Workday_Account_for_Worker_Data></wd:Workday_Account_for_Worker_Update>";
    let request = tenant.http.post(tenant.address()).body(tenant.envelope(rename));
    assert!(request.send().await.is_err());
    assert_eq!(
        tenant.state("1")["userName"],
        "two",
        "done, whatever was heard of it"
    );
}

#[tokio::test]
async fn pages_are_spoilt_in_the_middle_of_a_pull() {
    let tenant = Tenant::start(25);
    let spoilt = async |spoil: &str| {
        tenant
            .script(json!([{"on": "Get_Workers", "skip": 1, "times": 1, "do": {"spoil": spoil}}]))
            .await;
        let mut seen = Vec::new();
        let mut totals = Vec::new();
        for number in 1..=3 {
            let text = tenant.get(&format!("{}{PERSONAL}", page(number, 10))).await;
            let document = Document::parse(&text).unwrap();
            let names = workers(&document)
                .iter()
                .map(|worker| text_of(*worker, "Worker_Data/Worker_ID"))
                .collect::<Vec<_>>();
            totals.push(results(&text));
            seen.push(names);
        }
        (seen, totals)
    };
    let whole = [
        tenant.ids(&page(1, 10)).await,
        tenant.ids(&page(2, 10)).await,
        tenant.ids(&page(3, 10)).await,
    ];
    let (seen, totals) = spoilt("repeats-worker").await;
    assert_eq!((seen[1].len(), &seen[1][10], totals[1][2]), (11, &seen[1][0], 10));
    let (seen, totals) = spoilt("loses-worker").await;
    assert_eq!((seen[1].len(), totals[1][2]), (9, 10));
    let (seen, _) = spoilt("repeats-page").await;
    assert_eq!((&seen[1], &seen[2]), (&whole[0], &whole[2]));
    let (_, totals) = spoilt("more-pages").await;
    assert_eq!([totals[0][1], totals[1][1], totals[2][1]], [3, 4, 3]);
    let (_, totals) = spoilt("fewer-pages").await;
    assert_eq!([totals[0][1], totals[1][1], totals[2][1]], [3, 2, 3]);
    let (seen, _) = spoilt("worker-without-id").await;
    assert_eq!((seen[1][0].as_str(), seen[1].len()), ("", 10));
}

#[tokio::test]
async fn a_script_that_could_not_be_played_is_refused() {
    let tenant = Tenant::start(0);
    let url = format!("{}/lab/faults", tenant.workday.admin);
    for (fault, told) in [
        (
            json!({"on": "Get_Worker", "do": "cut"}),
            "there are: *, token, Get_Workers",
        ),
        (
            json!({"on": "Get_Workers", "do": {"spoil": "rotten"}}),
            "there are: truncated, cut-in-the-middle",
        ),
        (
            json!({"on": "Get_Workers", "do": {"answer": {"code": 200}}}),
            "400 to 599",
        ),
    ] {
        let answer = tenant
            .http
            .post(&url)
            .json(&json!({"faults": [fault]}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.contains(told), "{text}");
    }
}

#[tokio::test]
async fn requests_are_kept_without_their_passwords() {
    let tenant = Tenant::start(1);
    tenant.ask().await;
    let answer = tenant
        .http
        .get(format!("{}/lab/requests", tenant.workday.admin))
        .send()
        .await
        .unwrap();
    let kept = answer.text().await.unwrap();
    let password = tenant.workday.password.trim_start_matches("lab&");
    assert!(
        kept.contains("Include_Personal_Information") && kept.contains("***") && !kept.contains(password),
        "{kept}"
    );
}

#[tokio::test]
async fn the_command_says_in_one_line_how_to_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let faults = folder.path().join("faults.json");
    std::fs::write(
        &faults,
        r#"{"faults": [{"on": "Get_Workers", "times": 1, "do": {"answer": {"code": 503}}}]}"#,
    )
    .unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_muster"))
        .args([
            "lab",
            "workday",
            "--workers",
            "20",
            "--tenant",
            "acme",
            "--faults",
        ])
        .arg(&faults)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    let system: Json = serde_json::from_str(&line).unwrap();
    let told = |name: &str| system[name].as_str().unwrap().to_string();
    assert!(
        told("url").ends_with("/ccx/service/acme") && told("user").ends_with("@acme"),
        "{line}"
    );
    assert!(told("token_url").ends_with("/ccx/oauth2/acme/token"), "{line}");
    let message = format!(
        r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header>
        <s:Security xmlns:s="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
        <s:UsernameToken><s:Username>{}</s:Username><s:Password>{}</s:Password></s:UsernameToken></s:Security></e:Header>
        <e:Body><w:Get_Workers_Request xmlns:w="{WD}"/></e:Body></e:Envelope>"#,
        told("user"),
        told("password").replace('&', "&amp;"),
    );
    let http = Client::builder().no_proxy().build().unwrap();
    let ask = async || http.post(told("url")).body(message.clone()).send().await.unwrap();
    assert_eq!(ask().await.status(), 503);
    assert!(results(&ask().await.text().await.unwrap())[0] >= 20);
    let state = http
        .get(format!("{}/lab/state", told("admin")))
        .send()
        .await
        .unwrap();
    let state: Json = state.json().await.unwrap();
    assert_eq!(state["answers"]["Get_Workers"], json!({"200": 1, "503": 1}));
    assert_eq!(state["settings"]["newsPerDay"], 1, "the company lives");
    let stopped = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(stopped.unwrap().success() && child.wait().unwrap().success());
}
