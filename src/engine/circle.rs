//! Values that would go in a circle (B30): an HR attribute that one job writes into a directory, and another takes from there
//! home into the same HR attribute. Whoever corrects it on either side would see it put back by the other.

use crate::config::{App, Config};
use crate::connector::System;
use crate::domain::schema::{Attribute, AttributeMapping, Document, Problem, Schema};

/// An app with the schema that its job has, or is to have.
pub type Ruled<'r> = (&'r App, &'r Document);

/// Two apps over the same two systems, one each way.
struct Circle<'r> {
    outward: Ruled<'r>,
    homeward: Ruled<'r>,
    hr: &'r System,
}

/// What is wrong with a schema beside those of the other apps.
pub fn circles<'r>(config: &'r Config, (app, document): Ruled<'r>, others: &[Ruled<'r>]) -> Vec<Problem> {
    let is_way_back = |(other, _): &&Ruled| app.source == other.target && app.target == other.source;
    let hr = |app: &App| {
        let system = config.systems.get(&app.target)?;
        system.model()?.record.map(|_| system)
    };
    let mut problems = Vec::new();
    for other in others.iter().filter(is_way_back) {
        let circle = match (hr(app), hr(other.0)) {
            (Some(hr), _) => Circle {
                outward: *other,
                homeward: (app, document),
                hr,
            },
            (None, Some(hr)) => Circle {
                outward: (app, document),
                homeward: *other,
                hr,
            },
            (None, None) => continue,
        };
        problems.extend(circle.problems());
    }
    problems
}

impl Circle<'_> {
    fn problems(&self) -> Vec<Problem> {
        let homeward = mappings(self.homeward.1.schema());
        let meet = homeward.flat_map(|home| {
            let outward = mappings(self.outward.1.schema());
            outward
                .filter(move |out| self.closes(out, home))
                .map(move |out| (home, out))
        });
        meet.map(|(home, out)| self.problem(home, out)).collect()
    }

    fn closes(&self, out: &AttributeMapping, home: &AttributeMapping) -> bool {
        let is_read_back =
            |attribute: &Attribute| self.hr.reads_back(&home.target_attribute_name, attribute.place());
        inputs(home).any(|input| input.eq_ignore_ascii_case(&out.target_attribute_name))
            && read_attributes(self.outward.1.schema(), out).any(is_read_back)
    }

    fn problem(&self, home: &AttributeMapping, out: &AttributeMapping) -> Problem {
        let message = format!(
            "'{}' writes HR's value into {}, and '{}' takes that home to HR again: take out one of the two mappings (with `omit`, where the schema is a template's)",
            self.outward.0.name, out.target_attribute_name, self.homeward.0.name,
        );
        Problem::error(home.target_attribute_name.clone(), message)
    }
}

/// Mappings that flow more than once: a value that is given when an account is made goes one way.
fn mappings(schema: &Schema) -> impl Iterator<Item = &AttributeMapping> {
    all_mappings(schema).filter(|mapping| mapping.flow_type.as_deref() != Some("ObjectAddOnly"))
}

pub(super) fn all_mappings(schema: &Schema) -> impl Iterator<Item = &AttributeMapping> {
    let objects = schema
        .synchronization_rules
        .iter()
        .flat_map(|rule| &rule.object_mappings);
    let enabled = objects.filter(|object| object.enabled != Some(false));
    let mappings = enabled.flat_map(|object| &object.attribute_mappings);
    mappings.filter(|mapping| mapping.matching_priority == 0)
}

fn inputs(mapping: &AttributeMapping) -> impl Iterator<Item = &str> {
    let expression = mapping
        .expression
        .iter()
        .filter_map(|expression| expression.as_ref().ok());
    expression.flat_map(|expression| expression.attributes())
}

/// The definitions of what a mapping reads.
pub(super) fn read_attributes<'s>(
    schema: &'s Schema,
    mapping: &'s AttributeMapping,
) -> impl Iterator<Item = &'s Attribute> {
    let source = schema.synchronization_rules.first();
    let source = source.and_then(|rule| rule.source_directory_name.as_deref());
    let directories = schema
        .directories
        .iter()
        .filter(move |directory| directory.name.as_deref() == source);
    let objects = directories.flat_map(|directory| &directory.objects);
    let attributes = objects.flat_map(|object| &object.attributes);
    attributes.filter(|attribute| inputs(mapping).any(|input| input == attribute.name))
}
