//! Pacific time, in which everything with an effective date is judged, wherever people work.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

static PACIFIC: LazyLock<TimeZone> = LazyLock::new(|| {
    // The database of zones is built in.
    TimeZone::get("America/Los_Angeles").unwrap_or(TimeZone::UTC)
});

/// The date there at this moment.
pub fn day(at: Timestamp) -> Date {
    PACIFIC.to_datetime(at).date()
}

/// When this day begins there.
pub fn midnight(day: Date) -> Timestamp {
    PACIFIC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

/// The first day that begins at this moment or later.
pub fn first_day_from(at: Timestamp) -> Date {
    let today = day(at);
    if midnight(today) >= at {
        today
    } else {
        tomorrow(today)
    }
}

pub fn tomorrow(day: Date) -> Date {
    day.saturating_add(1.day())
}

pub fn yesterday(day: Date) -> Date {
    day.saturating_sub(1.day())
}

/// As answers write moments: `2009-06-06T21:50:40.975-07:00`.
pub fn text(at: Timestamp) -> String {
    let zoned = at.to_zoned(PACIFIC.clone());
    zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn days_begin_at_eight_in_winter_and_at_seven_in_summer() {
        for (civil, begins) in [
            (date(2026, 1, 19), "2026-01-19T08:00:00Z"),
            (date(2026, 7, 1), "2026-07-01T07:00:00Z"),
            // Clocks change at two in the morning of these days, so their own midnights do not.
            (date(2026, 3, 8), "2026-03-08T08:00:00Z"),
            (date(2026, 3, 9), "2026-03-09T07:00:00Z"),
            (date(2026, 11, 1), "2026-11-01T07:00:00Z"),
            (date(2026, 11, 2), "2026-11-02T08:00:00Z"),
        ] {
            assert_eq!(midnight(civil), at(begins), "{civil}");
            assert_eq!(day(at(begins)), civil);
            assert_eq!(first_day_from(at(begins)), civil);
            let before = at(begins) - jiff::SignedDuration::from_millis(1);
            assert_eq!(day(before), yesterday(civil));
            assert_eq!(first_day_from(before), civil);
        }
    }

    #[test]
    fn moments_have_milliseconds_and_the_offset_of_their_day() {
        assert_eq!(
            text(at("2009-06-07T04:50:40.975Z")),
            "2009-06-06T21:50:40.975-07:00"
        );
        assert_eq!(text(at("2026-12-01T00:00:00Z")), "2026-11-30T16:00:00.000-08:00");
    }
}
