//! How far a cycle has come: told in the job's status, where every replica and the API see it, and on the terminal. It costs
//! one small commit every few seconds, and none in a short cycle.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Context;
use super::hearing::Hearing;
use crate::error::Result;
use crate::store::jobs::{self, Progress};
use crate::store::uploads;
use crate::store::wakes::{self, Cause};

/// From one observation to the next; shorter cycles are not told of.
const OBSERVED_EVERY: Duration = Duration::from_secs(2);
/// From one line on the terminal to the next.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// One cycle under observation.
pub(super) struct Watch {
    began: Timestamp,
    observed: Instant,
    said: Option<Instant>,
    /// Something is told in the job's status.
    is_told: bool,
    /// Whom a full cycle is to look at, and since when.
    everybody: Option<(u64, Timestamp)>,
}

impl Watch {
    pub fn begin(now: Timestamp) -> Watch {
        Watch {
            began: now,
            observed: Instant::now(),
            said: None,
            is_told: false,
            everybody: None,
        }
    }

    /// Everybody was woken just now.
    pub async fn begin_full(&mut self, cx: &Context) -> Result<()> {
        let (id, now) = (cx.origin.job.clone(), cx.clock.now());
        let due = cx
            .store
            .read(move |conn| wakes::due_count(conn, &id, now, Cause::Full));
        self.everybody = Some((due.await?.unsigned_abs(), now));
        Ok(())
    }

    /// Tells how far the cycle has come, if it is time to. `answered` operations of uploads have their outcome.
    pub async fn tell(
        &mut self,
        cx: &Context,
        hearing: &Hearing,
        answered: u64,
        is_slow: bool,
    ) -> Result<()> {
        if self.observed.elapsed() < OBSERVED_EVERY {
            return Ok(());
        }
        self.observed = Instant::now();
        let progress = self.observe(cx, hearing, answered, is_slow).await?;
        if progress.is_empty() && !self.is_told {
            return Ok(());
        }
        self.is_told = !progress.is_empty();
        let is_time = self.said.is_none_or(|said| said.elapsed() >= SAID_EVERY);
        if self.is_told && is_time {
            self.said = Some(Instant::now());
            let line: Vec<String> = progress.iter().map(in_words).collect();
            tracing::info!(job = %cx.origin.job, "under way: {}", line.join("; "));
        }
        let (id, token) = (cx.origin.job.clone(), cx.token);
        cx.store
            .write(move |conn| {
                jobs::fence(conn, &id, token)?;
                jobs::update_status(conn, &id, |status| status.progress.clone_from(&progress))
            })
            .await
    }

    /// What is not done yet.
    async fn observe(
        &mut self,
        cx: &Context,
        hearing: &Hearing,
        answered: u64,
        is_slow: bool,
    ) -> Result<Vec<Progress>> {
        let (id, source, now) = (cx.origin.job.clone(), cx.origin.source.clone(), cx.clock.now());
        let (full_left, waiting) = cx
            .store
            .read(move |conn| {
                let full_left = wakes::due_count(conn, &id, now, Cause::Full)?.unsigned_abs();
                let waiting = uploads::waiting(conn, &source)? + uploads::pending_count(conn, &id)?;
                Ok((full_left, waiting.unsigned_abs()))
            })
            .await?;
        let mut progress = Vec::new();
        let mut add = |units: &str, completed: u64, total: Option<u64>, began: Timestamp| {
            progress.push(Progress {
                units: units.into(),
                completed,
                total,
                began,
                observed: now,
            });
        };
        // In quarantine they wait for the next attempt.
        if waiting > 0 && !is_slow {
            add("operations", answered, Some(answered + waiting), self.began);
        }
        if let Some((read, expected)) = hearing.read() {
            add("records", read, expected, self.began);
        }
        if full_left > 0 && !is_slow {
            let (all, began) = self.everybody.unwrap_or((full_left, now));
            let all = all.max(full_left);
            self.everybody = Some((all, began));
            add("workers", all - full_left, Some(all), began);
        }
        Ok(progress)
    }
}

/// `records: 12000 of 100000, 1240/s, 1m 11s left`
fn in_words(progress: &Progress) -> String {
    let mut words = format!("{}: {}", progress.units, progress.completed);
    if let Some(total) = progress.total {
        words.push_str(&format!(" of {total}"));
    }
    if let Some(rate) = progress.rate() {
        words.push_str(&format!(", {}", per_second(rate)));
    }
    if let Some(left) = progress.left() {
        words.push_str(&format!(", {left:#} left"));
    }
    words
}

fn per_second(rate: f64) -> String {
    if rate < 10.0 {
        format!("{rate:.1}/s")
    } else {
        format!("{rate:.0}/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(completed: u64, total: Option<u64>, seconds: i64) -> Progress {
        Progress {
            units: "records".into(),
            completed,
            total,
            began: Timestamp::UNIX_EPOCH,
            observed: Timestamp::from_second(seconds).unwrap(),
        }
    }

    #[test]
    fn progress_is_told_as_far_as_it_is_known() {
        for (told, expected) in [
            (
                progress(12_000, Some(100_000), 10),
                "records: 12000 of 100000, 1200/s, 1m 13s left",
            ),
            (progress(7, None, 2), "records: 7, 3.5/s"),
            (progress(0, Some(40), 30), "records: 0 of 40"),
            (progress(40, Some(40), 4), "records: 40 of 40, 10/s, 0s left"),
            (progress(5, Some(10), 0), "records: 5 of 10"),
            (progress(5, Some(10), -3_600), "records: 5 of 10"),
            (progress(9, Some(4), 9), "records: 9 of 4, 1.0/s, 0s left"),
        ] {
            assert_eq!(in_words(&told), expected);
        }
        assert_eq!(
            progress(1, Some(u64::MAX), 1_000_000).left(),
            None,
            "longer than anybody can say"
        );
    }
}
