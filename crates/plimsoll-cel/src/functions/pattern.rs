//! Regular expressions. They are those of RE2, linear in time; what this library reads differently is translated.

use regex::{Regex, RegexBuilder};

use crate::error::Error;
use crate::eval::Meter;
use crate::syntax::shortened;
use crate::value::Value;

type Answer<'a> = Result<Value<'a>, Error>;

/// Most memory in bytes that one compiled pattern takes.
const LARGEST: usize = 1 << 20;
/// What compiling costs, beside its length.
const COMPILING: u64 = 500;

/// The functions that take a pattern as their second argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegexCall {
    Matches,
    Find,
    FindAll,
}

pub(crate) fn regex_call(name: &str) -> Option<RegexCall> {
    Some(match name {
        "matches" => RegexCall::Matches,
        "find" => RegexCall::Find,
        "findAll" => RegexCall::FindAll,
        _ => return None,
    })
}

/// Prepares a pattern.
pub(crate) fn compile_regex(pattern: &str) -> Result<Regex, Error> {
    let refused = |why: &str| Error::new(format!("`{}` is no regular expression: {why}", shortened(pattern)));
    let translated = translate(pattern).map_err(refused)?;
    RegexBuilder::new(&translated).size_limit(LARGEST).dfa_size_limit(LARGEST).build().map_err(|error| {
        let text = error.to_string();
        refused(text.lines().last().unwrap_or_default().trim_start_matches("error: "))
    })
}

/// Classes are those of ASCII in RE2; and some of what means something here is a plain character there.
fn translate(pattern: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let mut class = false;
    let mut repeated = false;
    while let Some(character) = rest.next() {
        let repeats = repeated;
        repeated = false;
        match character {
            '\\' => {
                let Some(escaped) = rest.next() else { return Err("a backslash at the end") };
                match escaped {
                    'd' => out.push_str("[0-9]"),
                    'D' => out.push_str("[^0-9]"),
                    'w' => out.push_str("[0-9A-Za-z_]"),
                    'W' => out.push_str("[^0-9A-Za-z_]"),
                    's' => out.push_str("[\\t\\n\\f\\r ]"),
                    'S' => out.push_str("[^\\t\\n\\f\\r ]"),
                    'b' if !class => out.push_str("(?-u:\\b)"),
                    '<' | '>' => out.push(escaped),
                    'Q' if !class => {
                        let mut literal = String::new();
                        while let Some(next) = rest.next() {
                            if next == '\\' && rest.peek() == Some(&'E') {
                                rest.next();
                                break;
                            }
                            literal.push(next);
                        }
                        out.push_str(&regex::escape(&literal));
                    }
                    'C' | 'u' | 'U' | 'h' | 'R' | 'X' => return Err("an escape that RE2 does not have"),
                    other => {
                        out.push('\\');
                        out.push(other);
                        // `\p{Greek}`, `\x{41}`: the braces repeat nothing.
                        if matches!(other, 'p' | 'P' | 'x') && rest.peek() == Some(&'{') {
                            for next in rest.by_ref() {
                                if matches!(next, '=' | ':' | '!') {
                                    return Err("a property with a value, which RE2 does not have");
                                }
                                out.push(next);
                                if next == '}' {
                                    break;
                                }
                            }
                        }
                    }
                }
            }
            '[' if class => {
                if rest.peek() == Some(&':') {
                    out.push('[');
                    // `[:alpha:]` goes on to its own bracket.
                    while let Some(next) = rest.next() {
                        out.push(next);
                        if next == ':' && rest.peek() == Some(&']') {
                            rest.next();
                            out.push(']');
                            break;
                        }
                    }
                } else {
                    out.push_str("\\[");
                }
            }
            '[' => {
                class = true;
                out.push('[');
                if rest.peek() == Some(&'^') {
                    rest.next();
                    out.push('^');
                }
                // The first bracket in a class is one of its characters.
                if rest.peek() == Some(&']') {
                    rest.next();
                    out.push_str("\\]");
                }
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            '&' | '~' if class => {
                out.push('\\');
                out.push(character);
            }
            '-' if class && rest.peek() == Some(&'-') => {
                rest.next();
                out.push_str("-\\-");
            }
            '*' | '+' | '?' if !class => {
                // Of `**` RE2 says that it repeats nothing; `+?` and `??` are lazy.
                if repeats && character != '?' {
                    return Err("a repetition of a repetition");
                }
                out.push(character);
                repeated = character != '?' || !repeats;
            }
            '{' if !class => {
                let ahead: String = rest.clone().take_while(|next| *next != '}').take(12).collect();
                let (low, high) = ahead.split_once(',').unwrap_or((&ahead, ""));
                let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                let closed = rest.clone().nth(ahead.chars().count()) == Some('}');
                if closed && !low.is_empty() && number(low) && number(high) {
                    if [low, high]
                        .iter()
                        .any(|bound| bound.parse::<u32>().is_ok_and(|bound| bound > 1000) || bound.len() > 4)
                    {
                        return Err("more than 1000 repetitions");
                    }
                    out.push('{');
                } else {
                    out.push_str("\\{");
                }
            }
            '(' if !class && rest.peek() == Some(&'?') => {
                let ahead: String = rest
                    .clone()
                    .skip(1)
                    .take_while(|next| next.is_ascii_alphabetic() || *next == '-')
                    .take(8)
                    .collect();
                if ahead.contains(['x', 'u', 'R']) {
                    return Err("a flag that RE2 does not have");
                }
                out.push('(');
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// A call with a prepared pattern; `values` are the other arguments.
pub(crate) fn with_regex<'a>(
    call: RegexCall,
    pattern: &Regex,
    values: &[Value<'a>],
    meter: &mut Meter,
) -> Answer<'a> {
    let Some(text) = values.first().and_then(Value::as_str) else { return Err(Error::no_such_overload()) };
    // Reading a text with a pattern is dearer than reading it.
    meter.text(text.len() * 4)?;
    match call {
        RegexCall::Matches => Ok(Value::Bool(pattern.is_match(text))),
        RegexCall::Find => Ok(pattern.find(text).map_or("", |found| found.as_str()).to_owned().into()),
        RegexCall::FindAll => {
            let limit = match values.get(1) {
                None => -1,
                Some(Value::Int(limit)) => *limit,
                Some(_) => return Err(Error::no_such_overload()),
            };
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut out = Vec::new();
            for found in pattern.find_iter(text).take(limit) {
                meter.charge(1)?;
                // Each may begin a new search through all the rest.
                meter.text(text.len() - found.start())?;
                out.push(Value::from(found.as_str().to_owned()));
            }
            Ok(Value::list(out))
        }
    }
}

fn at_once<'a>(call: RegexCall, values: &[Value<'a>], meter: &mut Meter) -> Answer<'a> {
    let Some(pattern) = values.get(1).and_then(Value::as_str) else { return Err(Error::no_such_overload()) };
    meter.charge(COMPILING + pattern.len() as u64 * 20)?;
    let pattern = compile_regex(pattern)?;
    let others: Vec<Value<'a>> =
        values.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, value)| value.clone()).collect();
    with_regex(call, &pattern, &others, meter)
}

pub(super) fn matches<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    at_once(RegexCall::Matches, values, meter)
}

pub(super) fn find<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    at_once(RegexCall::Find, values, meter)
}

pub(super) fn find_all<'a>(meter: &mut Meter, values: &[Value<'a>]) -> Answer<'a> {
    at_once(RegexCall::FindAll, values, meter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: Option<bool>) {
        let found = compile_regex(pattern).ok().map(|pattern| pattern.is_match(text));
        assert_eq!(found, expected, "{pattern} on {text}");
    }

    #[test]
    fn patterns_are_those_of_re2() {
        check(r"^\d+$", "12", Some(true));
        // Arabic digits are digits here, not there.
        check(r"^\d+$", "\u{661}", Some(false));
        check(r"^[\d.]+$", "1.2", Some(true));
        check(r"^[^\W]+$", "ab", Some(true));
        check(r"^[[a]+$", "[a", Some(true));
        check(r"^[a&&b]$", "&", Some(true));
        check(r"^[]a]$", "]", Some(true));
        check(r"^[[:alpha:]]$", "a", Some(true));
        check(r"a{,5}", "a{,5}", Some(true));
        check(r"^a{2}$", "aa", Some(true));
        check(r"\Qa.b\E", "axb", Some(false));
        check("a**", "a", None);
        check("(?=a)", "a", None);
        check(r"\1", "a", None);
        check("(", "a", None);
        check("a{1001}", "a", None);
        check("a+?", "a", Some(true));
        check(r"\<a\>", "<a>", Some(true));
        check(r"\bfoo\b", "a foo b", Some(true));
        check(r"\p{Greek}", "\u{3b1}", Some(true));
    }

    #[test]
    fn large_patterns_are_refused() {
        assert!(compile_regex(&format!("({}){{1000}}", "a".repeat(10_000))).is_err());
    }
}
