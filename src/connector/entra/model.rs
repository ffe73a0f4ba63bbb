//! What Entra ID calls the things that planning treats specially, and the values it takes (Graph's page "user
//! resource type", section Properties).

use jiff::Timestamp;

use super::wire::{self, Form};
use crate::domain::account::{Model, StateAttribute, Violation};

pub const MODEL: Model = Model {
    state: Some(StateAttribute {
        name: "accountEnabled",
        enabled: true,
    }),
    state_aliases: &[],
    container: None,
    name: None,
    references: &["manager"],
    identifying: &["userPrincipalName", "mailNickname", "mail"],
    person: Some(("givenName", "surname")),
    required: &["displayName", "mailNickname", "userPrincipalName"],
    passwords: &["passwordProfile", "passwordProfile.password"],
    bin: true,
    canonical,
    check,
    compose: None,
    record: None,
};

/// The longest value of each property, in characters.
#[rustfmt::skip]
const LONGEST: &[(&str, usize)] = &[
    ("displayName", 256),
    ("givenName", 64),
    ("surname", 64),
    ("mailNickname", 64),
    ("userPrincipalName", 113),
    ("employeeId", 16),
    ("jobTitle", 128),
    ("department", 64),
    ("companyName", 64),
    ("city", 128),
    ("state", 128),
    ("country", 128),
    ("streetAddress", 1024),
    ("postalCode", 40),
    ("mobilePhone", 64),
    ("businessPhones", 64),
    ("faxNumber", 64),
    ("otherMails", 250),
    ("onPremisesExtensionAttributes", 1024),
];

/// Properties that Graph calls read-only, or that no HR record decides.
const NOT_OURS: &[&str] = &[
    "id",
    "createdDateTime",
    "deletedDateTime",
    "imAddresses",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "onPremisesUserPrincipalName",
    "proxyAddresses",
    "securityIdentifier",
];

/// Names and addresses in which accents are refused.
const PLAIN: &[&str] = &["userPrincipalName", "mail", "otherMails", "mailNickname"];

fn canonical(attribute: &str, value: String) -> String {
    match wire::place(attribute).form {
        Form::Moment => wire::moment(&value),
        _ => value,
    }
}

fn check(attribute: &str, value: &str) -> Result<(), Violation> {
    let place = wire::place(attribute);
    let property = place.property.as_str();
    let is = |name: &str| property.eq_ignore_ascii_case(name);
    if NOT_OURS.iter().any(|name| is(name)) {
        return violation(
            "SchemaAttributeNotFound",
            "Entra ID keeps this property itself: take the mapping out".into(),
        );
    }
    let longest = LONGEST
        .iter()
        .find(|(name, _)| is(name))
        .map(|(_, longest)| *longest);
    if let Some(longest) = longest.filter(|longest| value.chars().count() > *longest) {
        return violation(
            "ConstraintViolation",
            format!("is longer than {longest} characters: shorten it with Mid() in the mapping"),
        );
    }
    if PLAIN.iter().any(|name| is(name)) && !value.is_ascii() {
        return violation(
            "ConstraintViolation",
            "has letters beyond ASCII: fold them with NormalizeDiacritics() in the mapping".into(),
        );
    }
    if is("userPrincipalName") {
        return principal_name(value);
    }
    if is("usageLocation") && !(value.len() == 2 && value.bytes().all(|c| c.is_ascii_uppercase())) {
        return violation(
            "ConstraintViolation",
            "is no country of two capital letters (ISO 3166)".into(),
        );
    }
    match place.form {
        Form::Boolean if !["true", "false"].contains(&value.to_ascii_lowercase().as_str()) => {
            violation("InvalidAttributeSyntax", "is neither True nor False".into())
        }
        Form::Moment if value.parse::<Timestamp>().is_err() => violation(
            "InvalidAttributeSyntax",
            "is no date: write 2026-11-01 or 2026-11-01T09:00:00Z".into(),
        ),
        _ => Ok(()),
    }
}

/// Graph: at most 64 characters before the `@` and 48 after, of `A-Z a-z 0-9 ' . - _ ! # ^ ~`, no `.` right before it.
fn principal_name(value: &str) -> Result<(), Violation> {
    let wrong = |what: &str| {
        violation(
            "AzureActiveDirectoryInvalidUserPrincipalName",
            format!("{what}: correct the mapping or HR's record"),
        )
    };
    let Some((name, domain)) = value.split_once('@') else {
        return wrong("has no @");
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
    if let Some(odd) = name.chars().find(|c| !fits(*c)) {
        return wrong(&format!("has {odd:?} before the @, which no sign-in name may"));
    }
    if name.is_empty() || name.len() > 64 {
        return wrong("needs 1 to 64 characters before the @");
    }
    if name.ends_with('.') {
        return wrong("has a dot right before the @");
    }
    if domain.is_empty()
        || domain.len() > 48
        || domain.contains('@')
        || !domain
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
    {
        return wrong("needs one domain of at most 48 characters after the @");
    }
    Ok(())
}

fn violation(code: &'static str, message: String) -> Result<(), Violation> {
    Err(Violation { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_the_rules_of_the_user_resource() {
        for (attribute, value, fits) in [
            ("userPrincipalName", "ada.o'neill#1@contoso.com", true),
            ("userPrincipalName", "zoë@contoso.com", false),
            ("userPrincipalName", "ada@b@contoso.com", false),
            ("userPrincipalName", "ada lovelace@contoso.com", false),
            ("userPrincipalName", "ada.@contoso.com", false),
            ("userPrincipalName", "ada", false),
            (
                "userPrincipalName",
                &format!("{}@contoso.com", "a".repeat(65)),
                false,
            ),
            ("givenName", &"ü".repeat(64), true),
            ("givenName", &"ü".repeat(65), false),
            ("employeeId", "12345678901234567", false),
            ("telephoneNumber", &"1".repeat(65), false),
            ("extensionAttribute15", &"x".repeat(1025), false),
            ("usageLocation", "DE", true),
            ("usageLocation", "UKX", false),
            ("employeeHireDate", "2026-11-01T00:00:00Z", true),
            ("employeeHireDate", "next week", false),
            ("proxyAddresses", "SMTP:a@b.c", false),
            ("accountEnabled", "maybe", false),
            ("officeLocation", &"x".repeat(3000), true),
        ] {
            assert_eq!(check(attribute, value).is_ok(), fits, "{attribute}: {value}");
        }
    }
}
