//! The gateway at work: the release binary in a process of its own, as callers, its database and the kernel see it.

use std::cell::RefCell;
use std::fs;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use muster::engine::Clock;
use muster::store::jobs::{self, Execution};
use muster::store::{Location, Store, uploads, wakes};
use serde_json::json;

use crate::gateway::{JOB, Process, Setup};

pub struct Running {
    pub process: Process,
    store: Store,
    seen: RefCell<Option<Execution>>,
}

impl Running {
    /// Starts the gateway.
    pub async fn start(setup: &Setup) -> Running {
        let process = setup.spawn().await;
        let location = Location::Sqlite(setup.dir.path().join("muster.db"));
        Running {
            process,
            store: Store::open(location).await.unwrap(),
            seen: RefCell::default(),
        }
    }

    /// Kills the gateway and starts it again on the database it leaves.
    pub async fn restart(&mut self, setup: &Setup) {
        self.process.kill();
        self.process = setup.spawn().await;
    }

    /// Posts uploads over so many connections; how long until the last was acknowledged.
    pub async fn upload(&self, uploads: &[String], connections: usize) -> Duration {
        let caller = &self.process.caller;
        let token = caller.token().await;
        let began = Instant::now();
        stream::iter(uploads.iter().cloned())
            .for_each_concurrent(connections, async |upload| {
                let answer = caller.post_bulk(&token, upload).await.unwrap();
                assert_eq!(answer.status(), 202);
            })
            .await;
        began.elapsed()
    }

    /// Has everybody looked at again: how long until everybody was, and what the cycle came to.
    pub async fn full_cycle(&self) -> (Duration, Execution) {
        let before = self.last_execution().await;
        let caller = &self.process.caller;
        let restart = format!("{}/restart", caller.job_path());
        let watermark = json!({ "criteria": { "resetScope": "Watermark" } });
        let began = Instant::now();
        let (status, answer) = caller.send("POST", &restart, Some(watermark)).await;
        assert_eq!(status, 204, "{answer}");
        self.until_idle().await;
        let took = began.elapsed();
        (took, self.execution_after(before).await)
    }

    /// Until nothing waits and nobody is due. The database says so at less cost than the API.
    pub async fn until_idle(&self) {
        let now = Clock::system();
        self.until(async || {
            let now = now.now();
            self.store
                .read(move |conn| {
                    let job = jobs::find(conn, JOB)?.unwrap();
                    Ok(!job.status.full_due
                        && uploads::waiting(conn, "hr")? == 0
                        && !wakes::any_due(conn, JOB, now)?)
                })
                .await
                .unwrap()
        })
        .await;
    }

    /// Until the cycle that is under way has ended.
    pub async fn until_rest(&self) {
        let before = self.last_execution().await;
        self.execution_after(before).await;
    }

    /// The first cycle that ends after those seen so far.
    pub async fn ended_cycle(&self) -> Execution {
        let ended = self.execution_after(self.seen.take()).await;
        self.seen.replace(Some(ended.clone()));
        ended
    }

    /// Has the job run at once, and its source read.
    pub async fn start_job(&self) {
        let caller = &self.process.caller;
        let (status, answer) = caller
            .send("POST", &format!("{}/start", caller.job_path()), None)
            .await;
        assert_eq!(status, 204, "{answer}");
    }

    async fn execution_after(&self, before: Option<Execution>) -> Execution {
        self.until(async || self.last_execution().await != before).await;
        self.last_execution().await.unwrap()
    }

    async fn last_execution(&self) -> Option<Execution> {
        let job = self.store.read(|conn| jobs::find(conn, JOB)).await.unwrap();
        job.unwrap().status.last
    }

    async fn until(&self, mut happened: impl AsyncFnMut() -> bool) {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        while !happened().await {
            ticks.tick().await;
        }
    }

    /// Memory in use, in MiB.
    pub fn resident(&self) -> f64 {
        self.memory("VmRSS:")
    }

    /// The most memory that was in use at once since the start or [`forget_peak`](Running::forget_peak), in MiB.
    pub fn peak(&self) -> f64 {
        self.memory("VmHWM:")
    }

    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }

    pub fn id(&self) -> u32 {
        self.process.child.id()
    }

    fn memory(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes / 1024.0
    }
}
