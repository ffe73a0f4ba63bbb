//! `muster check --rights` and `--print-delegation`: what the apps of a config ask of each system, and what came of it.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::command::{Outcome, plain, read_on};
use crate::config::Config;
use crate::connector::System;
use crate::connector::rights::{Duty, Missing, Rights, Tool, Work};
use crate::domain::policy::Policy;
use crate::domain::schema::Document;
use crate::engine;
use crate::error::{Error, Kind, Result};

/// What was found of one system, or why nothing can be.
#[derive(Serialize)]
pub struct Found {
    system: String,
    #[serde(flatten)]
    end: End,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum End {
    /// This kind of system does not tell.
    Unknown(String),
    Failed(String),
    #[serde(untagged)]
    Known(Rights),
}

/// Asks every system that somebody writes to or reads from.
pub async fn of_all(config: &Config) -> Vec<Found> {
    let apps = apps(config);
    let mut found = Vec::new();
    for (name, system) in &config.systems {
        let duties = duties(name, system, &apps);
        if duties.is_empty() {
            continue;
        }
        let end = match system.rights(&duties).await {
            Ok(rights) => End::Known(rights),
            Err(error) if error.kind == Kind::Unsupported => End::Unknown(error.to_string()),
            Err(error) => End::Failed(error.to_string()),
        };
        let system = name.clone();
        found.push(Found { system, end });
    }
    found
}

/// Prints, of each system after a comment that names it, how to grant what is needed.
pub async fn print_delegation(config: &Config, tool: Tool) -> Outcome {
    let apps = apps(config);
    // Half of what is needed would look like all of it.
    if let Some((name, error)) = apps
        .iter()
        .find_map(|app| Some((app.name, app.read.as_ref().err()?)))
    {
        return Err(format!("{name}: {error}; `muster check` says more"));
    }
    for (name, system) in &config.systems {
        let duties = duties(name, system, &apps);
        if duties.is_empty() {
            continue;
        }
        let lines = system.delegation(&duties, tool).await;
        let lines = lines.map_err(|error| format!("system {name}: {error}"))?;
        let mut text = format!("# {name}\n");
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        if !read_on(io::stdout().write_all(text.as_bytes()))? {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An app with what it makes of the two systems between which it stands.
struct App<'a> {
    name: &'a str,
    source: &'a str,
    target: &'a str,
    never: Option<&'a str>,
    read: Result<(Policy, Document)>,
}

/// What is wrong with a schema is told elsewhere; an app without one needs nothing.
fn apps(config: &Config) -> Vec<App<'_>> {
    let app = |app| {
        let read = || {
            let (policy, _) = engine::compile(config, app)?;
            Ok::<_, Error>((policy, engine::declared(app)?))
        };
        App {
            name: &app.name,
            source: &app.source,
            target: &app.target,
            never: app.never.as_deref(),
            read: read(),
        }
    };
    config.apps.iter().map(app).collect()
}

fn duties<'a>(name: &str, system: &System, apps: &'a [App<'_>]) -> Vec<Duty<'a>> {
    let duty = |app: &'a App<'_>| {
        let (policy, document) = app.read.as_ref().ok()?;
        let writes = (app.target == name).then_some(Work::Writes(policy));
        let reads = (app.source == name && system.is_pulled()).then(|| Work::Reads(document.schema()));
        let works = writes.into_iter().chain(reads);
        Some(
            works
                .map(|work| Duty {
                    app: app.name,
                    work,
                    never: app.never,
                })
                .collect::<Vec<_>>(),
        )
    };
    apps.iter().filter_map(duty).flatten().collect()
}

impl Found {
    /// Something needed is missing, or the account is privileged without leave.
    pub fn is_wrong(&self) -> bool {
        match &self.end {
            End::Known(rights) => !rights.missing.is_empty() || rights.is_refused(),
            End::Unknown(_) => false,
            End::Failed(_) => true,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = &self.system;
        match &self.end {
            End::Failed(why) => write!(f, "error: system {system}: {why}"),
            End::Unknown(why) => write!(f, "warning: system {system}: {why}"),
            End::Known(rights) => {
                write!(f, "system {system}, as {}: {}", rights.account, verdict(rights))?;
                let severity = if rights.is_refused() { "error" } else { "warning" };
                for why in &rights.privileged {
                    write!(f, "\n{severity}: the account {why}")?;
                }
                if rights.is_refused() {
                    write!(
                        f,
                        "\nGive Muster an account of its own; where it has to be this one, set allow_privileged = true"
                    )?;
                }
                if !rights.missing.is_empty() {
                    write!(f, "\n{}", missing(&rights.missing))?;
                }
                if !rights.excess.is_empty() {
                    write!(f, "\n{}", excess(rights))?;
                }
                rights
                    .notes
                    .iter()
                    .try_for_each(|note| write!(f, "\nnote: {note}"))
            }
        }
    }
}

fn verdict(rights: &Rights) -> String {
    let missing = match rights.missing.len() {
        0 => "nothing is missing".to_string(),
        1 => "1 right is missing".to_string(),
        several => format!("{several} rights are missing"),
    };
    let too_much = match rights.excess.len() {
        _ if !rights.privileged.is_empty() => "the account has power over the whole domain".to_string(),
        0 => "nothing too much".to_string(),
        1 => "1 is too much".to_string(),
        several => format!("{several} are too much"),
    };
    format!("{missing}, {too_much}")
}

/// One row of what is missing: what fails for the same reason, wherever it does.
#[derive(PartialEq)]
struct Row<'a> {
    right: &'a str,
    properties: Vec<&'a str>,
    app: &'a str,
    /// The mapped attributes that have other names in the directory.
    mapped: Vec<&'a str>,
    consequence: &'a str,
}

fn missing(missing: &[Missing]) -> Table {
    let mut by_place: Vec<(&str, Row<'_>)> = Vec::new();
    for one in missing {
        let alike = |(place, row): &&mut (&str, Row<'_>)| {
            (*place, row.app, row.right, row.consequence)
                == (&*one.place, &*one.app, &*one.right, &*one.consequence)
        };
        let property = one.property.as_deref();
        let mapped = one.attributes.iter().map(String::as_str);
        let mapped = mapped.filter(|name| Some(*name) != property);
        if let Some((_, row)) = by_place.iter_mut().find(alike) {
            row.properties.extend(property);
            row.mapped.extend(mapped);
            row.mapped.dedup();
        } else {
            let row = Row {
                right: &one.right,
                properties: property.into_iter().collect(),
                app: &one.app,
                mapped: mapped.collect(),
                consequence: &one.consequence,
            };
            by_place.push((&one.place, row));
        }
    }
    let mut rows: Vec<(Vec<&str>, Row<'_>)> = Vec::new();
    for (place, row) in by_place {
        match rows.iter_mut().find(|(_, other)| *other == row) {
            Some((places, _)) => places.push(place),
            None => rows.push((vec![place], row)),
        }
    }
    let mut table = table(&["missing", "of what", "where", "app", "for", "without it"]);
    for (places, row) in rows {
        let places: Vec<Cow<'_, str>> = places.into_iter().map(plain).collect();
        table.add_row([
            plain(row.right),
            plain(&row.properties.join(", ")),
            places.join("\n").into(),
            plain(row.app),
            plain(&row.mapped.join(", ")),
            plain(row.consequence),
        ]);
    }
    table
}

fn excess(rights: &Rights) -> Table {
    let mut table = table(&["too much", "where", "through"]);
    for one in &rights.excess {
        table.add_row([&one.right, &one.place, &one.through].map(|text| plain(text)));
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().copied());
    if !io::stdout().is_terminal() {
        table.set_width(160);
    }
    table
}
