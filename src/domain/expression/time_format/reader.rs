//! A text read by a format, part after part.

use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};

use super::Piece;
use crate::domain::expression::culture::Culture;
use crate::domain::expression::moment::Moment;

pub struct Reader<'t> {
    pub rest: &'t str,
    culture: &'static Culture,
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
    pub fn new(text: &'t str, culture: &'static Culture) -> Reader<'t> {
        Reader {
            rest: text,
            culture,
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

    pub fn piece(&mut self, piece: Piece) -> Option<()> {
        match piece {
            Piece::Year(digits @ (1 | 2)) => {
                // Two digits mean the years from 1950 to 2049.
                let year: i16 = self.number(digits)?;
                self.year = Some(if year < 50 { 2000 + year } else { 1900 + year });
            }
            Piece::Year(_) => self.year = Some(self.digits(4, 4)?.parse().ok()?),
            Piece::Month(digits) => self.month = self.number(digits)?,
            // Either form of the name is taken, wherever it stands.
            Piece::MonthName { short, .. } => {
                let [alone, beside_day] = self.culture.names.months(short);
                self.month = self.name(alone.iter().zip(1..).chain(beside_day.iter().zip(1..)))?;
            }
            Piece::Day(digits) => self.day = self.number(digits)?,
            Piece::DayName { short } => {
                self.weekday = Some(self.name(self.culture.names.days(short).iter().zip(1..))?);
            }
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
            Piece::Half { letters } => self.afternoon = Some(self.half(letters)?),
            Piece::Offset(form) => self.offset = Some(self.offset(form)?),
            Piece::Kind => {
                self.offset = match self.rest.chars().next() {
                    None => None,
                    Some('Z') => self.take(1).map(|_| 0),
                    Some(_) => Some(self.offset(3)?),
                };
            }
            Piece::Zulu => {
                self.rest = self.rest.strip_prefix('Z')?;
                self.offset = Some(0);
            }
            // The sign itself is taken too.
            Piece::Separator(separator) => {
                let own = separator.of(self.culture);
                let rest = self.rest.strip_prefix(separator.sign());
                self.rest = rest.or_else(|| self.rest.strip_prefix(own.as_ref()))?;
            }
            Piece::Literal(literal) => self.rest = self.rest.strip_prefix(literal)?,
        }
        Some(())
    }

    pub fn moment(&self) -> Option<Moment> {
        let date = Date::new(self.year?, self.month, self.day).ok()?;
        if self
            .weekday
            .is_some_and(|weekday| Weekday::from_monday_one_offset(weekday).ok() != Some(date.weekday()))
        {
            return None;
        }
        let hour = match (self.twelve_hours, self.afternoon) {
            (true, _) if self.hour > 12 => return None,
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

    /// The number of the longest name that comes next, in any case.
    fn name<'n>(&mut self, names: impl Iterator<Item = (&'n &'n str, i8)>) -> Option<i8> {
        let found = names.filter_map(|(name, number)| Some((beginning(self.rest, name)?, number)));
        let (length, number) = found.max_by_key(|(length, _)| *length)?;
        self.take(length)?;
        Some(number)
    }

    /// Whether it is after noon. One letter is the first of the name.
    fn half(&mut self, letters: usize) -> Option<bool> {
        let halves = self.culture.names.halves.map(|half| match letters {
            1 => half
                .get(..half.chars().next().map_or(0, char::len_utf8))
                .unwrap_or(half),
            _ => half,
        });
        let number = self.name(halves.iter().zip(0..))?;
        Some(number == 1)
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

/// How many bytes of the text are the name, whatever the case of its letters; `None` if it does not begin with it.
fn beginning(text: &str, name: &str) -> Option<usize> {
    let mut letters = text.char_indices();
    for wanted in name.chars() {
        let (_, letter) = letters.next()?;
        if letter != wanted && !letter.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    Some(text.len() - letters.as_str().len()).filter(|length| *length > 0)
}
