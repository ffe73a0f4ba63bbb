//! One file a subcommand. Each answers with an exit code, or with one line that says what to do next.

pub mod allow;
pub mod apply;
pub mod bulk;
pub mod check;
pub mod demo;
pub mod eval;
pub mod explain;
pub mod forget;
pub mod hold;
pub mod lab;
pub mod link;
pub mod plan;
pub mod release;
pub mod report;
pub mod review;
pub mod schema;
pub mod serve;
pub mod undo;
mod who;
pub mod workday;

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{App, Config};
use crate::engine::{Clock, Engine};
use crate::store::{Location, Store};

pub type Outcome = Result<ExitCode, String>;

/// Whether somebody reads what is printed; that nobody does any more (`| head`) is no failure.
fn read_on(written: io::Result<()>) -> Result<bool, String> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(format!("cannot write to stdout: {error}")),
    }
}

/// The config, and the database that a gateway with it has made.
async fn known(config: &Path) -> Result<(Config, Store), String> {
    let config = Config::load(config).map_err(|problems| problems.to_string())?;
    let location = Location::parse(&config.store.url).map_err(|error| error.to_string())?;
    if let Location::Sqlite(path) = &location
        && !path.exists()
    {
        return Err(format!(
            "there is no database {}: run `muster serve` with this config first",
            path.display()
        ));
    }
    let store = Store::open(location).await.map_err(|error| error.to_string())?;
    Ok((config, store))
}

/// The gateway's jobs and what it knows, without running anything.
async fn offline(config: &Path) -> Result<Engine, String> {
    let (config, store) = known(config).await?;
    let engine = Engine::open(config, store, Clock::system()).await;
    engine.map_err(|error| error.to_string())
}

/// The app that somebody means: by its id, its name or its job.
fn app<'c>(config: &'c Config, named: &str) -> Result<&'c App, String> {
    let is_meant =
        |app: &&App| app.id.to_string().eq_ignore_ascii_case(named) || app.name == named || app.job == named;
    config.apps.iter().find(is_meant).ok_or_else(|| {
        let known = config.apps.iter().map(|app| format!("{} ({})", app.id, app.name));
        let known: Vec<String> = known.collect();
        format!("there is no app '{named}': use one of {}", known.join(", "))
    })
}

/// What somebody else said, on one line and with nothing that a terminal would obey.
fn plain(text: &str) -> Cow<'_, str> {
    match text.chars().any(char::is_control) {
        true => text.replace(char::is_control, " ").into(),
        false => text.into(),
    }
}

/// Cancelled by Ctrl-C or SIGTERM, which from now on do nothing else.
fn until_signalled() -> Result<CancellationToken, String> {
    let heard = |kind| signal(kind).map_err(|error| format!("signals cannot be heard: {error}"));
    let (mut interrupted, mut terminated) =
        (heard(SignalKind::interrupt())?, heard(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        signalled.cancel();
    });
    Ok(stop)
}
