//! What an expression is made of once it is parsed.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::functions::Function;
use super::pattern::Pattern;
use super::time_format::TimeFormat;
use crate::domain::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Attribute(String),
    Constant(Constant),
    /// A setting of the job, `%DomainFQDN%`, without the percent signs.
    Setting(String),
    Ignore(Ignore),
    Call(Call),
    Comparison(Box<Comparison>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    pub value: Value,
    pub written: Written,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Quoted,
    /// A number or a keyword such as `vbTextCompare`, as it stood in the text.
    Bare(String),
}

impl Constant {
    /// Its text without quotes, as it was written.
    pub fn name(&self) -> Cow<'_, str> {
        match &self.written {
            Written::Bare(written) => Cow::Borrowed(written),
            Written::Quoted => self.value.to_text().unwrap_or_default(),
        }
    }

    pub fn quoted(text: impl Into<String>) -> Constant {
        Constant {
            value: Value::text(text),
            written: Written::Quoted,
        }
    }

    pub fn number(value: i64, written: String) -> Constant {
        Constant {
            value: Value::Integer(value),
            written: Written::Bare(written),
        }
    }

    pub fn word(word: String) -> Constant {
        Constant {
            value: Value::text(word.clone()),
            written: Written::Bare(word),
        }
    }
}

/// The two words that take a value out of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignore {
    Attribute,
    Object,
}

impl Ignore {
    pub fn named(word: &str) -> Option<Ignore> {
        [Ignore::Attribute, Ignore::Object]
            .into_iter()
            .find(|ignore| ignore.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Ignore::Attribute => "IgnoreAttributeFlow",
            Ignore::Object => "IgnoreObjectFlow",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Call {
    pub function: &'static Function,
    /// As written: `None` is an argument left empty between its commas.
    pub arguments: Vec<Option<Node>>,
    /// What constant arguments come to, by their place.
    pub compiled: Vec<(usize, Compiled)>,
    /// The number of a random call among those of the expression, from 1; 0 for others. It draws from a
    /// stream of its own, so that its value does not depend on which branches were taken.
    pub ordinal: u64,
    /// Where it stands in the text, in characters.
    pub at: usize,
}

/// A constant in the form in which a function uses it, made once when the expression is parsed.
#[derive(Clone, Debug)]
pub enum Compiled {
    Pattern(Box<Pattern>),
    /// In the culture that the call names by a constant too, or leaves out.
    TimeFormat(TimeFormat),
}

/// Calls are equal if they mean the same, wherever they stand.
impl PartialEq for Call {
    fn eq(&self, other: &Call) -> bool {
        self.function == other.function && self.arguments == other.arguments && self.ordinal == other.ordinal
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub left: Node,
    pub operator: Operator,
    pub right: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "<>",
            Operator::Less => "<",
            Operator::AtMost => "<=",
            Operator::Greater => ">",
            Operator::AtLeast => ">=",
        }
    }
}

impl Node {
    /// Goes through the node and all below it in reading order, until `visit` breaks.
    pub fn walk<'n, B>(&'n self, visit: &mut impl FnMut(&'n Node) -> ControlFlow<B>) -> ControlFlow<B> {
        visit(self)?;
        match self {
            Node::Call(call) => call
                .arguments
                .iter()
                .flatten()
                .try_for_each(|argument| argument.walk(visit)),
            Node::Comparison(comparison) => {
                comparison.left.walk(visit)?;
                comparison.right.walk(visit)
            }
            Node::Attribute(_) | Node::Constant(_) | Node::Setting(_) | Node::Ignore(_) => {
                ControlFlow::Continue(())
            }
        }
    }

    /// Whether the node or one below it calls a function for which `wanted` holds.
    pub fn calls(&self, wanted: impl Fn(&Function) -> bool) -> bool {
        self.walk(&mut |node| match node {
            Node::Call(call) if wanted(call.function) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .is_break()
    }
}
