//! A company between a directory and an HR system that do as they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::super::*;
use crate::config::Config;
use crate::connector::{
    Callable, Capability, Cursor, End, Endpoint, Lookup, MayStart, Outcome as Applied, Page, Problem,
    Session, Source, SourceCapability, Target, UniqueValue, Watermark, workday,
};
use crate::domain::account::{Account, Anchor, Model, PersonalRecord, Values, Violation};
use crate::domain::plan::{Change, ChangeId, Effect, Receipt};
use crate::domain::policy::Policy;
use crate::domain::schema::{self, Document};
use crate::domain::value::Value;
use crate::domain::worker::{Attributes, Record, Said, Statement};
use crate::engine::pull::Puller;
use crate::engine::{Clock, Runner, Shared, setup};
use crate::store::logs::{self, Column, Condition, Query};
use crate::store::{Location, Store, notices};

pub const CALLABLE: &[Callable] = workday::CALLABLE;

/// Who is there, by anchor; it answers as long as it is not silent.
#[derive(Default)]
pub struct Directory {
    pub people: Mutex<BTreeMap<String, Attributes>>,
    pub silent: Mutex<Option<Error>>,
    /// Attributes and values by which it can find nobody for certain.
    pub doubtful: Mutex<BTreeSet<String>>,
    pub asked: Mutex<Vec<Cursor>>,
}

impl Directory {
    pub fn set(&self, anchor: &str, attribute: &str, value: &str) {
        let mut people = self.people.lock().unwrap();
        let person = people.entry(anchor.into()).or_default();
        person.insert(attribute.into(), value.into());
    }

    pub fn add(&self, employee: &str) {
        let anchor = format!("id-{employee}");
        self.set(&anchor, "employeeId", employee);
        self.set(&anchor, "userPrincipalName", &format!("p{employee}@example.com"));
    }

    pub fn end(&self, from: &Cursor) -> End {
        let doubtful = self.doubtful.lock().unwrap();
        match from {
            Cursor::Holding { attribute, values }
                if doubtful.contains(attribute) || values.iter().any(|value| doubtful.contains(value)) =>
            {
                End::Doubtful(vec!["the search took too long".into()])
            }
            _ => End::Complete(Watermark {
                at: Clock::system().now(),
                place: None,
            }),
        }
    }

    /// How often somebody was asked for by a value.
    pub fn asked_for(&self, sought: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        let asks = |cursor: &&Cursor| match cursor {
            Cursor::Holding { values, .. } => values.iter().any(|value| value == sought),
            _ => false,
        };
        asked.iter().filter(asks).count()
    }

    pub fn statements(&self, from: &Cursor) -> Vec<Statement> {
        let people = self.people.lock().unwrap();
        let is_asked = |(anchor, record): &(&String, &Attributes)| match from {
            Cursor::Full | Cursor::Since(_) => true,
            Cursor::Workers(anchors) => anchors.contains(anchor),
            Cursor::Holding { attribute, values } => {
                let held = record.get(attribute).and_then(Value::to_text);
                held.is_some_and(|held| values.iter().any(|value| value.eq_ignore_ascii_case(&held)))
            }
        };
        let statement = |(anchor, record): (&String, &Attributes)| Statement {
            anchor: anchor.clone(),
            active: None,
            said: Said::Whole(Box::new(Record {
                attributes: record.clone(),
                ..Record::default()
            })),
            at: Clock::system().now(),
        };
        people.iter().filter(is_asked).map(statement).collect()
    }
}

pub struct Shown(Arc<Directory>);

#[async_trait]
impl Source for Shown {
    fn capability(&self) -> SourceCapability {
        SourceCapability {
            incremental: true,
            by_anchor: true,
            by_value: true,
        }
    }

    fn read(&self, from: Cursor) -> BoxStream<'_, Result<Page>> {
        let answer = match &*self.0.silent.lock().unwrap() {
            Some(error) => Err(error.shared()),
            None => Ok(Page {
                statements: self.0.statements(&from),
                nameless: Vec::new(),
                end: Some(self.0.end(&from)),
            }),
        };
        self.0.asked.lock().unwrap().push(from);
        stream::iter([answer]).boxed()
    }

    fn fingerprint(&self) -> String {
        "everything".into()
    }

    async fn forgive(&self) {}

    async fn check(&self) -> Vec<Problem> {
        Vec::new()
    }
}

/// What HR has of whom, by worker ID, and whose changes it refuses with which code.
#[derive(Default)]
pub struct Hr {
    pub workers: Mutex<BTreeMap<String, Values>>,
    pub refused: Mutex<BTreeMap<String, &'static str>>,
    pub writes: Mutex<Vec<Change>>,
}

impl Hr {
    pub fn get(&self, worker: &str, attribute: &str) -> Option<String> {
        let workers = self.workers.lock().unwrap();
        workers.get(worker)?.get(attribute)?.first().cloned()
    }

    pub fn account(worker: &str, values: &Values) -> Account {
        Account {
            anchor: Anchor(worker.into()),
            address: worker.into(),
            enabled: None,
            values: values.clone(),
            protected: None,
            deleted: false,
        }
    }

    pub fn apply(&self, change: Change) -> Applied {
        let account = change.account.clone().unwrap_or_default();
        if let Some(code) = self.refused.lock().unwrap().get(&account.0) {
            return Applied::Refused(Error::invalid("HR does not take it").code(*code));
        }
        let mut workers = self.workers.lock().unwrap();
        let values = workers.entry(account.0.clone()).or_default();
        for effect in &change.effects {
            if let Effect::Set { attribute, after, .. } = effect {
                values.insert(attribute.clone(), after.clone());
            }
        }
        self.writes.lock().unwrap().push(change.clone());
        Applied::Done(Receipt {
            change: change.id,
            address: account.0.clone(),
            account,
            endpoint: "hr".into(),
            done: change.effects,
            at: Clock::system().now(),
            event: None,
        })
    }
}

pub const HR: Model = Model {
    state: None,
    state_aliases: &[],
    container: None,
    name: None,
    references: &[],
    identifying: &[],
    person: None,
    required: &[],
    passwords: &[],
    bin: false,
    canonical: |_, value| value,
    check: |attribute, value| match attribute == "WorkphoneMobileNumber" && value.contains("666") {
        true => Err(Violation {
            code: "InvalidAttributeSyntax",
            message: "no such number".into(),
        }),
        false => Ok(()),
    },
    compose: None,
    record: Some(PersonalRecord {
        user_name: "UserID",
        first_day: "HireDate",
    }),
};

pub struct Home(Arc<Hr>, Endpoint);

#[async_trait]
impl Target for Home {
    fn capability(&self) -> Capability {
        Capability {
            model: HR,
            recoverable_delete: false,
        }
    }

    async fn open(&self, _: Option<&Endpoint>) -> Result<Box<dyn Session>> {
        Ok(Box::new(Home(Arc::clone(&self.0), self.1.clone())))
    }

    async fn forgive(&self) {}

    async fn check(&self, _: &[String]) -> Vec<Problem> {
        Vec::new()
    }
}

#[async_trait]
impl Session for Home {
    fn endpoint(&self) -> &Endpoint {
        &self.1
    }

    async fn find(&self, lookups: &[Lookup]) -> Result<Vec<Vec<Account>>> {
        let workers = self.0.workers.lock().unwrap();
        let of = |key: &str| {
            workers
                .get(key)
                .map(|values| Hr::account(key, values))
                .into_iter()
                .collect()
        };
        let found = lookups.iter().map(|lookup| match lookup {
            Lookup::Anchor(anchor) => of(&anchor.0),
            Lookup::Match { value, .. } => of(value),
            Lookup::Both(_) => Vec::new(),
        });
        Ok(found.collect())
    }

    async fn taken(&self, values: &[UniqueValue]) -> Result<Vec<Result<bool>>> {
        Ok(values.iter().map(|_| Ok(false)).collect())
    }

    fn list(&self) -> BoxStream<'_, Result<Vec<Account>>> {
        let workers = self.0.workers.lock().unwrap();
        let all = workers
            .iter()
            .map(|(worker, values)| Hr::account(worker, values))
            .collect();
        stream::iter([Ok(all)]).boxed()
    }

    fn apply(&self, changes: Vec<Change>, _: MayStart) -> BoxStream<'_, (ChangeId, Applied)> {
        stream::iter(
            changes
                .into_iter()
                .map(|change| (change.id, self.0.apply(change))),
        )
        .boxed()
    }
}

pub fn policy() -> Policy {
    let mapping = |target: &str, expression: &str, priority: u32| {
        json!({
            "targetAttributeName": target, "matchingPriority": priority, "flowType": "Always",
            "source": { "expression": expression, "type": "Function" },
        })
    };
    let attributes = [
        "employeeId",
        "mail",
        "userPrincipalName",
        "telephoneNumber",
        "mobile",
    ];
    let homes = [
        "WorkerID",
        "EmailAddress",
        "UserID",
        "WorkphoneLandlineNumber",
        "WorkphoneMobileNumber",
    ];
    let named = |names: &[&str]| {
        names
            .iter()
            .map(|name| json!({ "name": name, "type": "String" }))
            .collect::<Vec<_>>()
    };
    let schema = json!({
        "synchronizationRules": [{
            "sourceDirectoryName": "Directory", "targetDirectoryName": "Workday",
            "objectMappings": [{
                "sourceObjectName": "User", "targetObjectName": "Worker", "flowTypes": "Update",
                "attributeMappings": [
                    mapping("WorkerID", "[employeeId]", 1),
                    mapping("EmailAddress", "[mail]", 0),
                    mapping("UserID", "IgnoreFlowIfNullOrEmpty(IIF(IsPresent([mail]), [userPrincipalName], \"\"))", 0),
                    mapping("WorkphoneLandlineNumber", "[telephoneNumber]", 0),
                    mapping("WorkphoneMobileNumber", "[mobile]", 0),
                ],
            }],
        }],
        "directories": [
            { "name": "Directory", "objects": [{ "name": "User", "attributes": named(&attributes) }] },
            { "name": "Workday", "objects": [{ "name": "Worker", "attributes": named(&homes) }] },
        ],
    });
    let document = Document::read(schema).unwrap();
    let (schema, _) = schema::compile(document.schema(), schema::Options { model: HR }).unwrap();
    Policy {
        version: 1,
        schema,
        model: HR,
        settings: config().apps[0].settings.clone(),
    }
}

/// The systems are others than they say: what is tested is what is between them.
pub fn config() -> Config {
    let text = r#"
        [[client]]
        id = "hr"
        secret = "s"
        [system.directory]
        kind = "bulk"
        [system.hr]
        kind = "entra"
        token_url = "https://login.example.test/token"
        client_id = "x"
        client_secret = "x"
        domain = "example.test"
        [[app]]
        id = "6f0e4c1a-4a53-4d0c-9d6e-0f6f0d3f5c31"
        name = "home"
        source = "directory"
        target = "hr"
        template = "API2AAD"
        job = "home.main"
        start = true
        first_cycle = "apply"
        [notify]
        webhook = "http://127.0.0.1:9"
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        "#;
    Config::parse(text, Path::new(".")).unwrap()
}

pub struct Company {
    pub engine: Engine,
    /// How far its clock is ahead of ours, in seconds.
    pub ahead: Arc<AtomicI64>,
    pub app: App,
    pub directory: Arc<Directory>,
    pub hr: Arc<Hr>,
    pub _folder: TempDir,
    pub _stop: DropGuard,
}

impl Company {
    /// With people 1 to 3 on both sides.
    pub async fn new() -> Company {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("muster.db").display());
        let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
        let (directory, hr) = (Arc::new(Directory::default()), Arc::new(Hr::default()));
        for employee in ["1", "2", "3"] {
            directory.add(employee);
            let values = Values::from([("WorkerID".to_string(), vec![employee.to_string()])]);
            hr.workers.lock().unwrap().insert(employee.into(), values);
        }
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = {
            let ahead = Arc::clone(&ahead);
            let system = Clock::system();
            Clock::from_fn(move || system.now() + SignedDuration::from_secs(ahead.load(Ordering::Relaxed)))
        };
        let config = config();
        let mut app = config.apps[0].clone();
        app.interval = SignedDuration::from_hours(24);
        setup::take_in(&config, &app, &store, &Clock::system())
            .await
            .unwrap();
        let policy = policy();
        let runner = Runner {
            seal_to: None,
            callbacks: Some(Route::new(&policy, CALLABLE)),
            policy: Arc::new(policy),
            target: Box::new(Home(Arc::clone(&hr), Endpoint("hr".into()))),
            tenants: Vec::new(),
            puller: Some(Arc::new(Puller::of(
                "directory",
                config.systems["directory"].clone(),
                Arc::new(Shown(Arc::clone(&directory))),
            ))),
            given: BTreeMap::new(),
            hr: None,
            replication_delay: Duration::ZERO,
            call_timeout: Duration::from_secs(1),
            connect: Arc::new(crate::connector::System::target),
            wake: Arc::new(Notify::new()),
            forgiven: Default::default(),
            app: app.clone(),
        };
        let engine = Engine {
            shared: Arc::new(Shared {
                hands: TaskTracker::new(),
                stop: CancellationToken::new(),
                config,
                store,
                clock,
                holder: "this".into(),
                webhook: None,
                runners: RwLock::new(BTreeMap::from([(app.job.clone(), Arc::new(runner))])),
            }),
        };
        let stop = CancellationToken::new();
        engine.start(&TaskTracker::new(), &stop);
        let company = Company {
            engine,
            ahead,
            app,
            directory,
            hr,
            _folder: folder,
            _stop: stop.drop_guard(),
        };
        company.read_again().await;
        company
    }

    /// Has the directory read, and waits until a cycle has ended with it.
    pub async fn read_again(&self) {
        let began = self.engine.clock().now();
        self.engine.start_job(&self.app.job).await.unwrap();
        eventually("the directory was read", async || {
            let jobs = self.engine.jobs_of(&self.app).await.unwrap();
            jobs[0]
                .job
                .status
                .last
                .as_ref()
                .is_some_and(|last| last.began >= began)
        })
        .await;
    }

    /// Moves the time on, and has the job look around.
    pub fn pass(&self, time: SignedDuration) {
        self.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
        self.engine.wake(&self.app.job);
    }

    /// How many notices wait for the webhook.
    pub async fn notices(&self) -> usize {
        let now = self.engine.clock().now();
        let later = move |days: i64| now + SignedDuration::from_hours(24 * days);
        let take_all = move |conn: &mut Conn| {
            let mut count = 0;
            while let Some(notice) = notices::take(conn, now, later(1))? {
                notices::end(conn, &notice.id)?;
                count += 1;
            }
            Ok(count)
        };
        self.engine.store().write(take_all).await.unwrap()
    }

    pub async fn call(&self, calls: &[Call]) -> String {
        self.call_with(calls, false).await
    }

    pub async fn call_with(&self, calls: &[Call], notify: bool) -> String {
        let batch = Batch {
            id: uuid::Uuid::now_v7().to_string(),
            client: "hr".into(),
            key: None,
            digest: String::new(),
            notify,
            calls: calls.to_vec(),
        };
        let objections = self.engine.objections(&self.app, calls).await.unwrap();
        assert_eq!(objections, []);
        self.engine.call_back(&self.app, batch).await.unwrap()
    }

    pub async fn report(&self, id: &str) -> Json {
        serde_json::to_value(self.engine.callback(&self.app, id).await.unwrap().unwrap()).unwrap()
    }

    /// What became of each, once all have an outcome: (status, code).
    pub async fn outcomes(&self, id: &str) -> Vec<(String, String)> {
        let mut report = Json::Null;
        eventually("each has an outcome", async || {
            report = self.report(id).await;
            report["status"] == "completed"
        })
        .await;
        words(&report)
    }

    pub async fn entries(&self, source: &str) -> Vec<Json> {
        let query = Query {
            conditions: vec![Condition::Is(Column::Source, source.into())],
            limit: 100,
            ..Query::default()
        };
        let found = self
            .engine
            .store()
            .read(move |conn| logs::query(conn, &query))
            .await
            .unwrap();
        found
            .iter()
            .map(|(_, body)| serde_json::from_str(body).unwrap())
            .collect()
    }
}

pub fn words(report: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
    let items = report["items"].as_array().unwrap().iter();
    items
        .map(|item| (text(&item["status"]), text(&item["code"])))
        .collect()
}

pub async fn eventually(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let happened = async {
        while !happened().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), happened)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"));
}
