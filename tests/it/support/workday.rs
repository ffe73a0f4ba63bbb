//! A simulated tenant of Workday, in this process, and the connector that reads it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use muster::connector::{Cursor, End, Source, SystemFile};
use muster::domain::finding::Finding;
use muster::domain::schema::Document;
use muster::domain::value::Value;
use muster::domain::worker::{Attributes, Said, Statement};
use muster::engine::Clock;
use muster::error::Result;
use muster::lab::workday::{self, NewEvent, NewWorker, Options, Question, Settings};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

/// A Sunday evening in California.
pub const NOW: &str = "2026-01-19T02:30:00Z";

/// Stopped when dropped.
pub struct Tenant {
    pub lab: workday::Workday,
    pub version: &'static str,
    stop: CancellationToken,
}

impl Tenant {
    /// So many people, at [`NOW`].
    pub fn new(workers: usize) -> Tenant {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stop = CancellationToken::new();
        let options = Options {
            workers,
            now: Some(NOW.parse().unwrap()),
            settings: Settings::default(),
            ..Options::default()
        };
        Tenant {
            lab: workday::start(options, listener, stop.clone()).unwrap(),
            version: "v40.0",
            stop,
        }
    }

    /// The table of the config.
    pub fn table(&self, extra: &str) -> String {
        let lab = &self.lab;
        format!(
            "kind = \"workday\"\nurl = \"{}/Human_Resources/{}\"\nusername = \"{}\"\npassword = \"{}\"\n{extra}",
            lab.url, self.version, lab.user, lab.password
        )
    }

    /// The simulated time.
    pub fn clock(&self) -> Clock {
        let controls = Arc::clone(&self.lab.controls);
        Clock::from_fn(move || muster::store::instant(muster::store::micros(controls.now())))
    }

    pub fn source(&self, extra: &str) -> Box<dyn Source> {
        source(&self.table(extra), ATTRIBUTES)
    }

    pub fn set_clock(&self, text: &str) {
        self.lab.controls.set_now(text.parse().unwrap());
    }

    pub fn faults(&self, faults: Json) {
        let faults = serde_json::from_value(faults).unwrap();
        self.lab.controls.script(faults).unwrap();
    }

    /// Every worker's WID.
    pub async fn wids(&self) -> Vec<String> {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = http.get(format!("{}/lab/workers", self.lab.admin)).send();
        let all: Json = asked.await.unwrap().json().await.unwrap();
        let workers = all["workers"].as_array().unwrap().iter();
        workers
            .map(|it| it["wid"].as_str().unwrap().to_string())
            .collect()
    }

    /// The messages that came in, without their passwords.
    pub async fn requests(&self) -> Vec<String> {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = http.get(format!("{}/lab/requests", self.lab.admin)).send();
        let all: Json = asked.await.unwrap().json().await.unwrap();
        let requests = all["requests"].as_array().unwrap().iter();
        requests
            .map(|it| it["body"].as_str().unwrap().to_string())
            .collect()
    }

    /// How often Get_Workers was answered, by status; 0 is a connection cut.
    pub fn answers(&self) -> BTreeMap<String, u64> {
        let state = self.lab.state(&Question::default()).unwrap();
        serde_json::from_value(state["answers"]["Get_Workers"].clone()).unwrap_or_default()
    }

    /// What HR says of a worker today.
    pub fn state(&self, worker: &str) -> Json {
        let question = Question {
            worker: Some(worker.into()),
            ..Question::default()
        };
        self.lab.state(&question).unwrap()
    }

    /// Has HR hire somebody; the WID.
    pub fn hire(&self, worker: Json) -> String {
        let new: NewWorker = serde_json::from_value(worker).unwrap();
        self.lab.take_on(new).unwrap().wid
    }

    pub fn event(&self, event: Json) {
        let new: NewEvent = serde_json::from_value(event).unwrap();
        self.lab.hear(new).unwrap();
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What these tests look at; all are documented.
pub const ATTRIBUTES: &[&str] = &[
    "WID",
    "WorkerID",
    "FirstName",
    "LastName",
    "BusinessTitle",
    "Active",
    "StatusHireDate",
    "StatusTerminationLastDayOfWork",
    "StatusTerminated",
    "ManagerReference",
    "CountryReferenceTwoLetter",
    "EmailAddress",
    "SupervisoryOrganization",
];

/// The connector of a table of the config, with the documented attributes of these names.
pub fn source(table: &str, attributes: &[&str]) -> Box<dyn Source> {
    let file: SystemFile = toml::from_str(table).unwrap();
    let system = file.resolve(Path::new(".")).unwrap();
    let attribute = |name: &&str| json!({ "name": name, "required": true });
    let attributes: Vec<Json> = attributes.iter().map(attribute).collect();
    let schema = json!({
        "synchronizationRules": [{
            "sourceDirectoryName": "Workday", "targetDirectoryName": "Active Directory",
            "objectMappings": [{ "sourceObjectName": "Worker", "targetObjectName": "user", "attributeMappings": [] }],
        }],
        "directories": [
            { "name": "Workday", "objects": [{ "name": "Worker", "attributes": attributes }] },
            { "name": "Active Directory", "objects": [{ "name": "user", "attributes": [{ "name": "cn" }] }] },
        ],
    });
    system
        .source(&[Document::read(schema).unwrap().schema()])
        .unwrap()
}

/// What a read handed over.
#[derive(Default)]
pub struct Heard {
    /// By WID.
    pub workers: BTreeMap<String, Statement>,
    pub nameless: Vec<Finding>,
    pub end: Option<End>,
    /// The most workers on one page.
    pub largest: usize,
}

impl Heard {
    pub fn complete(&self) -> muster::connector::Watermark {
        match &self.end {
            Some(End::Complete(watermark)) => watermark.clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn doubts(&self) -> String {
        match &self.end {
            Some(End::Doubtful(doubts)) => doubts.join("; "),
            other => panic!("{other:?}"),
        }
    }

    /// Worker IDs of everybody.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self
            .workers
            .keys()
            .map(|wid| self.text(wid, "WorkerID"))
            .collect();
        ids.sort();
        ids
    }

    pub fn attributes(&self, wid: &str) -> &Attributes {
        match &self.workers[wid].said {
            Said::Whole(record) => &record.attributes,
            other => panic!("{other:?}"),
        }
    }

    /// `null` for what was said to be nothing, `-` for what was not said.
    pub fn text(&self, wid: &str, attribute: &str) -> String {
        match self.attributes(wid).get(attribute) {
            None => "-".into(),
            Some(Value::Null) => "null".into(),
            Some(value) => value.to_texts().join("|"),
        }
    }
}

pub async fn read(source: &dyn Source, from: Cursor) -> Result<Heard> {
    let mut heard = Heard::default();
    let mut pages = source.read(from);
    while let Some(page) = pages.next().await {
        let page = page?;
        assert!(heard.end.is_none(), "a page after the end");
        heard.largest = heard.largest.max(page.statements.len());
        for statement in page.statements {
            let again = heard.workers.insert(statement.anchor.clone(), statement);
            assert!(again.is_none(), "{again:?} came twice");
        }
        heard.nameless.extend(page.nameless);
        heard.end = page.end;
    }
    assert!(heard.end.is_some(), "no end and no error");
    Ok(heard)
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
