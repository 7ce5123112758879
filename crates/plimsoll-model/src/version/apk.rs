//! Alpine's versions: `number{.number}[letter]{_suffix[number]}[~hash][-rN]` (abuild, APKBUILD(5), pkgver).
//!
//! Where apk-tools 2 and 3 disagree, 3 is followed: a component behind the first with a leading zero is compared as text, as Gentoo does.
//! Two spellings that apk 2 accepts are read, since such versions were published: `-r` without a number, and a letter
//! with a number behind (`6.6.2p1`). Other things that apk's own check refuses are refused; apk 2 and 3 order them
//! differently.

use super::Order;
use super::number::{Component, Number, take_digits};

/// Ordered as apk ranks what comes next when everything before was equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    /// `_alpha`, `_beta`, `_pre`, `_rc`.
    Before(u8),
    End,
    Revision(Number),
    Hash(Box<str>),
    SuffixNumber(Number),
    /// `_cvs`, `_svn`, `_git`, `_hg`, `_p`.
    After(u8),
    Letter(u8),
    Component(Component),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    tokens: Vec<Token>,
}

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let mut tokens = Vec::new();
        let (first, mut rest) = take_digits(text);
        if first.is_empty() {
            return None;
        }
        tokens.push(Token::Component(Component::Number(Number::new(first))));
        while let Some(behind) = rest.strip_prefix('.') {
            let (digits, behind) = take_digits(behind);
            if digits.is_empty() {
                return None;
            }
            tokens.push(Token::Component(if digits.starts_with('0') {
                Component::Text(digits.into())
            } else {
                Component::Number(Number::new(digits))
            }));
            rest = behind;
        }
        if let Some(letter) = rest.bytes().next().filter(u8::is_ascii_lowercase) {
            tokens.push(Token::Letter(letter));
            let (digits, behind) = take_digits(&rest[1..]);
            if !digits.is_empty() {
                tokens.push(Token::Component(Component::Number(Number::new(digits))));
            }
            rest = behind;
        }
        while let Some(behind) = rest.strip_prefix('_') {
            let length = behind.bytes().take_while(u8::is_ascii_lowercase).count();
            let (word, behind) = behind.split_at(length);
            let rank =
                |words: &[&str]| (0u8..).zip(words).find(|(_, known)| **known == word).map(|(rank, _)| rank);
            tokens.push(match (rank(&BEFORE), rank(&AFTER)) {
                (Some(rank), _) => Token::Before(rank),
                (None, Some(rank)) => Token::After(rank),
                (None, None) => return None,
            });
            let (digits, behind) = take_digits(behind);
            if !digits.is_empty() {
                tokens.push(Token::SuffixNumber(Number::new(digits)));
            }
            rest = behind;
        }
        if let Some(behind) = rest.strip_prefix('~') {
            let length = behind.bytes().take_while(u8::is_ascii_hexdigit).count();
            let (hash, behind) = behind.split_at(length);
            if hash.is_empty() {
                return None;
            }
            tokens.push(Token::Hash(hash.into()));
            rest = behind;
        }
        if let Some(behind) = rest.strip_prefix("-r") {
            let (digits, behind) = take_digits(behind);
            tokens.push(Token::Revision(Number::new(digits)));
            rest = behind;
        }
        tokens.push(Token::End);
        rest.is_empty().then_some(Key { tokens })
    }

    fn is_prerelease(&self) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Before(_)))
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
            Scheme::Apk,
            &[
                "1.2.4-r1 < 1.2.4-r2",
                "1.2.4 < 1.2.4-r0",
                "1.2.4_rc1-r9 < 1.2.4-r0",
                "1.2_alpha < 1.2_beta",
                "1.2_beta < 1.2_pre",
                "1.2_pre < 1.2_rc",
                "1.2_rc < 1.2",
                "1.2 < 1.2_cvs",
                "1.2_cvs < 1.2_svn",
                "1.2_svn < 1.2_git",
                "1.2_git < 1.2_hg",
                "1.2_hg < 1.2_p",
                "1.2_p < 1.2_p0",
                "1.2_p1 < 1.2a",
                "1.2a < 1.2b",
                "1.2b < 1.2.1",
                "1.2_rc1_p1 > 1.2_rc1",
                "1.05 < 1.1",
                "1.012 < 1.02",
                "1.0 < 1.00",
                "1.2~1a2b < 1.2~1a2c",
                "1.2-r5 < 1.2~1a2c",
                "01.2 = 1.2",
                "1-r = 1-r0",
                "6.6.2p1 > 6.6.2_p1",
            ],
        );
    }

    #[test]
    fn unreadable() {
        refuse(
            Scheme::Apk,
            &["2021-03-27-r5", "10.0.11-0", "1.2_blah1", "1..2", ".1", "a", "1.2A", "1-r1-r2", "1~", "1ab"],
        );
    }

    #[test]
    fn marked() {
        prereleases(
            Scheme::Apk,
            &["1.0_rc1-r0", "1.0_git20200101_pre"],
            &["1.0", "1.0_p1", "1.0_git1", "1.0a"],
        );
    }
}
