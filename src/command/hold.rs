//! `muster hold`: an account stays as it is, over HR's head, because somebody says so.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use comfy_table::{Table, presets};

use super::{Outcome, app, offline, plain, read_on, who};
use crate::domain::hold::{Hold, Until};
use crate::engine::Engine;
use crate::engine::holding::{Wanted, Whose};

/// Holds a worker's account, or an account whoever it belongs to, as it is. A hold outranks HR for everything but a disable:
/// leavers are let go all the same. Whoever has no account gets none.
#[derive(Args)]
pub struct Arguments {
    /// The app: its id, its name or its job.
    app: String,
    /// HR's own key for the worker, or the number that accounts are matched by.
    #[arg(group = "whose")]
    worker: Option<String>,
    /// An account instead: its DN, its object id (objectGUID), a user principal name or a sAMAccountName.
    #[arg(long, value_name = "NAME", group = "whose")]
    account: Option<String>,
    /// Only this attribute, as the schema calls it; may be given several times.
    #[arg(long, value_name = "ATTRIBUTE", requires = "whose")]
    attribute: Vec<String>,
    /// A day such as 2026-12-01, to its end (UTC), or an instant; until somebody lifts it otherwise.
    #[arg(long, value_name = "DATE", requires = "whose")]
    until: Option<String>,
    /// Why, for whoever asks later.
    #[arg(long, value_name = "TEXT", requires = "whose", required_unless_present_any = ["list", "lift"])]
    reason: Option<String>,
    /// Show what is held, by whom, until when and why.
    #[arg(long, conflicts_with_all = ["whose", "lift"])]
    list: bool,
    /// Lift a hold; whoever it kept from something is looked at at once.
    #[arg(long, value_name = "ID", conflicts_with = "whose")]
    lift: Option<String>,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let engine = offline(&arguments.config).await?;
    let job = app(engine.config(), &arguments.app)?.job.clone();
    let (mut out, json) = (io::stdout().lock(), arguments.json);
    if let Some(id) = &arguments.lift {
        let lifted = engine.lift(&job, id, &who::decides()).await;
        lifted.map_err(|error| error.to_string())?;
        let told = match json {
            true => writeln!(out, "{}", serde_json::json!({ "id": id, "lifted": true })),
            false => writeln!(out, "Hold {id} is lifted."),
        };
        read_on(told)?;
        return Ok(ExitCode::SUCCESS);
    }
    let holds = match arguments.list {
        true => everything(&engine, &job).await?,
        false => {
            let held = engine.hold(&job, wanted(arguments)).await;
            vec![held.map_err(|error| error.to_string())?]
        }
    };
    read_on(print(&holds, json, &mut out))?;
    Ok(ExitCode::SUCCESS)
}

fn wanted(arguments: Arguments) -> Wanted {
    let worker = arguments.worker.unwrap_or_default();
    Wanted {
        whose: arguments.account.map_or(Whose::Worker(worker), Whose::Account),
        attributes: arguments.attribute,
        until: arguments.until,
        reason: arguments.reason.unwrap_or_default(),
        by: who::decides(),
    }
}

async fn everything(engine: &Engine, job: &str) -> Result<Vec<Hold>, String> {
    let mut holds: Vec<Hold> = Vec::new();
    loop {
        let after = holds.last().map_or("", |hold| hold.id.as_str());
        let page = engine.holds(job, after).await;
        let page = page.map_err(|error| error.to_string())?;
        if page.is_empty() {
            return Ok(holds);
        }
        holds.extend(page);
    }
}

fn print(holds: &[Hold], json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, holds)?;
        return writeln!(out);
    }
    if holds.is_empty() {
        return writeln!(out, "Nothing is held.");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["id", "whose", "until", "by", "because"]);
    for hold in holds {
        let until = match &hold.until {
            Until::At(at) => at.to_string(),
            Until::Lifted => "lifted".into(),
            Until::Changed { .. } => "HR says something else".into(),
        };
        table.add_row([
            hold.id.clone(),
            plain(&hold.to_string()).into_owned(),
            until,
            plain(&hold.by).into_owned(),
            plain(&hold.reason).into_owned(),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())
}
