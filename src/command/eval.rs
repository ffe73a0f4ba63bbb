//! `muster eval`: one expression of the mapping language, tried out.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Outcome;
use crate::domain::expression::functions::{FUNCTIONS, Repeats};
use crate::domain::expression::moment::Moment;
use crate::domain::expression::{Context, Expression, Outcome as Evaluated, Seed};
use crate::domain::value::Value;
use crate::engine::Clock;

/// Evaluates a mapping expression.
#[derive(Args)]
pub struct Arguments {
    /// The expression: Join(" ", [givenName], [surname])
    #[arg(required_unless_present_any = ["batch", "list"])]
    expression: Option<String>,
    /// An attribute's value; give it several times for several values.
    #[arg(long = "attr", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
    /// A JSON object with attributes.
    #[arg(long, value_name = "F.json")]
    input: Option<PathBuf>,
    /// What Now() is, as `CDate` reads it; the system's clock otherwise.
    #[arg(long, value_name = "T", value_parser = instant)]
    now: Option<Timestamp>,
    /// A value that another account holds already, for SelectUniqueValue.
    #[arg(long, value_name = "VALUE")]
    taken: Vec<String>,
    /// The seed of random functions.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What DefaultDomain() and %DomainFQDN% are.
    #[arg(long)]
    domain: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Rows {id, expr, inputs, now?, existing?, seed?}; one result row each.
    #[arg(long, value_name = "F.jsonl", conflicts_with_all = ["expression", "list"])]
    batch: Option<PathBuf>,
    /// Print the functions.
    #[arg(long, conflicts_with = "expression")]
    list: bool,
}

/// One expression with everything it is evaluated with.
struct Trial<'t> {
    expression: &'t str,
    attributes: BTreeMap<String, Value>,
    now: Timestamp,
    taken: Vec<String>,
    seed: u64,
    domain: Option<&'t str>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    id: Json,
    expr: String,
    inputs: Option<BTreeMap<String, Value>>,
    now: Option<String>,
    existing: Option<Vec<String>>,
    seed: Option<u64>,
}

pub fn run(arguments: Arguments) -> Outcome {
    if arguments.list {
        list(arguments.json);
        return Ok(ExitCode::SUCCESS);
    }
    let now = arguments.now.unwrap_or_else(|| Clock::system().now());
    if let Some(path) = &arguments.batch {
        return batch(path, now, arguments.domain.as_deref());
    }
    let trial = Trial {
        expression: arguments.expression.as_deref().unwrap_or_default(),
        attributes: inputs(&arguments)?,
        now,
        taken: arguments.taken.clone(),
        seed: arguments.seed,
        domain: arguments.domain.as_deref(),
    };
    let result = trial.result();
    let failed = result.get("error").is_some();
    if arguments.json {
        println!("{result}");
    } else {
        print(&trial, &result);
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl Trial<'_> {
    /// One of `{"value"}`, `{"ignore"}`, `{"error"}`.
    fn result(&self) -> Json {
        let expression = match Expression::parse(self.expression) {
            Ok(expression) => expression,
            Err(error) => {
                return json!({ "error": { "code": "parse", "message": error.message, "at": error.at } });
            }
        };
        let context = Context {
            attributes: &self.attributes,
            now: self.now,
            seed: Seed::new(Uuid::from_u64_pair(0, self.seed), "", ""),
            taken: &|value| self.taken.iter().any(|taken| taken.eq_ignore_ascii_case(value)),
            default_domain: self.domain,
            directory_domain: self.domain,
        };
        match expression.evaluate(&context) {
            Ok(Evaluated::IgnoreAttribute) => json!({ "ignore": "attribute" }),
            Ok(Evaluated::IgnoreObject) => json!({ "ignore": "object" }),
            Ok(Evaluated::Value { value, .. }) => json!({ "value": text_form(&value) }),
            Err(error) => {
                json!({ "error": { "code": "evaluation", "message": error.message, "at": error.at } })
            }
        }
    }
}

fn text_form(value: &Value) -> Json {
    match value {
        Value::List(_) => json!(value.to_texts()),
        single => single.to_text().map_or(Json::Null, |text| json!(text)),
    }
}

fn inputs(arguments: &Arguments) -> Result<BTreeMap<String, Value>, String> {
    let mut attributes: BTreeMap<String, Value> = match &arguments.input {
        None => BTreeMap::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            serde_json::from_str(&text)
                .map_err(|error| format!("{} is no JSON object of attributes: {error}", path.display()))?
        }
    };
    let mut given: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for pair in &arguments.attributes {
        // SCIM paths hold an equals sign only inside brackets.
        let after = pair
            .rfind(']')
            .filter(|at| pair[*at..].contains('='))
            .unwrap_or(0);
        let Some(at) = pair[after..].find('=').map(|at| at + after) else {
            return Err(format!("--attr {pair}: write NAME=VALUE"));
        };
        given
            .entry(&pair[..at])
            .or_default()
            .push(Value::text(&pair[at + 1..]));
    }
    for (name, mut values) in given {
        let value = if values.len() == 1 {
            values.remove(0)
        } else {
            Value::List(values)
        };
        attributes.insert(name.to_string(), value);
    }
    Ok(attributes)
}

fn batch(path: &PathBuf, now: Timestamp, domain: Option<&str>) -> Outcome {
    let file =
        std::fs::File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| format!("{} line {}: {error}", path.display(), number + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        let row: Row = serde_json::from_str(&line)
            .map_err(|error| format!("{} line {}: {error}", path.display(), number + 1))?;
        let now = match &row.now {
            None => now,
            Some(text) => instant(text)
                .map_err(|error| format!("{} line {}: now: {error}", path.display(), number + 1))?,
        };
        let trial = Trial {
            expression: &row.expr,
            attributes: row.inputs.unwrap_or_default(),
            now,
            taken: row.existing.unwrap_or_default(),
            seed: row.seed.unwrap_or_default(),
            domain,
        };
        let mut result = json!({ "id": row.id });
        if let (Some(result), Json::Object(found)) = (result.as_object_mut(), trial.result()) {
            result.extend(found);
        }
        println!("{result}");
    }
    Ok(ExitCode::SUCCESS)
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let moment = Moment::parse(text);
    moment
        .map(Moment::instant)
        .ok_or_else(|| format!("'{text}' is no point in time such as 2026-01-01T00:00:00Z"))
}

fn print(trial: &Trial<'_>, result: &Json) {
    if let Some(error) = result.get("error") {
        let message = error["message"].as_str().unwrap_or_default();
        if let Some(at) = error["at"].as_u64().and_then(|at| usize::try_from(at).ok()) {
            eprintln!("{}\n{}^", trial.expression, " ".repeat(at));
        }
        eprintln!("muster: {message}");
    } else if let Some(ignored) = result.get("ignore") {
        println!(
            "(the {} is left out of the change)",
            ignored.as_str().unwrap_or_default()
        );
    } else {
        match &result["value"] {
            Json::Array(values) => values
                .iter()
                .for_each(|value| println!("{}", value.as_str().unwrap_or_default())),
            Json::String(text) => println!("{text}"),
            _ => println!("(no value)"),
        }
    }
}

fn list(as_json: bool) {
    if as_json {
        let functions: Vec<_> = FUNCTIONS
            .iter()
            .map(|function| {
                let parameters: Vec<_> = function
                    .parameters
                    .iter()
                    .map(|one| json!({ "name": one.name, "required": one.required, "repeats": one.repeats != Repeats::Once }))
                    .collect();
                json!({ "name": function.name, "summary": function.summary, "parameters": parameters })
            })
            .collect();
        println!("{}", json!(functions));
        return;
    }
    for function in FUNCTIONS.iter() {
        let parameters: Vec<String> = function
            .parameters
            .iter()
            .map(|one| {
                format!(
                    "{}{}{}",
                    one.name,
                    if one.required { "" } else { "?" },
                    if one.repeats != Repeats::Once { "…" } else { "" }
                )
            })
            .collect();
        println!(
            "{}({})\n    {}",
            function.name,
            parameters.join(", "),
            function.summary
        );
    }
}
