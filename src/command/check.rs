//! `muster check`: everything wrong with a config, its schemas and its systems, at once; with `--rights` also what the
//! service accounts may do, and instead with `--print-delegation` how to let them.

mod beside;
mod rights;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::Outcome;
use crate::config::{App, Config, FirstCycle, Mode};
use crate::connector::rights::Tool;
use crate::connector::{Problem, Severity, System};
use crate::domain::schema::{Document, Schema};
use crate::engine;

/// Checks config, schemas, expressions, credentials and reachability; reports every problem.
#[derive(Args)]
pub struct Arguments {
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Also compare what each service account may do with what its apps need of it: what is missing, what is too much. Writes
    /// nothing. Fails when something is missing, or the account is an administrator's.
    #[arg(long)]
    rights: bool,
    /// Print instead the commands that grant a service account what its apps need on their containers, and no more: for dsacls
    /// (Windows) or samba-tool; of Entra ID and Workday the permissions to grant.
    #[arg(long, value_name = "TOOL", num_args = 0..=1, require_equals = true, default_missing_value = "dsacls",
          conflicts_with_all = ["rights", "json"])]
    print_delegation: Option<Delegation>,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Delegation {
    Dsacls,
    SambaTool,
}

struct Line {
    severity: &'static str,
    place: String,
    message: String,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let config = Config::load(&arguments.config);
    if let (Some(tool), Ok(config)) = (arguments.print_delegation, &config) {
        let tool = match tool {
            Delegation::Dsacls => Tool::Dsacls,
            Delegation::SambaTool => Tool::SambaTool,
        };
        return rights::print_delegation(config, tool).await;
    }
    let lines = match &config {
        Ok(config) => systems(config).await,
        Err(problems) => {
            let messages = problems.0.iter();
            messages.map(|message| error("config", message.clone())).collect()
        }
    };
    let found = match &config {
        Ok(config) if arguments.rights => rights::of_all(config).await,
        _ => Vec::new(),
    };
    print(&lines, &found, &arguments);
    let failed =
        lines.iter().any(|line| line.severity == "error") || found.iter().any(rights::Found::is_wrong);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Compiles every app's schema and asks every system what it makes of it.
async fn systems(config: &Config) -> Vec<Line> {
    let mut lines = circles(config);
    lines.extend(beside::of_all(config));
    for app in &config.apps {
        let place = format!("app {} ({})", app.id, app.name);
        let policy = match engine::compile(config, app) {
            Ok((policy, warnings)) => {
                lines.extend(
                    warnings
                        .iter()
                        .map(|problem| warning(&place, problem.to_string())),
                );
                policy
            }
            Err(problem) => {
                lines.extend(
                    problem
                        .message
                        .lines()
                        .map(|message| error(&place, message.to_string())),
                );
                continue;
            }
        };
        lines.extend(switches(&place, app, &policy));
        let Some(system) = config.systems.get(&app.target) else {
            continue;
        };
        match system.target(&policy.target_attributes(), app.never.as_deref()) {
            Err(problem) => lines.push(error(&app.target, problem.to_string())),
            Ok(target) => {
                let problems = target.check(app.settings.container.as_slice()).await;
                lines.extend(problems.into_iter().map(|problem| found(&app.target, problem)));
            }
        }
    }
    let pulled = config.systems.iter().filter(|(_, system)| system.is_pulled());
    for (name, system) in pulled {
        lines.extend(source(config, name, system).await);
    }
    lines
}

/// One attribute mapped in both directions (B30).
fn circles(config: &Config) -> Vec<Line> {
    let declared = |app| Some((app, engine::declared(app).ok()?));
    let documents: Vec<_> = config.apps.iter().filter_map(declared).collect();
    let all: Vec<_> = documents.iter().map(|(app, document)| (*app, document)).collect();
    let homeward = all.iter().filter(|(app, _)| {
        let model = config.systems.get(&app.target).and_then(System::model);
        model.is_some_and(|model| model.record.is_some())
    });
    let problems = homeward.flat_map(|ruled| {
        let place = format!("app {} ({})", ruled.0.id, ruled.0.name);
        let problems = engine::circles(config, *ruled, &all).into_iter();
        problems.map(move |problem| error(&place, problem.to_string()))
    });
    problems.collect()
}

/// Asks a source what it makes of all that is to be read of it.
async fn source(config: &Config, name: &str, system: &System) -> Vec<Line> {
    let readers = config.apps.iter().filter(|app| app.source == name);
    // What is wrong with a schema has been told already.
    let schemas: Vec<Document> = readers.filter_map(|app| engine::declared(app).ok()).collect();
    if schemas.is_empty() {
        return Vec::new();
    }
    let read: Vec<&Schema> = schemas.iter().map(Document::schema).collect();
    match system.source(&read) {
        Err(problem) => vec![error(&format!("system {name}"), problem.to_string())],
        Ok(source) => {
            let problems = source.check().await;
            problems.into_iter().map(|problem| found(name, problem)).collect()
        }
    }
}

fn found(system: &str, problem: Problem) -> Line {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    Line {
        severity,
        place: format!("system {system}"),
        message: problem.message,
    }
}

/// Settings that leave Entra's behaviour, and gaps that only the whole app shows.
fn switches(place: &str, app: &App, policy: &crate::domain::policy::Policy) -> Vec<Line> {
    use crate::domain::mapping::Role;
    let warn = |message: &str| warning(place, message.to_string());
    let mut lines = Vec::new();
    if policy.schema.flow_types.add
        && policy.mapping(Role::Container).is_none()
        && policy.settings.container.is_none()
        && policy.model.container.is_some()
    {
        lines.push(error(
            place,
            "no container: set `container`, or map parentDistinguishedName".into(),
        ));
    }
    if policy.settings.skip_out_of_scope_deletions {
        lines.push(warn("leaving the scope does nothing to an account; Entra disables it: skip_out_of_scope_deletions = false does the same"));
    }
    if app.mode == Mode::Plan {
        lines.push(warn(
            "mode = \"plan\": every cycle is planned and reported, and nothing is written",
        ));
    }
    if app.first_cycle == FirstCycle::Apply {
        lines.push(warn("first_cycle = \"apply\": nobody reads what the first cycle does to accounts that are there already"));
    }
    if policy.settings.reenable_by_hr {
        lines.push(warn("reenable = \"hr\": accounts that somebody disabled by hand are enabled as long as HR says active"));
    }
    if !policy.settings.twins.is_empty() {
        lines.push(warn("twin_filter: of several accounts with one matching value, those that it names are left out where exactly one remains; Entra takes none of several"));
    }
    if policy.settings.recreate {
        lines.push(warn("recreate = true: an account that somebody deleted is made again as soon as HR says something new of its person; without it, only when the link is deleted"));
    }
    if !policy.schema.flow_types.update {
        lines.push(warn("Update is not among the flowTypes: nobody is disabled who leaves, and a reference stays empty whose account comes later"));
    }
    lines
}

fn warning(place: &str, message: String) -> Line {
    Line {
        severity: "warning",
        place: place.to_string(),
        message,
    }
}

fn error(place: &str, message: String) -> Line {
    Line {
        severity: "error",
        place: place.to_string(),
        message,
    }
}

fn print(lines: &[Line], found: &[rights::Found], arguments: &Arguments) {
    if arguments.json {
        let problems: Vec<_> = lines
            .iter()
            .map(|line| json!({ "severity": line.severity, "place": line.place, "message": line.message }))
            .collect();
        let mut report = json!({ "problems": problems });
        if arguments.rights {
            report["rights"] = json!(found);
        }
        println!("{report}");
        return;
    }
    for line in lines {
        println!("{}: {}: {}", line.severity, line.place, line.message);
    }
    if lines.is_empty() {
        println!("everything is in order");
    }
    for found in found {
        println!("\n{found}");
    }
}
