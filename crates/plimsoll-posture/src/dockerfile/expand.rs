//! Variables of `ARG` and `ENV` in the arguments of other instructions.
//!
//! All forms of the Dockerfile reference, "Environment replacement": `$name`, `${name}`, with `:-`, `-`, `:+`, `+`, `:?`,
//! `?`, and `#`, `##`, `%`, `%%`, `/`, `//` with the patterns `*` and `?`. What a build argument will hold is not always known: the
//! result then names it. Bounded in depth and size, whatever the values hold.

use std::collections::BTreeMap;

/// Variables and their values; `None` is a variable whose value the build decides.
pub type Variables = BTreeMap<String, Option<String>>;

/// Text with its variables replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text; an unknown variable stays as `${name}`.
    pub text: String,
    /// Names of the variables whose value is not known, in their order.
    pub unknown: Vec<String>,
}

impl Expanded {
    /// The text, when all of it is known.
    pub fn known(&self) -> Option<&str> {
        self.unknown.is_empty().then_some(self.text.as_str())
    }
}

/// Longest value that is kept, in bytes: values can double with every instruction.
const MAX_LENGTH: usize = 8 << 10;
/// `${a:-${b:-...}}` is followed so deep.
const MAX_DEPTH: u8 = 8;
/// Names that an unknown text lists.
const MAX_NAMES: usize = 16;

/// Replaces variables, and takes quotes and escapes away as the builder does.
pub fn expand(text: &str, variables: &Variables, escape: char) -> Expanded {
    let mut expanded = Expanded::default();
    into(text, variables, escape, 0, &mut expanded);
    expanded
}

fn unknown(expanded: &mut Expanded, name: &str) {
    if expanded.unknown.len() < MAX_NAMES {
        expanded.unknown.push(name.chars().take(100).collect());
    }
    put(expanded, "${");
    put(expanded, name);
    put(expanded, "}");
}

fn put(expanded: &mut Expanded, text: &str) {
    if expanded.text.len() + text.len() <= MAX_LENGTH {
        expanded.text.push_str(text);
    } else if expanded.unknown.is_empty() {
        expanded.unknown.push("(a text that is too long)".to_owned());
    }
}

fn into(text: &str, variables: &Variables, escape: char, depth: u8, expanded: &mut Expanded) {
    let mut quote = None;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        if expanded.text.len() >= MAX_LENGTH {
            return;
        }
        at += character.len_utf8();
        match (quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => put(expanded, character.encode_utf8(&mut [0; 4])),
            (None, '\'' | '"') => quote = Some(character),
            (_, _) if character == escape => {
                if let Some(next) = text[at..].chars().next() {
                    at += next.len_utf8();
                    put(expanded, next.encode_utf8(&mut [0; 4]));
                }
            }
            (_, '$') => at += variable(&text[at..], variables, escape, depth, expanded),
            _ => put(expanded, character.encode_utf8(&mut [0; 4])),
        }
    }
}

fn name_length(text: &str) -> usize {
    let first_is_digit = text.starts_with(|character: char| character.is_ascii_digit());
    if first_is_digit {
        return 1;
    }
    text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(text.len())
}

/// What stands behind `$`; returns how much of it was taken.
fn variable(text: &str, variables: &Variables, escape: char, depth: u8, expanded: &mut Expanded) -> usize {
    let Some(braced) = text.strip_prefix('{') else {
        let length = name_length(text);
        if length == 0 {
            put(expanded, "$");
        } else {
            value(&text[..length], variables, expanded);
        }
        return length;
    };
    let length = name_length(braced);
    let name = &braced[..length];
    let Some(end) = closing(braced, length, escape) else {
        // Not closed: the builder refuses it.
        unknown(expanded, name);
        return text.len();
    };
    let modifier = &braced[length..end];
    let taken = 1 + end + 1;
    if name.is_empty() {
        put(expanded, &text[..taken]);
        return taken;
    }
    if modifier.is_empty() {
        value(name, variables, expanded);
        return taken;
    }
    if depth >= MAX_DEPTH {
        unknown(expanded, name);
        return taken;
    }
    let known = variables.get(name);
    let (colon, operator) = match modifier.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, modifier),
    };
    let Some(kind) = operator.chars().next() else {
        unknown(expanded, name);
        return taken;
    };
    let word = &operator[kind.len_utf8()..];
    let is_set = |value: &Option<String>| value.as_ref().map(|value| !colon || !value.is_empty());
    match kind {
        '-' => match known.map(|value| (is_set(value), value)) {
            Some((Some(true), _)) => value(name, variables, expanded),
            Some((Some(false), _)) | None => into(word, variables, escape, depth + 1, expanded),
            Some((None, _)) => unknown(expanded, name),
        },
        '+' => match known.map(is_set) {
            Some(Some(true)) => into(word, variables, escape, depth + 1, expanded),
            Some(Some(false)) | None => {}
            Some(None) => unknown(expanded, name),
        },
        '?' => value(name, variables, expanded),
        '#' | '%' | '/' if !colon => match known {
            Some(Some(value)) => put(expanded, &cut(value, modifier)),
            _ => unknown(expanded, name),
        },
        _ => unknown(expanded, name),
    }
    taken
}

/// Where the brace that opened before `text` is closed.
fn closing(text: &str, from: usize, escape: char) -> Option<usize> {
    let mut open = 0_u32;
    let mut escaped = false;
    let mut before = ' ';
    for (at, character) in text[from..].char_indices() {
        if escaped {
            escaped = false;
        } else if character == escape {
            escaped = true;
        } else if character == '{' && before == '$' {
            open += 1;
        } else if character == '}' {
            if open == 0 {
                return Some(from + at);
            }
            open -= 1;
        }
        before = character;
    }
    None
}

fn value(name: &str, variables: &Variables, expanded: &mut Expanded) {
    match variables.get(name) {
        Some(Some(value)) => put(expanded, value),
        Some(None) => unknown(expanded, name),
        // What nobody set is empty.
        None => {}
    }
}

/// `#`, `##`, `%`, `%%`, `/`, `//` with their pattern.
fn cut(value: &str, modifier: &str) -> String {
    let cuts = || value.char_indices().map(|(at, _)| at).chain([value.len()]);
    // Patterns meet values of bounded length; the product is bounded by the longest that is tried.
    let short = |pattern: &str| pattern.len() <= 256 && value.len() <= 1024;
    if let Some(rest) = modifier.strip_prefix('/') {
        let (all, rest) = match rest.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (pattern, replacement) = rest.split_once('/').unwrap_or((rest, ""));
        if pattern.is_empty() || !short(pattern) {
            return value.to_owned();
        }
        if !pattern.contains(['*', '?']) {
            return if all {
                value.replace(pattern, replacement)
            } else {
                value.replacen(pattern, replacement, 1)
            };
        }
        let mut result = String::new();
        let mut at = 0;
        while at < value.len() {
            let end = cuts().filter(|end| *end > at).rev_max(|end| matches(pattern, &value[at..end]));
            if let Some(end) = end {
                result.push_str(replacement);
                at = end;
                if !all {
                    break;
                }
            } else {
                let next = value[at..].chars().next().map_or(1, char::len_utf8);
                result.push_str(&value[at..at + next]);
                at += next;
            }
        }
        result.push_str(value.get(at..).unwrap_or_default());
        return result;
    }
    let sides = [("##", true, true), ("#", true, false), ("%%", false, true), ("%", false, false)];
    let Some((pattern, front, longest)) = sides
        .iter()
        .find_map(|(sign, front, longest)| Some((modifier.strip_prefix(sign)?, *front, *longest)))
    else {
        return value.to_owned();
    };
    if !short(pattern) {
        return value.to_owned();
    }
    let fits = |at: &usize| matches(pattern, if front { &value[..*at] } else { &value[*at..] });
    let found: Vec<usize> = cuts().filter(fits).collect();
    // The longest match at the front ends last, at the back begins first.
    let at = if front == longest { found.last() } else { found.first() };
    match at {
        Some(at) if front => value[*at..].to_owned(),
        Some(at) => value[..*at].to_owned(),
        None => value.to_owned(),
    }
}

trait LastThat: Iterator<Item = usize> + Sized {
    /// The greatest item that fits.
    fn rev_max(self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        self.filter(|item| fits(*item)).max()
    }
}

impl<I: Iterator<Item = usize>> LastThat for I {}

/// Does a pattern of `*`, `?` and plain characters fit the whole text? Greedy with one point to return to: the product of the
/// lengths at worst.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some('\\') if pattern.get(p + 1) == Some(&text[t]) => (p, t) = (p + 2, t + 1),
            Some(character) if *character == '?' || *character == text[t] => (p, t) = (p + 1, t + 1),
            _ => match &mut star {
                Some((back, from)) => {
                    *from += 1;
                    (p, t) = (*back + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        [("a", Some("1.2.3")), ("empty", Some("")), ("later", None), ("path", Some("/usr/lib/x.so"))]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
            .collect()
    }

    #[test]
    fn every_modifier() {
        for (text, expected) in [
            ("x$a.y", "x1.2.3.y"),
            ("x${a}y", "x1.2.3y"),
            ("$none-", "-"),
            ("\\$a '$a' \"$a\"", "$a $a 1.2.3"),
            ("${a:-b} ${empty:-b} ${empty-b} ${none-b}", "1.2.3 b  b"),
            ("${none:-${none2:-$a}}", "1.2.3"),
            ("${a:+b} ${empty:+b} ${empty+b} ${none+b}", "b  b "),
            ("${a:?no} ${a?no}", "1.2.3 1.2.3"),
            ("${a#*.} ${a##*.} ${a%.*} ${a%%.*}", "2.3 3 1.2 1"),
            ("${path/lib/share} ${a//./_} ${a/?./X}", "/usr/share/x.so 1_2_3 X2.3"),
            ("$", "$"),
            ("$$a", "$1.2.3"),
        ] {
            let expanded = expand(text, &variables(), '\\');
            assert_eq!(expanded.known(), Some(expected), "{text}: {expanded:?}");
        }
    }

    #[test]
    fn what_the_build_decides_is_named() {
        for text in ["x$later", "${later}", "${later:-b}", "${later+b}", "${later#*.}", "${a", "${a~b}"] {
            let expanded = expand(text, &variables(), '\\');
            assert_eq!(expanded.known(), None, "{text}: {expanded:?}");
        }
        assert_eq!(expand("x${later}y", &variables(), '\\').text, "x${later}y");
    }

    #[test]
    fn values_that_double_stay_small() {
        let mut variables = variables();
        for _ in 0..100 {
            let doubled = expand("${a}${a}", &variables, '\\');
            variables.insert("a".into(), doubled.known().map(ToOwned::to_owned));
        }
        assert_eq!(variables["a"], None);
        let deep = format!("{}x{}", "${none:-".repeat(100_000), "}".repeat(100_000));
        assert!(expand(&deep, &variables, '\\').known().is_none());
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a?c", "abc", true),
            ("a", "b", false),
            ("*.git", "x.git", true),
            ("\\*", "*", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let many = "a*".repeat(200);
        assert!(!matches(&many, &"b".repeat(2_000)));
    }
}
