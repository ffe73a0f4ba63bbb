//! The table of functions: sorted, complete, and every example true.

use std::collections::HashSet;

use super::super::functions::{FUNCTIONS, Function, Repeats, find};
use super::*;

#[test]
fn the_table_is_sorted_and_every_function_is_found_by_its_name() {
    assert!(FUNCTIONS.is_sorted_by(|one, next| one.name < next.name));
    for function in FUNCTIONS {
        assert_eq!(find(function.name), Some(function));
    }
    assert_eq!(find("join"), None);
}

#[test]
fn every_function_explains_itself_and_has_an_example() {
    for function in FUNCTIONS {
        assert!(function.summary.ends_with('.'), "{}", function.name);
        let called = format!("{}(", function.name);
        assert!(
            function
                .examples
                .iter()
                .any(|example| example.expression.contains(&called)),
            "{called}"
        );
    }
}

#[test]
fn parameters_have_names_of_their_own_and_only_the_last_repeats() {
    for Function { name, parameters, .. } in FUNCTIONS {
        let before = parameters.split_last().map_or(&[][..], |(_, before)| before);
        assert!(
            before.iter().all(|parameter| parameter.repeats == Repeats::Once),
            "{name}"
        );
        let names: HashSet<&str> = before.iter().map(|parameter| parameter.name).collect();
        assert_eq!(names.len(), before.len(), "{name}");
    }
}

#[test]
fn every_example_of_every_function_is_true() {
    for function in FUNCTIONS {
        for example in function.examples {
            let world = World::new(example.inputs.iter().map(|(name, values)| {
                let value = match values {
                    [] => Value::Null,
                    [single] => Value::text(*single),
                    several => Value::List(several.iter().copied().map(Value::text).collect()),
                };
                ((*name).to_owned(), value)
            }));
            let expected = example.result.iter().copied().map(str::to_owned).collect();
            assert_eq!(
                answer(example.expression, &world),
                Answer::Value(expected),
                "{}",
                example.expression
            );
        }
    }
}
