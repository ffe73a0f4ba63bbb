//! `muster lab`: simulated systems to practise on.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{Outcome, serve};
use crate::lab::entra::{self, Throttling};
use crate::lab::faults::Fault;

/// Simulated systems to practise on, in memory and on loopback. Prints one line of JSON that says how to reach it,
/// then serves until SIGTERM or Ctrl-C.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    system: System,
}

#[derive(Subcommand)]
enum System {
    Entra(Entra),
}

/// Entra ID, as Microsoft Graph's users surface.
#[derive(Args)]
struct Entra {
    /// Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Decides who works there, and every id and secret.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People in the directory from the start.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// A file of JSON that says what goes wrong: {"faults": […]}.
    #[arg(long)]
    faults: Option<PathBuf>,
    /// How far searches lag behind what was written, in milliseconds.
    #[arg(long, default_value_t = 300)]
    search_delay: u64,
    /// No limits on calls; without this they are those that Microsoft publishes.
    #[arg(long)]
    unthrottled: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    match arguments.system {
        System::Entra(arguments) => entra(arguments).await,
    }
}

async fn entra(arguments: Entra) -> Outcome {
    let faults = faults(arguments.faults.as_deref())?;
    let listener = TcpListener::bind(arguments.listen)
        .map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;
    let options = entra::Options {
        seed: arguments.seed,
        workers: arguments.workers,
        settings: entra::Settings {
            search_delay_ms: arguments.search_delay,
            throttle: match arguments.unthrottled {
                true => Throttling::Off,
                false => Throttling::Published,
            },
            ..entra::Settings::default()
        },
        ..entra::Options::default()
    };
    let stop = CancellationToken::new();
    tokio::spawn(serve::stop_on_signal(stop.clone()));
    let system = entra::start(options, listener, stop).map_err(|error| error.to_string())?;
    system.controls.faults.replace(faults);
    println!("{}", serde_json::json!(system));
    system.stopped().await;
    Ok(ExitCode::SUCCESS)
}

/// The script in this file, if any.
fn faults(file: Option<&Path>) -> Result<Vec<Fault>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Script {
        faults: Vec<Fault>,
    }
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the faults in {}: {error}", file.display()))?;
    let script: Script = serde_json::from_str(&text)
        .map_err(|error| format!("{} is no script of faults: {error}", file.display()))?;
    Ok(script.faults)
}
