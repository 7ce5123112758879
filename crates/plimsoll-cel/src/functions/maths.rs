//! `math.*` of cel-go's extension.

use std::cmp::Ordering;

use crate::error::Error;
use crate::eval::Meter;
use crate::value::Value;

type Answer<'a> = Result<Value<'a>, Error>;

fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

fn extreme<'a>(meter: &mut Meter, values: &[Value<'a>], wanted: Ordering) -> Answer<'a> {
    let list;
    let all = match values {
        [Value::List(only)] => {
            meter.elements(only.len())?;
            list = only.iter().collect::<Vec<_>>();
            list.as_slice()
        }
        values => values,
    };
    let mut best: Option<&Value<'a>> = None;
    for value in all {
        if !is_number(value) {
            return Err(Error::no_such_overload());
        }
        best = match best {
            Some(best) if value.compare_numbers(best) != Some(wanted) => Some(best),
            _ => Some(value),
        };
    }
    best.cloned().ok_or_else(|| Error::new("of no numbers there is none"))
}

pub(super) fn greatest<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    extreme(meter, values, Ordering::Greater)
}

pub(super) fn least<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    extreme(meter, values, Ordering::Less)
}

fn of_double<'a>(values: &[Value<'a>], which: fn(f64) -> f64) -> Answer<'a> {
    match &values[0] {
        Value::Double(value) => Ok(Value::Double(which(*value))),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn ceil<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_double(values, f64::ceil)
}

pub(super) fn floor<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_double(values, f64::floor)
}

pub(super) fn round<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_double(values, f64::round)
}

pub(super) fn trunc<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    of_double(values, f64::trunc)
}

#[expect(clippy::cast_precision_loss, reason = "the root of a whole number is a double")]
pub(super) fn sqrt<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Double(value) => Ok(Value::Double(value.sqrt())),
        Value::Int(value) => Ok(Value::Double((*value as f64).sqrt())),
        Value::Uint(value) => Ok(Value::Double((*value as f64).sqrt())),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn abs<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Double(value) => Ok(Value::Double(value.abs())),
        Value::Int(value) => value.checked_abs().map(Value::Int).ok_or_else(Error::overflow),
        Value::Uint(value) => Ok(Value::Uint(*value)),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn sign<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Double(value) if value.is_nan() => Ok(Value::Double(f64::NAN)),
        Value::Double(value) if *value == 0.0 => Ok(Value::Double(0.0)),
        Value::Double(value) => Ok(Value::Double(value.signum())),
        Value::Int(value) => Ok(Value::Int(value.signum())),
        Value::Uint(value) => Ok(Value::Uint((*value).min(1))),
        _ => Err(Error::no_such_overload()),
    }
}

fn test<'a>(values: &[Value<'a>], which: fn(f64) -> bool) -> Answer<'a> {
    match &values[0] {
        Value::Double(value) => Ok(Value::Bool(which(*value))),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn is_nan<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    test(values, f64::is_nan)
}

pub(super) fn is_infinite<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    test(values, f64::is_infinite)
}

pub(super) fn is_finite<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    test(values, f64::is_finite)
}

fn bits<'a>(values: &[Value<'a>], int: fn(i64, i64) -> i64, uint: fn(u64, u64) -> u64) -> Answer<'a> {
    match values {
        [Value::Int(one), Value::Int(two)] => Ok(Value::Int(int(*one, *two))),
        [Value::Uint(one), Value::Uint(two)] => Ok(Value::Uint(uint(*one, *two))),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn bit_and<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    bits(values, |one, two| one & two, |one, two| one & two)
}

pub(super) fn bit_or<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    bits(values, |one, two| one | two, |one, two| one | two)
}

pub(super) fn bit_xor<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    bits(values, |one, two| one ^ two, |one, two| one ^ two)
}

pub(super) fn bit_not<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    match &values[0] {
        Value::Int(value) => Ok(Value::Int(!value)),
        Value::Uint(value) => Ok(Value::Uint(!value)),
        _ => Err(Error::no_such_overload()),
    }
}

fn shift<'a>(values: &[Value<'a>], which: fn(u64, u32) -> Option<u64>) -> Answer<'a> {
    let Value::Int(by) = &values[1] else { return Err(Error::no_such_overload()) };
    let by = u64::try_from(*by).map_err(|_| Error::new("a shift takes no negative number of places"))?;
    let by = u32::try_from(by).unwrap_or(u32::MAX);
    match &values[0] {
        Value::Int(value) => Ok(Value::Int(which(value.cast_unsigned(), by).unwrap_or(0).cast_signed())),
        Value::Uint(value) => Ok(Value::Uint(which(*value, by).unwrap_or(0))),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn shift_left<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    shift(values, u64::checked_shl)
}

/// What comes in from the left is zero, of ints too.
pub(super) fn shift_right<'a>(_: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    shift(values, u64::checked_shr)
}
