//! Entra ID as Microsoft Graph shows it: users, managers, deleted users, changes, batches, tokens and budgets, in
//! memory and on loopback.
//!
//! A call's way: `server` reads it, `service` lets the script of faults, the token and the budget have their say and
//! finds its route; `users`, `manager`, `deleted`, `delta` and `organization` answer it from the `directory`, by the rules
//! of the table in `properties`. `batch` makes many calls of one. `admin` is for whoever runs it.
//!
//! Kinds of calls that faults name: `token`, `$batch`, and each route of `service` as it is written there, alone or as a
//! part of a batch: `POST /users`, `PATCH /users/{id}`, `GET /users`, `PUT /users/{id}/manager/$ref` and so on. What has
//! no route is `unknown`. `about` is looked for in the address, as it was sent, and the body. A page of HTML is a 200 to
//! a read and a 502 to a write. Lists can be spoilt (`spoil`).
//!
//! What it leaves out: permissions beyond "holds a role" (tokens name those that the settings give, and they change
//! nothing), guests' invitations, licences, groups but for who is in them, federated domains, `$search`, and properties that other services keep
//! for a user.

mod admin;
mod batch;
mod deleted;
mod delta;
mod desk;
mod directory;
mod exchange;
mod filter;
mod groups;
mod manager;
mod organization;
mod properties;
mod query;
mod seed;
mod server;
mod service;
mod shelf;
mod spoil;
mod throttle;
mod token;
mod user;
mod users;
mod write;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::controls::Controls;
use super::faults::{Fault, Repertoire};
use super::server::{serve, serve_controls};
use crate::error::{Error, Kind, Result};
pub use admin::Alteration;
pub use desk::Settings;
use desk::Tenant;
pub use groups::Group;
use service::{Service, State};
pub use throttle::Throttling;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides who works there, their ids, and the application's id and secret. Who is made later has an id by chance.
    pub seed: u64,
    /// People in the directory from the start.
    pub workers: usize,
    pub domain: String,
    pub settings: Settings,
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            workers: 0,
            domain: "example.test".into(),
            settings: Settings::default(),
            faults: Vec::new(),
        }
    }
}

/// A running simulator: how to reach it, as one line of JSON says it, and its insides for whoever shares the process.
#[derive(Serialize)]
pub struct Entra {
    /// What stands before `/v1.0` and `/beta`.
    pub url: String,
    /// Where the controls are: `/lab/clock`, `/lab/faults`, `/lab/state` and so on.
    pub admin: String,
    pub token_url: String,
    pub tenant: Uuid,
    pub domain: String,
    pub client_id: Uuid,
    pub client_secret: String,
    #[serde(skip)]
    pub controls: Arc<Controls>,
    #[serde(skip)]
    service: Arc<Service>,
    #[serde(skip)]
    tasks: TaskTracker,
}

impl Entra {
    /// Every user with everything, the deleted ones, how often what was answered, and the settings.
    pub fn state(&self) -> Value {
        self.service.report()
    }

    /// Lays these members over the present [`Settings`].
    pub fn configure(&self, changes: &Value) -> Result<Settings> {
        let settings = self.service.configure(changes);
        settings.map_err(|why| Error::invalid(format!("these are no settings: {why}")))
    }

    /// Makes or alters a user in ways that Graph has no call for.
    pub fn alter(&self, alteration: Alteration) -> Result<Value> {
        let altered = self.service.alter(alteration);
        altered.map_err(|refusal| Error::new(Kind::NotFound, refusal.message))
    }

    /// Revokes every token, so that the next call with one is refused.
    pub fn revoke_tokens(&self) {
        self.service.state().tokens.revoke();
    }

    /// Waits until it has stopped.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

/// The id of the user with this employee number in a tenant of this seed.
pub fn user_id(seed: u64, employee: &str) -> Uuid {
    seed::id(seed, employee)
}

/// Serves in the background until `stop`; the controls get a free port beside this one.
pub fn start(options: Options, listener: TcpListener, stop: CancellationToken) -> Result<Entra> {
    let failed = |error: std::io::Error| {
        Error::internal(format!("the simulator cannot listen: {error}")).because(error)
    };
    let address = listener.local_addr().map_err(failed)?;
    let beside = TcpListener::bind(SocketAddr::new(address.ip(), 0)).map_err(failed)?;
    let admin = beside.local_addr().map_err(failed)?;
    let controls = Arc::new(Controls::new(repertoire()));
    let scripted = controls.script(options.faults.clone());
    scripted.map_err(|why| Error::invalid(why).at("faults"))?;
    let service = Arc::new(prepare(options, controls.clone()));
    let tasks = TaskTracker::new();
    serve(&tasks, listener, stop.clone(), server::routes(service.clone()))?;
    let more = admin::routes(service.clone());
    serve_controls(&tasks, controls.clone(), beside, stop, more);
    tasks.close();
    let tenant = &service.tenant;
    Ok(Entra {
        url: format!("http://{address}"),
        admin: format!("http://{admin}"),
        token_url: format!("http://{address}/{}/oauth2/v2.0/token", tenant.id),
        tenant: tenant.id,
        domain: tenant.domain.clone(),
        client_id: tenant.client_id,
        client_secret: tenant.client_secret.clone(),
        controls,
        service,
        tasks,
    })
}

/// Faults that make sense here.
fn repertoire() -> Repertoire {
    Repertoire {
        kinds: service::kinds(),
        mute: &[],
        says: |code| u16::try_from(code).is_ok_and(|code| service::CODES.contains(&code)),
        codes: "400 to 599",
        has_html: true,
        spoils: spoil::NAMES,
    }
}

fn prepare(options: Options, controls: Arc<Controls>) -> Service {
    let of = |what: &str| {
        let name = format!("muster lab {what} {}", options.seed);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    };
    let tenant = Tenant {
        id: of("tenant"),
        domain: options.domain,
        client_id: of("client"),
        client_secret: format!("lab~{}", of("secret").simple()),
    };
    let mut state = State::default();
    seed::people(
        &mut state.directory,
        options.seed,
        options.workers,
        &tenant.domain,
        controls.now(),
    );
    state.settings = options.settings.bounded();
    state.apply_delays();
    Service::new(controls, tenant, options.seed, state)
}
