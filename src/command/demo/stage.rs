//! The gateway, what is simulated around it, and the clock of a demonstration.

use std::collections::{BTreeMap, HashMap};
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

use super::config::{self, APPS, App, CLIENT};
use super::outcome::Entries;
use crate::command::bulk::service::Service;
use crate::command::serve;
use crate::config::Config;
use crate::connector::http::{Answer, Call, Credentials, Grant, Http};
use crate::connector::{Source, System};
use crate::domain::schema::Document;
use crate::engine::Clock;
use crate::error::{Error, Result};
use crate::lab::{directory, entra, workday};

/// A file for `muster bulk`.
const FILE: &str = "people.csv";
const PEOPLE: &str = include_str!("../../../examples/people.csv");

pub struct Stage {
    pub url: String,
    pub secret: String,
    pub directory: directory::Directory,
    pub entra: entra::Entra,
    pub workday: workday::Workday,
    /// The gateway, as HR's script calls it.
    pub service: Service,
    http: Http,
    /// Whose account is whose, as the log told it so far: target id → name.
    known: Mutex<HashMap<String, String>>,
    clock: Clock,
    /// What the gateway's config calls them.
    systems: BTreeMap<String, System>,
    /// Microseconds that the demonstration is ahead of the world.
    ahead: Arc<AtomicI64>,
    stop: CancellationToken,
    serving: Option<JoinHandle<Result<()>>>,
    folder: PathBuf,
}

impl Stage {
    /// `secret` is the client's; a random one otherwise.
    pub async fn set(listen: SocketAddr, secret: Option<&str>, stop: &CancellationToken) -> Result<Stage> {
        let listener = bound(listen)?;
        let mut options = directory::Options::default();
        options.delegated = config::units(&options.base_dn);
        let directory = directory::start(options, port()?, stop.clone()).await?;
        let unthrottled = entra::Settings {
            throttle: entra::Throttling::Off,
            ..entra::Settings::default()
        };
        // Who has an account in both has two names to sign in with, as nothing synchronizes the two.
        let options = entra::Options {
            settings: unthrottled,
            domain: "cloud.example.test".into(),
            ..entra::Options::default()
        };
        let entra = entra::start(options, port()?, stop.clone())?;
        let workday = workday::start(workday::Options::default(), port()?, stop.clone())?;
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
        let systems = config::Systems {
            directory: &directory,
            entra: &entra,
            workday: &workday,
        };
        let text = config::write(&url, &secret, &systems, &folder)?;
        let config =
            Config::parse(&text, &folder).map_err(|problems| Error::internal(problems.to_string()))?;
        let systems = config.systems.clone();
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
            workday,
            clock,
            systems,
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

    pub fn after(&self, time: SignedDuration) -> Timestamp {
        self.now().saturating_add(time).unwrap_or(Timestamp::MAX)
    }

    pub fn today(&self) -> Date {
        self.now().to_zoned(TimeZone::UTC).date()
    }

    /// Moves the time on, for everybody; it never goes back. Jobs at work are to be paused meanwhile, as no lease lasts
    /// that long.
    pub fn turn_to(&self, time: Timestamp) {
        let on = time.duration_since(self.now()).as_micros().max(0);
        self.ahead
            .fetch_add(i64::try_from(on).unwrap_or_default(), Ordering::SeqCst);
        for controls in [
            &self.directory.controls,
            &self.entra.controls,
            &self.workday.controls,
        ] {
            controls.set_now(self.now());
        }
    }

    /// Workday as the gateway reads it, for these documented attributes.
    pub fn hr(&self, attributes: &[&str]) -> Result<Box<dyn Source>> {
        let attributes: Vec<Json> = attributes
            .iter()
            .map(|name| json!({ "name": name, "required": true }))
            .collect();
        let schema = json!({
            "synchronizationRules": [{
                "sourceDirectoryName": "Workday",
                "objectMappings": [{ "sourceObjectName": "Worker", "attributeMappings": [] }],
            }],
            "directories": [{ "name": "Workday", "objects": [{ "name": "Worker", "attributes": attributes }] }],
        });
        let broken = || Error::internal("Workday cannot be read");
        let document = Document::read(schema).map_err(|_| broken())?;
        let config = self.systems.get("Workday").ok_or_else(broken)?;
        config.source(&[document.schema()])
    }

    pub async fn pause(&self) -> Result<()> {
        for app in APPS {
            self.call(Method::POST, &format!("{}/pause", app.job_path()))
                .await?;
        }
        Ok(())
    }

    /// Lets a job run. If it reads Workday, that is asked at once.
    pub async fn start(&self, app: &App) -> Result<()> {
        let path = format!("{}/start", app.job_path());
        self.call(Method::POST, &path).await.map(drop)
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
        let ahead = SignedDuration::from_micros(ahead.load(Ordering::SeqCst));
        world.now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    })
}
