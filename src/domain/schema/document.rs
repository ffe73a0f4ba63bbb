//! A schema as it is kept: Graph's JSON, made whole, with everything in it that Muster does not know.

use serde_json::Value as Json;

use super::{Problem, Schema, shape};
use crate::domain::expression::Expression;
use crate::domain::expression::tree::Tree;

#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    json: Json,
    schema: Schema,
    warnings: Vec<Problem>,
}

impl Document {
    /// Takes in what a client sent or a file holds: sparse objects are made whole, and of a text and its stored tree
    /// whichever is missing is made from the other. The error names every member that cannot be read.
    pub fn read(mut json: Json) -> Result<Document, Vec<Problem>> {
        let mut problems = shape::complete(&mut json);
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        let wrong = |error: serde_json::Error| vec![Problem::error("", error.to_string())];
        sources(&mut json, &mut problems).map_err(wrong)?;
        Ok(Document {
            schema: serde_json::from_value(json.clone()).map_err(wrong)?,
            warnings: problems,
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

    /// What was misspelled, and how it was taken.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

/// Every mapping has its text and its tree. One that cannot be read stays as it is: compiling says what is wrong.
fn sources(schema: &mut Json, problems: &mut Vec<Problem>) -> serde_json::Result<()> {
    for (rule_at, rule) in items(schema, "synchronizationRules").enumerate() {
        for (object_at, object) in items(rule, "objectMappings").enumerate() {
            for (at, mapping) in items(object, "attributeMappings").enumerate() {
                let source = &mut mapping["source"];
                if source.is_null() {
                    continue;
                }
                if !source_agrees(source)? {
                    problems.push(Problem::warning(
                        format!("synchronizationRules[{rule_at}].objectMappings[{object_at}].attributeMappings[{at}].source"),
                        "the expression and the stored tree say different things: the expression is what counts",
                    ));
                }
            }
        }
    }
    Ok(())
}

fn items<'j>(json: &'j mut Json, member: &str) -> impl Iterator<Item = &'j mut Json> {
    json[member].as_array_mut().into_iter().flatten()
}

/// Fills in the text or the tree; `false` if both were there and differ.
fn source_agrees(source: &mut Json) -> serde_json::Result<bool> {
    let written: Tree = serde_json::from_value(source.clone())?;
    let Ok(expression) = Expression::from_tree(&written) else {
        return Ok(true);
    };
    let has_text = written
        .expression
        .as_deref()
        .is_some_and(|text| !text.trim().is_empty());
    let has_tree = written.name.is_some() && !source["type"].is_null();
    let whole = expression.tree();
    if !has_text && whole.expression.is_some() {
        source["expression"] = serde_json::to_value(&whole.expression)?;
    }
    if !has_tree {
        source["name"] = serde_json::to_value(&whole.name)?;
        source["type"] = serde_json::to_value(whole.r#type)?;
    }
    if written.parameters.is_empty() && (!has_tree || written.name == whole.name) {
        source["parameters"] = serde_json::to_value(&whole.parameters)?;
        return Ok(true);
    }
    Ok(!has_text || !has_tree || written.agrees(&whole))
}
