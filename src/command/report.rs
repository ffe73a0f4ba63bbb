//! `muster report`: the operator's morning, from the database alone. Works beside a running gateway.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Outcome, app, known, plain, read_on};
use crate::engine::Clock;
use crate::engine::report::{
    self, CauseView, Heard, Held, Leavers, Morning, Person, Report, Standing, Starters,
};

/// Where each job stands, who starts and who leaves, what is in the way, and what to do about it.
#[derive(Args)]
pub struct Arguments {
    /// The app whose job it is: its id, its name or its job; all of them otherwise.
    app: Option<String>,
    /// What was done on this day (UTC), such as 2026-11-01; in the last 24 hours otherwise.
    #[arg(long)]
    day: Option<Date>,
    /// The config file.
    #[arg(long, env = "MUSTER_CONFIG", default_value = "muster.toml")]
    config: PathBuf,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Outcome {
    let (config, store) = known(&arguments.config).await?;
    let apps = match &arguments.app {
        Some(named) => vec![app(&config, named)?.clone()],
        None => config.apps.clone(),
    };
    let (day, now) = (arguments.day, Clock::system().now());
    let report = store
        .read(move |conn| report::report(conn, &config, &apps, day, now))
        .await
        .map_err(|error| error.to_string())?;
    let printed = match arguments.json {
        true => serde_json::to_string_pretty(&report).map_err(|error| error.to_string())? + "\n",
        false => text(&report),
    };
    read_on(io::stdout().lock().write_all(printed.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

/// The report for a person at a terminal.
pub fn text(report: &Report) -> String {
    let mut page = Page::default();
    for morning in &report.jobs {
        page.job(morning, report);
    }
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// What people and systems said is shown without anything that a terminal would obey.
    fn line(&mut self, indent: usize, line: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{}{}", " ".repeat(indent), plain(line));
    }

    fn job(&mut self, job: &Morning, report: &Report) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(
            0,
            &format!(
                "{}: {} ({})",
                job.service_principal.display_name, job.job_id, job.state
            ),
        );
        if let Some(quarantine) = &job.quarantine {
            self.line(
                2,
                &format!(
                    "in quarantine since {}: {}",
                    brief(quarantine.since),
                    quarantine.message
                ),
            );
            if let Some(next) = quarantine.next_attempt {
                self.line(4, &format!("next attempt at {}", brief(next)));
            }
        }
        for alarm in &job.alarms {
            self.line(
                2,
                &format!(
                    "ALARM {} since {}: {}",
                    alarm.kind,
                    brief(alarm.since),
                    alarm.message
                ),
            );
        }
        self.standing(job);
        self.done(job, report);
        self.starters(&job.starters);
        self.leavers(&job.leavers);
        self.held(&job.held);
        self.decided(job);
        self.causes("failures, by cause", &job.failures);
        self.causes("deliberately not done, by cause", &job.warnings);
        self.others(job);
    }

    fn standing(&mut self, job: &Morning) {
        self.line(2, &heard(&job.source));
        match &job.last_cycle {
            None => self.line(2, "no cycle has ended yet"),
            Some(cycle) => {
                let error = cycle.error.as_ref().map(|error| format!(", failed: {error}"));
                self.line(
                    2,
                    &format!(
                        "last cycle {} to {}{}",
                        brief(cycle.began),
                        brief(cycle.ended),
                        error.unwrap_or_default()
                    ),
                );
            }
        }
        if let Some(controller) = &job.controller {
            self.line(
                2,
                &format!(
                    "written at {} since {}",
                    controller.endpoint,
                    brief(controller.since)
                ),
            );
        }
        let refused = match job.refused {
            0 => String::new(),
            many => format!(
                "; {many} refused, {} of them tried again within 24 hours",
                job.retries
            ),
        };
        self.line(
            2,
            &format!(
                "{} accounts linked, {} enabled; {} operations waiting{refused}",
                job.accounts, job.enabled_accounts, job.pending_operations
            ),
        );
    }

    fn done(&mut self, job: &Morning, report: &Report) {
        self.line(2, &format!("log, {} to {}", brief(report.from), brief(report.to)));
        if job.done.is_empty() {
            self.line(4, "nothing");
        }
        for row in &job.done {
            self.line(4, &format!("{:>7} {} {}", row.count, row.action, row.status));
        }
    }

    fn starters(&mut self, starters: &Starters) {
        self.line(
            2,
            &format!(
                "starters: {} ready, {} waiting, {} blocked",
                starters.ready, starters.waiting, starters.blocked
            ),
        );
        let shown = starters
            .people
            .iter()
            .filter(|one| one.standing != Some(Standing::Ready));
        for one in shown {
            let word = match one.standing {
                Some(Standing::Blocked) => "blocked",
                _ => "waiting",
            };
            let why = match (&one.code, &one.reason) {
                (Some(code), Some(reason)) => format!("{code}: {reason}"),
                (code, reason) => code.as_ref().or(reason.as_ref()).cloned().unwrap_or_default(),
            };
            self.line(4, &format!("{word} {}{}: {why}", name(one), dated(one)));
        }
    }

    fn leavers(&mut self, leavers: &Leavers) {
        let slowest = match leavers.done.count {
            0 => String::new(),
            _ => format!(" (slowest {} s)", leavers.slowest_seconds),
        };
        self.line(
            2,
            &format!(
                "leavers: {} late, {} done{slowest}, {} due",
                leavers.late.count, leavers.done.count, leavers.due.count
            ),
        );
        for one in &leavers.late.people {
            self.line(
                4,
                &format!("LATE {}{}: the account is still enabled", name(one), dated(one)),
            );
        }
        for one in &leavers.done.people {
            self.line(
                4,
                &format!("done {}: {} s", name(one), one.seconds.unwrap_or_default()),
            );
        }
        for one in &leavers.due.people {
            self.line(4, &format!("due {}{}", name(one), dated(one)));
        }
    }

    fn held(&mut self, held: &[Held]) {
        if held.is_empty() {
            return;
        }
        self.line(2, "held by limits, until somebody answers for them");
        for one in held {
            self.line(
                4,
                &format!("{:>7} {} since {}", one.count, one.action, brief(one.since)),
            );
            if let Some(turned) = &one.turned {
                self.line(12, &turned.to_string());
            }
            for cause in &one.causes {
                self.line(12, &format!("{} because {}", cause.count, cause.cause));
            }
        }
    }

    /// What people decided: what goes on, and what was decided lately.
    fn decided(&mut self, job: &Morning) {
        if !job.allowances.is_empty() {
            self.line(2, "allowed beyond the limits");
        }
        for one in &job.allowances {
            let (action, until) = (&one.action, brief(one.until));
            self.line(
                4,
                &format!(
                    "{:>7} of {} {action} used, until {until}, by {}: {}",
                    one.used, one.most, one.by, one.reason
                ),
            );
        }
        if job.holds.count > 0 {
            self.line(2, &format!("held by people: {}", job.holds.count));
        }
        for hold in &job.holds.holds {
            self.line(4, &format!("{hold}: {}", hold.says()));
        }
        if !job.decisions.is_empty() {
            self.line(2, "decided");
        }
        for one in &job.decisions {
            let reason = one.reason.as_ref().map(|reason| format!(": {reason}"));
            self.line(
                4,
                &format!(
                    "{} {} {} by {}{}",
                    brief(one.at),
                    one.what.word(),
                    one.about,
                    one.by,
                    reason.unwrap_or_default()
                ),
            );
        }
    }

    fn causes(&mut self, title: &str, causes: &[CauseView]) {
        if causes.is_empty() {
            return;
        }
        self.line(2, title);
        for one in causes {
            self.line(
                4,
                &format!(
                    "{:>7} {} since {}: {}",
                    one.count,
                    one.code,
                    brief(one.since),
                    one.cause
                ),
            );
            let more = if i64::try_from(one.workers.len()).is_ok_and(|shown| shown < one.count) {
                ", …"
            } else {
                ""
            };
            self.line(12, &format!("{}{more}", names(&one.workers)));
            self.line(12, &format!("→ {}", one.recommended_action));
        }
    }

    fn others(&mut self, job: &Morning) {
        if job.without_manager.count > 0 {
            self.line(2, &format!("no valid manager: {}", job.without_manager.count));
            for one in &job.without_manager.managers {
                let known = if one.is_known {
                    "has no account"
                } else {
                    "is unknown to HR"
                };
                self.line(
                    4,
                    &format!(
                        "{:>7} {} is {}, who {known}, since {}: {}",
                        one.count,
                        one.attribute,
                        one.worker,
                        brief(one.since),
                        names(&one.people)
                    ),
                );
            }
        }
        match &job.accounts_without_worker {
            None => self.line(
                2,
                "accounts without a worker: not known, the target was not listed yet",
            ),
            Some(strays) => {
                self.line(
                    2,
                    &format!(
                        "accounts without a worker, as of {}: {}",
                        brief(strays.at),
                        strays.count
                    ),
                );
                for one in &strays.examples {
                    self.line(4, one);
                }
            }
        }
        if let (1.., Some(last)) = (job.forgotten, job.last_forgotten) {
            self.line(
                2,
                &format!("forgotten: {}, the last on {}", job.forgotten, brief(last)),
            );
        }
        if !job.coming.is_empty() {
            self.line(2, "coming");
        }
        for day in &job.coming {
            self.line(
                4,
                &format!("{}: {} start, {} leave", day.date, day.starters, day.leavers),
            );
        }
    }
}

fn heard(source: &Heard) -> String {
    let said = match (source.last_upload, source.last_complete_pull) {
        (Some(at), _) => format!("last upload {}", brief(at)),
        (None, Some(at)) => format!("last read whole {}", brief(at)),
        (None, None) => "nothing heard yet".into(),
    };
    let failure = source
        .pull_failure
        .as_ref()
        .map(|why| format!("; the last read failed: {why}"));
    format!("{}: {said}{}", source.system, failure.unwrap_or_default())
}

fn name(person: &Person) -> String {
    match person.id == person.display_name {
        true => person.id.clone(),
        false => format!("{} {}", person.id, person.display_name),
    }
}

fn names(people: &[Person]) -> String {
    people.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn dated(person: &Person) -> String {
    person
        .date
        .map_or_else(String::new, |date| format!(" ({})", brief(date)))
}

/// To the second.
fn brief(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
