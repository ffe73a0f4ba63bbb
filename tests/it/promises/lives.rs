//! B11, B13, B18 to B21: lives from hire to termination and back, with every record of the log.

use super::life::live;
use super::{World, schema};
use crate::support::workday::Tenant;

/// Names and places follow HR, and so does a parental leave.
const OF_UPLOADS: &[(&str, &str, &str)] = &[
    ("cn", "[displayName]", "Always"),
    (
        "userPrincipalName",
        r#"Join("@", Join(".", [name.givenName], [name.familyName]), DefaultDomain())"#,
        "Always",
    ),
    (
        "mail",
        r#"Join("@", Join(".", [name.givenName], [name.familyName]), "example.test")"#,
        "Always",
    ),
    ("employeeType", "[userType]", "Always"),
    (
        "parentDistinguishedName",
        r#"Switch([urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department], "OU=Staff,DC=example,DC=test", "Branch Office", "OU=Branch,DC=example,DC=test")"#,
        "Always",
    ),
    (
        "accountDisabled",
        r#"Switch([urn:contoso:employee:Leave], Not([active]), "parental", "True")"#,
        "Always",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn lives_that_hr_uploads() {
    let schema = schema("API2AD", OF_UPLOADS, &["urn:contoso:employee:Leave"]);
    let world = World::of_uploads("2026-02-02T08:00:00Z", Some(schema), "").await;
    live(&world, None, "uploads.toml").await;
}

/// The same of Workday's people. A middle name tells those apart whose records belong together beyond the worker ID.
const OF_WORKDAY: &[(&str, &str, &str)] = &[
    (
        "cn",
        r#"Mid(Coalesce([PreferredNameData], Join(" ", [FirstName], [LastName])), 1, 64)"#,
        "Always",
    ),
    ("sAMAccountName", "[WorkerID]", "ObjectAddOnly"),
    ("employeeType", "[WorkerType]", "Always"),
    (
        "parentDistinguishedName",
        r#"Switch([CountryReferenceTwoLetter], "OU=Staff,DC=example,DC=test", "US", "OU=Branch,DC=example,DC=test")"#,
        "Always",
    ),
    (
        "accountDisabled",
        r#"Switch([LeaveAbsenceType], Switch([Active], , "0", "True", "1", "False"), "Parental_Leave", "True")"#,
        "Always",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn lives_in_workday() {
    let tenant = tokio::task::block_in_place(|| Tenant::new(0));
    let source = r#"person_key = "Coalesce([MiddleName], [WorkerID])""#;
    let schema = schema("Workday2AD", OF_WORKDAY, &[]);
    let world = World::of_workday(&tenant, source, Some(schema), "").await;
    live(&world, Some(&tenant), "workday.toml").await;
}
