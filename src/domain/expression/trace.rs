//! The steps of an evaluation, for whoever asks why a value is what it is: each call with its arguments and its result, in the
//! order in which they were worked out.

use std::borrow::Cow;
use std::cell::RefCell;

use serde::Serialize;

use super::evaluator::{self, Evaluated, Stop};
use super::node::{Call, Comparison, Node};
use super::printer::quoted;
use super::{Context, EvaluationError, Outcome};
use crate::domain::value::Value;

/// Steps that are told, and characters of a value in them.
const MOST_STEPS: usize = 200;
const LONGEST: usize = 200;

/// One function call or comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Where it stands in the expression, in characters from 0, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<usize>,
    /// As it is written: `Join(" ", [givenName], [sn])`.
    pub expression: String,
    /// With the values of the arguments that were asked for: `Join(" ", "Ada", "Lovelace")`.
    pub with: String,
    /// `"Ada Lovelace"`, `IgnoreAttributeFlow`, or `error: …`.
    pub result: String,
}

/// How an expression came to its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    pub steps: Vec<Step>,
    /// There is a `Redact` in it: nothing of it is shown.
    pub is_secret: bool,
}

/// The steps of one evaluation.
pub(super) fn trace(root: &Node, context: &Context<'_>) -> Trace {
    if root.calls(|function| function.name == "Redact") {
        return Trace {
            steps: Vec::new(),
            is_secret: true,
        };
    }
    let recorder = Recorder::default();
    let outcome = evaluator::evaluate_with(root, context, Some(&recorder));
    let mut steps = recorder.steps.into_inner();
    if !matches!(root, Node::Call(_) | Node::Comparison(_)) {
        let result = outcome_text(&outcome);
        steps.push(Step {
            at: None,
            expression: root.to_string(),
            with: result.clone(),
            result,
        });
    }
    Trace {
        steps,
        is_secret: false,
    }
}

/// Listens to an evaluation.
#[derive(Default)]
pub(super) struct Recorder {
    /// The arguments of the calls under way, as far as they were asked for.
    calls: RefCell<Vec<Vec<Option<String>>>>,
    steps: RefCell<Vec<Step>>,
}

impl Recorder {
    pub fn begin(&self, call: &Call) {
        self.calls.borrow_mut().push(vec![None; call.arguments.len()]);
    }

    pub fn argument(&self, index: usize, value: &Evaluated<'_>) {
        let mut calls = self.calls.borrow_mut();
        let place = calls.last_mut().and_then(|arguments| arguments.get_mut(index));
        if let Some(place) = place {
            *place = Some(result(value));
        }
    }

    pub fn end(&self, call: &Call, value: &Evaluated<'_>) {
        let known = self.calls.borrow_mut().pop().unwrap_or_default();
        let arguments = call.arguments.iter().zip(known).map(|(written, known)| {
            let as_written = || written.as_ref().map(Node::to_string).unwrap_or_default();
            match written {
                Some(Node::Constant(_)) | None => as_written(),
                Some(_) => known.unwrap_or_else(as_written),
            }
        });
        let arguments: Vec<String> = arguments.collect();
        self.add(Step {
            at: Some(call.at),
            expression: call.to_string(),
            with: format!("{}({})", call.function.name, arguments.join(", ")),
            result: result(value),
        });
    }

    pub fn compared(
        &self,
        comparison: &Comparison,
        left: &Value,
        right: &Value,
        value: &Result<Value, Stop>,
    ) {
        let symbol = comparison.operator.symbol();
        self.add(Step {
            at: None,
            expression: format!("{}{symbol}{}", comparison.left, comparison.right),
            with: format!("{} {symbol} {}", literal(left), literal(right)),
            result: match value {
                Ok(value) => literal(value),
                Err(stop) => stopped(stop),
            },
        });
    }

    fn add(&self, step: Step) {
        let mut steps = self.steps.borrow_mut();
        if steps.len() < MOST_STEPS {
            steps.push(step);
        }
    }
}

fn result(value: &Evaluated<'_>) -> String {
    match value {
        Ok(value) => literal(value),
        Err(stop) => stopped(stop),
    }
}

fn stopped(stop: &Stop) -> String {
    match stop {
        Stop::Ignored(ignore) => ignore.word().to_string(),
        Stop::Failed(error) => failed(error),
    }
}

fn failed(error: &EvaluationError) -> String {
    format!("error: {}", error.message)
}

fn outcome_text(outcome: &Result<Outcome<'_>, EvaluationError>) -> String {
    match outcome {
        Ok(Outcome::Value { value, .. }) => literal(value),
        Ok(Outcome::IgnoreAttribute) => "IgnoreAttributeFlow".into(),
        Ok(Outcome::IgnoreObject) => "IgnoreObjectFlow".into(),
        Err(error) => failed(error),
    }
}

/// A value as the language writes it; nothing is `null`.
pub fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Bool(_) | Value::Integer(_) => value.to_text().unwrap_or_default().into_owned(),
        Value::Text(text) => quoted(&short(text)),
        Value::Time(_) => quoted(&value.to_text().unwrap_or_default()),
    }
}

fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}
