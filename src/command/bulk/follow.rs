//! Reads the log until everybody has an outcome.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::people::{Entry, MARGIN, Roll};
use super::progress::Progress;
use super::service::{Job, Patience, Service, State};

/// Two looks at the log are at least this far apart; while nothing comes, the second.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// For the look before anything is sent, and for the last one, which is a whole one.
const FIRST_LOOK: Duration = Duration::from_secs(120);
const LAST_LOOK: Duration = Duration::from_secs(30);

/// After as long without an entry it is time to ask what is wrong.
const SILENCE: Duration = Duration::from_secs(15);

/// Entries may be committed a little later than their time says: each look goes back this far behind the newest.
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);

/// Microsoft's entries come minutes later and in any order: every so often a look goes back to the beginning.
const WHOLE_EVERY: u32 = 10;

/// States in which a job takes uploads in and carries none out.
const STANDING_STILL: &[&str] = &["Paused", "NotConfigured"];

/// Where in the log what is about to be sent begins.
pub struct Beginning(Timestamp);

/// How long to wait.
pub struct Waiting {
    /// For everybody's outcome.
    pub all: Duration,
    /// Without an entry, until who stands in several rows needs no entry for each of them: not every service logs
    /// what it took together.
    pub quiet: Duration,
}

/// How waiting ended.
pub enum End {
    EverybodyEnded,
    /// Nobody carries anything out.
    StandsStill(State),
    /// Some have no outcome yet.
    OutOfTime(Option<State>),
    /// The log cannot be read any more.
    Unreadable(String),
    /// By a signal.
    Interrupted,
}

/// Looks at the log before anything is sent: what it says now was said of something else. That also shows whether
/// it may be read, while nothing has happened yet.
pub async fn begin(service: &Service, job: &Job, roll: &mut Roll) -> Result<Beginning, String> {
    let progress = Progress::silent();
    let patience = Patience::until(Instant::now() + FIRST_LOOK, &progress);
    let since = service.now(job, patience).await? - MARGIN;
    service
        .log(job, since, patience, |entry: Entry| roll.ignore(&entry))
        .await?;
    Ok(Beginning(since))
}

/// Follows everybody of whom something was taken in.
pub async fn follow(
    service: &Service,
    job: &Job,
    roll: &mut Roll,
    Beginning(since): Beginning,
    waiting: &Waiting,
    stop: &CancellationToken,
) -> End {
    let looks = look_on(service, job, roll, since, waiting);
    match stop.run_until_cancelled(looks).await {
        None => End::Interrupted,
        Some(Ok(end)) => end,
        Some(Err(message)) => End::Unreadable(message),
    }
}

async fn look_on(
    service: &Service,
    job: &Job,
    roll: &mut Roll,
    since: Timestamp,
    waiting: &Waiting,
) -> Result<End, String> {
    let deadline = Instant::now() + waiting.all;
    let mut progress = Progress::new("people have their outcome", count(roll.people().len()));
    let state = service
        .state(job, Patience::until(deadline + LAST_LOOK, &progress))
        .await;
    if let Some(state) = state.filter(|state| STANDING_STILL.contains(&state.code.as_str())) {
        return Ok(End::StandsStill(state));
    }
    let (mut newest, mut heard, mut pause, mut asked) = (since, Instant::now(), SHORTEST, false);
    for look in 1u32.. {
        let patience = Patience::until(deadline + LAST_LOOK, &progress);
        let begun = Instant::now();
        let last = begun >= deadline;
        let from = match last || look.is_multiple_of(WHOLE_EVERY) {
            true => since,
            false => since.max(newest - OVERLAP),
        };
        let mut news = false;
        service
            .log(job, from, patience, |entry: Entry| {
                newest = newest.max(entry.activity_date_time);
                news |= roll.take(entry);
            })
            .await?;
        if news {
            (heard, pause) = (begun, SHORTEST);
        } else if heard.elapsed() > SILENCE && !asked {
            asked = true;
            if let Some(state) = service.state(job, patience).await {
                progress.say(&format!(
                    "nothing is heard for a while: the job is {}",
                    state.told()
                ));
            }
        }
        progress.at(count(roll.ended()));
        if roll.everybody_ended() || (heard.elapsed() > waiting.quiet && roll.everybody_answered()) {
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
    let patience = Patience::until(deadline + LAST_LOOK, &progress);
    Ok(End::OutOfTime(service.state(job, patience).await))
}

fn count(people: usize) -> u64 {
    u64::try_from(people).unwrap_or(u64::MAX)
}
