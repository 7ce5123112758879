//! Functions of texts. Places are counted in characters, as the language defines.

use crate::error::Error;
use crate::eval::Meter;
use crate::value::{Text, Value};

use super::core::whole;

type Answer<'a> = Result<Value<'a>, Error>;

fn text<'v>(values: &'v [Value<'_>], at: usize) -> Result<&'v str, Error> {
    values.get(at).and_then(Value::as_str).ok_or_else(Error::no_such_overload)
}

fn number(values: &[Value<'_>], at: usize) -> Result<i64, Error> {
    match values.get(at) {
        Some(Value::Int(value)) => Ok(*value),
        _ => Err(Error::no_such_overload()),
    }
}

fn out_of_range(at: i64) -> Error {
    Error::new(format!("index {at} is not within the text"))
}

/// The byte at which the character of that number begins; the length of the text for the one behind its last.
fn byte_of(text: &str, character: i64) -> Option<usize> {
    let character = usize::try_from(character).ok()?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(character)
}

/// A part of the first value, borrowed where that is.
fn part<'a>(value: &Value<'a>, from: usize, to: usize) -> Value<'a> {
    match value {
        Value::String(Text::Borrowed(text)) => Value::String(Text::Borrowed(&text[from..to])),
        Value::String(Text::Shared(text)) => text[from..to].to_owned().into(),
        other => other.clone(),
    }
}

pub(super) fn contains<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, two) = (text(values, 0)?, text(values, 1)?);
    meter.text(one.len() + two.len())?;
    Ok(Value::Bool(one.contains(two)))
}

pub(super) fn starts_with<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, two) = (text(values, 0)?, text(values, 1)?);
    meter.text(two.len())?;
    Ok(Value::Bool(one.starts_with(two)))
}

pub(super) fn ends_with<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, two) = (text(values, 0)?, text(values, 1)?);
    meter.text(two.len())?;
    Ok(Value::Bool(one.ends_with(two)))
}

pub(super) fn char_at<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, at) = (text(values, 0)?, number(values, 1)?);
    meter.text(one.len())?;
    let from = byte_of(one, at).ok_or_else(|| out_of_range(at))?;
    let length = one[from..].chars().next().map_or(0, char::len_utf8);
    Ok(part(&values[0], from, from + length))
}

pub(super) fn index_of<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, two) = (text(values, 0)?, text(values, 1)?);
    meter.text(one.len() + two.len())?;
    let offset = if values.len() > 2 { number(values, 2)? } else { 0 };
    if offset < 0 {
        return Err(out_of_range(offset));
    }
    if two.is_empty() {
        return whole(one.chars().count().min(usize::try_from(offset).unwrap_or(usize::MAX)));
    }
    let Some(from) = byte_of(one, offset) else { return Ok(Value::Int(-1)) };
    match one[from..].find(two) {
        Some(at) => whole(one[..from + at].chars().count()),
        None => Ok(Value::Int(-1)),
    }
}

pub(super) fn last_index_of<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, two) = (text(values, 0)?, text(values, 1)?);
    meter.text((one.len() + two.len()) * 2)?;
    let length = i64::try_from(one.chars().count()).unwrap_or(i64::MAX);
    let offset = if values.len() > 2 { Some(number(values, 2)?) } else { None };
    if let Some(offset) = offset.filter(|offset| *offset < 0) {
        return Err(out_of_range(offset));
    }
    if two.is_empty() {
        return Ok(Value::Int(offset.unwrap_or(length).min(length)));
    }
    // Beyond the end nothing begins; else the offset is the last place at which it may begin.
    let end = match offset {
        Some(offset) if offset >= length => return Ok(Value::Int(-1)),
        Some(offset) => byte_of(one, offset).map_or(one.len(), |at| (at + two.len()).min(one.len())),
        None => one.len(),
    };
    if !one.is_char_boundary(end) {
        // What is sought would end within a character, so it is not there.
        let before = (0..end).rev().find(|at| one.is_char_boundary(*at)).unwrap_or(0);
        return found(one, one[..before].rfind(two));
    }
    found(one, one[..end].rfind(two))
}

fn found<'a>(text: &str, at: Option<usize>) -> Answer<'a> {
    match at {
        Some(at) => whole(text[..at].chars().count()),
        None => Ok(Value::Int(-1)),
    }
}

pub(super) fn lower_ascii<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let one = text(values, 0)?;
    meter.text(one.len())?;
    Ok(one.to_ascii_lowercase().into())
}

pub(super) fn upper_ascii<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let one = text(values, 0)?;
    meter.text(one.len())?;
    Ok(one.to_ascii_uppercase().into())
}

pub(super) fn replace<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, old, new) = (text(values, 0)?, text(values, 1)?, text(values, 2)?);
    let limit = if values.len() > 3 { number(values, 3)? } else { -1 };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    meter.text(one.len() + old.len())?;
    // An empty text stands before every character and at the end.
    let places = if old.is_empty() { one.chars().count() + 1 } else { one.matches(old).count() };
    meter.text(one.len().saturating_add(places.min(limit).saturating_mul(new.len())))?;
    Ok(one.replacen(old, new, limit).into())
}

pub(super) fn split<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, separator) = (text(values, 0)?, text(values, 1)?);
    let limit = if values.len() > 2 { number(values, 2)? } else { -1 };
    meter.text(one.len() + separator.len())?;
    let limit = match limit {
        0 => return Ok(Value::list(Vec::new())),
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let mut bounds: Vec<(usize, usize)> = Vec::new();
    if separator.is_empty() {
        meter.elements(one.len())?;
        for (at, character) in one.char_indices() {
            if bounds.len() + 1 == limit {
                bounds.push((at, one.len()));
                break;
            }
            bounds.push((at, at + character.len_utf8()));
        }
    } else {
        let mut from = 0;
        for (at, _) in one.match_indices(separator) {
            if bounds.len() + 1 >= limit {
                break;
            }
            meter.charge(1)?;
            bounds.push((from, at));
            from = at + separator.len();
        }
        bounds.push((from, one.len()));
    }
    Ok(bounds.into_iter().map(|(from, to)| part(&values[0], from, to)).collect())
}

pub(super) fn substring<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let (one, from) = (text(values, 0)?, number(values, 1)?);
    meter.text(one.len())?;
    let start = byte_of(one, from).ok_or_else(|| out_of_range(from))?;
    let end = if values.len() > 2 {
        let to = number(values, 2)?;
        if to < from {
            return Err(Error::new(format!("no part of a text from {from} to {to}")));
        }
        byte_of(one, to).ok_or_else(|| out_of_range(to))?
    } else {
        one.len()
    };
    Ok(part(&values[0], start, end))
}

pub(super) fn trim<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let one = text(values, 0)?;
    meter.text(one.len())?;
    let trimmed = one.trim();
    let from = trimmed.as_ptr() as usize - one.as_ptr() as usize;
    Ok(part(&values[0], from, from + trimmed.len()))
}

pub(super) fn reverse<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let one = text(values, 0)?;
    meter.text(one.len())?;
    Ok(one.chars().rev().collect::<String>().into())
}

pub(super) fn join<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let Value::List(list) = &values[0] else { return Err(Error::no_such_overload()) };
    let separator = if values.len() > 1 { text(values, 1)? } else { "" };
    let mut out = String::new();
    for (at, value) in list.iter().enumerate() {
        let one = value.as_str().ok_or_else(Error::no_such_overload)?;
        meter.charge(1)?;
        meter.text(one.len() + separator.len())?;
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(one);
    }
    Ok(out.into())
}

pub(super) fn quote<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    let one = text(values, 0)?;
    meter.text(one.len() * 2)?;
    let mut out = String::with_capacity(one.len() + 2);
    out.push('"');
    for character in one.chars() {
        match character {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    Ok(out.into())
}
