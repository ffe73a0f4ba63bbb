//! Dates: reading them, writing them, and reckoning with them.
//!
//! Instants are UTC. The clock comes from the evaluation's context.

use std::borrow::Cow;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Span, Timestamp};

use super::{Function, Kind, Nature, Parameter, example, function, parameter};
use crate::domain::expression::culture::{self, Culture};
use crate::domain::expression::evaluator::{Arguments, Evaluated, Stop};
use crate::domain::expression::moment::Moment;
use crate::domain::value::Value;

pub const NOW: Function = function(
    "Now",
    &[],
    "The current time.",
    &[example("Now()", &[], &["7/30/2025 12:00:00 PM"])],
    |arguments| Ok(Cow::Owned(Value::Time(arguments.now()))),
)
.of_nature(Nature::Clock);

pub const CDATE: Function = function(
    "CDate",
    &[parameter("expression", Kind::Time)],
    "A date from text, such as 2020-03-16-07:00 or 6/15/2009 8:45:30 AM; UTC unless an offset is written.",
    &[
        example(r#"CDate("2020-03-16-07:00")"#, &[], &["3/16/2020 7:00:00 AM"]),
        example(
            r#"CDate([d])"#,
            &[("d", &["1/15/1990"])],
            &["1/15/1990 12:00:00 AM"],
        ),
    ],
    |arguments| Ok(time(arguments.moment(0)?.instant())),
);

const UNITS: &[&str] = &["yyyy", "m", "d", "ww", "h", "n", "s"];
const INTERVAL: Parameter = parameter("interval", Kind::Choice(UNITS));

pub const DATE_ADD: Function = function(
    "DateAdd",
    &[
        INTERVAL,
        parameter("value", Kind::Integer),
        parameter("dateTime", Kind::Time),
    ],
    "A date so many years (yyyy), months (m), weeks (ww), days (d), hours (h), minutes (n) or seconds (s) later.",
    &[
        example(
            r#"DateAdd("d", 7, CDate("2012-03-16-07:00"))"#,
            &[],
            &["3/23/2012 7:00:00 AM"],
        ),
        example(
            r#"DateAdd("m", "-1", CDate("2024-03-31"))"#,
            &[],
            &["2/29/2024 12:00:00 AM"],
        ),
    ],
    date_add,
);

fn date_add<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let unit = arguments.text(0)?.unwrap_or_default().to_ascii_lowercase();
    let value = arguments.integer(1)?;
    let start = Moment::from(arguments.moment(2)?.instant()).civil;
    let span = match unit.as_str() {
        "yyyy" => Span::new().try_years(value),
        "m" => Span::new().try_months(value),
        "ww" => Span::new().try_weeks(value),
        "d" => Span::new().try_days(value),
        "h" => Span::new().try_hours(value),
        "n" => Span::new().try_minutes(value),
        "s" => Span::new().try_seconds(value),
        _ => return Err(unknown_unit(arguments, &unit)),
    };
    let Ok(civil) = span.and_then(|span| start.checked_add(span)) else {
        return Err(arguments.fail("the result lies beyond the calendar"));
    };
    Ok(time(
        Moment {
            civil,
            offset: Some(0),
        }
        .instant(),
    ))
}

pub const DATE_DIFF: Function = function(
    "DateDiff",
    &[
        INTERVAL,
        parameter("date1", Kind::Time),
        parameter("date2", Kind::Time),
    ],
    "How much later the second date is. Years (yyyy), months (m) and weeks (ww, from Sunday) go by the \
     calendar; days (d), hours (h), minutes (n) and seconds (s) count when they are full.",
    &[
        example(
            r#"DateDiff("d", CDate("2021-08-18+08:00"), CDate("2021-08-31+08:00"))"#,
            &[],
            &["13"],
        ),
        example(r#"DateDiff("yyyy", Now(), CDate("2026-01-01"))"#, &[], &["1"]),
        example(r#"DateDiff("d", Now(), CDate("2025-07-31"))"#, &[], &["0"]),
    ],
    date_diff,
);

fn date_diff<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let unit = arguments.text(0)?.unwrap_or_default().to_ascii_lowercase();
    let first = Moment::from(arguments.moment(1)?.instant()).civil;
    let second = Moment::from(arguments.moment(2)?.instant()).civil;
    let elapsed = second.duration_since(first).as_secs();
    let years = i64::from(second.year()) - i64::from(first.year());
    let difference = match unit.as_str() {
        "yyyy" => years,
        "m" => years * 12 + i64::from(second.month()) - i64::from(first.month()),
        "ww" => week_start(second).duration_since(week_start(first)).as_hours() / (7 * 24),
        "d" => elapsed / 86_400,
        "h" => elapsed / 3_600,
        "n" => elapsed / 60,
        "s" => elapsed,
        _ => return Err(unknown_unit(arguments, &unit)),
    };
    Ok(Cow::Owned(Value::Integer(difference)))
}

/// The time minus as many days as have passed since Sunday.
fn week_start(civil: DateTime) -> DateTime {
    let days = i64::from(civil.weekday().to_sunday_zero_offset());
    civil.saturating_sub(SignedDuration::from_hours(24 * days))
}

fn unknown_unit(arguments: &Arguments<'_, '_>, unit: &str) -> Stop {
    arguments.fail(format!("`{unit}` is none of {}", UNITS.join(", ")))
}

const STYLES: [&str; 10] = [
    "None",
    "AllowLeadingWhite",
    "AllowTrailingWhite",
    "AllowInnerWhite",
    "AllowWhiteSpaces",
    "NoCurrentDateDefault",
    "AdjustToUniversal",
    "AssumeLocal",
    "AssumeUniversal",
    "RoundtripKind",
];

pub const FORMAT_DATE_TIME: Function = function(
    "FormatDateTime",
    &[
        parameter("source", Kind::Text),
        parameter("dateTimeStyles", Kind::Text).optional(),
        parameter("inputFormat", Kind::TimeFormat),
        parameter("outputFormat", Kind::TimeFormat),
        parameter("culture", Kind::Choice(culture::NAMES)).optional(),
    ],
    "A date from one .NET format into another. The written date is kept, unless the style AdjustToUniversal \
     is given. A value that is a date already needs no input format. The culture, such as \"de-DE\", gives names \
     and standard formats; it is Muster's own addition, which other services refuse.",
    &[
        example(
            r#"FormatDateTime([date], , "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")"#,
            &[("date", &["20150123105347.1Z"])],
            &["2015-01-23"],
        ),
        example(
            r#"FormatDateTime([date], "AdjustToUniversal", "yyyy-MM-ddzzz", "yyyy-MM-dd HH:mm")"#,
            &[("date", &["2025-03-16+08:00"])],
            &["2025-03-15 16:00"],
        ),
        example(
            r#"FormatDateTime(Now(), , "yyyyMMddHHmmss.0Z")"#,
            &[],
            &["20250730120000.0Z"],
        ),
        example(r#"FormatDateTime([date], , "yyyy-MM-dd", "yyyy")"#, &[], &[]),
        example(
            r#"FormatDateTime([date], , "yyyy-MM-dd", "d MMMM yyyy", "pl-PL")"#,
            &[("date", &["2024-05-01"])],
            &["1 maja 2024"],
        ),
    ],
    format_date_time,
);

fn format_date_time<'a>(arguments: &Arguments<'_, 'a>) -> Evaluated<'a> {
    let source = arguments.single(0)?;
    if source.is_empty() {
        return Ok(Cow::Owned(Value::Null));
    }
    // The older signature has no styles.
    let (styles, formats) = if arguments.count() < 4 {
        (None, 1)
    } else {
        (arguments.filled(1)?, 2)
    };
    let to_utc = adjusts_to_utc(arguments, styles.as_deref().unwrap_or_default())?;
    let culture = culture_of(arguments, formats + 2)?;
    let moment = match (source.as_ref(), arguments.time_format(formats, culture)?) {
        (Value::Text(text), Some(input)) => input.read(text),
        (value, _) => Moment::of(value),
    };
    let Some(moment) = moment else {
        return Err(arguments.fail(format!(
            "{} is not written in the input format",
            arguments.shown(&source)
        )));
    };
    let moment = if to_utc {
        Moment::from(moment.instant())
    } else {
        moment
    };
    let Some(output) = arguments.time_format(formats + 1, culture)? else {
        return Err(arguments.fail("there is no output format"));
    };
    Ok(Cow::Owned(Value::Text(output.write(moment))))
}

fn culture_of(arguments: &Arguments<'_, '_>, index: usize) -> Result<&'static Culture, Stop> {
    let name = arguments.text(index)?.unwrap_or_default();
    culture::find(&name).ok_or_else(|| {
        let known = culture::NAMES.join(", ");
        arguments.fail(format!("`culture` is one of {known}, not {name}"))
    })
}

fn adjusts_to_utc(arguments: &Arguments<'_, '_>, styles: &str) -> Result<bool, Stop> {
    let mut adjusts = false;
    for style in styles.split(',').map(str::trim).filter(|style| !style.is_empty()) {
        if !STYLES.contains(&style) {
            return Err(arguments.fail(format!("`{style}` is none of the styles {}", STYLES.join(", "))));
        }
        adjusts |= style == "AdjustToUniversal";
    }
    Ok(adjusts)
}

pub const NUM_FROM_DATE: Function = function(
    "NumFromDate",
    &[parameter("value", Kind::Time)],
    "A date as Windows file time: 100-nanosecond steps since 1601, as accountExpires wants it.",
    &[
        example(
            r#"NumFromDate(CDate("2012-01-01 23:00:00"))"#,
            &[],
            &["129699324000000000"],
        ),
        example(
            r#"NumFromDate("2020-12-31 23:59:59-08:00")"#,
            &[],
            &["132539615990000000"],
        ),
    ],
    |arguments| match arguments.optional_moment(0)?.map(Moment::file_time) {
        None => Ok(Cow::Owned(Value::Null)),
        Some(Some(ticks)) => Ok(Cow::Owned(Value::Text(ticks.to_string()))),
        Some(None) => Err(arguments.fail("a file time begins in 1601")),
    },
);

pub const DATE_FROM_NUM: Function = function(
    "DateFromNum",
    &[parameter("source", Kind::Integer)],
    "The date that a Windows file time stands for.",
    &[example(
        r#"DateFromNum(129699324000000000)"#,
        &[],
        &["1/1/2012 11:00:00 PM"],
    )],
    |arguments| match arguments.optional_integer(0)?.map(Moment::from_file_time) {
        None => Ok(Cow::Owned(Value::Null)),
        Some(Some(instant)) => Ok(time(instant)),
        Some(None) => Err(arguments.fail("the number lies beyond the calendar")),
    },
);

fn time<'a>(instant: Timestamp) -> Cow<'a, Value> {
    Cow::Owned(Value::Time(instant))
}
