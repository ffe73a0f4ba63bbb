//! What is promised of people's accounts, shown on a domain controller of Samba's, one promise a file. What must come of it
//! is written down, and accounts are read with OpenLDAP's tools.

mod by_hand;
mod disabled;
mod feed;
mod life;
mod lives;
mod outage;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use muster::engine::Clock;
use muster::store::{Location, Store, instant, micros, uploads, wakes};
use serde_json::{Value as Json, json};

use crate::directory::target;
use crate::gateway::{Gateway, JOB, Setup, eventually};
use crate::support::ldap::Entry;
use crate::support::samba::{self, Controller};
use crate::support::workday::Tenant;

pub const STAFF: &str = "OU=Staff,DC=example,DC=test";
pub const BRANCH: &str = "OU=Branch,DC=example,DC=test";

/// The name of the system that speaks for HR.
const SOURCE: &str = "hr";

/// The time as a test has it; it goes on from where it was set.
#[derive(Clone)]
pub struct Time {
    pub clock: Clock,
    set: Arc<dyn Fn(Timestamp) + Send + Sync>,
}

impl Time {
    pub fn at(text: &str) -> Time {
        let ahead = Arc::new(AtomicI64::new(0));
        let (read, system) = (Arc::clone(&ahead), Clock::system());
        let set = move |at: Timestamp| {
            ahead.store(micros(at) - micros(Clock::system().now()), Ordering::Relaxed);
        };
        set(text.parse().unwrap());
        Time {
            clock: Clock::from_fn(move || instant(micros(system.now()) + read.load(Ordering::Relaxed))),
            set: Arc::new(set),
        }
    }

    pub fn of(tenant: &Tenant) -> Time {
        let controls = Arc::clone(&tenant.lab.controls);
        Time {
            clock: tenant.clock(),
            set: Arc::new(move |at| controls.set_now(at)),
        }
    }

    pub fn set(&self, text: &str) {
        (self.set)(text.parse().unwrap());
    }
}

/// A domain with two units that the gateway may write in, and the gateway.
pub struct World {
    pub domain: Controller,
    pub gateway: Gateway,
    pub time: Time,
    store: Store,
    is_pulled: bool,
}

impl World {
    /// HR uploads.
    pub async fn of_uploads(began: &str, schema: Option<String>, app: &str) -> World {
        let time = Time::at(began);
        World::new(time, "kind = \"bulk\"", "API2AD", schema, app, false).await
    }

    /// HR is Workday, and is asked. `source` adds to its table.
    pub async fn of_workday(tenant: &Tenant, source: &str, schema: Option<String>, app: &str) -> World {
        let table = tenant.table(source);
        World::new(Time::of(tenant), &table, "Workday2AD", schema, app, true).await
    }

    async fn new(
        time: Time,
        source: &str,
        template: &'static str,
        schema: Option<String>,
        app: &str,
        is_pulled: bool,
    ) -> World {
        let domain = tokio::task::block_in_place(samba::controller);
        domain.index("employeeID");
        let setup = setup(&domain)
            .pulls(source, template, time.clock.clone())
            .app(app);
        let setup = match schema {
            None => setup,
            Some(schema) => {
                std::fs::write(setup.dir.path().join("schema.json"), schema).unwrap();
                setup.app("schema = \"schema.json\"")
            }
        };
        let gateway = setup.start().await;
        World {
            store: store(&gateway).await,
            domain,
            gateway,
            time,
            is_pulled,
        }
    }

    pub async fn post(&self, what: &str, body: Option<Json>) {
        let caller = &self.gateway.caller;
        let path = format!("{}/{what}", caller.job_path());
        let (status, answer) = caller.send("POST", &path, body).await;
        assert!(status.is_success(), "{what}: {answer}");
    }

    /// Has the job do all there is to do at this moment, and rest again.
    pub async fn work(&self) {
        let before = self.last_cycle().await;
        let is_busy = self.is_pulled || !self.is_idle().await;
        self.post("start", None).await;
        if self.is_pulled {
            eventually("a cycle ended", async || self.last_cycle().await != before).await;
        }
        eventually("nothing is left to do", async || self.is_idle().await).await;
        self.post("pause", None).await;
        if is_busy {
            eventually("the cycle ended", async || self.last_cycle().await != before).await;
        }
    }

    /// Nothing of what HR said waits, and nobody is due.
    pub async fn is_idle(&self) -> bool {
        let now = self.time.clock.now();
        let waiting = self.store.read(move |conn| {
            Ok(uploads::waiting(conn, SOURCE)?
                + uploads::pending_count(conn, JOB)?
                + wakes::count_due(conn, JOB, now)?)
        });
        waiting.await.unwrap() == 0
    }

    pub async fn last_cycle(&self) -> Json {
        self.gateway.caller.job().await["status"]["lastExecution"]["activityIdentifier"].clone()
    }

    /// Uploads people while the job rests, and has it work.
    pub async fn says(&self, people: &[Json]) {
        self.gateway.caller.upload(people).await;
        self.work().await;
    }

    /// Everybody who has an account, by employee ID.
    pub fn everybody(&self) -> BTreeMap<String, Entry> {
        everybody(&self.domain)
    }

    pub fn account(&self, worker: &str) -> Entry {
        let found = self.domain.search(&format!("(employeeID={worker})"), &["*"]);
        let [entry] = found.as_slice() else {
            panic!("{worker} has {} accounts", found.len());
        };
        entry.clone()
    }
}

/// The config of every gateway here, without a source.
pub fn setup(domain: &Controller) -> Setup {
    let (user, password) = domain.service_account(&[STAFF, BRANCH]);
    Setup::with_target(&target(domain, &user, &password))
        .app(&format!("managed = [\"{STAFF}\", \"{BRANCH}\"]"))
}

/// The gateway's own database.
pub async fn store(gateway: &Gateway) -> Store {
    let file = gateway.setup.dir.path().join("muster.db");
    let url = format!("sqlite:{}", file.display()).into();
    Store::open(Location::parse(&url).unwrap()).await.unwrap()
}

pub fn everybody(domain: &Controller) -> BTreeMap<String, Entry> {
    let found = tokio::task::block_in_place(|| domain.search("(employeeID=*)", &["*"]));
    let mut all = BTreeMap::new();
    for entry in found {
        let id = entry.value("employeeID").unwrap().to_string();
        let dn = entry.dn.clone();
        let before = all.insert(id, entry);
        assert!(before.is_none(), "{dn} is a second account");
    }
    all
}

pub fn is_enabled(entry: &Entry) -> bool {
    entry.value("userAccountControl").unwrap().parse::<u32>().unwrap() & 2 == 0
}

/// A template's schema with mappings of one's own (target, expression, flow), and what they read besides.
pub fn schema(template: &str, mappings: &[(&str, &str, &str)], attributes: &[&str]) -> String {
    let template = muster::domain::schema::template(template).unwrap();
    let mut schema = template.document().unwrap().json().clone();
    let all = &mut schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    let all = all.as_array_mut().unwrap();
    for (target, expression, flow) in mappings {
        let at = all.iter().position(|one| one["targetAttributeName"] == *target);
        let at = at.unwrap_or_else(|| {
            all.push(json!({"targetAttributeName": target, "matchingPriority": 0}));
            all.len() - 1
        });
        all[at]["source"] = json!({ "expression": expression });
        all[at]["flowType"] = json!(flow);
    }
    let known = &mut schema["directories"][0]["objects"][0]["attributes"];
    for name in attributes {
        known
            .as_array_mut()
            .unwrap()
            .push(json!({"name": name, "type": "String"}));
    }
    schema.to_string()
}
