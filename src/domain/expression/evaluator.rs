//! Nodes into a value, for one worker.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

use jiff::Timestamp;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::culture::Culture;
use super::moment::Moment;
use super::node::{Call, Comparison, Compiled, Ignore, Node, Operator};
use super::pattern::Pattern;
use super::time_format::TimeFormat;
use super::trace::Recorder;
use super::{Context, EvaluationError, Outcome};
use crate::domain::value::Value;

/// Longest text a function may make, in bytes.
pub const MAX_TEXT: usize = 1 << 20;
/// All that the functions of one evaluation may make together, in bytes.
const MAX_TOTAL: usize = 1 << 24;

/// A value, or the reason why there is none.
pub type Evaluated<'a> = Result<Cow<'a, Value>, Stop>;

/// What ends an evaluation early, wherever it arises.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    Ignored(Ignore),
    /// Boxed, since every value is handed up beside the room for this.
    Failed(Box<EvaluationError>),
}

impl Stop {
    fn failed(message: String, at: Option<usize>) -> Stop {
        Stop::Failed(Box::new(EvaluationError { message, at }))
    }

    /// A failure that has no place of its own stands where the call does that needed the value.
    fn inside(self, call: &Call) -> Stop {
        match self {
            Stop::Failed(error) => Stop::failed(error.message, error.at.or(Some(call.at))),
            ignored => ignored,
        }
    }
}

pub fn evaluate<'a>(root: &'a Node, context: &Context<'a>) -> Result<Outcome<'a>, EvaluationError> {
    evaluate_with(root, context, None)
}

/// The same, with somebody who listens.
pub fn evaluate_with<'a>(
    root: &'a Node,
    context: &Context<'a>,
    recorder: Option<&Recorder>,
) -> Result<Outcome<'a>, EvaluationError> {
    let evaluation = Evaluation {
        context,
        recorder,
        redacted: Cell::new(false),
        made: Cell::new(0),
    };
    match evaluation.value(root) {
        Ok(value) => Ok(Outcome::Value {
            value,
            redacted: evaluation.redacted.get(),
        }),
        Err(Stop::Ignored(Ignore::Attribute)) => Ok(Outcome::IgnoreAttribute),
        Err(Stop::Ignored(Ignore::Object)) => Ok(Outcome::IgnoreObject),
        Err(Stop::Failed(error)) => Err(*error),
    }
}

struct Evaluation<'e, 'a> {
    context: &'e Context<'a>,
    recorder: Option<&'e Recorder>,
    redacted: Cell<bool>,
    made: Cell<usize>,
}

impl<'a> Evaluation<'_, 'a> {
    fn value(&self, node: &'a Node) -> Evaluated<'a> {
        match node {
            Node::Attribute(name) => Ok(match self.context.attributes.get(name) {
                Some(value) => Cow::Borrowed(value),
                None => Cow::Owned(Value::Null),
            }),
            Node::Constant(constant) => Ok(Cow::Borrowed(&constant.value)),
            Node::Setting(name) => self.setting(name),
            Node::Ignore(ignore) => Err(Stop::Ignored(*ignore)),
            Node::Call(call) => self.call(call),
            Node::Comparison(comparison) => self.comparison(comparison).map(Cow::Owned),
        }
    }

    fn setting(&self, name: &str) -> Evaluated<'a> {
        let known = matches!(name, "Domain" | "DomainFQDN");
        match self.context.directory_domain.filter(|_| known) {
            Some(domain) => Ok(Cow::Owned(Value::text(domain))),
            None => {
                let message = format!("the job's settings say nothing about %{name}%");
                Err(Stop::failed(message, None))
            }
        }
    }

    fn call(&self, call: &'a Call) -> Evaluated<'a> {
        let Some(recorder) = self.recorder else {
            return self.value_of(call);
        };
        recorder.begin(call);
        let value = self.value_of(call);
        recorder.end(call, &value);
        value
    }

    fn value_of(&self, call: &'a Call) -> Evaluated<'a> {
        let arguments = Arguments {
            evaluation: self,
            call,
        };
        let value = (call.function.evaluate)(&arguments)?;
        if let Cow::Owned(value) = &value {
            let size = size(value);
            let made = self.made.get().saturating_add(size);
            self.made.set(made);
            if size > MAX_TEXT || made > MAX_TOTAL {
                return Err(arguments.fail("the result is too large"));
            }
        }
        Ok(value)
    }

    fn comparison(&self, comparison: &'a Comparison) -> Result<Value, Stop> {
        let left = self.value(&comparison.left)?;
        let right = self.value(&comparison.right)?;
        let sides = one(&left).zip(one(&right)).ok_or_else(|| {
            let symbol = comparison.operator.symbol();
            let message = format!("`{symbol}` compares single values, and one side has several");
            Stop::failed(message, None)
        });
        let value = sides.map(|sides| Value::Bool(holds(sides.0, comparison.operator, sides.1)));
        if let Some(recorder) = self.recorder {
            recorder.compared(comparison, &left, &right, &value);
        }
        value
    }
}

/// A function's access to its arguments. Each is evaluated when, and only when, it is asked for.
pub struct Arguments<'e, 'a> {
    evaluation: &'e Evaluation<'e, 'a>,
    call: &'a Call,
}

impl<'a> Arguments<'_, 'a> {
    pub fn count(&self) -> usize {
        self.call.arguments.len()
    }

    /// Null if it was left out.
    pub fn value(&self, index: usize) -> Evaluated<'a> {
        let value = match self.call.arguments.get(index) {
            Some(Some(node)) => self.evaluation.value(node).map_err(|stop| stop.inside(self.call)),
            _ => Ok(Cow::Owned(Value::Null)),
        };
        if let Some(recorder) = self.evaluation.recorder {
            recorder.argument(index, &value);
        }
        value
    }

    /// All values from this argument on.
    pub fn values(&self, from: usize) -> impl Iterator<Item = Evaluated<'a>> {
        (from..self.count()).map(|index| self.value(index))
    }

    /// The only value of an argument: itself, or the one element of a list. Null for an empty list.
    pub fn single(&self, index: usize) -> Evaluated<'a> {
        match self.value(index)? {
            Cow::Borrowed(value) => one(value).map(Cow::Borrowed),
            Cow::Owned(value) => one(&value).cloned().map(Cow::Owned),
        }
        .ok_or_else(|| {
            self.fail(format!(
                "`{}` must be one value, and there are several",
                self.name(index)
            ))
        })
    }

    /// As text; `None` for null.
    pub fn text(&self, index: usize) -> Result<Option<Cow<'a, str>>, Stop> {
        Ok(match self.single(index)? {
            Cow::Borrowed(value) => value.to_text(),
            Cow::Owned(value) => value.to_text().map(|text| Cow::Owned(text.into_owned())),
        })
    }

    /// As text, if there is any character in it.
    pub fn filled(&self, index: usize) -> Result<Option<Cow<'a, str>>, Stop> {
        Ok(self.text(index)?.filter(|text| !text.is_empty()))
    }

    /// A whole number; null is an error.
    pub fn integer(&self, index: usize) -> Result<i64, Stop> {
        self.optional_integer(index)?.ok_or_else(|| {
            self.fail(format!(
                "`{}` must be a whole number, not nothing",
                self.name(index)
            ))
        })
    }

    /// A whole number; `None` for null and `""`.
    pub fn optional_integer(&self, index: usize) -> Result<Option<i64>, Stop> {
        let value = self.single(index)?;
        match value.to_integer() {
            None if !value.is_empty() => {
                let (name, shown) = (self.name(index), self.shown(&value));
                Err(self.fail(format!("`{name}` must be a whole number, not {shown}")))
            }
            integer => Ok(integer),
        }
    }

    /// A point in time, given as one or as text; null is an error.
    pub fn moment(&self, index: usize) -> Result<Moment, Stop> {
        self.optional_moment(index)?
            .ok_or_else(|| self.fail(format!("`{}`: there is no date", self.name(index))))
    }

    /// A point in time, given as one or as text; `None` for null and `""`.
    pub fn optional_moment(&self, index: usize) -> Result<Option<Moment>, Stop> {
        let value = self.single(index)?;
        match Moment::of(&value) {
            None if !value.is_empty() => Err(self.fail(format!(
                "`{}`: {} is no date",
                self.name(index),
                self.shown(&value)
            ))),
            moment => Ok(moment),
        }
    }

    /// True or false; null and `""` are false.
    pub fn condition(&self, index: usize) -> Result<bool, Stop> {
        let value = self.single(index)?;
        match value.as_ref() {
            Value::Integer(number) => Ok(*number != 0),
            value if value.is_empty() => Ok(false),
            value => value
                .to_bool()
                .or(value.to_integer().map(|number| number != 0))
                .ok_or_else(|| self.fail(format!("{} is neither True nor False", self.shown(value)))),
        }
    }

    /// The constant pattern, compiled when the expression was parsed, or one made from the worker's data.
    /// `None` if there is none or it is empty.
    pub fn pattern(&self, index: usize) -> Result<Option<Cow<'a, Pattern>>, Stop> {
        if let Some(Compiled::Pattern(pattern)) = self.compiled(index) {
            return Ok(Some(Cow::Borrowed(pattern)));
        }
        let Some(written) = self.filled(index)? else {
            return Ok(None);
        };
        Pattern::compile(&written)
            .map(|pattern| Some(Cow::Owned(pattern)))
            .map_err(|reason| self.fail(reason))
    }

    /// The constant format, read when the expression was parsed, or one made from the worker's data. `None` if there is
    /// none or it is empty.
    pub fn time_format(
        &self,
        index: usize,
        culture: &'static Culture,
    ) -> Result<Option<Cow<'a, TimeFormat>>, Stop> {
        if let Some(Compiled::TimeFormat(format)) = self.compiled(index) {
            return Ok(Some(Cow::Borrowed(format)));
        }
        let Some(written) = self.filled(index)? else {
            return Ok(None);
        };
        TimeFormat::parse(&written, culture)
            .map(|format| Some(Cow::Owned(format)))
            .map_err(|reason| self.fail(reason))
    }

    fn compiled(&self, index: usize) -> Option<&'a Compiled> {
        let mut compiled = self.call.compiled.iter();
        compiled.find_map(|(place, one)| (*place == index).then_some(one))
    }

    /// The argument with each of its texts changed; one for which `change` answers `None` stays as it is.
    /// Null stays null, and a list stays a list.
    pub fn map_texts(
        &self,
        index: usize,
        change: impl Fn(&str) -> Result<Option<String>, Stop>,
    ) -> Evaluated<'a> {
        self.map_texts_of(self.value(index)?, change)
    }

    /// The same for a value at hand. An argument must not be evaluated twice: nested calls would double
    /// the work at every level.
    pub fn map_texts_of(
        &self,
        value: Cow<'a, Value>,
        change: impl Fn(&str) -> Result<Option<String>, Stop>,
    ) -> Evaluated<'a> {
        Ok(match self.changed(&value, &change, &mut 0)? {
            Some(changed) => Cow::Owned(changed),
            None => value,
        })
    }

    fn changed(
        &self,
        value: &Value,
        change: &impl Fn(&str) -> Result<Option<String>, Stop>,
        made: &mut usize,
    ) -> Result<Option<Value>, Stop> {
        let text = match value {
            Value::Null => return Ok(None),
            Value::List(items) => {
                let mut results = Vec::with_capacity(items.len());
                for item in items {
                    let changed = self.changed(item, change, made)?;
                    results.push(changed.unwrap_or_else(|| item.clone()));
                }
                return Ok((results != *items).then_some(Value::List(results)));
            }
            single => single.to_text().unwrap_or_default(),
        };
        let changed = change(&text)?;
        *made += changed.as_ref().map_or(0, String::len);
        if *made > MAX_TEXT {
            return Err(self.fail("the result is too large"));
        }
        Ok(match (changed, value) {
            (Some(changed), _) => Some(Value::Text(changed)),
            (None, Value::Text(_)) => None,
            (None, _) => Some(Value::Text(text.into_owned())),
        })
    }

    pub fn now(&self) -> Timestamp {
        self.evaluation.context.now
    }

    pub fn is_taken(&self, candidate: &str) -> bool {
        (self.evaluation.context.taken)(candidate)
    }

    pub fn default_domain(&self) -> Option<&'a str> {
        self.evaluation.context.default_domain
    }

    /// Random numbers of this call's own: the same for the same seed, whatever else is evaluated.
    pub fn random(&self) -> ChaCha20Rng {
        let mut random = ChaCha20Rng::from_seed(self.evaluation.context.seed.bytes());
        random.set_stream(self.call.ordinal);
        random
    }

    /// From here on the result of the whole evaluation is not to be shown.
    pub fn redact(&self) {
        self.evaluation.redacted.set(true);
    }

    pub fn fail(&self, reason: impl AsRef<str>) -> Stop {
        self.fail_with(format!("{}: {}", self.call.function.name, reason.as_ref()))
    }

    /// With a message of the expression's author, unless it might give a secret away.
    pub fn fail_saying(&self, message: String) -> Stop {
        match self.evaluation.redacted.get() {
            true => self.fail_with("[Redact]".to_owned()),
            false => self.fail_with(message),
        }
    }

    fn fail_with(&self, message: String) -> Stop {
        Stop::failed(message, Some(self.call.at))
    }

    /// A value for an error message: short, and never one that is to be kept secret.
    pub fn shown(&self, value: &Value) -> String {
        const LONGEST: usize = 40;
        if self.evaluation.redacted.get() {
            return "[Redact]".to_owned();
        }
        match value.to_text() {
            None => "nothing".to_owned(),
            Some(text) if text.chars().count() > LONGEST => {
                format!("\"{}…\"", text.chars().take(LONGEST).collect::<String>())
            }
            Some(text) => format!("\"{text}\""),
        }
    }

    fn name(&self, index: usize) -> &'static str {
        self.call
            .function
            .parameter_of(index, self.count())
            .map_or("", |parameter| parameter.name)
    }
}

fn one(value: &Value) -> Option<&Value> {
    match value {
        Value::List(items) => match items.as_slice() {
            [] => Some(&Value::Null),
            [item] => one(item),
            _ => None,
        },
        single => Some(single),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(|item| size(item) + size_of::<Value>()).sum(),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Time(_) => 0,
    }
}

fn holds(left: &Value, operator: Operator, right: &Value) -> bool {
    let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let ordering = compare(left, right, equality);
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Less => ordering.is_lt(),
        Operator::AtMost => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        Operator::AtLeast => ordering.is_ge(),
    }
}

/// Two numbers as numbers, two instants as instants, everything else as text. A text that looks like a
/// number is one beside a real number, and when asked which is greater; `"007"` and `"7"` are not equal.
fn compare(left: &Value, right: &Value, equality: bool) -> Ordering {
    let real_number = matches!(left, Value::Integer(_)) || matches!(right, Value::Integer(_));
    if (real_number || !equality)
        && let (Some(left), Some(right)) = (left.to_integer(), right.to_integer())
    {
        return left.cmp(&right);
    }
    let real_time = matches!(left, Value::Time(_)) || matches!(right, Value::Time(_));
    if real_time && let (Some(left), Some(right)) = (Moment::of(left), Moment::of(right)) {
        return left.instant().cmp(&right.instant());
    }
    left.to_text()
        .unwrap_or_default()
        .cmp(&right.to_text().unwrap_or_default())
}
