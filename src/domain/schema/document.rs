//! A schema as it is kept: Graph's JSON, made whole, with everything in it that Muster does not know.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{Problem, Schema, Severity, shape};
use crate::domain::expression::Expression;
use crate::domain::expression::tree::Tree;

#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    json: Json,
    schema: Schema,
    warnings: Vec<Problem>,
    digest: String,
}

impl Document {
    /// Takes in what a client sent or a file holds: sparse objects are made whole, and of a text and its stored tree
    /// whichever is missing is made from the other. The error names every member that cannot be read.
    pub fn read(mut json: Json) -> Result<Document, Vec<Problem>> {
        let digest = digest(&json);
        let mut problems = shape::complete(&mut json);
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        let wrong = |error: serde_json::Error| vec![Problem::error("", error.to_string())];
        sources(&mut json, &mut problems).map_err(wrong)?;
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        Ok(Document {
            schema: serde_json::from_value(json.clone()).map_err(wrong)?,
            warnings: problems,
            digest,
            json,
        })
    }

    /// Reads a file as portals and scripts save it: UTF-8, or UTF-16 with its mark.
    pub fn decode(bytes: &[u8]) -> Result<Document, Vec<Problem>> {
        let wrong = |message: String| vec![Problem::error("", message)];
        let (text, _, broken) = encoding_rs::UTF_8.decode(bytes);
        if broken {
            return Err(wrong("is neither UTF-8 nor UTF-16 with a byte order mark".into()));
        }
        let json = serde_json::from_str(&text).map_err(|error| wrong(format!("is no JSON: {error}")))?;
        Document::read(json)
    }

    pub fn json(&self) -> &Json {
        &self.json
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Tells what was given from everything else; the same for every release that reads it.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What was misspelled, and how it was taken.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

fn digest(json: &Json) -> String {
    let digest = Sha256::digest(json.to_string().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Calls in one another of which a tree can be kept: JSON is read 128 levels deep at most, and each call takes three.
const DEEPEST_TREE: usize = 36;

/// Every mapping has its text and its tree. One that cannot be read stays as it is: compiling says what is wrong.
fn sources(schema: &mut Json, problems: &mut Vec<Problem>) -> serde_json::Result<()> {
    for (rule_at, rule) in items(schema, "synchronizationRules").enumerate() {
        for (object_at, object) in items(rule, "objectMappings").enumerate() {
            for (at, mapping) in items(object, "attributeMappings").enumerate() {
                let source = &mut mapping["source"];
                let wrong = if source.is_null() { None } else { agree(source)? };
                problems.extend(wrong.map(|(severity, message)| Problem {
                    severity,
                    path: format!("synchronizationRules[{rule_at}].objectMappings[{object_at}].attributeMappings[{at}].source"),
                    message: message.to_string(),
                }));
            }
        }
    }
    Ok(())
}

fn items<'j>(json: &'j mut Json, member: &str) -> impl Iterator<Item = &'j mut Json> {
    json[member].as_array_mut().into_iter().flatten()
}

/// Makes the text from the tree where it is missing, and the tree from the text, which is what counts where both are there.
/// What is wrong with them, if anything.
fn agree(source: &mut Json) -> serde_json::Result<Option<(Severity, &'static str)>> {
    let written: Tree = serde_json::from_value(source.clone())?;
    let Ok(expression) = Expression::from_tree(&written) else {
        return Ok(None);
    };
    let whole = expression.tree();
    if depth(&whole) > DEEPEST_TREE {
        return Ok(Some((
            Severity::Error,
            "the calls stand too deeply in one another to be kept as a tree",
        )));
    }
    let has_text = written
        .expression
        .as_deref()
        .is_some_and(|text| !text.trim().is_empty());
    let is_sparse =
        written.parameters.is_empty() && written.name == whole.name && written.r#type == whole.r#type;
    let has_tree = written.name.is_some() && !source["type"].is_null() && !is_sparse;
    if !has_text && whole.expression.is_some() {
        source["expression"] = serde_json::to_value(&whole.expression)?;
    }
    // Trees that exports hold are left as they are.
    if has_tree && written.agrees(&whole) {
        return Ok(None);
    }
    source["name"] = serde_json::to_value(&whole.name)?;
    source["type"] = serde_json::to_value(whole.r#type)?;
    source["parameters"] = serde_json::to_value(&whole.parameters)?;
    let differ = "the stored tree said something else than the expression: the expression counts, and the tree is made anew";
    Ok((has_text && has_tree).then_some((Severity::Warning, differ)))
}

fn depth(tree: &Tree) -> usize {
    let below = tree
        .parameters
        .iter()
        .map(|parameter| depth(&parameter.value))
        .max();
    1 + below.unwrap_or(0)
}
