//! `Replace`, which does five different things depending on which of its arguments are given:
//!
//! | given | result |
//! | --- | --- |
//! | `Find`, `Replacement` | every occurrence replaced |
//! | `Find`, `Template` | every occurrence in the template replaced by the source |
//! | `RegularExpression`, `Replacement` | every match replaced; `${group}` and `$1` stand for what was found |
//! | … and `RegularExpressionGroupName` | only what the group holds is replaced |
//! | `RegularExpression`, `RegularExpressionGroupName`, `ReplacementPropertyName` | the source if it has a value, else the group's part of the other attribute |
//!
//! Except for `Replacement`, an empty text counts as not given.

use std::borrow::Cow;

use super::{Function, Kind, Parameter, example, function, parameter};
use crate::domain::expression::evaluator::{Arguments, Evaluated, MAX_TEXT};
use crate::domain::value::Value;

const SOURCE: usize = 0;
const FIND: usize = 1;
const PATTERN: usize = 2;
const GROUP: usize = 3;
const REPLACEMENT: usize = 4;
const OTHER: usize = 5;
const TEMPLATE: usize = 6;

const PARAMETERS: &[Parameter] = &[
    parameter("source", Kind::Text),
    parameter("Find", Kind::Text).optional(),
    parameter("RegularExpression", Kind::Pattern).optional(),
    parameter("RegularExpressionGroupName", Kind::Text).optional(),
    parameter("Replacement", Kind::Text).optional(),
    parameter("ReplacementPropertyName", Kind::Text).optional(),
    parameter("Template", Kind::Text).optional(),
];

pub const REPLACE: Function = function(
    "Replace",
    PARAMETERS,
    "Replaces parts of a text, found as they are written or by a regular expression.",
    &[
        example(
            r#"Replace([jobTitle], "Product", , , "Software", , )"#,
            &[("jobTitle", &["Product Developer"])],
            &["Software Developer"],
        ),
        example(
            r#"Replace([UserID], "<username>", , , , , "<username>@contoso.com")"#,
            &[("UserID", &["jsmith"])],
            &["jsmith@contoso.com"],
        ),
        example(
            r#"Replace([phone], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", , "${phoneNumber}", , )"#,
            &[("phone", &["+91 9998887777"])],
            &["9998887777"],
        ),
        example(
            r#"Replace([street], , "(?<streetNumber>^\\d*)", "streetNumber", "888", , )"#,
            &[("street", &["545 Tremont Street"])],
            &["888 Tremont Street"],
        ),
        example(
            r#"Replace([phone], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", "phoneNumber", , [mobile], )"#,
            &[("mobile", &["+91 8887779999"])],
            &["8887779999"],
        ),
    ],
    replace,
);

fn replace<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    if let Some(find) = arguments.filled(FIND)? {
        return match arguments.filled(TEMPLATE)? {
            Some(template) => fill_template(arguments, &find, &template),
            None => replace_literal(arguments, &find),
        };
    }
    let Some(pattern) = arguments.pattern(PATTERN)? else {
        return Err(arguments.fail("neither `Find` nor `RegularExpression` is given"));
    };
    let group = arguments.filled(GROUP)?;
    let replacement = arguments.text(REPLACEMENT)?;
    match (group, replacement) {
        (Some(group), Some(replacement)) => arguments.map_texts(SOURCE, |text| {
            pattern
                .replace_group(text, &group, &replacement)
                .map_err(|reason| arguments.fail(reason))
        }),
        (Some(group), None) => {
            let source = arguments.value(SOURCE)?;
            if !source.is_empty() {
                return Ok(source);
            }
            let Some(other) = arguments.filled(OTHER)? else {
                return Ok(source);
            };
            let found = pattern
                .find_group(&other, &group)
                .map_err(|reason| arguments.fail(reason))?;
            Ok(found.map_or(source, |found| Cow::Owned(Value::text(found))))
        }
        (None, Some(replacement)) => arguments.map_texts(SOURCE, |text| {
            pattern
                .replace(text, &replacement)
                .map_err(|reason| arguments.fail(reason))
        }),
        (None, None) => Err(arguments.fail("there is nothing to replace a match by")),
    }
}

fn replace_literal<'a>(arguments: &Arguments<'_, 'a>, find: &str) -> Evaluated<'a> {
    let Some(replacement) = arguments.text(REPLACEMENT)? else {
        return Err(arguments.fail("neither `Replacement` nor `Template` is given"));
    };
    arguments.map_texts(SOURCE, |text| {
        let matches = text.matches(find).count();
        if matches.saturating_mul(replacement.len()) > MAX_TEXT {
            return Err(arguments.fail("the result is too large"));
        }
        Ok((matches > 0).then(|| text.replace(find, &replacement)))
    })
}

fn fill_template<'a>(arguments: &Arguments<'_, 'a>, find: &str, template: &str) -> Evaluated<'a> {
    arguments.map_texts(SOURCE, |source| {
        if template.matches(find).count().saturating_mul(source.len()) > MAX_TEXT {
            return Err(arguments.fail("the result is too large"));
        }
        Ok(Some(template.replace(find, source)))
    })
}
