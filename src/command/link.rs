//! `muster link`: whose account is whose, where matching cannot know.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use comfy_table::{Table, presets};

use super::{Outcome, app, offline, plain, read_on};
use crate::engine::link::{Join, Joined};

/// The columns, by what they may be called.
const WORKER: &[&str] = &["worker", "externalid", "wid", "id"];
const ACCOUNT: &[&str] = &[
    "account",
    "objectguid",
    "distinguishedname",
    "dn",
    "userprincipalname",
    "samaccountname",
    "objectid",
];

/// Joins workers with accounts, all of them or none. A column `worker` has HR's own key, a column `account` the account's
/// anchor, DN or name, or - where none of the accounts that are there is this worker's.
#[derive(Args)]
pub struct Arguments {
    /// The app: its id, its name or its job.
    app: String,
    /// A CSV file with a heading: worker,account.
    links: PathBuf,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let joins = read(&arguments.links)?;
    let engine = offline(&arguments.config).await?;
    let job = app(engine.config(), &arguments.app)?.job.clone();
    let joined = engine.join(&job, &joins).await;
    let joined = joined.map_err(|error| error.to_string())?;
    read_on(print(&joined, arguments.json, &mut io::stdout().lock()))?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<Join>, String> {
    let shown = path.display();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let headings = reader
        .headers()
        .map_err(|error| format!("{shown}: {error}"))?
        .clone();
    let column = |names: &[&str]| {
        let is_it = |heading: &str| {
            let plain = heading.trim_start_matches('\u{feff}').to_lowercase();
            names.contains(&plain.as_str())
        };
        let found = headings.iter().position(is_it);
        found.ok_or_else(|| {
            format!(
                "{shown} has no column '{}': its first line must be worker,account",
                names[0]
            )
        })
    };
    let (worker, account) = (column(WORKER)?, column(ACCOUNT)?);
    let mut joins = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("{shown}: {error}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |at: usize| record.get(at).unwrap_or_default().to_string();
        if field(worker).is_empty() {
            return Err(format!("{shown}, line {line}: no worker is named"));
        }
        if field(account).is_empty() {
            return Err(format!(
                "{shown}, line {line}: no account is named: write - where none of those that are there is worker {}'s, or leave the line out",
                field(worker)
            ));
        }
        joins.push(Join {
            line,
            worker: field(worker),
            account: field(account),
        });
    }
    match joins.is_empty() {
        true => Err(format!("{shown} names nobody")),
        false => Ok(joins),
    }
}

fn print(joined: &[Joined], json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, joined)?;
        return writeln!(out);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["worker", "account", ""]);
    for one in joined {
        let account = one.account.as_deref().map(plain);
        table.add_row([
            plain(&one.worker).into_owned(),
            account.map_or_else(
                || "none of those that are there".to_string(),
                std::borrow::Cow::into_owned,
            ),
            if one.already { "as before" } else { "" }.to_string(),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())
}
