//! Expressions that follow the grammar, and now and then do not.

use arbitrary::{Arbitrary, Result, Unstructured};
use muster::domain::expression::Expression;
use muster::domain::expression::functions::{FUNCTIONS, Kind, Nature, Parameter, Repeats};

use crate::world::NAMES;

/// Deepest nesting that is drawn.
const DEPTH: usize = 6;
/// Arguments of a function that takes any number.
const REPEATED: usize = 5;

/// Texts that mean something to one function or another.
const TELLING: [&str; 34] = [
    "",
    " ",
    ",",
    "@",
    "a",
    "True",
    "false",
    "0",
    "7",
    "-1",
    "9223372036854775807",
    "yyyy-MM-dd",
    "dddd, d MMMM yyyy",
    "D",
    "yyyyMMddHHmmss.fZ",
    "M/d/yyyy h:mm:ss tt",
    "yyyy-MM-ddTHH:mm:ss.FFFFFFFK",
    "2020-02-29",
    "9999-12-31",
    "2009-06-15T01:45:30.25-07:00",
    "0001-01-01",
    "2/29/2024 11:59:59 PM",
    "AdjustToUniversal",
    "pl-PL",
    "ja",
    "tr-TR",
    "(?<x>\\w+)",
    "(a|a?)+$",
    "${x}$1$&",
    "x",
    "SABlAA==",
    "AQUAAAAAAAUVAAAAFWHcLHgsQkxZQ6kyUgQAAA==",
    "CN=a\\2Cb,DC=c",
    "Zoë Müller-Łódź",
];

#[derive(Debug)]
pub struct Written(pub String);

impl<'a> Arbitrary<'a> for Written {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Written> {
        let mut text = String::new();
        operand(u, &mut text, DEPTH, true)?;
        Ok(Written(text))
    }
}

fn operand(u: &mut Unstructured<'_>, text: &mut String, depth: usize, outermost: bool) -> Result<()> {
    if depth == 0 || u.ratio(1, 3)? {
        leaf(u, text)?;
    } else {
        call(u, text, depth, outermost)?;
    }
    if depth > 0 && u.ratio(1, 24)? {
        text.push_str(" & ");
        operand(u, text, depth - 1, false)?;
    }
    Ok(())
}

fn leaf(u: &mut Unstructured<'_>, text: &mut String) -> Result<()> {
    match u.int_in_range(0..=11)? {
        0..=3 => text.push_str(&format!("[{}]", u.choose(&NAMES)?)),
        4..=6 => text.push_str(&Expression::constant(u.choose(&TELLING)?).to_string()),
        7 | 8 => text.push_str(&Expression::constant(<&str>::arbitrary(u)?).to_string()),
        9 => text.push_str(&i32::arbitrary(u)?.to_string()),
        10 => text.push_str(u.choose(&[
            "%DomainFQDN%",
            "IgnoreAttributeFlow",
            "IgnoreObjectFlow",
            "&HF7",
            "-0",
            "vbTextCompare",
            "[emails[type eq \"work\"].value]",
        ])?),
        _ => text.push_str(<&str>::arbitrary(u)?),
    }
    Ok(())
}

fn call(u: &mut Unstructured<'_>, text: &mut String, depth: usize, outermost: bool) -> Result<()> {
    let mut function = u.choose(FUNCTIONS)?;
    while function.nature == Nature::Unique && !outermost {
        function = u.choose(FUNCTIONS)?;
    }
    let required = function.parameters.iter().filter(|one| one.required).count();
    let most = match function.parameters.last() {
        Some(last) if last.repeats != Repeats::Once => function.parameters.len() + REPEATED,
        _ => function.parameters.len(),
    };
    let count = u.int_in_range(required..=most)?;
    text.push_str(function.name);
    text.push('(');
    for index in 0..count {
        if index > 0 {
            text.push_str(", ");
        }
        if let Some(parameter) = function.parameter_of(index, count) {
            argument(u, text, parameter, depth - 1)?;
        }
    }
    text.push(')');
    Ok(())
}

fn argument(u: &mut Unstructured<'_>, text: &mut String, parameter: &Parameter, depth: usize) -> Result<()> {
    if !parameter.required && u.ratio(1, 3)? {
        return Ok(());
    }
    match parameter.kind {
        Kind::Integer if u.ratio(3, 4)? => text.push_str(&i16::arbitrary(u)?.to_string()),
        Kind::Choice(choices) if u.ratio(7, 8)? => text.push_str(&format!("\"{}\"", u.choose(choices)?)),
        Kind::Pattern => text.push_str(&Expression::constant(&pattern(u)?).to_string()),
        Kind::Condition => {
            operand(u, text, depth, false)?;
            if u.ratio(2, 3)? {
                text.push_str(u.choose(&["=", "<>", "<", "<=", ">", ">="])?);
                operand(u, text, depth, false)?;
            }
        }
        _ => operand(u, text, depth, false)?,
    }
    Ok(())
}

/// A regular expression, of parts that may or may not belong together.
fn pattern(u: &mut Unstructured<'_>) -> Result<String> {
    const PARTS: [&str; 34] = [
        "a", "b", "(", ")", "(?<x>", "(?:", "(?=", "(?!", "(?<=", "(?>", "[a-z", "[^", "]", "-[", "*", "+",
        "?", "*?", "{2,}", "{0,50}", "|", ".", "^", "$", "\\d", "\\w", "\\s", "\\b", "\\1", "\\k<x>",
        "\\p{Lu}", "\\Z", "(?i)", "\\u00E9",
    ];
    let mut pattern = String::new();
    for _ in 0..u.int_in_range(0..=12)? {
        pattern.push_str(u.choose(&PARTS)?);
    }
    Ok(pattern)
}
