//! How cultures write dates: what .NET's `CultureInfo` holds of names, patterns and separators, taken from the same
//! source (Unicode's CLDR).
//!
//! Three things are done to CLDR's patterns as .NET does them: a year has four digits in the short date, a month that
//! stands alone is told from one beside a day by the format and not by its letters, and blanks that do not break a line
//! are plain blanks.

use std::borrow::Cow;
use std::iter::once;

mod table;
#[cfg(test)]
mod tests;

use table::CULTURES;

#[derive(Debug)]
pub struct Culture {
    /// `de-DE`, `de` for what the language's cultures share, or nothing for the invariant culture.
    pub name: &'static str,
    pub names: &'static Names,
    pub patterns: Patterns,
}

/// From January and from Monday on.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    pub months: [&'static str; 12],
    /// Beside a day: `1 maja`, not `1 maj`.
    pub months_beside_day: [&'static str; 12],
    pub short_months: [&'static str; 12],
    pub short_months_beside_day: [&'static str; 12],
    pub days: [&'static str; 7],
    pub short_days: [&'static str; 7],
    /// Before and after noon.
    pub halves: [&'static str; 2],
}

/// The culture's formats, in .NET's letters.
#[derive(Debug)]
pub struct Patterns {
    /// `d`
    pub short_date: &'static str,
    /// `D`
    pub long_date: &'static str,
    /// `M`
    pub month_day: &'static str,
    /// `Y`
    pub year_month: &'static str,
    /// `t`
    pub short_time: &'static str,
    /// `T`
    pub long_time: &'static str,
}

pub static INVARIANT: Culture = Culture {
    name: "",
    names: &table::ENGLISH,
    patterns: Patterns {
        short_date: "MM/dd/yyyy",
        long_date: "dddd, dd MMMM yyyy",
        month_day: "MMMM dd",
        year_month: "yyyy MMMM",
        short_time: "HH:mm",
        long_time: "HH:mm:ss",
    },
};

/// What all cultures but the invariant one are called.
pub const NAMES: &[&str] = &{
    let mut names = [""; CULTURES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = CULTURES[at].name;
        at += 1;
    }
    names
};

/// The culture of this name, in any case.
pub fn find(name: &str) -> Option<&'static Culture> {
    once(&INVARIANT)
        .chain(CULTURES)
        .find(|culture| culture.name.eq_ignore_ascii_case(name))
}

impl Culture {
    /// What `/` stands for in a format: that which stands between the parts of the short date.
    pub fn date_separator(&self) -> Cow<'static, str> {
        separator(self.patterns.short_date, "dMy")
    }

    /// What `:` stands for in a format: that which stands between the parts of the long time.
    pub fn time_separator(&self) -> Cow<'static, str> {
        separator(self.patterns.long_time, "Hhms")
    }
}

impl Names {
    /// The month's name; `number` counts from 1.
    pub fn month(&self, number: i8, short: bool, beside_day: bool) -> &'static str {
        let [alone, beside] = self.months(short);
        nth(if beside_day { beside } else { alone }, number)
    }

    /// The day's name; `number` counts from 1 on Monday.
    pub fn day(&self, number: i8, short: bool) -> &'static str {
        nth(self.days(short), number)
    }

    /// All months, alone and beside a day.
    pub fn months(&self, short: bool) -> [&[&'static str]; 2] {
        match short {
            true => [&self.short_months, &self.short_months_beside_day],
            false => [&self.months, &self.months_beside_day],
        }
    }

    pub fn days(&self, short: bool) -> &[&'static str] {
        if short { &self.short_days } else { &self.days }
    }
}

fn nth(names: &[&'static str], number: i8) -> &'static str {
    let place = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1));
    place
        .and_then(|place| names.get(place))
        .copied()
        .unwrap_or_default()
}

/// What follows the first part of a pattern up to the second. Text in quotes is no part.
fn separator(pattern: &'static str, parts: &str) -> Cow<'static, str> {
    let (mut quoted, mut begun, mut start) = (false, false, None);
    for (at, letter) in pattern.char_indices() {
        quoted ^= letter == '\'';
        let is_part = !quoted && parts.contains(letter);
        match start {
            Some(start) if is_part => {
                let between = pattern.get(start..at).unwrap_or_default();
                return match between.contains('\'') {
                    true => Cow::Owned(between.replace('\'', "")),
                    false => Cow::Borrowed(between),
                };
            }
            None if begun && !is_part => start = Some(at),
            _ => begun |= is_part,
        }
    }
    Cow::Borrowed("")
}
