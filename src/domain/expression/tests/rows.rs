//! The project's own collection, `tests/it/data/expressions/`: expressions and trees with what must come of them, and
//! why. A row is one that `muster eval --batch FILE --domain contoso.com` takes, and what is expected has the form of its
//! answer; beyond that, an expected error may give a word that its message `says`, and `matches` is a pattern for values
//! that differ each time.

use std::collections::HashSet;

use serde::Deserialize;

use super::super::functions::FUNCTIONS;
use super::super::moment::Moment;
use super::super::tree::Tree;
use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    expr: String,
    #[serde(default)]
    inputs: BTreeMap<String, Value>,
    now: Option<String>,
    #[serde(default)]
    existing: Vec<String>,
    expected: Expected,
    /// The documented sentence, the rule of the platform or the arithmetic that the value comes from.
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Value(Option<OneOrMore>),
    Matches(String),
    Ignore(String),
    Error(Failure),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Failure {
    code: String,
    at: Option<usize>,
    says: Option<String>,
}

fn rows<T: serde::de::DeserializeOwned>(lines: &str) -> Vec<T> {
    let rows = lines.lines().map(|line| serde_json::from_str(line));
    rows.collect::<Result<_, _>>().unwrap()
}

fn own() -> Vec<Row> {
    rows(include_str!("../../../../tests/it/data/expressions/rows.jsonl"))
}

/// What happened instead, if anything did.
fn mistake(row: &Row) -> Option<String> {
    let expression = match Expression::parse(&row.expr) {
        Ok(expression) => expression,
        Err(error) => return row.expected.refuses("parse", Some(error.at), &error.message),
    };
    let mut world = World::new(row.inputs.clone());
    world.directory_domain = "contoso.com";
    world.taken = row.existing.clone();
    if let Some(now) = &row.now {
        world.now = Moment::parse(now).unwrap().instant();
    }
    world.evaluate(&expression, |outcome| match (&row.expected, &outcome) {
        (Expected::Ignore(what), Ok(Outcome::IgnoreAttribute)) if what == "attribute" => None,
        (Expected::Ignore(what), Ok(Outcome::IgnoreObject)) if what == "object" => None,
        (Expected::Value(expected), Ok(Outcome::Value { value, .. })) => {
            let agrees = match expected {
                None => **value == Value::Null,
                Some(OneOrMore::One(text)) => value.to_text().is_some_and(|found| found == *text),
                Some(OneOrMore::More(texts)) => {
                    matches!(**value, Value::List(_)) && value.to_texts() == *texts
                }
            };
            (!agrees).then(|| format!("{value:?}"))
        }
        (Expected::Matches(expected), Ok(Outcome::Value { value, .. })) => {
            let pattern = pattern::Pattern::compile(expected).unwrap();
            let text = value.to_text().unwrap();
            (!pattern.is_match(&text).unwrap()).then(|| text.into_owned())
        }
        (expected, Err(error)) => expected.refuses("evaluation", error.at, &error.message),
        (_, Ok(other)) => Some(format!("{other:?}")),
    })
}

impl Expected {
    fn refuses(&self, code: &str, at: Option<usize>, message: &str) -> Option<String> {
        let agrees = match self {
            Expected::Error(failure) => {
                failure.code == code
                    && (failure.at.is_none() || failure.at == at)
                    && failure
                        .says
                        .as_ref()
                        .is_none_or(|word| message.contains(word.as_str()))
            }
            _ => false,
        };
        (!agrees).then(|| format!("{code} error at {at:?}: {message}"))
    }
}

#[test]
fn every_row_comes_to_what_it_says() {
    let rows = own();
    let mistakes: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let found = mistake(row)?;
            let Row {
                id,
                expr,
                expected,
                why,
                ..
            } = row;
            Some(format!(
                "{id}: {expr}\n  expected {expected:?}, since {why}\n  found {found}"
            ))
        })
        .collect();
    assert!(
        mistakes.is_empty(),
        "{} of {}\n{}",
        mistakes.len(),
        rows.len(),
        mistakes.join("\n")
    );
}

#[test]
fn the_rows_know_every_function_and_say_why() {
    let rows = own();
    let ids: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len());
    assert!(rows.iter().all(|row| !row.why.is_empty()));
    for function in FUNCTIONS {
        let called = format!("{}(", function.name);
        assert!(rows.iter().any(|row| row.expr.contains(&called)), "{called}");
    }
}

#[derive(Deserialize)]
struct Stored {
    expr: String,
    tree: Tree,
}

#[test]
fn every_tree_is_its_text_and_every_text_its_tree() {
    let stored: Vec<Stored> = rows(include_str!("../../../../tests/it/data/expressions/trees.jsonl"));
    for Stored { expr, tree } in &stored {
        let expression = Expression::parse(expr).unwrap();
        assert_eq!(expression.to_string(), *expr);
        assert_eq!(expression.tree(), *tree, "{expr}");
        assert_eq!(Expression::from_tree(tree).as_ref(), Ok(&expression));
        let without_text = Tree {
            expression: None,
            ..tree.clone()
        };
        // The two words that are no texts can only be told from such by their text.
        if !matches!(tree.r#type, tree::TreeType::Constant) {
            assert_eq!(Expression::from_tree(&without_text), Ok(expression), "{expr}");
        }
    }
}
