//! What Workday calls the things that are written home, and the values it takes: the attributes that Entra ID's writeback
//! documents.

use super::compose::compose;
use super::phone::{Country, digits};
use crate::domain::account::{Model, PersonalRecord, Violation};

pub const MODEL: Model = Model {
    // HR says who works here, and nobody tells HR.
    state: None,
    state_aliases: &[],
    container: None,
    name: None,
    references: &[],
    identifying: &[EMAIL, USER_NAME],
    person: None,
    required: &[WORKER_ID],
    passwords: &[],
    bin: false,
    canonical,
    check,
    compose: Some(compose),
    record: Some(PersonalRecord {
        user_name: USER_NAME,
        first_day: HIRE_DATE,
    }),
};

pub(super) const WORKER_ID: &str = "WorkerID";
pub(super) const EMAIL: &str = "EmailAddress";
pub(super) const USER_NAME: &str = "UserID";
pub(super) const HIRE_DATE: &str = "HireDate";

/// What an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The employee's or contingent worker's ID, by which workers are found.
    WorkerId,
    /// The primary work address.
    Email,
    /// What the worker signs in to Workday with.
    UserName,
    /// The first day of work; read only.
    HireDate,
    Phone(Device, Part),
}

/// A device that a work phone may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Device {
    Landline,
    Mobile,
}

pub(super) const DEVICES: [Device; 2] = [Device::Landline, Device::Mobile];

/// One of the attributes that are a phone together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    IsPrimary,
    /// ISO 3166 in three letters.
    Country,
    /// The dialling code, digits.
    Code,
    /// National digits.
    Number,
    Extension,
}

#[rustfmt::skip]
const PLACES: &[(&str, Place)] = &[
    (WORKER_ID,                              Place::WorkerId),
    (EMAIL,                                  Place::Email),
    (USER_NAME,                              Place::UserName),
    (HIRE_DATE,                              Place::HireDate),
    ("WorkphoneLandlineIsPrimary",           Place::Phone(Device::Landline, Part::IsPrimary)),
    ("WorkphoneLandlineCountryCodeName",     Place::Phone(Device::Landline, Part::Country)),
    ("WorkphoneLandlineCountryCodeNumber",   Place::Phone(Device::Landline, Part::Code)),
    ("WorkphoneLandlineNumber",              Place::Phone(Device::Landline, Part::Number)),
    ("WorkphoneLandlineExtension",           Place::Phone(Device::Landline, Part::Extension)),
    ("WorkphoneMobileIsPrimary",             Place::Phone(Device::Mobile, Part::IsPrimary)),
    ("WorkphoneMobileCountryCodeName",       Place::Phone(Device::Mobile, Part::Country)),
    ("WorkphoneMobileCountryCodeNumber",     Place::Phone(Device::Mobile, Part::Code)),
    ("WorkphoneMobileNumber",                Place::Phone(Device::Mobile, Part::Number)),
];

/// Every attribute, as documented.
pub(super) fn attributes() -> impl Iterator<Item = (&'static str, Place)> {
    PLACES.iter().copied()
}

impl Place {
    pub fn of(attribute: &str) -> Option<Place> {
        let known = PLACES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        known.map(|(_, place)| *place)
    }

    /// The documented name; a mobile's extension has none.
    pub fn name(self) -> Option<&'static str> {
        let known = PLACES.iter().find(|(_, place)| *place == self);
        known.map(|(name, _)| *name)
    }
}

/// The longest e-mail address (RFC 5321 §4.5.3.1), and what may stand before its @.
const LONGEST_ADDRESS: usize = 254;
const LONGEST_LOCAL_PART: usize = 64;

/// Digits of a number without its dialling code (E.164 has fifteen with it).
const DIGITS: std::ops::RangeInclusive<usize> = 3..=14;
const LONGEST_EXTENSION: usize = 15;

fn canonical(attribute: &str, value: String) -> String {
    let trimmed = value.trim();
    match Place::of(attribute) {
        Some(Place::Phone(_, Part::IsPrimary)) => trimmed.to_ascii_lowercase(),
        Some(Place::Phone(_, Part::Country)) => {
            let alpha3 = Country::named(trimmed).and_then(Country::alpha3);
            alpha3.map_or_else(|| trimmed.to_string(), str::to_string)
        }
        Some(Place::Phone(_, Part::Code)) => trimmed.trim_start_matches('+').to_string(),
        _ => trimmed.to_string(),
    }
}

fn check(attribute: &str, value: &str) -> Result<(), Violation> {
    let Some(place) = Place::of(attribute) else {
        return violation(
            "SchemaAttributeNotFound",
            "Workday takes home no such attribute: take the mapping out".into(),
        );
    };
    match place {
        Place::WorkerId => Ok(()),
        Place::Email => address(value).map_or(Ok(()), |fault| {
            syntax(format!("{fault}: correct it in the directory"))
        }),
        Place::UserName => user_name(value),
        Place::HireDate => violation(
            "SchemaAttributeNotFound",
            "HR alone says when somebody begins: take the mapping out".into(),
        ),
        Place::Phone(_, Part::IsPrimary) if ["true", "false"].contains(&value) => Ok(()),
        Place::Phone(_, Part::IsPrimary) => syntax("is neither \"true\" nor \"false\"".into()),
        Place::Phone(_, Part::Country) if Country::named(value).and_then(Country::alpha3) == Some(value) => {
            Ok(())
        }
        Place::Phone(_, Part::Country) => syntax("is no country of three capital letters (ISO 3166)".into()),
        Place::Phone(_, Part::Code) if is_digits(value) && Country::dialled(value).is_some() => Ok(()),
        Place::Phone(_, Part::Code) => syntax("is no country's dialling code such as 44".into()),
        Place::Phone(_, Part::Number) if is_digits(value) && DIGITS.contains(&value.len()) => Ok(()),
        Place::Phone(_, Part::Number) => syntax(format!(
            "is no national number of {} to {} digits",
            DIGITS.start(),
            DIGITS.end()
        )),
        // An empty one takes the extension away.
        Place::Phone(_, Part::Extension) if is_digits(value) && value.len() <= LONGEST_EXTENSION => Ok(()),
        Place::Phone(_, Part::Extension) => {
            syntax(format!("is no extension of at most {LONGEST_EXTENSION} digits"))
        }
    }
}

fn is_digits(text: &str) -> bool {
    digits(text).len() == text.len()
}

/// What is wrong with an address: Workday takes `xxx@yy.com`.
fn address(text: &str) -> Option<String> {
    let fault = |text: &str| Some(text.to_string());
    let Some((local, domain)) = text.split_once('@') else {
        return fault("has no @");
    };
    if let Some(odd) = text
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(*c))
    {
        return Some(format!("has {odd:?}, which no address may"));
    }
    if local.is_empty() || local.len() > LONGEST_LOCAL_PART || local.starts_with('.') || local.ends_with('.')
    {
        return Some(format!(
            "needs 1 to {LONGEST_LOCAL_PART} characters before the @, no dot at either end"
        ));
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    if !domain.contains('.') || !domain.split('.').all(is_label) {
        return fault("needs one domain such as example.com after the @");
    }
    (text.len() > LONGEST_ADDRESS).then(|| format!("is longer than {LONGEST_ADDRESS} characters"))
}

fn user_name(value: &str) -> Result<(), Violation> {
    match value.chars().find(|c| ";:".contains(*c) || c.is_control()) {
        Some(odd) => syntax(format!(
            "has {odd:?}, which no user name of Workday's may: correct the mapping"
        )),
        None if value.is_empty() => syntax("is empty: Workday's accounts have a user name".into()),
        None => Ok(()),
    }
}

fn syntax(message: String) -> Result<(), Violation> {
    violation("InvalidAttributeSyntax", message)
}

fn violation(code: &'static str, message: String) -> Result<(), Violation> {
    Err(Violation { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_before_they_are_sent() {
        for (attribute, value, fits) in [
            ("EmailAddress", "ada.o'neill+x@mail.example.com", true),
            ("emailaddress", "zoë@example.com", true),
            ("EmailAddress", "ada", false),
            ("EmailAddress", "ada@localhost", false),
            ("EmailAddress", "ada@example.com, bob@example.com", false),
            ("EmailAddress", "ada@b@example.com", false),
            ("EmailAddress", "ada @example.com", false),
            ("EmailAddress", ".ada@example.com", false),
            ("EmailAddress", "ada@.example.com", false),
            ("EmailAddress", &format!("{}@example.com", "a".repeat(65)), false),
            ("EmailAddress", "", false),
            ("UserID", "ada@example.com", true),
            ("UserID", "ada;king", false),
            ("UserID", "ada:king", false),
            ("UserID", "", false),
            ("WorkphoneLandlineIsPrimary", "true", true),
            ("WorkphoneLandlineIsPrimary", "yes", false),
            ("WorkphoneMobileCountryCodeName", "GBR", true),
            ("WorkphoneMobileCountryCodeName", "UKX", false),
            ("WorkphoneMobileCountryCodeNumber", "44", true),
            ("WorkphoneMobileCountryCodeNumber", "999", false),
            ("WorkphoneMobileNumber", "2079460958", true),
            ("WorkphoneMobileNumber", "020 7946", false),
            ("WorkphoneMobileNumber", "12", false),
            ("WorkphoneLandlineExtension", "0123", true),
            ("WorkphoneLandlineExtension", "", true),
            ("WorkphoneLandlineExtension", "x12", false),
            ("WorkphoneMobileExtension", "12", false),
            ("Department", "Rail", false),
        ] {
            assert_eq!(check(attribute, value).is_ok(), fits, "{attribute}: {value}");
        }
    }

    #[test]
    fn values_have_one_way_of_being_written() {
        for (attribute, value, expected) in [
            ("EmailAddress", " ada@example.com\n", "ada@example.com"),
            ("workphonelandlineisprimary", "True", "true"),
            ("WorkphoneLandlineCountryCodeName", "de", "DEU"),
            ("WorkphoneLandlineCountryCodeNumber", "+49", "49"),
            ("UserID", " Ada ", "Ada"),
        ] {
            assert_eq!(canonical(attribute, value.into()), expected);
        }
    }
}
