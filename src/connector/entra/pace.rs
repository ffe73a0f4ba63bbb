//! How fast this tenant lets us write: as fast as we can until it objects, then at the pace it turned out to allow,
//! a little faster every while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;

/// A longer wait is not sat out: the work goes back to the queue, and disables may go first next time.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so long without an objection the pace is raised by so much.
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBE: f64 = 1.03;

/// After so long without a write, measuring begins anew.
const IDLE: Duration = Duration::from_secs(30);

/// An objection lowers the pace to what was taken since the last one, a little less, and no further than so much of
/// what it was: a tenant that let a burst through allows far less from then on.
const YIELD: f64 = 0.97;
const LEAST: f64 = 0.4;

/// Waits when the tenant names none.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(5);

pub struct Pace(Mutex<State>);

struct State {
    /// Writes a second; `None` while nobody has objected.
    rate: Option<f64>,
    /// When the next write may go out at this rate.
    next: Instant,
    /// When the tenant wants to hear from us again.
    not_before: Instant,
    /// Writes taken since then; what the rate is measured by.
    since: Instant,
    taken: u32,
    last: Instant,
    changed: Instant,
}

impl Default for Pace {
    fn default() -> Pace {
        let now = Instant::now();
        Pace(Mutex::new(State {
            rate: None,
            next: now,
            not_before: now,
            since: now,
            taken: 0,
            last: now,
            changed: now,
        }))
    }
}

impl Pace {
    /// Waits until so many writes may go out, and counts them as gone. Error: that would take too long.
    pub async fn writes(&self, count: usize) -> Result<(), Error> {
        let wait = {
            let mut state = self.state();
            let now = Instant::now();
            let start = now.max(state.not_before).max(state.next);
            let wait = start.duration_since(now);
            if wait > PATIENCE {
                return Err(asks_for_patience(wait));
            }
            if now.saturating_duration_since(state.last) > IDLE {
                state.since = now;
                state.taken = 0;
            }
            state.last = start;
            if let Some(rate) = state.rate {
                state.next = start + Duration::from_secs_f64(count as f64 / rate);
            }
            wait
        };
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Waits as long as the tenant asked everybody to. Error: that would take too long.
    pub async fn reads(&self) -> Result<(), Error> {
        let wait = self.state().not_before.saturating_duration_since(Instant::now());
        if wait > PATIENCE {
            return Err(asks_for_patience(wait));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// The tenant took so many writes.
    pub fn taken(&self, count: usize) {
        let mut state = self.state();
        state.taken = state
            .taken
            .saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        let now = Instant::now();
        if let Some(rate) = state.rate
            && now.duration_since(state.changed) > PROBE_EVERY
        {
            state.rate = Some(rate * PROBE);
            state.changed = now;
        }
    }

    /// The tenant asked for patience: nobody writes before that, and then no faster than it let us so far.
    pub fn refused(&self, wait: Option<Duration>) {
        let mut state = self.state();
        let now = Instant::now();
        let until = now + wait.unwrap_or(DEFAULT_WAIT);
        // Several parts of one batch say the same thing.
        let again = now < state.not_before;
        state.not_before = state.not_before.max(until);
        if again {
            return;
        }
        let span = state.not_before.duration_since(state.since).as_secs_f64();
        let measured = f64::from(state.taken) / span.max(0.001);
        state.rate = match state.rate {
            Some(rate) => Some((measured * YIELD).clamp(rate * LEAST, rate * YIELD)),
            None if state.taken > 0 => Some(measured * YIELD),
            None => None,
        };
        state.next = state.not_before;
        state.since = state.not_before;
        state.taken = 0;
        state.changed = now;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn asks_for_patience(wait: Duration) -> Error {
    Error::unavailable("the tenant asks for patience (429): too much was written in a short time")
        .code("TooManyRequests")
        .retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_pace_is_what_the_tenant_took() {
        let pace = Pace::default();
        pace.writes(100).await.unwrap();
        pace.taken(100);
        pace.refused(Some(Duration::from_secs(10)));
        pace.refused(Some(Duration::from_secs(10)));
        let rate = pace.state().rate.unwrap();
        assert!(
            (9.0..=10.1).contains(&rate),
            "100 in 10 seconds, and measured once: {rate}"
        );
    }

    #[tokio::test]
    async fn a_long_wait_goes_back_to_the_queue() {
        let pace = Pace::default();
        pace.refused(Some(Duration::from_secs(600)));
        let error = pace.writes(1).await.unwrap_err();
        assert!(error.retry_after.unwrap() > Duration::from_secs(590));
        assert!(pace.reads().await.is_err());
    }
}
