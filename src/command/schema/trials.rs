//! Tests of mappings as data: workers, and what they should come to.
//!
//! ```json
//! { "domain": "contoso.com", "now": "2026-01-01T00:00:00Z", "tests": [
//!   { "name": "a leaver", "scim": { "externalId": "7", "active": false },
//!     "expect": { "accountEnabled": "False", "manager": null } } ] }
//! ```
//!
//! A worker is a SCIM user as uploads bring it (`scim`), or attributes by name (`attributes`). Expected is a text, a
//! list of texts, null where nothing flows, or `{"ignored": "attribute"}` and `{"ignored": "object"}`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::connector::bulk;
use crate::domain::expression::moment::Moment;
use crate::domain::expression::{Context, Seed};
use crate::domain::mapping::{Desired, Mapping};
use crate::domain::schema::Compiled;
use crate::domain::value::Value;
use crate::domain::worker::Worker;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    /// What `DefaultDomain()` is.
    domain: Option<String>,
    /// What `Now()` is, unless a test says otherwise.
    now: Option<String>,
    tests: Vec<Trial>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Trial {
    name: String,
    now: Option<String>,
    /// Values that somebody else has already, for `SelectUniqueValue`.
    #[serde(default)]
    taken: Vec<String>,
    scim: Option<Json>,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
    in_scope: Option<bool>,
    #[serde(default)]
    expect: BTreeMap<String, Json>,
}

/// How one test ended.
#[derive(Serialize)]
pub struct Result {
    pub name: String,
    /// What is not as expected, a line each.
    pub failures: Vec<String>,
}

/// Runs a file of tests. Error: the file cannot be read.
pub fn run(bytes: &[u8], compiled: &Compiled) -> std::result::Result<Vec<Result>, String> {
    let (text, _, _) = encoding_rs::UTF_8.decode(bytes);
    let file: File = serde_json::from_str(&text).map_err(|error| format!("is no file of tests: {error}"))?;
    if file.tests.is_empty() {
        return Err("holds no tests".into());
    }
    let judge = |trial: &Trial| {
        let failures = trial.judge(&file, compiled);
        let failures = failures.map_err(|error| format!("test '{}': {error}", trial.name))?;
        Ok(Result {
            name: trial.name.clone(),
            failures,
        })
    };
    file.tests.iter().map(judge).collect()
}

impl Trial {
    fn judge(&self, file: &File, compiled: &Compiled) -> std::result::Result<Vec<String>, String> {
        let now = instant(self.now.as_deref().or(file.now.as_deref()))?;
        let worker = self.worker(now)?;
        if self.expect.is_empty() && self.in_scope.is_none() {
            return Err("expects nothing: give expect or inScope".into());
        }
        let mut failures = Vec::new();
        if let Some(expected) = self.in_scope {
            let actual = compiled.scope.reads(&worker).is_ok() && compiled.scope.admits(&worker).is_ok();
            if actual != expected {
                let are = |scope| if scope { "in scope" } else { "out of scope" };
                failures.push(format!("{} instead of {}", are(actual), are(expected)));
            }
        }
        for (target, expected) in &self.expect {
            let Some(mapping) = compiled
                .mappings
                .iter()
                .find(|mapping| mapping.target.eq_ignore_ascii_case(target))
            else {
                failures.push(format!("{target} is not mapped"));
                continue;
            };
            let actual = self.actual(mapping, &worker, now, file.domain.as_deref());
            if !is_as_expected(expected, &actual) {
                failures.push(format!("{target}: {actual} instead of {expected}"));
            }
        }
        Ok(failures)
    }

    fn worker(&self, now: Timestamp) -> std::result::Result<Worker, String> {
        let Some(scim) = &self.scim else {
            let mut worker = Worker::new("test");
            worker.attributes.extend(self.attributes.clone());
            return Ok(worker);
        };
        let request = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "1", "data": scim }],
        });
        let statements = bulk::statements(request.to_string().as_bytes(), now);
        let statements = statements.map_err(|error| error.to_string())?;
        let statement = statements
            .into_iter()
            .next()
            .ok_or("scim says nothing")?
            .map_err(|refused| refused.message)?;
        let mut worker = Worker::new(statement.anchor.clone());
        worker.fold(statement);
        worker.attributes.extend(self.attributes.clone());
        Ok(worker)
    }

    fn actual(&self, mapping: &Mapping, worker: &Worker, now: Timestamp, domain: Option<&str>) -> Json {
        let taken = |value: &str| self.taken.iter().any(|taken| taken.eq_ignore_ascii_case(value));
        let desired = mapping.desired(&Context {
            attributes: &worker.attributes,
            now,
            seed: Seed::new(Uuid::nil(), &worker.anchor, &mapping.target),
            taken: &taken,
            default_domain: domain,
            directory_domain: domain,
        });
        match desired {
            Ok(Desired::Values(values)) => json!(mapping.fitting(values).as_slice()),
            Ok(Desired::Nothing) => Json::Null,
            Ok(Desired::AttributeIgnored) => json!({ "ignored": "attribute" }),
            Ok(Desired::ObjectIgnored) => json!({ "ignored": "object" }),
            Err(error) => json!({ "error": error.message }),
        }
    }
}

/// A single value may be written without the list around it.
fn is_as_expected(expected: &Json, actual: &Json) -> bool {
    match (expected, actual.as_array().map(Vec::as_slice)) {
        (Json::String(_), Some([only])) => expected == only,
        _ => expected == actual,
    }
}

fn instant(text: Option<&str>) -> std::result::Result<Timestamp, String> {
    let text = text.unwrap_or("2026-01-01T00:00:00Z");
    let moment = Moment::parse(text).ok_or_else(|| format!("now: '{text}' is no point in time"))?;
    Ok(moment.instant())
}
