//! People who are alike, so that figures compare: of each HR says everything that the template maps, a good kilobyte.

use std::ops::Range;

use serde_json::{Value as Json, json};

use crate::gateway::{ENTERPRISE, bulk, person};

/// Operations in one upload.
pub const UPLOAD: usize = 50;

/// The uploads that say all of these people.
pub fn uploads(numbers: Range<usize>) -> Vec<String> {
    let people: Vec<Json> = numbers.map(employee).collect();
    people.chunks(UPLOAD).map(|some| bulk(some).to_string()).collect()
}

/// Ten people report to each manager, all of them in the end to number 0.
pub fn employee(number: usize) -> Json {
    let mut employee = person(
        &format!("{number:08}"),
        &format!("Ada-Augusta Lovelace-Byron {number}"),
    );
    let details = json!({
        "userName": format!("p{number:08}@hr.example.com"),
        "title": "Analyst of the Analytical Engine, Second Class",
        "addresses": [{
            "type": "work",
            "locality": "London",
            "region": "Greater London",
            "postalCode": "W1U 6SN",
            "country": "United Kingdom",
            "formatted": format!("Engine House, floor {}, desk {number}", number % 7),
        }],
        "phoneNumbers": [
            { "type": "work", "value": format!("+44 20 7946 {:04}", number % 10_000) },
            { "type": "mobile", "value": format!("+44 7700 9{number:08}") },
        ],
        "emails": [{ "type": "work", "primary": true, "value": format!("p{number:08}@example.com") }],
        "nickName": "The Enchantress of Number",
        "profileUrl": format!("https://people.example.com/analytical-engines/{number:08}"),
        "preferredLanguage": "en-GB",
        "locale": "en-GB",
        "timezone": "Europe/London",
        "userType": "Employee",
        ENTERPRISE: {
            "employeeNumber": format!("{number:08}"),
            "costCenter": format!("CC-{:04}", number % 90),
            "organization": "Analytical Engines, Limited",
            "division": "Research into Difference Engines",
            "department": format!("Department of Mechanical Computation {}", number % 40),
        },
    });
    for (name, value) in details.as_object().unwrap() {
        employee[name] = value.clone();
    }
    if number > 0 {
        employee[ENTERPRISE]["manager"] = json!({ "value": format!("{:08}", number / 10) });
    }
    assert!(employee.to_string().len() >= 1024, "less than a kilobyte is said");
    employee
}
