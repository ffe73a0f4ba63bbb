//! `muster undo`: what was done is taken back, as far as nobody changed it since.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::{Outcome, app, apply, offline};
use crate::engine::undo::Undo;

/// Takes back what a plan, a cycle, or everything that was done to one worker's account changed. It stays so until HR says
/// something else of these people.
#[derive(Args)]
pub struct Arguments {
    /// A plan, a cycle (the log's `cycleId`), or HR's own key for a worker.
    id: String,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Only of this app: its id, its name or its job.
    #[arg(long)]
    app: Option<String>,
    /// Delete accounts that were made, and do not only disable them.
    #[arg(long)]
    delete: bool,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let engine = offline(&arguments.config).await?;
    let apps = match &arguments.app {
        Some(named) => vec![app(engine.config(), named)?],
        None => engine.config().apps.iter().collect(),
    };
    let mut found = Vec::new();
    for app in apps {
        let what = engine.undoable(&app.job, &arguments.id).await;
        found.extend(what.map_err(|error| error.to_string())?.map(|what| (app, what)));
    }
    let (app, what) = match found.len() {
        0 => {
            return Err(format!(
                "nothing is known that was done by '{}', or not any more: receipts are kept for thirty days",
                arguments.id
            ));
        }
        1 => found.remove(0),
        _ => {
            let names: Vec<&str> = found.iter().map(|(app, _)| app.name.as_str()).collect();
            return Err(format!(
                "several apps did something by '{}': say which with --app ('{}')",
                arguments.id,
                names.join("', '")
            ));
        }
    };
    let undo = Undo {
        what,
        delete: arguments.delete,
        by: "muster undo".into(),
    };
    let undone = engine.undo(&app.job, undo).await;
    let undone = undone.map_err(|error| error.to_string())?;
    super::read_on(apply::print(&undone, arguments.json, &mut io::stdout().lock()))?;
    Ok(apply::exit(&undone))
}
