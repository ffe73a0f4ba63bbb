//! Microsoft Graph's synchronizationSchema: which directories there are, and how one's attributes become the
//! other's.
//!
//! A [`Document`] keeps the JSON whole: members Muster does not know survive a round trip, since people move schemas
//! between services. [`compile`] turns what planning reads of it ([`Schema`]) into the checked mapping that planning runs.

mod check;
mod compile;
mod document;
mod reads;
pub mod revision;
mod shape;
mod template;

pub use compile::{Compiled, FlowTypes, Options, compile};
pub use document::{Document, json};
pub use template::{TEMPLATES, Template, template};

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::expression::{Expression, ParseError};

/// Something wrong with a schema, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    /// A JSON path: `synchronizationRules[0].objectMappings[0].attributeMappings[3].source.expression`.
    pub path: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It cannot run.
    Error,
    /// It runs, and may not do what was meant.
    Warning,
}

impl Problem {
    pub fn error(path: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            path: path.into(),
            message: message.into(),
        }
    }

    pub fn warning(path: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Warning,
            ..Problem::error(path, message)
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// What planning reads of a schema. The whole of it is its [`Document`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Schema {
    #[serde(deserialize_with = "or_default")]
    pub synchronization_rules: Vec<Rule>,
    #[serde(deserialize_with = "or_default")]
    pub directories: Vec<Directory>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    pub id: Option<String>,
    pub name: Option<String>,
    /// The lowest number goes first.
    #[serde(deserialize_with = "or_default")]
    pub priority: i32,
    pub source_directory_name: Option<String>,
    pub target_directory_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub object_mappings: Vec<ObjectMapping>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMapping {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    /// `Add, Update, Delete` in any combination; absent means all three.
    pub flow_types: Option<String>,
    pub source_object_name: Option<String>,
    pub target_object_name: Option<String>,
    pub scope: Option<Filter>,
    #[serde(deserialize_with = "or_default")]
    pub attribute_mappings: Vec<AttributeMapping>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AttributeMapping {
    pub target_attribute_name: String,
    pub source: Option<Source>,
    /// The source, parsed once for whoever compiles the schema.
    #[serde(skip)]
    pub expression: Option<Result<Expression, ParseError>>,
    pub default_value: Option<String>,
    /// `Always`, `ObjectAddOnly`, `MultiValueAddOnly`, `ValueAddOnly` or `AttributeAddOnly`.
    pub flow_type: Option<String>,
    /// Zero for none; otherwise the order in which matching attributes are tried.
    #[serde(deserialize_with = "or_default")]
    pub matching_priority: u32,
    /// The mapping's half of the two gates that let a null clear the target (B3).
    pub flow_null_values: Option<bool>,
}

/// What a mapping says of its source, as far as people wrote it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Source {
    pub expression: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Filter {
    #[serde(deserialize_with = "or_default")]
    pub groups: Vec<FilterGroup>,
    /// Whom none of these lets through is not looked at.
    #[serde(deserialize_with = "or_default")]
    pub input_filter_groups: Vec<FilterGroup>,
    /// Kept, and not evaluated.
    #[serde(deserialize_with = "or_default")]
    pub category_filter_groups: Vec<FilterGroup>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FilterGroup {
    pub name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub clauses: Vec<FilterClause>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FilterClause {
    pub operator_name: String,
    pub source_operand_name: String,
    pub target_operand: Option<TargetOperand>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TargetOperand {
    #[serde(deserialize_with = "or_default")]
    pub values: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Directory {
    pub id: Option<String>,
    pub name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub objects: Vec<Object>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Object {
    pub name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attribute {
    pub name: String,
    /// `String`, `Integer`, `Reference`, `Binary`, `Boolean` or `DateTime`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub anchor: bool,
    #[serde(deserialize_with = "or_default")]
    pub required: bool,
    #[serde(deserialize_with = "or_default")]
    pub multivalued: bool,
    /// Whether a change of case alone is a change.
    #[serde(deserialize_with = "or_default")]
    pub case_exact: bool,
    #[serde(deserialize_with = "or_default")]
    pub flow_null_values: bool,
    /// How the source's own language names it: an XPath of Workday's.
    #[serde(deserialize_with = "or_default")]
    pub api_expressions: Vec<Pair>,
    #[serde(deserialize_with = "or_default")]
    pub metadata: Vec<Pair>,
}

impl Attribute {
    /// How the source's own language names it, else its name.
    pub fn place(&self) -> &str {
        let own = self.api_expressions.iter().find_map(|pair| pair.value.as_deref());
        own.unwrap_or(&self.name)
    }
}

/// A key with what it stands for; values other than texts are left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Pair {
    #[serde(deserialize_with = "text_or_none")]
    pub value: Option<String>,
}

fn text_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_string))
}

/// Clients send `null` for an empty list or a false flag.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
