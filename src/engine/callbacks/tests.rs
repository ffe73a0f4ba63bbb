//! The whole way of a callback, between a directory and an HR system that do as they are told.

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

use super::*;
use crate::config::Config;
use crate::connector::{
    Callable, Capability, Cursor, End, Endpoint, Lookup, MayStart, OPEN_PROCESS, Outcome as Applied, Page,
    Problem, Session, Source, SourceCapability, Target, UniqueValue, Watermark, workday,
};
use crate::domain::account::{Account, Anchor, Model, PersonalRecord, Values, Violation};
use crate::domain::callback::{Member, Who};
use crate::domain::expression::Expression;
use crate::domain::plan::{Change, ChangeId, Effect, Receipt};
use crate::domain::policy::Policy;
use crate::domain::schema::{self, Document};
use crate::domain::value::Value;
use crate::domain::worker::{Attributes, Record, Said, Statement};
use crate::engine::pull::Puller;
use crate::engine::{Clock, Runner, Shared, setup};
use crate::store::logs::{self, Column, Condition, Query};
use crate::store::{Location, Store, notices};

const CALLABLE: &[Callable] = workday::CALLABLE;

/// Who is there, by anchor; it answers as long as it is not silent.
#[derive(Default)]
struct Directory {
    people: Mutex<BTreeMap<String, Attributes>>,
    silent: Mutex<Option<Error>>,
    /// Attributes and values by which it can find nobody for certain.
    doubtful: Mutex<BTreeSet<String>>,
    asked: Mutex<Vec<Cursor>>,
}

impl Directory {
    fn set(&self, anchor: &str, attribute: &str, value: &str) {
        let mut people = self.people.lock().unwrap();
        let person = people.entry(anchor.into()).or_default();
        person.insert(attribute.into(), value.into());
    }

    fn add(&self, employee: &str) {
        let anchor = format!("id-{employee}");
        self.set(&anchor, "employeeId", employee);
        self.set(&anchor, "userPrincipalName", &format!("p{employee}@example.com"));
    }

    fn end(&self, from: &Cursor) -> End {
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
    fn asked_for(&self, sought: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        let asks = |cursor: &&Cursor| match cursor {
            Cursor::Holding { values, .. } => values.iter().any(|value| value == sought),
            _ => false,
        };
        asked.iter().filter(asks).count()
    }

    fn statements(&self, from: &Cursor) -> Vec<Statement> {
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

struct Shown(Arc<Directory>);

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
struct Hr {
    workers: Mutex<BTreeMap<String, Values>>,
    refused: Mutex<BTreeMap<String, &'static str>>,
    writes: Mutex<Vec<Change>>,
}

impl Hr {
    fn get(&self, worker: &str, attribute: &str) -> Option<String> {
        let workers = self.workers.lock().unwrap();
        workers.get(worker)?.get(attribute)?.first().cloned()
    }

    fn account(worker: &str, values: &Values) -> Account {
        Account {
            anchor: Anchor(worker.into()),
            address: worker.into(),
            enabled: None,
            values: values.clone(),
            protected: None,
            deleted: false,
        }
    }

    fn apply(&self, change: Change) -> Applied {
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

const HR: Model = Model {
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

struct Home(Arc<Hr>, Endpoint);

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

fn policy() -> Policy {
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
fn config() -> Config {
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

struct Company {
    engine: Engine,
    /// How far its clock is ahead of ours, in seconds.
    ahead: Arc<AtomicI64>,
    app: App,
    directory: Arc<Directory>,
    hr: Arc<Hr>,
    _folder: TempDir,
    _stop: DropGuard,
}

impl Company {
    /// With people 1 to 3 on both sides.
    async fn new() -> Company {
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
    async fn read_again(&self) {
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
    fn pass(&self, time: SignedDuration) {
        self.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
        self.engine.wake(&self.app.job);
    }

    /// How many notices wait for the webhook.
    async fn notices(&self) -> usize {
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

    async fn call(&self, calls: &[Call]) -> String {
        self.call_with(calls, false).await
    }

    async fn call_with(&self, calls: &[Call], notify: bool) -> String {
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

    async fn report(&self, id: &str) -> Json {
        serde_json::to_value(self.engine.callback(&self.app, id).await.unwrap().unwrap()).unwrap()
    }

    /// What became of each, once all have an outcome: (status, code).
    async fn outcomes(&self, id: &str) -> Vec<(String, String)> {
        let mut report = Json::Null;
        eventually("each has an outcome", async || {
            report = self.report(id).await;
            report["status"] == "completed"
        })
        .await;
        words(&report)
    }

    async fn entries(&self, source: &str) -> Vec<Json> {
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

fn words(report: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
    let items = report["items"].as_array().unwrap().iter();
    items
        .map(|item| (text(&item["status"]), text(&item["code"])))
        .collect()
}

fn is(status: &str, code: &str) -> (String, String) {
    (status.into(), code.into())
}

fn call(worker: &str, values: &[(Member, &str)]) -> Call {
    Call {
        who: Who {
            worker: Some(worker.into()),
            principal: None,
        },
        values: values
            .iter()
            .map(|(member, value)| (*member, (*value).to_string()))
            .collect(),
    }
}

fn mail(worker: &str, mail: &str) -> Call {
    call(worker, &[(Member::Email, mail)])
}

async fn eventually(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let happened = async {
        while !happened().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), happened)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_a_callback_goes_home_at_once_and_gives_way_to_the_directory() {
    let company = Company::new().await;
    let asked = company.directory.asked.lock().unwrap().len();
    let id = company.call(&[mail("1", "ada@example.com")]).await;
    assert_eq!(company.outcomes(&id).await, [is("success", "")]);
    assert_eq!(company.hr.get("1", "EmailAddress").unwrap(), "ada@example.com");
    let report = company.report(&id).await;
    assert_eq!(
        (&report["id"], &report["items"][0]["workerId"]),
        (&json!(id), &json!("1"))
    );
    assert!(!report.to_string().contains("ada@"), "{report}");
    let holding = Cursor::Holding {
        attribute: "employeeId".into(),
        values: vec!["1".into()],
    };
    assert_eq!(
        company.directory.asked.lock().unwrap()[asked..],
        [holding],
        "one person was asked for"
    );
    let entry = &company.entries("id-1").await[0];
    assert_eq!(entry["provisioningStatusInfo"]["status"], "success");
    assert_eq!(entry["modifiedProperties"][0]["newValue"], "ada@example.com");

    // The directory says nothing new, and then something else.
    company.read_again().await;
    assert_eq!(company.hr.get("1", "EmailAddress").unwrap(), "ada@example.com");
    company.directory.set("id-1", "mail", "ada.byron@example.com");
    company.read_again().await;
    eventually("the directory's word counts again", async || {
        company.hr.get("1", "EmailAddress").unwrap() == "ada.byron@example.com"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_what_hr_holds_is_not_sent_again() {
    let company = Company::new().await;
    let id = company.call(&[mail("1", "ada@example.com")]).await;
    company.outcomes(&id).await;
    let id = company.call(&[mail("1", "ADA@example.com")]).await;
    assert_eq!(company.outcomes(&id).await, [is("success", "RedundantExport")]);
    assert_eq!(company.hr.writes.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_and_several_are_told_apart() {
    let company = Company::new().await;
    company.directory.add("4");
    company.directory.set("other", "employeeId", "2");
    company
        .directory
        .set("other", "userPrincipalName", "other@example.com");
    let both = |worker: &str, principal: &str| Call {
        who: Who {
            worker: Some(worker.into()),
            principal: Some(principal.into()),
        },
        ..mail(worker, "x@example.com")
    };
    let calls = [
        mail("9", "x@example.com"),
        mail("2", "x@example.com"),
        both("2", "Other@example.com"),
        both("1", "p3@example.com"),
        // The directory has not been read since she came.
        mail("4", "x@example.com"),
    ];
    let id = company.call(&calls).await;
    let expected = [
        is("failure", "WorkerNotFound"),
        is("failure", "AmbiguousWorker"),
        // HR's worker 2 goes with the other account.
        is("failure", "DuplicateSourceEntries"),
        is("failure", "WorkerNotFound"),
        // HR has nobody of that number.
        is("failure", "WorkerNotFound"),
    ];
    assert_eq!(company.outcomes(&id).await, expected);
    let entry = &company.entries("9").await[0];
    assert_eq!(
        entry["provisioningStatusInfo"]["errorInformation"]["errorCode"],
        "WorkerNotFound"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_callbacks_about_one_person_are_carried_out_in_order() {
    let company = Company::new().await;
    company.engine.pause_job(&company.app.job).await.unwrap();
    let calls = [
        mail("1", "first@example.com"),
        call("1", &[(Member::Landline, "030 1234")]),
        mail("1", "second@example.com"),
    ];
    let id = company.call(&calls).await;
    assert_eq!(company.report(&id).await["status"], "notStarted");
    company.engine.start_job(&company.app.job).await.unwrap();
    let expected = [is("skipped", "Superseded"), is("success", ""), is("success", "")];
    assert_eq!(company.outcomes(&id).await, expected);
    assert_eq!(company.hr.get("1", "EmailAddress").unwrap(), "second@example.com");
    assert_eq!(company.entries("id-1").await.len(), 3, "one entry for each (B5)");
    assert_eq!(company.hr.writes.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_callbacks_wait_out_the_directorys_silence() {
    let company = Company::new().await;
    *company.directory.silent.lock().unwrap() = Some(Error::unavailable("nobody there"));
    let id = company.call(&[mail("1", "ada@example.com")]).await;
    let asked = || company.directory.asked.lock().unwrap().len();
    let before = asked();
    eventually("it was asked twice", async || asked() >= before + 2).await;
    assert_eq!(words(&company.report(&id).await), [is("accepted", "")]);
    *company.directory.silent.lock().unwrap() = None;
    assert_eq!(company.outcomes(&id).await, [is("success", "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_what_the_directory_refuses_for_one_is_nobody_elses_affair() {
    let company = Company::new().await;
    *company.directory.silent.lock().unwrap() = Some(Error::invalid("no such filter").code("BadFilter"));
    let id = company
        .call(&[mail("1", "ada@example.com"), mail("2", "bob@example.com")])
        .await;
    assert_eq!(
        company.outcomes(&id).await,
        [is("failure", "BadFilter"), is("failure", "BadFilter")]
    );
}

/// Lets the times pass after which somebody is looked up again, until enough is known.
async fn tries(company: &Company, sought: &str, mut enough: impl AsyncFnMut() -> bool) -> usize {
    for tries in 1.. {
        let before = company.directory.asked_for(sought);
        if enough().await {
            return tries;
        }
        assert!(tries < 100, "{sought} is looked up for ever");
        // A wait may begin only after the question was seen.
        eventually("it is looked up again, or over", async || {
            company.pass(SignedDuration::from_mins(1));
            company.directory.asked_for(sought) > before || enough().await
        })
        .await;
    }
    unreachable!()
}

/// Lets time pass until each has an outcome: a wait may begin after the fault was mended.
async fn over_in_time(company: &Company, id: &str) {
    eventually("each has an outcome in time", async || {
        company.pass(SignedDuration::from_mins(1));
        company.report(id).await["status"] == "completed"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_found_for_certain_holds_nobody_up_and_fails_in_the_end() {
    let company = Company::new().await;
    company.directory.doubtful.lock().unwrap().insert("2".into());
    let calls = ["2", "1", "3"].map(|worker| mail(worker, &format!("p{worker}@mail.example.com")));
    let id = company.call_with(&calls, true).await;
    let others = [is("accepted", ""), is("success", ""), is("success", "")];
    eventually("the others went home", async || {
        words(&company.report(&id).await) == others
    })
    .await;
    // Nor those who come later.
    let later = company.call(&[mail("1", "later@example.com")]).await;
    assert_eq!(company.outcomes(&later).await, [is("success", "")]);
    assert_eq!(words(&company.report(&id).await), others);
    let is_over = async || company.report(&id).await["status"] == "completed";
    let tried = tries(&company, "2", is_over).await;
    assert!((5..=20).contains(&tried), "{tried}");
    let outcome = &company.report(&id).await["items"][0];
    assert_eq!(
        (&outcome["status"], &outcome["code"]),
        (&json!("failure"), &json!("LookUpFailed"))
    );
    assert!(
        outcome["message"]
            .as_str()
            .unwrap()
            .contains("the search took too long"),
        "{outcome}"
    );
    assert_eq!(company.entries("2").await.len(), 1, "one entry in the log (B5)");
    assert_eq!(company.notices().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_be_found_after_all_goes_home() {
    let company = Company::new().await;
    company.directory.doubtful.lock().unwrap().insert("2".into());
    let id = company.call(&[mail("2", "bob@example.com")]).await;
    eventually("it was tried alone", async || {
        company.directory.asked_for("2") >= 2
    })
    .await;
    assert_eq!(words(&company.report(&id).await), [is("accepted", "")]);
    company.directory.doubtful.lock().unwrap().clear();
    assert_eq!(company.outcomes(&id).await, [is("success", "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_silence_about_everybody_is_nobodys_failure() {
    let company = Company::new().await;
    *company.directory.silent.lock().unwrap() = Some(Error::unavailable("nobody there"));
    let id = company
        .call(&[mail("1", "ada@example.com"), mail("2", "bob@example.com")])
        .await;
    let directory = &company.directory;
    tries(&company, "1", async || directory.asked_for("1") > 20).await;
    assert_eq!(
        words(&company.report(&id).await),
        [is("accepted", ""), is("accepted", "")]
    );
    *company.directory.silent.lock().unwrap() = None;
    over_in_time(&company, &id).await;
    assert_eq!(
        company.outcomes(&id).await,
        [is("success", ""), is("success", "")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b25_one_way_of_asking_that_fails_is_one_cause() {
    let company = Company::new().await;
    company
        .directory
        .doubtful
        .lock()
        .unwrap()
        .insert("userPrincipalName".into());
    let named = |principal: &str| Call {
        who: Who {
            worker: None,
            principal: Some(principal.into()),
        },
        ..mail("", "x@example.com")
    };
    let id = company
        .call(&[named("p1@example.com"), mail("2", "bob@example.com")])
        .await;
    let one = [is("accepted", ""), is("success", "")];
    eventually("who is named otherwise goes home", async || {
        words(&company.report(&id).await) == one
    })
    .await;
    let directory = &company.directory;
    tries(&company, "p1@example.com", async || {
        directory.asked_for("p1@example.com") > 20
    })
    .await;
    assert_eq!(words(&company.report(&id).await), one, "nobody's failure");
    company.directory.doubtful.lock().unwrap().clear();
    over_in_time(&company, &id).await;
    assert_eq!(
        company.outcomes(&id).await,
        [is("success", ""), is("success", "")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_who_is_looked_up_late_does_not_undo_what_was_said_since() {
    let company = Company::new().await;
    company
        .directory
        .doubtful
        .lock()
        .unwrap()
        .insert("p1@example.com".into());
    let early = |values: &[(Member, &str)]| Call {
        who: Who {
            worker: None,
            principal: Some("p1@example.com".into()),
        },
        ..call("", values)
    };
    let id = company
        .call(&[
            early(&[(Member::Email, "early@example.com")]),
            early(&[
                (Member::Email, "early@example.com"),
                (Member::Landline, "030 1234"),
            ]),
        ])
        .await;
    eventually("they were tried", async || {
        company.directory.asked_for("p1@example.com") >= 2
    })
    .await;
    let late = company.call(&[mail("1", "late@example.com")]).await;
    assert_eq!(company.outcomes(&late).await, [is("success", "")]);
    company.directory.doubtful.lock().unwrap().clear();
    over_in_time(&company, &id).await;
    assert_eq!(
        company.outcomes(&id).await,
        [is("skipped", "Superseded"), is("success", "")]
    );
    let held = |attribute| company.hr.get("1", attribute).unwrap();
    assert_eq!(held("EmailAddress"), "late@example.com");
    assert!(held("WorkphoneLandlineNumber").contains("1234"));
    assert_eq!(company.entries("id-1").await.len(), 3, "one entry for each (B5)");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_vain_ends_is_told_and_is_forgotten() {
    let company = Company::new().await;
    let refusals = [("1".to_string(), OPEN_PROCESS)];
    *company.hr.refused.lock().unwrap() = refusals.into();
    let pending = company
        .call_with(
            &[mail("1", "ada@example.com"), mail("2", "bob@example.com")],
            true,
        )
        .await;
    eventually("it is pending", async || {
        words(&company.report(&pending).await) == [is("pending", OPEN_PROCESS), is("success", "")]
    })
    .await;
    company.engine.pause_job(&company.app.job).await.unwrap();
    let paused = company.call_with(&[mail("3", "cyd@example.com")], true).await;
    let gone = Batch {
        id: "gone".into(),
        client: "hr".into(),
        key: None,
        digest: String::new(),
        notify: true,
        calls: vec![mail("1", "ada@example.com")],
    };
    let now = company.engine.clock().now();
    let store = company.engine.store();
    let append = move |conn: &mut Conn| callbacks::append(conn, "gone", "directory", &gone, now, 1);
    store.write(append).await.unwrap();
    let of_gone = async || {
        store
            .read(|conn| Report::load(conn, "gone", "gone"))
            .await
            .unwrap()
    };

    let days = |days: i64| company.pass(SignedDuration::from_hours(24 * days));
    days(13);
    overdue::tend_once(&company.engine).await.unwrap();
    assert_eq!(company.notices().await, 0);
    assert_eq!(words(&company.report(&paused).await), [is("accepted", "")]);
    days(2);
    overdue::tend_once(&company.engine).await.unwrap();
    assert_eq!(company.notices().await, 3, "whoever wanted to be told is");
    let ended = [is("failure", "NotFinishedInHr"), is("success", "")];
    assert_eq!(words(&company.report(&pending).await), ended);
    assert_eq!(
        words(&company.report(&paused).await),
        [is("failure", "NotCarriedOut")]
    );
    let report = serde_json::to_value(of_gone().await.unwrap()).unwrap();
    assert_eq!(words(&report), [is("failure", "JobNotFound")]);
    assert_eq!(company.entries("3").await.len(), 1, "one entry in the log (B5)");
    overdue::tend_once(&company.engine).await.unwrap();
    assert_eq!(company.notices().await, 0, "told once");

    // What ended stays ended, whatever becomes of the change.
    company.hr.refused.lock().unwrap().clear();
    company.engine.start_job(&company.app.job).await.unwrap();
    eventually("the change went home all the same", async || {
        company.hr.get("1", "EmailAddress").is_some()
    })
    .await;
    assert_eq!(words(&company.report(&pending).await), ended);

    days(16);
    overdue::tend_once(&company.engine).await.unwrap();
    assert!(of_gone().await.is_none(), "nobody can ask for it");
    assert_eq!(words(&company.report(&pending).await), ended);
    days(15);
    overdue::tend_once(&company.engine).await.unwrap();
    assert!(
        company
            .engine
            .callback(&company.app, &pending)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn b30_what_waits_for_hr_is_pending_and_what_hr_refuses_is_not() {
    let company = Company::new().await;
    let refusals = [
        ("1".to_string(), OPEN_PROCESS),
        ("2".to_string(), "UserNameTaken"),
    ];
    *company.hr.refused.lock().unwrap() = refusals.into();
    let id = company
        .call_with(
            &[mail("1", "ada@example.com"), mail("2", "bob@example.com")],
            true,
        )
        .await;
    eventually("both were refused", async || {
        words(&company.report(&id).await) == [is("pending", OPEN_PROCESS), is("failure", "UserNameTaken")]
    })
    .await;
    assert_eq!(company.report(&id).await["status"], "running");
    assert_eq!(company.notices().await, 0, "not all have an outcome");
    company.hr.refused.lock().unwrap().clear();
    let restart = crate::engine::Restart {
        escrows: true,
        ..Default::default()
    };
    company
        .engine
        .restart_job(&company.app.job, restart, "somebody")
        .await
        .unwrap();
    let expected = [is("success", ""), is("failure", "UserNameTaken")];
    assert_eq!(
        company.outcomes(&id).await,
        expected,
        "a failure stays what it was"
    );
    assert_eq!(
        company.hr.get("2", "EmailAddress").unwrap(),
        "bob@example.com",
        "though it was tried again"
    );
    assert_eq!(company.notices().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_judged_by_what_it_named() {
    let company = Company::new().await;
    let calls = [
        call("1", &[(Member::Mobile, "666 1")]),
        mail("1", "ada@example.com"),
        call("1", &[(Member::Landline, "030 1")]),
        // The mapping gives no name without an address.
        call("2", &[(Member::UserName, "bob@example.com")]),
    ];
    let id = company.call(&calls).await;
    let expected = [
        is("failure", "InvalidAttributeSyntax"),
        is("success", ""),
        is("success", ""),
        is("skipped", "NothingToFlow"),
    ];
    assert_eq!(company.outcomes(&id).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_has_no_use_for_is_objected_to() {
    let company = Company::new().await;
    let mut policy = policy();
    policy
        .schema
        .mappings
        .retain(|mapping| mapping.target != "WorkphoneMobileNumber");
    let expression = "Join(\"-\", [a], [b])";
    for mapping in &mut policy.schema.mappings {
        if mapping.target == "EmailAddress" || mapping.target == "WorkerID" {
            mapping.expression = Some(Expression::parse(expression).unwrap());
        }
    }
    let route = Route::new(&policy, CALLABLE);
    let objections = route.objections(
        3,
        &call(
            "1",
            &[
                (Member::Email, "x"),
                (Member::Landline, "1"),
                (Member::Mobile, "1"),
            ],
        ),
    );
    let told: Vec<_> = objections.iter().map(|one| (one.call, one.member)).collect();
    assert_eq!(
        told,
        [(3, None), (3, Some(Member::Email)), (3, Some(Member::Mobile))]
    );
    for (objection, part) in objections.iter().zip([
        "WorkerID",
        "reads a, b: map it from mail",
        "does not map WorkphoneMobileNumber",
    ]) {
        assert!(objection.message.contains(part), "{objection:?}");
    }
    drop(company);
}
