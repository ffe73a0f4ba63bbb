//! What has become of callbacks, as their sender reads it and as the webhook tells it.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::store::Conn;
use crate::store::callbacks::{self, Item};

/// A batch. It says of people only how their sender named them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    id: String,
    received_date_time: Timestamp,
    /// `notStarted` before anybody was looked up, `completed` when each item has its outcome.
    status: &'static str,
    items: Vec<Line>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    index: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_principal_name: Option<String>,
    status: &'static str,
    code: Option<String>,
    message: Option<String>,
    event: Option<String>,
    changed_date_time: Timestamp,
}

impl Report {
    pub fn load(conn: &mut Conn, job: &str, id: &str) -> Result<Option<Report>> {
        let found = callbacks::find(conn, job, id)?;
        Ok(found.map(|(received, items)| Report {
            id: id.to_string(),
            received_date_time: received,
            status: status(&items),
            items: items.into_iter().map(line).collect(),
        }))
    }
}

fn status(items: &[Item]) -> &'static str {
    if items.iter().all(|item| item.verdict.status.is_outcome()) {
        "completed"
    } else if items.iter().all(|item| item.said.is_some()) {
        "notStarted"
    } else {
        "running"
    }
}

fn line(item: Item) -> Line {
    Line {
        index: item.position,
        worker_id: item.who.worker,
        user_principal_name: item.who.principal,
        status: item.verdict.status.name(),
        code: item.verdict.code,
        message: item.verdict.message,
        event: item.verdict.event,
        changed_date_time: item.changed,
    }
}
