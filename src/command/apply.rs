//! `muster apply`: a plan is carried out exactly as it was read, or refused because the world moved.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Outcome, offline};
use crate::engine::plans::{Applied, Written};

/// Carries out a plan of `muster plan --out`, exactly. Refused, and nothing is written, if anybody it is about has changed since.
#[derive(Args)]
pub struct Arguments {
    /// The plan.
    plan: PathBuf,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Only what it says of these workers.
    #[arg(long, value_name = "ID")]
    worker: Vec<String>,
    /// Print JSON instead of a line.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let path = arguments.plan.display();
    let text = std::fs::read(&arguments.plan).map_err(|error| format!("{path} cannot be read: {error}"))?;
    let written: Written =
        serde_json::from_slice(&text).map_err(|error| format!("{path} is no plan: {error}"))?;
    written.check().map_err(|error| format!("{path}: {error}"))?;
    let engine = offline(&arguments.config).await?;
    let only = (!arguments.worker.is_empty()).then_some(arguments.worker.as_slice());
    let known = engine.plan_head(&written.plan.job, written.plan.id).await;
    let known = known.map_err(|error| error.to_string())?;
    if known.hash != written.plan.hash {
        return Err(format!(
            "{path} is not the plan that this gateway made under the same id"
        ));
    }
    let applied = engine.apply_plan(&known.job, known.id, only).await;
    let applied = applied.map_err(|error| error.to_string())?;
    super::read_on(print(&applied, arguments.json, &mut io::stdout().lock()))?;
    Ok(exit(&applied))
}

/// Success where all that was wanted is done, or the job goes on with it by itself.
pub fn exit(applied: &Applied) -> ExitCode {
    match applied.refused == 0 && applied.changed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

pub fn print(applied: &Applied, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, applied)?;
        return writeln!(out);
    }
    writeln!(
        out,
        "{} done, {} refused, {} waiting for an answer; the log has them as cycle {}.",
        applied.done, applied.refused, applied.waiting, applied.cycle
    )?;
    for one in &applied.changed {
        let attribute = one.attribute.as_deref().unwrap_or("account");
        writeln!(
            out,
            "left alone: worker {}, {attribute}: {}",
            one.worker, one.message
        )?;
    }
    Ok(())
}
