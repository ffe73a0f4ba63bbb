//! The mapping language: what stands in an attribute mapping of type Expression, Constant or Direct.
//!
//! ```text
//! text ──lexer──▶ tokens ──parser──▶ nodes ──evaluator──▶ Outcome
//!                                     │  ▲
//!                            printer  │  │  functions/: one table of all functions
//!                                     ▼
//!                                normal form, stored tree
//! ```
//!
//! An [`Expression`] is parsed and compiled once and evaluated for every worker. Evaluation is a function of
//! its [`Context`] alone: the clock, the seed of random values and the question whether a value is taken all
//! come in from outside. It always ends, never panics, and copies no value that it only passes on.
//!
//! # Where the service's documentation is silent
//!
//! | topic | what happens here | why |
//! | --- | --- | --- |
//! | `Coalesce` and `""` | skipped like null | a published sample needs it, and no account name starts with a hole |
//! | `Switch` without a match or default, `Join` of nothing | null | an empty text would be written, and directories refuse it |
//! | Booleans as `Switch` keys | compare as `True` and `False`, exactly | keys are compared exactly everywhere else |
//! | `=` and `<>` | as numbers if one side is a number, else as texts | `"007"` and `"7"` are two employees |
//! | `<`, `<=`, `>`, `>=` | as numbers if both sides are, as instants if one is, else as texts | |
//! | null in a comparison | equals `""` | as in `Switch` |
//! | a list where one text is expected | each element for functions of one text; else an error unless it has one element | never a silent choice |
//! | `Mid` beyond the end | `""`; a start below 1 or a negative length gives the input | a published title-case recipe would double one-letter names |
//! | `Left`, `Mid`, `Word` of null | `""` | documented for `Left` and `Word` |
//! | `Word` between adjacent delimiters | no word | words are what delimiters separate |
//! | `Split` | parts are trimmed, empty parts stay; without a delimiter at white space | the documented sample shows trimmed parts; positions must hold |
//! | `RemoveDuplicates` | exact comparison | never loses a value that differs |
//! | `PCase` after an apostrophe | stays lower case | the platform's title case does the same |
//! | `CDate` of null or `""` | an error | the guides always guard it |
//! | `FormatDateTime`, `NumFromDate`, `DateFromNum` of null | null | a missing date is no mistake |
//! | `FormatDateTime` of a text with an offset | keeps the written date | what every HR sample expects |
//! | `FormatDateTime` in a culture | a fifth argument, Muster's own | the service has none; HR letters and display names need month names |
//! | instants from 9999-12-30T22:00Z on | are one, the end of time, formatted as 9999-12-31 | HR systems write "open end" that way |
//! | `Replace` with `${group}` and a partial match | the rest of the text stays | what the platform's regular expressions do |
//! | `SingleAppRoleAssignment` of several roles | an error | the service calls the result unpredictable |
//! | `Count`, `Left`, `InStr` … | count Unicode characters | a character is never cut in half |
//! | `Replace` of a group | the replacement is written as it is | signs such as `$1` mean something only without a group |
//! | empty texts among `Replace`'s arguments | count as left out, except the replacement | people write `""` for a gap |
//! | two-digit years | 1950 to 2049 | as the platform has it |
//! | fractions such as `1.5` | are refused | none was ever seen |
//! | a backslash in a printed text | is doubled | reads the same under every rule of escaping |
//! | `a & b` | is `Join("", a, b)` | |
//! | a nested `SelectUniqueValue` | is refused when parsed | not only for the first worker who needs it |

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display, Formatter};
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::domain::value::Value;

mod culture;
mod evaluator;
pub mod functions;
mod lexer;
pub mod moment;
mod node;
mod parser;
pub mod pattern;
mod printer;
mod time_format;
pub mod trace;
pub mod tree;

#[cfg(test)]
mod tests;

use functions::Nature;
use node::{Constant, Node};
use trace::Trace;

/// An expression, parsed and compiled. It prints as its normal form, which parses to the same expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// Shared, since a schema and whatever is compiled from it hold the same.
    root: Arc<Node>,
    /// What planning asks of each mapping for each worker.
    asks: Arc<Asks>,
    candidates: Option<Vec<Expression>>,
}

/// What an expression needs to be evaluated.
#[derive(Debug, PartialEq)]
struct Asks {
    attributes: Vec<String>,
    clock: bool,
    seed: bool,
}

impl Asks {
    fn of(root: &Node) -> Asks {
        let mut attributes: Vec<String> = Vec::new();
        let _: ControlFlow<()> = root.walk(&mut |node| {
            if let Node::Attribute(name) = node
                && !attributes.contains(name)
            {
                attributes.push(name.clone());
            }
            ControlFlow::Continue(())
        });
        Asks {
            attributes,
            clock: root.calls(|function| function.nature == Nature::Clock),
            seed: root.calls(|function| function.nature == Nature::Random),
        }
    }
}

impl Expression {
    /// Reads and checks a text of at most 10,000 characters. Everything is refused here that cannot work for
    /// any worker: unknown functions, missing arguments, constants of the wrong kind, broken patterns.
    pub fn parse(text: &str) -> Result<Expression, ParseError> {
        parser::parse(text).map(Expression::from)
    }

    /// A Direct mapping: the attribute as it is.
    pub fn attribute(name: &str) -> Expression {
        Expression::from(Node::Attribute(name.to_owned()))
    }

    /// A Constant mapping: always the same text.
    pub fn constant(text: &str) -> Expression {
        Expression::from(Node::Constant(Constant::quoted(text)))
    }

    /// The attributes it reads, each once, in the order of their first mention.
    pub fn attributes(&self) -> Vec<&str> {
        self.asks.attributes.iter().map(String::as_str).collect()
    }

    /// Whether its value may change merely because time passes.
    pub fn reads_clock(&self) -> bool {
        self.asks.clock
    }

    /// Whether its value depends on the seed.
    pub fn is_random(&self) -> bool {
        self.asks.seed
    }

    /// The arguments of an outermost `SelectUniqueValue`, best first. Evaluated on its own, with the same
    /// seed, a candidate has the value it has inside the whole.
    pub fn candidates(&self) -> Option<&[Expression]> {
        self.candidates.as_deref()
    }

    /// What is inside an outermost `Redact`, where it asks nothing of the worker: such a value can be drawn when it is
    /// written, and need not stand in a plan.
    pub fn recipe(&self) -> Option<String> {
        match &*self.root {
            Node::Call(call)
                if call.function.name == "Redact" && self.attributes().is_empty() && self.is_random() =>
            {
                call.arguments.first()?.as_ref().map(Node::to_string)
            }
            _ => None,
        }
    }

    /// The value for one worker. Attributes that are passed on are borrowed from the context.
    pub fn evaluate<'a>(&'a self, context: &Context<'a>) -> Result<Outcome<'a>, EvaluationError> {
        evaluator::evaluate(&self.root, context)
    }

    /// How it comes to that value, step by step.
    pub fn trace(&self, context: &Context<'_>) -> Trace {
        trace::trace(&self.root, context)
    }
}

impl From<Node> for Expression {
    fn from(root: Node) -> Expression {
        let candidates = match &root {
            Node::Call(call) if call.function.nature == Nature::Unique => Some(
                call.arguments
                    .iter()
                    .flatten()
                    .cloned()
                    .map(Expression::from)
                    .collect(),
            ),
            _ => None,
        };
        Expression {
            asks: Arc::new(Asks::of(&root)),
            root: Arc::new(root),
            candidates,
        }
    }
}

impl Display for Expression {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.root, out)
    }
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} (at character {at})")]
pub struct ParseError {
    pub message: String,
    /// Offset in characters, from 0.
    pub at: usize,
}

impl ParseError {
    fn new(message: impl Into<String>, at: usize) -> ParseError {
        ParseError {
            message: message.into(),
            at,
        }
    }
}

/// Why an expression has no value for one worker. The worker is held; others go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct EvaluationError {
    pub message: String,
    /// Where the call that failed stands in the text, in characters from 0.
    pub at: Option<usize>,
}

/// Everything an evaluation may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub attributes: &'a dyn Attributes,
    pub now: Timestamp,
    /// Feeds the random functions. Every worker and mapping has its own.
    pub seed: Seed<'a>,
    /// Whether a candidate of `SelectUniqueValue` already belongs to someone else.
    pub taken: &'a dyn Fn(&str) -> bool,
    pub default_domain: Option<&'a str>,
    /// What `%Domain%` and `%DomainFQDN%` stand for.
    pub directory_domain: Option<&'a str>,
}

/// A source's values by name. `None` means that the source never said anything about the attribute.
pub trait Attributes {
    fn get(&self, name: &str) -> Option<&Value>;
}

impl Attributes for BTreeMap<String, Value> {
    fn get(&self, name: &str) -> Option<&Value> {
        BTreeMap::get(self, name)
    }
}

/// Where random values come from: the same seed gives the same values. It is as secret as a password drawn
/// from it, and therefore never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed<'a> {
    plan: Uuid,
    worker: &'a str,
    mapping: &'a str,
}

impl<'a> Seed<'a> {
    /// One worker's seed for one mapping of a plan: planning again draws the same values.
    pub fn new(plan: Uuid, worker: &'a str, mapping: &'a str) -> Seed<'a> {
        Seed {
            plan,
            worker,
            mapping,
        }
    }

    /// Few expressions draw anything, so it is worked out for those that do.
    fn bytes(&self) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.plan);
        for part in [self.worker, self.mapping] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl Debug for Seed<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("Seed(..)")
    }
}

/// What an expression comes to for one worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    Value {
        value: Cow<'a, Value>,
        /// The value came through `Redact`: it may be written, never shown.
        redacted: bool,
    },
    /// Leave this attribute alone.
    IgnoreAttribute,
    /// Leave the whole object alone in this cycle.
    IgnoreObject,
}
