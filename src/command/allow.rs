//! `muster allow`: a job may do more of something than its limits let it, until a day, because somebody says so.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use comfy_table::{Table, presets};

use super::{Outcome, app, offline, plain, read_on, who};
use crate::domain::allowance::Allowance;
use crate::domain::guard::Action;
use crate::engine::allowing::Wanted;

/// Lets a job do more of something than its limits do: so many in all, from now until a day. Whoever is held for want of it is
/// looked at at once. What is done under an allowance does not count against the limits.
#[derive(Args)]
#[command(group = ArgGroup::new("what").multiple(true))]
pub struct Arguments {
    /// The app: its id, its name or its job.
    app: String,
    /// So many accounts may be disabled or deleted.
    #[arg(long, visible_alias = "delete", value_name = "N", group = "what")]
    disable: Option<u64>,
    /// So many may be enabled or restored.
    #[arg(long, value_name = "N", group = "what")]
    enable: Option<u64>,
    /// So many may be made.
    #[arg(long, value_name = "N", group = "what")]
    create: Option<u64>,
    /// So many may be moved.
    #[arg(long, value_name = "N", group = "what")]
    r#move: Option<u64>,
    /// So many may get another name (cn, user principal name, sAMAccountName, mail).
    #[arg(long, value_name = "N", group = "what")]
    rename: Option<u64>,
    /// So many may get another value of an attribute.
    #[arg(long, value_name = "ATTRIBUTE=N", value_parser = of_attribute, group = "what")]
    overwrite: Vec<(String, u64)>,
    /// So many may lose the value of an attribute.
    #[arg(long, value_name = "ATTRIBUTE=N", value_parser = of_attribute, group = "what")]
    clear: Vec<(String, u64)>,
    /// A day such as 2026-12-01, to its end (UTC), or an instant; 31 days ahead at most.
    #[arg(long, value_name = "DATE", requires = "what", required_unless_present_any = ["list", "end"])]
    until: Option<String>,
    /// Why, for whoever asks later.
    #[arg(long, value_name = "TEXT", requires = "what", required_unless_present_any = ["list", "end"])]
    reason: Option<String>,
    /// Show what is allowed now, by whom, until when, and how much of it is used.
    #[arg(long, conflicts_with_all = ["what", "end"])]
    list: bool,
    /// End an allowance before its time.
    #[arg(long, value_name = "ID", conflicts_with = "what")]
    end: Option<String>,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

fn of_attribute(text: &str) -> Result<(String, u64), String> {
    let wrong = || format!("'{text}' is not like title=300");
    let (attribute, count) = text.split_once('=').ok_or_else(wrong)?;
    let count = count.trim().parse().map_err(|_| wrong())?;
    match attribute.trim() {
        "" => Err(wrong()),
        attribute => Ok((attribute.to_string(), count)),
    }
}

pub async fn run(arguments: Arguments) -> Outcome {
    let engine = offline(&arguments.config).await?;
    let job = app(engine.config(), &arguments.app)?.job.clone();
    let mut out = io::stdout().lock();
    if let Some(id) = &arguments.end {
        let ended = engine.end_allowance(&job, id, &who::decides()).await;
        ended.map_err(|error| error.to_string())?;
        let told = match arguments.json {
            true => writeln!(out, "{}", serde_json::json!({ "id": id, "ended": true })),
            false => writeln!(out, "Allowance {id} is over."),
        };
        read_on(told)?;
        return Ok(ExitCode::SUCCESS);
    }
    let allowances = match arguments.list {
        true => engine.allowances(&job).await,
        false => {
            let wanted = Wanted {
                actions: actions(&arguments),
                until: arguments.until.unwrap_or_default(),
                reason: arguments.reason.unwrap_or_default(),
                by: who::decides(),
            };
            engine.allow(&job, wanted).await
        }
    };
    let allowances = allowances.map_err(|error| error.to_string())?;
    read_on(print(&allowances, arguments.json, &mut out))?;
    Ok(ExitCode::SUCCESS)
}

fn actions(arguments: &Arguments) -> BTreeMap<Action, u64> {
    let single = [
        (Action::Disable, arguments.disable),
        (Action::Enable, arguments.enable),
        (Action::Create, arguments.create),
        (Action::Move, arguments.r#move),
        (Action::Rename, arguments.rename),
    ];
    let single = single
        .into_iter()
        .filter_map(|(action, count)| Some((action, count?)));
    let overwrite = arguments.overwrite.iter();
    let clear = arguments.clear.iter();
    single
        .chain(overwrite.map(|(name, count)| (Action::Overwrite(name.clone()), *count)))
        .chain(clear.map(|(name, count)| (Action::Clear(name.clone()), *count)))
        .collect()
}

fn print(allowances: &[Allowance], json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, allowances)?;
        return writeln!(out);
    }
    if allowances.is_empty() {
        return writeln!(out, "Nothing is allowed beyond the job's limits.");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["id", "what", "used", "of", "until", "by", "because"]);
    for one in allowances {
        table.add_row([
            one.id.clone(),
            one.action.to_string(),
            one.used.to_string(),
            one.most.to_string(),
            one.until.to_string(),
            plain(&one.by).into_owned(),
            plain(&one.reason).into_owned(),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())
}
