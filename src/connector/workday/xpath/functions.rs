//! The functions of XPath 1.0's core library, but for `id` and `lang`.

use super::expr::{Expr, Flag, NamePart, Nodes, Number, Rounding, Text};
use super::text::Mapping;

pub struct Function {
    pub name: &'static str,
    least: usize,
    most: usize,
    /// Without an argument it is about the context node.
    pub takes_context: bool,
    pub is_positional: bool,
    /// `None` if the argument has to be nodes and is not.
    pub build: fn(Vec<Expr>) -> Option<Expr>,
}

const MANY: usize = usize::MAX;

#[rustfmt::skip]
const FUNCTIONS: &[Function] = &[
    function("boolean",          1, 1,    |it| Some(Expr::Flag(one(it)?.flag()))),
    function("ceiling",          1, 1,    |it| rounded(Rounding::Ceiling, it)),
    function("concat",           2, MANY, |it| Some(Expr::Text(Text::Concat(it.into_iter().map(Expr::text).collect())))),
    function("contains",         2, 2,    |it| { let (text, part) = texts(it)?; Some(Expr::Flag(Flag::Contains(text, part))) }),
    function("count",            1, 1,    |it| Some(Expr::Number(Number::Count(nodes(it)?)))),
    function("false",            0, 0,    |_| Some(Expr::Flag(Flag::Literal(false)))),
    function("floor",            1, 1,    |it| rounded(Rounding::Floor, it)),
    positional("last",                    |_| Some(Expr::Number(Number::Last))),
    about_context("local-name",           |it| name(NamePart::Local, it)),
    about_context("name",                 |it| name(NamePart::Qualified, it)),
    about_context("namespace-uri",        |it| name(NamePart::Uri, it)),
    about_context("normalize-space",      |it| Some(Expr::Text(Text::Normalized(Box::new(one(it)?.text()))))),
    function("not",              1, 1,    |it| Some(Expr::Flag(Flag::Not(Box::new(one(it)?.flag()))))),
    about_context("number",               |it| Some(Expr::Number(one(it)?.number()))),
    positional("position",                |_| Some(Expr::Number(Number::Position))),
    function("round",            1, 1,    |it| rounded(Rounding::Nearest, it)),
    function("starts-with",      2, 2,    |it| { let (text, start) = texts(it)?; Some(Expr::Flag(Flag::StartsWith(text, start))) }),
    about_context("string",               |it| Some(Expr::Text(one(it)?.text()))),
    about_context("string-length",        |it| Some(Expr::Number(Number::Length(Box::new(one(it)?.text()))))),
    function("substring",        2, 3,    substring),
    function("substring-after",  2, 2,    |it| Some(Expr::Text(Text::After(Box::new(texts(it)?))))),
    function("substring-before", 2, 2,    |it| Some(Expr::Text(Text::Before(Box::new(texts(it)?))))),
    function("sum",              1, 1,    |it| Some(Expr::Number(Number::Sum(nodes(it)?)))),
    function("translate",        3, 3,    translate),
    function("true",             0, 0,    |_| Some(Expr::Flag(Flag::Literal(true)))),
];

/// Functions that XPath 1.0 has and this has not, and why.
const OTHERS: &[(&str, &str)] = &[
    (
        "id",
        "id() finds elements by what a DTD says, and answers have none: use a predicate",
    ),
    ("lang", "lang() asks for xml:lang, which answers do not have"),
];

/// The function of this name, or why there is none.
pub fn find(name: &str) -> Result<&'static Function, String> {
    if let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
        return Ok(function);
    }
    if let Some((_, why)) = OTHERS.iter().find(|(other, _)| *other == name) {
        return Err((*why).to_string());
    }
    let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
    Err(format!(
        "there is no function {name}: there are {}",
        names.join(", ")
    ))
}

impl Function {
    pub fn takes(&self, arguments: usize) -> bool {
        (self.least..=self.most).contains(&arguments)
    }

    pub fn arity(&self) -> String {
        match (self.least, self.most) {
            (0, 0) => "no arguments".into(),
            (1, 1) => "1 argument".into(),
            (least, MANY) => format!("{least} arguments or more"),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} or {most} arguments"),
        }
    }
}

const fn function(
    name: &'static str,
    least: usize,
    most: usize,
    build: fn(Vec<Expr>) -> Option<Expr>,
) -> Function {
    Function {
        name,
        least,
        most,
        takes_context: false,
        is_positional: false,
        build,
    }
}

const fn about_context(name: &'static str, build: fn(Vec<Expr>) -> Option<Expr>) -> Function {
    Function {
        takes_context: true,
        ..function(name, 0, 1, build)
    }
}

const fn positional(name: &'static str, build: fn(Vec<Expr>) -> Option<Expr>) -> Function {
    Function {
        is_positional: true,
        ..function(name, 0, 0, build)
    }
}

fn one(arguments: Vec<Expr>) -> Option<Expr> {
    arguments.into_iter().next()
}

fn nodes(arguments: Vec<Expr>) -> Option<Nodes> {
    match one(arguments)? {
        Expr::Nodes(nodes) => Some(nodes),
        _ => None,
    }
}

fn texts(arguments: Vec<Expr>) -> Option<(Text, Text)> {
    let mut texts = arguments.into_iter().map(Expr::text);
    Some((texts.next()?, texts.next()?))
}

fn name(part: NamePart, arguments: Vec<Expr>) -> Option<Expr> {
    Some(Expr::Text(Text::OfName(part, nodes(arguments)?)))
}

fn rounded(rounding: Rounding, arguments: Vec<Expr>) -> Option<Expr> {
    Some(Expr::Number(Number::Rounded(
        rounding,
        Box::new(one(arguments)?.number()),
    )))
}

fn substring(arguments: Vec<Expr>) -> Option<Expr> {
    let mut arguments = arguments.into_iter();
    let (text, start) = (arguments.next()?.text(), arguments.next()?.number());
    let length = arguments.next().map(Expr::number);
    Some(Expr::Text(Text::Substring(Box::new((text, start, length)))))
}

fn translate(arguments: Vec<Expr>) -> Option<Expr> {
    let mut texts = arguments.into_iter().map(Expr::text);
    let text = texts.next()?;
    Some(Expr::Text(match (texts.next()?, texts.next()?) {
        (Text::Literal(from), Text::Literal(to)) => Text::Mapped(Box::new(text), Mapping::new(&from, &to)),
        (from, to) => Text::Translated(Box::new((text, from, to))),
    }))
}
