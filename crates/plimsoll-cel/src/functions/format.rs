//! `string.format(list)`: `%s %d %f %e %b %x %X %o %%`, with a precision for `%f` and `%e`.
//!
//! There are two styles. Kubernetes keeps the older one: within lists and maps texts are quoted, doubles have six digits,
//! moments and lengths of time name their type; and `%e` writes a power of ten.

use std::fmt::Write as _;

use crate::error::Error;
use crate::eval::Meter;
use crate::types::Type;
use crate::value::{List, Value};

use super::core::text_of_double;
use super::time::text_of_duration;

type Answer<'a> = Result<Value<'a>, Error>;

/// Most digits behind the point.
const MOST_DIGITS: usize = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Kubernetes,
}

pub(super) fn format<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    formatted(meter, values, Style::Plain)
}

pub(super) fn kubernetes_format<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    formatted(meter, values, Style::Kubernetes)
}

fn formatted<'a>(meter: &mut Meter, values: &[Value<'a>], style: Style) -> Answer<'a> {
    let [Value::String(pattern), Value::List(arguments)] = values else {
        return Err(Error::no_such_overload());
    };
    meter.text(pattern.len())?;
    let mut out = String::new();
    let mut used = 0;
    let mut rest = pattern.as_str();
    while let Some(piece) = next(rest)? {
        out.push_str(piece.before);
        rest = piece.rest;
        let Some((clause, precision)) = piece.clause else { continue };
        let value = arguments.get(used).ok_or_else(|| too_few(arguments.len()))?;
        used += 1;
        let before = out.len();
        one(&mut out, clause, precision, &value, style, meter)?;
        meter.text(out.len() - before)?;
    }
    // Values that no clause asks for are left out; where they can be counted beforehand, they are refused.
    Ok(out.into())
}

fn too_few(count: usize) -> Error {
    Error::new(format!("the format has more than {count} values"))
}

/// A text up to a clause, the clause with its precision, and what comes behind.
struct Piece<'t> {
    before: &'t str,
    clause: Option<(char, usize)>,
    rest: &'t str,
}

fn next(text: &str) -> Result<Option<Piece<'_>>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let Some(at) = text.find('%') else { return Ok(Some(Piece { before: text, clause: None, rest: "" })) };
    let mut rest = &text[at + 1..];
    if let Some(behind) = rest.strip_prefix('%') {
        return Ok(Some(Piece { before: &text[..=at], clause: None, rest: behind }));
    }
    let mut precision = 6;
    if let Some(behind) = rest.strip_prefix('.') {
        let length = behind.bytes().take_while(u8::is_ascii_digit).count();
        precision = behind[..length]
            .parse()
            .ok()
            .filter(|precision| *precision <= MOST_DIGITS)
            .ok_or_else(|| Error::new("a precision must be a number up to 1000"))?;
        rest = &behind[length..];
    }
    let clause = rest.chars().next().ok_or_else(|| Error::new("% at the end of a format"))?;
    Ok(Some(Piece {
        before: &text[..at],
        clause: Some((clause, precision)),
        rest: &rest[clause.len_utf8()..],
    }))
}

/// Whether a format fits values of these types, before there are values.
pub(crate) fn check_format(pattern: &str, types: &[Type]) -> Result<(), Error> {
    let mut used = 0;
    let mut rest = pattern;
    while let Some(piece) = next(rest)? {
        rest = piece.rest;
        let Some((clause, _)) = piece.clause else { continue };
        let of = types.get(used).ok_or_else(|| too_few(types.len()))?;
        used += 1;
        let whole = matches!(of, Type::Int | Type::Uint);
        let fits = match clause {
            's' => !matches!(of, Type::Optional(_) | Type::Opaque(_)),
            'd' | 'o' => whole,
            'f' | 'e' => *of == Type::Double,
            'b' => whole || *of == Type::Bool,
            'x' | 'X' => whole || matches!(of, Type::String | Type::Bytes),
            _ => return Err(Error::new(format!("%{} is no clause of a format", clause.escape_debug()))),
        };
        if !(fits || of.is_open()) {
            return Err(Error::new(format!("%{clause} does not take {of}")));
        }
    }
    if used < types.len() {
        return Err(Error::new(format!("the format has {used} values, {} are given", types.len())));
    }
    Ok(())
}

fn one(
    out: &mut String,
    clause: char,
    precision: usize,
    value: &Value<'_>,
    style: Style,
    meter: &mut Meter,
) -> Result<(), Error> {
    let refused = || Error::new(format!("%{clause} does not take a {}", value.type_name()));
    match (clause, value) {
        ('s', value) => {
            let text = written(value, style, false, meter)?.ok_or_else(refused)?;
            out.push_str(&text);
        }
        ('d', Value::Int(value)) => {
            let _ = write!(out, "{value}");
        }
        ('d', Value::Uint(value)) => {
            let _ = write!(out, "{value}");
        }
        ('f' | 'e', value) => {
            let number = match value {
                Value::Double(number) => *number,
                Value::String(text) => match text.as_str() {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    _ => return Err(refused()),
                },
                _ => return Err(refused()),
            };
            if number.is_nan() {
                out.push_str("NaN");
            } else if number.is_infinite() {
                out.push_str(if number < 0.0 { "-\u{221e}" } else { "\u{221e}" });
            } else if clause == 'f' {
                let _ = write!(out, "{number:.precision$}");
            } else if style == Style::Kubernetes {
                power_of_ten(out, number);
            } else {
                scientific(out, number, precision);
            }
        }
        ('b', Value::Bool(value)) => out.push(if *value { '1' } else { '0' }),
        ('b', Value::Int(value)) => signed(out, *value, |out, value| write!(out, "{value:b}")),
        ('b', Value::Uint(value)) => {
            let _ = write!(out, "{value:b}");
        }
        ('o', Value::Int(value)) => signed(out, *value, |out, value| write!(out, "{value:o}")),
        ('o', Value::Uint(value)) => {
            let _ = write!(out, "{value:o}");
        }
        ('x', Value::Int(value)) => signed(out, *value, |out, value| write!(out, "{value:x}")),
        ('X', Value::Int(value)) => signed(out, *value, |out, value| write!(out, "{value:X}")),
        ('x', Value::Uint(value)) => {
            let _ = write!(out, "{value:x}");
        }
        ('X', Value::Uint(value)) => {
            let _ = write!(out, "{value:X}");
        }
        ('x' | 'X', Value::String(_) | Value::Bytes(_)) => {
            let bytes: &[u8] = match value {
                Value::String(text) => text.as_bytes(),
                Value::Bytes(bytes) => bytes,
                _ => &[],
            };
            meter.text(bytes.len() * 2)?;
            for byte in bytes {
                let _ = if clause == 'x' { write!(out, "{byte:02x}") } else { write!(out, "{byte:02X}") };
            }
        }
        ('d' | 'b' | 'o' | 'x' | 'X', _) => return Err(refused()),
        _ => return Err(Error::new(format!("%{} is no clause of a format", clause.escape_debug()))),
    }
    Ok(())
}

fn signed(out: &mut String, value: i64, digits: fn(&mut String, u64) -> std::fmt::Result) {
    if value < 0 {
        out.push('-');
    }
    let _ = digits(out, value.unsigned_abs());
}

/// `1.052033e+03`
fn scientific(out: &mut String, number: f64, precision: usize) {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
}

/// `1.052033*10^03` with the signs of print, whatever the precision.
fn power_of_ten(out: &mut String, number: f64) {
    let mut text = String::new();
    scientific(&mut text, number, 6);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
    let _ = write!(out, "{mantissa}\u{d7}10");
    for character in exponent.chars() {
        out.push(match character {
            '-' => '\u{207b}',
            '1' => '\u{b9}',
            '2' => '\u{b2}',
            '3' => '\u{b3}',
            digit @ '0'..='9' => char::from_u32(0x2070 + u32::from(digit) - u32::from('0')).unwrap_or(digit),
            _ => continue,
        });
    }
}

/// A value as text. `None` for what has no text.
fn written(
    value: &Value<'_>,
    style: Style,
    inside: bool,
    meter: &mut Meter,
) -> Result<Option<String>, Error> {
    meter.charge(1)?;
    let quoting = inside && style == Style::Kubernetes;
    let quoted = |text: &str, before: &str| {
        if quoting { format!("{before}{}", in_quotes(text)) } else { text.to_owned() }
    };
    let named = |text: String, name: &str| if quoting { format!("{name}(\"{text}\")") } else { text };
    Ok(Some(match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) if quoting && value.is_finite() => format!("{value:.6}"),
        Value::Double(value) => {
            let text = match *value {
                f64::INFINITY if style == Style::Plain => "Infinity".to_owned(),
                f64::NEG_INFINITY if style == Style::Plain => "-Infinity".to_owned(),
                value => text_of_double(value),
            };
            quoted(&text, "")
        }
        Value::String(text) => {
            meter.text(text.len())?;
            quoted(text, "")
        }
        Value::Bytes(bytes) => {
            meter.text(bytes.len())?;
            quoted(&String::from_utf8_lossy(bytes), "b")
        }
        Value::Timestamp(time) => named(time.to_string(), "timestamp"),
        Value::Duration(nanoseconds) => named(text_of_duration(*nanoseconds), "duration"),
        Value::Type(name) => name.as_str().to_owned(),
        Value::Optional(_) | Value::Opaque(_) => return Ok(None),
        Value::List(list) => return list_text(list, style, meter),
        Value::Map(map) => {
            let between = if style == Style::Kubernetes { ":" } else { ": " };
            let mut entries = Vec::new();
            for (key, value) in map.iter() {
                let key = written(&key, style, true, meter)?;
                let (Some(key), Some(value)) = (key, written(&value, style, true, meter)?) else {
                    return Ok(None);
                };
                meter.text(key.len() + value.len())?;
                entries.push((key, value));
            }
            entries.sort();
            let parts: Vec<String> =
                entries.into_iter().map(|(key, value)| [&key, between, &value].concat()).collect();
            format!("{{{}}}", parts.join(", "))
        }
    }))
}

fn list_text(list: &List<'_>, style: Style, meter: &mut Meter) -> Result<Option<String>, Error> {
    let mut out = String::from("[");
    for (at, value) in list.iter().enumerate() {
        let Some(text) = written(&value, style, true, meter)? else { return Ok(None) };
        meter.text(text.len())?;
        if at > 0 {
            out.push_str(", ");
        }
        out.push_str(&text);
    }
    out.push(']');
    Ok(Some(out))
}

fn in_quotes(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
