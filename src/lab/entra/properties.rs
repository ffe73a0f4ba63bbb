//! What a user has: one table, and whether a value is one that the property takes.
//!
//! From the pages "user resource type", "Create user", "Update user" and "Advanced query capabilities on Microsoft
//! Entra ID objects" of the Graph documentation.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::exchange::Refusal;

#[derive(Clone, Copy, Debug)]
pub struct Property {
    pub name: &'static str,
    pub kind: Kind,
    marks: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// At most so many characters.
    Text(usize),
    /// Without accents.
    Ascii(usize),
    Bool,
    Moment,
    /// At most so many values of so many characters.
    List(usize, usize),
    /// These members, each of so many characters; what a body leaves out stays.
    Members(&'static [&'static str], usize),
    /// ISO 3166 alpha-2.
    Country,
    PrincipalName,
    Nickname,
    ImmutableId,
    OneOf(&'static [&'static str]),
    /// Some of these, with commas between.
    SomeOf(&'static [&'static str]),
    /// RFC 4646, as far as its shape goes.
    Language,
    /// Written, never read.
    Password,
    /// Kept by the service.
    Object,
}

/// Settable, at creation and later.
const WRITE: u32 = 1;
/// Null takes the value away.
const CLEAR: u32 = 1 << 1;
/// Answered when nothing is selected.
const SHOWN: u32 = 1 << 2;
/// Kept by Active Directory where the user comes from there.
const SYNCED: u32 = 1 << 3;
/// Not for everybody to change on somebody who holds a role.
const GUARDED: u32 = 1 << 4;
/// `$filter` works as it is.
const FILTER: u32 = 1 << 5;
/// `$filter` works as an advanced query.
const ADVANCED: u32 = 1 << 6;
/// `startsWith` works where `eq` does.
const STARTS: u32 = 1 << 7;
/// `endsWith` works, as an advanced query.
const ENDS: u32 = 1 << 8;
/// `$orderby` works as it is.
const ORDER: u32 = 1 << 9;
/// `$orderby` works as an advanced query.
const ORDER_ADVANCED: u32 = 1 << 10;
/// Case counts.
const EXACT: u32 = 1 << 11;

/// An ordinary property that HR fills and Active Directory may keep.
const USUAL: u32 = WRITE | CLEAR | SYNCED;

const fn row(name: &'static str, kind: Kind, marks: u32) -> Property {
    Property { name, kind, marks }
}

const EXTENSION_ATTRIBUTES: &[&str] = &[
    "extensionAttribute1",
    "extensionAttribute2",
    "extensionAttribute3",
    "extensionAttribute4",
    "extensionAttribute5",
    "extensionAttribute6",
    "extensionAttribute7",
    "extensionAttribute8",
    "extensionAttribute9",
    "extensionAttribute10",
    "extensionAttribute11",
    "extensionAttribute12",
    "extensionAttribute13",
    "extensionAttribute14",
    "extensionAttribute15",
];

const POLICIES: &[&str] = &["None", "DisableStrongPassword", "DisablePasswordExpiration"];

#[rustfmt::skip]
pub const PROPERTIES: &[Property] = &[
    row("businessPhones",                Kind::List(1, 64),          WRITE | SHOWN | SYNCED | GUARDED | FILTER | STARTS),
    row("displayName",                   Kind::Text(256),            WRITE | SHOWN | SYNCED | FILTER | STARTS | ORDER),
    row("givenName",                     Kind::Text(64),             USUAL | SHOWN | FILTER | STARTS),
    row("jobTitle",                      Kind::Text(128),            USUAL | SHOWN | FILTER | STARTS),
    row("mail",                          Kind::Ascii(256),           USUAL | SHOWN | FILTER | STARTS | ENDS),
    row("mobilePhone",                   Kind::Text(64),             USUAL | SHOWN | GUARDED | ADVANCED | STARTS),
    row("officeLocation",                Kind::Text(128),            USUAL | SHOWN | ADVANCED | STARTS),
    row("preferredLanguage",             Kind::Language,             USUAL | SHOWN | ADVANCED | STARTS),
    row("surname",                       Kind::Text(64),             USUAL | SHOWN | FILTER | STARTS),
    row("userPrincipalName",             Kind::PrincipalName,        WRITE | SHOWN | SYNCED | GUARDED | FILTER | STARTS | ENDS | ORDER),
    row("id",                            Kind::Text(36),             SHOWN | FILTER),
    row("accountEnabled",                Kind::Bool,                 WRITE | GUARDED | FILTER),
    row("ageGroup",                      Kind::OneOf(&["Minor", "NotAdult", "Adult"]), WRITE | CLEAR | FILTER),
    row("assignedLicenses",              Kind::Object,               0),
    row("city",                          Kind::Text(128),            USUAL | FILTER | STARTS),
    row("companyName",                   Kind::Text(64),             USUAL | ADVANCED | STARTS),
    row("consentProvidedForMinor",       Kind::OneOf(&["Granted", "Denied", "NotRequired"]), WRITE | CLEAR | FILTER),
    row("country",                       Kind::Text(128),            USUAL | FILTER | STARTS),
    row("createdDateTime",               Kind::Moment,               FILTER | ORDER_ADVANCED),
    row("creationType",                  Kind::Text(64),             FILTER),
    row("deletedDateTime",               Kind::Moment,               FILTER | ORDER_ADVANCED),
    row("department",                    Kind::Text(64),             USUAL | FILTER),
    row("employeeHireDate",              Kind::Moment,               WRITE | CLEAR | ADVANCED),
    row("employeeId",                    Kind::Text(16),             USUAL | FILTER | STARTS),
    row("employeeLeaveDateTime",         Kind::Moment,               WRITE | CLEAR),
    row("employeeOrgData",               Kind::Members(&["division", "costCenter"], 64), WRITE | CLEAR | ADVANCED),
    row("employeeType",                  Kind::Text(64),             WRITE | CLEAR | ADVANCED | STARTS),
    row("faxNumber",                     Kind::Text(64),             USUAL | ADVANCED | STARTS),
    row("imAddresses",                   Kind::List(250, 250),       FILTER | STARTS),
    row("lastPasswordChangeDateTime",    Kind::Moment,               0),
    row("mailNickname",                  Kind::Nickname,             WRITE | SYNCED | FILTER | STARTS),
    row("onPremisesDistinguishedName",   Kind::Text(1024),           0),
    row("onPremisesDomainName",          Kind::Text(256),            0),
    row("onPremisesExtensionAttributes", Kind::Members(EXTENSION_ATTRIBUTES, 1024), WRITE | CLEAR | SYNCED | ADVANCED),
    row("onPremisesImmutableId",         Kind::ImmutableId,          WRITE | CLEAR | SYNCED | GUARDED | ADVANCED | EXACT),
    row("onPremisesLastSyncDateTime",    Kind::Moment,               ADVANCED),
    row("onPremisesProvisioningErrors",  Kind::Object,               0),
    row("onPremisesSamAccountName",      Kind::Text(256),            ADVANCED | STARTS),
    row("onPremisesSecurityIdentifier",  Kind::Text(256),            FILTER),
    row("onPremisesSyncEnabled",         Kind::Bool,                 FILTER),
    row("onPremisesUserPrincipalName",   Kind::Text(256),            FILTER | STARTS),
    row("otherMails",                    Kind::List(250, 250),       WRITE | GUARDED | FILTER | STARTS | ENDS),
    row("passwordPolicies",              Kind::SomeOf(POLICIES),     WRITE | CLEAR | ADVANCED),
    row("passwordProfile",               Kind::Password,             WRITE | GUARDED),
    row("postalCode",                    Kind::Text(40),             USUAL | ADVANCED | STARTS),
    row("provisionedPlans",              Kind::Object,               0),
    row("proxyAddresses",                Kind::List(250, 1123),      FILTER | STARTS | ENDS),
    row("securityIdentifier",            Kind::Text(256),            FILTER),
    row("showInAddressList",             Kind::Bool,                 WRITE | CLEAR | ADVANCED),
    row("signInSessionsValidFromDateTime", Kind::Moment,             0),
    row("state",                         Kind::Text(128),            USUAL | FILTER | STARTS),
    row("streetAddress",                 Kind::Text(1024),           USUAL | ADVANCED | STARTS),
    row("usageLocation",                 Kind::Country,              WRITE | CLEAR | FILTER | STARTS),
    row("userType",                      Kind::OneOf(&["Member", "Guest"]), WRITE | CLEAR | FILTER),
];

/// What a new user cannot be without.
pub const REQUIRED: &[&str] = &[
    "accountEnabled",
    "displayName",
    "mailNickname",
    "passwordProfile",
    "userPrincipalName",
];

/// How long a string of a directory extension may be.
const EXTENSION_LENGTH: usize = 256;

/// By lower-case name.
static BY_NAME: LazyLock<HashMap<String, &'static Property>> = LazyLock::new(|| {
    let named = |property: &'static Property| (property.name.to_ascii_lowercase(), property);
    PROPERTIES.iter().map(named).collect()
});

pub fn property(name: &str) -> Option<&'static Property> {
    BY_NAME.get(&name.to_ascii_lowercase()).copied()
}

/// A property's name as it is written: one of the table's, or a directory extension's.
pub fn canonical(name: &str) -> Option<String> {
    match property(name) {
        Some(property) => Some(property.name.to_string()),
        None => is_extension(name).then(|| name.to_string()),
    }
}

/// A text of this property as it is compared: without case, but where case counts.
pub fn folded(name: &str, text: &str) -> String {
    match property(name).is_some_and(|property| property.is(EXACT)) {
        true => text.to_string(),
        false => text.to_lowercase(),
    }
}

/// `extension_{application id without dashes}_{name}`.
pub fn is_extension(name: &str) -> bool {
    let parts = name
        .strip_prefix("extension_")
        .and_then(|rest| rest.split_once('_'));
    parts.is_some_and(|(app, name)| {
        app.len() == 32 && app.bytes().all(|byte| byte.is_ascii_hexdigit()) && !name.is_empty()
    })
}

impl Property {
    fn is(&self, mark: u32) -> bool {
        self.marks & mark != 0
    }
    pub fn is_writable(&self) -> bool {
        self.is(WRITE)
    }
    pub fn is_clearable(&self) -> bool {
        self.is(CLEAR)
    }
    pub fn is_shown(&self) -> bool {
        self.is(SHOWN)
    }
    pub fn is_synced(&self) -> bool {
        self.is(SYNCED)
    }
    pub fn is_guarded(&self) -> bool {
        self.is(GUARDED)
    }
    pub fn is_filterable(&self) -> bool {
        self.is(FILTER | ADVANCED)
    }
    pub fn is_filterable_plainly(&self) -> bool {
        self.is(FILTER)
    }
    pub fn takes_starts_with(&self) -> bool {
        self.is(STARTS)
    }
    pub fn takes_ends_with(&self) -> bool {
        self.is(ENDS)
    }
    pub fn is_orderable(&self) -> bool {
        self.is(ORDER | ORDER_ADVANCED)
    }
    pub fn is_orderable_plainly(&self) -> bool {
        self.is(ORDER)
    }

    /// The value as it is stored, if the property takes it. Null was dealt with before.
    pub fn check(&self, value: &Value) -> Result<Value, Refusal> {
        let kept = match self.kind {
            Kind::Text(most) => text(value).map(|text| fits(text, most)),
            Kind::Ascii(most) => text(value).map(|text| fits(text, most) && is_address(text)),
            Kind::Nickname => text(value).map(|text| fits(text, 64) && is_nickname(text)),
            Kind::ImmutableId => text(value).map(|text| fits(text, 60) && !text.contains(['$', '_'])),
            Kind::Country => {
                text(value).map(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
            }
            Kind::PrincipalName => text(value).map(is_principal_name),
            Kind::OneOf(values) => text(value).map(|text| values.contains(&text)),
            Kind::SomeOf(values) => text(value).map(|text| {
                let mut parts = text.split(',').map(str::trim);
                parts.all(|part| values.contains(&part))
            }),
            Kind::Language => text(value).map(|text| fits(text, 64) && is_language(text)),
            Kind::Bool => value.is_boolean().then_some(true),
            Kind::Moment => return self.moment(value),
            Kind::List(most, each) => value.as_array().map(|values| {
                values.len() <= most
                    && values.iter().all(|value| {
                        text(value).is_some_and(|text| fits(text, each) && (most == 1 || text.is_ascii()))
                    })
            }),
            Kind::Members(names, each) => return self.members(value, names, each),
            Kind::Password => value.as_object().map(is_password_profile),
            Kind::Object => None,
        };
        match kept {
            Some(true) => Ok(value.clone()),
            Some(false) => Err(self.invalid()),
            None => Err(self.mistyped()),
        }
    }

    fn moment(&self, value: &Value) -> Result<Value, Refusal> {
        let text = text(value).ok_or_else(|| self.mistyped())?;
        let moment: Timestamp = text.parse().map_err(|_| self.mistyped())?;
        Ok(Value::String(moment.to_string()))
    }

    /// Members by their written names, each text or null.
    fn members(&self, value: &Value, names: &[&'static str], each: usize) -> Result<Value, Refusal> {
        let given = value.as_object().ok_or_else(|| self.mistyped())?;
        let mut members = Map::new();
        for (name, value) in given.iter().filter(|(name, _)| !name.contains('@')) {
            let known = names.iter().find(|known| known.eq_ignore_ascii_case(name));
            let known = known.ok_or_else(|| unknown(name))?;
            let is_fine = value.is_null() || text(value).is_some_and(|text| fits(text, each));
            if !is_fine {
                return Err(self.invalid());
            }
            members.insert((*known).to_string(), value.clone());
        }
        Ok(Value::Object(members))
    }

    /// The right type and still not a value for this.
    pub fn invalid(&self) -> Refusal {
        let message = format!(
            "Invalid value specified for property '{}' of resource 'User'.",
            self.name
        );
        Refusal::request(message.clone()).about("InvalidValue", self.name, &message)
    }

    fn mistyped(&self) -> Refusal {
        let expected = match self.kind {
            Kind::Bool => "Edm.Boolean",
            Kind::Moment => "Edm.DateTimeOffset",
            Kind::List(..) => "Collection(Edm.String)",
            Kind::Members(..) | Kind::Password | Kind::Object => "a structured type",
            _ => "Edm.String",
        };
        Refusal::request(format!(
            "Cannot convert the value given for property '{}' to the expected type '{expected}'.",
            self.name
        ))
        .about("InvalidValue", self.name, "The value has the wrong type.")
    }
}

/// The value of a directory extension as it is stored.
pub fn check_extension(name: &str, value: &Value) -> Result<Value, Refusal> {
    let is_fine = match value {
        Value::String(text) => fits(text, EXTENSION_LENGTH),
        Value::Bool(_) | Value::Number(_) | Value::Null => true,
        _ => false,
    };
    if is_fine {
        return Ok(value.clone());
    }
    let message = format!("Invalid value specified for property '{name}' of resource 'User'.");
    Err(Refusal::request(message.clone()).about("InvalidValue", name, &message))
}

pub fn unknown(name: &str) -> Refusal {
    Refusal::request(format!(
        "Property '{name}' does not exist as a declared property or extension property."
    ))
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// An empty text is no value; null would be the way to have none.
fn fits(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().count() <= most
}

fn is_address(text: &str) -> bool {
    text.is_ascii()
        && !text.contains(char::is_whitespace)
        && text
            .split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
}

fn is_nickname(text: &str) -> bool {
    text.is_ascii() && !text.contains(|c: char| "@()\\[]\";:<>, ".contains(c) || c.is_ascii_control())
}

/// Nothing but a password and when it has to be changed.
fn is_password_profile(profile: &Map<String, Value>) -> bool {
    let mut members = profile.iter().filter(|(name, _)| !name.contains('@'));
    members.all(|(name, value)| match name.as_str() {
        "password" => value.is_string(),
        "forceChangePasswordNextSignIn" | "forceChangePasswordNextSignInWithMfa" => value.is_boolean(),
        _ => false,
    })
}

fn is_language(text: &str) -> bool {
    text.split('-').enumerate().all(|(at, part)| {
        let primary = at > 0 || part.bytes().all(|byte| byte.is_ascii_alphabetic());
        primary && (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The characters and lengths of a userPrincipalName; whether its domain is the tenant's is asked elsewhere.
fn is_principal_name(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else {
        return false;
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
    !name.is_empty()
        && name.len() <= 64
        && domain.len() <= 48
        && text.len() <= 113
        && name.chars().all(allowed)
        && !name.ends_with('.')
        && !name.starts_with('.')
        && domain
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn takes(name: &str, value: Value) -> bool {
        property(name).unwrap().check(&value).is_ok()
    }

    #[test]
    fn values_are_taken_up_to_their_limits() {
        let long = |count: usize| json!("x".repeat(count));
        let cases = [
            ("employeeId", long(16), true),
            ("employeeId", long(17), false),
            ("employeeId", json!(17), false),
            ("department", json!("é".repeat(64)), true),
            ("department", json!(""), false),
            ("businessPhones", json!(["+1"]), true),
            ("businessPhones", json!(["+1", "+2"]), false),
            ("businessPhones", json!("+1"), false),
            ("accountEnabled", json!("true"), false),
            ("usageLocation", json!("CH"), true),
            ("usageLocation", json!("CHE"), false),
            ("mail", json!("a@b"), true),
            ("mail", json!("é@b"), false),
            ("employeeHireDate", json!("2026-01-31T00:00:00Z"), true),
            ("employeeHireDate", json!("2026-01-31"), false),
            (
                "employeeOrgData",
                json!({"division": "A", "costcenter": null}),
                true,
            ),
            ("employeeOrgData", json!({"section": "A"}), false),
            ("onPremisesImmutableId", json!("a$b"), false),
            ("userPrincipalName", json!("o'neil.x#EXT#@a.b"), true),
            ("userPrincipalName", json!("zoë@a.b"), false),
            ("userPrincipalName", json!("zoe.@a.b"), false),
            (
                "userPrincipalName",
                json!(format!("{}@a.b", "x".repeat(65))),
                false,
            ),
            ("userType", json!("Robot"), false),
            (
                "passwordProfile",
                json!({"forceChangePasswordNextSignIn": true}),
                true,
            ),
            (
                "passwordProfile",
                json!({"forceChangePasswordNextSignIn": "true"}),
                false,
            ),
            ("passwordProfile", json!({"password": null}), false),
            ("passwordProfile", json!({"secret": "Xx-123456"}), false),
        ];
        for (name, value, expected) in cases {
            assert_eq!(takes(name, value.clone()), expected, "{name}: {value}");
        }
    }

    #[test]
    fn extensions_are_known_by_their_shape() {
        assert!(is_extension(&format!("extension_{}_badge", "a1".repeat(16))));
        assert!(!is_extension("extension_a1_badge"));
        assert!(!is_extension("favouriteColour"));
    }
}
