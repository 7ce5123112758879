//! Who a certificate names, and patterns that say who is meant.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Serialize;

/// Longest pattern in bytes.
const LONGEST_PATTERN: usize = 4096;

/// A pattern that is none.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no regular expression")]
pub struct PatternError {
    /// As given.
    pattern: String,
    /// Why.
    #[source]
    source: Box<regex::Error>,
}

/// Which values are meant.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This one.
    Exact(String),
    /// `*` stands for anything without a `/`, `**` for anything.
    Glob(Glob),
    /// A regular expression that must fit from the first to the last character.
    Regex(Box<Regex>),
}

/// A glob, compiled. Nearly all globs that people write are decided without an expression: admission decides by many of them,
/// many times a second.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    form: Form,
}

/// How a glob is decided.
#[derive(Clone, Debug)]
enum Form {
    /// No `**`: as many parts between slashes, each with its own stars.
    Parts,
    /// `**` at the end and nowhere else, without a star in the part before it.
    Below,
    /// Any other.
    Regex(Box<Regex>),
}

impl Glob {
    fn new(text: &str) -> Result<Self, PatternError> {
        let expression = inner(text);
        if expression.len() > 2 * LONGEST_PATTERN {
            return Err(too_long(text));
        }
        let form = match text.strip_suffix("**") {
            None if !text.contains("**") => Form::Parts,
            Some(head) if !head.contains("**") && !last_part(head).contains('*') => Form::Below,
            _ => Form::Regex(compile(&expression, text)?),
        };
        Ok(Glob { text: text.to_owned(), form })
    }

    fn matches(&self, value: &str) -> bool {
        match &self.form {
            Form::Regex(regex) => regex.is_match(value),
            Form::Parts => {
                let mut values = value.split('/');
                self.text.split('/').all(|part| values.next().is_some_and(|value| part_matches(part, value)))
                    && values.next().is_none()
            }
            Form::Below => {
                let head = self.text.strip_suffix("**").unwrap_or(&self.text);
                let last = last_part(head);
                let mut rest = value;
                for part in head[..head.len() - last.len()].split_terminator('/') {
                    let Some((value, after)) = rest.split_once('/') else { return false };
                    if !part_matches(part, value) {
                        return false;
                    }
                    rest = after;
                }
                rest.starts_with(last)
            }
        }
    }
}

/// What stands behind the last slash.
fn last_part(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, last)| last)
}

/// Whether a text without slashes fits a pattern without them; `*` stands for anything. The last star that was met takes one more
/// character whenever what follows does not fit: stars before it need never be tried again.
fn part_matches(pattern: &str, value: &str) -> bool {
    let (pattern, value) = (pattern.as_bytes(), value.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < value.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(byte) if *byte == value[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    at = place + 1;
                    seen = taken + 1;
                    star = Some((place, seen));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// A glob as an expression, without anchors.
fn inner(text: &str) -> String {
    let mut expression = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(at) = rest.find('*') {
        expression.push_str(&regex::escape(&rest[..at]));
        rest = &rest[at + 1..];
        expression.push_str(match rest.strip_prefix('*') {
            Some(after) => {
                rest = after;
                ".*"
            }
            None => "[^/]*",
        });
    }
    expression.push_str(&regex::escape(rest));
    expression
}

impl Pattern {
    /// The text itself, or a glob when it has a `*`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.contains('*') {
            return Ok(Pattern::Exact(text.to_owned()));
        }
        Ok(Pattern::Glob(Glob::new(text)?))
    }

    /// A regular expression. It is anchored at both ends: a pattern that was written for a part of the value must say so
    /// with `.*`. Peers that match anywhere let `evil-github.com/...` through.
    pub fn regex(text: &str) -> Result<Self, PatternError> {
        Ok(Pattern::Regex(compile(text, text)?))
    }

    /// The same as a regular expression that fits the whole value.
    pub(crate) fn expression(&self) -> String {
        match self {
            Pattern::Exact(text) => format!("\\A{}\\z", regex::escape(text)),
            Pattern::Glob(glob) => format!("\\A(?s:{})\\z", inner(&glob.text)),
            Pattern::Regex(regex) => regex.as_str().to_owned(),
        }
    }

    /// Whether `value` is meant.
    pub fn matches(&self, value: &str) -> bool {
        match self {
            Pattern::Exact(text) => text == value,
            Pattern::Glob(glob) => glob.matches(value),
            Pattern::Regex(regex) => regex.is_match(value),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pattern::Exact(text) => formatter.write_str(text),
            Pattern::Glob(glob) => formatter.write_str(&glob.text),
            Pattern::Regex(regex) => {
                let text = regex.as_str();
                let inner =
                    text.strip_prefix("\\A(?s:").and_then(|text| text.strip_suffix(")\\z")).unwrap_or(text);
                write!(formatter, "/{inner}/")
            }
        }
    }
}

fn too_long(shown: &str) -> PatternError {
    PatternError {
        pattern: shown.chars().take(60).collect(),
        source: Box::new(regex::Error::CompiledTooBig(2 * LONGEST_PATTERN)),
    }
}

fn compile(expression: &str, shown: &str) -> Result<Box<Regex>, PatternError> {
    if expression.len() > 2 * LONGEST_PATTERN {
        return Err(too_long(shown));
    }
    // By itself first: `a)|(b` is none, but would become one between the anchors, and leave them.
    Regex::new(expression)
        .and_then(|_| {
            regex::RegexBuilder::new(&format!("\\A(?s:{expression})\\z")).size_limit(1 << 20).build()
        })
        .map(Box::new)
        .map_err(|source| PatternError { pattern: shown.to_owned(), source: Box::new(source) })
}

/// What a signing certificate says of its holder. Worth something only once its chain has been verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Address or URI of the holder (Subject Alternative Name).
    pub subject: Option<String>,
    /// The service that vouched for the holder (Fulcio extension 1.3.6.1.4.1.57264.1.8, or .1).
    pub issuer: Option<String>,
    /// Claims on the build by the names that Fulcio's documentation gives them (`sourceRepositoryURI`, ...).
    pub claims: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// The ways without an expression say what the expression says.
        #[test]
        fn globs_are_their_expressions(text in "[ab/*]{0,10}", values in proptest::collection::vec("[ab/\n]{0,8}", 20)) {
            let pattern = Pattern::parse(&text).expect("a glob");
            let regex = compile(&inner(&text), &text).expect("an expression");
            for value in &values {
                proptest::prop_assert_eq!(pattern.matches(value), regex.is_match(value), "{} {}", text, value);
            }
            proptest::prop_assert_eq!(pattern.expression(), if text.contains('*') { regex.as_str().to_owned() } else { format!("\\A{}\\z", regex::escape(&text)) });
        }
    }

    #[test]
    fn patterns_fit_whole_values() {
        let glob = Pattern::parse("https://github.com/acme/*/.github/workflows/release.yml@refs/tags/**")
            .expect("a glob");
        assert!(glob.matches("https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1/rc"));
        assert!(!glob.matches("https://github.com/acme/shop/x/.github/workflows/release.yml@refs/tags/v1"));
        assert!(
            !glob.matches("evil https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1")
        );
        let regex = Pattern::regex("https://github[.]com/acme/.*").expect("a regular expression");
        assert!(regex.matches("https://github.com/acme/shop"));
        assert!(!regex.matches("https://evil.example/https://github.com/acme/shop"), "anchored");
        assert!(!regex.matches("https://githubXcom/acme/shop"));
        assert!(
            !Pattern::regex("a|b").expect("alternatives").matches("xb"),
            "anchors hold for each alternative"
        );
        assert!(Pattern::parse("a.b").expect("exact").matches("a.b"));
        assert!(!Pattern::parse("a.b").expect("exact").matches("aXb"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_name() {
        assert!(Pattern::regex("(").is_err());
        assert!(Pattern::regex(&"a".repeat(20_000)).is_err());
        assert!(Pattern::regex("(?:a{1000}){1000}").is_err(), "bounded");
        // A closing parenthesis of its own must not open the anchors.
        assert!(Pattern::regex("a)|(b").is_err());
    }

    #[test]
    fn patterns_are_shown_as_given() {
        for text in ["a", "a*b", "a**"] {
            assert_eq!(Pattern::parse(text).expect("a pattern").to_string(), text);
        }
        assert_eq!(Pattern::regex("a.c").expect("a pattern").to_string(), "/a.c/");
    }
}
