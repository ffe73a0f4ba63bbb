//! One attribute mapping: what a worker's attributes say one target attribute should hold.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::expression::{Context, EvaluationError, Expression, Outcome};
use super::value::Value;
use super::worker::Worker;

#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    pub target: String,
    /// `None` leaves the attribute alone, except that an empty one is filled with the default.
    pub expression: Option<Expression>,
    /// Used when a created account would otherwise lack the attribute.
    pub default: Option<String>,
    pub flow: Flow,
    /// The order in which this attribute is used to find the account; `None` when it is not.
    pub matching: Option<u32>,
    pub role: Role,
    pub multivalued: bool,
    pub case_exact: bool,
    /// Both gates of the schema are open: nothing on the source's side clears the target (B3).
    pub clears: bool,
}

/// When a mapping flows (Graph's attributeFlowType).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Always,
    /// Only while the account is being created.
    ObjectAddOnly,
    /// Only while the target has no value.
    AttributeAddOnly,
    /// Adds values and takes none away.
    ValueAddOnly,
}

/// What kind of thing the target attribute is, as far as planning treats it specially.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Plain,
    State,
    Container,
    Name,
    Reference,
    Password,
}

/// Values as texts, none of them empty or there twice. Most attributes have one, and what the worker's record already holds
/// is borrowed from it.
pub type Texts<'a> = SmallVec<[Cow<'a, str>; 1]>;

/// What an evaluated mapping asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Desired<'a> {
    Values(Texts<'a>),
    /// The source has nothing to say here.
    Nothing,
    /// The expression took the attribute out of this change.
    AttributeIgnored,
    /// The expression took the whole person out of this change.
    ObjectIgnored,
}

impl Mapping {
    /// Its value is chosen among candidates, when the account is made.
    pub fn chooses(&self) -> bool {
        self.expression
            .as_ref()
            .is_some_and(|expression| expression.candidates().is_some())
    }

    pub fn desired<'a>(&'a self, context: &Context<'a>) -> Result<Desired<'a>, EvaluationError> {
        let Some(expression) = &self.expression else {
            return Ok(Desired::Nothing);
        };
        Ok(match expression.evaluate(context)? {
            Outcome::IgnoreAttribute => Desired::AttributeIgnored,
            Outcome::IgnoreObject => Desired::ObjectIgnored,
            // A secret would stand in plans and logs, so it is not written at all.
            Outcome::Value { redacted: true, .. } => {
                return Err(EvaluationError {
                    message: "Redact: accounts are given a password of their own, and nothing else is written in secret".into(),
                    at: None,
                });
            }
            Outcome::Value { value, .. } => match texts(value) {
                values if values.is_empty() => Desired::Nothing,
                values => Desired::Values(values),
            },
        })
    }

    /// Whether any attribute this mapping reads has a value; a constant always has.
    pub fn is_stated(&self, worker: &Worker) -> bool {
        let Some(expression) = &self.expression else {
            return true;
        };
        let stated = |name: &&str| {
            let value = worker.attributes.get(*name);
            value.is_some_and(|value| !value.is_empty())
        };
        let inputs = expression.attributes();
        inputs.is_empty() || inputs.iter().any(stated)
    }

    /// As many as the attribute takes.
    pub fn fitting<'a>(&self, mut values: Texts<'a>) -> Texts<'a> {
        if !self.multivalued {
            values.truncate(1);
        }
        values
    }

    /// Whether the target already holds what is wanted, as the target compares.
    pub fn agrees(&self, held: &[String], wanted: &[impl AsRef<str>]) -> bool {
        let same = |held: &String, wanted: &str| {
            held == wanted || (!self.case_exact && held.to_lowercase() == wanted.to_lowercase())
        };
        match (held, wanted) {
            ([held], [wanted]) => same(held, wanted.as_ref()),
            _ => {
                held.len() == wanted.len()
                    && wanted
                        .iter()
                        .all(|wanted| held.iter().any(|held| same(held, wanted.as_ref())))
                    && held
                        .iter()
                        .all(|held| wanted.iter().any(|wanted| same(held, wanted.as_ref())))
            }
        }
    }
}

/// Empty texts are no values: a directory refuses them, and HR means nothing by them.
fn texts(value: Cow<'_, Value>) -> Texts<'_> {
    let mut texts = Texts::new();
    match value {
        Cow::Borrowed(value) => gather(value, &mut texts),
        Cow::Owned(Value::Text(text)) => add(Cow::Owned(text), &mut texts),
        Cow::Owned(value) => {
            let mut made = Texts::new();
            gather(&value, &mut made);
            texts.extend(made.into_iter().map(|text| Cow::Owned(text.into_owned())));
        }
    }
    texts
}

fn gather<'v>(value: &'v Value, texts: &mut Texts<'v>) {
    match value {
        Value::List(items) => items.iter().for_each(|item| gather(item, texts)),
        single => {
            if let Some(text) = single.to_text() {
                add(text, texts);
            }
        }
    }
}

fn add<'v>(text: Cow<'v, str>, texts: &mut Texts<'v>) {
    if !text.is_empty() && !texts.contains(&text) {
        texts.push(text);
    }
}
