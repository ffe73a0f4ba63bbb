//! `muster review`: what the first cycle would do to a directory with people in it, before it does it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Outcome, app, offline, plain, read_on};
use crate::domain::review::{Case, Line, Report, Sample, Standing};
use crate::engine::Engine;
use crate::engine::review::{Standings, Strays};

/// Shows what releasing everybody would do: who is matched by what, who is not, what would be filled, overwritten, cleared, moved,
/// enabled and disabled, and whose accounts nobody knows.
#[derive(Args)]
pub struct Arguments {
    /// The app: its id, its name or its job.
    app: String,
    /// Everything about one worker, by HR's own key.
    #[arg(long, value_name = "ID")]
    worker: Option<String>,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Print JSON instead of text; with every worker, one by one, as `workers`.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let engine = offline(&arguments.config).await?;
    let job = app(engine.config(), &arguments.app)?.job.clone();
    if let Some(worker) = &arguments.worker {
        return one(&engine, &job, worker).await;
    }
    let standings = engine.review(&job).await.map_err(|error| error.to_string())?;
    let printed = match arguments.json {
        false => text(&standings),
        true => {
            let mut whole = serde_json::to_value(&standings).map_err(|error| error.to_string())?;
            whole["workers"] = everybody(&engine, &job).await?.into();
            format!("{whole:#}\n")
        }
    };
    read_on(io::stdout().lock().write_all(printed.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

async fn one(engine: &Engine, job: &str, worker: &str) -> Outcome {
    let mut found = None;
    each(engine, job, |standing, case| {
        if case.proposal.worker == worker {
            found = Some(view(standing, case));
        }
    })
    .await?;
    let found = found.ok_or_else(|| format!("worker {worker} is under no review"))?;
    read_on(writeln!(io::stdout().lock(), "{found:#}"))?;
    Ok(ExitCode::SUCCESS)
}

async fn everybody(engine: &Engine, job: &str) -> Result<Vec<serde_json::Value>, String> {
    let mut all = Vec::new();
    each(engine, job, |standing, case| all.push(view(standing, case))).await?;
    Ok(all)
}

async fn each(engine: &Engine, job: &str, mut told: impl FnMut(Standing, &Case)) -> Result<(), String> {
    let mut after = String::new();
    loop {
        let page = engine.reviewed(job, &after).await;
        let page = page.map_err(|error| error.to_string())?;
        let Some((_, last)) = page.last() else {
            return Ok(());
        };
        after.clone_from(&last.proposal.worker);
        page.iter().for_each(|(standing, case)| told(*standing, case));
    }
}

fn view(standing: Standing, case: &Case) -> serde_json::Value {
    let mut view = json!(case);
    view["standing"] = json!(standing);
    view
}

/// The review for a person at a terminal.
pub fn text(standings: &Standings) -> String {
    let mut page = Page::default();
    page.heading(standings);
    page.matching(&standings.report, standings.accounts_without_worker.as_ref());
    page.effects(&standings.report);
    page.attributes(&standings.report);
    page.wrong(&standings.report);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, indent: usize, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{}{}", " ".repeat(indent), plain(line));
    }

    fn heading(&mut self, standings: &Standings) {
        let report = &standings.report;
        match (standings.plans_only, standings.since) {
            (true, _) => self.line(0, "The app only plans: this is what it would do now."),
            (false, Some(since)) => self.line(
                0,
                &format!("The first cycle waits for its review since {since}: nothing is written."),
            ),
            (false, None) if report.withheld == 0 => self.line(0, "Nothing waits for a review."),
            (false, None) => self.line(0, "The review is over, but for these."),
        }
        if !standings.because_of.is_empty() {
            let accounts = standings.because_of.join("; ");
            self.line(
                2,
                &format!("accounts were there that this job did not make: {accounts}"),
            );
        }
        self.line(
            2,
            &format!(
                "{} wait, {} released and not yet served, {} served",
                report.withheld, report.released, report.done
            ),
        );
    }

    fn matching(&mut self, report: &Report, strays: Option<&Strays>) {
        self.line(0, "Whose account is whose");
        for (by, count) in &report.matched {
            self.line(2, &format!("{count} matched by {by}"));
        }
        for (what, line) in [
            ("without an account, active in HR", &report.unmatched_active),
            ("without an account, not active in HR", &report.unmatched_inactive),
            (
                "with several candidates, or one that contradicts",
                &report.disputed,
            ),
            ("whose account is another worker's", &report.claimed),
            (
                "who seem to have an account that matching does not find",
                &report.possible_existing_accounts,
            ),
        ] {
            self.people(what, line);
        }
        if report.out_of_scope > 0 {
            self.line(2, &format!("{} out of this job's scope", report.out_of_scope));
        }
        match strays {
            None => self.line(
                2,
                "the target cannot be asked for accounts without a worker just now",
            ),
            Some(strays) => {
                self.line(
                    2,
                    &format!(
                        "{} accounts without a worker, {} of them enabled",
                        strays.count, strays.enabled
                    ),
                );
                for account in &strays.examples {
                    self.line(4, account);
                }
            }
        }
    }

    fn effects(&mut self, report: &Report) {
        self.line(0, "What would happen");
        for (what, line) in [
            ("would get an account", &report.creates),
            ("would be enabled", &report.enables),
            ("would be disabled", &report.disables),
            ("would be deleted", &report.deletes),
            ("would get another name", &report.renames),
        ] {
            self.people(what, line);
        }
        for moved in &report.moves {
            let what = format!("would be moved from {} to {}", moved.from, moved.to);
            self.people(&what, &moved.line);
        }
        if report.other_moves > 0 {
            self.line(
                2,
                &format!("{} moves between other containers", report.other_moves),
            );
        }
        self.line(2, &format!("{} are as HR wants them", report.nothing_to_do));
    }

    fn attributes(&mut self, report: &Report) {
        if report.attributes.is_empty() {
            return;
        }
        self.line(0, "Attributes");
        for (attribute, touched) in &report.attributes {
            for (what, line) in [
                ("filled", &touched.filled),
                ("overwritten", &touched.overwritten),
                ("cleared", &touched.cleared),
            ] {
                self.people(&format!("{attribute} {what}"), line);
            }
        }
    }

    fn wrong(&mut self, report: &Report) {
        if report.findings.is_empty() {
            return;
        }
        self.line(0, "What is wrong besides");
        for (code, line) in &report.findings {
            self.people(code, line);
        }
    }

    fn people(&mut self, what: &str, line: &Line) {
        if line.count == 0 {
            return;
        }
        self.line(2, &format!("{} {what}", line.count));
        for sample in &line.samples {
            self.line(4, &person(sample));
        }
    }
}

fn person(sample: &Sample) -> String {
    let mut text = sample.worker.clone();
    if let Some(name) = &sample.name {
        let _ = write!(text, " {name}");
    }
    match (&sample.before, &sample.after) {
        (Some(before), Some(after)) => {
            let _ = write!(text, ": {before} → {after}");
        }
        (None, Some(after)) => {
            let _ = write!(text, ": {after}");
        }
        (Some(before), None) => {
            let _ = write!(text, ": {before} → nothing");
        }
        (None, None) => {}
    }
    if let Some(reason) = &sample.reason {
        let _ = write!(text, ": {reason}");
    }
    text
}
