//! `muster plan`: what would be done to whom, and why. Nothing is written outside, and no account is touched.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Outcome, app, offline, plain};
use crate::domain::plan::{Effect, Proposal};
use crate::engine::Engine;
use crate::engine::plans::{Head, Scope, Written};

/// Lines shown of a large plan; `--json` and `--out` have them all.
const MOST_LINES: usize = 200;

/// Shows what would change, for whom, from what to what, and where each value comes from. Writes it nowhere but into a plan.
#[derive(Args)]
pub struct Arguments {
    /// The app: its id, its name or its job.
    app: String,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Everybody, and not only those about whom there is something to look at.
    #[arg(long, conflicts_with = "worker")]
    full: bool,
    /// Only these workers, by HR's own key for them (externalId, WID).
    #[arg(long, value_name = "ID")]
    worker: Vec<String>,
    /// Keep the plan in a file, for `muster apply`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the plan as JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let engine = offline(&arguments.config).await?;
    let job = app(engine.config(), &arguments.app)?.job.clone();
    let scope = match (arguments.full, arguments.worker.is_empty()) {
        (true, _) => Scope::Everybody,
        (false, true) => Scope::Due,
        (false, false) => Scope::Workers(arguments.worker),
    };
    let bar = progress();
    let made = engine.make_plan(&job, scope, |head| show(&bar, head)).await;
    bar.finish_and_clear();
    let plan = made.map_err(|error| error.to_string())?;
    let changes = everything(&engine, &plan).await?;
    let written = Written { plan, changes };
    let wrong = |error: io::Error| format!("the plan cannot be written: {error}");
    if let Some(path) = &arguments.out {
        let text = serde_json::to_string_pretty(&written).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(wrong)?;
    }
    let mut out = io::stdout().lock();
    let printed = match arguments.json {
        true => serde_json::to_writer_pretty(&mut out, &written)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out)),
        false => print(&written, arguments.out.as_deref(), &mut out),
    };
    super::read_on(printed)?;
    Ok(ExitCode::SUCCESS)
}

async fn everything(engine: &Engine, plan: &Head) -> Result<Vec<Proposal>, String> {
    let mut changes: Vec<Proposal> = Vec::new();
    loop {
        let after = changes.last().map_or("", |one| one.worker.as_str());
        let page = engine.proposals(plan.id, after).await;
        let page = page.map_err(|error| error.to_string())?;
        if page.is_empty() {
            return Ok(changes);
        }
        changes.extend(page);
    }
}

fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} workers, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, head: &Head) {
    bar.set_length(head.expected);
    bar.set_position(head.looked_at);
}

fn print(written: &Written, kept: Option<&std::path::Path>, out: &mut impl Write) -> io::Result<()> {
    let Written { plan, changes } = written;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["worker", "name", "what", "is", "will be", "because"]);
    let lines: Vec<[String; 6]> = changes.iter().flat_map(|change| lines(change, plan)).collect();
    for line in lines.iter().take(MOST_LINES) {
        table.add_row(line);
    }
    if !lines.is_empty() {
        writeln!(out, "{}", table.trim_fmt())?;
    }
    if lines.len() > MOST_LINES {
        writeln!(
            out,
            "… and {} more: --out FILE or --json has them all",
            lines.len() - MOST_LINES
        )?;
    }
    let counts: Vec<String> = plan
        .counts
        .iter()
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    let counts = match counts.is_empty() {
        true => "nothing to do".to_string(),
        false => counts.join(", "),
    };
    writeln!(out, "{} workers looked at: {counts}.", plan.looked_at)?;
    match kept {
        Some(path) => writeln!(
            out,
            "Plan {} is in {}: `muster apply` carries out exactly that.",
            plan.id,
            path.display()
        ),
        None => writeln!(
            out,
            "Nothing was changed. --out FILE keeps the plan for `muster apply`."
        ),
    }
}

/// One line an effect, then what is held, then what is wrong.
fn lines(change: &Proposal, plan: &Head) -> Vec<[String; 6]> {
    let who = || {
        let name = change.name.as_deref().unwrap_or_default();
        [plain(&change.worker).into_owned(), plain(name).into_owned()]
    };
    let line = |what: &str, is: String, will: String, because: String| {
        let [worker, name] = who();
        [worker, name, what.to_string(), is, will, because]
    };
    let mut lines = Vec::new();
    for effect in &change.effects {
        match effect {
            Effect::Create {
                values,
                container,
                enabled,
                ..
            } => {
                let state = if *enabled { "enabled" } else { "disabled" };
                let place = container.clone().unwrap_or_default();
                lines.push(line(
                    "create",
                    String::new(),
                    format!("{place} ({state})"),
                    String::new(),
                ));
                for (attribute, values) in values {
                    lines.push(line(
                        attribute,
                        String::new(),
                        shown(values),
                        because(attribute, change, plan),
                    ));
                }
            }
            Effect::Set {
                attribute,
                before,
                after,
            } => {
                lines.push(line(
                    attribute,
                    shown(before),
                    shown(after),
                    because(attribute, change, plan),
                ));
            }
            Effect::Refer {
                attribute,
                before,
                after,
            } => {
                let text = |anchor: &Option<_>| anchor.as_ref().map(ToString::to_string).unwrap_or_default();
                lines.push(line(
                    attribute,
                    text(before),
                    text(after),
                    because(attribute, change, plan),
                ));
            }
            Effect::Rename { before, after } | Effect::Move { before, after } => {
                let what = effect.attribute().unwrap_or_default();
                lines.push(line(what, before.clone(), after.clone(), String::new()));
            }
            Effect::Disable => lines.push(line(
                "disable",
                "enabled".into(),
                "disabled".into(),
                String::new(),
            )),
            Effect::Enable => lines.push(line("enable", "disabled".into(), "enabled".into(), String::new())),
            Effect::Restore => lines.push(line(
                "restore",
                "deleted".into(),
                "as it was".into(),
                String::new(),
            )),
            Effect::Password { .. } => {
                lines.push(line("password", String::new(), "another".into(), String::new()))
            }
            Effect::Delete => lines.push(line("delete", String::new(), "gone".into(), String::new())),
        }
    }
    for held in &change.held {
        let why = format!("a limit holds it back ({} in 24 hours)", held.limit);
        lines.push(line(&held.action, String::new(), "held".into(), why));
    }
    for finding in &change.findings {
        let what = finding.attribute.as_deref().unwrap_or("—");
        lines.push(line(
            what,
            String::new(),
            finding.code.to_string(),
            plain(&finding.message).into_owned(),
        ));
    }
    lines
}

/// The expression, and what HR says of all that it reads.
fn because(attribute: &str, change: &Proposal, plan: &Head) -> String {
    let Some(expression) = plan.mappings.get(attribute) else {
        return String::new();
    };
    let read = change
        .inputs
        .iter()
        .filter(|(name, _)| expression.contains(&format!("[{name}]")));
    let read: Vec<String> = read
        .map(|(name, values)| format!("{name} = {}", shown(values)))
        .collect();
    match read.is_empty() {
        true => expression.clone(),
        false => format!("{expression}, {}", read.join(", ")),
    }
}

fn shown(values: &[String]) -> String {
    let values: Vec<Cow<'_, str>> = values.iter().map(|value| plain(value)).collect();
    values.join(", ")
}
