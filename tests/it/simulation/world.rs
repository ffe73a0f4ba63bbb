//! A company that lives through a history: HR, a directory, and one gateway after the other on one database. Time is what the
//! runtime makes of it, which is none while anybody has something to do, and hours in which nobody has.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use muster::blocking::Blocking;
use muster::config::{App, Config};
use muster::connector::Target;
use muster::engine::{Clock, Connect, Engine, Restart};
use muster::store::{Claim, Location, Store};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::directory::{ABROAD, Deed, Directory, Domain, LOST, SALES, STAFF, Shared, What};
use super::eyes::Eyes;
use super::history::{Field, History, House, Memory, Operation, Said, Step, Value, id, request};
use super::invariants;
use crate::gateway::JOB;

const BEGIN: &str = "2026-03-02T08:00:00Z";

/// Nothing takes longer by itself.
const PATIENCE: Duration = Duration::from_secs(3_000);

/// After so long without a write nothing more is to be expected.
const ROUND: SignedDuration = SignedDuration::from_hours(8 * 24);
const MOST_ROUNDS: usize = 40;

/// How often the time may be read while it stands still.
const MOST_LOOKS: u32 = 200_000;

/// The limits of a house in which they matter.
pub const TIGHT: [(&str, usize); 7] = [
    ("disables", 2),
    ("enables", 2),
    ("creates", 3),
    ("moves", 2),
    ("renames", 2),
    ("overwrites", 3),
    ("clears", 2),
];

/// What a history came to.
pub struct Outcome {
    pub violations: Vec<String>,
    /// Everything that can be seen of it from outside, in order.
    pub trace: Vec<String>,
}

/// Time as the gateway and the directory read it.
struct Time {
    /// Microseconds, without those of the life that goes on.
    before: AtomicI64,
    began: Mutex<Option<Instant>>,
    looks: Mutex<(Timestamp, u32)>,
}

impl Time {
    fn now(&self) -> Timestamp {
        let began = *self.began.lock().unwrap();
        let lived = began.map_or(Duration::ZERO, |began| began.elapsed());
        let lived = i64::try_from(lived.as_micros()).unwrap();
        let now = Timestamp::from_microsecond(self.before.load(Ordering::Relaxed) + lived).unwrap();
        let looks = {
            let mut looks = self.looks.lock().unwrap();
            *looks = match *looks {
                (at, looks) if at == now => (at, looks + 1),
                _ => (now, 0),
            };
            looks.1
        };
        assert!(looks < MOST_LOOKS, "time stands still");
        now
    }

    fn jump(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_micros()).unwrap();
        self.before.fetch_add(by, Ordering::Relaxed);
    }

    fn begin_life(&self) {
        *self.began.lock().unwrap() = Some(Instant::now());
    }

    fn end_life(&self) {
        let now = self.now();
        self.before.store(now.as_microsecond(), Ordering::Relaxed);
        *self.began.lock().unwrap() = None;
    }
}

/// One thing HR said, acknowledged.
pub struct Statement {
    pub at: Timestamp,
    pub worker: String,
    pub operation: Operation,
    pub sequence: i64,
    pub position: usize,
}

/// What somebody did to the job.
#[derive(Clone, Debug)]
pub enum Order {
    /// With the numbers of deeds and of lines in the record before it.
    ForgotLinks { deeds: usize, lines: usize },
    /// The workers whose disables were held then.
    Released(BTreeSet<String>),
}

pub struct World {
    pub house: House,
    folder: TempDir,
    config: Config,
    eyes: RefCell<Option<Eyes>>,
    time: Arc<Time>,
    domain: Shared,
    pub statements: Vec<Statement>,
    pub garbage: usize,
    pub orders: Vec<(Timestamp, Order)>,
    pub clock_went_back: bool,
    pub violations: Vec<String>,
}

/// How a gateway's life ended.
enum End {
    Again,
    Over,
}

/// Lives through a history and says what did not hold.
pub fn run(history: &History) -> Outcome {
    count_panics();
    PANICS.with(|panics| panics.store(0, Ordering::Relaxed));
    let mut world = World::new(history);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut steps = history.steps.iter();
        loop {
            // Each life has a runtime of its own: of one that was cut short nothing is left.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let end = runtime.block_on(async {
                world.time.begin_life();
                let end = world.live(&mut steps).await;
                world.time.end_life();
                end
            });
            drop(runtime);
            if matches!(end, End::Over) {
                break;
            }
        }
    }));
    if let Err(panic) = lived {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
        world
            .violations
            .push(format!("12: a panic: {}", text.unwrap_or_default()));
    }
    let panics = PANICS.with(|panics| panics.load(Ordering::Relaxed));
    if panics > 0 && world.violations.is_empty() {
        world
            .violations
            .push(format!("12: {panics} panics in the gateway"));
    }
    let trace = world.trace();
    Outcome {
        violations: world.violations,
        trace,
    }
}

thread_local! {
    /// Panics on this thread, on which everything of a history happens; the engine lives on after its own.
    static PANICS: AtomicU32 = const { AtomicU32::new(0) };
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.with(|panics| panics.fetch_add(1, Ordering::Relaxed));
            before(panic);
        }));
    });
}

/// A gateway at work.
struct Life {
    engine: Engine,
    app: App,
    tasks: TaskTracker,
    stop: CancellationToken,
    _claim: Option<Claim>,
}

impl World {
    fn new(history: &History) -> World {
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        let house = history.house.clone();
        for (_, _, kind) in house.jobs() {
            let file = folder.path().join(format!("{kind}.json"));
            std::fs::write(file, schema(&house, kind)).unwrap();
        }
        let begin: Timestamp = BEGIN.parse().unwrap();
        let mut domain = Domain::new(history.seed);
        for who in 0..house.known {
            domain.make_by_hand(&id(who), "", begin);
        }
        let limit = |(action, count): (&str, usize)| {
            let count = if house.tight { count } else { 9_999 };
            format!("{action} = {count}")
        };
        let limits = TIGHT.map(limit).join(", ");
        let app = |(app, job, kind): (&str, &str, &str)| {
            format!(
                r#"
                [[app]]
                id = "{app}"
                name = "{kind}s to the directory"
                source = "hr"
                target = "corp"
                template = "API2AD"
                job = "{job}"
                container = "{STAFF}"
                schema = "{kind}.json"
                start = true
                first_cycle = "apply"
                guard = {{ {limits} }}
                "#
            )
        };
        let apps: String = house.jobs().iter().copied().map(app).collect();
        let config = format!(
            r#"
            [store]
            url = "sqlite:{}"
            [system.hr]
            kind = "bulk"
            [system.corp]
            kind = "active-directory"
            urls = ["ldaps://dc1.example.test", "ldaps://dc2.example.test"]
            base_dn = "DC=example,DC=test"
            bind_dn = "CN=muster,CN=Users,DC=example,DC=test"
            password = "never used"
            timeout = "10s"
            {apps}
            "#,
            folder.path().join("muster.db").display()
        );
        World {
            house,
            config: Config::parse(&config, folder.path()).unwrap(),
            folder,
            eyes: RefCell::new(None),
            time: Arc::new(Time {
                before: AtomicI64::new(begin.as_microsecond()),
                began: Mutex::new(None),
                looks: Mutex::new((begin, 0)),
            }),
            domain: Arc::new(Mutex::new(domain)),
            statements: Vec::new(),
            garbage: 0,
            orders: Vec::new(),
            clock_went_back: false,
            violations: Vec::new(),
        }
    }

    /// Whatever became of whoever looked at it last.
    pub fn domain(&self) -> MutexGuard<'_, Domain> {
        self.domain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn eyes(&self) -> RefMut<'_, Eyes> {
        RefMut::map(self.eyes.borrow_mut(), |eyes| {
            eyes.get_or_insert_with(|| Eyes::open(&self.folder.path().join("muster.db")))
        })
    }

    fn clock(&self) -> Clock {
        let time = Arc::clone(&self.time);
        Clock::from_fn(move || time.now())
    }

    async fn begin(&self) -> Life {
        let config = self.config.clone();
        let location = Location::parse(&config.store.url).unwrap();
        let store = Store::open_with(location, Blocking::Here).await.unwrap();
        let claim = store.claim().await.unwrap();
        let (domain, clock) = (Arc::clone(&self.domain), self.clock());
        let connect: Connect = Arc::new(move |_, attributes, _| {
            Ok(Box::new(Directory {
                domain: Arc::clone(&domain),
                clock: clock.clone(),
                attributes: attributes.to_vec(),
            }) as Box<dyn Target>)
        });
        let app = config.apps[0].clone();
        let engine = Engine::prepare_with(config, store, self.clock(), connect)
            .await
            .unwrap();
        self.eyes().watch();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        engine.start(&tasks, &stop);
        tasks.close();
        Life {
            engine,
            app,
            tasks,
            stop,
            _claim: claim,
        }
    }

    async fn live(&mut self, steps: &mut std::slice::Iter<'_, Step>) -> End {
        let life = self.begin().await;
        for step in steps {
            match step {
                Step::Killed { after, turns } => {
                    tokio::time::sleep(Duration::from_millis(*after)).await;
                    for _ in 0..*turns {
                        tokio::task::yield_now().await;
                    }
                    return End::Again;
                }
                Step::Restarted => {
                    life.stop.cancel();
                    if tokio::time::timeout(PATIENCE, life.tasks.wait()).await.is_err() {
                        self.violations.push("12: the gateway does not stop".into());
                    }
                    return End::Again;
                }
                step => self.step(&life, step).await,
            }
        }
        self.settle(&life).await;
        End::Over
    }

    async fn step(&mut self, life: &Life, step: &Step) {
        match step {
            Step::Said(operations) => self.say(life, operations).await,
            Step::ByHand(hand, who) => {
                let now = self.time.now();
                self.domain().by_hand(*hand, *who, now);
            }
            Step::Fault(fault) => self.domain().faults.push(*fault),
            Step::Healed => self.domain().faults.clear(),
            Step::Wait(seconds) => tokio::time::sleep(Duration::from_secs(*seconds)).await,
            Step::Pass(hours) => self.pass(SignedDuration::from_hours(*hours)).await,
            Step::Jump(minutes) => {
                self.clock_went_back |= *minutes < 0;
                self.time.jump(SignedDuration::from_mins(*minutes));
            }
            Step::Paused => life.engine.pause_job(JOB).await.unwrap(),
            Step::Started => self.start(life).await,
            Step::Forgot(memory) => {
                if *memory == Memory::Links {
                    let (deeds, lines) = (self.deeds(), self.eyes().audit().len());
                    let forgot = Order::ForgotLinks { deeds, lines };
                    self.orders.push((self.time.now(), forgot));
                }
                let restart = Restart {
                    links: *memory == Memory::Links,
                    escrows: *memory == Memory::Escrows,
                    watermark: *memory == Memory::Watermark,
                    quarantine: *memory == Memory::Quarantine,
                    force_deletes: false,
                };
                self.restart(life, restart).await;
            }
            Step::Released => {
                let held = self.eyes().held();
                let disables = held.into_iter().filter(|(_, action, _)| action == "disable");
                let who = disables.map(|(worker, ..)| worker).collect();
                self.orders.push((self.time.now(), Order::Released(who)));
                let restart = Restart {
                    force_deletes: true,
                    ..Restart::default()
                };
                self.restart(life, restart).await;
            }
            Step::Killed { .. } | Step::Restarted => {}
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }

    async fn start(&self, life: &Life) {
        for (_, job, _) in self.house.jobs() {
            life.engine.start_job(job).await.unwrap();
        }
    }

    async fn restart(&self, life: &Life, restart: Restart) {
        for (_, job, _) in self.house.jobs() {
            life.engine.restart_job(job, restart, "somebody").await.unwrap();
        }
    }

    async fn say(&mut self, life: &Life, operations: &[Operation]) {
        let now = self.time.now();
        let body = request(operations).to_string().into_bytes();
        self.domain().heard += operations.iter().filter(|one| one.who.is_some()).count();
        let accepted = life.engine.accept(&life.app, body, operations.len()).await;
        let sequence = accepted.unwrap();
        for (position, operation) in operations.iter().enumerate() {
            let Some(who) = operation.who else {
                self.garbage += 1;
                continue;
            };
            self.statements.push(Statement {
                at: now,
                worker: id(who),
                operation: operation.clone(),
                sequence,
                position,
            });
        }
        self.domain().heard = self.statements.len();
    }

    /// Lets time go by: seconds in which the gateway is awake, hours in which it has nothing to do.
    async fn pass(&mut self, length: SignedDuration) {
        let until = self.time.now() + length;
        // Whoever is tried again every few minutes need not be each time.
        let shortest = SignedDuration::from_secs(length.as_secs() / 12);
        while self.time.now() < until {
            self.quiet(Duration::from_secs(45)).await;
            let now = self.time.now();
            let next = self.eyes().next_wake().unwrap_or(until);
            let next = next.clamp(now + shortest, now + shortest * 4).min(until);
            if next > now {
                self.time.jump(next.duration_since(now));
            }
        }
    }

    /// Waits until the gateway has nothing to do; `false` when it still had after so long.
    async fn quiet(&self, patience: Duration) -> bool {
        let began = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            if self.eyes().is_idle(self.time.now()) {
                return true;
            }
            if began.elapsed() > patience {
                return false;
            }
        }
    }

    /// Everything is well again, and time goes by until nothing more happens. Then everybody is looked at once more.
    async fn settle(&mut self, life: &Life) {
        self.domain().faults.clear();
        self.start(life).await;
        self.look_at_everybody(life).await;
        let mut still = 0;
        for _ in 0..MOST_ROUNDS {
            let before = self.deeds();
            self.time.jump(ROUND);
            self.rest().await;
            still = if self.deeds() == before { still + 1 } else { 0 };
            if still == 2 {
                break;
            }
        }
        if still < 2 {
            self.violations
                .push("12: it goes on writing for months after the last event".into());
        }
        let (before, known) = (self.deeds(), self.memory());
        self.look_at_everybody(life).await;
        if self.deeds() != before {
            let more = self.trace_of_deeds().split_off(before);
            self.violations.push(format!(
                "1: one more look at everybody writes:\n{}",
                more.join("\n")
            ));
        }
        let looks = [known, self.memory()];
        let [known, now_known] = match self.house.tight {
            true => in_turns(looks),
            false => looks.map(BTreeSet::from_iter),
        };
        if now_known != known {
            self.violations.push(format!(
                "1: one more look at everybody changes what is remembered:\n{known:#?}\n{now_known:#?}"
            ));
        }
        invariants::check(self);
    }

    async fn look_at_everybody(&mut self, life: &Life) {
        let restart = Restart {
            watermark: true,
            ..Restart::default()
        };
        self.restart(life, restart).await;
        self.rest().await;
    }

    async fn rest(&mut self) {
        if !self.quiet(PATIENCE).await {
            self.violations
                .push("12: the gateway is busy an hour after the last event".into());
        }
    }

    fn deeds(&self) -> usize {
        self.domain().journal.len()
    }

    fn trace_of_deeds(&self) -> Vec<String> {
        let domain = self.domain();
        let line = |deed: &Deed| {
            let Deed {
                at,
                heard,
                worker,
                account,
                ..
            } = deed;
            match &deed.what {
                What::ByHand(hand) => format!("{at} {heard:>3} by hand {worker} {account}: {hand:?}"),
                What::Effect { effect, .. } => {
                    format!("{at} {heard:>3} gateway {worker} {account}: {effect:?}")
                }
            }
        };
        domain.journal.iter().map(line).collect()
    }

    fn trace(&self) -> Vec<String> {
        let mut trace = self.trace_of_deeds();
        trace.extend(self.eyes().audit().iter().map(|one| format!("{one:?}")));
        let domain = self.domain();
        trace.extend(domain.objects.iter().map(|one| format!("{one:?}")));
        trace
    }

    /// By worker: the account that is linked by the job which takes the worker, or else by any.
    pub fn links(&self) -> BTreeMap<String, String> {
        let mut links = BTreeMap::new();
        for (worker, account, job) in self.eyes().links() {
            if self.is_taken_by(&worker, &job) || !links.contains_key(&worker) {
                links.insert(worker, account);
            }
        }
        links
    }

    /// The worker is in that job's scope.
    pub fn is_taken_by(&self, worker: &str, job: &str) -> bool {
        self.folded(worker, usize::MAX).job(&self.house) == Some(job)
    }

    /// What is remembered. When a job to which somebody is not left learns what HR wants of them is nobody's affair.
    fn memory(&self) -> Vec<(String, String, String)> {
        let mut memory = self.eyes().memory();
        for (what, worker, about) in &mut memory {
            let job = what.strip_prefix("link ");
            if self.house.shared && job.is_some_and(|job| !self.is_taken_by(worker, job)) {
                let wanted = about.find(' ').unwrap() + 2;
                about.remove(wanted);
            }
        }
        memory
    }

    /// What HR said of a worker in its first so many statements.
    pub fn folded(&self, worker: &str, heard: usize) -> Folded {
        let mut folded = Folded::default();
        let spoken = self.statements.iter().take(heard);
        for statement in spoken.filter(|statement| statement.worker == worker) {
            folded.spoken = true;
            match &statement.operation.said {
                Said::Gone => folded.gone = true,
                Said::Partial(fields) => {
                    folded.gone = false;
                    folded.fields.extend(fields.clone());
                }
            }
        }
        folded
    }
}

/// What HR said of somebody, laid together.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    pub spoken: bool,
    pub gone: bool,
    fields: BTreeMap<Field, Value>,
}

impl Folded {
    pub fn text(&self, field: Field) -> Option<&str> {
        match self.fields.get(&field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn active(&self) -> Option<bool> {
        match self.fields.get(&Field::Active) {
            Some(Value::Flag(flag)) => Some(*flag),
            Some(Value::Text(text)) => Some(text == "True"),
            _ => None,
        }
    }

    /// HR says that the person does not work here any more.
    pub fn leaves(&self, house: &House) -> bool {
        self.active() == Some(false) || (house.deletes && self.gone)
    }

    /// The job in whose scope the person is.
    pub fn job(&self, house: &House) -> Option<&'static str> {
        let mut jobs = house.jobs().iter();
        let theirs = jobs.find(|(_, _, kind)| self.text(Field::UserType) == Some(kind));
        theirs.map(|(_, job, _)| *job)
    }

    /// Where the account is to live.
    pub fn container(&self) -> &'static str {
        match self.text(Field::Organization) {
            Some("Sales") => SALES,
            Some("Lost") => LOST,
            Some("Abroad") => ABROAD,
            _ => STAFF,
        }
    }
}

/// Who is refused what, and what of whom is held, where limits are tight: of two looks at everybody, one after the other.
///
/// Where several want a name that is taken, those up to the limit are refused it, and the others are held: the next time it may
/// be others. Whoever is held may be refused something else meanwhile.
fn in_turns(looks: [Vec<(String, String, String)>; 2]) -> [BTreeSet<(String, String, String)>; 2] {
    let is_turn =
        |what: &str, about: &str| matches!((what, about), ("escrow", "EntryConflict") | ("held", "rename"));
    let waiting = looks
        .iter()
        .flatten()
        .filter(|(what, _, about)| is_turn(what, about));
    let waiting: BTreeSet<String> = waiting.map(|(_, worker, _)| worker.clone()).collect();
    let told = |(what, worker, about): (String, String, String)| {
        let takes_turns = what == "escrow" || is_turn(&what, &about);
        match takes_turns && waiting.contains(&worker) {
            true => ("waits".into(), worker, "a name".into()),
            false => (what, worker, about),
        }
    };
    looks.map(|look| look.into_iter().map(&told).collect())
}

/// What is left of the template's mappings, and of what its directories define: the rest is more of the same.
const MAPPED: [&str; 10] = [
    "employeeID",
    "userPrincipalName",
    "sAMAccountName",
    "cn",
    "accountDisabled",
    "displayName",
    "givenName",
    "sn",
    "title",
    "manager",
];
const READ: [&str; 20] = [
    "employeeID",
    "userPrincipalName",
    "sAMAccountName",
    "cn",
    "accountDisabled",
    "displayName",
    "givenName",
    "sn",
    "title",
    "manager",
    "parentDistinguishedName",
    "objectGUID",
    "externalId",
    "userName",
    "active",
    "name.givenName",
    "name.familyName",
    "userType",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
];

/// The template's schema with names that follow HR, places that follow the organization, and a kind of workers as its scope.
fn schema(house: &House, kind: &str) -> String {
    let template = muster::domain::schema::template("API2AD").unwrap();
    let mut schema = template.document().unwrap().json().clone();
    let object = &mut schema["synchronizationRules"][0]["objectMappings"][0];
    if house.deletes {
        object["flowTypes"] = json!("Add, Update, Delete");
    }
    object["scope"] = json!({ "groups": [{ "name": kind, "clauses": [{
        "sourceOperandName": "userType", "operatorName": "EQUALS", "targetOperand": { "values": [kind] },
    }] }] });
    let organization = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization";
    let place = format!(
        r#"Switch([{organization}], "{STAFF}", "Sales", "{SALES}", "Lost", "{}", "Abroad", "{}")"#,
        LOST, ABROAD
    );
    let choice = r#"SelectUniqueValue([userName], Join("", [userName], "x"), Join("", [userName], "y"))"#;
    let mappings = object["attributeMappings"].as_array_mut().unwrap();
    mappings.retain(|mapping| {
        MAPPED
            .iter()
            .any(|target| mapping["targetAttributeName"] == *target)
    });
    for mapping in mappings.iter_mut() {
        let target = mapping["targetAttributeName"].as_str().unwrap().to_string();
        match target.as_str() {
            "cn" => mapping["flowType"] = json!("Always"),
            "sAMAccountName" if house.chooses => mapping["source"] = json!({ "expression": choice }),
            _ => {}
        }
    }
    mappings.push(json!({
        "targetAttributeName": "parentDistinguishedName", "source": { "expression": place }, "flowType": "Always",
    }));
    for directory in schema["directories"].as_array_mut().unwrap() {
        let attributes = directory["objects"][0]["attributes"].as_array_mut().unwrap();
        attributes.retain(|attribute| READ.iter().any(|name| attribute["name"] == *name));
    }
    schema.to_string()
}
