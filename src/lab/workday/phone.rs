//! Phone numbers, in all the ways in which answers write them, and the rules for those that come in.

use super::event::Phone;
use super::places::Country;

/// One number, written.
pub struct Written<'p> {
    /// Where numbers have one of a fixed length.
    pub area: Option<&'p str>,
    /// The number behind it.
    pub rest: &'p str,
    /// `206-555-0143`
    pub plain: String,
    /// `(206) 555-0143 x4321`
    pub national: String,
    /// `+1 206-555-0143 x4321`
    pub international: String,
    /// `+1 (206) 5550143 x4321`
    pub traditional: String,
    /// `+12065550143`
    pub e164: String,
}

impl Written<'_> {
    pub fn of<'p>(phone: &'p Phone, country: &Country) -> Written<'p> {
        let dialling = country.dialling;
        let extension = phone
            .extension
            .as_ref()
            .map_or_else(String::new, |extension| format!(" x{extension}"));
        let e164 = format!("+{dialling}{}", phone.digits);
        let parts = country.digits.and_then(|_| {
            Some((
                phone.digits.get(..3)?,
                phone.digits.get(3..6)?,
                phone.digits.get(6..)?,
            ))
        });
        match parts {
            Some((area, office, line)) => Written {
                area: Some(area),
                rest: &phone.digits[3..],
                plain: format!("{area}-{office}-{line}"),
                national: format!("({area}) {office}-{line}{extension}"),
                international: format!("+{dialling} {area}-{office}-{line}{extension}"),
                traditional: format!("+{dialling} ({area}) {office}{line}{extension}"),
                e164,
            },
            None => Written {
                area: None,
                rest: &phone.digits,
                plain: phone.digits.to_string(),
                national: format!("{}{extension}", phone.digits),
                international: format!("+{dialling} {}{extension}", phone.digits),
                traditional: format!("+{dialling} {}{extension}", phone.digits),
                e164,
            },
        }
    }
}

/// The digits of a national number as somebody wrote it, or what is wrong with it, in Workday's words.
pub fn digits(text: &str, country: &Country) -> Result<String, String> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit());
    if country.digits.is_some() && !is_plain {
        return Err(format!(
            "Only Numbers are allowed for Phone Number field when the Country {} is listed in the 'Allowed Phone Validations' field in Tenant Setup - Global",
            country.name
        ));
    }
    if !text.chars().all(|c| c.is_ascii_digit() || " ()-./".contains(c)) {
        return Err("Invalid number: it has characters that numbers do not have".into());
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match country.digits {
        Some(exactly) if digits.len() != exactly => Err(format!(
            "Invalid number: a number in {} has {exactly} digits",
            country.name
        )),
        None if !(3..=14).contains(&digits.len()) => Err("Invalid number: it has 3 to 14 digits".into()),
        _ => Ok(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::workday::event::Usage;
    use crate::lab::workday::places::country;

    fn phone(country: &str, digits: &str, extension: Option<&str>) -> Phone {
        Phone {
            number: 1,
            device: "Landline".into(),
            country: country.into(),
            digits: digits.into(),
            extension: extension.map(Into::into),
            usage: Usage {
                work: true,
                primary: true,
                public: true,
                used_for: Box::default(),
            },
        }
    }

    #[test]
    fn numbers_are_written_as_recorded_ones_are() {
        let number = phone("US", "2065550143", Some("4321"));
        let written = Written::of(&number, country("US"));
        assert_eq!(written.traditional, "+1 (206) 5550143 x4321");
        assert_eq!(written.national, "(206) 555-0143 x4321");
        assert_eq!(written.international, "+1 206-555-0143 x4321");
        assert_eq!(
            (written.e164.as_str(), written.plain.as_str()),
            ("+12065550143", "206-555-0143")
        );
        assert_eq!((written.area, written.rest), (Some("206"), "5550143"));
        let number = phone("DE", "891230001", None);
        let written = Written::of(&number, country("DE"));
        assert_eq!(
            (written.traditional.as_str(), written.area),
            ("+49 891230001", None)
        );
    }

    #[test]
    fn numbers_have_the_digits_of_their_country() {
        assert_eq!(digits("2065550143", country("US")), Ok("2065550143".into()));
        assert_eq!(digits("(0)89 123-456", country("DE")), Ok("089123456".into()));
        for (text, alpha2, told) in [
            ("206-555-0143", "US", "Only Numbers are allowed"),
            ("20655501", "US", "Invalid number: a number in United States"),
            ("89 12x", "DE", "Invalid number"),
            ("1", "GB", "Invalid number"),
        ] {
            let why = digits(text, country(alpha2)).unwrap_err();
            assert!(why.contains(told), "{text}: {why}");
        }
    }
}
