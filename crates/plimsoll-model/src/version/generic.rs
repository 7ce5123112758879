//! Numbers and words, for things that nobody has given an order: binaries known by name, Conan packages, vendored C.
//!
//! Well-known words for something not yet released (`alpha`, `beta`, `rc`, `pre`, `dev` ...) and `~` come before the end; other words behind
//! a number come after it (`1.1.1w`), and before a further number. Zeros at the end of a run of numbers do not count.

use super::Order;
use super::number::{Number, take_digits};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Tilde,
    Before(u8),
    End,
    Word(Box<str>),
    Number(Number),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    tokens: Vec<Token>,
}

const ZERO: Token = Token::Number(Number::ZERO);

fn word(text: &str) -> Token {
    match text {
        "dev" | "devel" | "snapshot" | "nightly" | "canary" => Token::Before(0),
        "alpha" => Token::Before(1),
        "beta" => Token::Before(2),
        "pre" | "preview" | "milestone" => Token::Before(3),
        "rc" | "cr" => Token::Before(4),
        other => Token::Word(other.into()),
    }
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let text = match lower.strip_prefix('v') {
            Some(behind) if behind.starts_with(|first: char| first.is_ascii_digit()) => behind,
            _ => &lower,
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+~:".contains(&byte);
        if !text.bytes().all(allowed) || !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut tokens: Vec<Token> = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.bytes().next() {
            let token;
            if first.is_ascii_digit() {
                let (digits, behind) = take_digits(rest);
                token = Token::Number(Number::new(digits));
                rest = behind;
            } else if first.is_ascii_alphabetic() {
                let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
                let (letters, behind) = rest.split_at(length);
                token = word(letters);
                rest = behind;
            } else {
                rest = &rest[1..];
                if first != b'~' {
                    continue;
                }
                token = Token::Tilde;
            }
            if !matches!(token, Token::Number(_)) {
                trim_zeros(&mut tokens);
            }
            tokens.push(token);
        }
        trim_zeros(&mut tokens);
        tokens.push(Token::End);
        Some(Key { tokens })
    }

    fn is_prerelease(&self) -> bool {
        self.tokens.iter().any(|token| *token < Token::End)
    }

    fn branch(&self) -> Option<&Number> {
        match self.tokens.first() {
            Some(Token::Number(number)) => Some(number),
            Some(Token::Tilde | Token::Before(_) | Token::Word(_)) => None,
            Some(Token::End) | None => Some(&Number::ZERO),
        }
    }
}

fn trim_zeros(tokens: &mut Vec<Token>) {
    while tokens.last() == Some(&ZERO) {
        tokens.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Generic,
            &[
                "1.0 = 1.0.0",
                "1.1.1 < 1.1.1w",
                "1.1.1v < 1.1.1w",
                "1.1.1w < 1.1.2",
                "1.0-rc1 < 1.0",
                "1.0-beta2 < 1.0-rc1",
                "1.0~git1 < 1.0-alpha",
                "v1.9 < 1.10",
                "cci.20200101 < cci.20230101",
            ],
        );
        refuse(Scheme::Generic, &["latest", "unknown", "1.0 || 2.0", "^1.0", "${version}"]);
        prereleases(Scheme::Generic, &["1.0-rc1"], &["1.0w", "1.0-1"]);
    }
}
