//! What is told of an evaluation, for each kind of node.

use super::*;
use crate::domain::expression::trace::Trace;

fn world() -> World {
    World::new([
        ("givenName".into(), "Ada".into()),
        ("sn".into(), "Lovelace".into()),
        ("empty".into(), "".into()),
        ("level".into(), Value::Integer(7)),
        ("several".into(), Value::List(vec!["a".into(), "b".into()])),
        ("active".into(), Value::Bool(true)),
    ])
}

fn trace(text: &str) -> Trace {
    let (world, expression) = (world(), Expression::parse(text).unwrap());
    expression.trace(&Context {
        attributes: &world.attributes,
        now: world.now,
        seed: Seed::new(Uuid::nil(), "worker", "mapping"),
        taken: &|candidate| candidate == "Ada",
        default_domain: Some("contoso.com"),
        directory_domain: Some("contoso.local"),
    })
}

/// With values, and what came of it, step by step.
fn steps(text: &str) -> Vec<(String, String)> {
    let steps = trace(text).steps.into_iter();
    steps.map(|step| (step.with, step.result)).collect()
}

fn told(steps: &[(&str, &str)]) -> Vec<(String, String)> {
    let told = steps.iter();
    told.map(|(with, result)| (with.to_string(), result.to_string()))
        .collect()
}

#[test]
fn each_kind_of_node_tells_its_values() {
    for (text, expected) in [
        ("[givenName]", &[(r#""Ada""#, r#""Ada""#)][..]),
        ("[missing]", &[("null", "null")]),
        (r#""always""#, &[(r#""always""#, r#""always""#)]),
        ("%DomainFQDN%", &[(r#""contoso.local""#, r#""contoso.local""#)]),
        (
            "IgnoreAttributeFlow",
            &[("IgnoreAttributeFlow", "IgnoreAttributeFlow")],
        ),
        (
            r#"Join(" ", [givenName], [sn])"#,
            &[(r#"Join(" ", "Ada", "Lovelace")"#, r#""Ada Lovelace""#)],
        ),
        ("Count([several])", &[(r#"Count(["a", "b"])"#, "2")]),
        ("Not([active])", &[("Not(True)", "False")]),
        // Branches that are not taken stay as they are written.
        (
            r#"Switch([sn], "?", "Lovelace", [givenName], "Byron", ToUpper([sn]))"#,
            &[(
                r#"Switch("Lovelace", "?", "Lovelace", "Ada", "Byron", ToUpper([sn]))"#,
                r#""Ada""#,
            )],
        ),
        (
            r#"IIF([level] > 9, ToUpper([sn]), ToLower([sn]))"#,
            &[
                ("7 > 9", "False"),
                (r#"ToLower("Lovelace")"#, r#""lovelace""#),
                (r#"IIF(False, ToUpper([sn]), "lovelace")"#, r#""lovelace""#),
            ],
        ),
        (
            r#"IIF(IsNullOrEmpty([empty]), IgnoreAttributeFlow, [empty])"#,
            &[
                (r#"IsNullOrEmpty("")"#, "True"),
                ("IIF(True, IgnoreAttributeFlow, [empty])", "IgnoreAttributeFlow"),
            ],
        ),
        (
            r#"SelectUniqueValue([givenName], Join("", [givenName], "2"))"#,
            &[
                (r#"Join("", "Ada", "2")"#, r#""Ada2""#),
                (r#"SelectUniqueValue("Ada", "Ada2")"#, r#""Ada2""#),
            ],
        ),
    ] {
        assert_eq!(steps(text), told(expected), "{text}");
    }
}

#[test]
fn nested_calls_come_in_the_order_in_which_they_are_worked_out() {
    let text = r#"ToUpper(Left(Join(".", [givenName], [sn]), 5))"#;
    let trace = trace(text);
    let shown: Vec<(&str, &str)> = trace
        .steps
        .iter()
        .map(|step| (step.expression.as_str(), step.result.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (r#"Join(".", [givenName], [sn])"#, r#""Ada.Lovelace""#),
            (r#"Left(Join(".", [givenName], [sn]), 5)"#, r#""Ada.L""#),
            (text, r#""ADA.L""#),
        ]
    );
    let places: Vec<usize> = trace.steps.iter().filter_map(|step| step.at).collect();
    assert_eq!(places, [13, 8, 0]);
}

#[test]
fn an_error_is_told_where_it_arises_and_all_the_way_up() {
    let steps = trace(r#"ToUpper(CDate([sn]))"#).steps;
    let [inner, outer] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    assert_eq!((inner.at, inner.with.as_str()), (Some(8), r#"CDate("Lovelace")"#));
    for step in [inner, outer] {
        assert!(step.result.starts_with("error: CDate: "), "{step:?}");
    }
}

#[test]
fn nothing_is_told_of_a_secret_and_little_of_what_is_long() {
    let secret = trace(r#"Join("", Redact([sn]), [givenName])"#);
    assert!(secret.is_secret && secret.steps.is_empty(), "{secret:?}");
    let long = format!(r#"ToUpper("{}")"#, "x".repeat(3000));
    assert!(trace(&long).steps[0].result.len() < 300);
    let deep = format!("{}[sn]{}", "ToUpper(".repeat(30), ")".repeat(30));
    assert_eq!(trace(&deep).steps.len(), 30);
}
