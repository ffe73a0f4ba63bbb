//! Changing a schema that is there: clients send it back whole or in part, and not everything that they received; systems say
//! what else they have.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

/// What replaces a schema when a client sends it whole.
///
/// SDKs lose sets of flags on the way, since they read them as lists and write them as one word. Object mappings and
/// directories that come without keep theirs.
pub fn replaced(before: &Json, mut given: Json) -> Json {
    keep_flags(&mut given, before);
    given
}

/// What replaces a schema when a client sends members of it: each replaces the one that was there, whole.
pub fn patched(before: &Json, given: Json) -> Json {
    let Json::Object(members) = replaced(before, given) else {
        return Json::Null;
    };
    let mut whole = before.clone();
    for (name, value) in members {
        whole[name] = value;
    }
    whole
}

/// A directory's definition with what its system was found to have: attributes that were defined stay as they are.
pub fn discovered(directory: &mut Json, object: &str, attributes: Vec<Json>, at: Timestamp) {
    let version = format!("Date:{at}");
    directory["version"] = json!(version);
    directory["discoveryDateTime"] = json!(at);
    let Some(object) = items_mut(directory, "objects").find(|one| one["name"] == object) else {
        return;
    };
    let Some(known) = object["attributes"].as_array_mut() else {
        return;
    };
    let names: HashSet<String> = known.iter().filter_map(name).collect();
    let is_new = |one: &Json| name(one).is_some_and(|name| !names.contains(&name));
    known.extend(attributes.into_iter().filter(is_new));
}

fn name(attribute: &Json) -> Option<String> {
    attribute["name"].as_str().map(str::to_lowercase)
}

fn keep_flags(given: &mut Json, before: &Json) {
    for rule in items_mut(given, "synchronizationRules") {
        let rules = items(before, "synchronizationRules");
        let Some(old) = same(rules, rule, &["id"]).or(same(rules, rule, &["name"])) else {
            continue;
        };
        for object in items_mut(rule, "objectMappings") {
            let objects = items(old, "objectMappings");
            keep(
                object,
                objects,
                &["sourceObjectName", "targetObjectName"],
                "flowTypes",
            );
        }
    }
    for directory in items_mut(given, "directories") {
        keep(
            directory,
            items(before, "directories"),
            &["name"],
            "discoverabilities",
        );
    }
}

/// The member as it was, where it is missing now.
fn keep(now: &mut Json, before: &[Json], by: &[&str], member: &str) {
    if now.is_object()
        && now[member].is_null()
        && let Some(old) = same(before, now, by)
    {
        now[member] = old[member].clone();
    }
}

/// The one that has the same values in these members.
fn same<'j>(all: &'j [Json], one: &Json, by: &[&str]) -> Option<&'j Json> {
    let is_same = |other: &&Json| {
        by.iter()
            .all(|name| !one[name].is_null() && other[name] == one[name])
    };
    all.iter().find(is_same)
}

fn items<'j>(json: &'j Json, member: &str) -> &'j [Json] {
    json[member].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn items_mut<'j>(json: &'j mut Json, member: &str) -> impl Iterator<Item = &'j mut Json> {
    let list = json.get_mut(member).and_then(Json::as_array_mut);
    list.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(flow_types: Json) -> Json {
        json!({
            "synchronizationRules": [{ "id": "r", "objectMappings": [
                { "sourceObjectName": "User", "targetObjectName": "user", "flowTypes": flow_types },
            ] }],
            "directories": [{ "name": "d", "discoverabilities": "AttributeNames" }],
        })
    }

    #[test]
    fn flags_that_an_sdk_left_out_stay_as_they_were() {
        let before = schema(json!("Add, Update"));
        assert_eq!(replaced(&before, schema(Json::Null)), before);
        let given = schema(json!("Update"));
        assert_eq!(replaced(&before, given.clone()), given);
    }

    #[test]
    fn a_part_replaces_what_it_names_and_nothing_else() {
        let before = schema(json!("Add, Update"));
        let after = patched(&before, json!({ "directories": [] }));
        assert_eq!(after["directories"], json!([]));
        assert_eq!(after["synchronizationRules"], before["synchronizationRules"]);
    }
}
