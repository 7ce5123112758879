//! The texts of alerts: a rule's output with its fields filled in.

use super::condition::{Condition, Expression};
use super::fields::{Item, Moment};
use super::graph::{self, Operand};
use crate::event::State;

/// Bytes of one alert's text: what is longer comes from hostile arguments.
const LONGEST: usize = 4 << 10;

/// Bytes of one value among an alert's fields.
const LONGEST_VALUE: usize = 1 << 10;

/// Bytes of a rule's output.
const LONGEST_TEMPLATE: usize = 64 << 10;

/// An output, parsed.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Field {
        name: String,
        operand: Operand,
    },
    /// A field that events do not have.
    Missing,
}

impl Template {
    /// Reads an output; also gives the fields in it that events do not have.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<String>), String> {
        if text.len() > LONGEST_TEMPLATE {
            return Err(format!("its output is longer than {LONGEST_TEMPLATE} bytes"));
        }
        let mut parts = Vec::new();
        let mut missing_names = Vec::new();
        let mut rest = text.strip_prefix('*').unwrap_or(text);
        let mut plain = String::new();
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix('%') {
                plain.push('%');
                rest = behind;
                continue;
            }
            let length = field_length(rest);
            let name = &rest[..length];
            if name.is_empty() {
                plain.push('%');
                continue;
            }
            rest = &rest[length..];
            let wrong = |message: String| format!("its output is wrong at `%{name}`: {message}");
            let condition =
                Condition::parse(&format!("{name} exists")).map_err(|mistake| wrong(mistake.message))?;
            let Some(Expression::Check(check)) = condition.expressions.first() else {
                return Err(wrong("not a field".to_owned()));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            let mut missing = std::collections::BTreeSet::new();
            match graph::operand(&check.left, 0, &mut missing).map_err(|mistake| wrong(mistake.message))? {
                Some(operand) => parts.push(Part::Field { name: name.to_owned(), operand }),
                None => {
                    missing_names.push(name.to_owned());
                    parts.push(Part::Missing);
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok((Self { parts }, missing_names))
    }

    /// The text of an alert. A field without value says why: what is still being looked up is `pending`, what the runtime
    /// does not tell is `unreadable`, and what the event does not have is `-`.
    pub(super) fn write(&self, moment: &Moment<'_>) -> String {
        let mut out = String::new();
        let mut scratch = [String::new(), String::new()];
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Missing => out.push('-'),
                Part::Field { name, operand } => {
                    let mut empty = true;
                    operand.read(moment, &mut scratch, &mut |item| {
                        if !std::mem::take(&mut empty) {
                            out.push(',');
                        }
                        put(item, &mut out);
                    });
                    if empty {
                        out.push_str(without_value(name, moment));
                    }
                }
            }
            if out.len() > LONGEST {
                let end = (0..=LONGEST).rev().find(|end| out.is_char_boundary(*end)).unwrap_or(0);
                out.truncate(end);
                out.push('…');
                break;
            }
        }
        out
    }

    /// The fields that it names, with their values, for those who read alerts as data.
    pub(super) fn values(&self, moment: &Moment<'_>) -> std::collections::BTreeMap<String, String> {
        let mut values = std::collections::BTreeMap::new();
        let mut scratch = [String::new(), String::new()];
        for part in &self.parts {
            let Part::Field { name, operand } = part else { continue };
            let mut text = String::new();
            let mut empty = true;
            operand.read(moment, &mut scratch, &mut |item| {
                if !std::mem::take(&mut empty) {
                    text.push(',');
                }
                if text.len() < LONGEST_VALUE {
                    item.put(&mut text);
                }
            });
            if !empty {
                let end = (0..=text.len().min(LONGEST_VALUE))
                    .rev()
                    .find(|end| text.is_char_boundary(*end))
                    .unwrap_or(0);
                text.truncate(end);
                values.insert(name.clone(), text);
            }
        }
        values
    }
}

/// A value as one line: control characters of hostile programs are shown, not sent to the terminal.
fn put(item: Item<'_>, out: &mut String) {
    match item {
        Item::Text(text) => {
            for character in text.chars() {
                if character.is_control() {
                    out.extend(character.escape_default());
                } else {
                    out.push(character);
                }
            }
        }
        other => other.put(out),
    }
}

fn without_value(name: &str, moment: &Moment<'_>) -> &'static str {
    let of_container = name.starts_with("container.") || name.starts_with("k8s.");
    match moment.event.container.state {
        State::Pending if of_container => "pending",
        State::Unreadable if of_container => "unreadable",
        _ => "-",
    }
}

/// How many bytes a field takes: its name with dots, its argument, transformers around it.
fn field_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut open = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => at += 1,
            // A dot at the end is the end of the sentence.
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) => at += 1,
            b'[' => match text[at..].find(']') {
                Some(length) => at += length + 1,
                None => return at,
            },
            b'(' if at > 0 => {
                open += 1;
                at += 1;
            }
            b')' if open > 0 => {
                open -= 1;
                at += 1;
            }
            _ => break,
        }
    }
    at
}
