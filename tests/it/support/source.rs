//! A directory as a source of workers, and what it says of them.

use std::collections::BTreeMap;
use std::path::Path;

use futures::StreamExt;
use muster::connector::{Cursor, End, Source, SystemFile, Watermark};
use muster::domain::schema::Document;
use muster::domain::value::Value;
use muster::domain::worker::{Said, Statement, Worker};
use muster::error::Result;
use serde_json::{Value as Json, json};

/// The connector of a table of the config, for a schema that maps these attributes and matches by the first.
pub fn source(table: &str, attributes: &[&str]) -> Box<dyn Source> {
    let file: SystemFile = toml::from_str(table).unwrap();
    let system = file.resolve(Path::new(".")).unwrap();
    assert!(system.is_source() && system.is_pulled());
    system.source(&[schema(attributes).schema()]).unwrap()
}

pub fn schema(attributes: &[&str]) -> Document {
    let mapping = |(at, name): (usize, &&str)| {
        json!({
            "targetAttributeName": format!("t{at}"), "matchingPriority": u32::from(at == 0),
            "source": { "expression": format!("[{name}]") },
        })
    };
    let mappings: Vec<Json> = attributes.iter().enumerate().map(mapping).collect();
    let object =
        json!({ "sourceObjectName": "user", "targetObjectName": "Worker", "attributeMappings": mappings });
    let rule = json!({
        "sourceDirectoryName": "Directory", "targetDirectoryName": "Workday", "objectMappings": [object],
    });
    Document::read(json!({ "synchronizationRules": [rule], "directories": [] })).unwrap()
}

/// What a source has said so far, read after read.
#[derive(Default)]
pub struct Heard {
    /// By anchor, as the gateway keeps them: of whom nobody has heard cannot go.
    pub workers: BTreeMap<String, Worker>,
    /// What the last read said, in its order.
    pub said: Vec<Statement>,
    pub end: Option<End>,
    pub pages: usize,
}

impl Heard {
    pub async fn read(&mut self, source: &dyn Source, from: Cursor) -> Result<()> {
        (self.said, self.end, self.pages) = (Vec::new(), None, 0);
        let mut pages = source.read(from);
        while let Some(page) = pages.next().await {
            let page = page?;
            assert!(self.end.is_none(), "a page after the end");
            assert!(page.nameless.is_empty());
            self.pages += 1;
            for statement in page.statements {
                let is_known = self.workers.contains_key(&statement.anchor);
                if is_known || statement.said != Said::Gone {
                    let anchor = statement.anchor.clone();
                    let new = || Worker::new(anchor.as_str());
                    let worker = self.workers.entry(anchor.clone()).or_insert_with(new);
                    worker.fold(statement.clone());
                }
                self.said.push(statement);
            }
            self.end = page.end;
        }
        assert!(self.end.is_some(), "no end and no error");
        Ok(())
    }

    /// Everybody; where the next read goes on.
    pub async fn full(&mut self, source: &dyn Source) -> Watermark {
        self.read(source, Cursor::Full).await.unwrap();
        self.complete()
    }

    /// What is new; where the next read goes on.
    pub async fn since(&mut self, source: &dyn Source, watermark: Watermark) -> Watermark {
        self.read(source, Cursor::Since(watermark)).await.unwrap();
        self.complete()
    }

    #[track_caller]
    pub fn complete(&self) -> Watermark {
        match &self.end {
            Some(End::Complete(watermark)) => watermark.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Who was in the last read, by anchor, each once.
    pub fn heard_of(&self) -> Vec<&str> {
        let mut anchors: Vec<&str> = self.said.iter().map(|it| it.anchor.as_str()).collect();
        anchors.sort_unstable();
        anchors.dedup();
        anchors
    }

    /// Whoever is called so.
    #[track_caller]
    pub fn called(&self, attribute: &str, value: &str) -> &Worker {
        let mut found = self
            .workers
            .values()
            .filter(|worker| worker.attributes.get(attribute) == Some(&Value::text(value)));
        let one = found.next();
        assert!(found.next().is_none(), "two with {attribute} {value}");
        one.unwrap_or_else(|| panic!("nobody with {attribute} {value}"))
    }

    /// `null` for what was said to be nothing, `-` for what was not said.
    pub fn text(&self, anchor: &str, attribute: &str) -> String {
        match self.workers[anchor].attributes.get(attribute) {
            None => "-".into(),
            Some(Value::Null) => "null".into(),
            Some(value) => value.to_texts().join("|"),
        }
    }
}

/// A place that nobody knows.
pub fn nowhere(place: Option<&str>) -> Cursor {
    Cursor::Since(Watermark {
        at: jiff::Timestamp::UNIX_EPOCH,
        place: place.map(str::to_string),
    })
}
