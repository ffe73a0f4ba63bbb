//! What Active Directory calls the things that planning treats specially, and the values it takes
//! (lengths: the ranges of the Windows schema; names: [MS-SAMR] 3.1.1.6, [MS-ADTS] 3.1.1.5).
//!
//! Samba takes many values that Windows refuses, and Windows keeps some that break other things, so these
//! rules hold for every server.

use crate::domain::account::{Model, StateAttribute, Violation};
use crate::domain::dn::Dn;

/// What enables and disables.
pub const STATE: &str = "accountDisabled";

pub const MODEL: Model = Model {
    state: Some(StateAttribute {
        name: STATE,
        enabled: false,
    }),
    state_aliases: &["userAccountControl"],
    container: Some("parentDistinguishedName"),
    name: Some("cn"),
    references: &["manager", "assistant"],
    identifying: &["cn", "userPrincipalName", "sAMAccountName", "mail"],
    person: Some(("givenName", "sn")),
    required: &["cn", "sAMAccountName"],
    passwords: &["unicodePwd"],
    bin: false,
    canonical: |_, value| value,
    check,
    compose: None,
    record: None,
};

/// What one attribute takes.
struct Rule {
    attribute: &'static str,
    /// Shortest and longest value, in UTF-16 units as the directory counts.
    length: (usize, usize),
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    /// Text on one line: the value becomes part of a name.
    Line,
    AccountName,
    PrincipalName,
    /// Two letters of ISO 3166.
    Country,
    Boolean,
    Integer(i64, i64),
    DistinguishedName,
    /// The anchor of another account.
    Reference,
    Octets,
    /// The directory's own; nobody writes it.
    ReadOnly,
    /// Decides what the account may do; no HR record does (B31).
    Privileged,
}

const fn rule(attribute: &'static str, shortest: usize, longest: usize, form: Form) -> Rule {
    Rule {
        attribute,
        length: (shortest, longest),
        form,
    }
}

const ANY: usize = usize::MAX;

#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule("cn",                         1,   64, Form::Line),
    rule("sAMAccountName",             1,   20, Form::AccountName),
    rule("userPrincipalName",          1, 1024, Form::PrincipalName),
    rule("accountDisabled",            4,    5, Form::Boolean),
    rule("parentDistinguishedName",    1,  ANY, Form::DistinguishedName),
    rule("manager",                    1,  ANY, Form::Reference),
    rule("assistant",                  1,  ANY, Form::Reference),
    rule("displayName",                1,  256, Form::Text),
    rule("givenName",                  1,   64, Form::Text),
    rule("sn",                         1,   64, Form::Text),
    rule("middleName",                 1,   64, Form::Text),
    rule("initials",                   1,    6, Form::Text),
    rule("description",                1, 1024, Form::Text),
    rule("mail",                       1,  256, Form::Line),
    rule("proxyAddresses",             1, 1123, Form::Line),
    rule("mailNickname",               1,   64, Form::Line),
    rule("targetAddress",              1, 1123, Form::Line),
    rule("telephoneNumber",            1,   64, Form::Text),
    rule("mobile",                     1,   64, Form::Text),
    rule("homePhone",                  1,   64, Form::Text),
    rule("pager",                      1,   64, Form::Text),
    rule("facsimileTelephoneNumber",   1,   64, Form::Text),
    rule("otherTelephone",             1,   64, Form::Text),
    rule("title",                      1,  128, Form::Text),
    rule("department",                 1,   64, Form::Text),
    rule("company",                    1,   64, Form::Text),
    rule("division",                   1,  256, Form::Text),
    rule("employeeID",                 1,   16, Form::Line),
    rule("employeeNumber",             1,  512, Form::Line),
    rule("employeeType",               1,  256, Form::Text),
    rule("physicalDeliveryOfficeName", 1,  128, Form::Text),
    rule("streetAddress",              1, 1024, Form::Text),
    rule("postOfficeBox",              1,   40, Form::Text),
    rule("l",                          1,  128, Form::Text),
    rule("st",                         1,  128, Form::Text),
    rule("postalCode",                 1,   40, Form::Text),
    rule("co",                         1,  128, Form::Text),
    rule("c",                          2,    2, Form::Country),
    rule("countryCode",                1,  ANY, Form::Integer(0, 65535)),
    rule("wWWHomePage",                1, 2048, Form::Text),
    rule("info",                       1, 1024, Form::Text),
    rule("extensionAttribute1",        1, 1024, Form::Text),
    rule("extensionAttribute2",        1, 1024, Form::Text),
    rule("extensionAttribute3",        1, 1024, Form::Text),
    rule("extensionAttribute4",        1, 1024, Form::Text),
    rule("extensionAttribute5",        1, 1024, Form::Text),
    rule("extensionAttribute6",        1, 1024, Form::Text),
    rule("extensionAttribute7",        1, 1024, Form::Text),
    rule("extensionAttribute8",        1, 1024, Form::Text),
    rule("extensionAttribute9",        1, 1024, Form::Text),
    rule("extensionAttribute10",       1, 1024, Form::Text),
    rule("extensionAttribute11",       1, 2048, Form::Text),
    rule("extensionAttribute12",       1, 2048, Form::Text),
    rule("extensionAttribute13",       1, 2048, Form::Text),
    rule("extensionAttribute14",       1, 2048, Form::Text),
    rule("extensionAttribute15",       1, 2048, Form::Text),
    rule("userAccountControl",         1,  ANY, Form::Integer(i32::MIN as i64, i32::MAX as i64)),
    rule("pwdLastSet",                 1,  ANY, Form::Integer(-1, 0)),
    rule("accountExpires",             1,  ANY, Form::Integer(0, i64::MAX)),
    rule("lockoutTime",                1,  ANY, Form::Integer(0, 0)),
    rule("msExchHideFromAddressLists", 4,    5, Form::Boolean),
    rule("mS-DS-ConsistencyGuid",      1,  ANY, Form::Octets),
    rule("thumbnailPhoto",             1,  ANY, Form::Octets),
    rule("jpegPhoto",                  1,  ANY, Form::Octets),
    rule("unicodePwd",                 1,  ANY, Form::Octets),
    rule("userPassword",               1,  ANY, Form::Octets),
    rule("name",                       1,  ANY, Form::ReadOnly),
    rule("distinguishedName",          1,  ANY, Form::ReadOnly),
    rule("objectGUID",                 1,  ANY, Form::ReadOnly),
    rule("objectSid",                  1,  ANY, Form::ReadOnly),
    rule("directReports",              1,  ANY, Form::ReadOnly),
    rule("memberOf",                   1,  ANY, Form::ReadOnly),
    rule("adminCount",                 1,  ANY, Form::Privileged),
    rule("isCriticalSystemObject",     1,  ANY, Form::Privileged),
    rule("objectClass",                1,  ANY, Form::Privileged),
    rule("nTSecurityDescriptor",       1,  ANY, Form::Privileged),
    rule("primaryGroupID",             1,  ANY, Form::Privileged),
    rule("sIDHistory",                 1,  ANY, Form::Privileged),
    rule("servicePrincipalName",       1,  ANY, Form::Privileged),
    rule("altSecurityIdentities",      1,  ANY, Form::Privileged),
    rule("userCertificate",            1,  ANY, Form::Privileged),
    rule("msDS-KeyCredentialLink",     1,  ANY, Form::Privileged),
    rule("msDS-AllowedToDelegateTo",   1,  ANY, Form::Privileged),
    rule("msDS-AllowedToActOnBehalfOfOtherIdentity", 1, ANY, Form::Privileged),
];

/// An attribute of which nothing is known here: any text.
const UNKNOWN: Rule = rule("", 1, ANY, Form::Text);

/// Not in a sAMAccountName. The at sign is left out by AD's own tools too, since it ends a user name.
const NOT_IN_ACCOUNT_NAMES: &str = "\"/\\[]:;|=,+*?<>@";

/// What Entra takes in the first half of a user principal name besides letters and digits; AD takes more,
/// but an account that cannot be synchronised helps nobody.
const IN_PRINCIPAL_NAMES: &str = "'.-_!#^~";

fn of(attribute: &str) -> &'static Rule {
    RULES
        .iter()
        .find(|rule| rule.attribute.eq_ignore_ascii_case(attribute))
        .unwrap_or(&UNKNOWN)
}

/// Attributes that no server holds under this name: they are made from others.
pub(super) fn is_virtual(attribute: &str) -> bool {
    ["accountDisabled", "parentDistinguishedName"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(attribute))
}

pub(super) fn is_reference(attribute: &str) -> bool {
    of(attribute).form == Form::Reference
}

pub(super) fn is_boolean(attribute: &str) -> bool {
    of(attribute).form == Form::Boolean
}

pub(super) fn is_octets(attribute: &str) -> bool {
    of(attribute).form == Form::Octets || attribute.eq_ignore_ascii_case("objectSid")
}

/// Whether a plain modification may name the attribute. The others have effects of their own (state, name,
/// place, references), are secrets, grant rights, or are the directory's.
pub(super) fn is_settable(attribute: &str) -> bool {
    let own_effect = ["cn", "userAccountControl"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(attribute));
    let form = of(attribute).form;
    !own_effect
        && !is_virtual(attribute)
        && !matches!(
            form,
            Form::Reference | Form::Octets | Form::ReadOnly | Form::Privileged
        )
}

fn check(attribute: &str, value: &str) -> Result<(), Violation> {
    let rule = of(attribute);
    let violation = |code, message: String| Err(Violation { code, message });
    if value.is_empty() {
        let message =
            format!("{attribute} is empty: the directory holds no empty values, so leave it out instead");
        return violation("InvalidAttributeSyntax", message);
    }
    let length = value.encode_utf16().count();
    let (shortest, longest) = rule.length;
    if length > longest {
        let message = format!("{attribute} has {length} characters; the directory takes {longest} at most");
        return violation("ConstraintViolation", message);
    }
    if length < shortest {
        let message = format!("{attribute} has {length} characters; the directory wants {shortest}");
        return violation("ConstraintViolation", message);
    }
    match fault(rule.form, value) {
        None => Ok(()),
        Some(fault) => violation("InvalidAttributeSyntax", format!("{attribute} {fault}")),
    }
}

/// What is wrong with a value of this form, as the end of a sentence that begins with the attribute.
fn fault(form: Form, value: &str) -> Option<String> {
    let fault: &str = match form {
        Form::Text if value.contains('\0') => "holds a NUL character",
        Form::Line if value.chars().any(char::is_control) => {
            "holds a line break or another control character"
        }
        Form::AccountName => return account_name_fault(value),
        Form::PrincipalName => return principal_name_fault(value),
        Form::Country if !value.chars().all(|it| it.is_ascii_alphabetic()) => {
            "is no country code of two letters (ISO 3166)"
        }
        Form::Boolean if !["true", "false"].contains(&value.to_ascii_lowercase().as_str()) => {
            "is neither True nor False"
        }
        Form::Integer(least, most) => {
            return match value.parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => None,
                Ok(_) => Some(format!("is not between {least} and {most}")),
                Err(_) => Some("is no whole number".to_string()),
            };
        }
        Form::DistinguishedName if Dn::parse(value).is_none() => {
            "is no distinguished name like OU=Staff,DC=example,DC=test"
        }
        Form::Octets => "is binary or a secret, which is not provisioned",
        Form::ReadOnly => "is kept by the directory itself and cannot be written",
        Form::Privileged => "decides what the account may do, which is not provisioned",
        _ => return None,
    };
    Some(fault.to_string())
}

fn account_name_fault(value: &str) -> Option<String> {
    if let Some(illegal) = value
        .chars()
        .find(|it| NOT_IN_ACCOUNT_NAMES.contains(*it) || it.is_control())
    {
        return Some(format!("holds {illegal:?}, which account names may not"));
    }
    let fault = if value.ends_with('.') {
        "ends with a dot"
    } else if value.chars().all(|it| it == '.' || it == ' ') {
        "is nothing but dots and blanks"
    } else {
        return None;
    };
    Some(fault.to_string())
}

fn principal_name_fault(value: &str) -> Option<String> {
    let mut halves = value.split('@');
    let (Some(name), Some(domain), None) = (halves.next(), halves.next(), halves.next()) else {
        return Some("must hold exactly one @".to_string());
    };
    if name.is_empty() || domain.is_empty() {
        return Some("needs a name before the @ and a domain after it".to_string());
    }
    let strange = name
        .chars()
        .find(|it| !it.is_ascii_alphanumeric() && !IN_PRINCIPAL_NAMES.contains(*it))
        .or_else(|| {
            domain
                .chars()
                .find(|it| !it.is_ascii_alphanumeric() && !".-".contains(*it))
        });
    strange.map(|it| {
        format!("holds {it:?}: letters without accents, digits and {IN_PRINCIPAL_NAMES} are allowed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(attribute: &str, value: &str, code: &str) {
        let violation = check(attribute, value).unwrap_err();
        assert_eq!(
            violation.code, code,
            "{attribute}={value:?}: {}",
            violation.message
        );
        assert!(violation.message.starts_with(attribute), "{}", violation.message);
    }

    #[track_caller]
    fn taken(attribute: &str, value: &str) {
        assert_eq!(check(attribute, value), Ok(()), "{attribute}={value:?}");
    }

    #[test]
    fn lengths_are_those_of_the_windows_schema() {
        for (attribute, longest) in [
            ("cn", 64),
            ("sAMAccountName", 20),
            ("company", 64),
            ("employeeID", 16),
            ("title", 128),
            ("displayName", 256),
            ("extensionAttribute11", 2048),
        ] {
            taken(attribute, &"x".repeat(longest));
            refused(attribute, &"x".repeat(longest + 1), "ConstraintViolation");
        }
    }

    #[test]
    fn length_is_counted_as_windows_counts() {
        taken("employeeID", &"é".repeat(16));
        refused("employeeID", &"𝄞".repeat(9), "ConstraintViolation");
    }

    #[test]
    fn nothing_empty_is_ever_written() {
        refused("title", "", "InvalidAttributeSyntax");
        refused("somethingOfOurs", "", "InvalidAttributeSyntax");
    }

    #[test]
    fn account_names() {
        for value in ["ada", "ada.lovelace", "o'neill", "ada lovelace", "Müller"] {
            taken("sAMAccountName", value);
        }
        for value in ["ada.", "a/b", "a@b", "...", "a\u{1}b", "a\"b", "a+b"] {
            refused("sAMAccountName", value, "InvalidAttributeSyntax");
        }
    }

    #[test]
    fn principal_names() {
        for value in ["ada@example.test", "o'neill_1!#^~@ex-ample.test"] {
            taken("userPrincipalName", value);
        }
        for value in [
            "ada",
            "@example.test",
            "ada@",
            "a@b@c",
            "müller@example.test",
            "a b@example.test",
        ] {
            refused("userPrincipalName", value, "InvalidAttributeSyntax");
        }
    }

    #[test]
    fn other_forms() {
        taken("c", "DE");
        refused("c", "DEU", "ConstraintViolation");
        refused("c", "D1", "InvalidAttributeSyntax");
        taken("countryCode", "276");
        refused("countryCode", "70000", "InvalidAttributeSyntax");
        taken("accountDisabled", "True");
        refused("accountDisabled", "maybe", "InvalidAttributeSyntax");
        taken("parentDistinguishedName", "OU=Staff,DC=example,DC=test");
        refused("parentDistinguishedName", "Staff", "InvalidAttributeSyntax");
        refused("thumbnailPhoto", "AAAA", "InvalidAttributeSyntax");
        refused("objectSid", "S-1-5", "InvalidAttributeSyntax");
        refused("servicePrincipalName", "http/x", "InvalidAttributeSyntax");
        taken("streetAddress", "1 Long Road\r\nLondon");
        refused("cn", "Ada\nLovelace", "InvalidAttributeSyntax");
        refused("title", "a\0b", "InvalidAttributeSyntax");
    }

    #[test]
    fn names_are_compared_without_case() {
        refused("SAMACCOUNTNAME", "a/b", "InvalidAttributeSyntax");
        assert!(is_reference("Manager") && !is_reference("managers"));
    }

    #[test]
    fn state_name_place_and_secrets_are_never_plainly_set() {
        for attribute in [
            "cn",
            "UserAccountControl",
            "accountDisabled",
            "manager",
            "unicodePwd",
            "objectGUID",
            "adminCount",
        ] {
            assert!(!is_settable(attribute), "{attribute}");
        }
        assert!(is_settable("title") && is_settable("somethingOfOurs"));
    }
}
