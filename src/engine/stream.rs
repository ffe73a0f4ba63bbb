//! The provisioning log as lines of JSON, to standard output or a file, with the columns of Azure Monitor's table
//! `AADProvisioningLogs`, so that what was made for the one reads the other.
//!
//! Entries are read from the database after their commit, at least once each: one replica sends, and keeps where it is. Where
//! lines cannot be written it says so once, goes on trying, and catches up; nobody waits for it.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::cycle::POLL;
use crate::config::LogStream;
use crate::error::{Error, Result};
use crate::store::logs::{self, Query};
use crate::store::{from_json, streams};

/// Entries written together.
const BATCH: i64 = 500;

/// How long a replica has the stream unless it asks again.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Entries are numbered before they are committed. So much older ones may still come.
const STRAGGLERS: u64 = 60_000;

const PAUSE_AFTER_FAILURE: std::time::Duration = std::time::Duration::from_secs(5);

struct Stream {
    engine: Engine,
    to: LogStream,
    /// What the database calls it.
    name: String,
    /// What was written of the last minute.
    sent: BTreeSet<String>,
    /// The last attempt to write failed, maybe in the middle of a line.
    is_broken: bool,
}

/// Writes lines as entries come, until told to stop.
pub async fn send(engine: Engine, to: LogStream, stop: CancellationToken) {
    let name = match &to {
        LogStream::Stdout => "stdout".to_string(),
        LogStream::File(path) => path.display().to_string(),
    };
    let mut stream = Stream {
        engine,
        to,
        name,
        sent: BTreeSet::new(),
        is_broken: false,
    };
    while !stop.is_cancelled() {
        let pause = tokio::select! {
            () = stop.cancelled() => break,
            sent = stream.next() => stream.pause(sent),
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    let (name, holder) = (stream.name.clone(), stream.engine.shared.holder.clone());
    let left = stream
        .engine
        .store()
        .write(move |conn| streams::leave(conn, &name, &holder));
    if let Err(error) = left.await {
        tracing::warn!(code = %error.code, %error, "the log's stream could not be left to others");
    }
}

impl Stream {
    /// How long to wait after an attempt; a failure is told once.
    fn pause(&mut self, sent: Result<bool>) -> std::time::Duration {
        match sent {
            Ok(true) => std::time::Duration::ZERO,
            Ok(false) => POLL,
            Err(error) => {
                if !self.is_broken {
                    tracing::error!(to = self.name, %error, "the provisioning log cannot be written there: it is caught up on later");
                }
                self.is_broken = true;
                PAUSE_AFTER_FAILURE
            }
        }
    }

    /// Writes the next entries, if there are any.
    async fn next(&mut self) -> Result<bool> {
        let store = self.engine.store().clone();
        let (name, holder) = (self.name.clone(), self.engine.shared.holder.clone());
        let now = self.engine.clock().now();
        let until = now.saturating_add(LEASE).unwrap_or(now);
        let last = {
            let (name, holder) = (name.clone(), holder.clone());
            store
                .write(move |conn| streams::take(conn, &name, &holder, now, until))
                .await?
        };
        let Some(last) = last else { return Ok(false) };
        self.sent.retain(|id| *id > stragglers(&last));
        let mut query = Query {
            after: Some(stragglers(&last)),
            oldest_first: true,
            limit: BATCH,
            ..Query::default()
        };
        // Behind those that were written, there may be more.
        let (mut lines, mut ids) = (String::new(), Vec::new());
        loop {
            let asked = query.clone();
            let rows = store.read(move |conn| logs::query(conn, &asked)).await?;
            let Some((end, _)) = rows.last() else { break };
            query.after = Some(end.clone());
            for (id, body) in rows {
                if !self.sent.contains(&id) {
                    lines.push_str(&line(&from_json(&body)?).to_string());
                    lines.push('\n');
                    ids.push(id);
                }
            }
            if !ids.is_empty() {
                break;
            }
        }
        let Some(newest) = ids.last().cloned().max(Some(last.clone())) else {
            return Ok(false);
        };
        if ids.is_empty() {
            return Ok(false);
        }
        if self.is_broken {
            lines.insert(0, '\n');
        }
        write_apart(self.to.clone(), lines).await?;
        if std::mem::take(&mut self.is_broken) {
            tracing::info!(to = self.name, "the provisioning log is written there again");
        }
        self.sent.extend(ids);
        store
            .write(move |conn| streams::sent(conn, &name, &holder, &newest))
            .await?;
        Ok(true)
    }
}

/// The lowest number that an entry may have which was committed after this one.
fn stragglers(last: &str) -> String {
    let digits: String = last.chars().filter(|one| *one != '-').take(12).collect();
    let millis = u64::from_str_radix(&digits, 16).unwrap_or_default();
    let since = millis.saturating_sub(STRAGGLERS);
    format!("{:08x}-{:04x}", since >> 16, since & 0xffff)
}

/// On a thread that nobody waits for at the end: a reader that has stopped reading holds up nothing else.
async fn write_apart(to: LogStream, lines: String) -> Result<()> {
    let (done, written) = oneshot::channel();
    let started = std::thread::Builder::new()
        .name("log-stream".into())
        .spawn(move || {
            let outcome = match &to {
                LogStream::Stdout => write_out(&mut io::stdout().lock(), &lines),
                LogStream::File(path) => append(path, &lines),
            };
            // Whoever asked may have gone.
            let _ = done.send(outcome);
        });
    let failed = |error: io::Error| Error::unavailable(error.to_string());
    started.map_err(failed)?;
    let ended = written
        .await
        .map_err(|_| Error::unavailable("the writer ended early"))?;
    ended.map_err(failed)
}

/// The file is opened anew each time, so that it may be renamed or removed at any time.
fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    // People's names and values are for this account's eyes only.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    write_out(&mut options.open(path)?, lines)
}

fn write_out(to: &mut impl Write, lines: &str) -> io::Result<()> {
    to.write_all(lines.as_bytes())?;
    to.flush()
}

/// An entry as Azure Monitor has it. What is an object in Graph is text there.
fn line(entry: &Json) -> Json {
    let text = |name: &str| entry[name].to_string();
    let information = &entry["provisioningStatusInfo"]["errorInformation"];
    json!({
        "TimeGenerated": entry["activityDateTime"],
        "OperationName": "Provisioning activity",
        "OperationVersion": "1.0",
        "Category": "ProvisioningLogs",
        "AADTenantId": entry["tenantId"],
        "Id": entry["id"],
        "JobId": entry["jobId"],
        "CycleId": entry["cycleId"],
        "ChangeId": entry["changeId"],
        "CorrelationId": entry["cycleId"],
        "DurationMs": entry["durationInMilliseconds"],
        "ProvisioningAction": entry["provisioningAction"],
        // Queries ask for `Action == "Create"`, and `==` heeds case there.
        "Action": capitalized(&entry["provisioningAction"]),
        "ResultType": capitalized(&entry["provisioningStatusInfo"]["status"]),
        "ResultSignature": information["errorCode"].as_str().unwrap_or_default(),
        "ResultDescription": information["reason"].as_str().unwrap_or_default(),
        "InitiatedBy": text("initiatedBy"),
        "ServicePrincipal": text("servicePrincipal"),
        "SourceSystem": text("sourceSystem"),
        "SourceIdentity": text("sourceIdentity"),
        "TargetSystem": text("targetSystem"),
        "TargetIdentity": text("targetIdentity"),
        "ProvisioningStatusInfo": text("provisioningStatusInfo"),
        "ProvisioningSteps": text("provisioningSteps"),
        "ModifiedProperties": text("modifiedProperties"),
        "Type": "AADProvisioningLogs",
    })
}

/// Graph's word as Azure Monitor writes it.
fn capitalized(word: &Json) -> String {
    let mut letters = word.as_str().unwrap_or_default().chars();
    let first = letters.next().map(|one| one.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use uuid::{Timestamp, Uuid};

    use super::*;

    #[test]
    fn stragglers_are_a_minute_older() {
        let at = |seconds: u64| {
            let context = uuid::timestamp::context::NoContext;
            Uuid::new_v7(Timestamp::from_unix(context, seconds, 0)).to_string()
        };
        let bound = stragglers(&at(1_800_000_000));
        assert!(bound < at(1_799_999_940), "{bound}");
        assert!(bound > at(1_799_999_939), "{bound}");
        assert_eq!(stragglers(""), "00000000-0000");
    }

    #[test]
    fn an_entry_is_a_row_of_azure_monitors_table() {
        let row = line(&json!({
            "id": "1", "activityDateTime": "2026-01-01T00:00:00Z", "provisioningAction": "stagedDelete",
            "provisioningStatusInfo": { "status": "failure", "errorInformation": { "errorCode": "X", "reason": "because" } },
            "sourceIdentity": { "id": "7", "displayName": "Zoë" }, "durationInMilliseconds": 12,
        }));
        assert_eq!(row["ResultType"], "Failure");
        assert_eq!(
            (&row["Action"], &row["ProvisioningAction"]),
            (&json!("StagedDelete"), &json!("stagedDelete")),
            "as published queries have it, and as Graph has it"
        );
        assert_eq!(
            (&row["ResultSignature"], &row["ResultDescription"]),
            (&json!("X"), &json!("because"))
        );
        assert_eq!(row["DurationMs"], 12);
        let identity: Json = serde_json::from_str(row["SourceIdentity"].as_str().unwrap()).unwrap();
        assert_eq!(identity["displayName"], "Zoë");
    }
}
