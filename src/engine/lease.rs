//! A lease on a job for one cycle, kept alive while the cycle runs.
//!
//! Every store write of a cycle is conditional on the lease's token, and no call to a target is begun unless the
//! lease outlives its time-out: whoever takes over finds the former holder silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Clock, Engine};
use crate::connector::MayStart;
use crate::error::Result;
use crate::store::{Store, changes, instant, jobs, micros};

/// How long a lease lasts without being extended, at least; twice a target's time-out where that is longer.
const SHORTEST: Duration = Duration::from_secs(30);

/// Extended this often in its length.
const BEATS: u32 = 4;

pub struct Lease {
    pub token: i64,
    until: Arc<AtomicI64>,
    clock: Clock,
    /// How long the longest call may take.
    call: SignedDuration,
    /// Ends the heartbeat.
    _alive: DropGuard,
}

impl Lease {
    /// Takes the lease if nobody holds it, and keeps it until dropped.
    pub async fn take(engine: &Engine, job: &str, call: Duration) -> Result<Option<Lease>> {
        let (store, clock) = (engine.store().clone(), engine.clock().clone());
        let length = SHORTEST.max(call * 2);
        let (id, holder, now) = (job.to_string(), engine.shared.holder.clone(), clock.now());
        let until = later(now, length);
        let token = store
            .write(move |conn| {
                let before = jobs::holder(conn, &id)?;
                let token = jobs::lease(conn, &id, &holder, now, until)?;
                if token.is_some() && before.is_some() {
                    // Whoever had it and did not let it go may have sent something until just now.
                    changes::leave_all(conn, &id, now)?;
                }
                Ok(token)
            })
            .await?;
        let Some(token) = token else { return Ok(None) };
        let alive = CancellationToken::new();
        let until = Arc::new(AtomicI64::new(micros(until)));
        tokio::spawn(beat(
            store,
            clock.clone(),
            job.to_string(),
            token,
            length,
            until.clone(),
            alive.clone(),
        ));
        let call = SignedDuration::try_from(call).unwrap_or(SignedDuration::MAX);
        Ok(Some(Lease {
            token,
            until,
            clock,
            call,
            _alive: alive.drop_guard(),
        }))
    }

    /// Whether a call begun now would end while the lease still holds.
    pub fn may_start(&self) -> MayStart {
        let (until, clock, call) = (self.until.clone(), self.clock.clone(), self.call);
        Arc::new(move || instant(until.load(Ordering::Relaxed)).duration_since(clock.now()) > call)
    }
}

async fn beat(
    store: Store,
    clock: Clock,
    job: String,
    token: i64,
    length: Duration,
    until: Arc<AtomicI64>,
    alive: CancellationToken,
) {
    let period = length / BEATS;
    let mut beats = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    loop {
        tokio::select! {
            () = alive.cancelled() => return,
            _ = beats.tick() => {}
        }
        let (id, next) = (job.clone(), later(clock.now(), length));
        match store
            .write(move |conn| jobs::extend(conn, &id, token, next))
            .await
        {
            Ok(()) => until.store(micros(next), Ordering::Relaxed),
            Err(error) if error.code == "LeaseLost" => {
                until.store(0, Ordering::Relaxed);
                return;
            }
            // It runs out by itself if this goes on.
            Err(error) => tracing::warn!(%job, %error, "the lease could not be extended"),
        }
    }
}

fn later(now: Timestamp, length: Duration) -> Timestamp {
    SignedDuration::try_from(length)
        .ok()
        .and_then(|length| now.checked_add(length).ok())
        .unwrap_or(now)
}
