//! Countries and sites. A site's name and locale are no part of anybody's history: when they change, the log of
//! transactions does not say so.

/// ISO 3166, and how to dial.
#[derive(Debug)]
pub struct Country {
    pub alpha2: &'static str,
    pub alpha3: &'static str,
    pub numeric: &'static str,
    pub name: &'static str,
    pub dialling: &'static str,
    /// Digits of a national number; where they are fixed, formatting characters are refused as well.
    pub digits: Option<usize>,
}

#[rustfmt::skip]
pub const COUNTRIES: &[Country] = &[
    Country { alpha2: "US", alpha3: "USA", numeric: "840", name: "United States of America", dialling: "1", digits: Some(10) },
    Country { alpha2: "CA", alpha3: "CAN", numeric: "124", name: "Canada", dialling: "1", digits: Some(10) },
    Country { alpha2: "DE", alpha3: "DEU", numeric: "276", name: "Germany", dialling: "49", digits: None },
    Country { alpha2: "GB", alpha3: "GBR", numeric: "826", name: "United Kingdom", dialling: "44", digits: None },
    Country { alpha2: "PL", alpha3: "POL", numeric: "616", name: "Poland", dialling: "48", digits: None },
    Country { alpha2: "IS", alpha3: "ISL", numeric: "352", name: "Iceland", dialling: "354", digits: None },
    Country { alpha2: "DK", alpha3: "DNK", numeric: "208", name: "Denmark", dialling: "45", digits: None },
    Country { alpha2: "BR", alpha3: "BRA", numeric: "076", name: "Brazil", dialling: "55", digits: None },
    Country { alpha2: "JP", alpha3: "JPN", numeric: "392", name: "Japan", dialling: "81", digits: None },
    Country { alpha2: "IN", alpha3: "IND", numeric: "356", name: "India", dialling: "91", digits: None },
    Country { alpha2: "NZ", alpha3: "NZL", numeric: "554", name: "New Zealand", dialling: "64", digits: None },
    Country { alpha2: "AU", alpha3: "AUS", numeric: "036", name: "Australia", dialling: "61", digits: None },
    Country { alpha2: "KI", alpha3: "KIR", numeric: "296", name: "Kiribati", dialling: "686", digits: None },
    Country { alpha2: "FR", alpha3: "FRA", numeric: "250", name: "France", dialling: "33", digits: None },
    Country { alpha2: "IE", alpha3: "IRL", numeric: "372", name: "Ireland", dialling: "353", digits: None },
    Country { alpha2: "NL", alpha3: "NLD", numeric: "528", name: "Netherlands", dialling: "31", digits: None },
    Country { alpha2: "SG", alpha3: "SGP", numeric: "702", name: "Singapore", dialling: "65", digits: None },
];

pub fn country(alpha2: &str) -> &'static Country {
    let known = COUNTRIES.iter().find(|country| country.alpha2 == alpha2);
    known.unwrap_or(&COUNTRIES[0])
}

/// A `Country_Phone_Code_ID`: `GBR_44`.
pub fn phone_code(id: &str) -> Option<&'static Country> {
    let (alpha3, dialling) = id.split_once('_')?;
    COUNTRIES
        .iter()
        .find(|country| country.alpha3 == alpha3 && country.dialling == dialling)
}

/// A place of work.
#[derive(Clone, Debug)]
pub struct Site {
    /// The `Location_ID`.
    pub id: &'static str,
    pub name: String,
    pub country: &'static str,
    /// Name of the region, and its part of ISO 3166-2 behind the country.
    pub region: (&'static str, &'static str),
    pub city: &'static str,
    pub postal_code: &'static str,
    pub lines: &'static [&'static str],
    /// `en_US`.
    pub locale: String,
    /// IANA.
    pub zone: &'static str,
    /// Of the legal entity that employs people here, and of the hierarchy above the site.
    pub company: (&'static str, &'static str),
    pub hierarchy: (&'static str, &'static str),
    /// Of landlines.
    pub area_code: &'static str,
}

type Row = (
    &'static str,
    &'static str,
    &'static str,
    (&'static str, &'static str),
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static str,
);

const EUROPE: (&str, &str) = ("LOCATION_HIERARCHY-1-EMEA", "Europe, Middle East & Africa");
const AMERICAS: (&str, &str) = ("LOCATION_HIERARCHY-1-AMER", "Americas");
const ASIA: (&str, &str) = ("LOCATION_HIERARCHY-1-APAC", "Asia Pacific");

/// The first ten are where the invented company is everywhere in the lab; the others are here for their time zones.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("MUC-01", "Munich", "DE", ("Bayern", "BY"), "München", "80331", &["Sendlinger Straße 12"], "de_DE", "Europe/Berlin", "89"),
    ("LON-01", "London", "GB", ("London", "LND"), "London", "W1U 6SN", &["12 St James's Square", "Floor 3"], "en_GB", "Europe/London", "20"),
    ("WAW-01", "Warsaw", "PL", ("Mazowieckie", "MZ"), "Warszawa", "00-001", &["ul. Świętokrzyska 14"], "pl_PL", "Europe/Warsaw", "22"),
    ("REK-01", "Reykjavik", "IS", ("Höfuðborgarsvæðið", "1"), "Reykjavík", "101", &["Laugavegur 7"], "is_IS", "Atlantic/Reykjavik", ""),
    ("CPH-01", "Copenhagen", "DK", ("Hovedstaden", "84"), "København", "1050", &["Kongens Nytorv 3"], "da_DK", "Europe/Copenhagen", "33"),
    ("SAO-01", "São Paulo", "BR", ("São Paulo", "SP"), "São Paulo", "01310-100", &["Avenida Paulista 900"], "pt_BR", "America/Sao_Paulo", "11"),
    ("TYO-01", "Tokyo", "JP", ("東京都", "13"), "東京", "100-0005", &["丸の内1-1"], "ja_JP", "Asia/Tokyo", "3"),
    ("MAA-01", "Chennai", "IN", ("Tamil Nadu", "TN"), "Chennai", "600002", &["12 Anna Salai"], "en_IN", "Asia/Kolkata", "44"),
    ("AKL-01", "Auckland", "NZ", ("Auckland", "AUK"), "Auckland", "1010", &["45 Queen Street"], "en_NZ", "Pacific/Auckland", "9"),
    ("YMQ-01", "Montreal", "CA", ("Québec", "QC"), "Montréal", "H2Y 1C6", &["275, rue Notre-Dame Est"], "fr_CA", "America/Toronto", "514"),
    ("HNL-01", "Honolulu", "US", ("Hawaii", "HI"), "Honolulu", "96813", &["700 Bishop Street", "Suite 12"], "en_US", "Pacific/Honolulu", "808"),
    ("SYD-01", "Sydney", "AU", ("New South Wales", "NSW"), "Sydney", "2000", &["1 Farrer Place"], "en_AU", "Australia/Sydney", "2"),
    ("CXI-01", "Kiritimati", "KI", ("Line Islands", "L"), "Ronton", "KI0107", &["London Wharf 1"], "en_GB", "Pacific/Kiritimati", ""),
    ("NYC-01", "New York", "US", ("New York", "NY"), "New York", "10007", &["233 Broadway", "Floor 21"], "en_US", "America/New_York", "212"),
    ("BLR-01", "Bengaluru", "IN", ("Karnataka", "KA"), "Bengaluru", "560001", &["5 MG Road"], "en_IN", "Asia/Kolkata", "80"),
    ("SFO-01", "San Francisco", "US", ("California", "CA"), "San Francisco", "94105", &["100 Harbor Way", "Floor 7"], "en_US", "America/Los_Angeles", "415"),
];

pub fn sites() -> Vec<Site> {
    let build = |row: &Row| {
        let (id, name, country, region, city, postal_code, lines, locale, zone, area_code) = *row;
        let company = match country {
            "US" | "CA" => ("US_01", "Northwind Rail, Inc. (US)"),
            "BR" => ("BR_01", "Northwind Rail do Brasil Ltda."),
            "JP" | "IN" | "NZ" | "AU" | "KI" => ("AP_01", "Northwind Rail Pacific Pty Ltd"),
            _ => ("EU_01", "Northwind Rail & Söhne SE"),
        };
        let hierarchy = match company.0 {
            "AP_01" => ASIA,
            "EU_01" => EUROPE,
            _ => AMERICAS,
        };
        Site {
            id,
            name: name.to_string(),
            country,
            region,
            city,
            postal_code,
            lines,
            locale: locale.to_string(),
            zone,
            company,
            hierarchy,
            area_code,
        }
    };
    ROWS.iter().map(build).collect()
}

/// Where the company's city is among the sites.
pub fn position(city: &str) -> usize {
    ROWS.iter().position(|row| row.4 == city).unwrap_or(0)
}

/// Those that are here for their zones.
pub const FAR: std::ops::Range<usize> = 10..16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::company::Company;

    #[test]
    fn every_site_has_a_country_and_a_zone() {
        assert_eq!(FAR.end, ROWS.len());
        for site in sites() {
            assert_eq!(country(site.country).alpha2, site.country);
            assert!(jiff::tz::TimeZone::get(site.zone).is_ok(), "{}", site.zone);
        }
        let people = Company::new(1, 500, jiff::civil::date(2026, 1, 1)).people;
        for person in people {
            let site = &sites()[position(person.site.city)];
            assert_eq!(
                (site.city, site.zone, site.country),
                (person.site.city, person.site.zone, person.site.country)
            );
        }
    }
}
