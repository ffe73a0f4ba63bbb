//! What became of everybody, on stdout: a table for people, a document for programs.

use std::io::{self, Write};

use comfy_table::{Cell, Table, presets};
use serde::Serialize;

use super::Sent;
use super::people::{Action, Person, Roll, Status};
use crate::command::plain;

/// People shown of a large file, beside those that need a look; and how many of those.
const FIRST: usize = 30;
const MOST_PROBLEMS: usize = 200;

/// Everybody, counted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub people: usize,
    pub rows: u64,
    success: usize,
    skipped: usize,
    warning: usize,
    failure: usize,
    held: usize,
    pub missing: usize,
}

#[derive(Serialize)]
struct Document<'r> {
    summary: Summary,
    /// Where sending ended, if that was not the end of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<Stopped<'r>>,
    people: Vec<Line<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stopped<'r> {
    message: &'r str,
    from_row: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'r> {
    worker: &'r str,
    name: Option<&'r str>,
    rows: u32,
    actions: Vec<Action>,
    status: Status,
    code: Option<&'r str>,
    reason: Option<&'r str>,
}

/// One line a person: those who need a look, and the first of the others. `all` shows everybody.
pub fn table(roll: &Roll, all: bool, out: &mut impl Write) -> io::Result<()> {
    let people = roll.people();
    let mut problems = 0;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["worker", "name", "action", "status", "reason"]);
    let mut hidden = 0;
    for (index, person) in people.iter().enumerate() {
        let problem = person.status().needs_a_look();
        problems += usize::from(problem);
        if all || (problem && problems <= MOST_PROBLEMS) || (!problem && index < FIRST) {
            table.add_row(row(person));
        } else {
            hidden += 1;
        }
    }
    writeln!(out, "{}", table.trim_fmt())?;
    if hidden > 0 {
        let more = problems.saturating_sub(MOST_PROBLEMS);
        let problems = match more {
            0 => String::new(),
            more => format!(", {more} of them need a look"),
        };
        writeln!(
            out,
            "… and {hidden} more{problems}: --all shows everybody, --json too"
        )?;
    }
    Ok(())
}

pub fn document(roll: &Roll, sent: &Sent, out: &mut impl Write) -> io::Result<()> {
    let from_row = sent.from_row;
    let stopped = sent.stopped.as_deref();
    let document = Document {
        summary: Summary::of(roll, sent.rows),
        stopped: stopped.map(|message| Stopped { message, from_row }),
        people: roll.people().iter().map(line).collect(),
    };
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

fn row(person: &Person) -> Vec<Cell> {
    let line = line(person);
    let actions: Vec<&str> = line.actions.iter().filter_map(|action| action.word()).collect();
    let reason = match (line.reason, line.code) {
        (Some(reason), _) if !reason.is_empty() => reason,
        (_, code) => code.unwrap_or_default(),
    };
    vec![
        Cell::new(plain(line.worker)),
        Cell::new(plain(line.name.unwrap_or_default())),
        Cell::new(actions.join(", ")),
        Cell::new(person.status().word()),
        Cell::new(plain(reason)),
    ]
}

fn line(person: &Person) -> Line<'_> {
    let outcome = person.outcome.as_ref();
    Line {
        worker: &person.worker,
        name: outcome
            .map(|outcome| &*outcome.name)
            .filter(|name| !name.is_empty()),
        rows: person.taken_in,
        actions: outcome.map_or(Vec::new(), |outcome| outcome.actions.iter().collect()),
        status: person.status(),
        code: outcome.and_then(|outcome| outcome.code.as_deref()),
        reason: outcome.and_then(|outcome| outcome.reason.as_deref()),
    }
}

impl Summary {
    pub fn of(roll: &Roll, rows: u64) -> Summary {
        let count = |status| {
            let people = roll.people().iter();
            people.filter(|person| person.status() == status).count()
        };
        Summary {
            people: roll.people().len(),
            rows,
            success: count(Status::Success),
            skipped: count(Status::Skipped),
            warning: count(Status::Warning),
            failure: count(Status::Failure),
            held: count(Status::Held),
            missing: count(Status::Missing),
        }
    }

    pub fn is_well(&self) -> bool {
        self.failure + self.held + self.missing == 0
    }

    /// `6 people in 7 rows: 4 success, 1 skipped, 1 failure`.
    pub fn line(&self) -> String {
        let counts = [
            (self.success, Status::Success),
            (self.skipped, Status::Skipped),
            (self.warning, Status::Warning),
            (self.held, Status::Held),
            (self.failure, Status::Failure),
            (self.missing, Status::Missing),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, status)| format!("{count} {}", status.word()))
            .collect();
        format!(
            "{} in {}: {}",
            counted(self.people, "person", "people"),
            counted(self.rows, "row", "rows"),
            counts.join(", ")
        )
    }
}

/// `1 row`, `2 rows`.
pub fn counted<N: PartialEq + From<u8> + std::fmt::Display>(count: N, one: &str, many: &str) -> String {
    let word = if count == N::from(1) { one } else { many };
    format!("{count} {word}")
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Failure => "failure",
            Status::Missing => "no outcome yet",
            Status::Held => "held",
            Status::Success => "success",
            Status::Skipped => "skipped",
            Status::Warning => "warning",
        }
    }
}

impl Action {
    /// `None` for what says nothing.
    fn word(self) -> Option<&'static str> {
        match self {
            Action::Create => Some("create"),
            Action::Update => Some("update"),
            Action::Disable => Some("disable"),
            Action::Delete => Some("delete"),
            Action::StagedDelete => Some("stagedDelete"),
            Action::Other => None,
        }
    }
}
