//! The functions of the language: one table that the parser, the evaluator, the `functions` API, the
//! documentation and the tests read. A new function is a constant in one of the theme files and a line here.

use std::fmt::{self, Debug, Formatter};

use super::evaluator::{Arguments, Evaluated};
use crate::domain::value::Value;

mod case;
mod date;
mod diacritics;
mod directory;
mod list;
mod logic;
mod number;
mod replace;
pub(super) mod text;
mod unique;

/// Sorted by name.
pub static FUNCTIONS: &[Function] = &[
    directory::APP_ROLE_ASSIGNMENTS,
    directory::APP_ROLE_ASSIGNMENTS_COMPLEX,
    text::APPEND,
    directory::ASSERTIVE_APP_ROLE_ASSIGNMENTS_COMPLEX,
    number::BIT_AND,
    logic::CBOOL,
    date::CDATE,
    directory::CREF,
    number::CSTR,
    logic::COALESCE,
    list::CONTAINS,
    number::CONVERT_FROM_BASE64,
    number::CONVERT_TO_BASE64,
    number::CONVERT_TO_UTF8_HEX,
    list::COUNT,
    directory::DN_COMPONENT,
    date::DATE_ADD,
    date::DATE_DIFF,
    date::DATE_FROM_NUM,
    directory::DEFAULT_DOMAIN,
    logic::ERROR,
    date::FORMAT_DATE_TIME,
    unique::GUID,
    logic::IIF,
    logic::IGNORE_FLOW_IF_NULL_OR_EMPTY,
    text::IN_STR,
    text::IN_STR_REV,
    logic::IS_NOTHING,
    logic::IS_NULL,
    logic::IS_NULL_OR_EMPTY,
    logic::IS_PRESENT,
    logic::IS_STRING,
    list::ITEM,
    text::JOIN,
    case::LCASE,
    text::LTRIM,
    text::LEFT,
    text::LEN,
    text::MID,
    diacritics::NORMALIZE_DIACRITICS,
    logic::NOT,
    date::NOW,
    date::NUM_FROM_DATE,
    case::PCASE,
    text::PAD_LEFT,
    text::PAD_RIGHT,
    text::PREPEND,
    text::RTRIM,
    unique::RANDOM_STRING,
    logic::REDACT,
    list::REMOVE_DUPLICATES,
    replace::REPLACE,
    text::RIGHT,
    unique::SELECT_UNIQUE_VALUE,
    directory::SINGLE_APP_ROLE_ASSIGNMENT,
    list::SPLIT,
    number::STRING_FROM_SID,
    text::STRIP_SPACES,
    logic::SWITCH,
    case::TO_LOWER,
    case::TO_UPPER,
    text::TRIM,
    case::UCASE,
    text::WORD,
];

/// The function of exactly this name.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS
        .binary_search_by(|function| function.name.cmp(name))
        .ok()
        .and_then(|index| FUNCTIONS.get(index))
}

/// A row of the table.
pub struct Function {
    pub name: &'static str,
    pub parameters: &'static [Parameter],
    pub nature: Nature,
    pub origin: Origin,
    /// One line for people who choose a function.
    pub summary: &'static str,
    pub examples: &'static [Example],
    /// Arguments are evaluated when the function asks for them, so that branches not taken cost nothing and
    /// cannot fail.
    pub evaluate: for<'a> fn(&Arguments<'_, 'a>) -> Evaluated<'a>,
}

/// What a value depends on besides the attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    Pure,
    Clock,
    Random,
    /// Chooses among candidates by asking the target; only outermost.
    Unique,
}

/// Where an expression that uses the function runs as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Every provisioning job of Microsoft Entra.
    Provisioning,
    /// Entra Cloud Sync.
    CloudSync,
    /// Entra Connect's sync rules only.
    Connect,
}

#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The key in the stored tree.
    pub name: &'static str,
    pub kind: Kind,
    /// Whether its place must be there; the place itself may be empty if the kind has an empty value.
    pub required: bool,
    pub repeats: Repeats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    Once,
    Any,
    /// A key and a value each time.
    Pairs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Any,
    Text,
    Integer,
    Boolean,
    Time,
    /// A comparison or a Boolean.
    Condition,
    /// A .NET regular expression.
    Pattern,
    /// A date format of .NET's.
    TimeFormat,
    /// One of these words, in any case; with or without quotes.
    Choice(&'static [&'static str]),
}

/// Holds at 2025-07-30T12:00:00Z, where the default domain is contoso.com, `%DomainFQDN%` is contoso.local
/// and no value is taken.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    pub expression: &'static str,
    /// Attributes and their values; one with several values is a list.
    pub inputs: &'static [(&'static str, &'static [&'static str])],
    /// The values of the result as text; none for null.
    pub result: &'static [&'static str],
}

impl Function {
    /// What stands at this place if all parameters are given.
    pub fn parameter(&self, index: usize) -> Option<&'static Parameter> {
        let last = self
            .parameters
            .last()
            .filter(|last| last.repeats != Repeats::Once);
        self.parameters.get(index).or(last)
    }

    /// What stands at this place in a call with `count` arguments. If those are just enough for the required
    /// parameters, the optional ones are not among them, wherever they stand: the older signature of
    /// `FormatDateTime` lacks one in the middle.
    pub fn parameter_of(&self, index: usize, count: usize) -> Option<&'static Parameter> {
        let mut required = self.parameters.iter().filter(|parameter| parameter.required);
        if count == required.clone().count() {
            required.nth(index)
        } else {
            self.parameter(index)
        }
    }

    /// Whether no key is without its value in a call with `count` arguments.
    pub fn comes_in_pairs(&self, count: usize) -> bool {
        match self.parameters.split_last() {
            Some((last, before)) if last.repeats == Repeats::Pairs => {
                count.saturating_sub(before.len()).is_multiple_of(2)
            }
            _ => true,
        }
    }
}

impl Kind {
    /// The name of the type in Graph's catalogue of functions.
    pub fn type_name(self) -> &'static str {
        match self {
            Kind::Integer => "Integer",
            Kind::Boolean | Kind::Condition => "Boolean",
            Kind::Time => "DateTime",
            Kind::Any | Kind::Text | Kind::Pattern | Kind::TimeFormat | Kind::Choice(_) => "String",
        }
    }

    /// Whether an argument of this kind may be left empty although its parameter is required.
    pub fn may_be_empty(self) -> bool {
        matches!(
            self,
            Kind::Any | Kind::Text | Kind::Boolean | Kind::Time | Kind::TimeFormat
        )
    }
}

impl Debug for Function {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        self.name == other.name
    }
}

const fn parameter(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        required: true,
        repeats: Repeats::Once,
    }
}

impl Parameter {
    const fn optional(self) -> Parameter {
        Parameter {
            required: false,
            ..self
        }
    }

    const fn repeated(self, repeats: Repeats) -> Parameter {
        Parameter { repeats, ..self }
    }
}

/// Most functions are pure and known to every job.
const fn function(
    name: &'static str,
    parameters: &'static [Parameter],
    summary: &'static str,
    examples: &'static [Example],
    evaluate: for<'a> fn(&Arguments<'_, 'a>) -> Evaluated<'a>,
) -> Function {
    Function {
        name,
        parameters,
        nature: Nature::Pure,
        origin: Origin::Provisioning,
        summary,
        examples,
        evaluate,
    }
}

impl Function {
    const fn of_nature(self, nature: Nature) -> Function {
        Function { nature, ..self }
    }

    const fn known_to(self, origin: Origin) -> Function {
        Function { origin, ..self }
    }
}

const fn example(
    expression: &'static str,
    inputs: &'static [(&'static str, &'static [&'static str])],
    result: &'static [&'static str],
) -> Example {
    Example {
        expression,
        inputs,
        result,
    }
}

/// What people count from 1, counted from 0; `None` below 1.
fn from_zero(place: i64) -> Option<usize> {
    usize::try_from(place).ok()?.checked_sub(1)
}

fn count(count: usize) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}
