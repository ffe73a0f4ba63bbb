//! `muster workday`: what is in an answer of Workday's, and why it is not what was expected.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::{Map, Value as Json, json};

use super::{Outcome, plain, read_on};
use crate::connector::workday::absence::Absence;
use crate::connector::workday::answer::{Answer, Summary, Worker};
use crate::connector::workday::attributes::{self, Attributes, Generation};
use crate::connector::workday::names::Names;
use crate::connector::workday::xml::Limits;
use crate::connector::workday::xpath::Evaluator;
use crate::domain::schema::{Document, Problem, Severity};

/// Looks into what Workday answers.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Read(Read),
}

/// Shows the workers in a saved Get_Workers answer, every attribute by name, and why the empty ones are empty.
#[derive(Args)]
struct Read {
    /// The answer, in its SOAP envelope or without.
    answer: PathBuf,
    /// The attributes of a synchronization schema (Graph's JSON) instead of the documented ones.
    #[arg(long, value_name = "F.json")]
    schema: Option<PathBuf>,
    /// The documented XPaths for this version (v21.1 or v30.0); those that fit the answer otherwise.
    #[arg(long, value_name = "VERSION")]
    xpaths: Option<Generation>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Arguments) -> Outcome {
    match arguments.command {
        Command::Read(read) => read.run(),
    }
}

impl Read {
    fn run(self) -> Outcome {
        let version = self.version()?;
        let generation = self
            .xpaths
            .or(version.as_deref().and_then(Generation::of_version));
        let (attributes, mut warnings) = self.attributes(generation.unwrap_or(Generation::V30))?;
        warnings.extend_from_slice(attributes.warnings());
        let disagreement = version
            .as_deref()
            .and_then(|version| attributes.disagree(version));
        warnings.extend(disagreement.map(|message| Problem::warning("", message)));
        let mut out = BufWriter::new(io::stdout().lock());
        let report: &mut dyn Report = match self.json {
            true => &mut JsonReport::default(),
            false => &mut Tables,
        };
        self.report(&attributes, &warnings, report, &mut out)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The version that the answer names; whether it can be read at all.
    fn version(&self) -> Result<Option<String>, String> {
        let answer = Answer::open(self.open()?, &Names::default(), Limits::default());
        let answer = answer.map_err(|error| self.wrong(error))?;
        Ok(answer.summary().version.clone())
    }

    fn attributes(&self, generation: Generation) -> Result<(Attributes, Vec<Problem>), String> {
        let (definitions, warnings) = match &self.schema {
            None => (attributes::documented(generation), Vec::new()),
            Some(path) => of_schema(path, generation)?,
        };
        let attributes = Attributes::compile(definitions).map_err(|problems| lines(&problems))?;
        Ok((attributes, warnings))
    }

    fn report(
        &self,
        attributes: &Attributes,
        warnings: &[Problem],
        report: &mut dyn Report,
        out: &mut dyn Write,
    ) -> Result<(), String> {
        let names = attributes.xpaths().names();
        let mut answer =
            Answer::open(self.open()?, names, Limits::default()).map_err(|error| self.wrong(error))?;
        if !read_on(report.begin(warnings, out))? {
            return Ok(());
        }
        let mut evaluator = attributes.evaluator();
        while let Some(worker) = answer.worker().map_err(|error| self.wrong(error))? {
            let rows = rows(attributes, &mut evaluator, worker);
            if !read_on(report.worker(worker, &rows, out))? {
                return Ok(());
            }
        }
        read_on(report.end(answer.summary(), out).and_then(|()| out.flush()))?;
        Ok(())
    }

    fn open(&self) -> Result<BufReader<File>, String> {
        let file = File::open(&self.answer)
            .map_err(|error| format!("cannot read {}: {error}", self.answer.display()))?;
        Ok(BufReader::with_capacity(1 << 16, file))
    }

    fn wrong(&self, error: impl std::fmt::Display) -> String {
        format!("{}: {}", self.answer.display(), plain(&error.to_string()))
    }
}

fn of_schema(
    path: &Path,
    generation: Generation,
) -> Result<(Vec<attributes::Definition>, Vec<Problem>), String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let document =
        Document::decode(&bytes).map_err(|problems| format!("{}:\n{}", path.display(), lines(&problems)))?;
    let (definitions, problems) = attributes::of_schema(document.schema(), generation);
    match definitions.is_empty() {
        true => Err(format!(
            "{}: the object that its mappings read has no attributes with XPaths",
            path.display()
        )),
        false => Ok((definitions, problems)),
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// One attribute of one worker.
struct Row<'a> {
    name: &'a str,
    values: Vec<String>,
    empty: Option<Empty>,
}

/// Why an attribute has no value.
struct Empty {
    reason: &'static str,
    explanation: String,
}

fn rows<'a>(attributes: &'a Attributes, evaluator: &mut Evaluator<'_>, worker: Worker<'_>) -> Vec<Row<'a>> {
    let values = evaluator.evaluate(worker.tree);
    let row = |(definition, values): (&'a attributes::Definition, Result<Vec<_>, _>)| {
        let (values, empty) = match values {
            Ok(values) if values.is_empty() => (Vec::new(), Some(absence(&definition.xpath, worker))),
            Ok(values) => (values.into_iter().map(String::from).collect(), None),
            Err(error) => {
                let explanation = format!("the XPath was given up: {error}");
                let reason = "tooCostly";
                (Vec::new(), Some(Empty { reason, explanation }))
            }
        };
        Row {
            name: &definition.name,
            values,
            empty,
        }
    };
    attributes.definitions().iter().zip(values).map(row).collect()
}

fn absence(xpath: &str, worker: Worker<'_>) -> Empty {
    let absence = Absence::of(xpath, worker.tree, worker.answer.group.as_deref());
    let alternative = match absence {
        Absence::NoMatch => attributes::alternative(xpath),
        _ => None,
    };
    let explanation = match alternative {
        None => absence.to_string(),
        Some(alternative) => format!("{absence}: many versions have it elsewhere, so try {alternative}"),
    };
    Empty {
        reason: absence.reason(),
        explanation,
    }
}

/// How the workers are shown, one after the other.
trait Report {
    fn begin(&mut self, warnings: &[Problem], out: &mut dyn Write) -> io::Result<()>;
    fn worker(&mut self, worker: Worker<'_>, rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()>;
    fn end(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()>;
}

/// For people: a table a worker.
struct Tables;

impl Report for Tables {
    fn begin(&mut self, warnings: &[Problem], out: &mut dyn Write) -> io::Result<()> {
        for warning in warnings {
            writeln!(out, "warning: {}", plain(&warning.to_string()))?;
        }
        Ok(())
    }

    fn worker(&mut self, worker: Worker<'_>, rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
        let name = worker.descriptor().unwrap_or("a worker without a descriptor");
        let wid = worker.id("WID").unwrap_or("none");
        writeln!(out, "\n{} (WID {})\n", plain(name), plain(wid))?;
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["attribute", "value", "why it is empty"]);
        for row in rows {
            let values: Vec<_> = row.values.iter().map(|value| plain(value)).collect();
            let why = row.empty.as_ref().map_or("", |empty| &empty.explanation);
            table.add_row([&plain(row.name), &*values.join(" | "), &plain(why)]);
        }
        writeln!(out, "{}", table.trim_fmt())
    }

    fn end(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        for id in &summary.unknown {
            writeln!(
                out,
                "\nunknown to Workday: {} {}",
                plain(&id.kind),
                plain(&id.value)
            )?;
        }
        match summary.results {
            Some(results) => writeln!(
                out,
                "\npage {} of {}: {} workers here, {} in all",
                results.page, results.pages, results.on_page, results.total
            ),
            None => Ok(()),
        }
    }
}

/// For programs: one document, written as it is read.
#[derive(Default)]
struct JsonReport {
    workers: usize,
}

impl Report for JsonReport {
    fn begin(&mut self, warnings: &[Problem], out: &mut dyn Write) -> io::Result<()> {
        let word = |severity| match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let warnings: Vec<Json> = warnings
            .iter()
            .map(|one| json!({ "severity": word(one.severity), "path": one.path, "message": one.message }))
            .collect();
        write!(out, "{{\"problems\":{},\"workers\":[", Json::Array(warnings))
    }

    fn worker(&mut self, worker: Worker<'_>, rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
        let (mut attributes, mut empty) = (Map::new(), Map::new());
        for row in rows {
            match &row.empty {
                None => attributes.insert(row.name.to_string(), json!(row.values)),
                Some(why) => empty.insert(
                    row.name.to_string(),
                    json!({ "reason": why.reason, "explanation": why.explanation }),
                ),
            };
        }
        let comma = if self.workers > 0 { "," } else { "" };
        self.workers += 1;
        let worker = json!({
            "wid": worker.id("WID"),
            "descriptor": worker.descriptor(),
            "attributes": attributes,
            "empty": empty,
        });
        write!(out, "{comma}\n{worker}")
    }

    fn end(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let results = summary
            .results
            .map(|it| json!({ "total": it.total, "pages": it.pages, "page": it.page, "onPage": it.on_page }));
        let unknown: Vec<Json> = summary
            .unknown
            .iter()
            .map(|id| json!({ "type": id.kind, "value": id.value }))
            .collect();
        let version = json!(summary.version);
        writeln!(
            out,
            "\n],\"version\":{version},\"results\":{},\"unknown\":{}}}",
            json!(results),
            Json::Array(unknown)
        )
    }
}
