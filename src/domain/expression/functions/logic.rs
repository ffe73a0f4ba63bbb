//! Decisions, and what is present or not.

use std::borrow::Cow;

use super::{Function, Kind, Parameter, Repeats, example, function, parameter};
use crate::domain::expression::evaluator::{Arguments, Evaluated, Stop};
use crate::domain::expression::node::Ignore;
use crate::domain::value::Value;

const SOURCE: Parameter = parameter("source", Kind::Any);

pub const IIF: Function = function(
    "IIF",
    &[
        parameter("one", Kind::Condition),
        parameter("four", Kind::Any),
        parameter("five", Kind::Any),
    ],
    "One of two values, depending on a condition: a comparison (= <> < <= > >=) or a Boolean.",
    &[
        example(
            r#"IIF([country] = "USA", [country], [department])"#,
            &[("country", &["USA"])],
            &["USA"],
        ),
        example(r#"IIF(IsPresent([mail]), [mail], "none")"#, &[], &["none"]),
        example(
            r#"IIF([level] >= 10, "high", "low")"#,
            &[("level", &["9"])],
            &["low"],
        ),
    ],
    |arguments| {
        if arguments.condition(0)? {
            arguments.value(1)
        } else {
            arguments.value(2)
        }
    },
);

pub const SWITCH: Function = function(
    "Switch",
    &[
        SOURCE,
        parameter("defaultValue", Kind::Any).optional(),
        parameter("switchValue", Kind::Any)
            .optional()
            .repeated(Repeats::Pairs),
    ],
    "The value that belongs to the first key equal to the source; without one, the default. No value equals \"\".",
    &[
        example(
            r#"Switch([state], "Australia/Sydney", "QLD", "Australia/Brisbane", "SA", "Australia/Adelaide")"#,
            &[("state", &["QLD"])],
            &["Australia/Brisbane"],
        ),
        example(r#"Switch([country], [country], "", "Other")"#, &[], &["Other"]),
        example(
            r#"Switch([Active], , "1", "False", "0", "True")"#,
            &[("Active", &["2"])],
            &[],
        ),
    ],
    switch,
);

fn switch<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let source = arguments.text(0)?.unwrap_or_default();
    for key in (2..arguments.count()).step_by(2) {
        if arguments.text(key)?.unwrap_or_default() == source {
            return arguments.value(key + 1);
        }
    }
    arguments.value(1)
}

pub const COALESCE: Function = function(
    "Coalesce",
    &[SOURCE, SOURCE.optional().repeated(Repeats::Any)],
    "The first argument that has a value; without one, the last argument.",
    &[
        example(
            r#"Coalesce([mail], [userPrincipalName])"#,
            &[("userPrincipalName", &["John.Doe@contoso.com"])],
            &["John.Doe@contoso.com"],
        ),
        example(
            r#"Coalesce([preferredName], [firstName], "?")"#,
            &[("preferredName", &[""])],
            &["?"],
        ),
    ],
    |arguments| {
        let mut last = Cow::Owned(Value::Null);
        for value in arguments.values(0) {
            last = value?;
            if !last.is_empty() {
                break;
            }
        }
        Ok(last)
    },
);

pub const IS_NULL: Function = function(
    "IsNull",
    &[SOURCE],
    "True if there is no value at all; an empty text is one.",
    &[
        example(r#"IsNull([displayName])"#, &[], &["True"]),
        example(r#"IsNull([displayName])"#, &[("displayName", &[""])], &["False"]),
    ],
    |arguments| is(arguments, |value| *value == Value::Null),
);

pub const IS_NULL_OR_EMPTY: Function = function(
    "IsNullOrEmpty",
    &[SOURCE],
    "True if there is no value or an empty one.",
    &[example(
        r#"IsNullOrEmpty([displayName])"#,
        &[("displayName", &[""])],
        &["True"],
    )],
    |arguments| is(arguments, Value::is_empty),
);

pub const IS_NOTHING: Function = function(
    "IsNothing",
    &[SOURCE],
    "True if there is no value or an empty one.",
    &[example(
        r#"IsNothing([accountEnabled])"#,
        &[("accountEnabled", &["False"])],
        &["False"],
    )],
    |arguments| is(arguments, Value::is_empty),
);

pub const IS_PRESENT: Function = function(
    "IsPresent",
    &[SOURCE],
    "True if there is a value that is not empty.",
    &[
        example(r#"IsPresent([mail])"#, &[("mail", &["a@b"])], &["True"]),
        example(r#"IsPresent([mail])"#, &[("mail", &[""])], &["False"]),
    ],
    |arguments| is(arguments, |value| !value.is_empty()),
);

pub const IS_STRING: Function = function(
    "IsString",
    &[SOURCE],
    "True if the value is a text.",
    &[
        example(r#"IsString([mail])"#, &[("mail", &["a@b"])], &["True"]),
        example(r#"IsString(Count([mail]))"#, &[("mail", &["a@b"])], &["False"]),
    ],
    |arguments| is(arguments, |value| matches!(value, Value::Text(_))),
);

fn is<'a>(arguments: &Arguments<'_, 'a>, test: impl Fn(&Value) -> bool) -> Evaluated<'a> {
    Ok(Cow::Owned(Value::Bool(test(&*arguments.value(0)?))))
}

pub const NOT: Function = function(
    "Not",
    &[parameter("source", Kind::Boolean)],
    "False for True; True for everything else.",
    &[
        example(
            r#"Not([accountEnabled])"#,
            &[("accountEnabled", &["true"])],
            &["False"],
        ),
        example(r#"Not(IsPresent([mail]))"#, &[], &["True"]),
    ],
    |arguments| {
        Ok(Cow::Owned(Value::Bool(
            arguments.single(0)?.to_bool() != Some(true),
        )))
    },
);

pub const CBOOL: Function = function(
    "CBool",
    &[parameter("expression", Kind::Condition)],
    "The Boolean of a comparison, a text or a number; only 0 is False among numbers.",
    &[
        example(r#"CBool([a] = [b])"#, &[("a", &["x"]), ("b", &["x"])], &["True"]),
        example(r#"CBool(0)"#, &[], &["False"]),
    ],
    |arguments| Ok(Cow::Owned(Value::Bool(arguments.condition(0)?))),
);

pub const IGNORE_FLOW_IF_NULL_OR_EMPTY: Function = function(
    "IgnoreFlowIfNullOrEmpty",
    &[parameter("expression", Kind::Any)],
    "The value; without one, the attribute is left alone.",
    &[example(
        r#"IgnoreFlowIfNullOrEmpty([department])"#,
        &[("department", &["Sales"])],
        &["Sales"],
    )],
    |arguments| {
        let value = arguments.value(0)?;
        if value.is_empty() {
            Err(Stop::Ignored(Ignore::Attribute))
        } else {
            Ok(value)
        }
    },
);

pub const ERROR: Function = function(
    "Error",
    &[parameter("message", Kind::Text)],
    "Fails with a message: the worker is held until the data or the mapping changes.",
    &[example(
        r#"IIF(IsPresent([a]), [a], Error("a is required"))"#,
        &[("a", &["x"])],
        &["x"],
    )],
    |arguments| Err(arguments.fail_saying(arguments.text(0)?.unwrap_or_default().into_owned())),
);

pub const REDACT: Function = function(
    "Redact",
    &[SOURCE],
    "The value as it is, kept out of every log and plan. Meant for passwords.",
    &[example(r#"Redact("secret")"#, &[], &["secret"])],
    |arguments| {
        arguments.redact();
        arguments.value(0)
    },
);
