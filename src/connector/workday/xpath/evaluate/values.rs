//! The value of flags, numbers and texts at a context node.

use std::borrow::Cow;

use super::super::expr::{Arithmetic, Flag, NamePart, Nodes, Number, Relation, Rounding, Text};
use super::super::text::{self, Mapping};
use super::{At, BYTES_A_NODE, Result, World, count};
use crate::connector::workday::tree::Node;

/// Flags.
impl<'w, 't: 'w> World<'w, 't> {
    pub(super) fn flag(&self, flag: &'w Flag, at: At) -> Result<bool> {
        Ok(match flag {
            Flag::Literal(flag) => *flag,
            Flag::OfNodes(nodes) => self.first(nodes, at)?.is_some(),
            Flag::OfText(text) => !self.text(text, at)?.is_empty(),
            Flag::OfNumber(number) => {
                let number = self.number(number, at)?;
                number != 0.0 && !number.is_nan()
            }
            Flag::Not(flag) => !self.flag(flag, at)?,
            Flag::All(flags) => {
                for flag in flags {
                    if !self.flag(flag, at)? {
                        return Ok(false);
                    }
                }
                true
            }
            Flag::Any(flags) => {
                for flag in flags {
                    if self.flag(flag, at)? {
                        return Ok(true);
                    }
                }
                false
            }
            Flag::StartsWith(text, start) => {
                let (text, start) = (self.text(text, at)?, self.text(start, at)?);
                text.starts_with(&*start)
            }
            Flag::Contains(text, part) => {
                let (text, part) = (self.text(text, at)?, self.text(part, at)?);
                self.spend_text(&text)?;
                text.contains(&*part)
            }
            Flag::Flags(relation, sides) => {
                relation.holds(self.flag(&sides.0, at)?, self.flag(&sides.1, at)?)
            }
            Flag::Numbers(relation, left, right) => {
                relation.holds(self.number(left, at)?, self.number(right, at)?)
            }
            Flag::Texts(equal, left, right) => (self.text(left, at)? == self.text(right, at)?) == *equal,
            Flag::NodesText(nodes, equal, text) => {
                let wanted = self.text(text, at)?;
                self.any(nodes, at, |node| (self.tree.string(node) == wanted) == *equal)?
            }
            Flag::NodesNumber(nodes, relation, number) => {
                let wanted = self.number(number, at)?;
                self.any(nodes, at, |node| {
                    relation.holds(text::number(self.tree.string(node)), wanted)
                })?
            }
            Flag::NodesNodes(left, relation, right) => self.some_pair(left, *relation, right, at)?,
        })
    }

    /// Whether it is true of any of these nodes.
    fn any(&self, nodes: &'w Nodes, at: At, is_so: impl Fn(Node) -> bool) -> Result<bool> {
        let none_is = self.each(nodes, at, &mut |node| Ok(!is_so(node)))?;
        Ok(!none_is)
    }

    fn some_pair(&self, left: &'w Nodes, relation: Relation, right: &'w Nodes, at: At) -> Result<bool> {
        let right: Vec<&str> = self
            .set(right, at)?
            .into_iter()
            .map(|node| self.tree.string(node))
            .collect();
        let compares = |left: &str, right: &str| match relation.is_equality() {
            true => relation.holds(left, right),
            false => relation.holds(text::number(left), text::number(right)),
        };
        let none_does = self.each(left, at, &mut |node| {
            self.spend(right.len())?;
            let left = self.tree.string(node);
            Ok(!right.iter().any(|right| compares(left, right)))
        })?;
        Ok(!none_does)
    }
}

/// Numbers.
impl<'w, 't: 'w> World<'w, 't> {
    pub(super) fn number(&self, number: &'w Number, at: At) -> Result<f64> {
        Ok(match number {
            Number::Literal(number) => *number,
            Number::OfText(text) => text::number(&self.text(text, at)?),
            Number::OfFlag(flag) => f64::from(u8::from(self.flag(flag, at)?)),
            Number::Position => count(at.position),
            Number::Last => count(at.size),
            Number::Count(nodes) => {
                let mut found = 0;
                self.each(nodes, at, &mut |_| {
                    found += 1;
                    Ok(true)
                })?;
                count(found)
            }
            Number::Sum(nodes) => {
                let mut sum = 0.0;
                self.each(nodes, at, &mut |node| {
                    sum += text::number(self.tree.string(node));
                    Ok(true)
                })?;
                sum
            }
            Number::Length(text) => {
                let text = self.text(text, at)?;
                self.spend_text(&text)?;
                count(text.chars().count())
            }
            Number::Negative(number) => -self.number(number, at)?,
            Number::Arithmetic(sign, sides) => {
                let (left, right) = (self.number(&sides.0, at)?, self.number(&sides.1, at)?);
                match sign {
                    Arithmetic::Plus => left + right,
                    Arithmetic::Minus => left - right,
                    Arithmetic::Times => left * right,
                    Arithmetic::Div => left / right,
                    Arithmetic::Mod => left % right,
                }
            }
            Number::Rounded(rounding, number) => {
                let number = self.number(number, at)?;
                match rounding {
                    Rounding::Floor => number.floor(),
                    Rounding::Ceiling => number.ceil(),
                    Rounding::Nearest => text::round(number),
                }
            }
        })
    }
}

/// Texts.
impl<'w, 't: 'w> World<'w, 't> {
    pub(super) fn text(&self, text: &'w Text, at: At) -> Result<Cow<'w, str>> {
        Ok(match text {
            Text::Literal(text) => Cow::Borrowed(text),
            Text::OfNodes(nodes) => {
                let first = self.first(nodes, at)?;
                Cow::Borrowed(first.map_or("", |node| self.tree.string(node)))
            }
            Text::OfNumber(number) => Cow::Owned(text::of_number(self.number(number, at)?)),
            Text::OfFlag(flag) => Cow::Borrowed(match self.flag(flag, at)? {
                true => "true",
                false => "false",
            }),
            Text::OfName(part, nodes) => match self.first(nodes, at)? {
                Some(node) => self.name(*part, node),
                None => Cow::Borrowed(""),
            },
            Text::Concat(parts) => {
                let mut whole = String::new();
                for part in parts {
                    let part = self.text(part, at)?;
                    self.spend_text(&part)?;
                    whole.push_str(&part);
                }
                Cow::Owned(whole)
            }
            Text::Before(sides) => {
                let (text, part) = (self.text(&sides.0, at)?, self.text(&sides.1, at)?);
                self.spend_text(&text)?;
                text.split_once(&*part)
                    .map_or("", |(before, _)| before)
                    .to_string()
                    .into()
            }
            Text::After(sides) => {
                let (text, part) = (self.text(&sides.0, at)?, self.text(&sides.1, at)?);
                self.spend_text(&text)?;
                text.split_once(&*part)
                    .map_or("", |(_, after)| after)
                    .to_string()
                    .into()
            }
            Text::Substring(parts) => {
                let (text, start) = (self.text(&parts.0, at)?, self.number(&parts.1, at)?);
                self.spend_text(&text)?;
                let length = parts
                    .2
                    .as_ref()
                    .map(|length| self.number(length, at))
                    .transpose()?;
                text::substring(&text, start, length).into()
            }
            Text::Normalized(text) => {
                let text = self.text(text, at)?;
                self.spend_text(&text)?;
                match text {
                    Cow::Borrowed(text) => text::normalize(text),
                    Cow::Owned(text) => text::normalize(&text).into_owned().into(),
                }
            }
            Text::Mapped(text, mapping) => {
                let text = self.text(text, at)?;
                self.spend_text(&text)?;
                mapping.apply(&text).into()
            }
            Text::Translated(parts) => {
                let (from, to) = (self.text(&parts.1, at)?, self.text(&parts.2, at)?);
                let text = self.text(&parts.0, at)?;
                self.spend(1 + (from.len() + 1) * (text.len() + from.len()) / BYTES_A_NODE)?;
                Mapping::new(&from, &to).apply(&text).into()
            }
        })
    }

    fn name(&self, part: NamePart, node: Node) -> Cow<'w, str> {
        let name = self.tree.name(node);
        match part {
            NamePart::Qualified => self.tree.qualified_name(node).into(),
            NamePart::Local => self.tree.names().local(name).into(),
            NamePart::Uri => self.tree.names().uri(name).into(),
        }
    }
}
