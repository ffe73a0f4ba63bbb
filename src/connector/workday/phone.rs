//! Telephone numbers as Workday keeps them: a country, its dialling code, the national digits and an extension. What is
//! dialled where is known to libphonenumber's data.

use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;

/// No number has more characters, written in whatever way.
const LONGEST: usize = 100;

/// A number with nothing about it that is not the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub country: Country,
    /// Digits to dial before it from abroad: `49`.
    pub code: String,
    /// Digits, without what is dialled before them within the country.
    pub national: String,
    pub extension: Option<String>,
}

/// A country that numbers belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Country(Id);

/// Workday's name for Kosovo, which has none in ISO 3166.
const KOSOVO: (&str, &str) = ("XK", "XKX");

impl Country {
    /// By ISO 3166 in two letters or three.
    pub fn named(name: &str) -> Option<Country> {
        let name = name.trim().to_ascii_uppercase();
        let alpha2 = match name.len() {
            2 => name,
            3 if name == KOSOVO.1 => KOSOVO.0.to_string(),
            3 => rust_iso3166::from_alpha3(&name)?.alpha2.to_string(),
            _ => return None,
        };
        let country = Country(alpha2.parse().ok()?);
        country.alpha3().map(|_| country)
    }

    /// The one that most numbers with a dialling code belong to.
    pub fn dialled(code: &str) -> Option<Country> {
        let code: u16 = code.trim().trim_start_matches('+').parse().ok()?;
        let regions = DATABASE.region(&code)?;
        Some(Country(regions.first()?.parse().ok()?))
    }

    /// ISO 3166 in three letters.
    pub fn alpha3(self) -> Option<&'static str> {
        match self.0.as_ref() {
            alpha2 if alpha2 == KOSOVO.0 => Some(KOSOVO.1),
            alpha2 => Some(rust_iso3166::from_alpha2(alpha2)?.alpha3),
        }
    }

    /// Digits to dial before its numbers from abroad.
    pub fn code(self) -> Option<u16> {
        Some(DATABASE.by_id(self.0.as_ref())?.country_code())
    }

    /// Numbers of a country have certain lengths.
    fn has_numbers_of(self, digits: usize) -> bool {
        let lengths = DATABASE
            .by_id(self.0.as_ref())
            .map(|country| country.descriptors().general().possible_length());
        lengths.is_some_and(|lengths| lengths.iter().any(|length| usize::from(*length) == digits))
    }
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// It has no dialling code, and nobody says which country it is of.
    Country,
    Number,
}

/// Whether a text has its dialling code with it.
pub(super) fn is_international(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix("tel:").unwrap_or(text);
    text.starts_with(['+', '＋']) && digits(text).len() > LONGEST_CODE
}

/// Dialling codes have three digits at most; what people write before them may be one more.
const LONGEST_CODE: usize = 4;

pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Reads a number in any way of writing: international, or as people of `country` dial it. The number itself says which of the
/// countries with one dialling code it is of.
pub(super) fn parse(text: &str, country: Option<Country>) -> Result<Number, Unclear> {
    if text.len() > LONGEST {
        return Err(Unclear::Number);
    }
    if country.is_none() && !is_international(text) {
        return Err(match digits(text).is_empty() {
            true => Unclear::Number,
            false => Unclear::Country,
        });
    }
    let parsed = phonenumber::parse(country.map(|country| country.0), text).map_err(|_| Unclear::Number)?;
    let code = parsed.code().value();
    let own = parsed.country().id().map(Country);
    let expected = country.filter(|country| country.code() == Some(code));
    let found = own.or(expected).or_else(|| Country::dialled(&code.to_string()));
    let country = found
        .filter(|country| country.alpha3().is_some())
        .ok_or(Unclear::Country)?;
    let national = parsed.national().to_string();
    // What the data do not know may be new, but not of any length.
    match parsed.is_valid() || country.has_numbers_of(national.len()) {
        true => Ok(Number {
            country,
            code: code.to_string(),
            national,
            extension: parsed.extension().map(|extension| digits(extension)),
        }),
        false => Err(Unclear::Number),
    }
}

/// The national digits of a number as Workday shows it, which writes it in its own way.
pub(super) fn national(text: &str, country: Option<Country>) -> String {
    match parse(text, country) {
        Ok(number) if country.is_none_or(|country| country.code() == number.code.parse().ok()) => {
            number.national
        }
        _ => digits(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str, country: &str) -> String {
        match parse(text, Country::named(country)) {
            Ok(number) => {
                let Number {
                    country,
                    code,
                    national,
                    extension,
                } = number;
                let extension = extension.map_or_else(String::new, |extension| format!(" x{extension}"));
                format!("{}_{code} {national}{extension}", country.alpha3().unwrap())
            }
            Err(unclear) => format!("{unclear:?}"),
        }
    }

    #[test]
    fn numbers_are_read_in_every_way_of_writing() {
        for (text, country, expected) in [
            ("+12065550143", "", "USA_1 2065550143"),
            ("+1 (206) 555-0143 x4321", "", "USA_1 2065550143 x4321"),
            ("+1 206-555-0143 ext. 4321", "DE", "USA_1 2065550143 x4321"),
            ("tel:+1-206-555-0143;ext=4321", "", "USA_1 2065550143 x4321"),
            ("(206) 555-0143", "USA", "USA_1 2065550143"),
            ("1 206 555 0143", "us", "USA_1 2065550143"),
            ("2065550143x4321", "US", "USA_1 2065550143 x4321"),
            ("+1 514 555 0143", "", "CAN_1 5145550143"),
            ("514-555-0143", "USA", "CAN_1 5145550143"),
            ("+1 876 555 0143", "", "JAM_1 8765550143"),
            ("+44 20 7946 0958", "", "GBR_44 2079460958"),
            ("020 7946 0958", "GB", "GBR_44 2079460958"),
            ("2079460958", "GBR", "GBR_44 2079460958"),
            ("+44 1481 960194", "", "GGY_44 1481960194"),
            ("+49 (0)89 123456", "", "DEU_49 89123456"),
            ("089/123456", "DEU", "DEU_49 89123456"),
            ("089 123456-78", "DE", "DEU_49 8912345678"),
            ("+33 1 42 68 53 00", "", "FRA_33 142685300"),
            ("01 42 68 53 00", "FRA", "FRA_33 142685300"),
            ("+91 98765 43210", "", "IND_91 9876543210"),
            ("098765 43210", "IND", "IND_91 9876543210"),
            ("+81 3-1234-5678", "", "JPN_81 312345678"),
            ("03-1234-5678", "JPN", "JPN_81 312345678"),
            ("+61 2 9374 4000", "", "AUS_61 293744000"),
            ("(02) 9374 4000", "AUS", "AUS_61 293744000"),
            ("0412 345 678", "AU", "AUS_61 412345678"),
            ("+39 06 6982 1234", "", "ITA_39 0669821234"),
            ("+7 701 234 5678", "", "KAZ_7 7012345678"),
            ("+383 38 200 000", "", "XKX_383 38200000"),
            ("2065550143", "", "Country"),
            ("hello", "", "Number"),
            ("hello", "US", "Number"),
            ("", "US", "Number"),
            ("+", "", "Number"),
            ("+999 1234567", "", "Number"),
            ("123", "US", "Number"),
            ("+1 206", "", "Country"),
            ("+800 1234 0000", "", "Country"),
            (&"1".repeat(101), "US", "Number"),
        ] {
            assert_eq!(told(text, country), expected, "{text} in {country}");
        }
    }

    #[test]
    fn countries_are_named_in_two_letters_or_three() {
        for (name, expected) in [
            ("DE", Some("DEU")),
            ("deu", Some("DEU")),
            (" USA ", Some("USA")),
            ("XKX", Some("XKX")),
            ("AC", None),
            ("Germany", None),
            ("+1", None),
            ("", None),
        ] {
            assert_eq!(Country::named(name).and_then(Country::alpha3), expected, "{name}");
        }
        assert_eq!(Country::dialled("+1").and_then(Country::alpha3), Some("USA"));
        assert_eq!(Country::dialled("44").and_then(Country::alpha3), Some("GBR"));
        assert_eq!(Country::dialled("7").and_then(Country::alpha3), Some("RUS"));
        assert_eq!(Country::dialled("999"), None);
    }

    #[test]
    fn what_workday_shows_is_compared_as_digits() {
        let german = Country::named("DEU");
        assert_eq!(national("(089) 123456", german), "89123456");
        assert_eq!(national("(206) 555-0143", Country::named("USA")), "2065550143");
        assert_eq!(national("12 34", Country::named("USA")), "1234", "as it is");
        assert_eq!(national("206-555", None), "206555");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,40}", digits in "[+0-9 ()x;=-]{0,30}", country in "[A-Z]{2}") {
            for text in [text, digits] {
                if let Ok(number) = parse(&text, Country::named(&country)) {
                    prop_assert!(number.national.bytes().all(|byte| byte.is_ascii_digit()));
                    // What comes out goes in again.
                    let again = format!("+{}{}", number.code, number.national);
                    if let Ok(again) = parse(&again, None) {
                        prop_assert_eq!(again.national, number.national);
                    }
                }
            }
        }
    }
}
