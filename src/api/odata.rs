//! The part of OData that Graph's clients use: `$filter` over JSON records, and paged collections.
//!
//! Property names are compared without case, values with it, as Graph does.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::error::{Error, Result};

/// How deep parentheses may go, and how many comparisons a filter may make.
const DEPTH: usize = 20;
const COMPARISONS: usize = 50;

/// The query options that a collection takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Options {
    #[serde(rename = "$filter")]
    pub filter: Option<String>,
    #[serde(rename = "$orderby")]
    pub orderby: Option<String>,
    #[serde(rename = "$top")]
    pub top: Option<usize>,
    /// Only from an `@odata.nextLink`.
    #[serde(rename = "$skiptoken")]
    pub skiptoken: Option<String>,
    #[serde(rename = "$select")]
    pub select: Option<String>,
}

/// Where a page begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// Only from an `@odata.nextLink`.
    #[serde(rename = "$skiptoken")]
    skiptoken: Option<String>,
}

impl After {
    /// What the page before ended with; empty before the first.
    pub fn token(&self) -> &str {
        self.skiptoken.as_deref().unwrap_or_default()
    }
}

/// A page of records.
#[derive(Serialize, ToSchema)]
pub struct Collection {
    #[serde(rename = "@odata.context")]
    pub context: String,
    #[schema(value_type = Vec<Object>)]
    pub value: Vec<Value>,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        path: String,
        operator: Operator,
        value: Literal,
    },
    /// `contains(path,'text')`, `startswith`, `endswith`.
    Text {
        test: Test,
        path: String,
        text: String,
    },
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
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Text(String),
    /// A number, an instant, `true`, `false`: written without quotes.
    Bare(String),
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

const TESTS: &[(&str, Test)] = &[
    ("contains", Test::Contains),
    ("startswith", Test::StartsWith),
    ("endswith", Test::EndsWith),
];

impl Filter {
    pub fn parse(text: &str) -> Result<Filter> {
        let tokens = lex(text)?;
        // A comparison has three words, a function call more.
        if tokens.len() > COMPARISONS * 4 {
            return Err(invalid(format!("it makes more than {COMPARISONS} comparisons")));
        }
        let mut parser = Parser {
            tokens: &tokens,
            at: 0,
            depth: 0,
        };
        let filter = parser.any()?;
        match parser.peek() {
            None => Ok(filter),
            Some(token) => Err(invalid(format!("'{}' is one word too many", token.text()))),
        }
    }

    /// The comparisons that must all hold.
    pub fn conjuncts(&self) -> Vec<&Filter> {
        match self {
            Filter::And(parts) => parts.iter().flat_map(Filter::conjuncts).collect(),
            single => vec![single],
        }
    }

    pub fn admits(&self, record: &Value) -> bool {
        match self {
            Filter::And(parts) => parts.iter().all(|part| part.admits(record)),
            Filter::Or(parts) => parts.iter().any(|part| part.admits(record)),
            Filter::Not(inner) => !inner.admits(record),
            Filter::Compare {
                path,
                operator,
                value,
            } => compare(find(record, path), *operator, value),
            Filter::Text { test, path, text } => {
                let held = find(record, path).and_then(Value::as_str).unwrap_or_default();
                match test {
                    Test::Contains => held.contains(text),
                    Test::StartsWith => held.starts_with(text),
                    Test::EndsWith => held.ends_with(text),
                }
            }
        }
    }
}

/// Follows `a/b` into a record, whatever the case of its members.
fn find<'v>(record: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('/').try_fold(record, |here, name| {
        here.as_object()?
            .iter()
            .find(|(member, _)| member.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

fn compare(held: Option<&Value>, operator: Operator, wanted: &Literal) -> bool {
    use std::cmp::Ordering;
    let held = held.filter(|value| !value.is_null());
    let order = match (held, wanted) {
        (None, Literal::Null) => Some(Ordering::Equal),
        (None, _) | (_, Literal::Null) => None,
        (Some(Value::String(held)), Literal::Text(wanted)) => Some(held.as_str().cmp(wanted)),
        (Some(Value::String(held)), Literal::Bare(wanted)) => {
            match (held.parse::<jiff::Timestamp>(), wanted.parse::<jiff::Timestamp>()) {
                (Ok(held), Ok(wanted)) => Some(held.cmp(&wanted)),
                _ => Some(held.as_str().cmp(wanted)),
            }
        }
        (Some(Value::Number(held)), Literal::Bare(wanted) | Literal::Text(wanted)) => held
            .as_f64()
            .zip(wanted.parse().ok())
            .and_then(|(held, wanted): (f64, f64)| held.partial_cmp(&wanted)),
        (Some(Value::Bool(held)), Literal::Bare(wanted) | Literal::Text(wanted)) => {
            wanted.parse::<bool>().ok().map(|wanted| held.cmp(&wanted))
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

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Token::Word(text) | Token::Text(text) => text,
            Token::Open => "(",
            Token::Close => ")",
            Token::Comma => ",",
        }
    }
}

fn lex(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            _ if character.is_whitespace() => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            '\'' => {
                let mut literal = String::new();
                loop {
                    match rest.next() {
                        None => return Err(invalid("a text is not closed by a single quote")),
                        Some('\'') if rest.peek() == Some(&'\'') => {
                            rest.next();
                            literal.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => literal.push(other),
                    }
                }
                tokens.push(Token::Text(literal));
            }
            first => {
                let mut word = first.to_string();
                while let Some(next) = rest.peek() {
                    if next.is_whitespace() || "(),'".contains(*next) {
                        break;
                    }
                    word.push(*next);
                    rest.next();
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Filter> {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::Or(parts)
        })
    }

    fn all(&mut self) -> Result<Filter> {
        let first = self.one()?;
        let mut parts = vec![first];
        while self.word("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::And(parts)
        })
    }

    fn one(&mut self) -> Result<Filter> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(invalid("it is nested too deep"));
        }
        let filter = self.unbounded_one();
        self.depth -= 1;
        filter
    }

    fn unbounded_one(&mut self) -> Result<Filter> {
        if self.word("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        match self.next()? {
            Token::Open => {
                let inner = self.any()?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Token::Word(name) => {
                let test = TESTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
                match (test, self.peek()) {
                    (Some((_, test)), Some(Token::Open)) => self.call(*test),
                    _ => self.comparison(name),
                }
            }
            other => Err(invalid(format!(
                "a property was expected, not '{}'",
                other.text()
            ))),
        }
    }

    fn call(&mut self, test: Test) -> Result<Filter> {
        self.expect(&Token::Open)?;
        let path = self.next()?.text().to_string();
        self.expect(&Token::Comma)?;
        let Token::Text(text) = self.next()? else {
            return Err(invalid("a quoted text was expected"));
        };
        self.expect(&Token::Close)?;
        Ok(Filter::Text { test, path, text })
    }

    fn comparison(&mut self, path: String) -> Result<Filter> {
        let word = self.next()?;
        let operator = OPERATORS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word.text()));
        let Some((_, operator)) = operator else {
            return Err(invalid(format!(
                "'{}' is no operator: use eq, ne, gt, ge, lt or le",
                word.text()
            )));
        };
        let value = match self.next()? {
            Token::Text(text) => Literal::Text(text),
            Token::Word(word) if word == "null" => Literal::Null,
            Token::Word(word) => Literal::Bare(word),
            other => return Err(invalid(format!("a value was expected, not '{}'", other.text()))),
        };
        Ok(Filter::Compare {
            path,
            operator: *operator,
            value,
        })
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(text)) if text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Result<()> {
        match self.next()? {
            found if found == *token => Ok(()),
            found => Err(invalid(format!(
                "'{}' was expected, not '{}'",
                token.text(),
                found.text()
            ))),
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token> {
        let token = self.peek().cloned().ok_or_else(|| invalid("it ends too early"))?;
        self.at += 1;
        Ok(token)
    }
}

fn invalid(what: impl std::fmt::Display) -> Error {
    Error::invalid(format!("$filter: {what}"))
        .code("BadRequest")
        .at("$filter")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_that_clients_send() {
        let record = json!({
            "jobId": "API2AD.1", "cycleId": "c", "activityDateTime": "2026-05-04T03:00:54Z",
            "provisioningStatusInfo": { "status": "failure" }, "sourceIdentity": { "id": "70'1" },
            "durationInMilliseconds": 12, "empty": null,
        });
        for (filter, expected) in [
            ("jobid eq 'API2AD.1'", true),
            ("jobid eq 'api2ad.1'", false),
            ("jobid eq 'API2AD.1' and cycleId ne 'c'", false),
            ("sourceIdentity/id eq '70''1'", true),
            ("activityDateTime ge 2026-05-04T03:00:54Z", true),
            ("activityDateTime gt 2026-05-04T05:00:54+02:00", false),
            ("durationInMilliseconds lt 13", true),
            ("contains(sourceIdentity/id,'0''')", true),
            ("startswith(cycleId,'x') or not (cycleId eq 'x')", true),
            ("empty eq null and nothing eq null", true),
            ("nothing eq 'x'", false),
        ] {
            assert_eq!(
                Filter::parse(filter).unwrap().admits(&record),
                expected,
                "{filter}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let long = vec!["a eq 1"; 4500].join(" and ");
        let deep = format!("{}a eq 1{}", "(".repeat(50), ")".repeat(50));
        for filter in [
            "",
            "a",
            "a eq",
            "a is 'x'",
            "a eq 'x",
            "(a eq 1",
            "a eq 1 b",
            "contains(a,b)",
            &deep,
            &long,
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }
}
