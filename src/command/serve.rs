//! `muster serve`: the gateway.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Outcome, until_signalled};
use crate::api::{self, Gateway};
use crate::config::Config;
use crate::engine::{Clock, Engine};
use crate::store::{Location, Store};

/// Runs the gateway until SIGTERM or Ctrl-C; the change in hand is finished first.
#[derive(Args)]
pub struct Arguments {
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let config = Config::load(&arguments.config).map_err(|problems| problems.to_string())?;
    let stop = until_signalled()?;
    let listener = TcpListener::bind(config.server.listen)
        .map_err(|error| format!("cannot listen on {}: {error}", config.server.listen))?;
    serve(config, listener, Clock::system(), stop)
        .await
        .map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// The gateway on a listener and by a clock of the caller's, until `stop`.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    clock: Clock,
    stop: CancellationToken,
) -> crate::error::Result<()> {
    let store = Store::open(Location::parse(&config.store.url)?).await?;
    let _claim = store.claim().await?;
    let tls = config.server.tls.clone();
    let engine = Engine::prepare(config, store.clone(), clock).await?;
    let gateway = Gateway::new(engine.clone()).await?;
    let tasks = TaskTracker::new();
    engine.start(&tasks, &stop);
    tasks.close();
    if let Ok(address) = listener.local_addr() {
        let scheme = if tls.is_some() { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{address}");
    }
    let served = api::serve(gateway, listener, tls.as_ref(), stop.clone()).await;
    tracing::info!("stopping: the change in hand is finished first");
    stop.cancel();
    tasks.wait().await;
    store.tidy().await?;
    served
}
