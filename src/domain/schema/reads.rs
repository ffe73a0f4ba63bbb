//! What a schema reads of its source.

use std::collections::{BTreeSet, HashSet};

use super::{Attribute, ObjectMapping, Schema};

impl Schema {
    /// The names that mappings and scoping filters read.
    pub fn attributes_read(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for object in self.object_mappings() {
            for mapping in &object.attribute_mappings {
                if let Some(Ok(expression)) = &mapping.expression {
                    names.extend(expression.attributes());
                }
            }
            let filters = object.scope.iter().flat_map(|scope| {
                let lists = [&scope.groups, &scope.input_filter_groups];
                lists.into_iter().flatten()
            });
            let clauses = filters.flat_map(|group| &group.clauses);
            names.extend(clauses.map(|clause| clause.source_operand_name.as_str()));
        }
        names.remove("");
        names
    }

    /// The attribute by whose value accounts are matched first: records that agree in it are of one person. `None` where
    /// it takes several, or where mappings differ in it.
    pub fn matched_by(&self) -> Option<&str> {
        let mut each = self.object_mappings().filter_map(matched_first);
        let names = each.next()?;
        let is_only = names.len() == 1 && each.all(|others| others == names);
        names.into_iter().next().filter(|_| is_only)
    }

    /// The attributes that the objects which mappings read are defined with, without repetitions.
    pub fn source_attributes(&self) -> Vec<&Attribute> {
        let mut found: Vec<&Attribute> = Vec::new();
        for rule in &self.synchronization_rules {
            let directories = self
                .directories
                .iter()
                .filter(|it| it.name == rule.source_directory_name);
            for object in directories.flat_map(|directory| &directory.objects) {
                let is_read = rule
                    .object_mappings
                    .iter()
                    .any(|mapping| mapping.source_object_name == object.name);
                if is_read {
                    let fresh = object.attributes.iter();
                    found.extend(fresh.filter(|it| !it.name.is_empty()));
                }
            }
        }
        let mut seen = HashSet::new();
        found.retain(|attribute| seen.insert(attribute.name.as_str()));
        found
    }

    /// Those that are not switched off.
    fn object_mappings(&self) -> impl Iterator<Item = &ObjectMapping> {
        let rules = self.synchronization_rules.iter();
        let objects = rules.flat_map(|rule| &rule.object_mappings);
        objects.filter(|object| object.enabled != Some(false))
    }
}

/// What is read for the first of an object's matching attributes.
fn matched_first(object: &ObjectMapping) -> Option<Vec<&str>> {
    let matching = object.attribute_mappings.iter();
    let matching = matching.filter(|mapping| mapping.matching_priority > 0);
    let first = matching.min_by_key(|mapping| mapping.matching_priority)?;
    let expression = first.expression.as_ref()?.as_ref().ok()?;
    Some(expression.attributes())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::domain::schema::Document;

    fn matched_by(mappings: &[Json]) -> Option<String> {
        let object = json!({ "sourceObjectName": "user", "targetObjectName": "Worker", "attributeMappings": mappings });
        let schema = json!({
            "synchronizationRules": [{ "objectMappings": [object] }],
            "directories": [],
        });
        let document = Document::read(schema).unwrap();
        document.schema().matched_by().map(str::to_string)
    }

    #[test]
    fn people_are_told_apart_by_what_matches_first() {
        let mapping = |target: &str, expression: &str, priority: u32| {
            json!({
                "targetAttributeName": target, "matchingPriority": priority, "source": { "expression": expression },
            })
        };
        let mail = mapping("email", "[mail]", 2);
        let employee = mapping("WorkerID", "Trim([employeeId])", 1);
        assert_eq!(
            matched_by(&[mail.clone(), employee]).as_deref(),
            Some("employeeId")
        );
        assert_eq!(
            matched_by(&[mapping("a", "Join(\"-\", [b], [c])", 1), mail]),
            None
        );
        assert_eq!(matched_by(&[mapping("a", "[b]", 0)]), None);
    }
}
