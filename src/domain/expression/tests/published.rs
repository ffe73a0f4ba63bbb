//! Expressions that were published or found in use, with the results that their authors saw or that follow
//! from the documentation. The collection lies outside the repository, in the folder that `MUSTER_SHARED`
//! names; without it these tests say so and pass.

use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::*;

/// Rows of `wild.jsonl` by the place they were found, which do not parse although the row says so.
const WRONG: [(&str, &str); 2] = [
    (
        "MicrosoftDocs/azure-docs issue 119448",
        "nests SelectUniqueValue, which the documentation forbids",
    ),
    (
        "Docker docs (group/role mapping with Entra)",
        "leaves the last key of Switch without a value, which the documentation forbids too",
    ),
];

fn rows(file: &str) -> Option<Vec<Json>> {
    let Some(shared) = std::env::var_os("MUSTER_SHARED") else {
        eprintln!("skipped: MUSTER_SHARED names no folder");
        return None;
    };
    let path = Path::new(&shared).join("data/expressions").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: there is no {}", path.display());
        return None;
    };
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn field<'r>(row: &'r Json, name: &str) -> &'r str {
    row[name].as_str().unwrap_or_default()
}

fn world(row: &Json) -> World {
    let inputs: BTreeMap<String, Value> = serde_json::from_value(row["inputs"].clone()).unwrap_or_default();
    let mut world = World::new(inputs);
    if let Some(now) = row["now"].as_str() {
        let now = DateTime::strptime("%m/%d/%Y %I:%M:%S %p", now).unwrap();
        world.now = now.to_zoned(TimeZone::UTC).unwrap().timestamp();
    }
    world.taken = serde_json::from_value(row["existing"].clone()).unwrap_or_default();
    world
}

/// `None` if the answer is what the row expects.
fn mistake(row: &Json) -> Option<String> {
    let answer = answer(field(row, "expr"), &world(row));
    let expected: Vec<String> = match &row["expected"] {
        Json::Null => Vec::new(),
        Json::String(text) if text.is_empty() => Vec::new(),
        list @ Json::Array(_) => serde_json::from_value(list.clone()).unwrap(),
        single => vec![single.as_str().unwrap().to_owned()],
    };
    let agrees = match (field(row, "status"), field(row, "kind"), &answer) {
        ("parse-only", _, answer) => !matches!(answer, Answer::ParseError(_)),
        ("nondeterministic", _, Answer::Value(values)) => match row["expected_pattern"].as_str() {
            Some(expected) => pattern::Pattern::compile(expected)
                .unwrap()
                .is_match(&values.concat())
                .unwrap(),
            None => !values.concat().is_empty(),
        },
        (_, "value", Answer::Value(values)) => {
            *values == expected || expected.is_empty() && values.concat().is_empty()
        }
        (_, "ignore-attribute", Answer::IgnoreAttribute) => true,
        (_, "ignore-object", Answer::IgnoreObject) => true,
        (_, "error", Answer::Error(_)) => true,
        (_, "parse-error", Answer::ParseError(_)) => true,
        _ => false,
    };
    (!agrees).then(|| {
        format!(
            "{} {}\n  expected {expected:?}\n  found {answer:?}",
            field(row, "id"),
            field(row, "expr")
        )
    })
}

#[test]
fn documented_examples_have_their_documented_results() {
    let Some(rows) = rows("examples.jsonl") else {
        return;
    };
    let runnable = rows.iter().filter(|row| field(row, "status") != "illustrative");
    let mistakes: Vec<String> = runnable.filter_map(mistake).collect();
    assert!(
        mistakes.is_empty(),
        "{} of {}\n{}",
        mistakes.len(),
        rows.len(),
        mistakes.join("\n")
    );
}

#[test]
fn expressions_from_the_wild_parse_and_come_to_what_their_authors_wanted() {
    let Some(rows) = rows("wild.jsonl") else { return };
    for row in &rows {
        let parses = Expression::parse(field(row, "expr")).is_ok();
        let wrong = WRONG.iter().any(|(place, _)| *place == field(row, "where"));
        assert_eq!(parses, row["parses"] == true && !wrong, "{}", row["expr"]);
        if row["expected"].is_string() {
            let mut row = row.clone();
            row["kind"] = "value".into();
            assert_eq!(mistake(&row), None);
        }
    }
}

#[test]
fn stored_trees_are_read_and_written_as_the_service_does() {
    let Some(rows) = rows("parse-trees.jsonl") else {
        return;
    };
    for row in &rows {
        let stored: tree::Tree = serde_json::from_value(row["tree"].clone()).unwrap();
        let read = Expression::from_tree(&stored).unwrap();
        assert_eq!(serde_json::to_value(read.tree()).unwrap(), row["tree"]);
        let from_structure = Expression::from_tree(&tree::Tree {
            expression: None,
            ..stored
        })
        .unwrap();
        assert_eq!(from_structure, read);
        if let Some(text) = row["expr"].as_str() {
            assert_eq!(Expression::parse(text).unwrap(), read);
            assert_eq!(read.to_string(), text);
        }
    }
}
