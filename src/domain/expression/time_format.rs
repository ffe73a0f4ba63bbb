//! Date and time formats of .NET, for writing and for reading, in a culture's words.
//!
//! `yyyy` `MM` `dd` `HH` `hh` `mm` `ss` `tt` `f…` `F…` `zzz` `K` and their shorter and longer kin; `/` and `:` are what
//! the culture puts between the parts of dates and times; text in quotes or after a backslash stands for itself, as does
//! every other character. A single letter is one of the standard formats: `d` is the culture's short date, `s` is
//! `yyyy-MM-ddTHH:mm:ss` in every culture.
//!
//! Reading is strict: `dd` wants two digits, `d` takes one or two. A `Z` that is read means UTC. Parts of a
//! date that the format lacks count from its beginning, but a year there must be.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::civil::DateTime;

use super::culture::{Culture, INVARIANT};
use super::moment::Moment;

mod reader;

use reader::Reader;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Year(usize),
    Month(usize),
    MonthName {
        short: bool,
        beside_day: bool,
    },
    Day(usize),
    DayName {
        short: bool,
    },
    Hour24(usize),
    Hour12(usize),
    Minute(usize),
    Second(usize),
    /// Digits of a second; if optional, zeros at the end are left out.
    Fraction {
        digits: usize,
        optional: bool,
    },
    /// `AM`, or only its first letter.
    Half {
        letters: usize,
    },
    /// `+8`, `+08` or `+08:00`.
    Offset(usize),
    /// `+08:00`, `Z` for UTC, nothing if unknown.
    Kind,
    /// A `Z` outside quotes, which means UTC where it is read.
    Zulu,
    /// `/` or `:`, for which the culture writes its own.
    Separator(Separator),
    Literal(char),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Separator {
    Date,
    Time,
}

impl Separator {
    fn sign(self) -> char {
        match self {
            Separator::Date => '/',
            Separator::Time => ':',
        }
    }

    fn of(self, culture: &Culture) -> Cow<'static, str> {
        match self {
            Separator::Date => culture.date_separator(),
            Separator::Time => culture.time_separator(),
        }
    }
}

/// Longest format, in bytes. No culture's is longer than fifty.
const MAX_LENGTH: usize = 1_000;

/// Letters of the short names.
const SHORT: usize = 3;

#[derive(Clone, Debug)]
pub struct TimeFormat {
    pieces: Vec<Piece>,
    culture: &'static Culture,
    /// Of the time in UTC, as the standard format `U` is.
    of_utc: bool,
}

impl TimeFormat {
    pub fn parse(written: &str, culture: &'static Culture) -> Result<TimeFormat, String> {
        let mut letters = written.chars();
        match (letters.next(), letters.next()) {
            (None, _) => Err("a date format is empty".to_owned()),
            _ if written.len() > MAX_LENGTH => Err(format!(
                "a date format has at most {MAX_LENGTH} bytes, this one has {}",
                written.len()
            )),
            (Some(letter), None) => standard(letter, culture),
            _ => custom(written, culture),
        }
    }

    pub fn write(&self, moment: Moment) -> String {
        let moment = match self.of_utc {
            true => Moment::from(moment.instant()),
            false => moment,
        };
        let mut out = String::with_capacity(2 * self.pieces.len());
        for piece in &self.pieces {
            write_piece(*piece, moment, self.culture, &mut out);
        }
        out
    }

    /// Reads a whole text; `None` if it is written in another format or names no real date.
    pub fn read(&self, text: &str) -> Option<Moment> {
        let mut reader = Reader::new(text.trim(), self.culture);
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            let optional = matches!(pieces.peek(), Some(Piece::Fraction { optional: true, .. }));
            // With an optional fraction, its point may be missing too.
            if *piece == Piece::Literal('.') && optional && !reader.rest.starts_with('.') {
                continue;
            }
            reader.piece(*piece)?;
        }
        if reader.rest.is_empty() {
            reader.moment()
        } else {
            None
        }
    }
}

/// A standard format. Those for machines are the same in every culture.
fn standard(letter: char, culture: &'static Culture) -> Result<TimeFormat, String> {
    let patterns = &culture.patterns;
    let (date, time) = (patterns.long_date, patterns.long_time);
    match letter {
        'd' => custom(patterns.short_date, culture),
        'D' => custom(date, culture),
        'f' => custom(&format!("{date} {}", patterns.short_time), culture),
        'F' => custom(&format!("{date} {time}"), culture),
        'g' => custom(
            &format!("{} {}", patterns.short_date, patterns.short_time),
            culture,
        ),
        'G' => custom(&format!("{} {time}", patterns.short_date), culture),
        'm' | 'M' => custom(patterns.month_day, culture),
        't' => custom(patterns.short_time, culture),
        'T' => custom(time, culture),
        'y' | 'Y' => custom(patterns.year_month, culture),
        'U' => Ok(TimeFormat {
            of_utc: true,
            ..custom(&format!("{date} {time}"), culture)?
        }),
        'o' | 'O' => custom("yyyy-MM-ddTHH:mm:ss.fffffffK", &INVARIANT),
        'r' | 'R' => custom("ddd, dd MMM yyyy HH:mm:ss 'GMT'", &INVARIANT),
        's' => custom("yyyy-MM-ddTHH:mm:ss", &INVARIANT),
        'u' => custom("yyyy-MM-dd HH:mm:ssZ", &INVARIANT),
        _ => Err(format!("`{letter}` is no standard date format")),
    }
}

fn custom(written: &str, culture: &'static Culture) -> Result<TimeFormat, String> {
    let mut pieces = Vec::new();
    let mut rest = written.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '%' => {}
            '/' => pieces.push(Piece::Separator(Separator::Date)),
            ':' => pieces.push(Piece::Separator(Separator::Time)),
            '\\' => pieces.push(Piece::Literal(
                rest.next().ok_or("a date format ends in a backslash")?,
            )),
            '\'' | '"' => loop {
                match rest.next() {
                    Some(close) if close == letter => break,
                    Some(inside) => pieces.push(Piece::Literal(inside)),
                    None => return Err(format!("a date format has no closing {letter}")),
                }
            },
            _ => {
                let mut count = 1;
                while is_specifier(letter) && rest.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                pieces.push(piece(letter, count)?);
            }
        }
    }
    find_months_beside_days(&mut pieces);
    Ok(TimeFormat {
        pieces,
        culture,
        of_utc: false,
    })
}

/// A month stands beside a day if the nearest part about days, before or else after it, is a number.
fn find_months_beside_days(pieces: &mut [Piece]) {
    let is_day = |piece: &&Piece| matches!(piece, Piece::Day(_) | Piece::DayName { .. });
    let is_number = |piece: &Piece| matches!(piece, Piece::Day(_));
    for at in 0..pieces.len() {
        let (before, rest) = pieces.split_at(at);
        if !matches!(rest.first(), Some(Piece::MonthName { .. })) {
            continue;
        }
        let nearest = [before.iter().rev().find(is_day), rest.iter().find(is_day)];
        let beside = nearest.into_iter().flatten().any(is_number);
        if let Some(Piece::MonthName { beside_day, .. }) = pieces.get_mut(at) {
            *beside_day = beside;
        }
    }
}

fn is_specifier(letter: char) -> bool {
    "yMdHhmsfFtzKg".contains(letter)
}

fn piece(letter: char, count: usize) -> Result<Piece, String> {
    Ok(match (letter, count) {
        ('y', _) => Piece::Year(count),
        ('M', 1 | 2) => Piece::Month(count),
        ('M', _) => Piece::MonthName {
            short: count == SHORT,
            beside_day: false,
        },
        ('d', 1 | 2) => Piece::Day(count),
        ('d', _) => Piece::DayName {
            short: count == SHORT,
        },
        ('H', _) => Piece::Hour24(count.min(2)),
        ('h', _) => Piece::Hour12(count.min(2)),
        ('m', _) => Piece::Minute(count.min(2)),
        ('s', _) => Piece::Second(count.min(2)),
        ('f' | 'F', 1..=7) => Piece::Fraction {
            digits: count,
            optional: letter == 'F',
        },
        ('f' | 'F', _) => return Err("a second has at most 7 digits after the point".to_owned()),
        ('t', _) => Piece::Half {
            letters: count.min(2),
        },
        ('z', _) => Piece::Offset(count.min(3)),
        ('K', 1) => Piece::Kind,
        ('Z', _) => Piece::Zulu,
        ('K' | 'g', _) => return Err(format!("`{}` is not supported", letter.to_string().repeat(count))),
        (literal, _) => Piece::Literal(literal),
    })
}

fn write_piece(piece: Piece, moment: Moment, culture: &Culture, out: &mut String) {
    let civil = moment.civil;
    let names = culture.names;
    let number = |out: &mut String, number: i64, digits: usize| {
        // A String takes everything.
        let _ = write!(out, "{number:0digits$}");
    };
    match piece {
        Piece::Year(digits @ (1 | 2)) => number(out, i64::from(civil.year()) % 100, digits),
        Piece::Year(digits) => number(out, civil.year().into(), digits),
        Piece::Month(digits) => number(out, civil.month().into(), digits),
        Piece::MonthName { short, beside_day } => out.push_str(names.month(civil.month(), short, beside_day)),
        Piece::Day(digits) => number(out, civil.day().into(), digits),
        Piece::DayName { short } => {
            out.push_str(names.day(civil.weekday().to_monday_one_offset(), short));
        }
        Piece::Hour24(digits) => number(out, civil.hour().into(), digits),
        Piece::Hour12(digits) => number(out, (i64::from(civil.hour()) + 11) % 12 + 1, digits),
        Piece::Minute(digits) => number(out, civil.minute().into(), digits),
        Piece::Second(digits) => number(out, civil.second().into(), digits),
        Piece::Fraction { digits, optional } => write_fraction(civil, digits, optional, out),
        Piece::Half { letters } => {
            let [morning, afternoon] = names.halves;
            let half = if civil.hour() < 12 { morning } else { afternoon };
            let shown = if letters == 1 { 1 } else { half.len() };
            out.extend(half.chars().take(shown));
        }
        Piece::Offset(form) => write_offset(moment.offset.unwrap_or(0), form, out),
        Piece::Kind => match moment.offset {
            None => {}
            Some(0) => out.push('Z'),
            Some(offset) => write_offset(offset, 3, out),
        },
        Piece::Zulu => out.push('Z'),
        Piece::Separator(separator) => out.push_str(&separator.of(culture)),
        Piece::Literal(literal) => out.push(literal),
    }
}

/// An optional fraction of nothing takes the point before it away too.
fn write_fraction(civil: DateTime, digits: usize, optional: bool, out: &mut String) {
    let nanoseconds = format!("{:09}", civil.subsec_nanosecond());
    let fraction = nanoseconds.get(..digits).unwrap_or_default();
    let fraction = if optional {
        fraction.trim_end_matches('0')
    } else {
        fraction
    };
    if fraction.is_empty() && out.ends_with('.') {
        out.pop();
    }
    out.push_str(fraction);
}

fn write_offset(seconds: i32, form: usize, out: &mut String) {
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    out.push_str(&match form {
        1 => format!("{sign}{hours}"),
        2 => format!("{sign}{hours:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn moment(text: &str) -> Moment {
        Moment::parse(text).unwrap_or_else(|| panic!("{text} is not read"))
    }

    #[test]
    fn moments_are_written_as_dotnet_writes_them() {
        let morning = moment("2009-06-05T01:05:09.25-07:00");
        let noon = moment("2025-12-31T12:00:00");
        for (written, moment, expected) in [
            ("yyyy-MM-dd HH:mm:ss", morning, "2009-06-05 01:05:09"),
            ("yy y %d M/d h:m:s", morning, "09 9 5 6/5 1:5:9"),
            ("ddd dddd MMM MMMM", morning, "Fri Friday Jun June"),
            ("hh tt t %t", noon, "12 PM P P"),
            ("ff fffffff F FFF", morning, "25 2500000 2 25"),
            ("s.FFF", noon, "0"),
            ("z zz zzz K", morning, "-7 -07 -07:00 -07:00"),
            ("zzz|K", noon, "+00:00|"),
            ("%K", moment("2020-01-01Z"), "Z"),
            ("yyyyMMddHHmmss.fZ", noon, "20251231120000.0Z"),
            ("yyyyMMddHHmmss.0Z", noon, "20251231120000.0Z"),
            (r"'day' d \d\d", noon, "day 31 dd"),
            ("yyyyy", noon, "02025"),
            ("d", noon, "12/31/2025"),
            ("o", morning, "2009-06-05T01:05:09.2500000-07:00"),
            ("s", noon, "2025-12-31T12:00:00"),
            ("R", noon, "Wed, 31 Dec 2025 12:00:00 GMT"),
            ("u", noon, "2025-12-31 12:00:00Z"),
        ] {
            assert_eq!(
                TimeFormat::parse(written, &INVARIANT).unwrap().write(moment),
                expected,
                "{written}"
            );
        }
    }

    #[test]
    fn texts_are_read_strictly() {
        for (written, text, expected) in [
            (
                "yyyyMMddHHmmss.fZ",
                "20150123105347.1Z",
                Some("2015-01-23T10:53:47.1Z"),
            ),
            (
                "M/d/yyyy hh:mm:ss tt",
                "12/31/2020 12:00:00 AM",
                Some("2020-12-31"),
            ),
            (
                "M/d/yyyy h:mm:ss tt",
                "1/2/2020 3:04:05 pm",
                Some("2020-01-02T15:04:05"),
            ),
            ("M/d/yyyy h:mm", "1/2/2020 12:04", Some("2020-01-02T00:04")),
            ("yyyy-MM-ddzzz", "2020-02-29+05:30", Some("2020-02-29+05:30")),
            ("yyyy-MM-ddzzz", "2020-02-29-0800", Some("2020-02-29-08:00")),
            (
                "yyyy-MM-ddTHH:mm:ssK",
                "2020-02-29T01:02:03Z",
                Some("2020-02-29T01:02:03Z"),
            ),
            (
                "yyyy-MM-ddTHH:mm:ssK",
                "2020-02-29T01:02:03",
                Some("2020-02-29T01:02:03"),
            ),
            (
                "yyyy-MM-dd HH:mm:ss.FFF",
                "2020-02-29 01:02:03",
                Some("2020-02-29T01:02:03"),
            ),
            (
                "yyyy-MM-dd HH:mm:ss.FFF",
                "2020-02-29 01:02:03.5",
                Some("2020-02-29T01:02:03.5"),
            ),
            ("ddd, dd MMM yyyy", "Sat, 29 feb 2020", Some("2020-02-29")),
            ("d MMMM yyyy", "1 September 2020", Some("2020-09-01")),
            ("yyMMdd", "490101", Some("2049-01-01")),
            ("yyMMdd", "500101", Some("1950-01-01")),
            ("yyyy", " 2020 ", Some("2020-01-01")),
            ("ddd, dd MMM yyyy", "Sun, 29 Feb 2020", None),
            ("MM/dd/yyyy", "1/2/2020", None),
            ("yyyy-MM-dd", "2020-02-30", None),
            ("yyyy-MM-dd", "2020-02-2", None),
            ("yyyy-MM-dd", "2020-02-20T00:00", None),
            ("yyyy-MM-dd", "20-02-20", None),
            ("yyyy.MM", "202001", None),
            ("HH:mm", "10:00", None),
            ("yyyy h", "2020 13", None),
            ("yyyy tt", "2020 XM", None),
        ] {
            let read = TimeFormat::parse(written, &INVARIANT).unwrap().read(text);
            assert_eq!(read, expected.map(moment), "{written} of {text}");
        }
    }

    #[test]
    fn what_is_no_format_is_refused() {
        let endless = "y".repeat(70_000);
        for written in ["", "x", "yyyy'open", r"yyyy\", "ffffffff", "yyyy gg", &endless] {
            assert!(TimeFormat::parse(written, &INVARIANT).is_err(), "{written}");
        }
    }
}
