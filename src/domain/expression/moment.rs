//! Points in time: as HR systems write them, as instants, and as Windows file times.
//!
//! A text keeps the date it was written with (`2025-03-16+08:00` is the 16th) until someone asks for the
//! instant.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::domain::value::Value;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// The date and time on the wall clock.
    pub civil: DateTime,
    /// How far that clock is ahead of UTC, in seconds; `None` if that was not said, which means UTC.
    pub offset: Option<i32>,
}

/// The last date of the calendar, `9999-12-31`, by which HR systems mean "open end". It lies after the last
/// instant a [`Timestamp`] can hold, which therefore stands for it.
const END_OF_TIME: Date = Date::constant(9999, 12, 31);

/// 1601-01-01, where Windows begins to count.
const FILE_TIME_START: DateTime = DateTime::constant(1601, 1, 1, 0, 0, 0, 0);
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Moment {
    pub fn of(value: &Value) -> Option<Moment> {
        match value {
            Value::Time(instant) => Some(Moment::from(*instant)),
            Value::Text(text) => Moment::parse(text),
            _ => None,
        }
    }

    /// Reads a date with or without a time and an offset: `2020-03-16`, `2020-03-16-07:00`,
    /// `2009-06-15T01:45:30.5Z`, `2009-06-15 23:59:59 -08:00`, `3/16/2020`, `6/15/2009 8:45:30 AM`.
    pub fn parse(text: &str) -> Option<Moment> {
        let mut reader = Reader { rest: text.trim() };
        let date = reader.date()?;
        let time = reader.time()?;
        reader.blanks();
        let offset = reader.offset()?;
        reader.rest.is_empty().then_some(Moment {
            civil: date.to_datetime(time),
            offset,
        })
    }

    /// The instant; dates beyond the ends of time are those ends.
    pub fn instant(self) -> Timestamp {
        let since_epoch = self.since(EPOCH);
        Timestamp::from_duration(since_epoch).unwrap_or(match since_epoch.is_negative() {
            true => Timestamp::MIN,
            false => Timestamp::MAX,
        })
    }

    /// 100-nanosecond steps since 1601; `None` before that.
    pub fn file_time(self) -> Option<i64> {
        i64::try_from(self.since(FILE_TIME_START).as_nanos() / 100)
            .ok()
            .filter(|ticks| *ticks >= 0)
    }

    /// `None` for a number that lies after the calendar, such as the one for "never".
    pub fn from_file_time(ticks: i64) -> Option<Timestamp> {
        let nanos = SignedDuration::try_from_nanos_i128(i128::from(ticks) * 100)?;
        let civil = FILE_TIME_START.checked_add(nanos).ok()?;
        (ticks >= 0).then_some(
            Moment {
                civil,
                offset: Some(0),
            }
            .instant(),
        )
    }

    fn since(self, start: DateTime) -> SignedDuration {
        self.civil.duration_since(start) - SignedDuration::from_secs(self.offset.unwrap_or(0).into())
    }
}

impl From<Timestamp> for Moment {
    fn from(instant: Timestamp) -> Moment {
        let civil = match instant == Timestamp::MAX {
            true => END_OF_TIME.to_datetime(Time::midnight()),
            false => Offset::UTC.to_datetime(instant),
        };
        Moment {
            civil,
            offset: Some(0),
        }
    }
}

/// Reads from the front; each part answers `None` if it cannot be what it should.
struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn date(&mut self) -> Option<Date> {
        let (first, digits) = self.number()?;
        let separator = if digits == 4 && self.take('-') {
            '-'
        } else {
            self.take('/').then_some('/')?
        };
        let (second, _) = self.number()?;
        if !self.take(separator) {
            return None;
        }
        let (third, _) = self.number()?;
        let (year, month, day) = match digits {
            4 => (first, second, third),
            _ => (third, first, second),
        };
        Date::new(
            year.try_into().ok()?,
            month.try_into().ok()?,
            day.try_into().ok()?,
        )
        .ok()
    }

    /// Midnight if none follows.
    fn time(&mut self) -> Option<Time> {
        let marked = self.take('T');
        let apart = marked || self.rest.starts_with(char::is_whitespace);
        self.blanks();
        if !apart || !self.rest.starts_with(|char: char| char.is_ascii_digit()) {
            return (!marked).then(Time::midnight);
        }
        let (hour, _) = self.number()?;
        if !self.take(':') {
            return None;
        }
        let (minute, _) = self.number()?;
        let second = if self.take(':') { self.number()?.0 } else { 0 };
        let nanosecond = if self.take('.') { self.fraction()? } else { 0 };
        let hour = self.half_of_day(hour)?;
        let (hour, minute, second) = (
            hour.try_into().ok()?,
            minute.try_into().ok()?,
            second.try_into().ok()?,
        );
        Time::new(hour, minute, second, nanosecond).ok()
    }

    fn half_of_day(&mut self, hour: u32) -> Option<u32> {
        let after_blanks = self.rest.trim_start();
        let half = after_blanks.get(..2).unwrap_or_default().to_ascii_uppercase();
        let hour = match (half.as_str(), hour) {
            ("AM", 12) => 0,
            ("AM", 1..12) => hour,
            ("PM", 12) => 12,
            ("PM", 1..12) => hour + 12,
            ("AM" | "PM", _) => return None,
            _ => return Some(hour),
        };
        self.rest = after_blanks.get(2..)?;
        Some(hour)
    }

    /// `Z`, `+08:00`, `-0700` or `-8`; the outer `None` is a mistake, the inner one nothing written.
    fn offset(&mut self) -> Option<Option<i32>> {
        if self.take('Z') {
            return Some(Some(0));
        }
        let sign = match self.rest.chars().next() {
            Some('+') => 1,
            Some('-') => -1,
            _ => return Some(None),
        };
        self.rest = self.rest.get(1..)?;
        let (number, digits) = self.number()?;
        let (hours, minutes) = match digits {
            1 | 2 if self.take(':') => (number, self.number()?.0),
            1 | 2 => (number, 0),
            4 => (number / 100, number % 100),
            _ => return None,
        };
        let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        (hours <= 14 && minutes < 60).then_some(Some(sign * seconds))
    }

    /// Up to nine digits of a second, as nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let digits = self.digits();
        let padded: String = digits.chars().chain("000000000".chars()).take(9).collect();
        if digits.is_empty() {
            None
        } else {
            padded.parse().ok()
        }
    }

    /// A number of at most four digits, and how many there were.
    fn number(&mut self) -> Option<(u32, usize)> {
        let digits = self.digits();
        if digits.len() > 4 {
            None
        } else {
            Some((digits.parse().ok()?, digits.len()))
        }
    }

    fn digits(&mut self) -> &str {
        let count = self.rest.len()
            - self
                .rest
                .trim_start_matches(|char: char| char.is_ascii_digit())
                .len();
        let (digits, rest) = self.rest.split_at_checked(count).unwrap_or_default();
        self.rest = rest;
        digits
    }

    fn take(&mut self, sign: char) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_form_hr_systems_write() {
        for (text, instant) in [
            ("2020-03-16", "2020-03-16T00:00:00Z"),
            ("2020-03-16-07:00", "2020-03-16T07:00:00Z"),
            ("2021-06-30+08:00", "2021-06-29T16:00:00Z"),
            ("2020-03-16Z", "2020-03-16T00:00:00Z"),
            ("2009-06-15T01:45:30-07:00", "2009-06-15T08:45:30Z"),
            ("2009-06-15T01:45:30.25Z", "2009-06-15T01:45:30.25Z"),
            ("2009-06-15T01:45", "2009-06-15T01:45:00Z"),
            ("2012-01-01 23:00:00", "2012-01-01T23:00:00Z"),
            ("2020-12-31 23:59:59-08:00", "2021-01-01T07:59:59Z"),
            ("2020-12-31T23:59:59 -08:00", "2021-01-01T07:59:59Z"),
            ("2013-01-10 4:00 PM -8", "2013-01-11T00:00:00Z"),
            ("1/15/1990", "1990-01-15T00:00:00Z"),
            ("2/29/2024 12:00:00 AM", "2024-02-29T00:00:00Z"),
            ("6/15/2009 8:45:30 pm", "2009-06-15T20:45:30Z"),
            ("2020/03/16", "2020-03-16T00:00:00Z"),
            (" 2020-03-16+0530 ", "2020-03-15T18:30:00Z"),
        ] {
            let moment = Moment::parse(text).unwrap_or_else(|| panic!("{text} is not read"));
            assert_eq!(moment.instant().to_string(), instant, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_not_guessed() {
        for text in [
            "",
            "soon",
            "2020-02-30",
            "2020-13-01",
            "20-3-16",
            "2020-03-16T",
            "2020-03-16T25:00",
            "13:00 2020-03-16",
            "6/15/2009 13:00 PM",
            "2020-03-16 8",
            "2020-03-16+99:00",
            "2020-03-16 x",
            "20200316",
            "²020-03-16",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_last_day_of_the_calendar_survives_the_way_through_an_instant() {
        let open_end = Moment::parse("9999-12-31").unwrap();
        assert_eq!(open_end.instant(), Timestamp::MAX);
        assert_eq!(Moment::from(open_end.instant()).civil, open_end.civil);
        assert!(open_end.file_time().is_some());
    }

    #[test]
    fn file_times_count_from_1601() {
        let moment = Moment::parse("2012-01-01 23:00:00").unwrap();
        assert_eq!(moment.file_time(), Some(129699324000000000));
        assert_eq!(Moment::from_file_time(129699324000000000), Some(moment.instant()));
        assert_eq!(Moment::from_file_time(i64::MAX), None);
        assert_eq!(Moment::from_file_time(-1), None);
        assert_eq!(Moment::parse("1600-12-31").unwrap().file_time(), None);
    }
}
