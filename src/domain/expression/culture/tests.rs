//! The words of the table are CLDR's, as ICU4X gives them, and every culture reads what it writes.

use icu_calendar::Gregorian;
use icu_datetime::fieldsets::enums::CompositeDateTimeFieldSet;
use icu_datetime::input::{Date, DateTime, Time};
use icu_datetime::pattern::{DateTimePattern, FixedCalendarDateTimeNames};
use icu_locale_core::Locale;
use writeable::TryWriteable;

use super::super::moment::Moment;
use super::super::time_format::TimeFormat;
use super::*;

/// 2001 began on a Monday.
fn written(culture: &str, pattern: &str, month: u8, day: u8, hour: u8) -> String {
    let locale: Locale = culture.parse().unwrap();
    let pattern: DateTimePattern = pattern.parse().unwrap();
    let mut names: FixedCalendarDateTimeNames<Gregorian, CompositeDateTimeFieldSet> =
        FixedCalendarDateTimeNames::try_new(locale.into()).unwrap();
    let formatter = names.include_for_pattern(&pattern).unwrap();
    let moment = DateTime {
        date: Date::try_new_gregorian(2001, month, day).unwrap(),
        time: Time::try_new(hour, 0, 0, 0).unwrap(),
    };
    let formatted = formatter.format(&moment);
    formatted.try_write_to_string().unwrap().into_owned()
}

#[test]
fn words_are_those_of_cldr() {
    for Culture { name, names, .. } in CULTURES {
        let months = |pattern: &str| -> Vec<String> {
            (1..=12)
                .map(|month| written(name, pattern, month, 1, 0))
                .collect()
        };
        let days =
            |pattern: &str| -> Vec<String> { (1..=7).map(|day| written(name, pattern, 1, day, 0)).collect() };
        let halves: Vec<String> = [1, 13].map(|hour| written(name, "aaaa", 1, 1, hour)).into();
        assert_eq!(names.months.as_slice(), months("LLLL"), "{name}");
        assert_eq!(names.months_beside_day.as_slice(), months("MMMM"), "{name}");
        assert_eq!(names.short_months.as_slice(), months("LLL"), "{name}");
        assert_eq!(names.short_months_beside_day.as_slice(), months("MMM"), "{name}");
        assert_eq!(names.days.as_slice(), days("cccc"), "{name}");
        assert_eq!(names.short_days.as_slice(), days("ccc"), "{name}");
        assert_eq!(names.halves.as_slice(), halves, "{name}");
    }
}

#[test]
fn cultures_are_found_by_name_in_any_case() {
    assert!(NAMES.is_sorted_by_key(|name| name.to_lowercase()));
    for name in NAMES {
        assert_eq!(find(&name.to_uppercase()).unwrap().name, *name);
    }
    assert_eq!(find("").unwrap().name, "");
    assert!(find("tlh").is_none() && find("de_DE").is_none());
}

#[test]
fn separators_stand_between_the_parts() {
    for (name, date, time) in [
        ("", "/", ":"),
        ("de-DE", ".", ":"),
        ("fi-FI", ".", "."),
        ("nl-NL", "-", ":"),
        ("fr-CA", "-", " h "),
        ("zh-TW", "/", ":"),
    ] {
        let culture = find(name).unwrap();
        assert_eq!(
            (culture.date_separator(), culture.time_separator()),
            (date.into(), time.into()),
            "{name}"
        );
    }
}

#[test]
fn every_culture_reads_what_it_writes() {
    for culture in CULTURES {
        for month in 1..=12 {
            let text = format!("2024-{month:02}-01T13:07:09");
            let moment = Moment::parse(&text).unwrap();
            for (format, shown) in [
                ("d", "yyyy-MM-dd"),
                ("D", "yyyy-MM-dd"),
                ("f", "yyyy-MM-ddTHH:mm"),
                ("F", "yyyy-MM-ddTHH:mm:ss"),
                ("g", "yyyy-MM-ddTHH:mm"),
                ("G", "yyyy-MM-ddTHH:mm:ss"),
                ("y", "yyyy-MM"),
                ("ddd, d MMM yyyy", "yyyy-MM-dd"),
                ("MMMM yyyy h:mm t", "yyyy-MM"),
            ] {
                let format = TimeFormat::parse(format, culture).unwrap();
                let shown = TimeFormat::parse(shown, &INVARIANT).unwrap();
                let written = format.write(moment);
                let read = format.read(&written);
                assert_eq!(
                    read.map(|read| shown.write(read)),
                    Some(shown.write(moment)),
                    "{}: {written}",
                    culture.name
                );
            }
        }
    }
}
