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

/// A glob, compiled.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    regex: Box<Regex>,
}

impl Pattern {
    /// The text itself, or a glob when it has a `*`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.contains('*') {
            return Ok(Pattern::Exact(text.to_owned()));
        }
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
        let regex = compile(&expression, text)?;
        Ok(Pattern::Glob(Glob { text: text.to_owned(), regex }))
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
            Pattern::Glob(glob) => glob.regex.as_str().to_owned(),
            Pattern::Regex(regex) => regex.as_str().to_owned(),
        }
    }

    /// Whether `value` is meant.
    pub fn matches(&self, value: &str) -> bool {
        match self {
            Pattern::Exact(text) => text == value,
            Pattern::Glob(glob) => glob.regex.is_match(value),
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

fn compile(expression: &str, shown: &str) -> Result<Box<Regex>, PatternError> {
    if expression.len() > 2 * LONGEST_PATTERN {
        return Err(PatternError {
            pattern: shown.chars().take(60).collect(),
            source: Box::new(regex::Error::CompiledTooBig(2 * LONGEST_PATTERN)),
        });
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
