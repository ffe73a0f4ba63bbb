//! Text into nodes, by recursive descent. Everything that can be refused before any worker is looked at is
//! refused here: unknown functions, arguments that are missing or too many, constants that cannot serve.
//!
//! ```text
//! expression = operand { "&" operand } [ comparison operand { "&" operand } ]
//! operand    = call | [attribute] | "text" | number | %setting% | word
//! call       = name "(" [ argument { "," argument } ] ")"        an argument may be empty
//! ```

use std::vec::IntoIter;

use super::ParseError;
use super::culture::{self, Culture};
use super::functions::{self, Function, Kind, Nature, Parameter};
use super::lexer::{self, Located, Token};
use super::node::{Call, Comparison, Compiled, Constant, Ignore, Node};
use super::pattern::Pattern;
use super::time_format::TimeFormat;

/// Longest text, in characters; the service's own limit.
pub const MAX_LENGTH: usize = 10_000;

/// Deepest nesting of calls. Published expressions stay below ten.
pub const MAX_DEPTH: usize = 64;

pub fn parse(text: &str) -> Result<Node, ParseError> {
    let length = text.chars().count();
    if length > MAX_LENGTH {
        let message = format!("an expression has at most {MAX_LENGTH} characters, this one has {length}");
        return Err(ParseError::new(message, MAX_LENGTH));
    }
    let mut parser = Parser {
        tokens: lexer::tokens(text)?.into_iter(),
        end: length,
        depth: 0,
        random_calls: 0,
    };
    let node = parser.expression(Kind::Any)?;
    match parser.take() {
        None => Ok(node),
        Some(rest) => Err(ParseError::new(
            format!("expected the end, found {}", rest.token.describe()),
            rest.at,
        )),
    }
}

struct Parser {
    tokens: IntoIter<Located>,
    end: usize,
    depth: usize,
    random_calls: u64,
}

impl Parser {
    /// `kind` is what the place asks for; it decides whether a comparison or a keyword may stand there.
    fn expression(&mut self, kind: Kind) -> Result<Node, ParseError> {
        let left = self.chain(kind)?;
        let Some(Token::Operator(operator)) = self.peek() else {
            return Ok(left);
        };
        let operator = *operator;
        if kind != Kind::Condition {
            return Err(ParseError::new(
                "a comparison can only be the condition of IIF or stand in CBool",
                self.at(),
            ));
        }
        self.take();
        let right = self.chain(Kind::Any)?;
        Ok(Node::Comparison(Box::new(Comparison {
            left,
            operator,
            right,
        })))
    }

    /// `a & b & c` is another way to write `Join("", a, b, c)`, and is kept as that.
    fn chain(&mut self, kind: Kind) -> Result<Node, ParseError> {
        let at = self.at();
        let first = self.operand(kind)?;
        if self.peek() != Some(&Token::Concatenation) {
            return Ok(first);
        }
        // The operands stand inside the call that is kept.
        if let Node::Call(call) = &first
            && call.function.nature == Nature::Unique
        {
            return Err(not_outermost(call.function, at));
        }
        if self.depth + depth(&first) >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        let mut arguments = vec![Some(Node::Constant(Constant::quoted(""))), Some(first)];
        self.depth += 1;
        while self.peek() == Some(&Token::Concatenation) {
            self.take();
            arguments.push(Some(self.operand(Kind::Any)?));
        }
        self.depth -= 1;
        let function = &functions::text::JOIN;
        Ok(Node::Call(Call {
            function,
            arguments,
            compiled: Vec::new(),
            ordinal: 0,
            at,
        }))
    }

    fn operand(&mut self, kind: Kind) -> Result<Node, ParseError> {
        let Some(Located { token, at }) = self.take() else {
            return Err(ParseError::new("expected a value, found the end", self.end));
        };
        match token {
            Token::Attribute(name) => Ok(Node::Attribute(name)),
            Token::Text(text) => Ok(Node::Constant(Constant::quoted(text))),
            Token::Number(value, written) => Ok(Node::Constant(Constant::number(value, written))),
            Token::Setting(name) => Ok(Node::Setting(name)),
            Token::Name(name) if self.peek() == Some(&Token::Open) => self.call(&name, at),
            Token::Name(word) => word_node(word, kind, at),
            other => Err(ParseError::new(
                format!("expected a value, found {}", other.describe()),
                at,
            )),
        }
    }

    fn call(&mut self, name: &str, at: usize) -> Result<Node, ParseError> {
        let function = functions::find(name).ok_or_else(|| unknown_function(name, at))?;
        if function.nature == Nature::Unique && self.depth > 0 {
            return Err(not_outermost(function, at));
        }
        if self.depth == MAX_DEPTH {
            return Err(too_deep(at));
        }
        let ordinal = self.ordinal(function);
        self.take();
        self.depth += 1;
        let (arguments, close) = self.arguments(function)?;
        self.depth -= 1;
        let compiled = check(function, &arguments, close)?;
        let arguments = arguments.into_iter().map(|argument| argument.node).collect();
        Ok(Node::Call(Call {
            function,
            arguments,
            compiled,
            ordinal,
            at,
        }))
    }

    /// The arguments after `(`, and where the `)` stands.
    fn arguments(&mut self, function: &Function) -> Result<(Vec<Argument>, usize), ParseError> {
        let mut arguments = Vec::new();
        if self.peek() == Some(&Token::Close) {
            let close = self.at();
            self.take();
            return Ok((arguments, close));
        }
        loop {
            let at = self.at();
            let Some(parameter) = function.parameter(arguments.len()) else {
                let message = format!("this is one argument too many for {}", function.name);
                return Err(ParseError::new(message, at));
            };
            let node = match self.peek() {
                Some(Token::Comma | Token::Close) => None,
                _ => Some(self.expression(parameter.kind)?),
            };
            arguments.push(Argument { node, at });
            let at = self.at();
            match self.take().map(|located| located.token) {
                Some(Token::Comma) => {}
                Some(Token::Close) => return Ok((arguments, at)),
                Some(other) => {
                    let found = other.describe();
                    return Err(ParseError::new(
                        format!("expected a comma or `)`, found {found}"),
                        at,
                    ));
                }
                None => {
                    let message = format!("expected a comma or `)` to go on with {}", function.name);
                    return Err(ParseError::new(message, self.end));
                }
            }
        }
    }

    fn ordinal(&mut self, function: &Function) -> u64 {
        if function.nature != Nature::Random {
            return 0;
        }
        self.random_calls += 1;
        self.random_calls
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.as_slice().first().map(|located| &located.token)
    }

    fn take(&mut self) -> Option<Located> {
        self.tokens.next()
    }

    fn at(&self) -> usize {
        let next = self.tokens.as_slice().first();
        next.map_or(self.end, |located| located.at)
    }
}

struct Argument {
    node: Option<Node>,
    at: usize,
}

fn word_node(word: String, kind: Kind, at: usize) -> Result<Node, ParseError> {
    if let Some(ignore) = Ignore::named(&word) {
        return Ok(Node::Ignore(ignore));
    }
    match kind {
        Kind::Choice(choices) if choices.contains(&word.as_str()) => Ok(Node::Constant(Constant::word(word))),
        _ => {
            let message =
                format!("`{word}` is no value: an attribute is written [{word}], a text \"{word}\"");
            Err(ParseError::new(message, at))
        }
    }
}

/// How deep calls are nested in a node.
fn depth(node: &Node) -> usize {
    match node {
        Node::Call(call) => 1 + call.arguments.iter().flatten().map(depth).max().unwrap_or(0),
        Node::Comparison(comparison) => depth(&comparison.left).max(depth(&comparison.right)),
        Node::Attribute(_) | Node::Constant(_) | Node::Setting(_) | Node::Ignore(_) => 0,
    }
}

fn too_deep(at: usize) -> ParseError {
    ParseError::new(format!("calls are nested deeper than {MAX_DEPTH}"), at)
}

fn not_outermost(function: &Function, at: usize) -> ParseError {
    let name = function.name;
    let message = format!("{name} can only stand outermost: it decides the value of the whole mapping");
    ParseError::new(message, at)
}

fn unknown_function(name: &str, at: usize) -> ParseError {
    let meant = functions::FUNCTIONS
        .iter()
        .find(|function| function.name.eq_ignore_ascii_case(name));
    ParseError::new(
        match meant {
            Some(function) => format!("there is no function {name}; did you mean {}?", function.name),
            None => format!("there is no function {name}"),
        },
        at,
    )
}

/// Holds the arguments against the parameters. Answers with what constants come to.
fn check(
    function: &Function,
    arguments: &[Argument],
    close: usize,
) -> Result<Vec<(usize, Compiled)>, ParseError> {
    let count = arguments.len();
    let required = function
        .parameters
        .iter()
        .filter(|parameter| parameter.required)
        .count();
    if count < required {
        let missing = function
            .parameter_of(count, required)
            .map_or("", |parameter| parameter.name);
        let message = format!(
            "{} needs at least {required} arguments and has {count}: `{missing}` is missing",
            function.name
        );
        return Err(ParseError::new(message, close));
    }
    if !function.comes_in_pairs(count) {
        let message = format!(
            "{} takes keys and values in pairs; the last key has no value",
            function.name
        );
        return Err(ParseError::new(message, close));
    }
    let mut compiled = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let Some(parameter) = function.parameter_of(index, count) else {
            continue;
        };
        match &argument.node {
            Some(Node::Constant(constant)) => {
                check_constant(function, parameter, constant)
                    .map_err(|message| ParseError::new(message, argument.at))?;
                let one = compile(function, parameter, constant, arguments)
                    .map_err(|message| ParseError::new(message, argument.at))?;
                compiled.extend(one.map(|one| (index, one)));
            }
            None if parameter.required && !parameter.kind.may_be_empty() => {
                let message = format!("{} needs a value for `{}`", function.name, parameter.name);
                return Err(ParseError::new(message, argument.at));
            }
            _ => {}
        }
    }
    Ok(compiled)
}

fn check_constant(function: &Function, parameter: &Parameter, constant: &Constant) -> Result<(), String> {
    let text = constant.value.to_text().unwrap_or_default();
    match parameter.kind {
        Kind::Integer if constant.value.to_integer().is_none() => {
            let place = place(function, parameter);
            Err(format!("{place} must be a whole number, not {constant}"))
        }
        Kind::Choice(_) if text.is_empty() && !parameter.required => Ok(()),
        Kind::Choice(choices) if !choices.iter().any(|choice| choice.eq_ignore_ascii_case(&text)) => {
            let place = place(function, parameter);
            Err(format!(
                "{place} must be one of {}, not {constant}",
                choices.join(", ")
            ))
        }
        _ => Ok(()),
    }
}

/// A format that cannot be read is left to the evaluation: it matters only where there is a date to be written.
fn compile(
    function: &Function,
    parameter: &Parameter,
    constant: &Constant,
    arguments: &[Argument],
) -> Result<Option<Compiled>, String> {
    let text = constant.value.to_text().unwrap_or_default();
    match parameter.kind {
        Kind::Pattern if !text.is_empty() => Pattern::compile(&text)
            .map(|pattern| Some(Compiled::Pattern(Box::new(pattern))))
            .map_err(|reason| format!("{}: {reason}", place(function, parameter))),
        Kind::TimeFormat if !text.is_empty() => Ok(culture(function, arguments)
            .and_then(|culture| TimeFormat::parse(&text, culture).ok())
            .map(Compiled::TimeFormat)),
        _ => Ok(None),
    }
}

fn place(function: &Function, parameter: &Parameter) -> String {
    format!("`{}` of {}", parameter.name, function.name)
}

/// The culture of a call, where it does not depend on the worker.
fn culture(function: &Function, arguments: &[Argument]) -> Option<&'static Culture> {
    let is_culture = |parameter: &Parameter| parameter.kind == Kind::Choice(culture::NAMES);
    let index = function.parameters.iter().position(is_culture)?;
    match arguments.get(index).and_then(|argument| argument.node.as_ref()) {
        None => Some(&culture::INVARIANT),
        Some(Node::Constant(constant)) => culture::find(&constant.name()),
        Some(_) => None,
    }
}
