//! `muster lab`: simulated systems to practise on.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use super::{Outcome, read_on, until_signalled};
use crate::lab::directory;
use crate::lab::entra::{self, Throttling};
use crate::lab::faults::Fault;
use crate::lab::workday;

/// Simulated systems of an invented company to practise on, in memory and on loopback. Prints one line of JSON that says
/// how to reach it, then serves until SIGTERM or Ctrl-C.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    system: System,
}

#[derive(Subcommand)]
enum System {
    Directory(Directory),
    Entra(Entra),
    Workday(Workday),
}

/// What every simulator is told.
#[derive(Args)]
struct Common {
    /// Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_parser = loopback)]
    listen: SocketAddr,
    /// Decides who works there: the same company for the same seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People of the company, who have accounts from the start.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// A file of JSON that says what goes wrong: {"faults": […]}.
    #[arg(long)]
    faults: Option<PathBuf>,
}

/// Active Directory as Windows has it, over LDAP with and without TLS.
#[derive(Args)]
struct Directory {
    #[command(flatten)]
    common: Common,
    /// The domain's DN.
    #[arg(long, default_value = "DC=example,DC=test")]
    base_dn: String,
    /// Where the certificate authority's `ca.pem` is written.
    #[arg(long)]
    ca_folder: Option<PathBuf>,
    /// The service account's password, from the environment alone; a random one where it is not set.
    #[arg(long, env = "MUSTER_LAB_PASSWORD", hide_env_values = true, hide = true)]
    password: Option<String>,
}

/// Entra ID, as Microsoft Graph's users surface.
#[derive(Args)]
struct Entra {
    #[command(flatten)]
    common: Common,
    /// How far searches lag behind what was written, in milliseconds.
    #[arg(long, default_value_t = 300)]
    search_delay: u64,
    /// No limits on calls; without this they are those that Microsoft publishes.
    #[arg(long)]
    unthrottled: bool,
}

/// Workday's web services, of a company in which something happens every day.
#[derive(Args)]
struct Workday {
    #[command(flatten)]
    common: Common,
    /// The tenant's name.
    #[arg(long, default_value = "northwind")]
    tenant: String,
    /// How much happens in the company on a day by itself; about one thing for 150 people when absent.
    #[arg(long)]
    news: Option<u32>,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let stop = until_signalled()?;
    match arguments.system {
        System::Directory(arguments) => directory(arguments, stop.clone()).await?,
        System::Entra(arguments) => entra(arguments, stop.clone())?,
        System::Workday(arguments) => workday(arguments, stop.clone())?,
    }
    stop.cancelled().await;
    Ok(ExitCode::SUCCESS)
}

async fn directory(arguments: Directory, stop: CancellationToken) -> Result<(), String> {
    let common = arguments.common;
    let listener = listen(common.listen)?;
    let options = directory::Options {
        seed: common.seed,
        workers: common.workers,
        base_dn: arguments.base_dn,
        ca_folder: arguments.ca_folder,
        password: arguments.password,
        faults: faults(common.faults.as_deref())?,
        ..directory::Options::default()
    };
    let directory = directory::start(options, listener, stop)
        .await
        .map_err(|error| error.to_string())?;
    let description = json!({
        "url": directory.url,
        "ldap_url": directory.ldap_url,
        "admin": directory.admin,
        "base_dn": directory.base_dn,
        "user": directory.user,
        "password": directory.password,
        "admin_user": directory.admin_user,
        "admin_password": directory.admin_password,
        "ca_file": directory.ca_file,
    });
    describe(&description)
}

fn entra(arguments: Entra, stop: CancellationToken) -> Result<(), String> {
    let common = arguments.common;
    let listener = listen(common.listen)?;
    let options = entra::Options {
        seed: common.seed,
        workers: common.workers,
        settings: entra::Settings {
            search_delay_ms: arguments.search_delay,
            throttle: match arguments.unthrottled {
                true => Throttling::Off,
                false => Throttling::Published,
            },
            ..entra::Settings::default()
        },
        faults: faults(common.faults.as_deref())?,
        ..entra::Options::default()
    };
    let system = entra::start(options, listener, stop).map_err(|error| error.to_string())?;
    describe(&json!(system))
}

fn workday(arguments: Workday, stop: CancellationToken) -> Result<(), String> {
    let common = arguments.common;
    let listener = listen(common.listen)?;
    let usual = u32::try_from(common.workers.div_ceil(150)).unwrap_or(u32::MAX);
    let options = workday::Options {
        seed: common.seed,
        workers: common.workers,
        tenant: arguments.tenant,
        settings: workday::Settings {
            news_per_day: arguments.news.unwrap_or(usual),
            ..workday::Settings::default()
        },
        faults: faults(common.faults.as_deref())?,
        ..workday::Options::default()
    };
    let system = workday::start(options, listener, stop).map_err(|error| error.to_string())?;
    describe(&json!(system))
}

fn describe(system: &Json) -> Result<(), String> {
    read_on(writeln!(io::stdout(), "{system}")).map(drop)
}

/// A simulator says its passwords to whoever asks: nobody beyond this machine is to reach it.
pub(super) fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write 127.0.0.1:PORT".to_string())?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("simulators are on loopback only: write 127.0.0.1:PORT".into()),
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).map_err(|error| format!("cannot listen on {address}: {error}"))
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
