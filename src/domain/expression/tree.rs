//! The stored tree of an expression (Graph's `attributeMappingSource`): what a schema holds beside the text.
//!
//! Every part of a tree carries its text, its name and its type; a function has one parameter for each
//! argument that is given, under the parameter's key. Three things are peculiar:
//!
//! * Numbers are constants like texts: `2` is stored as `"2"`.
//! * A comparison has no node of its own. Its sides are the keys of the argument and `three`, its operator a
//!   constant under `two`.
//! * A setting such as `%DomainFQDN%` is a constant without text, and the service also leaves it out of the
//!   text around it. Here it stays there, so that the text alone says everything.

use serde::{Deserialize, Serialize};

use super::functions::{self, Kind, Parameter, Repeats};
use super::node::{Call, Ignore, Node};
use super::printer::quoted;
use super::{Expression, ParseError};

/// One part of an expression. Clients may leave out its text; the service always gives it, except for
/// settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tree {
    pub expression: Option<String>,
    pub name: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub r#type: TreeType,
    #[serde(deserialize_with = "null_is_default")]
    pub parameters: Vec<TreeParameter>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TreeType {
    #[default]
    Attribute,
    Constant,
    Function,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeParameter {
    pub key: String,
    pub value: Tree,
}

/// Some clients send `null` for what they leave out.
fn null_is_default<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(input).map(Option::unwrap_or_default)
}

const OPERATOR: &str = "two";
const RIGHT_SIDE: &str = "three";

impl Expression {
    /// As the service stores it.
    pub fn tree(&self) -> Tree {
        tree(&self.root)
    }

    /// The text is what people edit, so it wins over a tree that says something else. Only where the text
    /// merely lacks the settings that the service leaves out does the tree know more.
    pub fn from_tree(tree: &Tree) -> Result<Expression, ParseError> {
        if tree.expression.is_none() && tree.name.is_none() {
            return Err(ParseError::new(
                "the source has neither an expression nor a name",
                0,
            ));
        }
        let Some(written) = tree.expression.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Expression::parse(&text(tree, Kind::Any)?);
        };
        let expression = Expression::parse(written)?;
        if tree.has_settings() {
            let told = expression.tree();
            if !told.has_settings() && tree.agrees(&told) {
                return Expression::parse(&text(tree, Kind::Any)?);
            }
        }
        Ok(expression)
    }
}

fn tree(node: &Node) -> Tree {
    let constant = |expression: Option<String>, name: String| Tree {
        expression,
        name: Some(name),
        r#type: TreeType::Constant,
        parameters: Vec::new(),
    };
    match node {
        Node::Attribute(name) => Tree {
            expression: Some(node.to_string()),
            name: Some(name.clone()),
            r#type: TreeType::Attribute,
            parameters: Vec::new(),
        },
        Node::Constant(value) => {
            let name = value.name().into_owned();
            constant(Some(quoted(&name)), name)
        }
        Node::Setting(_) => constant(None, node.to_string()),
        Node::Ignore(ignore) => constant(Some(ignore.word().to_owned()), ignore.word().to_owned()),
        Node::Call(call) => Tree {
            expression: Some(node.to_string()),
            name: Some(call.function.name.to_owned()),
            r#type: TreeType::Function,
            parameters: parameters(call),
        },
        // Stands only as an argument, where `parameters` takes it apart; on its own it is its left side.
        Node::Comparison(comparison) => tree(&comparison.left),
    }
}

fn parameters(call: &Call) -> Vec<TreeParameter> {
    let mut parameters = Vec::new();
    let mut push = |key: &str, value: Tree| {
        parameters.push(TreeParameter {
            key: key.to_owned(),
            value,
        })
    };
    for (index, argument) in call.arguments.iter().enumerate() {
        let (Some(argument), Some(parameter)) =
            (argument, call.function.parameter_of(index, call.arguments.len()))
        else {
            continue;
        };
        push(parameter.name, tree(argument));
        if let Node::Comparison(comparison) = argument {
            let symbol = comparison.operator.symbol();
            push(
                OPERATOR,
                Tree {
                    expression: Some(quoted(symbol)),
                    name: Some(symbol.to_owned()),
                    r#type: TreeType::Constant,
                    parameters: Vec::new(),
                },
            );
            push(RIGHT_SIDE, tree(&comparison.right));
        }
    }
    parameters
}

impl Tree {
    /// Whether both are the same but for settings, which the service leaves out of texts. Texts are not looked at.
    pub fn agrees(&self, other: &Tree) -> bool {
        let same = |(one, other): (&TreeParameter, &TreeParameter)| {
            one.key == other.key && one.value.agrees(&other.value)
        };
        self.r#type == other.r#type
            && self.name == other.name
            && self.settled().count() == other.settled().count()
            && self.settled().zip(other.settled()).all(same)
    }

    /// Its parameters but for settings.
    fn settled(&self) -> impl Iterator<Item = &TreeParameter> {
        self.parameters
            .iter()
            .filter(|parameter| !parameter.value.is_setting())
    }

    fn has_settings(&self) -> bool {
        self.is_setting()
            || self
                .parameters
                .iter()
                .any(|parameter| parameter.value.has_settings())
    }

    fn is_setting(&self) -> bool {
        let inside = self
            .name
            .as_deref()
            .and_then(|name| name.strip_prefix('%')?.strip_suffix('%'));
        self.r#type == TreeType::Constant
            && self.expression.is_none()
            && inside.is_some_and(|inside| !inside.is_empty() && inside.chars().all(char::is_alphabetic))
    }

    /// A word such as `IgnoreAttributeFlow`, and not the text that reads the same.
    fn is_word(&self, name: &str) -> bool {
        Ignore::named(name).is_some() && self.expression.as_deref().is_none_or(|written| written == name)
    }
}

/// The text of a tree, from its names and parameters alone, at a place that asks for `kind`.
fn text(tree: &Tree, kind: Kind) -> Result<String, ParseError> {
    let name = tree
        .name
        .as_deref()
        .ok_or_else(|| ParseError::new("a part of the tree has no name", 0))?;
    Ok(match tree.r#type {
        TreeType::Attribute => format!("[{name}]"),
        TreeType::Function => call_text(name, &tree.parameters)?,
        TreeType::Constant if tree.is_setting() || tree.is_word(name) => name.to_owned(),
        TreeType::Constant if kind == Kind::Integer && name.parse::<i64>().is_ok() => name.to_owned(),
        TreeType::Constant => quoted(name),
    })
}

fn call_text(name: &str, given: &[TreeParameter]) -> Result<String, ParseError> {
    let function =
        functions::find(name).ok_or_else(|| ParseError::new(format!("there is no function {name}"), 0))?;
    let mut given: Vec<&TreeParameter> = given.iter().collect();
    let mut arguments: Vec<String> = Vec::new();
    let mut needed = 0;
    for parameter in function.parameters {
        let before = arguments.len();
        while let Some(tree) = take(&mut given, parameter.name) {
            arguments.push(argument_text(tree, parameter, &mut given)?);
            needed = arguments.len();
            if parameter.repeats == Repeats::Once {
                break;
            }
        }
        if arguments.len() == before && parameter.repeats == Repeats::Once {
            arguments.push(String::new());
        }
        if parameter.required {
            needed = arguments.len();
        }
    }
    if let Some(unknown) = given.first() {
        return Err(ParseError::new(
            format!("{name} has no parameter `{}`", unknown.key),
            0,
        ));
    }
    arguments.truncate(needed);
    Ok(format!("{name}({})", arguments.join(", ")))
}

fn argument_text(
    tree: &Tree,
    parameter: &Parameter,
    given: &mut Vec<&TreeParameter>,
) -> Result<String, ParseError> {
    let left = text(tree, parameter.kind)?;
    if parameter.kind != Kind::Condition {
        return Ok(left);
    }
    match (take(given, OPERATOR), take(given, RIGHT_SIDE)) {
        (Some(operator), Some(right)) => {
            let operator = operator.name.as_deref().unwrap_or_default();
            Ok(format!("{left}{operator}{}", text(right, Kind::Any)?))
        }
        _ => Ok(left),
    }
}

/// The first parameter of that key, which is then no longer among the given ones.
fn take<'t>(given: &mut Vec<&'t TreeParameter>, key: &str) -> Option<&'t Tree> {
    let place = given.iter().position(|parameter| parameter.key == key)?;
    Some(&given.remove(place).value)
}
