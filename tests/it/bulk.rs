//! `muster bulk`: a file of people, and what became of each of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value as Json, json};

use crate::directory;
use crate::gateway::{APP, Gateway, JOB, Setup};
use crate::guard;
use crate::support::openldap::{self, Directory};
use crate::support::samba;

/// Columns for a directory that has no addresses.
const MAPPING: &str = r#"{
    "externalId": "id", "userName": "login", "displayName": "name", "title": "title",
    "name": { "givenName": "first", "familyName": "last" },
    "active": { "column": "status", "equals": "Active" }
}"#;

/// A gateway before a directory of its own, and a folder for files.
struct World {
    directory: Directory,
    gateway: Gateway,
}

impl World {
    async fn new(change: impl FnOnce(Setup) -> Setup) -> World {
        let directory = openldap::directory();
        let setup = Setup::with_target(&guard::target(&directory)).app("start = true");
        let gateway = change(setup).start().await;
        std::fs::write(gateway.setup.dir.path().join("mapping.json"), MAPPING).unwrap();
        World { directory, gateway }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.gateway.setup.dir.path().join(name)
    }

    /// Writes a file and sends it.
    async fn bulk(&self, rows: &str, further: &[&str]) -> Sent {
        let (csv, mapping) = (self.path("people.csv"), self.path("mapping.json"));
        std::fs::write(&csv, rows).unwrap();
        let mapping = ["--mapping", mapping.to_str().unwrap()];
        bulk(&self.gateway, &csv, &[&mapping, further].concat()).await
    }

    fn accounts(&self) -> usize {
        let found = self.directory.client().search("(employeeID=*)", &["1.1"]);
        found.unwrap().len()
    }
}

fn rows(ids: std::ops::Range<usize>, title: &str) -> String {
    let header = "id,login,name,first,last,status,title\n".to_string();
    ids.fold(header, |rows, id| {
        format!("{rows}{id},p{id},Person {id},Person,Number{id},Active,{title}\n")
    })
}

/// What the command left behind.
struct Sent {
    code: Option<i32>,
    printed: String,
    told: String,
}

impl Sent {
    fn of(output: Output) -> Sent {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Sent {
            code: output.status.code(),
            printed: text(output.stdout),
            told: text(output.stderr),
        }
    }

    #[track_caller]
    fn ends_with(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}{}", self.printed, self.told);
    }

    /// It said this, where it says what is wrong.
    #[track_caller]
    fn says(&self, words: &str) {
        assert!(
            self.told.contains(words),
            "{}\n{}\nnot\n{words}",
            self.printed,
            self.told
        );
    }

    /// The table's line about somebody, in words.
    fn line(&self, worker: &str) -> String {
        let mut lines = self
            .printed
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines.find(|words| words.first() == Some(&worker));
        line.unwrap_or_default().join(" ")
    }

    fn last_line(&self) -> &str {
        self.printed.trim_end().lines().next_back().unwrap_or_default()
    }
}

/// Types the command, with what every call needs to reach a gateway, as far as `further` says nothing else.
async fn bulk(gateway: &Gateway, csv: &Path, further: &[&str]) -> Sent {
    let connection = [
        ["--url", &gateway.caller.url],
        ["--app", APP],
        ["--client-id", "hr-script"],
        ["--client-secret-env", "HR_SECRET"],
        ["--wait", "60s"],
    ];
    let connection: Vec<&str> = connection
        .iter()
        .filter(|[name, _]| !further.contains(name))
        .flatten()
        .copied()
        .collect();
    muster(csv, &[&connection, further].concat(), "s3cret").await
}

async fn muster(csv: &Path, arguments: &[&str], secret: &str) -> Sent {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.arg("bulk").arg(csv).args(arguments);
    command.env("HR_SECRET", secret).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    Sent::of(output.await.unwrap())
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/people.csv")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_becomes_accounts_in_active_directory() {
    const STAFF: &str = "OU=Staff,DC=example,DC=test";
    let controller = samba::controller();
    let (user, password) = controller.service_account(&[STAFF]);
    controller.index("employeeID");
    let gateway = Setup::with_target(&directory::target(&controller, &user, &password))
        .app("start = true")
        .start()
        .await;
    let sent = bulk(&gateway, &example(), &[]).await;
    sent.ends_with(0);
    assert!(
        sent.line("2001").starts_with("2001 Mary Somerville create"),
        "{}",
        sent.printed
    );
    assert_eq!(sent.last_line(), "5 people in 5 rows: 5 success");
    let found = controller.search("(employeeID=2003)", &["streetAddress", "title", "c"]);
    assert_eq!(
        (found[0].value("streetAddress"), found[0].value("title")),
        (Some("Unit 4, Mill Lane"), Some("Toolmaker"))
    );
    let disabled = controller.search(
        "(&(employeeID=2005)(userAccountControl:1.2.840.113556.1.4.803:=2))",
        &["1.1"],
    );
    assert_eq!(disabled.len(), 1, "who is inactive is disabled");

    let again = bulk(&gateway, &example(), &[]).await;
    again.ends_with(0);
    assert_eq!(again.last_line(), "5 people in 5 rows: 5 skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fails_is_named_with_the_reason() {
    let world = World::new(|setup| setup).await;
    let file = rows(1..4, "Guide") + "4,,No login,,,Active,\n2,p2,Person 2,Person,Number2,Active,Chief\n";
    let sent = world.bulk(&file, &[]).await;
    sent.ends_with(1);
    sent.says("1 person stands in several rows: what is said last");
    assert_eq!(sent.line("1"), "1 Person 1 create success");
    assert!(sent.line("2").ends_with("success"), "{}", sent.printed);
    let reason = "userPrincipalName must hold exactly one @";
    let failed = format!("4 No login create failure userPrincipalName: {reason}");
    assert_eq!(sent.line("4"), failed);
    assert_eq!(sent.last_line(), "4 people in 5 rows: 3 success, 1 failure");
    let chief = world
        .directory
        .client()
        .search("(&(employeeID=2)(title=Chief))", &["1.1"])
        .unwrap();
    assert_eq!(chief.len(), 1, "what was said last counts");

    let sent = world
        .bulk(&(file + "5,p5,Person 5,Person,Five,Active,\n"), &["--json"])
        .await;
    sent.ends_with(1);
    let document: Json = serde_json::from_str(&sent.printed).unwrap();
    assert_eq!(document["summary"]["people"], 5);
    assert_eq!(document["summary"]["failure"], 1);
    let people: Vec<(&str, &str)> = document["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|person| {
            (
                person["worker"].as_str().unwrap(),
                person["status"].as_str().unwrap(),
            )
        })
        .collect();
    // The second row about 2 takes back what the first one says again.
    assert_eq!(people[0], ("1", "skipped"));
    assert_eq!(people[3], ("4", "failure"));
    assert_eq!(people[4], ("5", "success"));
    assert!(document["people"][3]["reason"].as_str().unwrap().contains(reason));
    assert_eq!(document["people"][4]["actions"], json!(["create"]));

    // Who is left out of a file is not touched, and a well-ended rest is well.
    world
        .bulk(&rows(1..2, "Guide"), &["--chunk", "1"])
        .await
        .ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_passes_a_gateway_that_asks_for_patience() {
    // Elsewhere is how others reach it; the token goes nowhere but where it was sent.
    let world = World::new(|setup| {
        setup.server("upload_rate = \"10/1s\"\npublic_url = \"https://elsewhere.example.test\"")
    })
    .await;
    let begun = Instant::now();
    let sent = world.bulk(&rows(0..1200, "Guide"), &["--chunk", "60"]).await;
    sent.ends_with(0);
    assert!(
        begun.elapsed().as_secs_f64() > 0.9,
        "twenty uploads, ten of them at once"
    );
    assert_eq!(sent.last_line(), "1200 people in 1200 rows: 1200 success");
    assert!(
        sent.printed.contains("… and 1170 more: --all shows everybody"),
        "{}",
        sent.printed
    );
    assert_eq!(world.accounts(), 1200);
    let sent = world
        .bulk(&rows(0..1200, "Guide"), &["--chunk", "1000", "--all"])
        .await;
    assert_eq!(sent.last_line(), "1200 people in 1200 rows: 1200 skipped");
    assert!(!sent.printed.contains("more"));
    assert_eq!(
        sent.line("1199"),
        "1199 Person 1199 skipped The source and the target agree already: there is nothing to change."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_says_where_to_go_on() {
    let world = World::new(|setup| setup.server("max_body = \"4KiB\"")).await;
    let long = rows(5..9, &"very long ".repeat(300));
    let (_, long) = long.split_once('\n').unwrap();
    let file = rows(1..5, "Guide") + long;
    let sent = world.bulk(&file, &["--chunk", "2"]).await;
    sent.ends_with(1);
    sent.says("413");
    sent.says("a smaller --chunk. 4 rows are known to be taken in: go on with --from-row 6");
    let sent = world
        .bulk(&file, &["--chunk", "1", "--from-row", "6", "--no-wait"])
        .await;
    sent.ends_with(0);
    sent.says("4 rows about 4 people: taken in");
    world.gateway.caller.settled().await;
    assert_eq!(world.accounts(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_stands_still_is_not_waited_for() {
    let world = World::new(|setup| setup).await;
    let caller = &world.gateway.caller;
    caller
        .send("POST", &format!("{}/pause", caller.job_path()), None)
        .await;
    let begun = Instant::now();
    let sent = world.bulk(&rows(1..3, ""), &[]).await;
    sent.ends_with(1);
    sent.says("the job is Paused: what was sent waits until it is started");
    assert_eq!(sent.last_line(), "2 people in 2 rows: 2 no outcome yet");
    assert!(begun.elapsed().as_secs() < 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn leavers_that_a_limit_holds_did_not_end_well() {
    let world = World::new(|setup| setup.app("guard = { disables = 1 }")).await;
    world.bulk(&rows(1..4, ""), &[]).await.ends_with(0);
    let sent = world.bulk(&rows(1..4, "").replace("Active", "Gone"), &[]).await;
    sent.ends_with(1);
    assert_eq!(sent.last_line(), "3 people in 3 rows: 1 success, 2 held");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_what_to_do() {
    let world = World::new(|setup| {
        setup.clients(
            r#"
            [[client]]
            id = "uploader"
            secret = "s3cret"
            roles = ["SynchronizationData-User.Upload"]
            [[client]]
            id = "reader"
            secret = "s3cret"
            roles = ["ProvisioningLog.Read.All", "Synchronization.Read.All", "Application.Read.All"]
            "#,
        )
    })
    .await;
    let rows = rows(1..3, "");
    for (further, told) in [
        (
            &["--client-id", "stranger"][..],
            "check --client-id, the secret and --token-url",
        ),
        (
            &["--client-id", "uploader"],
            "this client may not list jobs: name the job with --job",
        ),
        (
            &["--client-id", "uploader", "--job", JOB],
            "give the client the role ProvisioningLog.Read.All, and this app if its apps are limited; or send without reading outcomes: --no-wait",
        ),
        (
            &["--client-id", "reader"],
            "give the client the role SynchronizationData-User.Upload",
        ),
        (
            &["--app", "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c12"],
            "knows no app whose object id or appId is 6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c12",
        ),
        (
            &["--job", "API2AD.other"],
            "check --url, --app and --job. Nothing is known to be taken in",
        ),
        (
            &["--token-url", "http://127.0.0.1:9/oauth2/v2.0/token"],
            "http://127.0.0.1:9 cannot be reached",
        ),
    ] {
        let sent = world.bulk(&rows, further).await;
        sent.ends_with(1);
        sent.says(told);
        assert_eq!(sent.told.lines().count(), 1, "{}", sent.told);
    }
    world
        .bulk(&rows, &["--client-id", "uploader", "--job", JOB, "--no-wait"])
        .await
        .ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_the_requests_and_needs_no_gateway() {
    let sent = muster(
        &example(),
        &["--dry-run", "--chunk", "4", "--namespace", "urn:contoso:employee"],
        "",
    )
    .await;
    sent.ends_with(0);
    let requests: Vec<Json> = sent
        .printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sizes: Vec<usize> = requests
        .iter()
        .map(|request| request["Operations"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [4, 1]);
    let last = &requests[1]["Operations"][0];
    assert_eq!(last["data"]["externalId"], "2005");
    assert_eq!(last["data"]["urn:contoso:employee"]["GenderPronoun"], "HE/HIM");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_ends_with_two() {
    let url = [
        "--app",
        APP,
        "--client-id",
        "a",
        "--client-secret-env",
        "HR_SECRET",
        "--url",
    ];
    for (arguments, told) in [
        (vec![], "--client-secret-env"),
        (
            [&url[..], &["https://graph.microsoft.com"]].concat(),
            "--token-url https://login.microsoftonline.com/TENANT/",
        ),
        (
            [&url[..], &["http://hr.example.com"]].concat(),
            "would send secrets in the clear",
        ),
        (
            [&url[..], &["https://graph.microsoft.com/v1.0"]].concat(),
            "leave out /v1.0",
        ),
        (
            vec!["--dry-run", "--encoding", "klingon"],
            "write utf-8, windows-1252",
        ),
        (
            vec!["--dry-run", "--delimiter", "comma"],
            "one character that is no letter",
        ),
        (vec!["--dry-run", "--wait", "soon"], "write 30s, 10m or 1h"),
        (vec!["--dry-run", "--chunk", "0"], "--chunk"),
    ] {
        let sent = muster(&example(), &arguments, "s3cret").await;
        sent.ends_with(2);
        sent.says(told);
    }
    let sent = muster(&example(), &[&url[..], &["http://127.0.0.1:9"]].concat(), "").await;
    sent.ends_with(2);
    sent.says("the environment variable HR_SECRET is not set");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_file_is_sent_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let mut blocks = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let block = blocks.find(|block| block.contains("-- bulk")).unwrap();
    let process = Setup::spawn_example(&root.join("examples/muster.toml")).await;
    let script = block
        .replace("cargo run --release --", env!("CARGO_BIN_EXE_muster"))
        .replace("http://127.0.0.1:8460", &process.caller.url);
    let mut command = Command::new("bash");
    command
        .args(["-euc", &format!("{} --wait 1s", script.trim_end())])
        .current_dir(root);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let sent = Sent::of(output);
    sent.ends_with(1);
    assert_eq!(
        sent.last_line(),
        "5 people in 5 rows: 5 no outcome yet",
        "nobody answers at the example's controllers"
    );
    sent.says("not everybody has an outcome: 1s went by; the job is ");
}

/// What Microsoft's service does and a gateway of ours does not: an app whose ids differ, two jobs, a wait in
/// fractions of a second, a moment of weakness, entries that stood in the log before.
#[derive(Default)]
struct Elsewhere {
    uploads: AtomicUsize,
    looks: AtomicUsize,
}

impl Elsewhere {
    async fn start() -> (String, web::Data<Elsewhere>) {
        let elsewhere = web::Data::new(Elsewhere::default());
        let data = elsewhere.clone();
        let server =
            HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
                .workers(1)
                .disable_signals()
                .bind("127.0.0.1:0")
                .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        (url, elsewhere)
    }
}

async fn answer(request: HttpRequest, body: web::Bytes, state: web::Data<Elsewhere>) -> HttpResponse {
    let query =
        web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string()).unwrap();
    let entry = |id: &str, second: u32, action: &str| {
        json!({
            "id": id, "activityDateTime": format!("2999-01-01T00:00:0{second}Z"), "provisioningAction": action,
            "sourceIdentity": { "id": "2001", "displayName": null }, "targetIdentity": null,
            "provisioningStatusInfo": { "status": "success", "errorInformation": null },
        })
    };
    let value = match request.path() {
        "/gate/muster/oauth2/v2.0/token" => {
            return HttpResponse::Ok()
                .json(json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "t" }));
        }
        "/gate/v1.0/servicePrincipals" => {
            assert_eq!(query["$filter"], "id eq 'O''Hara' or appId eq 'O''Hara'");
            json!([{ "id": "object" }])
        }
        "/gate/v1.0/servicePrincipals/object/synchronization/jobs" => {
            json!([{ "id": "one" }, { "id": "two" }])
        }
        "/gate/v1.0/servicePrincipals/object/synchronization/jobs/two/bulkUpload" => {
            let request: Json = serde_json::from_slice(&body).unwrap();
            assert_eq!(request["Operations"].as_array().unwrap().len(), 1);
            return match state.uploads.fetch_add(1, Ordering::SeqCst) {
                0 => HttpResponse::TooManyRequests()
                    .insert_header(("Retry-After", "0.2"))
                    .finish(),
                1 => HttpResponse::BadGateway().finish(),
                _ => HttpResponse::Accepted().finish(),
            };
        }
        "/gate/v1.0/auditLogs/provisioning" if query.get("$top").is_some_and(|top| top == "1") => json!([]),
        "/gate/v1.0/auditLogs/provisioning" => match state.looks.fetch_add(1, Ordering::SeqCst) {
            0 => json!([entry("before", 1, "disable")]),
            1 => {
                return HttpResponse::ServiceUnavailable()
                    .insert_header(("Retry-After", "0"))
                    .finish();
            }
            2 => json!([entry("before", 1, "disable")]),
            _ => json!([entry("after", 2, "create"), entry("before", 1, "disable")]),
        },
        _ => return HttpResponse::NotFound().finish(),
    };
    HttpResponse::Ok().json(json!({ "value": value }))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_service_is_sent_to_as_well() {
    let (url, elsewhere) = Elsewhere::start().await;
    let url = format!("{url}/gate/");
    let csv = std::fs::read_to_string(example()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let one = dir.path().join("one.csv");
    std::fs::write(&one, csv.lines().take(2).collect::<Vec<_>>().join("\n")).unwrap();
    let connection = [
        "--url",
        &url,
        "--app",
        "O'Hara",
        "--client-id",
        "a",
        "--client-secret-env",
        "HR_SECRET",
    ];
    let sent = muster(&one, &connection, "s3cret").await;
    sent.ends_with(1);
    sent.says("the app object has several jobs: choose one with --job: one, two");
    let sent = muster(
        &one,
        &[&connection[..], &["--job", "two", "--wait", "20s"]].concat(),
        "s3cret",
    )
    .await;
    sent.ends_with(0);
    assert_eq!(sent.line("2001"), "2001 create success");
    assert_eq!(elsewhere.uploads.load(Ordering::SeqCst), 3);
}
