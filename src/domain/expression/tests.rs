//! One world to evaluate in, and the tests by subject.

mod language;
mod properties;
mod published;
mod rows;
mod table;
mod traces;
mod trees;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;

/// A worker, a clock and a target to evaluate against.
#[derive(Debug)]
struct World {
    attributes: BTreeMap<String, Value>,
    now: Timestamp,
    taken: Vec<String>,
    directory_domain: &'static str,
}

impl World {
    fn new(attributes: impl IntoIterator<Item = (String, Value)>) -> World {
        World {
            attributes: attributes.into_iter().collect(),
            now: "2025-07-30T12:00:00Z".parse().unwrap(),
            taken: Vec::new(),
            directory_domain: "contoso.local",
        }
    }

    /// Evaluates, and hands the outcome on before the context is gone.
    fn evaluate<T>(
        &self,
        expression: &Expression,
        then: impl FnOnce(Result<Outcome<'_>, EvaluationError>) -> T,
    ) -> T {
        let taken = |candidate: &str| {
            self.taken
                .iter()
                .any(|taken| taken.eq_ignore_ascii_case(candidate))
        };
        then(expression.evaluate(&Context {
            attributes: &self.attributes,
            now: self.now,
            seed: Seed::new(Uuid::nil(), "worker", "mapping"),
            taken: &taken,
            default_domain: Some("contoso.com"),
            directory_domain: Some(self.directory_domain),
        }))
    }
}

/// What an expression comes to, in a form that can be compared with a row of a data file.
#[derive(Debug, PartialEq)]
enum Answer {
    Value(Vec<String>),
    IgnoreAttribute,
    IgnoreObject,
    Error(String),
    ParseError(String),
}

fn answer(text: &str, world: &World) -> Answer {
    match Expression::parse(text) {
        Err(error) => Answer::ParseError(error.to_string()),
        Ok(expression) => world.evaluate(&expression, |outcome| match outcome {
            Ok(Outcome::Value { value, .. }) => Answer::Value(value.to_texts()),
            Ok(Outcome::IgnoreAttribute) => Answer::IgnoreAttribute,
            Ok(Outcome::IgnoreObject) => Answer::IgnoreObject,
            Err(error) => Answer::Error(error.to_string()),
        }),
    }
}
