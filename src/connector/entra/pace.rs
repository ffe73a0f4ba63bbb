//! How fast this tenant lets us write: as fast as we can until it objects, then at the pace it turned out to allow.
//!
//! Graph's budgets are buckets: a burst passes, then only what leaks out meanwhile, and what is refused counts too. So
//! the first objection tells nothing of the lasting pace. From there on the pace starts low and climbs fast to the next
//! one; what was taken between two objections, when the bucket was full both times, is what the tenant allows.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;

/// A longer wait is not sat out: the work goes back to the queue, and disables may go first next time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits when the tenant names none.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);

/// After so long without a write the tenant has forgotten, and so do we (Graph's budget of writes is for 2½ minutes).
const FORGOTTEN: Duration = Duration::from_secs(150);

/// After the first objection: this share of what passed until then, and so much more every while.
const FIRST: f64 = 1.0 / 8.0;
const CLIMB: (Duration, f64) = (Duration::from_secs(2), 1.5);

/// Whiles that one step makes up for.
const MOST_WHILES: f64 = 4.0;

/// At the measured pace: a little less than that, and a little more every while.
const BELOW: f64 = 0.98;
const PROBE: (Duration, f64) = (Duration::from_secs(10), 1.02);

/// The slowest pace, in writes a second: what was measured while there was nothing to write means nothing.
const SLOWEST: f64 = 2.0;

/// Nobody has to wait longer than this at a time, whatever a service asks for (B25).
const LONGEST: Duration = Duration::from_secs(300);

/// One objection takes no more than this away, whatever was measured: perhaps we had little to write.
const LEAST: f64 = 0.7;

#[derive(Default)]
pub struct Pace(Mutex<State>);

struct State {
    limit: Option<Limit>,
    /// When the tenant wants to hear from us again.
    not_before: Instant,
    /// Writes that counted since the last objection, or since we began: taken or refused.
    since: Instant,
    spent: u32,
    /// Some of them were taken: only then does the span between two objections measure anything.
    some_taken: bool,
    /// When the last write was let out.
    last: Instant,
    /// Objections so far: whoever was waiting for his turn takes another.
    objections: u64,
}

/// What the tenant allows, as far as we know.
struct Limit {
    /// Writes a second.
    rate: f64,
    measured: bool,
    /// Until when writes are spoken for.
    next: Instant,
    changed: Instant,
}

impl Default for State {
    fn default() -> State {
        let now = Instant::now();
        State {
            limit: None,
            not_before: now,
            since: now,
            spent: 0,
            some_taken: false,
            last: now,
            objections: 0,
        }
    }
}

impl Pace {
    /// Waits until so many writes may go out. Error: that would take too long.
    pub async fn writes(&self, count: usize) -> Result<(), Error> {
        loop {
            let (wait, objections) = {
                let mut state = self.state();
                let wait = state.turn(Instant::now(), count)?;
                (wait, state.objections)
            };
            tokio::time::sleep(wait).await;
            let mut state = self.state();
            if state.objections == objections {
                state.last = Instant::now();
                return Ok(());
            }
        }
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
        state.spent = state
            .spent
            .saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        state.some_taken = true;
        state.climb(Instant::now());
    }

    /// The tenant asked for patience with our questions, which have a budget of their own.
    pub fn pause(&self, wait: Duration) {
        let mut state = self.state();
        state.not_before = state.not_before.max(Instant::now() + wait.min(LONGEST));
    }

    /// The tenant asked for patience with our writes.
    pub fn refused(&self, wait: Option<Duration>) {
        let wait = wait.unwrap_or(DEFAULT_WAIT).min(LONGEST);
        self.state().refused(Instant::now(), wait);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long until so many writes may go out; their turn is taken. The bucket leaks before they go, not after.
    fn turn(&mut self, now: Instant, count: usize) -> Result<Duration, Error> {
        if now.saturating_duration_since(self.last) > FORGOTTEN {
            *self = State {
                objections: self.objections,
                not_before: self.not_before,
                ..State::default()
            };
        }
        let mut start = now.max(self.not_before);
        if let Some(limit) = &self.limit {
            start = start.max(limit.next) + Duration::from_secs_f64(count as f64 / limit.rate);
        }
        let wait = start.duration_since(now);
        if wait > PATIENCE {
            return Err(asks_for_patience(wait));
        }
        if let Some(limit) = &mut self.limit {
            limit.next = start;
        }
        Ok(wait)
    }

    fn climb(&mut self, now: Instant) {
        if let Some(limit) = &mut self.limit {
            let (every, factor) = if limit.measured { PROBE } else { CLIMB };
            let whiles = now.saturating_duration_since(limit.changed).as_secs_f64() / every.as_secs_f64();
            if whiles > 1.0 {
                limit.rate *= factor.powf(whiles.min(MOST_WHILES));
                limit.changed = now;
            }
        }
    }

    fn refused(&mut self, now: Instant, wait: Duration) {
        // Several parts of one batch say the same thing.
        let again = now < self.not_before;
        self.not_before = self.not_before.max(now + wait);
        self.objections += 1;
        if let (true, Some(limit)) = (again, &mut self.limit) {
            limit.next = self.not_before;
            self.spent += 1;
            return;
        }
        // The first one closes a burst, and its wait belongs to that; later ones stand between full buckets.
        let end = if self.limit.is_none() {
            self.not_before
        } else {
            now
        };
        let span = end.duration_since(self.since).as_secs_f64();
        let passed = f64::from(self.spent.max(1)) / span.max(0.001);
        let (rate, measured) = match &self.limit {
            None => (passed * FIRST, false),
            // A storm that lets nothing through says nothing of what will be allowed after it.
            Some(limit) if !self.some_taken => (limit.rate * LEAST, limit.measured),
            Some(limit) if limit.measured => (
                (passed * BELOW).clamp(limit.rate * LEAST, limit.rate * BELOW),
                true,
            ),
            Some(limit) => ((passed * BELOW).min(limit.rate), true),
        };
        self.limit = Some(Limit {
            rate: rate.max(SLOWEST),
            measured,
            next: self.not_before,
            changed: self.not_before,
        });
        self.since = now;
        self.spent = 1;
        self.some_taken = false;
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

    /// A bucket as Graph's are, in simulated time: a burst of a thousand, ten a second after that, and what is refused
    /// counts too.
    #[test]
    fn the_pace_settles_at_what_the_bucket_leaks() {
        const BURST: f64 = 1000.0;
        const LEAK: f64 = 10.0;
        let start = Instant::now();
        let (mut state, mut level, mut at, mut now) = (State::default(), 0.0_f64, start, start);
        let (mut taken, mut refused) = (0.0, 0.0);
        while now.duration_since(start) < Duration::from_secs(300) {
            now += state.turn(now, 20).unwrap().max(Duration::from_millis(20));
            state.last = now;
            level = (level - now.duration_since(at).as_secs_f64() * LEAK).max(0.0);
            at = now;
            for _ in 0..20 {
                if level + 1.0 <= BURST {
                    taken += 1.0;
                    state.spent += 1;
                    state.some_taken = true;
                } else {
                    refused += 1.0;
                    state.refused(
                        now,
                        Duration::from_secs_f64(((level + 1.0 - BURST) / LEAK).max(1.0).ceil()),
                    );
                }
                level += 1.0;
            }
            state.climb(now);
        }
        let permitted = BURST + LEAK * now.duration_since(start).as_secs_f64();
        assert!(
            taken / permitted > 0.95,
            "{taken} of {permitted}, {refused} refused"
        );
        assert!(refused < 200.0, "{refused}");
    }

    #[tokio::test]
    async fn a_long_wait_goes_back_to_the_queue() {
        let pace = Pace::default();
        pace.refused(Some(Duration::from_secs(600)));
        let error = pace.writes(1).await.unwrap_err();
        assert!(error.retry_after.unwrap() > Duration::from_secs(290));
        assert!(pace.reads().await.is_err());
    }
}
