//! Reads the log until everybody has an outcome.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::people::Roll;
use super::progress::Progress;
use super::service::{Job, Service, State};

/// Two looks at the log are at least this far apart; while nothing comes, the second.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// Entries may be committed a little later than their time says: each look goes back this far behind the newest.
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);

/// Microsoft's entries come minutes later and in any order: every so often a look goes back to the beginning.
const WHOLE_EVERY: u32 = 10;

/// After as long without an entry, a person about whom several rows were sent needs no entry for each of them, if
/// the last is later than the last upload: not every service logs what it took together.
const QUIET: Duration = Duration::from_secs(120);

/// Clocks show whole seconds, and those of one service's machines differ a little.
const MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// States in which a job takes uploads in and carries none out.
const STANDING_STILL: &[&str] = &["Paused", "NotConfigured"];

/// Where in the log what is about to be sent begins.
pub struct Beginning(Timestamp);

/// How waiting ended.
pub enum End {
    EverybodyEnded,
    /// Nobody carries anything out.
    StandsStill(State),
    /// Some have no outcome yet.
    OutOfTime(Option<State>),
}

/// Looks at the log before anything is sent: what it says now was said of something else. That also shows whether
/// it may be read, while nothing has happened yet.
pub async fn begin(service: &Service, job: &Job, roll: &mut Roll) -> Result<Beginning, String> {
    let since = service.now(job).await? - MARGIN;
    service.log(job, since, |entry| roll.ignore(&entry)).await?;
    Ok(Beginning(since))
}

/// Follows everybody, for `patience` at most. `sent` is when the last upload was taken in.
pub async fn follow(
    service: &Service,
    job: &Job,
    roll: &mut Roll,
    Beginning(since): Beginning,
    sent: Timestamp,
    patience: Duration,
) -> Result<End, String> {
    if let Some(state) = service.state(job).await
        && STANDING_STILL.contains(&state.code.as_str())
    {
        return Ok(End::StandsStill(state));
    }
    let total = u64::try_from(roll.people().len()).unwrap_or(u64::MAX);
    let mut progress = Progress::new("people have their outcome", total);
    let deadline = Instant::now() + patience;
    let (mut newest, mut heard, mut pause) = (since, Instant::now(), SHORTEST);
    for look in 1u32.. {
        let begun = Instant::now();
        let last = begun >= deadline;
        let from = match last || look.is_multiple_of(WHOLE_EVERY) {
            true => since,
            false => since.max(newest - OVERLAP),
        };
        let mut news = false;
        service
            .log(job, from, |entry| {
                newest = newest.max(entry.activity_date_time);
                news |= roll.take(entry);
            })
            .await?;
        progress.at(u64::try_from(roll.ended()).unwrap_or(u64::MAX));
        if news {
            (heard, pause) = (begun, SHORTEST);
        }
        if roll.everybody_ended() || (heard.elapsed() > QUIET && roll.everybody_heard_of(sent - MARGIN)) {
            return Ok(End::EverybodyEnded);
        }
        if last {
            break;
        }
        // A long log is not read all the time.
        let until = pause.max(begun.elapsed());
        tokio::time::sleep(until.min(deadline.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 2).min(LONGEST);
    }
    Ok(End::OutOfTime(service.state(job).await))
}
