//! Moments and lengths of time: their arithmetic, their texts as Go writes them, and their parts.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::error::Error;
use crate::eval::Meter;
use crate::syntax::{Operator, shortened};
use crate::value::Value;

type Answer<'a> = Result<Value<'a>, Error>;

/// 0001-01-01T00:00:00Z and the end of 9999, in seconds since 1970.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;
const NANO: i128 = 1_000_000_000;

fn timestamp<'a>(nanoseconds: i128) -> Answer<'a> {
    let seconds = nanoseconds.div_euclid(NANO);
    if !(i128::from(FIRST)..=i128::from(LAST)).contains(&seconds) {
        return Err(Error::new("the moment is not within the years 1 to 9999"));
    }
    Ok(Value::Timestamp(Moment::of_nanoseconds(nanoseconds)))
}

/// A moment of the years 1 to 9999, whole to the last second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Since 1970, rounded down.
    seconds: i64,
    nanoseconds: u32,
}

impl Moment {
    fn of_nanoseconds(all: i128) -> Self {
        let seconds = i64::try_from(all.div_euclid(NANO)).unwrap_or(if all < 0 { FIRST } else { LAST });
        Moment { seconds, nanoseconds: u32::try_from(all.rem_euclid(NANO)).unwrap_or(0) }
    }

    fn as_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * NANO + i128::from(self.nanoseconds)
    }

    /// Whole seconds since 1970, rounded down.
    pub fn as_seconds(self) -> i64 {
        self.seconds
    }

    /// Date and time of day where the clock is so many seconds before that of UTC.
    fn civil(self, offset: i32) -> DateTime {
        let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let nanoseconds = i32::try_from(self.nanoseconds).unwrap_or(0);
        epoch.saturating_add(SignedDuration::new(self.seconds + i64::from(offset), nanoseconds))
    }

    fn in_zone(self, zone: &TimeZone) -> DateTime {
        // The library's moments end a day before the year 9999 does: no zone changes its clock on that day.
        let near = Timestamp::from_second(self.seconds).unwrap_or(Timestamp::MAX);
        self.civil(zone.to_offset(near).seconds())
    }
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Moment::of_nanoseconds(time.as_nanosecond())
    }
}

impl fmt::Display for Moment {
    /// By RFC 3339 in UTC, the fraction without zeros at its end.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.civil(0);
        write!(formatter, "{:04}-{:02}-{:02}", time.year(), time.month(), time.day())?;
        write!(formatter, "T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        if self.nanoseconds > 0 {
            write!(formatter, ".{}", format!("{:09}", self.nanoseconds).trim_end_matches('0'))?;
        }
        formatter.write_str("Z")
    }
}

fn duration<'a>(nanoseconds: i128) -> Answer<'a> {
    i64::try_from(nanoseconds).map(Value::Duration).map_err(|_| Error::overflow())
}

pub(super) fn arithmetic<'a>(operator: Operator, one: &Value<'a>, two: &Value<'a>) -> Answer<'a> {
    match (operator, one, two) {
        (Operator::Add, Value::Duration(a), Value::Duration(b)) => duration(i128::from(*a) + i128::from(*b)),
        (Operator::Subtract, Value::Duration(a), Value::Duration(b)) => {
            duration(i128::from(*a) - i128::from(*b))
        }
        (Operator::Add, Value::Timestamp(time), Value::Duration(length))
        | (Operator::Add, Value::Duration(length), Value::Timestamp(time)) => {
            timestamp(time.as_nanoseconds() + i128::from(*length))
        }
        (Operator::Subtract, Value::Timestamp(time), Value::Duration(length)) => {
            timestamp(time.as_nanoseconds() - i128::from(*length))
        }
        (Operator::Subtract, Value::Timestamp(a), Value::Timestamp(b)) => {
            duration(a.as_nanoseconds() - b.as_nanoseconds())
        }
        _ => Err(Error::no_such_overload()),
    }
}

/// Seconds with their fraction: `3600s`, `1.5s`.
#[expect(clippy::cast_precision_loss, reason = "the original does the same")]
pub(crate) fn text_of_duration(nanoseconds: i64) -> String {
    let seconds = (nanoseconds / 1_000_000_000) as f64 + (nanoseconds % 1_000_000_000) as f64 / 1e9;
    format!("{seconds}s")
}

pub(super) fn to_timestamp<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Timestamp(_) => Ok(values[0].clone()),
        Value::Int(seconds) => timestamp(i128::from(*seconds) * NANO),
        Value::String(text) => {
            let refused = || {
                Error::new(format!(
                    "`{}` is no moment as in 2026-11-26T00:00:00Z (RFC 3339)",
                    shortened(text)
                ))
            };
            let nanoseconds = rfc3339(text).ok_or_else(refused)?;
            timestamp(nanoseconds)
        }
        _ => Err(Error::no_such_overload()),
    }
}

/// Nanoseconds since 1970 of a moment by RFC 3339, strictly.
pub(super) fn rfc3339(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let date = text.get(..10)?;
    if *bytes.get(10)? != b'T' {
        return None;
    }
    let clock = text.get(11..19)?;
    let part = |text: &str, from: usize| -> Option<i128> {
        let digits = text.get(from..from + 2)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let days = days_of(date)?;
    let shape = |text: &str, at: usize| text.as_bytes().get(at) == Some(&b':');
    let (hour, minute, second) = (part(clock, 0)?, part(clock, 3)?, part(clock, 6)?);
    if !shape(clock, 2) || !shape(clock, 5) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut nano: i128 = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return None;
        }
        let digits: String = fraction[..length].chars().chain("000000000".chars()).take(9).collect();
        nano = digits.parse().ok()?;
        rest = &fraction[length..];
    }
    let offset = if rest == "Z" {
        0
    } else {
        let sign = match rest.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let zone = rest.get(1..)?;
        if zone.len() != 5 || !shape(zone, 2) {
            return None;
        }
        let (hours, minutes) = (part(zone, 0)?, part(zone, 3)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        sign * (hours * 3600 + minutes * 60)
    };
    Some((days * 86_400 + hour * 3600 + minute * 60 + second - offset) * NANO + nano)
}

/// Days since 1970 of `2026-11-26`.
pub(super) fn days_of(date: &str) -> Option<i128> {
    let bytes = date.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = date.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let date = jiff::civil::Date::new(
        number(0, 4)?,
        i8::try_from(number(5, 7)?).ok()?,
        i8::try_from(number(8, 10)?).ok()?,
    )
    .ok()?;
    let since = date.duration_since(jiff::civil::date(1970, 1, 1));
    Some(i128::from(since.as_secs().div_euclid(86_400)))
}

pub(super) fn to_duration<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Duration(_) => Ok(values[0].clone()),
        Value::String(text) => {
            let refused =
                || Error::new(format!("`{}` is no length of time as in 1h30m or 1.5s", shortened(text)));
            go_duration(text).map(Value::Duration).ok_or_else(refused)
        }
        _ => Err(Error::no_such_overload()),
    }
}

/// A length of time as Go writes them: `-1.5h`, `1h2m3s`, `100ms`.
fn go_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, behind) = rest.split_at(digits(rest));
        let (fraction, behind) = match behind.strip_prefix('.') {
            Some(behind) => behind.split_at(digits(behind)),
            None => ("", behind),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = behind.find(|at: char| at == '.' || at.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => NANO,
            "m" => 60 * NANO,
            "h" => 3600 * NANO,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.into() };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        let kept = &fraction[..fraction.len().min(18)];
        if !kept.is_empty() {
            let scale = 10_i128.pow(u32::try_from(kept.len()).ok()?);
            total += kept.parse::<i128>().ok()? * unit / scale;
        }
        if total > i128::from(i64::MAX) + 1 {
            return None;
        }
        rest = behind;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// A part of a moment, in a time zone.
fn part<'a>(values: &[Value<'a>], which: fn(&DateTime) -> i64) -> Answer<'a> {
    let Value::Timestamp(time) = &values[0] else { return Err(Error::no_such_overload()) };
    let zone = match values.get(1) {
        None => TimeZone::UTC,
        Some(Value::String(name)) => zone(name)?,
        Some(_) => return Err(Error::no_such_overload()),
    };
    Ok(Value::Int(which(&time.in_zone(&zone))))
}

/// By name, or `+hh:mm`.
fn zone(name: &str) -> Result<TimeZone, Error> {
    let refused = || Error::new(format!("`{}` is no time zone", shortened(name)));
    let (sign, digits) = match name.as_bytes().first() {
        Some(b'-') => (-1, &name[1..]),
        Some(b'+') => (1, &name[1..]),
        _ => (1, name),
    };
    if let Some((hours, minutes)) = digits.split_once(':') {
        let number = |text: &str| text.parse::<i32>().ok().filter(|_| text.len() <= 2 && !text.is_empty());
        let (hours, minutes) = (number(hours).ok_or_else(refused)?, number(minutes).ok_or_else(refused)?);
        let offset = jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60));
        return offset.map(TimeZone::fixed).map_err(|_| refused());
    }
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        name => TimeZone::get(name).map_err(|_| refused()),
    }
}

/// A part of a length of time, which is the whole of it in another unit; of a moment, that part of the clock.
fn of_either<'a>(values: &[Value<'a>], unit: i64, within: fn(&DateTime) -> i64) -> Answer<'a> {
    match &values[0] {
        Value::Duration(nanoseconds) => Ok(Value::Int(nanoseconds / unit)),
        _ => part(values, within),
    }
}

pub(super) fn full_year<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    part(values, |time| time.year().into())
}

pub(super) fn month<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    part(values, |time| i64::from(time.month()) - 1)
}

pub(super) fn date<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    part(values, |time| time.day().into())
}

pub(super) fn day_of_month<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    part(values, |time| i64::from(time.day()) - 1)
}

pub(super) fn day_of_week<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    part(values, |time| time.weekday().to_sunday_zero_offset().into())
}

pub(super) fn day_of_year<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    part(values, |time| i64::from(time.day_of_year()) - 1)
}

pub(super) fn hours<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_either(values, 3_600_000_000_000, |time| time.hour().into())
}

pub(super) fn minutes<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_either(values, 60_000_000_000, |time| time.minute().into())
}

pub(super) fn whole_seconds<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_either(values, 1_000_000_000, |time| time.second().into())
}

pub(super) fn milliseconds<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_either(values, 1_000_000, |time| i64::from(time.subsec_nanosecond()) / 1_000_000)
}
