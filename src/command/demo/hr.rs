//! Days and nights of HR's: what it has to say is said, and followed to its outcome.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::Value as Json;

use super::config::{APPS, App, FIELD, FROM_WORKDAY, HOME, OFFICE};
use super::outcome::{Happened, Said, outcomes};
use super::screen::{self, Bars};
use super::stage::Stage;
use crate::command::bulk::progress::Progress;
use crate::error::{Error, Result};
use crate::lab::company::{self, Person};

/// Operations in one upload, as many as Microsoft's service takes.
const CHUNK: usize = 50;

/// Without an outcome for as long, none will come.
const STILL: Duration = Duration::from_secs(60);

/// Workday is asked so long before midnight for the last time.
const EVENING: SignedDuration = SignedDuration::from_mins(1);

/// Has Workday asked, then posts what is to be uploaded of these people, and waits until everybody of whom something is
/// said has an outcome.
pub async fn day(stage: &Stage, title: &str, people: &[Person], said: &[Said]) -> Result<Vec<Happened>> {
    let began = stage.now();
    let bars = Bars::new(title, people.len(), said);
    let mut before = Vec::new();
    for app in FROM_WORKDAY {
        before.push(accounts(&status(stage, app).await?));
        stage.start(app).await?;
    }
    for (app, before) in FROM_WORKDAY.into_iter().zip(before) {
        until_run(stage, app, began, |now| {
            bars.made(app, now.saturating_sub(before))
        })
        .await?;
        bars.waiting(app, 0);
    }
    let silent = Progress::silent();
    // Both jobs read the same inbox, so it does not matter to which of them it is posted.
    for request in company::uploads(people.iter(), CHUNK) {
        let body = request.to_string().into_bytes();
        let posted = stage.service.upload(&OFFICE.job(), body, &silent).await;
        posted.map_err(Error::internal)?;
        bars.posted(request["Operations"].as_array().map_or(0, Vec::len));
    }
    settle(stage, &bars).await?;
    let outcomes = all_outcomes(stage, began, said).await?;
    bars.done();
    Ok(outcomes)
}

/// Jobs share what one of them reads of Workday: the other may have run before there was anything to do.
async fn all_outcomes(stage: &Stage, began: Timestamp, said: &[Said]) -> Result<Vec<Happened>> {
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    let (mut before, mut moved) = (usize::MAX, Instant::now());
    loop {
        ticks.tick().await;
        let outcomes = outcomes(stage, &APPS, began, said).await?;
        let missing = outcomes.iter().filter(|one| one.is_missing()).count();
        if missing < before {
            (before, moved) = (missing, Instant::now());
        }
        if missing == 0 || moved.elapsed() > STILL {
            return Ok(outcomes);
        }
    }
}

/// A minute before midnight Workday is asked; at midnight something is to happen all the same.
pub async fn night(stage: &Stage, midnight: Timestamp, said: &[Said]) -> Result<Vec<Happened>> {
    stage.pause().await?;
    screen::nightfall();
    stage.turn_to(midnight.saturating_sub(EVENING).unwrap_or(midnight));
    let evening = stage.now();
    for app in FROM_WORKDAY {
        stage.start(app).await?;
    }
    for app in FROM_WORKDAY {
        until_run(stage, app, evening, |_| {}).await?;
    }
    stage.turn_to(midnight);
    for app in FROM_WORKDAY {
        until_run(stage, app, midnight, |_| {}).await?;
    }
    // Nobody asks before the morning.
    stage.pause().await?;
    outcomes(stage, &FROM_WORKDAY, midnight, said).await
}

/// Has the directory asked what is new, and waits until it went home; how many records that changed.
pub async fn homeward(stage: &Stage) -> Result<u64> {
    let began = stage.now();
    stage.start(&HOME).await?;
    until_run(stage, &HOME, began, |_| {}).await?;
    let status = status(stage, &HOME).await?;
    Ok(status["lastExecution"]["countExported"]
        .as_u64()
        .unwrap_or_default())
}

/// Waits until no operation is without an outcome, and those that refer to others have had their turn.
async fn settle(stage: &Stage, bars: &Bars) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut quiet = 0;
    let (mut before, mut moved) = (0, Instant::now());
    while quiet < 5 {
        ticks.tick().await;
        let mut waiting = 0;
        for app in [&OFFICE, &FIELD] {
            let status = status(stage, app).await?;
            let open = status["progress"][0]["totalUnits"].as_u64().unwrap_or_default();
            bars.waiting(app, open);
            waiting += open;
        }
        if waiting != before {
            (before, moved) = (waiting, Instant::now());
        } else if waiting > 0 && moved.elapsed() > STILL {
            let message =
                format!("{waiting} operations wait, and nothing happens: see why with MUSTER_LOG=info");
            return Err(Error::internal(message));
        }
        quiet = if waiting == 0 { quiet + 1 } else { 0 };
    }
    Ok(())
}

/// Waits until a job has run once since an instant. `progress` is told of how many people it has accounts.
async fn until_run(stage: &Stage, app: &App, since: Timestamp, progress: impl Fn(u64)) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let (mut before, mut moved) = (0, Instant::now());
    loop {
        ticks.tick().await;
        let status = status(stage, app).await?;
        if has_run(&status, since)? {
            return Ok(());
        }
        let accounts = accounts(&status);
        progress(accounts);
        if accounts != before {
            (before, moved) = (accounts, Instant::now());
        } else if moved.elapsed() > STILL {
            let message = format!(
                "{} does not come to an end: see why with MUSTER_LOG=info",
                app.job
            );
            return Err(Error::internal(message));
        }
    }
}

async fn status(stage: &Stage, app: &App) -> Result<Json> {
    let status = stage.call(Method::GET, &app.job_path()).await?["status"].take();
    if status["code"] == "Quarantine" {
        let message = format!("{} is in quarantine: {}", app.job, status["quarantine"]);
        return Err(Error::internal(message));
    }
    Ok(status)
}

/// Whether a run that began since an instant is over.
fn has_run(status: &Json, since: Timestamp) -> Result<bool> {
    let last = &status["lastExecution"];
    let began = last["timeBegan"].as_str().and_then(|text| text.parse().ok());
    if began.is_none_or(|began: Timestamp| began < since) {
        return Ok(false);
    }
    match last["state"] == "Failed" {
        true => Err(Error::internal(format!(
            "the source was not read: {}",
            last["error"]
        ))),
        false => Ok(true),
    }
}

fn accounts(status: &Json) -> u64 {
    status["synchronizedEntryCountByType"][0]["value"]
        .as_u64()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_run_that_began_since_and_did_not_fail_counts() {
        let status =
            |state: &str| json!({ "lastExecution": { "timeBegan": "2026-01-20T13:00:00Z", "state": state } });
        let since = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(has_run(&status("Succeeded"), since("2026-01-20T13:00:00Z")).unwrap());
        assert!(!has_run(&status("Failed"), since("2026-01-20T13:00:01Z")).unwrap());
        assert!(!has_run(&json!({}), since("2026-01-20T13:00:00Z")).unwrap());
        assert!(has_run(&status("Failed"), since("2026-01-20T12:00:00Z")).is_err());
    }
}
