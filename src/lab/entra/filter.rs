//! `$filter`: OData's expressions as the users surface takes them.
//!
//! From "Use the $filter query parameter" and "Advanced query capabilities on Microsoft Entra ID objects". Text is
//! compared without case, but for what the table of properties marks. Which operator a property takes, and whether
//! that makes the query an advanced one, is in the same table.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::exchange::Refusal;
use super::properties::{self, Kind};
use super::shelf::Shelf;
use super::user::User;

/// Bounds of one filter.
const DEPTH: usize = 20;
const WORDS: usize = 1000;
/// Children of one `or`, and values of one `in`.
const CHOICES: usize = 15;

#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Path, Operator, Literal),
    In(Path, Vec<Literal>),
    /// With a text as the property's are compared.
    Text(Test, Path, String),
    /// At least one element of a list.
    Any(Path, Box<Filter>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Path {
    /// A property by its written name, or a member of one.
    Property(String, Option<String>),
    /// The element that `any` looks at.
    Element,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    Starts,
    Ends,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// As the property's texts are compared.
    Text(String),
    Bool(bool),
    Moment(Timestamp),
    Number(f64),
    Null,
}

const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("gt", Operator::Gt),
    ("ge", Operator::Ge),
    ("lt", Operator::Lt),
    ("le", Operator::Le),
];

const TESTS: &[(&str, Test)] = &[("startswith", Test::Starts), ("endswith", Test::Ends)];

impl Filter {
    /// Reads a filter. `is_advanced` says whether the caller asked for an advanced query.
    pub fn parse(text: &str, is_advanced: bool) -> Result<Filter, Refusal> {
        let filter = Filter::read(text)?;
        filter.check(is_advanced, false)?;
        Ok(filter)
    }

    /// Reads an alternative of more comparisons than `or` takes elsewhere.
    pub fn parse_long(text: &str, most: usize) -> Result<Filter, Refusal> {
        match Filter::read(text)? {
            Filter::Or(parts) => {
                choices(parts.len(), "OR", most)?;
                parts.iter().try_for_each(|part| part.check(false, false))?;
                Ok(Filter::Or(parts))
            }
            single => single.check(false, false).map(|()| single),
        }
    }

    fn read(text: &str) -> Result<Filter, Refusal> {
        let words = lex(text)?;
        if words.len() > WORDS {
            return Err(syntax("the expression is too long"));
        }
        let mut parser = Parser {
            words,
            at: 0,
            depth: 0,
            element: None,
        };
        let filter = parser.either()?;
        if let Some(word) = parser.peek() {
            return Err(syntax(&format!("'{}' was not expected", word.text())));
        }
        Ok(filter)
    }

    pub fn admits(&self, user: &User) -> bool {
        self.holds(user, None)
    }

    /// Everybody whom this filter could admit, if an index tells.
    pub fn candidates(&self, shelf: &Shelf) -> Option<BTreeSet<Uuid>> {
        let by_value = |path: &Path, value: &Literal| match (path, value) {
            (Path::Property(name, None), Literal::Text(text)) if name == "id" => {
                Some(text.parse().into_iter().collect())
            }
            (Path::Property(name, None), Literal::Text(text)) => shelf.lookup(name, text),
            _ => None,
        };
        match self {
            Filter::Compare(path, Operator::Eq, value) => by_value(path, value),
            Filter::In(path, values) => values.iter().map(|value| by_value(path, value)).sum_sets(),
            Filter::Any(Path::Property(name, None), inner) => match &**inner {
                Filter::Compare(Path::Element, Operator::Eq, Literal::Text(text)) => shelf.lookup(name, text),
                _ => None,
            },
            Filter::And(parts) => parts.iter().find_map(|part| part.candidates(shelf)),
            Filter::Or(parts) => parts.iter().map(|part| part.candidates(shelf)).sum_sets(),
            _ => None,
        }
    }

    fn holds(&self, user: &User, element: Option<&Value>) -> bool {
        match self {
            Filter::And(parts) => parts.iter().all(|part| part.holds(user, element)),
            Filter::Or(parts) => parts.iter().any(|part| part.holds(user, element)),
            Filter::Not(part) => !part.holds(user, element),
            Filter::Compare(path, operator, wanted) => path.compare(user, element, *operator, wanted),
            Filter::In(path, wanted) => {
                let mut wanted = wanted.iter();
                wanted.any(|wanted| path.compare(user, element, Operator::Eq, wanted))
            }
            Filter::Text(test, path, wanted) => {
                let held = path.of(user, element).and_then(Value::as_str);
                let held = path.folded(held.unwrap_or_default());
                match test {
                    Test::Starts => held.starts_with(wanted),
                    Test::Ends => held.ends_with(wanted),
                }
            }
            Filter::Any(path, inner) => match path.of(user, element) {
                Some(Value::Array(elements)) => elements.iter().any(|one| inner.holds(user, Some(one))),
                _ => false,
            },
        }
    }

    /// Is every property there, does it take what is done with it, and may the query do it?
    fn check(&self, is_advanced: bool, within_any: bool) -> Result<(), Refusal> {
        let needs = |operator: &str| match is_advanced {
            true => Ok(()),
            false => Err(needs_advanced(operator)),
        };
        match self {
            Filter::And(parts) => parts
                .iter()
                .try_for_each(|part| part.check(is_advanced, within_any)),
            Filter::Or(parts) => {
                choices(parts.len(), "OR", CHOICES)?;
                parts
                    .iter()
                    .try_for_each(|part| part.check(is_advanced, within_any))
            }
            Filter::Not(part) => {
                needs("not")?;
                part.check(is_advanced, within_any)
            }
            Filter::Compare(path, operator, value) => {
                check_path(path, is_advanced, within_any)?;
                check_type(path, value)?;
                match (operator, value) {
                    (Operator::Ne, _) => needs("ne"),
                    (_, Literal::Null) => needs("null"),
                    _ => Ok(()),
                }
            }
            Filter::In(path, values) => {
                choices(values.len(), "IN", CHOICES)?;
                check_path(path, is_advanced, within_any)?;
                values.iter().try_for_each(|value| check_type(path, value))
            }
            Filter::Text(test, path, _) => {
                check_path(path, is_advanced, within_any)?;
                if let Path::Property(name, _) = path {
                    let property = properties::property(name);
                    let takes = property.is_none_or(|property| match test {
                        Test::Starts => property.takes_starts_with(),
                        Test::Ends => property.takes_ends_with(),
                    });
                    if !takes {
                        return Err(unsupported(name));
                    }
                }
                match test {
                    Test::Starts => Ok(()),
                    Test::Ends => needs("endsWith"),
                }
            }
            Filter::Any(path, inner) => {
                check_path(path, is_advanced, true)?;
                inner.check(is_advanced, true)
            }
        }
    }
}

impl Path {
    fn of<'a>(&self, user: &'a User, element: Option<&'a Value>) -> Option<&'a Value> {
        match self {
            Path::Element => element,
            Path::Property(name, None) => user.get(name),
            Path::Property(name, Some(member)) => user.get(name)?.get(member),
        }
    }

    /// A text of this property as it is compared.
    fn folded(&self, text: &str) -> String {
        match self {
            Path::Property(name, None) => properties::folded(name, text),
            _ => text.to_lowercase(),
        }
    }

    fn compare(&self, user: &User, element: Option<&Value>, operator: Operator, wanted: &Literal) -> bool {
        let held = self.of(user, element);
        let order = match (held, wanted) {
            (None | Some(Value::Null), Literal::Null) => Some(Ordering::Equal),
            (Some(Value::String(held)), Literal::Text(wanted)) => {
                Some(self.folded(held).as_str().cmp(wanted))
            }
            (Some(Value::String(held)), Literal::Moment(wanted)) => {
                held.parse::<Timestamp>().ok().map(|held| held.cmp(wanted))
            }
            (Some(Value::Bool(held)), Literal::Bool(wanted)) => Some(held.cmp(wanted)),
            (Some(Value::Number(held)), Literal::Number(wanted)) => {
                held.as_f64().and_then(|held| held.partial_cmp(wanted))
            }
            _ => None,
        };
        match operator {
            Operator::Eq => order == Some(Ordering::Equal),
            Operator::Ne => order != Some(Ordering::Equal),
            Operator::Gt => order == Some(Ordering::Greater),
            Operator::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Operator::Lt => order == Some(Ordering::Less),
            Operator::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        }
    }
}

/// Unions, as long as every set is known.
trait SumSets {
    fn sum_sets(self) -> Option<BTreeSet<Uuid>>;
}

impl<I: Iterator<Item = Option<BTreeSet<Uuid>>>> SumSets for I {
    fn sum_sets(self) -> Option<BTreeSet<Uuid>> {
        let sets: Option<Vec<_>> = self.collect();
        sets.map(|sets| sets.into_iter().flatten().collect())
    }
}

fn check_path(path: &Path, is_advanced: bool, within_any: bool) -> Result<(), Refusal> {
    let Path::Property(name, member) = path else {
        return Ok(());
    };
    let Some(property) = properties::property(name) else {
        // A directory extension.
        return Ok(());
    };
    let is_list = matches!(property.kind, Kind::List(..));
    let fits = match property.kind {
        Kind::Members(..) => member.is_some(),
        _ => member.is_none() && is_list == within_any,
    };
    if !property.is_filterable() || !fits {
        return Err(unsupported(name));
    }
    if !is_advanced && !property.is_filterable_plainly() {
        return Err(needs_advanced(name));
    }
    Ok(())
}

fn check_type(path: &Path, literal: &Literal) -> Result<(), Refusal> {
    let kind = match path {
        Path::Property(name, None) => properties::property(name).map(|property| property.kind),
        _ => Some(Kind::Text(0)),
    };
    let expected = match kind {
        // A directory extension says nothing about its type.
        None => return Ok(()),
        Some(Kind::Bool) => "Edm.Boolean",
        Some(Kind::Moment) => "Edm.DateTimeOffset",
        Some(_) => "Edm.String",
    };
    let given = match literal {
        Literal::Null => return Ok(()),
        Literal::Text(_) => "Edm.String",
        Literal::Bool(_) => "Edm.Boolean",
        Literal::Moment(_) => "Edm.DateTimeOffset",
        Literal::Number(_) => "Edm.Int32",
    };
    if expected == given {
        return Ok(());
    }
    Err(Refusal::bad(
        "BadRequest",
        format!(
            "Invalid filter clause: A binary operator with incompatible types was detected. Found operand types '{expected}' and '{given}'."
        ),
    ))
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Bare(String),
    Quoted(String),
    Open,
    Close,
    Comma,
}

impl Word {
    fn text(&self) -> &str {
        match self {
            Word::Bare(text) | Word::Quoted(text) => text,
            Word::Open => "(",
            Word::Close => ")",
            Word::Comma => ",",
        }
    }
}

fn lex(text: &str) -> Result<Vec<Word>, Refusal> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, length) = match first {
            '(' => (Word::Open, 1),
            ')' => (Word::Close, 1),
            ',' => (Word::Comma, 1),
            '\'' => quoted(rest)?,
            _ => {
                let ends = |c: char| c.is_whitespace() || "(),'".contains(c);
                let length = rest.find(ends).unwrap_or(rest.len());
                (Word::Bare(rest[..length].to_string()), length)
            }
        };
        words.push(word);
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

/// A text in quotes, in which a quote is written twice.
fn quoted(text: &str) -> Result<(Word, usize), Refusal> {
    let mut content = String::new();
    let mut at = 1;
    loop {
        let end = text[at..]
            .find('\'')
            .ok_or_else(|| syntax("there is an unterminated string literal"))?;
        content.push_str(&text[at..at + end]);
        at += end + 1;
        if !text[at..].starts_with('\'') {
            return Ok((Word::Quoted(content), at));
        }
        content.push('\'');
        at += 1;
    }
}

struct Parser {
    words: Vec<Word>,
    at: usize,
    depth: usize,
    /// What the element is called, within `any`.
    element: Option<String>,
}

impl Parser {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn next(&mut self) -> Result<Word, Refusal> {
        let word = self.peek().cloned().ok_or_else(|| syntax("it ends too early"))?;
        self.at += 1;
        Ok(word)
    }

    fn expect(&mut self, expected: &Word) -> Result<(), Refusal> {
        let word = self.next()?;
        match word == *expected {
            true => Ok(()),
            false => Err(syntax(&format!("'{}' was expected", expected.text()))),
        }
    }

    /// Takes the next word if it is this one, whatever its case.
    fn skip(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Bare(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Filter, Refusal> {
        let mut parts = vec![self.both()?];
        while self.skip("or") {
            parts.push(self.both()?);
        }
        Ok(one_or(parts, Filter::Or))
    }

    fn both(&mut self) -> Result<Filter, Refusal> {
        let mut parts = vec![self.single()?];
        while self.skip("and") {
            parts.push(self.single()?);
        }
        Ok(one_or(parts, Filter::And))
    }

    fn single(&mut self) -> Result<Filter, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(syntax("it is nested too deeply"));
        }
        let filter = if self.skip("not") {
            Filter::Not(Box::new(self.single()?))
        } else if self.peek() == Some(&Word::Open) {
            self.at += 1;
            let inner = self.either()?;
            self.expect(&Word::Close)?;
            inner
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn term(&mut self) -> Result<Filter, Refusal> {
        let Word::Bare(word) = self.next()? else {
            return Err(syntax("a property or a function was expected"));
        };
        if self.peek() == Some(&Word::Open) {
            return match word.rsplit_once('/') {
                Some((list, "any")) => self.any(list),
                _ => self.function(&word),
            };
        }
        let path = self.path(&word)?;
        let Word::Bare(operator) = self.next()? else {
            return Err(syntax("an operator was expected"));
        };
        if operator.eq_ignore_ascii_case("in") {
            let values = self.values(&path)?;
            return Ok(Filter::In(path, values));
        }
        let known = OPERATORS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&operator));
        let (_, operator) = known.ok_or_else(|| syntax(&format!("'{operator}' is not an operator")))?;
        let wanted = self.literal(&path)?;
        Ok(Filter::Compare(path, *operator, wanted))
    }

    fn function(&mut self, name: &str) -> Result<Filter, Refusal> {
        let known = TESTS.iter().find(|(test, _)| test.eq_ignore_ascii_case(name));
        let (_, test) =
            known.ok_or_else(|| Refusal::query(format!("Function '{name}' is not supported.")))?;
        self.expect(&Word::Open)?;
        let Word::Bare(word) = self.next()? else {
            return Err(syntax("a property was expected"));
        };
        let path = self.path(&word)?;
        self.expect(&Word::Comma)?;
        let Word::Quoted(text) = self.next()? else {
            return Err(syntax("a string was expected"));
        };
        self.expect(&Word::Close)?;
        let wanted = path.folded(&text);
        Ok(Filter::Text(*test, path, wanted))
    }

    /// `list/any(x:x eq 'a')`.
    fn any(&mut self, list: &str) -> Result<Filter, Refusal> {
        let path = self.path(list)?;
        self.expect(&Word::Open)?;
        let Word::Bare(word) = self.next()? else {
            return Err(syntax("a variable was expected"));
        };
        let (name, rest) = word.split_once(':').unwrap_or((&word, ""));
        if !rest.is_empty() {
            // What follows the colon is the first word of the condition.
            self.at -= 1;
            self.words[self.at] = Word::Bare(rest.to_string());
        } else if !word.ends_with(':') {
            self.skip(":");
        }
        if self.element.replace(name.to_string()).is_some() {
            return Err(syntax("any cannot be nested"));
        }
        let inner = self.either()?;
        self.element = None;
        self.expect(&Word::Close)?;
        Ok(Filter::Any(path, Box::new(inner)))
    }

    fn values(&mut self, path: &Path) -> Result<Vec<Literal>, Refusal> {
        self.expect(&Word::Open)?;
        let mut values = vec![self.literal(path)?];
        loop {
            match self.next()? {
                Word::Comma => values.push(self.literal(path)?),
                Word::Close => return Ok(values),
                word => return Err(syntax(&format!("'{}' was not expected", word.text()))),
            }
        }
    }

    fn literal(&mut self, path: &Path) -> Result<Literal, Refusal> {
        match self.next()? {
            Word::Quoted(text) => Ok(Literal::Text(path.folded(&text))),
            Word::Bare(word) => literal(&word)
                .ok_or_else(|| syntax(&format!("'{word}' is not a value; a string needs quotes"))),
            word => Err(syntax(&format!("'{}' was not expected", word.text()))),
        }
    }

    fn path(&self, word: &str) -> Result<Path, Refusal> {
        if self.element.as_deref() == Some(word) {
            return Ok(Path::Element);
        }
        let (name, member) = match word.split_once('/') {
            Some((name, member)) => (name, Some(member)),
            None => (word, None),
        };
        let unknown = |name: &str| no_such_property("Invalid filter clause", name);
        let written = properties::canonical(name).ok_or_else(|| unknown(name))?;
        let kind = properties::property(name).map(|property| property.kind);
        let member = match (member, kind) {
            (None, _) => None,
            (Some(member), Some(Kind::Members(members, _))) => {
                let known = members.iter().find(|known| known.eq_ignore_ascii_case(member));
                Some(known.ok_or_else(|| unknown(member))?.to_string())
            }
            (Some(member), _) => return Err(unknown(member)),
        };
        Ok(Path::Property(written, member))
    }
}

fn one_or(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

/// A value that is written without quotes.
fn literal(word: &str) -> Option<Literal> {
    match word.to_ascii_lowercase().as_str() {
        "null" => Some(Literal::Null),
        "true" => Some(Literal::Bool(true)),
        "false" => Some(Literal::Bool(false)),
        lower => {
            let moment = word.parse().or_else(|_| format!("{word}T00:00:00Z").parse());
            let number = || lower.parse().ok().filter(|number: &f64| number.is_finite());
            moment
                .ok()
                .map(Literal::Moment)
                .or_else(|| number().map(Literal::Number))
        }
    }
}

/// An error in what the caller wrote, as the front of the service says it.
pub fn no_such_property(clause: &str, name: &str) -> Refusal {
    Refusal::bad(
        "BadRequest",
        format!("{clause}: Could not find a property named '{name}' on type 'microsoft.graph.user'."),
    )
}

pub fn needs_advanced(operator: &str) -> Refusal {
    Refusal::query(format!(
        "Operator '{operator}' is not supported because the required parameters might be missing. Try adding $count=true query parameter and ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
    ))
}

fn unsupported(name: &str) -> Refusal {
    Refusal::query(format!(
        "Unsupported or invalid query filter clause specified for property '{name}' of resource 'User'."
    ))
}

fn syntax(what: &str) -> Refusal {
    Refusal::bad("BadRequest", format!("Invalid filter clause: {what}."))
}

fn choices(count: usize, operator: &str, most: usize) -> Result<(), Refusal> {
    if count <= most {
        return Ok(());
    }
    Err(Refusal::query(format!(
        "Too many child clauses specified in search filter expression containing '{operator}' operators: {count}. Max allowed: {most}."
    )))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn precedence_is_odatas() {
        let parsed = Filter::parse("not id eq 'A' or id eq 'b' and (id eq 'c' or id eq 'd')", true).unwrap();
        let is = |id: &str| {
            let path = Path::Property("id".into(), None);
            Filter::Compare(path, Operator::Eq, Literal::Text(id.into()))
        };
        let inner = Filter::Or(vec![is("c"), is("d")]);
        let expected = Filter::Or(vec![
            Filter::Not(Box::new(is("a"))),
            Filter::And(vec![is("b"), inner]),
        ]);
        assert_eq!(parsed, expected);
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "(\\PC|[a-z '(),:/]|eq|and|or|not|in|null|mail|any){0,40}") {
            let user = User::new(Uuid::nil(), Timestamp::UNIX_EPOCH);
            if let Ok(filter) = Filter::parse(&text, true) {
                filter.admits(&user);
                filter.candidates(&Shelf::default());
            }
        }
    }
}
