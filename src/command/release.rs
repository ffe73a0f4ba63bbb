//! `muster release`: what a review showed is done, to everybody or to some.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Outcome, app, offline, read_on};
use crate::engine::review::{Cohort, Released};

/// Lets the first cycle go on: exactly what `muster review` showed is done. What is something else by then waits again.
#[derive(Args)]
#[group(id = "whom", required = true, multiple = true, args = ["all", "worker", "limit", "filter"])]
pub struct Arguments {
    /// The app: its id, its name or its job.
    app: String,
    /// Everybody, which ends the review. Who seems to have an account that matching does not find still waits.
    #[arg(long, conflicts_with_all = ["worker", "limit", "filter"])]
    all: bool,
    /// Only these, by HR's own key for them. Who seems to have an account already gets one of his own.
    #[arg(long, value_name = "ID")]
    worker: Vec<String>,
    /// So many at most, in the order of their keys.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Only whom HR's attributes let through, all of these: 'Department EQUALS Sales'. The operators are those of scoping filters.
    #[arg(long, value_name = "CLAUSE")]
    filter: Vec<String>,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Print JSON instead of a line.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let engine = offline(&arguments.config).await?;
    let job = app(engine.config(), &arguments.app)?.job.clone();
    let cohort = Cohort {
        workers: arguments.worker,
        limit: arguments.limit,
        filter: arguments.filter,
    };
    let released = engine.release(&job, cohort).await;
    let released = released.map_err(|error| error.to_string())?;
    read_on(print(&released, arguments.json, &mut io::stdout().lock()))?;
    Ok(ExitCode::SUCCESS)
}

fn print(released: &Released, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, released)?;
        return writeln!(out);
    }
    writeln!(
        out,
        "{} released, {} still wait.",
        released.released, released.withheld
    )?;
    if released.possible_existing_accounts > 0 {
        writeln!(
            out,
            "{} of them seem to have an account that matching does not find: `muster link` joins them, or says that they are somebody else.",
            released.possible_existing_accounts
        )?;
    }
    if released.is_over {
        writeln!(
            out,
            "The review is over: the gateway carries out what was read, and goes on with whoever comes."
        )?;
    }
    Ok(())
}
