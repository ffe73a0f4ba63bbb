//! The gateway, the two simulated targets and the clock of a demonstration.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use reqwest::{Method, Url};
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::hr::Entries;
use crate::command::bulk::service::{Job, Service};
use crate::command::serve;
use crate::config::Config;
use crate::connector::http::{Answer, Call, Credentials, Grant, Http};
use crate::domain::schema;
use crate::engine::Clock;
use crate::error::{Error, Result};
use crate::lab::{directory, entra};

pub const CLIENT: &str = "hr-script";

/// A file for `muster bulk`.
const FILE: &str = "people.csv";
const PEOPLE: &str = include_str!("../../../examples/people.csv");

/// The company's own word for who works where (`lab::company`).
const POST: &str = "urn:ietf:params:scim:schemas:extension:company:1.0:User:post";

/// One of the two apps.
pub struct App {
    pub id: &'static str,
    pub job: &'static str,
    pub name: &'static str,
    /// The value of the attribute that puts people in its scope.
    pub post: &'static str,
}

pub const OFFICE: App = App {
    id: "0f0f1c1a-0000-4000-8000-00000000000a",
    job: "API2AD.demo",
    name: "directory",
    post: "Office",
};
pub const FIELD: App = App {
    id: "0f0f1c1a-0000-4000-8000-00000000000b",
    job: "API2AAD.demo",
    name: "Entra ID",
    post: "Field",
};
pub const APPS: [App; 2] = [OFFICE, FIELD];

pub struct Stage {
    pub url: String,
    pub secret: String,
    pub directory: directory::Directory,
    pub entra: entra::Entra,
    /// The gateway, as HR's script calls it.
    pub service: Service,
    http: Http,
    /// Whose account is whose, as the log told it so far: target id → name.
    known: Mutex<HashMap<String, String>>,
    clock: Clock,
    /// Seconds that the demonstration is ahead of the world.
    ahead: Arc<AtomicI64>,
    stop: CancellationToken,
    serving: Option<JoinHandle<Result<()>>>,
    folder: PathBuf,
}

impl Stage {
    /// `secret` is the client's; a random one otherwise.
    pub async fn set(listen: SocketAddr, secret: Option<&str>, stop: &CancellationToken) -> Result<Stage> {
        let listener = bound(listen)?;
        let directory = directory::start(directory::Options::default(), port()?, stop.clone()).await?;
        let unthrottled = entra::Settings {
            throttle: entra::Throttling::Off,
            ..entra::Settings::default()
        };
        let options = entra::Options {
            settings: unthrottled,
            ..entra::Options::default()
        };
        let entra = entra::start(options, port()?, stop.clone())?;
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = clock(ahead.clone());
        let folder = std::env::temp_dir().join(format!("muster-demo-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&folder)
            .map_err(|error| Error::internal(format!("cannot make {}: {error}", folder.display())))?;
        std::fs::write(folder.join(FILE), PEOPLE)
            .map_err(|error| Error::internal(format!("cannot write {FILE}: {error}")))?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::internal("no port").because(error))?;
        let url = format!("http://{address}");
        let secret = secret.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_string);
        for app in &APPS {
            write(&folder, app)?;
        }
        let text = config(&url, &secret, &directory, &entra);
        let config =
            Config::parse(&text, &folder).map_err(|problems| Error::internal(problems.to_string()))?;
        let serving = tokio::spawn(serve::serve(config, listener, clock.clone(), stop.clone()));
        let credentials = Credentials {
            token_url: address_of(&format!("{url}/demo/oauth2/v2.0/token"))?,
            client_id: CLIENT.into(),
            client_secret: secret.clone().into(),
            grant: Grant::ClientCredentials {
                scope: format!("{url}/.default"),
            },
        };
        let service = Service::new(address_of(&url)?, credentials.clone(), None).map_err(Error::internal)?;
        let mut stage = Stage {
            service,
            http: Http::new(credentials, Duration::from_secs(30), None)?,
            known: Mutex::default(),
            url,
            secret,
            directory,
            entra,
            clock,
            ahead,
            stop: stop.clone(),
            serving: Some(serving),
            folder,
        };
        stage.until_ready().await?;
        Ok(stage)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn today(&self) -> Date {
        self.now().to_zoned(TimeZone::UTC).date()
    }

    /// A night passes. The jobs are paused meanwhile, as no lease lasts that long.
    pub async fn next_day(&mut self) -> Result<()> {
        for app in &APPS {
            self.call(Method::POST, &format!("{}/pause", job_path(app)))
                .await?;
        }
        self.ahead.fetch_add(24 * 60 * 60, Ordering::SeqCst);
        for controls in [&self.directory.controls, &self.entra.controls] {
            controls.set_now(self.clock.now());
        }
        for app in &APPS {
            self.call(Method::POST, &format!("{}/start", job_path(app)))
                .await?;
        }
        Ok(())
    }

    /// One call to the gateway's API; whatever is not 2xx is an error.
    pub async fn call(&self, method: Method, path: &str) -> Result<Json> {
        let mut call = Call::get(address_of(&format!("{}{path}", self.url))?);
        call.method = method;
        let answer: Answer = self.http.send(&call).await.map_err(Error::from)?;
        match answer.status.is_success() {
            true => Ok(answer.json().unwrap_or(Json::Null)),
            false => Err(answer.into_error("the gateway")),
        }
    }

    /// Whose accounts the log has told of, with what these entries add.
    pub fn names(&self, entries: &Entries) -> HashMap<String, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.values().flat_map(HashMap::values).flatten() {
            if let (Some(id), Some(name)) = (
                entry["targetIdentity"]["id"].as_str(),
                entry["sourceIdentity"]["displayName"].as_str(),
            ) {
                known.insert(id.to_string(), name.to_string());
            }
        }
        known.clone()
    }

    /// People whom the company does not know yet, as HR's spreadsheet has them.
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    async fn until_ready(&mut self) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..500 {
            ticks.tick().await;
            if let Some(serving) = self.serving.take_if(|serving| serving.is_finished()) {
                let ended = serving
                    .await
                    .map_err(|error| Error::internal(error.to_string()))?;
                return ended.and(Err(Error::internal("the gateway ended at once")));
            }
            let call = Call::get(address_of(&format!("{}/health/ready", self.url))?);
            if self
                .http
                .send(&call)
                .await
                .is_ok_and(|answer| answer.status.is_success())
            {
                return Ok(());
            }
        }
        Err(Error::internal(
            "the gateway did not start in ten seconds: see what it says with MUSTER_LOG=info",
        ))
    }

    /// Everything ends and nothing is left.
    pub async fn strike(mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            let _ = serving.await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn job_path(app: &App) -> String {
    format!(
        "/v1.0/servicePrincipals/{}/synchronization/jobs/{}",
        app.id, app.job
    )
}

impl App {
    pub fn job(&self) -> Job {
        Job {
            app: self.id.into(),
            id: self.job.into(),
        }
    }

    /// Whose post nobody names works at the office.
    fn scope(&self) -> Json {
        let group = |name: &str, operator: &str, values: &[&str]| {
            json!({ "name": name, "clauses": [{
                "sourceOperandName": POST, "operatorName": operator, "targetOperand": { "values": values },
            }] })
        };
        let mut groups = vec![group(self.post, "EQUALS", &[self.post])];
        if self.post == OFFICE.post {
            groups.push(group("No post", "IS NULL", &[]));
        }
        json!({ "groups": groups })
    }
}

fn port() -> Result<TcpListener> {
    bound(([127, 0, 0, 1], 0).into())
}

fn bound(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .map_err(|error| Error::internal(format!("cannot listen on {address}: {error}")).because(error))
}

fn address_of(text: &str) -> Result<Url> {
    text.parse()
        .map_err(|_| Error::internal(format!("{text} is no address")))
}

fn clock(ahead: Arc<AtomicI64>) -> Clock {
    let world = Clock::system();
    Clock::from_fn(move || {
        let ahead = SignedDuration::from_secs(ahead.load(Ordering::SeqCst));
        world.now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    })
}

/// The template's schema, for whoever works there. Two people of one name cannot share a container, so the directory's
/// common names end with the employee number.
fn write(folder: &std::path::Path, app: &App) -> Result<()> {
    let template = app.job.split('.').next().unwrap_or_default();
    let broken = || Error::internal(format!("the template {template} cannot be used"));
    let document = schema::template(template).and_then(|template| template.document().ok());
    let mut schema = document.ok_or_else(broken)?.json().clone();
    let attributes = schema
        .pointer_mut("/directories/0/objects/0/attributes")
        .and_then(Json::as_array_mut);
    attributes.ok_or_else(broken)?.push(json!({ "name": POST }));
    let object = schema.pointer_mut("/synchronizationRules/0/objectMappings/0");
    let object = object.ok_or_else(broken)?;
    object["scope"] = app.scope();
    for mapping in object["attributeMappings"].as_array_mut().into_iter().flatten() {
        if mapping["targetAttributeName"] == "cn" {
            mapping["source"] =
                json!({ "expression": r#"Join(" ", Mid([displayName], 1, 50), [externalId])"# });
        }
    }
    std::fs::write(folder.join(format!("{}.json", app.post)), format!("{schema:#}"))
        .map_err(|error| Error::internal(format!("cannot write a schema: {error}")))
}

fn config(url: &str, secret: &str, directory: &directory::Directory, entra: &entra::Entra) -> String {
    let listen = url.trim_start_matches("http://");
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let apps: String = APPS
        .iter()
        .zip(["office", "cloud"])
        .map(|(app, target)| {
            let container = match target {
                "office" => format!("container = \"OU=Staff,{}\"", directory.base_dn),
                _ => String::new(),
            };
            format!(
                r#"
                [[app]]
                id = "{}"
                name = "{} staff to the {}"
                source = "hr"
                target = "{target}"
                template = "{}"
                schema = "{}.json"
                job = "{}"
                start = true
                {container}
                "#,
                app.id,
                app.post,
                app.name,
                app.job.split('.').next().unwrap_or_default(),
                app.post,
                app.job
            )
        })
        .collect();
    format!(
        r#"
        [server]
        listen = "{listen}"
        [store]
        url = "sqlite:muster.db"
        [[client]]
        id = "{CLIENT}"
        secret = {}
        roles = ["SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.ReadWrite.All"]
        [system.hr]
        kind = "bulk"
        [system.office]
        kind = "active-directory"
        urls = ["{}"]
        base_dn = "{}"
        bind_dn = "{}"
        password = {}
        ca_file = {}
        [system.cloud]
        kind = "entra"
        url = "{}"
        token_url = "{}"
        client_id = "{}"
        client_secret = {}
        domain = "{}"
        {apps}
        "#,
        quoted(secret),
        directory.url,
        directory.base_dn,
        directory.user,
        quoted(&directory.password),
        quoted(&directory.ca_file.display().to_string()),
        entra.url,
        entra.token_url,
        entra.client_id,
        quoted(&entra.client_secret),
        entra.domain,
    )
}
