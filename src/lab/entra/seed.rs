//! The tenant's first users: the invented company, and a few whom every real tenant has.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use super::directory::Directory;
use super::user::{User, moment};
use crate::lab::company::{Company, Employment, Person};

/// Puts the company's people in, with the same ids every time, each reporting to his or her manager.
///
/// With them come an emergency administrator, who holds a role and has no employee number; somebody whom directory
/// sync keeps (employee number 900001); and somebody who was deleted yesterday (900002).
pub fn people(directory: &mut Directory, seed: u64, workers: usize, domain: &str, now: Timestamp) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let company = Company::new(seed, workers, today);
    let ids: HashMap<&str, Uuid> = company
        .people
        .iter()
        .map(|person| (person.id.as_str(), id(seed, &person.id)))
        .collect();
    for person in &company.people {
        let enabled = person.active && person.hire <= today;
        let mut user = user(id(seed, &person.id), person, domain, now, enabled);
        user.manager = person
            .manager
            .as_deref()
            .and_then(|manager| ids.get(manager).copied());
        enter(directory, user);
    }
    if workers > 0 {
        oddities(directory, seed, domain, now);
    }
}

/// The id of whoever has this employee number.
pub fn id(seed: u64, employee: &str) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("muster lab {seed} {employee}").as_bytes(),
    )
}

fn user(id: Uuid, person: &Person, domain: &str, now: Timestamp, enabled: bool) -> User {
    let mut user = User::new(id, now);
    let address = format!("{}@{domain}", person.user_name);
    let short = |name: &str| name.chars().take(64).collect::<String>();
    let kind = match person.employment {
        Employment::Employee => "Employee",
        Employment::Contractor => "Contractor",
    };
    let values = json!({
        "accountEnabled": enabled,
        "displayName": person.display,
        "givenName": short(&person.given),
        "surname": short(&person.family),
        "mailNickname": person.user_name,
        "userPrincipalName": address,
        "employeeId": person.id,
        "employeeType": kind,
        "employeeHireDate": format!("{}T00:00:00Z", person.hire),
        "employeeOrgData": {"division": person.division, "costCenter": person.cost_center},
        "jobTitle": person.title,
        "department": person.department,
        "officeLocation": person.site.city,
        "streetAddress": person.site.street,
        "city": person.site.city,
        "state": person.site.region,
        "postalCode": person.site.postal_code,
        "country": person.site.country,
        "usageLocation": person.site.country,
        "preferredLanguage": person.site.language,
        "businessPhones": [person.phone],
        "mobilePhone": person.mobile,
    });
    fill(&mut user, values);
    user.set_mail(Some(&address));
    user
}

fn oddities(directory: &mut Directory, seed: u64, domain: &str, now: Timestamp) {
    let named = |key: &str, name: &str, display: &str| {
        let mut user = User::new(id(seed, key), now);
        fill(
            &mut user,
            json!({
                "accountEnabled": true,
                "displayName": display,
                "mailNickname": name,
                "userPrincipalName": format!("{name}@{domain}"),
            }),
        );
        user
    };
    let mut administrator = named("emergency", "emergency.admin", "Emergency Administrator");
    administrator.holds_role = true;
    enter(directory, administrator);

    let mut synced = named("900001", "hedwig.hybrid", "Hedwig Hybrid");
    fill(
        &mut synced,
        json!({
            "employeeId": "900001",
            "onPremisesSyncEnabled": true,
            "onPremisesImmutableId": "3q2+7wAAAAAAAAAAAAAAAA==",
            "onPremisesSamAccountName": "hedwig.hybrid",
            "onPremisesDomainName": domain,
            "onPremisesLastSyncDateTime": moment(now),
        }),
    );
    enter(directory, synced);

    let mut former = named("900002", "frank.former", "Frank Former");
    former.set("employeeId", json!("900002"));
    let yesterday = now.saturating_sub(jiff::SignedDuration::from_hours(24));
    enter(directory, former.clone());
    directory.delete(&former, yesterday.unwrap_or(now));
}

fn fill(user: &mut User, values: Value) {
    if let Value::Object(values) = values {
        for (name, value) in values {
            user.set(&name, value);
        }
    }
}

fn enter(directory: &mut Directory, user: User) {
    let names: Vec<String> = user.project(None).into_iter().map(|(name, _)| name).collect();
    directory.write(user, &super::users::names(&names));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::entra::properties::{PROPERTIES, property};

    #[test]
    fn everybody_seeded_could_have_been_written() {
        let mut directory = Directory::default();
        people(&mut directory, 1, 1000, "example.test", Timestamp::UNIX_EPOCH);
        assert_eq!(directory.truth().live().len(), 1002);
        assert_eq!(directory.truth().deleted().len(), 1);
        for user in directory.truth().live().values() {
            for name in PROPERTIES.iter().filter(|property| property.is_writable()) {
                if let Some(value) = user.get(name.name) {
                    assert!(
                        property(name.name).unwrap().check(value).is_ok(),
                        "{}: {value}",
                        name.name
                    );
                }
            }
        }
        let managed = directory
            .truth()
            .live()
            .values()
            .filter(|user| user.manager.is_some());
        assert_eq!(managed.count(), 999);
    }
}
