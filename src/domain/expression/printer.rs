//! The normal form of an expression: one blank after each comma, none elsewhere, empty arguments kept
//! (`Replace([a], "-", , , "_", , )`).
//!
//! Backslashes in texts are always doubled. `"\,"` and `"\\,"` mean the same, but only the second reads the
//! same to everyone.

use std::fmt::{self, Display, Formatter, Write};

use super::node::{Call, Constant, Node, Written};

impl Display for Node {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Node::Attribute(name) => write!(out, "[{name}]"),
            Node::Constant(constant) => constant.fmt(out),
            Node::Setting(name) => write!(out, "%{name}%"),
            Node::Ignore(ignore) => out.write_str(ignore.word()),
            Node::Call(call) => call.fmt(out),
            Node::Comparison(comparison) => {
                write!(
                    out,
                    "{}{}{}",
                    comparison.left,
                    comparison.operator.symbol(),
                    comparison.right
                )
            }
        }
    }
}

impl Display for Call {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}(", self.function.name)?;
        for (index, argument) in self.arguments.iter().enumerate() {
            if index > 0 {
                out.write_str(", ")?;
            }
            if let Some(argument) = argument {
                argument.fmt(out)?;
            }
        }
        out.write_char(')')
    }
}

impl Display for Constant {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.written {
            Written::Bare(_) => out.write_str(&self.name()),
            Written::Quoted => out.write_str(&quoted(&self.name())),
        }
    }
}

/// A text as a constant of the language.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push('"');
    quoted
}
