//! What the language itself has: arithmetic, conversions, sizes, optionals.

#![expect(clippy::unnecessary_wraps, reason = "natives of one table have one form")]

use std::sync::Arc;

use crate::error::Error;
use crate::eval::Meter;
use crate::opaque::Opaque;
use crate::syntax::Operator;
use crate::value::{List, Value};

use super::time;

type Answer<'a> = Result<Value<'a>, Error>;

/// `==`: values of the libraries can be compared with their like only.
pub(crate) fn equal<'a>(one: &Value<'a>, two: &Value<'a>, meter: &mut Meter) -> Result<bool, Error> {
    match (one, two) {
        (Value::Opaque(a), Value::Opaque(b)) if a.kind() != b.kind() => Err(Error::no_such_overload()),
        (Value::Opaque(_), other) | (other, Value::Opaque(_))
            if !matches!(other, Value::Opaque(_) | Value::Null) =>
        {
            Err(Error::no_such_overload())
        }
        _ => one.equals(two, meter),
    }
}

pub(crate) fn negate<'a>(value: &Value<'a>) -> Answer<'a> {
    match value {
        Value::Int(value) => value.checked_neg().map(Value::Int).ok_or_else(Error::overflow),
        Value::Double(value) => Ok(Value::Double(-value)),
        _ => Err(Error::no_such_overload()),
    }
}

pub(crate) fn arithmetic<'a>(
    operator: Operator,
    one: &Value<'a>,
    two: &Value<'a>,
    meter: &mut Meter,
) -> Answer<'a> {
    let zero = || Error::new("division by zero");
    match (one, two) {
        (Value::Int(a), Value::Int(b)) => {
            let value = match operator {
                Operator::Add => a.checked_add(*b),
                Operator::Subtract => a.checked_sub(*b),
                Operator::Multiply => a.checked_mul(*b),
                Operator::Divide | Operator::Remainder if *b == 0 => return Err(zero()),
                Operator::Divide => a.checked_div(*b),
                Operator::Remainder => a.checked_rem(*b),
                _ => return Err(Error::no_such_overload()),
            };
            value.map(Value::Int).ok_or_else(Error::overflow)
        }
        (Value::Uint(a), Value::Uint(b)) => {
            let value = match operator {
                Operator::Add => a.checked_add(*b),
                Operator::Subtract => a.checked_sub(*b),
                Operator::Multiply => a.checked_mul(*b),
                Operator::Divide | Operator::Remainder if *b == 0 => return Err(zero()),
                Operator::Divide => a.checked_div(*b),
                Operator::Remainder => a.checked_rem(*b),
                _ => return Err(Error::no_such_overload()),
            };
            value.map(Value::Uint).ok_or_else(Error::overflow)
        }
        (Value::Double(a), Value::Double(b)) => match operator {
            Operator::Add => Ok(Value::Double(a + b)),
            Operator::Subtract => Ok(Value::Double(a - b)),
            Operator::Multiply => Ok(Value::Double(a * b)),
            Operator::Divide => Ok(Value::Double(a / b)),
            _ => Err(Error::no_such_overload()),
        },
        (Value::String(a), Value::String(b)) if operator == Operator::Add => {
            meter.text(a.len() + b.len())?;
            Ok(Value::String([a.as_str(), b.as_str()].concat().into()))
        }
        (Value::Bytes(a), Value::Bytes(b)) if operator == Operator::Add => {
            meter.text(a.len() + b.len())?;
            Ok(Value::Bytes([&**a, &**b].concat().into()))
        }
        (Value::List(a), Value::List(b)) if operator == Operator::Add => {
            if b.is_empty() {
                return Ok(one.clone());
            }
            if a.is_empty() {
                return Ok(two.clone());
            }
            meter.elements(a.len() + b.len())?;
            Ok(a.iter().chain(b.iter()).collect())
        }
        _ => time::arithmetic(operator, one, two),
    }
}

/// As Go's `%g` writes it: the shortest digits that read back as the same number.
pub(crate) fn text_of_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // From a million on with an exponent, however many digits there are.
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

pub(super) fn same<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(values[0].clone())
}

pub(super) fn size<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let size = match &values[0] {
        Value::String(text) => {
            meter.text(text.len())?;
            text.chars().count()
        }
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => return Err(Error::no_such_overload()),
    };
    whole(size)
}

/// A count as an int.
pub(super) fn whole<'a>(count: usize) -> Answer<'a> {
    i64::try_from(count).map(Value::Int).map_err(|_| Error::overflow())
}

pub(super) fn type_of<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Type(values[0].type_name().into()))
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(super) fn to_int<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Int(value) => Ok(Value::Int(*value)),
        Value::Uint(value) => i64::try_from(*value).map(Value::Int).map_err(|_| Error::overflow()),
        Value::Double(value)
            if *value > -9_223_372_036_854_775_808.0 && *value < 9_223_372_036_854_775_807.0 =>
        {
            Ok(Value::Int(*value as i64))
        }
        Value::Double(_) => Err(Error::overflow()),
        Value::String(text) => whole_of(text).map(Value::Int),
        Value::Timestamp(time) => Ok(Value::Int(time.as_seconds())),
        Value::Duration(nanoseconds) => Ok(Value::Int(*nanoseconds)),
        _ => Err(Error::no_such_overload()),
    }
}

fn whole_of<T: std::str::FromStr>(text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|_| Error::new(format!("`{}` is no whole number in range", crate::syntax::shortened(text))))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
pub(super) fn to_uint<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Uint(value) => Ok(Value::Uint(*value)),
        Value::Int(value) => u64::try_from(*value).map(Value::Uint).map_err(|_| Error::overflow()),
        Value::Double(value) if *value >= 0.0 && *value < 18_446_744_073_709_551_615.0 => {
            Ok(Value::Uint(*value as u64))
        }
        Value::Double(_) => Err(Error::overflow()),
        Value::String(text) if !text.starts_with('+') => whole_of(text).map(Value::Uint),
        Value::String(_) => Err(Error::new("a uint has no sign")),
        _ => Err(Error::no_such_overload()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a conversion to double is asked for")]
pub(super) fn to_double<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Double(value) => Ok(Value::Double(*value)),
        Value::Int(value) => Ok(Value::Double(*value as f64)),
        Value::Uint(value) => Ok(Value::Double(*value as f64)),
        Value::String(text) => {
            meter.text(text.len())?;
            let refused = || Error::new(format!("`{}` is no number", crate::syntax::shortened(text)));
            // Underscores may stand between digits, as in Go.
            let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
            let bytes = text.as_bytes();
            let between = |at: usize| digit(bytes.get(at.wrapping_sub(1))) && digit(bytes.get(at + 1));
            if text.match_indices('_').any(|(at, _)| !between(at)) {
                return Err(refused());
            }
            let value: f64 = text.replace('_', "").parse().map_err(|_| refused())?;
            let written_infinite = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
            if value.is_infinite() && !written_infinite { Err(refused()) } else { Ok(Value::Double(value)) }
        }
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn to_bool<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            other => Err(Error::new(format!("`{}` is not true or false", crate::syntax::shortened(other)))),
        },
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn to_text<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let text = match &values[0] {
        Value::String(_) => return Ok(values[0].clone()),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => text_of_double(*value),
        Value::Bytes(bytes) => {
            meter.text(bytes.len())?;
            String::from_utf8(bytes.to_vec()).map_err(|_| Error::new("the bytes are no UTF-8"))?
        }
        Value::Timestamp(time) => time.to_string(),
        Value::Duration(nanoseconds) => time::text_of_duration(*nanoseconds),
        Value::Opaque(value) => match &**value {
            Opaque::Ip(address) => address.to_string(),
            Opaque::Cidr(network) => network.to_string(),
            _ => return Err(Error::no_such_overload()),
        },
        _ => return Err(Error::no_such_overload()),
    };
    Ok(text.into())
}

pub(super) fn to_bytes<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Bytes(_) => Ok(values[0].clone()),
        Value::String(text) => {
            meter.text(text.len())?;
            Ok(Value::Bytes(Arc::from(text.as_bytes())))
        }
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn optional_of<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::some(values[0].clone()))
}

pub(super) fn optional_of_non_zero<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let zero = match &values[0] {
        Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) | Value::Duration(0) => true,
        Value::Double(value) => *value == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Optional(inner) => inner.is_none(),
        _ => false,
    };
    Ok(if zero { Value::Optional(None) } else { Value::some(values[0].clone()) })
}

pub(super) fn optional_none<'a>(_: &mut Meter, _: &[Value<'a>]) -> Answer<'a> {
    Ok(Value::Optional(None))
}

pub(super) fn has_value<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Optional(inner) => Ok(Value::Bool(inner.is_some())),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn optional_value<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Optional(Some(inner)) => Ok((**inner).clone()),
        Value::Optional(None) => Err(Error::new("the optional is empty")),
        _ => Err(Error::no_such_overload()),
    }
}

/// The values of the optionals that have one.
pub(super) fn unwrap<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let Value::List(list) = &values[0] else { return Err(Error::no_such_overload()) };
    meter.elements(list.len())?;
    let mut out = Vec::new();
    for value in list.iter() {
        match value {
            Value::Optional(Some(inner)) => out.push((*inner).clone()),
            Value::Optional(None) => {}
            _ => return Err(Error::no_such_overload()),
        }
    }
    Ok(Value::list(out))
}

pub(super) fn first<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    end(values, |list| list.get(0))
}

pub(super) fn last<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    end(values, |list| list.len().checked_sub(1).and_then(|at| list.get(at)))
}

fn end<'a>(values: &[Value<'a>], which: fn(&List<'a>) -> Option<Value<'a>>) -> Answer<'a> {
    match &values[0] {
        Value::List(list) => Ok(Value::Optional(which(list).map(Arc::new))),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn encode<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    use base64::Engine as _;
    match &values[0] {
        Value::Bytes(bytes) => {
            meter.text(bytes.len() * 2)?;
            Ok(base64::engine::general_purpose::STANDARD.encode(bytes).into())
        }
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn decode<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    use base64::Engine as _;
    let Some(text) = values[0].as_str() else { return Err(Error::no_such_overload()) };
    meter.text(text.len())?;
    // Padding may be left out.
    let config = base64::engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let bytes = engine.decode(text).map_err(|_| Error::new("the text is not base64"))?;
    Ok(Value::Bytes(bytes.into()))
}
