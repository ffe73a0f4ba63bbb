//! Date and time formats of .NET in the invariant culture, for writing and for reading.
//!
//! `yyyy` `MM` `dd` `HH` `hh` `mm` `ss` `tt` `f…` `F…` `zzz` `K` and their shorter and longer kin; text in
//! quotes or after a backslash stands for itself, as does every other character. A single letter is one of
//! the standard formats (`s` is `yyyy-MM-ddTHH:mm:ss`).
//!
//! Reading is strict: `dd` wants two digits, `d` takes one or two. A `Z` that is read means UTC. Parts of a
//! date that the format lacks count from its beginning, but a year there must be.

use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time, Weekday};

use super::moment::Moment;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Year(usize),
    Month(usize),
    MonthName {
        short: bool,
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
    Literal(char),
}

const STANDARD: [(&str, &str); 19] = [
    ("d", "MM/dd/yyyy"),
    ("D", "dddd, dd MMMM yyyy"),
    ("f", "dddd, dd MMMM yyyy HH:mm"),
    ("F", "dddd, dd MMMM yyyy HH:mm:ss"),
    ("g", "MM/dd/yyyy HH:mm"),
    ("G", "MM/dd/yyyy HH:mm:ss"),
    ("m", "MMMM dd"),
    ("M", "MMMM dd"),
    ("o", "yyyy-MM-ddTHH:mm:ss.fffffffK"),
    ("O", "yyyy-MM-ddTHH:mm:ss.fffffffK"),
    ("r", "ddd, dd MMM yyyy HH:mm:ss 'GMT'"),
    ("R", "ddd, dd MMM yyyy HH:mm:ss 'GMT'"),
    ("s", "yyyy-MM-ddTHH:mm:ss"),
    ("t", "HH:mm"),
    ("T", "HH:mm:ss"),
    ("u", "yyyy-MM-dd HH:mm:ssZ"),
    ("U", "dddd, dd MMMM yyyy HH:mm:ss"),
    ("y", "yyyy MMMM"),
    ("Y", "yyyy MMMM"),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Letters of the short names.
const SHORT: usize = 3;

pub struct TimeFormat(Vec<Piece>);

impl TimeFormat {
    pub fn parse(written: &str) -> Result<TimeFormat, String> {
        let mut letters = written.chars();
        let written = match (letters.next(), letters.next()) {
            (None, _) => return Err("a date format is empty".to_owned()),
            (Some(letter), None) => standard(letter)?,
            _ => written,
        };
        let mut pieces = Vec::new();
        let mut rest = written.chars().peekable();
        while let Some(letter) = rest.next() {
            match letter {
                '%' => {}
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
        Ok(TimeFormat(pieces))
    }

    pub fn write(&self, moment: Moment) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            write_piece(*piece, moment, &mut out);
        }
        out
    }

    /// Reads a whole text; `None` if it is written in another format or names no real date.
    pub fn read(&self, text: &str) -> Option<Moment> {
        let mut reader = Reader::new(text.trim());
        let mut pieces = self.0.iter().peekable();
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

fn standard(letter: char) -> Result<&'static str, String> {
    STANDARD
        .iter()
        .find(|(name, _)| name.starts_with(letter))
        .map(|(_, format)| *format)
        .ok_or_else(|| format!("`{letter}` is no standard date format"))
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
        ('K' | 'g', _) => return Err(format!("`{}` is not supported", letter.to_string().repeat(count))),
        (literal, _) => Piece::Literal(literal),
    })
}

fn write_piece(piece: Piece, moment: Moment, out: &mut String) {
    let civil = moment.civil;
    let number = |out: &mut String, number: i64, digits: usize| {
        out.push_str(&format!("{number:0digits$}"));
    };
    match piece {
        Piece::Year(digits @ (1 | 2)) => number(out, i64::from(civil.year()) % 100, digits),
        Piece::Year(digits) => number(out, civil.year().into(), digits),
        Piece::Month(digits) => number(out, civil.month().into(), digits),
        Piece::MonthName { short } => out.push_str(name(&MONTHS, civil.month(), short)),
        Piece::Day(digits) => number(out, civil.day().into(), digits),
        Piece::DayName { short } => {
            out.push_str(name(&DAYS, civil.weekday().to_monday_one_offset(), short));
        }
        Piece::Hour24(digits) => number(out, civil.hour().into(), digits),
        Piece::Hour12(digits) => number(out, (i64::from(civil.hour()) + 11) % 12 + 1, digits),
        Piece::Minute(digits) => number(out, civil.minute().into(), digits),
        Piece::Second(digits) => number(out, civil.second().into(), digits),
        Piece::Fraction { digits, optional } => write_fraction(civil, digits, optional, out),
        Piece::Half { letters } => {
            let half = if civil.hour() < 12 { "AM" } else { "PM" };
            out.push_str(half.get(..letters).unwrap_or(half));
        }
        Piece::Offset(form) => write_offset(moment.offset.unwrap_or(0), form, out),
        Piece::Kind => match moment.offset {
            None => {}
            Some(0) => out.push('Z'),
            Some(offset) => write_offset(offset, 3, out),
        },
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

/// The name of the `number`-th from 1.
fn name(names: &[&'static str], number: i8, short: bool) -> &'static str {
    let place = usize::try_from(number).unwrap_or(0).wrapping_sub(1);
    let name = names.get(place).copied().unwrap_or_default();
    if short {
        name.get(..SHORT).unwrap_or(name)
    } else {
        name
    }
}

struct Reader<'t> {
    rest: &'t str,
    year: Option<i16>,
    month: i8,
    day: i8,
    weekday: Option<i8>,
    hour: i8,
    twelve_hours: bool,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    offset: Option<i32>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Reader<'t> {
        Reader {
            rest: text,
            year: None,
            month: 1,
            day: 1,
            weekday: None,
            hour: 0,
            twelve_hours: false,
            afternoon: None,
            minute: 0,
            second: 0,
            nanosecond: 0,
            offset: None,
        }
    }

    fn piece(&mut self, piece: Piece) -> Option<()> {
        match piece {
            Piece::Year(digits @ (1 | 2)) => {
                // Two digits mean the years from 1950 to 2049.
                let year: i16 = self.number(digits)?;
                self.year = Some(if year < 50 { 2000 + year } else { 1900 + year });
            }
            Piece::Year(_) => self.year = Some(self.digits(4, 4)?.parse().ok()?),
            Piece::Month(digits) => self.month = self.number(digits)?,
            Piece::MonthName { short } => self.month = self.name(&MONTHS, short)?,
            Piece::Day(digits) => self.day = self.number(digits)?,
            Piece::DayName { short } => self.weekday = Some(self.name(&DAYS, short)?),
            Piece::Hour24(digits) => self.hour = self.number(digits)?,
            Piece::Hour12(digits) => {
                self.hour = self.number(digits)?;
                self.twelve_hours = true;
            }
            Piece::Minute(digits) => self.minute = self.number(digits)?,
            Piece::Second(digits) => self.second = self.number(digits)?,
            Piece::Fraction { digits, optional } => {
                let least = if optional { 0 } else { digits };
                let fraction = format!("{:0<9}", self.digits(least, digits)?);
                self.nanosecond = fraction.parse().ok()?;
            }
            Piece::Half { letters } => {
                let half = self.take(letters)?.to_ascii_uppercase();
                self.afternoon = Some(match half.chars().next()? {
                    'A' if "AM".starts_with(&half) => false,
                    'P' if "PM".starts_with(&half) => true,
                    _ => return None,
                });
            }
            Piece::Offset(form) => self.offset = Some(self.offset(form)?),
            Piece::Kind => {
                self.offset = match self.rest.chars().next() {
                    None => None,
                    Some('Z') => self.take(1).map(|_| 0),
                    Some(_) => Some(self.offset(3)?),
                };
            }
            Piece::Literal(literal) => {
                self.rest = self.rest.strip_prefix(literal)?;
                if literal == 'Z' {
                    self.offset = Some(0);
                }
            }
        }
        Some(())
    }

    fn moment(&self) -> Option<Moment> {
        let date = Date::new(self.year?, self.month, self.day).ok()?;
        if self
            .weekday
            .is_some_and(|weekday| Weekday::from_monday_one_offset(weekday).ok() != Some(date.weekday()))
        {
            return None;
        }
        let hour = match (self.twelve_hours, self.afternoon) {
            (true, _) if !(1..=12).contains(&self.hour) => return None,
            (true, afternoon) => self.hour % 12 + if afternoon == Some(true) { 12 } else { 0 },
            (false, _) => self.hour,
        };
        let time = Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        Some(Moment {
            civil: date.to_datetime(time),
            offset: self.offset,
        })
    }

    /// One digit in the format takes one or two, two take two.
    fn number<T: FromStr>(&mut self, digits: usize) -> Option<T> {
        self.digits(digits, 2)?.parse().ok()
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<&'t str> {
        let count = self
            .rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if count < least { None } else { self.take(count) }
    }

    fn name(&mut self, names: &[&'static str], short: bool) -> Option<i8> {
        for number in 1..=12 {
            let wanted = name(names, number, short);
            let found = self
                .rest
                .get(..wanted.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(wanted));
            if !wanted.is_empty() && found {
                self.take(wanted.len())?;
                return Some(number);
            }
        }
        None
    }

    fn offset(&mut self, form: usize) -> Option<i32> {
        let sign = match self.take(1)? {
            "+" => 1,
            "-" => -1,
            _ => return None,
        };
        let hours: i32 = self.number(form.min(2))?;
        let minutes: i32 = match form {
            3 => {
                self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
                self.number(2)?
            }
            _ => 0,
        };
        (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }

    fn take(&mut self, bytes: usize) -> Option<&'t str> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }
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
                TimeFormat::parse(written).unwrap().write(moment),
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
            let read = TimeFormat::parse(written).unwrap().read(text);
            assert_eq!(read, expected.map(moment), "{written} of {text}");
        }
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for written in ["", "x", "yyyy'open", r"yyyy\", "ffffffff", "yyyy gg"] {
            assert!(TimeFormat::parse(written).is_err(), "{written}");
        }
    }
}
