//! A gateway under test, called as scripts call it: over HTTP, with a token.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster::config::Config;
use muster::engine::Clock;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub const APP: &str = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c11";
pub const JOB: &str = "API2AD.main";
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A config in a folder of its own. What a test is about is added to it as text.
pub struct Setup {
    pub dir: TempDir,
    server: String,
    store: String,
    source: Option<String>,
    clock: Clock,
    target: String,
    template: &'static str,
    app: String,
    clients: String,
    inbox_limit: u32,
    /// Systems and apps, instead of the one app.
    whole: Option<String>,
}

impl Setup {
    /// A target at which nobody answers.
    pub fn nowhere() -> Setup {
        Setup::with_target(
            r#"
            kind = "active-directory"
            urls = ["ldaps://127.0.0.1:9"]
            base_dn = "DC=example,DC=test"
            bind_dn = "nobody"
            password = "none"
            timeout = "1s"
            "#,
        )
    }

    pub fn with_target(target: &str) -> Setup {
        Setup {
            dir: tempfile::tempdir().unwrap(),
            server: String::new(),
            store: r#"url = "sqlite:muster.db""#.into(),
            source: None,
            clock: Clock::system(),
            target: target.into(),
            template: "API2AD",
            app: "container = \"OU=Staff,DC=example,DC=test\"\n".into(),
            clients: String::new(),
            inbox_limit: 1_000_000,
            whole: None,
        }
    }

    /// The time.
    pub fn clock(mut self, clock: Clock) -> Setup {
        self.clock = clock;
        self
    }

    /// Entra ID as the target.
    pub fn with_cloud(target: &str) -> Setup {
        Setup {
            template: "API2AAD",
            app: String::new(),
            ..Setup::with_target(target)
        }
    }

    /// A source that is pulled, the template for it, and the time.
    pub fn pulls(mut self, source: &str, template: &'static str, clock: Clock) -> Setup {
        self.source = Some(source.into());
        self.template = template;
        self.clock = clock;
        self
    }

    /// The time.
    pub fn at(mut self, clock: Clock) -> Setup {
        self.clock = clock;
        self
    }

    pub fn server(mut self, lines: &str) -> Setup {
        self.server.push_str(lines);
        self.server.push('\n');
        self
    }

    pub fn store(mut self, lines: &str) -> Setup {
        self.store = lines.into();
        self
    }

    /// Further keys of the app.
    pub fn app(mut self, lines: &str) -> Setup {
        self.app.push_str(lines);
        self.app.push('\n');
        self
    }

    /// The same without one of them.
    pub fn without(mut self, line: &str) -> Setup {
        self.app = self.app.replace(line, "");
        self.clients = self.clients.replace(line, "");
        self
    }

    pub fn clients(mut self, lines: &str) -> Setup {
        self.clients.push_str(lines);
        self
    }

    /// Systems and apps of one's own, instead of the one app.
    pub fn whole(text: &str) -> Setup {
        Setup {
            whole: Some(text.into()),
            ..Setup::nowhere()
        }
    }

    pub fn inbox_limit(mut self, operations: u32) -> Setup {
        self.inbox_limit = operations;
        self
    }

    pub fn text(&self, listen: &str) -> String {
        let Setup {
            server,
            store,
            target,
            template,
            app,
            clients,
            inbox_limit,
            ..
        } = self;
        let inbox = || format!("kind = \"bulk\"\ninbox_limit = {inbox_limit}");
        let source = self.source.clone().unwrap_or_else(inbox);
        // Tests put people into directories by hand, and few are about what is thought of that.
        let own = app.split("[[app]]").next().unwrap_or_default();
        let first_cycle = match own.contains("first_cycle") {
            true => "",
            false => "first_cycle = \"apply\"",
        };
        let apps = || {
            format!(
                r#"
            [system.hr]
            {source}
            [system.corp]
            {target}
            [[app]]
            id = "{APP}"
            name = "HR to Active Directory"
            source = "hr"
            target = "corp"
            template = "{template}"
            job = "{JOB}"
            {first_cycle}
            {app}
            "#
            )
        };
        let held = |text: &String| text.replace("[[app]]\n", "[[app]]\nfirst_cycle = \"apply\"\n");
        let apps = self.whole.as_ref().map_or_else(apps, held);
        format!(
            r#"
            [server]
            listen = "{listen}"
            {server}
            [store]
            {store}
            [[client]]
            id = "hr-script"
            secret = "s3cret"
            roles = ["SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.ReadWrite.All", "Application.Read.All"]
            {clients}
            {apps}
            "#
        )
    }

    /// Runs the gateway in this process.
    pub async fn start(self) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = Config::parse(&self.text("127.0.0.1:0"), self.dir.path()).unwrap();
        let (scheme, root) = match &config.server.tls {
            None => ("http", None),
            Some(tls) => ("https", Some(std::fs::read(&tls.cert).unwrap())),
        };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(muster::command::serve::serve(
            config,
            listener,
            self.clock.clone(),
            stop.clone(),
        ));
        let mut gateway = Gateway {
            caller: Caller::new(&url, root.as_deref()),
            stop,
            serving: Some(serving),
            setup: self,
        };
        tokio::select! {
            () = gateway.caller.until_ready() => {}
            Some(ended) = async { Some(gateway.serving.as_mut()?.await) } => panic!("it did not start: {ended:?}"),
        }
        gateway
    }

    /// Runs the binary on a config of the repository's, moved to a free port and a folder of its own.
    pub async fn spawn_example(path: &Path) -> Process {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = std::fs::read_to_string(path)
            .unwrap()
            .replace("127.0.0.1:8460", &free.to_string());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("muster.toml"), text).unwrap();
        let mut process = Process::start(&dir.path().join("muster.toml"), &format!("http://{free}")).await;
        process._dir = Some(dir);
        process
    }

    /// Runs the binary, which can be killed.
    pub async fn spawn(&self) -> Process {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = self.dir.path().join("muster.toml");
        std::fs::write(&path, self.text(&free.to_string())).unwrap();
        Process::start(&path, &format!("http://{free}")).await
    }
}

/// A gateway in this process; it stops when dropped.
pub struct Gateway {
    pub caller: Caller,
    stop: CancellationToken,
    serving: Option<JoinHandle<muster::error::Result<()>>>,
    pub setup: Setup,
}

impl Gateway {
    /// Stops it as SIGTERM would, and gives the config back for another start.
    pub async fn stop(mut self) -> Setup {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            serving.await.unwrap().unwrap();
        }
        std::mem::replace(&mut self.setup, Setup::nowhere())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The binary in a process of its own; killed when dropped.
pub struct Process {
    pub caller: Caller,
    pub child: Child,
    _dir: Option<TempDir>,
}

impl Process {
    async fn start(config: &Path, url: &str) -> Process {
        // MUSTER_TEST_LOG shows what the gateway says.
        let log = match std::env::var_os("MUSTER_TEST_LOG") {
            Some(_) => Stdio::inherit(),
            None => Stdio::null(),
        };
        let child = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(["serve", "--config"])
            .arg(config)
            .stderr(log)
            .spawn()
            .unwrap();
        let process = Process {
            caller: Caller::new(url, None),
            child,
            _dir: None,
        };
        process.caller.until_ready().await;
        process
    }

    /// As a power cut would: no signal it could answer.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script with a client id and a secret.
#[derive(Clone)]
pub struct Caller {
    pub url: String,
    http: reqwest::Client,
}

impl Caller {
    /// `root` is the certificate to trust, in PEM.
    pub fn new(url: &str, root: Option<&[u8]>) -> Caller {
        let mut client = reqwest::Client::builder().timeout(Duration::from_secs(30));
        if let Some(root) = root {
            client = client.add_root_certificate(reqwest::Certificate::from_pem(root).unwrap());
        }
        let http = client.build().unwrap();
        Caller {
            url: url.into(),
            http,
        }
    }

    pub async fn until_ready(&self) {
        eventually("the gateway is ready", async || {
            self.http
                .get(format!("{}/health/ready", self.url))
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    pub async fn token_for(&self, id: &str, secret: &str) -> Response {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        self.http
            .post(format!("{}/contoso/oauth2/v2.0/token", self.url))
            .form(&form)
            .send()
            .await
            .unwrap()
    }

    pub async fn token(&self) -> String {
        let answer: Json = self.token_for("hr-script", "s3cret").await.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_string()
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.http
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<Json>) -> (StatusCode, Json) {
        let mut request = self.request(method, path).bearer_auth(self.token().await);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or(Json::Null))
    }

    pub fn job_path(&self) -> String {
        format!("/v1.0/servicePrincipals/{APP}/synchronization/jobs/{JOB}")
    }

    pub async fn post_bulk(&self, token: &str, body: impl Into<reqwest::Body>) -> reqwest::Result<Response> {
        self.request("POST", &format!("{}/bulkUpload", self.job_path()))
            .bearer_auth(token)
            .header("Content-Type", "application/scim+json")
            .body(body)
            .send()
            .await
    }

    /// Uploads people; each is SCIM data with an externalId.
    pub async fn upload(&self, people: &[Json]) {
        let answer = self
            .post_bulk(&self.token().await, bulk(people).to_string())
            .await
            .unwrap();
        let status = answer.status();
        assert_eq!(status, 202, "{}", answer.text().await.unwrap());
    }

    pub async fn job(&self) -> Json {
        let (status, job) = self.send("GET", &self.job_path(), None).await;
        assert_eq!(status, 200, "{job}");
        job
    }

    /// Waits until every accepted operation has its outcome.
    pub async fn settled(&self) {
        eventually("every operation has an outcome", async || {
            self.job().await["status"]["progress"][0]["totalUnits"] == 0
        })
        .await;
    }

    /// All entries, newest first, through every page.
    pub async fn logs(&self, filter: &str) -> Vec<Json> {
        let mut entries = Vec::new();
        let token = self.token().await;
        let mut next = Some(
            self.request("GET", "/v1.0/auditLogs/provisioning")
                .query(&[("$filter", filter), ("$top", "500")]),
        );
        while let Some(request) = next.take() {
            let page: Json = request
                .bearer_auth(&token)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            entries.extend(
                page["value"]
                    .as_array()
                    .unwrap_or_else(|| panic!("{page}"))
                    .iter()
                    .cloned(),
            );
            next = page["@odata.nextLink"].as_str().map(|link| self.http.get(link));
        }
        entries
    }

    /// The last entry about one worker: (action, status, code).
    pub async fn outcome(&self, worker: &str) -> (String, String, String) {
        let entries = self
            .logs(&format!("jobid eq '{JOB}' and sourceIdentity/id eq '{worker}'"))
            .await;
        let entry = entries
            .first()
            .unwrap_or_else(|| panic!("nothing is logged of {worker}"));
        let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
        (
            text(&entry["provisioningAction"]),
            text(&entry["provisioningStatusInfo"]["status"]),
            text(&entry["provisioningStatusInfo"]["errorInformation"]["errorCode"]),
        )
    }
}

pub fn bulk(people: &[Json]) -> Json {
    let operations: Vec<Json> = people
        .iter()
        .map(|data| json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id(data), "data": data }))
        .collect();
    json!({ "schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": null })
}

fn bulk_id(data: &Json) -> &str {
    data["externalId"].as_str().unwrap_or("nobody")
}

/// Somebody with everything that creation needs.
pub fn person(id: &str, name: &str) -> Json {
    json!({
        "externalId": id,
        "userName": format!("{}@hr.example.com", name.to_lowercase().replace(' ', ".")),
        "displayName": name,
        "name": { "givenName": name.split(' ').next(), "familyName": name.split(' ').next_back() },
        "active": true,
    })
}

/// The same person with other values.
pub fn with(mut person: Json, changes: Json) -> Json {
    for (name, value) in changes.as_object().unwrap() {
        person[name] = value.clone();
    }
    person
}

/// What the log says of somebody, as [`Caller::outcome`] gives it.
pub fn outcome(action: &str, status: &str, code: &str) -> (String, String, String) {
    (action.into(), status.into(), code.into())
}

/// Waits for something that happens by itself, and says what did not.
pub async fn eventually(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(25));
    // Looking may take longer than that, and block the only thread: the gateway gets its turn in between all the same.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let patience = tokio::time::Instant::now() + Duration::from_secs(120);
    loop {
        ticks.tick().await;
        if happened().await {
            return;
        }
        assert!(tokio::time::Instant::now() < patience, "waited in vain: {what}");
    }
}
