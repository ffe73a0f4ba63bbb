//! What HR's script posts: the people as SCIM bulk requests (RFC 7644 §3.7).

use serde_json::{Value as Json, json};

use super::{Employment, Person, Post};

const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// What this company says besides.
const COMPANY: &str = "urn:ietf:params:scim:schemas:extension:company:1.0:User";

impl Person {
    /// The user resource, whole.
    pub fn scim(&self) -> Json {
        let mut phones = vec![json!({ "type": "work", "value": self.phone })];
        phones.extend(
            self.mobile
                .iter()
                .map(|number| json!({ "type": "mobile", "value": number })),
        );
        let mut user = json!({
            "schemas": [CORE, ENTERPRISE, COMPANY],
            "externalId": self.id,
            "userName": self.user_name,
            "displayName": self.display,
            "name": { "givenName": self.given, "familyName": self.family },
            "active": self.active,
            "title": self.title,
            "userType": match self.employment { Employment::Employee => "Employee", Employment::Contractor => "Contractor" },
            "preferredLanguage": self.site.language,
            "timezone": self.site.zone,
            "addresses": [{
                "type": "work",
                "streetAddress": self.site.street,
                "locality": self.site.city,
                "region": self.site.region,
                "postalCode": self.site.postal_code,
                "country": self.site.country,
            }],
            "phoneNumbers": phones,
            ENTERPRISE: {
                "employeeNumber": self.id,
                "costCenter": self.cost_center,
                "organization": "Northwind Rail",
                "division": self.division,
                "department": self.department,
            },
            COMPANY: {
                "post": match self.post { Post::Office => "Office", Post::Field => "Field" },
                "hireDate": self.hire.to_string(),
                "lastDay": self.leave.map(|day| day.to_string()),
            },
        });
        if let Some(manager) = &self.manager {
            user[ENTERPRISE]["manager"] = json!({ "value": manager });
        }
        user
    }
}

/// The people in requests of so many operations.
pub fn uploads<'p>(people: impl IntoIterator<Item = &'p Person>, size: usize) -> Vec<Json> {
    let operations: Vec<Json> = people
        .into_iter()
        .map(|person| {
            json!({
                "method": "POST",
                "path": "/Users",
                "bulkId": format!("person-{}", person.id),
                "data": person.scim(),
            })
        })
        .collect();
    let request =
        |some: &[Json]| json!({ "schemas": [BULK_REQUEST], "Operations": some, "failOnErrors": null });
    operations.chunks(size.max(1)).map(request).collect()
}
