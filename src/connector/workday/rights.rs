//! Which domain security policies of Workday an integration user needs ("Configure domain security policy permissions" of
//! Microsoft's Workday tutorials). What it has, no call tells.

use std::collections::HashSet;

use super::attributes::{self, Generation};
use crate::connector::rights::{Duty, Work};
use crate::domain::policy::Policy;
use crate::domain::schema::Schema;
use crate::error::{Error, Kind};

/// Needed to read anybody.
const ALWAYS: [&str; 5] = [
    "Get on the domain Worker Data: Workers",
    "Get on the domain Worker Data: All Positions",
    "Get on the domain Worker Data: Current Staffing Information",
    "Put on the domain External Account Provisioning",
    "Put on the domain Worker Data: Public Worker Reports",
];

/// Needed besides, by a step of an XPath.
#[rustfmt::skip]
const READ: &[(&str, &str)] = &[
    ("Business_Title", "Get on the domain Worker Data: Business Title on Worker Profile"),
    ("Custom_ID",      "Get on the domain Person Data: ID Information"),
    ("Pronoun",        "Get on the domain Reports: Public Profile"),
    ("Qualification",  "Get on the domain Worker Data: Qualified Workers"),
    ("Skill",          "Get on the domain Worker Data: Skills and Experience"),
];

/// Needed to write, by the beginning of an attribute's name.
#[rustfmt::skip]
const WRITTEN: &[(&str, &str)] = &[
    ("EmailAddress", CONTACTS),
    ("EmailAddress", CONTACT_CHANGE),
    ("Workphone",    CONTACTS),
    ("Workphone",    CONTACT_CHANGE),
    ("UserID",       "Put on the domain Workday Accounts"),
];

const CONTACTS: &str = "Put on the domain Person Data: Work Contact Information";
const CONTACT_CHANGE: &str = "the business process Work Contact Change: initiating action Change Work Contact Information (Web Service)";

/// The policies that the mapped attributes need.
pub(in crate::connector) fn needed(duties: &[Duty<'_>]) -> Vec<String> {
    let mut needed = ALWAYS.to_vec();
    for duty in duties {
        match duty.work {
            Work::Reads(schema) => needed.extend(read(schema)),
            Work::Writes(policy) => needed.extend(written(policy)),
        }
    }
    let mut seen = HashSet::new();
    needed.retain(|policy| seen.insert(*policy));
    needed.into_iter().map(str::to_string).collect()
}

/// That nothing can be said, and what has to be looked at instead.
pub(in crate::connector) fn unknown(duties: &[Duty<'_>]) -> Error {
    let message = format!(
        "Workday has no way to ask what the integration user may do. See in Workday that its security group has: {}. Then \
         activate pending security policy changes",
        needed(duties).join("; ")
    );
    Error::new(Kind::Unsupported, message)
}

fn read(schema: &Schema) -> Vec<&'static str> {
    let (definitions, _) = attributes::of_schema(schema, Generation::V30);
    let wanted = attributes::needed(schema);
    let xpaths = definitions.iter().filter(|it| wanted.contains(it.name.as_str()));
    let xpaths: Vec<&str> = xpaths.map(|it| it.xpath.as_str()).collect();
    let is_read = |step: &str| xpaths.iter().any(|xpath| xpath.contains(step));
    let rows = READ.iter().filter(|(step, _)| is_read(step));
    rows.map(|(_, policy)| *policy).collect()
}

fn written(policy: &Policy) -> Vec<&'static str> {
    let targets = policy.target_attributes();
    let is_written = |begin: &str| targets.iter().any(|target| target.starts_with(begin));
    let rows = WRITTEN.iter().filter(|(begin, _)| is_written(begin));
    rows.map(|(_, policy)| *policy).collect()
}
