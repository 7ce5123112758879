//! Gentoo's order: `number{.number}[letter]{_suffix[number]}[-rN]` (Package Manager Specification 8, section 3.3).

use super::Order;
use super::number::{Component, Number, take_digits};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    /// `_alpha`, `_beta`, `_pre`, `_rc`.
    Before(u8, Number),
    End,
    /// `_p`.
    Patch(Number),
}

/// Compared field by field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    first: Number,
    rest: Vec<Component>,
    letter: Option<u8>,
    suffixes: Vec<Suffix>,
    revision: Number,
}

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let (first, mut text) = take_digits(text);
        if first.is_empty() {
            return None;
        }
        let mut rest = Vec::new();
        while let Some(behind) = text.strip_prefix('.') {
            let (digits, behind) = take_digits(behind);
            if digits.is_empty() {
                return None;
            }
            rest.push(if digits.starts_with('0') {
                Component::Text(digits.trim_end_matches('0').into())
            } else {
                Component::Number(Number::new(digits))
            });
            text = behind;
        }
        let letter = text.bytes().next().filter(u8::is_ascii_lowercase);
        if letter.is_some() {
            text = &text[1..];
        }
        let mut suffixes = Vec::new();
        while let Some(behind) = text.strip_prefix('_') {
            let length = behind.bytes().take_while(u8::is_ascii_lowercase).count();
            let (word, behind) = behind.split_at(length);
            let (digits, behind) = take_digits(behind);
            let number = Number::new(digits);
            let rank = (0u8..).zip(BEFORE).find(|(_, known)| *known == word);
            suffixes.push(match (rank, word) {
                (Some((rank, _)), _) => Suffix::Before(rank, number),
                (None, "p") => Suffix::Patch(number),
                (None, _) => return None,
            });
            text = behind;
        }
        suffixes.push(Suffix::End);
        let mut revision = Number::ZERO;
        if let Some(behind) = text.strip_prefix("-r") {
            let (digits, behind) = take_digits(behind);
            if digits.is_empty() {
                return None;
            }
            (revision, text) = (Number::new(digits), behind);
        }
        text.is_empty().then_some(Key { first: Number::new(first), rest, letter, suffixes, revision })
    }

    fn is_prerelease(&self) -> bool {
        matches!(self.suffixes.first(), Some(Suffix::Before(..)))
    }

    fn branch(&self) -> Option<&Number> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Portage,
            &[
                "1.2.3 < 1.2.4",
                "1.2 < 1.2.0",
                "1.01 < 1.1",
                "1.010 = 1.01",
                "1.02 < 1.1",
                "1.10 > 1.9",
                "01 = 1",
                "1.2 < 1.2a",
                "1.2a < 1.2b",
                "1.2b < 1.2.1",
                "1_alpha < 1_beta",
                "1_alpha = 1_alpha0",
                "1_beta2 < 1_pre",
                "1_pre < 1_rc1",
                "1_rc1 < 1",
                "1 < 1_p",
                "1_p < 1_p1",
                "1_p1_rc1 < 1_p1",
                "1-r0 = 1",
                "1 < 1-r1",
                "1_p < 1_p-r1",
                "1-r3 < 1_p",
            ],
        );
        refuse(Scheme::Portage, &["", "1.", "1_git", "1-r", "1-1", "9999-rc", "1.2ab", "a1"]);
        prereleases(Scheme::Portage, &["1_rc1", "1_alpha_p1"], &["1", "1_p1", "1_p1_rc2"]);
    }
}
