//! From Graph's JSON to a mapping that planning can run: expressions parsed, flags read, filters compiled.

use std::collections::HashMap;

use super::check::Checked;
use super::{Attribute, AttributeMapping, Object, ObjectMapping, Problem, Rule, Schema};
use crate::domain::account::Model;
use crate::domain::expression::{Expression, ParseError};
use crate::domain::mapping::{Flow, Mapping, Role};
use crate::domain::scope::Scope;

/// One object mapping of a schema, checked and ready to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    pub flow_types: FlowTypes,
    pub scope: Scope,
    pub mappings: Vec<Mapping>,
    /// The source object's name, which the log shows as the identity's type.
    pub source_object: String,
    pub source_directory: String,
    pub target_object: String,
    pub target_directory: String,
}

/// Which actions a job may take on accounts at all (Graph's objectFlowTypes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowTypes {
    pub add: bool,
    pub update: bool,
    pub delete: bool,
}

/// What the config says that the schema does not.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub model: Model,
}

/// Compiles the first enabled object mapping, and says beside it what may not do what was meant; or reports every problem at
/// once.
pub fn compile(schema: &Schema, options: Options) -> Result<(Compiled, Vec<Problem>), Vec<Problem>> {
    let Some((rule, object, path)) = first_enabled(schema) else {
        let message = "there is no enabled object mapping";
        return Err(vec![Problem::error("synchronizationRules", message)]);
    };
    let mut problems = Vec::new();
    let source_directory = rule.source_directory_name.clone().unwrap_or_default();
    let target_directory = rule.target_directory_name.clone().unwrap_or_default();
    let source_object = object.source_object_name.clone().unwrap_or_default();
    let target_object = object.target_object_name.clone().unwrap_or_default();
    let source = find_object(schema, &source_directory, &source_object).map(Defined::new);
    let target = find_object(schema, &target_directory, &target_object).map(Defined::new);
    let reader = Reader {
        model: options.model,
        source: source.as_ref(),
        target: target.as_ref(),
    };
    let mut mappings = Vec::with_capacity(object.attribute_mappings.len());
    for (at, mapping) in object.attribute_mappings.iter().enumerate() {
        match reader.mapping(mapping) {
            Ok(compiled) => mappings.push((at, compiled)),
            Err((member, message)) => {
                problems.push(Problem::error(
                    format!("{path}.attributeMappings[{at}].{member}"),
                    message,
                ));
            }
        }
    }
    let flow_types = flow_types(object.flow_types.as_deref()).unwrap_or_else(|message| {
        problems.push(Problem::error(format!("{path}.flowTypes"), message));
        FlowTypes {
            add: false,
            update: false,
            delete: false,
        }
    });
    let scope = Scope::compile(object.scope.as_ref()).unwrap_or_else(|found| {
        let at = |(place, message)| Problem::error(format!("{path}.scope.{place}"), message);
        problems.extend(found.into_iter().map(at));
        Scope::default()
    });
    let checked = Checked {
        model: &options.model,
        rule,
        object,
        source: reader.source,
        target: reader.target,
        mappings: &mappings,
        scope: &scope,
        path: &path,
        adds: flow_types.add,
    };
    checked.problems(&mut problems);
    others(schema, &path, &mut problems);
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    mappings.sort_by_key(|(_, mapping)| mapping.matching.unwrap_or(u32::MAX));
    let compiled = Compiled {
        flow_types,
        scope,
        mappings: mappings.into_iter().map(|(_, mapping)| mapping).collect(),
        source_object,
        source_directory,
        target_object,
        target_directory,
    };
    Ok((compiled, problems))
}

/// The object mapping that runs: of the rules with the highest priority (the lowest number), the first that is enabled.
fn first_enabled(schema: &Schema) -> Option<(&Rule, &ObjectMapping, String)> {
    let mut rules: Vec<(usize, &Rule)> = schema.synchronization_rules.iter().enumerate().collect();
    rules.sort_by_key(|(_, rule)| rule.priority);
    rules.into_iter().find_map(|(rule_at, rule)| {
        let enabled = |mapping: &ObjectMapping| mapping.enabled != Some(false);
        let at = rule.object_mappings.iter().position(enabled)?;
        let path = format!("synchronizationRules[{rule_at}].objectMappings[{at}]");
        Some((rule, &rule.object_mappings[at], path))
    })
}

/// What is enabled besides, and is not carried out.
fn others(schema: &Schema, running: &str, problems: &mut Vec<Problem>) {
    for (rule_at, rule) in schema.synchronization_rules.iter().enumerate() {
        for (at, object) in rule.object_mappings.iter().enumerate() {
            let path = format!("synchronizationRules[{rule_at}].objectMappings[{at}]");
            if path != running && object.enabled != Some(false) {
                let message = "is not carried out: one object mapping runs, the first that is enabled";
                problems.push(Problem::warning(path, message));
            }
        }
    }
}

/// Reads one mapping in the light of both sides' attribute definitions.
struct Reader<'a> {
    model: Model,
    source: Option<&'a Defined<'a>>,
    target: Option<&'a Defined<'a>>,
}

/// An object's definition, asked by attribute.
pub(super) struct Defined<'a> {
    pub object: &'a Object,
    attributes: HashMap<&'a str, &'a Attribute>,
}

impl<'a> Defined<'a> {
    fn new(object: &'a Object) -> Defined<'a> {
        let attributes = object.attributes.iter().map(|one| (one.name.as_str(), one));
        Defined {
            object,
            attributes: attributes.collect(),
        }
    }

    pub fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.attributes.get(name).copied()
    }
}

impl Reader<'_> {
    fn mapping(&self, mapping: &AttributeMapping) -> Result<Mapping, (&'static str, String)> {
        let written = mapping.target_attribute_name.as_str();
        let target = self.model.spelling(written).unwrap_or(written);
        if target.is_empty() {
            return Err(("targetAttributeName", "the target attribute has no name".into()));
        }
        let expression = mapping.expression.clone().transpose();
        let expression = expression.map_err(|error| ("source.expression", unreadable(mapping, &error)))?;
        let definition = self.target.and_then(|object| object.attribute(written));
        let role = self.role(target, definition.and_then(|one| one.kind.as_deref()));
        if role == Role::Password && expression.as_ref().is_some_and(|one| one.recipe().is_none()) {
            return Err((
                "source.expression",
                "a password has to be a Redact(…) that asks nothing of the worker, such as Redact(RandomString(24, 2, 2, 2, 2, )): anything else would stand in plans and logs".into(),
            ));
        }
        let inputs: Vec<&str> = expression.iter().flat_map(Expression::attributes).collect();
        let clears = mapping.flow_null_values == Some(true)
            && role == Role::Plain
            && mapping.matching_priority == 0
            && !self.model.identifying.contains(&target)
            && !inputs.is_empty()
            && inputs.iter().all(|input| self.source_flows_null(input));
        Ok(Mapping {
            target: target.to_string(),
            default: mapping.default_value.clone().filter(|value| !value.is_empty()),
            flow: match &expression {
                // A name is chosen once, whatever the flow type says.
                Some(expression) if expression.candidates().is_some() => Flow::ObjectAddOnly,
                _ => flow(mapping.flow_type.as_deref()).map_err(|message| ("flowType", message))?,
            },
            matching: Some(mapping.matching_priority).filter(|priority| *priority > 0),
            role,
            multivalued: definition.is_some_and(|one| one.multivalued),
            case_exact: definition.is_none_or(|one| one.case_exact),
            clears,
            expression,
        })
    }

    fn role(&self, target: &str, kind: Option<&str>) -> Role {
        let is = |name: Option<&str>| name.is_some_and(|name| name.eq_ignore_ascii_case(target));
        if is(self.model.state.map(|state| state.name)) {
            Role::State
        } else if is(self.model.container) {
            Role::Container
        } else if is(self.model.name) {
            Role::Name
        } else if self.model.passwords.iter().any(|name| is(Some(name))) {
            Role::Password
        } else if kind == Some("Reference") || self.model.references.iter().any(|name| is(Some(name))) {
            Role::Reference
        } else {
            Role::Plain
        }
    }

    fn source_flows_null(&self, input: &str) -> bool {
        let definition = self.source.and_then(|object| object.attribute(input));
        definition.is_some_and(|one| one.flow_null_values)
    }
}

fn unreadable(mapping: &AttributeMapping, error: &ParseError) -> String {
    let text = mapping
        .source
        .as_ref()
        .and_then(|source| source.expression.as_ref());
    match text {
        Some(text) => format!("{} (at character {} of {text})", error.message, error.at),
        None => error.message.clone(),
    }
}

#[rustfmt::skip]
const FLOWS: &[(&str, Flow)] = &[
    ("Always",            Flow::Always),
    ("ObjectAddOnly",     Flow::ObjectAddOnly),
    ("AttributeAddOnly",  Flow::AttributeAddOnly),
    ("ValueAddOnly",      Flow::ValueAddOnly),
    ("MultiValueAddOnly", Flow::ValueAddOnly),
];

fn flow(text: Option<&str>) -> Result<Flow, String> {
    let Some(text) = text else { return Ok(Flow::Always) };
    let row = FLOWS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    row.map(|(_, flow)| *flow).ok_or_else(|| {
        let names: Vec<&str> = FLOWS.iter().map(|(name, _)| *name).collect();
        format!("there is no flowType '{text}': use one of {}", names.join(", "))
    })
}

fn flow_types(text: Option<&str>) -> Result<FlowTypes, String> {
    let Some(text) = text else {
        return Ok(FlowTypes {
            add: true,
            update: true,
            delete: true,
        });
    };
    let mut types = FlowTypes {
        add: false,
        update: false,
        delete: false,
    };
    for flag in text.split(',').map(str::trim).filter(|flag| !flag.is_empty()) {
        match flag.to_ascii_lowercase().as_str() {
            "add" => types.add = true,
            "update" => types.update = true,
            "delete" => types.delete = true,
            "none" => {}
            _ => return Err(format!("there is no flow type '{flag}': use Add, Update, Delete")),
        }
    }
    Ok(types)
}

fn find_object<'a>(schema: &'a Schema, directory: &str, object: &str) -> Option<&'a Object> {
    let directory = schema
        .directories
        .iter()
        .find(|one| one.name.as_deref() == Some(directory))?;
    directory
        .objects
        .iter()
        .find(|one| one.name.as_deref() == Some(object))
}
