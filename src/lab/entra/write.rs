//! What a body says about a user, laid over the user: which members it may have, and who may write them.
//!
//! From "Create user", "Update user" and "Who can perform sensitive actions".

use serde_json::{Map, Value};
use std::sync::Arc;

use super::desk::Desk;
use super::exchange::Refusal;
use super::properties::{self, Kind, Property, REQUIRED};
use super::user::{User, moment};

/// Makes a new user of a body; answers with the names of what was set.
pub fn fill(desk: &Desk, user: &mut User, members: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let members = meant(members, |name| name == "manager@odata.bind")?;
    let has = |name: &str| {
        let mut named = members
            .iter()
            .filter(|(given, _)| given.eq_ignore_ascii_case(name));
        named.any(|(_, value)| !value.is_null())
    };
    if let Some(missing) = REQUIRED.iter().find(|name| !has(name)) {
        let message = format!("A value is required for property '{missing}' of resource 'User'.");
        return Err(Refusal::request(message).about("InvalidValue", *missing, EMPTY));
    }
    let mut profiles = members.iter().filter(|(name, _)| is_password(name));
    if !profiles.any(|(_, profile)| profile.get("password").is_some()) {
        let message = "A value is required for property 'password' of resource 'PasswordProfile'.";
        return Err(Refusal::request(message).about("InvalidValue", "passwordProfile", EMPTY));
    }
    let given: Vec<_> = members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect();
    lay(desk, user, &given)
}

/// Changes a user by a body; answers with the names of what is not as it was.
pub fn change(desk: &Desk, user: &mut User, members: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let members = meant(members, |_| false)?;
    lay(desk, user, &members)
}

const EMPTY: &str = "Property value is required but is empty or missing.";

/// The members that are properties. Annotations say nothing here, links are written elsewhere.
fn meant(
    members: &Map<String, Value>,
    is_taken: impl Fn(&str) -> bool,
) -> Result<Vec<(&str, &Value)>, Refusal> {
    let mut meant = Vec::new();
    for (name, value) in members {
        match name.split_once('@') {
            None => meant.push((name.as_str(), value)),
            Some((_, "odata.bind")) if !is_taken(name) => return Err(properties::unknown(name)),
            Some(_) => {}
        }
    }
    Ok(meant)
}

fn lay(desk: &Desk, user: &mut User, members: &[(&str, &Value)]) -> Result<Vec<String>, Refusal> {
    let mut changed = Vec::new();
    // A password is judged by the policies that come with it.
    let others = members.iter().filter(|(name, _)| !is_password(name));
    let passwords = members.iter().filter(|(name, _)| is_password(name));
    for (name, value) in others.chain(passwords) {
        if properties::is_extension(name) {
            if user.set(name, properties::check_extension(name, value)?) {
                changed.push((*name).to_string());
            }
            continue;
        }
        let property = properties::property(name).ok_or_else(|| properties::unknown(name))?;
        may_write(user, property)?;
        if set(desk, user, property, value)? {
            changed.push(property.name.to_string());
        }
    }
    if changed.iter().any(|name| name == "mail") {
        changed.push("proxyAddresses".into());
    }
    Ok(changed)
}

fn is_password(name: &str) -> bool {
    name.eq_ignore_ascii_case("passwordProfile")
}

fn may_write(user: &User, property: &Property) -> Result<(), Refusal> {
    if !property.is_writable() {
        return Err(Refusal::request(format!(
            "Property '{}' is read-only and cannot be set.",
            property.name
        )));
    }
    if property.is_synced() && user.is_synced() {
        return Err(mastered_elsewhere());
    }
    if property.is_guarded() && user.holds_role {
        return Err(insufficient());
    }
    if property.name == "mail" && user.has_mailbox {
        return Err(Refusal::request(
            "Unable to update the specified properties for objects that have originated within an external service.",
        ));
    }
    Ok(())
}

fn set(desk: &Desk, user: &mut User, property: &Property, value: &Value) -> Result<bool, Refusal> {
    if value.is_null() {
        if !property.is_clearable() {
            return Err(property.invalid().about("InvalidValue", property.name, EMPTY));
        }
        return Ok(match property.name {
            "mail" => user.set_mail(None),
            name => user.set(name, Value::Null),
        });
    }
    let value = property.check(value)?;
    Ok(match (property.kind, &value) {
        (Kind::Members(..), Value::Object(members)) => user.merge(property.name, members),
        // When to change a password says nothing about when it was changed.
        (Kind::Password, profile) => match profile.get("password") {
            Some(password) => {
                check_password(user, password)?;
                user.set("lastPasswordChangeDateTime", moment(desk.now))
            }
            None => false,
        },
        (Kind::PrincipalName, Value::String(name)) => {
            desk.tenant.check_domain(name)?;
            user.set(property.name, value)
        }
        (_, Value::String(mail)) if property.name == "mail" => user.set_mail(Some(mail)),
        // An empty list is no list.
        (_, Value::Array(values)) if values.is_empty() => user.set(property.name, Value::Null),
        _ => user.set(property.name, value),
    })
}

/// "Combined password policy": 8 to 256 characters of ASCII, from three of four classes.
fn check_password(user: &User, password: &Value) -> Result<(), Refusal> {
    let classes: [fn(char) -> bool; 4] = [
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_digit(),
        |c| c.is_ascii_punctuation() || c == ' ',
    ];
    let is_strong = |text: &str| {
        let used = classes.iter().filter(|class| text.chars().any(**class)).count();
        let policies = user.text("passwordPolicies").unwrap_or_default();
        used >= 3 || policies.contains("DisableStrongPassword")
    };
    let is_fine = |text: &str| text.is_ascii() && (8..=256).contains(&text.len()) && is_strong(text);
    if password.as_str().is_some_and(is_fine) {
        return Ok(());
    }
    let message = "The specified password does not comply with password complexity requirements. Please provide a different password.";
    Err(Refusal::request(message).about("InvalidPassword", "passwordProfile", message))
}

/// A userPrincipalName that this tenant may give somebody.
pub fn principal_name(desk: &Desk, value: &Value) -> Result<String, Refusal> {
    let property =
        properties::property("userPrincipalName").ok_or_else(|| properties::unknown("userPrincipalName"))?;
    match property.check(value)? {
        Value::String(name) => desk.tenant.check_domain(&name).map(|()| name),
        _ => Err(property.invalid()),
    }
}

/// The user that `…/users/{id}` names, whichever host and version come before it.
pub fn referred(desk: &Desk, reference: &Value) -> Result<Arc<User>, Refusal> {
    let bad = || Refusal::request("The URI of the referenced object is invalid.");
    let mut target = super::exchange::Call::default();
    target.aim(reference.as_str().ok_or_else(bad)?, false);
    match target.path.as_slice() {
        [.., collection, key] if collection == "users" || collection == "directoryObjects" => {
            desk.directory.find(key)
        }
        _ => Err(bad()),
    }
}

pub fn mastered_elsewhere() -> Refusal {
    Refusal::request(
        "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
    )
}

pub fn insufficient() -> Refusal {
    Refusal::new(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    )
}
