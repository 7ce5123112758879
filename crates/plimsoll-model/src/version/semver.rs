//! Semantic Versioning 2.0.0, section 11, read leniently as registries need it: a leading `v` or `=`, fewer or more than three
//! numbers (`1.2`, `1.2.3.4`), a pre-release without hyphen (`1.2.3beta`, as npm's loose mode reads it), numbers
//! with leading zeros. Go's pseudo-versions and `+incompatible` need nothing special.

use super::Order;
use super::number::{Number, take_digits, trim_trailing_zeros};

/// Ordered field by field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Without zeros at the end: `1.0` is `1.0.0`.
    pub(super) numbers: Vec<Number>,
    pub(super) pre: Pre,
    /// Empty where build metadata does not count.
    pub(super) build: Vec<Identifier>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pre {
    Of(Vec<Identifier>),
    /// A release is after its pre-releases.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Identifier {
    /// Numbers come before words.
    Number(Number),
    Word(Box<str>),
}

impl Key {
    /// Reads a version with its build metadata.
    pub(super) fn with_build(text: &str) -> Option<Self> {
        let text = text.strip_prefix('=').unwrap_or(text);
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, identifiers(build, true)?),
            None => (text, Vec::new()),
        };
        let (mut numbers, rest) = leading_numbers(text)?;
        trim_trailing_zeros(&mut numbers);
        let pre = match rest.strip_prefix('-') {
            Some(pre) => Pre::Of(identifiers(pre, false)?),
            None if rest.is_empty() => Pre::None,
            None if rest.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                Pre::Of(identifiers(rest, false)?)
            }
            None => return None,
        };
        Some(Key { numbers, pre, build })
    }
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        Some(Key { build: Vec::new(), ..Key::with_build(text)? })
    }

    fn is_prerelease(&self) -> bool {
        self.pre != Pre::None
    }

    fn branch(&self) -> Option<&Number> {
        Some(self.numbers.first().unwrap_or(&Number::ZERO))
    }
}

/// Numbers with dots between, at least one, and what stands behind them.
pub(super) fn leading_numbers(text: &str) -> Option<(Vec<Number>, &str)> {
    let (digits, mut rest) = take_digits(text);
    if digits.is_empty() {
        return None;
    }
    let mut numbers = vec![Number::new(digits)];
    while let Some(behind) = rest.strip_prefix('.') {
        let (digits, behind) = take_digits(behind);
        if digits.is_empty() {
            return None;
        }
        numbers.push(Number::new(digits));
        rest = behind;
    }
    Some((numbers, rest))
}

/// Dot-separated identifiers, none empty. Build metadata may hold a few more characters than the specification allows.
pub(super) fn identifiers(text: &str, build: bool) -> Option<Vec<Identifier>> {
    text.split('.')
        .map(|part| {
            let allowed = |byte: u8| {
                byte.is_ascii_alphanumeric() || byte == b'-' || (build && matches!(byte, b'+' | b'_' | b'~'))
            };
            if part.is_empty() || !part.bytes().all(allowed) {
                None
            } else if part.bytes().all(|byte| byte.is_ascii_digit()) {
                Some(Identifier::Number(Number::new(part)))
            } else {
                Some(Identifier::Word(part.into()))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Semver,
            &[
                "1.0.0-alpha < 1.0.0-alpha.1",
                "1.0.0-alpha.1 < 1.0.0-alpha.beta",
                "1.0.0-beta.2 < 1.0.0-beta.11",
                "1.0.0-rc.1 < 1.0.0",
                "0.0.0-0 < 0.0.0-1",
                "0.0.0-0 < 0.0.0-alpha",
                "0.0.0-0 < 0.0.0",
                "1.2.3-0 > 1.2.2",
                "v1.2 = 1.2.0",
                "1 = 1.0.0",
                "1.2.3.4 > 1.2.3",
                "1.2.3+build = 1.2.3",
                "v2.0.0+incompatible = v2.0.0",
                "1.2.3beta = 1.2.3-beta",
                // Go's three forms of pseudo-versions: no tag before, behind a pre-release, behind a release.
                "v0.0.0-20191109021931-daa7c04131f5 < v0.0.0-20200101000000-aaaaaaaaaaaa",
                "v1.2.3-pre < v1.2.3-pre.0.20191109021931-daa7c04131f5",
                "v1.2.3 < v1.2.4-0.20191109021931-daa7c04131f5",
                "v1.2.4-0.20191109021931-daa7c04131f5 < v1.2.4-alpha",
            ],
        );
    }

    #[test]
    fn unreadable() {
        refuse(
            Scheme::Semver,
            &[
                "(devel)",
                "1.x",
                "*",
                "^1.2.3",
                "1.2.3-",
                "1.2.3-a..b",
                "1.2.3+",
                "1..2",
                ".1",
                "v",
                "latest",
                "1.2.3.beta",
                "1.0.0-ä",
            ],
        );
    }

    #[test]
    fn marked() {
        prereleases(Scheme::Semver, &["1.0.0-0", "1.0.0-rc.1+5"], &["1.0.0", "1.0.0+rc"]);
    }
}
