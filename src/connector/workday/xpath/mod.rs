//! XPath 1.0, with the axes and functions that Workday attributes are written in, compiled once and evaluated for every
//! worker.
//!
//! The code is our own because nothing else fits: `sxd-xpath`, the one crate for XPath 1.0, has been given up; those that
//! are kept implement XPath 3.1, where the documented `string(wd:Usage_Data/…)` is an error as soon as there are two
//! nodes, and work on trees that take longer to build than the target allows for all.
//!
//! The context node is a document whose only child is one `wd:Worker`. So `wd:Worker/…` and `/wd:Worker/…` both work.
//! `wd`, `env` and `xml` are bound; names are compared by namespace. Left out are variables, `id()`, `lang()` and the
//! axes but for child, attribute, self, parent and descendant-or-self.
//!
//! Compiling tells the type of every part and puts conversions where the recommendation wants them (`expr`); paths from
//! the document become a tree of steps that expressions share (`walks`).

mod evaluate;
mod expr;
mod functions;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;
mod text;
mod walks;

pub use evaluate::{Evaluator, TooCostly, Values};

use thiserror::Error;

use super::names::Names;
use expr::Expr;
use walks::Walks;

/// What people paste before `wd:Worker`, from an answer as a whole.
const AROUND: &str = "/env:Envelope/env:Body/wd:Get_Workers_Response/wd:Response_Data/";

/// Why an expression cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} (at character {})", at + 1)]
pub struct SyntaxError {
    /// Characters before the place.
    pub at: usize,
    pub message: String,
}

/// Something about an expression that is hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Characters before the place.
    pub at: usize,
    pub message: String,
}

/// Expressions compiled together, so that they share names and steps.
#[derive(Clone, Debug, Default)]
pub struct Xpaths {
    names: Names,
    walks: Walks,
    expressions: Vec<Expr>,
}

impl Xpaths {
    /// Adds an expression: its values come at the place of its number, the first being 0.
    pub fn add(&mut self, text: &str) -> Result<Vec<Warning>, SyntaxError> {
        let (expr, warnings) = self.compile(text)?;
        self.expressions.push(expr);
        Ok(warnings)
    }

    pub fn len(&self) -> usize {
        self.expressions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.expressions.is_empty()
    }

    /// The names of the trees that these can be evaluated on.
    pub fn names(&self) -> &Names {
        &self.names
    }

    pub fn evaluator(&self) -> Evaluator<'_> {
        Evaluator::new(self)
    }

    fn compile(&mut self, text: &str) -> Result<(Expr, Vec<Warning>), SyntaxError> {
        let blanks = text.len() - text.trim_start().len();
        let around = text[blanks..]
            .find(AROUND)
            .filter(|at| *at == 0)
            .map_or(0, |_| AROUND.len());
        let from = blanks + around;
        let (expr, mut warnings) = self.parse(text, from)?;
        if around > 0 {
            let message = format!("{AROUND} is left out: XPaths begin at wd:Worker");
            warnings.push(Warning { at: 0, message });
        }
        Ok((expr, warnings))
    }

    /// Parses what begins at this byte, without the last character if only that is wrong.
    fn parse(&mut self, text: &str, from: usize) -> Result<(Expr, Vec<Warning>), SyntaxError> {
        let whole = text[from..].trim_end();
        let error = match self.parse_exactly(whole) {
            Ok(parsed) => return Ok(parsed.at(text, from)),
            Err(error) => error,
        };
        let stray = whole
            .char_indices()
            .next_back()
            .filter(|(at, last)| error.at == *at && !last.is_alphanumeric());
        if let Some((at, last)) = stray
            && let Ok(mut parsed) = self.parse_exactly(&whole[..at])
        {
            let message = format!("the last character, {last}, is left out");
            parsed.warnings.push(Warning { at, message });
            return Ok(parsed.at(text, from));
        }
        Err(SyntaxError {
            at: characters(text, from + error.at),
            ..error
        })
    }

    fn parse_exactly(&mut self, text: &str) -> Result<Parsed, SyntaxError> {
        let walks = self.walks.all().len();
        let parsed = parser::parse(text, &mut self.names, &mut self.walks);
        if parsed.is_err() {
            self.walks.truncate(walks);
        }
        parsed.map(|(expr, warnings)| Parsed { expr, warnings })
    }
}

/// An expression, with warnings at bytes.
struct Parsed {
    expr: Expr,
    warnings: Vec<Warning>,
}

impl Parsed {
    /// As a part of the text from this byte on, with warnings at characters.
    fn at(self, text: &str, from: usize) -> (Expr, Vec<Warning>) {
        let place = |warning: Warning| Warning {
            at: characters(text, from + warning.at),
            ..warning
        };
        (self.expr, self.warnings.into_iter().map(place).collect())
    }
}

fn characters(text: &str, byte: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < byte).count()
}

impl SyntaxError {
    /// At a byte, while the text is being read.
    fn new(at: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError {
            at,
            message: message.into(),
        }
    }
}
