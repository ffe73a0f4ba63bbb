//! A phone's parts, put together from whatever the mappings give.
//!
//! The documented mappings take a directory's number apart with regular expressions, which give back what they got where
//! they do not match. So any part may hold the whole number, and a national number may need the country of another part.

use std::collections::BTreeMap;

use super::model::{DEVICES, Device, Part, Place};
use super::phone::{self, Country, Number, Unclear, digits, is_international};
use crate::domain::account::{Values, Violation};

/// [`Model::compose`](crate::domain::account::Model::compose): afterwards a phone's parts that are wanted are of one
/// number, in Workday's form. Of a phone that cannot be, nothing is wanted.
pub(super) fn compose(wanted: &mut BTreeMap<String, String>, held: &Values) -> Vec<(String, Violation)> {
    let mut violations = Vec::new();
    for device in DEVICES {
        let phone = Phone { device, held };
        if let Err((part, violation)) = phone.compose(wanted) {
            let attribute = phone.key(wanted, part).unwrap_or_else(|| phone.name(part));
            phone.leave_alone(wanted);
            violations.push((attribute, violation));
        }
    }
    settle_flags(wanted, held);
    violations
}

/// Which phone is to be the primary one is a wish: a flag that is there cannot be turned, somebody's first phone has to be it,
/// and of two that would be it is the landline.
fn settle_flags(wanted: &mut BTreeMap<String, String>, held: &Values) {
    let mut phones = DEVICES.map(|device| Phone { device, held });
    let mut has_primary = phones
        .iter()
        .any(|phone| phone.has(Part::IsPrimary) == Some("true"));
    phones.sort_by_key(|phone| {
        let wish = phone
            .key(wanted, Part::IsPrimary)
            .and_then(|key| wanted.get(&key));
        wish.is_none_or(|wish| !wish.trim().eq_ignore_ascii_case("true"))
    });
    for phone in phones {
        let Some(key) = phone.key(wanted, Part::IsPrimary) else {
            continue;
        };
        if phone.has(Part::Number).is_some() {
            wanted.remove(&key);
        } else {
            wanted.insert(key, (!has_primary).to_string());
            has_primary = true;
        }
    }
}

/// One device's phone.
struct Phone<'a> {
    device: Device,
    held: &'a Values,
}

type Fault = (Part, Violation);

impl Phone<'_> {
    fn compose(&self, wanted: &mut BTreeMap<String, String>) -> Result<(), Fault> {
        let given = |part| {
            let text = wanted.get(&self.key(wanted, part)?)?.trim();
            (!text.is_empty()).then(|| text.to_string())
        };
        let (name, code, number, extension) = (
            given(Part::Country),
            given(Part::Code),
            given(Part::Number),
            given(Part::Extension),
        );
        // The whole number, in whichever part it came.
        let whole = [&number, &name, &code, &extension]
            .into_iter()
            .flatten()
            .find(|text| is_international(text));
        let whole = whole
            .map(|text| phone::parse(text, None).map_err(|why| unclear(why, Part::Number)))
            .transpose()?;
        let is_said = number.is_some() || whole.is_some() || extension.is_some();
        let is_kept = number.is_some() || self.has(Part::Number).is_some();
        // Constants and defaults say nothing where there is no number.
        if !is_said || !is_kept {
            self.leave_alone(wanted);
            return Ok(());
        }
        let own = |text: &Option<String>| text.clone().filter(|text| !is_international(text));
        let (name, code) = (own(&name), own(&code));
        let read = match (number.as_deref(), whole) {
            (_, Some(whole)) if number.as_deref().is_none_or(is_international) => Some(whole),
            (Some(national), whole) => {
                let country = match whole {
                    Some(whole) => Some(whole.country),
                    None => self
                        .country(name.as_deref(), code.as_deref())?
                        .or(self.held_country()),
                };
                Some(phone::parse(national, country).map_err(|why| unclear(why, Part::Number))?)
            }
            (None, whole) => whole,
        };
        match read {
            Some(read) => {
                if number.is_some() && name.is_none() && code.is_none() {
                    self.agrees_with_held(wanted, &read)?;
                }
                self.put(wanted, Part::Country, read.country.alpha3());
                self.put(wanted, Part::Code, Some(&read.code));
                self.put(wanted, Part::Number, Some(&read.national));
                self.put_extension(wanted, extension.as_deref(), Some(&read));
            }
            // Without a number they are nobody's.
            None => {
                for part in [Part::IsPrimary, Part::Country, Part::Code] {
                    let key = self.key(wanted, part);
                    key.and_then(|key| wanted.remove(&key));
                }
                self.put_extension(wanted, extension.as_deref(), None);
            }
        }
        Ok(())
    }

    /// The country that the mappings name, in letters or by its dialling code.
    fn country(&self, name: Option<&str>, code: Option<&str>) -> Result<Option<Country>, Fault> {
        let named = match name {
            None => None,
            Some(name) => Some(Country::named(name).ok_or_else(|| {
                let message = "is no country of two or three letters (ISO 3166): correct the mapping";
                (Part::Country, syntax(message))
            })?),
        };
        let dialled = match code {
            None => None,
            Some(code) => Some(Country::dialled(code).ok_or_else(|| {
                let message = "is no country's dialling code such as 44: correct the mapping";
                (Part::Code, syntax(message))
            })?),
        };
        // The code is the number's own; the name may be that of its person's country, for numbers that have none.
        Ok(match (named, dialled) {
            (Some(named), Some(dialled)) if named.code() != dialled.code() => Some(dialled),
            (named, dialled) => named.or(dialled),
        })
    }

    /// The country of the number that Workday has.
    fn held_country(&self) -> Option<Country> {
        let by_name = self.has(Part::Country).and_then(Country::named);
        by_name.or_else(|| self.has(Part::Code).and_then(Country::dialled))
    }

    /// Where no mapping gives the country, the one that Workday has must be that of the number.
    fn agrees_with_held(&self, wanted: &BTreeMap<String, String>, read: &Number) -> Result<(), Fault> {
        let is_mapped = |part| self.key(wanted, part).is_some();
        if is_mapped(Part::Country)
            || is_mapped(Part::Code)
            || self.has(Part::Code) == Some(read.code.as_str())
        {
            return Ok(());
        }
        let message = format!(
            "the number's dialling code is {}, and Workday has {}: map CountryCodeName and CountryCodeNumber as well",
            read.code,
            self.has(Part::Code).unwrap_or("none")
        );
        Err((Part::Number, constraint(&message)))
    }

    /// Only what is mapped is wanted.
    fn put(&self, wanted: &mut BTreeMap<String, String>, part: Part, value: Option<&str>) {
        if let (Some(key), Some(value)) = (self.key(wanted, part), value) {
            wanted.insert(key, value.to_string());
        }
    }

    fn put_extension(
        &self,
        wanted: &mut BTreeMap<String, String>,
        given: Option<&str>,
        read: Option<&Number>,
    ) {
        let Some(key) = self.key(wanted, Part::Extension) else {
            return;
        };
        let national = read.map(|read| read.national.as_str());
        let is_own = |text: &&str| {
            let digits = digits(text);
            // Where there is none, the number comes instead of it.
            let is_number = is_international(text)
                || national.is_some_and(|national| {
                    digits.ends_with(national)
                        || national.ends_with(&digits) && digits.len() >= SHORTEST_LOCAL
                });
            !digits.is_empty() && !is_number
        };
        let own = given.filter(is_own).map(digits);
        let extension = own.or_else(|| read.and_then(|read| read.extension.clone()));
        let is_another = national.is_some_and(|national| self.has(Part::Number) != Some(national));
        match extension {
            Some(extension) => drop(wanted.insert(key, extension)),
            // That of another number is none of this one's.
            None if is_another && self.has(Part::Extension).is_some() => {
                drop(wanted.insert(key, String::new()))
            }
            None => drop(wanted.remove(&key)),
        }
    }

    fn leave_alone(&self, wanted: &mut BTreeMap<String, String>) {
        wanted.retain(|attribute, _| !matches!(Place::of(attribute), Some(Place::Phone(device, _)) if device == self.device));
    }

    fn has(&self, part: Part) -> Option<&str> {
        let own = Place::Phone(self.device, part);
        let (_, values) = self
            .held
            .iter()
            .find(|(attribute, _)| Place::of(attribute) == Some(own))?;
        values.first().map(String::as_str)
    }

    /// As the mappings spell the attribute.
    fn key(&self, wanted: &BTreeMap<String, String>, part: Part) -> Option<String> {
        let own = Place::Phone(self.device, part);
        wanted
            .keys()
            .find(|attribute| Place::of(attribute) == Some(own))
            .cloned()
    }

    fn name(&self, part: Part) -> String {
        let name = Place::Phone(self.device, part).name();
        name.unwrap_or_default().to_string()
    }
}

/// Fewer digits than any number has that is dialled from outside a house.
const SHORTEST_LOCAL: usize = 7;

fn unclear(why: Unclear, part: Part) -> Fault {
    let message = match why {
        Unclear::Country => {
            "nobody says which country the number is of: write it as +44 20 7946 0958 in the directory, or map CountryCodeName"
        }
        Unclear::Number => "is no telephone number: write it as +44 20 7946 0958 in the directory",
    };
    (part, syntax(message))
}

fn syntax(message: &str) -> Violation {
    Violation {
        code: "InvalidAttributeSyntax",
        message: message.into(),
    }
}

fn constraint(message: &str) -> Violation {
    Violation {
        code: "ConstraintViolation",
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of a landline by their short names.
    fn landline(parts: &[(&str, &str)]) -> BTreeMap<String, String> {
        let part =
            |(name, value): &(&str, &str)| (format!("WorkphoneLandline{}", long(name)), (*value).to_string());
        parts.iter().map(part).collect()
    }

    fn long(name: &str) -> &str {
        match name {
            "name" => "CountryCodeName",
            "code" => "CountryCodeNumber",
            "number" => "Number",
            "ext" => "Extension",
            "primary" => "IsPrimary",
            other => panic!("{other}"),
        }
    }

    fn held(parts: &[(&str, &str)]) -> Values {
        landline(parts)
            .into_iter()
            .map(|(name, value)| (name, vec![value]))
            .collect()
    }

    #[track_caller]
    fn composes(given: &[(&str, &str)], has: &[(&str, &str)], expected: &[(&str, &str)]) {
        let mut wanted = landline(given);
        assert_eq!(compose(&mut wanted, &held(has)), [], "{given:?}");
        assert_eq!(wanted, landline(expected), "{given:?}");
    }

    #[track_caller]
    fn violates(given: &[(&str, &str)], has: &[(&str, &str)], part: &str, says: &str) {
        let mut wanted = landline(given);
        wanted.insert("EmailAddress".into(), "ada@example.com".into());
        let violations = compose(&mut wanted, &held(has));
        let [(attribute, violation)] = violations.as_slice() else {
            panic!("{given:?}: {violations:?}");
        };
        assert_eq!(
            *attribute,
            format!("WorkphoneLandline{}", long(part)),
            "{given:?}"
        );
        assert!(
            violation.message.contains(says),
            "{given:?}: {}",
            violation.message
        );
        assert_eq!(wanted.len(), 1, "the rest goes on: {wanted:?}");
    }

    #[test]
    fn a_whole_number_in_every_part_is_taken_apart() {
        for (number, expected) in [
            (
                "+12065550143",
                [("name", "USA"), ("code", "1"), ("number", "2065550143")],
            ),
            (
                "+1 514-555-0143",
                [("name", "CAN"), ("code", "1"), ("number", "5145550143")],
            ),
            (
                "+44 (0)20 7946 0958",
                [("name", "GBR"), ("code", "44"), ("number", "2079460958")],
            ),
            (
                "+49 89 123456",
                [("name", "DEU"), ("code", "49"), ("number", "89123456")],
            ),
        ] {
            let all = ["name", "code", "number", "ext"].map(|part| (part, number));
            composes(&all, &[], &expected);
            composes(&all[..3], &[], &expected);
        }
        let with_extension = "+1 (206) 555-0143 x4321";
        composes(
            &["name", "code", "number", "ext"].map(|part| (part, with_extension)),
            &[],
            &[
                ("name", "USA"),
                ("code", "1"),
                ("number", "2065550143"),
                ("ext", "4321"),
            ],
        );
    }

    #[test]
    fn what_the_documented_expressions_give_is_put_together() {
        // Of "+1 2065550143 x4321", of "+1 (206) 555-0143" and of "+12065550143".
        let parts = [("name", "USA"), ("code", "1"), ("number", "2065550143")];
        let with = |ext| [parts.as_slice(), &[("ext", ext)]].concat();
        composes(
            &[
                ("name", "USA"),
                ("code", "1"),
                ("number", "2065550143x4321"),
                ("ext", "4321"),
            ],
            &[],
            &with("4321"),
        );
        composes(&with("+12065550143"), &[], &parts);
        composes(&with("2065550143"), &[], &parts);
        composes(&with("12065550143"), &[], &parts);
        // The country by its dialling code is that of most numbers.
        composes(
            &[("name", "USA"), ("code", "1"), ("number", "514 555 0143")],
            &[],
            &[("name", "CAN"), ("code", "1"), ("number", "5145550143")],
        );
        composes(
            &[("name", "us"), ("code", "+1"), ("number", "(206) 555-0143")],
            &[],
            &parts,
        );
    }

    #[test]
    fn a_national_number_is_of_the_country_that_is_known() {
        for (country, number, code, national) in [
            ("GB", "020 7946 0958", "44", "2079460958"),
            ("DEU", "089/123456", "49", "89123456"),
            ("FR", "01 42 68 53 00", "33", "142685300"),
            ("IND", "098765 43210", "91", "9876543210"),
            ("JP", "03-1234-5678", "81", "312345678"),
            ("AUS", "(02) 9374 4000", "61", "293744000"),
        ] {
            let country3 = Country::named(country).and_then(Country::alpha3).unwrap();
            composes(
                &[("name", country), ("number", number)],
                &[],
                &[("name", country3), ("number", national)],
            );
            composes(
                &[("code", code), ("number", number)],
                &[],
                &[("code", code), ("number", national)],
            );
            composes(
                &[("number", number)],
                &[("name", country3), ("code", code)],
                &[("number", national)],
            );
        }
    }

    #[test]
    fn parts_that_are_not_mapped_are_not_invented() {
        let has = [("name", "USA"), ("code", "1"), ("number", "2065550143")];
        composes(&[("ext", "+1 206 555 0143 x12")], &has, &[("ext", "12")]);
        composes(&[("ext", "+1 206 555 0143")], &has, &[]);
        composes(&[("ext", "0012")], &has, &[("ext", "0012")]);
        composes(&[("name", "+1 514 555 0143")], &has, &[("name", "CAN")]);
        composes(&[], &has, &[]);
    }

    #[test]
    fn constants_say_nothing_where_there_is_no_number() {
        let constants = [("primary", "true"), ("name", "USA")];
        composes(&constants, &[], &[]);
        composes(&constants, &[("number", "2065550143"), ("primary", "false")], &[]);
        composes(&[("ext", "12"), ("primary", "true")], &[], &[]);
        composes(&[("name", "Utopia"), ("number", " ")], &[], &[]);
        composes(
            &[("name", "US"), ("number", "+12065550143"), ("primary", "true")],
            &[],
            &[("name", "USA"), ("number", "2065550143"), ("primary", "true")],
        );
    }

    #[test]
    fn the_extension_of_another_number_goes_with_it() {
        let has = [
            ("name", "USA"),
            ("code", "1"),
            ("number", "2065550143"),
            ("ext", "12"),
        ];
        let whole = |number| [("number", number), ("ext", number)];
        composes(&whole("+1 206 555 0143"), &has, &[("number", "2065550143")]);
        composes(
            &whole("+1 206 555 0199"),
            &has,
            &[("number", "2065550199"), ("ext", "")],
        );
    }

    #[test]
    fn what_is_no_number_leaves_the_phone_alone() {
        violates(
            &[("number", "call me"), ("name", "US"), ("primary", "true")],
            &[],
            "number",
            "no telephone number",
        );
        violates(&[("number", "2065550143")], &[], "number", "which country");
        violates(
            &[("number", "+999 12345678")],
            &[],
            "number",
            "no telephone number",
        );
        violates(
            &[("number", "123"), ("code", "1")],
            &[],
            "number",
            "no telephone number",
        );
        violates(
            &[("number", "2065550143"), ("name", "Utopia")],
            &[],
            "name",
            "is no country",
        );
        violates(
            &[("number", "2065550143"), ("code", "999")],
            &[],
            "code",
            "is no country's",
        );
        violates(
            &[("number", "+49 89 123456")],
            &[("name", "USA"), ("code", "1")],
            "number",
            "map CountryCodeName",
        );
    }

    #[test]
    fn one_phone_is_the_primary_one() {
        let flags = |wish: [&str; 2], has: &[(&str, &str)], without: &str| {
            let number = [("primary", wish[0]), ("number", "+12065550143"), ("name", "USA")];
            let mut wanted = landline(&number);
            wanted.insert("WorkphoneMobileCountryCodeName".into(), "CAN".into());
            wanted.insert("WorkphoneMobileIsPrimary".into(), wish[1].into());
            wanted.insert("WorkphoneMobileNumber".into(), "+15145550178".into());
            wanted.remove(&format!("Workphone{without}Number"));
            assert_eq!(compose(&mut wanted, &held(has)), []);
            ["Landline", "Mobile"].map(|device| {
                let flag = wanted.get(&format!("Workphone{device}IsPrimary"));
                flag.map_or("-", String::as_str).to_string()
            })
        };
        assert_eq!(flags(["true", "false"], &[], ""), ["true", "false"]);
        assert_eq!(flags(["false", "true"], &[], ""), ["false", "true"]);
        assert_eq!(flags(["true", "true"], &[], ""), ["true", "false"]);
        assert_eq!(flags(["false", "false"], &[], ""), ["true", "false"]);
        // The only one.
        assert_eq!(flags(["true", "false"], &[], "Landline"), ["-", "true"]);
        // A flag stays as it is.
        let additional = [("number", "2065550143"), ("primary", "false")];
        assert_eq!(flags(["true", "false"], &additional, ""), ["-", "true"]);
        let primary = [("number", "2065550143"), ("primary", "true")];
        assert_eq!(flags(["false", "true"], &primary, ""), ["-", "false"]);
    }

    #[test]
    fn the_dialling_code_is_the_numbers_own() {
        composes(
            &[("name", "US"), ("code", "44"), ("number", "2079460018")],
            &[],
            &[("name", "GBR"), ("code", "44"), ("number", "2079460018")],
        );
    }
}
