//! `muster schema`: synchronization schemas in and out, checked and tested.

mod trials;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::Outcome;
use crate::config::{App, Config};
use crate::connector::{active_directory, entra};
use crate::domain::account::Model;
use crate::domain::schema::{self, Compiled, Document, Problem, Severity};
use crate::engine::{self, Clock};
use crate::store::{Location, Store};

/// Takes Graph's synchronization schemas in and out, and checks them.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Export(Export),
    Import(Import),
    Check(Check),
}

/// Writes the schema that an app's job runs, as Graph's JSON.
#[derive(Args)]
struct Export {
    #[command(flatten)]
    job: Job,
    /// The file to write; standard output otherwise.
    #[arg(long, short, value_name = "F.json")]
    output: Option<PathBuf>,
}

/// Replaces the schema of an app's job; a running gateway takes it up by itself.
#[derive(Args)]
struct Import {
    #[command(flatten)]
    job: Job,
    /// Graph's JSON as portals export it, in UTF-8 or UTF-16.
    file: PathBuf,
}

#[derive(Args)]
struct Job {
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// The app (service principal).
    #[arg(long, value_name = "ID")]
    app: String,
}

/// Reports everything wrong with a schema, without a config or a gateway; with --tests, whether its mappings give what
/// they should.
#[derive(Args)]
struct Check {
    /// Graph's JSON as portals export it, in UTF-8 or UTF-16.
    file: PathBuf,
    /// Workers, and what they should come to.
    #[arg(long, value_name = "T.json")]
    tests: Option<PathBuf>,
    /// What the schema writes to; told from the name of its target directory otherwise.
    #[arg(long, value_enum)]
    target: Option<Target>,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    ActiveDirectory,
    Entra,
}

pub async fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Export(export) => export.run().await,
        Command::Import(import) => import.run().await,
        Command::Check(check) => check.run(),
    }
}

impl Export {
    async fn run(self) -> Outcome {
        let (config, store) = self.job.open().await?;
        let app = self.job.app(&config)?;
        let newest = engine::schemas::newest(&store, app)
            .await
            .map_err(|error| error.to_string())?;
        let document = match newest {
            Some((_, document)) => document,
            None => engine::declared(app).map_err(|error| error.to_string())?,
        };
        let text = format!("{:#}\n", document.json());
        match &self.output {
            None => print!("{text}"),
            Some(path) => std::fs::write(path, text)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Import {
    async fn run(self) -> Outcome {
        let (config, store) = self.job.open().await?;
        let app = self.job.app(&config)?;
        let wrong = |error: crate::error::Error| format!("{}:\n{}", self.file.display(), error.message);
        let given = schema::json(&bytes(&self.file)?).map_err(|problems| engine::invalid(&problems));
        let checked = given.and_then(|given| engine::schemas::checked(&config, app, given));
        let (document, warnings) = checked.map_err(wrong)?;
        let clock = Clock::system();
        // The gateway may not have run yet.
        engine::take_in(&config, app, &store, &clock)
            .await
            .map_err(|error| error.to_string())?;
        let revision = engine::schemas::Revision {
            origin: "api",
            after: None,
            now: clock.now(),
        };
        engine::schemas::keep(&config, &store, app, &document, revision)
            .await
            .map_err(|error| error.to_string())?;
        for warning in warnings {
            println!("warning: {warning}");
        }
        println!(
            "imported for {}: a running gateway takes it up by itself",
            app.name
        );
        Ok(ExitCode::SUCCESS)
    }
}

impl Job {
    /// The config and the database, beside a gateway that may be running.
    async fn open(&self) -> Result<(Config, Store), String> {
        let config = Config::load(&self.config).map_err(|problems| problems.to_string())?;
        let location = Location::parse(&config.store.url).map_err(|error| error.to_string())?;
        let store = Store::open(location).await.map_err(|error| error.to_string())?;
        Ok((config, store))
    }

    fn app<'c>(&self, config: &'c Config) -> Result<&'c App, String> {
        config.app(&self.app).ok_or_else(|| {
            let known: Vec<String> = config
                .apps
                .iter()
                .map(|app| format!("{} ({})", app.id, app.name))
                .collect();
            format!(
                "{} has no app {}: it has {}",
                self.config.display(),
                self.app,
                known.join(", ")
            )
        })
    }
}

impl Check {
    fn run(self) -> Outcome {
        let (problems, compiled) = match bytes(&self.file).map(|bytes| Document::decode(&bytes))? {
            Err(problems) => (problems, None),
            Ok(document) => {
                let model = self.model(&document)?;
                let mut problems = document.warnings().to_vec();
                match schema::compile(document.schema(), schema::Options { model }) {
                    Err(found) => {
                        problems.extend(found);
                        (problems, None)
                    }
                    Ok((compiled, warnings)) => {
                        problems.extend(warnings);
                        (problems, Some(compiled))
                    }
                }
            }
        };
        let trials = match (&self.tests, &compiled) {
            (Some(path), Some(compiled)) => run_trials(path, compiled)?,
            _ => Vec::new(),
        };
        print(&problems, &trials, self.json);
        let failed = compiled.is_none() || trials.iter().any(|trial| !trial.failures.is_empty());
        Ok(if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn model(&self, document: &Document) -> Result<Model, String> {
        let rules = &document.schema().synchronization_rules;
        let name = rules
            .iter()
            .find_map(|rule| rule.target_directory_name.as_deref())
            .unwrap_or_default();
        let target = match self.target {
            Some(target) => target,
            None if name.contains("Entra") || name.contains("Azure") => Target::Entra,
            None if name.contains("Active Directory") => Target::ActiveDirectory,
            None => {
                return Err(format!(
                    "the target directory '{name}' does not say what it is: give --target active-directory or --target entra"
                ));
            }
        };
        Ok(match target {
            Target::ActiveDirectory => active_directory::MODEL,
            Target::Entra => entra::MODEL,
        })
    }
}

fn run_trials(path: &Path, compiled: &Compiled) -> Result<Vec<trials::Result>, String> {
    let wrong = |error: String| format!("{}: {error}", path.display());
    trials::run(&bytes(path)?, compiled).map_err(wrong)
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn print(problems: &[Problem], trials: &[trials::Result], as_json: bool) {
    let word = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    if as_json {
        let problems: Vec<_> = problems
            .iter()
            .map(|one| json!({ "severity": word(one.severity), "path": one.path, "message": one.message }))
            .collect();
        println!("{}", json!({ "problems": problems, "tests": trials }));
        return;
    }
    for problem in problems {
        println!("{}: {problem}", word(problem.severity));
    }
    for trial in trials {
        for failure in &trial.failures {
            println!("{}: {failure}", trial.name);
        }
    }
    let passed = trials.iter().filter(|trial| trial.failures.is_empty()).count();
    match trials.len() {
        0 if problems.is_empty() => println!("everything is in order"),
        0 => {}
        all => println!("{passed} of {all} tests passed"),
    }
}
