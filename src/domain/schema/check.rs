//! What is wrong with an object mapping that can be read: names that nothing has, accounts that could not be found,
//! values that would reach the wrong people.

use std::collections::HashSet;

use super::compile::Defined;
use super::{ObjectMapping, Problem, Rule};
use crate::domain::account::Model;
use crate::domain::mapping::{Mapping, Role};
use crate::domain::scope::Scope;
use crate::domain::value::Value;

/// The pseudo attribute whose mapping may leave an object out of a cycle.
const OBJECT_FILTER: &str = "objectFilter";

pub(super) struct Checked<'a> {
    pub model: &'a Model,
    pub rule: &'a Rule,
    pub object: &'a ObjectMapping,
    pub source: Option<&'a Defined<'a>>,
    pub target: Option<&'a Defined<'a>>,
    /// Each with its place among the object's mappings.
    pub mappings: &'a [(usize, Mapping)],
    pub scope: &'a Scope,
    /// The object mapping's JSON path.
    pub path: &'a str,
    /// Accounts are made.
    pub adds: bool,
}

impl Checked<'_> {
    pub fn problems(&self, problems: &mut Vec<Problem>) {
        self.objects(problems);
        for (at, mapping) in self.mappings {
            let path = format!("{}.attributeMappings[{at}]", self.path);
            self.names(*at, mapping, &path, problems);
            self.matching(mapping, &path, problems);
            self.default(mapping, &path, problems);
        }
        self.twice(problems);
        self.needed(problems);
        self.scope(problems);
        let found = self
            .mappings
            .iter()
            .any(|(_, mapping)| mapping.matching.is_some());
        if !found && !problems.iter().any(Problem::is_error) {
            problems.push(Problem::error(
                format!("{}.attributeMappings", self.path),
                "no mapping has a matchingPriority above 0, so no account could be found",
            ));
        }
    }

    /// Both objects are defined, each with an attribute that tells its objects apart for good.
    fn objects(&self, problems: &mut Vec<Problem>) {
        let sides = [
            (
                "source",
                self.source,
                &self.rule.source_directory_name,
                &self.object.source_object_name,
            ),
            (
                "target",
                self.target,
                &self.rule.target_directory_name,
                &self.object.target_object_name,
            ),
        ];
        for (side, object, directory, name) in sides {
            let path = format!("{}.{side}ObjectName", self.path);
            let (directory, name) = (
                directory.as_deref().unwrap_or_default(),
                name.as_deref().unwrap_or_default(),
            );
            let Some(object) = object else {
                let message = format!(
                    "no directory '{directory}' defines an object '{name}': its attributes are not checked"
                );
                problems.push(Problem::warning(path, message));
                continue;
            };
            // Real exports mark several.
            if !object.object.attributes.iter().any(|attribute| attribute.anchor) {
                let message = format!("'{name}' has no anchor: mark the attribute that never changes");
                problems.push(Problem::warning(path, message));
            }
        }
    }

    /// Both sides' attributes exist, spelled like this.
    fn names(&self, at: usize, mapping: &Mapping, path: &str, problems: &mut Vec<Problem>) {
        if let (Some(expression), Some(source)) = (&mapping.expression, self.source) {
            for name in expression.attributes() {
                if let Some(message) = unknown(source, name) {
                    problems.push(Problem::error(format!("{path}.source"), message));
                }
            }
        }
        let ours = mapping.role != Role::Plain || mapping.target == OBJECT_FILTER;
        if let Some(target) = self.target.filter(|_| !ours)
            && let Some(message) = unknown(target, &self.object.attribute_mappings[at].target_attribute_name)
        {
            problems.push(Problem::error(format!("{path}.targetAttributeName"), message));
        }
    }

    /// An account is found by one attribute of the worker's, whose value is the same before and after it was made.
    fn matching(&self, mapping: &Mapping, path: &str, problems: &mut Vec<Problem>) {
        let (Some(_), Some(expression)) = (mapping.matching, &mapping.expression) else {
            return;
        };
        let mut error = |message: String| problems.push(Problem::error(format!("{path}.source"), message));
        let name = &mapping.target;
        if expression.attributes().len() > 1 {
            error(format!(
                "accounts are matched by {name}, which may be made of one source attribute only"
            ));
        }
        if expression.candidates().is_some() {
            error(format!(
                "accounts are matched by {name}, which therefore cannot be a SelectUniqueValue"
            ));
        }
        if expression.is_random() || expression.reads_clock() {
            error(format!(
                "accounts are matched by {name}, which has to be the same every time"
            ));
        }
    }

    /// Nobody gets access, or somebody else's account, for want of a value.
    fn default(&self, mapping: &Mapping, path: &str, problems: &mut Vec<Problem>) {
        let Some(default) = &mapping.default else { return };
        let path = format!("{path}.defaultValue");
        if mapping.matching.is_some() {
            let message =
                "everybody without a value would be matched by the same one: leave the default away";
            problems.push(Problem::error(path, message));
        } else if mapping.role == Role::State
            && Value::text(default).to_bool() == self.model.state.map(|state| state.enabled)
        {
            let message = "an account would be enabled for want of a value: leave the default away";
            problems.push(Problem::error(path, message));
        }
    }

    fn twice(&self, problems: &mut Vec<Problem>) {
        let mut seen = HashSet::new();
        for (at, mapping) in self.mappings {
            if !seen.insert(mapping.target.to_ascii_lowercase()) {
                problems.push(Problem::error(
                    format!("{}.attributeMappings[{at}].targetAttributeName", self.path),
                    format!("{} is mapped more than once", mapping.target),
                ));
            }
        }
    }

    /// Without these nobody is made, or nobody is disabled.
    fn needed(&self, problems: &mut Vec<Problem>) {
        let path = format!("{}.attributeMappings", self.path);
        let is_mapped = |name: &str| self.mappings.iter().any(|(_, mapping)| mapping.target == name);
        if let Some(state) = self
            .model
            .state
            .map(|state| state.name)
            .filter(|name| !is_mapped(name))
        {
            let message = format!("{state} is not mapped: leavers are not disabled");
            problems.push(Problem::warning(path.clone(), message));
        }
        let required = self.model.required.iter().filter(|_| self.adds);
        for name in required.filter(|name| !is_mapped(name)) {
            problems.push(Problem::warning(
                path.clone(),
                format!("{name} is not mapped: no account can be made without it"),
            ));
        }
    }

    /// B14: whoever leaves the scope in the moment of leaving the company may keep the account.
    fn scope(&self, problems: &mut Vec<Problem>) {
        let path = format!("{}.scope", self.path);
        let state = self
            .mappings
            .iter()
            .find(|(_, mapping)| mapping.role == Role::State);
        let feeds = state.and_then(|(_, mapping)| mapping.expression.as_ref());
        let feeds = feeds
            .map(|expression| expression.attributes())
            .unwrap_or_default();
        for (name, is_input) in self.scope.attributes() {
            if let Some(message) = self.source.and_then(|source| unknown(source, name)) {
                problems.push(Problem::error(path.clone(), message));
            } else if feeds.contains(&name) && is_input {
                let message = format!(
                    "{name} also decides whether the account is enabled: whoever leaves would be dropped by this input filter, and never disabled; write it in groups"
                );
                problems.push(Problem::error(format!("{path}.inputFilterGroups"), message));
            } else if feeds.contains(&name) {
                let message = format!(
                    "{name} also decides whether the account is enabled: whoever leaves is disabled all the same, and is then no longer looked after"
                );
                problems.push(Problem::warning(path.clone(), message));
            }
        }
        let written = self.object.scope.as_ref();
        if written.is_some_and(|scope| !scope.category_filter_groups.is_empty()) {
            let message = "these filters are kept and not evaluated: express them in groups";
            problems.push(Problem::warning(format!("{path}.categoryFilterGroups"), message));
        }
    }
}

/// What to do about a name that the object does not have.
fn unknown(defined: &Defined<'_>, name: &str) -> Option<String> {
    if defined.attribute(name).is_some() {
        return None;
    }
    let mut attributes = defined.object.attributes.iter();
    let other_case = attributes.find(|attribute| attribute.name.eq_ignore_ascii_case(name));
    let object = defined.object.name.as_deref().unwrap_or_default();
    Some(match other_case {
        Some(attribute) => format!(
            "'{object}' has no attribute '{name}': it is spelled '{}'",
            attribute.name
        ),
        None => format!(
            "'{object}' has no attribute '{name}': correct the name, or add the attribute to the directory's definition"
        ),
    })
}
