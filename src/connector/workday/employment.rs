//! From when to when a worker works here, in the worker's own zone (B19): from the start of the hire date to the end of the
//! last day, or to when the config lets people of that kind go.
//!
//! Workday's own word changes at midnight in California. It is taken where no date explains what it says: whoever it calls
//! inactive, after the hire and without a last day, is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::record::Record;
use super::request::AsOf;
use crate::domain::employment::{Employment, Turn};
use crate::error::{Error, Result};

/// When on the last day somebody ceases to be active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveAt {
    EndOfDay,
    /// Local time on the last day.
    Time(Time),
    /// As soon as Workday has it.
    Immediate,
}

impl LeaveAt {
    pub fn parse(text: &str) -> Result<LeaveAt> {
        match text {
            "end-of-day" => Ok(LeaveAt::EndOfDay),
            "immediate" => Ok(LeaveAt::Immediate),
            _ => match text.parse() {
                Ok(time) => Ok(LeaveAt::Time(time)),
                Err(_) => Err(Error::invalid(format!(
                    "'{text}' is none of end-of-day, immediate and a time of the day such as 17:30"
                ))),
            },
        }
    }
}

/// When people leave: by reason, else as all do.
#[derive(Clone, Debug)]
pub struct Leaving {
    pub at: LeaveAt,
    /// By an identifier of the termination's reason or category.
    pub by_reason: BTreeMap<String, LeaveAt>,
}

impl Leaving {
    /// The earliest that any of the reasons asks for.
    fn instant(&self, last_day: Date, reasons: &[String], zone: &TimeZone) -> Timestamp {
        let mut special = reasons
            .iter()
            .filter_map(|reason| self.by_reason.get(reason))
            .peekable();
        match special.peek() {
            None => instant(self.at, last_day, zone),
            Some(_) => special
                .map(|at| instant(*at, last_day, zone))
                .min()
                .unwrap_or(Timestamp::MAX),
        }
    }
}

fn instant(at: LeaveAt, last_day: Date, zone: &TimeZone) -> Timestamp {
    let zoned = match at {
        // The same instant whenever it is asked for: the record does not change with the time of reading.
        LeaveAt::Immediate => return Timestamp::UNIX_EPOCH,
        LeaveAt::EndOfDay => last_day
            .saturating_add(jiff::Span::new().days(1))
            .to_zoned(zone.clone()),
        LeaveAt::Time(time) => last_day.to_datetime(time).to_zoned(zone.clone()),
    };
    zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// Where a worker's days begin and end.
pub(super) struct Zones {
    pub now: TimeZone,
    /// From the first day of an employment on that is to come.
    pub next: TimeZone,
}

/// What a record says of the employment, as of the day on which it was read.
pub(super) fn of(record: &Record, zones: &Zones, leaving: &Leaving, as_of: AsOf) -> Employment {
    Employment {
        person: record.person.clone(),
        hired: record.hired,
        turns: in_order(turns(record, zones, leaving, as_of)),
    }
}

/// Who has to leave before the first day never begins.
fn in_order(turns: Vec<Turn>) -> Vec<Turn> {
    let mut ordered: Vec<Turn> = Vec::with_capacity(turns.len());
    for turn in turns {
        while ordered.last().is_some_and(|last| turn.at <= last.at) {
            ordered.pop();
        }
        ordered.push(turn);
    }
    ordered
}

fn turns(record: &Record, zones: &Zones, leaving: &Leaving, as_of: AsOf) -> Vec<Turn> {
    let coming = record.hired.filter(|day| *day > as_of.day);
    let zone = |day: Date| match coming {
        Some(first_day) if day >= first_day => &zones.next,
        _ => &zones.now,
    };
    let begins = |day: Date| Turn {
        at: instant(LeaveAt::Time(Time::midnight()), day, zone(day)),
        active: true,
    };
    let ends = |day: Date| Turn {
        at: leaving.instant(day, &record.reasons, zone(day)),
        active: false,
    };
    if record.is_rescinded && record.active != Some(true) {
        return vec![Turn {
            at: Timestamp::UNIX_EPOCH,
            active: false,
        }];
    }
    // The end of an earlier employment says nothing of this one.
    let (earlier, this) = match (record.hired, record.last_day) {
        (Some(hired), Some(last)) if last < hired => (Some(last), None),
        (_, last) => (None, last),
    };
    match record.active {
        Some(true) if coming.is_some() => match earlier {
            Some(last) => [ends(last)]
                .into_iter()
                .chain(coming.map(begins))
                .chain(this.map(ends))
                .collect(),
            None => Vec::new(),
        },
        Some(true) => {
            // West of California the day of the hire may not have come.
            let begun = record.hired.map(begins).filter(|turn| turn.at > as_of.entry);
            begun.into_iter().chain(this.map(ends)).collect()
        }
        _ => {
            // West of California the last day may not be over.
            let lasts = |last: Option<Date>| {
                let last = last.filter(|day| *day < as_of.day && record.active.is_some());
                last.map(ends).filter(|turn| turn.at > as_of.entry)
            };
            match coming {
                Some(_) => lasts(earlier)
                    .into_iter()
                    .chain(coming.map(begins))
                    .chain(this.map(ends))
                    .collect(),
                None => lasts(this).into_iter().collect(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case<'c> {
        active: Option<bool>,
        hired: Option<&'c str>,
        last: Option<&'c str>,
    }

    const SYDNEY: &str = "Australia/Sydney";
    const HONOLULU: &str = "Pacific/Honolulu";
    /// Sunday the 18th in California, the evening of it.
    const NOW: &str = "2026-01-19T02:30:00Z";

    fn leaving(at: LeaveAt) -> Leaving {
        Leaving {
            at,
            by_reason: BTreeMap::from([("Dismissal".to_string(), LeaveAt::Immediate)]),
        }
    }

    fn record(case: &Case<'_>) -> Record {
        Record {
            active: case.active,
            hired: case.hired.map(|day| day.parse().unwrap()),
            last_day: case.last.map(|day| day.parse().unwrap()),
            ..Record::new("a1")
        }
    }

    fn told(record: &Record, zone: &str, leaving: &Leaving) -> String {
        let as_of = AsOf {
            day: "2026-01-18".parse().unwrap(),
            entry: NOW.parse().unwrap(),
        };
        // Another one from the next employment on, where there are two.
        let (now, next) = zone.split_once(" then ").unwrap_or((zone, zone));
        let zones = Zones {
            now: TimeZone::get(now).unwrap(),
            next: TimeZone::get(next).unwrap(),
        };
        let turns = of(record, &zones, leaving, as_of).turns;
        let told: Vec<String> = turns
            .iter()
            .map(|turn| format!("{}{}", if turn.active { '+' } else { '-' }, turn.at))
            .collect();
        told.join(" ")
    }

    #[test]
    #[rustfmt::skip]
    fn b19_the_dates_are_of_the_workers_own_zone() {
        let end = leaving(LeaveAt::EndOfDay);
        for (zone, active, hired, last, expected) in [
            // Nothing to say beside Workday's word.
            (SYDNEY, Some(true), Some("2020-01-01"), None, ""),
            (SYDNEY, Some(false), Some("2020-01-01"), None, ""),
            (SYDNEY, Some(false), Some("2020-01-01"), Some("2025-01-01"), ""),
            (SYDNEY, None, Some("2020-01-01"), None, ""),
            // A hire: Monday has begun in Sydney, and not in California.
            (SYDNEY, Some(false), Some("2026-01-19"), None, "+2026-01-18T13:00:00Z"),
            (SYDNEY, None, Some("2026-01-19"), None, "+2026-01-18T13:00:00Z"),
            (HONOLULU, Some(true), Some("2026-01-18"), None, ""),
            // A last day: Sunday is over in Sydney.
            (SYDNEY, Some(true), Some("2020-01-01"), Some("2026-01-18"), "-2026-01-18T13:00:00Z"),
            (HONOLULU, Some(true), Some("2020-01-01"), Some("2026-01-18"), "-2026-01-19T10:00:00Z"),
            // Workday says inactive on a last day that is not over anywhere: it knows better.
            (HONOLULU, Some(false), Some("2020-01-01"), Some("2026-01-18"), ""),
            // Hired again: the old last day is over, and the account waits for the new first day.
            (SYDNEY, Some(false), Some("2026-02-01"), Some("2025-06-30"), "+2026-01-31T13:00:00Z"),
            (SYDNEY, Some(true), Some("2020-01-01"), Some("2019-06-30"), ""),
            // Hired again before leaving: active between, or not.
            (SYDNEY, Some(true), Some("2026-02-01"), None, ""),
            (SYDNEY, Some(true), Some("2026-02-01"), Some("2026-01-20"), "-2026-01-20T13:00:00Z +2026-01-31T13:00:00Z"),
            // In another place: each day begins and ends where it is spent.
            ("Pacific/Honolulu then Australia/Sydney", Some(true), Some("2026-02-01"), Some("2026-01-20"), "-2026-01-21T10:00:00Z +2026-01-31T13:00:00Z"),
            ("Pacific/Honolulu then Australia/Sydney", Some(true), Some("2020-01-01"), Some("2026-01-20"), "-2026-01-21T10:00:00Z"),
            // A contract whose end is known before it begins.
            (SYDNEY, Some(false), Some("2026-02-01"), Some("2026-02-28"), "+2026-01-31T13:00:00Z -2026-02-28T13:00:00Z"),
        ] {
            let record = record(&Case { active, hired, last });
            assert_eq!(told(&record, zone, &end), expected, "{zone} {active:?} {hired:?} {last:?}");
        }
    }

    #[test]
    fn b19_people_leave_when_the_config_says() {
        let mut record = record(&Case {
            active: Some(true),
            hired: None,
            last: Some("2026-01-20"),
        });
        let at = leaving(LeaveAt::parse("17:30").unwrap());
        assert_eq!(told(&record, "Europe/Berlin", &at), "-2026-01-20T16:30:00Z");
        record.reasons = vec!["Other".into(), "Dismissal".into()];
        assert_eq!(told(&record, "Europe/Berlin", &at), "-1970-01-01T00:00:00Z");
        record.active = Some(false);
        record.hired = Some("2026-01-20".parse().unwrap());
        assert_eq!(
            told(&record, "Europe/Berlin", &at),
            "-1970-01-01T00:00:00Z",
            "before the first day"
        );
        assert!(LeaveAt::parse("at once").is_err());
    }

    #[test]
    fn b20_a_rescinded_hire_is_not_active_whatever_the_dates_say() {
        let mut record = record(&Case {
            active: Some(false),
            hired: Some("2026-02-01"),
            last: None,
        });
        record.is_rescinded = true;
        let end = leaving(LeaveAt::EndOfDay);
        assert_eq!(told(&record, SYDNEY, &end), "-1970-01-01T00:00:00Z");
        record.active = Some(true);
        assert_eq!(
            told(&record, SYDNEY, &end),
            "",
            "a later hire, and the flag of the one before"
        );
    }
}
