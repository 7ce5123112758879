//! conda's order (`conda.models.version.VersionOrder`): `[epoch!]version[+local]`, case-insensitive.
//!
//! A version is cut at `.`, `_` and `-` into components, and these into numbers and words; a component that begins with a word has a zero
//! before it. What is missing is zero, so `1.1` is `1.1.0`, and a word is older than nothing (`0.5a1` < `0.5`). `dev` is older
//! than every word, `post` newer than every number.

use std::cmp::Ordering;

use super::number::{Number, take_digits};
use super::{Order, order_by_cmp};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Dev,
    Word(Box<str>),
    Number(Number),
    Post,
}

const ZERO: Part = Part::Number(Number::ZERO);

#[derive(Clone, Debug)]
pub(super) struct Key {
    epoch: Number,
    version: Vec<Vec<Part>>,
    local: Vec<Vec<Part>>,
}

impl Key {
    pub(super) fn epoch(&self) -> &Number {
        &self.epoch
    }
}

/// Both filled up with zeros without end.
fn compare(left: &[Vec<Part>], right: &[Vec<Part>]) -> Ordering {
    let none = Vec::new();
    for at in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(at).unwrap_or(&none), right.get(at).unwrap_or(&none));
        for at in 0..left.len().max(right.len()) {
            let order = left.get(at).unwrap_or(&ZERO).cmp(right.get(at).unwrap_or(&ZERO));
            if order.is_ne() {
                return order;
            }
        }
    }
    Ordering::Equal
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(&self.version, &other.version))
            .then_with(|| compare(&self.local, &other.local))
    }
}

order_by_cmp!(Key);

fn components(text: &str) -> Option<Vec<Vec<Part>>> {
    // An underscore at the very end belongs to the last component: `1.0.1_` is how conda marks openssl's letterless release.
    let (body, mark) = match text.strip_suffix('_') {
        Some(body) => (body, true),
        None => (text, false),
    };
    let mut components = Vec::new();
    for component in body.split(['.', '_']) {
        let mut parts = Vec::new();
        let mut rest = component;
        if rest.is_empty() {
            return None;
        }
        if !rest.starts_with(|first: char| first.is_ascii_digit()) {
            parts.push(ZERO);
        }
        while !rest.is_empty() {
            let (digits, behind) = take_digits(rest);
            if digits.is_empty() {
                let length = behind.bytes().take_while(u8::is_ascii_lowercase).count();
                let (word, behind) = behind.split_at(length);
                parts.push(match word {
                    "" => return None,
                    "dev" => Part::Dev,
                    "post" => Part::Post,
                    word => Part::Word(word.into()),
                });
                rest = behind;
            } else {
                parts.push(Part::Number(Number::new(digits)));
                rest = behind;
            }
        }
        components.push(parts);
    }
    if mark {
        components.last_mut()?.push(Part::Word("_".into()));
    }
    Some(components)
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase().replace('-', "_");
        let (epoch, rest) = match text.split_once('!') {
            Some((epoch, rest)) => (epoch, rest),
            None => ("0", text.as_str()),
        };
        if epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (version, local) = match rest.split_once('+') {
            Some((version, local)) => (version, components(local)?),
            None => (rest, Vec::new()),
        };
        if !version.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Key { epoch: Number::new(epoch), version: components(version)?, local })
    }

    fn is_prerelease(&self) -> bool {
        let before = |part: &Part| match part {
            Part::Dev => true,
            Part::Word(word) => {
                matches!(&**word, "a" | "b" | "c" | "rc" | "alpha" | "beta" | "pre" | "preview")
            }
            _ => false,
        };
        self.version.iter().flatten().any(before)
    }

    fn branch(&self) -> Option<&Number> {
        match self.version.first().and_then(|component| component.first()) {
            Some(Part::Number(number)) => Some(number),
            _ => Some(&Number::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        // The list in VersionOrder's own documentation.
        check(
            Scheme::Conda,
            &[
                "0.4 = 0.4.0",
                "0.4.0 < 0.4.1.rc",
                "0.4.1.rc = 0.4.1.RC",
                "0.4.1.RC < 0.4.1",
                "0.4.1 < 0.5a1",
                "0.5a1 < 0.5b3",
                "0.5b3 < 0.5C1",
                "0.5C1 < 0.5",
                "0.5 < 0.9.6",
                "0.9.6 < 0.960923",
                "0.960923 < 1.0",
                "1.0 < 1.1dev1",
                "1.1dev1 < 1.1_",
                "1.1_ < 1.1a1",
                "1.1a1 < 1.1.0dev1",
                "1.1.0dev1 = 1.1.dev1",
                "1.1.dev1 < 1.1.a1",
                "1.1.a1 < 1.1.0rc1",
                "1.1.0rc1 < 1.1.0",
                "1.1.0 = 1.1",
                "1.1 < 1.1.0post1",
                "1.1.0post1 = 1.1.post1",
                "1.1.post1 < 1.1post1",
                "1.1post1 < 1996.07.12",
                "1996.07.12 < 1!0.4.1",
                "1!0.4.1 < 1!3.1.1.6",
                "1!3.1.1.6 < 2!0.4.1",
                // Letters behind a number, as openssl has them, need the mark.
                "1.0.1_ < 1.0.1a",
                "1.0.1a < 1.0.1b",
                "1.0+1.2 > 1.0",
                "1_2 = 1-2",
            ],
        );
        refuse(Scheme::Conda, &["", "1..2", "1.*", "a!1", "1!2!3", "1+", "1.2=0", "latest", "1.0__"]);
        prereleases(Scheme::Conda, &["1.0rc1", "1.0.dev1"], &["1.0", "1.0.post1", "1.0.1_"]);
    }
}
