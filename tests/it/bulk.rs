//! `muster bulk`: a file of people, and what became of each of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value as Json, json};

use crate::demo::Running;
use crate::directory;
use crate::gateway::{APP, Gateway, JOB, Setup, eventually};
use crate::guard;
use crate::support::openldap::{self, Directory};
use crate::support::samba;

/// Columns for a directory that has no addresses.
const MAPPING: &str = r#"{
    "externalId": "id", "userName": "login", "displayName": "name", "title": "title",
    "name": { "givenName": "first", "familyName": "last" },
    "active": { "column": "status", "equals": "Active", "false": "Gone" }
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
        setup.server("upload_rate = \"2/6s\"\npublic_url = \"https://elsewhere.example.test\"")
    })
    .await;
    let sent = world.bulk(&rows(0..1200, "Guide"), &["--chunk", "400"]).await;
    sent.ends_with(0);
    // Two uploads at once, and a third when the gateway says.
    sent.says("answered 429");
    sent.says("; waiting for 3 seconds");
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
    let sent = world.bulk(&rows(1..3, ""), &[]).await;
    sent.ends_with(1);
    sent.says("the job is Paused: what was sent waits until it is started");
    assert_eq!(sent.last_line(), "2 people in 2 rows: 2 no outcome yet");
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
    let nowhere = format!("{}/token", world.gateway.caller.url);
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
        (
            &["--token-url", &nowhere],
            "answered 404: There is nothing at this address.; check --token-url",
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
    let sent = muster(Path::new("/dev/null"), &["--dry-run"], "").await;
    sent.ends_with(1);
    sent.says("/dev/null is read twice, to check it and to send it, which only a file can be");
    let sent = muster(&example(), &[&url[..], &["http://127.0.0.1:9"]].concat(), "").await;
    sent.ends_with(2);
    sent.says("the environment variable HR_SECRET is not set");
}

#[test]
fn the_readmes_file_is_sent_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let block = |before: &str, word: &str| {
        let blocks = readme.split("```sh\n").skip(1);
        let mut blocks = blocks.filter_map(|rest| rest.split("```").next());
        let block = blocks.find(|block| block.contains(word)).unwrap();
        let binary = format!("{before} {}", env!("CARGO_BIN_EXE_muster"));
        let block = block.replace("cargo run --release --", &binary);
        let mut command = Command::new("bash");
        command.args(["-euc", &block.replace("127.0.0.1:8461", &free.to_string())]);
        command.current_dir(root).stdin(Stdio::null());
        command
    };
    let mut demo = Running::start(block("exec", "-- demo --listen"));
    assert!(demo.lines().any(|line| line.starts_with("Try next")));
    let sent = Sent::of(block("", "-- bulk").output().unwrap());
    demo.end();
    sent.ends_with(0);
    assert_eq!(sent.last_line(), "5 people in 5 rows: 5 success");
    // What the README shows of it.
    for line in readme
        .lines()
        .skip_while(|line| !line.starts_with(" worker"))
        .skip(1)
        .take(2)
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(sent.line(words[0]), words.join(" "));
    }
}

/// What Microsoft's service does and a gateway of ours does not: an app whose ids differ, two jobs; and whatever else a
/// test makes of it.
struct Elsewhere {
    uploads: AtomicUsize,
    looks: AtomicUsize,
    upload: Answers,
    log: Answers,
}

/// The answer to a first call (0), a second; `None` for one that never comes.
type Answers = Box<dyn Fn(usize) -> Option<HttpResponse> + Send + Sync>;

/// How everything there is reached.
struct Reached {
    url: String,
    state: web::Data<Elsewhere>,
    dir: tempfile::TempDir,
}

impl Elsewhere {
    /// `log` answers every look but the one that asks for the time.
    async fn start(
        upload: impl Fn(usize) -> Option<HttpResponse> + Send + Sync + 'static,
        log: impl Fn(usize) -> Option<HttpResponse> + Send + Sync + 'static,
    ) -> Reached {
        let state = web::Data::new(Elsewhere {
            uploads: AtomicUsize::default(),
            looks: AtomicUsize::default(),
            upload: Box::new(upload),
            log: Box::new(log),
        });
        let data = state.clone();
        let server =
            HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(answer)))
                .workers(1)
                .disable_signals()
                .bind("127.0.0.1:0")
                .unwrap();
        let url = format!("http://{}/gate/", server.addrs()[0]);
        tokio::spawn(server.run());
        let dir = tempfile::tempdir().unwrap();
        Reached { url, state, dir }
    }
}

impl Reached {
    /// Sends rows `worker status`, each in a request of its own.
    fn command(&self, rows: &[&str], further: &[&str]) -> Command {
        let csv = self.dir.path().join("people.csv");
        let mapping = self.dir.path().join("mapping.json");
        let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
        std::fs::write(&csv, format!("id status\n{rows}")).unwrap();
        let columns =
            r#"{ "externalId": "id", "active": { "column": "status", "equals": "in", "false": "out" } }"#;
        std::fs::write(&mapping, columns).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.arg("bulk").arg(csv).arg("--mapping").arg(mapping);
        command.args([
            "--delimiter",
            " ",
            "--chunk",
            "1",
            "--url",
            &self.url,
            "--app",
            "O'Hara",
        ]);
        command.args(["--client-id", "a", "--client-secret-env", "HR_SECRET"]);
        command
            .args(further)
            .env("HR_SECRET", "s3cret")
            .stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn send(&self, rows: &[&str], further: &[&str]) -> Sent {
        let mut command = self.command(rows, &[&["--job", "two"], further].concat());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        // Long enough for anybody who does not wait as long as he is told to.
        let output = tokio::time::timeout(Duration::from_secs(120), output).await;
        Sent::of(output.unwrap().unwrap())
    }

    /// Ctrl-C as soon as `happened`.
    async fn interrupt(&self, rows: &[&str], happened: impl Fn(&Elsewhere) -> bool) -> Sent {
        let child = self.command(rows, &["--job", "two"]).spawn().unwrap();
        eventually("it is time for Ctrl-C", async || happened(&self.state)).await;
        let killed = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        Sent::of(output.await.unwrap())
    }
}

fn taken_in() -> Option<HttpResponse> {
    Some(HttpResponse::Accepted().finish())
}

/// By a clock of its own.
fn taken_in_at(time: &str) -> Option<HttpResponse> {
    let date = format!("Tue, 01 Jan 2999 {time} GMT");
    Some(HttpResponse::Accepted().insert_header(("Date", date)).finish())
}

/// A page of the log, each entry as `id worker instant action`.
fn page(entries: &[&str]) -> Option<HttpResponse> {
    let entries: Vec<Json> = entries
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            json!({
                "id": words[0], "activityDateTime": words[2], "provisioningAction": words[3],
                "sourceIdentity": { "id": words[1], "displayName": null }, "targetIdentity": null,
                "provisioningStatusInfo": { "status": "success", "errorInformation": null },
            })
        })
        .collect();
    Some(HttpResponse::Ok().json(json!({ "value": entries })))
}

async fn answer(request: HttpRequest, body: web::Bytes, state: web::Data<Elsewhere>) -> HttpResponse {
    let query =
        web::Query::<std::collections::BTreeMap<String, String>>::from_query(request.query_string()).unwrap();
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
        "/gate/v1.0/servicePrincipals/object/synchronization/jobs/two" => {
            let error = json!({ "code": "Refused", "message": "the password\u{7} is refused" });
            let status = json!({ "code": "Quarantine", "quarantine": { "error": error } });
            return HttpResponse::Ok().json(json!({ "id": "two", "status": status }));
        }
        "/gate/v1.0/servicePrincipals/object/synchronization/jobs/two/bulkUpload" => {
            let request: Json = serde_json::from_slice(&body).unwrap();
            assert_eq!(request["Operations"].as_array().unwrap().len(), 1);
            let answer = (state.upload)(state.uploads.fetch_add(1, Ordering::SeqCst));
            return answered(answer).await;
        }
        "/gate/v1.0/auditLogs/provisioning" if query.get("$top").is_some_and(|top| top == "1") => json!([]),
        "/gate/v1.0/auditLogs/provisioning" => {
            return answered((state.log)(state.looks.fetch_add(1, Ordering::SeqCst))).await;
        }
        _ => return HttpResponse::NotFound().finish(),
    };
    HttpResponse::Ok().json(json!({ "value": value }))
}

async fn answered(answer: Option<HttpResponse>) -> HttpResponse {
    match answer {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

/// A wait in fractions of a second, a moment of weakness, entries that stood in the log before.
#[tokio::test(flavor = "multi_thread")]
async fn another_service_is_sent_to_as_well() {
    let before = "before 2001 2999-01-01T00:00:01Z disable";
    let after = "after 2001 2999-01-01T00:00:02Z create";
    let elsewhere = Elsewhere::start(
        |upload| match upload {
            0 => Some(
                HttpResponse::TooManyRequests()
                    .insert_header(("Retry-After", "0.2"))
                    .finish(),
            ),
            1 => Some(HttpResponse::BadGateway().finish()),
            _ => taken_in(),
        },
        move |look| match look {
            0 | 2 => page(&[before]),
            1 => Some(
                HttpResponse::ServiceUnavailable()
                    .insert_header(("Retry-After", "0"))
                    .finish(),
            ),
            _ => page(&[after, before]),
        },
    )
    .await;
    let mut command = elsewhere.command(&["2001 in"], &[]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let sent = Sent::of(output.await.unwrap());
    sent.ends_with(1);
    sent.says("the app object has several jobs: choose one with --job: one, two");
    let sent = elsewhere.send(&["2001 in"], &["--wait", "20s"]).await;
    sent.ends_with(0);
    assert_eq!(sent.line("2001"), "2001 create success");
    assert_eq!(elsewhere.state.uploads.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_says_of_an_earlier_row_answers_no_later_one() {
    let begun = muster::engine::Clock::system().now();
    let entry = format!("first 2001 {begun} create");
    let elsewhere = Elsewhere::start(
        |_| taken_in(),
        move |look| match look {
            0 => page(&[]),
            _ => page(&[&entry]),
        },
    )
    .await;
    let sent = elsewhere
        .send(&["2001 in", "2001 out"], &["--wait", "1s", "--quiet", "0s"])
        .await;
    sent.ends_with(1);
    assert_eq!(sent.last_line(), "1 person in 2 rows: 1 no outcome yet");
    sent.says("not everybody has an outcome: 1s went by; the job is Quarantine: the password  is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entry_later_than_somebodys_last_row_will_do() {
    // Somebody else's row comes after it.
    let elsewhere = Elsewhere::start(
        |upload| match upload {
            2 => taken_in_at("11:00:00"),
            _ => taken_in_at("10:00:00"),
        },
        |look| match look {
            0 => page(&[]),
            _ => page(&[
                "a 2001 2999-01-01T10:30:00Z create",
                "b 2002 2999-01-01T11:00:30Z create",
            ]),
        },
    )
    .await;
    let rows = ["2001 in", "2001 out", "2002 in"];
    let sent = elsewhere.send(&rows, &["--quiet", "0s"]).await;
    sent.ends_with(0);
    assert_eq!(sent.last_line(), "2 people in 3 rows: 2 success");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_gateway_answers_is_not_taken_for_taken_in() {
    for (code, told) in [
        (200, "answered 200 with text/html"),
        (302, "answered 302 with text/html"),
    ] {
        let status = actix_web::http::StatusCode::from_u16(code).unwrap();
        let sign_in = move |_| {
            let answer = HttpResponse::build(status)
                .content_type("text/html")
                .body("<h1>Sign in</h1>");
            Some(answer)
        };
        let elsewhere = Elsewhere::start(sign_in, |_| page(&[])).await;
        let sent = elsewhere.send(&["2001 in"], &[]).await;
        sent.ends_with(1);
        sent.says(told);
        sent.says("is that the gateway's address");
        sent.says("Nothing is known to be taken in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_in_before_a_failure_is_followed() {
    let refusal = || {
        let error = json!({ "error": { "code": "BadRequest", "message": "\u{1b}[31mno\nmore" } });
        Some(HttpResponse::BadRequest().json(error))
    };
    for json in [false, true] {
        let elsewhere = Elsewhere::start(
            move |upload| match upload {
                0 => taken_in(),
                _ => refusal(),
            },
            |look| match look {
                0 => page(&[]),
                _ => page(&["a 2001 2999-01-01T00:00:00Z create"]),
            },
        )
        .await;
        let further: &[&str] = if json { &["--json"] } else { &[] };
        let sent = elsewhere.send(&["2001 in", "2002 in", "2003 in"], further).await;
        sent.ends_with(1);
        sent.says("answered 400:  [31mno more. 1 row is known to be taken in: go on with --from-row 3");
        if json {
            let document: Json = serde_json::from_str(&sent.printed).unwrap();
            assert_eq!(document["stopped"]["fromRow"], 3);
            assert_eq!(document["people"].as_array().unwrap().len(), 1);
            assert_eq!(document["people"][0]["status"], "success");
        } else {
            assert_eq!(sent.line("2001"), "2001 create success");
            assert_eq!(sent.last_line(), "1 person in 1 row: 1 success");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_look_at_the_log_goes_on_for_ever() {
    type Endless = fn() -> Option<HttpResponse>;
    let patience = || {
        let mut answer = HttpResponse::TooManyRequests();
        Some(answer.insert_header(("Retry-After", "500")).finish())
    };
    let circle = || {
        let link = "/gate/v1.0/auditLogs/provisioning?$skiptoken=x";
        Some(HttpResponse::Ok().json(json!({ "value": [], "@odata.nextLink": link })))
    };
    let answers: [(Endless, &str); 2] = [
        (patience, "there is no time left to wait for 500 seconds"),
        (circle, "leads from the log's last page to an earlier one"),
    ];
    for (endless, told) in answers {
        let elsewhere = Elsewhere::start(|_| taken_in(), move |_| endless()).await;
        let sent = elsewhere.send(&["2001 in"], &[]).await;
        sent.ends_with(1);
        sent.says(told);
        sent.says("; or send without reading outcomes: --no-wait");
        assert_eq!(elsewhere.state.uploads.load(Ordering::SeqCst), 0);

        let later = move |look| if look == 0 { page(&[]) } else { endless() };
        let elsewhere = Elsewhere::start(|_| taken_in(), later).await;
        let sent = elsewhere.send(&["2001 in"], &["--wait", "1s"]).await;
        sent.ends_with(1);
        sent.says("not everybody has an outcome: the log cannot be read: ");
        sent.says(told);
        assert_eq!(sent.last_line(), "1 person in 1 row: 1 no outcome yet");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_in_vain_is_told_what_is_wrong() {
    let elsewhere = Elsewhere::start(|_| taken_in(), |_| page(&[])).await;
    let sent = elsewhere.send(&["2001 in"], &["--wait", "18s"]).await;
    sent.ends_with(1);
    sent.says("nothing is heard for a while: the job is Quarantine: the password  is refused\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_says_what_was_taken_in() {
    let elsewhere = Elsewhere::start(
        |upload| match upload {
            0 => taken_in(),
            _ => None,
        },
        |_| page(&[]),
    )
    .await;
    let second = |state: &Elsewhere| state.uploads.load(Ordering::SeqCst) == 2;
    let sent = elsewhere.interrupt(&["2001 in", "2002 in"], second).await;
    sent.ends_with(1);
    sent.says("stopped by a signal. 1 row is known to be taken in: go on with --from-row 3");

    let elsewhere = Elsewhere::start(|_| taken_in(), |_| page(&[])).await;
    let following = |state: &Elsewhere| state.looks.load(Ordering::SeqCst) > 1;
    let sent = elsewhere.interrupt(&["2001 in", "2002 in"], following).await;
    sent.ends_with(1);
    sent.says("not everybody has an outcome: stopped by a signal");
    assert_eq!(sent.last_line(), "2 people in 2 rows: 2 no outcome yet");
}
