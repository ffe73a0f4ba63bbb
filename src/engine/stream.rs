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
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Engine;
use super::cycle::POLL;
use crate::config::LogStream;
use crate::error::{Error, Result};
use crate::store::{Store, from_json, logs, streams};

/// Entries written together.
const BATCH: usize = 500;

/// Numbers of entries read together. Bodies are read of those alone that are to be written.
const LOOK: usize = 10_000;

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
    reach: Reach,
    /// The last attempt to write failed, maybe in the middle of a line.
    is_broken: bool,
}

/// How far a stream has come.
#[derive(Default)]
struct Reach {
    /// The newest that was written.
    last: String,
    /// Up to here everything was written, and nothing more comes: older entries are committed by now.
    certain: String,
    /// What was written behind that.
    sent: BTreeSet<String>,
    /// When it was last looked for stragglers.
    looked_back: Option<Instant>,
}

/// What is there to be written.
struct Look {
    /// Entries, oldest first.
    unsent: Vec<String>,
    /// Nobody looked behind this one; `None` where all were looked at.
    up_to: Option<String>,
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
        reach: Reach::default(),
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
        self.reach.follow(last);
        // The clock by which entries are numbered.
        let settled = stragglers(&Uuid::now_v7().to_string());
        let is_back = self.reach.is_to_look_back();
        let look = self.reach.look(&store, is_back).await?;
        if !look.unsent.is_empty() {
            self.write(&store, &look.unsent).await?;
        }
        let is_new = !look.unsent.is_empty();
        self.reach.reached(look, is_back, settled);
        if is_new {
            let newest = self.reach.last.clone();
            store
                .write(move |conn| streams::sent(conn, &name, &holder, &newest))
                .await?;
        }
        Ok(is_new)
    }

    /// Writes these entries, as far as they have not expired meanwhile.
    async fn write(&mut self, store: &Store, ids: &[String]) -> Result<()> {
        let ids = ids.to_vec();
        let bodies = store.read(move |conn| logs::bodies(conn, &ids)).await?;
        let mut lines = String::new();
        if self.is_broken {
            lines.push('\n');
        }
        for body in &bodies {
            lines.push_str(&line(&from_json(body)?).to_string());
            lines.push('\n');
        }
        write_apart(self.to.clone(), lines).await?;
        if std::mem::take(&mut self.is_broken) {
            tracing::info!(to = self.name, "the provisioning log is written there again");
        }
        Ok(())
    }
}

impl Reach {
    /// At first, and where another replica wrote meanwhile: of its last minute nobody here knows what was written.
    fn follow(&mut self, last: String) {
        if last > self.last {
            self.certain = stragglers(&last).max(std::mem::take(&mut self.certain));
            self.last = last;
        }
    }

    /// Within a burst it is looked ahead from batch to batch, and back for stragglers now and then.
    fn is_to_look_back(&self) -> bool {
        self.looked_back.is_none_or(|at| at.elapsed() >= POLL)
    }

    fn begins(&self, is_back: bool) -> &str {
        if is_back { &self.certain } else { &self.last }
    }

    /// What is to be written next.
    async fn look(&self, store: &Store, is_back: bool) -> Result<Look> {
        let (mut after, limit) = (
            self.begins(is_back).to_string(),
            if is_back { LOOK } else { BATCH },
        );
        loop {
            let from = after.clone();
            let page = store.read(move |conn| logs::ids(conn, &from, limit)).await?;
            let up_to = page.last().filter(|_| page.len() == limit).cloned();
            let unsent = page.into_iter().filter(|id| !self.sent.contains(id));
            let mut unsent: Vec<String> = unsent.collect();
            match up_to {
                Some(end) if unsent.is_empty() => after = end,
                up_to if unsent.len() <= BATCH => return Ok(Look { unsent, up_to }),
                _ => {
                    unsent.truncate(BATCH);
                    let up_to = unsent.last().cloned();
                    return Ok(Look { unsent, up_to });
                }
            }
        }
    }

    /// What was found is written. `settled`: the lowest number that an entry may have that had not come when it was looked for.
    fn reached(&mut self, look: Look, is_back: bool, settled: String) {
        self.last = look
            .unsent
            .last()
            .max(Some(&self.last))
            .cloned()
            .unwrap_or_default();
        self.sent.extend(look.unsent);
        if is_back {
            let seen = look.up_to.map_or(settled.clone(), |up_to| up_to.min(settled));
            // No further than what was written: clocks are put back.
            let certain = seen.min(self.last.clone());
            self.certain = certain.max(std::mem::take(&mut self.certain));
            self.sent.retain(|id| *id > self.certain);
            self.looked_back = Some(Instant::now());
        }
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
    use std::time::Duration;

    use uuid::Timestamp;

    use super::*;
    use crate::config::Config;
    use crate::engine::Clock;
    use crate::store::Location;

    const NOW: u64 = 1_800_000_000;

    fn reach(last: String) -> Reach {
        let mut reach = Reach::default();
        reach.follow(last);
        reach
    }

    /// The number of an entry that was made at a second.
    fn at(seconds: u64) -> String {
        let context = uuid::timestamp::context::NoContext;
        Uuid::new_v7(Timestamp::from_unix(context, seconds, 0)).to_string()
    }

    fn found(unsent: &[&String], up_to: Option<&String>) -> Look {
        Look {
            unsent: unsent.iter().map(|id| (*id).clone()).collect(),
            up_to: up_to.cloned(),
        }
    }

    #[test]
    fn nothing_is_read_again_that_is_older_than_a_minute() {
        let (first, last) = (at(NOW), at(NOW + 20));
        let mut reach = reach(at(NOW - 3_600));
        reach.reached(found(&[&first, &last], None), true, stragglers(&at(NOW + 21)));
        assert!(*reach.begins(true) < *at(NOW - 30), "stragglers may come");
        assert_eq!(reach.begins(false), last, "what comes next is not behind them");
        reach.reached(found(&[], None), true, stragglers(&at(NOW + 70)));
        assert!(*reach.begins(true) > *first && *reach.begins(true) < *last);
        assert_eq!(reach.sent.len(), 1);
        reach.reached(found(&[], None), true, stragglers(&at(NOW + 81)));
        assert_eq!((reach.begins(true), reach.sent.len()), (last.as_str(), 0));
        reach.reached(found(&[], None), true, stragglers(&at(NOW + 9_999)));
        assert_eq!(reach.begins(true), last, "a clock that is put back is followed");
    }

    #[test]
    fn nothing_is_certain_that_nobody_looked_at() {
        let (one, two, three) = (at(NOW), at(NOW + 1), at(NOW + 2));
        let late = stragglers(&at(NOW + 3_600));
        let mut reach = reach(at(NOW - 3_600));
        let before = reach.certain.clone();
        reach.reached(found(&[&one], Some(&one)), false, late.clone());
        assert_eq!(reach.certain, before, "it was looked ahead");
        reach.reached(found(&[&two], Some(&two)), true, late.clone());
        assert_eq!(reach.certain, two);
        reach.reached(found(&[&three], None), true, late);
        assert_eq!(reach.certain, three);
    }

    fn entry(id: &str) -> logs::Entry {
        logs::Entry {
            id: id.into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            app: "app".into(),
            job: "job".into(),
            cycle: "cycle".into(),
            change: "change".into(),
            source: "1".into(),
            action: "create".into(),
            status: "success".into(),
            body: json!({ "id": id }).to_string(),
        }
    }

    #[tokio::test]
    async fn each_entry_of_a_burst_is_a_line_and_so_is_who_comes_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("muster.db").display());
        let store = Store::open(Location::parse(&url.into()).unwrap()).await.unwrap();
        let config = Config::parse("", folder.path()).unwrap();
        let path = folder.path().join("log.jsonl");
        let mut stream = Stream {
            engine: Engine::prepare(config, store.clone(), Clock::system())
                .await
                .unwrap(),
            to: LogStream::File(path.clone()),
            name: "log".into(),
            reach: Reach::default(),
            is_broken: false,
        };
        assert!(
            !stream.next().await.unwrap(),
            "a new stream begins with what comes"
        );
        let now = Clock::system().now().as_second().unsigned_abs();
        // Three batches of an hour ago, and three of just now.
        let mut burst: Vec<String> = Vec::new();
        burst.extend((0..1_200).map(|_| at(now - 3_600)));
        burst.extend((0..1_200).map(|_| at(now - 2)));
        let come = |ids: Vec<String>| {
            let entries: Vec<logs::Entry> = ids.iter().map(|id| entry(id)).collect();
            store.write(move |conn| logs::append(conn, &entries))
        };
        come(burst.clone()).await.unwrap();
        while stream.next().await.unwrap() {}
        // One that is committed late, and one that comes.
        let more = vec![at(now - 20), at(now + 1)];
        come(more.clone()).await.unwrap();
        tokio::time::sleep(POLL + Duration::from_millis(50)).await;
        while stream.next().await.unwrap() {}
        let text = std::fs::read_to_string(&path).unwrap();
        let id = |line: &str| {
            from_json::<Json>(line).unwrap()["Id"]
                .as_str()
                .unwrap()
                .to_string()
        };
        let mut written: Vec<String> = text.lines().map(id).collect();
        let mut all = [burst, more].concat();
        all.sort();
        written.sort();
        assert_eq!(written, all, "each once");
        assert!(stream.reach.sent.len() <= 1_202, "what is old is not kept");
    }

    #[test]
    fn stragglers_are_a_minute_older() {
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
