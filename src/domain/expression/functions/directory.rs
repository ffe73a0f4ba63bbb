//! What directories and application roles need.

use std::borrow::Cow;

use serde_json::json;

use super::{Function, Kind, Origin, Parameter, example, from_zero, function, parameter};
use crate::domain::expression::evaluator::{Arguments, Evaluated};
use crate::domain::value::Value;

const SOURCE: Parameter = parameter("source", Kind::Text);

pub const DEFAULT_DOMAIN: Function = function(
    "DefaultDomain",
    &[],
    "The default domain of the tenant.",
    &[example(
        r#"Join("@", "ann", DefaultDomain())"#,
        &[],
        &["ann@contoso.com"],
    )],
    |arguments| match arguments.default_domain() {
        Some(domain) => Ok(Cow::Owned(Value::text(domain))),
        None => Err(arguments.fail("no default domain is configured")),
    },
);

pub const CREF: Function = function(
    "CRef",
    &[SOURCE],
    "A text as a reference to an object; the text stays the same.",
    &[example(
        r#"CRef([manager])"#,
        &[("manager", &["cn=Joe"])],
        &["cn=Joe"],
    )],
    |arguments| arguments.value(0),
)
.known_to(Origin::CloudSync);

pub const DN_COMPONENT: Function = function(
    "DNComponent",
    &[parameter("dn", Kind::Text), parameter("number", Kind::Integer)],
    "The value of one component of a distinguished name, counted from 1 at its beginning.",
    &[
        example(
            r#"DNComponent(CRef([dn]), 1)"#,
            &[("dn", &["cn=Joe,ou=Sales,dc=contoso"])],
            &["Joe"],
        ),
        example(
            r#"DNComponent([dn], 1)"#,
            &[("dn", &["CN=Doe\\, Joe,OU=Sales"])],
            &["Doe, Joe"],
        ),
        example(r#"DNComponent([dn], 9)"#, &[("dn", &["cn=Joe"])], &[""]),
    ],
    |arguments| {
        let place = from_zero(arguments.integer(1)?);
        arguments.map_texts(0, |dn| {
            let component = place.and_then(|place| components(dn).into_iter().nth(place));
            let value = component.and_then(|component| Some(component.split_once('=')?.1.trim().to_owned()));
            Ok(Some(value.unwrap_or_default()))
        })
    },
)
.known_to(Origin::CloudSync);

/// The components between commas that are not escaped, with their escapes undone (`\,` and `\2C`).
fn components(dn: &str) -> Vec<String> {
    let mut components = Vec::new();
    let mut current: Vec<u8> = Vec::new();
    let mut rest = dn.bytes().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b',' => components.push(std::mem::take(&mut current)),
            b'\\' => {
                let mut ahead = rest.clone();
                let hexadecimal = ahead.next().zip(ahead.next()).and_then(|(high, low)| {
                    Some(char::from(high).to_digit(16)? << 4 | char::from(low).to_digit(16)?)
                });
                match hexadecimal.and_then(|code| u8::try_from(code).ok()) {
                    Some(code) => {
                        current.push(code);
                        rest = ahead;
                    }
                    None => current.extend(rest.next()),
                }
            }
            other => current.push(other),
        }
    }
    components.push(current);
    components
        .into_iter()
        .map(|component| String::from_utf8_lossy(&component).into_owned())
        .collect()
}

const ASSIGNMENTS: &[Parameter] = &[parameter("source", Kind::Any)];

pub const APP_ROLE_ASSIGNMENTS: Function = function(
    "AppRoleAssignments",
    ASSIGNMENTS,
    "The roles assigned in the application.",
    &[example(
        r#"AppRoleAssignments([roles])"#,
        &[("roles", &["Admin", "User"])],
        &["Admin", "User"],
    )],
    |arguments| arguments.value(0),
);

pub const SINGLE_APP_ROLE_ASSIGNMENT: Function = function(
    "SingleAppRoleAssignment",
    ASSIGNMENTS,
    "The one role assigned in the application. Several are an error.",
    &[example(
        r#"SingleAppRoleAssignment([roles])"#,
        &[("roles", &["Admin"])],
        &["Admin"],
    )],
    |arguments| arguments.single(0),
);

const ADMIN_ROLE: &[&str] =
    &[r#"{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"Admin","value":"Admin"}"#];

pub const APP_ROLE_ASSIGNMENTS_COMPLEX: Function = function(
    "AppRoleAssignmentsComplex",
    ASSIGNMENTS,
    "The assigned roles as SCIM role objects in JSON, to be added to those already there.",
    &[example(
        r#"AppRoleAssignmentsComplex([roles])"#,
        &[("roles", &["Admin"])],
        ADMIN_ROLE,
    )],
    scim_roles,
);

pub const ASSERTIVE_APP_ROLE_ASSIGNMENTS_COMPLEX: Function = function(
    "AssertiveAppRoleAssignmentsComplex",
    ASSIGNMENTS,
    "The assigned roles as SCIM role objects in JSON, to take the place of those already there.",
    &[example(
        r#"AssertiveAppRoleAssignmentsComplex([roles])"#,
        &[("roles", &["Admin"])],
        ADMIN_ROLE,
    )],
    scim_roles,
);

fn scim_roles<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    arguments.map_texts(0, |role| {
        let object = json!({
            "primary": false,
            "type": "WindowsAzureActiveDirectoryRole",
            "display": role,
            "value": role,
        });
        Ok(Some(object.to_string()))
    })
}
