//! In which time zone a worker's days begin and end (B19): an expression over the worker's attributes that gives the name
//! of an IANA zone.

use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::domain::expression::{Context, Expression, Outcome, Seed};
use crate::domain::value::Value;
use crate::domain::worker::Attributes;
use crate::error::{Error, Result};

/// Each country's zone; where it has several, that of most of its people, and a word that it has.
static COUNTRIES: &str = include_str!("zones.tsv");

/// Where the place of work is; documented XPaths select it.
const COUNTRY: &str = "CountryReferenceTwoLetter";

/// An expression that gives a zone for everybody: what it gives for somebody of whom nothing is known is where all fall
/// back to for whom it gives none.
#[derive(Clone, Debug)]
pub struct Zone {
    expression: Arc<Expression>,
    fallback: TimeZone,
    by_country: bool,
}

/// The zone of one worker.
#[derive(Clone, Debug)]
pub struct Found {
    pub zone: TimeZone,
    /// Nothing said where this worker is.
    pub is_fallback: bool,
    /// The country was taken for the place, and it has other zones, too.
    pub is_guess: bool,
}

impl Zone {
    /// The error says what is wrong with the expression.
    pub fn parse(text: &str) -> Result<Zone> {
        let expression = Expression::parse(text).map_err(|error| Error::invalid(error.to_string()))?;
        if expression.reads_clock() || expression.is_random() {
            return Err(Error::invalid(
                "a zone depends on the worker alone: leave out Now and random functions",
            ));
        }
        let nobody = Attributes::new();
        match name(&expression, &nobody) {
            Some(name) => match TimeZone::get(&name) {
                Ok(fallback) => Ok(Zone {
                    expression: Arc::new(expression),
                    fallback,
                    by_country: false,
                }),
                Err(_) => Err(Error::invalid(format!(
                    "'{name}' is no time zone such as Europe/Berlin"
                ))),
            },
            None => Err(Error::invalid(
                "gives no zone for a worker of whom nothing is known: end with one, as in Coalesce([Zone], \"Europe/Berlin\")",
            )),
        }
    }

    /// By the country of the place of work, else UTC.
    pub fn by_country() -> Zone {
        let mut text = format!("Switch([{COUNTRY}], \"UTC\"");
        for (country, zone, _) in countries() {
            // A String takes whatever is written to it.
            let _ = write!(text, ", \"{country}\", \"{zone}\"");
        }
        text.push(')');
        let expression = Expression::parse(&text).unwrap_or_else(|_| Expression::constant("UTC"));
        Zone {
            expression: Arc::new(expression),
            fallback: TimeZone::UTC,
            by_country: true,
        }
    }

    pub fn of(&self, worker: &Attributes) -> Found {
        let zone = name(&self.expression, worker).and_then(|name| TimeZone::get(&name).ok());
        match zone {
            Some(zone) => Found {
                is_fallback: zone == self.fallback,
                is_guess: self.by_country && worker.get(COUNTRY).is_some_and(has_several),
                zone,
            },
            None => Found {
                zone: self.fallback.clone(),
                is_fallback: true,
                is_guess: false,
            },
        }
    }

    /// What it looks at.
    pub fn attributes(&self) -> Vec<&str> {
        self.expression.attributes()
    }
}

/// Country, zone, and whether it has others.
fn countries() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    COUNTRIES.lines().skip(1).filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?, cells.next()?, cells.next() == Some("yes")))
    })
}

fn has_several(country: &Value) -> bool {
    let named = country.to_text();
    countries().any(|(country, _, several)| several && named.as_deref() == Some(country))
}

/// The text that an expression gives for one worker.
pub(super) fn name(expression: &Expression, worker: &Attributes) -> Option<String> {
    let context = Context {
        attributes: worker,
        now: Timestamp::UNIX_EPOCH,
        seed: Seed::new(Uuid::nil(), "", ""),
        taken: &|_| false,
        default_domain: None,
        directory_domain: None,
    };
    match expression.evaluate(&context) {
        Ok(Outcome::Value { value, .. }) => value.to_text().map(|name| name.trim().to_string()),
        _ => None,
    }
    .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(country: &str) -> Attributes {
        Attributes::from([(COUNTRY.to_string(), Value::text(country))])
    }

    #[test]
    fn every_country_has_a_zone_that_exists() {
        let zone = Zone::by_country();
        assert_eq!(zone.attributes(), [COUNTRY]);
        for (country, name, several) in countries() {
            let found = zone.of(&worker(country));
            assert_eq!(
                (found.zone.iana_name(), found.is_fallback, found.is_guess),
                (Some(name), false, several),
                "{country}"
            );
        }
        assert!(zone.of(&worker("XX")).is_fallback);
        assert!(zone.of(&Attributes::new()).is_fallback);
    }

    #[test]
    fn an_expression_has_to_give_a_zone_for_everybody() {
        for (text, says) in [
            ("[Zone]", "Coalesce"),
            ("\"Berlin\"", "'Berlin' is no time zone"),
            ("Coalesce([Zone], \"CET+1\")", "no time zone"),
            ("IIF(", ""),
            ("FormatDateTime(Now(), , \"\", \"yyyy\")", "Now"),
        ] {
            let error = Zone::parse(text).unwrap_err();
            assert!(error.message.contains(says), "{text}: {error}");
        }
        let zone = Zone::parse("Coalesce([Zone], \"Australia/Sydney\")").unwrap();
        let known = Attributes::from([("Zone".to_string(), Value::text("Europe/Rome"))]);
        assert_eq!(zone.of(&known).zone.iana_name(), Some("Europe/Rome"));
        let wrong = Attributes::from([("Zone".to_string(), Value::text("Rome"))]);
        assert!(zone.of(&wrong).is_fallback);
        assert_eq!(zone.of(&wrong).zone.iana_name(), Some("Australia/Sydney"));
    }
}
