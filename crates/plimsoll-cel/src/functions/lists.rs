//! Functions of lists: cel-go's extension and Kubernetes' own.

use std::cmp::Ordering;

use crate::error::Error;
use crate::eval::Meter;
use crate::syntax::Operator;
use crate::value::{List, Value};

use super::core::{arithmetic, whole};

type Answer<'a> = Result<Value<'a>, Error>;

/// Deepest nesting that `flatten` takes apart.
const DEEPEST: i64 = 100;

fn list<'v, 'a>(values: &'v [Value<'a>]) -> Result<&'v List<'a>, Error> {
    match &values[0] {
        Value::List(list) => Ok(list),
        _ => Err(Error::no_such_overload()),
    }
}

fn number(value: &Value<'_>) -> Result<i64, Error> {
    match value {
        Value::Int(value) => Ok(*value),
        _ => Err(Error::no_such_overload()),
    }
}

pub(super) fn slice<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let list = list(values)?;
    let (from, to) = (number(&values[1])?, number(&values[2])?);
    let wrong = || Error::new(format!("no slice from {from} to {to} of a list of {}", list.len()));
    let (from, to) = (usize::try_from(from).map_err(|_| wrong())?, usize::try_from(to).map_err(|_| wrong())?);
    if from > to || to > list.len() {
        return Err(wrong());
    }
    meter.elements(to - from)?;
    Ok((from..to).filter_map(|at| list.get(at)).collect())
}

pub(super) fn flatten<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let depth = values.get(1).map_or(Ok(1), number)?;
    if depth < 0 {
        return Err(Error::new("flatten takes no negative depth"));
    }
    let mut out = Vec::new();
    // A stack of what is still to be gone through, instead of recursion by the depth of data.
    let mut open = vec![(list(values)?.clone(), 0_usize)];
    while let Some((list, at)) = open.pop() {
        let Some(value) = list.get(at) else { continue };
        meter.charge(1)?;
        open.push((list, at + 1));
        match value {
            Value::List(inner)
                if i64::try_from(open.len()).is_ok_and(|level| level <= depth.min(DEEPEST)) =>
            {
                open.push((inner, 0));
            }
            value => out.push(value),
        }
    }
    Ok(Value::list(out))
}

/// The elements that are equal to none before them.
pub(super) fn distinct<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let mut out: Vec<Value<'a>> = Vec::new();
    for value in list(values)?.iter() {
        let mut known = false;
        for before in &out {
            meter.charge(1)?;
            if before.equals(&value, meter)? {
                known = true;
                break;
            }
        }
        if !known {
            meter.charge(1)?;
            out.push(value);
        }
    }
    Ok(Value::list(out))
}

pub(super) fn reverse<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let list = list(values)?;
    meter.elements(list.len())?;
    Ok((0..list.len()).rev().filter_map(|at| list.get(at)).collect())
}

pub(super) fn range<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let end = number(&values[0])?;
    let count = u64::try_from(end).map_err(|_| Error::new("a range has no negative length"))?;
    meter.charge(count)?;
    Ok((0..end).map(Value::Int).collect())
}

pub(super) fn sort<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let list = list(values)?;
    meter.elements(list.len())?;
    let sorted = sorted(list.iter().map(|value| (value.clone(), value)).collect(), meter)?;
    Ok(Value::list(sorted))
}

/// Sorts pairs of key and value, each a list, by the keys.
pub(crate) fn sort_by<'a>(pairs: &[Value<'a>], meter: &mut Meter) -> Answer<'a> {
    let mut keyed = Vec::with_capacity(pairs.len());
    for pair in pairs {
        if let Value::List(pair) = pair
            && let (Some(key), Some(value)) = (pair.get(0), pair.get(1))
        {
            keyed.push((key, value));
        }
    }
    sorted(keyed, meter).map(Value::list)
}

fn sorted<'a>(mut keyed: Vec<(Value<'a>, Value<'a>)>, meter: &mut Meter) -> Result<Vec<Value<'a>>, Error> {
    let first = keyed.first().map(|(key, _)| key.type_name());
    if keyed.iter().any(|(key, _)| Some(key.type_name()) != first) {
        return Err(Error::new("the elements to sort are of different types"));
    }
    if keyed.first().is_some_and(|(key, _)| !is_comparable(key)) {
        return Err(Error::no_such_overload());
    }
    // Paid for beforehand: a comparison that fails half-way is no order.
    let rounds = u64::from(keyed.len().max(1).ilog2()) + 1;
    let text = |key: &Value<'_>| match key {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    };
    let each = keyed.iter().map(|(key, _)| 1 + text(key) as u64 / 16).fold(0, u64::saturating_add);
    meter.charge(each.saturating_mul(rounds))?;
    keyed.sort_by(|(one, _), (two, _)| order(one, two));
    Ok(keyed.into_iter().map(|(_, value)| value).collect())
}

/// The order of two values of one type. What is not a number comes last, so that there is an order at all.
fn order(one: &Value<'_>, two: &Value<'_>) -> Ordering {
    match (one, two) {
        (Value::Double(one), Value::Double(two)) => {
            one.partial_cmp(two).unwrap_or_else(|| one.is_nan().cmp(&two.is_nan()))
        }
        (one, two) => one.compare(two, &mut Meter::new(u64::MAX)).ok().flatten().unwrap_or(Ordering::Equal),
    }
}

fn is_comparable(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::Bool(_)
            | Value::Int(_)
            | Value::Uint(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::Bytes(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
    )
}

pub(super) fn is_sorted<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let mut before: Option<Value<'a>> = None;
    for value in list(values)?.iter() {
        meter.charge(1)?;
        if !is_comparable(&value) {
            return Err(Error::no_such_overload());
        }
        if let Some(before) = &before
            && before.compare(&value, meter)? == Some(Ordering::Greater)
        {
            return Ok(Value::Bool(false));
        }
        before = Some(value);
    }
    Ok(Value::Bool(true))
}

fn sum_from<'a>(meter: &mut Meter, values: &[Value<'a>], zero: Value<'a>) -> Answer<'a> {
    let mut total = zero;
    let mut first = true;
    for value in list(values)?.iter() {
        meter.charge(1)?;
        // Of a list whose type is not known the first element says what is added up.
        total = if first && std::mem::discriminant(&total) != std::mem::discriminant(&value) {
            match value {
                Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Duration(_) => value,
                _ => return Err(Error::no_such_overload()),
            }
        } else {
            arithmetic(Operator::Add, &total, &value, meter)?
        };
        first = false;
    }
    Ok(total)
}

pub(super) fn sum_int<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    sum_from(meter, values, Value::Int(0))
}

pub(super) fn sum_uint<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    sum_from(meter, values, Value::Uint(0))
}

pub(super) fn sum_double<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    sum_from(meter, values, Value::Double(0.0))
}

pub(super) fn sum_duration<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    sum_from(meter, values, Value::Duration(0))
}

fn extreme<'a>(meter: &mut Meter, values: &[Value<'a>], name: &str, wanted: Ordering) -> Answer<'a> {
    let mut best: Option<Value<'a>> = None;
    for value in list(values)?.iter() {
        meter.charge(1)?;
        if !is_comparable(&value) {
            return Err(Error::no_such_overload());
        }
        best = Some(match best {
            Some(best) if value.compare(&best, meter)? != Some(wanted) => best,
            _ => value,
        });
    }
    best.ok_or_else(|| Error::new(format!("{name} of an empty list")))
}

pub(super) fn min<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    extreme(meter, values, "min", Ordering::Less)
}

pub(super) fn max<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    extreme(meter, values, "max", Ordering::Greater)
}

pub(super) fn index_of<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let list = list(values)?;
    for (at, value) in list.iter().enumerate() {
        meter.charge(1)?;
        if value.equals(&values[1], meter)? {
            return whole(at);
        }
    }
    Ok(Value::Int(-1))
}

pub(super) fn last_index_of<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let list = list(values)?;
    for at in (0..list.len()).rev() {
        meter.charge(1)?;
        if let Some(value) = list.get(at)
            && value.equals(&values[1], meter)?
        {
            return whole(at);
        }
    }
    Ok(Value::Int(-1))
}

fn two<'v, 'a>(values: &'v [Value<'a>]) -> Result<(&'v List<'a>, &'v List<'a>), Error> {
    match values {
        [Value::List(one), Value::List(two)] => Ok((one, two)),
        _ => Err(Error::no_such_overload()),
    }
}

fn has<'a>(list: &List<'a>, element: &Value<'a>, meter: &mut Meter) -> Result<bool, Error> {
    for value in list.iter() {
        meter.charge(1)?;
        if value.equals(element, meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn contains<'a>(one: &List<'a>, two: &List<'a>, meter: &mut Meter) -> Result<bool, Error> {
    for value in two.iter() {
        if !has(one, &value, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn sets_contains<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, two) = two(values)?;
    contains(one, two, meter).map(Value::Bool)
}

pub(super) fn sets_equivalent<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, two) = two(values)?;
    Ok(Value::Bool(contains(one, two, meter)? && contains(two, one, meter)?))
}

pub(super) fn sets_intersects<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, two) = two(values)?;
    for value in one.iter() {
        if has(two, &value, meter)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}
