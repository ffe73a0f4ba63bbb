//! The way back: what the cloud knows of whom Workday hired goes home.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::config::HOME;
use super::hr;
use super::outcome::{Happened, Said, outcomes};
use super::stage::Stage;
use super::subsidiary::Worker;
use crate::connector::Cursor;
use crate::domain::worker::Said as Told;
use crate::error::{Error, Result};
use crate::lab::entra::Alteration;

/// What is asked of Workday in the end.
const RECORD: [&str; 4] = ["UserID", "EmailAddress", "PrimaryWorkTelephone", "Mobile"];

/// An account is read back as soon as it is made; this is long enough even on a slow machine.
const PATIENCE: u32 = 600;

/// What came home.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    pub name: String,
    pub happened: Vec<Happened>,
    /// What Workday's Get_Workers says of the worker.
    pub record: BTreeMap<&'static str, String>,
    /// Records that another cycle changed.
    pub changed_again: u64,
}

/// Follows one worker's user name home, who was hired after `since`, then gives the account a mailbox and two numbers, and
/// follows these.
pub async fn shown(stage: &Stage, worker: Option<&Worker>, since: Timestamp) -> Result<Home> {
    let worker = worker.ok_or_else(|| Error::internal("nobody was hired"))?;
    let user = user(stage, &worker.id)?;
    let name = text(&user["userPrincipalName"]);
    until_at_home(stage, worker, ("UserID", &name)).await?;
    let mut happened = outcome(stage, worker, &user, "account made", since).await?;

    let given = stage.now();
    let numbers = Map::from_iter([
        ("mail".to_string(), json!(name)),
        ("businessPhones".to_string(), json!(["+61 2 5550 0143"])),
        ("mobilePhone".to_string(), json!("+61 491 570 156")),
    ]);
    stage.entra.alter(Alteration {
        user: Some(text(&user["id"])),
        set: numbers,
        mailbox: Some(true),
        ..Alteration::default()
    })?;
    hr::homeward(stage).await?;
    happened.extend(outcome(stage, worker, &user, "mailbox, numbers", given).await?);
    let changed_again = hr::homeward(stage).await?;
    until_at_home(stage, worker, ("EmailAddress", &name)).await?;
    Ok(Home {
        name: worker.name.clone(),
        happened,
        record: record(stage, worker).await?,
        changed_again,
    })
}

/// What the simulated cloud holds of a worker.
fn user(stage: &Stage, worker: &str) -> Result<Json> {
    let state = stage.entra.state();
    let mut users = state["users"].as_array().into_iter().flatten();
    let found = users.find(|user| user["employeeId"] == worker);
    found
        .cloned()
        .ok_or_else(|| Error::internal(format!("{worker} has no account in the cloud")))
}

/// The last thing that was done about the user.
async fn outcome(
    stage: &Stage,
    worker: &Worker,
    user: &Json,
    event: &'static str,
    since: Timestamp,
) -> Result<Vec<Happened>> {
    let said = Said {
        app: &HOME,
        anchor: text(&user["id"]),
        worker: worker.id.clone(),
        name: worker.name.clone(),
        event,
        disabled: None,
        manager: None,
    };
    outcomes(stage, &[&HOME], since, &[said]).await
}

async fn until_at_home(stage: &Stage, worker: &Worker, (attribute, value): (&str, &str)) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for _ in 0..PATIENCE {
        ticks.tick().await;
        if record(stage, worker)
            .await?
            .get(attribute)
            .is_some_and(|held| held == value)
        {
            return Ok(());
        }
    }
    let message = format!(
        "{attribute} of {} does not come home: see why with MUSTER_LOG=info",
        worker.name
    );
    Err(Error::internal(message))
}

/// What Workday says of a worker.
async fn record(stage: &Stage, worker: &Worker) -> Result<BTreeMap<&'static str, String>> {
    let source = stage.hr(&RECORD)?;
    let mut pages = source.read(Cursor::Workers(vec![worker.wid.clone()]));
    let mut record = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for statement in page?.statements {
            let Told::Whole(told) = statement.said else {
                continue;
            };
            for name in RECORD {
                let value = told.attributes.get(name).and_then(|value| value.to_text());
                record.extend(value.map(|value| (name, value.into_owned())));
            }
        }
    }
    Ok(record)
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_string()
}
