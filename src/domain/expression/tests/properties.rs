//! What holds for every expression, tried with many.

use proptest::prelude::*;

use super::super::functions::{FUNCTIONS, Kind, Nature, Parameter, Repeats};
use super::*;

/// Texts that are close to expressions, and many that are not.
fn almost_expression() -> impl Strategy<Value = String> {
    let names = FUNCTIONS
        .iter()
        .map(|function| format!("{}(", function.name))
        .collect::<Vec<_>>();
    let part = prop_oneof![
        prop::sample::select(names),
        prop::sample::select(vec![
            "(", ")", ",", "[a]", "[", "]", "\"", "\\", "&", "&H1", "=", "<>", "%", "1", "-", " "
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "[text]",
            "[list]",
            "[number]",
            "[flag]",
            "[date]",
            "[nothing]",
            "%DomainFQDN%"
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}".prop_map(|text| Expression::constant(&text).to_string()),
        prop::sample::select(vec![
            "yyyy-MM-dd",
            "d",
            "2020-02-29+08:00",
            "True",
            "(?<x>.)*$",
            "${x}$1",
            "tr"
        ])
        .prop_map(|text| Expression::constant(text).to_string()),
        any::<i16>().prop_map(|number| number.to_string()),
    ]
}

/// Expressions that are right by their grammar, nested a few times.
fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        let functions: Vec<_> = FUNCTIONS
            .iter()
            .filter(|function| function.nature != Nature::Unique)
            .collect();
        (
            prop::sample::select(functions),
            prop::collection::vec((inner, any::<u8>()), 9),
        )
            .prop_map(|(function, parts)| {
                let required = function
                    .parameters
                    .iter()
                    .filter(|parameter| parameter.required)
                    .count();
                let most = match function.parameters.last() {
                    Some(last) if last.repeats == Repeats::Pairs => function.parameters.len() + 3,
                    Some(last) if last.repeats == Repeats::Any => 8,
                    _ => function.parameters.len(),
                };
                let count = match parts.first() {
                    Some((_, choice)) if choice % 2 == 0 => required,
                    _ => most,
                };
                let arguments: Vec<String> = (0..count)
                    .zip(&parts)
                    .map(
                        |(index, (part, choice))| match function.parameter_of(index, count) {
                            Some(parameter) => argument(parameter, part, *choice),
                            None => String::new(),
                        },
                    )
                    .collect();
                format!("{}({})", function.name, arguments.join(", "))
            })
    })
}

fn argument(parameter: &Parameter, part: &str, choice: u8) -> String {
    match parameter.kind {
        _ if !parameter.required && choice.is_multiple_of(3) => String::new(),
        Kind::Integer => match choice % 4 {
            0 => "[number]".to_owned(),
            _ => (i32::from(choice) - 5).to_string(),
        },
        Kind::Choice(choices) => format!("\"{}\"", choices[usize::from(choice) % choices.len()]),
        Kind::Pattern => ["\"(a|.)*?$\"", "\"(?<x>\\\\w+)\"", "[text]"][usize::from(choice) % 3].to_owned(),
        Kind::Condition => match choice % 3 {
            0 => format!("{part} <= [number]"),
            1 => format!("[text] = {part}"),
            _ => part.to_owned(),
        },
        _ => part.to_owned(),
    }
}

fn world() -> impl Strategy<Value = World> {
    (
        "\\PC{0,20}",
        prop::collection::vec("\\PC{0,8}", 0..4),
        any::<i64>(),
        any::<bool>(),
        -4e11 as i64..4e11 as i64,
    )
        .prop_map(|(text, list, number, flag, second)| {
            World::new([
                ("text".to_owned(), Value::Text(text)),
                (
                    "list".to_owned(),
                    Value::List(list.into_iter().map(Value::Text).collect()),
                ),
                ("number".to_owned(), Value::Integer(number)),
                ("flag".to_owned(), Value::Bool(flag)),
                (
                    "date".to_owned(),
                    Value::Time(Timestamp::from_second(second).unwrap_or(Timestamp::MAX)),
                ),
            ])
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused_inside_itself(text in almost_expression()) {
        match Expression::parse(&text) {
            Ok(expression) => prop_assert_eq!(Expression::parse(&expression.to_string()), Ok(expression)),
            Err(error) => prop_assert!(error.at <= text.chars().count()),
        }
    }

    #[test]
    fn printing_and_parsing_again_changes_nothing(text in expression()) {
        let expression = Expression::parse(&text);
        prop_assert!(expression.is_ok(), "{}: {:?}", text, expression);
        if let Ok(expression) = expression {
            let printed = expression.to_string();
            prop_assert_eq!(Expression::parse(&printed), Ok(expression.clone()));
            let again = Expression::from_tree(&expression.tree());
            prop_assert_eq!(again.map(|again| again.tree()), Ok(expression.tree()));
        }
    }

    #[test]
    fn every_evaluation_ends_and_comes_to_the_same_again(text in expression(), world in world()) {
        let first = answer(&text, &world);
        prop_assert!(!matches!(first, Answer::ParseError(_)), "{}: {:?}", text, first);
        prop_assert_eq!(first, answer(&text, &world));
    }

    #[test]
    fn any_pattern_is_compiled_or_refused(pattern in "[()\\[\\]{}?*+|^$.\\\\<>=!:a-c1-3,#-]{0,20}", text in "[a-c\n]{0,10}") {
        if let Ok(pattern) = pattern::Pattern::compile(&pattern) {
            let _ = pattern.replace(&text, "$1${a}");
        }
    }
}
