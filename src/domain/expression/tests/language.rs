//! The language itself: what is refused, how it prints, and what an evaluation may and may not do.

use super::super::functions::{FUNCTIONS, Function, Kind, Nature, Parameter};
use super::super::parser::{MAX_DEPTH, MAX_LENGTH};
use super::*;

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn attributes(pairs: &[(&str, &str)]) -> World {
    World::new(
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::text(*value))),
    )
}

fn values(texts: &[&str]) -> Answer {
    Answer::Value(texts.iter().copied().map(str::to_owned).collect())
}

#[test]
fn what_is_no_expression_is_refused_where_and_why() {
    for (text, at, reason) in [
        ("", 0, "expected a value, found the end"),
        ("Append([a], \"x\"))", 16, "expected the end, found `)`"),
        (
            "Append([a], \"x\"",
            15,
            "expected a comma or `)` to go on with Append",
        ),
        (
            "Append([a] [b])",
            11,
            "expected a comma or `)`, found the attribute [b]",
        ),
        (
            "Left(Split([a], \"@\")[0], 20)",
            20,
            "expected a comma or `)`, found the attribute [0]",
        ),
        ("append([a], \"x\")", 0, "did you mean Append?"),
        ("  Nothing()", 2, "there is no function Nothing"),
        ("Append([a])", 10, "`suffix` is missing"),
        ("Trim([a], [b])", 10, "one argument too many for Trim"),
        ("Trim([a], )", 10, "one argument too many for Trim"),
        ("Switch([a], \"d\", \"k\")", 20, "the last key has no value"),
        ("SelectUniqueValue([a])", 21, "needs at least 2 arguments"),
        (
            "Append(SelectUniqueValue([a], [b]), \"\")",
            7,
            "can only stand outermost",
        ),
        ("SelectUniqueValue([a], [b]) & [c]", 0, "can only stand outermost"),
        ("[c] & SelectUniqueValue([a], [b])", 6, "can only stand outermost"),
        ("[a] = \"x\"", 4, "a comparison can only be the condition"),
        (
            "IIF([a] = \"x\" = \"y\", 1, 2)",
            14,
            "expected a comma or `)`, found `=`",
        ),
        ("IIF(, 1, 2)", 4, "IIF needs a value for `one`"),
        ("Mid([a], , 3)", 9, "Mid needs a value for `start`"),
        ("Mid([a], \"one\", 3)", 9, "must be a whole number"),
        ("DateAdd(\"q\", 1, Now())", 8, "must be one of yyyy, m, d"),
        ("InStr([a], \"b\", 1, vbCompare)", 19, "`vbCompare` is no value"),
        ("vbTextCompare", 0, "`vbTextCompare` is no value"),
        (
            "Replace([a], , \"(\", , \"\")",
            15,
            "the regular expression cannot be read",
        ),
        ("Replace([é], , \"[\", , \"\")", 15, "is not closed"),
        ("\"a\" & ", 6, "expected a value, found the end"),
        (", [a]", 0, "expected a value, found a comma"),
    ] {
        let error = Expression::parse(text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.message.contains(reason), "{text}: {error}");
    }
}

#[test]
fn texts_without_end_are_refused_and_not_followed() {
    let long = format!("\"{}\"", "x".repeat(MAX_LENGTH));
    assert_eq!(Expression::parse(&long).unwrap_err().at, MAX_LENGTH);
    for open in ["Trim(", "IIF([a] = ", "Not(", "[", "(", "Join(\"\", [a] & "] {
        let deep: String = open.repeat(10_000).chars().take(MAX_LENGTH).collect();
        assert!(Expression::parse(&deep).is_err(), "{open}");
    }
    let nested = |depth: usize| format!("{}[a]{}", "Trim(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(MAX_DEPTH + 1)).is_err());
    // What `&` is kept as counts too.
    assert!(Expression::parse(&format!("{} & [b]", nested(MAX_DEPTH))).is_err());
    assert!(Expression::parse(&format!("[b] & {}", nested(MAX_DEPTH))).is_err());
    assert!(Expression::parse(&format!("[b] & {} & [b]", nested(MAX_DEPTH - 1))).is_ok());
    let deepest = parse(&nested(MAX_DEPTH));
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let answer = small
        .spawn(move || answer(&deepest.to_string(), &attributes(&[("a", " x ")])))
        .unwrap();
    assert_eq!(answer.join().unwrap(), values(&["x"]));
}

#[test]
fn expressions_print_in_normal_form() {
    for (text, normal) in [
        (
            "Replace([a], \"-\", , , \"_\", ,  )",
            "Replace([a], \"-\", , , \"_\", , )",
        ),
        (
            "Switch\n(\t[a] , \"d\" ,\r\n\"1\",\"x\" )",
            "Switch([a], \"d\", \"1\", \"x\")",
        ),
        (
            "IIF( BitAnd( [a],2 ) = \"0\" , &HF,-1)",
            "IIF(BitAnd([a], 2)=\"0\", &HF, -1)",
        ),
        ("Append([a],\"\\,\")", "Append([a], \"\\\\,\")"),
        ("\"a\" & [b] & \"\\\"\"", "Join(\"\", \"a\", [b], \"\\\"\")"),
        (
            "InStr([a],[b],1,vbTextCompare)",
            "InStr([a], [b], 1, vbTextCompare)",
        ),
        ("Join(\"@\",[a],%DomainFQDN%)", "Join(\"@\", [a], %DomainFQDN%)"),
        (
            "IIF([a]<>[b],IgnoreAttributeFlow,IgnoreObjectFlow)",
            "IIF([a]<>[b], IgnoreAttributeFlow, IgnoreObjectFlow)",
        ),
        ("Guid( )", "Guid()"),
        (
            " [emails[type eq \"work\"].value] ",
            "[emails[type eq \"work\"].value]",
        ),
    ] {
        let expression = parse(text);
        assert_eq!(expression.to_string(), normal);
        assert_eq!(parse(normal), expression);
    }
    assert_eq!(Expression::attribute("cn").to_string(), "[cn]");
    assert_eq!(Expression::constant("a\"b\\").to_string(), "\"a\\\"b\\\\\"");
}

#[test]
fn an_expression_knows_what_it_depends_on() {
    let expression = parse("IIF([b] = [a], Join(\"\", [a], [c]), Switch([b], , [d], 1))");
    assert_eq!(expression.attributes(), ["b", "a", "c", "d"]);
    assert!(!expression.reads_clock() && !expression.is_random() && expression.candidates().is_none());
    assert!(parse("IIF(DateDiff(\"d\", Now(), [a]) > 5, 1, 2)").reads_clock());
    assert!(parse("Redact(RandomString(8, 1, 1, 1, 1))").is_random());
    assert!(parse("ToUpper(Guid())").is_random());
}

#[test]
fn values_passed_on_are_not_copied() {
    let world = attributes(&[("a", "x")]);
    for text in [
        "[a]",
        "\"x\"",
        "IIF(IsPresent([a]), [a], )",
        "Trim(Switch([b], [a], 1, 2))",
        "Coalesce([b], [a])",
        "Redact([a])",
    ] {
        world.evaluate(&parse(text), |outcome| {
            assert!(
                matches!(
                    outcome,
                    Ok(Outcome::Value {
                        value: Cow::Borrowed(_),
                        ..
                    })
                ),
                "{text}"
            );
        });
    }
}

#[test]
fn branches_that_are_not_taken_cannot_fail() {
    let world = attributes(&[("a", "1")]);
    for text in [
        "IIF([a] = 1, \"ok\", Error(\"no\"))",
        "Switch([a], Error(\"no\"), 1, \"ok\", Error(\"no\"), Error(\"no\"))",
        "Coalesce(\"ok\", Error(\"no\"))",
        "SelectUniqueValue(\"ok\", Error(\"no\"))",
        "IIF(IsPresent([b]), CDate([b]), \"ok\")",
    ] {
        assert_eq!(answer(text, &world), values(&["ok"]), "{text}");
    }
    assert_eq!(
        answer("IIF([a] = 2, \"ok\", Error(\"no\"))", &world),
        Answer::Error("no".to_owned())
    );
}

#[test]
fn ignoring_goes_through_whatever_is_around_it() {
    let world = attributes(&[("empty", "")]);
    for text in [
        "IgnoreAttributeFlow",
        "Join(\"\", \"x\", IgnoreFlowIfNullOrEmpty([empty]))",
    ] {
        assert_eq!(answer(text, &world), Answer::IgnoreAttribute, "{text}");
    }
    assert_eq!(
        answer("Switch([empty], , \"\", IgnoreObjectFlow)", &world),
        Answer::IgnoreObject
    );
}

#[test]
fn comparisons_look_at_numbers_instants_and_texts() {
    let world = World::new([
        ("number".to_owned(), Value::Integer(10)),
        ("flag".to_owned(), Value::Bool(true)),
        (
            "list".to_owned(),
            Value::List(vec![Value::text("a"), Value::text("b")]),
        ),
        ("one".to_owned(), Value::List(vec![Value::text("a")])),
        ("text".to_owned(), Value::text("9")),
        ("padded".to_owned(), Value::text("09")),
    ]);
    for (condition, expected) in [
        ("[number] = \"10\"", "True"),
        ("[number] > [text]", "True"),
        ("[text] = [padded]", "False"),
        ("[text] >= [padded]", "True"),
        ("[padded] = 9", "True"),
        ("[flag] = \"True\"", "True"),
        ("[flag] = \"true\"", "False"),
        ("[nothing] = \"\"", "True"),
        ("[nothing] <> [text]", "True"),
        ("[one] = \"a\"", "True"),
        ("\"a\" < \"b\"", "True"),
        ("\"B\" < \"a\"", "True"),
        ("Now() > CDate(\"2025-07-30\")", "True"),
        ("Now() <= \"2025-07-30T12:00:00Z\"", "True"),
        ("Now() < \"soon\"", "True"),
    ] {
        assert_eq!(
            answer(&format!("CBool({condition})"), &world),
            values(&[expected]),
            "{condition}"
        );
    }
    assert!(matches!(
        answer("CBool([list] = \"a\")", &world),
        Answer::Error(_)
    ));
}

#[test]
fn a_condition_is_a_boolean_and_nothing_counts_as_false() {
    let world = World::new([
        ("yes".to_owned(), Value::Bool(true)),
        ("text".to_owned(), Value::text("maybe")),
    ]);
    for (condition, expected) in [
        ("[yes]", "1"),
        ("[no]", "2"),
        ("\"TRUE\"", "1"),
        ("0", "2"),
        ("\"1\"", "1"),
    ] {
        assert_eq!(
            answer(&format!("IIF({condition}, 1, 2)"), &world),
            values(&[expected]),
            "{condition}"
        );
    }
    assert!(matches!(answer("IIF([text], 1, 2)", &world), Answer::Error(_)));
}

#[test]
fn functions_of_one_text_answer_for_each_of_several() {
    let list = Value::List(vec![Value::text(" Zoë "), Value::text("B")]);
    let world = World::new([("list".to_owned(), list)]);
    for (text, expected) in [
        ("ToLower(NormalizeDiacritics(Trim([list])))", ["zoe", "b"]),
        ("Left(Trim([list]), 1)", ["Z", "B"]),
        ("Append(Trim([list]), \"!\")", ["Zoë!", "B!"]),
        ("Replace([list], , \"\\s\", , \"\")", ["Zoë", "B"]),
    ] {
        assert_eq!(answer(text, &world), values(&expected), "{text}");
    }
    assert!(matches!(answer("Switch([list], 1)", &world), Answer::Error(_)));
}

#[test]
fn failures_say_which_function_and_where() {
    let world = attributes(&[("a", "soon"), ("long", &"x".repeat(100))]);
    for (text, at, message) in [
        (
            "Append(CDate([a]), \"\")",
            7,
            "CDate: `expression`: \"soon\" is no date",
        ),
        ("CDate([b])", 0, "CDate: `expression`: there is no date"),
        ("Item([a], 2)", 0, "Item: there is no value 2 among 1"),
        (
            "  DefaultDomain()  & %Unknown%",
            19,
            "the job's settings say nothing about %Unknown%",
        ),
        (
            "Mid([long], [long], 1)",
            0,
            "Mid: `start` must be a whole number, not \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\"",
        ),
        (
            "Redact(CDate([a]))",
            7,
            "CDate: `expression`: [Redact] is no date",
        ),
        ("Redact(Error([a]))", 7, "[Redact]"),
    ] {
        world.evaluate(&parse(text), |outcome| {
            let error = outcome.unwrap_err();
            assert_eq!(error.message, message);
            assert!(
                error.at == Some(at) || text.contains('&'),
                "{text}: {:?}",
                error.at
            );
        });
    }
}

#[test]
fn what_came_through_redact_is_marked() {
    let world = attributes(&[("a", "x")]);
    for (text, expected) in [
        ("[a]", false),
        ("Redact([a])", true),
        ("Append(Redact([a]), \"y\")", true),
        ("IIF([a] = \"y\", Redact([a]), [a])", false),
    ] {
        world.evaluate(&parse(text), |outcome| {
            assert!(
                matches!(outcome, Ok(Outcome::Value { redacted, .. }) if redacted == expected),
                "{text}"
            );
        });
    }
    assert_eq!(format!("{:?}", Seed::new(Uuid::nil(), "a", "b")), "Seed(..)");
}

#[test]
fn candidates_have_the_same_values_alone_and_together() {
    let text =
        "SelectUniqueValue(RandomString(8, 0, 0, 0, 8), Append(\"x\", RandomString(8, 0, 0, 0, 8)), Guid())";
    let expression = parse(text);
    let mut world = attributes(&[]);
    for candidate in expression.candidates().unwrap() {
        let value = |outcome: Result<Outcome<'_>, EvaluationError>| match outcome {
            Ok(Outcome::Value { value, .. }) => value.to_texts().concat(),
            other => panic!("{other:?}"),
        };
        let alone = world.evaluate(candidate, value);
        assert_eq!(world.evaluate(&expression, value), alone);
        assert!(!world.taken.contains(&alone));
        world.taken.push(alone);
    }
    assert!(matches!(answer(text, &world), Answer::Error(_)));
}

#[test]
fn every_worker_and_mapping_draws_other_values() {
    let expression = parse("Guid()");
    let draw = |plan: Uuid, worker: &str, mapping: &str| {
        let attributes = BTreeMap::new();
        let context = Context {
            attributes: &attributes,
            now: Timestamp::UNIX_EPOCH,
            seed: Seed::new(plan, worker, mapping),
            taken: &|_| false,
            default_domain: None,
            directory_domain: None,
        };
        format!("{:?}", expression.evaluate(&context))
    };
    let draws = [
        draw(Uuid::nil(), "a", "b"),
        draw(Uuid::nil(), "ab", ""),
        draw(Uuid::nil(), "", "ab"),
        draw(Uuid::max(), "a", "b"),
    ];
    for (index, one) in draws.iter().enumerate() {
        assert!(draws.iter().skip(index + 1).all(|other| one != other));
    }
    assert_eq!(draws[0], draw(Uuid::nil(), "a", "b"));
}

#[test]
fn random_texts_keep_to_what_was_asked() {
    let world = attributes(&[]);
    for (text, expected) in [
        ("RandomString(256, 10, 10, 10, 10)", "^.{256}$"),
        ("RandomString(4, 4, 0, 0, 0)", "^[0-9]{4}$"),
        (
            "RandomString(3, 1, 0, 1, 1)",
            "^(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z]).{3}$",
        ),
        ("RandomString(5, 5, 0, 0, 0, \"01234568\")", "^[79]{5}$"),
    ] {
        let Answer::Value(drawn) = answer(text, &world) else {
            panic!("{text}")
        };
        assert!(
            pattern::Pattern::compile(expected)
                .unwrap()
                .is_match(&drawn.concat())
                .unwrap(),
            "{drawn:?}"
        );
    }
    for text in [
        "RandomString(257, 0, 0, 0, 0)",
        "RandomString(-1, 0, 0, 0, 0)",
        "RandomString(3, 1, 1, 1, 1)",
        "RandomString(3, 1, 0, 0, 0, \"0123456789\")",
        "RandomString(3, 9000000000, 0, 0, 0)",
    ] {
        assert!(matches!(answer(text, &world), Answer::Error(_)), "{text}");
    }
}

#[test]
fn results_cannot_grow_without_end() {
    let world = attributes(&[("a", &"a".repeat(60_000)), ("list", &"a,".repeat(20_000))]);
    for text in [
        "Replace([a], \"a\", , , [a])",
        "Replace([a], , \"a{10}\", , [a])",
        "Replace([a], \"a\", , , , , [a])",
        "PadLeft([a], 9000000000, \"x\")",
        "PadLeft(Split([list], \",\"), 1000, \"x\")",
        "Join([a], Split([list], \",\"))",
        "Replace([a], , \"^\", , Replace(\"$_\", \"_\", , , \"_$_$_$_$_$_$_$_$_$_$_$_$_$_$_$_$_$_$_$_$_$_$_\"))",
        "Split(Replace([a], \"a\", , , \"a,\"), \",\")",
        &format!("Join(\"\", {})", vec!["[a]"; 20].join(", ")),
    ] {
        assert!(matches!(answer(text, &world), Answer::Error(_)), "{text}");
    }
}

#[test]
fn date_arithmetic_follows_the_calendar() {
    let world = attributes(&[]);
    for (text, expected) in [
        ("DateAdd(\"m\", 1, \"2021-01-31\")", "2/28/2021 12:00:00 AM"),
        ("DateAdd(\"yyyy\", -1, \"2024-02-29\")", "2/28/2023 12:00:00 AM"),
        (
            "DateAdd(\"n\", \"-90\", \"2024-01-01T01:00\")",
            "12/31/2023 11:30:00 PM",
        ),
        ("DateAdd(\"S\", 1, \"2024-01-01\")", "1/1/2024 12:00:01 AM"),
        ("DateDiff(\"m\", \"2021-01-31\", \"2021-02-01\")", "1"),
        ("DateDiff(\"yyyy\", \"2021-12-31\", \"2022-01-01\")", "1"),
        ("DateDiff(\"ww\", \"2025-07-26\", \"2025-07-27\")", "1"),
        ("DateDiff(\"ww\", \"2025-07-27\", \"2025-08-02\")", "0"),
        ("DateDiff(\"d\", \"2025-07-31T12:00\", \"2025-07-30\")", "-1"),
        ("DateDiff(\"d\", Now(), \"9999-12-31\")", "2912596"),
        (
            "FormatDateTime(CDate(\"12/31/9999 12:00:00 AM\"), , \"yyyy\", \"yyyy-MM-dd\")",
            "9999-12-31",
        ),
        (
            "FormatDateTime(\"2025-03-16+08:00\", , \"yyyy-MM-ddzzz\", \"yyyy-MM-dd\")",
            "2025-03-16",
        ),
        (
            "FormatDateTime(\"2025-03-16+08:00\", \"yyyy-MM-ddzzz\", \"dd\")",
            "16",
        ),
        ("FormatDateTime(\"3/16/2025\", , , \"yyyy-MM-dd\")", "2025-03-16"),
    ] {
        assert_eq!(answer(text, &world), values(&[expected]), "{text}");
    }
    for text in [
        "DateAdd(\"yyyy\", 9000, Now())",
        "DateAdd(\"s\", 9223372036854775807, Now())",
        "DateAdd([unit], 1, Now())",
        "DateFromNum(9223372036854775807)",
        "NumFromDate(\"1600-01-01\")",
        "FormatDateTime(\"soon\", , \"yyyy-MM-dd\", \"dd\")",
        "FormatDateTime(Now(), \"fr-FR\", , \"dd\")",
        "FormatDateTime(Now(), , , )",
        "FormatDateTime(Now(), , , \"x\")",
    ] {
        assert!(matches!(answer(text, &world), Answer::Error(_)), "{text}");
    }
}

#[test]
fn a_constant_date_format_is_written_in_the_culture_of_the_worker() {
    for (culture, expected) in [("pl-PL", "1 maja"), ("de-DE", "1 Mai"), ("", "1 May")] {
        let world = attributes(&[("culture", culture)]);
        let text = "FormatDateTime(\"2024-05-01\", , \"yyyy-MM-dd\", \"d MMMM\", [culture])";
        assert_eq!(answer(text, &world), values(&[expected]), "{culture}");
        let constant = text.replace("[culture]", &format!("\"{culture}\""));
        assert_eq!(answer(&constant, &world), values(&[expected]), "{constant}");
    }
    // What cannot be read matters only where there is a date.
    let text = "FormatDateTime([nothing], , \"yyyy\", \"x\")";
    assert_eq!(answer(text, &attributes(&[])), values(&[]));
}

/// A function that asked for an argument twice would double the work at every level, and this test would
/// not end.
#[test]
fn nesting_does_not_multiply_the_work() {
    let world = attributes(&[("a", "1")]);
    for function in FUNCTIONS
        .iter()
        .filter(|function| function.nature != Nature::Unique)
    {
        let required = function
            .parameters
            .iter()
            .filter(|parameter| parameter.required)
            .count();
        for count in required..=function.parameters.len() {
            for nested in (0..count).filter(|index| !is_constant(function, *index, count)) {
                let argument = |index: usize, inside: &str| match function.parameter_of(index, count) {
                    _ if index == nested => inside.to_owned(),
                    Some(Parameter {
                        kind: Kind::Choice(choices),
                        ..
                    }) => format!("\"{}\"", choices[0]),
                    _ => "\"1\"".to_owned(),
                };
                let mut text = "[a]".to_owned();
                for _ in 0..40 {
                    let arguments: Vec<String> = (0..count).map(|index| argument(index, &text)).collect();
                    text = format!("{}({})", function.name, arguments.join(","));
                }
                if function.comes_in_pairs(count) {
                    assert!(!matches!(answer(&text, &world), Answer::ParseError(_)), "{text}");
                }
            }
        }
    }
}

fn is_constant(function: &Function, index: usize, count: usize) -> bool {
    let kind = function
        .parameter_of(index, count)
        .map(|parameter| parameter.kind);
    matches!(kind, Some(Kind::Choice(_) | Kind::Pattern))
}

#[test]
fn expressions_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug>() {}
    shared::<Expression>();
}

#[test]
fn delimiters_may_be_many() {
    let many: String = ('\u{4e00}'..='\u{9fff}').cycle().take(300_000).collect();
    let text = format!("one{many}two");
    let world = attributes(&[("text", &text), ("delimiters", &many)]);
    assert_eq!(answer("Word([text], 2, [delimiters])", &world), values(&["two"]));
    let Answer::Value(titled) = answer("PCase([text], [delimiters])", &world) else {
        panic!("no value");
    };
    assert!(titled[0].starts_with("One") && titled[0].ends_with("Two"));
}
