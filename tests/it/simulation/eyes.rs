//! The database as somebody sees it who does not trust the gateway: read beside it, with a record of what was written together.

use std::collections::BTreeMap;
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use jiff::Timestamp;

/// Notes which operations end, which entries come and which links are made, transaction by transaction: each begins by proving
/// its lease.
const WATCH: &str = "
    CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, what TEXT, job TEXT, worker TEXT, about TEXT, at INTEGER);
    CREATE TRIGGER IF NOT EXISTS audit_fence AFTER UPDATE OF token ON jobs
        BEGIN INSERT INTO audit (what) VALUES ('fence'); END;
    CREATE TRIGGER IF NOT EXISTS audit_end AFTER DELETE ON operations
        BEGIN INSERT INTO audit (what, job, worker, about) VALUES ('end', old.job, old.anchor, old.sequence || '.' || old.position); END;
    CREATE TRIGGER IF NOT EXISTS audit_link AFTER INSERT ON links
        BEGIN INSERT INTO audit (what, job, worker, about) VALUES ('link', new.job, new.worker, new.account); END;
    CREATE TRIGGER IF NOT EXISTS audit_sent AFTER INSERT ON changes
        BEGIN INSERT INTO audit (what, job, about) VALUES ('sent', new.job, new.id); END;
    CREATE TRIGGER IF NOT EXISTS audit_entry AFTER INSERT ON logs
        BEGIN INSERT INTO audit (what, job, worker, about, at) VALUES ('entry', new.job, new.source, new.action || ' ' || new.status, new.at); END;
";

pub struct Eyes(SqliteConnection);

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audit {
    /// A transaction began.
    Fence,
    /// An operation was answered for.
    End { worker: String, place: String },
    Link {
        job: String,
        worker: String,
        account: String,
    },
    /// An entry came into the log.
    Entry {
        job: String,
        worker: String,
        what: String,
        at: Timestamp,
    },
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    a: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    b: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    c: Option<String>,
}

impl Eyes {
    pub fn open(path: &Path) -> Eyes {
        Eyes(SqliteConnection::establish(&path.to_string_lossy()).unwrap())
    }

    pub fn watch(&mut self) {
        diesel::connection::SimpleConnection::batch_execute(&mut self.0, WATCH).unwrap();
    }

    fn rows(&mut self, query: &str) -> Vec<(String, String, String)> {
        let rows: Vec<Row> = diesel::sql_query(query).load(&mut self.0).unwrap();
        rows.into_iter()
            .map(|row| {
                (
                    row.a.unwrap_or_default(),
                    row.b.unwrap_or_default(),
                    row.c.unwrap_or_default(),
                )
            })
            .collect()
    }

    /// Nobody holds the lease, nothing waits to be folded, nobody is due.
    pub fn is_idle(&mut self, now: Timestamp) -> bool {
        let now = now.as_microsecond();
        let busy = format!(
            "SELECT CAST((SELECT count(*) FROM jobs WHERE until > 0 OR (state = 'Active' AND status LIKE '%\"full_due\":true%'))
                + (SELECT count(*) FROM uploads, jobs WHERE state = 'Active')
                + (SELECT count(*) FROM wakes JOIN jobs ON id = job WHERE due <= {now} AND state = 'Active') AS TEXT) AS a, '' AS b, '' AS c"
        );
        self.rows(&busy)[0].0 == "0"
    }

    pub fn next_wake(&mut self) -> Option<Timestamp> {
        let rows = self.rows("SELECT CAST(min(due) AS TEXT) AS a, '' AS b, '' AS c FROM wakes");
        let due = rows[0].0.parse().ok()?;
        Timestamp::from_microsecond(due).ok()
    }

    /// (worker, action, job)
    pub fn held(&mut self) -> Vec<(String, String, String)> {
        self.rows("SELECT worker AS a, action AS b, job AS c FROM held ORDER BY 1, 2")
    }

    /// (worker, account, job)
    pub fn links(&mut self) -> Vec<(String, String, String)> {
        self.rows("SELECT worker AS a, account AS b, job AS c FROM links")
    }

    /// Workers whose last change was refused, by which job, and why: (worker, code, job).
    pub fn escrows(&mut self) -> Vec<(String, String, String)> {
        self.rows("SELECT worker AS a, code AS b, job AS c FROM escrows")
    }

    /// What is left to be answered for: uploads, operations, changes without an outcome.
    pub fn open_ends(&mut self) -> Vec<(String, String, String)> {
        self.rows(
            "SELECT 'upload' AS a, CAST(sequence AS TEXT) AS b, '' AS c FROM uploads
             UNION ALL SELECT 'operation', anchor, CAST(sequence AS TEXT) FROM operations
             UNION ALL SELECT 'change', worker, body FROM changes",
        )
    }

    /// What the job remembers of people and accounts, without times.
    pub fn memory(&mut self) -> Vec<(String, String, String)> {
        self.rows(
            "SELECT 'link ' || job AS a, worker AS b, account || ' ' || made || ifnull(wanted, '-') || disabled_by_us || ifnull(enabled, '-') AS c FROM links
             UNION ALL SELECT 'held', worker, action FROM held
             UNION ALL SELECT 'escrow', worker, code FROM escrows
             UNION ALL SELECT 'pending', worker, attribute || ' ' || refers_to FROM pending_references
             UNION ALL SELECT 'change', worker, id FROM changes
             ORDER BY 1, 2, 3",
        )
    }

    pub fn audit(&mut self) -> Vec<Audit> {
        let rows = self.rows(
            "SELECT what || ifnull(' ' || job, '') AS a, worker AS b, ifnull(at || ' ', '') || ifnull(about, '') AS c
             FROM audit WHERE what <> 'sent' ORDER BY number",
        );
        let line = |(what, worker, about): (String, String, String)| {
            let (what, job) = what.split_once(' ').unwrap_or_default();
            let job = job.to_string();
            match what {
                "end" => Audit::End { worker, place: about },
                "link" => Audit::Link {
                    job,
                    worker,
                    account: about,
                },
                "entry" => {
                    let (at, what) = about.split_once(' ').unwrap();
                    Audit::Entry {
                        job,
                        worker,
                        what: what.to_string(),
                        at: Timestamp::from_microsecond(at.parse().unwrap()).unwrap(),
                    }
                }
                _ => Audit::Fence,
            }
        };
        rows.into_iter().map(line).collect()
    }

    /// Which job sent each change.
    pub fn senders(&mut self) -> BTreeMap<String, String> {
        let rows = self.rows("SELECT about AS a, job AS b, '' AS c FROM audit WHERE what = 'sent'");
        rows.into_iter().map(|(change, job, _)| (change, job)).collect()
    }

    /// Every table with all that stands in it.
    pub fn everything(&mut self) -> Vec<(String, String)> {
        let tables = self.rows("SELECT name AS a, '' AS b, '' AS c FROM sqlite_master WHERE type = 'table'");
        let mut all = Vec::new();
        for (table, ..) in tables {
            let columns = format!("SELECT name AS a, '' AS b, '' AS c FROM pragma_table_info('{table}')");
            let columns: Vec<String> = self
                .rows(&columns)
                .into_iter()
                .map(|(name, ..)| format!("ifnull(CAST(\"{name}\" AS TEXT), '')"))
                .collect();
            let content = format!(
                "SELECT {} AS a, '' AS b, '' AS c FROM \"{table}\"",
                columns.join(" || ' ' || ")
            );
            all.extend(
                self.rows(&content)
                    .into_iter()
                    .map(|(text, ..)| (table.clone(), text)),
            );
        }
        all
    }
}
