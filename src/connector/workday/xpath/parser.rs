//! Tokens to compiled expressions: the grammar of XPath 1.0 with the axes that lead down, up by one, and nowhere.

use super::super::answer::WORKDAY;
use super::super::names::{Names, Namespace};
use super::super::soap::ENVELOPE;
use super::expr::{
    Arithmetic, Axis, Condition, Expr, Flag, Nodes, Number, Path, Predicate, Relation, Step, Test,
};
use super::functions;
use super::lexer::{Operator, Token, tokens};
use super::walks::Walks;
use super::{SyntaxError, Warning};

/// Parentheses, predicates and calls within one another.
const DEEPEST: usize = 40;
/// Tokens of one expression.
const LONGEST: usize = 600;

/// The prefixes that expressions may use.
const PREFIXES: &[(&str, &str)] = &[
    ("wd", WORKDAY),
    ("env", ENVELOPE),
    ("xml", "http://www.w3.org/XML/1998/namespace"),
];

const AXES: &[(&str, Axis)] = &[
    ("child", Axis::Child),
    ("attribute", Axis::Attribute),
    ("self", Axis::Itself),
    ("parent", Axis::Parent),
    ("descendant-or-self", Axis::DescendantOrSelf),
];

/// Axes of XPath 1.0 that are left out.
const OTHER_AXES: &[&str] = &[
    "ancestor",
    "ancestor-or-self",
    "descendant",
    "following",
    "following-sibling",
    "namespace",
    "preceding",
    "preceding-sibling",
];

pub struct Parser<'p> {
    tokens: Vec<(Token, usize)>,
    at: usize,
    names: &'p mut Names,
    walks: &'p mut Walks,
    warnings: Vec<Warning>,
    depth: usize,
    /// Predicates around what is being read: outside of all, the context node is the document.
    within: usize,
    /// `position()` or `last()` was read in the predicate at hand.
    is_positional: bool,
}

/// Compiles one expression. New names and walks are added to those of other expressions.
pub fn parse(text: &str, names: &mut Names, walks: &mut Walks) -> Result<(Expr, Vec<Warning>), SyntaxError> {
    let tokens = tokens(text)?;
    if let Some((_, at)) = tokens.get(LONGEST) {
        let message = format!("the expression has more than {LONGEST} parts: divide it");
        return Err(SyntaxError::new(*at, message));
    }
    let mut parser = Parser {
        tokens,
        at: 0,
        names,
        walks,
        warnings: Vec::new(),
        depth: 0,
        within: 0,
        is_positional: false,
    };
    if *parser.peek() == Token::End {
        return Err(parser.expected("an XPath such as wd:Worker/wd:Worker_Data/wd:Worker_ID/text()"));
    }
    let expr = parser.expr()?;
    match parser.peek() {
        Token::End => Ok((expr, parser.warnings)),
        _ => Err(parser.expected("an operator (or, and, =, |, …) or the end")),
    }
}

impl Parser<'_> {
    fn expr(&mut self) -> Result<Expr, SyntaxError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message =
                format!("more than {DEEPEST} parentheses, predicates and calls stand in one another here");
            return Err(SyntaxError::new(self.offset(), message));
        }
        let expr = self.any();
        self.depth -= 1;
        expr
    }

    fn any(&mut self) -> Result<Expr, SyntaxError> {
        let first = self.all()?;
        if !self.is_operator(Operator::Or) {
            return Ok(first);
        }
        let mut flags = vec![first.flag()];
        while self.take_operator(Operator::Or) {
            flags.push(self.all()?.flag());
        }
        Ok(Expr::Flag(Flag::Any(flags)))
    }

    fn all(&mut self) -> Result<Expr, SyntaxError> {
        let first = self.equality()?;
        if !self.is_operator(Operator::And) {
            return Ok(first);
        }
        let mut flags = vec![first.flag()];
        while self.take_operator(Operator::And) {
            flags.push(self.equality()?.flag());
        }
        Ok(Expr::Flag(Flag::All(flags)))
    }

    fn equality(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.relational()?;
        while let Some(relation) = self.take_of(&[
            (Operator::Equal, Relation::Equal),
            (Operator::NotEqual, Relation::NotEqual),
        ]) {
            left = Expr::Flag(left.compare(relation, self.relational()?));
        }
        Ok(left)
    }

    fn relational(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.additive()?;
        while let Some(relation) = self.take_of(&[
            (Operator::Less, Relation::Less),
            (Operator::LessOrEqual, Relation::LessOrEqual),
            (Operator::Greater, Relation::Greater),
            (Operator::GreaterOrEqual, Relation::GreaterOrEqual),
        ]) {
            left = Expr::Flag(left.compare(relation, self.additive()?));
        }
        Ok(left)
    }

    fn additive(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.multiplicative()?;
        while let Some(sign) = self.take_of(&[
            (Operator::Plus, Arithmetic::Plus),
            (Operator::Minus, Arithmetic::Minus),
        ]) {
            left = arithmetic(sign, left, self.multiplicative()?);
        }
        Ok(left)
    }

    fn multiplicative(&mut self) -> Result<Expr, SyntaxError> {
        let mut left = self.unary()?;
        while let Some(sign) = self.take_of(&[
            (Operator::Times, Arithmetic::Times),
            (Operator::Div, Arithmetic::Div),
            (Operator::Mod, Arithmetic::Mod),
        ]) {
            left = arithmetic(sign, left, self.unary()?);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, SyntaxError> {
        let mut minuses = 0;
        while self.take_operator(Operator::Minus) {
            minuses += 1;
        }
        let operand = self.union()?;
        Ok(match minuses {
            0 => operand,
            even if even % 2 == 0 => Expr::Number(operand.number()),
            _ => Expr::Number(Number::Negative(Box::new(operand.number()))),
        })
    }

    fn union(&mut self) -> Result<Expr, SyntaxError> {
        let at = self.offset();
        let first = self.path()?;
        if !self.is_operator(Operator::Union) {
            return Ok(first);
        }
        let mut parts = vec![nodes(first, at, "'|' joins nodes")?];
        while self.take_operator(Operator::Union) {
            let at = self.offset();
            parts.push(nodes(self.path()?, at, "'|' joins nodes")?);
        }
        Ok(Expr::Nodes(Nodes::Union(parts)))
    }

    fn path(&mut self) -> Result<Expr, SyntaxError> {
        match self.peek() {
            Token::Slash => {
                self.at += 1;
                let steps = match self.starts_step() {
                    true => self.steps(Vec::new())?,
                    false => Vec::new(),
                };
                Ok(Expr::Nodes(Nodes::Walk(self.walks.along(steps))))
            }
            Token::DoubleSlash => {
                let steps = self.steps(Vec::new())?;
                Ok(Expr::Nodes(Nodes::Walk(self.walks.along(steps))))
            }
            _ if self.starts_step() => {
                let steps = self.steps(Vec::new())?;
                Ok(Expr::Nodes(self.in_context(steps)))
            }
            _ => self.filtered(),
        }
    }

    /// Outside of predicates the context node is the document.
    fn in_context(&mut self, steps: Vec<Step>) -> Nodes {
        match self.within {
            0 => Nodes::Walk(self.walks.along(steps)),
            _ => Nodes::Path(Path::new(steps)),
        }
    }

    /// Something in parentheses, a literal or a call, with predicates and further steps if it is nodes.
    fn filtered(&mut self) -> Result<Expr, SyntaxError> {
        let at = self.offset();
        let mut expr = self.primary()?;
        if *self.peek() == Token::OpenBracket {
            let of = nodes(expr, at, "a predicate filters nodes")?;
            expr = Expr::Nodes(Nodes::Filter(Box::new(of), self.predicates()?));
        }
        if matches!(self.peek(), Token::Slash | Token::DoubleSlash) {
            let from = nodes(expr, at, "a path leads on from nodes")?;
            if *self.peek() == Token::Slash {
                self.at += 1;
            }
            let path = Path::new(self.steps(Vec::new())?);
            expr = Expr::Nodes(Nodes::From(Box::new(from), path));
        }
        Ok(expr)
    }

    fn primary(&mut self) -> Result<Expr, SyntaxError> {
        let at = self.offset();
        match self.take() {
            Token::Literal(text) => Ok(Expr::Text(super::expr::Text::Literal(text))),
            Token::Number(number) => Ok(Expr::Number(Number::Literal(number))),
            Token::Open => {
                let expr = self.expr()?;
                self.expect(&Token::Close, "')'")?;
                Ok(expr)
            }
            Token::Function(name) => self.call(&name, at),
            _ => {
                self.at -= 1;
                Err(self.expected("a path such as wd:Worker/wd:Worker_Data, a text, a number or a function"))
            }
        }
    }

    fn call(&mut self, name: &str, at: usize) -> Result<Expr, SyntaxError> {
        let function = functions::find(name).map_err(|message| SyntaxError::new(at, message))?;
        self.expect(&Token::Open, "'('")?;
        let mut arguments = Vec::new();
        if *self.peek() != Token::Close {
            loop {
                arguments.push(self.expr()?);
                if *self.peek() != Token::Comma {
                    break;
                }
                self.at += 1;
            }
        }
        self.expect(&Token::Close, "',' or ')'")?;
        if !function.takes(arguments.len()) {
            let message = format!("{name}() takes {}, not {}", function.arity(), arguments.len());
            return Err(SyntaxError::new(at, message));
        }
        self.is_positional |= function.is_positional;
        let context = |parser: &mut Self| Expr::Nodes(parser.in_context(Vec::new()));
        let first = match arguments.is_empty() && function.takes_context {
            true => vec![context(self)],
            false => arguments,
        };
        (function.build)(first).ok_or_else(|| {
            SyntaxError::new(
                at,
                format!("{name}() takes nodes, such as a path, and nothing else"),
            )
        })
    }

    fn starts_step(&self) -> bool {
        matches!(
            self.peek(),
            Token::Name(..)
                | Token::Any(_)
                | Token::At
                | Token::Axis(_)
                | Token::Dot
                | Token::DoubleDot
                | Token::NodeType(_)
        )
    }

    /// Steps with slashes between them, after those that were read already; a double slash first is part of them.
    fn steps(&mut self, mut steps: Vec<Step>) -> Result<Vec<Step>, SyntaxError> {
        if *self.peek() != Token::DoubleSlash {
            steps.push(self.step()?);
        }
        loop {
            match self.peek() {
                Token::Slash => self.at += 1,
                Token::DoubleSlash => {
                    self.at += 1;
                    steps.push(Step::plain(Axis::DescendantOrSelf));
                }
                _ => return Ok(steps),
            }
            steps.push(self.step()?);
        }
    }

    fn step(&mut self) -> Result<Step, SyntaxError> {
        let at = self.offset();
        let axis = match self.peek() {
            Token::Dot => {
                self.at += 1;
                return Ok(Step::plain(Axis::Itself));
            }
            Token::DoubleDot => {
                self.at += 1;
                return Ok(Step::plain(Axis::Parent));
            }
            Token::At => {
                self.at += 1;
                Axis::Attribute
            }
            Token::Axis(name) => {
                let axis = axis(name).map_err(|message| SyntaxError::new(at, message))?;
                self.at += 1;
                axis
            }
            _ => Axis::Child,
        };
        let test = self.test()?;
        let predicates = self.predicates()?;
        Ok(Step {
            axis,
            test,
            predicates,
        })
    }

    fn test(&mut self) -> Result<Test, SyntaxError> {
        let at = self.offset();
        match self.take() {
            Token::Any(None) => Ok(Test::Any),
            Token::Any(Some(prefix)) => Ok(Test::Within(self.namespace(&prefix, at)?)),
            Token::Name(Some(prefix), local) => {
                let namespace = self.namespace(&prefix, at)?;
                Ok(Test::Name(self.names.name(namespace, &local)))
            }
            Token::Name(None, local) => {
                let message = format!("{local} matches nothing without a prefix: write wd:{local}");
                self.warnings.push(Warning { at, message });
                Ok(Test::Name(self.names.name(Namespace::NONE, &local)))
            }
            Token::NodeType(name) => {
                self.expect(&Token::Open, "'('")?;
                let test = match name.as_str() {
                    "text" => Test::Text,
                    "node" => Test::Node,
                    _ => {
                        let message = format!("{name}() selects nothing: what it would select is not read");
                        return Err(SyntaxError::new(at, message));
                    }
                };
                self.expect(&Token::Close, "')'")?;
                Ok(test)
            }
            _ => {
                self.at -= 1;
                Err(self.expected("a step such as wd:Worker_Data, @wd:type or text()"))
            }
        }
    }

    fn namespace(&mut self, prefix: &str, at: usize) -> Result<Namespace, SyntaxError> {
        match PREFIXES.iter().find(|(known, _)| *known == prefix) {
            Some((_, uri)) => Ok(self.names.namespace(uri)),
            None => {
                let message = format!("the prefix {prefix} is bound to nothing: Workday's is wd");
                Err(SyntaxError::new(at, message))
            }
        }
    }

    fn predicates(&mut self) -> Result<Vec<Predicate>, SyntaxError> {
        let mut predicates = Vec::new();
        while *self.peek() == Token::OpenBracket {
            self.at += 1;
            let outer = std::mem::take(&mut self.is_positional);
            self.within += 1;
            let expr = self.expr()?;
            self.within -= 1;
            self.expect(&Token::CloseBracket, "']'")?;
            let is_positional = std::mem::replace(&mut self.is_positional, outer);
            predicates.push(match expr {
                Expr::Number(number) => Predicate {
                    condition: Condition::At(number),
                    is_positional: true,
                },
                other => Predicate {
                    condition: Condition::Holds(other.flag()),
                    is_positional,
                },
            });
        }
        Ok(predicates)
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// Where the next token begins, in bytes.
    fn offset(&self) -> usize {
        let last = self.tokens.last().map_or(0, |(_, at)| *at);
        self.tokens.get(self.at).map_or(last, |(_, at)| *at)
    }

    fn expect(&mut self, token: &Token, name: &str) -> Result<(), SyntaxError> {
        if self.peek() == token {
            self.at += 1;
            return Ok(());
        }
        Err(self.expected(name))
    }

    fn expected(&self, what: &str) -> SyntaxError {
        let found = match self.peek() {
            Token::End => "the end",
            Token::Literal(_) => "a text",
            Token::Number(_) => "a number",
            Token::Name(..) | Token::Any(_) => "a name",
            Token::Function(_) | Token::NodeType(_) => "a function",
            Token::Axis(_) => "an axis",
            Token::Slash | Token::DoubleSlash => "a slash",
            Token::Dot | Token::DoubleDot => "a dot",
            Token::At => "'@'",
            Token::Comma => "','",
            Token::Open => "'('",
            Token::Close => "')'",
            Token::OpenBracket => "'['",
            Token::CloseBracket => "']'",
            Token::Operator(_) => "an operator",
        };
        SyntaxError::new(self.offset(), format!("expected {what}, found {found}"))
    }

    fn is_operator(&self, operator: Operator) -> bool {
        *self.peek() == Token::Operator(operator)
    }

    fn take_operator(&mut self, operator: Operator) -> bool {
        let is_there = self.is_operator(operator);
        self.at += usize::from(is_there);
        is_there
    }

    fn take_of<T: Copy>(&mut self, operators: &[(Operator, T)]) -> Option<T> {
        let (_, meaning) = operators
            .iter()
            .find(|(operator, _)| self.is_operator(*operator))?;
        self.at += 1;
        Some(*meaning)
    }
}

fn arithmetic(sign: Arithmetic, left: Expr, right: Expr) -> Expr {
    Expr::Number(Number::Arithmetic(
        sign,
        Box::new((left.number(), right.number())),
    ))
}

fn nodes(expr: Expr, at: usize, why: &str) -> Result<Nodes, SyntaxError> {
    match expr {
        Expr::Nodes(nodes) => Ok(nodes),
        _ => Err(SyntaxError::new(at, format!("{why}, and this is none"))),
    }
}

fn axis(name: &str) -> Result<Axis, String> {
    if let Some((_, axis)) = AXES.iter().find(|(known, _)| *known == name) {
        return Ok(*axis);
    }
    let known: Vec<&str> = AXES.iter().map(|(name, _)| *name).collect();
    let known = known.join(", ");
    Err(match OTHER_AXES.contains(&name) {
        true => format!("the axis {name} is not supported: those that are: {known}"),
        false => format!("there is no axis {name}: there are {known}"),
    })
}

impl Step {
    /// `node()` along the axis.
    fn plain(axis: Axis) -> Step {
        Step {
            axis,
            test: Test::Node,
            predicates: Vec::new(),
        }
    }
}

impl Path {
    fn new(steps: Vec<Step>) -> Path {
        let is_down = |step: &Step| matches!(step.axis, Axis::Child | Axis::Attribute | Axis::Itself);
        Path {
            is_downward: steps.iter().all(is_down),
            steps,
        }
    }
}
