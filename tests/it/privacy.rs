//! What is kept of people, how long, and that nothing is left when it is over (B33).

mod forgetting;
mod handover;
mod keeping;
mod leavers;
mod mentioned;
mod redacted;

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use muster::engine::Clock;
use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, Gateway, Setup, eventually, person, with};
use crate::support::lab::Lab;
use crate::support::postgres;

/// The text of a database: its files as they lie there, or its dump.
pub enum Database {
    Sqlite,
    Postgres(String),
}

impl Database {
    pub fn both() -> [Database; 2] {
        [Database::Sqlite, Database::Postgres(postgres::database())]
    }

    pub fn store(&self) -> String {
        match self {
            Database::Sqlite => r#"url = "sqlite:muster.db""#.into(),
            Database::Postgres(url) => {
                format!("url = \"{url}\"\nkey = \"a key that is long enough to be one, for the tests alone\"")
            }
        }
    }

    /// All bytes, with what is compressed in them left as it is.
    pub fn bytes(&self, setup: &Setup) -> Vec<u8> {
        match self {
            Database::Sqlite => {
                let files = std::fs::read_dir(setup.dir.path())
                    .unwrap()
                    .map(|entry| entry.unwrap().path());
                let ours = files.filter(|path| {
                    path.file_name()
                        .unwrap()
                        .to_string_lossy()
                        .starts_with("muster.db")
                });
                let mut files: Vec<_> = ours.collect();
                files.sort();
                assert!(!files.is_empty());
                // By another process: to close one of them in this one would end the locks that the gateway has on it.
                Command::new("cat").args(files).output().unwrap().stdout
            }
            Database::Postgres(url) => {
                let dump = Command::new("pg_dump")
                    .args(["--inserts", "-d", url])
                    .output()
                    .unwrap();
                assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
                dump.stdout
            }
        }
    }

    /// Which of these texts are in it.
    pub fn grep<'t>(&self, setup: &Setup, texts: &[&'t str]) -> Vec<&'t str> {
        let bytes = self.bytes(setup);
        let all = String::from_utf8_lossy(&bytes);
        // A dump has bytes in hexadecimal digits.
        let digits = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let holds = |text: &&&str| all.contains(**text) || all.contains(&digits(text));
        texts.iter().filter(holds).copied().collect()
    }
}

/// A clock that a test puts forward, and that goes on by itself.
#[derive(Clone)]
pub struct Days {
    begin: Timestamp,
    began: Instant,
    passed: Arc<AtomicI64>,
}

impl Days {
    pub fn from(instant: &str) -> Days {
        Days {
            begin: instant.parse().unwrap(),
            began: Instant::now(),
            passed: Arc::new(AtomicI64::new(0)),
        }
    }

    /// Receipts have the connector's time, which is the real one.
    pub fn from_now() -> Days {
        Days::from(&Clock::system().now().to_string())
    }

    pub fn clock(&self) -> Clock {
        let days = self.clone();
        Clock::from_fn(move || {
            let passed = SignedDuration::from_hours(24 * days.passed.load(Ordering::Relaxed));
            days.begin + passed + SignedDuration::try_from(days.began.elapsed()).unwrap()
        })
    }

    pub fn pass(&self, days: i64) {
        self.passed.fetch_add(days, Ordering::Relaxed);
    }
}

pub fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

pub async fn post(gateway: &Gateway, what: &str, body: Json) -> Json {
    let path = format!("{}/{what}", gateway.caller.job_path());
    let (status, answer) = gateway.caller.send("POST", &path, Some(body)).await;
    assert!(status.is_success(), "{status}: {answer}");
    answer
}

/// Values that nobody else has.
pub const ADA: [&str; 7] = [
    "Adalwolfa",
    "Quuxmann",
    "adalwolfa.quuxmann",
    "Archchancellor-Xyzzy",
    "Plugh Department",
    "+49 89 5550 1234",
    "Twistylane 27",
];

pub fn ada() -> Json {
    with(
        person("ada-10001", "Adalwolfa Quuxmann"),
        json!({
            "title": "Archchancellor-Xyzzy",
            "phoneNumbers": [{"type": "work", "value": "+49 89 5550 1234"}],
            "addresses": [{"type": "work", "streetAddress": "Twistylane 27", "locality": "Munich"}],
            ENTERPRISE: {"department": "Plugh Department"},
        }),
    )
}

pub fn ben() -> Json {
    with(
        person("ben-10002", "Ben Novak"),
        json!({"title": "Clerk", ENTERPRISE: {"manager": {"value": "ada-10001"}}}),
    )
}

pub async fn count(directory: &Lab, filter: &str, count: usize) {
    eventually(&format!("{count} of {filter}"), async || {
        directory.admin().search(filter, &["cn"]).unwrap().len() == count
    })
    .await;
}
