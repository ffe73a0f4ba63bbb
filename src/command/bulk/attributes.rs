//! What SCIM calls a person's attributes (RFC 7643 §4.1, §4.3): the table that mappings are checked against.

use Kind::{Complex, Many, Text, Truth};

pub const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub struct Attribute {
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy)]
pub enum Kind {
    Text,
    Truth,
    /// One value with members.
    Complex(&'static [Attribute]),
    /// Any number of values with members.
    Many(&'static [Attribute]),
}

/// Names are compared without case (RFC 7643 §2.1).
pub fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

const fn is(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind }
}

/// No `password`: it would be ignored at best, and a CSV file is no place for one.
#[rustfmt::skip]
pub const CORE: &[Attribute] = &[
    is("id", Text), is("externalId", Text), is("userName", Text), is("displayName", Text), is("nickName", Text),
    is("profileUrl", Text), is("title", Text), is("userType", Text), is("preferredLanguage", Text),
    is("locale", Text), is("timezone", Text), is("active", Truth),
    is("name", Complex(&[
        is("formatted", Text), is("familyName", Text), is("givenName", Text), is("middleName", Text),
        is("honorificPrefix", Text), is("honorificSuffix", Text),
    ])),
    is("emails", Many(VALUE)), is("phoneNumbers", Many(VALUE)), is("ims", Many(VALUE)), is("photos", Many(VALUE)),
    is("entitlements", Many(VALUE)), is("roles", Many(VALUE)), is("x509Certificates", Many(VALUE)),
    is("groups", Many(&[is("value", Text), is("$ref", Text), is("display", Text), is("type", Text)])),
    is("addresses", Many(&[
        is("formatted", Text), is("streetAddress", Text), is("locality", Text), is("region", Text),
        is("postalCode", Text), is("country", Text), is("type", Text), is("primary", Truth),
    ])),
];

const VALUE: &[Attribute] = &[
    is("value", Text),
    is("display", Text),
    is("type", Text),
    is("primary", Truth),
];

#[rustfmt::skip]
pub const ENTERPRISE: &[Attribute] = &[
    is("employeeNumber", Text), is("costCenter", Text), is("organization", Text), is("division", Text),
    is("department", Text),
    is("manager", Complex(&[is("value", Text), is("$ref", Text), is("displayName", Text)])),
];
