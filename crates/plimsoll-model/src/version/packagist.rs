//! PHP's version_compare, with Composer's words: `dev < alpha < beta < RC < (nothing) < number < patch`.
//!
//! As Composer does it, case does not count, build metadata (`+...`) is dropped, `stable` says nothing, and the `x` of a
//! branch (`2.x-dev`) is above every number. Other words come before `dev`; version_compare calls them all equal, here they
//! are ordered by their letters, so that branch `dev-a` is not branch `dev-b`.

use super::Order;
use super::number::{Number, take_digits};

/// Ordered as version_compare ranks what comes next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Word(Box<str>),
    Dev,
    Alpha,
    Beta,
    Candidate,
    End,
    Number(Number),
    /// The `x` of `2.x-dev`.
    Any,
    Patch,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    tokens: Vec<Token>,
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let text = match lower.split_once('+') {
            Some((_, "")) => return None,
            Some((text, _)) => text,
            None => &lower,
        };
        let branch = text.starts_with("dev-");
        let text = match text.strip_prefix('v') {
            Some(behind) if behind.starts_with(|first: char| first.is_ascii_digit()) => behind,
            _ => text,
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let readable = if branch {
            text.bytes().all(|byte| allowed(byte) || byte == b'/')
        } else {
            text.starts_with(|first: char| first.is_ascii_digit()) && text.bytes().all(allowed)
        };
        if !readable {
            return None;
        }
        let mut tokens = Vec::new();
        for part in text.split(['.', '-', '_', '/']) {
            let mut rest = part;
            while !rest.is_empty() {
                let (digits, behind) = take_digits(rest);
                if digits.is_empty() {
                    let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
                    let (word, behind) = rest.split_at(length);
                    match word {
                        "dev" => tokens.push(Token::Dev),
                        "alpha" | "a" => tokens.push(Token::Alpha),
                        "beta" | "b" => tokens.push(Token::Beta),
                        "rc" => tokens.push(Token::Candidate),
                        "patch" | "pl" | "p" | "post" => tokens.push(Token::Patch),
                        "stable" => {}
                        "x" if text.ends_with("-dev") => tokens.push(Token::Any),
                        other => tokens.push(Token::Word(other.into())),
                    }
                    rest = behind;
                } else {
                    tokens.push(Token::Number(Number::new(digits)));
                    rest = behind;
                }
            }
        }
        tokens.push(Token::End);
        Some(Key { tokens })
    }

    fn is_prerelease(&self) -> bool {
        self.tokens.iter().any(|token| *token < Token::End)
    }

    fn branch(&self) -> Option<&Number> {
        match self.tokens.first() {
            Some(Token::Number(number)) => Some(number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Packagist,
            &[
                "1.0-dev < 1.0-alpha1",
                "1.0-alpha1 < 1.0-beta1",
                "1.0-beta1 < 1.0-RC1",
                "1.0RC1 < 1.0",
                "1.0 < 1.0.0",
                "1.0 < 1.0-patch1",
                "1.0-p1 = 1.0pl1",
                "v1.0-stable = 1.0",
                "1.0+build = 1.0",
                "dev-main < 0.1",
                "dev-main < dev-next",
                "2.x-dev > 2.999.1",
                "2.x-dev < 3.0.0-dev",
            ],
        );
        refuse(Scheme::Packagist, &["main", "^1.0", "1.0|2.0", "1.0.#", "1.0@dev", "*", "1.0+"]);
        prereleases(Scheme::Packagist, &["1.0-RC1", "dev-main", "1.x-dev"], &["1.0", "1.0-p1", "1.0-stable"]);
    }
}
