//! Workday as its web services show it: `Get_Workers` over a company that lives, and the two operations that write
//! back, on loopback and in memory.
//!
//! A call's way: `server` reads it, `service` lets the script of faults, the limit and the credentials (`access`) have
//! their say; `soap` reads the envelope. `query` and `criteria` understand what is asked for, `answer` writes it in the shape of the
//! `version`. `contact` and `account` write back. Behind them is the `tenant`: every `worker` is a log of `event`s, each
//! with the moment it was entered and the day from which it holds; what is true on a day is the fold of them. Days are
//! Pacific ones (`pacific`), wherever people work. `seed` founds the company, `life` goes on with it, `script` and
//! `admin` are for whoever runs it.
//!
//! Kinds of calls that faults name: `token`, `Get_Workers`, `Change_Work_Contact_Information`,
//! `Get_Change_Work_Contact_Information`, `Update_Workday_Account`, `unknown`. `about` is looked for in the path and the
//! body. A 500 comes as a SOAP fault, whose kind follows from a known message: `invalid username or password`, `The task
//! submitted is not authorized.`, or one that begins with `Validation error occurred. `. Besides, an answer can be spoilt
//! (`spoil`).
//!
//! What it leaves out: `Maintain_Contact_Information` and all other operations; data sets such as compensation, roles,
//! qualifications or photos, which it treats as if nobody had a permission for them; criteria by position, event or
//! national ID; documents of WSDL. What Workday does not publish is decided here: windows include both ends, a page
//! beyond the last is empty, and corrections and rescissions have types of their own.

mod access;
mod account;
mod admin;
mod answer;
mod business;
mod contact;
mod criteria;
mod event;
mod fault;
mod group;
mod life;
mod pacific;
mod phone;
mod places;
mod query;
mod reply;
mod script;
mod seed;
mod server;
mod service;
mod settings;
mod soap;
mod spoil;
mod tenant;
mod version;
mod wid;
mod worker;
mod xml;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::controls::Controls;
use super::faults::{Fault, Repertoire};
use super::server::{serve, serve_controls};
use crate::error::{Error, Kind, Result};
use access::Keys;
pub use admin::Question;
pub use event::Process;
use life::Life;
pub use script::{
    Details, Entered, EventKind, NewEmail, NewEvent, NewJob, NewPhone, NewWorker, Other, Unlogged,
};
use service::{Service, State};
pub use settings::{Permission, Settings, TerminationMoment};
use tenant::Tenant;
pub use worker::{Group, Kind as WorkerKind};

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides who works there, all IDs, and the secrets.
    pub seed: u64,
    /// People of the company when it is found. Some have had more than one record.
    pub workers: usize,
    /// The tenant's name.
    pub tenant: String,
    /// Of e-mail addresses at work.
    pub domain: String,
    /// What time it is at first; the real time when absent.
    pub now: Option<Timestamp>,
    pub settings: Settings,
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            workers: 0,
            tenant: "northwind".into(),
            domain: "example.test".into(),
            now: None,
            settings: Settings::default(),
            faults: Vec::new(),
        }
    }
}

/// A running simulator: how to reach it, as one line of JSON says it, and its insides for whoever shares the process.
#[derive(Serialize)]
pub struct Workday {
    /// `http://…/ccx/service/{tenant}`, to which a service and a version may be added.
    pub url: String,
    /// Where the controls are: `/lab/clock`, `/lab/faults`, `/lab/state` and so on.
    pub admin: String,
    pub token_url: String,
    pub tenant: String,
    /// With the tenant, as it is to be sent: `ISU_Muster@northwind`.
    pub user: String,
    pub password: String,
    pub client_id: String,
    pub client_secret: String,
    pub refresh_token: String,
    #[serde(skip)]
    pub controls: Arc<Controls>,
    #[serde(skip)]
    service: Arc<Service>,
    #[serde(skip)]
    tasks: TaskTracker,
}

impl Workday {
    /// What HR says of a worker at a moment, or how the simulator is.
    pub fn state(&self, question: &Question) -> Result<Value> {
        self.service
            .report(question)
            .map_err(|why| Error::new(Kind::NotFound, why))
    }

    pub fn take_on(&self, worker: NewWorker) -> Result<Entered> {
        let now = self.service.live();
        self.service
            .write()
            .tenant
            .take_on(worker, now)
            .map_err(Error::invalid)
    }

    pub fn hear(&self, event: NewEvent) -> Result<Entered> {
        let now = self.service.live();
        self.service
            .write()
            .tenant
            .hear(event, now)
            .map_err(Error::invalid)
    }

    /// Changes what is in no log.
    pub fn alter(&self, change: Unlogged) -> Result<()> {
        let now = self.service.live();
        self.service
            .write()
            .tenant
            .alter(change, now)
            .map_err(Error::invalid)
    }

    /// Lays these members over the present [`Settings`].
    pub fn configure(&self, changes: &Value) -> Result<Settings> {
        let settings = self.service.configure(changes);
        settings.map_err(|why| Error::invalid(format!("these are no settings: {why}")))
    }

    /// Waits until it has stopped.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

impl Service {
    fn configure(&self, changes: &Value) -> std::result::Result<Settings, String> {
        let now = self.live();
        let mut state = self.write();
        if state.settings.news_per_day == 0 {
            // What did not happen is not made up for.
            state.life = Life::from(now);
        }
        state.settings = state.settings.with(changes)?;
        if !state.settings.locked {
            self.desk().access.unlock();
        }
        Ok(state.settings.clone())
    }
}

/// Serves in the background until `stop`; the controls get a free port beside this one.
pub fn start(options: Options, listener: TcpListener, stop: CancellationToken) -> Result<Workday> {
    let failed = |error: std::io::Error| {
        Error::internal(format!("the simulator cannot listen: {error}")).because(error)
    };
    let address = listener.local_addr().map_err(failed)?;
    let beside = TcpListener::bind(SocketAddr::new(address.ip(), 0)).map_err(failed)?;
    let admin = beside.local_addr().map_err(failed)?;
    let controls = Arc::new(Controls::new(repertoire()));
    let scripted = controls.script(options.faults.clone());
    scripted.map_err(|why| Error::invalid(why).at("faults"))?;
    if let Some(now) = options.now {
        controls.set_now(now);
    }
    let service = Arc::new(prepare(options, controls.clone()));
    let tasks = TaskTracker::new();
    serve(&tasks, listener, stop.clone(), server::routes(service.clone()))?;
    let more = admin::routes(service.clone());
    serve_controls(&tasks, controls.clone(), beside, stop, more);
    tasks.close();
    let keys = service.keys.clone();
    Ok(Workday {
        url: format!("http://{address}/ccx/service/{}", keys.tenant),
        admin: format!("http://{admin}"),
        token_url: format!("http://{address}/ccx/oauth2/{}/token", keys.tenant),
        tenant: keys.tenant,
        user: keys.user,
        password: keys.password,
        client_id: keys.client_id,
        client_secret: keys.client_secret,
        refresh_token: keys.refresh_token,
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
        says: |code| u16::try_from(code).is_ok_and(|code| reply::CODES.contains(&code)),
        codes: "400 to 599",
        has_html: true,
        spoils: spoil::NAMES,
    }
}

fn prepare(options: Options, controls: Arc<Controls>) -> Service {
    let secret = |what: &str| {
        let name = format!("muster lab workday {what} {}", options.seed);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
            .simple()
            .to_string()
    };
    let keys = Keys {
        user: format!("ISU_Muster@{}", options.tenant),
        password: format!("lab&{}", secret("password")),
        client_id: secret("client"),
        client_secret: secret("client secret"),
        refresh_token: secret("refresh token"),
        tenant: options.tenant,
    };
    let now = controls.now();
    let mut tenant = Tenant::new(options.seed);
    seed::found(&mut tenant, options.workers, &options.domain, now);
    let state = State {
        tenant,
        settings: options.settings.bounded(),
        life: Life::from(now),
    };
    Service::new(controls, keys, state)
}
