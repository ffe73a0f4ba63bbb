//! One file a subcommand. Each answers with an exit code, or with one line that says what to do next.

pub mod allow;
pub mod apply;
pub mod bulk;
pub mod check;
pub mod demo;
pub mod eval;
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

/// The gateway's jobs and what it knows, without running anything.
async fn offline(config: &Path) -> Result<Engine, String> {
    let config = Config::load(config).map_err(|problems| problems.to_string())?;
    let store = async {
        let store = Store::open(Location::parse(&config.store.url)?).await?;
        Engine::open(config.clone(), store, Clock::system()).await
    };
    store.await.map_err(|error| error.to_string())
}

/// The app that somebody means: by its id, its name or its job.
fn app<'c>(config: &'c Config, named: &str) -> Result<&'c App, String> {
    let is_meant = |app: &&App| app.id.to_string() == named || app.name == named || app.job == named;
    config.apps.iter().find(is_meant).ok_or_else(|| {
        let known: Vec<&str> = config.apps.iter().map(|app| app.name.as_str()).collect();
        format!(
            "there is no app '{named}' in the config; there is '{}'",
            known.join("', '")
        )
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
