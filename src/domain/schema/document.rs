//! A schema as it is kept: Graph's JSON, made whole, with everything in it that Muster does not know.

use std::io::BufWriter;

use serde::Deserialize;
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
        let wrong = |error: serde_json::Error| vec![Problem::error("", error.to_string())];
        let digest = digest(&json).map_err(wrong)?;
        let mut problems = shape::complete(&mut json);
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        let mut schema = Schema::deserialize(&json).map_err(wrong)?;
        sources(&mut schema, &mut json, &mut problems).map_err(wrong)?;
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        Ok(Document {
            schema,
            warnings: problems,
            digest,
            json,
        })
    }

    /// Reads a file as portals and scripts save it.
    pub fn decode(bytes: &[u8]) -> Result<Document, Vec<Problem>> {
        Document::read(json(bytes)?)
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

/// JSON in UTF-8, or in UTF-16 with its mark.
pub fn json(bytes: &[u8]) -> Result<Json, Vec<Problem>> {
    let wrong = |message: String| vec![Problem::error("", message)];
    let (text, _, broken) = encoding_rs::UTF_8.decode(bytes);
    if broken {
        return Err(wrong("is neither UTF-8 nor UTF-16 with a byte order mark".into()));
    }
    serde_json::from_str(&text).map_err(|error| wrong(format!("is no JSON: {error}")))
}

fn digest(json: &Json) -> serde_json::Result<String> {
    let mut writer = BufWriter::with_capacity(1 << 16, Sha256::new());
    serde_json::to_writer(&mut writer, json)?;
    let hash = writer
        .into_inner()
        .map_err(|error| serde_json::Error::io(error.into_error()))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Calls in one another of which a tree can be kept: JSON is read 128 levels deep at most, and each call takes three.
const DEEPEST_TREE: usize = 36;

/// Every mapping has its text, its tree and its expression. One that cannot be read stays as it is: compiling says what is
/// wrong.
fn sources(schema: &mut Schema, json: &mut Json, problems: &mut Vec<Problem>) -> serde_json::Result<()> {
    for (rule_at, rule) in schema.synchronization_rules.iter_mut().enumerate() {
        let json = &mut json["synchronizationRules"][rule_at];
        for (object_at, object) in rule.object_mappings.iter_mut().enumerate() {
            let json = &mut json["objectMappings"][object_at]["attributeMappings"];
            for (at, mapping) in object.attribute_mappings.iter_mut().enumerate() {
                if mapping.source.is_none() {
                    continue;
                }
                let source = &mut json[at]["source"];
                let tree = Tree::deserialize(&*source)?;
                let expression = Expression::from_tree(&tree);
                if let Ok(expression) = &expression
                    && let Some((severity, message)) = agree(expression, &tree, source)?
                {
                    problems.push(Problem {
                        severity,
                        path: format!("synchronizationRules[{rule_at}].objectMappings[{object_at}].attributeMappings[{at}].source"),
                        message: message.to_string(),
                    });
                }
                mapping.expression = Some(expression);
                // What was made from the tree is said as well.
                if let Some(said) = &mut mapping.source
                    && said.expression.as_deref() != source["expression"].as_str()
                {
                    said.expression = source["expression"].as_str().map(str::to_string);
                }
            }
        }
    }
    Ok(())
}

/// Makes the text from the tree where it is missing, and the tree from the text, which is what counts where both are there.
/// What is wrong with them, if anything.
fn agree(
    expression: &Expression,
    written: &Tree,
    source: &mut Json,
) -> serde_json::Result<Option<(Severity, &'static str)>> {
    let mut whole = expression.tree();
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
    if !has_text && let Some(text) = whole.expression.take() {
        source["expression"] = Json::String(text);
    }
    // Trees that exports hold are left as they are.
    if has_tree && written.agrees(&whole) {
        return Ok(None);
    }
    source["name"] = Json::from(whole.name);
    source["type"] = serde_json::to_value(whole.r#type)?;
    source["parameters"] = serde_json::to_value(whole.parameters)?;
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
