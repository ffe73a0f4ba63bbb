//! What a full plan costs: everybody is mapped and compared with what the directory listed, and all that is proposed is kept.
//!
//! In this process, with a directory that works its accounts out as they are asked for: so memory is the engine's alone, and
//! the database and the processors are all there is to wait for. Planning is timed from the end of the list; the list itself,
//! which a real directory takes its own time for, is a figure of its own.

use std::fs;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use muster::config::Config;
use muster::connector::active_directory::MODEL;
use muster::connector::{
    Capability, Endpoint, Lookup, MayStart, Outcome, Problem, Session, System, Target as Directory,
    UniqueValue, bulk,
};
use muster::domain::account::{Account, Anchor, Values};
use muster::domain::link::Link;
use muster::domain::mapping::{Desired, Role};
use muster::domain::plan::{Change, ChangeId, Moment};
use muster::domain::value::Value;
use muster::domain::worker::Worker;
use muster::engine::plans::{Scope, State};
use muster::engine::{Clock, Engine, compile};
use muster::error::Result;
use muster::store::{Conn, Location, Store, links, plans, workers};
use uuid::Uuid;

use crate::company;
use crate::gateway::{JOB, Setup};
use crate::report::{Report, Target};
use crate::simulator::processor_time;

const SMALL: usize = 10_000;
const LARGE: usize = 100_000;
const LARGEST: usize = 1_000_000;
const PAGE: usize = 5_000;

/// Of whom everybody is a likeness.
const MODEL_NUMBER: usize = 77_777_777;
const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

pub async fn measure(report: &Report) {
    let small = plan(report, SMALL).await;
    let large = plan(report, LARGE).await;
    large.compare(report, "100,000", &small);
    if std::env::var_os("MUSTER_MILLION").is_some() {
        let largest = plan(report, LARGEST).await;
        largest.compare(report, "1,000,000", &small);
    }
}

/// MiB that were resident in plans of so many people.
#[derive(Default)]
struct Resident {
    /// With every page that was planned.
    samples: Vec<f64>,
    /// The allocator gives back late, so that whoever looks at it oftener sees more.
    peak: f64,
}

impl Resident {
    fn mean(&self) -> f64 {
        self.samples.iter().sum::<f64>() / self.samples.len() as f64
    }

    fn tell(&self, report: &Report, people: usize) {
        for (figure, resident) in [("peak", self.peak), ("mean", self.mean())] {
            let figure = format!("{figure} resident in plans of {people}");
            report.figure(&figure, "MiB", Target::None, resident);
        }
    }

    fn compare(&self, report: &Report, people: &str, small: &Resident) {
        for (figure, large, small) in [
            ("peak", self.peak, small.peak),
            ("mean", self.mean(), small.mean()),
        ] {
            let figure = format!("{figure} resident of a plan of {people} ÷ of 10,000");
            report.figure(&figure, "ratio", Target::AtMost(1.2), large / small);
        }
    }
}

/// Plans everybody, once with a change for each and once with none; the memory that took.
async fn plan(report: &Report, people: usize) -> Resident {
    let likeness = Likeness::new();
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Location::Sqlite(dir.path().join("muster.db")))
        .await
        .unwrap();
    let mut resident = Resident::default();
    for (title, what) in [("Clerk", "a change for each"), ("", "nothing to do")] {
        let directory = Simulated {
            likeness: likeness.with_title(title),
            people,
            listed: Arc::default(),
        };
        let listed = Arc::clone(&directory.listed);
        let connect = move |_: &System, _: &[String], _: Option<&str>| -> Result<Box<dyn Directory>> {
            Ok(Box::new(directory.clone()))
        };
        let prepared = Engine::prepare_with(config(&dir), store.clone(), Clock::system(), Arc::new(connect));
        let engine = prepared.await.unwrap();
        if !title.is_empty() {
            fill(&store, &likeness, people).await;
        }
        forget_peak();
        let began = Spent::now();
        let look = |_: &_| resident.samples.push(memory("VmRSS:"));
        let head = engine.make_plan(JOB, Scope::Everybody, look).await.unwrap();
        let ended = Spent::now();
        let listed = listed.lock().unwrap().unwrap();
        let changes = if title.is_empty() { 0 } else { people as u64 };
        assert_eq!((head.state, head.looked_at), (State::Ready, people as u64));
        assert_eq!(head.counts.get("update").copied().unwrap_or(0), changes);
        let wanted = match people {
            LARGE => Target::AtMost(5.0),
            _ => Target::None,
        };
        let (listing, planning) = (listed.since(&began), ended.since(&listed));
        for (figure, wanted, took) in [
            ("full plan", wanted, planning.at),
            ("processor time of it", Target::None, planning.processors),
            ("listing for it", Target::None, listing.at),
        ] {
            let figure = format!("{figure} of {people}, {what}");
            report.figure(&figure, "s", wanted, took);
        }
        resident.peak = resident.peak.max(memory("VmHWM:"));
        if changes > 0 {
            let size = size(&store, head.id).await;
            let wanted = match people {
                LARGE => Target::AtMost(100.0),
                _ => Target::None,
            };
            report.figure(&format!("stored plan of {people} changes"), "MiB", wanted, size);
        }
    }
    resident.tell(report, people);
    resident
}

fn config(dir: &tempfile::TempDir) -> Config {
    // Nobody calls it: the directory is simulated.
    let limits = "[app.guard]\noverwrites = 10000000";
    let setup = Setup::nowhere().app(limits);
    Config::parse(&setup.text("127.0.0.1:0"), dir.path()).unwrap()
}

/// Puts everybody into the store as HR and the directory have them.
async fn fill(store: &Store, likeness: &Likeness, people: usize) {
    for from in (0..people).step_by(PAGE) {
        let numbers = from..(from + PAGE).min(people);
        let stored = numbers
            .clone()
            .map(|number| workers::Stored::new(likeness.worker(number)).unwrap());
        let stored: Vec<_> = stored.collect();
        let linked: Vec<Link> = numbers.map(link).collect();
        let keep = move |conn: &mut Conn| {
            workers::hear(conn, "hr", &stored, &[], &[], Timestamp::UNIX_EPOCH)?;
            links::insert(conn, JOB, &linked)
        };
        store.write(keep).await.unwrap();
    }
}

fn link(number: usize) -> Link {
    Link {
        worker: format!("{number:08}"),
        account: anchor(number),
        generation: 1,
        made: false,
        wanted: Some(true),
        disabled_by_us: false,
        disabled_at: None,
        enabled: Some(true),
        waiting: None,
    }
}

/// In no order, as directories give them.
fn anchor(number: usize) -> Anchor {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes());
    Anchor(id.to_string())
}

/// MiB that the pages of a plan take.
async fn size(store: &Store, plan: Uuid) -> f64 {
    let (plan, mut after, mut bytes) = (plan.to_string(), String::new(), 0);
    loop {
        let (id, from) = (plan.clone(), after.clone());
        let page = store
            .read(move |conn| plans::page(conn, &id, &from))
            .await
            .unwrap();
        let Some((_, body)) = page else {
            return bytes as f64 / f64::from(1 << 20);
        };
        bytes += body.len();
        let proposals: Vec<serde_json::Value> = plans::unpack(&body).unwrap();
        after = proposals.last().unwrap()["worker"].as_str().unwrap().to_string();
    }
}

/// Somebody in whose place everybody else can be put.
#[derive(Clone)]
struct Likeness {
    worker: Worker,
    account: Account,
}

impl Likeness {
    fn new() -> Likeness {
        let body = crate::gateway::bulk(&[company::employee(MODEL_NUMBER)]).to_string();
        let mut said = bulk::statements(body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
        let statement = said.pop().unwrap().unwrap();
        let mut worker = Worker::new(statement.anchor.clone());
        worker.fold_from(statement, Some(1));
        let account = account_of(&worker);
        Likeness { worker, account }
    }

    /// With another title in the directory; the same where it is empty.
    fn with_title(&self, title: &str) -> Likeness {
        let mut other = self.clone();
        if !title.is_empty() {
            other.account.values.insert("title".into(), vec![title.into()]);
        }
        other
    }

    fn worker(&self, number: usize) -> Worker {
        let mut worker = self.worker.clone();
        worker.anchor = format!("{number:08}");
        for value in worker.attributes.values_mut() {
            if let Value::Text(text) = value {
                *text = likened(text, number);
            }
        }
        let manager = Value::text(format!("{:08}", number / 10));
        worker.attributes.insert(MANAGER.into(), manager);
        worker
    }

    fn account(&self, number: usize) -> Account {
        let mut account = self.account.clone();
        account.anchor = anchor(number);
        account.address = likened(&account.address, number);
        for values in account.values.values_mut() {
            values
                .iter_mut()
                .for_each(|value| *value = likened(value, number));
        }
        let manager = vec![anchor(number / 10).0];
        account.values.insert("manager".into(), manager);
        account
    }
}

fn likened(text: &str, number: usize) -> String {
    text.replace(&MODEL_NUMBER.to_string(), &format!("{number:08}"))
}

/// The account that HR wants for somebody.
fn account_of(worker: &Worker) -> Account {
    let dir = tempfile::tempdir().unwrap();
    let config = config(&dir);
    let (policy, _) = compile(&config, &config.apps[0]).unwrap();
    let moment = Moment {
        now: Timestamp::UNIX_EPOCH,
        plan: Uuid::nil(),
    };
    let mut values = Values::new();
    for mapping in &policy.schema.mappings {
        if matches!(mapping.role, Role::Plain | Role::Name)
            && let Ok(Desired::Values(wanted)) = moment.desired(&policy, worker, mapping)
        {
            let wanted = wanted.into_iter().map(|value| value.into_owned());
            values.insert(mapping.target.clone(), wanted.collect());
        }
    }
    Account {
        anchor: Anchor::default(),
        address: format!("CN={MODEL_NUMBER},OU=Staff,DC=example,DC=test"),
        enabled: Some(true),
        values,
        protected: None,
        deleted: false,
    }
}

/// A directory of so many people, of whom nobody is kept.
#[derive(Clone)]
struct Simulated {
    likeness: Likeness,
    people: usize,
    /// When all of it had been listed.
    listed: Arc<Mutex<Option<Spent>>>,
}

struct Open {
    directory: Simulated,
    endpoint: Endpoint,
}

#[async_trait]
impl Directory for Simulated {
    fn capability(&self) -> Capability {
        Capability {
            model: MODEL,
            recoverable_delete: true,
        }
    }

    async fn open(&self, _pin: Option<&Endpoint>) -> Result<Box<dyn Session>> {
        Ok(Box::new(Open {
            directory: self.clone(),
            endpoint: Endpoint("simulated".into()),
        }))
    }

    async fn forgive(&self) {}

    async fn check(&self, _containers: &[String]) -> Vec<Problem> {
        Vec::new()
    }
}

#[async_trait]
impl Session for Open {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn find(&self, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
        panic!("everybody was listed, and {} were asked for", lookups.len())
    }

    async fn taken(&self, values: &[UniqueValue]) -> Result<Vec<Result<bool>>> {
        Ok(values.iter().map(|_| Ok(false)).collect())
    }

    fn list(&self) -> BoxStream<'_, Result<Vec<Account>>> {
        let people = self.directory.people;
        let pages = (0..people).step_by(1_000).map(move |from| {
            let numbers = from..(from + 1_000).min(people);
            Ok(numbers
                .map(|number| self.directory.likeness.account(number))
                .collect())
        });
        let end = std::iter::from_fn(move || {
            let mut listed = self.directory.listed.lock().unwrap();
            listed.get_or_insert_with(Spent::now);
            None
        });
        stream::iter(pages.chain(end)).boxed()
    }

    fn apply(&self, _changes: Vec<Change>, _may_start: MayStart) -> BoxStream<'_, (ChangeId, Outcome)> {
        stream::empty().boxed()
    }
}

/// What this process has taken until now, in seconds.
#[derive(Clone, Copy)]
struct Spent {
    at: f64,
    processors: f64,
}

impl Spent {
    fn now() -> Spent {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        Spent {
            at: BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64(),
            processors: processor_time(std::process::id()),
        }
    }

    fn since(&self, earlier: &Spent) -> Spent {
        Spent {
            at: self.at - earlier.at,
            processors: self.processors - earlier.processors,
        }
    }
}

fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn memory(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes / 1024.0
}
